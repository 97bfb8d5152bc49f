//! What a night leaves about threats in shadow: who would have been told, and why others not.

use std::collections::BTreeSet;

use super::outputs::{Files, Outputs, RenderedNight};
use crate::diag::Failure;
use crate::report::{self, ShadowRow};
use crate::statistics;

/// One row a threat in shadow that met a row.
pub(super) fn rows(night: &RenderedNight<'_>) -> Vec<ShadowRow> {
    let told: BTreeSet<_> = (night.decided.warnings())
        .map(|d| &d.letter.company.key)
        .collect();
    report::shadow_rows(&night.rehearsed.decisions, &told)
}

impl Outputs<'_> {
    /// Its figures, and every decision of the rehearsal; nothing where no such threat met a row.
    pub(super) fn shadow(&self, night: &RenderedNight<'_>) -> Result<Files, Failure> {
        let rows = rows(night);
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let separator = self.loaded.job.csv_separator;
        let date = self.pin.night.to_string();
        let figures = report::shadow_csv(&rows, statistics::INTERNAL, &date, separator)?;
        // No letter: a reference of one that never was would lead nowhere.
        let decisions = report::decisions_parquet(&night.rehearsed.decisions, &[])?;
        Ok(vec![
            ("statistics/shadow.csv".into(), figures),
            ("shadow/decisions.parquet".into(), decisions),
        ])
    }
}
