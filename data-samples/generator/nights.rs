//! Twelve nights: which report came when, what it saw, what it covered.

use std::collections::BTreeMap;

use arrow::array::ArrayRef;
use nachtwacht::model::night::Micros;

use super::chance::Chance;
use super::country::{Country, asn_of};
use super::findings::{Finding, Kind, NIGHTS};
use super::observation::{Row, Snapshot};
use super::parquet_file::{bytes, days, moments, table, text, truths};
use super::rows::{noise_row, row_of};
use super::{noise, special};

/// A report of a feed.
pub struct Report {
    pub feed: &'static str,
    pub name: &'static str,
    /// Nights on which it came, 0-based.
    nights: &'static [usize],
    /// Rows about everybody else, on an ordinary night.
    n_noise: usize,
    share_v6: u64,
    /// Ports that were looked at; empty for a list of events.
    ports: &'static str,
    pub kinds: &'static [Kind],
}

const fn report(
    feed: &'static str,
    name: &'static str,
    nights: &'static [usize],
    n_noise: usize,
    share_v6: u64,
    ports: &'static str,
    kinds: &'static [Kind],
) -> Report {
    Report {
        feed,
        name,
        nights,
        n_noise,
        share_v6,
        ports,
        kinds,
    }
}

/// Night 5 (7 March) has no `scan_rdp`, night 6 no sinkhole: gaps that nothing covers.
/// Night 8 (10 March) has half a `scan_rdp`.
const REPORTS: &[Report] = &[
    report(
        "shadowserver",
        "scan_rdp",
        &[0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11],
        900,
        4,
        "3389",
        &[Kind::Rdp],
    ),
    report(
        "shadowserver",
        "scan_exchange",
        &[0, 2, 4, 7, 9, 11],
        190,
        0,
        "443",
        &[Kind::ProxyShell, Kind::OldExchange],
    ),
    report(
        "shadowserver",
        "event4_sinkhole_http",
        &[0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11],
        420,
        0,
        "",
        &[Kind::Botnet],
    ),
    report(
        "shadowserver",
        "event6_sinkhole_http",
        &[1, 4, 8, 11],
        70,
        100,
        "",
        &[Kind::BotnetV6],
    ),
    report(
        "shadowserver",
        "scan_smb",
        &[0, 3, 6, 10],
        360,
        2,
        "445",
        &[Kind::Smb],
    ),
    report(
        "shadowserver",
        "scan_ssl",
        &[3, 8],
        1_500,
        8,
        "443,8443,10443",
        &[],
    ),
    report(
        "shadowserver",
        "device_id",
        &[2, 9],
        2_700,
        5,
        "80,443,8080",
        &[],
    ),
    report(
        "partner",
        "fortinet_vpn_credentials",
        &[0, 7, 10],
        260,
        6,
        "",
        &[Kind::Fortinet],
    ),
    report(
        "partner",
        "pulse_connect_secure",
        &[3, 7],
        180,
        0,
        "443",
        &[Kind::Pulse],
    ),
    report(
        "partner",
        "leaked_credentials",
        &[5, 9],
        240,
        0,
        "",
        &[Kind::Leak],
    ),
    report(
        "own",
        "cms_scan",
        &[0, 4, 8, 11],
        150,
        0,
        "443",
        &[Kind::Cms],
    ),
];

/// The night with half a scan, and the address from which nothing was scanned that night.
const HALF_NIGHT: usize = 8;
const HALF: [u8; 4] = [240, 32, 0, 0];

/// Writes snapshots and coverage.
pub fn write(
    country: &Country,
    findings: &[Finding],
    seed: u64,
    files: &mut BTreeMap<String, Vec<u8>>,
) {
    for report in REPORTS {
        let mut chance = Chance::of(seed, report.name);
        // People at home stay as vulnerable as companies do: a pool that changes slowly.
        let pool = noise::addresses(report.n_noise * 5 / 4, report.share_v6, &mut chance);
        for &night in report.nights {
            let mut rows = known(country, findings, report, night, &mut chance);
            let n_noise = if is_half(report, night) {
                report.n_noise / 3
            } else {
                report.n_noise
            };
            let mut pool = pool.clone();
            chance.shuffle(&mut pool);
            pool.truncate(n_noise);
            rows.extend(pool.into_iter().map(|ip| {
                let mut row = noise_row(report, ip, &mut chance);
                row.asn = asn_of(country, ip);
                row.at = Some(seen_at(night, &mut chance));
                row
            }));
            if is_half(report, night) {
                let end = std::net::Ipv4Addr::from(HALF);
                rows.retain(|row| {
                    row.ip
                        .parse::<std::net::Ipv4Addr>()
                        .is_ok_and(|ip| ip < end)
                });
            }
            special::add(country, report, night, &mut rows, &mut chance);
            store(report, night, rows, &mut chance, files);
        }
    }
    for (night, date) in NIGHTS.iter().enumerate() {
        files.insert(format!("coverage/{date}.parquet"), coverage(night));
    }
}

fn is_half(report: &Report, night: usize) -> bool {
    report.name == "scan_rdp" && night == HALF_NIGHT
}

/// The snapshot of a night holds what was seen on the day before, in UTC.
pub fn seen_at(night: usize, chance: &mut Chance) -> Micros {
    day_before(night) + i64::try_from(chance.below(86_400)).unwrap() * 1_000_000
}

fn day_before(night: usize) -> Micros {
    (i64::from(days(NIGHTS[night])) - 1) * 86_400_000_000
}

fn known(
    country: &Country,
    findings: &[Finding],
    report: &Report,
    night: usize,
    chance: &mut Chance,
) -> Vec<Row> {
    let mut known = Vec::new();
    for finding in findings {
        if !report.kinds.contains(&finding.kind) || !(finding.from..finding.until).contains(&night)
        {
            continue;
        }
        let mut row = row_of(finding, report);
        row.asn = finding
            .ip
            .and_then(|ip| asn_of(country, ip))
            .filter(|_| report.feed != "partner");
        row.at = Some(seen_at(night, chance));
        if finding.kind == Kind::ProxyShell && night >= 2 {
            row.trigger = "2026-027"; // opened on 4 March, the third night
        }
        if finding.kind == Kind::Botnet && chance.percent(40) {
            // An infected machine calls home more than once a day.
            let again = Row {
                at: Some(seen_at(night, chance)),
                ..row.clone()
            };
            known.push(again);
        }
        known.push(row);
    }
    known
}

fn store(
    report: &Report,
    night: usize,
    mut rows: Vec<Row>,
    chance: &mut Chance,
    files: &mut BTreeMap<String, Vec<u8>>,
) {
    chance.shuffle(&mut rows);
    for (n, row) in rows.iter_mut().enumerate() {
        row.source_row = n as u64;
    }
    let snapshot = Snapshot {
        feed: report.feed,
        report: report.name,
        date: NIGHTS[night],
    };
    let file = match report.feed {
        "partner" => snapshot.foreign_form(&rows),
        _ => snapshot.own_form(rows),
    };
    files.insert(snapshot.path(), file);
}

/// One row a report that came: what the feed says that it looked at.
fn coverage(night: usize) -> Vec<u8> {
    let came: Vec<&Report> = REPORTS
        .iter()
        .filter(|r| r.nights.contains(&night))
        .collect();
    let day = 86_400_000_000;
    let nothing: ArrayRef = text(came.iter().map(|r| {
        if is_half(r, night) {
            "240.0.0.0/11"
        } else {
            ""
        }
    }));
    let batch = table(vec![
        ("feed", text(came.iter().map(|r| r.feed))),
        ("report", text(came.iter().map(|r| r.name))),
        (
            "scanned_from",
            moments(came.iter().map(|_| Some(day_before(night)))),
        ),
        (
            "scanned_until",
            moments(came.iter().map(|_| Some(day_before(night) + day))),
        ),
        ("network", nothing),
        ("ports", text(came.iter().map(|r| r.ports))),
        ("complete", truths(came.iter().map(|r| !is_half(r, night)))),
        ("source", text(came.iter().map(|_| "feed"))),
    ]);
    bytes(&batch, &[])
}
