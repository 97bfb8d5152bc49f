//! Observations: one thing that a scanner or a partner saw, once.
//!
//! Columns are found by name, never by position; what is missing is null, what is unknown is
//! ignored. Job files may map foreign names to these.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::company::text_enum;
use super::night::Micros;

/// Column names of the table `observations`. Written once, used everywhere.
pub mod column {
    /// UTC, microseconds. Needed.
    pub const OBSERVED_AT: &str = "observed_at";
    /// Who delivered it, such as `shadowserver`.
    pub const FEED: &str = "feed";
    /// Report type of the feed, such as `scan_rdp`.
    pub const REPORT: &str = "report";
    /// The address as delivered.
    pub const IP: &str = "ip";
    /// The IPv4 address as a number; null for IPv6.
    pub const IP_V4: &str = "ip_v4";
    /// The IPv6 address, 16 bytes in network order; null for IPv4.
    pub const IP_V6: &str = "ip_v6";
    /// Port, 0 to 65535.
    pub const PORT: &str = "port";
    /// Transport protocol, lower case (`tcp`, `udp`).
    pub const PROTOCOL: &str = "protocol";
    /// Host name as delivered.
    pub const HOSTNAME: &str = "hostname";
    /// Where the host name comes from, see [`super::HostnameSource`].
    pub const HOSTNAME_SOURCE: &str = "hostname_source";
    /// Keyed hash of a leaked account's mail address, hexadecimal.
    pub const ACCOUNT_HASH: &str = "account_hash";
    /// Mail domain of the leaked account.
    pub const ACCOUNT_DOMAIN: &str = "account_domain";
    /// AS number as the feed states it.
    pub const ASN: &str = "asn";
    /// The feed's tags, separated by `;` as delivered.
    pub const TAG: &str = "tag";
    /// CVE identifiers.
    pub const CVE: &str = "cve";
    /// Vendor.
    pub const VENDOR: &str = "vendor";
    /// Product.
    pub const PRODUCT: &str = "product";
    /// Version as delivered.
    pub const VERSION: &str = "version";
    /// `critical`, `high`, `medium`, `low`, `info`.
    pub const SEVERITY: &str = "severity";
    /// TLP 2.0 label, such as `TLP:AMBER`.
    pub const TLP: &str = "tlp";
    /// RSIT class.
    pub const CLASSIFICATION_TAXONOMY: &str = "classification_taxonomy";
    /// RSIT type.
    pub const CLASSIFICATION_TYPE: &str = "classification_type";
    /// A trigger that the feed itself names.
    pub const TRIGGER_ID: &str = "trigger_id";
    /// Object that the row was read from when it was ingested.
    pub const SOURCE_OBJECT: &str = "source_object";
    /// 0-based row in that object.
    pub const SOURCE_ROW: &str = "source_row";
    /// Date of the snapshot.
    pub const SNAPSHOT_DATE: &str = "snapshot_date";
    /// Every other column of the feed, as one JSON object.
    pub const EXTRA: &str = "extra";
}

/// Key of the schema version in Parquet key-value metadata.
pub const SCHEMA_KEY: &str = "nachtwacht.schema";
/// Version of the table `observations` that this program writes.
pub const SCHEMA_VERSION: &str = "observations/1";

/// The schema that this program writes for `observations`, in this order.
///
/// `observed_at` Timestamp(µs, UTC) not null; `ip_v4` UInt32; `ip_v6` FixedSizeBinary(16);
/// `port` UInt16; `asn` UInt32; `cve` List(Utf8); `source_row` UInt64; `snapshot_date` Date32;
/// everything else Utf8. All but `observed_at`, `feed`, `report` may be null.
pub static OBSERVATIONS: LazyLock<SchemaRef> = LazyLock::new(|| {
    use column as c;
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let cve = Field::new("item", DataType::Utf8, true);
    Arc::new(Schema::new(vec![
        Field::new(c::OBSERVED_AT, utc_micros(), false),
        Field::new(c::FEED, DataType::Utf8, false),
        Field::new(c::REPORT, DataType::Utf8, false),
        text(c::IP),
        Field::new(c::IP_V4, DataType::UInt32, true),
        Field::new(c::IP_V6, DataType::FixedSizeBinary(16), true),
        Field::new(c::PORT, DataType::UInt16, true),
        text(c::PROTOCOL),
        text(c::HOSTNAME),
        text(c::HOSTNAME_SOURCE),
        text(c::ACCOUNT_HASH),
        text(c::ACCOUNT_DOMAIN),
        Field::new(c::ASN, DataType::UInt32, true),
        text(c::TAG),
        Field::new(c::CVE, DataType::List(Arc::new(cve)), true),
        text(c::VENDOR),
        text(c::PRODUCT),
        text(c::VERSION),
        text(c::SEVERITY),
        text(c::TLP),
        text(c::CLASSIFICATION_TAXONOMY),
        text(c::CLASSIFICATION_TYPE),
        text(c::TRIGGER_ID),
        text(c::SOURCE_OBJECT),
        Field::new(c::SOURCE_ROW, DataType::UInt64, true),
        Field::new(c::SNAPSHOT_DATE, DataType::Date32, true),
        text(c::EXTRA),
    ]))
});

/// The columns that matching needs of every row; the others are read for hits alone.
pub const KEY_COLUMNS: &[&str] = &[
    column::OBSERVED_AT,
    column::IP,
    column::IP_V4,
    column::IP_V6,
    column::HOSTNAME,
    column::HOSTNAME_SOURCE,
    column::ACCOUNT_HASH,
    column::ACCOUNT_DOMAIN,
    column::ASN,
];

/// `Timestamp(Microsecond, "UTC")`.
#[must_use]
pub fn utc_micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

text_enum! {
    /// Where a host name comes from; certificates and PTR records are weaker evidence than a
    /// name that was resolved.
    HostnameSource {
        /// The scanner asked for this name.
        ScanTarget = "scan_target",
        /// The name resolves to the address.
        ForwardDns = "forward_dns",
        /// Subject or alternative name of a certificate.
        Certificate = "certificate",
        /// Reverse DNS.
        Ptr = "ptr",
        /// The feed does not say.
        Unknown = "unknown",
    }
}

text_enum! {
    /// Severity as Shadowserver defines it; the first is the worst.
    Severity {
        /// Exploited or trivially exploitable, high impact.
        Critical = "critical",
        /// Serious.
        High = "high",
        /// Middling.
        Medium = "medium",
        /// Slight.
        Low = "low",
        /// For information.
        Info = "info",
    }
}

/// One observation with every column, as read for a row that hit.
///
/// All texts are hostile: they may hold anything that an attacker puts on the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The object it was read from tonight, as listed in the store.
    pub object: Arc<str>,
    /// 0-based row in that object.
    pub row: u64,
    /// When it was seen.
    pub observed_at: Micros,
    /// Date of the snapshot.
    pub snapshot_date: jiff::civil::Date,
    /// Who delivered it.
    pub feed: Arc<str>,
    /// Report type.
    pub report: Arc<str>,
    /// Canonical address.
    pub ip: Option<IpAddr>,
    /// Port.
    pub port: Option<u16>,
    /// Transport protocol, lower case.
    pub protocol: Option<String>,
    /// Host name as delivered, without blanks around it.
    pub hostname: Option<String>,
    /// Where the name comes from.
    pub hostname_source: HostnameSource,
    /// Keyed hash of the leaked account.
    pub account_hash: Option<String>,
    /// Mail domain of the leaked account.
    pub account_domain: Option<String>,
    /// AS number.
    pub asn: Option<u32>,
    /// Tags, split.
    pub tags: Vec<String>,
    /// CVE identifiers, upper case, sorted.
    pub cves: Vec<String>,
    /// Vendor.
    pub vendor: Option<String>,
    /// Product.
    pub product: Option<String>,
    /// Version as delivered.
    pub version: Option<String>,
    /// Severity.
    pub severity: Option<Severity>,
    /// TLP label.
    pub tlp: Option<String>,
    /// RSIT class.
    pub classification_taxonomy: Option<String>,
    /// RSIT type.
    pub classification_type: Option<String>,
    /// Trigger that the feed names.
    pub trigger_id: Option<String>,
}
