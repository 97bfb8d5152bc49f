//! A provisional key that was identified later: two keyed hashes are one company (DECISIONS,
//! section 2). Nothing is rewritten; whoever reads the ledger takes the two together.

use std::collections::BTreeMap;

use super::identity::{FindingId, PartyRef};
use super::ledger_record::{LedgerView, Record, each};
use super::night::Micros;

/// Says that a provisional key is a company's. Holds neither key in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The provisional key, as keyed hash.
    pub former: PartyRef,
    /// The company's own key, as keyed hash.
    pub party: PartyRef,
    /// Who found out: a role or a keyed hash.
    pub by: String,
    /// When it was written down.
    pub at: Micros,
}

/// What a night follows of one former key. The night's first run pins it: the key in clear stands in
/// an object that may be erased, and a replay must decide the same without it. Names nobody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Followed {
    /// The former key, as keyed hash; its map entry was there.
    pub former: PartyRef,
    /// A finding under the company's own key, and the same one under the former key, which was
    /// written about; sorted.
    pub findings: Vec<(FindingId, FindingId)>,
}

/// Former keys, and whose they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases(BTreeMap<PartyRef, PartyRef>);

impl Aliases {
    /// Those of a ledger view. The first record about a former key stands; no command writes a second.
    #[must_use]
    pub fn of(view: &LedgerView) -> Self {
        let mut aliases = Self::default();
        for alias in view.aliases() {
            aliases.0.entry(alias.former).or_insert(alias.party);
        }
        aliases
    }

    /// None at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The company's own key: that of the alias, or the same where there is none.
    #[must_use]
    pub fn own(&self, party: PartyRef) -> PartyRef {
        self.0.get(&party).copied().unwrap_or(party)
    }

    /// Each former key with the own one, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (PartyRef, PartyRef)> {
        self.0.iter().map(|(former, party)| (*former, *party))
    }

    /// The former keys of a company, sorted.
    pub fn formers_of(&self, party: PartyRef) -> impl Iterator<Item = PartyRef> {
        let of_party = self.iter().filter(move |(_, own)| *own == party);
        of_party.map(|(former, _)| former)
    }
}

impl LedgerView {
    /// Every alias, in order.
    pub fn aliases(&self) -> impl Iterator<Item = &Alias> {
        each!(self, Alias)
    }
}
