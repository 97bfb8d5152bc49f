//! The whole line with the real binary: a night, the same night again, the next night, and a
//! process that is killed at the worst moments.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::bad_input::{read, with_column, write};
use crate::harness;
use crate::sandbox::{Sandbox, Tree};

const FIRST: &str = "2026-03-09";
const SECOND: &str = "2026-03-10";

fn n_rows(parquet: &[u8]) -> u64 {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(parquet)).unwrap();
    u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap()
}

fn number(v: &Value) -> u64 {
    v.as_u64().unwrap_or_else(|| panic!("not a count: {v}"))
}

fn sum(of: &Value) -> u64 {
    of.as_object().unwrap().values().map(number).sum()
}

/// What must be the same for the same inputs: everything but the two manifests, which carry
/// the run's random name and the clock.
fn repeatable(outputs: &Tree) -> Tree {
    let mut same = outputs.clone();
    same.retain(|name, _| !name.starts_with("manifest"));
    same
}

#[track_caller]
fn assert_same(a: &Tree, b: &Tree) {
    assert_eq!(
        a.keys().collect::<Vec<_>>(),
        b.keys().collect::<Vec<_>>(),
        "the same files"
    );
    let differing: Vec<_> = a
        .iter()
        .filter(|(k, v)| b[*k] != **v)
        .map(|x| x.0)
        .collect();
    assert!(differing.is_empty(), "other bytes: {differing:?}");
}

fn count(outputs: &Tree, folder: &str, extension: &str) -> u64 {
    let of = |n: &&String| n.starts_with(folder) && n.ends_with(extension);
    u64::try_from(outputs.keys().filter(of).count()).unwrap()
}

#[track_caller]
fn assert_outputs_there(outputs: &Tree) {
    for (name, starts) in [
        ("letters.plan.json", &b"{"[..]),
        ("manifest.planned.json", b"{"),
        ("manifest.json", b"{"),
        ("decisions.parquet", b"PAR1"),
        ("rejects.parquet", b"PAR1"),
        ("mail-merge/letters.csv", b""),
        ("mail-merge/letters.xlsx", b"PK"),
        ("mail-merge/letters-spreadsheet.csv", "\u{feff}".as_bytes()),
        ("mail-merge/print-001.pdf", b"%PDF-"),
        ("mail-merge/print.csv", b"partij;"),
        ("statistics/statistics.parquet", b"PAR1"),
        ("statistics/statistics.csv", b""),
        ("statistics/statistics.html", b"<!"),
    ] {
        let bytes = outputs.get(name).unwrap_or_else(|| panic!("no {name}"));
        assert!(bytes.len() > 20 && bytes.starts_with(starts), "{name}");
    }
    for (name, bytes) in outputs.iter().filter(|(n, _)| n.ends_with(".pdf")) {
        assert!(bytes.starts_with(b"%PDF-"), "{name}");
    }
}

#[track_caller]
fn assert_sums_close(manifest: &Value, outputs: &Tree) {
    let closes = |c: &Value| {
        let n = |key: &str| number(&c[key]);
        assert_eq!(n("read"), n("rejected") + n("unmatched") + n("matched"));
        assert_eq!(
            n("matched"),
            n("below_policy") + n("suppressed") + n("held") + n("in_letters")
        );
    };
    let counts = &manifest["counts"];
    closes(counts);
    let feeds = counts["by_feed"].as_object().unwrap();
    feeds.values().for_each(closes);
    for key in [
        "read",
        "rejected",
        "unmatched",
        "matched",
        "held",
        "in_letters",
    ] {
        let of_feeds: u64 = feeds.values().map(|f| number(&f[key])).sum();
        assert_eq!(of_feeds, number(&counts[key]), "`{key}` over the feeds");
    }
    let decisions = &manifest["decision_counts"];
    assert_eq!(sum(decisions), n_rows(&outputs["decisions.parquet"]));
    assert_eq!(sum(decisions), sum(&manifest["decision_reasons"]));
    assert_eq!(
        sum(&manifest["reject_reasons"]),
        n_rows(&outputs["rejects.parquet"])
    );
    let rows: u64 = manifest["inputs"]["snapshots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| number(&s["rows"]))
        .sum();
    assert_eq!(rows, number(&counts["read"]));
}

/// Each letter is claimed once and was handed over once.
#[track_caller]
fn assert_claimed_once(sandbox: &Sandbox, night: &str) {
    let of_night = |kind: &str| -> Vec<String> {
        let records = sandbox.ledger(kind).into_iter();
        let mut ids: Vec<String> = records
            .filter(|r| r["night"] == night)
            .inspect(|r| assert!(kind != "receipt" || r["state"] == "handed_over", "{r}"))
            .map(|r| r["letter_id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let claims = of_night("claim");
    let distinct: BTreeSet<&String> = claims.iter().collect();
    assert_eq!(distinct.len(), claims.len(), "a letter is claimed twice");
    assert_eq!(claims, of_night("receipt"), "one receipt a claim");
    let sent = count(&sandbox.outputs(night), "letters/", ".pdf");
    assert_eq!(u64::try_from(claims.len()).unwrap(), sent);
}

#[test]
fn a_night_closes_its_sums_repeats_itself_and_is_not_repeated_by_the_next() {
    let sandbox = Sandbox::new(&[6, 9, 10]);
    let ran = sandbox.run(FIRST).ended_with(0);
    let outputs = sandbox.outputs(FIRST);
    let manifest = sandbox.manifest(FIRST);
    assert_outputs_there(&outputs);
    assert_sums_close(&manifest, &outputs);
    assert_claimed_once(&sandbox, FIRST);

    let letters = number(&manifest["letters"]["sent"]);
    assert!(letters > 20, "the samples give a real night: {letters}");
    ran.says(&[&format!("{letters} new letters"), "Where to look next"]);
    for form in [".txt", ".html", ".pdf"] {
        assert_eq!(count(&outputs, "letters/", form), letters);
        let held = number(&manifest["letters"]["held"]);
        assert_eq!(count(&outputs, "held/", form), held);
    }
    for (name, sha256) in manifest["outputs_sha256"].as_object().unwrap() {
        let found = hex::encode(Sha256::digest(&outputs[name]));
        assert_eq!(sha256.as_str(), Some(found.as_str()), "{name}");
    }
    for (name, bytes) in outputs.iter().filter(|(n, _)| n.starts_with("letters/")) {
        let reference = name
            .trim_start_matches("letters/")
            .rsplit_once('.')
            .unwrap()
            .0;
        let is_text = name.ends_with(".txt");
        let text = String::from_utf8_lossy(bytes);
        assert!(!is_text || text.contains(reference), "{name}: {text}");
    }

    let ledger = sandbox.ledger_objects();
    let again = sandbox.run(FIRST).ended_with(0);
    again.says(&["0 new letters"]);
    assert_same(&outputs, &sandbox.outputs(FIRST));
    assert_same(&ledger, &sandbox.ledger_objects());

    let twin = Sandbox::new(&[6, 9, 10]);
    twin.run(FIRST).ended_with(0);
    assert_same(&repeatable(&outputs), &repeatable(&twin.outputs(FIRST)));
    assert_eq!(
        manifest["content_sha256"],
        twin.manifest(FIRST)["content_sha256"]
    );
    assert_ne!(manifest["run_id"], twin.manifest(FIRST)["run_id"]);

    sandbox.run(SECOND).ended_with(0);
    let of_second = sandbox.outputs(SECOND);
    assert_sums_close(&sandbox.manifest(SECOND), &of_second);
    assert_claimed_once(&sandbox, SECOND);
    let mut first_warned: BTreeMap<String, String> = BTreeMap::new();
    for claim in sandbox.ledger("claim") {
        let night = claim["night"].as_str().unwrap();
        for item in claim["items"].as_array().unwrap() {
            let finding = item["finding_id"].as_str().unwrap().to_owned();
            let earlier = first_warned.insert(finding.clone(), night.to_owned());
            assert_eq!(earlier, None, "{finding} is claimed again on {night}");
        }
    }
    // The same snapshots before an empty ledger: what night two would have sent again.
    fs::remove_dir_all(twin.path("ledger")).unwrap();
    fs::remove_dir_all(twin.path("ledger-copy")).unwrap();
    twin.run(SECOND).ended_with(0);
    let fresh = count(&twin.outputs(SECOND), "letters/", ".pdf");
    let second = count(&of_second, "letters/", ".pdf");
    assert!(second * 2 < fresh, "{second} letters, fresh ledger {fresh}");
    assert!(second > 0, "night two has news of its own");
}

#[test]
fn a_killed_night_is_resumed_to_the_same_end() {
    let calm = Sandbox::small();
    calm.run(FIRST).ended_with(0);
    let expected = repeatable(&calm.outputs(FIRST));
    let claims = |s: &Sandbox| -> BTreeSet<String> {
        s.ledger("claim").iter().map(Value::to_string).collect()
    };
    // A point, and how often the process dies there before it may go on. The ledger is written
    // four times: pin, claims, receipts, final.
    for (point, n_deaths) in [
        ("before_append", 1),
        ("after_append", 4),
        ("claimed", 1),
        ("handed_over", 1),
        ("receipts", 1),
    ] {
        let killed = Sandbox::small();
        for death in 1..=n_deaths {
            let ran = killed.crash(FIRST, point);
            assert_eq!(
                (ran.code, ran.signal),
                (None, Some(9)),
                "death {death} at `{point}`: {}",
                ran.err
            );
        }
        killed.run(FIRST).ended_with(0);
        assert_same(&expected, &repeatable(&killed.outputs(FIRST)));
        assert_eq!(claims(&calm), claims(&killed), "`{point}`");
        assert_claimed_once(&killed, FIRST);
        assert_eq!(killed.ledger("final").len(), 1, "`{point}`");
    }
}

/// A death before the claims, with the night pinned already: nothing is claimed, nothing sent.
#[test]
fn a_plan_claims_nothing_and_the_run_after_it_sends_exactly_that_plan() {
    let sandbox = Sandbox::small();
    sandbox.plan(FIRST).ended_with(0);
    assert!(sandbox.ledger("claim").is_empty());
    let mut planned = sandbox.outputs(FIRST);
    assert!(!planned.contains_key("manifest.json"));
    // Copies of the register go when the night ends.
    planned.retain(|name, _| !name.starts_with("inputs/"));
    sandbox.crash(FIRST, "before_append");
    assert!(sandbox.ledger("claim").is_empty());
    sandbox.run(FIRST).ended_with(0);
    let outputs = sandbox.outputs(FIRST);
    for (name, bytes) in &planned {
        assert_eq!(bytes, &outputs[name], "{name}");
    }
    assert_claimed_once(&sandbox, FIRST);
}

/// Whoever reads the plan may have seen enough of it.
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let sandbox = Sandbox::new(&[6, 9]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_nachtwacht"))
        .args(["plan", "jobs/nightly.toml", "--night", FIRST])
        .current_dir(sandbox.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        said.push_str(&line.unwrap());
    }
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert_eq!(said, "");
    sandbox.assert_untouched();
    let plan = sandbox
        .call(&["plan", "jobs/nightly.toml", "--night", FIRST], &[])
        .ended_with(0);
    plan.says(&[
        "night 2026-03-09",
        "scan_rdp.parquet",
        "register/companies.parquet",
        "would write below",
    ]);
    let check = sandbox
        .call(&["check", "jobs/nightly.toml"], &[])
        .ended_with(0);
    check.says(&["the job is in order"]);
    assert!(
        !sandbox.path("ledger").exists(),
        "plan and check touch nothing"
    );
}

/// One letter that cannot be made, not even plainly, is held and stops nobody else's.
#[test]
fn a_letter_that_cannot_be_typeset_stops_no_other() {
    let night = "2026-03-09";
    let calm = Sandbox::small();
    calm.run(night).ended_with(0);
    let references = |sandbox: &Sandbox| -> Vec<String> {
        let claims = sandbox.ledger("claim").into_iter();
        claims
            .map(|c| c["reference"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut others = references(&calm);
    let broken = others.remove(0);
    let sandbox = Sandbox::small();
    for source in ["letter", "plain"] {
        let path = sandbox.path(&format!("templates/letter/{source}.typ"));
        let mut text = std::fs::read_to_string(&path).unwrap();
        text += &format!("#if l.reference == \"{broken}\" {{ panic(\"no\") }}\n");
        std::fs::write(path, text).unwrap();
    }
    sandbox.run(night).ended_with(1);
    assert_eq!(references(&sandbox), others);
    let explained = sandbox.call(&["explain", "--night", night, "--letter", &broken], &[]);
    explained.says(&["held", "letter_impossible"]);
}

/// One letter that its own form cannot hold leaves in the plain form; the log names it, and all the
/// others are as they would be.
#[test]
fn a_letter_that_its_form_cannot_hold_leaves_plainly() {
    let night = "2026-03-09";
    let calm = Sandbox::small();
    calm.run(night).ended_with(0);
    let odd = calm.ledger("claim")[0]["reference"]
        .as_str()
        .unwrap()
        .to_owned();
    let sandbox = Sandbox::small();
    let path = sandbox.path("templates/letter/letter.typ");
    let text = std::fs::read_to_string(&path).unwrap();
    let broken = format!("{text}#if l.reference == \"{odd}\" {{ panic(\"no\") }}\n");
    std::fs::write(path, broken).unwrap();
    let said = sandbox.run(night).ended_with(0);
    said.says(&["plain form", &odd]);
    assert_eq!(said.err.matches("plain form").count(), 1);
    assert_eq!(sandbox.manifest(night)["letters"]["plain"], 1);
    assert_eq!(calm.manifest(night)["letters"]["plain"], 0);
    assert_eq!(sandbox.ledger("claim").len(), calm.ledger("claim").len());
    let (before, after) = (calm.outputs(night), sandbox.outputs(night));
    let pdfs = before
        .iter()
        .filter(|(name, _)| name.ends_with(".pdf") && name.starts_with("letters/"));
    for (name, bytes) in pdfs {
        let is_odd = name.contains(&odd);
        assert!(after[name].starts_with(b"%PDF"), "{name}");
        assert_eq!(after[name] != *bytes, is_odd, "{name}");
    }
}

/// A letter that is held for lack of a contact is written by another revision, as the run says.
#[test]
fn a_contact_that_is_found_later_gets_the_letter_that_was_held() {
    const CONTACTS: &str = "data-samples/register/contacts.parquet";
    let sandbox = Sandbox::new(&[6, 9]);
    let ran = sandbox.run(FIRST).ended_with(0);
    let again = "nachtwacht run JOB --night 2026-03-09 --revision 1";
    ran.says(&["letters held", again]);
    let decided = sandbox.outputs(FIRST)["decisions.parquet"].clone();
    let decided = nachtwacht::scan::table_of(decided.into(), "decisions").unwrap();
    let text = |batch: &RecordBatch, name: &str, row: usize| {
        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
        column.value(row).to_owned()
    };
    let rows = decided
        .iter()
        .flat_map(|b| (0..b.num_rows()).map(move |row| (b, row)));
    let mut held = rows.filter(|(b, row)| text(b, "reason", *row) == "no_contact");
    let company = held
        .next()
        .map(|(b, row)| text(b, "company_key", row))
        .unwrap();
    // Somebody finds a mailbox.
    let contacts = read(&sandbox, CONTACTS);
    let row = (0..contacts.num_rows()).find(|row| text(&contacts, "channel", *row) == "email");
    let found = contacts.slice(row.unwrap(), 1);
    let keys = contacts.column_by_name("company_key").unwrap().clone();
    let key: ArrayRef = Arc::new(StringArray::from(vec![company.as_str()]));
    let both = [
        with_column(&contacts, "company_key", Some(keys)),
        with_column(&found, "company_key", Some(key)),
    ];
    let all = concat_batches(&both[0].schema(), &both).unwrap();
    write(&sandbox, CONTACTS, &all);
    let claims = sandbox.ledger("claim").len();
    sandbox
        .run_anew(FIRST, &[])
        .ended_with(0)
        .says(&["1 new letters"]);
    assert_eq!(sandbox.ledger("claim").len(), claims + 1);
    // The newest list of the night confirms what its first plan sent, too.
    let run = sandbox.ledger("final").pop().unwrap()["run_id"].clone();
    let run = run.as_str().unwrap();
    let list = format!("runs/{FIRST}/{run}/verification/{FIRST}.json");
    for claim in sandbox.ledger("claim") {
        let reference = claim["reference"].as_str().unwrap();
        sandbox
            .call(&["verify", reference, "--list", &list], &[])
            .ended_with(0)
            .says(&["real, sent on 2026-03-09"]);
    }
    // What the first plan wrote about is in letters, though the second calls it told.
    let ran = sandbox.call(&["statistics", "--period", "2026-03"], &[]);
    let in_letters = |run: &Value| {
        let night = format!(
            "runs/{FIRST}/{}/manifest.json",
            run["run_id"].as_str().unwrap()
        );
        let manifest = fs::read(sandbox.path(&night)).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        number(&manifest["counts"]["in_letters"])
    };
    let counts: Vec<u64> = sandbox.ledger("final").iter().map(in_letters).collect();
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
    ran.ended_with(0)
        .says(&[&format!("{} are in letters", counts.iter().sum::<u64>())]);
    sandbox
        .call(&["explain", "--night", FIRST, "--company", &company], &[])
        .ended_with(0)
        .says(&["first_warning"]);
}

/// Where the caller names no night, a day that has nothing but half scans waits for the rest.
#[test]
fn the_newest_night_is_that_of_a_snapshot_that_came_whole() {
    let sandbox = Sandbox::new(&[6, 9, 10]);
    fs::create_dir_all(sandbox.path("data-samples/coverage")).unwrap();
    // The table of a day, of which the first `whole` rows came to their end.
    let told = |day: &str, whole: usize| {
        let path = format!("data-samples/coverage/{day}.parquet");
        fs::copy(harness::root().join(&path), sandbox.path(&path)).unwrap();
        let table = read(&sandbox, &path);
        let complete = (0..table.num_rows()).map(|row| Some(row < whole));
        let complete: ArrayRef = Arc::new(BooleanArray::from_iter(complete));
        write(
            &sandbox,
            &path,
            &with_column(&table, "complete", Some(complete)),
        );
    };
    let newest = || sandbox.call(&["plan", "jobs/nightly.toml"], &[]);
    let is_taken = |night: &str| {
        let ran = newest().ended_with(0);
        assert!(
            ran.out.starts_with(&format!("night {night}\n")),
            "{}",
            ran.out
        );
        ran
    };
    is_taken(SECOND);
    told(SECOND, 1);
    is_taken(SECOND);
    told(SECOND, 0);
    is_taken(FIRST).says(&[
        "every snapshot of 2026-03-10 is half a scan",
        "`--night 2026-03-10`",
    ]);
    for day in [FIRST, "2026-03-06"] {
        told(day, 0);
    }
    newest().ended_with(2).says(&[
        "every snapshot is half a scan",
        "or say `--night 2026-03-10`",
    ]);
    // What a run passes over is not missing.
    for day in [FIRST, "2026-03-06"] {
        told(day, 1);
    }
    sandbox.run(FIRST).ended_with(0);
    let missing = || {
        let status = sandbox.call(&["status", "--json"], &[]).out;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        status["missing_nights"].clone()
    };
    assert_eq!(missing(), serde_json::json!([]));
    told(SECOND, 1);
    assert_eq!(missing(), serde_json::json!([SECOND]));
    let named = ["plan", "jobs/nightly.toml", "--night", SECOND];
    sandbox
        .call(&named, &[])
        .ended_with(0)
        .says(&["night 2026-03-10"]);
}
