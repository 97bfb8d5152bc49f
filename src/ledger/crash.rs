//! Named points at which a test may kill the process, to prove that nothing is lost or doubled.

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Every point, in the order of a night; a test kills a real process at each.
pub const POINTS: &[&str] = &[
    "probed",
    "locked",
    "before_append",
    "after_append",
    "after_copy",
    "pinned",
    "input_kept",
    "letters_written",
    "letter_plan_written",
    "planned",
    "party_written",
    "claimed",
    "before_hand_over",
    "handed_over",
    "receipts",
    "results_written",
    "manifest_written",
    "final",
    "before_release",
];

static ARMED: OnceLock<(String, u64)> = OnceLock::new();
static PASSED: AtomicU64 = AtomicU64::new(0);

/// Arms one point for the life of the process, as `name` or `name:nth`; only `main` calls this,
/// from the environment.
pub fn arm(point: &str) {
    let (name, nth) = point.split_once(':').unwrap_or((point, "1"));
    let _ = ARMED.set((name.to_owned(), nth.parse().unwrap_or(1)));
}

/// Ends the process here by SIGKILL, if this point is armed and was passed often enough.
pub fn point(name: &str) {
    let Some((armed, nth)) = ARMED.get() else {
        return;
    };
    if armed == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *nth {
        let pid = std::process::id().to_string();
        let _ = Command::new("kill").args(["-KILL", &pid]).status();
        // Without a `kill` program the process still ends, at once and without clean-up.
        std::process::abort();
    }
}
