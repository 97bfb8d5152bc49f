//! IP addresses as text: one reading or none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::diag::RejectReason;

/// Reads one address as written in a scan row or a registration.
///
/// Dotted quad without leading zeros, or RFC 4291 text; IPv4 in IPv6 (`::ffff:192.0.2.1`) is
/// the IPv4 address. Blanks around it are dropped.
///
/// # Errors
/// The reason: old short, octal or hexadecimal forms, zone ids, brackets and ports are each
/// named, since programs read them differently.
pub fn parse_ip(text: &str) -> Result<IpAddr, RejectReason> {
    let text = text.trim_matches([' ', '\t']);
    if let Ok(v4) = text.parse::<Ipv4Addr>() {
        return Ok(IpAddr::V4(v4));
    }
    if let Ok(v6) = text.parse::<Ipv6Addr>() {
        return Ok(canonical(IpAddr::V6(v6)));
    }
    Err(why_not_an_address(text))
}

/// The same address in the one form that is compared: v4-mapped IPv6 becomes IPv4.
#[must_use]
pub fn canonical(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

fn why_not_an_address(text: &str) -> RejectReason {
    if text.is_empty() {
        return RejectReason::EmptyValue;
    }
    if text.contains(['[', ']']) {
        return RejectReason::BracketedAddress;
    }
    if text.contains('%') {
        return RejectReason::ZoneId;
    }
    let number = |part: &str| {
        let digits = part
            .strip_prefix("0x")
            .or_else(|| part.strip_prefix("0X"))
            .unwrap_or(part);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())
    };
    let looks_old = text.bytes().any(|b| b.is_ascii_digit())
        && !text.contains(':')
        && text.split('.').count() <= 4
        && text.split('.').all(number)
        && text.split('.').all(|p| {
            p.starts_with("0x") || p.starts_with("0X") || p.bytes().all(|b| b.is_ascii_digit())
        });
    if looks_old {
        RejectReason::AmbiguousAddress
    } else {
        RejectReason::BadAddress
    }
}
