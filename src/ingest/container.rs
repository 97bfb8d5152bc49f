//! What the bytes are: plain text, gzip or zip, known by how they begin.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use crate::diag::Failure;

/// Texts of the table are addressed by 32 bits, and replacing one stray byte makes three of it:
/// above this an unpacked report must be split.
const HARD_LIMIT: u64 = (i32::MAX as u64) / 3;

/// One CSV file out of the delivery.
pub(super) struct Part<'a> {
    /// Its name inside a zip; `None` for a plain or gzip file.
    pub entry: Option<String>,
    /// Its content, without byte order mark.
    pub text: Cow<'a, [u8]>,
}

/// Unpacks a delivery.
///
/// # Errors
/// `FixData`: another kind of file, cut short, broken, or larger than `max_bytes` unpacked.
pub(super) fn unpack<'a>(
    bytes: &'a [u8],
    name: &str,
    max_bytes: u64,
) -> Result<Vec<Part<'a>>, Failure> {
    let limit = max_bytes.min(HARD_LIMIT);
    let parts = if bytes.starts_with(&[0x1f, 0x8b]) {
        let text = read_limited(flate2::read::MultiGzDecoder::new(bytes), name, limit)?;
        vec![Part {
            entry: None,
            text: Cow::Owned(text),
        }]
    } else if bytes.starts_with(b"PK\x03\x04") {
        unzip(bytes, name, limit)?
    } else {
        if bytes.len() as u64 > limit {
            return Err(too_large(name, limit));
        }
        vec![Part {
            entry: None,
            text: Cow::Borrowed(bytes),
        }]
    };
    parts.into_iter().map(|part| as_text(part, name)).collect()
}

fn unzip(bytes: &[u8], name: &str, limit: u64) -> Result<Vec<Part<'static>>, Failure> {
    let broken = |e: zip::result::ZipError| {
        Failure::fix_data(format!(
            "begins like a zip and cannot be read as one: {e}; expected a whole zip of CSV files"
        ))
        .at(name, "")
        .hint("fetch the file again")
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let mut parts = Vec::new();
    let mut left = limit;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(broken)?;
        if entry.is_dir() {
            continue;
        }
        let entry_name = entry.name().map_err(broken)?.into_owned();
        if !entry_name.to_ascii_lowercase().ends_with(".csv") {
            return Err(Failure::fix_data(format!(
                "the zip holds `{}`; expected the CSV files of one report and nothing else",
                crate::diag::mask(&entry_name)
            ))
            .at(name, "")
            .hint("unpack it and give the CSV file"));
        }
        let text = read_limited(entry, name, left)?;
        left = left.saturating_sub(text.len() as u64);
        parts.push(Part {
            entry: Some(entry_name),
            text: Cow::Owned(text),
        });
    }
    if parts.is_empty() {
        return Err(
            Failure::fix_data("the zip is empty; expected the CSV files of one report")
                .at(name, "")
                .hint("fetch the file again"),
        );
    }
    parts.sort_by(|a, b| a.entry.cmp(&b.entry));
    Ok(parts)
}

fn read_limited(reader: impl Read, name: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut text)
        .map_err(|e| {
            Failure::fix_data(format!(
                "cannot be unpacked: {e}; expected a whole archive, and this one is cut or broken"
            ))
            .at(name, "")
            .hint("fetch the file again")
        })?;
    if text.len() as u64 > limit {
        return Err(too_large(name, limit));
    }
    Ok(text)
}

fn too_large(name: &str, limit: u64) -> Failure {
    let hint = if limit < HARD_LIMIT {
        "raise `max_bytes` of the feed if a report may be that large, or split the file"
    } else {
        "split the file: one table holds no more"
    };
    Failure::fix_data(format!(
        "holds more than {limit} bytes when unpacked; expected at most that"
    ))
    .at(name, "")
    .hint(hint)
}

/// Drops the byte order mark and refuses what is not a text of bytes.
fn as_text<'a>(mut part: Part<'a>, name: &str) -> Result<Part<'a>, Failure> {
    const KINDS: &[(&[u8], &str)] = &[
        (b"PAR1", "a Parquet file"),
        (&[0xff, 0xfe], "text in UTF-16"),
        (&[0xfe, 0xff], "text in UTF-16"),
        (&[0x1f, 0x8b], "a gzip file inside another"),
        (b"PK\x03\x04", "a zip inside another file"),
        (b"PK\x05\x06", "an empty zip"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "a zstd file"),
        (b"BZh", "a bzip2 file"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "an xz file"),
        (b"%PDF", "a PDF"),
        (b"{", "JSON"),
        (b"[", "JSON"),
        (b"<", "HTML or XML"),
    ];
    let refuse = |found: &str| {
        Failure::fix_data(format!("is {found}; expected CSV in UTF-8, gzip or zip"))
            .at(name, "")
            .hint("deliver the report as Shadowserver sends it")
    };
    if part.text.starts_with(&[0xef, 0xbb, 0xbf]) {
        part.text = match part.text {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(3..).unwrap_or_default()),
            Cow::Owned(mut text) => {
                text.drain(..3);
                Cow::Owned(text)
            }
        };
    }
    if let Some((_, kind)) = KINDS.iter().find(|(mark, _)| part.text.starts_with(mark)) {
        return Err(refuse(kind));
    }
    // In the header only: a scanned host may put a zero into its banner, and must not stop a
    // night by it.
    let head = part.text.split(|b| *b == b'\n').next().unwrap_or_default();
    if head.contains(&0) {
        return Err(refuse("a binary file"));
    }
    Ok(part)
}
