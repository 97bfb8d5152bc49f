//! `STOP`: while this object is in the store, no letter starts.

use std::time::Duration;

use super::{Dispatch, Handed, Outbox, Trace};
use crate::diag::Failure;
use crate::model::company::Channel;
use crate::store::Place;

/// A look at the store may last so long; an answer that is later counts as STOP.
const PATIENCE: Duration = Duration::from_secs(1);

/// The object that stops.
pub struct Stop {
    place: Place,
    path: String,
}

impl Stop {
    /// `path` is under the place's base.
    #[must_use]
    pub const fn new(place: Place, path: String) -> Self {
        Self { place, path }
    }

    /// May a letter start now?
    ///
    /// # Errors
    /// `FixJob` where the object is there; `TryLater` where nobody can tell within a second.
    pub fn check(&self) -> Result<(), Failure> {
        let shown = self.place.display(&self.path);
        match self.place.exists_within(&self.path, PATIENCE) {
            Ok(false) => Ok(()),
            Ok(true) => Err(Failure::fix_job(
                "the object is there, so no letter starts; what left before it is written down",
            )
            .at(shown, "")
            .hint("take it away when letters may go on, then run the same command again: it hands over what is missing")),
            Err(failure) => Err(Failure::try_later(format!(
                "nobody can tell whether this object is there, so no letter starts: {}",
                failure.problems.first().map_or("", |p| p.message.as_str())
            ))
            .at(shown, "")
            .hint("run the same command again when the store answers")),
        }
    }
}

/// An outbox that looks for [`Stop`] before each letter.
pub struct Guarded {
    outbox: Box<dyn Outbox>,
    stop: Stop,
}

impl Guarded {
    /// Puts the look before the outbox.
    #[must_use]
    pub const fn new(outbox: Box<dyn Outbox>, stop: Stop) -> Self {
        Self { outbox, stop }
    }
}

impl Outbox for Guarded {
    fn name(&self, channel: Channel) -> &'static str {
        self.outbox.name(channel)
    }

    fn lanes(&self, channel: Channel) -> usize {
        self.outbox.lanes(channel)
    }

    fn ready(&self) -> Result<(), Failure> {
        self.stop.check()?;
        self.outbox.ready()
    }

    fn trace(&self, dispatch: &Dispatch<'_>) -> Result<Trace, Failure> {
        self.outbox.trace(dispatch)
    }

    fn hand_over(&self, dispatch: &Dispatch<'_>) -> Result<Handed, Failure> {
        self.stop.check()?;
        self.outbox.hand_over(dispatch)
    }
}
