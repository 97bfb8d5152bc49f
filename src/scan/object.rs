//! A Parquet object that is not here: ranges are fetched together before they are decoded.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use crate::diag::{Failure, Kind};
use crate::store::Place;

/// Marks the store's own trouble inside a decoder's error.
pub(super) const TROUBLE: &str = "store trouble: ";

/// Parts of an object by their first byte.
pub(super) struct Parts {
    place: Place,
    path: String,
    size: u64,
    parts: BTreeMap<u64, Bytes>,
}

impl Parts {
    /// Fetches the ranges, coalesced by the store.
    pub(super) fn fetch(
        place: &Place,
        path: &str,
        size: u64,
        ranges: &[Range<u64>],
    ) -> std::result::Result<Self, Failure> {
        let fetched = place.get_ranges(path, ranges)?;
        let parts = ranges.iter().map(|r| r.start).zip(fetched).collect();
        Ok(Self {
            place: place.clone(),
            path: path.to_owned(),
            size,
            parts,
        })
    }

    fn part(&self, start: u64, length: usize) -> Result<Bytes> {
        let held = self
            .parts
            .range(..=start)
            .next_back()
            .and_then(|(from, bytes)| {
                let at = usize::try_from(start - from).ok()?;
                let end = at.checked_add(length)?;
                (end <= bytes.len()).then(|| bytes.slice(at..end))
            });
        if let Some(bytes) = held {
            return Ok(bytes);
        }
        let end = start.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if end > self.size {
            return Err(ParquetError::EOF(format!(
                "bytes {start} to {end} of {} were asked for",
                self.size
            )));
        }
        let mut fetched = self
            .place
            .get_ranges(&self.path, &[start..end])
            .map_err(trouble)?;
        fetched
            .pop()
            .ok_or_else(|| ParquetError::EOF("nothing came".into()))
    }
}

fn trouble(failure: Failure) -> ParquetError {
    let mark = if failure.kind == Kind::TryLater {
        TROUBLE
    } else {
        ""
    };
    let message = failure
        .problems
        .first()
        .map(|p| p.message.clone())
        .unwrap_or_default();
    ParquetError::General(format!("{mark}{message}"))
}

impl Length for Parts {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Parts {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        // Readers of a part of unknown length get what was fetched from there on.
        let held = self
            .parts
            .range(..=start)
            .next_back()
            .and_then(|(from, bytes)| {
                let at = usize::try_from(start - from).ok()?;
                (at < bytes.len()).then(|| bytes.slice(at..))
            });
        match held {
            Some(bytes) => Ok(Cursor::new(bytes)),
            None => {
                let rest = usize::try_from(self.size.saturating_sub(start)).unwrap_or(usize::MAX);
                Ok(Cursor::new(self.part(start, rest.min(1 << 20))?))
            }
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.part(start, length)
    }
}
