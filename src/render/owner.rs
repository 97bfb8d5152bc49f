//! Letters that the owner of a network reads, about machines of its customers: what is wrong is
//! said to the owner, what to do is said to the customer, and both may read it.

use super::annex;
use super::words::Words;
use crate::model::decision::ContactReason;
use crate::model::letter::{Letter, LetterSection};
use crate::model::tlp::Tlp;

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
    let strictest = labels(letter).min().unwrap_or(Tlp::Amber);
    let (label, key) = match strictest {
        Tlp::AmberStrict | Tlp::Amber if reads(letter) => (Tlp::Amber, "tlp_amber_owner"),
        Tlp::Red => (Tlp::Red, "tlp_red"),
        Tlp::AmberStrict => (Tlp::AmberStrict, "tlp_amber_strict"),
        Tlp::Amber => (Tlp::Amber, "tlp_amber"),
        Tlp::Green => (Tlp::Green, "tlp_green"),
        Tlp::Clear => (Tlp::Clear, "tlp_clear"),
    };
    let said = words.say(key, &[("tlp", label.as_str())]);
    said.unwrap_or_else(|_| format!("[{key}]"))
}

fn labels(letter: &Letter) -> impl Iterator<Item = Tlp> {
    let findings = letter.sections.iter().flat_map(|s| &s.findings);
    findings.filter_map(|f| Tlp::read(f.tlp.as_deref()?))
}

/// May the letter ask its reader to pass it on?
pub(super) fn may_travel(letter: &Letter) -> bool {
    labels(letter).all(|label| label != Tlp::Red)
}

/// Must the letter stay in the reader's own organisation?
pub(super) fn is_for_one_alone(letter: &Letter) -> bool {
    labels(letter).any(|label| label == Tlp::AmberStrict)
}
