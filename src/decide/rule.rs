//! Does an observation mean a threat? All keys of a `[[when]]` must hold, any `[[when]]` is enough.

use std::sync::Arc;

use super::version;
use crate::model::address::parse_ip;
use crate::model::observation::{HostnameSource, Observation, column};
use crate::model::threat::{Certainty, Threat, VersionRange, When};

/// What the rule says about an observation. The surest of the alternatives counts.
#[must_use]
pub fn judge(threat: &Threat, observation: &Observation) -> Certainty {
    let mut answer = Certainty::No;
    for when in &threat.when {
        match judge_one(when, observation) {
            Certainty::Vulnerable => return Certainty::Vulnerable,
            Certainty::Possible => answer = Certainty::Possible,
            Certainty::No => {}
        }
    }
    answer
}

fn judge_one(when: &When, o: &Observation) -> Certainty {
    let one = |wanted: &[String], found: Option<&str>| {
        wanted.is_empty() || found.is_some_and(|f| wanted.contains(&f.to_lowercase()))
    };
    let any = |wanted: &[String], found: &[String]| {
        wanted.is_empty() || found.iter().any(|f| wanted.contains(&f.to_lowercase()))
    };
    let holds = one(&when.report, Some(&o.report))
        && one(&when.feed, Some(&o.feed))
        && any(&when.tag, &o.tags)
        && any(&when.cve, &o.cves)
        && (when.cve.is_empty() || !when.report.is_empty() || !is_attackers_event(o))
        && one(&when.vendor, o.vendor.as_deref())
        && one(&when.product, o.product.as_deref())
        && one(&when.classification_type, o.classification_type.as_deref())
        && (when.port.is_empty() || o.port.is_some_and(|p| when.port.contains(&p)))
        && (when.severity.is_empty() || o.severity.is_some_and(|s| when.severity.contains(&s)));
    if holds {
        judge_version(&when.version, o.version.as_deref())
    } else {
        Certainty::No
    }
}

/// The CVE of such an event is what its source attacked others with, and no flaw of its own. A
/// rule that names the report knows what it asks for.
fn is_attackers_event(o: &Observation) -> bool {
    matches!(
        o.classification_taxonomy.as_deref(),
        Some("information-gathering" | "intrusion-attempts" | "malicious-code" | "availability")
    )
}

/// A version that is missing or unreadable is possible, never vulnerable.
fn judge_version(ranges: &[VersionRange], found: Option<&str>) -> Certainty {
    if ranges.is_empty() {
        return Certainty::Vulnerable;
    }
    let Some(found) = found.filter(|f| !f.trim().is_empty()) else {
        return Certainty::Possible;
    };
    let answers: Vec<Option<bool>> = ranges.iter().map(|r| version::is_in(r, found)).collect();
    if answers.contains(&Some(true)) {
        Certainty::Vulnerable
    } else if answers.contains(&None) {
        Certainty::Possible
    } else {
        Certainty::No
    }
}

/// The rule's answer to a row written as `(column, text)` pairs, as in a threat's `[[test]]`.
///
/// # Errors
/// A message that names the column that does not exist or cannot be read.
pub fn judge_row(threat: &Threat, row: &[(String, String)]) -> Result<Certainty, String> {
    Ok(judge(threat, &observation_of(row)?))
}

/// An observation out of `(column, text)` pairs; lists are separated by `;`.
///
/// # Errors
/// As [`judge_row`].
pub fn observation_of(row: &[(String, String)]) -> Result<Observation, String> {
    let mut o = Observation {
        object: Arc::from("test"),
        row: 0,
        observed_at: 0,
        snapshot_date: jiff::civil::Date::ZERO,
        feed: Arc::from(""),
        report: Arc::from(""),
        ip: None,
        port: None,
        protocol: None,
        hostname: None,
        hostname_source: HostnameSource::Unknown,
        account_hash: None,
        account_domain: None,
        asn: None,
        tags: Vec::new(),
        cves: Vec::new(),
        vendor: None,
        product: None,
        version: None,
        severity: None,
        tlp: None,
        classification_taxonomy: None,
        classification_type: None,
        trigger_id: None,
    };
    for (name, text) in row {
        let unreadable = || format!("`{text}` cannot be read as `{name}`");
        let list = || text.split(';').map(|t| t.trim().to_owned()).collect();
        let some = || Some(text.clone());
        match name.as_str() {
            column::FEED => o.feed = Arc::from(text.as_str()),
            column::REPORT => o.report = Arc::from(text.as_str()),
            column::IP => o.ip = Some(parse_ip(text).map_err(|_| unreadable())?),
            column::PORT => o.port = Some(text.parse().map_err(|_| unreadable())?),
            column::ASN => o.asn = Some(text.parse().map_err(|_| unreadable())?),
            column::SEVERITY => o.severity = Some(text.parse().map_err(|()| unreadable())?),
            column::TAG => o.tags = list(),
            column::CVE => o.cves = list(),
            column::PROTOCOL => o.protocol = some(),
            column::HOSTNAME => o.hostname = some(),
            column::ACCOUNT_HASH => o.account_hash = some(),
            column::ACCOUNT_DOMAIN => o.account_domain = some(),
            column::VENDOR => o.vendor = some(),
            column::PRODUCT => o.product = some(),
            column::VERSION => o.version = some(),
            column::TLP => o.tlp = some(),
            column::CLASSIFICATION_TAXONOMY => o.classification_taxonomy = some(),
            column::CLASSIFICATION_TYPE => o.classification_type = some(),
            _ => {
                return Err(format!(
                    "`{name}` is not a column of observations that a rule can use"
                ));
            }
        }
    }
    Ok(o)
}
