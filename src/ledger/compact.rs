//! Compaction: many small objects once more as one Parquet file, so that ten years of nights
//! are read in seconds, and DuckDB or Polars read them as they stand.
//!
//! `parts/<first>-<last>.parquet` holds every line of those objects, byte for byte, with the
//! columns that people ask for beside it. The objects stay; the chain is checked over the lines,
//! so a part needs no trust of its own.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, StringBuilder, UInt32Builder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Schema, UInt64Type};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::Value;

use crate::diag::Failure;

/// Texts of a record that become columns of their own; empty where a record has none.
const COLUMNS: [&str; 8] = [
    "kind",
    "night",
    "letter_id",
    "reference",
    "party_ref",
    "channel",
    "state",
    "threat_ids",
];

/// Objects that wait before a run makes a part of them by itself.
pub(super) const OBJECTS_A_PART: u64 = 512;

pub(super) fn name(first: u64, last: u64) -> String {
    format!("parts/{first:012}-{last:012}.parquet")
}

/// First and last number, from the name within `parts/`.
pub(super) fn span(name: &str) -> Option<(u64, u64)> {
    let (first, last) = name.strip_suffix(".parquet")?.split_once('-')?;
    let span = (first.parse().ok()?, last.parse().ok()?);
    // Other ways to write the same numbers are not ours.
    (self::name(span.0, span.1).strip_prefix("parts/") == Some(name)).then_some(span)
}

/// One part, from objects in order.
pub(super) fn write(objects: &[(u64, Bytes)]) -> Result<Vec<u8>, Failure> {
    let (mut seq, mut line_idx) = (UInt64Builder::new(), UInt32Builder::new());
    let mut columns: Vec<StringBuilder> = COLUMNS.iter().map(|_| StringBuilder::new()).collect();
    let mut text = StringBuilder::new();
    for (number, bytes) in objects {
        let lines = std::str::from_utf8(bytes)
            .map_err(|_| Failure::our_bug("a checked ledger object is not UTF-8"))?;
        for (i, line) in (0u32..).zip(lines.lines()) {
            seq.append_value(*number);
            line_idx.append_value(i);
            let value: Value = serde_json::from_str(line).unwrap_or(Value::Null);
            for (builder, column) in columns.iter_mut().zip(COLUMNS) {
                builder.append_value(cell(&value, column, i));
            }
            text.append_value(line);
        }
    }
    let mut fields = vec![
        Field::new("seq", DataType::UInt64, false),
        Field::new("line", DataType::UInt32, false),
    ];
    fields.extend(COLUMNS.map(|c| Field::new(c, DataType::Utf8, false)));
    fields.push(Field::new("json", DataType::Utf8, false));
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(seq.finish()), Arc::new(line_idx.finish())];
    for mut column in columns {
        arrays.push(Arc::new(column.finish()));
    }
    arrays.push(Arc::new(text.finish()));
    encode(Arc::new(Schema::new(fields)), arrays)
        .map_err(|e| Failure::our_bug(format!("writing a part of the ledger: {e}")))
}

fn encode(
    schema: Arc<Schema>,
    arrays: Vec<ArrayRef>,
) -> Result<Vec<u8>, parquet::errors::ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, Arc::clone(&schema), Some(properties))?;
    writer.write(&RecordBatch::try_new(schema, arrays)?)?;
    writer.close()?;
    Ok(bytes)
}

fn cell(value: &Value, column: &str, line_idx: u32) -> String {
    match column {
        "kind" if line_idx == 0 => "header".to_owned(),
        "threat_ids" => {
            let items = value.get("items").and_then(Value::as_array);
            let ids = items.into_iter().flatten();
            let mut ids: Vec<&str> = ids.filter_map(|i| i.get("threat_id")?.as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            ids.join(",")
        }
        _ => value
            .get(column)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
    }
}

/// The objects of a part, byte for byte and one after the other; messages say what is wrong with it.
pub(super) struct Objects {
    batches: ParquetRecordBatchReader,
    /// Those that were read; more of the last one may stand in the next batch.
    ready: VecDeque<Object>,
}

/// Number and bytes of an object.
pub(super) type Object = (u64, Vec<u8>);

impl Objects {
    pub(super) fn of(part: Bytes) -> Result<Self, String> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(part);
        let batches = builder.and_then(|builder| {
            let needed = ProjectionMask::columns(builder.parquet_schema(), ["seq", "json"]);
            builder.with_projection(needed).build()
        });
        Ok(Self {
            batches: batches.map_err(|e| format!("it is not a readable Parquet file: {e}"))?,
            ready: VecDeque::new(),
        })
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<(), String> {
        let seq = batch
            .column_by_name("seq")
            .and_then(|c| c.as_primitive_opt::<UInt64Type>());
        let json = batch
            .column_by_name("json")
            .and_then(|c| c.as_string_opt::<i32>());
        let (Some(seq), Some(json)) = (seq, json) else {
            return Err("it lacks the columns `seq` (UInt64) and `json` (text)".into());
        };
        if seq.null_count() + json.null_count() > 0 {
            return Err("it holds empty cells".into());
        }
        for (number, line) in seq.values().iter().zip(json.iter().flatten()) {
            if self.ready.back().is_none_or(|(last, _)| last != number) {
                self.ready.push_back((*number, Vec::new()));
            }
            if let Some((_, object)) = self.ready.back_mut() {
                object.extend_from_slice(line.as_bytes());
                object.push(b'\n');
            }
        }
        Ok(())
    }
}

impl Iterator for Objects {
    type Item = Result<Object, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.len() < 2 {
            let Some(batch) = self.batches.next() else {
                break;
            };
            let batch = batch.map_err(|e| format!("it cannot be read to its end: {e}"));
            if let Err(what) = batch.and_then(|batch| self.take(&batch)) {
                return Some(Err(what));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
