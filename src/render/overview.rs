//! The words of an overview: which letters went to a parent company's daughters, and that they
//! are the ones who must act. No address, no host, no evidence.

use std::sync::Arc;

use super::content::{Content, Frame, RowText, SectionText, Voice, because, frame};
use super::visible::name;
use super::words::Words;
use super::{Look, Mark};
use crate::model::company::PartyKind;
use crate::model::decision::ContactReason;
use crate::model::letter::{Letter, Overview, OverviewLetter, OverviewThreat};
use crate::model::threat::Urgency;
use crate::model::tlp::Tlp;

/// The table's headers speak of letters here, not of what a scan saw.
const HEADERS: [(&str, &str); 5] = [
    ("where_", "overview_where"),
    ("what_seen", "overview_what"),
    ("when_seen", "overview_when"),
    ("how_sure", "overview_places"),
    ("spots", "overview_letters"),
];

pub(super) fn content(letter: &Letter, of: &Overview, look: &Look, mark: Mark) -> Content {
    let voice = look.voice(letter.language);
    let reference = letter.reference.to_string();
    let around = Frame {
        language: letter.language,
        night: letter.night,
        company: &letter.company,
        addressee: &letter.addressee,
        reference: &reference,
    };
    let contact = around.contact(look.sender());
    let company = name(&letter.company.name);
    let keys = match of.letters.len() {
        1 => [
            "overview_intro_one",
            "overview_themselves_one",
            "overview_do_one",
        ],
        _ => [
            "overview_intro_many",
            "overview_themselves_many",
            "overview_do_many",
        ],
    };
    let [intro, themselves, act] = keys;
    // Where a letter went elsewhere, perhaps to this very reader, that is told beside it.
    let elsewhere = match (went_to(of, ContactReason::NetworkOwner), of.letters.len()) {
        (true, 1) => "overview_elsewhere_one",
        (true, _) => "overview_elsewhere",
        _ => themselves,
    };
    let keys = match went_to(of, ContactReason::Parent) {
        true => [intro, "overview_elsewhere", "overview_do_elsewhere"],
        false => [intro, elsewhere, act],
    };
    let intro = voice.say_all(&keys, &[("company", &company)]);
    let mut content = frame(&around, look, mark);
    content.words = Arc::new(voice.words().words.with(&HEADERS));
    content.subject = subject(of, voice.words());
    content.intro = intro.into_iter().chain(because(letter, &voice)).collect();
    content.sections = vec![section(letter, of, &voice)];
    content.verify = voice.say_all(&["verify_1", "verify_2", "verify_3", "verify_4"], &contact);
    content.help = voice.say_all(&["help_1"], &contact);
    // Never less strict, whatever its parts are: it names several companies beside each other.
    content.tlp = voice.say("tlp_amber", &[("tlp", Tlp::Amber.as_str())]);
    content
}

pub(super) fn subject(of: &Overview, words: &Words) -> String {
    let count = of.letters.len().to_string();
    let said = match of.letters.len() {
        1 => words.say("subject_overview_one", &[]),
        _ => words.say("subject_overview_many", &[("count", &count)]),
    };
    said.unwrap_or_default()
}

/// Did a letter go there, and not to the company itself?
fn went_to(of: &Overview, why: ContactReason) -> bool {
    of.letters.iter().any(|letter| letter.why == why)
}

fn section(letter: &Letter, of: &Overview, voice: &Voice<'_>) -> SectionText {
    let date = voice.words().date(letter.night.date());
    let letters = of.letters.iter();
    let rows = letters.flat_map(|l| l.threats.iter().map(|t| row(l, t, voice)));
    let elsewhere = of.letters.iter().filter_map(|l| elsewhere(l, voice));
    SectionText {
        title: voice.say("overview_title", &[("date", &date)]),
        urgency: voice.word(match went_to(of, ContactReason::Parent) {
            true => "overview_act_elsewhere",
            false => "overview_act",
        }),
        rows: rows.collect(),
        notes: [voice.say("overview_you", &[])]
            .into_iter()
            .chain(elsewhere)
            .chain([voice.say("overview_not_here", &[])])
            .collect(),
        ..SectionText::default()
    }
}

fn row(letter: &OverviewLetter, told: &OverviewThreat, voice: &Voice<'_>) -> RowText {
    let text = told.threat.text(voice.language);
    // A network's owner was written to in words of its own.
    let is_owner = letter.company.party_kind == PartyKind::NetworkOwner;
    let to_owner = text.to_owner.as_ref().filter(|_| is_owner);
    let urgency = match told.urgency {
        Urgency::Urgent => "overview_urgent",
        Urgency::Normal => "overview_normal",
    };
    RowText {
        where_: format!("{}, {}", name(&letter.company.name), letter.reference),
        what: to_owner.map_or(&text.title, |t| &t.title).clone(),
        when: voice.word(urgency),
        sure: match told.n_places {
            1 => voice.say("overview_place_one", &[]),
            n => voice.say("overview_place_many", &[("count", &n.to_string())]),
        },
    }
}

/// Where a letter went that did not go to the company itself.
fn elsewhere(letter: &OverviewLetter, voice: &Voice<'_>) -> Option<String> {
    let key = match letter.why {
        ContactReason::Parent => "overview_by_parent",
        ContactReason::NetworkOwner => "overview_by_network",
        _ => return None,
    };
    let company = name(&letter.company.name);
    let values = [
        ("company", company.as_str()),
        ("old", letter.reference.as_str()),
    ];
    Some(voice.say(key, &values))
}
