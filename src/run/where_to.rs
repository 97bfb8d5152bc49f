//! Paths and URLs of the command line: a file, a folder, or an object or prefix in a store.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use url::Url;

use crate::diag::Failure;
use crate::ingest::Input;
use crate::store::{Place, Settings};

/// Where deliveries come from.
pub(super) enum Door {
    /// A file of this machine.
    File(PathBuf),
    /// A folder of this machine.
    Folder(PathBuf),
    /// Objects of a store, below a prefix or of that very name.
    Store(Place, String),
}

/// Bytes of an object that are fetched at once.
const PIECE_BYTES: u64 = 8 << 20;

impl Door {
    /// Opens a path or a URL.
    ///
    /// # Errors
    /// `FixData` where the path is not there.
    pub fn open(from: &str, env: &BTreeMap<String, String>) -> Result<Self, Failure> {
        if let Some((base, rest)) = split_url(from)? {
            let place = Place::open(&base, &Settings::default(), env)?;
            return Ok(Self::Store(place, rest));
        }
        let path = PathBuf::from(from);
        let metadata = fs::metadata(&path).map_err(|e| {
            Failure::fix_data(format!("cannot be read: {e}"))
                .at(from, "")
                .hint("give a file, a folder, or a URL such as s3://bucket/prefix/")
        })?;
        Ok(if metadata.is_dir() {
            Self::Folder(path)
        } else {
            Self::File(path)
        })
    }

    /// The files, by their names under the door, sorted. Hidden files are left out.
    ///
    /// # Errors
    /// The folder or the store cannot be read.
    pub fn files(&self) -> Result<Vec<String>, Failure> {
        match self {
            Self::File(path) => Ok(vec![name_of(path)]),
            Self::Folder(folder) => {
                let wrong = |e: std::io::Error| {
                    Failure::fix_data(format!("the folder cannot be read: {e}"))
                        .at(folder.display().to_string(), "")
                };
                let mut names = Vec::new();
                for entry in fs::read_dir(folder).map_err(wrong)? {
                    let path = entry.map_err(wrong)?.path();
                    let name = name_of(&path);
                    if path.is_file() && !name.starts_with('.') {
                        names.push(name);
                    }
                }
                names.sort();
                Ok(names)
            }
            Self::Store(place, prefix) => {
                let found = place.list(prefix)?.into_iter().map(|o| o.path);
                let found: Vec<String> = found.collect();
                // A prefix that is an object is that object.
                if found.is_empty() && place.exists(prefix)? {
                    return Ok(vec![prefix.clone()]);
                }
                Ok(found)
            }
        }
    }

    /// Opens one of [`Door::files`].
    ///
    /// # Errors
    /// It cannot be read.
    pub fn input(&self, name: &str) -> Result<Box<dyn Input>, Failure> {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Folder(folder) => folder.join(name),
            Self::Store(place, _) => return Ok(Box::new(Object::open(place.clone(), name)?)),
        };
        let file = File::open(&path).map_err(|e| {
            Failure::fix_data(format!("the file cannot be read: {e}"))
                .at(path.display().to_string(), "")
        })?;
        Ok(Box::new(file))
    }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// `s3://bucket/a/b` as its base and the path below it; `None` for a path of this machine.
fn split_url(text: &str) -> Result<Option<(Url, String)>, Failure> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(None);
    };
    let wrong = |e: String| Failure::fix_job(format!("`{text}` is not a URL: {e}"));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let base = Url::parse(&format!("{scheme}://{host}/")).map_err(|e| wrong(e.to_string()))?;
    Ok(Some((base, path.trim_matches('/').to_owned())))
}

/// The folder or prefix that outputs go to; a local one is made.
///
/// # Errors
/// `FixJob` where it cannot be made or is no folder.
pub(super) fn open_folder(folder: &str, env: &BTreeMap<String, String>) -> Result<Place, Failure> {
    let wrong = |what: String| Failure::fix_job(what).at(folder, "--out");
    let base = if folder.contains("://") {
        Url::parse(&format!("{}/", folder.trim_end_matches('/')))
            .map_err(|e| wrong(format!("not a URL: {e}")))?
    } else {
        fs::create_dir_all(folder).map_err(|e| wrong(format!("the folder cannot be made: {e}")))?;
        let full = fs::canonicalize(folder).map_err(|e| wrong(e.to_string()))?;
        Url::from_directory_path(&full).map_err(|()| wrong("not a folder".into()))?
    };
    Place::open(&base, &Settings::default(), env)
}

/// An object that is fetched piece by piece.
struct Object {
    place: Place,
    path: String,
    size: u64,
    at: u64,
    piece: Cursor<bytes::Bytes>,
}

impl Object {
    fn open(place: Place, path: &str) -> Result<Self, Failure> {
        let size = place.list(path)?.into_iter().find(|o| o.path == path);
        let size = match size {
            Some(found) => found.size,
            None => place.get(path)?.len() as u64,
        };
        Ok(Self {
            place,
            path: path.to_owned(),
            size,
            at: 0,
            piece: Cursor::default(),
        })
    }
}

impl Read for Object {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut n = self.piece.read(buffer)?;
        if n == 0 && self.at < self.size {
            let end = (self.at + PIECE_BYTES).min(self.size);
            let bytes = self
                .place
                .get_range(&self.path, self.at..end)
                .map_err(std::io::Error::other)?;
            self.piece = Cursor::new(bytes);
            n = self.piece.read(buffer)?;
        }
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Object {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidInput))?;
        self.piece = Cursor::default();
        Ok(self.at)
    }
}
