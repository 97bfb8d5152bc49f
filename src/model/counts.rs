//! Sums. They form a monoid: any split of the rows, merged in any order, gives the same.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use super::decision::Outcome;

/// What became of rows, or of decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// No threat, or too weak.
    pub below_policy: u64,
    /// Known already, or not wanted.
    pub suppressed: u64,
    /// Would be sent, and cannot.
    pub held: u64,
    /// In a letter.
    pub in_letters: u64,
}

impl Outcomes {
    /// Counts one.
    pub const fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::BelowPolicy => self.below_policy += 1,
            Outcome::Suppressed => self.suppressed += 1,
            Outcome::Held => self.held += 1,
            Outcome::InLetters => self.in_letters += 1,
        }
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.below_policy + self.suppressed + self.held + self.in_letters
    }
}

impl AddAssign for Outcomes {
    fn add_assign(&mut self, o: Self) {
        self.below_policy += o.below_policy;
        self.suppressed += o.suppressed;
        self.held += o.held;
        self.in_letters += o.in_letters;
    }
}

/// Overviews that were due and are not written, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotWritten {
    /// The parent has no usable contact of its own.
    pub no_contact: u64,
    /// The job does not write to parties of its kind, or it wants no letters.
    pub unwanted: u64,
    /// The letters themselves took all that the job's or the call's limit allows.
    pub over_limit: u64,
}

/// Overviews for parent companies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overviews {
    /// That the night's plan sends.
    pub sent: u64,
    /// That are held.
    pub held: u64,
    /// That there are not.
    pub not_written: NotWritten,
}

impl Overviews {
    /// Is there nothing to tell?
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Rows of one feed, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows of the snapshots.
    pub read: u64,
    /// Rows set aside.
    pub rejected: u64,
    /// Rows that met no asset.
    pub unmatched: u64,
    /// Rows that met one or more.
    pub matched: u64,
    /// What became of the matched ones.
    pub outcomes: Outcomes,
}

impl RowCounts {
    /// Counts rows that met no asset and were not even read, since statistics say so.
    pub const fn leave_out(&mut self, n_rows: u64) {
        self.read += n_rows;
        self.unmatched += n_rows;
    }

    /// Do both equations hold?
    #[must_use]
    pub const fn closes(&self) -> bool {
        self.read == self.rejected + self.unmatched + self.matched
            && self.matched == self.outcomes.total()
    }
}

impl AddAssign for RowCounts {
    fn add_assign(&mut self, o: Self) {
        self.read += o.read;
        self.rejected += o.rejected;
        self.unmatched += o.unmatched;
        self.matched += o.matched;
        self.outcomes += o.outcomes;
    }
}

/// Rows by feed; the total is their sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedCounts(pub BTreeMap<String, RowCounts>);

impl FeedCounts {
    /// The counts of a feed, to add to.
    pub fn of(&mut self, feed: &str) -> &mut RowCounts {
        self.0.entry(feed.to_owned()).or_default()
    }

    /// All feeds together.
    #[must_use]
    pub fn total(&self) -> RowCounts {
        let mut sum = RowCounts::default();
        for counts in self.0.values() {
            sum += *counts;
        }
        sum
    }
}

impl AddAssign for FeedCounts {
    fn add_assign(&mut self, o: Self) {
        for (feed, counts) in o.0 {
            *self.0.entry(feed).or_default() += counts;
        }
    }
}
