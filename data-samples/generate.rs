//! Writes the sample data: a made-up country of companies and twelve nights of scans.
//!
//! `cargo run --example generate-samples [-- --out DIR] [--seed N]`
//!
//! The same seed gives the same bytes; the checked-in files are those of the default seed
//! (`tests/samples.rs` compares them). Everything is computed in memory by [`generator::files`];
//! this file only writes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a tool for developers: its input is itself, so a panic is a bug of the generator"
)]

mod generator;

use std::path::PathBuf;

fn main() {
    let mut out = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data-samples");
    let mut seed = generator::SEED;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next();
        match (argument.as_str(), value) {
            ("--out", Some(folder)) => out = PathBuf::from(folder),
            ("--seed", Some(number)) => seed = number.parse().expect("`--seed` takes a number"),
            _ => panic!("usage: generate-samples [--out DIR] [--seed NUMBER]"),
        }
    }
    let files = generator::files(seed);
    // Files of an earlier layout must not stay behind.
    for folder in generator::FOLDERS {
        let folder = out.join(folder);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("an old folder can be removed");
        }
    }
    let mut n_bytes = 0;
    for (name, bytes) in &files {
        let path = out.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).expect("a folder can be made");
        std::fs::write(&path, bytes).expect("a file can be written");
        n_bytes += bytes.len();
    }
    println!("{} files, {n_bytes} bytes, seed {seed}", files.len());
}
