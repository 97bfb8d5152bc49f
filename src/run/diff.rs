//! `diff`: tonight's letters against those of another night, or of another job, letter by letter.
//!
//! Both sides are recomputed into memory; nothing is written, claimed or sent. Of a night whose
//! letters left, the ledger tells what they were, so changed inputs do not matter there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::hold::{self, Gate};
use super::load::{Call, Loaded, load};
use super::night::{self, Ask};
use super::outputs::{Outputs, RenderedNight};
use super::progress::Progress;
use super::{Moment, former, in_workers, planning};
use crate::diag::{Failure, plain};
use crate::ledger::Ledger;
use crate::model::company::CompanyKey;
use crate::model::decision::ItemKind;
use crate::model::identity::{FindingId, PartyRef};
use crate::model::ledger_record::{Claim, LedgerView, PinnedNight, Record, latest};
use crate::model::night::Night;
use crate::report::diff::{self, Difference, Entry, Spot};
use crate::store::Place;

/// What a night is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Against {
    /// The night that was planned before it.
    Before,
    /// This night.
    Night(Night),
    /// The same night under another job.
    Job(PathBuf),
}

/// The difference.
///
/// # Errors
/// As a run of the night, up to its plan; `FixJob` where there is no earlier night.
pub fn diff(
    call: &Call,
    night: Night,
    against: &Against,
    moment: &Moment,
    progress: &dyn Progress,
) -> Result<Difference, Failure> {
    in_workers(|| diff_here(call, night, against, moment, progress))
}

fn diff_here(
    call: &Call,
    night: Night,
    against: &Against,
    moment: &Moment,
    progress: &dyn Progress,
) -> Result<Difference, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let view = Ledger::read_only(&place, &loaded.job.ledger)?;
    let side = |loaded: &Loaded, view: &LedgerView, night: Night, is_other_job: bool| {
        let asked = Asked {
            loaded,
            place: &place,
            view,
            night,
            is_other_job,
        };
        recomputed(&asked, moment, progress)
    };
    // What it is held against first: a night takes minutes, and may have nothing before it.
    let other_side = other_side(call, &view, night, against)?;
    let after = side(&loaded, &view, night, false)?;
    let (name, before) = match other_side {
        OtherSide::Job(job, other) => {
            let view = as_if_planned_with(&view, night, &other.job_sha256);
            let name = format!("job {}", job.display());
            (name, side(&other, &view, night, true)?.0)
        }
        OtherSide::Night(earlier) => {
            let claims = claims_of(&view, earlier);
            let entries = if claims.is_empty() {
                side(&loaded, &view, earlier, false)?.0
            } else {
                claims.into_iter().map(|c| of_claim(c, &after.1)).collect()
            };
            (format!("night {earlier}"), without_forms(entries))
        }
    };
    let title = format!("night {night} of job {}", loaded.job.name);
    Ok(diff::difference((&name, &before), (&title, &after.0)))
}

/// What a night is held against, found before anything is computed.
enum OtherSide<'a> {
    Night(Night),
    Job(&'a Path, Box<Loaded>),
}

fn other_side<'a>(
    call: &Call,
    view: &LedgerView,
    night: Night,
    against: &'a Against,
) -> Result<OtherSide<'a>, Failure> {
    let Against::Job(job) = against else {
        return Ok(OtherSide::Night(earlier(view, night, against)?));
    };
    let other = load(&Call {
        job: job.clone(),
        ..call.clone()
    })?;
    Ok(OtherSide::Job(job, Box::new(other)))
}

/// The night that is asked for, or the latest one that was planned before and not given up.
fn earlier(view: &LedgerView, night: Night, against: &Against) -> Result<Night, Failure> {
    if let Against::Night(earlier) = against {
        return Ok(*earlier);
    }
    let given_up = view.superseded();
    let is_kept = |pin: &&PinnedNight| !given_up.contains_key(&(pin.night, pin.revision));
    let planned = view.nights().filter(|pin| pin.night < night);
    let kept = planned.filter(is_kept).map(|pin| pin.night);
    kept.max().ok_or_else(|| {
        Failure::fix_job(format!("no night before {night} was planned"))
            .at("", "--against")
            .hint("name a night with `--against`, or another job with `--job`")
    })
}

/// Words of two nights always differ: the date does.
fn without_forms(entries: Vec<Entry>) -> Vec<Entry> {
    let without = |e: Entry| Entry {
        forms_sha256: None,
        ..e
    };
    entries.into_iter().map(without).collect()
}

/// A planned night refuses another job; to see what that job would do, the pin is read as if it
/// had been made with it.
fn as_if_planned_with(view: &LedgerView, night: Night, job_sha256: &str) -> LedgerView {
    let mut view = view.clone();
    for numbered in &mut view.records {
        if let Record::Night(pin) = &mut numbered.record
            && pin.night == night
        {
            job_sha256.clone_into(&mut Arc::make_mut(pin).job_sha256);
        }
    }
    view
}

/// The letters of a night that were claimed, each by its latest attempt.
fn claims_of(view: &LedgerView, night: Night) -> Vec<&Claim> {
    let is_warning = |c: &&Claim| c.items.iter().any(|i| i.kind != ItemKind::Correction);
    let warnings = view.claims_of(night).filter(is_warning);
    latest(warnings, |claim| claim.letter_id)
        .into_values()
        .collect()
}

type Names = BTreeMap<PartyRef, CompanyKey>;

fn of_claim(claim: &Claim, names: &Names) -> Entry {
    let company = names.get(&claim.party_ref).map_or_else(
        || format!("party {:.12}…", claim.party_ref.to_string()),
        CompanyKey::to_string,
    );
    let spots = claim.items.iter().map(|i| {
        let spot = Spot {
            finding_id: i.finding_id.to_string(),
            threat_id: i.threat_id.to_string(),
            kind: i.kind.to_string(),
            place: String::new(),
        };
        (i.finding_id, spot)
    });
    Entry {
        party: claim.party_ref,
        company,
        reference: claim.reference.to_string(),
        channel: claim.channel.to_string(),
        contact: claim.contact_ref,
        is_held: false,
        forms_sha256: None,
        findings: spots.collect(),
    }
}

struct Asked<'a> {
    loaded: &'a Loaded,
    place: &'a Place,
    view: &'a LedgerView,
    night: Night,
    is_other_job: bool,
}

/// The letters of a night as they would be, and the names of companies.
fn recomputed(
    asked: &Asked<'_>,
    moment: &Moment,
    progress: &dyn Progress,
) -> Result<(Vec<Entry>, Names), Failure> {
    let (loaded, view) = (asked.loaded, asked.view);
    let revision = view.newest_revision(asked.night);
    let ask = Ask {
        revision: Some(revision),
        until: night::Until::Plan,
        ..Ask::default()
    };
    let fates = hold::fates(loaded, view, asked.night, revision, moment);
    let listing = planning::listing(loaded, asked.place)?;
    let plan = planning::plan_night(loaded, &listing, asked.night, &ask, view, &fates.give_up)?;
    let found = night::gather(
        loaded,
        asked.place,
        plan,
        view.pinned(asked.night, revision),
        progress,
    )?;
    let pin = match view.pinned(asked.night, revision) {
        Some(pin) => {
            if !asked.is_other_job {
                planning::check_pin(pin, &found)?;
            }
            pin.clone()
        }
        None => PinnedNight {
            night: asked.night,
            revision,
            run_id: "diff".into(),
            ledger_seq: view.last_seq,
            job_sha256: loaded.job_sha256.clone(),
            max_letters: None,
            snapshots: Vec::new(),
            inputs: Vec::new(),
            followed: former::followed(loaded, asked.place, &found, view)?,
        },
    };
    let memory = Place::in_memory()?;
    let outputs = Outputs {
        loaded,
        place: &memory,
        pin: &pin,
        moment,
        folder: "diff/".into(),
        erased: Vec::new(),
    };
    let as_of = view.as_of(pin.ledger_seq);
    let night = night::rendered(&outputs, found, &as_of, &Gate::Open, progress)?;
    let by_party = night.world.by_party(&loaded.secrets.party);
    let names = by_party.into_iter().map(|(p, c)| (p, c.key.clone()));
    Ok((entries(&outputs, &night), names.collect()))
}

fn entries(outputs: &Outputs<'_>, night: &RenderedNight<'_>) -> Vec<Entry> {
    // Overviews follow from the other letters, and have no place of their own.
    let letters = night.decided.warnings().zip(&night.rendered.forms);
    letters
        .map(|(drafted, forms)| {
            let claim = outputs.claim(drafted);
            let mut hash = Sha256::new();
            for sha256 in forms.values() {
                hash.update(sha256.as_bytes());
            }
            let mut entry = of_claim(&claim, &BTreeMap::new());
            entry.company = drafted.letter.company.key.to_string();
            entry.is_held = !drafted.is_sendable;
            entry.forms_sha256 = Some(hex::encode(hash.finalize()));
            let places = drafted.letter.sections.iter().flat_map(|s| &s.findings);
            let places: BTreeMap<FindingId, String> = places
                .map(|f| (f.id, place_of(&f.target, f.port)))
                .collect();
            for (id, spot) in &mut entry.findings {
                spot.place = places.get(id).cloned().unwrap_or_default();
            }
            entry
        })
        .collect()
}

/// Scan fields are hostile to terminals too.
fn place_of(target: &str, port: Option<u16>) -> String {
    let shown = plain(target, usize::MAX);
    match port {
        Some(port) => format!("{shown} port {port}"),
        None => shown,
    }
}
