//! Whose is this, and why not: the same rules for one question at a time.

use std::net::IpAddr;

use super::index::{Evidence, Index};
use super::subjects::{Address, HostName, Said, read_account_domain, read_hostname};
use crate::model::address::canonical;
use crate::model::matches::{Match, MatchedBy};
use crate::model::night::Micros;
use crate::model::observation::HostnameSource;

/// What is asked about; everything may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Question<'a> {
    /// An address.
    pub ip: Option<IpAddr>,
    /// The AS number that the observation states.
    pub asn: Option<u32>,
    /// A host name, in any form that a scan may have.
    pub hostname: Option<&'a str>,
    /// Where the host name comes from; without it: unknown.
    pub hostname_source: Option<HostnameSource>,
    /// The mail domain of a leaked account.
    pub account_domain: Option<&'a str>,
}

/// Everything that matching knows about a [`Question`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// What `match_batch` finds for such a row (as row 0), sorted by asset.
    pub matches: Vec<Match>,
    /// Assets that would match and were not valid at that moment, sorted.
    pub not_valid_then: Vec<(u32, MatchedBy)>,
    /// The kind of shared infrastructure that the address lies in.
    pub shared_address: Option<String>,
    /// The kind of shared infrastructure that the name lies in.
    pub shared_name: Option<String>,
    /// The AS number that was compared: the stated one, else a registered one that the prefix
    /// table has for the address.
    pub asn: Option<u32>,
    /// The host name cannot be read.
    pub is_bad_hostname: bool,
}

impl Index {
    /// Explains what an observation at this moment meets, and what it misses by time alone.
    #[must_use]
    pub fn explain(&self, question: &Question<'_>, at: Micros) -> Explanation {
        let mut answer = Answer {
            index: self,
            at,
            explanation: Explanation::default(),
        };
        answer.address(question);
        answer.name(question);
        answer.account(question);
        let mut explanation = answer.explanation;
        explanation.matches.sort_unstable_by_key(|m| m.asset);
        explanation.not_valid_then.sort_unstable();
        explanation
    }
}

struct Answer<'a> {
    index: &'a Index,
    at: Micros,
    explanation: Explanation,
}

impl Answer<'_> {
    fn address(&mut self, question: &Question<'_>) {
        let index = self.index;
        let address = question.ip.map(|ip| Address::from(canonical(ip)));
        let is_shared = address.is_some_and(|address| index.is_shared(&Said::Readable(address)));
        self.explanation.shared_address = question
            .ip
            .and_then(|ip| index.shared.kind_of_address(ip))
            .map(str::to_owned);
        let (owners, table_asn): (Vec<u32>, _) = match address {
            Some(Address::V4(ip)) => (
                index.v4.numbers_from(index.v4.find(ip)).collect(),
                index.asns.of_v4(ip),
            ),
            Some(Address::V6(ip)) => (
                index.v6.numbers_from(index.v6.find(ip)).collect(),
                index.asns.of_v6(ip),
            ),
            None => (Vec::new(), None),
        };
        self.add(MatchedBy::Address, owners, Evidence::of_address(is_shared));
        self.explanation.asn = question.asn.or(table_asn);
        if let Some(asn) = self.explanation.asn {
            self.add(
                MatchedBy::Asn,
                index.asns.assets(asn).collect(),
                Evidence::of_asn(is_shared),
            );
        }
    }

    fn name(&mut self, question: &Question<'_>) {
        let index = self.index;
        let mut owners = Vec::new();
        match question.hostname.map_or(Said::Nothing, read_hostname) {
            Said::Nothing => {}
            Said::Unreadable(_) => self.explanation.is_bad_hostname = true,
            Said::Readable(HostName::Name(name)) => {
                let kind = index.shared.kind_of_name(&name);
                self.explanation.shared_name = kind.map(str::to_owned);
                let source = question.hostname_source.unwrap_or(HostnameSource::Unknown);
                index.owners_of_name(&name, |asset| owners.push(asset));
                self.add(
                    MatchedBy::Name,
                    owners,
                    Evidence::of_name(source, kind.is_some()),
                );
            }
            Said::Readable(HostName::Wildcard(name)) => {
                self.explanation.shared_name =
                    index.shared.kind_of_name(name.base()).map(str::to_owned);
                let evidence = Evidence::of_name(HostnameSource::Certificate, false);
                index.domains_of_wildcard(&name, |asset| owners.push(asset));
                self.add(MatchedBy::Name, std::mem::take(&mut owners), evidence);
                index.hosts_of_wildcard(&name, |asset| owners.push(asset));
                self.add(MatchedBy::Wildcard, owners, evidence);
            }
        }
    }

    fn account(&mut self, question: &Question<'_>) {
        let index = self.index;
        if let Said::Readable(name) = question
            .account_domain
            .map_or(Said::Nothing, read_account_domain)
        {
            let mut owners = Vec::new();
            index.owners_of_account(&name, |asset| owners.push(asset));
            let is_shared = index.shared.has_name(name.as_str());
            self.add(MatchedBy::Account, owners, Evidence::of_account(is_shared));
        }
    }

    fn add(&mut self, by: MatchedBy, owners: Vec<u32>, evidence: Evidence) {
        let facts = &self.index.facts;
        let other = owners
            .iter()
            .filter(|&&asset| !facts.is_valid(asset, self.at));
        let not_valid_then = other.map(|&asset| (asset, by));
        self.explanation.not_valid_then.extend(not_valid_then);
        let mut valid = facts.valid(owners, self.at).collect();
        self.index
            .weigh(0, by, &mut valid, evidence, &mut self.explanation.matches);
    }
}
