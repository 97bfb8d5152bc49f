//! The letter to the owner of a network: its own words, its own label, and the customer's part.

use std::sync::Arc;

use expect_test::expect_file;
use nachtwacht::model::company::Language;
use nachtwacht::model::decision::{ContactReason, ItemKind};
use nachtwacht::model::letter::{Form, Letter};
use nachtwacht::render::{self, Look};

use super::{form, house, threats};

const TONGUES: [Language; 2] = [Language::Nl, Language::En];

fn to_owner(look: &Look, language: Language) -> Letter {
    let (_, threat) = house();
    let letter = render::sample_letter(&threat, language, ItemKind::First, look).unwrap();
    let mut letter = render::sample_to_owner(letter);
    let mut owner = (*letter.company).clone();
    owner.name = "Voorbeeldhosting B.V.".into();
    letter.company = Arc::new(owner);
    letter.addressee = Arc::clone(&letter.company);
    letter
}

fn labelled(mut letter: Letter, label: &str) -> Letter {
    for finding in &mut letter.sections[0].findings {
        finding.tlp = Some(label.into());
    }
    letter
}

/// The text on one line, to find sentences in that the lines break.
fn flat(letter: &Letter, look: &Look) -> String {
    let text = form(letter, look, Form::Text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn letters_to_owners_read_as_the_golden_ones() {
    let (look, _) = house();
    for language in TONGUES {
        let letter = labelled(to_owner(&look, language), "TLP:AMBER+STRICT");
        let name = format!("../golden/letters/exposed-rdp.{language}.owner");
        expect_file![format!("{name}.txt")].assert_eq(&form(&letter, &look, Form::Text));
        expect_file![format!("{name}.html")].assert_eq(&form(&letter, &look, Form::Html));
    }
}

/// A letter that asks to be passed on bears a label that allows it (TLP 2.0), and says to whom.
#[test]
fn what_is_to_be_passed_on_bears_a_label_that_allows_it() {
    let (look, _) = house();
    let bulk = to_owner(&look, Language::Nl);
    let mut by_network = render::sample_letter(&house().1, Language::Nl, ItemKind::First, &look);
    if let Ok(letter) = &mut by_network {
        letter.recipient.why = ContactReason::NetworkOwner;
    }
    for letter in [bulk.clone(), by_network.unwrap()] {
        for (label, shown) in [
            (
                "TLP:AMBER+STRICT",
                "TLP:AMBER: deel deze waarschuwing alleen binnen uw organisatie en met de klanten",
            ),
            (
                "TLP:AMBER",
                "TLP:AMBER: deel deze waarschuwing alleen binnen uw organisatie en met de klanten",
            ),
            ("TLP:GREEN", "TLP:GREEN: u mag"),
            ("TLP:RED", "TLP:RED: alleen voor u"),
        ] {
            let text = flat(&labelled(letter.clone(), label), &look);
            assert!(text.contains(shown), "{label}: {text}");
            assert!(!text.contains("STRICT"), "{text}");
        }
    }
    let asks = |letter: &Letter| {
        let text = flat(letter, &look);
        text.contains("vandaag nog door") || text.contains("Waarschuw vandaag nog elke klant")
    };
    assert!(asks(&bulk));
    assert!(!asks(&labelled(bulk, "TLP:RED")));
    // Who uses the machine is told what the feed says.
    let own = render::sample_letter(&house().1, Language::Nl, ItemKind::First, &look).unwrap();
    assert!(asks(&own));
    assert!(!asks(&labelled(own.clone(), "TLP:RED")));
    let strict = flat(&labelled(own, "TLP:AMBER+STRICT"), &look);
    assert!(
        strict.contains("TLP:AMBER+STRICT: alleen voor uw eigen")
            && strict.contains("mag uw organisatie niet verlaten")
            && !strict.contains("vandaag nog door"),
        "{strict}"
    );
}

/// An owner does not run its customer's machine: no threat may say that it does.
#[test]
fn every_threat_has_words_for_owners() {
    let (look, _) = house();
    let all = threats();
    assert!(all.len() >= 15);
    for threat in all {
        for language in TONGUES {
            let text = threat.text(language);
            let to_owner = text
                .to_owner
                .as_ref()
                .unwrap_or_else(|| panic!("{}", threat.id));
            let said = format!("{}. {}", to_owner.title, to_owner.what);
            let folded = said.to_lowercase();
            for claim in [
                "uw bedrijf",
                "uw mailserver",
                "uw server",
                "uw website",
                "uw apparaat",
                "bij u ",
                "uw firewall",
                "your company",
                "your server",
                "your website",
                "your device",
                "your mail server",
                "your firewall",
            ] {
                assert!(
                    !folded.contains(claim),
                    "{} {language}: {claim}: {said}",
                    threat.id
                );
            }
            let names_it = ["uw netwerk", "van u ", "your network", "of yours"];
            assert!(names_it.iter().any(|n| folded.contains(n)), "{said}");
            let sentences = said
                .split(['.', '?', '!'])
                .filter(|s| s.trim().contains(' '));
            let words: Vec<usize> = sentences.map(|s| s.split_whitespace().count()).collect();
            let mean = words.iter().sum::<usize>() / words.len();
            assert!(
                mean <= 20,
                "{} {language}: {mean} words a sentence",
                threat.id
            );
            let mut letter = to_owner_about(&look, &threat, language);
            letter.sections[0].findings.truncate(1);
            let shown = flat(&letter, &look);
            assert!(shown.contains(&to_owner.what), "{shown}");
            assert!(!shown.contains(&text.what), "{shown}");
            assert!(render::subject(&letter, &look).ends_with(&to_owner.title));
        }
    }
}

fn to_owner_about(
    look: &Look,
    threat: &Arc<nachtwacht::model::threat::Threat>,
    language: Language,
) -> Letter {
    let mut letter = to_owner(look, language);
    letter.sections[0].threat = Arc::clone(threat);
    letter
}
