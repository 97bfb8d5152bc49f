//! `ingest`: a feed's delivery becomes a snapshot, and the rows that could not be read a table
//! beside it. One file, or every file of a folder or of a prefix in a store.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::BufWriter;
use std::path::Path;

use parquet::file::metadata::ParquetMetaDataReader;
use rayon::prelude::*;

use super::spill::{MEMORY_BYTES, Runs, Temporary};
use super::where_to::{Door, open_folder};
use crate::diag::{Failure, Kind, Problem, RejectReason, plain};
use crate::ingest::{
    self, Format, Identified, Input, PROFILE_KEY, Profile, SnapshotWriter, Source, Summary,
};
use crate::model::identity::Secret;
use crate::model::night::{Night, local_date};
use crate::plan::{Contract, Delivered};
use crate::report;
use crate::store::{Created, Place};

/// Reports of a folder that are read at once, at most: each takes some 400 MiB, however many cores
/// there are.
const AT_ONCE: usize = 4;

/// What to ingest.
#[derive(Clone, Debug)]
pub struct Ask {
    /// A file, a folder, or the URL of an object or a prefix.
    pub from: String,
    /// The snapshot to write (`….parquet`), or the folder or prefix of all snapshots.
    pub out: String,
    /// Report type; by the file's name where absent.
    pub report: Option<String>,
    /// Date; by the file's name where absent.
    pub date: Option<Night>,
    /// Format; by the content where absent.
    pub format: Option<Format>,
    /// Feed; that of Shadowserver's reports where absent.
    pub feed: Option<String>,
    /// Key with which accounts are hashed.
    pub account_key: Option<Secret>,
    /// Greatest number of bytes of an unpacked file.
    pub max_bytes: u64,
    /// What the job expects of each feed, where a job was named.
    pub contracts: BTreeMap<String, Contract>,
    /// The process's environment, for a store's credentials.
    pub env: BTreeMap<String, String>,
}

/// A report larger than this when unpacked is refused, where the job says nothing.
pub const MAX_BYTES: u64 = 16 << 30;

/// What a job expects of its feeds.
///
/// # Errors
/// `FixJob`: the job cannot be read.
pub fn contracts(job: &Path) -> Result<BTreeMap<String, Contract>, Failure> {
    let call = super::load::Call {
        job: job.to_path_buf(),
        ..super::load::Call::default()
    };
    let (job, _) = super::load::job_of(&call)?;
    let feeds = job.feeds.into_iter();
    Ok(feeds.map(|(name, feed)| (name, feed.contract)).collect())
}

/// Writes the snapshots and says what became of the rows. What can be read is written, whatever
/// else cannot.
///
/// # Errors
/// `FixData` naming each file that could not be read, after all others were written; `FixJob`
/// where an output is there already with other content.
pub fn ingest(ask: &Ask, say: &mut dyn FnMut(&str) -> Result<(), Failure>) -> Result<(), Failure> {
    let door = Door::open(&ask.from, &ask.env)?;
    let names = door.files()?;
    if names.is_empty() {
        return Err(
            Failure::fix_data("nothing is there; expected the files of a feed")
                .at(&ask.from, "")
                .hint("give a file, or a folder of them"),
        );
    }
    let is_file = ask.out.ends_with(".parquet");
    let (groups, mut problems) = groups(ask, &door, &names);
    if is_file && groups.len() > 1 {
        return Err(Failure::fix_job(format!(
            "one snapshot cannot hold {} reports; expected a folder",
            groups.len()
        ))
        .at(&ask.out, "--out")
        .hint("give the folder of the snapshots: each goes to <date>/<feed>/<report>.parquet"));
    }
    let (folder, name) = match ask.out.rsplit_once('/').filter(|_| is_file) {
        Some((folder, name)) => (folder, Some(name)),
        None if is_file => (".", Some(ask.out.as_str())),
        None => (ask.out.as_str(), None),
    };
    let place = open_folder(folder, &ask.env)?;
    let write = |group: &Group| {
        let path = name.map_or_else(|| group.path(), str::to_owned);
        write_group(ask, &door, group, &place, &path)
    };
    let threads = rayon::current_num_threads().min(AT_ONCE);
    let pool = super::workers(rayon::ThreadPoolBuilder::new().num_threads(threads))?;
    let done: Vec<Result<String, Failure>> =
        pool.install(|| groups.par_iter().map(write).collect());
    let mut kind = Kind::FixData;
    for result in done {
        match result {
            Ok(said) => say(&said)?,
            Err(failure) => {
                kind = failure.kind;
                problems.extend(failure.problems);
            }
        }
    }
    Failure::from_problems(kind, problems).map_or(Ok(()), Err)
}

/// Files that go into one snapshot.
struct Group {
    feed: String,
    files: Vec<String>,
    identified: Identified,
}

impl Group {
    fn path(&self) -> String {
        format!(
            "{}/{}/{}.parquet",
            self.identified.snapshot_date, self.feed, self.identified.kind.name
        )
    }
}

/// Which files are of one report and one day; and those that nobody can say of what they are.
fn groups(ask: &Ask, door: &Door, names: &[String]) -> (Vec<Group>, Vec<Problem>) {
    let mut groups: BTreeMap<(String, jiff::civil::Date, Format), Group> = BTreeMap::new();
    let mut problems = Vec::new();
    for name in names {
        let found = door.input(name).and_then(|mut input| {
            let identified = ingest::identify(input.as_mut(), &source(ask, name), ask.max_bytes)?;
            Ok((feed_of(ask, &identified, name)?, identified))
        });
        match found {
            Ok((feed, identified)) => {
                let key = (
                    identified.kind.name.clone(),
                    identified.snapshot_date,
                    identified.format,
                );
                let group = groups.entry(key).or_insert_with(|| Group {
                    feed,
                    files: Vec::new(),
                    identified,
                });
                group.files.push(name.clone());
            }
            Err(failure) => problems.extend(failure.problems),
        }
    }
    (groups.into_values().collect(), problems)
}

/// Whose delivery it is: a list does not say, and a job treats feeds differently.
fn feed_of(ask: &Ask, identified: &Identified, name: &str) -> Result<String, Failure> {
    match (&ask.feed, identified.format) {
        (Some(feed), _) if !feed.is_empty() && !feed.contains(['/', '\\']) => Ok(feed.clone()),
        (Some(_), _) => Err(Failure::fix_job("a feed's name is one part of a path")
            .at(name, "--feed")
            .hint("give a name such as `partner`")),
        (None, Format::Shadowserver) => Ok("shadowserver".to_owned()),
        (None, format) => Err(Failure::fix_job(format!(
            "a delivery of format `{format}` does not say which feed it is of"
        ))
        .at(name, "--feed")
        .hint("pass `--feed partner`, or the name that the job has under `[feeds]`")),
    }
}

fn source<'a>(ask: &'a Ask, name: &'a str) -> Source<'a> {
    Source {
        name,
        report: ask.report.as_deref(),
        snapshot_date: ask.date.map(Night::date),
        format: ask.format,
    }
}

fn write_group(
    ask: &Ask,
    door: &Door,
    group: &Group,
    place: &Place,
    path: &str,
) -> Result<String, Failure> {
    let settings = ingest::Settings {
        feed: group.feed.clone(),
        account_key: ask.account_key.clone(),
        max_bytes: ask.max_bytes,
        run_rows: ingest::RUN_ROWS,
    };
    let mut inputs: Vec<(String, Box<dyn Input>)> = Vec::new();
    for name in &group.files {
        inputs.push((name.clone(), door.input(name)?));
    }
    let mut runs = Runs::new(place, MEMORY_BYTES);
    let summary = ingest::ingest(&mut inputs, &group.identified, &settings, &mut |run| {
        runs.add(run)
    })?;
    check_contract(ask, group, &summary)?;
    check_readable(group, &summary)?;
    let drift = drift(place, path, &summary)?;
    let file = Temporary::new(place)?;
    let output = file.create()?;
    let mut writer = SnapshotWriter::open(BufWriter::new(output))?;
    let mut n_written = 0;
    runs.write_to(&mut |rows| {
        n_written += rows.n_rows as u64;
        writer.write(rows)
    })?;
    check_written(&summary, n_written)?;
    writer.close(&summary.profile)?;
    let state = create(place, path, file.path())?;
    let aside = write_rejects(place, path, &summary)?;
    Ok(told(&summary, &place.display(path), state, aside) + &drift)
}

/// Each row that was read is in the table or among those set aside.
fn check_written(summary: &Summary, n_written: u64) -> Result<(), Failure> {
    let n_aside = summary.rejects.len() as u64;
    if summary.read == n_written + n_aside {
        return Ok(());
    }
    Err(Failure::our_bug(format!(
        "{} rows were read, {n_written} written and {n_aside} set aside",
        summary.read
    )))
}

/// Nothing of a delivery that breaks its contract becomes visible.
fn check_contract(ask: &Ask, group: &Group, summary: &Summary) -> Result<(), Failure> {
    let Some(contract) = ask.contracts.get(&group.feed) else {
        return Ok(());
    };
    let newest = summary
        .newest
        .and_then(|at| local_date(at, &jiff::tz::TimeZone::UTC));
    let problems = contract.broken(&Delivered {
        object: group.files.first().map_or("", String::as_str),
        report: &group.identified.kind.name,
        date: group.identified.snapshot_date,
        read: summary.read,
        rejected: summary.rejects.len() as u64,
        filled: &summary.filled,
        newest,
    });
    Failure::from_problems(Kind::FixData, problems).map_or(Ok(()), Err)
}

/// A delivery of which no row can be read says nothing, and a snapshot without rows would say that
/// nothing was seen. A delivery without rows does say that, and so do checks that did not match.
fn check_readable(group: &Group, summary: &Summary) -> Result<(), Failure> {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for reject in &summary.rejects {
        if reject.why == RejectReason::NotAFinding {
            return Ok(());
        }
        *reasons.entry(reject.why.code()).or_default() += 1;
    }
    if summary.read == 0 || summary.read > summary.rejects.len() as u64 {
        return Ok(());
    }
    let reasons = reasons.iter().map(|(code, n)| format!("{n} {code}"));
    let reasons = reasons.collect::<Vec<_>>().join(", ");
    let message = format!("none of {} rows can be read: {reasons}", summary.read);
    let file = group.files.first().map_or("", String::as_str);
    Err(Failure::fix_data(message)
        .at(file, "")
        .hint("nothing was written: is it the file that it is taken for?"))
}

/// What changed since the newest earlier snapshot of the same feed and report, a line a column.
fn drift(place: &Place, path: &str, summary: &Summary) -> Result<String, Failure> {
    let Some((date, rest)) = path.split_once('/') else {
        return Ok(String::new());
    };
    let earlier = place.list("")?.into_iter().filter(|o| {
        o.path
            .split_once('/')
            .is_some_and(|(d, r)| r == rest && d < date)
    });
    let Some(before) = earlier.max_by(|a, b| a.path.cmp(&b.path)) else {
        return Ok(String::new());
    };
    let Some(profile) = profile_of(place, &before.path, before.size) else {
        return Ok(format!(
            "  changes   {} does not say how it was delivered\n",
            before.path
        ));
    };
    let found = ingest::drift(&profile, &summary.profile);
    let mut said = format!("  changes   {} since {}\n", found.len(), before.path);
    for change in found {
        let _ = writeln!(said, "            {change}");
    }
    Ok(said)
}

/// The profile in a snapshot's footer; `None` where it is no snapshot of this program.
fn profile_of(place: &Place, path: &str, size: u64) -> Option<Profile> {
    let end = place.get_range(path, size.checked_sub(8)?..size).ok()?;
    let len: [u8; 4] = end.get(..4)?.try_into().ok()?;
    let from = (size - 8).checked_sub(u64::from(u32::from_le_bytes(len)))?;
    let footer = place.get_range(path, from..size - 8).ok()?;
    let metadata = ParquetMetaDataReader::decode_metadata(&footer).ok()?;
    let pairs = metadata.file_metadata().key_value_metadata()?;
    let json = pairs
        .iter()
        .find(|kv| kv.key == PROFILE_KEY)?
        .value
        .as_ref()?;
    serde_json::from_str(json).ok()
}

/// `path` becomes the file; one that is there with the same bytes is as good.
fn create(place: &Place, path: &str, file: &Path) -> Result<&'static str, Failure> {
    if place.create_from(path, file)? == Created::Ours {
        return Ok("");
    }
    let same = std::fs::read(file).is_ok_and(|bytes| place.get(path).is_ok_and(|old| old == bytes));
    if same {
        return Ok(" (was there already, the same)");
    }
    Err(
        Failure::fix_job("the snapshot is there already with other content; expected a new name")
            .at(place.display(path), "--out")
            .hint("snapshots are never overwritten: move it away, or choose another name"),
    )
}

/// Beside the snapshot, and not itself one: a night reads `*.parquet` only.
fn write_rejects(place: &Place, path: &str, summary: &Summary) -> Result<Option<String>, Failure> {
    if summary.rejects.is_empty() {
        return Ok(None);
    }
    let stem = path.strip_suffix(".parquet").unwrap_or(path);
    let aside = format!("{stem}.rejects.parquet.aside");
    let bytes = report::rejects_parquet(summary.rejects.iter())?;
    place.create_same(&aside, &bytes)?;
    Ok(Some(place.display(&aside)))
}

fn told(summary: &Summary, path: &str, state: &str, aside: Option<String>) -> String {
    let mut said = String::new();
    let identified = &summary.identified;
    let n_rejects = summary.rejects.len() as u64;
    let _ = writeln!(
        said,
        "{} rows of {} read as {} of {}",
        summary.read - n_rejects,
        summary.read,
        identified.kind.name,
        identified.snapshot_date
    );
    let _ = writeln!(
        said,
        "  format    {}, known by {}",
        identified.format, identified.known_by
    );
    let _ = writeln!(said, "  snapshot  {path}{state}");
    if let Some(aside) = aside {
        let _ = writeln!(
            said,
            "  rejects   {aside} ({n_rejects} rows, each with its reason)"
        );
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for reject in &summary.rejects {
            *reasons.entry(reject.why.code()).or_default() += 1;
        }
        for (code, n) in reasons {
            let _ = writeln!(said, "            {n} {code}");
        }
    }
    if let Some(at) = summary.time_by_default {
        let at =
            jiff::Timestamp::from_microsecond(at).map_or_else(|_| String::new(), |t| t.to_string());
        let _ = writeln!(
            said,
            "  time      the list states none: its rows count as seen at {at}"
        );
    }
    let mut listed = |label: &str, names: &[String]| {
        if !names.is_empty() {
            let shown = names.iter().take(40).map(|name| plain(name, 60));
            let shown: Vec<String> = shown.collect();
            let _ = writeln!(said, "  {label}: {}", shown.join(", "));
        }
    };
    listed(
        "columns that are new to us, kept in `extra`",
        &summary.unknown_columns,
    );
    listed(
        "columns that were dropped at the door",
        &summary.dropped_columns,
    );
    let missing: Vec<String> = summary
        .missing_columns
        .iter()
        .map(|n| (*n).to_owned())
        .collect();
    listed("columns of such reports that this one lacks", &missing);
    said
}
