//! Times as security.txt writes them.

use jiff::Span;
use jiff::civil::DateTime;

use crate::model::night::Micros;

/// How a time lies to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// No time in the form of RFC 3339 with a zone.
    Unreadable,
    /// Before now.
    Past,
    /// From now up to the same moment next year.
    WithinAYear,
    /// Later than that.
    Later,
}

/// A moment as its civil time in UTC: the year 9999 has to fit to its end.
pub(super) struct IsoTime;

impl IsoTime {
    /// Reads `2026-12-31T23:59:59Z`, with a fraction, a blank for the `T` or an offset if any, and
    /// compares it with `now`.
    pub(super) fn judge(text: &str, now: Micros) -> Judged {
        let (Some(moment), Some((now, limit))) = (micros(text), bounds(now)) else {
            return Judged::Unreadable;
        };
        if moment > limit {
            Judged::Later
        } else if moment < now {
            Judged::Past
        } else {
            Judged::WithinAYear
        }
    }
}

/// Now, and the same moment a year later (29 February becomes the 28th).
fn bounds(now: Micros) -> Option<(i128, i128)> {
    let civil = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::from_microsecond(now).ok()?);
    let limit = civil.checked_add(Span::new().try_years(1).ok()?).ok()?;
    Some((since_epoch(civil), since_epoch(limit)))
}

fn since_epoch(civil: DateTime) -> i128 {
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    civil.duration_since(epoch).as_micros()
}

fn micros(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    let shape = b"9999-99-99T99:99:99";
    let fits = bytes.len() > shape.len()
        && shape.iter().zip(bytes).all(|(want, found)| match want {
            b'9' => found.is_ascii_digit(),
            b'T' => matches!(found, b'T' | b't' | b' '),
            want => want == found,
        });
    if !fits {
        return None;
    }
    let mut rest = text.get(shape.len()..)?;
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix('.') {
        let n_digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let digits: String = after.get(..n_digits)?.chars().take(6).collect();
        fraction = format!("{digits:0<6}").parse::<i128>().ok()?;
        if n_digits == 0 {
            return None;
        }
        rest = after.get(n_digits..)?;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let small = |from, to| i8::try_from(number(from, to)?).ok();
    let civil = DateTime::new(
        number(0, 4)?,
        small(5, 7)?,
        small(8, 10)?,
        small(11, 13)?,
        small(14, 16)?,
        small(17, 19)?,
        0,
    )
    .ok()?;
    Some(since_epoch(civil) + fraction - offset_secs(rest)? * 1_000_000)
}

/// `Z`, `+01:00` or `-01:00`.
fn offset_secs(text: &str) -> Option<i128> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two = |t: &str| {
        (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit()))
            .then(|| t.parse::<i128>().ok())
            .flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_lie_before_now_within_a_year_or_later() {
        let now = "2028-02-29T12:00:00Z"
            .parse::<jiff::Timestamp>()
            .unwrap()
            .as_microsecond();
        let table = [
            ("2028-02-29T12:00:00Z", Judged::WithinAYear),
            ("2028-02-29T11:59:59.999999z", Judged::Past),
            ("2028-02-29T12:30:00+01:00", Judged::Past),
            ("2028-02-29t11:30:00-01:00", Judged::WithinAYear),
            ("2029-02-28 12:00:00Z", Judged::WithinAYear),
            ("2029-02-28T12:00:00.1Z", Judged::Later),
            ("9999-12-31T23:59:59Z", Judged::Later),
            ("2029-02-29T12:00:00Z", Judged::Unreadable),
            ("2029-01-01T24:00:00Z", Judged::Unreadable),
            ("2029-01-01T00:00:60Z", Judged::Unreadable),
            ("2029-01-01T00:00:00", Judged::Unreadable),
            ("2029-01-01T00:00:00.Z", Judged::Unreadable),
            ("2029-01-01T00:00:00+0100", Judged::Unreadable),
            ("2029-01-01", Judged::Unreadable),
            ("31-12-2028 23:59", Judged::Unreadable),
            ("2029-01-01T00:00:00Z ", Judged::Unreadable),
            ("２029-01-01T00:00:00Z", Judged::Unreadable),
        ];
        for (text, want) in table {
            assert_eq!(IsoTime::judge(text, now), want, "{text}");
        }
    }
}
