//! Filters of the plain-text template: lines of at most 72 columns.

use tera::{Kwargs, State, TeraResult};

const COLUMNS: usize = 72;

/// Breaks a text into lines; `indent` is the column at which it begins, and at which further
/// lines are set.
pub(super) fn wrap(text: &str, kwargs: Kwargs, _: &State<'_>) -> TeraResult<String> {
    let indent = kwargs.get::<usize>("indent")?.unwrap_or(0);
    Ok(wrapped(text, indent))
}

/// A label and blanks to column 12.
pub(super) fn pad(text: &str, _: Kwargs, _: &State<'_>) -> TeraResult<String> {
    Ok(format!("{text:<11} "))
}

/// `  1. `: the number of a row or step, in five columns.
pub(super) fn ordinal(n: u64, _: Kwargs, _: &State<'_>) -> TeraResult<String> {
    Ok(format!("{n:>3}. "))
}

fn wrapped(text: &str, indent: usize) -> String {
    let width = COLUMNS.saturating_sub(indent).max(20);
    let new_line = format!("\n{:indent$}", "");
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 16);
    let mut used = 0; // columns of the line that is being set
    for word in text.split_whitespace() {
        let mut word = word;
        loop {
            let n = word.chars().count();
            let gap = usize::from(used > 0);
            if used + gap + n <= width {
                out.push_str(if gap == 1 { " " } else { "" });
                out.push_str(word);
                used += gap + n;
                break;
            }
            if used == 0 {
                // A word longer than a line is cut hard.
                let at = word.char_indices().nth(width).map_or(word.len(), |c| c.0);
                let (head, rest) = word.split_at_checked(at).unwrap_or((word, ""));
                out.push_str(head);
                word = rest;
            }
            out.push_str(&new_line);
            used = 0;
        }
    }
    out
}

/// Escapes for HTML as the template engine does, but a run of plain text is written at once.
pub(super) fn escape_html(text: &str, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let mut chars = from.chars();
        out.write_all(plain.as_bytes())?;
        out.write_all(match chars.next() {
            Some('&') => b"&amp;",
            Some('<') => b"&lt;",
            Some('>') => b"&gt;",
            Some('"') => b"&quot;",
            _ => b"&#39;",
        })?;
        rest = chars.as_str();
    }
    out.write_all(rest.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{escape_html, wrapped};

    #[test]
    fn escapes_as_the_template_engine_does() {
        for text in ["", "geen", "<a href='x'>&amp;\"é\"</a>", "'", "a&b<"] {
            let mut ours = Vec::new();
            escape_html(text, &mut ours).unwrap();
            let mut theirs = Vec::new();
            tera::escape_html(text, &mut theirs).unwrap();
            assert_eq!(ours, theirs, "{text}");
        }
    }

    #[test]
    fn a_word_longer_than_a_line_is_cut_and_the_next_goes_on_behind_it() {
        let text = format!("een {} twee", "é".repeat(100));
        let lines: Vec<String> = wrapped(&text, 2).lines().map(str::to_owned).collect();
        let long = |n: usize| "é".repeat(n);
        let expected = [
            "een".into(),
            format!("  {}", long(70)),
            format!("  {} twee", long(30)),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn lines_stay_within_the_columns() {
        let text = format!("{} {}", "woord ".repeat(40), "x".repeat(200));
        for (n, line) in wrapped(&text, 5).lines().enumerate() {
            let used = line.chars().count() + if n == 0 { 5 } else { 0 };
            assert!(used <= 72, "{used}: {line}");
        }
    }
}
