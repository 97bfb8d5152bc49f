//! Bars: where each stands on the page.

use serde::Serialize;

use super::page::{Line, number};

/// Bars in a chart; the table has the rest.
const MAX_BARS: usize = 12;
/// Characters of a label in a chart: what fits beside the number on a screen of 360 pixels.
const MAX_LABEL: usize = 40;
/// Height of a bar with its label, in pixels.
const BAR_STEP: usize = 44;

/// One value a bar.
#[derive(Serialize)]
pub(super) struct Chart {
    height: usize,
    title: String,
    description: String,
    bars: Vec<Bar>,
    left_out: String,
}

#[derive(Serialize)]
struct Bar {
    label: String,
    value: String,
    /// Hundredths of a per cent would be false precision; one decimal is a pixel.
    width: String,
    label_y: usize,
    bar_y: usize,
}

/// The chart of a table, as positions; `None` where there is nothing to draw.
pub(super) fn chart(
    lines: &[Line<'_>],
    row_name: &str,
    year: &str,
    sentence: &str,
) -> Option<Chart> {
    let most = lines.iter().map(|l| l.year.companies).max().unwrap_or(0);
    if most == 0 {
        return None;
    }
    let shown = lines.iter().filter(|l| l.year.companies > 0);
    let bars: Vec<Bar> = shown
        .clone()
        .take(MAX_BARS)
        .enumerate()
        .map(|(i, line)| {
            let per_mille = line.year.companies * 1_000 / most;
            Bar {
                label: shortened(line.label),
                value: number(line.year.companies),
                width: format!("{}.{}", per_mille / 10, per_mille % 10),
                label_y: i * BAR_STEP + 16,
                bar_y: i * BAR_STEP + 23,
            }
        })
        .collect();
    Some(Chart {
        height: bars.len() * BAR_STEP,
        title: format!(
            "Gewaarschuwde bedrijven per {}, {year}",
            lower_first(row_name)
        ),
        description: sentence.to_owned(),
        left_out: match shown.count().saturating_sub(bars.len()) {
            0 => String::new(),
            1 => "De tabel heeft nog 1 waarde die hier niet staat.".to_owned(),
            n => format!("De tabel heeft nog {n} waarden die hier niet staan."),
        },
        bars,
    })
}

/// `Sector (SBI)` inside a sentence.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(chars).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_labels_are_cut_and_short_ones_are_not() {
        assert_eq!(shortened("kort"), "kort");
        let long = "Productie en distributie van en handel in elektriciteit";
        let short = shortened(long);
        assert!(
            short.ends_with('…') && short.chars().count() <= MAX_LABEL,
            "{short}"
        );
        assert_eq!(lower_first("Sector (SBI)"), "sector (SBI)");
    }
}
