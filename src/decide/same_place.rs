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
use crate::model::threat::{Certainty, Threat};

/// Tonight's rows and what they are held against.
pub struct Matched<'a> {
    /// Rows with each asset that they met.
    pub hits: &'a [Hit],
    /// Registered values that the history speaks of, by their row in the table of assets.
    pub named: &'a BTreeMap<u64, PartyRef>,
    /// Threats.
    pub threats: &'a [Arc<Threat>],
}

/// Findings of the history that a row of tonight shows, whatever became of the row.
#[must_use]
pub fn seen(history: &History, tonight: &Matched<'_>) -> BTreeSet<FindingId> {
    let mut sought: BTreeMap<PartyRef, BTreeSet<&str>> = BTreeMap::new();
    for (_, place) in history.places() {
        let of_asset = sought.entry(place.item.asset_ref).or_default();
        of_asset.insert(&place.item.threat_id);
    }
    let mut seen = BTreeSet::new();
    for hit in tonight.hits {
        let of_asset = tonight
            .named
            .get(&hit.asset.row)
            .and_then(|n| sought.get(n));
        for id in of_asset.into_iter().flatten() {
            let threat = tonight.threats.iter().find(|t| t.id == **id);
            if threat.is_some_and(|t| rule::judge(t, &hit.observation) != Certainty::No) {
                seen.extend(findings(hit, id, hit.observation.port));
            }
        }
    }
    seen
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
