//! `status`: the last good night, what is missing, what a person must look at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use nachtwacht::run::Moment;
use nachtwacht::run::load::Call;
use nachtwacht::run::status::{Form, ask};
use serde_json::Value;

use crate::harness::needs;
use crate::hold::{approve, limit, plan_of, signed, signers};
use crate::sandbox::Sandbox;
use crate::signing::Key;

const FIRST: &str = "2026-03-09";
const SECOND: &str = "2026-03-10";

/// The second day sees what the first one saw, a day later.
pub fn seen_again(sandbox: &Sandbox) {
    let rejects = "max_rejected_percent = 10 ";
    let repeated = format!("hold_repeated = false\n{rejects}");
    sandbox.edit("jobs/nightly.toml", rejects, &repeated);
    let from = sandbox.path("data-samples/snapshots/2026-03-09/shadowserver");
    let to = sandbox.path("data-samples/snapshots/2026-03-10/shadowserver");
    fs::remove_dir_all(&to).unwrap();
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// A sandbox with participants only, so that a night is short.
pub fn short(days: &[u8]) -> Sandbox {
    let sandbox = Sandbox::new(days);
    let everybody = r#"write_to = ["participant", "registered", "unregistered", "network_owner"]"#;
    sandbox.edit(
        "jobs/nightly.toml",
        everybody,
        r#"write_to = ["participant"]"#,
    );
    sandbox
}

fn json(sandbox: &Sandbox, code: i32) -> Value {
    let ran = sandbox.call(&["status", "--json"], &[]).ended_with(code);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn a_night_that_is_due_and_missing_ends_with_2_and_one_that_was_done_with_0() {
    let sandbox = short(&[6, 9, 10]);
    // A folder that the job names and that holds no day is said, and not just left out.
    let kev = sandbox.path("data-samples/reference/kev");
    fs::rename(&kev, sandbox.path("kev")).unwrap();
    sandbox
        .call(&["check"], &[])
        .ended_with(0)
        .says(&["the night goes without", "reference/kev"]);
    fs::rename(sandbox.path("kev"), &kev).unwrap();
    // Nothing ran yet: the newest snapshot's night is due.
    let found = json(&sandbox, 2);
    assert_eq!(found["missing_nights"], serde_json::json!([SECOND]));
    assert_eq!(found["last_good_night"], Value::Null);
    assert!(!sandbox.path("ledger").exists(), "status touches nothing");

    sandbox.run(FIRST).ended_with(0);
    let latest = || {
        let bytes = fs::read(sandbox.path("status/latest.json")).unwrap();
        let latest: Value = serde_json::from_slice(&bytes).unwrap();
        let statistics = latest["statistics"].as_str().unwrap();
        let csv = sandbox.path(statistics).join("statistics.csv");
        assert!(csv.exists(), "{csv:?}");
        latest["night"].as_str().unwrap().to_owned()
    };
    assert_eq!(latest(), FIRST);
    let found = json(&sandbox, 2);
    assert_eq!(found["last_good_night"]["night"], FIRST);
    assert_eq!(
        found["last_good_night"]["letters"].as_u64().unwrap(),
        u64::try_from(sandbox.ledger("claim").len()).unwrap()
    );
    assert_eq!(found["missing_nights"], serde_json::json!([SECOND]));

    sandbox.run(SECOND).ended_with(0);
    assert_eq!(latest(), SECOND);
    let found = json(&sandbox, 0);
    assert_eq!(found["last_good_night"]["night"], SECOND);
    assert_eq!(found["missing_nights"], serde_json::json!([]));
    let ran = sandbox.call(&["status"], &[]).ended_with(0);
    ran.says(&["last good night     2026-03-10", "missing nights      none"]);
    fs::write(sandbox.path("STOP"), b"").unwrap();
    let ran = sandbox.call(&["status"], &[]).ended_with(0);
    ran.says(&["No letter leaves while this stands", "/STOP"]);
}

/// What lies in a folder that looks like a day and is none would be left out for ever.
#[test]
fn a_snapshot_folder_of_an_impossible_date_is_named() {
    let sandbox = Sandbox::small();
    let good = sandbox.path("data-samples/snapshots/2026-03-09/shadowserver");
    let silent = sandbox.call(&["check"], &[]).ended_with(0);
    assert!(!silent.err.contains("calendar"), "{}", silent.err);
    for name in ["2026-02-30", "20260308"] {
        let folder = sandbox.path(&format!("data-samples/snapshots/{name}/shadowserver"));
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(&good).unwrap().take(2) {
            let from = entry.unwrap().path();
            fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
        }
    }
    let ran = sandbox.call(&["check"], &[]).ended_with(0);
    ran.says(&[
        "data-samples/snapshots/2026-02-30/: 2 objects lie in a folder whose name is no day of the \
         calendar; expected one such as `2026-03-01`",
        "data-samples/snapshots/20260308/: 2 objects",
        "night 2026-03-09 would read",
    ]);
    assert_eq!(ran.err.matches("calendar").count(), 2, "{}", ran.err);
}

/// An approval only records: until the night goes on, `status` says that it may.
#[test]
fn status_says_who_approved_a_held_night_and_for_how_long() {
    let sandbox = Sandbox::small();
    limit(&sandbox, 1);
    sandbox.edit(
        "jobs/nightly.toml",
        "two_keys_above = 500 ",
        "two_keys_above = 1 ",
    );
    let (one, two) = (Key::of(1), Key::of(2));
    signers(&sandbox, &[&one, &two]);
    let plan = plan_of(&sandbox.run(FIRST).ended_with(2));
    let status = || sandbox.call(&["status"], &[]).ended_with(2);
    status().says(&[
        "    waits: 0 of 2 keys approve the plan\n",
        &format!("    {plan}\n"),
    ]);
    let approval = |found: &Value| found["open_nights"][0]["approval"].clone();
    let found = approval(&json(&sandbox, 2));
    assert_eq!(
        (&found["plan_sha256"], &found["needed"]),
        (&Value::from(plan.clone()), &Value::from(2))
    );
    assert_eq!(found["by"], serde_json::json!([]));

    let file = signed(&sandbox, FIRST, &plan, &one);
    approve(&sandbox, FIRST, &plan, &["--signed", &file]).ended_with(0);
    let until = fs::read_to_string(sandbox.path(&file)).unwrap();
    let until = until
        .lines()
        .find_map(|l| l.strip_prefix("expires "))
        .unwrap()
        .to_owned();
    status().says(&[
        "    waits: 1 of 2 keys approve the plan\n",
        &format!("    approved by signer-0, until {until}\n"),
    ]);
    assert_eq!(json(&sandbox, 2)["open_nights"][0]["is_held"], true);

    let file = signed(&sandbox, FIRST, &plan, &two);
    approve(&sandbox, FIRST, &plan, &["--signed", &file]).ended_with(0);
    let ran = status();
    ran.says(&[
        "    approved: 2 of 2 keys; the next run hands it over\n",
        "    approved by signer-0, until ",
        "    approved by signer-1, until ",
    ]);
    assert!(!ran.out.contains("SIGNATURE"), "{}", ran.out);
    let found = json(&sandbox, 2);
    let by = approval(&found)["by"].clone();
    assert_eq!(
        (&by[1]["name"], &by[0]["until"]),
        (&"signer-1".into(), &until.into())
    );
    assert!(
        by[0]["key"].as_str().unwrap().starts_with("SHA256:"),
        "{by}"
    );
    // No person has to act on it any more; the night is due and missing all the same.
    assert_eq!(found["open_nights"][0]["is_held"], false);

    // A signature does not last.
    let call = Call {
        job: sandbox.path("jobs/nightly.toml"),
        ..Call::default()
    };
    let now: jiff::Timestamp = Moment::read().unwrap().now;
    let moment = Moment {
        now: now + jiff::SignedDuration::from_hours(100),
        run_id: "0".into(),
    };
    let (text, _) = ask(&call, Form::Text, &moment).unwrap();
    assert!(
        text.contains("    waits: 0 of 2 keys approve the plan\n"),
        "{text}"
    );
    assert_eq!(
        text.matches("does not hold: it has expired").count(),
        2,
        "{text}"
    );
    sandbox.run(FIRST).ended_with(0);
    assert_eq!(json(&sandbox, 0)["open_nights"], serde_json::json!([]));
}

#[test]
fn an_unknown_letter_ends_with_1_and_an_open_night_is_named() {
    let sandbox = Sandbox::small();
    sandbox.crash(FIRST, "claimed");
    // The night is due, and not done.
    let found = json(&sandbox, 2);
    assert_eq!(found["open_nights"][0]["night"], FIRST);
    let n_claims = sandbox.ledger("claim").len();
    assert_eq!(found["unknown_letters"].as_array().unwrap().len(), n_claims);
    sandbox.run(FIRST).ended_with(0);
    assert_eq!(json(&sandbox, 0)["open_nights"], serde_json::json!([]));
    // A claim of a later revision that nobody finished.
    sandbox.run_anew(FIRST, &["--until", "plan"]).ended_with(0);
    let found = json(&sandbox, 0);
    assert_eq!(found["open_nights"][0]["revision"], 1);
}

#[test]
fn with_a_clock_a_night_is_due_from_its_hour_on_and_skipped_ones_are_named() {
    let sandbox = short(&[6, 9, 10]);
    sandbox.edit(
        "jobs/nightly.toml",
        "night = \"newest\" ",
        "night = \"today\" ",
    );
    sandbox.run(FIRST).ended_with(0);
    let call = Call {
        job: sandbox.path("jobs/nightly.toml"),
        ..Call::default()
    };
    let at = |now: &str| -> (Value, u8) {
        let moment = Moment {
            now: now.parse().unwrap(),
            run_id: "0".into(),
        };
        let (text, code) = ask(&call, Form::Json, &moment).unwrap();
        (serde_json::from_str(&text).unwrap(), code)
    };
    // 07:00 in Amsterdam is 06:00 UTC in winter; the night of the 10th is due from then on.
    for (now, missing, code) in [
        ("2026-03-09T12:00:00Z", vec![], 0),
        ("2026-03-10T05:59:59Z", vec![], 0),
        ("2026-03-10T06:00:00Z", vec![SECOND], 2),
        ("2026-03-12T03:00:00Z", vec![SECOND, "2026-03-11"], 2),
        // Summer time: 07:00 is 05:00 UTC.
        (
            "2026-03-30T04:59:59Z",
            (10..=29).map(|d| leaked(&format!("2026-03-{d}"))).collect(),
            2,
        ),
        (
            "2026-03-30T05:00:00Z",
            (10..=30).map(|d| leaked(&format!("2026-03-{d}"))).collect(),
            2,
        ),
    ] {
        let (found, ended) = at(now);
        assert_eq!(found["missing_nights"], serde_json::json!(missing), "{now}");
        assert_eq!(
            (ended, found["exit_code"].as_u64()),
            (code, Some(u64::from(code))),
            "{now}"
        );
    }
    // Two nights later, with the snapshots of the 10th: the 10th and 11th were skipped.
    sandbox.edit(
        "jobs/nightly.toml",
        "max_age_days = 2\n",
        "max_age_days = 9\n",
    );
    sandbox.run("2026-03-12").ended_with(0);
    let (found, code) = at("2026-03-12T12:00:00Z");
    assert_eq!(code, 0);
    assert_eq!(
        found["skipped_nights"],
        serde_json::json!([SECOND, "2026-03-11"])
    );
}

fn leaked(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

#[test]
fn after_each_run_the_status_lies_below_the_base_and_a_summary_fits_a_mail() {
    let sandbox = short(&[6, 9, 10]);
    sandbox.run(FIRST).ended_with(0);
    let read = |name: &str| fs::read_to_string(sandbox.path(&format!("status/{name}"))).unwrap();
    let first: Value = serde_json::from_str(&read("status.json")).unwrap();
    assert_eq!(first["last_good_night"]["night"], FIRST);
    let mail = read("summary.txt");
    let head = mail.lines().next().unwrap();
    assert_eq!(
        head, "nightly 2026-03-09: a person must act",
        "the 10th is missing"
    );
    assert!(mail.lines().count() <= 60, "{mail}");
    assert!(mail.lines().all(|l| l.chars().count() <= 72), "{mail}");
    let n = sandbox.manifest(FIRST)["counts"]["read"].as_u64().unwrap();
    let said = mail.lines().find(|l| l.starts_with("rows read")).unwrap();
    let digits: String = said.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(digits, n.to_string());

    sandbox.run(SECOND).ended_with(0);
    let second: Value = serde_json::from_str(&read("status.json")).unwrap();
    assert_eq!(second["last_good_night"]["night"], SECOND, "replaced");
    assert!(read("summary.txt").starts_with("nightly 2026-03-10: nothing to do\n"));
    // A run that fails tells the status too.
    fs::remove_file(sandbox.path("status/status.json")).unwrap();
    let register = sandbox.path("data-samples/register/assets.parquet");
    fs::write(register, b"PAR1").unwrap();
    sandbox.run("2026-03-11").ended_with(2);
    let third: Value = serde_json::from_str(&read("status.json")).unwrap();
    assert_eq!(third["last_good_night"]["night"], SECOND);
}

#[test]
fn a_held_night_is_told_in_every_form_and_ends_with_2() {
    let sandbox = Sandbox::small();
    sandbox.edit(
        "jobs/nightly.toml",
        "max_letters = 1000 ",
        "max_letters = 1 ",
    );
    sandbox.run(FIRST).ended_with(2);
    let found = json(&sandbox, 2);
    assert_eq!(found["open_nights"][0]["is_held"], true);
    assert_eq!(found["unknown_letters"], serde_json::json!([]));
    let why = found["open_nights"][0]["why"].as_str().unwrap();
    assert!(why.contains("the job allows 1 a night"), "{why}");
    let metrics = sandbox
        .call(&["status", "--openmetrics"], &[])
        .ended_with(2);
    metrics.says(&[
        "nachtwacht_held_nights{job=\"nightly\"} 1\n",
        "nachtwacht_missing_nights{job=\"nightly\"} 1\n",
    ]);
    let mail = fs::read_to_string(sandbox.path("status/summary.txt")).unwrap();
    assert!(
        mail.starts_with("nightly 2026-03-09: a person must act\n"),
        "{mail}"
    );
    assert!(mail.contains("2026-03-09 revision 0: held, "), "{mail}");
    assert!(mail.lines().all(|l| l.chars().count() <= 72), "{mail}");
    // The difference to be approved: what a job without that limit would send.
    let job = fs::read_to_string(sandbox.path("jobs/nightly.toml")).unwrap();
    let wide = job.replace("max_letters = 1 ", "max_letters = 9 ");
    fs::write(sandbox.path("jobs/wide.toml"), wide).unwrap();
    let args = ["diff", FIRST, "--job", "jobs/wide.toml"];
    sandbox
        .call(&args, &[])
        .ended_with(0)
        .says(&["0 letters added, 0 gone, 0 changed"]);
}

/// The form by OpenMetrics 1.0: each family has its type first, then its samples, then the end.
#[test]
fn the_open_metrics_text_can_be_read_by_its_readers() {
    let sandbox = Sandbox::small();
    sandbox.run(FIRST).ended_with(0);
    let ran = sandbox
        .call(&["status", "--openmetrics"], &[])
        .ended_with(0);
    let text = ran.out;
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let mut families = BTreeSet::new();
    let mut current = "";
    for line in text.lines().filter(|l| *l != "# EOF") {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(kind, "gauge");
            assert!(families.insert(name), "{name} twice");
            current = name;
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').unwrap();
            assert!(
                name == current && name.ends_with(&format!("_{unit}")),
                "{line}"
            );
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.starts_with(&format!("{current} ")), "{line}");
        } else {
            let rest = line
                .strip_prefix(current)
                .unwrap_or_else(|| panic!("{line}"));
            let value = rest.strip_prefix("{job=\"nightly\"} ").unwrap();
            assert!(value.parse::<i64>().unwrap() >= 0, "{line}");
        }
    }
    for name in [
        "missing_nights",
        "unknown_letters",
        "last_good_night_timestamp_seconds",
    ] {
        assert!(
            families.contains(format!("nachtwacht_{name}").as_str()),
            "{name}"
        );
    }
    // 2026-03-09T00:00 in Amsterdam.
    assert!(
        text.contains("last_good_night_timestamp_seconds{job=\"nightly\"} 1773010800\n"),
        "{text}"
    );
    let reader = "import sys\n\
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as read\n\
        print(sum(1 for _ in read(sys.stdin.read())))";
    let has_reader = Command::new("python3")
        .args(["-c", "import prometheus_client.openmetrics.parser"])
        .output()
        .is_ok_and(|o| o.status.success());
    if !needs("prometheus_client (Python)", has_reader) {
        return;
    }
    let file = sandbox.path("status.om");
    fs::write(&file, &text).unwrap();
    let said = Command::new("python3")
        .args(["-c", reader])
        .stdin(fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    let said_text = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    let wrong = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said_text, families.len().to_string(), "{wrong}");
}

/// Ten years of nights, fifty letters each: the status is asked after each run.
#[test]
fn ten_years_of_nights_are_read_in_seconds() {
    use nachtwacht::model::aftermath::{PrintBatch, PrintReport, PrintState};
    use nachtwacht::model::ledger_record::{
        Final, LedgerView, Numbered, PinnedNight, Receipt, ReceiptState, Record,
    };
    use nachtwacht::model::night::Night;
    use nachtwacht::report::status::{Input, status};

    let mut records = Vec::new();
    let mut due = Vec::new();
    let first = jiff::civil::date(2026, 1, 1);
    let model = crate::ledger::claim(1, 1);
    for n in 0..3650i32 {
        let date = first.checked_add(jiff::ToSpan::days(n)).unwrap();
        let night = Night::new(date);
        due.push(night);
        records.push(Record::from(PinnedNight {
            night,
            revision: 0,
            run_id: format!("{n}"),
            ledger_seq: 0,
            job_sha256: String::new(),
            max_letters: None,
            snapshots: Vec::new(),
            inputs: Vec::new(),
            followed: Vec::new(),
        }));
        for letter in 0..50u8 {
            let mut claim = model.clone();
            claim.letter_id.0[..5].copy_from_slice(&[
                letter,
                n.to_be_bytes()[0],
                n.to_be_bytes()[1],
                n.to_be_bytes()[2],
                n.to_be_bytes()[3],
            ]);
            claim.night = night;
            let receipt = Receipt {
                letter_id: claim.letter_id,
                night,
                attempt: 1,
                state: ReceiptState::HandedOver,
                outbox: "files".into(),
            };
            records.push(Record::from(claim));
            records.push(Record::from(receipt));
        }
        let batch_id = format!("{date}-001");
        records.push(Record::from(PrintBatch {
            batch_id: batch_id.clone(),
            night,
            sha256: String::new(),
            sheets: 1,
            letters: vec![model.reference.clone()],
        }));
        if n != 3000 {
            records.push(Record::from(PrintReport {
                batch_id,
                letters: vec![(model.reference.clone(), PrintState::Posted)],
            }));
        }
        if n != 2000 {
            records.push(Record::from(Final {
                night,
                revision: 0,
                run_id: format!("{n}"),
            }));
        }
    }
    let view = LedgerView {
        last_seq: 1,
        records: records
            .into_iter()
            .map(|record| Numbered { seq: 1, record })
            .collect(),
    };
    let begun = std::time::Instant::now();
    let found = status(&Input {
        job: "nightly",
        now_secs: 0,
        stop: None,
        due: &due,
        ledger: &view,
        releases: &BTreeMap::new(),
    });
    let lasted = begun.elapsed();
    assert_eq!(found.skipped_nights, ["2031-06-24"]);
    assert_eq!(found.unreported_batches.len(), 1);
    assert_eq!(found.last_good_night.unwrap().letters, 50);
    assert_eq!(found.exit_code, 0);
    println!("status of {} records: {lasted:?}", view.records.len());
    assert!(lasted.as_secs() < 30, "{lasted:?}");
}
