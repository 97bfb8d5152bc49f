//! The tables as one page for a reader at the ministry, in Dutch.
//!
//! Every chart stands beside its table and a sentence that says the same. Nothing is loaded
//! from elsewhere, and there is no script.

use std::cmp::Reverse;

use jiff::civil::Date;
use serde::Serialize;

use super::chart::{Chart, chart};
use super::label::MONTHS_NL;
use super::terms::{FIVE_COUNTS, OTHER_COUNTS, Term};
use super::{Cell, Counts, Dimension, INTERNAL, PeriodKind, SMALL_BELOW};
use crate::diag::Failure;
use crate::model::night::Night;
use crate::model::shown;

/// Dimension, anchor, heading, what one row is, whether its own order says more than its size.
const SECTIONS: &[(Dimension, &str, &str, &str, bool)] = &[
    (
        Dimension::Threat,
        "dreiging",
        "Naar dreiging",
        "Dreiging",
        false,
    ),
    (
        Dimension::Sector,
        "sector",
        "Naar sector",
        "Sector (SBI)",
        false,
    ),
    (
        Dimension::Province,
        "provincie",
        "Naar provincie",
        "Provincie of land",
        false,
    ),
    (
        Dimension::SizeClass,
        "grootte",
        "Naar grootte",
        "Grootteklasse",
        true,
    ),
    (
        Dimension::PartyKind,
        "soort",
        "Naar soort bedrijf",
        "Soort bedrijf",
        false,
    ),
    (
        Dimension::Participation,
        "deelname",
        "Naar deelname",
        "Deelname",
        false,
    ),
    (
        Dimension::Urgency,
        "urgentie",
        "Naar urgentie",
        "Urgentie",
        true,
    ),
    (Dimension::Channel, "kanaal", "Naar kanaal", "Kanaal", false),
    (
        Dimension::Feed,
        "bron",
        "Naar bron",
        "Bron van de waarneming",
        false,
    ),
    (
        Dimension::Trigger,
        "aanleiding",
        "Naar aanleiding",
        "Aanleiding",
        false,
    ),
];

#[derive(Serialize)]
struct Page {
    sender: String,
    internal: &'static str,
    night: String,
    night_iso: String,
    month: String,
    year: String,
    five: Vec<KeyRow>,
    others: Vec<KeyRow>,
    sections: Vec<Section>,
    small_below: u64,
    n_small: usize,
}

#[derive(Serialize)]
struct KeyRow {
    name: &'static str,
    means: &'static str,
    night: String,
    month: String,
    year: String,
}

#[derive(Serialize)]
struct Section {
    id: &'static str,
    heading: &'static str,
    row_name: &'static str,
    sentence: String,
    sums: &'static str,
    chart: Option<Chart>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    label: String,
    numbers: Vec<Number>,
}

#[derive(Serialize)]
struct Number {
    text: String,
    is_small: bool,
    begins_group: bool,
}

/// The page that came with the program.
const TEMPLATE: &str = include_str!("../../templates/statistics/page.html");

/// Writes the page. `sender_name` is the name of the service.
///
/// # Errors
/// As [`html_with`].
pub fn html(cells: &[Cell], night: Night, sender_name: &str) -> Result<Vec<u8>, Failure> {
    html_with(cells, night, sender_name, TEMPLATE)
}

/// Writes the page with another template (Tera) than the one that came with the program.
///
/// # Errors
/// `FixJob`: the template is broken, with Tera's own words.
pub fn html_with(
    cells: &[Cell],
    night: Night,
    sender_name: &str,
    template: &str,
) -> Result<Vec<u8>, Failure> {
    let broken = |e: tera::Error| {
        Failure::fix_job(format!("the template cannot be used: {}", with_causes(&e)))
            .at("templates/statistics/page.html", "")
            .hint("compare it with the one that came with the program")
    };
    let mut tera = tera::Tera::default();
    tera.add_raw_template("page.html", template)
        .map_err(broken)?;
    let page = page(cells, night, sender_name);
    let context = tera::Context::from_serialize(&page).map_err(broken)?;
    let html = tera.render("page.html", &context).map_err(broken)?;
    Ok(html.into_bytes())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

fn page(cells: &[Cell], night: Night, sender_name: &str) -> Page {
    let date = night.date();
    let total = |kind| {
        cells
            .iter()
            .find(|c| c.period.kind == kind && c.dimension == Dimension::Total)
            .map(|c| c.counts)
            .unwrap_or_default()
    };
    let (in_night, in_month, in_year) = (
        total(PeriodKind::Night),
        total(PeriodKind::Month),
        total(PeriodKind::Year),
    );
    let key_rows = |terms: &[Term]| -> Vec<KeyRow> {
        terms
            .iter()
            .map(|term| KeyRow {
                name: term.name,
                means: term.means,
                night: number((term.of)(&in_night)),
                month: number((term.of)(&in_month)),
                year: number((term.of)(&in_year)),
            })
            .collect()
    };
    let year = format!("{} tot en met {}", date.year(), day_and_month(date));
    Page {
        sender: sender_name.to_owned(),
        internal: INTERNAL,
        night: format!("{} {}", day_and_month(date), date.year()),
        night_iso: date.to_string(),
        month: format!("{} {}", month(date), date.year()),
        five: key_rows(FIVE_COUNTS),
        others: key_rows(OTHER_COUNTS),
        sections: SECTIONS
            .iter()
            .map(|section| make_section(cells, section, in_year.companies, &year))
            .collect(),
        year,
        small_below: SMALL_BELOW,
        n_small: cells.iter().filter(|c| c.is_small()).count(),
    }
}

/// The counts of one value in the three periods.
pub(super) struct Line<'a> {
    pub value: &'a str,
    pub label: &'a str,
    pub night: Counts,
    pub month: Counts,
    pub year: Counts,
}

fn lines(cells: &[Cell], dimension: Dimension) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    // The year holds every value that a month or a night has.
    let of = |kind| {
        cells
            .iter()
            .filter(move |c| c.dimension == dimension && c.period.kind == kind)
    };
    for cell in of(PeriodKind::Year) {
        let at = |kind| {
            of(kind)
                .find(|c| c.value == cell.value)
                .map(|c| c.counts)
                .unwrap_or_default()
        };
        lines.push(Line {
            value: &cell.value,
            label: &cell.label,
            night: at(PeriodKind::Night),
            month: at(PeriodKind::Month),
            year: cell.counts,
        });
    }
    lines
}

fn make_section(
    cells: &[Cell],
    &(dimension, id, heading, row_name, keeps_order): &(
        Dimension,
        &'static str,
        &'static str,
        &'static str,
        bool,
    ),
    n_companies: u64,
    year: &str,
) -> Section {
    let mut lines = lines(cells, dimension);
    if keeps_order {
        lines.sort_by_key(|l| (l.value.is_empty(), leading_number(l.value)));
    } else {
        lines.sort_by_key(|l| (l.value.is_empty(), Reverse(l.year.companies)));
    }
    let sentence = sentence(&lines, n_companies, year);
    let sums = if dimension.is_partition() {
        "Elke brief valt onder één rij: brieven tellen op tot het totaal."
    } else {
        "Een brief kan onder meer dan één rij vallen: de rijen tellen op tot meer dan het totaal."
    };
    Section {
        id,
        heading,
        row_name,
        chart: chart(&lines, row_name, year, &sentence),
        sentence,
        sums,
        rows: lines.iter().map(row).collect(),
    }
}

fn row(line: &Line<'_>) -> Row {
    let mut numbers = Vec::new();
    let mut push = |counts: &Counts, of: &[fn(&Counts) -> u64]| {
        let is_small = counts.companies > 0 && counts.companies < SMALL_BELOW;
        for (i, of) in of.iter().enumerate() {
            numbers.push(Number {
                text: number(of(counts)),
                is_small: is_small && i == 0,
                begins_group: i == 0,
            });
        }
    };
    push(
        &line.year,
        &[
            |c| c.companies,
            |c| c.notifications,
            |c| c.letters,
            |c| c.triggers,
            |c| c.findings,
            |c| c.assets,
        ],
    );
    push(&line.month, &[|c| c.companies, |c| c.notifications]);
    push(&line.night, &[|c| c.companies, |c| c.notifications]);
    Row {
        label: line.label.to_owned(),
        numbers,
    }
}

/// What the chart shows, in words.
fn sentence(lines: &[Line<'_>], n_companies: u64, year: &str) -> String {
    let most = lines.iter().map(|l| l.year.companies).max().unwrap_or(0);
    if most == 0 || n_companies == 0 {
        return format!("In {year} kreeg nog geen bedrijf een waarschuwing.");
    }
    let first: Vec<&str> = lines
        .iter()
        .filter(|l| l.year.companies == most)
        .map(|l| l.label)
        .collect();
    let share = (most * 100 + n_companies / 2) / n_companies;
    let of = format!(
        "{} van de {} gewaarschuwde bedrijven ({share} %)",
        number(most),
        number(n_companies)
    );
    match first.as_slice() {
        [only] => format!("In {year} komt „{only}” het meest voor: {of}."),
        [a, b] => format!("In {year} komen „{a}” en „{b}” het meest voor: elk {of}."),
        many => format!(
            "In {year} delen {} waarden de eerste plaats: elk {of}.",
            many.len()
        ),
    }
}

/// A number as it is written in Dutch: `1.378`.
pub(super) fn number(value: u64) -> String {
    shown::grouped(value, '.')
}

/// For classes such as `10-49` and `250+`; `urgent` comes before `normal`: texts run backwards.
fn leading_number(value: &str) -> (u64, Reverse<String>) {
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    (
        digits.parse().unwrap_or(u64::MAX),
        Reverse(value.to_owned()),
    )
}

fn month(date: Date) -> &'static str {
    usize::try_from(date.month() - 1)
        .ok()
        .and_then(|i| MONTHS_NL.get(i))
        .copied()
        .unwrap_or_default()
}

fn day_and_month(date: Date) -> String {
    format!("{} {}", date.day(), month(date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_dutch() {
        assert_eq!(day_and_month(jiff::civil::date(2026, 3, 1)), "1 maart");
    }

    #[test]
    fn classes_keep_their_order() {
        let mut classes = ["250+", "10-49", "1", "50-249", "2-9"];
        classes.sort_by_key(|c| leading_number(c));
        assert_eq!(classes, ["1", "2-9", "10-49", "50-249", "250+"]);
        let mut urgencies = ["normal", "urgent"];
        urgencies.sort_by_key(|u| leading_number(u));
        assert_eq!(urgencies, ["urgent", "normal"]);
    }
}
