//! Which format a file has: given by the user, or known by its content by fixed rules that are
//! told with the answer. What none of the rules knows is refused.

use serde_json::Value;

use super::list_layout::{is_account_header, is_list_header};
use super::unpack::check_text;
use crate::diag::{Failure, mask};
use crate::model::address::parse_ip;
use crate::model::company::text_enum;
use crate::model::name::Domain;

text_enum! {
    /// What a delivery looks like.
    Format {
        /// A report of Shadowserver: CSV with the published columns.
        Shadowserver = "shadowserver",
        /// A list of addresses or names: CSV, Parquet, or one of them a line.
        List = "list",
        /// A list of leaked accounts. Secrets are dropped at the door.
        Accounts = "accounts",
        /// Events of IntelMQ, one JSON object a line.
        IntelMq = "intelmq",
        /// Results of nuclei, one JSON object a line.
        Nuclei = "nuclei",
    }
}

/// How the bytes hold rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Cells between separators; with a header line, or with one subject a line and none.
    Csv { separator: u8, has_header: bool },
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// `account:secret` a line, in any of the usual separators.
    Combos,
}

impl Format {
    /// Recognises a file by its first bytes; says by what.
    ///
    /// # Errors
    /// `FixData` where no rule knows it, with what was found and the next step.
    pub(super) fn of_content(head: &[u8], object: &str) -> Result<(Self, &'static str), Failure> {
        if head.starts_with(b"PAR1") {
            return Ok((Self::List, "a Parquet file"));
        }
        check_text(head, object)?;
        let first = first_line(head);
        if first.starts_with(b"{") {
            return of_json(first, object);
        }
        if head.starts_with(b"[") {
            return Err(
                unknown(object, "is one JSON array; expected one JSON object a line")
                    .hint("write one object a line (`jq -c .[]`)"),
            );
        }
        if first.is_empty() {
            return Err(
                Failure::fix_data("the file is empty; expected a header at least")
                    .at(object, "")
                    .hint("a day without findings has a header and no rows: fetch the file again"),
            );
        }
        let names = header_names(first, separator_of(first));
        if is_account_header(&names) {
            return Ok((Self::Accounts, "a header with a column of accounts"));
        }
        if is_list_header(&names) {
            return Ok((Self::List, "a header with a column of addresses or names"));
        }
        // Accounts first: what is one must never be kept as a name.
        if first_account(first).is_some() {
            return Ok((Self::Accounts, "its first line holds a mail address"));
        }
        if is_bare_subject(first) {
            return Ok((Self::List, "its first line is an address or a name"));
        }
        let shown: Vec<String> = names.iter().take(12).map(|n| mask(n)).collect();
        Err(unknown(
            object,
            &format!(
                "is of no known format: its first line has the cells `{}`, none of them a column of addresses, names or accounts",
                shown.join("`, `")
            ),
        )
        .hint("pass `--format` (shadowserver, list, accounts, intelmq, nuclei), or name the column `ip` or `hostname`"))
    }

    /// How this part holds its rows.
    ///
    /// # Errors
    /// `FixData` where the bytes cannot be of the format.
    pub(super) fn shape(self, head: &[u8], object: &str) -> Result<Shape, Failure> {
        let csv = |separator, has_header| Shape::Csv {
            separator,
            has_header,
        };
        if self == Self::List && head.starts_with(b"PAR1") {
            return Ok(Shape::Parquet);
        }
        check_text(head, object)?;
        let first = first_line(head);
        let is_json = first.starts_with(b"{") || first.starts_with(b"[");
        match self {
            Self::IntelMq | Self::Nuclei => {
                if is_json || first.is_empty() {
                    Ok(Shape::JsonLines)
                } else {
                    Err(unknown(
                        object,
                        "does not begin with a JSON object; expected one a line",
                    )
                    .hint("pass `--format` if it is another kind of list"))
                }
            }
            _ if is_json => Err(
                unknown(object, "is JSON; expected CSV in UTF-8, gzip or zip").hint(
                    "pass `--format intelmq` or `--format nuclei` if it is events of one of them",
                ),
            ),
            Self::Shadowserver => Ok(csv(b',', true)),
            Self::List => {
                let separator = separator_of(first);
                let names = header_names(first, separator);
                let is_bare = is_bare_subject(first) && !is_list_header(&names);
                Ok(csv(separator, !is_bare))
            }
            Self::Accounts => {
                let separator = separator_of(first);
                if first_account(first).is_none()
                    && is_account_header(&header_names(first, separator))
                {
                    Ok(csv(separator, true))
                } else {
                    Ok(Shape::Combos)
                }
            }
        }
    }
}

fn unknown(object: &str, what: &str) -> Failure {
    Failure::fix_data(what.to_owned()).at(object, "")
}

fn of_json(first: &[u8], object: &str) -> Result<(Format, &'static str), Failure> {
    let Ok(Value::Object(event)) = serde_json::from_slice(first) else {
        return Err(unknown(
            object,
            "is JSON, and its first line is no whole object; expected one a line",
        )
        .hint("write one object a line (`jq -c .`)"));
    };
    let has = |keys: &[&str]| keys.iter().any(|key| event.contains_key(*key));
    if has(&["template-id", "templateID"]) && has(&["host", "matched-at", "matched"]) {
        return Ok((Format::Nuclei, "JSON with `template-id` and `matched-at`"));
    }
    let is_intelmq = |key: &String| {
        ["source", "classification", "time", "feed"]
            .iter()
            .any(|name| {
                key.strip_prefix(name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
    };
    if event.keys().filter(|key| is_intelmq(key)).count() >= 2 {
        return Ok((
            Format::IntelMq,
            "JSON with `source.*` and `time.*` or `classification.*`",
        ));
    }
    let keys: Vec<String> = event.keys().take(12).map(|key| mask(key)).collect();
    Err(unknown(
        object,
        &format!(
            "is JSON of no known kind: its first object has `{}`",
            keys.join("`, `")
        ),
    )
    .hint("pass `--format intelmq` or `--format nuclei`, or deliver the rows as CSV"))
}

/// The first line that says something, without its end.
fn first_line(head: &[u8]) -> &[u8] {
    head.split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .find(|line| !line.is_empty() && !line.starts_with(b"#"))
        .unwrap_or_default()
}

/// The sign that stands most often in the header; a comma where none does.
fn separator_of(first: &[u8]) -> u8 {
    let count = |sign: u8| first.iter().filter(|b| **b == sign).count();
    let mut best = b',';
    for sign in [b';', b'\t', b'|'] {
        if count(sign) > count(best) {
            best = sign;
        }
    }
    best
}

fn header_names(first: &[u8], separator: u8) -> Vec<String> {
    first
        .split(|b| *b == separator)
        .map(|cell| {
            let text = super::cell::lossy(cell);
            text.trim_matches('"').trim().to_ascii_lowercase()
        })
        .collect()
}

/// A line that is one address, or one name with a dot in it.
fn is_bare_subject(line: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(line) else {
        return false;
    };
    let host = super::cell::host_of(text);
    parse_ip(text).is_ok() || (host.contains('.') && host.parse::<Domain>().is_ok())
}

/// The first cell of a line that is a mail address, whatever the separator.
pub(super) fn first_account(line: &[u8]) -> Option<&[u8]> {
    let is_separator = |b: &u8| b":;|,\t \"".contains(b);
    let is_account = |cell: &&[u8]| {
        let mut halves = cell.split(|b| *b == b'@');
        let full = |half: Option<&[u8]>| half.is_some_and(|h| !h.is_empty());
        full(halves.next()) && full(halves.next()) && halves.next().is_none()
    };
    line.split(is_separator).find(is_account)
}
