//! Turns TOML into a checked [`Job`] and a checked [`Catalogue`] of threats and triggers.
//!
//! Pure: texts come in, values or *all* problems go out. Unknown keys are problems, since a
//! misspelt limit must not vanish. Units stand in the names of keys.

mod brakes;
mod catalogue;
mod delivery;
mod feeds;
mod job;
mod operations;
mod paths;
mod reason;
mod section;
mod statistics;
mod threat;

pub use catalogue::{Catalogue, catalogue};
pub use feeds::Feed;
pub use job::{Inputs, Job, NightRule, References, SecretPlace, job};
pub use operations::Operations;
pub use reason::reason;
pub use statistics::{Publish, StatisticsJob, statistics_job};

use crate::model::identity::Secret;

/// First bytes of the key that the samples carry. It protects nothing, so it is refused for
/// any base but a local one.
pub const SAMPLES_KEY_MARK: &[u8] = b"samples-only:";

/// The two keys of a run, read by `run` from the places that the job names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Makes references that nobody can guess.
    pub verification: Secret,
    /// Names companies and accounts in the ledger without naming them.
    pub party: Secret,
}
