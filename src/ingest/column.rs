//! What every column of a run can say, and the columns that are neither numbers nor texts alone.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, Date32Array, FixedSizeBinaryArray, ListBuilder, StringBuilder,
    UInt32Array, new_null_array,
};
use arrow::datatypes::{DataType, Field, TimestampMicrosecondType};
use arrow::error::ArrowError;

use super::number_column::NumberColumn;

/// A column whose rows are all there.
pub(super) trait Column {
    /// The value that all rows hold, as an array of one row, if there is one.
    fn only(&self) -> Option<ArrayRef>;

    /// Some rows in another order.
    ///
    /// # Errors
    /// Where a row is not there; where the values are too long for one array.
    fn gather(&self, order: &[u32]) -> Result<ArrayRef, ArrowError>;
}

/// Times, UTC.
#[derive(Default)]
pub(super) struct Moments(pub NumberColumn<TimestampMicrosecondType>);

impl Column for Moments {
    fn only(&self) -> Option<ArrayRef> {
        let one = self.0.one()?;
        Some(Arc::new(one.with_timezone("UTC")))
    }

    fn gather(&self, order: &[u32]) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(self.0.some(order)?.with_timezone("UTC")))
    }
}

/// One date, in days since 1970.
#[derive(Default)]
pub(super) struct OneDate(pub i32);

impl Column for OneDate {
    fn only(&self) -> Option<ArrayRef> {
        Some(Arc::new(Date32Array::from_value(self.0, 1)))
    }

    fn gather(&self, order: &[u32]) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(Date32Array::from_value(self.0, order.len())))
    }
}

/// Addresses of version 6; empty while no row has one.
#[derive(Default)]
pub(super) struct V6Addresses(Vec<Option<u128>>);

impl V6Addresses {
    pub fn set(&mut self, row: usize, address: u128) {
        self.0.resize(row, None);
        self.0.push(Some(address));
    }

    pub fn end_run(&mut self, n_rows: usize) {
        if !self.0.is_empty() {
            self.0.resize(n_rows, None);
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl Column for V6Addresses {
    fn only(&self) -> Option<ArrayRef> {
        let is_empty = self.0.is_empty();
        is_empty.then(|| new_null_array(&DataType::FixedSizeBinary(16), 1))
    }

    fn gather(&self, order: &[u32]) -> Result<ArrayRef, ArrowError> {
        let v6 = order.iter().map(|row| {
            let number = self.0.get(*row as usize).copied().flatten();
            number.map(u128::to_be_bytes)
        });
        let array = FixedSizeBinaryArray::try_from_sparse_iter_with_size(v6, 16)?;
        Ok(Arc::new(array))
    }
}

/// CVEs; empty while no row has one.
#[derive(Default)]
pub(super) struct Cves {
    growing: ListBuilder<StringBuilder>,
    /// Those of the run, once it has ended.
    of_run: Option<ArrayRef>,
}

impl Cves {
    pub fn set(&mut self, row: usize, cves: &[String]) {
        self.leave_out(row);
        for cve in cves {
            self.growing.values().append_value(cve);
        }
        self.growing.append(true);
    }

    fn leave_out(&mut self, until: usize) {
        for _ in self.growing.len()..until {
            self.growing.append(false);
        }
    }

    pub fn end_run(&mut self, n_rows: usize) {
        if !self.growing.is_empty() {
            self.leave_out(n_rows);
            self.of_run = Some(Arc::new(self.growing.finish()));
        }
    }

    pub fn clear(&mut self) {
        self.of_run = None;
    }
}

impl Column for Cves {
    fn only(&self) -> Option<ArrayRef> {
        let item = Arc::new(Field::new("item", DataType::Utf8, true));
        let is_empty = self.of_run.is_none();
        is_empty.then(|| new_null_array(&DataType::List(item), 1))
    }

    fn gather(&self, order: &[u32]) -> Result<ArrayRef, ArrowError> {
        match &self.of_run {
            Some(cves) => arrow::compute::take(cves, &UInt32Array::from(order.to_vec()), None),
            None => Err(ArrowError::ComputeError("the run has no CVEs".into())),
        }
    }
}
