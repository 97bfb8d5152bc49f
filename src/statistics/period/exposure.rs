//! What became of what was warned about: open, fixed, not seen, not scanned, moved.
//!
//! Follows findings of letters that were handed over through the ledger, from its first record
//! on. How a finding went is what the nights noted (`decide::gone`); nothing is judged anew here.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Span;
use super::codes::{Fast, Numbers, short};
use super::facts::key;
use crate::model::decision::ItemKind;
use crate::model::ledger_record::{Claim, Numbered, ReceiptState, Record};
use crate::model::night::{Micros, Night};
use crate::model::sighting::{Gone, Sightings};

/// A finding from its first sighting until it was gone, or until the period ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spell {
    threat: u32,
    first_seen: Date,
    /// The last day on which it is known to have been open.
    last_seen: Date,
    gone: Option<(Date, Gone)>,
    /// The letter about it, where there was one alone.
    only_letter: Option<u128>,
}

/// A claimed finding that waits for the receipt of its letter.
struct Waiting {
    finding: u128,
    threat: u32,
    kind: ItemKind,
    first_seen: Date,
    seen: Date,
    night: Date,
}

/// Takes records in the order of the ledger.
pub struct Follow {
    span: Span,
    zone: TimeZone,
    threats: Numbers<String, Fast>,
    waiting: HashMap<u128, Vec<Waiting>, Fast>,
    current: HashMap<u128, Spell, Fast>,
    /// Spells that ended before the same finding came back as a relapse.
    past: Vec<Spell>,
    /// Letters that came back: they warned nobody.
    bounced: HashSet<u128, Fast>,
    /// The newest night that ended.
    newest: Option<Date>,
    /// A night whose figures stand: it saw everything, unless its sightings follow at once.
    ended: Option<Date>,
    /// The newest night that judged everything: what is not gone was seen then.
    all_judged: Option<Date>,
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
        Self {
            span,
            zone,
            threats: Numbers::new(),
            waiting: HashMap::default(),
            current: HashMap::default(),
            past: Vec::new(),
            bounced: HashSet::default(),
            newest: None,
            ended: None,
            all_judged: None,
        }
    }

    /// Takes the next record; what lies after the period is passed over.
    pub fn add(&mut self, numbered: &Numbered) {
        let is_after = |night: Night| night.date() > self.span.until();
        let ended = self.ended.take();
        if !matches!(numbered.record, Record::Sightings(_)) {
            self.all_judged = self.all_judged.max(ended);
        }
        match &numbered.record {
            Record::Claim(claim) if !is_after(claim.night) => self.claim(claim),
            Record::Receipt(receipt) if !is_after(receipt.night) => {
                let key = key(&receipt.letter_id.0, receipt.night, receipt.attempt);
                let waiting = self.waiting.remove(&key).unwrap_or_default();
                match receipt.state {
                    ReceiptState::HandedOver => waiting.iter().for_each(|w| self.warned(w, key)),
                    ReceiptState::Bounced => {
                        self.bounced.insert(key);
                    }
                    ReceiptState::Failed | ReceiptState::Withdrawn | ReceiptState::NotSent => {}
                }
            }
            Record::Figures(figures) if !is_after(figures.night) => {
                self.ended = Some(figures.night.date());
            }
            Record::Final { night, .. } if !is_after(*night) => {
                self.newest = self.newest.max(Some(night.date()));
            }
            Record::Sightings(sightings) if !is_after(sightings.night) => self.see(sightings),
            // Other kinds say nothing about a finding.
            _ => {}
        }
    }

    fn day(&self, at: Micros, night: Night) -> Date {
        let date = jiff::Timestamp::from_microsecond(at)
            .map(|t| self.zone.to_datetime(t).date())
            .unwrap_or(night.date());
        date.min(night.date())
    }

    fn claim(&mut self, claim: &Claim) {
        let waiting: Vec<Waiting> = claim
            .items
            .iter()
            .map(|item| Waiting {
                finding: short(&item.finding_id.0),
                threat: self.threats.of(&item.threat_id),
                kind: item.kind,
                first_seen: self.day(item.first_observed_at, claim.night),
                seen: self.day(item.observed_at, claim.night),
                night: claim.night.date(),
            })
            .collect();
        let key = key(&claim.letter_id.0, claim.night, claim.attempt);
        self.waiting.insert(key, waiting);
    }

    /// A letter about it was handed over.
    fn warned(&mut self, item: &Waiting, letter: u128) {
        if item.kind == ItemKind::Correction {
            self.current.remove(&item.finding);
            return;
        }
        let new = Spell {
            threat: item.threat,
            first_seen: item.first_seen,
            last_seen: item.night,
            gone: None,
            only_letter: Some(letter),
        };
        let Some(spell) = self.current.get_mut(&item.finding) else {
            self.current.insert(item.finding, new);
            return;
        };
        if item.kind == ItemKind::Relapse && spell.gone.is_some() {
            self.past.push(*spell);
            *spell = Spell {
                first_seen: item.seen,
                ..new
            };
            return;
        }
        let is_first = spell.only_letter.is_some_and(|l| self.bounced.contains(&l));
        spell.only_letter = is_first.then_some(letter);
        spell.gone = None;
        spell.last_seen = spell.last_seen.max(item.night);
        spell.first_seen = spell.first_seen.min(item.first_seen);
    }

    fn see(&mut self, sightings: &Sightings) {
        let night = sightings.night.date();
        for (finding, how) in &sightings.gone {
            if let Some(spell) = self.current.get_mut(&short(&finding.0)) {
                if let Some(judged) = self.all_judged {
                    spell.last_seen = spell.last_seen.max(judged);
                }
                spell.gone = Some((night, *how));
            }
        }
        for finding in &sightings.back {
            if let Some(spell) = self.current.get_mut(&short(&finding.0)) {
                spell.gone = None;
                spell.last_seen = spell.last_seen.max(night);
            }
        }
        if !sightings.counts.contains_key(&Gone::NotScanned) {
            self.all_judged = self.all_judged.max(Some(night));
        }
    }

    /// Ends the period.
    #[must_use]
    pub fn finish(self) -> Outcomes {
        let judged = self.all_judged.max(self.ended);
        let newest = self.newest;
        let bounced = self.bounced;
        let open = self.current.into_values().map(|mut spell| {
            if let Some(judged) = judged.filter(|_| spell.gone.is_none()) {
                spell.last_seen = spell.last_seen.max(judged);
            }
            spell
        });
        let all = self.past.into_iter().chain(open);
        let spells: Vec<Spell> = all
            .filter(|s| s.only_letter.is_none_or(|l| !bounced.contains(&l)))
            .collect();
        let names = self.threats.into_values();
        let (mut exposures, mut times) = (BTreeMap::new(), BTreeMap::new());
        for spell in &spells {
            let name = names.get(spell.threat as usize).cloned();
            for threat in [name, None] {
                let is_over = spell.gone.is_some_and(|(on, _)| on < self.span.from());
                if !is_over && spell.first_seen <= self.span.until() {
                    let of: &mut Exposures = exposures.entry(threat.clone()).or_default();
                    of.count(spell, newest);
                }
                if (self.span.from()..=self.span.until()).contains(&spell.first_seen) {
                    let of: &mut Vec<(u64, bool)> = times.entry(threat).or_default();
                    of.push(spell.days());
                }
            }
        }
        Outcomes {
            exposures: total_last(exposures),
            survival: total_last(times)
                .into_iter()
                .map(|(threat, times)| (threat, survival(&times)))
                .collect(),
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
    fn count(&mut self, spell: &Spell, newest: Option<Date>) {
        *match spell.gone.map(|(_, how)| how) {
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
        let until = match self.gone {
            Some((on, Gone::Fixed)) => on,
            _ => self.last_seen,
        };
        let days = self.first_seen.until(until).map_or(0, |s| s.get_days());
        let is_fixed = matches!(self.gone, Some((_, Gone::Fixed)));
        (u64::try_from(days).unwrap_or(0), is_fixed)
    }
}

/// The product-limit estimate of Kaplan and Meier (1958) by day, shown by week.
///
/// `times` are days, and whether the exposure was fixed then (true) or is not followed any further
/// (false). Of one day, what was fixed comes before what is no longer followed.
#[must_use]
pub fn survival(times: &[(u64, bool)]) -> Vec<Week> {
    let mut by_day: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for (days, is_fixed) in times {
        let (fixed, censored) = by_day.entry(*days).or_default();
        *(if *is_fixed { fixed } else { censored }) += 1;
    }
    let mut at_risk = times.len() as u64;
    let mut open = 1.0_f64;
    let mut weeks: Vec<Week> = Vec::new();
    for (day, (fixed, censored)) in by_day {
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
