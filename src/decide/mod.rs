//! Chooses who gets a letter tonight, and says why every other row gets none.
//!
//! Input is already joined and enriched; this room never looks anything up.
//! Deliberately absent: the clock, the network, the words of a letter.

mod answers;
mod compose;
mod contact;
mod correct;
mod following;
pub mod gone;
pub mod history;
mod overview;
pub mod priority;
pub mod rule;
pub mod same_place;
mod shadow;
mod superseded;
mod version;
mod weigh;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::company::{Company, CompanyKey, Contact, PartyKind};
use crate::model::counts::NotWritten;
use crate::model::decision::{ContactStep, Decision, Hit};
use crate::model::identity::Secret;
use crate::model::ledger_record::ClaimItem;
use crate::model::letter::{Fact, Letter};
use crate::model::night::Night;
use crate::model::published::Published;
use crate::model::threat::{Threat, Trigger};

pub use compose::{Refused, to_next_contacts};
pub use contact::used_of;
pub use correct::{Wrong, corrections};
pub use following::{Formers, followed};
use history::History;
pub use overview::without;
pub use shadow::rehearse;

/// What the job says about policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Kinds of party that get letters.
    pub write_to: BTreeSet<PartyKind>,
    /// Send everything by post where there is an address.
    pub post_for_all: bool,
    /// Steps of the chain of contacts, in the order of trying.
    pub chain: Vec<ContactStep>,
    /// A parent company gets an overview of the letters to its daughters.
    pub copy_to_parent: bool,
    /// Letters that one run may send; oldest urgent first, the rest is held.
    pub max_letters: Option<u32>,
    /// Rules that make a finding urgent; without any the threat's own urgency counts.
    pub urgent: Vec<priority::UrgentRule>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            write_to: PartyKind::ALL.iter().copied().collect(),
            post_for_all: false,
            copy_to_parent: false,
            chain: ContactStep::ALL.to_vec(),
            max_letters: None,
            urgent: Vec::new(),
        }
    }
}

/// Everything that a night's decisions are a function of.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// Policy of the job.
    pub settings: &'a Settings,
    /// The night.
    pub night: Night,
    /// Rows that met assets: sorted by object, row and asset, so that the night is reproducible.
    pub hits: &'a [Hit],
    /// Companies by key; every hit's company is among them.
    pub companies: &'a BTreeMap<CompanyKey, Arc<Company>>,
    /// Contacts by company, in order of priority.
    pub contacts: &'a BTreeMap<CompanyKey, Vec<Contact>>,
    /// What is published about whom to tell.
    pub published: &'a Published,
    /// Threats, sorted by id.
    pub threats: &'a [Arc<Threat>],
    /// Triggers, in order of opening.
    pub triggers: &'a [Arc<Trigger>],
    /// What was written about before.
    pub history: &'a History,
    /// Public facts by CVE.
    pub facts: &'a BTreeMap<String, Vec<Fact>>,
    /// Makes references.
    pub verification_key: &'a Secret,
    /// Names assets in claims.
    pub party_key: &'a Secret,
}

/// A letter, and what its claim will hold.
#[derive(Clone, Debug)]
pub struct Drafted {
    /// The letter.
    pub letter: Letter,
    /// One for each finding; none in an overview.
    pub items: Vec<ClaimItem>,
    /// No: it is held, for the reason that its decisions carry.
    pub is_sendable: bool,
}

impl Drafted {
    /// Does it tell a parent company of other letters?
    #[must_use]
    pub const fn is_overview(&self) -> bool {
        self.letter.overview.is_some()
    }
}

/// What became of the night's hits.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// One for each row × company × threat, in the order of the hits.
    pub decisions: Vec<Decision>,
    /// One a company, sorted by company key; held ones too. Behind them the overviews, one a
    /// parent company, sorted likewise.
    pub letters: Vec<Drafted>,
    /// Overviews that were due and are not among them.
    pub not_written: NotWritten,
}

impl Decided {
    /// The letters that are about findings.
    pub fn warnings(&self) -> impl Iterator<Item = &Drafted> {
        self.letters.iter().filter(|d| !d.is_overview())
    }

    /// The letters that tell a parent company of others.
    pub fn overviews(&self) -> impl Iterator<Item = &Drafted> {
        self.letters.iter().filter(|d| d.is_overview())
    }
}

/// Decides a night.
///
/// What cannot be sent becomes a decision with a reason, and is counted.
#[must_use]
pub fn decide(input: &Input<'_>) -> Decided {
    let mut decisions = weigh::weigh(input);
    let mut letters = compose::compose(input, &mut decisions);
    let (overviews, not_written) = overview::overviews(input, &letters);
    letters.extend(overviews);
    Decided {
        decisions,
        letters,
        not_written,
    }
}
