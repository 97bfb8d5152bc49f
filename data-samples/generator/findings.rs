//! What is really wrong at whom, from which night until which.

use std::net::IpAddr;

use nachtwacht::model::company::PartyKind;

use super::chance::Chance;
use super::country::{Country, Firm};
use super::spots;

/// Nights of the samples, in order.
pub const NIGHTS: [&str; 12] = [
    "2026-03-02",
    "2026-03-03",
    "2026-03-04",
    "2026-03-05",
    "2026-03-06",
    "2026-03-07",
    "2026-03-08",
    "2026-03-09",
    "2026-03-10",
    "2026-03-11",
    "2026-03-12",
    "2026-03-13",
];

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Rdp,
    ProxyShell,
    OldExchange,
    Botnet,
    BotnetV6,
    Smb,
    Fortinet,
    Pulse,
    Leak,
    Cms,
}

/// Something wrong at a firm, and the nights on which a scan of the right kind would see it.
pub struct Finding {
    pub kind: Kind,
    pub ip: Option<IpAddr>,
    /// Host name, or the mail domain of an account.
    pub name: String,
    /// First night, 0-based.
    pub from: usize,
    /// First night on which it is gone.
    pub until: usize,
    /// Chooses version, port and the like; the same on every night.
    pub variety: u64,
}

/// New findings by kind: night and number of firms. The nights are those of the reports.
const NEW: &[(Kind, &[(usize, usize)])] = &[
    (
        Kind::Rdp,
        &[
            (0, 18),
            (1, 9),
            (2, 3),
            (3, 5),
            (4, 6),
            (6, 12),
            (7, 3),
            (8, 9),
            (9, 4),
            (10, 5),
            (11, 5),
        ],
    ),
    (
        Kind::ProxyShell,
        &[(0, 7), (2, 6), (4, 4), (7, 3), (9, 5), (11, 4)],
    ),
    (
        Kind::OldExchange,
        &[(0, 5), (2, 5), (4, 3), (7, 2), (9, 4), (11, 3)],
    ),
    (
        Kind::Botnet,
        &[
            (0, 5),
            (1, 10),
            (2, 6),
            (3, 5),
            (4, 3),
            (5, 11),
            (7, 3),
            (8, 7),
            (9, 4),
            (10, 6),
            (11, 3),
        ],
    ),
    (Kind::BotnetV6, &[(1, 3), (4, 3), (8, 2), (11, 2)]),
    (Kind::Smb, &[(0, 4), (3, 6), (6, 10), (10, 4)]),
    (Kind::Fortinet, &[(0, 5), (7, 8), (10, 9)]),
    (Kind::Pulse, &[(3, 9), (7, 9)]),
    (Kind::Leak, &[(5, 13), (9, 8)]),
    (Kind::Cms, &[(0, 5), (4, 7), (8, 9), (11, 7)]),
];

/// Everything that is wrong in the country.
pub fn findings(country: &Country, chance: &mut Chance) -> Vec<Finding> {
    let mut exposed = exposed(country, chance);
    let mut findings = Vec::new();
    for (kind, occasions) in NEW {
        for &(night, n_firms) in *occasions {
            for _ in 0..n_firms {
                let Some(at) = exposed
                    .iter()
                    .position(|&firm| suits(*kind, &country.firms[firm]))
                else {
                    continue;
                };
                // Round robin: who had one goes to the end of the line.
                let firm = exposed.remove(at);
                exposed.push(firm);
                add(*kind, night, firm, country, chance, &mut findings);
            }
        }
    }
    handed_over(country, &mut findings);
    findings
}

/// The firms at which anything is ever wrong.
fn exposed(country: &Country, chance: &mut Chance) -> Vec<usize> {
    let quota = |firm: &Firm| match firm.kind {
        PartyKind::Participant => 0,
        _ if firm.parent.is_some() => 1,
        _ if firm.key.starts_with("vat:") => 2,
        PartyKind::Unregistered => 3,
        PartyKind::NetworkOwner => 4,
        PartyKind::Registered if firm.sector.starts_with("84") => 5,
        PartyKind::Registered => 6,
    };
    let mut left = [34, 14, 9, 22, 0, 10, 76];
    let mut order: Vec<usize> = (0..country.firms.len()).collect();
    chance.shuffle(&mut order);
    order.retain(|&i| {
        let firm = &country.firms[i];
        let left = &mut left[quota(firm)];
        let has_something = !firm.hosts.is_empty()
            || (firm.kind == PartyKind::Unregistered && firm.domain.is_some());
        let takes = has_something && *left > 0;
        *left -= usize::from(takes);
        takes
    });
    order
}

fn suits(kind: Kind, firm: &Firm) -> bool {
    match kind {
        Kind::BotnetV6 => firm.hosts.iter().any(IpAddr::is_ipv6),
        Kind::Leak => firm.kind == PartyKind::Participant || firm.sector.starts_with("84"),
        Kind::Cms => firm.domain.is_some() && (firm.web.is_some() || firm.hosts.is_empty()),
        _ => firm.hosts.iter().any(IpAddr::is_ipv4),
    }
}

fn add(
    kind: Kind,
    night: usize,
    firm: usize,
    country: &Country,
    chance: &mut Chance,
    findings: &mut Vec<Finding>,
) {
    let at = &country.firms[firm];
    let domain = at.domain.clone().unwrap_or_default();
    // The first at a participant is often several systems at once.
    let n_systems = match kind {
        Kind::Leak => 1 + chance.at(3),
        Kind::Cms => 1,
        _ if at.kind == PartyKind::Participant && chance.percent(45) => 2 + chance.at(3),
        _ => 1,
    };
    // A third is mended within the fortnight; the rest stays.
    let until = if chance.percent(34) {
        night + 2 + chance.at(6)
    } else {
        NIGHTS.len()
    };
    let wanted = |ip: &&IpAddr| ip.is_ipv6() == (kind == Kind::BotnetV6);
    let hosts: Vec<IpAddr> = at.hosts.iter().filter(wanted).copied().collect();
    let first = chance.next() as usize;
    for n in 0..n_systems {
        let name = match kind {
            Kind::ProxyShell | Kind::OldExchange if !domain.is_empty() => format!("mail.{domain}"),
            Kind::Fortinet | Kind::Pulse if !domain.is_empty() => format!("vpn.{domain}"),
            Kind::Cms => format!("www.{domain}"),
            Kind::Leak => domain.clone(),
            _ => String::new(),
        };
        let ip = match kind {
            Kind::Leak => None,
            Kind::Cms => at.web.map(IpAddr::V4),
            _ => Some(hosts[(first % hosts.len() + n) % hosts.len()]),
        };
        findings.push(Finding {
            kind,
            ip,
            name,
            from: night,
            until,
            variety: chance.next(),
        });
        if n + 1 == hosts.len() && kind != Kind::Leak {
            break;
        }
    }
}

/// The same open desktop in a range that changes hands: first one firm's, then another's.
fn handed_over(country: &Country, findings: &mut Vec<Finding>) {
    assert!(country.assets.iter().any(|a| a.value == spots::HANDED_OVER));
    findings.push(Finding {
        kind: Kind::Rdp,
        ip: Some("240.2.128.20".parse().unwrap()),
        name: String::new(),
        from: 0,
        until: NIGHTS.len(),
        variety: 0,
    });
}
