//! Spots with something to them: what a network announces, what changes hands, what many share.

use nachtwacht::model::asset::AssetKind;
use nachtwacht::model::company::PartyKind;

use super::chance::Chance;
use super::country::{AssetRow, COLOCATION, Country, HOSTING, NETWORKS};
use super::land::{dutch_firm, mail};

/// The line of a building in which more firms sit than a letter could be for.
pub const SHARED_BUILDING: &str = "240.17.200.7";
const N_IN_BUILDING: usize = 7;
/// A range that goes from one participant to another in the middle of the month.
pub const HANDED_OVER: &str = "240.2.128.0/24";

/// Every network has an owner; two of them registered what they announce.
pub fn network_owners(chance: &mut Chance, country: &mut Country) {
    for (i, network) in NETWORKS.iter().enumerate().take(9) {
        let slug = network.name.to_lowercase().replace(' ', "-");
        let mut firm = dutch_firm(
            format!("asn:{}", network.asn),
            format!("{} B.V.", network.name),
            "61",
            chance,
        );
        firm.kind = PartyKind::NetworkOwner;
        firm.size = "50-249";
        if i == HOSTING || i == COLOCATION {
            country.assets.push(AssetRow::new(
                &firm.key,
                AssetKind::Asn,
                network.asn.to_string(),
                "rir",
            ));
        }
        country
            .contacts
            .push(mail(&firm.key, format!("abuse@{slug}.example"), "abuse", 1));
        country.firms.push(firm);
    }
}

/// [`HANDED_OVER`] is the third participant's before 8 March and the fourth's from then on.
pub fn handed_over_range(country: &mut Country) {
    let (from, to) = (country.firms[2].key.clone(), country.firms[3].key.clone());
    let mut before = AssetRow::new(&from, AssetKind::Cidr, HANDED_OVER, "form");
    before.valid_from = Some("2024-01-01".into());
    before.valid_until = Some("2026-03-08".into());
    let mut after = AssetRow::new(&to, AssetKind::Cidr, HANDED_OVER, "form");
    after.valid_from = Some("2026-03-08".into());
    country.assets.extend([before, after]);
}

/// Seven firms each registered [`SHARED_BUILDING`] as their own: each is right.
pub fn shared_building(country: &mut Country) {
    let registered = country
        .firms
        .iter()
        .filter(|f| f.kind == PartyKind::Registered && f.domain.is_some());
    let keys: Vec<String> = registered
        .take(N_IN_BUILDING)
        .map(|f| f.key.clone())
        .collect();
    assert_eq!(keys.len(), N_IN_BUILDING);
    country.assets.extend(
        keys.iter()
            .map(|key| AssetRow::new(key, AssetKind::Ip, SHARED_BUILDING, "register")),
    );
}
