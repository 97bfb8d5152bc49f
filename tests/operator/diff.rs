//! `diff`: letter by letter, before anything leaves.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::status::short;
use crate::sandbox::Sandbox;

const FIRST: &str = "2026-03-09";
const SECOND: &str = "2026-03-10";

fn diff(sandbox: &Sandbox, args: &[&str]) -> Value {
    let all: Vec<&str> = ["diff"]
        .iter()
        .chain(args)
        .copied()
        .chain(["--json"])
        .collect();
    let ran = sandbox.call(&all, &[]).ended_with(0);
    serde_json::from_str(&ran.out).unwrap()
}

fn parts(found: &Value, of: &str, key: &str) -> BTreeSet<String> {
    let letters = found[of].as_array().unwrap().iter();
    letters
        .map(|l| l[key].as_str().unwrap().to_owned())
        .collect()
}

fn claimed(sandbox: &Sandbox, night: &str) -> BTreeSet<String> {
    let claims = sandbox.ledger("claim").into_iter();
    claims
        .filter(|c| c["night"] == night)
        .map(|c| c["reference"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn tonight_against_last_night_before_anything_leaves() {
    let sandbox = short(&[6, 9, 10]);
    let none_before = sandbox.call(&["diff", FIRST], &[]).ended_with(2);
    none_before.says(&["no night before 2026-03-09 was planned", "--against"]);
    // It is said before anything is read: a night takes minutes.
    let assets = sandbox.path("data-samples/register/assets.parquet");
    let kept = fs::read(&assets).unwrap();
    fs::write(&assets, b"PAR1").unwrap();
    let none_before = sandbox.call(&["diff", FIRST], &[]).ended_with(2);
    none_before.says(&["no night before 2026-03-09 was planned"]);
    let no_job = ["diff", FIRST, "--job", "jobs/absent.toml"];
    let no_job = sandbox.call(&no_job, &[]).ended_with(2);
    no_job.says(&["jobs/absent.toml"]);
    fs::write(&assets, kept).unwrap();
    sandbox.run(FIRST).ended_with(0);
    let first = claimed(&sandbox, FIRST);
    let ledger = sandbox.ledger_objects();
    let found = diff(&sandbox, &[SECOND]);
    assert_eq!(ledger, sandbox.ledger_objects(), "nothing is written");
    assert!(!sandbox.path(&format!("runs/{SECOND}")).exists());
    let (gone, added) = (
        parts(&found, "gone", "reference"),
        parts(&found, "added", "reference"),
    );
    let changed = parts(&found, "changed", "reference_before");
    let same = found["same"].as_u64().unwrap();
    assert_eq!(same, 0, "nobody gets the same letter two nights long");
    let all_of_first: BTreeSet<String> = gone.union(&changed).cloned().collect();
    assert_eq!(all_of_first, first, "every letter of the first night once");
    assert!(!added.is_empty());
    // What the difference said is what the night then does, planned first and run after.
    sandbox.plan(SECOND).ended_with(0);
    assert_eq!(diff(&sandbox, &[SECOND]), found, "of a plan it is the same");
    sandbox.run(SECOND).ended_with(0);
    let held: BTreeSet<String> = found["added"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|l| l["is_held"] == true)
        .map(|l| l["reference"].as_str().unwrap().to_owned())
        .collect();
    let announced: BTreeSet<String> = added
        .union(&parts(&found, "changed", "reference"))
        .filter(|r| !held.contains(*r))
        .cloned()
        .collect();
    assert_eq!(announced, claimed(&sandbox, SECOND));
    let text = sandbox.call(&["diff", SECOND], &[]).ended_with(0);
    let one = found["added"][0]["findings"][0].clone();
    text.says(&[
        "night 2026-03-10 of job nightly against night 2026-03-09",
        one["threat_id"].as_str().unwrap(),
        one["place"].as_str().unwrap(),
    ]);
}

#[test]
fn the_same_night_under_a_changed_job() {
    let sandbox = Sandbox::small();
    sandbox.plan(FIRST).ended_with(0);
    let same = diff(&sandbox, &[FIRST, "--job", "jobs/nightly.toml"]);
    let n_letters = same["same"].as_u64().unwrap();
    assert!(n_letters >= 3);
    for of in ["added", "gone", "changed"] {
        assert_eq!(same[of], serde_json::json!([]), "{of}");
    }
    let job = fs::read_to_string(sandbox.path("jobs/nightly.toml")).unwrap();
    let other = |name: &str, from: &str, to: &str| {
        assert!(job.contains(from), "{from}");
        fs::write(sandbox.path(&format!("jobs/{name}")), job.replace(from, to)).unwrap();
        diff(&sandbox, &[FIRST, "--job", &format!("jobs/{name}")])
    };
    // Other words: every letter says its findings in another way.
    let words = other(
        "words.toml",
        "phone = \"0800 000 00 00\"",
        "phone = \"0800 111 11 11\"",
    );
    assert_eq!(words["changed"].as_array().unwrap().len() as u64, n_letters);
    assert_eq!(
        words["changed"][0]["other"][0],
        "the same findings in other words"
    );
    // Another channel: those that went by mail go by post.
    let post = other("post.toml", "post_for_all = false", "post_for_all = true");
    let by_post = post["changed"].as_array().unwrap().iter();
    let by_post = by_post.filter(|l| l["other"].to_string().contains("was by"));
    assert!(by_post.count() > 0, "{post}");
    // A stricter job: what it no longer sends is what the other one adds.
    let nobody = other(
        "nobody.toml",
        "write_to = [\"participant\"]",
        "write_to = [\"network_owner\"]",
    );
    assert!(parts(&nobody, "added", "reference").len() as u64 <= n_letters);
    assert!(!parts(&nobody, "added", "reference").is_empty());
    assert!(sandbox.ledger("claim").is_empty());
}
