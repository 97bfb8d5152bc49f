//! What a job expects of a feed, and what a delivery says has changed.

use nachtwacht::ingest::{Drift, Profile, drift};
use nachtwacht::plan::{Band, Contract, Delivered};

use super::{Ingested, rdp, read_as, text};
use nachtwacht::diag::RejectReason;

const BEFORE: &str = "timestamp,ip,port,tag\n2026-03-01 00:00:00,192.0.2.1,3389,rdp\n";

fn lines(drift: &[Drift]) -> Vec<String> {
    drift.iter().map(ToString::to_string).collect()
}

/// A column that changes, goes, comes, moves or changes its type: what is said, and what is read.
#[test]
fn each_drift_of_a_column_has_its_answer() {
    type Judge = fn(&Ingested) -> bool;
    let same: Judge =
        |i| i.rejects.is_empty() && text(&i.batch, "ip", 0).as_deref() == Some("192.0.2.1");
    let cases: &[(&str, &str, &[&str], Judge)] = &[
        ("the same", BEFORE, &[], same),
        (
            "reordered",
            "tag,port,ip,timestamp\nrdp,3389,192.0.2.1,2026-03-01 00:00:00\n",
            &["the columns stand in another order, which changes nothing"],
            same,
        ),
        (
            "added",
            "timestamp,ip,port,tag,brand_new\n2026-03-01 00:00:00,192.0.2.1,3389,rdp,x\n",
            &["`brand_new` is new; it is kept in `extra`"],
            |i| i.unknown_columns == ["brand_new"] && i.rejects.is_empty(),
        ),
        (
            "missing",
            "timestamp,ip,tag\n2026-03-01 00:00:00,192.0.2.1,rdp\n",
            &["`port` is no longer there"],
            |i| i.missing_columns.contains(&"port") && i.rejects.is_empty(),
        ),
        (
            "changed",
            "timestamp,ip,port_number,tag\n2026-03-01 00:00:00,192.0.2.1,3389,rdp\n",
            &[
                "`port` is no longer there",
                "`port_number` is new; it is kept in `extra`",
            ],
            |i| i.missing_columns.contains(&"port") && i.unknown_columns == ["port_number"],
        ),
        (
            "retyped, and readable",
            "timestamp,ip,port,tag\n2026-03-01 00:00:00,192.0.2.1,3389,443\n",
            &["`tag` held text and holds number"],
            same,
        ),
        (
            "retyped, and not",
            "timestamp,ip,port,tag\n2026-03-01 00:00:00,192.0.2.1,https,rdp\n",
            &["`port` held number and holds text"],
            |i| i.rejects[0].why == RejectReason::BadPort && i.read == 1,
        ),
        (
            "emptied",
            "timestamp,ip,port,tag\n2026-03-01 00:00:00,192.0.2.1,,rdp\n",
            &[],
            same,
        ),
    ];
    let before = rdp(BEFORE).profile;
    for (what, csv, want, judge) in cases {
        let now = rdp(csv);
        assert_eq!(lines(&drift(&before, &now.profile)), *want, "{what}");
        assert!(judge(&now), "{what}: {now:?}");
    }
    // A column that says whom a row is about, or when: without it nothing is read.
    for column in ["timestamp", "ip"] {
        let csv = BEFORE.replacen(column, "renamed", 1);
        let failure = read_as("2026-03-01-scan_rdp-test.csv", csv.as_bytes()).unwrap_err();
        assert!(
            failure
                .to_string()
                .contains(&format!("{column}: the column is missing")),
            "{failure}"
        );
    }
    let other = Profile {
        format: "list".into(),
        ..before.clone()
    };
    assert_eq!(
        lines(&drift(&before, &other)),
        ["the format was shadowserver and is list"]
    );
}

#[test]
fn a_broken_contract_names_each_breach() {
    let contract = Contract {
        max_age_days: 2,
        required_columns: vec!["ip".into(), "port".into()],
        rows: Band {
            min_rows: Some(10),
            max_rows: None,
        },
        reports: [(
            "scan_rdp".to_owned(),
            Band {
                min_rows: Some(2),
                max_rows: Some(5),
            },
        )]
        .into(),
        max_rejects_percent: Some(20),
    };
    let filled = ["ip".to_owned(), "port".to_owned()];
    let good = Delivered {
        object: "x.csv",
        report: "scan_rdp",
        date: jiff::civil::date(2026, 3, 13),
        read: 5,
        rejected: 1,
        filled: &filled,
        newest: Some(jiff::civil::date(2026, 3, 11)),
    };
    let keys = |d: Delivered<'_>| -> Vec<String> {
        contract.broken(&d).into_iter().map(|p| p.key).collect()
    };
    assert_eq!(keys(good), [""; 0]);
    assert_eq!(keys(Delivered { read: 6, ..good }), ["max_rows"]);
    assert_eq!(
        keys(Delivered {
            read: 1,
            rejected: 0,
            ..good
        }),
        ["min_rows"]
    );
    assert_eq!(
        keys(Delivered {
            report: "scan_vnc",
            ..good
        }),
        ["min_rows"],
        "the feed's own band"
    );
    assert_eq!(
        keys(Delivered {
            rejected: 2,
            ..good
        }),
        ["max_rejects_percent"]
    );
    assert_eq!(
        keys(Delivered {
            filled: &filled[..1],
            ..good
        }),
        ["port"]
    );
    let old = Some(jiff::civil::date(2026, 3, 10));
    assert_eq!(
        keys(Delivered {
            newest: old,
            ..good
        }),
        ["max_age_days"]
    );
    let all = Delivered {
        read: 1,
        rejected: 1,
        newest: old,
        filled: &[],
        ..good
    };
    assert_eq!(
        keys(all),
        ["min_rows", "max_rejects_percent", "max_age_days"],
        "no row, no column"
    );
}
