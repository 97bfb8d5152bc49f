//! Rounds of a correction: a later call makes another one only where letters came to light since, or where
//! a correction certainly did not arrive.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::load::Loaded;
use super::rectify::Ask;
use crate::diag::Failure;
use crate::model::identity::{LetterId, Reference};
use crate::model::ledger_record::{AttemptKey, LedgerView, Receipt, ReceiptState, latest};
use crate::store::Place;

/// How the folder of a correction begins, beside the runs of its night.
pub(super) const CORRECTION: &str = "correction-";

/// The round that is due, and the old references that earlier rounds corrected.
pub(super) struct Round {
    /// `correction-<which>`: the name of its folder.
    pub(super) name: String,
    pub(super) done: BTreeSet<String>,
}

/// What became of the corrections that were claimed so far.
#[derive(Default)]
pub(super) struct Tried {
    /// The attempt that is due: the last one, or one more where it certainly did not arrive.
    pub(super) attempts: BTreeMap<LetterId, u32>,
    /// References of those that did not arrive.
    in_vain: BTreeSet<Reference>,
}

impl Tried {
    pub(super) fn of(view: &LedgerView, ask: &Ask) -> Self {
        let mut tried = Self::default();
        let Some(pin) = view.corrections().find(|c| ask.is_of(c)) else {
            return tried;
        };
        let corrections = view.claims_of(pin.dated).filter(|c| c.is_correction());
        let mut ends: BTreeMap<AttemptKey, ReceiptState> = BTreeMap::new();
        let of_delivery = |r: &&Receipt| r.state != ReceiptState::Withdrawn;
        for receipt in view.receipts().filter(of_delivery) {
            ends.insert(receipt.key(), receipt.state);
        }
        for (id, claim) in latest(corrections, |claim| claim.letter_id) {
            let is_in_vain = matches!(
                ends.get(&claim.key()),
                Some(ReceiptState::Failed | ReceiptState::Bounced | ReceiptState::NotSent)
            );
            let attempt = claim.attempt.saturating_add(u32::from(is_in_vain));
            tried.attempts.insert(id, attempt);
            if is_in_vain {
                tried.in_vain.insert(claim.reference.clone());
            }
        }
        tried
    }
}

/// Reads what earlier rounds told at their end.
///
/// # Errors
/// `FixData` where such a record cannot be read.
pub(super) fn round(
    loaded: &Loaded,
    place: &Place,
    ask: &Ask,
    tried: &Tried,
) -> Result<Round, Failure> {
    let digest = hex::encode(Sha256::digest(format!("{}|{}", ask.threat, ask.night)));
    let which = digest.get(..8).unwrap_or_default();
    let mut done = BTreeSet::new();
    let mut n = 1;
    loop {
        let name = format!("{CORRECTION}{which}-{n}");
        let path = format!("{}{}/{name}/correction.json", loaded.job.runs, ask.night);
        let Some(bytes) = place.get_if(&path)? else {
            return Ok(Round { name, done });
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
                && tried.in_vain.iter().all(|known| known.as_str() != by)
            {
                done.insert(of.to_owned());
            }
        }
        n += 1;
    }
}
