//! Small tables to Parquet bytes: zstd, no writer version or time in them, so the same rows give
//! the same bytes.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, StringArray, TimestampMicrosecondArray, UInt16Array, UInt64Array,
};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::diag::Failure;
use crate::model::observation::SCHEMA_KEY;

/// Columns by name, collected one by one.
#[derive(Default)]
pub(super) struct Columns {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    pub(super) fn text<'a>(&mut self, name: &str, values: impl Iterator<Item = Option<&'a str>>) {
        self.push(name, Arc::new(values.collect::<StringArray>()));
    }

    pub(super) fn texts(&mut self, name: &str, values: impl Iterator<Item = Option<String>>) {
        self.push(name, Arc::new(values.collect::<StringArray>()));
    }

    pub(super) fn port(&mut self, name: &str, values: impl Iterator<Item = Option<u16>>) {
        self.push(name, Arc::new(values.collect::<UInt16Array>()));
    }

    pub(super) fn count(&mut self, name: &str, values: impl Iterator<Item = u64>) {
        self.push(name, Arc::new(values.collect::<UInt64Array>()));
    }

    pub(super) fn flag(&mut self, name: &str, values: impl Iterator<Item = bool>) {
        self.push(
            name,
            Arc::new(BooleanArray::from(values.collect::<Vec<_>>())),
        );
    }

    pub(super) fn moment(&mut self, name: &str, values: impl Iterator<Item = Option<i64>>) {
        let array = values
            .collect::<TimestampMicrosecondArray>()
            .with_timezone("UTC");
        self.push(name, Arc::new(array));
    }

    fn push(&mut self, name: &str, array: ArrayRef) {
        self.fields
            .push(Field::new(name, array.data_type().clone(), true));
        self.arrays.push(array);
    }

    /// The Parquet bytes; `schema` is the version that stands in the metadata.
    pub(super) fn parquet(self, schema: &str) -> Result<Vec<u8>, Failure> {
        let bug = |e: String| Failure::our_bug(format!("writing `{schema}`: {e}"));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.arrays)
            .map_err(|e| bug(e.to_string()))?;
        let version = KeyValue::new(SCHEMA_KEY.to_owned(), schema.to_owned());
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by("nachtwacht".to_owned())
            .set_key_value_metadata(Some(vec![version]))
            .build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))
            .map_err(|e| bug(e.to_string()))?;
        writer.write(&batch).map_err(|e| bug(e.to_string()))?;
        writer.close().map_err(|e| bug(e.to_string()))?;
        Ok(bytes)
    }
}
