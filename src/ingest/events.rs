//! Events as JSON, one object a line: IntelMQ and nuclei.
//!
//! An event becomes a record with fixed cells, [`CELLS`]; what has no cell goes to `extra`.

use std::collections::{BTreeMap, BTreeSet};

use csv::ByteRecord;
use serde_json::{Map, Value};

use super::cell::{host_of, push_json};
use super::format::Format;
use super::layout::Layout;
use super::personal::has_secret_word;
use super::profile::{CellKind, kind_of};
use super::rows::{Lines, Next, Rows};
use crate::diag::{Failure, RejectReason, mask};
use crate::model::address::parse_ip;

/// Cells of a record, in order.
const CELLS: usize = 18;

/// What an event says, by cell.
#[derive(Default)]
struct Event {
    time: String,
    ip: String,
    port: String,
    protocol: String,
    hostname: String,
    hostname_source: &'static str,
    account: String,
    asn: String,
    tag: String,
    cve: String,
    vendor: String,
    product: String,
    version: String,
    severity: String,
    tlp: String,
    taxonomy: String,
    kind: String,
    extra: String,
}

/// The layout of such records.
pub(super) fn layout() -> Layout {
    use crate::model::observation::HostnameSource;
    Layout {
        n_fields: CELLS,
        timestamp: Some(0),
        ip: Some(1),
        port: Some(2),
        protocol: Some(3),
        hostname: vec![(4, HostnameSource::Unknown)],
        hostname_source: Some(5),
        account: vec![6],
        asn: Some(7),
        tag: Some(8),
        cve_texts: vec![8, 9],
        vendor: vec![10],
        product: vec![11],
        version: vec![12],
        severity: Some(13),
        tlp: Some(14),
        taxonomy: Some(15),
        kind: Some(16),
        extra_json: Some(17),
        ..Layout::default()
    }
}

/// Events of a text.
pub(super) struct EventRows<'a> {
    lines: Lines<'a>,
    format: Format,
    object: String,
    /// Keys that were seen, with what one of their values looked like.
    pub keys: BTreeMap<String, CellKind>,
    /// Keys whose values were dropped.
    pub dropped: BTreeSet<String>,
}

/// Keys that are remembered; a scanned host must not fill the memory with names.
const MAX_KEYS: usize = 1_000;
/// Bytes of such a key; longer ones are no names.
const MAX_KEY_BYTES: usize = 1_024;
/// Bytes that the names of a line may have beside four times what it has itself.
const NAMES_BYTES: usize = 64 << 10;

impl<'a> EventRows<'a> {
    pub fn new(lines: Lines<'a>, format: Format, object: &str) -> Self {
        Self {
            lines,
            format,
            object: object.to_owned(),
            keys: BTreeMap::new(),
            dropped: BTreeSet::new(),
        }
    }

    /// Keys that the format does not have, sorted.
    pub fn unknown(&self) -> impl Iterator<Item = &String> {
        let known: &[&str] = match self.format {
            Format::Nuclei => NUCLEI_KEYS,
            _ => INTELMQ_KEYS,
        };
        self.keys.keys().filter(|key| {
            let space = key.split('.').next().unwrap_or_default();
            !known.contains(&space)
        })
    }
}

/// The beginning of a line that cannot be read, masked.
fn shown(line: &[u8]) -> String {
    mask(&String::from_utf8_lossy(line.get(..40).unwrap_or(line)))
}

impl Rows for EventRows<'_> {
    fn next(&mut self, record: &mut ByteRecord) -> Result<Next, Failure> {
        let Some((line, has_end)) = self.lines.next_line()? else {
            return Ok(Next::End);
        };
        let fields = match serde_json::from_slice::<Value>(line) {
            Ok(Value::Object(fields)) => fields,
            // A line without an end that is no object is one that breaks off.
            Err(e) if e.is_eof() && !has_end => {
                return Err(Failure::fix_data(
                    "the last line breaks off; expected a whole JSON object and an end of line",
                )
                .at(&self.object, "")
                .hint("the file is cut: fetch it again"));
            }
            _ => return Ok(Next::Aside(RejectReason::BadJson, shown(line))),
        };
        let mut flat = BTreeMap::new();
        let mut room = 4 * line.len() + NAMES_BYTES;
        if flatten("", fields, &mut room, &mut flat).is_none() {
            return Ok(Next::Aside(RejectReason::BadJson, shown(line)));
        }
        for (key, value) in &flat {
            if self.keys.len() < MAX_KEYS
                && key.len() <= MAX_KEY_BYTES
                && !self.keys.contains_key(key)
            {
                self.keys
                    .insert(key.clone(), kind_of(text_of(value).as_bytes()));
            }
        }
        let event = match self.format {
            Format::Nuclei => nuclei(&mut flat),
            _ => Some(intelmq(&mut flat)),
        };
        let Some(mut event) = event else {
            return Ok(Next::Aside(RejectReason::NotAFinding, String::new()));
        };
        push_extra(&flat, self.format, &mut event.extra, &mut self.dropped);
        record.clear();
        for cell in event.cells() {
            record.push_field(cell.as_bytes());
        }
        Ok(Next::Row)
    }

    fn last_line(&self) -> Option<&[u8]> {
        None
    }
}

impl Event {
    fn cells(&self) -> [&str; CELLS] {
        [
            &self.time,
            &self.ip,
            &self.port,
            &self.protocol,
            &self.hostname,
            self.hostname_source,
            &self.account,
            &self.asn,
            &self.tag,
            &self.cve,
            &self.vendor,
            &self.product,
            &self.version,
            &self.severity,
            &self.tlp,
            &self.taxonomy,
            &self.kind,
            &self.extra,
        ]
    }
}

type Flat = BTreeMap<String, Value>;

/// Objects inside become names with dots, as IntelMQ itself writes them. `None` where the names
/// take more bytes than there is room: the name of an object stands in those of all its members.
fn flatten(
    prefix: &str,
    fields: Map<String, Value>,
    room: &mut usize,
    into: &mut Flat,
) -> Option<()> {
    for (key, value) in fields {
        *room = room.checked_sub(prefix.len() + key.len() + 1)?;
        let name = if prefix.is_empty() {
            key
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            Value::Object(inner) => flatten(&name, inner, room, into)?,
            Value::Null => {}
            value => {
                into.insert(name, value);
            }
        }
    }
    Some(())
}

/// A value as a cell: lists with `;` between.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(text_of).collect();
            texts.join(";")
        }
        other => other.to_string(),
    }
}

/// The first of these that is there; it does not go to `extra`.
fn take(flat: &mut Flat, keys: &[&str]) -> String {
    for key in keys {
        if let Some(value) = flat.remove(*key) {
            return text_of(&value);
        }
    }
    String::new()
}

fn peek(flat: &Flat, keys: &[&str]) -> String {
    let texts = keys.iter().filter_map(|key| flat.get(*key)).map(text_of);
    let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
    texts.join(";")
}

/// First parts of the names in IntelMQ's harmonization.
const INTELMQ_KEYS: &[&str] = &[
    "classification",
    "destination",
    "event_description",
    "event_hash",
    "extra",
    "feed",
    "malware",
    "misp",
    "output",
    "protocol",
    "raw",
    "rtir_id",
    "screenshot_url",
    "source",
    "status",
    "time",
    "tlp",
];

/// Dropped whatever they hold: whole copies of what came in, and names of persons.
const INTELMQ_DROPPED: &[&str] = &[
    "raw",
    "output",
    "source.account",
    "destination.account",
    "source.abuse_contact",
    "destination.abuse_contact",
];

/// IntelMQ's data harmonization, version 3.
fn intelmq(flat: &mut Flat) -> Event {
    let mut event = Event {
        time: take(flat, &["time.source", "time.observation"]),
        ip: take(flat, &["source.ip"]),
        port: take(flat, &["source.port"]),
        protocol: take(flat, &["protocol.transport"]),
        account: take(flat, &["source.account"]),
        asn: take(flat, &["source.asn"]),
        taxonomy: take(flat, &["classification.taxonomy"]),
        kind: take(flat, &["classification.type"]),
        tag: peek(
            flat,
            &["classification.identifier", "malware.name", "extra.tag"],
        ),
        cve: peek(
            flat,
            &[
                "extra.cve",
                "extra.cves",
                "extra.cve_id",
                "extra.vulnerability",
                "extra.vulnerabilities",
                "extra.vulnerability_id",
            ],
        ),
        vendor: take(flat, &["extra.vendor", "extra.device_vendor"]),
        product: take(flat, &["extra.product", "extra.device_model"]),
        version: take(flat, &["extra.version", "extra.device_version"]),
        severity: take(flat, &["extra.severity"]),
        ..Event::default()
    };
    let tlp = take(flat, &["tlp"]).to_uppercase();
    event.tlp = match tlp.strip_prefix("TLP:").unwrap_or(&tlp) {
        "" => String::new(),
        label => format!("TLP:{label}"),
    };
    (event.hostname, event.hostname_source) = match take(flat, &["source.fqdn"]) {
        name if !name.is_empty() => (name, "forward_dns"),
        _ => match flat.get("source.url").map(text_of) {
            Some(url) if parse_ip(host_of(&url)).is_err() => {
                (host_of(&url).to_owned(), "scan_target")
            }
            _ => match take(flat, &["source.reverse_dns"]) {
                name if !name.is_empty() => (name, "ptr"),
                _ => (String::new(), ""),
            },
        },
    };
    event
}

/// First parts of the names in nuclei's JSON lines (v2 and v3).
const NUCLEI_KEYS: &[&str] = &[
    "curl-command",
    "error",
    "extracted-results",
    "extractor-name",
    "global-matchers",
    "host",
    "info",
    "interaction",
    "ip",
    "is_fuzzing_result",
    "issue_trackers",
    "matched",
    "matched-at",
    "matched-line",
    "matcher-name",
    "matcher-status",
    "meta",
    "path",
    "port",
    "request",
    "response",
    "scheme",
    "template",
    "template-encoded",
    "template-id",
    "template-path",
    "template-url",
    "templateID",
    "timestamp",
    "type",
    "url",
];

/// What the scanner sent and got: it may hold keys, cookies and passwords.
const NUCLEI_DROPPED: &[&str] = &[
    "request",
    "response",
    "curl-command",
    "extracted-results",
    "template-encoded",
    "meta",
    "interaction",
];

/// A result of nuclei; `None` for one that says that its template did not match.
fn nuclei(flat: &mut Flat) -> Option<Event> {
    if flat.get("matcher-status") == Some(&Value::Bool(false)) {
        return None;
    }
    let url = without_credentials(&peek_first(flat, &["matched-at", "matched", "url", "host"]));
    for key in ["matched-at", "matched", "url", "host"] {
        if let Some(value) = flat.get_mut(key) {
            *value = Value::String(without_credentials(&text_of(value)));
        }
    }
    let (host, port) = host_and_port(&url);
    let is_name = parse_ip(&host).is_err();
    let kind = take(flat, &["type"]);
    let mut event = Event {
        time: take(flat, &["timestamp"]),
        ip: take(flat, &["ip"]),
        port: take(flat, &["port"]),
        tag: peek(flat, &["template-id", "templateID", "info.tags"]),
        cve: peek(
            flat,
            &["template-id", "templateID", "info.classification.cve-id"],
        ),
        vendor: take(flat, &["info.metadata.vendor"]),
        product: take(flat, &["info.metadata.product"]),
        severity: match take(flat, &["info.severity"]).to_lowercase().as_str() {
            "unknown" => String::new(),
            word => word.to_owned(),
        },
        ..Event::default()
    };
    if matches!(
        kind.as_str(),
        "http" | "headless" | "network" | "tcp" | "ssl" | "websocket" | "javascript"
    ) {
        event.protocol = "tcp".into();
    }
    if event.port.is_empty() {
        event.port = port;
    }
    if is_name {
        (event.hostname, event.hostname_source) = (host, "scan_target");
    } else if event.ip.is_empty() {
        event.ip = host;
    }
    if event.cve.to_lowercase().contains("cve-") {
        event.taxonomy = "vulnerable".into();
        event.kind = "vulnerable-system".into();
    }
    Some(event)
}

fn peek_first(flat: &Flat, keys: &[&str]) -> String {
    keys.iter()
        .find_map(|key| flat.get(*key))
        .map(text_of)
        .unwrap_or_default()
}

/// An address bar's text without name and password, query and fragment.
fn without_credentials(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url
        .split_once("://")
        .map_or(("", url), |(s, rest)| (s, rest));
    let (host, path) = rest
        .split_once('/')
        .map_or((rest, None), |(h, p)| (h, Some(p)));
    let host = host.rsplit('@').next().unwrap_or_default();
    let scheme = if scheme.is_empty() {
        String::new()
    } else {
        format!("{scheme}://")
    };
    match path {
        Some(path) => format!("{scheme}{host}/{path}"),
        None => format!("{scheme}{host}"),
    }
}

/// Host without brackets, and port; the scheme's own where none is written.
fn host_and_port(url: &str) -> (String, String) {
    let (scheme, rest) = url
        .split_once("://")
        .map_or(("", url), |(s, rest)| (s, rest));
    let by_default = match scheme {
        "https" | "wss" => "443",
        "http" | "ws" => "80",
        _ => "",
    };
    let host = rest.split('/').next().unwrap_or_default();
    if let Some((v6, after)) = host.strip_prefix('[').and_then(|h| h.split_once(']')) {
        let port = after.strip_prefix(':').unwrap_or(by_default);
        return (v6.to_owned(), port.to_owned());
    }
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => {
            (name.to_owned(), port.to_owned())
        }
        _ => (host.to_owned(), by_default.to_owned()),
    }
}

/// What is left, as one JSON object, sorted by name; secrets and copies of them are dropped.
fn push_extra(flat: &Flat, format: Format, json: &mut String, dropped: &mut BTreeSet<String>) {
    let always: &[&str] = match format {
        Format::Nuclei => NUCLEI_DROPPED,
        _ => INTELMQ_DROPPED,
    };
    for (key, value) in flat {
        let is_always = always.iter().any(|name| {
            key.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if is_always || has_secret_word(key) || holds_secret(value) {
            if dropped.len() < MAX_KEYS && key.len() <= MAX_KEY_BYTES && !dropped.contains(key) {
                dropped.insert(key.clone());
            }
            continue;
        }
        json.push(if json.is_empty() { '{' } else { ',' });
        push_json(key, json);
        json.push(':');
        match value {
            Value::String(text) => push_json(text, json),
            other => json.push_str(&other.to_string()),
        }
    }
    if !json.is_empty() {
        json.push('}');
    }
}

/// Objects inside lists keep their names: does one of them warn?
fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(fields) => fields
            .iter()
            .any(|(key, value)| has_secret_word(key) || holds_secret(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_what_may_be_secret() {
        for (url, want, host, port) in [
            (
                "https://jan:geheim@www.voorbeeld.example/a?key=x#y",
                "https://www.voorbeeld.example/a",
                "www.voorbeeld.example",
                "443",
            ),
            (
                "http://[2001:db8::1]:8080/",
                "http://[2001:db8::1]:8080/",
                "2001:db8::1",
                "8080",
            ),
            ("192.0.2.1:22", "192.0.2.1:22", "192.0.2.1", "22"),
            (
                "voorbeeld.example",
                "voorbeeld.example",
                "voorbeeld.example",
                "",
            ),
        ] {
            assert_eq!(without_credentials(url), want);
            assert_eq!(
                host_and_port(want),
                (host.to_owned(), port.to_owned()),
                "{url}"
            );
        }
    }
}
