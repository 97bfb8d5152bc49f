//! Templates, fonts and sender: parsed once, proved with sample letters before a night begins.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;
use tera::{Context, Tera};

use super::content::{Content, Voice};
use super::pdf::{self, Fonts, Typeset};
use super::words::{Words, first_line};
use super::{Mark, RenderError, confirm, content, sample, text_filters};
use crate::diag::{Failure, Kind, Problem};
use crate::model::company::{Channel, Language};
use crate::model::decision::{ContactReason, ItemKind};
use crate::model::letter::{Form, Letter, Sender};

const TEXT: &str = "letter/letter.txt";
const HTML: &str = "letter/letter.html";

/// Everything that gives letters their look and their fixed words.
pub struct Look {
    tera: Tera,
    words: [Words; 2],
    sender: Sender,
    zone: TimeZone,
    fonts: Fonts,
    sample: String,
    /// What letters call a feed, in Dutch and English; its id where it is not here.
    feed_titles: BTreeMap<String, [String; 2]>,
}

type Files<'a> = BTreeMap<&'a str, &'a [u8]>;

impl Look {
    /// Reads the files of the templates folder: `letter/letter.{txt,html,typ}`,
    /// `letter/plain.typ`, `letter/strings.{nl,en}.toml`, `letter/sample.toml`, `fonts/*.ttf`.
    ///
    /// Sample letters in both languages, as first letter, reminder and relapse, are taken
    /// through every template: a missing or misspelt field is found here, not at night.
    ///
    /// # Errors
    /// `FixJob` with every problem, naming file and line.
    pub fn load(
        files: &[(String, Vec<u8>)],
        sender: Sender,
        zone: TimeZone,
    ) -> Result<Self, Failure> {
        let files: Files<'_> = files
            .iter()
            .map(|(n, b)| (n.as_str(), b.as_slice()))
            .collect();
        let mut problems = Vec::new();
        let tera = tera_of(&files, &mut problems);
        let words = ["nl", "en"].map(|code| words(&files, code, &mut problems));
        let fonts = Fonts::load(&files);
        let mut sources: Vec<_> = pdf::SOURCES
            .iter()
            .filter_map(|name| match text(&files, name) {
                Ok(found) => Some((*name, found.to_owned())),
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            })
            .collect();
        sources.push((pdf::TABLES, pdf::TABLES_SOURCE.to_owned()));
        let sample = text(&files, "letter/sample.toml");
        let sample = sample.map_err(|p| problems.push(p)).ok();
        let fonts = fonts.map_err(|p| problems.push(p)).ok();
        let fonts = fonts.map(|f| f.with_sources(sources));
        let [Some(nl), Some(en)] = words else {
            return Err(failure(problems));
        };
        let (Some(tera), Some(fonts), Some(sample)) = (tera, fonts, sample) else {
            return Err(failure(problems));
        };
        let look = Self {
            tera,
            words: [nl, en],
            sender,
            zone,
            fonts,
            sample: sample.to_owned(),
            feed_titles: BTreeMap::new(),
        };
        look.prove(&mut problems);
        if problems.is_empty() {
            Ok(look)
        } else {
            Err(failure(problems))
        }
    }

    /// The same, with what letters call each feed, in Dutch and English.
    #[must_use]
    pub fn with_feed_titles(mut self, titles: BTreeMap<String, [String; 2]>) -> Self {
        self.feed_titles = titles;
        self
    }

    /// What letters call a feed.
    pub(super) fn feed_title<'f>(&'f self, feed: &'f str, language: Language) -> &'f str {
        let titles = self.feed_titles.get(feed);
        titles.map_or(feed, |[nl, en]| match language {
            Language::Nl => nl.as_str(),
            Language::En => en.as_str(),
        })
    }

    /// Takes sample letters through every template.
    fn prove(&self, problems: &mut Vec<Problem>) {
        for language in [Language::Nl, Language::En] {
            for kind in [
                ItemKind::First,
                ItemKind::Reminder,
                ItemKind::Relapse,
                ItemKind::Correction,
            ] {
                let letter =
                    match sample::sample_letter(&sample::sample_threat(), language, kind, self) {
                        Ok(letter) => letter,
                        Err(failure) => return problems.extend(failure.problems),
                    };
                let mut missing = unsaid(&content::content(&letter, self, Mark::Concept));
                missing.extend(unsaid_to_owners(letter.clone(), self));
                for asking in confirm::samples(&letter, self) {
                    missing.extend(unsaid(&asking));
                }
                missing.extend(unsaid_of_several(letter.clone(), self));
                match sample::sample_overview(&letter, self) {
                    Ok(overview) => missing.extend(unsaid_to_parents(overview, self)),
                    Err(failure) => return problems.extend(failure.problems),
                }
                missing.sort();
                missing.dedup();
                let content = content::content(&letter, self, Mark::Concept);
                let file = format!("letter/strings.{language}.toml");
                for key in missing {
                    problems.push(Problem::new(
                        &file,
                        key.as_str(),
                        "the sentence is missing, or names a field that does not exist",
                    ));
                }
                for (form, name) in [(Form::Text, TEXT), (Form::Html, HTML)] {
                    let context = content.context().map_err(|e| said(form, &e));
                    if let Err(e) = context.and_then(|context| self.tera(form, &context)) {
                        problems.push(Problem::new(name, "", e.message));
                    }
                }
                if let Err(e) = self.typeset(pdf::MAIN, &content, "") {
                    problems.push(Problem::new(pdf::MAIN, "", e.message));
                } else if let Err(e) = self.batch("batch", &[(content, 1)], true) {
                    problems.push(Problem::new(pdf::PRINT, "", e.message));
                }
                if !problems.is_empty() {
                    return;
                }
            }
        }
    }

    pub(super) fn words(&self, language: Language) -> &Words {
        let [nl, en] = &self.words;
        match language {
            Language::Nl => nl,
            Language::En => en,
        }
    }

    pub(super) fn voice(&self, language: Language) -> Voice<'_> {
        Voice {
            look: self,
            language,
        }
    }

    pub(super) const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub(super) const fn sender(&self) -> &Sender {
        &self.sender
    }

    pub(super) const fn fonts(&self) -> &Fonts {
        &self.fonts
    }

    pub(super) fn font(&self) -> &str {
        self.fonts.family()
    }

    pub(super) fn sample_text(&self) -> &str {
        &self.sample
    }

    /// Text and HTML.
    pub(super) fn texts(&self, content: &Content) -> Result<[String; 2], RenderError> {
        let context = content.context().map_err(|e| said(Form::Text, &e))?;
        Ok([
            self.tera(Form::Text, &context)?,
            self.tera(Form::Html, &context)?,
        ])
    }

    fn tera(&self, form: Form, context: &Context) -> Result<String, RenderError> {
        let name = if form == Form::Html { HTML } else { TEXT };
        let done = self.tera.render(name, context);
        done.map_err(|e| said(form, &e))
    }

    /// Letters with their pages, one after the other, as one document.
    pub(super) fn batch(
        &self,
        title: &str,
        letters: &[(Content, u32)],
        is_duplex: bool,
    ) -> Result<Typeset, RenderError> {
        let error = |message: String| RenderError {
            form: Form::Pdf,
            message,
        };
        let (first, _) = letters
            .first()
            .ok_or_else(|| error("an empty batch".into()))?;
        let mut in_batch = Vec::with_capacity(letters.len());
        for (content, pages) in letters {
            let mut letter = content.json().map_err(error)?;
            if let Some(map) = letter.as_object_mut() {
                map.insert("pages".into(), (*pages).into());
            }
            in_batch.push(letter);
        }
        let batch = Batch {
            title,
            sender: &self.sender.name,
            font: self.font(),
            night: &first.night,
            is_duplex,
            letters: in_batch,
        };
        let mut json = serde_json::to_value(&batch).map_err(|e| error(e.to_string()))?;
        self.fonts.show_only_known(&mut json);
        let json = serde_json::to_vec(&json).map_err(|e| error(e.to_string()))?;
        self.fonts.typeset(pdf::PRINT, json, title).map_err(error)
    }

    pub(super) fn typeset(
        &self,
        source: &str,
        content: &Content,
        plain: &str,
    ) -> Result<Typeset, RenderError> {
        let error = |message: String| RenderError {
            form: Form::Pdf,
            message,
        };
        let json = self.data(content, plain).map_err(error)?;
        self.fonts
            .typeset(source, json, &content.reference)
            .map_err(error)
    }

    /// What the typesetter reads of a letter, as JSON.
    pub(super) fn data(&self, content: &Content, plain: &str) -> Result<Vec<u8>, String> {
        let mut json = content.json()?;
        if let Some(map) = json.as_object_mut() {
            map.insert("plain".into(), plain.into());
        }
        self.fonts.show_only_known(&mut json);
        serde_json::to_vec(&json).map_err(|e| e.to_string())
    }
}

#[derive(Serialize)]
struct Batch<'a> {
    title: &'a str,
    sender: &'a str,
    font: &'a str,
    night: &'a content::DateParts,
    is_duplex: bool,
    letters: Vec<serde_json::Value>,
}

/// The sentences of a long letter to a network owner, by mail and by post.
fn unsaid_to_owners(mut letter: Letter, look: &Look) -> Vec<String> {
    letter = sample::sample_to_owner(letter);
    for section in &mut letter.sections {
        let n = section.findings.len().max(1);
        section.findings = section
            .findings
            .iter()
            .cycle()
            .take(50 * n)
            .cloned()
            .collect();
    }
    let mut found = Vec::new();
    for channel in [Channel::Email, Channel::Post] {
        letter.recipient.channel = channel;
        found.extend(unsaid(&content::content(&letter, look, Mark::None)));
    }
    found
}

/// The sentences of overviews: of several letters, of one, and of one that went elsewhere.
fn unsaid_to_parents(mut letter: Letter, look: &Look) -> Vec<String> {
    let mut found = unsaid(&content::content(&letter, look, Mark::None));
    for (n_letters, why) in [
        (usize::MAX, ContactReason::Registered),
        (1, ContactReason::Registered),
        (1, ContactReason::NetworkOwner),
    ] {
        if let Some(overview) = &mut letter.overview {
            overview.letters.truncate(n_letters);
            overview.letters.iter_mut().for_each(|told| told.why = why);
        }
        found.extend(unsaid(&content::content(&letter, look, Mark::None)));
    }
    found
}

/// What is said of a second subject, of a machine that connects outwards, of an account, and to
/// the parent of whom it is about.
fn unsaid_of_several(mut letter: Letter, look: &Look) -> Vec<String> {
    let mut machines = letter.sections.clone();
    letter.recipient.why = ContactReason::Parent;
    for place in machines.iter_mut().flat_map(|s| &mut s.findings) {
        place.source_port = place.port.take();
        place.account_domain = Some("voorbeeld.example".into());
    }
    for section in &mut machines {
        let again = section.findings.first().cloned();
        section.findings.extend(again);
    }
    letter.sections.extend(machines);
    unsaid(&content::content(&letter, look, Mark::None))
}

/// Sentences and words that could not be said stand in the content as `[key]`.
fn unsaid(content: &Content) -> Vec<String> {
    fn walk(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => {
                let of_key = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
                let keys = text.split('[').skip(1);
                let keys = keys.filter_map(|rest| Some(rest.split_once(']')?.0));
                let keys = keys.filter(|key| !key.is_empty() && key.bytes().all(of_key));
                found.extend(keys.map(str::to_owned));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|v| walk(v, found)),
            serde_json::Value::Object(map) => map.values().for_each(|v| walk(v, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(json) = content.json() {
        walk(&json, &mut found);
    }
    found.sort();
    found.dedup();
    found
}

fn text<'a>(files: &Files<'a>, name: &str) -> Result<&'a str, Problem> {
    let bytes = files.get(name).ok_or_else(|| {
        Problem::new(name, "", "the template is missing")
            .hint("see `templates` in the job: the folder that holds `letter/`")
    })?;
    std::str::from_utf8(bytes).map_err(|_| Problem::new(name, "", "the template is not UTF-8 text"))
}

fn words(files: &Files<'_>, code: &str, problems: &mut Vec<Problem>) -> Option<Words> {
    let name = format!("letter/strings.{code}.toml");
    let read = text(files, &name)
        .map_err(|p| vec![p])
        .and_then(|t| Words::read(&name, t));
    read.map_err(|found| problems.extend(found)).ok()
}

fn tera_of(files: &Files<'_>, problems: &mut Vec<Problem>) -> Option<Tera> {
    let mut tera = Tera::new();
    tera.set_escape_fn(text_filters::escape_html);
    tera.register_filter("wrap", text_filters::wrap);
    tera.register_filter("pad", text_filters::pad);
    tera.register_filter("ordinal", text_filters::ordinal);
    for name in [TEXT, HTML] {
        let added = text(files, name).and_then(|t| {
            tera.add_raw_template(name, t)
                .map_err(|e| Problem::new(name, "", first_line(&e.to_string())))
        });
        if let Err(problem) = added {
            problems.push(problem);
        }
    }
    problems.is_empty().then_some(tera)
}

fn said(form: Form, e: &tera::Error) -> RenderError {
    RenderError {
        form,
        message: first_line(&e.to_string()),
    }
}

fn failure(problems: Vec<Problem>) -> Failure {
    Failure::from_problems(Kind::FixJob, problems)
        .unwrap_or_else(|| Failure::our_bug("templates failed without a problem"))
}

/// The threat that proves templates.
pub(super) type SampleThreat = Arc<crate::model::threat::Threat>;
