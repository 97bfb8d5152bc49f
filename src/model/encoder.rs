//! Makes columns of records, and gives the numbers that hold for the whole ledger.

use std::collections::{HashMap, HashSet};

use jiff::civil::{Date, date};

use super::alias::Alias;
use super::columns::{Columns, IS_WARNED, NONE, Notes, Sizes, What, key, noted, short_letter};
use super::ledger_record::{Claim, ClaimItem, Numbered, Receipt, ReceiptState, Record};
use super::mixed::{Fast, Numbers, Sieve, short};
use super::night::Night;
use super::sighting::{Gone, Sightings};

const EPOCH: Date = date(1970, 1, 1);

/// Looks through all ids this often before it makes a table of all of them.
const MOST_LOOKS: u32 = 4;

/// Days from 1970-01-01 to a night.
#[must_use]
pub fn day_number(night: Night) -> i32 {
    night.days_since(EPOCH)
}

/// The night of [`day_number`]; outside of the calendar its first or last day.
#[must_use]
pub fn night_of(day: i32) -> Night {
    let span = jiff::Span::new().try_days(day);
    let date = span.and_then(|span| EPOCH.checked_add(span));
    Night::new(date.unwrap_or(if day < 0 { Date::MIN } else { Date::MAX }))
}

/// Gives numbers; what has one already may come from columns that were made earlier.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    companies: Known,
    assets: Known,
    findings: Known,
}

/// Numbers by id. A table of all of them costs more than all else where parts of the ledger gave
/// them, so of those only the ones that are asked for are looked up.
#[derive(Clone, Debug, Default)]
struct Known {
    n: u32,
    numbers: HashMap<u128, u32, Fast>,
    /// Ids that may not stand in `numbers`, with the number of the first.
    given: Vec<(u32, Vec<u128>)>,
    n_looks: u32,
    /// Ids that got a number since the last columns were made.
    fresh: Vec<u128>,
}

impl Known {
    /// Makes `numbers` hold every one of `asked` that has a number.
    fn prepare(&mut self, asked: impl Iterator<Item = u128>) {
        if self.given.is_empty() {
            return;
        }
        self.n_looks += 1;
        if self.n_looks > MOST_LOOKS {
            for (first, ids) in self.given.drain(..) {
                self.numbers.extend(ids.into_iter().zip(first..));
            }
            return;
        }
        let mut sieve = Sieve::default();
        let asked: HashSet<u128, Fast> = asked.inspect(|id| sieve.add(*id)).collect();
        for (first, ids) in &self.given {
            for (id, number) in ids.iter().zip(*first..) {
                if sieve.may_hold(*id) && asked.contains(id) {
                    self.numbers.insert(*id, number);
                }
            }
        }
    }

    /// Takes numbers that were given elsewhere.
    fn resume(&mut self, ids: Vec<u128>) {
        let first = self.n;
        self.n = self.n.saturating_add(count(&ids));
        if !ids.is_empty() {
            self.given.push((first, ids));
        }
    }

    /// Its number; a new one where it has none.
    fn of(&mut self, id: u128) -> u32 {
        if let Some(number) = self.numbers.get(&id) {
            return *number;
        }
        let next = self.n;
        self.n = self.n.saturating_add(1);
        self.fresh.push(id);
        self.numbers.insert(id, next);
        next
    }
}

fn count<T>(of: &[T]) -> u32 {
    u32::try_from(of.len()).unwrap_or(NONE)
}

/// What is made of one batch.
struct Batch<'e> {
    encoder: &'e mut Encoder,
    columns: Columns,
    letters: HashMap<u128, usize, Fast>,
    /// What is told of these in later columns is about no letter that anybody counts.
    overviews: HashSet<u128, Fast>,
    threats: Numbers<String, Fast>,
    triggers: Numbers<String, Fast>,
    feeds: Numbers<String, Fast>,
    frozen: Numbers<super::ledger_record::Frozen, Fast>,
    runs: Numbers<String, Fast>,
    last_night: Option<(Night, i32)>,
    /// Position of the record, and number of its object.
    at: u32,
    seq: u64,
}

impl Encoder {
    /// How many have numbers.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes {
            companies: self.companies.n,
            assets: self.assets.n,
            findings: self.findings.n,
        }
    }

    /// Takes the ids out of columns that were made earlier; they must begin at [`Encoder::sizes`].
    pub fn resume(&mut self, columns: &mut Columns) {
        self.companies
            .resume(std::mem::take(&mut columns.companies));
        self.assets.resume(std::mem::take(&mut columns.assets));
        self.findings.resume(std::mem::take(&mut columns.findings));
    }

    /// The records as columns. A claim that stands twice among them is taken once.
    pub fn encode(&mut self, records: &[Numbered]) -> Columns {
        self.prepare(records);
        let before = self.sizes();
        let mut batch = Batch {
            columns: Columns {
                before,
                n_records: count(records),
                begins_with_sightings: records.first().is_some_and(is_sightings),
                ..Columns::default()
            },
            encoder: self,
            letters: HashMap::default(),
            overviews: HashSet::default(),
            threats: Numbers::new(),
            triggers: Numbers::new(),
            feeds: Numbers::new(),
            frozen: Numbers::new(),
            runs: Numbers::new(),
            last_night: None,
            at: 0,
            seq: 0,
        };
        for (at, numbered) in (0..).zip(records) {
            (batch.at, batch.seq) = (at, numbered.seq);
            batch.record(&numbered.record, records.get(at as usize + 1));
        }
        let mut columns = batch.columns;
        columns.texts.threats = batch.threats.into_values();
        columns.texts.triggers = batch.triggers.into_values();
        columns.texts.feeds = batch.feeds.into_values();
        columns.texts.frozen = batch.frozen.into_values();
        columns.texts.runs = batch.runs.into_values();
        columns.companies = std::mem::take(&mut self.companies.fresh);
        columns.assets = std::mem::take(&mut self.assets.fresh);
        columns.findings = std::mem::take(&mut self.findings.fresh);
        columns
    }

    fn prepare(&mut self, records: &[Numbered]) {
        let claims = || {
            records.iter().filter_map(|r| match &r.record {
                Record::Claim(claim) if !claim.is_overview() => Some(claim),
                _ => None,
            })
        };
        let items = || claims().flat_map(|c| c.items.iter());
        let seen = records.iter().filter_map(|r| match &r.record {
            Record::Sightings(s) => Some(s.gone.iter().map(|(f, _)| f).chain(&s.back)),
            _ => None,
        });
        let of_aliases = records.iter().filter_map(|r| match &r.record {
            Record::Alias(alias) => Some([alias.former, alias.party]),
            _ => None,
        });
        let of_claims = claims().map(|c| c.party_ref);
        let parties = of_claims.chain(of_aliases.flatten());
        self.companies.prepare(parties.map(|p| short(&p.0)));
        self.assets.prepare(items().map(|i| short(&i.asset_ref.0)));
        let findings = items().map(|i| short(&i.finding_id.0));
        self.findings
            .prepare(findings.chain(seen.flatten().map(|f| short(&f.0))));
    }
}

fn is_sightings(numbered: &Numbered) -> bool {
    matches!(numbered.record, Record::Sightings(_))
}

impl Batch<'_> {
    fn record(&mut self, record: &Record, next: Option<&Numbered>) {
        match record {
            // An overview warns nobody, so nothing of it is counted.
            Record::Claim(claim) if claim.is_overview() => {
                let night = self.day(claim.night);
                let letter = short_letter(&claim.letter_id);
                self.overviews.insert(key(letter, night, claim.attempt));
            }
            Record::Claim(claim) => self.claim(claim),
            Record::Receipt(receipt) => self.receipt(receipt),
            Record::Figures(figures) => match next {
                None => self.note(What::Figures, figures.night),
                Some(next) if is_sightings(next) => {}
                Some(_) => self.note(What::AllJudged, figures.night),
            },
            Record::Sightings(sightings) => self.sightings(sightings),
            Record::Final(ended) => {
                let run = self.runs.of(&ended.run_id);
                self.note(What::Final, ended.night);
                let notes = &mut self.columns.notes;
                set_last(&mut notes.attempt, ended.revision);
                set_last(&mut notes.number, run);
            }
            Record::Alias(alias) => self.alias(alias),
            // Other kinds say nothing about what was warned of.
            _ => {}
        }
    }

    fn day(&mut self, night: Night) -> i32 {
        if let Some((_, day)) = self.last_night.filter(|(n, _)| *n == night) {
            return day;
        }
        let day = day_number(night);
        self.last_night = Some((night, day));
        day
    }

    fn claim(&mut self, claim: &Claim) {
        let company = self.encoder.companies.of(short(&claim.party_ref.0));
        let first_item = count(&self.columns.items.finding);
        let letter = short_letter(&claim.letter_id);
        let night = self.day(claim.night);
        let key = key(letter, night, claim.attempt);
        let is_new = !self.letters.contains_key(&key);
        for item in claim.items.iter() {
            let asset = self.encoder.assets.of(short(&item.asset_ref.0));
            let finding = self.encoder.findings.of(short(&item.finding_id.0));
            if is_new {
                self.item(item, asset, finding);
            }
        }
        if !is_new {
            return;
        }
        self.letters.insert(key, self.columns.letters.len());
        let frozen = self.frozen.of(claim.frozen.as_ref());
        let letters = &mut self.columns.letters;
        letters.letter.push(letter);
        letters.night.push(night);
        letters.attempt.push(claim.attempt);
        letters.company.push(company);
        letters.frozen.push(frozen);
        letters.channel.push(claim.channel);
        letters.state.push(0);
        letters.since.push(0);
        letters.told.push(NONE);
        letters.first_item.push(first_item);
    }

    fn item(&mut self, item: &ClaimItem, asset: u32, finding: u32) {
        let items = &mut self.columns.items;
        items.threat.push(self.threats.of(item.threat_id.as_ref()));
        items
            .trigger
            .push(self.triggers.of(item.trigger_id.as_ref()));
        items.finding.push(finding);
        items.asset.push(asset);
        items.feed.push(self.feeds.of(item.feed.as_ref()));
        items.kind.push(item.kind);
        items.urgency.push(item.urgency);
        items.first_observed_at.push(item.first_observed_at);
        items.observed_at.push(item.observed_at);
    }

    fn receipt(&mut self, receipt: &Receipt) {
        let letter = short_letter(&receipt.letter_id);
        let night = self.day(receipt.night);
        let key = key(letter, night, receipt.attempt);
        if self.overviews.contains(&key) {
            return;
        }
        let known = self.letters.get(&key).copied();
        if let Some(at) = known {
            self.tell(at, receipt.state);
            if receipt.state != ReceiptState::Bounced {
                return;
            }
        }
        let what = match known {
            Some(_) => What::CameBack,
            None => What::receipt(receipt.state),
        };
        self.note(what, receipt.night);
        let notes = &mut self.columns.notes;
        set_last(&mut notes.letter, letter);
        set_last(&mut notes.attempt, receipt.attempt);
    }

    /// A receipt of a letter of this batch.
    fn tell(&mut self, letter_idx: usize, state: ReceiptState) {
        let letters = &mut self.columns.letters;
        let is_handed_over = state == ReceiptState::HandedOver;
        let columns = (
            letters.state.get_mut(letter_idx),
            letters.since.get_mut(letter_idx),
            letters.told.get_mut(letter_idx),
        );
        let (Some(bits), Some(since), Some(told)) = columns else {
            return;
        };
        *bits = noted(*bits, state);
        if is_handed_over && *since == 0 {
            *since = self.seq;
        }
        if *told == NONE {
            *told = self.at;
            *bits |= if is_handed_over { IS_WARNED } else { 0 };
        }
    }

    fn sightings(&mut self, sightings: &Sightings) {
        let gone = sightings.gone.iter();
        let gone = gone.map(|(finding, how)| (finding, What::of_gone(*how)));
        let back = sightings.back.iter().map(|finding| (finding, What::Back));
        for (finding, what) in gone.chain(back) {
            // Nobody was warned of a finding without a number.
            let number = self.encoder.findings.numbers.get(&short(&finding.0));
            if let Some(number) = number.copied() {
                self.note(what, sightings.night);
                set_last(&mut self.columns.notes.number, number);
            }
        }
        if !sightings.counts.contains_key(&Gone::NotScanned) {
            self.note(What::AllJudged, sightings.night);
        }
    }

    /// It is no night's, and stands at day 0.
    fn alias(&mut self, alias: &Alias) {
        let companies = &mut self.encoder.companies;
        let former = companies.of(short(&alias.former.0));
        let own = companies.of(short(&alias.party.0));
        self.note_on(What::Alias, 0);
        set_last(&mut self.columns.notes.number, former);
        set_last(&mut self.columns.notes.attempt, own);
    }

    fn note(&mut self, what: What, night: Night) {
        let night = self.day(night);
        self.note_on(what, night);
    }

    fn note_on(&mut self, what: What, night: i32) {
        let n_letters = count(&self.columns.letters.letter);
        let notes: &mut Notes = &mut self.columns.notes;
        notes.what.push(what);
        notes.at.push(self.at);
        notes.n_letters.push(n_letters);
        notes.seq.push(self.seq);
        notes.night.push(night);
        notes.letter.push(0);
        notes.attempt.push(0);
        notes.number.push(0);
    }
}

fn set_last<T>(column: &mut [T], value: T) {
    if let Some(last) = column.last_mut() {
        *last = value;
    }
}
