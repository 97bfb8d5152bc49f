//! Reads a ledger record by record: years of nights in the memory of one part.

use super::{Ledger, Settings};
use crate::diag::Failure;
use crate::model::ledger_record::{LedgerView, Numbered};
use crate::store::Place;

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// Last object.
    pub last_seq: u64,
    /// SHA-256 of the last object, hexadecimal; empty for an empty ledger.
    pub head_sha256: String,
}

impl Ledger {
    /// Hands every record to `each`, in order, without keeping it; checks the chain and the copy
    /// as any reader does. Leaves no trace in the store.
    ///
    /// What was handed out before a failure is worth nothing.
    ///
    /// # Errors
    /// As [`Ledger::read_only`].
    pub fn stream(
        place: &Place,
        settings: &Settings,
        each: &mut dyn FnMut(&Numbered),
    ) -> Result<Streamed, Failure> {
        let mut ledger = Self::unread(place, settings, "");
        let mut drain = |view: &mut LedgerView| {
            view.records.iter().for_each(&mut *each);
            view.records.clear();
        };
        ledger.refresh_with(&mut drain)?;
        ledger.check_copy()?;
        // Another run may have written while the copy was looked at.
        drain(&mut ledger.chain.view);
        Ok(Streamed {
            last_seq: ledger.chain.view.last_seq,
            head_sha256: ledger.chain.last_sha256,
        })
    }
}
