//! Rounds of a correction: a later call makes another one only where letters came to light since, or where
//! a correction certainly did not arrive.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::load::Loaded;
use super::rectify::Ask;
use crate::diag::Failure;
use crate::model::identity::LetterId;
use crate::model::ledger_record::{AttemptKey, LedgerView, ReceiptState, latest};
use crate::model::night::Night;
use crate::store::Place;

/// How the folder of a correction begins, beside the runs of its night.
pub(super) const CORRECTION: &str = "correction-";

/// The round that is due.
pub(super) struct Round {
    /// `correction-<which>`: the name of its folder.
    pub(super) name: String,
    /// Old references that earlier rounds corrected.
    pub(super) done: BTreeSet<String>,
    /// Of corrections that were claimed: the last attempt, or one more where it certainly did not arrive.
    pub(super) attempts: BTreeMap<LetterId, u32>,
}

/// The last word about the delivery of each letter of a night: a printer may take back that one was
/// spoiled.
pub(super) fn last_words(view: &LedgerView, night: Night) -> BTreeMap<AttemptKey, ReceiptState> {
    let of_night = view.receipts().filter(|r| r.night == night);
    let of_delivery = of_night.filter(|r| r.state != ReceiptState::Withdrawn);
    of_delivery.map(|r| (r.key(), r.state)).collect()
}

/// Attempts as [`Round`] has them, and the references of corrections that did not arrive.
fn tried(view: &LedgerView, dated: Night) -> (BTreeMap<LetterId, u32>, BTreeSet<&str>) {
    let (mut attempts, mut in_vain) = (BTreeMap::new(), BTreeSet::new());
    let ends = last_words(view, dated);
    let corrections = view.claims_of(dated).filter(|c| c.is_correction());
    for (id, claim) in latest(corrections, |claim| claim.letter_id) {
        let is_in_vain = matches!(
            ends.get(&claim.key()),
            Some(ReceiptState::Failed | ReceiptState::Bounced | ReceiptState::NotSent)
        );
        let attempt = claim.attempt.saturating_add(u32::from(is_in_vain));
        attempts.insert(id, attempt);
        if is_in_vain {
            in_vain.insert(claim.reference.as_str());
        }
    }
    (attempts, in_vain)
}

/// The round that is due, by the ledger and by what earlier rounds told at their end.
///
/// # Errors
/// `FixData` where such a record cannot be read.
pub(super) fn round(
    loaded: &Loaded,
    place: &Place,
    ask: &Ask,
    view: &LedgerView,
) -> Result<Round, Failure> {
    let pin = view.corrections().find(|c| ask.is_of(c));
    let (attempts, in_vain) = pin.map_or_else(Default::default, |pin| tried(view, pin.dated));
    let digest = hex::encode(Sha256::digest(format!("{}|{}", ask.threat, ask.night)));
    let which = digest.get(..8).unwrap_or_default();
    let mut done = BTreeSet::new();
    let mut n = 1;
    loop {
        let name = format!("{CORRECTION}{which}-{n}");
        let path = format!("{}{}/{name}/correction.json", loaded.job.runs, ask.night);
        let Some(bytes) = place.get_if(&path)? else {
            return Ok(Round {
                name,
                done,
                attempts,
            });
        };
        let told: Value = serde_json::from_slice(&bytes).map_err(|e| {
            Failure::fix_data(format!("the record of a correction is not readable: {e}"))
                .at(place.display(&path), "")
                .hint("put it back from a backup")
        })?;
        let letters = told.get("letters").and_then(Value::as_array);
        for letter in letters.into_iter().flatten() {
            let text = |name| letter.get(name).and_then(Value::as_str);
            if let (Some(by), Some(of)) = (text("reference"), text("of"))
                && !in_vain.contains(by)
            {
                done.insert(of.to_owned());
            }
        }
        n += 1;
    }
}
