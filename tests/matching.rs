//! Matching: the rules one by one, a plain loop as oracle, and published test data.

mod cases;
mod naive;
mod published;

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeBinaryBuilder, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::record_batch::RecordBatch;
use nachtwacht::diag::{Kind, RejectReason};
use nachtwacht::matching::{BatchMatches, Index, PrefixTable, Question, Settings, Shared};
use nachtwacht::model::asset::{Asset, AssetKind, AssetValue};
use nachtwacht::model::matches::{Confidence, MatchedBy};
use nachtwacht::model::net::{parse_prefix, parse_range};
use nachtwacht::model::night::{Micros, Validity};
use nachtwacht::model::observation::column;

/// One row of key columns.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub observed_at: Option<Micros>,
    pub ip: Option<String>,
    pub ip_v4: Option<u32>,
    pub ip_v6: Option<u128>,
    pub hostname: Option<String>,
    pub hostname_source: Option<String>,
    pub account_hash: Option<String>,
    pub account_domain: Option<String>,
    pub asn: Option<u32>,
}

impl Row {
    pub fn at(observed_at: Micros) -> Self {
        Self {
            observed_at: Some(observed_at),
            ..Self::default()
        }
    }
    fn ip(mut self, text: &str) -> Self {
        self.ip = Some(text.into());
        self
    }
    fn name(mut self, text: &str, source: &str) -> Self {
        self.hostname = Some(text.into());
        self.hostname_source = (!source.is_empty()).then(|| source.into());
        self
    }
    fn asn(mut self, asn: u32) -> Self {
        self.asn = Some(asn);
        self
    }
    fn account(mut self, domain: &str) -> Self {
        self.account_hash = Some("00ff".into());
        self.account_domain = Some(domain.into());
        self
    }
}

pub fn key_columns(rows: &[Row]) -> RecordBatch {
    let text = |get: fn(&Row) -> &Option<String>| -> ArrayRef {
        Arc::new(
            rows.iter()
                .map(|r| get(r).as_deref())
                .collect::<StringArray>(),
        )
    };
    let number = |get: fn(&Row) -> Option<u32>| -> ArrayRef {
        Arc::new(rows.iter().map(get).collect::<UInt32Array>())
    };
    let at: TimestampMicrosecondArray = rows.iter().map(|r| r.observed_at).collect();
    let mut v6 = FixedSizeBinaryBuilder::new(16);
    for row in rows {
        match row.ip_v6 {
            Some(ip) => v6.append_value(ip.to_be_bytes()).unwrap(),
            None => v6.append_null(),
        }
    }
    RecordBatch::try_from_iter_with_nullable([
        (
            column::OBSERVED_AT,
            Arc::new(at.with_timezone("UTC")) as ArrayRef,
            true,
        ),
        (column::IP, text(|r| &r.ip), true),
        (column::IP_V4, number(|r| r.ip_v4), true),
        (column::IP_V6, Arc::new(v6.finish()), true),
        (column::HOSTNAME, text(|r| &r.hostname), true),
        (column::HOSTNAME_SOURCE, text(|r| &r.hostname_source), true),
        (column::ACCOUNT_HASH, text(|r| &r.account_hash), true),
        (column::ACCOUNT_DOMAIN, text(|r| &r.account_domain), true),
        (column::ASN, number(|r| r.asn), true),
    ])
    .unwrap()
}

/// An asset as it stands in a table: `owner kind value`, with an optional `from..until`.
pub fn asset(line: &str) -> Asset {
    let mut parts = line.split_whitespace();
    let company = format!("kvk:{:0>8}", parts.next().unwrap());
    let kind: AssetKind = parts.next().unwrap().parse().unwrap();
    let text = parts.next().unwrap();
    let valid = parts.next().map_or(Validity::default(), |span| {
        let (from, until) = span.split_once("..").unwrap();
        Validity {
            from: from.parse().ok(),
            until: until.parse().ok(),
        }
    });
    let value = match kind {
        AssetKind::Ip => AssetValue::Nets(vec![text.parse::<IpAddr>().unwrap().into()]),
        AssetKind::Cidr => AssetValue::Nets(vec![parse_prefix(text).unwrap()]),
        AssetKind::Range => AssetValue::Nets(parse_range(text).unwrap()),
        AssetKind::Asn => AssetValue::Asn(text.parse().unwrap()),
        AssetKind::Domain | AssetKind::Host | AssetKind::EmailDomain => {
            AssetValue::Name(text.parse().unwrap())
        }
    };
    Asset {
        company: company.parse().unwrap(),
        kind,
        value,
        canonical: text.into(),
        original: text.into(),
        valid,
        source: "form".into(),
        confirmed_at: None,
        row: 0,
    }
}

fn assets(table: &str) -> Vec<Asset> {
    table
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .map(asset)
        .collect()
}

fn match_with(
    assets: &[Asset],
    shared: &Shared,
    prefixes: &PrefixTable,
    rows: &[Row],
) -> BatchMatches {
    let index = Index::build(assets, shared, prefixes, &Settings::default());
    let found = index.match_batch(&key_columns(rows), "snapshot").unwrap();
    assert_eq!(
        usize::try_from(found.n_rows).unwrap(),
        rows.len(),
        "a batch has as many rows as it has"
    );
    found
}

/// One line a match: `row company kind value by confidence why`, with `*` for the most specific.
#[track_caller]
fn check(table: &str, rows: &[Row], want: &[&str]) {
    check_with(
        table,
        &Shared::default(),
        &PrefixTable::default(),
        rows,
        want,
    );
}

#[track_caller]
fn check_with(table: &str, shared: &Shared, prefixes: &PrefixTable, rows: &[Row], want: &[&str]) {
    let assets = assets(table);
    let found = match_with(&assets, shared, prefixes, rows);
    assert_eq!(found.rejected, [], "nothing is rejected here");
    let lines: Vec<String> = found
        .matches
        .iter()
        .map(|m| {
            let asset = &assets[m.asset as usize];
            let star = if m.is_most_specific { "*" } else { "" };
            let company = asset
                .company
                .as_str()
                .trim_start_matches("kvk:")
                .trim_start_matches('0');
            format!(
                "{} {company} {} {}{star} {} {} {}",
                m.row, asset.kind, asset.canonical, m.by, m.confidence, m.why
            )
        })
        .collect();
    assert_eq!(lines, want);
}
