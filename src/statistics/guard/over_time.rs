//! What holds between distinct companies and findings of different periods.

use std::collections::BTreeSet;

use super::attack::{Model, Slices, Which};
use super::publication::{Measure, Publication, Spot};
use super::solve::Terms;

impl Slices {
    /// Are the letters of a publication all in the other?
    pub(super) fn is_within(&self, short: usize, long: usize) -> bool {
        let mut all = 0..self.of.len();
        all.all(|s| !self.is_in(s, short) || self.is_in(s, long))
    }

    /// Slices of a publication.
    fn n_of(&self, publication: usize) -> usize {
        (0..self.of.len())
            .filter(|s| self.is_in(*s, publication))
            .count()
    }

    /// Those of the publications `among`, taken in their order where they add something, that together leave
    /// no letter of `long` out.
    fn cover(&self, long: usize, among: &[usize]) -> Option<Vec<usize>> {
        let mut left: BTreeSet<usize> = (0..self.of.len())
            .filter(|s| self.is_in(*s, long))
            .collect();
        let mut cover = Vec::new();
        for p in among {
            let n = left.len();
            left.retain(|s| !self.is_in(*s, *p));
            if left.len() < n {
                cover.push(*p);
            }
        }
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
                for parts in self.sums_of_parts(publications.len(), long, spot, measure) {
                    self.at_least(&parts, &whole);
                }
            }
        }
    }

    /// Sums over periods that make up another: of as short ones as there are, and of as long ones.
    fn sums_of_parts(&self, n: usize, long: usize, spot: &Spot, measure: Measure) -> Vec<Terms> {
        let at = |p: usize| self.terms(&Which::Publication(p), spot, measure);
        let is_part = |p: &usize| *p != long && self.slices.is_within(*p, long);
        // Where a period publishes no such cell, nobody knows what is in it.
        let is_alike = |p: &usize| !self.slices.is_apart(*p, spot) && !at(*p).is_empty();
        let mut parts: Vec<usize> = (0..n).filter(is_part).filter(is_alike).collect();
        parts.sort_by_key(|p| self.slices.n_of(*p));
        let of_short = self.slices.cover(long, &parts);
        parts.reverse();
        let covers = of_short.into_iter().chain(self.slices.cover(long, &parts));
        covers
            .map(|cover| cover.into_iter().flat_map(at).collect())
            .collect()
    }
}
