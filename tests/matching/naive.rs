//! The index against a plain loop over every row and every asset, which knows what was meant
//! before it was written down as text.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nachtwacht::matching::{Index, PrefixTable, Question, Settings, Shared};
use nachtwacht::model::asset::{Asset, AssetKind, AssetValue};
use nachtwacht::model::matches::{Confidence, ConfidenceReason, Match, MatchedBy};
use nachtwacht::model::net::range_to_nets;
use nachtwacht::model::night::Validity;
use nachtwacht::model::observation::HostnameSource;
use proptest::prelude::*;

use super::{Row, key_columns};

const MANY: u32 = 2;

/// An asset as it was meant.
#[derive(Clone, Debug)]
enum Meant {
    /// First and last address.
    Span(IpAddr, IpAddr),
    Asn(u32),
    Domain(Vec<String>),
    Host(Vec<String>),
    EmailDomain(Vec<String>),
}

/// A row as it was meant.
#[derive(Clone, Debug)]
struct Seen {
    at: i64,
    ip: Option<IpAddr>,
    asn: Option<u32>,
    /// Labels from the left, and whether an asterisk stands before them.
    name: Option<(Vec<String>, bool)>,
    source: Option<HostnameSource>,
    account: Option<Vec<String>>,
    row: Row,
}

#[derive(Clone, Debug)]
struct World {
    assets: Vec<(Meant, Asset)>,
    shared_nets: Vec<(IpAddr, IpAddr)>,
    shared_names: Vec<Vec<String>>,
    prefixes: Vec<(IpAddr, IpAddr, u32)>,
    rows: Vec<Seen>,
}

fn v4(bits: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(bits))
}

fn v6(bits: u128) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(bits))
}

/// Addresses crowd in a few places, among them both ends of both spaces.
fn any_ip() -> impl Strategy<Value = IpAddr> {
    let low = 0u32..96;
    prop_oneof![
        6 => low.clone().prop_map(|n| v4(0xc000_0200 + n)),
        1 => low.clone().prop_map(v4),
        1 => low.clone().prop_map(|n| v4(u32::MAX - n)),
        1 => any::<u32>().prop_map(v4),
        4 => (low.clone(), 0u32..3).prop_map(|(n, net)| v6(0x2001_0db8u128 << 96 | u128::from(net) << 78 | u128::from(n))),
        1 => low.clone().prop_map(|n| v6(u128::MAX - u128::from(n))),
        1 => any::<u128>().prop_map(v6).prop_filter("IPv4 in IPv6", |ip| matches!(ip, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_none())),
    ]
}

fn any_span() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    let host_bits = prop_oneof![8 => 0u32..9, 1 => 9u32..33];
    (any_ip(), host_bits, any::<bool>(), 0u32..40).prop_map(
        |(ip, host_bits, is_prefix, n)| match ip {
            IpAddr::V4(ip) => {
                let mask = 1u32.checked_shl(host_bits).map_or(u32::MAX, |bit| bit - 1);
                let bits = ip.to_bits();
                if is_prefix {
                    (v4(bits & !mask), v4(bits | mask))
                } else {
                    (v4(bits), v4(bits.saturating_add(n)))
                }
            }
            IpAddr::V6(ip) => {
                let mask = (1u128 << (host_bits * 3)) - 1;
                let bits = ip.to_bits();
                if is_prefix {
                    (v6(bits & !mask), v6(bits | mask))
                } else {
                    (v6(bits), v6(bits.saturating_add(u128::from(n))))
                }
            }
        },
    )
}

fn any_labels() -> impl Strategy<Value = Vec<String>> {
    // The last two are one label in two forms of writing.
    let label = prop::sample::select(vec!["a", "b", "ab", "a-b", "_x", "xn--bcher-kva", "nl"]);
    let top = prop::sample::select(vec!["example", "nl"]);
    (prop::collection::vec(label, 0..4), top).prop_map(|(mut labels, top)| {
        labels.push(top);
        labels.into_iter().map(str::to_owned).collect()
    })
}

fn any_asset() -> impl Strategy<Value = (Meant, Asset)> {
    let meant = prop_oneof![
        8 => any_span().prop_map(|(a, b)| Meant::Span(a, b)),
        2 => (64500u32..64506).prop_map(Meant::Asn),
        4 => any_labels().prop_map(Meant::Domain),
        4 => any_labels().prop_map(Meant::Host),
        2 => any_labels().prop_map(Meant::EmailDomain),
    ];
    let end = || prop::option::weighted(0.4, 0i64..100);
    (meant, 0u32..6, end(), end()).prop_map(|(meant, company, from, until)| {
        let name = |labels: &[String]| AssetValue::Name(labels.join(".").parse().unwrap());
        let (kind, value) = match &meant {
            Meant::Span(a, b) => (
                AssetKind::Range,
                AssetValue::Nets(range_to_nets(*a, *b).unwrap()),
            ),
            Meant::Asn(asn) => (AssetKind::Asn, AssetValue::Asn(*asn)),
            Meant::Domain(labels) => (AssetKind::Domain, name(labels)),
            Meant::Host(labels) => (AssetKind::Host, name(labels)),
            Meant::EmailDomain(labels) => (AssetKind::EmailDomain, name(labels)),
        };
        let asset = Asset {
            company: format!("kvk:0000000{company}").parse().unwrap(),
            kind,
            value,
            canonical: String::new(),
            original: String::new(),
            valid: Validity { from, until },
            source: String::new(),
            confirmed_at: None,
            row: 0,
        };
        (meant, asset)
    })
}

/// Writes an address in one of the ways a feed may.
fn write_ip(row: &mut Row, ip: IpAddr, way: u8) {
    match (ip, way % 5) {
        (IpAddr::V4(ip), 0 | 1) => row.ip_v4 = Some(ip.to_bits()),
        (IpAddr::V4(ip), 2) => row.ip = Some(format!("::ffff:{ip}")),
        (IpAddr::V4(ip), 3) => row.ip_v6 = Some(ip.to_ipv6_mapped().to_bits()),
        (IpAddr::V6(ip), 0 | 1) => row.ip_v6 = Some(ip.to_bits()),
        (IpAddr::V6(ip), 2) => row.ip = Some(format!(" {ip} ").to_uppercase()),
        (ip, _) => row.ip = Some(ip.to_string()),
    }
}

fn write_name(labels: &[String], way: u8) -> String {
    let name = labels.join(".");
    match way % 4 {
        0 => name.to_uppercase(),
        1 => format!("{name}."),
        2 => name.replace("xn--bcher-kva", "B\u{fc}cher"),
        _ => name,
    }
}

fn any_row() -> impl Strategy<Value = Seen> {
    let source = prop::option::of(prop::sample::select(HostnameSource::ALL));
    let name = (any_labels(), prop::bool::weighted(0.2));
    (
        0i64..100,
        prop::option::weighted(0.8, any_ip()),
        prop::option::weighted(0.3, 64500u32..64508),
        prop::option::weighted(0.5, name),
        source,
        prop::option::weighted(0.2, any_labels()),
        any::<u8>(),
    )
        .prop_map(|(at, ip, asn, name, source, account, way)| {
            // An asterisk before a single label is no name at all.
            let name = name.filter(|(labels, is_wildcard)| !is_wildcard || labels.len() >= 2);
            let mut row = Row {
                observed_at: Some(at),
                asn,
                ..Row::default()
            };
            if let Some(ip) = ip {
                write_ip(&mut row, ip, way);
            }
            if let Some((labels, is_wildcard)) = &name {
                let star = if *is_wildcard { "*." } else { "" };
                row.hostname = Some(format!("{star}{}", write_name(labels, way >> 3)));
            }
            row.hostname_source = source.map(|s: HostnameSource| s.to_string());
            row.account_domain = account
                .as_deref()
                .map(|labels| write_name(labels, way >> 5));
            Seen {
                at,
                ip,
                asn,
                name,
                source,
                account,
                row,
            }
        })
}

fn any_world() -> impl Strategy<Value = World> {
    (
        prop::collection::vec(any_asset(), 0..40),
        prop::collection::vec(any_span(), 0..3),
        prop::collection::vec(any_labels(), 0..2),
        prop::collection::vec((any_span(), 64500u32..64508), 0..8),
        prop::collection::vec(any_row(), 1..40),
    )
        .prop_map(
            |(assets, shared_nets, shared_names, prefixes, rows)| World {
                assets,
                shared_nets,
                shared_names,
                prefixes: prefixes
                    .into_iter()
                    .map(|((a, b), asn)| (a, b, asn))
                    .collect(),
                rows,
            },
        )
}

fn holds((first, last): (IpAddr, IpAddr), ip: IpAddr) -> bool {
    // Not `first <= ip`: of two families the IPv4 one always compares less.
    first.is_ipv4() == ip.is_ipv4() && first <= ip && ip <= last
}

fn width(first: IpAddr, last: IpAddr) -> u128 {
    match (first, last) {
        (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(b.to_bits() - a.to_bits()),
        (IpAddr::V6(a), IpAddr::V6(b)) => b.to_bits() - a.to_bits(),
        _ => panic!("two families"),
    }
}

fn is_below(name: &[String], parent: &[String]) -> bool {
    name.ends_with(parent)
}

impl World {
    fn is_shared(&self, ip: Option<IpAddr>) -> bool {
        ip.is_some_and(|ip| self.shared_nets.iter().any(|&net| holds(net, ip)))
    }

    fn is_shared_name(&self, name: &[String]) -> bool {
        self.shared_names
            .iter()
            .any(|shared| is_below(name, shared))
    }

    fn asn(&self, seen: &Seen) -> Option<u32> {
        let from_table = |ip: IpAddr| {
            let rows = self.prefixes.iter().filter(|p| holds((p.0, p.1), ip));
            rows.min_by_key(|p| (width(p.0, p.1), p.2)).map(|p| p.2)
        };
        seen.asn.or_else(|| seen.ip.and_then(from_table))
    }

    /// How a row meets an asset, time aside; and how wide the asset is, the narrowest lowest.
    fn meet(&self, seen: &Seen, meant: &Meant) -> Option<(MatchedBy, u128)> {
        let few =
            |labels: &[String], host: bool| 1000 - 2 * labels.len() as u128 - u128::from(host);
        match (meant, &seen.name) {
            (Meant::Span(a, b), _) => {
                let ip = seen.ip?;
                holds((*a, *b), ip).then(|| (MatchedBy::Address, width(*a, *b)))
            }
            (Meant::Asn(asn), _) => (self.asn(seen) == Some(*asn)).then_some((MatchedBy::Asn, 0)),
            (Meant::EmailDomain(domain), _) => {
                let account = seen.account.as_ref()?;
                is_below(account, domain).then(|| (MatchedBy::Account, few(domain, false)))
            }
            (Meant::Domain(domain), Some((name, _))) => {
                is_below(name, domain).then(|| (MatchedBy::Name, few(domain, false)))
            }
            (Meant::Host(host), Some((name, false))) => {
                (host == name).then(|| (MatchedBy::Name, few(host, true)))
            }
            (Meant::Host(host), Some((base, true))) => (host.len() == base.len() + 1
                && is_below(host, base))
            .then(|| (MatchedBy::Wildcard, few(host, true))),
            (Meant::Domain(_) | Meant::Host(_), None) => None,
        }
    }

    fn evidence(&self, seen: &Seen, by: MatchedBy) -> (Confidence, ConfidenceReason) {
        use Confidence::{High, Low, Medium};
        use ConfidenceReason as Why;
        let shared = |is_shared: bool, otherwise| {
            if is_shared {
                (Low, Why::SharedInfrastructure)
            } else {
                otherwise
            }
        };
        match by {
            MatchedBy::Address => shared(self.is_shared(seen.ip), (High, Why::OwnAddress)),
            MatchedBy::Asn => shared(self.is_shared(seen.ip), (Medium, Why::OwnAsn)),
            MatchedBy::Account => shared(
                seen.account
                    .as_ref()
                    .is_some_and(|name| self.is_shared_name(name)),
                (High, Why::OwnAccount),
            ),
            MatchedBy::Wildcard => (Low, Why::NameFromCertificate),
            MatchedBy::Name => {
                let (name, is_wildcard) = seen.name.as_ref().unwrap();
                match seen.source.unwrap_or(HostnameSource::Unknown) {
                    _ if *is_wildcard => (Low, Why::NameFromCertificate),
                    HostnameSource::Certificate => (Low, Why::NameFromCertificate),
                    HostnameSource::Ptr => (Low, Why::NameFromPtr),
                    HostnameSource::Unknown => {
                        shared(self.is_shared_name(name), (Medium, Why::NameUnknownSource))
                    }
                    HostnameSource::ScanTarget | HostnameSource::ForwardDns => {
                        shared(self.is_shared_name(name), (High, Why::OwnName))
                    }
                }
            }
        }
    }

    fn matches_of(&self, number: u32, seen: &Seen) -> Vec<Match> {
        let met: Vec<(u32, MatchedBy, u128, &Asset)> = (0u32..)
            .zip(&self.assets)
            .filter(|(_, (_, asset))| asset.valid.contains(seen.at))
            .filter_map(|(n, (meant, asset))| {
                self.meet(seen, meant)
                    .map(|(by, width)| (n, by, width, asset))
            })
            .collect();
        met.iter()
            .map(|&(asset, by, width, _)| {
                let same = || met.iter().filter(|m| m.1 == by);
                let companies: BTreeSet<&str> = same().map(|m| m.3.company.as_str()).collect();
                let (mut confidence, mut why) = self.evidence(seen, by);
                if confidence > Confidence::Low && companies.len() > MANY as usize {
                    (confidence, why) = (Confidence::Low, ConfidenceReason::ManyOwners);
                }
                let is_most_specific = same().all(|m| m.2 >= width);
                Match {
                    row: number,
                    asset,
                    by,
                    is_most_specific,
                    confidence,
                    why,
                }
            })
            .collect()
    }

    fn index(&self) -> Index {
        let assets: Vec<Asset> = self.assets.iter().map(|(_, asset)| asset.clone()).collect();
        let nets: Vec<_> = self
            .shared_nets
            .iter()
            .flat_map(|&(a, b)| range_to_nets(a, b).unwrap())
            .map(|net| (net, "cdn".to_owned()))
            .collect();
        let names: Vec<_> = self
            .shared_names
            .iter()
            .map(|labels| (labels.join(".").parse().unwrap(), "parking".to_owned()))
            .collect();
        Index::build(
            &assets,
            &Shared::new(&nets, &names),
            &PrefixTable::from_rows(&self.prefixes),
            &Settings { many_owners: MANY },
        )
    }
}

proptest! {
    // 300 worlds of about 20 by 20 are some 120,000 pairs of a row and an asset.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn the_index_finds_what_a_loop_finds(world in any_world()) {
        let index = world.index();
        let rows: Vec<Row> = world.rows.iter().map(|seen| seen.row.clone()).collect();
        let found = index.match_batch(&key_columns(&rows), "snapshot").unwrap();
        let slow: Vec<Match> = (0u32..).zip(&world.rows).flat_map(|(n, seen)| world.matches_of(n, seen)).collect();
        // An AS number alone is no subject.
        let bare: Vec<u32> = (0u32..).zip(&world.rows)
            .filter(|(_, s)| s.ip.is_none() && s.name.is_none() && s.account.is_none()).map(|(n, _)| n).collect();
        let slow: Vec<Match> = slow.into_iter().filter(|m| !bare.contains(&m.row)).collect();
        prop_assert_eq!(&found.matches, &slow);
        prop_assert_eq!(found.rejected.iter().map(|r| r.0).collect::<Vec<_>>(), bare);
    }

    #[test]
    fn a_question_is_answered_as_a_batch_is(world in any_world()) {
        let index = world.index();
        for seen in &world.rows {
            let question = Question {
                ip: seen.ip,
                asn: seen.asn,
                hostname: seen.row.hostname.as_deref(),
                hostname_source: seen.source,
                account_domain: seen.row.account_domain.as_deref(),
            };
            let answer = index.explain(&question, seen.at);
            prop_assert_eq!(answer.matches, world.matches_of(0, seen));
            let late: Vec<u32> = (0u32..).zip(&world.assets)
                .filter(|(_, (meant, asset))| !asset.valid.contains(seen.at) && world.meet(seen, meant).is_some())
                .map(|(n, _)| n).collect();
            prop_assert_eq!(answer.not_valid_then.iter().map(|n| n.0).collect::<Vec<_>>(), late);
        }
    }

    #[test]
    fn pruning_never_leaves_out_a_match(world in any_world(), ends in (any_ip(), any_ip())) {
        let index = world.index();
        let (a, b) = ends;
        let touches = |x: IpAddr, y: IpAddr| x.is_ipv4() == a.is_ipv4() && x <= b.max(a) && a.min(b) <= y;
        let slow = world.assets.iter().any(|(meant, _)| matches!(meant, Meant::Span(x, y) if touches(*x, *y)));
        let may = match (a.min(b), a.max(b)) {
            (IpAddr::V4(a), IpAddr::V4(b)) => index.may_match_v4_range(a.to_bits(), b.to_bits()),
            (IpAddr::V6(a), IpAddr::V6(b)) => index.may_match_v6_range(a.to_bits(), b.to_bits()),
            _ => return Ok(()),
        };
        prop_assert!(may || !slow, "an asset lies there");
        let has_asns = world.assets.iter().any(|(meant, _)| matches!(meant, Meant::Asn(_)));
        prop_assert!(!may || slow || has_asns, "nothing lies there");
    }
}

/// A table that does not depend on chance: every prefix length of both families, at the bits
/// where indexes change from one array to another, with an address just inside and just outside.
#[test]
fn every_prefix_length_ends_where_it_ends() {
    for (top, width) in [
        (0xc633_6400u32.reverse_bits(), 32),
        (0xffff_ffff, 32),
        (0, 32),
    ] {
        for length in 0..=width {
            let mask = u32::MAX.checked_shr(length).unwrap_or(0);
            let (first, last) = (top & !mask, top | mask);
            let rows: Vec<Row> = [
                Some(first),
                Some(last),
                first.checked_sub(1),
                last.checked_add(1),
            ]
            .into_iter()
            .flatten()
            .map(|ip| Row {
                ip_v4: Some(ip),
                ..Row::at(0)
            })
            .collect();
            assert_eq!(
                matched(v4(first), v4(last), &rows),
                [0, 1],
                "{}/{length}",
                v4(first)
            );
        }
    }
    for top in [
        0x2a02_1234_5678_9abc_def0_1234_5678_9abcu128,
        0x3fff_ffff << 96,
        0x2000 << 112,
        u128::MAX,
        1 << 100,
    ] {
        for length in 0..=128 {
            let mask = u128::MAX.checked_shr(length).unwrap_or(0);
            let (first, last) = (top & !mask, top | mask);
            let rows: Vec<Row> = [
                Some(first),
                Some(last),
                first.checked_sub(1),
                last.checked_add(1),
            ]
            .into_iter()
            .flatten()
            .map(|ip| Row {
                ip_v6: Some(ip),
                ..Row::at(0)
            })
            .collect();
            assert_eq!(
                matched(v6(first), v6(last), &rows),
                [0, 1],
                "{}/{length}",
                v6(first)
            );
        }
    }
}

fn matched(first: IpAddr, last: IpAddr, rows: &[Row]) -> Vec<u32> {
    let mut asset = super::asset("1 cidr 192.0.2.0/24");
    asset.value = AssetValue::Nets(range_to_nets(first, last).unwrap());
    let index = Index::build(
        &[asset],
        &Shared::default(),
        &PrefixTable::default(),
        &Settings::default(),
    );
    index
        .match_batch(&key_columns(rows), "o")
        .unwrap()
        .matched_rows()
}
