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
use crate::model::night::Night;

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

/// A letter's company, and the SHA-256 of its files by name.
pub type ByLetter<'a> = BTreeMap<LetterId, (&'a CompanyKey, &'a BTreeMap<String, String>)>;

/// Claims what is missing of a night, and hands over what is claimed and has no receipt.
pub(super) fn hand_over(
    outputs: &Outputs<'_>,
    night: &RenderedNight<'_>,
    ledger: &mut Ledger,
    progress: &dyn Progress,
) -> Result<Handed, Failure> {
    let claims = outputs.claims(night);
    let letters: ByLetter<'_> = night
        .decided
        .letters
        .iter()
        .zip(&night.rendered.forms)
        .map(|(drafted, forms)| (drafted.letter.id, (&drafted.letter.company.key, forms)))
        .collect();
    let outbox = Files::new(outputs.place.clone(), outputs.folder.clone());
    progress.begin("hand over", u64::try_from(claims.len()).unwrap_or(0));
    let handed = claims_to(&outbox, claims, &letters, ledger, progress)?;
    progress.end();
    Ok(handed)
}

/// Claim, hand over, receipt, for the letters of one night; `letters` must hold each of them.
///
/// # Errors
/// The store or the outbox is not there, another run took over, or the ledger is damaged. What
/// was claimed stays claimed; the same call again goes on from there.
pub fn claims_to(
    outbox: &dyn Outbox,
    claims: Vec<Claim>,
    letters: &ByLetter<'_>,
    ledger: &mut Ledger,
    progress: &dyn Progress,
) -> Result<Handed, Failure> {
    let claims = at_attempt(ledger.view(), claims);
    let mut handed = Handed::default();
    for chunk in claims.chunks(CLAIMS_AN_OBJECT) {
        put_parties(chunk, letters, ledger)?;
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
                    attempt: claim.attempt,
                    channel: claim.channel,
                    files,
                };
                ledger.check_held()?;
                crash::point("before_hand_over");
                receipts.extend(send(outbox, claim, &dispatch, &mut handed)?);
                crash::point("handed_over");
                progress.advance(1);
            }
            let receipts = receipts.into_iter().map(Record::Receipt).collect();
            ledger.append(receipts, &mut |view, records| unreceipted(view, records))?;
            crash::point("receipts");
        }
    }
    Ok(handed)
}

/// The attempt that is due: one more where a person found that the last one never left.
fn at_attempt(view: &LedgerView, mut claims: Vec<Claim>) -> Vec<Claim> {
    let Some(night) = claims.first().map(|c| c.night) else {
        return claims;
    };
    let mut due: BTreeMap<LetterId, u32> = BTreeMap::new();
    for claim in view.claims().filter(|c| c.night == night) {
        let attempt = due.entry(claim.letter_id).or_default();
        *attempt = claim.attempt.max(*attempt);
    }
    for receipt in view.receipts().filter(|r| r.night == night) {
        if receipt.state == ReceiptState::NotSent {
            let attempt = due.entry(receipt.letter_id).or_default();
            *attempt = (receipt.attempt + 1).max(*attempt);
        }
    }
    for claim in &mut claims {
        let attempt = due.get(&claim.letter_id).copied();
        claim.attempt = attempt.unwrap_or_default().max(claim.attempt);
    }
    claims
}

/// Writes the map entries of the parties that are about to be claimed.
fn put_parties(chunk: &[Claim], letters: &ByLetter<'_>, ledger: &Ledger) -> Result<(), Failure> {
    let claimed = of_night(ledger.view(), chunk);
    let new = chunk
        .iter()
        .filter(|c| !claimed.contains(&(c.letter_id, c.attempt)));
    for claim in new {
        if let Some((company, _)) = letters.get(&claim.letter_id) {
            ledger.put_party(claim.party_ref, company)?;
            crash::point("party_written");
        }
    }
    Ok(())
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

/// Leaves out claims that stand in the ledger, and those with a finding that stands in another
/// letter of the same or a later night.
fn unclaimed(view: &LedgerView, records: Vec<Record>) -> Vec<Record> {
    let mut claimed = BTreeSet::new();
    let mut letter_of = BTreeMap::new();
    let night = records.iter().find_map(|r| match r {
        Record::Claim(c) => Some(c.night),
        _ => None,
    });
    for claim in view
        .claims()
        .filter(|c| night.is_some_and(|n| c.night >= n))
    {
        claimed.insert((claim.letter_id, claim.night, claim.attempt));
        let letter = (claim.letter_id, claim.night);
        letter_of.extend(claim.items.iter().map(|i| (i.finding_id, letter)));
    }
    let is_free = |record: &Record| match record {
        Record::Claim(c) => {
            let is_elsewhere = |letter: &(LetterId, Night)| *letter != (c.letter_id, c.night);
            let mut letters = c.items.iter().filter_map(|i| letter_of.get(&i.finding_id));
            !claimed.contains(&(c.letter_id, c.night, c.attempt)) && !letters.any(is_elsewhere)
        }
        _ => true,
    };
    records.into_iter().filter(is_free).collect()
}

/// Leaves out receipts that another run wrote meanwhile.
fn unreceipted(view: &LedgerView, records: Vec<Record>) -> Vec<Record> {
    let told: BTreeSet<_> = view
        .receipts()
        .map(|r| (r.letter_id, r.night, r.attempt))
        .collect();
    let is_new = |record: &Record| match record {
        Record::Receipt(r) => !told.contains(&(r.letter_id, r.night, r.attempt)),
        _ => true,
    };
    records.into_iter().filter(is_new).collect()
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
    ledger.append(vec![done], &mut |view, records| {
        let is_new = |r: &Record| view.records.iter().all(|n| n.record != *r);
        records.into_iter().filter(is_new).collect()
    })?;
    crash::point("final");
    ledger.compact(true)?;
    Ok(())
}
