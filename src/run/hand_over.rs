//! Claim, hand over, receipt: in that order, for every letter, once.

use std::collections::{BTreeMap, BTreeSet};

use super::outputs::{Outputs, RenderedNight};
use super::progress::Progress;
use crate::deliver::{Dispatch, Files, Outbox, Trace};
use crate::diag::Failure;
use crate::ledger::Ledger;
use crate::ledger::crash;
use crate::model::company::CompanyKey;
use crate::model::identity::LetterId;
use crate::model::ledger_record::{Claim, LedgerView, Receipt, ReceiptState, Record};

/// What was handed over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Handed {
    /// Letters that this run handed over.
    pub new_letters: u64,
    /// Letters that the outbox refused.
    pub failed: u64,
    /// Letters of this night that are claimed and have no receipt.
    pub unknown: u64,
    /// Letters that another run claimed meanwhile.
    pub dropped: u64,
}

/// Claims that share one ledger object (DECISIONS, section 2).
const CLAIMS_AN_OBJECT: usize = 500;

/// Receipts that share one: fewer, since a receipt should be at most a second late.
const RECEIPTS_AN_OBJECT: usize = 50;

type ClaimKey = (LetterId, u32);

/// Claims what is missing, and hands over what is claimed and has no receipt.
pub(super) fn hand_over(
    outputs: &Outputs<'_>,
    night: &RenderedNight<'_>,
    ledger: &mut Ledger,
    progress: &dyn Progress,
) -> Result<Handed, Failure> {
    let claims = outputs.claims(night);
    let letters: BTreeMap<LetterId, (&CompanyKey, &BTreeMap<String, String>)> = night
        .decided
        .letters
        .iter()
        .zip(&night.rendered.forms)
        .map(|(drafted, forms)| (drafted.letter.id, (&drafted.letter.company.key, forms)))
        .collect();
    let outbox = Files::new(outputs.place.clone(), outputs.folder.clone());
    let mut handed = Handed::default();
    progress.begin("hand over", u64::try_from(claims.len()).unwrap_or(0));
    for chunk in claims.chunks(CLAIMS_AN_OBJECT) {
        for claim in chunk {
            if let Some((company, _)) = letters.get(&claim.letter_id) {
                ledger.put_party(claim.party_ref, company)?;
            }
        }
        let ours = claim_all(chunk, ledger, &mut handed)?;
        crash::point("claimed");
        for few in ours.chunks(RECEIPTS_AN_OBJECT) {
            let mut receipts = Vec::new();
            for claim in few {
                let Some((_, files)) = letters.get(&claim.letter_id) else {
                    continue; // claims are made from these very letters
                };
                let dispatch = Dispatch {
                    reference: claim.reference.as_str(),
                    channel: claim.channel,
                    files,
                };
                receipts.extend(send(&outbox, claim, &dispatch, &mut handed)?);
                crash::point("handed_over");
                progress.advance(1);
            }
            let receipts: Vec<Record> = receipts.into_iter().map(Record::Receipt).collect();
            if !receipts.is_empty() {
                ledger.append(receipts, &mut |_, records| records)?;
            }
            crash::point("receipts");
        }
    }
    progress.end();
    Ok(handed)
}

/// The claims of the chunk that are ours and have no receipt; those that are missing are made.
fn claim_all<'c>(
    chunk: &'c [Claim],
    ledger: &mut Ledger,
    handed: &mut Handed,
) -> Result<Vec<&'c Claim>, Failure> {
    let missing: Vec<Record> = unclaimed(
        ledger.view(),
        chunk.iter().cloned().map(Record::Claim).collect(),
    );
    let n_missing = missing.len();
    if n_missing > 0 {
        let n_made = ledger
            .append(missing, &mut |view, records| unclaimed(view, records))?
            .n_records;
        handed.dropped += u64::try_from(n_missing - n_made).unwrap_or(0);
    }
    let claimed: BTreeSet<ClaimKey> = of_night(ledger.view(), chunk);
    let settled: BTreeSet<ClaimKey> = ledger
        .view()
        .receipts()
        .filter(|r| chunk.first().is_some_and(|c| c.night == r.night))
        .map(|r| (r.letter_id, r.attempt))
        .collect();
    let is_open = |c: &&Claim| {
        let key = (c.letter_id, c.attempt);
        claimed.contains(&key) && !settled.contains(&key)
    };
    Ok(chunk.iter().filter(is_open).collect())
}

fn of_night(view: &LedgerView, chunk: &[Claim]) -> BTreeSet<ClaimKey> {
    let night = chunk.first().map(|c| c.night);
    view.claims()
        .filter(|c| Some(c.night) == night)
        .map(|c| (c.letter_id, c.attempt))
        .collect()
}

/// Leaves out claims that stand in the ledger, and those with a finding that another run of the
/// same or a later night claimed meanwhile.
fn unclaimed(view: &LedgerView, records: Vec<Record>) -> Vec<Record> {
    let mut claimed = BTreeSet::new();
    let mut findings = BTreeSet::new();
    let night = records.iter().find_map(|r| match r {
        Record::Claim(c) => Some(c.night),
        _ => None,
    });
    for claim in view
        .claims()
        .filter(|c| night.is_some_and(|n| c.night >= n))
    {
        claimed.insert((claim.letter_id, claim.night, claim.attempt));
        findings.extend(claim.items.iter().map(|i| i.finding_id));
    }
    let is_free = |record: &Record| match record {
        Record::Claim(c) => {
            !claimed.contains(&(c.letter_id, c.night, c.attempt))
                && !c.items.iter().any(|i| findings.contains(&i.finding_id))
        }
        _ => true,
    };
    records.into_iter().filter(is_free).collect()
}

/// Hands one letter over. A letter that may have left already is never sent again.
fn send(
    outbox: &dyn Outbox,
    claim: &Claim,
    dispatch: &Dispatch<'_>,
    handed: &mut Handed,
) -> Result<Option<Receipt>, Failure> {
    let state = match outbox.trace(dispatch)? {
        Trace::Unknowable => {
            handed.unknown += 1;
            return Ok(None);
        }
        Trace::HandedOver => ReceiptState::HandedOver,
        Trace::NotHandedOver => outbox.hand_over(dispatch)?,
    };
    match state {
        ReceiptState::HandedOver => handed.new_letters += 1,
        _ => handed.failed += 1,
    }
    Ok(Some(Receipt {
        letter_id: claim.letter_id,
        night: claim.night,
        attempt: claim.attempt,
        state,
        outbox: outbox.name().to_owned(),
    }))
}

/// Notes in the ledger that the run's manifest is final.
pub(super) fn finish(outputs: &Outputs<'_>, ledger: &mut Ledger) -> Result<(), Failure> {
    let pin = outputs.pin;
    let done = Record::Final {
        night: pin.night,
        revision: pin.revision,
        run_id: pin.run_id.clone(),
    };
    if ledger.view().records.iter().any(|r| r.record == done) {
        return Ok(());
    }
    ledger.append(vec![done], &mut |_, records| records)?;
    Ok(())
}
