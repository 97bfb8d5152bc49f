//! What recipients answered, as far as it changes what is written to them.
//!
//! - `not-mine` suspends the asset for that company, until the company confirms it anew.
//! - `opt-out`, `accepted-risk` and `false-positive` suppress, until their end date where they
//!   have one.
//! - `fixed` makes a later sighting a relapse; what was seen before it was said says nothing new.
//!
//! A later answer about the same thing replaces an earlier one.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::Input;
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
    pub(super) fn take(&mut self, answer: &Answer) {
        let said = Said {
            at: answer.said_at,
            until: answer.until,
        };
        let party = answer.party_ref;
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
    pub(super) fn written_again(&mut self, claim: &Claim) {
        for item in &claim.items {
            if item.kind != ItemKind::Correction {
                self.findings.remove(&(item.finding_id, AnswerKind::Fixed));
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
    let party = PartyRef::of(input.party_key, &hit.asset.company);
    let asset = PartyRef::of_asset(input.party_key, &hit.asset.canonical);
    let said = suspended.get(&(party, asset));
    said.filter(|said| said.counts_on(input.night))
        .is_some_and(|said| hit.asset.confirmed_at.is_none_or(|at| at <= said.at))
}

/// Does the company want no letters at all on the night?
pub(super) fn has_opted_out(input: &Input<'_>, company: &CompanyKey) -> bool {
    let party = PartyRef::of(input.party_key, company);
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
    if has_opted_out(input, &hit.asset.company) {
        return Some(Reason::OptOut);
    }
    if is_suspended(input, hit) {
        return Some(Reason::NotMine);
    }
    let said = |kind| answers.findings.get(&(finding, kind));
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
