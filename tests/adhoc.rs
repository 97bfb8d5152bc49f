//! `match`: a list against assets, without a job.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

const ASSETS: &str = "company_key,kind,value
kvk:00000001,cidr,9.9.0.0/16
kvk:00000002,cidr,9.9.9.0/24
kvk:00000002,ip,9.9.9.9
kvk:00000003,domain,b.nl
kvk:00000004,host,www.b.nl
kvk:00000005,range,9.9.9.8-9.9.9.11
kvk:00000006,cidr,2a00:1450::/32
kvk:00000007,domain,münchen.de
kvk:00000008,ip,010.0.0.1
kvk:00000008,cidr,0.0.0.0/0
kvk:00000008,cidr,9.9.9.9/24
kvk:00000008,domain,nl
kvk:123,ip,9.9.9.9
";

fn run(folder: &TempDir, observations: &str, out: &str) -> Output {
    let path = |name: &str| folder.path().join(name);
    fs::write(path("assets.csv"), ASSETS).unwrap();
    fs::write(path("list.csv"), observations).unwrap();
    Command::new(env!("CARGO_BIN_EXE_nachtwacht"))
        .arg("match")
        .arg("--assets")
        .arg(path("assets.csv"))
        .arg("--observations")
        .arg(path("list.csv"))
        .arg("--out")
        .arg(path(out))
        .output()
        .unwrap()
}

#[test]
fn all_owners_are_listed_and_the_narrowest_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let list = "ip\n9.9.9.9\n9.9.1.1\n::ffff:9.9.9.200\n2a00:1450:4001::1\n8.8.8.8\nnonsense\n";
    let ran = run(&folder, list, "out.csv");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(0), "{said}");
    let out = fs::read_to_string(folder.path().join("out.csv")).unwrap();
    let want = "row,company_key,asset,kind,most_specific,confidence
0,kvk:00000001,9.9.0.0/16,cidr,false,high
0,kvk:00000002,9.9.9.0/24,cidr,false,high
0,kvk:00000002,9.9.9.9,ip,true,high
0,kvk:00000005,9.9.9.8-9.9.9.11,range,false,high
1,kvk:00000001,9.9.0.0/16,cidr,true,high
2,kvk:00000001,9.9.0.0/16,cidr,false,high
2,kvk:00000002,9.9.9.0/24,cidr,true,high
3,kvk:00000006,2a00:1450::/32,cidr,true,high
";
    assert_eq!(out, want);
    for part in [
        "6 rows read: 1 rejected, 1 unmatched, 4 matched",
        "8 assets, 5 refused",
        "public suffix",
        "host bits",
        "wider than",
    ] {
        assert!(said.contains(part), "`{part}` in {said}");
    }
}

#[test]
fn names_meet_on_label_borders_in_every_notation() {
    let folder = tempfile::tempdir().unwrap();
    let list = "hostname\nA.B.NL.\nab.nl\nwww.b.nl\nxn--mnchen-3ya.de\n_dmarc.b.nl\n";
    let ran = run(&folder, list, "out.jsonl");
    assert_eq!(
        ran.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let out = fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let found: Vec<(u64, &str, bool)> = rows
        .iter()
        .map(|r| {
            (
                r["row"].as_u64().unwrap(),
                r["company_key"].as_str().unwrap(),
                r["most_specific"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (0, "kvk:00000003", true),
            (2, "kvk:00000003", false),
            (2, "kvk:00000004", true),
            (3, "kvk:00000007", true),
            (4, "kvk:00000003", true),
        ]
    );
}

#[test]
fn a_list_without_a_subject_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(&folder, "address\n9.9.9.9\n", "out.parquet");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(
        said.contains("list.csv") && said.contains("`address`") && said.contains("hint:"),
        "{said}"
    );
    assert!(!folder.path().join("out.parquet").exists());
}
