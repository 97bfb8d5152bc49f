//! A letter, as decided: who gets it and what it is about. Rendering adds words, nothing else.

use std::sync::Arc;

use jiff::civil::Date;

use super::company::{Company, Language};
use super::decision::{ContactReason, ItemKind, Recipient};
use super::identity::{FindingId, LetterId, Reference};
use super::matches::{Confidence, MatchedBy};
use super::night::{Micros, Night};
use super::observation::Severity;
use super::threat::{Certainty, Threat, Trigger, Urgency};

/// A public fact about a CVE, with the day it is of. Printed in the letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// Listed by CISA as exploited.
    Kev {
        /// CVE.
        cve: String,
        /// Day on which it was listed.
        since: Date,
        /// Day of the list.
        as_of: Date,
    },
    /// Probability of exploitation within 30 days (FIRST), in ten-thousandths.
    Epss {
        /// CVE.
        cve: String,
        /// Probability × 10,000.
        per_10_000: u16,
        /// Day of the scores.
        as_of: Date,
    },
    /// Versions in which it is fixed, as a CVE record or an advisory states them.
    Fixed {
        /// CVE.
        cve: String,
        /// Product and first fixed version.
        versions: Vec<String>,
        /// `CVE`, or publisher and number of an advisory.
        source: String,
        /// Day on which the source was read.
        as_of: Date,
    },
}

/// One spot where the threat was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterFinding {
    /// Identity.
    pub id: FindingId,
    /// Canonical address, A-label or account hash.
    pub target: String,
    /// Address, where there is one.
    pub ip: Option<std::net::IpAddr>,
    /// Host name as delivered. Hostile.
    pub hostname: Option<String>,
    /// Mail domain of the leaked account, where one was met by it: its reader knows no hash. Hostile.
    pub account_domain: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// Transport protocol. Hostile.
    pub protocol: Option<String>,
    /// Of a machine that connects outwards ([`FindingUnit::Address`]): the port that it did so from
    /// when it was seen last. With the time it leads to the machine.
    ///
    /// [`FindingUnit::Address`]: super::threat::FindingUnit::Address
    pub source_port: Option<u16>,
    /// Of such a machine: the feed's tags, as a rule the malware's name. Hostile.
    pub tags: Vec<String>,
    /// Product. Hostile.
    pub product: Option<String>,
    /// Version. Hostile.
    pub version: Option<String>,
    /// CVE identifiers.
    pub cves: Vec<String>,
    /// Severity.
    pub severity: Option<Severity>,
    /// Last seen tonight.
    pub observed_at: Micros,
    /// First seen, by the ledger or tonight.
    pub first_observed_at: Micros,
    /// Date of the snapshot.
    pub snapshot_date: Date,
    /// Feed.
    pub feed: String,
    /// Report type.
    pub report: String,
    /// TLP label of the observation.
    pub tlp: Option<String>,
    /// The registered value that it met.
    pub asset: String,
    /// How they met.
    pub matched_by: MatchedBy,
    /// How surely it is the company's.
    pub confidence: Confidence,
    /// Vulnerable or possible.
    pub certainty: Certainty,
    /// First letter, reminder or relapse.
    pub kind: ItemKind,
}

/// Everything about one threat in one letter.
#[derive(Clone, Debug)]
pub struct LetterSection {
    /// The threat with its texts.
    pub threat: Arc<Threat>,
    /// The occasion.
    pub trigger: Arc<Trigger>,
    /// How fast to act: the most urgent of its findings.
    pub urgency: Urgency,
    /// Public facts, sorted.
    pub facts: Vec<Fact>,
    /// The spots, sorted by target and port; empty in a correction alone.
    pub findings: Vec<LetterFinding>,
}

/// What a correction takes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// Reference of the letter that was wrong.
    pub reference: Reference,
    /// Its night.
    pub night: Night,
    /// That letter said other things too, and they stand.
    pub is_part: bool,
    /// Why, in the language of the letter: one paragraph each.
    pub reason: Vec<String>,
}

/// What a parent company is told of the letters to its daughters on a night.
///
/// No address, no host, no evidence, and nothing that a feed's label keeps in one organisation.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Most urgent first; never empty.
    pub letters: Vec<OverviewLetter>,
}

/// One letter in an overview.
#[derive(Clone, Debug)]
pub struct OverviewLetter {
    /// Its identity.
    pub id: LetterId,
    /// What its reader quotes.
    pub reference: Reference,
    /// Whom it is about.
    pub company: Arc<Company>,
    /// Why it went where it went: not always to the company itself.
    pub why: ContactReason,
    /// Most urgent first; never empty.
    pub threats: Vec<OverviewThreat>,
}

/// One threat in such a letter.
#[derive(Clone, Debug)]
pub struct OverviewThreat {
    /// The threat.
    pub threat: Arc<Threat>,
    /// The most urgent of the places that are counted.
    pub urgency: Urgency,
    /// Places that may be told.
    pub n_places: usize,
}

/// One letter to one company.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Identity.
    pub id: LetterId,
    /// What the reader quotes.
    pub reference: Reference,
    /// The night; also the date of the letter.
    pub night: Night,
    /// Whom it is about.
    pub company: Arc<Company>,
    /// Whose postal address it carries: the company's, or the parent's where the parent's contact is used.
    pub addressee: Arc<Company>,
    /// Whom it goes to.
    pub recipient: Recipient,
    /// In which language.
    pub language: Language,
    /// Counts up after a bounce or a refusal; 1 at first.
    pub attempt: u32,
    /// Most urgent first; empty in an overview alone.
    pub sections: Vec<LetterSection>,
    /// Set for a correction: its one section has no findings.
    pub correction: Option<TakenBack>,
    /// Set for an overview.
    pub overview: Option<Overview>,
}

impl Letter {
    /// Names the letter's files: its reference, and its attempt.
    #[must_use]
    pub fn name(&self) -> String {
        attempt_name(self.reference.as_str(), self.attempt)
    }
}

/// The reference, and the attempt where it is not the first: `NW-….2`.
#[must_use]
pub fn attempt_name(reference: &str, attempt: u32) -> String {
    match attempt {
        0 | 1 => reference.to_owned(),
        n => format!("{reference}.{n}"),
    }
}

/// Which of the three forms of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// Plain text, 72 columns.
    Text,
    /// HTML for mail.
    Html,
    /// PDF/A-2a and PDF/UA-1.
    Pdf,
}

impl Form {
    /// Every form.
    pub const ALL: &'static [Self] = &[Self::Text, Self::Html, Self::Pdf];

    /// File extension.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Html => "html",
            Self::Pdf => "pdf",
        }
    }
}

/// Who sends, as the job configures it. Printed on every letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Name of the service.
    pub name: String,
    /// One line under the name, per language: Dutch, English.
    pub tagline: [String; 2],
    /// Return address, one line, for the window.
    pub return_address: String,
    /// Telephone number that confirms a reference.
    pub phone: String,
    /// Mail address for answers.
    pub email: String,
    /// Where the verification list and the privacy notice are, as text.
    pub website: String,
    /// Legal basis, Dutch and English: one sentence.
    pub legal_basis: [String; 2],
    /// Where the privacy notice is, as text.
    pub privacy_notice: String,
    /// Town for the date line.
    pub town: String,
    /// Accent colour as `#rrggbb`.
    pub accent: String,
}
