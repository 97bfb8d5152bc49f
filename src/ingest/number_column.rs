//! A column of numbers while it grows.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::error::ArrowError;

use super::column::Column;

/// Numbers, or nulls. Its memory is kept from run to run.
pub(super) struct NumberColumn<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    /// Is there a value? Only as long as up to the last row that has none.
    valid: Vec<bool>,
}

impl<T: ArrowPrimitiveType> Default for NumberColumn<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            valid: Vec::new(),
        }
    }
}

impl<T: ArrowPrimitiveType> NumberColumn<T> {
    #[inline]
    pub fn push(&mut self, value: Option<T::Native>) {
        if value.is_none() {
            self.valid.resize(self.values.len(), true);
            self.valid.push(false);
        }
        self.values.push(value.unwrap_or_default());
    }

    fn is_valid(&self, row: usize) -> bool {
        self.valid.get(row).copied().unwrap_or(true)
    }

    /// As [`Column::only`].
    pub fn one(&self) -> Option<PrimitiveArray<T>> {
        let first = self.values.first().copied().unwrap_or_default();
        let n_rows = self.values.len();
        let n_null = self.valid.iter().filter(|valid| !**valid).count();
        if n_null == n_rows {
            return Some(PrimitiveArray::new_null(1));
        }
        let is_one = n_null == 0 && self.values.iter().all(|value| *value == first);
        is_one.then(|| PrimitiveArray::from_value(first, 1))
    }

    /// As [`Column::gather`].
    pub fn some(&self, order: &[u32]) -> Result<PrimitiveArray<T>, ArrowError> {
        let values: Option<Vec<T::Native>> = order
            .iter()
            .map(|row| self.values.get(*row as usize).copied())
            .collect();
        let values = values.ok_or_else(|| ArrowError::ComputeError("a row is missing".into()))?;
        let nulls = (!self.valid.is_empty()).then(|| {
            let valid = order.iter().map(|row| self.is_valid(*row as usize));
            NullBuffer::from_iter(valid)
        });
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        PrimitiveArray::try_new(values.into(), nulls)
    }

    pub fn clear(&mut self) {
        self.values.clear();
        self.valid.clear();
    }
}

impl<T: ArrowPrimitiveType> Column for NumberColumn<T> {
    fn only(&self) -> Option<ArrayRef> {
        let one = self.one()?;
        Some(Arc::new(one))
    }

    fn gather(&self, order: &[u32]) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(self.some(order)?))
    }
}
