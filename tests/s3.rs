//! The nightly run against a real S3 server: the same job, another base.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{needs, python_with, root};
use crate::sandbox;

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A moto server on a free port of this machine; it ends with the test.
struct S3 {
    process: Child,
    port: u16,
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl S3 {
    fn start() -> Option<Self> {
        let python = python_with("moto.server")?;
        let port = free_port();
        let process = Command::new(python)
            .arg(root().join("tests/s3/one_at_a_time.py"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                Instant::now() < deadline,
                "moto does not answer within a minute"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(server)
    }

    /// A plain HTTP request; moto checks no signature.
    fn request(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=k/20260301/us-east-1/s3/aws4_request\r\n\
             Content-Length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        let body = rest
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .map_or_else(Vec::new, |at| rest[at + 4..].to_vec());
        (status, body)
    }

    fn upload(&self, folder: &Path, key: &str) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let key = format!("{key}/{}", path.file_name().unwrap().to_string_lossy());
            if path.is_dir() {
                self.upload(&path, &key);
            } else {
                let (status, _) = self.request("PUT", &key, &std::fs::read(&path).unwrap());
                assert_eq!(status, 200, "{key}");
            }
        }
    }

    fn run(&self, base: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_nachtwacht"))
            .args(arguments)
            .arg(root().join("jobs/nightly.toml"))
            .args(["--base", base])
            .env(
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", self.port),
            )
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "k")
            .env("AWS_SECRET_ACCESS_KEY", "s")
            .env("NACHTWACHT_VERIFICATION_KEY", KEY)
            .env("NACHTWACHT_PARTY_KEY", KEY)
            .output()
            .unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_same_job_runs_on_s3_and_resumes_there() {
    let Some(server) = S3::start() else { return };
    assert_eq!(server.request("PUT", "/night", b"").0, 200);
    for folder in [
        "register",
        "reference",
        "snapshots/2026-03-02",
        "snapshots/2026-03-03",
        "snapshots/2026-03-04",
        "snapshots/2026-03-05",
    ] {
        server.upload(
            &root().join("data-samples").join(folder),
            &format!("/night/base/data-samples/{folder}"),
        );
    }
    let run = ["run", "--night", "2026-03-05"];
    // A bucket is nobody's try-out: its first night waits for a baseline.
    let held = server.run("s3://night/base", &run);
    let said = text(&held.stdout);
    assert_eq!(held.status.code(), Some(2), "{said}{}", text(&held.stderr));
    assert!(
        said.contains("first_night") && said.contains("nachtwacht baseline"),
        "{said}"
    );
    let begun = server.run("s3://night/base", &["baseline"]);
    assert_eq!(begun.status.code(), Some(0), "{}", text(&begun.stderr));
    let first = server.run("s3://night/base", &run);
    let said = text(&first.stdout);
    assert_eq!(
        first.status.code(),
        Some(0),
        "{said}{}",
        text(&first.stderr)
    );
    assert!(said.contains("s3://night/base/runs/2026-03-05/"), "{said}");
    assert!(!said.contains("\n0 new letters"), "{said}");
    let (_, listing) = server.request("GET", "/night?list-type=2&prefix=base/runs/", b"");
    let listing = text(&listing);
    for name in [
        "manifest.json",
        "manifest.planned.json",
        "letters.plan.json",
        "decisions.parquet",
        "rejects.parquet",
        "statistics/statistics.html",
        "mail-merge/letters.xlsx",
    ] {
        assert!(listing.contains(name), "{name} is not in the bucket");
    }
    let again = server.run("s3://night/base", &run);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert!(
        text(&again.stdout).contains("\n0 new letters"),
        "{}",
        text(&again.stdout)
    );
}

#[test]
fn a_bucket_that_is_not_there_is_named() {
    let Some(server) = S3::start() else { return };
    let run = server.run("s3://nowhere/base", &["check"]);
    let said = text(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{said}");
    assert!(
        said.contains("s3://nowhere/base") && said.contains("hint:"),
        "{said}"
    );
}

/// A server that answers every request with one status and body.
fn refuse_all(body: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 8192];
            let _ = stream.read(&mut head);
            let answer = format!(
                "HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

#[test]
fn a_bucket_that_refuses_the_credentials_says_so() {
    let port = refuse_all("<Error><Code>InvalidAccessKeyId</Code><Message>no</Message></Error>");
    let run = Command::new(env!("CARGO_BIN_EXE_nachtwacht"))
        .args(["run"])
        .arg(root().join("jobs/nightly.toml"))
        .args(["--base", "s3://night/base"])
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", "k")
        .env("AWS_SECRET_ACCESS_KEY", "wrong")
        .env("NACHTWACHT_VERIFICATION_KEY", KEY)
        .env("NACHTWACHT_PARTY_KEY", KEY)
        .output()
        .unwrap();
    let said = text(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{said}");
    assert!(
        said.contains("refuses the credentials") && said.contains("hint:"),
        "{said}"
    );
    assert!(!said.contains("wrong"), "a secret in a message: {said}");
}

/// Holds every connection, or answers it with one status.
fn answer_nothing(status: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            if let Some(status) = status {
                let mut head = [0; 8192];
                let _ = stream.read(&mut head);
                let answer =
                    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
            } else {
                held.push(stream);
            }
        }
    });
    port
}

#[test]
fn a_store_that_is_slow_or_broken_is_to_be_tried_later_and_the_object_is_named() {
    use nachtwacht::diag::Kind;
    use nachtwacht::store::{Place, Settings};
    for status in [
        None,
        Some("500 Internal Server Error"),
        Some("503 Slow Down"),
    ] {
        let port = answer_nothing(status);
        let env = [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "k".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "s".to_owned()),
        ];
        let env = env.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let settings = Settings {
            timeout_secs: 1,
            connect_timeout_secs: 1,
            retries: 1,
        };
        let place = Place::open(&"s3://night/base/".parse().unwrap(), &settings, &env).unwrap();
        let start = Instant::now();
        let path = "snapshots/2026-03-02/shadowserver/scan_rdp.parquet";
        let failure = place.get_ranges(path, &[0..10, 20..30]).unwrap_err();
        assert_eq!(failure.kind, Kind::TryLater, "{status:?}: {failure}");
        assert_eq!(failure.kind.exit_code(), 3);
        assert!(failure.to_string().contains(path), "{failure}");
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{status:?}: waited without end"
        );
    }
}

/// rclone's server takes every write, whatever its conditions say: two runs could both claim.
#[test]
fn a_store_that_ignores_conditions_is_refused_before_anything_is_written() {
    let is_there = Command::new("rclone")
        .arg("version")
        .output()
        .is_ok_and(|o| o.status.success());
    if !needs("rclone", is_there) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for part in ["register", "reference", "snapshots/2026-03-09"] {
        let to = folder.path().join("night/base/data-samples").join(part);
        copy(&root().join("data-samples").join(part), &to);
    }
    let port = free_port();
    let process = Command::new("rclone")
        .args(["serve", "s3", "--addr"])
        .arg(format!("127.0.0.1:{port}"))
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = S3 { process, port };
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            Instant::now() < deadline,
            "rclone does not answer within a minute"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    let run = server.run("s3://night/base", &["run", "--night", "2026-03-09"]);
    let said = text(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{said}");
    assert!(
        said.contains("does not honour create-if-absent")
            && said.contains("letters could be sent twice"),
        "{said}"
    );
    assert!(!folder.path().join("night/base/runs").exists());
    let written = sandbox::tree(&folder.path().join("night/base/ledger"));
    assert!(
        written.keys().all(|name| name.starts_with("probe/")),
        "{:?}",
        written.keys()
    );
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in sandbox::tree(from) {
        let file = to.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}
