//! Former keys: whose history goes on under which key.
//!
//! A finding's id holds the company's key, so under the own key the same thing has another id. Which
//! former finding it was only the former key in clear tells. That stands in an object that may be
//! erased, so a night's first run pins the pairs of ids ([`Followed`]), and decisions read those.
//! Whose a former key is the ledger says by hashes alone: that holds whatever was erased.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Input;
use super::contact::Book;
use super::weigh::{spot, target};
use crate::model::alias::{Aliases, Followed};
use crate::model::company::CompanyKey;
use crate::model::decision::{Decision, Hit, Outcome, Reason};
use crate::model::identity::{FindingId, PartyRef, finding_form};
use crate::model::ledger_record::LedgerView;
use crate::model::threat::{Spot, Threat};

/// Former keys in clear, with their hashes, by the company's own key.
pub type Formers = BTreeMap<CompanyKey, Vec<(PartyRef, CompanyKey)>>;

/// What a night that is planned now follows: each of `formers`, with those findings of its rows that the
/// ledger has under the former key.
#[must_use]
pub fn followed(
    formers: &Formers,
    hits: &[Hit],
    threats: &[Arc<Threat>],
    view: &LedgerView,
) -> Vec<Followed> {
    let mut found: BTreeMap<PartyRef, BTreeSet<(FindingId, FindingId)>> = BTreeMap::new();
    for (former, _) in formers.values().flatten() {
        found.entry(*former).or_default();
    }
    for hit in hits {
        let Some(of_company) = formers.get(&hit.asset.company) else {
            continue;
        };
        let target = target(hit);
        // Also threats that the row does not meet: a stronger one that was told of supersedes.
        for threat in threats {
            let Spot { port, protocol, .. } = spot(threat, &hit.observation);
            let id = |company: &CompanyKey| {
                let protocol = protocol.as_deref();
                FindingId::of(&finding_form(company, &threat.id, &target, protocol, port))
            };
            let own = id(&hit.asset.company);
            for (former, key) in of_company {
                found.entry(*former).or_default().insert((own, id(key)));
            }
        }
    }
    let asked: BTreeSet<FindingId> = found.values().flatten().map(|(_, f)| *f).collect();
    let claimed: BTreeSet<FindingId> = match asked.is_empty() {
        true => BTreeSet::new(),
        false => {
            let items = view.claims().flat_map(|c| c.items.iter());
            let ids = items.map(|i| i.finding_id);
            ids.filter(|id| asked.contains(id)).collect()
        }
    };
    let pairs = |all: BTreeSet<(FindingId, FindingId)>| {
        let claimed = all.into_iter().filter(|(_, f)| claimed.contains(f));
        claimed.collect()
    };
    let found = found.into_iter();
    found
        .map(|(former, all)| Followed {
            former,
            findings: pairs(all),
        })
        .collect()
}

type Pairs = BTreeMap<FindingId, Vec<FindingId>>;

/// What is followed, as decisions ask for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Following {
    aliases: Aliases,
    /// Former keys that tonight follows.
    parties: BTreeSet<PartyRef>,
    /// Tonight's former findings, by the own ones.
    tonight: Pairs,
    /// Those of this night and of earlier ones, likewise.
    ever: Pairs,
    /// Own findings by the former ones, of all nights.
    heirs: Pairs,
}

impl Following {
    pub(super) fn of(view: &LedgerView, tonight: &[Followed]) -> Self {
        let mut following = Self {
            aliases: Aliases::of(view),
            ..Self::default()
        };
        if following.aliases.is_empty() {
            return following;
        }
        for followed in view.nights().flat_map(|pin| &pin.followed).chain(tonight) {
            for (own, former) in &followed.findings {
                add(&mut following.ever, *own, *former);
                add(&mut following.heirs, *former, *own);
            }
        }
        for followed in tonight {
            following.parties.insert(followed.former);
            for (own, former) in &followed.findings {
                add(&mut following.tonight, *own, *former);
            }
        }
        following
    }

    /// Is nobody known under two keys?
    pub(super) fn is_empty(&self) -> bool {
        self.aliases.is_empty()
    }

    /// The company's own key, whatever was erased.
    pub(super) fn own(&self, party: PartyRef) -> PartyRef {
        self.aliases.own(party)
    }

    /// The former keys of a company, whatever was erased.
    pub(super) fn formers_of(&self, party: PartyRef) -> impl Iterator<Item = PartyRef> {
        self.aliases.formers_of(party)
    }

    /// The company's own key where tonight follows the former one, else the same.
    pub(super) fn heir_of(&self, party: PartyRef) -> PartyRef {
        match self.parties.contains(&party) {
            true => self.aliases.own(party),
            false => party,
        }
    }

    /// Tonight's former ids of a finding.
    pub(super) fn formers(&self, finding: FindingId) -> impl Iterator<Item = FindingId> {
        of(&self.tonight, finding)
    }

    /// As [`Following::formers`], also those of earlier nights.
    pub(super) fn formers_ever(&self, finding: FindingId) -> impl Iterator<Item = FindingId> {
        of(&self.ever, finding)
    }

    /// The ids under which a former finding goes on.
    pub(super) fn heirs(&self, finding: FindingId) -> impl Iterator<Item = FindingId> {
        of(&self.heirs, finding)
    }
}

/// Contacts, where decisions of a row may be of one company under two keys.
pub(super) fn book<'a>(input: &'a Input<'a>) -> Option<Book<'a>> {
    (!input.history.keys().is_empty()).then(|| Book::new(input))
}

/// The decisions of one row: where it met a company under its own key and under a former one, the own one
/// is written to. What only the former one registered, or has a contact for, goes on under that.
pub(super) fn settle(input: &Input<'_>, book: &Book<'_>, of_row: &mut [Decision]) {
    let keys = input.history.keys();
    if of_row.len() < 2 {
        return;
    }
    let party = |d: &Decision| PartyRef::of(input.party_key, &d.company.key);
    let threat = |d: &Decision| d.threat.as_ref().map(|t| t.id.clone());
    let can_speak = |d: &&Decision| match d.outcome() {
        Outcome::BelowPolicy => false,
        Outcome::InLetters => book.choose(&d.company, &[d]).0.is_usable,
        // The asset may be registered more widely under the former key.
        _ => d.reason != Reason::NotMine,
    };
    let is_own = |d: &&Decision| keys.formers_of(party(d)).next().is_some();
    let decided = of_row.iter().filter(is_own).filter(can_speak);
    let mut decided: BTreeSet<(PartyRef, Option<String>)> =
        decided.map(|d| (party(d), threat(d))).collect();
    // Of two former keys of one company one is enough, too.
    for d in of_row.iter_mut() {
        let here = party(d);
        let own = keys.own(here);
        if d.outcome() != Outcome::InLetters || own == here {
            continue;
        }
        if decided.contains(&(own, threat(d))) {
            d.reason = Reason::UnderOwnKey;
        } else if book.choose(&d.company, &[d]).0.is_usable {
            decided.insert((own, threat(d)));
        }
    }
}

fn of(pairs: &Pairs, finding: FindingId) -> impl Iterator<Item = FindingId> {
    pairs.get(&finding).into_iter().flatten().copied()
}

fn add(pairs: &mut Pairs, of: FindingId, more: FindingId) {
    let of = pairs.entry(of).or_default();
    if !of.contains(&more) {
        of.push(more);
    }
}
