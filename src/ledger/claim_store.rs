//! Where the ledger's objects are kept.

use bytes::Bytes;

use crate::diag::Failure;
use crate::model::night::Micros;
use crate::store::{Created, Entry, Place};

/// Where the ledger's objects are kept. Only Create, never Update, never Delete.
pub trait ClaimStore: Send + Sync {
    /// Writes a new object, durably.
    ///
    /// # Errors
    /// Whether it was written may then be unknown: the caller reads it back.
    fn create(&self, name: &str, bytes: &[u8]) -> Result<Created, Failure>;
    /// The objects of one folder (empty, or ending in `/`), sorted by name.
    ///
    /// # Errors
    /// The store is not there.
    fn list(&self, folder: &str) -> Result<Vec<Entry>, Failure>;
    /// One object; `None` where it is not there.
    ///
    /// # Errors
    /// The store is not there.
    fn read(&self, name: &str) -> Result<Option<Bytes>, Failure>;
    /// When an object was written, by the store's own clock.
    ///
    /// # Errors
    /// The store is not there.
    fn modified(&self, name: &str) -> Result<Option<Micros>, Failure>;
    /// A name for messages.
    fn display(&self, name: &str) -> String;
    /// How many objects are best written at once.
    fn at_once(&self) -> usize {
        1
    }
}

/// Writes an object where none is, and gives what stands there now: these bytes, or what another
/// wrote. "It exists", or an error that may hide a success: only the object itself tells.
///
/// # Errors
/// The store is not there, or says that the object exists and does not show it.
pub(super) fn create_or_read(
    store: &dyn ClaimStore,
    name: &str,
    bytes: &Bytes,
) -> Result<Bytes, Failure> {
    let created = store.create(name, bytes);
    if created == Ok(Created::Ours) {
        return Ok(bytes.clone());
    }
    match (store.read(name)?, created) {
        (Some(there), _) => Ok(there),
        (None, Err(failure)) => Err(failure),
        (None, Ok(_)) => Err(Failure::try_later(
            "the store says that the object exists, and does not show it",
        )
        .at(store.display(name), "")
        .hint("run the same command again")),
    }
}

/// A ledger below a prefix of the job's base. A folder and a remote store differ inside
/// [`Place::create`]: hard link and fsync there, a conditional put here.
pub(super) struct InPlace {
    pub(super) place: Place,
    pub(super) prefix: String,
}

impl InPlace {
    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl ClaimStore for InPlace {
    fn at_once(&self) -> usize {
        self.place.at_once()
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<Created, Failure> {
        self.place.create(&self.full(name), bytes)
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>, Failure> {
        self.place.list_here(&self.full(folder))
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, Failure> {
        self.place.get_if(&self.full(name))
    }

    fn modified(&self, name: &str) -> Result<Option<Micros>, Failure> {
        self.place.modified(&self.full(name))
    }

    fn display(&self, name: &str) -> String {
        self.place.display(&self.full(name))
    }
}
