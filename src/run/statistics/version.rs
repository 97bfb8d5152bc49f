//! Immutable versions: `<prefix><period>/v<N>/`, each closed by its `version.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Counted, Files};
use crate::diag::{Failure, Kind};
use crate::statistics::period::Span;
use crate::store::Place;

/// `version.json`, written last: a version without it is not finished.
#[derive(Serialize, Deserialize)]
pub(super) struct VersionV1 {
    nachtwacht_statistics: u32,
    pub(super) version: u32,
    period: String,
    from: String,
    until: String,
    /// The ledger that was counted.
    ledger_seq: u64,
    ledger_head: String,
    newest_night: Option<String>,
    pub(super) is_provisional: bool,
    /// SHA-256 by file name.
    outputs_sha256: BTreeMap<String, String>,
}

/// A version as it stands in the store.
pub(super) struct Version {
    pub(super) folder: String,
    pub(super) is_new: bool,
}

/// Writes the files as the next version, unless the newest one holds the same.
pub(super) fn write_if_new(
    counted: &Counted,
    prefix: &str,
    span: Span,
    files: Files,
) -> Result<Version, Failure> {
    let newest = newest(&counted.place, prefix, span)?;
    let number = after(newest.as_ref());
    let outputs = hashes(&files);
    match newest.filter(|v| v.outputs_sha256 == outputs) {
        Some(newest) => {
            // A run that died may have left the pointer behind.
            point(&counted.place, prefix, span, newest.version)?;
            Ok(unchanged(prefix, span, &newest))
        }
        None => write(counted, prefix, span, number, files),
    }
}

/// The number of the version that comes next.
pub(super) fn after(newest: Option<&VersionV1>) -> u32 {
    newest.map_or(0, |v| v.version) + 1
}

fn folder(prefix: &str, span: Span, number: u32) -> String {
    format!("{prefix}{}/v{number}/", span.label())
}

/// The version that stands already.
pub(super) fn unchanged(prefix: &str, span: Span, newest: &VersionV1) -> Version {
    Version {
        folder: folder(prefix, span, newest.version),
        is_new: false,
    }
}

/// `latest.json` of the period: the one object here that is replaced, written last.
pub(super) fn point(place: &Place, prefix: &str, span: Span, number: u32) -> Result<(), Failure> {
    let folder = folder(prefix, span, number);
    let pointer = serde_json::json!({ "version": number, "folder": folder });
    let path = format!("{prefix}{}/latest.json", span.label());
    place.replace(&path, format!("{pointer:#}\n").as_bytes())
}

fn hashes(files: &Files) -> BTreeMap<String, String> {
    let sha256 = |bytes: &Vec<u8>| hex::encode(Sha256::digest(bytes));
    files.iter().map(|(n, b)| (n.clone(), sha256(b))).collect()
}

/// Writes the files as version `number`, the next one.
pub(super) fn write(
    counted: &Counted,
    prefix: &str,
    span: Span,
    number: u32,
    files: Files,
) -> Result<Version, Failure> {
    let place = &counted.place;
    let outputs = hashes(&files);
    let folder = folder(prefix, span, number);
    let version = VersionV1 {
        nachtwacht_statistics: 1,
        version: number,
        period: span.label(),
        from: span.from().to_string(),
        until: span.until().to_string(),
        ledger_seq: counted.streamed.last_seq,
        ledger_head: counted.streamed.head_sha256.clone(),
        newest_night: counted.facts.newest.map(|n| n.to_string()),
        is_provisional: counted.facts.is_unfinished(),
        outputs_sha256: outputs,
    };
    let mut json = serde_json::to_vec_pretty(&version)
        .map_err(|e| Failure::our_bug(format!("writing a version of statistics: {e}")))?;
    json.push(b'\n');
    let full = files.into_iter().map(|(n, b)| (format!("{folder}{n}"), b));
    place
        .create_many(full.collect())
        .map_err(|f| unfinished(f, place, &folder))?;
    place.create_same(&format!("{folder}version.json"), &json)?;
    point(place, prefix, span, number)?;
    Ok(Version {
        folder,
        is_new: true,
    })
}

/// A run that died left files of other bytes: a person takes them away, the program deletes
/// nothing.
fn unfinished(failure: Failure, place: &Place, folder: &str) -> Failure {
    if failure.kind != Kind::OurBug {
        return failure;
    }
    Failure::fix_data("an unfinished version with other figures is in the way")
        .at(place.display(folder), "")
        .hint("it has no `version.json`, so nobody was told of it: move the folder away and run the same command again")
}

/// The newest finished version of a period.
pub(super) fn newest(
    place: &Place,
    prefix: &str,
    span: Span,
) -> Result<Option<VersionV1>, Failure> {
    let of_period = format!("{prefix}{}/", span.label());
    let mut numbers: Vec<u32> = place
        .folders(&of_period)?
        .iter()
        .filter_map(|name| name.strip_prefix('v')?.parse().ok())
        .collect();
    numbers.sort_unstable();
    for number in numbers.into_iter().rev() {
        let path = format!("{}version.json", folder(prefix, span, number));
        if let Some(bytes) = place.get_if(&path)? {
            let version = serde_json::from_slice(&bytes).map_err(|e| {
                Failure::fix_data(format!("the version cannot be read: {e}"))
                    .at(place.display(&path), "")
                    .hint("restore the object from a backup")
            })?;
            return Ok(Some(version));
        }
    }
    Ok(None)
}
