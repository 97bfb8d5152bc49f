//! Proves that a store honours create-if-absent before it is trusted with claims.

use super::ClaimStore;
use crate::diag::Failure;
use crate::model::night::Micros;
use crate::store::Created;

/// Creates one object twice, then another four times at once: one write may win, and stays.
///
/// Leaves two small objects under `probe/`; nothing is ever deleted. Answers the store's own
/// time of the first: now, by the only clock that all hosts share.
pub(super) fn probe(store: &dyn ClaimStore, run_id: &str) -> Result<Micros, Failure> {
    let twice = format!("probe/{run_id}-twice");
    // "It exists" can be the echo of our own write whose reply was lost: what stands there tells.
    if store.create(&twice, b"1")? == Created::Exists && store.read(&twice)?.is_none() {
        return Err(hidden(store, &twice));
    }
    let second = store.create(&twice, b"2")?;
    if second == Created::Ours || store.read(&twice)?.is_some_and(|there| there != b"1"[..]) {
        return Err(refuse(
            store,
            "a second create of the same object was accepted",
        ));
    }
    let race = format!("probe/{run_id}-race");
    let wins: Vec<Result<Created, Failure>> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..4u8)
            .map(|i| {
                let race = &race;
                scope.spawn(move || store.create(race, &[b'0' + i]))
            })
            .collect();
        racers
            .into_iter()
            .map(|r| {
                r.join()
                    .unwrap_or_else(|_| Err(Failure::our_bug("the probe of the store panicked")))
            })
            .collect()
    });
    let mut n_won = 0;
    for win in wins {
        n_won += usize::from(win? == Created::Ours);
    }
    // None won where the winner's reply was lost.
    if n_won > 1 {
        return Err(refuse(
            store,
            &format!("of four creates at once {n_won} were accepted; expected one"),
        ));
    }
    store.modified(&twice)?.ok_or_else(|| hidden(store, &twice))
}

fn hidden(store: &dyn ClaimStore, name: &str) -> Failure {
    Failure::try_later("the store does not show an object that was just created")
        .at(store.display(name), "")
        .hint("run the same command again")
}

fn refuse(store: &dyn ClaimStore, what: &str) -> Failure {
    Failure::fix_data(format!("the store does not honour create-if-absent: {what}"))
        .at(store.display(""), "")
        .hint("letters could be sent twice; use a store with conditional writes (S3, Azure, GCS, MinIO, a local folder), or turn them on")
}
