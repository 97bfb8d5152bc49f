//! Dotted quads out of a column of text.

/// The high bit of each byte.
const EVERY: u128 = u128::MAX / 255 * 0x80;
const DOTS: u128 = u128::MAX / 255 * b'.' as u128;

/// Reads a dotted quad, as the standard library does: four decimal numbers from 0 to 255
/// without leading zeros, and nothing else; no blanks.
#[must_use]
pub fn dotted_quad(text: &[u8]) -> Option<u32> {
    dotted_quad_in(text, 0, text.len())
}

/// Reads the dotted quad that stands from `start` to `end` of a column's bytes.
///
/// It takes the sixteen bytes from `start` at once and has no loop over them: a column of text
/// has a hundred million rows, and no two texts beside each other have their dots in the same
/// places.
#[must_use]
#[inline]
pub fn dotted_quad_in(column: &[u8], start: usize, end: usize) -> Option<u32> {
    let length = end.checked_sub(start)?;
    if !(7..=15).contains(&length) {
        return None;
    }
    let bytes = match column.get(start..)?.first_chunk::<16>() {
        Some(bytes) => u128::from_le_bytes(*bytes),
        // The last texts of the column.
        None => little_endian(column.get(start..end)?),
    };
    let length = length as u32;
    let bytes = bytes & ((1 << (8 * length)) - 1);
    if bytes & EVERY != 0 {
        return None;
    }
    // A byte becomes zero where it is a dot; only then its high bit stays clear in the sum.
    let mut dots = !((bytes ^ DOTS) + !EVERY) & EVERY;
    let mut next_dot = || {
        let place = dots.trailing_zeros() / 8;
        dots &= dots.wrapping_sub(1);
        place
    };
    let (a, b, c) = (next_dot(), next_dot(), next_dot());
    if c >= 16 || dots != 0 {
        return None;
    }
    let octets = [
        octet(bytes, 0, a),
        octet(bytes, a + 1, b),
        octet(bytes, b + 1, c),
        octet(bytes, c + 1, length),
    ];
    // One test for all four: which of them is at fault differs from row to row.
    let is_good = octets.iter().fold(true, |good, octet| good & octet.1);
    is_good.then(|| {
        octets
            .iter()
            .fold(0, |address, octet| address << 8 | octet.0)
    })
}

/// A number from 0 to 255 without leading zeros, and whether that is what stands there.
#[inline]
const fn octet(bytes: u128, from: u32, to: u32) -> (u32, bool) {
    let n_digits = to.wrapping_sub(from);
    if n_digits.wrapping_sub(1) > 2 {
        return (0, false);
    }
    // Digits at the high end, the last one in the highest byte; what is missing counts as 0.
    let missing = 8 * (4 - n_digits);
    let digits = ((bytes >> (8 * from)) as u32) << missing;
    let digits = digits ^ (0x3030_3030 << missing);
    let are_digits = (digits | (digits & 0x7f7f_7f7f).wrapping_add(0x7676_7676)) & 0x8080_8080 == 0;
    let value = (digits >> 8 & 0xff) * 100 + (digits >> 16 & 0xff) * 10 + (digits >> 24);
    let least = match n_digits {
        1 => 0,
        2 => 10,
        _ => 100,
    };
    (value, are_digits & (value >= least) & (value <= 255))
}

/// Each octet's digits and a dot, and how many bytes that is.
const OCTETS: [([u8; 4], usize); 256] = {
    let mut octets = [([b'.'; 4], 0); 256];
    let mut n = 0;
    #[expect(clippy::indexing_slicing, reason = "checked when it is compiled")]
    while n < 256 {
        let (a, b, c) = (n / 100, n / 10 % 10, n % 10);
        let (a, b, c) = (b'0' + a as u8, b'0' + b as u8, b'0' + c as u8);
        octets[n] = match n {
            0..10 => ([c, b'.', b'.', b'.'], 2),
            10..100 => ([b, c, b'.', b'.'], 3),
            _ => ([a, b, c, b'.'], 4),
        };
        n += 1;
    }
    octets
};

/// Adds the dotted quad of an address, as the standard library writes it.
#[inline]
pub fn push_dotted_quad(address: u32, into: &mut Vec<u8>) {
    for octet in address.to_be_bytes() {
        let (digits, n_bytes) = OCTETS.get(usize::from(octet)).unwrap_or(&([0; 4], 0));
        let end = into.len() + n_bytes;
        into.extend_from_slice(digits);
        into.truncate(end);
    }
    into.pop();
}

fn little_endian(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .rev()
        .fold(0, |n, &byte| n << 8 | u128::from(byte))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_octet_text_is_read_as_the_standard_library_reads_it() {
        for n in 0..1100u32 {
            for octet in [n.to_string(), format!("{n:02}"), format!("{n:03}")] {
                for text in [
                    format!("{octet}.2.3.4"),
                    format!("1.2.3.{octet}"),
                    format!("1.{octet}.3.4"),
                ] {
                    let std = text.parse::<Ipv4Addr>().ok().map(u32::from);
                    assert_eq!(dotted_quad(text.as_bytes()), std, "{text}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn reads_what_the_standard_library_writes(bits: u32) {
            let text = Ipv4Addr::from_bits(bits).to_string();
            prop_assert_eq!(dotted_quad(text.as_bytes()), Some(bits));
        }

        #[test]
        fn writes_what_the_standard_library_writes(bits: u32) {
            let mut text = b"before ".to_vec();
            push_dotted_quad(bits, &mut text);
            let std = format!("before {}", Ipv4Addr::from_bits(bits));
            prop_assert_eq!(String::from_utf8(text).unwrap(), std);
        }

        #[test]
        fn agrees_with_the_standard_library_on_near_misses(text in "[0-9.]{0,17}|[0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9.:x \\PC]{0,16}") {
            let std = text.parse::<Ipv4Addr>().ok().map(u32::from);
            prop_assert_eq!(dotted_quad(text.as_bytes()), std);
        }

        #[test]
        fn what_stands_around_a_text_does_not_matter(before in "[0-9.]{0,20}", text in "[0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9.]{5,16}", after in "[0-9.]{0,20}") {
            let column = format!("{before}{text}{after}");
            let (start, end) = (before.len(), before.len() + text.len());
            let std = text.parse::<Ipv4Addr>().ok().map(u32::from);
            prop_assert_eq!(dotted_quad_in(column.as_bytes(), start, end), std);
        }
    }

    #[test]
    fn every_byte_in_every_place() {
        for text in ["1.2.3.4", "10.20.30.40", "255.255.255.255", "192.0.2.17"] {
            for place in 0..text.len() {
                for byte in 0..=255u8 {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes[place] = byte;
                    let std = std::str::from_utf8(&bytes).ok();
                    let std = std.and_then(|t| t.parse::<Ipv4Addr>().ok()).map(u32::from);
                    assert_eq!(dotted_quad(&bytes), std, "{byte} at {place} of {text}");
                }
            }
        }
    }
}
