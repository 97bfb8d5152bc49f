//! A folder in which the real binary runs: copies of the job, the templates and some of the
//! samples, so that a test may break what it likes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness;

/// Every file below a folder by its path relative to it.
pub type Tree = BTreeMap<String, Vec<u8>>;

pub struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    /// A sandbox with the snapshots of these days of March 2026, and everything else but those.
    pub fn new(days: &[u8]) -> Self {
        let sandbox = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let mut folders: Vec<String> = ["jobs", "templates", "data-samples/register"]
            .map(String::from)
            .to_vec();
        folders.push("data-samples/reference".into());
        folders.push("data-samples/keys".into());
        folders.extend(
            days.iter()
                .map(|d| format!("data-samples/snapshots/2026-03-{d:02}")),
        );
        for folder in folders {
            copy(&harness::root().join(&folder), &sandbox.path(&folder));
        }
        sandbox
    }

    /// A short night, 2026-03-09: participants only. One day's snapshots do not hold every feed;
    /// the others are taken out of the job.
    pub fn small() -> Self {
        let sandbox = Self::new(&[9]);
        let everybody =
            r#"write_to = ["participant", "registered", "unregistered", "network_owner"]"#;
        let few = r#"write_to = ["participant"]"#;
        sandbox.edit("jobs/nightly.toml", everybody, few);
        for feed in ["partner", "own"] {
            let folder = format!("data-samples/snapshots/2026-03-09/{feed}");
            if !sandbox.path(&folder).exists() {
                let job = fs::read_to_string(sandbox.path("jobs/nightly.toml")).unwrap();
                let section = &job[job.find(&format!("[feeds.{feed}]")).unwrap()..];
                let last = "max_age_days = 7\n";
                let length = section.find(last).unwrap() + last.len();
                sandbox.edit("jobs/nightly.toml", &section[..length], "");
            }
        }
        sandbox
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Replaces one place of a text; the test fails where it is not there exactly once.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {path}");
        fs::write(self.path(path), text.replace(from, to)).unwrap();
    }

    pub fn run(&self, night: &str) -> Ran {
        self.call(&["run", "jobs/nightly.toml", "--night", night], &[])
    }

    /// Plans a night; nothing leaves.
    pub fn plan(&self, night: &str) -> Ran {
        let until = ["run", "jobs/nightly.toml", "--night", night, "--until"];
        self.call(&[&until[..], &["plan"]].concat(), &[])
    }

    /// Plans a night anew, as its first revision after the first plan.
    pub fn run_anew(&self, night: &str, more: &[&str]) -> Ran {
        let anew = [
            "run",
            "jobs/nightly.toml",
            "--night",
            night,
            "--revision",
            "1",
        ];
        self.call(&[&anew, more].concat(), &[])
    }

    /// Runs a night, and dies at a named point.
    pub fn crash(&self, night: &str, point: &str) -> Ran {
        self.call(
            &["run", "jobs/nightly.toml", "--night", night],
            &[("NACHTWACHT_CRASH_AT", point)],
        )
    }

    pub fn call(&self, args: &[&str], env: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nachtwacht"));
        command.args(args).current_dir(self.folder.path());
        // What the caller's shell says about stores and keys must not reach the test.
        for (name, _) in std::env::vars_os() {
            let shown = name.to_string_lossy();
            let is_ours = ["NACHTWACHT_", "AWS_", "GOOGLE_", "AZURE_"]
                .iter()
                .any(|p| shown.starts_with(p))
                || shown.to_ascii_lowercase().ends_with("_proxy");
            if is_ours {
                command.env_remove(&name);
            }
        }
        command.envs(env.iter().copied());
        Ran::of(command.output().unwrap())
    }

    /// The files of a night's only run, by their path within its folder.
    pub fn outputs(&self, night: &str) -> Tree {
        let runs: Vec<_> = fs::read_dir(self.path(&format!("runs/{night}")))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        assert_eq!(runs.len(), 1, "one run of night {night}: {runs:?}");
        tree(&runs[0])
    }

    pub fn manifest(&self, night: &str) -> Value {
        serde_json::from_slice(&self.outputs(night)["manifest.json"]).unwrap()
    }

    /// The numbered objects of the ledger; what it needs to prove its store is left out.
    pub fn ledger_objects(&self) -> Tree {
        let mut all = tree(&self.path("ledger"));
        all.retain(|name, _| name.ends_with(".jsonl"));
        all
    }

    /// The ledger's records of one kind, in order.
    pub fn ledger(&self, kind: &str) -> Vec<Value> {
        self.ledger_objects()
            .values()
            .flat_map(|bytes| std::str::from_utf8(bytes).unwrap().lines().skip(1))
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|record| record["kind"] == kind)
            .collect()
    }

    /// Nothing that anybody could take for a result: no run, no record.
    pub fn assert_untouched(&self) {
        let runs = tree(&self.path("runs"));
        assert!(runs.is_empty(), "left behind: {:?}", runs.keys());
        let ledger = self.ledger_objects();
        assert!(ledger.is_empty(), "left behind: {:?}", ledger.keys());
    }
}

/// How a call ended.
pub struct Ran {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            signal: output.status.signal(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn ended_with(self, code: i32) -> Self {
        let Self { out, err, .. } = &self;
        assert_eq!(self.code, Some(code), "stdout:\n{out}\nstderr:\n{err}");
        self
    }

    #[track_caller]
    pub fn says(&self, parts: &[&str]) {
        let Self { out, err, .. } = self;
        for part in parts {
            let is_said = out.contains(part) || err.contains(part);
            assert!(is_said, "`{part}` in\nstdout:\n{out}\nstderr:\n{err}");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for (name, bytes) in tree(from) {
        let file = to.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
}

/// Reads a folder; one that is not there is empty.
pub fn tree(folder: &Path) -> Tree {
    let mut found = Tree::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(here) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&here) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap();
            found.insert(
                name.to_string_lossy().into_owned(),
                fs::read(&path).unwrap(),
            );
        }
    }
    found
}
