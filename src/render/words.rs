//! The fixed sentences of a language, out of `strings.<language>.toml`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use tera::{Context, Tera};

use super::owner;
use super::sentence::Sentence;

use crate::diag::Problem;

/// Words and sentences of one language.
pub(super) struct Words {
    months: Vec<String>,
    pub(super) words: Arc<Glossary>,
    to_owner: Arc<Glossary>,
    sentences: Tera,
    plain: BTreeMap<String, Sentence>,
}

/// Single words by key. Every letter of a language shares them; for the template engine they are
/// made into a value once.
pub(super) struct Glossary {
    pub(super) words: BTreeMap<String, String>,
    pub(super) value: tera::Value,
}

impl Glossary {
    pub(super) fn new(words: BTreeMap<String, String>) -> Self {
        let value = tera::Value::from_serializable(&words);
        Self { words, value }
    }

    /// With other words for some; a word that is missing stands in brackets.
    pub(super) fn with(&self, others: &[(&str, &str)]) -> Self {
        let mut words = self.words.clone();
        for (key, other) in others {
            let word = words.get(*other).cloned();
            words.insert(
                (*key).to_owned(),
                word.unwrap_or_else(|| format!("[{other}]")),
            );
        }
        Self::new(words)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    months: Vec<String>,
    words: BTreeMap<String, String>,
    sentences: BTreeMap<String, String>,
}

impl Words {
    pub(super) fn read(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let parsed: File = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |s| {
                text.get(..s.start).map_or(0, |t| t.matches('\n').count()) + 1
            });
            vec![Problem::new(
                format!("{file}:{line}"),
                "",
                e.message().to_owned(),
            )]
        })?;
        let mut problems = Vec::new();
        if parsed.months.len() != 12 {
            problems.push(Problem::new(
                file,
                "months",
                format!("{} months; expected 12", parsed.months.len()),
            ));
        }
        let mut sentences = Tera::new();
        let mut plain = BTreeMap::new();
        for (key, sentence) in &parsed.sentences {
            plain.extend(Sentence::read(sentence).map(|s| (key.clone(), s)));
            if let Err(e) = sentences.add_raw_template(key, sentence) {
                problems.push(Problem::new(
                    file,
                    format!("sentences.{key}"),
                    e.to_string(),
                ));
            }
        }
        let words = Glossary::new(parsed.words);
        if problems.is_empty() {
            Ok(Self {
                months: parsed.months,
                to_owner: Arc::new(words.with(&owner::HEADERS)),
                words: Arc::new(words),
                sentences,
                plain,
            })
        } else {
            Err(problems)
        }
    }

    /// The words of a letter, to the owner of a network or to anybody else.
    pub(super) fn glossary(&self, is_to_owner: bool) -> Arc<Glossary> {
        Arc::clone(if is_to_owner {
            &self.to_owner
        } else {
            &self.words
        })
    }

    /// Fills a sentence in.
    pub(super) fn say(&self, key: &str, values: &[(&'static str, &str)]) -> Result<String, String> {
        if let Some(said) = self.plain.get(key).and_then(|s| s.say(values)) {
            return Ok(said);
        }
        let mut context = Context::new();
        for (name, value) in values {
            context.insert(*name, value);
        }
        if !self.sentences.contains_template(key) {
            return Err(format!("sentences.{key}: the sentence is missing"));
        }
        self.sentences
            .render(key, &context)
            .map_err(|e| format!("sentences.{key}: {}", first_line(&e.to_string())))
    }

    /// `12 maart 2026`.
    pub(super) fn date(&self, date: jiff::civil::Date) -> String {
        let at = usize::try_from(date.month() - 1).unwrap_or(0);
        let month = self.months.get(at).map_or("", String::as_str);
        format!("{} {month} {}", date.day(), date.year())
    }
}

pub(super) fn first_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
