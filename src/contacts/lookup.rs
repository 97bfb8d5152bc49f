//! Results of look-ups, one JSON object a line: what a fetcher writes and a night reads.
//!
//! The body is kept as it came, so that a file is judged on the night: one that has run out since
//! it was fetched is no contact any more.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the lines.
const SCHEMA: u32 = 1;

/// What was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookupKind {
    /// `/.well-known/security.txt` of a site; the subject is its name.
    SecurityTxt,
    /// An RDAP object; the subject is a name, a prefix such as `192.0.2.0/24`, or `AS64500`.
    Rdap,
    /// Whether a name takes mail (RFC 5321, section 5.1; RFC 7505); the subject is the name.
    Mail,
}

/// What it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookupOutcome {
    /// There is an answer.
    Found,
    /// The other side says that there is none.
    None,
    /// No answer: `reason` says why.
    Unknown,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// 1.
    pub schema: u32,
    /// What was looked up.
    pub kind: LookupKind,
    /// Of whom.
    pub subject: String,
    /// When the answer came, UTC.
    #[serde(with = "instant")]
    pub fetched_at: Timestamp,
    /// What it came to.
    pub outcome: LookupOutcome,
    /// Code of the reason where nothing was found, such as `timeout` or `http_status_404`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Where it was asked for, and where it was found: first and last of a chain of redirects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// `Content-Type` as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The answer, where it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The answer in hexadecimal, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_hex: Option<String>,
}

/// RFC 3339, such as `2026-03-01T02:00:00Z`.
mod instant {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl Lookup {
    /// A result without an answer.
    #[must_use]
    pub fn without(
        kind: LookupKind,
        subject: String,
        fetched_at: Timestamp,
        outcome: LookupOutcome,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            kind,
            subject,
            fetched_at,
            outcome,
            reason: reason.into(),
            urls: Vec::new(),
            content_type: None,
            body: None,
            body_hex: None,
        }
    }

    /// Adds the answer.
    #[must_use]
    pub fn with_body(mut self, bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.body = Some(text.to_owned()),
            Err(_) => self.body_hex = Some(hex::encode(bytes)),
        }
        self
    }

    /// The answer's bytes; empty where there is none.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match (&self.body, &self.body_hex) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(hex)) => hex::decode(hex).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    /// The line, with its line break.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// Reads lines; blank ones are passed over.
///
/// # Errors
/// Number of the first line that is no result (1-based), and why.
pub fn read_lookups(bytes: &[u8]) -> Result<Vec<Lookup>, (usize, String)> {
    let mut lookups = Vec::new();
    for (i, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let lookup: Lookup = serde_json::from_slice(line).map_err(|e| (i + 1, e.to_string()))?;
        if lookup.schema != SCHEMA {
            let what = format!("schema {}; this program reads {SCHEMA}", lookup.schema);
            return Err((i + 1, what));
        }
        lookups.push(lookup);
    }
    Ok(lookups)
}
