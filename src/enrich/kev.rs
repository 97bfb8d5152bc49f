//! CISA's Known Exploited Vulnerabilities catalogue, official JSON.

use jiff::civil::Date;
use polars::prelude::DataFrame;
use serde::Deserialize;

use super::{Polars, frame, numbers, texts};
use crate::diag::Failure;

/// The catalogue of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kev {
    /// Day of the list.
    pub as_of: Date,
    /// CVE and the day on which it was added, sorted.
    pub rows: Vec<(String, Date)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    vulnerabilities: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(rename = "cveID")]
    cve_id: String,
    date_added: String,
}

/// Reads the catalogue; `as_of` is the day that the object is named after.
///
/// # Errors
/// `FixData` naming the object where it is not the official JSON, or an entry has no date.
pub fn read_kev(json: &[u8], object: &str, as_of: Date) -> Result<Kev, Failure> {
    let file: File = serde_json::from_slice(json).map_err(|e| {
        Failure::fix_data(format!("not a KEV catalogue: {e}"))
            .at(object, "")
            .hint("expected CISA's JSON with `vulnerabilities`, each with `cveID` and `dateAdded`")
    })?;
    let mut rows = Vec::with_capacity(file.vulnerabilities.len());
    for (i, row) in file.vulnerabilities.into_iter().enumerate() {
        let date = row.date_added.parse::<Date>().map_err(|_| {
            Failure::fix_data(format!(
                "`{}` is not a date such as `2026-03-01`",
                row.date_added
            ))
            .at(object, format!("vulnerabilities[{i}].dateAdded"))
        })?;
        rows.push((row.cve_id.to_uppercase(), date));
    }
    rows.sort();
    rows.dedup_by(|later, kept| later.0 == kept.0);
    Ok(Kev { as_of, rows })
}

impl Kev {
    /// Columns `cve` (text) and `since` (days since 1970).
    pub(super) fn frame(&self) -> Polars<DataFrame> {
        let cves = texts("cve", self.rows.iter().map(|(cve, _)| cve.as_str()));
        let since = numbers("since", self.rows.iter().map(|(_, date)| days_of(*date)));
        frame(vec![cves, since])
    }
}

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

fn days_of(date: Date) -> i32 {
    crate::model::night::Night::new(date).days_since(EPOCH)
}

pub(super) fn date_of(days: i32) -> Option<Date> {
    EPOCH
        .checked_add(jiff::Span::new().try_days(days).ok()?)
        .ok()
}
