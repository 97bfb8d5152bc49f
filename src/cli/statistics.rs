//! `nachtwacht statistics`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::model::night::Night;
use crate::run::statistics::Ask;
use crate::statistics::period::Span;

#[derive(Args)]
#[command(after_help = "Examples:
  nachtwacht statistics jobs/statistics.toml --period 2022-H1
  nachtwacht statistics --period 2022-01-01..2022-06-15
  nachtwacht statistics jobs/statistics-monthly.toml

Exit codes: 0 done; 2 a person must mend the job, the ledger or a manifest; 3 try again later.")]
pub(super) struct StatisticsArgs {
    /// Job of statistics
    #[arg(default_value = "jobs/statistics.toml")]
    job: PathBuf,
    /// A month, quarter, half-year, year or span, both ends inside: 2022-03, 2022-Q1, 2022-H1,
    /// 2022, 2022-01-01..2022-06-15
    ///
    /// The job's own where absent: the last whole month or year, say.
    #[arg(long, value_name = "PERIOD")]
    period: Option<Span>,
    /// The date that the job's own period lies before; today where absent
    #[arg(long, value_name = "DATE", conflicts_with = "period")]
    on: Option<Night>,
    /// Another base than the nightly job's: a folder, file:///…, s3://bucket/prefix, …
    #[arg(long, value_name = "URL")]
    base: Option<String>,
}

impl StatisticsArgs {
    pub(super) fn ask(self, env: BTreeMap<String, String>, now: Timestamp) -> Ask {
        Ask {
            job: self.job,
            base: self.base,
            env,
            span: self.period,
            on: self.on.map(|night| night.date()),
            now,
        }
    }
}
