//! What is said of findings that are not seen, with the real binary in a world of one company:
//! *fixed* only where a scan proves it; and what is the same finding.

use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use nachtwacht::model::night::local_midnight;
use serde_json::{Value, json};

use crate::bad_input::write;
use crate::hold::JOB;
use crate::sandbox::Sandbox;

const RDP: &str = "jobs/threats/exposed-rdp.toml";

/// A row: columns and their texts; `port` as a number.
type Row = &'static [(&'static str, &'static str)];

struct World {
    sandbox: Sandbox,
    /// Kind, value and first moment after.
    assets: Vec<[&'static str; 3]>,
}

fn at(day: &str, hour: i64) -> i64 {
    let eve = day.parse::<Date>().unwrap().yesterday().unwrap();
    local_midnight(eve, &TimeZone::UTC).unwrap() + hour * 3_600_000_000
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

/// A column of texts; an empty one is null.
fn texts<'a>(rows: impl Iterator<Item = &'a str>) -> ArrayRef {
    let rows = rows.map(|text| (!text.is_empty()).then_some(text));
    Arc::new(rows.collect::<StringArray>())
}

fn cell(row: Row, name: &str) -> &'static str {
    let found = row.iter().find(|(n, _)| *n == name);
    found.map_or("", |(_, text)| text)
}

impl World {
    /// The company, with these assets, and what it needs; no snapshot yet.
    fn new(assets: &[[&'static str; 2]]) -> Self {
        let sandbox = Sandbox::new(&[]);
        let job = fs::read_to_string(sandbox.path(JOB)).unwrap();
        let others = job.find("[feeds.partner]").unwrap()..job.find("[registrations]").unwrap();
        sandbox.edit(JOB, &job[others], "");
        let one = |text: &'static str| texts([text].into_iter());
        let key = || ("company_key", one("kvk:00000001"));
        let company = vec![key(), ("name", one("Bedrijf 1"))];
        let email = ("value", one("a@bedrijf.example"));
        let contact = vec![key(), ("channel", one("email")), email];
        for (table, columns) in [("companies", company), ("contacts", contact)] {
            let path = format!("data-samples/register/{table}.parquet");
            write(&sandbox, &path, &batch(columns));
        }
        let assets = assets.iter().map(|[kind, value]| [*kind, *value, ""]);
        let world = Self {
            sandbox,
            assets: assets.collect(),
        };
        world.register();
        world
    }

    /// Delivers the assets as they are now.
    fn register(&self) {
        let column = |i: usize| texts(self.assets.iter().map(|asset| asset[i]));
        let columns = vec![
            (
                "company_key",
                texts(self.assets.iter().map(|_| "kvk:00000001")),
            ),
            ("kind", column(0)),
            ("value", column(1)),
            ("valid_until", column(2)),
        ];
        write(
            &self.sandbox,
            "data-samples/register/assets.parquet",
            &batch(columns),
        );
    }

    /// Delivers a snapshot of what was seen at noon of the day before.
    fn snapshot(&self, day: &str, report: &str, rows: &[Row]) {
        let mut columns: Vec<(&str, ArrayRef)> =
            ["ip", "hostname", "hostname_source", "severity", "version"]
                .map(|name| (name, texts(rows.iter().map(|row| cell(row, name)))))
                .to_vec();
        let ports = rows.iter().map(|row| cell(row, "port").parse::<i64>().ok());
        columns.push(("port", Arc::new(ports.collect::<Int64Array>())));
        columns.push(("protocol", texts(rows.iter().map(|_| "tcp"))));
        let noon = TimestampMicrosecondArray::from(vec![at(day, 12); rows.len()]);
        columns.push(("observed_at", Arc::new(noon.with_timezone("UTC"))));
        let folder = format!("data-samples/snapshots/{day}/shadowserver");
        fs::create_dir_all(self.sandbox.path(&folder)).unwrap();
        write(
            &self.sandbox,
            &format!("{folder}/{report}.parquet"),
            &batch(columns),
        );
    }

    /// Delivers that whole scans of these reports began with the day before.
    fn covered(&self, day: &str, reports: &[&'static str]) {
        let began = TimestampMicrosecondArray::from(vec![at(day, 0); reports.len()]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("feed", texts(reports.iter().map(|_| "shadowserver"))),
            ("report", texts(reports.iter().copied())),
            ("scanned_from", Arc::new(began.with_timezone("UTC"))),
            (
                "complete",
                Arc::new(BooleanArray::from(vec![true; reports.len()])),
            ),
        ];
        fs::create_dir_all(self.sandbox.path("data-samples/coverage")).unwrap();
        let path = format!("data-samples/coverage/{day}.parquet");
        write(&self.sandbox, &path, &batch(columns));
    }

    /// A snapshot of `scan_rdp`, and that its scan was whole.
    fn scanned(&self, day: &str, rows: &[Row]) {
        self.snapshot(day, "scan_rdp", rows);
        self.covered(day, &["scan_rdp"]);
    }

    /// Runs a night; what is counted of findings that are not seen.
    #[track_caller]
    fn gone(&self, night: &str) -> Value {
        self.sandbox.run(night).ended_with(0);
        let mut counts = self.sandbox.manifest(night)["findings_gone"].take();
        let of = counts.as_object_mut().unwrap();
        of.retain(|_, n| *n != json!(0));
        counts
    }

    fn n_letters(&self) -> usize {
        self.sandbox.ledger("claim").len()
    }
}

const ADDRESS: Row = &[("ip", "240.0.0.1"), ("port", "3389")];
const ELSEWHERE: Row = &[("ip", "240.0.9.9"), ("port", "3389")];

fn nothing() -> Value {
    json!({})
}

/// The registration ends, the row goes on; renewed later, it is no relapse.
#[test]
fn what_is_registered_no_longer_has_moved_and_is_not_fixed() {
    let mut world = World::new(&[["ip", "240.0.0.1"]]);
    let relapse = "relapse_after_days = 14";
    world.sandbox.edit(RDP, relapse, "relapse_after_days = 2");
    for day in 2..=5 {
        world.scanned(&format!("2026-03-{day:02}"), &[ADDRESS]);
    }
    assert_eq!(world.gone("2026-03-02"), nothing());
    assert_eq!(world.n_letters(), 1);
    world.assets[0][2] = "2026-03-02";
    world.register();
    for night in ["2026-03-03", "2026-03-04"] {
        assert_eq!(world.gone(night), json!({"moved_owner": 1}), "{night}");
    }
    world.assets[0][2] = "";
    world.register();
    assert_eq!(world.gone("2026-03-05"), nothing());
    assert_eq!(world.n_letters(), 1, "within the quiet days");
}

/// The table says that a report was scanned, and its snapshot is not there yet.
#[test]
fn a_scan_whose_snapshot_is_late_proves_nothing_until_it_is_read() {
    let world = World::new(&[["ip", "240.0.0.1"]]);
    world.scanned("2026-03-02", &[ADDRESS]);
    assert_eq!(world.gone("2026-03-02"), nothing());
    world.snapshot("2026-03-03", "scan_smb", &[ELSEWHERE]);
    world.covered("2026-03-03", &["scan_rdp", "scan_smb"]);
    assert_eq!(world.gone("2026-03-03"), json!({"not_scanned": 1}));
    // It comes a night later, and does not see the place.
    world.snapshot("2026-03-03", "scan_rdp", &[ELSEWHERE, ELSEWHERE]);
    world.snapshot("2026-03-04", "scan_smb", &[ELSEWHERE, ELSEWHERE, ELSEWHERE]);
    assert_eq!(world.gone("2026-03-04"), json!({"fixed": 1}));
}

/// Written about on the 2nd, seen on the 5th: what the scan of the 4th did not see says nothing.
#[test]
fn an_older_scan_that_comes_late_does_not_close_what_was_seen_after_it() {
    let world = World::new(&[["ip", "240.0.0.1"]]);
    for day in ["2026-03-02", "2026-03-05"] {
        world.snapshot(day, "scan_rdp", &[ADDRESS]);
        assert_eq!(world.gone(day), nothing(), "{day}");
    }
    world.scanned("2026-03-04", &[ELSEWHERE]);
    world.snapshot("2026-03-06", "scan_smb", &[ELSEWHERE]);
    assert_eq!(world.gone("2026-03-06"), json!({"not_scanned": 1}));
    world.scanned("2026-03-07", &[ELSEWHERE]);
    assert_eq!(world.gone("2026-03-07"), json!({"fixed": 1}));
}

/// Matched by its name first, and by its address since that is registered too: two findings of one
/// machine, and neither is gone.
#[test]
fn what_is_matched_by_its_address_now_is_not_gone_by_its_name() {
    const BOTH: Row = &[
        ("ip", "240.0.0.1"),
        ("hostname", "www.bedrijf.example"),
        ("hostname_source", "scan_target"),
        ("port", "3389"),
    ];
    let mut world = World::new(&[["domain", "bedrijf.example"]]);
    world.scanned("2026-03-02", &[BOTH]);
    assert_eq!(world.gone("2026-03-02"), nothing());
    world.assets.push(["ip", "240.0.0.1", ""]);
    world.register();
    world.scanned("2026-03-03", &[BOTH]);
    assert_eq!(world.gone("2026-03-03"), nothing());
    assert_eq!(world.n_letters(), 2);
    // Neither is in the next scan.
    world.scanned("2026-03-04", &[ELSEWHERE]);
    assert_eq!(world.gone("2026-03-04"), json!({"fixed": 2}));
}

/// A row that cannot be read is still a row at that place.
#[test]
fn a_row_that_is_set_aside_proves_nothing_fixed() {
    let unreadable: [Row; 2] = [
        &[
            ("ip", "240.0.0.1"),
            ("port", "3389"),
            ("severity", "ernstig"),
        ],
        &[("ip", "240.0.0.1"), ("port", "70000")],
    ];
    for row in unreadable {
        let world = World::new(&[["ip", "240.0.0.1"]]);
        world.scanned("2026-03-02", &[ADDRESS]);
        assert_eq!(world.gone("2026-03-02"), nothing());
        // So many that one unreadable row holds no night.
        let mut rows = vec![ELSEWHERE; 30];
        rows.push(row);
        world.scanned("2026-03-03", &rows);
        assert_eq!(world.gone("2026-03-03"), json!({"not_seen": 1}), "{row:?}");
        // At another port it is no row of that place.
        *rows.last_mut().unwrap() = &[("ip", "240.0.0.1"), ("port", "1"), ("severity", "ernstig")];
        world.scanned("2026-03-04", &rows);
        assert_eq!(world.gone("2026-03-04"), json!({"fixed": 1}), "{row:?}");
    }
}

/// The row is as it was; the rule asks for more, and goes on doing so.
#[test]
fn what_a_narrower_rule_leaves_out_is_not_fixed() {
    for is_covered in [true, false] {
        let world = World::new(&[["ip", "240.0.0.1"]]);
        world.scanned("2026-03-02", &[ADDRESS]);
        world.snapshot("2026-03-03", "scan_rdp", &[ADDRESS]);
        if is_covered {
            world.covered("2026-03-03", &["scan_rdp"]);
        }
        world.scanned("2026-03-04", &[ADDRESS]);
        assert_eq!(world.gone("2026-03-02"), nothing());
        let reports = r#"report = ["scan_rdp", "scan6_rdp", "scan_rdpeudp"]"#;
        let narrower = format!("{reports}\nport = [3390]");
        world.sandbox.edit(RDP, reports, &narrower);
        let text = fs::read_to_string(world.sandbox.path(RDP)).unwrap();
        let text = text.replace(r#"port = "3389""#, r#"port = "3390""#);
        fs::write(world.sandbox.path(RDP), text).unwrap();
        for night in ["2026-03-03", "2026-03-04"] {
            let found = world.gone(night);
            assert_eq!(found, json!({"not_seen": 1}), "{night}, {is_covered}");
        }
    }
}

/// The rule is as it was, and the row no longer fits it: that is what a fix looks like.
#[test]
fn a_machine_with_a_newer_version_is_fixed_though_the_scan_shows_it() {
    const OLD: Row = &[
        ("ip", "240.0.0.1"),
        ("port", "443"),
        ("version", "15.2.858.10"),
    ];
    const NEW: Row = &[
        ("ip", "240.0.0.1"),
        ("port", "443"),
        ("version", "15.2.858.12"),
    ];
    let world = World::new(&[["ip", "240.0.0.1"]]);
    for (day, row) in [("2026-03-02", OLD), ("2026-03-03", NEW)] {
        world.snapshot(day, "scan_exchange", &[row]);
        world.covered(day, &["scan_exchange"]);
    }
    assert_eq!(world.gone("2026-03-02"), nothing());
    assert_eq!(world.n_letters(), 1);
    assert_eq!(world.gone("2026-03-03"), json!({"fixed": 1}));
}

/// However the feed writes a name, it is the same finding with the same quiet days.
#[test]
fn a_blank_a_capital_or_a_dot_makes_no_other_finding_of_a_name() {
    const NAMES: [Row; 4] = [
        &[
            ("hostname", "www.bedrijf.example"),
            ("hostname_source", "scan_target"),
        ],
        &[
            ("hostname", " www.bedrijf.example"),
            ("hostname_source", "scan_target"),
        ],
        &[
            ("hostname", "www.bedrijf.example\t"),
            ("hostname_source", "scan_target"),
        ],
        &[
            ("hostname", "WWW.bedrijf.example."),
            ("hostname_source", "scan_target"),
        ],
    ];
    let world = World::new(&[["domain", "bedrijf.example"]]);
    world.scanned("2026-03-02", &NAMES[..1]);
    world.scanned("2026-03-03", &NAMES[1..]);
    for night in ["2026-03-02", "2026-03-03"] {
        assert_eq!(world.gone(night), nothing(), "{night}");
        assert_eq!(world.n_letters(), 1, "{night}");
    }
}
