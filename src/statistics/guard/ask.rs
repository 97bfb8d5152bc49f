//! What is possible in a linear system: questions about the least and the greatest value of a sum.
//!
//! A solver is dear, so each question starts from values that fit, where a few steps are left to do. What it finds is
//! kept: one table that an attacker cannot tell from the real one mostly answers the next question too.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use microlp::{ComparisonOp, OptimizationDirection, Problem, Solution, Variable};

use super::solve::{CLOSE, Compare, Fact, System, Terms, expression, solved};

/// What a solver's own rounding may take from a bound.
const NEAR: f64 = CLOSE / 10.0;

/// What questions found in a system.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Values of the unknowns that fit all rows; not a number where a question did not touch the unknown.
    seen: RefCell<Vec<Rc<Seen>>>,
    /// Where questions about these start; nothing where no values fit.
    starts: RefCell<BTreeMap<BTreeSet<usize>, Option<Rc<Start>>>>,
}

/// Values that fit, as the solver holds them.
#[derive(Debug)]
struct Start {
    made: BTreeMap<usize, Variable>,
    solution: Solution,
    values: Vec<f64>,
}

/// Values that fit, and how they were found.
#[derive(Debug)]
struct Seen {
    values: Vec<f64>,
    /// By how much they differ from those that the question started from.
    moves: Vec<f64>,
    /// What the question was about.
    roots: BTreeSet<usize>,
}

impl Start {
    /// Does it have these unknowns? All or none: those of a sum hang together.
    fn is_about(&self, terms: &Terms) -> bool {
        terms.iter().any(|(var, _)| self.made.contains_key(var))
    }

    /// Values near it in which a sum compares so with a bound.
    fn moved(
        &self,
        from: Solution,
        terms: &Terms,
        compare: ComparisonOp,
        bound: f64,
    ) -> Option<Solution> {
        solved(from.add_constraint(expression(terms, &self.made), compare, bound))
    }
}

impl System {
    /// May the sum be `most` or less, as far as anybody can compute?
    pub(super) fn may_be_at_most(&self, target: &Terms, most: f64) -> bool {
        self.n_at_most(target, most) > 0 || self.may_be(target, ComparisonOp::Le, most)
    }

    /// May the sum be `least` or more?
    pub(super) fn may_be_at_least(&self, target: &Terms, least: f64) -> bool {
        self.n_at_least(target, least) > 0 || self.may_be(target, ComparisonOp::Ge, least)
    }

    /// In how many tables that were found the sum is `most` or less.
    pub(super) fn n_at_most(&self, target: &Terms, most: f64) -> usize {
        self.n_found(target, |value| value <= most + CLOSE)
    }

    /// In how many the sum is `least` or more.
    pub(super) fn n_at_least(&self, target: &Terms, least: f64) -> usize {
        self.n_found(target, |value| value >= least - CLOSE)
    }

    fn n_found(&self, target: &Terms, is_meant: impl Fn(f64) -> bool) -> usize {
        let (unknown, fixed) = self.split(target);
        let value = |seen: &Rc<Seen>| {
            let of = |var: usize| seen.values.get(var).copied().unwrap_or(f64::NAN);
            unknown.iter().map(|(v, f)| of(*v) * f).sum::<f64>() + fixed
        };
        let found = self.found.seen.borrow();
        found.iter().filter(|seen| is_meant(value(seen))).count()
    }

    /// Answers that were found, and may be learnt.
    pub(super) fn n_seen(&self) -> usize {
        self.found.seen.borrow().len()
    }

    /// Takes over what another system over the same unknowns found from its answer `first` on, where it fits
    /// here too.
    pub(super) fn learn(&self, other: &Self, first: usize) {
        let starts = self.found.starts.borrow();
        let found = other.found.seen.borrow();
        let fitting = found.iter().skip(first).filter_map(|seen| {
            if self.fits(&seen.values) {
                return Some(Rc::clone(seen));
            }
            // What led there from one start often leads as far from another one.
            let start = starts.get(&seen.roots)?.as_ref()?;
            let moved = start.values.iter().zip(&seen.moves);
            let values: Vec<f64> = moved.map(|(at, by)| at + by).collect();
            self.fits(&values).then(|| {
                Rc::new(Seen {
                    values,
                    moves: seen.moves.clone(),
                    roots: seen.roots.clone(),
                })
            })
        });
        self.found.seen.borrow_mut().extend(fitting);
    }

    /// The system with more facts. What was found stays where it fits, and questions start from where they did.
    pub(super) fn told(&self, facts: &[Fact]) -> Self {
        let mut told = self.unasked();
        for (terms, bounds) in facts {
            told.must_lie(terms.clone(), *bounds);
        }
        // A fact about unknowns that did not hang together changes what belongs to a question.
        let of_fact = |(terms, _): &Fact| self.roots_of(&self.split(terms).0);
        let starts = self.found.starts.borrow();
        let is_same = !starts.is_empty() && facts.iter().all(|fact| of_fact(fact).len() < 2);
        if let (Some(roots), true) = (self.roots.get(), is_same) {
            let of = |(key, start): (&BTreeSet<usize>, &Option<Rc<Start>>)| {
                Some((key.clone(), Some(self.start_with(start.as_ref()?, facts)?)))
            };
            told.found.starts = RefCell::new(starts.iter().filter_map(of).collect());
            told.roots = OnceCell::from(roots.clone());
        }
        drop(starts);
        told.learn(self, 0);
        told
    }

    /// A start that fits more facts; nothing where the solver finds none: then it is looked for anew.
    fn start_with(&self, start: &Rc<Start>, facts: &[Fact]) -> Option<Rc<Start>> {
        let known = facts
            .iter()
            .map(|(terms, bounds)| (self.split(terms), *bounds));
        let near = known.filter(|((unknown, _), _)| start.is_about(unknown));
        let near: Vec<((Terms, f64), (f64, f64))> = near.collect();
        if near.is_empty() {
            return Some(Rc::clone(start));
        }
        let mut solution = start.solution.clone();
        for ((unknown, fixed), (least, greatest)) in near {
            let sides = match least < greatest {
                false => vec![(ComparisonOp::Eq, least)],
                true => vec![(ComparisonOp::Ge, least), (ComparisonOp::Le, greatest)],
            };
            for (compare, bound) in sides.into_iter().filter(|(_, bound)| bound.is_finite()) {
                solution = start.moved(solution, &unknown, compare, bound - fixed)?;
            }
        }
        Some(Rc::new(self.start_at(start.made.clone(), solution)))
    }

    fn start_at(&self, made: BTreeMap<usize, Variable>, solution: Solution) -> Start {
        Start {
            values: self.values(&made, &solution),
            made,
            solution,
        }
    }

    /// Do the values fit everything that is known, as far as a row's unknowns have one?
    fn fits(&self, values: &[f64]) -> bool {
        let at = |var: usize| values.get(var).copied().unwrap_or(f64::NAN);
        let reduced = self.reduced();
        let is_close = |(var, (least, greatest)): (usize, &(f64, f64))| {
            let value = at(var);
            value.is_nan() || (least - CLOSE..=greatest + CLOSE).contains(&value)
        };
        reduced.bounds.iter().enumerate().all(is_close)
            && reduced.rows.iter().all(|row| {
                let of = row.terms.iter().map(|(var, factor)| at(*var) * factor);
                let sum = of.sum::<f64>() - row.rhs;
                // Rows that no value touches say nothing of them.
                row.terms.iter().all(|(var, _)| at(*var).is_nan())
                    || match row.compare {
                        Compare::Equal => sum.abs() <= CLOSE,
                        Compare::AtLeast => sum >= -CLOSE,
                    }
            })
    }

    /// Do any values fit in which the sum compares so with the bound? False where the solver gives up:
    /// nothing may be concluded.
    fn may_be(&self, target: &Terms, compare: ComparisonOp, bound: f64) -> bool {
        let (unknown, fixed) = self.split(target);
        let (bound, holds) = match compare {
            ComparisonOp::Le => (bound - fixed + NEAR, fixed <= bound + NEAR),
            _ => (bound - fixed - NEAR, fixed >= bound - NEAR),
        };
        if unknown.is_empty() {
            return holds;
        }
        let Some(start) = self.start(&unknown) else {
            return false;
        };
        let from = start.solution.clone();
        let Some(solution) = start.moved(from, &unknown, compare, bound) else {
            return false;
        };
        let values = self.values(&start.made, &solution);
        // The solver has checked them; a table that were none would prove nothing.
        let is_fitting = self.fits(&values);
        if is_fitting {
            let moved = values.iter().zip(&start.values);
            self.found.seen.borrow_mut().push(Rc::new(Seen {
                moves: moved.map(|(at, from)| at - from).collect(),
                values,
                roots: self.roots_of(&unknown),
            }));
        }
        is_fitting
    }

    /// The values of all unknowns in a solution, not a number where it does not touch them.
    fn values(&self, made: &BTreeMap<usize, Variable>, solution: &Solution) -> Vec<f64> {
        let known = self.known.iter().map(|known| known.unwrap_or(f64::NAN));
        let mut values: Vec<f64> = known.collect();
        for (var, variable) in made {
            if let Some(value) = values.get_mut(*var) {
                *value = solution.var_value(*variable);
            }
        }
        values
    }

    /// Some values that fit all rows around the unknowns: a question starts from there, so that its solver
    /// has a few steps left.
    fn start(&self, unknown: &Terms) -> Option<Rc<Start>> {
        let key = self.roots_of(unknown);
        let mut starts = self.found.starts.borrow_mut();
        let start = starts.entry(key).or_insert_with_key(|roots| {
            let mut problem = Problem::new(OptimizationDirection::Minimize);
            let made = self.put_into(&mut problem, |var| roots.contains(&self.root_of(var)));
            let solution = solved(problem.solve())?;
            Some(Rc::new(self.start_at(made, solution)))
        });
        start.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::noise::mixed;
    use super::super::solve::Row;
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
        // What a value can be at the least and at the most, among those up to twenty.
        let range = |s: &System, v: usize| {
            let (of, mut all) = (vec![(v, 1.0)], (0..=20).map(f64::from));
            let least = all.clone().find(|n| s.may_be(&of, ComparisonOp::Le, *n));
            (least, all.rfind(|n| s.may_be(&of, ComparisonOp::Ge, *n)))
        };
        let alone = system.unknown();
        assert_eq!(range(&system, a), (Some(0.0), Some(6.0)));
        assert_eq!(range(&system, c), (Some(4.0), Some(4.0)));
        assert_eq!(range(&system, alone), (Some(0.0), Some(20.0)));
        // What was found answers the next question as the solver would.
        for bound in 0..9 {
            let bound = f64::from(bound);
            assert!(system.may_be_at_most(&vec![(a, 1.0), (b, 1.0)], bound) == (bound >= 6.0));
            assert!(system.may_be_at_least(&vec![(b, 1.0)], bound) == (bound <= 6.0));
        }
        let mut system = system.unasked();
        system.must_equal(vec![(b, 1.0)], 5.0);
        assert_eq!(range(&system, a), (Some(1.0), Some(1.0)));
    }

    /// Numbers that look drawn, below a bound.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = mixed(self.0.wrapping_add(1));
            self.0 % bound
        }
    }

    const N: usize = 7;

    /// Values that are true, a sum of some of them, and bounds around it.
    fn fact(dice: &mut Dice, truth: &[f64]) -> Fact {
        let (n, first) = (1 + dice.below(3) as usize, dice.below(N as u64) as usize);
        let vars = (0..n).map(|i| (first + i * 2) % N);
        let terms: Terms = vars.map(|var| (var, 1.0)).collect();
        let sum: f64 = terms.iter().filter_map(|(var, _)| truth.get(*var)).sum();
        let (less, more) = (dice.below(3) as f64, dice.below(3) as f64);
        (terms, ((sum - less).max(0.0), sum + more))
    }

    #[test]
    fn a_system_that_was_asked_before_it_was_told_more_answers_as_one_that_was_told_at_once() {
        let (mut n_no, mut n_yes, mut n_carried) = (0, 0, 0);
        for seed in 0..80 {
            let mut dice = Dice(seed * 1_000_003);
            let truth: Vec<f64> = (0..N).map(|_| dice.below(9) as f64).collect();
            let facts: Vec<Fact> = (0..6).map(|_| fact(&mut dice, &truth)).collect();
            let mut first = System::default();
            truth.iter().for_each(|_| {
                first.unknown();
            });
            let (early, late) = facts.split_at(3);
            for (terms, bounds) in early {
                first.must_lie(terms.clone(), *bounds);
            }
            let mut whole = first.unasked();
            for (terms, bounds) in late {
                whole.must_lie(terms.clone(), *bounds);
            }
            let mut told = first;
            // One by one, or all at once.
            for facts in late.chunks(1 + 2 * (seed as usize % 2)) {
                for var in 0..N {
                    told.may_be_at_most(&vec![(var, 1.0)], dice.below(9) as f64);
                    told.may_be_at_least(&vec![(var, 1.0)], dice.below(9) as f64);
                }
                told = told.told(facts);
            }
            n_carried += told.found.starts.borrow().len();
            for var in 0..N {
                let sum = vec![(var, 1.0), ((var + 1) % N, 1.0)];
                for (of, bound) in (0..20).map(|n| (&sum, f64::from(n))) {
                    let is_possible = whole.unasked().may_be_at_most(of, bound);
                    assert_eq!(told.may_be_at_most(of, bound), is_possible, "{seed}");
                    let is_possible_above = whole.unasked().may_be_at_least(of, bound);
                    assert_eq!(told.may_be_at_least(of, bound), is_possible_above, "{seed}");
                    for answer in [is_possible, is_possible_above] {
                        *if answer { &mut n_yes } else { &mut n_no } += 1;
                    }
                }
            }
        }
        assert!(
            n_no > 1_000 && n_yes > 1_000 && n_carried > 50,
            "{n_no} {n_yes} {n_carried}"
        );
    }
}
