//! Few companies by which periods differ: distinct companies do not add up over time, but they can be subtracted.

use std::collections::BTreeMap;

use super::attack::{Slices, Target, Which};
use super::companies::Set;
use super::publication::{Measure, Spot};
use super::relate::Members;
use super::risk::Rules;

/// A few companies that are in one period and not in another, or in two, as sums of what is published of
/// one cell; they are as secret as a cell of their own would be. `by_publication` are the companies behind the
/// cells of each publication, under the same numbers.
#[must_use]
pub(super) fn few_companies(
    by_publication: &[Members],
    slices: &Slices,
    rules: &Rules,
) -> Vec<Target> {
    let most = by_publication
        .iter()
        .flat_map(BTreeMap::values)
        .flatten()
        .max();
    let n = most.map_or(0, |most| *most as usize + 1);
    let sets = |members: &Members| -> BTreeMap<Spot, Set> {
        let members = members.iter();
        let lasting = members.filter(|(spot, _)| !spot.is_of_period());
        lasting
            .map(|(spot, of)| (spot.clone(), Set::of(of, n)))
            .collect()
    };
    let between = Between {
        sets: by_publication.iter().map(sets).collect(),
        slices,
        min: rules.min_companies.max(3),
    };
    (0..by_publication.len())
        .flat_map(|long| between.within(long))
        .collect()
}

struct Between<'s> {
    sets: Vec<BTreeMap<Spot, Set>>,
    slices: &'s Slices,
    min: u64,
}

impl Between<'_> {
    /// A period, less one that it holds; and those that make it up, less the period.
    fn within(&self, long: usize) -> Vec<Target> {
        let is_part = |p: &usize| *p != long && self.slices.is_within(*p, long);
        let parts: Vec<usize> = (0..self.sets.len()).filter(is_part).collect();
        let mut targets = Vec::new();
        for (spot, of_long) in self.sets.get(long).into_iter().flatten() {
            let alike = parts.iter().filter(|p| self.is_alike(**p, spot, of_long));
            let alike: Vec<usize> = alike.copied().collect();
            for short in &alike {
                targets.extend(self.few(vec![(long, 1), (*short, -1)], spot));
            }
            for cover in self.slices.covers(long, &alike) {
                let sum = cover.into_iter().map(|p| (p, 1)).chain([(long, -1)]);
                targets.extend(self.few(sum.collect(), spot));
            }
        }
        targets
    }

    /// Are the companies of a part those of the whole that are in the part at all? One that was of another
    /// class in the part cannot be subtracted, and nobody outside knows of it. A cell under the
    /// threshold is secret itself, and so is what differs from it.
    fn is_alike(&self, part: usize, spot: &Spot, whole: &Set) -> bool {
        let of = |spot: &Spot| self.sets.get(part).and_then(|sets| sets.get(spot));
        let (Some(here), Some(all)) = (of(spot), of(&Spot::default())) else {
            return false;
        };
        here.n() >= self.min && here.beyond(whole) == 0 && whole.shared(all) == here.n()
    }

    /// The sum, where it comes to a few companies. That there are enough must seem possible; that there are some
    /// a third period may show.
    fn few(&self, sum: Vec<(usize, i64)>, spot: &Spot) -> Option<Target> {
        let n = |p: usize| {
            self.sets
                .get(p)
                .and_then(|sets| sets.get(spot))
                .map_or(0, Set::n)
        };
        let of = |sign: i64| {
            sum.iter()
                .filter(move |(_, s)| *s == sign)
                .map(|(p, _)| n(*p))
        };
        let few = of(1).sum::<u64>().saturating_sub(of(-1).sum());
        (1..self.min).contains(&few).then(|| Target {
            which: Which::Sum(sum),
            spot: spot.clone(),
            beside: Vec::new(),
            measure: Measure::Companies,
            at_most: None,
            at_least: Some(self.min),
        })
    }
}
