//! Letters by the publications that they are in.

use std::collections::{BTreeMap, BTreeSet};

use super::count::count_where;
use super::facts::Facts;
use super::{Axis, Row, Span};

/// What a publication counted: nights, and the ledger as it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Nights.
    pub span: Span,
    /// The last ledger object that was seen.
    pub ledger_seq: u64,
}

/// Letters apart by the windows that they are in; those in none are left out.
#[derive(Clone, Debug)]
pub struct Sliced {
    /// For each slice, in which windows it is.
    pub slices: Vec<Vec<bool>>,
    /// The slice of each letter.
    of_letter: Vec<Option<usize>>,
}

/// Tells the letters apart.
#[must_use]
pub fn slices(facts: &Facts, windows: &[Window]) -> Sliced {
    let mut known: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
    let of_letter = facts.letters.iter().map(|letter| {
        let is_in = |w: &Window| {
            letter.counts() && w.span.contains(letter.night) && letter.since <= w.ledger_seq
        };
        let signature: Vec<bool> = windows.iter().map(is_in).collect();
        if !signature.contains(&true) {
            return None;
        }
        let next = known.len();
        Some(*known.entry(signature).or_insert(next))
    });
    let of_letter: Vec<Option<usize>> = of_letter.collect();
    let mut pairs: Vec<(Vec<bool>, usize)> = known.into_iter().collect();
    pairs.sort_by_key(|(_, number)| *number);
    Sliced {
        slices: pairs.into_iter().map(|(signature, _)| signature).collect(),
        of_letter,
    }
}

/// As `count`, of the letters in these slices alone.
#[must_use]
pub fn count_in(facts: &Facts, axes: &[Axis], sliced: &Sliced, of: &BTreeSet<usize>) -> Vec<Row> {
    count_where(facts, axes, &|letter_idx| {
        let slice = sliced.of_letter.get(letter_idx).copied().flatten();
        slice.is_some_and(|s| of.contains(&s))
    })
}
