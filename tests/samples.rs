//! The samples: the generator's output byte for byte, and what the documents say of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, TimestampMicrosecondType, UInt32Type};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use jiff::tz::TimeZone;
use nachtwacht::diag::RejectReason;
use nachtwacht::model::company::{CompanyKey, PartyKind};
use nachtwacht::model::observation::{OBSERVATIONS, SCHEMA_KEY, SCHEMA_VERSION};
use nachtwacht::model::table::canonical;
use nachtwacht::register;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::harness::root;

#[path = "../data-samples/generator/mod.rs"]
pub mod generator;

type Files = BTreeMap<String, Vec<u8>>;

fn checked_in() -> Files {
    let base = root().join("data-samples");
    let mut files = Files::new();
    for folder in generator::FOLDERS {
        collect(&base, &base.join(folder), &mut files);
    }
    files
}

fn collect(base: &Path, folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(base, &path, files);
        } else {
            let name = path
                .strip_prefix(base)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            files.insert(name, fs::read(&path).unwrap());
        }
    }
}

fn open(bytes: &[u8]) -> ParquetRecordBatchReaderBuilder<Bytes> {
    ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).unwrap()
}

fn batches(bytes: &[u8]) -> Vec<RecordBatch> {
    open(bytes).build().unwrap().map(Result::unwrap).collect()
}

fn snapshots(files: &Files) -> impl Iterator<Item = (&str, &[u8])> {
    let snapshots = files
        .iter()
        .filter(|(name, _)| name.starts_with("snapshots/"));
    snapshots.map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
}

#[test]
fn the_checked_in_files_are_what_the_generator_writes() {
    let (found, written) = (checked_in(), generator::files(generator::SEED));
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&written));
    for (name, bytes) in &written {
        assert!(
            found[name] == *bytes,
            "data-samples/{name} differs; write it anew with `cargo run --example generate-samples`"
        );
    }
    let total: usize = written.values().map(Vec::len).sum();
    assert!(total <= 4 << 20, "{total} bytes; 4 MiB at most");
}

#[test]
fn another_seed_is_another_country() {
    let (ours, other) = (checked_in(), generator::files(7));
    for (name, bytes) in ours.iter().filter(|(name, _)| name.ends_with(".parquet")) {
        let is_same = other.get(name) == Some(bytes);
        assert_eq!(is_same, name.starts_with("coverage/"), "{name}");
    }
}

#[test]
fn our_own_snapshots_have_our_schema_and_are_sorted_in_several_groups() {
    let files = checked_in();
    let mut most_groups = 0;
    for (name, bytes) in snapshots(&files).filter(|(name, _)| !name.contains("/partner/")) {
        let file = open(bytes);
        assert_eq!(file.schema().fields(), OBSERVATIONS.fields(), "{name}");
        let footer = file
            .metadata()
            .file_metadata()
            .key_value_metadata()
            .unwrap();
        let version = footer.iter().find(|pair| pair.key == SCHEMA_KEY).unwrap();
        assert_eq!(version.value.as_deref(), Some(SCHEMA_VERSION), "{name}");
        most_groups = most_groups.max(file.metadata().num_row_groups());
        let date = name.split('/').nth(1).unwrap();
        let mut last = (0, 0, Vec::new());
        for batch in batches(bytes) {
            let v4 = batch["ip_v4"].as_primitive::<UInt32Type>();
            let v6 = batch["ip_v6"].as_fixed_size_binary();
            let days = batch["snapshot_date"].as_primitive::<Date32Type>();
            for row in 0..batch.num_rows() {
                let key = match (v4.is_valid(row), v6.is_valid(row)) {
                    (true, _) => (0, v4.value(row), Vec::new()),
                    (_, true) => (1, 0, v6.value(row).to_vec()),
                    _ => (2, 0, Vec::new()),
                };
                assert!(last <= key, "{name}: row {row} is not in order");
                last = key;
                assert_eq!(days.value_as_date(row).unwrap().to_string(), date);
            }
        }
    }
    assert!(most_groups > 1);
}

#[test]
fn a_partner_writes_addresses_as_text_and_in_no_order() {
    let files = checked_in();
    let mut n_files = 0;
    for (name, bytes) in snapshots(&files).filter(|(name, _)| name.contains("/partner/")) {
        n_files += 1;
        let batches = batches(bytes);
        let ips: Vec<&str> = batches
            .iter()
            .flat_map(|b| b["ip"].as_string::<i32>().iter().flatten())
            .collect();
        assert!(
            batches.iter().all(|b| b.column_by_name("ip_v4").is_none()),
            "{name}"
        );
        assert!(ips.is_empty() || !ips.is_sorted(), "{name}");
    }
    assert_eq!(n_files, 7);
}

/// Everything observed on the day before the snapshot, in UTC, or without a time at all.
#[test]
fn every_observation_is_of_the_day_before_its_snapshot() {
    let files = checked_in();
    let columns = [nachtwacht::model::table::Column::needed(
        "observed_at",
        nachtwacht::model::table::ColumnType::Instant,
    )];
    let (mut n_rows, mut n_without) = (0, 0);
    for (name, bytes) in snapshots(&files) {
        let date: jiff::civil::Date = name.split('/').nth(1).unwrap().parse().unwrap();
        let before = date.yesterday().unwrap();
        for batch in batches(bytes) {
            let batch = canonical(&batch, &columns, name).unwrap().batch;
            n_rows += batch.num_rows();
            for at in batch["observed_at"].as_primitive::<TimestampMicrosecondType>() {
                let Some(at) = at else {
                    n_without += 1;
                    continue;
                };
                let day = nachtwacht::model::night::local_date(at, &TimeZone::UTC);
                assert_eq!(day, Some(before), "{name}");
            }
        }
    }
    assert!((20_000..=40_000).contains(&n_rows), "{n_rows} rows");
    assert_eq!(n_without, 2);
}

#[test]
fn every_feed_comes_on_the_first_night_and_no_report_comes_on_all() {
    let files = checked_in();
    let mut nights: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (name, _) in snapshots(&files) {
        let parts: Vec<&str> = name.trim_end_matches(".parquet").split('/').collect();
        nights
            .entry((parts[2].into(), parts[3].into()))
            .or_default()
            .insert(parts[1].into());
    }
    let dates: BTreeSet<&String> = nights.values().flatten().collect();
    assert_eq!(dates.len(), 12);
    for feed in ["shadowserver", "partner", "own"] {
        let comes = |((f, _), dates): (&(String, String), &BTreeSet<String>)| {
            f == feed && dates.contains("2026-03-02")
        };
        assert!(nights.iter().any(comes), "{feed}");
    }
    assert!(nights.values().all(|dates| dates.len() < 12));
}

/// A covered fix, a gap that nothing covers, and half a scan.
#[test]
fn coverage_names_what_came_and_says_which_scan_was_half() {
    let files = checked_in();
    let mut halves = Vec::new();
    for (name, bytes) in files
        .iter()
        .filter(|(name, _)| name.starts_with("coverage/"))
    {
        let date = name
            .trim_start_matches("coverage/")
            .trim_end_matches(".parquet");
        let mut covered = BTreeSet::new();
        for batch in batches(bytes) {
            let texts = |column: &str| batch[column].as_string::<i32>().clone();
            let (feeds, reports, networks) = (texts("feed"), texts("report"), texts("network"));
            let complete = batch["complete"].as_boolean();
            for row in 0..batch.num_rows() {
                let (feed, report) = (feeds.value(row), reports.value(row));
                covered.insert(format!("snapshots/{date}/{feed}/{report}.parquet"));
                assert_eq!(complete.value(row), networks.is_null(row), "{name}");
                if !complete.value(row) {
                    halves.push(format!("{date} {report}"));
                }
            }
        }
        let here = format!("snapshots/{date}/");
        let came: BTreeSet<String> = files
            .keys()
            .filter(|n| n.starts_with(&here))
            .cloned()
            .collect();
        assert_eq!(covered, came);
    }
    assert_eq!(halves, ["2026-03-10 scan_rdp"]);
    assert!(!files.contains_key("snapshots/2026-03-07/shadowserver/scan_rdp.parquet"));
}

#[test]
fn the_register_is_read_but_for_the_dozen_rows_that_are_wrong() {
    let files = checked_in();
    let table = |name: &str| batches(&files[&format!("register/{name}.parquet")]);
    let suffixes = "reference/public-suffix/2026-03-01.dat";
    let suffixes = register::SuffixList::read(&files[suffixes], suffixes).unwrap();
    let settings = register::Settings {
        accepted_reserved: vec!["240.0.0.0/4".parse().unwrap(), "3fff::/20".parse().unwrap()],
        ..register::Settings::default()
    };
    let companies = register::companies(&table("companies"), "companies").unwrap();
    let keys: BTreeSet<CompanyKey> = companies.rows.iter().map(|c| c.key.clone()).collect();
    let zone = TimeZone::get("Europe/Amsterdam").unwrap();
    let assets = register::assets(
        &table("assets"),
        "assets",
        &keys,
        &suffixes,
        &zone,
        &settings,
    )
    .unwrap();
    let contacts = register::contacts(&table("contacts"), "contacts", &keys).unwrap();

    use RejectReason as R;
    let reasons: Vec<R> = companies.rejects.iter().map(|r| r.why).collect();
    assert_eq!(
        reasons,
        [R::BadCompanyKey, R::DuplicateCompany, R::MissingName]
    );
    let reasons: Vec<R> = assets.rejects.iter().map(|r| r.why).collect();
    let expected = [
        R::PublicSuffix,
        R::PublicSuffix,
        R::PrefixTooWide,
        R::HostBits,
        R::BadInterval,
        R::AmbiguousAddress,
        R::UnknownCompany,
        R::ReservedRange,
    ];
    assert_eq!(reasons, expected);
    let reasons: Vec<R> = contacts.rejects.iter().map(|r| r.why).collect();
    assert_eq!(reasons, [R::BadEmail]);

    let n_of = |kind| {
        companies
            .rows
            .iter()
            .filter(|c| c.party_kind == kind)
            .count()
    };
    assert_eq!(n_of(PartyKind::Participant), 60);
    assert!(companies.rows.len() >= 2_900);
    assert!(companies.rows.iter().any(|c| c.parent.is_some()));
    assert!(
        companies
            .rows
            .iter()
            .any(|c| c.address.as_ref().is_some_and(|a| a.shielded))
    );
    // The same settings without the samples' space refuse every address of the samples.
    let strict = register::Settings::default();
    let strict =
        register::assets(&table("assets"), "assets", &keys, &suffixes, &zone, &strict).unwrap();
    assert!(strict.rows.iter().all(|a| !a.original.starts_with("240.")));
    assert!(strict.rejects.len() > 500);
}

/// KvK numbers below everybody's, names under `.example`: nobody real is in the samples.
#[test]
fn nobody_in_the_samples_exists() {
    let files = checked_in();
    for batch in batches(&files["register/companies.parquet"]) {
        for key in batch["company_key"].as_string::<i32>().iter().flatten() {
            let number = key.strip_prefix("kvk:");
            // The one that lost its zero is refused.
            assert!(
                number.is_none_or(|n| n.starts_with("00") || n.len() == 7),
                "{key}"
            );
        }
    }
    for batch in batches(&files["register/assets.parquet"]) {
        let (kinds, values) = (
            batch["kind"].as_string::<i32>(),
            batch["value"].as_string::<i32>(),
        );
        for (kind, value) in kinds.iter().flatten().zip(values.iter().flatten()) {
            if ["domain", "host", "email_domain"].contains(&kind) {
                assert!(value.ends_with(".example") || value == "nl", "{value}");
            }
        }
    }
    for (name, bytes) in snapshots(&files) {
        for batch in batches(bytes) {
            let ips = batch["ip"].as_string::<i32>().iter().flatten();
            for ip in ips.filter_map(|text| nachtwacht::model::address::parse_ip(text).ok()) {
                let is_nobodys = match ip {
                    std::net::IpAddr::V4(v4) => v4.octets()[0] >= 240,
                    std::net::IpAddr::V6(v6) => v6.segments()[0] == 0x3fff,
                };
                assert!(is_nobodys, "{name}: {ip}");
            }
        }
    }
}
