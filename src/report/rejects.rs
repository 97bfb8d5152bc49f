//! `rejects.parquet`: every row that was set aside, with its reason and its masked value.

use super::table::Columns;
use crate::diag::{Failure, Reject};

/// Columns `object`, `row` (UInt64), `column`, `reason` (closed code), `explanation`, `found`
/// (masked). Sorted by object and row.
///
/// `row` counts from 0, whatever the object, as `source_row` of observations and decisions does
/// (DECISIONS, section 4) and `row` of what `match` writes: they can be joined. Of a text it is the
/// record, the header not counted. So a person finds `row` 5 as row 6 of a Parquet table, and in
/// line 7 of a CSV whose records are a line each; messages say that number
/// ([`RowNumbers`](crate::model::row_numbers::RowNumbers)).
///
/// # Errors
/// `OurBug` where Parquet cannot be written.
pub fn rejects_parquet<'a>(rejects: impl Iterator<Item = &'a Reject>) -> Result<Vec<u8>, Failure> {
    let mut sorted: Vec<&Reject> = rejects.collect();
    sorted.sort();
    let rows = || sorted.iter().copied();
    let mut columns = Columns::default();
    columns.text("object", rows().map(|r| Some(r.object.as_str())));
    columns.count("row", rows().map(|r| r.row));
    columns.text("column", rows().map(|r| Some(r.column)));
    columns.text("reason", rows().map(|r| Some(r.why.code())));
    columns.text("explanation", rows().map(|r| Some(r.why.text())));
    columns.text("found", rows().map(|r| Some(r.found.as_str())));
    columns.parquet("rejects/1")
}
