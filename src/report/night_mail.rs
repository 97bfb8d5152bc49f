//! The night in one mail: at most 72 columns and one page, for whoever reads it at breakfast.

use std::fmt::Write;

use super::status::{Status, todos};
use super::summary::{Summary, after_held};
use crate::model::shown;

/// Columns of a plain mail (RFC 3676 advises 78 at most).
const COLUMNS: usize = 72;
/// Lines of one page.
const LINES: usize = 60;

/// Subject on the first line, then the figures, then what a person must do.
#[must_use]
pub fn text(s: &Summary, status: &Status) -> String {
    let mut out = String::new();
    let verdict = match status.exit_code {
        0 if s.held_letters == 0 => "nothing to do",
        0 | 1 => "look at it",
        _ => "a person must act",
    };
    let _ = writeln!(out, "{} {}: {verdict}\n", status.job, s.night);
    let mut line = |label: &str, n: u64| {
        let _ = writeln!(out, "{label:<24}{:>14}", dotted(n));
    };
    line("letters in the plan", s.letters);
    for (channel, n) in &s.by_channel {
        line(&format!("  by {channel}"), *n);
    }
    line("  new in this run", s.new_letters);
    line("letters held", s.held_letters);
    if !s.overviews.is_none() {
        line("overviews to parents", s.overviews.sent);
        line("  held", s.overviews.held);
        line(
            "  no contact of its own",
            s.overviews.not_written.no_contact,
        );
        line("  not written to", s.overviews.not_written.unwanted);
        line("  over the limit", s.overviews.not_written.over_limit);
    }
    line("letters unknown", s.unknown_letters);
    line("companies", s.companies);
    line(
        "snapshots",
        u64::try_from(s.n_snapshots).unwrap_or(u64::MAX),
    );
    line("rows read", s.rows.read);
    line("  rejected", s.rows.rejected);
    line("  unmatched", s.rows.unmatched);
    line("  matched", s.rows.matched);
    line("    in letters", s.rows.outcomes.in_letters);
    line("    held", s.rows.outcomes.held);
    line("    suppressed", s.rows.outcomes.suppressed);
    line("    below policy", s.rows.outcomes.below_policy);
    line("register rows", s.register.0);
    line("  rejected", s.register.1);
    if s.rejects > s.rejects_tolerated {
        let _ = writeln!(
            out,
            "\nMore rows were rejected than the job tolerates ({}):\nread rejects.parquet.",
            dotted(s.rejects_tolerated)
        );
    }
    if s.held_letters > 0 {
        let _ = writeln!(out, "\n{}", after_held(s));
    }
    for todo in todos(status) {
        let _ = write!(out, "\n{todo}");
    }
    fitted(&out)
}

/// A number with points between thousands: plain ASCII.
fn dotted(n: u64) -> String {
    shown::grouped(n, '.')
}

/// Cuts what is too wide or too long; what was cut is said.
fn fitted(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(narrow).collect();
    if lines.len() > LINES {
        let n_cut = lines.len() - LINES + 1;
        lines.truncate(LINES - 1);
        lines.push(format!("({n_cut} more lines: `nachtwacht status`)"));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn narrow(line: &str) -> String {
    if line.chars().count() <= COLUMNS {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(COLUMNS - 1).collect();
    cut.push('…');
    cut
}
