//! Linear systems over unknown counts, and the least and greatest value of a sum in them.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Problem, Variable};

/// A sum of unknowns, by number and factor.
pub(super) type Terms = Vec<(usize, f64)>;

/// How a row compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    AtLeast,
}

/// One row: terms compared with a number.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub terms: Terms,
    pub compare: Compare,
    pub rhs: f64,
}

/// Unknown counts, none negative, some known; and what is known of their sums. Asked only when it
/// is whole.
#[derive(Debug, Default)]
pub(super) struct System {
    /// The value, where it is known.
    pub known: Vec<Option<f64>>,
    /// The least and the greatest value that is possible.
    pub bounds: Vec<(f64, f64)>,
    pub rows: Vec<Row>,
    /// Values of the unknowns that fit all rows, as earlier questions found them; not a number
    /// where a question did not touch the unknown. One table that an attacker cannot tell from the
    /// real one mostly answers the next question too, and a solver is dear.
    seen: RefCell<Vec<Vec<f64>>>,
    /// For each unknown, the one that stands for all that hang together with it.
    roots: OnceCell<Vec<usize>>,
}

/// Closer than this is equal: counts are whole.
pub(super) const CLOSE: f64 = 1e-4;

/// What a solver can say.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Extreme {
    At(f64),
    Endless,
    /// No values fit, or the solver gave up: nothing may be concluded.
    Unsolved,
}

impl System {
    pub(super) fn unknown(&mut self) -> usize {
        self.known.push(None);
        self.bounds.push((0.0, f64::INFINITY));
        self.known.len() - 1
    }

    /// Says that a sum has this value; one unknown with a factor becomes known.
    pub(super) fn must_equal(&mut self, terms: Terms, value: f64) {
        if let [(var, factor)] = terms.as_slice()
            && let Some(slot) = self.known.get_mut(*var)
        {
            *slot = Some(value / factor);
            return;
        }
        self.rows.push(Row {
            terms,
            compare: Compare::Equal,
            rhs: value,
        });
    }

    /// Says that a sum lies between two values, themselves among them.
    pub(super) fn must_lie(&mut self, terms: Terms, (least, greatest): (f64, f64)) {
        if least >= greatest {
            return self.must_equal(terms, least);
        }
        if let [(var, factor)] = terms.as_slice()
            && *factor > 0.0
            && let Some((from, to)) = self.bounds.get_mut(*var)
        {
            (*from, *to) = (from.max(least / factor), to.min(greatest / factor));
            return;
        }
        if greatest.is_finite() {
            self.rows.push(Row {
                terms: terms.iter().map(|(v, f)| (*v, -f)).collect(),
                compare: Compare::AtLeast,
                rhs: -greatest,
            });
        }
        self.rows.push(Row {
            terms,
            compare: Compare::AtLeast,
            rhs: least,
        });
    }

    /// What an unknown can be.
    pub(super) fn bounds_of(&self, var: usize) -> (f64, f64) {
        self.bounds
            .get(var)
            .copied()
            .unwrap_or((0.0, f64::INFINITY))
    }

    /// May the sum be `most` or less, as far as anybody can compute? Counts are whole: a bound
    /// between two is moved inwards.
    pub(super) fn may_be_at_most(&self, target: &Terms, most: f64) -> bool {
        self.has_seen(target, |value| value <= most + CLOSE)
            || match self.extreme(target, OptimizationDirection::Minimize) {
                Extreme::At(least) => (least - CLOSE).ceil() <= most,
                Extreme::Endless => true,
                Extreme::Unsolved => false,
            }
    }

    /// May the sum be `least` or more?
    pub(super) fn may_be_at_least(&self, target: &Terms, least: f64) -> bool {
        self.has_seen(target, |value| value >= least - CLOSE)
            || match self.extreme(target, OptimizationDirection::Maximize) {
                Extreme::At(greatest) => (greatest + CLOSE).floor() >= least,
                Extreme::Endless => true,
                Extreme::Unsolved => false,
            }
    }

    fn has_seen(&self, target: &Terms, is_meant: impl Fn(f64) -> bool) -> bool {
        let (unknown, fixed) = self.split(target);
        let value = |values: &Vec<f64>| {
            let of = |var: usize| values.get(var).copied().unwrap_or(f64::NAN);
            unknown.iter().map(|(v, f)| of(*v) * f).sum::<f64>() + fixed
        };
        self.seen
            .borrow()
            .iter()
            .any(|values| is_meant(value(values)))
    }

    /// Answers that were found, and may be learnt.
    pub(super) fn n_seen(&self) -> usize {
        self.seen.borrow().len()
    }

    /// Takes over what another system over the same unknowns found from its answer `first` on, where it fits
    /// here too.
    pub(super) fn learn(&self, other: &Self, first: usize) {
        let found = other.seen.borrow();
        let fitting = found.iter().skip(first).filter(|values| self.fits(values));
        self.seen.borrow_mut().extend(fitting.cloned());
    }

    /// Do the values fit everything that is known, as far as a row's unknowns have one?
    fn fits(&self, values: &[f64]) -> bool {
        let at = |var: usize| values.get(var).copied().unwrap_or(f64::NAN);
        let is_close = |var: usize, known: Option<f64>| {
            let (value, (least, greatest)) = (at(var), self.bounds_of(var));
            let is_within = (least - CLOSE..=greatest + CLOSE).contains(&value);
            value.is_nan() || (is_within && known.is_none_or(|k| (k - value).abs() <= CLOSE))
        };
        let mut known = self.known.iter().enumerate();
        known.all(|(var, known)| is_close(var, *known))
            && self.rows.iter().all(|row| {
                let (unknown, fixed) = self.split(&row.terms);
                let of = unknown.iter().map(|(var, factor)| at(*var) * factor);
                let sum = of.sum::<f64>() + fixed - row.rhs;
                // Rows that no value touches say nothing of them.
                unknown.iter().all(|(var, _)| at(*var).is_nan())
                    || match row.compare {
                        Compare::Equal => sum.abs() <= CLOSE,
                        Compare::AtLeast => sum >= -CLOSE,
                    }
            })
    }

    /// The least or the greatest value of a sum, as anybody can compute it.
    fn extreme(&self, target: &Terms, direction: OptimizationDirection) -> Extreme {
        let (unknown, fixed) = self.split(target);
        if unknown.is_empty() {
            return Extreme::At(fixed);
        }
        let (rows, vars) = self.around(target);
        let factors: BTreeMap<usize, f64> = unknown.into_iter().collect();
        let mut problem = Problem::new(direction);
        let mut made: BTreeMap<usize, Variable> = BTreeMap::new();
        for var in vars {
            let factor = factors.get(&var).copied().unwrap_or(0.0);
            made.insert(var, problem.add_var(factor, self.bounds_of(var)));
        }
        for row in rows {
            self.add_row(&mut problem, row, &made, LinearExpr::empty());
        }
        let solution = match problem.solve() {
            Ok(outcome) => outcome.into_solution(),
            Err(microlp::Error::Unbounded) => return Extreme::Endless,
            Err(_) => return Extreme::Unsolved,
        };
        let Ok(solution) = solution else {
            return Extreme::Unsolved;
        };
        let known = self.known.iter().map(|known| known.unwrap_or(f64::NAN));
        let mut values: Vec<f64> = known.collect();
        for (var, variable) in made {
            if let Some(value) = values.get_mut(var) {
                *value = solution.var_value(variable);
            }
        }
        if self.fits(&values) {
            self.seen.borrow_mut().push(values);
        }
        Extreme::At(solution.objective() + fixed)
    }

    /// Adds a row with its known parts moved to the other side.
    pub(super) fn add_row(
        &self,
        problem: &mut Problem,
        row: &Row,
        made: &BTreeMap<usize, Variable>,
        mut sum: LinearExpr,
    ) {
        let (unknown, fixed) = self.split(&row.terms);
        for (var, factor) in unknown {
            if let Some(variable) = made.get(&var) {
                sum.add(*variable, factor);
            }
        }
        let compare = match row.compare {
            Compare::Equal => ComparisonOp::Eq,
            Compare::AtLeast => ComparisonOp::Ge,
        };
        problem.add_constraint(sum, compare, row.rhs - fixed);
    }

    /// Unknown terms, each once, and the sum of the known ones.
    fn split(&self, terms: &Terms) -> (Terms, f64) {
        let mut fixed = 0.0;
        let mut unknown: BTreeMap<usize, f64> = BTreeMap::new();
        for (var, factor) in terms {
            match self.known.get(*var).copied().flatten() {
                Some(value) => fixed += factor * value,
                None => *unknown.entry(*var).or_default() += factor,
            }
        }
        (
            unknown.into_iter().filter(|(_, f)| *f != 0.0).collect(),
            fixed,
        )
    }

    /// The rows and unknowns that hang together with the target: others cannot move it.
    fn around(&self, target: &Terms) -> (Vec<&Row>, Vec<usize>) {
        let roots = self.roots.get_or_init(|| self.roots());
        let of = |var: usize| roots.get(var).copied().unwrap_or(var);
        let (targets, _) = self.split(target);
        let wanted: Vec<usize> = targets.iter().map(|(v, _)| of(*v)).collect();
        let is_near = |var: usize| wanted.contains(&of(var));
        let rows = self.rows.iter().filter(|row| {
            let (unknown, _) = self.split(&row.terms);
            unknown.first().is_some_and(|(v, _)| is_near(*v))
        });
        let vars = (0..self.known.len())
            .filter(|v| self.known.get(*v).copied().flatten().is_none() && is_near(*v));
        (rows.collect(), vars.collect())
    }
}

impl System {
    fn roots(&self) -> Vec<usize> {
        let mut groups: Vec<usize> = (0..self.known.len()).collect();
        for row in &self.rows {
            let (unknown, _) = self.split(&row.terms);
            for pair in unknown.windows(2) {
                if let [(a, _), (b, _)] = pair {
                    let (a, b) = (root(&groups, *a), root(&groups, *b));
                    if let Some(slot) = groups.get_mut(a) {
                        *slot = b;
                    }
                }
            }
        }
        (0..groups.len()).map(|var| root(&groups, var)).collect()
    }
}

fn root(groups: &[usize], of: usize) -> usize {
    let mut at = of;
    while let Some(next) = groups.get(at).filter(|n| **n != at) {
        at = *next;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_and_its_total_bound_what_is_unknown() {
        let mut system = System::default();
        let [a, b, c, total] = [(); 4].map(|()| system.unknown());
        system.rows.push(Row {
            terms: vec![(a, 1.0), (b, 1.0), (c, 1.0), (total, -1.0)],
            compare: Compare::Equal,
            rhs: 0.0,
        });
        system.must_equal(vec![(total, 1.0)], 10.0);
        system.must_equal(vec![(c, 1.0)], 4.0);
        let range = |s: &System, v: usize| {
            let of = vec![(v, 1.0)];
            let least = s.extreme(&of, OptimizationDirection::Minimize);
            (least, s.extreme(&of, OptimizationDirection::Maximize))
        };
        let alone = system.unknown();
        assert_eq!(range(&system, a), (Extreme::At(0.0), Extreme::At(6.0)));
        assert_eq!(range(&system, c), (Extreme::At(4.0), Extreme::At(4.0)));
        assert_eq!(range(&system, alone), (Extreme::At(0.0), Extreme::Endless));
        // What was found answers the next question as the solver would.
        for bound in 0..9 {
            let bound = f64::from(bound);
            assert!(system.may_be_at_most(&vec![(a, 1.0), (b, 1.0)], bound) == (bound >= 6.0));
            assert!(system.may_be_at_least(&vec![(b, 1.0)], bound) == (bound <= 6.0));
        }
        let mut system = System {
            rows: system.rows,
            known: system.known,
            bounds: system.bounds,
            ..System::default()
        };
        system.must_equal(vec![(b, 1.0)], 5.0);
        assert_eq!(range(&system, a), (Extreme::At(1.0), Extreme::At(1.0)));
    }
}
