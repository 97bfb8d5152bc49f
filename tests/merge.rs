//! Annexes, batches for the printer, and the two profiles of CSV.

mod office;

use std::process::Command;
use std::sync::Arc;

use nachtwacht::model::company::{Channel, Language, PartyKind};
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::identity::{LetterId, Reference, Secret};
use nachtwacht::model::letter::Letter;
use nachtwacht::render::merge::{self, MergeLetter, Profile};
use nachtwacht::render::{self, Mark, print};

use crate::harness::needs;
use crate::render::house;

/// A letter with this many places.
fn letter(n_places: usize, kind: PartyKind, channel: Channel) -> (render::Look, Letter) {
    let (look, threat) = house();
    let mut letter = render::sample_letter(&threat, Language::Nl, ItemKind::First, &look).unwrap();
    let mut company = (*letter.company).clone();
    company.party_kind = kind;
    letter.company = Arc::new(company);
    letter.recipient.channel = channel;
    let model = letter.sections[0].findings[0].clone();
    letter.sections[0].findings = vec![model; n_places];
    (look, letter)
}

#[test]
fn a_letter_has_an_annex_where_its_tables_are_cut_and_an_owner_always() {
    for (n, kind, n_shown) in [
        (3, PartyKind::Participant, None),
        (150, PartyKind::Participant, Some(100)),
        (3, PartyKind::NetworkOwner, Some(3)),
        (150, PartyKind::NetworkOwner, Some(20)),
    ] {
        for channel in [Channel::Email, Channel::Post] {
            let (look, mut letter) = letter(n, kind, channel);
            letter.sections[0].findings[0].hostname =
                Some("=HYPERLINK(\"http://evil.example\")".into());
            let done = render::render(&letter, &look, Mark::None).unwrap();
            let text = String::from_utf8(done.text).unwrap();
            assert_eq!(done.annex.is_some(), n_shown.is_some(), "{n} {kind}");
            let n_in_letter = text.matches(" 192.0.2.10, poort").count();
            assert_eq!(n_in_letter, n_shown.unwrap_or(n), "{n} {kind}");
            let Some(annex) = done.annex else { continue };
            let is_along = text.contains("bij deze");
            assert_eq!(is_along, channel == Channel::Email, "{text}");
            // One row a place, whatever the letter shows; no cell is a formula.
            let csv = String::from_utf8(annex.csv).unwrap();
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(b';')
                .from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
            let rows: Vec<_> = reader.records().map(|r| r.unwrap()).collect();
            assert_eq!(rows.len(), n);
            for cell in rows.iter().flat_map(|r| r.iter()) {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t']), "{cell}");
            }
            let json: serde_json::Value = serde_json::from_slice(&annex.json).unwrap();
            assert_eq!(json["places"].as_array().unwrap().len(), n);
            assert_eq!(json["places"][0]["ip"], "192.0.2.10");
            assert_eq!(json["reference"], letter.reference.as_str());
        }
    }
}

#[test]
fn a_batch_holds_every_letter_on_the_page_that_the_list_says() {
    let letters: Vec<(Letter, u32)> = [2usize, 60, 5]
        .iter()
        .enumerate()
        .map(|(i, n)| {
            let (look, mut letter) = letter(*n, PartyKind::Participant, Channel::Post);
            let mut company = (*letter.company).clone();
            company.name = format!("Bedrijf nummer {i}");
            company.address.as_mut().unwrap().postcode = format!("{}000AB", 9 - i);
            letter.company = Arc::new(company.clone());
            letter.addressee = Arc::new(company);
            let pages = render::render(&letter, &look, Mark::None).unwrap().pages;
            (letter, pages)
        })
        .collect();
    let (look, _) = house();
    for is_duplex in [true, false] {
        let settings = print::Settings {
            letters_a_batch: 250,
            is_duplex,
        };
        let mut rows: Vec<_> = letters
            .iter()
            .map(|(letter, pages)| MergeLetter {
                letter,
                pages: *pages,
            })
            .collect();
        print::posting_order(&mut rows);
        let names: Vec<&str> = rows
            .iter()
            .map(|r| r.letter.addressee.name.as_str())
            .collect();
        assert_eq!(
            names,
            ["Bedrijf nummer 2", "Bedrijf nummer 1", "Bedrijf nummer 0"]
        );
        let batch = print::batch("2026-03-12-001", &rows, &look, settings).unwrap();
        let places = print::places(&batch, "print-001.pdf", "", &rows, settings);
        assert_eq!(places[0].first_page, 1);
        let last = places.last().unwrap();
        let end = last.first_page + last.pages - 1;
        assert_eq!(end, batch.pages, "duplex: {is_duplex}");
        if !needs(
            "pdftotext",
            Command::new("pdftotext").arg("-v").output().is_ok(),
        ) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("print.pdf");
        std::fs::write(&file, &batch.pdf).unwrap();
        let page = |n: u32| {
            let n = n.to_string();
            let words = ["-f", &n, "-l", &n, "-layout"];
            let said = Command::new("pdftotext")
                .args(words)
                .arg(&file)
                .arg("-")
                .output();
            String::from_utf8(said.unwrap().stdout).unwrap()
        };
        for (place, row) in places.iter().zip(&rows) {
            assert!(!is_duplex || place.first_page % 2 == 1, "a front side");
            let first = page(place.first_page);
            assert!(first.contains(&row.letter.addressee.name), "{first}");
            let footer = format!("Pagina 1 van {}", place.pages);
            assert!(first.contains(&footer), "{first}");
            let last = page(place.first_page + place.pages - 1);
            let footer = format!("Pagina {0} van {0}", place.pages);
            assert!(last.contains(&footer), "{last}");
            if is_duplex && place.pages % 2 == 1 && place.first_page + place.pages <= batch.pages {
                let back = page(place.first_page + place.pages);
                assert!(
                    !back.contains("Pagina"),
                    "an empty back side says nothing: {back}"
                );
            }
        }
    }
}

#[test]
fn a_spreadsheet_finds_no_formula_and_a_printer_every_name_as_it_is() {
    let (look, mut letter) = letter(1, PartyKind::Participant, Channel::Post);
    for name in [
        "=1+1",
        "@SUM(A1)",
        "+31 bv",
        "-x",
        "  =cmd|' /C calc'!A0",
        "\u{ff1d}1",
    ] {
        let mut company = (*letter.company).clone();
        company.name = name.into();
        letter.addressee = Arc::new(company);
        let rows = [MergeLetter {
            letter: &letter,
            pages: 1,
        }];
        let csv = |profile| {
            let bytes = merge::csv(&rows, &look, b';', profile).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let shown = name.trim();
        assert!(
            csv(Profile::Printer).contains(&format!(";{shown};")),
            "{name}"
        );
        assert!(
            csv(Profile::Spreadsheet).contains(&format!(";'{shown};")),
            "{name}"
        );
    }
}

/// However the register sorts its addresses: the same order, places and bytes.
#[test]
fn a_batch_does_not_depend_on_the_order_of_the_addresses() {
    let (look, model) = letter(1, PartyKind::Participant, Channel::Post);
    let letters: Vec<Letter> = (0..6u32)
        .map(|i| {
            let mut letter = model.clone();
            let mut company = (*model.company).clone();
            company.name = format!("Bedrijf nummer {i}");
            company.key = format!("kvk:{i:08}").parse().unwrap();
            // Two share a postcode and a number: the reference decides.
            company.address.as_mut().unwrap().postcode = format!("{}000AB", 1 + (i * 7 % 5));
            letter.id = LetterId::of(&company.key, &[]);
            letter.reference = Reference::of(&Secret::new(b"merge"), letter.night, letter.id);
            letter.company = Arc::new(company);
            letter.addressee = Arc::clone(&letter.company);
            letter
        })
        .collect();
    let settings = print::Settings::default();
    let of = |order: &[usize]| {
        let pick = |at: &usize| MergeLetter {
            letter: &letters[*at],
            pages: 2,
        };
        let mut rows: Vec<_> = order.iter().map(pick).collect();
        print::posting_order(&mut rows);
        let batch = print::batch("2026-03-12-001", &rows, &look, settings).unwrap();
        let places = print::places(&batch, "print-001.pdf", "", &rows, settings);
        (batch, places)
    };
    let first = of(&[0, 1, 2, 3, 4, 5]);
    assert_eq!(first.1.len(), 6);
    for order in [[5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 4, 3]] {
        assert_eq!(of(&order), first, "{order:?}");
    }
}

/// The operator's notation, whatever the register's: postcode and country in capitals, and the country
/// by its Dutch name also in an English letter, since it is posted in the Netherlands.
#[test]
fn addresses_stand_as_the_operator_reads_them() {
    for (registered, town, country, want, merged) in [
        (
            "1234ab",
            "Utrecht",
            "NL",
            "1234 AB  UTRECHT",
            "1234AB;UTRECHT;",
        ),
        (
            "1234 ab",
            "Utrecht",
            "",
            "1234 AB  UTRECHT",
            "1234AB;UTRECHT;",
        ),
        (
            "1000",
            "Brussel",
            "BE",
            "1000  Brussel\nBELGIË",
            "1000;BRUSSEL;BE",
        ),
        (
            "00100",
            "Roma",
            "it",
            "00100  Roma\nITALIË",
            "00100;ROMA;IT",
        ),
        (
            "sw1a 1aa",
            "London",
            "GB",
            "SW1A 1AA  London\nVERENIGD KONINKRIJK",
            "SW1A1AA;LONDON;GB",
        ),
        ("1010", "Stad", "XX", "1010  Stad\nXX", "1010;STAD;XX"),
    ] {
        let (look, mut letter) = letter(1, PartyKind::Participant, Channel::Post);
        for language in [Language::Nl, Language::En] {
            letter.language = language;
            let mut company = (*letter.company).clone();
            let address = company.address.as_mut().unwrap();
            (address.postcode, address.town) = (registered.into(), town.into());
            address.country = country.into();
            letter.company = Arc::new(company);
            letter.addressee = Arc::clone(&letter.company);
            let [text, _] = render::render_texts(&letter, &look, Mark::None).unwrap();
            assert!(text.contains(&format!("\n{want}\n")), "{want}: {text}");
            let rows = [MergeLetter {
                letter: &letter,
                pages: 1,
            }];
            let csv = merge::csv(&rows, &look, b';', Profile::Printer).unwrap();
            let csv = String::from_utf8(csv).unwrap();
            assert!(
                csv.contains(&format!(";{merged};{language};")),
                "{merged}: {csv}"
            );
        }
    }
}
