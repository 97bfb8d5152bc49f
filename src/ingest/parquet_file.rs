//! Observations as a Parquet file: the same rows give the same bytes.

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::Ingested;
use crate::diag::Failure;
use crate::model::observation::{SCHEMA_KEY, SCHEMA_VERSION};

/// Rows of a row group: the unit of work of a night, and of what pruning can leave out.
const GROUP_ROWS: usize = 131_072;

/// Writes the rows as Parquet: zstd, row groups of 131,072 rows, page index, and the schema's
/// version under [`SCHEMA_KEY`].
///
/// # Errors
/// `OurBug`: the writer refuses its own schema.
pub fn to_parquet(ingested: &Ingested) -> Result<Vec<u8>, Failure> {
    let bug = |e: parquet::errors::ParquetError| {
        Failure::our_bug(format!("observations cannot be written: {e}"))
    };
    let version = KeyValue::new(SCHEMA_KEY.to_owned(), SCHEMA_VERSION.to_owned());
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).map_err(bug)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_key_value_metadata(Some(vec![version]))
        .build();
    let mut bytes = Vec::new();
    let schema = ingested.batch.schema();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties)).map_err(bug)?;
    writer.write(&ingested.batch).map_err(bug)?;
    writer.close().map_err(bug)?;
    Ok(bytes)
}
