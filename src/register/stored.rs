//! Checked assets as a table of their own: what a stored index holds.
//!
//! Checking a million registrations costs seconds, indexing them a third of one. So a stored
//! index is the table of usable assets in canonical form, and the search structures are built
//! anew each time: no format of pointers that could be wrong, and any program can read it.

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, TimestampMicrosecondArray, UInt64Array};
use arrow::datatypes::{TimeUnit, TimestampMicrosecondType, UInt64Type};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::diag::Failure;
use crate::model::asset::{Asset, AssetKind, AssetValue};
use crate::model::net::range_to_nets;
use crate::model::night::{Micros, Validity};
use crate::model::observation::SCHEMA_KEY;

/// Version of the table; another one is refused.
const SCHEMA_VERSION: &str = "asset-index/1";

/// Writes usable assets as Parquet: `company_key`, `kind`, `canonical`, `original` (text),
/// `valid_from`, `valid_until` (timestamp µs UTC, null where open), `row` (UInt64), in the order
/// given, with the version under [`SCHEMA_KEY`].
///
/// # Errors
/// `OurBug` where Parquet cannot be written.
pub fn stored_assets(assets: &[Asset]) -> Result<Vec<u8>, Failure> {
    let text = |of: fn(&Asset) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(assets.iter().map(of)))
    };
    let moment = |of: fn(&Asset) -> Option<Micros>| -> ArrayRef {
        let moments: TimestampMicrosecondArray = assets.iter().map(of).collect();
        Arc::new(moments.with_timezone("UTC"))
    };
    let rows: UInt64Array = assets.iter().map(|asset| asset.row).collect();
    let columns = [
        ("company_key", text(|a| a.company.as_str())),
        ("kind", text(|a| a.kind.as_str())),
        ("canonical", text(|a| &a.canonical)),
        ("original", text(|a| &a.original)),
        ("valid_from", moment(|a| a.valid.from)),
        ("valid_until", moment(|a| a.valid.until)),
        ("row", Arc::new(rows)),
    ];
    let bug = |e: String| Failure::our_bug(format!("writing `{SCHEMA_VERSION}`: {e}"));
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true)))
        .map_err(|e| bug(e.to_string()))?;
    let version = KeyValue::new(SCHEMA_KEY.to_owned(), SCHEMA_VERSION.to_owned());
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(vec![version]))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))
        .map_err(|e| bug(e.to_string()))?;
    writer.write(&batch).map_err(|e| bug(e.to_string()))?;
    writer.into_inner().map_err(|e| bug(e.to_string()))
}

/// Is this table a stored index, be it of another version?
#[must_use]
pub fn is_stored(batch: &RecordBatch) -> bool {
    version(batch).is_some_and(|version| version.starts_with("asset-index/"))
}

/// Reads one batch of a stored index back. `first_row` is its first row in the table.
///
/// # Errors
/// `FixData` naming the row: another version, a missing column, a value that is not canonical.
pub fn from_stored(
    batch: &RecordBatch,
    first_row: usize,
    object: &str,
) -> Result<Vec<Asset>, Failure> {
    let wrong = |what: String| {
        Failure::fix_data(what)
            .at(object, "")
            .hint("build the index again with `nachtwacht index build`")
    };
    if version(batch) != Some(SCHEMA_VERSION) {
        let found = version(batch).unwrap_or("no version");
        return Err(wrong(format!(
            "a stored index of version `{found}`; expected `{SCHEMA_VERSION}`"
        )));
    }
    let columns = Stored::of(batch).map_err(|name| {
        wrong(format!(
            "the stored index has no column `{name}` of the expected type"
        ))
    })?;
    (0..batch.num_rows())
        .map(|row| {
            columns.asset(row).ok_or_else(|| {
                let row = first_row + row + 1;
                wrong(format!(
                    "row {row} of the stored index is not what was written"
                ))
            })
        })
        .collect()
}

fn version(batch: &RecordBatch) -> Option<&str> {
    batch
        .schema_ref()
        .metadata()
        .get(SCHEMA_KEY)
        .map(String::as_str)
}

struct Stored<'a> {
    company: &'a StringArray,
    kind: &'a StringArray,
    canonical: &'a StringArray,
    original: &'a StringArray,
    from: &'a TimestampMicrosecondArray,
    until: &'a TimestampMicrosecondArray,
    row: &'a UInt64Array,
}

impl<'a> Stored<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, &'static str> {
        let text = |name| {
            let column = batch.column_by_name(name).ok_or(name)?;
            column.as_string_opt::<i32>().ok_or(name)
        };
        let moment = |name| {
            let column = batch.column_by_name(name).ok_or(name)?;
            let is_micros = matches!(
                column.data_type(),
                arrow::datatypes::DataType::Timestamp(TimeUnit::Microsecond, _)
            );
            let column = column.as_primitive_opt::<TimestampMicrosecondType>();
            column.filter(|_| is_micros).ok_or(name)
        };
        Ok(Self {
            company: text("company_key")?,
            kind: text("kind")?,
            canonical: text("canonical")?,
            original: text("original")?,
            from: moment("valid_from")?,
            until: moment("valid_until")?,
            row: batch
                .column_by_name("row")
                .and_then(|column| column.as_primitive_opt::<UInt64Type>())
                .ok_or("row")?,
        })
    }

    fn asset(&self, row: usize) -> Option<Asset> {
        let text = |column: &'a StringArray| column.is_valid(row).then(|| column.value(row));
        let moment =
            |column: &TimestampMicrosecondArray| column.is_valid(row).then(|| column.value(row));
        let kind: AssetKind = text(self.kind)?.parse().ok()?;
        let canonical = text(self.canonical)?;
        Some(Asset {
            company: text(self.company)?.parse().ok()?,
            kind,
            value: value(kind, canonical)?,
            canonical: canonical.to_owned(),
            original: text(self.original)?.to_owned(),
            valid: Validity {
                from: moment(self.from),
                until: moment(self.until),
            },
            source: String::new(),
            confirmed_at: None,
            row: self.row.is_valid(row).then(|| self.row.value(row))?,
        })
    }
}

/// What a canonical text stands for; `None` for any other text.
fn value(kind: AssetKind, canonical: &str) -> Option<AssetValue> {
    let value = match kind {
        AssetKind::Ip => AssetValue::Nets(vec![canonical.parse::<IpAddr>().ok()?.into()]),
        AssetKind::Cidr => AssetValue::Nets(vec![canonical.parse().ok()?]),
        AssetKind::Range => {
            let (first, last) = canonical.split_once('-')?;
            AssetValue::Nets(range_to_nets(first.parse().ok()?, last.parse().ok()?)?)
        }
        AssetKind::Asn => AssetValue::Asn(canonical.parse().ok()?),
        AssetKind::Domain | AssetKind::Host | AssetKind::EmailDomain => {
            AssetValue::Name(canonical.parse().ok()?)
        }
    };
    Some(value)
}
