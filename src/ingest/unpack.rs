//! What the bytes are: plain, gzip or zip, known by how they begin; read piece by piece.

use std::io::{self, Read, Seek, SeekFrom};

use crate::diag::{Failure, mask};

/// Something to read from the front, whose length is known.
pub trait Input: Read + Seek {}
impl<T: Read + Seek + ?Sized> Input for T {}

/// Bytes that are looked at before a format is chosen.
const HEAD_BYTES: usize = 64 << 10;
/// A line longer than this is no line: an open quote or another kind of file.
const MAX_RECORD_BYTES: u64 = 32 << 20;
/// A name inside a zip that is longer is none that a feed gives; it stands in each row.
const MAX_NAME_BYTES: usize = 1_024;
/// What is kept of the end, to see whether the last line is whole.
const TAIL_BYTES: usize = 256 << 10;
/// Reports shrink to a tenth or a thirtieth. What unpacks to more than this many times its size
/// is an archive of nothing, made to fill a disk.
const MAX_RATIO: u64 = 250;
/// Below this an unpacked file is small, whatever its ratio.
const SMALL_BYTES: u64 = 64 << 20;

/// One file out of the delivery.
pub(super) struct Part<'a> {
    /// Its name inside a zip; `None` for a plain or gzip file.
    pub entry: Option<String>,
    /// Its content, without byte order mark.
    pub text: Guarded<'a>,
}

/// Opens a delivery and hands over its files, one after the other, by name.
///
/// # Errors
/// `FixData`: another kind of file, cut short, broken, or larger than `max_bytes` unpacked; what
/// `each` says.
pub(super) fn for_each_part(
    input: &mut dyn Input,
    name: &str,
    max_bytes: u64,
    each: &mut dyn FnMut(Part<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let unreadable = |e: io::Error| {
        Failure::fix_data(format!("the file cannot be read: {e}"))
            .at(name, "")
            .hint("check the file and its permissions")
    };
    let size = input.seek(SeekFrom::End(0)).map_err(unreadable)?;
    let mut mark = Vec::new();
    input.rewind().map_err(unreadable)?;
    (&mut *input)
        .take(4)
        .read_to_end(&mut mark)
        .map_err(unreadable)?;
    input.rewind().map_err(unreadable)?;
    let of_size = max_bytes.min(size.saturating_mul(MAX_RATIO).max(SMALL_BYTES));
    let packed = Limit {
        bytes: of_size,
        whole: of_size,
        allowed: max_bytes,
        is_packed: true,
    };
    if mark.starts_with(&[0x1f, 0x8b]) {
        let unpacked = flate2::read::MultiGzDecoder::new(io::BufReader::new(input));
        let text = Guarded::open(Box::new(unpacked), name, packed)?;
        return each(Part { entry: None, text });
    }
    if mark.starts_with(b"PK\x03\x04") {
        return unzip(input, name, packed, each);
    }
    let plain = Limit {
        bytes: max_bytes,
        whole: max_bytes,
        allowed: max_bytes,
        is_packed: false,
    };
    if size > max_bytes {
        return Err(too_large(name, plain));
    }
    let text = Guarded::open(Box::new(input), name, plain)?;
    each(Part { entry: None, text })
}

fn unzip(
    input: &mut dyn Input,
    name: &str,
    mut limit: Limit,
    each: &mut dyn FnMut(Part<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let broken = |e: zip::result::ZipError| {
        Failure::fix_data(format!(
            "begins like a zip and cannot be read as one: {e}; expected a whole zip of CSV files"
        ))
        .at(name, "")
        .hint("fetch the file again")
    };
    let mut archive = zip::ZipArchive::new(io::BufReader::new(input)).map_err(broken)?;
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(broken)?;
        if entry.is_dir() {
            continue;
        }
        let entry_name = entry.name().map_err(broken)?.into_owned();
        check_name(&entry_name, name)?;
        let lower = entry_name.to_ascii_lowercase();
        let is_table = [".csv", ".json", ".jsonl", ".ndjson"]
            .iter()
            .any(|end| lower.ends_with(end));
        if !is_table {
            return Err(Failure::fix_data(format!(
                "the zip holds `{}`; expected the CSV files of one report and nothing else",
                mask(&entry_name)
            ))
            .at(name, "")
            .hint("unpack it and give the file itself"));
        }
        entries.push((entry_name, index));
    }
    if entries.is_empty() {
        return Err(
            Failure::fix_data("the zip is empty; expected the CSV files of one report")
                .at(name, "")
                .hint("fetch the file again"),
        );
    }
    entries.sort();
    for (entry_name, index) in entries {
        let entry = archive.by_index(index).map_err(broken)?;
        let text = Guarded::open(Box::new(entry), name, limit)?;
        let mut n_read = 0;
        each(Part {
            entry: Some(entry_name),
            text: text.counting(&mut n_read),
        })?;
        limit.bytes = limit.bytes.saturating_sub(n_read);
    }
    Ok(())
}

fn check_name(entry: &str, name: &str) -> Result<(), Failure> {
    if entry.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    Err(Failure::fix_data(format!(
        "the zip holds a file whose name has {} bytes; expected at most {MAX_NAME_BYTES}",
        entry.len()
    ))
    .at(name, "")
    .hint("no feed gives such names: fetch it again, or unpack it and give the file itself"))
}

fn too_large(name: &str, limit: Limit) -> Failure {
    let Limit { whole, allowed, .. } = limit;
    let unpacked = if limit.is_packed {
        " when unpacked"
    } else {
        ""
    };
    let failure = Failure::fix_data(format!(
        "holds more than {whole} bytes{unpacked}; expected at most that"
    ))
    .at(name, "");
    if whole == allowed {
        return failure.hint(
            "pass a larger `--max-bytes` if a delivery may be that large, or split the file",
        );
    }
    failure.hint("it unpacks to more than 250 times its size, which no report does; if this one is real, unpack it first")
}

#[derive(Clone, Copy)]
struct Limit {
    /// Bytes that may come out: what earlier files of an archive left of `whole`.
    bytes: u64,
    /// Bytes that may come out of the whole delivery.
    whole: u64,
    /// What the caller allows; `whole` is less where an archive is too small for it.
    allowed: u64,
    is_packed: bool,
}

/// A text that is read piece by piece: it ends with a failure where it grows too large or a line
/// never ends, and remembers its beginning and its end.
pub(super) struct Guarded<'a> {
    inner: Box<dyn Read + 'a>,
    name: String,
    limit: Limit,
    head: Vec<u8>,
    /// Bytes of the head that were handed out.
    head_at: usize,
    n_read: u64,
    record_begin: u64,
    /// Bytes of the records that were packed once more inside.
    n_unpacked: u64,
    tail: Vec<u8>,
    counter: Option<&'a mut u64>,
}

impl<'a> Guarded<'a> {
    fn open(inner: Box<dyn Read + 'a>, name: &str, limit: Limit) -> Result<Self, Failure> {
        let mut text = Self {
            inner,
            name: name.to_owned(),
            limit,
            head: Vec::new(),
            head_at: 0,
            n_read: 0,
            record_begin: 0,
            n_unpacked: 0,
            tail: Vec::new(),
            counter: None,
        };
        let n = u64::try_from(HEAD_BYTES)
            .unwrap_or(u64::MAX)
            .min(limit.bytes + 1);
        let mut head = Vec::new();
        (&mut text.inner)
            .take(n)
            .read_to_end(&mut head)
            .map_err(|e| text.failure_of(&e))?;
        if head.starts_with(&[0xef, 0xbb, 0xbf]) {
            head.drain(..3);
        }
        text.head = head;
        Ok(text)
    }

    fn counting(mut self, counter: &'a mut u64) -> Self {
        self.counter = Some(counter);
        self
    }

    /// The first bytes, read or not.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// A record ends here: the next one may be as long as a record may be.
    pub fn mark_record(&mut self) {
        self.record_begin = self.n_read;
    }

    /// Counts a record of so many bytes that was packed inside the text, as in a Parquet file.
    ///
    /// # Errors
    /// `FixData` where it is longer than a record may be, or all of them than a file may be.
    pub fn note_unpacked(&mut self, n_bytes: u64) -> Result<(), Failure> {
        if n_bytes > MAX_RECORD_BYTES {
            return Err(Failure::fix_data(format!(
                "a row holds {n_bytes} bytes; expected at most {} MiB",
                MAX_RECORD_BYTES >> 20
            ))
            .at(&self.name, "")
            .hint("no list of a partner has such rows: ask for the file again"));
        }
        self.n_unpacked += n_bytes;
        if let Some(counter) = &mut self.counter {
            **counter = self.n_read.max(self.n_unpacked);
        }
        let allowed = self.limit.allowed;
        if self.n_unpacked > allowed {
            let limit = Limit {
                whole: allowed,
                is_packed: true,
                ..self.limit
            };
            return Err(too_large(&self.name, limit));
        }
        Ok(())
    }

    /// The bytes from a position on, as far as they are kept: the end of the text, once read.
    pub fn tail_from(&self, position: u64) -> &[u8] {
        let kept_from = self.n_read - self.tail.len() as u64;
        let skip = usize::try_from(position.saturating_sub(kept_from)).unwrap_or(usize::MAX);
        self.tail.get(skip..).unwrap_or_default()
    }

    fn failure_of(&self, e: &io::Error) -> Failure {
        let message = if self.limit.is_packed {
            format!(
                "cannot be unpacked: {e}; expected a whole archive, and this one is cut or broken"
            )
        } else {
            format!("the file cannot be read: {e}")
        };
        Failure::fix_data(message)
            .at(&self.name, "")
            .hint("fetch the file again")
    }

    fn note(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.n_read += bytes.len() as u64;
        if let Some(counter) = &mut self.counter {
            **counter = self.n_read;
        }
        if self.n_read > self.limit.bytes {
            let failure = too_large(&self.name, self.limit);
            return Err(io::Error::other(failure));
        }
        if self.n_read - self.record_begin > MAX_RECORD_BYTES {
            let failure = Failure::fix_data(format!(
                "a line holds more than {} MiB; expected lines, and this may be an open quote or another kind of file",
                MAX_RECORD_BYTES >> 20
            ))
            .at(&self.name, "")
            .hint("look at the file's first lines and at its quotes, or fetch it again");
            return Err(io::Error::other(failure));
        }
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > 4 * TAIL_BYTES {
            self.tail.drain(..self.tail.len() - TAIL_BYTES);
        }
        Ok(())
    }
}

impl Read for Guarded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = if self.head_at < self.head.len() {
            let n = self
                .head
                .get(self.head_at..)
                .unwrap_or_default()
                .read(buffer)?;
            self.head_at += n;
            n
        } else {
            match self.inner.read(buffer) {
                Err(e) if e.kind() != io::ErrorKind::Interrupted => {
                    return Err(io::Error::other(self.failure_of(&e)));
                }
                other => other?,
            }
        };
        self.note(buffer.get(..n).unwrap_or_default())?;
        Ok(n)
    }
}

/// The failure inside an error that came through a reader, or one that says what it was.
pub(super) fn failure_of_read(e: io::Error, object: &str) -> Failure {
    match e.downcast::<Failure>() {
        Ok(failure) => failure,
        Err(e) => Failure::fix_data(format!("the file cannot be read: {e}"))
            .at(object, "")
            .hint("fetch the file again"),
    }
}

/// Refuses what is not a text of bytes, by its first bytes; `PAR1` is no text either.
pub(super) fn check_text(head: &[u8], name: &str) -> Result<(), Failure> {
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
        (b"<", "HTML or XML"),
    ];
    let refuse = |found: &str| {
        Failure::fix_data(format!(
            "is {found}; expected CSV or JSON lines in UTF-8, plain, gzip or zip"
        ))
        .at(name, "")
        .hint("deliver the file as the feed sends it")
    };
    if let Some((_, kind)) = KINDS.iter().find(|(mark, _)| head.starts_with(mark)) {
        return Err(refuse(kind));
    }
    // In the first line only: a scanned host may put a zero into its banner, and must not stop a
    // night by it.
    let first = head.split(|b| *b == b'\n').next().unwrap_or_default();
    if first.contains(&0) {
        return Err(refuse("a binary file"));
    }
    Ok(())
}
