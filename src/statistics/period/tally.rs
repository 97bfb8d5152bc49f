//! What is counted in a group, and how a letter is.

use super::count::Figures;
use super::facts::{Item, Letter};
use super::marks::Marks;
use super::one_company::OneCompany;
use crate::model::ledger_record::ReceiptState;
use crate::statistics::{Counts, counted};

/// Kinds that a notification can be of.
const N_RANKS: usize = 5;

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
    letters: u64,
    attempts: u64,
    bounced: u64,
    keys: [u64; 3],
    /// Notifications by their strongest kind.
    notifications: [u64; N_RANKS],
}

/// What can be in letters of several companies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Thing {
    Finding,
    Asset,
}

/// Where the counts of a company's letters go, by group.
pub(super) trait Groups {
    /// The counts of a group.
    fn tally(&mut self, group: usize) -> Option<&mut Tally>;
    /// A first warning cites a trigger.
    fn first(&mut self, group: usize, trigger: u32);
    /// A first warning came so many hours after the observation.
    fn waited(&mut self, group: usize, hours: u32);
    /// A thing that several companies have: is it new in the group?
    fn shared(&mut self, group: usize, thing: Thing, number: u32) -> bool;
}

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
            letters: 0,
            attempts: 0,
            bounced: 0,
            keys: [0; 3],
            notifications: [0; N_RANKS],
        }
    }
}

impl Tally {
    /// True where it is the company's first time in this group.
    #[inline]
    fn enter(&mut self, company: u32) -> bool {
        let is_new = self.company != company;
        if is_new {
            self.company = company;
            self.findings_of = 0;
            self.notifications_of = 0;
        }
        is_new
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
        self.letters += whole.letters;
        self.attempts += whole.attempts;
        self.bounced += whole.bounced;
        let keys = self.keys.iter_mut().zip(whole.keys);
        keys.for_each(|(key, more)| *key = key.wrapping_add(more));
        let notifications = self.notifications.iter_mut().zip(whole.notifications);
        notifications.for_each(|(n, more)| *n += more);
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
        ] = self.notifications;
        Figures {
            counts: Counts {
                triggers,
                findings: self.findings,
                notifications: first_warnings + relapses + escalations,
                letters: self.letters,
                companies: self.companies,
                assets: self.assets,
                participants: self.participants,
                first_warnings,
                relapses,
                escalations,
                reminders,
                corrections,
                attempts: self.attempts,
            },
            bounced: self.bounced,
            hours,
            keys: self.keys,
            most_findings: u64::from(self.most_findings),
            most_notifications: u64::from(self.most_notifications),
        }
    }
}

/// Room for the letters of a company in a table, used again for the next one.
#[derive(Default)]
pub(super) struct Room {
    pub findings: Marks,
    pub assets: Marks,
    /// Groups that a letter stands in, and a notification in each.
    groups: Vec<usize>,
    notifications: Vec<Notification>,
}

impl Room {
    pub(super) fn begin(&mut self, one: &OneCompany, n_groups: usize) {
        self.findings.begin(one.findings.n, n_groups);
        self.assets.begin(one.assets.n, n_groups);
    }
}

/// A notification in a group: its strongest kind, and its longest wait.
struct Notification {
    group: usize,
    rank: u32,
    hours: u32,
}

/// Counts a letter of the company. `group` tells an item's group, given what its notification is.
#[inline]
pub(super) fn letter(
    one: &OneCompany,
    letter: &Letter,
    room: &mut Room,
    to: &mut impl Groups,
    group: impl Fn(&Item, u32) -> usize,
) {
    let items = letter.items(&one.facts.items);
    // Most letters have one item, so one group and one notification at most.
    if let [item] = items {
        let kind = kind(letter, item.rank());
        let group = group(item, kind);
        if !letter.is_repeated {
            count_item(one, letter, item, room, to, group);
            let (rank, hours) = (item.rank(), item.hours);
            notify(
                one,
                letter,
                item.trigger,
                &Notification { group, rank, hours },
                to,
            );
        }
        return stands_in(letter, to, group);
    }
    for pair in items.chunk_by(|a, b| a.trigger == b.trigger) {
        let strongest = pair.iter().map(Item::rank).min().unwrap_or_default();
        let kind = kind(letter, strongest);
        for item in pair {
            let group = group(item, kind);
            if !room.groups.contains(&group) {
                room.groups.push(group);
            }
            if !letter.is_repeated {
                count_item(one, letter, item, room, to, group);
                note(&mut room.notifications, group, item);
            }
        }
        let trigger = pair.first().map_or(0, |i| i.trigger);
        for notification in room.notifications.drain(..) {
            notify(one, letter, trigger, &notification, to);
        }
    }
    for group in room.groups.drain(..) {
        stands_in(letter, to, group);
    }
}

const fn kind(letter: &Letter, rank: u32) -> u32 {
    if letter.is_repeated {
        counted::REPEATED
    } else {
        rank
    }
}

fn note(notifications: &mut Vec<Notification>, group: usize, item: &Item) {
    let (rank, hours) = (item.rank(), item.hours);
    match notifications.iter_mut().find(|n| n.group == group) {
        Some(known) => {
            known.rank = rank.min(known.rank);
            known.hours = hours.max(known.hours);
        }
        None => notifications.push(Notification { group, rank, hours }),
    }
}

#[inline]
fn stands_in(letter: &Letter, to: &mut impl Groups, group: usize) {
    if let Some(tally) = to.tally(group) {
        tally.letters += u64::from(!letter.is_repeated);
        tally.attempts += u64::from(letter.is_repeated);
        tally.bounced += u64::from(letter.state.has(ReceiptState::Bounced));
    }
}

#[inline]
fn count_item(
    one: &OneCompany,
    letter: &Letter,
    item: &Item,
    room: &mut Room,
    to: &mut impl Groups,
    group: usize,
) {
    if item.rank() == counted::FIRST {
        to.first(group, item.trigger);
    }
    if item.rank() > counted::REMINDER {
        return;
    }
    let facts = one.facts;
    let is_new_finding = if facts.is_shared(Thing::Finding, item.finding) {
        to.shared(group, Thing::Finding, item.finding)
    } else {
        room.findings.add(
            item.finding.wrapping_sub(one.findings.first) as usize,
            group,
        )
    };
    let is_new_asset = if facts.is_shared(Thing::Asset, item.asset) {
        to.shared(group, Thing::Asset, item.asset)
    } else {
        room.assets
            .add(item.asset.wrapping_sub(one.assets.first) as usize, group)
    };
    let Some(tally) = to.tally(group) else {
        return;
    };
    let keys = facts.keys.as_ref();
    if tally.enter(letter.company) {
        tally.companies += 1;
        let [companies, ..] = &mut tally.keys;
        let key = keys.map_or(0, |k| k.of_company(letter.company));
        *companies = companies.wrapping_add(key);
    }
    if tally.participant != letter.company && facts.is_participant(letter.frozen) {
        tally.participant = letter.company;
        tally.participants += 1;
    }
    if is_new_finding {
        tally.finding(keys.map_or(0, |k| k.of_finding(item.finding)));
    }
    if is_new_asset {
        tally.asset();
    }
}

#[inline]
fn notify(
    one: &OneCompany,
    letter: &Letter,
    trigger: u32,
    of: &Notification,
    to: &mut impl Groups,
) {
    let Some(tally) = to.tally(of.group) else {
        return;
    };
    if let Some(n) = tally.notifications.get_mut(of.rank as usize) {
        *n += 1;
    }
    if of.rank <= counted::ESCALATION {
        tally.notifications_of += 1;
        tally.most_notifications = tally.most_notifications.max(tally.notifications_of);
        if let Some(keys) = &one.facts.keys {
            let key = keys.of_notification(letter.company, trigger, letter.night);
            let [_, notifications, _] = &mut tally.keys;
            *notifications = notifications.wrapping_add(key);
        }
    }
    if of.rank == counted::FIRST {
        to.waited(of.group, of.hours);
    }
}
