//! Sets of companies.

/// A set of numbers, as bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    bits: Vec<u64>,
    n: u64,
}

impl Set {
    /// The numbers, each below `most`.
    pub(super) fn of(numbers: &[u32], most: usize) -> Self {
        let mut bits = vec![0; most.div_ceil(64)];
        for number in numbers {
            if let Some(word) = bits.get_mut(*number as usize / 64) {
                *word |= 1 << (number % 64);
            }
        }
        Self::counted(bits)
    }

    fn counted(bits: Vec<u64>) -> Self {
        let n = bits.iter().map(|word| u64::from(word.count_ones())).sum();
        Self { bits, n }
    }

    /// All of them together.
    pub(super) fn union<'s>(of: impl Iterator<Item = &'s Self>) -> Self {
        let mut bits: Vec<u64> = Vec::new();
        for set in of {
            bits.resize(bits.len().max(set.bits.len()), 0);
            let words = bits.iter_mut().zip(&set.bits);
            words.for_each(|(word, more)| *word |= more);
        }
        Self::counted(bits)
    }

    /// How many there are.
    pub(super) const fn n(&self) -> u64 {
        self.n
    }

    /// How many are in both.
    pub(super) fn shared(&self, other: &Self) -> u64 {
        let words = self.bits.iter().zip(&other.bits);
        words.map(|(a, b)| u64::from((a & b).count_ones())).sum()
    }

    /// Is any in both?
    pub(super) fn meets(&self, other: &Self) -> bool {
        let mut words = self.bits.iter().zip(&other.bits);
        words.any(|(a, b)| a & b != 0)
    }

    /// How many are not in the other.
    pub(super) fn beyond(&self, other: &Self) -> u64 {
        self.n - self.shared(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_counted_and_compared() {
        let (a, b) = (Set::of(&[0, 63, 64, 99], 100), Set::of(&[63, 99], 100));
        assert_eq!((a.n(), b.n(), a.shared(&b)), (4, 2, 2));
        assert_eq!((a.beyond(&b), b.beyond(&a)), (2, 0));
        assert!(a.meets(&b) && !b.meets(&Set::of(&[1], 100)));
        assert_eq!(Set::union([&a, &Set::of(&[5], 6)].into_iter()).n(), 5);
        assert_eq!(Set::union([].into_iter()), Set::default());
    }
}
