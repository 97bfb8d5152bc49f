//! What a held night leaves: the plan, letters marked CONCEPT, tables, statistics and a manifest
//! under `held/`. Nothing there stands in the way of the same plan when it is let go.

use std::fmt::Write;

use super::hold::Held;
use super::outputs::{Files, Outputs, RenderedNight, hashes};
use crate::diag::Failure;
use crate::model::command;
use crate::model::hold::Brake;
use crate::model::letter::Letter;
use crate::report;

impl Outputs<'_> {
    /// Writes it; a night that is still held finds the same bytes.
    pub(super) fn write_held(&self, night: &RenderedNight<'_>, held: &Held) -> Result<(), Failure> {
        self.write("letters.plan.json", &held.plan)?;
        self.write_parties(night)?;
        let letters: Vec<&Letter> = night.decided.letters.iter().map(|d| &d.letter).collect();
        let decisions = report::decisions_parquet(&night.decided.decisions, &letters)?;
        let rejects = report::rejects_parquet(super::outputs::rejects(night))?;
        let mut files: Files = vec![
            ("held/decisions.parquet".into(), decisions),
            ("held/rejects.parquet".into(), rejects),
        ];
        for (name, bytes) in self
            .statistics(night)?
            .into_iter()
            .chain(self.shadow(night)?)
        {
            files.push((format!("held/{name}"), bytes));
        }
        let mut outputs = hashes(&files);
        outputs.insert("letters.plan.json".into(), held.hold.plan_sha256.clone());
        for forms in &night.rendered.forms {
            outputs.extend(forms.clone());
        }
        self.write_all(files)?;
        self.write_manifest("held/manifest.json", "held", night, outputs, None)?;
        Ok(())
    }

    /// What an operator reads of a hold: which brake, the figure, the limit, the next command.
    pub(super) fn hold_text(&self, held: &Held) -> String {
        let (night, revision, hold) = (self.pin.night, self.pin.revision, &held.hold);
        let mut text = format!("HELD: {} letters wait, and none has left\n", hold.letters);
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
        for (key, why) in &held.standing.refused {
            let _ = writeln!(text, "  an approval does not hold  {key}: {why}");
        }
        let is = |brake| hold.pulled.iter().any(|p| p.brake == brake);
        text.push_str("\nnext: look at held/, then\n");
        if is(Brake::ClockOff) {
            text.push_str(
                "  set the clock right and run the same command again: no approval goes past it\n",
            );
            return text;
        }
        if hold.pulled.iter().all(|p| p.brake == Brake::FirstNight) {
            text.push_str("  nachtwacht baseline\nand run the same command again; or approve this plan alone:\n");
        }
        let _ = writeln!(
            text,
            "  {}",
            command::approve(night, revision, &hold.plan_sha256)
        );
        let (n_keys, needed) = (self.loaded.job.brakes.signers.len(), held.standing.needed);
        if n_keys < needed {
            let lack = match n_keys {
                0 => "no key may sign yet: put one".to_owned(),
                n => format!("this plan needs {needed} keys, and the job names {n}: put another"),
            };
            let _ = writeln!(
                text,
                "{lack} into `[brakes.signers]` of the job, and plan the night anew with\n  {}",
                command::run("JOB", night, revision + 1)
            );
        }
        text
    }
}
