//! Rows about everybody else: most of a scan is nobody's that the service knows.

use std::net::{IpAddr, Ipv4Addr};

use super::chance::Chance;
use super::country::{COLOCATION, HOSTING, NETWORKS};

/// Where the noise of a report comes from: lines of people at home, firms that registered
/// nothing, networks abroad, and a little at the networks that registered their AS number.
pub fn addresses(n: usize, share_v6: u64, chance: &mut Chance) -> Vec<IpAddr> {
    (0..n)
        .map(|_| {
            if chance.percent(share_v6) {
                v6(chance)
            } else {
                v4(chance).into()
            }
        })
        .collect()
}

fn v4(chance: &mut Chance) -> Ipv4Addr {
    let low = u32::try_from(chance.below(1 << 16)).unwrap();
    let second = |n: u64| u32::try_from(n).unwrap() << 16;
    let base = match chance.below(1000) {
        // Home lines at the first three networks: their second half.
        0..560 => 0xf000_0000 | second(chance.below(3) * 16 + 8 + chance.below(8)),
        // Lines of firms that the service does not know.
        560..640 => 0xf000_0000 | second(chance.below(4) * 16 + 3),
        640..760 => 0xf400_0000 | second(chance.below(64)),
        760..860 => 0xf440_0000 | second(chance.below(64)),
        860..960 => 0xf480_0000 | second(chance.below(128)),
        960..985 => u32::from(NETWORKS[5].first_v4()),
        985..992 => u32::from(NETWORKS[6].first_v4()),
        992..996 => u32::from(NETWORKS[HOSTING].first_v4()),
        _ => u32::from(NETWORKS[COLOCATION].first_v4()) | 0x8000,
    };
    Ipv4Addr::from(base | low)
}

fn v6(chance: &mut Chance) -> IpAddr {
    let network = &NETWORKS[[0, 1, 2, 10, 11, 12][chance.at(6)]];
    let site = 0x4000 + u16::try_from(chance.below(0x4000)).unwrap();
    network
        .v6(site, u16::try_from(1 + chance.below(9)).unwrap())
        .into()
}

/// Reverse names as providers give them.
pub fn reverse_name(ip: IpAddr, chance: &mut Chance) -> String {
    let IpAddr::V4(v4) = ip else {
        return String::new();
    };
    if chance.percent(55) {
        return String::new();
    }
    let [a, b, c, d] = v4.octets();
    match b % 3 {
        0 => format!("{a}-{b}-{c}-{d}.lijn.polderkabel-voorbeeldnet.example"),
        1 => format!("host-{d}.pool-{c}.wadlicht-glas.example"),
        _ => format!("{d}.{c}.{b}.{a}.dyn.ausgedachtes-netz.example"),
    }
}
