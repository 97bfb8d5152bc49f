//! Sorted runs into one sorted table.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, FixedSizeBinaryArray, StringArray, UInt32Array};
use arrow::record_batch::RecordBatch;

use super::parquet_file::PAGE_ROWS;
use super::row_bytes::RowBytes;
use super::sorted::{Sorted, Stored, Values, whole};
use crate::diag::Failure;
use crate::model::observation::{OBSERVATIONS, column as c};

/// What a row is sorted by: IPv4 (0), IPv6 (1), no address (2); the number; the name.
type Key<'p> = (u8, u128, &'p str);

/// Rows that are handed on at once, unless they are long.
const OUT_ROWS: usize = PAGE_ROWS;
/// Bytes of text that they hold at most, but for a single row; arrow addresses a column by 31 bits.
const OUT_BYTES: usize = 256 << 20;

/// A run and the piece of it that comes next.
struct Open<I> {
    ones: Vec<Option<ArrayRef>>,
    pieces: I,
    /// Rows of the pieces that have not come yet.
    n_left: usize,
    /// `None` at the end.
    piece: Option<Piece>,
}

struct Piece {
    keys: Keys,
    /// Position of the piece among those that are kept.
    kept: usize,
    /// First row that was not taken yet.
    row: usize,
}

impl Piece {
    fn last(&self) -> Key<'_> {
        self.keys.at(self.keys.n_rows.saturating_sub(1))
    }
}

/// A row: the piece among those that are kept, and the row in it.
type Place = (usize, usize);

/// Merges runs that are sorted each, all with the columns of `observations`; of equal rows those
/// of the earlier run come first.
///
/// # Errors
/// What the runs and the sink say; `OurBug` where the columns do not fit; `TryLater` where a run
/// has not the rows that were put away.
pub fn merge<I>(
    runs: Vec<Stored<I>>,
    sink: &mut dyn FnMut(&Sorted) -> Result<(), Failure>,
) -> Result<(), Failure>
where
    I: Iterator<Item = Result<RecordBatch, Failure>>,
{
    merge_in_steps(runs, OUT_BYTES, sink)
}

/// As [`merge`]: where a step ends follows from the rows alone, so that the same rows give the same
/// pages however they were cut into runs and wherever these were kept.
fn merge_in_steps<I>(
    runs: Vec<Stored<I>>,
    step_bytes: usize,
    sink: &mut dyn FnMut(&Sorted) -> Result<(), Failure>,
) -> Result<(), Failure>
where
    I: Iterator<Item = Result<RecordBatch, Failure>>,
{
    let mut out = Out {
        same: same_everywhere(&runs),
        kept: Vec::new(),
        rows: Vec::with_capacity(2 * OUT_ROWS),
        step_bytes,
        measured: (0, 0),
    };
    let mut open = Vec::with_capacity(runs.len());
    for run in runs {
        let mut run = Open {
            ones: run.ones,
            pieces: run.pieces,
            n_left: run.n_rows,
            piece: None,
        };
        out.next_piece(&mut run)?;
        open.push(run);
    }
    while out.take_rows(&mut open)? {
        for run in &mut open {
            let is_done = |piece: &Piece| piece.row >= piece.keys.n_rows;
            if run.piece.as_ref().is_some_and(is_done) {
                out.next_piece(run)?;
            }
        }
        while let Some(n_rows) = out.step() {
            out.give(n_rows, sink)?;
            out.drop_used(&mut open);
        }
    }
    out.give(out.rows.len(), sink)
}

/// The columns in which all rows of all runs hold one value.
fn same_everywhere<I>(runs: &[Stored<I>]) -> Vec<Option<ArrayRef>> {
    let one_of = |run: &Stored<I>, column: usize| run.ones.get(column).cloned().flatten();
    (0..OBSERVATIONS.fields().len())
        .map(|column| {
            let first = one_of(runs.first()?, column)?;
            let is_same =
                |run| one_of(run, column).is_some_and(|one| one.as_ref() == first.as_ref());
            runs.iter().all(is_same).then_some(first)
        })
        .collect()
}

/// Rows that were put in order and wait to be given out.
struct Out {
    same: Vec<Option<ArrayRef>>,
    kept: Vec<Kept>,
    rows: Vec<Place>,
    step_bytes: usize,
    /// The first rows whose bytes were summed, and the sum.
    measured: (usize, usize),
}

/// A piece of which rows are waiting.
struct Kept {
    columns: Vec<Values>,
    bytes: RowBytes,
}

impl Out {
    /// Rows of the next step; `None` while it may still grow.
    fn step(&mut self) -> Option<usize> {
        let full = (self.rows.len() >= OUT_ROWS).then_some(OUT_ROWS);
        // Nearly always all that is kept is short enough, and no row has to be looked at.
        let all: usize = self.kept.iter().map(|piece| piece.bytes.total).sum();
        if all <= self.step_bytes {
            return full;
        }
        let (mut n_rows, mut n_bytes) = self.measured;
        let waiting = self.rows.iter().take(OUT_ROWS).skip(n_rows);
        for (piece, row) in waiting {
            let piece = self.kept.get(*piece);
            n_bytes += piece.map_or(0, |piece| piece.bytes.at(*row));
            if n_bytes > self.step_bytes {
                return Some(n_rows.max(1));
            }
            n_rows += 1;
        }
        self.measured = (n_rows, n_bytes);
        full
    }

    /// Goes on to a run's next piece that has rows.
    fn next_piece<I>(&mut self, run: &mut Open<I>) -> Result<(), Failure>
    where
        I: Iterator<Item = Result<RecordBatch, Failure>>,
    {
        run.piece = None;
        for piece in run.pieces.by_ref() {
            let piece = piece?;
            let n_rows = piece.num_rows();
            run.n_left = run.n_left.checked_sub(n_rows).ok_or_else(other_rows)?;
            if n_rows > 0 {
                let columns = whole(&run.ones, &piece).ok_or_else(other_columns)?;
                run.piece = Some(Piece {
                    keys: Keys::of(&columns, n_rows)?,
                    kept: self.kept.len(),
                    row: 0,
                });
                self.kept.push(Kept {
                    bytes: RowBytes::of(&columns, n_rows),
                    columns,
                });
                return Ok(());
            }
        }
        if run.n_left > 0 {
            return Err(other_rows());
        }
        Ok(())
    }

    /// Takes all rows that nothing can come before any more: those up to the end of the piece
    /// that ends first. Of equal rows those of earlier runs come first, so a piece ends by its
    /// last key and its run.
    fn take_rows<I>(&mut self, open: &mut [Open<I>]) -> Result<bool, Failure> {
        let ends = open.iter().zip(0..);
        let ends = ends.filter_map(|(run, i)| Some((run.piece.as_ref()?.last(), i)));
        let Some((last, of_run)) = ends.min() else {
            return Ok(false);
        };
        let last: (u8, u128, String) = (last.0, last.1, last.2.to_owned());
        let mut v4: Vec<(u32, Place)> = Vec::new();
        let mut v6: Vec<(u128, Place)> = Vec::new();
        let mut names: Vec<(String, Place)> = Vec::new();
        for (run, i) in open.iter_mut().zip(0..) {
            let Some(piece) = &mut run.piece else {
                continue;
            };
            let is_before = |row: usize| {
                let key = piece.keys.at(row);
                let last = (last.0, last.1, last.2.as_str());
                key < last || (key == last && i <= of_run)
            };
            let end = partition_point(piece.row, piece.keys.n_rows, is_before);
            for row in piece.row..end {
                let place = (piece.kept, row);
                match piece.keys.at(row) {
                    (0, number, _) => v4.push((number as u32, place)),
                    (1, number, _) => v6.push((number, place)),
                    (_, _, name) => names.push((name.to_owned(), place)),
                }
            }
            piece.row = end;
        }
        // Stable: rows of one key stay in the order of their runs.
        v4.sort_by_key(|(key, _)| *key);
        v6.sort_by_key(|(key, _)| *key);
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.rows.extend(v4.into_iter().map(|(_, place)| place));
        self.rows.extend(v6.into_iter().map(|(_, place)| place));
        self.rows.extend(names.into_iter().map(|(_, place)| place));
        Ok(true)
    }

    /// Gives out the first rows.
    fn give(
        &mut self,
        n_rows: usize,
        sink: &mut dyn FnMut(&Sorted) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(rows) = self.rows.get(..n_rows).filter(|rows| !rows.is_empty()) else {
            return Ok(());
        };
        let columns = self.same.iter().enumerate().map(|(column, same)| {
            if let Some(same) = same {
                return Ok(Values::One(Arc::clone(same)));
            }
            self.interleave(column, rows)
        });
        let columns: Result<Vec<Values>, Failure> = columns.collect();
        sink(&Sorted::with_addresses(n_rows, columns?)?)?;
        self.rows.drain(..n_rows);
        self.measured = (0, 0);
        Ok(())
    }

    fn interleave(&self, column: usize, rows: &[Place]) -> Result<Values, Failure> {
        let columns = self.kept.iter().map(|piece| piece.columns.get(column));
        let columns: Option<Vec<&Values>> = columns.collect();
        let columns = columns.ok_or_else(other_columns)?;
        let is_one: Vec<bool> = columns
            .iter()
            .map(|c| matches!(c, Values::One(_)))
            .collect();
        let arrays: Vec<&dyn Array> = columns
            .iter()
            .map(|column| match column {
                Values::One(array) | Values::Each(array) => array.as_ref(),
            })
            .collect();
        let interleaved = if is_one.contains(&true) {
            let of_one = |piece: usize| is_one.get(piece).copied().unwrap_or(false);
            let rows: Vec<Place> = rows
                .iter()
                .map(|(piece, row)| (*piece, if of_one(*piece) { 0 } else { *row }))
                .collect();
            arrow::compute::interleave(&arrays, &rows)
        } else {
            arrow::compute::interleave(&arrays, rows)
        };
        interleaved
            .map(Values::Each)
            .map_err(|e| Failure::our_bug(format!("sorted runs cannot be merged: {e}")))
    }

    /// Lets go of the pieces of which all rows were given out.
    fn drop_used<I>(&mut self, open: &mut [Open<I>]) {
        let mut is_used = vec![false; self.kept.len()];
        let current = open.iter().filter_map(|run| Some(run.piece.as_ref()?.kept));
        for kept in current.chain(self.rows.iter().map(|(kept, _)| *kept)) {
            if let Some(is_used) = is_used.get_mut(kept) {
                *is_used = true;
            }
        }
        let mut left = Vec::with_capacity(self.kept.len());
        let mut moved = Vec::with_capacity(self.kept.len());
        for (piece, is_used) in self.kept.drain(..).zip(is_used) {
            moved.push(left.len());
            if is_used {
                left.push(piece);
            }
        }
        self.kept = left;
        let pieces = open.iter_mut().filter_map(|run| run.piece.as_mut());
        let places = self.rows.iter_mut().map(|(kept, _)| kept);
        for kept in pieces.map(|piece| &mut piece.kept).chain(places) {
            *kept = moved.get(*kept).copied().unwrap_or(*kept);
        }
    }
}

/// The first row from `from` on that is not before, of rows of which those that are come first.
fn partition_point(from: usize, to: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (from, to);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The columns of a piece that its rows are sorted by, found once.
struct Keys {
    n_rows: usize,
    v4: Column<UInt32Array>,
    v6: Column<FixedSizeBinaryArray>,
    names: Column<StringArray>,
}

struct Column<A> {
    array: A,
    is_one: bool,
}

impl<A: Array + Clone + 'static> Column<A> {
    fn of(columns: &[Values], name: &str) -> Result<Self, Failure> {
        let index = OBSERVATIONS.index_of(name).map_err(|_| other_columns())?;
        let (array, is_one) = match columns.get(index).ok_or_else(other_columns)? {
            Values::One(array) => (array, true),
            Values::Each(array) => (array, false),
        };
        let array = array.as_any().downcast_ref::<A>().cloned();
        Ok(Self {
            array: array.ok_or_else(other_columns)?,
            is_one,
        })
    }

    /// Where the row's value stands, if it has one.
    fn find(&self, row: usize) -> Option<usize> {
        let row = if self.is_one { 0 } else { row };
        self.array.is_valid(row).then_some(row)
    }
}

impl Keys {
    fn of(columns: &[Values], n_rows: usize) -> Result<Self, Failure> {
        let v6: Column<FixedSizeBinaryArray> = Column::of(columns, c::IP_V6)?;
        if v6.array.value_length() != 16 {
            return Err(other_columns());
        }
        Ok(Self {
            n_rows,
            v4: Column::of(columns, c::IP_V4)?,
            v6,
            names: Column::of(columns, c::HOSTNAME)?,
        })
    }

    /// The key of a row of the piece.
    fn at(&self, row: usize) -> Key<'_> {
        if let Some(row) = self.v4.find(row) {
            return (0, u128::from(self.v4.array.value(row)), "");
        }
        if let Some(row) = self.v6.find(row) {
            let bytes = self.v6.array.value(row).try_into().unwrap_or_default();
            return (1, u128::from_be_bytes(bytes), "");
        }
        let name = self.names.find(row).map(|row| self.names.array.value(row));
        (2, 0, name.unwrap_or_default())
    }
}

fn other_rows() -> Failure {
    Failure::try_later("a sorted run that was put away has not the rows that it had")
        .hint("did another program touch the temporary files, or is the disk failing? run again")
}

fn other_columns() -> Failure {
    Failure::our_bug("a run has other columns than `observations`")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use arrow::ipc::reader::StreamReader;
    use arrow::ipc::writer::StreamWriter;

    use super::super::{Format, Input, Run, Settings, Source, identify, ingest};
    use super::*;
    use crate::diag::Kind;

    type Pieces = std::vec::IntoIter<Result<RecordBatch, Failure>>;

    fn in_memory(run: &mut Run<'_>) -> Vec<RecordBatch> {
        run.map(Result::unwrap).collect()
    }

    fn through_bytes(run: &mut Run<'_>) -> Vec<RecordBatch> {
        let mut writer = StreamWriter::try_new(Vec::new(), &run.schema()).unwrap();
        for piece in run {
            writer.write(&piece.unwrap()).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let reader = StreamReader::try_new(Cursor::new(bytes), None).unwrap();
        reader.map(Result::unwrap).collect()
    }

    /// Runs of a list in which each seventh row is long.
    fn runs(run_rows: usize, put: fn(&mut Run<'_>) -> Vec<RecordBatch>) -> Vec<Stored<Pieces>> {
        let mut csv = String::from("timestamp,ip,note\n");
        for i in 0..600u32 {
            let ip = i.wrapping_mul(2_654_435_761) >> 24;
            let n_bytes = if i % 7 == 0 { 20_000 } else { 10 };
            let note = "x".repeat(n_bytes);
            csv += &format!("2026-03-01 00:00:00,192.0.2.{ip},{note}\n");
        }
        let source = Source {
            name: "2026-03-01-scan_rdp-x.csv",
            format: Some(Format::List),
            ..Source::default()
        };
        let settings = Settings {
            feed: "partner".into(),
            account_key: None,
            max_bytes: 1 << 24,
            run_rows,
        };
        let identified = identify(&mut Cursor::new(csv.as_bytes()), &source, 1 << 24).unwrap();
        let input: Box<dyn Input> = Box::new(Cursor::new(csv.as_bytes()));
        let mut inputs = [(source.name.to_owned(), input)];
        let mut runs = Vec::new();
        ingest(&mut inputs, &identified, &settings, &mut |run| {
            let pieces: Vec<_> = put(run).into_iter().map(Ok).collect();
            runs.push(Stored {
                ones: run.ones().to_vec(),
                n_rows: run.n_rows(),
                pieces: pieces.into_iter(),
            });
            Ok(())
        })
        .unwrap();
        runs
    }

    #[test]
    fn steps_follow_from_the_rows_alone() {
        const STEP_BYTES: usize = 100_000;
        let steps = |runs| {
            let mut steps = Vec::new();
            merge_in_steps(runs, STEP_BYTES, &mut |rows| {
                steps.push(rows.to_batch()?);
                Ok(())
            })
            .unwrap();
            steps
        };
        let whole = steps(runs(600, in_memory));
        assert_eq!(whole.iter().map(RecordBatch::num_rows).sum::<usize>(), 600);
        for step in &whole {
            let extra = step.column_by_name(c::EXTRA).unwrap();
            let n_bytes = super::super::row_bytes::of_rows(extra.as_ref(), 0, step.num_rows());
            assert!(n_bytes <= STEP_BYTES, "{n_bytes}");
        }
        assert!((18..40).contains(&whole.len()), "{}", whole.len());
        for run_rows in [7, 50, 599] {
            assert!(steps(runs(run_rows, in_memory)) == whole, "{run_rows}");
            assert!(steps(runs(run_rows, through_bytes)) == whole, "{run_rows}");
        }
        assert!(steps(runs(600, through_bytes)) == whole);
    }

    #[test]
    fn a_run_that_lost_rows_is_no_run() {
        let mut runs = runs(50, in_memory);
        let cut = &mut runs[3].pieces;
        let piece = cut.next().unwrap().unwrap();
        let shorter = vec![Ok(piece.slice(0, piece.num_rows() - 1))];
        *cut = shorter.into_iter();
        let failure = merge(runs, &mut |_| Ok(())).unwrap_err();
        assert_eq!(failure.kind, Kind::TryLater, "{failure}");
    }
}
