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
    through_temporary(path, bytes, link)
}

/// Writes a file in the place of one that may be there.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    through_temporary(path, bytes, |temporary, path| fs::rename(temporary, path))
}

/// Writes an unfinished file, gives it its name by `publish`, and makes that durable.
fn through_temporary<T>(
    path: &Path,
    bytes: &[u8],
    publish: impl FnOnce(&Path, &Path) -> io::Result<T>,
) -> io::Result<T> {
    let folder = folder_of(path)?;
    create_folders(folder)?;
    let (temporary, file) = create_temporary(folder)?;
    let published = write_durably(file, bytes)
        .and_then(|()| publish(&temporary, path).map_err(|e| if_taken_away(e, &temporary)));
    // A link is a second name of the same file, a renamed file has this one no longer.
    let _ = fs::remove_file(&temporary);
    let published = published?;
    File::open(folder)?.sync_all()?;
    Ok(published)
}

/// A run that was silent for long finds its unfinished files gone: its successor took them away.
/// That is no missing input, and another try or another run mends it.
fn if_taken_away(error: io::Error, temporary: &Path) -> io::Error {
    if error.kind() == io::ErrorKind::NotFound && !temporary.exists() {
        return io::Error::other("the unfinished file is gone; did another run take over?");
    }
    error
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

/// A name for an unfinished file of this process, which none has now.
///
/// In a container every process has the same number, and one that was killed may have left a name
/// that a published file still bears: so what is there is passed over, and whoever takes the name
/// must create its file anew.
pub(super) fn temporary(folder: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    loop {
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{MARK}{}-{n}", std::process::id()));
        // A link that leads nowhere is there too.
        if fs::symlink_metadata(&path).is_err() {
            return path;
        }
    }
}

fn create_temporary(folder: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let path = temporary(folder);
        match File::create_new(&path) {
            // Another process was quicker.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            file => return Ok((path, file?)),
        }
    }
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
            match fs::remove_file(&path) {
                // Whoever wrote it lives, and has just finished.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
    }
    Ok(())
}

fn write_durably(mut file: File, bytes: &[u8]) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::failure;

    /// A run that sleeps between the two steps of a write, and wakes up replaced, must not tell
    /// the operator to mend an input.
    #[test]
    fn an_unfinished_file_that_a_successor_took_away_is_to_be_tried_later() {
        let folder = tempfile::tempdir().unwrap();
        let (unfinished, file) = create_temporary(folder.path()).unwrap();
        write_durably(file, b"half").unwrap();
        remove_temporaries(folder.path()).unwrap();
        let error = link(&unfinished, &folder.path().join("whole")).unwrap_err();
        let error = if_taken_away(error, &unfinished);
        assert_eq!(failure::of_io(&error, "whole").kind.exit_code(), 3);
    }

    /// Killed between the link and the end: the unfinished name is a second one of what is
    /// published, and the next process may count up to the same name.
    #[test]
    fn a_name_that_was_left_is_never_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let published = folder.path().join("published");
        let next = temporary(folder.path());
        let (stem, n) = next.to_str().unwrap().rsplit_once('-').unwrap();
        let n: u64 = n.parse().unwrap();
        fs::write(&published, b"whole").unwrap();
        for n in n..n + 50 {
            fs::hard_link(&published, format!("{stem}-{n}")).unwrap();
        }
        assert_eq!(
            create(&folder.path().join("other"), b"new").unwrap(),
            Created::Ours
        );
        assert_eq!(fs::read(&published).unwrap(), b"whole");
    }
}
