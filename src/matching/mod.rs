//! Finds whose an observation is: all owners of its address, name, AS number or account.
//!
//! Key columns in, matches out. An [`Index`] is built once a night from the assets and is then
//! only read, by as many threads as there are. Every owner is found; which of them gets a letter
//! is for `decide`.
//!
//! - **Addresses**: every registered address, prefix or range around the observation's, nested
//!   as they like. IPv4 in IPv6 is IPv4; `::/0` holds no IPv4.
//! - **AS numbers**: the observation's own, or else that of the prefix table for its address.
//! - **Names**: a `domain` holds itself and everything below, on label borders; a `host` is that
//!   name alone. A certificate's `*.b.example` belongs to the domains at and above `b.example`,
//!   and covers every host one label below it.
//! - **Accounts**: an `email_domain` holds its accounts and those of names below it.
//! - **Time**: an asset counts only while it is valid, at the moment of the observation.
//!
//! A first pass over a column asks small filters, and hardly any row passes them; only those are
//! looked up. Deliberately absent: files, the network, the clock, and any choice between owners.

mod batch;
mod explain;
mod facts;
mod found;
mod index;
mod name_map;
mod near;
mod prefix_table;
mod segments;
mod shared_infrastructure;
mod subjects;
mod table_rows;
mod table_v4;
mod touched;

pub use explain::{Explanation, Question};
pub use found::{BatchMatches, RejectedRow};
pub use index::Index;
pub use prefix_table::{PrefixTable, read_prefix_table};
pub use shared_infrastructure::{Shared, read_shared_infrastructure};

/// What a job may choose about matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// More companies than this with a valid claim on one address, name, AS number or account:
    /// the confidence is low, whoever of them it is.
    pub many_owners: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { many_owners: 5 }
    }
}
