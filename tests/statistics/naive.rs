//! The oracle: every cell counted by itself, straight from the definitions.

use std::collections::{BTreeMap, BTreeSet};

use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::ledger_record::{Claim, ClaimItem, LedgerView, ReceiptState};
use nachtwacht::statistics::{Counts, Dimension, Period};

/// Counts one cell the slow way, straight from the definitions.
pub fn naive(
    ledger: &LedgerView,
    tonight: &[Claim],
    period: &Period,
    dimension: Dimension,
    value: &str,
) -> Counts {
    let key = |c: &Claim| (c.letter_id, c.night, c.attempt);
    let mut all: Vec<Claim> = ledger
        .claims()
        .cloned()
        .chain(tonight.iter().cloned())
        .collect();
    all.sort_by_key(key);
    all.dedup_by_key(|c| key(c));
    let was_handed_over = |c: &Claim| {
        tonight.iter().any(|t| key(t) == key(c))
            || ledger.receipts().any(|r| {
                (r.letter_id, r.night, r.attempt) == key(c) && r.state == ReceiptState::HandedOver
            })
    };
    // An earlier try of the same letter: same id, nothing but later attempts in between.
    let is_repeated = |c: &Claim| {
        let mine: Vec<&Claim> = all
            .iter()
            .filter(|o| o.letter_id == c.letter_id && (o.night, o.attempt) <= (c.night, c.attempt))
            .collect();
        let begin = mine.iter().rposition(|o| o.attempt <= 1).unwrap_or(0);
        mine[begin..]
            .iter()
            .any(|o| (o.night, o.attempt) < (c.night, c.attempt) && was_handed_over(o))
    };
    let mut counts = Counts::default();
    let (mut triggers, mut findings, mut companies) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut assets, mut participants) = (BTreeSet::new(), BTreeSet::new());
    for claim in &all {
        if !period.contains(claim.night) || !was_handed_over(claim) {
            continue;
        }
        let items: Vec<&ClaimItem> = claim
            .items
            .iter()
            .filter(|i| has_value(claim, i, dimension, value))
            .collect();
        if items.is_empty() {
            continue;
        }
        if is_repeated(claim) {
            counts.attempts += 1;
            continue;
        }
        counts.letters += 1;
        let mut pairs: BTreeMap<&str, Vec<ItemKind>> = BTreeMap::new();
        for item in items {
            pairs.entry(&item.trigger_id).or_default().push(item.kind);
            if item.kind == ItemKind::First {
                triggers.insert(item.trigger_id.clone());
            }
            if item.kind != ItemKind::Correction {
                findings.insert(item.finding_id);
                assets.insert(item.asset_ref);
                companies.insert(claim.party_ref);
                if claim.frozen.participant {
                    participants.insert(claim.party_ref);
                }
            }
        }
        for kinds in pairs.values() {
            let counter = if kinds.contains(&ItemKind::First) {
                &mut counts.first_warnings
            } else if kinds.contains(&ItemKind::Relapse) {
                &mut counts.relapses
            } else if kinds.contains(&ItemKind::Escalation) {
                &mut counts.escalations
            } else if kinds.contains(&ItemKind::Reminder) {
                &mut counts.reminders
            } else {
                &mut counts.corrections
            };
            *counter += 1;
        }
    }
    counts.notifications = counts.first_warnings + counts.relapses + counts.escalations;
    counts.triggers = triggers.len() as u64;
    counts.findings = findings.len() as u64;
    counts.companies = companies.len() as u64;
    counts.assets = assets.len() as u64;
    counts.participants = participants.len() as u64;
    counts
}

fn has_value(claim: &Claim, item: &ClaimItem, dimension: Dimension, value: &str) -> bool {
    let frozen = &claim.frozen;
    match dimension {
        Dimension::Total => true,
        Dimension::Threat => *item.threat_id == *value,
        Dimension::Trigger => *item.trigger_id == *value,
        Dimension::Sector => {
            let section = match (frozen.sector.as_ref(), frozen.sector_scheme.as_ref()) {
                ("", _) => "",
                ("6201", "SBI2025") => "SBI2025:K",
                ("6201", _) => "J",
                ("85", "SBI2025") => "SBI2025:Q",
                ("85", _) => "P",
                ("01131", "SBI2025") => "SBI2025:A",
                _ => "A",
            };
            section == value
        }
        Dimension::SectorCode => {
            value.rsplit(':').next() == Some(&frozen.sector)
                && value.contains(':')
                    == (&*frozen.sector_scheme == "SBI2025" && !frozen.sector.is_empty())
        }
        Dimension::Province => *frozen.province == *value,
        Dimension::SizeClass => *frozen.size_class == *value,
        Dimension::PartyKind => frozen.party_kind.as_str() == value,
        Dimension::Participation => frozen.participant == (value == "participant"),
        Dimension::Urgency => item.urgency.as_str() == value,
        Dimension::Channel => claim.channel.as_str() == value,
        Dimension::Feed => *item.feed == *value,
    }
}
