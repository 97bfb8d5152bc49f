//! The table's columns while they grow.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayBuilder, ArrayRef, FixedSizeBinaryBuilder, ListBuilder, StringBuilder,
    TimestampMicrosecondBuilder, UInt16Builder, UInt32Array, UInt32Builder, UInt64Builder,
};
use arrow::error::ArrowError;
use csv::ByteRecord;

use super::cell;
use super::layout::Layout;
use super::row::{at, tags, text};
use super::text_column::TextColumn;
use crate::diag::Failure;

/// The columns that grow row by row, in the order of the files.
pub(super) struct Columns {
    pub observed_at: TimestampMicrosecondBuilder,
    pub feed: TextColumn,
    pub report: TextColumn,
    pub ip: TextColumn,
    pub ip_v4: UInt32Builder,
    pub ip_v6: FixedSizeBinaryBuilder,
    pub port: UInt16Builder,
    pub protocol: TextColumn,
    pub hostname: TextColumn,
    pub hostname_source: TextColumn,
    pub account_hash: TextColumn,
    pub account_domain: TextColumn,
    pub asn: UInt32Builder,
    pub tag: TextColumn,
    pub cve: ListBuilder<StringBuilder>,
    pub vendor: TextColumn,
    pub product: TextColumn,
    pub version: TextColumn,
    pub severity: TextColumn,
    pub tlp: TextColumn,
    pub taxonomy: TextColumn,
    pub kind: TextColumn,
    pub trigger_id: TextColumn,
    pub source_object: TextColumn,
    pub source_row: UInt64Builder,
    pub extra: TextColumn,
    n_cves: usize,
    scratch: String,
    cves: Vec<String>,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            observed_at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            feed: TextColumn::default(),
            report: TextColumn::default(),
            ip: TextColumn::default(),
            ip_v4: UInt32Builder::new(),
            ip_v6: FixedSizeBinaryBuilder::new(16),
            port: UInt16Builder::new(),
            protocol: TextColumn::default(),
            hostname: TextColumn::default(),
            hostname_source: TextColumn::default(),
            account_hash: TextColumn::default(),
            account_domain: TextColumn::default(),
            asn: UInt32Builder::new(),
            tag: TextColumn::default(),
            cve: ListBuilder::new(StringBuilder::new()),
            vendor: TextColumn::default(),
            product: TextColumn::default(),
            version: TextColumn::default(),
            severity: TextColumn::default(),
            tlp: TextColumn::default(),
            taxonomy: TextColumn::default(),
            kind: TextColumn::default(),
            trigger_id: TextColumn::default(),
            source_object: TextColumn::default(),
            source_row: UInt64Builder::new(),
            extra: TextColumn::default(),
            n_cves: 0,
            scratch: String::new(),
            cves: Vec::new(),
        }
    }
}

impl Columns {
    /// Bytes of text in the columns that may grow large.
    pub fn n_bytes(&self) -> usize {
        [
            &self.extra,
            &self.hostname,
            &self.tag,
            &self.product,
            &self.version,
            &self.vendor,
            &self.account_hash,
        ]
        .iter()
        .map(|c| c.n_bytes())
        .sum()
    }

    pub fn append_ip(
        &mut self,
        ip: Option<(std::net::IpAddr, Cow<'_, str>)>,
    ) -> Result<(), Failure> {
        let (ip, text) = ip.unzip();
        self.ip.append(text.as_deref());
        match ip {
            Some(std::net::IpAddr::V4(v4)) => {
                self.ip_v4.append_value(v4.to_bits());
                self.ip_v6.append_null();
            }
            Some(std::net::IpAddr::V6(v6)) => {
                self.ip_v4.append_null();
                self.ip_v6
                    .append_value(v6.octets())
                    .map_err(|e| Failure::our_bug(format!("an address of 16 bytes: {e}")))?;
            }
            None => {
                self.ip_v4.append_null();
                self.ip_v6.append_null();
            }
        }
        Ok(())
    }

    pub fn append_protocol(&mut self, cell: &[u8], by_default: &str) {
        let mut protocol = cell::lossy(cell);
        if protocol.bytes().any(|b| b.is_ascii_uppercase()) {
            protocol.to_mut().make_ascii_lowercase();
        }
        let protocol = if protocol.is_empty() {
            by_default
        } else {
            &protocol
        };
        self.protocol
            .append((!protocol.is_empty()).then_some(protocol));
    }

    pub fn append_tag_and_cves(&mut self, record: &ByteRecord, layout: &Layout) {
        self.scratch.clear();
        if let Some(tag) = text(record, layout.tag) {
            for tag in tags(&tag) {
                // Some reports separate tags by commas; the table has one sign only.
                if !self.scratch.is_empty() {
                    self.scratch.push(';');
                }
                self.scratch.push_str(tag);
            }
        }
        self.tag
            .append((!self.scratch.is_empty()).then_some(&self.scratch));
        let cves = &mut self.cves;
        cves.clear();
        for column in &layout.cve_texts {
            if let Some(text) = text(record, Some(*column)) {
                cell::add_cves(&text, cves);
            }
        }
        for (column, cve) in &layout.cve_flags {
            if cell::is_yes(at(record, Some(*column))) {
                cves.push((*cve).to_owned());
            }
        }
        cves.sort_unstable();
        cves.dedup();
        for cve in cves.iter() {
            self.cve.values().append_value(cve);
        }
        self.n_cves += cves.len();
        self.cve.append(!cves.is_empty());
    }

    pub fn append_product(&mut self, record: &ByteRecord, layout: &Layout) {
        let first = |columns: &[usize]| columns.iter().find_map(|at| text(record, Some(*at)));
        let joined = first(&layout.product_with_version);
        let (joined_product, joined_version) =
            joined.as_deref().map(cell::product_and_version).unzip();
        let product = first(&layout.product);
        // The version beside a server's name is that server's, not the device's.
        let joined_version = joined_version.flatten().filter(|_| product.is_none());
        self.vendor.append(first(&layout.vendor).as_deref());
        self.product.append(
            product
                .as_deref()
                .or(joined_product)
                .filter(|p| !p.is_empty()),
        );
        self.version
            .append(first(&layout.version).as_deref().or(joined_version));
    }

    /// The columns of the table but for its date, in another order; empties them.
    ///
    /// # Errors
    /// Where the order and the columns do not fit.
    pub fn finish(
        &mut self,
        order: &UInt32Array,
        snapshot_date: ArrayRef,
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let has_cves = std::mem::take(&mut self.n_cves) > 0;
        let sorted = |builder: &mut dyn ArrayBuilder| {
            let array = builder.finish();
            let is_worth_it = array.null_count() < array.len();
            if is_worth_it {
                arrow::compute::take(&array, order, None)
            } else {
                Ok(array)
            }
        };
        let cve: ArrayRef = Arc::new(self.cve.finish());
        let cve = if has_cves {
            arrow::compute::take(&cve, order, None)?
        } else {
            cve
        };
        Ok(vec![
            sorted(&mut self.observed_at)?,
            self.feed.finish(order)?,
            self.report.finish(order)?,
            self.ip.finish(order)?,
            sorted(&mut self.ip_v4)?,
            sorted(&mut self.ip_v6)?,
            sorted(&mut self.port)?,
            self.protocol.finish(order)?,
            self.hostname.finish(order)?,
            self.hostname_source.finish(order)?,
            self.account_hash.finish(order)?,
            self.account_domain.finish(order)?,
            sorted(&mut self.asn)?,
            self.tag.finish(order)?,
            cve,
            self.vendor.finish(order)?,
            self.product.finish(order)?,
            self.version.finish(order)?,
            self.severity.finish(order)?,
            self.tlp.finish(order)?,
            self.taxonomy.finish(order)?,
            self.kind.finish(order)?,
            self.trigger_id.finish(order)?,
            self.source_object.finish(order)?,
            sorted(&mut self.source_row)?,
            snapshot_date,
            self.extra.finish(order)?,
        ])
    }
}
