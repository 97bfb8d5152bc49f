//! A year of nights in memory: drifting findings, missed nights, holds, takeovers, late approvals.
//! Plan, decisions, brakes and sums are the real ones; store and clock are not needed for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use jiff::ToSpan;
use jiff::civil::Date;
use nachtwacht::brakes::{self, Clocks, PlannedLetter, SnapshotFacts, Tonight};
use nachtwacht::decide::Decided;
use nachtwacht::decide::history::History;
use nachtwacht::model::counts::FeedCounts;
use nachtwacht::model::decision::Hit;
use nachtwacht::model::hold::{Brake, Hold, Superseded};
use nachtwacht::model::identity::{FindingId, PartyRef};
use nachtwacht::model::ledger_record::{
    Final, LedgerView, Numbered, PinnedNight, PinnedObject, Record,
};
use nachtwacht::model::night::Night;
use nachtwacht::plan::{self, Listed, Plan};
use nachtwacht::report;

use super::dice::Dice;
use super::{DAY, House, MARCH, hit};

struct Year {
    house: House,
    dice: Dice,
    view: LedgerView,
    listing: Vec<Listed>,
    /// Rows of each snapshot: company and port.
    rows: BTreeMap<String, Vec<(u32, u16)>>,
    open: BTreeSet<(u32, u16)>,
    n_held: u32,
    n_taken_over: u32,
    n_approved_late: u32,
}

impl Year {
    fn push(&mut self, record: Record) {
        self.view.last_seq += 1;
        let seq = self.view.last_seq;
        self.view.records.push(Numbered { seq, record });
    }

    /// The day's snapshot: places come and go.
    fn deliver(&mut self, date: Date) {
        let spots = (1..=3).flat_map(|c| (1..=60).map(move |port| (c, port)));
        for spot in spots {
            let odds = if self.open.contains(&spot) { 25 } else { 60 };
            if self.dice.below(odds) == 0 && !self.open.remove(&spot) {
                self.open.insert(spot);
            }
        }
        let path = format!("s/{date}/shadowserver/rdp.parquet");
        self.rows
            .insert(path.clone(), self.open.iter().copied().collect());
        self.listing.push(Listed { path, size: 1 });
    }

    fn hits(&self, plan: &Plan) -> Vec<Hit> {
        let mut hits = Vec::new();
        for s in &plan.snapshots {
            let day = i64::from(Night::new(s.date).days_since("2026-03-01".parse().unwrap()));
            for (row, (company, port)) in (0..).zip(&self.rows[&s.listed.path]) {
                let mut hit = hit(row, *company, "rdp", *port, &[]);
                let mut seen = (*hit.observation).clone();
                seen.observed_at = MARCH + day * DAY;
                seen.object = s.listed.path.as_str().into();
                hit.observation = seen.into();
                hits.push(hit);
            }
        }
        hits
    }

    fn pin(&self, plan: &Plan) -> PinnedNight {
        PinnedNight {
            night: plan.night,
            revision: 0,
            run_id: plan.night.to_string(),
            ledger_seq: self.view.last_seq,
            job_sha256: String::new(),
            max_letters: None,
            snapshots: plan
                .snapshots
                .iter()
                .map(|s| PinnedObject {
                    path: s.listed.path.clone(),
                    size: 1,
                    sha256: s.listed.path.clone(),
                })
                .collect(),
            inputs: vec![],
            followed: Vec::new(),
        }
    }

    fn tonight(&self, plan: &Plan, decided: &Decided, n_rows: u64) -> Tonight {
        let party = |n: u8| PartyRef([n; 32]);
        let letters = decided
            .letters
            .iter()
            .zip(0u8..)
            .map(|(d, n)| PlannedLetter {
                party: party(n),
                threats: d.items.iter().map(|i| i.threat_id.to_string()).collect(),
            });
        Tonight {
            night: plan.night,
            revision: 0,
            letters: letters.collect(),
            left_over: 0,
            snapshots: plan
                .snapshots
                .iter()
                .map(|s| SnapshotFacts {
                    path: s.listed.path.clone(),
                    feed: s.feed.clone(),
                    report: s.report.clone(),
                    date: s.date,
                    rows: n_rows,
                    sha256: s.listed.path.clone(),
                    newest_seen_on: None,
                    is_complete: true,
                })
                .collect(),
            register: BTreeMap::new(),
            read: n_rows,
            rejected: 0,
            clocks: Clocks {
                machine: 1,
                store: 1,
                night_begins: 0,
            },
            may_begin: true,
        }
    }

    /// The night, as `run` does it: an open plan is taken over in the object that pins this one.
    fn night(&mut self, date: Date) {
        let night = Night::new(date);
        let (snapshots, _) = plan::snapshots(&self.listing, "s");
        let open: Vec<Superseded> = self
            .view
            .open_nights()
            .iter()
            .map(|pin| Superseded {
                night: pin.night,
                revision: 0,
                by: night,
            })
            .collect();
        self.n_taken_over += u32::try_from(open.len()).unwrap();
        let given_up = open.iter().map(|s| (s.night, 0)).collect();
        let ages = BTreeMap::from([("shadowserver".to_owned(), 3)]);
        let plan = plan::plan(&snapshots, vec![], &ages, night, 0, &self.view, &given_up).unwrap();
        let pin = self.pin(&plan);
        for s in open {
            self.push(Record::from(s));
        }
        self.push(Record::from(pin.clone()));
        let decided = self.decide(&plan, &pin);
        // Some nights are held; some of them are approved, on the same day or never.
        let settings = brakes::Settings {
            max_letters: if self.dice.below(8) == 0 { 0 } else { 1000 },
            ..brakes::Settings::default()
        };
        let tonight = self.tonight(&plan, &decided, 100);
        let pulled = brakes::judge(&settings, &tonight, &self.view.as_of(pin.ledger_seq));
        assert!(
            pulled.iter().all(|p| p.brake == Brake::Letters),
            "{pulled:?}"
        );
        if !pulled.is_empty() {
            self.n_held += 1;
            self.push(Record::from(Hold {
                night,
                revision: 0,
                plan_sha256: String::new(),
                letters: 1,
                overviews: 0,
                pulled,
            }));
            assert_eq!(self.view.open_holds().len(), 1);
            if self.dice.below(2) == 0 {
                return;
            }
            // Approved late: the same plan, computed again from its pin.
            self.n_approved_late += 1;
            let again = self.decide(&plan, &pin);
            let ids = |d: &Decided| d.letters.iter().map(|l| l.letter.id).collect::<Vec<_>>();
            assert_eq!(ids(&again), ids(&decided));
        }
        for claim in self.house.claims(&decided, &night.to_string()) {
            self.push(claim);
        }
        let history = brakes::History::of(&self.view, night, settings.history_nights);
        let figures = tonight.figures(&history);
        self.push(Record::from(figures));
        self.push(Record::from(Final {
            night,
            revision: 0,
            run_id: pin.run_id,
        }));
    }

    fn decide(&mut self, plan: &Plan, pin: &PinnedNight) -> Decided {
        self.house.night = plan.night;
        self.house.history = History::of(&self.view.as_of(pin.ledger_seq));
        let hits = self.hits(plan);
        let decided = self.house.decide(&hits);
        let mut counts = FeedCounts::default();
        let rows = u64::try_from(hits.len()).unwrap();
        let of_feed = counts.of("shadowserver");
        (of_feed.read, of_feed.matched) = (rows, rows);
        let sums = report::close_sums(&mut counts, &decided.decisions).unwrap();
        assert_eq!(sums.total(), rows);
        decided
    }
}

#[test]
fn a_year_of_nights_loses_nothing_and_says_nothing_twice() {
    let mut year = Year {
        house: House::new(),
        dice: Dice(365),
        view: LedgerView::default(),
        listing: Vec::new(),
        rows: BTreeMap::new(),
        open: BTreeSet::new(),
        n_held: 0,
        n_taken_over: 0,
        n_approved_late: 0,
    };
    let first: Date = "2026-03-02".parse().unwrap();
    let (mut n_missed, mut half) = (0, 0);
    for n in 0..365i64 {
        let date = first.checked_add(n.days()).unwrap();
        year.deliver(date);
        // Nobody was there; the next night takes the day's snapshot. The last one is run.
        if n < 364 && year.dice.below(12) == 0 {
            n_missed += 1;
            continue;
        }
        year.night(date);
        if n == 182 {
            half = year.view.records.len();
        }
        if n % 91 == 0 {
            say_memory(n);
        }
    }
    if !year.view.open_nights().is_empty() {
        let last = first.checked_add(365.days()).unwrap();
        year.deliver(last);
        while year
            .view
            .open_nights()
            .iter()
            .any(|p| p.night.date() != last)
        {
            year.night(last);
        }
    }
    assert!(year.n_held > 20 && year.n_taken_over > 10 && year.n_approved_late > 10);
    assert!(n_missed > 15, "{n_missed}");
    told_once(&year);
    // Growth is linear: the second half is as large as the first.
    let whole = year.view.records.len();
    assert!(
        (whole - half).abs_diff(half) * 5 < whole,
        "{half} of {whole} records"
    );
}

/// Peak memory so far, where the test below asks for it.
fn say_memory(night: i64) {
    if std::env::var_os(ASKED).is_some() {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        println!("{MEMORY} {night} {}", peak.unwrap().trim());
    }
}

const ASKED: &str = "NACHTWACHT_TEST_MEMORY";
const MEMORY: &str = "night, peak memory:";

/// The year once more in a process of its own: each quarter takes as much memory as another.
#[test]
fn a_year_takes_memory_that_grows_no_faster_than_its_nights() {
    if !crate::harness::needs("/proc", Path::new("/proc/self/status").exists()) {
        return;
    }
    let year = "decide::year::a_year_of_nights_loses_nothing_and_says_nothing_twice";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", year, "--nocapture", "--test-threads=1"])
        .env(ASKED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    let peaks: Vec<u64> = said
        .lines()
        .filter_map(|l| l.split_once(MEMORY))
        .map(|(_, l)| l.split_whitespace().nth(1).unwrap().parse().unwrap())
        .collect();
    assert!(child.status.success() && peaks.len() == 5, "{said}");
    // KiB; the allocator takes its memory in steps.
    let (first, second) = (peaks[2] - peaks[0], peaks[4] - peaks[2]);
    assert!(second <= first * 3 / 2 + 4096, "{peaks:?} KiB");
    assert!(peaks[4] < 256 * 1024, "{peaks:?} KiB");
}

/// Every place that a consumed snapshot showed was written about; first letters are unique, and
/// within the quiet days nothing is repeated.
fn told_once(year: &Year) {
    let mut told: BTreeMap<FindingId, Vec<Night>> = BTreeMap::new();
    for claim in year.view.claims() {
        for item in &claim.items {
            told.entry(item.finding_id).or_default().push(claim.night);
        }
    }
    for nights in told.values() {
        for pair in nights.windows(2) {
            assert!(pair[1].days_since(pair[0].date()) >= 28, "{pair:?}");
        }
    }
    let ended: BTreeSet<&str> = year
        .view
        .nights()
        .filter(|pin| year.view.is_final(pin))
        .flat_map(|pin| pin.snapshots.iter().map(|o| o.path.as_str()))
        .collect();
    let mut seen: BTreeSet<(u32, u16)> = BTreeSet::new();
    for (path, rows) in &year.rows {
        if ended.contains(path.as_str()) {
            seen.extend(rows);
        }
    }
    assert_eq!(told.len(), seen.len(), "a place was forgotten, or made up");
    assert!(
        year.rows
            .keys()
            .filter(|p| !ended.contains(p.as_str()))
            .count()
            <= 1
    );
}
