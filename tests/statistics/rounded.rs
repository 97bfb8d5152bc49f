//! Controlled rounding: what is shown, that it adds up, and what an attacker makes of it.

use std::collections::{BTreeMap, BTreeSet};

use nachtwacht::statistics::guard::{
    Before, Contribution, Contributions, Draft, Measure, Perturbation, Publication, Rounding,
    Rules, Seen, Spot, Values, is_sensitive, opened, protect,
};
use nachtwacht::statistics::period::Axis;

use super::keyed::{changed, is_open_when_bare, published_by_command, published_over_time};

const FIVES: Rounding = Rounding { base: 5 };

const BY_FIVES: Perturbation = Perturbation::Rounding(FIVES);

/// Wholes with the sum of their parts by an axis of companies, where every measure adds up.
fn sums(tables: &BTreeSet<Vec<Axis>>, shown: &BTreeMap<Spot, Values>) -> Vec<(Spot, Values)> {
    let mut sums: BTreeMap<(Spot, Axis), Values> = BTreeMap::new();
    for (spot, values) in shown.iter().filter(|(s, _)| tables.contains(&s.axes())) {
        for (axis, _) in spot.of().iter().filter(|(a, _)| a.is_of_company()) {
            let rest = spot.of().iter().filter(|(a, _)| a != axis);
            let whole = Spot::new(rest.cloned().collect());
            let sum = sums.entry((whole, *axis)).or_default();
            for (sum, n) in sum.iter_mut().zip(values) {
                *sum += n;
            }
        }
    }
    sums.into_iter()
        .map(|((whole, _), sum)| (whole, sum))
        .collect()
}

#[test]
fn every_figure_is_one_of_the_two_multiples_beside_it_and_rows_add_up() {
    let (mut n_figures, mut moved, mut n_sums, mut n_apart, mut n_odd) = (0, 0i64, 0, 0, 0);
    for seed in 0..500 {
        let draft = changed(seed, BY_FIVES);
        let shown = FIVES.rounded(&draft.tables, &draft.cells, &BTreeSet::new());
        assert_eq!(shown.len(), draft.cells.len());
        for (spot, cell) in &draft.cells {
            for (n, values) in cell.values.iter().zip(shown[spot]) {
                assert_eq!(values % 5, 0, "{seed}: {spot}");
                assert!(values.abs_diff(*n) < 5, "{seed}: {spot}: {n} as {values}");
                n_figures += 1;
                moved += values.cast_signed() - n.cast_signed();
            }
            n_odd += u64::from(shown[spot][2] < shown[spot][0]);
        }
        for (whole, sum) in sums(&draft.tables, &shown) {
            n_sums += 1;
            n_apart += usize::from(shown[&whole] != sum);
        }
    }
    println!(
        "{n_figures} figures were moved by {moved} in all; {n_apart} of {n_sums} sums do not hold"
    );
    assert!(n_sums > 4_000 && n_apart == 0, "{n_apart} of {n_sums}");
    // Sums come first: hardly ever at the price of more companies than findings.
    assert!(n_odd < 10, "{n_odd}");
    // Draws are unbiased, and what rows ask for goes to both sides.
    assert!(moved.abs() * 20 < n_figures, "{moved} of {n_figures}");
}

#[test]
fn on_the_average_a_figure_is_what_it_was() {
    for n in [1u64, 2, 4, 5, 13, 1_378] {
        let shown = (0..20_000u64).map(|key| {
            let cell = Contribution {
                values: [n; 3],
                keys: [key * 31; 3],
                ..Contribution::default()
            };
            let cells = Contributions::from([(Spot::default(), cell)]);
            FIVES.rounded(&BTreeSet::new(), &cells, &BTreeSet::new())[&Spot::default()][0]
        });
        let mean = shown.sum::<u64>() as f64 / 20_000.0;
        assert!((mean - n as f64).abs() < 0.08, "{n}: {mean}");
    }
}

/// Rows with one point by an axis of companies, and in how many of them the whole less the other parts is a multiple
/// beside the figure that is hidden: in each of them, if rows always added up.
fn behind_points(draft: &Draft, publication: &Publication) -> (usize, usize) {
    let seen = |spot: &Spot| publication.cells.get(spot).copied().flatten();
    let shown = publication.cells.iter();
    let shown: BTreeMap<Spot, Values> = shown
        .map(|(spot, values)| (spot.clone(), values.unwrap_or_default()))
        .collect();
    let (mut n, mut n_held) = (0, 0);
    for spot in publication.secret() {
        for (axis, _) in spot.of().iter().filter(|(a, _)| a.is_of_company()) {
            let of_whole = spot.of().iter().filter(|(a, _)| a != axis);
            let whole = Spot::new(of_whole.cloned().collect());
            let is_beside = |s: &&Spot| {
                s.axes() == spot.axes() && whole.of().iter().all(|at| s.of().contains(at))
            };
            let parts: Vec<&Spot> = shown.keys().filter(is_beside).collect();
            let n_points = parts.iter().filter(|s| seen(s).is_none()).count();
            let (Some(whole), 1) = (seen(&whole), n_points) else {
                continue;
            };
            let others: u64 = parts.iter().map(|s| shown[s][2]).sum();
            let behind = whole[2].saturating_sub(others);
            n += 1;
            n_held += usize::from(behind.abs_diff(draft.cells[spot].values[2]) < 5);
        }
    }
    (n, n_held)
}

#[test]
fn the_attacker_opens_none_of_200_random_tables_with_rounding() {
    let (mut n_secret, mut n_sensitive, mut n_bare) = (0, 0, 0);
    let (mut n_points, mut n_held) = (0, 0);
    for seed in 0..200 {
        let draft = changed(seed, BY_FIVES);
        let rules = Rules::default();
        let done = protect(&draft, &Before::nothing(), &rules).unwrap();
        let shown = std::slice::from_ref(&done.publication);
        let open = opened(shown, &Before::nothing().slices, &done.targets);
        assert!(open.is_empty(), "seed {seed}: {open:?}");
        n_bare += usize::from(is_open_when_bare(&draft, &done));
        // What is shown hangs on what is hidden in no way but this: rows with a point were left out.
        let hidden: BTreeSet<Spot> = done.publication.secret().cloned().collect();
        let rounded = FIVES.rounded(&draft.tables, &draft.cells, &hidden);
        for (spot, values) in done.publication.cells.iter().filter(|(_, v)| v.is_some()) {
            assert_eq!(Some(rounded[spot]), *values, "seed {seed}: {spot}");
        }
        let (n, held) = behind_points(&draft, &done.publication);
        n_points += n;
        n_held += held;
        for (spot, cell) in &draft.cells {
            n_sensitive += usize::from(is_sensitive(cell, &rules));
            let Seen::Figures(values) = done.publication.at(spot) else {
                n_secret += 1;
                continue;
            };
            // The bounds that an attacker is taken to know hold.
            for (position, &measure) in Measure::ALL.iter().enumerate() {
                let (least, most) = FIVES.bounds(&values, measure);
                let n = cell.values[position] as f64;
                assert!(least <= n && n <= most, "seed {seed}: {spot}");
            }
        }
    }
    println!("{n_secret} cells are hidden; {n_sensitive} are secret in themselves");
    println!("{n_held} of {n_points} rows with one point would add up");
    assert!(
        n_points > 100 && n_held * 10 < n_points * 9,
        "{n_held} of {n_points}"
    );
    assert!(
        n_bare > 150,
        "{n_bare} of 200 were open without the rounding"
    );
    assert!(n_secret < n_sensitive, "{n_secret} {n_sensitive}");
}

#[test]
fn nothing_follows_from_many_nights_with_rounding() {
    let n_shown = published_over_time(BY_FIVES);
    assert!(n_shown > 50, "{n_shown}");
}

#[test]
fn the_command_publishes_with_rounding_and_says_so() {
    let notes = [
        ("nl", "op een veelvoud van 10"),
        ("en", "to a multiple of 10"),
    ];
    let publication = published_by_command("method = \"rounding\"\nbase = 10", notes);
    let tens = Rounding { base: 10 };
    assert_eq!(publication.perturbation, Some(Perturbation::Rounding(tens)));
    let mut figures = publication.cells.values().flatten().flatten();
    assert!(figures.all(|n| n % 10 == 0));
}
