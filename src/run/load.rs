//! Reads the job and everything beside it: threats, triggers, templates, secrets, the store.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use url::Url;

use crate::config::{self, Catalogue, Job, SAMPLES_KEY_MARK, SecretPlace, Secrets};
use crate::deliver::{Authorities, MailOutbox};
use crate::diag::{Failure, Kind, Problem};
use crate::model::identity::Secret;
use crate::model::ledger_record::PinnedNight;
use crate::render::Look;
use crate::store::Place;

/// What the caller decides; the rest is in the job.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The job file.
    pub job: PathBuf,
    /// Another base than the job's.
    pub base: Option<String>,
    /// The process's environment: secrets and the store's credentials.
    pub env: BTreeMap<String, String>,
}

/// A checked job with everything that it names, but for the store's objects.
pub struct Loaded {
    /// The job.
    pub job: Job,
    /// Threats and triggers.
    pub catalogue: Catalogue,
    /// Templates, fonts, sender.
    pub look: Look,
    /// Keys.
    pub secrets: Secrets,
    /// Whom we believe that the mail server is who it says, where the job names a file of them.
    pub authorities: Option<Authorities>,
    /// Base URL.
    pub base: Url,
    /// SHA-256 over job, threats, triggers and templates.
    pub job_sha256: String,
}

impl Loaded {
    /// Where a night's run writes: `runs/<night>/<run>/`.
    pub(super) fn run_folder(&self, pin: &PinnedNight) -> String {
        format!("{}{}/{}/", self.job.runs, pin.night, pin.run_id)
    }
}

type NamedText = (String, String);
type NamedBytes = (String, Vec<u8>);

/// Loads and checks a job; touches no store.
///
/// # Errors
/// `FixJob` with every problem of every file at once.
pub fn load(call: &Call) -> Result<Loaded, Failure> {
    let file = call.job.display().to_string();
    let (job, text) = job_of(call)?;
    let folder = call.job.parent().unwrap_or(Path::new(""));
    let mut problems = Vec::new();
    let threats = collect(texts(&folder.join(&job.threats)), &mut problems);
    let triggers = collect(texts(&folder.join(&job.triggers)), &mut problems);
    let templates = collect(files(&folder.join(&job.templates)), &mut problems);
    let catalogue = collect(config::catalogue(&threats, &triggers), &mut problems);
    let base = collect(
        base_url(call.base.as_deref(), &job, folder, &file),
        &mut problems,
    );
    let authorities = collect(authorities(&job, folder, &file), &mut problems);
    let secrets = collect(secrets(&job, folder, &file, &call.env), &mut problems);
    let look = match look(&templates, &job) {
        Ok(look) => Some(look),
        Err(failure) => {
            problems.extend(failure.problems);
            None
        }
    };
    if let (Some(base), Some(secrets)) = (&base, &secrets)
        && base.scheme() != "file"
        && base.scheme() != "memory"
    {
        problems.extend(samples_key_problem(secrets, &file));
    }
    let job_sha256 = hash_of(&text, &[&threats, &triggers], &templates);
    match (base, secrets, look) {
        (Some(base), Some(secrets), Some(look)) if problems.is_empty() => Ok(Loaded {
            job,
            catalogue,
            look,
            secrets,
            authorities,
            base,
            job_sha256,
        }),
        _ => Err(fix_job(problems)),
    }
}

impl Loaded {
    /// Opens the store of the job's base.
    ///
    /// # Errors
    /// As [`Place::open`].
    pub fn place(&self, env: &BTreeMap<String, String>) -> Result<Place, Failure> {
        Place::open(&self.base, &self.job.store, env)
    }
}

/// The job alone, and its text.
pub(super) fn job_of(call: &Call) -> Result<(Job, String), Failure> {
    let text = read_text(&call.job)?;
    let job = config::job(&call.job.display().to_string(), &text).map_err(fix_job)?;
    Ok((job, text))
}

/// A templates folder with a sender, for `preview`.
pub(super) fn look_of(folder: &Path, job: &Job) -> Result<Look, Failure> {
    let templates = files(folder).map_err(fix_job)?;
    look(&templates, job)
}

fn look(templates: &[(String, Vec<u8>)], job: &Job) -> Result<Look, Failure> {
    let look = Look::load(templates, job.sender.clone(), job.zone.clone())?;
    let titles = job.feeds.iter();
    let titles = titles.map(|(feed, of)| (feed.clone(), of.titles.clone()));
    Ok(look.with_feed_titles(titles.collect()))
}

pub(super) fn fix_job(problems: Vec<Problem>) -> Failure {
    Failure::from_problems(Kind::FixJob, problems)
        .unwrap_or_else(|| Failure::our_bug("a check failed without a problem"))
}

fn collect<T: Default>(result: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> T {
    result.unwrap_or_else(|found| {
        problems.extend(found);
        T::default()
    })
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let name = path.display().to_string();
    let bytes = fs::read(path).map_err(|e| {
        Failure::fix_job(format!("the file cannot be read: {e}"))
            .at(&name, "")
            .hint("give the path of a job file, such as `jobs/nightly.toml`")
    })?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::fix_job("the file is not UTF-8 text").at(&name, ""))
}

/// The file that `delivery.smtp.ca_file` names.
fn authorities(job: &Job, folder: &Path, file: &str) -> Result<Option<Authorities>, Vec<Problem>> {
    let MailOutbox::Smtp(settings) = &job.delivery.email else {
        return Ok(None);
    };
    let Some(name) = &settings.ca_file else {
        return Ok(None);
    };
    let path = folder.join(name);
    let pem = fs::read(&path).map_err(|e| {
        let what = format!("{} cannot be read: {e}", path.display());
        let problem = Problem::new(file, "delivery.smtp.ca_file", what);
        vec![problem.hint("the path is relative to the job file")]
    })?;
    let read = Authorities::read(&path.display().to_string(), &pem);
    read.map(Some).map_err(|problem| vec![problem])
}

/// Every `.toml` file of a folder, sorted by name.
pub(super) fn texts(folder: &Path) -> Result<Vec<NamedText>, Vec<Problem>> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for (name, bytes) in files(folder)? {
        if !name.ends_with(".toml") || name.contains('/') {
            continue;
        }
        let shown = folder.join(&name).display().to_string();
        match String::from_utf8(bytes) {
            Ok(text) => found.push((shown, text)),
            Err(_) => problems.push(Problem::new(shown, "", "the file is not UTF-8 text")),
        }
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems)
    }
}

/// Every file below a folder, by its path relative to it, sorted; hidden files are left out.
pub(super) fn files(folder: &Path) -> Result<Vec<NamedBytes>, Vec<Problem>> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(here) = waiting.pop() {
        let problem = |e: std::io::Error| {
            vec![
                Problem::new(
                    here.display().to_string(),
                    "",
                    format!("the folder cannot be read: {e}"),
                )
                .hint(
                    "folders are relative to the job file: see `threats`, `triggers`, `templates`",
                ),
            ]
        };
        for entry in fs::read_dir(&here).map_err(problem)? {
            let path = entry.map_err(problem)?.path();
            let is_hidden = path
                .file_name()
                .is_none_or(|n| n.to_string_lossy().starts_with('.'));
            if is_hidden {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap_or(&path);
            let name = name.to_string_lossy().replace('\\', "/");
            found.push((name, fs::read(&path).map_err(problem)?));
        }
    }
    found.sort();
    Ok(found)
}

fn hash_of(job: &str, texts: &[&[NamedText]], templates: &[NamedBytes]) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(bytes);
    };
    add(job.as_bytes());
    for (_, text) in texts.iter().flat_map(|t| t.iter()) {
        add(text.as_bytes());
    }
    for (name, bytes) in templates {
        add(name.as_bytes());
        add(bytes);
    }
    hex::encode(hash.finalize())
}

/// A URL as it is; a path becomes a file URL, relative to the job file.
fn base_url(
    given: Option<&str>,
    job: &Job,
    folder: &Path,
    file: &str,
) -> Result<Option<Url>, Vec<Problem>> {
    let problem = |message: String| {
        vec![
            Problem::new(file, "base", message)
                .hint("expected `file:///…`, `s3://bucket/prefix`, `gs://…`, `az://…` or a path"),
        ]
    };
    let text = given.unwrap_or(&job.base);
    if text.contains("://") {
        let mut url =
            Url::parse(text).map_err(|e| problem(format!("`{text}` is not a URL: {e}")))?;
        let known = ["file", "memory", "s3", "s3a", "gs", "az", "abfs", "abfss"];
        if !known.contains(&url.scheme()) {
            return Err(problem(format!(
                "`{}` is not a known kind of store",
                url.scheme()
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(problem(
                "the URL holds credentials; they belong into the environment".into(),
            ));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        return Ok(Some(url));
    }
    let path = if given.is_some() {
        PathBuf::from(text)
    } else {
        folder.join(text)
    };
    let full = fs::canonicalize(&path)
        .map_err(|e| problem(format!("`{}` cannot be opened: {e}", path.display())))?;
    Url::from_directory_path(&full)
        .map(Some)
        .map_err(|()| problem(format!("`{}` is not a folder", full.display())))
}

fn secrets(
    job: &Job,
    folder: &Path,
    file: &str,
    env: &BTreeMap<String, String>,
) -> Result<Option<Secrets>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut read = |key: &str, place: &SecretPlace| {
        let found = secret(place, folder, env);
        if let Err(message) = &found {
            problems.push(
                Problem::new(file, format!("secrets.{key}"), message.clone())
                    .hint("a key has 16 bytes at least; make one with `openssl rand -hex 32`"),
            );
        }
        found.ok()
    };
    let verification = read("verification_key", &job.verification_key);
    let party = read("party_key", &job.party_key);
    match (verification, party) {
        (Some(verification), Some(party)) => Ok(Some(Secrets {
            verification,
            party,
        })),
        _ => Err(problems),
    }
}

fn secret(
    place: &SecretPlace,
    folder: &Path,
    env: &BTreeMap<String, String>,
) -> Result<Secret, String> {
    let from_env = place.env.as_ref().and_then(|name| env.get(name));
    let bytes = match (from_env, &place.file) {
        (Some(text), _) => text.trim().as_bytes().to_vec(),
        (None, Some(file)) => {
            let path = folder.join(file);
            let bytes =
                fs::read(&path).map_err(|e| format!("`{}` cannot be read: {e}", path.display()))?;
            bytes.trim_ascii().to_vec()
        }
        (None, None) => {
            let name = place.env.as_deref().unwrap_or_default();
            return Err(format!("the environment variable `{name}` is not set"));
        }
    };
    if bytes.len() < 16 {
        return Err(format!(
            "the key has {} bytes; expected 16 at least",
            bytes.len()
        ));
    }
    Ok(Secret::new(&bytes))
}

fn samples_key_problem(secrets: &Secrets, file: &str) -> Vec<Problem> {
    [
        ("verification_key", &secrets.verification),
        ("party_key", &secrets.party),
    ]
    .into_iter()
    .filter(|(_, secret)| secret.starts_with(SAMPLES_KEY_MARK))
    .map(|(key, _)| {
        Problem::new(
            file,
            format!("secrets.{key}"),
            "the samples' key is public, so it is refused for any base but a folder",
        )
        .hint("set the environment variable that the job names to a key of your own")
    })
    .collect()
}
