//! What a match needs to know of an asset, by its number.
//!
//! In columns: a match by address reads one of them as a rule, and for a million assets they lie
//! outside the processor's own cache, where each byte that is not read counts.

use std::collections::HashMap;

use super::segments::position;
use crate::model::asset::{Asset, AssetKind, AssetValue};
use crate::model::company::CompanyKey;
use crate::model::night::{Micros, Validity};

/// First and last valid moment; the last before the first where there is none.
type Span = (Micros, Micros);

const NEVER: Span = (Micros::MAX, Micros::MIN);

/// Of all assets.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Distinct spans of validity.
    spans: Vec<Span>,
    /// By asset: position in `spans`.
    span: Vec<u32>,
    /// By asset: rises with how narrow it is; comparable within one property only. Of a name it
    /// is odd where it means that name alone.
    narrowness: Vec<u32>,
    /// By asset: the company's number in order of first appearance.
    company: Vec<u32>,
}

impl Facts {
    /// `sizes` has the number of addresses of each asset, 0 where it is none of addresses.
    pub(super) fn build(assets: &[Asset], sizes: &[u128]) -> Self {
        let mut distinct: Vec<u128> = sizes.to_vec();
        distinct.sort_unstable_by(|a, b| b.cmp(a));
        distinct.dedup();
        let mut companies: HashMap<&CompanyKey, u32> = HashMap::new();
        let mut spans: HashMap<Span, u32> = HashMap::new();
        let mut facts = Self::default();
        for (asset, size) in assets.iter().zip(sizes) {
            let n = position(companies.len());
            facts
                .company
                .push(*companies.entry(&asset.company).or_insert(n));
            let span = first_and_last(&asset.valid);
            let n = position(facts.spans.len());
            let of_span = *spans.entry(span).or_insert(n);
            if of_span == n {
                facts.spans.push(span);
            }
            facts.span.push(of_span);
            facts.narrowness.push(position(match &asset.value {
                AssetValue::Name(name) => {
                    name.n_labels() * 2 + usize::from(asset.kind == AssetKind::Host)
                }
                AssetValue::Asn(_) => 0,
                AssetValue::Nets(_) => distinct.partition_point(|d| d > size),
            }));
        }
        facts
    }

    /// When the asset is valid, for [`Facts::is_within`].
    #[inline]
    pub(super) fn span(&self, asset: u32) -> u32 {
        self.span.get(asset as usize).copied().unwrap_or(u32::MAX)
    }

    #[inline]
    pub(super) fn is_within(&self, span: u32, at: Micros) -> bool {
        let (first, last) = self.spans.get(span as usize).copied().unwrap_or(NEVER);
        first <= at && at <= last
    }

    #[inline]
    pub(super) fn is_valid(&self, asset: u32, at: Micros) -> bool {
        self.is_within(self.span(asset), at)
    }

    /// When the asset is valid, and how narrow it is.
    #[inline]
    pub(super) fn of(&self, asset: u32) -> (u32, u32) {
        (self.span(asset), self.narrowness(asset))
    }

    /// Those of `assets` that are valid then, with their narrowness.
    #[inline]
    pub(super) fn valid(
        &self,
        assets: impl IntoIterator<Item = u32>,
        at: Micros,
    ) -> impl Iterator<Item = (u32, u32)> {
        let valid = assets
            .into_iter()
            .filter(move |&asset| self.is_valid(asset, at));
        valid.map(|asset| (asset, self.narrowness(asset)))
    }

    #[inline]
    pub(super) fn narrowness(&self, asset: u32) -> u32 {
        self.narrowness.get(asset as usize).copied().unwrap_or(0)
    }

    /// Does this asset, which is a name, mean that name alone?
    #[inline]
    pub(super) fn is_host(&self, asset: u32) -> bool {
        self.narrowness(asset) & 1 != 0
    }

    /// Do more than `limit` companies own these assets, which stand before their narrowness?
    #[inline]
    pub(super) fn have_more_owners(&self, assets: &[(u32, u32)], limit: u32) -> bool {
        let limit = limit as usize;
        if assets.len() <= limit {
            return false;
        }
        let company = |&(asset, _): &(u32, u32)| self.company.get(asset as usize).copied();
        let mut companies: Vec<u32> = assets.iter().filter_map(company).collect();
        companies.sort_unstable();
        companies.dedup();
        companies.len() > limit
    }

    /// Number of assets.
    pub(super) const fn len(&self) -> usize {
        self.span.len()
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let columns = [&self.span, &self.narrowness, &self.company];
        let columns = columns.iter().map(|column| column.capacity() * 4);
        self.spans.capacity() * size_of::<Span>() + columns.sum::<usize>()
    }
}

/// The half-open span with both ends inside.
fn first_and_last(valid: &Validity) -> Span {
    let from = valid.from.unwrap_or(Micros::MIN);
    match valid.until.map(|until| until.checked_sub(1)) {
        None => (from, Micros::MAX),
        Some(Some(last)) => (from, last),
        // Valid until before the first moment there is: never.
        Some(None) => NEVER,
    }
}
