//! Keeping a ledger: its copy, its parts, verification, restoring.

use std::collections::BTreeSet;

use bytes::Bytes;
use rayon::prelude::*;

use super::chain::{Chain, Unlinked};
use super::claim_store::create_or_read;
use super::compact::{Object, Objects};
use super::lock::{Lock, Patience};
use super::stream::{columns_damaged, columns_of};
use super::{ClaimStore, Holder, Ledger, Settings, compact, name, number, probe, v1};
use crate::diag::{Failure, Kind, Problem};
use crate::model::encoder::Encoder;
use crate::model::identity::from_hex;
use crate::model::ledger_record::LedgerView;
use crate::store::Place;

/// What `ledger verify` found in order.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The ledger.
    pub view: LedgerView,
    /// SHA-256 of its last object, hexadecimal; empty for an empty ledger. Noted elsewhere, it
    /// proves later that nothing was laid back.
    pub head_sha256: String,
    /// Objects of the copy.
    pub n_copied: u64,
    /// Objects that also stand in a part.
    pub n_compacted: u64,
    /// Objects whose part has columns, which are what the lines say.
    pub n_as_columns: u64,
}

/// Objects of a part that are read at once, one a core; then they are linked in order.
const OBJECTS_AT_ONCE: usize = 32;

/// The next objects of a part; none at its end.
fn piece(objects: &mut Objects) -> Result<Vec<Object>, String> {
    objects.take(OBJECTS_AT_ONCE).collect()
}

/// Objects, each checked within itself.
pub(super) fn checked(objects: &[Object]) -> Vec<(u64, Result<Unlinked, String>)> {
    let read = objects
        .par_iter()
        .map(|(seq, object)| (*seq, Unlinked::read(object)));
    read.collect()
}

/// Numbers of the objects that a listing shows.
pub(super) fn numbers(store: &dyn ClaimStore) -> Result<BTreeSet<u64>, Failure> {
    let entries = store.list("")?;
    Ok(entries.iter().filter_map(|e| number(&e.name)).collect())
}

impl Ledger {
    /// Refuses a ledger that ends before its copy, or differs from it at the copy's end.
    pub(super) fn check_copy(&mut self) -> Result<(), Failure> {
        let end = numbers(self.copy.as_ref())?.last().copied().unwrap_or(0);
        if end > self.chain.view.last_seq {
            // Another run may have written since; that shows in both.
            self.refresh()?;
        }
        let last = self.chain.view.last_seq;
        if end > last {
            return Err(Failure::fix_data(format!(
                "the ledger ends at number {last}, but its copy goes on to number {end}: an older copy of the ledger was laid back, or its end was lost"
            ))
            .at(self.store.display(&name(last + 1)), "")
            .hint(format!(
                "nothing was sent; `nachtwacht ledger restore` takes what is missing from {}",
                self.copy.display("")
            )));
        }
        if end > 0 {
            let ours = self.must_read(end)?;
            let theirs = self.copy.read(&name(end))?;
            if theirs.is_some_and(|t| t != ours) {
                return Err(self.differs(end));
            }
        }
        self.n_copied = end;
        Ok(())
    }

    fn differs(&self, seq: u64) -> Failure {
        Failure::fix_data("the ledger and its copy differ: one of the two was changed")
            .at(self.store.display(&name(seq)), "")
            .hint(format!(
                "nothing was sent; compare it with {} and with a backup, and move the one that is wrong away",
                self.copy.display(&name(seq))
            ))
    }

    pub(super) fn write_copy(&mut self, seq: u64, bytes: &Bytes) -> Result<(), Failure> {
        if create_or_read(self.copy.as_ref(), &name(seq), bytes)? != bytes {
            return Err(self.differs(seq));
        }
        self.n_copied = seq;
        Ok(())
    }

    /// First and last number of the parts that follow each other from the first object on.
    pub(super) fn parts(&self) -> Result<Vec<(u64, u64)>, Failure> {
        let listed = self.store.list("parts/")?;
        let mut spans: Vec<(u64, u64)> = listed
            .iter()
            .filter_map(|e| compact::span(&e.name))
            .collect();
        spans.sort_unstable();
        let mut next = Some(1);
        spans.retain(|&(first, last)| {
            let is_next = Some(first) == next && last >= first;
            if is_next {
                next = last.checked_add(1);
            }
            is_next
        });
        Ok(spans)
    }

    pub(super) fn part_damaged(&self, (first, last): (u64, u64), what: &str) -> Failure {
        let failure = self.damage(&compact::name(first, last), what);
        failure.hint("nothing was sent; move this part away: the single objects that it was made from are read instead")
    }

    /// Reads a part that continues the chain; what stands in none is read object by object.
    pub(super) fn read_part(
        &mut self,
        span: (u64, u64),
        after: &mut dyn FnMut(&mut LedgerView),
    ) -> Result<(), Failure> {
        let Some(bytes) = self.store.read(&compact::name(span.0, span.1))? else {
            return Ok(());
        };
        self.link_part(bytes, span.1, after)
            .map_err(|what| self.part_damaged(span, &what))?;
        self.n_compacted = span.1;
        Ok(())
    }

    /// Links the objects of a part; the message says what is wrong with it.
    fn link_part(
        &mut self,
        part: Bytes,
        last: u64,
        after: &mut dyn FnMut(&mut LedgerView),
    ) -> Result<(), String> {
        let mut objects = Objects::of(part)?;
        let mut now = piece(&mut objects)?;
        while !now.is_empty() {
            // What comes after it is unpacked meanwhile.
            let (read, next) = rayon::join(|| checked(&now), || piece(&mut objects));
            for (seq, object) in read {
                let linked = object.and_then(|object| self.chain.link(seq, object));
                linked.map_err(|what| format!("object {seq}: {what}"))?;
                after(&mut self.chain.view);
            }
            now = next?;
        }
        match self.chain.view.last_seq {
            end if end == last => Ok(()),
            end => Err(format!(
                "it ends with object {end}, and its name says {last}"
            )),
        }
    }

    /// Writes the objects that stand in no part as one more; its columns are for
    /// [`Ledger::write_columns`]. `None` where there are none, or fewer than a part is worth and
    /// `at_least_a_part` asks for one.
    ///
    /// # Errors
    /// The store is not there.
    pub fn compact(&mut self, at_least_a_part: bool) -> Result<Option<(u64, u64)>, Failure> {
        self.check_held()?;
        let (first, last) = (self.n_compacted + 1, self.chain.view.last_seq);
        let n_waiting = last + 1 - first;
        if n_waiting == 0 || (at_least_a_part && n_waiting < compact::OBJECTS_A_PART) {
            return Ok(None);
        }
        let objects = (first..=last)
            .map(|seq| Ok((seq, self.must_read(seq)?)))
            .collect::<Result<Vec<(u64, Bytes)>, Failure>>()?;
        let bytes = compact::write(&objects)?;
        self.store.create(&compact::name(first, last), &bytes)?;
        self.n_compacted = last;
        Ok(Some((first, last)))
    }

    /// Reads everything: every object, its copy, every part. Needs no lock.
    ///
    /// # Errors
    /// `FixData` with every problem at once; `TryLater` where the store is not there.
    pub fn verify(place: &Place, settings: &Settings) -> Result<Verified, Failure> {
        // Parts are checked as any reader checks them: by the chain.
        let mut read = Self::unread(place, settings, "");
        read.refresh_with(&mut |view| view.records.clear())?;
        read.check_copy()?;
        // Then the objects themselves, without the parts.
        let mut chain = Chain::default();
        let (mut problems, n_as_columns) = read.check_columns()?;
        for seq in 1..=read.chain.view.last_seq {
            let bytes = read.must_read(seq)?;
            if let Err(message) = chain.take(seq, &bytes) {
                problems.extend(read.damage(&name(seq), &message).problems);
                break;
            }
            match read.copy.read(&name(seq))? {
                Some(copy) if copy == bytes => {}
                Some(_) => problems.extend(read.differs(seq).problems),
                // The last object's copy may be on its way.
                None if seq == read.chain.view.last_seq => {}
                None => problems.push(
                    Problem::new(
                        read.copy.display(&name(seq)),
                        "",
                        "the copy lacks this object",
                    )
                    .hint("copy it from the ledger"),
                ),
            }
        }
        if let Some(failure) = Failure::from_problems(Kind::FixData, problems) {
            return Err(failure);
        }
        Ok(Verified {
            view: chain.view,
            head_sha256: chain.last_sha256,
            n_copied: read.n_copied,
            n_compacted: read.n_compacted,
            n_as_columns,
        })
    }

    /// Makes every part's columns once more out of its lines, and holds them against what is there.
    /// The lines were held against the chain before.
    fn check_columns(&self) -> Result<(Vec<Problem>, u64), Failure> {
        let mut encoder = Encoder::default();
        let (mut problems, mut n_as_columns) = (Vec::new(), 0);
        for (first, last) in self.parts()? {
            let made = self.columns_from_lines((first, last), &mut encoder)?;
            match columns_of(&self.store, (first, last)) {
                Ok(None) => {}
                Ok(Some(there)) if there == made => n_as_columns += last + 1 - first,
                Ok(Some(_)) => {
                    let what = "they are not what the lines of the part say";
                    let failure = columns_damaged(self.store.as_ref(), (first, last), what);
                    problems.extend(failure.problems);
                }
                Err(failure) if failure.kind == Kind::FixData => problems.extend(failure.problems),
                Err(failure) => return Err(failure),
            }
        }
        Ok((problems, n_as_columns))
    }

    /// Writes the objects that the ledger lacks and its copy has; answers their numbers. The
    /// whole chain is checked before the first is written.
    ///
    /// # Errors
    /// `FixData` where an object is missing in both, or the chain would not hold; `TryLater`
    /// where the store is not there or a run has the ledger.
    pub fn restore(place: &Place, settings: &Settings, who: &Holder) -> Result<Vec<u64>, Failure> {
        let mut ledger = Self::unread(place, settings, &who.run_id);
        let now = probe::probe(ledger.store.as_ref(), &who.run_id)?;
        let end = numbers(ledger.store.as_ref())?
            .last()
            .copied()
            .max(numbers(ledger.copy.as_ref())?.last().copied());
        let mut missing = Vec::new();
        for seq in 1..=end.unwrap_or(0) {
            let bytes = match ledger.store.read(&name(seq))? {
                Some(bytes) => bytes,
                None => {
                    let copy = ledger.copy.read(&name(seq))?;
                    let bytes = copy.ok_or_else(|| {
                        Failure::fix_data("the object is missing in the ledger and in its copy")
                            .at(ledger.store.display(&name(seq)), "")
                            .hint("take it from a backup of either")
                    })?;
                    missing.push((seq, bytes.clone()));
                    bytes
                }
            };
            ledger.take(seq, &bytes)?;
        }
        let patience = Patience {
            silent_secs: settings.takeover_secs,
            now,
            floor: ledger.chain.epoch,
        };
        ledger.lock = Some(Lock::take(&ledger.store, who, patience)?);
        for (seq, bytes) in &missing {
            if create_or_read(ledger.store.as_ref(), &name(*seq), bytes)? != bytes {
                return Err(ledger.differs(*seq));
            }
        }
        Ok(missing.into_iter().map(|(seq, _)| seq).collect())
    }
}

impl Verified {
    /// `number:sha256` of the last object.
    #[must_use]
    pub fn head(&self) -> String {
        format!("{}:{}", self.view.last_seq, self.head_sha256)
    }

    /// Does the ledger still hold the object of an earlier [`Verified::head`]?
    ///
    /// # Errors
    /// `FixJob` where the text is no head; `FixData` where the ledger does not hold it.
    pub fn expect(place: &Place, settings: &Settings, head: &str) -> Result<(), Failure> {
        let bad = || {
            Failure::fix_job(format!(
                "`{head}` is not `number:sha256`, with all 64 digits of the hash"
            ))
            .at("", "--expect")
            .hint("give the head that an earlier `nachtwacht ledger verify` printed")
        };
        let (seq, sha256) = head.split_once(':').ok_or_else(bad)?;
        let seq: u64 = seq.parse().map_err(|_| bad())?;
        let is_empty = seq == 0 && sha256.is_empty();
        if !is_empty && from_hex::<32>(sha256).is_none() {
            return Err(bad());
        }
        let ledger = Ledger::unread(place, settings, "");
        let there = if seq == 0 {
            Some(Bytes::new())
        } else {
            ledger.store.read(&name(seq))?
        };
        let is_same =
            there.is_some_and(|t| seq == 0 || v1::sha256(&t).eq_ignore_ascii_case(sha256));
        if is_same {
            return Ok(());
        }
        Err(Failure::fix_data(format!(
            "the ledger does not hold number {seq} as it was: an older or another ledger was laid back"
        ))
        .at(ledger.store.display(&name(seq)), "")
        .hint("restore the ledger and its copy from the newest backup before anything is sent"))
    }
}
