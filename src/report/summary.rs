//! The last thing that an operator reads: what happened, and where to look next.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::shadow::ShadowRow;
use crate::model::counts::{NotWritten, Outcomes, Overviews, RowCounts};
use crate::model::shown;

/// The figures of a run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Night.
    pub night: String,
    /// Revision of its plan.
    pub revision: u32,
    /// Snapshot objects read.
    pub n_snapshots: usize,
    /// Rows.
    pub rows: RowCounts,
    /// Decisions.
    pub decisions: Outcomes,
    /// Register rows read and rejected.
    pub register: (u64, u64),
    /// Letters in the night's plan.
    pub letters: u64,
    /// Letters that this run handed over.
    pub new_letters: u64,
    /// Overviews that this run handed over.
    pub new_overviews: u64,
    /// Letters that are held.
    pub held_letters: u64,
    /// Of these: nobody can be reached.
    pub without_contact: u64,
    /// Of these: the night may send only so many.
    pub over_limit: u64,
    /// Overviews for parent companies; they are not among the letters.
    pub overviews: Overviews,
    /// Letters whose fate is unknown.
    pub unknown_letters: u64,
    /// Distinct companies warned.
    pub companies: u64,
    /// Letters by channel.
    pub by_channel: Vec<(String, u64)>,
    /// Where the run is, for a person.
    pub place: String,
    /// Letters by e-mail in a list for somebody's own mail program.
    pub merged_emails: Option<u64>,
    /// A letter to look at first.
    pub example: Option<String>,
    /// Rejects that the job tolerates.
    pub rejects_tolerated: u64,
    /// Rejects in all.
    pub rejects: u64,
    /// Findings that were warned about and are not among the rows, by why.
    pub gone: BTreeMap<&'static str, u64>,
    /// Scans (`feed/report`) that the job assumes and these counts rest on.
    pub assumed: Vec<String>,
    /// What threats in shadow would have done.
    pub shadow: Vec<ShadowRow>,
    /// Where a brake holds the night: why, and what to do.
    pub hold: Option<String>,
}

/// The summary as text, at most 72 columns where paths allow.
#[must_use]
pub fn text(s: &Summary) -> String {
    let mut out = String::new();
    let r = &s.rows;
    let o = &r.outcomes;
    let mut line = |label: &str, n: u64, meaning: &str| {
        let _ = writeln!(out, "  {label:<16}{:>12}  {meaning}", grouped(n));
    };
    line(
        "rows read",
        r.read,
        &format!("from {} snapshots", s.n_snapshots),
    );
    line(
        "  rejected",
        r.rejected,
        "unreadable, set aside with a reason",
    );
    line(
        "  unmatched",
        r.unmatched,
        "nobody registered that address or name",
    );
    line("  matched", r.matched, "belong to a company; of these:");
    line("    in letters", o.in_letters, "");
    line(
        "    suppressed",
        o.suppressed,
        "known already, the same finding once more, or not wanted",
    );
    line("    held", o.held, "a person must look");
    line(
        "    below policy",
        o.below_policy,
        "no threat, or too weak a match",
    );
    line(
        "register rows",
        s.register.0,
        &format!("of which {} rejected", s.register.1),
    );
    line("companies warned", s.companies, "one letter each");
    line("letters", s.letters, &channels(s));
    if s.held_letters > 0 {
        line(
            "letters held",
            s.held_letters,
            "marked CONCEPT, nothing was sent",
        );
    }
    if !s.overviews.is_none() {
        line("overviews", s.overviews.sent, &of_overviews(&s.overviews));
    }
    if s.unknown_letters > 0 {
        line(
            "letters unknown",
            s.unknown_letters,
            "claimed, but without receipt",
        );
    }
    let gone: u64 = s.gone.values().sum();
    if gone > 0 {
        line("not seen now", gone, &gone_by(s));
    }
    if !s.assumed.is_empty() {
        let _ = writeln!(
            out,
            "  by an assumption of the job, not by the feed: {}",
            s.assumed.join(", ")
        );
    }
    for row in &s.shadow {
        let _ = writeln!(
            out,
            "  in shadow, not sent: `{}` for {} companies, {} letters more",
            row.threat_id,
            grouped(row.companies),
            grouped(row.more_letters)
        );
    }
    let mut text = format!("Night {}\n\n{out}\n", s.night);
    let _ = write!(text, "{} new letters", grouped(s.new_letters));
    if s.new_overviews > 0 {
        let _ = write!(text, ", {} new overviews", grouped(s.new_overviews));
    }
    text.push('\n');
    if let Some(hold) = &s.hold {
        let _ = writeln!(text, "\n{hold}\nWhere it is\n  {}", s.place);
        return text;
    }
    let _ = writeln!(text, "\nWhere to look next\n  {}", s.place);
    if let Some(example) = &s.example {
        let _ = writeln!(text, "    {example}   a letter");
    }
    if s.held_letters > 0 {
        let _ = writeln!(
            text,
            "    {:<28} letters that a person must look at",
            "held/"
        );
    }
    if let Some(n) = s.merged_emails {
        let _ = writeln!(
            text,
            "    {:<28} {} letters for your mail program; report with `nachtwacht printed`",
            "email-merge/",
            grouped(n)
        );
    }
    for (file, meaning) in [
        (
            "statistics/statistics.html",
            "the figures of the night, month and year",
        ),
        ("mail-merge/", "what goes by post, as CSV and XLSX"),
        ("decisions.parquet", "every decision with its reason"),
        ("rejects.parquet", "every row that was set aside"),
        ("manifest.json", "inputs, sums, hashes"),
    ] {
        let _ = writeln!(text, "    {file:<28} {meaning}");
    }
    if s.held_letters > 0 {
        let _ = writeln!(text, "\n{}", after_held(s));
    }
    if s.rejects > s.rejects_tolerated {
        let _ = writeln!(
            text,
            "\n{} rows were rejected and the job tolerates {}: read rejects.parquet",
            grouped(s.rejects),
            grouped(s.rejects_tolerated)
        );
    }
    text
}

/// What to do about letters that are held; lines of at most 72 columns.
pub(super) fn after_held(s: &Summary) -> String {
    let mut text = "Held letters lie in held/.".to_owned();
    // While a brake holds the night, another revision would give the plan up that is to be approved.
    if s.hold.is_some() {
        return text;
    }
    if s.over_limit > 0 {
        let _ = write!(
            text,
            "\n{} are over the limit of letters: the next nights send them.",
            s.over_limit
        );
    }
    if s.without_contact > 0 {
        let _ = write!(
            text,
            "\nFind a contact for the {} that have none, put it into the register,\n\
             and before the next night:\n  \
             nachtwacht run JOB --night {} --revision {}",
            s.without_contact,
            s.night,
            s.revision + 1
        );
    }
    text
}

/// What became of overviews that are not sent.
fn of_overviews(o: &Overviews) -> String {
    let NotWritten {
        no_contact,
        unwanted,
        over_limit,
    } = o.not_written;
    let mut text = "to parents of these companies".to_owned();
    for (n, what) in [
        (o.held, "held"),
        (no_contact, "without a contact of their own"),
        (unwanted, "not written to"),
        (over_limit, "over the limit of letters"),
    ] {
        if n > 0 {
            let _ = write!(text, "; {} {what}", grouped(n));
        }
    }
    text
}

/// What was warned about before: how many of it are fixed, …
fn gone_by(s: &Summary) -> String {
    let some = s.gone.iter().filter(|(_, n)| **n > 0);
    let parts: Vec<String> = some
        .map(|(how, n)| format!("{} {}", grouped(*n), how.replace('_', " ")))
        .collect();
    format!("of what was warned about: {}", parts.join(", "))
}

fn channels(s: &Summary) -> String {
    let parts: Vec<String> = s
        .by_channel
        .iter()
        .map(|(channel, n)| format!("{} by {channel}", grouped(*n)))
        .collect();
    parts.join(", ")
}

/// A number with a blank between thousands.
#[must_use]
pub fn grouped(n: u64) -> String {
    shown::grouped(n, '\u{202f}')
}
