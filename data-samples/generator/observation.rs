//! Rows of a snapshot, and the two ways in which they are stored.

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, FixedSizeBinaryBuilder, Int32Array, ListBuilder, StringArray,
    StringBuilder, TimestampMicrosecondArray, TimestampMillisecondArray, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow::record_batch::RecordBatch;
use nachtwacht::model::night::Micros;
use nachtwacht::model::observation::{OBSERVATIONS, SCHEMA_KEY, SCHEMA_VERSION};

use super::parquet_file::{bytes, days, table, text};

/// One row, before it is stored. An empty text is null.
#[derive(Clone, Default)]
pub struct Row {
    pub at: Option<Micros>,
    /// As delivered; also where it is no address.
    pub ip: String,
    pub port: Option<i32>,
    pub protocol: &'static str,
    pub hostname: String,
    pub hostname_source: &'static str,
    pub account_hash: String,
    pub account_domain: String,
    pub asn: Option<u32>,
    pub tag: String,
    pub cve: &'static [&'static str],
    pub vendor: &'static str,
    pub product: String,
    pub version: String,
    pub severity: &'static str,
    pub taxonomy: &'static str,
    pub class: &'static str,
    pub trigger: &'static str,
    pub extra: String,
    /// Row in the raw file.
    pub source_row: u64,
}

impl Row {
    fn number(&self) -> Option<IpAddr> {
        self.ip.parse().ok()
    }
}

/// A snapshot: whose, which, when.
pub struct Snapshot<'a> {
    pub feed: &'a str,
    pub report: &'a str,
    pub date: &'a str,
}

impl Snapshot<'_> {
    pub fn path(&self) -> String {
        format!(
            "snapshots/{}/{}/{}.parquet",
            self.date, self.feed, self.report
        )
    }

    /// As our own ingest writes it: every column, sorted by address, IPv4 before IPv6 before none.
    pub fn own_form(&self, mut rows: Vec<Row>) -> Vec<u8> {
        rows.sort_by_key(|r| (r.number().is_none(), r.number(), r.port, r.source_row));
        let all = |value: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(|_| value)))
        };
        let raw = format!("raw/{}-{}-voorbeeldland.csv", self.date, self.report);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(
                TimestampMicrosecondArray::from_iter_values(rows.iter().map(|r| r.at.unwrap()))
                    .with_timezone("UTC"),
            ),
            all(self.feed),
            all(self.report),
            text(rows.iter().map(|r| r.ip.as_str())),
            Arc::new(UInt32Array::from_iter(rows.iter().map(
                |r| match r.number() {
                    Some(IpAddr::V4(v4)) => Some(u32::from(v4)),
                    _ => None,
                },
            ))),
            v6(&rows),
            Arc::new(UInt16Array::from_iter(
                rows.iter()
                    .map(|r| r.port.map(|p| u16::try_from(p).unwrap())),
            )),
            text(rows.iter().map(|r| r.protocol)),
            text(rows.iter().map(|r| r.hostname.as_str())),
            text(rows.iter().map(|r| r.hostname_source)),
            text(rows.iter().map(|r| r.account_hash.as_str())),
            text(rows.iter().map(|r| r.account_domain.as_str())),
            Arc::new(UInt32Array::from_iter(rows.iter().map(|r| r.asn))),
            text(rows.iter().map(|r| r.tag.as_str())),
            cves(&rows),
            text(rows.iter().map(|r| r.vendor)),
            text(rows.iter().map(|r| r.product.as_str())),
            text(rows.iter().map(|r| r.version.as_str())),
            text(rows.iter().map(|r| r.severity)),
            all("TLP:AMBER"),
            text(rows.iter().map(|r| r.taxonomy)),
            text(rows.iter().map(|r| r.class)),
            text(rows.iter().map(|r| r.trigger)),
            all(&raw),
            Arc::new(UInt64Array::from_iter(
                rows.iter().map(|r| Some(r.source_row)),
            )),
            Arc::new(Date32Array::from_iter(
                rows.iter().map(|_| Some(days(self.date))),
            )),
            text(rows.iter().map(|r| r.extra.as_str())),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&OBSERVATIONS), columns).unwrap();
        bytes(&batch, &[(SCHEMA_KEY, SCHEMA_VERSION)])
    }

    /// As a partner writes it: fewer columns, in another order and other types, unsorted,
    /// addresses as text alone, times without a zone, no schema version.
    pub fn foreign_form(&self, rows: &[Row]) -> Vec<u8> {
        let all = |value: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(|_| value)))
        };
        let joined: Vec<String> = rows.iter().map(|r| r.cve.join(";")).collect();
        let batch = table(vec![
            ("ip", text(rows.iter().map(|r| r.ip.as_str()))),
            (
                "port",
                Arc::new(Int32Array::from_iter(rows.iter().map(|r| r.port))),
            ),
            (
                "observed_at",
                Arc::new(TimestampMillisecondArray::from_iter(
                    rows.iter().map(|r| r.at.map(|at| at / 1_000)),
                )),
            ),
            ("report", all(self.report)),
            ("feed", all(self.feed)),
            ("protocol", text(rows.iter().map(|r| r.protocol))),
            ("hostname", text(rows.iter().map(|r| r.hostname.as_str()))),
            (
                "account_hash",
                text(rows.iter().map(|r| r.account_hash.as_str())),
            ),
            (
                "account_domain",
                text(rows.iter().map(|r| r.account_domain.as_str())),
            ),
            ("tag", text(rows.iter().map(|r| r.tag.as_str()))),
            ("cve", text(joined.iter().map(String::as_str))),
            ("vendor", text(rows.iter().map(|r| r.vendor))),
            ("product", text(rows.iter().map(|r| r.product.as_str()))),
            ("version", text(rows.iter().map(|r| r.version.as_str()))),
            ("severity", text(rows.iter().map(|r| r.severity))),
            ("tlp", all("TLP:AMBER+STRICT")),
            ("classification_type", text(rows.iter().map(|r| r.class))),
            ("analyst_note", text(rows.iter().map(|r| r.extra.as_str()))),
        ]);
        bytes(&batch, &[])
    }
}

fn v6(rows: &[Row]) -> ArrayRef {
    let mut builder = FixedSizeBinaryBuilder::with_capacity(rows.len(), 16);
    for row in rows {
        match row.number() {
            Some(IpAddr::V6(v6)) => builder.append_value(v6.octets()).unwrap(),
            _ => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

fn cves(rows: &[Row]) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for row in rows {
        for cve in row.cve {
            builder.values().append_value(cve);
        }
        builder.append(!row.cve.is_empty());
    }
    Arc::new(builder.finish())
}
