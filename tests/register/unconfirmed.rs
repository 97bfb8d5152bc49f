//! Letters that ask whether registrations still hold.

use std::collections::BTreeSet;
use std::fs;

use crate::sandbox::{Ran, Sandbox};

fn ask(sandbox: &Sandbox, on: &str) -> Ran {
    let arguments = [
        "register",
        "unconfirmed",
        "--days",
        "180",
        "--on",
        on,
        "--letters",
        "asked",
    ];
    sandbox.call(&arguments, &[])
}

#[test]
fn each_company_is_asked_about_its_own_registrations_alone() {
    let sandbox = Sandbox::new(&[]);
    let ran = ask(&sandbox, "2026-09-20").ended_with(0);
    let listed: BTreeSet<String> = ran.out.lines().skip(1).map(key_of).collect();
    assert!(listed.len() > 20, "{}", ran.out);
    let list = fs::read_to_string(sandbox.path("asked/letters.csv")).unwrap();
    let rows: Vec<Vec<&str>> = list
        .lines()
        .skip(1)
        .map(|l| l.split(',').collect())
        .collect();
    let told: BTreeSet<String> = rows.iter().map(|row| row[0].to_owned()).collect();
    assert_eq!(told, listed, "nobody is left out of the list");
    let mut n_letters = 0;
    for row in &rows {
        let [key, channel, to, language, pages, name] = row[..] else {
            panic!("{row:?}");
        };
        if channel.is_empty() {
            assert!(name.is_empty(), "{row:?}");
            continue;
        }
        n_letters += 1;
        assert_eq!(channel == "email", to.contains('@'), "{row:?}");
        assert!(pages.parse::<u32>().unwrap() >= 1);
        let read = |extension: &str| fs::read(sandbox.path(&format!("asked/{name}.{extension}")));
        let text = String::from_utf8(read("txt").unwrap()).unwrap();
        let asks = if language == "nl" {
            "Kloppen uw"
        } else {
            "still right?"
        };
        assert!(text.contains(asks) && text.contains(key), "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 72),
            "{text}"
        );
        // Another company's key would be another company's registrations.
        for other in listed.iter().filter(|other| *other != key) {
            assert!(
                !text.contains(other.as_str()),
                "{other} in the letter to {key}"
            );
        }
        assert!(read("html").unwrap().starts_with(b"<!doctype html>"));
        assert!(read("pdf").unwrap().starts_with(b"%PDF"));
    }
    assert!(n_letters > 20, "{n_letters} letters");
    // The same again is the same; another day's letters do not lie in this folder.
    assert_eq!(ask(&sandbox, "2026-09-20").ended_with(0).out, ran.out);
    let other_day = ask(&sandbox, "2026-09-21");
    other_day.ended_with(2).says(&["asked", "an empty folder"]);
}

fn key_of(line: &str) -> String {
    line.split(',').next().unwrap().to_owned()
}
