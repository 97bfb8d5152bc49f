//! Cell keys: what is shown of figures that are moved, and what an attacker makes of them.

use std::collections::{BTreeMap, BTreeSet};

use nachtwacht::model::encoder::Encoder;
use nachtwacht::model::identity::Secret;
use nachtwacht::model::ledger_record::LedgerView;
use nachtwacht::statistics::guard::{
    self, Before, Counting, Draft, Measure, Noise, Perturbation, Protected, Publication, Rules,
    Seen, Spot, is_sensitive, opened, protect, with_margins,
};
use nachtwacht::statistics::period::{Axis, Facts, Gather, Span};

use super::guard::{Dice, random};
use super::year::ledger;
use crate::sandbox::Sandbox;

const NOISE: Noise = Noise {
    most: 3,
    min_companies: 3,
};

const BY_KEYS: Perturbation = Perturbation::CellKey(NOISE);

/// The random table of `guard`, with keys at random and figures that are changed.
pub fn changed(seed: u64, perturbation: Perturbation) -> Draft {
    let mut draft = random(seed);
    let mut dice = Dice(seed ^ 0xce11);
    for cell in draft.cells.values_mut() {
        cell.keys = [(); 3].map(|()| dice.below(u64::MAX));
    }
    draft.perturbation = Some(perturbation);
    draft
}

/// Would the same tables give secrets away, if their figures were bare and as much was hidden?
pub fn is_open_when_bare(draft: &Draft, done: &Protected) -> bool {
    let mut bare = done.publication.clone();
    bare.perturbation = None;
    for (spot, cell) in &draft.cells {
        if bare.cells.get(spot) != Some(&None) {
            bare.cells.insert(spot.clone(), Some(cell.values));
        }
    }
    !opened(&[bare], &Before::nothing().slices, &done.targets).is_empty()
}

fn value(values: &[u64; 3], measure: Measure) -> u64 {
    values[Measure::ALL.iter().position(|m| *m == measure).unwrap()]
}

#[test]
fn the_attacker_opens_none_of_200_random_tables_with_cell_keys() {
    let (mut n_secret, mut n_sensitive, mut n_shown, mut n_bare) = (0, 0, 0, 0);
    for seed in 0..200 {
        let draft = changed(seed, BY_KEYS);
        let rules = Rules::default();
        let done = protect(&draft, &Before::nothing(), &rules).unwrap();
        let shown = std::slice::from_ref(&done.publication);
        let open = opened(shown, &Before::nothing().slices, &done.targets);
        assert!(open.is_empty(), "seed {seed}: {open:?}");
        n_bare += usize::from(is_open_when_bare(&draft, &done));
        for (spot, cell) in &draft.cells {
            n_sensitive += usize::from(is_sensitive(cell, &rules));
            let Seen::Figures(values) = done.publication.at(spot) else {
                n_secret += 1;
                continue;
            };
            n_shown += 1;
            let is_small = cell.values[0] < 3;
            assert!(
                !is_small || values == [0; 3],
                "seed {seed}: {spot} is small and shown"
            );
            assert!(values[0] == 0 || values[0] >= 3, "seed {seed}: {spot}");
            for &measure in Measure::ALL {
                let by = value(&values, measure).abs_diff(value(&cell.values, measure));
                assert!(by <= 3 || values[0] == 0, "seed {seed}: {spot} {measure}");
            }
        }
    }
    println!(
        "{n_shown} cells are shown, {n_secret} hidden; {n_sensitive} are secret in themselves"
    );
    assert!(n_bare > 150, "{n_bare} of 200 were open without the noise");
    assert!(
        n_secret * 2 < n_sensitive,
        "noise should do what hiding did"
    );
}

fn gathered(view: &LedgerView, span: &str, secret: &[u8]) -> Facts {
    let span: Span = span.parse().unwrap();
    let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap();
    let mut gather = Gather::new(span, zone).with_keys(Secret::new(secret));
    gather.take(&Encoder::default().encode(&view.records));
    gather.finish()
}

fn tables() -> BTreeSet<Vec<Axis>> {
    with_margins(&[vec![Axis::Sector, Axis::SizeClass], vec![Axis::Threat]])
}

fn draft(facts: &Facts, seq: u64, perturbation: Perturbation) -> Draft {
    guard::draft(&Counting {
        facts,
        ledger_seq: seq,
        tables: tables(),
        perturbation: Some(perturbation),
    })
}

fn moved(draft: &Draft) -> BTreeMap<Spot, ([u64; 3], [u64; 3])> {
    let cells = draft.cells.iter();
    cells
        .map(|(spot, cell)| (spot.clone(), (cell.values, NOISE.shown(cell))))
        .collect()
}

#[test]
fn the_same_letters_give_the_same_figures_in_every_period_and_under_no_other_key() {
    let view = ledger(3, 260);
    let of = |span: &str, secret: &[u8]| {
        moved(&draft(
            &gathered(&view, span, secret),
            view.last_seq,
            BY_KEYS,
        ))
    };
    // Longer and shorter periods with the same letters in them, and the ledger backwards.
    let whole = of("2022", b"party");
    assert_eq!(of("2021-12-01..2023-01-31", b"party"), whole);
    let other = of("2022", b"another");
    let differing = whole
        .iter()
        .filter(|(spot, shown)| other[*spot].1 != shown.1);
    assert!(differing.count() * 2 > whole.len());
    // Cells of which nothing was added between two nights show what they showed.
    let (shorter, longer) = (
        of("2022-01-01..2022-11-20", b"party"),
        of("2022-01-01..2022-12-01", b"party"),
    );
    let (mut n_same, mut n_new) = (0, 0);
    for (spot, (counted, shown)) in &shorter {
        let (counted_later, shown_later) = longer[spot];
        if *counted == counted_later {
            assert_eq!(*shown, shown_later, "{spot}");
            n_same += 1;
        } else if shown[1] + counted_later[1] - counted[1] != shown_later[1] {
            n_new += 1; // what was added does not follow from the difference
        }
    }
    assert!(n_same > 5 && n_new > 5, "{n_same} {n_new}");
}

/// Publishes periods that overlap, one after the other, and attacks each time; how many cells are shown.
pub fn published_over_time(perturbation: Perturbation) -> usize {
    let view = ledger(9, 500);
    let mut all: Vec<Publication> = Vec::new();
    let spans = [
        "2022-03",
        "2022-04",
        "2022-05",
        "2022-03-01..2022-06-03",
        "2022-03-01..2022-06-04",
    ];
    for span in spans {
        let facts = gathered(&view, span, b"party");
        let draft = draft(&facts, view.last_seq, perturbation);
        let ours: Span = span.parse().unwrap();
        let earlier = guard::connected(all.clone(), &ours);
        let hull = earlier.iter().fold(ours, |w, p| w.hull(&p.span));
        let of_all = gathered(&view, &hull.label(), b"party");
        let before = guard::before(earlier, &draft, &of_all, &Rules::default());
        let done = guard::protect(&draft, &before, &Rules::default());
        let done = done.unwrap_or_else(|open| panic!("{span}: {open:?}"));
        let mut in_hand = before.publications.clone();
        in_hand.push(done.publication.clone());
        assert!(opened(&in_hand, &before.slices, &done.targets).is_empty());
        let shown = done.publication.as_shown();
        let json = shown.to_json().unwrap();
        assert_eq!(Publication::from_json(&json).unwrap(), shown);
        all.push(shown);
    }
    all.iter().map(|p| p.cells.values().flatten().count()).sum()
}

#[test]
fn nothing_follows_from_many_nights_with_cell_keys() {
    let n_shown = published_over_time(BY_KEYS);
    assert!(n_shown > 50, "{n_shown}");
}

/// What the command publishes with a method, which each page says in the words of its language; then nothing anew.
pub fn published_by_command(method: &str, notes: [(&str, &str); 2]) -> Publication {
    let sandbox = Sandbox::small();
    let job = sandbox.path("jobs/statistics.toml");
    let text = std::fs::read_to_string(&job).unwrap();
    let changed = text.replace("method = \"suppression\"", method);
    assert_ne!(changed, text);
    std::fs::write(&job, changed).unwrap();
    assert_eq!(sandbox.run("2026-03-09").code, Some(0));
    let args = ["statistics", "jobs/statistics.toml", "--period", "2026-03"];
    let ran = sandbox.call(&args, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let folder = sandbox.path("statistics/2026-03/v1");
    for (language, note) in notes {
        let page = folder.join(format!("statistics.{language}.html"));
        assert!(std::fs::read_to_string(page).unwrap().contains(note));
    }
    let again = sandbox.call(&args, &[]);
    assert!(
        again.out.contains("nothing changed since: "),
        "{}",
        again.out
    );
    let json = std::fs::read(folder.join("publication.json")).unwrap();
    Publication::from_json(&json).unwrap()
}

#[test]
fn the_command_publishes_with_cell_keys_and_says_so() {
    let method = "method = \"cell-key\"\nnoise = 4";
    let notes = [("nl", "met hoogstens 4"), ("en", "by 4 at most")];
    assert_eq!(
        published_by_command(method, notes).perturbation,
        Some(Perturbation::CellKey(Noise {
            most: 4,
            min_companies: 3
        }))
    );
}
