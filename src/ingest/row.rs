//! One line: what it says, or the one fault for which it is set aside.

use std::borrow::Cow;

use csv::ByteRecord;

use super::cell;
use super::layout::Layout;
use crate::diag::RejectReason;
use crate::model::address::parse_ip;
use crate::model::identity::Secret;
use crate::model::name::Domain;
use crate::model::observation::{HostnameSource, Severity};

/// The parts of a line that can be at fault, read before anything is written.
pub(super) struct Checked<'r> {
    pub observed_at: i64,
    pub ip: Option<(std::net::IpAddr, Cow<'r, str>)>,
    pub hostname: Option<(Cow<'r, str>, HostnameSource)>,
    pub account: Option<(String, String)>,
    pub port: Option<u16>,
    pub asn: Option<u32>,
    pub severity: Option<Severity>,
}

/// Column, reason, value.
pub(super) type Fault<'r> = (&'static str, RejectReason, &'r [u8]);

/// Reads what can be at fault.
///
/// # Errors
/// Column, reason and value of the first fault.
pub(super) fn check<'r>(
    record: &'r ByteRecord,
    layout: &Layout,
    key: Option<&Secret>,
    by_default: Option<Severity>,
) -> Result<Checked<'r>, Fault<'r>> {
    let mut surplus = record.iter().skip(layout.n_fields);
    if let Some(first) = surplus.find(|cell| !cell::trimmed(cell).is_empty()) {
        return Err(("", RejectReason::WrongFieldCount, first));
    }
    let timestamp = at(record, Some(layout.timestamp));
    let observed_at =
        cell::instant(timestamp).ok_or(("timestamp", RejectReason::BadTime, timestamp))?;
    let ip = read_ip(at(record, layout.ip))?;
    let hostname = read_hostname(record, layout);
    let account = read_account(record, layout, key)?;
    if ip.is_none() && account.is_none() {
        match &hostname {
            None => return Err(("", RejectReason::NoSubject, b"")),
            Some((name, _)) if name.parse::<Domain>().is_err() => {
                let column = layout.hostname.first().map(|(column, _)| *column);
                return Err(("hostname", RejectReason::BadHostname, at(record, column)));
            }
            Some(_) => {}
        }
    }
    let port = at(record, layout.port);
    let asn = at(record, layout.asn);
    Ok(Checked {
        observed_at,
        ip,
        hostname,
        account,
        port: cell::number(port).map_err(|()| ("port", RejectReason::BadPort, port))?,
        asn: cell::asn(asn).map_err(|()| ("asn", RejectReason::BadNumber, asn))?,
        severity: read_severity(at(record, layout.severity))?.or(by_default),
    })
}

fn read_account<'r>(
    record: &'r ByteRecord,
    layout: &Layout,
    key: Option<&Secret>,
) -> Result<Option<(String, String)>, Fault<'r>> {
    let Some(key) = key else {
        return Ok(None);
    };
    for column in &layout.account {
        let address = at(record, Some(*column));
        if address.is_empty() {
            continue;
        }
        let text =
            std::str::from_utf8(address).map_err(|_| ("email", RejectReason::NotUtf8, address))?;
        let Some((user, domain)) = text.rsplit_once('@').filter(|(user, _)| !user.is_empty())
        else {
            continue;
        };
        let domain: Domain = domain
            .parse()
            .map_err(|()| ("email", RejectReason::BadEmail, address))?;
        // Upper and lower case are one mailbox everywhere but in the letter of RFC 5321.
        let canonical = format!("{}@{domain}", user.to_lowercase());
        let hash = hex::encode(key.hmac(canonical.as_bytes()));
        return Ok(Some((hash, domain.as_str().to_owned())));
    }
    Ok(None)
}

type Ip<'r> = Option<(std::net::IpAddr, Cow<'r, str>)>;

fn read_ip(cell: &[u8]) -> Result<Ip<'_>, Fault<'_>> {
    if cell.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(cell).map_err(|_| ("ip", RejectReason::NotUtf8, cell))?;
    let ip = parse_ip(text).map_err(|why| ("ip", why, cell))?;
    Ok(Some((ip, Cow::Borrowed(text))))
}

fn read_hostname<'r>(
    record: &'r ByteRecord,
    layout: &Layout,
) -> Option<(Cow<'r, str>, HostnameSource)> {
    layout.hostname.iter().find_map(|(column, source)| {
        let name = text(record, Some(*column))?;
        if matches!(source, HostnameSource::Ptr | HostnameSource::ForwardDns) {
            return Some((name, *source));
        }
        // The host of an address bar may be an address: that is no name.
        let host = cell::host_of(&name);
        let is_name = !host.is_empty() && parse_ip(host).is_err();
        is_name.then(|| (Cow::Owned(host.to_owned()), *source))
    })
}

fn read_severity(cell: &[u8]) -> Result<Option<Severity>, Fault<'_>> {
    if cell.is_empty() {
        return Ok(None);
    }
    let mut word = cell::lossy(cell);
    if word.bytes().any(|b| b.is_ascii_uppercase()) {
        word.to_mut().make_ascii_lowercase();
    }
    word.parse()
        .map(Some)
        .map_err(|()| ("severity", RejectReason::BadSeverity, cell))
}

/// A cell, trimmed; blank where the line is too short or the file has no such column.
pub(super) fn at(record: &ByteRecord, column: Option<usize>) -> &[u8] {
    column
        .and_then(|column| record.get(column))
        .map(cell::trimmed)
        .unwrap_or_default()
}

/// A cell that is not blank, as text.
pub(super) fn text(record: &ByteRecord, column: Option<usize>) -> Option<Cow<'_, str>> {
    let cell = at(record, column);
    (!cell.is_empty()).then(|| cell::lossy(cell))
}

/// The tags of a cell; reports differ in the sign between them.
pub(super) fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split([';', ','])
        .map(str::trim)
        .filter(|t| !t.is_empty())
}
