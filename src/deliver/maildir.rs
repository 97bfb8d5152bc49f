//! A Maildir: every letter one file in `new/`, for a mail program or a queue to pick up.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Carrier, Mail, Sent};
use crate::diag::Failure;

/// A folder with `tmp`, `new` and `cur`.
pub struct Maildir {
    folder: PathBuf,
}

impl Maildir {
    /// The Maildir in this folder; it is made where it is not there.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn failure(&self, e: &io::Error) -> Failure {
        let message = format!("the Maildir cannot be written: {e}");
        let at = self.folder.display().to_string();
        match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::Interrupted => Failure::try_later(message),
            _ => Failure::fix_job(message),
        }
        .at(at, "")
        .hint("see `delivery.maildir.folder` in the job")
    }

    /// Writes the file aside, makes it durable, then links it under its name: a reader of `new/`
    /// sees whole mails only, and a name that is taken is never overwritten.
    fn put(&self, mail: &Mail<'_>) -> io::Result<()> {
        let aside = self.folder.join("tmp").join(mail.name);
        let target = self.folder.join("new").join(mail.name);
        let mut file = fs::File::create(&aside)?;
        file.write_all(mail.message)?;
        file.sync_all()?;
        drop(file);
        let linked = fs::hard_link(&aside, &target);
        fs::remove_file(&aside)?;
        match linked {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if fs::read(&target)? != mail.message {
                    return Err(e);
                }
            }
            other => other?,
        }
        sync_folder(&self.folder.join("new"))
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

impl Carrier for Maildir {
    fn name(&self) -> &'static str {
        "maildir"
    }

    fn ready(&self) -> Result<(), Failure> {
        ["tmp", "new", "cur"]
            .iter()
            .try_for_each(|sub| fs::create_dir_all(self.folder.join(sub)))
            .map_err(|e| self.failure(&e))
    }

    /// A mail program moves files from `new/` to `cur/` and adds flags to their names.
    fn has(&self, mail_name: &str) -> Result<bool, Failure> {
        if self.folder.join("new").join(mail_name).exists() {
            return Ok(true);
        }
        let Ok(entries) = fs::read_dir(self.folder.join("cur")) else {
            return Ok(false);
        };
        Ok(entries.flatten().any(|e| {
            let name = e.file_name();
            let name = name.to_string_lossy();
            name.split(':').next() == Some(mail_name)
        }))
    }

    fn send(
        &self,
        mail: &Mail<'_>,
        begin: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<Sent, Failure> {
        begin()?;
        self.put(mail).map_err(|e| self.failure(&e))?;
        Ok(Sent::Accepted(format!("new/{}", mail.name)))
    }
}
