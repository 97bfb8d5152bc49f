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

/// Could it be the name of a host? A scan takes any text for one.
pub(super) fn is_host_name(text: &str) -> bool {
    let is_of_name = |c: char| c.is_alphanumeric() || "-._".contains(c) || DOTS.contains(&c);
    !text.is_empty() && text.chars().all(is_of_name)
}

/// A hostile host name: visible, and with `[.]` for dots, so that no mail program makes a link
/// of it.
pub(super) fn host(text: &str) -> String {
    apart(&visible(text, Limit::Field))
}

fn apart(shown: &str) -> String {
    shown
        .replace(DOTS, "[.]")
        .replace("://", "[:]//")
        .replace('@', "[@]")
}

/// A dot, and what browsers take for one (UTS 46).
const DOTS: [char; 4] = ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'];

/// A hostile value that is not a host name: dots stay, but what a mail program would take for a
/// link is taken apart.
pub(super) fn value(text: &str) -> String {
    unlinked(text, Limit::Field)
}

/// The same of the name of a company, which whoever registered it chose.
pub(super) fn name(text: &str) -> String {
    unlinked(text, Limit::Line)
}

fn unlinked(text: &str, limit: Limit) -> String {
    words_apart(&visible(text, limit))
}

/// The same of text that is visible already; blanks stay as they are.
pub(super) fn words_apart(shown: &str) -> String {
    shown
        .split(' ')
        .map(|word| {
            if is_linkish(word) {
                apart(word)
            } else {
                word.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Has it a scheme, a mailbox, or anything between its punctuation that looks like a host?
fn is_linkish(word: &str) -> bool {
    let lower = word.to_lowercase();
    let has = |part: &&str| lower.contains(part);
    ["://", "@", "www.", "http:", "https:", "ftp:", "mailto:"]
        .iter()
        .any(has)
        || lower.split(ends_a_host).any(looks_like_host)
}

/// Programs that make links take a host out of what stands around it: `(a.example),`.
fn ends_a_host(c: char) -> bool {
    !(c.is_alphanumeric() || DOTS.contains(&c) || c == '-' || c == '_')
}

/// `a.example`: letters after the last dot, or a top-level domain in ASCII form.
fn looks_like_host(part: &str) -> bool {
    let is_edge = |c: char| DOTS.contains(&c) || c == '-' || c == '_';
    let part = part.trim_matches(is_edge);
    part.rsplit_once(DOTS).is_some_and(|(before, last)| {
        let is_word = last.chars().count() >= 2 && last.chars().all(char::is_alphabetic);
        !before.is_empty() && (is_word || last.starts_with("xn--"))
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
        for (text, want) in [
            ("(evil.example)", "(evil[.]example)"),
            ("evil.example,", "evil[.]example,"),
            ("evil.example.", "evil[.]example[.]"),
            ("\"evil.example\"", "\"evil[.]example\""),
            (
                "\u{201e}evil.example\u{201d};",
                "\u{201e}evil[.]example\u{201d};",
            ),
            ("http:evil.example", "http:evil[.]example"),
            ("https:/192.0.2.1", "https:/192[.]0[.]2[.]1"),
            ("x=evil.example:8080/a.b", "x=evil[.]example:8080/a[.]b"),
            ("a|evil.xn--p1ai|b", "a|evil[.]xn--p1ai|b"),
            ("evil\u{3002}example", "evil[.]example"),
            ("15.2.1118.7,", "15.2.1118.7,"),
            ("(1.18.0)", "(1.18.0)"),
            ("v2.4-rc.1", "v2.4-rc.1"),
        ] {
            assert_eq!(value(text), want);
        }
        let long = value(&format!("evil.example/{}", "x".repeat(100)));
        assert!(long.starts_with("evil[.]example/") && long.ends_with('…'));
    }

    #[test]
    fn names_of_companies_stay_readable_and_make_no_link() {
        for (text, want) in [
            ("Bakkerij Jansen B.V.", "Bakkerij Jansen B.V."),
            ("V.O.F. De Molen", "V.O.F. De Molen"),
            ("Stichting a.s.r. & Co.", "Stichting a.s.r. & Co."),
            ("evil.example B.V.", "evil[.]example B.V."),
            ("Ga naar (evil.example)!", "Ga naar (evil[.]example)!"),
        ] {
            assert_eq!(name(text), want);
        }
    }
}
