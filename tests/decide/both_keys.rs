//! A register that has a company under its own key and still under a former one.

use std::sync::Arc;

use nachtwacht::decide;
use nachtwacht::decide::history::History;
use nachtwacht::model::aftermath::{Answer, AnswerKind};
use nachtwacht::model::asset::Asset;
use nachtwacht::model::company::{Company, CompanyKey};
use nachtwacht::model::decision::Hit;
use nachtwacht::model::identity::{PartyRef, Secret};
use nachtwacht::model::ledger_record::LedgerView;

use super::alias::{alias, former, formers, told, under_former};
use super::{House, MARCH, hit, key};

/// Companies and reasons, sorted.
fn decided(house: &mut House, view: &LedgerView, hits: &[Hit]) -> Vec<(CompanyKey, &'static str)> {
    house.night = "2026-05-01".parse().unwrap();
    let followed = decide::followed(&formers(), hits, &house.threats, view);
    house.history = History::following(view, &followed);
    let decided = house.decide(hits);
    let decisions = decided.decisions.iter();
    let mut found: Vec<_> = decisions
        .map(|d| (d.company.key.clone(), d.reason.code()))
        .collect();
    found.sort_unstable();
    found
}

/// One row that met both.
fn both(was: Hit) -> [Hit; 2] {
    let mut own = hit(16, 1, "rdp", 3389, &[]);
    let mut both = was;
    both.observation = Arc::clone(&own.observation);
    own.how.asset = 7;
    [both, own]
}

/// The own one is written to, the other one is silent, but about what it alone registered.
#[test]
fn who_is_registered_under_both_keys_gets_one_letter() {
    let (mut house, view, was) = told(vec![alias(1).into()]);
    let other = under_former(hit(17, 1, "rdp", 3390, &[]), 1);
    let hits = [&both(was)[..], &[other]].concat();
    assert_eq!(
        decided(&mut house, &view, &hits),
        [
            (key(1), "escalation"),
            (former(1), "first_warning"),
            (former(1), "under_own_key"),
        ]
    );
}

/// Who moved to its own key without its mailbox is told under the former one.
#[test]
fn who_has_a_contact_under_the_former_key_alone_is_written_to_there() {
    let (mut house, view, was) = told(vec![alias(1).into()]);
    house.contacts.remove(&key(1));
    let company = Company {
        address: None,
        ..(*house.companies[&key(1)]).clone()
    };
    house.companies.insert(key(1), Arc::new(company));
    assert_eq!(
        decided(&mut house, &view, &both(was)),
        [(key(1), "no_contact"), (former(1), "escalation")]
    );
}

/// As under one key: what is not its own by one asset may be by another.
#[test]
fn not_mine_of_one_asset_leaves_the_wider_one_of_the_former_key() {
    let [was, own] = both(told(vec![]).2);
    let secret = Secret::new(b"p");
    let claim = told(vec![]).1.claims().next().unwrap().clone();
    let answer = Answer {
        letter_id: claim.letter_id,
        night: claim.night,
        party_ref: claim.party_ref,
        kind: AnswerKind::NotMine,
        by: "recipient".into(),
        said_at: MARCH + 1,
        until: None,
        findings: vec![],
        assets: vec![PartyRef::of_asset(&secret, &own.asset.canonical)],
    };
    let (mut house, view, _) = told(vec![answer.into(), alias(1).into()]);
    let mut wider = was.clone();
    wider.asset = Arc::new(Asset {
        canonical: "192.0.2.0/24".into(),
        confirmed_at: None,
        ..(*was.asset).clone()
    });
    assert_eq!(
        decided(&mut house, &view, &[wider, own.clone()]),
        [(key(1), "not_mine"), (former(1), "escalation")]
    );
    assert_eq!(
        decided(&mut house, &view, &[was, own]),
        [(key(1), "not_mine"), (former(1), "not_mine")]
    );
}
