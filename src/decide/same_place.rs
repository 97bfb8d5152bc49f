//! Tonight's rows at the places that letters were about, by every asset that a row met.
//!
//! A decision is about a row's best match alone: a machine that was written about by its name, and
//! whose address is registered since, is another finding now. The old one is no less to be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::history::History;
use super::{rule, weigh};
use crate::model::decision::Hit;
use crate::model::identity::{FindingId, PartyRef, finding_form};
use crate::model::ledger_record::ClaimItem;
use crate::model::observation::Observation;
use crate::model::sighting::Gone;
use crate::model::threat::{Certainty, Threat};

/// Tonight's rows and what they are held against.
pub struct Matched<'a> {
    /// Rows with each asset that they met.
    pub hits: &'a [Hit],
    /// Rows that were set aside after they met assets, as far as they can be read.
    pub set_aside: &'a [Hit],
    /// Registered values that the history speaks of, by their row in the table of assets.
    pub named: &'a BTreeMap<u64, PartyRef>,
    /// Threats.
    pub threats: &'a [Arc<Threat>],
    /// Are the rules those by which this feed and report was judged last?
    pub is_same_rule: &'a dyn Fn(&str, &str) -> bool,
}

/// Findings of the history at whose place a row of tonight is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SamePlace {
    /// A rule holds for the row, whatever was decided about it.
    pub seen: BTreeSet<FindingId>,
    /// A row of the same report that tells nothing: it could not be read, or the rule that means
    /// it no longer has changed. Where the rule is the same, the row has changed: that is fixed.
    pub unsure: BTreeSet<FindingId>,
}

/// What the history looks for at a registered value; with the ports that its letters named.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Sought<'h> {
    threat: &'h str,
    feed: &'h str,
    report: Option<&'h str>,
}

impl<'h> Sought<'h> {
    fn of(item: &'h ClaimItem) -> Self {
        Self {
            threat: &item.threat_id,
            feed: &item.feed,
            report: item.evidence.report.as_deref(),
        }
    }

    fn is_of(&self, o: &Observation) -> bool {
        *self.feed == *o.feed && self.report == Some(&*o.report)
    }
}

/// Findings of former keys at a registered value. Which finding of tonight's register each is, a row
/// that cannot be read does not tell.
type Former<'h> = BTreeMap<PartyRef, Vec<(Sought<'h>, FindingId)>>;

type ByAsset<'h> = BTreeMap<PartyRef, BTreeMap<Sought<'h>, BTreeSet<Option<u16>>>>;

/// Holds tonight's rows against the places of the history.
#[must_use]
pub fn same_place(history: &History, tonight: &Matched<'_>) -> SamePlace {
    let by_asset = by_asset(history);
    let at = |hit: &Hit| {
        let named = tonight.named.get(&hit.asset.row);
        named.and_then(|n| by_asset.get(n)).into_iter().flatten()
    };
    let former = former(history);
    let mut found = SamePlace::default();
    for hit in tonight.hits {
        let o = &hit.observation;
        for (sought, _) in at(hit) {
            let threat = tonight.threats.iter().find(|t| t.id == sought.threat);
            let findings = findings(hit, sought.threat, o.port);
            if threat.is_some_and(|t| rule::judge(t, o) != Certainty::No) {
                found.seen.extend(findings);
            } else if sought.is_of(o) {
                // A night follows findings of the catalogue's threats alone.
                if threat.is_none() {
                    let of_threat = formers(&former, tonight, hit);
                    let of_threat = of_threat.filter(|(s, _)| s.threat == sought.threat);
                    found.unsure.extend(of_threat.map(|(_, f)| *f));
                }
                let is_same = (tonight.is_same_rule)(&o.feed, &o.report);
                let is_unsure = |f: &FindingId| !is_same || was_not_seen(history, *f);
                found.unsure.extend(findings.into_iter().filter(is_unsure));
            }
        }
    }
    for hit in tonight.set_aside {
        let o = &hit.observation;
        let of_report = formers(&former, tonight, hit);
        found.unsure.extend(of_report.map(|(_, f)| *f));
        for (sought, ports) in at(hit).filter(|(sought, _)| sought.is_of(o)) {
            // Its port may be what could not be read.
            let any = ports.iter().copied().filter(|_| o.port.is_none());
            for port in any.chain([o.port]) {
                found.unsure.extend(findings(hit, sought.threat, port));
            }
        }
    }
    found
}

/// Those that the report of a row may tell of.
fn formers<'f>(
    former: &'f Former<'f>,
    tonight: &Matched<'_>,
    hit: &'f Hit,
) -> impl Iterator<Item = &'f (Sought<'f>, FindingId)> {
    let named = tonight.named.get(&hit.asset.row);
    let at = named.and_then(|n| former.get(n)).into_iter().flatten();
    at.filter(|(sought, _)| sought.is_of(&hit.observation))
}

fn former(history: &History) -> Former<'_> {
    let mut former = Former::new();
    let keys = history.keys();
    for (finding, place) in history.places() {
        if keys.heir_of(place.party) != place.party {
            let of_asset = former.entry(place.item.asset_ref).or_default();
            of_asset.push((Sought::of(place.item), finding));
        }
    }
    former
}

fn by_asset(history: &History) -> ByAsset<'_> {
    let mut by_asset = ByAsset::new();
    for (_, place) in history.places() {
        let item = place.item;
        let of_asset = by_asset.entry(item.asset_ref).or_default();
        of_asset
            .entry(Sought::of(item))
            .or_default()
            .insert(item.evidence.port);
    }
    by_asset
}

/// Once a changed rule left it unsure it stays so: the night after, that rule is the same.
fn was_not_seen(history: &History, finding: FindingId) -> bool {
    let gone = history.place(finding).and_then(|place| place.gone);
    matches!(gone, Some((_, Gone::NotSeen)))
}

/// What a hit would be as a finding of the threat: of a service, and of a machine.
fn findings(hit: &Hit, threat: &str, port: Option<u16>) -> [FindingId; 2] {
    let target = weigh::target(hit);
    let of = |protocol: Option<&str>, port| {
        let form = finding_form(&hit.asset.company, threat, &target, protocol, port);
        FindingId::of(&form)
    };
    [
        of(hit.observation.protocol.as_deref(), port),
        of(None, None),
    ]
}
