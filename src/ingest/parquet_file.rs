//! Observations as a Parquet file: the same rows give the same bytes.

use std::io::Write;
use std::sync::Arc;

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::row_group::{Constants, Group, State};
use super::sorted::Sorted;
use super::{Ingested, Profile};
use crate::diag::Failure;
use crate::model::observation::{OBSERVATIONS, SCHEMA_KEY, SCHEMA_VERSION, column as c};

/// Rows of a row group: the unit of work of a night, and of what pruning can leave out.
const GROUP_ROWS: usize = 131_072;

/// Bytes of text of a row group, about: one of long rows ends early, as a night refuses to unpack one of
/// more than 4 GiB.
const GROUP_BYTES: usize = 1 << 30;

/// Rows of a page, but for texts that are long. Rows come in steps of so many: then pages end in
/// the same places however they come, and the same rows give the same bytes.
pub(super) const PAGE_ROWS: usize = 16_384;

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

/// A snapshot while it is written: zstd, row groups of 131,072 rows (fewer where rows are long), pages
/// of 16,384, page index for the columns that rows are sorted by, counts of nulls where pruning asks for
/// them, and the schema's version under [`SCHEMA_KEY`].
pub struct SnapshotWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    constants: Constants,
    /// The row group that is being filled.
    group: Option<Group>,
    group_bytes: usize,
    n_groups: usize,
}

impl<W: Write + Send> SnapshotWriter<W> {
    /// An empty snapshot.
    ///
    /// # Errors
    /// `OurBug`: the writer refuses its own schema. `TryLater`: the output takes no bytes.
    pub fn open(output: W) -> Result<Self, Failure> {
        let schema = Arc::clone(&OBSERVATIONS);
        let properties = properties().map_err(failure)?;
        let writer = ArrowWriter::try_new(output, schema, Some(properties)).map_err(failure)?;
        let (file, factory) = writer.into_serialized_writer().map_err(failure)?;
        Ok(Self {
            constants: Constants::new(Arc::clone(file.properties())),
            file,
            factory,
            group: None,
            group_bytes: GROUP_BYTES,
            n_groups: 0,
        })
    }

    /// Adds rows, in their order.
    ///
    /// # Errors
    /// As [`SnapshotWriter::open`].
    pub fn write(&mut self, rows: &Sorted) -> Result<(), Failure> {
        let mut from = 0;
        while from < rows.n_rows {
            let group = match &mut self.group {
                Some(group) => group,
                none => none.insert(Group::open(&self.factory, self.n_groups).map_err(failure)?),
            };
            let page_rows = PAGE_ROWS - group.n_rows % PAGE_ROWS;
            let n_rows = page_rows.min(rows.n_rows - from);
            group.write(rows, from, n_rows).map_err(failure)?;
            if group.n_rows >= GROUP_ROWS || group.n_bytes >= self.group_bytes {
                self.end_group().map_err(failure)?;
            }
            from += n_rows;
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        let Some(group) = self.group.take() else {
            return Ok(());
        };
        let n_rows = group.n_rows;
        let mut out = self.file.next_row_group()?;
        for (i, column) in group.columns.into_iter().enumerate() {
            match column.state {
                State::Differs => column.writer.close()?.append_to_row_group(&mut out)?,
                State::Same(value) => {
                    let (bytes, close) = self.constants.get(i, &value, n_rows, column.writer)?;
                    out.append_column(&bytes, close)?;
                }
                State::Empty => return Err(ParquetError::General("a row group of nothing".into())),
            }
        }
        out.close()?;
        self.n_groups += 1;
        Ok(())
    }

    /// Writes the end.
    ///
    /// # Errors
    /// As [`SnapshotWriter::open`].
    pub fn close(mut self, profile: &Profile) -> Result<(), Failure> {
        self.end_group().map_err(failure)?;
        let json = serde_json::to_string(profile)
            .map_err(|e| Failure::our_bug(format!("a profile is no JSON: {e}")))?;
        for (key, value) in [(SCHEMA_KEY, SCHEMA_VERSION.to_owned()), (PROFILE_KEY, json)] {
            self.file
                .append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        self.file.close().map(drop).map_err(failure)
    }
}

fn properties() -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
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
    Ok(properties.build())
}

fn failure(e: ParquetError) -> Failure {
    match e {
        // Errors of arrow come as external ones too: those are ours.
        ParquetError::External(e) if e.is::<std::io::Error>() => {
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
    writer.write(&Sorted::from(&ingested.batch))?;
    writer.close(&ingested.profile)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, StringArray, new_null_array};
    use arrow::error::ArrowError;
    use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

    use super::super::sorted::Values;
    use super::*;
    use crate::diag::Kind;

    #[test]
    fn only_an_output_that_takes_no_bytes_is_a_reason_to_run_again() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(failure(full.into()).kind, Kind::TryLater);
        let ours = ArrowError::OffsetOverflowError(1 << 31);
        assert_eq!(failure(ours.into()).kind, Kind::OurBug);
    }

    /// What the file says of itself, where a row group ends with so many bytes.
    fn written(rows: &Sorted, group_bytes: usize) -> ParquetMetaData {
        let mut bytes = Vec::new();
        let mut writer = SnapshotWriter::open(&mut bytes).unwrap();
        writer.group_bytes = group_bytes;
        writer.write(rows).unwrap();
        writer.close(&Profile::default()).unwrap();
        let mut reader = ParquetMetaDataReader::new();
        reader.try_parse(&bytes::Bytes::from(bytes)).unwrap();
        reader.finish().unwrap()
    }

    /// Where a group of long rows ends follows from the rows alone.
    #[test]
    fn a_group_of_long_rows_ends_early() {
        let n_rows = 3 * PAGE_ROWS;
        let texts: Vec<String> = (0..n_rows).map(|n| format!("{n:08}")).collect();
        let columns = OBSERVATIONS.fields().iter().map(|field| {
            if field.name() == c::PRODUCT {
                Values::Each(Arc::new(StringArray::from(texts.clone())))
            } else if field.name() == c::EXTRA {
                Values::One(Arc::new(StringArray::from(vec!["{}"])))
            } else {
                Values::One(new_null_array(field.data_type(), 1))
            }
        });
        let rows = Sorted {
            n_rows,
            columns: columns.collect(),
        };
        let of = |group_bytes| {
            let groups = written(&rows, group_bytes);
            let groups = groups.row_groups().iter();
            groups.map(|g| g.num_rows()).collect::<Vec<i64>>()
        };
        let page = PAGE_ROWS as i64;
        assert_eq!(of(GROUP_BYTES), [3 * page]);
        // Ten bytes a row: a group ends with the page that reaches its measure.
        assert_eq!(of(10 * PAGE_ROWS), [page; 3]);
        assert_eq!(of(10 * PAGE_ROWS + 1), [2 * page, page]);
    }

    /// As often as it stands in a page, this constant takes more than 31 bits address.
    #[test]
    fn a_long_constant_is_written_as_often_as_there_are_rows() {
        let n_rows = PAGE_ROWS;
        let long = "x".repeat((1 << 31) / n_rows + 1);
        let columns = OBSERVATIONS.fields().iter().map(|field| {
            let value: ArrayRef = if field.name() == c::PRODUCT {
                Arc::new(StringArray::from(vec![long.as_str()]))
            } else {
                new_null_array(field.data_type(), 1)
            };
            Values::One(value)
        });
        let rows = Sorted {
            n_rows,
            columns: columns.collect(),
        };
        let metadata = written(&rows, GROUP_BYTES);
        assert_eq!(metadata.file_metadata().num_rows(), n_rows as i64);
    }
}
