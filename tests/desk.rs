//! What a person asks of the ledger, with the real binary: unknown letters, verification, the
//! restore drill of the README, replay, erasure, retention, the clock.

mod erasure;

use std::collections::BTreeSet;
use std::fs;

use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;
use jiff::Timestamp;
use nachtwacht::run::Moment;
use nachtwacht::run::load::Call;
use nachtwacht::run::night::{Ask, Until, run};
use nachtwacht::run::progress::Silent;
use serde_json::Value;

use crate::sandbox::{Ran, Sandbox, Tree};

const FIRST: &str = "2026-03-09";
const SECOND: &str = "2026-03-10";

type Harm = fn(&Sandbox);

fn ledger(sandbox: &Sandbox, args: &[&str]) -> Ran {
    sandbox.call(&[&["ledger"], args].concat(), &[])
}

#[test]
fn an_unknown_letter_is_listed_settled_and_sent_again_only_by_a_person() {
    let sandbox = Sandbox::small();
    sandbox.crash(FIRST, "claimed");
    let listed = ledger(&sandbox, &["unknown"]).ended_with(1);
    listed.says(&[
        "attempt 1",
        "is not finished: run it again first",
        "settle REF",
    ]);
    let references: Vec<String> = listed
        .out
        .lines()
        .filter(|l| l.starts_with("NW-"))
        .map(|l| l.split(' ').next().unwrap().to_owned())
        .collect();
    assert!(references.len() >= 3, "{}", listed.out);
    let (left, lost) = (&references[0], &references[1]);
    ledger(&sandbox, &["settle", left, "handed-over"]).ended_with(0);
    ledger(&sandbox, &["settle", lost, "not-sent"])
        .ended_with(0)
        .says(&["--night 2026-03-09", "attempt 2"]);
    // Once, and only what is unknown.
    for (reference, says) in [
        (left.as_str(), "its receipt says handed_over"),
        (lost, "its receipt says not_sent"),
        (
            "NW-260309-00000-00000-F",
            "no letter with this reference was claimed",
        ),
        ("NW-260309-00000-00000-0", "mistyped"),
    ] {
        let ran = ledger(&sandbox, &["settle", reference, "not-sent"]).ended_with(2);
        ran.says(&[says]);
    }
    sandbox.run(FIRST).ended_with(0);
    ledger(&sandbox, &["unknown"])
        .ended_with(0)
        .says(&["every claimed letter has a receipt"]);
    let of = |reference: &str| -> Vec<(u64, String)> {
        let claims = sandbox.ledger("claim");
        let claim = claims.iter().find(|c| c["reference"] == reference).unwrap();
        let receipts = sandbox.ledger("receipt").into_iter();
        receipts
            .filter(|r| r["letter_id"] == claim["letter_id"])
            .map(|r| {
                (
                    r["attempt"].as_u64().unwrap(),
                    format!("{} {}", r["state"], r["outbox"]),
                )
            })
            .collect()
    };
    assert_eq!(of(left), [(1, r#""handed_over" "person""#.into())]);
    let lost_receipts = of(lost);
    assert_eq!(lost_receipts[0], (1, r#""not_sent" "person""#.into()));
    assert_eq!(lost_receipts[1], (2, r#""handed_over" "files""#.into()));
    let outbox = sandbox.outputs(FIRST);
    assert!(
        !outbox.contains_key(&format!("outbox/{left}.json")),
        "a person said that it left"
    );
    assert!(outbox.contains_key(&format!("outbox/{lost}.2.json")));
    sandbox.run(FIRST).ended_with(0).says(&["0 new letters"]);
}

/// The README's drill, step by step: what is lost comes back, and nothing leaves twice.
#[test]
fn the_restore_drill_brings_the_ledger_back() {
    let sandbox = Sandbox::small();
    sandbox.run(FIRST).ended_with(0);
    let whole = sandbox.ledger_objects();
    let said = ledger(&sandbox, &["verify"]).ended_with(0);
    let head = said
        .out
        .lines()
        .find_map(|l| l.trim().strip_prefix("head"))
        .unwrap()
        .trim()
        .to_owned();
    let lose: [(&str, Harm); 4] = [
        ("all of it", |s| {
            fs::remove_dir_all(s.path("ledger")).unwrap()
        }),
        ("its end", |s| {
            fs::remove_file(s.path("ledger/000000000003.jsonl")).unwrap()
        }),
        ("the middle", |s| {
            fs::remove_file(s.path("ledger/000000000002.jsonl")).unwrap()
        }),
        ("a broken object, moved away", |s| {
            let broken = s.path("ledger/000000000001.jsonl");
            fs::rename(broken, s.path("broken")).unwrap();
        }),
    ];
    for (what, lose) in lose {
        lose(&sandbox);
        if what != "the middle" {
            sandbox
                .run(FIRST)
                .ended_with(2)
                .says(&["ledger", "hint: nothing was sent"]);
        }
        ledger(&sandbox, &["restore"])
            .ended_with(0)
            .says(&["restored ", "the ledger is whole"]);
        ledger(&sandbox, &["verify", "--expect", &head]).ended_with(0);
        assert_eq!(whole, sandbox.ledger_objects(), "{what}");
        sandbox.run(FIRST).ended_with(0).says(&["0 new letters"]);
        assert_eq!(whole, sandbox.ledger_objects(), "{what}");
    }
    ledger(&sandbox, &["restore"])
        .ended_with(0)
        .says(&["nothing was missing"]);
    ledger(&sandbox, &["verify", "--expect", "3:00"])
        .ended_with(2)
        .says(&["all 64 digits"]);
    let other = format!("3:{}", "0".repeat(64));
    ledger(&sandbox, &["verify", "--expect", &other])
        .ended_with(2)
        .says(&["laid back"]);
}

fn replay(sandbox: &Sandbox) -> Ran {
    sandbox.call(&["replay", FIRST], &[])
}

#[test]
fn a_replay_proves_the_same_hashes_or_names_what_changed() {
    let sandbox = Sandbox::small();
    replay(&sandbox).ended_with(2).says(&["was never planned"]);
    sandbox.run(FIRST).ended_with(0);
    replay(&sandbox)
        .ended_with(0)
        .says(&["night 2026-03-09 of job nightly: same\n"]);
    let changed: [(&str, &[&str]); 3] = [
        (
            "data-samples/register/contacts.parquet",
            &["data-samples/register/contacts.parquet", "has changed"],
        ),
        (
            "jobs/nightly.toml",
            &["another job, threat catalogue or templates"],
        ),
        (
            "decisions.parquet",
            &["decisions.parquet", "changed after the night"],
        ),
    ];
    for (file, says) in changed {
        let path = if file == "decisions.parquet" {
            let run = fs::read_dir(sandbox.path(&format!("runs/{FIRST}"))).unwrap();
            run.last().unwrap().unwrap().path().join(file)
        } else {
            sandbox.path(file)
        };
        let before = fs::read(&path).unwrap();
        let other = if file.ends_with("contacts.parquet") {
            fs::read(sandbox.path("data-samples/register/companies.parquet")).unwrap()
        } else {
            [&before[..], b"\n"].concat()
        };
        fs::write(&path, other).unwrap();
        let ran = replay(&sandbox);
        assert_eq!(ran.code, Some(2), "{file}: {}{}", ran.out, ran.err);
        if !file.ends_with("contacts.parquet") {
            ran.says(says);
        }
        fs::write(&path, before).unwrap();
    }
    replay(&sandbox).ended_with(0);
}

fn holding(tree: &Tree, text: &str) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|w| w == text.as_bytes());
    tree.iter()
        .filter(|(_, b)| holds(b))
        .map(|(n, _)| n.clone())
        .collect()
}

#[test]
fn erasing_a_company_takes_it_away_and_keeps_the_counts() {
    let sandbox = Sandbox::small();
    sandbox.run(FIRST).ended_with(0);
    let claim = sandbox.ledger("claim").remove(0);
    let entry = format!(
        "ledger/parties/{}.json",
        claim["party_ref"].as_str().unwrap()
    );
    let party: Value = serde_json::from_slice(&fs::read(sandbox.path(&entry)).unwrap()).unwrap();
    let company = party["company_key"].as_str().unwrap();
    let reference = claim["reference"].as_str().unwrap();
    let before = sandbox.ledger_objects();
    sandbox
        .call(&["erase", company], &[])
        .ended_with(0)
        .says(&["objects were erased"]);
    assert!(!sandbox.path(&entry).exists());
    let outputs = sandbox.outputs(FIRST);
    for name in ["txt", "html", "pdf"].map(|e| format!("letters/{reference}.{e}")) {
        assert!(!outputs.contains_key(&name), "{name}");
    }
    assert!(
        !outputs.contains_key("decisions.parquet"),
        "it held rows of the company"
    );
    assert!(
        outputs.contains_key("manifest.json") && outputs.contains_key("statistics/statistics.csv")
    );
    let number = company.split(':').next_back().unwrap();
    // The offsets in a PDF are digits too.
    let mut texts = outputs.clone();
    texts.retain(|name, _| !name.ends_with(".pdf"));
    assert_eq!(holding(&texts, number), Vec::<String>::new());
    // The ledger is added to, and names nobody.
    let after = sandbox.ledger_objects();
    assert!(before.iter().all(|(name, bytes)| after[name] == *bytes));
    assert_eq!(holding(&after, number), Vec::<String>::new());
    assert_eq!(sandbox.ledger("erased").len(), 1);
    ledger(&sandbox, &["verify"]).ended_with(0);
    replay(&sandbox).ended_with(0).says(&["same, except "]);
    // Run again, the night brings nothing back and sends nothing.
    sandbox.run(FIRST).ended_with(0).says(&["0 new letters"]);
    let again = sandbox.outputs(FIRST);
    assert_eq!(
        outputs.keys().collect::<Vec<_>>(),
        again.keys().collect::<Vec<_>>()
    );
    sandbox
        .call(&["erase", company], &[])
        .ended_with(0)
        .says(&["nothing under"]);
    assert_eq!(sandbox.ledger("erased").len(), 1);
}

/// A letter about a daughter that went to its parent's contact holds the parent's address.
#[test]
fn erasing_a_parent_takes_letters_that_went_to_it_about_its_daughters() {
    let sandbox = Sandbox::small();
    let participants = r#"write_to = ["participant"]"#;
    let registered = r#"write_to = ["registered"]"#;
    sandbox.edit("jobs/nightly.toml", participants, registered);
    sandbox.run(FIRST).ended_with(0);
    let mut outputs = sandbox.outputs(FIRST);
    let table = outputs.remove("decisions.parquet").unwrap();
    let batches = nachtwacht::scan::table_of(table.into(), "decisions").unwrap();
    let texts = |name: &str| -> Vec<String> {
        let of = |b: &RecordBatch| {
            let column = b.column_by_name(name).unwrap().as_string::<i32>().clone();
            column
                .iter()
                .map(|v| v.unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        };
        batches.iter().flat_map(of).collect()
    };
    let (trails, references) = (texts("contact_trail"), texts("reference"));
    let row = trails
        .iter()
        .position(|t| t.contains("parent: used, of kvk:"))
        .unwrap();
    let parent = trails[row].rsplit(' ').next().unwrap();
    let letter = format!("letters/{}.pdf", references[row]);
    assert!(outputs.contains_key(&letter));
    // The print files of others are spared until they are posted.
    sandbox
        .call(&["erase", parent], &[])
        .ended_with(2)
        .says(&["are not reported as posted", "--also-unprinted"]);
    assert!(sandbox.outputs(FIRST).contains_key(&letter));
    sandbox
        .call(&["erase", parent, "--also-unprinted"], &[])
        .ended_with(0);
    sandbox
        .call(&["explain", "--night", FIRST, "--company", parent], &[])
        .ended_with(2)
        .says(&["not there any more", "when a company is erased"]);
    let left = sandbox.outputs(FIRST);
    assert!(!left.contains_key(&letter) && !left.contains_key("decisions.parquet"));
    assert!(
        left.keys().any(|name| name.ends_with(".pdf")),
        "others stay"
    );
}

/// While a night waits its tables stand in `held/`: `explain` reads them, erasure reaches them.
#[test]
fn a_held_night_is_explained_and_erased_like_any_other() {
    let sandbox = Sandbox::small();
    let job = "jobs/nightly.toml";
    sandbox.edit(job, "max_letters = 1000 ", "max_letters = 1 ");
    sandbox.run(FIRST).ended_with(2).says(&["HELD:"]);
    let plan_sha256 = sandbox.ledger("hold")[0]["plan_sha256"].to_string();
    let plan_sha256 = plan_sha256.trim_matches('"').to_owned();
    let plan: Value = serde_json::from_slice(&sandbox.outputs(FIRST)["letters.plan.json"]).unwrap();
    let reference = plan["letters"][0]["reference"].as_str().unwrap();
    let ask = |args: &[&str]| {
        let args = [&["explain", "--night", FIRST], args].concat();
        sandbox.call(&args, &[]).ended_with(0)
    };
    let json = ask(&["--letter", reference, "--json"]).out;
    let row: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(
        (row["outcome"].as_str(), row["reason"].as_str()),
        (Some("held"), Some("brake"))
    );
    let company = row["company_key"].as_str().unwrap();
    ask(&["--company", company]).says(&[company, reference, "held"]);

    let number = company.split(':').next_back().unwrap();
    let texts = || {
        let mut texts = sandbox.outputs(FIRST);
        texts.retain(|name, _| !name.ends_with(".pdf"));
        texts
    };
    assert!(
        holding(&texts(), number).is_empty(),
        "tables are compressed"
    );
    let erase = || sandbox.call(&["erase", company], &[]).ended_with(0);
    erase().says(&["objects were erased"]);
    let left = texts();
    assert!(!left.contains_key("held/decisions.parquet"));
    assert!(!left.keys().any(|name| name.contains(reference)));
    assert!(left.contains_key("held/manifest.json"));
    assert!(left.contains_key("held/statistics/statistics.csv"));
    // The held plan would have sent it all the same, so it is given up.
    let approve = ["approve", FIRST, "--plan", &plan_sha256];
    let refused = sandbox.call(&approve, &[]).ended_with(2);
    refused.says(&["was given up"]);
    sandbox.run(FIRST).ended_with(2).says(&["--revision 1"]);
    assert!(left.keys().eq(texts().keys()));
    erase().says(&["nothing under"]);
}

/// A threat in shadow writes to nobody, and the night's statistics say whom it would have told.
#[test]
fn a_threat_in_shadow_shows_what_it_would_have_done() {
    let (shadow, active) = (Sandbox::small(), Sandbox::small());
    let threat = "jobs/threats/exposed-rdp.toml";
    shadow.edit(threat, "state = \"active\"", "state = \"shadow\"");
    shadow
        .run(FIRST)
        .ended_with(0)
        .says(&["in shadow, not sent: `exposed-rdp`"]);
    active.run(FIRST).ended_with(0);
    let about = |sandbox: &Sandbox| -> BTreeSet<String> {
        let claims = sandbox.ledger("claim");
        let is_about = |c: &&Value| c["items"].to_string().contains("\"exposed-rdp\"");
        let told = claims.iter().filter(is_about);
        told.map(|c| c["party_ref"].to_string()).collect()
    };
    assert!(about(&shadow).is_empty() && !about(&active).is_empty());
    let outputs = shadow.outputs(FIRST);
    let csv = String::from_utf8(outputs["statistics/shadow.csv"].clone()).unwrap();
    let line = csv.lines().nth(1).unwrap();
    let fields: Vec<&str> = line.split(';').collect();
    assert_eq!(fields[2], "exposed-rdp");
    assert_eq!(fields[9], about(&active).len().to_string(), "{csv}");
    assert!(outputs.contains_key("shadow/decisions.parquet"));
    replay(&shadow).ended_with(0).says(&["same"]);
    assert!(!active.outputs(FIRST).contains_key("statistics/shadow.csv"));
}

/// What a held night wrote ends with the retention too: its counts stay, its letters and tables go.
#[test]
fn a_held_night_ends_with_the_retention() {
    let sandbox = Sandbox::new(&[6, 9, 10, 12]);
    let job = "jobs/nightly.toml";
    let everybody = r#"write_to = ["participant", "registered", "unregistered", "network_owner"]"#;
    sandbox.edit(job, everybody, r#"write_to = ["participant"]"#);
    sandbox.edit(job, "retention_days = 1095 ", "retention_days = 1 ");
    sandbox.edit(job, "max_letters = 1000 ", "max_letters = 1 ");
    sandbox.run(FIRST).ended_with(2).says(&["HELD:"]);
    let before = sandbox.outputs(FIRST);
    assert!(
        before
            .keys()
            .any(|n| n.starts_with("held/") && n.ends_with(".pdf"))
    );
    sandbox.edit(job, "max_letters = 1 ", "max_letters = 1000 ");
    for night in [SECOND, "2026-03-12"] {
        sandbox.run(night).ended_with(0);
    }
    let after = sandbox.outputs(FIRST);
    assert!(after.contains_key("held/manifest.json"));
    assert!(after.contains_key("held/statistics/statistics.csv"));
    let stays = [
        "held/manifest.json",
        "held/statistics/",
        "letters.plan.json",
    ];
    let goes = after
        .keys()
        .find(|n| !stays.iter().any(|s| n.starts_with(s)));
    assert_eq!(goes, None);
}

#[test]
fn what_is_older_than_the_retention_goes_with_the_next_night() {
    let sandbox = Sandbox::new(&[6, 9, 10, 12]);
    let everybody = r#"write_to = ["participant", "registered", "unregistered", "network_owner"]"#;
    sandbox.edit(
        "jobs/nightly.toml",
        everybody,
        r#"write_to = ["participant"]"#,
    );
    sandbox.edit(
        "jobs/nightly.toml",
        "retention_days = 1095 ",
        "retention_days = 0 ",
    );
    sandbox
        .run(FIRST)
        .ended_with(2)
        .says(&["retention_days", "expected 1 to 36525 days"]);
    sandbox.edit(
        "jobs/nightly.toml",
        "retention_days = 0 ",
        "#retention_days = 0 ",
    );
    sandbox.run(FIRST).ended_with(2).says(&["retention_days"]);
    sandbox.edit(
        "jobs/nightly.toml",
        "#retention_days = 0 ",
        "retention_days = 1 ",
    );
    sandbox.run(FIRST).ended_with(0);
    let before = sandbox.outputs(FIRST);
    sandbox.run(SECOND).ended_with(0);
    assert_eq!(
        before,
        sandbox.outputs(FIRST),
        "one day old is not older than one day"
    );
    // A night, three days later by its snapshots.
    sandbox.run("2026-03-12").ended_with(0);
    let after = sandbox.outputs(FIRST);
    let stays: Vec<&str> = after.keys().map(|n| n.split('/').next().unwrap()).collect();
    for name in &stays {
        let may = [
            "manifest.json",
            "manifest.planned.json",
            "letters.plan.json",
            "statistics",
            "outbox",
            "verification",
        ];
        assert!(may.contains(name), "{name} is still there");
    }
    assert!(stays.contains(&"statistics") && stays.contains(&"manifest.json"));
    ledger(&sandbox, &["verify"]).ended_with(0);
    let n = sandbox.ledger("erased").len();
    sandbox
        .run("2026-03-12")
        .ended_with(0)
        .says(&["0 new letters"]);
    assert_eq!(sandbox.ledger("erased").len(), n, "said once");
}

/// The night is an argument, so the machine's clock changes no byte: a day off, 1970, 2038,
/// summer time, and back in mid-run (a run that is resumed with an earlier clock).
#[test]
fn the_clock_changes_nothing() {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let mut expected: Option<Tree> = None;
    for (n, clock) in [
        "2026-03-09T01:30:00Z",
        "2026-03-08T01:30:00Z",
        "2026-03-10T01:30:00Z",
        "1970-01-01T00:00:00Z",
        "2038-01-19T03:14:08Z",
        "2026-03-29T01:30:00Z",
    ]
    .iter()
    .enumerate()
    {
        let sandbox = Sandbox::small();
        // The brake on a wrong clock is not what is tested here.
        let rejects = "max_rejected_percent = 10 ";
        let off = format!("max_clock_minutes = 100000000\n{rejects}");
        sandbox.edit("jobs/nightly.toml", rejects, &off);
        let call = Call {
            job: sandbox.path("jobs/nightly.toml"),
            ..Call::default()
        };
        let go = |now: Timestamp, run_id: &str, until: Until| {
            let ask = Ask {
                night: Some(FIRST.parse().unwrap()),
                revision: None,
                until,
                max_letters: None,
            };
            let moment = Moment {
                now,
                run_id: run_id.into(),
            };
            run(&call, &ask, &moment, &Silent).unwrap_or_else(|f| panic!("{clock}: {f}"))
        };
        go(at(clock), &format!("{n:016x}"), Until::Plan);
        // Back in mid-run: the second half happens years before the first.
        let outcome = go(
            at("2001-01-01T00:00:00Z"),
            &format!("b{n:015x}"),
            Until::End,
        );
        assert_eq!(outcome.exit_code, 0);
        let mut outputs = sandbox.outputs(FIRST);
        outputs.retain(|name, _| !name.starts_with("manifest"));
        let expected = expected.get_or_insert_with(|| outputs.clone());
        assert_eq!(
            expected.keys().collect::<Vec<_>>(),
            outputs.keys().collect::<Vec<_>>()
        );
        let differing: Vec<_> = outputs
            .iter()
            .filter(|(k, v)| expected[*k] != **v)
            .map(|x| x.0)
            .collect();
        assert!(differing.is_empty(), "{clock}: {differing:?}");
    }
}
