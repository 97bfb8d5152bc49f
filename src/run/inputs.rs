//! Where a night's inputs are read: as they are now, or as they were when it was planned.
//!
//! A register is delivered anew every day, and a night that a brake held, or that died, may go on
//! days later. So the inputs of an open night lie beside its letters, below `inputs/`, until it
//! ends or is given up. Snapshots are not among them: they are large, and carry their date.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::world::listed;
use crate::diag::Failure;
use crate::ledger::{Ledger, crash};
use crate::model::ledger_record::{PinnedNight, PinnedObject};
use crate::model::night::Night;
use crate::plan::Listed;
use crate::store::Place;

/// Below a run's folder, each under the hash of its content.
pub(super) const COPIES: &str = "inputs/";

/// Reads register and references.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) place: &'a Place,
    /// Dated objects after it are not seen.
    pub(super) night: Night,
    pinned: Option<Pinned<'a>>,
}

#[derive(Clone, Copy)]
struct Pinned<'a> {
    pin: &'a PinnedNight,
    /// `runs/<night>/<run>/`.
    folder: &'a str,
}

impl<'a> Inputs<'a> {
    /// As they are now.
    pub(super) const fn now(place: &'a Place, night: Night) -> Self {
        Self {
            place,
            night,
            pinned: None,
        }
    }

    /// As they were when the night was planned, whose run is in `folder`; as they are now where
    /// it was not.
    pub(super) fn of_plan(
        place: &'a Place,
        night: Night,
        pin: Option<&'a PinnedNight>,
        folder: &'a str,
    ) -> Self {
        Self {
            place,
            night,
            pinned: pin.map(|pin| Pinned { pin, folder }),
        }
    }

    /// What lies in a folder.
    pub(super) fn list(&self, folder: &str) -> Result<Vec<Listed>, Failure> {
        let Some(Pinned { pin, .. }) = self.pinned else {
            return listed(self.place, folder);
        };
        let below = format!("{}/", folder.trim_end_matches('/'));
        let then = pin.inputs.iter().filter(|o| o.path.starts_with(&below));
        Ok(then
            .map(|o| Listed {
                path: o.path.clone(),
                size: o.size,
            })
            .collect())
    }

    /// A whole object, and what pins it. One that changed since the night was planned is read
    /// from its copy; where there is none, what there is now is answered, which the pin refuses.
    ///
    /// # Errors
    /// As [`Place::get`].
    pub(super) fn get(&self, path: &str) -> Result<(Bytes, PinnedObject), Failure> {
        let then = self.pinned.and_then(|Pinned { pin, folder }| {
            let pinned = pin.inputs.iter().find(|o| o.path == path)?;
            Some((pinned, copy_of(pinned, folder)))
        });
        let Some((pinned, copy)) = then else {
            let bytes = self.place.get(path)?;
            let object = object(path, &bytes);
            return Ok((bytes, object));
        };
        let now = self.place.get_if(path)?;
        let is_same = |bytes: &Bytes| object(path, bytes) == *pinned;
        let bytes = match now {
            Some(now) if is_same(&now) => now,
            now => match self.place.get_if(&copy)?.filter(is_same) {
                Some(then) => then,
                None => now.map_or_else(|| self.place.get(path), Ok)?,
            },
        };
        let object = object(path, &bytes);
        Ok((bytes, object))
    }
}

fn object(path: &str, bytes: &[u8]) -> PinnedObject {
    PinnedObject {
        path: path.to_owned(),
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        sha256: hex::encode(Sha256::digest(bytes)),
    }
}

fn copy_of(pinned: &PinnedObject, folder: &str) -> String {
    format!("{folder}{COPIES}{}", pinned.sha256)
}

/// Copies what an open night read beside its letters; what is there already stays.
pub(super) fn keep(
    place: &Place,
    pin: &PinnedNight,
    folder: &str,
    ledger: &Ledger,
) -> Result<(), Failure> {
    let there = place.list(&format!("{folder}{COPIES}"))?;
    for pinned in &pin.inputs {
        let copy = copy_of(pinned, folder);
        if there.iter().any(|o| o.path == copy) {
            continue;
        }
        let bytes = place.get(&pinned.path)?;
        if object(&pinned.path, &bytes) != *pinned {
            return Err(
                Failure::try_later("the object was replaced while the night was planned")
                    .at(place.display(&pinned.path), "")
                    .hint("run the same command again"),
            );
        }
        // Whoever took over may have ended the night and taken the copies away.
        ledger.check_held()?;
        place.create_same(&copy, &bytes)?;
        crash::point("input_kept");
    }
    Ok(())
}

/// What a correction read, in a file beside its letters: the ledger pins no inputs of it.
const LIST: &str = "inputs.json";

/// What a correction read that began; `None` where it did not.
pub(super) fn pinned(place: &Place, folder: &str) -> Result<Option<Vec<PinnedObject>>, Failure> {
    let path = format!("{folder}{LIST}");
    let Some(bytes) = place.get_if(&path)? else {
        return Ok(None);
    };
    let read: Result<Vec<(String, u64, String)>, _> = serde_json::from_slice(&bytes);
    let read = read.map_err(|e| {
        Failure::fix_data(format!("the list of inputs is not readable: {e}"))
            .at(place.display(&path), "")
            .hint("put it back from a backup")
    })?;
    let object = |(path, size, sha256)| PinnedObject { path, size, sha256 };
    Ok(Some(read.into_iter().map(object).collect()))
}

/// Keeps what a correction read, and its list last.
pub(super) fn pin(
    place: &Place,
    pin: &PinnedNight,
    folder: &str,
    ledger: &Ledger,
) -> Result<(), Failure> {
    keep(place, pin, folder, ledger)?;
    let list = pin.inputs.iter().map(|o| (&o.path, o.size, &o.sha256));
    let list = serde_json::to_vec(&list.collect::<Vec<_>>())
        .map_err(|e| Failure::our_bug(format!("writing a list of inputs: {e}")))?;
    place.create_same(&format!("{folder}{LIST}"), &list)
}

/// Takes the copies away: the night ended, or was given up.
pub(super) fn forget(place: &Place, folder: &str) -> Result<(), Failure> {
    for copy in place.list(&format!("{folder}{COPIES}"))? {
        place.delete(&copy.path)?;
    }
    Ok(())
}
