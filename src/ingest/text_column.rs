//! A column of texts while it grows. Many columns of a report hold one value throughout: those
//! cost a comparison a row, and no memory.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, StringArray, StringBuilder, UInt32Array, new_null_array,
};
use arrow::datatypes::DataType;

/// Texts, or nulls.
#[derive(Default)]
pub(super) struct TextColumn {
    /// All values so far were this one; `builder` is empty.
    only: Option<Option<Box<str>>>,
    n_rows: usize,
    builder: StringBuilder,
}

impl TextColumn {
    pub fn append(&mut self, value: Option<&str>) {
        self.n_rows += 1;
        if self.builder.len() > 0 {
            self.builder.append_option(value);
            return;
        }
        match &self.only {
            Some(only) if only.as_deref() == value => {}
            None => self.only = Some(value.map(Into::into)),
            Some(only) => {
                for _ in 1..self.n_rows {
                    self.builder.append_option(only.as_deref());
                }
                self.builder.append_option(value);
            }
        }
    }

    /// Bytes of text that it holds.
    pub fn n_bytes(&self) -> usize {
        self.builder.values_slice().len()
    }

    /// The rows in another order.
    pub fn finish(&mut self, order: &UInt32Array) -> Result<ArrayRef, arrow::error::ArrowError> {
        let n_rows = std::mem::take(&mut self.n_rows);
        let only = self.only.take();
        if self.builder.len() > 0 {
            return arrow::compute::take(&self.builder.finish(), order, None);
        }
        Ok(match only.flatten() {
            Some(text) => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                &*text, n_rows,
            ))),
            None => new_null_array(&DataType::Utf8, n_rows),
        })
    }
}
