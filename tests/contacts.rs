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

mod lookups {
    //! From dated results to what may be used, on the night.

    use std::sync::Arc;

    use nachtwacht::contacts::{
        Adoption, Lookup, LookupKind, LookupOutcome, published, read_lookups,
    };
    use nachtwacht::model::asset::{Asset, AssetKind, AssetValue};
    use nachtwacht::model::night::Validity;
    use nachtwacht::model::published::Answer;

    use super::micros;

    fn asset(company: &str, kind: AssetKind, value: &str) -> Arc<Asset> {
        let parsed = match kind {
            AssetKind::Asn => AssetValue::Asn(value.parse().unwrap()),
            AssetKind::Cidr => AssetValue::Nets(vec![value.parse().unwrap()]),
            _ => AssetValue::Name(value.parse().unwrap()),
        };
        Arc::new(Asset {
            company: company.parse().unwrap(),
            kind,
            value: parsed,
            canonical: value.into(),
            original: value.into(),
            valid: Validity::default(),
            source: String::new(),
            confirmed_at: None,
            row: 0,
        })
    }

    fn lookup(kind: LookupKind, subject: &str, at: &str, body: &str) -> Lookup {
        let at = at.parse().unwrap();
        let outcome = LookupOutcome::Found;
        let mut lookup =
            Lookup::without(kind, subject.into(), at, outcome, "").with_body(body.as_bytes());
        lookup.urls = vec![format!("https://{subject}/.well-known/security.txt")];
        lookup.content_type = Some("text/plain; charset=UTF-8".into());
        lookup
    }

    const GOOD: &str = "Contact: mailto:s@een.example\nExpires: 2026-03-05T00:00:00Z\n";

    fn answer(lookups: &[Lookup], night: &str) -> Answer {
        let published = published(&[], lookups, micros(night), 30);
        published.security_txt[&"een.example".parse().unwrap()]
            .answer
            .clone()
    }

    #[test]
    fn a_file_is_judged_on_the_night_and_not_when_it_was_fetched() {
        let file = lookup(
            LookupKind::SecurityTxt,
            "een.example",
            "2026-03-01T02:00:00Z",
            GOOD,
        );
        let lines = file.line();
        assert_eq!(
            read_lookups(lines.as_bytes()).unwrap(),
            std::slice::from_ref(&file)
        );
        let found = Answer::Found(vec!["s@een.example".into()]);
        assert_eq!(
            answer(std::slice::from_ref(&file), "2026-03-04T00:00:00Z"),
            found
        );
        assert_eq!(
            answer(std::slice::from_ref(&file), "2026-03-06T00:00:00Z"),
            Answer::None("expired".into())
        );
        assert_eq!(
            answer(std::slice::from_ref(&file), "2026-05-06T00:00:00Z"),
            Answer::Unknown("too_old".into())
        );
        // The newest counts, whatever the order.
        let at = "2026-03-02T02:00:00Z".parse().unwrap();
        let failed = Lookup::without(
            LookupKind::SecurityTxt,
            "een.example".into(),
            at,
            LookupOutcome::Unknown,
            "timeout",
        );
        for both in [[file.clone(), failed.clone()], [failed, file.clone()]] {
            assert_eq!(
                answer(&both, "2026-03-04T00:00:00Z"),
                Answer::Unknown("timeout".into())
            );
        }
        let mut plain = file.clone();
        plain.urls = vec!["http://een.example/.well-known/security.txt".into()];
        assert_eq!(
            answer(&[plain], "2026-03-04T00:00:00Z"),
            Answer::None("invalid_uri_scheme".into())
        );
        let raw = file.clone().with_body(b"");
        let latin = Lookup { body: None, ..raw }.with_body(
            b"Contact: mailto:s@een.example\n# caf\xe9\nExpires: 2026-03-05T00:00:00Z\n",
        );
        let back = read_lookups(latin.line().as_bytes()).unwrap();
        assert_eq!(back[0].bytes(), latin.bytes());
        assert_eq!(
            answer(&back, "2026-03-04T00:00:00Z"),
            Answer::None("utf8".into())
        );
    }

    #[test]
    fn a_broken_line_is_named() {
        assert_eq!(read_lookups(b"\n{}\n").unwrap_err().0, 2);
        let line = lookup(LookupKind::Mail, "een.example", "2026-03-01T02:00:00Z", "").line();
        let newer = line.replace("\"schema\":1", "\"schema\":2");
        assert!(
            read_lookups(newer.as_bytes())
                .unwrap_err()
                .1
                .contains("schema 2")
        );
    }

    #[test]
    fn adoption_tells_none_from_unknown() {
        let assets = [
            asset("kvk:00000001", AssetKind::Domain, "een.example"),
            asset("kvk:00000002", AssetKind::Domain, "twee.example"),
            asset("kvk:00000003", AssetKind::Domain, "drie.example"),
            asset("kvk:00000004", AssetKind::Domain, "vier.example"),
            asset("kvk:00000005", AssetKind::Domain, "samen.example"),
            asset("kvk:00000006", AssetKind::Domain, "samen.example"),
        ];
        let at = "2026-03-01T02:00:00Z";
        let without = |subject: &str, outcome| {
            Lookup::without(
                LookupKind::SecurityTxt,
                subject.into(),
                at.parse().unwrap(),
                outcome,
                "",
            )
        };
        let bad = "Contact: mailto:s@twee.example\nExpires: 2020-03-05T00:00:00Z\n";
        let lookups = [
            lookup(LookupKind::SecurityTxt, "een.example", at, GOOD),
            lookup(LookupKind::SecurityTxt, "twee.example", at, bad),
            without("drie.example", LookupOutcome::None),
            without("vier.example", LookupOutcome::Unknown),
            lookup(LookupKind::SecurityTxt, "samen.example", at, GOOD),
        ];
        let published = published(&assets, &lookups, micros("2026-03-02T00:00:00Z"), 30);
        let mut adoption = Adoption::default();
        for n in 1..=6 {
            let own = published
                .own
                .get(&format!("kvk:0000000{n}").parse().unwrap());
            adoption.count(own, &published);
        }
        let wanted = Adoption {
            companies: 6,
            looked_up: 3,
            with_file: 2,
            usable: 1,
            without_fault: 1,
            unknown: 1,
        };
        assert_eq!(adoption, wanted);
    }

    #[test]
    fn the_registrars_mailbox_is_not_the_holders() {
        let body = |roles: &str| {
            format!(
                r#"{{"objectClassName":"domain","entities":[{{"roles":["{roles}"],"entities":[{{"roles":["abuse"],"vcardArray":["vcard",[["email",{{}},"text","abuse@x.example"]]]}}]}}]}}"#
            )
        };
        for (roles, want) in [
            ("registrar", Answer::None("no_abuse_mailbox".into())),
            ("registrant", Answer::Found(vec!["abuse@x.example".into()])),
        ] {
            let lookups = [lookup(
                LookupKind::Rdap,
                "een.example",
                "2026-03-01T02:00:00Z",
                &body(roles),
            )];
            let published = published(&[], &lookups, micros("2026-03-02T00:00:00Z"), 30);
            assert_eq!(
                published.rdap_names[&"een.example".parse().unwrap()].answer,
                want
            );
        }
    }
}
