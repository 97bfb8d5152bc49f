//! Numbers of the period in place of those of the ledger: what one company alone has gets numbers
//! that follow each other.

use std::collections::HashSet;

use super::facts::{Item, Letter};
use crate::model::columns::NONE;
use crate::model::mixed::Fast;

/// New numbers, from 0 in the order of their first appearance.
#[derive(Default)]
pub(super) struct Numbered {
    /// By company: the first number that is its own. The last one is the end.
    firsts: Vec<u32>,
    /// Old numbers, by the new ones.
    pub olds: Vec<u32>,
    /// New numbers of what several companies have.
    pub shared: HashSet<u32, Fast>,
}

impl Numbered {
    fn n(&self) -> u32 {
        self.olds.len() as u32
    }

    /// The next number, for this old one.
    fn give(&mut self, old: u32) -> u32 {
        let number = self.n();
        self.olds.push(old);
        number
    }

    /// Numbers of what the company alone has: the first, and how many there are at most.
    pub(super) fn own(&self, company: u32) -> (u32, usize) {
        let at = |company: usize| self.firsts.get(company).copied().unwrap_or_default();
        let (first, end) = (at(company as usize), at(company as usize + 1));
        (first, end.saturating_sub(first) as usize)
    }

    /// Do several companies have it?
    #[inline]
    pub(super) fn is_shared(&self, number: u32) -> bool {
        !self.shared.is_empty() && self.shared.contains(&number)
    }
}

/// How numbers are given, company by company.
pub(super) trait Numbering {
    /// A company with so many items follows.
    fn begin(&mut self, n_items: usize, so_far: &Numbered);
    /// The new number of an old one.
    fn of(&mut self, old: u32, so_far: &mut Numbered) -> u32;
}

/// Gives new numbers to a field of the items; letters are in the order of companies, items in that
/// of letters.
pub(super) fn number(
    letters: &[Letter],
    items: &mut [Item],
    mut numbering: impl Numbering,
    field: impl Fn(&mut Item) -> &mut u32,
) -> Numbered {
    let mut numbered = Numbered::default();
    for of_company in letters.chunk_by(|a, b| a.company == b.company) {
        numbered.firsts.push(numbered.n());
        let begin = of_company.first().map_or(0, Letter::first_item);
        let end = of_company.last().map_or(0, |l| l.range().end);
        let items = items.get_mut(begin..end).unwrap_or_default();
        numbering.begin(items.len(), &numbered);
        for item in items {
            let number = field(item);
            *number = numbering.of(*number, &mut numbered);
        }
    }
    numbered.firsts.push(numbered.n());
    numbered
}

/// By a table of all old numbers.
pub(super) struct ByTable {
    new: Vec<u32>,
    /// The first number that is the company's own.
    first: u32,
}

impl ByTable {
    pub(super) fn new(n: usize) -> Self {
        Self {
            new: vec![NONE; n],
            first: 0,
        }
    }
}

impl Numbering for ByTable {
    fn begin(&mut self, _: usize, so_far: &Numbered) {
        self.first = so_far.n();
    }

    #[inline]
    fn of(&mut self, old: u32, so_far: &mut Numbered) -> u32 {
        let Some(new) = self.new.get_mut(old as usize) else {
            return NONE;
        };
        if *new == NONE {
            *new = so_far.give(old);
        } else if *new < self.first {
            so_far.shared.insert(*new);
        }
        *new
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
}

impl ByCompany {
    pub(super) fn new(n: usize) -> Self {
        Self {
            slots: Vec::new(),
            shift: 0,
            seen: vec![0; n.div_ceil(64)],
        }
    }

    fn give(&mut self, old: u32, so_far: &mut Numbered) -> u32 {
        let number = so_far.give(old);
        let mask = 1 << (old & 63);
        if let Some(word) = self.seen.get_mut(old as usize / 64) {
            if *word & mask != 0 {
                so_far.shared.insert(number);
            }
            *word |= mask;
        }
        number
    }
}

impl Numbering for ByCompany {
    fn begin(&mut self, n_items: usize, _: &Numbered) {
        let n_slots = (2 * n_items).next_power_of_two().max(2);
        self.shift = 32 - n_slots.trailing_zeros().min(31);
        self.slots.clear();
        self.slots.resize(n_slots, (NONE, NONE));
    }

    #[inline]
    fn of(&mut self, old: u32, so_far: &mut Numbered) -> u32 {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = (old.wrapping_mul(0x9e37_79b9) >> self.shift) as usize;
        // Half of the slots are free: it ends.
        while let Some(&(known, number)) = self.slots.get(at & mask) {
            if known == old && number != NONE {
                return number;
            }
            if number == NONE {
                let number = self.give(old, so_far);
                if let Some(slot) = self.slots.get_mut(at & mask) {
                    *slot = (old, number);
                }
                return number;
            }
            at += 1;
        }
        NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of some companies' items, the old ones anywhere below `n`.
    fn give(
        companies: &[Vec<u32>],
        mut numbering: impl Numbering,
    ) -> (Vec<Vec<u32>>, Vec<u32>, bool) {
        let mut numbered = Numbered::default();
        let given = companies.iter().map(|items| {
            numbering.begin(items.len(), &numbered);
            let numbers = items.iter().map(|old| numbering.of(*old, &mut numbered));
            numbers.collect()
        });
        let given: Vec<Vec<u32>> = given.collect();
        (given, numbered.olds, numbered.shared.is_empty())
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
