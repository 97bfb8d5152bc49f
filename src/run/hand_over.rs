//! Claim, hand over, receipt: in that order, for every letter, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::inputs;
use super::outputs::{Outputs, RenderedNight};
use super::progress::Progress;
use crate::decide::Drafted;
use crate::deliver::{self, Dispatch, Outbox, Trace};
use crate::diag::Failure;
use crate::ledger::Ledger;
use crate::ledger::crash;
use crate::model::aftermath::PrintBatch;
use crate::model::company::CompanyKey;
use crate::model::identity::LetterId;
use crate::model::ledger_record::{
    AttemptKey, Claim, Final, LedgerView, Receipt, ReceiptState, Record,
};
use crate::model::night::Night;

/// What was handed over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Handed {
    /// Letters that this run handed over.
    pub new_letters: u64,
    /// Overviews that this run handed over.
    pub new_overviews: u64,
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

/// What a letter needs to leave.
#[derive(Clone, Copy, Debug)]
pub struct Ready<'a> {
    /// Whom it is about.
    pub company: &'a CompanyKey,
    /// The mail address it goes to; empty for other channels.
    pub recipient: &'a str,
    /// SHA-256 of its files by name.
    pub files: &'a BTreeMap<String, String>,
}

/// Letters that are ready, by id.
pub type ByLetter<'a> = BTreeMap<LetterId, Ready<'a>>;

impl std::ops::AddAssign for Handed {
    fn add_assign(&mut self, more: Self) {
        self.new_letters += more.new_letters;
        self.new_overviews += more.new_overviews;
        self.failed += more.failed;
        self.unknown += more.unknown;
        self.dropped += more.dropped;
    }
}

/// Claims what is missing of a night, and hands over what is claimed and has no receipt.
///
/// `letters` come with the hashes of their files; those that are held are left out.
pub(super) fn hand_over<'n>(
    outputs: &Outputs<'_>,
    letters: impl Iterator<Item = (&'n Drafted, &'n BTreeMap<String, String>)>,
    ledger: &mut Ledger,
    outbox: &dyn Outbox,
    progress: &dyn Progress,
) -> Result<Handed, Failure> {
    let mut claims = Vec::new();
    let mut ready: ByLetter<'_> = BTreeMap::new();
    for (drafted, files) in letters.filter(|(d, _)| d.is_sendable) {
        claims.push(outputs.claim(drafted));
        let letter = &drafted.letter;
        let of_letter = Ready {
            company: &letter.company.key,
            recipient: &letter.recipient.value,
            files,
        };
        ready.insert(letter.id, of_letter);
    }
    progress.begin("hand over", u64::try_from(claims.len()).unwrap_or(0));
    let handed = claims_to(outbox, claims, &ready, ledger, progress)?;
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
    let mut handed = Handed::default();
    let Some(night) = claims.first().map(|c| c.night) else {
        return Ok(handed);
    };
    // What stands before tells nothing of these letters, and is ten years long in the end: it
    // is passed over once, and not with every object that is written.
    let first = ledger.view().first_of(night);
    let view = ledger.view().since(first);
    let claims = at_attempt(&view, claims);
    if !is_all_settled(&view, &claims) {
        outbox.ready()?;
    }
    for chunk in claims.chunks(CLAIMS_AN_OBJECT) {
        put_parties(chunk, letters, ledger, first)?;
        let ours = claim_all(chunk, ledger, first, &mut handed)?;
        crash::point("claimed");
        for few in ours.chunks(RECEIPTS_AN_OBJECT) {
            let sent = few_to(outbox, few, letters, ledger, progress);
            // What left is written down, whatever became of the others.
            let (mut receipts, mut failure) = (Vec::new(), None);
            for (claim, sent) in few.iter().zip(sent) {
                match sent {
                    Ok(state) => receipts.extend(receipt(outbox, claim, state, &mut handed)),
                    Err(e) => failure = failure.or(Some(e)),
                }
            }
            ledger.append(receipts, &mut |view, records| unreceipted(view, records))?;
            crash::point("receipts");
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
    }
    Ok(handed)
}

/// Hands some letters over; the answers are in their order, and end after the first failures.
fn few_to(
    outbox: &dyn Outbox,
    few: &[&Claim],
    letters: &ByLetter<'_>,
    ledger: &Ledger,
    progress: &dyn Progress,
) -> Vec<Result<deliver::Handed, Failure>> {
    let lanes_of = |claim: &Claim| outbox.lanes(claim.channel);
    let mut answers = Vec::with_capacity(few.len());
    let of_channel = few.chunk_by(|a, b| a.channel == b.channel);
    let turns = of_channel.flat_map(|same| {
        let lanes = same.first().map_or(1, |claim| lanes_of(claim));
        let at_once = if lanes < 2 { 1 } else { lanes * 4 };
        same.chunks(at_once).map(move |some| (lanes, some))
    });
    for (lanes, some) in turns {
        if let Err(failure) = ledger.check_held() {
            answers.push(Err(failure));
            break;
        }
        crash::point("before_hand_over");
        let sent = in_lanes(some, lanes, |claim| {
            let Some(ready) = letters.get(&claim.letter_id) else {
                return Err(Failure::our_bug("a claim without its letter"));
            };
            let sent = send(
                outbox,
                &Dispatch {
                    reference: claim.reference.as_str(),
                    attempt: claim.attempt,
                    channel: claim.channel,
                    recipient: ready.recipient,
                    files: ready.files,
                },
            );
            crash::point("handed_over");
            progress.advance(1);
            sent
        });
        let is_over = sent.iter().any(Result::is_err);
        answers.extend(sent);
        if is_over {
            break;
        }
    }
    answers
}

/// The attempt that is due: one more where a person found that the last one never left.
fn at_attempt(view: &LedgerView, mut claims: Vec<Claim>) -> Vec<Claim> {
    let night = claims.first().map(|c| c.night);
    let not_sent: BTreeSet<AttemptKey> = view
        .receipts()
        .filter(|r| Some(r.night) == night && r.state == ReceiptState::NotSent)
        .map(Receipt::key)
        .collect();
    for claim in &mut claims {
        while not_sent.contains(&claim.key()) {
            claim.attempt += 1;
        }
    }
    claims
}

/// Writes the map entries of the parties that are about to be claimed.
fn put_parties(
    chunk: &[Claim],
    letters: &ByLetter<'_>,
    ledger: &Ledger,
    first: u64,
) -> Result<(), Failure> {
    let claimed = claimed(&ledger.view().since(first), chunk);
    let new: Vec<&Claim> = chunk
        .iter()
        .filter(|c| !claimed.contains(&c.key()))
        .collect();
    let written = in_lanes(&new, ledger.at_once(), |claim| {
        if let Some(ready) = letters.get(&claim.letter_id) {
            ledger.put_party(claim.party_ref, ready.company)?;
            crash::point("party_written");
        }
        Ok(())
    });
    written.into_iter().collect()
}

/// The claims of the chunk that are ours and have no receipt; those that are missing are made.
fn claim_all<'c>(
    chunk: &'c [Claim],
    ledger: &mut Ledger,
    first: u64,
    handed: &mut Handed,
) -> Result<Vec<&'c Claim>, Failure> {
    let all = chunk.iter().cloned().map(Record::from).collect();
    let missing: Vec<Record> = unclaimed(&ledger.view().since(first), all);
    let n_missing = missing.len();
    if n_missing > 0 {
        let n_made = ledger
            .append(missing, &mut |view, records| {
                unclaimed(&view.since(first), records)
            })?
            .n_records;
        handed.dropped += u64::try_from(n_missing - n_made).unwrap_or(0);
    }
    let view = ledger.view().since(first);
    let claimed = claimed(&view, chunk);
    let settled = told(&view, &claimed);
    let is_open = |c: &&Claim| claimed.contains(&c.key()) && !settled.contains(&c.key());
    let mut open: Vec<&Claim> = chunk.iter().filter(is_open).collect();
    // An outbox takes those of its channel side by side; overviews tell of letters that left.
    open.sort_by_key(|c| (c.is_overview(), c.channel));
    Ok(open)
}

fn is_all_settled(view: &LedgerView, claims: &[Claim]) -> bool {
    let due: BTreeSet<AttemptKey> = claims.iter().map(Claim::key).collect();
    told(view, &due).len() == due.len()
}

/// Those of these attempts that have a receipt.
fn told(view: &LedgerView, of: &BTreeSet<AttemptKey>) -> BTreeSet<AttemptKey> {
    let receipts = view.receipts().map(Receipt::key);
    receipts.filter(|key| of.contains(key)).collect()
}

/// Those of the chunk's attempts that stand in the ledger.
fn claimed(view: &LedgerView, chunk: &[Claim]) -> BTreeSet<AttemptKey> {
    let of: BTreeSet<AttemptKey> = chunk.iter().map(Claim::key).collect();
    let claims = view.claims().map(Claim::key);
    claims.filter(|key| of.contains(key)).collect()
}

/// Leaves out claims that stand in the ledger, those with a finding that stands in another
/// letter of the same or a later night, and overviews of letters that were left out.
fn unclaimed(view: &LedgerView, records: Vec<Record>) -> Vec<Record> {
    let lost = view.lost();
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
        claimed.insert(claim.key());
        let letter = (claim.letter_id, claim.night);
        // A correction is about findings of another letter: that is its purpose.
        let is_lost = lost.contains_key(&claim.key());
        if is_lost || claim.is_correction() {
            continue;
        }
        letter_of.extend(claim.items.iter().map(|i| (i.finding_id, letter)));
    }
    let is_free = |record: &Record| match record {
        Record::Claim(c) => {
            let is_elsewhere = |letter: &(LetterId, Night)| *letter != (c.letter_id, c.night);
            let mut letters = c.items.iter().filter_map(|i| letter_of.get(&i.finding_id));
            !claimed.contains(&c.key()) && (c.is_correction() || !letters.any(is_elsewhere))
        }
        _ => true,
    };
    let free = records.into_iter().filter(is_free).collect();
    with_their_letters(view, free)
}

/// Leaves out overviews that tell of a letter that nobody claimed.
fn with_their_letters(view: &LedgerView, mut records: Vec<Record>) -> Vec<Record> {
    let is_overview = |r: &Record| matches!(r, Record::Claim(c) if c.is_overview());
    if !records.iter().any(is_overview) {
        return records;
    }
    let now = records.iter().filter_map(|r| match r {
        Record::Claim(c) => Some(&**c),
        _ => None,
    });
    let all = view.claims().chain(now);
    let claimed: BTreeSet<(LetterId, Night)> = all.map(|c| (c.letter_id, c.night)).collect();
    records.retain(|r| match r {
        Record::Claim(c) => c
            .overview_of
            .iter()
            .all(|id| claimed.contains(&(*id, c.night))),
        _ => true,
    });
    records
}

/// Leaves out receipts that another run wrote meanwhile.
fn unreceipted(view: &LedgerView, records: Vec<Record>) -> Vec<Record> {
    let of = records.iter().filter_map(|record| match record {
        Record::Receipt(r) => Some(r.key()),
        _ => None,
    });
    let told = told(view, &of.collect());
    let is_new = |record: &Record| match record {
        Record::Receipt(r) => !told.contains(&r.key()),
        _ => true,
    };
    records.into_iter().filter(is_new).collect()
}

/// Hands one letter over. A letter that may have left already is never sent again.
fn send(outbox: &dyn Outbox, dispatch: &Dispatch<'_>) -> Result<deliver::Handed, Failure> {
    Ok(match outbox.trace(dispatch)? {
        Trace::Unknowable => deliver::Handed::Unknown,
        Trace::HandedOver => deliver::Handed::HandedOver,
        Trace::Refused => deliver::Handed::Refused,
        Trace::NotHandedOver => outbox.hand_over(dispatch)?,
    })
}

/// The receipt, and the count; an unknown letter has none.
fn receipt(
    outbox: &dyn Outbox,
    claim: &Claim,
    state: deliver::Handed,
    handed: &mut Handed,
) -> Option<Record> {
    let state = match state {
        deliver::Handed::HandedOver => {
            if claim.is_overview() {
                handed.new_overviews += 1;
            } else {
                handed.new_letters += 1;
            }
            ReceiptState::HandedOver
        }
        deliver::Handed::Refused => {
            handed.failed += 1;
            ReceiptState::Failed
        }
        deliver::Handed::Unknown => {
            handed.unknown += 1;
            return None;
        }
    };
    Some(claim.receipt(state, outbox.name(claim.channel)))
}

/// Does something with every item, some at the same time; the answers are in the items' order.
fn in_lanes<T: Sync, A: Send>(items: &[T], lanes: usize, act: impl Fn(&T) -> A + Sync) -> Vec<A> {
    if lanes < 2 || items.len() < 2 {
        return items.iter().map(act).collect();
    }
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..lanes.min(items.len()) {
            scope.spawn(|| {
                while let Some((at, item)) = taken(items, &next) {
                    let answer = act(item);
                    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                    answers.insert(at, answer);
                }
            });
        }
    });
    let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.into_values().collect()
}

fn taken<'t, T>(items: &'t [T], next: &AtomicUsize) -> Option<(usize, &'t T)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    items.get(at).map(|item| (at, item))
}

/// Notes in the ledger what went to the printer, the night's figures, and that its manifest is final.
pub(super) fn finish(
    outputs: &Outputs<'_>,
    batches: Vec<PrintBatch>,
    night: &RenderedNight<'_>,
    ledger: &mut Ledger,
) -> Result<(), Failure> {
    let pin = outputs.pin;
    if ledger.view().is_final(pin) {
        return inputs::forget(outputs.place, &outputs.folder);
    }
    let done = Final {
        night: pin.night,
        revision: pin.revision,
        run_id: pin.run_id.clone(),
    };
    let mut records: Vec<Record> = batches.into_iter().map(Record::from).collect();
    records.extend([done.into(), night.figures.clone().into()]);
    let seen = &night.sightings;
    if !(seen.counts.is_empty() && seen.back.is_empty()) {
        records.push(seen.clone().into());
    }
    ledger.append_missing(records)?;
    crash::point("final");
    inputs::forget(outputs.place, &outputs.folder)?;
    let is_new_part = ledger.compact(true)?.is_some();
    // The night is done. Columns only make statistics quick, and those and `ledger verify` say
    // what is wrong with them.
    if is_new_part && let Err(failure) = ledger.write_columns() {
        tracing::warn!("a part of the ledger has no columns yet: {failure}");
    }
    Ok(())
}
