//! Counts with polars: one frame of items, a row for each period that an item falls in,
//! grouped once a dimension.
//!
//! Texts and hashes are numbered before they enter the frame, so that it holds small numbers
//! only; numbers go back to texts when the groups come out.

use std::collections::BTreeMap;

use polars::prelude::{
    Column, DataFrame, Expr, IntoColumn, IntoLazy, NamedFrom, PolarsResult, Series, col, lit,
};

use super::counted::{CORRECTION, ESCALATION, FIRST, Item, RELAPSE, REMINDER, REPEATED};
use super::sector;
use super::{Counts, Dimension, Period};

/// The items as a frame, and the texts behind its numbers.
pub(super) struct Frame {
    frame: DataFrame,
    n_periods: usize,
    values: BTreeMap<Dimension, Vec<String>>,
    /// Threat of each trigger.
    threats: BTreeMap<String, String>,
}

impl Frame {
    /// Numbers everything.
    ///
    /// # Errors
    /// Columns of different length, which cannot be.
    pub fn new(items: &[Item<'_>], periods: &[Period]) -> PolarsResult<Self> {
        let (numbers_of_periods, items): (Vec<u32>, Vec<Item<'_>>) = (0u32..)
            .zip(periods)
            .flat_map(|(number, period)| {
                let inside = items.iter().filter(|i| period.contains(i.claim.night));
                inside.map(move |i| (number, *i))
            })
            .unzip();
        let items = items.as_slice();
        let mut columns = vec![
            numbers("period", numbers_of_periods.into_iter()),
            numbers("rank", items.iter().map(|i| i.rank)),
            numbers("letter", items.iter().map(|i| i.letter)),
            numbered("company", items, |i| i.company),
            numbered("participant", items, |i| {
                i.claim.frozen.participant.then_some(i.company)
            }),
            numbered("finding", items, |i| i.item.finding_id),
            numbered("asset", items, |i| i.item.asset_ref),
            numbered("trigger_id", items, |i| i.item.trigger_id.as_ref()),
            numbered("pair", items, |i| (i.letter, i.item.trigger_id.as_ref())),
            numbers(
                "takes_part",
                items.iter().map(|i| u32::from(i.claim.frozen.participant)),
            ),
        ];
        let mut values = BTreeMap::new();
        for &dimension in Dimension::ALL {
            let texts: Vec<String> = items.iter().map(|i| value_of(dimension, i)).collect();
            let (codes, names) = number(texts.iter());
            columns.push(Series::new(dimension.as_str().into(), codes).into_column());
            values.insert(dimension, names.into_iter().cloned().collect());
        }
        let pair = |i: &Item<'_>| (i.item.trigger_id.to_string(), i.item.threat_id.to_string());
        Ok(Self {
            frame: DataFrame::new(items.len(), columns)?,
            n_periods: periods.len(),
            values,
            threats: items.iter().map(pair).collect(),
        })
    }

    /// The threat that a trigger is about.
    pub fn threat_of(&self, trigger: &str) -> Option<&str> {
        self.threats.get(trigger).map(String::as_str)
    }

    /// The counts of every period, in the order of the periods, by value. The total is there
    /// even where nothing was counted.
    ///
    /// # Errors
    /// What polars reports.
    pub fn count(&self, dimension: Dimension) -> PolarsResult<Vec<BTreeMap<String, Counts>>> {
        let grouped = self
            .frame
            .clone()
            .lazy()
            .group_by([col("period"), col(dimension.as_str())])
            .agg(aggregates())
            .collect()?;
        let names = self.values.get(&dimension);
        let codes = numbers_of(&grouped, dimension.as_str())?;
        let mut columns = BTreeMap::new();
        for name in AGGREGATES {
            columns.insert(*name, numbers_of(&grouped, name)?);
        }
        let periods = numbers_of(&grouped, "period")?;
        let mut counted = vec![BTreeMap::new(); self.n_periods];
        if dimension == Dimension::Total {
            for of_period in &mut counted {
                of_period.insert(String::new(), Counts::default());
            }
        }
        let position = |number: &u64| usize::try_from(*number).ok();
        for (row, (period, code)) in periods.iter().zip(&codes).enumerate() {
            let at = |name: &str| -> u64 {
                let column = columns.get(name);
                column.and_then(|c| c.get(row)).copied().unwrap_or_default()
            };
            let name = position(code).and_then(|code| names?.get(code)).cloned();
            let of_period = position(period).and_then(|period| counted.get_mut(period));
            if let (Some(name), Some(of_period)) = (name, of_period) {
                of_period.insert(name, counts(at));
            }
        }
        Ok(counted)
    }
}

/// Columns that [`aggregates`] makes. A pair of letter and trigger is what it warns with most:
/// `pairs_n` counts the pairs with an item of rank `n` or stronger.
const AGGREGATES: &[&str] = &[
    "triggers",
    "findings",
    "letters",
    "companies",
    "assets",
    "participants",
    "attempts",
    "pairs_0",
    "pairs_1",
    "pairs_2",
    "pairs_3",
    "pairs_4",
];

fn aggregates() -> Vec<Expr> {
    let at_most = |rank: u32| col("rank").lt_eq(lit(rank));
    let distinct =
        |column: &str, which: Expr, name: &str| col(column).filter(which).n_unique().alias(name);
    let mut aggregates = vec![
        distinct("trigger_id", at_most(FIRST), "triggers"),
        distinct("finding", at_most(REMINDER), "findings"),
        distinct("letter", at_most(CORRECTION), "letters"),
        distinct("company", at_most(REMINDER), "companies"),
        distinct("asset", at_most(REMINDER), "assets"),
        distinct(
            "participant",
            at_most(REMINDER).and(col("takes_part").eq(lit(1u32))),
            "participants",
        ),
        distinct("letter", col("rank").eq(lit(REPEATED)), "attempts"),
    ];
    for rank in [FIRST, RELAPSE, ESCALATION, REMINDER, CORRECTION] {
        aggregates.push(distinct("pair", at_most(rank), &format!("pairs_{rank}")));
    }
    aggregates
}

fn counts(at: impl Fn(&str) -> u64) -> Counts {
    // Each contains the one before it, so no difference is negative.
    let between = |more: &str, less: &str| at(more).saturating_sub(at(less));
    Counts {
        triggers: at("triggers"),
        findings: at("findings"),
        notifications: at("pairs_2"),
        letters: at("letters"),
        companies: at("companies"),
        assets: at("assets"),
        participants: at("participants"),
        first_warnings: at("pairs_0"),
        relapses: between("pairs_1", "pairs_0"),
        escalations: between("pairs_2", "pairs_1"),
        reminders: between("pairs_3", "pairs_2"),
        corrections: between("pairs_4", "pairs_3"),
        attempts: at("attempts"),
    }
}

fn value_of(dimension: Dimension, item: &Item<'_>) -> String {
    let frozen = &item.claim.frozen;
    match dimension {
        Dimension::Total => String::new(),
        Dimension::Threat => item.item.threat_id.to_string(),
        Dimension::Trigger => item.item.trigger_id.to_string(),
        Dimension::Sector => sector::section(&frozen.sector, &frozen.sector_scheme),
        Dimension::SectorCode => sector::code(&frozen.sector, &frozen.sector_scheme),
        Dimension::Province => frozen.province.to_string(),
        Dimension::SizeClass => frozen.size_class.to_string(),
        Dimension::PartyKind => frozen.party_kind.to_string(),
        Dimension::Participation => {
            if frozen.participant {
                "participant".into()
            } else {
                "other".into()
            }
        }
        Dimension::Urgency => item.item.urgency.to_string(),
        Dimension::Channel => item.claim.channel.to_string(),
        Dimension::Feed => item.item.feed.to_string(),
    }
}

fn numbers(name: &str, values: impl Iterator<Item = u32>) -> Column {
    Series::new(name.into(), values.collect::<Vec<u32>>()).into_column()
}

fn numbered<'a, K: Ord + Clone>(
    name: &str,
    items: &'a [Item<'a>],
    key: impl Fn(&'a Item<'a>) -> K,
) -> Column {
    let (codes, _) = number(items.iter().map(key));
    Series::new(name.into(), codes).into_column()
}

/// A number for each distinct value, in the order of their first appearance.
fn number<K: Ord + Clone>(values: impl Iterator<Item = K>) -> (Vec<u32>, Vec<K>) {
    let mut known: BTreeMap<K, u32> = BTreeMap::new();
    let mut names = Vec::new();
    let codes = values
        .map(|value| {
            let next = known.len() as u32;
            *known.entry(value.clone()).or_insert_with(|| {
                names.push(value);
                next
            })
        })
        .collect();
    (codes, names)
}

fn numbers_of(frame: &DataFrame, name: &str) -> PolarsResult<Vec<u64>> {
    let column = frame.column(name)?.u32()?;
    Ok((0..column.len())
        .map(|row| u64::from(column.get(row).unwrap_or_default()))
        .collect())
}
