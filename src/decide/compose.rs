//! From decisions to letters: one a company, most urgent first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::contact::{Book, Chosen};
use super::{Drafted, Input};
use super::{priority, weigh};
use crate::model::company::{Channel, CompanyKey};
use crate::model::decision::{Decision, Hit, ItemKind, Outcome, Reason};
use crate::model::identity::{Item, LetterId, PartyRef, Reference};
use crate::model::ledger_record::{ClaimItem, Evidence};
use crate::model::letter::{Fact, Letter, LetterFinding, LetterSection};
use crate::model::matches::MatchedBy;
use crate::model::threat::Urgency;

/// Writes the letter of each company that has a decision with [`Outcome::InLetters`], and marks
/// those decisions with letter, contact and, where the letter is held, the reason.
pub(super) fn compose(input: &Input<'_>, decisions: &mut [Decision]) -> Vec<Drafted> {
    let book = Book::new(input);
    let mut of_company: BTreeMap<CompanyKey, Vec<usize>> = BTreeMap::new();
    for (i, d) in decisions.iter().enumerate() {
        if d.outcome() == Outcome::InLetters {
            of_company.entry(d.company.key.clone()).or_default().push(i);
        }
    }
    let mut letters = Vec::with_capacity(of_company.len());
    let mut trails = Vec::with_capacity(of_company.len());
    for rows in of_company.values() {
        let chosen: Vec<&Decision> = rows.iter().filter_map(|i| decisions.get(*i)).collect();
        let Some(first) = chosen.first() else {
            continue;
        };
        let (mut contact, mut trail) = book.choose(&first.company, &chosen);
        if let Some(by_post) = escalated(input, &book, &contact, &chosen) {
            contact = by_post;
            trail.push("reminders of what an e-mail did not change: by post".to_owned());
            for i in rows {
                if let Some(d) = decisions.get_mut(*i) {
                    d.reason = Reason::Escalation;
                }
            }
        }
        let chosen: Vec<&Decision> = rows.iter().filter_map(|i| decisions.get(*i)).collect();
        letters.push(draft(input, &chosen, contact));
        trails.push(trail);
    }
    let over = over_the_limit(input, &mut letters);
    for ((rows, drafted), trail) in of_company.values().zip(&letters).zip(trails) {
        mark(decisions, rows, drafted, &over);
        let trail: Arc<[String]> = trail.into();
        for i in rows {
            if let Some(d) = decisions.get_mut(*i) {
                d.contact_trail = Arc::clone(&trail);
            }
        }
    }
    letters
}

/// A letter of nothing but reminders, all of what was last written about by e-mail, goes by post:
/// the same mail once more would change nothing.
fn escalated(
    input: &Input<'_>,
    book: &Book<'_>,
    contact: &Chosen,
    chosen: &[&Decision],
) -> Option<Chosen> {
    let was_mailed = |d: &&Decision| {
        let known = d.finding.and_then(|f| input.history.get(f));
        d.reason == Reason::Reminder && known.is_some_and(|k| k.last_channel == Channel::Email)
    };
    let is_mail = contact.is_usable && contact.recipient.channel == Channel::Email;
    let first = chosen.first()?;
    (is_mail && chosen.iter().all(was_mailed))
        .then(|| book.escalated(&first.company))
        .flatten()
}

/// A letter that its contact refused.
pub struct Refused<'a> {
    /// The letter.
    pub drafted: &'a Drafted,
    /// The mailboxes that refused it.
    pub passed: BTreeSet<PartyRef>,
    /// The attempt that is due.
    pub attempt: u32,
}

/// The same letters, each to its company's next contact; those for whom nobody is left are gone.
#[must_use]
pub fn to_next_contacts(
    input: &Input<'_>,
    decisions: &[Decision],
    refused: Vec<Refused<'_>>,
) -> Vec<Drafted> {
    let mut rows: BTreeMap<LetterId, Vec<&Decision>> = BTreeMap::new();
    for r in &refused {
        rows.insert(r.drafted.letter.id, Vec::new());
    }
    for d in decisions {
        if let Some(of_letter) = d.letter.and_then(|id| rows.get_mut(&id)) {
            of_letter.push(d);
        }
    }
    let mut book = Book::new(input);
    let mut drafts = Vec::new();
    for r in refused {
        let letter = &r.drafted.letter;
        let of_letter = rows.remove(&letter.id).unwrap_or_default();
        book.passed = r.passed;
        let chosen = match letter.overview {
            Some(_) => book.choose_own(&letter.company),
            None => book.choose(&letter.company, &of_letter).0,
        };
        if chosen.is_usable {
            drafts.push(Drafted {
                letter: Letter {
                    addressee: chosen.addressee,
                    recipient: chosen.recipient,
                    attempt: r.attempt,
                    ..letter.clone()
                },
                ..r.drafted.clone()
            });
        }
    }
    drafts
}

fn draft(input: &Input<'_>, chosen: &[&Decision], contact: Chosen) -> Drafted {
    let mut items: Vec<ClaimItem> = chosen.iter().filter_map(|d| item(input, d)).collect();
    items.sort_by(|a, b| (&a.threat_id, a.finding_id).cmp(&(&b.threat_id, b.finding_id)));
    let named: Vec<Item> = items.iter().map(ClaimItem::named).collect();
    let company = chosen.first().map_or_else(
        || Arc::clone(&contact.addressee),
        |d| Arc::clone(&d.company),
    );
    let id = LetterId::of(&company.key, &named);
    let attempt = input.history.attempt(items.iter().map(|i| i.finding_id));
    Drafted {
        letter: Letter {
            id,
            reference: Reference::of(input.verification_key, input.night, id),
            night: input.night,
            language: company.language,
            company,
            addressee: contact.addressee,
            recipient: contact.recipient,
            attempt,
            sections: sections(input, chosen),
            correction: None,
            overview: None,
        },
        items,
        is_sendable: contact.is_usable,
    }
}

fn item(input: &Input<'_>, d: &Decision) -> Option<ClaimItem> {
    let (threat, trigger) = (d.threat.as_ref()?, d.trigger.as_ref()?);
    Some(ClaimItem {
        threat_id: threat.id.as_str().into(),
        trigger_id: trigger.id.as_str().into(),
        finding_id: d.finding?,
        kind: kind(d.reason),
        urgency: d.urgency,
        feed: Arc::clone(&d.hit.observation.feed),
        asset_ref: PartyRef::of_asset(input.party_key, &d.hit.asset.canonical),
        first_observed_at: d.first_observed_at,
        observed_at: d.hit.observation.observed_at,
        evidence: Evidence {
            severity: d.hit.observation.severity,
            in_kev: Some(weigh::is_exploited(input, &d.hit)),
            report: Some(Arc::clone(&d.hit.observation.report)),
            port: d.hit.observation.port,
        },
    })
}

const fn kind(reason: Reason) -> ItemKind {
    match reason {
        Reason::Reminder | Reason::SeverityUp | Reason::NewlyExploited => ItemKind::Reminder,
        Reason::Escalation => ItemKind::Escalation,
        Reason::Relapse => ItemKind::Relapse,
        _ => ItemKind::First,
    }
}

fn sections(input: &Input<'_>, chosen: &[&Decision]) -> Vec<LetterSection> {
    let mut of_threat: BTreeMap<&str, Vec<&Decision>> = BTreeMap::new();
    for d in chosen {
        if let Some(threat) = &d.threat {
            of_threat.entry(&threat.id).or_default().push(d);
        }
    }
    let mut sections: Vec<LetterSection> = of_threat
        .into_values()
        .filter_map(|rows| section(input, &rows))
        .collect();
    // Most urgent first; then the worst severity; the id makes the order total.
    let worst = |s: &LetterSection| s.findings.iter().filter_map(|f| f.severity).min();
    sections.sort_by(|a, b| {
        let key = |s: &LetterSection| (s.urgency, worst(s).is_none(), worst(s));
        key(a)
            .cmp(&key(b))
            .then_with(|| a.threat.id.cmp(&b.threat.id))
    });
    sections
}

fn section(input: &Input<'_>, rows: &[&Decision]) -> Option<LetterSection> {
    let newest = rows
        .iter()
        .max_by_key(|d| d.trigger.as_ref().map(|t| (t.opened_on, t.id.clone())))?;
    let (threat, trigger) = (newest.threat.clone()?, newest.trigger.clone()?);
    let of_rows = rows.iter().map(|d| &d.hit.observation);
    let facts: BTreeSet<&Fact> = of_rows
        .flat_map(|row| priority::facts(input.facts, row))
        .collect();
    let mut findings: Vec<LetterFinding> = rows.iter().filter_map(|d| finding(d)).collect();
    findings.sort_by(|a, b| (a.ip, &a.target, a.port, a.id).cmp(&(b.ip, &b.target, b.port, b.id)));
    show_once(&mut findings);
    // The first urgency is the more urgent one.
    let urgency = rows.iter().map(|d| d.urgency).min()?;
    Some(LetterSection {
        urgency,
        threat,
        trigger,
        facts: facts.into_iter().cloned().collect(),
        findings,
    })
}

/// The same spot matched by address and by name is two findings, shown once in the letter:
/// the one matched by address stays (DECISIONS, section 2).
fn show_once(findings: &mut Vec<LetterFinding>) {
    let by_address: BTreeSet<_> = findings
        .iter()
        .filter(|f| f.ip.is_some_and(|ip| ip.to_string() == f.target))
        .map(|f| (f.ip, f.port, f.protocol.clone()))
        .collect();
    findings.retain(|f| {
        let is_address = f.ip.is_some_and(|ip| ip.to_string() == f.target);
        is_address || !by_address.contains(&(f.ip, f.port, f.protocol.clone()))
    });
}

fn finding(d: &Decision) -> Option<LetterFinding> {
    let o = &d.hit.observation;
    let threat = d.threat.as_ref()?;
    let spot = weigh::spot(threat, o);
    let is_machine = threat.finding.is_machine();
    // Reports of scans tell of a port that answered, the others from which one the machine called.
    let is_answering = is_machine && o.report.starts_with("scan");
    Some(LetterFinding {
        id: d.finding?,
        target: d.target.clone(),
        ip: o.ip,
        hostname: o.hostname.clone(),
        account_domain: account_domain(&d.hit),
        port: spot.port.or(o.port.filter(|_| is_answering)),
        protocol: spot.protocol,
        source_port: spot.source_port.filter(|_| !is_answering),
        tags: o.tags.iter().filter(|_| is_machine).cloned().collect(),
        product: o.product.clone(),
        version: o.version.clone(),
        cves: o.cves.clone(),
        severity: o.severity,
        observed_at: o.observed_at,
        first_observed_at: d.first_observed_at,
        snapshot_date: o.snapshot_date,
        feed: o.feed.to_string(),
        report: o.report.to_string(),
        tlp: o.tlp.clone(),
        asset: d.hit.asset.canonical.clone(),
        matched_by: d.hit.how.by,
        confidence: d.hit.how.confidence,
        certainty: d.certainty,
        kind: kind(d.reason),
    })
}

/// At which domain the leaked account is: the row's own, which may lie below the registered one.
fn account_domain(hit: &Hit) -> Option<String> {
    let of_row = || hit.observation.account_domain.clone();
    (hit.how.by == MatchedBy::Account)
        .then(|| of_row().unwrap_or_else(|| hit.asset.canonical.clone()))
}

/// Letters beyond the job's limit, oldest urgent first; they are held, and named here.
fn over_the_limit(input: &Input<'_>, letters: &mut [Drafted]) -> BTreeSet<CompanyKey> {
    let Some(limit) = input.settings.max_letters else {
        return BTreeSet::new();
    };
    let mut order: Vec<(bool, i64, CompanyKey)> = letters
        .iter()
        .filter(|l| l.is_sendable)
        .map(|l| {
            let is_urgent = l.items.iter().any(|i| i.urgency == Urgency::Urgent);
            let oldest = l.items.iter().map(|i| i.first_observed_at).min();
            (
                !is_urgent,
                oldest.unwrap_or(i64::MAX),
                l.letter.company.key.clone(),
            )
        })
        .collect();
    order.sort();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let over: BTreeSet<CompanyKey> = order
        .into_iter()
        .skip(limit)
        .map(|(_, _, key)| key)
        .collect();
    for drafted in letters.iter_mut() {
        if over.contains(&drafted.letter.company.key) {
            drafted.is_sendable = false;
        }
    }
    over
}

fn mark(
    decisions: &mut [Decision],
    rows: &[usize],
    drafted: &Drafted,
    over: &BTreeSet<CompanyKey>,
) {
    for i in rows {
        let Some(d) = decisions.get_mut(*i) else {
            continue;
        };
        d.letter = Some(drafted.letter.id);
        d.recipient = Some(drafted.letter.recipient.clone());
        if !drafted.is_sendable {
            let is_over = over.contains(&drafted.letter.company.key);
            d.reason = if is_over {
                Reason::OverMaxLetters
            } else {
                Reason::NoContact
            };
        }
    }
}
