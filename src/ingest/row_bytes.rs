//! Bytes of text of rows, by their real lengths: what pieces, steps and pages are cut by. They
//! are the same wherever the rows stand in memory or on disk.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;

use super::sorted::Values;

/// Bytes of text of `n_rows` rows from `from` on: those of texts, and of the texts of lists.
/// Other values are of one width, and count as nothing.
pub(super) fn of_rows(array: &dyn Array, from: usize, n_rows: usize) -> usize {
    let (offsets, values) = match array.data_type() {
        DataType::Utf8 => match array.as_string_opt::<i32>() {
            Some(texts) => (texts.value_offsets(), None),
            None => return 0,
        },
        DataType::List(_) => match array.as_list_opt::<i32>() {
            Some(lists) => (lists.value_offsets(), Some(lists.values())),
            None => return 0,
        },
        _ => return 0,
    };
    let at = |row: usize| offsets.get(row).map_or(0, |offset| *offset as usize);
    let (begin, end) = (at(from), at(from + n_rows));
    match values {
        Some(values) => of_rows(values.as_ref(), begin, end.saturating_sub(begin)),
        None => end.saturating_sub(begin),
    }
}

/// How long the rows of a piece are.
pub(super) struct RowBytes {
    /// What all rows hold in common.
    of_ones: usize,
    /// The columns in which their texts differ.
    each: Vec<arrow::array::ArrayRef>,
    /// All of the piece.
    pub total: usize,
}

impl RowBytes {
    pub fn of(columns: &[Values], n_rows: usize) -> Self {
        let mut found = Self {
            of_ones: 0,
            each: Vec::new(),
            total: 0,
        };
        for column in columns {
            match column {
                Values::One(value) => found.of_ones += of_rows(value.as_ref(), 0, 1),
                Values::Each(array) => {
                    let n_bytes = of_rows(array.as_ref(), 0, n_rows);
                    found.total += n_bytes;
                    if n_bytes > 0 {
                        found.each.push(std::sync::Arc::clone(array));
                    }
                }
            }
        }
        found.total += found.of_ones * n_rows;
        found
    }

    /// Bytes of text of a row.
    pub fn at(&self, row: usize) -> usize {
        let each = self.each.iter();
        self.of_ones
            + each
                .map(|array| of_rows(array.as_ref(), row, 1))
                .sum::<usize>()
    }
}
