//! What matching found in a batch, by row.

use std::ops::Range;

use crate::diag::RejectReason;
use crate::model::matches::Match;

/// A row that is set aside: 0-based row in the batch, why, the column at fault (empty for the
/// whole row), and what was found there, masked.
pub type RejectedRow = (u32, RejectReason, &'static str, String);

/// What matching found in one batch. Every row is either rejected, or matched, or neither:
/// `n_rows = rejected + matched + unmatched`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchMatches {
    /// Sorted by row, then asset; one for each pair.
    pub matches: Vec<Match>,
    /// Sorted by row, one for each row; none of them has a match.
    pub rejected: Vec<RejectedRow>,
    /// Rows in the batch.
    pub n_rows: u32,
}

impl BatchMatches {
    /// The rows with a match, rising and without doubles: what the second pass has to read.
    #[must_use]
    pub fn matched_rows(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = self.matches.iter().map(|m| m.row).collect();
        rows.dedup();
        rows
    }

    /// Counts rows as those of a row group of which only these ranges were read: rising, apart
    /// from each other, and together as long as the batch.
    #[must_use]
    pub fn of_rows(mut self, ranges: &[Range<u32>]) -> Self {
        // Each range with the batch's row at which it starts.
        let mut starts: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        let mut n = 0;
        for range in ranges {
            starts.push((n, range.start));
            n += range.end - range.start;
        }
        let of_group = |row: u32| {
            let after = starts.partition_point(|&(start, _)| start <= row);
            let (start, first) = starts.get(after.wrapping_sub(1)).copied().unwrap_or((0, 0));
            first + (row - start)
        };
        for found in &mut self.matches {
            found.row = of_group(found.row);
        }
        for (row, ..) in &mut self.rejected {
            *row = of_group(*row);
        }
        self
    }
}
