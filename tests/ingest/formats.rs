//! Feeds other than Shadowserver: lists, leaked accounts, IntelMQ, nuclei.

use arrow::array::{AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Schema, TimestampMicrosecondType};
use nachtwacht::diag::{Kind, RejectReason};
use nachtwacht::ingest::{self, Format, Ingested, Settings, Source};
use nachtwacht::model::identity::Secret;

use super::{assert_sums, cves, extra, port, settings, text, texts};

fn read(name: &str, bytes: &[u8], report: Option<&str>) -> Ingested {
    let source = Source {
        name,
        report,
        snapshot_date: Some(jiff::civil::date(2026, 3, 13)),
        ..Source::default()
    };
    let ingested = ingest::read(bytes, &source, &settings()).unwrap();
    assert_sums(&ingested);
    ingested
}

fn seen(batch: &RecordBatch, row: usize) -> String {
    let times = batch.column_by_name("observed_at").unwrap();
    let micros = times.as_primitive::<TimestampMicrosecondType>().value(row);
    jiff::Timestamp::from_microsecond(micros)
        .unwrap()
        .to_string()
}

/// One subject, as partners write it: what is read from it.
#[test]
fn a_list_is_read_in_every_common_form() {
    let some = |text: &str| Some(text.to_owned());
    // The file; address, name, port, first CVE, product, time of its only row.
    type Want<'a> = (&'a str, &'a str, Option<u16>, &'a str, &'a str, &'a str);
    let cases: &[(&str, Want<'_>)] = &[
        (
            "ip\n192.0.2.1\n",
            ("192.0.2.1", "", None, "", "", "2026-03-13T00:00:00Z"),
        ),
        (
            "192.0.2.1\n",
            ("192.0.2.1", "", None, "", "", "2026-03-13T00:00:00Z"),
        ),
        (
            "# from a partner\n2001:db8::1\n",
            ("2001:db8::1", "", None, "", "", "2026-03-13T00:00:00Z"),
        ),
        (
            "www.voorbeeld.example\n",
            (
                "",
                "www.voorbeeld.example",
                None,
                "",
                "",
                "2026-03-13T00:00:00Z",
            ),
        ),
        (
            "\u{feff}IP-adres;Poort;Kwetsbaarheid;Datum\n192.0.2.1;443;cve-2024-21762;2026-03-12\n",
            (
                "192.0.2.1",
                "",
                Some(443),
                "CVE-2024-21762",
                "",
                "2026-03-12T00:00:00Z",
            ),
        ),
        (
            "host\tproduct\ttime\nhttps://vpn.voorbeeld.example:10443/x\tFortiGate\t2026-03-12 10:00:00\n",
            (
                "",
                "vpn.voorbeeld.example",
                None,
                "",
                "FortiGate",
                "2026-03-12T10:00:00Z",
            ),
        ),
        (
            "host,port\n192.0.2.1:8443,8443\n",
            ("192.0.2.1", "", Some(8443), "", "", "2026-03-13T00:00:00Z"),
        ),
        (
            "domain,cve,timestamp\nvoorbeeld.example,\"CVE-2021-44228, CVE-2021-45046\",2026-03-12T10:00:00+01:00\n",
            (
                "",
                "voorbeeld.example",
                None,
                "CVE-2021-44228",
                "",
                "2026-03-12T09:00:00Z",
            ),
        ),
        (
            "ip,hostname,observed_at\n192.0.2.1,a.example,\n",
            (
                "192.0.2.1",
                "a.example",
                None,
                "",
                "",
                "2026-03-13T00:00:00Z",
            ),
        ),
    ];
    for (file, (ip, name, want_port, cve, product, time)) in cases {
        let ingested = read("2026-03-13-partner.csv", file.as_bytes(), Some("vpn_flaw"));
        assert_eq!(ingested.format, Format::List, "{file}");
        assert_eq!(ingested.rejects, [], "{file}");
        let batch = &ingested.batch;
        assert_eq!(batch.num_rows(), 1, "{file}");
        let or = |text: &str| if text.is_empty() { None } else { some(text) };
        assert_eq!(text(batch, "ip", 0), or(ip), "{file}");
        assert_eq!(text(batch, "hostname", 0), or(name), "{file}");
        assert_eq!(port(batch, 0), *want_port, "{file}");
        assert_eq!(
            cves(batch, 0).first().map_or("", |c| c.as_str()),
            *cve,
            "{file}"
        );
        assert_eq!(text(batch, "product", 0), or(product), "{file}");
        assert_eq!(seen(batch, 0), *time, "{file}");
        assert_eq!(text(batch, "report", 0), some("vpn_flaw"), "{file}");
        assert_eq!(
            text(batch, "classification_type", 0),
            None,
            "nobody said so: {file}"
        );
    }
}

#[test]
fn a_list_keeps_unknown_columns_and_drops_secrets() {
    let ingested = read(
        "2026-03-13-partner.csv",
        b"ip,note,vpn_password,user\n192.0.2.1,hallo,geheim,jan\n192.0.2.300,x,y,z\nhttp://,x,y,z\n",
        None,
    );
    assert_eq!(ingested.report, "partner");
    assert_eq!(ingested.unknown_columns, ["note"]);
    assert_eq!(ingested.dropped_columns, ["user", "vpn_password"]);
    assert_eq!(extra(&ingested.batch, 0)["note"], "hallo");
    let why: Vec<RejectReason> = ingested.rejects.iter().map(|r| r.why).collect();
    assert_eq!(why, [RejectReason::BadAddress, RejectReason::BadAddress]);
    let shown = format!("{ingested:?}");
    assert!(
        !shown.contains("geheim") && !shown.contains("\"jan\""),
        "{shown}"
    );
}

#[test]
fn a_list_may_be_parquet() {
    let text =
        |values: &[Option<&str>]| std::sync::Arc::new(StringArray::from(values.to_vec())) as _;
    let ports: arrow::array::ArrayRef =
        std::sync::Arc::new(arrow::array::Int64Array::from(vec![443, 70000, 80]));
    let times: arrow::array::ArrayRef = std::sync::Arc::new(
        arrow::array::TimestampMillisecondArray::from(vec![Some(1_773_396_000_000), Some(0), None])
            .with_timezone("UTC"),
    );
    let batch = RecordBatch::try_from_iter([
        ("IP", text(&[Some("192.0.2.1"), Some("192.0.2.2"), None])),
        ("port", ports),
        ("hostname", text(&[None, None, Some("a.example")])),
        ("time", times),
    ])
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let ingested = read("partner.parquet", &bytes, Some("vpn_flaw"));
    assert_eq!((ingested.format, ingested.read), (Format::List, 3));
    assert_eq!(seen(&ingested.batch, 0), "2026-03-13T10:00:00Z");
    assert_eq!(
        super::text(&ingested.batch, "hostname", 1).as_deref(),
        Some("a.example")
    );
    assert_eq!(ingested.rejects[0].why, RejectReason::BadPort);
    // What this program wrote itself can be read back.
    let again = read(
        "again.parquet",
        &ingest::to_parquet(&ingested).unwrap(),
        Some("vpn_flaw"),
    );
    assert_eq!(again.rejects, []);
    for name in ["ip", "ip_v4", "hostname", "port", "observed_at", "cve"] {
        assert_eq!(
            again.batch.column_by_name(name),
            ingested.batch.column_by_name(name),
            "{name}"
        );
    }
    // A cut file, and an empty table.
    let source = Source {
        name: "cut.parquet",
        report: Some("x"),
        snapshot_date: Some(jiff::civil::date(2026, 3, 13)),
        ..Source::default()
    };
    let failure = ingest::read(&bytes[..bytes.len() - 9], &source, &settings()).unwrap_err();
    assert_eq!(failure.kind, Kind::FixData);
    let empty = RecordBatch::new_empty(std::sync::Arc::new(Schema::empty()));
    assert_eq!(empty.num_rows(), 0);
}

fn parquet_of(batch: &RecordBatch) -> Vec<u8> {
    let zstd = parquet::basic::Compression::ZSTD(parquet::basic::ZstdLevel::default());
    let properties = parquet::file::properties::WriterProperties::builder().set_compression(zstd);
    let properties = Some(properties.build());
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), properties).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// What a small Parquet file unpacks to is held against the limits of a text.
#[test]
fn a_parquet_list_may_not_unpack_to_more_than_a_text() {
    let refused = |batch: &RecordBatch, max_bytes| {
        let bytes = parquet_of(batch);
        assert!(bytes.len() < 1 << 19, "{}", bytes.len());
        let source = Source {
            name: "partner.parquet",
            report: Some("x"),
            snapshot_date: Some(jiff::civil::date(2026, 3, 13)),
            ..Source::default()
        };
        let limits = Settings {
            max_bytes,
            ..settings()
        };
        ingest::read(&bytes, &source, &limits)
    };
    // One text that stands in many rows.
    let note = "x".repeat(10_000);
    let many = |column: &'static str, text: &str, n_rows: usize| {
        let texts = StringArray::from(vec![text; n_rows]);
        (column, std::sync::Arc::new(texts) as arrow::array::ArrayRef)
    };
    let batch =
        RecordBatch::try_from_iter([many("ip", "192.0.2.1", 1_000), many("note", &note, 1_000)])
            .unwrap();
    assert_eq!(refused(&batch, 1 << 24).unwrap().read, 1_000);
    let failure = refused(&batch, 1 << 20).unwrap_err();
    assert_eq!(failure.kind, Kind::FixData, "{failure}");
    assert!(
        failure.to_string().contains("more than 1048576 bytes"),
        "{failure}"
    );
    // One row that is longer than a line may be.
    let note = "x".repeat((32 << 20) + 1);
    let batch =
        RecordBatch::try_from_iter([many("ip", "192.0.2.1", 1), many("note", &note, 1)]).unwrap();
    let failure = refused(&batch, 1 << 30).unwrap_err();
    assert_eq!(failure.kind, Kind::FixData, "{failure}");
    assert!(failure.to_string().contains("at most 32 MiB"), "{failure}");
}

/// The name of an object stands in those of all its members: few bytes could become many.
#[test]
fn an_event_may_not_multiply_its_names() {
    let members: Vec<String> = (0..1_000).map(|i| format!("\"{i}\":1")).collect();
    let line = |name_bytes: usize| {
        format!(
            "{{\"time.source\":\"2026-03-13T10:00:00Z\",\"source.ip\":\"192.0.2.1\",\"{}\":{{{}}}}}\n",
            "k".repeat(name_bytes),
            members.join(",")
        )
    };
    let text = line(20) + &line(5_000);
    let ingested = read("events.jsonl", text.as_bytes(), Some("vpn_flaw"));
    assert_eq!((ingested.read, ingested.batch.num_rows()), (2, 1));
    let reject = &ingested.rejects[0];
    assert_eq!((reject.row, reject.why), (1, RejectReason::BadJson));
}

#[test]
fn of_leaked_accounts_the_secret_never_passes_the_door() {
    let secret = "G3h31m!wachtwoord";
    let hash = hex::encode(Secret::new(b"test key").hmac(b"jan@voorbeeld.example"));
    let cases = [
        (
            format!("email,password\nJan@Voorbeeld.example,{secret}\n"),
            0,
        ),
        (
            format!("account;domain;wachtwoord\njan;voorbeeld.example;{secret}\n"),
            0,
        ),
        (format!("jan@voorbeeld.example:{secret}\nx{secret}\n"), 1),
        (
            format!("https://portaal.example/login:jan@voorbeeld.example:{secret}\n"),
            0,
        ),
        (format!("jan@voorbeeld.example;{secret}\n"), 0),
        (
            format!(
                "username,domain,date,note\njan@voorbeeld.example,,2026-03-12,{secret}\njan,,2026-03-12,{secret}\na@b@{secret},,{secret},\n"
            ),
            2,
        ),
        (
            format!(
                "email,password\njan@voorbeeld.example,{secret},{secret}\njan@voorbeeld.example,{secret}\n"
            ),
            1,
        ),
    ];
    for (file, n_rejects) in cases {
        let ingested = read(
            "2026-03-13-leak.csv",
            file.as_bytes(),
            Some("leaked_credentials"),
        );
        assert_eq!(ingested.format, Format::Accounts, "{file}");
        assert_eq!(
            texts(&ingested.batch, "account_hash"),
            [Some(hash.clone())],
            "{file}"
        );
        assert_eq!(
            texts(&ingested.batch, "account_domain"),
            [Some("voorbeeld.example".into())],
            "{file}"
        );
        assert_eq!(
            text(&ingested.batch, "classification_type", 0).as_deref(),
            Some("data-leak")
        );
        assert_eq!(ingested.rejects.len(), n_rejects, "{file}");
        assert!(
            ingested.rejects.iter().all(|r| r.found.is_empty()),
            "not even its shape: {file}"
        );
        let parquet = ingest::to_parquet(&ingested).unwrap();
        let shown = format!("{ingested:?}");
        for word in [secret, "jan", "Jan"] {
            assert!(!shown.contains(word), "{word} in {shown}");
            assert!(
                !parquet.windows(word.len()).any(|w| w == word.as_bytes()),
                "{word}: {file}"
            );
        }
    }
    let keyless = Settings {
        account_key: None,
        ..settings()
    };
    let source = Source {
        name: "leak.csv",
        report: Some("leak"),
        snapshot_date: Some(jiff::civil::date(2026, 3, 13)),
        ..Source::default()
    };
    let failure = ingest::read(b"jan@voorbeeld.example:geheim\n", &source, &keyless).unwrap_err();
    assert_eq!(failure.kind, Kind::FixJob);
    assert!(!failure.to_string().contains("geheim"), "{failure}");
}

#[test]
fn events_of_intelmq_are_read() {
    let file = concat!(
        r#"{"feed.name":"Open RDP","source.ip":"192.0.2.7","source.port":3389,"source.asn":64496,"source.reverse_dns":"a.example","protocol.transport":"tcp","classification.taxonomy":"vulnerable","classification.type":"vulnerable-system","classification.identifier":"open-rdp","time.source":"2026-03-12T01:02:03+00:00","time.observation":"2026-03-13T00:00:00+00:00","tlp":"amber","extra.tag":"rdp;cve-2019-0708","extra.password":"geheim","raw":"Z2VoZWlt","malware.name":"x"}"#,
        "\n",
        "\n",
        r#"{"source":{"fqdn":"www.voorbeeld.example","url":"http://www.voorbeeld.example/x"},"time":{"observation":"2026-03-13T00:00:00Z"},"classification":{"type":"phishing"},"brand_new":[{"token":"geheim"}],"nog":1}"#,
        "\n",
        "[]\n",
        r#"{"source.ip":"192.0.2.8"}"#,
        "\n",
        r#"{"source.account":"Jan@voorbeeld.example","time.source":"2026-03-12T01:02:03Z","destination.account":"geheim"}"#,
        "\n",
    );
    let ingested = read("2026-03-13-intelmq.jsonl", file.as_bytes(), None);
    assert_eq!((ingested.format, ingested.read), (Format::IntelMq, 5));
    let batch = &ingested.batch;
    assert_eq!(text(batch, "ip", 0).as_deref(), Some("192.0.2.7"));
    assert_eq!(port(batch, 0), Some(3389));
    assert_eq!(seen(batch, 0), "2026-03-12T01:02:03Z");
    assert_eq!(text(batch, "hostname", 0).as_deref(), Some("a.example"));
    assert_eq!(text(batch, "hostname_source", 0).as_deref(), Some("ptr"));
    assert_eq!(text(batch, "tlp", 0).as_deref(), Some("TLP:AMBER"));
    assert_eq!(
        text(batch, "tag", 0).as_deref(),
        Some("open-rdp;x;rdp;cve-2019-0708")
    );
    assert_eq!(cves(batch, 0), ["CVE-2019-0708"]);
    assert_eq!(
        text(batch, "classification_type", 0).as_deref(),
        Some("vulnerable-system")
    );
    assert_eq!(extra(batch, 0)["feed.name"], "Open RDP");
    // Rows without address come last, by name.
    assert_eq!(
        text(batch, "account_domain", 1).as_deref(),
        Some("voorbeeld.example")
    );
    assert_eq!(
        text(batch, "hostname", 2).as_deref(),
        Some("www.voorbeeld.example")
    );
    assert_eq!(
        text(batch, "hostname_source", 2).as_deref(),
        Some("forward_dns")
    );
    assert_eq!(extra(batch, 2)["nog"], 1);
    assert_eq!(ingested.unknown_columns, ["brand_new", "nog"]);
    let why: Vec<(u64, RejectReason)> = ingested.rejects.iter().map(|r| (r.row, r.why)).collect();
    assert_eq!(
        why,
        [(2, RejectReason::BadJson), (3, RejectReason::BadTime)]
    );
    let shown = format!("{batch:?}");
    for secret in ["geheim", "Z2VoZWlt", "Jan", "jan@"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    let cut = &file.as_bytes()[..file.len() - 5];
    let source = Source {
        name: "2026-03-13-intelmq.jsonl",
        ..Source::default()
    };
    let failure = ingest::read(cut, &source, &settings()).unwrap_err();
    assert!(failure.to_string().contains("breaks off"), "{failure}");
}

#[test]
fn results_of_nuclei_are_read() {
    let file = concat!(
        r#"{"template":"http/cves/2024/CVE-2024-21762.yaml","template-id":"CVE-2024-21762","info":{"name":"Fortinet","severity":"critical","tags":["cve","fortinet"],"classification":{"cve-id":["cve-2024-21762"]},"metadata":{"vendor":"fortinet","product":"fortios"}},"type":"http","host":"https://vpn.voorbeeld.example:10443","matched-at":"https://jan:geheim@vpn.voorbeeld.example:10443/remote?token=geheim","ip":"192.0.2.9","timestamp":"2026-03-12T10:00:00.123456789+01:00","curl-command":"curl geheim","request":"geheim","response":"geheim","extracted-results":["geheim"],"matcher-status":true}"#,
        "\n",
        r#"{"template-id":"tech-detect","info":{"severity":"unknown"},"host":"192.0.2.10","port":"22","type":"network","timestamp":"2026-03-12T10:00:00Z"}"#,
        "\n",
        r#"{"template-id":"x","info":{"severity":"high"},"host":"192.0.2.11","timestamp":"2026-03-12T10:00:00Z","matcher-status":false}"#,
        "\n",
    );
    let ingested = read("2026-03-13-nuclei.jsonl", file.as_bytes(), None);
    assert_eq!((ingested.format, ingested.read), (Format::Nuclei, 3));
    let batch = &ingested.batch;
    assert_eq!(text(batch, "ip", 0).as_deref(), Some("192.0.2.9"));
    assert_eq!(port(batch, 0), Some(10443));
    assert_eq!(
        text(batch, "hostname", 0).as_deref(),
        Some("vpn.voorbeeld.example")
    );
    assert_eq!(
        text(batch, "hostname_source", 0).as_deref(),
        Some("scan_target")
    );
    assert_eq!(cves(batch, 0), ["CVE-2024-21762"]);
    assert_eq!(
        text(batch, "tag", 0).as_deref(),
        Some("CVE-2024-21762;cve;fortinet")
    );
    assert_eq!(text(batch, "product", 0).as_deref(), Some("fortios"));
    assert_eq!(text(batch, "severity", 0).as_deref(), Some("critical"));
    assert_eq!(
        text(batch, "classification_type", 0).as_deref(),
        Some("vulnerable-system")
    );
    assert_eq!(seen(batch, 0), "2026-03-12T09:00:00.123456Z");
    assert_eq!(
        (text(batch, "ip", 1).as_deref(), port(batch, 1)),
        (Some("192.0.2.10"), Some(22))
    );
    assert_eq!(text(batch, "severity", 1), None);
    assert_eq!(ingested.rejects[0].why, RejectReason::NotAFinding);
    assert!(!format!("{batch:?}").contains("geheim"));
}

#[test]
fn what_no_rule_knows_is_refused_by_name() {
    let cases: &[(&[u8], Option<Format>, &str)] = &[
        (b"", None, "empty"),
        (b"a,b\n1,2\n", None, "of no known format"),
        (b"hallo wereld\n", None, "of no known format"),
        (b"{\"a\":1}\n", None, "JSON of no known kind"),
        (b"{\"a\":\n", None, "no whole object"),
        (
            b"[{\"template-id\":\"x\",\"host\":\"y\"}]",
            None,
            "one JSON array",
        ),
        (b"%PDF-1.7", None, "a PDF"),
        (b"\x28\xb5\x2f\xfd", None, "a zstd file"),
        (
            b"ip\n",
            Some(Format::Nuclei),
            "does not begin with a JSON object",
        ),
        (b"{\"source.ip\":1}", Some(Format::List), "is JSON"),
        (b"a,b\n", Some(Format::List), "column is missing"),
        (b"ip,ip\n", Some(Format::List), "more than once"),
    ];
    for (bytes, format, message) in cases {
        let source = Source {
            name: "partner.dat",
            report: Some("vpn_flaw"),
            snapshot_date: Some(jiff::civil::date(2026, 3, 13)),
            format: *format,
        };
        let failure = ingest::read(bytes, &source, &settings()).unwrap_err();
        let text = failure.to_string();
        assert_eq!(failure.kind, Kind::FixData, "{text}");
        assert!(
            text.starts_with("partner.dat") && text.contains(message),
            "{text}"
        );
        assert!(
            failure.problems.iter().all(|p| p.hint.is_some()),
            "says what to do next: {text}"
        );
    }
}
