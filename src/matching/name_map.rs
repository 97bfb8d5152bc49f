//! Names to numbers: a hash table that is fed by one pass over a name from the right.

use crate::model::name::Domain;
use crate::model::suffix::hash_from_right;

/// Registered names, each with the numbers of its assets in rising order.
#[derive(Clone, Debug)]
pub(super) struct NameMap {
    /// Bloom filter with two bits in one word: most names of a snapshot are nobody's, and most of
    /// their suffixes end here.
    filter: Vec<u64>,
    /// Low half of the hash and the position of the entry plus one; 0 is free. Length is a power
    /// of two, at most half full.
    slots: Vec<(u32, u32)>,
    entries: Vec<Entry>,
    /// All names, one after the other.
    texts: String,
    numbers: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    text: u32,
    length: u32,
    first_number: u32,
    n_numbers: u32,
}

/// A suffix of a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    pub(super) hash: u64,
    /// Where the suffix starts in the name.
    pub(super) start: usize,
    /// The row that has the name.
    pub(super) row: u32,
}

/// The hash function is quick and weak in its low bits; this spreads them.
#[inline]
const fn spread(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

impl NameMap {
    /// From names with a number each, in any order, doubles welcome.
    pub(super) fn build(pairs: &[(&Domain, u32)]) -> Self {
        let mut order: Vec<(u64, &str, u32)> = pairs
            .iter()
            .map(|(name, number)| (hash_from_right(name.as_str()), name.as_str(), *number))
            .collect();
        order.sort_unstable();
        let n_slots = (order.len() * 2).next_power_of_two().max(8);
        let mut map = Self {
            filter: vec![0; (order.len() / 4).next_power_of_two().max(1)],
            slots: vec![(0, 0); n_slots],
            entries: Vec::new(),
            texts: String::new(),
            numbers: Vec::with_capacity(order.len()),
        };
        let mut previous = None;
        for (hash, name, number) in order {
            if previous != Some(name) {
                previous = Some(name);
                map.add_name(hash, name);
            }
            map.numbers.push(number);
            if let Some(entry) = map.entries.last_mut() {
                entry.n_numbers += 1;
            }
        }
        map
    }

    fn add_name(&mut self, hash: u64, name: &str) {
        let at = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.entries.push(Entry {
            text: at(self.texts.len()),
            length: at(name.len()),
            first_number: at(self.numbers.len()),
            n_numbers: 0,
        });
        self.texts.push_str(name);
        let spread = spread(hash);
        let (word, bits) = self.filter_place(spread);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bits;
        }
        let mask = self.slots.len() - 1;
        let mut slot = spread as usize & mask;
        while self.slots.get(slot).is_some_and(|s| s.1 != 0) {
            slot = (slot + 1) & mask;
        }
        let n_entries = at(self.entries.len());
        if let Some(free) = self.slots.get_mut(slot) {
            *free = (spread as u32, n_entries);
        }
    }

    /// High bits for the filter, low bits for the table.
    #[inline]
    const fn filter_place(&self, spread: u64) -> (usize, u64) {
        let word = (spread >> 40) as usize & (self.filter.len() - 1);
        (word, 1 << (spread >> 28 & 63) | 1 << (spread >> 34 & 63))
    }

    /// May a name with this hash be registered? No false no.
    #[inline]
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let (word, bits) = self.filter_place(spread(hash));
        self.filter
            .get(word)
            .is_some_and(|word| word & bits == bits)
    }

    /// The numbers of a name, given in any case with the hash of its lower-case form.
    pub(super) fn get(&self, hash: u64, name: &[u8]) -> &[u32] {
        let spread = spread(hash);
        let mask = self.slots.len() - 1;
        let mut slot = spread as usize & mask;
        while let Some(&(tag, entry)) = self.slots.get(slot) {
            let Some(position) = entry.checked_sub(1) else {
                break;
            };
            if tag == spread as u32
                && let Some(entry) = self.entries.get(position as usize)
                && let Some(text) = self
                    .texts
                    .get(entry.text as usize..(entry.text + entry.length) as usize)
                && text.as_bytes().eq_ignore_ascii_case(name)
            {
                let first = entry.first_number as usize;
                return self
                    .numbers
                    .get(first..first + entry.n_numbers as usize)
                    .unwrap_or_default();
            }
            slot = (slot + 1) & mask;
        }
        &[]
    }

    /// The numbers of this very name.
    pub(super) fn get_name(&self, name: &str) -> &[u32] {
        self.get(hash_from_right(name), name.as_bytes())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.filter.capacity() * 8
            + self.slots.capacity() * 8
            + self.entries.capacity() * size_of::<Entry>()
            + self.texts.capacity()
            + self.numbers.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_tree_finds(names in prop::collection::vec("[a-c]{1,2}(\\.[a-c]{1,2}){0,2}", 0..60), asked in prop::collection::vec("[a-cA-C]{1,2}(\\.[a-c]{1,2}){0,2}", 0..60)) {
            let names: Vec<Domain> = names.iter().map(|n| n.parse().unwrap()).collect();
            let pairs: Vec<(&Domain, u32)> = names.iter().zip(0..).collect();
            let map = NameMap::build(&pairs);
            let mut tree: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            for (name, number) in pairs { tree.entry(name.as_str()).or_default().push(number); }
            for asked in asked.iter().map(String::as_str).chain(names.iter().map(Domain::as_str)) {
                let lower = asked.to_ascii_lowercase();
                let hash = hash_from_right(&lower);
                let want = tree.get(lower.as_str()).cloned().unwrap_or_default();
                prop_assert!(want.is_empty() || map.may_hold(hash));
                prop_assert_eq!(map.get(hash, asked.as_bytes()), &want[..]);
            }
        }
    }
}
