//! The span of nights that a publication is about.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};

use crate::model::company::text_enum;
use crate::model::night::Night;

/// Nights from `from` up to `until`, both ends inside.
///
/// - Written `2022-03`, `2022-Q1`, `2022-H1`, `2022` or `2022-01-01..2022-06-15`.
/// - `from` is not after `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    from: Date,
    until: Date,
}

impl Span {
    /// The span between two dates, in either order.
    #[must_use]
    pub fn new(one: Date, other: Date) -> Self {
        Self {
            from: one.min(other),
            until: one.max(other),
        }
    }

    /// First night.
    #[must_use]
    pub const fn from(&self) -> Date {
        self.from
    }

    /// Last night.
    #[must_use]
    pub const fn until(&self) -> Date {
        self.until
    }

    /// Does this night lie inside?
    #[must_use]
    pub fn contains(&self, night: Night) -> bool {
        (self.from..=self.until).contains(&night.date())
    }

    /// Do the two share a night?
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from <= other.until && other.from <= self.until
    }

    /// The shortest span that holds both.
    #[must_use]
    pub fn hull(&self, other: &Self) -> Self {
        Self {
            from: self.from.min(other.from),
            until: self.until.max(other.until),
        }
    }

    /// The shortest way to write it; also the name of its folder.
    #[must_use]
    pub fn label(&self) -> String {
        let (from, until) = (self.from, self.until);
        let (year, month) = (from.year(), from.month());
        let is_whole = from.day() == 1 && until == until.last_of_month() && until.year() == year;
        match (is_whole, month, until.month()) {
            (true, 1, 12) => format!("{year:04}"),
            (true, 1, 6) => format!("{year:04}-H1"),
            (true, 7, 12) => format!("{year:04}-H2"),
            (true, first, last) if first == last => format!("{year:04}-{first:02}"),
            (true, first, last) if first % 3 == 1 && last == first + 2 => {
                format!("{year:04}-Q{}", last / 3)
            }
            _ => format!("{from}_{until}"),
        }
    }
}

text_enum! {
    /// The period that a job counts where the call names none.
    Last {
        /// The month before a date's.
        Month = "last-month",
        /// The quarter before a date's.
        Quarter = "last-quarter",
        /// The half-year before a date's.
        HalfYear = "last-half-year",
        /// The year before a date's.
        Year = "last-year",
    }
}

impl Last {
    /// The last whole one before the date.
    #[must_use]
    pub fn before(self, date: Date) -> Span {
        let n_months: i8 = match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::HalfYear => 6,
            Self::Year => 12,
        };
        // The first day of the date's own period.
        let into = (date.month() - 1) % n_months;
        let own = date
            .first_of_month()
            .saturating_sub(jiff::Span::new().months(into));
        Span {
            from: own.saturating_sub(jiff::Span::new().months(n_months)),
            until: own.saturating_sub(jiff::Span::new().days(1)),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}

/// First month and number of months of `2022`, `03`, `Q1`, `H1`.
fn months(part: Option<&str>) -> Option<(i8, i8)> {
    let Some(part) = part else {
        return Some((1, 12));
    };
    let number = |text: &str, most: i8| {
        let n: i8 = text.parse().ok()?;
        (1..=most).contains(&n).then_some(n)
    };
    if let Some(quarter) = part.strip_prefix('Q') {
        return number(quarter, 4).map(|n| (n * 3 - 2, 3));
    }
    if let Some(half) = part.strip_prefix('H') {
        return number(half, 2).map(|n| (n * 6 - 5, 6));
    }
    (part.len() == 2).then(|| number(part, 12))?.map(|n| (n, 1))
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a period such as 2022-03, 2022-Q1, 2022-H1, 2022 or 2022-01-01..2022-06-15"
            )
        };
        if let Some((from, until)) = text.split_once("..").or_else(|| text.split_once('_')) {
            let from: Night = from.parse().map_err(|_| wrong())?;
            let until: Night = until.parse().map_err(|_| wrong())?;
            if from > until {
                return Err(format!("`{text}` ends before it begins"));
            }
            return Ok(Self::new(from.date(), until.date()));
        }
        let (year, part) = match text.split_once('-') {
            Some((year, part)) => (year, Some(part)),
            None => (text, None),
        };
        let is_year = year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit());
        let year: i16 = year.parse().map_err(|_| wrong())?;
        let (first, n) = months(part)
            .filter(|_| is_year && year > 0)
            .ok_or_else(wrong)?;
        let from = date(year, first, 1);
        Ok(Self {
            from,
            until: date(year, first + n - 1, 1).last_of_month(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_period_lies_before_the_date() {
        let of = |last: Last, on: Date| last.before(on).label();
        for (on, want) in [
            (date(2026, 1, 1), ["2025-12", "2025-Q4", "2025-H2", "2025"]),
            (date(2026, 3, 31), ["2026-02", "2025-Q4", "2025-H2", "2025"]),
            (date(2024, 7, 1), ["2024-06", "2024-Q2", "2024-H1", "2023"]),
            (
                date(2024, 12, 31),
                ["2024-11", "2024-Q3", "2024-H1", "2023"],
            ),
        ] {
            let found = Last::ALL.iter().map(|last| of(*last, on));
            assert_eq!(found.collect::<Vec<_>>(), want, "{on}");
        }
    }

    #[test]
    fn periods_are_read_and_written_back() {
        let cases = [
            ("2022-03", "2022-03-01", "2022-03-31", "2022-03"),
            ("2022-Q1", "2022-01-01", "2022-03-31", "2022-Q1"),
            ("2022-H2", "2022-07-01", "2022-12-31", "2022-H2"),
            ("2024-02", "2024-02-01", "2024-02-29", "2024-02"),
            ("2022", "2022-01-01", "2022-12-31", "2022"),
            (
                "2022-01-01..2022-06-15",
                "2022-01-01",
                "2022-06-15",
                "2022-01-01_2022-06-15",
            ),
            (
                "2022-01-01..2022-06-30",
                "2022-01-01",
                "2022-06-30",
                "2022-H1",
            ),
            (
                "2021-11-01..2022-01-31",
                "2021-11-01",
                "2022-01-31",
                "2021-11-01_2022-01-31",
            ),
        ];
        for (text, from, until, label) in cases {
            let span: Span = text.parse().unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(span.from().to_string(), from);
            assert_eq!(span.until().to_string(), until);
            assert_eq!(span.label(), label);
            assert_eq!(label.parse(), Ok(span));
        }
        for text in [
            "",
            "22",
            "2022-13",
            "2022-Q5",
            "2022-H0",
            "2022-3",
            "2022-06-15..2022-01-01",
            "x",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
