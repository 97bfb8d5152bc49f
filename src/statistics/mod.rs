//! Counts what was warned about, apart: triggers, findings, notifications, companies, assets.
//!
//! Published figures mix these five, and then nobody can add them up. Here each has one
//! definition (DECISIONS, section 3), and every table holds all of them, for the night, its
//! month so far and its year so far, in total and by what a ministry asks for.
//!
//! Only letters that were handed over count. Attributes of companies are those frozen in the
//! claim, never today's register.
//!
//! Deliberately absent: disclosure control. Every output says that it is for internal use.

mod chart;
mod counted;
mod export;
pub mod forms;
mod group;
pub mod guard;
mod label;
mod page;
pub mod period;
mod sector;
mod terms;

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::diag::Failure;
use crate::model::company::text_enum;
use crate::model::ledger_record::{Claim, LedgerView};
use crate::model::night::Night;

pub use export::{csv, parquet};
pub use page::{html, html_with};
pub use sector::section;

/// What every output says of itself, in Dutch, until disclosure control exists.
pub const INTERNAL: &str = "INTERN – NIET VOOR PUBLICATIE";

/// A cell with fewer companies than this would be secret in a published table.
pub const SMALL_BELOW: u64 = 3;

/// What the counts are made from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The night; month and year run up to it, itself included.
    pub night: Night,
    /// The ledger, as of the number that the night pinned.
    pub ledger: &'a LedgerView,
    /// Letters that were handed over tonight. One that the ledger holds too counts once.
    pub tonight: &'a [Claim],
    /// Titles of threats by id and of branches by SBI code: Dutch, English.
    pub titles: &'a BTreeMap<String, (String, String)>,
}

text_enum! {
    /// How long a period is.
    PeriodKind {
        /// One night.
        Night = "night",
        /// From the first of the month up to the night.
        Month = "month",
        /// From the first of January up to the night.
        Year = "year",
    }
}

/// A span of nights, both ends inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// How long.
    pub kind: PeriodKind,
    /// First night.
    pub from: Date,
    /// Last night.
    pub until: Date,
}

impl Period {
    /// The period of this kind that ends with `night`.
    #[must_use]
    pub fn of(kind: PeriodKind, night: Night) -> Self {
        let until = night.date();
        let from = match kind {
            PeriodKind::Night => until,
            PeriodKind::Month => until.first_of_month(),
            PeriodKind::Year => until.first_of_year(),
        };
        Self { kind, from, until }
    }

    /// `2026-03-12`, `2026-03` or `2026`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.kind {
            PeriodKind::Night => self.until.to_string(),
            PeriodKind::Month => format!("{:04}-{:02}", self.until.year(), self.until.month()),
            PeriodKind::Year => format!("{:04}", self.until.year()),
        }
    }

    /// Does this night lie inside?
    #[must_use]
    pub fn contains(&self, night: Night) -> bool {
        (self.from..=self.until).contains(&night.date())
    }
}

text_enum! {
    /// What a table is split by.
    Dimension {
        /// Not split.
        Total = "total",
        /// Threat.
        Threat = "threat",
        /// Trigger.
        Trigger = "trigger",
        /// Section of the industry classification.
        Sector = "sector",
        /// Industry code as registered.
        SectorCode = "sector_code",
        /// Province or country.
        Province = "province",
        /// Number of people employed.
        SizeClass = "size_class",
        /// How the company stands to the service.
        PartyKind = "party_kind",
        /// Whether it took part on the night of the letter.
        Participation = "participation",
        /// Urgency of the threat.
        Urgency = "urgency",
        /// How the letter travelled.
        Channel = "channel",
        /// Feed of the observation.
        Feed = "feed",
    }
}

impl Dimension {
    /// Does each letter fall under exactly one value? Then letters add up to the total.
    #[must_use]
    pub const fn is_partition(self) -> bool {
        !matches!(
            self,
            Self::Threat | Self::Trigger | Self::Urgency | Self::Feed
        )
    }
}

macro_rules! counts {
    ($($name:ident $doc:literal;)*) => {
        /// The counts of one cell. Corrections and repeated hand-overs stand in their own
        /// columns and in no other.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts { $(#[doc = $doc] pub $name: u64,)* }
        impl Counts {
            /// Column names, in order.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name),)*];
            /// The values, in the order of [`Counts::NAMES`].
            #[must_use]
            pub fn values(&self) -> Vec<u64> { vec![$(self.$name,)*] }
        }
    };
}

counts! {
    triggers "Triggers that a first warning cites.";
    findings "Distinct findings.";
    notifications "Distinct (company, trigger) inside a letter, reminders aside: the sum of the three kinds below.";
    letters "Letters handed over; a letter that went out again after a bounce is one.";
    companies "Distinct companies, not consolidated over parents.";
    assets "Distinct registered values that carried a finding.";
    participants "Those of the companies that took part on the night of their letter.";
    first_warnings "Notifications with a finding that was never written about.";
    relapses "Notifications without such a one, about a finding that was gone and is back.";
    escalations "Notifications that repeat an earlier one by a stronger channel.";
    reminders "Distinct (company, trigger) inside a letter that only reminds.";
    corrections "Distinct (company, trigger) inside a letter that only takes an earlier one back.";
    attempts "Hand-overs of a letter that had been handed over before.";
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// When.
    pub period: Period,
    /// Split by what.
    pub dimension: Dimension,
    /// The value; empty where it is unknown, and in the total.
    pub value: String,
    /// The value for a Dutch reader.
    pub label: String,
    /// The counts.
    pub counts: Counts,
}

impl Cell {
    /// Would a published table hide this cell for its number of companies?
    #[must_use]
    pub const fn is_small(&self) -> bool {
        self.counts.companies > 0 && self.counts.companies < SMALL_BELOW
    }
}

/// Counts everything. Order is by period, dimension and value; the total of a period is always
/// there, other cells only where something was counted.
///
/// The order of claims and receipts does not matter.
///
/// # Errors
/// `OurBug`: the counts cannot be computed.
pub fn tables(input: &Input<'_>) -> Result<Vec<Cell>, Failure> {
    let items = counted::items(input);
    let periods: Vec<Period> = PeriodKind::ALL
        .iter()
        .map(|&kind| Period::of(kind, input.night))
        .collect();
    let frame = group::Frame::new(&items, &periods)
        .map_err(|e| Failure::our_bug(format!("statistics cannot be counted: {e}")))?;
    let mut cells = Vec::new();
    for &dimension in Dimension::ALL {
        let counted = frame
            .count(dimension)
            .map_err(|e| Failure::our_bug(format!("statistics by {dimension}: {e}")))?;
        for (period, of_period) in periods.iter().zip(counted) {
            cells.extend(of_period.into_iter().map(|(value, counts)| Cell {
                period: *period,
                dimension,
                label: label::of(dimension, &value, &frame, input.titles),
                value,
                counts,
            }));
        }
    }
    cells.sort_by(|a, b| (a.period, a.dimension, &a.value).cmp(&(b.period, b.dimension, &b.value)));
    Ok(cells)
}
