//! Statistics from outside: claims and receipts in, tables out. The naive count is the oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use nachtwacht::model::company::{Channel, CompanyKey, PartyKind};
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::hold::Figures;
use nachtwacht::model::identity::{FindingId, LetterId, PartyRef, Reference, Secret};
use nachtwacht::model::ledger_record::{
    Claim, ClaimItem, Frozen, LedgerView, Numbered, Receipt, ReceiptState, Record,
};
use nachtwacht::model::night::Night;
use nachtwacht::model::threat::Urgency;
use nachtwacht::statistics::{
    self, Cell, Counts, Dimension, INTERNAL, Input, Period, PeriodKind, csv, html, html_with,
    parquet, tables,
};
use proptest::prelude::*;

mod alias;
mod annex;
mod axe;
mod columns;
mod elimination;
mod exposure;
mod forms;
mod guard;
mod keyboard;
mod keyed;
mod linked;
mod naive;
mod overviews;
mod page;
pub mod period;
mod refused;
mod rounded;
mod work;
mod year;

use naive::naive;

/// The figures of a night of one day on which nothing was read.
fn figures(night: Night) -> Record {
    Record::from(Figures {
        night,
        revision: 0,
        n_days: 1,
        read: 0,
        rejected: 0,
        letters: 0,
        first_time: 0,
        left_over: 0,
        without_contact: 0,
        by_threat: BTreeMap::new(),
        objects: Vec::new(),
    })
}

/// What one generated letter is made of, in small numbers.
#[derive(Clone, Debug)]
struct Sketch {
    company: u8,
    /// Days before the night.
    days_ago: u16,
    attempt: u8,
    handed_over: bool,
    tonight: bool,
    channel: u8,
    items: Vec<(u8, u8, u8, u8)>,
}

fn night() -> Night {
    "2022-03-12".parse().unwrap()
}

fn secret() -> Secret {
    Secret::new(b"party")
}

fn claim(sketch: &Sketch) -> Claim {
    let company: CompanyKey = format!("kvk:{:08}", sketch.company).parse().unwrap();
    let night = Night::new(night().date() - jiff::Span::new().days(i64::from(sketch.days_ago)));
    let c = usize::from(sketch.company);
    let items: Vec<ClaimItem> = sketch
        .items
        .iter()
        .map(|&(trigger, finding, kind, feed)| item(trigger, finding, kind, feed))
        .collect();
    let letter_id = LetterId::of(
        &company,
        &items
            .iter()
            .map(|i| nachtwacht::model::identity::Item {
                threat_id: i.threat_id.to_string(),
                trigger_id: i.trigger_id.to_string(),
                finding_id: i.finding_id,
                kind: i.kind,
            })
            .collect::<Vec<_>>(),
    );
    Claim {
        letter_id,
        reference: Reference::of(&secret(), night, letter_id),
        night,
        party_ref: PartyRef::of(&secret(), &company),
        frozen: Arc::new(Frozen {
            party_kind: PartyKind::ALL[c % 4],
            participant: c % 4 == 0,
            sector: ["6201", "", "85", "01131"][c % 4].into(),
            sector_scheme: ["SBI2008", "", "SBI2025"][c % 3].into(),
            size_class: ["2-9", "250+", ""][c % 3].into(),
            province: ["Utrecht", "=cmd|' /C calc'!A0", ""][c % 3].into(),
        }),
        channel: Channel::ALL[usize::from(sketch.channel) % 3],
        contact_ref: None,
        attempt: u32::from(sketch.attempt),
        items: items.into(),
        overview_of: Box::default(),
    }
}

/// Changes every claim of a ledger.
pub fn each_claim(ledger: &mut LedgerView, mut change: impl FnMut(&mut Claim, &mut Frozen)) {
    for record in &mut ledger.records {
        if let Record::Claim(claim) = &mut record.record {
            let claim = Arc::make_mut(claim);
            let mut frozen = Frozen::clone(&claim.frozen);
            change(claim, &mut frozen);
            claim.frozen = Arc::new(frozen);
        }
    }
}

fn item(trigger: u8, finding: u8, kind: u8, feed: u8) -> ClaimItem {
    ClaimItem {
        threat_id: format!("threat-{}", trigger / 2).into(),
        trigger_id: format!("2022-{trigger:02}").into(),
        finding_id: FindingId::of(&format!("f{finding}")),
        kind: ItemKind::ALL[usize::from(kind) % 5],
        urgency: Urgency::ALL[usize::from(trigger) / 2 % 2],
        feed: ["shadowserver", "partner"][usize::from(feed) % 2].into(),
        asset_ref: PartyRef([finding / 2; 32]),
        first_observed_at: 0,
        observed_at: 0,
        evidence: nachtwacht::model::ledger_record::Evidence::default(),
    }
}

/// A ledger of these letters, and those that were handed over tonight.
fn history(sketches: &[Sketch]) -> (LedgerView, Vec<Claim>) {
    let mut records = Vec::new();
    let mut tonight = Vec::new();
    for sketch in sketches {
        let claim = claim(sketch);
        if sketch.tonight && sketch.days_ago == 0 {
            tonight.push(claim);
            continue;
        }
        let state = if sketch.handed_over {
            ReceiptState::HandedOver
        } else {
            ReceiptState::Failed
        };
        let receipt = Receipt {
            letter_id: claim.letter_id,
            night: claim.night,
            attempt: claim.attempt,
            state,
            outbox: "files".into(),
        };
        records.push(Record::from(claim));
        records.push(Record::from(receipt));
    }
    let records: Vec<Numbered> = records
        .into_iter()
        .zip(1..)
        .map(|(record, seq)| Numbered { seq, record })
        .collect();
    (
        LedgerView {
            last_seq: records.len() as u64,
            records,
        },
        tonight,
    )
}

fn count(ledger: &LedgerView, tonight: &[Claim]) -> Vec<Cell> {
    let titles = titles();
    let input = Input {
        night: night(),
        ledger,
        tonight,
        titles: &titles,
    };
    tables(&input).unwrap()
}

fn titles() -> BTreeMap<String, (String, String)> {
    [(
        "threat-0".to_owned(),
        ("Lek in <mailserver>".to_owned(), "Hole".to_owned()),
    )]
    .into()
}

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let item = (0u8..6, 0u8..8, 0u8..5, 0u8..2);
    let sketch = (
        0u8..7,
        0u16..80,
        1u8..3,
        any::<(bool, bool)>(),
        0u8..3,
        proptest::collection::vec(item, 1..4),
    )
        .prop_map(
            |(company, days_ago, attempt, (handed_over, tonight), channel, items)| Sketch {
                company,
                // Many on the night itself, and some nights with several letters.
                days_ago: if days_ago % 3 == 0 { 0 } else { days_ago },
                attempt,
                handed_over,
                tonight,
                channel,
                items,
            },
        );
    (proptest::collection::vec(sketch, 0..14), any::<bool>()).prop_map(|(mut sketches, repeat)| {
        // The same letter again: a second try, or a second reminder on another night.
        if repeat && let Some(first) = sketches.first().cloned() {
            sketches.push(Sketch {
                attempt: 2,
                ..first.clone()
            });
            sketches.push(Sketch {
                days_ago: first.days_ago + 3,
                attempt: 1,
                ..first
            });
        }
        // Two claims with the same letter, night and attempt cannot be: the ledger refuses them.
        let mut seen = BTreeSet::new();
        sketches.retain(|s| {
            let c = claim(s);
            seen.insert((c.letter_id, c.night, c.attempt))
        });
        sketches
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_cell_agrees_with_the_naive_count(sketches in sketches()) {
        let (ledger, tonight) = history(&sketches);
        let cells = count(&ledger, &tonight);
        for cell in &cells {
            let want = naive(&ledger, &tonight, &cell.period, cell.dimension, &cell.value);
            prop_assert_eq!(cell.counts, want, "{} {} `{}`", cell.period.label(), cell.dimension, cell.value);
        }
        // No cell is forgotten: the letters of a partition add up to the total.
        for &kind in PeriodKind::ALL {
            let sum = |d: Dimension, of: fn(&Counts) -> u64| -> u64 {
                cells.iter().filter(|c| c.period.kind == kind && c.dimension == d).map(|c| of(&c.counts)).sum()
            };
            for &dimension in Dimension::ALL {
                let (letters, pairs) = (sum(dimension, |c| c.letters), sum(dimension, |c| c.notifications));
                if dimension.is_partition() {
                    prop_assert_eq!(letters, sum(Dimension::Total, |c| c.letters), "{}", dimension);
                    prop_assert_eq!(pairs, sum(Dimension::Total, |c| c.notifications), "{}", dimension);
                } else {
                    prop_assert!(letters >= sum(Dimension::Total, |c| c.letters), "{}", dimension);
                }
            }
        }
    }

    #[test]
    fn the_order_of_claims_does_not_matter(sketches in sketches(), turn in 0usize..14) {
        let (ledger, tonight) = history(&sketches);
        let mut turned = sketches.clone();
        turned.reverse();
        let turn = turn.min(turned.len());
        turned.rotate_left(turn);
        let (other, other_tonight) = history(&turned);
        let (a, b) = (count(&ledger, &tonight), count(&other, &other_tonight));
        prop_assert_eq!(&a, &b);
        prop_assert_eq!(html(&a, night(), "D").unwrap(), html(&b, night(), "D").unwrap());
        prop_assert_eq!(parquet(&a).unwrap(), parquet(&b).unwrap());
        // A letter of tonight that the ledger holds already counts once.
        let mut both = ledger.clone();
        for claim in &tonight {
            let receipt = Receipt {
                letter_id: claim.letter_id,
                night: claim.night,
                attempt: claim.attempt,
                state: ReceiptState::HandedOver,
                outbox: "files".into(),
            };
            for record in [Record::from(claim.clone()), Record::from(receipt)] {
                both.records.push(Numbered { seq: both.last_seq + 1, record });
            }
        }
        prop_assert_eq!(&a, &count(&both, &tonight));
        prop_assert_eq!(&a, &count(&both, &[]));
    }
}

fn one(company: u8, days_ago: u16, items: Vec<(u8, u8, u8, u8)>) -> Sketch {
    Sketch {
        company,
        days_ago,
        attempt: 1,
        handed_over: true,
        tonight: false,
        channel: 0,
        items,
    }
}

fn total(cells: &[Cell], kind: PeriodKind) -> Counts {
    cells
        .iter()
        .find(|c| c.period.kind == kind && c.dimension == Dimension::Total)
        .unwrap()
        .counts
}

#[test]
fn a_night_without_letters_is_a_table_of_zeros() {
    let cells = count(&LedgerView::default(), &[]);
    assert_eq!(cells.len(), 3, "one total a period");
    assert!(cells.iter().all(|c| c.counts == Counts::default()));
    let page = String::from_utf8(html(&cells, night(), "Dienst").unwrap()).unwrap();
    assert!(page.contains("kreeg nog geen bedrijf een waarschuwing"));
    assert!(!parquet(&cells).unwrap().is_empty());
}

#[test]
fn periods_end_with_the_night_and_begin_where_they_should() {
    let sketches = [
        one(1, 0, vec![(0, 0, 0, 0)]),
        one(2, 11, vec![(0, 1, 0, 0)]), // 1 March
        one(3, 12, vec![(0, 2, 0, 0)]), // 28 February
        one(4, 70, vec![(0, 3, 0, 0)]), // 1 January
        one(5, 71, vec![(0, 4, 0, 0)]), // 31 December
    ];
    let (mut ledger, _) = history(&sketches);
    // A later night that a replay may find in the ledger.
    let mut later = claim(&sketches[0]);
    later.night = "2022-03-13".parse().unwrap();
    let receipt = Receipt {
        letter_id: later.letter_id,
        night: later.night,
        attempt: 1,
        state: ReceiptState::HandedOver,
        outbox: "files".into(),
    };
    ledger.records.push(Numbered {
        seq: 99,
        record: Record::from(later),
    });
    ledger.records.push(Numbered {
        seq: 99,
        record: Record::from(receipt),
    });
    let cells = count(&ledger, &[]);
    let letters = |kind| total(&cells, kind).letters;
    assert_eq!(
        (
            letters(PeriodKind::Night),
            letters(PeriodKind::Month),
            letters(PeriodKind::Year)
        ),
        (1, 2, 4)
    );
    let labels: Vec<String> = PeriodKind::ALL
        .iter()
        .map(|&k| Period::of(k, night()).label())
        .collect();
    assert_eq!(labels, ["2022-03-12", "2022-03", "2022"]);
}

#[test]
fn reminders_tries_and_corrections_stand_apart() {
    let mut refused = one(1, 5, vec![(0, 0, 0, 0)]);
    refused.handed_over = false;
    let sketches = [
        refused,
        // The second try is the first that went out: it is the letter.
        Sketch {
            attempt: 2,
            days_ago: 4,
            ..one(1, 0, vec![(0, 0, 0, 0)])
        },
        // The third went out again after it came back: a repeated hand-over.
        Sketch {
            attempt: 3,
            days_ago: 3,
            ..one(1, 0, vec![(0, 0, 0, 0)])
        },
        // Two reminders with the same letter id, on two nights: two letters.
        one(1, 2, vec![(0, 0, 3, 0), (0, 0, 1, 0)]),
        one(2, 2, vec![(0, 1, 1, 0)]),
        one(2, 1, vec![(0, 1, 1, 0)]),
        one(3, 1, vec![(1, 2, 4, 0)]),
    ];
    let (ledger, _) = history(&sketches);
    let counts = total(&count(&ledger, &[]), PeriodKind::Month);
    assert_eq!(
        counts,
        Counts {
            triggers: 1,
            findings: 2,
            notifications: 2,
            letters: 5,
            companies: 2,
            assets: 1,
            participants: 0,
            first_warnings: 1,
            relapses: 0,
            escalations: 1,
            reminders: 2,
            corrections: 1,
            attempts: 1,
        }
    );
}

/// The next try of a letter has another id where not all of its findings are seen again.
#[test]
fn a_try_with_fewer_findings_is_no_new_notification_and_one_with_news_is() {
    let first = one(1, 5, vec![(0, 0, 0, 0), (1, 1, 0, 0)]);
    let again = |days_ago, items| Sketch {
        attempt: 2,
        days_ago,
        ..one(1, 0, items)
    };
    let counted = |sketches: &[Sketch]| {
        let (ledger, _) = history(sketches);
        let counts = total(&count(&ledger, &[]), PeriodKind::Month);
        (counts.letters, counts.first_warnings, counts.attempts)
    };
    let fewer = again(4, vec![(0, 0, 0, 0)]);
    assert_eq!(counted(&[first.clone(), fewer.clone()]), (1, 2, 1));
    // Nothing was handed over before.
    let refused = Sketch {
        handed_over: false,
        ..first.clone()
    };
    assert_eq!(counted(&[refused, fewer]), (1, 1, 0));
    // Something new in it; another occasion.
    for news in [(0, 2, 0, 0), (2, 0, 0, 0)] {
        let more = again(4, vec![(0, 0, 0, 0), news]);
        let (letters, _, attempts) = counted(&[first.clone(), more]);
        assert_eq!((letters, attempts), (2, 0), "{news:?}");
    }
}

#[test]
fn every_output_says_that_it_is_internal() {
    let (ledger, _) = history(&[one(0, 0, vec![(0, 0, 0, 0)]), one(1, 0, vec![(2, 1, 0, 1)])]);
    let cells = count(&ledger, &[]);
    let text = String::from_utf8(csv(&cells, b';').unwrap()).unwrap();
    let mut lines = text.trim_start_matches('\u{feff}').split("\r\n");
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("status;period;period_label;from;until;dimension;value;label;triggers;")
    );
    let rows: Vec<&str> = lines.filter(|l| !l.is_empty()).collect();
    assert_eq!(rows.len(), cells.len());
    assert!(rows.iter().all(|row| row.starts_with(INTERNAL)));
    assert!(!text.contains(";="), "no formula reaches a spreadsheet");
    assert!(text.contains("'=cmd"));
    let page = String::from_utf8(html(&cells, night(), "Dienst <b>").unwrap()).unwrap();
    assert!(page.contains(INTERNAL));
    assert!(page.contains("Dienst &lt;b&gt;") && page.contains("Lek in &lt;mailserver&gt;"));
    for forbidden in [
        "<script",
        "http://",
        "https://",
        "url(",
        "@import",
        "javascript:",
        "<img",
        "<link",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        bytes::Bytes::from(statistics::parquet(&cells).unwrap()),
    )
    .unwrap();
    let metadata = reader
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .unwrap()
        .clone();
    assert!(
        metadata
            .iter()
            .any(|kv| kv.key == "nachtwacht.status" && kv.value.as_deref() == Some(INTERNAL))
    );
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    for name in Counts::NAMES {
        let index = Counts::NAMES.iter().position(|n| n == name).unwrap();
        let column = batch
            .column_by_name(name)
            .unwrap()
            .as_primitive::<UInt64Type>();
        let want: Vec<u64> = cells.iter().map(|c| c.counts.values()[index]).collect();
        assert_eq!(column.values().as_ref(), want, "{name}");
    }
}

#[test]
fn no_sign_of_a_registration_begins_a_formula() {
    for sign in ["=", "\t=", "\n=", "＝", "＋", "－", "＠", "  @", "\u{a0}="] {
        let (mut ledger, _) = history(&[one(0, 0, vec![(0, 0, 0, 0)])]);
        let place = format!("{sign}cmd");
        each_claim(&mut ledger, |_, frozen| {
            frozen.province = place.as_str().into()
        });
        let text = String::from_utf8(csv(&count(&ledger, &[]), b';').unwrap()).unwrap();
        let marked = format!("'{place}");
        assert_eq!(text.matches(&marked).count(), 6, "{sign:?}: {text}");
        assert_eq!(text.matches(&place).count(), 6, "{sign:?}: {text}");
    }
}

#[test]
fn a_broken_template_is_the_jobs_fault() {
    let failure = html_with(&[], night(), "D", "{{ nothing_of_the_kind }}").unwrap_err();
    assert_eq!(failure.kind, nachtwacht::diag::Kind::FixJob);
    assert!(
        failure.to_string().contains("nothing_of_the_kind"),
        "{failure}"
    );
    html_with(&[], night(), "D", "{% for %}").unwrap_err();
}
