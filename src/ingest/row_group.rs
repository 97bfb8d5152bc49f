//! A row group while it is filled. Most columns of a feed hold one value in all of its rows: they
//! are encoded once, and the bytes are used again for every row group.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::FieldRef;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::parquet_file::PAGE_ROWS;
use super::row_bytes;
use super::sorted::{Sorted, Values};
use crate::model::observation::OBSERVATIONS;

/// Bytes of text that copies of a constant take at most while they are written; arrow addresses
/// them by 31 bits.
const STEP_BYTES: usize = 64 << 20;

/// What a column of a row group holds so far.
pub(super) enum State {
    /// No rows.
    Empty,
    /// One value, and nothing was written yet.
    Same(ArrayRef),
    /// Several; all of them were written.
    Differs,
}

pub(super) struct GroupColumn {
    field: FieldRef,
    pub writer: ArrowColumnWriter,
    pub state: State,
}

/// A row group.
pub(super) struct Group {
    pub columns: Vec<GroupColumn>,
    pub n_rows: usize,
    /// Bytes of text.
    pub n_bytes: usize,
}

impl Group {
    /// # Errors
    /// What the library says.
    pub fn open(factory: &ArrowRowGroupWriterFactory, index: usize) -> Result<Self, ParquetError> {
        let writers = factory.create_column_writers(index)?;
        let columns = OBSERVATIONS.fields().iter().zip(writers);
        let columns = columns.map(|(field, writer)| GroupColumn {
            field: Arc::clone(field),
            writer,
            state: State::Empty,
        });
        Ok(Self {
            columns: columns.collect(),
            n_rows: 0,
            n_bytes: 0,
        })
    }

    /// # Errors
    /// What the library says.
    pub fn write(&mut self, rows: &Sorted, from: usize, n_rows: usize) -> Result<(), ParquetError> {
        for (column, values) in self.columns.iter_mut().zip(&rows.columns) {
            column.write(values, self.n_rows, from, n_rows)?;
            self.n_bytes += match values {
                Values::One(value) => row_bytes::of_rows(value.as_ref(), 0, 1) * n_rows,
                Values::Each(array) => row_bytes::of_rows(array.as_ref(), from, n_rows),
            };
        }
        self.n_rows += n_rows;
        Ok(())
    }
}

impl GroupColumn {
    fn write(
        &mut self,
        values: &Values,
        n_before: usize,
        from: usize,
        n_rows: usize,
    ) -> Result<(), ParquetError> {
        match (&self.state, values) {
            (State::Empty, Values::One(value)) => {
                self.state = State::Same(Arc::clone(value));
                return Ok(());
            }
            (State::Same(before), Values::One(value)) if before.as_ref() == value.as_ref() => {
                return Ok(());
            }
            (State::Same(before), _) => {
                let before = Values::One(Arc::clone(before));
                write_steps(&mut self.writer, &self.field, &before, n_before)?;
            }
            _ => {}
        }
        self.state = State::Differs;
        let array = values.expand(from, n_rows)?;
        write_array(&mut self.writer, &self.field, &array)
    }
}

fn write_steps(
    writer: &mut ArrowColumnWriter,
    field: &FieldRef,
    values: &Values,
    n_rows: usize,
) -> Result<(), ParquetError> {
    let of_a_row = match values {
        Values::One(value) => row_bytes::of_rows(value.as_ref(), 0, 1).max(1),
        Values::Each(_) => 1,
    };
    let step_rows = (STEP_BYTES / of_a_row).clamp(1, PAGE_ROWS);
    for from in (0..n_rows).step_by(step_rows) {
        let array = values.expand(from, step_rows.min(n_rows - from))?;
        write_array(writer, field, &array)?;
    }
    Ok(())
}

fn write_array(
    writer: &mut ArrowColumnWriter,
    field: &FieldRef,
    array: &ArrayRef,
) -> Result<(), ParquetError> {
    for leaf in compute_leaves(field, array)? {
        writer.write(&leaf)?;
    }
    Ok(())
}

/// A column chunk of one value, encoded.
type Encoded = (Bytes, ColumnCloseResult);

/// The last constant of each column, as it stands in a file.
pub(super) struct Constants {
    properties: WriterPropertiesPtr,
    known: Vec<Option<(ArrayRef, usize, Encoded)>>,
}

impl Constants {
    pub fn new(properties: WriterPropertiesPtr) -> Self {
        Self {
            properties,
            known: vec![None; OBSERVATIONS.fields().len()],
        }
    }

    /// The column's chunk that holds `value` in `n_rows` rows.
    ///
    /// # Errors
    /// What the library says.
    pub fn get(
        &mut self,
        column: usize,
        value: &ArrayRef,
        n_rows: usize,
        writer: ArrowColumnWriter,
    ) -> Result<Encoded, ParquetError> {
        let wrong = || ParquetError::General(format!("there is no column {column}"));
        let known = self.known.get_mut(column).ok_or_else(wrong)?;
        if let Some((same, n, encoded)) = known
            && *n == n_rows
            && same.as_ref() == value.as_ref()
        {
            return Ok(encoded.clone());
        }
        let field = OBSERVATIONS.fields().get(column).ok_or_else(wrong)?;
        let mut writer = writer;
        write_steps(&mut writer, field, &Values::One(Arc::clone(value)), n_rows)?;
        let encoded = encode(&self.properties, writer)?;
        *known = Some((Arc::clone(value), n_rows, encoded.clone()));
        Ok(encoded)
    }
}

/// The bytes of a column chunk: the library hands them to a file only, so one is made of this
/// column alone, in memory.
fn encode(
    properties: &WriterPropertiesPtr,
    writer: ArrowColumnWriter,
) -> Result<Encoded, ParquetError> {
    let chunk = writer.close()?;
    let close = chunk.close().clone();
    let root = close.metadata.column_descr().path().clone();
    let whole = parquet::arrow::ArrowSchemaConverter::new().convert(&OBSERVATIONS)?;
    let name = root.parts().first().cloned().unwrap_or_default();
    let fields = whole.root_schema().get_fields().iter();
    let only = fields.filter(|field| field.name() == name).cloned();
    let schema = Type::group_type_builder("arrow_schema").with_fields(only.collect());
    let schema = Arc::new(schema.build()?);
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::clone(properties))?;
    let mut group = file.next_row_group()?;
    chunk.append_to_row_group(&mut group)?;
    let group = group.close()?;
    let written = group.column(0);
    let data = written.data_page_offset();
    let dictionary = written.dictionary_page_offset();
    let begin = usize::try_from(dictionary.unwrap_or(data))?;
    let end = begin + usize::try_from(written.compressed_size())?;
    let dictionary_len = usize::try_from(data - dictionary.unwrap_or(data))?;
    let bytes = Bytes::from(file.into_inner()?);
    if end > bytes.len() {
        return Err(ParquetError::General("a column chunk is cut".into()));
    }
    let close = close.update_dictionary_location(dictionary_len)?;
    Ok((bytes.slice(begin..end), close))
}
