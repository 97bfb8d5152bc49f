//! The overview for a parent company: golden texts, one content in three forms, the PDF's structure.

use std::process::Command;
use std::sync::Arc;

use expect_test::expect_file;
use nachtwacht::model::company::{Company, Language, PartyKind};
use nachtwacht::model::decision::{ContactReason, ItemKind};
use nachtwacht::model::letter::{Form, Letter, OverviewLetter};
use nachtwacht::render::{self, Look, Mark};

use super::{OWN, form, house, root};
use crate::harness::needs;

const TONGUES: [Language; 2] = [Language::Nl, Language::En];

pub fn overview(look: &Look, language: Language) -> Letter {
    let (_, threat) = house();
    let letter = render::sample_letter(&threat, language, ItemKind::First, look).unwrap();
    render::sample_overview(&letter, look).unwrap()
}

fn letters(letter: &mut Letter) -> &mut Vec<OverviewLetter> {
    &mut letter.overview.as_mut().unwrap().letters
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What `pdftotext` and `pdfinfo` make of a PDF; nothing where they are absent.
pub fn told(pdf: &[u8], program: &str, options: &[&str]) -> Option<String> {
    if !needs(program, Command::new(program).arg("-v").output().is_ok()) {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("letter.pdf");
    std::fs::write(&file, pdf).unwrap();
    let mut command = Command::new(program);
    command.args(options).arg(&file);
    if program == "pdftotext" {
        command.arg("-");
    }
    let done = command.output().unwrap();
    Some(String::from_utf8_lossy(&done.stdout).into_owned())
}

#[test]
fn overviews_read_as_the_golden_ones() {
    let (look, _) = house();
    for language in TONGUES {
        let letter = overview(&look, language);
        let name = format!("../golden/letters/exposed-rdp.{language}.overview");
        let text = form(&letter, &look, Form::Text);
        assert!(
            text.lines().all(|line| line.chars().count() <= 72),
            "{text}"
        );
        expect_file![format!("{name}.txt")].assert_eq(&text);
        expect_file![format!("{name}.html")].assert_eq(&form(&letter, &look, Form::Html));
    }
}

/// What it must say, and what it must not: steps, places, evidence.
#[test]
fn its_three_forms_say_the_same_and_no_place_or_evidence() {
    let (look, _) = house();
    for (language, says, never) in [
        (
            Language::Nl,
            [
                "Overzicht: wij waarschuwden 2 bedrijven",
                "gingen naar die bedrijven zelf",
                "Kreeg u zelf een brief over een van hen",
                "dringend, vandaag",
                "2 plekken",
                "1 plek",
                "bedoelen wij met ‘u’ en ‘uw’ het bedrijf dat erbij staat",
                "hebben wij geen eigen contact",
                "Is deze brief echt?",
                "0800 000 00 00",
                "wettelijke taak",
                "nachtwacht.example/privacy",
                "U kunt bezwaar maken",
                "TLP:AMBER:",
            ],
            [
                "Wat u nu moet doen",
                "Waar wij dit zagen",
                "poort",
                "Waarschuwing:",
            ],
        ),
        (
            Language::En,
            [
                "Overview: we warned 2 companies",
                "went to those companies themselves",
                "Did you get a letter about one of them yourself",
                "urgent, today",
                "2 places",
                "1 place",
                "‘you’ and ‘your’ mean the company that is named with them",
                "we have no contact of its own",
                "Is this letter real?",
                "0800 000 00 00",
                "statutory task",
                "nachtwacht.example/privacy",
                "You can object",
                "TLP:AMBER:",
            ],
            [
                "What you should do now",
                "Where we saw this",
                "port 3389",
                "Warning:",
            ],
        ),
    ] {
        let mut letter = overview(&look, language);
        let own = [letter.reference.to_string(), letter.company.name.clone()];
        let told_of: Vec<String> = letters(&mut letter)
            .iter()
            .flat_map(|l| [l.reference.to_string(), l.company.name.clone()])
            .collect();
        let done = render::render(&letter, &look, Mark::None).unwrap();
        assert!(!done.is_fallback && done.annex.is_none());
        assert!(done.pages <= 2, "{} pages", done.pages);
        let text = |bytes: &[u8]| flat(&String::from_utf8_lossy(bytes));
        let mut forms = vec![text(&done.text), text(&done.html)];
        forms.extend(told(&done.pdf, "pdftotext", &["-layout"]).map(|t| flat(&t)));
        for (n, form) in forms.iter().enumerate() {
            for part in says {
                assert!(form.contains(part), "`{part}` in form {n}: {form}");
            }
            for part in own.iter().chain(&told_of) {
                // A cell of the PDF breaks its lines.
                assert!(
                    n == 2 || form.contains(part),
                    "`{part}` in form {n}: {form}"
                );
            }
            for part in never.iter().chain(&[
                "192.0.2.10",
                "voorbeeldkorf.example",
                "CVE-",
                "Remote Desktop ",
            ]) {
                assert!(!form.contains(part), "`{part}` in form {n}: {form}");
            }
        }
        if let Some(printed) = told(&done.pdf, "pdftotext", &[]) {
            let without_breaks: String = printed.split_whitespace().collect();
            for part in told_of.iter().chain(&own) {
                let part: String = part.split_whitespace().collect();
                assert!(without_breaks.contains(&part), "{part} in {printed}");
            }
        }
    }
}

#[test]
fn of_one_letter_it_speaks_of_one_company_and_says_where_the_letter_went() {
    let (look, _) = house();
    for (language, says) in [
        (
            Language::Nl,
            [
                "wij waarschuwden een bedrijf",
                "is Voorbeeldgroep N.V. het moederbedrijf",
                "ging naar de eigenaar van het netwerk",
            ],
        ),
        (
            Language::En,
            [
                "we warned a company of yours",
                "Voorbeeldgroep N.V. is its parent company",
                "went to the owner of the network",
            ],
        ),
    ] {
        let mut letter = overview(&look, language);
        letters(&mut letter).truncate(1);
        letters(&mut letter)[0].why = ContactReason::NetworkOwner;
        let text = flat(&form(&letter, &look, Form::Text));
        for part in says {
            assert!(text.contains(part), "`{part}` in {text}");
        }
    }
}

/// A daughter that owns a network was told in words of its own; so is its parent. One that owns a
/// network itself gets no annex and no words for owners.
#[test]
fn owners_of_networks_are_spoken_of_in_their_own_words() {
    let (look, threat) = house();
    let owner = |company: &Arc<Company>| {
        Arc::new(Company {
            party_kind: PartyKind::NetworkOwner,
            ..(**company).clone()
        })
    };
    for language in TONGUES {
        let text = threat.text(language);
        let to_owner = &text.to_owner.as_ref().unwrap().title;
        let mut letter = overview(&look, language);
        letter.company = owner(&letter.company);
        let done = render::render(&letter, &look, Mark::None).unwrap();
        assert!(done.annex.is_none());
        let shown = flat(&String::from_utf8(done.text).unwrap());
        assert!(!shown.contains(&flat(to_owner)), "{shown}");
        for told in letters(&mut letter) {
            told.company = owner(&told.company);
        }
        let shown = flat(&form(&letter, &look, Form::Html));
        assert!(shown.contains(&flat(to_owner)), "{shown}");
    }
}

/// Over several pages; its structure is that of other letters.
#[test]
fn the_pdf_of_a_long_overview_has_the_structure_of_both_standards() {
    let (look, _) = house();
    let mut letter = overview(&look, Language::Nl);
    let model = letters(&mut letter)[0].clone();
    *letters(&mut letter) = vec![model; 80];
    let done = render::render(&letter, &look, Mark::None).unwrap();
    assert!(!done.is_fallback);
    assert!(done.pages >= 3, "{} pages", done.pages);
    let raw = String::from_utf8_lossy(&done.pdf).into_owned();
    for mark in [
        "<pdfaid:part>2<",
        "<pdfaid:conformance>A<",
        "<pdfuaid:part>1<",
    ] {
        assert!(raw.contains(mark), "{mark} is not in the metadata");
    }
    let Some(about) = told(&done.pdf, "pdfinfo", &[]) else {
        return;
    };
    assert!(
        about.contains("Tagged:          yes") && about.contains("Overzicht: "),
        "{about}"
    );
    let structure = told(&done.pdf, "pdfinfo", &["-struct-text"]).unwrap();
    for tag in [
        "Document", "H1", "H2", "H3", "Table", "THead", "TH", "TBody", "TD", "Figure",
    ] {
        assert!(structure.contains(tag), "no {tag} in the structure");
    }
    // The header stands on every page of the table.
    let printed = told(&done.pdf, "pdftotext", &[]).unwrap();
    let n_headers = printed.matches("Bedrijf en brief").count();
    assert!(
        n_headers >= 3,
        "the table's header stands on {n_headers} pages"
    );
}

#[test]
fn hostile_names_stay_text() {
    let (look, _) = house();
    let clean = overview(&look, Language::Nl);
    let tags = |html: &str| html.matches('<').count();
    let n_tags = tags(&form(&clean, &look, Form::Html));
    for text in OWN {
        let mut letter = clean.clone();
        let named = Arc::new(Company {
            name: (*text).to_owned(),
            ..(*letter.company).clone()
        });
        letter.company = Arc::clone(&named);
        letter.addressee = Arc::clone(&named);
        for told in letters(&mut letter) {
            told.company = Arc::clone(&named);
        }
        let html = form(&letter, &look, Form::Html);
        assert!(tags(&html) <= n_tags, "a tag more with {text:?}");
        let plain = form(&letter, &look, Form::Text);
        let hidden = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}' | '\u{feff}')
        };
        assert!(!html.chars().chain(plain.chars()).any(hidden), "{text:?}");
        assert!(
            !render::render(&letter, &look, Mark::None)
                .unwrap()
                .is_fallback,
            "{text:?}"
        );
    }
}

/// Letters are read at level B1: no sentence of an overview has more than twenty words.
#[test]
fn its_sentences_are_short() {
    for language in TONGUES {
        let file = root().join(format!("templates/letter/strings.{language}.toml"));
        let strings: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
        let sentences = strings["sentences"].as_table().unwrap();
        let ours = sentences.iter().filter(|(key, _)| key.contains("overview"));
        let ours: Vec<(&String, &str)> = ours.map(|(k, v)| (k, v.as_str().unwrap())).collect();
        assert!(ours.len() > 10);
        for (key, text) in ours {
            for sentence in text.split_inclusive(['.', '?', '!']) {
                let n = sentence
                    .replace("{{ ", "")
                    .replace(" }}", "")
                    .split_whitespace()
                    .count();
                assert!(n <= 20, "{language}, {key}: {n} words: {sentence}");
            }
        }
    }
}
