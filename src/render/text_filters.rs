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
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let used = line.chars().count();
            let gap = usize::from(used > 0);
            if used + gap + word.len() <= width {
                if gap == 1 {
                    line.push(' ');
                }
                line.extend(&word);
                break;
            }
            if used > 0 {
                lines.push(std::mem::take(&mut line));
                continue;
            }
            // A word longer than a line is cut hard.
            let rest = word.split_off(width.min(word.len()));
            lines.push(word.into_iter().collect());
            word = rest;
        }
    }
    lines.push(line);
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_stay_within_the_columns() {
        let text = format!("{} {}", "woord ".repeat(40), "x".repeat(200));
        for (n, line) in wrapped(&text, 5).lines().enumerate() {
            let used = line.chars().count() + if n == 0 { 5 } else { 0 };
            assert!(used <= 72, "{used}: {line}");
        }
    }
}
