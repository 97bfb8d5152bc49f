//! What tests share: where the data is, and how a test says that it was skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `shared/data`, beside the repository or at `NACHTWACHT_SHARED`; prints why a test is
/// skipped where it is absent.
pub fn shared(file: &str) -> Option<PathBuf> {
    let base = std::env::var_os("NACHTWACHT_SHARED")
        .map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let path = base.join(file);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: {} is absent", path.display());
    None
}

/// Is a program that the test needs there? Under `NACHTWACHT_REQUIRE=all` its absence fails.
pub fn needs(what: &str, is_there: bool) -> bool {
    if !is_there {
        assert!(
            std::env::var("NACHTWACHT_REQUIRE").as_deref() != Ok("all"),
            "{what} is absent, and NACHTWACHT_REQUIRE=all forbids skipping"
        );
        println!("SKIPPED: {what} is absent");
    }
    is_there
}

/// A Python that knows these modules: `NACHTWACHT_PYTHON`, else `python3`.
pub fn python_with(modules: &str) -> Option<String> {
    let python = std::env::var("NACHTWACHT_PYTHON").unwrap_or_else(|_| "python3".into());
    let knows = Command::new(&python)
        .args(["-c", &format!("import {modules}")])
        .output()
        .is_ok_and(|o| o.status.success());
    let what = format!("a Python with {modules} (NACHTWACHT_PYTHON names another)");
    needs(&what, knows).then_some(python)
}
