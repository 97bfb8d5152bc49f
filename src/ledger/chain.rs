//! The chain: each object names the hash of the one before it, its number and its epoch.
//! Whatever does not fit is damage, and nothing is sent on a damaged ledger.

use super::v1;
use crate::model::ledger_record::{LedgerView, Numbered, Record};

/// The ledger as far as it was read, link by link.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    pub(super) view: LedgerView,
    pub(super) last_sha256: String,
    /// Highest epoch so far; an object of a lower one was written by a run that was replaced.
    pub(super) epoch: u64,
}

/// An object that was read, and not yet held against those before it: in any order, on any thread.
pub(super) struct Unlinked {
    pub(super) header: v1::Header,
    pub(super) records: Vec<Record>,
    pub(super) sha256: String,
}

impl Unlinked {
    /// Reads an object; the message says what is wrong with it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let (header, records) = v1::read(bytes)?;
        let sha256 = v1::sha256(bytes);
        Ok(Self {
            header,
            records,
            sha256,
        })
    }
}

impl Chain {
    /// Number of the next object.
    pub(super) const fn next(&self) -> u64 {
        self.view.last_seq + 1
    }

    /// Adds object `seq`; the message says what is wrong with it.
    pub(super) fn take(&mut self, seq: u64, bytes: &[u8]) -> Result<v1::Header, String> {
        self.link(seq, Unlinked::read(bytes)?)
    }

    /// Adds object `seq` that was read already.
    pub(super) fn link(&mut self, seq: u64, object: Unlinked) -> Result<v1::Header, String> {
        let Unlinked {
            header,
            records,
            sha256,
        } = object;
        if header.seq != seq || seq != self.next() {
            return Err(format!(
                "the object says that it is number {}; expected {}",
                header.seq,
                self.next()
            ));
        }
        if header.prev_sha256 != self.last_sha256 {
            return Err("the object before it is not the one that it was written after".into());
        }
        if header.epoch < self.epoch {
            return Err(format!(
                "the object has epoch {}, but one of epoch {} stands before it: a run wrote it that had been replaced",
                header.epoch, self.epoch
            ));
        }
        self.last_sha256 = sha256;
        self.epoch = header.epoch;
        self.view.last_seq = seq;
        self.view
            .records
            .extend(records.into_iter().map(|record| Numbered { seq, record }));
        Ok(header)
    }
}
