//! What the tables of a period are split by.

use std::collections::BTreeMap;

use super::facts::{Companies, Facts, Item};
use crate::model::company::{Channel, text_enum};
use crate::model::ledger_record::Frozen;
use crate::model::night::Night;
use crate::model::threat::Urgency;
use crate::statistics::sector;

text_enum! {
    /// What a table is split by. A company's attributes are those frozen in its newest letter of
    /// the period, so that each company stands in one row and rows add up.
    Axis {
        /// Threat.
        Threat = "threat",
        /// Trigger.
        Trigger = "trigger",
        /// Urgency of the threat on the night of the letter.
        Urgency = "urgency",
        /// Section of the industry classification.
        Sector = "sector",
        /// Industry code as registered.
        SectorCode = "sector_code",
        /// Number of people employed.
        SizeClass = "size_class",
        /// Province or country.
        Province = "province",
        /// How the company stands to the service.
        PartyKind = "party_kind",
        /// Whether it took part.
        Participation = "participation",
        /// How many notifications the company got in the period.
        Warnings = "warnings",
        /// How the letter travelled.
        Channel = "channel",
        /// Feed of the observation.
        Feed = "feed",
        /// First warning, relapse, escalation, reminder, correction.
        Kind = "kind",
        /// Month of the letter.
        Month = "month",
    }
}

impl Axis {
    /// Does a company stand in one row only? Then companies add up to the total.
    #[must_use]
    pub const fn is_of_company(self) -> bool {
        matches!(
            self,
            Self::Sector
                | Self::SectorCode
                | Self::SizeClass
                | Self::Province
                | Self::PartyKind
                | Self::Participation
                | Self::Warnings
        )
    }

    /// Does a notification stand in one row only?
    #[must_use]
    pub const fn splits_notifications(self) -> bool {
        !matches!(self, Self::Urgency | Self::Feed)
    }

    /// Does a finding stand in one row only?
    #[must_use]
    pub const fn splits_findings(self) -> bool {
        self.is_of_company() || matches!(self, Self::Threat)
    }

    /// Does a company's value hang on the period: is it another in a longer one?
    #[must_use]
    pub const fn is_of_period(self) -> bool {
        matches!(self, Self::Warnings)
    }

    /// Says what was found at a company: nobody outside knows it of a company, as they know its
    /// sector.
    #[must_use]
    pub const fn is_secret_of_company(self) -> bool {
        !self.is_of_company() || matches!(self, Self::Warnings | Self::Participation)
    }
}

/// An axis over the facts: how a group is found, and the values behind the numbers of groups,
/// sorted. Not each of them need occur.
pub(super) struct Column {
    pub(super) by: By,
    pub(super) values: Vec<String>,
}

/// How a group is found.
pub(super) enum By {
    /// By company: the group of each.
    Company(Vec<u32>),
    /// By letter or item: the group of each number of the field.
    Item(Field, Vec<u32>),
}

/// A field of a letter or an item.
#[derive(Clone, Copy)]
pub(super) enum Field {
    Threat,
    Trigger,
    Feed,
    Urgency,
    Channel,
    Kind,
    /// Months since this one, as `year * 12 + month`.
    Month(i32),
}

impl Field {
    /// The field's number.
    #[inline]
    pub(super) fn number(self, of: &Said) -> u32 {
        match self {
            Self::Threat => u32::from(of.item.threat),
            Self::Trigger => of.item.trigger,
            Self::Feed => u32::from(of.item.feed),
            Self::Urgency => of.item.urgency as u32,
            Self::Channel => of.channel as u32,
            Self::Kind => u32::from(of.kind),
            Self::Month(first) => month(of.night).abs_diff(first),
        }
    }
}

/// What a letter says in one of its items.
#[derive(Clone, Copy)]
pub(super) struct Said {
    pub item: Item,
    pub night: Night,
    pub channel: Channel,
    /// What its notification is, one of the ranks of `counted`.
    pub kind: u8,
}

fn month(night: Night) -> i32 {
    let date = night.date();
    i32::from(date.year()) * 12 + i32::from(date.month()) - 1
}

impl Column {
    pub(super) fn of(axis: Axis, facts: &Facts, companies: &Companies) -> Self {
        match axis {
            Axis::Threat => by_item(Field::Threat, facts.threats.iter().cloned()),
            Axis::Trigger => by_item(Field::Trigger, facts.triggers.iter().cloned()),
            Axis::Feed => by_item(Field::Feed, facts.feeds.iter().cloned()),
            Axis::Urgency => by_item(Field::Urgency, Urgency::ALL.iter().map(ToString::to_string)),
            Axis::Channel => by_item(Field::Channel, Channel::ALL.iter().map(ToString::to_string)),
            Axis::Kind => by_item(Field::Kind, KINDS.iter().map(|k| (*k).to_owned())),
            Axis::Month => by_month(facts),
            _ => by_company(axis, facts, companies),
        }
    }
}

/// By the ranks of `counted`. A notification is of the strongest kind among its items.
const KINDS: [&str; 6] = [
    "first",
    "relapse",
    "escalation",
    "reminder",
    "correction",
    "repeated",
];

/// Replaces texts by their position among the sorted distinct ones.
fn coded(texts: impl Iterator<Item = String>) -> (Vec<u32>, Vec<String>) {
    let mut known: BTreeMap<String, u32> = BTreeMap::new();
    let raw: Vec<u32> = texts
        .map(|text| {
            let next = known.len() as u32;
            *known.entry(text).or_insert(next)
        })
        .collect();
    let mut place = vec![0u32; known.len()];
    for (position, number) in (0u32..).zip(known.values()) {
        if let Some(slot) = place.get_mut(*number as usize) {
            *slot = position;
        }
    }
    let of = |n: u32| place.get(n as usize).copied().unwrap_or_default();
    (
        raw.into_iter().map(of).collect(),
        known.into_keys().collect(),
    )
}

fn by_item(field: Field, names: impl Iterator<Item = String>) -> Column {
    let (place, values) = coded(names);
    Column {
        by: By::Item(field, place),
        values,
    }
}

/// From the first month with a letter to the last.
fn by_month(facts: &Facts) -> Column {
    let months = || facts.letters.iter().map(|l| month(l.night));
    let (first, last) = (months().min().unwrap_or(0), months().max().unwrap_or(0));
    let name = |m: i32| format!("{:04}-{:02}", m.div_euclid(12), m.rem_euclid(12) + 1);
    by_item(Field::Month(first), (first..=last).map(name))
}

/// Companies share their attributes, so each set of them becomes a text once.
fn by_company(axis: Axis, facts: &Facts, companies: &Companies) -> Column {
    if axis == Axis::Warnings {
        let texts = companies.warnings.iter();
        let (groups, values) = coded(texts.map(|n| warnings_class(*n).to_owned()));
        return Column {
            by: By::Company(groups),
            values,
        };
    }
    let text = |frozen: &Frozen| match axis {
        Axis::Sector => sector::section(&frozen.sector, &frozen.sector_scheme),
        Axis::SectorCode => sector::code(&frozen.sector, &frozen.sector_scheme),
        Axis::SizeClass => frozen.size_class.to_string(),
        Axis::Province => frozen.province.to_string(),
        Axis::PartyKind => frozen.party_kind.to_string(),
        _ if frozen.participant => "participant".to_owned(),
        _ => "other".to_owned(),
    };
    // The last one is of companies without a letter that counts.
    let none = std::iter::once(String::new());
    let (place, values) = coded(facts.frozen.iter().map(text).chain(none));
    let last = place.last().copied().unwrap_or_default();
    let of = |frozen: &u32| place.get(*frozen as usize).copied().unwrap_or(last);
    Column {
        by: By::Company(companies.frozen.iter().map(of).collect()),
        values,
    }
}

/// The least and the greatest number of notifications of a company in a class of `warnings`; no
/// greatest where the class is open.
#[must_use]
pub fn warnings_bounds(class: &str) -> Option<(u64, Option<u64>)> {
    match class {
        "0" => Some((0, Some(0))),
        "1" => Some((1, Some(1))),
        "2" => Some((2, Some(2))),
        "3-5" => Some((3, Some(5))),
        "6+" => Some((6, None)),
        _ => None,
    }
}

const fn warnings_class(n: u32) -> &'static str {
    match n {
        0 => "0",
        1 => "1",
        2 => "2",
        3..=5 => "3-5",
        _ => "6+",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_a_class_are_those_by_which_companies_stand_in_it() {
        for n in 0..20 {
            let (least, most) = warnings_bounds(warnings_class(n)).unwrap();
            let n = u64::from(n);
            assert!(least <= n && most.is_none_or(|most| n <= most), "{n}");
        }
        assert_eq!(warnings_bounds("many"), None);
    }
}
