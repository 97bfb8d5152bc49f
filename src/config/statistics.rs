//! The job of a period's statistics.

use std::collections::BTreeSet;

use super::section::{Section, Source};
use crate::diag::Problem;
use crate::statistics::guard::{Noise, Perturbation, Rounding, Rules};
use crate::statistics::period::{Axis, Last};

/// Cells are hidden, what is shown is exact.
const SUPPRESSION: &str = "suppression";
/// Figures are moved by what stands behind them; cells are hidden only where that is not enough.
const CELL_KEY: &str = "cell-key";
/// Figures are multiples of a base and add up; cells are hidden only where that is not enough.
const ROUNDING: &str = "rounding";
const DEFAULT_NOISE: u64 = 3;
const DEFAULT_BASE: u64 = 5;
/// More would make small figures worthless.
const MAX_NOISE: u64 = 100;

/// A checked job of statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatisticsJob {
    /// The nightly job whose ledger is counted, relative to this file.
    pub nightly: String,
    /// The period that is counted where the call names none.
    pub period: Option<Last>,
    /// Where the unprotected tables go, under the base.
    pub internal: String,
    /// Tables, each with one axis or two.
    pub tables: Vec<Vec<Axis>>,
    /// What is published of them, if anything.
    pub publish: Option<Publish>,
}

/// What is published, and under which rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Where the protected tables go, under the base.
    pub folder: String,
    /// Tables, each with one axis or two; their margins come with them.
    pub tables: Vec<Vec<Axis>>,
    /// When a cell is secret.
    pub rules: Rules,
    /// How figures are changed (`method = "cell-key"` or `"rounding"`); `None` shows them as they are.
    pub perturbation: Option<Perturbation>,
}

/// Reads a job of statistics. `file` is its name for messages.
///
/// # Errors
/// Every problem of the file at once, each with line and key.
pub fn statistics_job(file: &str, text: &str) -> Result<StatisticsJob, Vec<Problem>> {
    let source = Source::new(file, text);
    let table = source.parse();
    let job = read(source.root(&table));
    let problems = source.into_problems();
    match job {
        Some(job) if problems.is_empty() => Ok(job),
        _ => Err(problems),
    }
}

fn read(root: Section<'_, '_>) -> Option<StatisticsJob> {
    if root.number::<u32>("schema", "1").is_some_and(|v| v != 1) {
        root.problem("schema", "this program reads version 1 of job files");
    }
    let nightly = root.text("nightly");
    let expected = Last::ALL.iter().map(|last| last.as_str());
    let expected = expected.collect::<Vec<_>>().join("`, `");
    let period = root.parsed_if("period", &format!("`{expected}`"));
    let internal = folder(&root, "internal", "internal/statistics/");
    let tables = tables(&root, "tables");
    let publish = root.section_if("publish").map(publish);
    if let Some(publish) = &publish
        && (internal.starts_with(&publish.folder) || publish.folder.starts_with(&internal))
    {
        root.problem(
            "internal",
            "it lies in the folder of what is published, or the other way round; expected two folders apart",
        );
    }
    root.finish();
    Some(StatisticsJob {
        nightly: nightly?,
        period,
        internal,
        tables,
        publish,
    })
}

fn publish(section: Section<'_, '_>) -> Publish {
    let defaults = Rules::default();
    let rules = Rules {
        min_companies: section.number_or(
            "min_companies",
            defaults.min_companies,
            "a number of companies",
        ),
        dominance_percent: section.number_or(
            "dominance_percent",
            defaults.dominance_percent,
            "a share in per cent",
        ),
        margin_percent: section.number_or(
            "margin_percent",
            defaults.margin_percent,
            "a share in per cent",
        ),
        group_below: section.number_or(
            "group_below",
            defaults.group_below,
            "a number of companies",
        ),
    };
    if rules.min_companies < defaults.min_companies {
        section.problem(
            "min_companies",
            "expected three at least: two companies know of each other",
        );
    }
    for (key, percent) in [
        ("dominance_percent", rules.dominance_percent),
        ("margin_percent", rules.margin_percent),
    ] {
        if !(1..=100).contains(&percent) {
            section.problem(key, format!("found {percent}, expected 1 to 100"));
        }
    }
    let perturbation = perturbation(&section, rules.min_companies);
    let publish = Publish {
        folder: folder(&section, "folder", "statistics/"),
        tables: tables(&section, "tables"),
        rules,
        perturbation,
    };
    section.finish();
    publish
}

/// What protects the figures beside hiding: nothing, cell keys, or rounding.
fn perturbation(section: &Section<'_, '_>, min_companies: u64) -> Option<Perturbation> {
    let method = section.text_or("method", SUPPRESSION);
    let noise = section.number_if("noise", "the most that a figure is moved by");
    let base = section.number_if("base", "what every figure is a multiple of");
    for (key, is_there, of) in [
        ("noise", noise.is_some(), CELL_KEY),
        ("base", base.is_some(), ROUNDING),
    ] {
        if is_there && method != of {
            section.problem(key, format!("it is for `method = \"{of}\"` alone"));
        }
    }
    match method.as_str() {
        SUPPRESSION => None,
        CELL_KEY => Some(cell_key(section, noise, min_companies)),
        ROUNDING => Some(rounding(section, base, min_companies)),
        found => {
            section.problem(
                "method",
                format!("found `{found}`, expected `{SUPPRESSION}`, `{CELL_KEY}` or `{ROUNDING}`"),
            );
            None
        }
    }
}

fn cell_key(section: &Section<'_, '_>, most: Option<u64>, min_companies: u64) -> Perturbation {
    let least = min_companies.div_ceil(2);
    let noise = Noise {
        most: most.unwrap_or(DEFAULT_NOISE.max(least)),
        min_companies,
    };
    if !noise.is_enough() || noise.most > MAX_NOISE {
        section.problem(
            "noise",
            format!(
                "found {}, expected {least} to {MAX_NOISE}: half of `min_companies` at least",
                noise.most
            ),
        );
    }
    Perturbation::CellKey(noise)
}

fn rounding(section: &Section<'_, '_>, base: Option<u64>, min_companies: u64) -> Perturbation {
    let least = min_companies.saturating_add(1);
    let rounding = Rounding {
        base: base.unwrap_or(DEFAULT_BASE.max(least)),
    };
    if !rounding.is_enough(min_companies) || rounding.base > MAX_NOISE {
        section.problem(
            "base",
            format!(
                "found {}, expected {least} to {MAX_NOISE}: more than `min_companies`",
                rounding.base
            ),
        );
    }
    Perturbation::Rounding(rounding)
}

/// A folder under the base; ends in `/`.
fn folder(root: &Section<'_, '_>, key: &'static str, default: &str) -> String {
    let mut folder = root.text_or(key, default);
    if !folder.ends_with('/') {
        folder.push('/');
    }
    folder
}

/// Lists of axes, each table once.
fn tables(root: &Section<'_, '_>, key: &'static str) -> Vec<Vec<Axis>> {
    let known = Axis::ALL.iter().map(|a| a.as_str()).collect::<Vec<_>>();
    let mut seen = BTreeSet::new();
    let mut tables = Vec::new();
    for names in root.lists_of_texts(key) {
        let mut axes = Vec::new();
        for name in &names {
            match name.parse::<Axis>() {
                Ok(axis) => axes.push(axis),
                Err(()) => {
                    root.problem(key, format!("`{name}` is not one of {}", known.join(", ")))
                }
            }
        }
        let sorted: BTreeSet<Axis> = axes.iter().copied().collect();
        if !(1..=2).contains(&names.len()) || sorted.len() != axes.len() {
            let found = names.join(", ");
            root.problem(
                key,
                format!("a table is split by `{found}`; expected one axis, or two different ones"),
            );
        } else if axes.len() == names.len() && !seen.insert(sorted) {
            root.problem(
                key,
                format!("the table `{}` is there twice", names.join(", ")),
            );
        }
        tables.push(axes);
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_method_and_its_width_go_together() {
        let publish = |more: &str| {
            let text = format!(
                "schema = 1\nnightly = \"n.toml\"\ntables = [[\"feed\"]]\n\
                 [publish]\ntables = [[\"feed\"]]\n{more}\n"
            );
            statistics_job("statistics.toml", &text)
                .map(|job| job.publish.and_then(|p| p.perturbation))
                .map_err(|problems| problems.into_iter().map(|p| p.key).collect::<Vec<_>>())
        };
        let key = |most: u64, min_companies: u64| {
            Some(Perturbation::CellKey(Noise {
                most,
                min_companies,
            }))
        };
        let to = |base: u64| Some(Perturbation::Rounding(Rounding { base }));
        for (more, found) in [
            ("", None),
            ("method = \"suppression\"", None),
            ("method = \"cell-key\"", key(3, 3)),
            ("method = \"cell-key\"\nmin_companies = 9", key(5, 9)),
            ("method = \"cell-key\"\nnoise = 7", key(7, 3)),
            ("method = \"rounding\"", to(5)),
            ("method = \"rounding\"\nmin_companies = 9", to(10)),
            ("method = \"rounding\"\nbase = 4", to(4)),
        ] {
            assert_eq!(publish(more), Ok(found), "{more}");
        }
        for (more, key) in [
            ("noise = 7", "publish.noise"),
            ("base = 7", "publish.base"),
            ("method = \"rounding\"\nnoise = 3", "publish.noise"),
            ("method = \"cell-key\"\nnoise = 1", "publish.noise"),
            ("method = \"cell-key\"\nnoise = 101", "publish.noise"),
            ("method = \"rounding\"\nbase = 3", "publish.base"),
            ("method = \"rounding\"\nbase = 101", "publish.base"),
            ("method = \"guess\"", "publish.method"),
        ] {
            assert_eq!(publish(more), Err(vec![key.to_owned()]), "{more}");
        }
    }

    #[test]
    fn tables_with_unknown_names_are_not_called_twice_there() {
        let job = |tables: &str| {
            let text = format!("schema = 1\nnightly = \"nightly.toml\"\ntables = {tables}\n");
            let problems = statistics_job("statistics.toml", &text).unwrap_err();
            let messages = problems.into_iter().map(|p| p.message);
            messages.collect::<Vec<_>>()
        };
        for tables in [
            r#"[["thraet"], ["sektor"]]"#,
            r#"[["feed"], ["feed", "sektor"], ["feed", "thraet"]]"#,
        ] {
            let found = job(tables);
            assert_eq!(found.len(), 2, "{found:?}");
            assert!(
                found.iter().all(|m| m.contains("is not one of")),
                "{found:?}"
            );
        }
        let found = job(r#"[["feed", "sector"], ["sector", "feed"]]"#);
        assert_eq!(found, ["the table `sector, feed` is there twice"]);
    }
}
