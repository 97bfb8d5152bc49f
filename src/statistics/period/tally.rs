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
    findings_of: u32,
    notifications_of: u32,
    most_findings: u32,
    most_notifications: u32,
    companies: u64,
    participants: u64,
    findings: u64,
    assets: u64,
    keys: [u64; 3],
    sums: Sums,
}

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
            findings_of: 0,
            notifications_of: 0,
            most_findings: 0,
            most_notifications: 0,
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
            self.findings_of = 0;
            self.notifications_of = 0;
            self.companies += 1;
            let [companies, ..] = &mut self.keys;
            *companies = companies.wrapping_add(keys.map_or(0, |k| k.of_company(company)));
        }
        if is_participant && self.participant != company {
            self.participant = company;
            self.participants += 1;
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
        self.notifications_of += 1;
        self.most_notifications = self.most_notifications.max(self.notifications_of);
        let [_, notifications, _] = &mut self.keys;
        *notifications = notifications.wrapping_add(key);
    }

    /// Adds what a company has in all; it was in none of these counts before.
    pub(super) fn join(&mut self, whole: &Self) {
        self.company = whole.company;
        self.findings_of = whole.findings_of;
        self.most_findings = self.most_findings.max(whole.most_findings);
        self.most_notifications = self.most_notifications.max(whole.most_notifications);
        self.companies += whole.companies;
        self.participants += whole.participants;
        self.findings += whole.findings;
        self.assets += whole.assets;
        let keys = self.keys.iter_mut().zip(whole.keys);
        keys.for_each(|(key, more)| *key = key.wrapping_add(more));
        for (sum, more) in whole.sums.into_iter().enumerate() {
            self.add(sum, more);
        }
    }

    /// One more finding of the company that came last.
    #[inline]
    pub(super) fn finding(&mut self, key: u64) {
        self.findings += 1;
        self.findings_of += 1;
        self.most_findings = self.most_findings.max(self.findings_of);
        let [_, _, findings] = &mut self.keys;
        *findings = findings.wrapping_add(key);
    }

    #[inline]
    pub(super) const fn asset(&mut self) {
        self.assets += 1;
    }

    pub(super) fn figures(&self, triggers: u64, hours: Option<(u32, u32)>) -> Figures {
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
                triggers,
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
            most_findings: u64::from(self.most_findings),
            most_notifications: u64::from(self.most_notifications),
        }
    }
}
