//! Letters that the owner of a network reads, about machines of its customers: what is wrong is
//! said to the owner, what to do is said to the customer, and both may read it.

use super::annex;
use super::words::Words;
use crate::model::decision::ContactReason;
use crate::model::letter::{Letter, LetterSection};

/// Headers of such a letter in place of the usual ones.
pub(super) const HEADERS: [(&str, &str); 3] = [
    ("risk", "risk_customer"),
    ("do_now", "do_now_customer"),
    ("check_for_abuse", "check_customer"),
];

/// Is the reader the owner of the network, and not who uses the machine?
pub(super) fn reads(letter: &Letter) -> bool {
    annex::is_bulk(letter) || letter.recipient.why == ContactReason::NetworkOwner
}

/// Title of a section and what is wrong, for whoever reads the letter.
pub(super) fn title_and_what<'a>(s: &'a LetterSection, letter: &Letter) -> (&'a str, &'a str) {
    let text = s.threat.text(letter.language);
    match text.to_owner.as_ref().filter(|_| reads(letter)) {
        Some(to_owner) => (&to_owner.title, &to_owner.what),
        None => (&text.title, &text.what),
    }
}

/// The strictest TLP 2.0 label of the findings, and the sentence that explains it; without any it
/// is AMBER. Owners pass a warning on to their customers, which AMBER allows and AMBER+STRICT, for
/// one organisation alone, does not: they get AMBER.
pub(super) fn tlp(letter: &Letter, words: &Words) -> String {
    const ORDER: [(&str, &str); 5] = [
        (RED, "tlp_red"),
        (STRICT, "tlp_amber_strict"),
        (AMBER, "tlp_amber"),
        ("TLP:GREEN", "tlp_green"),
        ("TLP:CLEAR", "tlp_clear"),
    ];
    let strictest = ORDER
        .iter()
        .find(|(label, _)| labels(letter).any(|l| l == *label));
    let (label, key) = match strictest.copied().unwrap_or((AMBER, "tlp_amber")) {
        (STRICT | AMBER, _) if reads(letter) => (AMBER, "tlp_amber_owner"),
        as_it_is => as_it_is,
    };
    let said = words.say(key, &[("tlp", label)]);
    said.unwrap_or_else(|_| format!("[{key}]"))
}

const RED: &str = "TLP:RED";
const STRICT: &str = "TLP:AMBER+STRICT";
const AMBER: &str = "TLP:AMBER";

fn labels(letter: &Letter) -> impl Iterator<Item = String> {
    let findings = letter.sections.iter().flat_map(|s| &s.findings);
    findings
        .filter_map(|f| f.tlp.as_deref())
        .map(|t| t.trim().to_uppercase())
}

/// May the letter ask its reader to pass it on?
pub(super) fn may_travel(letter: &Letter) -> bool {
    labels(letter).all(|label| label != RED)
}

/// Must the letter stay in the reader's own organisation?
pub(super) fn is_for_one_alone(letter: &Letter) -> bool {
    labels(letter).any(|label| label == STRICT)
}
