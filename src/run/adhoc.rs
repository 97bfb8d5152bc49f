//! `match`: a list came in at two o'clock, who is on it? Two files in, one table out; no job, no
//! store, no letter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use jiff::tz::TimeZone;
use rayon::prelude::*;

use super::adhoc_file::{Table, not_over, read, shown, table};
use crate::diag::{Failure, Reject};
use crate::matching::{self, BatchMatches, Index, PrefixTable, Shared};
use crate::model::asset::{Asset, AssetKind};
use crate::model::company::CompanyKey;
use crate::model::night::Micros;
use crate::model::observation::{KEY_COLUMNS, column as c};
use crate::model::row_numbers::RowNumbers;
use crate::model::table::{Column, canonical};
use crate::register::{self, SuffixList};
use crate::report::{self, MatchRow};
use crate::scan;

/// What to hold against what.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Assets: `company_key`, `kind`, `value`, and what else the table of assets has; or a stored
    /// index.
    pub assets: PathBuf,
    /// Observations: an `ip` or a `hostname` column at least.
    pub observations: PathBuf,
    /// `.parquet`, `.csv` or `.jsonl`; CSV on standard output where absent.
    pub out: Option<PathBuf>,
    /// Public Suffix List of a day; without one the list that the program was built with.
    pub public_suffixes: Option<PathBuf>,
    /// Shared infrastructure, as in a job's reference data.
    pub shared_infrastructure: Option<PathBuf>,
    /// Prefix table, as in a job's reference data.
    pub prefix_asn: Option<PathBuf>,
    /// When the rows were seen, where they do not say.
    pub at: Micros,
}

/// What to store an index of.
#[derive(Clone, Debug)]
pub struct Store {
    /// Assets, as of [`Ask::assets`].
    pub assets: PathBuf,
    /// As of [`Ask::public_suffixes`].
    pub public_suffixes: Option<PathBuf>,
    /// Where the index goes.
    pub out: PathBuf,
}

/// What came out.
pub struct Answer {
    /// The table, in the form of `out`.
    pub bytes: Vec<u8>,
    /// Figures for standard error.
    pub said: String,
    /// 0; 1 where rows or assets were set aside; 2 where no asset can be used, and then nothing is
    /// stored by `index build`.
    pub exit_code: u8,
}

/// Matches a list against assets.
///
/// # Errors
/// `FixData` naming the file, the column and the next step.
pub fn adhoc(ask: &Ask) -> Result<Answer, Failure> {
    let inputs = [
        Some(&ask.assets),
        Some(&ask.observations),
        ask.public_suffixes.as_ref(),
        ask.shared_infrastructure.as_ref(),
        ask.prefix_asn.as_ref(),
    ];
    not_over(ask.out.as_deref(), &inputs.map(|i| i.map(PathBuf::as_path)))?;
    let Usable {
        assets,
        rejects,
        note,
        numbers,
    } = usable(&ask.assets, ask.public_suffixes.as_deref())?;
    let shared = match &ask.shared_infrastructure {
        Some(path) => matching::read_shared_infrastructure(&read(path)?, &shown(path))?,
        None => Shared::default(),
    };
    let prefixes = match &ask.prefix_asn {
        Some(path) => matching::read_prefix_table(&read(path)?, &shown(path))?,
        None => PrefixTable::default(),
    };
    let index = Index::build(&assets, &shared, &prefixes, &matching::Settings::default());
    let object = shown(&ask.observations);
    let mut rows = Vec::new();
    let mut n = Counts::default();
    let list = table(&ask.observations, KEY_COLUMNS)?;
    let has_asn = |b: &RecordBatch| b.column_by_name(c::ASN).is_some();
    let is_deaf = ask.prefix_asn.is_none() && !list.batches.iter().any(has_asn);
    for batch in list.batches {
        let keys = keys(&batch, &object, ask.at)?;
        let found = index.match_batch(&keys, &object)?;
        n.take(&found);
        rows.extend(match_rows(&found, n.first_row, &assets));
        n.first_row += u64::from(found.n_rows);
    }
    let extension = ask
        .out
        .as_deref()
        .and_then(Path::extension)
        .map(|e| e.to_string_lossy().into_owned());
    let bytes = match extension.as_deref() {
        Some("parquet") => report::matches_parquet(&rows)?,
        Some("csv") | None => report::matches_csv(&rows)?,
        Some("jsonl" | "ndjson") => report::matches_json_lines(&rows),
        Some(other) => {
            return Err(Failure::fix_job(format!(
                "`.{other}` is not one of .parquet, .csv, .jsonl"
            ))
            .at("", "--out"));
        }
    };
    Ok(Answer {
        exit_code: exit_code(&assets, n.n_rejected() + rejects.len() as u64),
        bytes,
        said: n.said(
            &assets,
            &refused(&rejects, &numbers),
            rejects.len(),
            rows.len(),
        ) + &note
            + &list.note
            + &unheard(&assets, is_deaf),
    })
}

/// Checks assets and gives the bytes of a stored index, which [`Ask::assets`] takes in their
/// place.
///
/// # Errors
/// As [`adhoc`].
pub fn store(ask: &Store) -> Result<Answer, Failure> {
    let inputs = [Some(ask.assets.as_path()), ask.public_suffixes.as_deref()];
    not_over(Some(&ask.out), &inputs)?;
    let Usable {
        assets,
        rejects,
        note,
        numbers,
    } = usable(&ask.assets, ask.public_suffixes.as_deref())?;
    let object = shown(&ask.assets);
    let head = if assets.is_empty() {
        format!(
            "no asset of {object} can be used, {} refused: nothing was written\n",
            rejects.len()
        )
    } else {
        format!(
            "{} assets of {object} stored, {} refused\n",
            assets.len(),
            rejects.len()
        )
    };
    Ok(Answer {
        exit_code: exit_code(&assets, rejects.len() as u64),
        bytes: register::stored_assets(&assets)?,
        said: head + &refused(&rejects, &numbers) + &note,
    })
}

const fn exit_code(assets: &[Asset], n_set_aside: u64) -> u8 {
    match (assets.is_empty(), n_set_aside) {
        (true, _) => 2,
        (false, 0) => 0,
        (false, _) => 1,
    }
}

/// AS numbers meet addresses by a table, and nothing without one.
fn unheard(assets: &[Asset], is_deaf: bool) -> String {
    let n_asns = assets.iter().filter(|a| a.kind == AssetKind::Asn).count();
    if !is_deaf || n_asns == 0 {
        return String::new();
    }
    format!(
        "  {n_asns} assets of kind asn can match nothing: the list has no column `asn`, \
         and no table of prefixes was given (--prefix-asn)\n"
    )
}

#[derive(Default)]
struct Counts {
    first_row: u64,
    rejected: BTreeMap<&'static str, u64>,
    matched: u64,
}

impl Counts {
    fn take(&mut self, found: &BatchMatches) {
        self.matched += u64::try_from(found.matched_rows().len()).unwrap_or(0);
        for (_, why, _, _) in &found.rejected {
            *self.rejected.entry(why.text()).or_default() += 1;
        }
    }

    fn n_rejected(&self) -> u64 {
        self.rejected.values().sum()
    }

    fn said(&self, assets: &[Asset], refused: &str, n_refused: usize, n_matches: usize) -> String {
        let rejected = self.n_rejected();
        let unmatched = self.first_row - self.matched - rejected;
        let mut said = format!(
            "{} rows read: {rejected} rejected, {unmatched} unmatched, {} matched ({n_matches} matches); {} assets, {n_refused} refused\n",
            self.first_row,
            self.matched,
            assets.len()
        );
        for (why, n) in &self.rejected {
            let _ = writeln!(said, "  {n} rows: {why}");
        }
        said + refused
    }
}

/// A line for each reason why assets were refused.
fn refused(rejects: &[Reject], numbers: &RowNumbers) -> String {
    let mut refused: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
    for reject in rejects {
        refused
            .entry(reject.why.text())
            .or_insert((0, reject.row))
            .0 += 1;
    }
    let lines = refused.into_iter().map(|(why, (n, row))| {
        format!("  {n} assets, the first in {}: {why}\n", numbers.text(row))
    });
    lines.collect()
}

fn match_rows<'a>(
    found: &'a BatchMatches,
    first_row: u64,
    assets: &'a [Asset],
) -> impl Iterator<Item = MatchRow> + 'a {
    found.matches.iter().filter_map(move |m| {
        let asset = assets.get(usize::try_from(m.asset).ok()?)?;
        Some(MatchRow {
            row: first_row + u64::from(m.row),
            company_key: asset.company.to_string(),
            asset: asset.original.clone(),
            kind: asset.kind.as_str(),
            most_specific: m.is_most_specific,
            confidence: m.confidence.as_str(),
        })
    })
}

/// The usable assets of a table, or those of a stored index.
struct Usable {
    assets: Vec<Asset>,
    rejects: Vec<Reject>,
    note: String,
    numbers: RowNumbers,
}

/// Columns of assets that are read.
const ASSET_COLUMNS: [&str; 5] = ["company_key", "kind", "value", "valid_from", "valid_until"];

fn usable(path: &Path, suffixes: Option<&Path>) -> Result<Usable, Failure> {
    let object = shown(path);
    let Table {
        batches,
        note,
        numbers,
    } = table(path, &ASSET_COLUMNS)?;
    if batches.first().is_some_and(register::is_stored) {
        return Ok(Usable {
            assets: stored(&batches, &object)?,
            rejects: Vec::new(),
            note,
            numbers,
        });
    }
    let suffixes = match suffixes {
        Some(path) => SuffixList::read(&read(path)?, &shown(path))?,
        None => SuffixList::built_in(),
    };
    let settings = register::Settings::default();
    let companies = companies(&batches);
    let kept = register::assets(
        &batches,
        &object,
        &companies,
        &suffixes,
        &TimeZone::UTC,
        &settings,
    )?;
    Ok(Usable {
        assets: kept.rows,
        rejects: kept.rejects,
        note,
        numbers,
    })
}

fn stored(batches: &[RecordBatch], object: &str) -> Result<Vec<Asset>, Failure> {
    let first_rows = batches.iter().scan(0, |rows, batch| {
        let first = *rows;
        *rows += batch.num_rows();
        Some(first)
    });
    let work: Vec<(usize, &RecordBatch)> = first_rows.zip(batches).collect();
    let parts: Vec<Vec<Asset>> = work
        .into_par_iter()
        .map(|(first, batch)| register::from_stored(batch, first, object))
        .collect::<Result<_, _>>()?;
    Ok(parts.into_iter().flatten().collect())
}

/// Every company that the assets name: a list has no register beside it.
fn companies(batches: &[RecordBatch]) -> BTreeSet<CompanyKey> {
    let mut keys = BTreeSet::new();
    let mut last = String::new();
    for batch in batches {
        let Some(column) = batch.column_by_name("company_key") else {
            continue;
        };
        let Ok(texts) = arrow::compute::cast(column, &DataType::Utf8) else {
            continue;
        };
        for text in texts.as_string::<i32>().iter().flatten() {
            if text != last {
                last = text.to_owned();
                keys.extend(text.trim().parse::<CompanyKey>());
            }
        }
    }
    keys
}

/// The key columns that the list has, in canonical form; rows that do not say when they were seen
/// get `at`.
fn keys(batch: &RecordBatch, object: &str, at: Micros) -> Result<RecordBatch, Failure> {
    if ![c::IP, c::HOSTNAME, c::IP_V4, c::IP_V6, c::ACCOUNT_DOMAIN]
        .iter()
        .any(|n| batch.column_by_name(n).is_some())
    {
        let names: Vec<String> = batch
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        return Err(Failure::fix_data(format!(
            "no column says what was seen; the file has `{}`",
            names.join("`, `")
        ))
        .at(object, c::IP)
        .hint("name a column `ip` or `hostname`"));
    }
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for name in KEY_COLUMNS {
        let Some(array) = batch.column_by_name(name) else {
            continue;
        };
        let array = match (*name, array.data_type()) {
            (c::OBSERVED_AT, t) if !matches!(t, DataType::Timestamp(..)) => continue,
            (c::ASN, DataType::Utf8) => Arc::new(
                array
                    .as_string::<i32>()
                    .iter()
                    .map(|t| t?.trim().parse().ok())
                    .collect::<UInt32Array>(),
            ),
            _ => Arc::clone(array),
        };
        fields.push(Field::new(*name, array.data_type().clone(), true));
        arrays.push(array);
    }
    if !fields.iter().any(|f| f.name() == c::OBSERVED_AT) {
        let moments: TimestampMicrosecondArray = moments(batch, at);
        fields.push(Field::new(
            c::OBSERVED_AT,
            moments.data_type().clone(),
            true,
        ));
        arrays.push(Arc::new(moments));
    }
    let wrong = |e: arrow::error::ArrowError| Failure::our_bug(e.to_string()).at(object, "");
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(wrong)?;
    let columns: Vec<Column> = scan::key_columns()
        .iter()
        .filter(|column| batch.column_by_name(column.name).is_some())
        .copied()
        .collect();
    Ok(canonical(&batch, &columns, object)?.batch)
}

/// Times written as text (`2026-03-01T02:15:00Z`), or `at` where there is none.
fn moments(batch: &RecordBatch, at: Micros) -> TimestampMicrosecondArray {
    let texts = batch
        .column_by_name(c::OBSERVED_AT)
        .and_then(|a| a.as_string_opt::<i32>().cloned());
    let moment = |row: usize| -> Option<Micros> {
        let Some(texts) = &texts else { return Some(at) };
        let text = texts.is_valid(row).then(|| texts.value(row).trim())?;
        let zoneless = || {
            let moment: jiff::civil::DateTime = text.parse().ok()?;
            moment
                .to_zoned_datetime(TimeZone::UTC)
                .ok()
                .map(|z| z.timestamp())
        };
        let moment = text.parse::<jiff::Timestamp>().ok().or_else(zoneless)?;
        Some(moment.as_microsecond())
    };
    (0..batch.num_rows())
        .map(moment)
        .collect::<TimestampMicrosecondArray>()
        .with_timezone("UTC")
}
