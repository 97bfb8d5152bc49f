//! The letter that asks says how long ago its rows were confirmed, as the rows do.

use nachtwacht::model::company::{Channel, Company, Contact, Language};
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::night::Micros;
use nachtwacht::render::{self, Confirmation};

use super::house;

/// The letter about contacts that were verified at these times, on one line.
fn asked(language: Language, verified_at: &[Option<Micros>]) -> String {
    let (look, threat) = house();
    let letter = render::sample_letter(&threat, language, ItemKind::First, &look).unwrap();
    let company = Company {
        language,
        ..(*letter.company).clone()
    };
    let contact = |verified_at: &Option<Micros>| Contact {
        company: company.key.clone(),
        channel: Channel::Email,
        value: "security@voorbeeld.example".into(),
        role: "security".into(),
        priority: 1,
        verified_at: *verified_at,
        bounced_at: None,
    };
    let contacts: Vec<Contact> = verified_at.iter().map(contact).collect();
    let ask = Confirmation {
        company: &company,
        night: letter.night,
        assets: &[],
        contacts: &contacts.iter().collect::<Vec<_>>(),
    };
    let text = String::from_utf8(render::confirm(&ask, &look).unwrap().text).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn never_confirmed_is_not_confirmed_long_ago() {
    let old = Some(1_600_000_000_000_000);
    let said = [
        (
            Language::Nl,
            [
                "Het is lang geleden dat iemand ze bevestigde.",
                "Niemand heeft ze ooit bevestigd.",
                "Een deel is lang geleden bevestigd, een deel nog nooit.",
            ],
        ),
        (
            Language::En,
            [
                "It is long ago that anyone confirmed them.",
                "Nobody has ever confirmed them.",
                "Some were confirmed long ago, some never.",
            ],
        ),
    ];
    for (language, sentences) in said {
        for (n, times) in [[old, old], [None, None], [None, old]].iter().enumerate() {
            let text = asked(language, times);
            for (other, sentence) in sentences.iter().enumerate() {
                assert_eq!(text.contains(sentence), other == n, "{sentence}: {text}");
            }
        }
    }
}
