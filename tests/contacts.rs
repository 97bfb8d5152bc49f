//! Whom to tell: parsers of what is published, against the shared sets.

use std::collections::BTreeSet;
use std::fs;

use nachtwacht::contacts::{Rdap, SecurityTxt, read_rdap, read_security_txt};
use proptest::prelude::*;
use serde_json::Value;

use crate::harness::shared;

fn micros(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().unwrap().iter();
    items.map(|v| v.as_str().unwrap().to_owned()).collect()
}

/// The Dutch reference checker's own verdicts: validity, each code with its line, in its order.
#[test]
fn security_txt_gets_the_reference_checkers_verdicts() {
    let Some(path) = shared("securitytxt/securitytxt-cases.json") else {
        return;
    };
    let cases: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(cases.len() > 20);
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let now = micros(case["now"].as_str().unwrap());
        let file = read_security_txt(case["content"].as_str().unwrap().as_bytes(), now, &[]);
        let found: Vec<(String, Option<u64>)> = file
            .errors
            .iter()
            .map(|v| (v.code.to_owned(), v.line.map(|l| l as u64)))
            .collect();
        let wanted: Vec<(String, Option<u64>)> = case["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (e["code"].as_str().unwrap().to_owned(), e["line"].as_u64()))
            .collect();
        let is_either_fine = case["beyond_reference"]
            .as_str()
            .is_some_and(|b| b.contains("either verdict"));
        if !is_either_fine {
            assert_eq!(found, wanted, "{id}");
            assert_eq!(file.is_valid(), case["valid"].as_bool().unwrap(), "{id}");
        }
        let codes = |of: &[nachtwacht::contacts::Verdict]| -> BTreeSet<String> {
            of.iter().map(|v| v.code.to_owned()).collect()
        };
        let set = |v: &Value| texts(v).into_iter().collect::<BTreeSet<_>>();
        assert_eq!(
            codes(&file.recommendations),
            set(&case["recommendations"]),
            "{id}"
        );
        assert_eq!(
            codes(&file.notifications),
            set(&case["notifications"]),
            "{id}"
        );
        let wanted = texts(&case["contact_emails"]);
        if id == "contact-mailto-subject" {
            // RFC 6068: the query is header fields; the address stands before it.
            assert_eq!(file.contacts, ["a@voorbeeld.nl"]);
        } else {
            assert_eq!(file.contacts, wanted, "{id}");
        }
    }
}

fn verdict(text: &str) -> SecurityTxt {
    read_security_txt(text.as_bytes(), micros("2026-11-01T12:00:00Z"), &[])
}

/// Our own small table, which never skips; one code a line.
#[test]
fn every_fault_of_a_text_has_its_code() {
    let good = "Contact: mailto:a@voorbeeld.example\nExpires: 2027-01-01T00:00:00Z\n";
    assert!(verdict(good).is_valid());
    let table: &[(&str, &str)] = &[
        ("Expires: 2027-01-01T00:00:00Z\n", "no_contact"),
        ("Contact: mailto:a@voorbeeld.example\n", "no_expire"),
        (
            "Contact: a@voorbeeld.example\nExpires: 2027-01-01T00:00:00Z\n",
            "no_uri",
        ),
        (
            "Contact: http://voorbeeld.example\nExpires: 2027-01-01T00:00:00Z\n",
            "no_https",
        ),
        (
            "Contact : tel:+31\nExpires: 2027-01-01T00:00:00Z\n",
            "prec_ws",
        ),
        (
            "Contact:tel:+31\nExpires: 2027-01-01T00:00:00Z\n",
            "no_space",
        ),
        (
            "Contact: tel:+31\nExpires: 2026-01-01T00:00:00Z\n",
            "expired",
        ),
        ("Contact: tel:+31\nExpires: morgen\n", "invalid_expiry"),
        (
            "Contact: tel:+31\nExpires: 2027-01-01T00:00:00Z\nhallo\n",
            "invalid_line",
        ),
        (
            "Contact: tel:+31\nExpires: 2027-01-01T00:00:00Z\n: x\n",
            "empty_key",
        ),
        (
            "Contact: tel:+31\nExpires: 2027-01-01T00:00:00Z\nPolicy:\n",
            "empty_value",
        ),
        (
            "Contact: tel:+31\nExpires: 2027-01-01T00:00:00Z\nCSAF: https://a.example/x\n",
            "no_csaf_file",
        ),
        (
            "Contact: tel:+31\nExpires: 2027-01-01T00:00:00Z\nPreferred-Languages: nl\nPreferred-Languages: en\n",
            "multi_lang",
        ),
        (
            "Contact: tel:+31\nExpires: 2027-01-01T00:00:00Z",
            "no_line_separators",
        ),
    ];
    for (text, code) in table {
        let found: Vec<&str> = verdict(text).errors.iter().map(|v| v.code).collect();
        assert_eq!(found, [*code], "{text:?}");
    }
    let bad = read_security_txt(
        b"Contact: tel:+31\xff\nExpires: 2027-01-01T00:00:00Z\n",
        micros("2026-11-01T12:00:00Z"),
        &[],
    );
    assert_eq!(
        bad.errors.iter().map(|v| v.code).collect::<Vec<_>>(),
        ["utf8"]
    );
}

proptest! {
    /// Whatever a stranger serves: no panic, and every recipient is one plain mailbox.
    #[test]
    fn no_text_yields_a_recipient_with_a_control_character(text in "(Contact: ?mailto:|Expires: |-----BEGIN PGP SIGNED MESSAGE-----\n|[a-z@.%0-9:\r\n\\x0b, é-]{0,20}){0,8}") {
        for address in verdict(&text).contacts {
            prop_assert!(address.bytes().all(|b| b.is_ascii_graphic()), "{address:?}");
            prop_assert_eq!(address.matches('@').count(), 1);
            prop_assert!(!address.contains([',', ';', ':', '<', '>']));
        }
    }

    #[test]
    fn no_bytes_break_the_readers(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_security_txt(&bytes, 0, &["https://voorbeeld.example/.well-known/security.txt"]);
        let _ = read_rdap(&bytes);
    }
}

#[test]
fn rdap_abuse_mailboxes_agree_with_the_shared_answers() {
    let Some(path) = shared("rdap/expected-abuse.json") else {
        return;
    };
    let expected: Vec<Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for case in &expected {
        let file = path.with_file_name(case["file"].as_str().unwrap());
        let found = match read_rdap(&fs::read(&file).unwrap()).unwrap() {
            Rdap::Object(found) => found.into_iter().map(|m| m.address).collect(),
            Rdap::NotFound | Rdap::Error(_) => Vec::new(),
        };
        assert_eq!(found, texts(&case["abuse_emails"]), "{}", file.display());
    }
    let error = path.with_file_name("error_ripe_net.json");
    assert_eq!(read_rdap(&fs::read(error).unwrap()), Ok(Rdap::Error(501)));
}
