//! Registrations that nobody has confirmed for long: keeping them current is the labour.

use std::collections::BTreeMap;

use crate::model::asset::Asset;
use crate::model::company::{CompanyKey, Contact};
use crate::model::night::Micros;

/// What of a company is unconfirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unconfirmed<'a> {
    /// Assets that count now and were not confirmed since the limit, in the order of the table.
    pub assets: Vec<&'a Asset>,
    /// Contacts that were not verified since the limit.
    pub contacts: Vec<&'a Contact>,
}

impl Unconfirmed<'_> {
    /// When each was confirmed; `None` for never.
    fn times(&self) -> impl Iterator<Item = Option<Micros>> {
        let assets = self.assets.iter().map(|asset| asset.confirmed_at);
        assets.chain(self.contacts.iter().map(|contact| contact.verified_at))
    }

    /// Were some of these never confirmed at all?
    #[must_use]
    pub fn has_never(&self) -> bool {
        self.times().any(|at| at.is_none())
    }

    /// The oldest confirmation among them; `None` where there is none.
    #[must_use]
    pub fn oldest(&self) -> Option<Micros> {
        self.times().flatten().min()
    }
}

/// Companies with assets or contacts whose last confirmation lies before `limit`, or that were
/// never confirmed; assets that do not count at `now` are passed over, and so are contacts that
/// bounced: they need another one, not a confirmation.
#[must_use]
pub fn unconfirmed<'a>(
    assets: impl Iterator<Item = &'a Asset>,
    contacts: impl Iterator<Item = &'a Contact>,
    now: Micros,
    limit: Micros,
) -> BTreeMap<CompanyKey, Unconfirmed<'a>> {
    let is_old = |at: Option<Micros>| at.is_none_or(|at| at < limit);
    let mut found: BTreeMap<CompanyKey, Unconfirmed<'a>> = BTreeMap::new();
    for asset in assets.filter(|a| a.valid.contains(now) && is_old(a.confirmed_at)) {
        let of_company = found.entry(asset.company.clone()).or_default();
        of_company.assets.push(asset);
    }
    for contact in contacts.filter(|c| c.bounced_at.is_none() && is_old(c.verified_at)) {
        let of_company = found.entry(contact.company.clone()).or_default();
        of_company.contacts.push(contact);
    }
    found
}
