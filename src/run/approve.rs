//! `approve`: shows a held plan, writes what is to be signed, and records the signature.
//!
//! It only records: `run JOB --night N` hands over exactly that plan.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::load::{Call, Loaded, load};
use super::{Moment, planning};
use crate::brakes::approval::{self, NAMESPACE, Statement};
use crate::diag::Failure;
use crate::ledger::{Holder, Ledger};
use crate::model::command;
use crate::model::hold::{Approval, Figures, Hold};
use crate::model::ledger_record::{LedgerView, PinnedNight, Record};
use crate::model::night::{Micros, Night};
use crate::store::Place;

const HOUR: i64 = 3_600_000_000;

/// Letters that are shown: the largest, and as many drawn by the plan's hash.
const SHOWN: usize = 5;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The held night.
    pub night: Night,
    /// Revision of its plan; the newest that was pinned where absent.
    pub revision: Option<u32>,
    /// SHA-256 of `letters.plan.json`.
    pub plan: String,
    /// Where the statement goes that is to be signed.
    pub statement: Option<PathBuf>,
    /// A statement whose signature lies beside it, as `FILE.sig`.
    pub signed: Option<PathBuf>,
}

/// Shows a held plan, writes its statement, or records its signature.
///
/// # Errors
/// `FixJob` where the night is not held, its plan is another one or was given up, or the
/// signature does not hold; else as [`Ledger::open`].
pub fn approve(call: &Call, ask: &Ask, moment: &Moment) -> Result<String, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let Some(signed) = &ask.signed else {
        let view = Ledger::read_only(&place, &loaded.job.ledger)?;
        let (pin, hold) = held(&view, ask)?;
        planning::same_job(pin, &loaded)?;
        return show(&loaded, &place, &view, pin, hold, ask, moment);
    };
    let who = Holder::this_process(&moment.run_id);
    let mut ledger = Ledger::open(&place, &loaded.job.ledger, &who)?;
    let (pin, hold) = held(ledger.view(), ask)?;
    planning::same_job(pin, &loaded)?;
    let hold = hold.clone();
    let now = moment.now.as_microsecond();
    let approval = checked(&loaded, &hold, signed, now)?;
    let is_new = |view: &LedgerView| view.approvals().all(|a| *a != approval);
    let mut records = vec![Record::from(approval.clone())];
    records.retain(|_| is_new(ledger.view()));
    ledger.append(records, &mut |view, mut records| {
        records.retain(|_| is_new(view) && held(view, ask).is_ok());
        records
    })?;
    let standing = approval::standing(&loaded.job.brakes, ledger.view(), &hold, now);
    let mut text = format!(
        "recorded: {} of {} keys approve plan {} of night {}, {} letters\n",
        standing.keys.len(),
        standing.needed,
        ask.plan,
        ask.night,
        hold.letters
    );
    let _ = if standing.is_enough() {
        writeln!(
            text,
            "nothing was sent yet; `{}` hands over exactly this plan",
            command::run(call.job.display(), hold.night, hold.revision)
        )
    } else {
        writeln!(text, "another key must sign before anything is sent")
    };
    Ok(text)
}

/// The night's pin and latest hold, where both are as the caller says.
fn held<'v>(view: &'v LedgerView, ask: &Ask) -> Result<(&'v PinnedNight, &'v Hold), Failure> {
    let night = ask.night;
    let wrong = |message: String| Failure::fix_job(message).at("", "NIGHT");
    let newest = || view.newest_revision(night);
    let revision = ask.revision.unwrap_or_else(newest);
    let pin = view.pinned(night, revision).ok_or_else(|| {
        wrong(format!(
            "night {night} was never planned (revision {revision})"
        ))
    })?;
    planning::not_given_up(pin, view)?;
    if view.is_final(pin) {
        return Err(wrong(format!(
            "night {night} has ended: there is nothing to approve"
        )));
    }
    let holds = view.holds();
    let hold = holds
        .filter(|h| (h.night, h.revision) == (night, revision))
        .last()
        .ok_or_else(|| {
            wrong(format!("no brake holds night {night}")).hint(format!(
                "`{}` goes on with it",
                command::run("JOB", night, revision)
            ))
        })?;
    if hold.plan_sha256 != ask.plan {
        return Err(Failure::fix_job(format!(
            "the plan of night {night} is {}, not `{}`",
            hold.plan_sha256, ask.plan
        ))
        .at("", "--plan")
        .hint(
            "a plan that changed must be looked at again: give the hash that the last run printed",
        ));
    }
    Ok((pin, hold))
}

/// The approval in a signed file, checked in every respect.
fn checked(loaded: &Loaded, hold: &Hold, signed: &Path, now: Micros) -> Result<Approval, Failure> {
    let shown = signed.display().to_string();
    let wrong = |message: String| Failure::fix_job(message).at(&shown, "");
    let text = read(signed)?;
    let signature = read(&PathBuf::from(format!("{shown}.sig")))?;
    let statement: Statement = text.parse().map_err(&wrong)?;
    let meant = (hold.night, hold.revision, &hold.plan_sha256, hold.letters);
    let found = (
        statement.night,
        statement.revision,
        &statement.plan_sha256,
        statement.letters,
    );
    if found != meant {
        return Err(
            wrong("the statement is about another plan than the one that is held".into())
                .hint("write it anew with `--statement`, look at it, and sign that"),
        );
    }
    let settings = &loaded.job.brakes;
    let longest = i64::try_from(settings.approval_hours).unwrap_or(i64::MAX / HOUR) * HOUR;
    if now >= statement.expires_at || statement.expires_at - now > longest {
        return Err(wrong(format!(
            "the statement does not end within the next {} hours",
            settings.approval_hours
        ))
        .hint("write it anew with `--statement` and sign that"));
    }
    let signer = approval::verify(text.as_bytes(), &signature, &settings.signers).map_err(|why| {
        wrong(why).hint(format!(
            "sign with `ssh-keygen -Y sign -n {NAMESPACE} -f KEY {shown}`; whose keys may sign stands in `[brakes.signers]` of the job"
        ))
    })?;
    Ok(Approval {
        night: statement.night,
        revision: statement.revision,
        plan_sha256: statement.plan_sha256,
        letters: statement.letters,
        expires_at: statement.expires_at,
        key: signer.key,
        signature,
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|e| {
        Failure::fix_job(format!("the file cannot be read: {e}"))
            .at(path.display().to_string(), "")
            .hint("give the statement; its signature is the file with `.sig` behind its name")
    })
}

fn show(
    loaded: &Loaded,
    place: &Place,
    view: &LedgerView,
    pin: &PinnedNight,
    hold: &Hold,
    ask: &Ask,
    moment: &Moment,
) -> Result<String, Failure> {
    let path = format!(
        "{}{}/{}/letters.plan.json",
        loaded.job.runs, pin.night, pin.run_id
    );
    let bytes = place.get(&path)?;
    if hex::encode(Sha256::digest(&bytes)) != hold.plan_sha256 {
        return Err(Failure::fix_data("the plan is not the one that was held")
            .at(place.display(&path), "")
            .hint("somebody changed it: put it back, or plan the night anew with `--revision`"));
    }
    let plan: Value = serde_json::from_slice(&bytes)
        .map_err(|e| Failure::our_bug(format!("the plan of letters is not readable: {e}")))?;
    let mut text = overview(view, hold, &plan);
    let Some(file) = &ask.statement else {
        let _ = writeln!(
            text,
            "\nto let it go, write what is to be signed: add `--statement approval.txt`"
        );
        return Ok(text);
    };
    let hours = i64::try_from(loaded.job.brakes.approval_hours).unwrap_or(i64::MAX / HOUR);
    let expires = moment
        .now
        .as_microsecond()
        .saturating_add(hours.saturating_mul(HOUR));
    let statement = Statement {
        night: hold.night,
        revision: hold.revision,
        plan_sha256: hold.plan_sha256.clone(),
        letters: hold.letters,
        expires_at: expires - expires.rem_euclid(1_000_000),
    };
    let shown = file.display();
    fs::write(file, statement.to_string()).map_err(|e| {
        Failure::fix_job(format!("cannot be written: {e}")).at(shown.to_string(), "--statement")
    })?;
    let _ = writeln!(
        text,
        "\nsign it, and record the signature:\n  ssh-keygen -Y sign -n {NAMESPACE} -f ~/.ssh/id_ed25519 {shown}\n  {} --signed {shown}",
        command::approve(hold.night, hold.revision, &hold.plan_sha256)
    );
    Ok(text)
}

/// What an approver sees: counts, what is different, the largest letters and some at random.
fn overview(view: &LedgerView, hold: &Hold, plan: &Value) -> String {
    let mut text = format!(
        "night {} is held: {} letters wait\n",
        hold.night, hold.letters
    );
    if hold.overviews > 0 {
        let _ = writeln!(
            text,
            "  {} of them are overviews for parents",
            hold.overviews
        );
    }
    for pulled in &hold.pulled {
        let _ = writeln!(text, "  {:<22} {}", pulled.brake, pulled.text());
    }
    let mut all: Vec<Shown> = letters(plan);
    let figures = |f: &&Figures| (f.night, f.revision) == (hold.night, hold.revision);
    let tonight = view.figures().filter(figures).last();
    let given_up = view.superseded();
    let is_kept = |f: &&Figures| !given_up.contains_key(&(f.night, f.revision));
    let earlier = view.figures().filter(|f| f.night < hold.night);
    let before = earlier.filter(is_kept).last();
    if let Some(f) = tonight {
        let _ = writeln!(
            text,
            "\n  {:<34} {:>8} {:>8}",
            "letters about", "now", "before"
        );
        for (threat, n) in &f.by_threat {
            let then = before.and_then(|b| b.by_threat.get(threat)).unwrap_or(&0);
            let _ = writeln!(text, "  {threat:<34} {n:>8} {then:>8}");
        }
        let then = before.map_or(0, |b| b.letters);
        let _ = writeln!(text, "  {:<34} {:>8} {then:>8}", "in all", f.letters);
        let _ = writeln!(
            text,
            "  {:<34} {:>8}",
            "to somebody for the first time", f.first_time
        );
    }
    all.sort_by(|a, b| {
        b.findings
            .cmp(&a.findings)
            .then_with(|| a.reference.cmp(&b.reference))
    });
    let _ = writeln!(text, "\nthe largest letters (under held/)");
    all.iter().take(SHOWN).for_each(|l| l.tell(&mut text));
    // Drawn by the plan's hash: nobody can choose them.
    all.sort_by_key(|l| Sha256::digest(format!("{}{}", hold.plan_sha256, l.reference)).to_vec());
    let _ = writeln!(text, "letters drawn at random");
    all.iter().take(SHOWN).for_each(|l| l.tell(&mut text));
    text
}

struct Shown {
    reference: String,
    channel: String,
    findings: u64,
    threats: String,
}

impl Shown {
    fn tell(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "  {}  {:<5} {:>5} findings  {}",
            self.reference, self.channel, self.findings, self.threats
        );
    }
}

fn letters(plan: &Value) -> Vec<Shown> {
    let all = plan.get("letters").and_then(Value::as_array);
    let text = |l: &Value, key: &str| {
        l.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    all.into_iter()
        .flatten()
        .filter(|l| l.get("is_held") == Some(&Value::Bool(false)))
        .map(|l| {
            let threats = l.get("threats").and_then(Value::as_array);
            let threats: Vec<&str> = threats
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            Shown {
                reference: text(l, "reference"),
                channel: text(l, "channel"),
                findings: l.get("findings").and_then(Value::as_u64).unwrap_or(0),
                threats: threats.join(", "),
            }
        })
        .collect()
}
