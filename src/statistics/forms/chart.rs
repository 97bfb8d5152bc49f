//! Bars of a table of one axis, and the sentence that says the same.

use serde::Serialize;

use super::words::{figure, number};
use super::work::line_name;
use super::{About, Sheet, WorkGroup};
use crate::model::company::Language;

const MAX_LABEL: usize = 40;
/// Height of a bar with its label, in pixels.
const STEP: usize = 44;

/// Bars by their positions.
#[derive(Serialize)]
pub(super) struct Chart {
    height: usize,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct Bar {
    label: String,
    value: String,
    is_secret: bool,
    /// Per cent of the width.
    width: String,
    label_y: usize,
    bar_y: usize,
}

/// The bars of companies, in the order of the table; `None` where nothing is shown.
pub(super) fn chart(sheet: &Sheet, about: &About<'_>, language: Language) -> Option<Chart> {
    let rows = || sheet.rows.iter().filter(|r| !r.is_total());
    let companies = |r: &super::SheetRow| r.values.map(|[companies, ..]| companies);
    let most = rows().filter_map(companies).max().filter(|m| *m > 0)?;
    let values = rows().map(|row| {
        let label = row.labels(&sheet.axes, language, about.titles).join(", ");
        (label, companies(row))
    });
    Some(bars(values, most, language))
}

/// The chart of a group of figures of the work; `None` where nothing is shown.
pub(super) fn of_work(group: &WorkGroup, language: Language) -> Option<Chart> {
    let most = group.lines.iter().filter_map(|(_, n)| *n).max();
    let values = group.lines.iter();
    let values = values.map(|(code, n)| (line_name(code, language).to_owned(), *n));
    Some(bars(values, most.filter(|m| *m > 0)?, language))
}

fn bars(
    values: impl Iterator<Item = (String, Option<u64>)>,
    most: u64,
    language: Language,
) -> Chart {
    let bars: Vec<Bar> = values
        .enumerate()
        .map(|(i, (label, value))| {
            let per_mille = value.unwrap_or(0) * 1_000 / most;
            Bar {
                label: shortened(&label),
                value: figure(value, language),
                is_secret: value.is_none(),
                width: format!("{}.{}", per_mille / 10, per_mille % 10),
                label_y: i * STEP + 16,
                bar_y: i * STEP + 23,
            }
        })
        .collect();
    Chart {
        height: bars.len() * STEP,
        bars,
    }
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= MAX_LABEL {
        return label.to_owned();
    }
    let mut short: String = label.chars().take(MAX_LABEL - 1).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// What the chart shows, in words.
pub(super) fn sentence(sheet: &Sheet, about: &About<'_>, language: Language) -> String {
    let is_nl = language == Language::Nl;
    let rows: Vec<_> = sheet.rows.iter().filter(|r| !r.is_total()).collect();
    let n_secret = rows.iter().filter(|r| r.values.is_none()).count();
    let shown = rows.iter().filter_map(|r| Some((r, r.values?[0])));
    // Of equal ones the first by code: an order by size tells nothing that is not shown.
    let most = shown.fold(
        None,
        |best: Option<(&&super::SheetRow, u64)>, (row, n)| match best {
            Some((_, m)) if m >= n => best,
            _ => Some((row, n)),
        },
    );
    let secret = match (n_secret, is_nl) {
        (0, _) => String::new(),
        (1, true) => " Eén rij is geheim.".into(),
        (n, true) => format!(" {n} rijen zijn geheim."),
        (1, false) => " One row is secret.".into(),
        (n, false) => format!(" {n} rows are secret."),
    };
    let Some((row, n)) = most.filter(|(_, n)| *n > 0) else {
        let none = if is_nl {
            "Geen rij kan worden getoond."
        } else {
            "No row can be shown."
        };
        return format!("{none}{secret}");
    };
    let label = row.labels(&sheet.axes, language, about.titles).join(", ");
    let n = number(n, language);
    if is_nl {
        format!("Van de getoonde rijen telt „{label}” de meeste bedrijven: {n}.{secret}")
    } else {
        format!("Of the rows shown, “{label}” has the most companies: {n}.{secret}")
    }
}
