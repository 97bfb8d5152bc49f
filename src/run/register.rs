//! `register check`: what is wrong with a delivery of registrations, and what it would change,
//! before anybody puts it in the register's place.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::Moment;
use super::load::{Call, Loaded, load};
use super::world::listed;
use crate::diag::{Failure, Kind as Who, Reject};
use crate::model::row_numbers::RowNumbers;
use crate::plan;
use crate::register::{self, Change, Checked, Current, Kind, SuffixList, Table};
use crate::scan;
use crate::store::Place;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// CSV, XLSX or Parquet.
    pub file: PathBuf,
    /// Give KvK numbers their leading zeros back.
    pub restores_zeros: bool,
    /// The file only adds and changes.
    pub is_partial: bool,
    /// The register is being made: a table that is not there yet is empty.
    pub is_first: bool,
    /// Changes of a kind that are listed; the rest is counted.
    pub n_listed: usize,
    /// Folder for the tables as Parquet, if nothing is wrong.
    pub out: Option<PathBuf>,
}

/// What to say, and 0, or 1 where a row has a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// For a person; every fault, and the changes.
    pub text: String,
    /// 0 or 1.
    pub exit_code: u8,
}

/// Checks a file against the job's limits and its current register.
///
/// # Errors
/// `FixJob` for the job, `FixData` where the file or the current register cannot be read at all.
pub fn check(call: &Call, ask: &Ask, moment: &Moment) -> Result<Answer, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let tables = tables(&ask.file)?;
    let suffixes = suffixes(&loaded, &place, moment)?;
    let rules = register::Ask {
        suffixes: &suffixes,
        zone: &loaded.job.zone,
        settings: &loaded.job.register,
        restores_zeros: ask.restores_zeros,
        is_partial: ask.is_partial,
    };
    let current = current(&loaded, &place, &tables, &rules, ask.is_first)?;
    let checked = register::check(tables, current, &rules)?;
    let mut text = String::new();
    for table in &checked {
        tell(table, ask.n_listed, &mut text);
    }
    let is_clean = checked.iter().all(|table| table.problems.is_empty());
    match &ask.out {
        Some(_) if !is_clean => text.push_str("nothing was written: mend the rows first\n"),
        Some(folder) => write(folder, &checked, &mut text)?,
        None => {}
    }
    Ok(Answer {
        text,
        exit_code: u8::from(!is_clean),
    })
}

fn tables(file: &Path) -> Result<Vec<Table>, Failure> {
    let name = file.display().to_string();
    let bytes = fs::read(file).map_err(|e| {
        Failure::fix_data(format!("the file cannot be read: {e}"))
            .at(&name, "")
            .hint("give the path of a CSV, XLSX or Parquet file")
    })?;
    if bytes.starts_with(b"PAR1") {
        let batches = scan::table_of(bytes.into(), &name)?;
        return Ok(vec![Table::of_batches(name, batches)]);
    }
    let sheets = register::delivered(&bytes, &name)?;
    Ok(sheets.into_iter().map(Table::from).collect())
}

/// The newest Public Suffix List of the job.
fn suffixes(loaded: &Loaded, place: &Place, moment: &Moment) -> Result<SuffixList, Failure> {
    let folder = &loaded.job.references.public_suffixes;
    let today = moment.today(&loaded.job.zone);
    let listing = listed(place, folder)?;
    let found = today.and_then(|today| plan::dated(&listing, today));
    let (found, _) = found.ok_or_else(|| {
        Failure::fix_data("no dated Public Suffix List was found")
            .at(place.display(folder), "")
            .hint("deliver `<date>.dat` there, or mend `reference.public_suffixes` in the job")
    })?;
    SuffixList::read(&place.get(&found.path)?, &found.path)
}

/// The tables of the register that the delivery is compared with; companies always, since the
/// others are held against them. Three files make a register one by one, so those of the first
/// stand there already when the second is checked.
fn current(
    loaded: &Loaded,
    place: &Place,
    tables: &[Table],
    rules: &register::Ask<'_>,
    is_first: bool,
) -> Result<Current, Failure> {
    let inputs = &loaded.job.inputs;
    let mut current = Current::default();
    for (kind, path) in [
        (Kind::Companies, &inputs.companies),
        (Kind::Assets, &inputs.assets),
        (Kind::Contacts, &inputs.contacts),
    ] {
        let is_needed = kind == Kind::Companies || tables.iter().any(|t| t.kind() == Some(kind));
        if is_needed && (!is_first || place.exists(path)?) {
            let read = scan::read_table(place, path).map_err(|failure| match failure.kind {
                Who::FixData => failure.hint(
                    "where there is no register yet, add `--first`: companies first, then assets and contacts",
                ),
                _ => failure,
            })?;
            current.take(kind, &read.0, path, rules)?;
        }
    }
    Ok(current)
}

fn tell(table: &Checked, n_listed: usize, out: &mut String) {
    let _ = writeln!(
        out,
        "{} ({}): {} rows, {} usable, {} with faults",
        table.name,
        table.kind.as_str(),
        table.n_rows,
        table.n_usable,
        table.n_rows - table.n_usable
    );
    for note in &table.notes {
        let _ = writeln!(out, "  note: {note}");
    }
    for problem in &table.problems {
        let _ = writeln!(out, "  {}", fault(problem, &table.numbers));
    }
    tell_changes(&table.changes, n_listed, out);
    out.push('\n');
}

fn fault(problem: &Reject, numbers: &RowNumbers) -> String {
    let column = match problem.column {
        "" => String::new(),
        column => format!(", {column}"),
    };
    let found = match problem.found.as_str() {
        "" => String::new(),
        found => format!(", found `{found}`"),
    };
    format!(
        "{}{column}: {} ({}{found})",
        numbers.text(problem.row),
        problem.why.text(),
        problem.why.code()
    )
}

fn tell_changes(changes: &[Change], n_listed: usize, out: &mut String) {
    let labels = ["moved between companies", "removed", "changed", "added"];
    let place = |change: &Change| match change {
        Change::Moved { .. } => 0,
        Change::Removed { .. } => 1,
        Change::Changed { .. } => 2,
        Change::Added { .. } => 3_usize,
    };
    for (i, label) in labels.into_iter().enumerate() {
        let of_kind = || changes.iter().filter(|c| place(c) == i);
        let n = of_kind().count();
        let _ = writeln!(out, "  {label}: {n}");
        for change in of_kind().take(n_listed) {
            let _ = writeln!(out, "    {}", change_text(change));
        }
        if n > n_listed && n_listed > 0 {
            let _ = writeln!(out, "    … and {} more (see `--list`)", n - n_listed);
        }
    }
}

fn change_text(change: &Change) -> String {
    let shown = |thing: &str, company: &dyn std::fmt::Display| {
        let company = company.to_string();
        if thing == company {
            company
        } else {
            format!("{thing} of {company}")
        }
    };
    match change {
        Change::Moved { thing, from, to } => format!("{thing}: from {from} to {to}"),
        Change::Removed { thing, company } | Change::Added { thing, company } => {
            shown(thing, company)
        }
        Change::Changed {
            thing,
            company,
            fields,
        } => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, before, after)| format!("{name} `{before}` → `{after}`"))
                .collect();
            format!("{}: {}", shown(thing, company), fields.join(", "))
        }
    }
}

/// The tables in the form that a night reads; never over a file that is there.
fn write(folder: &Path, checked: &[Checked], text: &mut String) -> Result<(), Failure> {
    let failed = |path: &Path, e: &dyn std::fmt::Display| {
        Failure::fix_job(format!("cannot be written: {e}"))
            .at(path.display().to_string(), "--out")
            .hint("give a folder in which the table is not there yet")
    };
    fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    for table in checked {
        let path = folder.join(format!("{}.parquet", table.kind.as_str()));
        let bytes = parquet_of(&table.batches)?;
        let mut file = fs::File::create_new(&path).map_err(|e| failed(&path, &e))?;
        let written = std::io::Write::write_all(&mut file, &bytes).and_then(|()| file.sync_all());
        written.map_err(|e| failed(&path, &e))?;
        let _ = writeln!(text, "wrote {}", path.display());
    }
    Ok(())
}

fn parquet_of(batches: &[RecordBatch]) -> Result<Vec<u8>, Failure> {
    let bug = |e: parquet::errors::ParquetError| Failure::our_bug(format!("a register table: {e}"));
    let Some(first) = batches.first() else {
        return Err(Failure::our_bug("a checked table has no rows"));
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("nachtwacht".to_owned())
        .build();
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, first.schema(), Some(properties)).map_err(bug)?;
    for batch in batches {
        writer.write(batch).map_err(bug)?;
    }
    writer.close().map_err(bug)?;
    Ok(bytes)
}
