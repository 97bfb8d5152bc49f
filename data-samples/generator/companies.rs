//! Peoples the country: who there is, what they registered, whom a letter goes to.

use std::net::{IpAddr, Ipv4Addr};

use nachtwacht::model::asset::AssetKind;
use nachtwacht::model::company::{Channel, Language, PartyKind};

use super::chance::Chance;
use super::country::{
    Address, AssetRow, COLOCATION, ContactRow, Country, Firm, N_ACCESS, NETWORKS,
};
use super::land::{Land, address, dutch_firm, mail, shared_web, trade_name};
use super::{names, spots};

const N_PARTICIPANTS: usize = 60;
const N_REGISTERED: usize = 2_560;
const N_BODIES: usize = 48;
const N_CHILDREN: usize = 36;
const N_UNREGISTERED: usize = 240;
const N_FOREIGN: usize = 40;
/// Participants with an AS number of their own, from 64505.
const N_OWN_AS: usize = 4;

/// The country of a seed.
pub fn country(chance: &mut Chance) -> Country {
    let mut land = Land::new();
    let mut country = Country {
        firms: Vec::new(),
        assets: Vec::new(),
        contacts: Vec::new(),
        announced: Vec::new(),
    };
    for i in 0..N_PARTICIPANTS {
        participant(i, &mut land, chance, &mut country);
    }
    for _ in 0..N_REGISTERED {
        registered(&mut land, chance, &mut country);
    }
    for i in 0..N_BODIES {
        public_body(i, &mut land, chance, &mut country);
    }
    for i in 0..N_CHILDREN {
        child(i, &mut land, chance, &mut country);
    }
    for _ in 0..N_UNREGISTERED {
        unregistered(&mut land, chance, &mut country);
    }
    for i in 0..N_FOREIGN {
        foreign(i, &mut land, chance, &mut country);
    }
    spots::network_owners(chance, &mut country);
    spots::handed_over_range(&mut country);
    spots::shared_building(&mut country);
    for network in NETWORKS {
        let (first, last) = (network.first_v4(), network.last_v4());
        country
            .announced
            .push((first.into(), last.into(), network.asn));
    }
    country.announced.sort();
    for network in NETWORKS {
        let last = std::net::Ipv6Addr::from(u128::from(network.v6(0, 0)) | (u128::MAX >> 24));
        country
            .announced
            .push((network.v6(0, 0).into(), last.into(), network.asn));
    }
    country
}

fn participant(i: usize, land: &mut Land, chance: &mut Chance, country: &mut Country) {
    let (name, domain, sector) = trade_name(land, chance);
    let mut firm = dutch_firm(land.kvk(chance), name, sector, chance);
    firm.kind = PartyKind::Participant;
    firm.legal_basis = "deelnemersovereenkomst";
    firm.size = chance.pick(&["10-49", "50-249", "50-249", "250+"]);
    firm.since = Some(if i.is_multiple_of(5) {
        "2021-10-01"
    } else {
        "2023-04-01"
    });
    firm.until = (i == 7).then_some("2026-03-06");
    let asset = |kind, value: String| AssetRow::new(&firm.key, kind, value, "form");
    country
        .assets
        .push(asset(AssetKind::Domain, domain.clone()));
    country
        .assets
        .push(asset(AssetKind::EmailDomain, domain.clone()));
    let length = [24, 26, 27, 28, 29][i % 5];
    let (first, length) = land.block(length, chance);
    let n_hosts = (1_u32 << (32 - length)).min(24);
    firm.hosts = (1..n_hosts - 1)
        .map(|n| IpAddr::V4(Ipv4Addr::from(u32::from(first) + n)))
        .collect();
    if i % 7 == 3 {
        let last = Ipv4Addr::from(u32::from(first) + n_hosts - 2);
        country
            .assets
            .push(asset(AssetKind::Range, format!("{first} - {last}")));
    } else {
        country
            .assets
            .push(asset(AssetKind::Cidr, format!("{first}/{length}")));
    }
    if i.is_multiple_of(3) {
        let network = &NETWORKS[i % N_ACCESS];
        let site = u16::try_from(16 + i).unwrap();
        country.assets.push(asset(
            AssetKind::Cidr,
            format!("{}/48", network.v6(site, 0)),
        ));
        firm.hosts
            .extend((1..5).map(|n| IpAddr::V6(network.v6(site, n))));
    }
    if i % 6 == 2 {
        // A branch: nested in what is registered above, or a line elsewhere.
        country
            .assets
            .push(asset(AssetKind::Ip, firm.hosts[0].to_string()));
        let line = land.line(chance);
        country.assets.push(asset(AssetKind::Ip, line.to_string()));
        firm.hosts.push(line.into());
    }
    if (40..40 + N_OWN_AS).contains(&i) {
        own_as(i - 40, &mut firm, country);
    }
    let key = firm.key.as_str();
    country.contacts.push(ContactRow {
        has_bounced: i % 20 == 9,
        ..mail(key, format!("security@{domain}"), "security", 1)
    });
    if i.is_multiple_of(2) {
        country
            .contacts
            .push(mail(key, format!("directie@{domain}"), "director", 2));
    }
    let phone = ContactRow {
        channel: Channel::Phone,
        ..mail(key, format!("+31 85 000 {:04}", i * 17), "security", 3)
    };
    country.contacts.push(phone);
    if i % 4 == 1 {
        country.contacts.push(ContactRow {
            channel: Channel::Post,
            ..mail(key, String::new(), "director", 4)
        });
    }
    firm.domain = Some(domain);
    country.firms.push(firm);
}

fn own_as(n: usize, firm: &mut Firm, country: &mut Country) {
    let asn = 64505 + u32::try_from(n).unwrap();
    let octet = u8::try_from(n + 1).unwrap();
    let (first, last) = (
        Ipv4Addr::new(241, octet, 0, 0),
        Ipv4Addr::new(241, octet, 15, 255),
    );
    country.announced.push((first.into(), last.into(), asn));
    country.assets.push(AssetRow::new(
        &firm.key,
        AssetKind::Asn,
        format!("AS{asn}"),
        "rir",
    ));
    firm.hosts
        .extend((1..20).map(|n| IpAddr::V4(Ipv4Addr::new(241, octet, 3, n * 9))));
}

fn registered(land: &mut Land, chance: &mut Chance, country: &mut Country) {
    let (name, domain, sector) = trade_name(land, chance);
    let mut firm = dutch_firm(land.kvk(chance), name, sector, chance);
    if chance.percent(45) {
        site_and_line(&mut firm, domain, land, chance, country);
    }
    country.firms.push(firm);
}

/// What a firm outside the circle of participants has: a site, perhaps mail, perhaps a line.
fn site_and_line(
    firm: &mut Firm,
    domain: String,
    land: &mut Land,
    chance: &mut Chance,
    country: &mut Country,
) {
    let asset = |kind, value: String| AssetRow::new(&firm.key, kind, value, "register");
    if chance.percent(70) {
        country
            .assets
            .push(asset(AssetKind::Domain, domain.clone()));
    } else {
        country
            .assets
            .push(asset(AssetKind::Host, format!("www.{domain}")));
    }
    if chance.percent(30) {
        country
            .assets
            .push(asset(AssetKind::EmailDomain, domain.clone()));
    }
    let web = shared_web(chance);
    if chance.percent(8) {
        // Says that the shared web server is its own: true, and true of its neighbours too.
        country.assets.push(asset(AssetKind::Ip, web.to_string()));
    }
    if chance.percent(40) {
        let line = land.line(chance);
        country.assets.push(asset(AssetKind::Ip, line.to_string()));
        firm.hosts.push(line.into());
    } else if chance.percent(12) {
        let (first, length) = land.block(29, chance);
        country
            .assets
            .push(asset(AssetKind::Cidr, format!("{first}/{length}")));
        firm.hosts
            .extend((1..5).map(|n| IpAddr::V4(Ipv4Addr::from(u32::from(first) + n))));
    }
    if chance.percent(35) {
        let role = chance.pick(&["info", "director", "security"]);
        let has_bounced = chance.percent(6);
        country.contacts.push(ContactRow {
            has_bounced,
            ..mail(&firm.key, format!("info@{domain}"), role, 1)
        });
    }
    firm.web = Some(web);
    firm.domain = Some(domain);
}

fn public_body(i: usize, land: &mut Land, chance: &mut Chance, country: &mut Country) {
    let body = &names::BODIES[i / 14 % names::BODIES.len()];
    let (town, province) = names::TOWNS[i % names::TOWNS.len()];
    let (_, slug) = land.name(chance);
    let name = match i / 14 {
        0 => format!("{} {town}", body.0),
        _ => format!("{} {town} en omstreken ({i})", body.0),
    };
    let mut firm = dutch_firm(land.kvk(chance), name, body.1, chance);
    firm.size = chance.pick(&["50-249", "250+"]);
    firm.province = province.into();
    firm.language = Language::Nl;
    if let Some(address) = &mut firm.address {
        address.town = town.into();
        address.shielded = false;
    }
    site_and_line(&mut firm, format!("{slug}.example"), land, chance, country);
    if firm.hosts.is_empty() {
        let line = land.line(chance);
        country.assets.push(AssetRow::new(
            &firm.key,
            AssetKind::Ip,
            line.to_string(),
            "register",
        ));
        firm.hosts.push(line.into());
    }
    country.firms.push(firm);
}

/// A daughter of a participant: half of them without a contact, some inside the mother's range.
fn child(i: usize, land: &mut Land, chance: &mut Chance, country: &mut Country) {
    let (name, domain, sector) = trade_name(land, chance);
    let mut firm = dutch_firm(land.kvk(chance), name, sector, chance);
    let parent = country.firms[i].clone();
    firm.parent = Some(parent.key.clone());
    country.assets.push(AssetRow::new(
        &firm.key,
        AssetKind::Domain,
        domain.clone(),
        "register",
    ));
    let host = if i.is_multiple_of(3) {
        parent.hosts[i % parent.hosts.len()]
    } else {
        land.line(chance).into()
    };
    country.assets.push(AssetRow::new(
        &firm.key,
        AssetKind::Ip,
        host.to_string(),
        "register",
    ));
    firm.hosts.push(host);
    if i.is_multiple_of(2) {
        country
            .contacts
            .push(mail(&firm.key, format!("info@{domain}"), "info", 1));
    } else if i % 4 == 1 {
        firm.address = None;
    }
    firm.web = Some(shared_web(chance));
    firm.domain = Some(domain);
    country.firms.push(firm);
}

/// Known by the name of its site alone; no address, hardly ever a contact.
fn unregistered(land: &mut Land, chance: &mut Chance, country: &mut Country) {
    let (_, slug) = land.name(chance);
    let (domain, name) = match chance.below(12) {
        0 => (
            format!("{slug}.sites.kasteelhosting.example"),
            format!("{slug} (website)"),
        ),
        1 => (
            format!("{}-één.example", slug),
            format!("{slug} één (website)"),
        ),
        _ => (format!("{slug}.example"), format!("{slug} (website)")),
    };
    let ascii = domain.replace('é', "e");
    let mut firm = dutch_firm(format!("unreg:{ascii}"), name, "", chance);
    firm.kind = PartyKind::Unregistered;
    firm.size = "";
    firm.province = String::new();
    firm.address = None;
    country.assets.push(AssetRow::new(
        &firm.key,
        AssetKind::Domain,
        domain.clone(),
        "own",
    ));
    if chance.percent(45) {
        country.contacts.push(mail(
            &firm.key,
            format!("webmaster@{ascii}"),
            "security_txt",
            1,
        ));
    }
    firm.web = Some(shared_web(chance));
    firm.domain = Some(domain);
    country.firms.push(firm);
}

fn foreign(i: usize, land: &mut Land, chance: &mut Chance, country: &mut Country) {
    let (name, slug) = land.name(chance);
    let domain = format!("{slug}.example");
    let (town, code) = names::ABROAD[i % names::ABROAD.len()];
    let mut firm = dutch_firm(
        format!("vat:{code}0000{:05}", 10_000 + i * 37),
        format!("{name} International"),
        "6201",
        chance,
    );
    firm.language = Language::En;
    firm.province = code.into();
    firm.address = Some(Address {
        shielded: false,
        ..address(town, code, chance)
    });
    let [a, b, c, _] = NETWORKS[COLOCATION].v4;
    let host = Ipv4Addr::new(a, b, c + 1, u8::try_from(i + 4).unwrap());
    country.assets.push(AssetRow::new(
        &firm.key,
        AssetKind::Domain,
        domain.clone(),
        "form",
    ));
    country.assets.push(AssetRow::new(
        &firm.key,
        AssetKind::Ip,
        host.to_string(),
        "form",
    ));
    country
        .contacts
        .push(mail(&firm.key, format!("security@{domain}"), "security", 1));
    firm.hosts.push(host.into());
    firm.domain = Some(domain);
    country.firms.push(firm);
}
