//! The local date of a moment, for millions of moments.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::encoder::day_number;
use crate::model::mixed::Fast;
use crate::model::night::{Micros, Night};

const SECOND_US: i64 = 1_000_000;
const DAY_S: i64 = 86_400;

/// Days of UTC, from 1970 on, whose offset is kept in a row: until 2100.
const IN_A_ROW: usize = 47_500;

/// What a day of UTC is in the zone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offset {
    Unknown,
    /// The same the whole day: seconds.
    Whole(i32),
    /// Clocks change on this day.
    Changes,
}

/// Local dates by the offset of the day.
pub(super) struct LocalDays {
    zone: TimeZone,
    row: Vec<Offset>,
    others: HashMap<i64, Offset, Fast>,
}

impl LocalDays {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            row: vec![Offset::Unknown; IN_A_ROW],
            others: HashMap::default(),
        }
    }

    /// Days from 1970-01-01 to the local date of the moment; `at_most` where it lies later, or
    /// outside of the calendar.
    pub(super) fn of(&mut self, at: Micros, at_most: i32) -> i32 {
        let seconds = at.div_euclid(SECOND_US);
        let day = match self.offset(seconds.div_euclid(DAY_S)) {
            Offset::Whole(offset) => {
                let local = seconds.saturating_add(i64::from(offset));
                i32::try_from(local.div_euclid(DAY_S)).unwrap_or(at_most)
            }
            Offset::Unknown | Offset::Changes => Timestamp::from_microsecond(at)
                .map_or(at_most, |t| {
                    day_number(Night::new(self.zone.to_datetime(t).date()))
                }),
        };
        day.min(at_most)
    }

    fn offset(&mut self, utc_day: i64) -> Offset {
        let in_row = usize::try_from(utc_day).ok().filter(|day| *day < IN_A_ROW);
        let known = match in_row {
            Some(day) => self.row.get(day).copied(),
            None => self.others.get(&utc_day).copied(),
        };
        if let Some(known) = known.filter(|k| *k != Offset::Unknown) {
            return known;
        }
        let offset = self.look_up(utc_day).unwrap_or(Offset::Changes);
        match in_row.and_then(|day| self.row.get_mut(day)) {
            Some(slot) => *slot = offset,
            None => {
                self.others.insert(utc_day, offset);
            }
        }
        offset
    }

    fn look_up(&self, utc_day: i64) -> Option<Offset> {
        let first = Timestamp::from_second(utc_day.checked_mul(DAY_S)?).ok()?;
        let next = Timestamp::from_second((utc_day + 1).checked_mul(DAY_S)?).ok()?;
        let change = self.zone.following(first).next();
        let changes = change.is_some_and(|c| c.timestamp() < next);
        Some(if changes {
            Offset::Changes
        } else {
            Offset::Whole(self.zone.to_offset(first).seconds())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar_also_where_clocks_change() {
        // Sydney and the Azores change at other hours; Samoa left out a day; Lord Howe moves by half an hour.
        let zones = [
            "Europe/Amsterdam",
            "Atlantic/Azores",
            "Pacific/Apia",
            "Australia/Lord_Howe",
            "UTC",
        ];
        for zone in zones {
            let zone = TimeZone::get(zone).unwrap();
            let mut days = LocalDays::new(zone.clone());
            let mut n = 11u64;
            for _ in 0..20_000 {
                n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (n >> 11) as i64 % 4_000_000_000_000_000 - 200_000_000_000_000;
                let date = zone
                    .to_datetime(Timestamp::from_microsecond(at).unwrap())
                    .date();
                let want = day_number(Night::new(date));
                assert_eq!(days.of(at, i32::MAX), want, "{at}");
                assert_eq!(days.of(at, want - 3), want - 3);
            }
            assert_eq!(days.of(i64::MAX, 7), 7);
        }
    }
}
