//! The counts of a group while letters are counted.

use super::count::Figures;
use super::keys::Keys;
use crate::statistics::{Counts, counted};

/// The counts of a group. Companies come one after the other: what one has in a group is known when
/// the next one comes.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// The company that came last and its counts.
    company: u32,
    participant: u32,
    findings_of: OfOne,
    notifications_of: OfOne,
    triggers: u64,
    companies: u64,
    participants: u64,
    findings: u64,
    assets: u64,
    keys: [u64; 3],
    sums: Sums,
}

/// How many the company that came last has, and the most that one has.
#[derive(Clone, Copy, Debug, Default)]
struct OfOne {
    n: u32,
    most: u32,
}

impl OfOne {
    #[inline]
    fn add(&mut self) {
        self.n += 1;
        self.most = self.most.max(self.n);
    }
}

/// Sums of keys of companies, notifications and findings, by position.
const COMPANIES: usize = 0;
const NOTIFICATIONS: usize = 1;
const FINDINGS: usize = 2;

/// What adds up over letters: notifications by their strongest kind, attempts in the place of what
/// is repeated, letters, and letters that came back.
type Sums = [u32; 8];

pub(super) const ATTEMPTS: usize = counted::REPEATED as usize;
pub(super) const LETTERS: usize = 6;
pub(super) const BOUNCED: usize = 7;

impl Default for Tally {
    fn default() -> Self {
        Self {
            company: u32::MAX,
            participant: u32::MAX,
            findings_of: OfOne::default(),
            notifications_of: OfOne::default(),
            triggers: 0,
            companies: 0,
            participants: 0,
            findings: 0,
            assets: 0,
            keys: [0; 3],
            sums: [0; 8],
        }
    }
}

impl Tally {
    /// A finding of the company, which takes part or not.
    #[inline]
    pub(super) fn enter(&mut self, company: u32, is_participant: bool, keys: Option<&Keys>) {
        if self.company != company {
            self.company = company;
            self.findings_of.n = 0;
            self.notifications_of.n = 0;
            self.companies += 1;
            self.key(COMPANIES, keys.map_or(0, |k| k.of_company(company)));
        }
        if is_participant && self.participant != company {
            self.participant = company;
            self.participants += 1;
        }
    }

    /// Is this the company that was counted last?
    pub(super) const fn is_last(&self, company: u32) -> bool {
        self.company == company
    }

    #[inline]
    fn key(&mut self, of: usize, key: u64) {
        if let Some(sum) = self.keys.get_mut(of) {
            *sum = sum.wrapping_add(key);
        }
    }

    /// So many more of a sum. A ledger has fewer letters than 2^32.
    #[inline]
    pub(super) fn add(&mut self, sum: usize, more: u32) {
        if let Some(n) = self.sums.get_mut(sum) {
            *n = n.wrapping_add(more);
        }
    }

    /// One more notification that warns.
    #[inline]
    pub(super) fn warning(&mut self, key: u64) {
        self.notifications_of.add();
        self.key(NOTIFICATIONS, key);
    }

    /// One more finding of the company that came last.
    #[inline]
    pub(super) fn finding(&mut self, key: u64) {
        self.findings += 1;
        self.findings_of.add();
        self.key(FINDINGS, key);
    }

    #[inline]
    pub(super) const fn asset(&mut self) {
        self.assets += 1;
    }

    #[inline]
    pub(super) const fn trigger(&mut self) {
        self.triggers += 1;
    }

    /// Adds what a company has in all but triggers; it was in none of these counts before.
    pub(super) fn join(&mut self, whole: &Self) {
        self.company = whole.company;
        self.findings_of.n = whole.findings_of.n;
        let most = |a: &mut OfOne, b: OfOne| a.most = a.most.max(b.most);
        most(&mut self.findings_of, whole.findings_of);
        most(&mut self.notifications_of, whole.notifications_of);
        self.companies += whole.companies;
        self.participants += whole.participants;
        self.findings += whole.findings;
        self.assets += whole.assets;
        for (of, key) in whole.keys.into_iter().enumerate() {
            self.key(of, key);
        }
        for (sum, more) in whole.sums.into_iter().enumerate() {
            self.add(sum, more);
        }
    }

    pub(super) fn figures(&self, hours: Option<(u32, u32)>) -> Figures {
        let [
            first_warnings,
            relapses,
            escalations,
            reminders,
            corrections,
            attempts,
            letters,
            bounced,
        ] = self.sums.map(u64::from);
        Figures {
            counts: Counts {
                triggers: self.triggers,
                findings: self.findings,
                notifications: first_warnings + relapses + escalations,
                letters,
                companies: self.companies,
                assets: self.assets,
                participants: self.participants,
                first_warnings,
                relapses,
                escalations,
                reminders,
                corrections,
                attempts,
            },
            bounced,
            hours,
            keys: self.keys,
            most_findings: u64::from(self.findings_of.most),
            most_notifications: u64::from(self.notifications_of.most),
        }
    }
}
