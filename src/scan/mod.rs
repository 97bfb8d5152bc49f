//! Parquet objects → canonical batches, with bounded memory.
//!
//! A snapshot is opened by its footer alone. A row group is then read in two passes: the key
//! columns of all rows, and the other columns of the rows that hit. Every file is malformed
//! until it was read: whatever the decoder does with it, panics too, becomes a message.

mod columns;
mod object;
mod observations;
mod outline;
mod snapshot;

pub use columns::key_columns;
pub use observations::{Identity, observations};
pub use snapshot::{Fetched, Opened, Snapshot, open};

use arrow::record_batch::RecordBatch;
use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};
use sha2::{Digest, Sha256};

use crate::diag::Failure;
use crate::store::Place;

/// What is known of a small object that was read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes, hexadecimal.
    pub sha256: String,
}

/// Rows that are decoded at once: large batches decode two to three times faster than the usual
/// 8,192.
const BATCH_ROWS: usize = 65_536;

/// Reads a whole small Parquet object: register tables, decisions.
///
/// # Errors
/// `FixData` naming the object where it is missing or cannot be read as Parquet.
pub fn read_table(place: &Place, path: &str) -> Result<(Vec<RecordBatch>, TableInfo), Failure> {
    let bytes = place.get(path)?;
    let info = TableInfo {
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        sha256: hex::encode(Sha256::digest(&bytes)),
    };
    let batches = table_of(bytes, &place.display(path))?;
    Ok((batches, info))
}

/// The batches of a Parquet file in memory; `object` is its name for messages. At least one
/// batch, so that the schema is known of a table without rows.
///
/// # Errors
/// As [`read_table`].
pub fn table_of(bytes: Bytes, object: &str) -> Result<Vec<RecordBatch>, Failure> {
    guarded(object, || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?.with_batch_size(BATCH_ROWS);
        let schema = Arc::clone(builder.schema());
        // The reader's batches lack what the file says of its schema, such as our version.
        let batches = builder
            .build()?
            .map(|batch| batch?.with_schema(Arc::clone(&schema)));
        let mut batches = batches.collect::<Result<Vec<_>, _>>()?;
        if batches.is_empty() {
            batches.push(RecordBatch::new_empty(schema));
        }
        Ok(batches)
    })
}

type ParquetResult<T> = Result<T, parquet::errors::ParquetError>;

/// Runs the decoder; an error or a panic of its becomes a message that names the object.
fn guarded<T>(object: &str, decode: impl FnOnce() -> ParquetResult<T>) -> Result<T, Failure> {
    let decoded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode));
    let what = match decoded {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(e)) => e.to_string(),
        Err(_) => "the decoder gave up on a malformed page".to_owned(),
    };
    // A failure of the store travels through the decoder as text; it keeps its kind.
    if let Some((_, message)) = what.split_once(object::TROUBLE) {
        return Err(
            Failure::try_later(message.trim_end_matches(['"', ')']).to_owned()).at(object, ""),
        );
    }
    Err(unreadable(object, &what))
}

fn unreadable(object: &str, what: &str) -> Failure {
    let line: String = what.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(200).collect();
    Failure::fix_data(format!("cannot be read as Parquet: {line}"))
        .at(object, "")
        .hint("the file is cut or damaged: deliver it again, whole")
}

/// The rows to take, as runs to skip and to read; `rows` is rising and without doubles.
fn selection(rows: &[u32], n_rows: usize) -> RowSelection {
    let ranges = rows.chunk_by(|a, b| a + 1 == *b).filter_map(|run| {
        let (first, last) = (run.first()?, run.last()?);
        Some(usize::try_from(*first).ok()?..usize::try_from(*last).ok()? + 1)
    });
    RowSelection::from_consecutive_ranges(ranges, n_rows)
}
