//! A space of numbers cut into pieces, each with one value: the common ground of every lookup
//! by address here.

use std::cmp::Reverse;

/// No value here.
pub(super) const NOTHING: u32 = u32::MAX;

/// An address as a number. IPv4 is 32 bits wide, IPv6 is 128.
pub(super) trait Word: Copy + Ord + std::fmt::Debug {
    const ZERO: Self;
    const MAX: Self;
    fn next(self) -> Option<Self>;
    /// One below; of zero: zero.
    fn before(self) -> Self;
    /// A number of `bits` bits that never falls while the address rises. Where addresses crowd
    /// it must tell them apart.
    fn slot(self, bits: u32) -> usize;
    /// `last - first`, for comparing widths.
    fn width(first: Self, last: Self) -> u128;
}

impl Word for u32 {
    const ZERO: Self = 0;
    const MAX: Self = Self::MAX;
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn before(self) -> Self {
        self.saturating_sub(1)
    }
    #[inline]
    fn slot(self, bits: u32) -> usize {
        (self >> (32 - bits)) as usize
    }
    fn width(first: Self, last: Self) -> u128 {
        u128::from(last - first)
    }
}

impl Word for u128 {
    const ZERO: Self = 0;
    const MAX: Self = Self::MAX;
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn before(self) -> Self {
        self.saturating_sub(1)
    }
    /// Global unicast space is `2000::/3`; what lies outside shares the first and the last slot.
    #[inline]
    fn slot(self, bits: u32) -> usize {
        match self >> 125 {
            0 => 0,
            1 => (self << 3 >> (128 - bits)) as usize,
            _ => (1 << bits) - 1,
        }
    }
    fn width(first: Self, last: Self) -> u128 {
        last - first
    }
}

/// The whole space cut at `breaks`; each piece has a value or [`NOTHING`].
///
/// Found through a direct index over the highest bits, then by halving.
#[derive(Clone, Debug)]
pub(super) struct Segments<W> {
    /// First address of each piece, rising; the first is zero.
    breaks: Vec<W>,
    /// Value of each piece.
    values: Vec<u32>,
    /// For each slot of the direct index the first break in it or after it; one more at the end.
    slots: Vec<u32>,
    /// Width of the direct index in bits.
    bits: u32,
}

impl<W: Word> Segments<W> {
    /// From runs `(first, last, value)` that are disjoint and rising.
    pub(super) fn from_runs(runs: impl IntoIterator<Item = (W, W, u32)>) -> Self {
        let (mut breaks, mut values) = (vec![W::ZERO], vec![NOTHING]);
        let mut put = |first: W, value: u32| {
            if breaks.last() == Some(&first) {
                breaks.pop();
                values.pop();
            }
            if values.last() != Some(&value) {
                breaks.push(first);
                values.push(value);
            }
        };
        for (first, last, value) in runs {
            put(first, value);
            if let Some(after) = last.next() {
                put(after, NOTHING);
            }
        }
        let bits = usize::BITS
            .saturating_sub(breaks.len().leading_zeros())
            .clamp(4, 20);
        let mut slots = Vec::with_capacity((1 << bits) + 1);
        for (i, first) in breaks.iter().enumerate() {
            // Positions fit 32 bits: there are at most two breaks for each net.
            let position = u32::try_from(i).unwrap_or(u32::MAX);
            while slots.len() <= first.slot(bits) {
                slots.push(position);
            }
        }
        let n_breaks = u32::try_from(breaks.len()).unwrap_or(u32::MAX);
        slots.resize((1 << bits) + 1, n_breaks);
        Self {
            breaks,
            values,
            slots,
            bits,
        }
    }

    /// Position of the piece that holds this address.
    #[inline]
    fn position(&self, at: W) -> usize {
        let slot = at.slot(self.bits);
        let low = self.slots.get(slot).map_or(0, |&n| n as usize);
        let high = self
            .slots
            .get(slot + 1)
            .map_or(self.breaks.len(), |&n| n as usize);
        let within = self
            .breaks
            .get(low..high)
            .map_or(0, |breaks| breaks.partition_point(|&first| first <= at));
        // The first break is zero, so one lies at or before every address.
        (low + within).saturating_sub(1)
    }

    /// The value at this address, or [`NOTHING`].
    #[inline]
    pub(super) fn find(&self, at: W) -> u32 {
        self.values
            .get(self.position(at))
            .copied()
            .unwrap_or(NOTHING)
    }

    /// Has any address from `first` to `last` a value?
    pub(super) fn any(&self, first: W, last: W) -> bool {
        if first > last {
            return false;
        }
        // Pieces without a value never lie side by side, so this looks at two pieces at most.
        let from = self.position(first);
        let pieces = self.breaks.iter().zip(&self.values).skip(from);
        pieces
            .take_while(|(start, _)| **start <= last)
            .any(|(_, value)| *value != NOTHING)
    }

    /// The pieces that have a value, rising: first, last, value.
    pub(super) fn runs(&self) -> impl Iterator<Item = (W, W, u32)> {
        let ends = self
            .breaks
            .iter()
            .skip(1)
            .map(|b| b.before())
            .chain([W::MAX]);
        let runs = self.breaks.iter().copied().zip(ends).zip(&self.values);
        runs.filter_map(|((first, last), &value)| {
            (value != NOTHING).then_some((first, last, value))
        })
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.breaks.capacity() * size_of::<W>()
            + (self.values.capacity() + self.slots.capacity()) * 4
    }
}

/// A distinct net.
#[derive(Clone, Copy, Debug)]
struct Net {
    /// The next wider one around it, or [`NOTHING`].
    around: u32,
    /// How many numbers it has, and where they start; of one alone, the number itself.
    n: u32,
    start: u32,
}

/// Nets of one family, nested as they like, each with a number; finds all that hold an address.
///
/// Prefixes lie side by side or inside each other, never across, so they form a forest: the
/// narrowest at an address leads to the others.
#[derive(Clone, Debug)]
pub(super) struct NetForest<W> {
    segments: Segments<W>,
    nets: Vec<Net>,
    /// The numbers of those nets that have several, by net.
    numbers: Vec<u32>,
}

impl<W: Word> NetForest<W> {
    /// From nets `(first, last, number)` in any order, doubles welcome. They must be prefixes:
    /// of two that overlap one lies inside the other.
    pub(super) fn build(mut nets: Vec<(W, W, u32)>) -> Self {
        nets.sort_unstable_by_key(|&(first, last, number)| (first, Reverse(last), number));
        let mut sweep = Sweep {
            open: Vec::new(),
            cursor: Some(W::ZERO),
            runs: Vec::new(),
        };
        let mut distinct: Vec<Net> = Vec::new();
        let mut numbers = Vec::new();
        for of_net in nets.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let Some(&(first, last, number)) = of_net.first() else {
                continue;
            };
            sweep.close_before(first);
            let node = position(distinct.len());
            distinct.push(Net {
                around: sweep.open.last().map_or(NOTHING, |&(_, node)| node),
                n: position(of_net.len()),
                start: match of_net.len() {
                    1 => number,
                    _ => position(numbers.len()),
                },
            });
            if of_net.len() > 1 {
                numbers.extend(of_net.iter().map(|net| net.2));
            }
            sweep.open(first, last, node);
        }
        sweep.close_all();
        Self {
            segments: Segments::from_runs(sweep.runs),
            nets: distinct,
            numbers,
        }
    }

    /// The narrowest net at this address, for [`NetForest::numbers_from`]; [`NOTHING`] where none is.
    #[inline]
    pub(super) fn find(&self, at: W) -> u32 {
        self.segments.find(at)
    }

    /// The numbers of this net and of all around it, the narrowest net first.
    pub(super) fn numbers_from(&self, net: u32) -> impl Iterator<Item = u32> {
        let mut next = net;
        std::iter::from_fn(move || {
            let net = self.nets.get(next as usize)?;
            next = net.around;
            Some(self.numbers(net))
        })
        .flatten()
        .copied()
    }

    /// As [`NetForest::numbers_from`] for many `(key, net)`, whose keys rise: key and number, by
    /// key, in no order of a key's own.
    ///
    /// From level to level: nets lie anywhere in the memory, and within a level no read waits for
    /// another.
    pub(super) fn numbers_from_all(&self, keys: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
        let mut level = keys;
        let mut found = Vec::with_capacity(level.len() * 2);
        while !level.is_empty() {
            let net = |&(key, net): &(u32, u32)| Some((key, *self.nets.get(net as usize)?));
            let nets: Vec<(u32, Net)> = level.iter().filter_map(net).collect();
            for (key, net) in &nets {
                found.extend(self.numbers(net).iter().map(|&number| (*key, number)));
            }
            level.clear();
            let outer = nets.iter().map(|&(key, net)| (key, net.around));
            level.extend(outer.filter(|outer| outer.1 != NOTHING));
        }
        found.sort_by_key(|owner| owner.0);
        found
    }

    fn numbers<'a>(&'a self, net: &'a Net) -> &'a [u32] {
        if net.n == 1 {
            return std::slice::from_ref(&net.start);
        }
        let start = net.start as usize;
        let numbers = self.numbers.get(start..start + net.n as usize);
        numbers.unwrap_or_default()
    }

    /// The pieces of space that nets hold, rising: first, last, the narrowest net there, and the
    /// number where there is one alone.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (W, W, u32, Option<u32>)> {
        self.segments.runs().map(|(first, last, net)| {
            let mut numbers = self.numbers_from(net);
            let alone = numbers.next().filter(|_| numbers.next().is_none());
            (first, last, net, alone)
        })
    }

    /// Lies any net at an address from `first` to `last`?
    pub(super) fn any(&self, first: W, last: W) -> bool {
        self.segments.any(first, last)
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.segments.heap_bytes()
            + self.nets.capacity() * size_of::<Net>()
            + self.numbers.capacity() * 4
    }
}

/// Positions fit 32 bits: there are fewer assets than that.
pub(super) fn position(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(NOTHING)
}

/// Walks over nested nets from the left and cuts the space where the narrowest one changes.
struct Sweep<W> {
    /// Nets that are open at the cursor, the narrowest last.
    open: Vec<(W, u32)>,
    /// First address without a piece yet; `None` behind the end of the space.
    cursor: Option<W>,
    runs: Vec<(W, W, u32)>,
}

impl<W: Word> Sweep<W> {
    fn piece_until(&mut self, last: W, node: u32) {
        if let Some(cursor) = self.cursor
            && cursor <= last
        {
            self.runs.push((cursor, last, node));
            self.cursor = last.next();
        }
    }

    fn close_before(&mut self, first: W) {
        while let Some(&(last, node)) = self.open.last() {
            if last >= first {
                break;
            }
            self.piece_until(last, node);
            self.open.pop();
        }
    }

    fn open(&mut self, first: W, last: W, node: u32) {
        if let Some(&(_, outer)) = self.open.last()
            && self.cursor.is_some_and(|cursor| cursor < first)
        {
            self.piece_until(first.before(), outer);
        }
        self.cursor = Some(first);
        self.open.push((last, node));
    }

    fn close_all(&mut self) {
        while let Some((last, node)) = self.open.pop() {
            self.piece_until(last, node);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefixes() -> impl Strategy<Value = Vec<(u32, u32, u32)>> {
        // Few distinct high bits, so that prefixes nest and touch, at both ends of the space too.
        let base = prop_oneof![
            0u32..64,
            (u32::MAX - 64)..=u32::MAX,
            0x0a00_0000u32..0x0a00_0100
        ];
        let net = (base, 0u32..9).prop_map(|(base, host_bits)| {
            let mask = (1u32 << host_bits) - 1;
            (base & !mask, base | mask)
        });
        let whole = Just((0u32, u32::MAX));
        prop::collection::vec(prop_oneof![20 => net, 1 => whole], 0..30).prop_map(|nets| {
            nets.into_iter()
                .zip(0..)
                .map(|((a, b), n)| (a, b, n))
                .collect()
        })
    }

    fn addresses() -> Vec<u32> {
        let mut all: Vec<u32> = (0..700).collect();
        all.extend((u32::MAX - 700)..=u32::MAX);
        all.extend(0x09ff_ff00..0x0a00_0300u32);
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_forest_finds_what_a_loop_finds(nets in prefixes()) {
            let forest = NetForest::build(nets.clone());
            let wide = nets.iter().map(|&(a, b, n)| (u128::from(a) << 96 | 5 << 90, u128::from(b) << 96 | ((1 << 96) - 1), n));
            let wide: Vec<_> = wide.map(|(a, b, n)| (a >> 96 << 96, b, n)).collect();
            let wide_forest = NetForest::build(wide);
            for at in addresses() {
                let mut found: Vec<u32> = forest.numbers_from(forest.find(at)).collect();
                found.sort_unstable();
                let slow: Vec<u32> = nets.iter().filter(|n| n.0 <= at && at <= n.1).map(|n| n.2).collect();
                prop_assert_eq!(&found, &slow, "{}", at);
                prop_assert_eq!(forest.any(at, at), !slow.is_empty());
                let high = u128::from(at) << 96 | 12345;
                let mut found: Vec<u32> = wide_forest.numbers_from(wide_forest.find(high)).collect();
                found.sort_unstable();
                prop_assert_eq!(&found, &slow, "{}", high);
            }
        }

        #[test]
        fn many_at_once_find_what_each_finds(nets in prefixes()) {
            // Some nets twice, so that they have several numbers.
            let again = nets.iter().step_by(3).map(|n| (n.0, n.1, n.2 + 100));
            let forest = NetForest::build(nets.iter().copied().chain(again).collect());
            let keys = (0u32..).zip(addresses()).map(|(key, at)| (key, forest.find(at)));
            let keys: Vec<_> = keys.filter(|key| key.1 != NOTHING).collect();
            let mut found = forest.numbers_from_all(keys.clone()).into_iter().peekable();
            for (key, net) in keys {
                let of_key = std::iter::from_fn(|| found.next_if(|number| number.0 == key));
                let mut of_key: Vec<u32> = of_key.map(|number| number.1).collect();
                let mut slow: Vec<u32> = forest.numbers_from(net).collect();
                of_key.sort_unstable();
                slow.sort_unstable();
                prop_assert_eq!(of_key, slow);
            }
            prop_assert_eq!(found.next(), None);
        }

        #[test]
        fn the_narrowest_comes_first(nets in prefixes()) {
            let forest = NetForest::build(nets.clone());
            for at in addresses() {
                let widths: Vec<u128> = forest.numbers_from(forest.find(at))
                    .map(|n| { let (a, b, _) = nets[n as usize]; u32::width(a, b) }).collect();
                prop_assert!(widths.is_sorted());
            }
        }

        #[test]
        fn any_sees_what_a_loop_sees(nets in prefixes(), first in 0u32..400, n in 0u32..200) {
            let forest = NetForest::build(nets.clone());
            let last = first + n;
            let slow = nets.iter().any(|net| net.0 <= last && first <= net.1);
            prop_assert_eq!(forest.any(first, last), slow);
        }

        #[test]
        fn runs_give_back_the_pieces(nets in prefixes()) {
            let forest = NetForest::build(nets);
            let again = Segments::from_runs(forest.segments.runs());
            prop_assert_eq!(&again.breaks, &forest.segments.breaks);
            prop_assert_eq!(&again.values, &forest.segments.values);
        }
    }
}
