//! Outboxes: where a claimed letter leaves the house. The ledger's claim comes before, its
//! receipt after; an outbox knows nothing of either.
//!
//! `files` releases a letter to whoever prints and posts. `maildir` and `smtp` are carriers
//! behind one journal, which is what makes a death between "sent" and "written down" visible.

mod by_channel;
mod files;
mod journal;
mod maildir;
mod pace;
mod session;
mod settings;
mod smtp;
mod stop;
mod tls;

pub use by_channel::ByChannel;
pub use files::{FILES, Files, MERGE};
pub use journal::Journal;
pub use maildir::Maildir;
pub use settings::{MailOutbox, Settings, SmtpSettings, Tls};
pub use smtp::{Credentials, Smtp};
pub use stop::{Guarded, Stop};
pub use tls::Authorities;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::diag::Failure;
use crate::model::company::Channel;
use crate::model::letter::attempt_name;
use crate::store::Place;

/// A claimed letter, ready to go. Its files lie in the run already.
#[derive(Clone, Copy, Debug)]
pub struct Dispatch<'a> {
    /// Reference.
    pub reference: &'a str,
    /// 1 at first; counts up after a refusal, a bounce, or where a person found that it never left.
    pub attempt: u32,
    /// How it travels.
    pub channel: Channel,
    /// The one mail address it goes to; empty for other channels.
    pub recipient: &'a str,
    /// SHA-256 by file name under the run.
    pub files: &'a BTreeMap<String, String>,
}

impl Dispatch<'_> {
    /// Names letter and attempt for ever; `NW-…`, or `NW-….2`.
    #[must_use]
    pub fn name(&self) -> String {
        attempt_name(self.reference, self.attempt)
    }
}

/// What an outbox can tell about a letter that was claimed, perhaps by a run that died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// It left; its receipt was lost.
    HandedOver,
    /// It was refused; its receipt was lost.
    Refused,
    /// It certainly did not leave.
    NotHandedOver,
    /// Nobody can tell: a person must look, the machine never sends it again.
    Unknowable,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// The outbox has it, durably.
    HandedOver,
    /// Definitely not taken, and it will not be.
    Refused,
    /// The answer was lost: perhaps taken, perhaps not.
    Unknown,
}

/// Where letters leave the house.
///
/// Contract (one suite holds every outbox to it):
/// - after `hand_over` answers [`Handed::HandedOver`], `trace` answers [`Trace::HandedOver`] or
///   [`Trace::Unknowable`], for ever and in any process; after `Refused`, [`Trace::Refused`];
/// - `trace` answers [`Trace::NotHandedOver`] only where nobody can have received the letter;
/// - a run that was taken for dead may still be handing the same letter over: both together leave
///   one letter at most (a create-only release, or a create-only mark before the mail);
/// - a failure means that this letter did not leave, and that others would fare no better.
pub trait Outbox: Send + Sync {
    /// Its name in receipts.
    fn name(&self, channel: Channel) -> &'static str;
    /// How many letters of a channel it takes at the same time.
    fn lanes(&self, _: Channel) -> usize {
        1
    }
    /// Could it take letters now? Asked before the first claim.
    ///
    /// # Errors
    /// It is not there (`TryLater`), or refuses us (`FixJob`).
    fn ready(&self) -> Result<(), Failure> {
        Ok(())
    }
    /// Did this letter leave already?
    ///
    /// # Errors
    /// The outbox cannot be reached.
    fn trace(&self, dispatch: &Dispatch<'_>) -> Result<Trace, Failure>;
    /// Hands one letter over, durably.
    ///
    /// # Errors
    /// The outbox cannot be reached, or a file of the letter is missing or changed.
    fn hand_over(&self, dispatch: &Dispatch<'_>) -> Result<Handed, Failure>;
}

/// One mail for one mailbox.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// Reference of the letter, and the attempt: names the mail for ever.
    pub name: &'a str,
    /// The one mailbox.
    pub recipient: &'a str,
    /// The message (RFC 5322), lines ending in CRLF.
    pub message: &'a [u8],
}

/// How a carrier answered, with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It has the mail.
    Accepted(String),
    /// It does not have it and will not take it.
    Refused(String),
    /// Perhaps it has it.
    Unknown(String),
}

/// What takes a mail away; a [`Journal`] makes an [`Outbox`] of it.
pub trait Carrier: Send + Sync {
    /// Its name in receipts.
    fn name(&self) -> &'static str;
    /// How many mails it takes at the same time.
    fn lanes(&self) -> usize {
        1
    }
    /// See [`Outbox::ready`].
    ///
    /// # Errors
    /// As there.
    fn ready(&self) -> Result<(), Failure>;
    /// Where a process died while sending: is the mail certainly there? `false` means unknown.
    ///
    /// # Errors
    /// The carrier cannot be reached.
    fn has(&self, mail_name: &str) -> Result<bool, Failure>;
    /// Sends one mail. `begin` is called before the first byte after which the mail may have
    /// been taken; it writes that down durably.
    ///
    /// # Errors
    /// The carrier is not there or refuses us as a whole: this mail was not taken.
    fn send(
        &self,
        mail: &Mail<'_>,
        begin: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<Sent, Failure>;
}

/// A file of the letter, which must still be the one that was rendered.
fn unchanged(place: &Place, folder: &str, name: &str, sha256: &str) -> Result<Vec<u8>, Failure> {
    let path = format!("{folder}{name}");
    let bytes = place.get(&path)?;
    if hex::encode(Sha256::digest(&bytes)) == sha256 {
        return Ok(bytes.to_vec());
    }
    Err(
        Failure::fix_data("the letter's file is not the one that was rendered")
            .at(place.display(&path), "")
            .hint("somebody changed the run's folder: put the file back, then run the same command again"),
    )
}
