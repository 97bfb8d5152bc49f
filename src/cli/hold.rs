//! `nachtwacht approve` and `nachtwacht baseline`.

use std::path::PathBuf;

use clap::Args;

use super::args::JobArgs;
use crate::model::night::Night;
use crate::run::approve;

#[derive(Args)]
#[command(
    after_help = "Without --signed it shows the plan: counts, what stopped it, the largest letters and some at random.

Examples:
  nachtwacht approve 2026-03-12 --plan 3f2a… --statement approval.txt
  ssh-keygen -Y sign -n nachtwacht -f ~/.ssh/id_ed25519 approval.txt
  nachtwacht approve 2026-03-12 --plan 3f2a… --signed approval.txt
  nachtwacht run jobs/nightly.toml --night 2026-03-12

Until that run `nachtwacht status` shows which keys approved the plan, and until when."
)]
pub(super) struct ApproveArgs {
    /// The night that is held
    #[arg(value_name = "YYYY-MM-DD")]
    night: Night,
    /// SHA-256 of its letters.plan.json, as the run printed it
    #[arg(long, value_name = "HASH")]
    plan: String,
    /// Write what is to be signed
    #[arg(long, value_name = "FILE", conflicts_with = "signed")]
    statement: Option<PathBuf>,
    /// Record the signature of a statement; it lies beside it as FILE.sig
    #[arg(long, value_name = "FILE")]
    signed: Option<PathBuf>,
    /// Revision of the night's plan; its newest where absent
    #[arg(long, value_name = "N")]
    revision: Option<u32>,
    #[command(flatten)]
    job: JobArgs,
}

impl ApproveArgs {
    pub(super) fn into_parts(self) -> (JobArgs, approve::Ask) {
        let ask = approve::Ask {
            night: self.night,
            revision: self.revision,
            plan: self.plan,
            statement: self.statement,
            signed: self.signed,
        };
        (self.job, ask)
    }
}

#[derive(Args)]
pub(super) struct BaselineArgs {
    /// One feed; the ledger and every feed of the job where absent
    #[arg(long)]
    pub(super) feed: Option<String>,
    #[command(flatten)]
    pub(super) job: JobArgs,
}
