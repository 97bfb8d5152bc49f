//! Registrations as people deliver them: CSV out of a spreadsheet, or the spreadsheet itself.
//!
//! Everything becomes text by column first; types come after, so that a wrong cell is a fault of
//! that cell. What a spreadsheet does to numbers and dates is known here.

use std::io::{Cursor, Read, Seek};

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use calamine::{Data, Reader as _, Xlsx};
use std::sync::Arc;

use super::text_columns::Unreadable;
use crate::diag::{Failure, RejectReason};
use crate::model::quotes::check_quotes;
use crate::model::row_numbers::{RowNumbers, line_of};

/// A table of a file, every cell as text.
pub struct Sheet {
    /// The file's name; for a workbook with the sheet's.
    pub name: String,
    /// Columns by their canonical names.
    pub batch: RecordBatch,
    /// What a person should know about how it was read.
    pub notes: Vec<String>,
    /// Where a person finds its rows.
    pub numbers: RowNumbers,
    pub(super) unreadable: Unreadable,
}

/// Rows of a spreadsheet at most (what its programs hold).
const MAX_XLSX_BYTES: u64 = 1 << 30;

/// Reads CSV or XLSX bytes, known by how they begin.
///
/// CSV: UTF-8, UTF-16 (both orders, with or without mark) or else Windows-1252; fields apart by
/// comma, semicolon or tab. A workbook gives its sheets that are not empty.
///
/// # Errors
/// `FixData` where the bytes are neither, or a workbook is broken or larger than 1 GiB unpacked.
pub fn delivered(bytes: &[u8], name: &str) -> Result<Vec<Sheet>, Failure> {
    if bytes.starts_with(b"PK\x03\x04") {
        return workbook(bytes, name);
    }
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(wrong(
            name,
            "this is an old `.xls` workbook, or one with a password",
        ));
    }
    if name.to_lowercase().ends_with(".xlsx") {
        return Err(wrong(name, "this is no workbook, though it is called one"));
    }
    let (text, encoding) = decoded(bytes);
    let mut sheet = csv_sheet(&text, name)?;
    if encoding != "UTF-8" {
        sheet
            .notes
            .insert(0, format!("read as {encoding}; look at accents"));
    }
    Ok(vec![sheet])
}

fn wrong(name: &str, what: &str) -> Failure {
    Failure::fix_data(what.to_owned())
        .at(name, "")
        .hint("expected CSV with a header line, an `.xlsx` workbook, or Parquet")
}

/// Text out of bytes in one of the encodings that spreadsheets write.
fn decoded(bytes: &[u8]) -> (String, &'static str) {
    let utf16 = |encoding: &'static encoding_rs::Encoding| encoding.decode(bytes).0.into_owned();
    match bytes {
        [0xff, 0xfe, ..] => return (utf16(encoding_rs::UTF_16LE), "UTF-16"),
        [0xfe, 0xff, ..] => return (utf16(encoding_rs::UTF_16BE), "UTF-16"),
        // A table begins with a name in ASCII: the zero bytes tell the order.
        [first, 0, ..] if *first != 0 => return (utf16(encoding_rs::UTF_16LE), "UTF-16"),
        [0, second, ..] if *second != 0 => return (utf16(encoding_rs::UTF_16BE), "UTF-16"),
        _ => {}
    }
    let plain = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(plain) {
        Ok(text) => (text.to_owned(), "UTF-8"),
        Err(_) => (
            encoding_rs::WINDOWS_1252.decode(plain).0.into_owned(),
            "Windows-1252",
        ),
    }
}

fn csv_sheet(text: &str, name: &str) -> Result<Sheet, Failure> {
    // Spreadsheets name the separator in a line of its own: `sep=;`.
    let first = text.lines().next().unwrap_or_default();
    let (text, separator) = match first.strip_prefix("sep=").map(str::as_bytes) {
        Some([separator]) => (
            text.split_once('\n').map_or("", |(_, rest)| rest),
            *separator,
        ),
        _ => (text, separator_of(first)),
    };
    let n_before = u64::from(first.starts_with("sep="));
    check_quotes(text.as_bytes(), separator, name, n_before)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .from_reader(text.as_bytes());
    let headers = reader
        .headers()
        .map_err(|e| wrong(name, &format!("not a table: {e}")))?;
    let mut table = Table::new(name, headers.iter(), RowNumbers::of_text())?;
    let mut record = csv::StringRecord::new();
    while reader
        .read_record(&mut record)
        .map_err(|e| wrong(name, &format!("not a table: {e}")))?
    {
        let line = line_of(text.as_bytes(), &record) + n_before;
        table.numbers.note(table.n_rows, line);
        if record.len() > table.n_columns() {
            table.fault(
                "",
                RejectReason::WrongFieldCount,
                format!("{} fields", record.len()),
            );
        }
        for (column, field) in record.iter().enumerate() {
            table.cell(column, field);
        }
        table.end_row();
    }
    table.finish()
}

fn separator_of(header: &str) -> u8 {
    let count = |separator: u8| header.bytes().filter(|b| *b == separator).count();
    [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|s| (count(*s), *s == b','))
        .unwrap_or(b',')
}

fn workbook(bytes: &[u8], name: &str) -> Result<Vec<Sheet>, Failure> {
    let broken = |e: &dyn std::fmt::Display| wrong(name, &format!("the workbook is broken: {e}"));
    bounded(Cursor::new(bytes), name)?;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|e| broken(&e))?;
    let mut sheets = Vec::new();
    for sheet in book.sheet_names() {
        let range = book.worksheet_range(&sheet).map_err(|e| broken(&e))?;
        let mut rows = range.rows();
        let Some(header) = rows.next() else { continue };
        let names: Vec<String> = header.iter().map(ToString::to_string).collect();
        let first_row = u64::from(range.start().map_or(0, |(row, _)| row)) + 2;
        let full = format!("{name}, sheet `{sheet}`");
        let numbers = RowNumbers::of_sheet(first_row);
        let mut table = Table::new(&full, names.iter().map(String::as_str), numbers)?;
        for row in rows {
            for (column, cell) in row.iter().enumerate() {
                table.data(column, cell);
            }
            table.end_row();
        }
        sheets.push(table.finish()?);
    }
    if sheets.is_empty() {
        return Err(wrong(name, "the workbook has no rows"));
    }
    Ok(sheets)
}

/// A small file may unpack to anything: its own word of its size is asked before it is read.
fn bounded(file: impl Read + Seek, name: &str) -> Result<(), Failure> {
    let mut archive = zip::ZipArchive::new(file)
        .map_err(|e| wrong(name, &format!("the workbook is broken: {e}")))?;
    let mut total: u64 = 0;
    for i in 0..archive.len() {
        let entry = archive
            .by_index_raw(i)
            .map_err(|e| wrong(name, &format!("the workbook is broken: {e}")))?;
        total = total.saturating_add(entry.size());
    }
    if total > MAX_XLSX_BYTES {
        return Err(wrong(
            name,
            "the workbook is larger than 1 GiB unpacked; deliver CSV or Parquet",
        ));
    }
    Ok(())
}

/// Columns under construction.
struct Table {
    name: String,
    names: Vec<String>,
    columns: Vec<StringBuilder>,
    filled: usize,
    n_rows: u64,
    numbers: RowNumbers,
    unreadable: Unreadable,
}

impl Table {
    fn new<'a>(
        name: &str,
        headers: impl Iterator<Item = &'a str>,
        numbers: RowNumbers,
    ) -> Result<Self, Failure> {
        let names: Vec<String> = headers.map(super::header::canonical_name).collect();
        for (i, header) in names.iter().enumerate() {
            let is_double = names.iter().take(i).any(|n| n == header);
            if is_double && !header.is_empty() {
                return Err(wrong(name, &format!("two columns are called `{header}`")));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            columns: names.iter().map(|_| StringBuilder::new()).collect(),
            names,
            filled: 0,
            n_rows: 0,
            numbers,
            unreadable: Unreadable::new(),
        })
    }

    const fn n_columns(&self) -> usize {
        self.names.len()
    }

    fn cell(&mut self, column: usize, text: &str) {
        if let Some(builder) = self.columns.get_mut(column) {
            let text = text.trim();
            builder.append_option((!text.is_empty()).then_some(text));
            self.filled = self.filled.max(column + 1);
        }
    }

    fn data(&mut self, column: usize, cell: &Data) {
        match cell {
            Data::Empty => self.cell(column, ""),
            Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
                self.cell(column, text);
            }
            Data::Int(n) => self.cell(column, &n.to_string()),
            Data::Float(n) => self.cell(column, &number(*n)),
            Data::Bool(truth) => self.cell(column, &truth.to_string()),
            Data::DateTime(moment) => {
                let name = self.names.get(column).cloned().unwrap_or_default();
                let text = date_text(moment.to_ymd_hms_milli());
                match super::header::is_time(&name) {
                    true => self.cell(column, &text),
                    false => {
                        self.fault(&name, RejectReason::TurnedIntoDate, text);
                        self.cell(column, "");
                    }
                }
            }
            Data::Error(error) => {
                let name = self.names.get(column).cloned().unwrap_or_default();
                self.fault(&name, RejectReason::SpreadsheetError, error.to_string());
                self.cell(column, "");
            }
        }
    }

    fn fault(&mut self, column: &str, why: RejectReason, found: String) {
        let column = super::header::known(column);
        let faults = self.unreadable.entry(self.n_rows).or_default();
        faults.push((column, why, found));
    }

    /// Short rows are filled up: spreadsheets leave empty cells at the end out.
    fn end_row(&mut self) {
        for builder in self.columns.iter_mut().skip(self.filled) {
            builder.append_null();
        }
        self.filled = 0;
        self.n_rows += 1;
    }

    fn finish(mut self) -> Result<Sheet, Failure> {
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (name, builder) in self.names.iter().zip(&mut self.columns) {
            if name.is_empty() {
                continue;
            }
            fields.push(Field::new(name, DataType::Utf8, true));
            arrays.push(Arc::new(builder.finish()));
        }
        if arrays.is_empty() {
            return Err(wrong(&self.name, "there is no header line"));
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|e| Failure::our_bug(e.to_string()).at(&self.name, ""))?;
        let first = self.numbers.text(0);
        Ok(Sheet {
            name: self.name,
            batch,
            notes: vec![format!("{first} is the first under the header")],
            numbers: self.numbers,
            unreadable: self.unreadable,
        })
    }
}

/// A whole number without its point, as a person sees it in the cell.
fn number(n: f64) -> String {
    if n.fract() == 0.0 && n.abs() < 1e15 {
        format!("{n:.0}")
    } else {
        n.to_string()
    }
}

fn date_text((year, month, day, h, m, s, _): (u16, u8, u8, u8, u8, u8, u16)) -> String {
    let date = format!("{year:04}-{month:02}-{day:02}");
    if (h, m, s) == (0, 0, 0) {
        date
    } else {
        format!("{date}T{h:02}:{m:02}:{s:02}")
    }
}
