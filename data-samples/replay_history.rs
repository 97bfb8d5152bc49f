//! Replays a made-up year through the real run and prints the table of the letter to parliament.
//!
//! `cargo run --example replay-history [-- --out DIR] [--seed N]`
//!
//! Everything it writes goes into a folder of its own, which is removed unless `--out` names one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a tool for developers; it uses a part of the generator"
)]

mod generator;
mod history;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn main() {
    let mut out = None;
    let mut seed = history::SEED;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            ("--out", Some(folder)) => out = Some(PathBuf::from(folder)),
            ("--seed", Some(number)) => seed = number.parse().expect("`--seed` takes a number"),
            _ => panic!("usage: replay-history [--out DIR] [--seed NUMBER]"),
        }
    }
    let own = tempfile::tempdir().expect("a folder can be made");
    let folder = out.unwrap_or_else(|| own.path().to_path_buf());
    let year = history::year(seed);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    history::replay::write(&year, &folder, repository);
    let days = year.days();
    println!(
        "{} nights, {} sightings, seed {seed}",
        days.len(),
        year.sightings.len()
    );
    history::replay::nights(
        &year,
        &folder,
        &BTreeSet::new(),
        jiff::civil::date(2022, 6, 15),
    );
    print!("{}", history::replay::table(&year, &folder));
}
