//! Which claims count, and as what.

use std::collections::{BTreeMap, BTreeSet};

use super::Input;
use crate::model::decision::ItemKind;
use crate::model::ledger_record::{AttemptKey, Claim, ClaimItem, ReceiptState};

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
}

/// Every item of every letter that was handed over up to the night, in the order of letter id,
/// night and attempt.
pub(super) fn items<'a>(input: &Input<'a>) -> Vec<Item<'a>> {
    let mut claims: BTreeMap<AttemptKey, &Claim> = BTreeMap::new();
    let mut handed_over: BTreeSet<AttemptKey> = BTreeSet::new();
    for claim in input.ledger.claims() {
        claims.insert(claim.key(), claim);
    }
    for receipt in input.ledger.receipts() {
        if receipt.state == ReceiptState::HandedOver {
            handed_over.insert(receipt.key());
        }
    }
    for claim in input.tonight {
        claims.insert(claim.key(), claim);
        handed_over.insert(claim.key());
    }
    let mut items = Vec::new();
    let mut letter = 0;
    // Attempts of one letter follow each other; attempt 1 begins a new letter, which is how a
    // second reminder about the same findings differs from a second try.
    let mut last_letter = None;
    let mut is_repeated = false;
    for (key, claim) in claims {
        let (letter_id, night, attempt) = key;
        if attempt <= 1 || last_letter != Some(letter_id) {
            is_repeated = false;
        }
        last_letter = Some(letter_id);
        if night > input.night || !handed_over.contains(&key) {
            continue;
        }
        items.extend(claim.items.iter().map(|item| Item {
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
        is_repeated = true;
    }
    items
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
