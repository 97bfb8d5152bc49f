//! Holds a night before its first letter, or lets it go: brakes, baselines, approvals.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Moment;
use super::load::Loaded;
use super::night::Gathered;
use super::outputs::{Outputs, Pass};
use super::progress::Progress;
use super::sightings;
use crate::brakes::{self, Clocks, PlannedLetter, SnapshotFacts, Tonight, approval};
use crate::decide::{Decided, Drafted};
use crate::diag::Failure;
use crate::ledger::Ledger;
use crate::model::decision::{Outcome, Reason};
use crate::model::hold::{Figures, Hold, Superseded};
use crate::model::identity::{LetterId, PartyRef};
use crate::model::ledger_record::{LedgerView, PinnedNight, Record};
use crate::model::night::{Micros, Night, local_date, local_midnight};

/// Who decides whether a plan may go.
pub(super) enum Gate<'a> {
    /// Nobody: the night went before, and is only computed again.
    Open,
    /// Brakes, by the ledger as it is now.
    Guarded {
        /// The ledger now, not as of the night's pin: approvals come later.
        ledger: &'a LedgerView,
        /// The machine's clock.
        now: Micros,
        /// The store's clock.
        store: Micros,
    },
}

/// A plan that waits for a person.
pub(super) struct Held {
    /// `letters.plan.json`, as it would leave.
    pub(super) plan: Vec<u8>,
    /// Its hash, its letters, and what stopped it.
    pub(super) hold: Hold,
    /// Approvals that there are.
    pub(super) standing: approval::Standing,
}

/// Tonight's plan in figures.
pub(super) fn tonight(
    outputs: &Outputs<'_>,
    found: &Gathered,
    decided: &Decided,
    gate: &Gate<'_>,
) -> Result<Tonight, Failure> {
    let (loaded, night) = (outputs.loaded, outputs.pin.night);
    let begins = local_midnight(night.date(), &loaded.job.zone)
        .map_err(|e| Failure::fix_job(format!("night {night} lies outside the calendar: {e}")))?;
    let (machine, store) = match gate {
        Gate::Open => (begins, begins),
        Gate::Guarded { now, store, .. } => (*now, *store),
    };
    let party = |d: &Drafted| PartyRef::of(&loaded.secrets.party, &d.letter.company.key);
    let letters = decided.letters.iter().filter(|d| d.is_sendable);
    let counts = found.swept.counts.total();
    let is_folder = outputs.place.is_local();
    Ok(Tonight {
        night,
        revision: outputs.pin.revision,
        letters: letters
            .map(|d| PlannedLetter {
                party: party(d),
                threats: threats(d),
            })
            .collect(),
        left_over: n_letters(decided, Reason::OverMaxLetters),
        snapshots: snapshots(found),
        register: register(found),
        read: counts.read,
        rejected: counts.rejected,
        clocks: Clocks {
            machine,
            store,
            night_begins: begins,
        },
        may_begin: is_folder && loaded.job.brakes.folder_sends_first_night,
    })
}

/// Letters with a decision of this reason.
pub(super) fn n_letters(decided: &Decided, reason: Reason) -> u64 {
    let decisions = decided.decisions.iter().filter(|d| d.reason == reason);
    let letters: BTreeSet<LetterId> = decisions.filter_map(|d| d.letter).collect();
    u64::try_from(letters.len()).unwrap_or(u64::MAX)
}

/// What a letter is about; an overview, what it tells of.
fn threats(drafted: &Drafted) -> BTreeSet<String> {
    let told = drafted.letter.overview.iter().flat_map(|o| &o.letters);
    let told = told.flat_map(|l| &l.threats).map(|t| t.threat.id.clone());
    let items = drafted.items.iter().map(|i| i.threat_id.to_string());
    items.chain(told).collect()
}

fn register(found: &Gathered) -> BTreeMap<String, u64> {
    let tables = found.world.tables.iter();
    tables
        .map(|(table, read, rejected)| ((*table).to_owned(), read.saturating_sub(*rejected)))
        .collect()
}

fn snapshots(found: &Gathered) -> Vec<SnapshotFacts> {
    let mut newest: BTreeMap<&str, Micros> = BTreeMap::new();
    for hit in &found.swept.hits {
        let o = &hit.observation;
        let at = newest.entry(&o.object).or_insert(o.observed_at);
        *at = (*at).max(o.observed_at);
    }
    let seen_on = |path: &str| -> Option<Date> { local_date(*newest.get(path)?, &TimeZone::UTC) };
    let halves = sightings::halves(&found.coverage);
    let facts = found.open.iter().map(|o| SnapshotFacts {
        path: o.object.listed.path.clone(),
        feed: o.object.feed.clone(),
        report: o.object.report.clone(),
        date: o.object.date,
        rows: o.n_rows,
        sha256: o.footer_sha256.clone(),
        newest_seen_on: seen_on(&o.object.listed.path),
        is_complete: !halves.contains(&o.object.scan()),
    });
    facts.collect()
}

/// Holds the night where a brake says so and nobody lifted it: its letters are marked, and no
/// longer sendable.
pub(super) fn held(
    outputs: &Outputs<'_>,
    decided: &mut Decided,
    tonight: &Tonight,
    view: &LedgerView,
    gate: &Gate<'_>,
    progress: &dyn Progress,
) -> Result<Option<Held>, Failure> {
    let Gate::Guarded { ledger, now, .. } = gate else {
        return Ok(None);
    };
    if ledger.has_begun(outputs.pin) || ledger.is_final(outputs.pin) {
        return Ok(None);
    }
    let settings = &outputs.loaded.job.brakes;
    let mut pulled = brakes::judge(settings, tonight, view);
    pulled.retain(|p| !brakes::is_lifted(p, ledger));
    if pulled.is_empty() {
        return Ok(None);
    }
    let rendered = outputs.render_letters(decided, Pass::Hash, progress)?;
    let (plan, sha256) = outputs.letter_plan(decided, &rendered)?;
    let count = |of: &mut dyn Iterator<Item = &Drafted>| {
        u64::try_from(of.filter(|d| d.is_sendable).count()).unwrap_or(u64::MAX)
    };
    let hold = Hold {
        night: outputs.pin.night,
        revision: outputs.pin.revision,
        plan_sha256: sha256,
        letters: count(&mut decided.letters.iter()),
        overviews: count(&mut decided.overviews()),
        pulled,
    };
    let standing = approval::standing(settings, ledger, &hold, *now);
    if standing.lets_go(&hold.pulled) {
        return Ok(None);
    }
    mark(decided);
    Ok(Some(Held {
        plan,
        hold,
        standing,
    }))
}

fn mark(decided: &mut Decided) {
    let mut stopped = BTreeSet::new();
    for drafted in decided.letters.iter_mut().filter(|d| d.is_sendable) {
        drafted.is_sendable = false;
        stopped.insert(drafted.letter.id);
    }
    for d in &mut decided.decisions {
        let is_stopped = d.letter.is_some_and(|id| stopped.contains(&id));
        if is_stopped && d.outcome() == Outcome::InLetters {
            d.reason = Reason::Brake;
        }
    }
}

/// Writes down that the night is held; once for each plan and reason.
pub(super) fn write_down(
    held: &Held,
    figures: &Figures,
    ledger: &mut Ledger,
) -> Result<(), Failure> {
    let hold = Record::from(held.hold.clone());
    ledger.append_missing(vec![hold, figures.clone().into()])?;
    Ok(())
}

/// What becomes of plans that are open when another one is made.
#[derive(Default)]
pub(super) struct Fates {
    /// Letters left already, or may leave: these end first.
    pub(super) finish: Vec<PinnedNight>,
    /// Nothing left: the new plan takes their snapshots.
    pub(super) give_up: Vec<Superseded>,
}

/// At most one plan is open a ledger: what must end, and what is given up, before `night` is
/// planned. Nothing where that night has a plan of its own already.
pub(super) fn fates(
    loaded: &Loaded,
    ledger: &LedgerView,
    night: Night,
    revision: u32,
    moment: &Moment,
) -> Fates {
    let mut fates = Fates::default();
    if ledger.pinned(night, revision).is_some() {
        return fates;
    }
    for pin in ledger.open_nights() {
        if ledger.has_begun(pin) || is_approved(loaded, ledger, pin, moment) {
            fates.finish.push(pin.clone());
        } else {
            fates.give_up.push(pin.given_up_for(night));
        }
    }
    fates
}

fn is_approved(loaded: &Loaded, ledger: &LedgerView, pin: &PinnedNight, moment: &Moment) -> bool {
    let of_pin = |h: &&Hold| (h.night, h.revision) == (pin.night, pin.revision);
    let Some(hold) = ledger.holds().filter(of_pin).last() else {
        return false;
    };
    let now = moment.now.as_microsecond();
    approval::standing(&loaded.job.brakes, ledger, hold, now).is_enough()
}
