//! Cells of different tables about the same companies: what opened single companies before.

use std::collections::{BTreeMap, BTreeSet};

use nachtwacht::model::company::PartyKind;
use nachtwacht::model::ledger_record::LedgerView;
use nachtwacht::statistics::guard::{
    self, Before, Contribution, Counting, Draft, Link, Measure, Members, Noise, Perturbation,
    Protected, Rounding, Rules, Seen, Slices, Spot, Target, Which, opened, protect, targets,
    with_margins,
};
use nachtwacht::statistics::period::Axis;

use super::guard::Dice;
use super::period::{facts, own_findings};
use super::{elimination, history, one};

/// A company: its attributes, the class of its notifications aside.
struct Firm {
    at: Vec<(Axis, String)>,
    n_notifications: u64,
}

fn firm(kind: &str, sector: &str, size: &str) -> Firm {
    let at = [
        (Axis::PartyKind, kind),
        (Axis::Sector, sector),
        (Axis::SizeClass, size),
    ];
    Firm {
        at: at.map(|(axis, value)| (axis, value.to_owned())).into(),
        n_notifications: 2,
    }
}

fn class(n: u64) -> &'static str {
    match n {
        1 => "1",
        2 => "2",
        3..=5 => "3-5",
        _ => "6+",
    }
}

/// Counts cell by cell, the naive way; each notification is about one finding.
fn draft(firms: &[Firm], tables: &[Vec<Axis>]) -> Draft {
    let tables = with_margins(tables);
    let mut members = Members::new();
    for (number, firm) in (0..).zip(firms) {
        let mut at: BTreeMap<Axis, String> = firm.at.iter().cloned().collect();
        at.insert(Axis::Warnings, class(firm.n_notifications).to_owned());
        for axes in &tables {
            let spot = Spot::new(axes.iter().map(|a| (*a, at[a].clone())).collect());
            members.entry(spot).or_default().push(number);
        }
    }
    let cells = members.iter().map(|(spot, of)| {
        let n = of.iter().map(|f| firms[*f as usize].n_notifications);
        let cell = Contribution {
            values: [of.len() as u64, n.clone().sum(), n.clone().sum()],
            most_findings: n.max().unwrap_or(0),
            keys: [0; 3],
        };
        (spot.clone(), cell)
    });
    Draft {
        span: "2022-H1".parse().unwrap(),
        ledger_seq: 1,
        cells: cells.collect(),
        members,
        tables,
        perturbation: None,
    }
}

fn done(draft: &Draft) -> Protected {
    let done = protect(draft, &Before::nothing(), &Rules::default());
    let done = done.unwrap_or_else(|open| panic!("{open:?}"));
    assert_safe(draft, &done);
    done
}

/// The same, without what is known of the companies: as it was published before.
fn careless(draft: &Draft) -> Protected {
    let without = Draft {
        members: Members::new(),
        ..draft.clone()
    };
    protect(&without, &Before::nothing(), &Rules::default()).unwrap()
}

/// Neither the solver nor plain arithmetic opens anything.
#[track_caller]
fn assert_safe(draft: &Draft, done: &Protected) {
    let shown = std::slice::from_ref(&done.publication);
    let open = opened(shown, &done.known, &done.targets);
    assert!(open.is_empty(), "{open:?}");
    let found = bare_differences(draft, done);
    assert!(found.is_empty(), "{found:?}");
    let secret: BTreeSet<&Spot> = done
        .targets
        .iter()
        .filter(|t| t.beside.is_empty())
        .map(|t| &t.spot)
        .collect();
    for (spot, measure, n) in elimination::with_equal(&done.publication, &equal_cells(draft)) {
        let truth = draft.cells.get(&spot).map_or(0, |c| value(c, measure));
        assert_eq!(n, truth, "{spot} {measure}");
        let is_open = secret.contains(&spot) && truth > 0;
        assert!(!is_open, "{spot} {measure} follows from the rest");
    }
}

fn value(cell: &Contribution, measure: Measure) -> u64 {
    cell.values[Measure::ALL.iter().position(|m| *m == measure).unwrap()]
}

fn sets(draft: &Draft) -> BTreeMap<&Spot, BTreeSet<u32>> {
    let sets = draft.members.iter();
    sets.map(|(spot, of)| (spot, of.iter().copied().collect()))
        .collect()
}

/// Pairs of cells with the same companies, by brute force.
fn equal_cells(draft: &Draft) -> Vec<(Spot, Spot)> {
    let sets = sets(draft);
    let pairs = sets
        .iter()
        .flat_map(|a| sets.iter().map(move |b| (a, b)))
        .filter(|((a, of_a), (b, of_b))| a < b && of_a == of_b);
    pairs
        .map(|((a, _), (b, _))| ((*a).clone(), (*b).clone()))
        .collect()
}

/// Pairs of shown cells of different tables, of which one has one or two companies more.
fn bare_differences(draft: &Draft, done: &Protected) -> Vec<(Spot, Spot)> {
    let is_shown = |spot: &Spot| matches!(done.publication.at(spot), Seen::Figures(_));
    let sets = sets(draft);
    let mut found = Vec::new();
    for (wider, more) in &sets {
        for (spot, of) in &sets {
            let is_few = (1..3).contains(&(more.len().saturating_sub(of.len())));
            let differ = wider.axes() != spot.axes() && is_few && of.is_subset(more);
            if differ && is_shown(wider) && is_shown(spot) {
                found.push(((*wider).clone(), (*spot).clone()));
            }
        }
    }
    found
}

fn at(axis: Axis, value: &str) -> Spot {
    Spot::default().with(axis, value)
}

fn figure(done: &Protected, spot: &Spot) -> Option<u64> {
    match done.publication.at(spot) {
        Seen::Figures([companies, ..]) => Some(companies),
        _ => None,
    }
}

/// The unregistered companies are those without a sector and size; one is a network's owner.
fn unknown_sectors() -> Draft {
    let mut firms: Vec<Firm> = Vec::new();
    for n in 0..40 {
        let (sector, size) = (["A", "C", "J"][n % 3], ["2-9", "10-49"][n % 2]);
        firms.push(firm(["participant", "registered"][n / 20], sector, size));
    }
    firms.extend((0..9).map(|_| firm("unregistered", "", "")));
    firms.push(firm("network_owner", "J", "10-49"));
    let tables = [
        vec![Axis::PartyKind],
        vec![Axis::Sector],
        vec![Axis::SizeClass],
    ];
    draft(&firms, &tables)
}

#[test]
fn companies_without_a_sector_do_not_open_the_kind_that_has_none() {
    let draft = unknown_sectors();
    // What a reader subtracts: the unregistered are those without a sector, or without a size.
    let subtracted = |done: &Protected, unknown: Axis| -> Option<u64> {
        let of = |kind| figure(done, &at(Axis::PartyKind, kind));
        let total = figure(done, &Spot::default())?;
        Some(total - of("participant")? - of("registered")? - figure(done, &at(unknown, ""))?)
    };
    let before = careless(&draft);
    assert_eq!(subtracted(&before, Axis::Sector), Some(1));
    let known = links(&draft);
    let shown = std::slice::from_ref(&before.publication);
    let open = opened(shown, &known, &before.targets);
    assert!(!open.is_empty(), "the attacker knows it too");
    let after = done(&draft);
    for axis in [Axis::Sector, Axis::SizeClass] {
        assert_eq!(subtracted(&after, axis), None, "{axis}");
    }
    assert_eq!(figure(&after, &at(Axis::PartyKind, "network_owner")), None);
}

/// What the attacker is taken to know of the draft.
fn links(draft: &Draft) -> Slices {
    protect(draft, &Before::nothing(), &Rules::default())
        .unwrap()
        .known
}

#[test]
fn a_sum_of_rows_that_is_a_cell_of_another_table_opens_nothing() {
    // Without a sector are the unregistered and the owner of a network, together.
    let mut firms: Vec<Firm> = (0..30)
        .map(|n| firm("registered", ["A", "C"][n % 2], "2-9"))
        .collect();
    firms.extend((0..9).map(|_| firm("unregistered", "", "2-9")));
    firms.push(firm("network_owner", "", "10-49"));
    firms.extend((0..20).map(|_| firm("participant", "J", "10-49")));
    let draft = draft(&firms, &[vec![Axis::PartyKind], vec![Axis::Sector]]);
    let after = done(&draft);
    let sum = |link: &&(usize, Link)| link.1.is_zero && link.1.sum.len() == 3;
    assert!(after.known.links.iter().any(|link| sum(&link)));
    let unknown = figure(&after, &at(Axis::Sector, ""));
    let unregistered = figure(&after, &at(Axis::PartyKind, "unregistered"));
    assert!(unknown.is_none() || unregistered.is_none());
}

/// Letters to participants, one of which had not joined yet, and to others.
fn joined_late() -> LedgerView {
    let letters: Vec<_> = (0..60)
        .map(|n| one(n, 12, vec![(0, n % 3, 0, 0)]))
        .collect();
    let (mut view, _) = history(&letters);
    let mut number = 0;
    super::each_claim(&mut view, |_, frozen| {
        let is_kind = number < 20;
        frozen.party_kind = match is_kind {
            true => PartyKind::Participant,
            false => PartyKind::Registered,
        };
        frozen.participant = is_kind && number > 0;
        number += 1;
    });
    own_findings(&mut view);
    view
}

#[test]
fn two_cells_that_differ_by_a_company_are_not_both_shown() {
    let view = joined_late();
    let tables = [vec![Axis::PartyKind], vec![Axis::Participation]];
    let of_period = facts(&view.records, "2022-H1");
    let draft = guard::draft(&Counting {
        facts: &of_period,
        ledger_seq: view.last_seq,
        tables: with_margins(&tables),
        perturbation: None,
    });
    let spots = [
        at(Axis::PartyKind, "participant"),
        at(Axis::Participation, "participant"),
    ];
    let [kind, taking_part] = spots.each_ref().map(|s| draft.members[s].len());
    assert_eq!((kind, taking_part), (20, 19));
    let both = |done: &Protected| spots.iter().all(|s| figure(done, s).is_some());
    assert!(both(&careless(&draft)), "as it was");
    let after = done(&draft);
    assert!(!both(&after));
    // A figure of the difference is a target like that of a cell.
    let is_difference = |t: &&Target| !t.beside.is_empty();
    assert!(after.targets.iter().any(|t| is_difference(&t)));
    // Published carelessly, an earlier version leaves nothing to protect, and what is open is told.
    let shown = std::slice::from_ref(&careless(&draft).publication).to_vec();
    assert!(!opened(&shown, &after.known, &after.targets).is_empty());
}

/// Companies by number of notifications; one alone has many.
fn warned(counts: &[(u64, u64)]) -> Draft {
    let mut firms = Vec::new();
    for (n_firms, n_notifications) in counts {
        firms.extend((0..*n_firms).map(|n| Firm {
            n_notifications: *n_notifications,
            ..firm("registered", ["A", "C"][n as usize % 2], "2-9")
        }));
    }
    draft(&firms, &[vec![Axis::Warnings], vec![Axis::Sector]])
}

#[test]
fn classes_of_warnings_do_not_open_the_company_with_most() {
    // 30 + 2 × 12 + 3 × 8 + 9 notifications: of 9 companies in the two upper classes, one has six
    // or more, since 33 are more than 9 × 3, and less than 7 × 3 + 2 × 6 + 1.
    let draft = warned(&[(30, 1), (12, 2), (8, 3), (1, 9)]);
    let targets = |draft: &Draft| targets(&Which::Publication(0), &draft.cells, &Rules::default());
    let before = by_class_alone(&draft);
    let shown = std::slice::from_ref(&before);
    assert!(
        !opened(shown, &Slices::one(), &targets(&draft)).is_empty(),
        "the attacker knows what a class says"
    );
    let after = done(&draft);
    let most = feasible(&draft, &after);
    assert!(
        most.contains(&0) && most.iter().any(|n| *n >= 3),
        "{most:?}"
    );
}

/// The two upper classes hidden, the rest shown: enough for rows that add up, and not for this.
fn by_class_alone(draft: &Draft) -> nachtwacht::statistics::guard::Publication {
    let mut publication = careless(draft).publication;
    for (spot, cell) in &draft.cells {
        publication.cells.insert(spot.clone(), Some(cell.values));
    }
    for class in ["3-5", "6+"] {
        publication.cells.insert(at(Axis::Warnings, class), None);
    }
    publication
}

/// How many companies can be in the upper class, by trying all whole numbers.
fn feasible(draft: &Draft, done: &Protected) -> BTreeSet<u64> {
    let of = |class: &str| draft.cells[&at(Axis::Warnings, class)].values;
    let [total_companies, total, _] = draft.cells[&Spot::default()].values;
    assert!(
        figure(done, &Spot::default()).is_some(),
        "the total is shown"
    );
    let is_hidden = |class: &str| figure(done, &at(Axis::Warnings, class)).is_none();
    let mut found = BTreeSet::new();
    let choices = |class: &str, of_one: std::ops::RangeInclusive<u64>| -> Vec<(u64, u64)> {
        if !is_hidden(class) {
            return vec![(of(class)[0], of(class)[1])];
        }
        let most = total_companies;
        let n =
            (0..=most).flat_map(|c| (c * of_one.start()..=c * of_one.end()).map(move |n| (c, n)));
        n.filter(|(_, n)| *n <= total).collect()
    };
    for (c1, n1) in choices("1", 1..=1) {
        for (c2, n2) in choices("2", 2..=2) {
            for (c3, n3) in choices("3-5", 3..=5) {
                let (c, n) = (c1 + c2 + c3, n1 + n2 + n3);
                let fits = c <= total_companies
                    && n <= total
                    && total - n >= 6 * (total_companies - c)
                    && (total - n == 0 || total_companies > c);
                if fits {
                    found.insert(total_companies - c);
                }
            }
        }
    }
    found
}

/// A register in which kinds, sectors, sizes and participation hang together, as they do.
fn random(seed: u64) -> Draft {
    let mut dice = Dice(seed);
    let n_firms = 30 + dice.below(90);
    let firms: Vec<Firm> = (0..n_firms)
        .map(|_| {
            let kind =
                ["participant", "registered", "registered", "unregistered"][dice.below(4) as usize];
            let kind = if dice.below(40) == 0 {
                "network_owner"
            } else {
                kind
            };
            let is_known = kind != "unregistered" || dice.below(12) == 0;
            let of = |list: &[&str], n: u64| list[n as usize % list.len()].to_owned();
            let (a, b) = (dice.below(5).min(dice.below(5)), dice.below(3));
            let sector = of(&["A", "C", "G", "J", "P"], a);
            let size = of(&["2-9", "10-49", "250+"], b);
            let takes_part = kind == "participant" && dice.below(15) > 0;
            let known = |text: String| if is_known { text } else { String::new() };
            let taking = if takes_part { "participant" } else { "other" };
            Firm {
                at: vec![
                    (Axis::PartyKind, kind.into()),
                    (Axis::Sector, known(sector)),
                    (Axis::SizeClass, known(size)),
                    (Axis::Participation, taking.into()),
                ],
                n_notifications: 1 + dice.below(4) + dice.below(2) * dice.below(5),
            }
        })
        .collect();
    let tables = [
        vec![Axis::PartyKind],
        vec![Axis::Sector, Axis::SizeClass],
        vec![Axis::Participation, Axis::Warnings],
    ];
    draft(&firms, &tables)
}

#[test]
fn no_pair_of_shown_cells_of_random_tables_differs_by_a_company_or_two() {
    let (mut n_before, mut n_open, mut hidden, mut n_cells) = (0, 0, [0, 0], 0);
    for seed in 0..24 {
        let draft = random(seed);
        let before = careless(&draft);
        n_before += usize::from(!bare_differences(&draft, &before).is_empty());
        // Refused as a whole where nothing else helps: then nothing is shown at all.
        let Ok(after) = protect(&draft, &Before::nothing(), &Rules::default()) else {
            continue;
        };
        assert_safe(&draft, &after);
        let shown = std::slice::from_ref(&before.publication);
        n_open += usize::from(!opened(shown, &after.known, &after.targets).is_empty());
        hidden[0] += before.publication.n_secret();
        hidden[1] += after.publication.n_secret();
        n_cells += draft.cells.len();
    }
    println!(
        "{n_before} of 24 showed such a pair, {n_open} could be opened; hidden of {n_cells} cells: {hidden:?}"
    );
    assert!(
        n_before > 3 && n_open > 12,
        "{n_before}, {n_open}: the test proves nothing"
    );
}

#[test]
fn what_an_earlier_publication_of_the_same_letters_opened_is_refused() {
    let draft = unknown_sectors();
    let earlier = careless(&draft).publication;
    let mut before = Before::nothing();
    // Both are of the same letters, and so are the relations.
    before.slices = links(&draft);
    before.slices.of = vec![vec![true, true]];
    let is_secret = |t: &Target| earlier.cells.get(&t.spot) == Some(&None);
    let all = targets(&Which::Publication(0), &draft.cells, &Rules::default());
    before.targets = all.into_iter().filter(is_secret).collect();
    before.publications = vec![earlier];
    let Err(open) = protect(&draft, &before, &Rules::default()) else {
        panic!("it was published although the owner of a network is open");
    };
    // Its own secrets are; those of the earlier one are beyond help, and stop nothing.
    let owner = at(Axis::PartyKind, "network_owner");
    assert!(open.iter().any(|t| t.spot == owner), "{open:?}");
    assert!(
        open.iter().all(|t| t.which == Which::Publication(1)),
        "{open:?}"
    );
}

/// Protects random tables with changed figures: none is refused, and nothing can be worked out of any.
fn differences_are_hidden(perturbation: Perturbation) {
    let mut n_differences = 0;
    for seed in 0..24 {
        let mut draft = random(seed);
        let mut dice = Dice(seed);
        let keys: Vec<u64> = (0..200).map(|_| dice.below(u64::MAX)).collect();
        for (spot, cell) in &mut draft.cells {
            let of = draft.members[spot].iter();
            let sum = of.fold(0u64, |sum, f| sum.wrapping_add(keys[*f as usize]));
            cell.keys = [sum, sum.rotate_left(7), sum.rotate_left(13)];
        }
        draft.perturbation = Some(perturbation);
        let done = protect(&draft, &Before::nothing(), &Rules::default());
        let done = done.unwrap_or_else(|open| panic!("{seed}: {open:?}"));
        let shown = std::slice::from_ref(&done.publication);
        assert!(
            opened(shown, &done.known, &done.targets).is_empty(),
            "{seed}"
        );
        n_differences += done.targets.iter().filter(|t| !t.beside.is_empty()).count();
    }
    assert!(n_differences > 0);
}

#[test]
fn cell_keys_hide_differences_too() {
    differences_are_hidden(Perturbation::CellKey(Noise {
        most: 3,
        min_companies: 3,
    }));
}

#[test]
fn rounding_hides_differences_too() {
    differences_are_hidden(Perturbation::Rounding(Rounding { base: 5 }));
}
