//! A day's folder: every file read or named, none lost, nothing half-written.

use std::collections::BTreeMap;
use std::fs;

use nachtwacht::diag::{Failure, Kind};
use nachtwacht::model::identity::Secret;
use nachtwacht::run::ingest::{Ask, MAX_BYTES, ingest};

use crate::harness::shared;

fn ask(from: &std::path::Path, out: &str) -> Ask {
    Ask {
        from: from.display().to_string(),
        out: out.to_owned(),
        report: None,
        date: None,
        format: None,
        feed: Some("shadowserver".into()),
        account_key: Some(Secret::new(b"test key")),
        max_bytes: MAX_BYTES,
        contracts: BTreeMap::new(),
        env: BTreeMap::new(),
    }
}

fn told(ask: &Ask) -> (String, Result<(), Failure>) {
    let mut said = String::new();
    let result = ingest(ask, &mut |text| {
        said += text;
        Ok(())
    });
    (said, result)
}

fn files_below(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(here) = waiting.pop() {
        for entry in fs::read_dir(here).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap();
                found.push(name.display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_day_becomes_snapshots_and_every_bad_file_is_named() {
    let base = tempfile::tempdir().unwrap();
    let day = base.path().join("day");
    fs::create_dir(&day).unwrap();
    let row = |ip: &str| format!("timestamp,ip\n2026-03-13 00:00:00,{ip}\n");
    for (name, text) in [
        ("2026-03-13-scan_rdp-a.csv", row("192.0.2.9")),
        (
            "2026-03-13-scan_rdp-b.csv",
            row("192.0.2.1") + "gisteren,192.0.2.2\n",
        ),
        ("2026-03-12-scan_rdp-a.csv", row("192.0.2.3")),
        (
            "2026-03-13-leak.csv",
            "jan@voorbeeld.example:geheim\n".into(),
        ),
        (
            "2026-03-13-scan_vnc-cut.csv",
            "timestamp,ip\n2026-03-13 00:00:0".into(),
        ),
        ("2026-03-13-vreemd.csv", "a,b\n1,2\n".into()),
        (".hidden", "x".into()),
    ] {
        fs::write(day.join(name), text).unwrap();
    }
    let out = base.path().join("snapshots");
    let (said, result) = told(&ask(&day, &out.display().to_string()));
    let failure = result.unwrap_err();
    assert_eq!(failure.kind, Kind::FixData);
    let named: Vec<&str> = failure.problems.iter().map(|p| p.file.as_str()).collect();
    assert_eq!(
        named,
        ["2026-03-13-vreemd.csv", "2026-03-13-scan_vnc-cut.csv"]
    );
    assert!(
        said.contains("2 rows of 3 read as scan_rdp of 2026-03-13"),
        "{said}"
    );
    assert!(said.contains("1 bad_time"), "{said}");
    assert!(!said.contains("geheim") && !said.contains("jan@"), "{said}");
    let want = [
        "2026-03-12/shadowserver/scan_rdp.parquet",
        "2026-03-13/shadowserver/leak.parquet",
        "2026-03-13/shadowserver/scan_rdp.parquet",
        "2026-03-13/shadowserver/scan_rdp.rejects.parquet.aside",
    ];
    assert_eq!(files_below(&out), want, "and nothing half-written");
    // Again: the same, and nothing is overwritten.
    fs::remove_file(day.join("2026-03-13-scan_vnc-cut.csv")).unwrap();
    fs::remove_file(day.join("2026-03-13-vreemd.csv")).unwrap();
    let (said, result) = told(&ask(&day, &out.display().to_string()));
    result.unwrap();
    assert_eq!(
        said.matches("was there already, the same").count(),
        3,
        "{said}"
    );
    fs::write(day.join("2026-03-13-scan_rdp-c.csv"), row("192.0.2.4")).unwrap();
    let (_, result) = told(&ask(&day, &out.display().to_string()));
    let failure = result.unwrap_err();
    assert_eq!(failure.kind, Kind::FixJob);
    assert!(
        failure.to_string().contains("never overwritten"),
        "{failure}"
    );
    assert_eq!(files_below(&out), want);
}

/// A snapshot without rows would say that nothing was seen.
#[test]
fn a_delivery_of_which_nothing_can_be_read_is_refused() {
    for (rows, is_fine) in [
        ("gisteren,192.0.2.9\nmorgen,192.0.2.1\n", false),
        ("gisteren,192.0.2.9\n2026-03-13 00:00:00,192.0.2.1\n", true),
        // Nothing was seen, and that is what it says.
        ("", true),
    ] {
        let base = tempfile::tempdir().unwrap();
        let day = base.path().join("day");
        fs::create_dir(&day).unwrap();
        let file = day.join("2026-03-13-scan_rdp-a.csv");
        fs::write(file, format!("timestamp,ip\n{rows}")).unwrap();
        let out = base.path().join("snapshots");
        let (said, result) = told(&ask(&day, &out.display().to_string()));
        assert_eq!(result.is_ok(), is_fine, "{rows}: {said} {result:?}");
        if let Err(failure) = result {
            assert_eq!(failure.kind, Kind::FixData);
            let text = failure.to_string();
            assert!(
                text.contains("none of 2 rows can be read: 2 bad_time"),
                "{text}"
            );
            assert_eq!(files_below(base.path()).len(), 1, "the delivery alone");
        }
    }
}

/// All samples of the feed at once.
#[test]
fn the_samples_of_a_day_are_all_there() {
    let Some(samples) = shared("shadowserver/samples") else {
        return;
    };
    let base = tempfile::tempdir().unwrap();
    let mut ask = ask(&samples, &base.path().display().to_string());
    ask.date = "2026-03-13".parse().ok();
    let (said, result) = told(&ask);
    result.unwrap();
    assert_eq!(files_below(base.path()).len(), 8, "{said}");
    assert!(!said.contains("rejects"), "{said}");
}
