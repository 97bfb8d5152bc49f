//! Paths under the base: each must be one, and what is written must not lie in what is read.

use super::job::Job;
use super::section::Section;

/// Notes every path of the job that the store would refuse, and folders that lie in each other.
pub(super) fn check(root: &Section<'_, '_>, job: &Job) {
    let (inputs, references) = (&job.inputs, &job.references);
    let written = [
        ("runs", Some(job.runs.as_str())),
        ("ledger", Some(&job.ledger.prefix)),
        ("ledger_copy", Some(&job.ledger.copy)),
        ("operations.status", Some(&job.operations.status)),
    ];
    let read = [
        ("inputs.snapshots", Some(inputs.snapshots.as_str())),
        ("inputs.companies", Some(&inputs.companies)),
        ("inputs.assets", Some(&inputs.assets)),
        ("inputs.contacts", Some(&inputs.contacts)),
        ("inputs.coverage", inputs.coverage.as_deref()),
        ("reference.kev", references.kev.as_deref()),
        ("reference.epss", references.epss.as_deref()),
        (
            "reference.public_suffixes",
            Some(&references.public_suffixes),
        ),
        ("reference.prefix_asn", references.prefix_asn.as_deref()),
        (
            "reference.shared_infrastructure",
            references.shared_infrastructure.as_deref(),
        ),
        ("reference.lookups", references.lookups.as_deref()),
    ];
    let stop = [("brakes.stop", Some(job.brakes.stop.as_str()))];
    let all = || written.iter().chain(&read).chain(&stop);
    for (key, path) in all().filter_map(|(key, path)| Some((key, (*path)?))) {
        if let Some(why) = fault(path) {
            root.problem(key, format!("`{path}` is no path under the base: {why}"));
        }
    }
    let mut seen: Vec<(&str, Option<&str>)> = read.to_vec();
    for (key, path) in written
        .iter()
        .filter_map(|(key, path)| Some((*key, (*path)?)))
    {
        // The ledger and its copy have a message of their own.
        let is_copy = |other: &str| key == "ledger_copy" && other == "ledger";
        let within = seen.iter().find(|(other, folder)| {
            !is_copy(other) && folder.is_some_and(|folder| lie_together(path, folder))
        });
        if let Some((other, folder)) = within {
            let folder = folder.unwrap_or_default();
            root.problem(
                key,
                format!(
                    "`{path}` and `{folder}` of `{other}` lie in each other; expected folders apart"
                ),
            );
        }
        seen.push((key, Some(path)));
    }
}

/// Why the store would not take it.
fn fault(path: &str) -> Option<&'static str> {
    let parts = || path.trim_end_matches('/').split('/');
    if path.is_empty() || path == "/" {
        Some("it is empty")
    } else if path.starts_with('/') {
        Some("it begins with `/`")
    } else if parts().any(str::is_empty) {
        Some("a part of it is empty")
    } else if parts().any(|p| p == "." || p == "..") {
        Some("`.` and `..` have no meaning in a store")
    } else if path.chars().any(char::is_control) {
        Some("it has a control character")
    } else {
        None
    }
}

fn lie_together(a: &str, b: &str) -> bool {
    let [a, b] = [a, b].map(|path| format!("{}/", path.trim_end_matches('/')));
    a.starts_with(&b) || b.starts_with(&a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_parts_between_single_slashes() {
        for path in ["runs/", "a/b.parquet", "STOP", "år/ü"] {
            assert_eq!(fault(path), None, "{path}");
        }
        for path in [
            "", "/", "/runs", "a//b", "../runs/", "a/./b", "a\u{0}b", "a/..",
        ] {
            assert!(fault(path).is_some(), "{path:?}");
        }
    }

    #[test]
    fn folders_lie_together_by_whole_names() {
        assert!(lie_together("runs/", "runs/in"));
        assert!(lie_together("a/b", "a/b/"));
        assert!(!lie_together("runs/", "runs-old/"));
    }
}
