//! `STOP`: while this object is in the store, no letter starts.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Dispatch, Handed, Outbox, Trace};
use crate::diag::{Failure, Kind};
use crate::model::company::Channel;
use crate::store::Place;

/// A look at the store may last so long; an answer that is later counts as STOP.
const LOOK: Duration = Duration::from_secs(1);

/// A store that answers late is asked again for so long; meanwhile no letter starts.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one look found holds for the letters beside it, from when it was asked: a letter starts a
/// second after STOP at most.
const HOLDS: Duration = Duration::from_millis(250);

/// The object that stops.
pub struct Stop {
    place: Place,
    path: String,
    patience: Duration,
    absent: Mutex<Option<Instant>>,
}

impl Stop {
    /// `path` is under the place's base.
    #[must_use]
    pub const fn new(place: Place, path: String) -> Self {
        Self {
            place,
            path,
            patience: PATIENCE,
            absent: Mutex::new(None),
        }
    }

    /// How long a store that answers late is asked again; 30 s if not said.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// May a letter start now?
    ///
    /// # Errors
    /// `FixJob` where the object is there; `TryLater` where nobody can tell.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a store takes to answer; nothing else hangs on it"
    )]
    pub fn check(&self) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            // Those beside wait for this look: one answer is for all of them.
            let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = Instant::now();
            if absent.is_some_and(|asked| asked.elapsed() < HOLDS) {
                return Ok(());
            }
            match self.place.exists_within(&self.path, LOOK) {
                Ok(false) => {
                    *absent = Some(asked);
                    return Ok(());
                }
                Ok(true) => return Err(self.is_there()),
                Err(late) if late.kind == Kind::TryLater && began.elapsed() < self.patience => {
                    tracing::debug!("no letter starts: {late}");
                    drop(absent);
                    std::thread::sleep(HOLDS);
                }
                Err(failure) => return Err(self.unreadable(&failure)),
            }
        }
    }

    fn is_there(&self) -> Failure {
        Failure::fix_job(
            "the object is there, so no letter starts; what left before it is written down",
        )
        .at(self.place.display(&self.path), "")
        .hint("take it away when letters may go on, then run the same command again: it hands over what is missing")
    }

    fn unreadable(&self, failure: &Failure) -> Failure {
        Failure::try_later(format!(
            "nobody can tell whether this object is there, so no letter starts: {}",
            failure.problems.first().map_or("", |p| p.message.as_str())
        ))
        .at(self.place.display(&self.path), "")
        .hint("run the same command again when the store answers")
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
