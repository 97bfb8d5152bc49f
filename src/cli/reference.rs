//! Arguments of the commands about reference data.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::args::JobArgs;
use crate::diag::Failure;
use crate::model::night::Night;
use crate::reference::Kind;
use crate::run::reference::Ask;

#[derive(Subcommand)]
pub(super) enum ReferenceCommand {
    /// Check a day of reference data, say what changed, and store it
    Import(ImportArgs),
    /// Every stored day of every kind, and which one a night uses
    List {
        #[command(flatten)]
        job: JobArgs,
        /// The night; today where absent
        #[arg(long, value_name = "YYYY-MM-DD")]
        night: Option<Night>,
    },
}

#[derive(ClapArgs)]
#[command(
    after_help = "Kinds: kev (JSON, CSV), epss (CSV), cve and csaf (JSON, JSON lines), public_suffixes,
prefix_asn (range tables and one of names), shared_infrastructure (warning lists of MISP, CSV),
rsit, sbi, nace, municipalities, lookups (security.txt, RDAP). Each may be gzip.

Examples:
  nachtwacht reference import epss epss_scores-2026-03-13.csv.gz
  nachtwacht reference import shared_infrastructure lists/*.json ranges.csv --day 2026-03-13"
)]
pub(super) struct ImportArgs {
    /// What the data is about
    kind: String,
    /// Files as fetched
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Day of the data, where neither it nor the file's name says so
    #[arg(long, value_name = "YYYY-MM-DD")]
    day: Option<Night>,
    /// Store it even if more than half of the day before is gone
    #[arg(long)]
    may_shrink: bool,
    /// The job file
    #[arg(long, value_name = "FILE", default_value = "jobs/nightly.toml")]
    job: PathBuf,
    /// Another base than the job's
    #[arg(long, value_name = "URL")]
    base: Option<String>,
}

impl ImportArgs {
    pub(super) fn into_parts(self) -> Result<(JobArgs, Ask), Failure> {
        let kind: Kind = self.kind.parse().map_err(|()| {
            let known: Vec<&str> = Kind::ALL.iter().map(|k| k.as_str()).collect();
            Failure::fix_job(format!(
                "`{}` is not one of {}",
                self.kind,
                known.join(", ")
            ))
            .at("", "KIND")
        })?;
        let ask = Ask {
            kind,
            files: self.files,
            day: self.day,
            may_shrink: self.may_shrink,
        };
        let job = JobArgs {
            job: self.job,
            base: self.base,
        };
        Ok((job, ask))
    }
}
