//! The table `assets`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use arrow::record_batch::RecordBatch;
use ipnet::IpNet;
use jiff::tz::TimeZone;

use super::text_columns::{Faults, Refusal, Row, Unreadable, read_rows};
use super::{Kept, Settings, SuffixList};
use crate::diag::{Failure, RejectReason};
use crate::model::address::parse_ip;
use crate::model::asset::{Asset, AssetKind, AssetValue};
use crate::model::company::CompanyKey;
use crate::model::name::Domain;
use crate::model::net::{is_reserved, parse_prefix, parse_range};
use crate::model::night::Validity;
use crate::model::table::{Column, ColumnType};

pub(super) const COLUMNS: &[Column] = &[
    Column::needed("kind", ColumnType::Text),
    Column::needed("value", ColumnType::Text),
    Column::optional("valid_from", ColumnType::DateOrInstant),
    Column::optional("valid_until", ColumnType::DateOrInstant),
    Column::optional("source", ColumnType::Text),
    Column::optional("confirmed_at", ColumnType::DateOrInstant),
];

/// Reads the table of assets.
///
/// Needs `company_key` (or `company_id`), `kind` and `value`. `valid_from` is inside and
/// `valid_until` is not; a bare date is the first moment of that day in `zone`, a missing bound
/// is open. A row counts only if its company is in `companies`.
///
/// # Errors
/// `FixData` where a needed column is missing or of a wrong type. Everything else is a reject.
pub fn assets(
    batches: &[RecordBatch],
    object: &str,
    companies: &BTreeSet<CompanyKey>,
    suffixes: &SuffixList,
    zone: &TimeZone,
    settings: &Settings,
) -> Result<Kept<Asset>, Failure> {
    let rules = Rules {
        companies,
        suffixes,
        zone,
        settings,
    };
    read_assets(batches, object, &rules, &Unreadable::new())
}

/// What an asset is held against.
pub(super) struct Rules<'a> {
    pub(super) companies: &'a BTreeSet<CompanyKey>,
    pub(super) suffixes: &'a SuffixList,
    pub(super) zone: &'a TimeZone,
    pub(super) settings: &'a Settings,
}

pub(super) fn read_assets(
    batches: &[RecordBatch],
    object: &str,
    rules: &Rules<'_>,
    unreadable: &Unreadable,
) -> Result<Kept<Asset>, Failure> {
    let mut seen = BTreeSet::new();
    read_rows(batches, object, COLUMNS, unreadable, |row, faults| {
        let asset = asset(row, rules, faults)?;
        if !faults.is_empty() {
            return None;
        }
        let valid = (asset.valid.from, asset.valid.until);
        if !seen.insert((
            asset.company.clone(),
            asset.kind,
            asset.canonical.clone(),
            valid,
        )) {
            faults.add(("value", RejectReason::DuplicateRow, asset.original));
            return None;
        }
        Some(asset)
    })
}

fn asset(row: &Row<'_>, rules: &Rules<'_>, faults: &mut Faults) -> Option<Asset> {
    let company = faults.note(row.known_company(rules.companies));
    let kind_text = row.text("kind").unwrap_or_default();
    let kind = kind_text
        .to_ascii_lowercase()
        .parse()
        .map_err(|()| ("kind", RejectReason::UnknownAssetKind, kind_text.to_owned()));
    let kind = faults.note(kind);
    let original = row.text("value").unwrap_or_default();
    let value = kind.and_then(|kind| {
        let value = value(kind, original, rules.suffixes, rules.settings);
        faults.note(value.map_err(|why| ("value", why, original.to_owned())))
    });
    let valid = faults.note(validity(row, rules.zone));
    let confirmed_at = faults.note(row.bound("confirmed_at", rules.zone));
    let (value, canonical) = value?;
    Some(Asset {
        company: company?,
        kind: kind?,
        value,
        canonical,
        original: original.to_owned(),
        valid: valid?,
        source: row.line("source"),
        confirmed_at: confirmed_at?,
        row: row.number,
    })
}

fn validity(row: &Row<'_>, zone: &TimeZone) -> Result<Validity, Refusal> {
    let valid = Validity {
        from: row.bound("valid_from", zone)?,
        until: row.bound("valid_until", zone)?,
    };
    match (valid.from, valid.until) {
        (Some(from), Some(until)) if until <= from => Err((
            "valid_until",
            RejectReason::BadInterval,
            row.text("valid_until").unwrap_or_default().to_owned(),
        )),
        _ => Ok(valid),
    }
}

/// What is compared, and how it is written.
fn value(
    kind: AssetKind,
    text: &str,
    suffixes: &SuffixList,
    settings: &Settings,
) -> Result<(AssetValue, String), RejectReason> {
    if text.is_empty() {
        return Err(RejectReason::EmptyValue);
    }
    match kind {
        AssetKind::Ip => {
            let ip = parse_ip(text)?;
            Ok((
                usable_nets(vec![IpNet::from(ip)], settings)?,
                ip.to_string(),
            ))
        }
        AssetKind::Cidr => {
            let net = parse_prefix(text)?;
            Ok((usable_nets(vec![net], settings)?, net.to_string()))
        }
        AssetKind::Range => {
            let nets = parse_range(text)?;
            let ends = nets
                .first()
                .map(IpNet::network)
                .zip(nets.last().map(IpNet::broadcast));
            let (first, last) = ends.ok_or(RejectReason::BadRange)?;
            Ok((usable_nets(nets, settings)?, format!("{first}-{last}")))
        }
        AssetKind::Asn => {
            let asn = asn(text, settings)?;
            Ok((AssetValue::Asn(asn), asn.to_string()))
        }
        AssetKind::Domain | AssetKind::Host | AssetKind::EmailDomain => {
            let name = usable_name(kind, text, suffixes)?;
            let canonical = name.as_str().to_owned();
            Ok((AssetValue::Name(name), canonical))
        }
    }
}

/// Refuses what is too wide for one company, then what is nobody's.
fn usable_nets(nets: Vec<IpNet>, settings: &Settings) -> Result<AssetValue, RejectReason> {
    // A range counts as a whole: many parts may each be narrow.
    let widest = match nets.first().map(IpNet::network) {
        Some(IpAddr::V4(_)) => settings.max_prefix_v4.min(32).abs_diff(32),
        Some(IpAddr::V6(_)) => settings.max_prefix_v6.min(128).abs_diff(128),
        None => return Err(RejectReason::EmptyValue),
    };
    let hosts = |net: &IpNet| size(net.max_prefix_len() - net.prefix_len());
    let total = nets.iter().map(hosts).fold(0, u128::saturating_add);
    if total > size(widest) {
        return Err(RejectReason::PrefixTooWide);
    }
    let is_accepted = |net: &IpNet| {
        settings
            .accepted_reserved
            .iter()
            .any(|space| space.contains(net))
    };
    if nets.iter().any(|net| is_reserved(net) && !is_accepted(net)) {
        return Err(RejectReason::ReservedRange);
    }
    Ok(AssetValue::Nets(nets))
}

/// Addresses behind this many free bits; one less than all of IPv6, which is all the same here.
fn size(free_bits: u8) -> u128 {
    1_u128
        .checked_shl(u32::from(free_bits))
        .unwrap_or(u128::MAX)
}

/// `64500` or `AS64500`; dotted AS numbers (RFC 5396, `1.10`) are refused as easily misread.
///
/// Not one network's: 0 (RFC 7607), 23456 (RFC 6793), 64496–64511 and 65536–65551
/// (documentation, RFC 5398), 64512–65534 and 4200000000–4294967294 (private use, RFC 6996),
/// 65535 and 4294967295 (RFC 7300). Where the job accepts reserved space, which samples need, the
/// numbers for documentation are accepted too.
fn asn(text: &str, settings: &Settings) -> Result<u32, RejectReason> {
    let digits = match text.get(..2) {
        Some(prefix) if prefix.eq_ignore_ascii_case("as") => text.get(2..).unwrap_or_default(),
        _ => text,
    };
    let is_plain = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse::<u32>().ok().filter(|_| is_plain);
    match number.ok_or(RejectReason::BadAsn)? {
        0 | 23_456 | 64_512..=65_535 | 4_200_000_000.. => Err(RejectReason::BadAsn),
        64_496..=64_511 | 65_536..=65_551 if settings.accepted_reserved.is_empty() => {
            Err(RejectReason::BadAsn)
        }
        number => Ok(number),
    }
}

/// A host is that name alone, so a hoster's suffix can be its own site; a registry's cannot.
fn usable_name(kind: AssetKind, text: &str, suffixes: &SuffixList) -> Result<Domain, RejectReason> {
    let name: Domain = text.parse().map_err(|()| RejectReason::BadName)?;
    let is_refused = match kind {
        AssetKind::Host => suffixes.is_registry_suffix(&name),
        _ => suffixes.is_public_suffix(&name),
    };
    if is_refused {
        Err(RejectReason::PublicSuffix)
    } else {
        Ok(name)
    }
}
