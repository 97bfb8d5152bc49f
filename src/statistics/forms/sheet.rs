//! The tables of a publication, row by row.

use std::collections::{BTreeMap, BTreeSet};

use super::WorkGroup;
use crate::model::company::Language;
use crate::model::country;
use crate::statistics::guard::{Perturbation, Publication, Seen, Spot, Values};
use crate::statistics::period::{Axis, Span, Titles, axis_name, id_of, value_label};

/// What a reader must know beside the figures.
#[derive(Clone, Debug)]
pub struct About<'a> {
    /// The period.
    pub span: Span,
    /// 1 at first; a correction counts up.
    pub version: u32,
    /// The period is not over, or its figures may change.
    pub is_provisional: bool,
    /// The newest night that was counted, as a date; empty without any.
    pub newest_night: String,
    /// Name of the service.
    pub sender: &'a str,
    /// Titles of threats.
    pub titles: &'a Titles,
    /// A cell with fewer companies is secret.
    pub min_companies: u64,
    /// Figures of the work itself, see `work`.
    pub work: &'a [WorkGroup],
    /// How figures are changed; `None` where they are exact.
    pub perturbation: Option<Perturbation>,
}

impl About<'_> {
    /// The mark of Statistics Netherlands behind the period: `*` provisional or corrected,
    /// `**` both.
    #[must_use]
    pub const fn mark(&self) -> &'static str {
        match (self.is_provisional, self.version > 1) {
            (true, true) => "**",
            (true, false) | (false, true) => "*",
            (false, false) => "",
        }
    }

    /// The period with its mark.
    #[must_use]
    pub fn period(&self) -> String {
        format!("{}{}", self.span.label(), self.mark())
    }
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Name in files, such as `sector-by-size_class`.
    pub id: String,
    /// What it is split by.
    pub axes: Vec<Axis>,
    /// Rows, totals first, then by code.
    pub rows: Vec<SheetRow>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetRow {
    /// A value for each axis; `None` is the total.
    pub key: Vec<Option<String>>,
    /// Companies, notifications, findings; `None` where secret.
    pub values: Option<Values>,
}

impl SheetRow {
    /// Does the row sum over an axis?
    #[must_use]
    pub fn is_total(&self) -> bool {
        self.key.contains(&None)
    }

    /// The labels, one for each axis.
    #[must_use]
    pub fn labels(&self, axes: &[Axis], language: Language, titles: &Titles) -> Vec<String> {
        let total = match language {
            Language::Nl => "Totaal",
            Language::En => "Total",
        };
        let pairs = axes.iter().zip(&self.key);
        pairs
            .map(|(axis, value)| match value {
                Some(value) => value_label(*axis, value, language, titles),
                None => total.to_owned(),
            })
            .collect()
    }
}

impl Sheet {
    /// Its heading.
    #[must_use]
    pub fn title(&self, language: Language) -> String {
        let names: Vec<String> = self
            .axes
            .iter()
            .map(|a| axis_name(*a, language).to_lowercase().replace("sbi", "SBI"))
            .collect();
        match (language, names.as_slice()) {
            (Language::Nl, []) => "Totaal".to_owned(),
            (Language::En, []) => "Total".to_owned(),
            (Language::Nl, names) => format!("Waarschuwingen naar {}", names.join(" en ")),
            (Language::En, names) => format!("Warnings by {}", names.join(" and ")),
        }
    }
}

/// The tables of a publication: those of two axes with their margins as total rows.
#[must_use]
pub fn sheets(publication: &Publication) -> Vec<Sheet> {
    let mut values: BTreeMap<Axis, BTreeSet<String>> = BTreeMap::new();
    for (axis, value) in publication.cells.keys().flat_map(Spot::of) {
        values.entry(*axis).or_default().insert(value.clone());
    }
    let of = |axis: &Axis| -> Vec<Option<String>> {
        let mut sorted: Vec<String> = values.get(axis).into_iter().flatten().cloned().collect();
        // Countries come after the provinces, and what is unknown last.
        let is_country = |v: &str| *axis == Axis::Province && country::is_code(v);
        sorted.sort_by_key(|v| (v.is_empty(), is_country(v), leading_number(v), v.clone()));
        std::iter::once(None)
            .chain(sorted.into_iter().map(Some))
            .collect()
    };
    let mut sheets = Vec::new();
    for axes in &publication.tables {
        let keys: Vec<Vec<Option<String>>> = match axes.as_slice() {
            [] => vec![Vec::new()],
            [a] => of(a).into_iter().map(|v| vec![v]).collect(),
            [a, b, ..] => {
                let second = of(b);
                let pairs = |v: Option<String>| {
                    let pair = |w: &Option<String>| vec![v.clone(), w.clone()];
                    second.iter().map(pair).collect::<Vec<_>>()
                };
                of(a).into_iter().flat_map(pairs).collect()
            }
        };
        let rows = keys.into_iter().map(|key| {
            let at = axes.iter().zip(&key);
            let at = at.filter_map(|(a, v)| Some((*a, v.clone()?))).collect();
            let values = match publication.at(&Spot::new(at)) {
                Seen::Figures(values) => Some(values),
                Seen::Secret | Seen::Nothing => None,
            };
            SheetRow { key, values }
        });
        sheets.push(Sheet {
            id: id_of(axes),
            axes: axes.clone(),
            rows: rows.collect(),
        });
    }
    sheets
}

/// Classes such as `10-49` and `250+` by their number; other texts after them.
fn leading_number(value: &str) -> u64 {
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(u64::MAX)
}
