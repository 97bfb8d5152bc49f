//! Tells the truth about a run: tables of decisions and rejects, the manifest, the summary.
//!
//! Sums come first: a night whose sums do not close is our bug and ends with exit code 4.

mod decisions;
pub mod diff;
pub mod letter_plan;
pub mod manifest;
mod matches;
pub mod night_mail;
mod rejects;
pub mod release;
mod shadow;
pub mod status;
pub mod summary;
mod table;
pub mod verification;

pub use decisions::{COLUMNS as DECISION_COLUMNS, CONTACT_TRAIL, FOLLOWED, decisions_parquet};
pub use matches::{MatchRow, matches_csv, matches_json_lines, matches_parquet};
pub use rejects::rejects_parquet;
pub use shadow::{ShadowRow, shadow_csv, shadow_rows};

use std::collections::BTreeMap;

use crate::diag::Failure;
use crate::model::counts::{FeedCounts, Outcomes};
use crate::model::decision::{Decision, Outcome};

/// Counts rows by their best decision into `counts`, and decisions by themselves.
///
/// `counts` comes in with `read`, `rejected`, `unmatched` and `matched` filled by matching.
///
/// # Errors
/// `OurBug` naming the equation that does not hold, by feed.
pub fn close_sums(counts: &mut FeedCounts, decisions: &[Decision]) -> Result<Outcomes, Failure> {
    let mut best: BTreeMap<(&str, u64), (&str, Outcome)> = BTreeMap::new();
    let mut of_decisions = Outcomes::default();
    for d in decisions {
        let o = &d.hit.observation;
        of_decisions.add(d.outcome());
        let kept = best
            .entry((&o.object, o.row))
            .or_insert((&o.feed, d.outcome()));
        kept.1 = kept.1.max(d.outcome());
    }
    for (feed, outcome) in best.values() {
        counts.of(feed).outcomes.add(*outcome);
    }
    for (feed, c) in &counts.0 {
        if !c.closes() {
            let message = format!(
                "the sums of feed `{feed}` do not close: read {} = rejected {} + unmatched {} + matched {}; \
                 matched = below_policy {} + suppressed {} + held {} + in_letters {}",
                c.read,
                c.rejected,
                c.unmatched,
                c.matched,
                c.outcomes.below_policy,
                c.outcomes.suppressed,
                c.outcomes.held,
                c.outcomes.in_letters,
            );
            return Err(Failure::our_bug(message)
                .hint("nothing was sent; report this with the manifest of the plan"));
        }
    }
    let n_decisions = u64::try_from(decisions.len()).unwrap_or(u64::MAX);
    if of_decisions.total() != n_decisions {
        return Err(Failure::our_bug("the sum of decisions does not close"));
    }
    Ok(of_decisions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::counts::RowCounts;

    #[test]
    fn sums_that_do_not_close_are_our_bug_and_name_the_feed() {
        let whole = RowCounts {
            read: 3,
            rejected: 1,
            unmatched: 2,
            ..RowCounts::default()
        };
        let mut counts = FeedCounts::default();
        *counts.of("a") = whole;
        assert_eq!(close_sums(&mut counts, &[]), Ok(Outcomes::default()));
        // A row that nobody counted; and a matched row without any decision.
        for open in [
            RowCounts { read: 4, ..whole },
            RowCounts {
                read: 4,
                matched: 1,
                ..whole
            },
        ] {
            *counts.of("b") = open;
            let failure = close_sums(&mut counts, &[]).unwrap_err();
            assert_eq!(failure.kind.exit_code(), 4);
            assert!(failure.to_string().contains("feed `b`"), "{failure}");
        }
    }
}
