//! `replay`: a past night once more from what it pinned, held against what it left.
//!
//! Nothing is written but to memory. Either every hash is the same, or the input that changed is
//! named.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::hold::Gate;
use super::load::{Call, Loaded, load};
use super::night::{self, Ask};
use super::outputs::Outputs;
use super::progress::Progress;
use super::{Moment, again, in_workers, planning};
use crate::diag::{Failure, Kind, Problem};
use crate::ledger::Ledger;
use crate::model::ledger_record::{LedgerView, PinnedNight};
use crate::model::night::Night;
use crate::store::Place;

/// Recomputes a night and proves that it is the same.
///
/// # Errors
/// `FixJob` where the night was never finished, or the job changed; `FixData` naming each input
/// or output that changed; `OurBug` where the same inputs give other bytes.
pub fn replay(
    call: &Call,
    night: Night,
    revision: Option<u32>,
    moment: &Moment,
    progress: &dyn Progress,
) -> Result<String, Failure> {
    in_workers(|| replay_here(call, night, revision, moment, progress))
}

fn replay_here(
    call: &Call,
    night: Night,
    revision: Option<u32>,
    moment: &Moment,
    progress: &dyn Progress,
) -> Result<String, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let view = Ledger::read_only(&place, &loaded.job.ledger)?;
    let revision = revision.unwrap_or_else(|| view.newest_revision(night));
    let pin = view.pinned(night, revision).cloned().ok_or_else(|| {
        Failure::fix_job(format!(
            "night {night} was never planned (revision {revision})"
        ))
        .hint("`nachtwacht run JOB --night D` runs a night; replay proves one that was run")
    })?;
    let folder = loaded.run_folder(&pin);
    let memory = Place::in_memory()?;
    let ask = Ask {
        revision: Some(revision),
        until: night::Until::Plan,
        ..Ask::default()
    };
    let listing = planning::listing(&loaded, &place)?;
    let plan = planning::plan_night(&loaded, &listing, night, &ask, &view, &[])?;
    let found = night::gather(&loaded, &place, plan, Some(&pin), progress)?;
    planning::check_pin(&pin, &found)?;
    let outputs = Outputs {
        loaded: &loaded,
        place: &memory,
        pin: &pin,
        moment,
        folder: folder.clone(),
        erased: Vec::new(),
    };
    let as_of = view.as_of(pin.ledger_seq);
    let again_night = night::rendered(&outputs, found, &as_of, &Gate::Open, progress)?;
    outputs.write_plan(&again_night)?;
    let again = again::all(&outputs, &again_night, &view)?;
    outputs.write_results(&again_night, &again, &view, progress)?;
    compare(&loaded, &place, &memory, &view, &pin, &folder)
}

/// Recomputed against committed, committed against stored.
fn compare(
    loaded: &Loaded,
    place: &Place,
    memory: &Place,
    view: &LedgerView,
    pin: &PinnedNight,
    folder: &str,
) -> Result<String, Failure> {
    let then = manifest(place, folder)?;
    let now = manifest(memory, folder)?;
    let (then_hashes, now_hashes) = (hashes(&then), hashes(&now));
    let mut differing = Vec::new();
    for name in then_hashes.keys().chain(now_hashes.keys()) {
        if then_hashes.get(name) != now_hashes.get(name) && !differing.contains(name) {
            differing.push(name.clone());
        }
    }
    if text_of(&then, "content_sha256") != text_of(&now, "content_sha256") && differing.is_empty() {
        differing.push("manifest.json".into());
    }
    if !differing.is_empty() {
        let message = format!(
            "the same inputs give other bytes for {} of {} outputs, such as `{}`; the night was made by {}, this is {}",
            differing.len(),
            then_hashes.len(),
            differing.first().map_or("", String::as_str),
            text_of(&then, "program"),
            text_of(&now, "program")
        );
        return Err(Failure::our_bug(message).at(place.display(folder), ""));
    }
    let mut n_erased = 0;
    let mut problems = Vec::new();
    for (name, sha256) in &then_hashes {
        let path = format!("{folder}{name}");
        match place.get_if(&path)? {
            Some(bytes) if hex::encode(Sha256::digest(&bytes)) == *sha256 => {}
            None if view.erased().any(|e| e.covers(&path)) => n_erased += 1,
            there => problems.push(
                Problem::new(
                    place.display(&path),
                    "",
                    match there {
                        Some(_) => "the output was changed after the night",
                        None => "the output is gone, and no erasure says so",
                    },
                )
                .hint("put it back from a backup; what the night wrote is proved by this replay"),
            ),
        }
    }
    if let Some(failure) = Failure::from_problems(Kind::FixData, problems) {
        return Err(failure);
    }
    let mut text = format!("night {} of job {}: same", pin.night, loaded.job.name);
    if n_erased > 0 {
        let _ = write!(text, ", except {n_erased} erased");
    }
    let _ = writeln!(
        text,
        "\n  {} outputs, {} inputs\n  content_sha256 {}",
        then_hashes.len(),
        pin.snapshots.len() + pin.inputs.len(),
        text_of(&then, "content_sha256")
    );
    Ok(text)
}

pub(super) fn manifest(place: &Place, folder: &str) -> Result<Value, Failure> {
    let path = format!("{folder}manifest.json");
    let bytes = place.get_if(&path)?.ok_or_else(|| {
        Failure::fix_job("the night has no final manifest: its run did not end")
            .at(place.display(&path), "")
            .hint("run the night again to its end, then replay it")
    })?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Failure::fix_data(format!("the manifest is not readable: {e}"))
            .at(place.display(&path), "")
            .hint("put it back from a backup")
    })
}

fn hashes(manifest: &Value) -> BTreeMap<String, String> {
    let of = manifest.get("outputs_sha256").and_then(Value::as_object);
    let pairs = of.into_iter().flatten();
    pairs
        .map(|(name, sha)| (name.clone(), sha.as_str().unwrap_or_default().to_owned()))
        .collect()
}

fn text_of<'m>(manifest: &'m Value, key: &str) -> &'m str {
    manifest
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
