//! Quotes of comma-separated values (RFC 4180).

use crate::diag::Failure;

/// Refuses a table in which a quote never closes; `n_before` lines of the file come before its header.
///
/// # Errors
/// `FixData` naming the line.
pub fn check_quotes(bytes: &[u8], separator: u8, file: &str, n_before: u64) -> Result<(), Failure> {
    let Some(line) = unclosed_quote(bytes, separator) else {
        return Ok(());
    };
    let line = line + n_before;
    Err(
        Failure::fix_data(format!("a quote opens in line {line} and never closes"))
            .at(file, format!("line {line}"))
            .hint("nothing of it was taken, since everything after it would be one field: close the quote, or double it"),
    )
}

/// The line in which a quote opens that the end of the file finds open: a reader of CSV takes all
/// that follows for one field. A quote opens only where a field begins.
fn unclosed_quote(bytes: &[u8], separator: u8) -> Option<u64> {
    let (mut line, mut opened) = (1, None);
    let (mut begins, mut was_quote) = (true, false);
    for &byte in bytes {
        line += u64::from(byte == b'\n');
        let is_quote = byte == b'"';
        if opened.is_some() {
            // Two quotes are one of the text; else the first of them closed the field.
            if was_quote && !is_quote {
                opened = None;
                begins = byte == separator || byte == b'\n' || byte == b'\r';
            }
            was_quote = is_quote && !was_quote;
        } else if begins && is_quote {
            opened = Some(line);
            was_quote = false;
        } else {
            begins = byte == separator || byte == b'\n' || byte == b'\r';
        }
    }
    opened.filter(|_| !was_quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_open_where_a_reader_of_csv_would_go_on_reading() {
        for (text, want) in [
            ("a,b\n1,2\n", None),
            ("a,b\n\"1\",\"2\"", None),
            ("a,b\n\"1\",2\n", None),
            ("a\n\"x \"\"y\"\" z\"\n1\n", None),
            ("a\n\"two\nlines\"\n", None),
            ("a\n5\" pipe\n1\n", None),
            ("a\n\"closed\"\"\n1\n", Some(2)),
            ("a,b\n1,\"x\n3,4\n", Some(2)),
            ("a,b\n1,2\n\"", Some(3)),
            ("a,b\n\"\"\"", Some(2)),
        ] {
            assert_eq!(unclosed_quote(text.as_bytes(), b','), want, "{text:?}");
        }
    }
}
