//! One run at a time per ledger.
//!
//! `lock/<epoch>.json` is created once and names its run; the highest epoch holds the ledger.
//! It shows that it lives by creating `lock/<epoch>.beat-<n>`, and ends with
//! `lock/<epoch>.released`. A successor creates the next epoch where the holder released, is
//! dead beyond doubt (same machine, same process table), or was silent for long: silence is
//! measured between two objects by the store's own clock, so the clocks of hosts do not matter.
//!
//! A wrong takeover is safe: every ledger object carries its epoch and the hash of the object
//! before it, so a run that was replaced cannot write after its successor's first object, and
//! what it wrote before that is read by the successor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ClaimStore;
use super::holder::Holder;
use crate::diag::Failure;
use crate::model::night::Micros;
use crate::store::{Created, Entry};

#[derive(Serialize, Deserialize)]
struct LockV1 {
    v: u32,
    epoch: u64,
    #[serde(flatten)]
    holder: Holder,
}

/// The ledger is ours until this is dropped, or another run takes over.
pub(super) struct Lock {
    pub(super) epoch: u64,
    store: Arc<dyn ClaimStore>,
    is_lost: Arc<AtomicBool>,
    /// Dropping it ends the heartbeat.
    stop: Option<Sender<()>>,
}

/// What decides whether a silent holder may be replaced.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// Silence after which a holder counts as dead; 0: at once, and no heartbeat.
    pub(super) silent_secs: u64,
    /// Now, by the store's clock.
    pub(super) now: Micros,
    /// Epochs up to this one are used, whatever `lock/` says.
    pub(super) floor: u64,
}

impl Lock {
    /// Takes the ledger.
    ///
    /// # Errors
    /// `TryLater` naming the run that has it, or where the store is not there.
    pub(super) fn take(
        store: &Arc<dyn ClaimStore>,
        who: &Holder,
        patience: Patience,
    ) -> Result<Self, Failure> {
        let entries = store.list("lock/")?;
        let listed = entries.iter().filter_map(|e| epoch_of(&e.name)).max();
        let mut epoch = listed.unwrap_or(0).max(patience.floor);
        // A listing may be behind: the next is asked for by name.
        while store.read(&name(epoch + 1))?.is_some() {
            epoch += 1;
        }
        refuse_if_held(store.as_ref(), who, epoch, &entries, patience)?;
        let epoch = epoch + 1;
        claim(store.as_ref(), who, epoch)?;
        let mut lock = Self {
            epoch,
            store: Arc::clone(store),
            is_lost: Arc::new(AtomicBool::new(false)),
            stop: None,
        };
        if patience.silent_secs > 0 {
            lock.stop = Some(lock.beat(Duration::from_secs(patience.silent_secs) / 10));
        }
        Ok(lock)
    }

    fn beat(&self, every: Duration) -> Sender<()> {
        let (stop, stopped) = mpsc::channel();
        let (store, is_lost, epoch) = (
            Arc::clone(&self.store),
            Arc::clone(&self.is_lost),
            self.epoch,
        );
        std::thread::spawn(move || {
            for n in 1u64.. {
                if stopped.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                // A store that does not answer is tried again with the next beat.
                let _ = store.create(&format!("lock/{epoch:012}.beat-{n:06}"), b"\n");
                if matches!(store.read(&name(epoch + 1)), Ok(Some(_))) {
                    is_lost.store(true, Ordering::Release);
                    return;
                }
            }
        });
        stop
    }

    /// Has another run taken over, as far as the last beat could see?
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Acquire)
    }

    /// Another run wrote with a higher epoch.
    pub(super) fn lose(&self) -> Failure {
        self.is_lost.store(true, Ordering::Release);
        Failure::try_later("another run took the ledger over while this one was silent")
            .at(self.store.display(&name(self.epoch + 1)), "")
            .hint("this run stopped; what it claimed stands, and the other run goes on from there")
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.stop = None;
        if !self.is_lost() {
            // Without it a successor waits for silence: slower, not wrong.
            let _ = self.store.create(&released(self.epoch), b"\n");
        }
    }
}

/// Creates the lock object; "it exists" may be the echo of our own write.
fn claim(store: &dyn ClaimStore, who: &Holder, epoch: u64) -> Result<(), Failure> {
    let lock = LockV1 {
        v: 1,
        epoch,
        holder: who.clone(),
    };
    let mut bytes = serde_json::to_vec(&lock)
        .map_err(|e| Failure::our_bug(format!("writing the lock: {e}")))?;
    bytes.push(b'\n');
    let created = store.create(&name(epoch), &bytes);
    if created == Ok(Created::Ours) {
        return Ok(());
    }
    match (store.read(&name(epoch))?, created) {
        (Some(there), _) if there == bytes => Ok(()),
        (Some(there), _) => Err(held(store, epoch, holder(&there).as_ref(), None)),
        (None, Err(failure)) => Err(failure),
        (None, Ok(_)) => Err(Failure::try_later(
            "the store says that the lock exists, and does not show it",
        )
        .at(store.display(&name(epoch)), "")
        .hint("run the same command again")),
    }
}

fn refuse_if_held(
    store: &dyn ClaimStore,
    who: &Holder,
    epoch: u64,
    entries: &[Entry],
    patience: Patience,
) -> Result<(), Failure> {
    let Some(bytes) = store.read(&name(epoch))? else {
        return Ok(());
    };
    if store.read(&released(epoch))?.is_some() {
        return Ok(());
    }
    let holder = holder(&bytes);
    if holder.as_ref().is_some_and(|h| who.sees_dead(h)) {
        return Ok(());
    }
    let beats = entries
        .iter()
        .filter(|e| epoch_of(&e.name) == Some(epoch))
        .map(|e| e.modified);
    let last = beats.chain(store.modified(&name(epoch))?).max();
    let silent_us = patience.now.saturating_sub(last.unwrap_or(patience.now));
    let allowed_us = i64::try_from(patience.silent_secs.saturating_mul(1_000_000));
    if silent_us >= allowed_us.unwrap_or(i64::MAX) {
        return Ok(());
    }
    let waits = patience.silent_secs.saturating_sub(secs(silent_us));
    Err(held(
        store,
        epoch,
        holder.as_ref(),
        Some((silent_us, waits)),
    ))
}

fn held(
    store: &dyn ClaimStore,
    epoch: u64,
    holder: Option<&Holder>,
    silence: Option<(Micros, u64)>,
) -> Failure {
    let mut message = "another run has the ledger".to_owned();
    if let Some(holder) = holder {
        message.push_str(&format!(": {holder}"));
    }
    let mut hint = "wait until it has ended, then run the same command again".to_owned();
    if let Some((silent_us, waits)) = silence {
        message.push_str(&format!(
            "; it last showed that it lives {} seconds ago",
            secs(silent_us)
        ));
        hint.push_str(&format!(
            "; if it died, its place can be taken after {waits} more seconds of silence"
        ));
    }
    Failure::try_later(message)
        .at(store.display(&name(epoch)), "")
        .hint(hint)
}

fn secs(us: Micros) -> u64 {
    u64::try_from(us / 1_000_000).unwrap_or(0)
}

fn holder(bytes: &[u8]) -> Option<Holder> {
    serde_json::from_slice::<LockV1>(bytes)
        .ok()
        .map(|l| l.holder)
}

fn name(epoch: u64) -> String {
    format!("lock/{epoch:012}.json")
}

fn released(epoch: u64) -> String {
    format!("lock/{epoch:012}.released")
}

fn epoch_of(name: &str) -> Option<u64> {
    name.split('.').next()?.parse().ok()
}
