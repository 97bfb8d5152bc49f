//! Matching: the rules one by one, a plain loop as oracle, and published test data.

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

#[test]
fn all_owners_of_an_address_are_found_and_the_narrowest_is_marked() {
    check(
        "1 cidr 192.0.2.0/24
         2 cidr 192.0.2.128/25
         2 cidr 192.0.2.128/25
         3 ip 192.0.2.130
         4 range 192.0.2.129-192.0.2.131
         5 cidr 198.51.100.0/24
         6 cidr 2001:db8::/32
         6 cidr 2001:db8:0:1::/64",
        &[
            Row::at(0).ip("192.0.2.130"),
            Row::at(0).ip("192.0.2.129"),
            Row::at(0).ip("::ffff:192.0.2.200"),
            Row::at(0).ip("192.0.3.0"),
            Row::at(0).ip("2001:DB8::1:0:0:0:1"),
        ],
        &[
            "0 1 cidr 192.0.2.0/24 address high own_address",
            "0 2 cidr 192.0.2.128/25 address high own_address",
            "0 2 cidr 192.0.2.128/25 address high own_address",
            "0 3 ip 192.0.2.130* address high own_address",
            "0 4 range 192.0.2.129-192.0.2.131 address high own_address",
            // A range is as narrow as the addresses it has, not as the prefix it was cut into.
            "1 1 cidr 192.0.2.0/24 address high own_address",
            "1 2 cidr 192.0.2.128/25 address high own_address",
            "1 2 cidr 192.0.2.128/25 address high own_address",
            "1 4 range 192.0.2.129-192.0.2.131* address high own_address",
            "2 1 cidr 192.0.2.0/24 address high own_address",
            "2 2 cidr 192.0.2.128/25* address high own_address",
            "2 2 cidr 192.0.2.128/25* address high own_address",
            "4 6 cidr 2001:db8::/32 address high own_address",
            "4 6 cidr 2001:db8:0:1::/64* address high own_address",
        ],
    );
}

#[test]
fn the_whole_of_ipv6_holds_no_ipv4() {
    check(
        "1 cidr ::/0\n 2 cidr 0.0.0.0/0",
        &[
            Row::at(0).ip("::ffff:1.2.3.4"),
            Row::at(0).ip("::1"),
            Row::at(0).ip("255.255.255.255"),
        ],
        &[
            "0 2 cidr 0.0.0.0/0* address high own_address",
            "1 1 cidr ::/0* address high own_address",
            "2 2 cidr 0.0.0.0/0* address high own_address",
        ],
    );
}

#[test]
fn a_range_that_changed_hands_is_each_owners_for_its_own_days() {
    check(
        "1 cidr 192.0.2.0/24 ..100\n 2 cidr 192.0.2.0/24 100..200\n 3 cidr 192.0.2.0/25 150..",
        &[
            Row::at(99).ip("192.0.2.1"),
            Row::at(100).ip("192.0.2.1"),
            Row::at(199).ip("192.0.2.1"),
            Row::at(200).ip("192.0.2.1"),
            Row::at(-5).ip("192.0.2.200"),
            Row::at(200).ip("192.0.2.200"),
        ],
        &[
            "0 1 cidr 192.0.2.0/24* address high own_address",
            "1 2 cidr 192.0.2.0/24* address high own_address",
            "2 2 cidr 192.0.2.0/24 address high own_address",
            "2 3 cidr 192.0.2.0/25* address high own_address",
            "3 3 cidr 192.0.2.0/25* address high own_address",
            "4 1 cidr 192.0.2.0/24* address high own_address",
        ],
    );
}

#[test]
fn names_belong_on_label_borders() {
    check(
        "1 domain b.example
         2 domain a.b.example
         3 host a.b.example
         4 host b.example
         5 domain xn--bcher-kva.example",
        &[
            Row::at(0).name("A.b.Example.", "scan_target"),
            Row::at(0).name("ab.example", "scan_target"),
            Row::at(0).name("_x.a.b.example", "forward_dns"),
            Row::at(0).name("b.example", ""),
            Row::at(0).name("b.example", "something new"),
            Row::at(0).name("www.B\u{dc}CHER.example", "certificate"),
            Row::at(0).name("example", "ptr"),
        ],
        &[
            "0 1 domain b.example name high own_name",
            "0 2 domain a.b.example name high own_name",
            "0 3 host a.b.example* name high own_name",
            "2 1 domain b.example name high own_name",
            "2 2 domain a.b.example* name high own_name",
            "3 1 domain b.example name medium name_unknown_source",
            "3 4 host b.example* name medium name_unknown_source",
            "4 1 domain b.example name medium name_unknown_source",
            "4 4 host b.example* name medium name_unknown_source",
            "5 5 domain xn--bcher-kva.example* name low name_from_certificate",
        ],
    );
}

#[test]
fn a_wildcard_is_its_domains_and_covers_hosts_one_label_below() {
    check(
        "1 domain b.example
         2 host a.b.example
         3 host b.example
         4 host x.a.b.example
         5 domain a.b.example
         6 domain example
         7 host c.b.example",
        &[
            Row::at(0).name("*.B.example", "certificate"),
            Row::at(0).name("*.z.b.example", ""),
        ],
        &[
            "0 1 domain b.example* name low name_from_certificate",
            "0 2 host a.b.example* wildcard low name_from_certificate",
            "0 6 domain example name low name_from_certificate",
            "0 7 host c.b.example* wildcard low name_from_certificate",
            "1 1 domain b.example* name low name_from_certificate",
            "1 6 domain example name low name_from_certificate",
        ],
    );
}

#[test]
fn accounts_belong_to_mail_domains_alone() {
    check(
        "1 email_domain b.example\n 2 domain b.example\n 3 host b.example",
        &[
            Row::at(0).account("B.example"),
            Row::at(0).account("post.b.example"),
            Row::at(0).account("ab.example"),
            Row {
                account_domain: Some("b.example".into()),
                ..Row::at(0)
            },
            Row {
                account_hash: Some("00ff".into()),
                ..Row::at(0)
            },
        ],
        &[
            "0 1 email_domain b.example* account high own_account",
            "1 1 email_domain b.example* account high own_account",
            "3 1 email_domain b.example* account high own_account",
        ],
    );
}

#[test]
fn the_stated_as_number_goes_before_the_prefix_table() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let prefixes = PrefixTable::from_rows(&[
        (ip("192.0.2.0"), ip("192.0.2.255"), 64500),
        (ip("192.0.2.16"), ip("192.0.2.31"), 64501),
        (ip("2001:db8::"), ip("2001:db8::ffff"), 64500),
    ]);
    check_with(
        "1 asn 64500\n 2 asn 64501\n 3 cidr 192.0.2.0/28",
        &Shared::default(),
        &prefixes,
        &[
            Row::at(0).ip("192.0.2.1"),
            Row::at(0).ip("192.0.2.17"),
            Row::at(0).ip("192.0.2.1").asn(64501),
            Row::at(0).ip("192.0.2.1").asn(64999),
            Row::at(0).name("a.example", "").asn(64500),
            Row::at(0).ip("2001:db8::1"),
        ],
        &[
            "0 1 asn 64500* asn medium own_asn",
            "0 3 cidr 192.0.2.0/28* address high own_address",
            "1 2 asn 64501* asn medium own_asn",
            "2 2 asn 64501* asn medium own_asn",
            "2 3 cidr 192.0.2.0/28* address high own_address",
            "3 3 cidr 192.0.2.0/28* address high own_address",
            "4 1 asn 64500* asn medium own_asn",
            "5 1 asn 64500* asn medium own_asn",
        ],
    );
}

#[test]
fn shared_infrastructure_lowers_what_rests_on_it() {
    let shared = Shared::new(
        &[(parse_prefix("192.0.2.0/24").unwrap(), "cdn".into())],
        &[("dyn-adres.example".parse().unwrap(), "dynamic_dns".into())],
    );
    check_with(
        "1 ip 192.0.2.1\n 1 ip 198.51.100.1\n 1 asn 64500\n 1 domain klant.dyn-adres.example\n 1 domain b.example",
        &shared,
        &PrefixTable::default(),
        &[
            Row::at(0)
                .ip("192.0.2.1")
                .asn(64500)
                .name("www.b.example", "scan_target"),
            Row::at(0)
                .ip("198.51.100.1")
                .name("Klant.dyn-adres.example", "scan_target"),
        ],
        &[
            "0 1 ip 192.0.2.1* address low shared_infrastructure",
            "0 1 asn 64500* asn low shared_infrastructure",
            "0 1 domain b.example* name high own_name",
            "1 1 ip 198.51.100.1* address high own_address",
            "1 1 domain klant.dyn-adres.example* name low shared_infrastructure",
        ],
    );
}

#[test]
fn an_address_of_many_companies_says_little() {
    let mut table = String::from("9 ip 192.0.2.1 ..50\n9 ip 192.0.2.1 50..\n");
    for company in 1..=5 {
        table.push_str(&format!("{company} ip 192.0.2.1 100..\n"));
    }
    let assets = assets(&table);
    let at = |at| {
        let found = match_with(
            &assets,
            &Shared::default(),
            &PrefixTable::default(),
            &[Row::at(at).ip("192.0.2.1")],
        );
        found
            .matches
            .iter()
            .map(|m| m.confidence)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        at(99),
        [Confidence::High],
        "companies of another time do not count"
    );
    assert_eq!(at(100), [Confidence::Low; 6]);
}

#[test]
fn rows_without_a_readable_subject_are_rejected_and_others_are_not() {
    use RejectReason as R;
    let rows = [
        Row {
            observed_at: None,
            ..Row::at(0).ip("192.0.2.1")
        },
        Row::at(0),
        Row::at(0).ip("010.0.0.1"),
        Row::at(0).ip("fe80::1%eth0").name("a b", ""),
        Row::at(0).ip("nonsense").name("b.example", ""),
        Row::at(0).ip("").name("  ", ""),
        Row::at(0).name("192.0.2.1", ""),
        Row::at(0).name("jan@b.example", ""),
        Row {
            account_domain: Some("b..example".into()),
            ..Row::at(0)
        },
        Row::at(0).account("b..example").ip("192.0.2.1"),
        Row {
            ip_v4: Some(0xc000_0201),
            ..Row::at(0).ip("nonsense")
        },
        Row {
            ip_v6: Some(0xffff_c000_0201),
            ..Row::at(0)
        },
        Row {
            account_hash: Some("00".into()),
            ..Row::at(0).name("*.nl", "")
        },
        Row::at(0).name("*.nl", "certificate"),
    ];
    let found = match_with(
        &[asset("1 ip 192.0.2.1"), asset("1 domain b.example")],
        &Shared::default(),
        &PrefixTable::default(),
        &rows,
    );
    let reject = |row, why, column, text: &str| (row, why, column, text.to_owned());
    assert_eq!(
        found.rejected,
        [
            reject(0, R::BadTime, "observed_at", ""),
            reject(1, R::NoSubject, "", ""),
            reject(2, R::AmbiguousAddress, "ip", "999.9.9.9"),
            reject(3, R::ZoneId, "ip", "xx99::9%xxx9"),
            reject(5, R::NoSubject, "", ""),
            reject(6, R::NoSubject, "", ""),
            reject(7, R::BadHostname, "hostname", "xxx@x.xxxxxxx"),
            reject(8, R::BadHostname, "account_domain", "x..xxxxxxx"),
            reject(13, R::BadHostname, "hostname", "*.xx"),
        ]
    );
    assert_eq!(found.matched_rows(), [4, 9, 10, 11]);
}

#[test]
fn absent_columns_are_absent_and_wrong_ones_are_named() {
    let index = Index::build(
        &[asset("1 ip 192.0.2.1")],
        &Shared::default(),
        &PrefixTable::default(),
        &Settings::default(),
    );
    let full = key_columns(&[Row {
        ip_v4: Some(0xc000_0201),
        ..Row::at(7)
    }]);
    let bare = full.project(&[0, 2]).unwrap();
    assert_eq!(index.match_batch(&bare, "o").unwrap().matches.len(), 1);
    assert_eq!(
        index.match_batch(&bare.slice(0, 0), "o").unwrap(),
        BatchMatches::default()
    );
    let timeless = index
        .match_batch(&full.project(&[2]).unwrap(), "o")
        .unwrap_err();
    assert_eq!(
        (timeless.kind, timeless.to_string().as_str()),
        (Kind::FixData, "o: observed_at: the column is missing")
    );
    let wrong: ArrayRef = Arc::new(StringArray::from(vec!["192.0.2.1"]));
    let wrong = RecordBatch::try_from_iter([
        (column::OBSERVED_AT, Arc::clone(full.column(0))),
        (column::IP_V4, wrong),
    ])
    .unwrap();
    assert_eq!(
        index.match_batch(&wrong, "o").unwrap_err().kind,
        Kind::OurBug
    );
}

#[test]
fn a_sliced_batch_counts_its_own_rows() {
    let assets = [asset("1 ip 192.0.2.1"), asset("1 domain b.example")];
    let index = Index::build(
        &assets,
        &Shared::default(),
        &PrefixTable::default(),
        &Settings::default(),
    );
    let rows = [
        Row::at(0),
        Row::at(0).ip("192.0.2.1"),
        Row::at(0).name("b.example", ""),
        Row {
            observed_at: None,
            ..Row::default()
        },
    ];
    let found = index
        .match_batch(&key_columns(&rows).slice(1, 3), "o")
        .unwrap();
    assert_eq!(found.matched_rows(), [0, 1]);
    assert_eq!(found.rejected.iter().map(|r| r.0).collect::<Vec<_>>(), [2]);
}

#[test]
fn explaining_says_what_time_alone_left_out() {
    let assets = assets(
        "1 cidr 192.0.2.0/24 ..100\n 2 ip 192.0.2.1 100..\n 3 domain b.example\n 4 asn 64500 ..10",
    );
    let shared = Shared::new(
        &[(parse_prefix("192.0.2.0/25").unwrap(), "hosting".into())],
        &[],
    );
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let prefixes = PrefixTable::from_rows(&[(ip("192.0.2.0"), ip("192.0.2.255"), 64500)]);
    let index = Index::build(&assets, &shared, &prefixes, &Settings::default());
    let question = Question {
        ip: Some(ip("192.0.2.1")),
        hostname: Some("b.example"),
        ..Question::default()
    };
    let answer = index.explain(&question, 50);
    assert_eq!(
        answer
            .matches
            .iter()
            .map(|m| (m.asset, m.by))
            .collect::<Vec<_>>(),
        [(0, MatchedBy::Address), (2, MatchedBy::Name)]
    );
    assert_eq!(
        answer.not_valid_then,
        [(1, MatchedBy::Address), (3, MatchedBy::Asn)]
    );
    assert_eq!(answer.shared_address.as_deref(), Some("hosting"));
    assert_eq!(answer.asn, Some(64500));
    assert!(
        index
            .explain(
                &Question {
                    hostname: Some("a b"),
                    ..Question::default()
                },
                0
            )
            .is_bad_hostname
    );
}

#[test]
fn what_cannot_match_is_known_before_reading() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let prefixes = PrefixTable::from_rows(&[
        (ip("203.0.113.0"), ip("203.0.113.255"), 64500),
        (ip("198.18.0.0"), ip("198.19.0.0"), 64501),
    ]);
    let index = Index::build(
        &assets("1 cidr 192.0.2.0/24\n 2 asn 64500\n 3 cidr 2001:db8::/48"),
        &Shared::default(),
        &prefixes,
        &Settings::default(),
    );
    let v4 = |a: &str, b: &str| {
        let bits = |t: &str| u32::from(t.parse::<std::net::Ipv4Addr>().unwrap());
        index.may_match_v4_range(bits(a), bits(b))
    };
    assert!(
        v4("192.0.2.255", "192.0.3.9")
            && v4("0.0.0.0", "255.255.255.255")
            && v4("203.0.113.9", "203.0.113.9")
    );
    assert!(
        !v4("192.0.3.0", "203.0.112.255")
            && !v4("0.0.0.0", "192.0.1.255")
            && !v4("198.18.0.0", "198.18.0.9")
    );
    assert!(
        index.may_match_v6_range(0x2001_0db8 << 96, u128::MAX)
            && !index.may_match_v6_range(0, 1 << 120)
    );
    assert!(index.may_match_asn_range(1, 64500) && !index.may_match_asn_range(64501, 70000));
    assert!(index.has_asns() && !index.has_names() && !index.has_accounts());
}
