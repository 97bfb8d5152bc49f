//! Fetches pieces of work while earlier ones are computed, within a budget of bytes.
//!
//! A few threads wait for the store so that the processors need not: what is fetched and not yet
//! used counts against the budget, so that memory does not follow the size of the input.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::diag::Failure;

/// Pieces that are fetched at once.
const FETCHERS: usize = 6;

/// Bytes that may be fetched and not used yet.
pub const BUDGET: u64 = 256 << 20;

/// Fetches all of `work` in order and computes it in parallel; gives the results in the order of
/// `work`. `size` is what a piece weighs, in bytes; one piece alone may exceed the budget.
///
/// # Errors
/// The first failure that was met; what was not begun by then is not fetched.
pub fn read_ahead<W: Sync, F: Send, R: Send>(
    work: &[W],
    budget: u64,
    size: impl Fn(&W) -> u64 + Sync,
    fetch: impl Fn(&W) -> Result<F, Failure> + Sync,
    compute: impl Fn(&W, F) -> Result<R, Failure> + Sync,
) -> Result<Vec<R>, Failure> {
    let next = AtomicUsize::new(0);
    let budget = Budget::of(budget);
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let (send, receive) = sync_channel(work.len().clamp(1, 2 * FETCHERS));
        for _ in 0..FETCHERS.min(work.len()) {
            let send = send.clone();
            let (next, budget, size, fetch) = (&next, &budget, &size, &fetch);
            scope.spawn(move || {
                while let Some((n, piece)) = take(next, work)
                    && budget.take(size(piece))
                    && send.send((n, piece, fetch(piece))).is_ok()
                {}
            });
        }
        drop(send);
        let _closes = Closes(&budget);
        let results = receive.into_iter().par_bridge().map(|(n, piece, fetched)| {
            let computed = fetched.and_then(|fetched| compute(piece, fetched));
            budget.give(size(piece));
            // Whoever waits for bytes must not fetch what nobody will use.
            computed.map(|r| (n, r)).inspect_err(|_| budget.close())
        });
        results.collect::<Result<_, Failure>>()
    })?;
    results.sort_unstable_by_key(|result| result.0);
    Ok(results.into_iter().map(|result| result.1).collect())
}

fn take<'w, W>(next: &AtomicUsize, work: &'w [W]) -> Option<(usize, &'w W)> {
    let n = next.fetch_add(1, Ordering::Relaxed);
    Some((n, work.get(n)?))
}

/// Closes the budget at the end, be it a panic: nobody may wait for ever.
struct Closes<'a>(&'a Budget);

impl Drop for Closes<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Bytes in flight.
struct Budget {
    most: u64,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    in_flight: u64,
    is_closed: bool,
}

impl Budget {
    const fn of(most: u64) -> Self {
        Self {
            most,
            state: Mutex::new(State {
                in_flight: 0,
                is_closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Two numbers are whole after any panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until these bytes fit; `false` once nobody wants them any more.
    fn take(&self, bytes: u64) -> bool {
        let is_full = |state: &mut State| {
            !state.is_closed
                && state.in_flight > 0
                && state.in_flight.saturating_add(bytes) > self.most
        };
        let state = self.changed.wait_while(self.state(), is_full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.in_flight = state.in_flight.saturating_add(bytes);
        !state.is_closed
    }

    fn give(&self, bytes: u64) {
        let mut state = self.state();
        state.in_flight = state.in_flight.saturating_sub(bytes);
        drop(state);
        self.changed.notify_all();
    }

    fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use super::*;

    #[test]
    fn everything_is_computed_once_in_order_and_within_the_budget() {
        let work: Vec<u64> = (0..500).map(|n| n * 37 % 100).collect();
        let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let fetch = |n: &u64| {
            let now = held.fetch_add(*n, Ordering::SeqCst) + n;
            most.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(Duration::from_micros(*n));
            Ok(*n)
        };
        let compute = |n: &u64, fetched: u64| {
            assert_eq!(*n, fetched);
            held.fetch_sub(fetched, Ordering::SeqCst);
            Ok(n * 2)
        };
        let results = read_ahead(&work, 250, |n| *n, fetch, compute).unwrap();
        let want: Vec<u64> = work.iter().map(|n| n * 2).collect();
        assert_eq!(results, want);
        let most = most.into_inner();
        assert!((100..=250).contains(&most), "{most}");
    }

    #[test]
    fn a_piece_larger_than_the_budget_goes_alone() {
        let results = read_ahead(&[1u64, 900, 2], 10, |n| *n, |n| Ok(*n), |_, n| Ok(n)).unwrap();
        assert_eq!(results, [1, 900, 2]);
    }

    #[test]
    fn nothing_is_no_work() {
        let results = read_ahead(&[] as &[u64], 10, |n| *n, |n| Ok(*n), |_, n| Ok(n));
        assert_eq!(results.unwrap(), [] as [u64; 0]);
    }

    #[test]
    fn a_failure_ends_it_be_it_of_the_fetch_or_of_the_computation() {
        let work: Vec<u64> = (0..10_000).collect();
        let n_fetched = AtomicU64::new(0);
        let fetch = |n: &u64| {
            n_fetched.fetch_add(1, Ordering::SeqCst);
            if *n == 40 {
                return Err(Failure::try_later("gone").at("object 40", ""));
            }
            Ok(*n)
        };
        let failure = read_ahead(&work, 100, |_| 10, fetch, |_, n| Ok(n)).unwrap_err();
        assert!(failure.to_string().contains("object 40"), "{failure}");
        let compute = |_: &u64, n: u64| match n {
            7 => Err(Failure::fix_data("broken")),
            n => Ok(n),
        };
        assert!(read_ahead(&work, 100, |_| 10, |n| Ok(*n), compute).is_err());
        assert!(n_fetched.into_inner() < 1000);
    }
}
