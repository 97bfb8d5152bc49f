//! What matching costs beside reading the columns. See `benches/README.md`.
//!
//! `cargo bench --profile dev --bench matching -- [rows in millions]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench may panic, reads the clock and prints"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray, UInt32Array};
use arrow::record_batch::RecordBatch;
use nachtwacht::matching::{Index, PrefixTable, Settings, Shared};
use nachtwacht::model::asset::{Asset, AssetKind, AssetValue};
use nachtwacht::model::matches::{Near, RowGroups};
use nachtwacht::model::net::range_to_nets;
use nachtwacht::model::night::Validity;
use nachtwacht::model::observation::column;
use nachtwacht::scan;
use nachtwacht::store::{self, Place};
use parquet::arrow::ArrowWriter;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;
use url::Url;

const GROUP_ROWS: usize = 1 << 17;
const PAGE_ROWS: usize = 1 << 14;
const BATCH_ROWS: usize = 1 << 16;
const N_ASSETS: u32 = 1_000_000;
const N_DOMAINS: u32 = 200_000;

/// SplitMix64: the same bench everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn word(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }

    fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.word()) * u64::from(n)) >> 32) as u32
    }
}

fn asset(n: u32, kind: AssetKind, value: AssetValue) -> Asset {
    Asset {
        company: format!("kvk:{:08}", n / 5).parse().unwrap(),
        kind,
        value,
        canonical: String::new(),
        original: String::new(),
        valid: Validity {
            from: n.is_multiple_of(3).then_some(0),
            until: None,
        },
        source: String::new(),
        confirmed_at: None,
        row: u64::from(n),
    }
}

/// 80 % single addresses, 20 % prefixes from /22 to /30, of which many lie inside others.
fn address_assets(within: impl Fn(u32) -> u32) -> Vec<Asset> {
    let mut random = Random(1);
    let mut outer = 0;
    (0..N_ASSETS)
        .map(|n| {
            let length = if n % 5 != 0 { 32 } else { 22 + random.below(9) };
            let base = if n % 10 == 5 {
                outer | random.below(1024)
            } else {
                within(random.word())
            };
            let mask = u32::MAX.checked_shr(length).unwrap_or(0);
            if length < 26 {
                outer = base & !1023;
            }
            let (first, last) = (
                Ipv4Addr::from_bits(base & !mask),
                Ipv4Addr::from_bits(base | mask),
            );
            let nets = range_to_nets(first.into(), last.into()).unwrap();
            asset(n, AssetKind::Cidr, AssetValue::Nets(nets))
        })
        .collect()
}

fn first_address(asset: &Asset) -> u32 {
    match &asset.value {
        AssetValue::Nets(nets) => match nets[0] {
            ipnet::IpNet::V4(net) => net.network().to_bits(),
            ipnet::IpNet::V6(_) => 0,
        },
        _ => 0,
    }
}

/// Random addresses, one in fifty of them an asset's.
fn addresses(random: &mut Random, assets: &[Asset], n: usize) -> Vec<u32> {
    (0..n)
        .map(|i| {
            if i % 50 == 0 {
                first_address(&assets[random.below(N_ASSETS) as usize])
            } else {
                random.word()
            }
        })
        .collect()
}

fn domain(n: u32) -> String {
    let mut random = Random(u64::from(n) << 20 | 77);
    let letters = (0..5 + random.below(9)).map(|_| char::from(b'a' + random.below(26) as u8));
    let letters: String = letters.collect();
    let top = ["nl", "com", "example", "eu", "org"][random.below(5) as usize];
    format!("{letters}{n}.{top}")
}

/// Host names with two to four labels, one in fifty of them below a registered domain.
fn host_name(random: &mut Random, i: usize) -> String {
    let n = if i.is_multiple_of(50) {
        random.below(N_DOMAINS)
    } else {
        N_DOMAINS + random.below(u32::MAX / 2)
    };
    match random.below(3) {
        0 => domain(n),
        1 => format!("www.{}", domain(n)),
        _ => format!("host-{}.klanten.{}", random.below(1 << 16), domain(n)),
    }
}

/// How the matched column is written.
#[derive(Clone, Copy)]
enum Written {
    /// Plain, as `ingest` writes columns in which hardly a value comes twice.
    Plain,
    /// Plain and in the order of addresses, as all that `ingest` wrote is.
    InOrder,
    /// By a dictionary, as most writers do unless told otherwise.
    Dictionary,
}

fn write(
    path: &Path,
    n_rows: usize,
    how: Written,
    mut column: impl FnMut(usize, usize) -> (&'static str, ArrayRef),
) {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(zstd)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_dictionary_enabled(matches!(how, Written::Dictionary))
        .set_column_dictionary_enabled(ColumnPath::from(column::OBSERVED_AT), true)
        .build();
    let mut writer: Option<ArrowWriter<File>> = None;
    for first in (0..n_rows).step_by(GROUP_ROWS) {
        let n = GROUP_ROWS.min(n_rows - first);
        let at: TimestampMicrosecondArray = (0..n)
            .map(|i| Some(1_772_000_000_000_000 + (i as i64 / 1000) * 1_000_000))
            .collect();
        let (name, values) = column(first, n);
        let at: ArrayRef = Arc::new(at.with_timezone("UTC"));
        let batch =
            RecordBatch::try_from_iter([(column::OBSERVED_AT, at), (name, values)]).unwrap();
        let writer = writer.get_or_insert_with(|| {
            ArrowWriter::try_new(
                File::create(path).unwrap(),
                batch.schema(),
                Some(properties.clone()),
            )
            .unwrap()
        });
        writer.write(&batch).unwrap();
    }
    writer.unwrap().close().unwrap();
}

/// Opens row groups of a file; the footer is read once.
struct Snapshot {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
}

impl Snapshot {
    fn open(path: &Path) -> Self {
        let metadata =
            ArrowReaderMetadata::load(&File::open(path).unwrap(), ArrowReaderOptions::new())
                .unwrap();
        Self {
            path: path.into(),
            metadata,
        }
    }

    fn n_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    fn batches(&self, group: usize, columns: &[&str]) -> impl Iterator<Item = RecordBatch> + use<> {
        let file = File::open(&self.path).unwrap();
        let schema = self.metadata.parquet_schema();
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_projection(ProjectionMask::columns(schema, columns.iter().copied()))
            .with_row_groups(vec![group])
            .with_batch_size(BATCH_ROWS)
            .build()
            .unwrap()
            .map(Result::unwrap)
    }
}

fn decode(snapshot: &Snapshot, column: &str, groups: &[usize]) -> usize {
    let rows = |&group| -> usize {
        snapshot
            .batches(group, &[column::OBSERVED_AT, column])
            .map(|b| b.num_rows())
            .sum()
    };
    groups.iter().map(rows).sum()
}

fn match_group(snapshot: &Snapshot, index: &Index, column: &str, group: usize) -> usize {
    let batches = snapshot.batches(group, &[column::OBSERVED_AT, column]);
    batches
        .map(|b| index.match_batch(&b, "bench").unwrap().matches.len())
        .sum()
}

/// The best of three, since the machine has neighbours.
fn best<T>(mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut once = || {
        let start = Instant::now();
        let value = run();
        (start.elapsed(), value)
    };
    let mut best = once();
    for _ in 0..2 {
        let next = once();
        if next.0 < best.0 {
            best = next;
        }
    }
    best
}

fn report(what: &str, n_rows: usize, time: Duration, beside: Option<(&str, Duration)>) {
    let rate = n_rows as f64 / time.as_secs_f64() / 1e6;
    let ratio = beside
        .map(|(name, other)| format!(", {:.2} x {name}", other.as_secs_f64() / time.as_secs_f64()));
    println!(
        "{what:<44} {rate:9.1} M rows/s{}",
        ratio.unwrap_or_default()
    );
}

fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:"));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

fn build(what: &str, assets: &[Asset]) -> Index {
    let (time, index) = best(|| {
        Index::build(
            assets,
            &Shared::default(),
            &PrefixTable::default(),
            &Settings::default(),
        )
    });
    println!(
        "index of {what}: {:.0} ms, {} MiB",
        time.as_secs_f64() * 1e3,
        index.heap_bytes() >> 20
    );
    index
}

/// DuckDB's Python package on the same file with the same assets, one thread; its count of
/// matches must be ours.
fn beside_duckdb(
    what: &str,
    path: &Path,
    assets: &[Asset],
    column: &str,
    n_rows: usize,
    ours: (Duration, usize),
) {
    let python = std::env::var("NACHTWACHT_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_duckdb = Command::new(&python)
        .args(["-c", "import duckdb"])
        .stderr(Stdio::null())
        .status();
    if !has_duckdb.is_ok_and(|status| status.success()) {
        println!(
            "{what}: no comparison, since `{python}` has no package duckdb (NACHTWACHT_PYTHON names another)"
        );
        return;
    }
    let table = path.with_extension("assets");
    write_assets(&table, assets);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/duckdb_match.py");
    let ran = Command::new(&python)
        .arg(script)
        .arg(column)
        .arg(path)
        .arg(&table)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let mut words = said.split_whitespace();
    let (Some(seconds), Some(n)) = (words.next(), words.next()) else {
        panic!("{}", String::from_utf8_lossy(&ran.stderr));
    };
    assert_eq!(n.parse(), Ok(ours.1), "DuckDB finds as many matches");
    let time = Duration::from_secs_f64(seconds.parse().unwrap());
    report(&format!("{what}: DuckDB"), n_rows, time, None);
    println!(
        "{what}: {:.1} x DuckDB, {n} matches each",
        time.as_secs_f64() / ours.0.as_secs_f64()
    );
}

fn write_assets(path: &Path, assets: &[Asset]) {
    let mut columns: (Vec<u32>, Vec<u32>, Vec<&str>) = Default::default();
    for asset in assets {
        match &asset.value {
            AssetValue::Nets(nets) => {
                columns.0.push(first_address(asset));
                columns.1.push(u32::from(nets[0].prefix_len()));
            }
            AssetValue::Name(name) => columns.2.push(name.as_str()),
            AssetValue::Asn(_) => {}
        }
    }
    let batch = if columns.2.is_empty() {
        let (base, length): (ArrayRef, ArrayRef) = (
            Arc::new(UInt32Array::from(columns.0)),
            Arc::new(UInt32Array::from(columns.1)),
        );
        RecordBatch::try_from_iter([("base", base), ("length", length)])
    } else {
        let names: ArrayRef = Arc::new(StringArray::from(columns.2));
        RecordBatch::try_from_iter([("name", names)])
    };
    let batch = batch.unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// One thread: decode, then decode and match, then the naive loop on a few rows.
fn compare(
    what: &str,
    snapshot: &Snapshot,
    index: &Index,
    assets: &[Asset],
    column: &str,
    n_rows: usize,
) {
    let groups: Vec<usize> = (0..snapshot.n_groups()).collect();
    let (bare, n) = best(|| decode(snapshot, column, &groups));
    assert_eq!(n, n_rows);
    report(&format!("{what}: decode alone"), n_rows, bare, None);
    let held: Vec<RecordBatch> = groups
        .iter()
        .flat_map(|&g| snapshot.batches(g, &[column::OBSERVED_AT, column]))
        .collect();
    let (alone, _) = best(|| {
        let found = held.iter().map(|b| index.match_batch(b, "bench").unwrap());
        found.map(|m| m.matches.len()).sum::<usize>()
    });
    drop(held);
    report(&format!("{what}: match alone"), n_rows, alone, None);
    let matching = || {
        groups
            .iter()
            .map(|&g| match_group(snapshot, index, column, g))
            .sum::<usize>()
    };
    let (time, n_matches) = best(matching);
    report(
        &format!("{what}: decode and match"),
        n_rows,
        time,
        Some(("decode", bare)),
    );
    beside_duckdb(
        what,
        &snapshot.path,
        assets,
        column,
        n_rows,
        (time, n_matches),
    );
    let (both, n_again) = best(|| {
        groups
            .par_iter()
            .map(|&g| match_group(snapshot, index, column, g))
            .sum::<usize>()
    });
    assert_eq!(n_matches, n_again);
    report(
        &format!("{what}: {} threads", rayon::current_num_threads()),
        n_rows,
        both,
        Some(("one", time)),
    );
    if column == column::IP_V4 {
        let nets: Vec<_> = assets
            .iter()
            .filter_map(|a| match &a.value {
                AssetValue::Nets(n) => Some(n[0]),
                _ => None,
            })
            .collect();
        let few: Vec<u32> = (0..50).map(|n| first_address(&assets[n * 997])).collect();
        let (naive, _) = best(|| {
            few.iter()
                .map(|&ip| {
                    nets.iter()
                        .filter(|n| n.contains(&std::net::IpAddr::V4(ip.into())))
                        .count()
                })
                .sum::<usize>()
        });
        report(
            &format!("{what}: naive loop (50 rows)"),
            few.len(),
            naive,
            None,
        );
    }
    println!(
        "{what}: {n_matches} matches, peak memory {} MiB",
        peak_memory_mib()
    );
}

/// Which parts to run, by name; all where none is named.
fn is_wanted(part: &str) -> bool {
    let mut named = std::env::args()
        .skip(1)
        .filter(|a| PARTS.contains(&a.as_str()))
        .peekable();
    named.peek().is_none() || named.any(|a| a == part)
}

const PARTS: [&str; 4] = ["number", "text", "names", "sorted"];

fn main() {
    let millions = std::env::args()
        .find_map(|a| a.parse::<usize>().ok())
        .unwrap_or(20);
    let n_rows = millions * 1_000_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot");
    if is_wanted("number") || is_wanted("text") {
        let assets = address_assets(|random| random);
        let index = build("1 M assets anywhere", &assets);
        if is_wanted("number") {
            let numbers = |what, how| numbers(what, &path, how, &assets, &index, n_rows);
            numbers("number, assets anywhere", Written::Plain);
            numbers("number, in order, as ingest writes", Written::InOrder);
            numbers("number, by a dictionary", Written::Dictionary);
        }
        if is_wanted("text") {
            texts(&path, &assets, &index, n_rows);
        }
    }
    if is_wanted("number") {
        let assets = address_assets(of_one_country);
        let index = build("1 M assets of one country", &assets);
        numbers(
            "number, assets of one country",
            &path,
            Written::Plain,
            &assets,
            &index,
            n_rows,
        );
    }
    if is_wanted("names") {
        names(&path, n_rows);
    }
    if is_wanted("sorted") {
        sorted(&path, n_rows);
    }
    println!("peak memory {} MiB", peak_memory_mib());
}

/// A country's space as registries hand it out: 3,000 blocks of a /18, 1.1 % of all.
fn of_one_country(random: u32) -> u32 {
    let block = Random(u64::from(random % 3_000)).word() & !0x3fff;
    block | (random >> 18)
}

fn numbers(what: &str, path: &Path, how: Written, assets: &[Asset], index: &Index, n_rows: usize) {
    let mut all = addresses(&mut Random(2), assets, n_rows);
    if matches!(how, Written::InOrder) {
        all.par_sort_unstable();
    }
    write(path, n_rows, how, |first, n| {
        let values = UInt32Array::from_iter_values(all[first..first + n].iter().copied());
        (column::IP_V4, Arc::new(values))
    });
    drop(all);
    let snapshot = Snapshot::open(path);
    compare(what, &snapshot, index, assets, column::IP_V4, n_rows);
}

fn texts(path: &Path, assets: &[Asset], index: &Index, n_rows: usize) {
    let mut random = Random(3);
    write(path, n_rows, Written::Plain, |_, n| {
        let texts = addresses(&mut random, assets, n)
            .into_iter()
            .map(|ip| Ipv4Addr::from_bits(ip).to_string());
        (column::IP, Arc::new(StringArray::from_iter_values(texts)))
    });
    let snapshot = Snapshot::open(path);
    compare(
        "text, unsorted",
        &snapshot,
        index,
        assets,
        column::IP,
        n_rows,
    );
}

fn names(path: &Path, n_rows: usize) {
    let value = |n| AssetValue::Name(domain(n).parse().unwrap());
    let assets: Vec<Asset> = (0..N_DOMAINS)
        .map(|n| asset(n, AssetKind::Domain, value(n)))
        .collect();
    let index = build("200,000 domains", &assets);
    let mut random = Random(4);
    write(path, n_rows, Written::Plain, |first, n| {
        let texts = (first..first + n).map(|i| host_name(&mut random, i));
        (
            column::HOSTNAME,
            Arc::new(StringArray::from_iter_values(texts)),
        )
    });
    let snapshot = Snapshot::open(path);
    compare(
        "names",
        &snapshot,
        &index,
        &assets,
        column::HOSTNAME,
        n_rows,
    );
}

/// Assets in 2 % of the space; the snapshot is sorted by address and evenly spread. Read as a
/// night reads it: row groups and pages outside every asset are left out unread.
fn sorted(path: &Path, n_rows: usize) {
    let clustered = address_assets(|random| {
        (((random >> 24) % 5 * 51) << 24) | ((random & 0x00ff_ffff) % (1 << 24))
    });
    let index = build("1 M assets in 2 % of the space", &clustered);
    let folder = Url::from_directory_path(path.parent().unwrap()).unwrap();
    let place = Place::open(&folder, &store::Settings::default(), &BTreeMap::new()).unwrap();
    for times in [1, 5, 20] {
        let n_rows = n_rows * times;
        let step = (u64::from(u32::MAX) / n_rows as u64) as u32;
        let mut random = Random(5);
        write(path, n_rows, Written::Plain, |first, n| {
            let values = (first..first + n).map(|i| i as u32 * step + random.below(step));
            (column::IP_V4, Arc::new(values.collect::<UInt32Array>()))
        });
        let size = std::fs::metadata(path).unwrap().len();
        let (time, (n_read, n_groups)) = best(|| {
            let opened = scan::open(&place, "snapshot", size, &BTreeMap::new()).unwrap();
            let snapshot = opened.snapshot;
            let groups = (0..snapshot.n_groups()).into_par_iter();
            let n_read = groups.map(|group| sweep_group(&snapshot, group, &index));
            (n_read.sum::<usize>(), snapshot.n_groups())
        });
        let what = format!("sorted, {} M rows, two threads", n_rows / 1_000_000);
        report(&what, n_rows, time, None);
        println!(
            "  {:.2} s; {n_read} rows decoded, of {n_groups} row groups, file of {} MiB",
            time.as_secs_f64(),
            size >> 20
        );
    }
}

/// Rows that were decoded.
fn sweep_group(snapshot: &scan::Snapshot, group: usize, index: &Index) -> usize {
    let near = snapshot.outline(group).map(|outline| index.near(&outline));
    let rows = match near {
        Some(Near::Nothing) => return 0,
        Some(Near::Rows(rows)) => Some(rows),
        _ => None,
    };
    let keys = snapshot.read_keys(group, rows.as_deref()).unwrap();
    let found = index.match_batch(&keys, "bench").unwrap();
    std::hint::black_box(found.of_rows(&rows.unwrap_or_default()).matches.len());
    keys.num_rows()
}
