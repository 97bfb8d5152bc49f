//! `preview`: any threat, language and form, for whoever writes the texts.

use std::time::{Duration, Instant};

use crate::harness::root;
use crate::render::threats;

/// Generous: programs of other tests run beside it. On a quiet machine it takes a third of a second.
const SOON: Duration = Duration::from_secs(3);

/// What it writes, and what it says.
fn preview(words: &[&str], code: i32) -> (String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nachtwacht"));
    command.current_dir(root()).arg("preview").args(words);
    let done = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(code), "{said}");
    (text(&done.stdout), said)
}

#[test]
fn every_form_and_language_of_a_threat_is_shown() {
    let threat = threats().into_iter().find(|t| t.id == "web-shell").unwrap();
    for (language, text) in [("nl", &threat.nl), ("en", &threat.en)] {
        let of = |form: &str, more: &[&str]| {
            let mut words = vec!["web-shell", "--language", language, "--form", form];
            words.extend(more);
            preview(&words, 0).0
        };
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat(&of("txt", &[])).contains(&flat(&text.risk)));
        let html = of("html", &[]);
        assert!(
            html.contains(&format!("<html lang=\"{language}\">")),
            "{html:.80}"
        );
        assert!(of("pdf", &[]).starts_with("%PDF-1.7"));
        let to_owner = text.to_owner.as_ref().unwrap();
        let shown = flat(&of("txt", &["--owner"]));
        assert!(
            shown.contains(&to_owner.what) && !shown.contains(&text.what),
            "{shown}"
        );
        assert!(of("txt", &["--kind", "relapse"]) != of("txt", &[]));
        let shown = flat(&of("txt", &["--overview"]));
        assert!(shown.contains(&flat(&text.title)), "{shown}");
        assert!(
            shown.contains("Voorbeeldgroep") && !shown.contains(&flat(&text.risk)),
            "{shown}"
        );
    }
}

#[test]
fn the_name_of_the_file_says_which_form_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    for (name, begins) in [
        ("l.pdf", "%PDF-1.7"),
        ("l.html", "<!doctype html>"),
        ("letter", ""),
    ] {
        let path = folder.path().join(name);
        preview(&["web-shell", "--out", path.to_str().unwrap()], 0);
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with(begins), "{name}: {text:.40}");
    }
}

#[test]
fn a_threat_that_is_unknown_is_answered_with_those_that_are_not() {
    let (_, said) = preview(&["web-shel"], 2);
    for part in ["unknown threat `web-shel`", "exposed-rdp", "web-shell"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_writer_does_not_wait_for_it() {
    let took = |_| {
        let begin = Instant::now();
        preview(&["exposed-rdp", "--form", "pdf"], 0);
        begin.elapsed()
    };
    let fastest = (0..3).map(took).min().unwrap();
    assert!(fastest < SOON, "{fastest:?}");
}
