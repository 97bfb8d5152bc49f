//! What is counted in a group, and how a letter is.

use super::axis::Said;
use super::count::Figures;
use super::facts::{Item, Letter};
use super::keys::Keys;
use super::marks::Marks;
use super::one_company::OneCompany;
use crate::model::ledger_record::ReceiptState;
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

const ATTEMPTS: usize = counted::REPEATED as usize;
const LETTERS: usize = 6;
const BOUNCED: usize = 7;

/// What can be in letters of several companies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Thing {
    Finding,
    Asset,
}

/// Where the counts of a company's letters go.
pub(super) trait Groups {
    /// The place of a group.
    fn place(&self, group: usize) -> usize;
    /// The counts in a place.
    fn tally(&mut self, place: usize) -> Option<&mut Tally>;
    /// A first warning cites a trigger.
    fn first(&mut self, place: usize, trigger: u32);
    /// A first warning came so many hours after the observation.
    fn waited(&mut self, place: usize, hours: u32);
    /// A thing that several companies have: is it new in the place?
    fn shared(&mut self, place: usize, thing: Thing, number: u32) -> bool;
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
            keys: [0; 3],
            sums: [0; 8],
        }
    }
}

impl Tally {
    /// A finding of the company, which takes part or not.
    #[inline]
    fn enter(&mut self, company: u32, is_participant: bool, keys: Option<&Keys>) {
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
    fn add(&mut self, sum: usize, more: u32) {
        if let Some(n) = self.sums.get_mut(sum) {
            *n = n.wrapping_add(more);
        }
    }

    /// One more notification that warns.
    #[inline]
    fn warning(&mut self, key: u64) {
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
        self.findings.begin(one.findings.1, n_groups);
        self.assets.begin(one.assets.1, n_groups);
    }
}

/// A notification in a group: its strongest kind, and its longest wait.
struct Notification {
    group: usize,
    rank: u32,
    hours: u32,
}

/// A letter with one item, as most are: one group, and one notification at most.
pub(super) struct Single {
    pub said: Said,
    is_participant: bool,
    is_bounced: bool,
    /// Which of the company's own it is.
    finding: u32,
    asset: u32,
}

impl Single {
    /// `None` where the letter has several items, or one that other companies have too.
    #[inline]
    pub(super) fn of(one: &OneCompany, letter: &Letter) -> Option<Self> {
        let facts = one.facts;
        let [item] = letter.items(&facts.items) else {
            return None;
        };
        if facts.is_shared(Thing::Finding, item.finding)
            || facts.is_shared(Thing::Asset, item.asset)
        {
            return None;
        }
        Some(Self {
            said: said(letter, item, item.rank()),
            is_participant: facts.is_participant(letter.frozen),
            is_bounced: letter.state.has(ReceiptState::Bounced),
            finding: item.finding.wrapping_sub(one.findings.0),
            asset: item.asset.wrapping_sub(one.assets.0),
        })
    }
}

/// An item of a letter, whose notification has this rank.
#[inline]
fn said(letter: &Letter, item: &Item, rank: u32) -> Said {
    let kind = if letter.is_repeated {
        counted::REPEATED
    } else {
        rank
    };
    Said {
        item: *item,
        night: letter.night,
        channel: letter.channel,
        kind: kind as u8,
    }
}

/// Counts a letter with one item, which is in this group.
#[inline]
pub(super) fn single(
    one: &OneCompany,
    of: &Single,
    room: &mut Room,
    to: &mut impl Groups,
    group: usize,
) {
    let (item, kind) = (&of.said.item, u32::from(of.said.kind));
    let place = to.place(group);
    if kind == counted::FIRST {
        to.first(place, item.trigger);
        to.waited(place, item.hours);
    }
    let Some(tally) = to.tally(place) else {
        return;
    };
    tally.add(kind as usize, 1);
    tally.add(LETTERS, u32::from(kind != counted::REPEATED));
    tally.add(BOUNCED, u32::from(of.is_bounced));
    if kind > counted::REMINDER {
        return;
    }
    let keys = one.facts.keys.as_ref();
    tally.enter(one.company, of.is_participant, keys);
    if room.findings.add(of.finding as usize, group) {
        tally.finding(keys.map_or(0, |k| k.of_finding(item.finding)));
    }
    if room.assets.add(of.asset as usize, group) {
        tally.asset();
    }
    if kind <= counted::ESCALATION {
        let key = |k: &Keys| k.of_notification(one.company, item.trigger, of.said.night);
        tally.warning(keys.map_or(0, key));
    }
}

/// Counts a letter of the company; `group` tells an item's group.
pub(super) fn letter(
    one: &OneCompany,
    letter: &Letter,
    room: &mut Room,
    to: &mut impl Groups,
    group: impl Fn(&Said) -> usize,
) {
    let items = letter.items(&one.facts.items);
    for pair in items.chunk_by(|a, b| a.trigger == b.trigger) {
        let strongest = pair.iter().map(Item::rank).min().unwrap_or_default();
        for item in pair {
            let group = group(&said(letter, item, strongest));
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
    let sum = if letter.is_repeated {
        ATTEMPTS
    } else {
        LETTERS
    };
    let is_bounced = letter.state.has(ReceiptState::Bounced);
    for group in room.groups.drain(..) {
        if let Some(tally) = to.tally(to.place(group)) {
            tally.add(sum, 1);
            tally.add(BOUNCED, u32::from(is_bounced));
        }
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

fn count_item(
    one: &OneCompany,
    letter: &Letter,
    item: &Item,
    room: &mut Room,
    to: &mut impl Groups,
    group: usize,
) {
    let place = to.place(group);
    if item.rank() == counted::FIRST {
        to.first(place, item.trigger);
    }
    if item.rank() > counted::REMINDER {
        return;
    }
    let facts = one.facts;
    let is_new_finding = if facts.is_shared(Thing::Finding, item.finding) {
        to.shared(place, Thing::Finding, item.finding)
    } else {
        let own = item.finding.wrapping_sub(one.findings.0);
        room.findings.add(own as usize, group)
    };
    let is_new_asset = if facts.is_shared(Thing::Asset, item.asset) {
        to.shared(place, Thing::Asset, item.asset)
    } else {
        let own = item.asset.wrapping_sub(one.assets.0);
        room.assets.add(own as usize, group)
    };
    let Some(tally) = to.tally(place) else {
        return;
    };
    let keys = facts.keys.as_ref();
    tally.enter(one.company, facts.is_participant(letter.frozen), keys);
    if is_new_finding {
        tally.finding(keys.map_or(0, |k| k.of_finding(item.finding)));
    }
    if is_new_asset {
        tally.asset();
    }
}

fn notify(
    one: &OneCompany,
    letter: &Letter,
    trigger: u32,
    of: &Notification,
    to: &mut impl Groups,
) {
    let place = to.place(of.group);
    let Some(tally) = to.tally(place) else {
        return;
    };
    tally.add(of.rank as usize, 1);
    if of.rank <= counted::ESCALATION {
        let key = |k: &Keys| k.of_notification(one.company, trigger, letter.night);
        tally.warning(one.facts.keys.as_ref().map_or(0, key));
    }
    if of.rank == counted::FIRST {
        to.waited(place, of.hours);
    }
}
