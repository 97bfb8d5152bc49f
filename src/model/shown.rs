//! Texts and numbers as they are shown to people: in a spreadsheet, on a page, in a mail.

/// A text that no spreadsheet takes for a formula: an apostrophe before what would begin one
/// (OWASP, CSV injection), also behind blanks and in the full-width forms.
#[must_use]
pub fn formula_safe(text: &str) -> String {
    let begins = |c: char| {
        matches!(
            c,
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'
        )
    };
    if text.trim_start().starts_with(begins) || text.starts_with(begins) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// A number in groups of three digits, with a mark between them: `1.378`.
#[must_use]
pub fn grouped(n: u64, mark: char) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(mark);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_threes() {
        for (n, want) in [
            (0, "0"),
            (999, "999"),
            (1_378, "1.378"),
            (1_000_000, "1.000.000"),
        ] {
            assert_eq!(grouped(n, '.'), want);
        }
    }

    #[test]
    fn no_cell_begins_a_formula() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM",
            "\tx",
            "\rx",
            "\nx",
            "＝1",
            "＋1",
            "－1",
            "＠x",
            "  =1",
            "\u{a0}＝1",
        ] {
            assert_eq!(formula_safe(text), format!("'{text}"));
        }
        for text in ["", " ", "a=1", "10-49", "’s-Hertogenbosch"] {
            assert_eq!(formula_safe(text), text);
        }
    }
}
