//! Which contact a letter goes to, and why that one.
//!
//! The chain: registered contact, the parent's, the company's own security.txt, the registry's
//! abuse mailbox, role mailboxes, the postal address, the owner of the network. A wrong address
//! is a leak, so a published one counts only where the company alone registered the name or the
//! network, and a network's owner hears only what lies all in that network.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Input;
use crate::model::company::{Channel, Company, CompanyKey, Contact, PartyKind, PostalAddress};
use crate::model::decision::{ContactReason, ContactStep, Decision, Hit, Recipient};
use crate::model::identity::PartyRef;
use crate::model::name::Domain;
use crate::model::night::local_date;
use crate::model::published::{Answer, Dated, Own};
use crate::model::tlp::Tlp;

/// Role mailboxes for what we write about, in the order of trying (RFC 2142, section 4).
const ROLES: &[&str] = &["security", "abuse"];

/// Steps that lead to somebody else than the company.
const OF_OTHERS: [ContactStep; 2] = [ContactStep::Parent, ContactStep::NetworkOwner];

/// Contacts and companies, to look things up in.
pub(super) struct Book<'a> {
    input: &'a Input<'a>,
    /// Addresses from which a letter came back, whoever registered them.
    bounced: BTreeSet<&'a str>,
    /// Mailboxes that refused the letter in hand.
    pub(super) passed: BTreeSet<PartyRef>,
    /// Rows that met assets of network owners: object and row, owner, how narrow.
    owners: BTreeMap<(&'a str, u64), Vec<&'a Hit>>,
}

/// The chosen contact, and the company whose postal address the letter carries.
pub(super) struct Chosen {
    pub(super) recipient: Recipient,
    pub(super) addressee: Arc<Company>,
    /// Whose contact it is, where it is not the company's own.
    of: Option<CompanyKey>,
    pub(super) is_usable: bool,
}

/// Ends a step that used the contact of another company: whoever erases that one looks for it.
#[must_use]
pub fn used_of(owner: &CompanyKey) -> String {
    format!("used, of {owner}")
}

/// What a step came to: whom it chose, if anybody, and what it passed over before.
type Tried = (Option<Chosen>, Vec<String>);

fn nobody(why: &str) -> Tried {
    (None, vec![why.to_owned()])
}

impl<'a> Book<'a> {
    pub(super) fn new(input: &'a Input<'a>) -> Self {
        let contacts = input.contacts.values().flatten();
        let bounced = contacts.filter(|c| c.bounced_at.is_some() && c.channel == Channel::Email);
        let mut owners: BTreeMap<_, Vec<&Hit>> = BTreeMap::new();
        for hit in input.hits {
            let owner = input.companies.get(&hit.asset.company);
            if owner.is_some_and(|c| c.party_kind == PartyKind::NetworkOwner) {
                owners.entry(row(hit)).or_default().push(hit);
            }
        }
        Self {
            input,
            bounced: bounced.map(|c| c.value.as_str()).collect(),
            passed: BTreeSet::new(),
            owners,
        }
    }

    /// By post, where the company has an address that works.
    pub(super) fn escalated(&self, company: &Arc<Company>) -> Option<Chosen> {
        self.post_fault(company)
            .is_none()
            .then(|| by_post(company, ContactReason::EscalatedToPost))
    }

    /// The first step of the chain that leads to somebody, and every step that was tried.
    pub(super) fn choose(
        &self,
        company: &Arc<Company>,
        rows: &[&Decision],
    ) -> (Chosen, Vec<String>) {
        self.choose_by(&self.input.settings.chain, company, rows)
    }

    /// A contact of the company's own: nobody's parent and no network's owner hears of its daughters.
    pub(super) fn choose_own(&self, company: &Arc<Company>) -> Chosen {
        let chain = self.input.settings.chain.iter().copied();
        let own: Vec<ContactStep> = chain.filter(|step| !OF_OTHERS.contains(step)).collect();
        self.choose_by(&own, company, &[]).0
    }

    fn choose_by(
        &self,
        chain: &[ContactStep],
        company: &Arc<Company>,
        rows: &[&Decision],
    ) -> (Chosen, Vec<String>) {
        let settings = self.input.settings;
        if settings.post_for_all && self.post_fault(company).is_none() {
            let trail = vec!["job_sends_by_post: used".to_owned()];
            return (by_post(company, ContactReason::JobSendsByPost), trail);
        }
        let mut trail = Vec::new();
        for step in chain {
            let (chosen, passed) = self.attempt(*step, company, rows);
            trail.extend(passed.into_iter().map(|why| format!("{step}: {why}")));
            if let Some(chosen) = chosen {
                let used = chosen
                    .of
                    .as_ref()
                    .map_or_else(|| "used".to_owned(), used_of);
                trail.push(format!("{step}: {used}"));
                return (chosen, trail);
            }
        }
        let nobody = Chosen {
            is_usable: false,
            ..by_post(company, ContactReason::NoneFound)
        };
        (nobody, trail)
    }

    fn attempt(&self, step: ContactStep, company: &Arc<Company>, rows: &[&Decision]) -> Tried {
        if OF_OTHERS.contains(&step) && rows.iter().any(is_for_nobody_else) {
            return nobody("TLP:RED is for the company alone");
        }
        match step {
            ContactStep::Registered => self.registered(company, company, ContactReason::Registered),
            ContactStep::Parent => match &company.parent {
                None => nobody("no parent"),
                Some(key) => match self.input.companies.get(key) {
                    None => nobody("not in the register"),
                    Some(parent) => self.registered(company, parent, ContactReason::Parent),
                },
            },
            ContactStep::SecurityTxt => self.security_txt(company),
            ContactStep::Rdap => self.rdap(company),
            ContactStep::RoleMailbox => self.role_mailbox(company),
            ContactStep::PostalAddress => self.postal_address(company),
            ContactStep::NetworkOwner => self.network_owner(company, rows),
        }
    }

    /// The first usable contact of `owner`.
    fn registered(
        &self,
        company: &Arc<Company>,
        owner: &Arc<Company>,
        why: ContactReason,
    ) -> Tried {
        let mut passed = Vec::new();
        for contact in self.input.contacts.get(&owner.key).into_iter().flatten() {
            if let Some(unfit) = self.unfit(contact, owner) {
                passed.push(format!("{} {unfit}", contact.channel));
                continue;
            }
            let has_bounced = passed.iter().any(|p| p.ends_with("bounced"));
            let why = match why {
                ContactReason::Registered if has_bounced => ContactReason::RegisteredAfterBounce,
                why => why,
            };
            // A mail to the parent still shows the company's own address: it is about the company.
            let addressee = if contact.channel == Channel::Post {
                owner
            } else {
                company
            };
            let chosen = Chosen {
                recipient: Recipient {
                    channel: contact.channel,
                    value: contact.value.clone(),
                    role: contact.role.clone(),
                    why,
                },
                addressee: Arc::clone(addressee),
                of: (owner.key != company.key).then(|| owner.key.clone()),
                is_usable: true,
            };
            return (Some(chosen), passed);
        }
        (None, or_nothing(passed, "none"))
    }

    /// The last night on which the mailbox refused or returned a letter, by the ledger.
    fn refused_on(&self, address: &str) -> Option<Date> {
        let mailbox = PartyRef::of_contact(self.input.party_key, address);
        if self.passed.contains(&mailbox) {
            return Some(Date::MAX);
        }
        self.input.history.refused_on(mailbox)
    }

    fn is_dead(&self, address: &str) -> bool {
        self.bounced.contains(address) || self.refused_on(address).is_some()
    }

    /// As [`Self::is_dead`], but for a contact that somebody confirmed since.
    fn is_dead_contact(&self, contact: &Contact) -> bool {
        // In UTC, which can only be stricter by hours than the job's zone.
        let verified = contact.verified_at;
        let verified = verified.and_then(|at| local_date(at, &TimeZone::UTC));
        let refused = self.refused_on(&contact.value);
        self.bounced.contains(&*contact.value)
            || refused.is_some_and(|night| verified.is_none_or(|day| day <= night))
    }

    /// Why post cannot go to a company. An address that returned a letter is used again once the
    /// register has another one.
    fn post_fault(&self, company: &Company) -> Option<&'static str> {
        let address = company.address.as_ref();
        let returned = || {
            let key = PartyRef::of_postal(self.input.party_key, address?);
            let is_dead =
                self.passed.contains(&key) || self.input.history.refused_on(key).is_some();
            is_dead.then_some("returned")
        };
        address_fault(address).or_else(returned)
    }

    fn postal_address(&self, company: &Arc<Company>) -> Tried {
        match self.post_fault(company) {
            None => (
                Some(by_post(company, ContactReason::PostalAddress)),
                Vec::new(),
            ),
            Some(why) => nobody(why),
        }
    }

    fn unfit(&self, contact: &Contact, owner: &Company) -> Option<&'static str> {
        let has_bounced = contact.bounced_at.is_some()
            || (contact.channel == Channel::Email && self.is_dead_contact(contact));
        match contact.channel {
            _ if has_bounced => Some("bounced"),
            Channel::Email if contact.value.is_empty() => Some("empty"),
            Channel::Post => self.post_fault(owner),
            Channel::Phone => Some("is for people"),
            Channel::Email => None,
        }
    }

    fn own(&self, company: &Company) -> Option<&'a Own> {
        self.input.published.own.get(&company.key)
    }

    fn security_txt(&self, company: &Arc<Company>) -> Tried {
        let names = self.own(company).map(|o| o.names.as_slice());
        let mut tried = Vec::new();
        let mut last = None;
        for own in names.unwrap_or_default() {
            if last == Some(&own.name) {
                continue;
            }
            last = Some(&own.name);
            let dated = self.input.published.security_txt.get(&own.name);
            match self.first_usable(dated, own.name.as_str()) {
                Ok(address) => {
                    let chosen = by_mail(company, address, ContactReason::SecurityTxt);
                    return (Some(chosen), tried);
                }
                Err(why) => tried.push(why),
            }
        }
        (None, or_nothing(tried, "no name of its own"))
    }

    fn rdap(&self, company: &Arc<Company>) -> Tried {
        let Some(own) = self.own(company) else {
            return nobody("nothing of its own");
        };
        let published = self.input.published;
        let nets = own.nets.iter();
        let nets = nets.map(|net| (net.to_string(), published.rdap_nets.get(net)));
        let asns = own.asns.iter();
        let asns = asns.map(|asn| (format!("AS{asn}"), published.rdap_asns.get(asn)));
        let names = own.names.iter().filter(|n| n.is_domain).map(|n| &n.name);
        let names = names.map(|name| (name.to_string(), published.rdap_names.get(name)));
        let mut tried = Vec::new();
        for (subject, dated) in nets.chain(asns).chain(names) {
            match self.first_usable(dated, &subject) {
                Ok(address) => {
                    let chosen = by_mail(company, address, ContactReason::RdapAbuse);
                    return (Some(chosen), tried);
                }
                Err(why) => tried.push(why),
            }
        }
        (None, or_nothing(tried, "nothing of its own"))
    }

    /// The first address of an answer that did not bounce, or what the answer says.
    fn first_usable(&self, dated: Option<&'a Dated>, subject: &str) -> Result<&'a str, String> {
        let Some(dated) = dated else {
            return Err(format!("{subject} unknown (never looked up)"));
        };
        let day = dated.day;
        match &dated.answer {
            Answer::None(why) => Err(format!("{subject} none ({why}, as of {day})")),
            Answer::Unknown(why) => Err(format!("{subject} unknown ({why}, as of {day})")),
            Answer::Found(addresses) => addresses
                .iter()
                .map(String::as_str)
                .find(|address| !self.is_dead(address))
                .ok_or_else(|| format!("{subject} bounced (as of {day})")),
        }
    }

    /// `security@` and `abuse@` at a domain of the company that is known to take mail: a guess at
    /// a domain of which nobody knows could reach anybody.
    fn role_mailbox(&self, company: &Arc<Company>) -> Tried {
        let own = self.own(company).map(|o| o.names.as_slice());
        let domains: BTreeSet<&Domain> = own
            .unwrap_or_default()
            .iter()
            .filter(|n| n.is_domain)
            .map(|n| &n.name)
            .collect();
        let mut tried = Vec::new();
        for name in domains {
            let dated = self.input.published.mail.get(name);
            match dated.map(|d| &d.answer) {
                Some(Answer::Found(_)) => {
                    let of_role = ROLES.iter().map(|role| format!("{role}@{name}"));
                    let unbounced = of_role.into_iter().find(|address| !self.is_dead(address));
                    match unbounced {
                        Some(address) => {
                            let chosen = by_mail(company, &address, ContactReason::RoleMailbox);
                            return (Some(chosen), tried);
                        }
                        None => tried.push(format!("{name} bounced")),
                    }
                }
                Some(Answer::None(why)) => tried.push(format!("{name} takes no mail ({why})")),
                Some(Answer::Unknown(why)) => tried.push(format!("{name} unknown ({why})")),
                None => tried.push(format!("{name} unknown (never looked up)")),
            }
        }
        (None, or_nothing(tried, "no domain of its own"))
    }

    /// The one owner of the network that holds every row of the letter: first one of the
    /// register, then the abuse mailbox of the narrowest network.
    fn network_owner(&self, company: &Arc<Company>, rows: &[&Decision]) -> Tried {
        let mut tried = Vec::new();
        match self.registered_owner(company, rows) {
            Some(owner) => {
                let (chosen, passed) = self.registered(company, owner, ContactReason::NetworkOwner);
                let key = &owner.key;
                tried.extend(passed.into_iter().map(|why| format!("{key} {why}")));
                if chosen.is_some() {
                    return (chosen, tried);
                }
            }
            None => tried.push("no one owner in the register".to_owned()),
        }
        let nets: Option<BTreeMap<_, _>> = rows
            .iter()
            .map(|d| self.input.published.network_of(d.hit.observation.ip?))
            .collect();
        match nets {
            Some(nets) if nets.len() == 1 => {
                for (net, dated) in nets {
                    match self.first_usable(Some(dated), &net.to_string()) {
                        Ok(address) => {
                            let chosen = by_mail(company, address, ContactReason::NetworkOwner);
                            return (Some(chosen), tried);
                        }
                        Err(why) => tried.push(why),
                    }
                }
            }
            Some(_) => tried.push("several networks: each would hear of the others".into()),
            None => tried.push("network unknown".into()),
        }
        (None, tried)
    }

    /// The owner of the narrowest registered network of every row, if it is the same one and not
    /// the company itself.
    fn registered_owner(&self, company: &Company, rows: &[&Decision]) -> Option<&'a Arc<Company>> {
        let owner_of = |d: &&Decision| -> Option<&'a CompanyKey> {
            let hits = self.owners.get(&row(&d.hit))?;
            let others = hits.iter().filter(|h| h.asset.company != company.key);
            let narrowest = others.max_by_key(|h| (h.how.is_most_specific, width(h), h.how.asset));
            narrowest.map(|h| &h.asset.company)
        };
        let owners: Option<BTreeSet<&CompanyKey>> = rows.iter().map(owner_of).collect();
        let owners = owners?;
        let only = owners.first().filter(|_| owners.len() == 1)?;
        self.input.companies.get(*only)
    }
}

fn is_for_nobody_else(d: &&Decision) -> bool {
    let label = d.hit.observation.tlp.as_deref();
    label.and_then(Tlp::read) == Some(Tlp::Red)
}

fn row(hit: &Hit) -> (&str, u64) {
    (&hit.observation.object, hit.observation.row)
}

/// Bits of the narrowest prefix of the hit's asset: more is narrower.
fn width(hit: &Hit) -> u8 {
    match &hit.asset.value {
        crate::model::asset::AssetValue::Nets(nets) => {
            nets.iter().map(ipnet::IpNet::prefix_len).max().unwrap_or(0)
        }
        _ => 0,
    }
}

fn or_nothing(tried: Vec<String>, nothing: &str) -> Vec<String> {
    if tried.is_empty() {
        vec![nothing.to_owned()]
    } else {
        tried
    }
}

/// Abroad not every place has a postcode.
fn is_incomplete(a: &PostalAddress) -> bool {
    let is_missing = |text: &str| text.trim().is_empty();
    is_missing(&a.street) || is_missing(&a.town) || (a.is_dutch() && is_missing(&a.postcode))
}

/// What is wrong with a postal address as it is registered.
fn address_fault(address: Option<&PostalAddress>) -> Option<&'static str> {
    match address {
        None => Some("none"),
        Some(address) if address.shielded => Some("shielded"),
        Some(address) if is_incomplete(address) => Some("incomplete"),
        Some(_) => None,
    }
}

fn by_mail(company: &Arc<Company>, address: &str, why: ContactReason) -> Chosen {
    Chosen {
        recipient: Recipient {
            channel: Channel::Email,
            value: address.to_owned(),
            role: String::new(),
            why,
        },
        addressee: Arc::clone(company),
        of: None,
        is_usable: true,
    }
}

fn by_post(company: &Arc<Company>, why: ContactReason) -> Chosen {
    Chosen {
        recipient: Recipient {
            channel: Channel::Post,
            value: String::new(),
            role: String::new(),
            why,
        },
        addressee: Arc::clone(company),
        of: None,
        is_usable: true,
    }
}
