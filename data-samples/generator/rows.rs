//! One row of each kind, as its report writes it.

use std::net::IpAddr;

use nachtwacht::model::night::Micros;

use super::chance::Chance;
use super::country::Country;
use super::findings::{Finding, Kind};
use super::nights::Report;
use super::noise::reverse_name;
use super::observation::Row;

const VULNERABLE: (&str, &str) = ("vulnerable", "vulnerable-system");

/// Exchange builds before the updates of April and May 2021 (Microsoft, "Exchange Server build
/// numbers and release dates"): 2019 CU8 and CU9, 2016 CU19.
const PROXYSHELL_BUILDS: [&str; 5] = [
    "15.2.721.2",
    "15.2.792.3",
    "15.1.2106.2",
    "15.1.2176.2",
    "15.2.858.2",
];
/// Exchange 2013 (support ended on 11 April 2023) and 2010 (13 October 2020).
const OLD_BUILDS: [&str; 4] = ["15.0.1497.48", "15.0.1395.4", "15.0.1497.2", "14.3.513.0"];
/// Exchange builds of supported lines, newest updates: what a near miss looks like.
const CURRENT_BUILDS: [&str; 2] = ["15.2.2562.17", "15.2.1748.10"];
/// Families of bots whose names the sinkhole operators publish.
const BOTS: [&str; 4] = ["andromeda", "conficker", "necurs", "qsnatch"];
const OLD_WORDPRESS: [&str; 4] = ["4.9.8", "5.2.4", "4.7.1", "5.0.2"];

fn pick<'a>(of: &[&'a str], variety: u64) -> &'a str {
    of[(variety % of.len() as u64) as usize]
}

/// The row that shows a finding.
pub fn row_of(finding: &Finding, report: &Report) -> Row {
    let variety = finding.variety;
    let mut row = match finding.kind {
        Kind::Rdp => Row {
            port: Some(if variety.is_multiple_of(9) {
                3390
            } else {
                3389
            }),
            ..rdp()
        },
        Kind::ProxyShell => exchange(
            pick(&PROXYSHELL_BUILDS, variety),
            "exchange;cve-2021-34473;cve-2021-34523;cve-2021-31207",
            &["CVE-2021-34473", "CVE-2021-34523", "CVE-2021-31207"],
        ),
        Kind::OldExchange => exchange(pick(&OLD_BUILDS, variety), "exchange;end-of-life", &[]),
        Kind::Botnet | Kind::BotnetV6 => bot(variety),
        Kind::Smb => Row {
            port: Some(445),
            protocol: "tcp",
            tag: "smb".into(),
            severity: "high",
            ..vulnerable()
        },
        Kind::Fortinet => Row {
            port: Some(if variety.is_multiple_of(2) {
                10_443
            } else {
                443
            }),
            ..fortinet()
        },
        Kind::Pulse => pulse(variety),
        Kind::Leak => Row {
            // The keyed hash of an account nobody has: 64 digits out of the finding's own number.
            account_hash: format!(
                "{:016x}{:016x}{:016x}{:016x}",
                variety,
                variety.rotate_left(17),
                !variety,
                variety.rotate_right(23)
            ),
            account_domain: finding.name.clone(),
            tag: "credentials;infostealer".into(),
            severity: "high",
            class: "compromised-account",
            ..Row::default()
        },
        Kind::Cms => site(&finding.name, pick(&OLD_WORDPRESS, variety)),
    };
    if let Some(ip) = finding.ip {
        row.ip = if report.feed == "partner" {
            as_partners_write(ip, variety)
        } else {
            ip.to_string()
        };
    }
    if matches!(
        finding.kind,
        Kind::ProxyShell | Kind::OldExchange | Kind::Fortinet | Kind::Pulse
    ) {
        row.hostname.clone_from(&finding.name);
        row.hostname_source = if variety.is_multiple_of(3) {
            "certificate"
        } else {
            "ptr"
        };
    }
    row
}

/// Partners write IPv4 in IPv6 now and then, and IPv6 without its short form.
fn as_partners_write(ip: IpAddr, variety: u64) -> String {
    match ip {
        IpAddr::V4(v4) if variety.is_multiple_of(7) => format!("::ffff:{v4}"),
        IpAddr::V6(v6) => v6.segments().map(|s| format!("{s:04X}")).join(":"),
        IpAddr::V4(v4) => v4.to_string(),
    }
}

fn vulnerable() -> Row {
    Row {
        taxonomy: VULNERABLE.0,
        class: VULNERABLE.1,
        ..Row::default()
    }
}

fn rdp() -> Row {
    Row {
        port: Some(3389),
        protocol: "tcp",
        tag: "rdp".into(),
        severity: "high",
        ..vulnerable()
    }
}

/// An open desktop at an address.
pub fn rdp_at(ip: &str, at: Micros) -> Row {
    Row {
        ip: ip.into(),
        at: Some(at),
        ..rdp()
    }
}

fn exchange(version: &str, tag: &str, cve: &'static [&'static str]) -> Row {
    Row {
        port: Some(443),
        protocol: "tcp",
        tag: tag.into(),
        cve,
        vendor: "Microsoft",
        product: "Exchange Server".into(),
        version: version.into(),
        severity: if cve.is_empty() { "high" } else { "critical" },
        ..vulnerable()
    }
}

fn bot(variety: u64) -> Row {
    Row {
        port: Some(49_152 + (variety % 16_000) as i32),
        protocol: "tcp",
        tag: pick(&BOTS, variety).into(),
        severity: "high",
        taxonomy: "malicious-code",
        class: "infected-system",
        ..Row::default()
    }
}

/// A vulnerable Exchange server that shows a name in its certificate; the address is still missing.
pub fn exchange_behind_a_certificate(name: &str) -> Row {
    Row {
        hostname: name.into(),
        hostname_source: if name.is_empty() { "" } else { "certificate" },
        ..exchange(
            PROXYSHELL_BUILDS[0],
            "exchange;cve-2021-34473",
            &["CVE-2021-34473"],
        )
    }
}

/// A few addresses of shared web servers that a firm registered as its own.
pub fn shared_hosts(country: &Country) -> impl Iterator<Item = String> {
    let shared = country
        .assets
        .iter()
        .filter(|a| a.value.starts_with("240.128.10."));
    shared.step_by(12).map(|a| a.value.clone())
}

/// A leaked password of a Fortinet VPN; the address is still missing.
pub fn fortinet() -> Row {
    Row {
        protocol: "tcp",
        tag: "fortinet;ssl-vpn;credentials".into(),
        cve: &["CVE-2018-13379"],
        vendor: "Fortinet",
        product: "FortiOS".into(),
        severity: "critical",
        class: "compromised-account",
        ..Row::default()
    }
}

fn pulse(variety: u64) -> Row {
    Row {
        port: Some(443),
        protocol: "tcp",
        tag: "pulse-connect-secure;cve-2021-22893".into(),
        cve: &["CVE-2021-22893"],
        vendor: "Pulse Secure",
        product: "Pulse Connect Secure".into(),
        version: pick(&["9.1R11.3", "9.1R10", "9.0R3.1", ""], variety).into(),
        severity: "critical",
        class: VULNERABLE.1,
        ..Row::default()
    }
}

/// A site on an old WordPress, asked for by its own name.
pub fn site(name: &str, version: &str) -> Row {
    Row {
        port: Some(443),
        protocol: "tcp",
        hostname: name.into(),
        hostname_source: if name.is_empty() { "" } else { "scan_target" },
        tag: "cms;wordpress".into(),
        vendor: "WordPress",
        product: "WordPress".into(),
        version: version.into(),
        severity: "medium",
        ..vulnerable()
    }
}

/// A row about somebody whom the service does not know.
pub fn noise_row(report: &Report, ip: IpAddr, chance: &mut Chance) -> Row {
    let variety = chance.next();
    let kind = match report.name {
        "scan_ssl" => return ssl(ip, chance),
        "device_id" => return device(ip, chance),
        _ => report.kinds[(variety >> 32) as usize % report.kinds.len()],
    };
    let finding = Finding {
        kind,
        ip: Some(ip),
        name: String::new(),
        from: 0,
        until: 0,
        variety,
    };
    let mut row = row_of(&finding, report);
    match kind {
        Kind::Leak => {
            row.ip = String::new();
            row.account_domain = format!("postvak-{}.example", chance.below(5_000));
        }
        Kind::Cms => {
            row.hostname = format!("www.site-{}.example", chance.below(900));
            row.hostname_source = "scan_target";
        }
        Kind::ProxyShell | Kind::OldExchange if variety.is_multiple_of(4) => {
            row = Row {
                ip: row.ip,
                ..exchange(pick(&CURRENT_BUILDS, variety >> 8), "exchange", &[])
            };
            row.severity = "info";
        }
        _ => {}
    }
    if row.hostname.is_empty() && !row.ip.is_empty() && report.feed == "shadowserver" {
        row.hostname = reverse_name(ip, chance);
        row.hostname_source = if row.hostname.is_empty() { "" } else { "ptr" };
    }
    row
}

fn ssl(ip: IpAddr, chance: &mut Chance) -> Row {
    Row {
        ip: ip.to_string(),
        port: Some(*[443, 443, 443, 8443, 10_443].get(chance.at(5)).unwrap()),
        protocol: "tcp",
        hostname: if chance.percent(30) {
            format!("dienst-{}.example", chance.below(4_000))
        } else {
            String::new()
        },
        hostname_source: "certificate",
        tag: "ssl".into(),
        severity: "info",
        taxonomy: "other",
        class: "other",
        ..Row::default()
    }
}

fn device(ip: IpAddr, chance: &mut Chance) -> Row {
    let devices = [
        ("MikroTik", "RouterOS"),
        ("AVM", "FRITZ!Box"),
        ("Synology", "DiskStation"),
        ("Hikvision", "IP Camera"),
        ("Ubiquiti", "EdgeRouter"),
    ];
    let (vendor, product) = devices[chance.at(5)];
    Row {
        ip: ip.to_string(),
        port: Some([80, 443, 8080][chance.at(3)]),
        protocol: "tcp",
        hostname: reverse_name(ip, chance),
        hostname_source: "ptr",
        tag: "iot".into(),
        vendor,
        product: product.into(),
        severity: "info",
        taxonomy: "other",
        class: "other",
        ..Row::default()
    }
}

/// Certificates on the shared web servers, with names of firms that the service knows: true, and
/// no reason to write to anybody; plus wildcards and a few on a firm's own line.
pub fn certificates(country: &Country, chance: &mut Chance) -> Vec<Row> {
    let mut rows = Vec::new();
    for (n, firm) in country
        .firms
        .iter()
        .enumerate()
        .filter(|(n, f)| f.web.is_some() && n % 23 == 0)
    {
        let (Some(domain), Some(web)) = (&firm.domain, firm.web) else {
            continue;
        };
        let ip = firm
            .hosts
            .first()
            .copied()
            .filter(|_| n % 2 == 0)
            .unwrap_or(web.into());
        let hostname = if n % 3 == 0 {
            format!("*.{domain}")
        } else {
            format!("mail.{domain}")
        };
        rows.push(Row {
            hostname,
            ..ssl(ip, chance)
        });
    }
    rows
}
