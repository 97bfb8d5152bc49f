//! The job of a period's statistics.

use std::collections::BTreeSet;

use super::section::{Section, Source};
use crate::diag::Problem;
use crate::statistics::period::Axis;

/// A checked job of statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatisticsJob {
    /// The nightly job whose ledger is counted, relative to this file.
    pub nightly: String,
    /// Where the unprotected tables go, under the base.
    pub internal: String,
    /// Tables, each with one axis or two.
    pub tables: Vec<Vec<Axis>>,
}

/// Reads a job of statistics. `file` is its name for messages.
///
/// # Errors
/// Every problem of the file at once, each with line and key.
pub fn statistics_job(file: &str, text: &str) -> Result<StatisticsJob, Vec<Problem>> {
    let source = Source::new(file, text);
    let table = source.parse();
    let job = read(source.root(&table));
    let problems = source.into_problems();
    match job {
        Some(job) if problems.is_empty() => Ok(job),
        _ => Err(problems),
    }
}

fn read(root: Section<'_, '_>) -> Option<StatisticsJob> {
    if root.number::<u32>("schema", "1").is_some_and(|v| v != 1) {
        root.problem("schema", "this program reads version 1 of job files");
    }
    let nightly = root.text("nightly");
    let internal = folder(&root, "internal", "internal/statistics/");
    let tables = tables(&root, "tables");
    root.finish();
    Some(StatisticsJob {
        nightly: nightly?,
        internal,
        tables,
    })
}

/// A folder under the base; ends in `/`.
fn folder(root: &Section<'_, '_>, key: &'static str, default: &str) -> String {
    let mut folder = root.text_or(key, default);
    if !folder.ends_with('/') {
        folder.push('/');
    }
    folder
}

/// Lists of axes, each table once.
fn tables(root: &Section<'_, '_>, key: &'static str) -> Vec<Vec<Axis>> {
    let known = Axis::ALL.iter().map(|a| a.as_str()).collect::<Vec<_>>();
    let mut seen = BTreeSet::new();
    let mut tables = Vec::new();
    for names in root.lists_of_texts(key) {
        let mut axes = Vec::new();
        for name in &names {
            match name.parse::<Axis>() {
                Ok(axis) => axes.push(axis),
                Err(()) => {
                    root.problem(key, format!("`{name}` is not one of {}", known.join(", ")))
                }
            }
        }
        let sorted: BTreeSet<Axis> = axes.iter().copied().collect();
        if !(1..=2).contains(&names.len()) || sorted.len() != axes.len() {
            let found = names.join(", ");
            root.problem(
                key,
                format!("a table is split by `{found}`; expected one axis, or two different ones"),
            );
        } else if !seen.insert(sorted) {
            root.problem(
                key,
                format!("the table `{}` is there twice", names.join(", ")),
            );
        }
        tables.push(axes);
    }
    tables
}
