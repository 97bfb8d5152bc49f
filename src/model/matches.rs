//! What matching finds: which asset an observation belongs to, and how surely.

use arrow::record_batch::RecordBatch;

use super::company::text_enum;
use crate::diag::Failure;

text_enum! {
    /// Which property of the observation met which kind of asset.
    MatchedBy {
        /// The address lies in a registered address, prefix or range.
        Address = "address",
        /// The observation's AS number, or the prefix table's, is registered.
        Asn = "asn",
        /// The host name is registered or lies below a registered domain.
        Name = "name",
        /// A wildcard name (`*.b.example`) of a certificate covers a registered name.
        Wildcard = "wildcard",
        /// The leaked account's mail domain is registered.
        Account = "account",
    }
}

text_enum! {
    /// How surely the observation is the company's; the last is the surest.
    Confidence {
        /// Shared infrastructure, or a name out of a certificate or PTR record alone.
        Low = "low",
        /// An AS number, or a name of unknown origin.
        Medium = "medium",
        /// The company's own address, or a name that was scanned or resolved.
        High = "high",
    }
}

text_enum! {
    /// Why the confidence is what it is.
    ConfidenceReason {
        /// The company's own registered address.
        OwnAddress = "own_address",
        /// The company's own name, scanned or resolved.
        OwnName = "own_name",
        /// Account of the company's mail domain.
        OwnAccount = "own_account",
        /// Announced by the company's AS.
        OwnAsn = "own_asn",
        /// The feed does not say where the name comes from.
        NameUnknownSource = "name_unknown_source",
        /// The name stands in a certificate.
        NameFromCertificate = "name_from_certificate",
        /// The name stands in reverse DNS.
        NameFromPtr = "name_from_ptr",
        /// The address lies in cloud, CDN, hosting, parking or sinkhole space.
        SharedInfrastructure = "shared_infrastructure",
        /// More than a handful of companies registered it.
        ManyOwners = "many_owners",
    }
}

/// One row met one asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// 0-based row in the batch that was matched.
    pub row: u32,
    /// Position in the slice of assets that the index was built from.
    pub asset: u32,
    /// How they met.
    pub by: MatchedBy,
    /// No other match of this row by the same property is narrower. Several may be equally narrow.
    pub is_most_specific: bool,
    /// How surely.
    pub confidence: Confidence,
    /// Why that confidence.
    pub why: ConfidenceReason,
}

/// What the statistics of a row group say of all its rows, before any is read. Only for a group
/// in which every row has a time and an IPv4 address, so that none can be rejected for want of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Rows.
    pub n_rows: u64,
    /// Least and greatest address.
    pub v4: (u32, u32),
    /// Least and greatest AS number that a row states; `None` where none does.
    pub asn: Option<(u32, u32)>,
    /// Some row may have a host name.
    pub has_names: bool,
    /// Some row may have an account.
    pub has_accounts: bool,
}

/// What `scan` offers and `matching` needs: a snapshot as row groups, read in two passes.
///
/// Columns stand under our names, whatever the object calls them.
pub trait RowGroups: Sync {
    /// The object's name, for messages.
    fn object(&self) -> &str;
    /// Number of row groups.
    fn n_groups(&self) -> usize;
    /// 0-based position in the object of the first row of a group.
    fn first_row(&self, group: usize) -> u64;
    /// What is known of a group without reading it; `None` where its statistics do not say.
    fn outline(&self, group: usize) -> Option<Outline>;
    /// The key columns of all rows of a group, in canonical form (types of
    /// [`super::observation::OBSERVATIONS`]); those that the object lacks are null.
    ///
    /// # Errors
    /// The object broke or the store went away.
    fn read_keys(&self, group: usize) -> Result<RecordBatch, Failure>;
    /// Every known column of some rows of a group, with the object's own types, so that a value
    /// that does not fit ours can still be told from a missing one; `rows` is rising and without doubles.
    ///
    /// # Errors
    /// As [`RowGroups::read_keys`].
    fn read_rows(&self, group: usize, rows: &[u32]) -> Result<RecordBatch, Failure>;
}
