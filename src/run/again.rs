//! A letter that its mailbox refused goes to the company's next contact, in the same night.

use std::collections::{BTreeMap, BTreeSet};

use super::outputs::{Again, Outputs, RenderedNight};
use crate::decide;
use crate::diag::Failure;
use crate::model::aftermath::PRINTER;
use crate::model::identity::LetterId;
use crate::model::ledger_record::{Claim, LedgerView, PinnedNight, Receipt, ReceiptState, Record};

/// A company with more contacts that all refuse needs a person.
pub(super) const MAX_ROUNDS: usize = 4;

/// Every further attempt that the ledger knows of: what a replay makes again.
pub(super) fn all(
    outputs: &Outputs<'_>,
    night: &RenderedNight<'_>,
    ledger: &LedgerView,
) -> Result<Vec<Again>, Failure> {
    let mut found = Vec::new();
    for round in 0..MAX_ROUNDS {
        found.extend(rendered(outputs, night, ledger, round)?);
    }
    Ok(found)
}

/// The letters that were refused for the `round`-th time, each to its company's next contact. A
/// function of the ledger: a resumed night finds the same.
pub(super) fn rendered(
    outputs: &Outputs<'_>,
    night: &RenderedNight<'_>,
    ledger: &LedgerView,
    round: usize,
) -> Result<Vec<Again>, Failure> {
    let mut refused: BTreeMap<LetterId, BTreeSet<u32>> = BTreeMap::new();
    let is_refused = |r: &&Receipt| {
        // What a printer spoiled comes back in a later night: this night's lists stand.
        r.night == outputs.pin.night && r.state == ReceiptState::Failed && *r.outbox != *PRINTER
    };
    for receipt in before_the_end(ledger, outputs.pin).filter(is_refused) {
        let attempts = refused.entry(receipt.letter_id).or_default();
        attempts.insert(receipt.attempt);
    }
    if refused.is_empty() {
        return Ok(Vec::new());
    }
    let facts = BTreeMap::new();
    let of_night = outputs.pin.night;
    let input = decide::Input {
        hits: &night.swept.hits,
        ..night
            .world
            .input(outputs.loaded, of_night, &night.history, &facts)
    };
    let mut earlier: BTreeMap<LetterId, Vec<&Claim>> = BTreeMap::new();
    for claim in ledger.claims_of(of_night) {
        earlier.entry(claim.letter_id).or_default().push(claim);
    }
    let mut due = Vec::new();
    for drafted in night.decided.letters.iter().filter(|d| d.is_sendable) {
        let letter = &drafted.letter;
        let attempts = refused.get(&letter.id);
        let Some(attempt) = attempts.and_then(|all| all.iter().nth(round)) else {
            continue;
        };
        let earlier = earlier.get(&letter.id).into_iter().flatten();
        let earlier = earlier.filter(|c| c.attempt <= *attempt);
        due.push(decide::Refused {
            drafted,
            passed: earlier.filter_map(|c| c.contact_ref).collect(),
            attempt: attempt.saturating_add(1),
        });
    }
    let drafts = decide::to_next_contacts(&input, &night.decided.decisions, due);
    outputs.write_later_parties(&drafts, &night.world)?;
    outputs.render_again(drafts)
}

/// The receipts of before the night ended. Its lists and manifest stand since: a letter that a
/// person found not to be sent, and whose next try was refused, is written by the next night.
fn before_the_end<'v>(
    ledger: &'v LedgerView,
    pin: &'v PinnedNight,
) -> impl Iterator<Item = &'v Receipt> {
    let is_end = |record: &Record| {
        matches!(record, Record::Final(f)
            if (f.night, f.revision, &f.run_id) == (pin.night, pin.revision, &pin.run_id))
    };
    let records = ledger.records.iter().map(|numbered| &numbered.record);
    let records = records.take_while(move |record| !is_end(record));
    records.filter_map(|record| match record {
        Record::Receipt(receipt) => Some(receipt.as_ref()),
        _ => None,
    })
}
