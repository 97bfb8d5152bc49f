//! `rectify`: takes a wrong statement back, from exactly those who got it.
//!
//! Who that is, the ledger tells: every letter of the night that was handed over and held the
//! threat. The correction is pinned first, so that the same call again has the same date and
//! words; the old references are withdrawn before the first correction leaves. Corrections are
//! claimed and handed over as any letter is.
//!
//! Each round has a folder beside the night's runs. A later call makes another round only where
//! letters came to light since, such as one that a person settled as handed over, or where a
//! correction did not arrive: that is another attempt.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::inputs::{self, Inputs};
use super::load::{Call, Loaded, fix_job, load};
use super::outputs::{Again, Outputs};
use super::progress::Progress;
use super::rounds::{Round, last_words, round};
use super::world::World;
use super::{House, Moment, hand_over, in_workers, outboxes, references, world};
use crate::config;
use crate::decide::{self, Drafted, Wrong, history::History};
use crate::diag::Failure;
use crate::ledger::{Holder, Ledger};
use crate::model::aftermath::Correction;
use crate::model::identity::{LetterId, Reference};
use crate::model::ledger_record::{
    AttemptKey, Claim, LedgerView, PinnedNight, ReceiptState, Record, latest,
};
use crate::model::night::Night;
use crate::model::threat::Threat;
use crate::render::merge;
use crate::report::verification;

/// What is taken back.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Threat that was stated wrongly.
    pub threat: String,
    /// Night whose letters stated it.
    pub night: Night,
    /// File with the reason, in Dutch and English.
    pub reason: PathBuf,
    /// Say whom it would reach, and write nothing.
    pub is_plan: bool,
}

impl Ask {
    pub(super) fn is_of(&self, pin: &Correction) -> bool {
        pin.threat_id == self.threat && pin.night == self.night
    }
}

/// Corrects a night, and says whom it reached; the exit code is 1 where somebody is left.
///
/// # Errors
/// `FixJob` where no letter of that night that was handed over held the threat, or the reason
/// cannot be read or is another than before; else as a run.
pub fn rectify(
    call: &Call,
    ask: &Ask,
    moment: &Moment,
    progress: &dyn Progress,
) -> Result<(String, u8), Failure> {
    in_workers(|| rectify_here(call, ask, moment, progress))
}

fn rectify_here(
    call: &Call,
    ask: &Ask,
    moment: &Moment,
    progress: &dyn Progress,
) -> Result<(String, u8), Failure> {
    let loaded = load(call)?;
    let threat = threat(&loaded, &ask.threat)?;
    let (reason, reason_sha256) = reason(&ask.reason)?;
    let place = loaded.place(&call.env)?;
    if ask.is_plan {
        let view = Ledger::read_only(&place, &loaded.job.ledger)?;
        let stated = stated(&view, ask);
        if stated.handed_over.is_empty() {
            return Err(nothing(&view, ask));
        }
        let round = round(&loaded, &place, ask, &view)?;
        return Ok((would_correct(ask, &stated, &round), 0));
    }
    let who = Holder::this_process(&moment.run_id);
    let mut ledger = Ledger::open(&place, &loaded.job.ledger, &who)?;
    let stated = stated(ledger.view(), ask);
    if stated.handed_over.is_empty() {
        return Err(nothing(ledger.view(), ask));
    }
    let pin = pinned(&loaded, ask, reason_sha256, &mut ledger, moment)?;
    withdraw(&stated.handed_over, &mut ledger)?;
    let round = round(&loaded, &place, ask, ledger.view())?;
    let due: Vec<Claim> = stated
        .handed_over
        .into_iter()
        .filter(|c| !round.done.contains(c.reference.as_str()))
        .collect();
    let mut said = Said {
        n_stated: due.len() + round.done.len(),
        n_before: round.done.len(),
        unknown: stated.unknown,
        ..Said::default()
    };
    if !due.is_empty() {
        let house = House {
            loaded: &loaded,
            place: &place,
            call,
            moment,
            progress,
        };
        house.corrected(&pin, &threat, &reason, &round, due, &mut ledger, &mut said)?;
    }
    Ok((said.text(ask, &pin), said.exit_code()))
}

fn threat(loaded: &Loaded, id: &str) -> Result<Arc<Threat>, Failure> {
    let threats = &loaded.catalogue.threats;
    threats.iter().find(|t| t.id == id).cloned().ok_or_else(|| {
        let known: Vec<&str> = threats.iter().map(|t| t.id.as_str()).collect();
        Failure::fix_job(format!("unknown threat `{id}`"))
            .at("", "--threat")
            .hint(format!("known threats: {}", known.join(", ")))
    })
}

/// The reason's paragraphs in Dutch and English, and the hash of its file.
fn reason(file: &Path) -> Result<([Vec<String>; 2], String), Failure> {
    let shown = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|e| {
        Failure::fix_job(format!("the reason cannot be read: {e}"))
            .at(&shown, "--reason")
            .hint("give a TOML file with `nl = \"…\"` and `en = \"…\"`")
    })?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::fix_job("the reason is not UTF-8 text").at(&shown, ""))?;
    Ok((config::reason(&shown, &text).map_err(fix_job)?, sha256))
}

/// Letters of a night that held the threat.
struct Stated {
    /// Handed over and not come back, by the latest such attempt.
    handed_over: Vec<Claim>,
    /// Nobody knows whether these left.
    unknown: Vec<Reference>,
}

fn stated(view: &LedgerView, ask: &Ask) -> Stated {
    let ends = last_words(view, ask.night);
    let mut handed_over: Vec<&Claim> = Vec::new();
    let mut unknown = Vec::new();
    let is_wrong =
        |c: &&Claim| !c.is_correction() && c.items.iter().any(|i| *i.threat_id == *ask.threat);
    for claim in view.claims_of(ask.night).filter(is_wrong) {
        match ends.get(&claim.key()) {
            Some(ReceiptState::HandedOver) => handed_over.push(claim),
            Some(_) => {}
            None => unknown.push(claim.reference.clone()),
        }
    }
    let handed_over = latest(handed_over.into_iter(), |claim| claim.letter_id);
    Stated {
        handed_over: handed_over.into_values().cloned().collect(),
        unknown,
    }
}

/// Whom a correction would reach: nothing is written, claimed or sent.
fn would_correct(ask: &Ask, stated: &Stated, round: &Round) -> String {
    let is_due = |c: &&Claim| !round.done.contains(c.reference.as_str());
    let due: Vec<&Claim> = stated.handed_over.iter().filter(is_due).collect();
    let mut text = format!(
        "{} letters of night {} stated `{}` and were handed over; {} are corrected already\n",
        stated.handed_over.len(),
        ask.night,
        ask.threat,
        round.done.len()
    );
    for claim in &due {
        let n = claim.items.iter().filter(|i| *i.threat_id == *ask.threat);
        let n = n.count();
        let part = if n < claim.items.len() {
            ", the rest of it stands"
        } else {
            ""
        };
        let _ = writeln!(text, "  {}  {n} findings{part}", claim.reference);
    }
    for reference in &stated.unknown {
        let _ = writeln!(text, "  {reference}  nobody knows whether it left");
    }
    let _ = writeln!(
        text,
        "nothing was written; without `--until plan` {} corrections leave",
        due.len()
    );
    text
}

fn nothing(view: &LedgerView, ask: &Ask) -> Failure {
    let items = view.claims_of(ask.night).flat_map(|c| &c.items);
    let threats: BTreeSet<&str> = items.map(|i| i.threat_id.as_ref()).collect();
    let threats: Vec<&str> = threats.into_iter().collect();
    let hint = if threats.is_empty() {
        "no letter of that night was claimed".to_owned()
    } else {
        format!("letters of that night are about: {}", threats.join(", "))
    };
    Failure::fix_job(format!(
        "no letter of night {} that was handed over is about `{}`",
        ask.night, ask.threat
    ))
    .at("", "--threat")
    .hint(hint)
}

/// The correction as its first call pinned it.
fn pinned(
    loaded: &Loaded,
    ask: &Ask,
    reason_sha256: String,
    ledger: &mut Ledger,
    moment: &Moment,
) -> Result<Correction, Failure> {
    if let Some(pin) = ledger.view().corrections().find(|c| ask.is_of(c)) {
        if pin.reason_sha256 == reason_sha256 {
            return Ok(pin.clone());
        }
        return Err(Failure::fix_job(format!(
            "the correction of {} was begun on {} with another reason",
            ask.night, pin.dated
        ))
        .at(ask.reason.display().to_string(), "")
        .hint("give the same file as then: letters with its words have left"));
    }
    let dated = moment
        .today(&loaded.job.zone)
        .ok_or_else(|| Failure::fix_job("today's date lies outside the calendar"))?;
    if dated < ask.night {
        return Err(Failure::fix_job(format!(
            "today is {dated}, before the night {} that is corrected",
            ask.night
        ))
        .hint("set this machine's clock right: the date stands in every letter"));
    }
    let pin = Correction {
        threat_id: ask.threat.clone(),
        night: ask.night,
        dated,
        reason_sha256,
    };
    ledger.append(vec![pin.clone().into()], &mut |_, r| r)?;
    Ok(pin)
}

/// From now on `verify` says so.
fn withdraw(letters: &[Claim], ledger: &mut Ledger) -> Result<(), Failure> {
    let receipts = letters
        .iter()
        .map(|claim| claim.receipt(ReceiptState::Withdrawn, "correction"));
    let known: BTreeSet<AttemptKey> = ledger
        .view()
        .receipts()
        .filter(|r| r.state == ReceiptState::Withdrawn)
        .map(|r| r.key())
        .collect();
    let receipts = receipts.filter(|r| match r {
        Record::Receipt(r) => !known.contains(&r.key()),
        _ => true,
    });
    let receipts: Vec<Record> = receipts.collect();
    ledger.append(receipts, &mut |view, records| view.missing(records))?;
    Ok(())
}

/// What the call says at its end.
#[derive(Default)]
struct Said {
    n_stated: usize,
    n_before: usize,
    n_corrected: usize,
    handed: hand_over::Handed,
    unreachable: Vec<Reference>,
    unknown: Vec<Reference>,
    folder: String,
}

impl Said {
    const fn exit_code(&self) -> u8 {
        let is_whole = self.unreachable.is_empty()
            && self.unknown.is_empty()
            && self.handed.failed == 0
            && self.handed.unknown == 0;
        if is_whole { 0 } else { 1 }
    }

    fn text(&self, ask: &Ask, pin: &Correction) -> String {
        let mut text = format!(
            "correction of `{}` in the letters of night {}, dated {}\n",
            ask.threat, ask.night, pin.dated
        );
        for (label, n) in [
            ("letters that stated it", self.n_stated),
            ("corrected before", self.n_before),
            ("corrected now", self.n_corrected),
        ] {
            let _ = writeln!(text, "  {label:<24}{n:>8}");
        }
        let _ = writeln!(text, "  {} new letters", self.handed.new_letters);
        if !self.folder.is_empty() {
            let _ = writeln!(text, "  {}", self.folder);
        }
        let mut list = |title: &str, references: &[Reference]| {
            if !references.is_empty() {
                let _ = writeln!(text, "\n{title}");
            }
            for reference in references {
                let _ = writeln!(text, "  {reference}");
            }
        };
        list(
            "nobody can be reached for these letters: a person must",
            &self.unreachable,
        );
        list(
            "nobody knows whether these left: `nachtwacht ledger settle`, then the same command again",
            &self.unknown,
        );
        if self.handed.failed + self.handed.unknown > 0 {
            let _ = writeln!(
                text,
                "\n{} corrections were refused, {} are unknown: see `nachtwacht status`",
                self.handed.failed, self.handed.unknown
            );
        }
        text
    }
}

impl House<'_> {
    #[expect(clippy::too_many_arguments, reason = "one round, told once")]
    fn corrected(
        &self,
        pin: &Correction,
        threat: &Arc<Threat>,
        reason: &[Vec<String>; 2],
        round: &Round,
        due: Vec<Claim>,
        ledger: &mut Ledger,
        said: &mut Said,
    ) -> Result<(), Failure> {
        let (loaded, place) = (self.loaded, self.place);
        let folder = format!("{}{}/{}/", loaded.job.runs, pin.night, round.name);
        let pinned = inputs::pinned(place, &folder)?;
        let is_pinned = pinned.is_some();
        let mut night = PinnedNight {
            night: pin.dated,
            revision: 0,
            run_id: round.name.clone(),
            ledger_seq: ledger.view().last_seq,
            job_sha256: loaded.job_sha256.clone(),
            max_letters: None,
            snapshots: Vec::new(),
            inputs: pinned.unwrap_or_default(),
            followed: Vec::new(),
        };
        let then = is_pinned.then_some(&night);
        let world = world::read(loaded, Inputs::of_plan(place, pin.dated, then, &folder))?;
        if !is_pinned {
            night.inputs.clone_from(&world.inputs);
            inputs::pin(place, &night, &folder, ledger)?;
        } else if world.inputs != night.inputs {
            return Err(
                Failure::fix_data("the register changed since this correction began")
                    .at(place.display(&folder), "")
                    .hint("put the old tables back, then run the same command again"),
            );
        }
        let outputs = Outputs {
            loaded,
            place,
            pin: &night,
            moment: self.moment,
            folder,
            erased: ledger.view().erased().cloned().collect(),
        };
        place.remove_unfinished(&outputs.folder)?;
        let drafts = self.drafts(
            &world,
            pin,
            threat,
            reason,
            &due,
            round,
            ledger.view(),
            said,
        );
        references::unique(&drafts, ledger.view())?;
        outputs.write_later_parties(&drafts, &world)?;
        let letters = outputs.render_again(drafts)?;
        let old: BTreeMap<LetterId, &Claim> = letters
            .iter()
            .filter_map(|a| Some((a.drafted.letter.id, of(&a.drafted, &due)?)))
            .collect();
        let claims = letters.iter().map(|a| claim(&outputs, a, &old)).collect();
        let ready = ready(&letters);
        let outbox = outboxes::open(loaded, self.call, place, &outputs.folder)?;
        said.handed = hand_over::claims_to(outbox.as_ref(), claims, &ready, ledger, self.progress)?;
        said.n_corrected = letters.len();
        said.folder = place.display(&outputs.folder);
        finish(&outputs, pin, &letters, &old, ledger)?;
        inputs::forget(place, &outputs.folder)
    }

    #[expect(clippy::too_many_arguments, reason = "one round, told once")]
    fn drafts(
        &self,
        world: &World,
        pin: &Correction,
        threat: &Arc<Threat>,
        reason: &[Vec<String>; 2],
        due: &[Claim],
        round: &Round,
        view: &LedgerView,
        said: &mut Said,
    ) -> Vec<Drafted> {
        let loaded = self.loaded;
        let by_party = world.by_party(&loaded.secrets.party);
        let mut wrong = Vec::new();
        for claim in due {
            match by_party.get(&claim.party_ref) {
                Some(company) => wrong.push(Wrong {
                    claim,
                    company: Arc::clone(company),
                }),
                None => said.unreachable.push(claim.reference.clone()),
            }
        }
        let (history, facts) = (History::of(view), BTreeMap::new());
        let input = world.input(loaded, pin.dated, &history, &facts);
        let drafts = decide::corrections(&input, threat, reason, &wrong, &round.attempts);
        let (sendable, rest): (Vec<_>, Vec<_>) = drafts.into_iter().partition(|d| d.is_sendable);
        let unsent = rest.iter().filter_map(|d| d.letter.correction.as_ref());
        said.unreachable.extend(unsent.map(|c| c.reference.clone()));
        sendable
    }
}

/// The claim of the letter that a correction takes back.
fn of<'c>(drafted: &Drafted, due: &'c [Claim]) -> Option<&'c Claim> {
    let back = drafted.letter.correction.as_ref()?;
    due.iter()
        .find(|c| c.reference == back.reference && c.night == back.night)
}

/// Attributes stay those that were frozen with the wrong letter: statistics count it off there.
fn claim(outputs: &Outputs<'_>, again: &Again, old: &BTreeMap<LetterId, &Claim>) -> Claim {
    let claim = outputs.claim(&again.drafted);
    match old.get(&claim.letter_id) {
        Some(old) => Claim {
            frozen: old.frozen.clone(),
            ..claim
        },
        None => claim,
    }
}

fn ready(letters: &[Again]) -> hand_over::ByLetter<'_> {
    let of = |a: &'_ Again| a.drafted.letter.id;
    letters
        .iter()
        .map(|a| {
            let letter = &a.drafted.letter;
            let ready = hand_over::Ready {
                company: &letter.company.key,
                recipient: &letter.recipient.value,
                files: &a.files,
            };
            (of(a), ready)
        })
        .collect()
}

/// Mail merge, verification list, batches; last what ends the round.
fn finish(
    outputs: &Outputs<'_>,
    pin: &Correction,
    letters: &[Again],
    old: &BTreeMap<LetterId, &Claim>,
    ledger: &mut Ledger,
) -> Result<(), Failure> {
    let merged = letters.iter().map(|a| merge::MergeLetter {
        letter: &a.drafted.letter,
        pages: a.pages,
    });
    let (mut files, batches) = outputs.merged(merged.collect())?;
    let references: Vec<Reference> = letters
        .iter()
        .map(|a| a.drafted.letter.reference.clone())
        .collect();
    let key = &outputs.loaded.secrets.verification;
    files.push((
        format!("verification/{}.json", pin.dated),
        verification::list(pin.dated, key, &references)?,
    ));
    outputs.write_all(files)?;
    ledger.append_missing(batches.into_iter().map(Record::from).collect())?;
    let told: Vec<Value> = letters
        .iter()
        .filter_map(|a| {
            let letter = &a.drafted.letter;
            let of = old.get(&letter.id)?;
            Some(json!({ "reference": letter.reference.as_str(), "of": of.reference.as_str() }))
        })
        .collect();
    let done = json!({
        "nachtwacht_correction": 1,
        "threat_id": pin.threat_id,
        "night": pin.night.to_string(),
        "dated": pin.dated.to_string(),
        "reason_sha256": pin.reason_sha256,
        "letters": told,
    });
    outputs.write("correction.json", format!("{done:#}\n").as_bytes())
}
