//! Named points at which a test may kill the process, to prove that nothing is lost or doubled.

use std::sync::OnceLock;

static ARMED: OnceLock<String> = OnceLock::new();

/// Arms one point for the life of the process; only `main` calls this, from the environment.
pub fn arm(point: String) {
    let _ = ARMED.set(point);
}

/// Ends the process here, at once and without any clean-up, if this point is armed.
pub fn point(name: &str) {
    if ARMED.get().is_some_and(|armed| armed == name) {
        std::process::abort();
    }
}
