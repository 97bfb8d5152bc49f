//! IP addresses as text: one reading or none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::dotted_quad::dotted_quad;
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
    parse_as_written(text).map(canonical)
}

/// As [`parse_ip`], but a v4-mapped address stays IPv6: a prefix length counts from there.
pub(super) fn parse_as_written(text: &str) -> Result<IpAddr, RejectReason> {
    let text = text.trim_matches([' ', '\t']);
    if let Some(v4) = dotted_quad(text.as_bytes()) {
        return Ok(IpAddr::V4(Ipv4Addr::from_bits(v4)));
    }
    if let Ok(v6) = text.parse::<Ipv6Addr>() {
        return Ok(IpAddr::V6(v6));
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
    if text.contains(['[', ']']) || is_with_port(text) {
        return RejectReason::BracketedAddress;
    }
    if let Some((address, _)) = text.split_once('%')
        && address.parse::<IpAddr>().is_ok()
    {
        return RejectReason::ZoneId;
    }
    if is_old_form(text) || has_old_tail(text) {
        RejectReason::AmbiguousAddress
    } else {
        RejectReason::BadAddress
    }
}

/// `192.0.2.1:443`.
fn is_with_port(text: &str) -> bool {
    text.split_once(':').is_some_and(|(address, port)| {
        dotted_quad(address.as_bytes()).is_some() && port.parse::<u16>().is_ok()
    })
}

/// What `inet_aton` reads beyond a plain dotted quad: fewer than four parts, leading zeros,
/// hexadecimal.
fn is_old_form(text: &str) -> bool {
    let is_number = |part: &str| {
        let hex = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"));
        match hex {
            Some(digits) => !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit()),
            None => !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()),
        }
    };
    text.split('.').count() <= 4
        && text.split('.').all(is_number)
        // Four decimal parts without leading zeros are just too large a number, not old.
        && (text.split('.').count() < 4
            || text.split('.').any(|part| part.len() > 1 && part.starts_with('0')))
}

/// `::ffff:010.0.0.1`: IPv6 text that ends in a dotted quad with leading zeros.
fn has_old_tail(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(head, tail)| {
        tail.split('.').count() == 4
            && is_old_form(tail)
            && format!("{head}:0.0.0.0").parse::<Ipv6Addr>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuses(text: &str, why: RejectReason) {
        assert_eq!(parse_ip(text), Err(why), "{text:?}");
    }

    #[test]
    fn one_reading_or_a_named_reason() {
        use RejectReason as R;
        for (text, want) in [
            ("192.0.2.1", "192.0.2.1"),
            (" 192.0.2.1\t", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:c000:0201", "192.0.2.1"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("::192.0.2.1", "::c000:201"),
        ] {
            assert_eq!(parse_ip(text).unwrap().to_string(), want, "{text:?}");
        }
        refuses("", R::EmptyValue);
        refuses("  ", R::EmptyValue);
        for text in [
            "010.0.0.1",
            "1.2.3",
            "127.1",
            "1",
            "0x7f.1",
            "0X7f000001",
            "1.2.3.08",
        ] {
            refuses(text, R::AmbiguousAddress);
        }
        refuses("::ffff:010.0.0.1", R::AmbiguousAddress);
        refuses("fe80::1%eth0", R::ZoneId);
        refuses("192.0.2.1%1", R::ZoneId);
        refuses("%C2%AD", R::BadAddress);
        for text in ["[::1]", "[192.0.2.1]", "[::1]:443", "192.0.2.1:443"] {
            refuses(text, R::BracketedAddress);
        }
        for text in [
            "1.2.3.256",
            "1.2.3.4.5",
            "192.0.2.1\n",
            "a",
            "+1.2.3.4",
            "::g",
            "١.٢.٣.٤",
        ] {
            refuses(text, R::BadAddress);
        }
    }
}
