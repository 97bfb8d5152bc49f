//! What a night reads: which snapshot objects, which day of each reference. Nothing is read yet.
//!
//! A night consumes the snapshots dated on or before it that no earlier night consumed
//! (DECISIONS, section 1). The plan is a value: `plan` prints what `run` executes.

mod contract;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::diag::{Failure, Kind, Problem};
use crate::model::ledger_record::{LedgerView, PinnedNight};
use crate::model::night::Night;

pub use contract::{Band, Contract, Delivered};

/// An object as listed in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Path under the base.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// A snapshot, as its path tells: `<snapshots>/<date>/<feed>/<report>.parquet`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotObject {
    /// The object.
    pub listed: Listed,
    /// Date of the snapshot.
    pub date: Date,
    /// Feed.
    pub feed: String,
    /// Report type.
    pub report: String,
}

/// What was scanned when: day, feed and report.
pub type ScanOf = (Date, String, String);

impl SnapshotObject {
    /// The scan that it is of.
    #[must_use]
    pub fn scan(&self) -> ScanOf {
        (self.date, self.feed.clone(), self.report.clone())
    }
}

/// What a night reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The night.
    pub night: Night,
    /// Snapshots, sorted by date, feed and report.
    pub snapshots: Vec<SnapshotObject>,
    /// Snapshots that an earlier night consumed.
    pub n_consumed_before: usize,
    /// Objects under the snapshot folder that are no snapshot; shown, never read.
    pub ignored: Vec<String>,
}

/// Reads snapshot paths; what does not have the form of one is returned apart.
#[must_use]
pub fn snapshots(listing: &[Listed], folder: &str) -> (Vec<SnapshotObject>, Vec<String>) {
    let (mut found, mut ignored) = (Vec::new(), Vec::new());
    for listed in listing {
        match snapshot(listed, folder) {
            Some(snapshot) => found.push(snapshot),
            None => ignored.push(listed.path.clone()),
        }
    }
    found.sort_by(|a, b| (a.date, &a.listed.path).cmp(&(b.date, &b.listed.path)));
    (found, ignored)
}

fn snapshot(listed: &Listed, folder: &str) -> Option<SnapshotObject> {
    let rest = listed.path.strip_prefix(folder)?.trim_start_matches('/');
    let mut parts = rest.split('/');
    let (date, feed, file) = (parts.next()?, parts.next()?, parts.next()?);
    let report = file.strip_suffix(".parquet")?;
    if parts.next().is_some() || feed.is_empty() || report.is_empty() {
        return None;
    }
    Some(SnapshotObject {
        listed: listed.clone(),
        date: date.parse::<Night>().ok()?.date(),
        feed: feed.to_owned(),
        report: report.to_owned(),
    })
}

/// Folders below that of the snapshots whose name is made like a day and is none (`2026-02-30`,
/// `20260301`), with their objects: what lies there is never read.
#[must_use]
pub fn impossible_days(ignored: &[String], folder: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for path in ignored {
        let rest = path.strip_prefix(folder).unwrap_or_default();
        let Some((name, _)) = rest.trim_start_matches('/').split_once('/') else {
            continue;
        };
        let is_alike = name.len() >= 6 && name.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        if is_alike && name.parse::<Night>().is_err() {
            *found.entry(name.to_owned()).or_default() += 1;
        }
    }
    found
}

/// Objects in the folder of a day that are no snapshot, such as one whose name ends otherwise: a
/// file beside the days is left alone, and one in a folder that is no day is told of apart.
#[must_use]
pub fn strange<'i>(ignored: &'i [String], folder: &str) -> Vec<&'i str> {
    let is_in_a_day = |path: &&str| {
        let rest = path.strip_prefix(folder).unwrap_or_default();
        let day = rest.trim_start_matches('/').split_once('/');
        day.is_some_and(|(day, _)| day.parse::<Night>().is_ok())
    };
    let paths = ignored.iter().map(String::as_str);
    paths.filter(is_in_a_day).collect()
}

/// The days that have a snapshot, the newest first.
#[must_use]
pub fn days(snapshots: &[SnapshotObject]) -> Vec<Night> {
    let days: BTreeSet<Night> = snapshots.iter().map(|s| Night::new(s.date)).collect();
    days.into_iter().rev().collect()
}

/// Has the day a snapshot that nobody calls half of one? `halves` are those of which a scan did
/// not come to its end.
#[must_use]
pub fn is_complete(snapshots: &[SnapshotObject], day: Night, halves: &BTreeSet<ScanOf>) -> bool {
    let of_day = snapshots.iter().filter(|s| s.date == day.date());
    of_day
        .map(SnapshotObject::scan)
        .any(|scan| !halves.contains(&scan))
}

/// Plans a night.
///
/// `max_age_days` holds the feeds that the job expects. `revision` 0 is a night's first plan.
///
/// # Errors
/// `FixData` with every feed that is missing or stale, and every feed that the job does not
/// know; `FixJob` for a night before the latest one.
///
/// `given_up` are open plans that this one takes over from: night and revision.
pub fn plan(
    snapshots: &[SnapshotObject],
    ignored: Vec<String>,
    max_age_days: &BTreeMap<String, u32>,
    night: Night,
    revision: u32,
    ledger: &LedgerView,
    given_up: &BTreeSet<(Night, u32)>,
) -> Result<Plan, Failure> {
    forward_only(night, revision, ledger)?;
    let due: Vec<&SnapshotObject> = snapshots
        .iter()
        .filter(|s| s.date <= night.date())
        .collect();
    let problems = contract(&due, max_age_days, night);
    if let Some(failure) = Failure::from_problems(Kind::FixData, problems) {
        return Err(failure);
    }
    let consumed = consumed(night, ledger, given_up);
    let n_due = due.len();
    let fresh: Vec<SnapshotObject> = due
        .into_iter()
        .filter(|s| !consumed.contains_key(s.listed.path.as_str()))
        .cloned()
        .collect();
    Ok(Plan {
        night,
        n_consumed_before: n_due - fresh.len(),
        snapshots: fresh,
        ignored,
    })
}

/// Snapshots that an earlier night consumed and that have another size since, in the order of the
/// days: they were delivered once more, and no night reads what is new in them. One of the same size is
/// taken for the same: a footer of every night of years would be much to read.
#[must_use]
pub fn redelivered<'s>(
    snapshots: &'s [SnapshotObject],
    night: Night,
    ledger: &LedgerView,
    given_up: &BTreeSet<(Night, u32)>,
) -> Vec<&'s str> {
    let consumed = consumed(night, ledger, given_up);
    let due = snapshots.iter().filter(|s| s.date <= night.date());
    let paths = due.filter_map(|s| {
        let sizes = consumed.get(s.listed.path.as_str())?;
        (!sizes.contains(&s.listed.size)).then_some(s.listed.path.as_str())
    });
    paths.collect()
}

/// What earlier nights consumed: paths, with the sizes at which they did.
fn consumed<'l>(
    night: Night,
    ledger: &'l LedgerView,
    given_up: &BTreeSet<(Night, u32)>,
) -> BTreeMap<&'l str, BTreeSet<u64>> {
    let unconsumed = unconsumed(ledger, given_up);
    let is_done =
        |pin: &&PinnedNight| pin.night < night && !unconsumed.contains(&(pin.night, pin.revision));
    let mut consumed: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for object in ledger.nights().filter(is_done).flat_map(|p| &p.snapshots) {
        let sizes = consumed.entry(&object.path).or_default();
        sizes.insert(object.size);
    }
    consumed
}

/// Nights whose snapshots are read again: one whose plan was given up consumed nothing, and one that
/// left letters for later did not finish with its snapshots (who was written to stays quiet).
fn unconsumed(ledger: &LedgerView, given_up: &BTreeSet<(Night, u32)>) -> BTreeSet<(Night, u32)> {
    let left_over: BTreeMap<(Night, u32), u64> = ledger
        .figures()
        .map(|f| ((f.night, f.revision), f.left_over))
        .collect();
    let drained = left_over.into_iter().filter(|(_, n)| *n > 0);
    drained
        .map(|(night, _)| night)
        .chain(ledger.superseded().into_keys())
        .chain(given_up.iter().copied())
        .collect()
}

fn forward_only(night: Night, revision: u32, ledger: &LedgerView) -> Result<(), Failure> {
    match ledger.latest_night() {
        Some(latest) if latest > night.date() && revision == 0 => Err(Failure::fix_job(format!(
            "night {night} lies before {latest}, the latest that was planned"
        ))
        .at("", "--night")
        .hint("nights go forward; new inputs for a past night need `--revision 1`")),
        _ => Ok(()),
    }
}

fn contract(
    due: &[&SnapshotObject],
    max_age_days: &BTreeMap<String, u32>,
    night: Night,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (feed, max_age) in max_age_days {
        let newest = due
            .iter()
            .filter(|s| &s.feed == feed)
            .max_by_key(|s| s.date);
        let Some(newest) = newest else {
            let message = format!(
                "no snapshot on or before {night}; the job expects one every {max_age} days"
            );
            problems.push(
                Problem::new(format!("feed `{feed}`"), "", message)
                    .hint("deliver the feed, or take it out of `[feeds]`"),
            );
            continue;
        };
        let age = night.days_since(newest.date);
        if i64::from(age) > i64::from(*max_age) {
            let message = format!(
                "the newest snapshot of feed `{feed}` is {age} days older than night {night}; the job allows {max_age}"
            );
            problems.push(
                Problem::new(&newest.listed.path, "", message)
                    .hint("deliver a newer snapshot, or raise `max_age_days` of the feed"),
            );
        }
    }
    let unknown: BTreeSet<&str> = due
        .iter()
        .map(|s| s.feed.as_str())
        .filter(|feed| !max_age_days.contains_key(*feed))
        .collect();
    for feed in unknown {
        let message = format!("the snapshots hold feed `{feed}`, which the job does not know");
        problems.push(
            Problem::new(format!("feed `{feed}`"), "", message).hint(format!(
                "add `[feeds.{feed}]` with `max_age_days` to the job, or move the objects away"
            )),
        );
    }
    problems
}

/// The newest dated object of a reference folder on or before the night: its path and day.
#[must_use]
pub fn dated(listing: &[Listed], night: Night) -> Option<(&Listed, Date)> {
    listing
        .iter()
        .filter_map(|listed| {
            let name = listed.path.rsplit('/').next()?;
            let date = name.get(..10)?.parse::<Night>().ok()?;
            (date <= night).then(|| (listed, date.date()))
        })
        .max_by_key(|(listed, date)| (*date, listed.path.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ledger_record::{Numbered, PinnedObject};

    fn listed(path: &str) -> Listed {
        Listed {
            path: path.into(),
            size: 1,
        }
    }

    fn night(text: &str) -> Night {
        text.parse().unwrap()
    }

    fn ages() -> BTreeMap<String, u32> {
        BTreeMap::from([("a".to_owned(), 1)])
    }

    #[test]
    fn only_paths_of_the_agreed_form_are_snapshots() {
        let listing = [
            "s/2026-03-01/a/x.parquet",
            "s/2026-03-01/a/b/x.parquet",
            "s/readme.md",
            "s/2026-3-1/a/x.parquet",
        ]
        .map(listed);
        let (found, ignored) = snapshots(&listing, "s/");
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].feed.as_str(), found[0].report.as_str()),
            ("a", "x")
        );
        assert_eq!(ignored.len(), 3);
    }

    #[test]
    fn a_day_is_complete_where_one_of_its_snapshots_is() {
        let listing = [
            "s/2026-03-01/a/x.parquet",
            "s/2026-03-02/a/x.parquet",
            "s/2026-03-02/b/x.parquet",
        ]
        .map(listed);
        let (found, _) = snapshots(&listing, "s/");
        let (first, last) = (night("2026-03-01"), night("2026-03-02"));
        assert_eq!(days(&found), [last, first]);
        let half = |feed: &str| (last.date(), feed.to_owned(), "x".to_owned());
        for (halves, is_whole) in [
            (vec![], true),
            (vec![half("a")], true),
            (vec![half("a"), half("b")], false),
            (vec![half("a"), (last.date(), "b".into(), "y".into())], true),
        ] {
            let halves = halves.into_iter().collect();
            assert_eq!(is_complete(&found, last, &halves), is_whole, "{halves:?}");
            assert!(is_complete(&found, first, &halves));
        }
        assert!(!is_complete(&found, night("2026-03-03"), &BTreeSet::new()));
    }

    #[test]
    fn a_night_takes_what_no_earlier_night_took() {
        let listing = [
            "s/2026-03-01/a/x.parquet",
            "s/2026-03-02/a/x.parquet",
            "s/2026-03-03/a/x.parquet",
        ]
        .map(listed);
        let (found, _) = snapshots(&listing, "s/");
        let pin = PinnedNight {
            night: night("2026-03-01"),
            revision: 0,
            run_id: "r".into(),
            ledger_seq: 0,
            job_sha256: String::new(),
            max_letters: None,
            snapshots: vec![PinnedObject {
                path: listing[0].path.clone(),
                size: 1,
                sha256: String::new(),
            }],
            inputs: vec![],
            followed: Vec::new(),
        };
        let ledger = LedgerView {
            last_seq: 1,
            records: vec![Numbered {
                seq: 1,
                record: pin.into(),
            }],
        };
        let none = BTreeSet::new();
        let plan = plan(
            &found,
            vec![],
            &ages(),
            night("2026-03-02"),
            0,
            &ledger,
            &none,
        )
        .unwrap();
        assert_eq!(plan.snapshots.len(), 1);
        assert_eq!(plan.snapshots[0].date, night("2026-03-02").date());
        assert_eq!(plan.n_consumed_before, 1);

        let told = |size: u64, on: &str| {
            let mut found = found.clone();
            found[0].listed.size = size;
            redelivered(&found, night(on), &ledger, &none).join(" ")
        };
        assert_eq!(told(1, "2026-03-02"), "");
        assert_eq!(told(2, "2026-03-02"), "s/2026-03-01/a/x.parquet");
        // The night itself may still read it, by its pin or by a revision.
        assert_eq!(told(2, "2026-03-01"), "");
    }

    #[test]
    fn only_what_lies_in_the_folder_of_a_day_is_strange() {
        let listing = [
            "s/2026-03-01/a/x.PARQUET",
            "s/2026-03-01/x.parquet",
            "s/2026-02-30/a/x.parquet",
            "s/2026-03-01",
            "s/readme.md",
        ]
        .map(String::from);
        for folder in ["s", "s/"] {
            assert_eq!(strange(&listing, folder), listing[..2]);
        }
    }

    #[test]
    fn a_stale_missing_or_unknown_feed_stops_the_night_by_name() {
        let (found, _) = snapshots(&[listed("s/2026-03-01/b/x.parquet")], "s");
        let failure = plan(
            &found,
            vec![],
            &ages(),
            night("2026-03-01"),
            0,
            &LedgerView::default(),
            &BTreeSet::new(),
        )
        .unwrap_err();
        let text = failure.to_string();
        assert!(text.contains("feed `a`: no snapshot"), "{text}");
        assert!(text.contains("feed `b`"), "{text}");
        let (found, _) = snapshots(&[listed("s/2026-03-01/a/x.parquet")], "s");
        let failure = plan(
            &found,
            vec![],
            &ages(),
            night("2026-03-04"),
            0,
            &LedgerView::default(),
            &BTreeSet::new(),
        )
        .unwrap_err();
        assert!(failure.to_string().contains("3 days older"), "{failure}");
    }

    #[test]
    fn the_newest_reference_on_or_before_the_night_is_taken() {
        let listing = ["r/2026-03-01.json", "r/2026-03-09.json", "r/readme"].map(listed);
        let (found, date) = dated(&listing, night("2026-03-05")).unwrap();
        assert_eq!(
            (found.path.as_str(), date),
            ("r/2026-03-01.json", night("2026-03-01").date())
        );
        assert!(dated(&listing, night("2026-02-01")).is_none());
    }
}
