//! Controlled rounding: every figure is a multiple of a base, and rows still add up.
//!
//! A figure goes to one of the two multiples beside it; one that is a multiple stays. Which of the
//! two, the cell's key draws, in proportion to how near they are: on the average a figure is what it was. The
//! rounding that is shown is the one nearest to these draws in which rows add up to their totals, found by a
//! linear programme over all tables at once. What is hidden is left out: where a cell is secret, its row
//! need not add up, or the figure behind the point would follow from the others. (Cox, A constructive procedure for unbiased
//! controlled rounding, 1987; the draw is of keys, so that the same cell is drawn alike on every night.)

use std::collections::{BTreeMap, BTreeSet};

use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Variable};

use super::attack::Target;
use super::noise::mixed;
use super::publication::{Measure, Split, Spot, Values, splits, value};
use super::risk::{Contribution, Contributions};
use super::solve::{CLOSE, solved};
use crate::statistics::period::Axis;

/// How figures are rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounding {
    /// Every figure that is shown is a multiple of it.
    pub base: u64,
}

/// What it costs if rows do not add up: no draw is worth it.
const OF_SUM: f64 = 10_000.0;
/// What it costs to show fewer findings than companies.
const OF_SENSE: f64 = 500.0;
/// Cell keys draw from the same keys: whoever has seen both methods must not have two draws of one number.
const OF_ROUNDING: u64 = 0x526f_756e_6469_6e67;

impl Rounding {
    /// Is it wide enough that a zero may hide as many companies as the threshold asks for?
    #[must_use]
    pub const fn is_enough(&self, min_companies: u64) -> bool {
        self.base > min_companies
    }

    /// A figure is further from what is shown than this never.
    #[must_use]
    pub const fn most(&self) -> u64 {
        self.base() - 1
    }

    /// The least and the greatest figure that can stand behind what is shown.
    #[must_use]
    pub fn bounds(&self, shown: &Values, measure: Measure) -> (f64, f64) {
        let n = value(shown, measure);
        let (least, greatest) = (n.saturating_sub(self.most()), n.saturating_add(self.most()));
        (least as f64, greatest as f64)
    }

    /// What is shown of each cell, if those in `hidden` are not.
    #[must_use]
    pub fn rounded(
        &self,
        tables: &BTreeSet<Vec<Axis>>,
        cells: &Contributions,
        hidden: &BTreeSet<Spot>,
    ) -> BTreeMap<Spot, Values> {
        let mut splits = splits(tables, cells.keys());
        splits.retain(|split| {
            let mut of = split.parts.iter().chain([&split.whole]);
            !of.any(|spot| hidden.contains(spot))
        });
        let numbers: BTreeMap<&Spot, usize> = cells.keys().zip(0..).collect();
        let mut shown: Vec<Values> = vec![[0; 3]; cells.len()];
        for (position, &measure) in Measure::ALL.iter().enumerate() {
            let drawn = cells.iter();
            let drawn = drawn.map(|(spot, cell)| self.drawn(spot, cell, measure, position));
            let mut figures: Vec<Figure> = drawn.collect();
            if measure == Measure::Findings {
                self.no_fewer_than_companies(&shown, &mut figures);
            }
            let mut rows = Vec::new();
            for split in &splits {
                rows_of(split, measure, &numbers, &figures, &mut rows);
            }
            control(&mut figures, &rows);
            for (values, figure) in shown.iter_mut().zip(&figures) {
                if let Some(value) = values.get_mut(position) {
                    *value = figure.multiple() * self.base();
                }
            }
        }
        cells.keys().cloned().zip(shown).collect()
    }

    const fn base(&self) -> u64 {
        if self.base == 0 { 1 } else { self.base }
    }

    /// A company has one finding at least, and more companies than findings would look wrong.
    fn no_fewer_than_companies(&self, shown: &[Values], findings: &mut [Figure]) {
        for (figure, [companies, ..]) in findings.iter_mut().zip(shown) {
            if companies / self.base() > figure.floor {
                figure.must_go(true);
            }
        }
    }

    fn drawn(&self, spot: &Spot, cell: &Contribution, measure: Measure, position: usize) -> Figure {
        let base = self.base();
        let n = value(&cell.values, measure);
        let key = cell.keys.get(position).copied().unwrap_or_default();
        let over = n % base;
        let is_up = mixed(key ^ OF_ROUNDING) % base < over;
        // A draw that was likely is dear to leave; so are totals.
        let likely = if is_up { over } else { base - over };
        let of_kind = match spot.of() {
            [] => 8.0,
            [_] => 3.0,
            _ => 1.0,
        };
        Figure {
            floor: n / base,
            is_between: over > 0,
            is_up,
            price: of_kind * likely as f64 / base as f64,
        }
    }

    /// Must the cell of a target be hidden, since rounding does not protect it? So it is if one of the two multiples
    /// would give too much away, whichever is drawn: a draw that keeps a secret would tell it. And so it is above
    /// the base, where few secret figures are behind what is shown.
    #[must_use]
    pub fn is_not_enough(&self, target: &Target, n: u64) -> bool {
        let keeps = |multiple: u64| {
            let (least, greatest) = self.bounds(&[multiple * self.base(); 3], target.measure);
            target.at_most.is_none_or(|most| least <= most as f64)
                && target.at_least.is_none_or(|more| greatest >= more as f64)
        };
        let floor = n / self.base();
        let is_kept = keeps(floor) && (n.is_multiple_of(self.base()) || keeps(floor + 1));
        n > self.base() || !is_kept
    }
}

/// A figure in units of the base.
struct Figure {
    floor: u64,
    /// Is it no multiple?
    is_between: bool,
    is_up: bool,
    /// What it costs to go the other way.
    price: f64,
}

impl Figure {
    fn multiple(&self) -> u64 {
        self.floor + u64::from(self.is_between && self.is_up)
    }

    const fn must_go(&mut self, is_up: bool) {
        self.is_up = is_up;
        self.price = OF_SENSE;
    }
}

/// Figures by number, each with its sign; together they are zero, or not below it.
struct Sum {
    of: Vec<(usize, f64)>,
    is_zero: bool,
}

/// What must hold of rounded figures as it holds of bare ones.
fn rows_of(
    split: &Split,
    measure: Measure,
    numbers: &BTreeMap<&Spot, usize>,
    figures: &[Figure],
    rows: &mut Vec<Sum>,
) {
    let Some(whole) = numbers.get(&split.whole) else {
        return;
    };
    let parts = split.parts.iter().filter_map(|part| numbers.get(part));
    let parts: Vec<usize> = parts.copied().collect();
    let is_zero = measure.adds_up(split.axis);
    let of_parts = parts.iter().map(|part| (*part, 1.0));
    rows.push(Sum {
        of: of_parts.chain([(*whole, -1.0)]).collect(),
        is_zero,
    });
    let floor = |number: &usize| figures.get(*number).map(|f| f.floor);
    // A part below the floor of its whole cannot come to be more.
    let near = parts
        .iter()
        .filter(|part| !is_zero && floor(part) == floor(whole));
    rows.extend(near.map(|part| Sum {
        of: vec![(*whole, 1.0), (*part, -1.0)],
        is_zero: false,
    }));
}

/// Leaves the draws where rows ask for it. A figure that the programme leaves between its two multiples is put to
/// the nearer one, and the rest asked again.
fn control(figures: &mut [Figure], rows: &[Sum]) {
    let mut decided: BTreeMap<usize, bool> = BTreeMap::new();
    while let Some(values) = nearest(figures, rows, &decided) {
        let by = |value: &f64| (value - value.round()).abs();
        let open = values.iter().filter(|(_, value)| by(value) > CLOSE);
        let next = open.min_by(|a, b| by(a.1).total_cmp(&by(b.1)));
        let Some((number, value)) = next else {
            for (number, value) in values {
                if let Some(figure) = figures.get_mut(number) {
                    figure.is_up = value > 0.5;
                }
            }
            return;
        };
        decided.insert(*number, *value > 0.5);
    }
}

/// How far each figure goes up, from 0 to 1, in the cheapest way to leave the draws; `None` if the solver gives up.
fn nearest(
    figures: &[Figure],
    rows: &[Sum],
    decided: &BTreeMap<usize, bool>,
) -> Option<BTreeMap<usize, f64>> {
    let mut problem = microlp::Problem::new(OptimizationDirection::Minimize);
    let mut made: BTreeMap<usize, Variable> = BTreeMap::new();
    for (number, figure) in figures.iter().enumerate().filter(|(_, f)| f.is_between) {
        let bounds = match decided.get(&number) {
            Some(is_up) => (f64::from(*is_up), f64::from(*is_up)),
            None => (0.0, 1.0),
        };
        let price = if figure.is_up {
            -figure.price
        } else {
            figure.price
        };
        made.insert(number, problem.add_var(price, bounds));
    }
    for row in rows {
        let mut sum = LinearExpr::empty();
        let mut floors = 0.0;
        for (number, sign) in &row.of {
            floors += sign * figures.get(*number).map_or(0.0, |f| f.floor as f64);
            if let Some(variable) = made.get(number) {
                sum.add(*variable, *sign);
            }
        }
        sum.add(problem.add_var(OF_SUM, (0.0, f64::INFINITY)), 1.0);
        let compare = if row.is_zero {
            sum.add(problem.add_var(OF_SUM, (0.0, f64::INFINITY)), -1.0);
            ComparisonOp::Eq
        } else {
            ComparisonOp::Ge
        };
        problem.add_constraint(sum, compare, -floors);
    }
    let solution = solved(problem.solve())?;
    let values = made.into_iter();
    Some(values.map(|(n, v)| (n, solution.var_value(v))).collect())
}
