//! Tables of whole numbers as Parquet, without empty cells.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, UInt8Array, UInt32Array,
    UInt64Array,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Int32Type, Int64Type, Schema, UInt8Type, UInt32Type,
    UInt64Type,
};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

/// Rows that are decoded at once.
const BATCH: usize = 1 << 16;

/// A table that is made column by column.
pub(super) struct Written {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
    properties: WriterPropertiesBuilder,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            fields: Vec::new(),
            arrays: Vec::new(),
            // Hashes do not shrink, and small numbers are packed in bits already.
            properties: WriterProperties::builder()
                .set_compression(Compression::UNCOMPRESSED)
                .set_statistics_enabled(EnabledStatistics::None),
        }
    }
}

impl Written {
    fn add(&mut self, name: &str, of: DataType, array: ArrayRef, encoding: Option<Encoding>) {
        self.fields.push(Field::new(name, of, false));
        self.arrays.push(array);
        if let Some(encoding) = encoding {
            let path = ColumnPath::from(name);
            let properties = std::mem::take(&mut self.properties);
            self.properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, encoding);
        }
    }

    /// Few values: a dictionary.
    pub(super) fn u8(&mut self, name: &str, values: Vec<u8>) {
        self.add(
            name,
            DataType::UInt8,
            Arc::new(UInt8Array::from(values)),
            None,
        );
    }

    /// Few values: a dictionary.
    pub(super) fn u32(&mut self, name: &str, values: &[u32]) {
        let array = Arc::new(UInt32Array::from(values.to_vec()));
        self.add(name, DataType::UInt32, array, None);
    }

    /// Many values, often rising.
    pub(super) fn u32_wide(&mut self, name: &str, values: &[u32]) {
        let array = Arc::new(UInt32Array::from(values.to_vec()));
        self.add(
            name,
            DataType::UInt32,
            array,
            Some(Encoding::DELTA_BINARY_PACKED),
        );
    }

    /// Few values: a dictionary.
    pub(super) fn i32(&mut self, name: &str, values: &[i32]) {
        let array = Arc::new(Int32Array::from(values.to_vec()));
        self.add(name, DataType::Int32, array, None);
    }

    /// Few values: a dictionary.
    pub(super) fn u64(&mut self, name: &str, values: &[u64]) {
        let array = Arc::new(UInt64Array::from(values.to_vec()));
        self.add(name, DataType::UInt64, array, None);
    }

    /// Many values.
    pub(super) fn i64(&mut self, name: &str, values: &[i64]) {
        let array = Arc::new(Int64Array::from(values.to_vec()));
        self.add(
            name,
            DataType::Int64,
            array,
            Some(Encoding::DELTA_BINARY_PACKED),
        );
    }

    /// Hashes, as two columns: `<name>_high` and `<name>_low`.
    pub(super) fn u128(&mut self, name: &str, values: &[u128]) {
        let high: UInt64Array = values.iter().map(|v| Some((v >> 64) as u64)).collect();
        let low: UInt64Array = values.iter().map(|v| Some(*v as u64)).collect();
        for (part, array) in [("high", high), ("low", low)] {
            let name = format!("{name}_{part}");
            self.add(
                &name,
                DataType::UInt64,
                Arc::new(array),
                Some(Encoding::PLAIN),
            );
        }
    }

    /// The table as a Parquet file.
    pub(super) fn finish(self) -> Result<Vec<u8>, ParquetError> {
        let schema = Arc::new(Schema::new(self.fields));
        let mut bytes = Vec::new();
        let properties = self.properties.build();
        let mut writer = ArrowWriter::try_new(&mut bytes, Arc::clone(&schema), Some(properties))?;
        writer.write(&RecordBatch::try_new(schema, self.arrays)?)?;
        writer.close()?;
        Ok(bytes)
    }
}

/// A table that is taken apart column by column; the messages say what is wrong with it.
pub(super) struct Table(Vec<RecordBatch>);

impl Table {
    pub(super) fn read(bytes: Bytes) -> Result<Self, String> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
            .and_then(|builder| builder.with_batch_size(BATCH).build())
            .map_err(|e| format!("it is not a readable Parquet file: {e}"))?;
        let batches = reader.collect::<Result<_, _>>();
        batches
            .map(Self)
            .map_err(|e| format!("it cannot be read to its end: {e}"))
    }

    fn column<T: ArrowPrimitiveType>(&mut self, name: &str) -> Result<Vec<T::Native>, String> {
        let n = self.0.iter().map(RecordBatch::num_rows).sum();
        let mut values = Vec::with_capacity(n);
        for batch in &self.0 {
            let column = batch.column_by_name(name);
            let column = column.and_then(|c| c.as_primitive_opt::<T>());
            let column = column.filter(|c| c.null_count() == 0);
            let column = column.ok_or_else(|| {
                format!(
                    "it lacks the column `{name}` of type {} without empty cells",
                    T::DATA_TYPE
                )
            })?;
            values.extend_from_slice(column.values());
        }
        Ok(values)
    }

    pub(super) fn u8(&mut self, name: &str) -> Result<Vec<u8>, String> {
        self.column::<UInt8Type>(name)
    }

    pub(super) fn u32(&mut self, name: &str) -> Result<Vec<u32>, String> {
        self.column::<UInt32Type>(name)
    }

    pub(super) fn i32(&mut self, name: &str) -> Result<Vec<i32>, String> {
        self.column::<Int32Type>(name)
    }

    pub(super) fn u64(&mut self, name: &str) -> Result<Vec<u64>, String> {
        self.column::<UInt64Type>(name)
    }

    pub(super) fn i64(&mut self, name: &str) -> Result<Vec<i64>, String> {
        self.column::<Int64Type>(name)
    }

    pub(super) fn u128(&mut self, name: &str) -> Result<Vec<u128>, String> {
        let high = self.u64(&format!("{name}_high"))?;
        let low = self.u64(&format!("{name}_low"))?;
        let pairs = high.iter().zip(&low);
        Ok(pairs
            .map(|(h, l)| u128::from(*h) << 64 | u128::from(*l))
            .collect())
    }
}
