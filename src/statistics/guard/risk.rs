//! Which cells are secret in themselves, and what must stay uncertain about them.

use std::collections::{BTreeMap, BTreeSet};

use super::attack::{Target, Which};
use super::publication::{Measure, Spot, Values, splits, value};
use super::relate::Difference;
use crate::statistics::period::Axis;

/// When a cell is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A cell with companies, but fewer than this, is secret. Never below three.
    pub min_companies: u64,
    /// So is one in which a company has more than this share of the findings.
    pub dominance_percent: u64,
    /// A secret figure must stay uncertain by this share, and by one at least, to both sides.
    pub margin_percent: u64,
    /// A group of fewer companies than this in which all have the same threat is secret.
    pub group_below: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            min_companies: 3,
            dominance_percent: 75,
            margin_percent: 20,
            group_below: 10,
        }
    }
}

/// What a cell is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contribution {
    /// Its figures.
    pub values: Values,
    /// Findings of the company that has the most of them.
    pub most_findings: u64,
    /// Sums of the random numbers of what is counted, see `Noise`; zeros where there are none.
    pub keys: Values,
}

/// The cells of tables, with all their margins. A cell that is not here is zero.
pub type Contributions = BTreeMap<Spot, Contribution>;

/// Is the cell secret for what it is made of?
#[must_use]
pub fn is_sensitive(cell: &Contribution, rules: &Rules) -> bool {
    let [companies, _, findings] = cell.values;
    let is_small = (1..rules.min_companies.max(3)).contains(&companies);
    is_small || cell.most_findings * 100 > findings * rules.dominance_percent
}

/// What must stay uncertain about the sensitive cells of these letters.
#[must_use]
pub fn targets(which: &Which, cells: &Contributions, rules: &Rules) -> Vec<Target> {
    let mut targets = Vec::new();
    for (spot, cell) in cells.iter().filter(|(_, c)| is_sensitive(c, rules)) {
        for &measure in Measure::ALL {
            // Distinct things cannot be subtracted over time.
            let is_left_over = matches!(which, Which::Slices(_));
            let n = value(&cell.values, measure);
            if n == 0 || (is_left_over && measure != Measure::Notifications) {
                continue;
            }
            targets.push(uncertain(which, (spot, Vec::new()), measure, n, rules));
        }
    }
    targets
}

/// A count that must stay uncertain to both sides.
fn uncertain(
    which: &Which,
    (spot, beside): (&Spot, Vec<(Spot, i64)>),
    measure: Measure,
    n: u64,
    rules: &Rules,
) -> Target {
    let margin = (n * rules.margin_percent).div_ceil(100).max(1);
    let least = match measure {
        Measure::Companies => rules.min_companies.max(3),
        _ => 0,
    };
    Target {
        which: which.clone(),
        spot: spot.clone(),
        beside,
        measure,
        at_most: Some(n.saturating_sub(margin)),
        at_least: Some(least.max(n + margin)),
    }
}

/// A few companies by which cells differ are as secret as a cell of their own would be.
#[must_use]
pub(super) fn small_differences(
    which: &Which,
    differences: &[Difference],
    cells: &Contributions,
    rules: &Rules,
) -> Vec<Target> {
    let mut targets = Vec::new();
    for difference in differences {
        let Some(((spot, _), beside)) = difference.sum.split_first() else {
            continue;
        };
        for &measure in difference.of {
            let (mut more, mut less) = (0, 0);
            for (cell, sign) in &difference.sum {
                let n = cells.get(cell).map_or(0, |c| value(&c.values, measure));
                *if *sign > 0 { &mut more } else { &mut less } += n;
            }
            let n: u64 = u64::saturating_sub(more, less);
            if n > 0 {
                targets.push(uncertain(which, (spot, beside.to_vec()), measure, n, rules));
            }
        }
    }
    targets
}

/// Small groups of companies that all have the same: the zeros beside them would tell what each
/// of them has.
#[must_use]
pub fn groups_with_one_value(
    which: &Which,
    tables: &BTreeSet<Vec<Axis>>,
    cells: &Contributions,
    rules: &Rules,
) -> Vec<Target> {
    let companies = |spot: &Spot| {
        cells
            .get(spot)
            .map_or(0, |c| value(&c.values, Measure::Companies))
    };
    let mut targets = Vec::new();
    for split in splits(tables, cells.keys()) {
        let is_group = split.whole.axes().iter().any(|a| !a.is_secret_of_company());
        let n = companies(&split.whole);
        if !is_group || !split.axis.is_secret_of_company() || n == 0 || n >= rules.group_below {
            continue;
        }
        let mut filled = split.parts.iter().filter(|p| companies(p) > 0);
        if let (Some(only), None) = (filled.next(), filled.next())
            && split.parts.len() > 1
        {
            targets.push(Target {
                which: which.clone(),
                spot: only.clone(),
                beside: Vec::new(),
                measure: Measure::Companies,
                at_most: Some(n - 1),
                at_least: None,
            });
        }
    }
    targets
}
