//! Rows that are there for a reason of their own.

use super::chance::Chance;
use super::country::{Country, asn_of};
use super::nights::{Report, seen_at};
use super::observation::Row;
use super::parquet_file::days;
use super::rows;
use super::{hostile, spots};

/// What a test looks for: both sides of a change of hands, hostile texts, rows that are no rows,
/// names that prove little.
pub fn add(
    country: &Country,
    report: &Report,
    night: usize,
    rows: &mut Vec<Row>,
    chance: &mut Chance,
) {
    let seen = seen_at(night, chance);
    let at = Some(seen);
    if report.name == "scan_rdp" {
        rows.push(rows::rdp_at(spots::SHARED_BUILDING, seen));
        rows.extend(rows::shared_hosts(country).map(|ip| rows::rdp_at(&ip, seen)));
    }
    match (report.name, night) {
        ("scan_rdp", 6) => {
            // 8 March begins in Amsterdam at 23:00 UTC on the 7th.
            let midnight = (i64::from(days("2026-03-07")) * 24 + 23) * 3_600_000_000;
            rows.push(rows::rdp_at("240.2.128.30", midnight - 1));
            rows.push(rows::rdp_at("240.2.128.31", midnight));
        }
        ("scan_rdp", 2) => hostile_rows(country, night, rows, chance),
        ("scan_ssl", _) => {
            rows.extend(
                rows::certificates(country, chance)
                    .into_iter()
                    .map(|row| Row { at, ..row }),
            );
        }
        ("scan_exchange", 4) => {
            // Bad addresses and nothing else.
            for ip in hostile::BAD_ADDRESSES {
                rows.push(Row {
                    at,
                    ip: ip.into(),
                    ..rows::exchange_behind_a_certificate("")
                });
            }
        }
        ("scan_exchange", 2 | 9) => {
            // A name in a certificate on a shared server: a threat, and no proof of whose it is.
            let sites = country
                .firms
                .iter()
                .filter(|f| f.web.is_some() && f.hosts.is_empty())
                .step_by(60);
            for firm in sites {
                let name = format!("mail.{}", firm.domain.as_deref().unwrap());
                let ip = firm.web.unwrap().to_string();
                rows.push(Row {
                    at,
                    ip,
                    ..rows::exchange_behind_a_certificate(&name)
                });
            }
        }
        ("cms_scan", 4) => {
            // Rows about nothing, and names that are none.
            for name in ["", "", "", "geen naam.example", "-.example"] {
                rows.push(Row {
                    at,
                    hostname: name.into(),
                    ..rows::site("", "6.4.1")
                });
            }
        }
        ("fortinet_vpn_credentials", 7) => {
            for n in 0..2 {
                rows.push(Row {
                    ip: format!("240.9.8.{n}"),
                    port: Some(10_443),
                    ..rows::fortinet()
                });
                // At a participant, since the port is read for rows that hit alone.
                let ip = country.firms[n].hosts[2].to_string();
                rows.push(Row {
                    at,
                    ip,
                    port: Some(70_000),
                    ..rows::fortinet()
                });
            }
        }
        _ => {}
    }
}

/// Hostile texts at firms that will get a letter.
fn hostile_rows(country: &Country, night: usize, rows: &mut Vec<Row>, chance: &mut Chance) {
    let mut firms = country
        .firms
        .iter()
        .filter(|f| f.since.is_some() && f.until.is_none());
    for (n, text) in hostile::texts().into_iter().enumerate() {
        let firm = firms.next().unwrap();
        let mut row = rows::rdp_at(&firm.hosts[1].to_string(), seen_at(night, chance));
        row.asn = asn_of(country, firm.hosts[1]);
        match n % 3 {
            0 => row.hostname = text,
            1 => row.product = text,
            _ => {
                (row.hostname, row.version) =
                    (format!("www.{}", firm.domain.as_deref().unwrap()), text)
            }
        }
        rows.push(row);
    }
    for (n, severity) in ["catastrophic", "10"].into_iter().enumerate() {
        let ip = country.firms[n].hosts[2].to_string();
        rows.push(Row {
            severity,
            ..rows::rdp_at(&ip, seen_at(night, chance))
        });
    }
}
