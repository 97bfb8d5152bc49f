//! The nightly run: plan, sweep, decide, render, claim, hand over, report.

use std::collections::{BTreeMap, BTreeSet};

use super::load::{Call, Loaded, load};
use super::outputs::{Outputs, RenderedNight};
use super::progress::Progress;
use super::sweep::{OpenSnapshot, Swept, sweep};
use super::world::{World, listed};
use super::{Moment, again, erase, hand_over, in_workers, outboxes, status, world};
use crate::config::NightRule;
use crate::decide::{self, Decided, history::History};
use crate::diag::{Failure, Kind, Problem};
use crate::enrich;
use crate::ledger::{Holder, Ledger, crash};
use crate::model::ledger_record::{LedgerView, PinnedNight, PinnedObject, Record};
use crate::model::night::{Night, local_date};
use crate::plan::{self, Plan};
use crate::report::{self, summary::Summary};
use crate::scan;
use crate::store::Place;

/// How far a run goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// To the plan of letters; nothing is claimed or sent.
    Plan,
    /// To the end.
    #[default]
    End,
}

/// What the caller asks of a night.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Which night; the job's rule where absent.
    pub night: Option<Night>,
    /// 0 at first; counts up when new inputs are taken for a past night.
    pub revision: u32,
    /// How far.
    pub until: Until,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Figures.
    pub summary: Summary,
    /// 0, or 1 where rejects or letters need a look.
    pub exit_code: u8,
}

/// What a run would read; printed by `plan`.
pub struct Preview {
    /// The plan.
    pub plan: Plan,
    /// Snapshot, rows, bytes of the key columns.
    pub snapshots: Vec<(String, u64, u64)>,
    /// Register and reference objects.
    pub inputs: Vec<PinnedObject>,
    /// Where it would write.
    pub writes: String,
}

/// Plans a night and opens what it would read, without a trace in the store.
///
/// # Errors
/// As [`run`], up to the plan.
pub fn preview(call: &Call, ask: &Ask, moment: &Moment) -> Result<Preview, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let view = Ledger::read_only(&place, &loaded.job.ledger)?;
    let plan = plan_night(&loaded, &place, ask, moment, &view)?;
    let open = open_all(&loaded, &place, &plan)?;
    let world = world::read(&loaded, &place, plan.night)?;
    Ok(Preview {
        snapshots: open
            .iter()
            .map(|o| (o.object.listed.path.clone(), o.n_rows, o.object.listed.size))
            .collect(),
        inputs: world.inputs,
        writes: place.display(&format!("{}{}/<run>/", loaded.job.runs, plan.night)),
        plan,
    })
}

/// Checks a job and everything that it names, in the store too; writes nothing.
///
/// # Errors
/// As [`run`], up to the inputs.
pub fn check(call: &Call, moment: &Moment) -> Result<Preview, Failure> {
    preview(call, &Ask::default(), moment)
}

/// Runs a night, or resumes it.
///
/// # Errors
/// `FixJob` and `FixData` (exit 2), `TryLater` (exit 3), `OurBug` (exit 4); before the first
/// claim nothing is visible of a run that fails.
pub fn run(
    call: &Call,
    ask: &Ask,
    moment: &Moment,
    progress: &dyn Progress,
) -> Result<Outcome, Failure> {
    in_workers(|| run_here(call, ask, moment, progress))
}

fn run_here(
    call: &Call,
    ask: &Ask,
    moment: &Moment,
    progress: &dyn Progress,
) -> Result<Outcome, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let who = Holder::this_process(&moment.run_id);
    let mut ledger = Ledger::open(&place, &loaded.job.ledger, &who)?;
    let ended = run_opened((call, &loaded), &place, ask, moment, &mut ledger, progress);
    let summary = ended.as_ref().ok().map(|outcome| &outcome.summary);
    let written = status::write(&loaded, &place, ledger.view(), moment, summary);
    // What became of the night is told first; a status that cannot be written comes second.
    ended.and_then(|outcome| written.map(|()| outcome))
}

fn run_opened(
    (call, loaded): (&Call, &Loaded),
    place: &Place,
    ask: &Ask,
    moment: &Moment,
    ledger: &mut Ledger,
    progress: &dyn Progress,
) -> Result<Outcome, Failure> {
    let found = gather(loaded, place, ask, moment, ledger.view(), progress)?;
    let pin = pin(loaded, &found, ask, ledger, moment)?;
    crash::point("pinned");
    let newest = found.plan.snapshots.iter().map(|s| s.date).max();
    let outputs = Outputs {
        loaded,
        place,
        pin: &pin,
        moment,
        folder: format!("{}{}/{}/", loaded.job.runs, pin.night, pin.run_id),
        erased: ledger.view().erased().cloned().collect(),
    };
    place.remove_unfinished(&outputs.folder)?;
    let view = ledger.view().as_of(pin.ledger_seq);
    with_rendered(&outputs, found, &view, progress, |night| {
        outputs.write_plan(night)?;
        crash::point("planned");
        if ask.until == Until::Plan {
            return Ok(outcome(&outputs, night, hand_over::Handed::default()));
        }
        let outbox = outboxes::open(loaded, call, place, &outputs.folder)?;
        let letters = night.decided.letters.iter().zip(&night.rendered.forms);
        let outbox = outbox.as_ref();
        let mut handed = hand_over::hand_over(&outputs, letters, ledger, outbox, progress)?;
        let mut again = Vec::new();
        for round in 0..again::MAX_ROUNDS {
            let more = again::rendered(&outputs, night, ledger.view(), round)?;
            if more.is_empty() {
                break;
            }
            let letters = more.iter().map(|a| (&a.drafted, &a.files));
            handed += hand_over::hand_over(&outputs, letters, ledger, outbox, progress)?;
            again.extend(more);
        }
        let batches = outputs.write_results(night, &again, ledger.view(), progress)?;
        if let Some(newest) = newest {
            erase::expired(loaded, place, ledger, newest)?;
        }
        hand_over::finish(&outputs, batches, ledger)?;
        crash::point("before_release");
        Ok(outcome(&outputs, night, handed))
    })
}

/// Everything that a night reads, matched: nothing is decided yet.
pub(super) struct Gathered {
    plan: Plan,
    open: Vec<OpenSnapshot>,
    world: World,
    swept: Swept,
}

pub(super) fn gather(
    loaded: &Loaded,
    place: &Place,
    ask: &Ask,
    moment: &Moment,
    view: &LedgerView,
    progress: &dyn Progress,
) -> Result<Gathered, Failure> {
    let plan = plan_night(loaded, place, ask, moment, view)?;
    progress.begin("open snapshots", len(plan.snapshots.len()));
    let open = open_all(loaded, place, &plan)?;
    progress.end();
    progress.begin("read the register", 1);
    let world = world::read(loaded, place, plan.night)?;
    progress.end();
    let groups: usize = open
        .iter()
        .map(|o| crate::model::matches::RowGroups::n_groups(&o.snapshot))
        .sum();
    progress.begin("match", len(groups));
    let swept = sweep(&open, &world, progress)?;
    progress.end();
    Ok(Gathered {
        plan,
        open,
        world,
        swept,
    })
}

/// Decides and renders a night as the ledger `view` lets it, and hands the result to `then`.
pub(super) fn with_rendered<T>(
    outputs: &Outputs<'_>,
    mut found: Gathered,
    view: &LedgerView,
    progress: &dyn Progress,
    then: impl FnOnce(&RenderedNight<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let night = found.plan.night;
    let mut decided = decide_night(outputs.loaded, night, &found.world, &found.swept, view)?;
    let rendered = outputs.render_letters(&mut decided, progress)?;
    crash::point("letters_written");
    let of_decisions = report::close_sums(&mut found.swept.counts, &decided.decisions)?;
    let rows_of = found
        .open
        .iter()
        .map(|o| (o.object.listed.path.clone(), o.n_rows))
        .collect();
    then(&RenderedNight {
        world: &found.world,
        swept: &found.swept,
        decided: &decided,
        of_decisions,
        rendered,
        view,
        rows_of,
    })
}

fn outcome(outputs: &Outputs<'_>, night: &RenderedNight<'_>, handed: hand_over::Handed) -> Outcome {
    let summary = outputs.summary(night, &handed);
    let too_many = summary.rejects > summary.rejects_tolerated;
    let exit_code = u8::from(
        too_many || handed.unknown > 0 || handed.failed > 0 || night.rendered.n_impossible > 0,
    );
    Outcome { summary, exit_code }
}

fn plan_night(
    loaded: &Loaded,
    place: &Place,
    ask: &Ask,
    moment: &Moment,
    view: &LedgerView,
) -> Result<Plan, Failure> {
    let job = &loaded.job;
    let listing = listed(place, &job.inputs.snapshots)?;
    let (snapshots, ignored) = plan::snapshots(&listing, &job.inputs.snapshots);
    let night = match (ask.night, job.night) {
        (Some(night), _) => night,
        (None, NightRule::Newest) => plan::newest(&snapshots).ok_or_else(|| {
            Failure::fix_data("no snapshot was found; expected `<date>/<feed>/<report>.parquet`")
                .at(place.display(&job.inputs.snapshots), "")
                .hint("deliver a snapshot, or mend `inputs.snapshots` in the job")
        })?,
        (None, NightRule::Today) => local_date(moment.now.as_microsecond(), &job.zone)
            .map(Night::new)
            .ok_or_else(|| Failure::fix_job("today's date lies outside the calendar"))?,
    };
    let ages = job
        .feeds
        .iter()
        .map(|(feed, f)| (feed.clone(), f.max_age_days))
        .collect();
    if let Some(pin) = view.pinned(night, ask.revision) {
        return resume(pin, &snapshots, ignored, loaded);
    }
    plan::plan(&snapshots, ignored, &ages, night, ask.revision, view)
}

/// The plan that the night's first run pinned.
fn resume(
    pin: &PinnedNight,
    snapshots: &[plan::SnapshotObject],
    ignored: Vec<String>,
    loaded: &Loaded,
) -> Result<Plan, Failure> {
    if pin.job_sha256 != loaded.job_sha256 {
        let message = format!(
            "night {} was planned with another job, threat catalogue or templates",
            pin.night
        );
        return Err(Failure::fix_job(message).hint(
            "undo the change to resume that plan, or plan the night anew with `--revision 1`",
        ));
    }
    let by_path: BTreeMap<&str, &plan::SnapshotObject> = snapshots
        .iter()
        .map(|s| (s.listed.path.as_str(), s))
        .collect();
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for pinned in &pin.snapshots {
        match by_path.get(pinned.path.as_str()) {
            Some(s) => found.push((*s).clone()),
            None => problems.push(changed(pinned, "is gone")),
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

fn changed(pinned: &PinnedObject, what: &str) -> Problem {
    Problem::new(
        &pinned.path,
        "",
        format!("the object {what} since the night was planned"),
    )
    .hint("put the old object back to resume that plan, or plan the night anew with `--revision 1`")
}

/// Opens every snapshot: all that are broken are named at once.
fn open_all(loaded: &Loaded, place: &Place, plan: &Plan) -> Result<Vec<OpenSnapshot>, Failure> {
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
    let problems = differing.map(|p| changed(p, "has changed")).collect();
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
fn pin(
    loaded: &Loaded,
    found: &Gathered,
    ask: &Ask,
    ledger: &mut Ledger,
    moment: &Moment,
) -> Result<PinnedNight, Failure> {
    if let Some(pinned) = ledger.view().pinned(found.plan.night, ask.revision) {
        check_pin(pinned, found)?;
        return Ok(pinned.clone());
    }
    let pinned = PinnedNight {
        night: found.plan.night,
        revision: ask.revision,
        run_id: moment.run_id.clone(),
        ledger_seq: ledger.view().last_seq,
        job_sha256: loaded.job_sha256.clone(),
        snapshots: pinned_snapshots(found),
        inputs: found.world.inputs.clone(),
    };
    let mut was_overtaken = false;
    ledger.append(vec![Record::Night(pinned.clone())], &mut |_, _| {
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

fn decide_night(
    loaded: &Loaded,
    night: Night,
    world: &World,
    swept: &Swept,
    view: &LedgerView,
) -> Result<Decided, Failure> {
    let cves = swept
        .hits
        .iter()
        .flat_map(|h| h.observation.cves.iter().cloned())
        .collect();
    let facts = enrich::facts(
        &cves,
        world.kev.as_ref(),
        world.epss.as_ref(),
        &world.remedies,
    )?;
    Ok(decide::decide(&decide::Input {
        settings: &loaded.job.policy,
        night,
        hits: &swept.hits,
        companies: &world.companies,
        contacts: &world.contacts,
        published: &world.published,
        threats: &loaded.catalogue.threats,
        triggers: &loaded.catalogue.triggers,
        history: &History::of(view),
        facts: &facts,
        verification_key: &loaded.secrets.verification,
        party_key: &loaded.secrets.party,
    }))
}

fn len(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
