//! Rows that hit → owned observations; a value that does not fit its column rejects the row.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrow::array::{
    Array, FixedSizeBinaryArray, ListArray, StringArray, TimestampMicrosecondArray, UInt16Array,
    UInt32Array,
};
use arrow::record_batch::RecordBatch;

use super::columns;
use crate::diag::{Failure, Reject, RejectReason, mask};
use crate::model::address::{canonical, parse_ip};
use crate::model::observation::{HostnameSource, Observation, column as c};
use crate::model::table;

/// Whose rows these are.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// Object as listed.
    pub object: &'a str,
    /// Feed, by the object's path.
    pub feed: &'a str,
    /// Report type, by the object's path; a row's own `report` goes first.
    pub report: &'a str,
    /// Date of the snapshot, by the object's path.
    pub snapshot_date: jiff::civil::Date,
    /// Position in the object of the row group's first row.
    pub first_row: u64,
}

/// Why a row was set aside, and what could be read of it.
pub type SetAside = (Reject, Observation);

/// Observations of the rows `rows` (positions in the row group) that `batch` holds, in order,
/// and the rows that had to be rejected, with what can be read of them.
///
/// # Errors
/// A column that cannot be converted.
pub fn observations(
    batch: &RecordBatch,
    rows: &[u32],
    identity: &Identity<'_>,
) -> Result<(Vec<Observation>, Vec<SetAside>), Failure> {
    let canonical = table::canonical(batch, &columns::ALL, identity.object)?;
    if batch.num_rows() != rows.len() {
        return Err(Failure::fix_data("a row group ends before its footer says")
            .at(identity.object, "")
            .hint("the file is cut or damaged: deliver it again, whole"));
    }
    let view = View::of(&canonical.batch)?;
    let shared = (
        Arc::from(identity.object),
        Arc::from(identity.feed),
        Arc::from(identity.report),
    );
    let (mut found, mut rejects) = (Vec::with_capacity(rows.len()), Vec::new());
    for (at, row) in rows.iter().enumerate() {
        let row = identity.first_row + u64::from(*row);
        let misfit = canonical.misfits.iter().find(|(i, _)| *i == at);
        let wrong = match misfit {
            Some((_, c::PORT)) => Some((c::PORT, RejectReason::BadPort, String::new())),
            Some((_, column)) => Some((*column, RejectReason::BadNumber, String::new())),
            None => view.bad_severity(at),
        };
        let observation = view.observation(at, row, identity, &shared);
        if let Some((column, why, found)) = wrong {
            let reject = Reject {
                object: identity.object.to_owned(),
                row,
                column,
                why,
                found,
            };
            rejects.push((reject, observation));
            continue;
        }
        found.push(observation);
    }
    Ok((found, rejects))
}

type Shared = (Arc<str>, Arc<str>, Arc<str>);

/// Typed columns of a canonical batch.
struct View<'a> {
    batch: &'a RecordBatch,
    observed_at: &'a TimestampMicrosecondArray,
    v4: &'a UInt32Array,
    v6: &'a FixedSizeBinaryArray,
    port: &'a UInt16Array,
    asn: &'a UInt32Array,
    cve: &'a ListArray,
}

impl<'a> View<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, Failure> {
        Ok(Self {
            batch,
            observed_at: typed(batch, c::OBSERVED_AT)?,
            v4: typed(batch, c::IP_V4)?,
            v6: typed(batch, c::IP_V6)?,
            port: typed(batch, c::PORT)?,
            asn: typed(batch, c::ASN)?,
            cve: typed(batch, c::CVE)?,
        })
    }

    /// A text; blank counts as missing.
    fn text(&self, name: &str, at: usize) -> Option<&'a str> {
        let array = self
            .batch
            .column_by_name(name)?
            .as_any()
            .downcast_ref::<StringArray>()?;
        let text = array.is_valid(at).then(|| array.value(at))?;
        (!text.trim().is_empty()).then_some(text)
    }

    fn owned(&self, name: &str, at: usize) -> Option<String> {
        self.text(name, at).map(str::to_owned)
    }

    fn bad_severity(&self, at: usize) -> Option<(&'static str, RejectReason, String)> {
        let text = self.text(c::SEVERITY, at)?;
        let is_known = text
            .trim()
            .to_lowercase()
            .parse::<crate::model::observation::Severity>()
            .is_ok();
        (!is_known).then(|| (c::SEVERITY, RejectReason::BadSeverity, mask(text)))
    }

    fn ip(&self, at: usize) -> Option<IpAddr> {
        if self.v4.is_valid(at) {
            return Some(IpAddr::V4(Ipv4Addr::from(self.v4.value(at))));
        }
        if self.v6.is_valid(at) {
            let bytes: [u8; 16] = self.v6.value(at).try_into().ok()?;
            return Some(canonical(IpAddr::V6(Ipv6Addr::from(bytes))));
        }
        parse_ip(self.text(c::IP, at)?).ok()
    }

    fn cves(&self, at: usize) -> Vec<String> {
        let mut cves: Vec<String> = Vec::new();
        if self.cve.is_valid(at) {
            let list = self.cve.value(at);
            if let Some(texts) = list.as_any().downcast_ref::<StringArray>() {
                cves.extend(texts.iter().flatten().map(|t| t.trim().to_uppercase()));
            }
        }
        cves.sort();
        cves.dedup();
        cves
    }

    fn observation(
        &self,
        at: usize,
        row: u64,
        identity: &Identity<'_>,
        shared: &Shared,
    ) -> Observation {
        let lower = |name| self.text(name, at).map(|t| t.trim().to_lowercase());
        let report = self.text(c::REPORT, at).filter(|r| *r != identity.report);
        Observation {
            object: Arc::clone(&shared.0),
            row,
            observed_at: self.observed_at.value(at),
            snapshot_date: identity.snapshot_date,
            feed: Arc::clone(&shared.1),
            report: report.map_or_else(|| Arc::clone(&shared.2), Arc::from),
            ip: self.ip(at),
            port: self.port.is_valid(at).then(|| self.port.value(at)),
            protocol: lower(c::PROTOCOL),
            hostname: self.text(c::HOSTNAME, at).map(|t| t.trim().to_owned()),
            hostname_source: lower(c::HOSTNAME_SOURCE)
                .and_then(|t| t.parse().ok())
                .unwrap_or(HostnameSource::Unknown),
            account_hash: lower(c::ACCOUNT_HASH),
            account_domain: lower(c::ACCOUNT_DOMAIN),
            asn: self.asn.is_valid(at).then(|| self.asn.value(at)),
            tags: self
                .text(c::TAG, at)
                .map(|t| {
                    t.split([';', ','])
                        .map(|t| t.trim().to_owned())
                        .filter(|t| !t.is_empty())
                        .collect()
                })
                .unwrap_or_default(),
            cves: self.cves(at),
            vendor: self.owned(c::VENDOR, at),
            product: self.owned(c::PRODUCT, at),
            version: self.owned(c::VERSION, at),
            severity: lower(c::SEVERITY).and_then(|t| t.parse().ok()),
            tlp: self.owned(c::TLP, at),
            classification_taxonomy: self.owned(c::CLASSIFICATION_TAXONOMY, at),
            classification_type: self.owned(c::CLASSIFICATION_TYPE, at),
            trigger_id: self.owned(c::TRIGGER_ID, at),
        }
    }
}

fn typed<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a T, Failure> {
    batch
        .column_by_name(name)
        .and_then(|array| array.as_any().downcast_ref::<T>())
        .ok_or_else(|| Failure::our_bug(format!("the canonical column `{name}` is missing")))
}
