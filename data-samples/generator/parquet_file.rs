//! Writes Parquet bytes that depend on the rows alone.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use nachtwacht::model::night::Micros;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

/// Rows of one row group in the samples: small, so that a file of a few thousand has several.
pub const GROUP_ROWS: usize = 2_000;

/// One Parquet file. `metadata` goes into the footer.
pub fn bytes(batch: &RecordBatch, metadata: &[(&str, &str)]) -> Vec<u8> {
    let metadata: Vec<KeyValue> = metadata
        .iter()
        .map(|(key, value)| KeyValue::new((*key).to_owned(), (*value).to_owned()))
        .collect();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(15).unwrap()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Page)
        // Without the version of the crate: an update must not change every byte.
        .set_created_by("nachtwacht samples".to_owned())
        .set_key_value_metadata((!metadata.is_empty()).then_some(metadata))
        .build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    file
}

/// A table out of named columns, all nullable.
pub fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::try_new(
        schema,
        columns.into_iter().map(|(_, array)| array).collect(),
    )
    .unwrap()
}

/// A column of texts; an empty one is null.
pub fn text<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter(
        values.map(|v| (!v.is_empty()).then_some(v)),
    ))
}

/// A column of dates written `YYYY-MM-DD`.
pub fn dates<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(Date32Array::from_iter(values.map(|v| v.map(days))))
}

/// A column of truths.
pub fn truths(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(BooleanArray::from_iter(values.map(Some)))
}

/// A column of moments.
pub fn moments(values: impl Iterator<Item = Option<Micros>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter(values).with_timezone("UTC"))
}

/// Days since 1970.
pub fn days(date: &str) -> i32 {
    let date: jiff::civil::Date = date.parse().unwrap();
    jiff::civil::date(1970, 1, 1)
        .until(date)
        .unwrap()
        .get_days()
}
