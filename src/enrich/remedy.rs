//! What is to be done about a CVE: fixed versions and the vendor's page, out of CVE records and
//! CSAF advisories as they are stored.

use serde::{Deserialize, Serialize};

use jiff::civil::Date;

use crate::diag::Failure;

/// What one source says about one CVE. A line of the stored object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remedy {
    /// CVE identifier.
    pub cve: String,
    /// `CVE` for the record itself, publisher and number for an advisory.
    pub source: String,
    /// What the source calls it.
    pub title: String,
    /// Products with the first version that is no longer affected.
    pub fixed: Vec<String>,
    /// The vendor's page.
    pub link: String,
}

/// The remedies of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedies {
    /// Day of the object.
    pub as_of: Date,
    /// Sorted by CVE and source.
    pub rows: Vec<Remedy>,
}

impl Remedy {
    /// The same, if its CVE is one.
    ///
    /// # Errors
    /// A sentence with what was found.
    pub fn checked(mut self) -> Result<Self, String> {
        self.cve = self.cve.to_uppercase();
        let rest = self
            .cve
            .strip_prefix("CVE-")
            .and_then(|r| r.split_once('-'));
        let is_number = |t: &str| t.len() >= 4 && t.bytes().all(|b| b.is_ascii_digit());
        if rest.is_some_and(|(year, number)| is_number(year) && is_number(number)) {
            Ok(self)
        } else {
            Err(format!(
                "`{}` is no CVE identifier",
                crate::diag::mask(&self.cve)
            ))
        }
    }
}

/// Reads the stored lines; `as_of` is the day that the object is named after.
///
/// # Errors
/// `FixData` naming object and line.
pub fn read_remedies(lines: &[u8], object: &str, as_of: Date) -> Result<Remedies, Failure> {
    let mut rows = Vec::new();
    for (i, line) in lines.split(|b| *b == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let remedy: Remedy = serde_json::from_slice(line).map_err(|e| {
            Failure::fix_data(format!("not a stored remedy: {e}"))
                .at(object, format!("line {}", i + 1))
                .hint("store it with `nachtwacht reference import cve FILE` or `csaf`")
        })?;
        rows.push(remedy);
    }
    rows.sort_by(|a, b| (&a.cve, &a.source).cmp(&(&b.cve, &b.source)));
    Ok(Remedies { as_of, rows })
}
