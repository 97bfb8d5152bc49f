//! Which things were counted in which groups.

use std::collections::HashSet;

use crate::model::mixed::Fast;

/// Bits at most: 8 MiB.
const MOST_BITS: usize = 1 << 26;

/// A bit for each thing and group, or a set where those would be too many.
#[derive(Default)]
pub(super) struct Marks {
    n_groups: usize,
    is_set: bool,
    bits: Vec<u64>,
    set: HashSet<u64, Fast>,
}

impl Marks {
    /// Forgets everything: so many things and groups follow.
    pub(super) fn begin(&mut self, n_things: usize, n_groups: usize) {
        let n_bits = n_things.saturating_mul(n_groups);
        self.n_groups = n_groups;
        self.is_set = n_bits > MOST_BITS;
        self.set.clear();
        self.bits.clear();
        if !self.is_set {
            self.bits.resize(n_bits.div_ceil(64), 0);
        }
    }

    /// Marks the thing in its group; false where it was marked already.
    #[inline]
    pub(super) fn add(&mut self, thing: usize, group: usize) -> bool {
        let at = thing * self.n_groups + group;
        if self.is_set {
            return self.set.insert(at as u64);
        }
        let Some(word) = self.bits.get_mut(at / 64) else {
            return false;
        };
        let mask = 1u64 << (at % 64);
        let is_new = *word & mask == 0;
        *word |= mask;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_sets_mark_alike() {
        let (mut bits, mut set) = (Marks::default(), Marks::default());
        bits.begin(5, 2);
        bits.add(4, 1);
        bits.begin(100, 3);
        set.begin(usize::MAX, 3);
        assert!(set.is_set && !bits.is_set);
        let mut n = 7u32;
        let mut counts = [0; 3];
        for _ in 0..500 {
            n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (group, thing) = ((n >> 8) as usize % 3, (n >> 16) as usize % 100);
            let is_new = bits.add(thing, group);
            assert_eq!(is_new, set.add(thing, group));
            counts[group] += usize::from(is_new);
        }
        assert!(counts.iter().all(|n| *n > 50), "{counts:?}");
    }
}
