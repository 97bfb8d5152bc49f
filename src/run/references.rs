//! One reference names one letter.

use std::collections::BTreeMap;

use crate::decide::Drafted;
use crate::diag::Failure;
use crate::model::identity::{LetterId, Reference};
use crate::model::ledger_record::LedgerView;

/// Checks that no two letters of a date have the same reference, those of the ledger among them. On two
/// dates they never have: the date is part of it. Fifty bits of a hash meet by chance once in some twenty
/// million nights of ten thousand letters.
///
/// # Errors
/// `FixData` naming the reference.
pub(super) fn unique(drafts: &[Drafted], view: &LedgerView) -> Result<(), Failure> {
    let Some(night) = drafts.first().map(|d| d.letter.night) else {
        return Ok(());
    };
    let claimed = view.claims().filter(|c| c.night == night);
    let claimed = claimed.map(|c| (&c.reference, c.letter_id));
    let drafted = drafts.iter().map(|d| (&d.letter.reference, d.letter.id));
    let Some(reference) = shared(claimed.chain(drafted)) else {
        return Ok(());
    };
    let what = format!("two letters of {night} have the reference {reference}");
    Err(Failure::fix_data(what)
        .hint("none of these was sent; send them on the next date: a reference holds the date, so they will differ"))
}

/// A reference that two different letters have.
fn shared<'r>(letters: impl Iterator<Item = (&'r Reference, LetterId)>) -> Option<&'r Reference> {
    let mut known: BTreeMap<&Reference, LetterId> = BTreeMap::new();
    for (reference, letter) in letters {
        if *known.entry(reference).or_insert(letter) != letter {
            return Some(reference);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::identity::Secret;

    /// The letter whose id begins with this number, and its reference. Two of the first sixty million numbers
    /// that have one are 1,813,320 and 12,566,183.
    fn letter(number: u32, night: &str) -> (Reference, LetterId) {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let key = Secret::new(b"two letters");
        let reference = Reference::of(&key, night.parse().unwrap(), LetterId(id));
        (reference, LetterId(id))
    }

    #[test]
    fn two_letters_with_one_reference_are_found() {
        let [one, other] = [1_813_320, 12_566_183].map(|n| letter(n, "2026-03-12"));
        assert_eq!(one.0, other.0);
        let find = |letters: &[(Reference, LetterId)]| {
            shared(letters.iter().map(|(reference, id)| (reference, *id))).cloned()
        };
        let more: Vec<_> = (0..100).map(|n| letter(n, "2026-03-12")).collect();
        let with = |letters: &[(Reference, LetterId)]| [&more, letters].concat();
        assert_eq!(find(&with(&[one.clone(), other.clone()])), Some(other.0));
        // Another attempt of a letter keeps its reference, and the date tells the others apart.
        let later = letter(12_566_183, "2026-03-13");
        assert_eq!(find(&with(&[one.clone(), one, later])), None);
    }
}
