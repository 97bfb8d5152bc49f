//! What a row is about: its address, name and account, read from the key columns.

use std::net::IpAddr;

use arrow::array::{
    Array, FixedSizeBinaryArray, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::record_batch::RecordBatch;

use crate::diag::{Failure, RejectReason};
use crate::model::address::parse_ip;
use crate::model::dotted_quad::dotted_quad_in;
use crate::model::name::{Domain, WildcardName};
use crate::model::observation::{HostnameSource, column};

/// The key columns of a batch; a column without any value counts as absent.
#[derive(Clone, Copy)]
pub(super) struct KeyColumns<'a> {
    pub(super) observed_at: &'a TimestampMicrosecondArray,
    pub(super) ip: Option<&'a StringArray>,
    pub(super) ip_v4: Option<&'a UInt32Array>,
    pub(super) ip_v6: Option<&'a FixedSizeBinaryArray>,
    pub(super) hostname: Option<&'a StringArray>,
    pub(super) hostname_source: Option<&'a StringArray>,
    pub(super) account_hash: Option<&'a StringArray>,
    pub(super) account_domain: Option<&'a StringArray>,
    pub(super) asn: Option<&'a UInt32Array>,
}

/// An address as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    V4(u32),
    V6(u128),
}

impl From<IpAddr> for Address {
    /// `ip` is canonical.
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::V4(ip.to_bits()),
            IpAddr::V6(ip) => Self::V6(ip.to_bits()),
        }
    }
}

/// What a column says about a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said<T> {
    Nothing,
    Readable(T),
    Unreadable(RejectReason),
}

/// A name as scans have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostName {
    Name(Domain),
    Wildcard(WildcardName),
}

impl<'a> KeyColumns<'a> {
    /// # Errors
    /// `FixData` where `observed_at` is missing; `OurBug` where a column is not in canonical form.
    pub(super) fn of(batch: &'a RecordBatch, object: &str) -> Result<Self, Failure> {
        let observed_at = batch.column_by_name(column::OBSERVED_AT).ok_or_else(|| {
            Failure::fix_data("the column is missing").at(object, column::OBSERVED_AT)
        })?;
        let observed_at = observed_at
            .as_any()
            .downcast_ref()
            .ok_or_else(|| not_canonical(observed_at, object, column::OBSERVED_AT))?;
        let ip_v6: Option<&FixedSizeBinaryArray> = find(batch, object, column::IP_V6)?;
        if let Some(ip_v6) = ip_v6
            && ip_v6.value_length() != 16
        {
            return Err(not_canonical(ip_v6, object, column::IP_V6));
        }
        Ok(Self {
            observed_at,
            ip: find(batch, object, column::IP)?,
            ip_v4: find(batch, object, column::IP_V4)?,
            ip_v6,
            hostname: find(batch, object, column::HOSTNAME)?,
            hostname_source: find(batch, object, column::HOSTNAME_SOURCE)?,
            account_hash: find(batch, object, column::ACCOUNT_HASH)?,
            account_domain: find(batch, object, column::ACCOUNT_DOMAIN)?,
            asn: find(batch, object, column::ASN)?,
        })
    }

    /// The row's address: the number where there is one, else the text.
    pub(super) fn address(&self, row: usize) -> Said<Address> {
        if let Some(ip) = at(self.ip_v4, row) {
            return Said::Readable(Address::V4(ip.value(row)));
        }
        self.address_beside_v4(row)
    }

    /// As [`KeyColumns::address`], where `ip_v4` is known to be null.
    #[inline]
    pub(super) fn address_beside_v4(&self, row: usize) -> Said<Address> {
        if let Some(ip) = at(self.ip_v6, row)
            && let Ok(bytes) = <[u8; 16]>::try_from(ip.value(row))
        {
            return Said::Readable(v4_if_mapped(u128::from_be_bytes(bytes)));
        }
        let Some(texts) = at(self.ip, row) else {
            return Said::Nothing;
        };
        match quad(texts, row) {
            Some(ip) => Said::Readable(Address::V4(ip)),
            None => read_address(texts.value(row)),
        }
    }

    /// Where the row's host name comes from; an unknown word says nothing.
    pub(super) fn hostname_source(&self, row: usize) -> HostnameSource {
        text(self.hostname_source, row)
            .and_then(|text| text.parse().ok())
            .unwrap_or(HostnameSource::Unknown)
    }

    /// Is there a keyed hash of an account?
    pub(super) fn has_account_hash(&self, row: usize) -> bool {
        text(self.account_hash, row).is_some_and(|text| !is_blank(text))
    }
}

fn find<'a, A: Array + 'static>(
    batch: &'a RecordBatch,
    object: &str,
    name: &'static str,
) -> Result<Option<&'a A>, Failure> {
    let Some(found) = batch.column_by_name(name) else {
        return Ok(None);
    };
    if found.null_count() == found.len() {
        return Ok(None);
    }
    match found.as_any().downcast_ref::<A>() {
        Some(array) => Ok(Some(array)),
        None => Err(not_canonical(found, object, name)),
    }
}

fn not_canonical(found: &dyn Array, object: &str, name: &str) -> Failure {
    Failure::our_bug(format!(
        "the column holds `{}`, which is not its canonical type",
        found.data_type()
    ))
    .at(object, name)
}

/// The array, where it has a value in this row.
#[inline]
fn at<A: Array>(array: Option<&A>, row: usize) -> Option<&A> {
    array.filter(|array| row < array.len() && array.is_valid(row))
}

/// The text of this row; `None` for null.
#[inline]
pub(super) fn text(array: Option<&StringArray>, row: usize) -> Option<&str> {
    at(array, row).map(|array| array.value(row))
}

#[inline]
fn quad(texts: &StringArray, row: usize) -> Option<u32> {
    let [start, end] = texts.value_offsets().get(row..)?.first_chunk()?;
    let (start, end) = (usize::try_from(*start).ok()?, usize::try_from(*end).ok()?);
    dotted_quad_in(texts.value_data(), start, end)
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' ' | b'\t'))
}

#[inline]
fn v4_if_mapped(ip: u128) -> Address {
    match (ip >> 32, u32::try_from(ip & 0xffff_ffff)) {
        (0xffff, Ok(v4)) => Address::V4(v4),
        _ => Address::V6(ip),
    }
}

fn read_address(text: &str) -> Said<Address> {
    match parse_ip(text) {
        Ok(ip) => Said::Readable(ip.into()),
        Err(RejectReason::EmptyValue) => Said::Nothing,
        Err(why) => Said::Unreadable(why),
    }
}

/// Reads a host name; an IP address in its place, or a blank, is none.
pub(super) fn read_hostname(text: &str) -> Said<HostName> {
    let text = text.trim_matches([' ', '\t']);
    if text.is_empty() {
        return Said::Nothing;
    }
    if let Ok(name) = text.parse() {
        return Said::Readable(HostName::Name(name));
    }
    if let Ok(name) = text.parse() {
        return Said::Readable(HostName::Wildcard(name));
    }
    if parse_ip(text).is_ok() {
        return Said::Nothing;
    }
    Said::Unreadable(RejectReason::BadHostname)
}

/// Reads the mail domain of an account.
pub(super) fn read_account_domain(text: &str) -> Said<Domain> {
    let text = text.trim_matches([' ', '\t']);
    if text.is_empty() {
        return Said::Nothing;
    }
    text.parse()
        .map_or(Said::Unreadable(RejectReason::BadHostname), Said::Readable)
}
