//! What happens to letters after they left: what recipients answer, what the printer reports,
//! and corrections. Records of the ledger: no name, no address, no contact.

use jiff::civil::Date;

use super::company::text_enum;
use super::identity::{FindingId, LetterId, PartyRef, Reference};
use super::ledger_record::{Claim, LedgerView, Record, each};
use super::night::{Micros, Night};

text_enum! {
    /// What a recipient says about a letter.
    AnswerKind {
        /// The problem is solved; seen again later, it is a relapse.
        Fixed = "fixed",
        /// The place is not the company's: the asset is suspended for it.
        NotMine = "not-mine",
        /// There is no such problem at that place.
        FalsePositive = "false-positive",
        /// The company knows of the problem and leaves it so for a time.
        AcceptedRisk = "accepted-risk",
        /// The company wants no letters for a time.
        OptOut = "opt-out",
    }
}

/// One answer of a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The letter that it is about.
    pub letter_id: LetterId,
    /// Night of that letter.
    pub night: Night,
    /// The company, as keyed hash.
    pub party_ref: PartyRef,
    /// What it says.
    pub kind: AnswerKind,
    /// Who says so: a role out of a closed list, or a keyed hash. Never a name.
    pub by: String,
    /// When it was written down.
    pub said_at: Micros,
    /// First date on which it no longer counts; `None` means that it has no end.
    pub until: Option<Date>,
    /// The findings of the letter that are meant, sorted.
    pub findings: Vec<FindingId>,
    /// The registered values that carried them, as keyed hashes, sorted.
    pub assets: Vec<PartyRef>,
}

/// The outbox of receipts that come out of a report about a batch, or of one that never was.
pub const PRINTER: &str = "printer";

/// Letters that a printer gets as one file, or a mail program as one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintBatch {
    /// `2026-03-12-001`, by e-mail `2026-03-12-e001`: names it for ever.
    pub batch_id: String,
    /// Night of its letters.
    pub night: Night,
    /// SHA-256 of the file, hexadecimal; empty where its letters are printed one by one.
    pub sha256: String,
    /// Sheets of paper; 0 by e-mail alone.
    pub sheets: u32,
    /// Its letters, in the order of the file.
    pub letters: Vec<Reference>,
}

impl PrintBatch {
    /// Does it go by e-mail? Each letter by post has a sheet at least.
    #[must_use]
    pub const fn is_email(&self) -> bool {
        self.sheets == 0
    }
}

text_enum! {
    /// What a printer says about one letter, or who mailed it.
    PrintState {
        /// It is in the post, or mailed.
        Posted = "posted",
        /// It was never posted: the sheet was spoiled, the mail not sent.
        Spoiled = "spoiled",
        /// It came back: bounced.
        Returned = "returned",
    }
}

/// What the printer reports about letters of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintReport {
    /// Batch.
    pub batch_id: String,
    /// Letters and what became of them, sorted.
    pub letters: Vec<(Reference, PrintState)>,
}

/// A wrong statement that is taken back: pinned before the first correction is claimed, so that
/// the same call again goes on with the same date and the same words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The threat that was stated wrongly.
    pub threat_id: String,
    /// The night whose letters stated it.
    pub night: Night,
    /// Date of the corrections.
    pub dated: Night,
    /// SHA-256 of the reason's file, hexadecimal.
    pub reason_sha256: String,
}

impl LedgerView {
    /// Every answer, in order.
    pub fn answers(&self) -> impl Iterator<Item = &Answer> {
        each!(self, Answer)
    }

    /// Every batch for the printer, in order.
    pub fn print_batches(&self) -> impl Iterator<Item = &PrintBatch> {
        each!(self, PrintBatch)
    }

    /// What a correction's claim is of: the night whose letter to this company stated the threat.
    #[must_use]
    pub fn correction_of(&self, claim: &Claim) -> Option<&Correction> {
        let item = claim.items.first().filter(|_| claim.is_correction())?;
        let states = |night| {
            let mut claims = self.claims_of(night).filter(|c| !c.is_correction());
            claims.any(|c| {
                let mut items = c.items.iter();
                c.party_ref == claim.party_ref && items.any(|i| i.finding_id == item.finding_id)
            })
        };
        let of_day = self.corrections().filter(|c| c.dated == claim.night);
        let mut of_threat = of_day.filter(|c| *c.threat_id == *item.threat_id);
        of_threat.find(|c| states(c.night))
    }

    /// What printers reported, in order.
    pub fn print_reports(&self) -> impl Iterator<Item = &PrintReport> {
        each!(self, PrintReport)
    }

    /// Every correction, in order.
    pub fn corrections(&self) -> impl Iterator<Item = &Correction> {
        each!(self, Correction)
    }
}
