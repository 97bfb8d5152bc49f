//! The words of a correction: which statement is taken back, why, and what still stands.

use super::content::{SectionText, Voice};
use super::owner;
use super::visible::name;
use crate::model::letter::{Letter, LetterSection, TakenBack};

pub(super) fn intro(letter: &Letter, back: &TakenBack, voice: &Voice<'_>) -> Vec<String> {
    let company = name(&letter.company.name);
    let date = voice.words().date(back.night.date());
    let old = back.reference.as_str();
    let values = [
        ("date", date.as_str()),
        ("company", company.as_str()),
        ("old", old),
    ];
    vec![
        voice.say("correction", &values),
        voice.say("correction_sorry", &[]),
    ]
}

pub(super) fn section(
    s: &LetterSection,
    letter: &Letter,
    back: &TakenBack,
    voice: &Voice<'_>,
) -> SectionText {
    let key = if back.is_part {
        "correction_part"
    } else {
        "correction_whole"
    };
    let stands = voice.say(key, &[("old", back.reference.as_str())]);
    let mut what = back.reason.clone();
    what.push(stands);
    let (title, _) = owner::title_and_what(s, letter);
    SectionText {
        title: voice.say("correction_title", &[("title", title)]),
        urgency: voice.word("nothing_to_do"),
        what,
        ..SectionText::default()
    }
}
