//! Prefixes and ranges as text, and the space that nobody can register.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};

use super::address::{canonical, parse_as_written, parse_ip};
use crate::diag::RejectReason;

/// Reads a prefix such as `192.0.2.0/24` or `2001:db8::/32`; blanks around it are dropped.
///
/// Strict, since a wrong reading warns somebody else: the length is plain decimal (a netmask
/// such as `/255.255.255.0` can also be a host mask), and no bit after it may be set.
/// A v4-mapped prefix (`::ffff:192.0.2.0/120`) is the IPv4 prefix (`192.0.2.0/24`). A v4-mapped
/// address with a length under 96 always has host bits set, so it has no second reading.
///
/// # Errors
/// [`RejectReason::HostBits`], [`RejectReason::BadPrefix`], or what [`parse_ip`] says about the
/// address before the slash.
pub fn parse_prefix(text: &str) -> Result<IpNet, RejectReason> {
    let text = text.trim_matches([' ', '\t']);
    if text.is_empty() {
        return Err(RejectReason::EmptyValue);
    }
    let (address, length) = match text.split_once('/') {
        Some(parts) => parts,
        None if text.contains(['[', ']']) => return Err(RejectReason::BracketedAddress),
        None => return Err(RejectReason::BadPrefix),
    };
    if text.contains(char::is_whitespace) {
        return Err(RejectReason::BadPrefix);
    }
    let address = parse_as_written(address).map_err(|why| match why {
        RejectReason::EmptyValue | RejectReason::BadAddress => RejectReason::BadPrefix,
        why => why,
    })?;
    let length = prefix_length(length).ok_or(RejectReason::BadPrefix)?;
    let net = IpNet::new(address, length).map_err(|_| RejectReason::BadPrefix)?;
    if net.network() != address {
        return Err(RejectReason::HostBits);
    }
    Ok(canonical_net(net))
}

/// Decimal without sign and leading zeros, 0 to 128.
fn prefix_length(text: &str) -> Option<u8> {
    let is_plain =
        text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let length = text.parse().ok()?;
    (is_plain && length <= 128).then_some(length)
}

/// The prefix in the one form that is compared: host bits cleared, v4-mapped IPv6 as IPv4.
#[must_use]
pub fn canonical_net(net: IpNet) -> IpNet {
    let net = net.trunc();
    if let IpNet::V6(v6) = net
        && let Some(length) = v6.prefix_len().checked_sub(96)
        && let Some(v4) = v6.network().to_ipv4_mapped()
        && let Ok(v4) = Ipv4Net::new(v4, length)
    {
        return IpNet::V4(v4);
    }
    net
}

/// Reads `first-last`, both inside, with blanks around `-` allowed, as the fewest prefixes in
/// rising order.
///
/// # Errors
/// [`RejectReason::BadRange`] for two families, a falling order or no `-`; or what [`parse_ip`]
/// says about either end.
pub fn parse_range(text: &str) -> Result<Vec<IpNet>, RejectReason> {
    let text = text.trim_matches([' ', '\t']);
    if text.is_empty() {
        return Err(RejectReason::EmptyValue);
    }
    let (first, last) = text.split_once('-').ok_or(RejectReason::BadRange)?;
    let end = |text: &str| {
        parse_ip(text).map_err(|why| match why {
            RejectReason::EmptyValue | RejectReason::BadAddress => RejectReason::BadRange,
            why => why,
        })
    };
    range_to_nets(end(first)?, end(last)?).ok_or(RejectReason::BadRange)
}

/// The fewest prefixes that cover `first` to `last`, both inside, in rising order; at most 62
/// for IPv4 and 254 for IPv6. `None` for two families or a falling order.
#[must_use]
pub fn range_to_nets(first: IpAddr, last: IpAddr) -> Option<Vec<IpNet>> {
    match (canonical(first), canonical(last)) {
        (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => {
            Some(Ipv4Subnets::new(a, b, 0).map(IpNet::V4).collect())
        }
        (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => {
            Some(Ipv6Subnets::new(a, b, 0).map(IpNet::V6).collect())
        }
        _ => None,
    }
}

/// Space with a special purpose: no one company's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialSpace {
    /// First address.
    first: IpAddr,
    /// Prefix length.
    length: u8,
    /// What it is for.
    pub purpose: &'static str,
    /// The RFC that says so.
    pub source: &'static str,
}

impl SpecialSpace {
    /// The prefix.
    #[must_use]
    pub fn net(&self) -> IpNet {
        IpNet::new_assert(self.first, self.length)
    }

    /// Is it for examples in documents? Samples and tests may use it.
    #[must_use]
    pub fn is_documentation(&self) -> bool {
        self.purpose == DOCUMENTATION
    }
}

const DOCUMENTATION: &str = "documentation";

const fn v4(
    a: u8,
    b: u8,
    c: u8,
    length: u8,
    purpose: &'static str,
    source: &'static str,
) -> SpecialSpace {
    let first = IpAddr::V4(Ipv4Addr::new(a, b, c, 0));
    SpecialSpace {
        first,
        length,
        purpose,
        source,
    }
}

const fn v6(
    high: [u16; 4],
    low: [u16; 2],
    length: u8,
    purpose: &'static str,
    source: &'static str,
) -> SpecialSpace {
    let [a, b, c, d] = high;
    let [e, f] = low;
    let first = IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, 0, 0));
    SpecialSpace {
        first,
        length,
        purpose,
        source,
    }
}

/// The IANA special-purpose address registries (RFC 6890, RFC 8190), multicast, and the IPv6
/// space outside global unicast. The first entry that overlaps gives the reason, so the narrow
/// ones stand before the wide ones.
pub const SPECIAL_SPACES: &[SpecialSpace] = &[
    v4(0, 0, 0, 8, "this network", "RFC 791"),
    v4(10, 0, 0, 8, "private use", "RFC 1918"),
    v4(100, 64, 0, 10, "shared by carriers behind NAT", "RFC 6598"),
    v4(127, 0, 0, 8, "loopback", "RFC 1122"),
    v4(169, 254, 0, 16, "link-local", "RFC 3927"),
    v4(172, 16, 0, 12, "private use", "RFC 1918"),
    v4(192, 0, 0, 24, "protocol assignments", "RFC 6890"),
    v4(192, 0, 2, 24, DOCUMENTATION, "RFC 5737"),
    v4(192, 31, 196, 24, "AS112 anycast", "RFC 7535"),
    v4(192, 52, 193, 24, "multicast tunnels", "RFC 7450"),
    v4(192, 88, 99, 24, "6to4 relays, withdrawn", "RFC 7526"),
    v4(192, 168, 0, 16, "private use", "RFC 1918"),
    v4(192, 175, 48, 24, "AS112 anycast", "RFC 7534"),
    v4(198, 18, 0, 15, "benchmarking", "RFC 2544"),
    v4(198, 51, 100, 24, DOCUMENTATION, "RFC 5737"),
    v4(203, 0, 113, 24, DOCUMENTATION, "RFC 5737"),
    v4(224, 0, 0, 4, "multicast", "RFC 5771"),
    v4(240, 0, 0, 4, "reserved, and broadcast", "RFC 1112"),
    v6([0, 0, 0, 0], [0, 0xffff], 96, "IPv4 in IPv6", "RFC 4291"),
    v6(
        [0, 0, 0, 0],
        [0, 0],
        96,
        "unspecified, loopback and IPv4-compatible",
        "RFC 4291",
    ),
    v6(
        [0x64, 0xff9b, 0, 0],
        [0, 0],
        96,
        "IPv4 translated to IPv6",
        "RFC 6052",
    ),
    v6(
        [0x64, 0xff9b, 1, 0],
        [0, 0],
        48,
        "IPv4 translated to IPv6, local use",
        "RFC 8215",
    ),
    v6([0x100, 0, 0, 0], [0, 0], 64, "discard", "RFC 6666"),
    v6([0x100, 0, 0, 1], [0, 0], 64, "dummy prefix", "RFC 9780"),
    v6([0x2001, 0, 0, 0], [0, 0], 32, "Teredo", "RFC 4380"),
    v6([0x2001, 2, 0, 0], [0, 0], 48, "benchmarking", "RFC 5180"),
    v6([0x2001, 0xdb8, 0, 0], [0, 0], 32, DOCUMENTATION, "RFC 3849"),
    v6(
        [0x2001, 0, 0, 0],
        [0, 0],
        23,
        "protocol assignments",
        "RFC 2928",
    ),
    v6([0x2002, 0, 0, 0], [0, 0], 16, "6to4", "RFC 3056"),
    v6(
        [0x2620, 0x4f, 0x8000, 0],
        [0, 0],
        48,
        "AS112 anycast",
        "RFC 7534",
    ),
    v6([0x3fff, 0, 0, 0], [0, 0], 20, DOCUMENTATION, "RFC 9637"),
    v6(
        [0x3ffe, 0, 0, 0],
        [0, 0],
        16,
        "6bone, withdrawn",
        "RFC 3701",
    ),
    v6(
        [0x5f00, 0, 0, 0],
        [0, 0],
        16,
        "segment routing identifiers",
        "RFC 9602",
    ),
    v6([0xfc00, 0, 0, 0], [0, 0], 7, "unique local", "RFC 4193"),
    v6([0xfe80, 0, 0, 0], [0, 0], 10, "link-local", "RFC 4291"),
    v6(
        [0xfec0, 0, 0, 0],
        [0, 0],
        10,
        "site-local, withdrawn",
        "RFC 3879",
    ),
    v6([0xff00, 0, 0, 0], [0, 0], 8, "multicast", "RFC 4291"),
    v6(
        [0, 0, 0, 0],
        [0, 0],
        3,
        "outside global unicast",
        "RFC 4291",
    ),
    v6(
        [0x4000, 0, 0, 0],
        [0, 0],
        2,
        "outside global unicast",
        "RFC 4291",
    ),
    v6(
        [0x8000, 0, 0, 0],
        [0, 0],
        1,
        "outside global unicast",
        "RFC 4291",
    ),
];

/// The special space that this prefix overlaps, in either direction: `10.1.0.0/16` lies in
/// private space, `0.0.0.0/0` has private space in it.
#[must_use]
pub fn special_space(net: &IpNet) -> Option<&'static SpecialSpace> {
    let net = canonical_net(*net);
    SPECIAL_SPACES.iter().find(|special| {
        let special = special.net();
        special.contains(&net) || net.contains(&special)
    })
}

/// Does the prefix overlap space that no company can register?
#[must_use]
pub fn is_reserved(net: &IpNet) -> bool {
    special_space(net).is_some()
}

/// Lies the prefix wholly in space for documentation? Only samples and tests register it.
#[must_use]
pub fn is_documentation(net: &IpNet) -> bool {
    let net = canonical_net(*net);
    SPECIAL_SPACES
        .iter()
        .any(|special| special.is_documentation() && special.net().contains(&net))
}

/// First and last address of a prefix as numbers; families apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// IPv4.
    V4(u32, u32),
    /// IPv6.
    V6(u128, u128),
}

/// First and last address of a prefix, v4-mapped as IPv4.
#[must_use]
pub fn span(net: &IpNet) -> Span {
    match canonical_net(*net) {
        IpNet::V4(n) => Span::V4(n.network().to_bits(), n.broadcast().to_bits()),
        IpNet::V6(n) => Span::V6(n.network().to_bits(), Ipv6Net::broadcast(&n).to_bits()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RejectReason as R;

    #[test]
    fn a_prefix_has_one_reading_or_a_named_reason() {
        for (text, want) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            (" 192.0.2.1/32 ", "192.0.2.1/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(
                parse_prefix(text).map(|n| n.to_string()).as_deref(),
                Ok(want),
                "{text}"
            );
        }
        for (text, why) in [
            ("", R::EmptyValue),
            ("192.0.2.1/24", R::HostBits),
            ("::ffff:192.0.2.0/95", R::HostBits),
            ("::ffff:0:0/90", R::HostBits),
            ("010.0.0.0/8", R::AmbiguousAddress),
            ("10/8", R::AmbiguousAddress),
            ("fe80::%1/64", R::ZoneId),
            ("[2001:db8::]/32", R::BracketedAddress),
            ("192.0.2.0", R::BadPrefix),
            ("192.0.2.0/", R::BadPrefix),
            ("/24", R::BadPrefix),
            ("192.0.2.0/33", R::BadPrefix),
            ("192.0.2.0/024", R::BadPrefix),
            ("192.0.2.0/+24", R::BadPrefix),
            ("192.0.2.0 /24", R::BadPrefix),
            ("192.0.2.0/24/24", R::BadPrefix),
            ("192.0.2.0/255.255.255.0", R::BadPrefix),
            ("2001:db8::/129", R::BadPrefix),
        ] {
            assert_eq!(parse_prefix(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_range_becomes_the_fewest_prefixes() {
        let read = |text: &str| {
            parse_range(text).map(|nets| {
                nets.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
        };
        for (text, want) in [
            ("192.0.2.0-192.0.2.255", "192.0.2.0/24"),
            (
                "192.0.2.1 - 192.0.2.6",
                "192.0.2.1/32 192.0.2.2/31 192.0.2.4/31 192.0.2.6/32",
            ),
            ("0.0.0.0-255.255.255.255", "0.0.0.0/0"),
            ("192.0.2.7-192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.0-192.0.2.1", "192.0.2.0/31"),
            ("2001:db8::-2001:db8::2", "2001:db8::/127 2001:db8::2/128"),
            ("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(want), "{text}");
        }
        for (text, why) in [
            ("", R::EmptyValue),
            ("192.0.2.9-192.0.2.1", R::BadRange),
            ("192.0.2.9-2001:db8::", R::BadRange),
            ("192.0.2.9", R::BadRange),
            ("-192.0.2.9", R::BadRange),
            ("192.0.2.1-192.0.2.3-192.0.2.4", R::BadRange),
            ("192.0.2.1-15", R::AmbiguousAddress),
            ("fe80::1%1-fe80::2", R::ZoneId),
        ] {
            assert_eq!(read(text), Err(why), "{text}");
        }
    }

    #[test]
    fn special_space_is_found_from_both_sides() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        for text in [
            "10.1.2.0/24",
            "0.0.0.0/0",
            "8.0.0.0/6",
            "100.127.0.0/16",
            "224.0.0.1/32",
            "255.255.255.255/32",
            "2001:db8:1::/48",
            "3fff::/24",
            "fd00::/8",
            "::ffff:10.0.0.0/104",
            "2000::/3",
            "4000::/16",
            "::1/128",
        ] {
            assert!(is_reserved(&net(text)), "{text}");
        }
        for text in [
            "8.8.8.0/24",
            "100.128.0.0/9",
            "198.20.0.0/16",
            "145.0.0.0/8",
            "2a00::/12",
            "2001:200::/23",
            "::ffff:8.8.8.0/120",
        ] {
            assert!(!is_reserved(&net(text)), "{text}");
        }
        assert!(is_documentation(&net("192.0.2.128/25")));
        assert!(!is_documentation(&net("192.0.0.0/16")));
    }

    #[test]
    fn every_special_space_is_a_prefix_without_host_bits() {
        for special in SPECIAL_SPACES {
            assert_eq!(special.net().network(), special.first, "{special:?}");
        }
    }
}
