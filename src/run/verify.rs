//! Is this reference ours? By the ledger, or by the list that is published.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::load::{Call, load};
use crate::diag::Failure;
use crate::ledger::Ledger;
use crate::model::identity::Reference;
use crate::model::ledger_record::{Claim, LedgerView, ReceiptState};
use crate::report::verification;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The reference, as somebody reads it out.
    pub reference: String,
    /// A published list, to be used in place of the ledger.
    pub list: Option<PathBuf>,
}

/// The answer for a person, and the exit code: 0 only where the letter is real.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// One line.
    pub text: String,
    /// 0, or 1.
    pub exit_code: u8,
}

fn no(text: impl Into<String>) -> Answer {
    Answer {
        text: text.into(),
        exit_code: 1,
    }
}

fn yes(text: String) -> Answer {
    Answer { text, exit_code: 0 }
}

/// Answers `real, sent on D`, `withdrawn`, `not ours` or `mistyped`.
///
/// # Errors
/// `FixJob` and `FixData` where job, ledger or list cannot be read.
pub fn verify(call: &Call, ask: &Ask) -> Result<Answer, Failure> {
    let Ok(reference) = ask.reference.parse::<Reference>() else {
        return Ok(no(
            "mistyped: a reference reads NW-YYMMDD-XXXXX-XXXXX-X, and its last character checks the others",
        ));
    };
    if let Some(list) = &ask.list {
        return by_list(list, &reference);
    }
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let view = Ledger::read_only(&place, &loaded.job.ledger)?;
    Ok(by_ledger(&view, &reference))
}

fn by_list(list: &Path, reference: &Reference) -> Result<Answer, Failure> {
    let shown = list.display().to_string();
    let bytes = std::fs::read(list).map_err(|e| {
        Failure::fix_job(format!("the list cannot be read: {e}")).at(&shown, "--list")
    })?;
    let found = verification::find(&bytes, reference)
        .map_err(|what| Failure::fix_data(what).at(&shown, ""))?;
    Ok(match found {
        Some(night) => yes(format!("real, sent on {night}")),
        None => no(
            "not ours: the reference is not on this list; a list is of one night, see the six digits after NW",
        ),
    })
}

/// Of a letter about several threats one may be taken back, and the others stand.
fn withdrawn(view: &LedgerView, claim: &Claim) -> String {
    let night = claim.night;
    let corrections = view.corrections().filter(|c| c.night == night);
    let threats: BTreeSet<&str> = corrections.map(|c| c.threat_id.as_str()).collect();
    let stands = |threat: &str| !threats.contains(threat);
    let items = claim.items.iter().map(|i| i.threat_id.as_ref());
    let (standing, back): (BTreeSet<&str>, BTreeSet<&str>) = items.partition(|t| stands(t));
    if standing.is_empty() || back.is_empty() {
        return format!("withdrawn: sent on {night}, and taken back since");
    }
    let list = |threats: BTreeSet<&str>| threats.into_iter().collect::<Vec<_>>().join(", ");
    format!(
        "withdrawn in part: sent on {night}; taken back since: {}; still true: {}",
        list(back),
        list(standing)
    )
}

/// The latest attempt speaks for the letter.
fn by_ledger(view: &LedgerView, reference: &Reference) -> Answer {
    let claim = view
        .claims()
        .filter(|c| &c.reference == reference)
        .max_by_key(|c| c.attempt);
    let Some(claim) = claim else {
        return no("not ours: no letter has this reference");
    };
    let of_letter = view
        .receipts()
        .filter(|r| r.letter_id == claim.letter_id && r.night == claim.night);
    let (mut is_withdrawn, mut latest) = (false, None);
    for receipt in of_letter {
        is_withdrawn |= receipt.state == ReceiptState::Withdrawn;
        if receipt.attempt == claim.attempt {
            latest = Some(receipt.state);
        }
    }
    let night = claim.night;
    match latest {
        _ if is_withdrawn => no(withdrawn(view, claim)),
        Some(ReceiptState::HandedOver) => yes(format!("real, sent on {night}")),
        Some(ReceiptState::Bounced) => yes(format!("real, sent on {night}; it came back to us")),
        Some(_) => yes(format!("real, made on {night}; it could not be delivered")),
        None => yes(format!(
            "real, made on {night}; whether it left is not known yet"
        )),
    }
}
