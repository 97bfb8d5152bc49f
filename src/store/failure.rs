//! What a store's error means for the operator.

use std::io;

use object_store::Error;

use crate::diag::Failure;

/// The failure for an error at `shown`, a path or URL for people.
pub(super) fn of(error: &Error, shown: &str) -> Failure {
    match error {
        Error::NotFound { source, .. } if source.to_string().contains("NoSuchBucket") => {
            no_bucket(shown)
        }
        Error::NotFound { .. } => Failure::fix_data("the object is not there")
            .at(shown, "")
            .hint("deliver it, or mend the path in the job"),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => refused(shown),
        other if other.to_string().contains("NoSuchBucket") => no_bucket(shown),
        Error::InvalidPath { source } => Failure::fix_data(format!(
            "an object's name cannot be used: {}",
            short(&source.to_string())
        ))
        .at(shown, "")
        .hint("rename it or move it away: a name is UTF-8 text without control characters"),
        other if is_loop(other) => Failure::fix_data(format!(
            "a link leads back to itself: {}",
            short(&other.to_string())
        ))
        .at(shown, "")
        .hint("take the link away"),
        other if let Some(e) = io_error(other).filter(|e| is_ours(e.kind())) => of_io(e, shown),
        // Without credentials of its own the client looks for a cloud's metadata service.
        other if says_refused(&other.to_string()) => refused(shown),
        other => Failure::try_later(format!(
            "the store does not answer: {}",
            short(&other.to_string())
        ))
        .at(shown, "")
        .hint("run the same command again; if it stays, ask whoever keeps the store"),
    }
}

/// The failure for an error of the local file system.
pub(super) fn of_io(error: &io::Error, shown: &str) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::fix_data("the file is not there").at(shown, ""),
        io::ErrorKind::PermissionDenied => Failure::fix_data("the system refuses access")
            .at(shown, "")
            .hint("check who owns the folder and what it allows: read inputs, create under `runs` and `ledger`"),
        kind if is_ours(kind) => Failure::fix_data(format!("the path cannot be used: {error}"))
            .at(shown, "")
            .hint("check `base` and the paths of the job"),
        _ => Failure::try_later(format!("the file cannot be written: {error}"))
            .at(shown, "")
            .hint("check the disk's space and health, then run the same command again"),
    }
}

/// The system's own error below a store's.
fn io_error(error: &Error) -> Option<&io::Error> {
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = at {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io);
        }
        at = error.source();
    }
    None
}

/// Links of a folder that go round in a circle; the standard library has no stable kind for it.
fn is_loop(error: &Error) -> bool {
    let text = error.to_string();
    let said = [
        "File system loop found",
        "Too many levels of symbolic links",
    ];
    said.iter().any(|words| text.contains(words))
}

/// Another run finds the same: a person must act.
const fn is_ours(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::InvalidInput
    )
}

fn no_bucket(shown: &str) -> Failure {
    Failure::fix_data("the bucket does not exist")
        .at(shown, "")
        .hint("check the bucket in `base` or `--base`")
}

fn refused(shown: &str) -> Failure {
    Failure::fix_data("the store refuses the credentials")
        .at(shown, "")
        .hint("check the credentials in the environment, and what they allow: read inputs, create under `runs` and `ledger`")
}

fn says_refused(text: &str) -> bool {
    [
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "AccessDenied",
        "ExpiredToken",
        "InvalidToken",
        "403 Forbidden",
        "401 Unauthorized",
        "169.254.169.254",
    ]
    .iter()
    .any(|mark| text.contains(mark))
}

/// One line of at most 300 characters.
fn short(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(300) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}
