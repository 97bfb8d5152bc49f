//! The publication as one page: no script, nothing loaded from elsewhere.

use serde::Serialize;

use super::chart::{Chart, chart, of_work, sentence};
use super::words::{self, figure};
use super::work::line_name;
use super::{About, Sheet, WorkGroup};
use crate::diag::Failure;
use crate::model::company::Language;
use crate::statistics::guard::Measure;
use crate::statistics::period::axis_name;

/// The page that came with the program.
const TEMPLATE: &str = include_str!("../../../templates/statistics/publication.html");

#[derive(Serialize)]
struct Page<'a> {
    lang: &'static str,
    is_nl: bool,
    sender: &'a str,
    period: String,
    from: String,
    until: String,
    keys: Vec<Key>,
    measures: Vec<&'static str>,
    work: Vec<Work>,
    sections: Vec<Section>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Key {
    name: &'static str,
    means: &'static str,
    value: String,
}

/// Figures of the work: name and value a row.
#[derive(Serialize)]
struct Work {
    id: &'static str,
    heading: &'static str,
    sentence: String,
    chart: Option<Chart>,
    rows: Vec<(&'static str, Value)>,
}

#[derive(Serialize)]
struct Section {
    id: String,
    heading: String,
    axes: Vec<&'static str>,
    sentence: String,
    chart: Option<Chart>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    labels: Vec<String>,
    is_total: bool,
    values: Vec<Value>,
}

#[derive(Serialize)]
struct Value {
    text: String,
    is_secret: bool,
}

/// Writes the page.
///
/// # Errors
/// `OurBug`: the template that came with the program is broken.
pub fn page(sheets: &[Sheet], about: &About<'_>, language: Language) -> Result<Vec<u8>, Failure> {
    let broken = |e: tera::Error| Failure::our_bug(format!("the page cannot be written: {e}"));
    let mut tera = tera::Tera::default();
    tera.add_raw_template("publication.html", TEMPLATE)
        .map_err(broken)?;
    let context =
        tera::Context::from_serialize(&content(sheets, about, language)).map_err(broken)?;
    let html = tera.render("publication.html", &context).map_err(broken)?;
    Ok(html.into_bytes())
}

/// The same content for the typesetter, which lays the tables out on A4: see
/// `render::tables_pdf`. The document's date is the last day of the period.
///
/// # Errors
/// `OurBug`: the content is no JSON.
pub fn annex(
    sheets: &[Sheet],
    about: &About<'_>,
    language: Language,
) -> Result<serde_json::Value, Failure> {
    let mut json = serde_json::to_value(content(sheets, about, language))
        .map_err(|e| Failure::our_bug(format!("the annex cannot be written: {e}")))?;
    if let Some(map) = json.as_object_mut() {
        let made = about.span.until();
        let made =
            serde_json::json!({ "year": made.year(), "month": made.month(), "day": made.day() });
        map.insert("made".into(), made);
    }
    Ok(json)
}

fn content<'a>(sheets: &[Sheet], about: &About<'a>, language: Language) -> Page<'a> {
    let total = sheets.iter().find(|s| s.axes.is_empty());
    let total = total.and_then(|s| s.rows.first()).and_then(|r| r.values);
    let keys = Measure::ALL.iter().enumerate().map(|(i, measure)| {
        let (name, means) = words::measure(*measure, language);
        Key {
            name,
            means,
            value: figure(total.and_then(|v| v.get(i).copied()), language),
        }
    });
    Page {
        lang: language.as_str(),
        is_nl: language == Language::Nl,
        sender: about.sender,
        period: about.period(),
        from: about.span.from().to_string(),
        until: about.span.until().to_string(),
        keys: keys.collect(),
        measures: Measure::ALL
            .iter()
            .map(|m| words::measure(*m, language).0)
            .collect(),
        work: about.work.iter().map(|g| work(g, language)).collect(),
        sections: sheets
            .iter()
            .filter(|s| !s.axes.is_empty())
            .map(|s| section(s, about, language))
            .collect(),
        notes: words::notes(about, language),
    }
}

fn work(group: &WorkGroup, language: Language) -> Work {
    let rows = group.lines.iter().map(|(code, value)| {
        let value = Value {
            text: figure(*value, language),
            is_secret: value.is_none(),
        };
        (line_name(code, language), value)
    });
    Work {
        id: group.id,
        heading: group.heading(language),
        sentence: group.sentence(language),
        // Letters and hours have no scale in common.
        chart: (group.id == "funnel")
            .then(|| of_work(group, language))
            .flatten(),
        rows: rows.collect(),
    }
}

fn section(sheet: &Sheet, about: &About<'_>, language: Language) -> Section {
    let rows = sheet.rows.iter().map(|row| Row {
        labels: row.labels(&sheet.axes, language, about.titles),
        is_total: row.is_total(),
        values: (0..Measure::ALL.len())
            .map(|i| {
                let value = row.values.and_then(|v| v.get(i).copied());
                Value {
                    text: figure(value, language),
                    is_secret: value.is_none(),
                }
            })
            .collect(),
    });
    Section {
        id: sheet.id.clone(),
        heading: sheet.title(language),
        axes: sheet.axes.iter().map(|a| axis_name(*a, language)).collect(),
        sentence: sentence(sheet, about, language),
        chart: if sheet.axes.len() == 1 {
            chart(sheet, about, language)
        } else {
            None
        },
        rows: rows.collect(),
    }
}
