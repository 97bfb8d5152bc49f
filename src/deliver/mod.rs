//! Outboxes: where a claimed letter leaves the house. The ledger's claim comes before, its
//! receipt after; an outbox knows nothing of either.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::diag::Failure;
use crate::model::company::Channel;
use crate::model::ledger_record::ReceiptState;
use crate::store::Place;

/// A claimed letter, ready to go. Its files lie in the run already.
#[derive(Clone, Copy, Debug)]
pub struct Dispatch<'a> {
    /// Reference.
    pub reference: &'a str,
    /// 1 at first; more after a person found that an earlier one never left.
    pub attempt: u32,
    /// How it travels.
    pub channel: Channel,
    /// SHA-256 by file name under the run.
    pub files: &'a BTreeMap<String, String>,
}

/// What an outbox can tell about a letter that was claimed, perhaps by a run that died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// It left; its receipt was lost.
    HandedOver,
    /// It certainly did not leave.
    NotHandedOver,
    /// Nobody can tell: a person must look, the machine never sends it again.
    Unknowable,
}

/// Where letters leave the house.
///
/// Contract: after `hand_over` answers [`ReceiptState::HandedOver`], `trace` answers
/// [`Trace::HandedOver`] or [`Trace::Unknowable`], for ever and in any process. A run that was
/// taken for dead may still be handing the same letter over: [`Trace::NotHandedOver`] may be
/// answered only where both together leave one letter (such as a create-only release).
pub trait Outbox: Send + Sync {
    /// Its name in receipts.
    fn name(&self) -> &'static str;
    /// Did this letter leave already?
    ///
    /// # Errors
    /// The outbox cannot be reached.
    fn trace(&self, dispatch: &Dispatch<'_>) -> Result<Trace, Failure>;
    /// Hands one letter over, durably.
    ///
    /// # Errors
    /// The outbox cannot be reached, or a file of the letter is missing or changed.
    fn hand_over(&self, dispatch: &Dispatch<'_>) -> Result<ReceiptState, Failure>;
}

/// The default outbox: the letter's files in the run are the hand-over, and a small create-only
/// object `outbox/<reference>.json`, written last, releases them to whoever prints and posts.
pub struct Files {
    place: Place,
    folder: String,
}

impl Files {
    /// The outbox of a run; `folder` is `runs/<night>/<run>/`.
    #[must_use]
    pub const fn new(place: Place, folder: String) -> Self {
        Self { place, folder }
    }

    fn release_path(&self, dispatch: &Dispatch<'_>) -> String {
        let (folder, reference) = (&self.folder, dispatch.reference);
        match dispatch.attempt {
            0 | 1 => format!("{folder}outbox/{reference}.json"),
            again => format!("{folder}outbox/{reference}.{again}.json"),
        }
    }
}

impl Outbox for Files {
    fn name(&self) -> &'static str {
        "files"
    }

    fn trace(&self, dispatch: &Dispatch<'_>) -> Result<Trace, Failure> {
        let is_there = self.place.exists(&self.release_path(dispatch))?;
        Ok(if is_there {
            Trace::HandedOver
        } else {
            Trace::NotHandedOver
        })
    }

    fn hand_over(&self, dispatch: &Dispatch<'_>) -> Result<ReceiptState, Failure> {
        for (name, sha256) in dispatch.files {
            let path = format!("{}{name}", self.folder);
            let found = hex::encode(Sha256::digest(&self.place.get(&path)?));
            if &found != sha256 {
                return Err(Failure::fix_data("the letter's file is not the one that was rendered")
                    .at(self.place.display(&path), "")
                    .hint("somebody changed the run's folder: put the file back, then run the same command again"));
            }
        }
        let release = serde_json::json!({
            "reference": dispatch.reference,
            "channel": dispatch.channel.as_str(),
            "files_sha256": dispatch.files,
        });
        let bytes = format!("{release:#}\n");
        self.place
            .create_same(&self.release_path(dispatch), bytes.as_bytes())?;
        Ok(ReceiptState::HandedOver)
    }
}
