//! Which claims count, and as what.

use std::collections::{BTreeMap, BTreeSet};

use super::Input;
use crate::model::alias::Aliases;
use crate::model::decision::ItemKind;
use crate::model::identity::{FindingId, PartyRef};
use crate::model::ledger_record::{AttemptKey, Claim, ClaimItem, ReceiptState};
use crate::model::night::Night;

/// How strongly an item warns; the first is the strongest. What is repeated comes last, so that
/// one comparison leaves it out.
pub(super) const FIRST: u32 = 0;
pub(super) const RELAPSE: u32 = 1;
pub(super) const ESCALATION: u32 = 2;
pub(super) const REMINDER: u32 = 3;
pub(super) const CORRECTION: u32 = 4;
pub(super) const REPEATED: u32 = 5;

/// One finding in a letter that was handed over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    /// Number of the claim among all that count.
    pub letter: u32,
    /// The letter.
    pub claim: &'a Claim,
    /// The finding.
    pub item: &'a ClaimItem,
    /// One of the constants above.
    pub rank: u32,
    /// The company, by its own key where the letter has a former one.
    pub company: PartyRef,
}

/// Every item of every letter that was handed over up to the night, in the order of letter id,
/// night and attempt.
pub(super) fn items<'a>(input: &Input<'a>) -> Vec<Item<'a>> {
    let mut claims: BTreeMap<AttemptKey, &Claim> = BTreeMap::new();
    let mut handed_over: BTreeSet<AttemptKey> = BTreeSet::new();
    let counts = |claim: &&Claim| !claim.is_overview();
    for claim in input.ledger.claims().filter(counts) {
        claims.insert(claim.key(), claim);
    }
    for receipt in input.ledger.receipts() {
        if receipt.state == ReceiptState::HandedOver {
            handed_over.insert(receipt.key());
        }
    }
    for claim in input.tonight.iter().filter(counts) {
        claims.insert(claim.key(), claim);
        handed_over.insert(claim.key());
    }
    let mut items = Vec::new();
    let mut letter = 0;
    let aliases = Aliases::of(input.ledger);
    let fresh = fresh(tries(&claims, &handed_over));
    for (key, claim) in claims {
        let (_, night, attempt) = key;
        if night > input.night || !handed_over.contains(&key) {
            continue;
        }
        let is_repeated = attempt > 1 && !claim.items.is_empty() && !fresh.contains(&key);
        let company = aliases.own(claim.party_ref);
        items.extend(claim.items.iter().map(|item| Item {
            company,
            letter,
            claim,
            item,
            rank: if is_repeated {
                REPEATED
            } else {
                rank(item.kind)
            },
        }));
        letter += 1;
    }
    items
}

/// One item of a letter, as far as it tells which tries repeat another.
pub(super) struct Try<K, N, L> {
    /// Company, finding, trigger and kind.
    pub of: K,
    /// Night of the letter.
    pub night: N,
    /// Attempt of the letter.
    pub attempt: u32,
    /// Was the letter handed over?
    pub is_handed_over: bool,
    /// The letter, where it is a later try.
    pub asks: Option<L>,
}

/// The later tries that say something for the first time: an item that no letter before them told,
/// back to the newest first try. Every other one repeats.
///
/// Items are compared, not letters: when some of a letter's findings are gone, or others come, the
/// next try has another id. A first try begins anew, which is how a second reminder about the
/// same finding differs from a second try.
pub(super) fn fresh<K: Ord, N: Ord + Copy, L: Ord + Copy>(
    mut tries: Vec<Try<K, N, L>>,
) -> BTreeSet<L> {
    tries.sort_by(|a, b| (&a.of, a.night, a.attempt).cmp(&(&b.of, b.night, b.attempt)));
    let mut fresh = BTreeSet::new();
    for of_item in tries.chunk_by(|a, b| a.of == b.of) {
        let mut was_told = false;
        for at_once in of_item.chunk_by(|a, b| (a.night, a.attempt) == (b.night, b.attempt)) {
            if !was_told {
                fresh.extend(at_once.iter().filter_map(|t| t.asks));
            }
            let is_first = at_once.iter().any(|t| t.attempt <= 1);
            let is_told = at_once.iter().any(|t| t.is_handed_over);
            was_told = is_told || (was_told && !is_first);
        }
    }
    fresh
}

type Told<'a> = (PartyRef, FindingId, &'a str, u32);

fn told<'a>(claim: &Claim, item: &'a ClaimItem) -> Told<'a> {
    (
        claim.party_ref,
        item.finding_id,
        &item.trigger_id,
        rank(item.kind),
    )
}

/// The items of later tries, in all their letters.
fn tries<'a>(
    claims: &BTreeMap<AttemptKey, &'a Claim>,
    handed_over: &BTreeSet<AttemptKey>,
) -> Vec<Try<Told<'a>, Night, AttemptKey>> {
    let items = || {
        let claims = claims.iter();
        claims.flat_map(|(key, claim)| claim.items.iter().map(move |i| (*key, told(claim, i))))
    };
    let later = |attempt: u32| attempt > 1;
    let again: BTreeSet<Told<'_>> = items()
        .filter(|((_, _, attempt), _)| later(*attempt))
        .map(|(_, of)| of)
        .collect();
    if again.is_empty() {
        return Vec::new();
    }
    let tries = items().filter(|(_, of)| again.contains(of));
    tries
        .map(|(key, of)| Try {
            of,
            night: key.1,
            attempt: key.2,
            is_handed_over: handed_over.contains(&key),
            asks: later(key.2).then_some(key),
        })
        .collect()
}

pub(super) const fn rank(kind: ItemKind) -> u32 {
    match kind {
        ItemKind::First => FIRST,
        ItemKind::Relapse => RELAPSE,
        ItemKind::Escalation => ESCALATION,
        ItemKind::Reminder => REMINDER,
        ItemKind::Correction => CORRECTION,
    }
}
