//! `register check`: what spreadsheets do to registrations, every fault at once, and what a
//! delivery would change.

use std::collections::BTreeSet;
use std::fs;

use arrow::array::{ArrayRef, StringArray};
use arrow::record_batch::RecordBatch;
use nachtwacht::diag::Kind as Who;
use nachtwacht::register::{self, Ask, Change, Checked, Current, Kind, Table};
use rust_xlsxwriter::{Format, Workbook};

use super::{samples, suffixes::suffixes, zone};
use crate::sandbox::Sandbox;

struct Way {
    restores_zeros: bool,
    is_partial: bool,
}

const STRICT: Way = Way {
    restores_zeros: false,
    is_partial: false,
};

fn check_with(files: &[&[u8]], current: &[(Kind, &str)], way: &Way) -> Vec<Checked> {
    let (suffixes, zone, settings) = (suffixes(), zone(), samples());
    let ask = Ask {
        suffixes: &suffixes,
        zone: &zone,
        settings: &settings,
        restores_zeros: way.restores_zeros,
        is_partial: way.is_partial,
    };
    let mut now = Current::default();
    for (kind, text) in current {
        let sheet = register::delivered(text.as_bytes(), "current").unwrap();
        let mut known = Current::default();
        known.keys.clone_from(&now.keys);
        let typed = register::check(sheet.into_iter().map(Table::from).collect(), known, &ask);
        let typed = typed.unwrap().remove(0);
        assert!(typed.problems.is_empty(), "{:?}", typed.problems);
        now.take(*kind, &typed.batches, "current", &ask).unwrap();
    }
    let sheets = files
        .iter()
        .flat_map(|f| register::delivered(f, "file").unwrap());
    register::check(sheets.map(Table::from).collect(), now, &ask).unwrap()
}

fn check(file: &[u8]) -> Checked {
    check_with(&[file], &[], &STRICT).remove(0)
}

/// `row column code` of every fault, rows as the program counts in which a person looks.
fn faults(checked: &Checked) -> Vec<String> {
    let told = |p: &nachtwacht::diag::Reject| {
        let at = checked.numbers.text(p.row);
        let at = at.split(' ').next_back().unwrap();
        format!("{at} {} {}", p.column, p.why.code())
    };
    checked.problems.iter().map(told).collect()
}

/// The number is the one that an editor or a spreadsheet shows.
#[test]
fn a_fault_is_named_by_the_line_or_row_in_which_a_person_finds_it() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (row, key, name) in [(3, "kvk", "naam"), (4, "00000001", "A"), (5, "2", "B")] {
        sheet.write(row, 1, key).unwrap();
        sheet.write(row, 2, name).unwrap();
    }
    let book = book.save_to_buffer().unwrap();
    for (file, first, want) in [
        (&b"kvk,naam\n00000001,A\n2,B\n"[..], "line 2", "line 3"),
        (
            b"sep=;\r\nkvk;naam\r\n00000001;A\r\n2;B\r\n",
            "line 3",
            "line 4",
        ),
        (
            b"kvk,naam\n00000001,\"A\nB.V.\"\n\n2,B\n",
            "line 2",
            "line 5",
        ),
        (&book, "row 5", "row 6"),
    ] {
        let checked = check(file);
        let [fault] = checked.problems.as_slice() else {
            panic!("{:?}", checked.problems)
        };
        assert_eq!(checked.numbers.text(fault.row), want);
        let note = format!("{first} is the first under the header");
        assert!(checked.notes.contains(&note), "{:?}", checked.notes);
    }
}

#[test]
fn every_fault_of_every_row_is_named_at_once() {
    let file = "KvK-nummer;Naam;Taal;participant_since;Deelnemer tot;party_kind;address_shielded\n\
        00000001;Bakkerij;nl;2026-01-01;;participant;nee\n\
        1;;fr;01-02-2026;;vriend;misschien\n\
        1,2E+07;Slager;en;2026-03-01;2026-02-01;;\n\
        00000001;Nog eens;nl;;;;\n";
    let checked = check(file.as_bytes());
    assert_eq!(checked.kind, Kind::Companies);
    assert_eq!((checked.n_rows, checked.n_usable), (4, 1));
    assert_eq!(
        faults(&checked),
        [
            "3 company_id lost_leading_zeros",
            "3 participant_since bad_date",
            "3 address_shielded bad_truth",
            "3 name missing_name",
            "3 party_kind unknown_party_kind",
            "3 language unknown_language",
            "4 company_id scientific_notation",
            "4 participant_until bad_interval",
            "5 company_key duplicate_company",
        ]
    );
}

#[test]
fn leading_zeros_come_back_only_when_asked() {
    let file = b"kvk,naam\n1234567,A\n00000002,B\n7.0,C\n";
    assert_eq!(
        faults(&check(file)),
        [
            "2 company_id lost_leading_zeros",
            "4 company_id lost_leading_zeros"
        ]
    );
    let way = Way {
        restores_zeros: true,
        is_partial: false,
    };
    let checked = check_with(&[file], &[], &way).remove(0);
    assert!(faults(&checked).is_empty());
    assert!(checked.notes.iter().any(|n| n.starts_with("2 KvK numbers")));
    let keys: Vec<String> = checked
        .changes
        .iter()
        .map(|c| match c {
            Change::Added { company, .. } => company.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(keys, ["kvk:00000002", "kvk:00000007", "kvk:01234567"]);
}

#[test]
fn encodings_of_spreadsheets_give_the_same_table() {
    let text = "kvk;naam;plaats\n00000001;Café 't Één € Huis;'s-Hertogenbosch\n";
    let utf16 = |big: bool, mark: bool| -> Vec<u8> {
        let units = mark
            .then_some(0xfeff)
            .into_iter()
            .chain(text.encode_utf16());
        units
            .flat_map(|u| {
                if big {
                    u.to_be_bytes()
                } else {
                    u.to_le_bytes()
                }
            })
            .collect()
    };
    let windows: Vec<u8> = text
        .chars()
        .map(|c| match c {
            '€' => 0x80,
            c => u8::try_from(u32::from(c)).unwrap(),
        })
        .collect();
    let files: Vec<(Vec<u8>, &str)> = vec![
        (text.into(), ""),
        (format!("\u{feff}{text}").into(), ""),
        (
            format!("sep=;\r\n{}", text.replace('\n', "\r\n")).into(),
            "",
        ),
        (windows, "Windows-1252"),
        (utf16(false, true), "UTF-16"),
        (utf16(true, true), "UTF-16"),
        (utf16(false, false), "UTF-16"),
        (utf16(true, false), "UTF-16"),
    ];
    for (bytes, note) in files {
        let sheet = register::delivered(&bytes, "file").unwrap().remove(0);
        let name: &StringArray = sheet
            .batch
            .column_by_name("name")
            .unwrap()
            .as_any()
            .downcast_ref()
            .unwrap();
        assert_eq!(name.value(0), "Café 't Één € Huis", "{note}");
        let is_noted = sheet.notes.iter().any(|n| n.contains("read as"));
        assert_eq!(is_noted, !note.is_empty());
        assert!(sheet.notes.iter().any(|n| n.contains(note)));
    }
}

/// A workbook as a spreadsheet saves it: numbers for KvK numbers, real dates, an error cell, a
/// house number that became a date; two tables in two sheets.
fn workbook() -> Vec<u8> {
    let mut book = Workbook::new();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let day = rust_xlsxwriter::ExcelDateTime::from_ymd(2026, 3, 1).unwrap();
    let sheet = book.add_worksheet().set_name("Bedrijven").unwrap();
    for (i, name) in ["KvK-nummer", "Naam", "participant_since", "Huisnummer"]
        .iter()
        .enumerate()
    {
        sheet.write(0, i as u16, *name).unwrap();
    }
    sheet.write(1, 0, 12_345_678).unwrap();
    sheet.write(1, 1, "Bakkerij").unwrap();
    sheet.write_with_format(1, 2, &day, &date).unwrap();
    sheet.write(1, 3, 12).unwrap();
    sheet.write(2, 0, 1_234_567).unwrap();
    sheet.write(2, 1, "Slager").unwrap();
    sheet.write_with_format(2, 3, &day, &date).unwrap();
    sheet.write(3, 0, "00000003").unwrap();
    sheet
        .write_formula(
            3,
            1,
            rust_xlsxwriter::Formula::new("=A1/0").set_result("#DIV/0!"),
        )
        .unwrap();
    let sheet = book.add_worksheet().set_name("Assets").unwrap();
    for (i, name) in ["KvK nummer", "Soort", "Waarde"].iter().enumerate() {
        sheet.write(0, i as u16, *name).unwrap();
    }
    for (i, (key, kind, value)) in [
        ("12345678", "domain", "voorbeeld.example"),
        ("12345678", "asn", "64500"),
        ("99999999", "ip", "192.0.2.300"),
    ]
    .iter()
    .enumerate()
    {
        sheet.write(1 + i as u32, 0, *key).unwrap();
        sheet.write(1 + i as u32, 1, *kind).unwrap();
        sheet.write(1 + i as u32, 2, *value).unwrap();
    }
    book.save_to_buffer().unwrap()
}

#[test]
fn a_workbook_is_read_as_its_writer_meant_it() {
    let checked = check_with(&[&workbook()], &[], &STRICT);
    let [companies, assets] = checked.as_slice() else {
        panic!("{}", checked.len())
    };
    assert_eq!(
        (companies.kind, assets.kind),
        (Kind::Companies, Kind::Assets)
    );
    let found = faults(companies);
    assert_eq!(
        found.first().map(String::as_str),
        Some("3 house_number turned_into_date"),
        "{found:?}"
    );
    assert_eq!(
        found.get(1).map(String::as_str),
        Some("3 company_id lost_leading_zeros")
    );
    assert_eq!((companies.n_rows, companies.n_usable), (3, 1), "{found:?}");
    assert_eq!(
        found.get(2).map(String::as_str),
        Some("4 name spreadsheet_error")
    );
    assert_eq!(
        faults(assets),
        ["4 company_key unknown_company", "4 value bad_address"]
    );
    assert_eq!(assets.n_usable, 2);
}

#[test]
fn a_delivery_shows_what_it_would_change() {
    let companies = "company_key,name\nkvk:00000001,A\nkvk:00000002,B\nkvk:00000003,C\n";
    let assets = "company_key,kind,value,valid_until\n\
        kvk:00000001,domain,een.example,\n\
        kvk:00000001,domain,twee.example,\n\
        kvk:00000002,cidr,192.0.2.0/28,\n\
        kvk:00000002,domain,samen.example,\n\
        kvk:00000003,domain,weg.example,\n";
    let new = "company_key,kind,value,valid_until\n\
        kvk:00000001,domain,EEN.example.,\n\
        kvk:00000003,domain,twee.example,\n\
        kvk:00000002,cidr,192.0.2.0/28,2027-01-01\n\
        kvk:00000002,domain,samen.example,\n\
        kvk:00000003,domain,samen.example,\n\
        kvk:00000003,domain,nieuw.example,\n";
    let current = [(Kind::Companies, companies), (Kind::Assets, assets)];
    let key = |n: u32| format!("kvk:0000000{n}").parse().unwrap();
    let changed = Change::Changed {
        thing: "cidr 192.0.2.0/28".into(),
        company: key(2),
        fields: vec![(
            "valid_until".into(),
            String::new(),
            "2026-12-31T23:00:00Z".into(),
        )],
    };
    let moved = Change::Moved {
        thing: "domain twee.example".into(),
        from: key(1),
        to: key(3),
    };
    let removed = Change::Removed {
        thing: "domain weg.example".into(),
        company: key(3),
    };
    let added = |thing: &str| Change::Added {
        thing: thing.into(),
        company: key(3),
    };
    let rest = [
        changed,
        added("domain nieuw.example"),
        added("domain samen.example"),
    ];
    let full = check_with(&[new.as_bytes()], &current, &STRICT).remove(0);
    let wanted: Vec<Change> = [moved.clone(), removed]
        .into_iter()
        .chain(rest.clone())
        .collect();
    assert_eq!(full.changes, wanted);
    let way = Way {
        restores_zeros: false,
        is_partial: true,
    };
    let partial = check_with(&[new.as_bytes()], &current, &way).remove(0);
    let wanted: Vec<Change> = [moved].into_iter().chain(rest).collect();
    assert_eq!(partial.changes, wanted);
    // A form without a column says nothing about it; a misspelt one is named.
    let form = b"company_key,kind,value,valid_til\nkvk:00000002,cidr,192.0.2.0/28,2027-01-01\n";
    let partial = check_with(&[form], &current, &way).remove(0);
    assert!(partial.changes.is_empty(), "{:?}", partial.changes);
    assert!(partial.notes.iter().any(|n| n.ends_with("valid_til")));
    let same = check_with(&[assets.as_bytes()], &current, &STRICT).remove(0);
    assert!(same.changes.is_empty(), "{:?}", same.changes);
}

#[test]
fn what_is_no_table_of_registrations_is_refused_with_its_columns() {
    let read = |bytes: &[u8]| register::delivered(bytes, "file.csv");
    // What follows would be one name, and its rows would be nobody's.
    let failure = register::delivered(b"a,b\n1,2\n", "file.XLSX")
        .err()
        .unwrap();
    assert!(failure.to_string().contains("no workbook"), "{failure}");
    let open = b"sep=,\nKvK-nummer,Naam\n12345678,\"Onaf\n12345679,Tweede\n";
    let failure = read(open).err().unwrap().to_string();
    assert!(
        failure.contains("a quote opens in line 3 and never closes"),
        "{failure}"
    );
    for bytes in [
        &b""[..],
        b"PK\x03\x04rubbish",
        b"\xd0\xcf\x11\xe0old",
        b"a,a\n1,2\n",
    ] {
        let failure = read(bytes).map(|_| ()).unwrap_err();
        assert_eq!(failure.kind, Who::FixData, "{failure}");
    }
    let (suffixes, zone, settings) = (suffixes(), zone(), samples());
    let ask = Ask {
        suffixes: &suffixes,
        zone: &zone,
        settings: &settings,
        restores_zeros: false,
        is_partial: false,
    };
    let sheet = read(b"kleur,maat\nrood,3\n").unwrap();
    let tables = sheet.into_iter().map(Table::from).collect();
    let failure = register::check(tables, Current::default(), &ask)
        .map(|_| ())
        .unwrap_err();
    assert!(failure.to_string().contains("`kleur`, `maat`"), "{failure}");
}

/// pandas writes KvK numbers as integers into Parquet.
#[test]
fn numbers_for_keys_in_parquet_have_lost_their_zeros_too() {
    let (suffixes, zone, settings) = (suffixes(), zone(), samples());
    let ask = Ask {
        suffixes: &suffixes,
        zone: &zone,
        settings: &settings,
        restores_zeros: false,
        is_partial: false,
    };
    let keys: ArrayRef = std::sync::Arc::new(arrow::array::Int64Array::from(vec![12_345_678, 42]));
    let names: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["A", "B"]));
    let batch = RecordBatch::try_from_iter([("company_id", keys), ("name", names)]).unwrap();
    let table = Table::of_batches("f.parquet".into(), vec![batch]);
    let checked = register::check(vec![table], Current::default(), &ask)
        .unwrap()
        .remove(0);
    assert_eq!(faults(&checked), ["2 company_id lost_leading_zeros"]);
    let known: BTreeSet<u64> = checked.problems.iter().map(|p| p.row).collect();
    assert_eq!(known.len(), 1);
}

#[test]
fn what_nobody_confirmed_is_listed_by_company() {
    use nachtwacht::model::company::{Channel, Contact};
    const DAY: i64 = 86_400_000_000;
    let (suffixes, zone, settings) = (suffixes(), zone(), samples());
    let text = b"company_key,kind,value,valid_until,confirmed_at\n\
        kvk:00000001,domain,een.example,,1970-04-01T00:00:00Z\n\
        kvk:00000001,domain,oud.example,,1970-01-11T00:00:00Z\n\
        kvk:00000001,domain,nooit.example,,\n\
        kvk:00000001,domain,voorbij.example,1970-02-01,\n\
        kvk:00000002,domain,vers.example,,1970-04-01T00:00:00Z\n";
    let sheet = register::delivered(text, "file").unwrap().remove(0);
    let kept = register::assets(
        &[sheet.batch],
        "f",
        &super::keys(),
        &suffixes,
        &zone,
        &settings,
    )
    .unwrap();
    assert_eq!(kept.rows.len(), 5, "{:?}", kept.rejects);
    let contact = |n: u32, verified: i64, has_bounced: bool| Contact {
        company: format!("kvk:0000000{n}").parse().unwrap(),
        channel: Channel::Email,
        value: "a@een.example".into(),
        role: String::new(),
        priority: 1,
        verified_at: Some(verified * DAY),
        bounced_at: has_bounced.then_some(0),
    };
    let contacts = [
        contact(1, 5, false),
        contact(1, 3, true),
        contact(2, 95, false),
    ];
    let found = register::unconfirmed(kept.rows.iter(), contacts.iter(), 100 * DAY, 70 * DAY);
    let found: Vec<_> = found
        .iter()
        .map(|(key, of_company)| {
            let n = (of_company.assets.len(), of_company.contacts.len());
            (
                key.to_string(),
                n,
                of_company.has_never(),
                of_company.oldest(),
            )
        })
        .collect();
    let of_one = ("kvk:00000001".to_owned(), (2, 1), true, Some(5 * DAY));
    assert_eq!(found, [of_one]);
}

/// Three files that follow each other: each finds what was written before it, and no more.
#[test]
fn a_first_register_is_made_of_three_files_one_by_one() {
    let sandbox = Sandbox::small();
    let register = "data-samples/register";
    fs::remove_dir_all(sandbox.path(register)).unwrap();
    let first = |file: &str| {
        let args = ["register", "check", file, "--first", "--out", register];
        sandbox.call(&args, &[])
    };
    for (file, text) in [
        ("companies.csv", "kvk,naam\n00000001,A\n00000002,B\n"),
        ("assets.csv", "kvk,kind,value\n00000001,ip,240.0.0.1\n"),
        (
            "contacts.csv",
            "kvk,channel,value\n00000002,email,b@b.example\n",
        ),
    ] {
        fs::write(sandbox.path(file), text).unwrap();
        if file != "companies.csv" {
            let plain = sandbox.call(&["register", "check", file], &[]);
            plain.ended_with(2).says(&["add `--first`"]);
        }
        let n = text.lines().count() - 1;
        let ran = first(file).ended_with(0);
        ran.says(&[
            &format!("{n} usable, 0 with faults"),
            &format!("added: {n}\n"),
        ]);
    }
    // A company that is in none of the files is a fault all the same.
    fs::write(
        sandbox.path("other.csv"),
        "kvk,kind,value\n00000003,ip,240.0.0.3\n",
    )
    .unwrap();
    let ran = sandbox.call(&["register", "check", "other.csv", "--first"], &[]);
    ran.ended_with(1)
        .says(&["company key is not in the register"]);
}
