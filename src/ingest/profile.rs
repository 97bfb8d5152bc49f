//! What the columns of a delivery looked like, so that the next night can say what changed.

use std::collections::BTreeMap;

use csv::ByteRecord;
use serde::{Deserialize, Serialize};

use super::cell;
use crate::diag::plain;
use crate::model::address::parse_ip;
use crate::model::company::text_enum;

text_enum! {
    /// What the cells of a column are. A column is of the narrowest kind that all its cells have.
    CellKind {
        /// No cell says anything.
        Empty = "empty",
        /// Whole numbers.
        Number = "number",
        /// Moments.
        Time = "time",
        /// IP addresses.
        Address = "address",
        /// Anything.
        Text = "text",
    }
}

/// A delivery as it was: kept in the snapshot's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Format of the file.
    pub format: String,
    /// Rows read.
    pub read: u64,
    /// Rows set aside.
    pub rejected: u64,
    /// Columns as delivered, in their order (JSON: sorted), with the kind of their cells.
    pub columns: Vec<(String, String)>,
}

/// Characters of a column's name that a message shows.
pub(super) const MOST: usize = 60;

/// Rows that are looked at: the first ones, and then one in so many.
const FIRST_ROWS: u64 = 1_000;
const ONE_IN: u64 = 997;

/// The kinds of a table's columns while it is read.
#[derive(Default)]
pub(super) struct Kinds {
    names: Vec<String>,
    kinds: Vec<CellKind>,
    n_seen: u64,
}

impl Kinds {
    pub fn of(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
            kinds: vec![CellKind::Empty; names.len()],
            n_seen: 0,
        }
    }

    pub fn see(&mut self, record: &ByteRecord) {
        self.n_seen += 1;
        if self.n_seen > FIRST_ROWS && !self.n_seen.is_multiple_of(ONE_IN) {
            return;
        }
        for (kind, found) in self.kinds.iter_mut().zip(record) {
            *kind = joined(*kind, kind_of(found));
        }
    }

    pub fn add_to(self, all: &mut Vec<(String, CellKind)>) {
        for (name, kind) in self.names.into_iter().zip(self.kinds) {
            add(all, name, kind);
        }
    }
}

/// Adds the keys of events, each with the kind of one of its values.
pub(super) fn add_keys(keys: BTreeMap<String, CellKind>, all: &mut Vec<(String, CellKind)>) {
    for (name, kind) in keys {
        add(all, name, kind);
    }
}

/// Several files of a report may have a column each that others lack.
fn add(all: &mut Vec<(String, CellKind)>, name: String, kind: CellKind) {
    match all.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => *known = joined(*known, kind),
        None => all.push((name, kind)),
    }
}

fn joined(a: CellKind, b: CellKind) -> CellKind {
    match (a, b) {
        (CellKind::Empty, other) | (other, CellKind::Empty) => other,
        (a, b) if a == b => a,
        _ => CellKind::Text,
    }
}

/// What a cell looks like.
pub(super) fn kind_of(cell: &[u8]) -> CellKind {
    let text = cell::trimmed(cell);
    if text.is_empty() {
        CellKind::Empty
    } else if text.iter().all(u8::is_ascii_digit) {
        CellKind::Number
    } else if cell::instant(text).is_some() || cell::midnight(text).is_some() {
        CellKind::Time
    } else if std::str::from_utf8(text).is_ok_and(|t| parse_ip(t).is_ok()) {
        CellKind::Address
    } else {
        CellKind::Text
    }
}

/// What changed between two deliveries of one report, by column; sorted by name, but for the
/// order, which comes last. Order alone changes nothing that is read, since columns are found by
/// name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// A column that was not there.
    Added(String),
    /// A column that was there, and is not.
    Missing(String),
    /// A column whose cells are of another kind: before, now.
    Retyped(String, String, String),
    /// The same columns in another order.
    Reordered,
    /// Another format.
    Format(String, String),
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Added(name) => write!(f, "`{}` is new; it is kept in `extra`", plain(name, MOST)),
            Self::Missing(name) => write!(f, "`{}` is no longer there", plain(name, MOST)),
            Self::Retyped(name, before, now) => {
                write!(f, "`{}` held {before} and holds {now}", plain(name, MOST))
            }
            Self::Reordered => {
                f.write_str("the columns stand in another order, which changes nothing")
            }
            Self::Format(before, now) => write!(f, "the format was {before} and is {now}"),
        }
    }
}

/// Compares a delivery with the one before it.
#[must_use]
pub fn drift(before: &Profile, now: &Profile) -> Vec<Drift> {
    let mut found = Vec::new();
    if before.format != now.format {
        found.push(Drift::Format(before.format.clone(), now.format.clone()));
    }
    let kinds = |p: &Profile| -> BTreeMap<String, String> { p.columns.iter().cloned().collect() };
    let (old, new) = (kinds(before), kinds(now));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        match (old.get(name), new.get(name)) {
            (None, Some(_)) => found.push(Drift::Added(name.clone())),
            (Some(_), None) => found.push(Drift::Missing(name.clone())),
            (Some(a), Some(b))
                if a != b && ![a, b].iter().any(|k| *k == CellKind::Empty.as_str()) =>
            {
                found.push(Drift::Retyped(name.clone(), a.clone(), b.clone()));
            }
            _ => {}
        }
    }
    // Events have no order: their keys are sorted.
    let order = |p: &Profile, other: &BTreeMap<String, String>| -> Vec<String> {
        let names = p.columns.iter().map(|(name, _)| name.clone());
        names.filter(|name| other.contains_key(name)).collect()
    };
    if order(before, &new) != order(now, &old) {
        found.push(Drift::Reordered);
    }
    found
}
