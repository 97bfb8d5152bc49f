//! Small numbers in place of texts and hashes, and sets of them.

use std::collections::HashSet;

pub(super) use crate::model::mixed::{Fast, Numbers};

/// Bits of a dense table at most: 64 MiB.
const MOST_BITS: usize = 1 << 29;

/// How much each company has in each group, and the most that one has. Companies come one after the
/// other: what one has in a group is known when the next one comes.
pub(super) struct Tallies {
    groups: Vec<Tally>,
}

#[derive(Clone)]
struct Tally {
    company: u32,
    n: u32,
    most: u32,
    n_companies: u32,
}

impl Tallies {
    pub(super) fn new(n_groups: usize) -> Self {
        let none = Tally {
            company: u32::MAX,
            n: 0,
            most: 0,
            n_companies: 0,
        };
        Self {
            groups: vec![none; n_groups],
        }
    }

    /// One more of the company in the group; true where it is its first there.
    pub(super) fn add(&mut self, group: usize, company: u32) -> bool {
        let Some(tally) = self.groups.get_mut(group) else {
            return false;
        };
        let is_new = tally.company != company;
        if is_new {
            tally.company = company;
            tally.n = 0;
            tally.n_companies += 1;
        }
        tally.n += 1;
        tally.most = tally.most.max(tally.n);
        is_new
    }

    pub(super) fn most(&self, group: usize) -> u64 {
        self.groups.get(group).map_or(0, |t| u64::from(t.most))
    }

    pub(super) fn companies(&self, group: usize) -> u64 {
        self.groups
            .get(group)
            .map_or(0, |t| u64::from(t.n_companies))
    }
}

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
    pub(super) fn add(&mut self, group: usize, thing: u32) -> bool {
        // Things of a company have numbers near each other, so this is near too.
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
    use std::collections::HashMap;

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

    #[test]
    fn the_most_that_a_company_has_is_known_where_companies_come_in_order() {
        let mut tallies = Tallies::new(3);
        let mut naive = HashMap::<(usize, u32), u64>::new();
        let mut n = 3u32;
        for company in 0..10 {
            for _ in 0..30 {
                n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // The last group knows few of them.
                let group = (n >> 8) as usize % if company % 4 == 0 { 3 } else { 2 };
                let is_new = !naive.contains_key(&(group, company));
                assert_eq!(tallies.add(group, company), is_new);
                *naive.entry((group, company)).or_default() += 1;
            }
        }
        for group in 0..3 {
            let of = |company| naive.get(&(group, company)).copied();
            assert_eq!(Some(tallies.most(group)), (0..10).filter_map(of).max());
            let n = (0..10).filter_map(of).count() as u64;
            assert_eq!(tallies.companies(group), n);
        }
    }
}
