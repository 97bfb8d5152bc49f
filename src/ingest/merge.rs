//! Sorted runs into one sorted table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::UInt32Type;
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
    row: usize,
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
            row: 0,
        };
        if next_batch(&mut run, &mut kept)? {
            heap.push(Reverse((key(kept.last(), 0)?, i)));
        }
        open.push(run);
    }
    let mut rows: Vec<(usize, usize)> = Vec::with_capacity(OUT_ROWS);
    while let Some(Reverse((_, i))) = heap.pop() {
        let Some(run) = open.get_mut(i) else { break };
        rows.push((run.kept, run.row));
        run.row += 1;
        let is_done = kept.get(run.kept).is_none_or(|b| run.row >= b.num_rows());
        let has_more = !is_done || next_batch(run, &mut kept)?;
        if has_more {
            heap.push(Reverse((key(kept.get(run.kept), run.row)?, i)));
        }
        if rows.len() == OUT_ROWS {
            emit(&mut rows, &kept, sink)?;
            drop_used(&mut kept, &mut open);
        }
    }
    emit(&mut rows, &kept, sink)
}

fn next_batch<I>(run: &mut Run<I>, kept: &mut Vec<RecordBatch>) -> Result<bool, Failure>
where
    I: Iterator<Item = Result<RecordBatch, Failure>>,
{
    for batch in run.batches.by_ref() {
        let batch = batch?;
        if batch.num_rows() > 0 {
            run.kept = kept.len();
            run.row = 0;
            kept.push(batch);
            return Ok(true);
        }
    }
    run.kept = usize::MAX;
    Ok(false)
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

fn key(batch: Option<&RecordBatch>, row: usize) -> Result<Key, Failure> {
    let bug = || Failure::our_bug("a run has other columns than `observations`");
    let batch = batch.ok_or_else(bug)?;
    let column = |name: &str| batch.column_by_name(name).ok_or_else(bug);
    let v4 = column(c::IP_V4)?;
    if v4.is_valid(row) {
        let v4 = v4.as_primitive_opt::<UInt32Type>().ok_or_else(bug)?;
        return Ok((0, u128::from(v4.value(row)), String::new()));
    }
    let v6 = column(c::IP_V6)?;
    if v6.is_valid(row) {
        let v6 = v6.as_fixed_size_binary_opt().ok_or_else(bug)?;
        let bytes: [u8; 16] = v6.value(row).try_into().map_err(|_| bug())?;
        return Ok((1, u128::from_be_bytes(bytes), String::new()));
    }
    let name = column(c::HOSTNAME)?
        .as_string_opt::<i32>()
        .ok_or_else(bug)?;
    let text = if name.is_valid(row) {
        name.value(row)
    } else {
        ""
    };
    Ok((2, 0, text.to_owned()))
}
