//! No word of a PDF is printed over another, whatever a name or a product is.

use std::process::Command;

use nachtwacht::model::asset::{Asset, AssetKind, AssetValue};
use nachtwacht::model::company::{Company, Language};
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::letter::Letter;
use nachtwacht::model::night::Validity;
use nachtwacht::render::merge::MergeLetter;
use nachtwacht::render::{self, Confirmation, Look, Mark, print};

use super::house;
use crate::harness::needs;

/// A word and its box: left, top, right, bottom, in points.
type Word = (String, [f64; 4]);

/// The words of each page, as `pdftotext -bbox` finds them; `None` where it is absent.
fn pages(pdf: &[u8]) -> Option<Vec<Vec<Word>>> {
    let is_there = Command::new("pdftotext").arg("-v").output().is_ok();
    if !needs("pdftotext", is_there) {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("letter.pdf");
    std::fs::write(&file, pdf).unwrap();
    let ran = Command::new("pdftotext")
        .args(["-bbox".as_ref(), file.as_os_str(), "-".as_ref()])
        .output()
        .unwrap();
    let xml = String::from_utf8_lossy(&ran.stdout).into_owned();
    Some(xml.split("<page ").skip(1).map(words).collect())
}

fn words(page: &str) -> Vec<Word> {
    let word = |line: &str| {
        let (corners, text) = line.trim().strip_prefix("<word ")?.split_once('>')?;
        let side = |name: &str| {
            let (_, rest) = corners.split_once(&format!("{name}=\""))?;
            rest.split_once('"')?.0.parse().ok()
        };
        let text = text.trim_end_matches("</word>").to_owned();
        Some((
            text,
            [side("xMin")?, side("yMin")?, side("xMax")?, side("yMax")?],
        ))
    };
    page.lines().filter_map(word).collect()
}

/// Pairs that share more than the edges of their boxes, which are a little higher than the ink.
fn overlaps(page: &[Word]) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (n, (a, [left, top, right, bottom])) in page.iter().enumerate() {
        for (b, [l, t, r, u]) in page.iter().skip(n + 1) {
            let is_over = right.min(*r) - left.max(*l) > 0.5 && bottom.min(*u) - top.max(*t) > 3.0;
            found.extend(is_over.then_some((a.as_str(), b.as_str())));
        }
    }
    found
}

#[track_caller]
fn assert_apart(what: &str, pages: &[Vec<Word>]) {
    for page in pages {
        assert!(page.len() > 20, "{what}: {} words", page.len());
        let found = overlaps(page);
        assert!(found.is_empty(), "{what}: {found:?}");
    }
}

/// Names as they occur, and as an attacker would choose them: each breaks by another rule.
const LONG: &[&str] = &[
    "autodiscover.bouwbedrijfvoorbeeldstad.nl",
    "zeer-lange-naam-met-streepjes.van-een-heel-groot-bedrijf.example",
    "mail_server_van_de_vestiging/owa/auth/logon/en/nog/meer",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW.example",
    "11ac4c2b8d67f4d411ac4c2b8d67f4d411ac4c2b8d67f4d411ac4c2b8d67f4d4",
    "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((",
    "a)b)a)b)a)b)a)b)a)b)a)b)a)b)a)b)a)b)a)b)a)b)a)b)a)b)a)b)a)b)a)b)",
    "----------------------------------------------------------------",
    "////////////////////////////////////////////////////////////////",
    "1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-",
];

/// Each of [`LONG`] in every field of a place.
fn with_long_names(look: &Look, language: Language) -> Letter {
    let (_, threat) = house();
    let mut letter = render::sample_letter(&threat, language, ItemKind::Reminder, look).unwrap();
    let model = letter.sections[0].findings[1].clone();
    let long = LONG.iter().map(|name| {
        let some = || Some((*name).to_owned());
        let mut place = model.clone();
        (place.hostname, place.protocol) = (some(), some());
        (place.product, place.version) = (some(), some());
        place.cves = vec![(*name).to_owned()];
        place
    });
    letter.sections[0].findings = long.collect();
    letter
}

#[test]
fn no_word_of_a_letter_is_printed_over_another() {
    let (look, _) = house();
    for language in [Language::Nl, Language::En] {
        let letter = with_long_names(&look, language);
        let done = render::render(&letter, &look, Mark::None).unwrap();
        assert!(!done.is_fallback);
        let Some(found) = pages(&done.pdf) else {
            return;
        };
        assert_apart("letter", &found);
        let rows = [MergeLetter {
            letter: &letter,
            pages: done.pages,
        }];
        let batch = print::batch("long", &rows, &look, print::Settings::default()).unwrap();
        let found = pages(&batch.pdf).unwrap();
        let printed: Vec<_> = found.into_iter().filter(|page| !page.is_empty()).collect();
        assert_apart("batch", &printed);
    }
}

/// A reader copies a name as it is: what lets a line break leaves no character in it.
#[test]
fn a_long_name_is_copied_as_it_stands() {
    let (look, threat) = house();
    let mut letter = render::sample_letter(&threat, Language::Nl, ItemKind::First, &look).unwrap();
    let place = &mut letter.sections[0].findings[0];
    place.hostname = Some(LONG[0].to_owned());
    place.product = Some(LONG[4].to_owned());
    let done = render::render(&letter, &look, Mark::None).unwrap();
    let Some(found) = pages(&done.pdf) else {
        return;
    };
    let words: Vec<&str> = found.iter().flatten().map(|(w, _)| w.as_str()).collect();
    for word in [
        "(autodiscover[.]",
        "bouwbedrijfvoorbeeldstad[.]nl)",
        "(CVE-2019-0708)",
    ] {
        assert!(words.contains(&word), "`{word}` in {words:?}");
    }
    let is_hex = |w: &&&str| w.len() > 3 && w.chars().all(|c| c.is_ascii_hexdigit());
    let hash: String = words.iter().filter(is_hex).copied().collect();
    assert!(hash.contains(LONG[4]), "{hash}");
}

#[test]
fn no_word_of_a_letter_that_asks_is_printed_over_another() {
    let (look, threat) = house();
    for language in [Language::Nl, Language::En] {
        let letter = render::sample_letter(&threat, language, ItemKind::First, &look).unwrap();
        let name = format!("{}.example", "w".repeat(63));
        let asset = Asset {
            company: letter.company.key.clone(),
            kind: AssetKind::EmailDomain,
            original: name.clone(),
            canonical: name.clone(),
            value: AssetValue::Name(name.parse().unwrap()),
            valid: Validity::default(),
            source: String::new(),
            confirmed_at: None,
            row: 0,
        };
        let company = Company {
            language,
            ..(*letter.company).clone()
        };
        let ask = Confirmation {
            company: &company,
            night: letter.night,
            assets: &[&asset],
            contacts: &[],
        };
        let Some(found) = pages(&render::confirm(&ask, &look).unwrap().pdf) else {
            return;
        };
        assert_apart("confirmation", &found);
    }
}
