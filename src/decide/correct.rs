//! Letters that take an earlier statement back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::contact::Book;
use super::{Drafted, Input};
use crate::model::company::{Channel, Company, Contact, Language};
use crate::model::decision::{ContactReason, ItemKind, Recipient};
use crate::model::identity::{Item, LetterId, PartyRef, Reference};
use crate::model::ledger_record::{Claim, ClaimItem};
use crate::model::letter::{Letter, LetterSection, TakenBack};
use crate::model::threat::{Threat, Trigger, Urgency};

/// A letter that was handed over and stated a threat wrongly.
pub struct Wrong<'a> {
    /// Its claim.
    pub claim: &'a Claim,
    /// The company it went to.
    pub company: Arc<Company>,
}

/// The corrections of these letters, in their order: dated on the night of `input`, about the
/// same findings, to the same mailbox where the company still has it, else to its first contact.
/// Those for whom nobody is left are not sendable. `attempts` are those that are not the first.
#[must_use]
pub fn corrections(
    input: &Input<'_>,
    threat: &Arc<Threat>,
    reason: &[Vec<String>; 2],
    wrong: &[Wrong<'_>],
    attempts: &BTreeMap<LetterId, u32>,
) -> Vec<Drafted> {
    let book = Book::new(input);
    wrong
        .iter()
        .map(|w| correction(input, &book, threat, reason, w, attempts))
        .collect()
}

fn correction(
    input: &Input<'_>,
    book: &Book<'_>,
    threat: &Arc<Threat>,
    reason: &[Vec<String>; 2],
    wrong: &Wrong<'_>,
    attempts: &BTreeMap<LetterId, u32>,
) -> Drafted {
    let company = &wrong.company;
    let (chosen, _) = book.choose(company, &[]);
    let (addressee, recipient, is_sendable) = match same_mailbox(input, wrong) {
        Some(same) => (Arc::clone(company), same, true),
        None => (chosen.addressee, chosen.recipient, chosen.is_usable),
    };
    let is_about = |item: &&ClaimItem| *item.threat_id == *threat.id;
    let items: Vec<ClaimItem> = wrong
        .claim
        .items
        .iter()
        .filter(is_about)
        .map(|item| ClaimItem {
            kind: ItemKind::Correction,
            ..item.clone()
        })
        .collect();
    let named: Vec<Item> = items.iter().map(ClaimItem::named).collect();
    let id = LetterId::of_correction(&company.key, &named, &wrong.claim.reference);
    let [nl, en] = reason;
    let letter = Letter {
        id,
        reference: Reference::of(input.verification_key, input.night, id),
        night: input.night,
        company: Arc::clone(company),
        addressee,
        recipient,
        language: company.language,
        attempt: attempts.get(&id).copied().unwrap_or(1),
        sections: vec![LetterSection {
            trigger: trigger(input, threat, &items),
            threat: Arc::clone(threat),
            urgency: Urgency::Normal,
            facts: Vec::new(),
            findings: Vec::new(),
        }],
        correction: Some(TakenBack {
            reference: wrong.claim.reference.clone(),
            night: wrong.claim.night,
            is_part: items.len() < wrong.claim.items.len(),
            reason: match company.language {
                Language::Nl => nl.clone(),
                Language::En => en.clone(),
            },
        }),
        overview: None,
    };
    Drafted {
        letter,
        items,
        is_sendable,
    }
}

/// The registered mailbox of the company, or of its parent, that got the wrong letter, and takes more.
fn same_mailbox(input: &Input<'_>, wrong: &Wrong<'_>) -> Option<Recipient> {
    let mailbox = wrong.claim.contact_ref?;
    if input.history.refused_on(mailbox).is_some() {
        return None;
    }
    let company = &wrong.company;
    let of = |key| input.contacts.get(key).into_iter().flatten();
    let parents = company.parent.iter().flat_map(of);
    let mut contacts = of(&company.key).chain(parents);
    let is_same = |c: &&Contact| {
        c.channel == Channel::Email
            && c.bounced_at.is_none()
            && PartyRef::of_contact(input.party_key, &c.value) == mailbox
    };
    contacts.find(is_same).map(|c| Recipient {
        channel: Channel::Email,
        value: c.value.clone(),
        role: c.role.clone(),
        why: ContactReason::Registered,
    })
}

/// The occasion that the wrong letter cited; one that the catalogue no longer has keeps its id.
fn trigger(input: &Input<'_>, threat: &Threat, items: &[ClaimItem]) -> Arc<Trigger> {
    let id = items.first().map_or("", |i| i.trigger_id.as_ref());
    let known = input.triggers.iter().find(|t| t.id == id);
    known.cloned().unwrap_or_else(|| {
        Arc::new(Trigger {
            id: id.to_owned(),
            threat_id: threat.id.clone(),
            opened_on: input.night.date(),
            source: String::new(),
            feeds: Vec::new(),
        })
    })
}
