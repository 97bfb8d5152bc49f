//! Letters by post that did not arrive: spoiled ones go again, returned ones only to another
//! address.

use std::sync::Arc;

use nachtwacht::decide::history::History;
use nachtwacht::model::company::Channel;
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::identity::{PartyRef, Secret};
use nachtwacht::model::ledger_record::{Claim, LedgerView, Numbered, ReceiptState, Record};

use super::answers::claim_of;
use super::{House, hit, key, reasons};

/// A house in which company 1 gets post alone.
fn by_post() -> House {
    let mut house = House::new();
    house.contacts.clear();
    house
}

/// The ledger after the house's letter of 2026-03-10 left, and came to this.
fn after(house: &House, state: ReceiptState, outbox: &str) -> LedgerView {
    let decided = house.decide(&[hit(1, 1, "rdp", 3389, &[])]);
    let d = &decided.letters[0];
    assert_eq!(d.letter.recipient.channel, Channel::Post);
    let address = d.letter.addressee.address.as_ref().unwrap();
    let claim = Claim {
        channel: Channel::Post,
        contact_ref: Some(PartyRef::of_postal(&Secret::new(b"p"), address)),
        ..claim_of(d, "2026-03-10")
    };
    let records = [
        claim.receipt(ReceiptState::HandedOver, "files"),
        claim.receipt(state, outbox),
    ];
    let records = [Record::from(claim.clone())].into_iter().chain(records);
    LedgerView {
        last_seq: 1,
        records: records.map(|record| Numbered { seq: 1, record }).collect(),
    }
}

/// What never left waits for the next try of its night: if that is lost, so is the letter.
#[test]
fn a_letter_whose_resend_was_lost_too_is_written_again() {
    use ReceiptState::{Bounced, Failed, HandedOver, NotSent};
    for (ends, want, attempt) in [
        (&[NotSent][..], "quiet_days", None),
        (&[NotSent, HandedOver], "quiet_days", None),
        (&[NotSent, Failed], "first_warning", Some(3)),
        (&[NotSent, Bounced], "first_warning", Some(3)),
        (&[NotSent, NotSent, Failed], "first_warning", Some(4)),
        (&[NotSent, Failed, HandedOver], "quiet_days", None),
    ] {
        let mut house = House::new();
        let decided = house.decide(&[hit(1, 1, "rdp", 3389, &[])]);
        let tries = (1..).zip(ends).flat_map(|(attempt, end)| {
            let claim = Claim {
                attempt,
                ..claim_of(&decided.letters[0], "2026-03-10")
            };
            let receipt = claim.receipt(*end, "smtp");
            [Record::from(claim), receipt]
        });
        let records = tries.map(|record| Numbered { seq: 1, record }).collect();
        house.history = History::of(&LedgerView {
            last_seq: 1,
            records,
        });
        house.night = "2026-03-11".parse().unwrap();
        let again = house.decide(&[hit(2, 1, "rdp", 3389, &[])]);
        assert_eq!(reasons(&again), [want], "{ends:?}");
        let found = again.letters.first().map(|l| l.letter.attempt);
        assert_eq!(found, attempt, "{ends:?}");
    }
}

#[test]
fn what_was_spoiled_goes_again_and_what_came_back_waits_for_another_address() {
    for (state, moved, want, trail) in [
        (ReceiptState::HandedOver, false, "quiet_days", None),
        (
            ReceiptState::Failed,
            false,
            "first_warning",
            Some("postal_address: used"),
        ),
        (
            ReceiptState::Bounced,
            false,
            "no_contact",
            Some("postal_address: returned"),
        ),
        (
            ReceiptState::Bounced,
            true,
            "first_warning",
            Some("postal_address: used"),
        ),
    ] {
        let mut house = by_post();
        house.history = History::of(&after(&house, state, "printer"));
        house.night = "2026-03-11".parse().unwrap();
        if moved {
            let mut company = (*house.companies[&key(1)]).clone();
            company.address.as_mut().unwrap().street = "Nieuwpad".into();
            house.companies.insert(key(1), Arc::new(company));
        }
        let decided = house.decide(&[hit(2, 1, "rdp", 3389, &[])]);
        assert_eq!(reasons(&decided), [want], "{state} {moved}");
        if let Some(trail) = trail {
            let steps = &decided.decisions[0].contact_trail;
            assert!(steps.iter().any(|s| s == trail), "{steps:?}");
            assert_eq!(decided.letters[0].letter.attempt, 2);
        }
        assert!(
            decided
                .letters
                .iter()
                .flat_map(|l| &l.items)
                .all(|i| i.kind == ItemKind::First)
        );
    }
}

/// A mail of a batch that nobody sent, as its report says, or because the batch was never written:
/// the mailbox is as good as before. One that a server refused is not.
#[test]
fn a_mail_that_never_left_says_nothing_about_its_mailbox() {
    for (state, outbox, is_same) in [
        (ReceiptState::Failed, "printer", true),
        (ReceiptState::Failed, "smtp", false),
        (ReceiptState::Bounced, "printer", false),
    ] {
        let mut house = House::new();
        let decided = house.decide(&[hit(1, 1, "rdp", 3389, &[])]);
        let first = &decided.letters[0];
        let mailbox = first.letter.recipient.value.clone();
        assert_eq!(first.letter.recipient.channel, Channel::Email);
        let claim = Claim {
            channel: Channel::Email,
            contact_ref: Some(PartyRef::of_contact(&Secret::new(b"p"), &mailbox)),
            ..claim_of(first, "2026-03-10")
        };
        let records = [
            Record::from(claim.clone()),
            claim.receipt(ReceiptState::HandedOver, "merge"),
            claim.receipt(state, outbox),
        ];
        house.history = History::of(&LedgerView {
            last_seq: 1,
            records: records.map(|record| Numbered { seq: 1, record }).into(),
        });
        house.night = "2026-03-11".parse().unwrap();
        let again = house.decide(&[hit(2, 1, "rdp", 3389, &[])]);
        let used = &again.letters[0].letter.recipient.value;
        assert_eq!(*used == mailbox, is_same, "{state} by {outbox}: {used}");
    }
}
