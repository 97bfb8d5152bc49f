//! The default outbox: the letter's files in the run are the hand-over.

use super::{Dispatch, Handed, Outbox, Trace, unchanged};
use crate::diag::Failure;
use crate::model::company::Channel;
use crate::store::Place;

/// What receipts call it.
pub const FILES: &str = "files";
/// As [`FILES`], of letters that leave with a list.
pub const MERGE: &str = "merge";

/// A small create-only object `outbox/<name>.json`, written last, releases a letter's files
/// to whoever prints, posts or mails them.
pub struct Files {
    place: Place,
    folder: String,
    name: &'static str,
}

impl Files {
    /// The outbox of a run; `folder` is `runs/<night>/<run>/`.
    #[must_use]
    pub const fn new(place: Place, folder: String) -> Self {
        Self {
            place,
            folder,
            name: FILES,
        }
    }

    /// The same for letters that leave with a list, out of somebody's own mail program.
    #[must_use]
    pub fn for_merge(self) -> Self {
        Self {
            name: MERGE,
            ..self
        }
    }

    fn release_path(&self, dispatch: &Dispatch<'_>) -> String {
        format!("{}outbox/{}.json", self.folder, dispatch.name())
    }
}

impl Outbox for Files {
    fn name(&self, _: Channel) -> &'static str {
        self.name
    }

    fn lanes(&self, _: Channel) -> usize {
        self.place.at_once()
    }

    fn trace(&self, dispatch: &Dispatch<'_>) -> Result<Trace, Failure> {
        let is_there = self.place.exists(&self.release_path(dispatch))?;
        Ok(if is_there {
            Trace::HandedOver
        } else {
            Trace::NotHandedOver
        })
    }

    fn hand_over(&self, dispatch: &Dispatch<'_>) -> Result<Handed, Failure> {
        for (name, sha256) in dispatch.files {
            unchanged(&self.place, &self.folder, name, sha256)?;
        }
        let release = serde_json::json!({
            "reference": dispatch.reference,
            "channel": dispatch.channel.as_str(),
            "files_sha256": dispatch.files,
        });
        let bytes = format!("{release:#}\n");
        self.place
            .create_same(&self.release_path(dispatch), bytes.as_bytes())?;
        Ok(Handed::HandedOver)
    }
}
