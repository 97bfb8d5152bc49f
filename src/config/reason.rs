//! The file that says why a statement is taken back: a text in each language.

use super::section::Source;
use crate::diag::Problem;

/// Reads `nl = "…"` and `en = "…"`; paragraphs are separated by an empty line. `file` is its name
/// for messages. Gives the paragraphs in Dutch, then in English.
///
/// # Errors
/// Every problem of the file at once, each with line and key.
pub fn reason(file: &str, text: &str) -> Result<[Vec<String>; 2], Vec<Problem>> {
    let source = Source::new(file, text);
    let table = source.parse();
    let root = source.root(&table);
    let texts = [root.text("nl"), root.text("en")];
    root.finish();
    let problems = source.into_problems();
    match texts {
        [Some(nl), Some(en)] if problems.is_empty() => Ok([paragraphs(&nl), paragraphs(&en)]),
        _ => Err(problems),
    }
}

/// Paragraphs with single blanks and nothing else between words.
fn paragraphs(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n");
    let parts = text.split("\n\n");
    let parts = parts.map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    parts.filter(|p| !p.is_empty()).collect()
}
