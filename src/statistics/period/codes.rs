//! Small numbers in place of texts and hashes, and sets of them.

use std::collections::HashSet;

pub(super) use crate::model::mixed::{Fast, Numbers};

/// Bits of a dense table at most: 64 MiB.
const MOST_BITS: usize = 1 << 29;

/// Distinct things, counted apart for each group.
pub(super) struct Distinct {
    n_groups: usize,
    /// One bit for each thing and group; empty where that would be too many.
    bits: Vec<u64>,
    /// In place of the bits: the group in which each thing was counted first, plus one.
    first: Vec<u32>,
    /// And things in further groups.
    others: HashSet<u64, Fast>,
    counts: Vec<u64>,
}

impl Distinct {
    pub(super) fn new(n_groups: usize, n_things: usize) -> Self {
        let n_bits = n_groups.saturating_mul(n_things);
        let n_words = if n_bits <= MOST_BITS {
            n_bits / 64 + 1
        } else {
            0
        };
        Self {
            n_groups,
            bits: vec![0; n_words],
            first: vec![0; if n_words == 0 { n_things } else { 0 }],
            others: HashSet::default(),
            counts: vec![0; n_groups],
        }
    }

    /// Counts the thing in its group; false where it was counted already.
    #[inline]
    pub(super) fn add(&mut self, group: usize, thing: u32) -> bool {
        let at = thing as usize * self.n_groups + group;
        let is_new = if self.bits.is_empty() {
            let Some(first) = self.first.get_mut(thing as usize) else {
                return false;
            };
            let group = u32::try_from(group).map_or(u32::MAX, |g| g.saturating_add(1));
            let is_first = *first == 0;
            if is_first {
                *first = group;
            }
            is_first || (*first != group && self.others.insert(at as u64))
        } else {
            let Some(word) = self.bits.get_mut(at / 64) else {
                return false;
            };
            let mask = 1u64 << (at % 64);
            let is_new = *word & mask == 0;
            *word |= mask;
            is_new
        };
        if let Some(count) = self.counts.get_mut(group).filter(|_| is_new) {
            *count += 1;
        }
        is_new
    }

    pub(super) fn count(&self, group: usize) -> u64 {
        self.counts.get(group).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_and_sparse_sets_count_alike() {
        let mut dense = Distinct::new(3, 100);
        let mut sparse = Distinct::new(3, 100);
        sparse.bits = Vec::new();
        sparse.first = vec![0; 100];
        let mut n = 7u32;
        for _ in 0..500 {
            n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (group, thing) = ((n >> 8) as usize % 3, (n >> 16) % 100);
            assert_eq!(dense.add(group, thing), sparse.add(group, thing));
        }
        for group in 0..3 {
            assert_eq!(dense.count(group), sparse.count(group));
            assert!(dense.count(group) > 50);
        }
    }
}
