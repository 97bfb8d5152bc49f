//! What axe-core finds in our pages, in a headless Chromium: nothing.
//!
//! Chromium is looked for on the path, axe-core (one file) in `NACHTWACHT_AXE`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use nachtwacht::model::company::{Channel, Contact, Language, PartyKind};
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::letter::{Form, Letter};
use nachtwacht::render::{self, Confirmation, Look, Mark};

use crate::harness::needs;
use crate::render::overview::overview;
use crate::render::{house, threats};

/// Narrow windows, in CSS pixels: a small phone (or a wide screen at 400 %), and a usual one.
const PHONES: [u32; 2] = [320, 390];

/// What axe-core says of one page in one window.
#[derive(serde::Deserialize)]
pub struct Judged {
    name: String,
    /// 0 is the width of a screen.
    width: u32,
    is_dark: bool,
    is_width: bool,
    /// Pixels that a reader has to scroll sideways.
    overflow: i64,
    /// Words of headings that are cut over two lines, labels without a value.
    spoilt: Vec<String>,
    passes: Vec<String>,
    violations: Vec<String>,
    incomplete: Vec<String>,
}

impl Judged {
    /// Everything that is wrong, or that axe-core leaves to a person.
    fn complaints(&self) -> Vec<&String> {
        self.complaints_but_for(&|_| false)
    }

    /// Without what a test judges by itself, out of what axe-core leaves to a person.
    fn complaints_but_for(&self, is_judged: &dyn Fn(&str) -> bool) -> Vec<&String> {
        let left = self.incomplete.iter().filter(|line| !is_judged(line));
        self.violations.iter().chain(left).collect()
    }
}

/// The browser on the path.
pub fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    names.into_iter().find(is_there)
}

/// Pages (name, HTML), each in light and dark scheme, wide and at the widths of [`PHONES`].
/// `None` where browser or axe-core are absent, with the reason printed.
pub fn judge(pages: &[(String, String)]) -> Option<Vec<Judged>> {
    let axe = std::env::var_os("NACHTWACHT_AXE").map(PathBuf::from);
    let axe = axe.filter(|path| path.is_file());
    let what = "axe-core (NACHTWACHT_AXE=path/to/axe.min.js)";
    if !needs("chromium", browser().is_some()) || !needs(what, axe.is_some()) {
        return None;
    }
    let axe = std::fs::read_to_string(axe?).unwrap();
    let script = |value: &serde_json::Value| value.to_string().replace('<', "\\u003c");
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><script>const AXE = {}, PAGES = {}, WIDTHS = {};\n{}</script>",
        script(&axe.into()),
        script(&serde_json::json!(pages)),
        script(&serde_json::json!(PHONES)),
        include_str!("axe/driver.js"),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pages.html");
    std::fs::write(&file, page).unwrap();
    let mut judged = Vec::new();
    for is_dark in [false, true] {
        // In Chromium's settings 0 is dark, 1 is light.
        let scheme = format!("preferredColorScheme={}", u8::from(!is_dark));
        let profile = folder.path().join(&scheme);
        let ran = Command::new(browser()?)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
            .args(["--disable-dev-shm-usage", "--no-first-run"])
            .args(["--window-size=1280,1000", "--virtual-time-budget=600000"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--blink-settings={scheme}"))
            .arg(format!("file://{}", file.display()))
            .output()
            .unwrap();
        let dom = String::from_utf8_lossy(&ran.stdout);
        let answers = dom.split_once("<pre>BEGIN").and_then(|(_, rest)| {
            let (json, _) = rest.rsplit_once("END</pre>")?;
            serde_json::from_str::<Vec<Judged>>(json).ok()
        });
        let answers = answers.unwrap_or_else(|| {
            let end: String = dom.chars().rev().take(2000).collect();
            let end: String = end.chars().rev().collect();
            panic!("{end}\n{}", String::from_utf8_lossy(&ran.stderr))
        });
        assert_eq!(answers.len(), pages.len() * (1 + PHONES.len()));
        for answer in &answers {
            assert_eq!(answer.is_dark, is_dark, "{}: scheme", answer.name);
            assert!(
                answer.is_width,
                "{}: not {} wide",
                answer.name, answer.width
            );
        }
        judged.extend(answers);
    }
    Some(judged)
}

/// Axe-core says nothing of any page, and did look.
pub fn assert_clean(judged: &[Judged]) {
    assert_clean_but_for(judged, &|_| false);
}

/// As [`assert_clean`], without what the caller judges by itself.
pub fn assert_clean_but_for(judged: &[Judged], is_judged: &dyn Fn(&str) -> bool) {
    for page in judged {
        let (name, width, dark) = (&page.name, page.width, page.is_dark);
        let complaints = page.complaints_but_for(is_judged);
        assert!(
            complaints.is_empty(),
            "{name}, width {width}, dark: {dark}: {complaints:#?}"
        );
        assert!(
            page.overflow <= 0,
            "{name}, width {width}: {} pixels are off to the side",
            page.overflow
        );
        for rule in ["color-contrast", "html-has-lang", "document-title"] {
            let has_looked = page.passes.iter().any(|pass| pass == rule);
            assert!(has_looked, "{name}: {rule} was not judged");
        }
    }
}

/// A letter about these threats to an owner of networks or a participant.
fn letter(look: &Look, language: Language, kind: ItemKind) -> Letter {
    let (_, threat) = house();
    render::sample_letter(&threat, language, kind, look).unwrap()
}

/// Every threat in one letter.
fn about_all(look: &Look, language: Language) -> Letter {
    let mut letters = threats()
        .into_iter()
        .map(|threat| render::sample_letter(&threat, language, ItemKind::First, look).unwrap());
    let mut all = letters.next().unwrap();
    all.sections.extend(letters.flat_map(|l| l.sections));
    all
}

/// The letter of a network's owner, with more addresses than it shows.
fn bulk(look: &Look, language: Language) -> Letter {
    let mut letter = letter(look, language, ItemKind::First);
    let mut owner = (*letter.company).clone();
    owner.party_kind = PartyKind::NetworkOwner;
    letter.company = Arc::new(owner);
    letter.recipient.channel = Channel::Email;
    let one = letter.sections[0].findings[0].clone();
    letter.sections[0].findings = vec![one; 50];
    letter
}

/// What `register unconfirmed --letters` writes.
fn that_asks(look: &Look, language: Language) -> String {
    let letter = letter(look, language, ItemKind::First);
    let company = nachtwacht::model::company::Company {
        language,
        ..(*letter.company).clone()
    };
    let contact = |channel, value: &str| Contact {
        company: company.key.clone(),
        channel,
        value: value.into(),
        role: "security".into(),
        priority: 1,
        verified_at: None,
        bounced_at: None,
    };
    let contacts = [
        contact(Channel::Email, "security@voorbeeld.example"),
        contact(Channel::Phone, "+31 20 000 0000"),
        contact(Channel::Post, ""),
    ];
    let ask = Confirmation {
        company: &company,
        night: letter.night,
        assets: &[],
        contacts: &contacts.iter().collect::<Vec<_>>(),
    };
    String::from_utf8(render::confirm(&ask, look).unwrap().html).unwrap()
}

fn letters() -> Vec<(String, String)> {
    let (look, _) = house();
    let html = |letter: &Letter, mark| {
        String::from_utf8(render::render_form(letter, &look, Form::Html, mark).unwrap()).unwrap()
    };
    let mut pages = Vec::new();
    for language in [Language::Nl, Language::En] {
        for kind in [
            ItemKind::First,
            ItemKind::Reminder,
            ItemKind::Relapse,
            ItemKind::Correction,
        ] {
            let page = html(&letter(&look, language, kind), Mark::None);
            pages.push((format!("{language} {kind}"), page));
        }
        let mut hostile = letter(&look, language, ItemKind::First);
        hostile.sections[0].findings[0].hostname = Some("w".repeat(300));
        hostile.sections[0].findings[0].product = Some("\u{202e}<b>'\"&".into());
        hostile.sections[0].findings[1].product = None;
        for (name, page) in [
            ("concept", html(&hostile, Mark::Concept)),
            ("all threats", html(&about_all(&look, language), Mark::None)),
            ("bulk", html(&bulk(&look, language), Mark::None)),
            ("that asks", that_asks(&look, language)),
            ("overview", html(&overview(&look, language), Mark::None)),
        ] {
            pages.push((format!("{language} {name}"), page));
        }
    }
    pages
}

#[test]
fn axe_core_finds_nothing_in_any_letter() {
    if let Some(judged) = judge(&letters()) {
        assert_clean(&judged);
        for page in judged {
            let (name, width) = (&page.name, page.width);
            assert!(page.spoilt.is_empty(), "{name} {width}: {:?}", page.spoilt);
        }
    }
}

/// Faults that show in one scheme or one width alone are found there, and only there.
#[test]
fn axe_core_finds_what_is_wrong_where_it_is_wrong() {
    let page = |style: &str, more: &str| {
        format!(
            "<!doctype html><html lang=\"en\"><title>t</title><style>{style}</style>\
             <main><h1>One</h1><p class=\"x\">words</p>{more}</main></html>"
        )
    };
    let pages = [
        ("sound", page("", "")),
        ("alt", page("", "<img src=\"data:,\">")),
        (
            "dark",
            page(
                "@media (prefers-color-scheme: dark) { .x { color: #ccc } }",
                "",
            ),
        ),
        (
            "narrow",
            page("@media (max-width: 400px) { .x { color: #ccc } }", ""),
        ),
        ("wide", page(".x { width: 350px }", "")),
        (
            "cut",
            page("h1 { width: 1em; overflow-wrap: anywhere }", ""),
        ),
        (
            "label",
            page(
                "p::before { content: attr(data-label) }",
                "<p data-label=\"what\"></p>",
            ),
        ),
    ]
    .map(|(name, page)| (name.to_owned(), page));
    let Some(judged) = judge(&pages) else { return };
    for page in judged {
        let found = page.complaints();
        let contrast = match page.name.as_str() {
            "dark" => page.is_dark,
            "narrow" => page.width != 0,
            _ => false,
        };
        let has = |rule: &str| found.iter().any(|line| line.starts_with(rule));
        let (name, width) = (&page.name, page.width);
        assert_eq!(has("color-contrast"), contrast, "{name} {width} {found:?}");
        assert_eq!(has("image-alt"), name == "alt", "{name} {width} {found:?}");
        assert_eq!(
            found.is_empty(),
            !contrast && name != "alt",
            "{name} {found:?}"
        );
        let is_spoilt = matches!(name.as_str(), "cut" | "label");
        assert_eq!(!page.spoilt.is_empty(), is_spoilt, "{name} {width}");
        let is_off = name == "wide" && width == 320;
        assert_eq!(page.overflow > 0, is_off, "{name} {width}");
    }
}
