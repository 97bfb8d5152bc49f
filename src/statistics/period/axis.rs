//! What the tables of a period are split by.

use std::collections::BTreeMap;

use super::facts::{Companies, Facts, Item, Letter};
use crate::model::company::text_enum;
use crate::model::ledger_record::Frozen;
use crate::model::threat::Urgency;
use crate::statistics::{counted, sector};

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

/// The group of every letter or item, as numbers.
pub(super) enum Groups {
    Company(Vec<u32>),
    Letter(Vec<u32>),
    Item(Vec<u32>),
}

/// An axis over the facts: groups, and the values behind their numbers, sorted.
pub(super) struct Column {
    groups: Groups,
    pub(super) values: Vec<String>,
}

impl Column {
    pub(super) fn of(axis: Axis, facts: &Facts, companies: &Companies) -> Self {
        match axis {
            Axis::Channel => by_letter(facts, |l| l.channel, |c| c.to_string()),
            Axis::Month => by_letter(
                facts,
                |l| (l.night.date().year(), l.night.date().month()),
                |(year, month)| format!("{year:04}-{month:02}"),
            ),
            Axis::Kind => by_kind(facts),
            Axis::Threat => by_item(&facts.threats, facts, |i| u32::from(i.threat)),
            Axis::Trigger => by_item(&facts.triggers, facts, |i| i.trigger),
            Axis::Feed => by_item(&facts.feeds, facts, |i| u32::from(i.feed)),
            Axis::Urgency => {
                let names = [Urgency::Urgent, Urgency::Normal].map(|u| u.to_string());
                by_item(&names, facts, |i| u32::from(i.urgency == Urgency::Normal))
            }
            _ => by_company(axis, facts, companies),
        }
    }

    pub(super) fn group(&self, letter_idx: usize, letter: &Letter, item_idx: usize) -> usize {
        let found = match &self.groups {
            Groups::Company(groups) => groups.get(letter.company as usize),
            Groups::Letter(groups) => groups.get(letter_idx),
            Groups::Item(groups) => groups.get(item_idx),
        };
        found.map_or(0, |g| *g as usize)
    }
}

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

/// Few distinct values, each of which becomes a text once.
fn by_letter<K: Copy + Ord>(
    facts: &Facts,
    of: impl Fn(&Letter) -> K,
    text: impl Fn(K) -> String,
) -> Column {
    let mut known: Vec<K> = Vec::new();
    let mut last: Option<(K, u32)> = None;
    let raw = facts.letters.iter().map(|letter| {
        let key = of(letter);
        if let Some((_, number)) = last.filter(|(k, _)| *k == key) {
            return number;
        }
        let number = known.iter().position(|k| *k == key).unwrap_or_else(|| {
            known.push(key);
            known.len() - 1
        });
        last = Some((key, number as u32));
        number as u32
    });
    let raw: Vec<u32> = raw.collect();
    let (place, values) = coded(known.into_iter().map(text));
    let of = |n: u32| place.get(n as usize).copied().unwrap_or_default();
    Column {
        groups: Groups::Letter(raw.into_iter().map(of).collect()),
        values,
    }
}

fn by_item(names: &[String], facts: &Facts, number: impl Fn(&Item) -> u32) -> Column {
    let (place, values) = coded(names.iter().cloned());
    let of = |item: &Item| {
        place
            .get(number(item) as usize)
            .copied()
            .unwrap_or_default()
    };
    Column {
        groups: Groups::Item(facts.items.iter().map(of).collect()),
        values,
    }
}

/// Companies share their attributes, so each set of them becomes a text once.
fn by_company(axis: Axis, facts: &Facts, companies: &Companies) -> Column {
    if axis == Axis::Warnings {
        let texts = companies.warnings.iter();
        let (groups, values) = coded(texts.map(|n| warnings_class(*n).to_owned()));
        return Column {
            groups: Groups::Company(groups),
            values,
        };
    }
    let text = |frozen: &Frozen| match axis {
        Axis::Sector => sector::section(&frozen.sector, &frozen.sector_scheme),
        Axis::SectorCode => sector::code(&frozen.sector, &frozen.sector_scheme),
        Axis::SizeClass => frozen.size_class.clone(),
        Axis::Province => frozen.province.clone(),
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
        groups: Groups::Company(companies.frozen.iter().map(of).collect()),
        values,
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

/// A notification is of the strongest kind among its items.
fn by_kind(facts: &Facts) -> Column {
    const KINDS: [&str; 6] = [
        "first",
        "relapse",
        "escalation",
        "reminder",
        "correction",
        "repeated",
    ];
    let (place, values) = coded(KINDS.iter().map(|k| (*k).to_owned()));
    let of = |rank: u32| place.get(rank as usize).copied().unwrap_or_default();
    let mut groups = vec![0u32; facts.items.len()];
    for letter in &facts.letters {
        let (items, first) = (letter.items(&facts.items), letter.first_item());
        let of_letter = groups
            .get_mut(first..first + items.len())
            .unwrap_or_default();
        let pairs = items.chunk_by(|a, b| a.trigger == b.trigger);
        let mut at = 0;
        for pair in pairs {
            let strongest = pair.iter().map(Item::rank).min().unwrap_or_default();
            let rank = if letter.is_repeated {
                counted::REPEATED
            } else {
                strongest
            };
            for group in of_letter.iter_mut().skip(at).take(pair.len()) {
                *group = of(rank);
            }
            at += pair.len();
        }
    }
    Column {
        groups: Groups::Item(groups),
        values,
    }
}
