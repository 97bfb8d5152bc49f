//! A column of texts while it grows. Many columns of a report hold one value throughout: those
//! cost a comparison a row, and no memory. A column that nobody speaks of costs nothing.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::error::ArrowError;

use super::column::Column;

/// Set in the end of a text that is null.
const NULL: u32 = 1 << 31;

/// Texts, or nulls. Its memory is kept from run to run.
#[derive(Default)]
pub(super) struct TextColumn {
    /// What rows hold that say nothing.
    by_default: Option<Box<str>>,
    /// What all rows hold, as long as they hold the same.
    filler: Option<Box<str>>,
    /// Where each text ends in `text`; its beginning is the end of the one before.
    ends: Vec<u32>,
    text: String,
    /// Do rows of this run differ?
    has_other: bool,
}

impl TextColumn {
    /// From this row on, rows that say nothing hold this.
    pub fn fill(&mut self, row: usize, by_default: Option<&str>) {
        self.by_default = by_default.map(Into::into);
        if self.filler.as_deref() == by_default {
            return;
        }
        if row > 0 {
            self.has_other = true;
            self.say_filler(row);
        }
        self.filler.clone_from(&self.by_default);
    }

    /// Says what a row holds. Rows come in order; those of a delivery without this column, and none
    /// else, are left out.
    #[inline]
    pub fn set(&mut self, row: usize, value: Option<&str>) {
        if !self.has_other {
            if self.filler.as_deref() == value {
                return;
            }
            if row == 0 {
                self.filler = value.map(Into::into);
                return;
            }
            self.has_other = true;
        }
        if self.ends.len() < row {
            self.say_filler(row);
        }
        self.push(value);
    }

    #[inline]
    fn push(&mut self, value: Option<&str>) {
        match value {
            Some(value) => {
                self.text.push_str(value);
                self.ends.push(self.text.len() as u32);
            }
            None => self.ends.push(self.text.len() as u32 | NULL),
        }
    }

    /// Writes down the filler for the rows up to this one.
    fn say_filler(&mut self, row: usize) {
        let filler = self.filler.take();
        while self.ends.len() < row {
            self.push(filler.as_deref());
        }
        self.filler = filler;
    }

    /// The rows are all there: those that said nothing hold the filler.
    pub fn end_run(&mut self, n_rows: usize) {
        if self.has_other {
            self.say_filler(n_rows);
        }
    }

    /// Empties it for the next run.
    pub fn clear(&mut self) {
        self.ends.clear();
        self.text.clear();
        self.has_other = false;
        self.filler.clone_from(&self.by_default);
    }
}

impl Column for TextColumn {
    fn only(&self) -> Option<ArrayRef> {
        let filler = self.filler.as_deref();
        (!self.has_other).then(|| Arc::new(StringArray::from(vec![filler])) as ArrayRef)
    }

    fn gather(&self, order: &[u32]) -> Result<ArrayRef, ArrowError> {
        // Beyond that, ends would say that texts are null. It only grows, so one look is enough.
        if self.text.len() >= NULL as usize {
            return Err(ArrowError::OffsetOverflowError(self.text.len()));
        }
        let mut offsets: Vec<i32> = Vec::with_capacity(order.len() + 1);
        offsets.push(0);
        let mut nulls: Vec<bool> = Vec::new();
        // As long as others are, and some more: a piece that is kept should hold no empty room.
        let n_bytes = self.text.len() / self.ends.len().max(1) * order.len();
        let mut text = Vec::with_capacity(n_bytes + n_bytes / 8);
        for (i, row) in order.iter().enumerate() {
            let row = *row as usize;
            let missing = || ArrowError::ComputeError(format!("there is no row {row}"));
            let end = *self.ends.get(row).ok_or_else(missing)?;
            if end & NULL == 0 {
                let before = row.checked_sub(1).and_then(|r| self.ends.get(r));
                let begin = before.map_or(0, |end| end & !NULL);
                let value = self.text.as_bytes().get(begin as usize..end as usize);
                text.extend_from_slice(value.ok_or_else(missing)?);
            } else {
                nulls.resize(i, true);
                nulls.push(false);
            }
            offsets.push(text.len() as i32);
        }
        let nulls = (!nulls.is_empty()).then(|| {
            nulls.resize(order.len(), true);
            NullBuffer::from(nulls)
        });
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Arc::new(StringArray::try_new(offsets, text.into(), nulls)?))
    }
}
