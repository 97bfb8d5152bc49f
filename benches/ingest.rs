//! What ingest costs: rows a second on one thread, beside a bare decoding of the same CSV.
//!
//! `cargo bench --profile dev --bench ingest -- 2` (millions of rows), `-- 2 scan_rdp` or
//! `-- 2 partner_list` for one of the two.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a bench speaks to the terminal and reads the clock"
)]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use nachtwacht::run::ingest::{Ask, MAX_BYTES, ingest};

/// A report with all its columns, and a list with seven.
const LAYOUTS: &[(&str, &str)] = &[
    (
        "scan_rdp",
        "timestamp,severity,ip,protocol,port,hostname,tag,asn,geo,region,city,naics,hostname_source,rdp_protocol,cert_length,subject_common_name,issuer_common_name,cert_issue_date,cert_expiration_date,sha1_fingerprint,cert_serial_number,sector",
    ),
    (
        "partner_list",
        "timestamp,ip,port,protocol,hostname,tag,asn",
    ),
];

/// Next of a linear congruence (Numerical Recipes): the same rows every time.
fn next(state: &mut u64) -> u32 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    u32::try_from(*state >> 32).unwrap()
}

fn write_csv(path: &Path, header: &str, n_rows: u64) {
    let mut out = BufWriter::new(File::create(path).unwrap());
    writeln!(out, "{header}").unwrap();
    let mut state = 1;
    for row in 0..n_rows {
        let a = next(&mut state);
        let cells = header.split(',').map(|column| match column {
            "timestamp" => format!(
                "2026-03-{:02} {:02}:{:02}:{:02}",
                1 + row % 28,
                a % 24,
                a % 60,
                a % 59
            ),
            "severity" => "high".into(),
            "ip" => std::net::Ipv4Addr::from(next(&mut state)).to_string(),
            "protocol" => "tcp".into(),
            "port" => "3389".into(),
            "hostname" => format!("h{}.voorbeeld.example", a % 100_000),
            "tag" => "rdp".into(),
            "asn" => (64_496 + a % 16).to_string(),
            "hostname_source" => "ptr".into(),
            "sha1_fingerprint" => format!("{a:08X}{:08X}{a:08X}{a:08X}{a:08X}", a ^ 7),
            "naics" => "517311".into(),
            _ => format!("{column} {}", a % 1_000),
        });
        let line: Vec<String> = cells.collect();
        writeln!(out, "{}", line.join(",")).unwrap();
    }
    out.flush().unwrap();
}

/// Every record, and nothing done with it.
fn decode(path: &Path) -> u64 {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(path)
        .unwrap();
    let mut record = csv::ByteRecord::new();
    let mut n = 0;
    while reader.read_byte_record(&mut record).unwrap() {
        n += record.len() as u64;
    }
    n
}

fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|l| l.starts_with("VmHWM"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|n| n.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

/// Seconds of processor time that this process has used: on a busy machine the clock tells less.
fn cpu_secs() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn main() {
    let millions: f64 = std::env::args()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of rows"
    )]
    let n_rows = (millions * 1e6) as u64;
    let folder = std::env::temp_dir().join(format!("nachtwacht-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_named = |report: &str| wanted.iter().any(|w| w == report);
    let has_name = LAYOUTS.iter().any(|(report, _)| is_named(report));
    for (report, header) in LAYOUTS {
        if has_name && !is_named(report) {
            continue;
        }
        let path = folder.join(format!("2026-03-28-{report}-x.csv"));
        write_csv(&path, header, n_rows);
        let size = fs::metadata(&path).unwrap().len();
        let begin = cpu_secs();
        let n_cells = decode(&path);
        let bare = cpu_secs() - begin;
        let ask = Ask {
            from: path.display().to_string(),
            out: folder.join("out").display().to_string(),
            report: None,
            date: None,
            format: None,
            feed: Some("bench".into()),
            account_key: None,
            max_bytes: MAX_BYTES,
            contracts: Default::default(),
            env: Default::default(),
        };
        let (begin, begin_cpu) = (Instant::now(), cpu_secs());
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        pool.install(|| ingest(&ask, &mut |_| Ok(()))).unwrap();
        let whole = cpu_secs() - begin_cpu;
        let wall = begin.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let rate = |secs: f64| n_rows as f64 / secs / 1e6;
        println!(
            "{report}: {n_rows} rows, {} MiB, {n_cells} cells; rows a second of processor time\n  decode alone {:.2} M\n  ingest       {:.2} M (ratio {:.2}); by the clock {:.2} M; peak {} MiB",
            size >> 20,
            rate(bare),
            rate(whole),
            bare / whole,
            rate(wall),
            peak_mib()
        );
        fs::remove_file(&path).unwrap();
    }
    fs::remove_dir_all(&folder).unwrap();
}
