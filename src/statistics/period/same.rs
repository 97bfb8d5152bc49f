//! Companies that are one, since a provisional key was identified.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Letter;

/// Pairs of companies that are one, by their numbers in the ledger. An alias counts for every letter, wherever
/// it stands.
#[derive(Default)]
pub(super) struct Same {
    pairs: Vec<(u32, u32, u64)>,
}

impl Same {
    /// A former key, the company's own, and the number of the ledger object that says so. The first about a
    /// former key stands.
    pub(super) fn add(&mut self, former: u32, own: u32, seq: u64) {
        if self.pairs.iter().all(|(known, ..)| *known != former) {
            self.pairs.push((former, own, seq));
        }
    }

    /// Gives the letters of each company one number, the lowest of its keys: so what was published of it
    /// under its first key keeps that key's random number. Answers the last object that made two
    /// companies of these letters one; 0 where none did.
    pub(super) fn join(&self, letters: &mut [Letter]) -> u64 {
        if self.pairs.is_empty() {
            return 0;
        }
        let mut lowest: BTreeMap<u32, u32> = BTreeMap::new();
        for (former, own, _) in &self.pairs {
            let of_own = lowest.entry(*own).or_insert(*own);
            *of_own = (*of_own).min(*former);
        }
        let own_of: BTreeMap<u32, u32> = self.pairs.iter().map(|(f, own, _)| (*f, *own)).collect();
        let mut met: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for letter in letters.iter_mut().filter(|l| !l.is_double()) {
            let own = own_of.get(&letter.company).unwrap_or(&letter.company);
            if let Some(one) = lowest.get(own) {
                met.entry(*own).or_default().insert(letter.company);
                letter.company = *one;
            }
        }
        let joined = self.pairs.iter().filter(|(former, own, _)| {
            let of_own = met.get(own);
            of_own.is_some_and(|all| all.len() > 1 && all.contains(former))
        });
        joined.map(|(.., seq)| *seq).max().unwrap_or(0)
    }
}
