//! What anybody can work out of published tables, by adding up and subtracting.
//!
//! The attacker has every publication in hand: this one, earlier versions, and periods that
//! overlap. Rows add up to their totals; notifications add up over time too, since each stands
//! in one letter. The finest stretches that publications tell apart are *slices*: letters that
//! are in the same publications. An attacker is taken to know which slices hold letters at all.

use std::collections::{BTreeMap, BTreeSet};

use super::publication::{Measure, Publication, Seen, Spot, splits, value};
use super::solve::{CLOSE, Compare, Extreme, Row, System, Terms};

/// For each slice, in which publications it is.
pub type Slices = Vec<Vec<bool>>;

/// Which letters a target is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// Those of a publication.
    Publication(usize),
    /// Those of these slices: what is left when publications are subtracted.
    Slices(Vec<usize>),
}

/// A count that must not be worked out: at least one of the values up to `at_most` and one from
/// `at_least` on must remain possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Of which letters.
    pub which: Which,
    /// Where.
    pub spot: Spot,
    /// What is counted.
    pub measure: Measure,
    /// A value that must remain possible, or a smaller one.
    pub at_most: Option<u64>,
    /// A value that must remain possible, or a greater one.
    pub at_least: Option<u64>,
}

type Key = (usize, Spot, Measure);

/// The unknowns of all publications and what is known of them.
pub(super) struct Model {
    pub(super) system: System,
    /// Unknown by slice (notifications) or publication, spot and measure.
    numbers: BTreeMap<Key, usize>,
    slices: Slices,
}

impl Model {
    /// The relations alone, without any figure.
    pub(super) fn new(publications: &[Publication], slices: &Slices, of: &[Measure]) -> Self {
        let mut model = Self {
            system: System::default(),
            numbers: BTreeMap::new(),
            slices: slices.clone(),
        };
        for &measure in of {
            let n = match measure {
                Measure::Notifications => slices.len(),
                _ => publications.len(),
            };
            for unit in 0..n {
                let of_unit = publications
                    .iter()
                    .enumerate()
                    .filter(|(p, _)| match measure {
                        Measure::Notifications => {
                            slices.get(unit).and_then(|s| s.get(*p)) == Some(&true)
                        }
                        _ => *p == unit,
                    });
                let of_unit: Vec<&Publication> = of_unit.map(|(_, p)| p).collect();
                model.add_up(unit, measure, &of_unit);
            }
        }
        if of.contains(&Measure::Companies) && of.contains(&Measure::Findings) {
            model.more_findings_than_companies();
        }
        for measure in [Measure::Companies, Measure::Findings] {
            if of.contains(&measure) {
                model.longer_is_more(publications, measure);
            }
        }
        model
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

    fn add_up(&mut self, unit: usize, measure: Measure, publications: &[&Publication]) {
        let tables: BTreeSet<_> = publications.iter().flat_map(|p| p.tables.clone()).collect();
        let cells = publications.iter().flat_map(|p| p.cells.keys());
        for split in splits(&tables, cells) {
            let whole = self.number(unit, &split.whole, measure);
            let mut terms: Terms = vec![(whole, -1.0)];
            let adds_up = measure.adds_up(split.axis);
            for part in &split.parts {
                let part = self.number(unit, part, measure);
                terms.push((part, 1.0));
                if !adds_up {
                    self.at_least(vec![(whole, 1.0), (part, -1.0)]);
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
    }

    fn at_least(&mut self, terms: Terms) {
        self.system.rows.push(Row {
            terms,
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
            self.at_least(vec![(findings, 1.0), (companies, -1.0)]);
        }
    }

    /// A period that holds another has no fewer distinct companies and findings.
    fn longer_is_more(&mut self, publications: &[Publication], measure: Measure) {
        for short in 0..publications.len() {
            for long in 0..publications.len() {
                if short == long || !self.is_within(short, long) {
                    continue;
                }
                let spots: Vec<(Spot, usize)> = self
                    .numbers
                    .iter()
                    .filter(|((unit, _, m), _)| *unit == short && *m == measure)
                    .map(|((_, spot, _), number)| (spot.clone(), *number))
                    .collect();
                for (spot, less) in spots {
                    if let Some(more) = self.numbers.get(&(long, spot, measure)) {
                        let terms = vec![(*more, 1.0), (less, -1.0)];
                        self.at_least(terms);
                    }
                }
            }
        }
    }

    fn is_within(&self, short: usize, long: usize) -> bool {
        let is_in = |slice: &Vec<bool>, p: usize| slice.get(p) == Some(&true);
        self.slices
            .iter()
            .all(|s| !is_in(s, short) || is_in(s, long))
    }

    /// The sum that stands at a spot of a publication, or of slices.
    pub(super) fn terms(&self, which: &Which, spot: &Spot, measure: Measure) -> Terms {
        let units: Vec<usize> = match (which, measure) {
            (Which::Publication(p), Measure::Notifications) => (0..self.slices.len())
                .filter(|s| self.slices.get(*s).and_then(|s| s.get(*p)) == Some(&true))
                .collect(),
            (Which::Publication(p), _) => vec![*p],
            (Which::Slices(slices), _) => slices.clone(),
        };
        let number = |unit| self.numbers.get(&(unit, spot.clone(), measure));
        units
            .into_iter()
            .filter_map(number)
            .map(|n| (*n, 1.0))
            .collect()
    }

    /// Puts in what a publication says at a spot.
    pub(super) fn say(&mut self, p: usize, spot: &Spot, measure: Measure, n: u64) {
        let terms = self.terms(&Which::Publication(p), spot, measure);
        if !terms.is_empty() {
            self.system.must_equal(terms, n as f64);
        }
    }

    /// Every spot of a publication with a number, by measure.
    pub(super) fn spots(&self, p: usize) -> BTreeSet<(Spot, Measure)> {
        self.numbers
            .keys()
            .filter(|(unit, _, measure)| match measure {
                Measure::Notifications => {
                    self.slices.get(*unit).and_then(|s| s.get(p)) == Some(&true)
                }
                _ => *unit == p,
            })
            .map(|(_, spot, measure)| (spot.clone(), *measure))
            .collect()
    }
}

/// All that the publications say, as a system.
pub(super) fn known(publications: &[Publication], slices: &Slices) -> Model {
    let mut model = Model::new(publications, slices, Measure::ALL);
    for (p, publication) in publications.iter().enumerate() {
        for (spot, measure) in model.spots(p) {
            if let Seen::Figures(values) = publication.at(&spot) {
                model.say(p, &spot, measure, value(&values, measure));
            }
        }
    }
    model
}

/// The targets that can be worked out too closely.
#[must_use]
pub fn opened<'t>(
    publications: &[Publication],
    slices: &Slices,
    targets: &'t [Target],
) -> Vec<&'t Target> {
    let model = known(publications, slices);
    targets.iter().filter(|t| is_open(&model, t)).collect()
}

/// Whole counts: a bound between two is moved inwards.
pub(super) fn is_open(model: &Model, target: &Target) -> bool {
    let terms = model.terms(&target.which, &target.spot, target.measure);
    let (least, greatest) = model.system.range(&terms);
    let below = target.at_most.is_some_and(|most| match least {
        Extreme::At(least) => (least - CLOSE).ceil() > most as f64,
        Extreme::Endless => false,
        Extreme::Unsolved => true,
    });
    let above = target.at_least.is_some_and(|least| match greatest {
        Extreme::At(greatest) => (greatest + CLOSE).floor() < least as f64,
        Extreme::Endless => false,
        Extreme::Unsolved => true,
    });
    below || above
}
