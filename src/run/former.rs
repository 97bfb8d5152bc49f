//! Former keys of companies, in clear: read where a night is planned, and nowhere later.

use serde::Deserialize;

use super::load::Loaded;
use super::night::Gathered;
use crate::decide::{self, Formers};
use crate::diag::Failure;
use crate::ledger::party_name;
use crate::model::alias::{Aliases, Followed};
use crate::model::company::CompanyKey;
use crate::model::identity::PartyRef;
use crate::model::ledger_record::LedgerView;
use crate::store::Place;

#[derive(Deserialize)]
struct Entry {
    company_key: String,
}

/// The path of a company's entry in the map of parties.
pub(super) fn entry_path(loaded: &Loaded, party: PartyRef) -> String {
    format!("{}{}", loaded.job.ledger.prefix, party_name(party))
}

/// The key behind a keyed hash; `None` where it was erased, or never written.
///
/// # Errors
/// `FixData` where the entry says something else; `TryLater` where the store is not there.
pub(super) fn clear_key(
    loaded: &Loaded,
    place: &Place,
    party: PartyRef,
) -> Result<Option<CompanyKey>, Failure> {
    let path = entry_path(loaded, party);
    let Some(bytes) = place.get_if(&path)? else {
        return Ok(None);
    };
    let entry: Option<Entry> = serde_json::from_slice(&bytes).ok();
    let key: Option<CompanyKey> = entry.and_then(|e| e.company_key.parse().ok());
    let key = key.filter(|key| PartyRef::of(&loaded.secrets.party, key) == party);
    key.map(Some).ok_or_else(|| {
        Failure::fix_data("the entry does not hold the company key of its name's hash")
            .at(place.display(&path), "company_key")
            .hint("put it back from a backup; was `NACHTWACHT_PARTY_KEY` another one?")
    })
}

/// What a night that is planned now follows: former keys of companies that are in its register.
///
/// # Errors
/// As [`clear_key`].
pub(super) fn followed(
    loaded: &Loaded,
    place: &Place,
    found: &Gathered,
    view: &LedgerView,
) -> Result<Vec<Followed>, Failure> {
    let aliases = Aliases::of(view);
    if aliases.is_empty() {
        return Ok(Vec::new());
    }
    let by_party = found.world.by_party(&loaded.secrets.party);
    let mut formers = Formers::new();
    for (former, own) in aliases.iter() {
        let Some(company) = by_party.get(&own) else {
            continue;
        };
        if let Some(key) = clear_key(loaded, place, former)? {
            let of_company = formers.entry(company.key.clone()).or_default();
            of_company.push((former, key));
        }
    }
    let threats = &loaded.catalogue.threats;
    Ok(decide::followed(&formers, &found.swept.hits, threats, view))
}
