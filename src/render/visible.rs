//! Hostile text made visible. Scan fields are written by attackers: whatever they hold, a reader
//! sees it, and no program acts on it.

/// Characters that a field may have before it is cut with `…`.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// Host names, addresses, products.
    Field = 80,
    /// Names of companies, lines of addresses.
    Line = 100,
}

/// The text with control, invisible and direction-changing characters spelled out, blanks
/// folded, and the rest cut.
pub(super) fn visible(text: &str, limit: Limit) -> String {
    let limit = limit as usize;
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = String::new();
    for (n, c) in folded.chars().enumerate() {
        if n == limit {
            out.push('…');
            break;
        }
        if is_hidden(c) {
            out.push_str(&spelled(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// A hostile host name: visible, and with `[.]` for dots, so that no mail program makes a link
/// of it.
pub(super) fn host(text: &str) -> String {
    visible(text, Limit::Field)
        .replace('.', "[.]")
        .replace("://", "[:]//")
        .replace('@', "[@]")
}

/// A hostile value that is not a host name: dots stay, but what a mail program would take for a
/// link is taken apart.
pub(super) fn value(text: &str) -> String {
    let shown = visible(text, Limit::Field);
    let is_linkish = |word: &str| {
        word.contains("://")
            || word.contains('@')
            || word.to_lowercase().contains("www.")
            || looks_like_host(word)
    };
    shown
        .split(' ')
        .map(|word| {
            if is_linkish(word) {
                host(word)
            } else {
                word.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// `a.example` or `a.example/x`: letters after the last dot of the first part.
fn looks_like_host(word: &str) -> bool {
    let first = word.split(['/', ':', '?']).next().unwrap_or_default();
    first.rsplit_once('.').is_some_and(|(before, last)| {
        !before.is_empty() && last.chars().count() >= 2 && last.chars().all(char::is_alphabetic)
    })
}

/// `[U+202E]`.
pub(super) fn spelled(c: char) -> String {
    format!("[U+{:04X}]", u32::from(c))
}

/// Control characters, and those that Unicode gives no ink or that turn the direction of text
/// (UAX #9, UTR #36), variation selectors, tags, and unassigned private use.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164
            | 0xE000..=0xF8FF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFF
            | 0x1D173..=0x1D17A | 0xE0000..=0x10_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_turns_is_spelled_out() {
        assert_eq!(
            visible("a\u{202e}b\u{200b}\u{7}", Limit::Field),
            "a[U+202E]b[U+200B][U+0007]"
        );
        assert_eq!(visible(" a \r\n\tb ", Limit::Field), "a b");
    }

    #[test]
    fn long_fields_are_cut_with_a_mark() {
        let long = visible(&"x".repeat(500), Limit::Field);
        assert_eq!(long.chars().count(), 81);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn nothing_is_left_that_a_mail_program_links() {
        assert_eq!(host("mail.evil.example"), "mail[.]evil[.]example");
        assert_eq!(
            value("see http://evil.example/x now"),
            "see http[:]//evil[.]example/x now"
        );
        assert_eq!(value("15.2.1118.7"), "15.2.1118.7");
        assert_eq!(value("a@evil.example"), "a[@]evil[.]example");
    }
}
