//! What is told of a letter elsewhere in the ledger: receipts that come later than its columns,
//! tries that follow, and claims that stand twice. Settled once, at the end.

use std::collections::{HashMap, HashSet};

use super::facts::{Item, Letter, narrow};
use crate::model::columns::{Letters, key, state_bit};
use crate::model::ledger_record::ReceiptState;
use crate::model::mixed::Fast;
use crate::model::mixed::Sieve;
use crate::statistics::counted::{Try, fresh};

/// What waits for the end of the period.
#[derive(Default)]
pub(super) struct Late {
    /// First 16 bytes of the letter id, by number of the letter in the period.
    ids: Vec<u128>,
    /// Its day.
    days: Vec<i32>,
    /// Columns that were taken.
    n_columns: u32,
    /// The columns in which a day's letters stood last.
    seen_in: HashMap<i32, u32, Fast>,
    /// Days whose letters stand in more than one of the columns.
    split: HashSet<i32, Fast>,
    last_day: Option<i32>,
    /// Later tries of the period.
    has_tries: bool,
    receipts: Vec<Told>,
    /// Letters before the period.
    before: Vec<Before>,
    /// What they say, by [`said`].
    said_before: Vec<u64>,
    /// Those of them that later receipts say to be handed over.
    told_before: HashSet<u128, Fast>,
}

/// A letter before the period.
struct Before {
    key: u128,
    day: i32,
    attempt: u32,
    company: u32,
    is_handed_over: bool,
    /// Where its items end.
    until: usize,
}

/// An item as it is held against those of other tries: one number, since there are millions.
pub(super) const fn said(finding: u32, trigger: u32, rank: u32) -> u64 {
    (finding as u64) << 32 | (trigger as u64 & 0xff_ffff) << 8 | rank as u64
}

const fn said_to(company: u32, said: u64) -> u128 {
    (company as u128) << 64 | said as u128
}

/// A receipt of a letter that may stand in earlier columns.
struct Told {
    key: u128,
    /// Letters of the period that stood before it.
    n_letters: usize,
    state: ReceiptState,
    seq: u64,
}

impl Late {
    pub(super) const fn begin(&mut self) {
        self.n_columns += 1;
        self.last_day = None;
    }

    /// Notes the next letter of the period.
    pub(super) fn letter(&mut self, id: u128, day: i32, attempt: u32) {
        self.ids.push(id);
        self.days.push(day);
        self.has_tries |= attempt > 1;
        if self.last_day != Some(day) {
            self.last_day = Some(day);
            let earlier = self.seen_in.insert(day, self.n_columns);
            if earlier.is_some_and(|n| n != self.n_columns) {
                self.split.insert(day);
            }
        }
    }

    /// Notes a letter before the period, and what it says.
    pub(super) fn before(
        &mut self,
        letters: &Letters,
        at: usize,
        day: i32,
        said: impl Iterator<Item = u64>,
    ) {
        let columns = (
            letters.letter.get(at),
            letters.attempt.get(at),
            letters.company.get(at),
            letters.state.get(at),
        );
        let (Some(id), Some(attempt), Some(company), Some(state)) = columns else {
            return;
        };
        self.said_before.extend(said);
        self.before.push(Before {
            key: key(*id, day, *attempt),
            day,
            attempt: *attempt,
            company: *company,
            is_handed_over: state & state_bit(ReceiptState::HandedOver) != 0,
            until: self.said_before.len(),
        });
    }

    /// A letter before the period was handed over.
    pub(super) fn told_before(&mut self, id: u128, day: i32, attempt: u32) {
        self.told_before.insert(key(id, day, attempt));
    }

    pub(super) fn receipt(
        &mut self,
        id: u128,
        day: i32,
        attempt: u32,
        (n_letters, state, seq): (usize, ReceiptState, u64),
    ) {
        self.receipts.push(Told {
            key: key(id, day, attempt),
            n_letters,
            state,
            seq,
        });
    }

    /// Takes out claims that stand twice, gives letters their later receipts, and says which
    /// letters were handed over before.
    pub(super) fn settle(mut self, letters: &mut [Letter], items: &[Item]) {
        self.take_out_doubles(letters);
        self.tell(letters);
        if self.has_tries {
            self.mark_repeated(letters, items);
        }
    }

    fn key_of(&self, number: usize, letter: &Letter) -> Option<u128> {
        let (id, day) = (self.ids.get(number)?, self.days.get(number)?);
        Some(key(*id, *day, u32::from(letter.attempt)))
    }

    fn take_out_doubles(&self, letters: &mut [Letter]) {
        if self.split.is_empty() {
            return;
        }
        let mut known: HashMap<u128, usize, Fast> = HashMap::default();
        for number in 0..letters.len() {
            let is_split = self
                .days
                .get(number)
                .is_some_and(|d| self.split.contains(d));
            let Some(letter) = letters.get(number).filter(|_| is_split) else {
                continue;
            };
            let Some(key) = self.key_of(number, letter) else {
                continue;
            };
            let first = *known.entry(key).or_insert(number);
            if first == number {
                continue;
            }
            // Receipts that follow the second one are the letter's.
            let (state, since) = (letter.state, letter.since);
            if let Some(first) = letters.get_mut(first) {
                first.state.join(state);
                first.since = if first.since == 0 { since } else { first.since };
            }
            if let Some(double) = letters.get_mut(number) {
                double.take_out();
            }
        }
    }

    fn tell(&mut self, letters: &mut [Letter]) {
        let mut receipts: HashMap<u128, Vec<Told>, Fast> = HashMap::default();
        let mut sieve = Sieve::default();
        for told in std::mem::take(&mut self.receipts) {
            sieve.add(told.key);
            receipts.entry(told.key).or_default().push(told);
        }
        if receipts.is_empty() {
            return;
        }
        for (number, letter) in letters.iter_mut().enumerate() {
            let key = self.key_of(number, letter).filter(|k| sieve.may_hold(*k));
            let told = key.and_then(|key| receipts.get(&key));
            if letter.is_double() {
                continue;
            }
            for told in told.into_iter().flatten().filter(|t| number < t.n_letters) {
                letter.state.note(told.state);
                if letter.since == 0 && letter.counts() {
                    letter.since = narrow(told.seq);
                }
            }
        }
    }

    /// See [`fresh`].
    fn mark_repeated(&self, letters: &mut [Letter], items: &[Item]) {
        let mut again = Again::default();
        let later = |l: &&Letter| l.attempt > 1 && !l.is_double();
        for letter in letters.iter().filter(later) {
            for item in letter.items(items) {
                again.add(said_to(letter.company, item.said()));
            }
        }
        let mut tries = self.tries_before(&again);
        for (number, (letter, day)) in letters.iter().zip(&self.days).enumerate() {
            if letter.is_double() {
                continue;
            }
            let of_letter = letter.items(items).iter();
            let of_letter = of_letter.map(|item| said_to(letter.company, item.said()));
            tries.extend(of_letter.filter(|of| again.holds(*of)).map(|of| Try {
                of,
                night: *day,
                attempt: u32::from(letter.attempt),
                is_handed_over: letter.counts(),
                asks: (letter.attempt > 1).then_some(number),
            }));
        }
        let fresh = fresh(tries);
        for (number, letter) in letters.iter_mut().enumerate() {
            let is_later = letter.attempt > 1 && letter.n_items > 0 && !letter.is_double();
            letter.is_repeated = is_later && !fresh.contains(&number);
        }
    }

    fn tries_before(&self, again: &Again) -> Vec<Try<u128, i32, usize>> {
        let mut tries = Vec::new();
        let mut from = 0;
        for letter in &self.before {
            let said = self.said_before.get(from..letter.until);
            from = letter.until;
            for said in said.unwrap_or_default() {
                let of = said_to(letter.company, *said);
                if again.holds(of) {
                    tries.push(Try {
                        of,
                        night: letter.day,
                        attempt: letter.attempt,
                        is_handed_over: letter.is_handed_over
                            || self.told_before.contains(&letter.key),
                        asks: None,
                    });
                }
            }
        }
        tries
    }
}

/// What later tries say: few among millions.
#[derive(Default)]
struct Again {
    said: HashSet<u128, Fast>,
    sieve: Sieve,
}

impl Again {
    fn add(&mut self, of: u128) {
        if self.said.insert(of) {
            self.sieve.add(of);
        }
    }

    fn holds(&self, of: u128) -> bool {
        self.sieve.may_hold(of) && self.said.contains(&of)
    }
}
