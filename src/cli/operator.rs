//! What an operator asks in the morning: `status`, `printed`, and what comes back from recipients.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::args::JobArgs;
use crate::diag::Failure;
use crate::model::aftermath::AnswerKind;
use crate::model::identity::FindingId;
use crate::model::night::Night;
use crate::report;
use crate::run::load::Call;
use crate::run::progress::Progress;
use crate::run::{Moment, alias, answers, diff, printed, rectify, status};

#[derive(Subcommand)]
pub(super) enum OperatorCommand {
    /// Say how the service stands; exit code 2 where a night that was due is missing
    Status(StatusArgs),
    /// Show a night's letters against another night's or another job's, letter by letter
    Diff(DiffArgs),
    /// Write down what a recipient says about a letter; the next night acts on it
    Answer(AnswerArgs),
    /// Write down that a provisional key turned out to be a company's; without OLD, list what is known
    Alias(AliasArgs),
    /// Take a wrong statement back: a correction to exactly those who got it
    Rectify(RectifyArgs),
    /// Write down what the printer reports about a batch; without --report, list what is open
    Printed(PrintedArgs),
}

#[derive(ClapArgs)]
#[command(
    after_help = "Exit codes: 0 nothing to do; 1 letters are unknown; 2 a night that was due is missing, or a
night is held and nobody has released it. A held night is shown with the keys that approved it.

After each run the same stands below the job's `operations.status` folder, as status.json and
status.om, beside summary.txt, which fits a mail."
)]
pub(super) struct StatusArgs {
    /// For programs
    #[arg(long, conflicts_with = "openmetrics")]
    json: bool,
    /// For a monitoring system (OpenMetrics text)
    #[arg(long)]
    openmetrics: bool,
    #[command(flatten)]
    job: JobArgs,
}

#[derive(ClapArgs)]
#[command(
    after_help = "Nothing is written, claimed or sent. Letters that left are read from the ledger, others are
computed.

Examples:
  nachtwacht diff 2026-03-12                             against the night before
  nachtwacht diff 2026-03-12 --against 2026-03-09
  nachtwacht diff 2026-03-12 --job jobs/changed.toml     the same night under a changed job"
)]
pub(super) struct DiffArgs {
    /// The night that is looked at
    #[arg(value_name = "YYYY-MM-DD")]
    night: Night,
    /// Job file
    #[arg(value_name = "JOB", default_value = "jobs/nightly.toml")]
    this_job: PathBuf,
    /// Against this night; the night planned before where absent
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with = "job")]
    against: Option<Night>,
    /// Against the same night under this job
    #[arg(long, value_name = "FILE")]
    job: Option<PathBuf>,
    /// For programs
    #[arg(long)]
    json: bool,
    /// Another base than the job's
    #[arg(long, value_name = "URL")]
    base: Option<String>,
}

#[derive(ClapArgs)]
#[command(
    after_help = "What follows: fixed - seen again later, it is a relapse; not-mine - the asset is suspended for this
company until it confirms it anew, and possible corrections of the register are listed;
false-positive and accepted-risk - no letter about these findings; opt-out - no letter to this
company.

`--by` is one of recipient, supplier, network-owner, helpdesk, operator. Of any other text only a
keyed hash is kept: the ledger names nobody.

Examples:
  nachtwacht answer NW-260312-… fixed --by recipient
  nachtwacht answer NW-260312-… opt-out --by helpdesk --until 2026-09-01"
)]
pub(super) struct AnswerArgs {
    /// Reference of the letter
    reference: String,
    /// fixed, not-mine, false-positive, accepted-risk or opt-out
    answer: String,
    /// Who says so
    #[arg(long, value_name = "WHO")]
    by: String,
    /// First date on which it no longer counts; an opt-out and an accepted risk must have one
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<Night>,
    /// Only this finding of the letter; may be repeated
    #[arg(long, value_name = "ID")]
    finding: Vec<FindingId>,
    /// Only the findings of this threat
    #[arg(long, value_name = "ID")]
    threat: Option<String>,
    #[command(flatten)]
    job: JobArgs,
}

impl AnswerArgs {
    fn ask(&self) -> Result<answers::Ask, Failure> {
        let reference = self.reference.parse();
        let kind = self.answer.parse().map_err(|()| {
            let known: Vec<&str> = AnswerKind::ALL.iter().map(|k| k.as_str()).collect();
            Failure::fix_job(format!(
                "`{}` is not one of {}",
                self.answer,
                known.join(", ")
            ))
            .at("", "ANSWER")
        })?;
        Ok(answers::Ask {
            reference: reference.map_err(|e: String| Failure::fix_job(e).at("", "REFERENCE"))?,
            kind,
            by: self.by.clone(),
            until: self.until.map(Night::date),
            findings: self.finding.clone(),
            threat: self.threat.clone(),
        })
    }
}

#[derive(ClapArgs)]
#[command(
    after_help = "From the next night that is planned on, what was written under OLD counts as NEW's: quiet days, reminders,
answers, opt-outs; statistics count one company. Nothing is rewritten, and an alias cannot be taken back:
look twice. `erase NEW` takes away what was written under OLD, too.

OLD is a provisional key (`unreg:`, `net:`, `asn:`) for which a letter was claimed; NEW is none.
`--by` is one of recipient, supplier, network-owner, helpdesk, operator. Of any other text only a
keyed hash is kept: the ledger names nobody.

Examples:
  nachtwacht alias jobs/nightly.toml unreg:voorbeeld.nl kvk:01234567 --by operator
  nachtwacht alias jobs/nightly.toml        every alias

Exit codes: 0 noted, or it stood already; 2 refused; 3 another run has the ledger: run again."
)]
pub(super) struct AliasArgs {
    /// Job file
    job: PathBuf,
    /// The provisional key, such as unreg:voorbeeld.nl
    #[arg(value_name = "OLD", requires = "new")]
    old: Option<String>,
    /// The company's own key, such as kvk:01234567
    #[arg(value_name = "NEW", requires = "by")]
    new: Option<String>,
    /// Who found out
    #[arg(long, value_name = "WHO", requires = "new")]
    by: Option<String>,
    /// Another base than the job's
    #[arg(long, value_name = "URL")]
    base: Option<String>,
}

#[derive(ClapArgs)]
#[command(
    after_help = "Who gets one, the ledger tells: each letter of that night that was handed over and held the
threat. The old references are withdrawn, and `verify` says so. The same command again sends
nothing twice.

The reason is a TOML file: nl = \"…\" and en = \"…\", paragraphs separated by an empty line.

Exit codes: 0 everybody was reached; 1 a person must look at somebody."
)]
pub(super) struct RectifyArgs {
    /// Threat that was stated wrongly
    #[arg(long, value_name = "ID")]
    threat: String,
    /// Night whose letters stated it
    #[arg(long, value_name = "YYYY-MM-DD")]
    night: Night,
    /// Why, in Dutch and English
    #[arg(long, value_name = "FILE")]
    reason: PathBuf,
    /// Say whom it would reach; nothing is written or sent
    #[arg(long, value_parser = ["plan"])]
    until: Option<String>,
    #[command(flatten)]
    job: JobArgs,
}

#[derive(ClapArgs)]
#[command(
    after_help = "The report is CSV with a header: a column `reference` or `kenmerk`, and a column `state` or
`status` that holds posted, spoiled or returned; of a batch by e-mail also sent, not-sent or bounced.
Spoiled letters were never posted and returned ones came back: the next night writes their findings again.

Examples:
  nachtwacht printed                                     batches that are not reported in full
  nachtwacht printed 2026-03-12-001 --report report.csv"
)]
pub(super) struct PrintedArgs {
    /// Batch, as in mail-merge/print.csv or email-merge/letters.csv, such as 2026-03-12-001
    #[arg(requires = "report")]
    batch: Option<String>,
    /// What the printer reports, CSV
    #[arg(long, value_name = "FILE", requires = "batch")]
    report: Option<PathBuf>,
    /// Job file
    #[arg(long, value_name = "FILE", default_value = "jobs/nightly.toml")]
    job: PathBuf,
    /// Another base than the job's
    #[arg(long, value_name = "URL")]
    base: Option<String>,
}

/// The answer, and the exit code.
pub(super) fn answer(
    command: OperatorCommand,
    call: impl Fn(JobArgs) -> Call,
    moment: &Moment,
    progress: &dyn Progress,
) -> Result<(String, u8), Failure> {
    match command {
        OperatorCommand::Status(ask) => {
            let form = match (ask.json, ask.openmetrics) {
                (true, _) => status::Form::Json,
                (false, true) => status::Form::OpenMetrics,
                (false, false) => status::Form::Text,
            };
            status::ask(&call(ask.job), form, moment)
        }
        OperatorCommand::Diff(ask) => {
            let against = match (ask.against, ask.job) {
                (_, Some(job)) => diff::Against::Job(job),
                (Some(night), None) => diff::Against::Night(night),
                (None, None) => diff::Against::Before,
            };
            let call = call(JobArgs {
                job: ask.this_job,
                base: ask.base,
            });
            let found = diff::diff(&call, ask.night, &against, moment, progress)?;
            let text = if ask.json {
                report::diff::json(&found)?
            } else {
                report::diff::text(&found)
            };
            Ok((text, 0))
        }
        OperatorCommand::Answer(ask) => {
            let question = ask.ask()?;
            Ok((answers::answer(&call(ask.job), &question, moment)?, 0))
        }
        OperatorCommand::Alias(ask) => {
            let call = call(JobArgs {
                job: ask.job,
                base: ask.base,
            });
            let text = match (&ask.old, &ask.new, &ask.by) {
                (Some(old), Some(new), Some(by)) => {
                    alias::alias(&call, &alias::Ask::of(old, new, by)?, moment)?
                }
                _ => alias::list(&call)?,
            };
            Ok((text, 0))
        }
        OperatorCommand::Rectify(ask) => {
            let question = rectify::Ask {
                threat: ask.threat,
                night: ask.night,
                reason: ask.reason,
                is_plan: ask.until.is_some(),
            };
            rectify::rectify(&call(ask.job), &question, moment, progress)
        }
        OperatorCommand::Printed(ask) => {
            let call = call(JobArgs {
                job: ask.job,
                base: ask.base,
            });
            match (&ask.batch, &ask.report) {
                (Some(batch), Some(report)) => printed::report(&call, batch, report, moment),
                _ => printed::open(&call),
            }
        }
    }
}
