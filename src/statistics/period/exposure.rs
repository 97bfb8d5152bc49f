//! What became of what was warned about: open, fixed, not seen, not scanned, moved.
//!
//! Follows findings of letters that were handed over through the ledger, from its first record
//! on. How a finding went is what the nights noted (`decide::gone`); nothing is judged anew here.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Span;
use super::local_day::LocalDays;
use crate::model::columns::{Columns, IS_WARNED, NONE, Notes, What, key};
use crate::model::decision::ItemKind;
use crate::model::encoder::day_number;
use crate::model::mixed::{Fast, Numbers};
use crate::model::night::Night;
use crate::model::sighting::Gone;

/// A finding from its first sighting until it was gone, or until the period ended. Days are
/// counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spell {
    /// [`NONE`] where nobody was warned.
    threat: u32,
    first_seen: i32,
    /// The last day on which it is known to have been open.
    last_seen: i32,
    gone_on: i32,
    gone: Option<Gone>,
    has_only_letter: bool,
    /// The letter about it, where there was one alone.
    only_letter: u64,
}

const NOBODY: Spell = Spell {
    threat: NONE,
    first_seen: 0,
    last_seen: 0,
    gone_on: 0,
    gone: None,
    has_only_letter: false,
    only_letter: 0,
};

/// A claimed finding of a letter that was handed over, or waits for its receipt.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    finding: u32,
    threat: u32,
    kind: ItemKind,
    first_seen: i32,
    seen: i32,
    night: i32,
}

/// Takes the ledger's columns in order.
pub struct Follow {
    /// First and last day of the period.
    from: i32,
    until: i32,
    days: LocalDays,
    threats: Numbers<String, Fast>,
    waiting: HashMap<u128, Vec<Waiting>, Fast>,
    /// By finding.
    current: Vec<Spell>,
    /// Spells that ended before the same finding came back as a relapse.
    past: Vec<Spell>,
    /// Letters that came back: they warned nobody.
    bounced: HashSet<u64, Fast>,
    /// The newest night that ended.
    newest: Option<i32>,
    /// A night whose figures stand: it saw everything, unless its sightings follow at once.
    ended: Option<i32>,
    /// The newest night that judged everything: what is not gone was seen then.
    all_judged: Option<i32>,
}

/// Exposures of a threat in a period, by how they stand at its end. Each stands in one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposures {
    /// Seen on the newest night.
    pub open: u64,
    /// A later scan covered the place and did not see it.
    pub fixed: u64,
    /// The report came and did not cover the place.
    pub not_seen: u64,
    /// Nobody says whether it was scanned on the newest night.
    pub not_scanned: u64,
    /// The registered value is another's.
    pub moved_owner: u64,
}

/// A week of a survival table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    /// 1 for the first seven days after the day of the first sighting.
    pub week: u64,
    /// Exposures that were followed at its beginning.
    pub at_risk: u64,
    /// Fixed in it.
    pub fixed: u64,
    /// No longer followed after it: moved, not seen or scanned any more, or the period ended.
    pub censored: u64,
    /// Share that is still open at its end (Kaplan–Meier over days), per mille, rounded.
    pub open_per_mille: u64,
}

/// By threat; `None` is all of them, and comes last.
pub type ByThreat<T> = Vec<(Option<String>, T)>;

/// What became of the exposures of a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Exposures that were open on a day of the period.
    pub exposures: ByThreat<Exposures>,
    /// How long those stayed open that were first seen in the period.
    pub survival: ByThreat<Vec<Week>>,
}

impl Exposures {
    /// Column names, in order.
    pub const NAMES: &'static [&'static str] = &[
        "exposures",
        "open",
        "fixed",
        "not_seen",
        "not_scanned",
        "moved_owner",
    ];

    /// The values, in the order of [`Exposures::NAMES`]; the first is the sum of the others.
    #[must_use]
    pub const fn values(&self) -> [u64; 6] {
        let Self {
            open,
            fixed,
            not_seen,
            not_scanned,
            moved_owner,
        } = *self;
        let all = open + fixed + not_seen + not_scanned + moved_owner;
        [all, open, fixed, not_seen, not_scanned, moved_owner]
    }
}

impl Week {
    /// Column names, in order.
    pub const NAMES: &'static [&'static str] =
        &["week", "at_risk", "fixed", "censored", "open_per_mille"];

    /// The values, in the order of [`Week::NAMES`].
    #[must_use]
    pub const fn values(&self) -> [u64; 5] {
        [
            self.week,
            self.at_risk,
            self.fixed,
            self.censored,
            self.open_per_mille,
        ]
    }
}

impl Follow {
    /// Begins; `zone` is where days begin and end.
    #[must_use]
    pub fn new(span: Span, zone: TimeZone) -> Self {
        let day = |date: Date| day_number(Night::new(date));
        Self {
            from: day(span.from()),
            until: day(span.until()),
            days: LocalDays::new(zone),
            threats: Numbers::new(),
            waiting: HashMap::default(),
            current: Vec::new(),
            past: Vec::new(),
            bounced: HashSet::default(),
            newest: None,
            ended: None,
            all_judged: None,
        }
    }

    /// Takes the next columns; what lies after the period is passed over.
    pub fn take(&mut self, columns: &Columns) {
        if columns.n_records == 0 {
            return;
        }
        let ended = self.ended.take();
        if !columns.begins_with_sightings {
            self.all_judged = self.all_judged.max(ended);
        }
        let n_findings = columns.before.after(columns).findings as usize;
        self.current
            .resize(n_findings.max(self.current.len()), NOBODY);
        let texts = columns.texts.threats.iter();
        let threats: Vec<u32> = texts.map(|t| self.threats.of(t)).collect();
        let mut next_note = 0;
        let told = &columns.letters.told;
        let mut next = |follow: &mut Self, letter_idx: usize, at: u32| {
            next_note = follow.notes(&columns.notes, next_note, at);
            if at != NONE {
                follow.letter(columns, letter_idx, &threats);
            }
        };
        // Mostly receipts stand in the order of their letters.
        if told.is_sorted() {
            for (letter_idx, at) in told.iter().enumerate().filter(|(_, at)| **at != NONE) {
                next(self, letter_idx, *at);
            }
        } else {
            for letter_idx in in_order_of_receipts(told) {
                next(
                    self,
                    letter_idx,
                    told.get(letter_idx).copied().unwrap_or(NONE),
                );
            }
        }
        next(self, 0, NONE);
        for (letter_idx, _) in told.iter().enumerate().filter(|(_, at)| **at == NONE) {
            self.wait(columns, letter_idx, &threats);
        }
    }

    /// Takes the notes from `next` on that stand before record `at`; the first that does not.
    fn notes(&mut self, notes: &Notes, next: usize, at: u32) -> usize {
        let mut next = next;
        while notes.at.get(next).is_some_and(|a| *a < at) {
            self.note(notes, next);
            next += 1;
        }
        next
    }

    fn note(&mut self, notes: &Notes, at: usize) {
        let columns = (
            notes.what.get(at),
            notes.night.get(at),
            notes.number.get(at),
        );
        let (Some(what), Some(night), Some(number)) = columns else {
            return;
        };
        if *night > self.until {
            return;
        }
        match what {
            What::AllJudged => self.all_judged = self.all_judged.max(Some(*night)),
            What::Figures => self.ended = Some(*night),
            // Exposures are followed by finding, and the two keys' findings are two.
            What::Alias => {}
            What::Final => self.newest = self.newest.max(Some(*night)),
            What::Fixed | What::NotSeen | What::NotScanned | What::MovedOwner | What::Back => {
                self.see(*number, what.gone(), *night);
            }
            _ => {
                let letter = notes.letter.get(at).copied().unwrap_or_default();
                let attempt = notes.attempt.get(at).copied().unwrap_or_default();
                self.receipt(*what, key(letter, *night, attempt));
            }
        }
    }

    fn receipt(&mut self, what: What, key: u128) {
        if what == What::CameBack {
            self.bounced.insert(key as u64);
            return;
        }
        let waiting = self.waiting.remove(&key).unwrap_or_default();
        if what == What::HandedOver {
            waiting.iter().for_each(|w| self.warned(w, key as u64));
        } else if what == What::Bounced {
            self.bounced.insert(key as u64);
        }
    }

    /// A letter whose first receipt stands in the same columns.
    fn letter(&mut self, columns: &Columns, letter_idx: usize, threats: &[u32]) {
        let letters = &columns.letters;
        let is_warned = letters
            .state
            .get(letter_idx)
            .is_some_and(|s| s & IS_WARNED != 0);
        let Some((key, night)) = self.key_of(columns, letter_idx) else {
            return;
        };
        if !self.waiting.is_empty() {
            // Claimed in earlier columns too.
            self.waiting.remove(&key);
        }
        if !is_warned {
            return;
        }
        for at in letters.items(letter_idx, columns.items.finding.len()) {
            if let Some(item) = self.item(columns, at, night, threats) {
                self.warned(&item, key as u64);
            }
        }
    }

    /// A letter without a receipt in these columns.
    fn wait(&mut self, columns: &Columns, letter_idx: usize, threats: &[u32]) {
        if let Some((key, night)) = self.key_of(columns, letter_idx) {
            let items = columns
                .letters
                .items(letter_idx, columns.items.finding.len());
            let waiting = items.filter_map(|at| self.item(columns, at, night, threats));
            let waiting: Vec<Waiting> = waiting.collect();
            self.waiting.insert(key, waiting);
        }
    }

    /// Key and night, where the night is not after the period.
    fn key_of(&self, columns: &Columns, letter_idx: usize) -> Option<(u128, i32)> {
        let letters = &columns.letters;
        let night = *letters.night.get(letter_idx)?;
        let (letter, attempt) = (
            letters.letter.get(letter_idx)?,
            letters.attempt.get(letter_idx)?,
        );
        (night <= self.until).then(|| (key(*letter, night, *attempt), night))
    }

    fn item(
        &mut self,
        columns: &Columns,
        at: usize,
        night: i32,
        threats: &[u32],
    ) -> Option<Waiting> {
        let items = &columns.items;
        let threat = *items.threat.get(at)? as usize;
        let kind = *items.kind.get(at)?;
        // Nothing else asks when it was seen last.
        let seen = match kind {
            ItemKind::Relapse => self.days.of(*items.observed_at.get(at)?, night),
            _ => night,
        };
        Some(Waiting {
            finding: *items.finding.get(at)?,
            threat: *threats.get(threat)?,
            kind,
            first_seen: self.days.of(*items.first_observed_at.get(at)?, night),
            seen,
            night,
        })
    }

    /// A letter about it was handed over.
    fn warned(&mut self, item: &Waiting, letter: u64) {
        let Some(spell) = self.current.get_mut(item.finding as usize) else {
            return;
        };
        if item.kind == ItemKind::Correction {
            *spell = NOBODY;
            return;
        }
        let new = Spell {
            threat: item.threat,
            first_seen: item.first_seen,
            last_seen: item.night,
            has_only_letter: true,
            only_letter: letter,
            ..NOBODY
        };
        if spell.threat == NONE {
            // What was there before stands under the company's former key, or its letter was lost.
            let is_back = item.kind == ItemKind::Relapse;
            let first_seen = if is_back { item.seen } else { new.first_seen };
            *spell = Spell { first_seen, ..new };
            return;
        }
        if item.kind == ItemKind::Relapse && spell.gone.is_some() {
            self.past.push(*spell);
            *spell = Spell {
                first_seen: item.seen,
                ..new
            };
            return;
        }
        spell.has_only_letter = spell.has_only_letter && self.bounced.contains(&spell.only_letter);
        spell.only_letter = letter;
        spell.gone = None;
        spell.last_seen = spell.last_seen.max(item.night);
        spell.first_seen = spell.first_seen.min(item.first_seen);
    }

    /// A finding is gone, or back.
    fn see(&mut self, finding: u32, gone: Option<Gone>, night: i32) {
        let spell = self.current.get_mut(finding as usize);
        let Some(spell) = spell.filter(|s| s.threat != NONE) else {
            return;
        };
        if gone.is_some() {
            // Where it was gone before, only how is new: it was not open on the nights between.
            if let Some(judged) = self.all_judged.filter(|_| spell.gone.is_none()) {
                spell.last_seen = spell.last_seen.max(judged);
            }
            spell.gone_on = night;
        } else {
            spell.last_seen = spell.last_seen.max(night);
        }
        spell.gone = gone;
    }

    /// Ends the period.
    #[must_use]
    pub fn finish(self) -> Outcomes {
        let judged = self.all_judged.max(self.ended);
        let (newest, bounced) = (self.newest, self.bounced);
        let open = self.current.into_iter().map(|mut spell| {
            if let Some(judged) = judged.filter(|_| spell.gone.is_none()) {
                spell.last_seen = spell.last_seen.max(judged);
            }
            spell
        });
        let all = self.past.into_iter().chain(open);
        let names = self.threats.into_values();
        // One row a threat, and the last for all of them.
        let mut rows: Vec<OfThreat> = vec![OfThreat::default(); names.len() + 1];
        for spell in all.filter(|s| s.threat != NONE) {
            if spell.has_only_letter && bounced.contains(&spell.only_letter) {
                continue;
            }
            for row in [spell.threat as usize, names.len()] {
                if let Some(row) = rows.get_mut(row) {
                    row.add(&spell, (self.from, self.until), newest);
                }
            }
        }
        let names = names.into_iter().map(Some).chain([None]);
        let rows: BTreeMap<Option<String>, OfThreat> = names.zip(rows).collect();
        let (mut exposures, mut survival) = (BTreeMap::new(), BTreeMap::new());
        for (threat, row) in rows {
            if row.exposures != Exposures::default() {
                exposures.insert(threat.clone(), row.exposures);
            }
            if !row.by_day.is_empty() {
                survival.insert(threat, weeks(&row.by_day));
            }
        }
        Outcomes {
            exposures: total_last(exposures),
            survival: total_last(survival),
        }
    }
}

/// Letters with a receipt here, in the order of those.
fn in_order_of_receipts(told: &[u32]) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::with_capacity(told.len());
    order.extend((0..told.len()).filter(|l| told.get(*l) != Some(&NONE)));
    order.sort_by_key(|letter_idx| told.get(*letter_idx).copied());
    order
}

/// Exposures of a threat, and how many of the period's were fixed or censored after so many days.
#[derive(Clone, Debug, Default)]
struct OfThreat {
    exposures: Exposures,
    by_day: ByDay,
}

/// By days: fixed, and no longer followed.
type ByDay = BTreeMap<u64, (u64, u64)>;

impl OfThreat {
    fn add(&mut self, spell: &Spell, (from, until): (i32, i32), newest: Option<i32>) {
        let is_over = spell.gone.is_some() && spell.gone_on < from;
        if !is_over && spell.first_seen <= until {
            self.exposures.count(spell, newest);
        }
        if (from..=until).contains(&spell.first_seen) {
            let (days, is_fixed) = spell.days();
            let (fixed, censored) = self.by_day.entry(days).or_default();
            *(if is_fixed { fixed } else { censored }) += 1;
        }
    }
}

fn total_last<T>(mut of: BTreeMap<Option<String>, T>) -> ByThreat<T> {
    let total = of.remove(&None);
    let mut rows: ByThreat<T> = of.into_iter().collect();
    rows.extend(total.map(|t| (None, t)));
    rows
}

impl Exposures {
    fn count(&mut self, spell: &Spell, newest: Option<i32>) {
        *match spell.gone {
            Some(Gone::Fixed) => &mut self.fixed,
            Some(Gone::NotSeen) => &mut self.not_seen,
            Some(Gone::MovedOwner) => &mut self.moved_owner,
            None if newest.is_some_and(|night| spell.last_seen >= night) => &mut self.open,
            Some(Gone::NotScanned) | None => &mut self.not_scanned,
        } += 1;
    }
}

impl Spell {
    /// Days from the first sighting until it was fixed (true), or was last known to be open.
    fn days(&self) -> (u64, bool) {
        let is_fixed = self.gone == Some(Gone::Fixed);
        let until = if is_fixed {
            self.gone_on
        } else {
            self.last_seen
        };
        let days = until.saturating_sub(self.first_seen);
        (u64::try_from(days).unwrap_or(0), is_fixed)
    }
}

/// The product-limit estimate of Kaplan and Meier (1958) by day, shown by week.
///
/// `times` are days, and whether the exposure was fixed then (true) or is not followed any further
/// (false). Of one day, what was fixed comes before what is no longer followed.
#[must_use]
pub fn survival(times: &[(u64, bool)]) -> Vec<Week> {
    let mut by_day = ByDay::new();
    for (days, is_fixed) in times {
        let (fixed, censored) = by_day.entry(*days).or_default();
        *(if *is_fixed { fixed } else { censored }) += 1;
    }
    weeks(&by_day)
}

fn weeks(by_day: &ByDay) -> Vec<Week> {
    let mut at_risk = by_day
        .values()
        .map(|(fixed, censored)| fixed + censored)
        .sum::<u64>();
    let mut open = 1.0_f64;
    let mut weeks: Vec<Week> = Vec::new();
    for (&day, &(fixed, censored)) in by_day {
        let week = day.div_ceil(7).max(1);
        for between in weeks.len() as u64 + 1..=week {
            weeks.push(Week {
                week: between,
                at_risk,
                fixed: 0,
                censored: 0,
                open_per_mille: (open * 1000.0).round() as u64,
            });
        }
        open *= 1.0 - fixed as f64 / at_risk as f64;
        at_risk -= fixed + censored;
        if let Some(last) = weeks.last_mut() {
            last.fixed += fixed;
            last.censored += censored;
            last.open_per_mille = (open * 1000.0).round() as u64;
        }
    }
    weeks
}
