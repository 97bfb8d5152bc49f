//! KEV, EPSS, CVE records and CSAF advisories.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Brought, Checked};
use crate::diag::Failure;
use crate::enrich::{self, Remedy};

/// Dates are checked against this where none is stated; only the entries count.
const NO_DAY: jiff::civil::Date = jiff::civil::date(1970, 1, 1);

pub(super) fn kev((name, bytes): &Brought) -> Result<Checked, Failure> {
    let kev = enrich::read_kev(bytes, name, NO_DAY)?;
    let is_json = bytes.trim_ascii_start().starts_with(b"{");
    let released = serde_json::from_slice::<Value>(bytes).ok().and_then(|v| {
        let text = v.get("dateReleased")?.as_str()?.get(..10)?.to_owned();
        text.parse().ok()
    });
    Ok(Checked {
        bytes: bytes.clone(),
        extension: if is_json { "json" } else { "csv" },
        entries: kev
            .rows
            .into_iter()
            .map(|(cve, day)| (cve, day.to_string()))
            .collect(),
        day: released,
        aside: Vec::new(),
    })
}

pub(super) fn epss((name, bytes): &Brought) -> Result<Checked, Failure> {
    let epss = enrich::read_epss(bytes, name, NO_DAY)?;
    Ok(Checked {
        bytes: bytes.clone(),
        extension: "csv",
        entries: epss
            .scores
            .into_iter()
            .map(|(cve, score)| (cve, score.to_string()))
            .collect(),
        day: Some(epss.as_of).filter(|day| *day != NO_DAY),
        aside: Vec::new(),
    })
}

/// CVE records, JSON 5.x: one a file, or one a line; or the lines that this kind is stored as.
pub(super) fn cve(files: &[Brought]) -> Result<Checked, Failure> {
    remedies(files, |value, aside| {
        if value.get("dataType").and_then(Value::as_str) != Some("CVE_RECORD") {
            return Err("no CVE record: `dataType` is not `CVE_RECORD`".to_owned());
        }
        let id = text(value, "/cveMetadata/cveId");
        if text(value, "/cveMetadata/state") == "REJECTED" {
            aside.push((id, "the record was rejected by its publisher".into()));
            return Ok(Vec::new());
        }
        Ok(vec![remedy_of_record(value, id)?])
    })
}

/// CSAF 2.0 advisories, one a file or a line; or the lines that this kind is stored as.
pub(super) fn csaf(files: &[Brought]) -> Result<Checked, Failure> {
    remedies(files, |value, _| {
        if text(value, "/document/csaf_version").is_empty() {
            return Err("no CSAF advisory: `document.csaf_version` is missing".to_owned());
        }
        remedies_of_advisory(value)
    })
}

type Reader<'r> = &'r dyn Fn(&Value, &mut Vec<(String, String)>) -> Result<Vec<Remedy>, String>;

fn remedies(
    files: &[Brought],
    read: impl Fn(&Value, &mut Vec<(String, String)>) -> Result<Vec<Remedy>, String>,
) -> Result<Checked, Failure> {
    let mut checked = Checked {
        extension: "jsonl",
        ..Checked::default()
    };
    let mut all: BTreeMap<String, Remedy> = BTreeMap::new();
    for (name, bytes) in files {
        for (place, value) in values(bytes, name)? {
            // What this kind was stored as reads as itself.
            let found = match serde_json::from_value::<Remedy>(value.clone()) {
                Ok(remedy) => Ok(vec![remedy]),
                Err(_) => (&read as Reader<'_>)(&value, &mut checked.aside),
            };
            match found {
                Ok(found) => {
                    for remedy in found {
                        all.insert(format!("{} {}", remedy.cve, remedy.source), remedy);
                    }
                }
                Err(why) => checked.aside.push((place, why)),
            }
        }
    }
    for (key, remedy) in all {
        let line = serde_json::to_string(&remedy)
            .map_err(|e| Failure::our_bug(format!("a remedy is no JSON: {e}")))?;
        checked.bytes.extend_from_slice(line.as_bytes());
        checked.bytes.push(b'\n');
        checked.entries.insert(key, line);
    }
    Ok(checked)
}

/// The JSON values of a file: one, or one a line; each with its place.
pub(super) fn values(bytes: &[u8], name: &str) -> Result<Vec<(String, Value)>, Failure> {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        return Ok(vec![(name.to_owned(), value)]);
    }
    let mut found = Vec::new();
    for (i, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let value = serde_json::from_slice(line).map_err(|e| {
            Failure::fix_data(format!("neither one JSON value nor one a line: {e}"))
                .at(name, format!("line {}", i + 1))
                .hint("fetch the file again: it may be cut")
        })?;
        found.push((format!("{name}, line {}", i + 1), value));
    }
    Ok(found)
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default().trim().to_owned()
}

fn items<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    let found = value.pointer(pointer).and_then(Value::as_array);
    found.into_iter().flatten()
}

fn remedy_of_record(value: &Value, cve: String) -> Result<Remedy, String> {
    let mut fixed = Vec::new();
    let cna = "/containers/cna";
    for product in items(value, &format!("{cna}/affected")) {
        let name = [text(product, "/vendor"), text(product, "/product")];
        let name = name.join(" ").trim().to_owned();
        for version in items(product, "/versions") {
            let below = text(version, "/lessThan");
            // `*` is how a record says that there is no end.
            if text(version, "/status") == "affected" && !below.is_empty() && !below.contains('*') {
                fixed.push(format!("{name} {below}").trim().to_owned());
            }
        }
    }
    let references = || {
        items(value, &format!("{cna}/references"))
            .chain(items(value, "/containers/adp").flat_map(|adp| items(adp, "/references")))
    };
    let has_tag = |r: &&Value, tag: &str| items(r, "/tags").any(|t| t.as_str() == Some(tag));
    let link = ["vendor-advisory", "x_refsource_CONFIRM", "patch"]
        .iter()
        .find_map(|tag| references().find(|r| has_tag(r, tag)))
        .or_else(|| references().next())
        .map(|r| text(r, "/url"));
    Remedy {
        cve,
        source: "CVE".into(),
        title: text(value, &format!("{cna}/title")),
        fixed,
        link: link.unwrap_or_default(),
    }
    .checked()
}

fn remedies_of_advisory(value: &Value) -> Result<Vec<Remedy>, String> {
    let mut names = BTreeMap::new();
    product_names(
        value.pointer("/product_tree").unwrap_or(&Value::Null),
        &mut names,
    );
    let id = text(value, "/document/tracking/id");
    let publisher = text(value, "/document/publisher/name");
    let link = items(value, "/document/references")
        .find(|r| text(r, "/category") == "self")
        .map(|r| text(r, "/url"));
    let mut found = Vec::new();
    for flaw in items(value, "/vulnerabilities") {
        let cve = text(flaw, "/cve");
        if cve.is_empty() {
            continue;
        }
        let mut fixed: Vec<String> = ["/product_status/fixed", "/product_status/first_fixed"]
            .iter()
            .flat_map(|pointer| items(flaw, pointer))
            .filter_map(Value::as_str)
            .map(|id| names.get(id).cloned().unwrap_or_else(|| id.to_owned()))
            .collect();
        fixed.sort();
        fixed.dedup();
        let title = match text(flaw, "/title") {
            title if title.is_empty() => text(value, "/document/title"),
            title => title,
        };
        let remedy = Remedy {
            cve,
            source: format!("{publisher} {id}").trim().to_owned(),
            title,
            fixed,
            link: link.clone().unwrap_or_default(),
        };
        found.push(remedy.checked()?);
    }
    if found.is_empty() {
        return Err(format!("the advisory `{id}` is about no CVE"));
    }
    Ok(found)
}

/// Every product of the tree by its id; the JSON reader bounds the depth.
fn product_names(tree: &Value, names: &mut BTreeMap<String, String>) {
    match tree {
        Value::Object(fields) => {
            let id = text(tree, "/product_id");
            if !id.is_empty() {
                names.insert(id, text(tree, "/name"));
            }
            fields
                .values()
                .for_each(|value| product_names(value, names));
        }
        Value::Array(values) => values.iter().for_each(|value| product_names(value, names)),
        _ => {}
    }
}
