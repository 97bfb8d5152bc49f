//! Gives a table of texts the types of its columns, and mends what spreadsheets do to numbers.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, StringArray, TimestampMicrosecondArray, UInt16Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::text_columns::{ID, KEY, Refusal, Unreadable};
use super::{header, time};
use crate::diag::RejectReason;
use crate::model::table::{Column, ColumnType};

/// Columns that hold a KvK number.
const KEYS: &[&str] = &[ID, KEY, "parent_company_key"];

/// What was done to a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mended {
    /// KvK numbers that got their zeros back.
    pub(super) n_zeros: u64,
}

/// Gives every text column its type; cells that do not fit are null and stand in `unreadable`.
pub(super) fn typed(
    batch: &RecordBatch,
    first_row: u64,
    columns: &[Column],
    zone: &TimeZone,
    restores_zeros: bool,
    unreadable: &mut Unreadable,
) -> Result<(RecordBatch, Mended), arrow::error::ArrowError> {
    let mut mended = Mended::default();
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let holds = columns.iter().find(|c| c.name == field.name());
        let name = header::known(field.name());
        let is_key = KEYS.contains(&name);
        // A number where a key belongs has lost its zeros already: that is told cell by cell.
        let array = match (is_key, array.data_type()) {
            (true, t) if t.is_numeric() => &cast(array, &DataType::Utf8)?,
            _ => array,
        };
        let texts = array.as_any().downcast_ref::<StringArray>();
        let mut cells = Cells {
            name,
            first_row,
            unreadable: &mut *unreadable,
        };
        let array: ArrayRef = match (texts, holds.map(|c| c.holds)) {
            (Some(texts), _) if is_key => {
                Arc::new(cells.map(texts, |text| key(name, text, restores_zeros, &mut mended)))
            }
            (Some(texts), Some(ColumnType::Text)) if is_number(name) => {
                Arc::new(cells.map(texts, plain_number))
            }
            (Some(texts), Some(ColumnType::U16)) => {
                let read = |text: &str| {
                    let plain = text.strip_suffix(".0").unwrap_or(text);
                    plain.parse::<u16>().map_err(|_| RejectReason::BadNumber)
                };
                Arc::new(UInt16Array::from(cells.read(texts, read)))
            }
            (Some(texts), Some(ColumnType::Bool)) => {
                Arc::new(BooleanArray::from(cells.read(texts, truth)))
            }
            (Some(texts), Some(ColumnType::Date)) => {
                Arc::new(Date32Array::from(cells.read(texts, days)))
            }
            (Some(texts), Some(ColumnType::Instant)) => {
                let read = |text: &str| time::from_text(text, zone).ok_or(RejectReason::BadDate);
                let moments = TimestampMicrosecondArray::from(cells.read(texts, read));
                Arc::new(moments.with_timezone("UTC"))
            }
            _ => Arc::clone(array),
        };
        fields.push(Field::new(field.name(), array.data_type().clone(), true));
        arrays.push(array);
    }
    Ok((
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?,
        mended,
    ))
}

struct Cells<'a> {
    name: &'static str,
    first_row: u64,
    unreadable: &'a mut Unreadable,
}

impl Cells<'_> {
    fn fault(&mut self, at: usize, why: RejectReason, found: &str) {
        let row = self.first_row + u64::try_from(at).unwrap_or(u64::MAX);
        let refusal: Refusal = (self.name, why, found.to_owned());
        self.unreadable.entry(row).or_default().push(refusal);
    }

    fn read<T>(
        &mut self,
        texts: &StringArray,
        read: impl Fn(&str) -> Result<T, RejectReason>,
    ) -> Vec<Option<T>> {
        let mut values = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            let text = text.map(str::trim).filter(|text| !text.is_empty());
            values.push(match text.map(&read) {
                None => None,
                Some(Ok(value)) => Some(value),
                Some(Err(why)) => {
                    self.fault(at, why, text.unwrap_or_default());
                    None
                }
            });
        }
        values
    }

    /// As the text is, or mended.
    fn map(
        &mut self,
        texts: &StringArray,
        mut mend: impl FnMut(&str) -> Result<Option<String>, RejectReason>,
    ) -> StringArray {
        let mut values = arrow::array::StringBuilder::with_capacity(texts.len(), texts.len() * 12);
        for (at, text) in texts.iter().enumerate() {
            let text = text.map(str::trim).filter(|text| !text.is_empty());
            match text.map(&mut mend) {
                None => values.append_null(),
                Some(Ok(None)) => values.append_option(text),
                Some(Ok(Some(mended))) => values.append_value(mended),
                Some(Err(why)) => {
                    self.fault(at, why, text.unwrap_or_default());
                    values.append_option(text);
                }
            }
        }
        values.finish()
    }
}

/// A key; eight bare digits are a KvK number, fewer have lost their zeros.
fn key(
    column: &str,
    text: &str,
    restores_zeros: bool,
    mended: &mut Mended,
) -> Result<Option<String>, RejectReason> {
    let prefix = if column == ID { "" } else { "kvk:" };
    let bare = text.strip_prefix("kvk:").unwrap_or(text);
    if is_scientific(bare) {
        return Err(RejectReason::ScientificNotation);
    }
    let digits = bare.strip_suffix(".0").unwrap_or(bare);
    let is_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    match digits.len() {
        8 if is_digits => Ok(Some(format!("{prefix}{digits}"))),
        1..=7 if is_digits && restores_zeros => {
            mended.n_zeros += 1;
            Ok(Some(format!("{prefix}{digits:0>8}")))
        }
        1..=7 if is_digits => Err(RejectReason::LostLeadingZeros),
        _ => Ok(None),
    }
}

/// Text columns whose value is a number that a spreadsheet may have rounded.
fn is_number(column: &str) -> bool {
    matches!(column, "house_number" | "value")
}

fn plain_number(text: &str) -> Result<Option<String>, RejectReason> {
    if is_scientific(text) {
        return Err(RejectReason::ScientificNotation);
    }
    Ok(None)
}

/// `1.23457E+07`, and with the comma of a Dutch spreadsheet.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
    let is_digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    whole.len() == 1 && is_digits(whole) && is_digits(fraction) && is_digits(exponent)
}

fn truth(text: &str) -> Result<bool, RejectReason> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "ja" | "j" | "y" | "1" | "waar" => Ok(true),
        "false" | "no" | "nee" | "n" | "0" | "onwaar" => Ok(false),
        _ => Err(RejectReason::BadTruth),
    }
}

/// Days since 1970-01-01 of `2026-03-01`; other orders can be read in two ways.
fn days(text: &str) -> Result<i32, RejectReason> {
    let date: Date = (text.len() == 10 && text.get(4..5) == Some("-"))
        .then(|| text.parse().ok())
        .flatten()
        .ok_or(RejectReason::BadDate)?;
    let span = date.duration_since(jiff::civil::date(1970, 1, 1));
    i32::try_from(span.as_hours() / 24).map_err(|_| RejectReason::BadDate)
}
