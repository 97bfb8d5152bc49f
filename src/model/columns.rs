//! Records of the ledger as columns of small numbers: exactly what statistics need of each.
//!
//! Companies, assets and findings have numbers that hold for the whole ledger, from 0 in the order
//! in which its claims name them first. Texts are numbered within one [`Columns`]. A receipt that
//! follows its claim in the same columns stands with the claim.

use super::company::{Channel, text_enum};
use super::decision::ItemKind;
use super::identity::LetterId;
use super::ledger_record::{Frozen, ReceiptState};
use super::mixed::short;
use super::night::Micros;
use super::sighting::Gone;
use super::threat::Urgency;

/// No number.
pub const NONE: u32 = u32::MAX;

/// In [`Letters::state`]: the first receipt in these columns says that it was handed over.
pub const IS_WARNED: u8 = 64;

/// Some records in the order of the ledger, as columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Numbers that were given before.
    pub before: Sizes,
    /// New companies, of claims and aliases: the first 16 bytes of each keyed hash, in the order of
    /// their numbers.
    pub companies: Vec<u128>,
    /// New assets, likewise.
    pub assets: Vec<u128>,
    /// New findings, likewise.
    pub findings: Vec<u128>,
    /// Texts by number.
    pub texts: Texts,
    /// Claims, in order.
    pub letters: Letters,
    /// Their findings, in order.
    pub items: Items,
    /// Everything else that statistics take, in order.
    pub notes: Notes,
    /// Records of any kind.
    pub n_records: u32,
    /// Is the first record a night's sightings? The figures before it then say nothing.
    pub begins_with_sightings: bool,
}

/// How many have numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Companies.
    pub companies: u32,
    /// Assets.
    pub assets: u32,
    /// Findings.
    pub findings: u32,
}

/// Texts that letters, items and notes name by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// Threats.
    pub threats: Vec<String>,
    /// Triggers.
    pub triggers: Vec<String>,
    /// Feeds.
    pub feeds: Vec<String>,
    /// Attributes of companies.
    pub frozen: Vec<Frozen>,
    /// Runs.
    pub runs: Vec<String>,
}

/// One value a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letters {
    /// First 16 bytes of the letter id.
    pub letter: Vec<u128>,
    /// Night, days since 1970-01-01.
    pub night: Vec<i32>,
    /// Attempt.
    pub attempt: Vec<u32>,
    /// Company.
    pub company: Vec<u32>,
    /// Attributes.
    pub frozen: Vec<u32>,
    /// How it travels.
    pub channel: Vec<Channel>,
    /// What receipts in these columns say: the bits of [`state_bit`], and [`IS_WARNED`].
    pub state: Vec<u8>,
    /// Number of the object that says that it was handed over; 0 where none does so here.
    pub since: Vec<u64>,
    /// Position of its first receipt among the records here, or [`NONE`].
    pub told: Vec<u32>,
    /// Position of its first item; the next letter's is the end.
    pub first_item: Vec<u32>,
}

/// One value a finding of a letter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// Threat.
    pub threat: Vec<u32>,
    /// Trigger.
    pub trigger: Vec<u32>,
    /// Finding.
    pub finding: Vec<u32>,
    /// Asset.
    pub asset: Vec<u32>,
    /// Feed.
    pub feed: Vec<u32>,
    /// First letter, reminder, …
    pub kind: Vec<ItemKind>,
    /// Urgency.
    pub urgency: Vec<Urgency>,
    /// When it was first seen.
    pub first_observed_at: Vec<Micros>,
    /// When it was seen last.
    pub observed_at: Vec<Micros>,
}

/// One value a note; what does not belong to its kind is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Kind.
    pub what: Vec<What>,
    /// Position of its record among the records here.
    pub at: Vec<u32>,
    /// Claims here that stand before it.
    pub n_letters: Vec<u32>,
    /// Number of its object.
    pub seq: Vec<u64>,
    /// Night, days since 1970-01-01.
    pub night: Vec<i32>,
    /// Of a receipt: first 16 bytes of the letter id.
    pub letter: Vec<u128>,
    /// Of a receipt: attempt. Of a night's end: revision. Of an alias: the company's own number.
    pub attempt: Vec<u32>,
    /// Finding, or run, or the company of a former key.
    pub number: Vec<u32>,
}

text_enum! {
    /// What a note says.
    What {
        /// A receipt whose claim does not stand before it in these columns.
        HandedOver = "receipt_handed_over",
        /// Likewise.
        Failed = "receipt_failed",
        /// Likewise.
        Bounced = "receipt_bounced",
        /// Likewise.
        Withdrawn = "receipt_withdrawn",
        /// Likewise.
        NotSent = "receipt_not_sent",
        /// A letter of these columns came back.
        CameBack = "came_back",
        /// A finding is gone.
        Fixed = "fixed",
        /// Likewise.
        NotSeen = "not_seen",
        /// Likewise.
        NotScanned = "not_scanned",
        /// Likewise.
        MovedOwner = "moved_owner",
        /// A finding is back.
        Back = "back",
        /// A night saw everything.
        AllJudged = "all_judged",
        /// As `all_judged`, unless the first record that follows in other columns is sightings.
        Figures = "figures",
        /// A night's run ended.
        Final = "final",
        /// Two companies are one. The last kind, and not named in files that hold none.
        Alias = "alias",
    }
}

impl What {
    /// A receipt of this state.
    #[must_use]
    pub const fn receipt(state: ReceiptState) -> Self {
        match state {
            ReceiptState::HandedOver => Self::HandedOver,
            ReceiptState::Failed => Self::Failed,
            ReceiptState::Bounced => Self::Bounced,
            ReceiptState::Withdrawn => Self::Withdrawn,
            ReceiptState::NotSent => Self::NotSent,
        }
    }

    /// The state of a receipt.
    #[must_use]
    pub const fn state(self) -> Option<ReceiptState> {
        Some(match self {
            Self::HandedOver => ReceiptState::HandedOver,
            Self::Failed => ReceiptState::Failed,
            Self::Bounced => ReceiptState::Bounced,
            Self::Withdrawn => ReceiptState::Withdrawn,
            Self::NotSent => ReceiptState::NotSent,
            _ => return None,
        })
    }

    /// A finding that is gone.
    #[must_use]
    pub const fn of_gone(how: Gone) -> Self {
        match how {
            Gone::Fixed => Self::Fixed,
            Gone::NotSeen => Self::NotSeen,
            Gone::NotScanned => Self::NotScanned,
            Gone::MovedOwner => Self::MovedOwner,
        }
    }

    /// How a finding is gone.
    #[must_use]
    pub const fn gone(self) -> Option<Gone> {
        Some(match self {
            Self::Fixed => Gone::Fixed,
            Self::NotSeen => Gone::NotSeen,
            Self::NotScanned => Gone::NotScanned,
            Self::MovedOwner => Gone::MovedOwner,
            _ => return None,
        })
    }
}

/// A receipt's bit in [`Letters::state`].
#[must_use]
pub const fn state_bit(state: ReceiptState) -> u8 {
    match state {
        ReceiptState::HandedOver => 1,
        ReceiptState::Failed => 2,
        ReceiptState::Bounced => 4,
        ReceiptState::Withdrawn => 8,
        ReceiptState::NotSent => 16,
    }
}

/// The bits of a letter after one more receipt. The last word counts: a letter that is posted after
/// all neither was refused nor came back.
#[must_use]
pub const fn noted(bits: u8, state: ReceiptState) -> u8 {
    let undone = match state {
        ReceiptState::HandedOver => {
            state_bit(ReceiptState::Failed) | state_bit(ReceiptState::Bounced)
        }
        _ => 0,
    };
    bits & !undone | state_bit(state)
}

/// The key of a try: letter, night and attempt.
#[must_use]
pub const fn key(letter: u128, night: i32, attempt: u32) -> u128 {
    // The rest of the hash is spread by multiplication, so that nights and tries differ widely.
    let rest = ((night as u32 as u128) << 32) | attempt as u128;
    letter ^ rest.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

/// What stands for a letter id.
#[must_use]
pub fn short_letter(id: &LetterId) -> u128 {
    short(&id.0)
}

impl Sizes {
    /// With the new ones of these columns.
    #[must_use]
    pub fn after(self, columns: &Columns) -> Self {
        let plus =
            |n: u32, new: &[u128]| n.saturating_add(u32::try_from(new.len()).unwrap_or(NONE));
        Self {
            companies: plus(self.companies, &columns.companies),
            assets: plus(self.assets, &columns.assets),
            findings: plus(self.findings, &columns.findings),
        }
    }
}

impl Letters {
    /// Claims.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.letter.len()
    }

    /// No claims?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.letter.is_empty()
    }

    /// Positions of a letter's items, of `n_items` in all.
    #[must_use]
    pub fn items(&self, letter_idx: usize, n_items: usize) -> std::ops::Range<usize> {
        let at = |idx: usize| self.first_item.get(idx).map(|n| *n as usize);
        let from = at(letter_idx).unwrap_or(n_items);
        from..at(letter_idx + 1).unwrap_or(n_items).max(from)
    }
}

impl Columns {
    /// Does every number stand for something, and has every column as many values as its table?
    ///
    /// # Errors
    /// Which column does not.
    pub fn check(&self) -> Result<(), String> {
        let sizes = self.before.after(self);
        let (l, i, n) = (&self.letters, &self.items, &self.notes);
        let of = |texts: usize| u32::try_from(texts).unwrap_or(NONE);
        below("company", &l.company, sizes.companies)?;
        below("frozen", &l.frozen, of(self.texts.frozen.len()))?;
        below("threat", &i.threat, of(self.texts.threats.len()))?;
        below("trigger", &i.trigger, of(self.texts.triggers.len()))?;
        below("feed", &i.feed, of(self.texts.feeds.len()))?;
        below("finding", &i.finding, sizes.findings)?;
        below("asset", &i.asset, sizes.assets)?;
        let of_aliases = |column: &[u32]| -> Vec<u32> {
            let notes = n.what.iter().zip(column);
            let aliases = notes.filter(|(what, _)| **what == What::Alias);
            aliases.map(|(_, number)| *number).collect()
        };
        below("number", &of_aliases(&n.number), sizes.companies)?;
        below("attempt", &of_aliases(&n.attempt), sizes.companies)?;
        let n_items = of(i.finding.len());
        let is_inside = l.first_item.last().is_none_or(|at| *at <= n_items);
        if !l.first_item.is_sorted() || !is_inside {
            return Err("the column `first_item` does not rise within the items".into());
        }
        let of_letters = [
            l.night.len(),
            l.attempt.len(),
            l.company.len(),
            l.frozen.len(),
            l.channel.len(),
            l.state.len(),
            l.since.len(),
            l.told.len(),
            l.first_item.len(),
        ];
        let of_items = [
            i.threat.len(),
            i.trigger.len(),
            i.asset.len(),
            i.feed.len(),
            i.kind.len(),
            i.urgency.len(),
            i.first_observed_at.len(),
            i.observed_at.len(),
        ];
        let of_notes = [
            n.at.len(),
            n.n_letters.len(),
            n.seq.len(),
            n.night.len(),
            n.letter.len(),
            n.attempt.len(),
            n.number.len(),
        ];
        let is_even = |columns: &[usize], n: usize| columns.iter().all(|c| *c == n);
        if is_even(&of_letters, l.letter.len())
            && is_even(&of_items, i.finding.len())
            && is_even(&of_notes, n.what.len())
        {
            return Ok(());
        }
        Err("the columns of a table are not of one length".into())
    }
}

fn below(name: &str, numbers: &[u32], n: u32) -> Result<(), String> {
    match numbers.iter().max() {
        Some(most) if *most >= n => Err(format!(
            "the column `{name}` holds number {most}, and there are {n} of them"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReceiptState::{Bounced, Failed, HandedOver, Withdrawn};

    #[test]
    fn the_last_word_of_a_printer_counts_and_nothing_else_is_forgotten() {
        let bits = |states: &[ReceiptState]| states.iter().fold(0, |bits, s| noted(bits, *s));
        for (told, want) in [
            (&[HandedOver, Bounced][..], &[HandedOver, Bounced][..]),
            (&[HandedOver, Bounced, HandedOver], &[HandedOver]),
            (&[Failed, HandedOver], &[HandedOver]),
            (
                &[HandedOver, Bounced, HandedOver, Bounced],
                &[HandedOver, Bounced],
            ),
            (
                &[HandedOver, Withdrawn, HandedOver],
                &[HandedOver, Withdrawn],
            ),
        ] {
            let want = want.iter().fold(0, |bits, s| bits | state_bit(*s));
            assert_eq!(bits(told), want, "{told:?}");
        }
    }
}
