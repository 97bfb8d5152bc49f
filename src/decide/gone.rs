//! Findings that were warned about and are not among tonight's rows: fixed, or just not seen?

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::history::{History, Place};
use crate::model::identity::{FindingId, PartyRef};
use crate::model::night::{Micros, Night};
use crate::model::sighting::{Coverage, Gone, Sightings};

/// A registered value as the register has it tonight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// Companies that have it registered as the night ends, and since when; `Micros::MIN` where
    /// it has no beginning.
    pub parties: BTreeMap<PartyRef, Micros>,
    /// Its networks; empty for a name or an AS number.
    pub nets: Vec<IpNet>,
}

/// Tonight, as far as it tells who is gone.
pub struct Tonight<'a> {
    /// Night.
    pub night: Night,
    /// Every finding of tonight's rows, whatever was decided about it.
    pub seen: &'a BTreeSet<FindingId>,
    /// Of these, the ones that wait for a contact: they are back once a letter says so.
    pub waiting: &'a BTreeSet<FindingId>,
    /// Findings at whose place a row of tonight is that tells nothing of them: never `fixed`.
    pub unsure: &'a BTreeSet<FindingId>,
    /// Findings that a letter calls a relapse.
    pub relapsed: &'a BTreeSet<FindingId>,
    /// What was scanned.
    pub coverage: &'a [Coverage],
    /// Registered values by their keyed hash.
    pub register: &'a BTreeMap<PartyRef, Registered>,
}

/// What changed, and the counts of everything that is not seen.
///
/// Where nobody says what was scanned, the answer is `not_scanned`, never `fixed`.
#[must_use]
pub fn sightings(history: &History, tonight: &Tonight<'_>) -> Sightings {
    let mut found = Sightings {
        night: tonight.night,
        gone: Vec::new(),
        back: Vec::new(),
        counts: BTreeMap::new(),
        assumed: Vec::new(),
    };
    let scans = Scans::of(tonight.coverage);
    let mut assumed = BTreeSet::new();
    for (finding, place) in history.places() {
        if tonight.seen.contains(&finding) {
            if place.gone.is_some() && !tonight.waiting.contains(&finding) {
                found.back.push(finding);
            }
            continue;
        }
        let before = place.gone.map(|(_, how)| how);
        let mut why = || match before {
            // Proven; whatever else comes later does not undo it.
            Some(Gone::Fixed) => Gone::Fixed,
            _ => match (
                before,
                scans.why(history, place, tonight.register, &mut assumed),
            ) {
                // Also where nobody scanned: the next night's rule is the same again.
                (_, Gone::Fixed | Gone::NotScanned) if is_unsure(history, tonight, finding) => {
                    Gone::NotSeen
                }
                (Some(known), Gone::NotScanned) => known,
                (_, newer) => newer,
            },
        };
        let how = match under_own_key(history, tonight, finding) {
            Heir::Nowhere => why(),
            Heir::Waits => continue,
            // Fixed it was, and is back as another finding.
            Heir::IsBack if before == Some(Gone::Fixed) => Gone::Fixed,
            Heir::IsSeen if before == Some(Gone::Fixed) && history.is_taken_over(finding) => {
                Gone::Fixed
            }
            Heir::IsBack | Heir::IsSeen => Gone::MovedOwner,
            Heir::Stands => before.unwrap_or(Gone::MovedOwner),
        };
        *found.counts.entry(how).or_insert(0) += 1;
        if how != Gone::NotScanned && before != Some(how) {
            found.gone.push((finding, how));
        }
    }
    found.assumed = assumed.into_iter().collect();
    found
}

/// Does a row of tonight tell nothing of it, under whichever key?
fn is_unsure(history: &History, tonight: &Tonight<'_>, finding: FindingId) -> bool {
    let heirs = history.keys().heirs(finding);
    std::iter::once(finding)
        .chain(heirs)
        .any(|id| tonight.unsure.contains(&id))
}

/// Where a finding of a former key is under the company's own one.
enum Heir {
    /// Nowhere, as far as anybody knows.
    Nowhere,
    /// Among tonight's rows, without a contact.
    Waits,
    /// Among tonight's rows, as a relapse.
    IsBack,
    /// Among tonight's rows.
    IsSeen,
    /// Written about under that key, not seen tonight: it is that one which is fixed, or not.
    Stands,
}

fn under_own_key(history: &History, tonight: &Tonight<'_>, finding: FindingId) -> Heir {
    let mut heirs = history.keys().heirs(finding);
    let Some(heir) = heirs.find(|heir| tonight.seen.contains(heir)) else {
        return match history.is_taken_over(finding) {
            true => Heir::Stands,
            false => Heir::Nowhere,
        };
    };
    if tonight.waiting.contains(&heir) {
        Heir::Waits
    } else if tonight.relapsed.contains(&heir) {
        Heir::IsBack
    } else {
        Heir::IsSeen
    }
}

/// What was scanned, by feed and report.
struct Scans<'c>(BTreeMap<(&'c str, &'c str), Vec<&'c Coverage>>);

impl<'c> Scans<'c> {
    fn of(coverage: &'c [Coverage]) -> Self {
        let mut scans: BTreeMap<_, Vec<&Coverage>> = BTreeMap::new();
        for c in coverage {
            let of_report = scans.entry((c.feed.as_str(), c.report.as_str()));
            of_report.or_default().push(c);
        }
        Self(scans)
    }

    /// Why a place is not seen; notes the scan where the answer rests on an assumption.
    fn why(
        &self,
        history: &History,
        place: Place<'_>,
        register: &BTreeMap<PartyRef, Registered>,
        assumed: &mut BTreeSet<String>,
    ) -> Gone {
        let item = place.item;
        let registered = register.get(&item.asset_ref);
        let keys = [place.party, history.keys().heir_of(place.party)];
        let held = registered.and_then(|r| {
            let since = keys.iter().filter_map(|key| r.parties.get(key)).min()?;
            Some((r, *since))
        });
        let Some((registered, since)) = held else {
            return Gone::MovedOwner;
        };
        let Some(report) = &item.evidence.report else {
            return Gone::NotScanned;
        };
        let Some(scans) = self.0.get(&(item.feed.as_ref(), report.as_ref())) else {
            return Gone::NotScanned;
        };
        if scans.iter().all(|c| c.is_assumed) {
            assumed.insert(format!("{}/{report}", item.feed));
        }
        let port = item.evidence.port;
        // What is not registered matches no row: a scan that began before then may have seen it.
        let covers = |c: &&Coverage| {
            c.scanned_from >= since && c.covers(&registered.nets, port, item.observed_at)
        };
        if scans.iter().any(covers) {
            Gone::Fixed
        } else {
            Gone::NotSeen
        }
    }
}
