//! Hostile text in every field of a letter, read back by other programs' eyes: mail merge as CSV
//! and XLSX, mails, annexes. (Text, HTML and PDF: `render.rs`.)

use std::io::Cursor;
use std::sync::Arc;

use calamine::{Data, Reader, Xlsx};
use mail_parser::{MessageParser, MimeHeaders};
use nachtwacht::model::company::{Channel, Language, PartyKind};
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::letter::{Form, Letter};
use nachtwacht::render::merge::{self, MergeLetter, Profile};
use nachtwacht::render::{self, Look, Mark, Rendered};

use crate::harness::shared;
use crate::render::{OWN, house, poisoned};

/// Beginnings that a spreadsheet takes for a formula (OWASP, CSV injection).
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Our own strings and those of the public lists.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = OWN.iter().map(|text| (*text).to_owned()).collect();
    texts.extend(FORMULA.map(|begin| format!("{begin}1+1|x")));
    texts.push("../../../etc/passwd".into());
    texts.push("x".repeat(100_000));
    if let Some(file) = shared("hostile-strings/blns.json") {
        let found: Vec<String> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        texts.extend(found);
    }
    if let Some(file) = shared("hostile-strings/csv-injection.txt") {
        let found = std::fs::read_to_string(file).unwrap();
        texts.extend(found.lines().map(str::to_owned));
    }
    if let Some(file) = shared("hostile-strings/invisible-and-bidi.csv") {
        let found = std::fs::read_to_string(file).unwrap();
        let signs = found.lines().skip(1).filter_map(|line| {
            let code = line.split(',').next()?.strip_prefix("U+")?;
            char::from_u32(u32::from_str_radix(code, 16).ok()?)
        });
        texts.extend(signs.map(|sign| format!("a{sign}b.example")));
    }
    texts
}

fn letters(channel: Channel) -> (Look, Letter, Vec<Letter>) {
    let (look, threat) = house();
    let mut clean = render::sample_letter(&threat, Language::Nl, ItemKind::First, &look).unwrap();
    clean.recipient.channel = channel;
    if channel == Channel::Email {
        clean.recipient.value = "security@voorbeeld.example".into();
    }
    let texts = texts();
    let all = texts.iter().flat_map(|text| poisoned(&clean, text));
    let all = all.collect();
    (look, clean, all)
}

#[test]
fn no_cell_of_a_mail_merge_runs_or_breaks_its_row() {
    let (look, _, letters) = letters(Channel::Post);
    let rows: Vec<MergeLetter<'_>> = letters
        .iter()
        .map(|letter| MergeLetter { letter, pages: 1 })
        .collect();
    for profile in [Profile::Printer, Profile::Spreadsheet] {
        let bytes = merge::csv(&rows, &look, b';', profile).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(b';')
            .flexible(false)
            .from_reader(text.as_bytes());
        let found: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(found.len(), letters.len(), "a row for each letter");
        for cell in found.iter().flatten() {
            assert!(!cell.chars().any(is_hidden), "{cell:?}");
            let is_formula = cell.trim_start().starts_with(FORMULA) || cell.starts_with(FORMULA);
            assert!(profile == Profile::Printer || !is_formula, "{cell:?}");
        }
        // A file's name is made of the reference alone.
        for (row, letter) in found.iter().zip(&letters) {
            let file = row.iter().next_back().unwrap();
            assert_eq!(file, format!("letters/{}.pdf", letter.name()));
        }
    }
    let book = merge::xlsx(&rows, &look, letters[0].night).unwrap();
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(book)).unwrap();
    for sheet in book.sheet_names() {
        assert!(
            book.worksheet_formula(&sheet).unwrap().is_empty(),
            "{sheet}"
        );
        let cells = book.worksheet_range(&sheet).unwrap();
        for cell in cells.used_cells().map(|(.., cell)| cell) {
            assert!(matches!(cell, Data::String(_)), "{cell:?} is no text");
        }
    }
    assert_eq!(
        book.worksheet_range("brieven").unwrap().height(),
        letters.len() + 1
    );
}

fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}')
}

/// What another program finds in a mail: names of headers, recipients, kinds and names of parts.
fn skeleton(letter: &Letter, look: &Look) -> (Vec<String>, Vec<String>, Vec<String>) {
    let form = |form| render::render_form(letter, look, form, Mark::None).unwrap();
    // The PDF has tests of its own.
    let done = Rendered {
        text: form(Form::Text),
        html: form(Form::Html),
        pdf: b"%PDF-1.7".to_vec(),
        pages: 1,
        annex: None,
        is_fallback: false,
    };
    let bytes = render::mail(letter, look, &done);
    assert!(bytes.is_ascii(), "a mail is ASCII");
    let longest = bytes.split(|b| *b == b'\n').map(<[u8]>::len).max();
    assert!(longest.unwrap() <= 999, "RFC 5322, 2.1.1");
    let mail = MessageParser::default().parse(&bytes).unwrap();
    let headers = mail.headers().iter().map(|h| h.name().to_owned()).collect();
    let to = mail.to().unwrap().iter();
    let to = to.map(|a| a.address().unwrap_or_default().to_owned());
    let parts = mail.parts.iter().map(|part| {
        let kind = part.content_type();
        let kind = kind.map(|k| format!("{}/{}", k.ctype(), k.subtype().unwrap_or_default()));
        format!("{} {:?}", kind.unwrap_or_default(), part.attachment_name())
    });
    (headers, to.collect(), parts.collect())
}

#[test]
fn no_field_adds_a_header_a_recipient_or_a_part_to_a_mail() {
    let (look, clean, letters) = letters(Channel::Email);
    let want = skeleton(&clean, &look);
    assert_eq!(want.1, ["security@voorbeeld.example"]);
    for letter in &letters {
        let found = skeleton(letter, &look);
        assert_eq!(found, want, "{:?}", letter.sections[0].findings[0]);
    }
}

#[test]
fn annexes_are_text_to_a_spreadsheet_and_whole_to_a_program() {
    let (look, clean, _) = letters(Channel::Email);
    let mut owner = (*clean.company).clone();
    owner.party_kind = PartyKind::NetworkOwner;
    let model = Letter {
        company: Arc::new(owner),
        ..clean
    };
    for text in texts().iter().step_by(7) {
        for mut letter in poisoned(&model, text) {
            // The company's own name was taken to another kind of party.
            let mut owner = (*letter.company).clone();
            owner.party_kind = PartyKind::NetworkOwner;
            letter.company = Arc::new(owner);
            let done = render::render(&letter, &look, Mark::None).unwrap();
            let annex = done.annex.unwrap();
            let csv = String::from_utf8(annex.csv).unwrap();
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(b';')
                .from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
            let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            let n_findings: usize = letter.sections.iter().map(|s| s.findings.len()).sum();
            assert_eq!(rows.len(), n_findings);
            for cell in rows.iter().flatten() {
                assert!(!cell.trim_start().starts_with(FORMULA), "{cell:?}");
                assert!(!cell.chars().any(is_hidden), "{cell:?}");
            }
            let json: serde_json::Value = serde_json::from_slice(&annex.json).unwrap();
            assert!(json.is_object());
        }
    }
}
