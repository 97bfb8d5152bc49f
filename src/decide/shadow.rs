//! What the threats that run in shadow would have done tonight.

use std::sync::Arc;

use super::{Decided, Input, Settings, decide};
use crate::model::threat::{Threat, ThreatState, Trigger};

/// Decides the night once more, with the threats in shadow as if they were active from tonight on,
/// and with no other. Nothing of it may leave: no letter is sendable.
///
/// A threat in shadow has no claims, so each night is its first: a finding counts on every night on
/// which it is seen. Where no trigger of it is open yet, one is taken to be.
///
/// Answers nothing where no threat is in shadow. Decisions hold only rows that met such a threat.
#[must_use]
pub fn rehearse(input: &Input<'_>) -> Decided {
    let threats: Vec<Arc<Threat>> = in_shadow(input.threats).map(active).collect();
    if threats.is_empty() {
        return Decided::default();
    }
    let mut triggers = input.triggers.to_vec();
    triggers.extend(threats.iter().map(|t| Arc::new(opened(t, input))));
    // The last one that is open is cited: a real one goes before what is made up here.
    triggers.sort_by_key(|t| (t.id != MADE_UP, t.opened_on));
    // Nothing of it leaves, so nobody's parent is told.
    let settings = Settings {
        copy_to_parent: false,
        ..input.settings.clone()
    };
    let mut decided = decide(&Input {
        settings: &settings,
        threats: &threats,
        triggers: &triggers,
        ..*input
    });
    decided.decisions.retain(|d| d.threat.is_some());
    for drafted in &mut decided.letters {
        drafted.is_sendable = false;
    }
    decided
}

/// Threats that are computed and not written about.
fn in_shadow(threats: &[Arc<Threat>]) -> impl Iterator<Item = &Arc<Threat>> {
    threats.iter().filter(|t| t.state == ThreatState::Shadow)
}

const MADE_UP: &str = "shadow";

fn active(threat: &Arc<Threat>) -> Arc<Threat> {
    Arc::new(Threat {
        state: ThreatState::Active,
        ..Threat::clone(threat)
    })
}

fn opened(threat: &Threat, input: &Input<'_>) -> Trigger {
    Trigger {
        id: MADE_UP.into(),
        threat_id: threat.id.clone(),
        opened_on: input.night.date(),
        source: "own".into(),
        feeds: Vec::new(),
    }
}
