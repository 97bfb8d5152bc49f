//! Rows out of a text or a Parquet file, one record of cells at a time.

use std::io::{BufRead, BufReader};

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use csv::ByteRecord;

use super::format::first_account;
use super::unpack::{Guarded, failure_of_read};
use crate::diag::{Failure, RejectReason};

/// What came next.
pub(super) enum Next {
    /// The record holds a row.
    Row,
    /// A row that holds no cells; its masked text.
    Aside(RejectReason, String),
    /// Nothing.
    End,
}

/// A source of records.
pub(super) trait Rows {
    /// Reads the next row into the record.
    ///
    /// # Errors
    /// `FixData`: cut, broken or too large.
    fn next(&mut self, record: &mut ByteRecord) -> Result<Next, Failure>;

    /// The end of the text from the last row on, where it is text; for a look at how it ends.
    fn last_line(&self) -> Option<&[u8]>;
}

/// CSV.
pub(super) struct CsvRows<'a> {
    reader: csv::Reader<Guarded<'a>>,
    object: String,
    last: u64,
}

impl<'a> CsvRows<'a> {
    pub fn new(text: Guarded<'a>, separator: u8, has_remarks: bool, object: &str) -> Self {
        let reader = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .delimiter(separator)
            .comment(has_remarks.then_some(b'#'))
            .buffer_capacity(128 << 10)
            .from_reader(text);
        Self {
            reader,
            object: object.to_owned(),
            last: 0,
        }
    }
}

impl Rows for CsvRows<'_> {
    fn next(&mut self, record: &mut ByteRecord) -> Result<Next, Failure> {
        self.reader.get_mut().mark_record();
        let is_row = self.reader.read_byte_record(record).map_err(|e| {
            let shown = e.to_string();
            match e.into_kind() {
                csv::ErrorKind::Io(e) => failure_of_read(e, &self.object),
                _ => Failure::fix_data(format!("cannot be read as CSV: {shown}"))
                    .at(&self.object, ""),
            }
        })?;
        if is_row {
            self.last = record.position().map_or(0, csv::Position::byte);
            Ok(Next::Row)
        } else {
            Ok(Next::End)
        }
    }

    fn last_line(&self) -> Option<&[u8]> {
        Some(self.reader.get_ref().tail_from(self.last))
    }
}

/// Lines of text.
pub(super) struct Lines<'a> {
    reader: BufReader<Guarded<'a>>,
    object: String,
    line: Vec<u8>,
}

impl<'a> Lines<'a> {
    pub fn new(text: Guarded<'a>, object: &str) -> Self {
        Self {
            reader: BufReader::with_capacity(128 << 10, text),
            object: object.to_owned(),
            line: Vec::new(),
        }
    }

    /// The next line that is not blank, without its end; and whether it had one.
    pub fn next_line(&mut self) -> Result<Option<(&[u8], bool)>, Failure> {
        loop {
            self.line.clear();
            self.reader.get_mut().mark_record();
            let n = self
                .reader
                .read_until(b'\n', &mut self.line)
                .map_err(|e| failure_of_read(e, &self.object))?;
            if n == 0 {
                return Ok(None);
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let has_end = self.line.ends_with(b"\n");
        Ok(Some((self.line.trim_ascii(), has_end)))
    }
}

/// Lines that begin with an account; nothing else of them is looked at or kept.
pub(super) struct ComboRows<'a>(pub Lines<'a>);

impl Rows for ComboRows<'_> {
    fn next(&mut self, record: &mut ByteRecord) -> Result<Next, Failure> {
        let Some((line, _)) = self.0.next_line()? else {
            return Ok(Next::End);
        };
        record.clear();
        match first_account(line) {
            Some(account) => {
                record.push_field(account);
                Ok(Next::Row)
            }
            None => Ok(Next::Aside(RejectReason::NoSubject, String::new())),
        }
    }

    fn last_line(&self) -> Option<&[u8]> {
        None
    }
}

/// Rows of a Parquet file that are unpacked at once.
const BATCH_ROWS: usize = 8_192;

/// The rows of a Parquet file as text.
pub(super) struct ParquetRows<'a> {
    /// Read to its end; counts what comes out.
    text: Guarded<'a>,
    reader: parquet::arrow::arrow_reader::ParquetRecordBatchReader,
    names: Vec<String>,
    object: String,
    batch: Vec<ArrayRef>,
    row: usize,
}

impl<'a> ParquetRows<'a> {
    /// Opens a file that is read whole: a list of a partner fits into memory.
    ///
    /// # Errors
    /// `FixData` where it is cut or broken.
    pub fn open(mut text: Guarded<'a>, object: &str) -> Result<Self, Failure> {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        loop {
            text.mark_record();
            let n = (&mut text)
                .take(1 << 20)
                .read_to_end(&mut bytes)
                .map_err(|e| failure_of_read(e, object))?;
            if n == 0 {
                break;
            }
        }
        let broken = |e: parquet::errors::ParquetError| {
            Failure::fix_data(format!("the Parquet file cannot be read: {e}"))
                .at(object, "")
                .hint("fetch the file again, or deliver the list as CSV")
        };
        let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
            bytes::Bytes::from(bytes),
        )
        .map_err(broken)?;
        let names = builder
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().to_lowercase())
            .collect();
        let reader = builder
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(broken)?;
        Ok(Self {
            text,
            reader,
            names,
            object: object.to_owned(),
            batch: Vec::new(),
            row: 0,
        })
    }

    /// Names of its columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn next_batch(&mut self) -> Result<bool, Failure> {
        let broken = |e: ArrowError| {
            Failure::fix_data(format!("the Parquet file cannot be read: {e}"))
                .at(&self.object, "")
                .hint("fetch the file again, or deliver the list as CSV")
        };
        let Some(batch) = self.reader.next() else {
            return Ok(false);
        };
        let batch = batch.map_err(broken)?;
        let columns: Result<Vec<ArrayRef>, _> = batch.columns().iter().map(as_text).collect();
        self.batch = columns.map_err(broken)?;
        self.row = 0;
        Ok(true)
    }
}

/// Bytes of text that a column of a batch may hold; arrow addresses them by 31 bits, and not all
/// of it says so where they are more.
const MAX_COLUMN_BYTES: usize = 1 << 30;

/// Every value as text; lists as `[a, b]`.
fn as_text(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let options = CastOptions::default();
    let n_bytes: u64 = match array.data_type() {
        DataType::Utf8View => array.as_string_view().lengths().map(u64::from).sum(),
        DataType::BinaryView => array.as_binary_view().lengths().map(u64::from).sum(),
        _ => 0,
    };
    if n_bytes > MAX_COLUMN_BYTES as u64 {
        return Err(too_long());
    }
    if arrow::compute::can_cast_types(array.data_type(), &DataType::Utf8)
        && !array.data_type().is_nested()
        && !array.data_type().is_temporal()
    {
        return cast_with_options(array, &DataType::Utf8, &options);
    }
    // A moment's number is UTC whatever its zone says; without one, no zone has to be known.
    let array = match array.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            let number = cast_with_options(array, &DataType::Int64, &options)?;
            cast_with_options(&number, &DataType::Timestamp(*unit, None), &options)?
        }
        _ => std::sync::Arc::clone(array),
    };
    let format = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(&array, &format)?;
    let mut texts = StringBuilder::new();
    for row in 0..array.len() {
        let text = (!array.is_null(row)).then(|| formatter.value(row).to_string());
        let n_bytes = text.as_ref().map_or(0, String::len);
        if texts.values_slice().len() + n_bytes > MAX_COLUMN_BYTES {
            return Err(too_long());
        }
        texts.append_option(text);
    }
    Ok(std::sync::Arc::new(texts.finish()))
}

fn too_long() -> ArrowError {
    ArrowError::ComputeError(format!(
        "{BATCH_ROWS} rows of a column hold more than {MAX_COLUMN_BYTES} bytes of text"
    ))
}

impl Rows for ParquetRows<'_> {
    fn next(&mut self, record: &mut ByteRecord) -> Result<Next, Failure> {
        while self.batch.first().is_none_or(|c| self.row >= c.len()) {
            if !self.next_batch()? {
                return Ok(Next::End);
            }
        }
        record.clear();
        let cells = self.batch.iter().map(|column| {
            let column = column.as_string::<i32>();
            let value = || column.value(self.row).as_bytes();
            if column.is_null(self.row) {
                b""
            } else {
                value()
            }
        });
        // With a separator each, as in a line. Nothing is copied before it is known to be short.
        let n_bytes: usize = cells.clone().map(|cell| cell.len() + 1).sum();
        self.text.note_unpacked(n_bytes as u64)?;
        for cell in cells {
            record.push_field(cell);
        }
        self.row += 1;
        Ok(Next::Row)
    }

    fn last_line(&self) -> Option<&[u8]> {
        None
    }
}
