//! Why, and why not: the answers that an operator gives on the telephone.

use std::fs;

use serde_json::Value;

use crate::sandbox::Sandbox;

const NIGHT: &str = "2026-03-09";

#[test]
fn every_question_has_an_answer() {
    let sandbox = Sandbox::new(&[6, 9]);
    sandbox.run(NIGHT).ended_with(0);
    let plan: Value = serde_json::from_slice(&sandbox.outputs(NIGHT)["letters.plan.json"]).unwrap();
    let sent = plan["letters"]
        .as_array()
        .unwrap()
        .iter()
        .find(|l| l["is_held"] == false)
        .unwrap();
    let reference = sent["reference"].as_str().unwrap();
    let ask = |arguments: &[&str]| {
        let all: Vec<&str> = ["explain", "--night", NIGHT]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        sandbox.call(&all, &[]).ended_with(0)
    };

    // As people type it.
    let typed = reference.to_lowercase().replace('-', " ");
    ask(&["--letter", &typed]).says(&[
        "in_letters",
        "first letter about this finding (first_warning)",
        reference,
        "threat",
        "trigger",
        "valid",
        "confidence",
        "contact",
    ]);
    let json = ask(&["--letter", reference, "--json"]).out;
    let rows: Vec<Value> = json
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(
        u64::try_from(rows.len()).unwrap(),
        sent["findings"].as_u64().unwrap()
    );
    let first = &rows[0];
    assert_eq!(first["reference"], reference);
    assert!(
        first["source_object"]
            .as_str()
            .unwrap()
            .starts_with("data-samples/snapshots/")
    );

    let company = first["company_key"].as_str().unwrap();
    ask(&["--company", company]).says(&[company, reference]);
    let address = first["ip"].as_str().unwrap();
    ask(&["--address", address]).says(&[address, company]);

    ask(&["--address", "8.8.8.8"]).says(&["no decision", "8.8.8.8 was registered by nobody"]);
    ask(&["--name", "niemand.example"]).says(&["niemand.example was registered by nobody"]);
    ask(&["--company", "kvk:99999999"]).says(&["kvk:99999999 is not in the register"]);
}

/// A company of the ledger by the letter of it.
fn company(sandbox: &Sandbox, claim: &Value) -> String {
    let party = claim["party_ref"].as_str().unwrap();
    let entry = fs::read(sandbox.path(&format!("ledger/parties/{party}.json"))).unwrap();
    let entry: Value = serde_json::from_slice(&entry).unwrap();
    entry["company_key"].as_str().unwrap().to_owned()
}

/// Its recipient is on the telephone, whatever was planned or erased since.
#[test]
fn a_letter_is_told_after_another_revision_and_after_an_erasure_of_others() {
    let sandbox = Sandbox::small();
    sandbox.run(NIGHT).ended_with(0);
    let claims = sandbox.ledger("claim");
    let letter = [
        "explain",
        "--letter",
        claims[0]["reference"].as_str().unwrap(),
    ];
    let known = [
        "in the ledger",
        "for night 2026-03-09, attempt 1",
        "handed_over",
    ];
    sandbox.run_anew(NIGHT, &[]).ended_with(0);
    let ran = sandbox.call(&letter, &[]).ended_with(0);
    ran.says(&["(first_warning)", "seen"]);
    ran.says(&known);
    assert!(
        !ran.out.contains("is no letter of this night"),
        "{}",
        ran.out
    );

    let other = claims.iter().map(|c| company(&sandbox, c));
    let other = other
        .skip(1)
        .find(|c| *c != company(&sandbox, &claims[0]))
        .unwrap();
    let erase = ["erase", &other, "--also-unprinted"];
    sandbox.call(&erase, &[]).ended_with(0);
    let ran = sandbox.call(&letter, &[]).ended_with(0);
    ran.says(&["are not there any more", "when a company is erased"]);
    ran.says(&known);
    // A program would take no line for no decision.
    let rows = [&letter[..], &["--json"]].concat();
    let refused = sandbox.call(&rows, &[]).ended_with(2);
    refused.says(&["are not there any more"]);
}

#[test]
fn a_question_that_cannot_be_read_is_answered_with_what_was_expected() {
    let sandbox = Sandbox::new(&[9]);
    for (arguments, says) in [
        (vec!["--letter", "NW-260309-0000"], "mistyped"),
        (vec!["--company", "12345678"], "not a company key"),
        (vec!["--address", "010.0.0.1"], "leading zero"),
        (vec!["--name", "a..b"], "not a domain name"),
        (vec![], "one question at a time"),
    ] {
        let all: Vec<&str> = ["explain"].into_iter().chain(arguments).collect();
        sandbox.call(&all, &[]).ended_with(2).says(&[says, "hint:"]);
    }
    let ran = sandbox.call(&["explain", "--company", "kvk:00000001"], &[]);
    ran.ended_with(2)
        .says(&["no run that ended or is held is there", "nachtwacht run"]);
}
