//! What a job says about delivery.

use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;

/// Where letters by e-mail leave the house; all others are files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MailOutbox {
    /// Files in the run: an `.eml` beside each letter, for another program to send.
    #[default]
    Files,
    /// The same files, and a list of them as a batch for somebody's own mail program.
    Merge,
    /// A Maildir; the folder is relative to the job.
    Maildir {
        /// Folder.
        folder: String,
    },
    /// A mail server.
    Smtp(SmtpSettings),
}

/// Delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// E-mail.
    pub email: MailOutbox,
}

/// How the connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// STARTTLS, required (RFC 3207).
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// None; for a server on the same machine only.
    None,
}

impl std::str::FromStr for Tls {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "starttls" => Ok(Self::StartTls),
            "implicit" => Ok(Self::Implicit),
            "none" => Ok(Self::None),
            _ => Err(()),
        }
    }
}

/// A mail server that takes our mail (a smarthost).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpSettings {
    /// Host name; its certificate must bear it.
    pub host: String,
    /// Port.
    pub port: NonZeroU16,
    /// TLS.
    pub tls: Tls,
    /// Authorities that count instead of the machine's: a PEM file, relative to the job.
    pub ca_file: Option<String>,
    /// Environment variables that hold user and password; none: no authentication.
    pub auth_env: Option<(String, String)>,
    /// Where bounces go: the envelope's sender. Its mailbox is what `bounces` reads.
    pub return_path: String,
    /// Name by which we greet.
    pub hello: String,
    /// Connections at the same time.
    pub connections: NonZeroUsize,
    /// Mails a minute to one receiving domain; 0: as fast as the server takes them.
    pub per_domain_per_minute: u32,
    /// Tries after "not now" (4xx, a lost connection), each after twice the wait of the one before.
    pub retries: u32,
    /// The first wait.
    pub first_wait: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
}
