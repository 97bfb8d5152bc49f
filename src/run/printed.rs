//! `printed`: what the printer reports about a batch, letter by letter, or who mailed one.
//!
//! A spoiled letter was never posted and a returned one came back: both get a receipt that says
//! so, and the next night that sees their findings writes them again. A letter that is reported as
//! posted after all gets a receipt that says so, and is not written again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use super::Moment;
use super::load::{Call, load};
use crate::diag::{Failure, Kind, Problem};
use crate::ledger::{Holder, Ledger};
use crate::model::aftermath::{PRINTER, PrintBatch, PrintReport, PrintState};
use crate::model::identity::Reference;
use crate::model::ledger_record::{
    AttemptKey, Claim, LedgerView, Numbered, Receipt, ReceiptState, Record, latest,
};
use crate::model::quotes::check_quotes;
use crate::model::row_numbers::line_of;
use crate::report::status;

/// The batches that are not reported in full.
///
/// # Errors
/// As [`Ledger::read_only`].
pub fn open(call: &Call) -> Result<(String, u8), Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let view = Ledger::read_only(&place, &loaded.job.ledger)?;
    let open = status::open_batches(&view);
    let mut text = String::new();
    for b in &open {
        let _ = writeln!(
            text,
            "{}  night {}  {} of {} letters unreported  {}",
            b.batch_id,
            b.night,
            b.unreported,
            b.letters,
            match b.is_email {
                true => "by e-mail".to_owned(),
                false => format!("{} sheets", b.sheets),
            }
        );
    }
    if open.is_empty() {
        text.push_str("every batch is reported in full\n");
    }
    Ok((text, 0))
}

/// Writes a report down. The same report again adds nothing.
///
/// # Errors
/// `FixJob` where the batch is unknown or the file cannot be read; `FixData` with every row that
/// is wrong, and then nothing is written; else as [`Ledger::open`].
pub fn report(
    call: &Call,
    batch: &str,
    file: &Path,
    moment: &Moment,
) -> Result<(String, u8), Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let shown = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|e| {
        Failure::fix_job(format!("the report cannot be read: {e}")).at(&shown, "--report")
    })?;
    let who = Holder::this_process(&moment.run_id);
    let mut ledger = Ledger::open(&place, &loaded.job.ledger, &who)?;
    let known = ledger.view().print_batches().find(|b| b.batch_id == batch);
    let known = known.cloned().ok_or_else(|| {
        Failure::fix_job(format!("batch `{batch}` is not in the ledger"))
            .at("", "BATCH")
            .hint("batches stand in mail-merge/print.csv and email-merge/letters.csv of a night; `nachtwacht printed` lists the open ones")
    })?;
    let told = rows(&bytes, &shown, &known)?;
    let records = records(ledger.view(), &known, &told);
    // Not by equality: `spoiled, posted, spoiled` says the same thing twice, and means it.
    ledger.append(records, &mut |view, _| self::records(view, &known, &told))?;
    Ok((said(&known, ledger.view()), 0))
}

/// Reference and state of every row.
fn rows(
    bytes: &[u8],
    file: &str,
    batch: &PrintBatch,
) -> Result<BTreeMap<Reference, PrintState>, Failure> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let head = text.lines().next().unwrap_or_default();
    let separator = if head.contains(';') { b';' } else { b',' };
    check_quotes(text.as_bytes(), separator, file, 0)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let wrong = |e: csv::Error| Failure::fix_data(format!("not readable as CSV: {e}")).at(file, "");
    let header = reader.headers().map_err(wrong)?.clone();
    let column = |names: [&str; 2]| {
        let found = header
            .iter()
            .position(|h| names.iter().any(|n| h.eq_ignore_ascii_case(n)));
        found.ok_or_else(|| {
            Failure::fix_data(format!(
                "no column `{}` or `{}`; found: {}",
                names[0],
                names[1],
                header.iter().collect::<Vec<_>>().join(", ")
            ))
            .at(file, "header")
            .hint("the first line names the columns, with `;` or `,` between them")
        })
    };
    let (at_reference, at_state) = (
        column(["reference", "kenmerk"])?,
        column(["state", "status"])?,
    );
    let ours: BTreeSet<&Reference> = batch.letters.iter().collect();
    let mut told = BTreeMap::new();
    let mut problems = Vec::new();
    for row in reader.records() {
        let row = row.map_err(wrong)?;
        let line = format!("line {}", line_of(text.as_bytes(), &row));
        let cell = |at: usize| row.get(at).unwrap_or_default();
        match letter(cell(at_reference), cell(at_state)) {
            Ok((reference, _)) if !ours.contains(&reference) => {
                let message = format!("`{reference}` is no letter of batch {}", batch.batch_id);
                problems.push(Problem::new(file, line.as_str(), message));
            }
            Ok((reference, state)) => {
                if told.insert(reference, state).is_some_and(|s| s != state) {
                    let message = "the letter stands twice in the report, with two states";
                    problems.push(Problem::new(file, line.as_str(), message));
                }
            }
            Err(message) => problems.push(Problem::new(file, line.as_str(), message)),
        }
    }
    Failure::from_problems(Kind::FixData, problems).map_or(Ok(told), Err)
}

fn letter(reference: &str, state: &str) -> Result<(Reference, PrintState), String> {
    let reference: Reference = reference.parse()?;
    let state = state.to_lowercase();
    // What people say who mail.
    let meant = match state.as_str() {
        "sent" => "posted",
        "not-sent" => "spoiled",
        "bounced" => "returned",
        other => other,
    };
    let meant = meant.parse().map_err(|()| {
        format!("`{state}` is not one of posted, spoiled, returned; nor, by e-mail, of sent, not-sent, bounced")
    })?;
    Ok((reference, meant))
}

/// What was reported last of each letter of a batch.
fn reported<'v>(view: &'v LedgerView, batch: &PrintBatch) -> BTreeMap<&'v Reference, PrintState> {
    let reports = view
        .print_reports()
        .filter(|r| r.batch_id == batch.batch_id);
    let letters = reports.flat_map(|r| &r.letters);
    letters
        .map(|(reference, state)| (reference, *state))
        .collect()
}

/// The report as far as it says something new, and the receipts that follow from it.
fn records(
    view: &LedgerView,
    batch: &PrintBatch,
    told: &BTreeMap<Reference, PrintState>,
) -> Vec<Record> {
    let known = reported(view, batch);
    let new: Vec<(Reference, PrintState)> = told
        .iter()
        .filter(|(reference, state)| known.get(reference) != Some(state))
        .map(|(reference, state)| (reference.clone(), *state))
        .collect();
    if new.is_empty() {
        return Vec::new();
    }
    let claims = claims_in(view, batch);
    let mut records: Vec<Record> = new
        .iter()
        .filter_map(|(reference, state)| {
            let before = known.get(reference).copied();
            receipt(claims.get(reference)?, before, *state)
        })
        .collect();
    records.insert(
        0,
        PrintReport {
            batch_id: batch.batch_id.clone(),
            letters: new,
        }
        .into(),
    );
    records
}

/// The letters that lay in the batch, by reference: a later revision of the night may have written to the
/// same company once more. What never left, as a person found, went with the try after it.
fn claims_in<'v>(view: &'v LedgerView, batch: &PrintBatch) -> BTreeMap<&'v Reference, &'v Claim> {
    let is_batch =
        |r: &&Numbered| matches!(&r.record, Record::PrintBatch(b) if b.batch_id == batch.batch_id);
    let before = view.records.iter().take_while(|r| !is_batch(r));
    let claimed = before.filter_map(|r| match &r.record {
        Record::Claim(claim) => Some(claim.as_ref()),
        _ => None,
    });
    let of_night = claimed.filter(|claim| claim.night == batch.night);
    let mut claims = latest(of_night, |claim| &claim.reference);
    let never_left = view.receipts().filter(|r| r.state == ReceiptState::NotSent);
    let never_left: BTreeSet<AttemptKey> = never_left.map(Receipt::key).collect();
    claims.retain(|_, claim| !never_left.contains(&claim.key()));
    for (reference, claim) in latest(view.claims_of(batch.night), |claim| &claim.reference) {
        claims.entry(reference).or_insert(claim);
    }
    claims
}

fn receipt(claim: &Claim, before: Option<PrintState>, state: PrintState) -> Option<Record> {
    let state = match state {
        // The outbox's receipt says so, unless the printer said otherwise since.
        PrintState::Posted => {
            before.filter(|b| *b != PrintState::Posted)?;
            ReceiptState::HandedOver
        }
        PrintState::Spoiled => ReceiptState::Failed,
        PrintState::Returned => ReceiptState::Bounced,
    };
    Some(claim.receipt(state, PRINTER))
}

fn said(batch: &PrintBatch, view: &LedgerView) -> String {
    let reported = reported(view, batch);
    let mut text = format!(
        "batch {}: {} letters\n",
        batch.batch_id,
        batch.letters.len()
    );
    for state in PrintState::ALL {
        let n = reported.values().filter(|s| *s == state).count();
        let _ = writeln!(text, "  {:<11}{n:>8}", state.as_str());
    }
    let unreported = batch.letters.iter().filter(|r| !reported.contains_key(r));
    let _ = writeln!(text, "  unreported {:>8}", unreported.count());
    if reported.values().any(|s| *s != PrintState::Posted) {
        text.push_str(
            "what was spoiled or returned is written again by the next night that sees it still, a correction by the \
             same `nachtwacht rectify`, an overview not at all; \
             what is printed anew from the night's folder is reported as posted then\n",
        );
    }
    text
}
