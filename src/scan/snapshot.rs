//! One snapshot: opened by its footer, read by row group.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::basic::LogicalType;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use sha2::{Digest, Sha256};
use std::sync::Arc;

use super::object::Parts;
use super::{BATCH_ROWS, columns, guarded, selection, unreadable};
use crate::diag::Failure;
use crate::model::matches::{Outline, RowGroups};
use crate::model::observation::column;
use crate::model::table::{self, Column};
use crate::store::Place;

/// A footer larger than this is not one that a scan feed writes.
const MAX_FOOTER_BYTES: u64 = 64 << 20;
/// A row group larger than this when unpacked is refused: it would fill the memory.
const MAX_GROUP_BYTES: i64 = 4 << 30;
const TAIL: u64 = 8;

/// A snapshot whose footer is read and whose schema fits.
pub struct Snapshot {
    place: Place,
    path: String,
    size: u64,
    metadata: ArrowReaderMetadata,
    renames: BTreeMap<String, String>,
    first_rows: Vec<u64>,
}

/// A snapshot, and what a plan pins of it.
pub struct Opened {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Rows, by its footer.
    pub n_rows: u64,
    /// SHA-256 of the footer, hexadecimal: changes with the content, costs no full read.
    pub footer_sha256: String,
}

/// Opens a snapshot of `size` bytes; `renames` maps its column names to ours.
///
/// # Errors
/// `FixData` naming the object: not there, not Parquet, cut, too large, a missing column, a
/// wrong type. `TryLater` where the store is not there.
pub fn open(
    place: &Place,
    path: &str,
    size: u64,
    renames: &BTreeMap<String, String>,
) -> Result<Opened, Failure> {
    let object = place.display(path);
    let footer = footer(place, path, size, &object)?;
    let footer_sha256 = hex::encode(Sha256::digest(&footer));
    let metadata = guarded(&object, || ParquetMetaDataReader::decode_metadata(&footer))?;
    let metadata = guarded(&object, || {
        ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())
    })?;
    columns::check(&columns::renamed(metadata.schema(), renames), &object)?;
    let mut first_rows = Vec::new();
    let mut n_rows: u64 = 0;
    for group in metadata.metadata().row_groups() {
        if group.total_byte_size() > MAX_GROUP_BYTES
            || !(0..=i64::from(u32::MAX)).contains(&group.num_rows())
        {
            return Err(unreadable(
                &object,
                "a row group is too large to be held in memory",
            ));
        }
        first_rows.push(n_rows);
        n_rows += u64::try_from(group.num_rows()).unwrap_or(0);
    }
    let snapshot = Snapshot {
        place: place.clone(),
        path: path.to_owned(),
        size,
        metadata,
        renames: renames.clone(),
        first_rows,
    };
    Ok(Opened {
        snapshot,
        n_rows,
        footer_sha256,
    })
}

/// The footer's bytes, without the length and the magic number behind it.
fn footer(place: &Place, path: &str, size: u64, object: &str) -> Result<bytes::Bytes, Failure> {
    if size < TAIL + 4 {
        return Err(unreadable(object, &format!("the file has {size} bytes")));
    }
    let tail = place.get_range(path, size - TAIL..size)?;
    let (length, magic) = tail.split_at_checked(4).unwrap_or_default();
    if magic != b"PAR1" {
        let what = if magic == b"PARE" {
            "the footer is encrypted"
        } else {
            "it does not end with `PAR1`"
        };
        return Err(unreadable(object, what));
    }
    let length = length
        .iter()
        .rev()
        .fold(0u64, |n, b| (n << 8) | u64::from(*b));
    if length > MAX_FOOTER_BYTES || length > size - TAIL {
        return Err(unreadable(
            object,
            &format!("its footer claims {length} bytes of a file of {size}"),
        ));
    }
    place.get_range(path, size - TAIL - length..size - TAIL)
}

/// Least and greatest value of a column of unsigned 32-bit numbers.
fn bounds(chunk: &ColumnChunkMetaData) -> Option<(u32, u32)> {
    let is_unsigned = matches!(
        chunk.column_descr().logical_type_ref(),
        Some(LogicalType::Integer(kind)) if !kind.is_signed && kind.bit_width == 32
    );
    match chunk.statistics()? {
        // Parquet keeps an unsigned number in the bits of a signed one.
        Statistics::Int32(stats) if is_unsigned => Some((
            stats.min_opt()?.cast_unsigned(),
            stats.max_opt()?.cast_unsigned(),
        )),
        _ => None,
    }
}

impl Snapshot {
    /// The column of a row group that stands under our name, be it renamed.
    fn chunk(&self, group: &'_ RowGroupMetaData, name: &str) -> Option<ColumnChunkMetaData> {
        let is_it = |c: &&ColumnChunkMetaData| {
            let found = c.column_path().string();
            self.renames
                .get(&found)
                .map_or(found == name, |ours| ours == name)
        };
        group.columns().iter().find(is_it).cloned()
    }

    fn group(&self, group: usize) -> Result<&RowGroupMetaData, Failure> {
        let groups = self.metadata.metadata().row_groups();
        groups
            .get(group)
            .ok_or_else(|| Failure::our_bug(format!("`{}` has no row group {group}", self.path)))
    }

    /// Reads some columns of a row group as one canonical batch.
    fn read(
        &self,
        group: usize,
        wanted: &[Column],
        rows: Option<RowSelection>,
    ) -> Result<RecordBatch, Failure> {
        let object = self.place.display(&self.path);
        let of_group = self.group(group)?;
        let schema = self.metadata.parquet_schema();
        let roots: Vec<usize> = schema
            .root_schema()
            .get_fields()
            .iter()
            .enumerate()
            .filter(|(_, field)| {
                let name = self
                    .renames
                    .get(field.name())
                    .map_or(field.name(), String::as_str);
                wanted
                    .iter()
                    .any(|w| w.name == name || w.name == field.name())
            })
            .map(|(i, _)| i)
            .collect();
        let mask = ProjectionMask::roots(schema, roots);
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (i, chunk) in of_group.columns().iter().enumerate() {
            if mask.leaf_included(i) {
                let (start, length) = guarded(&object, || Ok(chunk.byte_range()))?;
                let end = start.saturating_add(length);
                if end > self.size {
                    return Err(unreadable(&object, "a column lies outside the file"));
                }
                ranges.push(start..end);
            }
        }
        let parts = Parts::fetch(&self.place, &self.path, self.size, &ranges)?;
        let batch = guarded(&object, || {
            let mut builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(parts, self.metadata.clone())
                    .with_projection(mask)
                    .with_row_groups(vec![group])
                    .with_batch_size(BATCH_ROWS);
            if let Some(rows) = rows {
                builder = builder.with_row_selection(rows);
            }
            let reader = builder.build()?;
            let schema = arrow::record_batch::RecordBatchReader::schema(&reader);
            let batches = reader.collect::<Result<Vec<_>, _>>()?;
            Ok(concat_batches(&schema, &batches)?)
        })?;
        columns::rename_batch(&batch, &self.renames, &object)
    }
}

impl RowGroups for Snapshot {
    fn object(&self) -> &str {
        &self.path
    }

    fn n_groups(&self) -> usize {
        self.first_rows.len()
    }

    fn first_row(&self, group: usize) -> u64 {
        self.first_rows.get(group).copied().unwrap_or(0)
    }

    fn outline(&self, group: usize) -> Option<Outline> {
        let group = self.metadata.metadata().row_groups().get(group)?;
        let n_rows = u64::try_from(group.num_rows()).ok()?;
        let chunk = |name: &str| self.chunk(group, name);
        let n_nulls =
            |name: &str| chunk(name).map(|c| c.statistics().and_then(Statistics::null_count_opt));
        // Absent, or null in every row.
        let is_empty = |name: &str| n_nulls(name).is_none_or(|n| n == Some(n_rows));
        if n_nulls(column::OBSERVED_AT)? != Some(0) || n_nulls(column::IP_V4)? != Some(0) {
            return None;
        }
        let everything = (0, u32::MAX);
        let asn = chunk(column::ASN).map(|c| bounds(&c).unwrap_or(everything));
        Some(Outline {
            n_rows,
            v4: bounds(&chunk(column::IP_V4)?)?,
            asn: asn.filter(|_| !is_empty(column::ASN)),
            has_names: !is_empty(column::HOSTNAME),
            has_accounts: !is_empty(column::ACCOUNT_HASH) || !is_empty(column::ACCOUNT_DOMAIN),
        })
    }

    fn read_keys(&self, group: usize) -> Result<RecordBatch, Failure> {
        let batch = self.read(group, &columns::KEYS, None)?;
        let n_rows = self.group(group)?.num_rows();
        if i64::try_from(batch.num_rows()) != Ok(n_rows) {
            let what = format!(
                "row group {group} has {} rows; its footer says {n_rows}",
                batch.num_rows()
            );
            return Err(unreadable(&self.place.display(&self.path), &what));
        }
        Ok(table::canonical(&batch, &columns::KEYS, &self.path)?.batch)
    }

    fn read_rows(&self, group: usize, rows: &[u32]) -> Result<RecordBatch, Failure> {
        let n_rows = usize::try_from(self.group(group)?.num_rows()).unwrap_or(0);
        self.read(group, &columns::ALL, Some(selection(rows, n_rows)))
    }
}
