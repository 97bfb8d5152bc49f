//! A period's tables: polars' tables of a night are the oracle, the real binary the proof.

use std::collections::BTreeMap;
use std::sync::Arc;

use nachtwacht::model::encoder::Encoder;
use nachtwacht::model::identity::FindingId;
use nachtwacht::model::ledger_record::{LedgerView, Numbered, ReceiptState, Record};
use nachtwacht::statistics::guard::{Publication, Seen, Spot};
use nachtwacht::statistics::period::{
    Axis, Delivery, Facts, Figures, Gather, Row, Span, count, count_all, delivery,
};
use nachtwacht::statistics::{Counts, Dimension, PeriodKind};
use proptest::prelude::*;

use super::{Sketch, claim, count as of_night, each_claim, history, night, one, sketches};
use crate::sandbox::Sandbox;

pub fn facts(records: &[Numbered], span: &str) -> Facts {
    let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap();
    let mut gather = Gather::new(span.parse().unwrap(), zone);
    gather.take(&Encoder::default().encode(records));
    gather.finish()
}

/// The axes that mean the same in both.
const ALIKE: &[(Axis, Dimension)] = &[
    (Axis::Threat, Dimension::Threat),
    (Axis::Trigger, Dimension::Trigger),
    (Axis::Urgency, Dimension::Urgency),
    (Axis::Sector, Dimension::Sector),
    (Axis::SectorCode, Dimension::SectorCode),
    (Axis::SizeClass, Dimension::SizeClass),
    (Axis::Province, Dimension::Province),
    (Axis::PartyKind, Dimension::PartyKind),
    (Axis::Participation, Dimension::Participation),
    (Axis::Channel, Dimension::Channel),
    (Axis::Feed, Dimension::Feed),
];

/// A ledger holds a claim once; its receipt follows it.
fn in_ledger_order(sketches: &[Sketch]) -> Vec<Sketch> {
    let mut ordered = sketches.to_vec();
    for sketch in &mut ordered {
        sketch.tonight = false;
    }
    ordered.sort_by_key(|s| (std::cmp::Reverse(s.days_ago), s.attempt));
    ordered
}

/// A finding is of one company and one threat: both are in its identity.
pub fn own_findings(ledger: &mut LedgerView) {
    each_claim(ledger, |claim, _| {
        for item in &mut claim.items {
            let form = format!("{}|{}|{}", claim.party_ref, item.threat_id, item.finding_id);
            item.finding_id = FindingId::of(&form);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_period_up_to_the_night_agrees_with_the_tables_of_the_night(sketches in sketches()) {
        let (ledger, _) = history(&in_ledger_order(&sketches));
        let want = of_night(&ledger, &[]);
        let spans = [(PeriodKind::Night, "2022-03-12..2022-03-12"), (PeriodKind::Month, "2022-03-01..2022-03-12"), (PeriodKind::Year, "2022-01-01..2022-03-12")];
        for (kind, span) in spans {
            let facts = facts(&ledger.records, span);
            let total = count(&facts, &[]);
            for &(axis, dimension) in ALIKE {
                let rows: BTreeMap<String, Counts> = count(&facts, &[axis]).into_iter().map(|r| (r.key[0].clone(), r.figures.counts)).collect();
                let cells: BTreeMap<String, Counts> = want.iter()
                    .filter(|c| c.period.kind == kind && c.dimension == dimension)
                    .map(|c| (c.value.clone(), c.counts)).collect();
                prop_assert_eq!(rows, cells, "{} {}", span, axis);
            }
            let cell = want.iter().find(|c| c.period.kind == kind && c.dimension == Dimension::Total).unwrap();
            prop_assert_eq!(total[0].figures.counts, cell.counts, "{}", span);
        }
    }

    /// Findings here are of several companies too.
    #[test]
    fn tables_counted_at_once_are_those_counted_alone(sketches in sketches()) {
        let (ledger, _) = history(&in_ledger_order(&sketches));
        let facts = facts(&ledger.records, "2021-12-01..2022-03-12");
        let pairs = Axis::ALL.iter().flat_map(|a| Axis::ALL.iter().filter(move |b| a != *b).map(move |b| vec![*a, *b]));
        let tables: Vec<Vec<Axis>> = Axis::ALL.iter().map(|a| vec![*a]).chain([vec![]]).chain(pairs).collect();
        let at_once = count_all(&facts, &tables);
        for (axes, rows) in tables.iter().zip(&at_once) {
            prop_assert_eq!(rows, &count(&facts, axes), "{:?}", axes);
            // The same rows, whichever axis comes first.
            let reversed: Vec<Axis> = axes.iter().rev().copied().collect();
            let other = tables.iter().position(|t| *t == reversed).and_then(|i| at_once.get(i)).unwrap();
            let figures = |rows: &[Row], turned: bool| -> BTreeMap<Vec<String>, Figures> {
                let key = |row: &Row| if turned { row.key.iter().rev().cloned().collect() } else { row.key.clone() };
                rows.iter().map(|row| (key(row), row.figures.clone())).collect()
            };
            prop_assert_eq!(figures(rows, false), figures(other, true), "{:?}", axes);
            prop_assert!(rows.is_sorted_by(|a, b| a.key < b.key), "{:?}", axes);
        }
    }

    #[test]
    fn rows_add_up_to_their_totals(sketches in sketches()) {
        let (mut ledger, _) = history(&in_ledger_order(&sketches));
        own_findings(&mut ledger);
        let facts = facts(&ledger.records, "2021-12-01..2022-03-12");
        let total = count(&facts, &[]).remove(0).figures;
        let pairs = Axis::ALL.iter().flat_map(|a| Axis::ALL.iter().map(move |b| (*a, *b)));
        for (a, b) in pairs {
            let axes = if a == b { vec![a] } else { vec![a, b] };
            let rows = count(&facts, &axes);
            let sum = |of: fn(&Counts) -> u64| rows.iter().map(|r| of(&r.figures.counts)).sum::<u64>();
            if axes.iter().all(|a| a.splits_notifications()) {
                prop_assert_eq!(sum(|c| c.notifications), total.counts.notifications, "{:?}", axes);
            }
            if axes.iter().all(|a| a.splits_findings()) {
                prop_assert_eq!(sum(|c| c.findings), total.counts.findings, "{:?}", axes);
            }
            if axes.iter().all(|a| a.is_of_company()) {
                prop_assert_eq!(sum(|c| c.companies), total.counts.companies, "{:?}", axes);
            }
            prop_assert!(sum(|c| c.companies) >= total.counts.companies);
        }
        for row in count(&facts, &[Axis::Sector, Axis::Threat]) {
            let f = row.figures;
            prop_assert!(f.most_findings <= f.counts.findings && f.most_notifications <= f.counts.notifications);
            prop_assert!(f.counts.companies * f.most_findings >= f.counts.findings);
        }
        // Every claim is one of these, and what was handed over is letters and repeated tries.
        let rows = delivery(&facts);
        let (_, all) = rows.last().unwrap();
        prop_assert_eq!(all.claimed, all.handed_over + all.failed + all.not_sent + all.unknown);
        prop_assert_eq!(all.handed_over, total.counts.letters + total.counts.attempts);
        let by_channel: u64 = rows.iter().filter(|(c, _)| c.is_some()).map(|(_, d)| d.claimed).sum();
        prop_assert_eq!(by_channel, all.claimed);
    }
}

#[test]
fn a_try_after_the_period_began_knows_the_letter_before_it() {
    let first = one(1, 12, vec![(0, 0, 0, 0)]); // 28 February
    let again = Sketch {
        attempt: 2,
        days_ago: 11,
        ..first.clone()
    };
    let (ledger, _) = history(&[first, again]);
    let counts = |span| {
        count(&facts(&ledger.records, span), &[])
            .remove(0)
            .figures
            .counts
    };
    assert_eq!(
        (counts("2022-03").letters, counts("2022-03").attempts),
        (0, 1)
    );
    assert_eq!(
        (counts("2022-Q1").letters, counts("2022-Q1").attempts),
        (1, 1)
    );
}

/// Also where it has another id, since not all of the letter was seen again.
#[test]
fn a_try_of_a_part_knows_the_letter_before_the_period() {
    let first = one(1, 12, vec![(0, 0, 0, 0), (1, 1, 0, 0)]); // 28 February
    let part = Sketch {
        attempt: 2,
        ..one(1, 11, vec![(0, 0, 0, 0)])
    };
    let (ledger, _) = history(&[first, part]);
    for (span, want) in [("2022-03", (0, 1)), ("2022-Q1", (1, 1))] {
        let of_span = count(&facts(&ledger.records, span), &[]).remove(0);
        let counts = of_span.figures.counts;
        assert_eq!((counts.letters, counts.attempts), want, "{span}");
    }
}

#[test]
fn a_second_reminder_with_the_same_id_is_a_letter_although_its_first_try_was_refused() {
    let before = one(1, 12, vec![(0, 0, 1, 0)]); // 28 February
    let refused = Sketch {
        days_ago: 5,
        handed_over: false,
        ..before.clone()
    };
    let taken = Sketch {
        attempt: 2,
        days_ago: 5,
        ..before.clone()
    };
    let (ledger, _) = history(&[before, refused, taken]);
    let counts = count(&facts(&ledger.records, "2022-03"), &[])
        .remove(0)
        .figures
        .counts;
    assert_eq!((counts.letters, counts.attempts), (1, 0));
    assert_eq!((counts.reminders, counts.companies), (1, 1));
    let of_night = super::total(&of_night(&ledger, &[]), PeriodKind::Month);
    assert_eq!(counts, of_night);
}

#[test]
fn a_company_stands_in_the_row_of_its_newest_letter() {
    let sketches = [
        one(1, 40, vec![(0, 0, 0, 0)]),
        one(1, 5, vec![(2, 1, 0, 0)]),
    ];
    let (mut ledger, _) = history(&sketches);
    if let Record::Claim(claim) = &mut ledger.records[0].record {
        Arc::make_mut(&mut Arc::make_mut(claim).frozen).province = "Drenthe".into();
    }
    let facts = facts(&ledger.records, "2022-Q1");
    let rows = count(&facts, &[Axis::Province]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_ne!(rows[0].key[0], "Drenthe");
    assert_eq!(rows[0].figures.counts.companies, 1);
    assert_eq!(rows[0].figures.counts.notifications, 2);
    let rows = count(&facts, &[Axis::Warnings]);
    assert_eq!(rows[0].key[0], "2", "two notifications to one company");
}

#[test]
fn hours_run_to_the_end_of_the_letters_day() {
    let (mut ledger, _) = history(&[one(1, 0, vec![(0, 0, 0, 0)]), one(2, 0, vec![(0, 1, 0, 0)])]);
    let noon: jiff::Timestamp = "2022-03-11T11:00:00Z".parse().unwrap(); // 12:00 in Amsterdam
    each_claim(&mut ledger, |claim, _| {
        claim.items[0].first_observed_at = noon.as_microsecond();
    });
    let figures = count(&facts(&ledger.records, "2022-03"), &[])
        .remove(0)
        .figures;
    assert_eq!(figures.hours, Some((36, 36)));
}

#[test]
fn what_became_of_letters_is_counted_beside_them() {
    let sketches = [
        one(1, 3, vec![(0, 0, 0, 0)]),
        one(2, 2, vec![(0, 1, 0, 0)]),
        one(3, 2, vec![(0, 2, 0, 0)]),
    ];
    let (mut ledger, _) = history(&sketches);
    ledger.records.pop(); // the third has no receipt
    let back = claim(&sketches[0]);
    ledger.records.push(Numbered {
        seq: 99,
        record: back.receipt(ReceiptState::Bounced, "person"),
    });
    let facts = facts(&ledger.records, "2022-03");
    let want = Delivery {
        claimed: 3,
        handed_over: 2,
        bounced: 1,
        unknown: 1,
        ..Delivery::default()
    };
    assert_eq!(delivery(&facts).pop().unwrap().1, want);
    let figures = count(&facts, &[]).remove(0).figures;
    assert_eq!((figures.counts.letters, figures.bounced), (2, 1));
    assert!(facts.is_unfinished(), "no night of this ledger ended");
    assert_eq!(facts.span(), "2022-03".parse::<Span>().unwrap());
    assert_eq!(night().to_string(), "2022-03-12");
}

/// Rows of a CSV by its header, without the byte order mark.
pub fn table(bytes: &[u8]) -> Vec<BTreeMap<String, String>> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b';')
        .from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    reader
        .records()
        .map(|r| {
            let record = r.unwrap();
            let pairs = header.iter().zip(record.iter());
            pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
        })
        .collect()
}

#[test]
fn the_command_counts_what_the_nights_counted() {
    let sandbox = Sandbox::small();
    assert_eq!(sandbox.run("2026-03-09").code, Some(0));
    let ask = ["statistics", "jobs/statistics.toml", "--period", "2026-03"];
    let first = sandbox.call(&ask, &[]);
    assert_eq!(first.code, Some(0), "{}", first.err);
    assert!(first.out.contains("provisional"), "{}", first.out);
    let folder = "internal/statistics/2026-03/v1";
    let read = |name: &str| std::fs::read(sandbox.path(&format!("{folder}/{name}"))).unwrap();
    let ours = table(&read("statistics.csv"));
    assert!(ours.iter().all(|r| r["status"].starts_with("INTERN")));
    let of_night = table(&sandbox.outputs("2026-03-09")["statistics/statistics.csv"]);
    let mut n_alike = 0;
    for row in of_night.iter().filter(|r| r["period"] == "month") {
        let table = &row["dimension"];
        let alike = ours
            .iter()
            .find(|o| o["table"] == *table && o["value_1"] == row["value"]);
        let alike = alike.unwrap_or_else(|| panic!("no {table} `{}`", row["value"]));
        for name in Counts::NAMES {
            assert_eq!(
                alike[*name], row[*name],
                "{table} `{}` {name}",
                row["value"]
            );
        }
        n_alike += 1;
    }
    assert!(n_alike > 30, "{n_alike}");
    // The funnel is the manifest's, and the letters are the ledger's.
    let manifest = sandbox.manifest("2026-03-09");
    let nights = table(&read("nights.csv")).remove(0);
    assert_eq!(nights["read"], manifest["counts"]["read"].to_string());
    assert_eq!(
        nights["letters_held"],
        manifest["letters"]["held"].to_string()
    );
    let letters = table(&read("letters.csv")).pop().unwrap();
    assert_eq!(letters["claimed"], manifest["letters"]["sent"].to_string());
    // The same again, out of a part, changes nothing.
    let compacted = sandbox.call(&["ledger", "compact", "jobs/nightly.toml"], &[]);
    assert_eq!(compacted.code, Some(0), "{}", compacted.err);
    assert!(sandbox.path("ledger/parts").exists());
    let again = sandbox.call(&ask, &[]);
    assert!(again.out.contains("nothing changed"), "{}", again.out);
    assert!(!sandbox.path("internal/statistics/2026-03/v2").exists());
    assert_published(&sandbox);
}

/// What stands in the publication is what the internal tables say, or a secret.
#[track_caller]
fn assert_published(sandbox: &Sandbox) {
    let path = "statistics/2026-03/v1/publication.json";
    let bytes = std::fs::read(sandbox.path(path)).unwrap();
    let publication = Publication::from_json(&bytes).unwrap();
    let internal = std::fs::read(sandbox.path("internal/statistics/2026-03/v1/statistics.csv"));
    let (mut n_shown, mut n_secret) = (0, 0);
    for row in table(&internal.unwrap()) {
        let spot = ["1", "2"].iter().filter_map(|n| {
            let axis = row[&format!("axis_{n}")].parse().ok()?;
            Some((
                axis,
                row[&format!("value_{n}")]
                    .trim_start_matches('\'')
                    .to_owned(),
            ))
        });
        let n = |name: &str| row[name].parse::<u64>().unwrap();
        let values = [n("companies"), n("notifications"), n("findings")];
        match publication.at(&Spot::new(spot.collect())) {
            Seen::Figures(shown) => {
                assert_eq!(shown, values, "{row:?}");
                assert!(
                    values[0] == 0 || values[0] > 2,
                    "{row:?} is small and shown"
                );
                n_shown += 1;
            }
            Seen::Secret => n_secret += 1,
            Seen::Nothing => {}
        }
    }
    assert!(
        n_shown > 10 && n_secret > 5,
        "{n_shown} shown, {n_secret} secret"
    );
    assert!(sandbox.path("statistics/2026-03/v1/version.json").exists());
    let latest = std::fs::read_to_string(sandbox.path("statistics/2026-03/latest.json")).unwrap();
    assert!(latest.contains("\"statistics/2026-03/v1/\""), "{latest}");
    assert!(
        !sandbox.path("statistics/2026-03/v2").exists(),
        "nothing changed"
    );
    // Subtracted from the month nothing is left: the same letters may be published as a span.
    let span = [
        "statistics",
        "jobs/statistics.toml",
        "--period",
        "2026-03-05..2026-03-12",
    ];
    let ran = sandbox.call(&span, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        ran.out.contains("held against 1 earlier publications"),
        "{}",
        ran.out
    );
}

#[test]
fn a_broken_call_or_job_is_named() {
    let sandbox = Sandbox::new(&[]);
    let ask = |period: &str| {
        sandbox.call(
            &["statistics", "jobs/statistics.toml", "--period", period],
            &[],
        )
    };
    let wrong = ask("2022-Q7");
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.err.contains("is not a period such as"),
        "{}",
        wrong.err
    );
    // Without a night there is nothing to count: zeros would say that nothing was wrong.
    let none = ask("2022");
    assert_eq!(none.code, Some(2), "{}", none.err);
    assert!(
        none.err
            .contains("no night of 2022 (2022-01-01 to 2022-12-31) ended")
            && none.err.contains("no night has ended yet"),
        "{}",
        none.err
    );
    for folder in ["internal/statistics", "statistics"] {
        assert!(!sandbox.path(folder).exists(), "{folder}");
    }
    let job = "jobs/statistics.toml";
    sandbox.edit(job, "min_companies = 3", "min_companies = 2");
    sandbox.edit(
        job,
        r#"["threat"], ["trigger"]"#,
        r#"["thraet"], ["feed", "feed"]"#,
    );
    let wrong = ask("2022");
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.err.contains("`thraet` is not one of threat, trigger"),
        "{}",
        wrong.err
    );
    assert!(wrong.err.contains("two different ones"), "{}", wrong.err);
}
