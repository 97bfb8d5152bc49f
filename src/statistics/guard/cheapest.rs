//! The cheapest other table: what must be hidden so that a secret can have a value that it has not.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Problem, Solution, Variable};

use super::attack::{Model, Target, Which};
use super::publication::{Measure, Publication, Spot};
use super::solve::{CLOSE, Compare, Row, Terms, expression, solved};

/// Tables that differ from ours for a price, as a linear programme: free in what nobody sees.
pub(super) struct Cheapest<'s> {
    outset: Rc<Outset<'s>>,
    made: BTreeMap<usize, Variable>,
    changes: Vec<Change>,
    /// Our own table, which costs nothing: each question starts from it.
    start: Option<Solution>,
}

/// What an attacker knows before our tables are out, and what they will say something of.
pub(super) struct Outset<'s> {
    pub model: Model<'s>,
    pub spots: BTreeSet<(Spot, Measure)>,
}

/// By how much a shown cell differs.
struct Change {
    spot: Spot,
    up: Variable,
    down: Variable,
}

impl<'s> Cheapest<'s> {
    /// `ours` is the publication that changes, with its place; `cost` is the price of a cell by one.
    pub(super) fn new(
        outset: Rc<Outset<'s>>,
        ours: (usize, &Publication),
        cost: impl Fn(&Spot, Measure) -> f64,
    ) -> Self {
        let model = &outset.model;
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let made = model.system.put_into(&mut problem, |_| true);
        let mut changes = Vec::new();
        for (spot, measure) in &outset.spots {
            // Nothing is shown of a secret one.
            let Some(bounds) = ours.1.bounds(spot, *measure) else {
                continue;
            };
            let cost = cost(spot, *measure);
            let [up, down] = [(); 2].map(|()| problem.add_var(cost, (0.0, f64::INFINITY)));
            let terms = model.terms(&Which::Publication(ours.0), spot, *measure);
            for (row, change) in rows_between(&terms, bounds, up, down) {
                let row = model.system.unknown_part(&row);
                row.add_to(&mut problem, &made, change);
            }
            let spot = spot.clone();
            changes.push(Change { spot, up, down });
        }
        Self {
            outset,
            made,
            changes,
            start: solved(problem.solve()),
        }
    }

    /// The cells in which the cheapest table differs that has so much at the target; none where there is no such
    /// table.
    pub(super) fn differing(
        &self,
        target: &Target,
        compare: ComparisonOp,
        bound: u64,
    ) -> BTreeSet<Spot> {
        let system = &self.outset.model.system;
        let terms = self.outset.model.terms_of(target).unwrap_or_default();
        let (unknown, fixed) = system.split(&terms);
        let (sum, bound) = (expression(&unknown, &self.made), bound as f64 - fixed);
        let start = self.start.clone();
        let found = start.and_then(|start| solved(start.add_constraint(sum, compare, bound)));
        let Some(solution) = found else {
            return BTreeSet::new();
        };
        let by = |c: &&Change| solution.var_value(c.up) + solution.var_value(c.down);
        let differing = self.changes.iter().filter(|change| by(change) > CLOSE);
        differing.map(|change| change.spot.clone()).collect()
    }
}

/// The sum lies between two values, if `down` is added to it and `up` taken away.
fn rows_between(
    terms: &Terms,
    (least, greatest): (f64, f64),
    up: Variable,
    down: Variable,
) -> Vec<(Row, LinearExpr)> {
    let row = |sign: f64, compare, rhs: f64| Row {
        terms: terms.iter().map(|(v, f)| (*v, f * sign)).collect(),
        compare,
        rhs: rhs * sign,
    };
    let by = |of: &[(Variable, f64)]| {
        let mut change = LinearExpr::empty();
        of.iter().for_each(|(v, f)| change.add(*v, *f));
        change
    };
    if least >= greatest {
        let change = by(&[(down, 1.0), (up, -1.0)]);
        return vec![(row(1.0, Compare::Equal, least), change)];
    }
    let lower = (row(1.0, Compare::AtLeast, least), by(&[(down, 1.0)]));
    let upper = (row(-1.0, Compare::AtLeast, greatest), by(&[(up, 1.0)]));
    let both = [(lower, least), (upper, greatest)].into_iter();
    let bounded = both.filter(|(_, bound)| bound.is_finite());
    bounded.map(|(row, _)| row).collect()
}
