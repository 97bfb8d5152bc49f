//! The three tables of registrations, with a dozen rows that must be refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::UInt16Array;
use nachtwacht::model::asset::AssetKind;
use nachtwacht::model::company::Channel;

use super::country::{Address, AssetRow, ContactRow, Country, Firm};
use super::parquet_file::{bytes, dates, moments, table, text, truths};

/// 2026-02-01T09:00:00Z.
const CONFIRMED_AT: i64 = 1_769_936_400_000_000;

pub fn write(country: &Country, files: &mut BTreeMap<String, Vec<u8>>) {
    files.insert("register/companies.parquet".into(), companies(country));
    files.insert("register/assets.parquet".into(), assets(country));
    files.insert("register/contacts.parquet".into(), contacts(country));
}

fn companies(country: &Country) -> Vec<u8> {
    let mut firms = country.firms.clone();
    // A number that lost its zero on the way through a spreadsheet, a firm that is there twice,
    // and one without a name.
    let bad = |key: &str, name: &str| Firm {
        key: key.into(),
        name: name.into(),
        parent: None,
        ..firms[100].clone()
    };
    let bad = [
        bad("kvk:9999999", "Garage De Vergeten Nul"),
        bad(&firms[5].key, "Garage De Dubbele Regel"),
        bad("kvk:00009998", ""),
    ];
    firms.insert(1_200, bad[0].clone());
    firms.insert(1_800, bad[1].clone());
    firms.push(bad[2].clone());
    let none = Address::default();
    let address = |f: fn(&Address) -> &str| {
        text(
            firms
                .iter()
                .map(|firm| f(firm.address.as_ref().unwrap_or(&none))),
        )
    };
    let batch = table(vec![
        ("company_key", text(firms.iter().map(|f| f.key.as_str()))),
        ("name", text(firms.iter().map(|f| f.name.as_str()))),
        ("party_kind", text(firms.iter().map(|f| f.kind.as_str()))),
        ("language", text(firms.iter().map(|f| f.language.as_str()))),
        ("sector", text(firms.iter().map(|f| f.sector))),
        (
            "sector_scheme",
            text(
                firms
                    .iter()
                    .map(|f| if f.sector.is_empty() { "" } else { "SBI2008" }),
            ),
        ),
        ("size_class", text(firms.iter().map(|f| f.size))),
        ("province", text(firms.iter().map(|f| f.province.as_str()))),
        ("participant_since", dates(firms.iter().map(|f| f.since))),
        ("participant_until", dates(firms.iter().map(|f| f.until))),
        ("legal_basis", text(firms.iter().map(|f| f.legal_basis))),
        ("street", address(|a| &a.street)),
        ("house_number", address(|a| &a.house_number)),
        ("house_number_addition", address(|a| &a.addition)),
        ("postcode", address(|a| &a.postcode)),
        ("town", address(|a| &a.town)),
        ("country", address(|a| &a.country)),
        (
            "address_shielded",
            truths(
                firms
                    .iter()
                    .map(|f| f.address.as_ref().is_some_and(|a| a.shielded)),
            ),
        ),
        (
            "parent_company_key",
            text(
                firms
                    .iter()
                    .map(|f| f.parent.as_deref().unwrap_or_default()),
            ),
        ),
    ]);
    bytes(&batch, &[])
}

fn assets(country: &Country) -> Vec<u8> {
    let mut assets = country.assets.clone();
    let owner = |n: usize| country.firms[n].key.as_str();
    let mut after_until = AssetRow::new(owner(14), AssetKind::Cidr, "240.2.200.0/24", "form");
    after_until.valid_from = Some("2026-03-01".into());
    after_until.valid_until = Some("2026-02-01".into());
    let bad = [
        AssetRow::new(owner(10), AssetKind::Domain, "nl", "form"),
        AssetRow::new(
            owner(11),
            AssetKind::Domain,
            "sites.kasteelhosting.example",
            "form",
        ),
        AssetRow::new(owner(12), AssetKind::Cidr, "0.0.0.0/0", "form"),
        AssetRow::new(owner(13), AssetKind::Cidr, "240.2.201.3/24", "form"),
        after_until,
        AssetRow::new(owner(15), AssetKind::Ip, "0360.2.201.3", "form"),
        AssetRow::new("kvk:00099999", AssetKind::Ip, "240.2.201.4", "form"),
        AssetRow::new(owner(16), AssetKind::Ip, "192.168.1.10", "form"),
    ];
    for (i, row) in bad.into_iter().enumerate() {
        assets.insert(40 + i * 211, row);
    }
    let batch = table(vec![
        (
            "company_key",
            text(assets.iter().map(|a| a.company.as_str())),
        ),
        ("kind", text(assets.iter().map(|a| a.kind.as_str()))),
        ("value", text(assets.iter().map(|a| a.value.as_str()))),
        (
            "valid_from",
            text(
                assets
                    .iter()
                    .map(|a| a.valid_from.as_deref().unwrap_or("2023-04-01")),
            ),
        ),
        (
            "valid_until",
            text(
                assets
                    .iter()
                    .map(|a| a.valid_until.as_deref().unwrap_or_default()),
            ),
        ),
        ("source", text(assets.iter().map(|a| a.source))),
        (
            "confirmed_at",
            moments(
                assets
                    .iter()
                    .map(|a| (a.source == "form").then_some(CONFIRMED_AT)),
            ),
        ),
    ]);
    bytes(&batch, &[])
}

fn contacts(country: &Country) -> Vec<u8> {
    let mut contacts = country.contacts.clone();
    // A display name is a way to smuggle a second recipient, so it is refused.
    contacts.push(ContactRow {
        company: country.firms[20].key.clone(),
        channel: Channel::Email,
        value: "Afdeling ICT <ict@voorbeeld.example>, cc@voorbeeld.example".into(),
        role: "security",
        priority: 5,
        has_bounced: false,
    });
    let day = 86_400_000_000;
    let priorities: UInt16Array = contacts.iter().map(|c| Some(c.priority)).collect();
    let batch = table(vec![
        (
            "company_key",
            text(contacts.iter().map(|c| c.company.as_str())),
        ),
        ("channel", text(contacts.iter().map(|c| c.channel.as_str()))),
        ("value", text(contacts.iter().map(|c| c.value.as_str()))),
        ("role", text(contacts.iter().map(|c| c.role))),
        ("priority", Arc::new(priorities)),
        (
            "verified_at",
            moments(
                contacts
                    .iter()
                    .map(|c| (c.priority == 1).then_some(CONFIRMED_AT)),
            ),
        ),
        (
            "bounced_at",
            moments(
                contacts
                    .iter()
                    .map(|c| c.has_bounced.then_some(CONFIRMED_AT + 12 * day)),
            ),
        ),
    ]);
    bytes(&batch, &[])
}
