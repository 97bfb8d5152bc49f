//! From when until when a registration counts.

use arrow::array::{Array, Date32Array, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::text_columns::date_of;
use crate::model::night::{Micros, local_midnight};

/// The bound in a column that holds dates, instants or text; `None` where it is null or blank.
///
/// A bare date is its first moment in `zone`; an instant without a zone is refused in text,
/// since a person wrote it and nobody knows which zone was meant.
///
/// # Errors
/// The value as found, where it is no date, no instant, or outside the calendar.
pub(super) fn bound(
    batch: &RecordBatch,
    column: &str,
    row: usize,
    zone: &TimeZone,
) -> Result<Option<Micros>, String> {
    let Some(array) = batch.column_by_name(column).filter(|a| a.is_valid(row)) else {
        return Ok(None);
    };
    let any = array.as_any();
    if let Some(moments) = any.downcast_ref::<TimestampMicrosecondArray>() {
        return Ok(Some(moments.value(row)));
    }
    if let Some(dates) = any.downcast_ref::<Date32Array>() {
        let days = dates.value(row);
        let moment = date_of(days).and_then(|date| local_midnight(date, zone).ok());
        return moment.map(Some).ok_or_else(|| days.to_string());
    }
    match any
        .downcast_ref::<StringArray>()
        .map(|texts| texts.value(row).trim())
    {
        None | Some("") => Ok(None),
        Some(text) => from_text(text, zone)
            .map(Some)
            .ok_or_else(|| text.to_owned()),
    }
}

/// `2026-03-01`, `2026-03-01T00:00:00Z` or with an offset such as `+01:00`; nothing else.
pub(super) fn from_text(text: &str, zone: &TimeZone) -> Option<Micros> {
    let is_plain = text.is_ascii() && !text.contains('[');
    if !is_plain || text.get(4..5)? != "-" {
        return None;
    }
    if text.len() == 10 {
        return local_midnight(text.parse::<Date>().ok()?, zone).ok();
    }
    // A civil time would parse as an instant too if its zone were guessed.
    let has_zone = text.ends_with(['Z', 'z']) || text.get(19..)?.contains(['+', '-']);
    let is_date_time = text.get(..19)?.parse::<DateTime>().is_ok();
    let moment = text.parse::<jiff::Timestamp>().ok()?;
    (has_zone && is_date_time).then(|| moment.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_dates_or_instants_and_nothing_else() {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        let utc = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        let table = [
            ("2026-03-08", Some(utc("2026-03-07T23:00:00Z"))),
            ("2026-07-01", Some(utc("2026-06-30T22:00:00Z"))),
            ("2026-03-01T00:00:00Z", Some(utc("2026-03-01T00:00:00Z"))),
            (
                "2026-03-01T00:00:00+01:00",
                Some(utc("2026-02-28T23:00:00Z")),
            ),
            (
                "2026-03-01T00:00:00.25Z",
                Some(utc("2026-03-01T00:00:00.25Z")),
            ),
            ("2026-03-01T00:00:00", None),
            ("2026-02-30", None),
            ("2026-2-3", None),
            ("20260301", None),
            ("01-03-2026", None),
            ("2026-03-01T00:00:00+01:00[Europe/Amsterdam]", None),
            ("morgen", None),
            ("46082", None),
        ];
        for (text, want) in table {
            assert_eq!(from_text(text, &zone), want, "{text}");
        }
    }
}
