//! What the ledger holds: pinned nights, claims and receipts.
//!
//! No name, no address, no contact: a party is a keyed hash plus the attributes that
//! statistics need, frozen when the claim was made.
//!
//! A run keeps every record of ten years: a copy of one is a count, not a copy, and texts that
//! stand in millions of them are shared.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::civil::Date;

use super::aftermath::{Answer, Correction, PrintBatch, PrintReport};
use super::alias::{Alias, Followed};
use super::company::{Channel, PartyKind};
use super::decision::ItemKind;
use super::hold::{Approval, Baseline, Figures, Hold, Superseded};
use super::identity::{FindingId, Item, LetterId, PartyRef, Reference};
use super::night::{Micros, Night};
use super::observation::Severity;
use super::sighting::Sightings;
use super::threat::Urgency;

/// Attributes of a company at the time of a claim. Statistics use these, never today's register.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frozen {
    /// Kind of party.
    pub party_kind: PartyKind,
    /// Took part on that night.
    pub participant: bool,
    /// Industry code.
    pub sector: Arc<str>,
    /// Version of the industry code.
    pub sector_scheme: Arc<str>,
    /// Size class.
    pub size_class: Arc<str>,
    /// Province or country.
    pub province: Arc<str>,
}

/// One finding inside a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimItem {
    /// Threat.
    pub threat_id: Arc<str>,
    /// Trigger.
    pub trigger_id: Arc<str>,
    /// Finding.
    pub finding_id: FindingId,
    /// First letter, reminder, …
    pub kind: ItemKind,
    /// Urgency of the threat on that night.
    pub urgency: Urgency,
    /// Feed of the observation.
    pub feed: Arc<str>,
    /// HMAC of the registered value that carried it: counts assets without naming them.
    pub asset_ref: PartyRef,
    /// When the finding was first seen.
    pub first_observed_at: Micros,
    /// When it was seen last, on that night.
    pub observed_at: Micros,
    /// What else was known of it.
    pub evidence: Evidence,
}

impl ClaimItem {
    /// What of it makes a letter's identity.
    #[must_use]
    pub fn named(&self) -> Item {
        Item {
            threat_id: self.threat_id.to_string(),
            trigger_id: self.trigger_id.to_string(),
            finding_id: self.finding_id,
            kind: self.kind,
        }
    }
}

/// What was known of a finding when it was claimed; empty in ledgers of before this was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Severity of the row.
    pub severity: Option<Severity>,
    /// Was one of its CVEs known to be exploited?
    pub in_kev: Option<bool>,
    /// Report type.
    pub report: Option<Arc<str>>,
    /// Port, where the row has one.
    pub port: Option<u16>,
}

/// One letter, claimed: the permission to send it, given once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Letter.
    pub letter_id: LetterId,
    /// Its reference.
    pub reference: Reference,
    /// Night.
    pub night: Night,
    /// Company, as keyed hash.
    pub party_ref: PartyRef,
    /// Attributes of the company.
    pub frozen: Arc<Frozen>,
    /// How it travels.
    pub channel: Channel,
    /// The mail address or the postal address, as keyed hash; older claims name no postal one.
    pub contact_ref: Option<PartyRef>,
    /// 1 at first.
    pub attempt: u32,
    /// What it is about; nothing in an overview.
    pub items: Box<[ClaimItem]>,
    /// The letters of the same night that it is an overview of, sorted; empty for any other letter.
    pub overview_of: Box<[LetterId]>,
}

/// What names an attempt to send a letter.
pub type AttemptKey = (LetterId, Night, u32);

impl Claim {
    /// The attempt that it claims.
    #[must_use]
    pub const fn key(&self) -> AttemptKey {
        (self.letter_id, self.night, self.attempt)
    }

    /// What became of it, as a record; `outbox` is where it went or who says so, no address.
    #[must_use]
    pub fn receipt(&self, state: ReceiptState, outbox: &str) -> Record {
        let receipt = Receipt {
            letter_id: self.letter_id,
            night: self.night,
            attempt: self.attempt,
            state,
            outbox: outbox.into(),
        };
        receipt.into()
    }

    /// Does this letter tell a parent company of others? Then it warns nobody.
    #[must_use]
    pub fn is_overview(&self) -> bool {
        !self.overview_of.is_empty()
    }

    /// Does this letter only take an earlier one back?
    #[must_use]
    pub fn is_correction(&self) -> bool {
        !self.items.is_empty() && self.items.iter().all(|i| i.kind == ItemKind::Correction)
    }
}

/// The latest attempt of each letter among claims, by what names a letter there.
#[must_use]
pub fn latest<'c, K: Ord>(
    claims: impl Iterator<Item = &'c Claim>,
    by: impl Fn(&'c Claim) -> K,
) -> BTreeMap<K, &'c Claim> {
    let mut latest = BTreeMap::new();
    for claim in claims {
        let kept = latest.entry(by(claim)).or_insert(claim);
        if claim.attempt >= kept.attempt {
            *kept = claim;
        }
    }
    latest
}

/// What became of a claimed letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Letter.
    pub letter_id: LetterId,
    /// Night of its claim: a second reminder about the same findings has the same letter id.
    pub night: Night,
    /// Attempt.
    pub attempt: u32,
    /// What became of it.
    pub state: ReceiptState,
    /// Where it went, such as `files`, or who says so; no address.
    pub outbox: Arc<str>,
}

impl Receipt {
    /// The attempt that it is about.
    #[must_use]
    pub const fn key(&self) -> AttemptKey {
        (self.letter_id, self.night, self.attempt)
    }
}

super::company::text_enum! {
    /// What became of a claimed letter. A claim without any of these is *unknown*.
    ReceiptState {
        /// The outbox has it, durably.
        HandedOver = "handed_over",
        /// The outbox refused it, definitely.
        Failed = "failed",
        /// It came back.
        Bounced = "bounced",
        /// A person took it back.
        Withdrawn = "withdrawn",
        /// A person found out that it never left: the next attempt is free.
        NotSent = "not_sent",
    }
}

/// A snapshot object that a night consumed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinnedObject {
    /// Path under the job's base.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of what identifies its content: the whole object for small ones, the Parquet
    /// footer for snapshots.
    pub sha256: String,
}

/// What the first run of a night pins; a resumed run must find the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedNight {
    /// Night.
    pub night: Night,
    /// 0 at first; counts up when new inputs are taken for a past night.
    pub revision: u32,
    /// Run that pinned it; part of paths only.
    pub run_id: String,
    /// Last ledger object that decisions of this night may see.
    pub ledger_seq: u64,
    /// SHA-256 of the job's canonical form, templates and threats.
    pub job_sha256: String,
    /// `--max-letters` of the first run.
    pub max_letters: Option<u32>,
    /// Snapshots, sorted by path.
    pub snapshots: Vec<PinnedObject>,
    /// Register and reference objects, sorted by path.
    pub inputs: Vec<PinnedObject>,
    /// Former keys whose history the decisions follow, sorted.
    pub followed: Vec<Followed>,
}

impl PinnedNight {
    /// This plan, given up for that of another night, or of a later revision.
    #[must_use]
    pub const fn given_up_for(&self, by: Night) -> Superseded {
        Superseded {
            night: self.night,
            revision: self.revision,
            by,
        }
    }
}

/// What was taken away, written before it was. Names no company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The company that asked, as keyed hash; nobody where a retention ended.
    pub party_ref: Option<PartyRef>,
    /// Paths under the base; one that ends in `/` means everything below.
    pub objects: Vec<String>,
}

impl Erased {
    /// Is the object at `path` among what was taken away?
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        self.objects
            .iter()
            .any(|o| o == path || (o.ends_with('/') && path.starts_with(o.as_str())))
    }
}

/// A night's run that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Final {
    /// Night.
    pub night: Night,
    /// Revision.
    pub revision: u32,
    /// Run.
    pub run_id: String,
}

macro_rules! records {
    ($($(#[$doc:meta])* $kind:ident($of:ident),)*) => {
        /// One record of the ledger; a clone shares it.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Record {
            $($(#[$doc])* $kind(Arc<$of>),)*
        }
        $(impl From<$of> for Record {
            fn from(record: $of) -> Self { Self::$kind(Arc::new(record)) }
        })*
    };
}

records! {
    /// A night was pinned.
    Night(PinnedNight),
    /// A letter was claimed.
    Claim(Claim),
    /// A letter was handed over, refused, …
    Receipt(Receipt),
    /// A night's run ended; its manifest is final.
    Final(Final),
    /// Personal data was taken away; counts stay.
    Erased(Erased),
    /// A recipient answered.
    Answer(Answer),
    /// Letters went to the printer as one file.
    PrintBatch(PrintBatch),
    /// The printer reported.
    PrintReport(PrintReport),
    /// A wrong statement is taken back.
    Correction(Correction),
    /// A night's plan in figures.
    Figures(Figures),
    /// A night was stopped before its first letter.
    Hold(Hold),
    /// A plan was given up for a later one.
    Superseded(Superseded),
    /// A plan was approved.
    Approval(Approval),
    /// What runs for the first time may send.
    Baseline(Baseline),
    /// Findings that are gone, or back.
    Sightings(Sightings),
    /// A provisional key was identified.
    Alias(Alias),
}

/// The records of one kind, in order.
macro_rules! each {
    ($view:expr, $kind:ident) => {
        $view.records.iter().filter_map(|r| match &r.record {
            Record::$kind(record) => Some(record.as_ref()),
            _ => None,
        })
    };
}
pub(super) use each;

/// A record with the number of the object that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// Object number, from 1.
    pub seq: u64,
    /// Record.
    pub record: Record,
}

/// Everything in the ledger up to one number, in order. What pure rooms see of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerView {
    /// Last object number; 0 for an empty ledger.
    pub last_seq: u64,
    /// Records, in order; so are the numbers of their objects.
    pub records: Vec<Numbered>,
}

impl LedgerView {
    /// Those of these records that it does not hold.
    #[must_use]
    pub fn missing(&self, mut records: Vec<Record>) -> Vec<Record> {
        records.retain(|new| self.records.iter().all(|known| known.record != *new));
        records
    }

    /// The same ledger as it stood after object `seq`.
    #[must_use]
    pub fn as_of(&self, seq: u64) -> Self {
        let n_records = self.records.partition_point(|r| r.seq <= seq);
        Self {
            last_seq: self.last_seq.min(seq),
            records: self.records.get(..n_records).unwrap_or_default().to_vec(),
        }
    }

    /// The same ledger without the objects before `seq`.
    #[must_use]
    pub fn since(&self, seq: u64) -> Self {
        let n_before = self.records.partition_point(|r| r.seq < seq);
        Self {
            last_seq: self.last_seq,
            records: self.records.get(n_before..).unwrap_or_default().to_vec(),
        }
    }

    /// The object since which the letters of this night and of later ones stand, and what became
    /// of them: the next one where there are none yet. It stays so, since a ledger only grows.
    #[must_use]
    pub fn first_of(&self, night: Night) -> u64 {
        let is_of = |numbered: &&Numbered| match &numbered.record {
            Record::Claim(claim) => claim.night >= night,
            Record::Receipt(receipt) => receipt.night >= night,
            _ => false,
        };
        let first = self.records.iter().find(is_of);
        first.map_or(self.last_seq + 1, |numbered| numbered.seq)
    }

    /// Every claim, in order.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        each!(self, Claim)
    }

    /// Every claim of a night, in order.
    pub fn claims_of(&self, night: Night) -> impl Iterator<Item = &Claim> {
        self.claims().filter(move |claim| claim.night == night)
    }

    /// Every receipt, in order.
    pub fn receipts(&self) -> impl Iterator<Item = &Receipt> {
        each!(self, Receipt)
    }

    /// The pin of a night, if it was planned.
    #[must_use]
    pub fn pinned(&self, night: Night, revision: u32) -> Option<&PinnedNight> {
        self.nights()
            .find(|n| n.night == night && n.revision == revision)
    }

    /// Every pinned night, in order.
    pub fn nights(&self) -> impl Iterator<Item = &PinnedNight> {
        each!(self, Night)
    }

    /// Everything that was taken away, in order.
    pub fn erased(&self) -> impl Iterator<Item = &Erased> {
        each!(self, Erased)
    }

    /// Did this run of a night end with a final manifest?
    #[must_use]
    pub fn is_final(&self, pin: &PinnedNight) -> bool {
        let run = (pin.night, pin.revision, &pin.run_id);
        each!(self, Final).any(|f| (f.night, f.revision, &f.run_id) == run)
    }

    /// Night, revision and run of every final manifest, in one pass: for whoever asks about many
    /// nights.
    #[must_use]
    pub fn ended(&self) -> BTreeSet<(Night, u32, &str)> {
        let ends = each!(self, Final);
        ends.map(|f| (f.night, f.revision, f.run_id.as_str()))
            .collect()
    }

    /// Attempts that certainly did not arrive, with the last that is known of them: their findings
    /// are new again. One that never left waits for the next of its night, and ends as that does.
    #[must_use]
    pub fn lost(&self) -> BTreeMap<AttemptKey, ReceiptState> {
        let mut lost = BTreeMap::new();
        let mut not_sent = BTreeSet::new();
        for receipt in self.receipts() {
            let key = receipt.key();
            not_sent.remove(&key);
            lost.remove(&key);
            match receipt.state {
                state @ (ReceiptState::Failed | ReceiptState::Bounced) => {
                    lost.insert(key, state);
                }
                ReceiptState::NotSent => {
                    not_sent.insert(key);
                }
                _ => {}
            }
        }
        if not_sent.is_empty() {
            return lost;
        }
        // From the last try to the first, so that each finds what became of the next. A night
        // that was given up makes none.
        let given_up = self.given_up();
        for key in not_sent.into_iter().rev() {
            let (letter, night, attempt) = key;
            let next = lost.get(&(letter, night, attempt.saturating_add(1)));
            let is_over = given_up.contains(&key).then_some(&ReceiptState::NotSent);
            if let Some(state) = next.or(is_over).copied() {
                lost.insert(key, state);
            }
        }
        lost
    }

    /// Attempts of plans that were given up after they began: no run goes on with them.
    #[must_use]
    pub fn given_up(&self) -> BTreeSet<AttemptKey> {
        let (mut claimed, mut given_up) = (BTreeMap::<Night, Vec<_>>::new(), BTreeSet::new());
        for numbered in &self.records {
            match &numbered.record {
                Record::Claim(c) if !c.is_correction() => {
                    claimed.entry(c.night).or_default().push(c.key());
                }
                Record::Superseded(s) => {
                    given_up.extend(claimed.remove(&s.night).into_iter().flatten())
                }
                _ => {}
            }
        }
        given_up
    }

    /// The claims without a receipt, in order: nobody knows whether those letters left.
    #[must_use]
    pub fn unknown(&self) -> Vec<&Claim> {
        let mut open: HashMap<AttemptKey, (usize, &Claim)> = HashMap::new();
        // Nearly every receipt follows its claim, so few are open at any time.
        for (place, numbered) in self.records.iter().enumerate() {
            match &numbered.record {
                Record::Claim(claim) => {
                    open.entry(claim.key()).or_insert((place, claim));
                }
                Record::Receipt(receipt) => {
                    open.remove(&receipt.key());
                }
                _ => {}
            }
        }
        // A receipt that stands before a claim tells what became of it as well.
        if !open.is_empty() {
            for receipt in self.receipts() {
                open.remove(&receipt.key());
            }
        }
        let mut open: Vec<(usize, &Claim)> = open.into_values().collect();
        open.sort_unstable_by_key(|(place, _)| *place);
        open.into_iter().map(|(_, claim)| claim).collect()
    }

    /// The latest night that was pinned.
    #[must_use]
    pub fn latest_night(&self) -> Option<Date> {
        self.nights().map(|n| n.night.date()).max()
    }
}
