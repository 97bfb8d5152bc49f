//! What holds between cells of different tables, by the companies behind them.
//!
//! Tables of one publication are about the same companies. Where the companies of one cell are
//! those of another, or of several rows together, a reader who knows it (companies without a
//! registration have no sector) carries a figure from one table into the other. The attacker is
//! taken to know every such relation, also one that holds by chance: that errs on the safe side.
//! Where they differ by a few companies, the difference is a small cell that stands in no table.

use std::collections::{BTreeMap, BTreeSet};

use super::companies::Set;
use super::publication::{Measure, Spot, splits};
use crate::statistics::period::Axis;

/// The companies behind each cell, by numbers of theirs, ascending.
pub type Members = BTreeMap<Spot, Vec<u32>>;

/// A sum of cells, each with its sign.
pub type Sum = Vec<(Spot, i64)>;

/// A sum of cells that is zero, or not below it, whatever the figures are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The cells.
    pub sum: Sum,
    /// It is zero; else it is zero or more.
    pub is_zero: bool,
    /// In which measures that holds.
    pub of: &'static [Measure],
}

/// A few companies that stand in no cell, but in a sum of cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The sum: the cells that hold more, less what they hold besides.
    pub sum: Sum,
    /// In which measures it is a sum.
    pub of: &'static [Measure],
}

/// What holds between the cells of a publication.
#[derive(Clone, Debug, Default)]
pub(super) struct Related {
    pub links: Vec<Link>,
    pub differences: Vec<Difference>,
}

/// Companies alone add up where a cell says what was found at them.
const COMPANIES: &[Measure] = &[Measure::Companies];

/// Every relation between cells of different tables. A cell of fewer companies than `min` is
/// secret by itself.
pub(super) fn related(tables: &BTreeSet<Vec<Axis>>, members: &Members, min: u64) -> Related {
    let n = members.values().flatten().max().map_or(0, |most| most + 1);
    let sets = members.iter().filter(|(_, of)| !of.is_empty());
    let sets = sets.map(|(spot, of)| (spot.clone(), Set::of(of, n as usize)));
    let mut search = Search {
        sets: sets.collect(),
        min: min.max(3),
        found: Related::default(),
    };
    let parts = search.parts(tables, members);
    search.cells_and_rows(&parts);
    search.rows_and_rows(&parts);
    search.cells_and_cells();
    search.found
}

/// The rows of a table that have companies, under their whole.
struct Parts {
    whole: Spot,
    axis: Axis,
    of: Vec<(Spot, Set)>,
}

struct Search {
    sets: BTreeMap<Spot, Set>,
    min: u64,
    found: Related,
}

fn is_of_company(spot: &Spot) -> bool {
    spot.of().iter().all(|(axis, _)| axis.is_of_company())
}

/// The sum of cells less others.
fn less<'s>(more: impl IntoIterator<Item = &'s Spot>, by: &[&Spot]) -> Sum {
    let more = more.into_iter().map(|spot| (spot.clone(), 1));
    let by = by.iter().map(|spot| ((*spot).clone(), -1));
    more.chain(by).collect()
}

impl Search {
    /// Every way to split a cell by an axis of companies.
    fn parts(&self, tables: &BTreeSet<Vec<Axis>>, members: &Members) -> Vec<Parts> {
        let all = splits(tables, members.keys()).into_iter();
        let of_company = all.filter(|s| s.axis.is_of_company() && is_of_company(&s.whole));
        let with_sets = of_company.map(|split| {
            let parts = split.parts.into_iter();
            let of = parts.filter_map(|part| self.sets.get(&part).cloned().map(|set| (part, set)));
            Parts {
                of: of.collect(),
                whole: split.whole,
                axis: split.axis,
            }
        });
        with_sets.filter(|parts| parts.of.len() > 1).collect()
    }

    /// A cell against the rows in which its companies stand, and those that it holds.
    fn cells_and_rows(&mut self, parts: &[Parts]) {
        let cells: Vec<(Spot, Set)> = self
            .sets
            .iter()
            .filter(|(spot, _)| !spot.of().is_empty() && is_of_company(spot))
            .map(|(spot, set)| (spot.clone(), set.clone()))
            .collect();
        for (spot, set) in &cells {
            for parts in parts {
                let is_own = parts.whole.of().is_empty() && spot.axes().contains(&parts.axis);
                let is_part = *spot == parts.whole || parts.of.iter().any(|(s, _)| s == spot);
                let whole = self.sets.get(&parts.whole);
                if !is_own && !is_part && whole.is_some_and(|whole| set.beyond(whole) == 0) {
                    self.cell_and_rows(spot, set, parts);
                }
            }
        }
    }

    fn cell_and_rows(&mut self, spot: &Spot, set: &Set, parts: &Parts) {
        let met: Vec<&(Spot, Set)> = parts.of.iter().filter(|(_, s)| s.meets(set)).collect();
        let held: Vec<&(Spot, Set)> = met
            .iter()
            .copied()
            .filter(|(_, s)| s.beyond(set) == 0)
            .collect();
        let n = |of: &[&(Spot, Set)]| of.iter().map(|(_, s)| s.n()).sum::<u64>();
        // Known of groups; of a cell of two axes it would be chance.
        let is_known = spot.of().len() == 1 && parts.whole.of().is_empty();
        let spots = |of: &[&(Spot, Set)]| of.iter().map(|(s, _)| s.clone()).collect::<Vec<_>>();
        let (above, below) = (n(&met).saturating_sub(set.n()), set.n() - n(&held));
        if met.len() < parts.of.len() || !parts.whole.of().is_empty() {
            let wider = spots(&met);
            self.note(less(&wider, &[spot]), above, is_known, set.n());
        }
        if !held.is_empty() && below > 0 {
            let narrower = spots(&held);
            let by: Vec<&Spot> = narrower.iter().collect();
            self.note(less([spot], &by), below, is_known, n(&held));
        }
    }

    /// A sum that holds so many companies; the smaller side of it holds `least`.
    fn note(&mut self, sum: Sum, n: u64, is_known: bool, least: u64) {
        let is_small = least < self.min;
        // Of a few companies, that two cells are the same ones is a secret itself, unless everybody knows it.
        if (n == 0 && (is_known || !is_small)) || (is_known && !is_small) {
            self.found.links.push(Link {
                sum: sum.clone(),
                is_zero: n == 0,
                of: Measure::ALL,
            });
        }
        if (1..self.min).contains(&n) && !is_small {
            let of = Measure::ALL;
            self.found.differences.push(Difference { sum, of });
        }
    }

    /// Rows of one table that together have the companies of rows of another, or nearly those.
    fn rows_and_rows(&mut self, parts: &[Parts]) {
        let of_total: Vec<&Parts> = parts.iter().filter(|p| p.whole.of().is_empty()).collect();
        for (at, a) in of_total.iter().enumerate() {
            for b in of_total.iter().skip(at + 1) {
                for least in [1, self.min] {
                    for (left, right) in groups(a, b, least) {
                        if left.len() > 1 && right.len() > 1 && left.len() < a.of.len() {
                            self.unions(&left, &right);
                        }
                    }
                }
            }
        }
    }

    fn unions(&mut self, left: &[&(Spot, Set)], right: &[&(Spot, Set)]) {
        let union = |of: &[&(Spot, Set)]| Set::union(of.iter().map(|(_, set)| set));
        let (of_left, of_right) = (union(left), union(right));
        let spots = |of: &[&(Spot, Set)]| of.iter().map(|(s, _)| s.clone()).collect::<Vec<_>>();
        let (left, right) = (spots(left), spots(right));
        let (over, under) = (of_left.beyond(&of_right), of_right.beyond(&of_left));
        let least = of_left.n().min(of_right.n());
        match (over, under) {
            (n, 0) => {
                let by: Vec<&Spot> = right.iter().collect();
                self.note(less(&left, &by), n, false, least);
            }
            (0, n) => {
                let by: Vec<&Spot> = left.iter().collect();
                self.note(less(&right, &by), n, false, least);
            }
            _ => {}
        }
    }

    /// Cells of which one at least says what was found: a company may stand in several.
    fn cells_and_cells(&mut self) {
        let large = self.sets.iter().filter(|(_, s)| s.n() >= self.min);
        let mut large: Vec<(&Spot, &Set)> = large.collect();
        large.sort_by_key(|(_, set)| set.n());
        let mut found = Related::default();
        for (at, (spot, set)) in large.iter().enumerate() {
            for (wider, of_wider) in large.iter().skip(at + 1) {
                let n = of_wider.n() - set.n();
                if n >= self.min {
                    break;
                }
                if (is_of_company(spot) && is_of_company(wider)) || set.beyond(of_wider) > 0 {
                    continue;
                }
                let (sum, of) = (less([*wider], &[*spot]), COMPANIES);
                if n == 0 {
                    let is_zero = true;
                    found.links.push(Link { sum, is_zero, of });
                } else {
                    found.differences.push(Difference { sum, of });
                }
            }
        }
        self.found.links.extend(found.links);
        self.found.differences.extend(found.differences);
    }
}

type Rows<'p> = Vec<&'p (Spot, Set)>;

/// Rows of two tables that hang together, where rows do that share so many companies at least.
fn groups<'p>(a: &'p Parts, b: &'p Parts, least: u64) -> Vec<(Rows<'p>, Rows<'p>)> {
    let mut groups: Vec<(Rows<'p>, Rows<'p>)> = Vec::new();
    for row in &a.of {
        let near = b.of.iter().filter(|(_, s)| s.shared(&row.1) >= least);
        let near: Rows<'p> = near.collect();
        let is_near = |(_, right): &(Rows<'p>, Rows<'p>)| {
            right.iter().any(|r| near.iter().any(|n| n.0 == r.0))
        };
        let (touched, mut rest): (Vec<_>, Vec<_>) = groups.into_iter().partition(is_near);
        let mut joined = (vec![row], near);
        for (left, right) in touched {
            joined.0.extend(left);
            let new = right.into_iter();
            let new: Rows<'p> = new
                .filter(|r| joined.1.iter().all(|n| n.0 != r.0))
                .collect();
            joined.1.extend(new);
        }
        rest.push(joined);
        groups = rest;
    }
    groups
}
