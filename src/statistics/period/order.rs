//! Puts the letters of a period into the order of companies.

use super::facts::{Facts, Ids, Item, Letter};
use super::renumber::{ByCompany, ByTable, number};
use crate::model::columns::NONE;

impl Facts {
    /// Letters by company, those of one in the order of the ledger: what is counted by company is
    /// then counted in one place after the other. Numbers become those of the period.
    pub(super) fn put_in_order(&mut self, letters: Vec<Letter>, items: Vec<Item>, ids: &Ids) {
        let mut parted = Parted::of(letters, &items, ids.n_companies);
        drop(items);
        let mut room = Room::default();
        for part in 0..parted.n_parts() {
            parted.in_order(part, &mut room);
        }
        (self.letters, self.items) = (parted.letters, parted.items);
        self.number_companies(ids);
        self.number_findings(ids);
        let assets = ByTable::new(ids.n_assets);
        self.assets = number(&self.letters, &mut self.items, assets, |i| &mut i.asset);
    }

    fn number_companies(&mut self, ids: &Ids) {
        self.n_companies = 0;
        let of_companies = self.letters.chunk_by_mut(|a, b| a.company == b.company);
        for (company, letters) in (0u32..).zip(of_companies) {
            let old = letters.first().map_or(NONE, |l| l.company);
            for letter in letters {
                letter.company = company;
            }
            if let (Some(keys), Some(id)) = (&mut self.keys, ids.companies.get(old as usize)) {
                keys.company(company, *id);
            }
            self.n_companies += 1;
        }
    }

    fn number_findings(&mut self, ids: &Ids) {
        let findings = ByCompany::new(ids.n_findings);
        let mut findings = number(&self.letters, &mut self.items, findings, |i| &mut i.finding);
        if !findings.shared.is_empty() {
            // Never in a ledger of ours: what makes a finding's id holds its company.
            for item in &mut self.items {
                let old = findings.olds.get(item.finding as usize);
                item.finding = old.copied().unwrap_or(NONE);
            }
            let table = ByTable::new(ids.n_findings);
            findings = number(&self.letters, &mut self.items, table, |i| &mut i.finding);
        }
        if let Some(keys) = &mut self.keys {
            for (finding, old) in (0..).zip(&findings.olds) {
                if let Some(id) = ids.findings.get(*old as usize) {
                    keys.finding(finding, *id);
                }
            }
        }
        // As many as findings, and nothing asks for them any more.
        findings.olds = Vec::new();
        self.findings = findings;
    }
}

/// Parts at most: one place to write in each is near enough to be quick.
const MOST_PARTS: usize = 512;

/// Letters and their items in parts of neighbouring companies, each in the order of the ledger. Years
/// of letters put straight into the order of companies would miss every cache at each of them.
struct Parted {
    /// A part is of so many companies, as a power of two.
    shift: u32,
    /// Where the letters and items of each part begin; the last one is the end.
    starts: Vec<(usize, usize)>,
    letters: Vec<Letter>,
    items: Vec<Item>,
}

impl Parted {
    fn of(letters: Vec<Letter>, items: &[Item], n_companies: usize) -> Self {
        let mut shift = 0;
        while n_companies >> shift >= MOST_PARTS {
            shift += 1;
        }
        let n_parts = (n_companies >> shift) + 1;
        let mut parts: Vec<(usize, usize)> = vec![(0, 0); n_parts];
        let part_of = |letter: &Letter| (letter.company >> shift) as usize;
        let taken = || letters.iter().filter(|l| !l.is_double());
        for letter in taken() {
            if let Some((n_letters, n_items)) = parts.get_mut(part_of(letter)) {
                *n_letters += 1;
                *n_items += letter.n_items as usize;
            }
        }
        let mut sum = (0, 0);
        let mut starts = Vec::with_capacity(n_parts + 1);
        for part in &mut parts {
            let n = *part;
            *part = sum;
            starts.push(sum);
            sum = (sum.0 + n.0, sum.1 + n.1);
        }
        starts.push(sum);
        let mut parted = Self {
            shift,
            starts,
            letters: letters.first().map_or_else(Vec::new, |l| vec![*l; sum.0]),
            items: items.first().map_or_else(Vec::new, |i| vec![*i; sum.1]),
        };
        for letter in taken() {
            let Some((at, first_item)) = parts.get_mut(part_of(letter)) else {
                continue;
            };
            let n_items = letter.n_items as usize;
            if let Some(slot) = parted.letters.get_mut(*at) {
                *slot = Letter {
                    first_item: u32::try_from(*first_item).unwrap_or(NONE),
                    ..*letter
                };
            }
            let room = parted.items.get_mut(*first_item..*first_item + n_items);
            for (slot, item) in room.into_iter().flatten().zip(letter.items(items)) {
                *slot = *item;
            }
            *at += 1;
            *first_item += n_items;
        }
        parted
    }

    fn n_parts(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Puts a part's letters in the order of companies, those of one in that of the ledger, and
    /// their items.
    fn in_order(&mut self, part: usize, room: &mut Room) {
        let at = |part: usize| self.starts.get(part).copied().unwrap_or_default();
        let ((from, first_item), (until, end)) = (at(part), at(part + 1));
        let letters = self.letters.get_mut(from..until).unwrap_or_default();
        let items = self.items.get_mut(first_item..end).unwrap_or_default();
        let first_company = (part << self.shift) as u32;
        let place = |l: &Letter| l.company.saturating_sub(first_company) as usize;
        let mut starts = vec![0usize; (1 << self.shift) + 1];
        for letter in letters.iter() {
            if let Some(n) = starts.get_mut(place(letter) + 1) {
                *n += 1;
            }
        }
        let mut sum = 0;
        for n in &mut starts {
            sum += *n;
            *n = sum;
        }
        room.letters.clear();
        room.letters.extend_from_slice(letters);
        for letter in &room.letters {
            if let Some(start) = starts.get_mut(place(letter)) {
                if let Some(slot) = letters.get_mut(*start) {
                    *slot = *letter;
                }
                *start += 1;
            }
        }
        room.items.clear();
        room.items.extend_from_slice(items);
        let mut next = 0;
        for letter in letters.iter_mut() {
            let old = letter.first_item().saturating_sub(first_item);
            let n_items = letter.n_items as usize;
            let of_letter = room.items.get(old..old + n_items).unwrap_or_default();
            let slots = items.get_mut(next..next + n_items).unwrap_or_default();
            for (slot, item) in slots.iter_mut().zip(of_letter) {
                *slot = *item;
            }
            letter.first_item = u32::try_from(first_item + next).unwrap_or(NONE);
            next += n_items;
        }
    }
}

/// Room for a part, used again for each.
#[derive(Default)]
struct Room {
    letters: Vec<Letter>,
    items: Vec<Item>,
}
