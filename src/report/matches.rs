//! The table of an ad-hoc match: one row for each row × asset.

use super::table::Columns;
use crate::diag::Failure;

/// A row of the list met an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchRow {
    /// 0-based row of the list.
    pub row: u64,
    /// Company.
    pub company_key: String,
    /// The asset as registered.
    pub asset: String,
    /// Its kind.
    pub kind: &'static str,
    /// No other asset of this row is narrower.
    pub most_specific: bool,
    /// `high`, `medium`, `low`.
    pub confidence: &'static str,
}

/// Columns `row` (UInt64), `company_key`, `asset`, `kind`, `most_specific` (Boolean), `confidence`.
///
/// # Errors
/// `OurBug` where Parquet cannot be written.
pub fn matches_parquet(rows: &[MatchRow]) -> Result<Vec<u8>, Failure> {
    let mut t = Columns::default();
    t.count("row", rows.iter().map(|r| r.row));
    t.text(
        "company_key",
        rows.iter().map(|r| Some(r.company_key.as_str())),
    );
    t.text("asset", rows.iter().map(|r| Some(r.asset.as_str())));
    t.text("kind", rows.iter().map(|r| Some(r.kind)));
    t.flag("most_specific", rows.iter().map(|r| r.most_specific));
    t.text("confidence", rows.iter().map(|r| Some(r.confidence)));
    t.parquet("matches/1")
}

/// The same as CSV with a header; `most_specific` is `true` or `false`.
///
/// # Errors
/// `OurBug` where the CSV cannot be written.
pub fn matches_csv(rows: &[MatchRow]) -> Result<Vec<u8>, Failure> {
    let bug = |e: String| Failure::our_bug(format!("writing matches: {e}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = [
        "row",
        "company_key",
        "asset",
        "kind",
        "most_specific",
        "confidence",
    ];
    writer.write_record(head).map_err(|e| bug(e.to_string()))?;
    for r in rows {
        let (row, is_narrowest) = (r.row.to_string(), r.most_specific.to_string());
        let record = [
            &row,
            &r.company_key,
            &r.asset,
            r.kind,
            &is_narrowest,
            r.confidence,
        ];
        writer
            .write_record(record)
            .map_err(|e| bug(e.to_string()))?;
    }
    writer.into_inner().map_err(|e| bug(e.to_string()))
}

/// The same as one JSON object a line.
#[must_use]
pub fn matches_json_lines(rows: &[MatchRow]) -> Vec<u8> {
    let mut text = String::new();
    for r in rows {
        let line = serde_json::json!({
            "row": r.row,
            "company_key": r.company_key,
            "asset": r.asset,
            "kind": r.kind,
            "most_specific": r.most_specific,
            "confidence": r.confidence,
        });
        text.push_str(&line.to_string());
        text.push('\n');
    }
    text.into_bytes()
}
