//! Tables as they are published: a figure, or a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::noise::Noise;
use super::perturbation::Perturbation;
use super::rounding::Rounding;
use crate::model::company::text_enum;
use crate::statistics::period::{Axis, Span};

text_enum! {
    /// What a published cell counts.
    Measure {
        /// Distinct companies.
        Companies = "companies",
        /// Distinct (company, trigger) inside a letter, reminders aside.
        Notifications = "notifications",
        /// Distinct findings.
        Findings = "findings",
    }
}

impl Measure {
    /// Do the rows of an axis add up to their total in this measure?
    #[must_use]
    pub const fn adds_up(self, axis: Axis) -> bool {
        match self {
            Self::Companies => axis.is_of_company(),
            Self::Notifications => axis.splits_notifications(),
            Self::Findings => axis.splits_findings(),
        }
    }
}

/// One value for each measure, in the order of [`Measure::ALL`].
pub type Values = [u64; 3];

pub(super) fn value(values: &Values, measure: Measure) -> u64 {
    let [companies, notifications, findings] = *values;
    match measure {
        Measure::Companies => companies,
        Measure::Notifications => notifications,
        Measure::Findings => findings,
    }
}

/// Where a cell stands: a value for each axis that splits it, sorted by axis; none for the total.
/// The cell of a margin is the same in every table that shares it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot(Vec<(Axis, String)>);

impl Spot {
    /// The spot with these values, in any order.
    #[must_use]
    pub fn new(mut of: Vec<(Axis, String)>) -> Self {
        of.sort();
        Self(of)
    }

    /// Axes and values.
    #[must_use]
    pub fn of(&self) -> &[(Axis, String)] {
        &self.0
    }

    /// Does one of its axes say something of the period, such as how often a company was warned in it?
    #[must_use]
    pub fn is_of_period(&self) -> bool {
        self.0.iter().any(|(axis, _)| axis.is_of_period())
    }

    /// The axes alone, sorted.
    #[must_use]
    pub fn axes(&self) -> Vec<Axis> {
        self.0.iter().map(|(axis, _)| *axis).collect()
    }

    /// The spot one axis deeper.
    #[must_use]
    pub fn with(&self, axis: Axis, value: &str) -> Self {
        let mut of = self.0.clone();
        of.push((axis, value.to_owned()));
        Self::new(of)
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the total");
        }
        for (i, (axis, value)) in self.0.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}{axis} `{value}`")?;
        }
        Ok(())
    }
}

/// What was published of a period: what an attacker has in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The period.
    pub span: Span,
    /// The ledger that was counted.
    pub ledger_seq: u64,
    /// The tables, each by its sorted axes; the total and every margin are among them.
    pub tables: BTreeSet<Vec<Axis>>,
    /// Every cell; `None` where it is secret. A cell that is not here is zero.
    pub cells: BTreeMap<Spot, Option<Values>>,
    /// How its figures are changed; `None` where they are exact.
    pub perturbation: Option<Perturbation>,
}

impl Publication {
    /// What stands at a spot.
    #[must_use]
    pub fn at(&self, spot: &Spot) -> Seen {
        if !self.tables.contains(&spot.axes()) {
            return Seen::Nothing;
        }
        match self.cells.get(spot) {
            Some(Some(values)) => Seen::Figures(*values),
            Some(None) => Seen::Secret,
            None => Seen::Figures([0; 3]),
        }
    }

    /// The least and the greatest figure that can stand behind what is shown at a spot; `None`
    /// where nothing is.
    #[must_use]
    pub fn bounds(&self, spot: &Spot, measure: Measure) -> Option<(f64, f64)> {
        let Seen::Figures(values) = self.at(spot) else {
            return None;
        };
        let exact = value(&values, measure) as f64;
        let moved = self.perturbation.map(|p| p.bounds(&values, measure));
        Some(moved.unwrap_or((exact, exact)))
    }

    /// As it is published: a changed figure that is zero is left out like any other zero, but for the total.
    /// Which of them hold something all the same, the attacker is taken to know, and nobody is told.
    #[must_use]
    pub fn as_shown(&self) -> Self {
        let mut shown = self.clone();
        shown
            .cells
            .retain(|spot, values| spot.of().is_empty() || *values != Some([0; 3]));
        shown
    }

    /// Cells that are secret.
    pub fn secret(&self) -> impl Iterator<Item = &Spot> {
        let cells = self.cells.iter();
        cells.filter(|(_, c)| c.is_none()).map(|(spot, _)| spot)
    }

    /// How many they are.
    #[must_use]
    pub fn n_secret(&self) -> usize {
        self.secret().count()
    }
}

/// The publications that hang together with a period: those that share a night with it, or with one of these. What
/// two parts show and their whole, the third part cannot hide.
#[must_use]
pub fn connected(mut all: Vec<Publication>, span: &Span) -> Vec<Publication> {
    let mut near: Vec<Publication> = Vec::new();
    loop {
        let overlaps = |p: &Publication| {
            p.span.overlaps(span) || near.iter().any(|n| n.span.overlaps(&p.span))
        };
        let (found, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(overlaps);
        if found.is_empty() {
            return near;
        }
        near.extend(found);
        all = rest;
    }
}

/// What a reader sees at a spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The figures.
    Figures(Values),
    /// That it is secret.
    Secret,
    /// No such table was published.
    Nothing,
}

/// The tables with every margin that they imply.
#[must_use]
pub fn with_margins(tables: &[Vec<Axis>]) -> BTreeSet<Vec<Axis>> {
    let mut all = BTreeSet::from([Vec::new()]);
    for axes in tables {
        let mut sorted = axes.clone();
        sorted.sort();
        all.extend(sorted.iter().map(|a| vec![*a]));
        all.insert(sorted);
    }
    all
}

/// A whole and the parts that it is split into by one axis.
pub(super) struct Split {
    pub whole: Spot,
    pub axis: Axis,
    pub parts: Vec<Spot>,
}

/// Every relation between a whole and its parts in these tables.
pub(super) fn splits<'c>(
    tables: &BTreeSet<Vec<Axis>>,
    cells: impl Iterator<Item = &'c Spot>,
) -> Vec<Split> {
    let mut values: BTreeMap<Axis, BTreeSet<&str>> = BTreeMap::new();
    for spot in cells {
        for (axis, value) in spot.of() {
            values.entry(*axis).or_default().insert(value);
        }
    }
    let of = |axis: Axis| values.get(&axis).into_iter().flatten();
    let mut splits = Vec::new();
    let mut split = |whole: Spot, axis: Axis| {
        let parts = of(axis).map(|v| whole.with(axis, v)).collect();
        splits.push(Split { whole, axis, parts });
    };
    for axes in tables {
        match axes.as_slice() {
            [axis] => split(Spot::default(), *axis),
            [a, b] => {
                for value in of(*a) {
                    split(Spot::default().with(*a, value), *b);
                }
                for value in of(*b) {
                    split(Spot::default().with(*b, value), *a);
                }
            }
            _ => {}
        }
    }
    splits
}

/// A cell of the published JSON.
#[derive(Serialize, Deserialize)]
struct CellV1 {
    at: Vec<(String, String)>,
    /// Companies, notifications, findings; absent where secret.
    values: Option<Values>,
}

/// The published JSON: what later versions are held against.
#[derive(Serialize, Deserialize)]
struct PublicationV1 {
    nachtwacht_publication: u32,
    period: String,
    ledger_seq: u64,
    tables: Vec<Vec<String>>,
    cells: Vec<CellV1>,
    /// One of these two at most; both absent where figures are exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cell_keys: Option<NoiseV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rounding: Option<RoundingV1>,
}

#[derive(Serialize, Deserialize)]
struct NoiseV1 {
    noise: u64,
    min_companies: u64,
}

/// Wider than any job may ask for.
const MOST: u64 = 10_000;

#[derive(Serialize, Deserialize)]
struct RoundingV1 {
    base: u64,
}

/// How figures were changed, as it is written.
fn written(perturbation: Option<Perturbation>) -> (Option<NoiseV1>, Option<RoundingV1>) {
    match perturbation {
        None => (None, None),
        Some(Perturbation::CellKey(Noise {
            most: noise,
            min_companies,
        })) => {
            let keys = NoiseV1 {
                noise,
                min_companies,
            };
            (Some(keys), None)
        }
        Some(Perturbation::Rounding(Rounding { base })) => (None, Some(RoundingV1 { base })),
    }
}

fn read(
    keys: Option<NoiseV1>,
    rounding: Option<RoundingV1>,
) -> Result<Option<Perturbation>, String> {
    match (keys, rounding) {
        (None, None) => Ok(None),
        (Some(keys), None) if keys.noise > MOST || keys.min_companies > MOST => Err(format!(
            "`cell_keys` has {} and {}, expected {MOST} at most",
            keys.noise, keys.min_companies
        )),
        (Some(keys), None) => Ok(Some(Perturbation::CellKey(Noise {
            most: keys.noise,
            min_companies: keys.min_companies.max(1),
        }))),
        (None, Some(RoundingV1 { base })) if (1..=MOST).contains(&base) => {
            Ok(Some(Perturbation::Rounding(Rounding { base })))
        }
        (None, Some(RoundingV1 { base })) => {
            Err(format!("`rounding.base` is {base}, expected 1 to {MOST}"))
        }
        (Some(_), Some(_)) => {
            Err("`cell_keys` and `rounding` are both there, expected one".to_owned())
        }
    }
}

impl Publication {
    /// As JSON, canonical.
    ///
    /// # Errors
    /// What the writer says.
    pub fn to_json(&self) -> Result<Vec<u8>, String> {
        let names = |axes: &Vec<Axis>| axes.iter().map(|a| a.to_string()).collect();
        let cells = self.cells.iter().map(|(spot, values)| CellV1 {
            at: spot
                .of()
                .iter()
                .map(|(a, v)| (a.to_string(), v.clone()))
                .collect(),
            values: *values,
        });
        let (cell_keys, rounding) = written(self.perturbation);
        let form = PublicationV1 {
            nachtwacht_publication: 1,
            period: self.span.label(),
            ledger_seq: self.ledger_seq,
            tables: self.tables.iter().map(names).collect(),
            cells: cells.collect(),
            cell_keys,
            rounding,
        };
        let mut bytes = serde_json::to_vec_pretty(&form).map_err(|e| e.to_string())?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Out of JSON.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let form: PublicationV1 = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        let axis = |name: &String| {
            name.parse::<Axis>()
                .map_err(|()| format!("`{name}` is no axis"))
        };
        let mut tables = BTreeSet::new();
        for names in &form.tables {
            tables.insert(names.iter().map(axis).collect::<Result<Vec<_>, _>>()?);
        }
        let mut cells = BTreeMap::new();
        for cell in form.cells {
            let at = cell.at.into_iter().map(|(a, v)| Ok((axis(&a)?, v)));
            let spot = Spot::new(at.collect::<Result<Vec<_>, String>>()?);
            cells.insert(spot, cell.values);
        }
        Ok(Self {
            span: form.period.parse()?,
            ledger_seq: form.ledger_seq,
            tables,
            cells,
            perturbation: read(form.cell_keys, form.rounding)?,
        })
    }
}
