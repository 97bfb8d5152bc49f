//! The figures of the letter to parliament, out of the real run over a made-up year.

use std::collections::BTreeSet;

use jiff::civil::{Date, date};
use nachtwacht::statistics::period::{Axis, count};

use crate::harness::root;
use crate::samples::generator;

#[path = "../data-samples/history/mod.rs"]
mod made;

use made::replay::{SPANS, Told, facts, nights, table, told, write};
use made::{SEED, Year, naive, year};

const MID_JUNE: Date = date(2022, 6, 15);

fn expected(year: &Year, span: &str) -> Told {
    let span: nachtwacht::statistics::period::Span = span.parse().unwrap();
    naive::told(year, span.from(), span.until())
}

#[test]
fn the_year_has_the_figures_of_the_letter_to_parliament() {
    let year = year(SEED);
    let folder = tempfile::tempdir().unwrap();
    write(&year, folder.path(), root());
    nights(&year, folder.path(), &BTreeSet::new(), MID_JUNE);
    let [first, second, pilot] = SPANS.map(|span| told(folder.path(), span));
    assert_eq!(
        (first.triggers, first.companies),
        (15, 361),
        "second half of 2021"
    );
    assert_eq!(
        (second.triggers, second.companies),
        (31, 1_378),
        "2022 until mid-June"
    );
    assert_eq!(year.participants.len(), 57);
    assert_eq!(
        (pilot.participants, pilot.notifications),
        (32, 182),
        "pilot"
    );
    assert!(
        pilot.several > 1,
        "several participants were warned more than once"
    );
    // Loops over the sightings come to the same.
    for (span, found) in SPANS.iter().zip([first, second, pilot]) {
        assert_eq!(found, expected(&year, span), "{span}");
    }
    let letter = table(&year, folder.path());
    for figure in [
        "361",
        "1378",
        "57 participants, 32 of them",
        "182 notifications",
    ] {
        assert!(letter.contains(figure), "{figure} in {letter}");
    }
    // No occasion counts in both halves, and the first warning of the pilot was about several
    // systems.
    let all = told(folder.path(), "2021-07-01..2022-06-15");
    assert_eq!(all.triggers, first.triggers + second.triggers);
    let earliest = year
        .sightings
        .iter()
        .find(|s| s.firm < year.participants.len())
        .unwrap();
    let day = earliest.on;
    let rows = count(
        &facts(folder.path(), &format!("{day}..{day}")),
        &[Axis::Participation],
    );
    let of_pilot = rows.iter().find(|r| r.key[0] == "participant").unwrap();
    let counts = of_pilot.figures.counts;
    assert!(counts.findings > counts.companies, "{counts:?}");
}

#[test]
fn another_seed_and_a_night_less_change_the_figures_by_what_was_seen() {
    // The first two months are enough, and cost a few seconds.
    let until = date(2021, 8, 31);
    let span = "2021-07-01..2021-08-31";
    let replay = |seed: u64, without: &BTreeSet<Date>| {
        let mut year = year(seed);
        let folder = tempfile::tempdir().unwrap();
        write(&year, folder.path(), root());
        nights(&year, folder.path(), without, until);
        year.sightings.retain(|s| !without.contains(&s.on));
        assert_eq!(
            told(folder.path(), span),
            expected(&year, span),
            "seed {seed}"
        );
        told(folder.path(), span)
    };
    let ours = replay(SEED, &BTreeSet::new());
    assert_ne!(replay(SEED + 1, &BTreeSet::new()), ours);
    // The night on which most was seen.
    let days = year(SEED).days();
    let n_on = |day: &Date| year(SEED).sightings.iter().filter(|s| s.on == *day).count();
    let busiest = days
        .into_iter()
        .filter(|d| *d <= until)
        .max_by_key(n_on)
        .unwrap();
    let fewer = replay(SEED, &BTreeSet::from([busiest]));
    assert!(
        fewer.companies < ours.companies,
        "{fewer:?} without {busiest}, {ours:?} with it"
    );
}
