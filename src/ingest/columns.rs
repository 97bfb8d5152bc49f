//! The table's columns while they grow.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeBinaryBuilder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder,
    UInt16Builder, UInt32Builder, UInt64Builder,
};
use csv::ByteRecord;

use super::cell;
use super::layout::Layout;
use super::row::{at, tags, text};
use crate::diag::Failure;

/// The columns that grow row by row, in the order of the files.
pub(super) struct Columns {
    pub observed_at: TimestampMicrosecondBuilder,
    pub ip: StringBuilder,
    pub ip_v4: UInt32Builder,
    pub ip_v6: FixedSizeBinaryBuilder,
    pub port: UInt16Builder,
    pub protocol: StringBuilder,
    pub hostname: StringBuilder,
    pub hostname_source: StringBuilder,
    pub account_hash: StringBuilder,
    pub account_domain: StringBuilder,
    pub asn: UInt32Builder,
    pub tag: StringBuilder,
    pub cve: ListBuilder<StringBuilder>,
    pub vendor: StringBuilder,
    pub product: StringBuilder,
    pub version: StringBuilder,
    pub severity: StringBuilder,
    pub tlp: StringBuilder,
    pub taxonomy: StringBuilder,
    pub kind: StringBuilder,
    pub source_object: StringBuilder,
    pub source_row: UInt64Builder,
    pub extra: StringBuilder,
    scratch: String,
    cves: Vec<String>,
}

impl Columns {
    /// Empty columns with room for this many rows out of this many bytes. Growing would copy
    /// each column several times; room that is not used costs nothing.
    pub fn with_room(n_rows: usize, n_bytes: usize) -> Self {
        let text = || StringBuilder::with_capacity(n_rows, n_rows * 16);
        Self {
            observed_at: TimestampMicrosecondBuilder::with_capacity(n_rows).with_timezone("UTC"),
            ip: text(),
            ip_v4: UInt32Builder::with_capacity(n_rows),
            ip_v6: FixedSizeBinaryBuilder::with_capacity(n_rows, 16),
            port: UInt16Builder::with_capacity(n_rows),
            protocol: text(),
            hostname: StringBuilder::with_capacity(n_rows, n_rows * 32),
            hostname_source: text(),
            account_hash: text(),
            account_domain: text(),
            asn: UInt32Builder::with_capacity(n_rows),
            tag: text(),
            cve: ListBuilder::with_capacity(StringBuilder::new(), n_rows),
            vendor: text(),
            product: text(),
            version: text(),
            severity: text(),
            tlp: text(),
            taxonomy: text(),
            kind: text(),
            source_object: text(),
            source_row: UInt64Builder::with_capacity(n_rows),
            extra: StringBuilder::with_capacity(n_rows, n_bytes),
            scratch: String::new(),
            cves: Vec::new(),
        }
    }

    pub fn append_ip(
        &mut self,
        ip: Option<(std::net::IpAddr, Cow<'_, str>)>,
    ) -> Result<(), Failure> {
        let (ip, text) = ip.unzip();
        self.ip.append_option(text);
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
            .append_option((!protocol.is_empty()).then_some(protocol));
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
            .append_option((!self.scratch.is_empty()).then_some(&self.scratch));
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
        self.vendor.append_option(first(&layout.vendor));
        self.product.append_option(
            product
                .as_deref()
                .or(joined_product)
                .filter(|p| !p.is_empty()),
        );
        self.version
            .append_option(first(&layout.version).as_deref().or(joined_version));
    }

    pub fn finish(
        &mut self,
        feed: ArrayRef,
        report: ArrayRef,
        snapshot_date: ArrayRef,
    ) -> Vec<ArrayRef> {
        let n_rows = feed.len();
        let trigger_id = arrow::array::new_null_array(&arrow::datatypes::DataType::Utf8, n_rows);
        vec![
            Arc::new(self.observed_at.finish()),
            feed,
            report,
            Arc::new(self.ip.finish()),
            Arc::new(self.ip_v4.finish()),
            Arc::new(self.ip_v6.finish()),
            Arc::new(self.port.finish()),
            Arc::new(self.protocol.finish()),
            Arc::new(self.hostname.finish()),
            Arc::new(self.hostname_source.finish()),
            Arc::new(self.account_hash.finish()),
            Arc::new(self.account_domain.finish()),
            Arc::new(self.asn.finish()),
            Arc::new(self.tag.finish()),
            Arc::new(self.cve.finish()),
            Arc::new(self.vendor.finish()),
            Arc::new(self.product.finish()),
            Arc::new(self.version.finish()),
            Arc::new(self.severity.finish()),
            Arc::new(self.tlp.finish()),
            Arc::new(self.taxonomy.finish()),
            Arc::new(self.kind.finish()),
            trigger_id,
            Arc::new(self.source_object.finish()),
            Arc::new(self.source_row.finish()),
            snapshot_date,
            Arc::new(self.extra.finish()),
        ]
    }
}
