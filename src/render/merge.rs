//! Mail merge: one row a letter, for whoever prints and posts, or mails. Every cell is text.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, XlsxError};

use super::visible::{Limit, visible};
use super::{Look, postal, subject};
use crate::diag::Failure;
use crate::model::identity::Reference;
use crate::model::letter::Letter;
use crate::model::night::Night;
use crate::model::shown::formula_safe;
use crate::model::threat::Urgency;

/// A letter with the pages of its PDF.
#[derive(Clone, Copy, Debug)]
pub struct MergeLetter<'a> {
    /// The letter.
    pub letter: &'a Letter,
    /// Pages of its PDF.
    pub pages: u32,
}

/// Name and meaning of a column; Dutch: its reader prints, posts or mails in the Netherlands.
type Column = (&'static str, &'static str);

/// Of letters by post.
const COLUMNS: &[Column] = &[
    (
        "kenmerk",
        "Kenmerk van de brief; uniek, blijft gelijk als de lijst anders wordt gesorteerd",
    ),
    ("naam", "Naam van het bedrijf of de instelling"),
    ("straat", "Straat of postbus"),
    ("huisnummer", "Huisnummer (KIX)"),
    ("toevoeging", "Toevoeging bij het huisnummer (KIX)"),
    ("postcode", "Postcode zonder spatie (KIX)"),
    ("plaats", "Plaats in hoofdletters"),
    ("land", "Landcode; leeg binnen Nederland"),
    ("taal", "Taal van de brief: nl of en"),
    ("onderwerp", "Onderwerp van de brief"),
    ("urgentie", "urgent of normal; urgente brieven gaan eerst"),
    ("aantal_bevindingen", "Aantal plekken in de brief"),
    ("paginas", "Aantal pagina's van de pdf"),
    ("bestand", "De pdf, gezien vanuit de map van deze nacht"),
];

/// Of letters by e-mail, which somebody's own mail program sends.
const EMAIL_COLUMNS: &[Column] = &[
    (
        "kenmerk",
        "Kenmerk van de brief; uniek, blijft gelijk als de lijst anders wordt gesorteerd",
    ),
    ("partij", "Partij; hoort bij `nachtwacht printed`"),
    ("naam", "Naam van het bedrijf of de instelling"),
    ("e_mailadres", "E-mailadres waar de brief naartoe gaat"),
    ("taal", "Taal van de brief: nl of en"),
    ("onderwerp", "Onderwerp van de e-mail"),
    ("urgentie", "urgent of normal; urgente brieven gaan eerst"),
    ("aantal_bevindingen", "Aantal plekken in de brief"),
    (
        "tekst",
        "De brief als tekst, gezien vanuit de map van deze nacht",
    ),
    ("html", "De brief als html, net zo"),
    ("pdf", "De pdf voor in de bijlage, net zo"),
    ("eml", "De hele e-mail als bestand, net zo"),
];

/// For whom a CSV is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// A program: UTF-8, every value exactly as it is.
    Printer,
    /// A person with a spreadsheet: a byte order mark, and no cell that could be a formula.
    Spreadsheet,
}

/// The rows of letters by post as CSV with a header, lines ending in CRLF.
///
/// # Errors
/// `OurBug` where the CSV cannot be written.
pub fn csv(
    letters: &[MergeLetter<'_>],
    look: &Look,
    separator: u8,
    profile: Profile,
) -> Result<Vec<u8>, Failure> {
    csv_of(COLUMNS, rows(letters, look), separator, profile)
}

/// The rows of letters by post as XLSX: a sheet of texts, and a sheet that explains the columns.
/// The same night gives the same bytes.
///
/// # Errors
/// `OurBug` where the workbook cannot be written.
pub fn xlsx(letters: &[MergeLetter<'_>], look: &Look, night: Night) -> Result<Vec<u8>, Failure> {
    xlsx_of(COLUMNS, &rows(letters, look), night)
}

/// As [`csv()`], of letters by e-mail in this batch.
///
/// # Errors
/// `OurBug` where the CSV cannot be written.
pub fn email_csv(
    letters: &[MergeLetter<'_>],
    look: &Look,
    batch: &str,
    separator: u8,
    profile: Profile,
) -> Result<Vec<u8>, Failure> {
    let rows = email_rows(letters, look, batch);
    csv_of(EMAIL_COLUMNS, rows, separator, profile)
}

/// As [`xlsx`], of letters by e-mail in this batch.
///
/// # Errors
/// `OurBug` where the workbook cannot be written.
pub fn email_xlsx(
    letters: &[MergeLetter<'_>],
    look: &Look,
    batch: &str,
    night: Night,
) -> Result<Vec<u8>, Failure> {
    xlsx_of(EMAIL_COLUMNS, &email_rows(letters, look, batch), night)
}

/// Batch and reference of every row that [`email_csv`] wrote for a program.
///
/// # Errors
/// `FixData` where it is another list.
pub fn read_email(bytes: &[u8], separator: u8) -> Result<Vec<(String, Reference)>, Failure> {
    let wrong = |e: String| {
        Failure::fix_data(format!("this is no list of letters by e-mail: {e}"))
            .hint("put the file back that the run wrote")
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .from_reader(bytes);
    let mut found = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|e| wrong(e.to_string()))?;
        let cell = |at: usize| row.get(at).unwrap_or_default();
        found.push((cell(1).to_owned(), cell(0).parse().map_err(wrong)?));
    }
    Ok(found)
}

fn csv_of(
    columns: &[Column],
    mut rows: Vec<Vec<String>>,
    separator: u8,
    profile: Profile,
) -> Result<Vec<u8>, Failure> {
    let bug = |e: String| Failure::our_bug(format!("writing the mail merge: {e}"));
    let is_for_people = profile == Profile::Spreadsheet;
    let start = if is_for_people { "\u{feff}" } else { "" };
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .terminator(csv::Terminator::CRLF)
        .from_writer(start.as_bytes().to_vec());
    writer
        .write_record(columns.iter().map(|(name, _)| *name))
        .map_err(|e| bug(e.to_string()))?;
    for cells in &mut rows {
        if is_for_people {
            cells.iter_mut().for_each(|cell| *cell = formula_safe(cell));
        }
        writer.write_record(cells).map_err(|e| bug(e.to_string()))?;
    }
    writer.into_inner().map_err(|e| bug(e.to_string()))
}

fn xlsx_of(columns: &[Column], rows: &[Vec<String>], night: Night) -> Result<Vec<u8>, Failure> {
    workbook(columns, rows, night)
        .map_err(|e| Failure::our_bug(format!("writing the mail merge: {e}")))
}

fn workbook(columns: &[Column], rows: &[Vec<String>], night: Night) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let date = night.date();
    let created = ExcelDateTime::from_ymd(
        u16::try_from(date.year()).unwrap_or(1970),
        u8::try_from(date.month()).unwrap_or(1),
        u8::try_from(date.day()).unwrap_or(1),
    )?;
    book.set_properties(
        &DocProperties::new()
            .set_title(format!("Brieven {night}"))
            .set_creation_datetime(&created),
    );
    let (text, bold) = (Format::new().set_num_format("@"), Format::new().set_bold());
    let sheet = book.add_worksheet().set_name("brieven")?;
    sheet.set_freeze_panes(1, 0)?;
    for (at, (name, _)) in columns.iter().enumerate() {
        let at = u16::try_from(at).unwrap_or(u16::MAX);
        sheet.write_string_with_format(0, at, *name, &bold)?;
        sheet.set_column_width(at, 20)?;
    }
    for (n, row) in rows.iter().enumerate() {
        for (at, cell) in row.iter().enumerate() {
            let (n, at) = (
                u32::try_from(n + 1).unwrap_or(u32::MAX),
                u16::try_from(at).unwrap_or(u16::MAX),
            );
            sheet.write_string_with_format(n, at, cell, &text)?;
        }
    }
    let sheet = book.add_worksheet().set_name("uitleg")?;
    sheet.set_column_width(0, 24)?;
    sheet.set_column_width(1, 80)?;
    for (n, (name, meaning)) in columns.iter().enumerate() {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        sheet.write_string_with_format(n, 0, *name, &bold)?;
        sheet.write_string(n, 1, *meaning)?;
    }
    book.save_to_buffer()
}

fn rows(letters: &[MergeLetter<'_>], look: &Look) -> Vec<Vec<String>> {
    letters.iter().map(|letter| row(letter, look)).collect()
}

fn email_rows(letters: &[MergeLetter<'_>], look: &Look, batch: &str) -> Vec<Vec<String>> {
    let rows = letters.iter();
    rows.map(|m| email_row(m.letter, look, batch)).collect()
}

fn urgency(letter: &Letter) -> Urgency {
    let is_urgent = letter.sections.iter().any(|s| s.urgency == Urgency::Urgent);
    if is_urgent {
        Urgency::Urgent
    } else {
        Urgency::Normal
    }
}

fn n_findings(letter: &Letter) -> usize {
    letter.sections.iter().map(|s| s.findings.len()).sum()
}

fn email_row(letter: &Letter, look: &Look, batch: &str) -> Vec<String> {
    let file = |extension: &str| format!("letters/{}.{extension}", letter.name());
    vec![
        letter.reference.to_string(),
        batch.to_owned(),
        visible(&letter.addressee.name, Limit::Line),
        // Checked as a mailbox; cut short it would be none.
        letter.recipient.value.clone(),
        letter.language.to_string(),
        subject(letter, look),
        urgency(letter).to_string(),
        n_findings(letter).to_string(),
        file("txt"),
        file("html"),
        file("pdf"),
        file("eml"),
    ]
}

fn row(merged: &MergeLetter<'_>, look: &Look) -> Vec<String> {
    let letter = merged.letter;
    let address = letter.addressee.address.clone().unwrap_or_default();
    let line = |text: &str| visible(text, Limit::Line);
    vec![
        letter.reference.to_string(),
        line(&letter.addressee.name),
        line(&address.street),
        line(&address.house_number),
        line(&address.house_number_addition),
        postal::postcode(&address).replace(' ', ""),
        line(&address.town.to_uppercase()),
        if address.is_dutch() {
            String::new()
        } else {
            line(&address.country.to_uppercase())
        },
        letter.language.to_string(),
        subject(letter, look),
        urgency(letter).to_string(),
        n_findings(letter).to_string(),
        merged.pages.to_string(),
        format!("letters/{}.pdf", letter.name()),
    ]
}
