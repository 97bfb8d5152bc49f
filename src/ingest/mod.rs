//! Turns what a feed delivers into observations, in one form and one order.
//!
//! A Shadowserver report comes in as bytes: plain CSV, gzip or zip, with ragged lines, times
//! in UTC without a zone, and columns that differ by report and by year. What comes out is the
//! table `observations`, sorted by address, and a list of the rows that were set aside.
//!
//! Nothing is guessed silently: the container is known by its content, the report by its file
//! name or by the user's word, the columns by their names. A column that nobody knows is kept
//! in `extra` and named in [`Ingested::unknown_columns`]; it never breaks a night.
//!
//! Deliberately absent: files and folders (`run` reads them), look-ups of any kind, and the
//! secrets of a leaked account, which are dropped at this door and never written.

mod cell;
mod columns;
mod container;
mod layout;
mod parquet_file;
mod personal;
mod report_type;
mod row;
mod table;

use arrow::record_batch::RecordBatch;
use jiff::civil::Date;

use crate::diag::{Failure, Reject};
use crate::model::identity::Secret;

pub use parquet_file::to_parquet;
pub use report_type::{ReportType, Subject, report_type, report_types};

/// What a job says about a feed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the feed, such as `shadowserver`; stands in every row.
    pub feed: String,
    /// Key under which mail addresses of leaked accounts are hashed. Needed by reports of
    /// leaked accounts only.
    pub account_key: Option<Secret>,
    /// Greatest number of bytes of the unpacked file. A larger one is refused by name, so that
    /// an archive of zeros does not fill the memory.
    pub max_bytes: u64,
}

/// Where the bytes come from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// File or object name, with or without folders; names the report and its date where it
    /// follows Shadowserver's form `2026-03-01-scan_rdp-name.csv`.
    pub name: &'a str,
    /// Report type, if the user gave it; stands over the file name.
    pub report: Option<&'a str>,
    /// Date of the snapshot, if the user gave it; stands over the file name.
    pub snapshot_date: Option<Date>,
}

/// A report as observations.
#[derive(Clone, Debug)]
pub struct Ingested {
    /// Report type, such as `scan_rdp`.
    pub report: String,
    /// Date of the snapshot.
    pub snapshot_date: Date,
    /// The rows, in the schema [`crate::model::observation::OBSERVATIONS`]. Order: IPv4 by number,
    /// IPv6 by number, then rows without address by host name; ties by object and row.
    pub batch: RecordBatch,
    /// Rows read, header aside: `batch.num_rows() + rejects.len()`.
    pub read: u64,
    /// Rows set aside, by object and row.
    pub rejects: Vec<Reject>,
    /// Columns that no published layout of the feed has, sorted. Their values are in `extra`,
    /// but for reports of leaked accounts, where an unknown column may hold a secret.
    pub unknown_columns: Vec<String>,
    /// Columns of `observations` that this file cannot fill although reports of its kind do,
    /// sorted.
    pub missing_columns: Vec<&'static str>,
    /// Columns whose values were dropped because they hold personal or secret data, sorted.
    pub dropped_columns: Vec<String>,
}

/// Reads a Shadowserver report: CSV as delivered, gzip of it, or a zip of one report's CSV files.
///
/// Lines with fewer fields than the header are filled up with nulls, as Shadowserver's own
/// files need; lines with more are set aside unless the surplus is empty. Text that is not
/// UTF-8 sets a row aside only where it stands in its time, address or account; elsewhere it
/// is replaced, since a scanned host chooses its banner and must not choose to be overlooked.
///
/// # Errors
/// `FixData`: not text, gzip or zip; cut short; larger than [`Settings::max_bytes`]; no header;
/// a header without `timestamp` or without the column that says whom the row is about.
/// `FixJob`: report type or date neither given nor in the file name; a report of leaked
/// accounts without [`Settings::account_key`].
pub fn shadowserver(
    bytes: &[u8],
    source: &Source<'_>,
    settings: &Settings,
) -> Result<Ingested, Failure> {
    let report = report_type::of_source(source)?;
    let parts = container::unpack(bytes, source.name, settings.max_bytes)?;
    for part in &parts {
        report_type::check_part(part.entry.as_deref(), report.kind, source.name)?;
    }
    let mut table = table::Table::new(&report, source.name, settings, &parts)?;
    for part in &parts {
        table.read(part)?;
    }
    table.finish()
}
