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
    // Everything in it stood in earlier tries: same company, finding, trigger and kind, nothing but
    // later attempts in between.
    let when = |c: &Claim| (c.night, c.attempt);
    let was_told = |c: &Claim, item: &ClaimItem| {
        let same = |i: &ClaimItem| {
            (i.finding_id, &i.trigger_id, i.kind) == (item.finding_id, &item.trigger_id, item.kind)
        };
        let is_earlier = |o: &&Claim| {
            o.party_ref == c.party_ref && when(o) < when(c) && o.items.iter().any(same)
        };
        let earlier: Vec<&Claim> = all.iter().filter(is_earlier).collect();
        let firsts = earlier.iter().filter(|o| o.attempt <= 1);
        let begin = firsts.map(|o| when(o)).max();
        let mut since = earlier
            .iter()
            .filter(|o| begin.is_none_or(|begin| when(o) >= begin));
        since.any(|o| was_handed_over(o))
    };
    let is_repeated =
        |c: &Claim| c.attempt > 1 && !c.items.is_empty() && c.items.iter().all(|i| was_told(c, i));
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
