//! Small reference tables in CSV: columns by name, faults with their line.

use crate::diag::{Failure, Kind, Problem};
use crate::model::row_numbers::line_of;

/// Faults that are named one by one; a table with more is wrong as a whole.
const MAX_PROBLEMS: usize = 20;

/// A table that is being read.
pub(super) struct Rows<'a> {
    text: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    header: Vec<String>,
    object: &'a str,
}

/// One row; a field that the line lacks is empty.
pub(super) struct Row<'a>(&'a csv::StringRecord);

impl Row<'_> {
    pub(super) fn field(&self, column: usize) -> &str {
        self.0.get(column).unwrap_or_default().trim()
    }
}

impl<'a> Rows<'a> {
    pub(super) fn open(csv: &'a [u8], object: &'a str) -> Result<Self, Failure> {
        let mut reader = csv::ReaderBuilder::new().from_reader(csv);
        let header = reader
            .headers()
            .map_err(|e| {
                Failure::fix_data(format!("the header cannot be read: {e}")).at(object, "line 1")
            })?
            .iter()
            .map(|name| name.trim().to_ascii_lowercase())
            .collect::<Vec<_>>();
        if header.is_empty() {
            return Err(
                Failure::fix_data("the file is empty; expected a header line and rows")
                    .at(object, ""),
            );
        }
        Ok(Self {
            text: csv,
            reader,
            header,
            object,
        })
    }

    /// The position of the first of these columns that is there.
    pub(super) fn column(&self, names: &[&str]) -> Result<usize, Failure> {
        let position = |name: &&str| self.header.iter().position(|found| found == name);
        names.iter().find_map(position).ok_or_else(|| {
            let header = self.header.join("`, `");
            Failure::fix_data(format!("the column is missing; the header has `{header}`"))
                .at(self.object, names.first().copied().unwrap_or_default())
        })
    }

    /// Every row, read by `read`.
    pub(super) fn read<T>(
        mut self,
        mut read: impl FnMut(&Row<'_>) -> Result<T, String>,
    ) -> Result<Vec<T>, Failure> {
        let (mut rows, mut problems) = (Vec::new(), Vec::new());
        let mut record = csv::StringRecord::new();
        loop {
            let line = self.reader.position().line();
            let fault = match self.reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {
                    let line = line_of(self.text, &record);
                    match read(&Row(&record)) {
                        Ok(row) => {
                            rows.push(row);
                            continue;
                        }
                        Err(message) => (line, message),
                    }
                }
                Err(e) => (line_of_error(&e).unwrap_or(line), describe(&e)),
            };
            problems.push(Problem::new(
                self.object,
                format!("line {}", fault.0),
                fault.1,
            ));
            if problems.len() == MAX_PROBLEMS {
                break;
            }
        }
        if rows.is_empty() && problems.is_empty() {
            problems.push(Problem::new(self.object, "", "the table has no rows"));
        }
        Failure::from_problems(Kind::FixData, problems).map_or(Ok(rows), Err)
    }
}

fn line_of_error(error: &csv::Error) -> Option<u64> {
    error.position().map(csv::Position::line)
}

fn describe(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("{len} fields; expected {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "not readable as UTF-8 text".to_owned(),
        _ => "the row cannot be read as CSV".to_owned(),
    }
}
