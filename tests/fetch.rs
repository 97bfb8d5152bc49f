//! The fetcher against a server on loopback: what comes of every way in which a site can answer.

mod server;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nachtwacht::contacts::{LookupOutcome, read_lookups};
use nachtwacht::fetch::{self, Settings};
use nachtwacht::model::name::Domain;

const FILE: &str = "Contact: mailto:s@voorbeeld.example\nExpires: 2027-01-01T00:00:00Z\n";

fn ok(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn status(line: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

fn to(location: &str) -> Vec<u8> {
    status(&format!("302 Found\r\nLocation: {location}"))
}

fn answer(host: &str, path: &str) -> Vec<u8> {
    let name = host.split('.').next().unwrap_or_default();
    let is_home = path == "/.well-known/security.txt";
    match (name, is_home) {
        ("goed", true) => ok(FILE),
        ("oud", true) | ("niets", _) => status("404 Not Found"),
        ("oud", false) => ok(FILE),
        ("weg", _) => status("410 Gone"),
        ("dicht", _) => status("403 Forbidden"),
        ("stuk", _) => status("500 Internal Server Error"),
        ("verhuisd", true) => to("https://goed.voorbeeld.example/.well-known/security.txt"),
        ("thuis", true) => to("/"),
        ("thuis", false) if path == "/" => ok("<html>welkom</html>"),
        ("thuis", false) => status("404 Not Found"),
        ("onveilig", _) => to("http://onveilig.voorbeeld.example/.well-known/security.txt"),
        ("intern", _) => to("https://169.254.169.254/.well-known/security.txt"),
        ("intern6", _) => to("https://[::1]/.well-known/security.txt"),
        ("poort", _) => to("https://goed.voorbeeld.example:22/.well-known/security.txt"),
        ("bestand", _) => to("file:///etc/passwd"),
        ("rond", _) => to("/.well-known/security.txt"),
        ("traag", _) => Vec::new(),
        ("groot", _) => ok(&format!("# {}\n", "x".repeat(40 << 10))),
        ("kort", _) => b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nContact: ".to_vec(),
        ("onzin", _) => b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
        _ => ok(FILE),
    }
}

fn settings(server: &server::Server) -> Settings {
    Settings {
        timeout: Duration::from_secs(2),
        pause: Duration::from_millis(1),
        authority: Some(server::authority()),
        everything_at: Some(server.at),
        ..Settings::default()
    }
}

fn names(texts: &[&str]) -> BTreeSet<Domain> {
    texts.iter().map(|t| t.parse().unwrap()).collect()
}

#[test]
fn every_way_to_answer_has_its_outcome() {
    use LookupOutcome::{Found, None as Nothing, Unknown};
    let table = [
        ("goed", Found, ""),
        ("oud", Found, ""),
        ("verhuisd", Found, ""),
        ("niets", Nothing, "http_status_404"),
        ("weg", Nothing, "http_status_410"),
        ("thuis", Nothing, "redirected_away"),
        ("dicht", Unknown, "http_status_403"),
        ("stuk", Unknown, "http_status_500"),
        ("onveilig", Unknown, "redirected_to_http"),
        ("intern", Unknown, "redirected_to_address"),
        ("intern6", Unknown, "redirected_to_address"),
        ("poort", Unknown, "redirected_to_port"),
        ("bestand", Unknown, "redirected_to_http"),
        ("rond", Unknown, "too_many_redirects"),
        ("traag", Unknown, "timeout"),
        ("groot", Unknown, "too_large"),
        ("kort", Unknown, "broken_answer"),
        ("onzin", Unknown, "broken_answer"),
    ];
    let server = server::serve(answer);
    let full = |name: &str| format!("{name}.voorbeeld.example");
    let mut all: Vec<String> = table.iter().map(|(name, _, _)| full(name)).collect();
    all.push("ander.example".into());
    let names: BTreeSet<Domain> = all.iter().map(|n| n.parse().unwrap()).collect();
    let now = "2026-03-12T02:00:00Z".parse().unwrap();
    let lookups = fetch::security_txt(&settings(&server), &names, now, &|| ()).unwrap();
    assert_eq!(lookups.len(), names.len());
    let of = |name: &str| lookups.iter().find(|l| l.subject == name).unwrap();
    for (name, outcome, reason) in table {
        let found = of(&full(name));
        assert_eq!(
            (found.outcome, found.reason.as_str()),
            (outcome, reason),
            "{name}"
        );
        assert_eq!(found.body.is_some(), outcome == Found, "{name}");
    }
    // Its certificate is another name's.
    assert_eq!(of("ander.example").reason, "invalid_cert");
    assert_eq!(of(&full("goed")).body.as_deref(), Some(FILE));
    let moved = of(&full("verhuisd"));
    assert!(moved.urls[0].starts_with("https://verhuisd.voorbeeld.example"));
    assert!(moved.urls[1].starts_with("https://goed.voorbeeld.example"));
    assert!(of(&full("oud")).urls[0].ends_with("/security.txt"));
    assert!(!of(&full("oud")).urls[0].contains(".well-known"));
}

#[test]
fn it_pauses_between_requests_to_one_host_and_bounds_those_at_once() {
    let server = server::serve(|host, path| {
        std::thread::sleep(Duration::from_millis(30));
        if path.starts_with("/.well-known") && host.starts_with("oud") {
            status("404 Not Found")
        } else {
            ok(FILE)
        }
    });
    let many: Vec<String> = (0..12)
        .map(|i| format!("site{i}.voorbeeld.example"))
        .chain(["oud.voorbeeld.example".to_owned()])
        .collect();
    let settings = Settings {
        concurrency: 3,
        pause: Duration::from_secs(1),
        timeout: Duration::from_secs(30),
        ..settings(&server)
    };
    let all: Vec<&str> = many.iter().map(String::as_str).collect();
    let now = "2026-03-12T02:00:00Z".parse().unwrap();
    let lookups = fetch::security_txt(&settings, &names(&all), now, &|| ()).unwrap();
    assert!(lookups.iter().all(|l| l.outcome == LookupOutcome::Found));
    assert!(server.most_at_once.load(Ordering::SeqCst) <= 3);
    let asked = server.asked.lock().unwrap();
    let old: &Vec<(String, Instant)> = &asked["oud.voorbeeld.example"];
    let paths: Vec<&str> = old.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/.well-known/security.txt", "/security.txt"]);
    // The server notes a request when its thread gets to it: late, on a busy machine.
    assert!(old[1].1 - old[0].1 >= Duration::from_millis(500));
}

#[test]
fn the_command_writes_results_once_and_names_bad_lines() {
    let server = server::serve(answer);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(
        file("names.txt"),
        "# sites\ngoed.voorbeeld.example\n\nstuk.voorbeeld.example\n",
    )
    .unwrap();
    fs::write(
        file("bad.txt"),
        "goed.voorbeeld.example\nhttps://x\nlocalhost\n10.0.0.1\n",
    )
    .unwrap();
    fs::write(file("ca.pem"), server::authority()).unwrap();
    let run = |list: &str| {
        Command::new(env!("CARGO_BIN_EXE_nachtwacht"))
            .args(["fetch", "security-txt", "--pause-millis", "1", "--list"])
            .arg(file(list))
            .arg("--out")
            .arg(file("2026-03-12.jsonl"))
            .arg("--ca")
            .arg(file("ca.pem"))
            .args(["--test-address", &server.at.to_string()])
            .output()
            .unwrap()
    };
    let bad = run("bad.txt");
    let said = String::from_utf8_lossy(&bad.stderr);
    assert_eq!(bad.status.code(), Some(2), "{said}");
    for line in ["line 2", "line 3", "line 4"] {
        assert!(said.contains(line), "{said}");
    }
    let done = run("names.txt");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert!(said.contains("2 names asked"), "{said}");
    let written = fs::read(file("2026-03-12.jsonl")).unwrap();
    let lookups = read_lookups(&written).unwrap();
    assert_eq!(lookups.len(), 2);
    assert_eq!(run("names.txt").status.code(), Some(2));
    assert_eq!(fs::read(file("2026-03-12.jsonl")).unwrap(), written);
}
