//! The letters of one company, and what they add to every table in which it stands in one row.

use std::collections::BTreeSet;

use super::facts::{Facts, Letter};
use super::one_letter::{Groups, Room, Single, Thing, letter, single};
use super::tally::Tally;

/// The letters of one company that are counted; room that is used again for the next one.
pub(super) struct OneCompany<'f> {
    pub facts: &'f Facts,
    /// Its number.
    pub company: u32,
    /// Letters with one item, and the others.
    pub singles: Vec<Single>,
    pub others: Vec<Letter>,
    /// Numbers of its own findings and assets, those that no other company has.
    pub findings: (u32, usize),
    pub assets: (u32, usize),
    /// What all of its letters come to.
    pub whole: Whole,
    room: Room,
}

/// What the letters of a company come to, and what cannot be added up over companies.
#[derive(Default)]
pub(super) struct Whole {
    pub tally: Tally,
    /// Hours of its first warnings.
    pub hours: Vec<u32>,
    /// Triggers of its first warnings, more than once too.
    pub triggers: Vec<u32>,
    /// Findings and assets that other companies have too.
    pub shared: BTreeSet<(Thing, u32)>,
}

impl<'f> OneCompany<'f> {
    pub(super) fn new(facts: &'f Facts) -> Self {
        Self {
            facts,
            company: 0,
            singles: Vec::new(),
            others: Vec::new(),
            findings: (0, 0),
            assets: (0, 0),
            whole: Whole::default(),
            room: Room::default(),
        }
    }

    /// Takes those letters of the next company that are counted; false where none is.
    pub(super) fn take<'l>(
        &mut self,
        company: u32,
        letters: impl Iterator<Item = &'l Letter>,
    ) -> bool {
        self.company = company;
        self.findings = self.facts.findings.own(company);
        self.assets = self.facts.assets.own(company);
        self.singles.clear();
        self.others.clear();
        for letter in letters {
            match Single::of(self, letter) {
                Some(single) => self.singles.push(single),
                None => self.others.push(*letter),
            }
        }
        if self.singles.is_empty() && self.others.is_empty() {
            return false;
        }
        self.whole.clear();
        let mut room = std::mem::take(&mut self.room);
        let mut whole = std::mem::take(&mut self.whole);
        room.begin(self, 1);
        for of_one_item in &self.singles {
            single(self, of_one_item, &mut room, &mut whole, 0);
        }
        for of_company in &self.others {
            letter(self, of_company, &mut room, &mut whole, |_| 0);
        }
        (self.whole, self.room) = (whole, room);
        true
    }
}

impl Whole {
    fn clear(&mut self) {
        self.tally = Tally::default();
        self.hours.clear();
        self.triggers.clear();
        self.shared.clear();
    }
}

impl Groups for Whole {
    #[inline]
    fn place(&self, _: usize) -> usize {
        0
    }

    #[inline]
    fn tally(&mut self, _: usize) -> Option<&mut Tally> {
        Some(&mut self.tally)
    }

    #[inline]
    fn first(&mut self, _: usize, trigger: u32) {
        self.triggers.push(trigger);
    }

    #[inline]
    fn waited(&mut self, _: usize, hours: u32) {
        self.hours.push(hours);
    }

    /// Which of them are new, the tables know.
    fn shared(&mut self, _: usize, thing: Thing, number: u32) -> bool {
        self.shared.insert((thing, number));
        false
    }
}
