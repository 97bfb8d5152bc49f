//! Overviews for parent companies are no letters that anybody counts: the same figures without them.

use std::sync::Arc;

use nachtwacht::model::company::CompanyKey;
use nachtwacht::model::identity::{LetterId, PartyRef, Reference};
use nachtwacht::model::ledger_record::{
    Claim, LedgerView, Numbered, PinnedNight, ReceiptState, Record,
};

use super::columns::{by_itself, objects};
use super::guard::Dice;
use super::{Sketch, claim, count, history, night, one, secret};

/// An overview of this letter, to a company that got none itself, or to one that did.
fn overview(of: &Claim, dice: &mut Dice) -> Claim {
    let parent: CompanyKey = "kvk:00000099".parse().unwrap();
    let id = LetterId::of_overview(&parent, &[of.letter_id]);
    let party = u8::try_from(dice.below(2)).unwrap();
    Claim {
        letter_id: id,
        reference: Reference::of(&secret(), of.night, id),
        party_ref: [PartyRef([0x77; 32]), of.party_ref][usize::from(party)],
        items: Box::default(),
        overview_of: [of.letter_id].into(),
        ..of.clone()
    }
}

/// After some claims an overview; its receipt at once, in a later object, or never.
fn with_overviews(records: &[Numbered], dice: &mut Dice) -> Vec<Numbered> {
    let (mut all, mut late) = (Vec::new(), Vec::new());
    for numbered in records {
        all.push(numbered.clone());
        let Record::Claim(claim) = &numbered.record else {
            continue;
        };
        let seq = numbered.seq;
        let mut push = |record: Record| all.push(Numbered { seq, record });
        if dice.below(4) == 0 && !late.is_empty() {
            late.drain(..).for_each(&mut push);
        }
        if dice.below(3) > 0 {
            continue;
        }
        let overview = overview(claim, dice);
        let states = [
            ReceiptState::HandedOver,
            ReceiptState::Failed,
            ReceiptState::Bounced,
        ];
        let told = states.map(|state| overview.receipt(state, "files"));
        push(overview.into());
        match dice.below(4) {
            0 => {}
            1 => late.extend(told),
            2 => push(told[1].clone()),
            _ => {
                push(told[0].clone());
                late.push(told[2].clone());
            }
        }
    }
    all
}

#[test]
fn a_period_has_the_same_figures_without_them() {
    for seed in 0..3 {
        let objects = objects(seed, 60);
        let numbered = (1..).zip(objects).flat_map(|(seq, object)| {
            let records = object.into_iter();
            records.map(move |record| Numbered { seq, record })
        });
        let without: Vec<Numbered> = numbered.collect();
        let with = with_overviews(&without, &mut Dice(seed));
        assert!(with.len() > without.len() + 20);
        let want = by_itself(&without, usize::MAX);
        for n in [1, 7, 100, usize::MAX] {
            assert_eq!(by_itself(&with, n), want, "seed {seed}, {n} at once");
        }
    }
}

#[test]
fn a_night_has_the_same_figures_without_them() {
    let sketches: Vec<Sketch> = (0..12u8)
        .map(|n| Sketch {
            handed_over: n % 5 > 0,
            tonight: n % 2 == 0,
            ..one(n % 6, u16::from(n % 3) * 20, vec![(n % 6, n, n % 5, n % 2)])
        })
        .collect();
    let (ledger, mut tonight) = history(&sketches);
    let want = count(&ledger, &tonight);
    let mut dice = Dice(1);
    let with = LedgerView {
        records: with_overviews(&ledger.records, &mut dice),
        ..ledger.clone()
    };
    assert!(with.records.len() > ledger.records.len());
    let last = tonight.last().unwrap().clone();
    tonight.push(overview(&last, &mut dice));
    assert_eq!(count(&with, &tonight), want);
}

/// What a resumed or a closed night takes for its letters are its overviews too.
#[test]
fn a_night_whose_overview_left_has_begun() {
    let pin = PinnedNight {
        night: night(),
        revision: 0,
        run_id: "r".into(),
        ledger_seq: 0,
        job_sha256: String::new(),
        max_letters: None,
        snapshots: Vec::new(),
        followed: Vec::new(),
        inputs: Vec::new(),
    };
    let told = overview(&claim(&one(1, 0, vec![])), &mut Dice(1));
    let records = [Record::from(pin.clone()), Record::Claim(Arc::new(told))];
    let view = LedgerView {
        last_seq: 1,
        records: records.map(|record| Numbered { seq: 1, record }).into(),
    };
    assert!(view.has_begun(&pin));
    assert_eq!(view.unknown().len(), 1);
}
