//! From the letters of a period to what would be published, and what earlier publications left.

use std::collections::BTreeSet;

use super::attack::{Slices, Target, Which, allow_existence};
use super::between::few_companies;
use super::perturbation::Perturbation;
use super::protect::{Before, Draft};
use super::publication::{Measure, Publication, Spot, value};
use super::relate::{Members, related};
use super::risk::{Contribution, Contributions, Rules, small_differences, targets};
use crate::statistics::period::{
    Axis, Facts, InWindow, Row, Window, WithMembers, count_in, count_members, slices,
};

/// What a draft is counted from.
pub struct Counting<'f> {
    /// The letters of the period.
    pub facts: &'f Facts,
    /// The ledger that was counted.
    pub ledger_seq: u64,
    /// The tables with their margins.
    pub tables: BTreeSet<Vec<Axis>>,
    /// How figures are changed; the facts then have keys.
    pub perturbation: Option<Perturbation>,
}

/// What would be published of the period.
#[must_use]
pub fn draft(counting: &Counting<'_>) -> Draft {
    let facts = counting.facts;
    let (cells, members) = with_members(&counting.tables, |tables| count_members(facts, tables));
    Draft {
        span: facts.span(),
        ledger_seq: counting.ledger_seq,
        tables: counting.tables.clone(),
        cells,
        members,
        perturbation: counting.perturbation,
    }
}

/// Cells with the companies behind them.
fn with_members(
    tables: &BTreeSet<Vec<Axis>>,
    count: impl Fn(&[Vec<Axis>]) -> Vec<WithMembers>,
) -> (Contributions, Members) {
    let mut members = Members::new();
    let list: Vec<Vec<Axis>> = tables.iter().cloned().collect();
    let counted = count(&list);
    for (axes, table) in list.iter().zip(&counted) {
        for (key, companies) in &table.members {
            let at = axes.iter().copied().zip(key.iter().cloned()).collect();
            members.insert(Spot::new(at), companies.clone());
        }
    }
    let cells = contributions(tables, |_| counted.into_iter().map(|t| t.rows).collect());
    (cells, members)
}

fn contributions(
    tables: &BTreeSet<Vec<Axis>>,
    count_all: impl FnOnce(&[Vec<Axis>]) -> Vec<Vec<Row>>,
) -> Contributions {
    let mut cells = Contributions::new();
    let tables: Vec<Vec<Axis>> = tables.iter().cloned().collect();
    for (axes, rows) in tables.iter().zip(count_all(&tables)) {
        for row in rows {
            let counts = row.figures.counts;
            let values = [counts.companies, counts.notifications, counts.findings];
            if !axes.is_empty() && values == [0; 3] {
                continue;
            }
            let at = axes.iter().copied().zip(row.key).collect();
            let cell = Contribution {
                values,
                most_findings: row.figures.most_findings,
                keys: row.figures.keys,
            };
            cells.insert(Spot::new(at), cell);
        }
    }
    cells
}

/// What earlier publications say, and what must stay uncertain about them and about the letters
/// that are left when one is subtracted from another. `facts` are the letters of all of them.
#[must_use]
pub fn before(
    mut earlier: Vec<Publication>,
    draft: &Draft,
    facts: &Facts,
    rules: &Rules,
) -> Before {
    let mut windows: Vec<Window> = earlier
        .iter()
        .map(|p| Window {
            span: p.span,
            ledger_seq: p.ledger_seq,
        })
        .collect();
    windows.push(Window {
        span: draft.span,
        ledger_seq: draft.ledger_seq,
    });
    let sliced = slices(facts, &windows);
    let mut all: Vec<Target> = Vec::new();
    let mut slices = Slices {
        of: sliced.slices.clone(),
        ..Slices::default()
    };
    let mut by_publication: Vec<Members> = Vec::new();
    let tables = earlier.iter().flat_map(|p| &p.tables);
    let tables: BTreeSet<Vec<Axis>> = tables.chain(&draft.tables).cloned().collect();
    for (which, of) in subsets(&slices, windows.len()) {
        let whole = contributions(&tables, |tables| count_in(facts, tables, &sliced, &of));
        let Which::Publication(p) = which else {
            let left = targets(&which, &whole, rules).into_iter();
            all.extend(left.filter(|t| !t.spot.is_of_period()));
            continue;
        };
        let Some(window) = windows.get(p) else {
            continue;
        };
        let tables = earlier.get(p).map_or(&draft.tables, |e| &e.tables).clone();
        let of_window = InWindow::of(facts, window);
        let (own, mut members) = with_members(&tables, |tables| of_window.count_members(tables));
        let mut differing = difference(&own, &whole);
        // The draft's own targets and relations are added later.
        if let Some(publication) = earlier.get_mut(p) {
            if publication.perturbation.is_some() {
                // Those that show zeros are not listed.
                for spot in own.keys() {
                    let cell = publication.cells.entry(spot.clone());
                    cell.or_insert(Some([0; 3]));
                }
            }
            let mut secret = targets(&which, &own, rules);
            let related = related(&tables, &members, rules.min_companies);
            secret.extend(small_differences(&which, &related.differences, &own, rules));
            allow_existence(&mut secret, publication.perturbation);
            all.extend(secret);
            let links = related.links.into_iter().map(|link| (p, link));
            slices.links.extend(links);
            let otherwise = shown_otherwise(publication, &own);
            members.retain(|spot, _| !otherwise.contains(spot));
            differing.extend(otherwise);
        }
        let is_there = |spot: &Spot| tables.contains(&spot.axes());
        let differing = differing.into_iter().filter(is_there);
        slices.moved.extend(differing.map(|spot| (p, spot)));
        by_publication.push(members);
    }
    // What an earlier publication shows openly was no secret then, and cannot become one.
    all.retain(|t| match t.which {
        Which::Publication(p) => earlier
            .get(p)
            .is_some_and(|e| e.perturbation.is_some() || is_hidden_in(e, t)),
        Which::Slices(_) | Which::Sum(_) => true,
    });
    all.extend(few_companies(&by_publication, &slices, rules));
    let same_period = earlier.iter().filter(|p| p.span == draft.span);
    let hidden = same_period.flat_map(Publication::secret).cloned();
    Before {
        hidden: hidden.collect(),
        publications: earlier,
        slices,
        targets: all,
    }
}

/// Where the letters of a publication come to other figures today than can stand behind what it shows: a receipt that
/// came late can make an earlier try the first one.
fn shown_otherwise(publication: &Publication, own: &Contributions) -> BTreeSet<Spot> {
    let is_otherwise = |spot: &&Spot| {
        let values = own.get(spot).map_or([0; 3], |cell| cell.values);
        Measure::ALL.iter().any(|measure| {
            let n = value(&values, *measure) as f64;
            let bounds = publication.bounds(spot, *measure);
            bounds.is_some_and(|(least, greatest)| n < least || n > greatest)
        })
    };
    let listed = publication.cells.keys();
    listed.filter(is_otherwise).cloned().collect()
}

/// Is a cell hidden, for the target's sake or another's?
fn is_hidden_in(publication: &Publication, target: &Target) -> bool {
    let mut cells = target.cells();
    cells.any(|(spot, _)| publication.cells.get(spot) == Some(&None))
}

/// Where what is published differs from what its letters are in the longer period.
fn difference(own: &Contributions, whole: &Contributions) -> BTreeSet<Spot> {
    let spots: BTreeSet<&Spot> = own.keys().chain(whole.keys()).collect();
    let values = |cells: &Contributions, spot: &Spot| cells.get(spot).map(|c| c.values);
    let differs = |spot: &&&Spot| values(own, spot) != values(whole, spot);
    let differing = spots.iter().filter(differs);
    differing.map(|s| (*s).clone()).collect()
}

/// The publications, each slice, and what is left of a publication without one that it holds.
fn subsets(slices: &Slices, n: usize) -> Vec<(Which, BTreeSet<usize>)> {
    let of = |p: usize| slices.of_publication(p).collect();
    let publications: Vec<BTreeSet<usize>> = (0..n).map(of).collect();
    let mut seen: BTreeSet<BTreeSet<usize>> = publications.iter().cloned().collect();
    let mut all: Vec<(Which, BTreeSet<usize>)> = publications
        .iter()
        .enumerate()
        .map(|(p, of)| (Which::Publication(p), of.clone()))
        .collect();
    let mut add = |of: BTreeSet<usize>| {
        if !of.is_empty() && seen.insert(of.clone()) {
            all.push((Which::Slices(of.iter().copied().collect()), of));
        }
    };
    for slice in 0..slices.of.len() {
        add(BTreeSet::from([slice]));
    }
    for long in &publications {
        for short in publications.iter().filter(|s| s.is_subset(long)) {
            add(long.difference(short).copied().collect());
        }
    }
    all
}
