//! Numbers of the period in place of those of the ledger: what one company alone has gets numbers
//! that follow each other.

use std::collections::HashSet;

use super::codes::Fast;
use super::facts::{Item, Letter};
use crate::model::columns::NONE;

/// New numbers, from 0 in the order of their first appearance.
pub(super) struct Numbered {
    /// By company: the first number that is its own. The last one is the end.
    pub firsts: Vec<u32>,
    /// Old numbers, by the new ones.
    pub olds: Vec<u32>,
    /// New numbers of what several companies have.
    pub shared: HashSet<u32, Fast>,
}

/// How numbers are given, company by company.
pub(super) trait Numbers {
    /// A company with so many items follows.
    fn begin(&mut self, n_items: usize);
    /// The new number of an old one.
    fn of(&mut self, old: u32) -> u32;
    /// How many were given.
    fn n(&self) -> u32;
    /// Old numbers, and the new ones of what several companies have.
    fn end(self) -> (Vec<u32>, HashSet<u32, Fast>);
}

/// Gives new numbers to a field of the items; letters are in the order of companies, items in that
/// of letters.
pub(super) fn number(
    letters: &[Letter],
    items: &mut [Item],
    mut numbers: impl Numbers,
    field: impl Fn(&mut Item) -> &mut u32,
) -> Numbered {
    let mut firsts = Vec::new();
    for of_company in letters.chunk_by(|a, b| a.company == b.company) {
        firsts.push(numbers.n());
        let begin = of_company.first().map_or(0, Letter::first_item);
        let end = of_company.last().map_or(0, |l| l.range().end);
        let items = items.get_mut(begin..end).unwrap_or_default();
        numbers.begin(items.len());
        for item in items {
            let number = field(item);
            *number = numbers.of(*number);
        }
    }
    firsts.push(numbers.n());
    let (olds, shared) = numbers.end();
    Numbered {
        firsts,
        olds,
        shared,
    }
}

/// By a table of all old numbers.
pub(super) struct ByTable {
    new: Vec<u32>,
    olds: Vec<u32>,
    /// The first number that is the company's own.
    first: u32,
    shared: HashSet<u32, Fast>,
}

impl ByTable {
    pub(super) fn new(n: usize) -> Self {
        Self {
            new: vec![NONE; n],
            olds: Vec::new(),
            first: 0,
            shared: HashSet::default(),
        }
    }
}

impl Numbers for ByTable {
    fn begin(&mut self, _: usize) {
        self.first = self.n();
    }

    #[inline]
    fn of(&mut self, old: u32) -> u32 {
        let next = self.n();
        let Some(new) = self.new.get_mut(old as usize) else {
            return NONE;
        };
        if *new == NONE {
            *new = next;
            self.olds.push(old);
        } else if *new < self.first {
            self.shared.insert(*new);
        }
        *new
    }

    fn n(&self) -> u32 {
        self.olds.len() as u32
    }

    fn end(self) -> (Vec<u32>, HashSet<u32, Fast>) {
        (self.olds, self.shared)
    }
}

/// By a small table of each company, where a table of all would miss the cache at every item. What
/// several companies have gets a number in each of them, which only says that it is shared.
pub(super) struct ByCompany {
    /// Pairs of an old and a new number, each near where the old one's hash says; a power of two.
    slots: Vec<(u32, u32)>,
    shift: u32,
    /// A bit for each old number that an earlier company has.
    seen: Vec<u64>,
    olds: Vec<u32>,
    shared: HashSet<u32, Fast>,
}

impl ByCompany {
    pub(super) fn new(n: usize) -> Self {
        Self {
            slots: Vec::new(),
            shift: 0,
            seen: vec![0; n.div_ceil(64)],
            olds: Vec::new(),
            shared: HashSet::default(),
        }
    }

    fn give(&mut self, old: u32) -> u32 {
        let number = self.n();
        self.olds.push(old);
        let mask = 1 << (old & 63);
        if let Some(word) = self.seen.get_mut(old as usize / 64) {
            if *word & mask != 0 {
                self.shared.insert(number);
            }
            *word |= mask;
        }
        number
    }
}

impl Numbers for ByCompany {
    fn begin(&mut self, n_items: usize) {
        let n_slots = (2 * n_items).next_power_of_two().max(2);
        self.shift = 32 - n_slots.trailing_zeros().min(31);
        self.slots.clear();
        self.slots.resize(n_slots, (NONE, NONE));
    }

    #[inline]
    fn of(&mut self, old: u32) -> u32 {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = (old.wrapping_mul(0x9e37_79b9) >> self.shift) as usize;
        // Half of the slots are free: it ends.
        while let Some(&(known, number)) = self.slots.get(at & mask) {
            if known == old && number != NONE {
                return number;
            }
            if number == NONE {
                let number = self.give(old);
                if let Some(slot) = self.slots.get_mut(at & mask) {
                    *slot = (old, number);
                }
                return number;
            }
            at += 1;
        }
        NONE
    }

    fn n(&self) -> u32 {
        self.olds.len() as u32
    }

    fn end(self) -> (Vec<u32>, HashSet<u32, Fast>) {
        (self.olds, self.shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of some companies' items, the old ones anywhere below `n`.
    fn give(companies: &[Vec<u32>], mut numbers: impl Numbers) -> (Vec<Vec<u32>>, Vec<u32>, bool) {
        let given = companies.iter().map(|items| {
            numbers.begin(items.len());
            items.iter().map(|old| numbers.of(*old)).collect()
        });
        let given: Vec<Vec<u32>> = given.collect();
        let (olds, shared) = numbers.end();
        (given, olds, shared.is_empty())
    }

    #[test]
    fn a_table_of_each_company_gives_the_numbers_of_the_table_of_all() {
        let mut n = 5u32;
        let mut next = || {
            n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            n >> 8
        };
        for of_company in [1, 3, 40, 1_000] {
            // Each company has numbers of its own, that are no neighbours.
            let companies: Vec<Vec<u32>> = (0..20)
                .map(|c| {
                    (0..1 + next() % of_company)
                        .map(|_| next() % 300 * 20 + c)
                        .collect()
                })
                .collect();
            let (by_company, by_table) = (
                give(&companies, ByCompany::new(6_000)),
                give(&companies, ByTable::new(6_000)),
            );
            assert_eq!(by_company, by_table);
            assert!(by_table.2);
            let given = by_table.0.concat();
            let back: Vec<u32> = given.iter().map(|n| by_table.1[*n as usize]).collect();
            assert_eq!(back, companies.concat());
        }
        let both = [vec![7, 8, 7], vec![9, 8]];
        assert!(!give(&both, ByCompany::new(10)).2);
        assert_eq!(give(&both, ByTable::new(10)).0, [vec![0, 1, 0], vec![2, 1]]);
        assert!(!give(&both, ByTable::new(10)).2);
    }
}
