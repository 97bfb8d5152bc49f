//! Mails that came back: reads delivery status notifications (RFC 3464) and writes them down.
//!
//! A notification counts only if it names a letter that the ledger knows. The reference holds 50
//! secret bits that stand in the returned mail alone, so nobody else can make a letter bounce.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use mail_parser::mailbox::mbox;
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

use super::Moment;
use super::load::{Call, load};
use crate::diag::Failure;
use crate::ledger::{Holder, Ledger};
use crate::model::company::text_enum;
use crate::model::identity::{LetterId, Reference};
use crate::model::ledger_record::{Claim, LedgerView, Receipt, ReceiptState, Record};
use crate::model::night::Night;

text_enum! {
    /// What a mail of the mailbox was.
    Kind {
        /// A letter of ours that came back, for good.
        Bounced = "bounced",
        /// The same bounce again.
        Known = "noted before",
        /// A letter of ours that is late, or arrived: nothing to note.
        NotFinal = "late or delivered, nothing to note",
        /// A notification about a mail that the ledger does not know.
        Foreign = "about no letter of ours",
        /// Something else: an answer, an advertisement.
        Other = "not a delivery status notification",
    }
}

/// Reads a mailbox (an mbox file, a Maildir, or one message) and notes letters that came back.
/// Reading the same mailbox again notes nothing new.
///
/// # Errors
/// `FixJob` where the mailbox cannot be read; as the ledger.
pub fn bounces(call: &Call, mailbox: &Path, moment: &Moment) -> Result<String, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let mails = mails(mailbox).map_err(|e| {
        Failure::fix_job(format!("the mailbox cannot be read: {e}"))
            .at(mailbox.display().to_string(), "")
            .hint("expected an mbox file, a Maildir, or one message")
    })?;
    let mut ledger = Ledger::open(
        &place,
        &loaded.job.ledger,
        &Holder::this_process(&moment.run_id),
    )?;
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut receipts: BTreeMap<(LetterId, Night, u32), Record> = BTreeMap::new();
    let mut said = String::new();
    for mail in &mails {
        let (kind, claim) = judge(mail, ledger.view());
        let mut kind = kind;
        if let (Kind::Bounced, Some(claim)) = (kind, claim) {
            let key = (claim.letter_id, claim.night, claim.attempt);
            if receipts.insert(key, bounced(claim)).is_some() {
                kind = Kind::Known;
            } else {
                let _ = writeln!(said, "bounced: {}", claim.reference);
            }
        }
        *counts.entry(kind).or_default() += 1;
    }
    let records: Vec<Record> = receipts.into_values().collect();
    if !records.is_empty() {
        ledger.append(records, &mut |view, records| {
            records.into_iter().filter(|r| !is_known(view, r)).collect()
        })?;
    }
    let _ = writeln!(said, "{} mails", mails.len());
    for kind in Kind::ALL {
        if let Some(n) = counts.get(kind) {
            let _ = writeln!(said, "  {n} {kind}");
        }
    }
    Ok(said)
}

fn bounced(claim: &Claim) -> Record {
    Record::Receipt(Receipt {
        letter_id: claim.letter_id,
        night: claim.night,
        attempt: claim.attempt,
        state: ReceiptState::Bounced,
        outbox: "bounces".into(),
    })
}

fn is_known(view: &LedgerView, record: &Record) -> bool {
    matches!(record, Record::Receipt(new) if view.receipts().any(|r| r == new))
}

/// What a mail is, and which claim it is about.
fn judge<'v>(mail: &[u8], view: &'v LedgerView) -> (Kind, Option<&'v Claim>) {
    let Some(message) = MessageParser::default().parse(mail) else {
        return (Kind::Other, None);
    };
    let Some(status) = status(&message) else {
        return (Kind::Other, None);
    };
    let names = names(&message, &status);
    let claim = view
        .claims()
        .find(|c| names.contains(&(c.reference.clone(), c.attempt)));
    let Some(claim) = claim else {
        return (Kind::Foreign, None);
    };
    // RFC 3464, section 2.3.3: only `failed` is final and bad.
    let is_final = fields(&status, "action").any(|a| a.eq_ignore_ascii_case("failed"))
        && fields(&status, "status").all(|s| s.starts_with('5'));
    if !is_final {
        return (Kind::NotFinal, Some(claim));
    }
    if is_known(view, &bounced(claim)) {
        return (Kind::Known, Some(claim));
    }
    (Kind::Bounced, Some(claim))
}

/// The machine-readable part.
fn status(message: &Message<'_>) -> Option<String> {
    let part = message.parts.iter().find(|p| {
        p.content_type().is_some_and(|t| {
            t.ctype().eq_ignore_ascii_case("message")
                && t.subtype()
                    .is_some_and(|s| s.eq_ignore_ascii_case("delivery-status"))
        })
    })?;
    Some(String::from_utf8_lossy(part.contents()).into_owned())
}

/// Values of a field of the machine-readable part, without their type prefix.
fn fields<'t>(status: &'t str, field: &'static str) -> impl Iterator<Item = &'t str> {
    status.lines().filter_map(move |line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case(field)
            .then(|| value.trim())
    })
}

/// Letters and attempts that the notification names: by the envelope id that we gave (RFC 3461),
/// or by the Message-ID of the returned mail. Nothing else is searched: a person may quote a
/// reference in any text.
fn names(message: &Message<'_>, status: &str) -> Vec<(Reference, u32)> {
    let mut found: Vec<(Reference, u32)> = fields(status, "original-envelope-id")
        .filter_map(|id| name(id, 1))
        .collect();
    for part in &message.parts {
        let id = match &part.body {
            PartType::Message(returned) => returned.message_id().map(str::to_owned),
            PartType::Text(headers) if is_headers(part) => {
                let parsed = MessageParser::default().parse(headers.as_bytes());
                parsed.and_then(|m| m.message_id().map(str::to_owned))
            }
            _ => None,
        };
        let local = id.as_deref().and_then(|id| id.split('@').next());
        found.extend(local.and_then(|local| name(local, 1)));
    }
    found
}

/// `text/rfc822-headers` (RFC 6522): what `RET=HDRS` brings back.
fn is_headers(part: &mail_parser::MessagePart<'_>) -> bool {
    part.content_type().is_some_and(|t| {
        t.subtype()
            .is_some_and(|s| s.eq_ignore_ascii_case("rfc822-headers"))
    })
}

/// `NW-….2`: a reference and an attempt.
fn name(text: &str, attempt: u32) -> Option<(Reference, u32)> {
    match text.split_once('.') {
        Some((reference, n)) => Some((reference.parse().ok()?, n.parse().ok()?)),
        None => Some((text.parse().ok()?, attempt)),
    }
}

fn mails(mailbox: &Path) -> io::Result<Vec<Vec<u8>>> {
    if mailbox.is_dir() {
        let mut files: Vec<PathBuf> = Vec::new();
        for sub in ["new", "cur"] {
            for entry in fs::read_dir(mailbox.join(sub))? {
                files.push(entry?.path());
            }
        }
        files.sort();
        return files.iter().map(fs::read).collect();
    }
    let mut start = [0u8; 5];
    let n_read = io::Read::read(&mut File::open(mailbox)?, &mut start)?;
    if start.get(..n_read) != Some(b"From ") {
        return Ok(vec![fs::read(mailbox)?]);
    }
    mbox::MessageIterator::new(BufReader::new(File::open(mailbox)?))
        .map(|mail| {
            mail.map(mbox::Message::unwrap_contents)
                .map_err(|_| io::Error::other("not an mbox file"))
        })
        .collect()
}
