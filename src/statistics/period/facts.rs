//! Letters of a period as small numbers, folded out of the ledger's columns.
//!
//! Memory goes by the letters of the period, some 100 bytes a notification; of the ledger it takes
//! four bytes for each company, asset and finding, and the texts. Earlier letters are kept for the
//! tries that follow them alone, and not for longer than [`LOOK_BACK_DAYS`].

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Span;
use super::delivery::State;
use super::keys::Keys;
use super::late::{self, Late};
use super::renumber::Numbered;
use super::same::Same;
use crate::model::columns::{Columns, Letters, NONE, Notes, What};
use crate::model::company::Channel;
use crate::model::encoder::{day_number, night_of};
use crate::model::identity::Secret;
use crate::model::ledger_record::{Frozen, ReceiptState};
use crate::model::mixed::{Fast, Numbers};
use crate::model::night::{Micros, Night, local_midnight};
use crate::model::threat::Urgency;
use crate::statistics::counted;

/// A try that follows its letter after more days than this counts as a letter of its own.
const LOOK_BACK_DAYS: i64 = 400;

const HOUR_US: i64 = 3_600_000_000;

/// A claimed letter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter {
    pub night: Night,
    pub company: u32,
    pub frozen: u32,
    pub first_item: u32,
    pub n_items: u32,
    /// Number of the ledger object that says it was handed over; 0 where none does.
    pub since: u32,
    pub attempt: u16,
    pub channel: Channel,
    pub state: State,
    pub is_repeated: bool,
}

/// One finding in a letter. The items of a letter follow each other, sorted by trigger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub trigger: u32,
    pub finding: u32,
    pub asset: u32,
    /// Hours from the first observation to the end of the letter's day.
    pub hours: u32,
    pub threat: u16,
    pub feed: u16,
    /// One of the ranks of `counted`.
    rank: u8,
    pub urgency: Urgency,
}

/// Takes the ledger's columns in order.
pub struct Gather {
    span: Span,
    /// First and last day of the period, and the first day that is looked back to.
    days: (i32, i32),
    look_back: i32,
    zone: TimeZone,
    /// The night that came last, and its end.
    last_end: Option<(i32, Night, Micros)>,
    letters: Vec<Letter>,
    items: Vec<Item>,
    late: Late,
    ids: Ids,
    frozen: Numbers<Frozen, Fast>,
    triggers: Numbers<String, Fast>,
    threats: Numbers<String, Fast>,
    feeds: Numbers<String, Fast>,
    runs: BTreeMap<Night, BTreeMap<u32, String>>,
    newest: Option<Night>,
    keys: Option<Keys>,
    same: Same,
}

/// How many have numbers in the ledger; their ids only where random numbers are made of them.
#[derive(Default)]
pub(super) struct Ids {
    pub n_companies: usize,
    pub n_assets: usize,
    pub n_findings: usize,
    pub companies: Vec<u128>,
    pub findings: Vec<u128>,
}

/// The letters of a period.
pub struct Facts {
    pub(super) span: Span,
    pub(super) letters: Vec<Letter>,
    pub(super) items: Vec<Item>,
    pub(super) n_companies: usize,
    pub(super) findings: Numbered,
    pub(super) assets: Numbered,
    pub(super) frozen: Vec<Frozen>,
    pub(super) triggers: Vec<String>,
    pub(super) threats: Vec<String>,
    pub(super) feeds: Vec<String>,
    /// Random numbers, where cell keys are asked for.
    pub(super) keys: Option<Keys>,
    /// What each company is, over all of these letters.
    pub(super) companies: Companies,
    /// The runs of a night that ended: its first plan and its revisions, in their order.
    pub runs: Vec<(Night, Vec<String>)>,
    /// The newest night that ended, in the period or not.
    pub newest: Option<Night>,
    /// The last ledger object that made two companies of these letters one; 0 where none did.
    pub joined_at: u64,
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

impl Gather {
    /// Begins a period; `zone` is where its days begin and end.
    #[must_use]
    pub fn new(span: Span, zone: TimeZone) -> Self {
        let look_back = span
            .from()
            .checked_sub(jiff::Span::new().days(LOOK_BACK_DAYS));
        let day = |date: Date| day_number(Night::new(date));
        Self {
            span,
            days: (day(span.from()), day(span.until())),
            look_back: day(look_back.unwrap_or(Date::MIN)),
            zone,
            last_end: None,
            letters: Vec::new(),
            items: Vec::new(),
            late: Late::default(),
            ids: Ids::default(),
            frozen: Numbers::new(),
            triggers: Numbers::new(),
            threats: Numbers::new(),
            feeds: Numbers::new(),
            runs: BTreeMap::new(),
            newest: None,
            keys: None,
            same: Same::default(),
        }
    }

    /// With a random number for everything that is counted, out of the secret of the ledger.
    #[must_use]
    pub fn with_keys(mut self, secret: Secret) -> Self {
        self.keys = Some(Keys::new(secret));
        self
    }

    /// Takes the next columns.
    pub fn take(&mut self, columns: &Columns) {
        let sizes = columns.before.after(columns);
        self.ids.n_companies = sizes.companies as usize;
        self.ids.n_assets = sizes.assets as usize;
        self.ids.n_findings = sizes.findings as usize;
        if self.keys.is_some() {
            self.ids.companies.extend(&columns.companies);
            self.ids.findings.extend(&columns.findings);
        }
        self.late.begin();
        let first = self.letters.len();
        // Positions in the columns of the letters that are taken, where some are not.
        let mut taken: Vec<u32> = Vec::new();
        let texts = Local::of(self, columns);
        let (from, until) = self.days;
        for (at, night) in columns.letters.night.iter().enumerate() {
            if (from..=until).contains(night) {
                self.letter(columns, at, *night, &texts);
                taken.push(u32::try_from(at).unwrap_or(NONE));
            } else if (self.look_back..from).contains(night) {
                let (letters, all) = (&columns.letters, &columns.items);
                let of_letter = letters.items(at, all.finding.len());
                let said = of_letter.filter_map(|item| {
                    let trigger = at_or_none(&texts.triggers, *all.trigger.get(item)?);
                    let rank = counted::rank(*all.kind.get(item)?);
                    Some(late::said(*all.finding.get(item)?, trigger, rank))
                });
                self.late.before(letters, at, *night, said);
            }
        }
        self.notes(&columns.notes, &columns.texts.runs, first, &taken);
    }

    fn letter(&mut self, columns: &Columns, at: usize, night: i32, texts: &Local) {
        let Some(claim) = Claim::of(&columns.letters, at) else {
            return;
        };
        let (night_itself, end) = self.end_of(night);
        let first_item = u32::try_from(self.items.len()).unwrap_or(NONE);
        let of_letter = columns.letters.items(at, columns.items.finding.len());
        let n_items = u32::try_from(of_letter.len()).unwrap_or(NONE);
        let is_many = n_items > 1;
        self.items(columns, of_letter, end, texts);
        if let Some(of_letter) = self
            .items
            .get_mut(first_item as usize..)
            .filter(|_| is_many)
        {
            of_letter.sort_by_key(|i| (i.trigger, i.finding));
        }
        self.late.letter(claim.letter, night, claim.attempt);
        self.letters.push(Letter {
            since: narrow(claim.since),
            night: night_itself,
            company: claim.company,
            frozen: at_or_none(&texts.frozen, claim.frozen),
            attempt: u16::try_from(claim.attempt).unwrap_or(u16::MAX),
            first_item,
            n_items,
            channel: claim.channel,
            state: State::of_bits(claim.state),
            is_repeated: false,
        });
    }

    fn items(&mut self, columns: &Columns, of: std::ops::Range<usize>, end: Micros, texts: &Local) {
        let all = &columns.items;
        for at in of {
            let numbers = (
                all.trigger.get(at),
                all.threat.get(at),
                all.finding.get(at),
                all.asset.get(at),
                all.feed.get(at),
            );
            let rest = (
                all.kind.get(at),
                all.urgency.get(at),
                all.first_observed_at.get(at),
            );
            let (Some(trigger), Some(threat), Some(finding), Some(asset), Some(feed)) = numbers
            else {
                return;
            };
            let (Some(kind), Some(urgency), Some(first_observed_at)) = rest else {
                return;
            };
            let hours = ((end.saturating_sub(*first_observed_at)) / HOUR_US).max(0);
            self.items.push(Item {
                trigger: at_or_none(&texts.triggers, *trigger),
                threat: few(at_or_none(&texts.threats, *threat)),
                finding: *finding,
                asset: *asset,
                feed: few(at_or_none(&texts.feeds, *feed)),
                hours: u32::try_from(hours).unwrap_or(NONE),
                rank: counted::rank(*kind) as u8,
                urgency: *urgency,
            });
        }
    }

    /// Receipts of letters in earlier columns, and the ends of nights.
    fn notes(&mut self, notes: &Notes, runs: &[String], first: usize, taken: &[u32]) {
        let (from, until) = self.days;
        for (at, what) in notes.what.iter().enumerate() {
            let night = notes.night.get(at).copied().unwrap_or_default();
            let number_of = |column: &[u32]| column.get(at).copied().unwrap_or_default();
            let is_in = (from..=until).contains(&night);
            if let Some(state) = what.state() {
                let letter = notes.letter.get(at).copied().unwrap_or_default();
                if is_in {
                    let before = number_of(&notes.n_letters);
                    let n_letters = first + taken.partition_point(|l| *l < before);
                    let attempt = number_of(&notes.attempt);
                    let seq = notes.seq.get(at).copied().unwrap_or_default();
                    self.late
                        .receipt(letter, night, attempt, (n_letters, state, seq));
                } else if (self.look_back..from).contains(&night)
                    && state == ReceiptState::HandedOver
                {
                    let attempt = number_of(&notes.attempt);
                    self.late.told_before(letter, night, attempt);
                }
            } else if *what == What::Alias {
                let seq = notes.seq.get(at).copied().unwrap_or_default();
                let former = number_of(&notes.number);
                self.same.add(former, number_of(&notes.attempt), seq);
            } else if *what == What::Final {
                let (revision, run) = (number_of(&notes.attempt), number_of(&notes.number));
                let night = night_of(night);
                self.newest = self.newest.max(Some(night));
                if let Some(run) = runs.get(run as usize).filter(|_| is_in) {
                    let of_night = self.runs.entry(night).or_default();
                    of_night.insert(revision, run.clone());
                }
            }
        }
    }

    /// A night, and the first moment after its date.
    fn end_of(&mut self, night: i32) -> (Night, Micros) {
        if let Some((_, itself, end)) = self.last_end.filter(|(n, ..)| *n == night) {
            return (itself, end);
        }
        let itself = night_of(night);
        let next = itself.date().tomorrow().unwrap_or(Date::MAX);
        let end = local_midnight(next, &self.zone).unwrap_or(Micros::MAX);
        self.last_end = Some((night, itself, end));
        (itself, end)
    }

    /// Ends the period: what was repeated, and what each company was.
    #[must_use]
    pub fn finish(mut self) -> Facts {
        self.late.settle(&mut self.letters, &self.items);
        let joined_at = self.same.join(&mut self.letters);
        let mut facts = Facts {
            span: self.span,
            letters: Vec::new(),
            items: Vec::new(),
            n_companies: 0,
            findings: Numbered::default(),
            assets: Numbered::default(),
            frozen: self.frozen.into_values(),
            triggers: self.triggers.into_values(),
            threats: self.threats.into_values(),
            feeds: self.feeds.into_values(),
            keys: self.keys,
            companies: Companies::default(),
            runs: self
                .runs
                .into_iter()
                .map(|(night, runs)| (night, runs.into_values().collect()))
                .collect(),
            newest: self.newest,
            joined_at,
        };
        facts.put_in_order(self.letters, self.items, &self.ids);
        facts.companies = Companies::of(facts.letters.iter(), &facts.items, facts.n_companies);
        facts
    }
}

fn at_or_none(numbers: &[u32], at: u32) -> u32 {
    numbers.get(at as usize).copied().unwrap_or(NONE)
}

/// A ledger has fewer objects than that, by far.
pub(super) fn narrow(seq: u64) -> u32 {
    u32::try_from(seq).unwrap_or(u32::MAX)
}

/// Threats and feeds are few.
fn few(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

impl Item {
    /// One of the ranks of `counted`.
    pub(super) const fn rank(&self) -> u32 {
        self.rank as u32
    }

    /// As it is held against those of other tries.
    pub(super) const fn said(&self) -> u64 {
        late::said(self.finding, self.trigger, self.rank())
    }
}

/// What the period's numbers are of the texts of some columns.
struct Local {
    threats: Vec<u32>,
    triggers: Vec<u32>,
    feeds: Vec<u32>,
    frozen: Vec<u32>,
}

impl Local {
    fn of(gather: &mut Gather, columns: &Columns) -> Self {
        // Texts that the period does not use may get numbers too; those have no rows.
        let texts = &columns.texts;
        let triggers = texts.triggers.iter().map(|t| gather.trigger(t)).collect();
        Self {
            threats: texts.threats.iter().map(|t| gather.threats.of(t)).collect(),
            triggers,
            feeds: texts.feeds.iter().map(|t| gather.feeds.of(t)).collect(),
            frozen: texts.frozen.iter().map(|f| gather.frozen.of(f)).collect(),
        }
    }
}

impl Gather {
    fn trigger(&mut self, id: &String) -> u32 {
        let number = self.triggers.of(id);
        if let Some(keys) = &mut self.keys {
            keys.trigger(number, id);
        }
        number
    }
}

/// A row of the letters.
struct Claim {
    letter: u128,
    attempt: u32,
    company: u32,
    frozen: u32,
    channel: Channel,
    state: u8,
    since: u64,
}

impl Claim {
    fn of(letters: &Letters, at: usize) -> Option<Self> {
        Some(Self {
            letter: *letters.letter.get(at)?,
            attempt: *letters.attempt.get(at)?,
            company: *letters.company.get(at)?,
            frozen: *letters.frozen.get(at)?,
            channel: *letters.channel.get(at)?,
            state: *letters.state.get(at)?,
            since: *letters.since.get(at)?,
        })
    }
}

/// Triggers that a letter warns of, reminders aside.
fn n_warnings(items: &[Item]) -> u32 {
    let mut n = 0;
    let mut last = NONE;
    for item in items.iter().filter(|i| i.rank() <= counted::ESCALATION) {
        n += u32::from(item.trigger != last);
        last = item.trigger;
    }
    n
}

impl Letter {
    /// Was it claimed before, with the same night and attempt?
    pub(super) const fn is_double(&self) -> bool {
        self.company == NONE
    }

    pub(super) const fn take_out(&mut self) {
        self.company = NONE;
    }

    /// Was it handed over?
    pub(super) const fn counts(&self) -> bool {
        self.state.is_handed_over()
    }

    pub(super) fn items<'i>(&self, items: &'i [Item]) -> &'i [Item] {
        items.get(self.range()).unwrap_or_default()
    }

    /// Positions of its items.
    pub(super) const fn range(&self) -> std::ops::Range<usize> {
        self.first_item()..self.first_item() + self.n_items as usize
    }

    pub(super) const fn first_item(&self) -> usize {
        self.first_item as usize
    }
}

impl Facts {
    /// The span.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Did no night of the period end, and was no letter claimed in it?
    #[must_use]
    pub fn has_nothing(&self) -> bool {
        self.runs.is_empty() && self.letters.is_empty()
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

    pub(super) fn is_participant(&self, frozen: u32) -> bool {
        let frozen = self.frozen.get(frozen as usize);
        frozen.is_some_and(|f| f.participant)
    }
}
