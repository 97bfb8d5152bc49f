//! What holds between distinct companies and findings of different periods.

use std::collections::BTreeSet;

use super::attack::{Model, Slices, Which};
use super::publication::{Measure, Publication, Seen, Spot};
use super::solve::Terms;

impl Slices {
    /// Are the letters of a publication all in the other?
    pub(super) fn is_within(&self, short: usize, long: usize) -> bool {
        self.of_publication(short).all(|s| self.is_in(s, long))
    }

    /// Slices of a publication, in order.
    pub(super) fn of_publication(&self, publication: usize) -> impl Iterator<Item = usize> {
        let all = 0..self.of.len();
        all.filter(move |s| self.is_in(*s, publication))
    }

    /// Publications among `parts` that together leave no letter of `long` out, and none of which is needless: as
    /// short ones as there are, and as long ones.
    pub(super) fn covers(&self, long: usize, parts: &[usize]) -> BTreeSet<Vec<usize>> {
        let mut parts = parts.to_vec();
        parts.sort_by_key(|p| self.of_publication(*p).count());
        let of_short = self.cover(long, &parts);
        parts.reverse();
        of_short
            .into_iter()
            .chain(self.cover(long, &parts))
            .collect()
    }

    /// Takes those that add something, in their order, then leaves out what later ones made needless.
    fn cover(&self, long: usize, parts: &[usize]) -> Option<Vec<usize>> {
        let mut left: BTreeSet<usize> = self.of_publication(long).collect();
        let mut cover: Vec<usize> = Vec::new();
        for p in parts {
            let n = left.len();
            left.retain(|s| !self.is_in(*s, *p));
            if left.len() < n {
                cover.push(*p);
            }
        }
        for p in cover.clone() {
            let others: Vec<usize> = cover.iter().copied().filter(|o| *o != p).collect();
            let is_in_others = |s| others.iter().any(|o| self.is_in(s, *o));
            if self.of_publication(long).all(is_in_others) {
                cover = others;
            }
        }
        cover.sort_unstable();
        left.is_empty().then_some(cover)
    }
}

impl Model<'_> {
    /// A period that holds another has no fewer distinct companies and findings.
    pub(super) fn longer_is_more(&mut self, publications: &[Publication], measure: Measure) {
        for short in 0..publications.len() {
            for long in 0..publications.len() {
                if short == long || !self.slices.is_within(short, long) {
                    continue;
                }
                let spots: Vec<(Spot, usize)> = self
                    .numbers
                    .iter()
                    .filter(|((unit, spot, m), _)| {
                        let is_apart = |p| self.slices.is_apart(p, spot);
                        (*unit, *m) == (short, measure) && !is_apart(short) && !is_apart(long)
                    })
                    .map(|((_, spot, _), number)| (spot.clone(), *number))
                    .collect();
                for (spot, less) in spots {
                    if let Some(more) = self.numbers.get(&(long, spot, measure)) {
                        let more = vec![(*more, 1.0)];
                        self.at_least(&more, &vec![(less, 1.0)]);
                    }
                }
            }
        }
    }

    /// A period has no more distinct companies and findings than shorter ones together that leave none of
    /// its letters out.
    pub(super) fn no_more_than_its_parts(
        &mut self,
        publications: &[Publication],
        measure: Measure,
    ) {
        for long in 0..publications.len() {
            let spots = self
                .numbers
                .keys()
                .filter(|k| (k.0, k.2) == (long, measure));
            let spots: Vec<Spot> = spots.map(|(_, spot, _)| spot.clone()).collect();
            for spot in spots.iter().filter(|s| !self.slices.is_apart(long, s)) {
                let whole = self.terms(&Which::Publication(long), spot, measure);
                for parts in self.sums_of_parts(publications, long, spot, measure) {
                    self.at_least(&parts, &whole);
                }
            }
        }
    }

    /// Sums over periods that make up another.
    fn sums_of_parts(
        &self,
        publications: &[Publication],
        long: usize,
        spot: &Spot,
        measure: Measure,
    ) -> Vec<Terms> {
        let at = |p: usize| self.terms(&Which::Publication(p), spot, measure);
        let is_part = |p: &usize| *p != long && self.slices.is_within(*p, long);
        // A row that a table does not have is zero. Where there is no such table, nobody knows what is in it.
        let is_zero = |p: usize| {
            let publication = publications.get(p).filter(|p| p.perturbation.is_none());
            publication.is_some_and(|p| p.at(spot) == Seen::Figures([0; 3]))
        };
        let is_alike =
            |p: &usize| !self.slices.is_apart(*p, spot) && (is_zero(*p) || !at(*p).is_empty());
        let parts = (0..publications.len()).filter(is_part).filter(is_alike);
        let covers = self.slices.covers(long, &parts.collect::<Vec<_>>());
        covers
            .into_iter()
            .map(|cover| cover.into_iter().flat_map(at).collect())
            .collect()
    }
}
