//! CISA's Known Exploited Vulnerabilities catalogue, official JSON or CSV.

use jiff::civil::Date;
use polars::prelude::DataFrame;
use serde::Deserialize;

use super::{Polars, frame, numbers, texts};
use crate::diag::Failure;
use crate::model::row_numbers::line_of;

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
    if !json.trim_ascii_start().starts_with(b"{") {
        return read_csv(json, object, as_of);
    }
    let file: File = serde_json::from_slice(json).map_err(|e| {
        Failure::fix_data(format!("not a KEV catalogue: {e}"))
            .at(object, "")
            .hint("expected CISA's JSON with `vulnerabilities`, each with `cveID` and `dateAdded`")
    })?;
    let found = file.vulnerabilities.into_iter().enumerate();
    let found = found.map(|(i, row)| (format!("vulnerabilities[{i}].dateAdded"), row));
    kev(found, object, as_of)
}

/// The official CSV, found by its columns.
fn read_csv(csv: &[u8], object: &str, as_of: Date) -> Result<Kev, Failure> {
    let not_kev = |e: &dyn std::fmt::Display| {
        Failure::fix_data(format!("not a KEV catalogue: {e}"))
            .at(object, "")
            .hint("expected CISA's JSON, or its CSV with `cveID` and `dateAdded`")
    };
    let mut reader = csv::Reader::from_reader(csv);
    let header = reader.headers().map_err(|e| not_kev(&e))?.clone();
    let position = |name: &str| header.iter().position(|h| h.trim() == name);
    let (Some(cve), Some(added)) = (position("cveID"), position("dateAdded")) else {
        return Err(not_kev(&"it has no columns `cveID` and `dateAdded`"));
    };
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| not_kev(&e))?;
        let cell = |at: usize| record.get(at).unwrap_or_default().trim().to_owned();
        let row = Row {
            cve_id: cell(cve),
            date_added: cell(added),
        };
        let line = line_of(csv, &record);
        rows.push((format!("line {line}: dateAdded"), row));
    }
    kev(rows.into_iter(), object, as_of)
}

fn kev(
    found: impl Iterator<Item = (String, Row)>,
    object: &str,
    as_of: Date,
) -> Result<Kev, Failure> {
    let mut rows = Vec::new();
    for (place, row) in found {
        let date = row.date_added.parse::<Date>().map_err(|_| {
            let message = format!("`{}` is not a date such as `2026-03-01`", row.date_added);
            Failure::fix_data(message).at(object, place)
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
