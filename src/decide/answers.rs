//! What recipients answered, as far as it changes what is written to them.
//!
//! - `not-mine` suspends the asset for that company, until the company confirms it anew.
//! - `opt-out`, `accepted-risk` and `false-positive` suppress, until their end date where they
//!   have one.
//! - `fixed` makes a later sighting a relapse; what was seen before it was said says nothing new.
//!
//! A later answer about the same thing replaces an earlier one. What was said under a former key of a
//! company holds for the company.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::Input;
use super::following::Following;
use crate::model::aftermath::{Answer, AnswerKind};
use crate::model::company::CompanyKey;
use crate::model::decision::{Hit, ItemKind, Reason};
use crate::model::identity::{FindingId, PartyRef};
use crate::model::ledger_record::Claim;
use crate::model::night::{Micros, Night};

#[derive(Clone, Copy, Debug)]
struct Said {
    at: Micros,
    until: Option<Date>,
    /// Under which key.
    by: PartyRef,
}

impl Said {
    fn counts_on(self, night: Night) -> bool {
        self.until.is_none_or(|until| night.date() < until)
    }
}

/// The answers of a ledger view.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    opted_out: BTreeMap<PartyRef, Said>,
    /// By company and asset.
    suspended: BTreeMap<(PartyRef, PartyRef), Said>,
    /// False positives, accepted risks and what is said to be fixed.
    findings: BTreeMap<(FindingId, AnswerKind), Said>,
}

impl Answers {
    /// Takes the next answer of the ledger.
    pub(super) fn take(&mut self, answer: &Answer, keys: &Following) {
        let said = Said {
            at: answer.said_at,
            until: answer.until,
            by: answer.party_ref,
        };
        let party = keys.own(answer.party_ref);
        match answer.kind {
            AnswerKind::OptOut => {
                self.opted_out.insert(party, said);
            }
            AnswerKind::NotMine => {
                let assets = answer.assets.iter();
                self.suspended
                    .extend(assets.map(|asset| ((party, *asset), said)));
            }
            kind @ (AnswerKind::FalsePositive | AnswerKind::AcceptedRisk | AnswerKind::Fixed) => {
                let findings = answer.findings.iter();
                self.findings.extend(findings.map(|f| ((*f, kind), said)));
            }
        }
    }

    /// A letter about these findings was claimed after the answers that were taken: what was said
    /// to be fixed has been written about again.
    pub(super) fn written_again(&mut self, claim: &Claim, keys: &Following) {
        for item in &claim.items {
            if item.kind == ItemKind::Correction {
                continue;
            }
            let formers = keys.formers_ever(item.finding_id);
            for finding in std::iter::once(item.finding_id).chain(formers) {
                self.findings.remove(&(finding, AnswerKind::Fixed));
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.opted_out.is_empty() && self.suspended.is_empty() && self.findings.is_empty()
    }
}

/// Did the company say that the asset is not its own, and not confirm it since?
pub(super) fn is_suspended(input: &Input<'_>, hit: &Hit) -> bool {
    let suspended = &input.history.answers().suspended;
    if suspended.is_empty() {
        return false;
    }
    let party = own_party(input, &hit.asset.company);
    let asset = PartyRef::of_asset(input.party_key, &hit.asset.canonical);
    let said = suspended.get(&(party, asset));
    said.filter(|said| said.counts_on(input.night))
        .is_some_and(|said| hit.asset.confirmed_at.is_none_or(|at| at <= said.at))
}

/// The company by its own key, whatever it is registered under.
fn own_party(input: &Input<'_>, company: &CompanyKey) -> PartyRef {
    let keys = input.history.keys();
    keys.own(PartyRef::of(input.party_key, company))
}

/// Does the company want no letters at all on the night?
pub(super) fn has_opted_out(input: &Input<'_>, company: &CompanyKey) -> bool {
    let party = own_party(input, company);
    let said = input.history.answers().opted_out.get(&party);
    said.is_some_and(|said| said.counts_on(input.night))
}

/// The reason that an answer gives for a hit; `None` where no answer is about it.
pub(super) fn reason(input: &Input<'_>, hit: &Hit, finding: FindingId) -> Option<Reason> {
    let answers = input.history.answers();
    if answers.is_empty() {
        return None;
    }
    let counts = |said: &&Said| said.counts_on(input.night);
    let keys = input.history.keys();
    if has_opted_out(input, &hit.asset.company) {
        return Some(Reason::OptOut);
    }
    if is_suspended(input, hit) {
        return Some(Reason::NotMine);
    }
    // The last answer about it under any key.
    let ids = || std::iter::once(finding).chain(keys.formers(finding));
    let said = |kind| {
        let all = ids().filter_map(|id| answers.findings.get(&(id, kind)));
        all.max_by_key(|said| said.at)
    };
    if said(AnswerKind::FalsePositive).filter(counts).is_some() {
        return Some(Reason::FalsePositive);
    }
    if said(AnswerKind::AcceptedRisk).filter(counts).is_some() {
        return Some(Reason::AcceptedRisk);
    }
    let fixed = said(AnswerKind::Fixed)?;
    Some(if hit.observation.observed_at > fixed.at {
        Reason::Relapse
    } else {
        Reason::SaidFixed
    })
}

/// Was this reason given by an answer to a letter under a former key of the company?
pub(super) fn is_of_former_key(input: &Input<'_>, hit: &Hit, reason: Reason) -> bool {
    let keys = input.history.keys();
    if keys.is_empty() {
        return false;
    }
    let answers = input.history.answers();
    let here = PartyRef::of(input.party_key, &hit.asset.company);
    let party = keys.own(here);
    let said = match reason {
        Reason::OptOut => answers.opted_out.get(&party),
        Reason::NotMine => {
            let asset = PartyRef::of_asset(input.party_key, &hit.asset.canonical);
            answers.suspended.get(&(party, asset))
        }
        _ => None,
    };
    said.is_some_and(|said| said.by != here)
}
