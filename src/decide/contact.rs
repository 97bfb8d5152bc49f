//! Which contact a letter goes to, and why that one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::company::{Channel, Company, CompanyKey, Contact};
use crate::model::decision::{ContactReason, Recipient};

/// Contacts and companies, to look things up in.
pub(super) struct Book<'a> {
    pub(super) companies: &'a BTreeMap<CompanyKey, Arc<Company>>,
    /// Contacts by company, in order of priority.
    pub(super) contacts: &'a BTreeMap<CompanyKey, Vec<Contact>>,
    pub(super) post_for_all: bool,
}

/// The chosen contact, and the company whose postal address the letter carries.
pub(super) struct Chosen {
    pub(super) recipient: Recipient,
    pub(super) addressee: Arc<Company>,
    pub(super) is_usable: bool,
}

impl Book<'_> {
    /// The chain: registered contact, parent's contact, the register's postal address.
    pub(super) fn choose(&self, company: &Arc<Company>) -> Chosen {
        if self.post_for_all && can_get_post(company) {
            return by_post(company, ContactReason::JobSendsByPost);
        }
        if let Some(chosen) = self.registered(company, company, ContactReason::Registered) {
            return chosen;
        }
        if let Some(parent) = company.parent.as_ref().and_then(|k| self.companies.get(k))
            && let Some(chosen) = self.registered(company, parent, ContactReason::Parent)
        {
            return chosen;
        }
        if can_get_post(company) {
            return by_post(company, ContactReason::PostalAddress);
        }
        Chosen {
            is_usable: false,
            ..by_post(company, ContactReason::NoneFound)
        }
    }

    /// The first usable contact of `owner`.
    fn registered(
        &self,
        company: &Arc<Company>,
        owner: &Arc<Company>,
        why: ContactReason,
    ) -> Option<Chosen> {
        let mut has_bounced = false;
        for contact in self.contacts.get(&owner.key)? {
            if contact.bounced_at.is_some() {
                has_bounced = true;
                continue;
            }
            let is_usable = match contact.channel {
                Channel::Email => !contact.value.is_empty(),
                Channel::Post => can_get_post(owner),
                Channel::Phone => false,
            };
            if !is_usable {
                continue;
            }
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
            return Some(Chosen {
                recipient: Recipient {
                    channel: contact.channel,
                    value: contact.value.clone(),
                    role: contact.role.clone(),
                    why,
                },
                addressee: Arc::clone(addressee),
                is_usable: true,
            });
        }
        None
    }
}

fn can_get_post(company: &Company) -> bool {
    company.address.as_ref().is_some_and(|address| {
        !address.shielded && !address.street.is_empty() && !address.town.is_empty()
    })
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
        is_usable: true,
    }
}
