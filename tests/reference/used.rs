//! Tables of codes at work on a night: imported, pinned, and seen in what comes out.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, StringArray};
use serde_json::Value;

use crate::bad_input::{read, with_column, write};
use crate::sandbox::Sandbox;

const NIGHT: &str = "2026-03-09";
const COMPANIES: &str = "data-samples/register/companies.parquet";

/// Takes the provinces out of the register and gives every company a municipality.
fn with_municipalities(sandbox: &Sandbox) -> RecordBatch {
    let companies = read(sandbox, COMPANIES);
    let names = ["GM9901", "Verzonnen", "?"].into_iter().cycle();
    let names: StringArray = names.take(companies.num_rows()).map(Some).collect();
    let companies = with_column(&companies, "province", None);
    let companies = with_column(&companies, "municipality", Some(Arc::new(names)));
    write(sandbox, COMPANIES, &companies);
    companies
}

/// What was added, removed and set aside is said, and no line ends with nothing.
#[test]
fn an_import_says_what_changed_and_no_line_ends_in_nothing() {
    let sandbox = Sandbox::small();
    sandbox.edit(
        "jobs/nightly.toml",
        "csaf = \"data-samples/reference/csaf/\"",
        "csaf = \"data-samples/reference/csaf/\"\nsbi = \"codes/sbi/\"",
    );
    let import = |kind: &str, name: &str, text: &str, day: &str| {
        fs::write(sandbox.path(name), text).unwrap();
        let args = ["reference", "import", kind, name, "--day", day];
        sandbox.call(&args, &[])
    };
    let table = "code,title_nl\n01,Teelt\n02,Bosbouw\n";
    import("sbi", "sbi.csv", table, "2026-03-07").ended_with(0);
    let more = format!("{table}03,Visserij\n");
    let ran = import("sbi", "sbi.csv", &more, "2026-03-08").ended_with(0);
    ran.says(&["  added    1: 03\n", "  removed  0\n", "  changed  0\n"]);
    assert!(ran.out.lines().all(|l| l.trim_end() == l), "{:?}", ran.out);
    let ran = import("cve", "empty.jsonl", "\n", "2026-03-08").ended_with(2);
    ran.says(&["empty.jsonl: holds nothing of the kind `cve`; expected one entry at least\n"]);
    let record = "{\"dataType\":\"CVE_RECORD\",\"cveMetadata\":{\"cveId\":\"CVE-2026-1234\"},\
                  \"containers\":{\"cna\":{\"title\":\"A flaw\",\
                  \"references\":[{\"url\":\"https://a.example/\"}]}}}";
    let two = format!("{record}\n{{\"dataType\":\"SOMETHING_ELSE\"}}\n");
    let ran = import("cve", "many.jsonl", &two, "2026-03-08").ended_with(0);
    ran.says(&["many.jsonl, line 2: no CVE record: `dataType` is not `CVE_RECORD`\n"]);
}

#[test]
fn provinces_titles_and_classes_come_out_of_the_tables_of_codes() {
    let sandbox = Sandbox::small();
    let companies = with_municipalities(&sandbox);
    sandbox.edit(
        "jobs/nightly.toml",
        "csaf = \"data-samples/reference/csaf/\"",
        "csaf = \"data-samples/reference/csaf/\"\nsbi = \"codes/sbi/\"\nnace = \"codes/nace/\"\n\
         municipalities = \"codes/gm/\"\nrsit = \"codes/rsit/\"",
    );
    let sectors = companies["sector"].as_string::<i32>().iter().flatten();
    let codes: BTreeSet<&str> = sectors.chain(["01"]).collect();
    let sbi: String = codes.iter().map(|c| format!("{c},Tak {c}\n")).collect();
    let files = [
        ("sbi", "sbi.csv", format!("code,title_nl\n{sbi}")),
        (
            "nace",
            "nace.csv",
            "code,title_nl,title_en\n01,Teelt,Crops\n".into(),
        ),
        (
            "municipalities",
            "gm.csv",
            "code,name,province\nGM9901,Een,Drenthe\nGM9902,Verzonnen,Zeeland\n".into(),
        ),
        (
            "rsit",
            "rsit.csv",
            "type,class\nvulnerable-system,vulnerable\n".into(),
        ),
    ];
    for (kind, name, text) in &files {
        fs::write(sandbox.path(name), text).unwrap();
        let args = ["reference", "import", kind, name, "--day", "2026-03-08"];
        sandbox.call(&args, &[]).ended_with(0);
    }
    sandbox.run(NIGHT).ended_with(0);
    let frozen: BTreeSet<String> = sandbox
        .ledger("claim")
        .iter()
        .map(|c| c["province"].as_str().unwrap().to_owned())
        .collect();
    let known: BTreeSet<String> = ["", "Drenthe", "Zeeland"].map(String::from).into();
    assert_eq!(frozen, known);
    let outputs = sandbox.outputs(NIGHT);
    let csv = String::from_utf8(outputs["statistics/statistics.csv"].clone()).unwrap();
    let codes = csv.lines().filter(|l| l.contains(";sector_code;"));
    let named = codes.filter(|l| l.contains(" Tak ")).count();
    assert!(named > 0, "{csv}");
    let manifest: Value = sandbox.manifest(NIGHT);
    let inputs = manifest["inputs"].to_string();
    for folder in ["codes/sbi/", "codes/nace/", "codes/gm/", "codes/rsit/"] {
        assert!(
            inputs.contains(&format!("{folder}2026-03-08.csv")),
            "{inputs}"
        );
    }
}
