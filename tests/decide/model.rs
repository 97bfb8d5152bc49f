//! A model: the same answers by a naive reading of the whole history, over ten thousand random
//! nights. It shares no code with the policy: it goes from the first night to the last each time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use nachtwacht::decide::Decided;
use nachtwacht::decide::gone::{Registered, Tonight, sightings};
use nachtwacht::decide::history::History;
use nachtwacht::model::decision::{Hit, Outcome};
use nachtwacht::model::identity::{FindingId, PartyRef};
use nachtwacht::model::ledger_record::{LedgerView, Numbered, Receipt, ReceiptState, Record};
use nachtwacht::model::night::Night;
use nachtwacht::model::sighting::{Coverage, Gone};

use super::dice::Dice;
use super::{DAY, House, MARCH, hit};

const WORLDS: u64 = 200;
const NIGHTS: u32 = 50;
const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];
/// By [`super::threat_text`].
const REMIND: i32 = 28;
const RELAPSE: i32 = 14;

/// A place: company and port.
type Spot = (u32, u16);

/// What the model remembers of a night: only what happened, nothing derived.
struct Past {
    night: Night,
    /// Severity of each place that was seen.
    seen: BTreeMap<Spot, usize>,
    /// Did a scan of everything come?
    scanned: bool,
    /// Places in letters that arrived.
    written: BTreeSet<Spot>,
}

/// The reason for a place that is seen tonight, from the whole past.
fn expected(past: &[Past], night: Night, spot: Spot, severity: usize) -> &'static str {
    let last = past.iter().rev().find(|p| p.written.contains(&spot));
    let Some(last) = last else {
        return "first_warning";
    };
    // Away since the first scanned night without it, until a night with it.
    let mut away: Option<Night> = None;
    for p in past.iter().filter(|p| p.night > last.night) {
        if p.seen.contains_key(&spot) {
            away = None;
        } else if p.scanned && away.is_none() {
            away = Some(p.night);
        }
    }
    if away.is_some_and(|since| night.days_since(since.date()) >= RELAPSE) {
        return "relapse";
    }
    if night.days_since(last.night.date()) >= REMIND {
        return "again";
    }
    if severity < last.seen[&spot] {
        return "severity_up";
    }
    "quiet_days"
}

fn rows(seen: &BTreeMap<Spot, usize>, day: i64) -> Vec<Hit> {
    (0..)
        .zip(seen)
        .map(|(row, ((company, port), severity))| {
            let more = [("severity", SEVERITIES[*severity])];
            let mut hit = hit(row, *company, "rdp", *port, &more);
            let mut seen = (*hit.observation).clone();
            seen.observed_at = MARCH + day * DAY;
            hit.observation = seen.into();
            hit
        })
        .collect()
}

pub fn everything(day: i64) -> Coverage {
    Coverage {
        feed: "shadowserver".into(),
        report: "rdp".into(),
        day: "2026-03-11".parse().unwrap(),
        scanned_from: MARCH + day * DAY + 1,
        network: None,
        ports: Vec::new(),
        is_complete: true,
        is_assumed: false,
    }
}

fn push(view: &mut LedgerView, record: Record) {
    view.last_seq += 1;
    let seq = view.last_seq;
    view.records.push(Numbered { seq, record });
}

/// Claims and receipts of the letters; answers the places whose letters arrived.
fn send(
    house: &House,
    decided: &Decided,
    view: &mut LedgerView,
    dice: &mut Dice,
) -> BTreeSet<Spot> {
    let mut arrived = BTreeSet::new();
    let mut lost = BTreeSet::new();
    for record in house.claims(decided, &house.night.to_string()) {
        let Record::Claim(claim) = &record else {
            continue;
        };
        let is_lost = dice.below(10) == 0;
        let receipt = Receipt {
            letter_id: claim.letter_id,
            night: claim.night,
            attempt: claim.attempt,
            state: if is_lost {
                ReceiptState::Bounced
            } else {
                ReceiptState::HandedOver
            },
            outbox: "files".into(),
        };
        if is_lost {
            lost.insert(claim.letter_id);
        }
        push(view, record);
        push(view, Record::from(receipt));
    }
    for d in decided
        .decisions
        .iter()
        .filter(|d| d.outcome() == Outcome::InLetters)
    {
        let port = d.hit.observation.port.unwrap();
        let company: u32 = d.target.rsplit('.').next().unwrap().parse().unwrap();
        if !lost.contains(&d.letter.unwrap()) {
            arrived.insert((company, port));
        }
    }
    arrived
}

/// Every registered value is there, and everybody's: who moves has a table of its own.
fn register(view: &LedgerView) -> BTreeMap<PartyRef, Registered> {
    let items = view
        .claims()
        .flat_map(|c| c.items.iter().map(move |i| (i.asset_ref, c.party_ref)));
    items
        .map(|(asset, party)| {
            let registered = Registered {
                parties: BTreeMap::from([(party, i64::MIN)]),
                nets: Vec::new(),
            };
            (asset, registered)
        })
        .collect()
}

#[test]
fn ten_thousand_random_nights_agree_with_a_naive_reading_of_the_whole_history() {
    let mut reached: BTreeMap<&str, u32> = BTreeMap::new();
    for world in 0..WORLDS {
        let mut dice = Dice(world + 1);
        let mut house = House::new();
        let (mut view, mut past) = (LedgerView::default(), Vec::new());
        let mut day = 10;
        let spots: Vec<Spot> = (1..=3)
            .flat_map(|c| [22, 23].map(|port| (c, port)))
            .collect();
        // Places come and go in spells, so that relapses and reminders both happen.
        let mut is_open: BTreeSet<Spot> = BTreeSet::new();
        for _ in 0..NIGHTS {
            day += i64::try_from(1 + dice.below(4)).unwrap();
            let date = "2026-03-01".parse::<jiff::civil::Date>().unwrap();
            house.night = Night::new(date.checked_add(day.days()).unwrap());
            for spot in &spots {
                if dice.below(6) == 0 && !is_open.remove(spot) {
                    is_open.insert(*spot);
                }
            }
            let seen: BTreeMap<Spot, usize> = is_open
                .iter()
                .map(|s| (*s, usize::try_from(dice.below(4)).unwrap()))
                .collect();
            let scanned = dice.below(4) > 0;
            house.history = History::of(&view);
            let decided = house.decide(&rows(&seen, day));
            assert_eq!(decided.decisions.len(), seen.len());
            for (d, (spot, severity)) in decided.decisions.iter().zip(&seen) {
                let found = match d.reason.code() {
                    "reminder" | "escalation" => "again",
                    code => code,
                };
                let want = expected(&past, house.night, *spot, *severity);
                assert_eq!(
                    found, want,
                    "world {world}, night {}, {spot:?}",
                    house.night
                );
                *reached.entry(want).or_default() += 1;
            }
            let written = send(&house, &decided, &mut view, &mut dice);
            let ids: BTreeSet<FindingId> =
                decided.decisions.iter().filter_map(|d| d.finding).collect();
            let coverage = if scanned {
                vec![everything(day)]
            } else {
                vec![]
            };
            // The ledger as it was decided by, as in a run.
            let changes = sightings(
                &house.history,
                &Tonight {
                    night: house.night,
                    seen: &ids,
                    waiting: &BTreeSet::new(),
                    unsure: &BTreeSet::new(),
                    relapsed: &BTreeSet::new(),
                    coverage: &coverage,
                    register: &register(&view),
                },
            );
            assert!(changes.gone.iter().all(|(_, how)| *how == Gone::Fixed));
            push(&mut view, Record::from(changes));
            past.push(Past {
                night: house.night,
                seen,
                scanned,
                written,
            });
        }
    }
    for reason in [
        "first_warning",
        "quiet_days",
        "again",
        "relapse",
        "severity_up",
    ] {
        assert!(reached.get(reason) > Some(&500), "{reason}: {reached:?}");
    }
}
