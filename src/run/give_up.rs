//! Closes a night that began and can never go on: its job, or a snapshot, is no longer the one
//! that was pinned. A person asks for it, by planning the night anew with `--revision`.
//!
//! What left stays written down. What certainly did not leave is free again: the new plan decides
//! about its findings. What nobody can tell stays unknown, for a person to settle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::mail_merge::{EMAIL_LIST, email_batch, print_batches};
use super::{House, inputs, outboxes};
use crate::deliver::{Dispatch, FILES, MERGE, Outbox, Trace};
use crate::diag::Failure;
use crate::ledger::Ledger;
use crate::model::aftermath::{PRINTER, PrintBatch};
use crate::model::company::Channel;
use crate::model::identity::Reference;
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
    let batches = batches(house, pin, &folder)?;
    let batched: BTreeSet<Reference> = batches.iter().flat_map(|b| b.letters.clone()).collect();
    // By what the plan's own job did, which may be another one than today's.
    let is_merged = |channel, by: &str| match channel {
        Channel::Post => by == FILES,
        Channel::Email => by == MERGE,
        Channel::Phone => false,
    };
    // State and outbox.
    let mut known: BTreeMap<_, (ReceiptState, Arc<str>)> = BTreeMap::new();
    for receipt in ledger.view().receipts().filter(|r| r.night == pin.night) {
        known.insert(receipt.key(), (receipt.state, Arc::clone(&receipt.outbox)));
    }
    let mut records: Vec<Record> = batches.into_iter().map(Record::from).collect();
    for claim in ledger.view().claims_under(pin) {
        let mut told = known.get(&claim.key()).cloned();
        if told.is_none() {
            let name = outbox.name(claim.channel);
            told = became(outbox.as_ref(), claim)?.map(|state| (state, name.into()));
            let said = told.as_ref().map(|(state, _)| claim.receipt(*state, name));
            records.extend(said);
        }
        // What is merged leaves with its batch: without one, nobody had it in hand.
        let is_released = told.is_some_and(|(state, by)| {
            state == ReceiptState::HandedOver && is_merged(claim.channel, &by)
        });
        if is_released && !batched.contains(&claim.reference) {
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

/// The batches, as far as the run got to write their lists.
fn batches(house: &House<'_>, pin: &PinnedNight, folder: &str) -> Result<Vec<PrintBatch>, Failure> {
    let separator = house.loaded.job.csv_separator;
    let mut batches = Vec::new();
    let path = format!("{folder}mail-merge/print.csv");
    if let Some(bytes) = house.place.get_if(&path)? {
        let places = print::read_places(&bytes, separator)
            .map_err(|e| e.at(house.place.display(&path), ""))?;
        batches.extend(print_batches(pin.night, &places));
    }
    let path = format!("{folder}{EMAIL_LIST}");
    if let Some(bytes) = house.place.get_if(&path)? {
        let batch = email_batch(pin.night, &bytes, separator)
            .map_err(|e| e.at(house.place.display(&path), ""))?;
        batches.extend(batch);
    }
    Ok(batches)
}
