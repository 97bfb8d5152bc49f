//! Observations as a Parquet file: the same rows give the same bytes.

use std::io::Write;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::{Ingested, Profile};
use crate::diag::Failure;
use crate::model::observation::{OBSERVATIONS, SCHEMA_KEY, SCHEMA_VERSION, column as c};

/// Rows of a row group: the unit of work of a night, and of what pruning can leave out.
const GROUP_ROWS: usize = 131_072;

/// Key under which the metadata hold the [`Profile`] of the delivery, as JSON.
pub const PROFILE_KEY: &str = "nachtwacht.ingest";

/// Columns that a reader may leave pages out by.
const SORTED_BY: &[&str] = &[c::IP_V4, c::IP_V6, c::OBSERVED_AT];

/// Columns of which a reader must know whether a row group has any; the others need no statistics.
const PRESENT: &[&str] = &[c::ASN, c::HOSTNAME, c::ACCOUNT_HASH, c::ACCOUNT_DOMAIN];

/// Columns in which hardly a value comes twice: a dictionary of them would be work for nothing.
const UNLIKE: &[&str] = &[
    c::IP,
    c::IP_V4,
    c::IP_V6,
    c::HOSTNAME,
    c::ACCOUNT_HASH,
    c::SOURCE_ROW,
    c::EXTRA,
];

/// A snapshot while it is written: zstd, row groups of 131,072 rows, page index for the columns
/// that rows are sorted by, counts of nulls where pruning asks for them, and the schema's version under [`SCHEMA_KEY`].
pub struct SnapshotWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
}

impl<W: Write + Send> SnapshotWriter<W> {
    /// An empty snapshot.
    ///
    /// # Errors
    /// `OurBug`: the writer refuses its own schema. `TryLater`: the output takes no bytes.
    pub fn open(output: W) -> Result<Self, Failure> {
        let level = ZstdLevel::try_new(1).map_err(failure)?;
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_statistics_enabled(EnabledStatistics::None);
        for name in SORTED_BY {
            properties = properties
                .set_column_statistics_enabled(ColumnPath::from(*name), EnabledStatistics::Page);
        }
        for name in PRESENT {
            properties = properties
                .set_column_statistics_enabled(ColumnPath::from(*name), EnabledStatistics::Chunk);
        }
        for name in UNLIKE {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(*name), false);
        }
        let schema = Arc::clone(&OBSERVATIONS);
        let writer =
            ArrowWriter::try_new(output, schema, Some(properties.build())).map_err(failure)?;
        Ok(Self { writer })
    }

    /// Adds rows, in their order.
    ///
    /// # Errors
    /// As [`SnapshotWriter::open`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.writer.write(batch).map_err(failure)
    }

    /// Writes the end.
    ///
    /// # Errors
    /// As [`SnapshotWriter::open`].
    pub fn close(mut self, profile: &Profile) -> Result<(), Failure> {
        let json = serde_json::to_string(profile)
            .map_err(|e| Failure::our_bug(format!("a profile is no JSON: {e}")))?;
        for (key, value) in [(SCHEMA_KEY, SCHEMA_VERSION.to_owned()), (PROFILE_KEY, json)] {
            self.writer
                .append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        self.writer.close().map(drop).map_err(failure)
    }
}

fn failure(e: parquet::errors::ParquetError) -> Failure {
    match e {
        parquet::errors::ParquetError::External(e) => {
            Failure::try_later(format!("the snapshot cannot be written: {e}"))
                .hint("is the disk full?")
        }
        e => Failure::our_bug(format!("observations cannot be written: {e}")),
    }
}

/// Writes the rows as a Parquet file, see [`SnapshotWriter`].
///
/// # Errors
/// `OurBug`: the writer refuses its own schema.
pub fn to_parquet(ingested: &Ingested) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut writer = SnapshotWriter::open(&mut bytes)?;
    writer.write(&ingested.batch)?;
    writer.close(&ingested.profile)?;
    Ok(bytes)
}
