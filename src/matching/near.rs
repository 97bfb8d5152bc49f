//! Which rows are worth reading, told by statistics alone.

use std::ops::Range;

use super::index::Index;
use crate::model::matches::{Near, Outline};
use crate::model::net::Span;

/// IPv4 addresses within IPv6 text forms: `::ffff:0:0/96`.
const MAPPED: (u128, u128) = (0xffff << 32, (0xffff << 32) | 0xffff_ffff);

impl Index {
    /// Which rows of a row group with this outline may match? The others need not be read: none
    /// of them matches, and none is rejected.
    #[must_use]
    pub fn near(&self, outline: &Outline) -> Near {
        let by_asn = outline
            .asn
            .is_some_and(|(min, max)| self.may_match_asn_range(min, max));
        let by_name = outline.has_names && self.has_names();
        let by_account = outline.has_accounts && self.has_accounts();
        if by_asn || by_name || by_account {
            return Near::Everything;
        }
        if !self.may_match_span(&outline.addresses) {
            return Near::Nothing;
        }
        if outline.pages.is_empty() {
            return Near::Everything;
        }
        let pages = outline.pages.iter();
        let near = pages.filter(|page| self.may_match_span(&page.addresses));
        let mut rows: Vec<Range<u32>> = Vec::new();
        for page in near {
            match rows.last_mut() {
                Some(last) if last.end == page.rows.start => last.end = page.rows.end,
                _ => rows.push(page.rows.clone()),
            }
        }
        match rows.as_slice() {
            [] => Near::Nothing,
            [all] if u64::from(all.end - all.start) == outline.n_rows => Near::Everything,
            _ => Near::Rows(rows),
        }
    }

    fn may_match_span(&self, span: &Span) -> bool {
        match *span {
            Span::V4(min, max) => self.may_match_v4_range(min, max),
            Span::V6(min, max) => {
                let has_mapped = min <= MAPPED.1 && max >= MAPPED.0;
                has_mapped || self.may_match_v6_range(min, max)
            }
        }
    }
}
