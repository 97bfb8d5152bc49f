//! How the service stands: the last good night, what is missing, what a person must look at.
//!
//! A function of the ledger and of the nights that were due. For people, as JSON for programs,
//! and as OpenMetrics text for whoever watches at night.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use super::release::Release;
use crate::diag::Failure;
use crate::model::aftermath::PrintBatch;
use crate::model::command;
use crate::model::hold::{Brake, Hold, Pulled};
use crate::model::identity::Reference;
use crate::model::ledger_record::{LedgerView, PinnedNight, ReceiptState};
use crate::model::night::Night;

/// What a status is made from.
pub struct Input<'a> {
    /// Name of the job.
    pub job: &'a str,
    /// Now: UTC, seconds since 1970.
    pub now_secs: i64,
    /// Every night that had to be done by now, in rising order.
    pub due: &'a [Night],
    /// Where the object lies that stops every letter, where it does.
    pub stop: Option<&'a str>,
    /// The ledger.
    pub ledger: &'a LedgerView,
    /// What releases each held night, by night and revision.
    pub releases: &'a BTreeMap<(Night, u32), Release>,
}

/// A night that was planned and is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenNight {
    /// Night.
    pub night: String,
    /// Revision of its plan.
    pub revision: u32,
    /// Why, for a person.
    pub why: String,
    /// A person must release it; otherwise the same command again is enough.
    pub is_held: bool,
    /// Of a night that a brake stopped: who approved its plan.
    pub approval: Option<Release>,
    /// The commands that go on with it, for a person.
    #[serde(skip)]
    pub next: Vec<String>,
}

/// A letter that was claimed and has no receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownLetter {
    /// Reference.
    pub reference: String,
    /// Night.
    pub night: String,
    /// Channel.
    pub channel: String,
    /// Attempt.
    pub attempt: u32,
}

/// A batch that is not reported in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenBatch {
    /// Batch.
    pub batch_id: String,
    /// Night of its letters.
    pub night: String,
    /// Letters in it.
    pub letters: usize,
    /// Letters that no report tells about.
    pub unreported: usize,
    /// Sheets of paper.
    pub sheets: u32,
    /// Does it go by e-mail?
    pub is_email: bool,
}

/// Letters of a night that was done that wait for somebody to find a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingLetters {
    /// Night.
    pub night: String,
    /// Newest revision that was done.
    pub revision: u32,
    /// Letters.
    pub letters: u64,
}

/// The last night that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GoodNight {
    /// Night.
    pub night: String,
    /// Letters of it that were handed over.
    pub letters: usize,
    /// Overviews for parent companies that were; not among the letters.
    #[serde(skip_serializing_if = "is_none")]
    pub overviews: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_none(n: &usize) -> bool {
    *n == 0
}

/// How the service stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Version of this form.
    pub nachtwacht_status: u32,
    /// Name of the job.
    pub job: String,
    /// UTC, RFC 3339.
    pub at: String,
    /// The latest night that had to be done by now.
    pub due_night: Option<String>,
    /// The latest night that was done.
    pub last_good_night: Option<GoodNight>,
    /// Nights that had to be done by now, and were not.
    pub missing_nights: Vec<String>,
    /// Nights that were left out, and whose snapshots a later night took.
    pub skipped_nights: Vec<String>,
    /// What stops every letter, where something does.
    pub stopped_by: Option<String>,
    /// Nights that were planned and are not done.
    pub open_nights: Vec<OpenNight>,
    /// Letters of which nobody knows whether they left.
    pub unknown_letters: Vec<UnknownLetter>,
    /// Batches that are not reported in full.
    pub unreported_batches: Vec<OpenBatch>,
    /// Letters that wait for a contact, by night: of the last fourteen days that were done.
    pub waiting_for_contact: Vec<WaitingLetters>,
    /// What `nachtwacht status` ends with.
    pub exit_code: u8,
    #[serde(skip)]
    now_secs: i64,
}

/// Days that letters without a contact are told of. A finding that is seen every night waits in
/// each of them, so without an end the list would grow for as long as nobody finds a contact.
const WAITING_DAYS: i32 = 14;

/// Lines of a list for people; the rest is counted.
const SHOWN: usize = 10;

/// Reads a status off the ledger.
#[must_use]
pub fn status(input: &Input<'_>) -> Status {
    let view = input.ledger;
    let done: BTreeSet<Night> = view.ended().into_iter().map(|(night, ..)| night).collect();
    let (first, last) = (done.first().copied(), done.last().copied());
    let is_missing = |n: &&Night| match last {
        Some(last) => **n > last,
        // Nobody can say since when a service that never ran is late.
        None => Some(*n) == input.due.last(),
    };
    let is_skipped = |n: &&Night| {
        let is_inside = first.is_some_and(|f| **n > f) && last.is_some_and(|l| **n < l);
        is_inside && !done.contains(*n)
    };
    let texts = |nights: Vec<&Night>| nights.into_iter().map(Night::to_string).collect();
    let missing: Vec<String> = texts(input.due.iter().filter(is_missing).collect());
    let holds = view.open_holds();
    let open: Vec<OpenNight> = view
        .open_nights()
        .into_iter()
        .filter(|pin| last.is_none_or(|l| pin.night >= l))
        .map(|pin| open_night(&holds, input.releases, pin))
        .collect();
    let unknown: Vec<UnknownLetter> = view.unknown().into_iter().map(unknown_letter).collect();
    let needs_a_person = !missing.is_empty() || open.iter().any(|n| n.is_held);
    let exit_code = match (needs_a_person, unknown.is_empty()) {
        (true, _) => 2,
        (false, false) => 1,
        (false, true) => 0,
    };
    Status {
        nachtwacht_status: 1,
        job: input.job.to_owned(),
        at: jiff::Timestamp::from_second(input.now_secs)
            .map(|t| t.to_string())
            .unwrap_or_default(),
        due_night: input.due.last().map(Night::to_string),
        last_good_night: last.map(|night| good_night(view, night)),
        missing_nights: missing,
        skipped_nights: texts(input.due.iter().filter(is_skipped).collect()),
        stopped_by: input.stop.map(str::to_owned),
        open_nights: open,
        unknown_letters: unknown,
        unreported_batches: open_batches(view),
        waiting_for_contact: waiting(view, last),
        exit_code,
        now_secs: input.now_secs,
    }
}

fn open_night(
    holds: &[&Hold],
    releases: &BTreeMap<(Night, u32), Release>,
    pin: &PinnedNight,
) -> OpenNight {
    let key = (pin.night, pin.revision);
    let hold = holds.iter().find(|h| (h.night, h.revision) == key);
    let release = hold.and_then(|_| releases.get(&key));
    let waits = hold.filter(|_| !release.is_some_and(|r| r.is_released));
    OpenNight {
        night: pin.night.to_string(),
        revision: pin.revision,
        why: hold.map_or_else(
            || "planned and not done: run it again".into(),
            |h| {
                let texts: Vec<String> = h.pulled.iter().map(Pulled::text).collect();
                format!("held, {} letters wait: {}", h.letters, texts.join("; "))
            },
        ),
        is_held: waits.is_some(),
        approval: release.cloned(),
        next: next(pin, waits.copied()),
    }
}

/// Letters without a contact of the nights up to `last`, by what the newest revision of each that was
/// done says; in order. A later night writes about them only if their findings are seen again.
fn waiting(view: &LedgerView, last: Option<Night>) -> Vec<WaitingLetters> {
    let Some(last) = last else {
        return Vec::new();
    };
    let is_near = |night: Night| last.days_since(night.date()) < WAITING_DAYS;
    let mut done: BTreeMap<Night, u32> = BTreeMap::new();
    for (night, revision, _) in view.ended().into_iter().filter(|(n, ..)| is_near(*n)) {
        done.insert(night, revision); // revisions rise
    }
    let mut letters: BTreeMap<Night, u64> = BTreeMap::new();
    for f in view.figures().filter(|f| is_near(f.night)) {
        if done.get(&f.night) == Some(&f.revision) {
            letters.insert(f.night, f.without_contact);
        }
    }
    let waiting = letters.into_iter().filter(|(_, letters)| *letters > 0);
    waiting
        .map(|(night, letters)| WaitingLetters {
            night: night.to_string(),
            revision: view.newest_revision(night),
            letters,
        })
        .collect()
}

/// What lets a held plan go, and then what goes on with it. The hash stands in a line above.
fn next(pin: &PinnedNight, waits: Option<&Hold>) -> Vec<String> {
    let run = command::run("JOB", pin.night, pin.revision);
    let Some(hold) = waits else {
        return vec![run];
    };
    if hold.pulled.iter().any(|p| p.brake == Brake::ClockOff) {
        return vec![run];
    }
    let mut next = vec![command::approve(pin.night, pin.revision, "HASH")];
    if hold.pulled.iter().all(|p| p.brake == Brake::FirstNight) {
        next.push("or: nachtwacht baseline".to_owned());
    }
    next.push(format!("then: {run}"));
    next
}

fn unknown_letter(claim: &crate::model::ledger_record::Claim) -> UnknownLetter {
    UnknownLetter {
        reference: claim.reference.to_string(),
        night: claim.night.to_string(),
        channel: claim.channel.to_string(),
        attempt: claim.attempt,
    }
}

/// Distinct letters of a night that were handed over, whatever became of them since.
fn good_night(view: &LedgerView, night: Night) -> GoodNight {
    let of_night = view
        .receipts()
        .filter(|r| r.night == night && r.state == ReceiptState::HandedOver);
    let letters: BTreeSet<_> = of_night.map(|r| r.letter_id).collect();
    let overviews = view.claims_of(night).filter(|c| c.is_overview());
    let overviews: BTreeSet<_> = overviews.map(|c| c.letter_id).collect();
    let n_overviews = letters.intersection(&overviews).count();
    GoodNight {
        night: night.to_string(),
        letters: letters.len() - n_overviews,
        overviews: n_overviews,
    }
}

/// The batches that are not reported in full, in order.
#[must_use]
pub fn open_batches(view: &LedgerView) -> Vec<OpenBatch> {
    let mut told: BTreeMap<&str, BTreeSet<&Reference>> = BTreeMap::new();
    for report in view.print_reports() {
        let of_batch = told.entry(&report.batch_id).or_default();
        of_batch.extend(report.letters.iter().map(|(reference, _)| reference));
    }
    let is_told = |b: &PrintBatch, reference: &Reference| {
        let of_batch = told.get(b.batch_id.as_str());
        of_batch.is_some_and(|told| told.contains(reference))
    };
    let batches = view.print_batches().map(|b| OpenBatch {
        batch_id: b.batch_id.clone(),
        night: b.night.to_string(),
        letters: b.letters.len(),
        unreported: b.letters.iter().filter(|r| !is_told(b, r)).count(),
        sheets: b.sheets,
        is_email: b.is_email(),
    });
    batches.filter(|b| b.unreported > 0).collect()
}

/// The status for people.
#[must_use]
pub fn text(s: &Status) -> String {
    let mut out = format!("{}: status at {}\n\n", s.job, s.at);
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(out, "{label:<20}{value}");
    };
    let nothing = "none".to_owned();
    line("last good night", &good(s));
    line(
        "last night due",
        s.due_night.as_deref().unwrap_or("none yet"),
    );
    let missing = listed(&s.missing_nights);
    line(
        "missing nights",
        &missing.unwrap_or_else(|| nothing.clone()),
    );
    if let Some(skipped) = listed(&s.skipped_nights) {
        line(
            "skipped nights",
            &format!("{skipped} (a later night took them)"),
        );
    }
    line("open nights", &counted(s.open_nights.len()));
    line("unknown letters", &counted(s.unknown_letters.len()));
    line("unreported batches", &counted(s.unreported_batches.len()));
    let waiting: u64 = s.waiting_for_contact.iter().map(|w| w.letters).sum();
    if waiting > 0 {
        line("without a contact", &waiting.to_string());
    }
    for todo in todos(s) {
        let _ = write!(out, "\n{todo}");
    }
    out
}

fn good(s: &Status) -> String {
    s.last_good_night.as_ref().map_or_else(
        || "none".to_owned(),
        |good| match good.overviews {
            0 => format!("{}, {} letters", good.night, good.letters),
            n => format!("{}, {} letters, {n} overviews", good.night, good.letters),
        },
    )
}

fn counted(n: usize) -> String {
    if n == 0 {
        "none".to_owned()
    } else {
        n.to_string()
    }
}

fn listed(nights: &[String]) -> Option<String> {
    let shown: Vec<&str> = nights.iter().take(4).map(String::as_str).collect();
    let more = nights.len().saturating_sub(shown.len());
    match (shown.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(shown.join(", ")),
        (false, n) => Some(format!("{} and {n} more", shown.join(", "))),
    }
}

/// An open night; below it who approved its plan, and what goes on with it.
fn told(night: &OpenNight) -> String {
    let mut text = format!("{} revision {}: {}", night.night, night.revision, night.why);
    for line in night.approval.iter().flat_map(Release::lines) {
        let _ = write!(text, "\n    {line}");
    }
    for command in &night.next {
        let _ = write!(text, "\n    {command}");
    }
    text
}

/// What a person must do, one paragraph each, lines of at most 72 columns.
#[must_use]
pub fn todos(s: &Status) -> Vec<String> {
    let mut todos = Vec::new();
    if let Some(stop) = &s.stopped_by {
        todos.push(format!(
            "No letter leaves while this stands; take it away when all is well:\n  {stop}\n"
        ));
    }
    if !s.missing_nights.is_empty() {
        todos.push("A night that was due is missing. Run the job: it takes what\nwas missed in order, one letter a company.\n".to_owned());
    }
    let mut list = |title: &str, rows: Vec<String>, next: &str| {
        if rows.is_empty() {
            return;
        }
        let mut text = format!("{title}\n");
        for row in rows.iter().take(SHOWN) {
            let _ = writeln!(text, "  {row}");
        }
        if rows.len() > SHOWN {
            let _ = writeln!(text, "  and {} more", rows.len() - SHOWN);
        }
        if !next.is_empty() {
            let _ = writeln!(text, "  {next}");
        }
        todos.push(text);
    };
    list("Open nights", s.open_nights.iter().map(told).collect(), "");
    let unknown = s.unknown_letters.iter();
    list(
        "Letters of which nobody knows whether they left",
        unknown
            .map(|l| format!("{}  {}  attempt {}", l.reference, l.channel, l.attempt))
            .collect(),
        "`nachtwacht ledger settle REF handed-over|not-sent`",
    );
    let batches = s.unreported_batches.iter();
    list(
        "Batches that are not reported in full",
        batches
            .map(|b| {
                let by = match b.is_email {
                    true => "by e-mail".to_owned(),
                    false => format!("{} sheets", b.sheets),
                };
                format!(
                    "{}  {} of {} letters, {by}",
                    b.batch_id, b.unreported, b.letters
                )
            })
            .collect(),
        "`nachtwacht printed BATCH --report FILE`",
    );
    let waiting = s.waiting_for_contact.iter();
    list(
        "Letters that wait until the register has a contact for them",
        waiting
            .map(|w| {
                let next = w.revision.saturating_add(1);
                format!(
                    "--night {} --revision {next}: {} letters",
                    w.night, w.letters
                )
            })
            .collect(),
        "`nachtwacht run JOB --night D --revision N` writes them then",
    );
    todos
}

/// The status for programs.
///
/// # Errors
/// `OurBug` where JSON cannot be written.
pub fn json(s: &Status) -> Result<Vec<u8>, Failure> {
    let mut bytes = serde_json::to_vec_pretty(s)
        .map_err(|e| Failure::our_bug(format!("writing the status: {e}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The status as OpenMetrics text (version 1.0): gauges, labelled by job. `midnight_secs` is when
/// the last good night began, UTC seconds since 1970.
#[must_use]
pub fn open_metrics(s: &Status, midnight_secs: Option<i64>) -> String {
    let mut out = String::new();
    let mut gauge = |name: &str, unit: &str, help: &str, value: String| {
        let _ = writeln!(out, "# TYPE nachtwacht_{name} gauge");
        if !unit.is_empty() {
            let _ = writeln!(out, "# UNIT nachtwacht_{name} {unit}");
        }
        let _ = writeln!(out, "# HELP nachtwacht_{name} {help}");
        let _ = writeln!(
            out,
            "nachtwacht_{name}{{job=\"{}\"}} {value}",
            escaped(&s.job)
        );
    };
    gauge(
        "status_timestamp_seconds",
        "seconds",
        "When this status was made.",
        s.now_secs.to_string(),
    );
    if let (Some(at), Some(good)) = (midnight_secs, &s.last_good_night) {
        gauge(
            "last_good_night_timestamp_seconds",
            "seconds",
            "Midnight of the last night that was done.",
            at.to_string(),
        );
        gauge(
            "last_good_night_letters",
            "",
            "Letters of that night that were handed over.",
            good.letters.to_string(),
        );
    }
    let n_held = s.open_nights.iter().filter(|n| n.is_held).count();
    for (name, help, n) in [
        (
            "missing_nights",
            "Nights that were due and are not done.",
            s.missing_nights.len(),
        ),
        (
            "skipped_nights",
            "Nights whose snapshots a later night took.",
            s.skipped_nights.len(),
        ),
        (
            "open_nights",
            "Nights that were planned and are not done.",
            s.open_nights.len(),
        ),
        ("held_nights", "Nights that a person must release.", n_held),
        (
            "unknown_letters",
            "Letters that were claimed and have no receipt.",
            s.unknown_letters.len(),
        ),
        (
            "unreported_batches",
            "Batches that the printer, or who mailed them, has not reported in full.",
            s.unreported_batches.len(),
        ),
        (
            "waiting_nights",
            "Nights of the last two weeks with letters that wait for a contact.",
            s.waiting_for_contact.len(),
        ),
    ] {
        gauge(name, "", help, n.to_string());
    }
    out.push_str("# EOF\n");
    out
}

/// A label's value (OpenMetrics 1.0, section 4.2).
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
