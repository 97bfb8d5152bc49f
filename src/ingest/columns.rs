//! The table's columns while they grow.

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, FixedSizeBinaryArray, ListBuilder, StringBuilder, UInt32Array,
    new_null_array,
};
use arrow::datatypes::{
    DataType, Date32Type, TimestampMicrosecondType, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;

use super::cell;
use super::layout::Layout;
use super::line::Line;
use super::number_column::{NumberColumn, any};
use super::row::{Checked, tags};
use super::text_column::TextColumn;

/// The columns that grow row by row, in the order of the files.
#[derive(Default)]
pub(super) struct Columns {
    /// Rows so far.
    n_rows: usize,
    observed_at: NumberColumn<TimestampMicrosecondType>,
    pub feed: TextColumn,
    pub report: TextColumn,
    /// Addresses that are written in another way than their number would be.
    ip: TextColumn,
    ip_v4: NumberColumn<UInt32Type>,
    /// Empty while no row has one.
    ip_v6: Vec<Option<u128>>,
    port: NumberColumn<UInt16Type>,
    pub protocol: TextColumn,
    pub hostname: TextColumn,
    pub hostname_source: TextColumn,
    pub account_hash: TextColumn,
    pub account_domain: TextColumn,
    asn: NumberColumn<UInt32Type>,
    tag: TextColumn,
    cve: ListBuilder<StringBuilder>,
    /// The CVEs of the run, once it has ended; `None` where it has none.
    cves_of_run: Option<ArrayRef>,
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
    /// Days since 1970.
    pub snapshot_date: i32,
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
        self.observed_at.push(Some(row.observed_at));
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
            self.ip_v6.resize(position, None);
            self.ip_v6.push(Some(v6.to_bits()));
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
        for _ in self.cve.len()..row {
            self.cve.append(false);
        }
        for cve in cves.iter() {
            self.cve.values().append_value(cve);
        }
        self.cve.append(true);
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
        if !self.ip_v6.is_empty() {
            self.ip_v6.resize(n_rows, None);
        }
        if !self.cve.is_empty() {
            for _ in self.cve.len()..n_rows {
                self.cve.append(false);
            }
            self.cves_of_run = Some(Arc::new(self.cve.finish()));
        }
    }

    /// For each column of the table the value that all rows hold, if there is one. Numbers of
    /// rows are never left out.
    pub fn ones(&self) -> Vec<Option<ArrayRef>> {
        let is_v4_only = self.ip_v6.is_empty();
        let v6 = is_v4_only.then(|| new_null_array(&DataType::FixedSizeBinary(16), 1));
        let cve = Arc::new(arrow::datatypes::Field::new("item", DataType::Utf8, true));
        let no_cve = || new_null_array(&DataType::List(cve), 1);
        let date = arrow::array::PrimitiveArray::<Date32Type>::from_value(self.snapshot_date, 1);
        let observed_at = self.observed_at.only();
        vec![
            observed_at.map(|one| any(one.with_timezone("UTC"))),
            self.feed.only(),
            self.report.only(),
            self.ip.only(),
            self.ip_v4.only().map(any),
            v6,
            self.port.only().map(any),
            self.protocol.only(),
            self.hostname.only(),
            self.hostname_source.only(),
            self.account_hash.only(),
            self.account_domain.only(),
            self.asn.only().map(any),
            self.tag.only(),
            self.cves_of_run.is_none().then(no_cve),
            self.vendor.only(),
            self.product.only(),
            self.version.only(),
            self.severity.only(),
            self.tlp.only(),
            self.taxonomy.only(),
            self.kind.only(),
            self.trigger_id.only(),
            self.source_object.only(),
            None,
            Some(any(date)),
            self.extra.only(),
        ]
    }

    /// Some rows in another order, of the columns that are wanted.
    ///
    /// # Errors
    /// Where a row is not there.
    pub fn gather(
        &self,
        order: &[u32],
        mut is_wanted: impl Iterator<Item = bool>,
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut arrays = Vec::new();
        let mut add = |gather: &dyn Fn() -> Result<ArrayRef, ArrowError>| {
            if is_wanted.next().unwrap_or(false) {
                arrays.push(gather()?);
            }
            Ok::<(), ArrowError>(())
        };
        let date = || Err(ArrowError::ComputeError("one date a run".into()));
        add(&|| Ok(any(self.observed_at.gather(order)?.with_timezone("UTC"))))?;
        add(&|| self.feed.gather(order))?;
        add(&|| self.report.gather(order))?;
        add(&|| self.ip.gather(order))?;
        add(&|| self.ip_v4.gather(order).map(any))?;
        add(&|| self.gather_v6(order))?;
        add(&|| self.port.gather(order).map(any))?;
        add(&|| self.protocol.gather(order))?;
        add(&|| self.hostname.gather(order))?;
        add(&|| self.hostname_source.gather(order))?;
        add(&|| self.account_hash.gather(order))?;
        add(&|| self.account_domain.gather(order))?;
        add(&|| self.asn.gather(order).map(any))?;
        add(&|| self.tag.gather(order))?;
        add(&|| self.gather_cves(order))?;
        add(&|| self.vendor.gather(order))?;
        add(&|| self.product.gather(order))?;
        add(&|| self.version.gather(order))?;
        add(&|| self.severity.gather(order))?;
        add(&|| self.tlp.gather(order))?;
        add(&|| self.taxonomy.gather(order))?;
        add(&|| self.kind.gather(order))?;
        add(&|| self.trigger_id.gather(order))?;
        add(&|| self.source_object.gather(order))?;
        add(&|| self.source_row.gather(order).map(any))?;
        add(&date)?;
        add(&|| self.extra.gather(order))?;
        Ok(arrays)
    }

    fn gather_v6(&self, order: &[u32]) -> Result<ArrayRef, ArrowError> {
        let v6 = order.iter().map(|row| {
            let number = self.ip_v6.get(*row as usize).copied().flatten();
            number.map(u128::to_be_bytes)
        });
        FixedSizeBinaryArray::try_from_sparse_iter_with_size(v6, 16)
            .map(|array| Arc::new(array) as ArrayRef)
    }

    fn gather_cves(&self, order: &[u32]) -> Result<ArrayRef, ArrowError> {
        match &self.cves_of_run {
            Some(cves) => arrow::compute::take(cves, &UInt32Array::from(order.to_vec()), None),
            None => Err(ArrowError::ComputeError("the run has no CVEs".into())),
        }
    }

    /// Empties them for the next run.
    pub fn clear(&mut self) {
        self.each_text(TextColumn::clear);
        self.n_rows = 0;
        self.observed_at.clear();
        self.ip_v4.clear();
        self.ip_v6.clear();
        self.port.clear();
        self.asn.clear();
        self.source_row.clear();
        self.cves_of_run = None;
    }
}
