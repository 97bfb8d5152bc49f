//! What is published about whom to tell, as fetched before the night: answers with their day.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::civil::Date;

use super::company::CompanyKey;
use super::name::Domain;

/// What a look-up came to. A fetch that failed is [`Answer::Unknown`], never [`Answer::None`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Plain mail addresses, in the publisher's order; may be empty for `mail` alone.
    Found(Vec<String>),
    /// It was looked up and there is none that may be used; the code says why.
    None(String),
    /// Nobody knows; the code says why.
    Unknown(String),
}

/// An answer and the day it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated {
    /// UTC date of the fetch.
    pub day: Date,
    /// What it came to.
    pub answer: Answer,
}

/// A name that one company alone registered, so that what is published there is its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnName {
    /// The name.
    pub name: Domain,
    /// A registered domain or mail domain; a single host has no mailboxes of its own.
    pub is_domain: bool,
}

/// What a company alone registered, as far as contacts are looked up by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Names, sorted.
    pub names: Vec<OwnName>,
    /// Prefixes, sorted.
    pub nets: Vec<IpNet>,
    /// AS numbers, sorted.
    pub asns: BTreeSet<u32>,
}

/// Everything that was published and fetched by a night.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// What each company alone registered.
    pub own: BTreeMap<CompanyKey, Own>,
    /// security.txt of a site.
    pub security_txt: BTreeMap<Domain, Dated>,
    /// Verdict codes of the security.txt files that are there; empty for one without a fault.
    pub verdicts: BTreeMap<Domain, Vec<&'static str>>,
    /// Abuse mailbox of a name's holder.
    pub rdap_names: BTreeMap<Domain, Dated>,
    /// Abuse mailbox of a network.
    pub rdap_nets: BTreeMap<IpNet, Dated>,
    /// Abuse mailbox of an autonomous system.
    pub rdap_asns: BTreeMap<u32, Dated>,
    /// Does the name take mail at all?
    pub mail: BTreeMap<Domain, Dated>,
}

impl Published {
    /// The narrowest network with an answer that holds the address.
    #[must_use]
    pub fn network_of(&self, ip: IpAddr) -> Option<(&IpNet, &Dated)> {
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        (0..=bits).rev().find_map(|length| {
            let net = IpNet::new(ip, length).ok()?.trunc();
            self.rdap_nets.get_key_value(&net)
        })
    }
}
