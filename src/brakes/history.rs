//! The last nights, as far as they ended: what tonight is compared with.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::SnapshotFacts;
use crate::model::alias::Aliases;
use crate::model::hold::{Figures, ObjectFigures};
use crate::model::identity::PartyRef;
use crate::model::ledger_record::LedgerView;
use crate::model::night::Night;

/// What a night came to: figures of its newest plan that ended, and letters of all of them.
#[derive(Debug)]
struct OfNight<'v> {
    newest: &'v Figures,
    sums: Sums,
}

/// What adds up over the plans of a night.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    /// See [`Figures::n_days`]; of the plan that took most.
    pub n_days: u64,
    /// See [`Figures::letters`].
    pub letters: u64,
    /// See [`Figures::first_time`].
    pub first_time: u64,
}

impl<'v> OfNight<'v> {
    fn add(&mut self, figures: &'v Figures) {
        self.newest = figures;
        self.sums.n_days = self.sums.n_days.max(figures.n_days);
        self.sums.letters += figures.letters;
        self.sums.first_time += figures.first_time;
    }
}

/// The last nights that ended, from the ledger.
#[derive(Debug)]
pub struct History<'v> {
    nights: Vec<OfNight<'v>>,
    /// Rows of earlier snapshots by feed and report, newest first.
    rows: BTreeMap<(&'v str, &'v str), Vec<u64>>,
    /// Feeds of every plan that ended, or for which a baseline was set.
    feeds: BTreeSet<&'v str>,
    written_to: HashSet<PartyRef>,
    is_new: bool,
}

impl<'v> History<'v> {
    /// The `n_nights` last ones before `night`. A night that was held counts only after it was
    /// approved and ended.
    #[must_use]
    pub fn of(view: &'v LedgerView, night: Night, n_nights: usize) -> Self {
        let ended: BTreeSet<(Night, u32)> = view
            .ended()
            .into_iter()
            .map(|(night, revision, _)| (night, revision))
            .collect();
        // What is noted last of a plan counts: a held night noted figures too.
        let plans: BTreeMap<(Night, u32), &Figures> =
            view.figures().map(|f| ((f.night, f.revision), f)).collect();
        let mut by_night: BTreeMap<Night, OfNight<'v>> = BTreeMap::new();
        let before = |(of, revision): (Night, u32)| of < night && ended.contains(&(of, revision));
        for ((night, _), newest) in plans.into_iter().filter(|(plan, _)| before(*plan)) {
            let of_night = by_night.entry(night).or_insert_with(|| OfNight {
                newest,
                sums: Sums::default(),
            });
            of_night.add(newest);
        }
        let mut rows: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        let objects = by_night.values().rev().map(|f| f.newest.objects.iter());
        for o in objects.flat_map(Iterator::rev) {
            let of_report = rows
                .entry((o.feed.as_str(), o.report.as_str()))
                .or_default();
            if of_report.len() < n_nights {
                of_report.push(o.rows);
            }
        }
        // `<date>/<feed>/<report>.parquet`: also of nights that are older than figures, and of an earlier
        // plan of this very night. Whatever ended was let go once, so nothing of it is new any more.
        let of_nights = view
            .nights()
            .filter(|pin| ended.contains(&(pin.night, pin.revision)))
            .flat_map(|pin| &pin.snapshots)
            .filter_map(|o| o.path.rsplit('/').nth(1));
        let of_baselines = view.baselines().filter_map(|b| b.feed.as_deref());
        let feeds = of_nights.chain(of_baselines).collect();
        Self {
            feeds,
            rows,
            written_to: written_to(view),
            is_new: ended.is_empty() && view.baselines().all(|b| b.feed.is_some()),
            nights: by_night.into_values().rev().take(n_nights).collect(),
        }
    }

    pub(super) const fn n_nights(&self) -> usize {
        self.nights.len()
    }

    pub(super) fn median(&self, of: impl Fn(&Sums) -> u64) -> u64 {
        median(&self.nights.iter().map(|f| of(&f.sums)).collect::<Vec<_>>())
    }

    pub(super) fn rows(&self, feed: &str, report: &str) -> &[u64] {
        let mut all = self.rows.iter();
        all.find(|((f, r), _)| *f == feed && *r == report)
            .map_or(&[], |(_, rows)| rows)
    }

    /// Feed and report of snapshots that each of the last nights had.
    pub(super) fn on_every_night(&self) -> impl Iterator<Item = (&'v str, &'v str)> {
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for f in &self.nights {
            let had: BTreeSet<_> = f
                .newest
                .objects
                .iter()
                .map(|o| (o.feed.as_str(), o.report.as_str()))
                .collect();
            for report in had {
                *counts.entry(report).or_insert(0) += 1;
            }
        }
        let n = self.nights.len();
        counts
            .into_iter()
            .filter(move |(_, of)| *of == n)
            .map(|(report, _)| report)
    }

    /// Has no plan ended, of this night either, and no baseline been set?
    pub(super) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Was this feed in a plan that ended, or is there a baseline for it?
    pub(super) fn knows(&self, feed: &str) -> bool {
        self.feeds.contains(feed)
    }

    pub(super) fn was_written_to(&self, party: PartyRef) -> bool {
        self.written_to.contains(&party)
    }
}

/// Also under former keys: who was written to as `unreg:…` is not new as `kvk:…`.
fn written_to(view: &LedgerView) -> HashSet<PartyRef> {
    let mut parties: HashSet<PartyRef> = view.claims().map(|c| c.party_ref).collect();
    for (former, own) in Aliases::of(view).iter() {
        if parties.contains(&former) {
            parties.insert(own);
        }
    }
    parties
}

pub(super) fn object(s: &SnapshotFacts) -> ObjectFigures {
    ObjectFigures {
        feed: s.feed.clone(),
        report: s.report.clone(),
        date: s.date,
        rows: s.rows,
    }
}

/// The middle one, the lower of two; 0 of nothing.
pub(super) fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted
        .get(sorted.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(0)
}
