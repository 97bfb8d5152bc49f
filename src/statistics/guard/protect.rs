//! Chooses which further cells are hidden, so that the secret ones cannot be worked out.
//!
//! For each secret and each side a linear programme looks for the cheapest other table that
//! agrees with everything published and in which the secret has the value that must remain
//! possible (Kelly, Golden and Assad, 1992). The cells in which that table differs are hidden.
//! Afterwards each hidden cell is shown again if the secrets still hold.

use std::collections::{BTreeMap, BTreeSet};

use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Problem, Variable};

use super::attack::{Model, Slices, Target, Which, is_open, is_open_below, known, opened};
use super::noise::Noise;
use super::publication::{Measure, Publication, Spot, Values, value};
use super::relate::{Members, related};
use super::risk::{Contributions, Rules, groups_with_one_value, small_differences, targets};
use super::solve::CLOSE;
use crate::statistics::period::{Axis, Span};

/// Hidden cells that are tried again, at most: each costs an attack.
const MAX_TRIED_AGAIN: usize = 60;

/// What would be published.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The period.
    pub span: Span,
    /// The ledger that was counted.
    pub ledger_seq: u64,
    /// The tables with their margins, see `with_margins`.
    pub tables: BTreeSet<Vec<Axis>>,
    /// What the cells are made of.
    pub cells: Contributions,
    /// Which companies stand behind each cell.
    pub members: Members,
    /// How figures are moved before they are shown; `None` shows them as they are.
    pub noise: Option<Noise>,
}

/// What is known of everything else that was published.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// Earlier publications, which cannot be changed any more.
    pub publications: Vec<Publication>,
    /// The letters apart by publications; the draft comes last.
    pub slices: Slices,
    /// What must stay uncertain about earlier publications, and about what is left when two are
    /// subtracted.
    pub targets: Vec<Target>,
    /// Cells that earlier versions of the same period hid: shown now, they would tell what the
    /// others hid.
    pub hidden: BTreeSet<Spot>,
}

impl Before {
    /// Nothing was published before.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            publications: Vec::new(),
            slices: Slices::one(),
            targets: Vec::new(),
            hidden: BTreeSet::new(),
        }
    }
}

/// Tables that can be published.
#[derive(Clone, Debug)]
pub struct Protected {
    /// The tables.
    pub publication: Publication,
    /// Everything that the attacker must not work out.
    pub targets: Vec<Target>,
    /// What earlier publications give away, whatever is hidden now.
    pub told: Vec<Target>,
    /// What the attacker is taken to know beside the figures.
    pub known: Slices,
    /// Cells that are hidden for their sake.
    pub n_secondary: usize,
}

struct Search<'d> {
    draft: &'d Draft,
    before: &'d Before,
    slices: &'d Slices,
    /// What each cell shows, unless it is secret.
    shown: BTreeMap<Spot, Values>,
    secret: BTreeSet<Spot>,
}

/// Hides what must be hidden.
///
/// # Errors
/// The targets that cannot be kept, whatever is hidden: an earlier publication gives them away.
pub fn protect(draft: &Draft, before: &Before, rules: &Rules) -> Result<Protected, Vec<Target>> {
    let ours = Which::Publication(before.publications.len());
    let mut all = targets(&ours, &draft.cells, rules);
    all.extend(groups_with_one_value(
        &ours,
        &draft.tables,
        &draft.cells,
        rules,
    ));
    let primary: BTreeSet<Spot> = all.iter().map(|t| t.spot.clone()).collect();
    let related = related(&draft.tables, &draft.members, rules.min_companies);
    all.extend(small_differences(
        &ours,
        &related.differences,
        &draft.cells,
        rules,
    ));
    let mut slices = before.slices.clone();
    let position = before.publications.len();
    let links = related.links.into_iter().map(|link| (position, link));
    slices.links.extend(links);
    all.extend(before.targets.iter().cloned());
    // Where figures are moved, a secret cell is hidden only if that is not enough.
    let kept: BTreeSet<Spot> = match draft.noise {
        None => primary.union(&before.hidden).cloned().collect(),
        Some(_) => before.hidden.clone(),
    };
    let mut search = Search {
        draft,
        before,
        slices: &slices,
        shown: shown(draft),
        secret: kept.clone(),
    };
    let told = search.told(&mut all);
    let mut failed = Vec::new();
    let mut model = search.model();
    for target in &all {
        if !search.close(target, &mut model) {
            failed.push(target.clone());
        }
    }
    if !failed.is_empty() {
        return Err(failed);
    }
    search.show_again(&kept, &all, model);
    let publications = search.publications();
    let left: Vec<Target> = opened(&publications, &slices, &all)
        .into_iter()
        .cloned()
        .collect();
    match publications.into_iter().next_back() {
        Some(publication) if left.is_empty() => Ok(Protected {
            n_secondary: search.secret.difference(&primary).count(),
            publication,
            targets: all,
            told,
            known: slices.clone(),
        }),
        _ => Err(left),
    }
}

/// What would be shown if nothing were secret. A cell that shows zeros is left out like any other
/// zero, but for the total.
fn shown(draft: &Draft) -> BTreeMap<Spot, Values> {
    let shown = draft.cells.iter().map(|(spot, cell)| {
        let values = draft.noise.map_or(cell.values, |noise| noise.shown(cell));
        (spot.clone(), values)
    });
    shown
        .filter(|(spot, values)| spot.of().is_empty() || *values != [0; 3])
        .collect()
}

impl<'d> Search<'d> {
    /// Everything that would be in an attacker's hand.
    fn publications(&self) -> Vec<Publication> {
        let shown = self.shown.iter();
        let mut cells: BTreeMap<Spot, Option<_>> =
            shown.map(|(spot, v)| (spot.clone(), Some(*v))).collect();
        // Zeros are not listed, unless they are hidden.
        cells.extend(self.secret.iter().map(|spot| (spot.clone(), None)));
        let mut all = self.before.publications.clone();
        all.push(Publication {
            span: self.draft.span,
            ledger_seq: self.draft.ledger_seq,
            tables: self.draft.tables.clone(),
            cells,
            noise: self.draft.noise,
        });
        all
    }

    fn model(&self) -> Model<'d> {
        known(&self.publications(), self.slices)
    }

    /// Takes out what earlier publications give away about themselves though nothing of ours were shown: it is
    /// beyond help. Of our own secrets they may say that there is something, and never how much at most.
    fn told(&self, targets: &mut Vec<Target>) -> Vec<Target> {
        if self.before.publications.is_empty() {
            return Vec::new();
        }
        let nothing = Search {
            secret: self.shown.keys().chain(&self.secret).cloned().collect(),
            shown: self.shown.clone(),
            ..*self
        };
        let (model, ours) = (nothing.model(), self.before.publications.len());
        let (mut told, mut kept) = (Vec::new(), Vec::new());
        for mut target in std::mem::take(targets) {
            if !target.which.is_of(ours) && is_open(&model, &target) {
                told.push(target);
                continue;
            }
            if target.measure != Measure::Notifications && is_open_below(&model, &target) {
                target.at_most = None;
            }
            kept.push(target);
        }
        *targets = kept;
        told
    }

    /// The model after a change, with what the one before it found.
    fn changed(&self, before: &Model<'d>) -> Model<'d> {
        let model = self.model();
        model.learn(before, 0);
        model
    }

    /// Hides cells until the target is safe; false where that cannot be. `model` is what the
    /// attacker knows.
    fn close(&mut self, target: &Target, model: &mut Model<'d>) -> bool {
        let ours = Which::Publication(self.before.publications.len());
        let mut measures: Vec<Measure> = vec![target.measure];
        while is_open(model, target) {
            if target.which == ours
                && target.beside.is_empty()
                && self.secret.insert(target.spot.clone())
            {
                *model = self.changed(model);
                continue;
            }
            let mut found = BTreeSet::new();
            if let Some(most) = target.at_most {
                found.extend(self.cheapest(target, &measures, ComparisonOp::Le, most));
            }
            if let Some(least) = target.at_least {
                found.extend(self.cheapest(target, &measures, ComparisonOp::Ge, least));
            }
            found.retain(|spot| !self.secret.contains(spot));
            if found.is_empty() {
                // What holds between measures may narrow what one of them leaves open.
                if measures.len() == Measure::ALL.len() {
                    return false;
                }
                measures = Measure::ALL.to_vec();
            }
            self.secret.extend(found);
            *model = self.changed(model);
        }
        true
    }

    /// The spots in which the cheapest other table differs.
    fn cheapest(
        &self,
        target: &Target,
        measures: &[Measure],
        compare: ComparisonOp,
        bound: u64,
    ) -> BTreeSet<Spot> {
        let publications = self.publications();
        let ours = self.before.publications.len();
        let mut model = Model::new(&publications, self.slices, measures);
        model.say_all(&self.before.publications);
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let system = &model.system;
        let mut made: BTreeMap<usize, Variable> = BTreeMap::new();
        for (var, known) in system.known.iter().enumerate() {
            if known.is_none() {
                made.insert(var, problem.add_var(0.0, system.bounds_of(var)));
            }
        }
        for row in &system.rows {
            system.add_row(&mut problem, row, &made, LinearExpr::empty());
        }
        let mut changes: Vec<(Spot, Variable, Variable)> = Vec::new();
        let ours_shown = publications.get(ours);
        for (spot, measure) in model.spots(ours) {
            let Some((least, greatest)) = ours_shown.and_then(|p| p.bounds(&spot, measure)) else {
                continue; // secret
            };
            let cell = self.draft.cells.get(&spot);
            let cost = cost(&spot, cell.map_or(0, |c| value(&c.values, measure)));
            let up = problem.add_var(cost, (0.0, f64::INFINITY));
            let down = problem.add_var(cost, (0.0, f64::INFINITY));
            let terms = model.terms(&Which::Publication(ours), &spot, measure);
            // The sum is at least `least` if `down` is added, at most `greatest` less `up`.
            for (sign, by, bound) in [(1.0, down, least), (-1.0, up, greatest)] {
                if !bound.is_finite() {
                    continue;
                }
                let mut change = LinearExpr::empty();
                change.add(by, 1.0);
                let row = super::solve::Row {
                    terms: terms.iter().map(|(v, f)| (*v, f * sign)).collect(),
                    compare: super::solve::Compare::AtLeast,
                    rhs: bound * sign,
                };
                system.add_row(&mut problem, &row, &made, change);
            }
            changes.push((spot, up, down));
        }
        let mut sum = LinearExpr::empty();
        let mut fixed = 0.0;
        for (var, factor) in model.terms_of(target).unwrap_or_default() {
            match made.get(&var) {
                Some(variable) => sum.add(*variable, factor),
                None => fixed += system.known.get(var).copied().flatten().unwrap_or(0.0) * factor,
            }
        }
        problem.add_constraint(sum, compare, bound as f64 - fixed);
        let Some(solution) = problem.solve().ok().and_then(|o| o.into_solution().ok()) else {
            return BTreeSet::new();
        };
        changes
            .into_iter()
            .filter(|(_, up, down)| solution.var_value(*up) + solution.var_value(*down) > CLOSE)
            .map(|(spot, _, _)| spot)
            .collect()
    }

    /// Shows hidden cells again, dearest first, where the secrets hold without them.
    fn show_again(&mut self, kept: &BTreeSet<Spot>, targets: &[Target], mut so_far: Model<'d>) {
        let mut hidden: Vec<Spot> = self.secret.difference(kept).cloned().collect();
        let n = |spot: &Spot| {
            self.draft
                .cells
                .get(spot)
                .map_or(0, |c| value(&c.values, Measure::Companies))
        };
        hidden.sort_by(|a, b| cost(b, n(b)).total_cmp(&cost(a, n(a))));
        let mut order: Vec<&Target> = targets.iter().collect();
        for spot in hidden.into_iter().take(MAX_TRIED_AGAIN) {
            self.secret.remove(&spot);
            let model = self.changed(&so_far);
            let n_learnt = model.system.n_seen();
            if let Some(at) = order.iter().position(|t| is_open(&model, t)) {
                // What one cell gives away, its neighbour mostly does too: it is asked first.
                order.get_mut(..=at).unwrap_or_default().rotate_right(1);
                self.secret.insert(spot);
                so_far.learn(&model, n_learnt);
            } else {
                so_far = model;
            }
        }
    }
}

/// What hiding a cell costs: totals are dear, inner cells cheap. A zero is dear too, since a
/// reader may know that it must be one.
fn cost(spot: &Spot, n: u64) -> f64 {
    let of_kind = match spot.of() {
        [] => 1_000.0,
        // What a class says goes round most totals: better it than who took part.
        [(Axis::Warnings, _)] => 2.0,
        [_] => 8.0,
        _ => 1.0,
    };
    let of_zero = if n == 0 { 3.0 } else { 1.0 };
    of_kind * of_zero * (1.0 + (1.0 + n as f64).ln() / 10.0)
}
