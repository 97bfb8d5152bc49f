//! Letters by the publications that they are in.

use std::collections::{BTreeMap, BTreeSet};

use super::count::count_where;
use super::facts::{Companies, Facts, Letter};
use super::members::{WithMembers, members_where};
use super::{Axis, Row, Span};

/// What a publication counted: nights, and the ledger as it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Nights.
    pub span: Span,
    /// The last ledger object that was seen.
    pub ledger_seq: u64,
}

impl Window {
    fn holds(&self, letter: &Letter) -> bool {
        letter.counts()
            && self.span.contains(letter.night)
            && u64::from(letter.since) <= self.ledger_seq
    }
}

/// The letters of a window, out of those of a longer period: companies are what they were in the
/// window alone.
pub struct InWindow<'f> {
    facts: &'f Facts,
    is_in: Vec<bool>,
    companies: Companies,
}

impl<'f> InWindow<'f> {
    /// Takes the window out.
    #[must_use]
    pub fn of(facts: &'f Facts, window: &Window) -> Self {
        let is_in = facts.letters.iter().map(|l| window.holds(l));
        let is_in: Vec<bool> = is_in.collect();
        let companies = facts.companies_in(&is_in);
        Self {
            facts,
            is_in,
            companies,
        }
    }

    /// As `count_members`.
    #[must_use]
    pub fn count_members(&self, tables: &[Vec<Axis>]) -> Vec<WithMembers> {
        members_where(self.facts, &self.companies, tables, &|letter_idx| {
            self.is_in.get(letter_idx) == Some(&true)
        })
    }
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
        let signature: Vec<bool> = windows.iter().map(|w| w.holds(letter)).collect();
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

/// As `count_all`, of the letters in these slices alone; companies are what they are in all of the
/// facts.
#[must_use]
pub fn count_in(
    facts: &Facts,
    tables: &[Vec<Axis>],
    sliced: &Sliced,
    of: &BTreeSet<usize>,
) -> Vec<Vec<Row>> {
    count_where(facts, &facts.companies, tables, &|letter_idx| {
        let slice = sliced.of_letter.get(letter_idx).copied().flatten();
        slice.is_some_and(|s| of.contains(&s))
    })
}
