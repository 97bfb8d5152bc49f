//! The index of all assets, and how a match is weighed.

use ipnet::IpNet;

use super::facts::Facts;
use super::name_map::NameMap;
use super::segments::{NOTHING, NetForest, Segments};
use super::table_v4::{Holder, TableV4};
use super::touched::{TouchedAsns, TouchedV6};
use super::{PrefixTable, Settings, Shared};
use crate::model::asset::{Asset, AssetKind, AssetValue};
use crate::model::matches::{Confidence, ConfidenceReason, Match, MatchedBy};
use crate::model::name::Domain;
use crate::model::net::{Span, span};
use crate::model::observation::HostnameSource;

/// All assets, ready to be asked. Immutable; share it between threads.
#[derive(Clone, Debug)]
pub struct Index {
    settings: Settings,
    pub(super) facts: Facts,
    pub(super) v4: NetForest<u32>,
    pub(super) v6: NetForest<u128>,
    /// The same nets and those of registered AS numbers, for whole columns.
    pub(super) table_v4: TableV4,
    pub(super) touched_v6: TouchedV6,
    pub(super) asns: Asns,
    /// `domain` and `host` assets by their name.
    pub(super) names: NameMap,
    /// `host` assets by the name above theirs, for wildcards.
    pub(super) hosts_below: NameMap,
    pub(super) accounts: NameMap,
    pub(super) shared: Shared,
}

/// AS numbers that are assets, and the space that they announce.
#[derive(Clone, Debug)]
pub(super) struct Asns {
    by_number: NetForest<u32>,
    touched: TouchedAsns,
    /// The prefix table, cut down to registered AS numbers.
    v4: Segments<u32>,
    v6: Segments<u128>,
    is_empty: bool,
}

/// How sure a match is before its other owners are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) confidence: Confidence,
    pub(super) why: ConfidenceReason,
}

impl Evidence {
    const SHARED: Self = Self::low(ConfidenceReason::SharedInfrastructure);

    const fn low(why: ConfidenceReason) -> Self {
        Self {
            confidence: Confidence::Low,
            why,
        }
    }

    pub(super) const fn of_address(is_shared: bool) -> Self {
        if is_shared {
            return Self::SHARED;
        }
        Self {
            confidence: Confidence::High,
            why: ConfidenceReason::OwnAddress,
        }
    }

    pub(super) const fn of_asn(is_shared: bool) -> Self {
        if is_shared {
            return Self::SHARED;
        }
        Self {
            confidence: Confidence::Medium,
            why: ConfidenceReason::OwnAsn,
        }
    }

    /// The source speaks first where it is weak itself: it says what the evidence is.
    pub(super) const fn of_name(source: HostnameSource, is_shared: bool) -> Self {
        match source {
            HostnameSource::Certificate => Self::low(ConfidenceReason::NameFromCertificate),
            HostnameSource::Ptr => Self::low(ConfidenceReason::NameFromPtr),
            _ if is_shared => Self::SHARED,
            HostnameSource::ScanTarget | HostnameSource::ForwardDns => Self {
                confidence: Confidence::High,
                why: ConfidenceReason::OwnName,
            },
            HostnameSource::Unknown => Self {
                confidence: Confidence::Medium,
                why: ConfidenceReason::NameUnknownSource,
            },
        }
    }

    pub(super) const fn of_account(is_shared: bool) -> Self {
        if is_shared {
            return Self::SHARED;
        }
        Self {
            confidence: Confidence::High,
            why: ConfidenceReason::OwnAccount,
        }
    }
}

/// Assets sorted by what they are.
#[derive(Default)]
struct Sorted<'a> {
    v4: Vec<(u32, u32, u32)>,
    v6: Vec<(u128, u128, u32)>,
    asns: Vec<(u32, u32, u32)>,
    names: Vec<(&'a Domain, u32)>,
    hosts_below: Vec<(Domain, u32)>,
    accounts: Vec<(&'a Domain, u32)>,
    /// Addresses of each asset, for narrowness; 0 where it is none of addresses.
    sizes: Vec<u128>,
}

impl<'a> Sorted<'a> {
    fn add(&mut self, number: u32, asset: &'a Asset) {
        let mut size = 0;
        match &asset.value {
            AssetValue::Nets(nets) => size = self.add_nets(number, nets),
            AssetValue::Asn(asn) => self.asns.push((*asn, *asn, number)),
            AssetValue::Name(name) if asset.kind == AssetKind::EmailDomain => {
                self.accounts.push((name, number))
            }
            AssetValue::Name(name) => {
                self.names.push((name, number));
                if asset.kind == AssetKind::Host
                    && let Some(parent) = name.parent()
                {
                    self.hosts_below.push((parent, number));
                }
            }
        }
        self.sizes.push(size);
    }

    fn add_nets(&mut self, number: u32, nets: &[IpNet]) -> u128 {
        let mut size = 0u128;
        for net in nets {
            let width = match span(net) {
                Span::V4(first, last) => {
                    self.v4.push((first, last, number));
                    u128::from(last - first)
                }
                Span::V6(first, last) => {
                    self.v6.push((first, last, number));
                    last - first
                }
            };
            size = size.saturating_add(width).saturating_add(1);
        }
        size
    }
}

impl Index {
    /// Indexes all assets. A match names an asset by its position in `assets`.
    ///
    /// `shared` and `prefixes` are reference data of the same night.
    #[must_use]
    pub fn build(
        assets: &[Asset],
        shared: &Shared,
        prefixes: &PrefixTable,
        settings: &Settings,
    ) -> Self {
        let mut sorted = Sorted::default();
        for (number, asset) in (0u32..).zip(assets) {
            sorted.add(number, asset);
        }
        let facts = Facts::build(assets, &sorted.sizes);
        let asns = Asns::build(sorted.asns, prefixes);
        let mut touched_v6 = TouchedV6::none();
        let nets_v6 = sorted.v6.iter().map(|&(first, last, _)| (first, last));
        let announced_v6 = asns.v6.runs().map(|(first, last, _)| (first, last));
        nets_v6
            .chain(announced_v6)
            .for_each(|(first, last)| touched_v6.add(first, last));
        let v4 = NetForest::build(sorted.v4);
        let announced_v4 = asns.v4.runs().map(|(first, last, _)| (first, last));
        let held = v4.pieces().map(|(first, last, net, alone)| {
            let holder = alone.map_or(Holder::Net(net), Holder::Alone);
            (first, last, holder)
        });
        let table_v4 = TableV4::build(&held.collect::<Vec<_>>(), &announced_v4.collect::<Vec<_>>());
        let hosts_below: Vec<(&Domain, u32)> = sorted
            .hosts_below
            .iter()
            .map(|(name, n)| (name, *n))
            .collect();
        Self {
            settings: *settings,
            facts,
            v4,
            v6: NetForest::build(sorted.v6),
            table_v4,
            touched_v6,
            asns,
            names: NameMap::build(&sorted.names),
            hosts_below: NameMap::build(&hosts_below),
            accounts: NameMap::build(&sorted.accounts),
            shared: shared.clone(),
        }
    }

    /// May a row with an IPv4 address from `min` to `max` match by it, be it through a
    /// registered net or through the prefix table? For leaving row groups out. A row with an AS
    /// number of its own may match all the same: see [`Index::may_match_asn_range`].
    #[must_use]
    pub fn may_match_v4_range(&self, min: u32, max: u32) -> bool {
        self.v4.any(min, max) || self.asns.v4.any(min, max)
    }

    /// As [`Index::may_match_v4_range`], for IPv6.
    #[must_use]
    pub fn may_match_v6_range(&self, min: u128, max: u128) -> bool {
        self.v6.any(min, max) || self.asns.v6.any(min, max)
    }

    /// Is an AS number from `min` to `max` registered?
    #[must_use]
    pub fn may_match_asn_range(&self, min: u32, max: u32) -> bool {
        self.asns.by_number.any(min, max)
    }

    /// Are there assets that a host name can match?
    #[must_use]
    pub const fn has_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// Are there assets that an AS number can match?
    #[must_use]
    pub const fn has_asns(&self) -> bool {
        !self.asns.is_empty
    }

    /// Are there assets that a leaked account can match?
    #[must_use]
    pub const fn has_accounts(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// Number of assets.
    #[must_use]
    pub const fn n_assets(&self) -> usize {
        self.facts.len()
    }

    /// Memory that the index holds, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        // Two filters of 2 MiB.
        (4 << 20)
            + self.table_v4.heap_bytes()
            + self.facts.heap_bytes()
            + self.v4.heap_bytes()
            + self.v6.heap_bytes()
            + self.asns.heap_bytes()
            + self.names.heap_bytes()
            + self.hosts_below.heap_bytes()
            + self.accounts.heap_bytes()
            + self.shared.heap_bytes()
    }

    /// Weighs all owners that one property of one row found, and adds a match for each.
    ///
    /// `owners` are valid assets with their narrowness, in any order; a double becomes one.
    pub(super) fn weigh(
        &self,
        row: u32,
        by: MatchedBy,
        owners: &mut Vec<(u32, u32)>,
        evidence: Evidence,
        matches: &mut Vec<Match>,
    ) {
        owners.sort_unstable();
        owners.dedup();
        let evidence = self.beside_others(evidence, owners);
        let narrowest = owners.iter().map(|owner| owner.1).max();
        matches.extend(owners.iter().map(|&(asset, narrowness)| Match {
            row,
            asset,
            by,
            is_most_specific: Some(narrowness) == narrowest,
            confidence: evidence.confidence,
            why: evidence.why,
        }));
    }

    /// Weighs a valid asset that shares its row with none: what [`Index::weigh`] makes of it.
    #[inline]
    pub(super) fn weigh_alone(
        &self,
        row: u32,
        by: MatchedBy,
        asset: u32,
        evidence: Evidence,
    ) -> Match {
        let evidence = self.beside_others(evidence, &[(asset, 0)]);
        Match {
            row,
            asset,
            by,
            is_most_specific: true,
            confidence: evidence.confidence,
            why: evidence.why,
        }
    }

    /// What is weak already keeps its own reason.
    #[inline]
    fn beside_others(&self, evidence: Evidence, owners: &[(u32, u32)]) -> Evidence {
        if evidence.confidence > Confidence::Low
            && self
                .facts
                .have_more_owners(owners, self.settings.many_owners)
        {
            return Evidence::low(ConfidenceReason::ManyOwners);
        }
        evidence
    }
}

impl Asns {
    fn build(assets: Vec<(u32, u32, u32)>, prefixes: &PrefixTable) -> Self {
        let touched = TouchedAsns::new(assets.iter().map(|&(asn, ..)| asn));
        let is_empty = assets.is_empty();
        let by_number = NetForest::build(assets);
        let is_registered = |asn: u32| touched.may_hold(asn) && by_number.find(asn) != NOTHING;
        Self {
            v4: Segments::from_runs(prefixes.v4.runs().filter(|run| is_registered(run.2))),
            v6: Segments::from_runs(prefixes.v6.runs().filter(|run| is_registered(run.2))),
            by_number,
            touched,
            is_empty,
        }
    }

    #[inline]
    pub(super) fn may_hold(&self, asn: u32) -> bool {
        self.touched.may_hold(asn)
    }

    /// The assets of this AS number.
    pub(super) fn assets(&self, asn: u32) -> impl Iterator<Item = u32> {
        self.by_number.numbers_from(self.by_number.find(asn))
    }

    /// The registered AS number that announces this address.
    pub(super) fn of_v4(&self, ip: u32) -> Option<u32> {
        let asn = self.v4.find(ip);
        (asn != NOTHING).then_some(asn)
    }

    /// As [`Asns::of_v4`].
    pub(super) fn of_v6(&self, ip: u128) -> Option<u32> {
        let asn = self.v6.find(ip);
        (asn != NOTHING).then_some(asn)
    }

    fn heap_bytes(&self) -> usize {
        self.by_number.heap_bytes() + self.v4.heap_bytes() + self.v6.heap_bytes() + 8192
    }
}
