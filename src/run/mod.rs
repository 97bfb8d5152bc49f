//! The only place that joins I/O with pure rooms: order, concurrency, date.
//!
//! `load` reads the job, `world` the register and references, `sweep` the snapshots, `night`
//! runs the whole line, `outputs` and `hand_over` write and send. The other files are the other
//! commands.

pub mod adhoc;
mod adhoc_file;
mod adoption;
mod afterwards;
mod again;
pub mod alias;
pub mod answers;
pub mod approve;
pub mod baseline;
pub mod bounces;
pub mod desk;
pub mod diff;
pub mod erase;
pub mod explain;
pub mod fetch;
mod former;
mod give_up;
pub mod hand_over;
mod held;
mod hold;
pub mod ingest;
mod inputs;
pub mod load;
mod mail_merge;
pub mod night;
mod outboxes;
mod outputs;
mod overviews;
mod parties;
mod planning;
pub mod preview;
pub mod printed;
pub mod progress;
mod read_ahead;
pub mod rectify;
pub mod reference;
mod references;
pub mod register;
pub mod replay;
mod rounds;
mod shadow;
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

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;

use crate::model::night::{Night, local_date};
use crate::store::Place;

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

impl Moment {
    /// The calendar date in a zone; `None` outside the calendar.
    fn today(&self, zone: &jiff::tz::TimeZone) -> Option<Night> {
        local_date(self.now.as_microsecond(), zone).map(Night::new)
    }
}

/// What all that one call does has.
struct House<'a> {
    call: &'a load::Call,
    loaded: &'a load::Loaded,
    place: &'a Place,
    moment: &'a Moment,
    progress: &'a dyn progress::Progress,
}

/// Stack of a thread that typesets, bytes: the typesetter recurses deeper than the two MiB that a
/// thread gets by default.
const STACK: usize = 32 << 20;

/// Runs `work` where every thread has room for the typesetter.
fn in_workers<T: Send>(
    work: impl FnOnce() -> Result<T, crate::diag::Failure> + Send,
) -> Result<T, crate::diag::Failure> {
    workers(rayon::ThreadPoolBuilder::new().stack_size(STACK))?.install(work)
}

fn workers(of: rayon::ThreadPoolBuilder) -> Result<rayon::ThreadPool, crate::diag::Failure> {
    of.build()
        .map_err(|e| crate::diag::Failure::try_later(format!("no worker threads: {e}")))
}

/// Works on letters side by side, each thread on one at a time; results in the order of the items.
///
/// The typesetter waits for parallel work of its own. In one pool for all, a thread that waits
/// would begin the next letter, and within that the next, until its stack is full: so each thread
/// is a pool to itself.
///
/// # Errors
/// `TryLater` where the system gives no threads, `OurBug` where one died.
pub fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Result<Vec<R>, crate::diag::Failure> {
    let pools: Vec<_> = (0..rayon::current_num_threads().min(items.len()))
        .map(|_| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
            workers(pool.stack_size(STACK))
        })
        .collect::<Result<_, _>>()?;
    let next = AtomicUsize::new(0);
    let take = || {
        let at = next.fetch_add(1, Ordering::Relaxed);
        items.get(at).map(|item| (at, item))
    };
    let of_one = || {
        let taken = std::iter::from_fn(take);
        taken.map(|(at, item)| (at, work(item))).collect::<Vec<_>>()
    };
    let of_each = std::thread::scope(|scope| {
        let threads: Vec<_> = pools
            .iter()
            .map(|pool| scope.spawn(|| pool.install(of_one)))
            .collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.collect::<Result<Vec<_>, _>>()
    });
    let died = |_| crate::diag::Failure::our_bug("a thread that makes letters died");
    let mut done: Vec<(usize, R)> = of_each.map_err(died)?.into_iter().flatten().collect();
    done.sort_unstable_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}
