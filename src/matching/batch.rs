//! Matches one batch of key columns.

use std::cmp::Reverse;

use arrow::array::{Array, StringArray};
use arrow::buffer::NullBuffer;
use arrow::record_batch::RecordBatch;

use super::found::{BatchMatches, RejectedRow};
use super::index::{Evidence, Index};
use super::name_map::{NameMap, Probe};
use super::subjects::{
    Address, HostName, KeyColumns, Said, read_account_domain, read_hostname, text,
};
use super::table_v4::Holder;
use crate::diag::{Failure, RejectReason, mask};
use crate::model::matches::{Match, MatchedBy};
use crate::model::name::{Domain, WildcardName};
use crate::model::night::Micros;
use crate::model::observation::{HostnameSource, column};
use crate::model::suffix::for_each_suffix;

impl Index {
    /// Matches every row of a batch of key columns
    /// ([`KEY_COLUMNS`](crate::model::observation::KEY_COLUMNS) in canonical form; all but
    /// `observed_at` may be absent).
    ///
    /// A row is rejected where it has no time, no subject, or none that can be read; then the
    /// reason is that of the first unreadable one, in the order address, host name, account. Beside
    /// a readable subject an unreadable one is ignored. A host name that is an IP address is no
    /// host name; a number in `ip_v4` or `ip_v6` goes before the text in `ip`.
    ///
    /// # Errors
    /// `FixData` without `observed_at`; `OurBug` for a column that is not in canonical form.
    pub fn match_batch(&self, keys: &RecordBatch, object: &str) -> Result<BatchMatches, Failure> {
        let n_rows = u32::try_from(keys.num_rows())
            .map_err(|_| Failure::our_bug("a batch of 2^32 rows or more").at(object, ""))?;
        let keys = KeyColumns::of(keys, object)?;
        let mut pass = Pass {
            index: self,
            keys,
            n_rows,
            matches: Vec::new(),
            held: Vec::new(),
            owners: Vec::new(),
            readable: Vec::new(),
            faults: Vec::new(),
        };
        pass.addresses();
        pass.take_held();
        pass.own_asns();
        pass.names();
        pass.accounts();
        Ok(pass.finish())
    }

    /// Calls `each` with the assets that hold this name: domains at or above it, and the hosts
    /// of that very name.
    pub(super) fn owners_of_name(&self, name: &Domain, mut each: impl FnMut(u32)) {
        for suffix in name.suffixes() {
            let is_whole = suffix.len() == name.as_str().len();
            let owners = self.names.get_name(suffix).iter().copied();
            owners
                .filter(|&asset| is_whole || !self.facts.is_host(asset))
                .for_each(&mut each);
        }
    }

    /// Calls `each` with the domains at or above the base of a wildcard.
    pub(super) fn domains_of_wildcard(&self, name: &WildcardName, each: impl FnMut(u32)) {
        let base = name.base().suffixes();
        let owners = base.flat_map(|suffix| self.names.get_name(suffix)).copied();
        owners
            .filter(|&asset| !self.facts.is_host(asset))
            .for_each(each);
    }

    /// Calls `each` with the hosts that a wildcard covers.
    pub(super) fn hosts_of_wildcard(&self, name: &WildcardName, each: impl FnMut(u32)) {
        self.hosts_below
            .get_name(name.base().as_str())
            .iter()
            .copied()
            .for_each(each);
    }

    /// Calls `each` with the mail domains at or above this name.
    pub(super) fn owners_of_account(&self, name: &Domain, each: impl FnMut(u32)) {
        let owners = name
            .suffixes()
            .flat_map(|suffix| self.accounts.get_name(suffix));
        owners.copied().for_each(each);
    }
}

/// One unreadable subject.
struct Fault {
    row: u32,
    why: RejectReason,
    column: &'static str,
}

/// A row whose IPv4 address is held.
struct Held {
    row: u32,
    ip: u32,
    at: Micros,
    holder: Holder,
}

/// The state of one run over a batch. Each property goes over its own column once.
struct Pass<'a> {
    index: &'a Index,
    keys: KeyColumns<'a>,
    n_rows: u32,
    matches: Vec<Match>,
    /// Rows whose owners are known by their IPv4 address alone.
    held: Vec<Held>,
    /// Scratch: the owners by one property of one row with their narrowness; empty in between.
    owners: Vec<(u32, u32)>,
    /// For each row: has it a readable subject? Empty where all have.
    readable: Vec<bool>,
    /// In the order of the passes, which is that of the subjects.
    faults: Vec<Fault>,
}

/// Rows whose addresses are gathered before the filter sees them.
const CHUNK: u32 = 1024;

impl<'a> Pass<'a> {
    fn addresses(&mut self) {
        let index = self.index;
        if let Some(ip_v4) = self.keys.ip_v4 {
            // Under a null the value may be anything, so survivors are asked again.
            let nulls = ip_v4.nulls();
            index.table_v4.find_all(ip_v4.values(), |row, holder| {
                if nulls.is_none_or(|nulls| nulls.is_valid(row as usize)) {
                    self.v4(row, ip_v4.value(row as usize), holder);
                }
            });
            if ip_v4.null_count() == 0 {
                return;
            }
        }
        self.readable = (0..self.n_rows as usize)
            .map(|row| self.keys.ip_v4.is_some_and(|ip| ip.is_valid(row)))
            .collect();
        if self.keys.ip_v6.is_some() || self.keys.ip.is_some() {
            self.other_addresses();
        }
    }

    /// IPv6 and text, in the rows where `ip_v4` is null.
    fn other_addresses(&mut self) {
        let index = self.index;
        let (mut rows, mut addresses) = (Vec::new(), Vec::new());
        let mut first = 0;
        while first < self.n_rows {
            let last = first.saturating_add(CHUNK).min(self.n_rows);
            rows.clear();
            addresses.clear();
            for row in first..last {
                if self.is_readable(row) {
                    continue;
                }
                match self.keys.address_beside_v4(row as usize) {
                    Said::Readable(Address::V4(ip)) => {
                        rows.push(row);
                        addresses.push(ip);
                        self.mark_readable(row);
                    }
                    Said::Readable(Address::V6(ip)) => {
                        self.mark_readable(row);
                        if index.touched_v6.may_hold(ip) {
                            self.v6(row, ip);
                        }
                    }
                    Said::Unreadable(why) => self.faults.push(Fault {
                        row,
                        why,
                        column: column::IP,
                    }),
                    Said::Nothing => {}
                }
            }
            index.table_v4.find_all(&addresses, |i, holder| {
                if let (Some(&row), Some(&ip)) = (rows.get(i as usize), addresses.get(i as usize)) {
                    self.v4(row, ip, holder);
                }
            });
            first = last;
        }
    }

    /// A row whose IPv4 address somebody may hold.
    #[inline]
    fn v4(&mut self, row: u32, ip: u32, holder: Holder) {
        let Some(at) = self.at(row) else {
            return;
        };
        match holder {
            Holder::Ask => self.v4_by_all(row, ip),
            _ => self.held.push(Held {
                row,
                ip,
                at,
                holder,
            }),
        }
    }

    /// Rows whose owners are known by address alone. Owners and what is known of them lie
    /// anywhere in the memory: each is read in a loop of its own, many at a time.
    fn take_held(&mut self) {
        let index = self.index;
        let held = std::mem::take(&mut self.held);
        let alone = held.iter().filter_map(|held| held.holder.alone());
        let spans: Vec<u32> = alone.map(|asset| index.facts.span(asset)).collect();
        let nets = (0u32..).zip(&held);
        let nets = nets.filter_map(|(i, held)| Some((i, held.holder.net()?)));
        let in_nets = index.v4.numbers_from_all(nets.collect());
        let facts = in_nets.iter().map(|owner| index.facts.of(owner.1));
        let facts: Vec<(u32, u32)> = facts.collect();
        let mut spans = spans.into_iter();
        let mut in_nets = in_nets.into_iter().zip(facts).peekable();
        for (i, held) in (0u32..).zip(held) {
            let evidence = || Evidence::of_address(index.shared.has_v4(held.ip));
            if let Some(asset) = held.holder.alone() {
                let is_valid = |span| index.facts.is_within(span, held.at);
                if spans.next().is_some_and(is_valid) {
                    let by = MatchedBy::Address;
                    let found = index.weigh_alone(held.row, by, asset, evidence());
                    self.matches.push(found);
                }
                continue;
            }
            let of_row = |owner: &((u32, u32), (u32, u32))| owner.0.0 == i;
            while let Some(((_, asset), (span, narrowness))) = in_nets.next_if(of_row) {
                if index.facts.is_within(span, held.at) {
                    self.owners.push((asset, narrowness));
                }
            }
            self.weigh(held.row, MatchedBy::Address, evidence);
        }
    }

    fn v4_by_all(&mut self, row: u32, ip: u32) {
        let index = self.index;
        let net = index.v4.find(ip);
        self.add(row, MatchedBy::Address, index.v4.numbers_from(net), || {
            Evidence::of_address(index.shared.has_v4(ip))
        });
        if !self.has_own_asn(row)
            && let Some(asn) = index.asns.of_v4(ip)
        {
            self.add(row, MatchedBy::Asn, index.asns.assets(asn), || {
                Evidence::of_asn(index.shared.has_v4(ip))
            });
        }
    }

    /// A row whose IPv6 address passed the filter.
    fn v6(&mut self, row: u32, ip: u128) {
        let index = self.index;
        let net = index.v6.find(ip);
        self.add(row, MatchedBy::Address, index.v6.numbers_from(net), || {
            Evidence::of_address(index.shared.has_v6(ip))
        });
        if !self.has_own_asn(row)
            && let Some(asn) = index.asns.of_v6(ip)
        {
            self.add(row, MatchedBy::Asn, index.asns.assets(asn), || {
                Evidence::of_asn(index.shared.has_v6(ip))
            });
        }
    }

    fn own_asns(&mut self) {
        let index = self.index;
        let Some(asn) = self.keys.asn.filter(|_| index.has_asns()) else {
            return;
        };
        for (row, &number) in (0u32..).zip(asn.values()) {
            if index.asns.may_hold(number) && asn.is_valid(row as usize) {
                let keys = self.keys;
                self.add(row, MatchedBy::Asn, index.asns.assets(number), || {
                    Evidence::of_asn(index.is_shared(&keys.address(row as usize)))
                });
            }
        }
    }

    fn names(&mut self) {
        let Some(hostname) = self.keys.hostname else {
            return;
        };
        let index = self.index;
        if !index.has_names() && self.readable.is_empty() {
            return;
        }
        self.each_name(
            Some(hostname),
            &index.names,
            Self::plain_name,
            Self::other_name,
        );
    }

    /// Goes over a column of names: `plain` gets those that are canonical but for their case and
    /// have suffixes which pass the filter of `map`, `other` gets the rest.
    ///
    /// Names are read and suffixes are looked up in turns of some rows, since the filter lies
    /// outside the processor's own cache: many of its words are fetched at a time.
    fn each_name(
        &mut self,
        names: Option<&'a StringArray>,
        map: &NameMap,
        plain: impl Fn(&mut Self, u32, &str, &[Probe]),
        other: impl Fn(&mut Self, u32, &str),
    ) {
        let mut probes: Vec<Probe> = Vec::new();
        let mut first = 0;
        while first < self.n_rows {
            let last = first.saturating_add(CHUNK).min(self.n_rows);
            probes.clear();
            for row in first..last {
                let name = text(names, row as usize).unwrap_or_default();
                let n = probes.len();
                if for_each_suffix(name.as_bytes(), |hash, start| {
                    probes.push(Probe { hash, start, row });
                }) {
                    self.mark_readable(row);
                } else {
                    probes.truncate(n);
                    other(self, row, name);
                }
            }
            probes.retain(|probe| map.may_hold(probe.hash));
            for of_row in probes.chunk_by(|a, b| a.row == b.row) {
                if let Some(&Probe { row, .. }) = of_row.first() {
                    let name = text(names, row as usize).unwrap_or_default();
                    plain(self, row, name, of_row);
                }
            }
            first = last;
        }
    }

    /// A name that is canonical but for its case, with those suffixes that passed the filter.
    fn plain_name(&mut self, row: u32, name: &str, probes: &[Probe]) {
        let index = self.index;
        let owners = probes.iter().flat_map(|probe| {
            let suffix = name.as_bytes().get(probe.start..).unwrap_or_default();
            let owners = index.names.get(probe.hash, suffix).iter().copied();
            owners.filter(|&asset| probe.start == 0 || !index.facts.is_host(asset))
        });
        let keys = self.keys;
        self.add(row, MatchedBy::Name, owners, || {
            Evidence::of_name(
                keys.hostname_source(row as usize),
                index.shared.has_name(name),
            )
        });
    }

    /// A name that UTS 46 must look at, a wildcard, an address in the wrong place, or rubbish.
    fn other_name(&mut self, row: u32, text: &str) {
        let index = self.index;
        let mut owners = Vec::new();
        match read_hostname(text) {
            Said::Nothing => {}
            Said::Unreadable(why) => self.faults.push(Fault {
                row,
                why,
                column: column::HOSTNAME,
            }),
            Said::Readable(HostName::Name(name)) => {
                self.mark_readable(row);
                index.owners_of_name(&name, |asset| owners.push(asset));
                let source = self.keys.hostname_source(row as usize);
                self.add(row, MatchedBy::Name, owners, || {
                    Evidence::of_name(source, index.shared.has_name(name.as_str()))
                });
            }
            Said::Readable(HostName::Wildcard(name)) => {
                self.mark_readable(row);
                let evidence = Evidence::of_name(HostnameSource::Certificate, false);
                index.domains_of_wildcard(&name, |asset| owners.push(asset));
                self.add(row, MatchedBy::Name, owners.drain(..), || evidence);
                index.hosts_of_wildcard(&name, |asset| owners.push(asset));
                self.add(row, MatchedBy::Wildcard, owners, || evidence);
            }
        }
    }

    fn accounts(&mut self) {
        let (hash, domain) = (self.keys.account_hash, self.keys.account_domain);
        if hash.is_none() && domain.is_none() {
            return;
        }
        if !self.index.has_accounts() && self.readable.is_empty() {
            return;
        }
        self.each_name(
            domain,
            &self.index.accounts,
            Self::plain_account,
            Self::other_account,
        );
    }

    fn plain_account(&mut self, row: u32, name: &str, probes: &[Probe]) {
        let index = self.index;
        let owners = probes.iter().flat_map(|probe| {
            let suffix = name.as_bytes().get(probe.start..).unwrap_or_default();
            index.accounts.get(probe.hash, suffix).iter().copied()
        });
        self.add(row, MatchedBy::Account, owners, || {
            Evidence::of_account(index.shared.has_name(name))
        });
    }

    /// An account without a mail domain, or with one that UTS 46 must look at.
    fn other_account(&mut self, row: u32, text: &str) {
        let index = self.index;
        match read_account_domain(text) {
            Said::Nothing if self.keys.has_account_hash(row as usize) => self.mark_readable(row),
            Said::Nothing => {}
            Said::Unreadable(why) => self.faults.push(Fault {
                row,
                why,
                column: column::ACCOUNT_DOMAIN,
            }),
            Said::Readable(name) => {
                self.mark_readable(row);
                let mut owners = Vec::new();
                index.owners_of_account(&name, |asset| owners.push(asset));
                self.add(row, MatchedBy::Account, owners, || {
                    Evidence::of_account(index.shared.has_name(name.as_str()))
                });
            }
        }
    }

    /// Adds the matches of one property of one row.
    fn add(
        &mut self,
        row: u32,
        by: MatchedBy,
        owners: impl IntoIterator<Item = u32>,
        evidence: impl FnOnce() -> Evidence,
    ) {
        let Some(at) = self.at(row) else {
            return;
        };
        self.owners.extend(self.index.facts.valid(owners, at));
        self.weigh(row, by, evidence);
    }

    /// Weighs `owners`, which are valid then, and empties it.
    fn weigh(&mut self, row: u32, by: MatchedBy, evidence: impl FnOnce() -> Evidence) {
        if !self.owners.is_empty() {
            let owners = &mut self.owners;
            self.index
                .weigh(row, by, owners, evidence(), &mut self.matches);
            self.owners.clear();
        }
    }

    /// When the row was observed.
    #[inline]
    fn at(&self, row: u32) -> Option<Micros> {
        let observed_at = self.keys.observed_at;
        let is_valid = |nulls: &NullBuffer| nulls.is_valid(row as usize);
        observed_at
            .nulls()
            .is_none_or(is_valid)
            .then(|| observed_at.value(row as usize))
    }

    fn has_own_asn(&self, row: u32) -> bool {
        self.keys.asn.is_some_and(|asn| asn.is_valid(row as usize))
    }

    fn is_readable(&self, row: u32) -> bool {
        self.readable.get(row as usize).copied().unwrap_or(true)
    }

    fn mark_readable(&mut self, row: u32) {
        if let Some(readable) = self.readable.get_mut(row as usize) {
            *readable = true;
        }
    }

    fn finish(mut self) -> BatchMatches {
        let rejected = self.rejects();
        let mut matches = self.matches;
        // An AS number alone is no subject: what it met in a rejected row does not count.
        matches.retain(|m| rejected.binary_search_by_key(&m.row, |r| r.0).is_err());
        // Passes follow each other, so a row's matches lie apart; of two for one asset the
        // surer comes first and stays. Each pass is in order: the stable sort merges them.
        matches.sort_by_key(|m| (row_and_asset(m), Reverse(m.confidence), m.by));
        matches.dedup_by_key(|m| row_and_asset(m));
        BatchMatches {
            matches,
            rejected,
            n_rows: self.n_rows,
        }
    }

    fn rejects(&mut self) -> Vec<RejectedRow> {
        let observed_at = self.keys.observed_at;
        if self.readable.is_empty() && observed_at.null_count() == 0 {
            return Vec::new();
        }
        // Stable: of several faults in a row the first subject's stays in front.
        self.faults.sort_by_key(|fault| fault.row);
        let mut faults = self.faults.iter().peekable();
        let mut rejected = Vec::new();
        for row in 0..self.n_rows {
            while faults.next_if(|fault| fault.row < row).is_some() {}
            if observed_at.is_null(row as usize) {
                rejected.push((
                    row,
                    RejectReason::BadTime,
                    column::OBSERVED_AT,
                    String::new(),
                ));
            } else if self.is_readable(row) {
            } else if let Some(fault) = faults.next_if(|fault| fault.row == row) {
                let found = text(self.column(fault.column), row as usize).map(mask);
                rejected.push((row, fault.why, fault.column, found.unwrap_or_default()));
            } else {
                rejected.push((row, RejectReason::NoSubject, "", String::new()));
            }
        }
        rejected
    }

    fn column(&self, name: &str) -> Option<&'a StringArray> {
        match name {
            column::IP => self.keys.ip,
            column::HOSTNAME => self.keys.hostname,
            column::ACCOUNT_DOMAIN => self.keys.account_domain,
            _ => None,
        }
    }
}

/// One number instead of two, since they are compared often.
fn row_and_asset(found: &Match) -> u64 {
    u64::from(found.row) << 32 | u64::from(found.asset)
}

impl Index {
    /// Does the address lie in shared infrastructure?
    pub(super) fn is_shared(&self, address: &Said<Address>) -> bool {
        match address {
            Said::Readable(Address::V4(ip)) => self.shared.has_v4(*ip),
            Said::Readable(Address::V6(ip)) => self.shared.has_v6(*ip),
            _ => false,
        }
    }
}
