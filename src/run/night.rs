//! The nightly run: plan, sweep, decide, render, claim, hand over, report.

use super::hold::{self, Gate};
use super::inputs::{self, Inputs};
use super::load::{Call, Loaded, load};
use super::outputs::{Again, Outputs, Pass, RenderedNight};
use super::planning::Listing;
use super::progress::Progress;
use super::sweep::{OpenSnapshot, Swept, sweep};
use super::world::World;
use super::{
    House, Moment, again, erase, give_up, hand_over, in_workers, outboxes, planning, references,
    sightings, status, world,
};
use crate::brakes;
use crate::decide::{self, Decided, history::History};
use crate::diag::{Failure, Kind};
use crate::enrich;
use crate::ledger::{Holder, Ledger, crash};
use crate::model::decision::Reason;
use crate::model::hold::{Figures, Superseded};
use crate::model::ledger_record::{LedgerView, PinnedNight, PinnedObject};
use crate::model::night::Night;
use crate::model::sighting::Coverage;
use crate::plan::Plan;
use crate::report::{self, summary::Summary};
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
    /// Counts up when new inputs are taken for a past night; the newest that was pinned where absent.
    pub revision: Option<u32>,
    /// How far.
    pub until: Until,
    /// Letters that the night may send, in place of the job's `policy.max_letters`; where absent, what
    /// the night's earlier plan was made with.
    pub max_letters: Option<u32>,
}

impl Ask {
    /// The plan of the night that is meant: the same command goes on with the newest one.
    pub(super) fn revision_of(&self, night: Night, view: &LedgerView) -> u32 {
        self.revision.unwrap_or_else(|| view.newest_revision(night))
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Figures.
    pub summary: Summary,
    /// 0; 1 where rejects or letters need a look; 2 where the night is held.
    pub exit_code: u8,
    /// Earlier nights that had to end first, in order.
    pub earlier: Vec<Summary>,
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
    preview_of(&load(call)?, call, ask, moment)
}

fn preview_of(
    loaded: &Loaded,
    call: &Call,
    ask: &Ask,
    moment: &Moment,
) -> Result<Preview, Failure> {
    let place = loaded.place(&call.env)?;
    let view = Ledger::read_only(&place, &loaded.job.ledger)?;
    let listing = planning::listing(loaded, &place)?;
    let night = planning::night_of(loaded, &place, &listing, ask, moment)?;
    let revision = ask.revision_of(night, &view);
    let fates = hold::fates(loaded, &view, night, revision, moment);
    let plan = planning::plan_night(loaded, &listing, night, ask, &view, &fates.give_up)?;
    let open = planning::open_all(loaded, &place, &plan)?;
    let pin = view.pinned(night, revision);
    let (world, _) = world_of(loaded, &place, &plan, pin)?;
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
    let loaded = load(call)?;
    let brakes = &loaded.job.brakes;
    // A job without signers says so by leaving them out; one alone is easily taken for enough.
    if brakes.signers.len() == 1 {
        tracing::warn!(
            "`brakes.signers` names one key, and above {} letters (`two_keys_above`) two must sign: \
             nobody could approve such a night, put another key there",
            brakes.two_keys_above
        );
    }
    preview_of(&loaded, call, &Ask::default(), moment)
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
    let house = House {
        call,
        loaded: &loaded,
        place: &place,
        moment,
        progress,
    };
    let mut ledger = Ledger::open(
        &place,
        &loaded.job.ledger,
        &Holder::this_process(&moment.run_id),
    )?;
    let ended = nights(&house, &mut ledger, ask);
    let summary = ended.as_ref().ok().map(|outcome| &outcome.summary);
    let written = status::write(&loaded, &place, ledger.view(), moment, summary);
    let mut outcome = ended?;
    // What became of the night is told first; a status that cannot be written comes second, and
    // is written by the next run.
    if let Err(failure) = written {
        tracing::warn!("the night's status is not written: {failure}");
        if outcome.exit_code < 2 {
            outcome.exit_code = 3;
        }
    }
    Ok(outcome)
}

/// The night that is meant, after those that must end first.
fn nights(house: &House<'_>, ledger: &mut Ledger, ask: &Ask) -> Result<Outcome, Failure> {
    let House {
        loaded,
        place,
        moment,
        ..
    } = *house;
    let listing = planning::listing(loaded, place)?;
    let night = planning::night_of(loaded, place, &listing, ask, moment)?;
    let revision = ask.revision_of(night, ledger.view());
    let hold::Fates { finish, give_up } =
        hold::fates(loaded, ledger.view(), night, revision, moment);
    let mut earlier = Vec::new();
    let mut exit_code = 0;
    for pin in &finish {
        let before = Ask {
            revision: Some(pin.revision),
            ..Ask::default()
        };
        let ready = match prepared(house, ledger, &listing, pin.night, &before, &[]) {
            Ok(ready) => ready,
            // Asked to plan the night anew: what can never go on stands in nobody's way.
            Err(why) if pin.night == night && matches!(why.kind, Kind::FixJob | Kind::FixData) => {
                tracing::warn!(night = %pin.night, revision = pin.revision, "given up: {why}");
                give_up::close(house, ledger, pin)?;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let ended = one_night(house, ledger, ready, &before)?;
        exit_code = exit_code.max(ended.exit_code);
        earlier.push(ended.summary);
    }
    let ready = prepared(house, ledger, &listing, night, ask, &give_up)?;
    let mut outcome = one_night(house, ledger, ready, ask)?;
    outcome.earlier = earlier;
    outcome.exit_code = outcome.exit_code.max(exit_code);
    Ok(outcome)
}

/// A night that is pinned, and what it reads.
struct Ready {
    pin: PinnedNight,
    found: Gathered,
}

/// Plans and pins a night, or finds what it pinned. `given_up` are the open plans that it takes
/// over from.
fn prepared(
    house: &House<'_>,
    ledger: &mut Ledger,
    listing: &Listing,
    night: Night,
    ask: &Ask,
    given_up: &[Superseded],
) -> Result<Ready, Failure> {
    let House {
        loaded,
        place,
        moment,
        progress,
        ..
    } = *house;
    let plan = planning::plan_night(loaded, listing, night, ask, ledger.view(), given_up)?;
    let revision = ask.revision_of(night, ledger.view());
    let pinned = ledger.view().pinned(night, revision);
    let found = gather(loaded, place, plan, pinned, progress)?;
    let pin = planning::pin(loaded, place, &found, ask, given_up, ledger, moment)?;
    crash::point("pinned");
    if !ledger.view().is_final(&pin) {
        inputs::keep(place, &pin, &loaded.run_folder(&pin), ledger)?;
    }
    for gone in given_up {
        if let Some(pin) = ledger.view().pinned(gone.night, gone.revision) {
            inputs::forget(place, &loaded.run_folder(pin))?;
        }
    }
    Ok(Ready { pin, found })
}

/// One night, from its pin to its end, or until a brake holds it.
fn one_night(
    house: &House<'_>,
    ledger: &mut Ledger,
    Ready { pin, found }: Ready,
    ask: &Ask,
) -> Result<Outcome, Failure> {
    let House {
        loaded,
        place,
        moment,
        progress,
        ..
    } = *house;
    let newest = found.plan.snapshots.iter().map(|s| s.date).max();
    let outputs = Outputs {
        loaded,
        place,
        pin: &pin,
        moment,
        folder: loaded.run_folder(&pin),
        erased: ledger.view().erased().cloned().collect(),
    };
    place.remove_unfinished(&outputs.folder)?;
    let view = ledger.view().as_of(pin.ledger_seq);
    let gate = Gate::Guarded {
        ledger: ledger.view(),
        now: moment.now.as_microsecond(),
        store: ledger.opened_at(),
    };
    let night = &rendered(&outputs, found, &view, &gate, progress)?;
    if let Some(held) = &night.held {
        outputs.write_held(night, held)?;
        hold::write_down(held, &night.figures, ledger)?;
        return Ok(outcome(&outputs, night, hand_over::Handed::default()));
    }
    outputs.write_plan(night)?;
    crash::point("planned");
    if ask.until == Until::Plan {
        return Ok(outcome(&outputs, night, hand_over::Handed::default()));
    }
    let (again, handed) = send(house, &outputs, night, ledger)?;
    let batches = outputs.write_results(night, &again, ledger.view(), progress)?;
    if let Some(newest) = newest {
        erase::expired(loaded, place, ledger, newest)?;
    }
    hand_over::finish(&outputs, batches, night, ledger)?;
    crash::point("before_release");
    Ok(outcome(&outputs, night, handed))
}

/// Claims and hands over; a refused letter goes to its company's next contact.
fn send(
    house: &House<'_>,
    outputs: &Outputs<'_>,
    night: &RenderedNight<'_>,
    ledger: &mut Ledger,
) -> Result<(Vec<Again>, hand_over::Handed), Failure> {
    let (loaded, place) = (house.loaded, house.place);
    let outbox = outboxes::open(loaded, house.call, place, &outputs.folder)?;
    let letters = night.decided.letters.iter().zip(&night.rendered.forms);
    let mut handed =
        hand_over::hand_over(outputs, letters, ledger, outbox.as_ref(), house.progress)?;
    let mut again = Vec::new();
    for round in 0..again::MAX_ROUNDS {
        let more = again::rendered(outputs, night, ledger.view(), round)?;
        if more.is_empty() {
            break;
        }
        let letters = more.iter().map(|a| (&a.drafted, &a.files));
        handed += hand_over::hand_over(outputs, letters, ledger, outbox.as_ref(), house.progress)?;
        again.extend(more);
    }
    Ok((again, handed))
}

/// Everything that a night reads, matched: nothing is decided yet.
pub(super) struct Gathered {
    pub(super) plan: Plan,
    pub(super) open: Vec<OpenSnapshot>,
    pub(super) world: World,
    pub(super) swept: Swept,
    /// What was scanned.
    pub(super) coverage: Vec<Coverage>,
}

pub(super) fn gather(
    loaded: &Loaded,
    place: &Place,
    plan: Plan,
    pin: Option<&PinnedNight>,
    progress: &dyn Progress,
) -> Result<Gathered, Failure> {
    progress.begin("open snapshots", len(plan.snapshots.len()));
    let open = planning::open_all(loaded, place, &plan)?;
    progress.end();
    progress.begin("read the register", 1);
    let (world, coverage) = world_of(loaded, place, &plan, pin)?;
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
        coverage,
    })
}

/// The register, the references and what was scanned: as they are now, or as they were when the
/// night was planned.
fn world_of(
    loaded: &Loaded,
    place: &Place,
    plan: &Plan,
    pin: Option<&PinnedNight>,
) -> Result<(World, Vec<Coverage>), Failure> {
    let folder = pin.map(|pin| loaded.run_folder(pin)).unwrap_or_default();
    let from = Inputs::of_plan(place, plan.night, pin, &folder);
    let mut world = world::read(loaded, from)?;
    let (coverage, objects) = sightings::coverage(loaded, from, plan)?;
    world.inputs.extend(objects);
    world.inputs.sort();
    Ok((world, coverage))
}

/// Decides and renders a night as the ledger `view` lets it.
pub(super) fn rendered<'v>(
    outputs: &Outputs<'_>,
    mut found: Gathered,
    view: &'v LedgerView,
    gate: &Gate<'_>,
    progress: &dyn Progress,
) -> Result<RenderedNight<'v>, Failure> {
    let night = found.plan.night;
    let history = History::following(view, &outputs.pin.followed);
    let [mut decided, rehearsed] = decide_night(outputs, &found.world, &found.swept, &history)?;
    references::unique(&decided.letters, view)?;
    let tonight = hold::tonight(outputs, &found, &decided, gate)?;
    let n_nights = outputs.loaded.job.brakes.history_nights;
    let figures = Figures {
        without_contact: hold::n_letters(&decided, Reason::NoContact),
        ..tonight.figures(&brakes::History::of(view, night, n_nights))
    };
    let held = hold::held(outputs, &mut decided, &tonight, view, gate, progress)?;
    let sightings = sightings::sightings(outputs.loaded, &found, &decided, &history, view);
    let rendered = outputs.render_letters(&mut decided, Pass::Write, progress)?;
    crash::point("letters_written");
    let of_decisions = report::close_sums(&mut found.swept.counts, &decided.decisions)?;
    let rows_of = found
        .open
        .iter()
        .map(|o| (o.object.listed.path.clone(), o.n_rows))
        .collect();
    Ok(RenderedNight {
        world: found.world,
        swept: found.swept,
        decided,
        rehearsed,
        of_decisions,
        rendered,
        view,
        history,
        rows_of,
        held,
        figures,
        sightings,
    })
}

fn outcome(outputs: &Outputs<'_>, night: &RenderedNight<'_>, handed: hand_over::Handed) -> Outcome {
    let summary = outputs.summary(night, &handed);
    let too_many = summary.rejects > summary.rejects_tolerated;
    let exit_code = u8::from(
        too_many || handed.unknown > 0 || handed.failed > 0 || night.rendered.n_impossible > 0,
    );
    Outcome {
        exit_code: if night.held.is_some() { 2 } else { exit_code },
        summary,
        earlier: Vec::new(),
    }
}

/// What leaves, and what threats in shadow would have added.
fn decide_night(
    outputs: &Outputs<'_>,
    world: &World,
    swept: &Swept,
    history: &History,
) -> Result<[Decided; 2], Failure> {
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
    let loaded = outputs.loaded;
    let mut settings = loaded.job.policy.clone();
    settings.max_letters = outputs.pin.max_letters.or(settings.max_letters);
    let input = decide::Input {
        settings: &settings,
        hits: &swept.hits,
        ..world.input(loaded, outputs.pin.night, history, &facts)
    };
    Ok([decide::decide(&input), decide::rehearse(&input)])
}

fn len(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
