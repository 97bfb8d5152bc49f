//! Companies and contacts.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Int32Array, Int64Array};
use nachtwacht::diag::{Kind, RejectReason as R};
use nachtwacht::model::company::{Channel, Language, PartyKind};
use nachtwacht::register;

use super::{batch, keys, texts};
use crate::harness::shared;

#[test]
fn companies_are_read_with_their_defaults_and_their_reasons() {
    let keys = [
        "kvk:00000001",
        "kvk:00000002",
        "kvk:123",
        "kvk:00000001",
        "kvk:00000003",
        "kvk:00000004",
        "kvk:00000005",
        "kvk:00000006",
        "kvk:00000007",
    ];
    let names = [
        "Een\r\nTwee\u{7}  Drie",
        "Twee",
        "Drie",
        "Vier",
        "",
        "Vijf",
        "Zes",
        "Zeven",
        "Acht",
    ];
    let kinds = [
        None,
        Some("Participant"),
        None,
        None,
        None,
        Some("member"),
        None,
        None,
        None,
    ];
    let languages = [
        None,
        Some("EN"),
        None,
        None,
        None,
        None,
        Some("de"),
        None,
        None,
    ];
    let parents = [
        Some("kvk:00000002"),
        None,
        None,
        None,
        None,
        None,
        None,
        Some("kvk:00000006"),
        Some("kvk:00000099"),
    ];
    let streets = [
        Some(" Voorbeeldstraat "),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    ];
    let table = batch(vec![
        ("company_key", texts(&keys.map(Some))),
        ("name", texts(&names.map(Some))),
        ("party_kind", texts(&kinds)),
        ("language", texts(&languages)),
        ("parent_company_key", texts(&parents)),
        ("street", texts(&streets)),
        (
            "address_shielded",
            Arc::new(BooleanArray::from(vec![true; 9])),
        ),
        (
            "participant_since",
            Arc::new(Date32Array::from(vec![Some(20_000); 9])),
        ),
    ]);
    let kept = register::companies(&[table.slice(0, 4), table.slice(4, 5)], "companies").unwrap();
    let why: Vec<_> = kept.rejects.iter().map(|r| (r.row, r.why)).collect();
    let expected = [
        (2, R::BadCompanyKey),
        (3, R::DuplicateCompany),
        (4, R::MissingName),
        (5, R::UnknownPartyKind),
        (6, R::UnknownLanguage),
    ];
    assert_eq!(why, expected);
    assert_eq!(kept.read, 9);
    // Kept without a parent: the parent's fault takes nobody's letters away.
    let why: Vec<_> = kept.further.iter().map(|r| (r.row, r.why)).collect();
    assert_eq!(why, [(7, R::UnknownParent), (8, R::UnknownParent)]);
    let [first, second, own_parent, no_parent] = kept.rows.as_slice() else {
        panic!("{kept:?}")
    };
    assert_eq!((&own_parent.parent, &no_parent.parent), (&None, &None));
    assert_eq!(first.name, "Een Twee Drie");
    assert_eq!(
        (first.party_kind, first.language),
        (PartyKind::Registered, Language::Nl)
    );
    assert_eq!(
        (second.party_kind, second.language),
        (PartyKind::Participant, Language::En)
    );
    let address = first.address.as_ref().unwrap();
    assert_eq!(
        (address.street.as_str(), address.country.as_str()),
        ("Voorbeeldstraat", "NL")
    );
    assert!(address.shielded && second.address.is_none());
    assert!(second.is_participant_on("2024-10-04".parse().unwrap()));
}

#[test]
fn a_bare_kvk_number_keeps_its_zeros_and_a_number_column_is_refused() {
    let names = || texts(&[Some("Een"), Some("Twee")]);
    let table = batch(vec![
        ("company_id", texts(&[Some("00012345"), Some("12345")])),
        ("name", names()),
    ]);
    let kept = register::companies(&[table], "companies").unwrap();
    assert_eq!(kept.rows[0].key.as_str(), "kvk:00012345");
    assert_eq!(kept.rejects[0].why, R::BadCompanyKey);
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![12_345, 67_890]));
    let table = batch(vec![("company_id", numbers), ("name", names())]);
    let failure = register::companies(&[table], "companies.parquet").unwrap_err();
    assert_eq!(failure.kind, Kind::FixData);
    let text = failure.to_string();
    assert!(
        text.contains("companies.parquet: company_id: the column holds `Int64`; expected text"),
        "{text}"
    );
}

#[test]
fn a_table_that_lacks_a_column_or_every_company_stops_the_night() {
    let table = batch(vec![("company_key", texts(&[Some("kvk:00000001")]))]);
    let failure = register::companies(std::slice::from_ref(&table), "c.parquet").unwrap_err();
    assert_eq!(failure.kind, Kind::FixData);
    assert!(
        failure
            .to_string()
            .contains("c.parquet: name: the column is missing"),
        "{failure}"
    );
    let failure = register::contacts(&[table], "k.parquet", &keys()).unwrap_err();
    assert_eq!(
        failure.problems.len(),
        2,
        "channel and value at once: {failure}"
    );
    let bad = batch(vec![
        ("company_key", texts(&[Some("x")])),
        ("name", texts(&[Some("Een")])),
    ]);
    for batches in [vec![], vec![bad]] {
        let failure = register::companies(&batches, "c.parquet").unwrap_err();
        assert_eq!(failure.kind, Kind::FixData);
        assert!(
            failure.to_string().contains("no company is left"),
            "{failure}"
        );
    }
}

#[test]
fn contacts_are_one_plain_way_to_reach_a_company() {
    let rows: [(&str, &str, &str, Result<&str, R>); 10] = [
        (
            "kvk:00000001",
            "email",
            "security@Voorbeeld.example",
            Ok("security@voorbeeld.example"),
        ),
        (
            "kvk:00000001",
            "email",
            "security@voorbeeld.example",
            Err(R::DuplicateRow),
        ),
        (
            "kvk:00000002",
            "Email",
            "security@voorbeeld.example",
            Ok("security@voorbeeld.example"),
        ),
        (
            "kvk:00000001",
            "email",
            "Naam <a@b.example>",
            Err(R::BadEmail),
        ),
        (
            "kvk:00000001",
            "email",
            "a@b.example\nBcc: c@d.example",
            Err(R::BadEmail),
        ),
        ("kvk:00000001", "email", "", Err(R::EmptyValue)),
        ("kvk:00000001", "post", "", Ok("")),
        (
            "kvk:00000001",
            "phone",
            "+31 85 000\t0000",
            Ok("+31 85 000 0000"),
        ),
        ("kvk:00000001", "fax", "1", Err(R::UnknownChannel)),
        ("kvk:00000003", "post", "", Err(R::UnknownCompany)),
    ];
    type Line = (
        &'static str,
        &'static str,
        &'static str,
        Result<&'static str, R>,
    );
    let column = |of: fn(&Line) -> &'static str| {
        texts(&rows.iter().map(|row| Some(of(row))).collect::<Vec<_>>())
    };
    let priorities: ArrayRef = Arc::new(Int32Array::from(vec![
        Some(2),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    ]));
    let table = batch(vec![
        ("company_key", column(|r| r.0)),
        ("channel", column(|r| r.1)),
        ("value", column(|r| r.2)),
        ("priority", priorities),
    ]);
    let kept = register::contacts(&[table], "contacts", &keys()).unwrap();
    let (mut good, mut bad) = (kept.rows.iter(), kept.rejects.iter());
    for (n, row) in rows.iter().enumerate() {
        match row.3 {
            Ok(value) => assert_eq!(good.next().unwrap().value, value, "row {n}"),
            Err(why) => {
                let reject = bad.next().unwrap();
                assert_eq!((reject.row, reject.why), (n as u64, why));
                assert!(!reject.found.contains('b'), "masked: {}", reject.found);
            }
        }
    }
    assert_eq!(kept.rows[0].priority, 2);
    assert_eq!(kept.rows[1].priority, u16::MAX);
    assert_eq!(kept.rows[0].channel, Channel::Email);
}

#[test]
fn a_priority_that_is_no_number_of_its_column_is_a_reject() {
    let table = batch(vec![
        ("company_key", texts(&[Some("kvk:00000001")])),
        ("channel", texts(&[Some("post")])),
        ("value", texts(&[None])),
        ("priority", Arc::new(Int32Array::from(vec![-1]))),
    ]);
    let kept = register::contacts(&[table], "contacts", &keys()).unwrap();
    assert_eq!(kept.rejects[0].why, R::BadNumber);
}

/// Valid addresses without quotes or literals pass; whatever breaks a rule does not.
#[test]
fn mail_addresses_agree_with_the_isemail_cases() {
    let Some(path) = shared("email/isemail-cases.json") else {
        return;
    };
    let cases: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut n_checked = 0;
    for case in cases.as_array().unwrap() {
        let (address, category) = (
            case["address"].as_str().unwrap(),
            case["category"].as_str().unwrap(),
        );
        let passes = nachtwacht::model::email::mail_address(address).is_ok();
        match category {
            "ISEMAIL_VALID_CATEGORY" => assert!(passes, "{case}"),
            // The domain may be missing from DNS, which is not asked here.
            "ISEMAIL_DNSWARN" => continue,
            _ => assert!(!passes, "{case}"),
        }
        n_checked += 1;
    }
    assert!(n_checked >= 30, "{n_checked}");
}
