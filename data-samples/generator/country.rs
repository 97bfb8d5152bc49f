//! What the country consists of: networks and firms.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nachtwacht::model::asset::AssetKind;
use nachtwacht::model::company::{Channel, Language, PartyKind};

/// A network with its AS number (RFC 5398: for documentation) and its blocks (240.0.0.0/4:
/// RFC 1112, never assigned; 3fff::/20: RFC 9637, documentation).
pub struct Network {
    pub asn: u32,
    pub name: &'static str,
    /// Kind in the table of shared infrastructure; empty for a network of its customers.
    pub shared: &'static str,
    pub v4: [u8; 4],
    pub v4_length: u8,
    /// Second group of its IPv6 block `3fff:0x00::/24`.
    pub v6: u16,
}

const fn network(
    asn: u32,
    name: &'static str,
    shared: &'static str,
    v4: [u8; 4],
    v4_length: u8,
    v6: u16,
) -> Network {
    Network {
        asn,
        name,
        shared,
        v4,
        v4_length,
        v6,
    }
}

/// Access networks come first: firms have their lines there.
pub const NETWORKS: &[Network] = &[
    network(
        64496,
        "Polderkabel Voorbeeldnet",
        "",
        [240, 0, 0, 0],
        12,
        0x000,
    ),
    network(64497, "Wadlicht Glas", "", [240, 16, 0, 0], 12, 0x100),
    network(64498, "Duinruis Telecom", "", [240, 32, 0, 0], 12, 0x200),
    network(64499, "Waterjuffer Access", "", [240, 48, 0, 0], 12, 0x300),
    network(
        64500,
        "Kasteelhosting",
        "hosting",
        [240, 128, 0, 0],
        16,
        0x400,
    ),
    network(64501, "Wolkenpakhuis", "cloud", [240, 144, 0, 0], 16, 0x500),
    network(64502, "Spiegelrand", "cdn", [240, 160, 0, 0], 16, 0x600),
    network(
        64503,
        "Zeeklei Rekencentrum",
        "",
        [240, 176, 0, 0],
        16,
        0x700,
    ),
    network(
        64504,
        "Stichting Kenniskabel Voorbeeldland",
        "",
        [240, 192, 0, 0],
        16,
        0x800,
    ),
    network(
        64510,
        "Vangnet Sinkhole",
        "sinkhole",
        [250, 0, 0, 0],
        16,
        0x900,
    ),
    network(65536, "Ausgedachtes Netz", "", [244, 0, 0, 0], 10, 0xa00),
    network(65537, "Reseau Imaginaire", "", [244, 64, 0, 0], 10, 0xb00),
    network(65538, "Madeup Backbone", "", [244, 128, 0, 0], 9, 0xc00),
];

/// How many of [`NETWORKS`] sell lines to firms.
pub const N_ACCESS: usize = 4;
/// Position of the hosting company in [`NETWORKS`].
pub const HOSTING: usize = 4;
/// Position of the colocation centre that registered its own AS.
pub const COLOCATION: usize = 7;

impl Network {
    pub fn first_v4(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.v4)
    }

    pub fn last_v4(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.first_v4()) | (u32::MAX >> self.v4_length))
    }

    /// An address of its IPv6 block.
    pub fn v6(&self, site: u16, host: u16) -> Ipv6Addr {
        Ipv6Addr::new(0x3fff, self.v6, site, 0, 0, 0, 0, host)
    }
}

/// The AS that announces an address, as in the table prefix → AS.
pub fn asn_of(country: &Country, ip: IpAddr) -> Option<u32> {
    country
        .announced
        .iter()
        .find(|(first, last, _)| *first <= ip && ip <= *last)
        .map(|(_, _, asn)| *asn)
}

#[derive(Clone, Default)]
pub struct Address {
    pub street: String,
    pub house_number: String,
    pub addition: String,
    pub postcode: String,
    pub town: String,
    pub country: String,
    pub shielded: bool,
}

/// A row of the table `assets`, as text, so that a bad one can be written too.
#[derive(Clone)]
pub struct AssetRow {
    pub company: String,
    pub kind: String,
    pub value: String,
    pub valid_from: Option<String>,
    pub valid_until: Option<String>,
    pub source: &'static str,
}

impl AssetRow {
    pub fn new(
        company: &str,
        kind: AssetKind,
        value: impl Into<String>,
        source: &'static str,
    ) -> Self {
        Self {
            company: company.into(),
            kind: kind.as_str().into(),
            value: value.into(),
            valid_from: None,
            valid_until: None,
            source,
        }
    }
}

/// A row of the table `contacts`.
#[derive(Clone)]
pub struct ContactRow {
    pub company: String,
    pub channel: Channel,
    pub value: String,
    pub role: &'static str,
    pub priority: u16,
    pub has_bounced: bool,
}

/// A company with what scans can see of it.
#[derive(Clone)]
pub struct Firm {
    pub key: String,
    pub name: String,
    pub kind: PartyKind,
    pub language: Language,
    pub sector: &'static str,
    pub size: &'static str,
    pub province: String,
    pub since: Option<&'static str>,
    pub until: Option<&'static str>,
    pub legal_basis: &'static str,
    pub address: Option<Address>,
    pub parent: Option<String>,
    /// Its domain, when it has one.
    pub domain: Option<String>,
    /// Addresses of its own that something can run on.
    pub hosts: Vec<IpAddr>,
    /// The shared web server that its site is on.
    pub web: Option<Ipv4Addr>,
}

/// Everything.
pub struct Country {
    pub firms: Vec<Firm>,
    pub assets: Vec<AssetRow>,
    pub contacts: Vec<ContactRow>,
    /// First and last address, AS number; in rising order, IPv4 first, narrow before wide.
    pub announced: Vec<(IpAddr, IpAddr, u32)>,
}
