//! Hashing of what is a hash already: keys of maps that hold millions; and small numbers in place
//! of values.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

/// A hasher for keys that are hashes themselves, or short texts of our own: one multiplication a
/// word is enough.
#[derive(Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        // The table takes the top bits and the bottom ones.
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let n = part.iter().fold(0, |n, b| (n << 8) | u64::from(*b));
            self.write_u64(n ^ ((part.len() as u64) << 56));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u128(&mut self, value: u128) {
        self.write_u64(value as u64 ^ (value >> 64) as u64);
    }
}

/// Builds [`Mix`].
pub type Fast = BuildHasherDefault<Mix>;

/// Numbers for values, in the order of their first appearance.
#[derive(Clone, Debug)]
pub struct Numbers<K, S = RandomState> {
    known: HashMap<K, u32, S>,
}

impl<K: Eq + Hash, S: BuildHasher + Default> Numbers<K, S> {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            known: HashMap::default(),
        }
    }

    /// The value's number; a new one where it is unknown.
    pub fn of<Q>(&mut self, value: &Q) -> u32
    where
        K: Borrow<Q>,
        Q: ?Sized + Eq + Hash + ToOwned<Owned = K>,
    {
        if let Some(number) = self.known.get(value) {
            return *number;
        }
        let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        self.known.insert(value.to_owned(), next);
        next
    }

    /// The values, by their numbers.
    #[must_use]
    pub fn into_values(self) -> Vec<K> {
        let mut pairs: Vec<(K, u32)> = self.known.into_iter().collect();
        pairs.sort_by_key(|(_, number)| *number);
        pairs.into_iter().map(|(value, _)| value).collect()
    }
}

impl<K: Eq + Hash, S: BuildHasher + Default> Default for Numbers<K, S> {
    fn default() -> Self {
        Self::new()
    }
}

/// The first 16 bytes of a hash: enough to tell a billion of them apart.
#[must_use]
pub fn short(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .take(16)
        .fold(0, |n, b| (n << 8) | u128::from(*b))
}

/// Says quickly of most hashes that they are not in a small set.
#[derive(Clone, Debug)]
pub struct Sieve(Vec<u64>);

impl Default for Sieve {
    fn default() -> Self {
        Self(vec![0; 1 << 12])
    }
}

impl Sieve {
    const fn place(hash: u128) -> (usize, u64) {
        ((hash as usize >> 6) & 0xfff, 1 << (hash & 63))
    }

    /// Adds a hash.
    pub fn add(&mut self, hash: u128) {
        let (word, bit) = Self::place(hash);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    /// False where the hash was not added.
    #[must_use]
    pub fn may_hold(&self, hash: u128) -> bool {
        let (word, bit) = Self::place(hash);
        self.0.get(word).is_some_and(|w| w & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn texts_of_any_length_hash_apart() {
        let of = |text: &str| Fast::default().hash_one(text);
        let texts = [
            "",
            "a",
            "b",
            "aa",
            "\0",
            "\0\0",
            "12345678",
            "123456789",
            "12345678\0",
        ];
        let hashes: HashSet<u64> = texts.iter().map(|t| of(t)).collect();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn numbers_are_given_once() {
        let mut numbers: Numbers<&str> = Numbers::new();
        assert_eq!(["a", "b", "a"].map(|v| numbers.of(&v)), [0, 1, 0]);
        assert_eq!(numbers.into_values(), ["a", "b"]);
    }
}
