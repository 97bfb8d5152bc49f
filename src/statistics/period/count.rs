//! Counts the letters of a period, split by one axis or two.
//!
//! One pass over letters for all tables, company by company: what a company adds to a table is
//! counted while its letters are near, and once for all tables in which it stands in one row. The
//! tables of a night, which polars makes, are the oracle.

use super::axis::Axis;
use super::facts::{Companies, Facts, Letter};
use super::one_company::OneCompany;
use super::table::Table;
use crate::statistics::Counts;

/// The counts of one cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What is counted in every table.
    pub counts: Counts,
    /// Letters that came back.
    pub bounced: u64,
    /// Hours from the first observation to the end of the letter's day, over first warnings:
    /// median and 90th percentile; `None` without any.
    pub hours: Option<(u32, u32)>,
    /// Sums of the random numbers of the companies, notifications and findings, modulo 2⁶⁴;
    /// zeros where the facts have none.
    pub keys: [u64; 3],
    /// Findings of the company that has the most of them in the cell.
    pub most_findings: u64,
    /// Notifications of the company that has the most of them in the cell.
    pub most_notifications: u64,
}

/// One row: a value for each axis, and its counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Values, in the order of the axes; empty where unknown.
    pub key: Vec<String>,
    /// The counts.
    pub figures: Figures,
}

/// Counts the period, split by no axis, one or two. Rows are sorted by key; only those in which
/// something was counted are there, but for the total, which always is.
#[must_use]
pub fn count(facts: &Facts, axes: &[Axis]) -> Vec<Row> {
    let mut tables = count_all(facts, &[axes.to_vec()]);
    tables.pop().unwrap_or_default()
}

/// As [`count`], many tables at once; they come in the order of `tables`.
#[must_use]
pub fn count_all(facts: &Facts, tables: &[Vec<Axis>]) -> Vec<Vec<Row>> {
    count_where(facts, &facts.companies, tables, &|_| true)
}

/// As [`count_all`], of the letters alone that `is_in` takes, by their position; `companies` are
/// what stands in the rows.
pub(super) fn count_where(
    facts: &Facts,
    companies: &Companies,
    tables: &[Vec<Axis>],
    is_in: &dyn Fn(usize) -> bool,
) -> Vec<Vec<Row>> {
    let tables = counted(facts, companies, tables, is_in, &mut |_, _, _| {});
    tables.iter().map(Table::rows).collect()
}

/// The tables once all letters are in them; `then` is called after each company's, with the
/// table's position and the company.
pub(super) fn counted(
    facts: &Facts,
    companies: &Companies,
    tables: &[Vec<Axis>],
    is_in: &dyn Fn(usize) -> bool,
    then: &mut dyn FnMut(usize, &Table, u32),
) -> Vec<Table> {
    let tables = tables.iter().map(|axes| Table::of(facts, companies, axes));
    let mut tables: Vec<Table> = tables.collect();
    let mut one = OneCompany::new(facts);
    let same = |a: &Letter, b: &Letter| a.company == b.company;
    let mut at = 0;
    for letters in facts.letters.chunk_by(same) {
        let counted = (at..)
            .zip(letters)
            .filter(|(letter_idx, letter)| letter.counts() && is_in(*letter_idx))
            .map(|(_, letter)| letter);
        at += letters.len();
        let company = letters.first().map_or(0, |l| l.company);
        if !one.take(company, counted) {
            continue;
        }
        for (position, table) in tables.iter_mut().enumerate() {
            table.add(&one);
            then(position, table, company);
        }
    }
    tables
}
