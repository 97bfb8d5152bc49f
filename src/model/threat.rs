//! Threats (what) and triggers (the occasion on which the service warned).

use jiff::civil::Date;

use super::company::{Language, text_enum};
use super::matches::Confidence;
use super::observation::Severity;

text_enum! {
    /// Whether a threat's letters leave the house.
    ThreatState {
        /// Everything is computed, nothing leaves.
        Shadow = "shadow",
        /// Letters leave.
        Active = "active",
        /// No longer used; its id is never given out again.
        Retired = "retired",
    }
}

text_enum! {
    /// How fast a company should act; the first goes first.
    Urgency {
        /// Today.
        Urgent = "urgent",
        /// This week.
        Normal = "normal",
    }
}

text_enum! {
    /// What one finding of a threat is about.
    FindingUnit {
        /// A service: the same address with another port is another finding.
        Port = "port",
        /// A machine: its port is that of an outgoing connection, and another one every time.
        Address = "address",
    }
}

/// Where on an address a row was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Port of a service: part of what the finding is.
    pub port: Option<u16>,
    /// Transport protocol of a service, likewise.
    pub protocol: Option<String>,
    /// Port that a machine connected from: no part of what the finding is.
    pub source_port: Option<u16>,
}

impl FindingUnit {
    /// Is the finding a machine, whatever it connects from?
    #[must_use]
    pub fn is_machine(self) -> bool {
        self == Self::Address
    }

    /// What a row's port and protocol are to such a finding.
    #[must_use]
    pub fn spot(self, port: Option<u16>, protocol: Option<String>) -> Spot {
        let is_machine = self.is_machine();
        Spot {
            port: port.filter(|_| !is_machine),
            protocol: protocol.filter(|_| !is_machine),
            source_port: port.filter(|_| is_machine),
        }
    }
}

text_enum! {
    /// How version texts of a product are ordered.
    VersionScheme {
        /// Numbers between dots, any count: `10.0.17763`.
        Dotted = "dotted",
        /// Semantic versions.
        Semver = "semver",
        /// Exchange build numbers: `15.2.1118.7`, also in short form.
        ExchangeBuild = "exchange-build",
        /// Debian package versions.
        Debian = "debian",
    }
}

/// A span of versions; `from` inclusive, `below` exclusive; a missing end is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange {
    /// How to compare.
    pub scheme: VersionScheme,
    /// First vulnerable version.
    pub from: Option<String>,
    /// First version that is no longer vulnerable.
    pub below: Option<String>,
}

/// One alternative of a threat's rule: every list that is not empty must hold one of the
/// observation's values, compared whole and case-folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// Report types.
    pub report: Vec<String>,
    /// Feeds.
    pub feed: Vec<String>,
    /// Tags; an observation has several.
    pub tag: Vec<String>,
    /// CVE identifiers; an observation has several.
    pub cve: Vec<String>,
    /// Vendors.
    pub vendor: Vec<String>,
    /// Products.
    pub product: Vec<String>,
    /// Ports.
    pub port: Vec<u16>,
    /// Severities.
    pub severity: Vec<Severity>,
    /// RSIT types.
    pub classification_type: Vec<String>,
    /// Versions: any of them.
    pub version: Vec<VersionRange>,
}

/// What a letter says about a threat, in one language. Plain language, level B1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreatText {
    /// Short title, such as `Uw mailserver heeft een ernstig lek`.
    pub title: String,
    /// What is wrong: one paragraph.
    pub what: String,
    /// Why it matters: one paragraph.
    pub risk: String,
    /// What to do now: one sentence a step.
    pub do_now: Vec<String>,
    /// How to check for abuse: one sentence a step.
    pub check_for_abuse: Vec<String>,
    /// The same to the owner of a network, whose customer the rest speaks to.
    pub to_owner: Option<OwnerText>,
}

/// What is said to the owner of a network, who does not run the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerText {
    /// Short title, such as `In uw netwerk staat een mailserver met een ernstig lek`.
    pub title: String,
    /// What is wrong: one paragraph.
    pub what: String,
}

/// Where a reader finds more. Written as text, never as a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceText {
    /// Who wrote it and what it is.
    pub title: String,
    /// Its address, as text.
    pub url: String,
}

/// A row that a threat's rule must answer in a known way; run by `check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreatTest {
    /// What the row shows.
    pub name: String,
    /// Column and value, in the names of the table `observations`.
    pub row: Vec<(String, String)>,
    /// `vulnerable`, `possible` or `no`.
    pub expect: Certainty,
}

text_enum! {
    /// What a threat's rule says about one observation.
    Certainty {
        /// The rule holds.
        Vulnerable = "vulnerable",
        /// The rule holds but for a version that is missing or unreadable.
        Possible = "possible",
        /// The rule does not hold.
        No = "no",
    }
}

/// A threat, as read from `jobs/threats/<id>.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threat {
    /// Lower-case identifier; never reused or re-meant.
    pub id: String,
    /// Counts up when the meaning of the text or the rule changes.
    pub version: u32,
    /// Whether letters leave.
    pub state: ThreatState,
    /// How fast to act.
    pub urgency: Urgency,
    /// What one finding is about.
    pub finding: FindingUnit,
    /// Weakest confidence that earns a letter.
    pub min_confidence: Confidence,
    /// Least severity that earns a letter; an observation without severity passes.
    pub min_severity: Severity,
    /// Days after a letter before the same finding is written about again.
    pub remind_after_days: u32,
    /// Days of absence after which a return is a relapse.
    pub relapse_after_days: u32,
    /// Threats that this one makes superfluous in the same letter.
    pub supersedes: Vec<String>,
    /// Alternatives; one must hold.
    pub when: Vec<When>,
    /// Rows that the rule must answer.
    pub tests: Vec<ThreatTest>,
    /// Where to read more.
    pub references: Vec<ReferenceText>,
    /// Dutch text.
    pub nl: ThreatText,
    /// English text.
    pub en: ThreatText,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

impl Threat {
    /// The text in a language.
    #[must_use]
    pub const fn text(&self, language: Language) -> &ThreatText {
        match language {
            Language::Nl => &self.nl,
            Language::En => &self.en,
        }
    }
}

/// The occasion (*aanleiding*) on which the service warned; the unit that the ministry counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Identifier, unique in all years.
    pub id: String,
    /// The threat it is about.
    pub threat_id: String,
    /// First night on which it can be cited.
    pub opened_on: Date,
    /// Who brought it up, such as `NCSC`, `Shadowserver`, `partner`, `own`.
    pub source: String,
    /// Feeds whose observations it covers; empty means all.
    pub feeds: Vec<String>,
}
