//! What statistics of a period cost: counting ten years of nights, and reading a ledger of parts.
//! See `benches/README.md`.
//!
//! `cargo bench --profile dev --bench statistics -- [notifications in millions] [on disk, in thousands]`
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
use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use nachtwacht::ledger::{Holder, Ledger, Settings};
use nachtwacht::model::company::{Channel, PartyKind};
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::identity::{FindingId, LetterId, PartyRef, Reference, Secret};
use nachtwacht::model::ledger_record::{
    Claim, ClaimItem, Evidence, Frozen, Numbered, Receipt, ReceiptState, Record,
};
use nachtwacht::model::night::Night;
use nachtwacht::model::threat::Urgency;
use nachtwacht::statistics::period::{Axis, Follow, Gather, Span, count};
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
    Claim {
        letter_id,
        reference: Reference::of(secret, night, letter_id),
        night,
        party_ref: PartyRef(hash(company)),
        frozen: Frozen {
            party_kind: PartyKind::ALL[company as usize % 4],
            participant: company.is_multiple_of(4),
            sector: ["6201", "85", "01131", "4711"][company as usize % 4].into(),
            sector_scheme: "SBI2008".into(),
            size_class: ["2-9", "10-49", "250+"][company as usize % 3].into(),
            province: ["Utrecht", "Drenthe", "Zeeland"][company as usize / 7 % 3].into(),
        },
        channel: Channel::ALL[n as usize % 2],
        contact_ref: None,
        attempt: 1,
        items: vec![ClaimItem {
            threat_id: format!("threat-{}", finding % 26),
            trigger_id: format!("{}-{}", night.date().year(), finding % 40),
            finding_id: FindingId::of(&finding.to_string()),
            kind: if is_reminder {
                ItemKind::Reminder
            } else {
                ItemKind::First
            },
            urgency: Urgency::ALL[n as usize % 2],
            feed: ["shadowserver", "partner"][n as usize % 2].into(),
            asset_ref: PartyRef(hash(company + COMPANIES)),
            first_observed_at: 1_451_606_400_000_000,
            observed_at: 1_451_606_400_000_000,
            evidence: Evidence::default(),
        }],
    }
}

/// The records of a night: claims, then their receipts, then its end.
fn records(first: u64, n: u64, night: Night, secret: &Secret) -> Vec<Record> {
    let claims: Vec<Claim> = (first..first + n)
        .map(|n| claim(n, night, secret))
        .collect();
    let receipts = claims.iter().map(|c| Receipt {
        letter_id: c.letter_id,
        night,
        attempt: 1,
        state: ReceiptState::HandedOver,
        outbox: "files".into(),
    });
    let receipts: Vec<Record> = receipts.map(Record::Receipt).collect();
    let mut records: Vec<Record> = claims.into_iter().map(Record::Claim).collect();
    records.extend(receipts);
    records.push(Record::Final {
        night,
        revision: 0,
        run_id: "bench".into(),
    });
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

fn rate(what: &str, n: u64, took: Duration) {
    let millions = n as f64 / took.as_secs_f64() / 1e6;
    let seconds = took.as_secs_f64();
    println!("{what:<44} {millions:7.2} M notifications/s {seconds:8.1} s");
}

/// Records are made in memory, a night at a time, and thrown away; only taking them is timed.
fn in_memory(n: u64) {
    let secret = Secret::new(b"bench");
    let zone = TimeZone::get("Europe/Amsterdam").unwrap();
    let whole = Span::new(FIRST, night(NIGHTS - 1).date());
    let (mut gather, mut follow) = (
        Gather::new(whole, zone.clone()),
        Follow::new(whole, zone.clone()),
    );
    let year = Span::new(date(2025, 1, 1), date(2025, 12, 31));
    let mut of_year = Gather::new(year, zone);
    let mut took = [Duration::ZERO; 3];
    let (mut seq, each) = (0, n / NIGHTS);
    for day in 0..NIGHTS {
        let made = records(day * each, each, night(day), &secret);
        let made = made.into_iter().map(|record| {
            seq += 1;
            Numbered { seq, record }
        });
        let made: Vec<Numbered> = made.collect();
        for (part, took) in took.iter_mut().enumerate() {
            let start = Instant::now();
            match part {
                0 => made.iter().for_each(|r| gather.add(r)),
                1 => made.iter().for_each(|r| of_year.add(r)),
                _ => made.iter().for_each(|r| follow.add(r)),
            }
            *took += start.elapsed();
        }
        if day == NIGHTS / 10 {
            println!("memory after a tenth {} MiB", memory_mib("VmRSS"));
        }
    }
    let n = each * NIGHTS;
    println!("{n} notifications over {NIGHTS} nights, made in memory, one core");
    rate("taking, a period of all nights", n, took[0]);
    rate("taking, a period of one year", n, took[1]);
    rate("following exposures", n, took[2]);
    let start = Instant::now();
    let outcomes = follow.finish();
    rate("their survival table", n, start.elapsed());
    assert_eq!(outcomes.exposures.len(), 27);
    let facts = gather.finish();
    for axes in [
        vec![],
        vec![Axis::Threat],
        vec![Axis::Month],
        vec![Axis::Sector, Axis::SizeClass],
    ] {
        let start = Instant::now();
        let rows = count(&facts, &axes);
        let names: Vec<&str> = axes.iter().map(|a| a.as_str()).collect();
        let what = format!("counting by {} ({} rows)", names.join(", "), rows.len());
        rate(&what, n, start.elapsed());
        if axes.is_empty() {
            let counts = rows[0].figures.counts;
            assert_eq!(counts.notifications + counts.reminders, n);
        }
    }
    println!("peak memory {} MiB", memory_mib("VmHWM"));
}

/// A ledger in a folder of this machine, with its copy, as parts.
fn on_disk(n: u64, folder: &Path) {
    let secret = Secret::new(b"bench");
    let url = url::Url::from_directory_path(folder).unwrap();
    let place = Place::open(&url, &store::Settings::default(), &BTreeMap::new()).unwrap();
    let settings = Settings::default();
    let who = Holder::this_process("bench");
    let mut ledger = Ledger::open(&place, &settings, &who).unwrap();
    let mut all: Vec<Record> = Vec::new();
    let each = n.div_ceil(100);
    for day in 0..100 {
        all.extend(records(day * each, each, night(day), &secret));
    }
    let n = each * 100;
    for chunk in all.chunks(CLAIMS_AN_OBJECT) {
        let mut keep = |_: &_, records| records;
        ledger.append(chunk.to_vec(), &mut keep).unwrap();
    }
    drop(all);
    let read = |what: &str| {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        let mut gather = Gather::new(Span::new(FIRST, night(99).date()), zone);
        let start = Instant::now();
        Ledger::stream(&place, &settings, &mut |r| gather.add(r)).unwrap();
        rate(what, n, start.elapsed());
        let counts = count(&gather.finish(), &[])[0].figures.counts;
        assert_eq!(counts.notifications + counts.reminders, n);
    };
    println!("{n} notifications on disk");
    read("reading and taking, out of objects");
    ledger.compact(false).unwrap();
    read("reading and taking, out of a part");
}

fn main() {
    let mut numbers = std::env::args().filter_map(|a| a.parse::<u64>().ok());
    let millions = numbers.next().unwrap_or(10);
    let thousands = numbers.next().unwrap_or(200);
    let folder = tempfile::tempdir().unwrap();
    on_disk(thousands * 1_000, folder.path());
    println!("peak memory so far {} MiB", memory_mib("VmHWM"));
    in_memory(millions * 1_000_000);
}
