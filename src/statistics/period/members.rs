//! Which companies stand behind each row: what disclosure control must know, and nobody else.

use std::collections::BTreeMap;

use super::count::counted;
use super::facts::{Companies, Facts};
use super::{Axis, Row};

/// A table with the companies that are counted in each of its rows, by the row's key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WithMembers {
    /// The rows, as `count` has them.
    pub rows: Vec<Row>,
    /// Numbers of companies, ascending; they are the same in all tables of the facts.
    pub members: BTreeMap<Vec<String>, Vec<u32>>,
}

/// As `count_all`, with the companies.
#[must_use]
pub fn count_members(facts: &Facts, tables: &[Vec<Axis>]) -> Vec<WithMembers> {
    members_where(facts, &facts.companies, tables, &|_| true)
}

pub(super) fn members_where(
    facts: &Facts,
    companies: &Companies,
    tables: &[Vec<Axis>],
    is_in: &dyn Fn(usize) -> bool,
) -> Vec<WithMembers> {
    let mut behind: Vec<BTreeMap<usize, Vec<u32>>> = vec![BTreeMap::new(); tables.len()];
    let done = counted(
        facts,
        companies,
        tables,
        is_in,
        &mut |position, table, company| {
            if let Some(rows) = behind.get_mut(position) {
                for row in table.rows_of(company) {
                    rows.entry(row).or_default().push(company);
                }
            }
        },
    );
    let tables = done.iter().zip(behind);
    let with_members = tables.map(|(table, behind)| WithMembers {
        rows: table.rows(),
        members: behind
            .into_iter()
            .map(|(row, companies)| (table.key(row), companies))
            .collect(),
    });
    with_members.collect()
}
