//! Adds public facts to CVEs: is it exploited (KEV), how likely will it be (EPSS), where is it
//! fixed (CVE records, CSAF advisories).
//!
//! Every fact carries the day of the list that it was read from; a letter prints that day.

mod codes;
mod epss;
mod kev;
mod remedy;

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::{
    DataFrame, IntoColumn, IntoLazy, JoinArgs, JoinType, NamedFrom, Series, col,
};

use crate::diag::Failure;
use crate::model::letter::Fact;

pub use codes::{Classes, Municipalities, branch_titles, keyed};
pub use epss::{Epss, read_epss};
pub use kev::{Kev, read_kev};
pub use remedy::{Remedies, Remedy, read_remedies};

/// Fixed versions that a letter names; a longer list is read at the vendor's.
const MAX_VERSIONS: usize = 4;

/// Facts by CVE, for the CVEs of a night's hits; sorted. A CVE without facts is absent.
///
/// # Errors
/// `OurBug` if the join cannot be computed.
pub fn facts(
    cves: &BTreeSet<String>,
    kev: Option<&Kev>,
    epss: Option<&Epss>,
    remedies: &[Remedies],
) -> Result<BTreeMap<String, Vec<Fact>>, Failure> {
    let bug = |e: polars::error::PolarsError| Failure::our_bug(format!("joining facts: {e}"));
    let wanted = frame(vec![texts("cve", cves.iter().map(String::as_str))]).map_err(bug)?;
    let mut facts: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
    if let Some(kev) = kev {
        let joined = inner_join(&wanted, kev.frame().map_err(bug)?).map_err(bug)?;
        for (cve, since) in text_and_number(&joined, "since").map_err(bug)? {
            if let Some(since) = kev::date_of(since) {
                let fact = Fact::Kev {
                    cve: cve.clone(),
                    since,
                    as_of: kev.as_of,
                };
                facts.entry(cve).or_default().push(fact);
            }
        }
    }
    if let Some(epss) = epss {
        let joined = inner_join(&wanted, epss.frame().map_err(bug)?).map_err(bug)?;
        for (cve, score) in text_and_number(&joined, "per_10_000").map_err(bug)? {
            if let Ok(per_10_000) = u16::try_from(score) {
                let fact = Fact::Epss {
                    cve: cve.clone(),
                    per_10_000,
                    as_of: epss.as_of,
                };
                facts.entry(cve).or_default().push(fact);
            }
        }
    }
    for day in remedies {
        for remedy in day.rows.iter().filter(|r| !r.fixed.is_empty()) {
            if cves.contains(&remedy.cve) {
                let fact = Fact::Fixed {
                    cve: remedy.cve.clone(),
                    versions: remedy.fixed.iter().take(MAX_VERSIONS).cloned().collect(),
                    source: remedy.source.clone(),
                    as_of: day.as_of,
                };
                facts.entry(remedy.cve.clone()).or_default().push(fact);
            }
        }
    }
    for of_cve in facts.values_mut() {
        of_cve.sort();
    }
    Ok(facts)
}

type Polars<T> = Result<T, polars::error::PolarsError>;

fn texts<'a>(name: &str, values: impl Iterator<Item = &'a str>) -> Series {
    Series::new(name.into(), values.collect::<Vec<_>>())
}

fn numbers(name: &str, values: impl Iterator<Item = i32>) -> Series {
    Series::new(name.into(), values.collect::<Vec<_>>())
}

fn frame(columns: Vec<Series>) -> Polars<DataFrame> {
    let height = columns.first().map_or(0, |c| c.len());
    DataFrame::new(
        height,
        columns.into_iter().map(IntoColumn::into_column).collect(),
    )
}

fn inner_join(left: &DataFrame, right: DataFrame) -> Polars<DataFrame> {
    left.clone()
        .lazy()
        .join(
            right.lazy(),
            [col("cve")],
            [col("cve")],
            JoinArgs::new(JoinType::Inner),
        )
        .collect()
}

fn text_and_number(joined: &DataFrame, name: &str) -> Polars<Vec<(String, i32)>> {
    let (cves, values) = (joined.column("cve")?.str()?, joined.column(name)?.i32()?);
    Ok(cves
        .iter()
        .zip(values.iter())
        .filter_map(|(cve, value)| Some((cve?.to_owned(), value?)))
        .collect())
}
