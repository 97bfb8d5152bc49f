//! One line: what it says, or the one fault for which it is set aside.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use super::cell;
use super::layout::Layout;
use super::line::Line;
use crate::diag::RejectReason;
use crate::model::address::parse_ip;
use crate::model::dotted_quad::dotted_quad;
use crate::model::identity::Secret;
use crate::model::name::Domain;
use crate::model::observation::{HostnameSource, Severity};

/// The parts of a line that can be at fault, read before anything is written.
pub(super) struct Checked<'r> {
    pub observed_at: i64,
    /// The address; its text as delivered where the number does not give it.
    pub ip: Ip<'r>,
    pub hostname: Option<(Cow<'r, str>, HostnameSource)>,
    pub account: Option<(String, String)>,
    pub port: Option<u16>,
    pub asn: Option<u32>,
    pub severity: Option<Severity>,
}

/// Column, reason, value.
pub(super) type Fault<'r> = (&'static str, RejectReason, &'r [u8]);

/// What a row may lean on where it says nothing itself.
pub(super) struct Defaults<'k> {
    /// Key that accounts are hashed with.
    pub key: Option<&'k Secret>,
    pub severity: Option<Severity>,
    /// Time of rows that state none.
    pub observed_at: i64,
}

/// Reads what can be at fault.
///
/// # Errors
/// Column, reason and value of the first fault.
pub(super) fn check<'r>(
    line: Line<'r>,
    layout: &Layout,
    defaults: &Defaults<'_>,
) -> Result<Checked<'r>, Fault<'r>> {
    let mut surplus = line.record.iter().skip(layout.n_fields);
    if let Some(first) = surplus.find(|cell| !cell::trimmed(cell).is_empty()) {
        return Err(("", RejectReason::WrongFieldCount, first));
    }
    let observed_at = read_time(line, layout, defaults.observed_at)?;
    let mut ip = read_ip(line.at(layout.ip))?;
    let mut hostname = read_hostname(line, layout);
    if layout.either.is_some() {
        read_either(line, layout, &mut ip, &mut hostname)?;
    }
    let account = read_account(line, layout, defaults.key)?;
    if ip.is_none() && account.is_none() {
        match &hostname {
            None => return Err(("", RejectReason::NoSubject, b"")),
            Some((name, _)) if name.parse::<Domain>().is_err() => {
                let column = layout.hostname.first().map(|(column, _)| *column);
                let column = column.or(layout.either);
                return Err(("hostname", RejectReason::BadHostname, line.at(column)));
            }
            Some(_) => {}
        }
    }
    let port = line.at(layout.port);
    let asn = line.at(layout.asn);
    Ok(Checked {
        observed_at,
        ip,
        hostname,
        account,
        port: cell::number(port).map_err(|()| ("port", RejectReason::BadPort, port))?,
        asn: cell::asn(asn).map_err(|()| ("asn", RejectReason::BadNumber, asn))?,
        severity: read_severity(line.at(layout.severity))?.or(defaults.severity),
    })
}

fn read_time<'r>(line: Line<'r>, layout: &Layout, by_default: i64) -> Result<i64, Fault<'r>> {
    let time = line.at(layout.timestamp);
    if time.is_empty() && (layout.timestamp.is_none() || layout.has_dates) {
        return Ok(by_default);
    }
    cell::instant(time)
        .or_else(|| cell::midnight(time).filter(|_| layout.has_dates))
        .ok_or(("timestamp", RejectReason::BadTime, time))
}

/// A cell that is an address, an address with a port, a name or a URL.
fn read_either<'r>(
    line: Line<'r>,
    layout: &Layout,
    ip: &mut Ip<'r>,
    hostname: &mut Option<(Cow<'r, str>, HostnameSource)>,
) -> Result<(), Fault<'r>> {
    let subject = line.at(layout.either);
    if subject.is_empty() {
        return Ok(());
    }
    let text = std::str::from_utf8(subject).map_err(|_| ("ip", RejectReason::NotUtf8, subject))?;
    let host = cell::host_of(text);
    match read_address(host) {
        Ok(found) if ip.is_none() => *ip = Some(found),
        Ok(_) => {}
        // What is made of digits and dots was meant as an address, and is none.
        Err(why)
            if host
                .bytes()
                .all(|b| b.is_ascii_digit() || b".:%[]xX/".contains(&b)) =>
        {
            return Err(("ip", why, subject));
        }
        Err(_) if hostname.is_none() => {
            *hostname = Some((Cow::Borrowed(host), HostnameSource::ScanTarget));
        }
        Err(_) => {}
    }
    Ok(())
}

fn read_account<'r>(
    line: Line<'r>,
    layout: &Layout,
    key: Option<&Secret>,
) -> Result<Option<(String, String)>, Fault<'r>> {
    let Some(key) = key else {
        return Ok(None);
    };
    for column in &layout.account {
        let account = line.at(Some(*column));
        if account.is_empty() {
            continue;
        }
        let text =
            std::str::from_utf8(account).map_err(|_| ("email", RejectReason::NotUtf8, account))?;
        let domain = line.at(layout.domain);
        let Some((user, domain)) = text
            .rsplit_once('@')
            .or_else(|| Some((text, std::str::from_utf8(domain).ok()?)))
            .filter(|(user, domain)| !user.is_empty() && !domain.is_empty())
        else {
            continue;
        };
        let domain: Domain = domain
            .parse()
            .map_err(|()| ("email", RejectReason::BadEmail, account))?;
        // Upper and lower case are one mailbox everywhere but in the letter of RFC 5321.
        let canonical = format!("{}@{domain}", user.to_lowercase());
        let hash = hex::encode(key.hmac(canonical.as_bytes()));
        return Ok(Some((hash, domain.as_str().to_owned())));
    }
    Ok(None)
}

type Ip<'r> = Option<(IpAddr, Option<Cow<'r, str>>)>;

fn read_ip(cell: &[u8]) -> Result<Ip<'_>, Fault<'_>> {
    if cell.is_empty() {
        return Ok(None);
    }
    if let Some(v4) = dotted_quad(cell) {
        return Ok(Some((IpAddr::V4(Ipv4Addr::from_bits(v4)), None)));
    }
    let text = std::str::from_utf8(cell).map_err(|_| ("ip", RejectReason::NotUtf8, cell))?;
    let found = read_address(text).map_err(|why| ("ip", why, cell))?;
    Ok(Some(found))
}

/// An address, and its text unless that is what the number is written as.
fn read_address(text: &str) -> Result<(IpAddr, Option<Cow<'_, str>>), RejectReason> {
    if let Some(v4) = dotted_quad(text.as_bytes()) {
        return Ok((IpAddr::V4(Ipv4Addr::from_bits(v4)), None));
    }
    Ok((parse_ip(text)?, Some(Cow::Borrowed(text))))
}

/// Can [`parse_ip`] read it? Most names have a letter that no address has, and are done with soon.
fn is_address(text: &str) -> bool {
    let may_stand = |b: u8| b.is_ascii_hexdigit() || matches!(b, b'.' | b':' | b' ' | b'\t');
    text.bytes().all(may_stand) && parse_ip(text).is_ok()
}

fn read_hostname<'r>(line: Line<'r>, layout: &Layout) -> Option<(Cow<'r, str>, HostnameSource)> {
    layout.hostname.iter().find_map(|(column, source)| {
        let name = line.text(Some(*column))?;
        if matches!(source, HostnameSource::Ptr | HostnameSource::ForwardDns) {
            return Some((name, *source));
        }
        // The host of an address bar may be an address: that is no name.
        let host = match name {
            Cow::Borrowed(name) => Cow::Borrowed(cell::host_of(name)),
            Cow::Owned(name) => Cow::Owned(cell::host_of(&name).to_owned()),
        };
        let is_name = !host.is_empty() && !is_address(&host);
        is_name.then_some((host, *source))
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

/// The tags of a cell; reports differ in the sign between them.
pub(super) fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split([';', ','])
        .map(str::trim)
        .filter(|t| !t.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Both short cuts say what the whole reading says.
        #[test]
        fn short_cuts_read_addresses_as_the_reading_does(
            text in "[0-9.]{1,16}|[0-9]{1,3}(\\.[0-9]{1,3}){3}|[ \t]?[0-9a-fA-F:]{2,20}|::(ffff:)?[0-9.]{7,15}|[a-z0-9.:% \\PC]{0,12}",
        ) {
            let std = parse_ip(&text);
            prop_assert_eq!(is_address(&text), std.is_ok());
            match read_address(&text) {
                Ok((ip, None)) => {
                    prop_assert_eq!(Ok(ip), std);
                    prop_assert_eq!(ip.to_string(), text.as_str());
                }
                Ok((ip, Some(kept))) => {
                    prop_assert_eq!(Ok(ip), std);
                    prop_assert_eq!(kept.as_ref(), text.as_str());
                }
                Err(why) => prop_assert_eq!(Err(why), std),
            }
        }
    }
}
