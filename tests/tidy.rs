//! The architecture as a test: rooms look down only, files stay short, pure rooms stay pure.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::root;

/// Rank of each room; a room may import from a lower rank only, never sideways.
const RANK: &[(&str, u8)] = &[
    ("diag", 0),
    ("model", 0),
    ("ingest", 1),
    ("contacts", 1),
    ("register", 1),
    ("plan", 1),
    ("matching", 1),
    ("enrich", 1),
    ("decide", 1),
    ("brakes", 1),
    ("render", 1),
    ("report", 1),
    ("statistics", 1),
    ("store", 1),
    ("reference", 2),
    ("scan", 2),
    ("ledger", 2),
    ("deliver", 2),
    ("fetch", 2),
    ("config", 3),
    ("run", 4),
    ("cli", 5),
];

/// Rooms that touch neither files nor sockets nor the clock.
const PURE: &[&str] = &[
    "model",
    "ingest",
    "contacts",
    "register",
    "reference",
    "plan",
    "matching",
    "enrich",
    "decide",
    "brakes",
    "render",
    "report",
    "statistics",
    "config",
];

const MAX_LINES: usize = 600;

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn room_of(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn rank(room: &str) -> Option<u8> {
    RANK.iter()
        .find(|(name, _)| *name == room)
        .map(|(_, rank)| *rank)
}

/// Rooms named in `crate::room` paths, also inside `crate::{a, b}`; comments are left out.
fn rooms_used(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .map(|l| l.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let name = |s: &str| {
        s.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let mut used = Vec::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => used.push(name(rest)),
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (i, c) in list.char_indices() {
                    if start && depth == 0 && c.is_alphabetic() {
                        used.push(name(&list[i..]));
                        start = false;
                    }
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        _ => {}
                    }
                }
            }
        }
    }
    used
}

#[test]
fn rooms_only_look_down() {
    let mut n_imports = 0;
    for file in rust_files(&root().join("src")) {
        let room = room_of(&file);
        if room == "main" || room == "lib" {
            continue;
        }
        let mine = rank(&room).unwrap_or_else(|| {
            panic!("`{room}` has no rank\nhint: add it to RANK and to the table in lib.rs")
        });
        for used in rooms_used(&fs::read_to_string(&file).unwrap()) {
            let Some(theirs) = rank(&used) else { continue };
            n_imports += 1;
            assert!(
                used == room || theirs < mine || (mine == 0 && theirs == 0),
                "{}: `{room}` may not import `{used}`\nhint: move the shared type to `model`",
                file.display()
            );
        }
    }
    assert!(
        n_imports > 100,
        "the reader of imports sees {n_imports}: it is broken"
    );
}

#[test]
fn every_room_stands_in_the_map() {
    let map = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for (room, _) in RANK {
        assert!(
            map.contains(&format!("pub mod {room};")),
            "`{room}` is not in lib.rs"
        );
    }
    let declared = map.matches("pub mod ").count();
    assert_eq!(
        declared,
        RANK.len(),
        "lib.rs has a room that RANK does not know"
    );
}

#[test]
fn pure_rooms_stay_pure() {
    let forbidden = [
        "std::fs",
        "std::net::TcpStream",
        "std::net::UdpSocket",
        "std::env::",
        "std::process",
        "Instant::now",
        "SystemTime",
        "Timestamp::now",
        "tokio::",
        "object_store::",
        "getrandom",
    ];
    for file in rust_files(&root().join("src")) {
        if !PURE.contains(&room_of(&file).as_str()) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for word in forbidden {
            assert!(
                !text.contains(word),
                "{}: a pure room may not use `{word}`",
                file.display()
            );
        }
    }
}

#[test]
fn files_stay_short() {
    for folder in ["src", "tests", "data-samples"] {
        for file in rust_files(&root().join(folder)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(
                lines <= MAX_LINES,
                "{} has {lines} lines; {MAX_LINES} at most",
                file.display()
            );
        }
    }
}

#[test]
fn every_test_file_is_run() {
    let main = fs::read_to_string(root().join("tests/main.rs")).unwrap();
    for entry in fs::read_dir(root().join("tests")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_some_and(|e| e == "rs") && stem != "main" {
            assert!(
                main.contains(&format!("mod {stem};")),
                "tests/{stem}.rs is not in tests/main.rs"
            );
        }
    }
}
