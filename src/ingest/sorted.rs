//! Sorted rows in which a column that holds one value throughout is that one value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::take;
use arrow::datatypes::{Schema, SchemaRef, UInt32Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::columns::Columns;
use crate::diag::Failure;
use crate::model::dotted_quad::push_dotted_quad;
use crate::model::observation::{OBSERVATIONS, column as c};

/// Most rows of a piece.
const PIECE_ROWS: usize = 4_096;
/// Bytes of text that a piece holds at most, about, but for a single row. A merge holds a piece of each run.
const PIECE_BYTES: usize = 2 << 20;

/// One column of some rows.
#[derive(Clone, Debug)]
pub enum Values {
    /// All rows hold the one value of this array.
    One(ArrayRef),
    /// A value a row.
    Each(ArrayRef),
}

impl Values {
    /// A value a row, of `n_rows` rows from `from` on.
    ///
    /// # Errors
    /// What arrow says.
    pub(super) fn expand(&self, from: usize, n_rows: usize) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Each(array) => Ok(array.slice(from, n_rows)),
            Self::One(value) => {
                let first = UInt32Array::from_value(0, n_rows);
                take(value, &first, None)
            }
        }
    }
}

/// Rows of `observations` in their order.
#[derive(Clone, Debug)]
pub struct Sorted {
    /// Number of rows.
    pub n_rows: usize,
    /// The columns of [`OBSERVATIONS`], in its order.
    pub columns: Vec<Values>,
}

impl Sorted {
    /// Rows whose address, where it is a plain IPv4 address, is known by its number alone: its
    /// text is added here.
    ///
    /// # Errors
    /// `OurBug`: other columns than those of `observations`.
    pub(super) fn with_addresses(n_rows: usize, mut columns: Vec<Values>) -> Result<Self, Failure> {
        let index = |name| OBSERVATIONS.index_of(name).map_err(|e| bug(&e));
        let (text, number) = (index(c::IP)?, index(c::IP_V4)?);
        let (Some(texts), Some(numbers)) = (columns.get(text), columns.get(number)) else {
            return Err(Failure::our_bug(
                "a run has other columns than `observations`",
            ));
        };
        let both = match (texts, numbers) {
            (Values::One(texts), Values::One(numbers)) => {
                Values::One(addresses(texts, numbers).map_err(|e| bug(&e))?)
            }
            (texts, numbers) => {
                let texts = texts.expand(0, n_rows).map_err(|e| bug(&e))?;
                let numbers = numbers.expand(0, n_rows).map_err(|e| bug(&e))?;
                Values::Each(addresses(&texts, &numbers).map_err(|e| bug(&e))?)
            }
        };
        if let Some(column) = columns.get_mut(text) {
            *column = both;
        }
        Ok(Self { n_rows, columns })
    }

    /// The same rows with each value written out.
    ///
    /// # Errors
    /// `OurBug` where they do not fit the schema of `observations`.
    pub fn to_batch(&self) -> Result<RecordBatch, Failure> {
        let columns = self.columns.iter().map(|c| c.expand(0, self.n_rows));
        let columns: Result<Vec<ArrayRef>, ArrowError> = columns.collect();
        RecordBatch::try_new(Arc::clone(&OBSERVATIONS), columns.map_err(|e| bug(&e))?)
            .map_err(|e| bug(&e))
    }
}

impl From<&RecordBatch> for Sorted {
    fn from(batch: &RecordBatch) -> Self {
        Self {
            n_rows: batch.num_rows(),
            columns: batch.columns().iter().cloned().map(Values::Each).collect(),
        }
    }
}

/// The address as text: as delivered where that is known, else out of the number.
fn addresses(texts: &ArrayRef, numbers: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let (texts, numbers) = (
        texts.as_string::<i32>(),
        numbers.as_primitive::<UInt32Type>(),
    );
    if numbers.null_count() == numbers.len() {
        return Ok(Arc::new(texts.clone()));
    }
    let mut bytes = Vec::with_capacity(16 * numbers.len());
    let mut offsets = Vec::with_capacity(numbers.len() + 1);
    offsets.push(0);
    for row in 0..numbers.len() {
        if texts.is_valid(row) {
            bytes.extend_from_slice(texts.value(row).as_bytes());
        } else if numbers.is_valid(row) {
            push_dotted_quad(numbers.value(row), &mut bytes);
        }
        offsets.push(bytes.len() as i32);
    }
    let nulls = match (texts.nulls(), numbers.nulls()) {
        (Some(texts), Some(numbers)) => Some(NullBuffer::new(texts.inner() | numbers.inner())),
        _ => None,
    };
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    Ok(Arc::new(StringArray::try_new(
        offsets,
        bytes.into(),
        nulls,
    )?))
}

fn bug(e: &ArrowError) -> Failure {
    Failure::our_bug(format!("observations do not fit their schema: {e}"))
}

/// A sorted run: gives its rows out piece by piece, each with the columns that are not in
/// [`Run::ones`].
pub struct Run<'t> {
    columns: &'t Columns,
    order: &'t [u32],
    ones: Vec<Option<ArrayRef>>,
    schema: SchemaRef,
    n_rows: usize,
    row_bytes: &'t [u32],
}

impl<'t> Run<'t> {
    /// The rows of `columns`; each is about so long as `row_bytes` says, in the order of the files.
    pub(super) fn new(
        columns: &'t Columns,
        order: &'t [u32],
        ones: Vec<Option<ArrayRef>>,
        row_bytes: &'t [u32],
    ) -> Self {
        Self {
            columns,
            order,
            schema: schema_without(&ones),
            ones,
            n_rows: order.len(),
            row_bytes,
        }
    }

    /// Number of rows of all its pieces.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// For each column of [`OBSERVATIONS`] the value that all rows hold, if there is one.
    #[must_use]
    pub fn ones(&self) -> &[Option<ArrayRef>] {
        &self.ones
    }

    /// The schema of the pieces.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Iterator for Run<'_> {
    type Item = Result<RecordBatch, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut n_bytes = 0;
        let is_in = |row: &&u32| {
            let of_row = self.row_bytes.get(**row as usize).copied();
            n_bytes += of_row.unwrap_or_default() as usize;
            n_bytes <= PIECE_BYTES
        };
        let n_rows = self.order.iter().take(PIECE_ROWS).take_while(is_in).count();
        let (now, later) = self
            .order
            .split_at_checked(n_rows.max(1))
            .unwrap_or((self.order, &[]));
        if now.is_empty() {
            return None;
        }
        self.order = later;
        let arrays = self.columns.gather(now, &self.schema);
        let batch = arrays.and_then(|arrays| RecordBatch::try_new(self.schema(), arrays));
        Some(batch.map_err(|e| bug(&e)))
    }
}

/// The schema of the columns in which rows differ.
fn schema_without(ones: &[Option<ArrayRef>]) -> SchemaRef {
    let fields = OBSERVATIONS.fields().iter().zip(ones);
    let fields = fields.filter(|(_, one)| one.is_none());
    Arc::new(Schema::new(
        fields
            .map(|(field, _)| Arc::clone(field))
            .collect::<Vec<_>>(),
    ))
}

/// A run that was put away: what its rows hold in common, and its pieces.
pub struct Stored<I> {
    /// As [`Run::ones`].
    pub ones: Vec<Option<ArrayRef>>,
    /// As [`Run::n_rows`]; what the pieces are held against.
    pub n_rows: usize,
    /// Its pieces.
    pub pieces: I,
}

/// All columns of a piece.
pub(super) fn whole(ones: &[Option<ArrayRef>], piece: &RecordBatch) -> Option<Vec<Values>> {
    let mut each = piece.columns().iter();
    ones.iter()
        .map(|one| match one {
            Some(value) => Some(Values::One(Arc::clone(value))),
            None => each.next().cloned().map(Values::Each),
        })
        .collect()
}
