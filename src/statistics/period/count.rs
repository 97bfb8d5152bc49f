//! Counts the letters of a period, split by one axis or two.
//!
//! One pass over letters, company by company, with sets of bits in place of group-bys. The tables of a night, which
//! polars makes, are the oracle.

use std::collections::BTreeMap;

use super::axis::{Axis, Column};
use super::codes::{Distinct, Tallies};
use super::facts::{Companies, Facts, Item, Letter};
use crate::model::ledger_record::ReceiptState;
use crate::statistics::{Counts, counted};

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
    count_where(facts, &facts.companies, axes, &|_| true)
}

/// As [`count`], of the letters alone that `is_in` takes, by their position; `companies` are what
/// stands in the rows.
pub(super) fn count_where(
    facts: &Facts,
    companies: &Companies,
    axes: &[Axis],
    is_in: &dyn Fn(usize) -> bool,
) -> Vec<Row> {
    let columns = axes.iter().map(|a| Column::of(*a, facts, companies));
    let columns: Vec<Column> = columns.collect();
    let n_groups = columns.iter().map(|c| c.values.len()).product();
    let mut tally = Tally::new(facts, n_groups);
    for (letter_idx, letter) in facts.letters.iter().enumerate() {
        if !letter.counts() || !is_in(letter_idx) {
            continue;
        }
        let group = |item_idx: usize| {
            columns.iter().fold(0, |n, c| {
                n * c.values.len() + c.group(letter_idx, letter, item_idx)
            })
        };
        tally.letter(facts, letter, group);
    }
    let mut rows = Vec::new();
    for number in 0..n_groups {
        let figures = tally.figures(number);
        let is_counted = figures.counts != Counts::default() || figures.bounced > 0;
        if axes.is_empty() || is_counted {
            rows.push(Row {
                key: key(&columns, number),
                figures,
            });
        }
    }
    rows
}

fn key(columns: &[Column], number: usize) -> Vec<String> {
    let mut rest = number;
    let mut key = Vec::new();
    for column in columns.iter().rev() {
        let n = column.values.len().max(1);
        key.push(column.values.get(rest % n).cloned().unwrap_or_default());
        rest /= n;
    }
    key.reverse();
    key
}

/// Kinds that a notification can be of.
const N_RANKS: usize = 5;

struct Tally {
    triggers: Distinct,
    companies: Tallies,
    participants: Tallies,
    findings: Distinct,
    assets: Distinct,
    findings_of: Tallies,
    notifications_of: Tallies,
    cells: Vec<Cell>,
    /// Groups that a letter stands in, mostly one; and its notification in each: room that is
    /// used again.
    of_letter: Vec<usize>,
    of_pair: Vec<OfPair>,
}

#[derive(Clone, Default)]
struct Cell {
    letters: u64,
    attempts: u64,
    bounced: u64,
    keys: [u64; 3],
    /// Notifications by their strongest kind.
    pairs: [u64; N_RANKS],
    hours: Histogram,
}

impl Tally {
    fn new(facts: &Facts, n_groups: usize) -> Self {
        Self {
            triggers: Distinct::new(n_groups, facts.triggers.len()),
            companies: Tallies::new(n_groups),
            participants: Tallies::new(n_groups),
            findings: Distinct::new(n_groups, facts.n_findings),
            assets: Distinct::new(n_groups, facts.n_assets),
            findings_of: Tallies::new(n_groups),
            notifications_of: Tallies::new(n_groups),
            of_letter: Vec::new(),
            of_pair: Vec::new(),
            cells: vec![Cell::of(n_groups); n_groups],
        }
    }

    #[inline]
    fn letter(&mut self, facts: &Facts, letter: &Letter, group: impl Fn(usize) -> usize) {
        let items = letter.items(&facts.items);
        if let [item] = items {
            return self.letter_of_one(facts, letter, item, group(letter.first_item()));
        }
        let mut of_letter = std::mem::take(&mut self.of_letter);
        let mut of_pair = std::mem::take(&mut self.of_pair);
        let mut at = letter.first_item();
        for pair in items.chunk_by(|a, b| a.trigger == b.trigger) {
            for (item_idx, item) in (at..).zip(pair) {
                let group = group(item_idx);
                if !of_letter.contains(&group) {
                    of_letter.push(group);
                }
                if letter.is_repeated {
                    continue;
                }
                self.item(facts, group, letter, item);
                note(&mut of_pair, group, item);
            }
            at += pair.len();
            let trigger = pair.first().map_or(0, |i| i.trigger);
            for of in of_pair.drain(..) {
                self.notification(facts, letter, trigger, &of);
            }
        }
        for group in of_letter.drain(..) {
            self.stands_in(group, letter);
        }
        (self.of_letter, self.of_pair) = (of_letter, of_pair);
    }

    /// Most letters have one item, so one group and one notification at most.
    #[inline]
    fn letter_of_one(&mut self, facts: &Facts, letter: &Letter, item: &Item, group: usize) {
        if !letter.is_repeated {
            self.item(facts, group, letter, item);
            self.notification(facts, letter, item.trigger, &OfPair::of(group, item));
        }
        self.stands_in(group, letter);
    }

    #[inline]
    fn stands_in(&mut self, group: usize, letter: &Letter) {
        if let Some(cell) = self.cells.get_mut(group) {
            cell.letters += u64::from(!letter.is_repeated);
            cell.attempts += u64::from(letter.is_repeated);
            cell.bounced += u64::from(letter.state.has(ReceiptState::Bounced));
        }
    }

    fn item(&mut self, facts: &Facts, group: usize, letter: &Letter, item: &Item) {
        if item.rank() == counted::FIRST {
            self.triggers.add(group, item.trigger);
        }
        if item.rank() > counted::REMINDER {
            return;
        }
        let is_new_company = self.companies.add(group, letter.company);
        if facts.frozen(letter.frozen).is_some_and(|f| f.participant) {
            self.participants.add(group, letter.company);
        }
        self.assets.add(group, item.asset);
        let is_new_finding = self.findings.add(group, item.finding);
        let Some(cell) = self.cells.get_mut(group) else {
            return;
        };
        if is_new_finding {
            self.findings_of.add(group, letter.company);
        }
        if let Some(keys) = &facts.keys {
            let [companies, _, findings] = &mut cell.keys;
            if is_new_company {
                *companies = companies.wrapping_add(keys.of_company(letter.company));
            }
            if is_new_finding {
                *findings = findings.wrapping_add(keys.of_finding(item.finding));
            }
        }
    }

    fn notification(&mut self, facts: &Facts, letter: &Letter, trigger: u32, of: &OfPair) {
        let Some(cell) = self.cells.get_mut(of.group) else {
            return;
        };
        if let Some(count) = cell.pairs.get_mut(of.rank as usize) {
            *count += 1;
        }
        if of.rank <= counted::ESCALATION {
            self.notifications_of.add(of.group, letter.company);
            if let Some(keys) = &facts.keys {
                let key = keys.of_notification(letter.company, trigger, letter.night);
                let [_, notifications, _] = &mut cell.keys;
                *notifications = notifications.wrapping_add(key);
            }
        }
        if of.rank == counted::FIRST {
            cell.hours.add(of.hours);
        }
    }

    fn figures(&self, group: usize) -> Figures {
        let none = Cell::default();
        let cell = self.cells.get(group).unwrap_or(&none);
        let [
            first_warnings,
            relapses,
            escalations,
            reminders,
            corrections,
        ] = cell.pairs;
        Figures {
            counts: Counts {
                triggers: self.triggers.count(group),
                findings: self.findings.count(group),
                notifications: first_warnings + relapses + escalations,
                letters: cell.letters,
                companies: self.companies.companies(group),
                assets: self.assets.count(group),
                participants: self.participants.companies(group),
                first_warnings,
                relapses,
                escalations,
                reminders,
                corrections,
                attempts: cell.attempts,
            },
            bounced: cell.bounced,
            hours: cell.hours.percentile(50).zip(cell.hours.percentile(90)),
            keys: cell.keys,
            most_findings: self.findings_of.most(group),
            most_notifications: self.notifications_of.most(group),
        }
    }
}

/// A notification in a group: its strongest kind, and its longest wait.
struct OfPair {
    group: usize,
    rank: u32,
    hours: u32,
}

impl OfPair {
    fn of(group: usize, item: &Item) -> Self {
        Self {
            group,
            rank: item.rank(),
            hours: item.hours,
        }
    }
}

fn note(of_pair: &mut Vec<OfPair>, group: usize, item: &Item) {
    match of_pair.iter_mut().find(|of| of.group == group) {
        Some(of) => {
            of.rank = item.rank().min(of.rank);
            of.hours = item.hours.max(of.hours);
        }
        None => of_pair.push(OfPair::of(group, item)),
    }
}

impl Cell {
    /// One of so many.
    fn of(n_groups: usize) -> Self {
        let in_a_row = if n_groups <= FEW_GROUPS { IN_A_ROW } else { 0 };
        Self {
            hours: Histogram {
                in_a_row,
                ..Histogram::default()
            },
            ..Self::default()
        }
    }
}

/// Hours of a row of numbers, half a year; more of them are rare.
const IN_A_ROW: usize = 4_400;

/// Groups that may have a row each: 36 MB. A feed's own times could else fill the memory.
const FEW_GROUPS: usize = 2_048;

/// How often each value was counted.
#[derive(Clone, Default)]
struct Histogram {
    /// Values below this one stand in `row`.
    in_a_row: usize,
    /// By value, as far as values came.
    row: Vec<u32>,
    others: BTreeMap<u32, u64>,
}

impl Histogram {
    fn add(&mut self, value: u32) {
        let at = value as usize;
        if at >= self.in_a_row {
            *self.others.entry(value).or_default() += 1;
            return;
        }
        if at >= self.row.len() {
            self.row.resize(at + 1, 0);
        }
        if let Some(n) = self.row.get_mut(at) {
            *n += 1;
        }
    }

    /// The smallest value that at least `percent` of the counted ones do not exceed.
    fn percentile(&self, percent: u64) -> Option<u32> {
        let row = (0..).zip(self.row.iter().map(|n| u64::from(*n)));
        let others = self.others.iter().map(|(value, n)| (*value, *n));
        let all = || row.clone().chain(others.clone());
        let n: u64 = all().map(|(_, n)| n).sum();
        let wanted = (n * percent).div_ceil(100).max(1);
        let mut seen = 0;
        all().find_map(|(value, count)| {
            seen += count;
            (seen >= wanted).then_some(value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let of = |values: &[u32]| {
            let of_cell = |n_groups: usize| {
                let mut histogram = Cell::of(n_groups).hours;
                values.iter().for_each(|value| histogram.add(*value));
                (histogram.percentile(50), histogram.percentile(90))
            };
            assert_eq!(of_cell(1), of_cell(FEW_GROUPS + 1));
            of_cell(1)
        };
        assert_eq!(of(&[]), (None, None));
        assert_eq!(of(&[7]), (Some(7), Some(7)));
        assert_eq!(of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 100]), (Some(5), Some(9)));
        assert_eq!(of(&[4, 4, 8, 8]), (Some(4), Some(8)));
        assert_eq!(
            of(&[9, 5_000, 70_000, u32::MAX]),
            (Some(5_000), Some(u32::MAX))
        );
    }
}
