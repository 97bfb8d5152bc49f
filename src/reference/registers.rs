//! Public suffixes, codes of branches, municipalities, classes of incidents; results of look-ups.

use std::collections::BTreeMap;

use serde_json::Value;

use super::vulnerabilities::values;
use super::{Brought, Checked};
use crate::contacts::{
    Lookup, LookupKind, LookupOutcome, Rdap, read_lookups, read_rdap, read_security_txt,
};
use crate::diag::Failure;
use crate::enrich::keyed;
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

/// Results of look-ups as a fetcher writes them, and bare answers of RDAP servers. What an answer
/// says is judged by the night's own readers; `now` is in µs.
pub(super) fn lookups(files: &[Brought], now: i64) -> Result<Checked, Failure> {
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    let mut checked = Checked {
        extension: "jsonl",
        ..Checked::default()
    };
    for (name, bytes) in files {
        for (place, value) in values(bytes, name)? {
            match lookup(&value, now) {
                Ok((found, said)) => {
                    let key = format!("{:?} {}", found.kind, found.subject);
                    lines.insert(key.clone(), found.line());
                    checked.entries.insert(key, said);
                }
                Err(why) => checked.aside.push((place, why)),
            }
        }
    }
    for line in lines.into_values() {
        checked.bytes.extend_from_slice(line.trim_end().as_bytes());
        checked.bytes.push(b'\n');
    }
    Ok(checked)
}

fn lookup(value: &Value, now: i64) -> Result<(Lookup, String), String> {
    let text = value.to_string();
    let found = if value.get("kind").is_some() {
        let mut found = read_lookups(text.as_bytes()).map_err(|(_, why)| why)?;
        found.pop().ok_or("an empty line")?
    } else {
        // A bare answer does not say when it came: at the beginning of the day of its import.
        let day = now - now.rem_euclid(86_400_000_000);
        let at = jiff::Timestamp::from_microsecond(day).map_err(|e| e.to_string())?;
        let outcome = LookupOutcome::Found;
        Lookup::without(LookupKind::Rdap, subject(value)?, at, outcome, "")
            .with_body(text.as_bytes())
    };
    let said = match (found.kind, found.outcome) {
        (LookupKind::SecurityTxt, LookupOutcome::Found) => {
            let urls: Vec<&str> = found.urls.iter().map(String::as_str).collect();
            let at = now.max(found.fetched_at.as_microsecond());
            let read = read_security_txt(&found.bytes(), at, &urls);
            read.distrust().unwrap_or("usable").to_owned()
        }
        (LookupKind::Rdap, LookupOutcome::Found) => match read_rdap(&found.bytes())? {
            Rdap::Object(mailboxes) => format!("{} abuse mailboxes", mailboxes.len()),
            Rdap::NotFound => "not found".to_owned(),
            Rdap::Error(code) => {
                return Err(format!(
                    "the server answered with error {code}: it says nothing"
                ));
            }
        },
        (_, outcome) => format!("{outcome:?} {}", found.reason),
    };
    Ok((found, said))
}

/// Whom an RDAP answer is about, in the words of a look-up.
fn subject(value: &Value) -> Result<String, String> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    match text("objectClassName") {
        Some("domain") => {
            let name = text("ldhName").ok_or("a domain without `ldhName`")?;
            let name: Domain = name.parse().map_err(|()| "`ldhName` is no name")?;
            Ok(name.to_string())
        }
        Some("autnum") => {
            let number = value.get("startAutnum").and_then(Value::as_u64);
            Ok(format!(
                "AS{}",
                number.ok_or("an autnum without `startAutnum`")?
            ))
        }
        Some("ip network") => {
            let ends = text("startAddress").zip(text("endAddress"));
            let (first, last) = ends.ok_or("a network without its two ends")?;
            let nets = crate::model::net::parse_range(&format!("{first}-{last}"));
            match nets.map_err(|why| why.to_string())?.as_slice() {
                [net] => Ok(net.to_string()),
                nets => Err(format!(
                    "a network of {} prefixes; expected one",
                    nets.len()
                )),
            }
        }
        Some(other) => Err(format!(
            "an RDAP object `{other}` is not looked up by a night"
        )),
        None => Err("neither a look-up nor an RDAP answer".into()),
    }
}
