//! Decisions: what became of one row for one company and one threat, and why.

use std::sync::Arc;

use super::asset::Asset;
use super::company::{Channel, Company, text_enum};
use super::identity::{FindingId, LetterId};
use super::matches::Match;
use super::observation::Observation;
use super::threat::{Certainty, Threat, Trigger, Urgency};

text_enum! {
    /// Where a matched row ends. The order is the order of preference: a row with several
    /// decisions counts under the last of these that any of them has (DECISIONS, section 3).
    Outcome {
        /// No threat, or too weak.
        BelowPolicy = "below_policy",
        /// Known already, or not wanted.
        Suppressed = "suppressed",
        /// Would be sent, and cannot.
        Held = "held",
        /// Stands in a letter.
        InLetters = "in_letters",
    }
}

macro_rules! reasons {
    ($($variant:ident $code:literal $outcome:ident $text:literal;)*) => {
        /// The closed list of reasons for a decision.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $(#[doc = $text] $variant,)* }
        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// The stable code that stands in `decisions.parquet`.
            #[must_use]
            pub const fn code(self) -> &'static str { match self { $(Self::$variant => $code,)* } }
            /// The outcome that the reason means.
            #[must_use]
            pub const fn outcome(self) -> Outcome { match self { $(Self::$variant => Outcome::$outcome,)* } }
            /// The reason for a person.
            #[must_use]
            pub const fn text(self) -> &'static str { match self { $(Self::$variant => $text,)* } }
        }
    };
}

reasons! {
    NoThreat "no_threat" BelowPolicy "no threat of the catalogue means this observation";
    ThreatShadow "threat_shadow" BelowPolicy "the threat runs in shadow: it is computed and nothing leaves";
    ThreatRetired "threat_retired" BelowPolicy "the threat is retired";
    NoTrigger "no_trigger" BelowPolicy "no trigger was open for the threat and the feed on that night";
    LowConfidence "low_confidence" BelowPolicy "the match is less sure than the threat asks for";
    LowSeverity "low_severity" BelowPolicy "the severity is below the threat's";
    NotAddressable "not_addressable" BelowPolicy "the job does not write to this kind of party";
    QuietDays "quiet_days" Suppressed "the same finding was written about within the quiet days";
    OptOut "opt_out" Suppressed "the company asked not to be written to";
    AcceptedRisk "accepted_risk" Suppressed "the company accepted the risk";
    NotMine "not_mine" Suppressed "the company said that this asset is not its own, and has not confirmed it since";
    FalsePositive "false_positive" Suppressed "the company said that there is no such problem at this place";
    SaidFixed "said_fixed" Suppressed "the company said that it is fixed, and this was seen before that";
    UnderOwnKey "under_own_key" Suppressed "the company is registered under another of its keys too, and there the same row is decided";
    SecondFeed "second_feed" Suppressed "the same finding stands in the letter by another feed";
    SecondRow "second_row" Suppressed "the same finding stands in the letter by a later row of the same feed";
    Superseded "superseded" Suppressed "another threat says more about the same spot, in this letter or in one of its quiet days";
    NoContact "no_contact" Held "no usable contact: somebody must find one";
    LetterImpossible "letter_impossible" Held "the letter could not be typeset";
    OverMaxLetters "over_max_letters" Held "over the number of letters that this run may send";
    Brake "brake" Held "a brake holds the whole night: see its manifest";
    FirstWarning "first_warning" InLetters "first letter about this finding";
    Reminder "reminder" InLetters "still open after the reminder days";
    Escalation "escalation" InLetters "still open after a letter by e-mail: now by post";
    SeverityUp "severity_up" InLetters "within the quiet days, but more severe than when it was written about";
    NewlyExploited "newly_exploited" InLetters "within the quiet days, but known to be exploited since";
    Relapse "relapse" InLetters "fixed, and back after the relapse days, or seen after the company said that it is fixed";
}

text_enum! {
    /// What a finding is in a letter.
    ItemKind {
        /// First letter about it.
        First = "first",
        /// Written about before, still open.
        Reminder = "reminder",
        /// Was gone and is back.
        Relapse = "relapse",
        /// Written about before by a weaker channel.
        Escalation = "escalation",
        /// Takes an earlier letter back.
        Correction = "correction",
    }
}

/// A contact, and why that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// How the letter travels.
    pub channel: Channel,
    /// Mail address or telephone number; empty for `post`.
    pub value: String,
    /// Function at the company.
    pub role: String,
    /// Why this one was chosen.
    pub why: ContactReason,
}

text_enum! {
    /// A step of the chain of contacts. The order is that of trying.
    ContactStep {
        /// Contacts of the company in the register.
        Registered = "registered",
        /// Contacts of its parent.
        Parent = "parent",
        /// Its own security.txt (RFC 9116).
        SecurityTxt = "security_txt",
        /// The registry's abuse mailbox (RDAP).
        Rdap = "rdap",
        /// `security@` and `abuse@` (RFC 2142).
        RoleMailbox = "rfc2142",
        /// The postal address of the register.
        PostalAddress = "postal_address",
        /// The owner of the network.
        NetworkOwner = "network_owner",
    }
}

text_enum! {
    /// Why a contact was chosen.
    ContactReason {
        /// The first usable registered contact.
        Registered = "registered",
        /// An earlier one bounced.
        RegisteredAfterBounce = "registered_after_bounce",
        /// No contact of its own: the parent's.
        Parent = "parent",
        /// No registered contact: a mail address out of the company's own security.txt.
        SecurityTxt = "security_txt",
        /// The abuse mailbox that the registry names for the company's own name or network.
        RdapAbuse = "rdap_abuse",
        /// A role mailbox of RFC 2142 at the company's own domain, which is known to take mail.
        RoleMailbox = "rfc2142",
        /// No published contact: the register's postal address.
        PostalAddress = "postal_address",
        /// No way to the company itself: the owner of the one network that holds all of it.
        NetworkOwner = "network_owner",
        /// No usable contact at all: the letter is held.
        NoneFound = "none_found",
        /// The job sends everything by post.
        JobSendsByPost = "job_sends_by_post",
        /// Reminders of what an e-mail did not change go by post.
        EscalatedToPost = "escalated_to_post",
    }
}

/// A row that met an asset, with everything that is known about it.
#[derive(Clone, Debug)]
pub struct Hit {
    /// What was seen.
    pub observation: Arc<Observation>,
    /// Whose it is.
    pub asset: Arc<Asset>,
    /// How they met.
    pub how: Match,
}

/// One row × company × threat.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The row, its asset and how they met: the best of the row's matches for this company.
    pub hit: Hit,
    /// The company.
    pub company: Arc<Company>,
    /// The threat; `None` where none means the row.
    pub threat: Option<Arc<Threat>>,
    /// Vulnerable or possible; `No` where there is no threat.
    pub certainty: Certainty,
    /// The trigger that is cited.
    pub trigger: Option<Arc<Trigger>>,
    /// The finding; `None` where there is no threat.
    pub finding: Option<FindingId>,
    /// What is meant: canonical address, A-label or account hash.
    pub target: String,
    /// Why; gives the outcome too.
    pub reason: Reason,
    /// The letter it stands in, or would.
    pub letter: Option<LetterId>,
    /// The contact that was chosen, where one was looked for.
    pub recipient: Option<Recipient>,
    /// Every step of the chain of contacts that was tried, and what it came to.
    pub contact_trail: Arc<[String]>,
    /// How fast to act, by the job's rules.
    pub urgency: Urgency,
    /// The rule that made it so, with what held or did not.
    pub urgency_reason: String,
    /// When this finding was first seen, by this night or the ledger.
    pub first_observed_at: i64,
    /// What was followed of the company's former keys.
    pub followed: Followed,
}

/// Why a decision knows of what happened under a former key of the company.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// The same finding under former keys, as the ledger has it.
    pub findings: Vec<FindingId>,
    /// The answer that decides was given under a former key.
    pub is_answer: bool,
}

impl Followed {
    /// For a table; empty where nothing was followed. No key stands in it: that may be erased.
    #[must_use]
    pub fn text(&self) -> String {
        let findings = self.findings.iter().map(|id| format!("finding {id}"));
        let answer = self.is_answer.then(|| "an answer".to_owned());
        findings.chain(answer).collect::<Vec<_>>().join("; ")
    }
}

impl Decision {
    /// Where the row ends.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.reason.outcome()
    }
}
