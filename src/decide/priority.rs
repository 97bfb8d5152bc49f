//! Urgent or normal: by rules of the job that anybody can read, and with the rule in the answer.
//!
//! There is no score. A finding is urgent if one rule holds whole; which one, and by which facts,
//! stands with the decision.

use std::collections::BTreeMap;

use crate::model::letter::Fact;
use crate::model::matches::Confidence;
use crate::model::night::{Micros, Night, local_date};
use crate::model::observation::{Observation, Severity};
use crate::model::threat::{Threat, Urgency};

/// One rule: everything that it names must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrgentRule {
    /// What a person calls it; printed with every decision that it made.
    pub name: String,
    /// Ids of threats, any of them; empty means all.
    pub threat: Vec<String>,
    /// The threat's own urgency.
    pub threat_urgency: Option<Urgency>,
    /// This severity or a worse one; an observation without severity does not hold.
    pub min_severity: Option<Severity>,
    /// A CVE of the observation is on the KEV list, or none is.
    pub kev: Option<bool>,
    /// A CVE of the observation has this EPSS score at least, percent.
    pub min_epss_percent: Option<u8>,
    /// The match is this sure at least.
    pub min_confidence: Option<Confidence>,
    /// Seen at most this many days before the night.
    pub seen_within_days: Option<u32>,
    /// First seen at least this many days before the night.
    pub open_for_days: Option<u32>,
}

/// A finding and what is known about it.
pub struct Case<'a> {
    /// The threat.
    pub threat: &'a Threat,
    /// What was seen.
    pub observation: &'a Observation,
    /// How surely it is the company's.
    pub confidence: Confidence,
    /// Public facts by CVE.
    pub facts: &'a BTreeMap<String, Vec<Fact>>,
    /// The night.
    pub night: Night,
    /// First seen.
    pub first_observed_at: Micros,
}

/// Judges a case; without rules the threat's own urgency counts. The text says why.
#[must_use]
pub fn urgency(rules: &[UrgentRule], case: &Case<'_>) -> (Urgency, String) {
    if rules.is_empty() {
        let urgency = case.threat.urgency;
        return (
            urgency,
            format!("the threat is {urgency}; the job has no rule"),
        );
    }
    let mut lacking = Vec::new();
    for rule in rules {
        match judge(rule, case) {
            Ok(because) => {
                return (
                    Urgency::Urgent,
                    format!("rule `{}`: {}", rule.name, because.join(", ")),
                );
            }
            Err(why) => lacking.push(format!("`{}`: {why}", rule.name)),
        }
    }
    (
        Urgency::Normal,
        format!("no rule holds: {}", lacking.join("; ")),
    )
}

/// What makes the rule hold, or the first thing for which it does not.
fn judge(rule: &UrgentRule, case: &Case<'_>) -> Result<Vec<String>, String> {
    let mut because = Vec::new();
    let mut needs = |holds: bool, is: String| {
        if holds {
            because.push(is);
            Ok(())
        } else {
            Err(is)
        }
    };
    let o = case.observation;
    if !rule.threat.is_empty() {
        needs(
            rule.threat.contains(&case.threat.id),
            format!("threat {}", case.threat.id),
        )?;
    }
    if let Some(wanted) = rule.threat_urgency {
        let found = case.threat.urgency;
        needs(found == wanted, format!("the threat is {found}"))?;
    }
    if let Some(least) = rule.min_severity {
        // The first severity is the worst.
        let shown = o.severity.map_or("unknown", Severity::as_str);
        needs(
            o.severity.is_some_and(|s| s <= least),
            format!("severity {shown}"),
        )?;
    }
    if let Some(wanted) = rule.kev {
        let found = kev(case);
        let shown = found
            .clone()
            .unwrap_or_else(|| "not on the KEV list".into());
        needs(found.is_some() == wanted, shown)?;
    }
    if let Some(least) = rule.min_epss_percent {
        let found = epss(case);
        let holds = found.is_some_and(|score| score >= u16::from(least) * 100);
        let shown = found.map_or_else(|| "no EPSS score".into(), |s| format!("EPSS {}%", s / 100));
        needs(holds, shown)?;
    }
    if let Some(least) = rule.min_confidence {
        let shown = format!("confidence {}", case.confidence);
        needs(case.confidence >= least, shown)?;
    }
    if let Some(most) = rule.seen_within_days {
        let age = age_days(case.night, o.observed_at);
        needs(age <= i64::from(most), format!("seen {age} days before"))?;
    }
    if let Some(least) = rule.open_for_days {
        let age = age_days(case.night, case.first_observed_at);
        needs(
            age >= i64::from(least),
            format!("first seen {age} days before"),
        )?;
    }
    Ok(because)
}

/// What is known in public of a row's CVEs.
pub(super) fn facts<'a>(
    of: &'a BTreeMap<String, Vec<Fact>>,
    row: &'a Observation,
) -> impl Iterator<Item = &'a Fact> {
    row.cves.iter().filter_map(|cve| of.get(cve)).flatten()
}

fn kev(case: &Case<'_>) -> Option<String> {
    facts(case.facts, case.observation).find_map(|fact| match fact {
        Fact::Kev { cve, since, as_of } => Some(format!(
            "{cve} on the KEV list since {since} (list of {as_of})"
        )),
        _ => None,
    })
}

fn epss(case: &Case<'_>) -> Option<u16> {
    let scores = facts(case.facts, case.observation).filter_map(|fact| match fact {
        Fact::Epss { per_10_000, .. } => Some(*per_10_000),
        _ => None,
    });
    scores.max()
}

/// Whole days from the UTC date of a moment to the night.
fn age_days(night: Night, at: Micros) -> i64 {
    let date = local_date(at, &jiff::tz::TimeZone::UTC);
    date.map_or(i64::MAX, |date| i64::from(night.days_since(date)))
}
