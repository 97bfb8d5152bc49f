//! `match`: a list against assets, without a job.

use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;

use arrow::array::{AsArray, StringArray};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

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
kvk:00000008,domain,co.uk
kvk:00000008,domain,github.io
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
    assert_eq!(
        ran.status.code(),
        Some(1),
        "rows and assets were set aside: {said}"
    );
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
        "8 assets, 7 refused",
        "3 assets, the first in line 13: a public suffix",
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
        Some(1),
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

fn nachtwacht(arguments: &[&str], folder: &TempDir) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nachtwacht"))
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[test]
fn a_stored_index_gives_the_same_answer_as_its_assets() {
    let folder = tempfile::tempdir().unwrap();
    let list = "ip,hostname\n9.9.9.9,\n9.9.1.1,a.b.nl\n,www.b.nl\n2a00:1450::5,\n9.9.9.10,x.xn--mnchen-3ya.de\n";
    run(&folder, list, "plain.csv");
    let built = nachtwacht(
        &[
            "index",
            "build",
            "--assets",
            "assets.csv",
            "--out",
            "stored.parquet",
        ],
        &folder,
    );
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    assert_eq!(built.status.code(), Some(1), "assets were refused: {said}");
    assert!(
        said.contains("8 assets of assets.csv stored, 7 refused") && said.contains("public suffix"),
        "{said}"
    );
    let arguments = [
        "match",
        "--assets",
        "stored.parquet",
        "--observations",
        "list.csv",
        "--out",
        "stored.csv",
    ];
    let matched = nachtwacht(&arguments, &folder);
    assert_eq!(
        matched.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&matched.stderr)
    );
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("stored.csv"), read("plain.csv"));
    assert!(
        read("plain.csv").lines().count() > 6,
        "{}",
        read("plain.csv")
    );
}

#[test]
fn a_stored_index_that_was_changed_is_refused_by_row() {
    let folder = tempfile::tempdir().unwrap();
    run(&folder, "ip\n9.9.9.9\n", "out.csv");
    nachtwacht(
        &[
            "index",
            "build",
            "--assets",
            "assets.csv",
            "--out",
            "stored.parquet",
        ],
        &folder,
    );
    let path = folder.path().join("stored.parquet");
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap()).unwrap();
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    let changed = |name: &str, value: &str| {
        let column = batch.schema().index_of(name).unwrap();
        let mut texts: Vec<String> = batch
            .column(column)
            .as_string::<i32>()
            .iter()
            .flatten()
            .map(str::to_owned)
            .collect();
        texts[2] = value.to_owned();
        let mut columns = batch.columns().to_vec();
        columns[column] = Arc::new(StringArray::from(texts));
        let batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
        let version = KeyValue::new("nachtwacht.schema".to_owned(), "asset-index/1".to_owned());
        let properties = WriterProperties::builder().set_key_value_metadata(Some(vec![version]));
        let file = fs::File::create(&path).unwrap();
        let properties = Some(properties.build());
        let mut writer = ArrowWriter::try_new(file, batch.schema(), properties).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let ran = nachtwacht(
            &[
                "match",
                "--assets",
                "stored.parquet",
                "--observations",
                "list.csv",
            ],
            &folder,
        );
        (
            ran.status.code(),
            String::from_utf8_lossy(&ran.stderr).into_owned(),
        )
    };
    for (column, value) in [
        ("kind", "planet"),
        ("canonical", "9.9.9"),
        ("company_key", "kvk:1"),
    ] {
        let (code, said) = changed(column, value);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains("row 3 of") && said.contains("index build"),
            "{said}"
        );
    }
}

#[test]
fn an_output_that_is_an_input_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    run(&folder, "ip\n9.9.9.9\n", "out.csv");
    std::os::unix::fs::symlink(
        folder.path().join("list.csv"),
        folder.path().join("other.csv"),
    )
    .unwrap();
    let ask = [
        "match",
        "--assets",
        "assets.csv",
        "--observations",
        "list.csv",
    ];
    for out in ["list.csv", "./assets.csv", "other.csv"] {
        let ran = nachtwacht(&[&ask[..], &["--out", out]].concat(), &folder);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{out}: {said}");
        assert!(said.contains("one of the inputs"), "{said}");
    }
    let build = [
        "index",
        "build",
        "--assets",
        "assets.csv",
        "--out",
        "assets.csv",
    ];
    assert_eq!(nachtwacht(&build, &folder).status.code(), Some(2));
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("assets.csv"), ASSETS);
    assert_eq!(read("list.csv"), "ip\n9.9.9.9\n");
}

#[test]
fn a_list_that_would_be_misread_is_refused_or_said() {
    let folder = tempfile::tempdir().unwrap();
    for (list, code, says) in [
        (
            "ip,note\n9.9.9.9,\"x\n9.9.1.1,y\n",
            2,
            "a quote opens in line 2 and never closes",
        ),
        (
            "ip,note,ip\n9.9.9.9,x,9.9.1.1\n",
            2,
            "two columns are called `ip`",
        ),
        (
            "ip,note,note\n9.9.9.9,\"x\n9.9.1.1,y\n8.8.8.8,z\",\n",
            1,
            "1 rows of ",
        ),
        ("ip\n9.9.9.9\n", 1, "1 rows read"),
    ] {
        let ran = run(&folder, list, "out.csv");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(code), "{list}: {said}");
        assert!(said.contains(says), "{list}: {said}");
        assert_eq!(
            said.contains("several lines"),
            says == "1 rows of ",
            "{said}"
        );
    }
}

#[test]
fn the_exit_code_says_whether_something_was_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (assets, list, code) in [
        ("kvk:00000001,ip,9.9.9.9\n", "ip\n9.9.9.9\n", 0),
        ("kvk:00000001,ip,9.9.9.9\n", "ip\n9.9.9.9\nnonsense\n", 1),
        (
            "kvk:00000001,ip,9.9.9.9\nkvk:1,ip,8.8.8.8\n",
            "ip\n9.9.9.9\n",
            1,
        ),
        ("kvk:1,ip,9.9.9.9\n", "ip\n9.9.9.9\n", 2),
    ] {
        fs::write(path("as.csv"), format!("company_key,kind,value\n{assets}")).unwrap();
        fs::write(path("seen.csv"), list).unwrap();
        let ask = ["match", "--assets", "as.csv", "--observations", "seen.csv"];
        let ran = nachtwacht(&ask, &folder);
        assert_eq!(ran.status.code(), Some(code), "{assets}{list}");
    }
}

#[test]
fn index_build_ends_as_match_does_where_assets_were_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let build = ["index", "build", "--assets", "as.csv", "--out", "i.parquet"];
    let good = "kvk:00000001,ip,9.9.9.9\n";
    for (assets, code, says) in [
        (good.to_owned(), 0, "1 assets of as.csv stored, 0 refused"),
        (
            format!("{good}kvk:1,ip,8.8.8.8\nkvk:1,ip,8.8.4.4\n"),
            1,
            "1 assets of as.csv stored, 2 refused\n  2 assets, the first in line 3: ",
        ),
        (
            "kvk:1,ip,9.9.9.9\n".to_owned(),
            2,
            "no asset of as.csv can be used, 1 refused: nothing was written\n",
        ),
        (
            String::new(),
            2,
            "no asset of as.csv can be used, 0 refused: nothing was written\n",
        ),
    ] {
        let _ = fs::remove_file(path("i.parquet"));
        fs::write(path("as.csv"), format!("company_key,kind,value\n{assets}")).unwrap();
        let ran = nachtwacht(&build, &folder);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(code), "{assets}: {said}");
        assert!(said.contains(says), "{assets}: {said}");
        assert_eq!(path("i.parquet").exists(), code != 2, "{assets}");
    }
}

#[test]
fn as_numbers_without_a_table_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let assets = "company_key,kind,value\nkvk:00000001,asn,64496\nkvk:00000002,asn,3333\nkvk:00000003,ip,9.9.9.9\n";
    fs::write(path("as.csv"), assets).unwrap();
    fs::write(
        path("prefixes.csv"),
        "start,end,asn\n9.9.9.0,9.9.9.255,3333\n",
    )
    .unwrap();
    let said = |list: &str, more: &[&str]| {
        fs::write(path("seen.csv"), list).unwrap();
        let ask = ["match", "--assets", "as.csv", "--observations", "seen.csv"];
        let ran = nachtwacht(&[&ask[..], more].concat(), &folder);
        String::from_utf8_lossy(&ran.stderr).into_owned()
    };
    let warned = "assets of kind asn can match nothing";
    let alone = said("ip\n9.9.9.9\n", &[]);
    assert!(alone.contains(warned), "{alone}");
    for (list, more) in [
        ("ip\n9.9.9.9\n", &["--prefix-asn", "prefixes.csv"][..]),
        ("ip,asn\n9.9.9.9,3333\n", &[]),
    ] {
        let said = said(list, more);
        assert!(
            said.contains("1 rows read") && !said.contains(warned),
            "{said}"
        );
    }
}

#[test]
fn the_name_of_a_file_moves_no_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a\u{1b}[31m\u{202e}.csv";
    let ask = ["match", "--assets", name, "--observations", name];
    let ran = nachtwacht(&ask, &folder);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(2), "{said:?}");
    assert!(said.contains("a\u{fffd}[31m\u{fffd}.csv"), "{said:?}");
}
