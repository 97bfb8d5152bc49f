//! What is told of a letter elsewhere in the ledger: receipts that come later than its columns,
//! tries that follow, and claims that stand twice. Settled once, at the end.

use std::collections::{HashMap, HashSet};

use super::facts::{Letter, narrow};
use crate::model::columns::{Letters, key, state_bit};
use crate::model::ledger_record::ReceiptState;
use crate::model::mixed::Fast;
use crate::model::mixed::Sieve;

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
    /// Letters before the period, and receipts of theirs, in order.
    before: Vec<Before>,
}

/// A letter before the period, or a receipt of one.
struct Before {
    id: u128,
    day: i32,
    is_first_try: bool,
    is_handed_over: bool,
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

    /// Notes a letter before the period.
    pub(super) fn before(&mut self, letters: &Letters, at: usize, day: i32) {
        let columns = (
            letters.letter.get(at),
            letters.attempt.get(at),
            letters.state.get(at),
        );
        let (Some(id), Some(attempt), Some(state)) = columns else {
            return;
        };
        self.before.push(Before {
            id: *id,
            day,
            is_first_try: *attempt <= 1,
            is_handed_over: state & state_bit(ReceiptState::HandedOver) != 0,
        });
    }

    /// A letter before the period was handed over.
    pub(super) fn told_before(&mut self, id: u128, day: i32) {
        self.before.push(Before {
            id,
            day,
            is_first_try: false,
            is_handed_over: true,
        });
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
    pub(super) fn settle(mut self, letters: &mut [Letter]) {
        self.take_out_doubles(letters);
        self.tell(letters);
        if self.has_tries {
            self.mark_repeated(letters);
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

    /// A try is repeated where one of the tries before it, back to the first, was handed over.
    fn mark_repeated(&self, letters: &mut [Letter]) {
        let mut ids: HashSet<u128, Fast> = HashSet::default();
        let mut sieve = Sieve::default();
        for (letter, id) in letters.iter().zip(&self.ids) {
            if letter.attempt > 1 && ids.insert(*id) {
                sieve.add(*id);
            }
        }
        // The night of the newest first try before the period, and whether any since was handed over.
        let mut before: HashMap<u128, (i32, bool), Fast> = HashMap::default();
        for told in &self.before {
            if !sieve.may_hold(told.id) || !ids.contains(&told.id) {
                continue;
            }
            let entry = before.entry(told.id).or_insert((told.day, false));
            if told.is_first_try && told.day > entry.0 {
                *entry = (told.day, false);
            }
            entry.1 |= told.is_handed_over && told.day >= entry.0;
        }
        // By letter id: was a try since the newest first one handed over?
        let mut was: HashMap<u128, bool, Fast> = HashMap::default();
        for (letter, id) in letters.iter_mut().zip(&self.ids) {
            if letter.is_double() || !sieve.may_hold(*id) || !ids.contains(id) {
                continue;
            }
            let is_again = letter.attempt > 1;
            let earlier = was.get(id).copied().filter(|_| is_again);
            let before = || before.get(id).is_some_and(|(_, handed_over)| *handed_over);
            let is_repeated = is_again && earlier.unwrap_or_else(before);
            letter.is_repeated = is_repeated;
            was.insert(*id, is_repeated || letter.counts());
        }
    }
}
