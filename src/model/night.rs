//! The night: the date that everything else hangs on.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The calendar date, in the job's time zone, on which the job is due.
///
/// - Always a real calendar date.
/// - Written `YYYY-MM-DD` everywhere: arguments, paths, tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Night(Date);

impl Night {
    /// The night of this date.
    #[must_use]
    pub const fn new(date: Date) -> Self {
        Self(date)
    }

    /// Its calendar date.
    #[must_use]
    pub const fn date(self) -> Date {
        self.0
    }

    /// Calendar days from `earlier` to this night; negative where it lies later.
    #[must_use]
    pub fn days_since(self, earlier: Date) -> i32 {
        earlier
            .until(self.0)
            .map(|span| span.get_days())
            .unwrap_or(0)
    }

    /// The date as `YYMMDD`, as it stands in a letter's reference.
    #[must_use]
    pub fn yymmdd(self) -> String {
        format!(
            "{:02}{:02}{:02}",
            self.0.year().rem_euclid(100),
            self.0.month(),
            self.0.day()
        )
    }
}

impl fmt::Display for Night {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Night {
    type Err = String;

    /// Reads `YYYY-MM-DD` and nothing else.
    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        match text.parse::<Date>() {
            Ok(date) if plain => Ok(Self(date)),
            _ => Err(format!("`{text}` is not a date such as `2026-03-01`")),
        }
    }
}

/// A moment in UTC, in whole microseconds since 1970. What Parquet and the ledger hold.
pub type Micros = i64;

/// The first moment of `date` in `zone`, in UTC microseconds. A bare date means this moment
/// (DECISIONS, section 1); where midnight does not exist it is the first moment after the gap.
///
/// # Errors
/// A date at the very edge of the calendar (years -9999 and 9999).
pub fn local_midnight(date: Date, zone: &TimeZone) -> Result<Micros, jiff::Error> {
    Ok(date
        .to_zoned_datetime(zone.clone())?
        .timestamp()
        .as_microsecond())
}

/// The calendar date of a moment in `zone`; `None` outside the calendar.
#[must_use]
pub fn local_date(at: Micros, zone: &TimeZone) -> Option<Date> {
    let moment = jiff::Timestamp::from_microsecond(at).ok()?;
    Some(moment.to_zoned_datetime(zone.clone()).date())
}

/// A half-open span of time: `from` is inside, `until` is not; a missing end is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Validity {
    /// First moment inside.
    pub from: Option<Micros>,
    /// First moment after.
    pub until: Option<Micros>,
}

impl Validity {
    /// Is this moment inside?
    #[must_use]
    pub fn contains(&self, at: Micros) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}
