//! What statistics of a period cost, from the parts of a ledger of ten years on to the tables.
//! See `benches/README.md`.
//!
//! `cargo bench --profile dev --bench statistics -- [notifications in thousands] [by lines, in thousands]`
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a bench may panic, reads the clock and prints"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use nachtwacht::decide::history::History;
use nachtwacht::ledger::{Holder, Ledger, Settings};
use nachtwacht::model::company::{Channel, PartyKind};
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::identity::{FindingId, LetterId, PartyRef, Reference, Secret};
use nachtwacht::model::ledger_record::{
    Claim, ClaimItem, Evidence, Final, Frozen, ReceiptState, Record,
};
use nachtwacht::model::night::Night;
use nachtwacht::model::threat::Urgency;
use nachtwacht::statistics::period::{Axis, Follow, Gather, Span, count, count_all};
use nachtwacht::store::{self, Place};

const NIGHTS: u64 = 3_650;
const FIRST: Date = date(2016, 1, 1);
/// Companies that are warned again and again.
const COMPANIES: u64 = 200_000;
const CLAIMS_AN_OBJECT: usize = 500;

fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn hash(n: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (i, part) in bytes.chunks_mut(8).enumerate() {
        part.copy_from_slice(&mixed(n * 4 + i as u64 + 1).to_be_bytes());
    }
    bytes
}

/// Notification `n` on a night: a letter with one finding. One in four reminds of an earlier one.
fn claim(n: u64, night: Night, secret: &Secret) -> Claim {
    let is_reminder = n % 4 == 3;
    let finding = if is_reminder { n - 3 } else { n };
    let company = mixed(finding) % COMPANIES;
    let letter_id = LetterId(hash(n));
    let midnight = night.date().to_zoned_datetime(TimeZone::UTC).unwrap();
    let seen =
        midnight.timestamp().as_microsecond() + i64::try_from(mixed(n) % 86_400_000_000).unwrap();
    Claim {
        letter_id,
        reference: Reference::of(secret, night, letter_id),
        night,
        party_ref: PartyRef(hash(company)),
        frozen: Arc::new(Frozen {
            party_kind: PartyKind::ALL[company as usize % 4],
            participant: company.is_multiple_of(4),
            sector: ["6201", "85", "01131", "4711"][company as usize % 4].into(),
            sector_scheme: "SBI2008".into(),
            size_class: ["2-9", "10-49", "250+"][company as usize % 3].into(),
            province: ["Utrecht", "Drenthe", "Zeeland"][company as usize / 7 % 3].into(),
        }),
        channel: Channel::ALL[n as usize % 2],
        contact_ref: None,
        attempt: 1,
        items: [ClaimItem {
            threat_id: format!("threat-{}", finding % 26).into(),
            trigger_id: format!("{}-{}", night.date().year(), finding % 40).into(),
            finding_id: FindingId::of(&finding.to_string()),
            kind: if is_reminder {
                ItemKind::Reminder
            } else {
                ItemKind::First
            },
            urgency: Urgency::ALL[n as usize % 2],
            feed: ["shadowserver", "partner"][n as usize % 2].into(),
            asset_ref: PartyRef(hash(company + COMPANIES)),
            first_observed_at: seen - i64::try_from(mixed(finding) % 259_200_000_000).unwrap(),
            observed_at: seen,
            evidence: Evidence::default(),
        }]
        .into(),
        overview_of: Box::default(),
    }
}

/// The records of a night: claims, then their receipts, then its end.
fn records(first: u64, n: u64, night: Night, secret: &Secret) -> Vec<Record> {
    let claims: Vec<Claim> = (first..first + n)
        .map(|n| claim(n, night, secret))
        .collect();
    let receipts = claims.iter();
    let receipts = receipts.map(|c| c.receipt(ReceiptState::HandedOver, "files"));
    let receipts: Vec<Record> = receipts.collect();
    let mut records: Vec<Record> = claims.into_iter().map(Record::from).collect();
    records.extend(receipts);
    records.push(Record::from(Final {
        night,
        revision: 0,
        run_id: "bench".into(),
    }));
    records
}

fn night(n: u64) -> Night {
    Night::new(FIRST + jiff::Span::new().days(i64::try_from(n).unwrap()))
}

fn memory_mib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    number.unwrap_or(0) / 1024
}

/// Processor time of all threads of this process so far: on a shared machine it says more than the
/// clock does.
fn processor() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let nanos = tasks.map(|task| {
        let text = fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap_or_default();
        text.split(' ')
            .next()
            .and_then(|n| n.parse::<u64>().ok())
            .unwrap_or(0)
    });
    Duration::from_nanos(nanos.sum())
}

fn rate(what: &str, n: u64, took: Duration) {
    let millions = n as f64 / took.as_secs_f64() / 1e6;
    let seconds = took.as_secs_f64();
    println!("{what:<52} {millions:7.2} M notifications/s {seconds:8.2} s");
}

fn place(folder: &Path) -> Place {
    let url = url::Url::from_directory_path(folder).unwrap();
    Place::open(&url, &store::Settings::default(), &BTreeMap::new()).unwrap()
}

/// Ten years of nights, as parts. The single objects and their copy are thrown away as soon as a part
/// holds them: with them it would be 20 GB for ten million.
fn make(n: u64, nights: u64, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let secret = Secret::new(b"bench");
    let who = Holder::this_process("bench");
    let settings = Settings {
        takeover_secs: 0,
        ..Settings::default()
    };
    let mut ledger = Ledger::open(&place(folder), &settings, &who).unwrap();
    let each = n / nights;
    let throw_away = |(first, last): (u64, u64)| {
        for seq in first..=last {
            for prefix in ["ledger", "ledger-copy"] {
                fs::remove_file(folder.join(format!("{prefix}/{seq:012}.jsonl"))).unwrap();
            }
        }
    };
    for day in 0..nights {
        for some in records(day * each, each, night(day), &secret).chunks(CLAIMS_AN_OBJECT) {
            let mut keep = |_: &_, records| records;
            ledger.append(some.to_vec(), &mut keep).unwrap();
        }
        if let Some(span) = ledger.compact(true).unwrap() {
            ledger.write_columns().unwrap();
            ledger.forget();
            throw_away(span);
        }
    }
    if let Some(span) = ledger.compact(false).unwrap() {
        ledger.write_columns().unwrap();
        throw_away(span);
    }
}

/// From the parts on to the tables of a period.
fn measure(folder: &Path, span: Span, n: u64, is_all: bool) {
    let zone = TimeZone::get("Europe/Amsterdam").unwrap();
    let settings = Settings::default();
    println!(
        "{} to {}: {n} notifications in the ledger",
        span.from(),
        span.until()
    );
    let begin = processor();
    Ledger::stream(&place(folder), &settings, &mut |_| ()).unwrap();
    rate("  reading alone", n, processor() - begin);
    let start = processor();
    let mut gather = Gather::new(span, zone.clone());
    let mut follow = Follow::new(span, zone);
    let mut took = [Duration::ZERO; 2];
    let clock = Instant::now();
    Ledger::stream(&place(folder), &settings, &mut |columns| {
        for (part, took) in took.iter_mut().enumerate() {
            let start = Instant::now();
            match part {
                0 => gather.take(columns),
                _ => follow.take(columns),
            }
            *took += start.elapsed();
        }
    })
    .unwrap();
    let read = processor();
    rate("  reading and taking", n, read - start);
    println!(
        "    by the clock {:.2} s, of it taking letters {:.2}, following exposures {:.2}",
        clock.elapsed().as_secs_f64(),
        took[0].as_secs_f64(),
        took[1].as_secs_f64()
    );
    let outcomes = follow.finish();
    assert_eq!(outcomes.exposures.len(), 27);
    let survival = processor();
    rate("  exposures and survival", n, survival - read);
    let facts = gather.finish();
    let settled = processor();
    rate("  settling letters", n, settled - survival);
    let total = count(&facts, &[]);
    let counts = total[0].figures.counts;
    let n_in = counts.notifications + counts.reminders;
    assert!(n_in > 0 && (!is_all || n_in == n), "{n_in} of {n}");
    rate("  the total", n, processor() - settled);
    rate(
        "from the parts on to the total and the exposures",
        n,
        processor() - start,
    );
    let total_only = processor();
    let n_rows: usize = count_all(&facts, &tables()).iter().map(Vec::len).sum();
    rate(
        &format!("  all 18 tables at once ({n_rows} rows)"),
        n,
        processor() - total_only,
    );
    rate(
        "from the parts on to all 18 tables of the job",
        n,
        processor() - start,
    );
    println!("peak memory {} MiB", memory_mib("VmHWM"));
    for axes in tables() {
        let start = processor();
        let rows = count(&facts, &axes);
        let names: Vec<&str> = axes.iter().map(|a| a.as_str()).collect();
        let what = format!("    {} alone ({} rows)", names.join(", "), rows.len());
        rate(&what, n, processor() - start);
    }
}

/// The tables of `jobs/statistics.toml`.
fn tables() -> Vec<Vec<Axis>> {
    let one = [
        Axis::Threat,
        Axis::Trigger,
        Axis::Urgency,
        Axis::Sector,
        Axis::SectorCode,
        Axis::SizeClass,
        Axis::Province,
        Axis::PartyKind,
        Axis::Participation,
        Axis::Warnings,
        Axis::Channel,
        Axis::Feed,
        Axis::Kind,
        Axis::Month,
    ];
    let mut all: Vec<Vec<Axis>> = one.map(|a| vec![a]).to_vec();
    all.extend([
        vec![Axis::Sector, Axis::SizeClass],
        vec![Axis::Sector, Axis::Threat],
        vec![Axis::Province, Axis::Sector],
        vec![Axis::Participation, Axis::Warnings],
    ]);
    all
}

/// The same from the lines of parts without columns.
fn by_lines(n: u64, folder: &Path) {
    make(n, 100, folder);
    for part in fs::read_dir(folder.join("ledger/parts")).unwrap() {
        let part = part.unwrap().path();
        if part.is_dir() {
            fs::remove_dir_all(part).unwrap();
        }
    }
    let zone = TimeZone::get("Europe/Amsterdam").unwrap();
    let mut gather = Gather::new(Span::new(FIRST, night(99).date()), zone);
    let start = processor();
    Ledger::stream(&place(folder), &Settings::default(), &mut |c| {
        gather.take(c)
    })
    .unwrap();
    rate("reading and taking by lines", n, processor() - start);
}

/// What a nightly run holds of a ledger: all its records, and what decisions ask of them.
fn open(folder: &Path, n: u64) {
    println!("opened as a run opens it: {n} notifications");
    let (start, clock) = (processor(), Instant::now());
    let view = Ledger::read_only(&place(folder), &Settings::default()).unwrap();
    rate("  reading every line", n, processor() - start);
    println!(
        "    by the clock {:.2} s, held after it {} MiB",
        clock.elapsed().as_secs_f64(),
        memory_mib("VmRSS")
    );
    assert_eq!(view.claims().count() as u64, n);
    let start = processor();
    assert!(view.unknown().is_empty());
    rate("  which letters are unknown", n, processor() - start);
    let start = processor();
    let history = History::of(&view.as_of(view.last_seq - 1));
    rate("  what is known of each finding", n, processor() - start);
    assert!(!history.assets().is_empty());
    println!("peak memory {} MiB", memory_mib("VmHWM"));
}

/// In a process of its own each, so that the peak of memory is that of one call.
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let measured = arguments.iter().position(|a| a == "--measure");
    if let Some([folder, span, n]) = measured.and_then(|at| arguments.get(at + 1..at + 4)) {
        let n = n.parse().unwrap();
        return measure(
            Path::new(folder),
            span.parse().unwrap(),
            n,
            span.contains(".."),
        );
    }
    let opened = arguments.iter().position(|a| a == "--open");
    if let Some([folder, n]) = opened.and_then(|at| arguments.get(at + 1..at + 3)) {
        return open(Path::new(folder), n.parse().unwrap());
    }
    let mut numbers = arguments.iter().filter_map(|a| a.parse::<u64>().ok());
    let n = numbers.next().unwrap_or(1_000) * 1_000 / NIGHTS * NIGHTS;
    let lines = numbers.next().unwrap_or(50) * 1_000;
    let folder = tempfile::tempdir().unwrap();
    by_lines(lines, &folder.path().join("lines"));
    // With `NACHTWACHT_BENCH_LEDGER` the ledger stays there, for another look with `--measure`.
    let kept = std::env::var_os("NACHTWACHT_BENCH_LEDGER").map(std::path::PathBuf::from);
    let ledger = kept.unwrap_or_else(|| folder.path().join("ledger-of-ten-years"));
    let start = Instant::now();
    make(n, NIGHTS, &ledger);
    println!(
        "{n} notifications over {NIGHTS} nights were written in {} s",
        start.elapsed().as_secs()
    );
    let size = |of: &str| {
        let out = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("du -cm {of} | tail -1"))
            .current_dir(ledger.join("ledger/parts"))
            .output()
            .unwrap();
        String::from_utf8(out.stdout)
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap_or("?")
            .to_owned()
    };
    println!(
        "lines {} MiB, columns {} MiB",
        size("*.parquet"),
        size("*/*")
    );
    let all = format!("{FIRST}..{}", night(NIGHTS - 1));
    let (n, ledger) = (n.to_string(), ledger.to_str().unwrap());
    for call in [
        vec!["--measure", ledger, "2024", &n],
        vec!["--measure", ledger, &all, &n],
        vec!["--open", ledger, &n],
    ] {
        let done = std::process::Command::new(&arguments[0])
            .args(call)
            .status()
            .unwrap();
        assert!(done.success());
    }
}
