//! Tables of whole numbers as Parquet, without empty cells.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Int32Array, Int64Array, RecordBatch, UInt8Array,
    UInt32Array, UInt64Array,
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

/// Rows that are decoded at once: few, so that the room for them is used again.
const BATCH: usize = 1 << 13;

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

/// Column by name, and where its values go.
pub(super) type Targets<'t> = Vec<(&'static str, Target<'t>)>;

/// Where values of a column go.
pub(super) enum Target<'t> {
    U8(&'t mut Vec<u8>),
    U32(&'t mut Vec<u32>),
    I32(&'t mut Vec<i32>),
    U64(&'t mut Vec<u64>),
    I64(&'t mut Vec<i64>),
    /// Of `<name>_high` and `<name>_low`.
    U128(&'t mut Vec<u128>),
}

/// Reads a table into columns, which are emptied first; the messages say what is wrong with it.
pub(super) fn read(bytes: Bytes, mut targets: Targets<'_>) -> Result<(), String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)
        .map_err(|e| format!("it is not a readable Parquet file: {e}"))?;
    let n = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let reader = builder.with_batch_size(BATCH).build();
    let reader = reader.map_err(|e| format!("it is not a readable Parquet file: {e}"))?;
    for (_, target) in &mut targets {
        target.begin(n);
    }
    for batch in reader {
        let batch = batch.map_err(|e| format!("it cannot be read to its end: {e}"))?;
        for (name, target) in &mut targets {
            target.take(&batch, name)?;
        }
    }
    Ok(())
}

fn values<'b, T: ArrowPrimitiveType>(
    batch: &'b RecordBatch,
    name: &str,
) -> Result<&'b [T::Native], String> {
    let column = batch.column_by_name(name);
    let column = column.and_then(|c| c.as_primitive_opt::<T>());
    let column = column.filter(|c| c.null_count() == 0).ok_or_else(|| {
        format!(
            "it lacks the column `{name}` of type {} without empty cells",
            T::DATA_TYPE
        )
    })?;
    Ok(column.values())
}

/// Room for rows that a file says it has; more of them than this must be there to be believed.
const MOST_ROOM: usize = 1 << 22;

fn begin<T>(column: &mut Vec<T>, n: usize) {
    column.clear();
    column.reserve(n.min(MOST_ROOM));
}

impl Target<'_> {
    fn begin(&mut self, n: usize) {
        match self {
            Self::U8(column) => begin(column, n),
            Self::U32(column) => begin(column, n),
            Self::I32(column) => begin(column, n),
            Self::U64(column) => begin(column, n),
            Self::I64(column) => begin(column, n),
            Self::U128(column) => begin(column, n),
        }
    }

    fn take(&mut self, batch: &RecordBatch, name: &str) -> Result<(), String> {
        match self {
            Self::U8(column) => column.extend_from_slice(values::<UInt8Type>(batch, name)?),
            Self::U32(column) => column.extend_from_slice(values::<UInt32Type>(batch, name)?),
            Self::I32(column) => column.extend_from_slice(values::<Int32Type>(batch, name)?),
            Self::U64(column) => column.extend_from_slice(values::<UInt64Type>(batch, name)?),
            Self::I64(column) => column.extend_from_slice(values::<Int64Type>(batch, name)?),
            Self::U128(column) => {
                let high = values::<UInt64Type>(batch, &format!("{name}_high"))?;
                let low = values::<UInt64Type>(batch, &format!("{name}_low"))?;
                let pairs = high.iter().zip(low);
                column.extend(pairs.map(|(h, l)| u128::from(*h) << 64 | u128::from(*l)));
            }
        }
        Ok(())
    }
}
