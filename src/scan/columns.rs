//! Which columns of a foreign file are ours, and under which name they stand there.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;

use crate::diag::{Failure, Problem};
use crate::model::observation::{KEY_COLUMNS, OBSERVATIONS, column as c};
use crate::model::table::{Column, ColumnType};

/// What each column of `observations` holds, in the order of the schema.
pub(super) static ALL: LazyLock<Vec<Column>> = LazyLock::new(|| {
    OBSERVATIONS
        .fields()
        .iter()
        .filter_map(|field| column(field.name()))
        .collect()
});

/// The key columns.
pub(super) static KEYS: LazyLock<Vec<Column>> =
    LazyLock::new(|| KEY_COLUMNS.iter().filter_map(|name| column(name)).collect());

/// The key columns with what each holds.
#[must_use]
pub fn key_columns() -> &'static [Column] {
    &KEYS
}

fn column(name: &str) -> Option<Column> {
    use ColumnType::{Bytes16, Date, Instant, Text, TextList, U16, U32, U64};
    let (name, holds) = match name {
        c::OBSERVED_AT => return Some(Column::needed(c::OBSERVED_AT, Instant)),
        c::IP_V4 => (c::IP_V4, U32),
        c::IP_V6 => (c::IP_V6, Bytes16),
        c::PORT => (c::PORT, U16),
        c::ASN => (c::ASN, U32),
        c::CVE => (c::CVE, TextList),
        c::SOURCE_ROW => (c::SOURCE_ROW, U64),
        c::SNAPSHOT_DATE => (c::SNAPSHOT_DATE, Date),
        // The rest of a row is never needed again: it stays in the snapshot.
        c::EXTRA => return None,
        other => (texts().iter().find(|t| **t == other).copied()?, Text),
    };
    Some(Column::optional(name, holds))
}

const fn texts() -> &'static [&'static str] {
    &[
        c::FEED,
        c::REPORT,
        c::IP,
        c::PROTOCOL,
        c::HOSTNAME,
        c::HOSTNAME_SOURCE,
        c::ACCOUNT_HASH,
        c::ACCOUNT_DOMAIN,
        c::TAG,
        c::VENDOR,
        c::PRODUCT,
        c::VERSION,
        c::SEVERITY,
        c::TLP,
        c::CLASSIFICATION_TAXONOMY,
        c::CLASSIFICATION_TYPE,
        c::TRIGGER_ID,
        c::SOURCE_OBJECT,
    ]
}

/// One of these says whose a row is.
const SUBJECTS: &[&str] = &[
    c::IP,
    c::IP_V4,
    c::IP_V6,
    c::HOSTNAME,
    c::ACCOUNT_HASH,
    c::ACCOUNT_DOMAIN,
];

/// The schema with the job's renames done; a foreign name wins nothing over our own.
pub(super) fn renamed(schema: &Schema, renames: &BTreeMap<String, String>) -> Schema {
    let fields: Vec<Arc<Field>> = schema
        .fields()
        .iter()
        .map(|field| match renames.get(field.name()) {
            Some(ours) if schema.field_with_name(ours).is_err() => {
                Arc::new(field.as_ref().clone().with_name(ours))
            }
            _ => Arc::clone(field),
        })
        .collect();
    Schema::new(fields)
}

pub(super) fn rename_batch(
    batch: &RecordBatch,
    renames: &BTreeMap<String, String>,
    object: &str,
) -> Result<RecordBatch, Failure> {
    if renames.is_empty() {
        return Ok(batch.clone());
    }
    let schema = Arc::new(renamed(batch.schema_ref(), renames));
    RecordBatch::try_new(schema, batch.columns().to_vec())
        .map_err(|e| Failure::our_bug(format!("renaming columns: {e}")).at(object, ""))
}

/// Checks that a snapshot has a time and a subject, and that every known column has a readable type.
pub(super) fn check(schema: &Schema, object: &str) -> Result<(), Failure> {
    let mut problems = match crate::model::table::check_schema(schema, &ALL, object) {
        Ok(()) => Vec::new(),
        Err(failure) => failure.problems,
    };
    if !SUBJECTS
        .iter()
        .any(|name| schema.field_with_name(name).is_ok())
    {
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        problems.push(
            Problem::new(
                object,
                c::IP,
                format!(
                    "no column says whose a row is; expected one of `{}`; the file has `{}`",
                    SUBJECTS.join("`, `"),
                    names.join("`, `")
                ),
            )
            .hint("deliver the column, or map its name under `feeds.<feed>.columns` in the job"),
        );
    }
    Failure::from_problems(crate::diag::Kind::FixData, problems).map_or(Ok(()), Err)
}
