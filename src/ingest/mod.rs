//! Turns what a feed delivers into observations, in one form and one order.
//!
//! A delivery comes in as bytes, plain, gzip or zip: a report of Shadowserver, a partner's list
//! of addresses or names (CSV or Parquet), leaked accounts, or events of IntelMQ and nuclei. What
//! comes out is the table `observations`, sorted by address, and a list of the rows that were
//! set aside.
//!
//! Nothing is guessed silently: the container and the format are known by fixed rules, and the
//! answer says by which; the report by its file name or by the user's word, the columns by their
//! names. A column that nobody knows is kept in `extra` and named; it never breaks a night.
//!
//! It is read piece by piece: what does not fit into one sorted run becomes several, and
//! [`merge()`] makes one of them, so that memory is bounded whatever the file.
//!
//! Deliberately absent: files and folders (`run` reads them), look-ups of any kind, and the
//! secrets of a leaked account, which are dropped at this door and never written.

mod cell;
mod column;
mod columns;
mod events;
mod format;
mod layout;
mod line;
mod list_layout;
mod merge;
mod number_column;
mod parquet_file;
mod personal;
mod profile;
mod report_type;
mod row;
mod row_bytes;
mod row_group;
mod rows;
mod sorted;
mod table;
mod text_column;
mod unpack;

use std::io::Cursor;

use arrow::record_batch::RecordBatch;
use jiff::civil::Date;

use crate::diag::{Failure, Reject};
use crate::model::identity::Secret;
use crate::model::night::Micros;

pub use format::Format;
pub use merge::merge;
pub use parquet_file::{PROFILE_KEY, SnapshotWriter, to_parquet};
pub use profile::{CellKind, Drift, Profile, drift};
pub use report_type::{Identified, ReportType, Subject, report_type, report_types};
pub use sorted::{Run, Sorted, Stored, Values};
pub use unpack::Input;

/// What a job says about a feed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the feed, such as `shadowserver`; stands in every row.
    pub feed: String,
    /// Key under which mail addresses of leaked accounts are hashed. Needed by lists and reports
    /// of leaked accounts only.
    pub account_key: Option<Secret>,
    /// Greatest number of bytes of the unpacked file. A larger one is refused by name, so that
    /// an archive of zeros does not fill the disk.
    pub max_bytes: u64,
    /// Rows of a sorted run; more rows than this go out as several runs.
    pub run_rows: usize,
}

/// Rows of a run where nobody says otherwise: a hundred MiB or two of memory.
pub const RUN_ROWS: usize = 1 << 19;

/// Where the bytes come from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Source<'a> {
    /// File or object name, with or without folders; names the report and its date where it
    /// follows Shadowserver's form `2026-03-01-scan_rdp-name.csv`.
    pub name: &'a str,
    /// Report type, if the user gave it; stands over the file name.
    pub report: Option<&'a str>,
    /// Date of the snapshot, if the user gave it; stands over the file name.
    pub snapshot_date: Option<Date>,
    /// Format, if the user gave it; stands over what the file looks like.
    pub format: Option<Format>,
}

/// What became of a delivery.
#[derive(Clone, Debug)]
pub struct Summary {
    /// What it was taken for.
    pub identified: Identified,
    /// Rows read, header aside: rows given out + `rejects.len()`.
    pub read: u64,
    /// Rows set aside, by object and row.
    pub rejects: Vec<Reject>,
    /// Columns that no known layout has, sorted. Their values are in `extra`, but for accounts,
    /// where an unknown column may hold a secret.
    pub unknown_columns: Vec<String>,
    /// Columns of `observations` that this file cannot fill although reports of its kind do,
    /// sorted.
    pub missing_columns: Vec<&'static str>,
    /// Columns whose values were dropped because they hold personal or secret data, sorted.
    pub dropped_columns: Vec<String>,
    /// The columns as delivered.
    pub profile: Profile,
    /// Columns of `observations` that hold something, sorted.
    pub filled: Vec<String>,
    /// When the newest row was seen.
    pub newest: Option<Micros>,
    /// Rows that state no time were taken as seen then.
    pub time_by_default: Option<Micros>,
}

/// A delivery as observations, all of it in memory.
#[derive(Clone, Debug)]
pub struct Ingested {
    /// Report type, such as `scan_rdp`.
    pub report: String,
    /// Date of the snapshot.
    pub snapshot_date: Date,
    /// Format of the file.
    pub format: Format,
    /// The rows, in the schema [`crate::model::observation::OBSERVATIONS`]. Order: IPv4 by number,
    /// IPv6 by number, then rows without address by host name; ties by object and row.
    pub batch: RecordBatch,
    /// As [`Summary::read`].
    pub read: u64,
    /// As [`Summary::rejects`].
    pub rejects: Vec<Reject>,
    /// As [`Summary::unknown_columns`].
    pub unknown_columns: Vec<String>,
    /// As [`Summary::missing_columns`].
    pub missing_columns: Vec<&'static str>,
    /// As [`Summary::dropped_columns`].
    pub dropped_columns: Vec<String>,
    /// As [`Summary::profile`].
    pub profile: Profile,
}

/// Takes sorted runs of observations; a run is valid until it returns.
pub type Sink<'s> = dyn FnMut(&mut Run<'_>) -> Result<(), Failure> + 's;

/// Says what a delivery is, by its name and its first bytes.
///
/// # Errors
/// `FixJob`: report or date neither given nor in the file name. `FixData`: no format that is
/// known, cut short, or larger than `max_bytes`.
pub fn identify(
    input: &mut dyn Input,
    source: &Source<'_>,
    max_bytes: u64,
) -> Result<Identified, Failure> {
    let mut found = None;
    unpack::for_each_part(input, source.name, max_bytes, &mut |part| {
        if found.is_none() {
            found = Some(report_type::of_source(source, part.text.head()));
        }
        Ok(())
    })?;
    found.unwrap_or_else(|| Err(Failure::fix_data("the file is empty").at(source.name, "")))
}

/// Reads the deliveries of one report and one day, and gives them out as sorted runs of at most
/// [`Settings::run_rows`] rows; also an empty one where there are no rows.
///
/// Lines with fewer fields than the header are filled up with nulls, as Shadowserver's own
/// files need; lines with more are set aside unless the surplus is empty. Text that is not
/// UTF-8 sets a row aside only where it stands in its time, address or account; elsewhere it
/// is replaced, since a scanned host chooses its banner and must not choose to be overlooked.
///
/// # Errors
/// `FixData`: cut short; larger than [`Settings::max_bytes`]; no header; a header without time
/// (reports) or without a column that says whom the row is about; more than a million rows that
/// cannot be read. `FixJob`: leaked accounts without [`Settings::account_key`].
pub fn ingest(
    inputs: &mut [(String, Box<dyn Input + '_>)],
    identified: &Identified,
    settings: &Settings,
    sink: &mut Sink<'_>,
) -> Result<Summary, Failure> {
    let first = inputs.first().map(|(name, _)| name.clone());
    let mut table = table::Table::new(identified, settings, &first.unwrap_or_default())?;
    for (name, input) in inputs {
        table.read(input.as_mut(), name, sink)?;
    }
    table.finish(sink)
}

/// Reads one delivery whole, see [`ingest`].
///
/// # Errors
/// As [`identify`] and [`ingest`].
pub fn read(bytes: &[u8], source: &Source<'_>, settings: &Settings) -> Result<Ingested, Failure> {
    let identified = identify(&mut Cursor::new(bytes), source, settings.max_bytes)?;
    let mut runs = Vec::new();
    let input: Box<dyn Input> = Box::new(Cursor::new(bytes));
    let mut inputs = [(source.name.to_owned(), input)];
    let summary = ingest(&mut inputs, &identified, settings, &mut |run| {
        let pieces: Vec<_> = run.by_ref().collect();
        runs.push(Stored {
            ones: run.ones().to_vec(),
            n_rows: run.n_rows(),
            pieces: pieces.into_iter(),
        });
        Ok(())
    })?;
    let mut sorted = Vec::new();
    merge(runs, &mut |rows| {
        sorted.push(rows.to_batch()?);
        Ok(())
    })?;
    let schema = &crate::model::observation::OBSERVATIONS;
    let batch = arrow::compute::concat_batches(schema, &sorted)
        .map_err(|e| Failure::our_bug(format!("runs cannot be joined: {e}")))?;
    Ok(Ingested {
        report: summary.identified.kind.name.clone(),
        snapshot_date: summary.identified.snapshot_date,
        format: summary.identified.format,
        batch,
        read: summary.read,
        rejects: summary.rejects,
        unknown_columns: summary.unknown_columns,
        missing_columns: summary.missing_columns,
        dropped_columns: summary.dropped_columns,
        profile: summary.profile,
    })
}

/// Reads a report of Shadowserver, see [`read`].
///
/// # Errors
/// As [`read`].
pub fn shadowserver(
    bytes: &[u8],
    source: &Source<'_>,
    settings: &Settings,
) -> Result<Ingested, Failure> {
    let source = Source {
        format: Some(Format::Shadowserver),
        ..*source
    };
    read(bytes, &source, settings)
}
