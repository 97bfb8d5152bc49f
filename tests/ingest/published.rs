//! Every sample and every published layout of the feed.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{TimestampMicrosecondType, UInt32Type, UInt64Type};
use nachtwacht::ingest::{self, Subject};
use serde_json::Value;

use super::{cves, extra, port, read_as, row_of, text};
use crate::harness::shared;

const SAMPLES: &[&str] = &[
    "compromised_website",
    "event4_sinkhole_http",
    "event6_sinkhole_http",
    "scan_exchange",
    "scan_http_vulnerable",
    "scan_rdp",
    "scan_smb",
    "scan_ssl",
];

/// What another program reads from the same files. Where we mean something else it is said here.
#[test]
fn samples_agree_with_another_reader() {
    let Some(expected) = shared("shadowserver/samples-expected.json") else {
        return;
    };
    let expected: Value = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
    let mut n_compared = 0;
    for report in SAMPLES {
        let file = format!("shadowserver/samples/{report}.csv");
        let bytes = std::fs::read(shared(&file).unwrap()).unwrap();
        let ingested = read_as(&format!("{report}.csv"), &bytes).unwrap();
        assert_eq!(
            ingested.rejects,
            [],
            "{report}: every sample row is readable"
        );
        assert_eq!(ingested.unknown_columns, Vec::<String>::new(), "{report}");
        let sample = &expected[format!("{report}.csv")];
        for event in sample["expected"].as_array().unwrap() {
            let line = event["line"].as_u64().unwrap();
            let row = row_of(&ingested.batch, line - 2).unwrap();
            compare(report, &ingested.batch, row, &event["event"]);
            n_compared += 1;
        }
    }
    assert!(n_compared >= 20, "only {n_compared} events were compared");
}

fn compare(report: &str, batch: &RecordBatch, row: usize, event: &Value) {
    let want = |key: &str| {
        event
            .get(key)
            .map(|v| v.as_str().map_or(v.to_string(), str::to_owned))
    };
    let at = |column: &str| text(batch, column, row);
    let label = format!("{report}, {event}");
    assert_eq!(at("ip"), want("source.ip"), "{label}");
    assert_eq!(
        port(batch, row).map(|p| p.to_string()),
        want("source.port"),
        "{label}"
    );
    let asn = batch.column_by_name("asn").unwrap();
    let asn = asn.as_primitive::<UInt32Type>();
    assert_eq!(
        asn.is_valid(row).then(|| asn.value(row).to_string()),
        want("source.asn"),
        "{label}"
    );
    let seen = batch.column_by_name("observed_at").unwrap();
    let seen = seen.as_primitive::<TimestampMicrosecondType>().value(row);
    let seen = jiff::Timestamp::from_microsecond(seen).unwrap().to_string();
    assert_eq!(
        Some(seen.replace('Z', "+00:00")),
        want("time.source"),
        "{label}"
    );
    // A website's own name is better evidence than reverse DNS; for the rest they have one.
    let name = want("source.fqdn").or(want("source.reverse_dns"));
    assert_eq!(at("hostname"), name, "{label}");
    if let Some(transport) = want("protocol.transport") {
        assert_eq!(at("protocol"), Some(transport), "{label}");
    }
    assert_eq!(
        at("classification_taxonomy"),
        want("classification.taxonomy"),
        "{label}"
    );
    let mut kind = want("classification.type");
    if report == "scan_exchange" && kind.as_deref() == Some("infected-system") {
        // RSIT has no `infected-system` in the class `vulnerable`: a hole is not an infection.
        kind = Some("vulnerable-system".into());
    }
    assert_eq!(at("classification_type"), kind, "{label}");
    if let Some(tag) = want("extra.tag") {
        assert_eq!(at("tag"), Some(tag.replace(',', ";")), "{label}");
    }
    if let Some(version) = want("extra.version") {
        assert_eq!(at("version"), Some(version), "{label}");
    }
    let ours = extra(batch, row);
    for (key, value) in event.as_object().unwrap() {
        let Some(name) = key.strip_prefix("extra.") else {
            continue;
        };
        let Some(text) = value.as_str() else {
            continue;
        };
        if let Some(kept) = ours.get(name)
            && !name.ends_with("_date")
            // Their copy of the backslashes of a doubly quoted cell differs.
            && name != "www_authenticate"
        {
            assert_eq!(kept.as_str().unwrap(), text, "{name}: {label}");
        }
    }
}

#[test]
fn the_samples_cves_and_products_are_found() {
    let Some(path) = shared("shadowserver/samples/scan_exchange.csv") else {
        return;
    };
    let exchange = read_as("scan_exchange.csv", &std::fs::read(path).unwrap()).unwrap();
    let row = row_of(&exchange.batch, 0).unwrap();
    assert_eq!(cves(&exchange.batch, row), ["CVE-2021-26855"]);
    assert_eq!(
        text(&exchange.batch, "severity", row).as_deref(),
        Some("critical")
    );
    let row = row_of(&exchange.batch, 1).unwrap();
    assert_eq!(cves(&exchange.batch, row), [""; 0]);
    let path = shared("shadowserver/samples/scan_http_vulnerable.csv").unwrap();
    let http = read_as("scan_http_vulnerable.csv", &std::fs::read(path).unwrap()).unwrap();
    assert_eq!(
        text(&http.batch, "product", 0).as_deref(),
        Some("TwistedWeb")
    );
    assert_eq!(text(&http.batch, "version", 0).as_deref(), Some("19.7.0"));
    assert_eq!(extra(&http.batch, 0)["server"], "TwistedWeb/19.7.0");
}

/// A file of two rows for every published report type, from its own list of columns.
#[test]
fn every_published_report_is_read() {
    let Some(path) = shared("shadowserver/schema/reports.json") else {
        return;
    };
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let schema = schema.as_object().unwrap();
    assert_eq!(schema.len(), 170);
    for (report, facts) in schema {
        let fields: Vec<&str> = facts["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f.as_str().unwrap())
            .collect();
        let csv = two_rows(&fields);
        let ingested = read_as(&format!("2026-03-01-{report}-all-nl.csv"), csv.as_bytes())
            .unwrap_or_else(|e| panic!("{report}: {e}"));
        assert_eq!(ingested.rejects, [], "{report}");
        assert_eq!(ingested.batch.num_rows(), 2, "{report}");
        assert_eq!(ingested.unknown_columns, Vec::<String>::new(), "{report}");
        assert_eq!(&ingested.report, report);
        for row in 0..2 {
            assert_subject(report, &ingested.batch, row, &fields);
        }
        if let Some(taxonomy) = facts["classification.taxonomy"].as_str() {
            assert_eq!(
                text(&ingested.batch, "classification_taxonomy", 0).as_deref(),
                Some(taxonomy),
                "{report}"
            );
        }
        // A column that nobody knows, in front of all others, changes nothing but `extra`.
        let wider: String = csv
            .lines()
            .enumerate()
            .map(|(i, line)| format!("{},{line}\n", if i == 0 { "brand_new" } else { "x" }))
            .collect();
        let wider = read_as(&format!("2026-03-01-{report}-all-nl.csv"), wider.as_bytes()).unwrap();
        assert_eq!(wider.unknown_columns, ["brand_new"], "{report}");
        let but_extra = |b: &RecordBatch| b.project(&(0..26).collect::<Vec<_>>()).unwrap();
        assert_eq!(
            but_extra(&wider.batch),
            but_extra(&ingested.batch),
            "{report}"
        );
    }
}

/// Two rows with a value of the right form in every column; the second in IPv6.
pub fn two_rows(fields: &[&str]) -> String {
    let cell = |field: &str, row: usize| -> String {
        match field {
            "timestamp" => format!("2026-03-01 02:15:0{row}"),
            "severity" => "high".into(),
            "email" | "username" => format!("Iemand{row}@Voorbeeld.example"),
            "website" | "url" => format!("https://www{row}.voorbeeld.example:8443/a?b=c"),
            "http_host" | "hostname" | "src_hostname" | "dst_hostname" | "request" => {
                format!("www{row}.voorbeeld.example")
            }
            "tag" => "iets;cve-2021-1234".into(),
            "ip" | "src_ip" | "http_referer_ip" => ["192.0.2.1", "2001:db8::1"][row].into(),
            "dst_ip" => ["198.51.100.1", "2001:db8:1::1"][row].into(),
            _ if field.ends_with("port") => "443".into(),
            _ if field.ends_with("asn") => "64496".into(),
            "hostname_source" => "ptr".into(),
            other => format!("\"{other}, \"\"{row}\"\"\""),
        }
    };
    let mut csv = fields.join(",") + "\n";
    for row in 0..2 {
        let cells: Vec<String> = fields.iter().map(|field| cell(field, row)).collect();
        csv += &(cells.join(",") + "\n");
    }
    csv
}

fn assert_subject(report: &str, batch: &RecordBatch, row: usize, fields: &[&str]) {
    let subject = ingest::report_type(report).unwrap().subject;
    let ip = text(batch, "ip", row);
    let want = match subject {
        Subject::Account | Subject::Name => None,
        Subject::Destination => Some(["198.51.100.1", "2001:db8:1::1"][row]),
        _ => Some(["192.0.2.1", "2001:db8::1"][row]),
    };
    assert_eq!(ip.as_deref(), want, "{report}");
    let source_row = batch
        .column_by_name("source_row")
        .unwrap()
        .as_primitive::<UInt64Type>()
        .value(row);
    if subject == Subject::Account {
        assert_eq!(
            text(batch, "account_domain", row).as_deref(),
            Some("voorbeeld.example")
        );
        assert_eq!(text(batch, "account_hash", row).unwrap().len(), 64);
    } else if subject != Subject::Referer {
        let name = format!("www{source_row}.voorbeeld.example");
        let has_name = fields
            .iter()
            .any(|f| f.ends_with("hostname") || *f == "website" || *f == "request");
        assert_eq!(
            text(batch, "hostname", row),
            has_name.then_some(name),
            "{report}"
        );
    }
    assert_eq!(
        text(batch, "severity", row).as_deref(),
        Some("high"),
        "{report}"
    );
    let want: &[&str] = if fields.contains(&"tag") {
        &["CVE-2021-1234"]
    } else {
        &[]
    };
    assert_eq!(cves(batch, row), want, "{report}");
    let kept = extra(batch, row);
    let keys: Vec<&String> = kept.keys().collect();
    assert!(keys.is_sorted(), "{report}");
    for secret in [
        "username",
        "password",
        "email",
        "account",
        "badsecret_secret",
    ] {
        assert!(
            !kept.contains_key(secret),
            "{report}: `{secret}` must not be written"
        );
    }
}
