//! `ingest`: a feed's report becomes a snapshot, and the rows that could not be read a table
//! beside it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use url::Url;

use crate::diag::Failure;
use crate::ingest;
use crate::model::identity::Secret;
use crate::model::night::Night;
use crate::report;
use crate::store::{Place, Settings};

/// What to ingest.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The report as delivered.
    pub file: PathBuf,
    /// The snapshot to write.
    pub out: PathBuf,
    /// Report type; by the file's name where absent.
    pub report: Option<String>,
    /// Date; by the file's name where absent.
    pub date: Option<Night>,
    /// Feed.
    pub feed: String,
    /// Key with which accounts are hashed.
    pub account_key: Option<Secret>,
}

/// A report larger than this when unpacked is refused.
const MAX_BYTES: u64 = 16 << 30;

/// Writes the snapshot and says what became of the rows.
///
/// # Errors
/// `FixData` naming file, column and next step; `FixJob` where the output is there already.
pub fn ingest(ask: &Ask) -> Result<String, Failure> {
    let shown = ask.file.display().to_string();
    let bytes = fs::read(&ask.file)
        .map_err(|e| Failure::fix_data(format!("the report cannot be read: {e}")).at(&shown, ""))?;
    let name = ask
        .file
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let settings = ingest::Settings {
        feed: ask.feed.clone(),
        account_key: ask.account_key.clone(),
        max_bytes: MAX_BYTES,
    };
    let source = ingest::Source {
        name: &name,
        report: ask.report.as_deref(),
        snapshot_date: ask.date.map(Night::date),
    };
    let ingested = ingest::shadowserver(&bytes, &source, &settings)?;
    write_new(&ask.out, &ingest::to_parquet(&ingested)?)?;
    let mut said = String::new();
    let n_kept = ingested.batch.num_rows();
    let _ = writeln!(
        said,
        "{} rows of {} read as {} of {}",
        n_kept, ingested.read, ingested.report, ingested.snapshot_date
    );
    let _ = writeln!(said, "  snapshot  {}", ask.out.display());
    if !ingested.rejects.is_empty() {
        // Beside the snapshot, and not itself one: a night reads `*.parquet` only.
        let path = ask.out.with_extension("rejects.parquet.aside");
        write_new(&path, &report::rejects_parquet(ingested.rejects.iter())?)?;
        let _ = writeln!(
            said,
            "  rejects   {} ({} rows, each with its reason)",
            path.display(),
            ingested.rejects.len()
        );
    }
    if !ingested.unknown_columns.is_empty() {
        let _ = writeln!(
            said,
            "  columns that are new to us, kept in `extra`: {}",
            ingested.unknown_columns.join(", ")
        );
    }
    Ok(said)
}

/// Writes a file that must not be there yet, durably.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let shown = path.display().to_string();
    let wrong = |what: String| Failure::fix_job(what).at(&shown, "--out");
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| wrong(format!("the folder cannot be made: {e}")))?;
    let folder = fs::canonicalize(folder).map_err(|e| wrong(e.to_string()))?;
    let base = Url::from_directory_path(&folder).map_err(|()| wrong("not a folder".into()))?;
    let place = Place::open(
        &base,
        &Settings::default(),
        &std::collections::BTreeMap::new(),
    )?;
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    match place.create(&name, bytes)? {
        crate::store::Created::Ours => Ok(()),
        crate::store::Created::Exists => Err(wrong(
            "the file is there already; expected a new name".into(),
        )
        .hint("snapshots are never overwritten: move it away, or choose another name")),
    }
}
