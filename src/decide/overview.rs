//! What parent companies are told of the letters to their daughters (`policy.copy_to_parent`).
//!
//! One level up: whoever stands as parent in the daughter's own row. No decision, row or letter
//! changes by it, so an overview is the last thing that is composed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::contact::Book;
use super::{Drafted, Input, answers};
use crate::model::company::{Company, CompanyKey};
use crate::model::counts::NotWritten;
use crate::model::decision::ContactReason;
use crate::model::identity::{FindingId, LetterId, Reference, Secret};
use crate::model::letter::{
    Letter, LetterFinding, LetterSection, Overview, OverviewLetter, OverviewThreat,
};
use crate::model::threat::Urgency;
use crate::model::tlp::Tlp;

/// The overviews of these letters, sorted by company key; every one is sendable.
pub(super) fn overviews(input: &Input<'_>, letters: &[Drafted]) -> (Vec<Drafted>, NotWritten) {
    let (mut drafts, mut not_written) = (Vec::new(), NotWritten::default());
    if !input.settings.copy_to_parent {
        return (drafts, not_written);
    }
    let n_sent = letters.iter().filter(|d| d.is_sendable).count();
    let limit = input.settings.max_letters;
    let limit = limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let book = Book::new(input);
    for (key, told) in by_parent(letters) {
        let Some(parent) = input.companies.get(key) else {
            continue; // the register refuses a daughter of nobody
        };
        if !is_wanted(input, parent) {
            not_written.unwanted += 1;
            continue;
        }
        let drafted = draft(input, &book, parent, told);
        if input.history.has_overview(drafted.letter.id, input.night) {
            continue; // an earlier plan of the night wrote it
        }
        if !drafted.is_sendable {
            not_written.no_contact += 1;
        } else if n_sent + drafts.len() >= limit {
            not_written.over_limit += 1;
        } else {
            drafts.push(drafted);
        }
    }
    (drafts, not_written)
}

fn is_wanted(input: &Input<'_>, parent: &Company) -> bool {
    let is_written_to = input.settings.write_to.contains(&parent.party_kind);
    is_written_to && !answers::has_opted_out(input, &parent.key)
}

/// What each parent may be told; one that may be told nothing is not among them.
fn by_parent(letters: &[Drafted]) -> BTreeMap<&CompanyKey, Vec<OverviewLetter>> {
    let mut told: BTreeMap<&CompanyKey, Vec<OverviewLetter>> = BTreeMap::new();
    for drafted in letters.iter().filter(|d| d.is_sendable) {
        let company = &drafted.letter.company;
        let Some(parent) = company.parent.as_ref().filter(|p| **p != company.key) else {
            continue;
        };
        if let Some(letter) = told_of(drafted) {
            told.entry(parent).or_default().push(letter);
        }
    }
    // Who got all of them itself needs no list of them.
    told.retain(|_, letters| letters.iter().any(|l| l.why != ContactReason::Parent));
    told
}

/// A letter as its company's parent may hear of it; nothing where every place must stay.
fn told_of(drafted: &Drafted) -> Option<OverviewLetter> {
    let letter = &drafted.letter;
    let items = drafted.items.iter();
    let urgency_of: BTreeMap<FindingId, Urgency> =
        items.map(|i| (i.finding_id, i.urgency)).collect();
    let sections = letter.sections.iter();
    let mut threats: Vec<OverviewThreat> = sections
        .filter_map(|section| threat(section, &urgency_of))
        .collect();
    threats.sort_by(|a, b| (a.urgency, &a.threat.id).cmp(&(b.urgency, &b.threat.id)));
    (!threats.is_empty()).then(|| OverviewLetter {
        id: letter.id,
        reference: letter.reference.clone(),
        company: Arc::clone(&letter.company),
        why: letter.recipient.why,
        threats,
    })
}

/// Counted over the places that may be told: the section's own urgency may come of another one.
fn threat(
    section: &LetterSection,
    urgency_of: &BTreeMap<FindingId, Urgency>,
) -> Option<OverviewThreat> {
    let places: Vec<&LetterFinding> = section.findings.iter().filter(|f| may_leave(f)).collect();
    let urgency = places.iter().filter_map(|f| urgency_of.get(&f.id)).min();
    Some(OverviewThreat {
        threat: Arc::clone(&section.threat),
        urgency: *urgency?,
        n_places: places.len(),
    })
}

/// Without a label a finding is AMBER, as in its letter. A label that nobody can read keeps it in.
fn may_leave(finding: &LetterFinding) -> bool {
    let label = finding.tlp.as_deref().map(str::trim).unwrap_or_default();
    label.is_empty() || Tlp::read(label).is_some_and(Tlp::leaves_the_organisation)
}

fn draft(
    input: &Input<'_>,
    book: &Book<'_>,
    parent: &Arc<Company>,
    mut letters: Vec<OverviewLetter>,
) -> Drafted {
    let most = |l: &OverviewLetter| l.threats.iter().map(|t| t.urgency).min();
    letters.sort_by(|a, b| (most(a), &a.company.key).cmp(&(most(b), &b.company.key)));
    let id = id_of(&parent.key, &letters);
    let chosen = book.choose_own(parent);
    Drafted {
        letter: Letter {
            id,
            reference: Reference::of(input.verification_key, input.night, id),
            night: input.night,
            company: Arc::clone(parent),
            addressee: chosen.addressee,
            recipient: chosen.recipient,
            language: parent.language,
            attempt: input.history.overview_attempt(id, input.night),
            sections: Vec::new(),
            correction: None,
            overview: Some(Overview { letters }),
        },
        items: Vec::new(),
        is_sendable: chosen.is_usable,
    }
}

fn id_of(parent: &CompanyKey, letters: &[OverviewLetter]) -> LetterId {
    let ids: Vec<LetterId> = letters.iter().map(|l| l.id).collect();
    LetterId::of_overview(parent, &ids)
}

/// The same overviews without letters that cannot be made; one that tells of no other is gone.
pub fn without(overviews: &mut Vec<Drafted>, gone: &BTreeSet<LetterId>, key: &Secret) {
    overviews.retain_mut(|drafted| {
        let letter = &mut drafted.letter;
        let Some(overview) = &mut letter.overview else {
            return true;
        };
        let n_before = overview.letters.len();
        overview.letters.retain(|l| !gone.contains(&l.id));
        if overview.letters.len() < n_before {
            letter.id = id_of(&letter.company.key, &overview.letters);
            letter.reference = Reference::of(key, letter.night, letter.id);
        }
        !overview.letters.is_empty()
    });
}
