//! Reads TOML key by key and keeps going: every problem of a file is found in one go.
//!
//! serde would stop at the first unknown key; an operator who has five typing errors should
//! see five lines.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diag::Problem;

/// One TOML file and the problems found in it so far.
pub(super) struct Source<'t> {
    file: String,
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
}

impl<'t> Source<'t> {
    pub(super) fn new(file: &str, text: &'t str) -> Self {
        Self {
            file: file.to_owned(),
            text,
            problems: RefCell::new(Vec::new()),
        }
    }

    /// The top-level table; syntax errors become problems and leave what could be read.
    pub(super) fn parse(&self) -> DeTable<'t> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            self.push_at(at, "", error.message().to_owned(), None);
        }
        table.into_inner()
    }

    pub(super) fn root<'s>(&'s self, table: &'s DeTable<'t>) -> Section<'s, 't> {
        Section {
            source: self,
            path: String::new(),
            at: 0,
            table,
            taken: RefCell::default(),
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    fn push_at(&self, at: usize, key: &str, message: String, hint: Option<String>) {
        let line = self.text.get(..at).map_or(0, |t| t.matches('\n').count()) + 1;
        let place = format!("{}:{line}", self.file);
        let mut problem = Problem::new(place, key, message);
        problem.hint = hint;
        self.problems.borrow_mut().push(problem);
    }
}

/// A table of the file. Keys that nobody asked for are problems, see [`Section::finish`].
pub(super) struct Section<'s, 't> {
    source: &'s Source<'t>,
    path: String,
    at: usize,
    table: &'s DeTable<'t>,
    taken: RefCell<BTreeSet<&'static str>>,
}

type Value<'s, 't> = &'s Spanned<DeValue<'t>>;

impl<'s, 't> Section<'s, 't> {
    fn full(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn get(&self, key: &'static str) -> Option<Value<'s, 't>> {
        self.taken.borrow_mut().insert(key);
        self.table.get(key)
    }

    /// Notes a problem with a key of this table.
    pub(super) fn problem(&self, key: &str, message: impl Into<String>) {
        self.problem_with(key, message, None);
    }

    /// Notes a problem and the next step.
    pub(super) fn problem_with(&self, key: &str, message: impl Into<String>, hint: Option<String>) {
        let inner = || {
            let (outer, inner) = key.split_once('.')?;
            self.table.get(outer)?.get_ref().as_table()?.get(inner)
        };
        let found = self.table.get(key).or_else(inner);
        let at = found.map_or(self.at, |v| v.span().start);
        self.source
            .push_at(at, &self.full(key), message.into(), hint);
    }

    fn wrong_type<T>(&self, key: &str, found: Value<'s, 't>, expected: &str) -> Option<T> {
        let found = found.get_ref().type_str();
        self.problem(key, format!("found {found}, expected {expected}"));
        None
    }

    fn missing<T>(&self, key: &str, expected: &str) -> Option<T> {
        self.problem(key, format!("the key is missing; expected {expected}"));
        None
    }

    /// A text, if the key is there.
    pub(super) fn text_if(&self, key: &'static str) -> Option<String> {
        let value = self.get(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(text.to_owned()),
            None => self.wrong_type(key, value, "text"),
        }
    }

    /// A text that must be there and not be blank.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        if self.get(key).is_none() {
            return self.missing(key, "text");
        }
        let text = self.text_if(key)?;
        if text.trim().is_empty() {
            self.problem(key, "the text is empty");
            return None;
        }
        Some(text)
    }

    /// A text with a default.
    pub(super) fn text_or(&self, key: &'static str, default: &str) -> String {
        self.text_if(key).unwrap_or_else(|| default.to_owned())
    }

    /// A text that must parse.
    pub(super) fn parsed_if<T: FromStr>(&self, key: &'static str, expected: &str) -> Option<T> {
        let text = self.text_if(key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(_) => {
                let hint = closest(&text, &words_of(expected));
                self.problem_with(key, format!("`{text}` is not one of {expected}"), hint);
                None
            }
        }
    }

    /// A text that must be there and parse.
    pub(super) fn parsed<T: FromStr>(&self, key: &'static str, expected: &str) -> Option<T> {
        if self.get(key).is_none() {
            return self.missing(key, expected);
        }
        self.parsed_if(key, expected)
    }

    /// A whole number within bounds, if the key is there.
    pub(super) fn number_if<T: TryFrom<i64>>(
        &self,
        key: &'static str,
        expected: &str,
    ) -> Option<T> {
        let value = self.get(key)?;
        let Some(integer) = value.get_ref().as_integer() else {
            return self.wrong_type(key, value, expected);
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|n| T::try_from(n).ok());
        if number.is_none() {
            self.problem(
                key,
                format!("`{integer}` is out of range; expected {expected}"),
            );
        }
        number
    }

    /// A whole number with a default.
    pub(super) fn number_or<T: TryFrom<i64>>(
        &self,
        key: &'static str,
        default: T,
        expected: &str,
    ) -> T {
        self.number_if(key, expected).unwrap_or(default)
    }

    /// A whole number that must be there.
    pub(super) fn number<T: TryFrom<i64>>(&self, key: &'static str, expected: &str) -> Option<T> {
        if self.get(key).is_none() {
            return self.missing(key, expected);
        }
        self.number_if(key, expected)
    }

    /// True or false with a default.
    pub(super) fn bool_or(&self, key: &'static str, default: bool) -> bool {
        match self.get(key) {
            None => default,
            Some(value) => match value.get_ref().as_bool() {
                Some(found) => found,
                None => self
                    .wrong_type(key, value, "true or false")
                    .unwrap_or(default),
            },
        }
    }

    /// True or false, if the key is there.
    pub(super) fn bool_if(&self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        match value.get_ref().as_bool() {
            Some(found) => Some(found),
            None => self.wrong_type(key, value, "true or false"),
        }
    }

    /// A calendar date that must be there: a TOML date, or text.
    pub(super) fn date(&self, key: &'static str) -> Option<jiff::civil::Date> {
        let expected = "a date such as 2026-03-01";
        let Some(value) = self.get(key) else {
            return self.missing(key, expected);
        };
        let text = match (value.get_ref().as_datetime(), value.get_ref().as_str()) {
            (Some(date), _) => date.to_string(),
            (None, Some(text)) => text.to_owned(),
            (None, None) => return self.wrong_type(key, value, expected),
        };
        let date = text.parse::<crate::model::night::Night>();
        if date.is_err() {
            self.problem(key, format!("`{text}` is not {expected}"));
        }
        date.ok().map(crate::model::night::Night::date)
    }

    /// A list of texts; empty where the key is missing.
    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
        let mut texts = Vec::new();
        for value in self.items(key, "a list of texts") {
            match value.get_ref().as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => drop(self.wrong_type::<()>(key, value, "a list of texts")),
            }
        }
        texts
    }

    /// A list of lists of texts; empty where the key is missing.
    pub(super) fn lists_of_texts(&self, key: &'static str) -> Vec<Vec<String>> {
        let expected = "a list of lists of texts";
        let mut lists = Vec::new();
        for value in self.items(key, expected) {
            let Some(items) = value.get_ref().as_array() else {
                let _: Option<()> = self.wrong_type(key, value, expected);
                continue;
            };
            let texts = items
                .iter()
                .map(|t| t.get_ref().as_str().map(str::to_owned));
            match texts.collect::<Option<Vec<String>>>() {
                Some(texts) => lists.push(texts),
                None => self.problem(
                    key,
                    format!("found another value than text, expected {expected}"),
                ),
            }
        }
        lists
    }

    /// A list of texts that must parse; empty where the key is missing.
    pub(super) fn parsed_list<T: FromStr>(&self, key: &'static str, expected: &str) -> Vec<T> {
        let mut values = Vec::new();
        for text in self.texts(key) {
            match text.parse() {
                Ok(value) => values.push(value),
                Err(_) => {
                    let hint = closest(&text, &words_of(expected));
                    self.problem_with(key, format!("`{text}` is not one of {expected}"), hint);
                }
            }
        }
        values
    }

    /// A list of port numbers; empty where the key is missing.
    pub(super) fn ports(&self, key: &'static str) -> Vec<u16> {
        let expected = "a list of whole numbers from 0 to 65535";
        let mut ports = Vec::new();
        for value in self.items(key, expected) {
            let port = value
                .get_ref()
                .as_integer()
                .and_then(|n| n.as_str().parse::<u16>().ok());
            match port {
                Some(port) => ports.push(port),
                None => self.problem(key, format!("found a port that is not in {expected}")),
            }
        }
        ports
    }

    fn items(&self, key: &'static str, expected: &str) -> Vec<Value<'s, 't>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        match value.get_ref().as_array() {
            Some(array) => array.iter().collect(),
            None => {
                let _: Option<()> = self.wrong_type(key, value, expected);
                Vec::new()
            }
        }
    }

    /// A sub-table, if it is there.
    pub(super) fn section_if(&self, key: &'static str) -> Option<Section<'s, 't>> {
        let value = self.get(key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(self.below(key, value, table)),
            None => self.wrong_type(key, value, "a table"),
        }
    }

    /// A sub-table that must be there.
    pub(super) fn section(&self, key: &'static str) -> Option<Section<'s, 't>> {
        if self.get(key).is_none() {
            return self.missing(key, "a table");
        }
        self.section_if(key)
    }

    /// A list of tables (`[[key]]`); empty where the key is missing.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'s, 't>> {
        let mut sections = Vec::new();
        for (i, value) in self.items(key, "a list of tables").into_iter().enumerate() {
            match value.get_ref().as_table() {
                Some(table) => sections.push(self.below(&format!("{key}[{i}]"), value, table)),
                None => drop(self.wrong_type::<()>(key, value, "a list of tables")),
            }
        }
        sections
    }

    /// Every sub-table of this table by its key: for tables whose keys are names.
    pub(super) fn named(&self) -> Vec<(String, Section<'s, 't>)> {
        let mut sections = Vec::new();
        for (key, value) in self.table {
            let name = key.get_ref().to_string();
            match value.get_ref().as_table() {
                Some(table) => sections.push((name.clone(), self.below(&name, value, table))),
                None => drop(self.wrong_type::<()>(&name, value, "a table")),
            }
        }
        sections
    }

    /// Every key of this table with its text: for tables whose keys are names.
    pub(super) fn named_texts(&self) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        for (key, value) in self.table {
            match value.get_ref().as_str() {
                Some(text) => texts.push((key.get_ref().to_string(), text.to_owned())),
                None => drop(self.wrong_type::<()>(key.get_ref(), value, "text")),
            }
        }
        texts
    }

    fn below(&self, key: &str, value: Value<'s, 't>, table: &'s DeTable<'t>) -> Section<'s, 't> {
        Section {
            source: self.source,
            path: self.full(key),
            at: value.span().start,
            table,
            taken: RefCell::default(),
        }
    }

    /// Notes every key that nobody asked for: a misspelt limit must not vanish.
    pub(super) fn finish(self) {
        let taken = self.taken.borrow();
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if taken.contains(name) {
                continue;
            }
            let known: Vec<&str> = taken.iter().copied().collect();
            let hint = closest(name, &known)
                .or_else(|| Some(format!("known keys here: {}", known.join(", "))));
            self.source.push_at(
                key.span().start,
                &self.full(name),
                "unknown key".into(),
                hint,
            );
        }
    }
}

fn words_of(expected: &str) -> Vec<&str> {
    expected.split(", ").collect()
}

/// `did you mean …?` for a word at most two letters off.
pub(super) fn closest(word: &str, known: &[&str]) -> Option<String> {
    known
        .iter()
        .map(|k| (distance(word, k), k))
        .filter(|(d, k)| *d <= 2 && *d < k.chars().count())
        .min()
        .map(|(_, k)| format!("did you mean `{k}`?"))
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut previous = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (cb, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = usize::from(ca != *cb);
            left = (previous + cost).min(above + 1).min(left + 1);
            previous = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
