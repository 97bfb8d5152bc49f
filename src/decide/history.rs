//! What the ledger says about findings: when each was written about, and since when it is open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

use super::answers::Answers;
use super::following::Following;
use crate::model::aftermath::PRINTER;
use crate::model::alias::Followed;
use crate::model::company::Channel;
use crate::model::decision::ItemKind;
use crate::model::identity::{FindingId, LetterId, PartyRef};
use crate::model::ledger_record::{
    AttemptKey, Claim, ClaimItem, LedgerView, Receipt, ReceiptState, Record,
};
use crate::model::night::{Micros, Night};
use crate::model::sighting::{Gone, Sightings};

/// What is known of one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Night of the latest claim that holds it.
    pub last_claimed_on: Date,
    /// Earliest time at which it was seen.
    pub first_observed_at: Micros,
    /// The last letter about it took the statement back: nobody was warned of it.
    pub is_taken_back: bool,
    /// How the last letter about it travelled.
    pub last_channel: Channel,
}

impl Known {
    /// Of one thing under two keys: what was said last counts, seen since the earlier moment.
    fn joined(self, other: Self) -> Self {
        let latest = match other.last_claimed_on > self.last_claimed_on {
            true => other,
            false => self,
        };
        Self {
            first_observed_at: self.first_observed_at.min(other.first_observed_at),
            ..latest
        }
    }
}

/// Where a finding was, as far as the ledger knows: nobody's name and no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'h> {
    /// The company.
    pub party: PartyRef,
    /// What was claimed of it last.
    pub item: &'h ClaimItem,
    /// Since when it is gone, and how.
    pub gone: Option<(Night, Gone)>,
}

/// A finding that a claim holds that arrived.
#[derive(Clone, Debug)]
struct Finding {
    known: Known,
    /// Nowhere after it was taken back.
    placed: Option<Placed>,
}

/// The claim that says where a finding was. There are millions, so it is not copied.
#[derive(Clone, Debug)]
struct Placed {
    claim: Arc<Claim>,
    item_idx: usize,
    gone: Option<(Night, Gone)>,
}

impl Placed {
    fn place(&self) -> Option<Place<'_>> {
        Some(Place {
            party: self.claim.party_ref,
            item: self.claim.items.get(self.item_idx)?,
            gone: self.gone,
        })
    }
}

/// Findings and mailboxes, from the claims and receipts of a ledger view.
///
/// A letter that was refused or came back warned nobody: its findings are new again, its attempt
/// counts on, and its mailbox is passed over.
#[derive(Clone, Debug, Default)]
pub struct History {
    findings: BTreeMap<FindingId, Finding>,
    /// Attempts of letters that did not arrive, by finding.
    lost: BTreeMap<FindingId, u32>,
    /// Attempts of overviews that did not arrive: their letters say nothing new on the next night.
    lost_overviews: BTreeMap<(LetterId, Night), u32>,
    /// Overviews that did, or may have.
    overviews: BTreeSet<(LetterId, Night)>,
    /// Last night on which an address refused or returned a letter.
    dead: BTreeMap<PartyRef, Date>,
    answers: Answers,
    /// What goes on under another key.
    following: Following,
}

impl History {
    /// Reads the claims; the view must be the one that the night is pinned to. Follows no finding of
    /// a former key.
    #[must_use]
    pub fn of(view: &LedgerView) -> Self {
        Self::following(view, &[])
    }

    /// As [`History::of`], for a night that pinned what it follows of former keys.
    #[must_use]
    pub fn following(view: &LedgerView, followed: &[Followed]) -> Self {
        let lost = view.lost();
        let is_unsent = |r: &&Receipt| r.state == ReceiptState::Failed && *r.outbox == *PRINTER;
        let unsent: BTreeSet<AttemptKey> = view
            .receipts()
            .filter(is_unsent)
            .map(Receipt::key)
            .collect();
        let mut history = Self {
            following: Following::of(view, followed),
            ..Self::default()
        };
        for numbered in &view.records {
            let claim = match &numbered.record {
                Record::Claim(claim) => claim,
                Record::Answer(answer) => {
                    history.answers.take(answer, &history.following);
                    continue;
                }
                Record::Sightings(sightings) => {
                    history.see(sightings);
                    continue;
                }
                _ => continue,
            };
            if let Some(state) = lost.get(&claim.key()) {
                history.lose(claim, *state, unsent.contains(&claim.key()));
            } else {
                history.know(claim);
                history.answers.written_again(claim, &history.following);
            }
        }
        history
    }

    fn know(&mut self, claim: &Arc<Claim>) {
        let night = claim.night.date();
        if claim.is_overview() {
            self.overviews.insert((claim.letter_id, claim.night));
        }
        for (item_idx, item) in claim.items.iter().enumerate() {
            let first = || Finding {
                known: Known {
                    last_claimed_on: night,
                    first_observed_at: item.first_observed_at,
                    is_taken_back: false,
                    last_channel: claim.channel,
                },
                placed: None,
            };
            let finding = self.findings.entry(item.finding_id);
            let Finding { known, placed } = finding.or_insert_with(first);
            if night >= known.last_claimed_on {
                known.last_channel = claim.channel;
                *placed = Some(Placed {
                    claim: Arc::clone(claim),
                    item_idx,
                    gone: None,
                });
            }
            known.last_claimed_on = known.last_claimed_on.max(night);
            known.first_observed_at = known.first_observed_at.min(item.first_observed_at);
            known.is_taken_back = item.kind == ItemKind::Correction;
            if known.is_taken_back {
                *placed = None;
            }
            self.lost.remove(&item.finding_id);
            for former in self.following.formers_ever(item.finding_id) {
                self.lost.remove(&former);
            }
        }
    }

    fn see(&mut self, sightings: &Sightings) {
        let gone = sightings.gone.iter();
        let gone = gone.map(|(finding, how)| (finding, Some((sightings.night, *how))));
        let back = sightings.back.iter().map(|finding| (finding, None));
        for (finding, gone) in gone.chain(back) {
            let finding = self.findings.get_mut(finding);
            if let Some(placed) = finding.and_then(|f| f.placed.as_mut()) {
                placed.gone = gone;
            }
        }
    }

    /// Where each finding was that a claim that arrived holds.
    pub(super) fn places(&self) -> impl Iterator<Item = (FindingId, Place<'_>)> {
        let findings = self.findings.iter();
        findings.filter_map(|(id, finding)| Some((*id, finding.placed.as_ref()?.place()?)))
    }

    /// The registered values of these findings.
    #[must_use]
    pub fn assets(&self) -> BTreeSet<PartyRef> {
        self.places().map(|(_, p)| p.item.asset_ref).collect()
    }

    /// Where a finding was, by its latest letter under any key.
    pub(super) fn place(&self, finding: FindingId) -> Option<Place<'_>> {
        let latest = self.all(finding).reduce(|kept, next| {
            match next.known.last_claimed_on > kept.known.last_claimed_on {
                true => next,
                false => kept,
            }
        });
        latest?.placed.as_ref()?.place()
    }

    /// A finding, and the same one under former keys.
    fn all(&self, finding: FindingId) -> impl Iterator<Item = &Finding> {
        let formers = self.following.formers(finding);
        let ids = std::iter::once(finding).chain(formers);
        ids.filter_map(|id| self.findings.get(&id))
    }

    /// The company's own key, by its hash.
    pub(super) const fn keys(&self) -> &Following {
        &self.following
    }

    /// Was it written about under the key under which it goes on?
    pub(super) fn is_taken_over(&self, finding: FindingId) -> bool {
        let mut heirs = self.following.heirs(finding);
        heirs.any(|heir| self.findings.contains_key(&heir))
    }

    /// Under which former ids the history has a finding, sorted.
    #[must_use]
    pub fn former_ids(&self, finding: FindingId) -> Vec<FindingId> {
        let formers = self.following.formers(finding);
        let is_there =
            |id: &FindingId| self.findings.contains_key(id) || self.lost.contains_key(id);
        formers.filter(is_there).collect()
    }

    fn lose(&mut self, claim: &Claim, state: ReceiptState, by_printer: bool) {
        for item in claim.items.iter() {
            let attempts = self.lost.entry(item.finding_id).or_insert(0);
            *attempts = (*attempts).max(claim.attempt);
        }
        if claim.is_overview() {
            let lost = self.lost_overviews.entry((claim.letter_id, claim.night));
            let attempts = lost.or_insert(0);
            *attempts = (*attempts).max(claim.attempt);
        }
        // What never left says nothing about the address: a sheet that was spoiled, a mail of a batch
        // that nobody sent.
        let is_spoiled = match state {
            ReceiptState::Failed => claim.channel == Channel::Post || by_printer,
            state => state == ReceiptState::NotSent,
        };
        if let Some(contact) = claim.contact_ref.filter(|_| !is_spoiled) {
            let night = claim.night.date();
            let last = self.dead.entry(contact).or_insert(night);
            *last = (*last).max(night);
        }
    }

    /// What is known of a finding, under any key; `None` where no claim that arrived holds it.
    #[must_use]
    pub fn get(&self, finding: FindingId) -> Option<Known> {
        let all = self.all(finding).map(|finding| finding.known);
        all.reduce(Known::joined)
    }

    /// What recipients answered.
    pub(super) const fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The attempt of a letter about these findings: 1, or one more than that of the last letter
    /// about any of them that did not arrive.
    pub fn attempt(&self, findings: impl Iterator<Item = FindingId>) -> u32 {
        let ids = findings.flat_map(|f| std::iter::once(f).chain(self.following.formers(f)));
        let lost = ids.filter_map(|f| self.lost.get(&f)).max();
        lost.map_or(1, |n| n.saturating_add(1))
    }

    /// Was the overview written by an earlier plan of its night, and is not known to be lost?
    pub(super) fn has_overview(&self, letter: LetterId, night: Night) -> bool {
        self.overviews.contains(&(letter, night))
    }

    /// The attempt of an overview of a night: an earlier revision may have tried in vain.
    #[must_use]
    pub fn overview_attempt(&self, letter: LetterId, night: Night) -> u32 {
        let lost = self.lost_overviews.get(&(letter, night));
        lost.map_or(1, |n| n.saturating_add(1))
    }

    /// The last night on which this mailbox or postal address refused or returned a letter.
    #[must_use]
    pub fn refused_on(&self, contact: PartyRef) -> Option<Date> {
        self.dead.get(&contact).copied()
    }
}
