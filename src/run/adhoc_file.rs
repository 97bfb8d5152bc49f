//! The files of `match` and `index build`: Parquet or CSV in, and never written over.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;

use crate::diag::Failure;
use crate::model::quotes::check_quotes;
use crate::model::row_numbers::{RowNumbers, line_of};
use crate::scan;

/// A table, and what a person should know of how it was read.
pub(super) struct Table {
    pub(super) batches: Vec<RecordBatch>,
    pub(super) note: String,
    pub(super) numbers: RowNumbers,
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|e| {
        Failure::fix_data(format!("the file cannot be read: {e}"))
            .at(shown(path), "")
            .hint("give the path of a Parquet or CSV file")
    })
}

/// Refuses an output that is one of the inputs, also by another name of the same file.
pub(super) fn not_over(out: Option<&Path>, inputs: &[Option<&Path>]) -> Result<(), Failure> {
    let Some(to) = out.and_then(|out| fs::canonicalize(out).ok()) else {
        return Ok(()); // nothing is there
    };
    let mut inputs = inputs.iter().flatten();
    if inputs.any(|input| fs::canonicalize(input).is_ok_and(|input| input == to)) {
        let failure = Failure::fix_job("the output is one of the inputs");
        return Err(failure
            .at(shown(&to), "--out")
            .hint("nothing was written: give the output a name of its own"));
    }
    Ok(())
}

/// A Parquet or CSV file as batches; CSV columns are texts. No column of `once` may be there twice.
pub(super) fn table(path: &Path, once: &[&str]) -> Result<Table, Failure> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let object = shown(path);
    let table = match extension.as_deref() {
        Some("parquet") => Table {
            batches: scan::table_of(read(path)?.into(), &object)?,
            note: String::new(),
            numbers: RowNumbers::of_table(),
        },
        Some("csv") => csv_table(&read(path)?, &object)?,
        _ => {
            let failure = Failure::fix_job("the file is neither `.parquet` nor `.csv`");
            return Err(failure.at(object, ""));
        }
    };
    if let Some(batch) = table.batches.first() {
        not_twice(batch, once, &object)?;
    }
    Ok(table)
}

/// Of two columns with one name only the first would be read.
fn not_twice(batch: &RecordBatch, once: &[&str], object: &str) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for field in batch.schema().fields() {
        let name = field.name().as_str();
        if once.contains(&name) && !seen.insert(name.to_owned()) {
            let failure = Failure::fix_data(format!("two columns are called `{name}`"));
            return Err(failure
                .at(object, name)
                .hint("name the other one differently, or take it out"));
        }
    }
    Ok(())
}

fn csv_table(bytes: &[u8], object: &str) -> Result<Table, Failure> {
    let wrong = |what: String| {
        Failure::fix_data(format!("not a table of comma-separated values: {what}"))
            .at(object, "")
            .hint("expected UTF-8, a header line, and as many fields in every line")
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let head = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |separator: u8| head.iter().filter(|b| **b == separator).count();
    let separator = [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|s| (count(*s), *s == b','))
        .unwrap_or(b',');
    check_quotes(bytes, separator, object, 0)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .from_reader(bytes);
    let names: Vec<String> = reader
        .headers()
        .map_err(|e| wrong(e.to_string()))?
        .iter()
        .map(|n| n.trim().to_owned())
        .collect();
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); names.len()];
    let mut broken: (u64, Option<u64>) = (0, None);
    let mut numbers = RowNumbers::of_text();
    for (row, record) in (0..).zip(reader.records()) {
        let record = record.map_err(|e| wrong(e.to_string()))?;
        let line = line_of(bytes, &record);
        numbers.note(row, line);
        if record.iter().any(|field| field.contains('\n')) {
            broken.0 += 1;
            broken.1 = broken.1.or(Some(line));
        }
        for (column, field) in columns.iter_mut().zip(&record) {
            let field = field.trim();
            column.push((!field.is_empty()).then(|| field.to_owned()));
        }
    }
    let fields: Vec<Field> = names
        .iter()
        .map(|n| Field::new(n, DataType::Utf8, true))
        .collect();
    let arrays = columns
        .into_iter()
        .map(|c| Arc::new(StringArray::from(c)) as ArrayRef)
        .collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|e| wrong(e.to_string()))?;
    let note = match broken {
        (n, Some(line)) => format!(
            "  {n} rows of {object} go over several lines, the first in line {line}: \
             a stray quote makes one row of many\n"
        ),
        _ => String::new(),
    };
    Ok(Table {
        batches: vec![batch],
        note,
        numbers,
    })
}
