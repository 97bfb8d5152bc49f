//! `nachtwacht ledger …`.

use clap::{Subcommand, ValueEnum};

use super::args::JobArgs;
use crate::diag::Failure;
use crate::run::load::Call;
use crate::run::{Moment, desk};

#[derive(Subcommand)]
pub(super) enum LedgerCommand {
    /// List the letters that were claimed and have no receipt; exit code 1 where there are any
    Unknown {
        #[command(flatten)]
        job: JobArgs,
    },
    /// Write down what you found out about an unknown letter
    Settle {
        /// Reference, such as NW-260312-…
        reference: String,
        /// What you found out
        #[arg(value_enum)]
        found: Settled,
        #[command(flatten)]
        job: JobArgs,
    },
    /// Read all of it, its copy and its parts; print its head
    Verify {
        /// A head that was printed earlier: proves that no older ledger was laid back
        #[arg(long, value_name = "NUMBER:SHA256")]
        expect: Option<String>,
        #[command(flatten)]
        job: JobArgs,
    },
    /// Take what the ledger lacks from its copy, then verify
    Restore {
        #[command(flatten)]
        job: JobArgs,
    },
    /// Write the newest objects once more as one Parquet file; a run does so by itself in time
    Compact {
        #[command(flatten)]
        job: JobArgs,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Settled {
    /// The letter left
    HandedOver,
    /// It never left: the night, run again, sends it
    NotSent,
}

/// The answer, and the exit code.
pub(super) fn answer(
    command: LedgerCommand,
    call: impl Fn(JobArgs) -> Call,
    moment: &Moment,
) -> Result<(String, u8), Failure> {
    let text = match command {
        LedgerCommand::Unknown { job } => {
            let (text, n) = desk::unknown(&call(job))?;
            return Ok((text, u8::from(n > 0)));
        }
        LedgerCommand::Settle {
            reference,
            found,
            job,
        } => {
            let reference = reference
                .parse()
                .map_err(|e: String| Failure::fix_job(e).at("", "REFERENCE"))?;
            let found = match found {
                Settled::HandedOver => desk::Found::HandedOver,
                Settled::NotSent => desk::Found::NotSent,
            };
            desk::settle(&call(job), &reference, found, moment)?
        }
        LedgerCommand::Verify { expect, job } => desk::verify(&call(job), expect.as_deref())?,
        LedgerCommand::Restore { job } => desk::restore(&call(job), moment)?,
        LedgerCommand::Compact { job } => desk::compact(&call(job), moment)?,
    };
    Ok((text, 0))
}
