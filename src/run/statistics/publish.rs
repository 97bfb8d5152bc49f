//! The protected tables of a period, written only where the attacker finds nothing.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::version::{self, Version, VersionV1};
use super::{Counted, Files};
use crate::config::Publish;
use crate::diag::{Failure, Kind, Problem};
use crate::model::company::Language;
use crate::render;
use crate::report::summary::grouped;
use crate::statistics::forms::{self, About, WorkGroup, WorkInput};
use crate::statistics::guard::{
    self, Before, Counting, Measure, Publication, Spot, Target, Which, with_margins,
};
use crate::statistics::period::{Figures, SecurityTxt, Span};
use crate::store::Place;

/// What was published.
pub(super) struct Published {
    version: Version,
    n_cells: usize,
    n_secret: usize,
    n_earlier: usize,
}

impl Published {
    pub(super) fn said(&self, place: &Place) -> String {
        let mut text = String::new();
        let what = if self.version.is_new {
            "published"
        } else {
            "nothing changed since"
        };
        let _ = writeln!(
            text,
            "{what}: {} ({} of {} cells are secret; held against {} earlier publications)",
            place.display(&self.version.folder),
            grouped(u64::try_from(self.n_secret).unwrap_or(0)),
            grouped(u64::try_from(self.n_cells).unwrap_or(0)),
            self.n_earlier
        );
        text
    }
}

/// The name of the machine-readable publication, which later ones are held against.
const PUBLICATION: &str = "publication.json";

/// Every finished publication that hangs together with the period.
pub(super) fn earlier(
    place: &Place,
    prefix: &str,
    span: Span,
) -> Result<Vec<Publication>, Failure> {
    let listed = place.list(prefix)?;
    let mut found = Vec::new();
    for object in &listed {
        let Some(folder) = object.path.strip_suffix(PUBLICATION) else {
            continue;
        };
        let closing = format!("{folder}version.json");
        if !listed.iter().any(|o| o.path == closing) {
            continue; // unfinished: nobody was told of it
        }
        let publication = Publication::from_json(&place.get(&object.path)?).map_err(|what| {
            Failure::fix_data(format!("the publication cannot be read: {what}"))
                .at(place.display(&object.path), "")
                .hint("restore it from a backup: without it nobody knows what can be subtracted")
        })?;
        found.push(publication);
    }
    let mut found = guard::connected(found, &span);
    found.sort_by_key(|p| (p.span, p.ledger_seq));
    Ok(found)
}

/// Protects the period's tables and writes them as the next version; `total` is the period's.
///
/// # Errors
/// `FixData`, naming the cells that could be worked out, never their values.
pub(super) fn publish(
    counted: &Counted,
    settings: &Publish,
    total: &Figures,
) -> Result<Published, Failure> {
    let span = counted.facts.span();
    let draft = guard::draft(&Counting {
        facts: &counted.facts,
        ledger_seq: counted.streamed.last_seq,
        tables: with_margins(&settings.tables),
        perturbation: settings.perturbation,
    });
    let n_earlier = counted.earlier.len();
    let before = if counted.earlier.is_empty() {
        Before::nothing()
    } else {
        let earlier = counted.earlier.clone();
        guard::before(earlier, &draft, &counted.with_earlier, &settings.rules)
    };
    let newest = version::newest(&counted.place, &settings.folder, span)?;
    if let Some(published) = stands_already(counted, settings, &before, newest.as_ref()) {
        let number = newest.as_ref().map_or(0, |v| v.version);
        version::point(&counted.place, &settings.folder, span, number)?;
        return Ok(published);
    }
    let done = guard::protect(&draft, &before, &settings.rules)
        .map_err(|targets| refused(&targets, &before))?;
    for target in &done.told {
        let (period, cell) = (period_of(target, &before), place_of(target));
        let measure = target.measure;
        tracing::warn!(%period, %cell, %measure, "earlier publications give this away; nothing that is hidden now can change that");
    }
    let number = version::after(newest.as_ref());
    let shown = done.publication.as_shown();
    let work = work(counted, settings, &shown, total)?;
    let files = files(counted, settings, &shown, &work, number)?;
    Ok(Published {
        version: version::write(counted, &settings.folder, span, number, files)?,
        n_cells: shown.cells.len(),
        n_secret: shown.n_secret(),
        n_earlier,
    })
}

/// The newest version, where it holds the same letters, is as final, and has the same tables.
fn stands_already(
    counted: &Counted,
    settings: &Publish,
    before: &Before,
    newest: Option<&VersionV1>,
) -> Option<Published> {
    let span = counted.facts.span();
    let newest = newest.filter(|v| v.is_provisional == counted.facts.is_unfinished())?;
    let tables = with_margins(&settings.tables);
    let position = before.publications.iter().rposition(|p| p.span == span)?;
    let publication = before.publications.get(position)?;
    let ours = before.publications.len();
    let has_same_letters = before
        .slices
        .of
        .iter()
        .all(|slice| slice.get(position) == slice.get(ours));
    // An alias that came since makes two companies of these letters one.
    let is_alike = publication.tables == tables
        && publication.perturbation == settings.perturbation
        && counted.facts.joined_at <= publication.ledger_seq;
    if !has_same_letters || !is_alike {
        return None;
    }
    let publication = publication.as_shown();
    Some(Published {
        version: version::unchanged(&settings.folder, span, newest),
        n_cells: publication.cells.len(),
        n_secret: publication.n_secret(),
        n_earlier: before.publications.len(),
    })
}

/// Every form of the publication, by file name.
fn files(
    counted: &Counted,
    settings: &Publish,
    shown: &Publication,
    work: &[WorkGroup],
    version: u32,
) -> Result<Files, Failure> {
    let about = About {
        work,
        span: counted.facts.span(),
        version,
        is_provisional: counted.facts.is_unfinished(),
        newest_night: counted
            .facts
            .newest
            .map(|n| n.to_string())
            .unwrap_or_default(),
        sender: &counted.loaded.job.sender.name,
        titles: &counted.titles,
        min_companies: settings.rules.min_companies,
        perturbation: settings.perturbation,
    };
    let json = shown
        .to_json()
        .map_err(|e| Failure::our_bug(format!("writing a publication: {e}")))?;
    let sheets = forms::sheets(shown);
    let mut files = BTreeMap::from([
        (PUBLICATION.to_owned(), json),
        (
            "tables.parquet".to_owned(),
            forms::parquet_of(&sheets, &about)?,
        ),
        (
            "csv/csv-metadata.json".to_owned(),
            forms::csvw(&sheets, &about)?,
        ),
    ]);
    files.insert("csv/work.csv".to_owned(), forms::work_csv(&about)?);
    for sheet in &sheets {
        files.insert(
            format!("csv/{}.csv", sheet.id),
            forms::csv_of(sheet, &about)?,
        );
    }
    for &language in &[Language::Nl, Language::En] {
        let name = |extension: &str| format!("statistics.{language}.{extension}");
        files.insert(name("xlsx"), forms::workbook(&sheets, &about, language)?);
        files.insert(name("html"), forms::page(&sheets, &about, language)?);
        let ident = format!("nachtwacht-statistics-{}-v{version}-{language}", about.span);
        let annex = forms::annex(&sheets, &about, language)?;
        let pdf = render::tables_pdf(&counted.loaded.look, annex, &ident)
            .map_err(|e| Failure::our_bug(format!("the annex cannot be written: {}", e.message)))?;
        files.insert(name("pdf"), pdf);
    }
    Ok(files)
}

/// The figures of the work, where the period's total shows as many companies as the threshold asks for.
fn work(
    counted: &Counted,
    settings: &Publish,
    shown: &Publication,
    total: &Figures,
) -> Result<Vec<WorkGroup>, Failure> {
    let security_txt = match &counted.security_txt {
        Some(bytes) => {
            SecurityTxt::participants(bytes, counted.loaded.job.csv_separator).map_err(|what| {
                Failure::fix_data(format!(
                    "a night's `security-txt.csv` cannot be read: {what}"
                ))
                .hint("restore it from a backup")
            })?
        }
        None => None,
    };
    // Behind a rounded total may be fewer companies than it shows.
    let bounds = shown.bounds(&Spot::default(), Measure::Companies);
    let is_shown = bounds
        .is_some_and(|(least, most)| most < 1.0 || least >= settings.rules.min_companies as f64);
    Ok(forms::work(&WorkInput {
        funnel: &counted.funnel,
        total,
        security_txt,
        is_shown,
    }))
}

/// The cell, or the cells and what they are taken from.
fn place_of(target: &Target) -> String {
    let beside = target.beside.iter().map(|(spot, sign)| {
        let word = if *sign > 0 { "and" } else { "less" };
        format!(" {word} {spot}")
    });
    format!("{}{}", target.spot, beside.collect::<String>())
}

/// Which letters a target is about.
fn period_of(target: &Target, before: &Before) -> String {
    let label = |p: usize| {
        let publication = before.publications.get(p);
        publication.map_or_else(|| "this period".to_owned(), |p| p.span.label())
    };
    match &target.which {
        Which::Publication(p) => label(*p),
        Which::Slices(_) => "the nights between two publications".to_owned(),
        Which::Sum(of) => {
            let signed = of.iter().map(|(p, sign)| {
                let word = if *sign > 0 { "and" } else { "less" };
                format!(" {word} {}", label(*p))
            });
            let text = signed.collect::<String>();
            text.trim_start_matches(" and ").to_owned()
        }
    }
}

/// Names the cells, not their values.
fn refused(targets: &[Target], before: &Before) -> Failure {
    let problems = targets.iter().map(|target| {
        Problem::new(
            period_of(target, before),
            place_of(target),
            format!(
                "the {} of this cell could be worked out, whatever else is hidden; nothing was published",
                target.measure
            ),
        )
        .hint("publish fewer tables in `publish.tables`, or a period that does not overlap an earlier one")
    });
    Failure::from_problems(Kind::FixData, problems.collect()).unwrap_or_else(|| {
        Failure::our_bug("the tables were refused without a cell that could be worked out")
    })
}
