//! Addresses and names that many companies use at once: cloud, CDN, hosting, dynamic DNS,
//! parking, sinkholes.

use std::net::IpAddr;

use ipnet::IpNet;

use super::name_map::NameMap;
use super::segments::{NOTHING, NetForest};
use super::table_rows::Rows;
use crate::diag::{Failure, RejectReason};
use crate::model::address::{canonical, parse_ip};
use crate::model::name::{Domain, suffixes};
use crate::model::net::{Span, parse_prefix, parse_range, span};
use crate::model::suffix::for_each_suffix;

/// What is shared, and of which kind it is.
#[derive(Clone, Debug)]
pub struct Shared {
    v4: NetForest<u32>,
    v6: NetForest<u128>,
    names: NameMap,
    /// Distinct kinds; the numbers of the maps point here.
    kinds: Vec<String>,
}

impl Default for Shared {
    fn default() -> Self {
        Self::new(&[], &[])
    }
}

impl Shared {
    /// From nets and name suffixes, each with its kind (`cdn`, `hosting`, `dynamic_dns`, …). A
    /// suffix means itself and everything below.
    #[must_use]
    pub fn new(nets: &[(IpNet, String)], suffixes: &[(Domain, String)]) -> Self {
        let all = nets
            .iter()
            .map(|n| &n.1)
            .chain(suffixes.iter().map(|s| &s.1));
        let mut kinds: Vec<String> = all.cloned().collect();
        kinds.sort_unstable();
        kinds.dedup();
        let kind = |text: &String| {
            let found = kinds.binary_search(text).ok();
            found.and_then(|i| u32::try_from(i).ok()).unwrap_or(NOTHING)
        };
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (net, text) in nets {
            match span(net) {
                Span::V4(first, last) => v4.push((first, last, kind(text))),
                Span::V6(first, last) => v6.push((first, last, kind(text))),
            }
        }
        let names: Vec<(&Domain, u32)> = suffixes
            .iter()
            .map(|(name, text)| (name, kind(text)))
            .collect();
        Self {
            v4: NetForest::build(v4),
            v6: NetForest::build(v6),
            names: NameMap::build(&names),
            kinds,
        }
    }

    /// The kind of the narrowest shared net that holds this address.
    #[must_use]
    pub fn kind_of_address(&self, ip: IpAddr) -> Option<&str> {
        let number = match canonical(ip) {
            IpAddr::V4(ip) => self.v4.numbers_from(self.v4.find(ip.to_bits())).next(),
            IpAddr::V6(ip) => self.v6.numbers_from(self.v6.find(ip.to_bits())).next(),
        };
        self.kind(number)
    }

    /// The kind of the longest shared suffix that this name is or lies below.
    #[must_use]
    pub fn kind_of_name(&self, name: &Domain) -> Option<&str> {
        self.kind(self.number_of_name(name.as_str()))
    }

    pub(super) fn has_v4(&self, ip: u32) -> bool {
        self.v4.find(ip) != NOTHING
    }

    pub(super) fn has_v6(&self, ip: u128) -> bool {
        self.v6.find(ip) != NOTHING
    }

    /// `name` is plain in any case, or canonical.
    pub(super) fn has_name(&self, name: &str) -> bool {
        !self.names.is_empty() && self.number_of_name(name).is_some()
    }

    fn number_of_name(&self, name: &str) -> Option<u32> {
        let mut longest = None;
        let is_plain = for_each_suffix(name.as_bytes(), |hash, start| {
            if self.names.may_hold(hash)
                && let Some(suffix) = name.as_bytes().get(start..)
                && let Some(&number) = self.names.get(hash, suffix).first()
            {
                longest = Some(number);
            }
        });
        if is_plain {
            return longest;
        }
        suffixes(name).find_map(|suffix| self.names.get_name(suffix).first().copied())
    }

    fn kind(&self, number: Option<u32>) -> Option<&str> {
        self.kinds.get(number? as usize).map(String::as_str)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.v4.heap_bytes() + self.v6.heap_bytes() + self.names.heap_bytes()
    }
}

/// Reads a list of shared infrastructure.
///
/// CSV with the header `network,kind,name`: `network` is an address, a prefix, a range
/// `first-last` or a domain suffix (`dyn.example`, also written `.dyn.example` or
/// `*.dyn.example`); `kind` says what it is; `name` says whose, for people.
///
/// # Errors
/// `FixData` with the line of each unreadable row, a missing column, or a list without rows.
pub fn read_shared_infrastructure(csv: &[u8], object: &str) -> Result<Shared, Failure> {
    let table = Rows::open(csv, object)?;
    let network = table.column(&["network"])?;
    let kind = table.column(&["kind"])?;
    let (mut nets, mut suffixes) = (Vec::new(), Vec::new());
    table.read(|row| {
        let kind = row.field(kind);
        if kind.is_empty() {
            return Err("the kind is empty; expected one such as `cdn` or `hosting`".to_owned());
        }
        match read_network(row.field(network))? {
            Network::Nets(found) => {
                nets.extend(found.into_iter().map(|net| (net, kind.to_owned())))
            }
            Network::Suffix(name) => suffixes.push((name, kind.to_owned())),
        }
        Ok(())
    })?;
    Ok(Shared::new(&nets, &suffixes))
}

enum Network {
    Nets(Vec<IpNet>),
    Suffix(Domain),
}

fn read_network(text: &str) -> Result<Network, String> {
    let wrong = |why: RejectReason| format!("`{text}`: {why}");
    if text.contains('/') {
        return parse_prefix(text)
            .map(|net| Network::Nets(vec![net]))
            .map_err(wrong);
    }
    if let Ok(ip) = parse_ip(text) {
        return Ok(Network::Nets(vec![IpNet::from(ip)]));
    }
    let range = parse_range(text);
    if let Ok(nets) = range {
        return Ok(Network::Nets(nets));
    }
    let suffix = text
        .strip_prefix("*.")
        .or_else(|| text.strip_prefix('.'))
        .unwrap_or(text);
    suffix.parse().map(Network::Suffix).map_err(|()| {
        format!("`{text}`; expected an address, a prefix, a range `first-last` or a domain suffix")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = b"network,kind,name\n\
        192.0.2.0/24,hosting,Voorbeeldhosting\n\
        192.0.2.128/25,cdn,Voorbeeldhosting\n\
        198.51.100.1-198.51.100.3,sinkhole,\n\
        2001:db8::/32,cloud,\n\
        203.0.113.7,parking,\n\
        *.dyn-adres.example,dynamic_dns,\n\
        eigen.dyn-adres.example,parking,\n";

    #[test]
    fn the_narrowest_kind_is_found() {
        let shared = read_shared_infrastructure(LIST, "shared.csv").unwrap();
        let address = |text: &str| shared.kind_of_address(text.parse().unwrap());
        assert_eq!(address("192.0.2.1"), Some("hosting"));
        assert_eq!(address("192.0.2.200"), Some("cdn"));
        assert_eq!(address("198.51.100.3"), Some("sinkhole"));
        assert_eq!(address("198.51.100.4"), None);
        assert_eq!(address("2001:db8::9"), Some("cloud"));
        assert_eq!(address("::ffff:203.0.113.7"), Some("parking"));
        let name = |text: &str| shared.kind_of_name(&text.parse().unwrap());
        assert_eq!(name("klant.dyn-adres.example"), Some("dynamic_dns"));
        assert_eq!(name("b\u{fc}cher.dyn-adres.example"), Some("dynamic_dns"));
        assert_eq!(name("a.eigen.dyn-adres.example"), Some("parking"));
        assert_eq!(name("xdyn-adres.example"), None);
        assert_eq!(name("example"), None);
    }

    #[test]
    fn a_bad_list_names_its_lines() {
        let fault = |csv: &[u8]| {
            read_shared_infrastructure(csv, "shared.csv")
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            fault(b"network,kind,name\n192.0.2.1/24,cdn,\n1.2.3.4-1.2.3.1,cdn,\nx.example,,\n"),
            "shared.csv: line 2: `192.0.2.1/24`: the prefix has host bits set: either the address or the network was meant\n\
             shared.csv: line 3: `1.2.3.4-1.2.3.1`; expected an address, a prefix, a range `first-last` or a domain suffix\n\
             shared.csv: line 4: the kind is empty; expected one such as `cdn` or `hosting`"
        );
        assert_eq!(
            fault(b"network,kind\n\n"),
            "shared.csv: the table has no rows"
        );
        assert_eq!(
            fault(b"network,kind\na\n"),
            "shared.csv: line 2: 1 fields; expected 2"
        );
    }
}
