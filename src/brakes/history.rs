//! The last nights, as far as they ended: what tonight is compared with.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::SnapshotFacts;
use crate::model::alias::Aliases;
use crate::model::hold::{Figures, ObjectFigures};
use crate::model::identity::PartyRef;
use crate::model::ledger_record::LedgerView;
use crate::model::night::Night;

/// The last nights that ended, from the ledger.
#[derive(Debug)]
pub struct History<'v> {
    nights: Vec<&'v Figures>,
    /// Rows of earlier snapshots by feed and report, newest first.
    rows: BTreeMap<(&'v str, &'v str), Vec<u64>>,
    /// Feeds of every night that ended, or for which a baseline was set.
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
            .filter(|(ended, ..)| *ended < night)
            .map(|(night, revision, _)| (night, revision))
            .collect();
        // The latest revision of a night counts.
        let mut by_night: BTreeMap<Night, &Figures> = BTreeMap::new();
        for f in view
            .figures()
            .filter(|f| ended.contains(&(f.night, f.revision)))
        {
            by_night.insert(f.night, f);
        }
        let mut rows: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        for o in by_night.values().rev().flat_map(|f| f.objects.iter().rev()) {
            let of_report = rows
                .entry((o.feed.as_str(), o.report.as_str()))
                .or_default();
            if of_report.len() < n_nights {
                of_report.push(o.rows);
            }
        }
        // `<date>/<feed>/<report>.parquet`: also of nights that are older than figures.
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

    pub(super) fn median(&self, of: impl Fn(&Figures) -> u64) -> u64 {
        median(&self.nights.iter().map(|f| of(f)).collect::<Vec<_>>())
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

    /// Has no night ended, and no baseline been set?
    pub(super) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Was this feed on a night that ended, or is there a baseline for it?
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
