//! What a delivery would change in the register.

use crate::model::asset::Asset;
use crate::model::company::{Company, CompanyKey, Contact};
use crate::model::night::Micros;

/// One registration, small enough to hold a whole register of them twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// What is registered: the company itself, `domain voorbeeld.example`, `email …`.
    thing: Box<str>,
    company: CompanyKey,
    /// The other fields, each `name=value`, apart by a control character.
    rest: Box<str>,
}

const APART: char = '\u{1f}';

fn entry(thing: String, company: &CompanyKey, rest: &[(&str, &str)]) -> Entry {
    let rest: Vec<String> = rest
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Entry {
        thing: thing.into(),
        company: company.clone(),
        rest: rest.join(&APART.to_string()).into(),
    }
}

pub(super) fn of_company(c: &Company) -> Entry {
    let date = |d: Option<jiff::civil::Date>| d.map(|d| d.to_string()).unwrap_or_default();
    let (since, until) = (date(c.participant_since), date(c.participant_until));
    let address = c.address.clone().unwrap_or_default();
    let shielded = if address.shielded { "yes" } else { "" };
    let parent = c.parent.as_ref().map_or("", CompanyKey::as_str);
    let fields = [
        ("name", c.name.as_str()),
        ("party_kind", c.party_kind.as_str()),
        ("language", c.language.as_str()),
        ("sector", &c.sector),
        ("sector_scheme", &c.sector_scheme),
        ("size_class", &c.size_class),
        ("province", &c.province),
        ("municipality", &c.municipality),
        ("participant_since", &since),
        ("participant_until", &until),
        ("legal_basis", &c.legal_basis),
        ("street", &address.street),
        ("house_number", &address.house_number),
        ("house_number_addition", &address.house_number_addition),
        ("postcode", &address.postcode),
        ("town", &address.town),
        ("country", &address.country),
        ("address_shielded", shielded),
        ("parent_company_key", parent),
    ];
    entry(c.key.to_string(), &c.key, &fields)
}

pub(super) fn of_asset(a: &Asset) -> Entry {
    let (from, until) = (moment(a.valid.from), moment(a.valid.until));
    let confirmed = moment(a.confirmed_at);
    let fields = [
        ("valid_from", from.as_str()),
        ("valid_until", &until),
        ("source", &a.source),
        ("confirmed_at", &confirmed),
    ];
    entry(format!("{} {}", a.kind, a.canonical), &a.company, &fields)
}

pub(super) fn of_contact(c: &Contact) -> Entry {
    let priority = match c.priority {
        u16::MAX => String::new(),
        priority => priority.to_string(),
    };
    let (verified, bounced) = (moment(c.verified_at), moment(c.bounced_at));
    let fields = [
        ("role", c.role.as_str()),
        ("priority", &priority),
        ("verified_at", &verified),
        ("bounced_at", &bounced),
    ];
    // Post has no value: it is the company's own, and never moves to another one.
    let thing = match c.value.as_str() {
        "" => format!("{} to {}", c.channel, c.company),
        value => format!("{} {value}", c.channel),
    };
    entry(thing, &c.company, &fields)
}

fn moment(at: Option<Micros>) -> String {
    at.and_then(|m| jiff::Timestamp::from_microsecond(m).ok())
        .map(|t| t.to_string())
        .unwrap_or_default()
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It leaves one company for another: look at these first, a wrong one is a leak.
    Moved {
        /// What.
        thing: String,
        /// Whose it was.
        from: CompanyKey,
        /// Whose it would be.
        to: CompanyKey,
    },
    /// It is no longer there.
    Removed {
        /// What.
        thing: String,
        /// Whose it was.
        company: CompanyKey,
    },
    /// Its fields differ.
    Changed {
        /// What.
        thing: String,
        /// Whose it is.
        company: CompanyKey,
        /// Field, before, after; empty where it has no value.
        fields: Vec<(String, String, String)>,
    },
    /// It is new.
    Added {
        /// What.
        thing: String,
        /// Whose it would be.
        company: CompanyKey,
    },
}

/// Compares two registers. Order: moved, removed, changed, added; then by thing and company.
///
/// With `partial` the delivery only adds and changes: rows that it leaves out stay, and so do
/// fields that are none of these columns.
pub(super) fn difference(
    mut before: Vec<Entry>,
    mut after: Vec<Entry>,
    partial: Option<&[String]>,
) -> Vec<Change> {
    before.sort_unstable();
    after.sort_unstable();
    let mut changes = Vec::new();
    let (mut old, mut new) = (before.as_slice(), after.as_slice());
    while let Some(thing) = [old.first(), new.first()]
        .into_iter()
        .flatten()
        .map(|e| e.thing.as_ref())
        .min()
    {
        let (of_old, rest) = old.split_at(old.partition_point(|e| *e.thing <= *thing));
        let (of_new, rest_new) = new.split_at(new.partition_point(|e| *e.thing <= *thing));
        of_thing(of_old, of_new, partial.is_some(), &mut changes);
        (old, new) = (rest, rest_new);
    }
    if let Some(columns) = partial {
        for change in &mut changes {
            if let Change::Changed { fields, .. } = change {
                fields.retain(|(name, _, _)| columns.contains(name));
            }
        }
        changes.retain(|c| !matches!(c, Change::Changed { fields, .. } if fields.is_empty()));
    }
    changes.sort();
    changes
}

/// All registrations of one thing: by whom before, by whom after.
fn of_thing(old: &[Entry], new: &[Entry], is_partial: bool, changes: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let mut gone: Vec<&Entry> = Vec::new();
    let mut fresh: Vec<&Entry> = new.iter().collect();
    for entry in old {
        // The same row first; else another one of the same company, which then has changed.
        let same = fresh.iter().position(|n| *n == entry);
        let other = || {
            let is_its = |n: &&Entry| n.company == entry.company && !old.contains(n);
            fresh.iter().position(is_its)
        };
        match same {
            Some(at) => drop(fresh.remove(at)),
            None => match other() {
                Some(at) => changes.push(changed(entry, fresh.remove(at))),
                None => gone.push(entry),
            },
        }
    }
    let had = |c: &CompanyKey| old.iter().any(|e| e.company == *c);
    let keeps = |c: &CompanyKey| new.iter().any(|e| e.company == *c);
    for entry in gone {
        let to = fresh.iter().position(|n| !had(&n.company));
        match to {
            Some(at) if !keeps(&entry.company) => {
                let n = fresh.remove(at);
                changes.push(Change::Moved {
                    thing: entry.thing.to_string(),
                    from: entry.company.clone(),
                    to: n.company.clone(),
                });
            }
            _ if is_partial => {}
            _ => changes.push(Change::Removed {
                thing: entry.thing.to_string(),
                company: entry.company.clone(),
            }),
        }
    }
    changes.extend(fresh.into_iter().map(|n| Change::Added {
        thing: n.thing.to_string(),
        company: n.company.clone(),
    }));
}

fn changed(old: &Entry, new: &Entry) -> Change {
    let pairs = |e: &Entry| -> std::collections::BTreeMap<String, String> {
        let parts = e.rest.split(APART).filter_map(|p| p.split_once('='));
        parts.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    };
    let (before, after) = (pairs(old), pairs(new));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |map: &std::collections::BTreeMap<String, String>, name: &str| {
        map.get(name).cloned().unwrap_or_default()
    };
    let fields = names
        .into_iter()
        .map(|name| (name.clone(), of(&before, name), of(&after, name)))
        .filter(|(_, before, after)| before != after)
        .collect();
    Change::Changed {
        thing: new.thing.to_string(),
        company: new.company.clone(),
        fields,
    }
}
