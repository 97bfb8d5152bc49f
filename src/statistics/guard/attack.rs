//! What anybody can work out of published tables, by adding up and subtracting.
//!
//! The attacker has every publication in hand: this one, earlier versions, and periods that
//! overlap. Rows add up to their totals; notifications add up over time too, since each stands
//! in one letter. The finest stretches that publications tell apart are *slices*: letters that
//! are in the same publications. An attacker is taken to know which slices hold letters at all.

use std::collections::{BTreeMap, BTreeSet};

use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use super::perturbation::Perturbation;
use super::publication::{Measure, Publication, Split, Spot, splits};
use super::relate::{Link, Sum};
use super::solve::{Compare, Fact, Row, System, Terms};
use crate::statistics::period::{Axis, warnings_bounds};

/// So few targets are not worth a model of their own.
const FEW: usize = 20;

/// Letters apart by the publications that they are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slices {
    /// For each slice, in which publications it is.
    pub of: Vec<Vec<bool>>,
    /// Publications and spots where that does not add up, since a company was another in the
    /// shorter period than in the longer one. Nobody outside knows by how much.
    pub moved: BTreeSet<(usize, Spot)>,
    /// What holds between the cells of a publication, since they are about the same companies.
    pub links: Vec<(usize, Link)>,
}

impl Slices {
    /// One publication alone.
    #[must_use]
    pub fn one() -> Self {
        Self {
            of: vec![vec![true]],
            moved: BTreeSet::new(),
            links: Vec::new(),
        }
    }

    pub(super) fn is_in(&self, slice: usize, publication: usize) -> bool {
        self.of.get(slice).and_then(|s| s.get(publication)) == Some(&true)
    }

    /// Does the spot of a publication stand apart from those of its slices?
    pub(super) fn is_apart(&self, publication: usize, spot: &Spot) -> bool {
        spot.is_of_period() || self.moved.contains(&(publication, spot.clone()))
    }
}

/// Which letters a target is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// Those of a publication.
    Publication(usize),
    /// Those of these slices: what is left when publications are subtracted.
    Slices(Vec<usize>),
    /// Those of publications, added or subtracted: distinct companies that are in some of them and not in others.
    Sum(Vec<(usize, i64)>),
}

impl Which {
    /// Is it about this publication?
    pub(super) fn is_of(&self, publication: usize) -> bool {
        match self {
            Self::Publication(p) => *p == publication,
            Self::Slices(_) => false,
            Self::Sum(of) => of.iter().any(|(p, _)| *p == publication),
        }
    }
}

/// A count that must not be worked out: at least one of the values up to `at_most` and one from
/// `at_least` on must remain possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Of which letters.
    pub which: Which,
    /// Where.
    pub spot: Spot,
    /// Cells that are added to it or subtracted: then the count is that of the sum, of companies
    /// that stand in no cell of their own.
    pub beside: Sum,
    /// What is counted.
    pub measure: Measure,
    /// A value that must remain possible, or a smaller one.
    pub at_most: Option<u64>,
    /// A value that must remain possible, or a greater one.
    pub at_least: Option<u64>,
}

impl Target {
    /// The cells that it is about, each with its sign.
    pub fn cells(&self) -> impl Iterator<Item = (&Spot, i64)> {
        let beside = self.beside.iter().map(|(spot, sign)| (spot, *sign));
        std::iter::once((&self.spot, 1)).chain(beside)
    }
}

pub(super) type Key = (usize, Spot, Measure);

/// The unknowns of all publications and what is known of them.
pub(super) struct Model<'s> {
    pub(super) system: System,
    /// Unknown by unit, spot and measure. Notifications are counted by slice, but where a value
    /// hangs on the period; the rest is counted by publication.
    pub(super) numbers: BTreeMap<Key, usize>,
    pub(super) slices: &'s Slices,
}

impl<'s> Model<'s> {
    /// The relations alone, without any figure.
    pub(super) fn new(publications: &[Publication], slices: &'s Slices, of: &[Measure]) -> Self {
        let mut model = Self {
            system: System::default(),
            numbers: BTreeMap::new(),
            slices,
        };
        for &measure in of {
            if measure == Measure::Notifications {
                model.add_up_slices(publications);
                continue;
            }
            for (p, publication) in publications.iter().enumerate() {
                let cells = publication.cells.keys();
                for split in splits(&publication.tables, cells) {
                    model.number(p, &split.whole, measure);
                    for part in &split.parts {
                        model.number(p, part, measure);
                    }
                    model.add_up(&Which::Publication(p), measure, &split);
                }
            }
        }
        if of.contains(&Measure::Companies) && of.contains(&Measure::Findings) {
            model.more_findings_than_companies();
        }
        for measure in [Measure::Companies, Measure::Findings] {
            if of.contains(&measure) {
                model.longer_is_more(publications, measure);
                model.no_more_than_its_parts(publications, measure);
            }
        }
        model.companies_are_the_same(of);
        if of.contains(&Measure::Companies) && of.contains(&Measure::Notifications) {
            model.classes_of_warnings();
        }
        model
    }

    /// Cells of different tables with the same companies, or with some of them.
    fn companies_are_the_same(&mut self, of: &[Measure]) {
        let slices = self.slices;
        for (p, link) in &slices.links {
            let which = Which::Publication(*p);
            for measure in link.of.iter().filter(|m| of.contains(m)) {
                let cells = link.sum.iter().map(|(spot, sign)| (spot, *sign));
                // A cell that stands nowhere may be anything: then nothing follows.
                if let Some(terms) = self.sum(&which, cells, *measure) {
                    let compare = match link.is_zero {
                        true => Compare::Equal,
                        false => Compare::AtLeast,
                    };
                    self.system.rows.push(Row {
                        terms,
                        compare,
                        rhs: 0.0,
                    });
                }
            }
        }
    }

    /// A company in a class of `warnings` has as many notifications as the class says.
    fn classes_of_warnings(&mut self) {
        let of_companies = self.numbers.iter();
        let of_companies = of_companies.filter(|((_, _, m), _)| *m == Measure::Companies);
        let of_class = of_companies.filter_map(|((p, spot, _), companies)| {
            let (_, class) = spot.of().iter().find(|(a, _)| *a == Axis::Warnings)?;
            let notifications = self.terms(&Which::Publication(*p), spot, Measure::Notifications);
            let (least, most) = warnings_bounds(class)?;
            // Of one threat, a company may have fewer than it has in all.
            let is_whole = spot.of().iter().all(|(axis, _)| axis.is_of_company());
            let least = if is_whole { least } else { 0 };
            (!notifications.is_empty()).then_some((*companies, notifications, least, most))
        });
        let of_class: Vec<_> = of_class.collect();
        for (companies, notifications, least, most) in of_class {
            let times = |n: u64| vec![(companies, n as f64)];
            self.at_least(&notifications, &times(least));
            if let Some(most) = most {
                self.at_least(&times(most), &notifications);
            }
        }
    }

    fn number(&mut self, unit: usize, spot: &Spot, measure: Measure) -> usize {
        let key = (unit, spot.clone(), measure);
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = self.system.unknown();
        self.numbers.insert(key, number);
        number
    }

    /// Notifications: of each slice, and of each publication what hangs on its period.
    fn add_up_slices(&mut self, publications: &[Publication]) {
        let measure = Measure::Notifications;
        for slice in 0..self.slices.of.len() {
            let of_slice = publications.iter().enumerate();
            let of_slice = of_slice.filter(|(p, _)| self.slices.is_in(slice, *p));
            let of_slice: Vec<&Publication> = of_slice.map(|(_, p)| p).collect();
            let tables = of_slice.iter().flat_map(|p| p.tables.clone());
            let tables = tables.filter(|axes| !axes.iter().any(|a| a.is_of_period()));
            let tables: BTreeSet<_> = tables.collect();
            for split in splits(&tables, of_slice.iter().flat_map(|p| p.cells.keys())) {
                self.number(slice, &split.whole, measure);
                for part in &split.parts {
                    self.number(slice, part, measure);
                }
                self.add_up(&Which::Slices(vec![slice]), measure, &split);
            }
        }
        let n_slices = self.slices.of.len();
        for (p, publication) in publications.iter().enumerate() {
            for split in splits(&publication.tables, publication.cells.keys()) {
                let spots = split.parts.iter().chain([&split.whole]);
                let apart = spots.filter(|s| self.slices.is_apart(p, s));
                let apart: Vec<&Spot> = apart.collect();
                for spot in &apart {
                    self.number(n_slices + p, spot, measure);
                }
                if !apart.is_empty() {
                    self.add_up(&Which::Publication(p), measure, &split);
                }
            }
        }
    }

    /// The parts of a whole: together as much, or at least as much, and none is more.
    fn add_up(&mut self, which: &Which, measure: Measure, split: &Split) {
        let whole = self.terms(which, &split.whole, measure);
        let mut terms: Terms = whole.iter().map(|(v, f)| (*v, -f)).collect();
        let adds_up = measure.adds_up(split.axis);
        for part in &split.parts {
            let part = self.terms(which, part, measure);
            terms.extend(&part);
            if !adds_up {
                self.at_least(&whole, &part);
            }
        }
        let compare = if adds_up {
            Compare::Equal
        } else {
            Compare::AtLeast
        };
        self.system.rows.push(Row {
            terms,
            compare,
            rhs: 0.0,
        });
    }

    /// `more` is no less than `less`.
    pub(super) fn at_least(&mut self, more: &Terms, less: &Terms) {
        let less = less.iter().map(|(v, f)| (*v, -f));
        self.system.rows.push(Row {
            terms: more.iter().copied().chain(less).collect(),
            compare: Compare::AtLeast,
            rhs: 0.0,
        });
    }

    fn more_findings_than_companies(&mut self) {
        let pairs: Vec<(usize, usize)> = self
            .numbers
            .iter()
            .filter(|((_, _, measure), _)| *measure == Measure::Companies)
            .filter_map(|((unit, spot, _), companies)| {
                let key = (*unit, spot.clone(), Measure::Findings);
                Some((*self.numbers.get(&key)?, *companies))
            })
            .collect();
        for (findings, companies) in pairs {
            self.at_least(&vec![(findings, 1.0)], &vec![(companies, 1.0)]);
        }
    }

    /// The sum that stands at a spot of a publication, or of slices; of [`Which::Sum`] nothing where
    /// one of its publications has no such spot.
    pub(super) fn terms(&self, which: &Which, spot: &Spot, measure: Measure) -> Terms {
        if let Which::Sum(of) = which {
            let at = |p: &usize| self.terms(&Which::Publication(*p), spot, measure);
            let all = of.iter().map(|(p, sign)| (at(p), *sign as f64));
            let all: Vec<(Terms, f64)> = all.collect();
            if all.iter().any(|(terms, _)| terms.is_empty()) {
                return Terms::new();
            }
            let signed =
                |(terms, sign): (Terms, f64)| terms.into_iter().map(move |(v, f)| (v, f * sign));
            return all.into_iter().flat_map(signed).collect();
        }
        let n_slices = self.slices.of.len();
        let units: Vec<usize> = match (which, measure) {
            (Which::Publication(p), Measure::Notifications) => {
                if self.slices.is_apart(*p, spot) {
                    vec![n_slices + p]
                } else {
                    self.slices.of_publication(*p).collect()
                }
            }
            (Which::Publication(p), _) => vec![*p],
            (Which::Slices(slices), _) => slices.clone(),
            (Which::Sum(_), _) => Vec::new(),
        };
        let number = |unit| self.numbers.get(&(unit, spot.clone(), measure));
        let terms = units.into_iter().filter_map(number);
        terms.map(|n| (*n, 1.0)).collect()
    }

    /// A sum of cells; `None` where one of them stands nowhere.
    fn sum<'c>(
        &self,
        which: &Which,
        cells: impl Iterator<Item = (&'c Spot, i64)>,
        measure: Measure,
    ) -> Option<Terms> {
        let mut sum = Terms::new();
        for (spot, sign) in cells {
            let terms = self.terms(which, spot, measure);
            if terms.is_empty() {
                return None;
            }
            sum.extend(terms.into_iter().map(|(v, f)| (v, f * sign as f64)));
        }
        Some(sum)
    }

    /// What a target is about; `None` where one of its cells stands nowhere.
    pub(super) fn terms_of(&self, target: &Target) -> Option<Terms> {
        if target.beside.is_empty() {
            let terms = self.terms(&target.which, &target.spot, target.measure);
            let is_own = matches!(target.which, Which::Publication(_));
            return (is_own || !terms.is_empty()).then_some(terms);
        }
        self.sum(&target.which, target.cells(), target.measure)
    }

    /// Takes over tables that the attacker could not tell from the real ones in another model, from its table
    /// `first` on, where he cannot here either.
    pub(super) fn learn(&self, other: &Self, first: usize) {
        if self.numbers == other.numbers {
            self.system.learn(&other.system, first);
        }
    }

    /// Puts in all that publications say.
    pub(super) fn say_all(&mut self, publications: &[Publication]) {
        for (p, publication) in publications.iter().enumerate() {
            for (terms, bounds) in self.facts(p, publication, self.spots(p)) {
                self.system.must_lie(terms, bounds);
            }
        }
    }

    /// What a publication says of these spots.
    fn facts(
        &self,
        p: usize,
        publication: &Publication,
        spots: impl IntoIterator<Item = (Spot, Measure)>,
    ) -> Vec<Fact> {
        let said = spots.into_iter().filter_map(|(spot, measure)| {
            let bounds = publication.bounds(&spot, measure)?;
            let terms = self.terms(&Which::Publication(p), &spot, measure);
            (!terms.is_empty()).then_some((terms, bounds))
        });
        said.collect()
    }

    /// The model of somebody who has a publication as well, as far as it says something of these spots.
    pub(super) fn told(
        &self,
        p: usize,
        publication: &Publication,
        spots: impl IntoIterator<Item = (Spot, Measure)>,
    ) -> Self {
        let facts = self.facts(p, publication, spots);
        Self {
            system: self.system.told(&facts),
            numbers: self.numbers.clone(),
            slices: self.slices,
        }
    }

    /// Every spot of a publication with a number, by measure.
    pub(super) fn spots(&self, p: usize) -> BTreeSet<(Spot, Measure)> {
        let n_slices = self.slices.of.len();
        self.numbers
            .keys()
            .filter(|(unit, _, measure)| match measure {
                Measure::Notifications => self.slices.is_in(*unit, p) || *unit == n_slices + p,
                _ => *unit == p,
            })
            .map(|(_, spot, measure)| (spot.clone(), *measure))
            .collect()
    }
}

/// Of rounded figures it may be known that there is something at all: a point under suppression says as much.
pub(super) fn allow_existence(targets: &mut [Target], perturbation: Option<Perturbation>) {
    if !matches!(perturbation, Some(Perturbation::Rounding(_))) {
        return;
    }
    let of_one = |t: &&mut Target| t.at_least.is_some() && t.at_most == Some(0);
    for target in targets.iter_mut().filter(of_one) {
        target.at_most = None;
    }
}

/// The targets that can be worked out too closely. Each thread makes a model of its own for its share of them.
#[must_use]
pub fn opened<'t>(
    publications: &[Publication],
    slices: &Slices,
    targets: &'t [Target],
) -> Vec<&'t Target> {
    let share = targets.len().div_ceil(rayon::current_num_threads().max(1));
    let shares = targets.par_chunks(share.max(FEW));
    let opened = shares.flat_map_iter(|targets| {
        let mut model = Model::new(publications, slices, Measure::ALL);
        model.say_all(publications);
        targets.iter().filter(move |t| is_open(&model, t))
    });
    opened.collect()
}

/// Can the target be worked out too closely?
pub(super) fn is_open(model: &Model<'_>, target: &Target) -> bool {
    let Some(terms) = model.terms_of(target) else {
        return false;
    };
    let is_low = |least| model.system.may_be_at_least(&terms, least as f64);
    is_below(model, target, &terms) || target.at_least.is_some_and(|least| !is_low(least))
}

/// How many tables that keep a target in one model are none in a narrower one, if no table is left that keeps it;
/// else 0. Models of other unknowns have no tables in common.
pub(super) fn n_lost(wide: &Model<'_>, narrow: &Model<'_>, target: &Target) -> usize {
    let n = |model: &Model<'_>| {
        let terms = model.terms_of(target).unwrap_or_default();
        let (most, least) = (target.at_most, target.at_least);
        let below = most.map(|most| model.system.n_at_most(&terms, most as f64));
        let above = least.map(|least| model.system.n_at_least(&terms, least as f64));
        [below, above]
    };
    let lost = n(wide).into_iter().zip(n(narrow));
    let lost = lost.filter_map(|(wide, narrow)| (narrow == Some(0)).then_some(wide?));
    lost.max().unwrap_or(0)
}

/// Can too little no longer be?
pub(super) fn is_open_below(model: &Model<'_>, target: &Target) -> bool {
    let terms = model.terms_of(target);
    terms.is_some_and(|terms| is_below(model, target, &terms))
}

fn is_below(model: &Model<'_>, target: &Target, terms: &Terms) -> bool {
    let most = target.at_most;
    most.is_some_and(|most| !model.system.may_be_at_most(terms, most as f64))
}
