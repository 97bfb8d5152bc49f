//! What the ledger says about findings: when each was written about, and since when it is open.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::model::identity::FindingId;
use crate::model::ledger_record::LedgerView;
use crate::model::night::Micros;

/// What is known of one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Night of the latest claim that holds it.
    pub last_claimed_on: Date,
    /// Earliest time at which it was seen.
    pub first_observed_at: Micros,
}

/// Findings by id, from the claims of a ledger view.
#[derive(Clone, Debug, Default)]
pub struct History(BTreeMap<FindingId, Known>);

impl History {
    /// Reads the claims; the view must be the one that the night is pinned to.
    #[must_use]
    pub fn of(view: &LedgerView) -> Self {
        let mut findings = BTreeMap::new();
        for claim in view.claims() {
            let night = claim.night.date();
            for item in &claim.items {
                let known = findings.entry(item.finding_id).or_insert(Known {
                    last_claimed_on: night,
                    first_observed_at: item.first_observed_at,
                });
                known.last_claimed_on = known.last_claimed_on.max(night);
                known.first_observed_at = known.first_observed_at.min(item.first_observed_at);
            }
        }
        Self(findings)
    }

    /// What is known of a finding; `None` where no claim holds it.
    #[must_use]
    pub fn get(&self, finding: FindingId) -> Option<Known> {
        self.0.get(&finding).copied()
    }
}
