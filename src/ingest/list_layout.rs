//! Lists of partners: which column means what, by the names that people give them.

use super::layout::{ExtraColumn, Layout};
use super::personal::is_dropped;
use crate::diag::Failure;
use crate::model::observation::HostnameSource;

/// Names of a column in lists, ours first. Blanks, hyphens and dots count as `_`.
const ADDRESS: &[&str] = &[
    "ip",
    "ip_address",
    "ipaddress",
    "ipv4",
    "ipv6",
    "src_ip",
    "source_ip",
    "ip_adres",
    "ipadres",
];
/// A column that may hold addresses and names both.
const EITHER: &[&str] = &[
    "host",
    "target",
    "indicator",
    "address",
    "adres",
    "subject",
    "value",
    "asset",
];
const NAME: &[&str] = &[
    "hostname",
    "fqdn",
    "domain",
    "domein",
    "url",
    "website",
    "dns_name",
    "domain_name",
    "hostnaam",
];
const TIME: &[&str] = &[
    "observed_at",
    "timestamp",
    "time",
    "seen_at",
    "last_seen",
    "date",
    "datum",
    "tijd",
    "tijdstip",
];
const ACCOUNT: &[&str] = &[
    "account",
    "email",
    "e_mail",
    "mail",
    "email_address",
    "username",
    "user",
    "login",
    "gebruikersnaam",
    "e_mailadres",
    "emailadres",
];
const DOMAIN: &[&str] = &["domain", "domein", "email_domain", "mail_domain"];
const PORT: &[&str] = &["port", "poort", "src_port"];
const PROTOCOL: &[&str] = &["protocol", "transport"];
const ASN: &[&str] = &["asn", "as_number"];
const TAG: &[&str] = &["tag", "tags"];
const CVE: &[&str] = &[
    "cve",
    "cves",
    "cve_id",
    "cve_ids",
    "vulnerability",
    "vulnerabilities",
    "kwetsbaarheid",
];
const VENDOR: &[&str] = &["vendor", "leverancier", "manufacturer"];
const PRODUCT: &[&str] = &["product", "software", "device", "model"];
const VERSION: &[&str] = &["version", "versie", "product_version"];
const SEVERITY: &[&str] = &["severity", "ernst"];
const TLP: &[&str] = &["tlp"];
const TAXONOMY: &[&str] = &["classification_taxonomy"];
const KIND: &[&str] = &["classification_type"];
const TRIGGER: &[&str] = &["trigger_id"];
/// Columns of our own table that say what this ingest says itself.
const OURS: &[&str] = &[
    "feed",
    "report",
    "ip_v4",
    "ip_v6",
    "hostname_source",
    "account_hash",
    "account_domain",
    "source_object",
    "source_row",
    "snapshot_date",
];

fn plain(name: &str) -> String {
    name.trim()
        .to_ascii_lowercase()
        .replace([' ', '-', '.'], "_")
}

fn position(names: &[String], wanted: &[&str]) -> Option<usize> {
    let plain: Vec<String> = names.iter().map(|name| plain(name)).collect();
    wanted
        .iter()
        .find_map(|wanted| plain.iter().position(|name| name == wanted))
}

/// Is this the header of a list of addresses or names?
pub(super) fn is_list_header(names: &[String]) -> bool {
    [ADDRESS, EITHER, NAME]
        .iter()
        .any(|wanted| position(names, wanted).is_some())
}

/// Is this the header of a list of accounts? A list that has addresses too is one of them.
pub(super) fn is_account_header(names: &[String]) -> bool {
    position(names, ACCOUNT).is_some()
        && position(names, ADDRESS).is_none()
        && position(names, EITHER).is_none()
}

/// The layout of a list with this header.
///
/// # Errors
/// `FixData` where no column says whom the rows are about, or a name is doubled.
pub(super) fn of_list(names: &[String], object: &str) -> Result<Layout, Failure> {
    let find = |wanted: &[&str]| position(names, wanted);
    let mut layout = common(names);
    layout.ip = find(ADDRESS);
    layout.either = find(EITHER);
    layout.hostname = find(NAME)
        .map(|at| (at, HostnameSource::ScanTarget))
        .into_iter()
        .collect();
    if layout.ip.is_none() && layout.either.is_none() && layout.hostname.is_empty() {
        return Err(no_subject(
            names,
            object,
            "ip",
            "a column `ip`, `hostname` or `host`",
        ));
    }
    layout.port = find(PORT);
    layout.protocol = find(PROTOCOL);
    layout.asn = find(ASN);
    layout.tag = find(TAG);
    layout.cve_texts = layout.tag.into_iter().chain(find(CVE)).collect();
    layout.vendor = find(VENDOR).into_iter().collect();
    layout.product = find(PRODUCT).into_iter().collect();
    layout.version = find(VERSION).into_iter().collect();
    layout.severity = find(SEVERITY);
    layout.tlp = find(TLP);
    layout.taxonomy = find(TAXONOMY);
    layout.kind = find(KIND);
    layout.trigger_id = find(TRIGGER);
    let used: Vec<usize> = [
        layout.timestamp,
        layout.ip,
        layout.either,
        layout.port,
        layout.protocol,
        layout.asn,
        layout.tag,
        find(CVE),
        layout.severity,
        layout.tlp,
        layout.taxonomy,
        layout.kind,
        layout.trigger_id,
    ]
    .into_iter()
    .flatten()
    .chain(layout.hostname.iter().map(|(at, _)| *at))
    .chain(
        [&layout.vendor, &layout.product, &layout.version]
            .into_iter()
            .flatten()
            .copied(),
    )
    .collect();
    for (at, name) in sorted(names) {
        if used.contains(&at) || OURS.contains(&name) {
            continue;
        }
        if is_dropped(name, false, false) {
            layout.dropped.push(name.to_owned());
        } else {
            layout.unknown.push(name.to_owned());
            layout.extra.push(ExtraColumn::new(at, name));
        }
    }
    Ok(layout)
}

/// The layout of a list of accounts with this header. Of a row nothing is kept but the account's
/// hash, its domain and the time: any other cell may hold the secret.
///
/// # Errors
/// `FixData` where there is no column of accounts.
pub(super) fn of_accounts(names: &[String], object: &str) -> Result<Layout, Failure> {
    let mut layout = common(names);
    let plain: Vec<String> = names.iter().map(|name| plain(name)).collect();
    layout.account = ACCOUNT
        .iter()
        .filter_map(|wanted| plain.iter().position(|name| name == wanted))
        .collect();
    if layout.account.is_empty() {
        return Err(no_subject(
            names,
            object,
            "account",
            "a column `account` or `email`",
        ));
    }
    layout.domain = position(names, DOMAIN);
    layout.is_secret = true;
    layout.dropped = sorted(names)
        .into_iter()
        .filter(|(at, _)| Some(*at) != layout.timestamp && Some(*at) != layout.domain)
        .map(|(_, name)| name.to_owned())
        .collect();
    Ok(layout)
}

/// The layout of lines that hold one account and nothing else that is kept.
pub(super) fn of_bare_accounts() -> Layout {
    Layout {
        n_fields: 1,
        account: vec![0],
        is_secret: true,
        ..Layout::default()
    }
}

/// The layout of lines that are one address or name each.
pub(super) fn of_bare_list() -> Layout {
    Layout {
        n_fields: 1,
        either: Some(0),
        ..Layout::default()
    }
}

fn common(names: &[String]) -> Layout {
    Layout {
        n_fields: names.len(),
        timestamp: position(names, TIME),
        has_dates: true,
        ..Layout::default()
    }
}

fn sorted(names: &[String]) -> Vec<(usize, &str)> {
    let mut sorted: Vec<(usize, &str)> = names.iter().map(String::as_str).enumerate().collect();
    sorted.sort_by_key(|(_, name)| *name);
    sorted
}

fn no_subject(names: &[String], object: &str, column: &str, expected: &str) -> Failure {
    super::layout::missing(object, column, names, expected)
}
