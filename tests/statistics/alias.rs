//! Two keys of one company: the same tables as if it had had one key all the time.

use std::collections::BTreeMap;

use nachtwacht::model::alias::{Alias, Aliases};
use nachtwacht::model::encoder::Encoder;
use nachtwacht::model::identity::Secret;
use nachtwacht::model::ledger_record::{LedgerView, Numbered, Record};
use nachtwacht::statistics::period::{Axis, Facts, Gather, Row, count, delivery};
use proptest::prelude::*;

use super::period::own_findings;
use super::{Sketch, claim, count as of_night, each_claim, history, one, sketches};

/// Says that every odd company is the even one before it.
pub fn alias(former: u8) -> Record {
    let party = |n: u8| claim(&one(n, 0, vec![])).party_ref;
    Record::from(Alias {
        former: party(former),
        party: party(former - 1),
        by: "operator".into(),
        at: 0,
    })
}

fn facts(records: &[Numbered], at_once: usize, keys: bool) -> Facts {
    let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap();
    let mut gather = Gather::new("2021-12-01..2022-03-12".parse().unwrap(), zone);
    if keys {
        gather = gather.with_keys(Secret::new(b"key"));
    }
    let mut encoder = Encoder::default();
    for some in records.chunks(at_once) {
        gather.take(&encoder.encode(some));
    }
    gather.finish()
}

fn rows(facts: &Facts) -> Vec<(Vec<Axis>, Vec<Row>)> {
    let pairs = [
        vec![],
        vec![Axis::Kind, Axis::Month],
        vec![Axis::Sector, Axis::Warnings],
    ];
    let axes = Axis::ALL.iter().map(|a| vec![*a]).chain(pairs);
    axes.map(|axes| (axes.clone(), count(facts, &axes)))
        .collect()
}

/// The ledger with these aliases from record `at` on, and the ledger in which each letter had the
/// company's own key.
fn both(sketches: &[Sketch], at: usize) -> (LedgerView, LedgerView) {
    let mut sketches = sketches.to_vec();
    for sketch in &mut sketches {
        sketch.tonight = false;
    }
    sketches.sort_by_key(|s| (std::cmp::Reverse(s.days_ago), s.attempt));
    let (mut ledger, _) = history(&sketches);
    own_findings(&mut ledger);
    let mut with_aliases = ledger.clone();
    let formers: std::collections::BTreeSet<u8> = sketches.iter().map(|s| s.company).collect();
    let aliases = formers.into_iter().filter(|n| n % 2 == 1).map(alias);
    let at = at % (ledger.records.len() + 1);
    let seq = 1 + u64::try_from(at).unwrap();
    let aliases = aliases.map(|record| Numbered { seq, record });
    let tail = with_aliases.records.split_off(at);
    with_aliases.records.extend(aliases.chain(tail));
    let known = Aliases::of(&with_aliases);
    each_claim(&mut ledger, |claim, _| {
        claim.party_ref = known.own(claim.party_ref)
    });
    (with_aliases, ledger)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_alias_counts_as_one_company_wherever_it_stands(sketches in sketches(), at in 0usize..40, at_once in 1usize..9) {
        let (with_aliases, as_one) = both(&sketches, at);
        let found = facts(&with_aliases.records, at_once, false);
        let want = facts(&as_one.records, usize::MAX, false);
        prop_assert_eq!(rows(&found), rows(&want));
        prop_assert_eq!(delivery(&found), delivery(&want));
        // The tables of a night, too.
        prop_assert_eq!(of_night(&with_aliases, &[]), of_night(&as_one, &[]));
    }
}

/// Without the alias it is two companies; first warnings stay what they were.
#[test]
fn two_keys_are_one_company_of_its_newest_letters_attributes() {
    let letters = [
        one(1, 9, vec![(0, 0, 0, 0)]),
        one(0, 2, vec![(0, 1, 0, 0)]),
        one(5, 1, vec![(0, 2, 0, 0)]),
    ];
    let (mut ledger, _) = history(&letters);
    own_findings(&mut ledger);
    let before = facts(&ledger.records, 9, true);
    let total = |facts: &Facts| count(facts, &[])[0].figures.counts;
    assert_eq!((total(&before).companies, before.joined_at), (3, 0));
    let seq = ledger.last_seq + 1;
    for record in [alias(1), alias(7)] {
        ledger.records.push(Numbered { seq, record });
    }
    let after = facts(&ledger.records, 9, true);
    let (was, is) = (total(&before), total(&after));
    assert_eq!(
        (is.companies, is.first_warnings, is.letters),
        (2, was.first_warnings, was.letters)
    );
    assert_eq!(after.joined_at, seq, "the other alias joins nobody here");
    let of_kind: BTreeMap<String, u64> = count(&after, &[Axis::PartyKind])
        .into_iter()
        .map(|row| (row.key[0].clone(), row.figures.counts.companies))
        .collect();
    // Company 0 is a participant and company 1 is registered, as company 5: its newest letter is that of 0.
    let want = [("participant", 1), ("registered", 1)];
    assert_eq!(of_kind, want.map(|(k, n)| (k.to_owned(), n)).into());
    // The random number is that of its first key, under which it may have been published.
    let keys = |facts: &Facts| count(facts, &[Axis::Trigger])[0].figures.keys;
    let alone = |n: usize| {
        let records: Vec<Numbered> = ledger.records.iter().skip(2 * n).take(2).cloned().collect();
        facts(&records, 9, true)
    };
    let [first, third] = [0, 2].map(|n| keys(&alone(n)));
    let sum = |of: [[u64; 3]; 2]| of[0][0].wrapping_add(of[1][0]);
    assert_eq!(keys(&after)[0], sum([first, third]));
}
