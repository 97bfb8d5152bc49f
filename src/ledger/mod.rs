//! The ledger: who was warned of what, in numbered create-only objects on object storage.
//!
//! `<ledger>/000000000001.jsonl`, … Numbers are never reused and nothing is overwritten or
//! deleted. Each object names its writer's unique id and the hash of the object before it, so
//! that a lost reply is told from a lost race, and a missing, cut or swapped object is noticed
//! before anything is sent. JSON lines: DuckDB, Polars and `jq` read them as they stand.
//!
//! A chain cannot tell that its end is missing, so each object is written a second time below
//! another prefix before anything that it permits is done. A ledger that ends before its copy
//! is an older one, laid back; the copy is also what it is restored from.

mod chain;
mod claim_store;
mod columns;
mod columns_table;
mod compact;
pub mod crash;
mod holder;
mod keep;
mod lock;
mod probe;
mod shared;
mod stream;
mod v1;
mod v1_aftermath;
mod v1_claim;
mod v1_hold;

use std::sync::Arc;

use bytes::Bytes;

use crate::diag::Failure;
use crate::model::company::CompanyKey;
use crate::model::identity::PartyRef;
use crate::model::ledger_record::{LedgerView, Record};
use crate::model::night::Micros;
use crate::store::Place;
use chain::Chain;
pub use claim_store::ClaimStore;
use claim_store::{InPlace, create_or_read};
pub use holder::Holder;
pub use keep::Verified;
use lock::{Lock, Patience};
pub use stream::Streamed;

/// Where a ledger lies, and how long a silent run keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Prefix under the job's base.
    pub prefix: String,
    /// Prefix of the copy, outside of `prefix`.
    pub copy: String,
    /// Silence after which another run may take over, seconds; 0 is for tests: at once, and no
    /// heartbeat.
    pub takeover_secs: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: "ledger/".into(),
            copy: "ledger-copy/".into(),
            takeover_secs: 600,
        }
    }
}

/// An open ledger.
pub struct Ledger {
    store: Arc<dyn ClaimStore>,
    copy: Arc<dyn ClaimStore>,
    chain: Chain,
    /// Absent where the ledger is only read.
    lock: Option<Lock>,
    run_id: String,
    n_written: u64,
    /// Last object that stands in the copy, as far as we know.
    n_copied: u64,
    /// Last object that stands in a part.
    n_compacted: u64,
    /// The store's own time when the ledger was opened; 0 where it is only read.
    opened_at: Micros,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Number of the object; the last one where there was nothing left to write.
    pub seq: u64,
    /// Records that were written.
    pub n_records: usize,
}

impl Ledger {
    /// Opens the ledger of a base for writing: proves that its store honours create-if-absent,
    /// takes the run lock, checks the chain and the copy.
    ///
    /// # Errors
    /// `FixData` naming the damaged or missing object, or a store that races; `TryLater` where
    /// the store is not there, or naming the run that has the ledger.
    pub fn open(place: &Place, settings: &Settings, who: &Holder) -> Result<Self, Failure> {
        let mut ledger = Self::unread(place, settings, &who.run_id);
        let now = probe::probe(ledger.store.as_ref(), &who.run_id)?;
        ledger.opened_at = now;
        crash::point("probed");
        // Read first: a lock below an epoch that stands in the ledger would be worth nothing.
        ledger.refresh()?;
        let patience = Patience {
            silent_secs: settings.takeover_secs,
            now,
            floor: ledger.chain.epoch,
        };
        ledger.lock = Some(Lock::take(&ledger.store, who, patience)?);
        crash::point("locked");
        ledger.refresh()?;
        ledger.check_copy()?;
        for seq in ledger.n_copied + 1..=ledger.chain.view.last_seq {
            let bytes = ledger.must_read(seq)?;
            ledger.write_copy(seq, &bytes)?;
        }
        Ok(ledger)
    }

    /// The ledger as it stands, without a trace in the store.
    ///
    /// # Errors
    /// As [`Ledger::open`], but for the proof and the lock.
    pub fn read_only(place: &Place, settings: &Settings) -> Result<LedgerView, Failure> {
        let mut ledger = Self::unread(place, settings, "");
        ledger.refresh()?;
        ledger.check_copy()?;
        Ok(ledger.chain.view)
    }

    fn unread(place: &Place, settings: &Settings, run_id: &str) -> Self {
        let store = |prefix: &str| -> Arc<dyn ClaimStore> {
            Arc::new(InPlace {
                place: place.clone(),
                prefix: prefix.to_owned(),
            })
        };
        Self {
            store: store(&settings.prefix),
            copy: store(&settings.copy),
            chain: Chain::default(),
            lock: None,
            run_id: run_id.to_owned(),
            n_written: 0,
            n_copied: 0,
            n_compacted: 0,
            opened_at: 0,
        }
    }

    /// Everything up to the last object that was read.
    #[must_use]
    pub const fn view(&self) -> &LedgerView {
        &self.chain.view
    }

    /// Drops the records that were read, not the chain: for a writer that looks at nothing of
    /// before, such as one that lays down years of nights.
    pub fn forget(&mut self) {
        self.chain.view.records.clear();
    }

    /// The store's own time when the ledger was opened for writing: the clock that all share.
    #[must_use]
    pub const fn opened_at(&self) -> Micros {
        self.opened_at
    }

    /// Asked before each letter leaves: is this run still the one that may send?
    ///
    /// # Errors
    /// `TryLater` where another run took over.
    pub fn check_held(&self) -> Result<(), Failure> {
        match &self.lock {
            Some(lock) if lock.is_lost() => Err(lock.lose()),
            Some(_) => Ok(()),
            None => Err(Failure::our_bug("the ledger was opened for reading only")),
        }
    }

    /// Reads what is new: parts first, then single objects.
    fn refresh(&mut self) -> Result<(), Failure> {
        self.refresh_with(&mut |_| ())
    }

    /// As [`Ledger::refresh`]; `after` sees the view after each object, and may empty it.
    fn refresh_with(&mut self, after: &mut dyn FnMut(&mut LedgerView)) -> Result<(), Failure> {
        let end = self.check_listing()?;
        for span in self.parts()? {
            if span.0 == self.chain.next() {
                self.read_part(span, after)?;
            }
        }
        self.read_objects(end, after)
    }

    /// The last number in the listing; every one before it must be there.
    fn check_listing(&self) -> Result<u64, Failure> {
        let listed = keep::numbers(self.store.as_ref())?;
        let end = listed.last().copied().unwrap_or(0);
        for seq in (1..=end).filter(|seq| !listed.contains(seq)) {
            // A listing may be behind; what it leaves out is asked for by name.
            self.must_read(seq)?;
        }
        Ok(end)
    }

    /// Reads the objects that come next, one by one, up to `end` at least.
    fn read_objects(
        &mut self,
        end: u64,
        after: &mut dyn FnMut(&mut LedgerView),
    ) -> Result<(), Failure> {
        loop {
            let seq = self.chain.next();
            match self.store.read(&name(seq))? {
                Some(bytes) => self.take(seq, &bytes)?,
                None if seq <= end => return Err(self.missing(seq)),
                None => return Ok(()),
            };
            after(&mut self.chain.view);
        }
    }

    fn must_read(&self, seq: u64) -> Result<Bytes, Failure> {
        self.store
            .read(&name(seq))?
            .ok_or_else(|| self.missing(seq))
    }

    fn take(&mut self, seq: u64, bytes: &[u8]) -> Result<v1::Header, Failure> {
        self.chain
            .take(seq, bytes)
            .map_err(|message| self.damage(&name(seq), &message))
    }

    fn missing(&self, seq: u64) -> Failure {
        self.damage(
            &name(seq),
            "the object is missing, and later ones are there",
        )
    }

    fn damage(&self, name: &str, what: &str) -> Failure {
        Failure::fix_data(format!("the ledger is damaged: {what}"))
            .at(self.store.display(name), "")
            .hint("nothing was sent; move a broken object away (never delete or edit one), then `nachtwacht ledger restore` takes what is missing from the copy")
    }

    /// Appends those records that the ledger does not hold yet, see [`Ledger::append`].
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn append_missing(&mut self, records: Vec<Record>) -> Result<Appended, Failure> {
        let records = self.view().missing(records);
        self.append(records, &mut |view, records| view.missing(records))
    }

    /// Appends records as the next object, durably, and to the copy.
    ///
    /// Where another writer took the number, the ledger is read on and `recheck` says which
    /// records are still right; with none left nothing is written. "It exists" may also be the
    /// echo of our own write whose reply was lost: the writer's id tells.
    ///
    /// # Errors
    /// `TryLater` where the store is not there or another run took over; `FixData` where the
    /// ledger is damaged.
    pub fn append(
        &mut self,
        records: Vec<Record>,
        recheck: &mut dyn FnMut(&LedgerView, Vec<Record>) -> Vec<Record>,
    ) -> Result<Appended, Failure> {
        let mut records = records;
        self.n_written += 1;
        let write_id = format!("{}-{}", self.run_id, self.n_written);
        while !records.is_empty() {
            self.check_held()?;
            let epoch = self.lock.as_ref().map_or(0, |l| l.epoch);
            let seq = self.chain.next();
            let bytes = v1::write(seq, epoch, &write_id, &self.chain.last_sha256, &records)?;
            crash::point("before_append");
            let there = create_or_read(self.store.as_ref(), &name(seq), &bytes.into())?;
            crash::point("after_append");
            let header = self.take(seq, &there)?;
            self.write_copy(seq, &there)?;
            crash::point("after_copy");
            if header.write_id == write_id {
                return Ok(Appended {
                    seq,
                    n_records: records.len(),
                });
            }
            if let Some(lock) = self.lock.as_ref().filter(|l| header.epoch > l.epoch) {
                return Err(lock.lose());
            }
            records = recheck(&self.chain.view, records);
        }
        Ok(Appended {
            seq: self.chain.view.last_seq,
            n_records: 0,
        })
    }

    /// How many objects are best written at once.
    #[must_use]
    pub fn at_once(&self) -> usize {
        self.store.at_once()
    }

    /// Keeps which company a keyed hash means: one erasable object a company, written once.
    ///
    /// # Errors
    /// The store is not there.
    pub fn put_party(&self, party: PartyRef, company: &CompanyKey) -> Result<(), Failure> {
        let text = format!("{{\"v\":1,\"party_ref\":\"{party}\",\"company_key\":\"{company}\"}}\n");
        self.store
            .create(&party_name(party), text.as_bytes())
            .map(|_| ())
    }
}

/// The object that says which company a keyed hash means, below the ledger's prefix.
#[must_use]
pub fn party_name(party: PartyRef) -> String {
    format!("parties/{party}.json")
}

fn name(seq: u64) -> String {
    format!("{seq:012}.jsonl")
}

fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".jsonl")?;
    let is_number = digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}
