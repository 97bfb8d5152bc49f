//! Erasure and retention where others went before: a night whose tables are gone, an expired night
//! below which something was written since.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;

use super::{FIRST, SECOND};
use crate::sandbox::{Sandbox, tree};

const JOB: &str = "jobs/nightly.toml";

/// Rows of a night's decisions: their texts by column.
type Row = BTreeMap<String, String>;

fn rows(sandbox: &Sandbox) -> Vec<Row> {
    let table = sandbox.outputs(FIRST).remove("decisions.parquet").unwrap();
    let batches = nachtwacht::scan::table_of(table.into(), "decisions").unwrap();
    let of = |batch: &RecordBatch, row: usize| -> Row {
        ["company_key", "reference", "contact_trail", "threat_id"]
            .into_iter()
            .map(|name| {
                let column = batch.column_by_name(name).unwrap().as_string::<i32>();
                (name.to_owned(), column.value(row).to_owned())
            })
            .collect()
    };
    batches
        .iter()
        .flat_map(|b| (0..b.num_rows()).map(move |row| of(b, row)))
        .collect()
}

fn with_reference(sandbox: &Sandbox, reference: &str) -> Vec<String> {
    let all = tree(&sandbox.path(&format!("runs/{FIRST}")));
    let of = |name: &String| {
        let is_letter = name.contains("/letters/") || name.contains("/held/");
        is_letter && name.contains(reference)
    };
    all.into_keys().filter(of).collect()
}

/// Nobody can be reached, so every letter is held, and the ledger has no claim that says whose it is.
#[test]
fn whoever_is_erased_second_of_a_night_is_found_in_letters_that_are_held() {
    let sandbox = Sandbox::small();
    sandbox.edit(
        JOB,
        r#"contacts = ["registered", "parent", "security_txt", "rdap", "rfc2142", "postal_address", "network_owner"]"#,
        r#"contacts = ["rdap"]"#,
    );
    sandbox.run(FIRST).ended_with(0);
    let held: BTreeMap<String, String> = rows(&sandbox)
        .into_iter()
        .filter(|r| !r["reference"].is_empty())
        .map(|r| (r["company_key"].clone(), r["reference"].clone()))
        .collect();
    let mut held = held.into_iter();
    let [(one, _), (two, of_two), (three, of_three)] = [(); 3].map(|()| held.next().unwrap());
    let erase = |company: &str| sandbox.call(&["erase", company], &[]);
    erase(&one).ended_with(0).says(&["objects were erased"]);
    assert!(!sandbox.outputs(FIRST).contains_key("decisions.parquet"));
    assert!(!with_reference(&sandbox, &of_two).is_empty());
    erase(&two).ended_with(0).says(&["objects were erased"]);
    assert_eq!(with_reference(&sandbox, &of_two), Vec::<String>::new());
    erase(&two).ended_with(0).says(&["nothing under"]);
    assert!(
        !with_reference(&sandbox, &of_three).is_empty(),
        "others stay"
    );

    // A night of before that list was written: nobody can tell, and nobody says "nothing".
    let run = fs::read_dir(sandbox.path(&format!("runs/{FIRST}"))).unwrap();
    fs::remove_file(run.last().unwrap().unwrap().path().join("parties.json")).unwrap();
    let ran = erase(&three).ended_with(2);
    ran.says(&[
        "runs/2026-03-09/",
        "nobody can tell which of the letters that are left hold",
        &three,
        "hint: look for its name",
    ]);
    assert!(!ran.out.contains("nothing under"), "{}", ran.out);
}

/// Letters about a daughter, and corrections of them, go to the parent's mailbox: the ledger names
/// the daughter alone.
#[test]
fn a_parent_that_is_erased_second_is_found_in_its_daughters_letters() {
    let sandbox = Sandbox::small();
    let participants = r#"write_to = ["participant"]"#;
    sandbox.edit(JOB, participants, r#"write_to = ["registered"]"#);
    sandbox.run(FIRST).ended_with(0);
    let rows = rows(&sandbox);
    let is_parents = |r: &&Row| r["contact_trail"].contains("parent: used, of kvk:");
    let row = rows.iter().find(is_parents).unwrap();
    let parent = row["contact_trail"].rsplit(' ').next().unwrap();
    let (daughter, reference) = (&row["company_key"], &row["reference"]);
    fs::write(
        sandbox.path("reason.toml"),
        "nl = \"fout\"\nen = \"wrong\"\n",
    )
    .unwrap();
    let rectify = ["rectify", "--threat", &row["threat_id"], "--night", FIRST];
    let with_reason = [&rectify[..], &["--reason", "reason.toml"]].concat();
    assert!(matches!(sandbox.call(&with_reason, &[]).code, Some(0 | 1)));
    let told = tree(&sandbox.path(&format!("runs/{FIRST}")));
    let told = told.iter().find(|(n, _)| n.ends_with("/correction.json"));
    let told: serde_json::Value = serde_json::from_slice(told.unwrap().1).unwrap();
    let mut letters = told["letters"].as_array().unwrap().iter();
    let correction = letters.find(|l| l["of"] == reference.as_str()).unwrap();
    let correction = correction["reference"].as_str().unwrap();
    assert!(!with_reference(&sandbox, correction).is_empty());

    let mut others = rows.iter().filter(|r| !r["reference"].is_empty());
    let is_apart = |r: &&Row| {
        let key = &r["company_key"];
        key != parent && key != daughter && !r["contact_trail"].contains("used, of")
    };
    let other = others.find(is_apart).unwrap();
    for (company, is_there) in [(other["company_key"].as_str(), true), (parent, false)] {
        let erase = ["erase", company, "--also-unprinted"];
        sandbox
            .call(&erase, &[])
            .ended_with(0)
            .says(&["were erased"]);
        assert_eq!(!with_reference(&sandbox, reference).is_empty(), is_there);
        assert_eq!(!with_reference(&sandbox, correction).is_empty(), is_there);
    }
}

/// A revision and a correction of a night whose retention ended write names once more, and those go
/// with the next night.
#[test]
fn what_is_written_below_an_expired_night_goes_too() {
    let sandbox = Sandbox::new(&[6, 9, 10, 12, 13]);
    let everybody = r#"write_to = ["participant", "registered", "unregistered", "network_owner"]"#;
    sandbox.edit(JOB, everybody, r#"write_to = ["participant"]"#);
    sandbox.edit(JOB, "retention_days = 1095 ", "retention_days = 1 ");
    for night in [FIRST, SECOND, "2026-03-12"] {
        sandbox.run(night).ended_with(0);
    }
    let stays = [
        "manifest.json",
        "manifest.planned.json",
        "letters.plan.json",
        "correction.json",
        "inputs.json",
        "statistics",
        "outbox",
        "verification",
    ];
    // Runs, and what of them should not be there.
    let left = || -> (usize, Vec<String>) {
        let all = tree(&sandbox.path(&format!("runs/{FIRST}")));
        let runs: BTreeSet<&str> = all.keys().filter_map(|n| n.split('/').next()).collect();
        let may_stay = |n: &&String| stays.contains(&n.split('/').nth(1).unwrap());
        let goes = all.keys().filter(|n| !may_stay(n)).cloned().collect();
        (runs.len(), goes)
    };
    assert_eq!(left(), (1, vec![]));
    let threat = sandbox.ledger("claim")[0]["items"][0]["threat_id"].clone();
    sandbox.run_anew(FIRST, &[]).ended_with(0);
    fs::write(
        sandbox.path("reason.toml"),
        "nl = \"fout\"\nen = \"wrong\"\n",
    )
    .unwrap();
    let rectify = [
        "rectify",
        "--threat",
        threat.as_str().unwrap(),
        "--night",
        FIRST,
    ];
    let with_reason = [&rectify[..], &["--reason", "reason.toml"]].concat();
    assert!(matches!(sandbox.call(&with_reason, &[]).code, Some(0 | 1)));
    let (n_runs, goes) = left();
    assert_eq!(n_runs, 3);
    for part in ["decisions.parquet", "/letters/"] {
        assert!(goes.iter().any(|n| n.contains(part)), "{part} in {goes:?}");
    }
    sandbox.run("2026-03-13").ended_with(0);
    assert_eq!(left(), (3, vec![]));
    let n = sandbox.ledger("erased").len();
    sandbox.run("2026-03-13").ended_with(0);
    assert_eq!(sandbox.ledger("erased").len(), n, "said once");
}
