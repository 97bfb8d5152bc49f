//! Sorted runs into one sorted table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arrow::array::{Array, FixedSizeBinaryArray, StringArray, UInt32Array};
use arrow::record_batch::RecordBatch;

use crate::diag::Failure;
use crate::model::observation::column as c;

/// What a row is sorted by: IPv4 (0), IPv6 (1), no address (2); the number; the name.
type Key = (u8, u128, String);

/// Rows of a batch that is handed on.
const OUT_ROWS: usize = 65_536;

struct Run<I> {
    batches: I,
    /// Position of the current batch among those that are kept.
    kept: usize,
    /// What its rows are sorted by; `None` after the last batch.
    keys: Option<Keys>,
    row: usize,
}

impl<I> Run<I> {
    /// The key of the row that comes next; `None` at the end of the batch.
    fn key(&self) -> Option<Key> {
        self.keys.as_ref()?.at(self.row)
    }
}

/// Merges runs that are sorted each, all with the schema of `observations`; of equal rows those
/// of the earlier run come first.
///
/// # Errors
/// What the runs and the sink say; `OurBug` where the columns do not fit.
pub fn merge<I>(
    runs: Vec<I>,
    sink: &mut dyn FnMut(RecordBatch) -> Result<(), Failure>,
) -> Result<(), Failure>
where
    I: Iterator<Item = Result<RecordBatch, Failure>>,
{
    let mut kept: Vec<RecordBatch> = Vec::new();
    let mut open = Vec::with_capacity(runs.len());
    let mut heap = BinaryHeap::new();
    for (i, batches) in runs.into_iter().enumerate() {
        let mut run = Run {
            batches,
            kept: 0,
            keys: None,
            row: 0,
        };
        if let Some(key) = next_batch(&mut run, &mut kept)? {
            heap.push(Reverse((key, i)));
        }
        open.push(run);
    }
    let mut rows: Vec<(usize, usize)> = Vec::with_capacity(OUT_ROWS);
    while let Some(Reverse((_, i))) = heap.pop() {
        let Some(run) = open.get_mut(i) else { break };
        rows.push((run.kept, run.row));
        run.row += 1;
        let next = match run.key() {
            Some(key) => Some(key),
            None => next_batch(run, &mut kept)?,
        };
        heap.extend(next.map(|key| Reverse((key, i))));
        if rows.len() == OUT_ROWS {
            emit(&mut rows, &kept, sink)?;
            drop_used(&mut kept, &mut open);
        }
    }
    emit(&mut rows, &kept, sink)
}

/// Goes on to the next batch that has rows; the key of its first one.
fn next_batch<I>(run: &mut Run<I>, kept: &mut Vec<RecordBatch>) -> Result<Option<Key>, Failure>
where
    I: Iterator<Item = Result<RecordBatch, Failure>>,
{
    for batch in run.batches.by_ref() {
        let batch = batch?;
        if batch.num_rows() > 0 {
            run.kept = kept.len();
            run.keys = Some(Keys::of(&batch)?);
            run.row = 0;
            kept.push(batch);
            return Ok(run.key());
        }
    }
    (run.kept, run.keys) = (usize::MAX, None);
    Ok(None)
}

fn emit(
    rows: &mut Vec<(usize, usize)>,
    kept: &[RecordBatch],
    sink: &mut dyn FnMut(RecordBatch) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let batches: Vec<&RecordBatch> = kept.iter().collect();
    let batch = arrow::compute::interleave_record_batch(&batches, rows)
        .map_err(|e| Failure::our_bug(format!("sorted runs cannot be merged: {e}")))?;
    rows.clear();
    sink(batch)
}

/// Lets go of the batches that no run stands in.
fn drop_used<I>(kept: &mut Vec<RecordBatch>, open: &mut [Run<I>]) {
    let mut left = Vec::with_capacity(open.len());
    for run in open {
        if let Some(batch) = kept.get(run.kept) {
            left.push(batch.clone());
            run.kept = left.len() - 1;
        }
    }
    *kept = left;
}

/// The columns of a batch that its rows are sorted by, found once.
struct Keys {
    v4: UInt32Array,
    v6: FixedSizeBinaryArray,
    names: StringArray,
}

impl Keys {
    fn of(batch: &RecordBatch) -> Result<Self, Failure> {
        let v6: FixedSizeBinaryArray = column(batch, c::IP_V6)?;
        if v6.value_length() != 16 {
            return Err(other_columns());
        }
        Ok(Self {
            v4: column(batch, c::IP_V4)?,
            v6,
            names: column(batch, c::HOSTNAME)?,
        })
    }

    /// `None` behind the last row.
    fn at(&self, row: usize) -> Option<Key> {
        if row >= self.v4.len() {
            return None;
        }
        if self.v4.is_valid(row) {
            return Some((0, u128::from(self.v4.value(row)), String::new()));
        }
        if self.v6.is_valid(row) {
            let bytes = self.v6.value(row).try_into().ok()?;
            return Some((1, u128::from_be_bytes(bytes), String::new()));
        }
        let name = self.names.is_valid(row).then(|| self.names.value(row));
        Some((2, 0, name.unwrap_or_default().to_owned()))
    }
}

fn column<A: Array + Clone + 'static>(batch: &RecordBatch, name: &str) -> Result<A, Failure> {
    let found = batch.column_by_name(name);
    found
        .and_then(|c| c.as_any().downcast_ref::<A>().cloned())
        .ok_or_else(other_columns)
}

fn other_columns() -> Failure {
    Failure::our_bug("a run has other columns than `observations`")
}
