//! security.txt (RFC 9116): whom a site's owner wants to hear from us.
//!
//! The verdict codes are those of the Dutch reference checker (`sectxt`, by the Digital Trust
//! Center), so that a company sees the same faults here and there.

use super::armor;
use super::language_tag;
use super::timestamp::{IsoTime, Judged};
use crate::model::email::mail_address;
use crate::model::night::Micros;

/// A fault, a recommendation or a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Code of the reference checker, such as `no_expire`.
    pub code: &'static str,
    /// 1-based line; `None` where it is about the whole file.
    pub line: Option<usize>,
}

/// A file after reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityTxt {
    /// What breaks the standard.
    pub errors: Vec<Verdict>,
    /// What could be better.
    pub recommendations: Vec<Verdict>,
    /// What may be a typing error.
    pub notifications: Vec<Verdict>,
    /// Plain mail addresses out of `Contact: mailto:…`, in the owner's order of preference.
    pub contacts: Vec<String>,
    /// Where the file says that it belongs.
    pub canonical: Vec<String>,
    /// It has an OpenPGP signature; nobody has checked whose.
    pub is_signed: bool,
}

/// Faults after which a file says nothing that may be relied on: it has run out, may be another
/// site's, or may have been tampered with (RFC 9116, sections 2.5.2, 2.5.5, 5.1 and 6.7). Other
/// faults are slips of the pen, and the owner's wish is plain all the same.
const UNTRUSTED: &[&str] = &[
    "no_security_txt",
    "invalid_uri_scheme",
    "invalid_cert",
    "utf8",
    "no_expire",
    "multi_expire",
    "invalid_expiry",
    "expired",
    "no_canonical_match",
    "signed_format_issue",
    "data_after_sig",
    "pgp_data_error",
    "pgp_error",
    "pgp_signature_error",
];

impl SecurityTxt {
    /// Does it keep the standard?
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }

    /// Neither of the two fields that every file has: it is another page.
    #[must_use]
    pub fn is_something_else(&self) -> bool {
        let has = |code| self.errors.iter().any(|v| v.code == code);
        has("no_expire") && has("no_contact")
    }

    /// The first fault after which its contacts must not be used.
    #[must_use]
    pub fn distrust(&self) -> Option<&'static str> {
        let codes = self.errors.iter().map(|v| v.code);
        codes.into_iter().find(|code| UNTRUSTED.contains(code))
    }
}

/// Fields whose value is a URI.
const URI_FIELDS: &[&str] = &[
    "acknowledgments",
    "canonical",
    "contact",
    "encryption",
    "hiring",
    "policy",
    "csaf",
];
const LANGUAGES: &str = "preferred-languages";
const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";

/// Reads a file as of `now`. `urls` are where it was found: the first and the last of a chain of
/// redirects; without any, `Canonical` fields are not compared.
#[must_use]
pub fn read_security_txt(bytes: &[u8], now: Micros, urls: &[&str]) -> SecurityTxt {
    let mut reader = Reader {
        now,
        ..Reader::default()
    };
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => {
            reader.error("bom_in_file");
            rest
        }
        None => bytes,
    };
    if std::str::from_utf8(bytes).is_err() {
        reader.error("utf8");
    }
    let text = String::from_utf8_lossy(bytes);
    for (i, line) in text.split('\n').enumerate() {
        reader.line = Some(i + 1);
        let kind = reader.line(line, &text);
        reader.kinds.push(kind);
    }
    reader.line = None;
    reader.whole(urls);
    reader.file
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Empty,
    Other,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Signature {
    #[default]
    NotYet,
    Reading,
    Done,
}

#[derive(Default)]
struct Reader {
    now: Micros,
    file: SecurityTxt,
    line: Option<usize>,
    kinds: Vec<Kind>,
    signature: Signature,
    fields: Vec<(String, String)>,
}

impl Reader {
    fn error(&mut self, code: &'static str) {
        let line = self.line;
        self.file.errors.push(Verdict { code, line });
    }

    fn recommend(&mut self, code: &'static str) {
        let line = self.line;
        self.file.recommendations.push(Verdict { code, line });
    }

    fn line(&mut self, line: &str, text: &str) -> Kind {
        let line = line.trim_end_matches(is_blank);
        if self.signature == Signature::Reading {
            if line == "-----END PGP SIGNATURE-----" {
                self.signature = Signature::Done;
            }
            return Kind::Other;
        }
        if !line.is_empty() && self.signature == Signature::Done {
            self.error("data_after_sig");
            return Kind::Other;
        }
        // Signed lines may be dash-escaped (RFC 4880, section 7.1).
        let line = match line.strip_prefix("- ") {
            Some(rest) if self.file.is_signed => rest,
            _ => line,
        };
        if line == SIGNED {
            if self.line != Some(1) {
                self.error("signed_format_issue");
            }
            self.file.is_signed = true;
            if let Err(code) = armor::check(text) {
                self.error(code);
            }
            return Kind::Other;
        }
        if line == "-----BEGIN PGP SIGNATURE-----" && self.file.is_signed {
            self.signature = Signature::Reading;
            return Kind::Other;
        }
        if line.is_empty() {
            return Kind::Empty;
        }
        if !line.starts_with('#') {
            match line.split_once(':') {
                Some((key, value)) => self.field(key, value),
                None => self.error("invalid_line"),
            }
        }
        Kind::Other
    }

    fn field(&mut self, key: &str, value: &str) {
        let mut key = key.to_lowercase();
        if key.ends_with(is_blank) {
            self.error("prec_ws");
            key.truncate(key.trim_end_matches(is_blank).len());
        }
        if !value.is_empty() && !value.starts_with(' ') {
            self.error("no_space");
        }
        let value = value.trim_start_matches(is_blank);
        if key == "hash" && self.file.is_signed {
            return;
        }
        if key.is_empty() {
            return self.error("empty_key");
        }
        if value.is_empty() {
            return self.error("empty_value");
        }
        match key.as_str() {
            uri if URI_FIELDS.contains(&uri) => match scheme(value).as_deref() {
                None => self.error("no_uri"),
                Some("http") => self.error("no_https"),
                Some(_) => {}
            },
            "expires" => match IsoTime::judge(value, self.now) {
                Judged::Unreadable => self.error("invalid_expiry"),
                Judged::Past => self.error("expired"),
                Judged::WithinAYear => {}
                Judged::Later => self.recommend("long_expiry"),
            },
            LANGUAGES => {
                for tag in value.split(',') {
                    if !language_tag::is_language_tag(tag.trim_matches(is_blank)) {
                        self.error("invalid_lang");
                    }
                }
            }
            _ => {
                let line = self.line;
                let code = "unknown_field";
                self.file.notifications.push(Verdict { code, line });
            }
        }
        match key.as_str() {
            "contact" => self.file.contacts.extend(mailto(value)),
            "canonical" => self.file.canonical.push(value.to_owned()),
            _ => {}
        }
        self.fields.push((key, value.to_owned()));
    }

    fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let of_key = self.fields.iter().filter(move |(name, _)| name == key);
        of_key.map(|(_, value)| value.as_str())
    }

    fn has(&self, key: &str) -> bool {
        self.values(key).next().is_some()
    }

    /// What only the whole file shows, in the order of the reference checker.
    fn whole(&mut self, urls: &[&str]) {
        match self.values("expires").count() {
            0 => self.error("no_expire"),
            1 => {}
            _ => self.error("multi_expire"),
        }
        let is_at_home = |reader: &Self| reader.values("canonical").any(|c| urls.contains(&c));
        if !urls.is_empty() && self.has("canonical") && !is_at_home(self) {
            self.error("no_canonical_match");
        }
        self.ends();
        let n_csaf = self.values("csaf").count();
        if self
            .values("csaf")
            .any(|v| !v.ends_with("provider-metadata.json"))
        {
            self.error("no_csaf_file");
        }
        if n_csaf > 1 {
            self.recommend("multiple_csaf_fields");
        }
        if !self.has("contact") {
            self.error("no_contact");
        } else if self.values("contact").any(|v| v.starts_with("mailto:"))
            && !self.has("encryption")
        {
            self.recommend("no_encryption");
        }
        if self.values(LANGUAGES).count() > 1 {
            self.error("multi_lang");
        }
        if !self.file.is_signed {
            self.recommend("not_signed");
        } else if !self.has("canonical") {
            self.recommend("no_canonical");
        }
    }

    /// Every line ends with a line break, and a signed file with one alone.
    fn ends(&mut self) {
        let n_lines = self.kinds.len();
        self.line = Some(n_lines);
        match self.kinds.as_slice() {
            [.., Kind::Empty, Kind::Empty] if self.file.is_signed => {
                self.error("too_many_line_separators");
            }
            [.., Kind::Other] => self.error("no_line_separators"),
            _ => {}
        }
        self.line = None;
    }
}

/// White space as the reference checker's language has it: Unicode's, and the four separators.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The scheme of a URI (RFC 3986, section 3.1), in lower case.
fn scheme(value: &str) -> Option<String> {
    let (scheme, _) = value.split_once(':')?;
    let starts_well = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_scheme = scheme
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    (starts_well && is_scheme).then(|| scheme.to_ascii_lowercase())
}

/// The address of a `mailto:` URI (RFC 6068) of one recipient; its header fields are dropped.
/// What decodes to anything but one plain mailbox is nobody.
fn mailto(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("mailto") {
        return None;
    }
    let address = rest.split(['?', '#']).next().unwrap_or_default();
    mail_address(&percent_decoded(address)?).ok()
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = u8::from_str_radix(part.get(..2)?, 16).ok()?;
        decoded.push(byte);
        decoded.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailto_is_one_plain_mailbox_or_nobody() {
        let table = [
            ("mailto:a@voorbeeld.example", Some("a@voorbeeld.example")),
            ("MAILTO:a@voorbeeld.example", Some("a@voorbeeld.example")),
            (
                "mailto:a@voorbeeld.example?subject=x&bcc=b@b.example",
                Some("a@voorbeeld.example"),
            ),
            (
                "mailto:a%2Bb@voorbeeld.example",
                Some("a+b@voorbeeld.example"),
            ),
            ("mailto:a@voorbeeld.example,b@voorbeeld.example", None),
            ("mailto:a@voorbeeld.example%2Cb@voorbeeld.example", None),
            (
                "mailto:a@voorbeeld.example%0D%0ABcc:b@voorbeeld.example",
                None,
            ),
            ("mailto:a%0Ab@voorbeeld.example", None),
            ("mailto:a%zz@voorbeeld.example", None),
            ("mailto:a%é@voorbeeld.example", None),
            ("a@voorbeeld.example", None),
            ("https://voorbeeld.example/meld", None),
        ];
        for (value, want) in table {
            assert_eq!(mailto(value).as_deref(), want, "{value}");
        }
    }

    #[test]
    fn what_has_run_out_or_is_of_another_site_is_not_relied_on() {
        let now = 1_761_998_400_000_000; // 2025-11-01T12:00:00Z
        let url = "https://voorbeeld.example/.well-known/security.txt";
        let table = [
            ("Expires: 2026-01-01T00:00:00Z\n", None),
            ("Expires: 2025-01-01T00:00:00Z\n", Some("expired")),
            ("", Some("no_expire")),
            (
                "Expires: 2026-01-01T00:00:00Z\nCanonical: https://ander.example/security.txt\n",
                Some("no_canonical_match"),
            ),
            // A slip of the pen.
            (
                "Expires:2026-01-01T00:00:00Z\nPreferred-Languages: *\n",
                None,
            ),
        ];
        for (rest, want) in table {
            let text = format!("Contact: mailto:a@voorbeeld.example\n{rest}");
            let file = read_security_txt(text.as_bytes(), now, &[url]);
            assert_eq!(file.distrust(), want, "{text}");
            assert_eq!(file.contacts, ["a@voorbeeld.example"]);
        }
    }
}
