//! A real process, killed by SIGKILL at every durable step and at random moments, then the same
//! command again: nothing is lost, doubled or torn, and the end is that of an undisturbed run.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nachtwacht::ledger::crash::POINTS;
use serde_json::Value;

use crate::operator::overviews::family;
use crate::sandbox::{Sandbox, Tree};

const NIGHT: &str = "2026-03-09";
const RUN: [&str; 4] = ["run", "jobs/nightly.toml", "--night", NIGHT];

/// What must be the same byte for byte: every output, manifests by their content's hash, and
/// every record of the ledger but for the run's random name.
fn end_state(sandbox: &Sandbox) -> (Tree, BTreeMap<String, u64>) {
    let mut outputs = sandbox.outputs(NIGHT);
    for name in ["manifest.json", "manifest.planned.json"] {
        let manifest: Value = serde_json::from_slice(&outputs[name]).unwrap();
        let sha256 = manifest["content_sha256"].to_string().into_bytes();
        outputs.insert(name.into(), sha256);
    }
    let mut records: BTreeMap<String, u64> = BTreeMap::new();
    for kind in ["night", "claim", "receipt", "final", "figures", "erased"] {
        for mut record in sandbox.ledger(kind) {
            if let Some(run_id) = record.get_mut("run_id") {
                *run_id = Value::Null;
            }
            *records.entry(record.to_string()).or_default() += 1;
        }
    }
    (outputs, records)
}

#[track_caller]
fn assert_same_end(expected: &(Tree, BTreeMap<String, u64>), killed: &Sandbox, what: &str) {
    let found = end_state(killed);
    assert_eq!(expected.1, found.1, "{what}: the ledger");
    let names = |t: &Tree| t.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&expected.0), names(&found.0), "{what}: the files");
    for (name, bytes) in &expected.0 {
        assert!(*bytes == found.0[name], "{what}: other bytes in {name}");
    }
}

/// Points that every run passes; the others belong to an erasure.
fn kill_at(points: &[&str], times: u64) {
    let calm = family();
    calm.run(NIGHT).ended_with(0);
    let expected = end_state(&calm);
    assert!(expected.1.len() > 8, "a night with letters");
    let is_overview = |record: &&String| record.contains("overview_of");
    assert_eq!(expected.1.keys().filter(is_overview).count(), 2);
    for point in points {
        for nth in 1..=times {
            let killed = family();
            // The nth time that the point is passed; where it is passed less often, once more.
            let ran = killed.crash(NIGHT, &format!("{point}:{nth}"));
            let died = ran.signal == Some(9);
            assert!(
                died || (ran.code == Some(0) && nth > 1),
                "`{point}:{nth}` is not passed: {:?} {}",
                ran.code,
                ran.err
            );
            if !died {
                let again = killed.crash(NIGHT, point);
                assert!(
                    again.signal == Some(9) || again.code == Some(0),
                    "{}",
                    again.err
                );
            }
            killed.run(NIGHT).ended_with(0);
            assert_same_end(&expected, &killed, &format!("{point}:{nth}"));
        }
    }
}

fn half(n: usize) -> Vec<&'static str> {
    POINTS.iter().copied().skip(n).step_by(2).collect()
}

#[test]
fn killed_three_times_at_every_even_point_it_ends_the_same() {
    kill_at(&half(0), 3);
}

#[test]
fn killed_three_times_at_every_odd_point_it_ends_the_same() {
    kill_at(&half(1), 3);
}

#[test]
#[ignore = "an hour: every point 25 times"]
fn killed_twenty_five_times_at_every_point_it_ends_the_same() {
    kill_at(POINTS, 25);
}

fn start(sandbox: &Sandbox) -> Child {
    Command::new(env!("CARGO_BIN_EXE_nachtwacht"))
        .args(RUN)
        .current_dir(sandbox.path(""))
        .env_remove("NACHTWACHT_PARTY_KEY")
        .env_remove("NACHTWACHT_VERIFICATION_KEY")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn kill_at_random(moments: u64) {
    let calm = Sandbox::small();
    let begun = Instant::now();
    calm.run(NIGHT).ended_with(0);
    let lasts = begun.elapsed();
    let expected = end_state(&calm);
    for n in 0..moments {
        let killed = Sandbox::small();
        let mut child = start(&killed);
        // Spread evenly over the whole run (golden ratio), so that no seed is needed.
        let share = (n as f64 * 0.618_033_988_749_895).fract();
        std::thread::sleep(lasts.mul_f64(share));
        child.kill().unwrap();
        child.wait().unwrap();
        killed.run(NIGHT).ended_with(0);
        assert_same_end(&expected, &killed, &format!("moment {n}, {share}"));
    }
}

#[test]
fn killed_at_four_random_moments_it_ends_the_same() {
    kill_at_random(4);
}

#[test]
#[ignore = "an hour: 500 random moments"]
fn killed_at_500_random_moments_it_ends_the_same() {
    kill_at_random(500);
}

/// Eight at once: one winner; the others name it and end with 3, or come after it and find
/// nothing to do.
#[test]
fn of_two_and_of_eight_runs_at_once_one_sends() {
    for n in [2, 8] {
        let sandbox = Sandbox::small();
        let children: Vec<Child> = (0..n).map(|_| start(&sandbox)).collect();
        let mut n_done = 0;
        for child in children {
            let ended = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            match ended.status.code() {
                Some(0) => n_done += 1,
                Some(3) => assert!(
                    said.contains("another run has the ledger: run ") && said.contains("hint:"),
                    "{said}"
                ),
                other => panic!("{other:?}: {said}"),
            }
        }
        assert!(n_done >= 1);
        let calm = Sandbox::small();
        calm.run(NIGHT).ended_with(0);
        assert_same_end(&end_state(&calm), &sandbox, &format!("{n} at once"));
    }
}

/// A run that is taken for dead and lives: stopped at some moment, replaced after its silence,
/// and then woken up.
#[test]
fn a_takeover_while_the_old_run_lives_doubles_nothing() {
    let calm = Sandbox::small();
    calm.run(NIGHT).ended_with(0);
    let expected = end_state(&calm);
    for after in [300, 700, 1100, 1500, 1900] {
        let sandbox = Sandbox::small();
        sandbox.edit(
            "jobs/nightly.toml",
            "takeover_secs = 600 ",
            "takeover_secs = 1 ",
        );
        let old = start(&sandbox);
        let signal = |name: &str, child: &Child| {
            let pid = child.id().to_string();
            Command::new("kill").args([name, &pid]).status().unwrap();
        };
        std::thread::sleep(Duration::from_millis(after));
        signal("-STOP", &old);
        // Seen from this machine the old run lives, so only its silence counts.
        std::thread::sleep(Duration::from_millis(2300));
        let new = sandbox.run(NIGHT);
        signal("-CONT", &old);
        let ended = old.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(matches!(new.code, Some(0)), "{:?} {}", new.code, new.err);
        assert!(
            matches!(ended.status.code(), Some(0 | 3)),
            "{:?}, stopped after {after} ms: {said}",
            ended.status
        );
        sandbox.run(NIGHT).ended_with(0);
        let found = end_state(&sandbox);
        let of = |kind: &str, s: &BTreeMap<String, u64>| -> BTreeMap<String, u64> {
            let has = format!("\"kind\":\"{kind}\"");
            s.iter()
                .filter(|(k, _)| k.contains(&has))
                .map(|(k, n)| (k.clone(), *n))
                .collect()
        };
        for kind in ["claim", "receipt"] {
            assert_eq!(
                of(kind, &expected.1),
                of(kind, &found.1),
                "{kind}, stopped after {after} ms"
            );
        }
    }
}
