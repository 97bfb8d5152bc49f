//! One snapshot: opened by its footer, read by row group.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::statistics::Statistics;
use sha2::{Digest, Sha256};
use std::sync::Arc;

use super::object::Parts;
use super::{BATCH_ROWS, columns, guarded, outline, selection, unreadable};
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

/// Key columns of a row group that are fetched and not decoded.
pub struct Fetched {
    parts: Parts,
    group: usize,
    mask: ProjectionMask,
    rows: Option<RowSelection>,
    n_rows: usize,
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
    let metadata = with_page_index(place, path, size, metadata)?;
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

/// Adds the page index, where the file has one that is no larger than a footer may be. It lies
/// in one piece before the footer.
fn with_page_index(
    place: &Place,
    path: &str,
    size: u64,
    metadata: ParquetMetaData,
) -> Result<ParquetMetaData, Failure> {
    let chunks = metadata
        .row_groups()
        .iter()
        .flat_map(RowGroupMetaData::columns);
    let ends = chunks.flat_map(|c| {
        let range = |offset: Option<i64>, length: Option<i32>| {
            let start = u64::try_from(offset?).ok()?;
            Some((start, start.checked_add(u64::try_from(length?).ok()?)?))
        };
        [
            range(c.column_index_offset(), c.column_index_length()),
            range(c.offset_index_offset(), c.offset_index_length()),
        ]
    });
    let ends = ends.flatten();
    let Some((start, end)) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
        return Ok(metadata);
    };
    let object = place.display(path);
    if end > size || start > end {
        return Err(unreadable(&object, "the page index lies outside the file"));
    }
    if end - start > MAX_FOOTER_BYTES {
        return Ok(metadata);
    }
    let parts = Parts::fetch(place, path, size, std::slice::from_ref(&(start..end)))?;
    guarded(&object, || {
        let mut reader = ParquetMetaDataReader::new_with_metadata(metadata)
            .with_page_index_policy(PageIndexPolicy::Optional);
        reader.read_page_indexes(&parts)?;
        reader.finish()
    })
}

impl Snapshot {
    /// Position of the column of a row group that stands under our name, be it renamed.
    fn leaf(&self, group: &RowGroupMetaData, name: &str) -> Option<usize> {
        group.columns().iter().position(|c| {
            let found = c.column_path().string();
            self.renames
                .get(&found)
                .map_or(found == name, |ours| ours == name)
        })
    }

    fn chunk<'g>(
        &self,
        group: &'g RowGroupMetaData,
        name: &str,
    ) -> Option<&'g ColumnChunkMetaData> {
        group.columns().get(self.leaf(group, name)?)
    }

    fn group(&self, group: usize) -> Result<&RowGroupMetaData, Failure> {
        let groups = self.metadata.metadata().row_groups();
        groups
            .get(group)
            .ok_or_else(|| Failure::our_bug(format!("`{}` has no row group {group}", self.path)))
    }

    /// Fetches some columns of a row group, of all rows or of some.
    fn fetch(
        &self,
        group: usize,
        wanted: &[Column],
        rows: Option<RowSelection>,
    ) -> Result<Fetched, Failure> {
        let object = self.place.display(&self.path);
        let of_group = self.group(group)?;
        let mask = self.mask(wanted);
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (i, chunk) in of_group.columns().iter().enumerate() {
            if mask.leaf_included(i) {
                let (start, length) = guarded(&object, || Ok(chunk.byte_range()))?;
                let chunk = start..start.saturating_add(length);
                match rows.as_ref().zip(self.pages_of(group, i)) {
                    Some((rows, pages)) => ranges.extend(near_pages(&chunk, rows, pages)),
                    None => ranges.push(chunk),
                }
            }
        }
        if ranges.iter().any(|range| range.end > self.size) {
            return Err(unreadable(&object, "a column lies outside the file"));
        }
        let n_rows = match &rows {
            Some(rows) => rows.row_count(),
            None => usize::try_from(of_group.num_rows()).unwrap_or(0),
        };
        Ok(Fetched {
            parts: Parts::fetch(&self.place, &self.path, self.size, &ranges)?,
            group,
            mask,
            rows,
            n_rows,
        })
    }

    /// The columns of the file that stand under our names, be they renamed.
    fn mask(&self, wanted: &[Column]) -> ProjectionMask {
        let schema = self.metadata.parquet_schema();
        let fields = schema.root_schema().get_fields().iter().enumerate();
        let roots = fields.filter(|(_, field)| {
            let name = self.renames.get(field.name());
            let name = name.map_or(field.name(), String::as_str);
            wanted
                .iter()
                .any(|w| w.name == name || w.name == field.name())
        });
        ProjectionMask::roots(schema, roots.map(|(i, _)| i))
    }

    /// Where the pages of a column lie, where the file says so.
    fn pages_of(&self, group: usize, column: usize) -> Option<&[PageLocation]> {
        let index = self.metadata.metadata().offset_index()?;
        let pages = index.get(group)?.get(column)?.page_locations();
        (!pages.is_empty()).then_some(pages)
    }

    /// Decodes what was fetched as one batch under our names.
    fn decode(&self, fetched: Fetched) -> Result<RecordBatch, Failure> {
        let object = self.place.display(&self.path);
        let group = fetched.group;
        let batch = guarded(&object, || {
            let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
                fetched.parts,
                self.metadata.clone(),
            )
            .with_projection(fetched.mask)
            .with_row_groups(vec![group])
            .with_batch_size(BATCH_ROWS);
            if let Some(rows) = fetched.rows {
                builder = builder.with_row_selection(rows);
            }
            let reader = builder.build()?;
            let schema = arrow::record_batch::RecordBatchReader::schema(&reader);
            let batches = reader.collect::<Result<Vec<_>, _>>()?;
            Ok(concat_batches(&schema, &batches)?)
        })?;
        if batch.num_rows() != fetched.n_rows {
            let what = format!(
                "row group {group} gave {} rows where its footer says {}",
                batch.num_rows(),
                fetched.n_rows
            );
            return Err(unreadable(&object, &what));
        }
        columns::rename_batch(&batch, &self.renames, &object)
    }

    /// Bytes of the key columns of this group, as they lie in the object.
    #[must_use]
    pub fn key_bytes(&self, group: usize) -> u64 {
        let mask = self.mask(&self.keys(group));
        let columns = self
            .group(group)
            .map(RowGroupMetaData::columns)
            .unwrap_or_default();
        let wanted = columns
            .iter()
            .enumerate()
            .filter(|(i, _)| mask.leaf_included(*i));
        let bytes = wanted.map(|(_, c)| u64::try_from(c.compressed_size()).unwrap_or(0));
        bytes.fold(0, u64::saturating_add)
    }

    /// Has every row of this group a value in the column, as its statistics have it?
    fn is_complete(&self, group: usize, name: &str) -> bool {
        let chunk = self.group(group).ok().and_then(|g| self.chunk(g, name));
        let n_nulls = chunk.and_then(|c| c.statistics().and_then(Statistics::null_count_opt));
        n_nulls == Some(0)
    }

    /// The key columns that matter: where all addresses are IPv4 numbers, no other form of them.
    fn keys(&self, group: usize) -> Vec<Column> {
        let has_numbers = self.is_complete(group, column::IP_V4);
        let is_needed =
            |c: &&Column| !(has_numbers && [column::IP, column::IP_V6].contains(&c.name));
        columns::KEYS.iter().filter(is_needed).copied().collect()
    }
}

/// The pages that hold any of these rows, and what lies before the first page: the dictionary.
fn near_pages(chunk: &Range<u64>, rows: &RowSelection, pages: &[PageLocation]) -> Vec<Range<u64>> {
    let mut ranges = rows.scan_ranges(pages);
    let first = pages
        .first()
        .and_then(|page| u64::try_from(page.offset).ok());
    if let Some(first) = first.filter(|first| *first > chunk.start) {
        ranges.insert(0, chunk.start..first);
    }
    ranges
}

impl RowGroups for Snapshot {
    type Fetched = Fetched;

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
        let of_group = self.metadata.metadata().row_groups().get(group)?;
        let find = |name: &str| self.chunk(of_group, name);
        let index = self.metadata.metadata().column_index();
        let index = index.and_then(|groups| groups.get(group));
        let pages = |name: &str| {
            let column = self.leaf(of_group, name)?;
            Some((index?.get(column)?, self.pages_of(group, column)?))
        };
        // A malformed index must not end the night; without an outline the group is read.
        let outline = guarded(&self.path, || Ok(outline::of(of_group, &find, &pages)));
        outline.ok().flatten()
    }

    fn fetch_keys(&self, group: usize, rows: Option<&[Range<u32>]>) -> Result<Fetched, Failure> {
        let n_rows = usize::try_from(self.group(group)?.num_rows()).unwrap_or(0);
        let rows = rows.map(|rows| {
            let rows = rows.iter().map(|r| r.start as usize..r.end as usize);
            RowSelection::from_consecutive_ranges(rows, n_rows)
        });
        self.fetch(group, &self.keys(group), rows)
    }

    fn decode_keys(&self, fetched: Fetched) -> Result<RecordBatch, Failure> {
        let group = fetched.group;
        let batch = self.decode(fetched)?;
        let batch = table::canonical(&batch, &columns::KEYS, &self.path)?.batch;
        let n_missing = batch
            .column_by_name(column::IP_V4)
            .map_or(0, |c| c.null_count());
        if n_missing > 0 && self.is_complete(group, column::IP_V4) {
            let what = format!(
                "row group {group} has no `ip_v4` in {n_missing} rows where its statistics say that none lacks one"
            );
            return Err(unreadable(&self.place.display(&self.path), &what));
        }
        Ok(batch)
    }

    fn read_rows(&self, group: usize, rows: &[u32]) -> Result<RecordBatch, Failure> {
        let n_rows = usize::try_from(self.group(group)?.num_rows()).unwrap_or(0);
        self.decode(self.fetch(group, &columns::ALL, Some(selection(rows, n_rows)))?)
    }
}
