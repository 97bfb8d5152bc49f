//! What recipients answered: one table a rule.

use std::sync::Arc;

use nachtwacht::decide::history::History;
use nachtwacht::model::aftermath::{Answer, AnswerKind};
use nachtwacht::model::asset::Asset;
use nachtwacht::model::decision::{Hit, ItemKind};
use nachtwacht::model::identity::{PartyRef, Secret};
use nachtwacht::model::ledger_record::{Claim, Frozen, LedgerView, Numbered, Record};
use nachtwacht::model::matches::MatchedBy;

use super::{DAY, House, MARCH, hit, key, reasons};
use nachtwacht::decide::{Decided, Drafted};
use nachtwacht::model::company::{Channel, PartyKind};

fn numbered(records: Vec<Record>) -> LedgerView {
    let n = u64::try_from(records.len()).unwrap();
    LedgerView {
        last_seq: n,
        records: (1..)
            .zip(records)
            .map(|(seq, record)| Numbered { seq, record })
            .collect(),
    }
}

/// The claim of a letter, by mail, on `night`.
pub fn claim_of(d: &Drafted, night: &str) -> Claim {
    Claim {
        letter_id: d.letter.id,
        reference: d.letter.reference.clone(),
        night: night.parse().unwrap(),
        party_ref: PartyRef::of(&Secret::new(b"p"), &d.letter.company.key),
        frozen: Arc::new(Frozen {
            party_kind: PartyKind::Participant,
            participant: true,
            sector: "".into(),
            sector_scheme: "".into(),
            size_class: "".into(),
            province: "".into(),
        }),
        channel: Channel::Email,
        contact_ref: None,
        attempt: 1,
        items: d.items.as_slice().into(),
        overview_of: (d
            .letter
            .overview
            .iter()
            .flat_map(|o| &o.letters)
            .map(|l| l.id))
        .collect(),
    }
}

fn claims(decided: &Decided, night: &str) -> Vec<Record> {
    let letters = decided.letters.iter();
    letters.map(|d| claim_of(d, night).into()).collect()
}

/// Company 1 answers about its first letter, on 2026-03-12 at 00:00 UTC.
fn said(decided: &Decided, kind: AnswerKind, until: Option<&str>) -> Record {
    let letter = &decided.letters[0];
    Record::from(Answer {
        letter_id: letter.letter.id,
        night: letter.letter.night,
        party_ref: PartyRef::of(&Secret::new(b"p"), &letter.letter.company.key),
        kind,
        by: "recipient".into(),
        said_at: MARCH + 11 * DAY,
        until: until.map(|d| d.parse().unwrap()),
        findings: letter.items.iter().map(|i| i.finding_id).collect(),
        assets: letter.items.iter().map(|i| i.asset_ref).collect(),
    })
}

/// Reasons on 2026-03-20, and on 2026-05-01, after the reminder days.
fn after(records: Vec<Record>, hits: &[Hit]) -> [Vec<&'static str>; 2] {
    let mut house = House::new();
    house.history = History::of(&numbered(records));
    ["2026-03-20", "2026-05-01"].map(|night| {
        house.night = night.parse().unwrap();
        reasons(&house.decide(hits))
    })
}

#[test]
fn an_answer_changes_what_it_is_about_and_nothing_else() {
    let first = House::new().decide(&[hit(1, 1, "rdp", 3389, &[])]);
    // The same finding; another port at the same asset; another asset; another company.
    let mut elsewhere = hit(15, 1, "rdp", 3389, &[("ip", "192.0.2.77")]);
    elsewhere.asset = Arc::new(Asset {
        canonical: "192.0.2.77".into(),
        ..(*elsewhere.asset).clone()
    });
    let hits = [
        hit(12, 1, "rdp", 3389, &[]),
        hit(13, 1, "rdp", 3390, &[]),
        elsewhere,
        hit(16, 2, "rdp", 3389, &[]),
    ];
    let new = "first_warning";
    for (kind, until, march, may) in [
        (
            None,
            None,
            ["quiet_days", new, new, new],
            ["reminder", new, new, new],
        ),
        (
            Some(AnswerKind::NotMine),
            None,
            ["not_mine", "not_mine", new, new],
            ["not_mine", "not_mine", new, new],
        ),
        (
            Some(AnswerKind::FalsePositive),
            None,
            ["false_positive", new, new, new],
            ["false_positive", new, new, new],
        ),
        (
            Some(AnswerKind::OptOut),
            Some("2026-05-01"),
            ["opt_out", "opt_out", "opt_out", new],
            // The end is the first date on which it no longer counts.
            ["reminder", new, new, new],
        ),
        (
            Some(AnswerKind::AcceptedRisk),
            Some("2026-05-01"),
            ["accepted_risk", new, new, new],
            ["reminder", new, new, new],
        ),
        (
            Some(AnswerKind::FalsePositive),
            Some("2026-03-20"),
            ["quiet_days", new, new, new],
            ["reminder", new, new, new],
        ),
        (
            Some(AnswerKind::Fixed),
            None,
            ["relapse", new, new, new],
            ["relapse", new, new, new],
        ),
    ] {
        let mut records = claims(&first, "2026-03-10");
        records.extend(kind.map(|k| said(&first, k, until)));
        assert_eq!(
            after(records, &hits),
            [march.to_vec(), may.to_vec()],
            "{kind:?} {until:?}"
        );
    }
}

#[test]
fn fixed_and_seen_before_that_says_nothing_new_and_a_relapse_is_written_once() {
    let first = House::new().decide(&[hit(1, 1, "rdp", 3389, &[])]);
    let mut records = claims(&first, "2026-03-10");
    records.push(said(&first, AnswerKind::Fixed, None));
    // Row 11 was seen at the very moment of the answer, row 12 a day later.
    for (row, want) in [(5, "said_fixed"), (11, "said_fixed"), (12, "relapse")] {
        let found = after(records.clone(), &[hit(row, 1, "rdp", 3389, &[])]);
        assert_eq!(found[0], [want], "row {row}");
    }
    let mut house = House::new();
    house.history = History::of(&numbered(records.clone()));
    house.night = "2026-03-13".parse().unwrap();
    let again = house.decide(&[hit(12, 1, "rdp", 3389, &[])]);
    records.extend(claims(&again, "2026-03-13"));
    let found = after(records, &[hit(18, 1, "rdp", 3389, &[])]);
    assert_eq!(
        found,
        [["quiet_days"], ["escalation"]],
        "written about once"
    );
}

#[test]
fn an_asset_that_is_confirmed_anew_counts_again_and_a_later_answer_replaces_an_earlier_one() {
    let first = House::new().decide(&[hit(1, 1, "rdp", 3389, &[])]);
    let mut records = claims(&first, "2026-03-10");
    records.push(said(&first, AnswerKind::NotMine, None));
    let confirmed = |at: i64| {
        let mut seen = hit(15, 1, "rdp", 3389, &[]);
        seen.asset = Arc::new(Asset {
            confirmed_at: Some(at),
            ..(*seen.asset).clone()
        });
        assert_eq!(seen.asset.company, key(1));
        after(records.clone(), &[seen])[0].clone()
    };
    assert_eq!(confirmed(MARCH + 11 * DAY), ["not_mine"]);
    assert_eq!(confirmed(MARCH + 11 * DAY + 1), ["quiet_days"]);
    let mut replaced = records.clone();
    replaced.push(said(&first, AnswerKind::NotMine, Some("2026-03-20")));
    assert_eq!(
        after(replaced, &[hit(15, 1, "rdp", 3389, &[])])[0],
        ["quiet_days"]
    );
}

/// A row by an address that is not the company's, and by a name that is.
#[test]
fn a_suspended_asset_takes_no_row_from_another_asset_of_the_company() {
    let first = House::new().decide(&[hit(1, 1, "rdp", 3389, &[])]);
    let mut records = claims(&first, "2026-03-10");
    records.push(said(&first, AnswerKind::NotMine, None));
    let by_address = hit(12, 1, "rdp", 3389, &[("hostname", "www.een.example")]);
    let mut by_name = by_address.clone();
    by_name.asset = Arc::new(Asset {
        canonical: "een.example".into(),
        ..(*by_name.asset).clone()
    });
    by_name.how.by = MatchedBy::Name;
    by_name.how.asset += 1;
    let mut house = House::new();
    house.history = History::of(&numbered(records));
    house.night = "2026-03-20".parse().unwrap();
    for (hits, reason, target) in [
        (
            vec![by_address.clone(), by_name.clone()],
            "first_warning",
            "www.een.example",
        ),
        (vec![by_address], "not_mine", "192.0.2.1"),
        (vec![by_name], "first_warning", "www.een.example"),
    ] {
        let decided = house.decide(&hits);
        assert_eq!(reasons(&decided), [reason]);
        assert_eq!(decided.decisions[0].target, target);
    }
}

/// A correction is no warning: after the quiet days the finding is new again, and until then the
/// machine does not repeat what was just taken back.
#[test]
fn what_was_taken_back_is_no_reminder_later() {
    let first = House::new().decide(&[hit(1, 1, "rdp", 3389, &[])]);
    let warned = claims(&first, "2026-03-10");
    let taken_back = claims(&first, "2026-03-15")
        .into_iter()
        .map(|record| match record {
            Record::Claim(claim) => {
                let mut claim = Arc::unwrap_or_clone(claim);
                for item in &mut claim.items {
                    item.kind = ItemKind::Correction;
                }
                assert!(claim.is_correction());
                Record::from(claim)
            }
            other => other,
        });
    let records: Vec<Record> = warned.iter().cloned().chain(taken_back).collect();
    let hits = [hit(12, 1, "rdp", 3389, &[])];
    assert_eq!(after(warned, &hits), [["quiet_days"], ["escalation"]]);
    assert_eq!(after(records, &hits), [["quiet_days"], ["first_warning"]]);
}
