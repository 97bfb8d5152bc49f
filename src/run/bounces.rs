//! Mails that came back: reads delivery status notifications (RFC 3464) and writes them down.
//!
//! A notification counts only if it names a letter that the ledger knows. The reference holds 50
//! secret bits that stand in the returned mail alone, so nobody else can make a letter bounce.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::model::identity::Reference;
use crate::model::ledger_record::{AttemptKey, Claim, LedgerView, Receipt, ReceiptState, Record};

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
    let mut receipts: BTreeMap<AttemptKey, Record> = BTreeMap::new();
    let mut said = String::new();
    let notices: Vec<Option<Notice>> = mails.iter().map(|mail| notice(mail)).collect();
    let known = Known::of(ledger.view(), notices.iter().flatten());
    for notice in &notices {
        let (mut kind, claim) = known.judge(notice.as_ref());
        if let (Kind::Bounced, Some(claim)) = (kind, claim) {
            if receipts.insert(claim.key(), bounced(claim)).is_some() {
                kind = Kind::Known;
            } else {
                let _ = writeln!(said, "bounced: {}", claim.reference);
            }
        }
        *counts.entry(kind).or_default() += 1;
    }
    let records: Vec<Record> = receipts.into_values().collect();
    if !records.is_empty() {
        ledger.append(records, &mut |view, records| view.missing(records))?;
    }
    let _ = writeln!(said, "{} mails", mails.len());
    for kind in Kind::ALL {
        if let Some(n) = counts.get(kind) {
            let _ = writeln!(said, "  {n} {kind}");
        }
    }
    Ok(said)
}

/// Who says so in the receipt.
const BY: &str = "bounces";

fn bounced(claim: &Claim) -> Record {
    claim.receipt(ReceiptState::Bounced, BY)
}

/// A delivery status notification.
struct Notice {
    /// The letters and attempts that it names by the envelope id that we gave (RFC 3461).
    envelopes: Vec<(Reference, u32)>,
    /// Those that the returned mail names itself.
    returned: Vec<(Reference, u32)>,
    is_final: bool,
}

/// `None` where the mail is something else.
fn notice(mail: &[u8]) -> Option<Notice> {
    let message = MessageParser::default().parse(mail)?;
    let status = status(&message)?;
    // RFC 3464, section 2.3.3: only `failed` is final and bad.
    let is_final = fields(&status, "action").any(|a| a.eq_ignore_ascii_case("failed"))
        && fields(&status, "status").all(|s| s.starts_with('5'));
    Some(Notice {
        envelopes: fields(&status, "original-envelope-id")
            .filter_map(name)
            .collect(),
        returned: returned(&message),
        is_final,
    })
}

/// What the ledger holds of the letters that a mailbox names.
struct Known<'v> {
    /// The first claim of every attempt of these letters.
    claims: BTreeMap<(&'v Reference, u32), &'v Claim>,
    bounced: BTreeSet<AttemptKey>,
    not_sent: BTreeSet<AttemptKey>,
}

impl<'v> Known<'v> {
    fn of<'n>(view: &'v LedgerView, notices: impl Iterator<Item = &'n Notice>) -> Self {
        let named: BTreeSet<&Reference> = notices
            .flat_map(|n| n.envelopes.iter().chain(&n.returned))
            .map(|(reference, _)| reference)
            .collect();
        let mut claims = BTreeMap::new();
        for claim in view.claims().filter(|c| named.contains(&c.reference)) {
            let name = (&claim.reference, claim.attempt);
            claims.entry(name).or_insert(claim);
        }
        let ours = |r: &&Receipt| r.state == ReceiptState::Bounced && *r.outbox == *BY;
        let not_sent = |r: &&Receipt| r.state == ReceiptState::NotSent;
        Self {
            claims,
            bounced: view.receipts().filter(ours).map(Receipt::key).collect(),
            not_sent: view.receipts().filter(not_sent).map(Receipt::key).collect(),
        }
    }

    /// What a mail is, and which claim it is about.
    fn judge(&self, notice: Option<&Notice>) -> (Kind, Option<&'v Claim>) {
        let Some(notice) = notice else {
            return (Kind::Other, None);
        };
        let claim = |(reference, attempt): &(Reference, u32)| {
            self.claims.get(&(reference, *attempt)).copied()
        };
        let by_envelope = notice.envelopes.iter().find_map(claim);
        let by_mail = || notice.returned.iter().find_map(claim);
        let Some(claim) = by_envelope.or_else(|| by_mail().map(|c| self.that_left(c))) else {
            return (Kind::Foreign, None);
        };
        let kind = if !notice.is_final {
            Kind::NotFinal
        } else if self.bounced.contains(&claim.key()) {
            Kind::Known
        } else {
            Kind::Bounced
        };
        (kind, Some(claim))
    }

    /// A letter that a person found not to be sent leaves with the bytes of its first try, whose
    /// Message-ID names that one: what came back is the try that left.
    fn that_left(&self, claim: &'v Claim) -> &'v Claim {
        let mut left = claim;
        while self.not_sent.contains(&left.key()) {
            let next = (&left.reference, left.attempt.saturating_add(1));
            match self.claims.get(&next) {
                Some(next) if next.attempt > left.attempt => left = next,
                _ => break,
            }
        }
        left
    }
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

/// Letters and attempts by the Message-ID of the returned mail. Beside this and the envelope id
/// nothing is searched: a person may quote a reference in any text.
fn returned(message: &Message<'_>) -> Vec<(Reference, u32)> {
    let mut found = Vec::new();
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
        found.extend(local.and_then(name));
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

/// `NW-….2`: a reference and an attempt, the first where none is named.
fn name(text: &str) -> Option<(Reference, u32)> {
    match text.split_once('.') {
        Some((reference, n)) => Some((reference.parse().ok()?, n.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
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
