//! Letters: golden texts, the structure of the PDF, hostile fields, the same bytes twice.

mod confirm;
mod judged;
mod overlap;
pub mod overview;
mod owner;
mod readers;

use std::process::Command;
use std::sync::Arc;

use expect_test::expect_file;
use jiff::tz::TimeZone;
use nachtwacht::model::company::{Channel, Language};
use nachtwacht::model::decision::{ContactReason, ItemKind};
use nachtwacht::model::letter::{Form, Letter};
use nachtwacht::model::threat::Threat;
use nachtwacht::render::{self, Look, Mark};

use crate::harness::{needs, root, shared};

/// The job's own look and one of its threats, as a run would load them.
pub fn house() -> (Look, Arc<Threat>) {
    let job_file = root().join("jobs/nightly.toml");
    let job = nachtwacht::config::job("nightly.toml", &std::fs::read_to_string(job_file).unwrap())
        .unwrap();
    let threats = threats();
    let threat = threats.iter().find(|t| t.id == "exposed-rdp").unwrap();
    let look = Look::load(
        &templates(),
        job.sender,
        TimeZone::get("Europe/Amsterdam").unwrap(),
    )
    .unwrap();
    (look, Arc::clone(threat))
}

/// Every threat of the job.
pub fn threats() -> Vec<Arc<Threat>> {
    let read = |folder: &str| -> Vec<(String, String)> {
        let mut files: Vec<_> = std::fs::read_dir(root().join("jobs").join(folder))
            .unwrap()
            .map(|e| e.unwrap().path())
            .map(|p| {
                (
                    p.display().to_string(),
                    std::fs::read_to_string(&p).unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    };
    let catalogue = nachtwacht::config::catalogue(&read("threats"), &read("triggers")).unwrap();
    catalogue.threats.clone()
}

pub fn templates() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in ["letter", "fonts"] {
        for entry in std::fs::read_dir(root().join("templates").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{folder}/{}", path.file_name().unwrap().to_string_lossy());
            files.push((name, std::fs::read(path).unwrap()));
        }
    }
    files
}

fn form(letter: &Letter, look: &Look, form: Form) -> String {
    String::from_utf8(render::render_form(letter, look, form, Mark::None).unwrap()).unwrap()
}

#[test]
fn letters_read_as_the_golden_ones() {
    let (look, threat) = house();
    for (language, kind) in [
        (Language::Nl, ItemKind::First),
        (Language::En, ItemKind::Reminder),
        (Language::Nl, ItemKind::Correction),
        (Language::En, ItemKind::Correction),
    ] {
        let letter = render::sample_letter(&threat, language, kind, &look).unwrap();
        let name = format!("golden/letters/exposed-rdp.{language}.{kind}");
        expect_file![format!("{name}.txt")].assert_eq(&form(&letter, &look, Form::Text));
        expect_file![format!("{name}.html")].assert_eq(&form(&letter, &look, Form::Html));
    }
}

/// Its steps say that time and port lead to the machine, so the letter must have both.
#[test]
fn a_letter_about_an_infected_machine_says_from_which_port_and_with_what() {
    let (look, _) = house();
    let all = threats();
    let threat = all.iter().find(|t| t.id == "botnet-infection").unwrap();
    for (language, place) in [(Language::Nl, "vanaf poort"), (Language::En, "from port")] {
        let letter = render::sample_letter(threat, language, ItemKind::First, &look).unwrap();
        for form_of in [Form::Text, Form::Html] {
            let text = form(&letter, &look, form_of);
            assert!(
                text.contains(&format!("192.0.2.10, {place} 3389")),
                "{text}"
            );
            assert!(text.contains("avalanche-andromeda"), "{text}");
            assert!(!text.contains("Remote Desktop"), "{text}");
        }
    }
}

/// An owner knows no feed by its id.
#[test]
fn letters_call_a_feed_by_its_title_and_several_subjects_several_problems() {
    let (look, threat) = house();
    let titles = ["de stichting Voorbeeld", "the Example Foundation"].map(str::to_owned);
    let look = look.with_feed_titles([("shadowserver".to_owned(), titles)].into());
    for (language, says, one, several) in [
        (
            Language::Nl,
            "van de stichting Voorbeeld,",
            "een ernstig",
            "zagen wij ernstige",
        ),
        (
            Language::En,
            "of the Example Foundation,",
            "a serious",
            "we saw serious",
        ),
    ] {
        let mut letter = render::sample_letter(&threat, language, ItemKind::First, &look).unwrap();
        let flat = |letter: &Letter| {
            let text = form(letter, &look, Form::Text);
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let text = flat(&letter);
        assert!(text.contains(says) && text.contains(one), "{text}");
        letter.sections[0].findings[0].feed = "other".into();
        letter.sections.push(letter.sections[0].clone());
        let text = flat(&letter);
        assert!(text.contains(several) && text.contains("other, "), "{text}");
    }
}

#[test]
fn text_stays_within_72_columns() {
    let (look, threat) = house();
    for language in [Language::Nl, Language::En] {
        let letter = render::sample_letter(&threat, language, ItemKind::First, &look).unwrap();
        for line in form(&letter, &look, Form::Text).lines() {
            assert!(line.chars().count() <= 72, "{line}");
        }
    }
}

#[test]
fn the_same_letter_gives_the_same_bytes() {
    let (look, threat) = house();
    let letter = render::sample_letter(&threat, Language::Nl, ItemKind::First, &look).unwrap();
    let (other, _) = house();
    let first = render::render(&letter, &look, Mark::None).unwrap();
    assert_eq!(first, render::render(&letter, &other, Mark::None).unwrap());
    assert!(!first.is_fallback);
}

#[test]
fn the_pdf_claims_both_standards_and_has_their_structure() {
    let (look, threat) = house();
    let mut letter = render::sample_letter(&threat, Language::Nl, ItemKind::First, &look).unwrap();
    // A table over several pages.
    let section = &mut letter.sections[0];
    let model = section.findings[0].clone();
    section.findings = (0..120).map(|_| model.clone()).collect();
    let done = render::render(&letter, &look, Mark::None).unwrap();
    assert!(!done.is_fallback);
    assert!(done.pages >= 4, "{} pages", done.pages);
    let raw = String::from_utf8_lossy(&done.pdf).into_owned();
    for mark in [
        "<pdfaid:part>2<",
        "<pdfaid:conformance>A<",
        "<pdfuaid:part>1<",
    ] {
        assert!(raw.contains(mark), "{mark} is not in the metadata");
    }
    if !needs(
        "pdfinfo",
        Command::new("pdfinfo").arg("-v").output().is_ok(),
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("letter.pdf");
    std::fs::write(&file, &done.pdf).unwrap();
    let ask = |program: &str, options: &[&str]| {
        let answer = Command::new(program)
            .args(options)
            .arg(&file)
            .output()
            .unwrap();
        String::from_utf8_lossy(&answer.stdout).into_owned()
    };
    let about = ask("pdfinfo", &[]);
    assert!(
        about.contains("Tagged:          yes") && about.contains("Waarschuwing: "),
        "{about}"
    );
    assert!(about.contains("(A4)"), "{about}");
    let structure = ask("pdfinfo", &["-struct-text"]);
    for tag in [
        "Document", "H1", "H2", "Table", "THead", "TH", "TBody", "TD", "L ", "LI", "Figure",
    ] {
        assert!(structure.contains(tag), "no {tag} in the structure");
    }
    for font in ask("pdffonts", &[]).lines().skip(2) {
        assert!(
            font.contains("yes yes yes"),
            "a font is not embedded: {font}"
        );
    }
    // The header stands on every page of the table; the last pages hold none.
    let printed = Command::new("pdftotext")
        .arg(&file)
        .arg("-")
        .output()
        .unwrap();
    let n_headers = String::from_utf8_lossy(&printed.stdout)
        .matches("Gezien op")
        .count();
    assert!(
        n_headers >= 3,
        "the table's header stands on {n_headers} pages"
    );
}

/// Field by field, the letter with one hostile text in it.
pub fn poisoned(letter: &Letter, text: &str) -> Vec<Letter> {
    let one = |act: &dyn Fn(&mut Letter)| {
        let mut copy = letter.clone();
        act(&mut copy);
        copy
    };
    let some = || Some(text.to_owned());
    vec![
        one(&|l| l.sections[0].findings[0].hostname = some()),
        one(&|l| l.sections[0].findings[0].product = some()),
        one(&|l| l.sections[0].findings[0].version = some()),
        one(&|l| l.sections[0].findings[0].protocol = some()),
        one(&|l| {
            let place = &mut l.sections[0].findings[0];
            (place.product, place.version) = (None, None);
            place.tags = vec![text.to_owned()];
        }),
        one(&|l| l.sections[0].findings[0].feed = text.to_owned()),
        one(&|l| {
            l.sections[0].findings[0].ip = None;
            l.sections[0].findings[0].target = text.to_owned();
        }),
        one(&|l| {
            l.sections[0].findings[0].ip = None;
            l.sections[0].findings[0].account_domain = some();
        }),
        one(&|l| l.sections[0].findings[0].cves = vec![text.to_owned()]),
        one(&|l| {
            let mut company = (*l.company).clone();
            company.name = text.to_owned();
            let mut address = company.address.clone().unwrap();
            address.street = text.to_owned();
            company.address = Some(address);
            l.company = Arc::new(company.clone());
            l.addressee = Arc::new(company);
        }),
    ]
}

pub const OWN: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{ 7*7 }}{% include \"x\" %}",
    "#panic() $x$ *b* _i_ @ref <label> \\",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "http://evil.example/login",
    "www.evil.example",
    "a\r\nBcc: x@evil.example\r\n\r\nhello",
    "\u{202e}gpj.exe\u{200b}\u{feff}",
    "你好 мир שלום \u{1f4a9}",
    "\u{0}\u{1b}[31mred",
];

#[test]
fn hostile_fields_stay_text_in_every_form() {
    let (look, threat) = house();
    let letter = render::sample_letter(&threat, Language::Nl, ItemKind::First, &look).unwrap();
    let tags = |html: &str| html.matches('<').count();
    let clean = tags(&form(&letter, &look, Form::Html));
    let mut texts: Vec<String> = OWN.iter().map(|s| (*s).to_owned()).collect();
    texts.push("x".repeat(100_000));
    let n_own = texts.len();
    if let Some(file) = shared("hostile-strings/blns.json") {
        let found: Vec<String> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        texts.extend(found);
    }
    for (n, text) in texts.iter().enumerate() {
        for (field, letter) in poisoned(&letter, text).iter().enumerate() {
            let html = form(letter, &look, Form::Html);
            assert!(
                tags(&html) <= clean,
                "field {field}: a tag more with {text:?}"
            );
            let plain = form(letter, &look, Form::Text);
            for form in [&html, &plain] {
                let hidden = |c: char| {
                    (c.is_control() && c != '\n')
                        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}')
                };
                assert!(
                    !form.chars().any(hidden),
                    "field {field}: a hidden character of {text:?}"
                );
                if field < 8 {
                    assert!(
                        !form.contains("://evil")
                            && !form.contains("www.evil")
                            && !form.contains("x@evil"),
                        "field {field}: {text:?} may become a link"
                    );
                }
            }
            // The typesetter sees our own strings in every field, the public list in one field each.
            if n < n_own || n % 9 == field {
                let done = render::render(letter, &look, Mark::None).unwrap();
                assert!(
                    !done.is_fallback,
                    "field {field}: {text:?} cannot be typeset"
                );
            }
        }
    }
}

#[test]
fn a_misspelt_field_in_a_template_is_refused_with_its_file() {
    let (_, _) = house();
    let job_file = root().join("jobs/nightly.toml");
    let job = nachtwacht::config::job("nightly.toml", &std::fs::read_to_string(job_file).unwrap())
        .unwrap();
    for (name, from, to) in [
        ("letter/letter.txt", "{{ reference }}", "{{ refrence }}"),
        ("letter/letter.html", "{{ s.title }}", "{{ s.titel }}"),
        ("letter/form.typ", "l.salutation", "l.salutaton"),
        ("letter/strings.nl.toml", "{{ company }}", "{{ compny }}"),
        ("letter/strings.en.toml", "salutation = ", "salutaton = "),
        ("letter/strings.en.toml", "\nport = ", "\nprt = "),
        ("letter/strings.nl.toml", "source_port = ", "source_prt = "),
        (
            "letter/strings.nl.toml",
            "intro_several = ",
            "intro_severl = ",
        ),
        (
            "letter/strings.nl.toml",
            "overview_by_network = ",
            "overview_by_netwerk = ",
        ),
        (
            "letter/strings.en.toml",
            "overview_do_one = ",
            "overview_do_on = ",
        ),
    ] {
        let mut files = templates();
        let file = files.iter_mut().find(|(n, _)| n == name).unwrap();
        let text = String::from_utf8(file.1.clone()).unwrap();
        assert!(text.contains(from), "{name} does not hold {from}");
        file.1 = text.replace(from, to).into_bytes();
        let Err(failure) = Look::load(&files, job.sender.clone(), TimeZone::UTC) else {
            panic!("{name}: {to} was not noticed");
        };
        assert_eq!(failure.kind.exit_code(), 2);
        assert!(failure.to_string().contains(name), "{name}: {failure}");
    }
}

/// A correction asks for nothing: no table, no steps, no risk; and its three forms say the same.
#[test]
fn a_correction_takes_back_asks_for_nothing_and_says_the_same_in_every_form() {
    let (look, threat) = house();
    for (language, says, never) in [
        (
            Language::Nl,
            [
                "Rectificatie: ",
                "U hoeft hiervoor niets te doen",
                "is hiermee ingetrokken.",
                "Hier staat de reden van de rectificatie.",
                "Wij bieden u onze excuses aan.",
            ],
            [
                "Waar wij dit zagen",
                "Wat u nu moet doen",
                "Waarom dit belangrijk is",
            ],
        ),
        (
            Language::En,
            [
                "Correction: ",
                "You need not do anything about this",
                "is hereby withdrawn.",
                "Here stands the reason of the correction.",
                "We apologise.",
            ],
            [
                "Where we saw this",
                "What you should do now",
                "Why this matters",
            ],
        ),
    ] {
        let letter = render::sample_letter(&threat, language, ItemKind::Correction, &look).unwrap();
        let done = render::render(&letter, &look, Mark::None).unwrap();
        assert!(!done.is_fallback);
        assert_eq!(done.pages, 1);
        let flat = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let mut forms = vec![flat(&done.text), flat(&done.html)];
        if needs(
            "pdftotext",
            Command::new("pdftotext").arg("-v").output().is_ok(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("letter.pdf");
            std::fs::write(&file, &done.pdf).unwrap();
            let read = Command::new("pdftotext")
                .arg(&file)
                .arg("-")
                .output()
                .unwrap();
            forms.push(flat(&read.stdout));
        }
        for form in &forms {
            for part in says.iter().chain(&[letter.reference.as_str()]) {
                assert!(form.contains(part), "`{part}` in {form}");
            }
            for part in never {
                assert!(!form.contains(part), "`{part}` in {form}");
            }
        }
    }
}

/// A parent without a word of why would take its daughter's network for its own; and nobody writes
/// in a daughter's name.
#[test]
fn a_parent_is_told_whom_the_letter_is_about_and_why_it_gets_it() {
    let (look, threat) = house();
    for (language, also_for, why) in [
        (
            Language::Nl,
            "Betreft Bakkerij De Voorbeeldkorf B.V.",
            "omdat u volgens onze gegevens het moederbedrijf bent.",
        ),
        (
            Language::En,
            "For Bakkerij De Voorbeeldkorf B.V.",
            "because our records name you as its parent company.",
        ),
    ] {
        let mut letter = render::sample_letter(&threat, language, ItemKind::First, &look).unwrap();
        let flat = |letter: &Letter| {
            let text = form(letter, &look, Form::Text);
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert!(!flat(&letter).contains(why));
        letter.recipient.why = ContactReason::Parent;
        for channel in [Channel::Email, Channel::Post] {
            letter.recipient.channel = channel;
            assert!(flat(&letter).contains(why), "{channel}");
        }
        let mut parent = (*letter.company).clone();
        parent.key = "kvk:00000099".parse().unwrap();
        parent.name = "Moeder B.V.".into();
        letter.addressee = Arc::new(parent);
        let text = flat(&letter);
        assert!(text.contains(&format!("Moeder B.V. {also_for}")), "{text}");
    }
}
