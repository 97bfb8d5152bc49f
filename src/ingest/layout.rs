//! Which column of a report means what. Columns are found by name, never by position.

use super::personal::{is_dropped, is_known};
use super::profile::MOST;
use super::report_type::{ReportType, Subject};
use crate::diag::{Failure, plain};
use crate::model::observation::HostnameSource;

/// A yes in one of these columns is a CVE.
const CVE_FLAGS: &[(&str, &str)] = &[
    ("bluekeep_vulnerable", "CVE-2019-0708"),
    ("cve20190708_vulnerable", "CVE-2019-0708"),
    ("freak_vulnerable", "CVE-2015-0204"),
    ("ssl_poodle", "CVE-2014-3566"),
];

/// Columns that may name CVEs, beside `tag`.
const CVE_TEXTS: &[&str] = &[
    "cve",
    "cves",
    "vulnerability",
    "vulnerability_id",
    "vulnerabilities",
];

const VENDOR: &[&str] = &[
    "device_vendor",
    "vendor",
    "manufacturername",
    "manufacturer",
];
const PRODUCT: &[&str] = &["device_model", "product", "productname", "modelfull"];
/// Columns that hold product and version in one; also kept whole in `extra`.
const PRODUCT_WITH_VERSION: &[&str] = &["serverid_software", "software", "server", "server_type"];
const VERSION: &[&str] = &[
    "device_version",
    "product_version",
    "couchdb_version",
    "cups_version",
    "server_version",
    "firmware",
    "firmwarerev",
    "version",
    "git_version",
    "dns_version",
];
/// Reports in which `version` is that of the protocol, not of a product.
const PROTOCOL_VERSION: &[&str] = &["coap", "ipmi", "msrpc", "nat_pmp", "slp", "snmp"];

/// A column that goes to `extra`.
#[derive(Debug)]
pub(super) struct ExtraColumn {
    /// Position in the line.
    pub at: usize,
    /// Its name as JSON, with the colon.
    pub json_key: String,
}

impl ExtraColumn {
    pub fn new(at: usize, name: &str) -> Self {
        let mut json_key = String::new();
        super::cell::push_json(name, &mut json_key);
        json_key.push(':');
        Self { at, json_key }
    }
}

/// The positions of everything that is read out of a line. Where there are several, the first
/// that is not empty counts.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub n_fields: usize,
    /// `None` where the list states no time: its rows are of the day's beginning.
    pub timestamp: Option<usize>,
    /// May the time be a bare date, or blank?
    pub has_dates: bool,
    pub ip: Option<usize>,
    /// A column that holds addresses and names both.
    pub either: Option<usize>,
    pub port: Option<usize>,
    pub protocol: Option<usize>,
    pub hostname: Vec<(usize, HostnameSource)>,
    pub hostname_source: Option<usize>,
    pub account: Vec<usize>,
    /// Domain of an account that is written without it.
    pub domain: Option<usize>,
    /// May any cell be a secret? Then no value of a row is shown anywhere.
    pub is_secret: bool,
    pub asn: Option<usize>,
    pub tag: Option<usize>,
    pub cve_texts: Vec<usize>,
    pub cve_flags: Vec<(usize, &'static str)>,
    pub vendor: Vec<usize>,
    pub product: Vec<usize>,
    pub product_with_version: Vec<usize>,
    pub version: Vec<usize>,
    pub severity: Option<usize>,
    pub tlp: Option<usize>,
    pub taxonomy: Option<usize>,
    pub kind: Option<usize>,
    pub trigger_id: Option<usize>,
    /// Sorted by name.
    pub extra: Vec<ExtraColumn>,
    /// The column that is `extra` already, as one JSON object.
    pub extra_json: Option<usize>,
    pub unknown: Vec<String>,
    pub missing: Vec<&'static str>,
    pub dropped: Vec<String>,
}

impl Layout {
    /// Reads a header.
    ///
    /// # Errors
    /// `FixData`: no comma, a doubled name, no `timestamp`, or nothing that says whom the rows
    /// are about.
    pub fn of(names: &[String], report: &ReportType, object: &str) -> Result<Self, Failure> {
        let mut find = Find {
            names,
            used: vec![false; names.len()],
        };
        let timestamp = find
            .taken("timestamp")
            .ok_or_else(|| missing(object, "timestamp", names, "a time in UTC in every row"))?;
        let mut layout = Self {
            n_fields: names.len(),
            timestamp: Some(timestamp),
            is_secret: report.subject == Subject::Account,
            ..Self::default()
        };
        layout.find_subject(&mut find, report, object)?;
        layout.tag = find.taken("tag");
        layout.severity = find.taken("severity");
        layout.protocol = find.taken("protocol");
        layout.tlp = find.taken("tlp");
        layout.find_product(&mut find, report);
        layout.find_cves(&find, report);
        layout.sort_out_the_rest(&find, report);
        layout.note_missing(report);
        Ok(layout)
    }

    /// Is there a column that says vendor, product or version?
    pub fn has_product(&self) -> bool {
        [
            &self.vendor,
            &self.product,
            &self.product_with_version,
            &self.version,
        ]
        .iter()
        .any(|columns| !columns.is_empty())
    }

    fn find_subject(
        &mut self,
        find: &mut Find<'_>,
        report: &ReportType,
        object: &str,
    ) -> Result<(), Failure> {
        let prefixes: &[&str] = match report.subject {
            Subject::Address | Subject::Site => &[""],
            // Layouts from before the event reports had one pair of columns only.
            Subject::Source => &["src_", ""],
            Subject::Destination => &["dst_"],
            Subject::Referer => &["http_referer_"],
            Subject::Name => return self.find_name(find, object),
            Subject::Account => return self.find_account(find, object),
        };
        let ip = |prefix: &&&str| find.position(&format!("{prefix}ip")).is_some();
        let Some(prefix) = prefixes.iter().find(ip) else {
            let wanted = format!("{}ip", prefixes.first().copied().unwrap_or_default());
            return Err(missing(
                object,
                &wanted,
                find.names,
                "an address in every row",
            ));
        };
        self.ip = find.taken(&format!("{prefix}ip"));
        self.port = find.taken(&format!("{prefix}port"));
        self.asn = find.taken(&format!("{prefix}asn"));
        if prefix.is_empty() {
            self.hostname_source = find.position("hostname_source");
        }
        let mut by_default = HostnameSource::Ptr;
        if report.subject == Subject::Site {
            match find.taken("http_host") {
                Some(at) => self.hostname.push((at, HostnameSource::ScanTarget)),
                None => by_default = HostnameSource::ForwardDns,
            }
        }
        let name = format!("{prefix}hostname");
        let at = if self.hostname.is_empty() {
            find.taken(&name)
        } else {
            // Second choice: the row's `extra` keeps it, chosen or not.
            find.position(&name)
        };
        self.hostname.extend(at.map(|at| (at, by_default)));
        Ok(())
    }

    fn find_name(&mut self, find: &mut Find<'_>, object: &str) -> Result<(), Failure> {
        let at = ["website", "request", "hostname", "domain"]
            .iter()
            .find_map(|name| find.position(name))
            .ok_or_else(|| missing(object, "website", find.names, "a host name in every row"))?;
        self.hostname.push((at, HostnameSource::Unknown));
        Ok(())
    }

    fn find_account(&mut self, find: &mut Find<'_>, object: &str) -> Result<(), Failure> {
        self.account = find.all(&["email", "username"]);
        if self.account.is_empty() {
            return Err(missing(
                object,
                "email",
                find.names,
                "a mail address in every row",
            ));
        }
        Ok(())
    }

    fn find_product(&mut self, find: &mut Find<'_>, report: &ReportType) {
        // What an event was aimed at, or the version of its malware, is no property of the
        // machine that it came from; the vendor and model of that machine are.
        match report.subject {
            Subject::Address | Subject::Site => {
                self.vendor = find.first_taken(VENDOR);
                self.product = find.first_taken(PRODUCT);
                self.product_with_version = find.all(PRODUCT_WITH_VERSION);
                let is_protocols = PROTOCOL_VERSION.iter().any(|p| {
                    report
                        .name
                        .split_once('_')
                        .is_some_and(|(_, name)| name == *p)
                });
                self.version = if is_protocols {
                    let rest: Vec<&str> = VERSION
                        .iter()
                        .copied()
                        .filter(|v| *v != "version")
                        .collect();
                    find.first_taken(&rest)
                } else {
                    find.first_taken(VERSION)
                };
            }
            Subject::Source => {
                self.vendor = find.first_taken(&["device_vendor"]);
                self.product = find.first_taken(&["device_model"]);
                self.version = find.first_taken(&["device_version"]);
            }
            _ => {}
        }
    }

    fn find_cves(&mut self, find: &Find<'_>, report: &ReportType) {
        // In an event the CVE is what the source attacked with, and its owner has another problem
        // than that hole: `decide` knows, by the event's class.
        self.cve_texts.extend(self.tag);
        self.cve_texts.extend(find.all(CVE_TEXTS));
        if !matches!(report.subject, Subject::Address | Subject::Site) {
            return;
        }
        self.cve_flags = CVE_FLAGS
            .iter()
            .filter_map(|(name, cve)| Some((find.position(name)?, *cve)))
            .collect();
    }

    fn sort_out_the_rest(&mut self, find: &Find<'_>, report: &ReportType) {
        let is_account = report.subject == Subject::Account;
        let mut rest: Vec<(&str, usize)> = find
            .names
            .iter()
            .zip(0..)
            .zip(&find.used)
            .filter(|(_, used)| !**used)
            .map(|((name, at), _)| (name.as_str(), at))
            .collect();
        rest.sort_unstable();
        for (name, at) in rest {
            let is_known = is_known(name);
            if !is_known {
                self.unknown.push(name.to_owned());
            }
            if is_dropped(name, is_known, is_account) {
                self.dropped.push(name.to_owned());
            } else {
                self.extra.push(ExtraColumn::new(at, name));
            }
        }
    }

    fn note_missing(&mut self, report: &ReportType) {
        let has_address = !matches!(report.subject, Subject::Name | Subject::Account);
        let mut note = |is_missing: bool, name| {
            if is_missing {
                self.missing.push(name);
            }
        };
        note(has_address && self.asn.is_none(), "asn");
        note(has_address && self.hostname.is_empty(), "hostname");
        note(has_address && self.port.is_none(), "port");
        note(has_address && self.protocol.is_none(), "protocol");
        note(self.severity.is_none(), "severity");
        note(self.tag.is_none() && report.subject != Subject::Name, "tag");
    }
}

/// Finds columns, and remembers which were used up.
struct Find<'a> {
    names: &'a [String],
    used: Vec<bool>,
}

impl Find<'_> {
    fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n == name)
    }

    /// The column `name`, which then does not go to `extra`.
    fn taken(&mut self, name: &str) -> Option<usize> {
        let at = self.position(name)?;
        if let Some(used) = self.used.get_mut(at) {
            *used = true;
        }
        Some(at)
    }

    fn all(&self, names: &[&str]) -> Vec<usize> {
        names
            .iter()
            .filter_map(|name| self.position(name))
            .collect()
    }

    /// All of them; the first one that is there does not go to `extra`, the others do too.
    fn first_taken(&mut self, names: &[&str]) -> Vec<usize> {
        let all = self.all(names);
        if let Some(used) = all.first().and_then(|at| self.used.get_mut(*at)) {
            *used = true;
        }
        all
    }
}

/// The names of a header, in lower case.
///
/// # Errors
/// `FixData`: a doubled name, or no separator where another sign separates.
pub(super) fn names(header: &csv::ByteRecord, object: &str) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = header
        .iter()
        .map(|name| super::cell::lossy(name).to_ascii_lowercase())
        .collect();
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let doubled = sorted.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(*a),
        _ => None,
    });
    if let Some(name) = doubled {
        return Err(Failure::fix_data(format!(
            "the column `{}` stands in the header more than once; expected each name once",
            plain(name, MOST)
        ))
        .at(object, "")
        .hint("ask the sender which of them counts"));
    }
    if let [only] = names.as_slice()
        && let Some(mark) = [';', '\t', '|'].into_iter().find(|c| only.contains(*c))
    {
        return Err(Failure::fix_data(format!(
            "the header is separated by `{}`; expected commas",
            mark.escape_default()
        ))
        .at(object, "")
        .hint("save the file as CSV with commas"));
    }
    Ok(names)
}

pub(super) fn missing(object: &str, column: &str, names: &[String], expected: &str) -> Failure {
    let found: Vec<String> = names
        .iter()
        .take(40)
        .map(|name| plain(name, MOST))
        .collect();
    let more = if names.len() > 40 { ", …" } else { "" };
    Failure::fix_data(format!(
        "the column is missing; expected {expected}; the file has `{}`{more}",
        found.join("`, `")
    ))
    .at(object, column)
    .hint("check that `--report` names the right report, or ask the sender for the column")
}
