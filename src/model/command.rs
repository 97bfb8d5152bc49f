//! Commands about a night's plan, as messages print them: a person copies what stands there, so it
//! must name the very plan.

use super::ledger_record::{Claim, LedgerView, PinnedNight};
use super::night::Night;

/// `nachtwacht run …` for a plan. Its revision is named where it is not the night's first plan.
#[must_use]
pub fn run(job: impl std::fmt::Display, night: Night, revision: u32) -> String {
    format!("nachtwacht run {job} --night {night}{}", option(revision))
}

/// `nachtwacht approve …` for a plan with this hash.
#[must_use]
pub fn approve(night: Night, revision: u32, plan_sha256: &str) -> String {
    format!(
        "nachtwacht approve {night}{} --plan {plan_sha256}",
        option(revision)
    )
}

fn option(revision: u32) -> String {
    match revision {
        0 => String::new(),
        revision => format!(" --revision {revision}"),
    }
}

impl LedgerView {
    /// The night's newest plan: what a command without `--revision` is about. 0 where it has none.
    #[must_use]
    pub fn newest_revision(&self, night: Night) -> u32 {
        self.newest_plan(night).map_or(0, |pin| pin.revision)
    }

    /// The night's newest plan.
    #[must_use]
    pub fn newest_plan(&self, night: Night) -> Option<&PinnedNight> {
        let of_night = self.nights().filter(|pin| pin.night == night);
        of_night.max_by_key(|pin| pin.revision)
    }

    /// The plan whose letter this is; `None` for a correction, which is of no night's plan.
    #[must_use]
    pub fn plan_of(&self, claim: &Claim) -> Option<&PinnedNight> {
        let mut pins: Vec<&PinnedNight> =
            self.nights().filter(|p| p.night == claim.night).collect();
        // A letter that an earlier plan of the night claimed as well is of the latest that may send it.
        pins.sort_by_key(|pin| pin.revision);
        let is_ours = |pin: &PinnedNight| {
            let mut claims = self.claims_under(pin).into_iter();
            claims.any(|c| c.key() == claim.key())
        };
        pins.into_iter().rev().find(|pin| is_ours(pin))
    }
}
