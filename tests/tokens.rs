//! Letters in which every field holds a token of its company alone: no token in any other's
//! letter, in any output.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use calamine::{Data, Reader, Xlsx};
use mail_parser::{MessageParser, MimeHeaders, PartType};
use nachtwacht::model::company::{Channel, Language, PartyKind};
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::identity::{LetterId, Reference, Secret};
use nachtwacht::model::letter::{Fact, Letter, LetterFinding};
use nachtwacht::render::merge::{self, MergeLetter, Profile};
use nachtwacht::render::{self, Look, Mark, Rendered, print};
use nachtwacht::run::side_by_side;

use crate::harness::needs;
use crate::render::house;

/// Fields that some output shows.
const SHOWN: &str = "nshtmopvr";

/// Token of a field (one small letter) of company `n`.
fn token(field: char, n: u32) -> String {
    format!("zq{field}{n:06}x")
}

/// Whose tokens a text holds, and of which fields; case does not matter.
fn tokens(text: &str) -> BTreeSet<(char, u32)> {
    let text = text.to_lowercase();
    let found = text.match_indices("zq").filter_map(|(at, _)| {
        let token = text.get(at + 2..at + 10)?;
        let n = token.get(1..7)?.parse().ok()?;
        token.ends_with('x').then(|| (token.chars().next(), n))
    });
    let found = found.filter_map(|(field, n)| Some((field?, n)));
    // Addresses, and numbers of CVEs, are each company's own too.
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-');
    let numbers = words.filter_map(|word| {
        let ip = word.trim_end_matches('.').parse::<Ipv4Addr>();
        let ip = ip.ok().filter(|ip| ip.octets()[0] == 10);
        let of_ip = ip.map(|ip| ('i', u32::from(ip) - (10 << 24)));
        let cve = word.trim_end_matches('.').strip_prefix("cve-2021-");
        of_ip.or_else(|| Some(('c', cve?.parse::<u32>().ok()? - 100_000)))
    });
    found.chain(numbers).collect()
}

/// The text is about company `n` and nobody else; which of its fields it shows.
#[track_caller]
fn only(n: u32, what: &str, text: &str) -> BTreeSet<char> {
    let found = tokens(text);
    assert!(!found.is_empty(), "{what} of {n} shows none of its fields");
    let others: Vec<_> = found.iter().filter(|(_, of)| *of != n).collect();
    assert!(others.is_empty(), "{what} of {n} holds {others:?}:\n{text}");
    found.into_iter().map(|(field, _)| field).collect()
}

fn finding(model: &LetterFinding, n: u32) -> LetterFinding {
    let ip = IpAddr::from(Ipv4Addr::from((10 << 24) + n));
    LetterFinding {
        target: ip.to_string(),
        ip: Some(ip),
        hostname: Some(format!("{}.example", token('o', n))),
        product: Some(format!("Product {}", token('p', n))),
        version: Some(token('v', n)),
        cves: vec![format!("CVE-2021-{}", 100_000 + n)],
        report: token('r', n),
        asset: token('a', n),
        ..model.clone()
    }
}

/// By turns: a mail, a letter on paper, and the mail of a network's owner with its annex.
fn letter(model: &Letter, n: u32) -> Letter {
    let mut letter = model.clone();
    let mut company = (*model.company).clone();
    company.key = format!("kvk:{n:08}").parse().unwrap();
    company.name = format!("Bedrijf {}", token('n', n));
    let address = company.address.as_mut().unwrap();
    address.street = format!("Pad {}", token('s', n));
    address.house_number_addition = token('h', n);
    address.town = format!("Stad {}", token('t', n));
    if n % 3 == 2 {
        company.party_kind = PartyKind::NetworkOwner;
    }
    letter.id = LetterId::of(&company.key, &[]);
    letter.reference = Reference::of(
        &Secret::new(b"samples-only:tokens"),
        letter.night,
        letter.id,
    );
    letter.company = Arc::new(company);
    letter.addressee = Arc::clone(&letter.company);
    letter.recipient.role = token('b', n);
    if n % 3 != 1 {
        letter.recipient.channel = Channel::Email;
        letter.recipient.value = format!("{}@voorbeeld.example", token('m', n));
    }
    let section = &mut letter.sections[0];
    let one = finding(&section.findings[0], n);
    section.findings = vec![one; 2];
    for fact in &mut section.facts {
        match fact {
            Fact::Kev { cve, .. } | Fact::Epss { cve, .. } => {
                *cve = format!("CVE-2021-{}", 100_000 + n);
            }
            _ => {}
        }
    }
    letter
}

/// The text of a PDF, or of some of its pages.
fn text_of(pdf: &Path, pages: Option<(u32, u32)>) -> String {
    let mut ask = Command::new("pdftotext");
    if let Some((first, last)) = pages {
        ask.args(["-f", &first.to_string(), "-l", &last.to_string()]);
    }
    let ran = ask.arg(pdf).arg("-").output().unwrap();
    String::from_utf8(ran.stdout).unwrap()
}

/// Every output of one letter; the fields that any of them shows.
fn judge(look: &Look, letter: &Letter, n: u32, with_pdf: bool) -> (BTreeSet<char>, Rendered) {
    let done = render::render(letter, look, Mark::None).unwrap();
    assert!(!done.is_fallback);
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut texts = vec![("text", utf8(&done.text)), ("HTML", utf8(&done.html))];
    if let Some(annex) = &done.annex {
        texts.push(("CSV annex", utf8(&annex.csv)));
        texts.push(("JSON annex", utf8(&annex.json)));
    }
    assert_eq!(done.annex.is_some(), n % 3 == 2);
    if with_pdf {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("letter.pdf");
        std::fs::write(&file, &done.pdf).unwrap();
        texts.push(("PDF", text_of(&file, None)));
    }
    if letter.recipient.channel == Channel::Email {
        texts.extend(mail_texts(letter, look, &done));
    }
    let fields = texts.iter().flat_map(|(what, text)| only(n, what, text));
    (fields.collect(), done)
}

/// What another program reads in the mail; the PDF in it is the letter's own.
fn mail_texts(letter: &Letter, look: &Look, done: &Rendered) -> Vec<(&'static str, String)> {
    let bytes = render::mail(letter, look, done);
    let mail = MessageParser::default().parse(&bytes).unwrap();
    let to: Vec<_> = mail.to().unwrap().iter().map(|a| a.address()).collect();
    assert_eq!(to, [Some(letter.recipient.value.as_str())]);
    let head = mail
        .headers_raw()
        .map(|(name, value)| format!("{name}:{value}"));
    let mut texts = vec![("mail's head", head.collect())];
    for part in &mail.parts {
        match &part.body {
            PartType::Text(text) => texts.push(("mail's text", text.to_string())),
            PartType::Html(text) => texts.push(("mail's HTML", text.to_string())),
            PartType::Binary(bytes) if bytes.starts_with(b"%PDF") => {
                assert!(bytes[..] == done.pdf[..], "another PDF");
            }
            PartType::Binary(bytes) => {
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                texts.push(("mail's annex", text));
            }
            _ => {}
        }
        let name = part.attachment_name().unwrap_or_default();
        assert!(
            name.is_empty() || name.starts_with(letter.reference.as_str()),
            "{name}"
        );
    }
    texts
}

/// A row of the mail merge is about one letter.
fn judge_merge(look: &Look, rows: &[MergeLetter<'_>], ns: &[u32]) {
    for profile in [Profile::Printer, Profile::Spreadsheet] {
        let csv = merge::csv(rows, look, b';', profile).unwrap();
        let mut csv = csv::ReaderBuilder::new()
            .delimiter(b';')
            .from_reader(&csv[..]);
        let records: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), ns.len());
        for (record, n) in records.iter().zip(ns) {
            let row: Vec<&str> = record.iter().collect();
            assert_eq!(only(*n, "CSV", &row.join("\n")), "hnst".chars().collect());
        }
    }
    let book = merge::xlsx(rows, look, rows[0].letter.night).unwrap();
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(book)).unwrap();
    let cells = book.worksheet_range("brieven").unwrap();
    assert_eq!(cells.height(), ns.len() + 1);
    for (row, n) in cells.rows().skip(1).zip(ns) {
        let row: Vec<String> = row.iter().map(Data::to_string).collect();
        assert_eq!(only(*n, "XLSX", &row.join("\n")), "hnst".chars().collect());
    }
}

/// The pages that the list names are that letter's.
fn judge_batch(look: &Look, rows: &[MergeLetter<'_>], ns: &[u32]) {
    let settings = print::Settings {
        letters_a_batch: rows.len(),
        is_duplex: true,
    };
    let batch = print::batch("tokens", rows, look, settings).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("print.pdf");
    std::fs::write(&file, &batch.pdf).unwrap();
    for (place, n) in print::places(&batch, "print.pdf", "", rows, settings)
        .iter()
        .zip(ns)
    {
        let last = place.first_page + place.pages - 1;
        only(*n, "batch", &text_of(&file, Some((place.first_page, last))));
    }
}

/// So many letters, rendered side by side as a night does; the PDF of every `step`th is read.
fn no_token_strays(count: u32, step: u32) {
    let (look, threat) = house();
    let models = [Language::Nl, Language::En]
        .map(|l| render::sample_letter(&threat, l, ItemKind::First, &look).unwrap());
    let letters: Vec<(u32, Letter)> = (0..count)
        .map(|n| (n, letter(&models[(n / 3 % 2) as usize], n)))
        .collect();
    let can_read = needs(
        "pdftotext",
        Command::new("pdftotext").arg("-v").output().is_ok(),
    );
    let judged = side_by_side(&letters, |(n, letter)| {
        let (fields, done) = judge(&look, letter, *n, can_read && n % step == 0);
        (fields, done.pages)
    });
    let judged: Vec<(BTreeSet<char>, u32)> = judged.unwrap();
    let shown: BTreeSet<char> = judged
        .iter()
        .flat_map(|(fields, _)| fields)
        .copied()
        .collect();
    let want: BTreeSet<char> = SHOWN.chars().chain(['i', 'c']).collect();
    assert_eq!(shown, want, "fields that the outputs show");
    let posted: Vec<_> = letters
        .iter()
        .zip(&judged)
        .filter(|((n, _), _)| n % 3 == 1)
        .collect();
    let rows: Vec<MergeLetter<'_>> = posted
        .iter()
        .map(|((_, letter), (_, pages))| MergeLetter {
            letter,
            pages: *pages,
        })
        .collect();
    let ns: Vec<u32> = posted.iter().map(|((n, _), _)| *n).collect();
    judge_merge(&look, &rows, &ns);
    if can_read {
        let few = rows.len().min(20);
        side_by_side(&[few], |few| judge_batch(&look, &rows[..*few], &ns[..*few])).unwrap();
    }
}

#[test]
fn no_token_of_two_hundred_strays_into_anothers_letter() {
    no_token_strays(200, 5);
}

#[test]
#[ignore = "some minutes: cargo test --release -- --ignored tokens"]
fn no_token_of_ten_thousand_strays_into_anothers_letter() {
    no_token_strays(10_000, 50);
}

/// The reader of tokens sees them in every notation, and a stray one fails.
#[test]
fn a_stray_token_is_seen() {
    let text = format!(
        "STAD {} 10.0.1.2, CVE-2021-100007.",
        token('t', 9).to_uppercase()
    );
    let want = BTreeSet::from([('t', 9), ('i', 258), ('c', 7)]);
    assert_eq!(tokens(&text), want);
    let stray = std::panic::catch_unwind(|| only(9, "text", &text));
    assert!(stray.is_err());
}
