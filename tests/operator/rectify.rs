//! `rectify`: a correction to exactly those who got the wrong statement, once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::status::short;
use crate::sandbox::{Ran, Sandbox, Tree, tree};

const NIGHT: &str = "2026-03-09";

const REASON: &str = r#"nl = """De scan van die nacht hield een andere dienst voor deze.

Wij hebben de regel verbeterd."""
en = """The scan of that night took another service for this one.

We have mended the rule."""
"#;

pub fn rectify(sandbox: &Sandbox, threat: &str, env: &[(&str, &str)]) -> Ran {
    fs::write(sandbox.path("reason.toml"), REASON).unwrap();
    sandbox.call(&arguments(threat), env)
}

fn rectify_more(sandbox: &Sandbox, threat: &str, more: &[&str]) -> Ran {
    fs::write(sandbox.path("reason.toml"), REASON).unwrap();
    sandbox.call(&[&arguments(threat), more].concat(), &[])
}

fn arguments(threat: &str) -> Vec<&str> {
    vec![
        "rectify",
        "--threat",
        threat,
        "--night",
        NIGHT,
        "--reason",
        "reason.toml",
    ]
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap().to_owned()
}

fn threats(claim: &Value) -> BTreeSet<String> {
    let items = claim["items"].as_array().unwrap().iter();
    items.map(|i| text(i, "threat_id")).collect()
}

fn is_correction(claim: &Value) -> bool {
    let mut items = claim["items"].as_array().unwrap().iter();
    items.all(|i| i["item"] == "correction")
}

/// Warnings of the night, and corrections.
fn claims(sandbox: &Sandbox) -> (Vec<Value>, Vec<Value>) {
    let claims = sandbox.ledger("claim").into_iter();
    claims.partition(|c| !is_correction(c))
}

/// The threat of the night that some letters hold alone and others beside another one.
pub fn busiest(claims: &[Value]) -> String {
    let mut n: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for claim in claims {
        let of = threats(claim);
        for threat in &of {
            let count = n.entry(threat.clone()).or_default();
            if of.len() == 1 {
                count.0 += 1
            } else {
                count.1 += 1
            }
        }
    }
    let best = n
        .into_iter()
        .max_by_key(|(_, (alone, beside))| (alone.min(beside) > &0, alone + beside));
    best.unwrap().0
}

fn findings(claim: &Value, threat: &str) -> BTreeSet<String> {
    let items = claim["items"].as_array().unwrap().iter();
    items
        .filter(|i| i["threat_id"] == threat)
        .map(|i| text(i, "finding_id"))
        .collect()
}

fn folder(sandbox: &Sandbox, n: usize) -> Tree {
    let runs = fs::read_dir(sandbox.path(&format!("runs/{NIGHT}"))).unwrap();
    let mut found: Vec<_> = runs
        .map(|e| e.unwrap().path())
        .filter(|p| {
            p.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("correction-")
        })
        .collect();
    found.sort();
    assert!(found.len() >= n, "{found:?}");
    tree(&found[n - 1])
}

#[test]
fn a_correction_reaches_exactly_those_who_were_told_and_only_once() {
    let sandbox = short(&[6, 9]);
    sandbox.run(NIGHT).ended_with(0);
    let (warnings, _) = claims(&sandbox);
    let threat = busiest(&warnings);
    // One of the letters came back: that company was told nothing.
    let told: Vec<&Value> = warnings
        .iter()
        .filter(|c| threats(c).contains(&threat))
        .collect();
    assert!(told.len() >= 3, "{threat}: {}", told.len());
    let by_mail = told.iter().find(|c| c["channel"] == "email").unwrap();
    let came_back = text(by_mail, "reference");
    bounce(&sandbox, &came_back);
    let expected: BTreeMap<String, BTreeSet<String>> = told
        .iter()
        .filter(|c| c["reference"] != came_back.as_str())
        .map(|c| (text(c, "party_ref"), findings(c, &threat)))
        .collect();

    let n = expected.len();
    // First a look: as many, and nothing is written.
    let before = sandbox.ledger_objects();
    let plan = rectify_more(&sandbox, &threat, &["--until", "plan"]).ended_with(0);
    plan.says(&[&format!("without `--until plan` {n} corrections leave")]);
    let shown = plan.out.lines().filter(|l| l.starts_with("  NW-"));
    assert_eq!(shown.count(), n, "{}", plan.out);
    assert_eq!(before, sandbox.ledger_objects());
    // While STOP is in the store none leaves, and the same command goes on without it.
    fs::write(sandbox.path("STOP"), "").unwrap();
    rectify(&sandbox, &threat, &[])
        .ended_with(2)
        .says(&["STOP", "no letter starts"]);
    assert!(
        sandbox
            .ledger("receipt")
            .iter()
            .all(|r| r["night"] == NIGHT)
    );
    fs::remove_file(sandbox.path("STOP")).unwrap();
    rectify(&sandbox, &threat, &[])
        .ended_with(0)
        .says(&[&format!("{n} new letters")]);
    let (still, corrections) = claims(&sandbox);
    assert_eq!(still, warnings);
    let found: BTreeMap<String, BTreeSet<String>> = corrections
        .iter()
        .map(|c| (text(c, "party_ref"), findings(c, &threat)))
        .collect();
    assert_eq!(found, expected, "exactly the right set");
    assert_eq!(corrections.len(), n, "one each");
    assert!(
        corrections
            .iter()
            .all(|c| threats(c) == BTreeSet::from([threat.clone()]))
    );
    let receipts = sandbox.ledger("receipt");
    for claim in &corrections {
        let of: Vec<&Value> = receipts
            .iter()
            .filter(|r| r["letter_id"] == claim["letter_id"])
            .collect();
        assert_eq!(of.len(), 1);
        assert_eq!(of[0]["state"], "handed_over");
    }

    // Each form says which letter is taken back and why.
    let files = folder(&sandbox, 1);
    let done: Value = serde_json::from_slice(&files["correction.json"]).unwrap();
    let old: BTreeMap<String, String> = done["letters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| (text(l, "reference"), text(l, "of")))
        .collect();
    assert_eq!(old.len(), n);
    for claim in &corrections {
        let reference = text(claim, "reference");
        let letter = String::from_utf8(files[&format!("letters/{reference}.txt")].clone()).unwrap();
        let is_dutch = letter.contains("Geachte");
        let says = if is_dutch {
            "Rectificatie: "
        } else {
            "Correction: "
        };
        assert!(
            letter.contains(says) && letter.contains(&old[&reference]),
            "{letter}"
        );
        let flat = letter.split_whitespace().collect::<Vec<_>>().join(" ");
        let reason = if is_dutch {
            "Wij hebben de regel verbeterd."
        } else {
            "We have mended the rule."
        };
        assert!(flat.contains(reason), "{letter}");
        for form in ["html", "pdf"] {
            assert!(
                files.contains_key(&format!("letters/{reference}.{form}")),
                "{form}"
            );
        }
        let is_mail = claim["channel"] == "email";
        assert_eq!(
            files.contains_key(&format!("letters/{reference}.eml")),
            is_mail
        );
        assert!(files.contains_key(&format!("outbox/{reference}.json")));
    }
    let merge = String::from_utf8_lossy(&files["mail-merge/letters.csv"]).into_owned();
    let n_post = corrections
        .iter()
        .filter(|c| c["channel"] == "post")
        .count();
    assert_eq!(merge.lines().count(), n_post + 1);

    // The old references are withdrawn, in whole or in part; others and the corrections are real.
    for claim in &warnings {
        let reference = text(claim, "reference");
        let ran = sandbox.call(&["verify", &reference], &[]);
        let is_told = old.values().any(|of| *of == reference);
        match (is_told, threats(claim).len()) {
            (false, _) => ran.ended_with(0).says(&["real, sent on"]),
            (true, 1) => ran.ended_with(1).says(&["withdrawn: sent on"]),
            (true, _) => ran.ended_with(1).says(&["withdrawn in part", &threat]),
        }
    }
    sandbox
        .call(&["verify", old.keys().next().unwrap()], &[])
        .ended_with(0)
        .says(&["real, sent on"]);

    let one = old.values().next().unwrap();
    sandbox
        .call(&["explain", "--night", NIGHT, "--letter", one], &[])
        .says(&[
            "receipt   withdrawn (correction)",
            &format!("corrected   what it says about {threat}, on "),
        ]);
    let correction = text(&corrections[0], "reference");
    sandbox
        .call(&["explain", "--letter", &correction], &[])
        .ended_with(0)
        .says(&["takes an earlier letter back", "a correction", "receipt"]);
    // The same command again: nothing.
    let ledger = sandbox.ledger_objects();
    rectify(&sandbox, &threat, &[])
        .ended_with(0)
        .says(&["0 new letters", &format!("{n}")]);
    assert_eq!(ledger, sandbox.ledger_objects());
    fs::write(
        sandbox.path("other.toml"),
        "nl = \"anders\"\nen = \"other\"\n",
    )
    .unwrap();
    sandbox
        .call(
            &[
                "rectify",
                "--threat",
                &threat,
                "--night",
                NIGHT,
                "--reason",
                "other.toml",
            ],
            &[],
        )
        .ended_with(2)
        .says(&["with another reason", "hint:"]);
    // The night itself replays as it was, and its run sends nothing.
    sandbox.run(NIGHT).ended_with(0).says(&["0 new letters"]);
}

/// A delivery status notification about a letter.
fn bounce(sandbox: &Sandbox, reference: &str) {
    let mail = format!(
        "From: postmaster@voorbeeld.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
        --b\r\nContent-Type: message/delivery-status\r\n\r\nOriginal-Envelope-Id: {reference}.1\r\n\r\n\
        Final-Recipient: rfc822; x@voorbeeld.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    );
    fs::write(sandbox.path("bounce.eml"), mail).unwrap();
    sandbox
        .call(&["bounces", "bounce.eml"], &[])
        .ended_with(0)
        .says(&["bounced: "]);
}

#[test]
fn a_correction_that_was_killed_goes_on_and_a_letter_that_comes_to_light_gets_one_too() {
    let sandbox = short(&[6, 9]);
    // The fate of the night's letters is unknown; a person settles them.
    sandbox.crash(NIGHT, "claimed");
    let (warnings, _) = claims(&sandbox);
    let threat = busiest(&warnings);
    let told: Vec<String> = warnings
        .iter()
        .filter(|c| threats(c).contains(&threat))
        .map(|c| text(c, "reference"))
        .collect();
    let settle = |reference: &str, found: &str| {
        sandbox
            .call(&["ledger", "settle", reference, found], &[])
            .ended_with(0);
    };
    rectify(&sandbox, &threat, &[])
        .ended_with(2)
        .says(&["no letter of night", "is about"]);
    let (last, first) = told.split_last().unwrap();
    sandbox
        .call(&["explain", "--letter", last], &[])
        .ended_with(0)
        .says(&["this run did not end", "nobody knows"]);
    for reference in first {
        settle(reference, "handed-over");
    }
    let register = sandbox.path("data-samples/register/companies.parquet");
    let delivered = fs::read(&register).unwrap();
    for point in ["claimed", "handed_over", "receipts"] {
        let killed = rectify(&sandbox, &threat, &[("NACHTWACHT_CRASH_AT", point)]);
        assert_eq!(killed.signal, Some(9), "{point}: {}", killed.err);
        // It goes on with the register that it read.
        fs::write(&register, b"delivered anew").unwrap();
    }
    // One is still unknown: said, and exit code 1.
    rectify(&sandbox, &threat, &[])
        .ended_with(1)
        .says(&[last, "nobody knows whether these left"]);
    let (_, corrections) = claims(&sandbox);
    assert_eq!(corrections.len(), first.len());
    assert!(
        !folder(&sandbox, 1)
            .keys()
            .any(|name| name.starts_with("inputs/"))
    );
    fs::write(&register, delivered).unwrap();
    settle(last, "handed-over");
    rectify(&sandbox, &threat, &[])
        .ended_with(0)
        .says(&["1 new letters"]);
    let (_, corrections) = claims(&sandbox);
    let parties: BTreeSet<String> = corrections.iter().map(|c| text(c, "party_ref")).collect();
    assert_eq!((corrections.len(), parties.len()), (told.len(), told.len()));
    let states: Vec<Value> = sandbox.ledger("receipt");
    for claim in &corrections {
        let n = states
            .iter()
            .filter(|r| r["letter_id"] == claim["letter_id"])
            .count();
        assert_eq!(n, 1, "handed over once");
    }
    assert!(!folder(&sandbox, 2)["correction.json"].is_empty());
}

#[test]
fn what_cannot_be_corrected_says_why_and_writes_nothing() {
    let sandbox = Sandbox::small();
    sandbox.run(NIGHT).ended_with(0);
    let before = sandbox.ledger_objects();
    fs::write(
        sandbox.path("half.toml"),
        "nl = \"alleen Nederlands\"\nextra = 1\n",
    )
    .unwrap();
    fs::write(sandbox.path("reason.toml"), REASON).unwrap();
    for (threat, night, reason, says) in [
        ("no-such-threat", NIGHT, "reason.toml", "known threats: "),
        (
            "exposed-industrial-control",
            "2026-03-01",
            "reason.toml",
            "no letter of that night was claimed",
        ),
        ("exposed-rdp", NIGHT, "half.toml", "unknown key"),
        (
            "exposed-rdp",
            NIGHT,
            "missing.toml",
            "the reason cannot be read",
        ),
    ] {
        sandbox
            .call(
                &[
                    "rectify", "--threat", threat, "--night", night, "--reason", reason,
                ],
                &[],
            )
            .ended_with(2)
            .says(&[says]);
    }
    assert_eq!(before, sandbox.ledger_objects());
}

/// Threat by threat, with letters that came back, held against a count by hand; and the next
/// night goes on as if nothing had been corrected.
#[test]
fn every_threat_of_a_night_reaches_its_own_set_and_the_next_night_goes_on() {
    let (sandbox, calm) = (short(&[6, 9, 10]), short(&[6, 9, 10]));
    for s in [&sandbox, &calm] {
        s.run(NIGHT).ended_with(0);
    }
    let (warnings, _) = claims(&sandbox);
    let mails: Vec<&Value> = warnings
        .iter()
        .filter(|c| c["channel"] == "email")
        .collect();
    let came_back: BTreeSet<String> = mails
        .iter()
        .step_by(4)
        .map(|c| text(c, "reference"))
        .collect();
    for reference in &came_back {
        bounce(&sandbox, reference);
        bounce(&calm, reference);
    }
    let all: BTreeSet<String> = warnings.iter().flat_map(threats).collect();
    assert!(all.len() >= 4, "{all:?}");
    for threat in &all {
        let is_wrong = |c: &&Value| {
            threats(c).contains(threat) && !came_back.contains(c["reference"].as_str().unwrap())
        };
        let by_hand: BTreeSet<(String, BTreeSet<String>)> = warnings
            .iter()
            .filter(is_wrong)
            .map(|c| (text(c, "party_ref"), findings(c, threat)))
            .collect();
        let ran = rectify(&sandbox, threat, &[]);
        let code = if by_hand.is_empty() { 2 } else { 0 };
        ran.ended_with(code);
        let (_, corrections) = claims(&sandbox);
        let found: Vec<(String, BTreeSet<String>)> = corrections
            .iter()
            .filter(|c| threats(c).contains(threat))
            .map(|c| (text(c, "party_ref"), findings(c, threat)))
            .collect();
        assert_eq!(found.len(), by_hand.len(), "{threat}: one each");
        assert_eq!(
            found.into_iter().collect::<BTreeSet<_>>(),
            by_hand,
            "{threat}"
        );
    }
    for s in [&sandbox, &calm] {
        s.run("2026-03-10").ended_with(0);
    }
    let of_second = |s: &Sandbox| -> BTreeSet<String> {
        let (warnings, _) = claims(s);
        let second = warnings.into_iter().filter(|c| c["night"] == "2026-03-10");
        second.map(|c| c.to_string()).collect()
    };
    assert!(!of_second(&calm).is_empty());
    assert_eq!(of_second(&sandbox), of_second(&calm));
    sandbox.call(&["ledger", "verify"], &[]).ended_with(0);
}

/// A correction that did not arrive is tried again, by another way where the mailbox refuses; one
/// that did is not.
#[test]
fn a_correction_that_came_back_or_never_left_is_tried_again() {
    let sandbox = short(&[6, 9]);
    sandbox.run(NIGHT).ended_with(0);
    let threat = busiest(&claims(&sandbox).0);
    // Of those that were claimed when it was killed nobody knows.
    rectify(&sandbox, &threat, &[("NACHTWACHT_CRASH_AT", "claimed")]);
    let (_, unknown) = claims(&sandbox);
    let never_left = text(&unknown[0], "reference");
    sandbox
        .call(&["ledger", "settle", &never_left, "not-sent"], &[])
        .ended_with(0)
        .says(&[
            &format!("nachtwacht rectify --threat {threat} --night {NIGHT} --reason FILE"),
            "sends it, as attempt 2",
        ]);
    rectify(&sandbox, &threat, &[]).ended_with(0);
    let (_, corrections) = claims(&sandbox);
    let of = |claim: &Value| (text(claim, "reference"), claim["attempt"].clone());
    let again: Vec<_> = corrections.iter().filter(|c| c["attempt"] == 2).collect();
    assert_eq!(again.len(), 1);
    assert_eq!(of(again[0]), (never_left.clone(), 2.into()));
    assert!(folder(&sandbox, 1).contains_key(&format!("letters/{never_left}.2.txt")));

    let by_mail = |c: &&Value| c["channel"] == "email" && text(c, "reference") != never_left;
    let back = corrections.iter().find(by_mail).unwrap();
    bounce(&sandbox, &text(back, "reference"));
    rectify_more(&sandbox, &threat, &["--until", "plan"])
        .ended_with(0)
        .says(&["1 corrections leave"]);
    rectify(&sandbox, &threat, &[])
        .ended_with(0)
        .says(&["1 new letters"]);
    let (_, more) = claims(&sandbox);
    assert_eq!(more.len(), corrections.len() + 1);
    let last = more.last().unwrap();
    assert_eq!(of(last), (text(back, "reference"), 2.into()));
    assert_ne!(last["contact_ref"], back["contact_ref"]);
    rectify(&sandbox, &threat, &[]).says(&["0 new letters"]);
    assert_eq!(claims(&sandbox).1.len(), more.len());
    sandbox.call(&["ledger", "verify"], &[]).ended_with(0);
}
