//! A letter about any threat to the sample company; no store is opened.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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
    /// As the owner of a network gets it.
    pub is_to_owner: bool,
    /// The overview that a parent company gets of such letters.
    pub is_overview: bool,
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
    let mut letter = render::sample_letter(threat, ask.language, ask.kind, &look)?;
    if ask.is_to_owner {
        letter = render::sample_to_owner(letter);
    }
    if ask.is_overview {
        letter = render::sample_overview(&letter, &look)?;
    }
    render::render_form(&letter, &look, ask.form, Mark::None)
        .map_err(|e| Failure::fix_job(e.message).at(format!("letter.{}", e.form.extension()), ""))
}

/// Files by path, with when each was last changed and its size in bytes.
pub type Sources = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// The files that a preview reads, as they stand now, but for `out`: the job, and what lies in its
/// folders. Hidden files are left out; of a job that cannot be read there is the job file alone.
#[must_use]
pub fn sources(call: &Call, out: &Path) -> Sources {
    let mut waiting = vec![call.job.clone()];
    if let Ok((job, _)) = job_of(call) {
        let folder = call.job.parent().unwrap_or(Path::new(""));
        waiting.extend([&job.threats, &job.triggers, &job.templates].map(|name| folder.join(name)));
    }
    let out = fs::canonicalize(out).ok();
    let mut found = Sources::new();
    while let Some(path) = waiting.pop() {
        let Ok(about) = fs::metadata(&path) else {
            continue; // gone since it was listed: the next look says so
        };
        if about.is_dir() {
            waiting.extend(visible_in(&path));
        } else if out.is_none() || fs::canonicalize(&path).ok() != out {
            found.insert(path, stamp(&about));
        }
    }
    found
}

fn stamp(about: &Metadata) -> (Option<SystemTime>, u64) {
    (about.modified().ok(), about.len())
}

/// What lies in a folder; nothing where it cannot be read, which the preview itself reports.
fn visible_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_hidden = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with('.')
    };
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| !is_hidden(path)).collect()
}
