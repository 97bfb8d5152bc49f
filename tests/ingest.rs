//! Ingest from outside: bytes of a feed in, the table `observations` and rejects out.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{UInt16Type, UInt32Type, UInt64Type};
use nachtwacht::diag::{Failure, Kind, RejectReason};
use nachtwacht::ingest::{self, Ingested, Settings, Source};
use nachtwacht::model::identity::Secret;
use nachtwacht::model::observation::{OBSERVATIONS, SCHEMA_KEY, SCHEMA_VERSION};
use proptest::prelude::*;
use serde_json::Value;

mod contract;
mod delivery;
mod folder;
mod formats;
mod published;
mod runs;

use published::two_rows;

fn settings() -> Settings {
    Settings {
        feed: "shadowserver".into(),
        account_key: Some(Secret::new(b"test key")),
        max_bytes: 1 << 24,
        run_rows: ingest::RUN_ROWS,
    }
}

fn read_as(name: &str, bytes: &[u8]) -> Result<Ingested, Failure> {
    let source = Source {
        name,
        report: None,
        snapshot_date: Some(jiff::civil::date(2026, 3, 1)),
        ..Source::default()
    };
    let ingested = ingest::shadowserver(bytes, &source, &settings())?;
    assert_sums(&ingested);
    Ok(ingested)
}

#[track_caller]
fn assert_sums(ingested: &Ingested) {
    assert_eq!(
        ingested.read,
        ingested.batch.num_rows() as u64 + ingested.rejects.len() as u64,
        "no row may be lost"
    );
    assert_eq!(ingested.batch.schema(), *OBSERVATIONS);
}

fn rdp(csv: &str) -> Ingested {
    read_as("2026-03-01-scan_rdp-test.csv", csv.as_bytes()).unwrap()
}

fn text(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let array = batch.column_by_name(column).unwrap();
    let array = array.as_string::<i32>();
    (!array.is_null(row)).then(|| array.value(row).to_owned())
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    (0..batch.num_rows())
        .map(|row| text(batch, column, row))
        .collect()
}

fn extra(batch: &RecordBatch, row: usize) -> serde_json::Map<String, Value> {
    text(batch, "extra", row).map_or_else(Default::default, |json| {
        serde_json::from_str(&json).unwrap()
    })
}

fn cves(batch: &RecordBatch, row: usize) -> Vec<String> {
    let lists = batch.column_by_name("cve").unwrap().as_list::<i32>();
    if lists.is_null(row) {
        return Vec::new();
    }
    let list = lists.value(row);
    let list = list.as_string::<i32>();
    list.iter().map(|cve| cve.unwrap().to_owned()).collect()
}

fn port(batch: &RecordBatch, row: usize) -> Option<u16> {
    let ports = batch.column_by_name("port").unwrap();
    let ports = ports.as_primitive::<UInt16Type>();
    ports.is_valid(row).then(|| ports.value(row))
}

/// The row in the batch that came from this row of the file.
fn row_of(batch: &RecordBatch, source_row: u64) -> Option<usize> {
    let rows = batch.column_by_name("source_row").unwrap();
    rows.as_primitive::<UInt64Type>()
        .values()
        .iter()
        .position(|row| *row == source_row)
}

#[test]
fn the_report_is_never_guessed() {
    let csv = b"timestamp,ip\n2026-03-01 00:00:00,192.0.2.1\n";
    let read = |name: &str, report: Option<&str>, date: Option<jiff::civil::Date>| {
        let source = Source {
            name,
            report,
            snapshot_date: date,
            ..Source::default()
        };
        ingest::shadowserver(csv, &source, &settings())
    };
    let day = Some(jiff::civil::date(2026, 3, 2));
    assert_eq!(
        read("partner.csv", Some("scan_vnc"), day).unwrap().report,
        "scan_vnc"
    );
    let both = read("2026-03-01-scan_rdp-x.csv", Some("scan_vnc"), day).unwrap();
    assert_eq!(
        (both.report.as_str(), both.snapshot_date),
        ("scan_vnc", jiff::civil::date(2026, 3, 2))
    );
    let by_name = read("2026-03-01-scan_rdp-x.csv", None, None).unwrap();
    assert_eq!(
        (by_name.report.as_str(), by_name.snapshot_date),
        ("scan_rdp", jiff::civil::date(2026, 3, 1))
    );
    // Whoever says the day has said it, whatever the name says.
    let told = read("2026-02-30-scan_rdp-x.csv", None, day).unwrap();
    assert_eq!(
        (told.report.as_str(), told.snapshot_date),
        ("scan_rdp", jiff::civil::date(2026, 3, 2))
    );
    for (name, report, date, message) in [
        ("partner.csv", None, day, "pass `--report"),
        ("partner.csv", Some("scan_rdp"), None, "pass `--date"),
        (
            "partner.csv",
            Some("scan_rpd"),
            day,
            "did you mean `scan_rdp`?",
        ),
        (
            "2026-03-01-scan_unheard_of-x.csv",
            None,
            None,
            "unknown report",
        ),
        (
            "2026-02-30-scan_rdp-x.csv",
            None,
            None,
            "the file name begins with `2026-02-30`, which is no day of the calendar; expected",
        ),
    ] {
        let failure = read(name, report, date).expect_err(name);
        assert_eq!(failure.kind, Kind::FixJob);
        assert!(failure.to_string().contains(message), "{failure}");
    }
}

#[test]
fn rows_that_cannot_be_read_are_set_aside_with_their_reason() {
    let ingested = rdp(concat!(
        "timestamp,ip,port,hostname,asn,severity\n",
        "2026-03-01 00:00:00,192.0.2.1,3389,,64496,high\n",
        "gisteren,192.0.2.1,3389,,64496,high\n",
        ",192.0.2.1\n",
        "2026-03-01 00:00:00,192.0.2.01,3389\n",
        "2026-03-01 00:00:00,[2001:db8::1],3389\n",
        "2026-03-01 00:00:00,fe80::1%eth0,3389\n",
        "2026-03-01 00:00:00,voorbeeld,3389\n",
        "2026-03-01 00:00:00,192.0.2.1,65536\n",
        "2026-03-01 00:00:00,192.0.2.1,1,,viertien\n",
        "2026-03-01 00:00:00,192.0.2.1,1,,,erg\n",
        "2026-03-01 00:00:00,,1\n",
        "2026-03-01 00:00:00,,1,-\n",
        "2026-03-01 00:00:00,192.0.2.1,1,,,low,jan@voorbeeld.example\n",
        "2026-03-01 00:00:00,192.0.2.1,1,,,low,,,\n",
        "\n",
        "2026-03-01 00:00:00,192.0.2.2\n",
    ));
    use RejectReason as R;
    let found: Vec<(u64, &str, R)> = ingested
        .rejects
        .iter()
        .map(|r| (r.row, r.column, r.why))
        .collect();
    assert_eq!(
        found,
        [
            (1, "timestamp", R::BadTime),
            (2, "timestamp", R::BadTime),
            (3, "ip", R::AmbiguousAddress),
            (4, "ip", R::BracketedAddress),
            (5, "ip", R::ZoneId),
            (6, "ip", R::BadAddress),
            (7, "port", R::BadPort),
            (8, "asn", R::BadNumber),
            (9, "severity", R::BadSeverity),
            (10, "", R::NoSubject),
            (11, "hostname", R::BadHostname),
            (12, "", R::WrongFieldCount),
        ]
    );
    assert_eq!(ingested.rejects[11].found, "xxx@xxxxxxxxx.xxxxxxx");
    assert_eq!(ingested.batch.num_rows(), 3);
}

#[test]
fn a_scanned_host_cannot_hide_behind_its_own_bytes() {
    let mut csv = b"timestamp,ip,hostname,banner,tag\n".to_vec();
    csv.extend(b"2026-03-01 00:00:00,192.0.2.1,\xff\xfe.example,\"\x00\xff\r\n=cmd|' /C calc'!A0,\"\"\",rdp\n");
    csv.extend(b"2026-03-01 00:00:00,192.0.2.\xff,x,y,rdp\n");
    let ingested = read_as("scan_rdp.csv", &csv).unwrap();
    assert_eq!(ingested.batch.num_rows(), 1);
    assert_eq!(
        extra(&ingested.batch, 0)["banner"],
        "\u{0}\u{fffd}\r\n=cmd|' /C calc'!A0,\""
    );
    assert_eq!(ingested.rejects[0].why, RejectReason::NotUtf8);
}

#[test]
fn byte_order_mark_line_ends_and_quotes_change_nothing() {
    let plain = "timestamp,ip,port,tag\n2026-03-01 00:00:00,192.0.2.1,3389,rdp\n2026-03-01 00:00:01,192.0.2.2,3389,rdp\n";
    let want = rdp(plain).batch;
    let quoted: String = plain
        .lines()
        .map(|l| format!("\"{}\"\r\n", l.replace(',', "\",\"")))
        .collect();
    for variant in [
        format!("\u{feff}{plain}"),
        plain.replace('\n', "\r\n"),
        quoted,
        plain.replace(',', " , ").to_uppercase(),
    ] {
        let mut batch = rdp(&variant).batch;
        if variant.contains("TIMESTAMP") {
            // Header names are case-blind; tags are kept as delivered.
            assert_eq!(text(&batch, "tag", 0).as_deref(), Some("RDP"));
            let tag = batch.schema().index_of("tag").unwrap();
            batch.remove_column(tag);
            let mut want = want.clone();
            want.remove_column(tag);
            assert_eq!(batch, want);
        } else {
            assert_eq!(batch, want, "{variant}");
        }
    }
}

#[test]
fn columns_may_come_in_any_order_and_old_ones_may_be_missing() {
    let a = rdp("timestamp,ip,port,tag\n2026-03-01 00:00:00,192.0.2.1,3389,rdp\n");
    let b = rdp("tag,port,timestamp,ip\nrdp,3389,2026-03-01 00:00:00,192.0.2.1\n");
    assert_eq!(a.batch, b.batch);
    assert_eq!(
        a.missing_columns,
        ["asn", "hostname", "protocol", "severity"]
    );
    assert_eq!(
        text(&a.batch, "protocol", 0).as_deref(),
        Some("tcp"),
        "a report of TCP alone"
    );
    assert_eq!(
        text(&a.batch, "severity", 0).as_deref(),
        Some("high"),
        "the report's own"
    );
}

#[test]
fn of_a_leaked_account_only_hash_and_domain_remain() {
    let csv = concat!(
        "timestamp,email,infection,source_url,username,password,detail,pwd_hint,status,tag\n",
        "2026-03-01 00:00:00,Piet.Voorbeeld@MAIL.Voorbeeld.example,stealer,http://x/?u=piet,piet,geheim123,piet:geheim123,hond,open,leak\n",
        "2026-03-01 00:00:00,piet.voorbeeld@mail.voorbeeld.example,,,,,,,,\n",
        "2026-03-01 00:00:00,,,,klaas@voorbeeld.example,,,,,\n",
        "2026-03-01 00:00:00,,,,klaas,,,,,\n",
        "2026-03-01 00:00:00,x@geheim_domein..example,,,,,,,,\n",
    );
    let ingested = read_as("2026-03-01-compromised_account-nl.csv", csv.as_bytes()).unwrap();
    let hashes = texts(&ingested.batch, "account_hash");
    assert_eq!(hashes[0], hashes[1], "case does not matter");
    let want = Secret::new(b"test key").hmac(b"piet.voorbeeld@mail.voorbeeld.example");
    assert_eq!(hashes[0], Some(hex::encode(want)));
    assert_eq!(
        texts(&ingested.batch, "account_domain"),
        [
            Some("mail.voorbeeld.example".into()),
            Some("mail.voorbeeld.example".into()),
            Some("voorbeeld.example".into())
        ]
    );
    let why: Vec<RejectReason> = ingested.rejects.iter().map(|r| r.why).collect();
    assert_eq!(why, [RejectReason::NoSubject, RejectReason::BadEmail]);
    let parquet = ingest::to_parquet(&ingested).unwrap();
    let debug = format!("{:?} {:?}", ingested.batch, ingested.rejects);
    for secret in ["iet", "geheim", "klaas", "hond", "http://x"] {
        assert!(
            !debug.to_lowercase().contains(secret),
            "{secret} in {debug}"
        );
        assert!(
            !parquet
                .windows(secret.len())
                .any(|w| w == secret.as_bytes()),
            "{secret}"
        );
    }
    assert_eq!(
        ingested.dropped_columns,
        [
            "detail",
            "email",
            "password",
            "pwd_hint",
            "source_url",
            "username"
        ]
    );
    let keyless = Settings {
        account_key: None,
        ..settings()
    };
    let source = Source {
        name: "2026-03-01-compromised_account-nl.csv",
        ..Source::default()
    };
    let failure = ingest::shadowserver(csv.as_bytes(), &source, &keyless).unwrap_err();
    assert_eq!(failure.kind, Kind::FixJob);
}

#[test]
fn the_owner_who_can_act_is_the_subject_of_an_event() {
    let csv = "timestamp,src_ip,src_port,src_asn,src_hostname,dst_ip,dst_port,dst_asn,dst_hostname,tag,version,vulnerability_id,infection\n\
        2026-03-01 00:00:00,192.0.2.1,1111,64496,a.example,198.51.100.1,80,64497,b.example,cve-2021-44228,3,CVE-2021-44228,mirai\n";
    let read = |report: &str| {
        read_as(&format!("2026-03-01-{report}-nl.csv"), csv.as_bytes())
            .unwrap()
            .batch
    };
    let infected = read("event4_honeypot_http_scan");
    assert_eq!(text(&infected, "ip", 0).as_deref(), Some("192.0.2.1"));
    assert_eq!(port(&infected, 0), Some(1111));
    assert_eq!(text(&infected, "hostname", 0).as_deref(), Some("a.example"));
    assert_eq!(
        text(&infected, "hostname_source", 0).as_deref(),
        Some("ptr")
    );
    assert_eq!(
        cves(&infected, 0),
        ["CVE-2021-44228"],
        "what it attacked with: `decide` knows that it is no hole of its own"
    );
    assert_eq!(text(&infected, "version", 0), None);
    assert_eq!(extra(&infected, 0)["vulnerability_id"], "CVE-2021-44228");
    assert_eq!(extra(&infected, 0)["dst_ip"], "198.51.100.1");
    let attacked = read("event4_honeypot_ddos_target");
    assert_eq!(text(&attacked, "ip", 0).as_deref(), Some("198.51.100.1"));
    assert_eq!(text(&attacked, "hostname", 0).as_deref(), Some("b.example"));
}

#[test]
fn a_website_is_known_by_the_name_that_was_asked_for() {
    let csv = "timestamp,ip,hostname,http_host\n\
        2026-03-01 00:00:00,192.0.2.1,ptr.example,www.voorbeeld.example:8080\n\
        2026-03-01 00:00:00,192.0.2.2,ptr.example,\n\
        2026-03-01 00:00:00,192.0.2.3,ptr.example,192.0.2.3:80\n";
    let batch = read_as("2026-03-01-compromised_website-nl.csv", csv.as_bytes())
        .unwrap()
        .batch;
    let name = |n: &str| Some(n.to_owned());
    assert_eq!(
        texts(&batch, "hostname"),
        [
            name("www.voorbeeld.example"),
            name("ptr.example"),
            name("ptr.example")
        ]
    );
    assert_eq!(
        texts(&batch, "hostname_source"),
        [name("scan_target"), name("ptr"), name("ptr")]
    );
    assert_eq!(extra(&batch, 0)["hostname"], "ptr.example");
}

#[test]
fn rows_are_sorted_by_number_then_name() {
    let ips = [
        "2001:db8::2",
        "198.51.100.7",
        "9.9.9.9",
        "::ffff:10.0.0.1",
        "2001:db8::10",
        "9.9.9.9",
    ];
    let mut csv = String::from("timestamp,ip,hostname\n");
    for ip in ips {
        csv += &format!("2026-03-01 00:00:00,{ip},\n");
    }
    csv += "2026-03-01 00:00:00,,b.example\n2026-03-01 00:00:00,,a.example\n";
    let batch = rdp(&csv).batch;
    let rows = batch.column_by_name("source_row").unwrap();
    assert_eq!(
        rows.as_primitive::<UInt64Type>().values().as_ref(),
        [2, 5, 3, 1, 0, 4, 7, 6]
    );
    assert_eq!(
        text(&batch, "ip", 2).as_deref(),
        Some("::ffff:10.0.0.1"),
        "as delivered"
    );
    let v4 = batch.column_by_name("ip_v4").unwrap();
    assert_eq!(v4.as_primitive::<UInt32Type>().value(2), 0x0a00_0001);
}

#[test]
fn the_parquet_file_is_the_table_byte_for_byte_the_same_every_time() {
    let csv = two_rows(&["timestamp", "ip", "port", "tag", "banner"]);
    let (a, b) = (rdp(&csv), rdp(&csv));
    let bytes = ingest::to_parquet(&a).unwrap();
    assert_eq!(bytes, ingest::to_parquet(&b).unwrap());
    let bytes = bytes::Bytes::from(bytes);
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let metadata = reader
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .unwrap();
    assert!(
        metadata
            .iter()
            .any(|kv| kv.key == SCHEMA_KEY && kv.value.as_deref() == Some(SCHEMA_VERSION))
    );
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    assert_eq!(batch, a.batch);
    // A day without findings is a file too.
    let empty = rdp("timestamp,ip\n");
    assert_eq!(empty.read, 0);
    assert!(!ingest::to_parquet(&empty).unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in the file: no panic, no row lost, `extra` is JSON, the file can be written.
    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut csv = b"timestamp,ip,port,hostname,banner,tag\n".to_vec();
        csv.extend(&body);
        if let Ok(ingested) = read_as("scan_rdp.csv", &csv) {
            ingest::to_parquet(&ingested).unwrap();
        }
        let _ = read_as("scan_rdp.csv", &body);
    }

    #[test]
    fn any_cells_come_out_as_they_went_in(cells in proptest::collection::vec(".{0,40}", 1..20)) {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["timestamp", "ip", "banner"]).unwrap();
        for (i, cell) in cells.iter().enumerate() {
            csv.write_record(["2026-03-01 00:00:00", &format!("192.0.2.{i}"), cell]).unwrap();
        }
        let csv = csv.into_inner().unwrap();
        let ingested = read_as("scan_rdp.csv", &csv).unwrap();
        prop_assert_eq!(ingested.batch.num_rows(), cells.len());
        for (row, cell) in cells.iter().enumerate() {
            let kept = extra(&ingested.batch, row);
            let kept = kept.get("banner").map_or("", |v| v.as_str().unwrap());
            prop_assert_eq!(kept, cell.trim_matches(|c: char| c.is_ascii_whitespace()));
        }
    }
}
