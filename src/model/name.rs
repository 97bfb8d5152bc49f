//! Host and domain names.

use std::fmt;
use std::str::FromStr;

use super::suffix::{MAX_NAME, for_each_suffix};

/// A domain or host name in the one form that is compared.
///
/// - Lower case, A-labels (UTS 46 non-transitional), no trailing dot.
/// - One or more labels of 1 to 63 bytes; letters, digits, `-` and `_`; 253 bytes at most.
///   No label starts or ends with `-` (RFC 1123); `_` is let through since service and DKIM
///   names have it.
/// - Never an IP address: the last label is no number (as the URL standard has it).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Box<str>);

impl Domain {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is this name `parent` itself or below it, on a label border?
    #[must_use]
    pub fn is_at_or_below(&self, parent: &Self) -> bool {
        self.0
            .strip_suffix(&*parent.0)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// Number of labels, 1 or more.
    #[must_use]
    pub fn n_labels(&self) -> usize {
        self.0.split('.').count()
    }

    /// The name, then each shorter suffix: `a.b.nl`, `b.nl`, `nl`.
    pub fn suffixes(&self) -> impl Iterator<Item = &str> {
        suffixes(&self.0)
    }

    /// Its labels, the top-level one first.
    pub fn labels_from_right(&self) -> impl Iterator<Item = &str> {
        self.0.rsplit('.')
    }

    /// The name without its first label; `None` for a single label.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.split_once('.').map(|(_, rest)| Self(rest.into()))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = ();

    /// Reads a name in any case, with Unicode labels and with one trailing dot.
    fn from_str(text: &str) -> Result<Self, ()> {
        let plain = text.strip_suffix('.').unwrap_or(text);
        if for_each_suffix(plain.as_bytes(), |_, _| ()) {
            return Ok(Self(plain.to_ascii_lowercase().into()));
        }
        read_with_uts46(text)
    }
}

/// UTS 46 with CheckBidi, CheckJoiners and the label rules of [`Domain`]. Hyphens in the third
/// and fourth place are let through in ASCII labels, since content networks have them, but not
/// in labels that punycode hides: `xn--xn---epa` would be a name within a name.
fn read_with_uts46(text: &str) -> Result<Domain, ()> {
    let ascii = idna::domain_to_ascii(text).map_err(|_| ())?;
    // An ideographic full stop at the end is a dot only now.
    let ascii = ascii.strip_suffix('.').unwrap_or(&ascii);
    let is_label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
            && !hides_hyphens(l)
    };
    if ascii.len() <= MAX_NAME && ascii.split('.').all(is_label) && !ends_in_number(ascii) {
        Ok(Domain(ascii.into()))
    } else {
        Err(())
    }
}

/// Does an A-label decode to a text with hyphens where a label has none: at the start, at the
/// end, or in the third and fourth place?
fn hides_hyphens(label: &str) -> bool {
    label
        .strip_prefix("xn--")
        .and_then(idna::punycode::decode_to_string)
        .is_some_and(|text| {
            text.starts_with('-')
                || text.ends_with('-')
                || text.chars().skip(2).take(2).eq(['-', '-'])
        })
}

/// Would a browser take it for an IPv4 address? Decimal or `0x` in the last label.
fn ends_in_number(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| {
        let hex = last.strip_prefix("0x");
        last.bytes().all(|b| b.is_ascii_digit())
            || hex.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

/// A name as a certificate has it: `*.voorbeeld.example` (RFC 6125, section 6.4.3).
///
/// - The asterisk is the whole first label, and the only one.
/// - What follows has two labels or more: `*.nl` would be everybody's, and whoever writes a
///   certificate by hand can put it there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WildcardName(Domain);

impl WildcardName {
    /// The name behind the asterisk.
    #[must_use]
    pub const fn base(&self) -> &Domain {
        &self.0
    }

    /// Does it cover this name: exactly one label below the base?
    #[must_use]
    pub fn covers(&self, name: &Domain) -> bool {
        name.0
            .split_once('.')
            .is_some_and(|(_, rest)| rest == self.0.as_str())
    }
}

impl FromStr for WildcardName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let base: Domain = text.strip_prefix("*.").ok_or(())?.parse()?;
        if base.n_labels() >= 2 {
            Ok(Self(base))
        } else {
            Err(())
        }
    }
}

impl fmt::Display for WildcardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "*.{}", self.0)
    }
}

/// A name, then each shorter suffix on a label border.
pub fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |rest| {
        rest.split_once('.').map(|(_, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn reads(text: &str, want: &str) {
        assert_eq!(
            text.parse::<Domain>().map(|d| d.to_string()).as_deref(),
            Ok(want),
            "{text:?}"
        );
    }

    #[test]
    fn names_are_read_in_one_form() {
        reads("Voorbeeld.EXAMPLE.", "voorbeeld.example");
        reads("_dmarc.voorbeeld.example", "_dmarc.voorbeeld.example");
        reads("fa\u{df}.example", "xn--fa-hia.example");
        reads("XN--FA-HIA.example", "xn--fa-hia.example");
        reads(
            "b\u{fc}cher\u{3002}example\u{3002}",
            "xn--bcher-kva.example",
        );
        reads("b\u{ad}.example", "b.example");
        reads("r3---sn-x.voorbeeld.example", "r3---sn-x.voorbeeld.example");
        reads("0x.voorbeeld.example", "0x.voorbeeld.example");
        reads("localhost", "localhost");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = format!("{}example", "a.".repeat(124));
        for text in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a..",
            "-a.example",
            "a-.example",
            "192.0.2.1",
            "1.2.3",
            "a.0x7f",
            "a.0x",
            "a b.example",
            "a/b.example",
            "a:443",
            "*.a.example",
            "xn--a",
            "xn--zzzz---",
            "xn--xn---epa.example",
            "a\u{0}.example",
            &long,
            &longer,
        ] {
            assert!(text.parse::<Domain>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn label_borders_count() {
        let name = |text: &str| text.parse::<Domain>().unwrap();
        assert!(name("a.b.nl").is_at_or_below(&name("b.nl")));
        assert!(!name("ab.nl").is_at_or_below(&name("b.nl")));
        assert!(!name("b.nl").is_at_or_below(&name("a.b.nl")));
        assert_eq!(name("a.b.nl").parent(), Some(name("b.nl")));
        assert_eq!(name("nl").parent(), None);
        assert_eq!(
            name("a.b.nl").labels_from_right().collect::<Vec<_>>(),
            ["nl", "b", "a"]
        );
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        let wildcard: WildcardName = "*.B.nl.".parse().unwrap();
        let covers = |text: &str| wildcard.covers(&text.parse().unwrap());
        assert!(covers("a.b.nl"));
        assert!(!covers("b.nl") && !covers("x.a.b.nl") && !covers("ab.nl"));
        assert_eq!(wildcard.to_string(), "*.b.nl");
        for text in ["*.nl", "*", "*.", "a*.b.nl", "*.*.nl", "a.*.nl", "b.nl"] {
            assert!(text.parse::<WildcardName>().is_err(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn the_short_way_reads_what_uts46_reads(text in "[a-zA-Z0-9_.x-]{0,12}|[a-c0-9x.-]{1,70}|(xn--)?[a-z0-9]{1,5}\\.[0-9xX]{1,4}|[a-z]{1,3}(\\.[a-z]{1,3}){0,3}") {
            if for_each_suffix(text.as_bytes(), |_, _| ()) {
                prop_assert_eq!(read_with_uts46(&text).map(|d| d.to_string()), Ok(text.to_ascii_lowercase()));
            }
        }
    }
}
