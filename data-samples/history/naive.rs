//! What the sightings alone let one expect, counted with loops: an oracle for the real run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::replay::Told;
use super::{PARTICIPANTS, Year};

/// Days after which a letter is repeated, as the threats of the year say.
fn remind_after(threat: &str) -> i32 {
    if threat.starts_with("compromised") {
        14
    } else {
        28
    }
}

/// The figures of a span, both ends inside.
#[must_use]
pub fn told(year: &Year, from: Date, until: Date) -> Told {
    // Last letter about a finding: company, threat, port, system.
    let mut last: BTreeMap<(usize, &str, i32, u8), Date> = BTreeMap::new();
    let (mut triggers, mut companies) = (BTreeSet::new(), BTreeSet::new());
    // A notification is a company and an occasion on one night.
    let mut notifications: BTreeSet<(usize, usize, Date)> = BTreeSet::new();
    for s in &year.sightings {
        let seen = year.occasions[s.occasion].seen;
        let finding = (s.firm, seen.threat, seen.port, s.host);
        let days = |since: &Date| since.until(s.on).unwrap().get_days();
        let before = last.get(&finding).copied();
        if before.is_some_and(|b| days(&b) < remind_after(seen.threat)) {
            continue;
        }
        last.insert(finding, s.on);
        if !(from..=until).contains(&s.on) {
            continue;
        }
        companies.insert(s.firm);
        if before.is_none() {
            triggers.insert(s.occasion);
            notifications.insert((s.firm, s.occasion, s.on));
        }
    }
    let mut of: BTreeMap<usize, u64> = BTreeMap::new();
    for (firm, _, _) in notifications.iter().filter(|n| n.0 < PARTICIPANTS) {
        *of.entry(*firm).or_default() += 1;
    }
    Told {
        triggers: triggers.len() as u64,
        companies: companies.len() as u64,
        participants: of.len() as u64,
        notifications: of.values().sum(),
        several: of.values().filter(|n| **n > 1).count() as u64,
    }
}
