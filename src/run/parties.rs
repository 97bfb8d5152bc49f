//! Whose the letters of a run are, as the ledger names companies: an erasure must find a letter
//! also after the table of decisions, which holds many companies, went for another one.
//!
//! The claim of a letter tells whom it is about. It does not tell of a letter that is held, and not
//! whose contact a letter borrowed. The list names nobody, and goes with the retention.

use std::collections::{BTreeMap, BTreeSet};

use super::load::Loaded;
use super::outputs::{Files, Outputs, RenderedNight};
use super::world::World;
use crate::decide::Drafted;
use crate::diag::Failure;
use crate::model::company::CompanyKey;
use crate::model::decision::ContactReason;
use crate::model::identity::PartyRef;
use crate::model::letter::Letter;
use crate::store::Place;

/// Of every letter of a plan; written before the first claim.
pub(super) const PLANNED: &str = "parties.json";

/// Of later attempts and corrections, one object a letter: a resumed run may find more of them.
const LATER: &str = "parties/";

/// Keyed hashes of companies, by the reference of the letter that holds them.
type Parties = BTreeMap<String, BTreeSet<String>>;

impl Outputs<'_> {
    /// Writes the list of the night's plan.
    pub(super) fn write_parties(&self, night: &RenderedNight<'_>) -> Result<(), Failure> {
        let found = of_letters(self.loaded, &night.decided.letters, &night.world);
        let list = found.into_iter().map(|(l, p)| (l.reference.to_string(), p));
        let list = json(&list.collect())?;
        self.write_all(vec![(PLANNED.to_owned(), list)])
    }

    /// Writes the lists of letters that claims tell too little of: those that borrow a contact.
    pub(super) fn write_later_parties(
        &self,
        drafts: &[Drafted],
        world: &World,
    ) -> Result<(), Failure> {
        let mut files = Files::new();
        for (letter, parties) in of_letters(self.loaded, drafts, world) {
            if parties.len() > 1 {
                let list = BTreeMap::from([(letter.reference.to_string(), parties)]);
                files.push((format!("{LATER}{}.json", letter.name()), json(&list)?));
            }
        }
        self.write_all(files)
    }
}

/// References of the letters in a run's folder that hold the company; `names` are its objects.
///
/// # Errors
/// `FixData` where a list cannot be read.
pub(super) fn references_of(
    place: &Place,
    folder: &str,
    names: &BTreeSet<String>,
    party: PartyRef,
) -> Result<BTreeSet<String>, Failure> {
    let mut found = BTreeSet::new();
    let is_list = |n: &&String| *n == PLANNED || n.starts_with(LATER);
    for name in names.iter().filter(is_list) {
        let path = format!("{folder}{name}");
        let list: Parties = serde_json::from_slice(&place.get(&path)?).map_err(|e| {
            Failure::fix_data(format!(
                "the list of whose the letters are is not readable: {e}"
            ))
            .at(place.display(&path), "")
            .hint("put it back from a backup")
        })?;
        let party = party.to_string();
        let of_party = list.into_iter().filter(|(_, all)| all.contains(&party));
        found.extend(of_party.map(|(reference, _)| reference));
    }
    Ok(found)
}

/// The letters, each with whom it is about and whose address it carries or went to.
fn of_letters<'d>(
    loaded: &Loaded,
    drafts: &'d [Drafted],
    world: &World,
) -> Vec<(&'d Letter, BTreeSet<String>)> {
    let owners = owners(drafts, world);
    let named = |key: &CompanyKey| PartyRef::of(&loaded.secrets.party, key).to_string();
    let is_at = |mailbox: &str, key: &CompanyKey| {
        let mut contacts = world.contacts.get(key).into_iter().flatten();
        contacts.any(|c| c.value == mailbox)
    };
    let of_letter = |letter: &'d Letter| {
        let (company, mailbox) = (&letter.company, letter.recipient.value.as_str());
        let mut keys = BTreeSet::from([&company.key, &letter.addressee.key]);
        match letter.recipient.why {
            ContactReason::Parent => keys.extend(&company.parent),
            // A correction goes where the wrong letter went, and does not say whose mailbox that is.
            ContactReason::Registered if !is_at(mailbox, &company.key) => {
                keys.extend(company.parent.as_ref().filter(|p| is_at(mailbox, p)));
            }
            ContactReason::NetworkOwner => {
                let of_mailbox = owners.get(mailbox);
                keys.extend(of_mailbox.into_iter().flatten().copied());
            }
            _ => {}
        }
        (letter, keys.into_iter().map(named).collect())
    };
    drafts.iter().map(|d| of_letter(&d.letter)).collect()
}

/// Who registered the mailboxes of networks' owners that letters go to: the letter itself does not say.
fn owners<'d, 'w>(
    drafts: &'d [Drafted],
    world: &'w World,
) -> BTreeMap<&'d str, BTreeSet<&'w CompanyKey>> {
    let recipients = drafts.iter().map(|d| &d.letter.recipient);
    let to_owners = recipients.filter(|r| r.why == ContactReason::NetworkOwner);
    let mailboxes = to_owners
        .map(|r| r.value.as_str())
        .filter(|m| !m.is_empty());
    let mut owners: BTreeMap<&str, BTreeSet<&CompanyKey>> =
        mailboxes.map(|m| (m, BTreeSet::new())).collect();
    if owners.is_empty() {
        return owners;
    }
    for (key, contacts) in &world.contacts {
        for contact in contacts {
            if let Some(of_mailbox) = owners.get_mut(contact.value.as_str()) {
                of_mailbox.insert(key);
            }
        }
    }
    owners
}

fn json(list: &Parties) -> Result<Vec<u8>, Failure> {
    let mut bytes = serde_json::to_vec_pretty(list)
        .map_err(|e| Failure::our_bug(format!("writing whose the letters are: {e}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}
