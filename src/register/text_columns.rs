//! A table's rows one at a time, as trimmed text.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use arrow::array::{
    Array, BooleanArray, Date32Array, StringArray, TimestampMicrosecondArray, UInt16Array,
};
use arrow::record_batch::RecordBatch;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Kept;
use super::time::bound;
use crate::diag::{Failure, Reject, RejectReason, mask};
use crate::model::company::CompanyKey;
use crate::model::night::Micros;
use crate::model::table::{Column, ColumnType, canonical};

/// Why a row is refused: column, reason, the value as found.
pub(super) type Refusal = (&'static str, RejectReason, String);

/// Everything that is wrong with a row. The first fault is the reason of its reject.
#[derive(Default)]
pub(super) struct Faults(Vec<Refusal>);

impl Faults {
    /// Takes the value, or notes why there is none.
    pub(super) fn note<T>(&mut self, read: Result<T, Refusal>) -> Option<T> {
        read.map_err(|refusal| self.0.push(refusal)).ok()
    }

    pub(super) fn add(&mut self, refusal: Refusal) {
        self.0.push(refusal);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Cells that could not be read as what their column holds, by row: found when a text file was
/// given its types.
pub(super) type Unreadable = BTreeMap<u64, Vec<Refusal>>;

/// One row of a canonical batch.
pub(super) struct Row<'a> {
    batch: &'a RecordBatch,
    at: usize,
    misfits: &'a [(usize, &'static str)],
    /// 0-based row in the whole table.
    pub(super) number: u64,
}

impl<'a> Row<'a> {
    fn column<T: Array + 'static>(&self, name: &str) -> Option<(&'a T, usize)> {
        let array = self.batch.column_by_name(name)?;
        if array.is_null(self.at) {
            return None;
        }
        Some((array.as_any().downcast_ref::<T>()?, self.at))
    }

    /// The text without blanks around it; `None` where it is null or blank.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let (array, at) = self.column::<StringArray>(name)?;
        Some(array.value(at).trim()).filter(|text| !text.is_empty())
    }

    /// The text on one line: control characters and runs of blanks become one blank, since names
    /// and addresses go into headings and envelopes.
    pub(super) fn line(&self, name: &str) -> String {
        let text = self.text(name).unwrap_or_default();
        let words = text.split(|c: char| c.is_whitespace() || c.is_control());
        words
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// One of a closed list, in any case; the default where it is null.
    pub(super) fn one_of<T: FromStr>(
        &self,
        name: &'static str,
        default: T,
        why: RejectReason,
    ) -> Result<T, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        text.to_ascii_lowercase()
            .parse()
            .map_err(|_| (name, why, text.to_owned()))
    }

    pub(super) fn truth(&self, name: &str) -> bool {
        self.column::<BooleanArray>(name)
            .is_some_and(|(array, at)| array.value(at))
    }

    pub(super) fn number(&self, name: &'static str) -> Result<Option<u16>, Refusal> {
        if self.misfits.contains(&(self.at, name)) {
            return Err((name, RejectReason::BadNumber, String::new()));
        }
        Ok(self
            .column::<UInt16Array>(name)
            .map(|(array, at)| array.value(at)))
    }

    /// A moment; one outside the calendar is a misfit of the reader, and refused.
    pub(super) fn moment(&self, name: &'static str) -> Result<Option<Micros>, Refusal> {
        if self.misfits.contains(&(self.at, name)) {
            return Err((name, RejectReason::BadDate, String::new()));
        }
        Ok(self
            .column::<TimestampMicrosecondArray>(name)
            .map(|(array, at)| array.value(at)))
    }

    /// A calendar date of a date column.
    pub(super) fn date(&self, name: &'static str) -> Result<Option<Date>, Refusal> {
        let Some((array, at)) = self.column::<Date32Array>(name) else {
            return Ok(None);
        };
        let days = array.value(at);
        let refused = || (name, RejectReason::BadDate, days.to_string());
        date_of(days).map(Some).ok_or_else(refused)
    }

    /// A date, an instant or text that is one of them, see [`super::time::bound`].
    pub(super) fn bound(
        &self,
        name: &'static str,
        zone: &TimeZone,
    ) -> Result<Option<Micros>, Refusal> {
        if self.misfits.contains(&(self.at, name)) {
            return Err((name, RejectReason::BadDate, String::new()));
        }
        bound(self.batch, name, self.at, zone).map_err(|found| (name, RejectReason::BadDate, found))
    }

    /// The company that the row is about, out of `company_key`, or else out of `company_id`,
    /// which is a bare KvK number.
    pub(super) fn company(&self) -> Result<CompanyKey, Refusal> {
        let (column, text) = match self.batch.column_by_name(KEY) {
            Some(_) => (KEY, self.text(KEY).map(str::to_owned)),
            None => (ID, self.text(ID).map(|id| format!("kvk:{id}"))),
        };
        let text = text.unwrap_or_default();
        text.parse()
            .map_err(|()| (column, RejectReason::BadCompanyKey, text))
    }

    /// The company, if the register knows it.
    pub(super) fn known_company(
        &self,
        known: &BTreeSet<CompanyKey>,
    ) -> Result<CompanyKey, Refusal> {
        let key = self.company()?;
        if known.contains(&key) {
            Ok(key)
        } else {
            Err(("company_key", RejectReason::UnknownCompany, key.to_string()))
        }
    }
}

pub(super) const KEY: &str = "company_key";
pub(super) const ID: &str = "company_id";

/// The date `days` after 1970-01-01; `None` outside the calendar.
pub(super) fn date_of(days: i32) -> Option<Date> {
    jiff::civil::date(1970, 1, 1)
        .checked_add(jiff::Span::new().try_days(i64::from(days)).ok()?)
        .ok()
}

/// Reads every row of a table with `read`; the company's column is added to `columns`.
///
/// A row is kept where `read` gives a value and notes no fault, and nothing of it is `unreadable`.
///
/// # Errors
/// `FixData` where a needed column is missing or a column has a type that cannot be read.
pub(super) fn read_rows<T>(
    batches: &[RecordBatch],
    object: &str,
    columns: &[Column],
    unreadable: &Unreadable,
    mut read: impl FnMut(&Row<'_>, &mut Faults) -> Option<T>,
) -> Result<Kept<T>, Failure> {
    let mut kept = Kept {
        rows: Vec::new(),
        rejects: Vec::new(),
        further: Vec::new(),
        read: 0,
    };
    for batch in batches {
        let columns = with_key(batch, columns);
        let canonical = canonical(batch, &columns, object)?;
        for at in 0..canonical.batch.num_rows() {
            let row = Row {
                batch: &canonical.batch,
                at,
                misfits: &canonical.misfits,
                number: kept.read,
            };
            kept.read += 1;
            let before = unreadable.get(&row.number).cloned().unwrap_or_default();
            let mut faults = Faults(before);
            let value = read(&row, &mut faults);
            match (value, faults.is_empty()) {
                (Some(value), true) => kept.rows.push(value),
                _ => kept.refuse(object, row.number, faults),
            }
        }
    }
    Ok(kept)
}

/// The columns and that of the company in front: `company_key`, or else `company_id`.
pub(super) fn with_key(batch: &RecordBatch, columns: &[Column]) -> Vec<Column> {
    let has_id_alone = batch.column_by_name(KEY).is_none() && batch.column_by_name(ID).is_some();
    let key = Column::needed(if has_id_alone { ID } else { KEY }, ColumnType::Text);
    std::iter::once(key)
        .chain(columns.iter().copied())
        .collect()
}

impl<T> Kept<T> {
    fn refuse(&mut self, object: &str, row: u64, faults: Faults) {
        let mut seen: Vec<&'static str> = Vec::new();
        for (column, why, found) in faults.0 {
            // A cell that could not be read is empty afterwards: that is not a second fault.
            if seen.contains(&column) {
                continue;
            }
            seen.push(column);
            let reject = Reject {
                object: object.to_owned(),
                row,
                column,
                why,
                found: mask(&found),
            };
            if seen.len() == 1 {
                self.rejects.push(reject);
            } else {
                self.further.push(reject);
            }
        }
    }
}
