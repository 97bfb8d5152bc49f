//! Reads what was scanned, and says which findings are gone or back.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;
use jiff::civil::Date;

use super::inputs::Inputs;
use super::load::Loaded;
use super::night::Gathered;
use crate::decide::gone::{self, Registered};
use crate::decide::{Decided, history::History};
use crate::diag::Failure;
use crate::model::asset::AssetValue;
use crate::model::decision::{Decision, Outcome, Reason};
use crate::model::identity::{FindingId, PartyRef};
use crate::model::ledger_record::PinnedObject;
use crate::model::night::Night;
use crate::model::sighting::{Coverage, Sightings};
use crate::model::table::{Column, ColumnType, canonical};
use crate::plan::Plan;
use crate::scan;

const COLUMNS: &[Column] = &[
    Column::needed("feed", ColumnType::Text),
    Column::needed("report", ColumnType::Text),
    Column::needed("scanned_from", ColumnType::Instant),
    Column::optional("network", ColumnType::Text),
    Column::optional("ports", ColumnType::Text),
    Column::needed("complete", ColumnType::Bool),
];

/// What was scanned on the days of the plan's snapshots, and the objects that say so.
pub(super) fn coverage(
    loaded: &Loaded,
    from: Inputs<'_>,
    plan: &Plan,
) -> Result<(Vec<Coverage>, Vec<PinnedObject>), Failure> {
    let (mut rows, objects) = delivered(loaded, from, plan)?;
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

/// What the feeds say themselves, in the table `coverage`.
fn delivered(
    loaded: &Loaded,
    from: Inputs<'_>,
    plan: &Plan,
) -> Result<(Vec<Coverage>, Vec<PinnedObject>), Failure> {
    let (mut rows, mut objects) = (Vec::new(), Vec::new());
    let Some(folder) = &loaded.job.inputs.coverage else {
        return Ok((rows, objects));
    };
    let days: BTreeSet<Night> = plan.snapshots.iter().map(|s| Night::new(s.date)).collect();
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

/// Which findings of the ledger are gone tonight, or back.
pub(super) fn sightings(
    loaded: &Loaded,
    found: &Gathered,
    decided: &Decided,
    history: &History,
) -> Sightings {
    let key = &loaded.secrets.party;
    let mut parties = BTreeMap::new();
    let mut register: BTreeMap<PartyRef, Registered> = BTreeMap::new();
    let meant = history.assets();
    // On a first night the ledger speaks of none: nothing has to be hashed.
    let assets = found.world.assets.iter().filter(|_| !meant.is_empty());
    for asset in assets {
        let named = PartyRef::of_asset(key, &asset.canonical);
        if !meant.contains(&named) {
            continue;
        }
        let party = parties
            .entry(&asset.company)
            .or_insert_with(|| PartyRef::of(key, &asset.company));
        let of_asset = register.entry(named).or_default();
        of_asset.parties.insert(*party);
        if let AssetValue::Nets(nets) = &asset.value {
            of_asset.nets.clone_from(nets);
        }
    }
    let findings = |is_meant: &dyn Fn(&Decision) -> bool| -> BTreeSet<FindingId> {
        let meant = decided.decisions.iter().filter(|d| is_meant(d));
        meant.filter_map(|d| d.finding).collect()
    };
    gone::sightings(
        history,
        &gone::Tonight {
            night: found.plan.night,
            seen: &findings(&|_| true),
            waiting: &findings(&|d| d.outcome() == Outcome::Held),
            relapsed: &findings(&|d| d.reason == Reason::Relapse),
            coverage: &found.coverage,
            register: &register,
        },
    )
}
