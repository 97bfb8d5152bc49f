//! `fetch security-txt`: names in, a dated object of results out; apart from the night.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::Moment;
use super::load::{Call, load};
use super::progress::Progress;
use crate::contacts::{Lookup, LookupOutcome};
use crate::diag::{Failure, Kind, Problem};
use crate::fetch::{self, Settings};
use crate::model::name::Domain;
use crate::store::Created;

/// What to fetch, and where to put it.
#[derive(Clone, Debug)]
pub struct Ask {
    /// One name a line.
    pub list: PathBuf,
    /// A file of its own; the job's folder of look-ups where absent.
    pub out: Option<PathBuf>,
    /// How.
    pub settings: Settings,
}

/// Fetches and writes, create-only. Gives figures for standard error.
///
/// # Errors
/// `FixJob` naming every line that is no name, or where there is already an object of that name.
pub fn security_txt(
    call: &Call,
    ask: &Ask,
    moment: &Moment,
    progress: &dyn Progress,
) -> Result<String, Failure> {
    let names = names(&ask.list)?;
    let writer = match &ask.out {
        Some(path) => Writer::File(path),
        None => Writer::Job(call),
    };
    writer.probe()?;
    let total = u64::try_from(names.len()).unwrap_or(u64::MAX);
    progress.begin("fetch security.txt", total);
    let lookups = fetch::security_txt(&ask.settings, &names, moment.now, &|| progress.advance(1))?;
    progress.end();
    let lines: String = lookups.iter().map(Lookup::line).collect();
    let place = writer.write(lines.as_bytes(), moment)?;
    Ok(said(&lookups, &place))
}

fn said(lookups: &[Lookup], place: &str) -> String {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for lookup in lookups {
        let outcome = match lookup.outcome {
            LookupOutcome::Found => "found",
            LookupOutcome::None => "none",
            LookupOutcome::Unknown => "unknown",
        };
        *counts.entry((outcome, &lookup.reason)).or_default() += 1;
    }
    let mut said = format!("{} names asked; written to {place}\n", lookups.len());
    for ((outcome, reason), n) in counts {
        let _ = writeln!(said, "  {n:>7} {outcome} {reason}");
    }
    said
}

/// Names of a list; blank lines and those that begin with `#` are passed over.
fn names(list: &Path) -> Result<BTreeSet<Domain>, Failure> {
    let file = list.display().to_string();
    let text = fs::read_to_string(list).map_err(|e| {
        Failure::fix_job(format!("the list cannot be read: {e}"))
            .at(&file, "--list")
            .hint("give a text file with one name a line")
    })?;
    let mut names = BTreeSet::new();
    let mut problems = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.parse::<Domain>() {
            Ok(name) if name.n_labels() > 1 => {
                names.insert(name);
            }
            _ => problems.push(Problem::new(
                &file,
                format!("line {}", i + 1),
                "not a domain name; expected one such as `voorbeeld.example`",
            )),
        }
    }
    Failure::from_problems(Kind::FixJob, problems).map_or(Ok(names), Err)
}

enum Writer<'a> {
    File(&'a Path),
    Job(&'a Call),
}

impl Writer<'_> {
    /// Hours of fetching end in a place that can be written.
    fn probe(&self) -> Result<(), Failure> {
        match self {
            Self::File(path) if path.exists() => Err(exists(&path.display().to_string())),
            Self::File(_) => Ok(()),
            Self::Job(call) => folder(call).map(|_| ()),
        }
    }

    fn write(&self, bytes: &[u8], moment: &Moment) -> Result<String, Failure> {
        match self {
            Self::File(path) => {
                let shown = path.display().to_string();
                let failed = |e: std::io::Error| match e.kind() {
                    std::io::ErrorKind::AlreadyExists => exists(&shown),
                    _ => Failure::fix_job(format!("cannot be written: {e}")).at(&shown, "--out"),
                };
                let mut file = fs::File::create_new(path).map_err(failed)?;
                std::io::Write::write_all(&mut file, bytes)
                    .and_then(|()| file.sync_all())
                    .map_err(failed)?;
                Ok(shown)
            }
            Self::Job(call) => {
                let (loaded, folder) = folder(call)?;
                let place = loaded.place(&call.env)?;
                let day = jiff::tz::TimeZone::UTC.to_datetime(moment.now).date();
                let path = format!("{folder}{day}-security-txt-{}.jsonl", moment.run_id);
                match place.create(&path, bytes)? {
                    Created::Ours => Ok(place.display(&path)),
                    Created::Exists => Err(exists(&place.display(&path))),
                }
            }
        }
    }
}

fn exists(place: &str) -> Failure {
    Failure::fix_job("the object is there already; results are only ever created")
        .at(place, "--out")
        .hint("give another name, beginning with the date")
}

fn folder(call: &Call) -> Result<(super::load::Loaded, String), Failure> {
    let loaded = load(call)?;
    let folder = loaded.job.references.lookups.clone();
    match folder {
        Some(folder) => Ok((loaded, folder)),
        None => Err(Failure::fix_job("the job names no folder of look-ups")
            .at(call.job.display().to_string(), "reference.lookups")
            .hint("name one, or give `--out FILE`")),
    }
}
