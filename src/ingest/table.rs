//! Rows into columns: reads every line once, sorts at the end.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Date32Array, StringArray, UInt32Array};
use arrow::record_batch::RecordBatch;
use csv::ByteRecord;

use super::columns::Columns;
use super::container::Part;
use super::layout::Layout;
use super::report_type::{Identified, Subject};
use super::row::{self, Checked, at, tags, text};
use super::{Ingested, Settings, cell};
use crate::diag::{Failure, Reject, mask};
use crate::model::identity::Secret;
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

impl<'a> Table<'a> {
    /// An empty table.
    ///
    /// # Errors
    /// `FixJob` where the report is about accounts and there is no key to hash them with.
    pub fn new(
        report: &Identified,
        object: &'a str,
        settings: &'a Settings,
        parts: &[Part<'_>],
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
        let n_bytes = parts.iter().map(|part| part.text.len()).sum();
        let n_lines = |part: &Part<'_>| part.text.iter().filter(|b| **b == b'\n').count();
        let n_lines = parts.iter().map(n_lines).sum();
        Ok(Self {
            report: *report,
            object,
            settings,
            key,
            columns: Columns::with_room(n_lines, n_bytes),
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
        source_row: u64,
    ) -> Result<(), Failure> {
        match row::check(record, layout, self.key, self.report.kind.severity) {
            Ok(checked) => self.append(record, layout, checked, object, source_row),
            Err((column, why, found)) => {
                self.rejects.push(Reject {
                    object: object.to_owned(),
                    row: source_row,
                    column,
                    why,
                    found: mask(&cell::lossy(found)),
                });
                Ok(())
            }
        }
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
        let arrays: Result<Vec<ArrayRef>, _> =
            arrays.iter().map(|array| reorder(array, &order)).collect();
        let batch =
            RecordBatch::try_new(Arc::clone(&OBSERVATIONS), arrays.map_err(bug)?).map_err(bug)?;
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

/// The same values in another order. Many columns hold one value throughout, and are left alone.
fn reorder(array: &ArrayRef, order: &UInt32Array) -> Result<ArrayRef, arrow::error::ArrowError> {
    let is_uniform = || {
        let Some(texts) = array.as_any().downcast_ref::<StringArray>() else {
            return false;
        };
        let mut values = texts.iter();
        values
            .next()
            .is_none_or(|first| values.all(|value| value == first))
    };
    if array.null_count() == array.len() || is_uniform() {
        Ok(Arc::clone(array))
    } else {
        arrow::compute::take(array, order, None)
    }
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
