//! The letters of one company, and what they add to every table in which it stands in one row.

use super::facts::{Facts, Item, Letter};
use super::tally::{Groups, Room, Tally, Thing, letter};

/// The letters of one company that are counted; room that is used again for the next one.
pub(super) struct OneCompany<'f> {
    pub facts: &'f Facts,
    pub letters: Vec<Letter>,
    /// Numbers of its own findings and assets, those that no other company has.
    pub findings: Own,
    pub assets: Own,
    /// What all of its letters come to.
    pub whole: Whole,
    room: Room,
}

/// Numbers that follow each other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Own {
    pub first: u32,
    pub n: usize,
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
    pub shared: Vec<(Thing, u32)>,
}

impl Own {
    fn of(numbers: impl Iterator<Item = u32>) -> Self {
        let (mut first, mut last) = (u32::MAX, 0);
        for number in numbers {
            first = first.min(number);
            last = last.max(number);
        }
        let n = last.checked_sub(first).map_or(0, |n| n as usize + 1);
        Self { first, n }
    }
}

impl<'f> OneCompany<'f> {
    pub(super) fn new(facts: &'f Facts) -> Self {
        Self {
            facts,
            letters: Vec::new(),
            findings: Own::default(),
            assets: Own::default(),
            whole: Whole::default(),
            room: Room::default(),
        }
    }

    /// Takes the letters of the next company.
    pub(super) fn take(&mut self, letters: impl Iterator<Item = Letter>) {
        self.letters.clear();
        self.letters.extend(letters);
        let facts = self.facts;
        let items = || self.letters.iter().flat_map(|l| l.items(&facts.items));
        let own = |thing: Thing, of: fn(&Item) -> u32| {
            let numbers = items().map(of);
            Own::of(numbers.filter(|n| !facts.is_shared(thing, *n)))
        };
        self.findings = own(Thing::Finding, |i| i.finding);
        self.assets = own(Thing::Asset, |i| i.asset);
        self.whole.clear();
        let mut room = std::mem::take(&mut self.room);
        let mut whole = std::mem::take(&mut self.whole);
        room.begin(self, 1);
        for of_company in &self.letters {
            letter(self, of_company, &mut room, &mut whole, |_, _| 0);
        }
        (self.whole, self.room) = (whole, room);
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
    fn tally(&mut self, _: usize) -> Option<&mut Tally> {
        Some(&mut self.tally)
    }

    fn first(&mut self, _: usize, trigger: u32) {
        self.triggers.push(trigger);
    }

    fn waited(&mut self, _: usize, hours: u32) {
        self.hours.push(hours);
    }

    /// Which of them are new, the tables know.
    fn shared(&mut self, _: usize, thing: Thing, number: u32) -> bool {
        if !self.shared.contains(&(thing, number)) {
            self.shared.push((thing, number));
        }
        false
    }
}
