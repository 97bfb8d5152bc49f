//! `answer`: what recipients say, and what the next night makes of it.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::status::{seen_again, short};
use crate::sandbox::{Ran, Sandbox};

const FIRST: &str = "2026-03-09";
const SECOND: &str = "2026-03-10";

fn answer(sandbox: &Sandbox, args: &[&str]) -> Ran {
    sandbox.call(&[&["answer"], args].concat(), &[])
}

fn reference(claim: &Value) -> String {
    claim["reference"].as_str().unwrap().to_owned()
}

fn findings(claim: &Value) -> BTreeSet<String> {
    let items = claim["items"].as_array().unwrap().iter();
    items
        .map(|i| i["finding_id"].as_str().unwrap().to_owned())
        .collect()
}

/// Reasons of the second night's decisions about these findings.
fn reasons(sandbox: &Sandbox, reference: &str, wanted: &BTreeSet<String>) -> BTreeSet<String> {
    let first = sandbox.call(
        &["explain", "--night", FIRST, "--letter", reference, "--json"],
        &[],
    );
    let row: Value = serde_json::from_str(first.out.lines().next().unwrap()).unwrap();
    let company = row["company_key"].as_str().unwrap().to_owned();
    let ran = sandbox
        .call(
            &[
                "explain",
                "--night",
                SECOND,
                "--company",
                &company,
                "--json",
            ],
            &[],
        )
        .ended_with(0);
    ran.out
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap())
        .filter(|r| r["finding_id"].as_str().is_some_and(|f| wanted.contains(f)))
        .map(|r| r["reason"].as_str().unwrap().to_owned())
        .collect()
}

/// Letters of the first night about findings that the same snapshots show again.
fn asked(sandbox: &Sandbox) -> Vec<Value> {
    let rows = |reference: &str| {
        let ran = sandbox.call(
            &["explain", "--night", FIRST, "--letter", reference, "--json"],
            &[],
        );
        let rows: Vec<Value> = ran
            .out
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        rows
    };
    let is_of_shadowserver = |claim: &&Value| {
        let rows = rows(claim["reference"].as_str().unwrap());
        rows.iter().all(|r| {
            let object = r["source_object"].as_str().unwrap();
            object.contains("2026-03-09/shadowserver")
        })
    };
    let claims = sandbox.ledger("claim");
    claims.iter().filter(is_of_shadowserver).cloned().collect()
}

#[test]
fn each_answer_is_recorded_without_a_name_and_the_next_night_acts_on_it() {
    let sandbox = short(&[6, 9, 10]);
    // Reminders at once, so that without an answer every finding would be written again.
    for entry in fs::read_dir(sandbox.path("jobs/threats")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|l| {
            if l.starts_with("remind_after_days") {
                "remind_after_days = 1"
            } else {
                l
            }
        });
        fs::write(&path, lines.collect::<Vec<_>>().join("\n")).unwrap();
    }
    sandbox.run(FIRST).ended_with(0);
    let claims = asked(&sandbox);
    assert!(claims.len() >= 6, "{}", claims.len());
    let [control, fixed, not_mine, false_positive, opt_out, over] = &claims[..6] else {
        unreachable!()
    };
    let of = reference;
    answer(&sandbox, &[&of(fixed), "fixed", "--by", "recipient"])
        .ended_with(0)
        .says(&["fixed is noted", "a relapse"]);
    answer(
        &sandbox,
        &[&of(not_mine), "not-mine", "--by", "Jansen van de balie"],
    )
    .ended_with(0)
    .says(&[
        "possible corrections of the register",
        "take it out, end it (`valid_until`)",
    ]);
    answer(
        &sandbox,
        &[&of(false_positive), "false-positive", "--by", "supplier"],
    )
    .ended_with(0);
    answer(
        &sandbox,
        &[
            &of(opt_out),
            "opt-out",
            "--by",
            "helpdesk",
            "--until",
            "2026-04-01",
        ],
    )
    .ended_with(0);
    // Its end has come before the next night: it says nothing any more.
    answer(
        &sandbox,
        &[&of(over), "opt-out", "--by", "helpdesk", "--until", SECOND],
    )
    .ended_with(0);
    let said = sandbox.ledger("answer");
    let by: Vec<&str> = said.iter().map(|a| a["by"].as_str().unwrap()).collect();
    assert_eq!([by[0], by[2], by[3]], ["recipient", "supplier", "helpdesk"]);
    assert!(
        by[1].len() == 64 && by[1].bytes().all(|b| b.is_ascii_hexdigit()),
        "{}",
        by[1]
    );
    for bytes in sandbox.ledger_objects().values() {
        assert!(
            !String::from_utf8_lossy(bytes)
                .to_lowercase()
                .contains("jansen")
        );
    }

    seen_again(&sandbox);
    sandbox.run(SECOND).ended_with(0);
    // The clock of this test is later than the samples' sightings: what was seen before the
    // answer says nothing new. See the table test for what is seen after it.
    for (claim, expected) in [
        (control, "escalation"),
        (fixed, "said_fixed"),
        (not_mine, "not_mine"),
        (false_positive, "false_positive"),
        (opt_out, "opt_out"),
        (over, "escalation"),
    ] {
        let found = reasons(&sandbox, &of(claim), &findings(claim));
        let mut first_row = found.clone();
        // A second row of the same finding says so.
        first_row.retain(|r| r != "second_row" && r != "second_feed");
        assert_eq!(
            first_row,
            BTreeSet::from([expected.to_owned()]),
            "{found:?}"
        );
    }
    let told = sandbox.call(
        &["explain", "--night", SECOND, "--letter", &of(control)],
        &[],
    );
    assert!(
        told.out.contains("is no letter of this night"),
        "{}",
        told.out
    );
    let told = sandbox.call(
        &["explain", "--night", FIRST, "--letter", &of(opt_out)],
        &[],
    );
    told.says(&[
        "claimed     for night 2026-03-09, attempt 1",
        "receipt   handed_over (files)",
        "answered    opt-out by helpdesk",
        "before 2026-04-01",
    ]);
    sandbox
        .call(&["replay", SECOND], &[])
        .ended_with(0)
        .says(&["same"]);
}

#[test]
fn an_answer_that_cannot_be_taken_says_why_and_writes_nothing() {
    let sandbox = Sandbox::small();
    sandbox.run(FIRST).ended_with(0);
    let before = sandbox.ledger_objects();
    let claim = &sandbox.ledger("claim")[0];
    let reference = reference(claim);
    let nobody = "0".repeat(32);
    for (args, says) in [
        (
            vec![reference.as_str(), "opt-out", "--by", "recipient"],
            "an opt-out needs an end date",
        ),
        (
            vec![&reference, "accepted-risk", "--by", "recipient"],
            "an accepted-risk needs an end date",
        ),
        (
            vec![&reference, "solved", "--by", "recipient"],
            "not one of fixed, not-mine, false-positive, accepted-risk, opt-out",
        ),
        (
            vec!["NW-260309-00000-00000-F", "fixed", "--by", "recipient"],
            "no letter with this reference",
        ),
        (
            vec!["NW-260309-00000", "fixed", "--by", "recipient"],
            "mistyped",
        ),
        (
            vec![
                &reference,
                "fixed",
                "--by",
                "recipient",
                "--finding",
                &nobody,
            ],
            "is not in the letter",
        ),
        (
            vec![
                &reference,
                "fixed",
                "--by",
                "recipient",
                "--threat",
                "log4shell-x",
            ],
            "not about that threat",
        ),
    ] {
        answer(&sandbox, &args).ended_with(2).says(&[says]);
    }
    assert_eq!(before, sandbox.ledger_objects());
}
