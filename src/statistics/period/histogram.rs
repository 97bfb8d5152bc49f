//! How often each number of hours was counted.

use std::collections::BTreeMap;

/// Hours of a row of numbers, half a year; more of them are rare.
const IN_A_ROW: usize = 4_400;

/// Groups that may have a row each: 9 MB a table. A feed's own times could else fill the memory.
const FEW_GROUPS: usize = 512;

/// How often each value was counted.
#[derive(Clone, Default)]
pub(super) struct Histogram {
    /// Values below this one stand in `row`.
    in_a_row: usize,
    /// By value, as far as values came.
    row: Vec<u32>,
    others: BTreeMap<u32, u64>,
}

impl Histogram {
    /// Of one of so many groups.
    pub(super) fn of(n_groups: usize) -> Self {
        Self {
            in_a_row: if n_groups <= FEW_GROUPS { IN_A_ROW } else { 0 },
            ..Self::default()
        }
    }

    #[inline]
    pub(super) fn add(&mut self, value: u32) {
        let at = value as usize;
        if at >= self.in_a_row {
            *self.others.entry(value).or_default() += 1;
            return;
        }
        if at >= self.row.len() {
            self.row.resize(at + 1, 0);
        }
        if let Some(n) = self.row.get_mut(at) {
            *n += 1;
        }
    }

    /// The smallest value that at least `percent` of the counted ones do not exceed.
    pub(super) fn percentile(&self, percent: u64) -> Option<u32> {
        let row = (0..).zip(self.row.iter().map(|n| u64::from(*n)));
        let others = self.others.iter().map(|(value, n)| (*value, *n));
        let all = || row.clone().chain(others.clone());
        let n: u64 = all().map(|(_, n)| n).sum();
        let wanted = (n * percent).div_ceil(100).max(1);
        let mut seen = 0;
        all().find_map(|(value, count)| {
            seen += count;
            (seen >= wanted).then_some(value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let of = |values: &[u32]| {
            let of_one = |n_groups: usize| {
                let mut histogram = Histogram::of(n_groups);
                values.iter().for_each(|value| histogram.add(*value));
                (histogram.percentile(50), histogram.percentile(90))
            };
            assert_eq!(of_one(1), of_one(FEW_GROUPS + 1));
            of_one(1)
        };
        assert_eq!(of(&[]), (None, None));
        assert_eq!(of(&[7]), (Some(7), Some(7)));
        assert_eq!(of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 100]), (Some(5), Some(9)));
        assert_eq!(of(&[4, 4, 8, 8]), (Some(4), Some(8)));
        assert_eq!(
            of(&[9, 5_000, 70_000, u32::MAX]),
            (Some(5_000), Some(u32::MAX))
        );
    }
}
