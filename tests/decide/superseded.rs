//! A stronger threat speaks for the weaker in its quiet days too, and only as long as it is so.

use nachtwacht::config;
use nachtwacht::decide::history::History;
use nachtwacht::model::aftermath::{Answer, AnswerKind};
use nachtwacht::model::decision::Hit;
use nachtwacht::model::identity::FindingId;
use nachtwacht::model::ledger_record::{LedgerView, Numbered, Record};
use nachtwacht::model::sighting::{Gone, Sightings};

use super::answers::claim_of;
use super::{DAY, House, MARCH, hit, reasons, threat_text};

fn strong(row: u64) -> Hit {
    hit(row, 1, "strong", 443, &[])
}

fn weaker(row: u64) -> Hit {
    hit(row, 1, "rdp", 443, &[])
}

/// A house whose ledger holds the letter of 2026-03-10 about the stronger one, and then `more`.
fn warned(more: impl Fn(FindingId) -> Option<Record>) -> House {
    let mut house = House::new();
    let decided = house.decide(&[strong(1)]);
    let claim = claim_of(&decided.letters[0], "2026-03-10");
    let more = more(claim.items[0].finding_id);
    let records = [Some(Record::from(claim)), more].into_iter().flatten();
    house.history = History::of(&LedgerView {
        last_seq: 1,
        records: records.map(|record| Numbered { seq: 1, record }).collect(),
    });
    house
}

fn answered(kind: AnswerKind) -> House {
    let house = House::new();
    let decided = house.decide(&[strong(1)]);
    let claim = claim_of(&decided.letters[0], "2026-03-10");
    warned(|finding| {
        Some(Record::from(Answer {
            letter_id: claim.letter_id,
            night: claim.night,
            party_ref: claim.party_ref,
            kind,
            by: "recipient".into(),
            said_at: MARCH + 11 * DAY,
            until: None,
            findings: vec![finding],
            assets: vec![claim.items[0].asset_ref],
        }))
    })
}

fn gone(how: Gone) -> House {
    warned(|finding| {
        Some(Record::from(Sightings {
            night: "2026-03-12".parse().unwrap(),
            gone: vec![(finding, how)],
            back: vec![],
            counts: [(how, 1)].into(),
            assumed: vec![],
        }))
    })
}

fn on(mut house: House, night: &str, hits: &[Hit]) -> Vec<&'static str> {
    house.night = night.parse().unwrap();
    reasons(&house.decide(hits))
}

#[test]
fn a_stronger_threat_speaks_for_the_weaker_in_its_quiet_days() {
    let both = [strong(13), weaker(14)];
    let quiet = warned(|_| None);
    assert_eq!(
        on(quiet, "2026-03-15", &both),
        ["quiet_days", "superseded"],
        "seen again"
    );
    // Its report may come on other days than the weaker one's.
    let alone = [weaker(14)];
    for (night, want) in [
        ("2026-03-15", "superseded"),
        ("2026-04-06", "superseded"),
        ("2026-04-07", "first_warning"),
    ] {
        assert_eq!(on(warned(|_| None), night, &alone), [want], "{night}");
    }
    let elsewhere = [hit(14, 1, "rdp", 444, &[]), hit(15, 2, "rdp", 443, &[])];
    assert_eq!(
        on(warned(|_| None), "2026-03-15", &elsewhere),
        ["first_warning", "first_warning"]
    );
    for (how, want) in [
        (Gone::Fixed, "first_warning"),
        (Gone::NotSeen, "superseded"),
    ] {
        assert_eq!(on(gone(how), "2026-03-15", &alone), [want], "{how}");
    }
}

#[test]
fn what_a_company_answered_of_the_stronger_decides_about_the_weaker() {
    // Seen again after the answer of 2026-03-12, seen only before it, and the weaker alone.
    for (kind, both, before, alone) in [
        (
            AnswerKind::AcceptedRisk,
            ["accepted_risk", "superseded"],
            ["accepted_risk", "superseded"],
            "superseded",
        ),
        (
            AnswerKind::FalsePositive,
            ["false_positive", "first_warning"],
            ["false_positive", "first_warning"],
            "first_warning",
        ),
        (
            AnswerKind::Fixed,
            ["relapse", "superseded"],
            ["said_fixed", "superseded"],
            "first_warning",
        ),
        (
            AnswerKind::OptOut,
            ["opt_out", "opt_out"],
            ["opt_out", "opt_out"],
            "opt_out",
        ),
        (
            AnswerKind::NotMine,
            ["not_mine", "not_mine"],
            ["not_mine", "not_mine"],
            "not_mine",
        ),
    ] {
        let night = "2026-03-15";
        let found = on(answered(kind), night, &[strong(13), weaker(14)]);
        assert_eq!(found, both, "{kind}");
        let found = on(answered(kind), night, &[strong(8), weaker(9)]);
        assert_eq!(found, before, "{kind}, seen before");
        let found = on(answered(kind), night, &[weaker(14)]);
        assert_eq!(found, [alone], "{kind}, alone");
    }
}

#[test]
fn below_policy_the_stronger_says_nothing() {
    let mut house = House::new();
    house.triggers.retain(|t| t.threat_id != "strong");
    assert_eq!(
        reasons(&house.decide(&[strong(1), weaker(2)])),
        ["no_trigger", "first_warning"]
    );
}

#[test]
fn threats_that_supersede_themselves_are_refused() {
    let file = |id: &str, weaker: &str| {
        let more = format!("state = \"shadow\"\nmin_confidence = \"low\"\nsupersedes = [{weaker}]");
        threat_text(id, &more)
    };
    for (files, want) in [
        (
            vec![file("a", "\"a\"")],
            vec!["the threat `a` supersedes itself"],
        ),
        (
            vec![file("a", "\"b\""), file("b", "\"c\""), file("c", "\"a\"")],
            vec![
                "the threat `a` supersedes itself by way of another",
                "the threat `b` supersedes itself by way of another",
                "the threat `c` supersedes itself by way of another",
            ],
        ),
        (
            vec![file("a", "\"b\", \"c\""), file("b", "\"c\""), file("c", "")],
            vec![],
        ),
    ] {
        let found = config::catalogue(&files, &[]).map(|_| ());
        let messages = |problems: Vec<nachtwacht::diag::Problem>| {
            let messages = problems.into_iter().map(|p| p.message);
            messages.collect::<Vec<String>>()
        };
        assert_eq!(found.map_err(messages).err().unwrap_or_default(), want);
    }
}
