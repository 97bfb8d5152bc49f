//! The suffixes of a name with their hashes, eight bytes at a time.
//!
//! Matching asks for them for every row of a snapshot. A name is cut into blocks of eight bytes
//! from the right, so that all its suffixes share their blocks, and one pass hashes them all.

/// Longest name in bytes without the root's dot (RFC 1035, section 2.3.4).
pub(super) const MAX_NAME: usize = 253;

/// The hash of a name of which nothing is read yet.
const HASH_OF_NOTHING: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(hash: u64, block: u64) -> u64 {
    (hash ^ block)
        .wrapping_mul(0x9fb2_1c65_1e98_df25)
        .rotate_left(23)
}

/// The hash of a canonical name, as [`for_each_suffix`] gives it for the same name.
#[must_use]
pub fn hash_from_right(name: &str) -> u64 {
    let (rest, blocks) = name.as_bytes().as_rchunks::<8>();
    let hash = blocks.iter().rev().fold(HASH_OF_NOTHING, |hash, block| {
        mix(hash, u64::from_be_bytes(*block))
    });
    mix(hash, short_block(rest))
}

/// Fewer than eight bytes as the low end of a block.
fn short_block(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |block, &b| block << 8 | u64::from(b))
}

/// Goes through a name from the right and calls `at` on each label border with the hash of the
/// suffix (in lower case) and where it starts: for `a.b.nl` with `nl`, `b.nl`, `a.b.nl`.
///
/// `true` only for a plain name: one that [`Domain`](super::name::Domain) reads as itself in
/// lower case. Anything that needs a second look (Unicode, `xn--`, a trailing dot, a number at
/// the end) or is no name at all gives `false`; `at` may have been called by then.
pub fn for_each_suffix(text: &[u8], at: impl FnMut(u64, usize)) -> bool {
    if text.len() > MAX_NAME {
        return false;
    }
    let mut walk = Walk {
        text,
        at,
        hash: HASH_OF_NOTHING,
        label_end: text.len(),
    };
    let mut end = text.len();
    let (rest, blocks) = text.as_rchunks::<8>();
    for block in blocks.iter().rev() {
        let Some(block) = walk.borders(u64::from_be_bytes(*block), EVERY, end) else {
            return false;
        };
        walk.hash = mix(walk.hash, block);
        end -= 8;
    }
    let n_bits = 8 * rest.len();
    // A short block is cut out of a whole one where the name has eight bytes.
    let block = match text.first_chunk::<8>() {
        Some(first) if n_bits > 0 => u64::from_be_bytes(*first) >> (64 - n_bits),
        Some(_) => 0,
        None => short_block(rest),
    };
    let present = EVERY & ((1 << n_bits) - 1);
    match walk.borders(block, present, end) {
        Some(block) => walk.border(block, 0),
        None => false,
    }
}

struct Walk<'a, F> {
    text: &'a [u8],
    at: F,
    /// Of the whole blocks to the right.
    hash: u64,
    /// Where the label ends that is being read.
    label_end: usize,
}

impl<F: FnMut(u64, usize)> Walk<'_, F> {
    /// The borders in a block that ends at `end`; `present` has the high bit of each byte that
    /// counts. Gives the block in lower case, or `None` where the name is not plain.
    #[inline]
    fn borders(&mut self, block: u64, present: u64, end: usize) -> Option<u64> {
        let (block, mut dots) = plain(block, present)?;
        while dots != 0 {
            // What is found of a dot is its byte's high bit.
            let n_bits = dots.trailing_zeros() - 7;
            let right_of_dot = block & ((1 << n_bits) - 1);
            if !self.border(right_of_dot, end - n_bits as usize / 8) {
                return None;
            }
            dots &= dots - 1;
        }
        Some(block)
    }

    /// A suffix that starts here; `part` is what of its last block lies right of the border.
    #[inline]
    fn border(&mut self, part: u64, start: usize) -> bool {
        let label = self.text.get(start..self.label_end).unwrap_or_default();
        let is_top = self.label_end == self.text.len();
        if !is_plain_label(label) || (is_top && !label.iter().any(|b| *b > b'9')) {
            return false;
        }
        self.label_end = start.saturating_sub(1);
        (self.at)(mix(self.hash, part), start);
        true
    }
}

/// `is_top` alone would let `0xff` through as a last label, so `0x` and `xn--` are for UTS 46.
#[inline]
fn is_plain_label(label: &[u8]) -> bool {
    match label {
        [] | [b'-', ..] | [.., b'-'] => false,
        [b'0', b'x' | b'X', ..] | [b'x' | b'X', b'n' | b'N', b'-', b'-', ..] => false,
        _ => label.len() <= 63,
    }
}

/// The high bit of each byte.
const EVERY: u64 = 0x8080_8080_8080_8080;
const ONES: u64 = 0x0101_0101_0101_0101;

/// The high bit of each byte of `block` from `low` to `high`; all bytes are ASCII.
#[inline]
const fn within(block: u64, low: u8, high: u8) -> u64 {
    let from_low = block + ONES * (0x80 - low as u64);
    let above_high = block + ONES * (0x7f - high as u64);
    from_low & !above_high & EVERY
}

/// The block in lower case and the high bit of each dot in it; `None` where a byte that counts
/// is none of letters, digits, `-`, `_` and `.`.
#[inline]
const fn plain(block: u64, present: u64) -> Option<(u64, u64)> {
    if block & EVERY != 0 {
        return None;
    }
    let upper = within(block, b'A', b'Z');
    // From the high bit down to the bit that tells the cases apart.
    let block = block | (upper >> 2);
    let dots = within(block, b'.', b'.');
    let others = within(block, b'a', b'z')
        | within(block, b'0', b'9')
        | within(block, b'-', b'-')
        | within(block, b'_', b'_');
    if (dots | others) & present != present {
        return None;
    }
    Some((block, dots & present))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rules of a plain name, label by label.
    fn is_plain(text: &str) -> bool {
        let is_label = |label: &str| {
            let lower = label.to_ascii_lowercase();
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
                && !lower.starts_with("0x")
                && !lower.starts_with("xn--")
        };
        text.len() <= MAX_NAME
            && text.split('.').all(is_label)
            && text
                .rsplit('.')
                .next()
                .is_some_and(|top| top.bytes().any(|b| b > b'9'))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8192))]

        #[test]
        fn each_suffix_is_met_once_with_its_hash(text in "[a-zA-Z0-9_.-]{0,20}|[a-z0-9]{1,66}(\\.[a-z0-9X]{1,9}){0,4}|[a-zA-Z_]{1,9}(\\.[a-z]{1,9}){0,6}|[a-z./:*@Z\\[`{\\x00\\x7f\\PC]{0,12}") {
            let mut met = Vec::new();
            let plain = for_each_suffix(text.as_bytes(), |hash, start| met.push((hash, start)));
            prop_assert_eq!(plain, is_plain(&text), "{:?}", text);
            if plain {
                let lower = text.to_ascii_lowercase();
                let mut starts: Vec<usize> = lower.match_indices('.').map(|(i, _)| i + 1).collect();
                starts.insert(0, 0);
                starts.reverse();
                let want: Vec<_> = starts.iter().map(|&i| (hash_from_right(&lower[i..]), i)).collect();
                prop_assert_eq!(met, want);
            }
        }

        #[test]
        fn different_names_differ(a in "[a-c.]{1,20}", b in "[a-c.]{1,20}") {
            prop_assert_eq!(a == b, hash_from_right(&a) == hash_from_right(&b));
        }
    }

    #[test]
    fn every_byte_in_every_place() {
        for byte in 0..=255u8 {
            for place in 0..19 {
                let mut text = *b"abcdefg.hij.klm.nop";
                text[place] = byte;
                let want = std::str::from_utf8(&text).is_ok_and(is_plain);
                assert_eq!(for_each_suffix(&text, |_, _| ()), want, "{byte} at {place}");
            }
        }
    }
}
