//! Who holds the ledger: enough to name a run to a person, and to know on the same machine
//! that it is dead. Other machines wait for its silence.

use std::fs;

use serde::{Deserialize, Serialize};

/// A process that holds, or wants, the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The run's random name; no two are alike, so it also tells an own write from another's.
    pub run_id: String,
    /// Name of the machine; for people.
    pub host: String,
    /// Process number within `pid_namespace`.
    pub pid: u32,
    /// The process's start, in the kernel's ticks: a process number can be used again.
    pub process_started: String,
    /// Changes with every start of the machine; empty where the system does not tell.
    pub boot_id: String,
    /// Processes of two containers may have the same number.
    pub pid_namespace: String,
}

impl Holder {
    /// This process.
    #[must_use]
    pub fn this_process(run_id: &str) -> Self {
        let pid = std::process::id();
        Self {
            run_id: run_id.to_owned(),
            host: line_of("/proc/sys/kernel/hostname"),
            pid,
            process_started: living_since(pid).unwrap_or_default(),
            boot_id: line_of("/proc/sys/kernel/random/boot_id"),
            pid_namespace: fs::read_link("/proc/self/ns/pid")
                .map(|link| link.display().to_string())
                .unwrap_or_default(),
        }
    }

    /// Is `other` certainly dead? `false` also means that nobody can tell from here.
    pub(super) fn sees_dead(&self, other: &Self) -> bool {
        let sees = !self.boot_id.is_empty()
            && !self.pid_namespace.is_empty()
            && self.boot_id == other.boot_id
            && self.pid_namespace == other.pid_namespace;
        sees && living_since(other.pid).is_none_or(|since| since != other.process_started)
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "run {}", self.run_id)?;
        if !self.host.is_empty() {
            write!(f, " on {} (process {})", self.host, self.pid)?;
        }
        Ok(())
    }
}

fn line_of(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| String::new(), |text| text.trim().to_owned())
}

/// Start of a living process, in ticks since the machine's start; a zombie is dead.
fn living_since(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything; fields are counted after it (proc(5): 3 is the
    // state, 22 the start).
    let after = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let is_dead = matches!(fields.first(), Some(&("Z" | "X")));
    (!is_dead)
        .then(|| fields.get(19).map(|f| (*f).to_owned()))
        .flatten()
}
