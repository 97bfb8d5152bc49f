//! What releases a held night: the approvals that are recorded, for whoever reads the status.

use serde::Serialize;

/// How far a held night is from going on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Release {
    /// SHA-256 of its letters.plan.json: what `approve --plan` takes.
    pub plan_sha256: String,
    /// Keys that must approve it.
    pub needed: usize,
    /// Approvals that hold.
    pub by: Vec<ApprovedBy>,
    /// Approvals that do not hold.
    pub refused: Vec<Refused>,
    /// `nachtwacht baseline` lifted all that held it.
    pub by_baseline: bool,
    /// No approval goes past a clock that is wrong.
    pub is_clock_off: bool,
    /// The next run hands it over, without a person.
    pub is_released: bool,
}

/// An approval that holds. When it was signed is not recorded, only until when it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovedBy {
    /// Name of the key in `[brakes.signers]` of the job.
    pub name: String,
    /// Fingerprint of the key.
    pub key: String,
    /// From then on it permits nothing: UTC, RFC 3339.
    pub until: String,
}

/// An approval that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Fingerprint of the key.
    pub key: String,
    /// Why.
    pub why: String,
}

impl Release {
    /// Lines for people, none longer than a mail allows.
    pub(super) fn lines(&self) -> Vec<String> {
        if self.by_baseline {
            return vec!["released by `nachtwacht baseline`: the next run hands it over".into()];
        }
        if self.is_clock_off {
            return vec![
                "no approval goes past a wrong clock: set it right, and run it again".into(),
            ];
        }
        let (n, needed) = (self.by.len(), self.needed);
        let mut lines = Vec::new();
        if self.is_released {
            lines.push(format!(
                "approved: {n} of {needed} keys; the next run hands it over"
            ));
        } else {
            lines.push(format!("waits: {n} of {needed} keys approve the plan"));
            lines.push(self.plan_sha256.clone());
        }
        let by = self.by.iter();
        lines.extend(by.map(|a| format!("approved by {}, until {}", a.name, a.until)));
        let refused = self.refused.iter();
        lines.extend(refused.map(|r| format!("an approval does not hold: {}", r.why)));
        lines
    }
}
