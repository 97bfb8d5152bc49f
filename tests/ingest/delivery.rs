//! Containers, and what is no report at all.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use arrow::array::RecordBatch;
use nachtwacht::diag::Kind;

use super::published::two_rows;
use super::{rdp, read_as, text, texts};

#[test]
fn a_compressed_report_is_the_same_report() {
    let csv = two_rows(&["timestamp", "ip", "port", "tag"]);
    let plain = rdp(&csv);
    let gz = gzip(csv.as_bytes());
    let name = "2026-03-01-scan_rdp-test.csv";
    let from_gzip = read_as(&format!("{name}.gz"), &gz).unwrap();
    assert_eq!(
        without_object(&from_gzip.batch),
        without_object(&plain.batch)
    );
    // Two gzip members are one file (RFC 1952).
    let (head, tail) = csv.split_at(20);
    let members = [gzip(head.as_bytes()), gzip(tail.as_bytes())].concat();
    assert_eq!(read_as(name, &members).unwrap().batch, plain.batch);
    let from_zip = read_as(name, &zip(&[(name, csv.as_bytes())])).unwrap();
    assert_eq!(
        without_object(&from_zip.batch),
        without_object(&plain.batch)
    );
    assert_eq!(
        text(&from_zip.batch, "source_object", 0).unwrap(),
        format!("{name}!{name}")
    );
}

fn without_object(batch: &RecordBatch) -> RecordBatch {
    let mut batch = batch.clone();
    batch.remove_column(batch.schema().index_of("source_object").unwrap());
    batch
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_zip_of_one_reports_files_is_one_table() {
    let rows = |ip: &str| format!("timestamp,ip\n2026-03-01 00:00:00,{ip}\n");
    let (b, a) = (rows("192.0.2.9"), rows("192.0.2.1"));
    let ingested = read_as(
        "2026-03-01-scan_rdp-nl.zip",
        &zip(&[
            ("2026-03-01-scan_rdp-b.csv", b.as_bytes()),
            ("2026-03-01-scan_rdp-a.csv", a.as_bytes()),
        ]),
    )
    .unwrap();
    assert_eq!(ingested.read, 2);
    assert_eq!(
        texts(&ingested.batch, "source_object"),
        [
            Some("2026-03-01-scan_rdp-nl.zip!2026-03-01-scan_rdp-a.csv".into()),
            Some("2026-03-01-scan_rdp-nl.zip!2026-03-01-scan_rdp-b.csv".into()),
        ]
    );
    let mixed = zip(&[
        ("2026-03-01-scan_rdp-a.csv", a.as_bytes()),
        ("2026-03-01-scan_vnc-a.csv", a.as_bytes()),
    ]);
    refuse(
        "2026-03-01-scan_rdp-nl.zip",
        &mixed,
        Kind::FixData,
        "a file of report `scan_vnc`",
    );
    let foreign = zip(&[("readme.txt", b"hello".as_slice())]);
    refuse(
        "2026-03-01-scan_rdp-nl.zip",
        &foreign,
        Kind::FixData,
        "expected the CSV files",
    );
    // The name stands in each row.
    let long = format!("{}/2026-03-01-scan_rdp-a.csv", "x".repeat(1_000));
    refuse(
        "2026-03-01-scan_rdp-nl.zip",
        &zip(&[(&long, a.as_bytes())]),
        Kind::FixData,
        "a file whose name has 1026 bytes",
    );
    let most = &long[2..];
    let name = "2026-03-01-scan_rdp-nl.zip";
    let ingested = read_as(name, &zip(&[(most, a.as_bytes())])).unwrap();
    assert_eq!(
        texts(&ingested.batch, "source_object"),
        [Some(format!("{name}!{most}"))]
    );
    refuse(
        "2026-03-01-scan_rdp-nl.zip",
        &zip(&[]),
        Kind::FixData,
        "an empty zip",
    );
}

/// A report of at least so many bytes, with lines of the usual length.
fn lines(n_bytes: usize) -> Vec<u8> {
    let line = b"2026-03-01 00:00:00,192.0.2.1,a host chooses what it says of itself\n";
    let mut text = b"timestamp,ip,banner\n".to_vec();
    while text.len() < n_bytes {
        text.extend_from_slice(line);
    }
    text
}

#[track_caller]
fn refuse(name: &str, bytes: &[u8], kind: Kind, message: &str) {
    let failure = read_as(name, bytes).expect_err("must be refused");
    assert_eq!(failure.kind, kind, "{failure}");
    assert!(failure.to_string().contains(message), "{failure}");
    assert!(
        failure.to_string().starts_with(name),
        "names the file: {failure}"
    );
    assert!(
        failure.problems.iter().all(|p| p.hint.is_some()),
        "says what to do next: {failure}"
    );
}

#[test]
fn what_is_not_a_report_is_refused_by_name() {
    let name = "2026-03-01-scan_rdp-test.csv";
    let csv = two_rows(&["timestamp", "ip", "port", "tag"]);
    let gz = gzip(csv.repeat(50).as_bytes());
    let zipped = zip(&[(name, csv.as_bytes())]);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "the file is empty"),
        (gz[..gz.len() / 2].to_vec(), "cut or broken"),
        (gz[..gz.len() - 4].to_vec(), "cut or broken"),
        (zipped[..zipped.len() - 10].to_vec(), "begins like a zip"),
        (gzip(&gz), "a gzip file inside another"),
        (gzip(&vec![b'0'; 1 << 25]), "more than 16777216 bytes"),
        (
            zip(&[(name, &vec![b'0'; 1 << 25])]),
            "more than 16777216 bytes",
        ),
        (vec![b'0'; (1 << 24) + 1], "more than 16777216 bytes"),
        // All files of a zip together: the limit is named, not what the first one left of it.
        (
            zip(&[(name, &lines(9 << 20)), ("other.csv", &lines(9 << 20))]),
            "more than 16777216 bytes",
        ),
        (vec![b'0'; (1 << 24) + 1], "pass a larger `--max-bytes`"),
        (
            zip(&[(name, &lines(9 << 20)), ("other.csv", &lines(9 << 20))]),
            "pass a larger `--max-bytes`",
        ),
        (b"PAR1....".to_vec(), "a Parquet file"),
        (b"\xff\xfet\0i\0".to_vec(), "UTF-16"),
        (b"<html>".to_vec(), "HTML"),
        (b"{\"error\":\"denied\"}".to_vec(), "JSON"),
        (b"timestamp\0ip\n".to_vec(), "a binary file"),
        (b"timestamp;ip\n".to_vec(), "separated by `;`"),
        (b"timestamp,ip,ip\n".to_vec(), "more than once"),
        (b"time,ip\n".to_vec(), "timestamp: the column is missing"),
        (
            b"timestamp,hostname\n".to_vec(),
            "ip: the column is missing",
        ),
    ];
    for (bytes, message) in cases {
        refuse(name, &bytes, Kind::FixData, message);
    }
}

#[test]
fn a_file_cut_inside_its_last_line_is_refused_at_every_byte() {
    let csv = two_rows(&["timestamp", "ip", "port", "tag", "sector"]);
    let begin = csv.trim_end().rfind('\n').unwrap() + 1;
    let whole = csv.trim_end().len();
    for cut in begin + 1..whole {
        let answer = read_as("2026-03-01-scan_rdp-test.csv", &csv.as_bytes()[..cut]);
        let n_commas = csv[begin..cut].matches(',').count();
        // Only in its last field can a cut line look whole; that one is text and goes to `extra`.
        let has_open_quote = csv[begin..cut].matches('"').count() % 2 == 1;
        if n_commas < 4 || has_open_quote {
            let failure = answer.expect_err("must be refused");
            assert!(failure.to_string().contains("breaks off"), "{failure}");
        }
    }
    assert_eq!(
        rdp(&csv[..whole]).read,
        2,
        "a file need not end with an end of line"
    );
}

/// A night leaves a row group unread only where its statistics say what it does not hold.
#[test]
fn a_snapshot_says_which_columns_are_empty() {
    use nachtwacht::model::matches::{Outline, RowGroups};
    let outline = |csv: &str| -> Outline {
        let folder = tempfile::tempdir().unwrap();
        let bytes = nachtwacht::ingest::to_parquet(&rdp(csv)).unwrap();
        std::fs::write(folder.path().join("a.parquet"), &bytes).unwrap();
        let base = url::Url::from_directory_path(folder.path()).unwrap();
        let place = nachtwacht::store::Place::open(
            &base,
            &nachtwacht::store::Settings::default(),
            &BTreeMap::new(),
        )
        .unwrap();
        let size = u64::try_from(bytes.len()).unwrap();
        let opened = nachtwacht::scan::open(&place, "a.parquet", size, &BTreeMap::new()).unwrap();
        opened.snapshot.outline(0).unwrap()
    };
    let bare = outline("timestamp,ip\n2026-03-01 02:15:00,192.0.2.1\n");
    assert_eq!((bare.n_rows, bare.asn), (1, None));
    assert!(!bare.has_names && !bare.has_accounts);
    let full = outline(
        "timestamp,ip,hostname,asn\n2026-03-01 02:15:00,192.0.2.1,a.voorbeeld.example,64496\n",
    );
    assert!(full.has_names && full.asn.is_some() && !full.has_accounts);
}
