//! Rows into columns: reads every line once, sorts at the end.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, FixedSizeBinaryBuilder, ListBuilder, StringArray, StringBuilder,
    TimestampMicrosecondBuilder, UInt16Builder, UInt32Array, UInt32Builder, UInt64Builder,
};
use arrow::record_batch::RecordBatch;
use csv::ByteRecord;

use super::container::Part;
use super::layout::Layout;
use super::report_type::{Identified, Subject};
use super::{Ingested, Settings, cell};
use crate::diag::{Failure, Reject, RejectReason, mask};
use crate::model::address::parse_ip;
use crate::model::identity::Secret;
use crate::model::name::Domain;
use crate::model::observation::{HostnameSource, OBSERVATIONS, Severity};

/// What a row is sorted by: IPv4 (0), IPv6 (1), no address (2), then the number.
type SortKey = (u8, u128);

/// The rows of one report so far, in the order of the files.
pub(super) struct Table<'a> {
    report: Identified,
    object: &'a str,
    settings: &'a Settings,
    key: Option<&'a Secret>,
    columns: Columns,
    sort_keys: Vec<SortKey>,
    /// Host names of rows without address, by row.
    nameless: Vec<(u32, String)>,
    rejects: Vec<Reject>,
    read: u64,
    extra_bytes: usize,
    unknown: Vec<String>,
    missing: Vec<&'static str>,
    dropped: Vec<String>,
    json: String,
}

struct Columns {
    observed_at: TimestampMicrosecondBuilder,
    ip: StringBuilder,
    ip_v4: UInt32Builder,
    ip_v6: FixedSizeBinaryBuilder,
    port: UInt16Builder,
    protocol: StringBuilder,
    hostname: StringBuilder,
    hostname_source: StringBuilder,
    account_hash: StringBuilder,
    account_domain: StringBuilder,
    asn: UInt32Builder,
    tag: StringBuilder,
    cve: ListBuilder<StringBuilder>,
    vendor: StringBuilder,
    product: StringBuilder,
    version: StringBuilder,
    severity: StringBuilder,
    tlp: StringBuilder,
    taxonomy: StringBuilder,
    kind: StringBuilder,
    source_object: StringBuilder,
    source_row: UInt64Builder,
    extra: StringBuilder,
}

/// The parts of a line that can be at fault, read before anything is written.
struct Checked<'r> {
    observed_at: i64,
    ip: Option<(std::net::IpAddr, Cow<'r, str>)>,
    hostname: Option<(Cow<'r, str>, HostnameSource)>,
    account: Option<(String, String)>,
    port: Option<u16>,
    asn: Option<u32>,
    severity: Option<Severity>,
}

type Fault<'r> = (&'static str, RejectReason, &'r [u8]);

impl<'a> Table<'a> {
    /// An empty table.
    ///
    /// # Errors
    /// `FixJob` where the report is about accounts and there is no key to hash them with.
    pub fn new(
        report: &Identified,
        object: &'a str,
        settings: &'a Settings,
    ) -> Result<Self, Failure> {
        let key = settings.account_key.as_ref();
        if report.kind.subject == Subject::Account && key.is_none() {
            return Err(Failure::fix_job(format!(
                "the report `{}` holds mail addresses, and there is no key to hash them with; expected one",
                report.kind.name
            ))
            .at(object, "account_key")
            .hint("give the feed an `account_key`"));
        }
        Ok(Self {
            report: *report,
            object,
            settings,
            key,
            columns: Columns::new(),
            sort_keys: Vec::new(),
            nameless: Vec::new(),
            rejects: Vec::new(),
            read: 0,
            extra_bytes: 0,
            unknown: Vec::new(),
            missing: Vec::new(),
            dropped: Vec::new(),
            json: String::new(),
        })
    }

    /// Reads one CSV file.
    ///
    /// # Errors
    /// `FixData`: no header, a header that cannot be used, or a file that is cut short.
    pub fn read(&mut self, part: &Part<'_>) -> Result<(), Failure> {
        let object = match &part.entry {
            Some(entry) => format!("{}!{entry}", self.object),
            None => self.object.to_owned(),
        };
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .from_reader(part.text.as_ref());
        let unreadable = |e: csv::Error| {
            Failure::fix_data(format!("cannot be read as CSV: {e}")).at(object.as_str(), "")
        };
        let mut record = ByteRecord::new();
        if !reader.read_byte_record(&mut record).map_err(unreadable)? {
            return Err(
                Failure::fix_data("the file is empty; expected a header at least")
                    .at(object.as_str(), "")
                    .hint("a day without findings has a header and no rows: fetch the file again"),
            );
        }
        let layout = Layout::of(&record, self.report.kind, &object)?;
        let mut row = 0;
        let (mut last, mut n_fields) = (0, 0);
        while reader.read_byte_record(&mut record).map_err(unreadable)? {
            self.take_row(&record, &layout, &object, row)?;
            row += 1;
            last = record.position().map_or(0, csv::Position::byte);
            n_fields = record.len();
        }
        if row > 0 {
            check_end(&part.text, last, n_fields, &layout, &object)?;
        }
        self.read += row;
        self.unknown.extend(layout.unknown);
        self.missing.extend(layout.missing);
        self.dropped.extend(layout.dropped);
        Ok(())
    }

    fn take_row(
        &mut self,
        record: &ByteRecord,
        layout: &Layout,
        object: &str,
        row: u64,
    ) -> Result<(), Failure> {
        match self.check(record, layout) {
            Ok(checked) => self.append(record, layout, checked, object, row),
            Err((column, why, found)) => {
                self.rejects.push(Reject {
                    object: object.to_owned(),
                    row,
                    column,
                    why,
                    found: mask(&cell::lossy(found)),
                });
                Ok(())
            }
        }
    }

    fn check<'r>(&self, record: &'r ByteRecord, layout: &Layout) -> Result<Checked<'r>, Fault<'r>> {
        let mut surplus = record.iter().skip(layout.n_fields);
        if let Some(first) = surplus.find(|cell| !cell::trimmed(cell).is_empty()) {
            return Err(("", RejectReason::WrongFieldCount, first));
        }
        let timestamp = at(record, Some(layout.timestamp));
        let observed_at =
            cell::instant(timestamp).ok_or(("timestamp", RejectReason::BadTime, timestamp))?;
        let ip = read_ip(at(record, layout.ip))?;
        let hostname = read_hostname(record, layout);
        let account = self.read_account(record, layout)?;
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
            severity: read_severity(at(record, layout.severity))?.or(self.report.kind.severity),
        })
    }

    fn read_account<'r>(
        &self,
        record: &'r ByteRecord,
        layout: &Layout,
    ) -> Result<Option<(String, String)>, Fault<'r>> {
        let Some(key) = self.key else {
            return Ok(None);
        };
        for column in &layout.account {
            let address = at(record, Some(*column));
            if address.is_empty() {
                continue;
            }
            let text = std::str::from_utf8(address)
                .map_err(|_| ("email", RejectReason::NotUtf8, address))?;
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

    fn append(
        &mut self,
        record: &ByteRecord,
        layout: &Layout,
        row: Checked<'_>,
        object: &str,
        source_row: u64,
    ) -> Result<(), Failure> {
        let position = u32::try_from(self.sort_keys.len()).map_err(|_| too_many(object))?;
        self.sort_keys
            .push(sort_key(row.ip.as_ref().map(|(ip, _)| *ip)));
        if row.ip.is_none() {
            let name = row.hostname.as_ref().map(|(name, _)| name.to_string());
            self.nameless.push((position, name.unwrap_or_default()));
        }
        self.json.clear();
        let source_word = push_extra(record, layout, &mut self.json);
        self.extra_bytes += self.json.len();
        if self.extra_bytes > i32::MAX as usize {
            return Err(too_many(object));
        }
        let columns = &mut self.columns;
        columns.observed_at.append_value(row.observed_at);
        columns.append_ip(row.ip)?;
        columns.port.append_option(row.port);
        columns.append_protocol(at(record, layout.protocol), &self.report.kind.transport);
        let (name, default_source) = row.hostname.unzip();
        let source = source_word.or(default_source).filter(|_| name.is_some());
        columns.hostname.append_option(name);
        columns
            .hostname_source
            .append_option(source.map(HostnameSource::as_str));
        let (hash, domain) = row.account.unzip();
        columns.account_hash.append_option(hash);
        columns.account_domain.append_option(domain);
        columns.asn.append_option(row.asn);
        columns.append_tag_and_cves(record, layout);
        columns.append_product(record, layout);
        columns
            .severity
            .append_option(row.severity.map(Severity::as_str));
        columns.tlp.append_option(text(record, layout.tlp));
        let (taxonomy, kind) = self.classification(record, layout);
        self.columns.taxonomy.append_value(taxonomy);
        self.columns.kind.append_value(kind);
        self.columns.source_object.append_value(object);
        self.columns.source_row.append_value(source_row);
        self.columns
            .extra
            .append_option((!self.json.is_empty()).then_some(&self.json));
        Ok(())
    }

    /// The report's class; an Exchange server on which a web shell was found is no longer
    /// vulnerable but broken into, and its tag alone says so.
    fn classification(&self, record: &ByteRecord, layout: &Layout) -> (&'static str, &'static str) {
        let kind = self.report.kind;
        let is_broken_into = matches!(kind.name.as_str(), "scan_exchange" | "scan6_exchange")
            && text(record, layout.tag)
                .is_some_and(|tag| tags(&tag).any(|t| t.eq_ignore_ascii_case("webshell")));
        if is_broken_into {
            ("intrusions", "system-compromise")
        } else {
            (&kind.taxonomy, &kind.kind)
        }
    }

    /// Sorts, and closes the table.
    ///
    /// # Errors
    /// `OurBug` where the columns do not fit the schema.
    pub fn finish(mut self) -> Result<Ingested, Failure> {
        let order = self.order();
        let n_rows = self.sort_keys.len();
        let snapshot_date = self.report.snapshot_date;
        let days = jiff::civil::date(1970, 1, 1)
            .until(snapshot_date)
            .map_or(0, |span| span.get_days());
        let repeated = |text: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                text, n_rows,
            )))
        };
        let name = &self.report.kind.name;
        let arrays = self.columns.finish(
            repeated(&self.settings.feed),
            repeated(name),
            Arc::new(Date32Array::from_value(days, n_rows)),
        );
        let bug = |e: arrow::error::ArrowError| {
            Failure::our_bug(format!("observations do not fit their schema: {e}"))
                .at(self.object, "")
        };
        let batch = RecordBatch::try_new(Arc::clone(&OBSERVATIONS), arrays).map_err(bug)?;
        let batch = arrow::compute::take_record_batch(&batch, &order).map_err(bug)?;
        for names in [&mut self.unknown, &mut self.dropped] {
            names.sort_unstable();
            names.dedup();
        }
        self.missing.sort_unstable();
        self.missing.dedup();
        self.rejects.sort_unstable();
        Ok(Ingested {
            report: name.clone(),
            snapshot_date,
            batch,
            read: self.read,
            rejects: self.rejects,
            unknown_columns: self.unknown,
            missing_columns: self.missing,
            dropped_columns: self.dropped,
        })
    }

    fn order(&mut self) -> UInt32Array {
        let keys = std::mem::take(&mut self.sort_keys);
        let mut addressed: Vec<(SortKey, u32)> = keys
            .iter()
            .copied()
            .zip(0u32..)
            .filter(|((class, _), _)| *class < 2)
            .collect();
        addressed.sort_unstable();
        let mut nameless = std::mem::take(&mut self.nameless);
        nameless.sort_by(|(row_a, a), (row_b, b)| a.cmp(b).then(row_a.cmp(row_b)));
        self.sort_keys = keys;
        UInt32Array::from_iter_values(
            addressed
                .into_iter()
                .map(|(_, row)| row)
                .chain(nameless.into_iter().map(|(row, _)| row)),
        )
    }
}

impl Columns {
    fn new() -> Self {
        let text = StringBuilder::new;
        Self {
            observed_at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            ip: text(),
            ip_v4: UInt32Builder::new(),
            ip_v6: FixedSizeBinaryBuilder::new(16),
            port: UInt16Builder::new(),
            protocol: text(),
            hostname: text(),
            hostname_source: text(),
            account_hash: text(),
            account_domain: text(),
            asn: UInt32Builder::new(),
            tag: text(),
            cve: ListBuilder::new(text()),
            vendor: text(),
            product: text(),
            version: text(),
            severity: text(),
            tlp: text(),
            taxonomy: text(),
            kind: text(),
            source_object: text(),
            source_row: UInt64Builder::new(),
            extra: text(),
        }
    }

    fn append_ip(&mut self, ip: Option<(std::net::IpAddr, Cow<'_, str>)>) -> Result<(), Failure> {
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

    fn append_protocol(&mut self, cell: &[u8], by_default: &str) {
        let lower = cell::lossy(cell).to_ascii_lowercase();
        let protocol = if lower.is_empty() { by_default } else { &lower };
        self.protocol
            .append_option((!protocol.is_empty()).then_some(protocol));
    }

    fn append_tag_and_cves(&mut self, record: &ByteRecord, layout: &Layout) {
        let tag = text(record, layout.tag).map(|tag| {
            // Some reports separate tags by commas; the table has one sign only.
            tags(&tag).collect::<Vec<_>>().join(";")
        });
        self.tag.append_option(tag.filter(|t| !t.is_empty()));
        let mut cves = Vec::new();
        for column in &layout.cve_texts {
            if let Some(text) = text(record, Some(*column)) {
                cell::add_cves(&text, &mut cves);
            }
        }
        for (column, cve) in &layout.cve_flags {
            if cell::is_yes(at(record, Some(*column))) {
                cves.push((*cve).to_owned());
            }
        }
        cves.sort_unstable();
        cves.dedup();
        for cve in &cves {
            self.cve.values().append_value(cve);
        }
        self.cve.append(!cves.is_empty());
    }

    fn append_product(&mut self, record: &ByteRecord, layout: &Layout) {
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

    fn finish(
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

/// A cell, trimmed; blank where the line is too short or the file has no such column.
fn at(record: &ByteRecord, column: Option<usize>) -> &[u8] {
    column
        .and_then(|column| record.get(column))
        .map(cell::trimmed)
        .unwrap_or_default()
}

/// A cell that is not blank, as text.
fn text(record: &ByteRecord, column: Option<usize>) -> Option<Cow<'_, str>> {
    let cell = at(record, column);
    (!cell.is_empty()).then(|| cell::lossy(cell))
}

fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split([';', ','])
        .map(str::trim)
        .filter(|t| !t.is_empty())
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
        let name = if matches!(source, HostnameSource::ScanTarget | HostnameSource::Unknown) {
            Cow::Owned(cell::host_of(&name).to_owned())
        } else {
            name
        };
        // The host of an address bar may be an address: that is no name.
        let is_name = !name.is_empty() && parse_ip(&name).is_err();
        is_name.then_some((name, *source))
    })
}

fn read_severity(cell: &[u8]) -> Result<Option<Severity>, Fault<'_>> {
    if cell.is_empty() {
        return Ok(None);
    }
    let lower = cell::lossy(cell).to_ascii_lowercase();
    lower
        .parse()
        .map(Some)
        .map_err(|()| ("severity", RejectReason::BadSeverity, cell))
}

/// Adds the rest of the line as one JSON object; gives the name's origin if the line says it.
fn push_extra(record: &ByteRecord, layout: &Layout, json: &mut String) -> Option<HostnameSource> {
    let word = at(record, layout.hostname_source);
    let source =
        (!word.is_empty()).then(|| cell::hostname_source(word).unwrap_or(HostnameSource::Unknown));
    for column in &layout.extra {
        let cell = at(record, Some(column.at));
        if cell.is_empty() {
            continue;
        }
        json.push(if json.is_empty() { '{' } else { ',' });
        json.push_str(&column.json_key);
        cell::push_json(&cell::lossy(cell), json);
    }
    if !json.is_empty() {
        json.push('}');
    }
    source
}

fn sort_key(ip: Option<std::net::IpAddr>) -> SortKey {
    match ip {
        Some(std::net::IpAddr::V4(v4)) => (0, u128::from(v4.to_bits())),
        Some(std::net::IpAddr::V6(v6)) => (1, v6.to_bits()),
        None => (2, 0),
    }
}

/// A file that was cut inside its last line would give a wrong port or name with a straight
/// face. Its last line is short and has no end or an open quote, or has both faults and only
/// looks whole.
fn check_end(
    text: &[u8],
    last_line: u64,
    n_fields: usize,
    layout: &Layout,
    object: &str,
) -> Result<(), Failure> {
    let last = usize::try_from(last_line)
        .ok()
        .and_then(|begin| text.get(begin..))
        .unwrap_or_default();
    let has_end = last.ends_with(b"\n") || last.ends_with(b"\r");
    let n_quotes = last.iter().filter(|b| **b == b'"').count();
    let has_open_quote = n_quotes % 2 == 1;
    let is_short = n_fields < layout.n_fields;
    if (is_short && (!has_end || has_open_quote)) || (!has_end && has_open_quote) {
        return Err(Failure::fix_data(format!(
            "the last line breaks off after {n_fields} fields; expected {} and an end of line",
            layout.n_fields
        ))
        .at(object, "")
        .hint("the file is cut: fetch it again"));
    }
    Ok(())
}

fn too_many(object: &str) -> Failure {
    Failure::fix_data("holds more text than one table can; expected less than 2 GiB of it")
        .at(object, "")
        .hint("split the file")
}
