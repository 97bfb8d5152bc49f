//! What differs between the letters of two nights, or of one night under two jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use crate::diag::Failure;
use crate::model::identity::{FindingId, PartyRef};

/// One finding of a letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// Finding.
    pub finding_id: String,
    /// Threat.
    pub threat_id: String,
    /// First letter, reminder, …
    pub kind: String,
    /// Address or name, and port; empty where only the ledger knows the letter.
    pub place: String,
}

/// One letter of a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The company, as keyed hash.
    pub party: PartyRef,
    /// The company, for a person.
    pub company: String,
    /// Reference.
    pub reference: String,
    /// Channel.
    pub channel: String,
    /// The address, as keyed hash.
    pub contact: Option<PartyRef>,
    /// It would be held.
    pub is_held: bool,
    /// SHA-256 over its rendered forms; `None` where they cannot be compared.
    pub forms_sha256: Option<String>,
    /// Its findings.
    pub findings: BTreeMap<FindingId, Spot>,
}

/// A letter as the difference shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    company: String,
    reference: String,
    channel: String,
    is_held: bool,
    findings: Vec<Spot>,
}

/// A letter that both sides have, and not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    company: String,
    reference: String,
    reference_before: String,
    findings_added: Vec<Spot>,
    findings_gone: Vec<Spot>,
    other: Vec<String>,
}

/// The difference, by company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    nachtwacht_diff: u32,
    /// What is looked at.
    after: String,
    /// What it is held against.
    before: String,
    /// Letters of companies that got none before.
    pub added: Vec<Shown>,
    /// Letters of companies that get none now.
    pub gone: Vec<Shown>,
    /// Letters of companies that differ.
    pub changed: Vec<Changed>,
    /// Letters that are the same.
    pub same: usize,
}

/// Compares two sides, each with its name for a person.
#[must_use]
pub fn difference(before: (&str, &[Entry]), after: (&str, &[Entry])) -> Difference {
    let (old, new) = (by_party(before.1), by_party(after.1));
    let mut found = Difference {
        nachtwacht_diff: 1,
        after: after.0.to_owned(),
        before: before.0.to_owned(),
        added: Vec::new(),
        gone: Vec::new(),
        changed: Vec::new(),
        same: 0,
    };
    let parties: BTreeSet<&PartyRef> = old.keys().chain(new.keys()).collect();
    for party in parties {
        match (old.get(party), new.get(party)) {
            (None, Some(entry)) => found.added.push(shown(entry)),
            (Some(entry), None) => found.gone.push(shown(entry)),
            (Some(old), Some(new)) => match changed(old, new) {
                Some(changed) => found.changed.push(changed),
                None => found.same += 1,
            },
            (None, None) => {}
        }
    }
    found.added.sort_by(|a, b| a.company.cmp(&b.company));
    found.gone.sort_by(|a, b| a.company.cmp(&b.company));
    found.changed.sort_by(|a, b| a.company.cmp(&b.company));
    found
}

fn by_party(entries: &[Entry]) -> BTreeMap<PartyRef, &Entry> {
    entries.iter().map(|e| (e.party, e)).collect()
}

fn shown(entry: &Entry) -> Shown {
    Shown {
        company: entry.company.clone(),
        reference: entry.reference.clone(),
        channel: entry.channel.clone(),
        is_held: entry.is_held,
        findings: entry.findings.values().cloned().collect(),
    }
}

fn changed(old: &Entry, new: &Entry) -> Option<Changed> {
    let only = |a: &Entry, b: &Entry| -> Vec<Spot> {
        let missing = a
            .findings
            .iter()
            .filter(|(id, _)| !b.findings.contains_key(id));
        missing.map(|(_, spot)| spot.clone()).collect()
    };
    let mut other = Vec::new();
    if old.channel != new.channel {
        other.push(format!("by {}, was by {}", new.channel, old.channel));
    } else if old.contact != new.contact {
        other.push("to another address".to_owned());
    }
    if old.is_held != new.is_held {
        other.push(
            if new.is_held {
                "now held"
            } else {
                "no longer held"
            }
            .to_owned(),
        );
    }
    for (id, spot) in &new.findings {
        if let Some(was) = old.findings.get(id).filter(|was| was.kind != spot.kind) {
            other.push(format!(
                "{} {}: {}, was {}",
                spot.threat_id, spot.place, spot.kind, was.kind
            ));
        }
    }
    let changed = Changed {
        company: new.company.clone(),
        reference: new.reference.clone(),
        reference_before: old.reference.clone(),
        findings_added: only(new, old),
        findings_gone: only(old, new),
        other,
    };
    let is_same = changed.findings_added.is_empty()
        && changed.findings_gone.is_empty()
        && changed.other.is_empty();
    let has_other_words = match (&old.forms_sha256, &new.forms_sha256) {
        (Some(a), Some(b)) => a != b,
        _ => false,
    };
    match (is_same, has_other_words) {
        (true, false) => None,
        (true, true) => Some(Changed {
            other: vec!["the same findings in other words".to_owned()],
            ..changed
        }),
        (false, _) => Some(changed),
    }
}

/// The difference for people.
#[must_use]
pub fn text(d: &Difference) -> String {
    let mut out = format!(
        "{} against {}\n{} letters added, {} gone, {} changed, {} the same\n",
        d.after,
        d.before,
        d.added.len(),
        d.gone.len(),
        d.changed.len(),
        d.same
    );
    for (title, sign, letters) in [("added", '+', &d.added), ("gone", '-', &d.gone)] {
        if !letters.is_empty() {
            let _ = writeln!(out, "\n{title}");
        }
        for letter in letters {
            let held = if letter.is_held { "  held" } else { "" };
            let _ = writeln!(
                out,
                "  {}  {}  {}{held}",
                letter.company, letter.reference, letter.channel
            );
            spots(&letter.findings, sign, &mut out);
        }
    }
    if !d.changed.is_empty() {
        out.push_str("\nchanged\n");
    }
    for letter in &d.changed {
        let _ = writeln!(
            out,
            "  {}  {}, was {}",
            letter.company, letter.reference, letter.reference_before
        );
        spots(&letter.findings_added, '+', &mut out);
        spots(&letter.findings_gone, '-', &mut out);
        for what in &letter.other {
            let _ = writeln!(out, "    ~ {what}");
        }
    }
    out
}

fn spots(spots: &[Spot], sign: char, out: &mut String) {
    for spot in spots {
        let place = if spot.place.is_empty() {
            &spot.finding_id
        } else {
            &spot.place
        };
        let _ = writeln!(out, "    {sign} {}  {place}  {}", spot.threat_id, spot.kind);
    }
}

/// The difference for programs.
///
/// # Errors
/// `OurBug` where JSON cannot be written.
pub fn json(d: &Difference) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(d)
        .map_err(|e| Failure::our_bug(format!("writing the difference: {e}")))?;
    text.push('\n');
    Ok(text)
}
