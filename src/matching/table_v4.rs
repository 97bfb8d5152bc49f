//! Who holds an IPv4 address, for columns of addresses: three reads at most for each, of which
//! the first ends the matter for nearly all.

use super::segments::NOTHING;
use super::touched::{Bits, WORDS, has_bit, no_bits, set_bit, set_bits, word};

/// /16s of the space, and the words of one.
const N_16: usize = 1 << 16;
const WORDS_OF_16: usize = 4;

/// Set in a value that is one asset alone, whose number the other bits are.
const ALONE: u32 = 1 << 31;

/// Addresses that go through the bitmap before any survivor is looked at.
const CHUNK: usize = 1 << 12;

/// What the table knows of an address that somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// This asset and no other, be it by address or by AS number.
    Alone(u32),
    /// The assets of this net of the forest and of those around it, none by AS number.
    Net(u32),
    /// Perhaps some through an AS number, perhaps none at all: ask the forest.
    Ask,
}

/// For each /24 that anybody holds a part of, which part and who.
#[derive(Clone, Debug)]
pub(super) struct TableV4 {
    /// One bit for each /18 that is touched, 32 KiB; none where it would hardly keep any out.
    coarse: Option<Bits<{ WORDS / 64 }>>,
    /// One bit for each /24 that is touched.
    touched: Bits<WORDS>,
    /// Touched /24s before each /16 in the low half, and before each of its words counted from
    /// there in a byte of the high half: 512 KiB, which stays in the processor's own cache.
    ranks: Box<[u64; N_16]>,
    /// One for each touched /24.
    cells: Vec<Cell>,
    /// Parts of those /24s that have several, one /24 after the other.
    parts: Vec<Parts>,
}

/// A touched /24, in eight bytes: with one part, that part; else `value` is where its parts start.
#[derive(Clone, Copy, Debug)]
struct Cell {
    value: u32,
    n_parts: u16,
    first: u8,
    last: u8,
}

/// Consecutive addresses of one /24, by their last octet.
#[derive(Clone, Copy, Debug)]
struct Part {
    first: u8,
    last: u8,
    /// `ALONE` with an asset, a net plus one, or 0 for [`Holder::Ask`].
    value: u32,
}

/// Up to eight parts of one /24, rising: as a rule all of them, in one line of the cache.
#[derive(Clone, Copy, Debug)]
struct Parts {
    last: [u8; N_PARTS],
    first: [u8; N_PARTS],
    value: [u32; N_PARTS],
}

const N_PARTS: usize = 8;

impl Cell {
    /// Held by nobody.
    const EMPTY: Self = Self {
        value: 0,
        n_parts: 0,
        first: 1,
        last: 0,
    };
    const ASK: Self = Self {
        value: 0,
        n_parts: 1,
        first: 0,
        last: 255,
    };
}

impl TableV4 {
    /// From disjoint, rising runs `(first, last, holder)`, and runs `(first, last)` that make
    /// every /24 which they touch one to ask about.
    pub(super) fn build(runs: &[(u32, u32, Holder)], ask: &[(u32, u32)]) -> Self {
        let mut touched: Bits<WORDS> = no_bits();
        let spans = runs.iter().map(|&(first, last, _)| (first, last));
        for (first, last) in spans.chain(ask.iter().copied()) {
            set_bits(&mut touched, first >> 8, last >> 8);
        }
        let (ranks, n_touched) = ranks(&touched);
        let mut table = Self {
            coarse: coarse(&touched),
            touched,
            ranks,
            cells: vec![Cell::EMPTY; n_touched as usize],
            parts: Vec::new(),
        };
        for &(first, last, holder) in runs {
            table.add(first, last, holder);
        }
        for &(first, last) in ask {
            for block in (first >> 8)..=(last >> 8) {
                table.put(block, |cell, _| *cell = Cell::ASK);
            }
        }
        table
    }

    fn add(&mut self, first: u32, last: u32, holder: Holder) {
        let value = match holder {
            Holder::Alone(asset) if asset < ALONE => ALONE | asset,
            Holder::Net(net) if net < ALONE - 1 => net + 1,
            _ => 0,
        };
        for block in (first >> 8)..=(last >> 8) {
            let start = block << 8;
            let part = Part {
                first: first.saturating_sub(start) as u8,
                last: (last - start).min(255) as u8,
                value,
            };
            self.put(block, |cell, parts| cell.add(part, parts));
        }
    }

    fn put(&mut self, block: u32, change: impl FnOnce(&mut Cell, &mut Vec<Parts>)) {
        let rank = self.rank(block);
        if let Some(cell) = self.cells.get_mut(rank as usize) {
            change(cell, &mut self.parts);
        }
    }

    /// Touched /24s before this one.
    #[inline]
    fn rank(&self, block: u32) -> u32 {
        let before = self.ranks.get((block >> 8) as usize & (N_16 - 1));
        let before = before.copied().unwrap_or(0);
        let before_word = before >> (32 + 8 * (block >> 6 & 3)) & 255;
        let before_bit = word(&self.touched, block) & ((1 << (block & 63)) - 1);
        (before as u32).wrapping_add(before_word as u32) + before_bit.count_ones()
    }

    #[inline]
    fn is_touched(&self, block: u32) -> bool {
        has_bit(&self.touched, block)
    }

    /// The value of the part with this octet, and whether there is one.
    ///
    /// No branch depends on a part, which may lie far away in the memory: so the reads of other
    /// rows need not wait for this one's.
    #[inline]
    fn value(&self, cell: Cell, octet: u8) -> (u32, bool) {
        if cell.n_parts < 2 {
            return (cell.value, true);
        }
        let (mut at, mut n_parts) = (cell.value as usize, usize::from(cell.n_parts));
        while n_parts > N_PARTS
            && self
                .parts
                .get(at)
                .is_some_and(|p| p.before(octet) == N_PARTS)
        {
            (at, n_parts) = (at + 1, n_parts - N_PARTS);
        }
        let Some(parts) = self.parts.get(at) else {
            return (0, false);
        };
        let n = parts.before(octet);
        let first = parts.first.get(n & (N_PARTS - 1)).copied();
        let value = parts.value.get(n & (N_PARTS - 1)).copied();
        let is_held = (n < n_parts.min(N_PARTS)) & (first.unwrap_or(u8::MAX) <= octet);
        (value.unwrap_or(0), is_held)
    }

    /// Calls `found` with the position of each address that somebody may hold, rising.
    ///
    /// Bitmaps, ranks, cells and their parts are read in loops of their own: short ones, without
    /// a branch that depends on the data, in which the processor fetches many at a time.
    #[inline]
    pub(super) fn find_all(&self, addresses: &[u32], mut found: impl FnMut(u32, Holder)) {
        let mut survivors = Survivors::none();
        let mut cells = [Cell::EMPTY; CHUNK];
        let mut ranks = [0u32; CHUNK];
        let mut held = [(0u32, 0u32); CHUNK];
        for (base, chunk) in (0u32..).step_by(CHUNK).zip(addresses.chunks(CHUNK)) {
            let address = |i: u32| chunk.get(i as usize).copied().unwrap_or(0);
            if let Some(coarse) = &self.coarse {
                survivors.start(chunk, |address| has_bit(coarse, address >> 14));
                survivors.thin(|i| self.is_touched(address(i) >> 8));
            } else {
                survivors.start(chunk, |address| self.is_touched(address >> 8));
            }
            for (rank, &i) in ranks.iter_mut().zip(survivors.positions()) {
                *rank = self.rank(address(i) >> 8);
            }
            for (cell, &rank) in cells.iter_mut().zip(ranks.iter().take(survivors.n)) {
                let found = self.cells.get(rank as usize);
                *cell = found.copied().unwrap_or(Cell::EMPTY);
            }
            survivors.thin_with(&mut cells, |cell, i| cell.may_hold(address(i) as u8));
            let mut n_held = 0;
            for (&cell, &i) in cells.iter().zip(survivors.positions()) {
                let (value, is_held) = self.value(cell, address(i) as u8);
                if let Some(slot) = held.get_mut(n_held) {
                    *slot = (base + i, value);
                }
                n_held += usize::from(is_held);
            }
            for &(i, value) in held.iter().take(n_held) {
                found(i, Holder::of(value));
            }
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let coarse = self.coarse.as_ref().map_or(0, |bits| bits.len());
        (coarse + WORDS + N_16) * 8
            + self.cells.capacity() * size_of::<Cell>()
            + self.parts.capacity() * size_of::<Parts>()
    }
}

impl Holder {
    #[inline]
    pub(super) const fn alone(self) -> Option<u32> {
        match self {
            Self::Alone(asset) => Some(asset),
            _ => None,
        }
    }

    #[inline]
    pub(super) const fn net(self) -> Option<u32> {
        match self {
            Self::Net(net) => Some(net),
            _ => None,
        }
    }

    /// Of a part's value.
    #[inline]
    const fn of(value: u32) -> Self {
        match value {
            0 => Self::Ask,
            net if net < ALONE => Self::Net(net - 1),
            asset => Self::Alone(asset & !ALONE),
        }
    }
}

impl Cell {
    /// Is the octet held, or are there several parts to ask?
    #[inline]
    const fn may_hold(self, octet: u8) -> bool {
        (self.n_parts > 1) | ((self.first <= octet) & (octet <= self.last))
    }

    /// Adds the next part to the right.
    fn add(&mut self, part: Part, parts: &mut Vec<Parts>) {
        match self.n_parts {
            0 => (self.value, self.first, self.last) = (part.value, part.first, part.last),
            1 => {
                let start = u32::try_from(parts.len()).unwrap_or(NOTHING);
                let (first, last, value) = (self.first, self.last, self.value);
                parts.push(Parts::NONE);
                push(parts, 0, Part { first, last, value });
                push(parts, 1, part);
                self.value = start;
            }
            n => {
                let place = usize::from(n) % N_PARTS;
                if place == 0 {
                    parts.push(Parts::NONE);
                }
                push(parts, place, part);
            }
        }
        self.n_parts += 1;
    }
}

impl Parts {
    /// Those that are missing lie behind every octet.
    const NONE: Self = Self {
        last: [u8::MAX; N_PARTS],
        first: [u8::MAX; N_PARTS],
        value: [0; N_PARTS],
    };

    /// How many lie before this octet: eight answers without a branch.
    #[inline]
    fn before(&self, octet: u8) -> usize {
        let mut n = 0u8;
        for &last in &self.last {
            n = n.wrapping_add(u8::from(last < octet));
        }
        usize::from(n)
    }
}

/// Puts a part into the newest eight.
fn push(parts: &mut [Parts], place: usize, part: Part) {
    if let Some(parts) = parts.last_mut()
        && let (Some(last), Some(first), Some(value)) = (
            parts.last.get_mut(place),
            parts.first.get_mut(place),
            parts.value.get_mut(place),
        )
    {
        (*last, *first, *value) = (part.last, part.first, part.value);
    }
}

/// Positions in a chunk that passed the filters so far.
struct Survivors {
    positions: [u32; CHUNK],
    n: usize,
}

impl Survivors {
    const fn none() -> Self {
        Self {
            positions: [0; CHUNK],
            n: 0,
        }
    }

    /// The positions of those that pass, 64 at a time: a word of answers without a branch, and
    /// a turn for each that passed, which few do.
    #[inline]
    fn start(&mut self, chunk: &[u32], may_hold: impl Fn(u32) -> bool) {
        self.n = 0;
        let (words, rest) = chunk.as_chunks::<64>();
        for (first, addresses) in (0u32..).step_by(64).zip(words) {
            let mut answers = [0u8; 64];
            for (answer, &address) in answers.iter_mut().zip(addresses) {
                *answer = u8::from(may_hold(address));
            }
            let mut passed = word_of(&answers);
            while passed != 0 {
                self.push(first + passed.trailing_zeros());
                passed &= passed - 1;
            }
        }
        let first = (chunk.len() - rest.len()) as u32;
        for (i, _) in (first..).zip(rest).filter(|(_, a)| may_hold(**a)) {
            self.push(i);
        }
    }

    #[inline]
    fn push(&mut self, i: u32) {
        if let Some(slot) = self.positions.get_mut(self.n & (CHUNK - 1)) {
            *slot = i;
        }
        self.n += 1;
    }

    /// Each write lies at or before the read of the same turn.
    #[inline]
    fn thin(&mut self, may_hold: impl Fn(u32) -> bool) {
        let mut n = 0;
        for turn in 0..self.n {
            let i = self.positions.get(turn).copied().unwrap_or(0);
            if let Some(slot) = self.positions.get_mut(n) {
                *slot = i;
            }
            n += usize::from(may_hold(i));
        }
        self.n = n;
    }

    /// As [`Survivors::thin`], and what is known of each moves along.
    #[inline]
    fn thin_with<T: Copy>(&mut self, known: &mut [T; CHUNK], may_hold: impl Fn(T, u32) -> bool) {
        let mut n = 0;
        for turn in 0..self.n.min(CHUNK) {
            let (Some(&i), Some(&of_i)) = (self.positions.get(turn), known.get(turn)) else {
                return;
            };
            if let (Some(slot), Some(to)) = (self.positions.get_mut(n), known.get_mut(n)) {
                (*slot, *to) = (i, of_i);
            }
            n += usize::from(may_hold(of_i, i));
        }
        self.n = n;
    }

    fn positions(&self) -> &[u32] {
        self.positions.get(..self.n).unwrap_or_default()
    }
}

/// The low bits of 64 bytes, the first as the lowest.
#[inline]
fn word_of(answers: &[u8; 64]) -> u64 {
    let (eights, _) = answers.as_chunks::<8>();
    let bits = (0u32..).step_by(8).zip(eights).map(|(n, &eight)| {
        // Moves the low bit of each byte to a place of its own in the highest byte.
        (u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) << n
    });
    bits.fold(0, |word, bits| word | bits)
}

/// Touched /24s before each /16 and within it, and how many there are.
fn ranks(touched: &[u64; WORDS]) -> (Box<[u64; N_16]>, u32) {
    let mut ranks = no_bits::<N_16>();
    let mut n_touched = 0u32;
    for (rank, words) in ranks.iter_mut().zip(touched.chunks_exact(WORDS_OF_16)) {
        *rank = u64::from(n_touched);
        let mut n_of_16 = 0;
        for (word, shift) in words.iter().zip([32, 40, 48, 56]) {
            // 192 at most: three words lie before the last.
            *rank |= u64::from(n_of_16) << shift;
            n_of_16 += word.count_ones();
        }
        n_touched += n_of_16;
    }
    (ranks, n_touched)
}

/// One bit for each /18 with a touched /24, where that tells most of the space apart.
fn coarse(touched: &[u64; WORDS]) -> Option<Bits<{ WORDS / 64 }>> {
    let mut coarse = no_bits();
    for (n, _) in (0u32..).zip(touched).filter(|(_, word)| **word != 0) {
        set_bit(&mut coarse, n);
    }
    let n_set: u32 = coarse.iter().map(|word| word.count_ones()).sum();
    (n_set as usize <= WORDS / 4).then_some(coarse)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs() -> impl Strategy<Value = Vec<(u32, u32, Holder)>> {
        // Gaps and lengths that often end in the same /24, and some that span many.
        let step = (
            0u32..3,
            0u32..200,
            prop_oneof![9 => 0u32..300, 1 => 0u32..70_000],
            0usize..3,
        );
        prop::collection::vec(step, 0..40).prop_map(|steps| {
            let mut at = 0u32;
            let mut runs = Vec::new();
            for ((far, gap, length, kind), n) in steps.into_iter().zip(0..) {
                let first = at + (far / 2) * 5000 + gap;
                at = first + length + 1;
                runs.push((
                    first,
                    first + length,
                    [Holder::Alone(n), Holder::Net(n), Holder::Ask][kind],
                ));
            }
            runs
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn finds_what_a_loop_finds(runs in runs(), ask in prop::collection::vec(0u32..200_000, 0..3)) {
            let ask: Vec<(u32, u32)> = ask.into_iter().map(|a| (a, a + 300)).collect();
            let table = TableV4::build(&runs, &ask);
            let end = runs.last().map_or(0, |run| run.1).max(201_000) + 600;
            let addresses: Vec<u32> = (0..end).step_by(3).chain(runs.iter().flat_map(|r| [r.0, r.1])).chain([u32::MAX]).collect();
            let mut found = vec![None; addresses.len()];
            table.find_all(&addresses, |i, holder| found[i as usize] = Some(holder));
            for (&at, found) in addresses.iter().zip(found) {
                let run = runs.iter().find(|r| r.0 <= at && at <= r.1);
                let slow = match run {
                    _ if ask.iter().any(|a| a.0 >> 8 <= at >> 8 && at >> 8 <= a.1 >> 8) => Some(Holder::Ask),
                    run => run.map(|run| run.2),
                };
                prop_assert_eq!(found, slow, "{}", at);
            }
        }

        #[test]
        fn the_ends_of_the_space_are_held(length in 0u32..1000) {
            let runs = [(0, length, Holder::Alone(7)), (u32::MAX - length, u32::MAX, Holder::Net(0))];
            let table = TableV4::build(&runs, &[]);
            let mut found = Vec::new();
            table.find_all(&[0, length, length + 1, u32::MAX - length, u32::MAX], |i, holder| found.push((i, holder)));
            let want = [(0, Holder::Alone(7)), (1, Holder::Alone(7)), (3, Holder::Net(0)), (4, Holder::Net(0))];
            prop_assert_eq!(found, want);
        }
    }
}
