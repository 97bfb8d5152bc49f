//! Arguments of the fetcher.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};

use super::args::JobArgs;
use crate::diag::Failure;
use crate::fetch::Settings;
use crate::run::fetch;

#[derive(Subcommand)]
pub(super) enum FetchCommand {
    /// security.txt files of a list of names (RFC 9116)
    SecurityTxt(SecurityTxtArgs),
}

#[derive(ClapArgs)]
#[command(
    after_help = "Each name gives one line: found, none, or unknown with the reason. \
Results are only ever created.
Only HTTPS at public addresses is asked; proxies are not used.

Example:
  nachtwacht fetch security-txt --list names.txt --out 2026-03-12-security-txt.jsonl"
)]
pub(super) struct SecurityTxtArgs {
    /// One name a line
    #[arg(long, value_name = "FILE")]
    list: PathBuf,
    /// File of results; the job's folder `reference.lookups` where absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    job: JobArgs,
    /// Seconds for one request
    #[arg(long, value_name = "N", default_value_t = 10)]
    timeout_secs: u64,
    /// Requests at once
    #[arg(long, value_name = "N", default_value_t = 16)]
    concurrency: usize,
    /// Milliseconds between two requests to one host
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pause_millis: u64,
    /// Who asks, and where to complain
    #[arg(long, value_name = "TEXT")]
    user_agent: Option<String>,
    /// One more authority to trust (PEM)
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// For tests: every name is at this address
    #[arg(long, value_name = "IP:PORT", hide = true)]
    test_address: Option<SocketAddr>,
}

impl SecurityTxtArgs {
    pub(super) fn into_parts(self) -> Result<(JobArgs, fetch::Ask), Failure> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|e| {
                Failure::fix_job(format!("the certificate cannot be read: {e}"))
                    .at(path.display().to_string(), "--ca")
            })
        };
        let authority = self.ca.as_ref().map(read).transpose()?;
        let defaults = Settings::default();
        let settings = Settings {
            timeout: Duration::from_secs(self.timeout_secs.max(1)),
            concurrency: self.concurrency,
            pause: Duration::from_millis(self.pause_millis),
            user_agent: self.user_agent.unwrap_or(defaults.user_agent),
            authority,
            everything_at: self.test_address,
            max_bytes: defaults.max_bytes,
            max_redirects: defaults.max_redirects,
        };
        let ask = fetch::Ask {
            list: self.list,
            out: self.out,
            settings,
        };
        Ok((self.job, ask))
    }
}
