//! The unprotected tables, in long form: a row a cell. For internal use only, and saying so.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;

use super::label::{Titles, value_label};
use super::{Axis, Row, Span};
use crate::diag::Failure;
use crate::model::company::Language;
use crate::model::shown::formula_safe;
use crate::statistics::export::written;
use crate::statistics::{Counts, INTERNAL, SMALL_BELOW};

/// A counted table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it is split by; nothing for the total.
    pub axes: Vec<Axis>,
    /// Its rows, sorted by key.
    pub rows: Vec<Row>,
}

impl Table {
    /// `total`, `sector`, `sector-by-size_class`: also its name in files.
    #[must_use]
    pub fn id(&self) -> String {
        id_of(&self.axes)
    }
}

/// See [`Table::id`].
#[must_use]
pub fn id_of(axes: &[Axis]) -> String {
    if axes.is_empty() {
        return "total".to_owned();
    }
    let names: Vec<&str> = axes.iter().map(|a| a.as_str()).collect();
    names.join("-by-")
}

/// Version of the long table.
const SCHEMA_VERSION: &str = "period_statistics/1";

const LEADING: [&str; 11] = [
    "status", "period", "from", "until", "table", "axis_1", "value_1", "label_1", "axis_2",
    "value_2", "label_2",
];

const TRAILING: [&str; 4] = ["bounced", "hours_median", "hours_p90", "small_cell"];

/// One row with everything that stands in it.
struct Line<'t> {
    texts: [String; 11],
    row: &'t Row,
}

fn lines<'t>(tables: &'t [Table], span: Span, titles: &Titles) -> Vec<Line<'t>> {
    let mut lines = Vec::new();
    for table in tables {
        for row in &table.rows {
            let axis = |i: usize| {
                let (Some(axis), Some(value)) = (table.axes.get(i), row.key.get(i)) else {
                    return <[String; 3]>::default();
                };
                let label = value_label(*axis, value, Language::Nl, titles);
                [axis.to_string(), value.clone(), label]
            };
            let ([axis_1, value_1, label_1], [axis_2, value_2, label_2]) = (axis(0), axis(1));
            lines.push(Line {
                texts: [
                    INTERNAL.to_owned(),
                    span.label(),
                    span.from().to_string(),
                    span.until().to_string(),
                    table.id(),
                    axis_1,
                    value_1,
                    label_1,
                    axis_2,
                    value_2,
                    label_2,
                ],
                row,
            });
        }
    }
    lines
}

fn is_small(row: &Row) -> bool {
    let n = row.figures.counts.companies;
    n > 0 && n < SMALL_BELOW
}

/// The tables as Parquet: texts, then counts as UInt64, hours as UInt32 or null, `small_cell`.
///
/// # Errors
/// `OurBug`: the writer refuses its own schema.
pub fn period_parquet(tables: &[Table], span: Span, titles: &Titles) -> Result<Vec<u8>, Failure> {
    let lines = lines(tables, span, titles);
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    for (i, name) in LEADING.iter().enumerate() {
        let texts = lines.iter().map(|l| l.texts.get(i).map(String::as_str));
        columns.push((name, Arc::new(StringArray::from_iter(texts))));
    }
    for (i, name) in Counts::NAMES.iter().enumerate() {
        let of = |l: &Line<'_>| l.row.figures.counts.values().get(i).copied();
        columns.push((name, Arc::new(UInt64Array::from_iter(lines.iter().map(of)))));
    }
    let bounced = lines.iter().map(|l| Some(l.row.figures.bounced));
    let hours = |of: fn((u32, u32)) -> u32| -> ArrayRef {
        let hours = lines.iter().map(|l| l.row.figures.hours.map(of));
        Arc::new(UInt32Array::from_iter(hours))
    };
    let small = lines.iter().map(|l| Some(is_small(l.row)));
    let [n_bounced, median, p90, small_cell] = TRAILING;
    columns.push((n_bounced, Arc::new(UInt64Array::from_iter(bounced))));
    columns.push((median, hours(|h| h.0)));
    columns.push((p90, hours(|h| h.1)));
    columns.push((small_cell, Arc::new(BooleanArray::from_iter(small))));
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, DataType::clone(array.data_type()), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|e| Failure::our_bug(format!("statistics cannot be written: {e}")))?;
    written(&batch, SCHEMA_VERSION, INTERNAL)
}

/// The tables as CSV with a byte order mark; values that a spreadsheet would take for a formula
/// begin with an apostrophe.
///
/// # Errors
/// `OurBug`: the writer refuses its own rows.
pub fn period_csv(
    tables: &[Table],
    span: Span,
    titles: &Titles,
    separator: u8,
) -> Result<Vec<u8>, Failure> {
    let bug = |e: String| Failure::our_bug(format!("statistics cannot be written: {e}"));
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .terminator(csv::Terminator::CRLF)
        .from_writer("\u{feff}".as_bytes().to_vec());
    let header = LEADING.iter().chain(Counts::NAMES).chain(&TRAILING);
    writer
        .write_record(header)
        .map_err(|e| bug(e.to_string()))?;
    for line in lines(tables, span, titles) {
        let figures = &line.row.figures;
        let hours = |of: fn((u32, u32)) -> u32| {
            figures.hours.map(|h| of(h).to_string()).unwrap_or_default()
        };
        let mut fields: Vec<String> = line.texts.iter().map(|t| formula_safe(t)).collect();
        fields.extend(figures.counts.values().iter().map(u64::to_string));
        fields.push(figures.bounced.to_string());
        fields.push(hours(|h| h.0));
        fields.push(hours(|h| h.1));
        fields.push(is_small(line.row).to_string());
        writer
            .write_record(&fields)
            .map_err(|e| bug(e.to_string()))?;
    }
    writer.into_inner().map_err(|e| bug(e.to_string()))
}

/// A small table with a name and numbers a row, such as what became of the letters.
///
/// # Errors
/// `OurBug`: the writer refuses its own rows.
pub fn small_csv(
    first: &str,
    names: &[&str],
    rows: &[(String, Vec<u64>)],
    separator: u8,
) -> Result<Vec<u8>, Failure> {
    let bug = |e: String| Failure::our_bug(format!("statistics cannot be written: {e}"));
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .terminator(csv::Terminator::CRLF)
        .from_writer("\u{feff}".as_bytes().to_vec());
    let header = ["status", first].into_iter().chain(names.iter().copied());
    writer
        .write_record(header)
        .map_err(|e| bug(e.to_string()))?;
    for (name, values) in rows {
        let mut fields = vec![INTERNAL.to_owned(), formula_safe(name)];
        fields.extend(values.iter().map(u64::to_string));
        writer
            .write_record(&fields)
            .map_err(|e| bug(e.to_string()))?;
    }
    writer.into_inner().map_err(|e| bug(e.to_string()))
}
