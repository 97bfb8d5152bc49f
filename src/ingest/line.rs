//! One line's cells. What the bytes of all of them tell is looked at once.

use std::borrow::Cow;

use csv::ByteRecord;

use super::cell;
use super::layout::Layout;
use crate::model::observation::HostnameSource;

/// A line.
#[derive(Clone, Copy)]
pub(super) struct Line<'r> {
    pub record: &'r ByteRecord,
    /// All cells, one after the other, where that is text.
    whole: Option<&'r str>,
    /// Is there no sign that JSON writes in another way?
    is_plain: bool,
}

impl<'r> Line<'r> {
    pub fn of(record: &'r ByteRecord) -> Self {
        Self {
            record,
            whole: std::str::from_utf8(record.as_slice()).ok(),
            is_plain: cell::is_plain(record.as_slice()),
        }
    }

    /// Bytes of all cells.
    pub fn n_bytes(self) -> usize {
        self.record.as_slice().len()
    }

    /// A cell, trimmed; blank where the line is too short or the file has no such column.
    pub fn at(self, column: Option<usize>) -> &'r [u8] {
        column
            .and_then(|column| self.record.get(column))
            .map(cell::trimmed)
            .unwrap_or_default()
    }

    /// A cell that is not blank, as text.
    pub fn text(self, column: Option<usize>) -> Option<Cow<'r, str>> {
        // A cell may begin or end inside of what is a letter of the whole: then it is no text.
        let cell = self.record.range(column?)?;
        let text = match self.whole.and_then(|whole| whole.get(cell)) {
            Some(text) => Cow::Borrowed(text.trim_ascii()),
            None => cell::lossy(self.at(column)),
        };
        (!text.is_empty()).then_some(text)
    }

    /// Adds the rest of the line as one JSON object; gives the name's origin if the line says it.
    pub fn push_extra(self, layout: &Layout, json: &mut String) -> Option<HostnameSource> {
        let word = self.at(layout.hostname_source);
        let source = (!word.is_empty())
            .then(|| cell::hostname_source(word).unwrap_or(HostnameSource::Unknown));
        if let Some(whole) = layout.extra_json {
            json.push_str(&cell::lossy(self.at(Some(whole))));
            return source;
        }
        for column in &layout.extra {
            let Some(text) = self.text(Some(column.at)) else {
                continue;
            };
            json.push(if json.is_empty() { '{' } else { ',' });
            json.push_str(&column.json_key);
            if self.is_plain {
                json.push('"');
                json.push_str(&text);
                json.push('"');
            } else {
                cell::push_json(&text, json);
            }
        }
        if !json.is_empty() {
            json.push('}');
        }
        source
    }
}
