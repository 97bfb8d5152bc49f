//! Create-only files that survive a loss of power: temporary file, fsync, hard link, fsync of
//! the folder. `object_store` 0.13's local store has no fsync.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Created;

const MARK: &str = ".nw-tmp-";

/// Is this the name of an unfinished file?
pub(super) fn is_temporary(path: &str) -> bool {
    path.rsplit('/')
        .next()
        .is_some_and(|name| name.starts_with(MARK))
}

/// Writes a new file, durably; a file that is there stays as it is.
///
/// A crash leaves a temporary file at most, which no listing shows.
pub(super) fn create(path: &Path, bytes: &[u8]) -> io::Result<Created> {
    let folder = folder_of(path)?;
    create_folders(folder)?;
    let temporary = temporary(folder);
    let written = write_durably(&temporary, bytes).and_then(|()| link(&temporary, path));
    // The link is a second name of the same file; without it the file goes.
    let _ = fs::remove_file(&temporary);
    let created = written?;
    File::open(folder)?.sync_all()?;
    Ok(created)
}

/// Writes a file in the place of one that may be there.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path)?;
    create_folders(folder)?;
    let temporary = temporary(folder);
    let written = write_durably(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    File::open(folder)?.sync_all()
}

/// As [`create`], of a file that is written already, on the same disk. Its first name stays.
pub(super) fn create_from(path: &Path, file: &Path) -> io::Result<Created> {
    let folder = folder_of(path)?;
    create_folders(folder)?;
    File::open(file)?.sync_all()?;
    let created = link(file, path)?;
    File::open(folder)?.sync_all()?;
    Ok(created)
}

/// A name for an unfinished file of this process.
pub(super) fn temporary(folder: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let n = COUNTER.fetch_add(1, Ordering::Relaxed);
    folder.join(format!("{MARK}{}-{n}", std::process::id()))
}

fn folder_of(path: &Path) -> io::Result<&Path> {
    path.parent()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

/// Takes away what a process that was killed left unfinished below a folder.
pub(super) fn remove_temporaries(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            remove_temporaries(&path)?;
        } else if path
            .file_name()
            .is_some_and(|name| is_temporary(&name.to_string_lossy()))
        {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn link(from: &Path, to: &Path) -> io::Result<Created> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(Created::Ours),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(Created::Exists),
        Err(e) => Err(e),
    }
}

/// Makes missing folders, and makes their names durable in the folder above.
fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        create_folders(above)?;
        match fs::create_dir(folder) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
        if !above.as_os_str().is_empty() {
            File::open(above)?.sync_all()?;
        }
    }
    Ok(())
}
