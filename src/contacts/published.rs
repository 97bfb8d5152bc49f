//! From results of look-ups and a register to what may be used as a contact.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;
use jiff::tz::TimeZone;

use super::lookup::{Lookup, LookupKind, LookupOutcome};
use super::rdap::{Rdap, read_rdap};
use super::security_txt::{SecurityTxt, read_security_txt};
use crate::model::asset::{Asset, AssetKind, AssetValue};
use crate::model::company::CompanyKey;
use crate::model::name::Domain;
use crate::model::night::Micros;
use crate::model::published::{Answer, Dated, Own, OwnName, Published};

/// Judges results as of `now` (the start of the night): the newest for each kind and subject
/// counts, and one older than `max_age_days` says nothing any more. What each company alone
/// registered, valid then, is listed beside it.
///
/// Lines whose subject is no name, prefix or AS number are passed over: nobody can ask for them.
#[must_use]
pub fn published(
    assets: &[Arc<Asset>],
    lookups: &[Lookup],
    now: Micros,
    max_age_days: u32,
) -> Published {
    let mut published = Published {
        own: own(assets, now),
        ..Published::default()
    };
    let mut newest: BTreeMap<(LookupKind, &str), &Lookup> = BTreeMap::new();
    for lookup in lookups {
        let key = (lookup.kind, lookup.subject.as_str());
        let kept = newest.entry(key).or_insert(lookup);
        if lookup.fetched_at >= kept.fetched_at {
            *kept = lookup;
        }
    }
    for lookup in newest.into_values() {
        take(lookup, now, max_age_days, &mut published);
    }
    published
}

fn take(lookup: &Lookup, now: Micros, max_age_days: u32, published: &mut Published) {
    let day = TimeZone::UTC.to_datetime(lookup.fetched_at).date();
    let age = now.saturating_sub(lookup.fetched_at.as_microsecond()) / 86_400_000_000;
    if age > i64::from(max_age_days) {
        let answer = Answer::Unknown("too_old".into());
        return put(lookup, Dated { day, answer }, published);
    }
    let answer = match (lookup.outcome, lookup.kind) {
        (LookupOutcome::None, _) => Answer::None(or(&lookup.reason, "none")),
        (LookupOutcome::Unknown, _) => Answer::Unknown(or(&lookup.reason, "unknown")),
        (LookupOutcome::Found, LookupKind::Mail) => Answer::Found(Vec::new()),
        (LookupOutcome::Found, LookupKind::Rdap) => abuse(&lookup.bytes()),
        (LookupOutcome::Found, LookupKind::SecurityTxt) => {
            let file = judge(lookup, now);
            // A page that says "not found" with status 200 is no file.
            if file.is_something_else() {
                let answer = Answer::None("no_security_txt".into());
                return put(lookup, Dated { day, answer }, published);
            }
            if let Ok(name) = lookup.subject.parse() {
                let codes = file.errors.iter().map(|v| v.code).collect();
                published.verdicts.insert(name, codes);
            }
            match (file.distrust(), file.contacts.is_empty()) {
                (Some(code), _) => Answer::None(code.to_owned()),
                _ if is_elsewhere(lookup) && file.canonical.is_empty() => {
                    Answer::None("redirected_elsewhere".into())
                }
                (None, true) => Answer::None("no_mail_contact".into()),
                (None, false) => Answer::Found(file.contacts),
            }
        }
    };
    put(lookup, Dated { day, answer }, published);
}

fn put(lookup: &Lookup, dated: Dated, published: &mut Published) {
    let name = lookup.subject.parse::<Domain>().ok();
    match lookup.kind {
        LookupKind::SecurityTxt => {
            name.map(|name| published.security_txt.insert(name, dated));
        }
        LookupKind::Mail => {
            name.map(|name| published.mail.insert(name, dated));
        }
        LookupKind::Rdap => {
            let number = lookup.subject.strip_prefix("AS");
            if let Ok(net) = lookup.subject.parse::<IpNet>() {
                published.rdap_nets.insert(net.trunc(), dated);
            } else if let Some(asn) = number.and_then(|n| n.parse().ok()) {
                published.rdap_asns.insert(asn, dated);
            } else {
                name.map(|name| published.rdap_names.insert(name, dated));
            }
        }
    }
}

fn or(reason: &str, otherwise: &str) -> String {
    if reason.is_empty() {
        otherwise.to_owned()
    } else {
        reason.to_owned()
    }
}

/// A file as it was served, with the faults of the serving first (RFC 9116, section 3).
#[must_use]
pub fn judge(lookup: &Lookup, now: Micros) -> SecurityTxt {
    let urls: Vec<&str> = [lookup.urls.first(), lookup.urls.last()]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let mut file = read_security_txt(&lookup.bytes(), now, &urls);
    let mut served = Vec::new();
    if let Some(url) = lookup.urls.first() {
        if !url.starts_with("https://") {
            served.push("invalid_uri_scheme");
        }
        if !url.ends_with("/.well-known/security.txt") {
            served.push("location");
        }
    }
    served.extend(media_faults(lookup.content_type.as_deref()));
    let line = None;
    let verdict = |code| super::Verdict { code, line };
    file.errors.splice(0..0, served.into_iter().map(verdict));
    file
}

/// Was the file found below another name than it was asked of? A `Canonical` field that names
/// one of the two makes up for it (RFC 9116, section 2.5.2); one that names neither is a fault.
fn is_elsewhere(lookup: &Lookup) -> bool {
    let host = |url: &String| {
        url::Url::parse(url)
            .ok()?
            .host_str()?
            .parse::<Domain>()
            .ok()
    };
    let (Some(asked), Some(found)) = (
        lookup.urls.first().and_then(host),
        lookup.urls.last().and_then(host),
    ) else {
        return false;
    };
    !(found.is_at_or_below(&asked) || asked.is_at_or_below(&found))
}

fn media_faults(content_type: Option<&str>) -> Option<&'static str> {
    let Some(content_type) = content_type else {
        return Some("no_content_type");
    };
    let mut parts = content_type.split(';').map(str::trim);
    if !parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("text/plain"))
    {
        return Some("invalid_media");
    }
    let charset = parts.find_map(|p| {
        let (name, value) = p.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    charset
        .is_some_and(|c| c != "utf-8" && c != "csutf8")
        .then_some("invalid_charset")
}

fn abuse(bytes: &[u8]) -> Answer {
    match read_rdap(bytes) {
        Ok(Rdap::Object(found)) => {
            let own: Vec<String> = found
                .into_iter()
                .filter(|m| !m.is_registrars)
                .map(|m| m.address)
                .collect();
            if own.is_empty() {
                Answer::None("no_abuse_mailbox".into())
            } else {
                Answer::Found(own)
            }
        }
        Ok(Rdap::NotFound) => Answer::None("not_found".into()),
        Ok(Rdap::Error(code)) => Answer::Unknown(format!("rdap_error_{code}")),
        Err(_) => Answer::Unknown("unreadable".into()),
    }
}

/// What one company alone registered: what two claim is neither's to be reached by.
fn own(assets: &[Arc<Asset>], now: Micros) -> BTreeMap<CompanyKey, Own> {
    let valid = || assets.iter().filter(|a| a.valid.contains(now));
    let mut owners: BTreeMap<(bool, &str), BTreeSet<&CompanyKey>> = BTreeMap::new();
    let group = |a: &Asset| matches!(a.value, AssetValue::Name(_));
    for asset in valid() {
        let key = (group(asset), asset.canonical.as_str());
        owners.entry(key).or_default().insert(&asset.company);
    }
    let mut own: BTreeMap<_, Own> = BTreeMap::new();
    for asset in valid() {
        let key = (group(asset), asset.canonical.as_str());
        if owners.get(&key).is_none_or(|o| o.len() != 1) {
            continue;
        }
        let of_company = own.entry(asset.company.clone()).or_default();
        match &asset.value {
            AssetValue::Name(name) => of_company.names.push(OwnName {
                name: name.clone(),
                is_domain: asset.kind != AssetKind::Host,
            }),
            AssetValue::Nets(nets) => of_company.nets.extend(nets),
            AssetValue::Asn(asn) => {
                of_company.asns.insert(*asn);
            }
        }
    }
    for of_company in own.values_mut() {
        of_company.names.sort();
        of_company.names.dedup();
        of_company.nets.sort();
        of_company.nets.dedup();
    }
    own
}
