//! Rows into columns: reads each line once, sorts a run when it is full.

use std::borrow::Cow;
use std::net::IpAddr;

use arrow::array::Array;
use csv::ByteRecord;

use super::columns::Columns;
use super::format::{Format, Shape};
use super::layout::Layout;
use super::line::Line;
use super::profile::{CellKind, Kinds, Profile, add_keys};
use super::report_type::{Identified, ReportType, Subject, check_part};
use super::row::{self, Checked, Defaults, tags};
use super::rows::{ComboRows, CsvRows, Lines, Next, ParquetRows, Rows};
use super::sorted::Run;
use super::unpack::{Input, Part, for_each_part};
use super::{Settings, Sink, Summary, cell, events, layout, list_layout};
use crate::diag::{Failure, Reject, RejectReason, mask};
use crate::model::observation::{HostnameSource, OBSERVATIONS, Severity, column as c};

/// A delivery with more rows than this that cannot be read is another kind of file.
const MAX_REJECTS: usize = 1_000_000;
/// Text of a run. A line may be long, and more comes of it than it holds: all of it must stay
/// within what 31 bits address.
const RUN_BYTES: usize = 96 << 20;
/// Names of objects up to here are not counted among them.
const USUAL_NAME_BYTES: usize = 256;

/// The rows of one report so far, in the order of the files.
pub(super) struct Table<'a> {
    identified: Identified,
    settings: &'a Settings,
    defaults: Defaults<'a>,
    is_shell_report: bool,
    columns: Columns,
    /// IPv4 and row of the run in one number, then IPv6 and row, then host name and row.
    v4: Vec<u64>,
    v6: Vec<(u128, u32)>,
    nameless: Vec<(String, u32)>,
    /// Rows of the run in their order.
    order: Vec<u32>,
    /// Bytes of text of each row of the run, about, in the order of the files.
    row_bytes: Vec<u32>,
    n_rows: usize,
    /// Bytes of text of the run, about.
    n_bytes: usize,
    /// Bytes of the object's name, which stands in each row, beyond those of a usual one.
    name_bytes: usize,
    n_runs: usize,
    n_given: u64,
    rejects: Vec<Reject>,
    read: u64,
    unknown: Vec<String>,
    missing: Vec<&'static str>,
    dropped: Vec<String>,
    kinds: Vec<(String, CellKind)>,
    has_untimed: bool,
    filled: std::collections::BTreeSet<String>,
    newest: Option<i64>,
    json: String,
}

impl<'a> Table<'a> {
    /// An empty table.
    ///
    /// # Errors
    /// `FixJob` where the report is about accounts and there is no key to hash them with.
    pub fn new(
        identified: &Identified,
        settings: &'a Settings,
        object: &str,
    ) -> Result<Self, Failure> {
        let kind = &identified.kind;
        let key = settings.account_key.as_ref();
        if kind.subject == Subject::Account && key.is_none() {
            return Err(Failure::fix_job(format!(
                "the report `{}` holds mail addresses, and there is no key to hash them with; expected one",
                kind.name
            ))
            .at(object, "account_key")
            .hint("set the environment variable that `--key-env` names, as the job's `party_key` has it"));
        }
        let days = cell::days_since_1970(identified.snapshot_date);
        let midnight = days * 86_400_000_000;
        let mut columns = Columns::default();
        columns.snapshot_date.0 =
            i32::try_from(days).map_err(|_| Failure::our_bug("a date outside the calendar"))?;
        columns.feed.fill(0, Some(&settings.feed));
        columns.report.fill(0, Some(&kind.name));
        Ok(Self {
            identified: identified.clone(),
            settings,
            defaults: Defaults {
                key,
                severity: kind.severity,
                observed_at: midnight,
            },
            is_shell_report: matches!(kind.name.as_str(), "scan_exchange" | "scan6_exchange"),
            columns,
            v4: Vec::new(),
            v6: Vec::new(),
            nameless: Vec::new(),
            order: Vec::new(),
            row_bytes: Vec::new(),
            n_rows: 0,
            n_bytes: 0,
            name_bytes: 0,
            n_runs: 0,
            n_given: 0,
            rejects: Vec::new(),
            read: 0,
            unknown: Vec::new(),
            missing: Vec::new(),
            dropped: Vec::new(),
            kinds: Vec::new(),
            has_untimed: false,
            filled: std::collections::BTreeSet::new(),
            newest: None,
            json: String::new(),
        })
    }

    /// Reads one delivery.
    ///
    /// # Errors
    /// `FixData`: no header, a header that cannot be used, or a file that is cut short.
    pub fn read(
        &mut self,
        input: &mut dyn Input,
        name: &str,
        sink: &mut Sink<'_>,
    ) -> Result<(), Failure> {
        let max_bytes = self.settings.max_bytes;
        for_each_part(input, name, max_bytes, &mut |part| {
            check_part(part.entry.as_deref(), &self.identified.kind, name)?;
            self.read_part(part, name, sink)
        })
    }

    fn read_part(
        &mut self,
        part: Part<'_>,
        name: &str,
        sink: &mut Sink<'_>,
    ) -> Result<(), Failure> {
        let object = match &part.entry {
            Some(entry) => format!("{name}!{entry}"),
            None => name.to_owned(),
        };
        let format = self.identified.format;
        match format.shape(part.text.head(), &object)? {
            Shape::Csv {
                separator,
                has_header,
            } => {
                let has_remarks = format == Format::List;
                let rows = CsvRows::new(part.text, separator, has_remarks, &object);
                self.read_csv(rows, has_header, &object, sink)
            }
            Shape::Parquet => {
                let mut rows = ParquetRows::open(part.text, &object)?;
                let names = rows.names().to_vec();
                let layout = list_layout::of_list(&names, &object)?;
                self.take_rows(&mut rows, &layout, Kinds::of(&names), &object, sink)?;
                self.note(layout);
                Ok(())
            }
            Shape::JsonLines => {
                let lines = Lines::new(part.text, &object);
                let mut rows = events::EventRows::new(lines, format, &object);
                let layout = events::layout();
                self.take_rows(&mut rows, &layout, Kinds::default(), &object, sink)?;
                self.unknown.extend(rows.unknown().cloned());
                self.dropped.extend(rows.dropped);
                add_keys(rows.keys, &mut self.kinds);
                Ok(())
            }
            Shape::Combos => {
                let mut rows = ComboRows(Lines::new(part.text, &object));
                let layout = list_layout::of_bare_accounts();
                self.take_rows(&mut rows, &layout, Kinds::default(), &object, sink)
            }
        }
    }

    fn read_csv(
        &mut self,
        mut rows: CsvRows<'_>,
        has_header: bool,
        object: &str,
        sink: &mut Sink<'_>,
    ) -> Result<(), Failure> {
        if !has_header {
            let layout = list_layout::of_bare_list();
            return self.take_rows(&mut rows, &layout, Kinds::default(), object, sink);
        }
        let mut header = ByteRecord::new();
        if !matches!(rows.next(&mut header)?, Next::Row) {
            return Err(
                Failure::fix_data("the file is empty; expected a header at least")
                    .at(object, "")
                    .hint("a day without findings has a header and no rows: fetch the file again"),
            );
        }
        let names = layout::names(&header, object)?;
        let layout = match self.identified.format {
            Format::Accounts => list_layout::of_accounts(&names, object)?,
            Format::List => list_layout::of_list(&names, object)?,
            _ => Layout::of(&names, &self.identified.kind, object)?,
        };
        self.take_rows(&mut rows, &layout, Kinds::of(&names), object, sink)?;
        self.note(layout);
        Ok(())
    }

    fn note(&mut self, layout: Layout) {
        self.unknown.extend(layout.unknown);
        self.missing.extend(layout.missing);
        self.dropped.extend(layout.dropped);
    }

    fn take_rows<R: Rows>(
        &mut self,
        rows: &mut R,
        layout: &Layout,
        mut kinds: Kinds,
        object: &str,
        sink: &mut Sink<'_>,
    ) -> Result<(), Failure> {
        let mut record = ByteRecord::new();
        let (mut row, mut n_fields) = (0, 0);
        self.name_bytes = object.len().saturating_sub(USUAL_NAME_BYTES);
        self.has_untimed |= layout.timestamp.is_none();
        self.columns.begin_delivery(self.n_rows);
        self.columns.source_object.fill(self.n_rows, Some(object));
        loop {
            match rows.next(&mut record)? {
                Next::End => break,
                Next::Row => {
                    kinds.see(&record);
                    self.take_row(Line::of(&record), layout, object, row)?;
                    n_fields = record.len();
                }
                Next::Aside(why, found) => self.set_aside("", why, found, object, row)?,
            }
            row += 1;
            if self.n_rows >= self.settings.run_rows || self.n_bytes > RUN_BYTES {
                self.end_run(sink)?;
            }
        }
        if let Some(last) = rows.last_line().filter(|_| row > 0) {
            check_end(last, n_fields, layout, object)?;
        }
        kinds.add_to(&mut self.kinds);
        self.read += row;
        Ok(())
    }

    fn take_row(
        &mut self,
        line: Line<'_>,
        layout: &Layout,
        object: &str,
        source_row: u64,
    ) -> Result<(), Failure> {
        match row::check(line, layout, &self.defaults) {
            Ok(checked) => self.append(line, layout, checked, object, source_row),
            Err((column, why, found)) => {
                // Even the shape of a password says too much.
                let found = if layout.is_secret || column == "email" {
                    String::new()
                } else {
                    mask(&cell::lossy(found))
                };
                self.set_aside(column, why, found, object, source_row)
            }
        }
    }

    fn set_aside(
        &mut self,
        column: &'static str,
        why: RejectReason,
        found: String,
        object: &str,
        row: u64,
    ) -> Result<(), Failure> {
        if self.rejects.len() == MAX_REJECTS {
            return Err(Failure::fix_data(format!(
                "more than {MAX_REJECTS} rows cannot be read, the last one because of this: {why}"
            ))
            .at(object, column)
            .hint("check that the file is of the report and format that were named"));
        }
        self.rejects.push(Reject {
            object: object.to_owned(),
            row,
            column,
            why,
            found,
        });
        Ok(())
    }

    fn append(
        &mut self,
        line: Line<'_>,
        layout: &Layout,
        row: Checked<'_>,
        object: &str,
        source_row: u64,
    ) -> Result<(), Failure> {
        // A run is closed long before its rows need more than 32 bits.
        let position = u32::try_from(self.n_rows)
            .map_err(|_| Failure::our_bug("a run has more rows than it may").at(object, ""))?;
        self.n_rows += 1;
        match row.ip.as_ref().map(|(ip, _)| *ip) {
            Some(IpAddr::V4(v4)) => self
                .v4
                .push(u64::from(v4.to_bits()) << 32 | u64::from(position)),
            Some(IpAddr::V6(v6)) => self.v6.push((v6.to_bits(), position)),
            None => {
                let name = row.hostname.as_ref().map(|(name, _)| name.to_string());
                self.nameless.push((name.unwrap_or_default(), position));
            }
        }
        self.newest = self.newest.max(Some(row.observed_at));
        self.json.clear();
        let source_word = line.push_extra(layout, &mut self.json);
        let n_bytes = line.n_bytes() + self.json.len() + self.name_bytes;
        self.n_bytes += n_bytes;
        self.row_bytes
            .push(u32::try_from(n_bytes).unwrap_or(u32::MAX));
        let kind = &*self.identified.kind;
        let columns = &mut self.columns;
        let position = columns.begin_row(&row, source_row);
        columns.set_protocol(position, line.at(layout.protocol), &kind.transport);
        let (name, default_source) = row.hostname.unzip();
        let source = source_word.or(default_source).filter(|_| name.is_some());
        columns.hostname.set(position, name.as_deref());
        let source = source.map(HostnameSource::as_str);
        columns.hostname_source.set(position, source);
        if let Some((hash, domain)) = &row.account {
            columns.account_hash.set(position, Some(hash));
            columns.account_domain.set(position, Some(domain));
        } else if !layout.account.is_empty() {
            columns.account_hash.set(position, None);
            columns.account_domain.set(position, None);
        }
        if layout.tag.is_some() || !layout.cve_texts.is_empty() || !layout.cve_flags.is_empty() {
            columns.set_tag_and_cves(position, line, layout);
        }
        if layout.has_product() {
            columns.set_product(position, line, layout);
        }
        let severity = row.severity.map(Severity::as_str);
        columns.severity.set(position, severity);
        if layout.tlp.is_some() {
            columns.tlp.set(position, line.text(layout.tlp).as_deref());
        }
        let (taxonomy, class) = classification(kind, self.is_shell_report, line, layout);
        let said = |column, of_report| -> Option<Cow<'_, str>> {
            let of_report = Some(of_report).filter(|text: &&str| !text.is_empty());
            line.text(column).or(of_report.map(Cow::Borrowed))
        };
        let taxonomy = said(layout.taxonomy, taxonomy);
        columns.taxonomy.set(position, taxonomy.as_deref());
        let class = said(layout.kind, class);
        columns.kind.set(position, class.as_deref());
        if layout.trigger_id.is_some() {
            let trigger = line.text(layout.trigger_id);
            columns.trigger_id.set(position, trigger.as_deref());
        }
        let extra = (!self.json.is_empty()).then_some(&*self.json);
        columns.extra.set(position, extra);
        Ok(())
    }

    /// Sorts what has come together, and gives it out.
    fn end_run(&mut self, sink: &mut Sink<'_>) -> Result<(), Failure> {
        self.find_order();
        self.columns.end_run();
        let ones = self.columns.ones();
        for (field, one) in OBSERVATIONS.fields().iter().zip(&ones) {
            let is_null = one.as_ref().is_some_and(|one| one.null_count() > 0);
            if self.n_rows > 0 && !is_null {
                self.filled.insert(field.name().clone());
            }
        }
        // Most addresses are kept as their number alone.
        if self.filled.contains(c::IP_V4) {
            self.filled.insert(c::IP.to_owned());
        }
        self.n_runs += 1;
        self.n_given += self.n_rows as u64;
        self.n_rows = 0;
        self.n_bytes = 0;
        let mut run = Run::new(&self.columns, &self.order, ones, &self.row_bytes);
        let given = sink(&mut run);
        self.columns.clear();
        self.row_bytes.clear();
        given
    }

    /// Gives out the last run, and says what became of everything.
    ///
    /// # Errors
    /// What the sink says; `OurBug` where a row was lost.
    pub fn finish(mut self, sink: &mut Sink<'_>) -> Result<Summary, Failure> {
        if self.n_rows > 0 || self.n_runs == 0 {
            self.end_run(sink)?;
        }
        if self.read != self.n_given + self.rejects.len() as u64 {
            return Err(Failure::our_bug(format!(
                "{} rows were read, {} kept and {} set aside",
                self.read,
                self.n_given,
                self.rejects.len()
            )));
        }
        for names in [&mut self.unknown, &mut self.dropped] {
            names.sort_unstable();
            names.dedup();
        }
        self.missing.sort_unstable();
        self.missing.dedup();
        self.rejects.sort_unstable();
        let columns = self.kinds.into_iter();
        let profile = Profile {
            format: self.identified.format.as_str().to_owned(),
            read: self.read,
            rejected: self.rejects.len() as u64,
            columns: columns
                .map(|(name, kind)| (name, kind.as_str().to_owned()))
                .collect(),
        };
        Ok(Summary {
            identified: self.identified,
            read: self.read,
            rejects: self.rejects,
            unknown_columns: self.unknown,
            missing_columns: self.missing,
            dropped_columns: self.dropped,
            profile,
            filled: self.filled.into_iter().collect(),
            newest: self.newest,
            time_by_default: self.has_untimed.then_some(self.defaults.observed_at),
        })
    }

    fn find_order(&mut self) {
        self.v4.sort_unstable();
        self.v6.sort_unstable();
        self.nameless.sort_unstable();
        self.order.clear();
        let low = |both: u64| (both & u64::from(u32::MAX)) as u32;
        self.order.extend(self.v4.drain(..).map(low));
        self.order.extend(self.v6.drain(..).map(|(_, row)| row));
        self.order
            .extend(self.nameless.drain(..).map(|(_, row)| row));
    }
}

/// The report's class; an Exchange server on which a web shell was found is no longer vulnerable
/// but broken into, and its tag alone says so.
fn classification<'k>(
    kind: &'k ReportType,
    is_shell_report: bool,
    line: Line<'_>,
    layout: &Layout,
) -> (&'k str, &'k str) {
    let is_broken_into = is_shell_report
        && line
            .text(layout.tag)
            .is_some_and(|tag| tags(&tag).any(|t| t.eq_ignore_ascii_case("webshell")));
    if is_broken_into {
        ("intrusions", "system-compromise")
    } else {
        (&kind.taxonomy, &kind.kind)
    }
}

/// A file that was cut inside its last line would give a wrong port or name with a straight
/// face. Its last line is short and has no end or an open quote, or has both faults and only
/// looks whole.
fn check_end(last: &[u8], n_fields: usize, layout: &Layout, object: &str) -> Result<(), Failure> {
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
