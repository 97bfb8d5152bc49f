//! CSV with a description (CSV on the Web, W3C 2015), and Parquet.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use serde_json::{Value, json};

use super::words;
use super::work::line_name;
use super::{About, Sheet};
use crate::diag::Failure;
use crate::model::company::Language;
use crate::model::shown::formula_safe;
use crate::statistics::export::written;
use crate::statistics::guard::Measure;
use crate::statistics::period::axis_name;

/// Stands for the total in columns of codes.
const TOTAL: &str = "TOTAL";
const SCHEMA_VERSION: &str = "publication/1";

fn bug(e: impl std::fmt::Display) -> Failure {
    Failure::our_bug(format!("a publication cannot be written: {e}"))
}

/// One table as CSV (RFC 4180, UTF-8 without a mark, comma): for each axis code and labels, then
/// the measures, `.` where secret.
///
/// # Errors
/// `OurBug`: the writer refuses its own rows.
pub fn csv_of(sheet: &Sheet, about: &About<'_>) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(columns(sheet)).map_err(bug)?;
    for row in &sheet.rows {
        let mut fields = vec![about.period()];
        let nl = row.labels(&sheet.axes, Language::Nl, about.titles);
        let en = row.labels(&sheet.axes, Language::En, about.titles);
        for ((code, nl), en) in row.key.iter().zip(nl).zip(en) {
            fields.push(formula_safe(code.as_deref().unwrap_or(TOTAL)));
            fields.push(formula_safe(&nl));
            fields.push(formula_safe(&en));
        }
        for i in 0..Measure::ALL.len() {
            let value = row.values.and_then(|v| v.get(i).copied());
            fields.push(value.map_or_else(|| ".".to_owned(), |n| n.to_string()));
        }
        writer.write_record(&fields).map_err(bug)?;
    }
    writer.into_inner().map_err(bug)
}

/// The figures of the work as CSV: period, group, code, names, value, `.` where secret.
///
/// # Errors
/// `OurBug`: the writer refuses its own rows.
pub fn work_csv(about: &About<'_>) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(WORK_COLUMNS).map_err(bug)?;
    for group in about.work {
        for (code, value) in &group.lines {
            let [nl, en] = [Language::Nl, Language::En].map(|l| line_name(code, l));
            let value = value.map_or_else(|| ".".to_owned(), |n| n.to_string());
            writer
                .write_record([&about.period(), group.id, code, nl, en, &value])
                .map_err(bug)?;
        }
    }
    writer.into_inner().map_err(bug)
}

const WORK_COLUMNS: [&str; 6] = [
    "period",
    "group",
    "figure",
    "figure_nl",
    "figure_en",
    "value",
];

fn described_work(about: &About<'_>) -> Value {
    let columns = WORK_COLUMNS.map(|name| match name {
        "value" => json!({
            "name": name, "null": ".", "datatype": {"base": "nonNegativeInteger"},
            "titles": {"nl": "Waarde", "en": "Value"},
        }),
        "figure_nl" => {
            json!({"name": name, "titles": {"nl": "Cijfer"}, "datatype": "string", "lang": "nl"})
        }
        "figure_en" => {
            json!({"name": name, "titles": {"en": "Figure"}, "datatype": "string", "lang": "en"})
        }
        _ => json!({"name": name, "datatype": "string"}),
    });
    json!({
        "url": "work.csv",
        "dc:title": {"nl": "Waarnemingen, brieven en security.txt", "en": "Observations, letters and security.txt"},
        "notes": format!("{} {}", about.period(), about.newest_night),
        "tableSchema": {"columns": columns, "primaryKey": ["period", "group", "figure"]},
    })
}

fn columns(sheet: &Sheet) -> Vec<String> {
    let mut names = vec!["period".to_owned()];
    for axis in &sheet.axes {
        names.extend([axis.to_string(), format!("{axis}_nl"), format!("{axis}_en")]);
    }
    names.extend(Measure::ALL.iter().map(|m| m.to_string()));
    names
}

/// The description of every CSV: types, titles, what a point means, source and date.
///
/// # Errors
/// `OurBug`: JSON cannot be written.
pub fn csvw(sheets: &[Sheet], about: &About<'_>) -> Result<Vec<u8>, Failure> {
    let mut tables: Vec<Value> = sheets.iter().map(|sheet| described(sheet, about)).collect();
    if !about.work.is_empty() {
        tables.push(described_work(about));
    }
    let form = json!({
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "nl"}],
        "dc:title": {"nl": format!("Waarschuwingen, {}", about.period()), "en": format!("Warnings, {}", about.period())},
        "dc:publisher": about.sender,
        "dc:source": {"nl": words::notes(about, Language::Nl), "en": words::notes(about, Language::En)},
        "dc:date": about.newest_night,
        "dialect": {"encoding": "utf-8", "delimiter": ",", "header": true},
        "tables": tables,
    });
    let mut bytes = serde_json::to_vec_pretty(&form).map_err(bug)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn described(sheet: &Sheet, about: &About<'_>) -> Value {
    let titles = |nl: &str, en: &str| json!({"nl": nl, "en": en});
    let mut columns = vec![json!({
        "name": "period", "titles": titles("Periode", "Period"), "datatype": "string",
    })];
    let mut key = vec![json!("period")];
    for axis in &sheet.axes {
        let (nl, en) = (
            axis_name(*axis, Language::Nl),
            axis_name(*axis, Language::En),
        );
        columns.push(json!({
            "name": axis.to_string(), "datatype": "string", "null": [],
            "titles": titles(&format!("{nl}, code"), &format!("{en}, code")),
        }));
        for (language, title) in [("nl", nl), ("en", en)] {
            columns.push(json!({
                "name": format!("{axis}_{language}"), "titles": {language: title},
                "datatype": "string", "lang": language,
            }));
        }
        key.push(json!(axis.to_string()));
    }
    for &measure in Measure::ALL {
        let ((nl, nl_means), (en, en_means)) = (
            words::measure(measure, Language::Nl),
            words::measure(measure, Language::En),
        );
        columns.push(json!({
            "name": measure.to_string(), "titles": titles(nl, en), "null": ".",
            "datatype": {"base": "nonNegativeInteger"},
            "dc:description": titles(nl_means, en_means),
        }));
    }
    json!({
        "url": format!("{}.csv", sheet.id),
        "dc:title": titles(&sheet.title(Language::Nl), &sheet.title(Language::En)),
        "notes": format!("{} {}", about.period(), about.newest_night),
        "tableSchema": {"columns": columns, "primaryKey": key},
    })
}

/// Every table in one, a row a cell: `table`, `axis_1`, `value_1`, `axis_2`, `value_2` (null in
/// totals), `is_secret`, and the measures as UInt64, null where secret.
///
/// # Errors
/// `OurBug`: the writer refuses its own schema.
pub fn parquet_of(sheets: &[Sheet], about: &About<'_>) -> Result<Vec<u8>, Failure> {
    let rows: Vec<_> = sheets
        .iter()
        .flat_map(|sheet| sheet.rows.iter().map(move |row| (sheet, row)))
        .collect();
    let axis = |i: usize| -> ArrayRef {
        let of = rows
            .iter()
            .map(|(sheet, _)| sheet.axes.get(i).map(|a| a.as_str()));
        Arc::new(StringArray::from_iter(of))
    };
    let value = |i: usize| -> ArrayRef {
        let of = rows
            .iter()
            .map(|(_, row)| row.key.get(i).cloned().flatten());
        Arc::new(StringArray::from_iter(of))
    };
    let period = about.period();
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        (
            "period",
            Arc::new(StringArray::from_iter_values(rows.iter().map(|_| &period))),
        ),
        (
            "table",
            Arc::new(StringArray::from_iter_values(
                rows.iter().map(|(s, _)| &s.id),
            )),
        ),
        ("axis_1", axis(0)),
        ("value_1", value(0)),
        ("axis_2", axis(1)),
        ("value_2", value(1)),
        (
            "is_secret",
            Arc::new(BooleanArray::from_iter(
                rows.iter().map(|(_, r)| Some(r.values.is_none())),
            )),
        ),
    ];
    for (i, measure) in Measure::ALL.iter().enumerate() {
        let of = rows
            .iter()
            .map(|(_, row)| row.values.and_then(|v| v.get(i).copied()));
        columns.push((measure.as_str(), Arc::new(UInt64Array::from_iter(of))));
    }
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, DataType::clone(array.data_type()), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(bug)?;
    written(&batch, SCHEMA_VERSION, "published")
}
