//! The only place that joins I/O with pure rooms: order, concurrency, date.
//!
//! `load` reads the job, `world` the register and references, `sweep` the snapshots, `night`
//! runs the whole line, `outputs` and `hand_over` write and send. The other files are the other
//! commands.

pub mod adhoc;
mod adoption;
mod afterwards;
mod again;
pub mod answers;
pub mod approve;
pub mod baseline;
pub mod bounces;
pub mod desk;
pub mod diff;
pub mod erase;
pub mod explain;
pub mod fetch;
pub mod hand_over;
mod held;
mod hold;
pub mod ingest;
pub mod load;
mod mail_merge;
pub mod night;
mod outboxes;
mod outputs;
mod planning;
pub mod preview;
pub mod printed;
pub mod progress;
mod read_ahead;
pub mod rectify;
pub mod reference;
pub mod register;
pub mod replay;
mod sightings;
mod spill;
pub mod statistics;
pub mod status;
mod sweep;
pub mod unconfirmed;
pub mod verify;
mod where_to;
mod why_not;
mod world;

use jiff::Timestamp;

/// The clock and the dice of the process: read here, handed down as values.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// A run's random name: part of paths only, never of a hashed byte.
    pub run_id: String,
}

impl Moment {
    /// Reads the clock and draws a name.
    ///
    /// # Errors
    /// `TryLater` where the system has no randomness.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the clock is read"
    )]
    pub fn read() -> Result<Self, crate::diag::Failure> {
        let mut bytes = [0u8; 8];
        getrandom::fill(&mut bytes).map_err(|e| {
            crate::diag::Failure::try_later(format!("the system gives no random bytes: {e}"))
        })?;
        Ok(Self {
            now: Timestamp::now(),
            run_id: hex::encode(bytes),
        })
    }
}

/// Runs `work` where every thread has room for the typesetter: it recurses deeper than the two
/// MiB that a worker thread gets by default.
fn in_workers<T: Send>(
    work: impl FnOnce() -> Result<T, crate::diag::Failure> + Send,
) -> Result<T, crate::diag::Failure> {
    let workers = rayon::ThreadPoolBuilder::new()
        .stack_size(32 << 20)
        .build()
        .map_err(|e| crate::diag::Failure::try_later(format!("no worker threads: {e}")))?;
    workers.install(work)
}
