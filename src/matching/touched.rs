//! Filters that say quickly "nobody registered anything near": no false no, few false yes.

/// 64-bit words of a filter: 2^24 bits, 2 MiB, which stays in the cache beside the columns.
pub(super) const WORDS: usize = 1 << 18;

/// A bitmap of `64 * N` bits, `N` a power of two: no lookup need ask whether it lies inside.
pub(super) type Bits<const N: usize> = Box<[u64; N]>;

pub(super) fn no_bits<const N: usize>() -> Bits<N> {
    // Straight on the heap: megabytes do not belong on a thread's stack.
    let words = vec![0; N].into_boxed_slice();
    words.try_into().unwrap_or_else(|_| Box::new([0; N]))
}

/// The word with bit `n`.
#[inline]
pub(super) fn word<const N: usize>(bits: &[u64; N], n: u32) -> u64 {
    bits.get((n >> 6) as usize & (N - 1)).copied().unwrap_or(0)
}

#[inline]
pub(super) fn has_bit<const N: usize>(bits: &[u64; N], n: u32) -> bool {
    word(bits, n) >> (n & 63) & 1 != 0
}

#[inline]
pub(super) fn set_bit<const N: usize>(bits: &mut [u64; N], n: u32) {
    if let Some(word) = bits.get_mut((n >> 6) as usize & (N - 1)) {
        *word |= 1 << (n & 63);
    }
}

pub(super) fn set_bits<const N: usize>(bits: &mut [u64; N], first: u32, last: u32) {
    let mut n = first;
    while n <= last {
        if n.is_multiple_of(64) && last - n >= 63 {
            if let Some(word) = bits.get_mut((n >> 6) as usize & (N - 1)) {
                *word = u64::MAX;
            }
            n += 64;
        } else {
            set_bit(bits, n);
            n += 1;
        }
    }
}

/// For IPv6: one bit for each /27 of `2000::/3` that a net wider than a /48 touches,
/// and one for the hash of each /48 that holds narrower ones. A /32 of a provider has 65,536
/// /48s, so single bits for those would need 4 GiB.
#[derive(Clone, Debug)]
pub(super) struct TouchedV6 {
    wide: Bits<WORDS>,
    narrow: Bits<WORDS>,
    /// Is anything registered outside `2000::/3`? Then everything there is looked up.
    has_other: bool,
}

impl TouchedV6 {
    pub(super) fn none() -> Self {
        Self {
            wide: no_bits(),
            narrow: no_bits(),
            has_other: false,
        }
    }

    pub(super) fn add(&mut self, first: u128, last: u128) {
        if first >> 125 != 1 || last >> 125 != 1 {
            self.has_other = true;
        }
        if first >> 80 == last >> 80 {
            set_bit(&mut self.narrow, narrow_bit(first));
            return;
        }
        let (low, high) = (1u128 << 125, (1u128 << 126) - 1);
        if last >= low && first <= high {
            set_bits(
                &mut self.wide,
                wide_bit(first.max(low)),
                wide_bit(last.min(high)),
            );
        }
    }

    #[inline]
    pub(super) fn may_hold(&self, at: u128) -> bool {
        if at >> 125 != 1 {
            return self.has_other;
        }
        has_bit(&self.wide, wide_bit(at)) || has_bit(&self.narrow, narrow_bit(at))
    }
}

#[inline]
const fn wide_bit(at: u128) -> u32 {
    (at << 3 >> 104) as u32
}

#[inline]
const fn narrow_bit(at: u128) -> u32 {
    ((at >> 80) as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_shr(40) as u32
}

/// One bit for each value of the low 16 bits of the registered AS numbers.
#[derive(Clone, Debug)]
pub(super) struct TouchedAsns(Bits<1024>);

impl TouchedAsns {
    pub(super) fn new(numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut bits = no_bits();
        numbers.into_iter().for_each(|n| set_bit(&mut bits, n));
        Self(bits)
    }

    #[inline]
    pub(super) fn may_hold(&self, asn: u32) -> bool {
        has_bit(&self.0, asn)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_false_no(nets in prop::collection::vec((any::<u128>(), 0u32..129), 1..8), inside: u128) {
            let mut v6 = TouchedV6::none();
            for &(at, length) in &nets {
                let mask = u128::MAX.checked_shr(length).unwrap_or(0);
                for high in [0, 1u128 << 125] {
                    let at = if high == 0 { at } else { at >> 3 | high };
                    v6.add(at & !mask, at | mask);
                    prop_assert!(v6.may_hold((at & !mask) | (inside & mask)));
                    prop_assert!(v6.may_hold(at & !mask) && v6.may_hold(at | mask));
                }
            }
        }
    }
}
