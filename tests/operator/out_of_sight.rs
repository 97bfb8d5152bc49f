//! What would drop out of sight: letters that wait for a contact, snapshots delivered once more,
//! objects that nobody reads.

use std::fs;

use serde_json::{Value, json};

use super::status::short;
use crate::sandbox::Sandbox;

const FIRST: &str = "2026-03-09";
const SECOND: &str = "2026-03-10";

#[test]
fn letters_that_wait_for_a_contact_stay_in_the_status_until_they_are_written() {
    let sandbox = short(&[6, 9, 10]);
    let job = "jobs/nightly.toml";
    let all = r#"contacts = ["registered", "parent", "security_txt", "rdap", "rfc2142", "postal_address", "network_owner"]"#;
    sandbox.edit(job, all, r#"contacts = ["rdap"]"#);
    let waiting = || -> Value {
        let ran = sandbox.call(&["status", "--json"], &[]);
        let found: Value = serde_json::from_str(&ran.out).unwrap();
        found["waiting_for_contact"].clone()
    };
    sandbox.run(FIRST).ended_with(0);
    let n = sandbox.manifest(FIRST)["letters"]["held"].as_u64().unwrap();
    assert!(n > 1);
    assert_eq!(
        waiting(),
        json!([{ "night": FIRST, "revision": 0, "letters": n }])
    );
    sandbox.edit(job, r#"contacts = ["rdap"]"#, all);
    sandbox.run(SECOND).ended_with(0);
    let of_second = sandbox.manifest(SECOND)["letters"]["held"].as_u64();
    assert_eq!(of_second, Some(0));
    let line = format!("--night {FIRST} --revision 1: {n} letters");
    let next = "`nachtwacht run JOB --night D --revision N` writes them then";
    sandbox.call(&["status"], &[]).says(&[&line, next]);
    let metrics = sandbox.call(&["status", "--openmetrics"], &[]);
    metrics.says(&["nachtwacht_waiting_nights{job=\"nightly\"} 1\n"]);
    sandbox.run_anew(FIRST, &[]).ended_with(0);
    assert_eq!(waiting(), json!([]));
    let status = sandbox.call(&["status"], &[]);
    assert!(!status.out.contains("contact"), "{}", status.out);
}

#[test]
fn a_snapshot_that_is_delivered_once_more_is_named() {
    let sandbox = short(&[6, 9, 10]);
    let report = |day: &str| {
        sandbox.path(&format!(
            "data-samples/snapshots/{day}/shadowserver/scan_rdp.parquet"
        ))
    };
    sandbox.run(FIRST).ended_with(0);
    let plan = || {
        let args = ["plan", "jobs/nightly.toml", "--night", SECOND];
        sandbox.call(&args, &[]).ended_with(0)
    };
    let calm = plan();
    assert!(!calm.err.contains("once more"), "{}", calm.err);
    fs::copy(report(SECOND), report(FIRST)).unwrap();
    plan().says(&[
        "data-samples/snapshots/2026-03-09/shadowserver/scan_rdp.parquet: another size",
        "lay it under a later date or as another report",
    ]);
    // The way that the warning shows.
    let again = "data-samples/snapshots/2026-03-10/shadowserver/scan_rdp_again.parquet";
    fs::copy(report(FIRST), sandbox.path(again)).unwrap();
    let before = crate::harness::root();
    let before = before.join("data-samples/snapshots/2026-03-09/shadowserver/scan_rdp.parquet");
    fs::copy(before, report(FIRST)).unwrap();
    let mended = plan();
    assert!(!mended.err.contains("once more"), "{}", mended.err);
    mended.says(&["scan_rdp_again.parquet"]);
}

#[test]
fn an_object_in_a_days_folder_that_is_no_snapshot_is_named() {
    let sandbox = Sandbox::small();
    let folder = sandbox.path("data-samples/snapshots");
    fs::write(folder.join("README"), b"beside the days").unwrap();
    let calm = sandbox.call(&["check"], &[]).ended_with(0);
    assert!(!calm.err.contains("no snapshot"), "{}", calm.err);
    let day = folder.join("2026-03-09/shadowserver");
    fs::rename(day.join("scan_rdp.parquet"), day.join("scan_rdp.PARQUET")).unwrap();
    fs::write(day.join("_SUCCESS"), b"").unwrap();
    let ran = sandbox.call(&["check"], &[]).ended_with(0);
    ran.says(&[
        "data-samples/snapshots/2026-03-09/shadowserver/scan_rdp.PARQUET: no snapshot",
        "in the folders of days: 2",
        "expected `<date>/<feed>/<report>.parquet`",
    ]);
}
