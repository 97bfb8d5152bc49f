//! Letters of a period as small numbers, folded out of the ledger record by record.
//!
//! Memory goes by the letters of the period, some 100 bytes a notification, and not by the
//! ledger: earlier letters are kept for the tries that follow them alone, and not for longer
//! than [`LOOK_BACK_DAYS`].

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Span;
use super::codes::{Fast, Numbers, short};
use super::delivery::State;
use super::keys::Keys;
use crate::model::company::Channel;
use crate::model::identity::Secret;
use crate::model::ledger_record::{Claim, Frozen, Numbered, Receipt, Record};
use crate::model::night::{Micros, Night, local_midnight};
use crate::model::threat::Urgency;
use crate::statistics::counted;

/// A try that follows its letter after more days than this counts as a letter of its own.
const LOOK_BACK_DAYS: i64 = 400;

const NONE: u32 = u32::MAX;
const HOUR_US: i64 = 3_600_000_000;

/// A claimed letter.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub night: Night,
    pub company: u32,
    pub frozen: u32,
    pub channel: Channel,
    pub state: State,
    /// The try before this one.
    previous: u32,
    /// An earlier try, before the period, was handed over.
    was_handed_over: bool,
    pub is_repeated: bool,
    /// Number of the ledger object that says it was handed over.
    pub since: u64,
    pub first_item: usize,
    pub n_items: usize,
}

/// One finding in a letter. The items of a letter follow each other, sorted by trigger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub trigger: u32,
    pub threat: u32,
    pub finding: u32,
    pub asset: u32,
    pub feed: u32,
    /// One of the ranks of `counted`.
    pub rank: u32,
    pub urgency: Urgency,
    /// Hours from the first observation to the end of the letter's day.
    pub hours: u32,
}

/// Takes records in the order of the ledger.
pub struct Gather {
    span: Span,
    look_back: Date,
    zone: TimeZone,
    ends: BTreeMap<Night, Micros>,
    letters: Vec<Letter>,
    items: Vec<Item>,
    /// Letter by hash of letter id, night and attempt.
    by_key: HashMap<u128, u32, Fast>,
    /// Last try in the period by letter id.
    last_try: HashMap<u128, u32, Fast>,
    /// Letters before the period by id: was it handed over?
    before: HashMap<u128, bool, Fast>,
    companies: Numbers<u128, Fast>,
    findings: Numbers<u128, Fast>,
    assets: Numbers<u128, Fast>,
    frozen: Numbers<Frozen, Fast>,
    triggers: Numbers<String, Fast>,
    threats: Numbers<String, Fast>,
    feeds: Numbers<String, Fast>,
    runs: BTreeMap<Night, (u32, String)>,
    newest: Option<Night>,
    keys: Option<Keys>,
}

/// The letters of a period.
pub struct Facts {
    pub(super) span: Span,
    pub(super) letters: Vec<Letter>,
    pub(super) items: Vec<Item>,
    pub(super) n_companies: usize,
    pub(super) n_findings: usize,
    pub(super) n_assets: usize,
    pub(super) frozen: Vec<Frozen>,
    pub(super) triggers: Vec<String>,
    pub(super) threats: Vec<String>,
    pub(super) feeds: Vec<String>,
    /// Random numbers, where cell keys are asked for.
    pub(super) keys: Option<Keys>,
    /// What each company is, over all of these letters.
    pub(super) companies: Companies,
    /// The run whose manifest stands, by night.
    pub runs: Vec<(Night, String)>,
    /// The newest night that ended, in the period or not.
    pub newest: Option<Night>,
}

/// What each company is in some of the letters.
#[derive(Clone, Debug, Default)]
pub(super) struct Companies {
    /// Attributes: those of its newest letter.
    pub frozen: Vec<u32>,
    /// Notifications.
    pub warnings: Vec<u32>,
}

impl Companies {
    /// Out of the letters that count; the order is that of the ledger.
    fn of<'l>(
        letters: impl Iterator<Item = &'l Letter>,
        items: &[Item],
        n_companies: usize,
    ) -> Self {
        let mut newest: Vec<Option<(Night, u32)>> = vec![None; n_companies];
        let mut warnings = vec![0u32; n_companies];
        for letter in letters.filter(|l| l.counts()) {
            let company = letter.company as usize;
            let slot = newest.get_mut(company);
            if let Some(slot) = slot.filter(|s| s.is_none_or(|(night, _)| night <= letter.night)) {
                *slot = Some((letter.night, letter.frozen));
            }
            if let Some(count) = warnings.get_mut(company).filter(|_| !letter.is_repeated) {
                *count += n_warnings(letter.items(items));
            }
        }
        let frozen = newest.iter().map(|n| n.map_or(NONE, |(_, f)| f)).collect();
        Self { frozen, warnings }
    }
}

pub(super) fn key(letter: &[u8; 32], night: Night, attempt: u32) -> u128 {
    let date = night.date();
    let day = u128::from(date.year().unsigned_abs()) << 16
        | u128::from(date.month().unsigned_abs()) << 8
        | u128::from(date.day().unsigned_abs());
    // The rest of the hash is spread by multiplication, so that nights and tries differ widely.
    short(letter)
        ^ (day << 32 | u128::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

impl Gather {
    /// Begins a period; `zone` is where its days begin and end.
    #[must_use]
    pub fn new(span: Span, zone: TimeZone) -> Self {
        let look_back = span
            .from()
            .checked_sub(jiff::Span::new().days(LOOK_BACK_DAYS));
        Self {
            span,
            look_back: look_back.unwrap_or(Date::MIN),
            zone,
            ends: BTreeMap::new(),
            letters: Vec::new(),
            items: Vec::new(),
            by_key: HashMap::default(),
            last_try: HashMap::default(),
            before: HashMap::default(),
            companies: Numbers::new(),
            findings: Numbers::new(),
            assets: Numbers::new(),
            frozen: Numbers::new(),
            triggers: Numbers::new(),
            threats: Numbers::new(),
            feeds: Numbers::new(),
            runs: BTreeMap::new(),
            newest: None,
            keys: None,
        }
    }

    /// With a random number for everything that is counted, out of the secret of the ledger.
    #[must_use]
    pub fn with_keys(mut self, secret: Secret) -> Self {
        self.keys = Some(Keys::new(secret));
        self
    }

    /// Takes the next record.
    pub fn add(&mut self, numbered: &Numbered) {
        match &numbered.record {
            Record::Claim(claim) if self.span.contains(claim.night) => self.claim(claim),
            Record::Claim(claim) if self.is_just_before(claim.night) => {
                let letter = short(&claim.letter_id.0);
                if claim.attempt <= 1 {
                    self.before.insert(letter, false);
                } else {
                    self.before.entry(letter).or_insert(false);
                }
            }
            Record::Receipt(receipt) => self.receipt(receipt, numbered.seq),
            Record::Final {
                night,
                revision,
                run_id,
            } => {
                self.newest = self.newest.max(Some(*night));
                let is_newer = self.runs.get(night).is_none_or(|(r, _)| r <= revision);
                if is_newer && self.span.contains(*night) {
                    self.runs.insert(*night, (*revision, run_id.clone()));
                }
            }
            // Other kinds say nothing about what was warned of.
            _ => {}
        }
    }

    fn is_just_before(&self, night: Night) -> bool {
        (self.look_back..self.span.from()).contains(&night.date())
    }

    fn claim(&mut self, claim: &Claim) {
        let key = key(&claim.letter_id.0, claim.night, claim.attempt);
        if self.by_key.contains_key(&key) {
            return;
        }
        let letter = short(&claim.letter_id.0);
        let is_again = claim.attempt > 1;
        let number = u32::try_from(self.letters.len()).unwrap_or(NONE);
        let previous = self.last_try.insert(letter, number).filter(|_| is_again);
        // The first try of a later letter with the same id ends what came before the period.
        let is_of_earlier = is_again && previous.is_none();
        let was_handed_over =
            is_of_earlier && self.before.get(&letter).copied().unwrap_or_default();
        let first_item = self.items.len();
        let end = self.end_of(claim.night);
        for item in &claim.items {
            let hours = ((end - item.first_observed_at) / HOUR_US).max(0);
            let trigger = self.triggers.of(&item.trigger_id);
            let finding = self.findings.of(&short(&item.finding_id.0));
            if let Some(keys) = &mut self.keys {
                keys.trigger(trigger, &item.trigger_id);
                keys.finding(finding, short(&item.finding_id.0));
            }
            self.items.push(Item {
                trigger,
                threat: self.threats.of(&item.threat_id),
                finding,
                asset: self.assets.of(&short(&item.asset_ref.0)),
                feed: self.feeds.of(&item.feed),
                rank: counted::rank(item.kind),
                urgency: item.urgency,
                hours: u32::try_from(hours).unwrap_or(NONE),
            });
        }
        if let Some(of_letter) = self.items.get_mut(first_item..) {
            of_letter.sort_by_key(|i| (i.trigger, i.finding));
        }
        let party = short(&claim.party_ref.0);
        let company = self.companies.of(&party);
        if let Some(keys) = &mut self.keys {
            keys.company(company, party);
        }
        self.letters.push(Letter {
            night: claim.night,
            company,
            frozen: self.frozen.of(&claim.frozen),
            channel: claim.channel,
            state: State::default(),
            previous: previous.unwrap_or(NONE),
            was_handed_over,
            is_repeated: false,
            since: 0,
            first_item,
            n_items: claim.items.len(),
        });
        self.by_key.insert(key, number);
    }

    fn receipt(&mut self, receipt: &Receipt, seq: u64) {
        if self.span.contains(receipt.night) {
            let key = key(&receipt.letter_id.0, receipt.night, receipt.attempt);
            let number = self.by_key.get(&key).map(|n| *n as usize);
            if let Some(letter) = number.and_then(|n| self.letters.get_mut(n)) {
                letter.state.note(receipt.state);
                if letter.since == 0 && letter.counts() {
                    letter.since = seq;
                }
            }
        } else if self.is_just_before(receipt.night) && State::of(receipt.state).is_handed_over() {
            self.before.insert(short(&receipt.letter_id.0), true);
        }
    }

    /// The first moment after the night's date.
    fn end_of(&mut self, night: Night) -> Micros {
        if let Some(end) = self.ends.get(&night) {
            return *end;
        }
        let next = night.date().tomorrow().unwrap_or(Date::MAX);
        let end = local_midnight(next, &self.zone).unwrap_or(Micros::MAX);
        self.ends.insert(night, end);
        end
    }

    /// Ends the period: what was repeated, and what each company was.
    #[must_use]
    pub fn finish(mut self) -> Facts {
        for number in 0..self.letters.len() {
            let is_repeated = self.was_handed_over_before(number);
            if let Some(letter) = self.letters.get_mut(number) {
                letter.is_repeated = is_repeated;
            }
        }
        let n_companies = self.companies.len();
        let companies = Companies::of(self.letters.iter(), &self.items, n_companies);
        Facts {
            span: self.span,
            letters: self.letters,
            items: self.items,
            n_companies,
            n_findings: self.findings.len(),
            n_assets: self.assets.len(),
            frozen: self.frozen.into_values(),
            triggers: self.triggers.into_values(),
            threats: self.threats.into_values(),
            feeds: self.feeds.into_values(),
            keys: self.keys,
            companies,
            runs: self
                .runs
                .into_iter()
                .map(|(n, (_, run))| (n, run))
                .collect(),
            newest: self.newest,
        }
    }

    fn was_handed_over_before(&self, number: usize) -> bool {
        let Some(letter) = self.letters.get(number) else {
            return false;
        };
        let mut was = letter.was_handed_over;
        let mut at = letter.previous;
        while let Some(earlier) = self.letters.get(at as usize) {
            was |= earlier.counts() || earlier.was_handed_over;
            at = earlier.previous;
        }
        was
    }
}

/// Triggers that a letter warns of, reminders aside.
fn n_warnings(items: &[Item]) -> u32 {
    let mut n = 0;
    let mut last = NONE;
    for item in items.iter().filter(|i| i.rank <= counted::ESCALATION) {
        n += u32::from(item.trigger != last);
        last = item.trigger;
    }
    n
}

impl Letter {
    /// Was it handed over?
    pub(super) const fn counts(&self) -> bool {
        self.state.is_handed_over()
    }

    pub(super) fn items<'i>(&self, items: &'i [Item]) -> &'i [Item] {
        items
            .get(self.first_item..self.first_item + self.n_items)
            .unwrap_or_default()
    }
}

impl Facts {
    /// The span.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Did the newest night end before the period did?
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.newest.is_none_or(|n| n.date() < self.span.until())
    }

    /// What each company is in the letters at which `is_in` is true.
    pub(super) fn companies_in(&self, is_in: &[bool]) -> Companies {
        let letters = self.letters.iter().zip(is_in);
        let letters = letters.filter(|(_, is_in)| **is_in).map(|(l, _)| l);
        Companies::of(letters, &self.items, self.n_companies)
    }

    pub(super) fn frozen(&self, number: u32) -> Option<&Frozen> {
        self.frozen.get(number as usize)
    }
}
