//! Reads what was scanned, and says which findings are gone or back.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::inputs::Inputs;
use super::load::Loaded;
use super::night::Gathered;
use crate::decide::gone::{self, Registered};
use crate::decide::same_place::{self, Matched};
use crate::decide::{Decided, history::History};
use crate::diag::Failure;
use crate::model::asset::AssetValue;
use crate::model::decision::{Decision, Outcome, Reason};
use crate::model::identity::{FindingId, PartyRef};
use crate::model::ledger_record::{LedgerView, PinnedObject};
use crate::model::night::{Micros, Night, local_midnight};
use crate::model::sighting::{Coverage, Sightings};
use crate::model::table::{Column, ColumnType, canonical};
use crate::plan::{self, Listed, Plan, ScanOf};
use crate::scan;

const COLUMNS: &[Column] = &[
    Column::needed("feed", ColumnType::Text),
    Column::needed("report", ColumnType::Text),
    Column::needed("scanned_from", ColumnType::Instant),
    Column::optional("network", ColumnType::Text),
    Column::optional("ports", ColumnType::Text),
    Column::needed("complete", ColumnType::Bool),
];

/// What was scanned for the plan's snapshots, and the objects that say so.
pub(super) fn coverage(
    loaded: &Loaded,
    from: Inputs<'_>,
    plan: &Plan,
) -> Result<(Vec<Coverage>, Vec<PinnedObject>), Failure> {
    let days = plan.snapshots.iter().map(|s| Night::new(s.date)).collect();
    let (mut rows, objects) = delivered(loaded, from, &days)?;
    // A scan whose snapshot is late, or was read before, does not say what it saw: not tonight.
    let read: BTreeSet<(Date, &str, &str)> = plan
        .snapshots
        .iter()
        .map(|s| (s.date, s.feed.as_str(), s.report.as_str()))
        .collect();
    rows.retain(|c| read.contains(&(c.day, c.feed.as_str(), c.report.as_str())));
    let said: BTreeSet<(Date, String, String)> = rows
        .iter()
        .map(|c| (c.day, c.feed.clone(), c.report.clone()))
        .collect();
    // What a feed says itself goes before what the job assumes.
    for s in &plan.snapshots {
        if said.contains(&(s.date, s.feed.clone(), s.report.clone())) {
            continue;
        }
        let of_feed = loaded.job.feeds.get(&s.feed).into_iter();
        let of_report = of_feed
            .flat_map(|f| &f.assumed)
            .filter(|a| a.report == s.report);
        rows.extend(of_report.flat_map(|a| a.coverage(&s.feed, s.date)));
    }
    Ok((rows, objects))
}

/// The snapshots of which a scan did not come to its end.
pub(super) fn halves(coverage: &[Coverage]) -> BTreeSet<ScanOf> {
    let halves = coverage.iter().filter(|c| !c.is_complete);
    halves
        .map(|c| (c.day, c.feed.clone(), c.report.clone()))
        .collect()
}

/// What the feeds say themselves of these days, in the table `coverage`.
pub(super) fn delivered(
    loaded: &Loaded,
    from: Inputs<'_>,
    days: &BTreeSet<Night>,
) -> Result<(Vec<Coverage>, Vec<PinnedObject>), Failure> {
    let (mut rows, mut objects) = (Vec::new(), Vec::new());
    let Some(folder) = &loaded.job.inputs.coverage else {
        return Ok((rows, objects));
    };
    for found in from.list(folder)? {
        let name = found.path.rsplit('/').next().unwrap_or_default();
        let day: Option<Night> = name.strip_suffix(".parquet").and_then(|d| d.parse().ok());
        let Some(day) = day.filter(|day| days.contains(day)) else {
            continue;
        };
        let (bytes, object) = from.get(&found.path)?;
        let shown = from.place.display(&found.path);
        let mut n_before = 0;
        for batch in &scan::table_of(bytes, &shown)? {
            rows.extend(rows_of(batch, n_before, day.date(), &shown)?);
            n_before += batch.num_rows();
        }
        objects.push(object);
    }
    Ok((rows, objects))
}

/// The rows of one batch; `n_before` rows of the table come before it.
fn rows_of(
    batch: &RecordBatch,
    n_before: usize,
    day: Date,
    object: &str,
) -> Result<Vec<Coverage>, Failure> {
    let table = canonical(batch, COLUMNS, object)?.batch;
    let column = |name: &str| {
        table
            .column_by_name(name)
            .ok_or_else(|| Failure::our_bug("a column that was checked is gone"))
    };
    let text = |name: &str, row: usize| -> Result<String, Failure> {
        let column = column(name)?.as_string::<i32>();
        let value = if column.is_null(row) {
            ""
        } else {
            column.value(row)
        };
        Ok(value.trim().to_owned())
    };
    let (began, complete) = (column("scanned_from")?, column("complete")?);
    let began = began.as_primitive::<TimestampMicrosecondType>();
    let complete = complete.as_boolean();
    let mut rows = Vec::with_capacity(table.num_rows());
    for row in 0..table.num_rows() {
        let wrong = |key: &str, found: &str, expected: &str| {
            let at = n_before + row + 1;
            Failure::fix_data(format!("row {at} has `{found}`; expected {expected}"))
                .at(object, key)
                .hint("mend the table of what was scanned, or take it out of `inputs.coverage`")
        };
        let (network, ports) = (text("network", row)?, text("ports", row)?);
        if began.is_null(row) || complete.is_null(row) {
            return Err(wrong(
                "scanned_from",
                "",
                "a moment, and `complete` as true or false",
            ));
        }
        rows.push(Coverage {
            feed: text("feed", row)?,
            report: text("report", row)?,
            day,
            scanned_from: began.value(row),
            network: match network.as_str() {
                "" => None,
                text => Some(text.parse().map_err(|_| {
                    wrong("network", text, "a prefix such as 192.0.2.0/24, or nothing")
                })?),
            },
            ports: spans(&ports).ok_or_else(|| {
                wrong("ports", &ports, "ports such as `443,8000-8100`, or nothing")
            })?,
            is_complete: complete.value(row),
            is_assumed: false,
        });
    }
    Ok(rows)
}

fn spans(text: &str) -> Option<Vec<(u16, u16)>> {
    let parts = text.split([',', ' ', ';']).filter(|p| !p.is_empty());
    parts
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some((first.parse().ok()?, last.parse().ok()?))
        })
        .collect()
}

/// What nights that ended read of a report.
struct ReadBefore<'v> {
    /// Its newest day.
    newest: Date,
    /// The job, with its threats, of the last of these nights.
    job: &'v str,
}

/// What nights read that ended, by feed and report.
fn read_before<'v>(
    view: &'v LedgerView,
    folder: &str,
) -> BTreeMap<(String, String), ReadBefore<'v>> {
    let ended = view.ended();
    let mut reports: BTreeMap<_, ReadBefore<'v>> = BTreeMap::new();
    for pin in view.nights() {
        if !ended.contains(&(pin.night, pin.revision, pin.run_id.as_str())) {
            continue;
        }
        let listed = pin.snapshots.iter().map(|o| Listed {
            path: o.path.clone(),
            size: o.size,
        });
        let (snapshots, _) = plan::snapshots(&listed.collect::<Vec<_>>(), folder);
        for s in snapshots {
            let before = reports.get(&(s.feed.clone(), s.report.clone()));
            let read = ReadBefore {
                newest: before.map_or(s.date, |b| b.newest.max(s.date)),
                job: &pin.job_sha256,
            };
            reports.insert((s.feed, s.report), read);
        }
    }
    reports
}

/// The last moment of the night's date.
fn last_moment(night: Night, zone: &TimeZone) -> Micros {
    let tomorrow = night.date().tomorrow().ok();
    let midnight = tomorrow.and_then(|date| local_midnight(date, zone).ok());
    midnight.map_or(Micros::MAX, |at| at - 1)
}

/// Which findings of the ledger are gone tonight, or back.
pub(super) fn sightings(
    loaded: &Loaded,
    found: &Gathered,
    decided: &Decided,
    history: &History,
    view: &LedgerView,
) -> Sightings {
    let key = &loaded.secrets.party;
    let mut parties = BTreeMap::new();
    let mut register: BTreeMap<PartyRef, Registered> = BTreeMap::new();
    let meant = history.assets();
    let mut rows = BTreeMap::new();
    let last = last_moment(found.plan.night, &loaded.job.zone);
    // On a first night the ledger speaks of none: nothing has to be hashed.
    let assets = found.world.assets.iter().filter(|_| !meant.is_empty());
    for asset in assets {
        let named = PartyRef::of_asset(key, &asset.canonical);
        if !meant.contains(&named) {
            continue;
        }
        rows.insert(asset.row, named);
        // A row of after its end would not match: that nothing is seen proves nothing.
        if !asset.valid.contains(last) {
            continue;
        }
        let party = parties
            .entry(&asset.company)
            .or_insert_with(|| PartyRef::of(key, &asset.company));
        let of_asset = register.entry(named).or_default();
        let from = asset.valid.from.unwrap_or(Micros::MIN);
        let since = of_asset.parties.entry(*party).or_insert(from);
        *since = from.min(*since);
        if let AssetValue::Nets(nets) = &asset.value {
            of_asset.nets.clone_from(nets);
        }
    }
    let findings = |is_meant: &dyn Fn(&Decision) -> bool| -> BTreeSet<FindingId> {
        let meant = decided.decisions.iter().filter(|d| is_meant(d));
        meant.filter_map(|d| d.finding).collect()
    };
    let read = read_before(view, &loaded.job.inputs.snapshots);
    let of = |feed: &str, report: &str| read.get(&(feed.to_owned(), report.to_owned()));
    let mut same = same_place::same_place(
        history,
        &Matched {
            hits: &found.swept.hits,
            set_aside: &found.swept.set_aside,
            named: &rows,
            threats: &loaded.catalogue.threats,
            is_same_rule: &|feed, report| {
                of(feed, report).is_some_and(|read| read.job == loaded.job_sha256)
            },
        },
    );
    same.seen.append(&mut findings(&|_| true));
    let mut coverage = found.coverage.clone();
    // The ledger does not say when a finding was seen since its letter: a later snapshot may have
    // shown it.
    coverage.retain(|c| of(&c.feed, &c.report).is_none_or(|read| c.day >= read.newest));
    gone::sightings(
        history,
        &gone::Tonight {
            night: found.plan.night,
            seen: &same.seen,
            waiting: &findings(&|d| d.outcome() == Outcome::Held),
            unsure: &same.unsure,
            relapsed: &findings(&|d| d.reason == Reason::Relapse),
            coverage: &coverage,
            register: &register,
        },
    )
}
