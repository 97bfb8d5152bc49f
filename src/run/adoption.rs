//! Adoption of security.txt on a night, by kind of party and by sector.

use std::collections::BTreeMap;

use super::world::World;
use crate::contacts::{Adoption, AdoptionRow};
use crate::model::night::Night;
use crate::statistics;

/// Rows in order: all participants, participants by section of the industry classification, then
/// every company by kind of party.
pub(super) fn rows(world: &World, night: Night) -> Vec<AdoptionRow> {
    let mut counts: BTreeMap<(&'static str, String), Adoption> = BTreeMap::new();
    for company in world.companies.values() {
        let own = world.published.own.get(&company.key);
        let mut count = |group: &'static str, value: String| {
            let adoption = counts.entry((group, value)).or_default();
            adoption.count(own, &world.published);
        };
        if company.is_participant_on(night.date()) {
            count("participants", String::new());
            let section = statistics::section(&company.sector, &company.sector_scheme);
            count("participants_by_sector", section);
        }
        count("party_kind", company.party_kind.to_string());
    }
    counts
        .into_iter()
        .map(|((group, value), counts)| AdoptionRow {
            group,
            value,
            counts,
        })
        .collect()
}
