//! Assets: what a company registered as its own.

use ipnet::IpNet;

use super::company::{CompanyKey, text_enum};
use super::name::Domain;
use super::night::{Micros, Validity};

text_enum! {
    /// What kind of thing is registered.
    AssetKind {
        /// A single address.
        Ip = "ip",
        /// A prefix.
        Cidr = "cidr",
        /// `first-last`, both inside; kept as minimal prefixes.
        Range = "range",
        /// An autonomous system: everything that it announces.
        Asn = "asn",
        /// A name and everything below it.
        Domain = "domain",
        /// That name alone.
        Host = "host",
        /// The mail domain of its people's accounts.
        EmailDomain = "email_domain",
    }
}

/// The canonical registered value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AssetValue {
    /// Disjoint prefixes in rising order: one for `ip` and `cidr`, one or more for `range`.
    Nets(Vec<IpNet>),
    /// An AS number.
    Asn(u32),
    /// A name; the kind says what it covers.
    Name(Domain),
}

/// One usable row of the table `assets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Whose it is.
    pub company: CompanyKey,
    /// What kind of thing.
    pub kind: AssetKind,
    /// What is compared.
    pub value: AssetValue,
    /// The canonical value as text, such as `192.0.2.0/24`, `64500` or `voorbeeld.example`.
    pub canonical: String,
    /// The value as registered.
    pub original: String,
    /// When it counts.
    pub valid: Validity,
    /// Who said so: `form`, `register`, `rir`, …
    pub source: String,
    /// When the company last confirmed it.
    pub confirmed_at: Option<Micros>,
    /// 0-based row in the table it came from.
    pub row: u64,
}
