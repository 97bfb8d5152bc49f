//! Host and domain names.

use std::fmt;
use std::str::FromStr;

/// A domain or host name in the one form that is compared.
///
/// - Lower case, A-labels (UTS 46 non-transitional), no trailing dot.
/// - One or more labels of 1 to 63 bytes; letters, digits, `-` and `_`; 253 bytes at most.
/// - Never an IP address.
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
        let text = text.strip_suffix('.').unwrap_or(text);
        let ascii = idna::domain_to_ascii(text).map_err(|_| ())?;
        let label = |l: &str| {
            (1..=63).contains(&l.len())
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let is_number = ascii
            .rsplit('.')
            .next()
            .is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
        if ascii.len() <= 253 && ascii.split('.').all(label) && !is_number {
            Ok(Self(ascii.into()))
        } else {
            Err(())
        }
    }
}
