//! Chooses which further cells are hidden, so that the secret ones cannot be worked out.
//!
//! For each secret and each side a linear programme looks for the cheapest other table that
//! agrees with everything published and in which the secret has the value that must remain
//! possible (Kelly, Golden and Assad, 1992). The cells in which that table differs are hidden.
//! Afterwards hidden cells are shown again, dearest first, if the secrets still hold.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use microlp::ComparisonOp;

use super::attack::{
    Model, Slices, Target, Which, allow_existence, is_open, is_open_below, n_lost, opened,
};
use super::cheapest::{Cheapest, Outset};
use super::perturbation::Perturbation;
use super::publication::{Measure, Publication, Spot, Values, value};
use super::relate::{Members, related};
use super::risk::{Contributions, Rules, groups_with_one_value, small_differences, targets};
use super::rounding::Rounding;
use crate::statistics::period::{Axis, Span};

/// Hidden cells that are tried again, at most: each costs an attack.
const MAX_TRIED_AGAIN: usize = 60;

/// Targets that are asked about each of them, at most.
const MAX_ASKED: usize = 50;

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
    /// How figures are changed before they are shown; `None` shows them as they are.
    pub perturbation: Option<Perturbation>,
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
    /// The tables, as the attacker is taken to know them: see `Publication::as_shown`.
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

/// What other tables cost while these cells are secret.
type Priced<'d> = (BTreeSet<Spot>, Cheapest<'d>);

struct Search<'d> {
    draft: &'d Draft,
    before: &'d Before,
    slices: &'d Slices,
    /// By what is counted: the relations are dear to find.
    outsets: RefCell<BTreeMap<Vec<Measure>, Rc<Outset<'d>>>>,
    /// By what is counted.
    prices: RefCell<BTreeMap<Vec<Measure>, Priced<'d>>>,
    /// What each cell shows, unless it is secret.
    shown: BTreeMap<Spot, Values>,
    secret: BTreeSet<Spot>,
}

/// Hides what must be hidden.
///
/// # Errors
/// The targets that cannot be kept, whatever is hidden: an earlier publication gives them away.
pub fn protect(draft: &Draft, before: &Before, rules: &Rules) -> Result<Protected, Vec<Target>> {
    let secrets = Secrets::of(draft, before, rules);
    let mut kept = secrets.kept(draft, before);
    loop {
        let done = protect_beside(draft, before, &secrets, &kept)?;
        let is_rounded = matches!(draft.perturbation, Some(Perturbation::Rounding(_)));
        let hidden: BTreeSet<Spot> = done.publication.secret().cloned().collect();
        // Rounded rows add up: what was hidden in one would follow. Without those rows it is rounded anew.
        if !is_rounded || hidden == kept {
            return Ok(done);
        }
        kept = hidden;
    }
}

/// What must not be worked out.
struct Secrets {
    targets: Vec<Target>,
    /// Cells of ours that are secret in themselves.
    primary: BTreeSet<Spot>,
    /// What the attacker is taken to know beside the figures.
    known: Slices,
}

impl Secrets {
    fn of(draft: &Draft, before: &Before, rules: &Rules) -> Self {
        let position = before.publications.len();
        let ours = Which::Publication(position);
        let mut all = targets(&ours, &draft.cells, rules);
        let groups = groups_with_one_value(&ours, &draft.tables, &draft.cells, rules);
        all.extend(groups);
        allow_existence(&mut all, draft.perturbation);
        let primary = all.iter().map(|t| t.spot.clone()).collect();
        let related = related(&draft.tables, &draft.members, rules.min_companies);
        let differences = small_differences(&ours, &related.differences, &draft.cells, rules);
        all.extend(differences);
        all.extend(before.targets.iter().cloned());
        let mut known = before.slices.clone();
        let links = related.links.into_iter().map(|link| (position, link));
        known.links.extend(links);
        Self {
            targets: all,
            primary,
            known,
        }
    }

    /// What is hidden whatever else is. Where figures are changed, a secret cell only if that is not enough.
    fn kept(&self, draft: &Draft, before: &Before) -> BTreeSet<Spot> {
        let mut kept = before.hidden.clone();
        match draft.perturbation {
            None => kept.extend(self.primary.iter().cloned()),
            Some(Perturbation::CellKey(_)) => {}
            Some(Perturbation::Rounding(rounding)) => {
                let ours = Which::Publication(before.publications.len());
                let targets = self.targets.iter();
                let unprotected = targets.filter(|t| is_unprotected(draft, &rounding, &ours, t));
                kept.extend(unprotected.map(|t| t.spot.clone()));
            }
        }
        kept
    }
}

/// As [`protect`]; these cells stay hidden, and rows with one of them need not add up when they are rounded.
fn protect_beside(
    draft: &Draft,
    before: &Before,
    secrets: &Secrets,
    kept: &BTreeSet<Spot>,
) -> Result<Protected, Vec<Target>> {
    let mut all = secrets.targets.clone();
    let mut search = Search {
        draft,
        before,
        slices: &secrets.known,
        outsets: RefCell::default(),
        prices: RefCell::default(),
        shown: shown(draft, kept),
        secret: kept.clone(),
    };
    let mut failed = Vec::new();
    let mut model = search.model(&search.secret);
    let told = search.told(&mut all, &model);
    search.hide_for(&all, &model);
    if search.secret != *kept {
        model = search.changed(&model);
    }
    for target in &all {
        if !search.close(target, &mut model) {
            failed.push(target.clone());
        }
    }
    if !failed.is_empty() {
        return Err(failed);
    }
    let safe = search.secret.clone();
    search.show_again(kept, &all, model);
    let mut left = search.opened(&all);
    if !left.is_empty() || search.secret.len() > safe.len() {
        search.secret = safe;
        left = search.opened(&all);
    }
    if !left.is_empty() {
        return Err(left);
    }
    Ok(Protected {
        n_secondary: search.secret.difference(&secrets.primary).count(),
        publication: search.ours(&search.secret),
        targets: all,
        told,
        known: secrets.known.clone(),
    })
}

/// Is a target about a cell of ours that rounding alone does not protect?
fn is_unprotected(draft: &Draft, rounding: &Rounding, ours: &Which, target: &Target) -> bool {
    let cell = draft.cells.get(&target.spot);
    let n = cell.map_or(0, |c| value(&c.values, target.measure));
    target.which == *ours && target.beside.is_empty() && rounding.is_not_enough(target, n)
}

/// What would be shown if only these were secret.
fn shown(draft: &Draft, hidden: &BTreeSet<Spot>) -> BTreeMap<Spot, Values> {
    let cells = draft.cells.iter();
    match draft.perturbation {
        None => cells.map(|(spot, c)| (spot.clone(), c.values)).collect(),
        Some(Perturbation::CellKey(noise)) => cells
            .map(|(spot, c)| (spot.clone(), noise.shown(c)))
            .collect(),
        Some(Perturbation::Rounding(rounding)) => {
            rounding.rounded(&draft.tables, &draft.cells, hidden)
        }
    }
}

impl<'d> Search<'d> {
    /// Which publication is ours: the last one.
    fn position(&self) -> usize {
        self.before.publications.len()
    }

    /// What would be published if these cells were secret.
    fn ours(&self, secret: &BTreeSet<Spot>) -> Publication {
        let shown = self.shown.iter();
        let mut cells: BTreeMap<Spot, Option<_>> =
            shown.map(|(spot, v)| (spot.clone(), Some(*v))).collect();
        // What holds nothing is not listed, unless it is hidden.
        cells.extend(secret.iter().map(|spot| (spot.clone(), None)));
        Publication {
            span: self.draft.span,
            ledger_seq: self.draft.ledger_seq,
            tables: self.draft.tables.clone(),
            cells,
            perturbation: self.draft.perturbation,
        }
    }

    /// Everything that would be in an attacker's hand.
    fn publications(&self, secret: &BTreeSet<Spot>) -> Vec<Publication> {
        let mut all = self.before.publications.clone();
        all.push(self.ours(secret));
        all
    }

    /// What an attacker opens who starts from nothing.
    fn opened(&self, targets: &[Target]) -> Vec<Target> {
        let publications = self.publications(&self.secret);
        let opened = opened(&publications, self.slices, targets).into_iter();
        opened.cloned().collect()
    }

    /// What an attacker knows before ours is out; which cells of it are secret changes no relation.
    fn outset(&self, measures: &[Measure]) -> Rc<Outset<'d>> {
        let mut outsets = self.outsets.borrow_mut();
        let outset = outsets.entry(measures.to_vec()).or_insert_with(|| {
            let all = self.publications(&self.secret);
            let mut model = Model::new(&all, self.slices, measures);
            model.say_all(&self.before.publications);
            let spots = model.spots(self.position());
            Rc::new(Outset { model, spots })
        });
        Rc::clone(outset)
    }

    /// What he knows when ours is out, and these cells are secret.
    fn model(&self, secret: &BTreeSet<Spot>) -> Model<'d> {
        let (outset, ours) = (self.outset(Measure::ALL), self.ours(secret));
        let spots = outset.spots.iter().cloned();
        outset.model.told(self.position(), &ours, spots)
    }

    /// Takes out what earlier publications give away about themselves though nothing of ours were shown: it is
    /// beyond help. Of our own secrets they may say that there is something, and never how much at most. `shown` is
    /// what is known with ours: what is safe there need not be asked again.
    fn told(&self, targets: &mut Vec<Target>, shown: &Model<'d>) -> Vec<Target> {
        if self.before.publications.is_empty() {
            return Vec::new();
        }
        let (ours, outset) = (self.position(), self.outset(Measure::ALL));
        let model = outset
            .model
            .told(ours, &self.ours(&self.secret), std::iter::empty());
        let (mut told, mut kept) = (Vec::new(), Vec::new());
        for mut target in std::mem::take(targets) {
            if !is_open(shown, &target) {
                kept.push(target);
                continue;
            }
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
        let model = self.model(&self.secret);
        model.learn(before, 0);
        model
    }

    /// The model after a cell was shown again.
    fn shown_again(&self, before: &Model<'d>, spot: &Spot) -> Model<'d> {
        let figures = Measure::ALL.iter().map(|m| (spot.clone(), *m));
        before.told(self.position(), &self.ours(&self.secret), figures)
    }

    /// Hides cells until the target is safe; false where that cannot be. `model` is what the
    /// attacker knows.
    fn close(&mut self, target: &Target, model: &mut Model<'d>) -> bool {
        let mut measures: Vec<Measure> = vec![target.measure];
        while is_open(model, target) {
            if self.hide_own(target) {
                *model = self.changed(model);
                continue;
            }
            let mut found = self.cheapest(target, &measures);
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

    /// Hides the cell of ours that a target is about; false where it is about none, or that is secret already.
    fn hide_own(&mut self, target: &Target) -> bool {
        let is_own =
            target.which == Which::Publication(self.position()) && target.beside.is_empty();
        is_own && self.secret.insert(target.spot.clone())
    }

    /// Hides cells for each target that is open in a model of before. What is missing then, `close` finds: a new
    /// model after each cell would be dear.
    fn hide_for(&mut self, targets: &[Target], model: &Model<'d>) {
        for target in targets.iter().filter(|target| is_open(model, target)) {
            self.hide_own(target);
            let found = self.cheapest(target, &[target.measure]);
            self.secret.extend(found);
        }
    }

    /// The cells in which the cheapest other tables differ that keep a target.
    fn cheapest(&self, target: &Target, measures: &[Measure]) -> BTreeSet<Spot> {
        let mut prices = self.prices.borrow_mut();
        let known = prices.remove(measures);
        let (secret, cheapest) = known
            .filter(|(secret, _)| *secret == self.secret)
            .unwrap_or_else(|| {
                let outset = self.outset(measures);
                let ours = self.ours(&self.secret);
                let cost = |spot: &Spot, measure| self.cost(spot, measure);
                let cheapest = Cheapest::new(outset, (self.position(), &ours), cost);
                (self.secret.clone(), cheapest)
            });
        let most = target.at_most.map(|most| (ComparisonOp::Le, most));
        let least = target.at_least.map(|least| (ComparisonOp::Ge, least));
        let sides = most.into_iter().chain(least);
        let found = sides
            .flat_map(|(compare, bound)| cheapest.differing(target, compare, bound))
            .collect();
        prices.insert(measures.to_vec(), (secret, cheapest));
        found
    }

    /// What it costs to hide a cell for one of its figures.
    fn cost(&self, spot: &Spot, measure: Measure) -> f64 {
        let cell = self.draft.cells.get(spot);
        cost(spot, cell.map_or(0, |c| value(&c.values, measure)))
    }

    /// Shows hidden cells again, dearest first, where the secrets hold without them.
    fn show_again(&mut self, kept: &BTreeSet<Spot>, targets: &[Target], mut so_far: Model<'d>) {
        let mut hidden: Vec<Spot> = self.secret.difference(kept).cloned().collect();
        let cost = |spot: &Spot| self.cost(spot, Measure::Companies);
        hidden.sort_by(|a, b| cost(b).total_cmp(&cost(a)));
        for spot in hidden.into_iter().take(MAX_TRIED_AGAIN) {
            self.secret.remove(&spot);
            let model = self.shown_again(&so_far, &spot);
            let n_learnt = model.system.n_seen();
            if may_open(&so_far, &model, targets) {
                self.secret.insert(spot);
                so_far.learn(&model, n_learnt);
            } else {
                so_far = model;
            }
        }
        // Not all of them were asked about each cell. One that cannot be closed, the last attack finds.
        for target in targets {
            self.close(target, &mut so_far);
        }
    }
}

/// Is a target open in the narrower model? Only those are asked that lost all their tables, and of these the ones
/// that lost most: the more tables kept a target that all are none there, the more it hangs on what is told.
fn may_open(wide: &Model<'_>, narrow: &Model<'_>, targets: &[Target]) -> bool {
    let lost = targets.iter().map(|t| (n_lost(wide, narrow, t), t));
    let mut lost: Vec<(usize, &Target)> = lost.filter(|(n, _)| *n > 0).collect();
    lost.sort_by_key(|(n, _)| Reverse(*n));
    let mut likely = lost.into_iter().take(MAX_ASKED);
    likely.any(|(_, target)| is_open(narrow, target))
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
