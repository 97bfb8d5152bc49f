//! Checks a delivery of registrations before it is applied: every fault of every row, and what
//! it would change.

use std::collections::BTreeSet;

use arrow::record_batch::RecordBatch;
use jiff::tz::TimeZone;

use super::assets::{Rules, read_assets};
use super::companies::read_companies;
use super::contacts::read_contacts;
use super::delivered::Sheet;
use super::difference::{Change, Entry, difference, of_asset, of_company, of_contact};
use super::header::Kind;
use super::text_columns::{ID, KEY, Unreadable, with_key};
use super::typed::typed;
use super::{Kept, Settings, SuffixList};
use crate::diag::{Failure, Reject};
use crate::model::company::CompanyKey;
use crate::model::row_numbers::RowNumbers;

/// A table of the delivery: texts out of CSV or a workbook, or batches out of Parquet.
pub struct Table {
    /// File, and sheet if any.
    pub name: String,
    /// Rows.
    pub batches: Vec<RecordBatch>,
    notes: Vec<String>,
    numbers: RowNumbers,
    unreadable: Unreadable,
}

impl Table {
    /// A table with the types of its own.
    #[must_use]
    pub fn of_batches(name: String, batches: Vec<RecordBatch>) -> Self {
        Self {
            name,
            batches,
            notes: Vec::new(),
            numbers: RowNumbers::of_table(),
            unreadable: Unreadable::new(),
        }
    }

    /// Which table it is, by its columns.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.batches.first().and_then(|b| Kind::of(b.schema_ref()))
    }
}

impl From<Sheet> for Table {
    fn from(sheet: Sheet) -> Self {
        Self {
            name: sheet.name,
            batches: vec![sheet.batch],
            notes: sheet.notes,
            numbers: sheet.numbers,
            unreadable: sheet.unreadable,
        }
    }
}

/// How to read and what to compare with.
pub struct Ask<'a> {
    /// Public suffixes.
    pub suffixes: &'a SuffixList,
    /// Zone of bare dates.
    pub zone: &'a TimeZone,
    /// The job's limits.
    pub settings: &'a Settings,
    /// Give KvK numbers their leading zeros back; otherwise they are faults.
    pub restores_zeros: bool,
    /// The delivery only adds and changes.
    pub is_partial: bool,
}

/// The current register, read for comparison.
#[derive(Default)]
pub struct Current {
    /// Every company.
    pub keys: BTreeSet<CompanyKey>,
    companies: Vec<Entry>,
    assets: Vec<Entry>,
    contacts: Vec<Entry>,
}

impl Current {
    /// Takes a table of the current register in: companies first, the others ask for them.
    /// Rows that are set aside every night count as absent.
    ///
    /// # Errors
    /// As the readers: a column is missing or of a wrong type.
    pub fn take(
        &mut self,
        kind: Kind,
        batches: &[RecordBatch],
        object: &str,
        ask: &Ask<'_>,
    ) -> Result<(), Failure> {
        let none = Unreadable::new();
        match kind {
            Kind::Companies => {
                let kept = read_companies(batches, object, &none, &BTreeSet::new())?;
                self.keys.extend(kept.rows.iter().map(|c| c.key.clone()));
                self.companies = kept.rows.iter().map(of_company).collect();
            }
            Kind::Assets => {
                let kept = read_assets(batches, object, &rules(ask, &self.keys), &none)?;
                self.assets = kept.rows.iter().map(of_asset).collect();
            }
            Kind::Contacts => {
                let kept = read_contacts(batches, object, &self.keys, &none)?;
                self.contacts = kept.rows.iter().map(of_contact).collect();
            }
        }
        Ok(())
    }
}

/// A checked table.
pub struct Checked {
    /// Which.
    pub kind: Kind,
    /// File, and sheet if any.
    pub name: String,
    /// Rows read.
    pub n_rows: u64,
    /// Rows without a fault.
    pub n_usable: u64,
    /// Every fault, by row.
    pub problems: Vec<Reject>,
    /// How it was read.
    pub notes: Vec<String>,
    /// Where a person finds its rows.
    pub numbers: RowNumbers,
    /// What would change.
    pub changes: Vec<Change>,
    /// The table with its types, for writing; rows with faults are in it.
    pub batches: Vec<RecordBatch>,
}

/// Checks the tables of a delivery. Companies are read first: assets and contacts may be of
/// companies that the same delivery brings.
///
/// # Errors
/// `FixData` where a table is none of the three, stands twice, or lacks a needed column.
pub fn check(
    mut tables: Vec<Table>,
    mut current: Current,
    ask: &Ask<'_>,
) -> Result<Vec<Checked>, Failure> {
    tables.sort_by_key(Table::kind);
    let mut seen = BTreeSet::new();
    let mut checked = Vec::new();
    for table in tables {
        let kind = table.kind().ok_or_else(|| unknown(&table))?;
        if !seen.insert(kind) {
            let message = format!("a second table of {}; expected one", kind.as_str());
            return Err(Failure::fix_data(message).at(&table.name, ""));
        }
        checked.push(check_one(kind, table, &mut current, ask)?);
    }
    Ok(checked)
}

fn unknown(table: &Table) -> Failure {
    let names: Vec<String> = table
        .batches
        .first()
        .map(|b| {
            b.schema()
                .fields()
                .iter()
                .map(|f| f.name().clone())
                .collect()
        })
        .unwrap_or_default();
    Failure::fix_data(format!(
        "no table of registrations: the columns are `{}`",
        names.join("`, `")
    ))
    .at(&table.name, "")
    .hint("expected `company_key` (or a KvK number) with `name`, with `kind` and `value`, or with `channel` and `value`")
}

fn check_one(
    kind: Kind,
    table: Table,
    current: &mut Current,
    ask: &Ask<'_>,
) -> Result<Checked, Failure> {
    let mut unreadable = table.unreadable;
    let mut notes = table.notes;
    let mut batches = Vec::with_capacity(table.batches.len());
    let names = columns_of(&table.batches);
    notes.extend(unused(kind, &names));
    let (mut first_row, mut n_zeros) = (0, 0);
    for batch in table.batches {
        let columns = with_key(&batch, kind.columns());
        let done = typed(
            &batch,
            first_row,
            &columns,
            ask.zone,
            ask.restores_zeros,
            &mut unreadable,
        );
        let (batch, mended) =
            done.map_err(|e| Failure::our_bug(e.to_string()).at(&table.name, ""))?;
        first_row += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        n_zeros += mended.n_zeros;
        batches.push(batch);
    }
    if n_zeros > 0 {
        notes.push(format!(
            "{n_zeros} KvK numbers got their leading zeros back"
        ));
    }
    let name = table.name;
    let found = match kind {
        Kind::Companies => {
            let kept = read_companies(&batches, &name, &unreadable, &current.keys)?;
            if !ask.is_partial {
                current.keys.clear();
            }
            current.keys.extend(kept.rows.iter().map(|c| c.key.clone()));
            faults(kept, of_company)
        }
        Kind::Assets => {
            let kept = read_assets(&batches, &name, &rules(ask, &current.keys), &unreadable)?;
            faults(kept, of_asset)
        }
        Kind::Contacts => {
            let kept = read_contacts(&batches, &name, &current.keys, &unreadable)?;
            faults(kept, of_contact)
        }
    };
    let before = std::mem::take(match kind {
        Kind::Companies => &mut current.companies,
        Kind::Assets => &mut current.assets,
        Kind::Contacts => &mut current.contacts,
    });
    let (entries, problems, n_rows) = found;
    Ok(Checked {
        kind,
        name,
        n_rows,
        n_usable: u64::try_from(entries.len()).unwrap_or(u64::MAX),
        problems,
        notes,
        numbers: table.numbers,
        changes: difference(before, entries, ask.is_partial.then_some(names.as_slice())),
        batches,
    })
}

fn columns_of(batches: &[RecordBatch]) -> Vec<String> {
    let schema = batches.first().map(RecordBatch::schema);
    let names = |schema: &arrow::datatypes::SchemaRef| {
        let fields = schema.fields().iter();
        fields.map(|f| f.name().clone()).collect()
    };
    schema.as_ref().map(names).unwrap_or_default()
}

/// A misspelt column would vanish without a word.
fn unused(kind: Kind, names: &[String]) -> Option<String> {
    let is_ours = |name: &str| {
        matches!(name, KEY | ID) || kind.columns().iter().any(|column| column.name == name)
    };
    let unused: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !is_ours(name))
        .collect();
    (!unused.is_empty()).then(|| format!("columns that are not used: {}", unused.join(", ")))
}

fn rules<'a>(ask: &'a Ask<'a>, companies: &'a BTreeSet<CompanyKey>) -> Rules<'a> {
    Rules {
        companies,
        suffixes: ask.suffixes,
        zone: ask.zone,
        settings: ask.settings,
    }
}

fn faults<T>(kept: Kept<T>, entry: impl Fn(&T) -> Entry) -> (Vec<Entry>, Vec<Reject>, u64) {
    // Rows are let go one by one: a large register is not held twice.
    let entries = kept.rows.into_iter().map(|row| entry(&row)).collect();
    let mut problems = kept.rejects;
    problems.extend(kept.further);
    problems.sort_by_key(|p| p.row);
    (entries, problems, kept.read)
}
