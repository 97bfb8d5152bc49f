//! Exposures and how long they stay open, against examples computed by hand.

use std::collections::BTreeMap;

use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::encoder::Encoder;
use nachtwacht::model::identity::FindingId;
use nachtwacht::model::ledger_record::{Final, LedgerView, Numbered, ReceiptState, Record};
use nachtwacht::model::night::Night;
use nachtwacht::model::sighting::{Gone, Sightings};
use nachtwacht::statistics::period::{Exposures, Follow, Outcomes, Week, survival};

use super::period::table;
use super::{claim, figures, one};
use crate::sandbox::Sandbox;

const DAY_US: i64 = 86_400_000_000;

fn weeks(rows: &[Week]) -> Vec<[u64; 5]> {
    rows.iter().map(Week::values).collect()
}

#[test]
fn survival_is_what_a_hand_comes_to() {
    // Five exposures: fixed after 3, 10 and 20 days; one no longer followed after 10, one after 30.
    // 4/5, then 4/5 * 3/4, then 4/5 * 3/4 * 1/2.
    let times = [(3, true), (10, true), (10, false), (20, true), (30, false)];
    let want = [
        [1, 5, 1, 0, 800],
        [2, 4, 1, 1, 600],
        [3, 2, 1, 0, 300],
        [4, 1, 0, 0, 300],
        [5, 1, 0, 1, 300],
    ];
    assert_eq!(weeks(&survival(&times)), want);
    assert!(survival(&[]).is_empty());
    assert_eq!(weeks(&survival(&[(0, true)])), [[1, 1, 1, 0, 0]]);
    assert_eq!(weeks(&survival(&[(7, false)])), [[1, 1, 0, 1, 1000]]);
}

#[test]
fn survival_is_that_of_the_textbook() {
    // Weeks in remission under 6-MP (Freireich and others, 1963), as in every textbook.
    let ended = [6, 6, 6, 7, 10, 13, 16, 22, 23];
    let censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35];
    let mut times: Vec<(u64, bool)> = ended.map(|w| (w * 7, true)).to_vec();
    times.extend(censored.map(|w| (w * 7, false)));
    let rows = survival(&times);
    let open: BTreeMap<u64, u64> = rows.iter().map(|w| (w.week, w.open_per_mille)).collect();
    let want = [
        (6, 857),
        (7, 807),
        (10, 753),
        (13, 690),
        (16, 627),
        (22, 538),
        (23, 448),
        (35, 448),
    ];
    for (week, share) in want {
        assert_eq!(open[&week], share, "week {week}");
    }
    for pair in rows.windows(2) {
        assert_eq!(
            pair[1].at_risk,
            pair[0].at_risk - pair[0].fixed - pair[0].censored
        );
    }
}

/// A ledger that grows night by night.
#[derive(Default)]
struct Ledger(LedgerView);

fn on(day: i8) -> Night {
    Night::new(jiff::civil::date(2022, 3, day))
}

fn finding(n: u8) -> FindingId {
    FindingId::of(&format!("f{n}"))
}

impl Ledger {
    fn push(&mut self, record: Record) {
        self.0.last_seq += 1;
        self.0.records.push(Numbered {
            seq: self.0.last_seq,
            record,
        });
    }

    /// A letter about one finding, seen at noon of its night, and what became of it.
    fn letter(&mut self, day: i8, n: u8, kind: ItemKind, states: &[ReceiptState]) {
        let mut claim = claim(&one(n, 0, vec![(0, n, 0, 0)]));
        claim.night = on(day);
        let noon = on(day).date().at(12, 0, 0, 0).in_tz("UTC").unwrap();
        let at = noon.timestamp().as_microsecond();
        claim.items[0].kind = kind;
        claim.items[0].threat_id = format!("threat-{}", n % 2).into();
        claim.items[0].first_observed_at = at - DAY_US;
        claim.items[0].observed_at = at;
        claim.letter_id.0[0] = n;
        for &state in states {
            if state == states[0] {
                self.push(Record::from(claim.clone()));
            }
            self.push(claim.receipt(state, "files"));
        }
    }

    /// Ends a night: who is gone, who is back, and how many nobody scanned.
    fn end(&mut self, day: i8, gone: &[(u8, Gone)], back: &[u8], not_scanned: u64) {
        self.push(Record::from(Final {
            night: on(day),
            revision: 0,
            run_id: "r".into(),
        }));
        self.push(figures(on(day)));
        let mut counts = BTreeMap::new();
        if not_scanned > 0 {
            counts.insert(Gone::NotScanned, not_scanned);
        }
        for (_, how) in gone {
            *counts.entry(*how).or_insert(0) += 1;
        }
        if !counts.is_empty() || !back.is_empty() {
            self.push(Record::from(Sightings {
                night: on(day),
                gone: gone.iter().map(|(n, how)| (finding(*n), *how)).collect(),
                back: back.iter().map(|n| finding(*n)).collect(),
                counts,
                assumed: vec![],
            }));
        }
    }

    fn told(&self, span: &str) -> Outcomes {
        let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap();
        let mut follow = Follow::new(span.parse().unwrap(), zone);
        follow.take(&Encoder::default().encode(&self.0.records));
        follow.finish()
    }
}

fn total(of: &Outcomes) -> [u64; 6] {
    let (threat, last) = of.exposures.last().unwrap();
    assert_eq!(*threat, None);
    last.values()
}

/// Eight findings of March: see each test for what becomes of them.
fn march() -> Ledger {
    use ReceiptState::{Bounced, Failed, HandedOver};
    let mut ledger = Ledger::default();
    for n in 0..6 {
        ledger.letter(2, n, ItemKind::First, &[HandedOver]);
    }
    ledger.letter(2, 6, ItemKind::First, &[Failed]);
    ledger.letter(2, 7, ItemKind::First, &[HandedOver, Bounced]);
    ledger.end(2, &[], &[], 0);
    ledger.end(9, &[(0, Gone::Fixed), (1, Gone::NotSeen)], &[], 0);
    ledger.end(12, &[(2, Gone::MovedOwner)], &[1], 0);
    ledger.letter(20, 0, ItemKind::Relapse, &[HandedOver]);
    ledger.letter(20, 3, ItemKind::Correction, &[HandedOver]);
    ledger.letter(20, 4, ItemKind::Reminder, &[HandedOver]);
    ledger.end(20, &[], &[0], 2);
    ledger
}

#[test]
fn exposures_stand_where_the_nights_left_them() {
    let ledger = march();
    // 9 March: one fixed, one not seen, four seen; a refused and a returned letter warned nobody.
    assert_eq!(
        total(&ledger.told("2022-03-01..2022-03-09")),
        [6, 4, 1, 1, 0, 0]
    );
    // 12 March: what was not seen is back, another one moved; what was fixed before is over.
    assert_eq!(
        total(&ledger.told("2022-03-10..2022-03-12")),
        [5, 4, 0, 0, 0, 1]
    );
    // 20 March: the relapse is an exposure of its own, beside the fixed one; one was taken back;
    // two were not among the rows, and nobody says which.
    let all = ledger.told("2022-03");
    assert_eq!(total(&all), [6, 2, 1, 0, 2, 1]);
    // Threats add up to the total: each finding has one.
    let mut sum = [0; 6];
    for (_, exposures) in all.exposures.iter().filter(|(t, _)| t.is_some()) {
        for (place, n) in sum.iter_mut().zip(exposures.values()) {
            *place += n;
        }
    }
    assert_eq!((all.exposures.len(), sum), (3, total(&all)));
    assert_eq!(Exposures::NAMES.len(), sum.len());
}

#[test]
fn who_is_not_followed_is_censored_where_coverage_ends() {
    // All were first seen on 1 March but for the relapse. Fixed after 8 days; two that nobody
    // scanned and one that moved: last seen on 12 March at the latest, by a night that judged all.
    let all = march().told("2022-03");
    let (_, rows) = all.survival.last().unwrap();
    // 0: fixed on day 8. 1, 5: day 11, the last night that judged all. 2: day 8, it was gone on
    // day 11. 4: day 19, its reminder. The relapse began on 20 March and ends with that night.
    assert_eq!(
        weeks(rows),
        [[1, 6, 0, 1, 1000], [2, 5, 1, 3, 800], [3, 1, 0, 1, 800],]
    );
    // Up to 12 March nothing of what came later is known.
    let (_, rows) = march()
        .told("2022-03-01..2022-03-12")
        .survival
        .pop()
        .unwrap();
    assert_eq!(weeks(&rows), [[1, 6, 0, 0, 1000], [2, 6, 1, 5, 833]]);
    // Nothing was first seen after that.
    assert!(march().told("2022-03-10..2022-03-12").survival.is_empty());
}

#[test]
fn the_command_writes_exposures_for_internal_use_alone() {
    let sandbox = Sandbox::small();
    assert_eq!(sandbox.run("2026-03-09").code, Some(0));
    let ask = ["statistics", "jobs/statistics.toml", "--period", "2026"];
    let ran = sandbox.call(&ask, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let read = |name: &str| {
        let path = format!("internal/statistics/2026/v1/{name}");
        table(&std::fs::read(sandbox.path(&path)).unwrap())
    };
    let exposures = read("exposures.csv");
    let n = |row: &BTreeMap<String, String>, name: &str| row[name].parse::<u64>().unwrap();
    let total = exposures.last().unwrap();
    assert_eq!(total["threat"], "total");
    // After one night each finding in a letter is open: no more and no fewer.
    let findings = read("statistics.csv")
        .iter()
        .find(|r| r["table"] == "total")
        .map(|r| n(r, "findings"));
    assert_eq!(Some(n(total, "exposures")), findings);
    assert_eq!(n(total, "open"), n(total, "exposures"));
    let of_threats = exposures.iter().filter(|r| r["threat"] != "total");
    assert_eq!(
        of_threats.map(|r| n(r, "open")).sum::<u64>(),
        n(total, "open")
    );
    let survival = read("survival.csv");
    let first = survival
        .iter()
        .find(|r| r["threat"] == "total" && r["week"] == "1");
    assert!(first.is_some_and(|r| r["status"].starts_with("INTERN")));
    let published = crate::sandbox::tree(&sandbox.path("statistics"));
    assert!(!published.is_empty());
    assert!(
        published
            .keys()
            .all(|name| !name.contains("survival") && !name.contains("exposures"))
    );
}
