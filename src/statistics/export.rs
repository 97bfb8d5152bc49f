//! The tables as Parquet and CSV.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{Cell, Counts, INTERNAL};
use crate::diag::Failure;
use crate::model::observation::SCHEMA_KEY;
use crate::model::shown::formula_safe;

/// Version of the table `statistics`.
const SCHEMA_VERSION: &str = "statistics/1";

/// The key of the note in Parquet metadata.
const STATUS_KEY: &str = "nachtwacht.status";

/// Columns before the counts, in order.
const LEADING: &[&str] = &[
    "status",
    "period",
    "period_label",
    "from",
    "until",
    "dimension",
    "value",
    "label",
];

/// Writes the cells as Parquet: `period` and `dimension` as text, `from` and `until` as dates,
/// counts as UInt64, `small_cell` where a published table would hide the cell. The note that
/// the table is for internal use stands in the metadata under `nachtwacht.status`.
///
/// # Errors
/// `OurBug`: the writer refuses its own schema.
pub fn parquet(cells: &[Cell]) -> Result<Vec<u8>, Failure> {
    let batch =
        batch(cells).map_err(|e| Failure::our_bug(format!("statistics cannot be written: {e}")))?;
    written(&batch, SCHEMA_VERSION, INTERNAL)
}

/// One batch as Parquet, with its schema's version and what it may be used for.
pub(super) fn written(
    batch: &RecordBatch,
    version: &str,
    status: &str,
) -> Result<Vec<u8>, Failure> {
    let bug = |e: parquet::errors::ParquetError| {
        Failure::our_bug(format!("statistics cannot be written: {e}"))
    };
    let note = |key: &str, value: &str| KeyValue::new(key.to_owned(), value.to_owned());
    let level = ZstdLevel::try_new(3).map_err(bug)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_key_value_metadata(Some(vec![
            note(SCHEMA_KEY, version),
            note(STATUS_KEY, status),
        ]))
        .build();
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).map_err(bug)?;
    writer.write(batch).map_err(bug)?;
    writer.close().map_err(bug)?;
    Ok(bytes)
}

fn batch(cells: &[Cell]) -> Result<RecordBatch, arrow::error::ArrowError> {
    let text = |of: &dyn Fn(&Cell) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(cells.iter().map(of)))
    };
    let date = |of: &dyn Fn(&Cell) -> jiff::civil::Date| -> ArrayRef {
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = |cell| epoch.until(of(cell)).map_or(0, |span| span.get_days());
        Arc::new(Date32Array::from_iter_values(cells.iter().map(days)))
    };
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("period", text(&|c| c.period.kind.to_string())),
        ("period_label", text(&|c| c.period.label())),
        ("from", date(&|c| c.period.from)),
        ("until", date(&|c| c.period.until)),
        ("dimension", text(&|c| c.dimension.to_string())),
        ("value", text(&|c| c.value.clone())),
        ("label", text(&|c| c.label.clone())),
    ];
    for (i, name) in Counts::NAMES.iter().enumerate() {
        let value = |cell: &Cell| cell.counts.values().get(i).copied().unwrap_or_default();
        let array = UInt64Array::from_iter_values(cells.iter().map(value));
        columns.push((name, Arc::new(array)));
    }
    let small: Vec<bool> = cells.iter().map(Cell::is_small).collect();
    columns.push(("small_cell", Arc::new(BooleanArray::from(small))));
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, DataType::clone(array.data_type()), false))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

/// Writes the cells as CSV (RFC 4180) in UTF-8, with a byte order mark so that a spreadsheet
/// reads accents right. The first column says in every row that the table is for internal use.
///
/// Values and labels come from registrations: one that a spreadsheet would take for a formula
/// begins with an apostrophe.
///
/// # Errors
/// `OurBug`: the writer refuses its own rows.
pub fn csv(cells: &[Cell], separator: u8) -> Result<Vec<u8>, Failure> {
    let bug = |e: String| Failure::our_bug(format!("statistics cannot be written: {e}"));
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .terminator(csv::Terminator::CRLF)
        .from_writer("\u{feff}".as_bytes().to_vec());
    let header = LEADING.iter().chain(Counts::NAMES).chain(&["small_cell"]);
    writer
        .write_record(header)
        .map_err(|e| bug(e.to_string()))?;
    for cell in cells {
        let mut row = vec![
            INTERNAL.to_owned(),
            cell.period.kind.to_string(),
            cell.period.label(),
            cell.period.from.to_string(),
            cell.period.until.to_string(),
            cell.dimension.to_string(),
            formula_safe(&cell.value),
            formula_safe(&cell.label),
        ];
        row.extend(cell.counts.values().iter().map(u64::to_string));
        row.push(cell.is_small().to_string());
        writer.write_record(&row).map_err(|e| bug(e.to_string()))?;
    }
    writer.into_inner().map_err(|e| bug(e.to_string()))
}
