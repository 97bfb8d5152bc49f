//! What a file says of its rows in statistics, before any is read.

use parquet::basic::LogicalType;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::statistics::Statistics;

use crate::model::matches::{Outline, PageOutline};
use crate::model::net::Span;
use crate::model::observation::column;

/// What the page index says of a column: bounds by page, and where each page starts.
type Pages<'a> = (&'a ColumnIndexMetaData, &'a [PageLocation]);

/// The outline of a row group; `None` where its statistics do not say enough.
pub(super) fn of<'g, 'p>(
    group: &RowGroupMetaData,
    chunk: &dyn Fn(&str) -> Option<&'g ColumnChunkMetaData>,
    pages: &dyn Fn(&str) -> Option<Pages<'p>>,
) -> Option<Outline> {
    let n_rows = u32::try_from(group.num_rows()).ok()?;
    let n_nulls =
        |name: &str| chunk(name).map(|c| c.statistics().and_then(Statistics::null_count_opt));
    // Absent, or null in every row.
    let is_empty = |name: &str| n_nulls(name).is_none_or(|n| n == Some(u64::from(n_rows)));
    let is_complete = |name: &str| n_nulls(name) == Some(Some(0));
    if !is_complete(column::OBSERVED_AT) {
        return None;
    }
    // A number in `ip_v4` goes before every other form.
    let name = if is_complete(column::IP_V4) {
        column::IP_V4
    } else if is_empty(column::IP_V4) && is_complete(column::IP_V6) {
        column::IP_V6
    } else {
        return None;
    };
    let addresses = chunk(name)?;
    let asn = chunk(column::ASN).map(|c| unsigned(c).unwrap_or((0, u32::MAX)));
    let pages = pages(name).and_then(|pages| page_outlines(addresses, pages, n_rows));
    Some(Outline {
        n_rows: u64::from(n_rows),
        addresses: span(addresses)?,
        asn: asn.filter(|_| !is_empty(column::ASN)),
        has_names: !is_empty(column::HOSTNAME),
        has_accounts: !is_empty(column::ACCOUNT_HASH) || !is_empty(column::ACCOUNT_DOMAIN),
        pages: pages.unwrap_or_default(),
    })
}

/// Least and greatest value of a column of addresses.
fn span(chunk: &ColumnChunkMetaData) -> Option<Span> {
    match sorted(chunk)? {
        Statistics::Int32(_) => unsigned(chunk).map(|(min, max)| Span::V4(min, max)),
        Statistics::FixedLenByteArray(stats) => Some(Span::V6(
            big_endian(stats.min_opt()?.data())?,
            big_endian(stats.max_opt()?.data())?,
        )),
        _ => None,
    }
}

/// Least and greatest value of a column of unsigned 32-bit numbers.
fn unsigned(chunk: &ColumnChunkMetaData) -> Option<(u32, u32)> {
    match sorted(chunk)? {
        // Parquet keeps an unsigned number in the bits of a signed one.
        Statistics::Int32(stats) if is_unsigned(chunk) => Some((
            stats.min_opt()?.cast_unsigned(),
            stats.max_opt()?.cast_unsigned(),
        )),
        _ => None,
    }
}

/// Statistics in the order of the column's type. Those of old files may be sorted by signed bytes.
fn sorted(chunk: &ColumnChunkMetaData) -> Option<&Statistics> {
    chunk
        .statistics()
        .filter(|stats| !stats.is_min_max_deprecated())
}

fn is_unsigned(chunk: &ColumnChunkMetaData) -> bool {
    matches!(
        chunk.column_descr().logical_type_ref(),
        Some(LogicalType::Integer(kind)) if !kind.is_signed && kind.bit_width == 32
    )
}

fn big_endian(bytes: &[u8]) -> Option<u128> {
    Some(u128::from_be_bytes(bytes.try_into().ok()?))
}

/// `None` unless the pages cover all rows in order, each with bounds.
fn page_outlines(
    chunk: &ColumnChunkMetaData,
    (bounds, locations): Pages<'_>,
    n_rows: u32,
) -> Option<Vec<PageOutline>> {
    let first_rows = locations
        .iter()
        .map(|page| u32::try_from(page.first_row_index).ok())
        .collect::<Option<Vec<u32>>>()?;
    let ends = first_rows.iter().skip(1).copied().chain([n_rows]);
    if first_rows.first() != Some(&0) || usize::try_from(bounds.num_pages()) != Ok(locations.len())
    {
        return None;
    }
    let pages = first_rows.iter().zip(ends).enumerate();
    pages
        .map(|(page, (&start, end))| {
            let addresses = match bounds {
                ColumnIndexMetaData::INT32(index) if is_unsigned(chunk) => Span::V4(
                    index.min_value(page)?.cast_unsigned(),
                    index.max_value(page)?.cast_unsigned(),
                ),
                ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(index) => Span::V6(
                    big_endian(index.min_value(page)?)?,
                    big_endian(index.max_value(page)?)?,
                ),
                _ => return None,
            };
            (start < end).then_some(PageOutline {
                rows: start..end,
                addresses,
            })
        })
        .collect()
}
