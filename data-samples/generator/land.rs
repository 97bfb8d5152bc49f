//! What a firm is given at its founding: a name, a number, lines, an address.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use nachtwacht::model::company::{Channel, Language, PartyKind};

use super::chance::Chance;
use super::country::{Address, ContactRow, Firm, HOSTING, N_ACCESS, NETWORKS};
use super::names;

/// Hands out what may be given once only.
pub struct Land {
    slugs: BTreeSet<String>,
    next_number: u64,
    next_line: u32,
    next_block: [u32; N_ACCESS],
}

impl Land {
    /// Everything is still to be had.
    pub fn new() -> Self {
        Self {
            slugs: BTreeSet::new(),
            next_number: 10_000,
            next_line: 0,
            next_block: [0; N_ACCESS],
        }
    }

    /// A name and a slug that nobody has yet.
    pub fn name(&mut self, chance: &mut Chance) -> (String, String) {
        loop {
            let (name, slug) = names::fancy(chance);
            // A number keeps the third firm of a name apart, as registers do with a place.
            for suffix in ["", "-2", "-3", "-4", "-5", "-6", "-7", "-8", "-9"] {
                let slug = format!("{slug}{suffix}");
                if self.slugs.insert(slug.clone()) {
                    let name = format!("{name}{}", roman(suffix));
                    return (name, slug);
                }
            }
        }
    }

    /// `kvk:000…`: eight digits that the trade register has not reached from below.
    pub fn kvk(&mut self, chance: &mut Chance) -> String {
        self.next_number += 1 + chance.below(23);
        format!("kvk:{:08}", self.next_number)
    }

    /// A line of its own at an access network: `240.<n>1.x.y`.
    pub fn line(&mut self, chance: &mut Chance) -> Ipv4Addr {
        self.next_line += 1;
        let network = self.next_line % 4 * 16 + 1;
        let spot = self.next_line / 4 * 11 + u32::try_from(chance.below(11)).unwrap();
        Ipv4Addr::from(0xf000_0000 | (network << 16) | (spot + 256))
    }

    /// A prefix of its own at an access network: `240.<n>2.x.y/length`.
    pub fn block(&mut self, length: u8, chance: &mut Chance) -> (Ipv4Addr, u8) {
        let network = chance.at(N_ACCESS);
        let size = 1_u32 << (32 - length);
        let at = self.next_block[network].div_ceil(size) * size;
        self.next_block[network] = at + size * 2;
        let base = 0xf002_0000 | (u32::try_from(network).unwrap() << 20);
        (Ipv4Addr::from(base + at), length)
    }
}

fn roman(suffix: &str) -> &'static str {
    match suffix {
        "" => "",
        "-2" => " II",
        "-3" => " III",
        "-4" => " IV",
        "-5" => " V",
        "-6" => " VI",
        "-7" => " VII",
        "-8" => " VIII",
        _ => " IX",
    }
}

/// A postal address that is nowhere.
pub fn address(town: &str, country: &str, chance: &mut Chance) -> Address {
    let post_box = chance.percent(8);
    Address {
        street: if post_box {
            "Postbus"
        } else {
            names::street(chance)
        }
        .into(),
        house_number: (1 + chance.below(if post_box { 900 } else { 180 })).to_string(),
        addition: if !post_box && chance.percent(12) {
            *chance.pick(&[&"A", &"B", &"bis", &"2hg"])
        } else {
            ""
        }
        .into(),
        postcode: names::postcode(chance),
        town: town.into(),
        country: country.into(),
        shielded: chance.percent(3),
    }
}

/// A firm of this country with nothing registered yet.
pub fn dutch_firm(key: String, name: String, sector: &'static str, chance: &mut Chance) -> Firm {
    let (town, province) = names::TOWNS[chance.at(names::TOWNS.len())];
    let size = match chance.below(100) {
        0..38 => "1",
        38..68 => "2-9",
        68..88 => "10-49",
        88..97 => "50-249",
        _ => "250+",
    };
    Firm {
        key,
        name,
        kind: PartyKind::Registered,
        language: if chance.percent(4) {
            Language::En
        } else {
            Language::Nl
        },
        sector,
        size,
        province: province.into(),
        since: None,
        until: None,
        legal_basis: "wettelijke taak",
        address: Some(address(town, "NL", chance)),
        parent: None,
        domain: None,
        hosts: Vec::new(),
        web: None,
    }
}

/// A name with its domain and industry code.
pub fn trade_name(land: &mut Land, chance: &mut Chance) -> (String, String, &'static str) {
    let trade = &names::TRADES[chance.at(names::TRADES.len())];
    let (name, slug) = land.name(chance);
    let form = match chance.below(10) {
        0..6 => " B.V.",
        6 => " V.O.F.",
        7 => " N.V.",
        _ => "",
    };
    (
        format!("{} {name}{form}", trade.0),
        format!("{slug}.example"),
        trade.1,
    )
}

/// A contact by electronic mail.
pub fn mail(company: &str, value: String, role: &'static str, priority: u16) -> ContactRow {
    ContactRow {
        company: company.into(),
        channel: Channel::Email,
        value,
        role,
        priority,
        has_bounced: false,
    }
}

/// A site on a shared web server: a handful of customers an address.
pub fn shared_web(chance: &mut Chance) -> Ipv4Addr {
    let [a, b, ..] = NETWORKS[HOSTING].v4;
    Ipv4Addr::new(a, b, 10, u8::try_from(10 + chance.below(60)).unwrap())
}
