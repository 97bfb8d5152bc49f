//! Small numbers in place of texts and hashes, and sets of them.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

pub(super) use crate::model::mixed::Fast;

/// Numbers for values, in the order of their first appearance.
#[derive(Clone, Debug)]
pub(super) struct Numbers<K, S = std::collections::hash_map::RandomState> {
    known: HashMap<K, u32, S>,
}

impl<K: Eq + Hash + Clone, S: std::hash::BuildHasher + Default> Numbers<K, S> {
    pub(super) fn new() -> Self {
        Self {
            known: HashMap::default(),
        }
    }

    /// The value's number; a new one where it is unknown.
    pub(super) fn of(&mut self, value: &K) -> u32 {
        if let Some(number) = self.known.get(value) {
            return *number;
        }
        let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        self.known.insert(value.clone(), next);
        next
    }

    /// The values, by their numbers.
    pub(super) fn into_values(self) -> Vec<K> {
        let mut pairs: Vec<(K, u32)> = self.known.into_iter().collect();
        pairs.sort_by_key(|(_, number)| *number);
        pairs.into_iter().map(|(value, _)| value).collect()
    }
}

/// Bits of a dense table at most: 64 MiB.
const MOST_BITS: usize = 1 << 29;

/// Numbers of a dense table at most: 64 MiB.
const MOST_NUMBERS: usize = 1 << 24;

/// How much each thing has in each group, and the most that one has.
pub(super) struct Tallies {
    n_things: usize,
    /// One number for each group and thing; empty where that would be too many.
    numbers: Vec<u32>,
    others: HashMap<u64, u32, Fast>,
    most: Vec<u32>,
}

impl Tallies {
    pub(super) fn new(n_groups: usize, n_things: usize) -> Self {
        let n = n_groups.saturating_mul(n_things);
        Self {
            n_things,
            numbers: vec![0; if n <= MOST_NUMBERS { n } else { 0 }],
            others: HashMap::default(),
            most: vec![0; n_groups],
        }
    }

    pub(super) fn add(&mut self, group: usize, thing: u32) {
        let at = group * self.n_things + thing as usize;
        let number = if self.numbers.is_empty() {
            self.others.entry(at as u64).or_default()
        } else {
            let Some(number) = self.numbers.get_mut(at) else {
                return;
            };
            number
        };
        *number += 1;
        if let Some(most) = self.most.get_mut(group) {
            *most = (*most).max(*number);
        }
    }

    pub(super) fn most(&self, group: usize) -> u64 {
        self.most.get(group).map_or(0, |n| u64::from(*n))
    }
}

/// Distinct things, counted apart for each group.
pub(super) struct Distinct {
    n_things: usize,
    /// One bit for each group and thing; empty where that would be too many.
    bits: Vec<u64>,
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
            n_things,
            bits: vec![0; n_words],
            others: HashSet::default(),
            counts: vec![0; n_groups],
        }
    }

    /// Counts the thing in its group; false where it was counted already.
    pub(super) fn add(&mut self, group: usize, thing: u32) -> bool {
        let at = group * self.n_things + thing as usize;
        let is_new = if self.bits.is_empty() {
            self.others.insert(at as u64)
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

    #[test]
    fn dense_and_sparse_tallies_have_the_same_most() {
        let mut dense = Tallies::new(3, 10);
        let mut sparse = Tallies::new(3, 10);
        sparse.numbers = Vec::new();
        let mut naive = HashMap::<(usize, u32), u64>::new();
        let mut n = 3u32;
        for _ in 0..300 {
            n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (group, thing) = ((n >> 8) as usize % 3, (n >> 16) % 10);
            dense.add(group, thing);
            sparse.add(group, thing);
            *naive.entry((group, thing)).or_default() += 1;
        }
        for group in 0..3 {
            let most = (0..10)
                .filter_map(|t| naive.get(&(group, t)))
                .max()
                .copied();
            assert_eq!(Some(dense.most(group)), most);
            assert_eq!(Some(sparse.most(group)), most);
        }
    }

    #[test]
    fn numbers_are_given_once() {
        let mut numbers: Numbers<&str> = Numbers::new();
        assert_eq!(["a", "b", "a"].map(|v| numbers.of(&v)), [0, 1, 0]);
        assert_eq!(numbers.into_values(), ["a", "b"]);
    }
}
