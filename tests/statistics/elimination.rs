//! An attacker without a solver: rows that add up, and Gauss.

use std::collections::{BTreeMap, BTreeSet};

use nachtwacht::statistics::guard::{Measure, Publication, Seen, Spot};
use nachtwacht::statistics::period::Axis;

/// The secret cells whose value follows from the others by adding and subtracting alone.
pub fn determined(of: &Publication) -> Vec<(Spot, Measure, u64)> {
    with_equal(of, &[])
}

/// The same for somebody who knows of pairs of cells that they are about the same companies.
pub fn with_equal(of: &Publication, equal: &[(Spot, Spot)]) -> Vec<(Spot, Measure, u64)> {
    let mut values: BTreeMap<Axis, BTreeSet<String>> = BTreeMap::new();
    for spot in of.cells.keys() {
        for (axis, value) in spot.of() {
            values.entry(*axis).or_default().insert(value.clone());
        }
    }
    let mut found = Vec::new();
    for (m, &measure) in Measure::ALL.iter().enumerate() {
        let mut unknown: Vec<Spot> = Vec::new();
        let mut rows: Vec<(BTreeMap<usize, f64>, f64)> = Vec::new();
        for axes in &of.tables {
            for &axis in axes {
                if !measure.adds_up(axis) {
                    continue;
                }
                let rest: Vec<Axis> = axes.iter().copied().filter(|a| *a != axis).collect();
                for whole in wholes(&rest, &values) {
                    let parts = values[&axis].iter().map(|v| whole.with(axis, v));
                    let sum = parts.map(|p| (p, 1.0)).chain([(whole.clone(), -1.0)]);
                    rows.push(row(of, m, sum, &mut unknown));
                }
            }
        }
        for (a, b) in equal {
            let sum = [(a.clone(), 1.0), (b.clone(), -1.0)];
            rows.push(row(of, m, sum.into_iter(), &mut unknown));
        }
        for (at, n) in solved(rows, unknown.len()) {
            found.push((unknown[at].clone(), measure, n));
        }
    }
    found
}

/// A sum of cells that is zero.
fn row(
    of: &Publication,
    m: usize,
    sum: impl Iterator<Item = (Spot, f64)>,
    unknown: &mut Vec<Spot>,
) -> (BTreeMap<usize, f64>, f64) {
    let mut row = (BTreeMap::new(), 0.0);
    for (spot, factor) in sum {
        match of.at(&spot) {
            Seen::Figures(f) => row.1 -= factor * f[m] as f64,
            Seen::Secret => {
                let at = unknown.iter().position(|u| *u == spot);
                let at = at.unwrap_or_else(|| {
                    unknown.push(spot);
                    unknown.len() - 1
                });
                *row.0.entry(at).or_insert(0.0) += factor;
            }
            Seen::Nothing => panic!("{spot} is in no table"),
        }
    }
    row
}

fn wholes(rest: &[Axis], values: &BTreeMap<Axis, BTreeSet<String>>) -> Vec<Spot> {
    match rest {
        [] => vec![Spot::default()],
        [axis] => values[axis]
            .iter()
            .map(|v| Spot::default().with(*axis, v))
            .collect(),
        _ => panic!("a table has two axes at most"),
    }
}

/// Gauss and Jordan: the unknowns that stand alone in a row.
fn solved(rows: Vec<(BTreeMap<usize, f64>, f64)>, n: usize) -> Vec<(usize, u64)> {
    let mut dense: Vec<Vec<f64>> = rows
        .into_iter()
        .map(|(terms, rhs)| {
            let mut row = vec![0.0; n + 1];
            terms.into_iter().for_each(|(at, f)| row[at] = f);
            row[n] = rhs;
            row
        })
        .collect();
    let mut top = 0;
    for column in 0..n {
        let Some(pivot) = (top..dense.len()).find(|r| dense[*r][column].abs() > 1e-9) else {
            continue;
        };
        dense.swap(top, pivot);
        let scale = dense[top][column];
        dense[top].iter_mut().for_each(|v| *v /= scale);
        let row = dense[top].clone();
        for (r, other) in dense.iter_mut().enumerate() {
            let factor = other[column];
            if r != top && factor.abs() > 1e-9 {
                other
                    .iter_mut()
                    .zip(&row)
                    .for_each(|(v, p)| *v -= factor * p);
            }
        }
        top += 1;
    }
    let alone = dense.iter().filter_map(|row| {
        let mut at = (0..n).filter(|c| row[*c].abs() > 1e-9);
        match (at.next(), at.next()) {
            (Some(only), None) => Some((only, (row[n] / row[only]).round() as u64)),
            _ => None,
        }
    });
    alone.collect()
}
