//! A night that began, or waits for a signature, and finds another world when it goes on: what
//! was pinned is what it reads, and one that can never go on stands in nobody's way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::hold::{FIRST, JOB, SECOND, approve, limit, plan_of, signed, signers, two_nights};
use crate::sandbox::Sandbox;
use crate::signing::Key;

/// The register is delivered anew and broken, a newer list of exploited vulnerabilities comes.
fn another_world(sandbox: &Sandbox) {
    for table in ["assets", "companies", "contacts"] {
        let path = sandbox.path(&format!("data-samples/register/{table}.parquet"));
        fs::write(path, b"delivered anew").unwrap();
    }
    let kev = sandbox.path(&format!("data-samples/reference/kev/{FIRST}z.json"));
    fs::write(kev, b"delivered anew").unwrap();
}

/// How often each finding is claimed by a letter that is not known to be lost.
fn warned(sandbox: &Sandbox) -> BTreeMap<String, usize> {
    let key = |r: &Value| format!("{}|{}|{}", r["letter_id"], r["night"], r["attempt"]);
    let mut last = BTreeMap::new();
    for receipt in sandbox.ledger("receipt") {
        last.insert(key(&receipt), receipt["state"].as_str().unwrap().to_owned());
    }
    let mut found = BTreeMap::new();
    for claim in sandbox.ledger("claim") {
        let state = last.get(&key(&claim)).map(String::as_str);
        for item in claim["items"].as_array().unwrap() {
            let id = item["finding_id"].as_str().unwrap().to_owned();
            *found.entry(id).or_insert(0) += usize::from(state == Some("handed_over"));
        }
    }
    found
}

#[test]
fn a_night_that_began_goes_on_with_the_register_that_it_read() {
    let calm = Sandbox::small();
    calm.run(FIRST).ended_with(0);
    for point in [
        "claimed",
        "handed_over:3",
        "results_written",
        "manifest_written",
    ] {
        let sandbox = Sandbox::small();
        assert_eq!(sandbox.crash(FIRST, point).signal, Some(9), "{point}");
        another_world(&sandbox);
        sandbox.run(FIRST).ended_with(0);
        assert_eq!(warned(&sandbox), warned(&calm), "{point}");
        let outputs = sandbox.outputs(FIRST);
        assert!(outputs.keys().eq(calm.outputs(FIRST).keys()), "{point}");
        let tables = "decisions.parquet";
        assert!(outputs[tables] == calm.outputs(FIRST)[tables], "{point}");
    }
}

#[test]
fn what_a_signature_lets_go_is_what_was_held_whatever_came_since() {
    let sandbox = Sandbox::small();
    limit(&sandbox, 1);
    let key = Key::of(1);
    signers(&sandbox, &[&key]);
    let plan = plan_of(&sandbox.run(FIRST).ended_with(2));
    // A signature for a plan that this job cannot carry out would be for nothing.
    sandbox.edit(JOB, "growth = 8 ", "growth = 9 ");
    let refused = approve(&sandbox, FIRST, &plan, &[]).ended_with(2);
    refused.says(&["planned with another job", "--revision 1"]);
    sandbox.edit(JOB, "growth = 9 ", "growth = 8 ");
    another_world(&sandbox);
    let file = signed(&sandbox, FIRST, &plan, &key);
    approve(&sandbox, FIRST, &plan, &["--signed", &file]).ended_with(0);
    sandbox.run(FIRST).ended_with(0);
    let calm = Sandbox::small();
    calm.run(FIRST).ended_with(0);
    assert_eq!(warned(&sandbox), warned(&calm));
}

/// Copies of a register are kept while they are needed, and no longer.
#[test]
fn copies_of_the_register_go_with_the_end_of_the_night() {
    let sandbox = two_nights();
    let copies = |night: &str| {
        let outputs = sandbox.outputs(night);
        outputs.keys().filter(|n| n.starts_with("inputs/")).count()
    };
    sandbox.crash(FIRST, "planned");
    assert!(copies(FIRST) > 3);
    sandbox.crash(SECOND, "final");
    assert_eq!(copies(FIRST), 0, "given up");
    assert!(copies(SECOND) > 3);
    sandbox.run(SECOND).ended_with(0);
    assert_eq!(copies(SECOND), 0, "it ended");
}

/// The job changed after letters left: the night is refused, and planned anew on request. What
/// left is not sent again, what did not leave is decided again.
#[test]
fn a_night_that_can_never_go_on_is_closed_and_planned_anew() {
    let calm = two_nights();
    calm.run(FIRST).ended_with(0);
    calm.run(SECOND).ended_with(0);
    for point in ["claimed", "handed_over:5", "receipts", "results_written"] {
        let sandbox = two_nights();
        assert_eq!(sandbox.crash(FIRST, point).signal, Some(9), "{point}");
        let released: BTreeSet<String> = released(&sandbox);
        sandbox.edit(JOB, "growth = 8 ", "growth = 9 ");
        let refused = sandbox.run(SECOND).ended_with(2);
        refused.says(&["planned with another job", "--revision 1"]);
        sandbox.run_anew(FIRST, &[]).ended_with(0);
        assert_eq!(sandbox.ledger("superseded").len(), 1, "{point}");
        // The same command again finds nothing to do, and the night goes on to the next one.
        sandbox
            .run_anew(FIRST, &[])
            .ended_with(0)
            .says(&["0 new letters"]);
        sandbox.run(FIRST).ended_with(0).says(&["0 new letters"]);
        let first_plan = ["run", JOB, "--night", FIRST, "--revision", "0"];
        let refused = sandbox.call(&first_plan, &[]).ended_with(2);
        refused.says(&["was given up", "its newest plan is revision 1"]);
        sandbox.run(SECOND).ended_with(0);
        let (found, expected) = (warned(&sandbox), warned(&calm));
        let differs = |(id, n): &(&String, &usize)| expected.get(*id) != Some(*n);
        let differing: Vec<_> = found.iter().filter(differs).collect();
        assert_eq!(differing, vec![], "{point}");
        assert_eq!(found.len(), expected.len(), "{point}");
        let mails = claims(&sandbox, "email");
        let twice = mails
            .iter()
            .filter(|(r, n)| released.contains(*r) && **n > 1);
        assert_eq!(
            twice.count(),
            0,
            "{point}: a released mail was claimed again"
        );
        let ledger = sandbox.call(&["ledger", "verify"], &[]);
        ledger.ended_with(0);
    }
}

/// References of letters that the first night released.
fn released(sandbox: &Sandbox) -> BTreeSet<String> {
    let outputs = sandbox.outputs(FIRST);
    let names = outputs.keys().filter_map(|n| n.strip_prefix("outbox/"));
    names
        .map(|n| n.trim_end_matches(".json").to_owned())
        .collect()
}

/// Claims of a channel by reference.
fn claims(sandbox: &Sandbox, channel: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for claim in sandbox.ledger("claim") {
        if claim["channel"] == channel {
            let reference = claim["reference"].as_str().unwrap().to_owned();
            *found.entry(reference).or_insert(0) += 1;
        }
    }
    found
}

#[test]
fn nothing_is_erased_of_a_night_whose_letters_are_leaving() {
    let sandbox = Sandbox::small();
    sandbox.crash(FIRST, "claimed");
    let party = sandbox.ledger("claim")[0]["party_ref"]
        .as_str()
        .unwrap()
        .to_owned();
    let entry = sandbox.path(&format!("ledger/parties/{party}.json"));
    let party: Value = serde_json::from_slice(&fs::read(entry).unwrap()).unwrap();
    let company = party["company_key"].as_str().unwrap();
    let refused = sandbox.call(&["erase", company], &[]).ended_with(2);
    refused.says(&[
        "letters of night 2026-03-09 are leaving",
        "then erase again",
    ]);
    sandbox.run(FIRST).ended_with(0);
    sandbox.call(&["erase", company], &[]).ended_with(0);
}

/// A plan that never came to its letters has no table of decisions that tells whose they are.
#[test]
fn erasure_reaches_the_letters_of_a_plan_that_was_given_up() {
    let sandbox = two_nights();
    let until = ["run", JOB, "--night", FIRST, "--until", "plan"];
    sandbox.call(&until, &[]).ended_with(0);
    let letters = |night: &str| {
        let outputs = sandbox.outputs(night);
        outputs.keys().filter(|n| n.ends_with(".pdf")).count()
    };
    assert!(letters(FIRST) > 0);
    sandbox.run(SECOND).ended_with(0);
    assert!(letters(FIRST) > 0);
    sandbox.call(&["erase", "kvk:01234567"], &[]).ended_with(0);
    assert_eq!(letters(FIRST), 0);
    assert!(letters(SECOND) > 0, "those that left stay");
}
