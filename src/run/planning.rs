//! Which night, what it reads, and its pin in the ledger.

use std::collections::{BTreeMap, BTreeSet};

use super::Moment;
use super::former;
use super::inputs::Inputs;
use super::load::Loaded;
use super::night::{Ask, Gathered};
use super::sightings;
use super::sweep::OpenSnapshot;
use super::world::listed;
use crate::config::NightRule;
use crate::diag::{Failure, Kind, Problem};
use crate::ledger::Ledger;
use crate::model::hold::Superseded;
use crate::model::ledger_record::{LedgerView, PinnedNight, PinnedObject, Record};
use crate::model::night::Night;
use crate::plan::{self, Plan};
use crate::scan;
use crate::store::Place;

/// The snapshots in the store, and what else lies there. A call lists them once: years of them
/// are many.
pub(super) struct Listing {
    snapshots: Vec<plan::SnapshotObject>,
    ignored: Vec<String>,
}

/// Snapshots that a warning names one by one.
const NAMED: usize = 10;

pub(super) fn listing(loaded: &Loaded, place: &Place) -> Result<Listing, Failure> {
    let folder = &loaded.job.inputs.snapshots;
    let (snapshots, ignored) = plan::snapshots(&listed(place, folder)?, folder);
    // Nobody misses a day that was misspelt; a file beside the days is left alone.
    for (name, n) in plan::impossible_days(&ignored, folder) {
        let shown = format!("{}/{name}/", folder.trim_end_matches('/'));
        tracing::warn!(
            "{shown}: {n} objects lie in a folder whose name is no day of the calendar; expected one such as \
             `2026-03-01`: none of them is read, rename the folder or move it away"
        );
    }
    let strange = plan::strange(&ignored, folder);
    if let Some(newest) = strange.last() {
        let n = strange.len();
        tracing::warn!(
            "{newest}: no snapshot, so it is not read (such objects in the folders of days: {n}); expected \
             `<date>/<feed>/<report>.parquet`: rename it, or move it away"
        );
    }
    Ok(Listing { snapshots, ignored })
}

/// The night that is meant: the caller's, or the one of the job's rule.
pub(super) fn night_of(
    loaded: &Loaded,
    place: &Place,
    listing: &Listing,
    ask: &Ask,
    moment: &Moment,
) -> Result<Night, Failure> {
    let job = &loaded.job;
    Ok(match (ask.night, job.night) {
        (Some(night), _) => night,
        (None, NightRule::Newest) => newest(loaded, place, &listing.snapshots)?,
        (None, NightRule::Today) => moment
            .today(&job.zone)
            .ok_or_else(|| Failure::fix_job("today's date lies outside the calendar"))?,
    })
}

/// The newest day with a snapshot that is whole, as far as the feeds say. Days that have halves
/// alone wait for the rest, or for somebody who names them.
fn newest(
    loaded: &Loaded,
    place: &Place,
    snapshots: &[plan::SnapshotObject],
) -> Result<Night, Failure> {
    let folder = place.display(&loaded.job.inputs.snapshots);
    let days = plan::days(snapshots);
    for day in &days {
        if is_whole(loaded, place, snapshots, *day)? {
            return Ok(*day);
        }
        tracing::warn!(
            "every snapshot of {day} is half a scan, its feed says: an earlier night is taken; \
             `--night {day}` takes what there is"
        );
    }
    Err(match days.first() {
        None => Failure::fix_data("no snapshot was found; expected `<date>/<feed>/<report>.parquet`")
            .at(folder, "")
            .hint("deliver a snapshot, or mend `inputs.snapshots` in the job"),
        Some(day) => Failure::fix_data(
            "every snapshot is half a scan, as `inputs.coverage` has it; expected one that came to its end",
        )
        .at(folder, "")
        .hint(format!("deliver a whole one, or say `--night {day}`")),
    })
}

/// Has a day a snapshot that is whole, as far as the feeds say?
pub(super) fn is_whole(
    loaded: &Loaded,
    place: &Place,
    snapshots: &[plan::SnapshotObject],
    day: Night,
) -> Result<bool, Failure> {
    let from = Inputs::now(place, day);
    let (coverage, _) = sightings::delivered(loaded, from, &BTreeSet::from([day]))?;
    Ok(plan::is_complete(
        snapshots,
        day,
        &sightings::halves(&coverage),
    ))
}

/// What the night reads: its pinned plan, or a new one that takes over from `given_up`.
pub(super) fn plan_night(
    loaded: &Loaded,
    listing: &Listing,
    night: Night,
    ask: &Ask,
    view: &LedgerView,
    given_up: &[Superseded],
) -> Result<Plan, Failure> {
    let snapshots = &listing.snapshots;
    let ignored = listing.ignored.clone();
    let revision = ask.revision_of(night, view);
    if let Some(pin) = view.pinned(night, revision) {
        not_given_up(pin, view)?;
        same_limit(pin, ask)?;
        return resume(pin, snapshots, ignored, loaded);
    }
    let ages = loaded
        .job
        .feeds
        .iter()
        .map(|(feed, f)| (feed.clone(), f.max_age_days))
        .collect();
    let given_up = given_up.iter().map(|s| (s.night, s.revision)).collect();
    let redelivered = plan::redelivered(snapshots, night, view, &given_up);
    for path in redelivered.iter().take(NAMED) {
        tracing::warn!(
            "{path}: another size than when a night read it, so it was delivered once more, and nobody is \
             warned of what is new in it; lay it under a later date or as another report to have it read, and \
             put the old one back"
        );
    }
    if redelivered.len() > NAMED {
        let n = redelivered.len() - NAMED;
        tracing::warn!("{n} more snapshots were delivered once more after a night read them");
    }
    plan::plan(snapshots, ignored, &ages, night, revision, view, &given_up)
}

/// A night whose findings another one planned anew can never go on.
pub(super) fn not_given_up(pin: &PinnedNight, view: &LedgerView) -> Result<(), Failure> {
    let Some(by) = view.superseded().remove(&(pin.night, pin.revision)) else {
        return Ok(());
    };
    if by == pin.night {
        let message =
            format!("the plan of night {by} was given up, by a later revision or by an erasure");
        let newest = view.newest_revision(by);
        let hint = if newest > pin.revision {
            format!(
                "its newest plan is revision {newest}: leave `--revision` out to go on with that"
            )
        } else {
            format!(
                "`--night {by} --revision {}` plans it anew; the next night takes its findings as well",
                newest + 1
            )
        };
        return Err(Failure::fix_job(message).at("", "--night").hint(hint));
    }
    if by < pin.night {
        // A later night's findings are not in an earlier one.
        let (night, next) = (pin.night, view.newest_revision(pin.night) + 1);
        let message =
            format!("the plan of night {night} was given up when night {by} was planned anew");
        return Err(Failure::fix_job(message).at("", "--night").hint(format!(
            "`--night {night} --revision {next}` plans it anew; the next night takes its findings as well"
        )));
    }
    let message = format!(
        "the plan of night {} was given up when night {by} was planned, which took its findings",
        pin.night
    );
    let went = view.claims_under(pin).len();
    let hint = match went {
        0 => format!(
            "run or approve night {by}; nothing of {} was sent",
            pin.night
        ),
        n => format!(
            "run night {by}; {n} letters of {} were claimed, and the ledger says what became of each",
            pin.night
        ),
    };
    Err(Failure::fix_job(message).at("", "--night").hint(hint))
}

/// A plan was made with one limit of letters; the same command must say the same, or nothing.
fn same_limit(pin: &PinnedNight, ask: &Ask) -> Result<(), Failure> {
    if ask.max_letters.is_none() || ask.max_letters == pin.max_letters {
        return Ok(());
    }
    let then = pin.max_letters.map_or_else(
        || "without".to_owned(),
        |n| format!("with `--max-letters {n}`, not"),
    );
    Err(Failure::fix_job(format!("night {} was planned {then} this limit", pin.night))
        .at("", "--max-letters")
        .hint("leave it out to resume that plan; the letters that are left over come with the next night"))
}

/// The plan that the night's first run pinned.
fn resume(
    pin: &PinnedNight,
    snapshots: &[plan::SnapshotObject],
    ignored: Vec<String>,
    loaded: &Loaded,
) -> Result<Plan, Failure> {
    same_job(pin, loaded)?;
    let by_path: BTreeMap<&str, &plan::SnapshotObject> = snapshots
        .iter()
        .map(|s| (s.listed.path.as_str(), s))
        .collect();
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for pinned in &pin.snapshots {
        match by_path.get(pinned.path.as_str()) {
            Some(s) => found.push((*s).clone()),
            None => problems.push(changed(pin, pinned, "is gone")),
        }
    }
    found.sort_by(|a, b| (a.date, &a.listed.path).cmp(&(b.date, &b.listed.path)));
    match Failure::from_problems(Kind::FixData, problems) {
        Some(failure) => Err(failure),
        None => Ok(Plan {
            night: pin.night,
            n_consumed_before: 0,
            snapshots: found,
            ignored,
        }),
    }
}

/// A plan of another job can only be given up, never go on.
pub(super) fn same_job(pin: &PinnedNight, loaded: &Loaded) -> Result<(), Failure> {
    if pin.job_sha256 == loaded.job_sha256 {
        return Ok(());
    }
    let message = format!(
        "night {} was planned with another job, threat catalogue or templates",
        pin.night
    );
    Err(Failure::fix_job(message).hint(format!(
        "undo the change to resume that plan, or {}",
        anew(pin)
    )))
}

/// How to get past a plan that can never go on.
fn anew(pin: &PinnedNight) -> String {
    format!(
        "plan the night anew with `--night {} --revision {}`: what left of it stays written down, the rest is decided again",
        pin.night,
        pin.revision + 1
    )
}

fn changed(pin: &PinnedNight, pinned: &PinnedObject, what: &str) -> Problem {
    Problem::new(
        &pinned.path,
        "",
        format!("the object {what} since the night was planned"),
    )
    .hint(format!(
        "put the old object back to resume that plan, or {}",
        anew(pin)
    ))
}

/// Opens every snapshot: all that are broken are named at once.
pub(super) fn open_all(
    loaded: &Loaded,
    place: &Place,
    plan: &Plan,
) -> Result<Vec<OpenSnapshot>, Failure> {
    let mut open = Vec::with_capacity(plan.snapshots.len());
    let mut problems = Vec::new();
    for object in &plan.snapshots {
        let renames = loaded.job.feeds.get(&object.feed).map(|f| &f.columns);
        let empty = BTreeMap::new();
        match scan::open(
            place,
            &object.listed.path,
            object.listed.size,
            renames.unwrap_or(&empty),
        ) {
            Ok(found) if found.n_rows == 0 => problems.push(
                Problem::new(
                    &object.listed.path,
                    "",
                    "the snapshot is empty; expected one row at least",
                )
                .hint("ask the feed for a full snapshot, or move the object away"),
            ),
            Ok(found) if !broken_rows(loaded, object, found.n_rows).is_empty() => {
                problems.extend(broken_rows(loaded, object, found.n_rows));
            }
            Ok(found) => open.push(OpenSnapshot {
                object: object.clone(),
                snapshot: found.snapshot,
                n_rows: found.n_rows,
                footer_sha256: found.footer_sha256,
            }),
            Err(failure) if failure.kind == Kind::FixData => problems.extend(failure.problems),
            Err(failure) => return Err(failure),
        }
    }
    Failure::from_problems(Kind::FixData, problems).map_or(Ok(open), Err)
}

/// Are the inputs those that the night's first run pinned?
pub(super) fn check_pin(pinned: &PinnedNight, found: &Gathered) -> Result<(), Failure> {
    let snapshots = pinned_snapshots(found);
    let now: BTreeSet<&PinnedObject> = snapshots.iter().chain(&found.world.inputs).collect();
    let differing = pinned
        .snapshots
        .iter()
        .chain(&pinned.inputs)
        .filter(|p| !now.contains(p));
    let problems = differing
        .map(|p| changed(pinned, p, "has changed"))
        .collect();
    Failure::from_problems(Kind::FixData, problems).map_or(Ok(()), Err)
}

fn pinned_snapshots(found: &Gathered) -> Vec<PinnedObject> {
    let mut snapshots: Vec<PinnedObject> = found
        .open
        .iter()
        .map(|o| PinnedObject {
            path: o.object.listed.path.clone(),
            size: o.object.listed.size,
            sha256: o.footer_sha256.clone(),
        })
        .collect();
    snapshots.sort();
    snapshots
}

/// A snapshot with fewer or more rows than the job allows is half of one, or another one.
fn broken_rows(loaded: &Loaded, object: &plan::SnapshotObject, n_rows: u64) -> Vec<Problem> {
    let feed = loaded.job.feeds.get(&object.feed);
    feed.map_or_else(Vec::new, |feed| {
        feed.contract
            .broken_rows(&object.listed.path, &object.report, n_rows)
    })
}

/// Pins the night in the ledger, or checks that its inputs are those that were pinned.
pub(super) fn pin(
    loaded: &Loaded,
    place: &Place,
    found: &Gathered,
    ask: &Ask,
    given_up: &[Superseded],
    ledger: &mut Ledger,
    moment: &Moment,
) -> Result<PinnedNight, Failure> {
    let night = found.plan.night;
    let revision = ask.revision_of(night, ledger.view());
    if let Some(pinned) = ledger.view().pinned(night, revision) {
        check_pin(pinned, found)?;
        return Ok(pinned.clone());
    }
    let pinned = PinnedNight {
        night,
        revision,
        run_id: moment.run_id.clone(),
        ledger_seq: ledger.view().last_seq,
        job_sha256: loaded.job_sha256.clone(),
        // A backlog that was to leave bit by bit must not leave at once by another revision.
        max_letters: ask
            .max_letters
            .or_else(|| ledger.view().newest_plan(night)?.max_letters),
        snapshots: pinned_snapshots(found),
        inputs: found.world.inputs.clone(),
        followed: former::followed(loaded, place, found, ledger.view())?,
    };
    let mut was_overtaken = false;
    let mut records: Vec<Record> = given_up.iter().copied().map(Record::from).collect();
    records.push(pinned.clone().into());
    ledger.append(records, &mut |_, _| {
        was_overtaken = true;
        Vec::new()
    })?;
    if was_overtaken {
        return Err(Failure::try_later(
            "another run wrote to the ledger while this one was planning",
        )
        .hint("run the same command again"));
    }
    Ok(pinned)
}
