//! Statistics of a period: out of the ledger and the manifests, in immutable versions.

mod publish;
mod version;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use publish::{Published, publish};
use version::Version;

use super::load::{Call, Loaded, fix_job, load};
use super::world;
use crate::config::{StatisticsJob, statistics_job};
use crate::diag::Failure;
use crate::ledger::{Ledger, Streamed};
use crate::model::night::{Night, local_date};
use crate::report::summary::grouped;
use crate::statistics::guard::Publication;
use crate::statistics::period::{
    self, ByThreat, Delivery, Exposures, Facts, Figures, Follow, Funnel, Gather, Outcomes, Span,
    Table, Titles, Week, delivery,
};
use crate::store::Place;

/// What the caller asks.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The job of statistics.
    pub job: PathBuf,
    /// Another base than the nightly job's.
    pub base: Option<String>,
    /// The process's environment.
    pub env: BTreeMap<String, String>,
    /// Which period; the job's own where it is absent.
    pub span: Option<Span>,
    /// The date that the job's own period lies before; today where it is absent.
    pub on: Option<Date>,
    /// Now.
    pub now: Timestamp,
}

type Files = BTreeMap<String, Vec<u8>>;

/// Everything that a period's tables are made from.
struct Counted {
    loaded: Loaded,
    place: Place,
    facts: Facts,
    /// Publications that share a night with the period.
    earlier: Vec<Publication>,
    /// The letters of the period and of those publications.
    with_earlier: Facts,
    streamed: Streamed,
    funnel: Funnel,
    /// The newest night's table of security.txt in the period, as that night wrote it.
    security_txt: Option<Vec<u8>>,
    outcomes: Outcomes,
    titles: Titles,
}

/// Counts a period and writes its tables; answers the key figures.
///
/// # Errors
/// `FixJob` where the job is wrong; `FixData` where the ledger is damaged or a manifest cannot be
/// read; `TryLater` where the store is not there.
pub fn statistics(ask: &Ask) -> Result<String, Failure> {
    let job = job_of(&ask.job)?;
    let counted = counted(&job, ask)?;
    let span = counted.facts.span();
    let tables = tables(&counted.facts, &job.tables);
    if counted.facts.has_nothing() {
        return Err(no_nights(&counted));
    }
    let files = internal_files(&counted, &tables)?;
    let version = version::write_if_new(&counted, &job.internal, span, files)?;
    let none = Figures::default();
    let total = tables.first().and_then(|t| t.rows.first());
    let total = total.map_or(&none, |row| &row.figures);
    let published = match &job.publish {
        Some(settings) => Some(publish(&counted, settings, total)?),
        None => None,
    };
    Ok(said(&counted, total, &version, published.as_ref()))
}

/// Zeros would say that nothing was wrong anywhere.
fn no_nights(counted: &Counted) -> Failure {
    let span = counted.facts.span();
    let newest = counted.facts.newest.map_or_else(
        || "no night has ended yet".to_owned(),
        |night| format!("the newest night that ended is {night}"),
    );
    Failure::fix_data(format!(
        "no night of {span} ({} to {}) ended and no letter was written in it; nothing was counted or published",
        span.from(),
        span.until()
    ))
    .at(counted.place.display(&counted.loaded.job.runs), "")
    .hint(format!("{newest}: name another period with `--period`"))
}

/// The job, checked.
fn job_of(path: &Path) -> Result<StatisticsJob, Failure> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| {
        Failure::fix_job(format!("the file cannot be read: {e}"))
            .at(&shown, "")
            .hint("give the path of a job of statistics, such as `jobs/statistics.toml`")
    })?;
    statistics_job(&shown, &text).map_err(fix_job)
}

fn counted(job: &StatisticsJob, ask: &Ask) -> Result<Counted, Failure> {
    let folder = ask.job.parent().unwrap_or(Path::new(""));
    let loaded = load(&Call {
        job: folder.join(&job.nightly),
        base: ask.base.clone(),
        env: ask.env.clone(),
    })?;
    let place = loaded.place(&ask.env)?;
    let span = span_of(job, ask, &loaded)?;
    let earlier = match &job.publish {
        Some(settings) => publish::earlier(&place, &settings.folder, span)?,
        None => Vec::new(),
    };
    let spans = earlier.iter().map(|p| p.span);
    let whole = spans.fold(span, |whole, span| whole.hull(&span));
    let zone = &loaded.job.zone;
    let mut gather = Gather::new(span, zone.clone());
    if job
        .publish
        .as_ref()
        .is_some_and(|p| p.perturbation.is_some())
    {
        gather = gather.with_keys(loaded.secrets.party.clone());
    }
    let mut follow = Follow::new(span, zone.clone());
    let mut wider = Gather::new(whole, zone.clone());
    let streamed = Ledger::stream(&place, &loaded.job.ledger, &mut |columns| {
        gather.take(columns);
        follow.take(columns);
        if !earlier.is_empty() {
            wider.take(columns);
        }
    })?;
    let facts = gather.finish();
    let funnel = funnel(&loaded, &place, &facts)?;
    let security_txt = security_txt(&loaded, &place, &facts)?;
    let branches = world::branches(&loaded, &place, Night::new(span.until()))?;
    let titles = world::titles(&loaded, branches);
    Ok(Counted {
        loaded,
        place,
        facts,
        earlier,
        with_earlier: wider.finish(),
        streamed,
        funnel,
        security_txt,
        outcomes: follow.finish(),
        titles,
    })
}

/// The period of the call, or the job's own before today.
fn span_of(job: &StatisticsJob, ask: &Ask, loaded: &Loaded) -> Result<Span, Failure> {
    let today = || local_date(ask.now.as_microsecond(), &loaded.job.zone);
    match (ask.span, job.period, ask.on.or_else(today)) {
        (Some(span), ..) => Ok(span),
        (None, Some(last), Some(date)) => Ok(last.before(date)),
        (None, None, _) => Err(
            Failure::fix_job("the call names no period, and the job has none")
                .at(ask.job.display().to_string(), "period")
                .hint("give `--period 2022-H1`, or write `period = \"last-month\"` into the job"),
        ),
        (None, Some(_), None) => Err(Failure::fix_job("today's date lies outside the calendar")),
    }
}

/// Sums the final manifests of the period's nights.
fn funnel(loaded: &Loaded, place: &Place, facts: &Facts) -> Result<Funnel, Failure> {
    let mut funnel = Funnel::default();
    for (night, runs) in &facts.runs {
        let path = |run: &String| format!("{}{night}/{run}/manifest.json", loaded.job.runs);
        let manifests = runs.iter().map(|run| place.get_if(&path(run)));
        let manifests = manifests.collect::<Result<Vec<_>, Failure>>()?;
        funnel.add(&manifests).map_err(|what| {
            let shown: Vec<String> = runs.iter().map(|run| place.display(&path(run))).collect();
            Failure::fix_data(format!("the night's manifest cannot be read: {what}"))
                .at(shown.join(", "), "")
                .hint("restore it from a backup; `nachtwacht replay` tells whether it is the right one")
        })?;
    }
    if funnel.closes() {
        return Ok(funnel);
    }
    Err(Failure::our_bug(
        "the rows of the period's manifests do not add up",
    ))
}

/// Adoption is a stock: the newest night of the period that wrote it down stands for the period.
fn security_txt(loaded: &Loaded, place: &Place, facts: &Facts) -> Result<Option<Vec<u8>>, Failure> {
    let runs = facts.runs.iter().rev();
    let newest = runs.flat_map(|(night, runs)| runs.iter().rev().map(move |run| (night, run)));
    for (night, run) in newest {
        let runs = &loaded.job.runs;
        let path = format!("{runs}{night}/{run}/statistics/security-txt.csv");
        if let Some(bytes) = place.get_if(&path)? {
            return Ok(Some(bytes.to_vec()));
        }
    }
    Ok(None)
}

/// The total, then every table of the job.
fn tables(facts: &Facts, of: &[Vec<period::Axis>]) -> Vec<Table> {
    let all: Vec<Vec<period::Axis>> = std::iter::once(Vec::new())
        .chain(of.iter().cloned())
        .collect();
    let rows = period::count_all(facts, &all);
    let tables = all.into_iter().zip(rows);
    tables.map(|(axes, rows)| Table { axes, rows }).collect()
}

fn internal_files(counted: &Counted, tables: &[Table]) -> Result<Files, Failure> {
    let span = counted.facts.span();
    let separator = counted.loaded.job.csv_separator;
    let channels: Vec<(String, Vec<u64>)> = delivery(&counted.facts)
        .into_iter()
        .map(|(channel, d)| {
            let name = channel.map_or_else(|| "total".to_owned(), |c| c.to_string());
            (name, d.values())
        })
        .collect();
    let funnel = [(span.label(), counted.funnel.values())];
    let mut files = BTreeMap::from([
        (
            "statistics.parquet".to_owned(),
            period::period_parquet(tables, span, &counted.titles)?,
        ),
        (
            "statistics.csv".to_owned(),
            period::period_csv(tables, span, &counted.titles, separator)?,
        ),
        (
            "letters.csv".to_owned(),
            period::small_csv("channel", Delivery::NAMES, &channels, separator)?,
        ),
        (
            "nights.csv".to_owned(),
            period::small_csv("period", Funnel::NAMES, &funnel, separator)?,
        ),
        (
            "exposures.csv".to_owned(),
            exposures_csv(&counted.outcomes.exposures, separator)?,
        ),
        (
            "survival.csv".to_owned(),
            survival_csv(&counted.outcomes.survival, separator)?,
        ),
    ]);
    if let Some(bytes) = &counted.security_txt {
        files.insert("security-txt.csv".to_owned(), bytes.clone());
    }
    Ok(files)
}

fn threat_or_total(threat: Option<&String>) -> String {
    threat.map_or_else(|| "total".to_owned(), Clone::clone)
}

/// How exposures stand at the end of the period, a row a threat.
fn exposures_csv(of: &ByThreat<Exposures>, separator: u8) -> Result<Vec<u8>, Failure> {
    let rows: Vec<(String, Vec<u64>)> = of
        .iter()
        .map(|(threat, e)| (threat_or_total(threat.as_ref()), e.values().to_vec()))
        .collect();
    period::small_csv("threat", Exposures::NAMES, &rows, separator)
}

/// How long exposures stay open, a row a threat and week.
fn survival_csv(of: &ByThreat<Vec<Week>>, separator: u8) -> Result<Vec<u8>, Failure> {
    let rows: Vec<(String, Vec<u64>)> = of
        .iter()
        .flat_map(|(threat, weeks)| {
            let name = threat_or_total(threat.as_ref());
            weeks
                .iter()
                .map(move |w| (name.clone(), w.values().to_vec()))
        })
        .collect();
    period::small_csv("threat", Week::NAMES, &rows, separator)
}

/// The key figures, for the operator.
fn said(
    counted: &Counted,
    figures: &Figures,
    version: &Version,
    published: Option<&Published>,
) -> String {
    let span = counted.facts.span();
    let mut text = format!("{span}: {} to {}\n", span.from(), span.until());
    let counts = figures.counts.values();
    for (name, value) in crate::statistics::Counts::NAMES.iter().zip(counts) {
        let _ = writeln!(text, "  {name:<16} {:>12}", grouped(value));
    }
    let _ = writeln!(text, "  {:<16} {:>12}", "bounced", grouped(figures.bounced));
    if let Some((median, p90)) = figures.hours {
        let _ = writeln!(
            text,
            "hours from observation to letter: half within {median}, nine in ten within {p90}"
        );
    }
    let funnel = counted.funnel;
    let _ = writeln!(
        text,
        "{} nights read {} rows; {} are in letters; {} letters were held, {} more by a brake",
        grouped(funnel.nights),
        grouped(funnel.read),
        grouped(funnel.in_letters),
        grouped(funnel.letters_held),
        grouped(funnel.letters_held_by_brakes)
    );
    if funnel.nights_without_manifest > 0 {
        let _ = writeln!(
            text,
            "{} nights have no manifest any more: their rows are not in these sums",
            funnel.nights_without_manifest
        );
    }
    if counted.facts.is_unfinished() {
        text.push_str("provisional: the newest night ended before the period does\n");
    }
    let what = if version.is_new {
        "written"
    } else {
        "nothing changed since"
    };
    let _ = writeln!(
        text,
        "{what}, for internal use only: {}",
        counted.place.display(&version.folder)
    );
    if let Some(published) = published {
        text.push_str(&published.said(&counted.place));
    }
    text
}
