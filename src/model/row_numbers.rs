//! How a person finds a row again: by its line in an editor, by its row in a workbook or a table.
//!
//! Our own tables count rows of what was read from 0, as `source_row` does (DECISIONS, section 4),
//! so that they can be joined. Messages count as the program does in which a person looks.

use csv::StringRecord;

/// Turns a row that is counted from 0 into what a person looks for.
///
/// - A line of CSV counts from 1 and the header is line 1, or a later one where lines precede it;
///   a record over several lines stands in its first.
/// - A row of a workbook is the number that stands beside it.
/// - A row of Parquet counts from 1: there is no header to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowNumbers {
    word: &'static str,
    /// From this row on the number is greater by so much; few, since lines rarely break.
    shifts: Vec<(u64, u64)>,
}

impl RowNumbers {
    /// Of a Parquet file.
    #[must_use]
    pub fn of_table() -> Self {
        Self::of_sheet(1)
    }

    /// Of a sheet whose first row under the header is this one.
    #[must_use]
    pub fn of_sheet(first: u64) -> Self {
        Self {
            word: "row",
            shifts: vec![(0, first)],
        }
    }

    /// Of a text; [`RowNumbers::note`] says where each record begins.
    #[must_use]
    pub fn of_text() -> Self {
        Self {
            word: "line",
            shifts: vec![(0, 2)],
        }
    }

    /// The record `row` begins in this line; rows come in order.
    pub fn note(&mut self, row: u64, line: u64) {
        let shift = line.saturating_sub(row);
        if self.shifts.last().is_none_or(|(_, last)| *last != shift) {
            self.shifts.push((row, shift));
        }
    }

    /// `line 3` or `row 2`.
    #[must_use]
    pub fn text(&self, row: u64) -> String {
        let n_before = self.shifts.partition_point(|(first, _)| *first <= row);
        let shift = n_before.checked_sub(1).and_then(|at| self.shifts.get(at));
        format!(
            "{} {}",
            self.word,
            row + shift.map_or(0, |(_, shift)| *shift)
        )
    }
}

/// The line, from 1, in which a record of this text begins. The reader's own position lies before
/// empty lines, and before the second half of a line end of two bytes.
#[must_use]
pub fn line_of(text: &[u8], record: &StringRecord) -> u64 {
    let Some(position) = record.position() else {
        return 1;
    };
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = text.get(from..).unwrap_or_default();
    let ends = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n'));
    let n_ends = ends.filter(|b| **b == b'\n').count();
    position.line() + n_ends as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_in_the_line_in_which_it_begins() {
        for (text, want) in [
            ("a\n1\n2\n", vec!["line 2", "line 3"]),
            ("a\r\n1\r\n2", vec!["line 2", "line 3"]),
            ("a\n\n1\n\n\n2\n", vec!["line 3", "line 6"]),
            ("a\r\n\r\n1\r\n", vec!["line 3"]),
            ("a\n\"1\n1\"\n2\n3\n", vec!["line 2", "line 4", "line 5"]),
        ] {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let mut numbers = RowNumbers::of_text();
            for (row, record) in (0..).zip(reader.records()) {
                numbers.note(row, line_of(text.as_bytes(), &record.unwrap()));
            }
            let found: Vec<String> = (0..)
                .map(|row| numbers.text(row))
                .take(want.len())
                .collect();
            assert_eq!(found, want, "{text:?}");
        }
        assert_eq!(RowNumbers::of_table().text(0), "row 1");
        assert_eq!(RowNumbers::of_sheet(4).text(2), "row 6");
    }
}
