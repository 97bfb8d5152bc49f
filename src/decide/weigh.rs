//! From hits to decisions: every row × company × threat gets one reason.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Input, answers, following, priority, rule, superseded};
use crate::model::decision::{Decision, Followed, Hit, Outcome, Reason};
use crate::model::identity::{FindingId, finding_form};
use crate::model::letter::Fact;
use crate::model::matches::MatchedBy;
use crate::model::observation::{Observation, Severity};
use crate::model::sighting::Gone;
use crate::model::threat::{Certainty, Spot, Threat, ThreatState, Trigger, Urgency};

/// Decisions in the order of the hits; those that may become a letter carry
/// [`Reason::FirstWarning`], [`Reason::Reminder`] or [`Reason::QuietDays`] already, as if each row
/// stood alone. Doubles are settled afterwards, in [`settle_doubles`].
pub(super) fn weigh(input: &Input<'_>) -> Vec<Decision> {
    let mut decisions = Vec::new();
    let book = following::book(input);
    for of_row in input.hits.chunk_by(is_same_row) {
        let before = decisions.len();
        for hit in best_by_company(input, of_row) {
            weigh_hit(input, hit, &mut decisions);
        }
        if let (Some(book), Some(of_row)) = (&book, decisions.get_mut(before..)) {
            following::settle(input, book, of_row);
        }
    }
    settle_doubles(&mut decisions);
    superseded::settle(input, &mut decisions);
    decisions
}

fn is_same_row(a: &Hit, b: &Hit) -> bool {
    a.observation.row == b.observation.row && a.observation.object == b.observation.object
}

/// The best match of a row for each company: surest first, then address before name, then the
/// narrowest. One row is one decision a company and threat, however many assets it met. An asset
/// that the company says is not its own speaks only where no other does.
fn best_by_company<'h>(input: &Input<'_>, hits: &'h [Hit]) -> Vec<&'h Hit> {
    let rank = |hit: &Hit| {
        let by = match hit.how.by {
            MatchedBy::Address => 0,
            MatchedBy::Name => 1,
            MatchedBy::Wildcard => 2,
            MatchedBy::Account => 3,
            MatchedBy::Asn => 4,
        };
        (
            answers::is_suspended(input, hit),
            Reverse(hit.how.confidence),
            by,
            !hit.how.is_most_specific,
            hit.how.asset,
        )
    };
    let mut best: BTreeMap<_, &Hit> = BTreeMap::new();
    for hit in hits {
        let kept = best.entry(&hit.asset.company).or_insert(hit);
        if hits.len() > 1 && rank(hit) < rank(kept) {
            *kept = hit;
        }
    }
    best.into_values().collect()
}

fn weigh_hit(input: &Input<'_>, hit: &Hit, decisions: &mut Vec<Decision>) {
    let Some(company) = input.companies.get(&hit.asset.company) else {
        return; // the register keeps no asset of an unknown company
    };
    let before = decisions.len();
    for threat in input.threats {
        let certainty = rule::judge(threat, &hit.observation);
        if certainty == Certainty::No {
            continue;
        }
        let target = target(hit);
        let Spot { port, protocol, .. } = spot(threat, &hit.observation);
        let form = finding_form(&company.key, &threat.id, &target, protocol.as_deref(), port);
        let finding = FindingId::of(&form);
        let trigger = trigger(input, threat, hit);
        let known = input.history.get(finding);
        let first_observed_at = known
            .map_or(hit.observation.observed_at, |k| k.first_observed_at)
            .min(hit.observation.observed_at);
        let (urgency, urgency_reason) = priority::urgency(
            &input.settings.urgent,
            &priority::Case {
                threat,
                observation: &hit.observation,
                confidence: hit.how.confidence,
                facts: input.facts,
                night: input.night,
                first_observed_at,
            },
        );
        let kind = company.party_kind;
        let reason = reason(input, threat, hit, kind, trigger.is_some(), finding);
        decisions.push(Decision {
            hit: hit.clone(),
            urgency,
            urgency_reason,
            company: Arc::clone(company),
            threat: Some(Arc::clone(threat)),
            certainty,
            reason,
            followed: Followed {
                findings: input.history.former_ids(finding),
                is_answer: answers::is_of_former_key(input, hit, reason),
            },
            trigger,
            finding: Some(finding),
            target,
            letter: None,
            recipient: None,
            contact_trail: Arc::default(),
            first_observed_at,
        });
    }
    if decisions.len() == before {
        decisions.push(Decision {
            hit: hit.clone(),
            urgency: Urgency::Normal,
            urgency_reason: String::new(),
            company: Arc::clone(company),
            threat: None,
            certainty: Certainty::No,
            trigger: None,
            finding: None,
            target: target(hit),
            reason: Reason::NoThreat,
            letter: None,
            recipient: None,
            contact_trail: Arc::default(),
            first_observed_at: hit.observation.observed_at,
            followed: Followed::default(),
        });
    }
}

/// Where the row was seen, as the threat's findings have it.
pub(super) fn spot(threat: &Threat, o: &Observation) -> Spot {
    threat.finding.spot(o.port, o.protocol.clone())
}

/// The canonical address if matched by address, the name if by name, the account's hash if by
/// mail domain (DECISIONS, section 2).
pub(super) fn target(hit: &Hit) -> String {
    let o = &hit.observation;
    let name = || {
        // Matching passes blanks over: they make no other name.
        o.hostname.as_deref().map(str::trim).map(|h| {
            h.parse::<crate::model::name::Domain>()
                .map_or_else(|()| h.to_lowercase(), |d| d.as_str().to_owned())
        })
    };
    let address = || o.ip.map(|ip| ip.to_string());
    let found = match hit.how.by {
        MatchedBy::Address | MatchedBy::Asn => address().or_else(name),
        MatchedBy::Name | MatchedBy::Wildcard => name().or_else(address),
        MatchedBy::Account => o.account_hash.clone().or_else(|| o.account_domain.clone()),
    };
    found.unwrap_or_else(|| hit.asset.canonical.clone())
}

/// The latest trigger of the threat that was open on the night and covers the feed; a trigger
/// that the row itself names goes first.
fn trigger(input: &Input<'_>, threat: &Threat, hit: &Hit) -> Option<Arc<Trigger>> {
    let o = &hit.observation;
    let is_open = |t: &&Arc<Trigger>| {
        t.threat_id == threat.id
            && t.opened_on <= input.night.date()
            && (t.feeds.is_empty() || t.feeds.iter().any(|f| **f == *o.feed))
    };
    let named = o.trigger_id.as_deref().and_then(|id| {
        let mut open = input.triggers.iter().filter(is_open);
        open.find(|t| t.id == id)
    });
    named
        .or_else(|| input.triggers.iter().rfind(|t| is_open(t)))
        .cloned()
}

fn reason(
    input: &Input<'_>,
    threat: &Threat,
    hit: &Hit,
    kind: crate::model::company::PartyKind,
    has_trigger: bool,
    finding: FindingId,
) -> Reason {
    match threat.state {
        ThreatState::Retired => return Reason::ThreatRetired,
        ThreatState::Shadow => return Reason::ThreatShadow,
        ThreatState::Active => {}
    }
    if !input.settings.write_to.contains(&kind) {
        return Reason::NotAddressable;
    }
    if is_too_slight(threat, hit.observation.severity) {
        return Reason::LowSeverity;
    }
    if hit.how.confidence < threat.min_confidence {
        return Reason::LowConfidence;
    }
    if !has_trigger {
        return Reason::NoTrigger;
    }
    if let Some(answered) = answers::reason(input, hit, finding) {
        return answered;
    }
    match input.history.get(finding) {
        None => Reason::FirstWarning,
        Some(known) => {
            let days = input.night.days_since(known.last_claimed_on);
            if is_back(input, threat, finding) && days > 0 {
                return Reason::Relapse;
            }
            // A past night sees later claims as recent: it never writes again.
            if days < i32::try_from(threat.remind_after_days).unwrap_or(i32::MAX) {
                breaks_through(input, hit, finding, days).unwrap_or(Reason::QuietDays)
            } else if known.is_taken_back {
                Reason::FirstWarning
            } else {
                Reason::Reminder
            }
        }
    }
}

/// Was it fixed for the threat's relapse days? Not seen, or somebody else's for a while, is not
/// fixed: then it is the same finding still, with its quiet days.
fn is_back(input: &Input<'_>, threat: &Threat, finding: FindingId) -> bool {
    let gone = input.history.place(finding).and_then(|p| p.gone);
    let fixed = gone.filter(|(_, how)| *how == Gone::Fixed);
    let since = fixed.map(|(night, _)| input.night.days_since(night.date()));
    let relapse = i32::try_from(threat.relapse_after_days).unwrap_or(i32::MAX);
    since.is_some_and(|days| days > 0 && days >= relapse)
}

/// What is worse than when it was written about is said at once.
fn breaks_through(input: &Input<'_>, hit: &Hit, finding: FindingId, days: i32) -> Option<Reason> {
    let then = &input.history.place(finding)?.item.evidence;
    // A past night never writes again.
    if days <= 0 {
        return None;
    }
    if then.in_kev == Some(false) && is_exploited(input, hit) {
        return Some(Reason::NewlyExploited);
    }
    // The first severity is the worst.
    let is_worse = hit.observation.severity? < then.severity?;
    is_worse.then_some(Reason::SeverityUp)
}

/// Is one of the row's CVEs known to be exploited?
pub(super) fn is_exploited(input: &Input<'_>, hit: &Hit) -> bool {
    let mut facts = priority::facts(input.facts, &hit.observation);
    facts.any(|fact| matches!(fact, Fact::Kev { .. }))
}

/// The first severity is the worst, so a later one is slighter.
fn is_too_slight(threat: &Threat, severity: Option<Severity>) -> bool {
    severity.is_some_and(|s| s > threat.min_severity)
}

/// Of several rows about one finding the latest stands in the letter; the others are the same
/// finding by another feed, or by an earlier row.
fn settle_doubles(decisions: &mut [Decision]) {
    let mut latest: BTreeMap<FindingId, (usize, i64)> = BTreeMap::new();
    let mut first: BTreeMap<FindingId, i64> = BTreeMap::new();
    for (i, d) in decisions.iter().enumerate() {
        let (Some(finding), Outcome::InLetters) = (d.finding, d.outcome()) else {
            continue;
        };
        let seen_at = d.hit.observation.observed_at;
        let kept = latest.entry(finding).or_insert((i, seen_at));
        if seen_at > kept.1 {
            *kept = (i, seen_at);
        }
        let earliest = first.entry(finding).or_insert(d.first_observed_at);
        *earliest = (*earliest).min(d.first_observed_at);
    }
    let feeds: BTreeMap<FindingId, Arc<str>> = latest
        .iter()
        .filter_map(|(f, (i, _))| Some((*f, Arc::clone(&decisions.get(*i)?.hit.observation.feed))))
        .collect();
    for (i, d) in decisions.iter_mut().enumerate() {
        let (Some(finding), Outcome::InLetters) = (d.finding, d.outcome()) else {
            continue;
        };
        if let Some(earliest) = first.get(&finding) {
            d.first_observed_at = *earliest;
        }
        if latest.get(&finding).is_some_and(|(kept, _)| *kept != i) {
            let same_feed = feeds.get(&finding) == Some(&d.hit.observation.feed);
            d.reason = if same_feed {
                Reason::SecondRow
            } else {
                Reason::SecondFeed
            };
        }
    }
}
