//! What a person asks of the ledger: what is unknown, settle it, is all of it there, restore it.

use std::fmt::Write;

use super::Moment;
use super::load::{Call, Loaded, load};
use crate::diag::Failure;
use crate::ledger::{Holder, Ledger, Verified};
use crate::model::command;
use crate::model::identity::Reference;
use crate::model::ledger_record::{Claim, LedgerView, ReceiptState};
use crate::store::Place;

/// What a person found out about a letter that nobody knew the fate of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It left.
    HandedOver,
    /// It never left.
    NotSent,
}

fn opened(call: &Call) -> Result<(Loaded, Place), Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    Ok((loaded, place))
}

fn writable(loaded: &Loaded, place: &Place, moment: &Moment) -> Result<Ledger, Failure> {
    let who = Holder::this_process(&moment.run_id);
    Ledger::open(place, &loaded.job.ledger, &who)
}

/// The letters that were claimed and have no receipt, and how many they are.
///
/// # Errors
/// As [`Ledger::read_only`].
pub fn unknown(call: &Call) -> Result<(String, usize), Failure> {
    let (loaded, place) = opened(call)?;
    let view = Ledger::read_only(&place, &loaded.job.ledger)?;
    let unknown = view.unknown();
    let mut text = String::new();
    for claim in &unknown {
        let _ = writeln!(
            text,
            "{}  night {}  {}  attempt {}",
            claim.reference, claim.night, claim.channel, claim.attempt
        );
    }
    if unknown.is_empty() {
        text.push_str("every claimed letter has a receipt\n");
        return Ok((text, 0));
    }
    let _ = writeln!(
        text,
        "\n{} claimed letters have no receipt: nobody knows whether they left, and the machine never sends them again",
        unknown.len()
    );
    for pin in view.open_nights() {
        let _ = writeln!(
            text,
            "night {} is not finished: run it again first, it asks the outbox about each letter\n  {}",
            pin.night,
            command::run("JOB", pin.night, pin.revision)
        );
    }
    text.push_str("ask whoever posts or mails them, then `nachtwacht ledger settle REF handed-over|not-sent`\n");
    Ok((text, unknown.len()))
}

/// Writes down what a person found out about an unknown letter.
///
/// # Errors
/// `FixJob` where the letter is not ours, or not unknown; else as [`Ledger::open`].
pub fn settle(
    call: &Call,
    reference: &Reference,
    found: Found,
    moment: &Moment,
) -> Result<String, Failure> {
    let (loaded, place) = opened(call)?;
    let mut ledger = writable(&loaded, &place, moment)?;
    let claim = unsettled(ledger.view(), reference)?.clone();
    let state = match found {
        Found::HandedOver => ReceiptState::HandedOver,
        Found::NotSent => ReceiptState::NotSent,
    };
    let receipt = claim.receipt(state, "person");
    ledger.append(vec![receipt], &mut |view, records| {
        if unsettled(view, reference).is_ok() {
            records
        } else {
            Vec::new()
        }
    })?;
    let mut text = format!("{reference} is settled as {state}\n");
    if found == Found::NotSent && ledger.view().given_up().contains(&claim.key()) {
        text.push_str("its night was given up: the next one decides about its findings again\n");
    } else if found == Found::NotSent {
        let _ = writeln!(
            text,
            "`{}` sends it, as attempt {}",
            resend(call, ledger.view(), &claim),
            claim.attempt + 1
        );
    }
    Ok(text)
}

/// The command that tries a letter again: that of its own plan, though the night has a later one.
fn resend(call: &Call, view: &LedgerView, claim: &Claim) -> String {
    if let Some(correction) = view.correction_of(claim) {
        let (threat, night) = (&correction.threat_id, correction.night);
        return format!("nachtwacht rectify --threat {threat} --night {night} --reason FILE");
    }
    let revision = view.plan_of(claim).map_or(0, |pin| pin.revision);
    let mut text = command::run(call.job.display(), claim.night, revision);
    if revision == 0 && view.newest_revision(claim.night) > 0 {
        text.push_str(" --revision 0");
    }
    text
}

fn unsettled<'v>(view: &'v LedgerView, reference: &Reference) -> Result<&'v Claim, Failure> {
    if let Some(claim) = view
        .unknown()
        .into_iter()
        .rfind(|c| c.reference == *reference)
    {
        return Ok(claim);
    }
    let wrong = |message: String| {
        Failure::fix_job(message)
            .at("", reference.as_str())
            .hint("`nachtwacht ledger unknown` lists the letters that can be settled")
    };
    let claim = view.claims().filter(|c| c.reference == *reference).last();
    let Some(claim) = claim else {
        return Err(wrong("no letter with this reference was claimed".into()));
    };
    let told = view
        .receipts()
        .filter(|r| r.letter_id == claim.letter_id && r.night == claim.night)
        .last();
    Err(wrong(told.map_or_else(
        || "the letter has no receipt".into(),
        |r| format!("the letter is not unknown: its receipt says {}", r.state),
    )))
}

/// Reads all of the ledger, its copy and its parts. `expect` is the head of an earlier call.
///
/// # Errors
/// `FixData` naming what is damaged, missing or laid back.
pub fn verify(call: &Call, expect: Option<&str>) -> Result<String, Failure> {
    let (loaded, place) = opened(call)?;
    let settings = &loaded.job.ledger;
    let found = Ledger::verify(&place, settings)?;
    if let Some(head) = expect {
        Verified::expect(&place, settings, head)?;
    }
    let view = &found.view;
    let mut text = String::from("the ledger is whole: every number, every hash, its copy\n");
    for (what, n) in [
        ("objects", view.last_seq),
        ("copied", found.n_copied),
        ("in parts", found.n_compacted),
        ("as columns", found.n_as_columns),
        ("nights", count(view.nights())),
        ("claims", count(view.claims())),
        ("receipts", count(view.receipts())),
        ("unknown", count(view.unknown().into_iter())),
    ] {
        let _ = writeln!(text, "  {what:<10} {n:>12}");
    }
    let _ = writeln!(text, "  head       {}", found.head());
    text.push_str("note the head outside of this store: `--expect HEAD` proves later that nothing was laid back\n");
    Ok(text)
}

/// Takes what the ledger lacks from its copy, then verifies all of it.
///
/// # Errors
/// As [`Ledger::restore`] and [`verify`].
pub fn restore(call: &Call, moment: &Moment) -> Result<String, Failure> {
    let (loaded, place) = opened(call)?;
    let who = Holder::this_process(&moment.run_id);
    let restored = Ledger::restore(&place, &loaded.job.ledger, &who)?;
    let mut text = match (restored.first(), restored.last()) {
        (Some(first), Some(last)) => format!(
            "restored {} objects from the copy, numbers {first} to {last}\n",
            restored.len()
        ),
        _ => "nothing was missing\n".to_owned(),
    };
    text.push_str(&verify(call, None)?);
    Ok(text)
}

/// Writes the objects that stand in no part as one more, and the columns that parts lack.
///
/// # Errors
/// As [`Ledger::open`].
pub fn compact(call: &Call, moment: &Moment) -> Result<String, Failure> {
    let (loaded, place) = opened(call)?;
    let mut ledger = writable(&loaded, &place, moment)?;
    let mut text = match ledger.compact(false)? {
        Some((first, last)) => format!("objects {first} to {last} stand in one part more\n"),
        None => "every object stands in a part\n".to_owned(),
    };
    let n_made = ledger.write_columns()?;
    if n_made > 0 {
        let _ = writeln!(text, "{n_made} parts have columns now");
    }
    Ok(text)
}

fn count<T>(rows: impl Iterator<Item = T>) -> u64 {
    u64::try_from(rows.count()).unwrap_or(u64::MAX)
}
