//! Overviews for parent companies: their numbers, and whose they are.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::json;

use crate::decide::Decided;
use crate::diag::Failure;
use crate::model::company::CompanyKey;
use crate::model::counts::Overviews;
use crate::model::identity::{LetterId, Reference};
use crate::model::letter::Letter;
use crate::report::letter_plan::{self, PlannedOverview};
use crate::store::Place;

/// How many there are, and how many there are not.
pub(super) fn counts(decided: &Decided) -> Overviews {
    let (sent, held): (Vec<_>, Vec<_>) = decided.overviews().partition(|d| d.is_sendable);
    let count = |of: Vec<_>| u64::try_from(of.len()).unwrap_or(u64::MAX);
    Overviews {
        sent: count(sent),
        held: count(held),
        not_written: decided.not_written,
    }
}

/// The letters that an overview tells of, sorted; none of any other letter.
pub(super) fn letters_of(letter: &Letter) -> Box<[LetterId]> {
    let overview = letter.overview.iter();
    let mut ids: Vec<LetterId> = overview.flat_map(|o| &o.letters).map(|l| l.id).collect();
    ids.sort_unstable();
    ids.into()
}

/// The overviews that a run planned, by the plan in its folder; none where it has no plan.
///
/// # Errors
/// `FixData` where the plan cannot be read.
pub(super) fn planned(place: &Place, folder: &str) -> Result<Vec<PlannedOverview>, Failure> {
    let path = format!("{folder}letters.plan.json");
    let Some(bytes) = place.get_if(&path)? else {
        return Ok(Vec::new());
    };
    letter_plan::overviews(&bytes).map_err(|why| {
        Failure::fix_data(format!("the plan of letters is not readable: {why}"))
            .at(place.display(&path), "")
            .hint("put it back from a backup")
    })
}

/// References of the overviews that went to a company, or tell of one of these letters. The plan
/// names nobody: whose an overview is, its identity tells.
pub(super) fn about(
    planned: &[PlannedOverview],
    company: &CompanyKey,
    letters: &BTreeSet<String>,
) -> Vec<String> {
    let is_about = |overview: &&PlannedOverview| {
        let of = overview.of.iter();
        let ids: Vec<LetterId> = of.map(|(id, _)| *id).collect();
        let is_told = overview
            .of
            .iter()
            .any(|(_, letter)| letters.contains(letter));
        is_told || LetterId::of_overview(company, &ids) == overview.letter_id
    };
    let found = planned.iter().filter(is_about);
    found.map(|overview| overview.reference.clone()).collect()
}

/// What an overview tells of, for people or as one line of JSON; `None` where the run planned no
/// overview with this reference.
///
/// # Errors
/// As [`planned`].
pub(super) fn explained(
    place: &Place,
    folder: &str,
    reference: &Reference,
    json: bool,
) -> Result<Option<String>, Failure> {
    let planned = planned(place, folder)?;
    let Some(found) = planned.iter().find(|o| o.reference == reference.as_str()) else {
        return Ok(None);
    };
    let letters: Vec<&str> = found.of.iter().map(|(_, letter)| letter.as_str()).collect();
    if json {
        let line = json!({ "reference": found.reference, "overview_of": letters });
        return Ok(Some(format!("{line}\n")));
    }
    let mut text =
        format!("{reference}: an overview for a parent company, without findings of its own\n");
    for letter in letters {
        let _ = writeln!(text, "  {:<12}{letter}", "tells of");
    }
    text.push('\n');
    Ok(Some(text))
}
