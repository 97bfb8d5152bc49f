//! The ledger: who was warned of what, in numbered create-only objects on object storage.
//!
//! `<ledger>/000000000001.jsonl`, … Numbers are never reused and nothing is overwritten or
//! deleted. Each object names its writer's unique id and the hash of the object before it, so
//! that a lost reply is told from a lost race, and a missing, cut or swapped object is noticed
//! before anything is sent. JSON lines: DuckDB, Polars and `jq` read them as they stand.

pub mod crash;
mod probe;
mod v1;

use bytes::Bytes;

use crate::diag::Failure;
use crate::model::company::CompanyKey;
use crate::model::identity::PartyRef;
use crate::model::ledger_record::{LedgerView, Numbered, Record};
use crate::store::{Created, Place};

/// Where the ledger's objects are kept. Only Create, never Update.
pub trait ClaimStore: Send + Sync {
    /// Writes a new object, durably.
    ///
    /// # Errors
    /// Whether it was written may then be unknown: the caller reads it back.
    fn create(&self, name: &str, bytes: &[u8]) -> Result<Created, Failure>;
    /// Names of all objects below a prefix, sorted.
    ///
    /// # Errors
    /// The store is not there.
    fn list(&self, prefix: &str) -> Result<Vec<String>, Failure>;
    /// One object.
    ///
    /// # Errors
    /// It is not there, or the store is not.
    fn read(&self, name: &str) -> Result<Bytes, Failure>;
    /// A name for messages.
    fn display(&self, name: &str) -> String;
}

/// A ledger below a prefix of the job's base.
struct InPlace {
    place: Place,
    prefix: String,
}

impl ClaimStore for InPlace {
    fn create(&self, name: &str, bytes: &[u8]) -> Result<Created, Failure> {
        self.place.create(&format!("{}{name}", self.prefix), bytes)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        let objects = self.place.list(&format!("{}{prefix}", self.prefix))?;
        let names = objects
            .iter()
            .filter_map(|o| o.path.strip_prefix(&self.prefix));
        Ok(names.map(str::to_owned).collect())
    }

    fn read(&self, name: &str) -> Result<Bytes, Failure> {
        self.place.get(&format!("{}{name}", self.prefix))
    }

    fn display(&self, name: &str) -> String {
        self.place.display(&format!("{}{name}", self.prefix))
    }
}

/// An open ledger.
pub struct Ledger {
    store: Box<dyn ClaimStore>,
    run_id: String,
    view: LedgerView,
    last_sha256: String,
    n_written: u64,
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
    /// Opens the ledger of a base and proves that its store honours create-if-absent.
    ///
    /// # Errors
    /// `FixData` naming the damaged or missing object, or a store that races; `TryLater` where
    /// the store is not there.
    pub fn open(place: &Place, prefix: &str, run_id: &str) -> Result<Self, Failure> {
        let store = InPlace {
            place: place.clone(),
            prefix: prefix.to_owned(),
        };
        Self::open_store(Box::new(store), run_id)
    }

    /// [`Ledger::open`] for any store.
    ///
    /// # Errors
    /// As there.
    pub fn open_store(store: Box<dyn ClaimStore>, run_id: &str) -> Result<Self, Failure> {
        probe::probe(store.as_ref(), run_id)?;
        let mut ledger = Self {
            store,
            run_id: run_id.to_owned(),
            view: LedgerView::default(),
            last_sha256: String::new(),
            n_written: 0,
        };
        ledger.refresh()?;
        Ok(ledger)
    }

    /// The ledger as it stands, without a trace in the store.
    ///
    /// # Errors
    /// As [`Ledger::open`], but for the proof.
    pub fn read_only(place: &Place, prefix: &str) -> Result<LedgerView, Failure> {
        let store = InPlace {
            place: place.clone(),
            prefix: prefix.to_owned(),
        };
        let mut ledger = Self {
            store: Box::new(store),
            run_id: String::new(),
            view: LedgerView::default(),
            last_sha256: String::new(),
            n_written: 0,
        };
        ledger.refresh()?;
        Ok(ledger.view)
    }

    /// Everything up to the last object that was read.
    #[must_use]
    pub const fn view(&self) -> &LedgerView {
        &self.view
    }

    /// Reads the objects that are new.
    fn refresh(&mut self) -> Result<(), Failure> {
        let names = self.store.list("")?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|n| number(n)).collect();
        numbers.sort_unstable();
        for seq in numbers
            .into_iter()
            .filter(|n| *n > self.view.last_seq)
            .collect::<Vec<_>>()
        {
            let expected = self.view.last_seq + 1;
            if seq != expected {
                return Err(
                    self.damage(expected, "the object is missing, and later ones are there")
                );
            }
            let bytes = self.store.read(&name(seq))?;
            self.take(seq, &bytes)?;
        }
        Ok(())
    }

    fn take(&mut self, seq: u64, bytes: &[u8]) -> Result<v1::Header, Failure> {
        let (header, records) = v1::read(bytes).map_err(|message| self.damage(seq, &message))?;
        if header.seq != seq {
            return Err(self.damage(
                seq,
                &format!("the object says that it is number {}", header.seq),
            ));
        }
        if header.prev_sha256 != self.last_sha256 {
            return Err(self.damage(
                seq,
                "the object before it is not the one that it was written after",
            ));
        }
        self.last_sha256 = v1::sha256(bytes);
        self.view.last_seq = seq;
        self.view
            .records
            .extend(records.into_iter().map(|record| Numbered { seq, record }));
        Ok(header)
    }

    fn damage(&self, seq: u64, what: &str) -> Failure {
        Failure::fix_data(format!("the ledger is damaged: {what}"))
            .at(self.store.display(&name(seq)), "")
            .hint("nothing was sent; restore the object from a backup, never delete or edit one")
    }

    /// Appends records as the next object, durably.
    ///
    /// Where another writer took the number, the ledger is read on and `recheck` says which
    /// records are still right; with none left nothing is written. "It exists" may also be the
    /// echo of our own write whose reply was lost: the writer's id tells.
    ///
    /// # Errors
    /// `TryLater` where the store is not there; `FixData` where the ledger is damaged.
    pub fn append(
        &mut self,
        records: Vec<Record>,
        recheck: &mut dyn FnMut(&LedgerView, Vec<Record>) -> Vec<Record>,
    ) -> Result<Appended, Failure> {
        let mut records = records;
        self.n_written += 1;
        let write_id = format!("{}-{}", self.run_id, self.n_written);
        while !records.is_empty() {
            let seq = self.view.last_seq + 1;
            let bytes = v1::write(seq, &write_id, &self.last_sha256, &records)?;
            crash::point("before_append");
            let created = self.store.create(&name(seq), &bytes);
            crash::point("after_append");
            if created == Ok(Created::Ours) {
                self.take(seq, &bytes)?;
                return Ok(Appended {
                    seq,
                    n_records: records.len(),
                });
            }
            // Exists, or an error that may hide a success: only the object itself tells.
            let there = match (self.store.read(&name(seq)), created) {
                (Ok(there), _) => there,
                (Err(_), Err(failure)) | (Err(failure), Ok(_)) => return Err(failure),
            };
            let header = self.take(seq, &there)?;
            if header.write_id == write_id {
                return Ok(Appended {
                    seq,
                    n_records: records.len(),
                });
            }
            self.refresh()?;
            records = recheck(&self.view, records);
        }
        Ok(Appended {
            seq: self.view.last_seq,
            n_records: 0,
        })
    }

    /// Keeps which company a keyed hash means: one erasable object a company, written once.
    ///
    /// # Errors
    /// The store is not there.
    pub fn put_party(&self, party: PartyRef, company: &CompanyKey) -> Result<(), Failure> {
        let text = format!("{{\"v\":1,\"party_ref\":\"{party}\",\"company_key\":\"{company}\"}}\n");
        self.store
            .create(&format!("parties/{party}.json"), text.as_bytes())
            .map(|_| ())
    }
}

fn name(seq: u64) -> String {
    format!("{seq:012}.jsonl")
}

fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".jsonl")?;
    let is_number = digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}
