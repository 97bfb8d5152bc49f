//! Other readers' verdicts on our PDFs: PDF/UA-1 by `outloud`, parts of PDF/A-2a by `pdf_oxide`.

use std::fs;
use std::process::Command;

use nachtwacht::model::company::Language;
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::letter::Letter;
use nachtwacht::render::{self, Look, Mark};
use serde_json::Value;

use super::{house, threats};
use crate::harness::{python_with, root};

/// Rules of PDF/UA-1 that a letter, even one without table and lists, must at least be held against.
const RULES: usize = 25;

/// One verdict a PDF.
fn judge(python: &str, pdfs: &[(String, Vec<u8>)]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(python);
    command.arg(root().join("tests/render/judge.py"));
    for (name, bytes) in pdfs {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        command.arg(path);
    }
    let done = command.output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let failed = String::from_utf8_lossy(&done.stderr).into_owned();
    let verdicts: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(verdicts.len(), pdfs.len(), "{failed}");
    verdicts
}

fn letters(look: &Look) -> Vec<(String, Letter)> {
    let (_, threat) = house();
    let mut all = Vec::new();
    for language in [Language::Nl, Language::En] {
        let of = |kind| render::sample_letter(&threat, language, kind, look).unwrap();
        for kind in [
            ItemKind::First,
            ItemKind::Reminder,
            ItemKind::Relapse,
            ItemKind::Correction,
        ] {
            all.push((format!("{kind}.{language}.pdf"), of(kind)));
        }
        let mut long = of(ItemKind::First);
        let place = long.sections[0].findings[0].clone();
        // Rows that differ in their last line too, however a name breaks: the same line at the edge of
        // every page would look like a running header or footer.
        long.sections[0].findings = (0..90u8)
            .map(|n| {
                let mut place = place.clone();
                place.ip = Some(std::net::Ipv4Addr::new(192, 0, 2, n).into());
                let name: String = format!("{n:03}")
                    .bytes()
                    .map(|b| char::from(b + 49))
                    .collect();
                place.hostname = Some(format!("voorbeeld{name}.example"));
                place.product = Some(format!("Product {name}"));
                place
            })
            .collect();
        let owner = render::sample_to_owner(long.clone());
        // Each threat, to who uses the machine and to the owner of its network.
        for threat in threats() {
            let letter = render::sample_letter(&threat, language, ItemKind::First, look).unwrap();
            let to_owner = render::sample_to_owner(letter.clone());
            all.push((format!("{}.{language}.pdf", threat.id), letter));
            all.push((format!("{}.owner.{language}.pdf", threat.id), to_owner));
        }
        all.push((format!("long.{language}.pdf"), long));
        let overview = super::overview::overview(look, language);
        all.push((format!("overview.{language}.pdf"), overview));
        all.push((format!("owner.{language}.pdf"), owner));
    }
    all
}

#[test]
fn independent_readers_find_nothing_in_any_letter() {
    let Some(python) = python_with("outloud, pdf_oxide") else {
        return;
    };
    let (look, _) = house();
    let pdf = |(name, letter): (String, Letter)| {
        let done = render::render(&letter, &look, Mark::None).unwrap();
        assert!(!done.is_fallback, "{name}");
        (name, done.pdf)
    };
    let pdfs: Vec<_> = letters(&look).into_iter().map(pdf).collect();
    for ((name, _), verdict) in pdfs.iter().zip(judge(&python, &pdfs)) {
        let nothing = serde_json::json!([]);
        assert_eq!(verdict["ua"], nothing, "{name}: PDF/UA-1");
        assert_eq!(verdict["failed"], nothing, "{name}: checkpoints");
        assert_eq!(verdict["a"], nothing, "{name}: PDF/A-2a");
        let n_rules = verdict["rules"].as_u64().unwrap();
        assert!(n_rules >= RULES as u64, "{name}: {n_rules} rules");
    }
}

/// They are no yes-men: a letter without one of its marks is refused by the one or the other.
#[test]
fn independent_readers_find_what_was_taken_out() {
    let Some(python) = python_with("outloud, pdf_oxide") else {
        return;
    };
    let (look, threat) = house();
    let letter = render::sample_letter(&threat, Language::Nl, ItemKind::First, &look).unwrap();
    let whole = render::render(&letter, &look, Mark::None).unwrap().pdf;
    let marks = [
        "/Lang",
        "/MarkInfo",
        "/StructTreeRoot",
        "/FontFile",
        "/Metadata",
    ];
    let broken: Vec<(String, Vec<u8>)> = marks
        .iter()
        .map(|mark| (format!("{}.pdf", &mark[1..]), without(&whole, mark)))
        .collect();
    for ((name, _), verdict) in broken.iter().zip(judge(&python, &broken)) {
        let n = |by: &str| verdict[by].as_array().unwrap().len();
        assert!(n("ua") + n("a") > 0, "{name}: nobody missed it");
    }
}

/// The same bytes with a key spelled wrongly, so that every place in the file stays.
fn without(pdf: &[u8], key: &str) -> Vec<u8> {
    let (mut out, mut n) = (pdf.to_vec(), 0);
    for at in 0..out.len().saturating_sub(key.len()) {
        if out[at..].starts_with(key.as_bytes()) {
            out[at + 1] = b'x';
            n += 1;
        }
    }
    assert!(n > 0, "{key} does not stand in the file as it is");
    out
}
