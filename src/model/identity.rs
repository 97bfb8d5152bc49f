//! Identities: how findings, letters and parties are named for ever (DECISIONS, section 2).

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::company::{CompanyKey, PostalAddress};
use super::decision::ItemKind;
use super::night::Night;

/// Digits of either case. The crate `hex` does the same; a ledger has ten million of these, and
/// crates outside are not optimised where tests are run.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    const fn digit(c: u8) -> Option<u8> {
        match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            b'A'..=b'F' => Some(c - b'A' + 10),
            _ => None,
        }
    }
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let &[high, low] = pair else {
            return None;
        };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident $n:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $n]);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&hex::encode(self.0)) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }
        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                from_hex(text)
                    .map(Self)
                    .ok_or_else(|| format!("`{text}` is not {} hexadecimal digits", $n * 2))
            }
        }
    };
}

hex_id! {
    /// First 16 bytes of SHA-256 over `f1|company_key|threat_id|target|protocol|port`.
    FindingId 16
}
hex_id! {
    /// SHA-256 over the company key and the letter's sorted items.
    LetterId 32
}
hex_id! {
    /// HMAC-SHA-256(party secret, company key): how the ledger names a company.
    PartyRef 32
}

/// The byte string that a finding's identity is the hash of.
#[must_use]
pub fn finding_form(
    company: &CompanyKey,
    threat_id: &str,
    target: &str,
    protocol: Option<&str>,
    port: Option<u16>,
) -> String {
    let port = port.map(|p| p.to_string()).unwrap_or_default();
    let protocol = protocol.unwrap_or_default();
    format!("f1|{company}|{threat_id}|{target}|{protocol}|{port}")
}

impl FindingId {
    /// The identity of a canonical form, see [`finding_form`].
    #[must_use]
    pub fn of(form: &str) -> Self {
        let digest = Sha256::digest(form.as_bytes());
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(digest) {
            *to = from;
        }
        Self(id)
    }
}

/// What a claim holds for one finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Threat.
    pub threat_id: String,
    /// Trigger.
    pub trigger_id: String,
    /// Finding.
    pub finding_id: FindingId,
    /// First letter, reminder, relapse, …
    pub kind: ItemKind,
}

impl LetterId {
    /// The identity of a letter to `company` with these items, in any order.
    ///
    /// Hashes `l1`, the company key and one line an item (`threat|trigger|finding|kind`), sorted.
    /// The night is not in it: a second reminder about the same findings has the same id, so a
    /// claim is looked up by night, letter and attempt together.
    #[must_use]
    pub fn of(company: &CompanyKey, items: &[Item]) -> Self {
        Self::hashed(company, items, None)
    }

    /// The identity of a letter that takes another one back: hashes as [`LetterId::of`], and behind
    /// it a line `takes back <reference>`. Letters of several nights may be about the same findings.
    #[must_use]
    pub fn of_correction(company: &CompanyKey, items: &[Item], takes_back: &Reference) -> Self {
        Self::hashed(company, items, Some(takes_back))
    }

    fn hashed(company: &CompanyKey, items: &[Item], takes_back: Option<&Reference>) -> Self {
        let mut lines: Vec<String> = items
            .iter()
            .map(|i| {
                format!(
                    "{}|{}|{}|{}",
                    i.threat_id, i.trigger_id, i.finding_id, i.kind
                )
            })
            .collect();
        lines.sort_unstable();
        let mut hash = Sha256::new();
        hash.update(b"l1\n");
        hash.update(company.as_str().as_bytes());
        for line in lines {
            hash.update(b"\n");
            hash.update(line.as_bytes());
        }
        if let Some(reference) = takes_back {
            hash.update(format!("\ntakes back {reference}").as_bytes());
        }
        Self(hash.finalize().into())
    }

    /// The identity of an overview to `company` of these letters to its daughters, in any order.
    ///
    /// Hashes `o1`, the company key and one line a letter id, sorted. As in [`LetterId::of`] the
    /// night is not in it.
    #[must_use]
    pub fn of_overview(company: &CompanyKey, letters: &[Self]) -> Self {
        let mut letters = letters.to_vec();
        letters.sort_unstable();
        let mut hash = Sha256::new();
        hash.update(b"o1\n");
        hash.update(company.as_str().as_bytes());
        for letter in letters {
            hash.update(b"\n");
            hash.update(letter.to_string().as_bytes());
        }
        Self(hash.finalize().into())
    }
}

/// A secret key. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// Does the key begin with these bytes?
    #[must_use]
    pub fn starts_with(&self, mark: &[u8]) -> bool {
        self.0.starts_with(mark)
    }

    /// HMAC-SHA-256 (RFC 2104) of a message.
    #[must_use]
    pub fn hmac(&self, message: &[u8]) -> [u8; 32] {
        // HMAC takes a key of any length, so this constructor cannot fail.
        let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0) else {
            return [0; 32];
        };
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl PartyRef {
    /// How the ledger names this company.
    #[must_use]
    pub fn of(secret: &Secret, company: &CompanyKey) -> Self {
        Self(secret.hmac(company.as_str().as_bytes()))
    }

    /// How the ledger names this registered value, in its canonical form.
    #[must_use]
    pub fn of_asset(secret: &Secret, canonical: &str) -> Self {
        Self(secret.hmac(canonical.as_bytes()))
    }

    /// How the ledger names this mail address.
    #[must_use]
    pub fn of_contact(secret: &Secret, address: &str) -> Self {
        Self(secret.hmac(format!("contact|{}", address.to_ascii_lowercase()).as_bytes()))
    }

    /// How the ledger names this postal address.
    #[must_use]
    pub fn of_postal(secret: &Secret, address: &PostalAddress) -> Self {
        let parts = [
            address.country.as_str(),
            &address.postcode,
            &address.town,
            &address.street,
            &address.house_number,
            &address.house_number_addition,
        ];
        let plain = parts.map(|p| p.replace([' ', '|'], "").to_lowercase());
        Self(secret.hmac(format!("postal|{}", plain.join("|")).as_bytes()))
    }
}

/// `NW-YYMMDD-XXXXX-XXXXX-C`: what a reader quotes.
///
/// - `X` is Crockford base32 of the first 50 bits of HMAC-SHA-256(verification key, letter id).
/// - `C` is the ISO 7064 MOD 37,36 check character over the 16 characters before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(Box<str>);

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Reference {
    /// The reference of a letter of this night.
    #[must_use]
    pub fn of(key: &Secret, night: Night, letter: LetterId) -> Self {
        let mac = key.hmac(&letter.0);
        let bits = mac
            .iter()
            .take(8)
            .fold(0u64, |a, b| (a << 8) | u64::from(*b))
            >> 14;
        let digits: String = (0..10)
            .rev()
            .map(|i| {
                let index = usize::try_from((bits >> (5 * i)) & 31).unwrap_or(0);
                char::from(CROCKFORD.get(index).copied().unwrap_or(b'0'))
            })
            .collect();
        let day = night.yymmdd();
        let (first, second) = digits.split_at(5);
        let check = check_character(day.chars().chain(digits.chars())).unwrap_or('?');
        Self(format!("NW-{day}-{first}-{second}-{check}").into())
    }

    /// The night of its letter, as the reference says it; `None` where that is no date.
    #[must_use]
    pub fn night(&self) -> Option<Night> {
        let (year, rest) = self.0.get(3..9)?.split_at(2);
        let (month, day) = rest.split_at(2);
        format!("20{year}-{month}-{day}").parse().ok()
    }

    /// The reference as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Reference {
    type Err = String;

    /// Reads a reference as people type it: any case, `O` for `0`, `I` and `L` for `1`,
    /// with or without hyphens and blanks. The check character must fit.
    fn from_str(text: &str) -> Result<Self, String> {
        let mistyped = || format!("`{text}` is not a reference: mistyped, or cut short");
        let mut plain = String::with_capacity(text.len());
        let typed = text.chars().filter(|c| !matches!(c, '-' | ' '));
        plain.extend(typed.map(|c| c.to_ascii_uppercase()));
        let body = plain.strip_prefix("NW").ok_or_else(mistyped)?;
        if body.len() != 17 || !body.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(mistyped());
        }
        let read = |c: char| match c {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        };
        let (payload, check) = body.split_at(16);
        let payload = payload.chars().map(read);
        let expected = check_character(payload.clone()).ok_or_else(mistyped)?;
        // The check character may be any of 36; people read `O` as `0`, and `I` and `L` as `1`.
        if check.chars().next().map(read) != Some(read(expected)) {
            return Err(mistyped());
        }
        let mut whole = String::with_capacity(23);
        whole.push_str("NW-");
        for (place, c) in payload.enumerate() {
            if matches!(place, 6 | 11) {
                whole.push('-');
            }
            whole.push(c);
        }
        whole.push('-');
        whole.push(expected);
        Ok(Self(whole.into()))
    }
}

/// ISO 7064 MOD 37,36 over digits and capital letters; `None` for anything else.
fn check_character(text: impl Iterator<Item = char>) -> Option<char> {
    let mut product = 36u32;
    for c in text {
        let value = c.to_digit(36)?;
        let sum = (product + value) % 36;
        product = (if sum == 0 { 36 } else { sum }) * 2 % 37;
    }
    let check = (37 - product) % 36;
    char::from_digit(check, 36).map(|c| c.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_read_as_the_crate_reads_them() {
        let texts = [
            "", "0", "00", "0g", "g0", "0 ", "+1", "aF", "Fa", "ff", "0011", "é", "0x",
        ];
        for text in texts {
            let mut bytes = [0; 1];
            let want = hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes);
            assert_eq!(from_hex::<1>(text), want, "{text}");
        }
        for byte in 0..=u8::MAX {
            assert_eq!(from_hex(&hex::encode([byte, 7])), Some([byte, 7]));
        }
    }

    #[test]
    fn the_finding_form_is_pinned() {
        let company: CompanyKey = "kvk:01234567".parse().unwrap();
        let form = finding_form(
            &company,
            "exposed-rdp",
            "192.0.2.1",
            Some("tcp"),
            Some(3389),
        );
        assert_eq!(form, "f1|kvk:01234567|exposed-rdp|192.0.2.1|tcp|3389");
        assert_eq!(
            FindingId::of(&form).to_string(),
            hex::encode(&Sha256::digest(form.as_bytes())[..16])
        );
    }

    #[test]
    fn corrections_of_two_letters_about_the_same_findings_are_two_letters() {
        let company: CompanyKey = "kvk:01234567".parse().unwrap();
        let key = Secret::new(b"k");
        let of = |night: &str| {
            let reference = Reference::of(&key, night.parse().unwrap(), LetterId([7; 32]));
            LetterId::of_correction(&company, &[], &reference)
        };
        let ids = [
            of("2026-03-12"),
            of("2026-03-13"),
            LetterId::of(&company, &[]),
        ];
        let distinct: std::collections::BTreeSet<_> = ids.iter().map(|id| id.0).collect();
        assert_eq!(distinct.len(), 3);
        assert_eq!(ids[0], of("2026-03-12"));
    }

    #[test]
    fn the_identity_of_an_overview_is_pinned_and_no_other_letter_has_it() {
        let company: CompanyKey = "kvk:01234567".parse().unwrap();
        let [a, b] = [LetterId([1; 32]), LetterId([2; 32])];
        let form = format!("o1\nkvk:01234567\n{a}\n{b}");
        let expected = LetterId(Sha256::digest(form.as_bytes()).into());
        assert_eq!(LetterId::of_overview(&company, &[b, a]), expected);
        for other in [
            LetterId::of_overview(&company, &[a]),
            LetterId::of_overview(&"kvk:01234568".parse().unwrap(), &[a, b]),
            LetterId::of(&company, &[]),
        ] {
            assert_ne!(other, expected);
        }
    }

    #[test]
    fn a_reference_survives_sloppy_typing_and_refuses_a_wrong_letter() {
        let key = Secret::new(b"k");
        let night: Night = "2026-03-12".parse().unwrap();
        let reference = Reference::of(&key, night, LetterId([7; 32]));
        let sloppy = reference.as_str().to_lowercase().replace('-', " ");
        assert_eq!(sloppy.parse::<Reference>().unwrap(), reference);
        let mut wrong: Vec<char> = reference.as_str().chars().collect();
        wrong[10] = if wrong[10] == 'A' { 'B' } else { 'A' };
        assert!(
            wrong
                .iter()
                .collect::<String>()
                .parse::<Reference>()
                .is_err()
        );
    }

    #[test]
    fn the_check_character_is_that_of_iso_7064() {
        // The known example of MOD 37,36: GRid A12425GABC1234002 has check character M.
        assert_eq!(check_character("A12425GABC1234002".chars()), Some('M'));
    }
}
