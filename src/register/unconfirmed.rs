//! Registrations that nobody has confirmed for long: keeping them current is the labour.

use std::collections::BTreeMap;

use crate::model::asset::Asset;
use crate::model::company::{CompanyKey, Contact};
use crate::model::night::Micros;

/// What of a company is unconfirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unconfirmed {
    /// Assets that count now and were not confirmed since the limit.
    pub n_assets: u64,
    /// Contacts that were not verified since the limit.
    pub n_contacts: u64,
    /// Some of these were never confirmed at all.
    pub has_never: bool,
    /// The oldest confirmation among them; `None` where there is none.
    pub oldest: Option<Micros>,
}

impl Unconfirmed {
    fn take(&mut self, confirmed_at: Option<Micros>) {
        self.has_never |= confirmed_at.is_none();
        self.oldest = match (self.oldest, confirmed_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
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
) -> BTreeMap<CompanyKey, Unconfirmed> {
    let is_old = |at: Option<Micros>| at.is_none_or(|at| at < limit);
    let mut found: BTreeMap<CompanyKey, Unconfirmed> = BTreeMap::new();
    for asset in assets.filter(|a| a.valid.contains(now) && is_old(a.confirmed_at)) {
        let of_company = found.entry(asset.company.clone()).or_default();
        of_company.n_assets += 1;
        of_company.take(asset.confirmed_at);
    }
    for contact in contacts.filter(|c| c.bounced_at.is_none() && is_old(c.verified_at)) {
        let of_company = found.entry(contact.company.clone()).or_default();
        of_company.n_contacts += 1;
        of_company.take(contact.verified_at);
    }
    found
}
