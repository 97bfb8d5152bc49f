//! Letters: content once, three forms. Renderers return bytes; somebody else writes them.
//!
//! `content` builds one tree of finished sentences; `letter.txt` and `letter.html` (Tera) and
//! `letter.typ` (Typst) lay out the same tree, so text, HTML and PDF say the same. Hostile
//! values are made visible in `content`, and nowhere else.

mod annex;
mod confirm;
mod content;
mod correction;
mod facts;
mod look;
mod mail;
pub mod merge;
mod overview;
mod owner;
mod pdf;
mod postal;
pub mod print;
mod sample;
mod sentence;
mod tables;
mod text_filters;
mod visible;
mod words;

pub use annex::Annex;
pub use confirm::{Confirmation, confirm};
pub use look::Look;
pub use mail::mail;
pub use sample::{sample_letter, sample_overview, sample_to_owner};
pub use tables::tables_pdf;

use std::fmt;

use crate::model::letter::{Form, Letter};

/// What stands across a letter that is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing: it is sent.
    None,
    /// CONCEPT.
    Concept,
}

/// The three forms of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Plain text, UTF-8, at most 72 columns.
    pub text: Vec<u8>,
    /// HTML for mail, UTF-8.
    pub html: Vec<u8>,
    /// PDF/A-2a and PDF/UA-1.
    pub pdf: Vec<u8>,
    /// Pages of the PDF.
    pub pages: u32,
    /// The places as files, where they are too many for the letter's tables.
    pub annex: Option<Annex>,
    /// The PDF is the plain form: the letter's own could not be typeset.
    pub is_fallback: bool,
}

/// Which form could not be made, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError {
    /// The form.
    pub form: Form,
    /// What the template engine or the typesetter said.
    pub message: String,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.form.extension(), self.message)
    }
}

impl std::error::Error for RenderError {}

/// Makes all forms of a letter.
///
/// # Errors
/// A form that cannot be made, not even plainly.
pub fn render(letter: &Letter, look: &Look, mark: Mark) -> Result<Rendered, RenderError> {
    let annex = annex::annex(letter).map_err(|e| RenderError {
        form: Form::Text,
        message: e.to_string(),
    })?;
    Ok(Rendered {
        annex,
        ..forms(&content::content(letter, look, mark), look)?
    })
}

/// All forms of one tree of sentences.
fn forms(content: &content::Content, look: &Look) -> Result<Rendered, RenderError> {
    let [text, html] = look.texts(content)?;
    let (pdf, is_fallback) = match look.typeset(pdf::MAIN, content, "") {
        Ok(done) => (done, false),
        Err(_) => (look.typeset(pdf::PLAIN, content, &text)?, true),
    };
    Ok(Rendered {
        text: text.into_bytes(),
        html: html.into_bytes(),
        pdf: pdf.bytes,
        pages: pdf.pages,
        annex: None,
        is_fallback,
    })
}

/// Makes one form of a letter, without the plain fallback: for writers of templates.
///
/// # Errors
/// The form cannot be made.
pub fn render_form(
    letter: &Letter,
    look: &Look,
    form: Form,
    mark: Mark,
) -> Result<Vec<u8>, RenderError> {
    let content = content::content(letter, look, mark);
    match form {
        Form::Pdf => Ok(look.typeset(pdf::MAIN, &content, "")?.bytes),
        form => {
            let [text, html] = look.texts(&content)?;
            Ok(if form == Form::Html { html } else { text }.into_bytes())
        }
    }
}

/// Makes the forms of a letter that need no typesetter: text and HTML, in that order.
///
/// # Errors
/// As [`render_form`].
pub fn render_texts(letter: &Letter, look: &Look, mark: Mark) -> Result<[String; 2], RenderError> {
    look.texts(&content::content(letter, look, mark))
}

/// The data that `letter/letter.typ` reads, as JSON: for whoever writes that template, or measures
/// another typesetter with it.
///
/// # Errors
/// As [`render_form`].
pub fn letter_json(letter: &Letter, look: &Look, mark: Mark) -> Result<Vec<u8>, RenderError> {
    let content = content::content(letter, look, mark);
    look.data(&content, "").map_err(|message| RenderError {
        form: Form::Pdf,
        message,
    })
}

/// The subject of a letter, as it stands in it.
#[must_use]
pub fn subject(letter: &Letter, look: &Look) -> String {
    content::subject(letter, look.words(letter.language))
}
