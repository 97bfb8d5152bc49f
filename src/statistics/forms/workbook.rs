//! A workbook: notes first, then a sheet a table.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, XlsxError};

use super::work::line_name;
use super::{About, Sheet, words};
use crate::diag::Failure;
use crate::model::company::Language;
use crate::statistics::guard::Measure;
use crate::statistics::period::axis_name;

/// A name of a sheet has this many characters at most.
const MAX_NAME: usize = 31;

/// Writes the workbook; numbers are numbers, a secret is the text `.`.
///
/// # Errors
/// `OurBug`: the writer refuses its own sheets.
pub fn workbook(
    sheets: &[Sheet],
    about: &About<'_>,
    language: Language,
) -> Result<Vec<u8>, Failure> {
    write(sheets, about, language)
        .map_err(|e| Failure::our_bug(format!("a publication cannot be written: {e}")))
}

fn write(sheets: &[Sheet], about: &About<'_>, language: Language) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    // The clock must not be in the file: the last day of the period stands for it.
    let until = about.span.until();
    let (month, day) = (until.month().unsigned_abs(), until.day().unsigned_abs());
    let made = ExcelDateTime::from_ymd(until.year().unsigned_abs(), month, day)?;
    let properties = DocProperties::new()
        .set_creation_datetime(&made)
        .set_author(about.sender);
    book.set_properties(&properties);
    let bold = Format::new().set_bold();
    let wrapped = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    let notes = book.add_worksheet();
    let (notes_name, heading) = match language {
        Language::Nl => ("Toelichting", format!("Waarschuwingen, {}", about.period())),
        Language::En => ("Notes", format!("Warnings, {}", about.period())),
    };
    notes.set_name(notes_name)?;
    notes.set_column_width(0, 100)?;
    notes.write_string_with_format(0, 0, heading, &bold)?;
    let meanings = Measure::ALL.iter().map(|m| {
        let (name, means) = words::measure(*m, language);
        format!("{name}: {means}")
    });
    let lines = words::notes(about, language).into_iter().chain(meanings);
    for (row, line) in (1u32..).zip(lines) {
        notes.write_string_with_format(row, 0, line, &wrapped)?;
    }
    for sheet in sheets {
        add(&mut book, sheet, about, language)?;
    }
    if !about.work.is_empty() {
        add_work(&mut book, about, language)?;
    }
    book.save_to_buffer()
}

/// The figures of the work, a row each.
fn add_work(book: &mut Workbook, about: &About<'_>, language: Language) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    let count = Format::new().set_num_format("#,##0");
    let secret = Format::new().set_align(FormatAlign::Right);
    let page = book.add_worksheet();
    page.set_name(match language {
        Language::Nl => "werk",
        Language::En => "work",
    })?;
    page.set_column_width(0, 56)?;
    let mut line = 0;
    for group in about.work {
        page.write_string_with_format(line, 0, group.heading(language), &bold)?;
        line += 1;
        for (code, value) in &group.lines {
            page.write_string(line, 0, line_name(code, language))?;
            match value {
                Some(n) => page.write_number_with_format(line, 1, *n as f64, &count)?,
                None => page.write_string_with_format(line, 1, ".", &secret)?,
            };
            line += 1;
        }
    }
    Ok(())
}

fn add(
    book: &mut Workbook,
    sheet: &Sheet,
    about: &About<'_>,
    language: Language,
) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    let (count, secret) = (
        Format::new().set_num_format("#,##0"),
        Format::new().set_align(FormatAlign::Right),
    );
    let page = book.add_worksheet();
    let name: String = sheet
        .id
        .replace("-by-", "×")
        .chars()
        .take(MAX_NAME)
        .collect();
    page.set_name(name)?;
    page.set_freeze_panes(2, 0)?;
    page.write_string_with_format(
        0,
        0,
        format!("{}, {}", sheet.title(language), about.period()),
        &bold,
    )?;
    let axes = sheet.axes.iter().map(|a| axis_name(*a, language));
    let measures = Measure::ALL.iter().map(|m| words::measure(*m, language).0);
    for (column, name) in (0u16..).zip(axes.chain(measures)) {
        page.write_string_with_format(1, column, name, &bold)?;
        page.set_column_width(
            column,
            if usize::from(column) < sheet.axes.len() {
                42
            } else {
                16
            },
        )?;
    }
    for (line, row) in (2u32..).zip(&sheet.rows) {
        let mut column = 0u16;
        for label in row.labels(&sheet.axes, language, about.titles) {
            page.write_string(line, column, label)?;
            column += 1;
        }
        for i in 0..Measure::ALL.len() {
            match row.values.and_then(|v| v.get(i).copied()) {
                Some(n) => page.write_number_with_format(line, column, n as f64, &count)?,
                None => page.write_string_with_format(line, column, ".", &secret)?,
            };
            column += 1;
        }
    }
    Ok(())
}
