//! What became of the letters: claimed, handed over, refused, back.

use super::facts::Facts;
use crate::model::columns::{IS_WARNED, noted, state_bit};
use crate::model::company::Channel;
use crate::model::ledger_record::ReceiptState;

/// What receipts said of a letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State(u8);

impl State {
    /// The bits of receipts; any other is left out.
    pub(super) const fn of_bits(bits: u8) -> Self {
        Self(bits & !IS_WARNED)
    }

    pub(super) const fn note(&mut self, state: ReceiptState) {
        self.0 = noted(self.0, state);
    }

    pub(super) const fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(super) const fn is_handed_over(self) -> bool {
        self.has(ReceiptState::HandedOver)
    }

    pub(super) const fn has(self, state: ReceiptState) -> bool {
        self.0 & state_bit(state) != 0
    }
}

/// Letters by what became of them. A letter that was handed over and came back is in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Claims: letters and their tries.
    pub claimed: u64,
    /// Tries that the outbox took.
    pub handed_over: u64,
    /// Of them, tries after the letter had been handed over before.
    pub repeated: u64,
    /// Tries that were refused.
    pub failed: u64,
    /// Letters that came back.
    pub bounced: u64,
    /// Letters that a person took back.
    pub withdrawn: u64,
    /// Tries that never left, as a person found out.
    pub not_sent: u64,
    /// Tries of which nobody knows whether they left.
    pub unknown: u64,
}

impl Delivery {
    /// Column names, in order.
    pub const NAMES: &'static [&'static str] = &[
        "claimed",
        "handed_over",
        "repeated",
        "failed",
        "bounced",
        "withdrawn",
        "not_sent",
        "unknown",
    ];

    /// The values, in the order of [`Delivery::NAMES`].
    #[must_use]
    pub fn values(&self) -> Vec<u64> {
        vec![
            self.claimed,
            self.handed_over,
            self.repeated,
            self.failed,
            self.bounced,
            self.withdrawn,
            self.not_sent,
            self.unknown,
        ]
    }
}

/// The letters of a period by channel, in the order of [`Channel::ALL`]; the total comes last.
#[must_use]
pub fn delivery(facts: &Facts) -> Vec<(Option<Channel>, Delivery)> {
    let count = |channel: Option<Channel>| {
        let mut d = Delivery::default();
        let letters = facts.letters.iter();
        for letter in letters.filter(|l| channel.is_none_or(|c| l.channel == c)) {
            let has = |state| u64::from(letter.state.has(state));
            d.claimed += 1;
            d.handed_over += has(ReceiptState::HandedOver);
            d.repeated += u64::from(letter.counts() && letter.is_repeated);
            d.failed += has(ReceiptState::Failed);
            d.bounced += has(ReceiptState::Bounced);
            d.withdrawn += has(ReceiptState::Withdrawn);
            d.not_sent += has(ReceiptState::NotSent);
            d.unknown += u64::from(letter.state == State::default());
        }
        d
    };
    let mut rows: Vec<(Option<Channel>, Delivery)> = Channel::ALL
        .iter()
        .map(|&c| (Some(c), count(Some(c))))
        .filter(|(_, d)| d.claimed > 0)
        .collect();
    rows.push((None, count(None)));
    rows
}
