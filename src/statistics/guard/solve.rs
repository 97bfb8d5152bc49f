//! Linear systems over unknown counts.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use microlp::{ComparisonOp, LinearExpr, Problem, Solution, SolveOutcome, Variable};

use super::ask::Found;

/// A sum of unknowns, by number and factor.
pub(super) type Terms = Vec<(usize, f64)>;

/// A sum, and between which two values it lies.
pub(super) type Fact = (Terms, (f64, f64));

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

impl Row {
    /// Adds the row, and a sum besides, to a problem.
    pub(super) fn add_to(
        &self,
        problem: &mut Problem,
        made: &BTreeMap<usize, Variable>,
        mut sum: LinearExpr,
    ) {
        add(&mut sum, &self.terms, made);
        let compare = match self.compare {
            Compare::Equal => ComparisonOp::Eq,
            Compare::AtLeast => ComparisonOp::Ge,
        };
        problem.add_constraint(sum, compare, self.rhs);
    }
}

/// A sum as the solver takes it.
pub(super) fn expression(terms: &Terms, made: &BTreeMap<usize, Variable>) -> LinearExpr {
    let mut sum = LinearExpr::empty();
    add(&mut sum, terms, made);
    sum
}

fn add(sum: &mut LinearExpr, terms: &Terms, made: &BTreeMap<usize, Variable>) {
    for (var, factor) in terms {
        if let Some(variable) = made.get(var) {
            sum.add(*variable, *factor);
        }
    }
}

/// What a solver came to; nothing where no values fit, or it gave up.
pub(super) fn solved(answer: Result<SolveOutcome, microlp::Error>) -> Option<Solution> {
    answer.ok()?.into_solution().ok()
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
    /// For each unknown, the one that stands for all that hang together with it.
    pub roots: OnceCell<Vec<usize>>,
    reduced: OnceCell<Reduced>,
    /// What questions found.
    pub found: Found,
}

/// What is known of unknowns alone.
#[derive(Debug)]
pub(super) struct Reduced {
    /// The least and the greatest value of each.
    pub bounds: Vec<(f64, f64)>,
    /// Of two unknowns or more each.
    pub rows: Vec<Row>,
}

/// Closer than this is equal: counts are whole.
pub(super) const CLOSE: f64 = 1e-4;

impl System {
    pub(super) fn unknown(&mut self) -> usize {
        self.known.push(None);
        self.bounds.push((0.0, f64::INFINITY));
        self.known.len() - 1
    }

    /// The same, before anything was asked: more may be said.
    pub(super) fn unasked(&self) -> Self {
        Self {
            known: self.known.clone(),
            bounds: self.bounds.clone(),
            rows: self.rows.clone(),
            ..Self::default()
        }
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

    /// The row with its known parts moved to the other side.
    pub(super) fn unknown_part(&self, row: &Row) -> Row {
        let (terms, fixed) = self.split(&row.terms);
        Row {
            terms,
            compare: row.compare,
            rhs: row.rhs - fixed,
        }
    }

    /// Unknown terms, each once, and the sum of the known ones.
    pub(super) fn split(&self, terms: &Terms) -> (Terms, f64) {
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

    /// What stands for all that hang together with these unknowns.
    pub(super) fn roots_of(&self, unknown: &Terms) -> BTreeSet<usize> {
        unknown.iter().map(|(var, _)| self.root_of(*var)).collect()
    }

    pub(super) fn root_of(&self, var: usize) -> usize {
        let roots = self.roots.get_or_init(|| self.roots());
        roots.get(var).copied().unwrap_or(var)
    }

    /// Puts some unknowns into a problem, and the rows between them.
    pub(super) fn put_into(
        &self,
        problem: &mut Problem,
        is_meant: impl Fn(usize) -> bool,
    ) -> BTreeMap<usize, Variable> {
        let reduced = self.reduced();
        let mut made = BTreeMap::new();
        for (var, (known, bounds)) in self.known.iter().zip(&reduced.bounds).enumerate() {
            if known.is_none() && is_meant(var) {
                made.insert(var, problem.add_var(0.0, *bounds));
            }
        }
        let is_near = |row: &&Row| {
            row.terms
                .first()
                .is_some_and(|(var, _)| made.contains_key(var))
        };
        for row in reduced.rows.iter().filter(is_near) {
            row.add_to(problem, &made, LinearExpr::empty());
        }
        made
    }

    fn roots(&self) -> Vec<usize> {
        let mut groups: Vec<usize> = (0..self.known.len()).collect();
        for row in &self.reduced().rows {
            for pair in row.terms.windows(2) {
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

    /// What the rows say of unknowns alone: known values moved to the other side, a row of one unknown made its
    /// bound, and what other rows or bounds say already left out.
    pub(super) fn reduced(&self) -> &Reduced {
        self.reduced.get_or_init(|| {
            let known = self.known.iter().zip(&self.bounds);
            let of =
                |(known, bounds): (&Option<f64>, &(f64, f64))| known.map_or(*bounds, |k| (k, k));
            let mut bounds: Vec<(f64, f64)> = known.map(of).collect();
            let mut wider = Vec::new();
            for row in self.rows.iter().map(|row| self.unknown_part(row)) {
                match row.terms.as_slice() {
                    [] => {}
                    [(var, factor)] => {
                        if let Some(of_var) = bounds.get_mut(*var) {
                            narrow(of_var, *factor, &row);
                        }
                    }
                    _ => wider.push(row),
                }
            }
            let least = |(var, factor): &(usize, f64)| {
                let (least, greatest) = bounds.get(*var).copied().unwrap_or((0.0, f64::INFINITY));
                factor * if *factor > 0.0 { least } else { greatest }
            };
            wider.retain(|row| {
                row.compare == Compare::Equal || row.terms.iter().map(least).sum::<f64>() < row.rhs
            });
            Reduced {
                bounds,
                rows: without_doubles(wider),
            }
        })
    }
}

/// Makes a row of one unknown its bound.
fn narrow((least, greatest): &mut (f64, f64), factor: f64, row: &Row) {
    let is_equal = row.compare == Compare::Equal;
    if is_equal || factor > 0.0 {
        *least = least.max(row.rhs / factor);
    }
    if is_equal || factor < 0.0 {
        *greatest = greatest.min(row.rhs / factor);
    }
}

/// Of rows that say the same of the same sum, the one that says most.
fn without_doubles(rows: Vec<Row>) -> Vec<Row> {
    let mut most: BTreeMap<_, Row> = BTreeMap::new();
    for row in rows {
        let bits = row
            .terms
            .iter()
            .map(|(var, factor)| (*var, factor.to_bits()));
        // Equal sums that do not agree are both kept: then nothing fits.
        let equal = (row.compare == Compare::Equal).then_some(row.rhs.to_bits());
        let said = most
            .entry((equal, bits.collect::<Vec<_>>()))
            .or_insert_with(|| row.clone());
        said.rhs = said.rhs.max(row.rhs);
    }
    most.into_values().collect()
}

fn root(groups: &[usize], of: usize) -> usize {
    let mut at = of;
    while let Some(next) = groups.get(at).filter(|n| **n != at) {
        at = *next;
    }
    at
}
