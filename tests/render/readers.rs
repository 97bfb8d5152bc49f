//! What readers of letters tripped over: the postman, the owner of a network, who reads a reminder.

use std::sync::Arc;

use nachtwacht::model::company::{Language, PartyKind};
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::letter::{Fact, Form, Letter};
use nachtwacht::render::{self, Mark};

use super::overview::told;
use super::{form, house, threats};

fn first() -> Letter {
    let (look, threat) = house();
    render::sample_letter(&threat, Language::Nl, ItemKind::First, &look).unwrap()
}

fn flat(letter: &Letter) -> String {
    let text = form(letter, &house().0, Form::Text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// To `name`, at this number with this addition.
fn addressed(name: &str, number: &str, addition: &str) -> Letter {
    let mut letter = first();
    let mut company = (*letter.company).clone();
    company.name = name.to_owned();
    let mut address = company.address.clone().unwrap();
    address.street = "Molenpad".into();
    (address.house_number, address.house_number_addition) = (number.into(), addition.into());
    company.address = Some(address);
    letter.company = Arc::new(company.clone());
    letter.addressee = Arc::new(company);
    letter
}

#[test]
fn a_house_number_and_its_addition_are_never_another_number() {
    for (number, addition, line) in [
        ("12", "", "Molenpad 12 "),
        ("133", "B", "Molenpad 133B "),
        ("12", "2", "Molenpad 12-2 "),
        ("12", "1-3", "Molenpad 12-1-3 "),
        ("8", "-10", "Molenpad 8-10 "),
        ("171", "bis", "Molenpad 171 bis "),
        ("90", "Hinterhaus", "Molenpad 90 Hinterhaus "),
    ] {
        let text = flat(&addressed("Bedrijf", number, addition));
        assert!(text.contains(line), "{line}: {text}");
    }
}

/// 50 to 80 mm from the top, 20 to 105 mm from the left: the sender's line and the whole address.
#[test]
fn the_address_stands_in_the_window_of_the_envelope() {
    let long = "Vereniging-tot-Instandhouding-van-Molenpadvoorbeeldgebouwencomplexen";
    for name in ["Bedrijf", long] {
        let letter = addressed(name, "12", "bis");
        let (look, _) = house();
        let pdf = render::render(&letter, &look, Mark::None).unwrap().pdf;
        let Some(boxes) = told(&pdf, "pdftotext", &["-bbox", "-l", "1"]) else {
            return;
        };
        let of = |word: &str| {
            let line = boxes.lines().find(|l| l.contains(&format!(">{word}<")));
            let line = line.unwrap_or_else(|| panic!("{word}: {boxes}"));
            let at = |name: &str| -> f64 {
                let rest = line.split(&format!("{name}=\"")).nth(1).unwrap();
                let points: f64 = rest.split('"').next().unwrap().parse().unwrap();
                points * 25.4 / 72.0
            };
            [at("xMin"), at("xMax"), at("yMin"), at("yMax")]
        };
        for word in ["Molenpad", "bis"] {
            let [left, right, top, bottom] = of(word);
            assert!(left >= 20.0 && right <= 105.0, "{word}: {left} to {right}");
            assert!(top >= 50.0 && bottom <= 80.0, "{word}: {top} to {bottom}");
        }
        // The first word of the page that stands below its head is the sender's.
        let tops = boxes.lines().filter_map(|line| {
            let rest = line.split("yMin=\"").nth(1)?;
            let points: f64 = rest.split('"').next()?.parse().ok()?;
            Some(points * 25.4 / 72.0)
        });
        let below = tops.filter(|top| *top > 30.0).fold(f64::MAX, f64::min);
        assert!(below >= 50.0, "{below}");
        let rights = boxes.lines().filter_map(|line| {
            let at = |name: &str| {
                line.split(&format!("{name}=\""))
                    .nth(1)?
                    .split('"')
                    .next()?
                    .parse::<f64>()
                    .ok()
            };
            let (top, right) = (at("yMin")?, at("xMax")?);
            (50.0..80.0)
                .contains(&(top * 25.4 / 72.0))
                .then_some(right * 25.4 / 72.0)
        });
        let right = rights.fold(0.0, f64::max);
        assert!(right <= 108.0, "{name}: {right}");
    }
}

/// What was written before and what is new stand in one table: the letter must not call all of it known.
#[test]
fn a_reminder_among_new_places_does_not_say_that_all_is_known() {
    let (again, partly, back) = ("Dit is een herinnering", "Over een deel", "leek opgelost");
    for (kinds, says, never) in [
        (
            [ItemKind::Reminder, ItemKind::Escalation],
            again,
            [partly, back],
        ),
        ([ItemKind::Reminder, ItemKind::First], partly, [again, back]),
        (
            [ItemKind::Relapse, ItemKind::Reminder],
            partly,
            [again, back],
        ),
        (
            [ItemKind::Relapse, ItemKind::Relapse],
            back,
            [again, partly],
        ),
    ] {
        let mut letter = first();
        let places = &mut letter.sections[0].findings;
        assert_eq!(places.len(), 2);
        for (place, kind) in places.iter_mut().zip(kinds) {
            place.kind = kind;
        }
        let text = flat(&letter);
        assert!(text.contains(says), "{says}: {text}");
        assert!(never.iter().all(|other| !text.contains(other)), "{text}");
    }
}

/// Whoever runs a machine chooses what a scan takes for its name.
#[test]
fn a_message_in_place_of_a_host_name_is_not_shown() {
    let mut letter = first();
    let place = &mut letter.sections[0].findings[0];
    place.ip = "192.0.2.9".parse().ok();
    for (name, is_shown) in [
        ("rdp-1.voorbeeld.example", true),
        ("_dienst.voorbeeld.example", true),
        ("Bel 0900-AANVAL voor hulp", false),
        ("https://aanval.example/herstel", false),
    ] {
        letter.sections[0].findings[0].hostname = Some(name.to_owned());
        let shown = name.replace('.', "[.]").replace("://", "[:]//");
        assert_eq!(flat(&letter).contains(&shown), is_shown, "{name}");
    }
}

#[test]
fn what_is_abused_already_has_no_chance_of_it() {
    let as_of = "2026-03-12".parse().unwrap();
    let epss = |cve: &str| Fact::Epss {
        cve: cve.into(),
        per_10_000: 4_700,
        as_of,
    };
    let mut letter = first();
    letter.sections[0].facts = vec![
        Fact::Kev {
            cve: "CVE-2021-1".into(),
            since: as_of,
            as_of,
        },
        epss("CVE-2021-1"),
        epss("CVE-2021-2"),
    ];
    let text = flat(&letter);
    assert!(text.contains("De kans dat CVE-2021-2 "), "{text}");
    assert!(!text.contains("De kans dat CVE-2021-1 "), "{text}");
}

/// One owner's customers are not told of each other's machines.
#[test]
fn the_owner_of_a_network_gives_each_customer_its_own_lines() {
    let (look, _) = house();
    let all = threats();
    let threat = all.iter().find(|t| t.id == "botnet-infection").unwrap();
    let mut letter = render::sample_letter(threat, Language::Nl, ItemKind::First, &look).unwrap();
    let mut company = (*letter.company).clone();
    company.party_kind = PartyKind::NetworkOwner;
    letter.company = Arc::new(company);
    let text = flat(&letter);
    for says in [
        "alleen de regels over zijn eigen adres",
        "Stuur niet de hele brief",
        "UTC)",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    for place in &mut letter.sections[0].findings {
        place.tlp = Some("TLP:RED".into());
    }
    let text = flat(&letter);
    assert!(text.contains("TLP:RED: alleen voor u"), "{text}");
    assert!(!text.contains("eigen adres"), "{text}");
}
