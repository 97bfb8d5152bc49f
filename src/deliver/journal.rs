//! Writes down that a mail is about to leave, and what became of it.
//!
//! `outbox/<name>.sending.json` comes before the first byte after which the mail may have been
//! taken, `outbox/<name>.json` after the answer; both are create-only. Without the first the mail
//! certainly did not leave; with the first alone nobody can tell, and the machine never sends it
//! again. So a death costs as many unknown letters as were under way, not a night's.

use super::{Carrier, Dispatch, Handed, Mail, Outbox, Sent, Trace, unchanged};
use crate::diag::Failure;
use crate::model::company::Channel;
use crate::store::{Created, Place};

/// An outbox that a carrier and a journal make together.
pub struct Journal<C> {
    place: Place,
    folder: String,
    carrier: C,
}

const MARKED_HANDED_OVER: &str = "\"state\": \"handed_over\"";

impl<C: Carrier> Journal<C> {
    /// The outbox of a run; `folder` is `runs/<night>/<run>/`.
    pub const fn new(place: Place, folder: String, carrier: C) -> Self {
        Self {
            place,
            folder,
            carrier,
        }
    }

    fn path(&self, name: &str, what: &str) -> String {
        format!("{}outbox/{name}{what}.json", self.folder)
    }

    fn message(&self, dispatch: &Dispatch<'_>) -> Result<Vec<u8>, Failure> {
        let eml = dispatch
            .files
            .iter()
            .find(|(name, _)| name.ends_with(".eml"));
        let (name, sha256) = eml.ok_or_else(|| {
            Failure::our_bug(format!("letter {} has no mail", dispatch.reference))
        })?;
        unchanged(&self.place, &self.folder, name, sha256)
    }

    /// Writes the mark; `None` where another run wrote it first and may be sending this mail.
    fn begin(&self, name: &str) -> Result<Option<()>, Failure> {
        let mark = serde_json::json!({ "mail": name, "outbox": self.carrier.name() });
        let path = self.path(name, ".sending");
        let created = self.place.create(&path, format!("{mark:#}\n").as_bytes())?;
        Ok((created == Created::Ours).then_some(()))
    }

    fn end(&self, name: &str, state: &str, reply: &str) -> Result<(), Failure> {
        let reply = nameless(reply);
        let result = serde_json::json!({ "mail": name, "reply": reply, "state": state });
        let path = self.path(name, "");
        match self
            .place
            .create(&path, format!("{result:#}\n").as_bytes())?
        {
            Created::Ours => Ok(()),
            Created::Exists => Err(Failure::our_bug(
                "what became of a mail is written down already: it was sent twice",
            )
            .at(self.place.display(&path), "")),
        }
    }
}

/// What a mail server said, on one line, without the mailbox: this object outlives an erasure.
fn nameless(reply: &str) -> String {
    let is_mailbox = |word: &&str| word.contains('@');
    let boxes: Vec<&str> = reply.split_whitespace().filter(is_mailbox).collect();
    // Servers repeat what stands before the `@` alone as well.
    let is_letter = |c: char| c.is_alphanumeric();
    let names = boxes
        .iter()
        .filter_map(|b| b.split('@').next())
        .map(|name| name.trim_matches(|c: char| !is_letter(c)))
        .filter(|name| !name.is_empty());
    let names: Vec<&str> = names.collect();
    let words = reply.split_whitespace().map(|word| {
        let bare = word.trim_matches(|c: char| !is_letter(c));
        if is_mailbox(&word) || names.contains(&bare) {
            "<mailbox>"
        } else {
            word
        }
    });
    let said = words.collect::<Vec<_>>().join(" ");
    said.chars().filter(|c| !c.is_control()).take(500).collect()
}

impl<C: Carrier> Outbox for Journal<C> {
    fn name(&self, _: Channel) -> &'static str {
        self.carrier.name()
    }

    fn lanes(&self, _: Channel) -> usize {
        self.carrier.lanes()
    }

    fn ready(&self) -> Result<(), Failure> {
        self.carrier.ready()
    }

    fn trace(&self, dispatch: &Dispatch<'_>) -> Result<Trace, Failure> {
        let name = dispatch.name();
        let result = self.path(&name, "");
        if self.place.exists(&result)? {
            let text = String::from_utf8_lossy(&self.place.get(&result)?).into_owned();
            return Ok(if text.contains(MARKED_HANDED_OVER) {
                Trace::HandedOver
            } else {
                Trace::Refused
            });
        }
        if !self.place.exists(&self.path(&name, ".sending"))? {
            return Ok(Trace::NotHandedOver);
        }
        Ok(if self.carrier.has(&name)? {
            Trace::HandedOver
        } else {
            Trace::Unknowable
        })
    }

    fn hand_over(&self, dispatch: &Dispatch<'_>) -> Result<Handed, Failure> {
        let name = dispatch.name();
        let message = self.message(dispatch)?;
        let mail = Mail {
            name: &name,
            recipient: dispatch.recipient,
            message: &message,
        };
        let (mut has_begun, mut is_elsewhere) = (false, false);
        let sent = self.carrier.send(&mail, &mut || {
            if has_begun {
                return Ok(()); // a further try after a definite "not now"
            }
            has_begun = self.begin(&name)?.is_some();
            is_elsewhere = !has_begun;
            if has_begun {
                return Ok(());
            }
            Err(Failure::try_later("another run is sending this mail"))
        });
        let sent = match sent {
            Err(_) if is_elsewhere => Sent::Unknown("another run began to send it".into()),
            // The mark stands, and the carrier says that this mail was not taken.
            Err(failure) if has_begun => {
                self.end(&name, "refused", "not sent: the outbox broke down")?;
                return Err(failure);
            }
            sent => sent?,
        };
        match sent {
            Sent::Accepted(reply) => {
                self.end(&name, "handed_over", &reply)?;
                Ok(Handed::HandedOver)
            }
            Sent::Refused(reply) => {
                self.end(&name, "refused", &reply)?;
                Ok(Handed::Refused)
            }
            // No result: the mark alone says that nobody can tell.
            Sent::Unknown(why) => {
                tracing::warn!(reference = dispatch.reference, "letter is unknown: {why}");
                Ok(Handed::Unknown)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::nameless;

    #[test]
    fn a_reply_keeps_its_code_and_loses_the_mailbox() {
        let said = "550 5.1.1 <j.doe@mail.example>: no such user,\r\n \"j.doe\" unknown \u{1b}[2J";
        let kept = "550 5.1.1 <mailbox> no such user, <mailbox> unknown [2J";
        assert_eq!(nameless(said), kept);
        assert_eq!(
            nameless("250 2.0.0 Ok: queued as 1A2B"),
            "250 2.0.0 Ok: queued as 1A2B"
        );
    }
}
