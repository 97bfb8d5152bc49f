//! A night that a brake holds, with the real binary: nothing leaves, a signature lets exactly
//! that plan go, a later night takes over, `STOP` stops.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::ledger_record::{LedgerView, Numbered, PinnedNight, Record};

use crate::harness;
use crate::ledger::claim;
use crate::sandbox::{Ran, Sandbox, Tree};
use crate::signing::Key;
use crate::statistics::period::table;

pub const FIRST: &str = "2026-03-09";
pub const SECOND: &str = "2026-03-10";
pub const JOB: &str = "jobs/nightly.toml";

pub fn limit(sandbox: &Sandbox, letters: u32) {
    sandbox.edit(
        JOB,
        "max_letters = 1000 ",
        &format!("max_letters = {letters} "),
    );
}

pub fn signers(sandbox: &Sandbox, keys: &[&Key]) {
    let lines: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(n, key)| format!("signer-{n} = \"{}\"", key.public()))
        .collect();
    let table = format!("[brakes.signers]\n{}\n[mail_merge]\n", lines.join("\n"));
    sandbox.edit(JOB, "[mail_merge]\n", &table);
}

/// Two nights of participants, in the order of their days.
pub fn two_nights() -> Sandbox {
    nights(&[6, 9, 10])
}

fn nights(days: &[u8]) -> Sandbox {
    let sandbox = Sandbox::new(days);
    let everybody = r#"write_to = ["participant", "registered", "unregistered", "network_owner"]"#;
    sandbox.edit(JOB, everybody, r#"write_to = ["participant"]"#);
    sandbox
}

pub fn plan_of(ran: &Ran) -> String {
    let line = ran.out.lines().find(|l| l.contains("approve 2026-"));
    let line = line.unwrap_or_else(|| panic!("no next command in\n{}", ran.out));
    line.rsplit(' ').next().unwrap().to_owned()
}

pub fn approve(sandbox: &Sandbox, night: &str, plan: &str, more: &[&str]) -> Ran {
    let args = [&["approve", night, "--plan", plan], more].concat();
    sandbox.call(&args, &[])
}

/// Writes the statement of a plan, signs it and answers its path.
pub fn signed(sandbox: &Sandbox, night: &str, plan: &str, key: &Key) -> String {
    approve(sandbox, night, plan, &["--statement", "approval.txt"]).ended_with(0);
    let text = fs::read(sandbox.path("approval.txt")).unwrap();
    fs::write(
        sandbox.path("approval.txt.sig"),
        key.sign("nachtwacht", &text),
    )
    .unwrap();
    "approval.txt".into()
}

fn letters(outputs: &Tree) -> Vec<&String> {
    let is_letter = |n: &&String| n.starts_with("letters/") && n.ends_with(".pdf");
    outputs.keys().filter(is_letter).collect()
}

fn n_findings(sandbox: &Sandbox) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for claim in sandbox.ledger("claim") {
        for item in claim["items"].as_array().unwrap() {
            *found
                .entry(item["finding_id"].as_str().unwrap().to_owned())
                .or_insert(0) += 1;
        }
    }
    found
}

#[test]
fn a_held_night_sends_nothing_and_a_signature_sends_exactly_that_plan() {
    let sandbox = Sandbox::small();
    limit(&sandbox, 1);
    let (ours, stranger) = (Key::of(1), Key::of(2));
    signers(&sandbox, &[&ours]);
    let ran = sandbox.run(FIRST).ended_with(2);
    ran.says(&[
        "HELD:",
        "the job allows 1 a night",
        "held/",
        "0 new letters",
    ]);
    let plan = plan_of(&ran);
    let outputs = || {
        let mut outputs = sandbox.outputs(FIRST);
        // Copies of the register go when the night ends.
        outputs.retain(|name, _| !name.starts_with("inputs/"));
        outputs
    };
    let before = outputs();
    assert!(letters(&before).is_empty());
    assert!(before.contains_key("held/manifest.json") && !before.contains_key("manifest.json"));
    assert!(before.contains_key("held/statistics/statistics.csv"));
    assert!(sandbox.ledger("claim").is_empty() && !sandbox.path("outbox").exists());
    let manifest: Value = serde_json::from_slice(&before["held/manifest.json"]).unwrap();
    let n = manifest["letters"]["held"].as_u64().unwrap();
    assert_eq!(manifest["letters"]["sent"], 0);
    assert!(n > 2 && manifest["decision_reasons"]["brake"].as_u64() >= Some(n));
    let text = before
        .iter()
        .find(|(n, _)| n.starts_with("held/") && n.ends_with(".txt"));
    assert!(String::from_utf8_lossy(text.unwrap().1).contains("CONCEPT"));
    let status = sandbox.call(&["status"], &[]).ended_with(2);
    status.says(&["held", "the job allows 1 a night"]);
    // Held again, with the same bytes and one record.
    sandbox.run(FIRST).ended_with(2);
    assert_eq!(before, outputs());
    assert_eq!(sandbox.ledger("hold").len(), 1);

    let other = "0".repeat(64);
    approve(&sandbox, FIRST, &other, &[])
        .ended_with(2)
        .says(&[&plan, "a plan that changed"]);
    approve(&sandbox, "2026-03-08", &plan, &[])
        .ended_with(2)
        .says(&["never planned"]);
    approve(&sandbox, FIRST, &plan, &[]).ended_with(0).says(&[
        "letters wait",
        "the largest letters",
        "drawn at random",
        "in all",
    ]);
    let file = signed(&sandbox, FIRST, &plan, &stranger);
    let record = ["--signed", file.as_str()];
    approve(&sandbox, FIRST, &plan, &record)
        .ended_with(2)
        .says(&["is not among `[brakes.signers]`"]);
    signed(&sandbox, FIRST, &plan, &ours);
    let text = fs::read_to_string(sandbox.path(&file)).unwrap();
    let more = text.replacen("letters ", "letters 1", 1);
    fs::write(sandbox.path(&file), &more).unwrap();
    approve(&sandbox, FIRST, &plan, &record)
        .ended_with(2)
        .says(&["another plan"]);
    let later = text.replacen("expires 2", "expires 3", 1);
    fs::write(sandbox.path(&file), &later).unwrap();
    approve(&sandbox, FIRST, &plan, &record)
        .ended_with(2)
        .says(&["72 hours"]);
    fs::write(sandbox.path(&file), &text).unwrap();
    let purpose = ours.sign("file", text.as_bytes());
    fs::write(sandbox.path("approval.txt.sig"), purpose).unwrap();
    approve(&sandbox, FIRST, &plan, &record)
        .ended_with(2)
        .says(&["purpose `file`"]);
    assert!(sandbox.ledger("approval").is_empty());
    sandbox.run(FIRST).ended_with(2);

    signed(&sandbox, FIRST, &plan, &ours);
    let ran = approve(&sandbox, FIRST, &plan, &record).ended_with(0);
    ran.says(&["1 of 1 keys", "nothing was sent yet"]);
    assert!(sandbox.ledger("claim").is_empty(), "approve only records");
    sandbox
        .run(FIRST)
        .ended_with(0)
        .says(&[&format!("{n} new letters")]);
    let after = sandbox.outputs(FIRST);
    assert_eq!(before["letters.plan.json"], after["letters.plan.json"]);
    assert_eq!(u64::try_from(letters(&after).len()).unwrap(), n);
    assert!(before.iter().all(|(name, bytes)| after[name] == *bytes));
    sandbox.run(FIRST).ended_with(0).says(&["0 new letters"]);
    approve(&sandbox, FIRST, &plan, &[])
        .ended_with(2)
        .says(&["has ended"]);
    sandbox
        .call(&["replay", FIRST], &[])
        .ended_with(0)
        .says(&["same"]);
}

#[test]
fn above_the_second_limit_two_different_keys_must_sign() {
    let sandbox = Sandbox::small();
    limit(&sandbox, 1);
    sandbox.edit(JOB, "two_keys_above = 500 ", "two_keys_above = 1 ");
    let (one, two) = (Key::of(1), Key::of(2));
    signers(&sandbox, &[&one, &two]);
    let plan = plan_of(&sandbox.run(FIRST).ended_with(2));
    for _ in 0..2 {
        let file = signed(&sandbox, FIRST, &plan, &one);
        let ran = approve(&sandbox, FIRST, &plan, &["--signed", &file]).ended_with(0);
        ran.says(&["1 of 2 keys", "another key"]);
        sandbox.run(FIRST).ended_with(2);
    }
    let file = signed(&sandbox, FIRST, &plan, &two);
    approve(&sandbox, FIRST, &plan, &["--signed", &file])
        .ended_with(0)
        .says(&["2 of 2 keys"]);
    sandbox.run(FIRST).ended_with(0);
    assert!(!sandbox.ledger("claim").is_empty());
}

/// N held, N+1 run, N approved: refused. What N would have said stands in N+1's letters, once.
#[test]
fn a_night_that_was_taken_over_can_never_be_approved() {
    let calm = two_nights();
    calm.run(SECOND).ended_with(0);
    let sandbox = two_nights();
    limit(&sandbox, 1);
    let key = Key::of(1);
    signers(&sandbox, &[&key]);
    let first = plan_of(&sandbox.run(FIRST).ended_with(2));
    let file = signed(&sandbox, FIRST, &first, &key);
    let second = plan_of(&sandbox.run(SECOND).ended_with(2));
    assert_eq!(sandbox.ledger("superseded").len(), 1);
    let says = ["was given up when night 2026-03-10 was planned"];
    approve(&sandbox, FIRST, &first, &["--signed", &file])
        .ended_with(2)
        .says(&says);
    approve(&sandbox, FIRST, &first, &[])
        .ended_with(2)
        .says(&says);
    sandbox.run(FIRST).ended_with(2).says(&says);
    assert!(sandbox.ledger("approval").is_empty() && sandbox.ledger("claim").is_empty());
    let file = signed(&sandbox, SECOND, &second, &key);
    approve(&sandbox, SECOND, &second, &["--signed", &file]).ended_with(0);
    sandbox.run(SECOND).ended_with(0);
    // The same letters as if only the second night had ever been run.
    let found = n_findings(&sandbox);
    assert_eq!(found, n_findings(&calm));
    assert!(found.values().all(|n| *n == 1), "nothing twice");
    // The night that ended says what was held on the way to it, and a period what its nights say.
    let holds = sandbox.ledger("hold");
    let held: u64 = holds.iter().map(|h| h["letters"].as_u64().unwrap()).sum();
    assert_eq!(holds.len(), 2);
    for (sandbox, held) in [(&sandbox, held), (&calm, 0)] {
        assert_eq!(sandbox.manifest(SECOND)["letters_held_by_brakes"], held);
        sandbox
            .call(
                &["statistics", "jobs/statistics.toml", "--period", "2026-03"],
                &[],
            )
            .ended_with(0)
            .says(&[&format!("{held} more by a brake")]);
        let path = "internal/statistics/2026-03/v1/nights.csv";
        let nights = table(&fs::read(sandbox.path(path)).unwrap());
        assert_eq!(nights[0]["letters_held_by_brakes"], held.to_string());
    }
}

#[test]
fn an_approved_night_goes_before_the_next_one_and_a_dead_one_is_ended_first() {
    let sandbox = two_nights();
    limit(&sandbox, 1);
    sandbox.edit(JOB, "growth = 8 ", "growth = 500 ");
    let key = Key::of(1);
    signers(&sandbox, &[&key]);
    let plan = plan_of(&sandbox.run(FIRST).ended_with(2));
    let file = signed(&sandbox, FIRST, &plan, &key);
    approve(&sandbox, FIRST, &plan, &["--signed", &file]).ended_with(0);
    // Night two is over the limit as well, and held; night one has its letters out.
    let ran = sandbox.run(SECOND).ended_with(2);
    ran.says(&["Night 2026-03-09", "Night 2026-03-10", "HELD:"]);
    assert_eq!(sandbox.ledger("final").len(), 1);
    assert!(sandbox.ledger("superseded").is_empty());

    let sandbox = two_nights();
    sandbox.crash(FIRST, "claimed");
    let claimed = sandbox.ledger("claim").len();
    sandbox.run(SECOND).ended_with(0);
    assert_eq!(sandbox.ledger("final").len(), 2);
    assert!(claimed > 0 && sandbox.ledger("superseded").is_empty());
    assert_eq!(
        sandbox.ledger("claim").len(),
        sandbox.ledger("receipt").len()
    );
    assert!(n_findings(&sandbox).values().all(|n| *n == 1));
}

/// A plan that never got to its first claim is given up, and its snapshots are read again.
#[test]
fn a_night_that_died_before_its_first_claim_is_taken_over() {
    let calm = two_nights();
    calm.run(SECOND).ended_with(0);
    let sandbox = two_nights();
    sandbox.crash(FIRST, "planned");
    sandbox.run(SECOND).ended_with(0);
    assert_eq!(sandbox.ledger("superseded").len(), 1);
    assert_eq!(n_findings(&sandbox), n_findings(&calm));
}

/// A plan that was given up can never go on, so nobody is told to run it again.
#[test]
fn letters_of_unknown_fate_name_only_nights_that_can_go_on() {
    let sandbox = two_nights();
    sandbox.crash(FIRST, "planned");
    sandbox.crash(SECOND, "claimed");
    assert_eq!(sandbox.ledger("superseded").len(), 1);
    let ran = sandbox.call(&["ledger", "unknown"], &[]).ended_with(1);
    ran.says(&["night 2026-03-10 is not finished: run it again first"]);
    assert!(!ran.out.contains(FIRST), "{}", ran.out);
}

#[test]
fn a_first_night_waits_for_a_baseline_and_a_backlog_is_drained() {
    let sandbox = nights(&[6, 9, 10, 11]);
    sandbox.edit(
        JOB,
        "folder_sends_first_night = true",
        "folder_sends_first_night = false",
    );
    let ran = sandbox.run(FIRST).ended_with(2);
    ran.says(&["first_night", "nachtwacht baseline", "nothing leaves"]);
    sandbox
        .call(&["baseline", "--feed", "nobody"], &[])
        .ended_with(2)
        .says(&["shadowserver"]);
    sandbox.call(&["baseline"], &[]).ended_with(0).says(&[
        "may send from now on",
        "run jobs/nightly.toml --night 2026-03-09",
    ]);
    sandbox
        .call(&["baseline"], &[])
        .ended_with(0)
        .says(&["stands already"]);
    assert!(sandbox.ledger("claim").is_empty());
    let night_two = |more: &[&str]| {
        let args = [&["run", JOB, "--night", SECOND], more].concat();
        sandbox.call(&args, &[])
    };
    // The held first night is taken over; two letters go, the others come with the next night.
    night_two(&["--max-letters", "2"])
        .ended_with(0)
        .says(&["2 new letters"]);
    night_two(&["--max-letters", "3"])
        .ended_with(2)
        .says(&["with `--max-letters 2`"]);
    night_two(&[]).ended_with(0).says(&["0 new letters"]);
    let calm = two_nights();
    calm.run(SECOND).ended_with(0);
    sandbox.run("2026-03-11").ended_with(0);
    let drained: BTreeSet<String> = n_findings(&sandbox).into_keys().collect();
    let at_once: BTreeSet<String> = n_findings(&calm).into_keys().collect();
    assert!(
        at_once.is_subset(&drained),
        "nothing of the backlog is forgotten"
    );
    assert!(n_findings(&sandbox).values().all(|n| *n == 1));
}

#[test]
fn while_stop_is_in_the_store_no_letter_starts() {
    let sandbox = Sandbox::small();
    fs::write(sandbox.path("STOP"), b"").unwrap();
    sandbox
        .run(FIRST)
        .ended_with(2)
        .says(&["STOP", "no letter starts"]);
    assert!(sandbox.ledger("claim").is_empty());
    fs::remove_file(sandbox.path("STOP")).unwrap();
    // Claimed, and stopped before the hand-over: the letters wait, and go later.
    sandbox.crash(FIRST, "claimed");
    fs::write(sandbox.path("STOP"), b"").unwrap();
    sandbox.run(FIRST).ended_with(2).says(&["STOP"]);
    assert!(sandbox.ledger("receipt").is_empty());
    fs::remove_file(sandbox.path("STOP")).unwrap();
    sandbox.run(FIRST).ended_with(0);
    assert_eq!(
        sandbox.ledger("claim").len(),
        sandbox.ledger("receipt").len()
    );
}

/// What was warned about and is not seen: fixed by a scan that covered it, else not; and back.
#[test]
fn gone_is_counted_by_what_was_scanned_and_never_fixed_without_coverage() {
    let days = [6, 9, 10, 11, 12];
    let (with, without) = (nights(&days), nights(&days));
    let from = harness::root().join("data-samples/coverage");
    fs::create_dir_all(with.path("data-samples/coverage")).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = with
            .path("data-samples/coverage")
            .join(path.file_name().unwrap());
        fs::copy(&path, to).unwrap();
    }
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for sandbox in [&with, &without] {
        for day in 9..=12 {
            let night = format!("2026-03-{day:02}");
            let n_known = u64::try_from(n_findings(sandbox).len()).unwrap();
            sandbox.run(&night).ended_with(0);
            let manifest = sandbox.manifest(&night);
            let counts = manifest["findings_gone"].as_object().unwrap();
            let n: u64 = counts.values().map(|v| v.as_u64().unwrap()).sum();
            assert!(n <= n_known, "{night}: {n} of {n_known}");
            assert!(day == 9 || n > 0, "{night}");
            let which = if std::ptr::eq(sandbox, &with) {
                "with"
            } else {
                "without"
            };
            for (how, n) in counts {
                *sums.entry(format!("{which} {how}")).or_default() += n.as_u64().unwrap();
            }
        }
    }
    assert!(
        sums["with fixed"] > 0 && sums["without not_scanned"] > 0,
        "{sums:?}"
    );
    assert_eq!(
        sums["without fixed"] + sums["without not_seen"],
        0,
        "{sums:?}"
    );
    assert!(!with.ledger("sightings").is_empty());
    with.call(&["replay", "2026-03-11"], &[])
        .ended_with(0)
        .says(&["same"]);
}

/// What OpenSSH itself signs, we accept; our own signer in the tests is held against it too.
#[test]
fn what_ssh_keygen_signs_is_accepted_and_the_other_way_round() {
    let has = Command::new("ssh-keygen").arg("-?").output().is_ok();
    if !harness::needs("ssh-keygen", has) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { folder.path().join(name) };
    let run = |args: &[&str]| {
        let ran = Command::new("ssh-keygen")
            .args(args)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(
            ran.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
    };
    run(&[
        "-q", "-t", "ed25519", "-N", "", "-C", "somebody", "-f", "id",
    ]);
    fs::write(at("text"), "nachtwacht approval 1\n").unwrap();
    run(&["-q", "-Y", "sign", "-n", "nachtwacht", "-f", "id", "text"]);
    let public = fs::read_to_string(at("id.pub")).unwrap();
    let signature = fs::read_to_string(at("text.sig")).unwrap();
    let signers = BTreeMap::from([("a".to_owned(), public)]);
    let verify = nachtwacht::brakes::approval::verify;
    let found = verify(b"nachtwacht approval 1\n", &signature, &signers).unwrap();
    assert!(found.name == "a" && found.key.starts_with("SHA256:"));
    verify(b"nachtwacht approval 2\n", &signature, &signers).unwrap_err();
    let key = Key::of(7);
    fs::write(at("allowed"), format!("us {}\n", key.public())).unwrap();
    fs::write(at("ours.sig"), key.sign("nachtwacht", b"text")).unwrap();
    let mut child = Command::new("ssh-keygen")
        .args([
            "-Y",
            "verify",
            "-f",
            "allowed",
            "-I",
            "us",
            "-n",
            "nachtwacht",
            "-s",
            "ours.sig",
        ])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"text").unwrap();
    assert!(child.wait().unwrap().success());
}

/// Letters that a person has sent on the date of a held night are none of its plan.
#[test]
fn a_correction_or_another_attempt_of_that_date_lets_no_held_night_go() {
    let pin = |revision| PinnedNight {
        night: "2026-03-09".parse().unwrap(),
        revision,
        run_id: format!("run-{revision}"),
        ledger_seq: 0,
        job_sha256: String::new(),
        max_letters: None,
        snapshots: Vec::new(),
        inputs: Vec::new(),
        followed: Vec::new(),
    };
    let view = |records: Vec<Record>| LedgerView {
        last_seq: 9,
        records: (1..)
            .zip(records)
            .map(|(seq, record)| Numbered { seq, record })
            .collect(),
    };
    let mut correction = claim(9, 2);
    for item in &mut correction.items {
        item.kind = ItemKind::Correction;
    }
    let mut again = claim(9, 1);
    again.attempt = 2;
    let mut records: Vec<Record> = vec![pin(0).into(), claim(9, 1).into(), pin(1).into()];
    assert!(view(records.clone()).has_begun(&pin(0)));
    assert!(!view(records.clone()).has_begun(&pin(1)));
    records.extend([correction.into(), again.into(), claim(10, 3).into()]);
    assert!(!view(records.clone()).has_begun(&pin(1)));
    records.push(claim(9, 4).into());
    assert!(view(records).has_begun(&pin(1)));
}
