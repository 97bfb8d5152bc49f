//! A table of the period while it is counted.

use std::collections::HashSet;

use super::axis::{Axis, By, Column, Field, Said};
use super::count::{Figures, Row};
use super::facts::{Companies, Facts};
use super::histogram::Histogram;
use super::marks::Marks;
use super::one_company::OneCompany;
use super::one_letter::{Groups, Room, Thing, letter, single};
use super::tally::Tally;
use crate::model::mixed::Fast;
use crate::statistics::Counts;

/// A table, whose rows are numbered in the order of their keys.
pub(super) struct Table {
    /// The values of each axis.
    values: Vec<Vec<String>>,
    /// Groups of companies, and how far apart the rows of two neighbouring groups are.
    of_company: Vec<(Vec<u32>, usize)>,
    of_item: Vec<OfItem>,
    cells: Cells,
    room: Room,
}

/// An axis whose groups are those of a field: groups by the numbers of the field.
struct OfItem {
    field: Field,
    groups: Vec<u32>,
    n_groups: usize,
}

/// The rows. Those of a company begin at `base`; the others follow by `steps`, for each
/// combination of the groups of a letter or item.
struct Cells {
    base: usize,
    steps: Vec<usize>,
    tallies: Vec<Tally>,
    hours: Vec<Histogram>,
    /// Triggers that were counted, by row.
    triggers: Marks,
    /// Things of several companies that were counted.
    shared: HashSet<(Thing, u32, usize), Fast>,
}

impl Table {
    pub(super) fn of(facts: &Facts, companies: &Companies, axes: &[Axis]) -> Self {
        let columns = axes.iter().map(|a| Column::of(*a, facts, companies));
        let columns: Vec<Column> = columns.collect();
        let n_rows: usize = columns.iter().map(|c| c.values.len()).product();
        let mut stride = n_rows;
        let (mut values, mut of_company, mut of_item) = (Vec::new(), Vec::new(), Vec::new());
        let mut steps = vec![0];
        for column in columns {
            let n_groups = column.values.len();
            stride /= n_groups.max(1);
            match column.by {
                By::Company(groups) => of_company.push((groups, stride)),
                By::Item(field, groups) => {
                    let further = |step: &usize| {
                        let step = *step;
                        (0..n_groups).map(move |group| step + group * stride)
                    };
                    steps = steps.iter().flat_map(further).collect();
                    of_item.push(OfItem {
                        field,
                        groups,
                        n_groups,
                    });
                }
            }
            values.push(column.values);
        }
        let mut triggers = Marks::default();
        triggers.begin(facts.triggers.len(), n_rows);
        Self {
            values,
            of_company,
            of_item,
            cells: Cells {
                base: 0,
                steps,
                tallies: vec![Tally::default(); n_rows],
                hours: vec![Histogram::of(n_rows); n_rows],
                triggers,
                shared: HashSet::default(),
            },
            room: Room::default(),
        }
    }

    /// Adds the letters of the next company.
    pub(super) fn add(&mut self, one: &OneCompany) {
        let rows = self.of_company.iter();
        let rows = rows.map(|(groups, stride)| at(groups, one.company as usize) * stride);
        self.cells.base = rows.sum();
        if self.of_item.is_empty() {
            return self.cells.whole(one);
        }
        self.room.begin(one, self.cells.steps.len());
        let (room, cells) = (&mut self.room, &mut self.cells);
        match self.of_item.as_slice() {
            [axis] => add_by(one, room, cells, |said| axis.group(said)),
            axes => add_by(one, room, cells, |said| {
                let further = |n, axis: &OfItem| n * axis.n_groups + axis.group(said);
                axes.iter().fold(0, further)
            }),
        }
    }

    /// The rows in which the company that was added last is counted.
    pub(super) fn rows_of(&self, company: u32) -> impl Iterator<Item = usize> {
        let cells = &self.cells;
        let rows = cells.steps.iter().map(|step| cells.base + step);
        rows.filter(move |row| {
            let tally = cells.tallies.get(*row);
            tally.is_some_and(|t| t.is_last(company))
        })
    }

    /// The rows in which something was counted; the one of a table without axes always is there.
    pub(super) fn rows(&self) -> Vec<Row> {
        let cells = &self.cells;
        let mut rows = Vec::new();
        for (number, (tally, hours)) in cells.tallies.iter().zip(&cells.hours).enumerate() {
            let percentiles = hours.percentile(50).zip(hours.percentile(90));
            let figures = tally.figures(percentiles);
            if self.values.is_empty() || is_counted(&figures) {
                rows.push(Row {
                    key: self.key(number),
                    figures,
                });
            }
        }
        rows
    }

    /// The values of a row.
    pub(super) fn key(&self, number: usize) -> Vec<String> {
        let mut rest = number;
        let mut key = Vec::new();
        for values in self.values.iter().rev() {
            let n = values.len().max(1);
            key.push(values.get(rest % n).cloned().unwrap_or_default());
            rest /= n;
        }
        key.reverse();
        key
    }
}

/// Adds letters by the groups of their items.
fn add_by(one: &OneCompany, room: &mut Room, cells: &mut Cells, group: impl Fn(&Said) -> usize) {
    for of in &one.singles {
        single(one, of, room, cells, group(&of.said));
    }
    for of in &one.others {
        letter(one, of, room, cells, &group);
    }
}

fn is_counted(figures: &Figures) -> bool {
    figures.counts != Counts::default() || figures.bounced > 0
}

fn at(groups: &[u32], number: usize) -> usize {
    groups.get(number).map_or(0, |g| *g as usize)
}

impl OfItem {
    #[inline]
    fn group(&self, said: &Said) -> usize {
        at(&self.groups, self.field.number(said) as usize)
    }
}

impl Cells {
    /// Adds a company that stands in one row.
    fn whole(&mut self, one: &OneCompany) {
        let row = self.base;
        for trigger in &one.whole.triggers {
            self.first(row, *trigger);
        }
        for hours in &one.whole.hours {
            self.waited(row, *hours);
        }
        let Some(tally) = self.tallies.get_mut(row) else {
            return;
        };
        tally.join(&one.whole.tally);
        for (thing, number) in &one.whole.shared {
            if !self.shared.insert((*thing, *number, row)) {
                continue;
            }
            match thing {
                Thing::Asset => tally.asset(),
                Thing::Finding => {
                    let keys = one.facts.keys.as_ref();
                    tally.finding(keys.map_or(0, |k| k.of_finding(*number)));
                }
            }
        }
    }
}

impl Groups for Cells {
    #[inline]
    fn place(&self, group: usize) -> usize {
        self.base + self.steps.get(group).copied().unwrap_or_default()
    }

    #[inline]
    fn tally(&mut self, row: usize) -> Option<&mut Tally> {
        self.tallies.get_mut(row)
    }

    #[inline]
    fn first(&mut self, row: usize, trigger: u32) {
        if self.triggers.add(trigger as usize, row)
            && let Some(tally) = self.tallies.get_mut(row)
        {
            tally.trigger();
        }
    }

    #[inline]
    fn waited(&mut self, row: usize, hours: u32) {
        if let Some(histogram) = self.hours.get_mut(row) {
            histogram.add(hours);
        }
    }

    fn shared(&mut self, row: usize, thing: Thing, number: u32) -> bool {
        self.shared.insert((thing, number, row))
    }
}
