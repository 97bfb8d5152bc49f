//! Disclosure control against made-up registers whose secrets are known.

use std::collections::{BTreeMap, BTreeSet};

use nachtwacht::statistics::guard::{
    Before, Contribution, Draft, Measure, Protected, Publication, Rules, Seen, Spot, Target,
    is_sensitive, opened, protect, with_margins,
};
use nachtwacht::statistics::period::Axis;

use super::elimination;

/// SplitMix64, as the samples' generator has it.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// Small numbers are likelier, as in any register.
    fn skewed(&mut self, n: u64) -> u64 {
        self.below(n).min(self.below(n))
    }
}

/// A company with what it has in each axis, and its findings by threat.
struct Firm {
    at: Vec<(Axis, String)>,
    findings: BTreeMap<u64, u64>,
}

fn register(dice: &mut Dice, n_firms: u64, sizes: [u64; 3]) -> Vec<Firm> {
    let [n_sectors, n_sizes, n_threats] = sizes;
    (0..n_firms)
        .map(|_| {
            let sector = format!("S{}", dice.skewed(n_sectors));
            let size = format!("G{}", dice.skewed(n_sizes));
            let mut findings = BTreeMap::new();
            for _ in 0..=dice.below(3) {
                *findings.entry(dice.skewed(n_threats)).or_default() += 1 + dice.skewed(6);
            }
            Firm {
                at: vec![(Axis::Sector, sector), (Axis::SizeClass, size)],
                findings,
            }
        })
        .collect()
}

/// Counts cell by cell, the naive way.
fn draft(firms: &[Firm], tables: &[Vec<Axis>]) -> Draft {
    let tables = with_margins(tables);
    let mut of: BTreeMap<Spot, BTreeMap<usize, (u64, u64)>> = BTreeMap::new();
    for (firm, f) in firms.iter().enumerate() {
        for (threat, n) in &f.findings {
            let mut at: BTreeMap<Axis, String> = f.at.iter().cloned().collect();
            at.insert(Axis::Threat, format!("t{threat}"));
            for axes in &tables {
                let spot = Spot::new(axes.iter().map(|a| (*a, at[a].clone())).collect());
                let (notifications, findings) =
                    of.entry(spot).or_default().entry(firm).or_default();
                *notifications += 1;
                *findings += n;
            }
        }
    }
    let cells = of.into_iter().map(|(spot, firms)| {
        let sum = |f: fn(&(u64, u64)) -> u64| firms.values().map(f).sum::<u64>();
        let cell = Contribution {
            values: [firms.len() as u64, sum(|f| f.0), sum(|f| f.1)],
            most_findings: firms.values().map(|f| f.1).max().unwrap_or(0),
            keys: [0; 3],
        };
        (spot, cell)
    });
    Draft {
        span: "2022-H1".parse().unwrap(),
        ledger_seq: 1,
        cells: cells.collect(),
        members: BTreeMap::new(),
        tables,
        perturbation: None,
    }
}

const TABLES: &[&[Axis]] = &[
    &[Axis::Sector, Axis::SizeClass],
    &[Axis::Sector, Axis::Threat],
];

pub fn random(seed: u64) -> Draft {
    let mut dice = Dice(seed);
    let n_firms = 6 + dice.below(70);
    let sizes = [2 + dice.below(4), 2 + dice.below(3), 2 + dice.below(3)];
    let firms = register(&mut dice, n_firms, sizes);
    let n_tables = 1 + dice.below(2) as usize;
    let tables: Vec<Vec<Axis>> = TABLES[..n_tables].iter().map(|t| t.to_vec()).collect();
    draft(&firms, &tables)
}

/// Everything that must hold of protected tables; answers hidden and all cells.
#[track_caller]
fn assert_protected(draft: &Draft, done: &Protected, seed: u64) -> (usize, usize) {
    let rules = Rules::default();
    for (spot, cell) in &draft.cells {
        let seen = done.publication.at(spot);
        if is_sensitive(cell, &rules) {
            assert_eq!(seen, Seen::Secret, "seed {seed}: {spot} is small and shown");
        } else if let Seen::Figures(values) = seen {
            assert_eq!(values, cell.values, "seed {seed}: {spot}");
        }
    }
    let shown = std::slice::from_ref(&done.publication);
    let open = opened(shown, &Before::nothing().slices, &done.targets);
    assert!(open.is_empty(), "seed {seed}: {open:?}");
    // Another attacker, who only adds and subtracts, and never asks a solver.
    let secret: BTreeSet<&Spot> = done.targets.iter().map(|t| &t.spot).collect();
    for (spot, measure, n) in elimination::determined(&done.publication) {
        let true_value = draft.cells.get(&spot).map_or(0, |c| of(c, measure));
        assert_eq!(
            n, true_value,
            "seed {seed}: the attacker adds up wrongly at {spot}"
        );
        assert!(
            !secret.contains(&spot) || true_value == 0,
            "seed {seed}: {spot} {measure} follows from the rest"
        );
    }
    (done.publication.n_secret(), draft.cells.len())
}

fn of(cell: &Contribution, measure: Measure) -> u64 {
    cell.values[Measure::ALL.iter().position(|m| *m == measure).unwrap()]
}

fn many(seeds: std::ops::Range<u64>) {
    let (mut hidden, mut cells, mut n_secret_tables) = (0, 0, 0);
    for seed in seeds {
        let draft = random(seed);
        let done = protect(&draft, &Before::nothing(), &Rules::default())
            .unwrap_or_else(|open| panic!("seed {seed}: {open:?}"));
        let (h, n) = assert_protected(&draft, &done, seed);
        hidden += h;
        cells += n;
        n_secret_tables += usize::from(h > 0);
    }
    println!("{hidden} of {cells} cells are hidden, in {n_secret_tables} publications");
    assert!(
        n_secret_tables > 0,
        "nothing was ever secret: the test proves nothing"
    );
}

#[test]
fn the_attacker_opens_none_of_500_random_tables() {
    many(0..500);
}

#[test]
#[ignore = "ten thousand tables take minutes"]
fn the_attacker_opens_none_of_10000_random_tables() {
    many(1_000..11_000);
}

#[test]
fn the_attacker_opens_what_is_hidden_carelessly() {
    // Only the secret cells themselves are hidden: a row with one of them gives it away.
    let mut n_opened = 0;
    for seed in 0..40 {
        let draft = random(seed);
        let rules = Rules::default();
        let cells = draft.cells.iter().map(|(spot, cell)| {
            let values = (!is_sensitive(cell, &rules)).then_some(cell.values);
            (spot.clone(), values)
        });
        let careless = Publication {
            span: draft.span,
            ledger_seq: 1,
            tables: draft.tables.clone(),
            cells: cells.collect(),
            perturbation: None,
        };
        let ours = nachtwacht::statistics::guard::Which::Publication(0);
        let targets = nachtwacht::statistics::guard::targets(&ours, &draft.cells, &rules);
        let open = opened(
            std::slice::from_ref(&careless),
            &Before::nothing().slices,
            &targets,
        );
        // Whatever plain subtraction finds, the solver must find as well.
        for (spot, measure, n) in elimination::determined(&careless) {
            let found = |t: &&Target| t.spot == spot && t.measure == measure;
            let is_target = targets.iter().any(|t| found(&t));
            assert!(
                !is_target || n == 0 || open.iter().any(found),
                "seed {seed}: {spot} {measure} is {n}"
            );
        }
        n_opened += usize::from(!open.is_empty());
    }
    assert!(n_opened > 20, "{n_opened} of 40");
}

/// Fewest cells that must be hidden besides the secret ones, by trying all.
fn least_hidden(draft: &Draft, done: &Protected) -> usize {
    let primary: BTreeSet<&Spot> = done.targets.iter().map(|t| &t.spot).collect();
    let mut axes: BTreeMap<Axis, BTreeSet<&str>> = BTreeMap::new();
    for (axis, value) in draft.cells.keys().flat_map(|s| s.of()) {
        axes.entry(*axis).or_default().insert(value);
    }
    let mut all: BTreeSet<Spot> = draft.cells.keys().cloned().collect();
    for table in draft.tables.iter().filter(|t| t.len() == 2) {
        for a in &axes[&table[0]] {
            for b in &axes[&table[1]] {
                all.insert(Spot::default().with(table[0], a).with(table[1], b));
            }
        }
    }
    let free: Vec<Spot> = all.into_iter().filter(|s| !primary.contains(s)).collect();
    for n in 0..=done.n_secondary {
        let mut chosen: Vec<usize> = (0..n).collect();
        loop {
            let mut shown = done.publication.clone();
            shown.cells = draft
                .cells
                .iter()
                .map(|(s, c)| (s.clone(), Some(c.values)))
                .collect();
            let hidden = chosen
                .iter()
                .map(|i| &free[*i])
                .chain(primary.iter().copied());
            shown.cells.extend(hidden.map(|s| (s.clone(), None)));
            if opened(&[shown], &Before::nothing().slices, &done.targets).is_empty() {
                return n;
            }
            // The next choice of `n` out of all, in order.
            let Some(at) = (0..n).rev().find(|i| chosen[*i] < free.len() - n + i) else {
                break;
            };
            chosen[at] += 1;
            for i in at + 1..n {
                chosen[i] = chosen[i - 1] + 1;
            }
        }
    }
    panic!("what was published is not safe");
}

#[test]
fn hardly_more_is_hidden_than_must_be() {
    let (mut ours, mut least, mut n_tables) = (0, 0, 0);
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let n_firms = 8 + dice.below(22);
        let firms = register(&mut dice, n_firms, [3, 2, 2]);
        let draft = draft(&firms, &[vec![Axis::Sector, Axis::SizeClass]]);
        let done = protect(&draft, &Before::nothing(), &Rules::default()).unwrap();
        if done.n_secondary == 0 || done.n_secondary > 4 {
            continue;
        }
        ours += done.n_secondary;
        least += least_hidden(&draft, &done);
        n_tables += 1;
    }
    println!(
        "{ours} cells hidden besides the secret ones; {least} is the least possible, in {n_tables} small tables"
    );
    assert!(n_tables > 10, "{n_tables}");
    assert!(ours * 100 <= least * 125, "{ours} against {least}");
}

#[test]
fn a_small_group_with_one_threat_is_not_told_by_zeros() {
    let firm = |sector: &str, threat: u64| Firm {
        at: vec![
            (Axis::Sector, sector.into()),
            (Axis::SizeClass, "G0".into()),
        ],
        findings: BTreeMap::from([(threat, 2)]),
    };
    // Four firms of sector A, all with threat 0: `0` beside it would say what each of them has.
    let mut firms: Vec<Firm> = (0..4).map(|_| firm("A", 0)).collect();
    firms.extend((0..24).map(|n| firm("B", n % 2)));
    let draft = draft(&firms, &[vec![Axis::Sector, Axis::Threat]]);
    let done = protect(&draft, &Before::nothing(), &Rules::default()).unwrap();
    let at = |sector: &str, threat: &str| {
        done.publication.at(&Spot::default()
            .with(Axis::Sector, sector)
            .with(Axis::Threat, threat))
    };
    assert_eq!(at("A", "t0"), Seen::Secret);
    assert_eq!(
        at("A", "t1"),
        Seen::Secret,
        "a zero that tells is hidden as well"
    );
    let sector = Spot::default().with(Axis::Sector, "A");
    assert!(matches!(
        done.publication.at(&sector),
        Seen::Figures([4, ..])
    ));
}

#[test]
fn a_publication_reads_back_as_it_was_written() {
    let done = protect(&random(3), &Before::nothing(), &Rules::default()).unwrap();
    assert!(done.publication.n_secret() > 0);
    let json = done.publication.to_json().unwrap();
    assert_eq!(Publication::from_json(&json).unwrap(), done.publication);
    assert!(Publication::from_json(b"{}").is_err());
}
