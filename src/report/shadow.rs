//! What threats in shadow would have done on a night: one row a threat.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Failure;
use crate::model::company::CompanyKey;
use crate::model::counts::Outcomes;
use crate::model::decision::{Decision, Outcome};
use crate::model::night_csv::night_csv;

/// One threat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowRow {
    /// Its identifier.
    pub threat_id: String,
    /// Row × company pairs, by what would have become of them.
    pub decisions: Outcomes,
    /// Distinct findings in letters.
    pub findings: u64,
    /// Distinct companies that would have been told.
    pub companies: u64,
    /// Of these, the ones that get no letter tonight about anything else.
    pub more_letters: u64,
}

/// Counts a rehearsal; `told` are companies that get a letter tonight anyway. Sorted by threat.
#[must_use]
pub fn shadow_rows(rehearsed: &[Decision], told: &BTreeSet<&CompanyKey>) -> Vec<ShadowRow> {
    let mut by_threat: BTreeMap<&str, Vec<&Decision>> = BTreeMap::new();
    for d in rehearsed {
        if let Some(threat) = &d.threat {
            by_threat.entry(&threat.id).or_default().push(d);
        }
    }
    let row = |(threat_id, decisions): (&str, Vec<&Decision>)| {
        let mut outcomes = Outcomes::default();
        for d in &decisions {
            outcomes.add(d.outcome());
        }
        let in_letters = decisions
            .iter()
            .filter(|d| d.outcome() == Outcome::InLetters);
        let companies: BTreeSet<_> = in_letters.clone().map(|d| &d.company.key).collect();
        let findings: BTreeSet<_> = in_letters.map(|d| d.finding).collect();
        ShadowRow {
            threat_id: threat_id.to_owned(),
            decisions: outcomes,
            findings: len(findings.len()),
            companies: len(companies.len()),
            more_letters: len(companies.difference(told).count()),
        }
    };
    by_threat.into_iter().map(row).collect()
}

/// The table as CSV. `status` says in every row what it may be used for.
///
/// # Errors
/// `OurBug`: the writer refuses.
pub fn shadow_csv(
    rows: &[ShadowRow],
    status: &str,
    night: &str,
    separator: u8,
) -> Result<Vec<u8>, Failure> {
    let header = [
        "threat_id",
        "decisions",
        "below_policy",
        "suppressed",
        "held",
        "in_letters",
        "findings",
        "companies",
        "more_letters",
    ];
    let rows = rows.iter().map(|row| {
        let o = &row.decisions;
        let counts = [
            o.total(),
            o.below_policy,
            o.suppressed,
            o.held,
            o.in_letters,
            row.findings,
            row.companies,
            row.more_letters,
        ];
        ([row.threat_id.as_str()], counts)
    });
    night_csv(&header, [status, night], separator, rows)
}

fn len(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
