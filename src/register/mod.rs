//! Reads the tables of registrations: usable rows, and the rest with a reason each.
//!
//! A registration decides whom a warning goes to, so it is read strictly: what can be read in
//! two ways, or covers what is not one company's, is refused and counted, never repaired.
//! Deliberately absent: lookups of any kind; a table's rows are all that is known here.

mod assets;
mod check;
mod companies;
mod contacts;
mod delivered;
mod difference;
mod header;
mod stored;
mod suffix;
mod text_columns;
mod time;
mod typed;
mod unconfirmed;

use ipnet::IpNet;

use crate::diag::Reject;

pub use assets::assets;
pub use check::{Ask, Checked, Current, Table, check};
pub use companies::companies;
pub use contacts::contacts;
pub use delivered::{Sheet, delivered};
pub use difference::Change;
pub use header::Kind;
pub use stored::{from_stored, is_stored, stored_assets};
pub use suffix::SuffixList;
pub use unconfirmed::{Unconfirmed, unconfirmed};

/// What the job says about registrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The widest IPv4 prefix that a company may register, in bits; also for each part of a range.
    pub max_prefix_v4: u8,
    /// The widest IPv6 prefix that a company may register, in bits.
    pub max_prefix_v6: u8,
    /// Reserved space in which registrations are accepted all the same; for samples and tests.
    pub accepted_reserved: Vec<IpNet>,
}

impl Default for Settings {
    /// A /12 holds the largest Dutch access networks, a /24 the largest IPv6 holdings.
    fn default() -> Self {
        Self {
            max_prefix_v4: 12,
            max_prefix_v6: 24,
            accepted_reserved: Vec::new(),
        }
    }
}

/// A table after reading. `read` is the number of rows; every row is kept or rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<T> {
    /// Usable rows, in the order of the table.
    pub rows: Vec<T>,
    /// Rows that were set aside, in the order of the table, each with its first fault.
    pub rejects: Vec<Reject>,
    /// More faults: of rows that stand among the rejects already, and of rows that are kept without
    /// what is wrong.
    pub further: Vec<Reject>,
    /// Rows in the table.
    pub read: u64,
}
