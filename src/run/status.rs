//! `status`: how the service stands, for people and for whoever watches it.

use std::collections::BTreeMap;

use jiff::ToSpan;

use super::Moment;
use super::load::{Call, Loaded, load};
use super::planning::is_whole;
use super::world::listed;
use crate::brakes::{self, approval};
use crate::config::NightRule;
use crate::diag::Failure;
use crate::ledger::Ledger;
use crate::model::hold::{Brake, Hold, Pulled};
use crate::model::ledger_record::LedgerView;
use crate::model::night::{Micros, Night, local_midnight};
use crate::plan;
use crate::report::night_mail;
use crate::report::release::{ApprovedBy, Refused, Release};
use crate::report::status::{self, Status};
use crate::report::summary::Summary;
use crate::store::Place;

/// In which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For a monitoring system.
    OpenMetrics,
}

/// The status as it is now, and the exit code: 2 where a night that was due is missing or a
/// night is held and not released, 1 where letters are unknown.
///
/// # Errors
/// `FixJob` and `FixData` where job or ledger cannot be read; `TryLater` where the store is away.
pub fn ask(call: &Call, form: Form, moment: &Moment) -> Result<(String, u8), Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let view = Ledger::read_only(&place, &loaded.job.ledger)?;
    let found = of(&loaded, &place, &view, moment)?;
    let text = match form {
        Form::Text => status::text(&found),
        Form::Json => String::from_utf8_lossy(&status::json(&found)?).into_owned(),
        Form::OpenMetrics => metrics(&loaded, &found),
    };
    Ok((text, found.exit_code))
}

/// Writes `status.json` and `status.om` below the job's status folder, after a run that ended
/// `summary.txt` too, and last `latest.json`, which points to the newest night that ended. They
/// say how things stand now, so they are replaced.
///
/// # Errors
/// The store refuses us or is not there.
pub(super) fn write(
    loaded: &Loaded,
    place: &Place,
    view: &LedgerView,
    moment: &Moment,
    summary: Option<&Summary>,
) -> Result<(), Failure> {
    let found = of(loaded, place, view, moment)?;
    let put = |name: &str, bytes: &[u8]| {
        place.replace(&format!("{}{name}", loaded.job.operations.status), bytes)
    };
    put("status.json", &status::json(&found)?)?;
    put("status.om", metrics(loaded, &found).as_bytes())?;
    if let Some(summary) = summary {
        put("summary.txt", night_mail::text(summary, &found).as_bytes())?;
    }
    // Last: whoever follows it finds everything there.
    match latest(loaded, view) {
        Some(latest) => put("latest.json", latest.as_bytes()),
        None => Ok(()),
    }
}

/// Where the newest night that ended is, under the base.
fn latest(loaded: &Loaded, view: &LedgerView) -> Option<String> {
    let (night, _, run) = view.ended().into_iter().max()?;
    let folder = format!("{}{night}/{run}/", loaded.job.runs);
    let pointer = serde_json::json!({
        "night": night.to_string(),
        "run": folder,
        "statistics": format!("{folder}statistics/"),
    });
    Some(format!("{pointer:#}\n"))
}

fn of(
    loaded: &Loaded,
    place: &Place,
    view: &LedgerView,
    moment: &Moment,
) -> Result<Status, Failure> {
    let due = due(loaded, place, view, moment)?;
    let stop = &loaded.job.brakes.stop;
    let stop = place.exists(stop)?.then(|| place.display(stop));
    let releases = releases(&loaded.job.brakes, view, moment.now.as_microsecond());
    Ok(status::status(&status::Input {
        job: &loaded.job.name,
        now_secs: moment.now.as_second(),
        due: &due,
        stop: stop.as_deref(),
        ledger: view,
        releases: &releases,
    }))
}

/// What releases each night that a brake holds, by the ledger as it is now.
fn releases(
    settings: &brakes::Settings,
    view: &LedgerView,
    now: Micros,
) -> BTreeMap<(Night, u32), Release> {
    let holds = view.open_holds().into_iter();
    holds
        .map(|hold| {
            let key = (hold.night, hold.revision);
            (key, release(settings, view, hold, now))
        })
        .collect()
}

fn release(settings: &brakes::Settings, view: &LedgerView, hold: &Hold, now: Micros) -> Release {
    let standing = approval::standing(settings, view, hold, now);
    let pulled = hold.pulled.iter();
    let pulled: Vec<&Pulled> = pulled.filter(|p| !brakes::is_lifted(p, view)).collect();
    let by_baseline = pulled.is_empty();
    let is_clock_off = pulled.iter().any(|p| p.brake == Brake::ClockOff);
    let is_released = by_baseline || standing.lets_go(pulled);
    let by = standing.keys.into_iter().map(|(key, permit)| ApprovedBy {
        name: permit.signer,
        key,
        until: jiff::Timestamp::from_microsecond(permit.expires_at)
            .map(|t| t.to_string())
            .unwrap_or_default(),
    });
    let mut by: Vec<ApprovedBy> = by.collect();
    by.sort_by(|a, b| (&a.name, &a.key).cmp(&(&b.name, &b.key)));
    let refused = standing.refused.into_iter();
    Release {
        plan_sha256: hold.plan_sha256.clone(),
        needed: standing.needed,
        by,
        refused: refused.map(|(key, why)| Refused { key, why }).collect(),
        by_baseline,
        is_clock_off,
        is_released,
    }
}

fn metrics(loaded: &Loaded, found: &Status) -> String {
    let good = found.last_good_night.as_ref();
    let night: Option<Night> = good.and_then(|g| g.night.parse().ok());
    let midnight = night.and_then(|n| local_midnight(n.date(), &loaded.job.zone).ok());
    status::open_metrics(found, midnight.map(|at| at.div_euclid(1_000_000)))
}

/// Every night that had to be done by now: for a job of "today" every date from the first night
/// up to today's once `due_by` has passed, for one of "newest" every date with a snapshot. A day of half
/// scans that no night took waits for the rest: no run takes it by itself.
fn due(
    loaded: &Loaded,
    place: &Place,
    view: &LedgerView,
    moment: &Moment,
) -> Result<Vec<Night>, Failure> {
    let job = &loaded.job;
    if job.night == NightRule::Newest {
        let listing = listed(place, &job.inputs.snapshots)?;
        let (snapshots, _) = plan::snapshots(&listing, &job.inputs.snapshots);
        let last = view.latest_night().map(Night::new);
        // Where the feeds cannot be asked, a day is due.
        let waits = |day: &Night| {
            last.is_none_or(|last| *day > last)
                && is_whole(loaded, place, &snapshots, *day).is_ok_and(|is_whole| !is_whole)
        };
        let mut days = plan::days(&snapshots);
        days.retain(|day| !waits(day));
        days.reverse();
        return Ok(days);
    }
    let here = moment.now.to_zoned_datetime(job.zone.clone());
    let last = if here.time() >= job.operations.due_by {
        Ok(here.date())
    } else {
        here.date().checked_sub(1.days())
    };
    let last =
        last.map_err(|e| Failure::fix_job(format!("today lies outside the calendar: {e}")))?;
    let first = view.nights().map(|n| n.night.date()).min();
    let mut nights = Vec::new();
    let mut date = first.unwrap_or(last).min(last);
    while date <= last {
        nights.push(Night::new(date));
        match date.checked_add(1.days()) {
            Ok(next) => date = next,
            Err(_) => break,
        }
    }
    Ok(nights)
}
