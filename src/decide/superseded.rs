//! A threat that another one of the same company makes superfluous at the same spot is left out,
//! as long as the company is told, or was told, of the stronger one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::weigh::spot;
use super::{Input, answers};
use crate::model::company::CompanyKey;
use crate::model::decision::{Decision, Outcome, Reason};
use crate::model::identity::{FindingId, finding_form};
use crate::model::sighting::Gone;
use crate::model::threat::{Threat, ThreatState};

/// Company, target and port.
type Spot = (CompanyKey, String, Option<u16>);

/// Marks the weaker ones. Doubles are settled before, contacts are chosen after: a stronger one
/// that waits for a contact speaks for the weaker, which has no other contact.
pub(super) fn settle(input: &Input<'_>, decisions: &mut [Decision]) {
    let mut stronger: BTreeMap<&str, Vec<&Arc<Threat>>> = BTreeMap::new();
    for threat in input.threats {
        for weaker in &threat.supersedes {
            stronger.entry(weaker).or_default().push(threat);
        }
    }
    if stronger.is_empty() {
        return;
    }
    let tonight = tonight(decisions);
    for d in decisions.iter_mut() {
        if d.outcome() != Outcome::InLetters {
            continue;
        }
        let (Some(here), Some(weaker)) = (place(d), &d.threat) else {
            continue;
        };
        let mut of_weaker = stronger.get(weaker.id.as_str()).into_iter().flatten();
        let is_told = of_weaker.any(|strong| {
            let seen = tonight.get(&here).and_then(|of| of.get(&strong.id));
            seen.copied()
                .unwrap_or_else(|| was_told(input, strong, &here, d))
        });
        if is_told {
            d.reason = Reason::Superseded;
        }
    }
}

/// Threats that supersede others, where they are seen tonight, and whether one speaks there.
fn tonight(decisions: &[Decision]) -> BTreeMap<Spot, BTreeMap<String, bool>> {
    let mut tonight: BTreeMap<Spot, BTreeMap<String, bool>> = BTreeMap::new();
    for d in decisions {
        let Some(threat) = d.threat.as_ref().filter(|t| !t.supersedes.is_empty()) else {
            continue;
        };
        if let Some(here) = place(d) {
            let of_spot = tonight.entry(here).or_default();
            *of_spot.entry(threat.id.clone()).or_default() |= speaks(d.reason);
        }
    }
    tonight
}

fn place(d: &Decision) -> Option<Spot> {
    let port = spot(d.threat.as_ref()?, &d.hit.observation).port;
    Some((d.company.key.clone(), d.target.clone(), port))
}

/// Does the company hear of it, or know of it? Not where the statement is below policy, or the company
/// denied it: the weaker one may be true all the same. An opt-out holds for the weaker row itself.
const fn speaks(reason: Reason) -> bool {
    match reason.outcome() {
        Outcome::InLetters | Outcome::Held => true,
        Outcome::BelowPolicy => false,
        Outcome::Suppressed => !matches!(reason, Reason::FalsePositive | Reason::NotMine),
    }
}

/// No row of tonight is about the stronger one: its report may come on other days than the
/// weaker's. Its quiet days speak until it is fixed, by a scan or by the company's word.
fn was_told(input: &Input<'_>, strong: &Threat, here: &Spot, d: &Decision) -> bool {
    let (company, target, port) = here;
    let there = spot(strong, &d.hit.observation);
    if strong.state != ThreatState::Active || there.port != *port {
        return false;
    }
    let protocol = there.protocol.as_deref();
    let form = finding_form(company, &strong.id, target, protocol, there.port);
    let finding = FindingId::of(&form);
    let Some(known) = input.history.get(finding).filter(|k| !k.is_taken_back) else {
        return false;
    };
    let days = input.night.days_since(known.last_claimed_on);
    let is_quiet = days < i32::try_from(strong.remind_after_days).unwrap_or(i32::MAX);
    let gone = input.history.place(finding).and_then(|p| p.gone);
    let is_fixed = matches!(gone, Some((_, Gone::Fixed)));
    let answer = answers::reason(input, &d.hit, finding);
    // Said to be fixed, and this row is newer: the answer would be `relapse`, were it seen.
    is_quiet && !is_fixed && answer.is_none_or(|r| r != Reason::Relapse && speaks(r))
}
