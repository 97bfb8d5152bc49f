//! Version texts of products: ordered by a named scheme, or unreadable.

use std::cmp::Ordering;

use crate::model::threat::{VersionRange, VersionScheme};

/// Is `version` inside the range? `None` where the version or a bound cannot be read by the scheme.
///
/// Sources: Semantic Versioning 2.0.0, section 11; Debian Policy Manual, section 5.6.12;
/// Microsoft's list of Exchange build numbers (four numbers; the long form has leading zeros,
/// `15.01.2507.006`).
#[must_use]
pub fn is_in(range: &VersionRange, version: &str) -> Option<bool> {
    let version = version.trim();
    let after_from = match &range.from {
        Some(from) => compare(range.scheme, version, from)?.is_ge(),
        None => true,
    };
    let before_end = match &range.below {
        Some(below) => compare(range.scheme, version, below)?.is_lt(),
        None => true,
    };
    Some(after_from && before_end)
}

fn compare(scheme: VersionScheme, a: &str, b: &str) -> Option<Ordering> {
    match scheme {
        VersionScheme::Dotted => Some(compare_numbers(&numbers(a)?, &numbers(b)?)),
        VersionScheme::ExchangeBuild => Some(compare_numbers(&build(a)?, &build(b)?)),
        VersionScheme::Semver => compare_semver(a, b),
        VersionScheme::Debian => compare_debian(a, b),
    }
}

/// Numbers between dots; a leading `v` is dropped.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    text.split('.')
        .map(|part| {
            let is_digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            is_digits.then(|| part.parse().ok()).flatten()
        })
        .collect()
}

/// An Exchange build has two to four numbers, the first of them 8 or more.
fn build(text: &str) -> Option<Vec<u64>> {
    let numbers = numbers(text)?;
    let is_build = (2..=4).contains(&numbers.len()) && numbers.first().is_some_and(|n| *n >= 8);
    is_build.then_some(numbers)
}

/// Missing numbers count as zero: `1.2` equals `1.2.0`.
fn compare_numbers(a: &[u64], b: &[u64]) -> Ordering {
    let length = a.len().max(b.len());
    let at = |v: &[u64], i: usize| v.get(i).copied().unwrap_or(0);
    (0..length)
        .map(|i| at(a, i).cmp(&at(b, i)))
        .find(|o| o.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn compare_semver(a: &str, b: &str) -> Option<Ordering> {
    let split = |text: &str| -> Option<(Vec<u64>, Option<String>)> {
        let text = text.split('+').next()?;
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, Some(pre.to_owned())),
            None => (text, None),
        };
        let core = numbers(core)?;
        (core.len() == 3).then_some((core, pre))
    };
    let ((core_a, pre_a), (core_b, pre_b)) = (split(a)?, split(b)?);
    let order = compare_numbers(&core_a, &core_b);
    if order.is_ne() {
        return Some(order);
    }
    Some(match (pre_a, pre_b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => compare_prerelease(&a, &b),
    })
}

fn compare_prerelease(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => match (x.parse::<u64>(), y.parse::<u64>()) {
                (Ok(x), Ok(y)) => x.cmp(&y),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => x.cmp(y),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn compare_debian(a: &str, b: &str) -> Option<Ordering> {
    let split = |text: &str| -> Option<(u64, String, String)> {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().ok()?, rest),
            None => (0, text),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
        let is_plain = |t: &str| {
            t.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'~' | b'-'))
        };
        let starts_well = upstream.bytes().next().is_some_and(|b| b.is_ascii_digit());
        (starts_well && is_plain(upstream) && is_plain(revision))
            .then(|| (epoch, upstream.to_owned(), revision.to_owned()))
    };
    let ((epoch_a, up_a, rev_a), (epoch_b, up_b, rev_b)) = (split(a)?, split(b)?);
    Some(
        epoch_a
            .cmp(&epoch_b)
            .then_with(|| compare_debian_part(&up_a, &up_b))
            .then_with(|| compare_debian_part(&rev_a, &rev_b)),
    )
}

/// Turns of non-digits and digits; `~` sorts before the end, letters before other signs.
fn compare_debian_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = split_at_first(a, |c| c.is_ascii_digit());
        let (text_b, rest_b) = split_at_first(b, |c| c.is_ascii_digit());
        let order = compare_debian_text(text_a, text_b);
        if order.is_ne() {
            return order;
        }
        let (number_a, next_a) = split_at_first(rest_a, |c| !c.is_ascii_digit());
        let (number_b, next_b) = split_at_first(rest_b, |c| !c.is_ascii_digit());
        let order = compare_digits(number_a, number_b);
        if order.is_ne() {
            return order;
        }
        (a, b) = (next_a, next_b);
    }
    Ordering::Equal
}

fn split_at_first(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

fn compare_debian_text(a: &str, b: &str) -> Ordering {
    let weight = |c: Option<char>| match c {
        Some('~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i64::from(u32::from(c)),
        Some(c) => i64::from(u32::from(c)) + 256,
    };
    let (mut left, mut right) = (a.chars(), b.chars());
    loop {
        let (x, y) = (left.next(), right.next());
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        let order = weight(x).cmp(&weight(y));
        if order.is_ne() {
            return order;
        }
    }
}

/// Digits of any length, without the risk of an overflow.
fn compare_digits(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_their_scheme() {
        use VersionScheme::{Debian, Dotted, ExchangeBuild, Semver};
        let table = [
            (Dotted, "10.0.2", "10.0.10", Some(Ordering::Less)),
            (Dotted, "1.2", "1.2.0", Some(Ordering::Equal)),
            (Dotted, "1.2b", "1.2", None),
            (Dotted, "", "1", None),
            (
                ExchangeBuild,
                "15.01.2507.006",
                "15.1.2507.6",
                Some(Ordering::Equal),
            ),
            (
                ExchangeBuild,
                "15.2.1118.7",
                "15.2.1118.12",
                Some(Ordering::Less),
            ),
            (ExchangeBuild, "Exchange 2019", "15.2.1", None),
            (
                Semver,
                "1.0.0-alpha.1",
                "1.0.0-alpha.beta",
                Some(Ordering::Less),
            ),
            (Semver, "1.0.0-rc.1", "1.0.0", Some(Ordering::Less)),
            (Semver, "1.0", "1.0.0", None),
            (Debian, "1:1.0-1", "2.0-1", Some(Ordering::Greater)),
            (Debian, "1.0~rc1-1", "1.0-1", Some(Ordering::Less)),
            (
                Debian,
                "1.0-1+deb12u2",
                "1.0-1+deb12u10",
                Some(Ordering::Less),
            ),
            (Debian, "x", "1", None),
        ];
        for (scheme, a, b, want) in table {
            assert_eq!(compare(scheme, a, b), want, "{scheme}: {a} against {b}");
        }
    }
}
