//! Reads a ledger as columns: years of nights in the memory of a few parts.
//!
//! Where a part has columns, its lines are not read: the columns' own hashes are checked, and that
//! each part goes on where the one before it ended. What comes after the last part, and the hash of
//! the object at its end, tie them to the ledger itself. Everything else is read line by line.

use std::sync::Arc;

use bytes::Bytes;
use rayon::prelude::*;

use super::claim_store::create_or_read;
use super::columns::{self, Part, Wrong};
use super::compact::Objects;
use super::keep::checked;
use super::{ClaimStore, Ledger, Settings, compact, name, v1};
use crate::diag::Failure;
use crate::model::columns::Columns;
use crate::model::encoder::Encoder;
use crate::model::ledger_record::{LedgerView, Numbered};
use crate::store::Place;

/// Records that are made into columns at once, where they are read line by line.
const RECORDS_AT_ONCE: usize = 1 << 15;

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// Last object.
    pub last_seq: u64,
    /// SHA-256 of the last object, hexadecimal; empty for an empty ledger.
    pub head_sha256: String,
    /// Objects whose columns were read in place of their lines.
    pub n_as_columns: u64,
}

/// Where columns go.
type Each<'e> = &'e mut dyn FnMut(&Columns);

impl Ledger {
    /// Hands every record to `each`, as columns, in order, without keeping it; checks the chain and
    /// the copy as any reader does. Leaves no trace in the store.
    ///
    /// What was handed out before a failure is worth nothing.
    ///
    /// # Errors
    /// As [`Ledger::read_only`]; `FixData` naming the columns of a part that are damaged.
    pub fn stream(
        place: &Place,
        settings: &Settings,
        each: &mut dyn FnMut(&Columns),
    ) -> Result<Streamed, Failure> {
        let mut ledger = Self::unread(place, settings, "");
        let mut encoder = Encoder::default();
        let mut n_as_columns = 0;
        let end = ledger.check_listing()?;
        let spans = ledger.parts()?;
        // Room for a few parts, used again and again: a part of 512 objects can take 100 MB.
        let mut room = vec![Part::default(); rayon::current_num_threads().clamp(1, 4)];
        for some in spans.chunks(room.len()) {
            let store = &ledger.store;
            let read = some.par_iter().zip(room.par_iter_mut());
            let read = read.map(|(span, part)| read_columns(store, *span, part));
            let read: Vec<Result<bool, Failure>> = read.collect();
            for ((span, part), has_columns) in some.iter().zip(&mut room).zip(read) {
                if has_columns? {
                    ledger.follow(part, &encoder)?;
                    n_as_columns += span.1 + 1 - span.0;
                    each(&part.columns);
                    encoder.resume(&mut part.columns);
                } else {
                    ledger.lines(*span, &mut encoder, each)?;
                }
            }
        }
        drop(room);
        if n_as_columns > 0
            && let Some(span) = spans.last()
        {
            ledger.check_tie(*span)?;
        }
        let mut waiting = Vec::new();
        ledger.read_objects(end, &mut |view| {
            waiting.append(&mut view.records);
            if waiting.len() >= RECORDS_AT_ONCE {
                each(&encoder.encode(&std::mem::take(&mut waiting)));
            }
        })?;
        ledger.check_copy()?;
        // Another run may have written while the copy was looked at.
        waiting.append(&mut ledger.chain.view.records);
        each(&encoder.encode(&waiting));
        Ok(Streamed {
            last_seq: ledger.chain.view.last_seq,
            head_sha256: ledger.chain.last_sha256,
            n_as_columns,
        })
    }

    /// A part line by line.
    fn lines(
        &mut self,
        span: (u64, u64),
        encoder: &mut Encoder,
        each: Each<'_>,
    ) -> Result<(), Failure> {
        let mut waiting: Vec<Numbered> = Vec::new();
        self.read_part(span, &mut |view: &mut LedgerView| {
            waiting.append(&mut view.records);
            if waiting.len() >= RECORDS_AT_ONCE {
                each(&encoder.encode(&std::mem::take(&mut waiting)));
            }
        })?;
        each(&encoder.encode(&waiting));
        if self.n_compacted != span.1 {
            return Err(self.gone(span));
        }
        Ok(())
    }

    fn gone(&self, (first, last): (u64, u64)) -> Failure {
        let part = self.store.display(&compact::name(first, last));
        Failure::try_later("a part of the ledger was there a moment ago, and is not whole now")
            .at(part, "")
            .hint("run the same command again")
    }

    /// Goes on behind a part whose columns were read.
    fn follow(&mut self, part: &Part, encoder: &Encoder) -> Result<(), Failure> {
        let link = &part.link;
        self.check_between(part, &self.chain.last_sha256, encoder)?;
        if link.epoch < self.chain.epoch {
            let what = "they have a lower epoch than the part before them";
            return Err(columns_damaged(
                self.store.as_ref(),
                (link.first, link.last),
                what,
            ));
        }
        self.chain.view.last_seq = link.last;
        self.chain.last_sha256.clone_from(&link.last_sha256);
        self.chain.epoch = link.epoch;
        self.n_compacted = link.last;
        Ok(())
    }

    /// Were these columns made after the part that ends with that hash, and after those numbers?
    fn check_between(&self, part: &Part, before: &str, encoder: &Encoder) -> Result<(), Failure> {
        let what = if part.link.prev_sha256 != before {
            "the part before them is not the one that they were made after"
        } else if part.columns.before != encoder.sizes() {
            "their numbers do not go on where those of the parts before them end"
        } else {
            return Ok(());
        };
        let span = (part.link.first, part.link.last);
        Err(columns_damaged(self.store.as_ref(), span, what))
    }

    /// Holds the end of the last part against the ledger's own object, or against the part's lines
    /// where the objects are kept elsewhere.
    fn check_tie(&self, (first, last): (u64, u64)) -> Result<(), Failure> {
        let object = match self.store.read(&name(last))? {
            Some(object) => object.to_vec(),
            None => self
                .lines_of((first, last))?
                .pop()
                .map(|(_, object)| object)
                .unwrap_or_default(),
        };
        self.check_end((first, last), &self.chain.last_sha256, Some(&object))
    }

    /// Is the object at the end of a part the one that its columns end with, where it is there?
    fn check_end(
        &self,
        (first, last): (u64, u64),
        sha256: &str,
        object: Option<&[u8]>,
    ) -> Result<(), Failure> {
        if object.is_none_or(|object| v1::sha256(object) == sha256) {
            return Ok(());
        }
        let what = format!("object {last} of the ledger is not the one that they end with");
        Err(columns_damaged(self.store.as_ref(), (first, last), &what))
    }

    /// Makes columns for every part that has none; answers how many.
    ///
    /// # Errors
    /// `FixData` where a part or its columns are damaged; `TryLater` where the store is not there.
    pub fn write_columns(&mut self) -> Result<u64, Failure> {
        self.check_held()?;
        let mut encoder = Encoder::default();
        let mut n_made = 0;
        let mut before = String::new();
        for (first, last) in self.parts()? {
            if let Some(mut part) = columns_of(&self.store, (first, last))? {
                // What is made after them builds on their numbers.
                self.check_between(&part, &before, &encoder)?;
                let object = self.store.read(&name(last))?;
                self.check_end((first, last), &part.link.last_sha256, object.as_deref())?;
                encoder.resume(&mut part.columns);
                before = part.link.last_sha256;
                continue;
            }
            let part = self.columns_from_lines((first, last), &mut encoder)?;
            before.clone_from(&part.link.last_sha256);
            for (name, bytes) in columns::write(&part)? {
                let name = format!("{}{name}", columns::folder(first, last));
                self.create_same(&name, &bytes.into())?;
            }
            n_made += 1;
        }
        Ok(n_made)
    }

    /// Columns of a part, out of its lines.
    pub(super) fn columns_from_lines(
        &self,
        span: (u64, u64),
        encoder: &mut Encoder,
    ) -> Result<Part, Failure> {
        let objects = self.lines_of(span)?;
        let mut maker = columns::Maker::new(span);
        for (seq, object) in checked(&objects) {
            let object = object.map_err(|what| self.part_damaged(span, &what))?;
            maker.add(seq, object);
        }
        Ok(maker.finish(encoder))
    }

    fn lines_of(&self, (first, last): (u64, u64)) -> Result<Vec<(u64, Vec<u8>)>, Failure> {
        let part = compact::name(first, last);
        let bytes = self.store.read(&part)?;
        let bytes = bytes.ok_or_else(|| self.gone((first, last)))?;
        let objects = Objects::of(bytes).and_then(Iterator::collect);
        objects.map_err(|what| self.part_damaged((first, last), &what))
    }

    /// A new object; where it is there already it must be the same.
    fn create_same(&self, name: &str, bytes: &Bytes) -> Result<(), Failure> {
        if create_or_read(self.store.as_ref(), name, bytes)? == bytes {
            return Ok(());
        }
        Err(Failure::fix_data("unfinished columns of other bytes are in the way")
            .at(self.store.display(name), "")
            .hint("the folder has no `columns.jsonl`, so nobody reads it: move it away, then `nachtwacht ledger compact` makes it anew"))
    }
}

/// The columns of a part, checked within themselves; `None` where it has none.
pub(super) fn columns_of(
    store: &Arc<dyn ClaimStore>,
    span: (u64, u64),
) -> Result<Option<Part>, Failure> {
    let mut part = Part::default();
    Ok(read_columns(store, span, &mut part)?.then_some(part))
}

fn read_columns(
    store: &Arc<dyn ClaimStore>,
    span: (u64, u64),
    part: &mut Part,
) -> Result<bool, Failure> {
    columns::read(span, &|name| store.read(name), part).map_err(|wrong| match wrong {
        Wrong::Store(failure) => failure,
        Wrong::Object(name, what) => {
            let name = format!("{}{name}", columns::folder(span.0, span.1));
            columns_broken(store.as_ref(), &name, &what)
        }
    })
}

pub(super) fn columns_damaged(
    store: &dyn ClaimStore,
    (first, last): (u64, u64),
    what: &str,
) -> Failure {
    columns_broken(store, &columns::closing(first, last), what)
}

fn columns_broken(store: &dyn ClaimStore, name: &str, what: &str) -> Failure {
    Failure::fix_data(format!("the columns of a part of the ledger are damaged: {what}"))
        .at(store.display(name), "")
        .hint("nothing was counted; move this folder away: the part's lines are read instead, and `nachtwacht ledger compact` makes the columns anew")
}
