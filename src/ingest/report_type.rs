//! The report types of the feed: 170 of them, by the schema that Shadowserver publishes
//! (<https://github.com/The-Shadowserver-Foundation/report_schema>, March 2026).

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use jiff::civil::Date;

use super::{Format, Source};
use crate::diag::Failure;
use crate::model::company::text_enum;
use crate::model::observation::Severity;

text_enum! {
    /// Whom a row of a report is about, and by which columns that one is found.
    Subject {
        /// The scanned address: `ip`, `port`, `hostname`. The name is reverse DNS unless the
        /// row says otherwise.
        Address = "address",
        /// The address that an event came from: `src_ip`, `src_port`. An infected or abused
        /// machine, seen by a sinkhole or a honeypot.
        Source = "source",
        /// The address that an attack went to: `dst_ip`, `dst_port`.
        Destination = "destination",
        /// The website whose visitor was sent on to a sinkhole: `http_referer_ip`.
        Referer = "referer",
        /// A website at an address: `http_host` or `hostname` is the name that was asked for.
        Site = "site",
        /// A name without address.
        Name = "name",
        /// A mail address.
        Account = "account",
    }
}

/// One report type, with the facts that hold for all of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportType {
    /// Name, such as `scan_rdp`.
    pub name: String,
    /// RSIT class.
    pub taxonomy: String,
    /// RSIT type.
    pub kind: String,
    /// Severity of a row that states none.
    pub severity: Option<Severity>,
    /// Transport protocol of a row that states none; empty where it may be either.
    pub transport: String,
    /// Whom its rows are about.
    pub subject: Subject,
}

static REPORTS: LazyLock<BTreeMap<String, ReportType>> = LazyLock::new(|| {
    include_str!("reports.csv")
        .lines()
        .skip(1)
        .filter_map(parse_line)
        .map(|report| (report.name.clone(), report))
        .collect()
});

/// Names under which a report was delivered before it was renamed, from the published
/// examples of file names.
const OLD_NAMES: &[(&str, &str)] = &[("dns_openresolver", "scan_dns")];

/// Length of `2026-03-01`.
const DATE_LEN: usize = 10;

fn parse_line(line: &str) -> Option<ReportType> {
    let mut cells = line.split(',');
    let mut next = || cells.next();
    Some(ReportType {
        name: next()?.to_owned(),
        taxonomy: next()?.to_owned(),
        kind: next()?.to_owned(),
        severity: Severity::from_str(next()?).ok(),
        transport: next()?.to_owned(),
        subject: Subject::from_str(next()?).ok()?,
    })
}

/// Every report type, by name.
pub fn report_types() -> impl Iterator<Item = &'static ReportType> {
    REPORTS.values()
}

/// The report type of this name, old names included.
#[must_use]
pub fn report_type(name: &str) -> Option<&'static ReportType> {
    let now = OLD_NAMES
        .iter()
        .find_map(|(old, now)| (*old == name).then_some(*now))
        .unwrap_or(name);
    REPORTS.get(now)
}

/// Which report a file is, and of which day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// The report.
    pub kind: Arc<ReportType>,
    /// Date of the snapshot.
    pub snapshot_date: Date,
    /// Format of the file.
    pub format: Format,
    /// By what the format was known.
    pub known_by: &'static str,
}

/// Says which report a source is. `head` are its first bytes, unpacked.
///
/// # Errors
/// `FixJob` where type or date are not known, `FixData` where the format is not; each with the
/// next step.
pub(super) fn of_source(source: &Source<'_>, head: &[u8]) -> Result<Identified, Failure> {
    let (date, name) = name_parts(source.name);
    let published = source.report.or(name).and_then(report_type);
    let (format, known_by) = match (source.format, published) {
        (Some(format), _) => (format, "`--format`"),
        (None, Some(_)) => (Format::Shadowserver, "the name of a published report"),
        (None, None) => Format::of_content(head, source.name)?,
    };
    let example = match format {
        Format::Shadowserver => "scan_rdp",
        Format::Accounts => "leaked_credentials",
        _ => "partner_list",
    };
    let wanted = source.report.or(name).ok_or_else(|| {
        Failure::fix_job(format!("the file name does not say which report it is; expected a name such as `2026-03-01-{example}-name.csv`"))
            .at(source.name, "")
            .hint(format!("pass `--report {example}`"))
    })?;
    let kind = match format {
        Format::Shadowserver => Arc::new(
            published
                .ok_or_else(|| unknown(wanted, source.name))?
                .clone(),
        ),
        _ => Arc::new(of_our_own(format, wanted, source.name)?),
    };
    let snapshot_date = match (source.snapshot_date, date) {
        (Some(date), _) | (None, Ok(date)) => date,
        (None, Err(found)) => return Err(no_day(found, example, source.name)),
    };
    Ok(Identified {
        kind,
        snapshot_date,
        format,
        known_by,
    })
}

/// `found` is what stands where the name of a file has its day; `None` where nothing looks like one.
fn no_day(found: Option<&str>, example: &str, source: &str) -> Failure {
    let found = found.map_or_else(
        || "the file name does not say which day it is of".to_owned(),
        |text| format!("the file name begins with `{text}`, which is no day of the calendar"),
    );
    Failure::fix_job(format!(
        "{found}; expected a name such as `2026-03-01-{example}-name.csv`"
    ))
    .at(source, "")
    .hint("pass `--date 2026-03-01`")
}

/// A report that nobody publishes: named by the user, with what its format says of all rows.
fn of_our_own(format: Format, name: &str, source: &str) -> Result<ReportType, Failure> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || name.len() > 60 || !name.bytes().all(is_plain) {
        return Err(Failure::fix_job(format!(
            "`{}` cannot be the name of a report; expected a-z, 0-9 and `_`, 60 signs at most",
            crate::diag::mask(name)
        ))
        .at(source, "report")
        .hint("pass `--report` with a name, such as `partner_list`"));
    }
    let is_leak = format == Format::Accounts;
    let leak = |text: &str| {
        if is_leak {
            text.to_owned()
        } else {
            String::new()
        }
    };
    Ok(ReportType {
        name: name.to_owned(),
        taxonomy: leak("information-content-security"),
        kind: leak("data-leak"),
        severity: is_leak.then_some(Severity::Critical),
        transport: String::new(),
        subject: if is_leak {
            Subject::Account
        } else {
            Subject::Address
        },
    })
}

/// Refuses a zip entry whose name says that it is another report.
pub(super) fn check_part(
    entry: Option<&str>,
    kind: &ReportType,
    source: &str,
) -> Result<(), Failure> {
    let Some((_, Some(name))) = entry.map(name_parts) else {
        return Ok(());
    };
    match report_type(name) {
        Some(other) if other.name != kind.name && report_type(&kind.name).is_some() => {
            Err(Failure::fix_data(format!(
                "the zip holds a file of report `{}`; expected `{}` alone",
                other.name, kind.name
            ))
            .at(source, "")
            .hint("unpack it and give one report at a time"))
        }
        _ => Ok(()),
    }
}

/// Date and report type that stand in a file name: `2026-03-01-scan_rdp[-anything].csv[.gz]`,
/// or the bare name of a known report. In the place of the date, what looks like one and is none.
fn name_parts(path: &str) -> (Result<Date, Option<&str>>, Option<&str>) {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let stem = file.split('.').next().unwrap_or(file);
    let dated = stem.split_at_checked(DATE_LEN).and_then(|(date, rest)| {
        let rest = rest.strip_prefix('-')?;
        match date.parse() {
            Ok(date) => Some((Ok(date), rest)),
            Err(_) => is_dated(date).then_some((Err(Some(date)), rest)),
        }
    });
    match dated {
        Some((date, rest)) => (date, rest.split('-').next().filter(|r| !r.is_empty())),
        None => (Err(None), report_type(stem).map(|_| stem)),
    }
}

/// Has it the form of a date, possible or not?
fn is_dated(text: &str) -> bool {
    let form = b"9999-99-99";
    let is_alike = |(b, f): (u8, &u8)| b == *f || (*f == b'9' && b.is_ascii_digit());
    text.len() == form.len() && text.bytes().zip(form).all(is_alike)
}

fn unknown(name: &str, source: &str) -> Failure {
    let shown = if name.len() <= 60 && name.bytes().all(|b| b.is_ascii_graphic()) {
        name.to_owned()
    } else {
        crate::diag::mask(name)
    };
    let failure = Failure::fix_job(format!(
        "unknown report `{shown}`; expected one of the {} published types",
        REPORTS.len()
    ))
    .at(source, "report");
    match nearest(name) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("pass `--report` with the published type whose columns it has"),
    }
}

/// The known name with the fewest edits, if that is at most a third of it.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.get(..name.len().min(60))?;
    REPORTS
        .keys()
        .map(|known| {
            let distance = edits(name.as_bytes(), known.as_bytes());
            // Of two equally near, the one with the same letters: two of them changed places.
            let has_other_letters = letters(name) != letters(known);
            (distance, has_other_letters, known.as_str())
        })
        .min()
        .filter(|(distance, _, known)| *distance * 3 <= known.len())
        .map(|(_, _, known)| known)
}

fn letters(name: &str) -> Vec<u8> {
    let mut letters = name.as_bytes().to_vec();
    letters.sort_unstable();
    letters
}

/// Levenshtein distance.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut above_left = i;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let best = (above_left + usize::from(x != y))
                .min(left + 1)
                .min(*cell + 1);
            above_left = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = include_str!("reports.csv").lines().count() - 1;
        assert_eq!(REPORTS.len(), lines);
        assert_eq!(lines, 170);
    }

    #[test]
    fn published_file_names_are_understood() {
        let date = |text: &'static str| match text.parse::<Date>() {
            Ok(date) => Ok(date),
            Err(_) => Err(Some(text).filter(|t| !t.is_empty())),
        };
        let cases = [
            (
                "2015-01-01-dns_openresolver-sample-asn.csv",
                "2015-01-01",
                Some("dns_openresolver"),
            ),
            (
                "2020-04-03-scan_ics-sample-asn-delayed.csv",
                "2020-04-03",
                Some("scan_ics"),
            ),
            (
                "a/b/2020-08-19-scan_exchange.csv.gz",
                "2020-08-19",
                Some("scan_exchange"),
            ),
            ("2020-08-19-.csv", "2020-08-19", None),
            ("scan_rdp.csv", "", Some("scan_rdp")),
            ("partner.csv", "", None),
            (
                "2020-13-19-scan_exchange.csv",
                "2020-13-19",
                Some("scan_exchange"),
            ),
            ("2020-1e-19-scan_exchange.csv", "", None),
        ];
        for (path, day, report) in cases {
            assert_eq!(name_parts(path), (date(day), report), "{path}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_gets_a_suggestion() {
        assert_eq!(nearest("scan_rpd"), Some("scan_rdp"));
        assert_eq!(nearest("scan_exchnage"), Some("scan_exchange"));
        assert_eq!(nearest("warehouse"), None);
        assert_eq!(edits(b"kitten", b"sitting"), 3);
    }
}
