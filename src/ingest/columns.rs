//! The table's columns while they grow.

use std::net::IpAddr;

use arrow::array::ArrayRef;
use arrow::datatypes::{FieldRef, Schema, UInt16Type, UInt32Type, UInt64Type};
use arrow::error::ArrowError;

use super::cell;
use super::column::{Column, Cves, Moments, OneDate, V6Addresses};
use super::layout::Layout;
use super::line::Line;
use super::number_column::NumberColumn;
use super::row::{Checked, tags};
use super::text_column::TextColumn;
use crate::model::observation::{OBSERVATIONS, column as c};

/// The columns that grow row by row.
#[derive(Default)]
pub(super) struct Columns {
    /// Rows so far.
    n_rows: usize,
    observed_at: Moments,
    pub feed: TextColumn,
    pub report: TextColumn,
    /// Addresses that are written in another way than their number would be.
    ip: TextColumn,
    ip_v4: NumberColumn<UInt32Type>,
    ip_v6: V6Addresses,
    port: NumberColumn<UInt16Type>,
    pub protocol: TextColumn,
    pub hostname: TextColumn,
    pub hostname_source: TextColumn,
    pub account_hash: TextColumn,
    pub account_domain: TextColumn,
    asn: NumberColumn<UInt32Type>,
    tag: TextColumn,
    cve: Cves,
    vendor: TextColumn,
    product: TextColumn,
    version: TextColumn,
    pub severity: TextColumn,
    pub tlp: TextColumn,
    pub taxonomy: TextColumn,
    pub kind: TextColumn,
    pub trigger_id: TextColumn,
    pub source_object: TextColumn,
    source_row: NumberColumn<UInt64Type>,
    pub snapshot_date: OneDate,
    pub extra: TextColumn,
    scratch: String,
    cves: Vec<String>,
}

impl Columns {
    /// The columns of a delivery that does not say otherwise: what its rows leave out is null.
    pub fn begin_delivery(&mut self, row: usize) {
        for column in self.of_rows() {
            column.fill(row, None);
        }
    }

    /// Begins a row with its numbers; the position of the row.
    pub fn begin_row(&mut self, row: &Checked<'_>, source_row: u64) -> usize {
        let position = self.n_rows;
        self.n_rows += 1;
        self.observed_at.0.push(Some(row.observed_at));
        self.port.push(row.port);
        self.asn.push(row.asn);
        self.source_row.push(Some(source_row));
        let (ip, text) = match &row.ip {
            Some((ip, text)) => (Some(*ip), text.as_deref()),
            None => (None, None),
        };
        self.ip.set(position, text);
        self.ip_v4.push(match ip {
            Some(IpAddr::V4(v4)) => Some(v4.to_bits()),
            _ => None,
        });
        if let Some(IpAddr::V6(v6)) = ip {
            self.ip_v6.set(position, v6.to_bits());
        }
        position
    }

    pub fn set_protocol(&mut self, row: usize, cell: &[u8], by_default: &str) {
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
            .set(row, (!protocol.is_empty()).then_some(protocol));
    }

    pub fn set_tag_and_cves(&mut self, row: usize, line: Line<'_>, layout: &Layout) {
        let tag = line.text(layout.tag);
        match tag.as_deref() {
            // Most rows have one tag.
            Some(tag) if !tag.bytes().any(|b| b == b';' || b == b',') => {
                self.tag
                    .set(row, Some(tag.trim()).filter(|t| !t.is_empty()));
            }
            Some(all) => {
                self.scratch.clear();
                for tag in tags(all) {
                    // Some reports separate tags by commas; the table has one sign only.
                    if !self.scratch.is_empty() {
                        self.scratch.push(';');
                    }
                    self.scratch.push_str(tag);
                }
                let tag = (!self.scratch.is_empty()).then_some(&*self.scratch);
                self.tag.set(row, tag);
            }
            None => self.tag.set(row, None),
        }
        let cves = &mut self.cves;
        cves.clear();
        for column in &layout.cve_texts {
            if Some(*column) == layout.tag {
                cell::add_cves(tag.as_deref().unwrap_or_default(), cves);
            } else if let Some(text) = line.text(Some(*column)) {
                cell::add_cves(&text, cves);
            }
        }
        for (column, cve) in &layout.cve_flags {
            if cell::is_yes(line.at(Some(*column))) {
                cves.push((*cve).to_owned());
            }
        }
        if cves.is_empty() {
            return;
        }
        cves.sort_unstable();
        cves.dedup();
        self.cve.set(row, cves);
    }

    pub fn set_product(&mut self, row: usize, line: Line<'_>, layout: &Layout) {
        let first = |columns: &[usize]| columns.iter().find_map(|at| line.text(Some(*at)));
        let joined = first(&layout.product_with_version);
        let (joined_product, joined_version) =
            joined.as_deref().map(cell::product_and_version).unzip();
        let product = first(&layout.product);
        // The version beside a server's name is that server's, not the device's.
        let joined_version = joined_version.flatten().filter(|_| product.is_none());
        self.vendor.set(row, first(&layout.vendor).as_deref());
        self.product.set(
            row,
            product
                .as_deref()
                .or(joined_product)
                .filter(|p| !p.is_empty()),
        );
        self.version
            .set(row, first(&layout.version).as_deref().or(joined_version));
    }

    /// The texts that rows say.
    fn of_rows(&mut self) -> [&mut TextColumn; 15] {
        [
            &mut self.protocol,
            &mut self.hostname,
            &mut self.hostname_source,
            &mut self.account_hash,
            &mut self.account_domain,
            &mut self.tag,
            &mut self.vendor,
            &mut self.product,
            &mut self.version,
            &mut self.severity,
            &mut self.tlp,
            &mut self.taxonomy,
            &mut self.kind,
            &mut self.trigger_id,
            &mut self.extra,
        ]
    }

    /// Does something to each text.
    fn each_text(&mut self, mut change: impl FnMut(&mut TextColumn)) {
        change(&mut self.feed);
        change(&mut self.report);
        change(&mut self.ip);
        change(&mut self.source_object);
        self.of_rows().into_iter().for_each(change);
    }

    /// The rows are all there.
    pub fn end_run(&mut self) {
        let n_rows = self.n_rows;
        self.each_text(|column| column.end_run(n_rows));
        self.ip_v6.end_run(n_rows);
        self.cve.end_run(n_rows);
    }

    /// A column of the table, by its name.
    fn named(&self, name: &str) -> Option<&dyn Column> {
        Some(match name {
            c::OBSERVED_AT => &self.observed_at,
            c::FEED => &self.feed,
            c::REPORT => &self.report,
            c::IP => &self.ip,
            c::IP_V4 => &self.ip_v4,
            c::IP_V6 => &self.ip_v6,
            c::PORT => &self.port,
            c::PROTOCOL => &self.protocol,
            c::HOSTNAME => &self.hostname,
            c::HOSTNAME_SOURCE => &self.hostname_source,
            c::ACCOUNT_HASH => &self.account_hash,
            c::ACCOUNT_DOMAIN => &self.account_domain,
            c::ASN => &self.asn,
            c::TAG => &self.tag,
            c::CVE => &self.cve,
            c::VENDOR => &self.vendor,
            c::PRODUCT => &self.product,
            c::VERSION => &self.version,
            c::SEVERITY => &self.severity,
            c::TLP => &self.tlp,
            c::CLASSIFICATION_TAXONOMY => &self.taxonomy,
            c::CLASSIFICATION_TYPE => &self.kind,
            c::TRIGGER_ID => &self.trigger_id,
            c::SOURCE_OBJECT => &self.source_object,
            c::SOURCE_ROW => &self.source_row,
            c::SNAPSHOT_DATE => &self.snapshot_date,
            c::EXTRA => &self.extra,
            _ => return None,
        })
    }

    /// For each column of [`OBSERVATIONS`] the value that all rows hold, if there is one. Numbers
    /// of rows are never left out.
    pub fn ones(&self) -> Vec<Option<ArrayRef>> {
        let names = OBSERVATIONS.fields().iter().map(|field| field.name());
        let one = |name: &String| self.named(name).filter(|_| name != c::SOURCE_ROW)?.only();
        names.map(one).collect()
    }

    /// Some rows in another order, of the columns of a table of ours.
    ///
    /// # Errors
    /// Where a row is not there, or a column is not one of ours.
    pub fn gather(&self, order: &[u32], of: &Schema) -> Result<Vec<ArrayRef>, ArrowError> {
        let gather = |field: &FieldRef| {
            let column = self.named(field.name());
            let missing = || ArrowError::SchemaError(format!("no column `{}`", field.name()));
            column.ok_or_else(missing)?.gather(order)
        };
        of.fields().iter().map(gather).collect()
    }

    /// Empties them for the next run.
    pub fn clear(&mut self) {
        self.each_text(TextColumn::clear);
        self.n_rows = 0;
        self.observed_at.0.clear();
        self.ip_v4.clear();
        self.ip_v6.clear();
        self.port.clear();
        self.asn.clear();
        self.source_row.clear();
        self.cve.clear();
    }
}
