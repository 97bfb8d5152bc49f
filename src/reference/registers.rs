//! Public suffixes, codes of branches, municipalities, classes of incidents; security.txt and
//! RDAP as fetched.

use std::collections::BTreeMap;

use serde_json::Value;

use super::vulnerabilities::values;
use super::{Brought, Checked};
use crate::contacts::{Rdap, read_rdap, read_security_txt};
use crate::diag::Failure;
use crate::model::name::Domain;
use crate::register::SuffixList;

pub(super) fn public_suffixes((name, bytes): &Brought) -> Result<Checked, Failure> {
    SuffixList::read(bytes, name)?;
    let text = String::from_utf8_lossy(bytes);
    let rules = text.lines().filter(|l| !l.starts_with("//"));
    let rules = rules.filter_map(|l| l.split_whitespace().next());
    Ok(Checked {
        bytes: bytes.clone(),
        extension: "dat",
        entries: rules.map(|rule| (rule.to_owned(), String::new())).collect(),
        ..Checked::default()
    })
}

/// A CSV whose rows are known by their first column.
fn keyed(
    name: &str,
    bytes: &[u8],
    wanted: &[&str],
) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let unreadable = |e: csv::Error| {
        Failure::fix_data(format!("cannot be read as CSV: {e}"))
            .at(name, "")
            .hint("fetch the file again: it may be cut")
    };
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().map_err(unreadable)?.clone();
    let mut columns = Vec::new();
    for column in wanted {
        let found = header
            .iter()
            .position(|h| h.trim().eq_ignore_ascii_case(column));
        columns.push(found.ok_or_else(|| {
            let has: Vec<&str> = header.iter().collect();
            Failure::fix_data(format!(
                "the column is missing; the header has `{}`",
                has.join("`, `")
            ))
            .at(name, *column)
            .hint(format!("expected a CSV with `{}`", wanted.join(",")))
        })?);
    }
    let mut rows = BTreeMap::new();
    for (i, record) in reader.records().enumerate() {
        let record = record.map_err(unreadable)?;
        let mut cells = columns
            .iter()
            .map(|c| record.get(*c).unwrap_or_default().trim().to_owned());
        let key = cells.next().unwrap_or_default();
        if key.is_empty() || rows.insert(key.clone(), cells.collect()).is_some() {
            return Err(
                Failure::fix_data(format!("the key `{key}` is empty or stands twice"))
                    .at(name, format!("row {i}"))
                    .hint("each row needs a key of its own"),
            );
        }
    }
    Ok(rows)
}

/// Codes of branches. `section` is a division that each such table has: a table without it is
/// half a table, or one whose leading zeros a spreadsheet has eaten.
pub(super) fn codes(
    (name, bytes): &Brought,
    columns: &[&str],
    section: &str,
) -> Result<Checked, Failure> {
    let rows = keyed(name, bytes, columns)?;
    if !rows.contains_key(section) {
        return Err(Failure::fix_data(format!(
            "has no code `{section}`; expected the whole table, with leading zeros"
        ))
        .at(name, "code")
        .hint("deliver the codes as text"));
    }
    Ok(of_rows(bytes, rows))
}

const PROVINCES: &[&str] = &[
    "Drenthe",
    "Flevoland",
    "Fryslân",
    "Friesland",
    "Gelderland",
    "Groningen",
    "Limburg",
    "Noord-Brabant",
    "Noord-Holland",
    "Overijssel",
    "Utrecht",
    "Zeeland",
    "Zuid-Holland",
];

pub(super) fn municipalities((name, bytes): &Brought) -> Result<Checked, Failure> {
    let rows = keyed(name, bytes, &["code", "name", "province"])?;
    for (code, cells) in &rows {
        let province = cells.get(1).map_or("", String::as_str);
        if !PROVINCES.contains(&province) {
            return Err(
                Failure::fix_data(format!("`{province}` is none of the twelve provinces"))
                    .at(name, code.clone())
                    .hint("expected `code,name,province`"),
            );
        }
    }
    Ok(of_rows(bytes, rows))
}

fn of_rows(bytes: &[u8], rows: BTreeMap<String, Vec<String>>) -> Checked {
    Checked {
        bytes: bytes.to_vec(),
        extension: "csv",
        entries: rows
            .into_iter()
            .map(|(key, cells)| (key, cells.join("; ")))
            .collect(),
        ..Checked::default()
    }
}

/// The taxonomy as a table (`class,…,type,…`) or as a machine tag of MISP; stored as `type,class`.
pub(super) fn rsit((name, bytes): &Brought) -> Result<Checked, Failure> {
    let mut types: BTreeMap<String, String> = BTreeMap::new();
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        let list = |v: &Value, key: &str| {
            v.get(key)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        for class in list(&value, "values") {
            let predicate = class
                .get("predicate")
                .and_then(Value::as_str)
                .unwrap_or_default();
            for entry in list(&class, "entry") {
                if let Some(kind) = entry.get("value").and_then(Value::as_str) {
                    types.insert(kind.to_owned(), predicate.to_owned());
                }
            }
        }
    } else {
        let rows = keyed(name, bytes, &["type", "class"])?;
        types = rows
            .into_iter()
            .map(|(kind, cells)| (kind, cells.join("")))
            .collect();
    }
    let mut checked = Checked {
        bytes: b"type,class\n".to_vec(),
        extension: "csv",
        ..Checked::default()
    };
    for (kind, class) in &types {
        let is_plain =
            |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_plain(kind) || !is_plain(class) {
            return Err(
                Failure::fix_data(format!("`{class}:{kind}` is no class and type"))
                    .at(name, "")
                    .hint("expected the taxonomy of ENISA's task force as CSV or machine tag"),
            );
        }
        checked
            .bytes
            .extend_from_slice(format!("{kind},{class}\n").as_bytes());
    }
    checked.entries = types;
    Ok(checked)
}

/// Results of fetching, one JSON object a line: `domain`, `fetched_at`, `status` and, for 200,
/// `text`. The file's own faults are no faults of the list: they are what was found.
pub(super) fn security_txt(files: &[Brought], now: i64) -> Result<Checked, Failure> {
    json_lines(files, |value| {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let domain: Domain = text("domain")
            .and_then(|d| d.parse().ok())
            .ok_or("no `domain` that is a name")?;
        let at: jiff::Timestamp = text("fetched_at")
            .and_then(|t| t.parse().ok())
            .ok_or("no `fetched_at` such as `2026-03-01T02:00:00Z`")?;
        let status = value
            .get("status")
            .and_then(Value::as_u64)
            .ok_or("no `status`")?;
        let said = match text("text") {
            Some(body) => {
                let url = text("url").map(str::to_owned);
                let url =
                    url.unwrap_or_else(|| format!("https://{domain}/.well-known/security.txt"));
                let read =
                    read_security_txt(body.as_bytes(), now.max(at.as_microsecond()), &[&url]);
                read.distrust().unwrap_or("usable").to_owned()
            }
            None if status == 200 => return Err("status 200 without `text`".into()),
            None => "none".to_owned(),
        };
        Ok((domain.to_string(), format!("{status} {said}")))
    })
}

/// RDAP answers, one JSON object a file or a line.
pub(super) fn rdap(files: &[Brought]) -> Result<Checked, Failure> {
    json_lines(files, |value| {
        let said = match read_rdap(value.to_string().as_bytes())? {
            Rdap::Object(mailboxes) => format!("{} abuse mailboxes", mailboxes.len()),
            Rdap::NotFound => "not found".to_owned(),
            Rdap::Error(code) => {
                return Err(format!(
                    "the server answered with error {code}: it says nothing"
                ));
            }
        };
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let class = text("objectClassName");
        let name = [text("handle"), text("ldhName"), text("startAddress")];
        let name = name
            .into_iter()
            .find(|t| !t.is_empty())
            .ok_or("an answer without `handle` or name")?;
        Ok((format!("{class} {name}"), said))
    })
}

fn json_lines(
    files: &[Brought],
    read: impl Fn(&Value) -> Result<(String, String), String>,
) -> Result<Checked, Failure> {
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    let mut checked = Checked {
        extension: "jsonl",
        ..Checked::default()
    };
    for (name, bytes) in files {
        for (place, value) in values(bytes, name)? {
            match read(&value) {
                Ok((key, said)) => {
                    lines.insert(key.clone(), value.to_string());
                    checked.entries.insert(key, said);
                }
                Err(why) => checked.aside.push((place, why)),
            }
        }
    }
    for line in lines.into_values() {
        checked.bytes.extend_from_slice(line.as_bytes());
        checked.bytes.push(b'\n');
    }
    Ok(checked)
}
