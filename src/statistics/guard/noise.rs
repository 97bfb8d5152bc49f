//! Cell keys: figures are moved a little, by what stands behind them.
//!
//! Every company, notification and finding has a random number of its own, out of the secret of
//! the ledger. Their sum in a cell is the cell's key, and the key alone says by how much the
//! figure is moved: the same companies give the same figure, on every night and in every table,
//! so that nothing is won by averaging. (The method of the Australian Bureau of Statistics,
//! Fraser and Wooton, 2005; here with a threshold, since small cells show zero.)

use super::publication::{Measure, Values, value};
use super::risk::Contribution;

/// How figures are moved. An attacker is taken to know this, and not the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    /// A figure is moved by this at most, up or down.
    pub most: u64,
    /// A cell with fewer companies shows zeros; so do some that have as many or a few more.
    pub min_companies: u64,
}

impl Noise {
    /// Is it wide enough that a zero may hide as many companies as the threshold asks for?
    #[must_use]
    pub const fn is_enough(&self) -> bool {
        self.most >= self.min_companies.div_ceil(2)
    }

    /// What is shown of a cell: zeros throughout, or figures that are moved.
    #[must_use]
    pub fn shown(&self, cell: &Contribution) -> Values {
        let companies = self.companies(cell);
        let [_, notifications, findings] = cell.values;
        let [_, of_notifications, of_findings] = cell.keys;
        if companies == 0 {
            return [0; 3];
        }
        let moved = |n: u64, key: u64| match n {
            0 => 0,
            n => self.moved(n, key),
        };
        [
            companies,
            moved(notifications, of_notifications),
            moved(findings, of_findings),
        ]
    }

    fn companies(&self, cell: &Contribution) -> u64 {
        let [companies, ..] = cell.values;
        let [key, ..] = cell.keys;
        if companies < self.min_companies {
            return 0;
        }
        match self.moved(companies, key) {
            n if n >= self.min_companies => n,
            n if 2 * n < self.min_companies => 0,
            _ => self.min_companies,
        }
    }

    fn moved(&self, n: u64, key: u64) -> u64 {
        (n + mixed(key) % (2 * self.most + 1)).saturating_sub(self.most)
    }

    /// So many companies can stand behind zeros.
    #[must_use]
    pub const fn most_behind_zero(&self) -> u64 {
        self.most + (self.min_companies - 1) / 2
    }

    /// The least and the greatest figure that can stand behind what is shown.
    #[must_use]
    pub fn bounds(&self, shown: &Values, measure: Measure) -> (f64, f64) {
        let [companies, ..] = *shown;
        let n = value(shown, measure);
        let (least, most) = match (measure, companies) {
            (Measure::Companies, 0) => (0, self.most_behind_zero()),
            (_, 0) => return (0.0, f64::INFINITY),
            (Measure::Companies, _) => (
                n.saturating_sub(self.most).max(self.min_companies),
                n.saturating_add(self.most),
            ),
            _ => (n.saturating_sub(self.most), n.saturating_add(self.most)),
        };
        (least as f64, most as f64)
    }
}

/// Spreads a sum of keys evenly (SplitMix64).
pub(crate) const fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(companies: u64, key: u64) -> Contribution {
        Contribution {
            values: [companies, 2 * companies, 3 * companies],
            keys: [key, key + 1, key + 2],
            ..Contribution::default()
        }
    }

    #[test]
    fn the_truth_lies_within_the_bounds_and_every_bound_is_reached() {
        for (most, min_companies) in [(2, 3), (3, 3), (5, 4), (4, 7)] {
            let noise = Noise {
                most,
                min_companies,
            };
            assert!(noise.is_enough());
            let mut reached = std::collections::BTreeMap::new();
            for companies in 0..40 {
                for key in 0..400 {
                    let cell = cell(companies, key * 7919);
                    let shown = noise.shown(&cell);
                    for &measure in Measure::ALL {
                        let (least, greatest) = noise.bounds(&shown, measure);
                        let n = value(&cell.values, measure) as f64;
                        assert!(least <= n && n <= greatest, "{cell:?} {shown:?} {measure}");
                    }
                    let (low, high) = reached.entry(shown[0]).or_insert((companies, companies));
                    *low = companies.min(*low);
                    *high = companies.max(*high);
                }
            }
            assert!(reached.keys().all(|n| *n == 0 || *n >= min_companies));
            for (shown, (low, high)) in reached.into_iter().filter(|(n, _)| *n < 30) {
                let bounds = noise.bounds(&[shown, 0, 0], Measure::Companies);
                assert_eq!(bounds, (low as f64, high as f64), "{shown} with {noise:?}");
            }
        }
    }

    #[test]
    fn figures_from_the_threshold_on_are_moved_to_both_sides_alike() {
        let noise = Noise {
            most: 3,
            min_companies: 3,
        };
        for companies in [3, 4, 20] {
            let n = 70_000;
            let sum: u64 = (0..n)
                .map(|key| noise.shown(&cell(companies, key * 31))[0])
                .sum();
            let mean = sum as f64 / n as f64;
            assert!(
                (mean - companies as f64).abs() < 0.03,
                "{companies}: {mean}"
            );
        }
    }
}
