//! What the job expects of a feed's deliveries: columns, rows, share of rejects, age.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::diag::Problem;
use crate::model::night::Night;

/// How many rows a delivery may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Band {
    /// At least.
    pub min_rows: Option<u64>,
    /// At most.
    pub max_rows: Option<u64>,
}

/// What is expected of a feed. Everything but the age may be left open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contract {
    /// The newest row may be this many days older than the snapshot's date.
    pub max_age_days: u32,
    /// Columns of `observations` that must hold something.
    pub required_columns: Vec<String>,
    /// Rows of a report that has no band of its own.
    pub rows: Band,
    /// Rows by report.
    pub reports: BTreeMap<String, Band>,
    /// Share of the rows that may be set aside, percent.
    pub max_rejects_percent: Option<u8>,
}

/// A delivery, as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Delivered<'a> {
    /// Its name for messages.
    pub object: &'a str,
    /// Report.
    pub report: &'a str,
    /// Date of the snapshot.
    pub date: Date,
    /// Rows read.
    pub read: u64,
    /// Rows set aside.
    pub rejected: u64,
    /// Columns of `observations` that hold something.
    pub filled: &'a [String],
    /// When the newest row was seen; `None` without rows.
    pub newest: Option<Date>,
}

impl Contract {
    /// Everything that is broken; empty where all holds.
    #[must_use]
    pub fn broken(&self, found: &Delivered<'_>) -> Vec<Problem> {
        let mut problems = self.broken_rows(found.object, found.report, found.read);
        let mut problem = |key: &str, message: String, hint: &str| {
            problems.push(Problem::new(found.object, key, message).hint(hint));
        };
        let has_rows = found.read > found.rejected;
        for column in self.required_columns.iter().filter(|_| has_rows) {
            if !found.filled.contains(column) {
                problem(
                    column,
                    "the column is missing or empty in every row; the job requires it".into(),
                    "ask the feed what changed, or take the column out of `required_columns`",
                );
            }
        }
        if let Some(most) = self.max_rejects_percent
            && found.rejected.saturating_mul(100) > found.read.saturating_mul(u64::from(most))
        {
            problem(
                "max_rejects_percent",
                format!(
                    "{} of {} rows cannot be read; the job allows {most} %",
                    found.rejected, found.read
                ),
                "look at the reasons above: a column may have changed its form",
            );
        }
        if let Some(newest) = found.newest {
            let age = Night::new(found.date).days_since(newest);
            if i64::from(age) > i64::from(self.max_age_days) {
                problem(
                    "max_age_days",
                    format!(
                        "the newest row is of {newest}, {age} days before the snapshot's date {}; the job allows {}",
                        found.date, self.max_age_days
                    ),
                    "an old file may have been sent again: fetch today's",
                );
            }
        }
        problems
    }

    /// The rows alone: all that a snapshot's footer tells.
    #[must_use]
    pub fn broken_rows(&self, object: &str, report: &str, rows: u64) -> Vec<Problem> {
        let band = self.reports.get(report).copied().unwrap_or(self.rows);
        let is_low = band.min_rows.is_some_and(|least| rows < least);
        let is_high = band.max_rows.is_some_and(|most| rows > most);
        if !is_low && !is_high {
            return Vec::new();
        }
        let end = |n: Option<u64>, otherwise: &str| {
            n.map_or_else(|| otherwise.to_owned(), |n| n.to_string())
        };
        let message = format!(
            "{rows} rows of report `{report}`; the job expects {} to {}",
            end(band.min_rows, "0"),
            end(band.max_rows, "any number"),
        );
        vec![
            Problem::new(
                object,
                if is_low { "min_rows" } else { "max_rows" },
                message,
            )
            .hint("ask the feed whether it is whole, or change the band of the feed in the job"),
        ]
    }
}
