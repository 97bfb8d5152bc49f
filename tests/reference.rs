//! Reference data of others: form, count, difference; every real sample read or set aside.

mod used;

use nachtwacht::diag::Kind as Fault;
use nachtwacht::enrich;
use nachtwacht::reference::{Brought, Checked, Kind, check, difference};

use crate::harness::shared;

const NOW: i64 = 1_773_396_000_000_000; // 2026-03-13

fn sample(files: &[&str]) -> Option<Vec<Brought>> {
    files
        .iter()
        .map(|file| Some(((*file).to_owned(), std::fs::read(shared(file)?).unwrap())))
        .collect()
}

/// What is stored reads as itself: a night later it is the day before.
#[track_caller]
fn checked(kind: Kind, files: &[Brought]) -> Checked {
    let found = check(kind, files, NOW).unwrap_or_else(|e| panic!("{kind}: {e}"));
    let stored = [(
        format!("2026-03-13.{}", found.extension),
        found.bytes.clone(),
    )];
    let again = check(kind, &stored, NOW).unwrap_or_else(|e| panic!("stored {kind}: {e}"));
    assert_eq!(again.entries, found.entries, "{kind}");
    assert_eq!(again.bytes, found.bytes, "{kind}");
    found
}

/// Every sample of these kinds: its entries, or why it was set aside.
#[test]
fn every_sample_is_read_or_set_aside_with_a_reason() {
    let cases: &[(Kind, &[&str], usize, usize)] = &[
        (
            Kind::Kev,
            &["kev/known_exploited_vulnerabilities.json"],
            1404,
            0,
        ),
        (
            Kind::Kev,
            &["kev/known_exploited_vulnerabilities.csv"],
            1404,
            0,
        ),
        (
            Kind::Epss,
            &["epss/epss_scores-kev-2026-08-22.csv"],
            1556,
            0,
        ),
        (
            Kind::Cve,
            &[
                "cve/cve-records-sample.jsonl",
                "cve/CVEv5_advanced-example.json",
            ],
            34,
            0,
        ),
        (
            Kind::PublicSuffixes,
            &["psl/public_suffix_list.dat"],
            10_000,
            0,
        ),
        (
            Kind::PrefixAsn,
            &[
                "asn/nl-asn-ipv4.csv",
                "asn/nl-asn-ipv6.csv",
                "asn/as-names-nl.csv",
            ],
            11_149,
            0,
        ),
        (Kind::Rsit, &["taxonomy/rsit.csv"], 39, 0),
        (Kind::Rsit, &["taxonomy/rsit-machinetag.json"], 39, 0),
        (Kind::Sbi, &["nl-reference/sbi-2008.csv"], 1457, 0),
        (Kind::Nace, &["nl-reference/nace-rev2-nl-en.csv"], 996, 0),
        (
            Kind::Municipalities,
            &["nl-reference/municipalities-2024.csv"],
            342,
            0,
        ),
    ];
    for (kind, files, at_least, aside) in cases {
        let Some(files) = sample(files) else { return };
        let found = checked(*kind, &files);
        assert!(
            found.entries.len() >= *at_least,
            "{kind}: {} entries",
            found.entries.len()
        );
        assert_eq!(found.aside.len(), *aside, "{kind}: {:?}", found.aside);
    }
    let json = check(
        Kind::Kev,
        &sample(&["kev/known_exploited_vulnerabilities.json"]).unwrap(),
        NOW,
    )
    .unwrap();
    let csv = check(
        Kind::Kev,
        &sample(&["kev/known_exploited_vulnerabilities.csv"]).unwrap(),
        NOW,
    )
    .unwrap();
    assert_eq!(
        json.entries, csv.entries,
        "the two official forms say the same"
    );
    assert_eq!(
        json.day,
        Some(jiff::civil::date(2025, 8, 25)),
        "KEV says its day"
    );
    let a = check(Kind::Rsit, &sample(&["taxonomy/rsit.csv"]).unwrap(), NOW).unwrap();
    let b = check(
        Kind::Rsit,
        &sample(&["taxonomy/rsit-machinetag.json"]).unwrap(),
        NOW,
    )
    .unwrap();
    assert_eq!(a.entries, b.entries);
}

#[test]
fn advisories_are_read_and_what_is_none_is_set_aside() {
    let files = [
        "csaf/2022-evd-uc-02-na-001.json",
        "csaf/bsi-2022-0001.json",
        "csaf/rhsa-2021_5186.json",
        "csaf/example-01-feed-tlp-white.json",
        "csaf/example-01-provider-metadata.json",
    ];
    let Some(files) = sample(&files) else { return };
    let found = checked(Kind::Csaf, &files);
    let aside: Vec<&str> = found.aside.iter().map(|(file, _)| file.as_str()).collect();
    assert!(
        aside.contains(&"csaf/example-01-feed-tlp-white.json"),
        "{aside:?}"
    );
    assert!(
        aside.contains(&"csaf/example-01-provider-metadata.json"),
        "{aside:?}"
    );
    let remedies =
        enrich::read_remedies(&found.bytes, "x", jiff::civil::date(2026, 3, 13)).unwrap();
    let bsi = remedies
        .rows
        .iter()
        .find(|r| r.source.contains("BSI-2022-0001"))
        .unwrap();
    assert!(
        bsi.cve.starts_with("CVE-2022-") && !bsi.fixed.is_empty(),
        "{bsi:?}"
    );
    let rhsa = remedies
        .rows
        .iter()
        .find(|r| r.source.contains("RHSA-2021:5186"))
        .unwrap();
    assert_eq!(rhsa.cve, "CVE-2021-4104");
    // Facts that a letter prints carry the day of the source.
    let cves = [bsi.cve.clone()].into();
    let facts = enrich::facts(&cves, None, None, &[remedies]).unwrap();
    let shown = format!("{facts:?}");
    assert!(
        shown.contains("2026-03-13") && shown.contains("Fixed"),
        "{shown}"
    );
}

#[test]
fn warning_lists_become_one_table_and_foreign_ones_are_set_aside() {
    let Some(folder) = shared("warninglists") else {
        return;
    };
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| format!("warninglists/{}", e.unwrap().file_name().to_string_lossy()))
        .collect();
    names.sort();
    let n_files = names.len();
    names.extend(
        [
            "cloud-cdn/cloud-ranges.csv",
            "cloud-cdn/apple-private-relay.csv",
        ]
        .map(str::to_owned),
    );
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let files = sample(&names).unwrap();
    let found = checked(Kind::SharedInfrastructure, &files);
    let whole: Vec<&str> = found
        .aside
        .iter()
        .filter(|(what, _)| names.contains(&what.as_str()))
        .map(|(_, why)| why.as_str())
        .collect();
    assert!(
        n_files == 57 && whole.len() < n_files / 2,
        "{} of {n_files} lists were set aside",
        whole.len()
    );
    assert!(whole.iter().all(|why| !why.is_empty()));
    let says = |network: &str| {
        found
            .entries
            .get(network)
            .map(String::as_str)
            .unwrap_or_default()
    };
    assert!(
        says("104.64.0.0/10").starts_with("cdn "),
        "{}",
        says("104.64.0.0/10")
    );
    assert!(
        says("104.155.11.149").starts_with("sinkhole"),
        "{}",
        says("104.155.11.149")
    );
    assert!(found.entries.values().any(|v| v.starts_with("dynamic_dns")));
    assert!(found.entries.values().any(|v| v.starts_with("parking")));
    // No entry is lost: kept, doubled, or named.
    let shared = nachtwacht::matching::read_shared_infrastructure(&found.bytes, "x").unwrap();
    assert_eq!(
        shared.kind_of_address("103.11.223.1".parse().unwrap()),
        Some("cdn")
    );
}

#[test]
fn answers_and_security_txt_are_stored_with_what_they_say() {
    let text = "Contact: mailto:security@voorbeeld.example\nExpires: 2027-01-01T00:00:00Z\n";
    let line = serde_json::json!({"schema": 1, "kind": "security_txt", "subject": "voorbeeld.example", "fetched_at": "2026-03-12T02:00:00Z", "outcome": "found", "urls": ["https://voorbeeld.example/.well-known/security.txt"], "content_type": "text/plain; charset=utf-8", "body": text});
    let none = serde_json::json!({"schema": 1, "kind": "security_txt", "subject": "b.example", "fetched_at": "2026-03-12T02:00:00Z", "outcome": "none", "reason": "http_status_404"});
    let bad = serde_json::json!({"kind": "security_txt", "subject": "c.example"});
    let bytes = format!("{line}\n{none}\n{bad}\n").into_bytes();
    let found = checked(Kind::Lookups, &[("fetched.jsonl".into(), bytes)]);
    assert_eq!(found.entries["SecurityTxt voorbeeld.example"], "usable");
    assert_eq!(
        found.entries["SecurityTxt b.example"],
        "None http_status_404"
    );
    assert_eq!(found.aside[0].0, "fetched.jsonl, line 3");
    let Some(files) = sample(&[
        "rdap/0_2_192_in-addr_arpa.json",
        "rdap/2001_db8__.json",
        "rdap/as65541.json",
        "rdap/autnum_16509.json",
        "rdap/entity-rfc9083-fig15.json",
        "rdap/entity_arin_hostmaster.json",
        "rdap/error_ripe_net.json",
        "rdap/xn--fo-5ja_example.json",
    ]) else {
        return;
    };
    let found = checked(Kind::Lookups, &files);
    assert_eq!(
        found.entries.len() + found.aside.len(),
        files.len(),
        "{found:?}"
    );
    assert!(found.entries.len() >= 4, "{found:?}");
}

/// Files that are cut, empty, of another kind: refused by name, each with its next step.
#[test]
fn what_is_no_reference_data_is_refused_by_name() {
    let gz = |text: &[u8]| {
        use std::io::Write;
        let mut w = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        w.write_all(text).unwrap();
        w.finish().unwrap()
    };
    let whole = gz(&b"cve,epss,percentile\nCVE-2021-1234,0.5,0.5\n".repeat(500));
    let cut = whole[..whole.len() - 12].to_vec();
    for kind in Kind::ALL {
        for bytes in [
            &b""[..],
            b"<html>",
            b"PAR1",
            b"{\"a\":1}",
            b"a,b\n1,2\n",
            b"\xff\xfe\x00",
            &cut,
        ] {
            let failure =
                check(*kind, &[("x.dat".into(), bytes.to_vec())], NOW).expect_err(kind.as_str());
            assert_eq!(failure.kind, Fault::FixData, "{kind}: {failure}");
            assert!(failure.to_string().contains("x.dat"), "{kind}: {failure}");
            let said = &failure.problems[0].message;
            assert!(!said.trim_end().ends_with(':'), "{kind}: {said}");
        }
    }
    let cases: &[(Kind, &str, &str)] = &[
        (
            Kind::Epss,
            "cve,epss,percentile\nCVE-1,1.5,0\n",
            "between 0 and 1",
        ),
        (
            Kind::PrefixAsn,
            "start,end,asn\n192.0.2.9,192.0.2.1,1\n",
            "x.dat: line 2: `192.0.2.9` to `192.0.2.1` is no range",
        ),
        (
            Kind::Epss,
            "#model_version:v1\ncve,epss,percentile\nCVE-1,0.5,0\nCVE-2,x,0\n",
            "x.dat: line 4: epss: ",
        ),
        (
            Kind::Kev,
            "cveID,dateAdded\r\nCVE-1,2026-03-01\r\nCVE-2,x\r\n",
            "x.dat: line 3: dateAdded: ",
        ),
        (
            Kind::Sbi,
            "code,title_nl\n01,Teelt\n01,Teelt\n",
            "x.dat: line 3: the key `01`",
        ),
        (
            Kind::Municipalities,
            "code,name,province\nGM1,X,Atlantis\n",
            "twelve provinces",
        ),
        (Kind::Sbi, "code,title_nl\n1,Teelt\n", "leading zeros"),
        (
            Kind::Cve,
            "{\"dataType\":\"CVE_RECORD\",\"cveMetadata\":{\"cveId\":\"x\"}}",
            "no CVE identifier",
        ),
    ];
    for (kind, text, message) in cases {
        let failure = check(*kind, &[("x.dat".into(), text.as_bytes().to_vec())], NOW).unwrap_err();
        assert!(failure.to_string().contains(message), "{kind}: {failure}");
    }
}

#[test]
fn the_difference_names_what_changed() {
    let map = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    };
    let found = difference(
        &map(&[("a", "1"), ("b", "1"), ("c", "1")]),
        &map(&[("a", "1"), ("b", "2"), ("d", "1")]),
    );
    assert_eq!(
        (found.added, found.removed, found.changed),
        (vec!["d".into()], vec!["c".into()], vec!["b".into()])
    );
    assert!(!difference(&map(&[("a", ""), ("b", "")]), &map(&[("a", "")])).is_half_gone());
    assert!(difference(&map(&[("a", ""), ("b", "")]), &map(&[])).is_half_gone());
}
