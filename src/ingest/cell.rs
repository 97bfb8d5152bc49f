//! Single cells: what they say, or that they say nothing readable.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::model::night::Micros;
use crate::model::observation::HostnameSource;

/// A cell without the blanks around it.
pub(super) fn trimmed(cell: &[u8]) -> &[u8] {
    cell.trim_ascii()
}

/// A cell as text; a byte that is not UTF-8 becomes the replacement character.
pub(super) fn lossy(cell: &[u8]) -> Cow<'_, str> {
    let cell = trimmed(cell);
    // Checking takes a tenth of the time that looking for what to replace does.
    match std::str::from_utf8(cell) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(cell),
    }
}

/// A time as Shadowserver writes it: `2026-03-01 02:15:00`, UTC without saying so. Also with
/// `T`, a fraction of a second, `Z`, `UTC` or an offset, as other deliveries have it.
pub(super) fn instant(cell: &[u8]) -> Option<Micros> {
    let cell = trimmed(cell);
    let (clock, rest) = cell.split_at_checked(19)?;
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b' ' | b'T' | b't',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = clock
    else {
        return None;
    };
    let year = digits(&[y1, y2, y3, y4])?;
    let (month, day) = (digits(&[m1, m2])?, digits(&[d1, d2])?);
    let (hour, minute) = (digits(&[h1, h2])?, digits(&[n1, n2])?);
    // A leap second is counted as the last second of its minute.
    let second = digits(&[s1, s2]).filter(|s| *s <= 60)?.min(59);
    if hour > 23 || minute > 59 {
        return None;
    }
    let date = jiff::civil::Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    )
    .ok()?;
    let (fraction, zone) = fraction(rest)?;
    let seconds = days_since_1970(date) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((seconds - offset_seconds(zone)?) * 1_000_000 + fraction)
}

/// The beginning of a day that is written as a date alone, in UTC.
pub(super) fn midnight(cell: &[u8]) -> Option<Micros> {
    let text = std::str::from_utf8(trimmed(cell)).ok()?;
    let date: crate::model::night::Night = text.parse().ok()?;
    Some(days_since_1970(date.date()) * 86_400_000_000)
}

/// The number of days from 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms").
pub(super) fn days_since_1970(date: jiff::civil::Date) -> i64 {
    let (month, day) = (i64::from(date.month()), i64::from(date.day()));
    let year = i64::from(date.year()) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Microseconds out of `.123456789`, and what follows; digits beyond the sixth are cut.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = rest.strip_prefix(b".") else {
        return Some((0, rest));
    };
    let n_digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let (fraction, zone) = rest.split_at_checked(n_digits)?;
    if !(1..=9).contains(&n_digits) {
        return None;
    }
    let micros = (0..6).fold(0, |sum, i| {
        sum * 10 + fraction.get(i).map_or(0, |b| i64::from(b - b'0'))
    });
    Some((micros, zone))
}

fn offset_seconds(zone: &[u8]) -> Option<i64> {
    match zone {
        b"" | b"Z" | b"z" | b" UTC" | b"UTC" | b"+00" => Some(0),
        &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | &[sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            let (hours, minutes) = (digits(&[h1, h2])?, digits(&[m1, m2])?);
            let seconds = hours * 3_600 + minutes * 60;
            (hours <= 18 && minutes <= 59).then_some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// A number in plain digits, unless it is greater than an `i64`.
fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0_i64, |sum, b| {
        let digit = b.is_ascii_digit().then(|| i64::from(b - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// A whole number in plain digits; `Err` where there is something else, `Ok(None)` where there
/// is nothing.
pub(super) fn number<T: TryFrom<u64>>(cell: &[u8]) -> Result<Option<T>, ()> {
    let cell = trimmed(cell);
    if cell.is_empty() {
        return Ok(None);
    }
    if cell.len() > 19 {
        return Err(());
    }
    let value = digits(cell).ok_or(())?;
    let value = u64::try_from(value).map_err(|_| ())?;
    T::try_from(value).map(Some).map_err(|_| ())
}

/// An AS number, with or without `AS`; 0 is how the feed says that it does not know.
pub(super) fn asn(cell: &[u8]) -> Result<Option<u32>, ()> {
    let cell = trimmed(cell);
    let plain = match cell {
        [b'A' | b'a', b'S' | b's', plain @ ..] => plain,
        plain => plain,
    };
    number::<u32>(plain).map(|asn| asn.filter(|n| *n != 0))
}

/// Adds the CVE identifiers that stand in a text, in any of the forms `CVE-2021-26855`,
/// `cve_2021_26855` and `cve202126855`.
pub(super) fn add_cves(text: &str, into: &mut Vec<String>) {
    let bytes = text.as_bytes();
    // Most tags hold none, and are done with here.
    if !bytes.iter().any(|b| b.eq_ignore_ascii_case(&b'v')) {
        return;
    }
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        let Some(found) = rest.windows(3).position(|w| w.eq_ignore_ascii_case(b"cve")) else {
            return;
        };
        let begin = at + found;
        let is_word = begin == 0
            || bytes
                .get(begin - 1)
                .is_none_or(|b| !b.is_ascii_alphanumeric());
        at = begin + 3;
        if !is_word {
            continue;
        }
        if let Some(cve) = bytes.get(at..).and_then(cve_after_mark) {
            into.push(cve);
        }
    }
}

/// `-2021-26855`, `_2021_26855` or `202126855`, read as year and sequence number. The number
/// has four digits or more (CVE JSON schema 5: up to 19).
fn cve_after_mark(rest: &[u8]) -> Option<String> {
    let separator = |rest: &[u8]| matches!(rest.first(), Some(b'-' | b'_'));
    let rest = if separator(rest) {
        rest.get(1..)?
    } else {
        rest
    };
    let (year, rest) = rest.split_at_checked(4)?;
    let year = digits(year).filter(|y| (1999..=2099).contains(y))?;
    let rest = if separator(rest) {
        rest.get(1..)?
    } else {
        rest
    };
    let n_digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let ends = rest
        .get(n_digits)
        .is_none_or(|b| !b.is_ascii_alphanumeric());
    if !(4..=19).contains(&n_digits) || !ends {
        return None;
    }
    let number = String::from_utf8_lossy(rest.get(..n_digits)?);
    Some(format!("CVE-{year}-{number}"))
}

/// Is this how a feed says yes?
pub(super) fn is_yes(cell: &[u8]) -> bool {
    let cell = trimmed(cell);
    [&b"y"[..], b"yes", b"true", b"1", b"t"]
        .iter()
        .any(|yes| cell.eq_ignore_ascii_case(yes))
}

/// The host of an address bar's text: `https://www.voorbeeld.example:8443/a` gives
/// `www.voorbeeld.example`. Blank where there is none.
pub(super) fn host_of(text: &str) -> &str {
    // All marks that are looked for below, and `;<=>`: few tests for the many names without any.
    let may_be_mark = |b: u8| (b.wrapping_sub(b':') <= b'@' - b':') | (b == b'/') | (b == b'#');
    if !text.bytes().fold(false, |has, b| has | may_be_mark(b)) {
        return text;
    }
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split(['/', '?', '#']).next().unwrap_or_default();
    let text = text.rsplit('@').next().unwrap_or_default();
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => {
            host
        }
        _ => text,
    }
}

/// Where the feed says that a host name comes from. Words that it may use later are unknown,
/// and the word itself is kept in `extra`.
pub(super) fn hostname_source(cell: &[u8]) -> Option<HostnameSource> {
    let word = trimmed(cell).to_ascii_lowercase();
    match word.as_slice() {
        b"ptr" | b"rdns" | b"reverse" | b"reverse_dns" => Some(HostnameSource::Ptr),
        b"forward" | b"forward_dns" | b"fdns" | b"dns" | b"a" | b"aaaa" => {
            Some(HostnameSource::ForwardDns)
        }
        b"cert" | b"certificate" | b"ssl" | b"tls" | b"x509" | b"san" | b"cn" => {
            Some(HostnameSource::Certificate)
        }
        b"target" | b"scan_target" | b"sni" | b"vhost" | b"http_host" => {
            Some(HostnameSource::ScanTarget)
        }
        _ => None,
    }
}

/// Product and version out of `Microsoft-IIS/7.5`, `OpenSSH_8.2p1` or `nginx`.
pub(super) fn product_and_version(text: &str) -> (&str, Option<&str>) {
    let mark = text.char_indices().find(|&(at, c)| {
        let follows_digit = || text.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
        c == '/' || (c == '_' && follows_digit())
    });
    let Some((at, _)) = mark else {
        return (text, None);
    };
    let product = text.get(..at).unwrap_or_default();
    let version = text
        .get(at + 1..)
        .and_then(|rest| rest.split_ascii_whitespace().next());
    (product, version)
}

/// Is there no sign that a JSON string writes in another way?
pub(super) fn is_plain(text: &[u8]) -> bool {
    // No early end: many bytes are looked at at once.
    let is_special = |b: u8| (b < 0x20) | (b == b'"') | (b == b'\\') | (b == 0x7f);
    !text.iter().fold(false, |has, b| has | is_special(*b))
}

/// Adds a JSON string (RFC 8259).
pub(super) fn push_json(value: &str, into: &mut String) {
    into.push('"');
    if is_plain(value.as_bytes()) {
        into.push_str(value);
    } else {
        for c in value.chars() {
            match c {
                '"' => into.push_str("\\\""),
                '\\' => into.push_str("\\\\"),
                '\n' => into.push_str("\\n"),
                '\r' => into.push_str("\\r"),
                '\t' => into.push_str("\\t"),
                c if c.is_control() => {
                    // Writing to a string cannot fail.
                    let _ = write!(into, "\\u{:04x}", u32::from(c));
                }
                c => into.push(c),
            }
        }
    }
    into.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_unless_they_say_otherwise() {
        let base = 1_620_951_090_000_000; // 2021-05-14T00:11:30Z
        let cases: &[(&str, Option<i64>)] = &[
            ("2021-05-14 00:11:30", Some(base)),
            (" 2021-05-14T00:11:30Z ", Some(base)),
            ("2021-05-14 00:11:30 UTC", Some(base)),
            ("2021-05-14 00:11:30.25", Some(base + 250_000)),
            ("2021-05-14 02:11:30+02:00", Some(base)),
            ("2021-05-13 19:11:30-0500", Some(base)),
            ("1969-12-31 23:59:59", Some(-1_000_000)),
            ("2016-12-31 23:59:60", Some(1_483_228_799_000_000)),
            ("2021-02-29 00:00:00", None),
            ("2021-05-14 24:00:00", None),
            ("2021-05-14", None),
            ("14-05-2021 00:11:30", None),
            ("2021-05-14 00:11:30 CEST", None),
            ("2021-05-14 00:11:30.", None),
            ("", None),
        ];
        for (text, want) in cases {
            assert_eq!(instant(text.as_bytes()), *want, "{text}");
        }
    }

    #[test]
    fn days_agree_with_the_calendar_of_another_library() {
        for days in (-800_000..800_000).step_by(97) {
            let date = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(days);
            assert_eq!(days_since_1970(date), days, "{date}");
        }
    }

    #[test]
    fn cves_are_found_in_every_form_and_nowhere_else() {
        let cases: &[(&str, &[&str])] = &[
            ("exchange;cve-2021-26855", &["CVE-2021-26855"]),
            (
                "CVE_2021_44228,cve-2021-45046",
                &["CVE-2021-44228", "CVE-2021-45046"],
            ),
            ("cve20190708", &["CVE-2019-0708"]),
            ("cve202126855;x", &["CVE-2021-26855"]),
            ("cve-2021-123", &[]),
            ("cve-1066-1234", &[]),
            ("scve-2021-26855", &[]),
            ("cve-2021-26855b", &[]),
            ("cve", &[]),
            ("cvecve-2021-1234", &[]),
        ];
        for (text, want) in cases {
            let mut found = Vec::new();
            add_cves(text, &mut found);
            assert_eq!(found, *want, "{text}");
        }
    }

    #[test]
    fn numbers_are_whole_and_in_range() {
        assert_eq!(number::<u16>(b" 443 "), Ok(Some(443)));
        assert_eq!(number::<u16>(b""), Ok(None));
        for bad in [
            "65536",
            "-1",
            "+1",
            "1.0",
            "0x50",
            "٤",
            "99999999999999999999",
        ] {
            assert_eq!(number::<u16>(bad.as_bytes()), Err(()), "{bad}");
        }
        for n_nines in 18..=20 {
            let nines = "9".repeat(n_nines);
            let want = nines.parse::<u64>().ok().filter(|n| *n < 1 << 63);
            assert_eq!(number::<u64>(nines.as_bytes()), want.map(Some).ok_or(()));
            assert_eq!(number::<u16>(nines.as_bytes()), Err(()), "{nines}");
            assert_eq!(asn(format!("AS{nines}").as_bytes()), Err(()), "{nines}");
        }
        assert_eq!(
            number::<u64>(b"9223372036854775807"),
            Ok(Some((1 << 63) - 1))
        );
        assert_eq!(number::<u64>(b"9223372036854775808"), Err(()));
        assert_eq!(number::<u16>(b"0000000000000000443"), Ok(Some(443)));
        assert_eq!(asn(b"AS64496"), Ok(Some(64496)));
        assert_eq!(asn(b"0"), Ok(None));
        assert_eq!(asn(b"4294967296"), Err(()));
    }

    #[test]
    fn hosts_are_taken_out_of_addresses() {
        for text in [
            "www.voorbeeld.example",
            "https://www.voorbeeld.example:8443/a?b@c",
            "http://x@www.voorbeeld.example/",
            "www.voorbeeld.example:80",
        ] {
            assert_eq!(host_of(text), "www.voorbeeld.example", "{text}");
        }
        assert_eq!(host_of("2001:db8::1"), "2001:db8::1");
    }

    #[test]
    fn products_lose_their_version() {
        let cases = [
            ("Microsoft-IIS/7.5", ("Microsoft-IIS", Some("7.5"))),
            ("Apache/2.4.6 (CentOS)", ("Apache", Some("2.4.6"))),
            ("OpenSSH_8.2p1", ("OpenSSH", Some("8.2p1"))),
            ("mini_httpd/1.30", ("mini_httpd", Some("1.30"))),
            ("nginx", ("nginx", None)),
            ("é/", ("é", None)),
        ];
        for (text, want) in cases {
            assert_eq!(product_and_version(text), want, "{text}");
        }
    }

    #[test]
    fn json_strings_survive_the_round_trip() {
        for text in ["", "plain", "a\"b\\c\n\r\t\u{0}\u{7f}\u{85}é\u{2028}😀"] {
            let mut json = String::new();
            push_json(text, &mut json);
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
