//! What matching finds: which asset an observation belongs to, and how surely.

use std::ops::Range;

use arrow::record_batch::RecordBatch;

use super::company::text_enum;
use super::net::Span;
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
/// in which every row has a time and an address of the same family, so that none can be rejected
/// for want of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Rows.
    pub n_rows: u64,
    /// Least and greatest address.
    pub addresses: Span,
    /// Least and greatest AS number that a row states; `None` where none does.
    pub asn: Option<(u32, u32)>,
    /// Some row may have a host name.
    pub has_names: bool,
    /// Some row may have an account.
    pub has_accounts: bool,
    /// The pages of the address column, in order; empty where the file has no page index.
    pub pages: Vec<PageOutline>,
}

/// Consecutive rows of a row group that share a page of the address column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageOutline {
    /// Rows of the group.
    pub rows: Range<u32>,
    /// Least and greatest address.
    pub addresses: Span,
}

/// Which rows of a row group may match, before any is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Near {
    /// None.
    Nothing,
    /// These at most: rising, apart from each other.
    Rows(Vec<Range<u32>>),
    /// Any.
    Everything,
}

/// What `scan` offers and `matching` needs: a snapshot as row groups, read in two passes.
///
/// Columns stand under our names, whatever the object calls them.
pub trait RowGroups: Sync {
    /// Bytes that are here and not decoded yet.
    type Fetched: Send;
    /// The object's name, for messages.
    fn object(&self) -> &str;
    /// Number of row groups.
    fn n_groups(&self) -> usize;
    /// 0-based position in the object of the first row of a group.
    fn first_row(&self, group: usize) -> u64;
    /// What is known of a group without reading it; `None` where its statistics do not say.
    fn outline(&self, group: usize) -> Option<Outline>;
    /// Fetches what [`RowGroups::decode_keys`] needs, and decodes nothing; `rows` as there.
    ///
    /// # Errors
    /// As [`RowGroups::read_keys`].
    fn fetch_keys(
        &self,
        group: usize,
        rows: Option<&[Range<u32>]>,
    ) -> Result<Self::Fetched, Failure>;
    /// The key columns of these rows of a group, of all where `None`, in canonical form (types of
    /// [`super::observation::OBSERVATIONS`]); those that the object lacks, and texts of addresses
    /// that every row has as numbers too, are null.
    ///
    /// # Errors
    /// As [`RowGroups::read_keys`].
    fn decode_keys(&self, fetched: Self::Fetched) -> Result<RecordBatch, Failure>;
    /// Both in one.
    ///
    /// # Errors
    /// The object broke or the store went away.
    fn read_keys(&self, group: usize, rows: Option<&[Range<u32>]>) -> Result<RecordBatch, Failure> {
        self.decode_keys(self.fetch_keys(group, rows)?)
    }
    /// Every known column of some rows of a group, with the object's own types, so that a value
    /// that does not fit ours can still be told from a missing one; `rows` is rising and without doubles.
    ///
    /// # Errors
    /// As [`RowGroups::read_keys`].
    fn read_rows(&self, group: usize, rows: &[u32]) -> Result<RecordBatch, Failure>;
}
