//! Puts the letters of a period into the order of companies.

use std::collections::HashSet;

use super::codes::Fast;
use super::facts::{Facts, Ids, Item, Letter};
use crate::model::columns::NONE;

impl Facts {
    /// Letters by company, those of one in the order of the ledger: what is counted by company is
    /// then counted in one place after the other. Numbers become those of the period.
    pub(super) fn put_in_order(&mut self, letters: Vec<Letter>, items: Vec<Item>, ids: &Ids) {
        let mut companies = Renumber::new(ids.n_companies);
        let mut assets = Renumber::new(ids.n_assets);
        let mut findings = Renumber::new(ids.n_findings);
        let mut parted = Parted::of(letters, &items, ids.n_companies);
        drop(items);
        let mut room = Room::default();
        for part in 0..parted.n_parts() {
            let (first_item, letters, items) = parted.in_order(part, &mut room);
            for of_company in letters.chunk_by_mut(|a, b| a.company == b.company) {
                assets.begin();
                findings.begin();
                for letter in of_company {
                    let old = letter.company as usize;
                    letter.company = companies.of(letter.company);
                    if let (Some(keys), Some(id)) = (&mut self.keys, ids.companies.get(old)) {
                        keys.company(letter.company, *id);
                    }
                    let range = letter.range();
                    let range = range.start - first_item..range.end - first_item;
                    for item in items.get_mut(range).unwrap_or_default() {
                        let old = item.finding as usize;
                        item.finding = findings.of(item.finding);
                        if let (Some(keys), Some(id)) = (&mut self.keys, ids.findings.get(old)) {
                            keys.finding(item.finding, *id);
                        }
                        item.asset = assets.of(item.asset);
                    }
                }
            }
        }
        self.shared = [findings.shared, assets.shared];
        self.letters = parted.letters;
        self.items = parted.items;
        self.n_companies = companies.n as usize;
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

    /// A part's letters by company, those of one in the order of the ledger, and their items, of
    /// which the position of the first comes before them.
    fn in_order(&mut self, part: usize, room: &mut Room) -> (usize, &mut [Letter], &mut [Item]) {
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
        (first_item, letters, items)
    }
}

/// Room for a part, used again for each.
#[derive(Default)]
struct Room {
    letters: Vec<Letter>,
    items: Vec<Item>,
}

/// Numbers from 0 in the order of their first appearance. What a company alone has gets numbers that
/// follow each other.
struct Renumber {
    of: Vec<u32>,
    n: u32,
    /// The first number that is the company's own.
    first: u32,
    /// New numbers of what several companies have.
    shared: HashSet<u32, Fast>,
}

impl Renumber {
    fn new(n: usize) -> Self {
        Self {
            of: vec![NONE; n],
            n: 0,
            first: 0,
            shared: HashSet::default(),
        }
    }

    /// The next company follows.
    const fn begin(&mut self) {
        self.first = self.n;
    }

    fn of(&mut self, number: u32) -> u32 {
        let Some(new) = self.of.get_mut(number as usize) else {
            return NONE;
        };
        if *new == NONE {
            *new = self.n;
            self.n += 1;
        } else if *new < self.first {
            self.shared.insert(*new);
        }
        *new
    }
}
