//! Object storage: folders, buckets and memory behind one small face.
//!
//! Synchronous for its callers: this room owns the async runtime. Never call it from inside one.
//! What matters is [`Place::create`]: an object appears whole and once, or not at all.

mod failure;
mod local;
mod open;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tokio::runtime::Runtime;
use url::Url;

use crate::diag::Failure;
use crate::model::night::Micros;

/// How patient the store's client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// For one request, seconds.
    pub timeout_secs: u64,
    /// For a connection, seconds.
    pub connect_timeout_secs: u64,
    /// Times that a failed request is tried again.
    pub retries: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout_secs: 30,
            connect_timeout_secs: 5,
            retries: 5,
        }
    }
}

/// Requests that are under way at once at a store elsewhere: each waits for the network.
const CONCURRENCY: usize = 32;

/// An object as listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectInfo {
    /// Path under the base, with `/` between parts.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// An object of one folder, with the store's own time of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Name within the folder.
    pub name: String,
    /// When it was written, by the store's clock: UTC, microseconds.
    pub modified: Micros,
}

/// Whether a create-only write was ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The object is new, and durable.
    Ours,
    /// It was there already; nothing was changed.
    Exists,
}

/// A base URL that is open.
#[derive(Clone)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    at_once: usize,
    base: Url,
    local_root: Option<PathBuf>,
    runtime: Arc<Runtime>,
}

impl Place {
    /// A place of its own in memory: what is written there goes with it.
    ///
    /// # Errors
    /// As [`Place::open`].
    pub fn in_memory() -> Result<Self, Failure> {
        let base = Url::parse("memory:///")
            .map_err(|e| Failure::our_bug(format!("a fixed URL is not one: {e}")))?;
        Self::open(&base, &Settings::default(), &BTreeMap::new())
    }

    /// Opens a base: `file:///…/`, `s3://bucket/prefix/`, `gs://…`, `az://…`, `memory:///`.
    /// `env` holds the credentials under the names that each cloud's own tools use.
    ///
    /// # Errors
    /// `FixJob` where the URL or its options cannot be used. Nothing is asked of the store yet.
    pub fn open(
        base: &Url,
        settings: &Settings,
        env: &BTreeMap<String, String>,
    ) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|e| Failure::try_later(format!("no runtime for the store: {e}")))?;
        let (store, prefix, local_root) = open::open(base, settings, env)?;
        Ok(Self {
            store,
            prefix,
            at_once: if local_root.is_some() { 1 } else { CONCURRENCY },
            base: base.clone(),
            local_root,
            runtime: Arc::new(runtime),
        })
    }

    /// A place over a store that is open already; `name` stands in messages.
    ///
    /// # Errors
    /// `TryLater` where the system gives no threads.
    pub fn over(store: Arc<dyn ObjectStore>, name: &Url) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|e| Failure::try_later(format!("no runtime for the store: {e}")))?;
        Ok(Self {
            store,
            prefix: Path::default(),
            at_once: 1,
            base: name.clone(),
            local_root: None,
            runtime: Arc::new(runtime),
        })
    }

    /// Is it a folder of this machine?
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.local_root.is_some()
    }

    /// How many objects are best read or written at once.
    #[must_use]
    pub const fn at_once(&self) -> usize {
        self.at_once
    }

    /// A path for a message: a plain path for a folder, a URL elsewhere.
    #[must_use]
    pub fn display(&self, path: &str) -> String {
        match &self.local_root {
            Some(root) => root.join(path).display().to_string(),
            None => format!("{}{path}", self.base),
        }
    }

    /// Everything below a prefix, sorted by path; unfinished local files are left out.
    ///
    /// # Errors
    /// The store refuses us (`FixData`) or is not there (`TryLater`). No object is no error.
    pub fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, Failure> {
        let full = self.full(prefix)?;
        let cut = if self.prefix.as_ref().is_empty() {
            0
        } else {
            self.prefix.as_ref().len() + 1
        };
        let metas = self
            .runtime
            .block_on(self.store.list(Some(&full)).try_collect::<Vec<_>>());
        let metas = match metas {
            Ok(metas) => metas,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(e) => return Err(failure::of(&e, &self.display(prefix))),
        };
        let mut found: Vec<ObjectInfo> = metas
            .into_iter()
            .filter_map(|meta| {
                let path = meta.location.as_ref().get(cut..)?.to_owned();
                (!local::is_temporary(&path)).then_some(ObjectInfo {
                    path,
                    size: meta.size,
                })
            })
            .collect();
        found.sort();
        Ok(found)
    }

    /// The objects of one folder, sorted by name; folders below it are left out.
    ///
    /// # Errors
    /// As [`Place::list`].
    pub fn list_here(&self, folder: &str) -> Result<Vec<Entry>, Failure> {
        let full = self.full(folder)?;
        let listed = self
            .runtime
            .block_on(self.store.list_with_delimiter(Some(&full)));
        let metas = match listed {
            Ok(listed) => listed.objects,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(e) => return Err(failure::of(&e, &self.display(folder))),
        };
        let mut found: Vec<Entry> = metas
            .into_iter()
            .filter_map(|meta| {
                let name = meta.location.filename()?.to_owned();
                (!local::is_temporary(&name)).then_some(Entry {
                    name,
                    modified: meta.last_modified.timestamp_micros(),
                })
            })
            .collect();
        found.sort();
        Ok(found)
    }

    /// Names of the folders directly below a folder, sorted.
    ///
    /// # Errors
    /// As [`Place::list`].
    pub fn folders(&self, folder: &str) -> Result<Vec<String>, Failure> {
        let full = self.full(folder)?;
        let listed = self
            .runtime
            .block_on(self.store.list_with_delimiter(Some(&full)));
        let mut found: Vec<String> = match listed {
            Ok(listed) => listed
                .common_prefixes
                .iter()
                .filter_map(|p| p.filename().map(str::to_owned))
                .collect(),
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(e) => return Err(failure::of(&e, &self.display(folder))),
        };
        found.sort();
        Ok(found)
    }

    /// The whole object.
    ///
    /// # Errors
    /// It is not there or we are refused (`FixData`), or the store is not there (`TryLater`).
    pub fn get(&self, path: &str) -> Result<Bytes, Failure> {
        let full = self.full(path)?;
        self.fetched(&full)
            .map_err(|e| failure::of(&e, &self.display(path)))
    }

    /// The whole object; `None` where it is not there.
    ///
    /// # Errors
    /// We are refused (`FixData`), or the store is not there (`TryLater`).
    pub fn get_if(&self, path: &str) -> Result<Option<Bytes>, Failure> {
        let full = self.full(path)?;
        match self.fetched(&full) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if is_missing(&e) => Ok(None),
            Err(e) => Err(failure::of(&e, &self.display(path))),
        }
    }

    /// A body that was cut on its way is a fault of the way, not of the object.
    fn fetched(&self, full: &Path) -> object_store::Result<Bytes> {
        self.runtime.block_on(async {
            let found = self.store.get(full).await?;
            let size = found.meta.size;
            let bytes = match found.payload {
                // Straight into its room, which need not be filled with zeros first.
                object_store::GetResultPayload::File(mut file, _) => {
                    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
                    file.read_to_end(&mut bytes)
                        .map_err(|e| object_store::Error::Generic {
                            store: "store",
                            source: Box::new(e),
                        })?;
                    Bytes::from(bytes)
                }
                _ => found.bytes().await?,
            };
            if u64::try_from(bytes.len()) == Ok(size) {
                return Ok(bytes);
            }
            Err(object_store::Error::Generic {
                store: "store",
                source: format!("the answer was cut: {} of {size} bytes came", bytes.len()).into(),
            })
        })
    }

    /// Is the object there?
    ///
    /// # Errors
    /// We are refused (`FixData`), or the store is not there (`TryLater`).
    pub fn exists(&self, path: &str) -> Result<bool, Failure> {
        Ok(self.modified(path)?.is_some())
    }

    /// Is the object there, told within `patience`?
    ///
    /// # Errors
    /// As [`Place::exists`]; `TryLater` where the answer takes longer.
    pub fn exists_within(&self, path: &str, patience: Duration) -> Result<bool, Failure> {
        let full = self.full(path)?;
        let answer = self
            .runtime
            .block_on(async { tokio::time::timeout(patience, self.store.head(&full)).await });
        match answer {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(e)) if is_missing(&e) => Ok(false),
            Ok(Err(e)) => Err(failure::of(&e, &self.display(path))),
            Err(_) => Err(Failure::try_later(format!(
                "the store did not answer within {} ms",
                patience.as_millis()
            ))
            .at(self.display(path), "")),
        }
    }

    /// When the object was written, by the store's clock; `None` where it is not there.
    ///
    /// # Errors
    /// As [`Place::exists`].
    pub fn modified(&self, path: &str) -> Result<Option<Micros>, Failure> {
        let full = self.full(path)?;
        match self.runtime.block_on(self.store.head(&full)) {
            Ok(meta) => Ok(Some(meta.last_modified.timestamp_micros())),
            Err(e) if is_missing(&e) => Ok(None),
            Err(e) => Err(failure::of(&e, &self.display(path))),
        }
    }

    /// Takes an object away; one that is not there is no error. Only erasure and the job's
    /// retention do this, and only below `runs/` and for the map of parties.
    ///
    /// # Errors
    /// We are refused (`FixData`), or the store is not there (`TryLater`).
    pub fn delete(&self, path: &str) -> Result<(), Failure> {
        let full = self.full(path)?;
        match self.runtime.block_on(self.store.delete(&full)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(failure::of(&e, &self.display(path))),
        }
    }

    /// Parts of an object; neighbours are fetched together.
    ///
    /// # Errors
    /// As [`Place::get`].
    pub fn get_ranges(&self, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Failure> {
        let full = self.full(path)?;
        self.runtime
            .block_on(self.store.get_ranges(&full, ranges))
            .map_err(|e| failure::of(&e, &self.display(path)))
    }

    /// One part of an object.
    ///
    /// # Errors
    /// As [`Place::get`].
    pub fn get_range(&self, path: &str, range: Range<u64>) -> Result<Bytes, Failure> {
        let full = self.full(path)?;
        self.runtime
            .block_on(self.store.get_range(&full, range))
            .map_err(|e| failure::of(&e, &self.display(path)))
    }

    /// Writes an object that must not be there yet. When this returns, it is durable.
    ///
    /// # Errors
    /// We are refused (`FixData`), or the store is not there (`TryLater`): then the object may
    /// or may not exist, and the caller reads it back.
    pub fn create(&self, path: &str, bytes: &[u8]) -> Result<Created, Failure> {
        let full = self.full(path)?;
        if let Some(root) = &self.local_root {
            return local::create(&root.join(path), bytes)
                .map_err(|e| failure::of_io(&e, &self.display(path)));
        }
        self.runtime
            .block_on(self.create_remote(&full, path, bytes.to_vec().into()))
    }

    /// Writes an object whether it is there or not; a reader sees the old or the new one, whole.
    /// Only for what says how things stand now: everything that proves something is created.
    ///
    /// # Errors
    /// As [`Place::create`].
    pub fn replace(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let full = self.full(path)?;
        if let Some(root) = &self.local_root {
            return local::replace(&root.join(path), bytes)
                .map_err(|e| failure::of_io(&e, &self.display(path)));
        }
        let bytes = Bytes::copy_from_slice(bytes);
        let written = self.runtime.block_on(self.store.put(&full, bytes.into()));
        written
            .map(|_| ())
            .map_err(|e| failure::of(&e, &self.display(path)))
    }

    /// As [`Place::create`], with the bytes of a file: a local store takes the file itself, which
    /// must have been named by [`Place::temporary`].
    ///
    /// # Errors
    /// As [`Place::create`].
    pub fn create_from(&self, path: &str, file: &std::path::Path) -> Result<Created, Failure> {
        let full = self.full(path)?;
        let of_io = |e: std::io::Error| failure::of_io(&e, &self.display(path));
        if let Some(root) = &self.local_root {
            return local::create_from(&root.join(path), file).map_err(of_io);
        }
        let bytes = std::fs::read(file).map_err(of_io)?;
        self.runtime
            .block_on(self.create_remote(&full, path, bytes.into()))
    }

    /// A name for an unfinished file: in the store's own folder where it is one, so that it need
    /// not be copied; no listing shows it.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn temporary(&self) -> Result<PathBuf, Failure> {
        let folder = self.local_root.clone().unwrap_or_else(std::env::temp_dir);
        std::fs::create_dir_all(&folder)
            .map_err(|e| failure::of_io(&e, &folder.display().to_string()))?;
        Ok(local::temporary(&folder))
    }

    async fn create_remote(
        &self,
        full: &Path,
        path: &str,
        bytes: Bytes,
    ) -> Result<Created, Failure> {
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        match self.store.put_opts(full, bytes.into(), options).await {
            Ok(_) => Ok(Created::Ours),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(Created::Exists),
            Err(e) => Err(failure::of(&e, &self.display(path))),
        }
    }

    /// Writes an object, or finds the very same bytes there: what a resumed run does.
    ///
    /// # Errors
    /// As [`Place::create`]; `OurBug` where the object holds other bytes.
    pub fn create_same(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        match self.create(path, bytes)? {
            Created::Ours => Ok(()),
            Created::Exists => self.must_hold(path, bytes),
        }
    }

    fn must_hold(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        if self.get(path)? == bytes {
            return Ok(());
        }
        Err(
            Failure::our_bug("the object is there with other bytes than this run computes")
                .at(self.display(path), "")
                .hint("nothing was overwritten; keep the object and report this"),
        )
    }

    /// [`Place::create_same`] for many objects at once.
    ///
    /// # Errors
    /// The first object that failed; others may have been written.
    pub fn create_many(&self, objects: Vec<(String, Vec<u8>)>) -> Result<(), Failure> {
        if self.is_local() {
            use rayon::prelude::*;
            return objects
                .par_iter()
                .try_for_each(|(path, bytes)| self.create_same(path, bytes));
        }
        let jobs = objects
            .into_iter()
            .map(|(path, bytes)| Ok((self.full(&path)?, path, Bytes::from(bytes))))
            .collect::<Result<Vec<_>, Failure>>()?;
        let existing: Vec<(String, Bytes)> = self.runtime.block_on(
            stream::iter(jobs)
                .map(|(full, path, bytes)| async move {
                    let created = self.create_remote(&full, &path, bytes.clone()).await?;
                    Ok::<_, Failure>((created == Created::Exists).then_some((path, bytes)))
                })
                .buffer_unordered(CONCURRENCY)
                .try_filter_map(|found| async move { Ok(found) })
                .try_collect(),
        )?;
        existing
            .iter()
            .try_for_each(|(path, bytes)| self.must_hold(path, bytes))
    }

    /// Takes away what a killed process left unfinished below a folder of this machine: no
    /// listing shows it, but it may hold half a letter. Only for whoever has the run lock.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove_unfinished(&self, folder: &str) -> Result<(), Failure> {
        match &self.local_root {
            Some(root) => local::remove_temporaries(&root.join(folder))
                .map_err(|e| failure::of_io(&e, &self.display(folder))),
            None => Ok(()),
        }
    }

    fn full(&self, path: &str) -> Result<Path, Failure> {
        let bad = path.split('/').any(|part| part == ".." || part == ".")
            || path.starts_with('/')
            || path.chars().any(char::is_control);
        let full = format!("{}/{path}", self.prefix);
        match Path::parse(full.trim_matches('/')) {
            Ok(full) if !bad => Ok(full),
            _ => Err(
                Failure::fix_job(format!("`{path}` is not a path under the base"))
                    .hint("expected parts between single `/`, without `..`"),
            ),
        }
    }
}

/// The object is not there; a bucket that is not there is something else.
fn is_missing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { source, .. } if !source.to_string().contains("NoSuchBucket"))
}
