//! The register from outside: every reason for which an asset is refused.

mod check;
mod large;
mod parties;
mod suffixes;
mod unconfirmed;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use jiff::tz::TimeZone;
use nachtwacht::diag::RejectReason as R;
use nachtwacht::model::company::CompanyKey;
use nachtwacht::register::{self, Settings};
use proptest::prelude::*;

use suffixes::suffixes;

fn zone() -> TimeZone {
    TimeZone::get("Europe/Amsterdam").unwrap()
}

fn keys() -> BTreeSet<CompanyKey> {
    ["kvk:00000001", "kvk:00000002"]
        .iter()
        .map(|k| k.parse().unwrap())
        .collect()
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

fn samples() -> Settings {
    Settings {
        accepted_reserved: vec!["192.0.2.0/24".parse().unwrap()],
        ..Settings::default()
    }
}

/// One asset of the first company: its canonical text, or why it was refused.
#[track_caller]
fn asset(kind: &str, value: &str, settings: &Settings) -> Result<String, R> {
    let table = batch(vec![
        ("company_key", texts(&[Some("kvk:00000001")])),
        ("kind", texts(&[Some(kind)])),
        ("value", texts(&[Some(value)])),
    ]);
    let kept =
        register::assets(&[table], "assets", &keys(), &suffixes(), &zone(), settings).unwrap();
    assert_eq!(kept.read, 1);
    match (kept.rows.as_slice(), kept.rejects.as_slice()) {
        ([row], []) => Ok(row.canonical.clone()),
        ([], [reject]) => Err(reject.why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_registered_value_is_read_in_one_way_or_refused_with_its_reason() {
    let table: &[(&str, &str, Result<&str, R>)] = &[
        ("ip", "9.9.9.9", Ok("9.9.9.9")),
        ("IP", " 9.9.9.9 ", Ok("9.9.9.9")),
        ("ip", "::ffff:9.9.9.9", Ok("9.9.9.9")),
        ("ip", "2A02:0:0:0::1", Ok("2a02::1")),
        ("ip", "", Err(R::EmptyValue)),
        ("ip", "011.9.9.9", Err(R::AmbiguousAddress)),
        ("ip", "9.9.9", Err(R::AmbiguousAddress)),
        ("ip", "0x9.9.9.9", Err(R::AmbiguousAddress)),
        ("ip", "fe80::1%eth0", Err(R::ZoneId)),
        ("ip", "[2a02::1]", Err(R::BracketedAddress)),
        ("ip", "9.9.9.9/32", Err(R::BadAddress)),
        ("ip", "voorbeeld.nl", Err(R::BadAddress)),
        ("ip", "192.168.1.1", Err(R::ReservedRange)),
        ("ip", "127.0.0.1", Err(R::ReservedRange)),
        ("ip", "100.64.0.1", Err(R::ReservedRange)),
        ("ip", "203.0.113.7", Err(R::ReservedRange)),
        ("ip", "192.0.2.7", Ok("192.0.2.7")),
        ("ip", "2001:db8::1", Err(R::ReservedRange)),
        ("cidr", "9.9.9.0/24", Ok("9.9.9.0/24")),
        ("cidr", "9.9.9.9/32", Ok("9.9.9.9/32")),
        ("cidr", "9.9.9.9", Err(R::BadPrefix)),
        ("cidr", "9.9.9.9/24", Err(R::HostBits)),
        ("cidr", "9.9.9.0/33", Err(R::BadPrefix)),
        ("cidr", "9.9.9.0/255.255.255.0", Err(R::BadPrefix)),
        ("cidr", "0.0.0.0/0", Err(R::PrefixTooWide)),
        ("cidr", "::/0", Err(R::PrefixTooWide)),
        ("cidr", "64.0.0.0/4", Err(R::PrefixTooWide)),
        ("cidr", "81.16.0.0/11", Err(R::HostBits)),
        ("cidr", "81.32.0.0/11", Err(R::PrefixTooWide)),
        ("cidr", "81.32.0.0/12", Ok("81.32.0.0/12")),
        ("cidr", "2a00::/23", Err(R::PrefixTooWide)),
        ("cidr", "2a00::/24", Ok("2a00::/24")),
        ("cidr", "192.0.0.0/16", Err(R::ReservedRange)),
        ("range", "9.9.9.1 - 9.9.9.6", Ok("9.9.9.1-9.9.9.6")),
        ("range", "9.9.9.6-9.9.9.1", Err(R::BadRange)),
        ("range", "9.9.9.1-2a00::1", Err(R::BadRange)),
        ("range", "9.9.9.1", Err(R::BadRange)),
        ("range", "0.0.0.0-255.255.255.255", Err(R::PrefixTooWide)),
        // Two neighbours, each narrow enough alone.
        ("range", "81.16.0.0-81.47.255.255", Err(R::PrefixTooWide)),
        ("asn", "1103", Ok("1103")),
        ("asn", "AS1103", Ok("1103")),
        ("asn", "as 1103", Err(R::BadAsn)),
        ("asn", "01103", Err(R::BadAsn)),
        ("asn", "1.10", Err(R::BadAsn)),
        ("asn", "0", Err(R::BadAsn)),
        ("asn", "23456", Err(R::BadAsn)),
        ("asn", "64512", Err(R::BadAsn)),
        ("asn", "4200000000", Err(R::BadAsn)),
        ("asn", "4294967296", Err(R::BadAsn)),
        ("asn", "64500", Ok("64500")),
        ("domain", "Voorbeeld.NL.", Ok("voorbeeld.nl")),
        ("domain", "één.nl", Ok("xn--n-9faa.nl")),
        ("domain", "nl", Err(R::PublicSuffix)),
        ("domain", "co.uk", Err(R::PublicSuffix)),
        ("domain", "onbekend", Err(R::PublicSuffix)),
        ("domain", "iets.ck", Err(R::PublicSuffix)),
        ("domain", "www.ck", Ok("www.ck")),
        ("domain", "hoster.example", Err(R::PublicSuffix)),
        ("domain", "klant.hoster.example", Ok("klant.hoster.example")),
        ("domain", "公司.cn", Err(R::PublicSuffix)),
        ("email_domain", "nl", Err(R::PublicSuffix)),
        ("email_domain", "hoster.example", Err(R::PublicSuffix)),
        ("email_domain", "@voorbeeld.nl", Err(R::BadName)),
        ("host", "www.voorbeeld.nl", Ok("www.voorbeeld.nl")),
        ("host", "hoster.example", Ok("hoster.example")),
        ("host", "nl", Err(R::PublicSuffix)),
        ("host", "https://www.voorbeeld.nl/", Err(R::BadName)),
        ("host", "*.voorbeeld.nl", Err(R::BadName)),
        ("host", "9.9.9.9", Err(R::BadName)),
        ("website", "voorbeeld.nl", Err(R::UnknownAssetKind)),
    ];
    for (kind, value, want) in table {
        let found = asset(kind, value, &samples());
        assert_eq!(found, want.map(str::to_owned), "{kind} `{value}`");
    }
    // Without accepted space, documentation is nobody's.
    let strict = Settings::default();
    assert_eq!(asset("ip", "192.0.2.7", &strict), Err(R::ReservedRange));
    assert_eq!(asset("asn", "64500", &strict), Err(R::BadAsn));
    // A job may be stricter.
    let narrow = Settings {
        max_prefix_v4: 32,
        ..samples()
    };
    assert_eq!(asset("cidr", "9.9.9.8/31", &narrow), Err(R::PrefixTooWide));
    assert_eq!(asset("ip", "9.9.9.8", &narrow), Ok("9.9.9.8".into()));
}

#[test]
fn validity_is_read_from_dates_instants_and_text() {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let n = 4;
    let column = |value: &str| texts(&vec![Some(value); n]);
    let values = ["9.9.9.1", "9.9.9.2", "9.9.9.3", "9.9.9.4"].map(Some);
    let table = |from: ArrayRef, until: ArrayRef| {
        let table = batch(vec![
            ("company_key", column("kvk:00000001")),
            ("kind", column("ip")),
            ("value", texts(&values)),
            ("valid_from", from),
            ("valid_until", until),
        ]);
        register::assets(
            &[table],
            "assets",
            &keys(),
            &suffixes(),
            &zone(),
            &samples(),
        )
        .unwrap()
    };
    let kept = table(
        texts(&[
            Some("2026-03-08"),
            None,
            Some("2026-03-01T00:00:00Z"),
            Some("maandag"),
        ]),
        texts(&[Some("2026-03-08"), Some(""), Some("2026-03-02"), None]),
    );
    let why: Vec<_> = kept
        .rejects
        .iter()
        .map(|r| (r.row, r.column, r.why))
        .collect();
    assert_eq!(
        why,
        [
            (0, "valid_until", R::BadInterval),
            (3, "valid_from", R::BadDate)
        ]
    );
    assert_eq!(kept.rejects[1].found, "xxxxxxx");
    assert_eq!(
        (kept.rows[0].valid.from, kept.rows[0].valid.until),
        (None, None)
    );
    assert_eq!(kept.rows[1].valid.from, Some(at("2026-03-01T00:00:00Z")));
    assert_eq!(kept.rows[1].valid.until, Some(at("2026-03-01T23:00:00Z")));
    assert_eq!(kept.rows[1].row, 2);

    // 20,520 days after 1970 is 8 March 2026; a date column says local midnight, a timestamp UTC.
    let days: ArrayRef = Arc::new(Date32Array::from(vec![
        Some(20_520),
        None,
        Some(i32::MAX),
        None,
    ]));
    let moments: ArrayRef = Arc::new(
        TimestampMicrosecondArray::from(vec![Some(at("2026-03-08T00:00:00Z")), None, None, None])
            .with_timezone("UTC"),
    );
    let kept = table(days, moments);
    assert_eq!(kept.rows[0].valid.from, Some(at("2026-03-07T23:00:00Z")));
    assert_eq!(kept.rows[0].valid.until, Some(at("2026-03-08T00:00:00Z")));
    assert_eq!(
        kept.rejects.iter().map(|r| r.why).collect::<Vec<_>>(),
        [R::BadDate]
    );
}

#[test]
fn assets_of_nobody_and_twins_are_refused() {
    let table = batch(vec![
        (
            "company_key",
            texts(
                &[
                    "kvk:00000001",
                    "kvk:00000001",
                    "kvk:00000009",
                    "kvk:1",
                    "kvk:00000002",
                ]
                .map(Some),
            ),
        ),
        ("kind", texts(&[Some("ip"); 5])),
        (
            "value",
            texts(&["9.9.9.9", "::ffff:9.9.9.9", "9.9.9.9", "9.9.9.9", "9.9.9.9"].map(Some)),
        ),
    ]);
    let kept = register::assets(
        &[table],
        "assets",
        &keys(),
        &suffixes(),
        &zone(),
        &samples(),
    )
    .unwrap();
    let why: Vec<_> = kept.rejects.iter().map(|r| (r.row, r.why)).collect();
    assert_eq!(
        why,
        [
            (1, R::DuplicateRow),
            (2, R::UnknownCompany),
            (3, R::BadCompanyKey)
        ]
    );
    assert_eq!(kept.rejects[1].found, "xxx:99999999");
    let owners: Vec<_> = kept.rows.iter().map(|a| a.company.as_str()).collect();
    assert_eq!(owners, ["kvk:00000001", "kvk:00000002"]);
}

proptest! {
    /// Whatever stands in the fields: every row is kept or refused, in order, and nothing panics.
    #[test]
    fn every_row_is_kept_or_refused(
        rows in proptest::collection::vec(("(kvk:0000000[123]|\\PC{0,12})", "(ip|cidr|range|asn|domain|host|email_domain|\\PC{0,4})", "([0-9a-f:./-]{0,20}|\\PC{0,20})", "([0-9T:Z-]{0,20}|\\PC{0,8})"), 1..20)
    ) {
        let column = |of: fn(&(String, String, String, String)) -> &String| {
            texts(&rows.iter().map(|row| Some(of(row).as_str())).collect::<Vec<_>>())
        };
        let table = batch(vec![
            ("company_key", column(|r| &r.0)),
            ("kind", column(|r| &r.1)),
            ("value", column(|r| &r.2)),
            ("valid_from", column(|r| &r.3)),
        ]);
        let kept = register::assets(&[table], "assets", &keys(), &suffixes(), &zone(), &samples()).unwrap();
        prop_assert_eq!(kept.read, rows.len() as u64);
        let mut numbers: Vec<u64> = kept.rows.iter().map(|a| a.row).chain(kept.rejects.iter().map(|r| r.row)).collect();
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (0..rows.len() as u64).collect::<Vec<_>>());
    }
}
