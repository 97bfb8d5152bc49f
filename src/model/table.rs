//! Tables as they arrive: columns found by name, types checked once, everything after that
//! sees one form only.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;

use super::observation::utc_micros;
use crate::diag::Failure;

/// What a column holds, whatever the writer chose to store it as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Text; also large, view and dictionary forms.
    Text,
    /// A list of texts; also plain text, which becomes a list of one.
    TextList,
    /// 0 to 65535; any integer type.
    U16,
    /// 0 to 4294967295; any integer type.
    U32,
    /// 0 and up; any integer type.
    U64,
    /// True or false.
    Bool,
    /// A calendar date.
    Date,
    /// A moment; a timestamp without zone is UTC.
    Instant,
    /// A date, a moment, or text that is one of them; left as it is, but for its unit.
    DateOrInstant,
    /// 16 bytes.
    Bytes16,
}

impl ColumnType {
    fn canonical(self, found: &DataType) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::TextList => DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))),
            Self::U16 => DataType::UInt16,
            Self::U32 => DataType::UInt32,
            Self::U64 => DataType::UInt64,
            Self::Bool => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Instant => utc_micros(),
            Self::Bytes16 => DataType::FixedSizeBinary(16),
            Self::DateOrInstant => match found {
                DataType::Timestamp(..) => utc_micros(),
                DataType::Date32 | DataType::Date64 => DataType::Date32,
                _ => DataType::Utf8,
            },
        }
    }

    fn accepts(self, found: &DataType) -> bool {
        let plain_text =
            |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        let text = |t: &DataType| {
            plain_text(t) || matches!(t, DataType::Dictionary(_, v) if plain_text(v))
        };
        let date = |t: &DataType| matches!(t, DataType::Date32 | DataType::Date64);
        // A column of nulls alone says nothing about its type.
        if matches!(found, DataType::Null) {
            return true;
        }
        match self {
            Self::Text => text(found),
            Self::TextList => {
                text(found)
                    || matches!(found, DataType::List(f) | DataType::LargeList(f) if text(f.data_type()))
            }
            Self::U16 | Self::U32 | Self::U64 => found.is_integer(),
            Self::Bool => matches!(found, DataType::Boolean),
            Self::Date => date(found),
            Self::Instant => matches!(found, DataType::Timestamp(..)),
            Self::DateOrInstant => {
                text(found) || date(found) || matches!(found, DataType::Timestamp(..))
            }
            Self::Bytes16 => matches!(found, DataType::FixedSizeBinary(16)),
        }
    }

    /// What a person should see as expected.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::TextList => "a list of texts",
            Self::U16 => "a whole number from 0 to 65535",
            Self::U32 => "a whole number from 0 to 4294967295",
            Self::U64 => "a whole number from 0",
            Self::Bool => "true or false",
            Self::Date => "a date",
            Self::Instant => "a timestamp",
            Self::DateOrInstant => "a date, a timestamp or text",
            Self::Bytes16 => "16 bytes of fixed size",
        }
    }
}

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// What it holds.
    pub holds: ColumnType,
    /// Must it be there?
    pub is_needed: bool,
}

impl Column {
    /// A column that must be there.
    #[must_use]
    pub const fn needed(name: &'static str, holds: ColumnType) -> Self {
        Self {
            name,
            holds,
            is_needed: true,
        }
    }

    /// A column that is null where it is missing.
    #[must_use]
    pub const fn optional(name: &'static str, holds: ColumnType) -> Self {
        Self {
            name,
            holds,
            is_needed: false,
        }
    }
}

/// A batch in canonical form, and the values that did not fit.
#[derive(Clone, Debug)]
pub struct Canonical {
    /// One column for each asked for, in that order; missing ones are null.
    pub batch: RecordBatch,
    /// Row in the batch and column of each value that does not fit its type (a port of 70000);
    /// the value itself is null. Sorted by row.
    pub misfits: Vec<(usize, &'static str)>,
}

/// Checks that a schema has the needed columns and that all have a type that can be read.
///
/// # Errors
/// `FixData` with every missing column and every wrong type, naming `object`.
pub fn check_schema(schema: &Schema, columns: &[Column], object: &str) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for column in columns {
        let found = schema.field_with_name(column.name).ok();
        let message = match found {
            None if column.is_needed => {
                let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
                format!(
                    "the column is missing; expected {}; the file has `{}`",
                    column.holds.text(),
                    names.join("`, `")
                )
            }
            Some(field) if !column.holds.accepts(field.data_type()) => format!(
                "the column holds `{}`; expected {}",
                field.data_type(),
                column.holds.text()
            ),
            _ => continue,
        };
        problems.push(
            crate::diag::Problem::new(object, column.name, message)
                .hint("deliver the column by that name and type, or map its name under `columns` in the job"),
        );
    }
    Failure::from_problems(crate::diag::Kind::FixData, problems).map_or(Ok(()), Err)
}

/// Brings a batch into canonical form.
///
/// # Errors
/// As [`check_schema`]; also where a column cannot be converted at all.
pub fn canonical(
    batch: &RecordBatch,
    columns: &[Column],
    object: &str,
) -> Result<Canonical, Failure> {
    check_schema(batch.schema_ref(), columns, object)?;
    let n_rows = batch.num_rows();
    let mut fields = Vec::with_capacity(columns.len());
    let mut arrays = Vec::with_capacity(columns.len());
    let mut misfits = Vec::new();
    for column in columns {
        let (array, data_type) = match batch.column_by_name(column.name) {
            Some(found) => {
                let wanted = column.holds.canonical(found.data_type());
                let array = convert(found, &wanted).map_err(|e| {
                    Failure::fix_data(format!(
                        "the column cannot be read as {}: {e}",
                        column.holds.text()
                    ))
                    .at(object, column.name)
                })?;
                if array.null_count() > found.logical_null_count() {
                    misfits.extend(
                        (0..n_rows)
                            .filter(|&row| array.is_null(row) && !is_logically_null(found, row))
                            .map(|row| (row, column.name)),
                    );
                }
                (array, wanted)
            }
            None => {
                let wanted = column.holds.canonical(&DataType::Utf8);
                (new_null_array(&wanted, n_rows), wanted)
            }
        };
        fields.push(Field::new(column.name, data_type, true));
        arrays.push(array);
    }
    misfits.sort_unstable();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|e| Failure::our_bug(format!("canonical batch: {e}")).at(object, ""))?;
    Ok(Canonical { batch, misfits })
}

fn is_logically_null(array: &ArrayRef, row: usize) -> bool {
    array
        .logical_nulls()
        .is_some_and(|nulls| nulls.is_null(row))
}

fn convert(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, arrow::error::ArrowError> {
    if array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    if matches!(array.data_type(), DataType::Null) {
        return Ok(new_null_array(wanted, array.len()));
    }
    let options = CastOptions {
        safe: true,
        ..CastOptions::default()
    };
    if let (DataType::Timestamp(unit, _), DataType::Timestamp(..)) = (array.data_type(), wanted) {
        // The stored number is UTC whatever the zone says; a timestamp without zone is UTC too
        // (DECISIONS, section 1). So the unit alone changes, and no zone has to be known.
        let number = cast_with_options(array, &DataType::Int64, &options)?;
        let bare = cast_with_options(&number, &DataType::Timestamp(*unit, None), &options)?;
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        let bare = cast_with_options(&bare, &micros, &options)?;
        let utc = bare
            .as_primitive::<TimestampMicrosecondType>()
            .clone()
            .with_timezone("UTC");
        return Ok(Arc::new(utc));
    }
    cast_with_options(array, wanted, &options)
}
