//! FIRST's Exploit Prediction Scoring System, official CSV.

use std::collections::BTreeMap;

use jiff::civil::Date;
use polars::prelude::DataFrame;

use super::{Polars, frame, numbers, texts};
use crate::diag::Failure;
use crate::model::row_numbers::line_of;

/// The scores of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epss {
    /// Day of the scores: `score_date` of the first line, or the day that the object is named after.
    pub as_of: Date,
    /// Probability × 10,000 by CVE.
    pub scores: BTreeMap<String, u16>,
}

/// Reads the scores: an optional first line `#model_version:…,score_date:…`, then
/// `cve,epss,percentile`.
///
/// # Errors
/// `FixData` naming object, line and column where a score is not a probability.
pub fn read_epss(csv_bytes: &[u8], object: &str, named_day: Date) -> Result<Epss, Failure> {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(csv_bytes);
    let not_epss = |e: csv::Error| {
        Failure::fix_data(format!("not a table of EPSS scores: {e}"))
            .at(object, "")
            .hint("expected FIRST's CSV with the columns `cve,epss,percentile`")
    };
    let headers = reader.headers().map_err(not_epss)?.clone();
    let position = |name: &str| {
        headers.iter().position(|h| h == name).ok_or_else(|| {
            Failure::fix_data("the column is missing; expected `cve,epss,percentile`")
                .at(object, name)
        })
    };
    let (cve_at, score_at) = (position("cve")?, position("epss")?);
    let mut scores = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(not_epss)?;
        let text = record.get(score_at).unwrap_or_default();
        let score = text.parse::<f64>().ok().filter(|s| (0.0..=1.0).contains(s));
        let Some(score) = score else {
            let message = format!("`{text}` is not a probability between 0 and 1");
            let line = line_of(csv_bytes, &record);
            return Err(Failure::fix_data(message).at(object, format!("line {line}: epss")));
        };
        let cve = record.get(cve_at).unwrap_or_default().to_uppercase();
        scores.insert(cve, per_10_000(score));
    }
    let as_of = score_date(csv_bytes).unwrap_or(named_day);
    Ok(Epss { as_of, scores })
}

/// A probability in ten-thousandths, rounded to the nearest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the score lies between 0 and 1, so the product lies between 0 and 10,000"
)]
fn per_10_000(score: f64) -> u16 {
    (score * 10_000.0).round() as u16
}

fn score_date(csv_bytes: &[u8]) -> Option<Date> {
    let first = csv_bytes.split(|b| *b == b'\n').next()?;
    let text = std::str::from_utf8(first).ok()?;
    let (_, date) = text.split_once("score_date:")?;
    date.get(..10)?.parse().ok()
}

impl Epss {
    /// Columns `cve` (text) and `per_10_000`.
    pub(super) fn frame(&self) -> Polars<DataFrame> {
        let cves = texts("cve", self.scores.keys().map(String::as_str));
        let scores = numbers("per_10_000", self.scores.values().map(|s| i32::from(*s)));
        frame(vec![cves, scores])
    }
}
