//! A letter about any threat to the sample company; no store is opened.

use std::path::Path;

use super::load::{Call, fix_job, job_of, look_of, texts};
use crate::config;
use crate::diag::Failure;
use crate::model::company::Language;
use crate::model::decision::ItemKind;
use crate::model::letter::Form;
use crate::render::{self, Mark};

/// Which letter.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Threat.
    pub threat: String,
    /// Language.
    pub language: Language,
    /// First letter, reminder or relapse.
    pub kind: ItemKind,
    /// Form.
    pub form: Form,
}

/// The letter's bytes.
///
/// # Errors
/// `FixJob` where the job, the catalogue or a template is wrong, or the threat is unknown.
pub fn preview(call: &Call, ask: &Ask) -> Result<Vec<u8>, Failure> {
    let (job, _) = job_of(call)?;
    let folder = call.job.parent().unwrap_or(Path::new(""));
    let threats = texts(&folder.join(&job.threats)).map_err(fix_job)?;
    let triggers = texts(&folder.join(&job.triggers)).map_err(fix_job)?;
    let catalogue = config::catalogue(&threats, &triggers).map_err(fix_job)?;
    let threat = catalogue
        .threats
        .iter()
        .find(|t| t.id == ask.threat)
        .ok_or_else(|| {
            let known: Vec<&str> = catalogue.threats.iter().map(|t| t.id.as_str()).collect();
            Failure::fix_job(format!("unknown threat `{}`", ask.threat))
                .hint(format!("known threats: {}", known.join(", ")))
        })?;
    let look = look_of(&folder.join(&job.templates), &job)?;
    let letter = render::sample_letter(threat, ask.language, ask.kind, &look)?;
    render::render_form(&letter, &look, ask.form, Mark::None)
        .map_err(|e| Failure::fix_job(e.message).at(format!("letter.{}", e.form.extension()), ""))
}
