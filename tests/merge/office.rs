//! LibreOffice merges the workbook: names, zeros and the count come out as they are.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use nachtwacht::model::company::{Channel, Language, PartyKind, PostalAddress};
use nachtwacht::model::identity::{LetterId, Reference, Secret};
use nachtwacht::model::letter::Letter;
use nachtwacht::render::Look;
use nachtwacht::render::merge::{self, MergeLetter, Profile};

use super::letter;
use crate::harness::{needs, root};

/// Name, street, number, addition, postcode, town, country: what offices like to change.
const PEOPLE: [[&str; 7]; 6] = [
    ["0123", "Straat", "007", "0", "1234 AB", "Stad", "NL"],
    [
        "Bäckerei Ørsted & Zn <b>",
        "Weg",
        "12",
        "1-2",
        "01067",
        "Ort",
        "DE",
    ],
    ["=1+1", "+31", "1E5", "=A1", "00100", "Città", "IT"],
    [
        "1/2 maart",
        "3-4",
        "3-4",
        "TRUE",
        "9999ZZ",
        "'s-Gravenhage",
        "",
    ],
    [
        "你好 “aanhaling”; \"puntkomma\"",
        "1,5",
        "1.500",
        "a",
        "0001AA",
        "Dorp",
        "NL",
    ],
    ["  omringd ", "@x", "#N/A", "-", "1e10", "ΩΜΕΓΑ", "GR"],
];

fn letters() -> (Look, Vec<Letter>) {
    let (look, model) = letter(1, PartyKind::Participant, Channel::Post);
    let make =
        |(n, [name, street, number, addition, postcode, town, country]): (usize, &[&str; 7])| {
            let mut company = (*model.company).clone();
            company.name = (*name).to_owned();
            company.address = Some(PostalAddress {
                street: (*street).into(),
                house_number: (*number).into(),
                house_number_addition: (*addition).into(),
                postcode: (*postcode).into(),
                town: (*town).into(),
                country: (*country).into(),
                shielded: false,
            });
            let id = LetterId::of(&format!("kvk:0000000{n}").parse().unwrap(), &[]);
            Letter {
                id,
                reference: Reference::of(&Secret::new(b"samples-only:office"), model.night, id),
                addressee: Arc::new(company),
                language: if n % 2 == 0 {
                    Language::Nl
                } else {
                    Language::En
                },
                ..model.clone()
            }
        };
    (look, PEOPLE.iter().enumerate().map(make).collect())
}

/// A letter with every column between `=[` and `]`.
fn template(columns: &csv::StringRecord) -> String {
    let field = |name: &str| {
        format!(
            "<text:p>{name}=[<text:database-display text:column-name=\"{name}\" text:table-name=\"brieven\" \
             text:table-type=\"table\" text:database-name=\"letters\">none</text:database-display>]</text:p>"
        )
    };
    let fields: String = columns.iter().map(field).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <office:document xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" office:version=\"1.3\" \
         office:mimetype=\"application/vnd.oasis.opendocument.text\">\
         <office:body><office:text>{fields}</office:text></office:body></office:document>"
    )
}

/// The system's Python: a venv does not see the office's own package.
fn python() -> Option<&'static str> {
    ["/usr/bin/python3", "python3"].into_iter().find(|python| {
        let ran = Command::new(python).args(["-c", "import uno"]).output();
        ran.is_ok_and(|ran| ran.status.success())
    })
}

#[test]
fn libreoffice_merges_every_cell_as_it_is() {
    let office = Command::new("soffice").arg("--version").output();
    if !needs("soffice", office.is_ok()) || !needs("python3-uno", python().is_some()) {
        return;
    }
    let (look, letters) = letters();
    let rows: Vec<_> = letters
        .iter()
        .map(|letter| MergeLetter { letter, pages: 1 })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let csv = merge::csv(&rows, &look, b';', Profile::Printer).unwrap();
    let mut csv = csv::ReaderBuilder::new()
        .delimiter(b';')
        .from_reader(&csv[..]);
    let columns = csv.headers().unwrap().clone();
    let book = merge::xlsx(&rows, &look, letters[0].night).unwrap();
    fs::write(path("letters.xlsx"), book).unwrap();
    fs::write(path("template.fodt"), template(&columns)).unwrap();
    let ran = Command::new(python().unwrap())
        .arg(root().join("tests/merge/office.py"))
        .args([path("letters.xlsx"), path("template.fodt")])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    if !needs("libreoffice-base", !said.contains("libdbaxmllo")) {
        return;
    }
    assert!(ran.status.success(), "{said}");
    // Every column is text to the office, so it cannot have thrown a zero away.
    let types = String::from_utf8(ran.stdout).unwrap();
    let want: String = columns.iter().map(|c| format!("{c} VARCHAR\n")).collect();
    assert_eq!(types, want);
    let mut merged: BTreeMap<String, String> = fs::read_dir(path("merged"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|file| {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(file).unwrap())
        })
        .collect();
    assert_eq!(merged.len(), letters.len(), "{:?}", merged.keys());
    for (n, (row, letter)) in csv.records().zip(&letters).enumerate() {
        let row = row.unwrap();
        let found = merged.remove(letter.reference.as_str()).unwrap();
        let want: Vec<String> = columns
            .iter()
            .zip(&row)
            .map(|(column, cell)| format!("{column}=[{cell}]"))
            .collect();
        // The CSV is ours too: what was put in is held against it once more.
        let [name, _, number, addition, postcode, ..] = PEOPLE[n];
        let of = |column: &str| &row[columns.iter().position(|c| c == column).unwrap()];
        assert_eq!(of("naam"), name.trim());
        assert_eq!((of("huisnummer"), of("toevoeging")), (number, addition));
        assert_eq!(of("postcode"), postcode.replace(' ', "").to_uppercase());
        let found: Vec<&str> = found.trim_start_matches('\u{feff}').lines().collect();
        assert_eq!(found, want);
    }
}
