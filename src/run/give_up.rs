//! Closes a night that began and can never go on: its job, or a snapshot, is no longer the one
//! that was pinned. A person asks for it, by planning the night anew with `--revision`.
//!
//! What left stays written down. What certainly did not leave is free again: the new plan decides
//! about its findings. What nobody can tell stays unknown, for a person to settle.

use std::collections::{BTreeMap, BTreeSet};

use super::mail_merge::print_batches;
use super::printed::PRINTER;
use super::{House, inputs, outboxes};
use crate::deliver::{Dispatch, Outbox, Trace};
use crate::diag::Failure;
use crate::ledger::Ledger;
use crate::model::company::Channel;
use crate::model::ledger_record::{Claim, PinnedNight, ReceiptState, Record};
use crate::render::print;

/// Writes down what became of every letter that the plan claimed.
///
/// # Errors
/// The store or an outbox is not there; the list of what was printed cannot be read.
pub(super) fn close(
    house: &House<'_>,
    ledger: &mut Ledger,
    pin: &PinnedNight,
) -> Result<(), Failure> {
    let folder = house.loaded.run_folder(pin);
    let outbox = outboxes::open(house.loaded, house.call, house.place, &folder)?;
    let printed = printed(house, &folder)?;
    let in_print: BTreeSet<&str> = printed.iter().map(|p| p.reference.as_str()).collect();
    let mut known: BTreeMap<_, ReceiptState> = BTreeMap::new();
    for receipt in ledger.view().receipts().filter(|r| r.night == pin.night) {
        known.insert(receipt.key(), receipt.state);
    }
    let mut records: Vec<Record> = print_batches(pin.night, &printed)
        .into_iter()
        .map(Record::from)
        .collect();
    for claim in ledger.view().claims_under(pin) {
        let mut state = known.get(&claim.key()).copied();
        if state.is_none() {
            state = became(outbox.as_ref(), claim)?;
            let said = state.map(|state| claim.receipt(state, outbox.name(claim.channel)));
            records.extend(said);
        }
        // Post leaves with its batch: without one, nobody had it in hand.
        let is_post = claim.channel == Channel::Post && state == Some(ReceiptState::HandedOver);
        if is_post && !in_print.contains(claim.reference.as_str()) {
            records.push(claim.receipt(ReceiptState::Failed, PRINTER));
        }
    }
    // By the night itself: the plan that comes next must see it among what is settled.
    records.push(pin.given_up_for(pin.night).into());
    ledger.append_missing(records)?;
    inputs::forget(house.place, &folder)
}

/// What the outbox knows of a letter without a receipt; `None` where nobody can tell.
fn became(outbox: &dyn Outbox, claim: &Claim) -> Result<Option<ReceiptState>, Failure> {
    let trace = outbox.trace(&Dispatch {
        reference: claim.reference.as_str(),
        attempt: claim.attempt,
        channel: claim.channel,
        recipient: "",
        files: &BTreeMap::new(),
    })?;
    Ok(match trace {
        Trace::HandedOver => Some(ReceiptState::HandedOver),
        Trace::Refused => Some(ReceiptState::Failed),
        Trace::NotHandedOver => Some(ReceiptState::NotSent),
        Trace::Unknowable => None,
    })
}

/// The places in batches for the printer, where the run got so far as to write them.
fn printed(house: &House<'_>, folder: &str) -> Result<Vec<print::Place>, Failure> {
    let path = format!("{folder}mail-merge/print.csv");
    let Some(bytes) = house.place.get_if(&path)? else {
        return Ok(Vec::new());
    };
    print::read_places(&bytes, house.loaded.job.csv_separator)
        .map_err(|e| e.at(house.place.display(&path), ""))
}
