//! How a letter is counted.

use super::axis::Said;
use super::facts::{Item, Letter};
use super::keys::Keys;
use super::marks::Marks;
use super::one_company::OneCompany;
use super::tally::{ATTEMPTS, BOUNCED, LETTERS, Tally};
use crate::model::ledger_record::ReceiptState;
use crate::model::night::Night;
use crate::statistics::counted;

/// What can be in letters of several companies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
        if facts.findings.is_shared(item.finding) || facts.assets.is_shared(item.asset) {
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
    let is_new_finding = room.findings.add(of.finding as usize, group);
    let is_new_asset = room.assets.add(of.asset as usize, group);
    add_item(
        one,
        tally,
        item,
        of.is_participant,
        (is_new_finding, is_new_asset),
    );
    if kind <= counted::ESCALATION {
        warn(one, tally, item.trigger, of.said.night);
    }
}

/// Adds an item that warns or reminds, whose finding and asset are new in the group or not.
#[inline]
fn add_item(
    one: &OneCompany,
    tally: &mut Tally,
    item: &Item,
    is_participant: bool,
    (is_new_finding, is_new_asset): (bool, bool),
) {
    let keys = one.facts.keys.as_ref();
    tally.enter(one.company, is_participant, keys);
    if is_new_finding {
        tally.finding(keys.map_or(0, |k| k.of_finding(item.finding)));
    }
    if is_new_asset {
        tally.asset();
    }
}

/// Adds a notification that warns.
#[inline]
fn warn(one: &OneCompany, tally: &mut Tally, trigger: u32, night: Night) {
    let key = |k: &Keys| k.of_notification(one.company, trigger, night);
    tally.warning(one.facts.keys.as_ref().map_or(0, key));
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
    let is_new_finding = if facts.findings.is_shared(item.finding) {
        to.shared(place, Thing::Finding, item.finding)
    } else {
        let own = item.finding.wrapping_sub(one.findings.0);
        room.findings.add(own as usize, group)
    };
    let is_new_asset = if facts.assets.is_shared(item.asset) {
        to.shared(place, Thing::Asset, item.asset)
    } else {
        let own = item.asset.wrapping_sub(one.assets.0);
        room.assets.add(own as usize, group)
    };
    let Some(tally) = to.tally(place) else {
        return;
    };
    let is_participant = facts.is_participant(letter.frozen);
    add_item(
        one,
        tally,
        item,
        is_participant,
        (is_new_finding, is_new_asset),
    );
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
        warn(one, tally, trigger, letter.night);
    }
    if of.rank == counted::FIRST {
        to.waited(place, of.hours);
    }
}
