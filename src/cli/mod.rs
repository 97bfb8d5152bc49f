//! The terminal: arguments, help, progress, and what a failure looks like.
//!
//! Standard output carries data, standard error everything else.
#![expect(
    clippy::print_stderr,
    reason = "this is the room that speaks to the terminal"
)]

mod args;
mod bars;
mod fetch;
mod hold;
mod ledger;
mod operator;
mod reference;
mod register;
mod statistics;
mod watch;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use crate::diag::{Failure, Kind, printable};
use crate::ledger::crash;
use crate::report::summary::{self, grouped};
use crate::run::{self, Moment, load::Call, night};
use args::{Args, Command, LogForm};

/// Runs the program; the only caller is `main`.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    let env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect();
    if let Some(point) = env.get("NACHTWACHT_CRASH_AT") {
        crash::arm(point);
    }
    log_as(args.log);
    // A panic has said where it was; what died halfway is resumed by the next run.
    let ended = catch_unwind(AssertUnwindSafe(|| command(args, env)));
    let ended = ended.unwrap_or_else(|_| Err(Failure::our_bug("the program panicked: see above")));
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            explain(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn log_as(form: LogForm) {
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false);
    let _ = match form {
        LogForm::Json => builder.json().try_init(),
        LogForm::Text => builder.with_ansi(false).without_time().try_init(),
    };
}

/// A failure for a person: what, where, who must act.
fn explain(failure: &Failure) {
    let who = match failure.kind {
        Kind::FixJob => "the job or the call must be mended",
        Kind::FixData => "the inputs must be mended",
        Kind::TryLater => "try again later",
        Kind::OurBug => "this is a bug of nachtwacht: please report it",
    };
    eprintln!("error: {who}\n");
    for problem in &failure.problems {
        eprintln!("  {}", problem.to_string().replace('\n', "\n  "));
    }
}

fn command(args: Args, env: BTreeMap<String, String>) -> Result<u8, Failure> {
    let moment = Moment::read()?;
    let has_bars = std::io::stderr().is_terminal() && args.log == LogForm::Text;
    let progress = || bars::progress(has_bars);
    let call = |job: args::JobArgs| Call {
        job: job.job,
        base: job.base,
        env: env.clone(),
    };
    match args.command {
        Command::Run {
            job,
            night,
            revision,
            max_letters,
            until,
        } => {
            let until = if until.is_some() {
                night::Until::Plan
            } else {
                night::Until::End
            };
            let ask = night::Ask {
                night,
                revision,
                until,
                max_letters,
            };
            let progress = progress();
            let outcome = night::run(&call(job), &ask, &moment, progress.as_ref())?;
            for earlier in &outcome.earlier {
                say(&format!("{}\n", summary::text(earlier)))?;
            }
            say(&summary::text(&outcome.summary))?;
            Ok(outcome.exit_code)
        }
        Command::Check { job } => {
            let found = night::check(&call(job), &moment)?;
            say(&format!(
                "the job is in order: night {} would read {} snapshots and {} other objects\n",
                found.plan.night,
                found.snapshots.len(),
                found.inputs.len()
            ))?;
            Ok(0)
        }
        Command::Plan {
            job,
            night,
            revision,
        } => {
            let ask = night::Ask {
                night,
                revision,
                until: night::Until::Plan,
                max_letters: None,
            };
            say(&plan_text(&night::preview(&call(job), &ask, &moment)?))?;
            Ok(0)
        }
        Command::Preview(preview) => {
            let call = call(preview.job_args());
            if let (true, Some(out)) = (preview.watch, &preview.out) {
                return watch::watch(&call, &preview, out);
            }
            let bytes = run::preview::preview(&call, &preview.ask()?)?;
            write_out(preview.out.as_deref(), &bytes)?;
            Ok(0)
        }
        Command::Ingest(ask) => {
            run::ingest::ingest(&ask.into_ask(&env)?, &mut |text| say(text))?;
            Ok(0)
        }
        Command::Match(ask) => {
            let answer = run::adhoc::adhoc(&ask.ask(moment.now))?;
            write_out(ask.out.as_deref(), &answer.bytes)?;
            eprint!("{}", printable(&answer.said));
            Ok(answer.exit_code)
        }
        Command::Verify(ask) => {
            let question = ask.ask();
            let answer = run::verify::verify(&call(ask.job), &question)?;
            say(&format!("{}\n", answer.text))?;
            Ok(answer.exit_code)
        }
        Command::Fetch(fetch::FetchCommand::SecurityTxt(ask)) => {
            let (job, ask) = ask.into_parts()?;
            let progress = progress();
            let said = run::fetch::security_txt(&call(job), &ask, &moment, progress.as_ref())?;
            eprint!("{said}");
            Ok(0)
        }
        Command::Register(register::RegisterCommand::Unconfirmed(ask)) => {
            let (job, ask) = ask.into_parts();
            let answer = run::unconfirmed::unconfirmed(&call(job), &ask, &moment)?;
            say(&answer.list)?;
            eprint!("{}", printable(&answer.said));
            Ok(0)
        }
        Command::Reference(reference::ReferenceCommand::Import(ask)) => {
            let (job, ask) = ask.into_parts()?;
            say(&run::reference::import(&call(job), &ask, &moment)?)?;
            Ok(0)
        }
        Command::Reference(reference::ReferenceCommand::List { job, night }) => {
            say(&run::reference::list(&call(job), night, &moment)?)?;
            Ok(0)
        }
        Command::Register(register::RegisterCommand::Check(ask)) => {
            let (job, ask) = ask.into_parts();
            let answer = run::register::check(&call(job), &ask, &moment)?;
            say(&answer.text)?;
            Ok(answer.exit_code)
        }
        Command::Approve(ask) => {
            let (job, ask) = ask.into_parts();
            say(&run::approve::approve(&call(job), &ask, &moment)?)?;
            Ok(0)
        }
        Command::Baseline(ask) => {
            let feed = ask.feed;
            say(&run::baseline::baseline(
                &call(ask.job),
                feed.as_deref(),
                &moment,
            )?)?;
            Ok(0)
        }
        Command::Ledger(command) => {
            let (text, code) = ledger::answer(command, call, &moment)?;
            say(&text)?;
            Ok(code)
        }
        Command::Operator(command) => {
            let progress = progress();
            let (text, code) = operator::answer(command, call, &moment, progress.as_ref())?;
            say(&text)?;
            Ok(code)
        }
        Command::Bounces { mailbox, job } => {
            say(&run::bounces::bounces(&call(job), &mailbox, &moment)?)?;
            Ok(0)
        }
        Command::Replay {
            night,
            revision,
            job,
        } => {
            let progress = progress();
            let call = call(job);
            say(&run::replay::replay(
                &call,
                night,
                revision,
                &moment,
                progress.as_ref(),
            )?)?;
            Ok(0)
        }
        Command::Erase {
            company,
            also_unprinted,
            job,
        } => {
            let key = company.parse().map_err(|()| {
                Failure::fix_job(format!(
                    "`{company}` is not a company key such as `kvk:00012345`"
                ))
            })?;
            say(&run::erase::company(
                &call(job),
                &key,
                also_unprinted,
                &moment,
            )?)?;
            Ok(0)
        }
        Command::Index { command } => {
            let args::IndexCommand::Build {
                assets,
                public_suffixes,
                out,
            } = command;
            let answer = run::adhoc::store(&run::adhoc::Store {
                assets,
                public_suffixes,
                out: out.clone(),
            })?;
            // An index of nothing would stand in the place of a good one.
            if answer.exit_code != 2 {
                write_out(Some(&out), &answer.bytes)?;
            }
            eprint!("{}", printable(&answer.said));
            Ok(answer.exit_code)
        }
        Command::Statistics(ask) => {
            let now = run::Moment::read()?.now;
            say(&run::statistics::statistics(&ask.ask(env, now))?)?;
            Ok(0)
        }
        Command::Explain(ask) => {
            let question = ask.question()?;
            let answer = run::explain::explain(&call(ask.job), ask.night, &question, ask.json)?;
            say(&answer)?;
            Ok(0)
        }
    }
}

fn plan_text(found: &night::Preview) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "night {}", found.plan.night);
    let _ = writeln!(
        text,
        "\nreads these snapshots (rows, bytes); of them `{}` in a first pass",
        crate::model::observation::KEY_COLUMNS.join("`, `")
    );
    for (path, rows, bytes) in &found.snapshots {
        let _ = writeln!(
            text,
            "  {path:<60} {:>12} {:>14}",
            grouped(*rows),
            grouped(*bytes)
        );
    }
    let _ = writeln!(text, "\nreads these register and reference objects");
    for input in &found.inputs {
        let _ = writeln!(text, "  {:<60} {:>27}", input.path, grouped(input.size));
    }
    let _ = writeln!(
        text,
        "\n{} snapshots were consumed by earlier nights",
        found.plan.n_consumed_before
    );
    for path in &found.plan.ignored {
        let _ = writeln!(
            text,
            "  ignored, since it is not `<date>/<feed>/<report>.parquet`: {path}"
        );
    }
    let _ = writeln!(text, "would write below\n  {}", found.writes);
    text
}

/// Text to standard output.
fn say(text: &str) -> Result<(), Failure> {
    write_out(None, text.as_bytes())
}

/// Bytes to a file, or to standard output.
fn write_out(path: Option<&std::path::Path>, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    let written = match path {
        Some(path) => std::fs::write(path, bytes),
        // A pipe gets the bytes as they are; a terminal nothing that moves its cursor.
        None if std::io::stdout().is_terminal() => {
            let text = printable(&String::from_utf8_lossy(bytes));
            std::io::stdout().write_all(text.as_bytes())
        }
        None => std::io::stdout().write_all(bytes),
    };
    // Whoever reads our output may have seen enough: `nachtwacht plan | head`.
    let written = match written {
        Err(e) if path.is_none() && e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    };
    written.map_err(|e| {
        let shown = path.map_or_else(|| "standard output".into(), |p| p.display().to_string());
        Failure::fix_job(format!("cannot be written: {e}")).at(shown, "")
    })
}
