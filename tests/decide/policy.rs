//! Quiet days and what breaks through them, reminders, relapses, and who is gone.

use std::collections::{BTreeMap, BTreeSet};

use nachtwacht::decide::Decided;
use nachtwacht::decide::gone::{Registered, Tonight, sightings};
use nachtwacht::decide::history::History;
use nachtwacht::model::company::Channel;
use nachtwacht::model::decision::{ContactReason, Hit, ItemKind};
use nachtwacht::model::identity::{FindingId, PartyRef};
use nachtwacht::model::ledger_record::{LedgerView, Numbered, Record};
use nachtwacht::model::letter::Fact;
use nachtwacht::model::night::Night;
use nachtwacht::model::sighting::{Assumption, Coverage, Gone, Sightings};

use super::{DAY, House, MARCH, hit, reasons};

fn night(text: &str) -> Night {
    text.parse().unwrap()
}

/// A house that wrote about these hits on 2026-03-10.
fn written(hits: &[Hit]) -> (House, Decided) {
    let mut house = House::new();
    let decided = house.decide(hits);
    house.remember(&decided, "2026-03-10");
    (house, decided)
}

fn on(house: &mut House, at: &str, hit: Hit) -> &'static str {
    house.night = night(at);
    reasons(&house.decide(&[hit]))[0]
}

#[test]
fn what_is_worse_than_it_was_breaks_through_the_quiet_days() {
    let row = |more: &[(&str, &str)]| hit(9, 1, "rdp", 3389, more);
    let (mut house, _) = written(&[row(&[("severity", "medium"), ("cve", "CVE-2026-1")])]);
    let day = "2026-03-12";
    for (severity, want) in [
        ("critical", "severity_up"),
        ("high", "severity_up"),
        ("medium", "quiet_days"),
        ("low", "quiet_days"),
    ] {
        let found = on(&mut house, day, row(&[("severity", severity)]));
        assert_eq!(found, want, "{severity}");
    }
    // On its own night, or on an earlier one, it never does.
    for past in ["2026-03-10", "2026-03-08"] {
        let found = on(&mut house, past, row(&[("severity", "critical")]));
        assert_eq!(found, "quiet_days", "{past}");
    }
    // Without a severity then or now nothing is known to be worse.
    assert_eq!(on(&mut house, day, row(&[])), "quiet_days");
    let (mut bare, _) = written(&[row(&[])]);
    let found = on(&mut bare, day, row(&[("severity", "critical")]));
    assert_eq!(found, "quiet_days");

    let listed = |cve: &str| {
        let kev = Fact::Kev {
            cve: cve.into(),
            since: night("2026-03-11").date(),
            as_of: night("2026-03-12").date(),
        };
        BTreeMap::from([(cve.to_owned(), vec![kev])])
    };
    house.facts = listed("CVE-2026-1");
    let exploited = row(&[("cve", "CVE-2026-1"), ("severity", "medium")]);
    house.night = night(day);
    let decided = house.decide(std::slice::from_ref(&exploited));
    assert_eq!(reasons(&decided), ["newly_exploited"]);
    let item = &decided.letters[0].items[0];
    assert_eq!(
        (item.kind, item.evidence.in_kev),
        (ItemKind::Reminder, Some(true))
    );
    // Said once: it is known now.
    house.remember(&decided, day);
    assert_eq!(
        on(&mut house, "2026-03-13", exploited.clone()),
        "quiet_days"
    );
    house.facts = listed("CVE-2026-2");
    assert_eq!(on(&mut house, "2026-03-13", exploited), "quiet_days");
}

#[test]
fn a_reminder_goes_by_another_channel_than_the_mail_that_changed_nothing() {
    let row = |company| hit(9, company, "rdp", 3389, &[]);
    let (mut house, first) = written(&[row(1)]);
    assert_eq!(first.letters[0].letter.recipient.channel, Channel::Email);
    house.night = night("2026-04-07");
    let decided = house.decide(&[row(1)]);
    assert_eq!(reasons(&decided), ["escalation"]);
    let letter = &decided.letters[0];
    let to = &letter.letter.recipient;
    assert_eq!(
        (to.channel, to.why),
        (Channel::Post, ContactReason::EscalatedToPost)
    );
    assert_eq!(letter.items[0].kind, ItemKind::Escalation);
    assert_eq!(
        letter.letter.sections[0].findings[0].kind,
        ItemKind::Escalation
    );
    // Since when it is open.
    assert_eq!(letter.items[0].first_observed_at, MARCH + 9 * DAY);
    // With news in the same letter it goes the quick way.
    let decided = house.decide(&[row(1), hit(10, 1, "rdp", 3390, &[])]);
    assert_eq!(reasons(&decided), ["reminder", "first_warning"]);
    assert_eq!(decided.letters[0].letter.recipient.channel, Channel::Email);
    // Without a postal address the mail is all there is.
    house.company(1, None, false);
    assert_eq!(on(&mut house, "2026-04-07", row(1)), "reminder");
}

/// Company 1's place of [`hit`]: an address and a port.
fn register(decided: &Decided) -> (FindingId, BTreeMap<PartyRef, Registered>) {
    let item = &decided.letters[0].items[0];
    let here = Registered {
        parties: BTreeMap::from([(PartyRef([0; 32]), i64::MIN)]),
        nets: vec!["192.0.2.1/32".parse().unwrap()],
    };
    (item.finding_id, BTreeMap::from([(item.asset_ref, here)]))
}

fn scan(network: &str, ports: &[(u16, u16)], is_complete: bool) -> Coverage {
    Coverage {
        feed: "shadowserver".into(),
        report: "rdp".into(),
        day: "2026-03-11".parse().unwrap(),
        scanned_from: MARCH + 10 * DAY,
        network: (!network.is_empty()).then(|| network.parse().unwrap()),
        ports: ports.to_vec(),
        is_complete,
        is_assumed: false,
    }
}

#[test]
fn gone_is_fixed_only_where_a_later_scan_covered_the_place() {
    let (house, decided) = written(&[hit(9, 1, "rdp", 3389, &[])]);
    let (finding, ours) = register(&decided);
    let everything = scan("", &[], true);
    let seen_before = Coverage {
        scanned_from: MARCH + 9 * DAY,
        ..everything.clone()
    };
    let of = |feed: &str, report: &str| Coverage {
        feed: feed.into(),
        report: report.into(),
        ..everything.clone()
    };
    let mut moved = ours.clone();
    for r in moved.values_mut() {
        r.parties = BTreeMap::from([(PartyRef([9; 32]), i64::MIN)]);
    }
    let registered_at = |since: i64| {
        let mut register = ours.clone();
        for r in register.values_mut() {
            r.parties = BTreeMap::from([(PartyRef([0; 32]), since)]);
        }
        register
    };
    let (from_scan, from_later) = (
        registered_at(everything.scanned_from),
        registered_at(everything.scanned_from + 1),
    );
    let mut named = ours.clone();
    for r in named.values_mut() {
        r.nets.clear();
    }
    let nobody = BTreeMap::new();
    let table: Vec<(&str, &BTreeMap<_, _>, Vec<Coverage>, Gone)> = vec![
        ("all of it", &ours, vec![everything.clone()], Gone::Fixed),
        (
            "its network",
            &ours,
            vec![scan("192.0.2.0/24", &[], false)],
            Gone::Fixed,
        ),
        (
            "its port",
            &ours,
            vec![scan("", &[(1, 22), (3389, 3389)], true)],
            Gone::Fixed,
        ),
        (
            "half a scan",
            &ours,
            vec![scan("", &[], false)],
            Gone::NotSeen,
        ),
        (
            "another network",
            &ours,
            vec![scan("198.51.100.0/24", &[], true)],
            Gone::NotSeen,
        ),
        (
            "half of its network",
            &ours,
            vec![scan("192.0.2.1/32", &[(80, 80)], true)],
            Gone::NotSeen,
        ),
        (
            "another port",
            &ours,
            vec![scan("", &[(443, 443)], true)],
            Gone::NotSeen,
        ),
        ("an earlier scan", &ours, vec![seen_before], Gone::NotSeen),
        (
            "one of two scans",
            &ours,
            vec![scan("", &[], false), everything.clone()],
            Gone::Fixed,
        ),
        (
            "a name, and a network",
            &named,
            vec![scan("192.0.2.0/24", &[], true)],
            Gone::NotSeen,
        ),
        (
            "a name, and everything",
            &named,
            vec![everything.clone()],
            Gone::Fixed,
        ),
        ("no scan", &ours, vec![], Gone::NotScanned),
        (
            "another feed",
            &ours,
            vec![of("partner", "rdp")],
            Gone::NotScanned,
        ),
        (
            "another report",
            &ours,
            vec![of("shadowserver", "smb")],
            Gone::NotScanned,
        ),
        (
            "somebody else's",
            &moved,
            vec![everything.clone()],
            Gone::MovedOwner,
        ),
        (
            "registered anew as the scan began",
            &from_scan,
            vec![everything.clone()],
            Gone::Fixed,
        ),
        (
            "registered anew after that",
            &from_later,
            vec![everything.clone()],
            Gone::NotSeen,
        ),
        (
            "nobody's",
            &nobody,
            vec![everything.clone()],
            Gone::MovedOwner,
        ),
    ];
    for (name, register, coverage, want) in table {
        let tonight = Tonight {
            night: night("2026-03-11"),
            seen: &BTreeSet::new(),
            waiting: &BTreeSet::new(),
            unsure: &BTreeSet::new(),
            relapsed: &BTreeSet::new(),
            coverage: &coverage,
            register,
        };
        let found = sightings(&house.history, &tonight);
        assert_eq!(found.counts, BTreeMap::from([(want, 1)]), "{name}");
        let is_said = want != Gone::NotScanned;
        assert_eq!(
            found.gone,
            if is_said {
                vec![(finding, want)]
            } else {
                vec![]
            },
            "{name}"
        );
    }
    let seen = BTreeSet::from([finding]);
    let tonight = Tonight {
        night: night("2026-03-11"),
        seen: &seen,
        waiting: &BTreeSet::new(),
        unsure: &BTreeSet::new(),
        relapsed: &BTreeSet::new(),
        coverage: &[everything],
        register: &ours,
    };
    let found = sightings(&house.history, &tonight);
    assert!(found.gone.is_empty() && found.back.is_empty() && found.counts.is_empty());
}

/// What the job assumes counts as a scan, from the day before its snapshot on, and is said.
#[test]
fn an_assumed_scan_covers_from_the_day_before_and_is_named() {
    let (house, decided) = written(&[hit(9, 1, "rdp", 3389, &[])]);
    let (finding, ours) = register(&decided);
    let assumption = |networks: &[&str], ports: &[u16]| Assumption {
        report: "rdp".into(),
        networks: networks.iter().map(|n| n.parse().unwrap()).collect(),
        ports: ports.to_vec(),
    };
    let table = [
        ("its own snapshot", 11, assumption(&[], &[]), Gone::NotSeen),
        ("the next day's", 12, assumption(&[], &[]), Gone::Fixed),
        ("its port", 12, assumption(&[], &[22, 3389]), Gone::Fixed),
        ("another port", 12, assumption(&[], &[22]), Gone::NotSeen),
        (
            "one of two networks",
            12,
            assumption(&["198.51.100.0/24", "192.0.2.0/24"], &[]),
            Gone::Fixed,
        ),
        (
            "another network",
            12,
            assumption(&["198.51.100.0/24"], &[]),
            Gone::NotSeen,
        ),
    ];
    for (name, day, assumption, want) in table {
        let day = format!("2026-03-{day}").parse().unwrap();
        let assumed = assumption.coverage("shadowserver", day);
        let none = BTreeSet::new();
        let of = |coverage: &[Coverage]| {
            let tonight = Tonight {
                night: Night::new(day),
                seen: &none,
                waiting: &none,
                unsure: &none,
                relapsed: &none,
                coverage,
                register: &ours,
            };
            sightings(&house.history, &tonight)
        };
        let found = of(&assumed);
        assert_eq!(found.gone, [(finding, want)], "{name}");
        assert_eq!(found.assumed, ["shadowserver/rdp"], "{name}");
        let mut said = assumed;
        for c in &mut said {
            c.is_assumed = false;
        }
        assert!(of(&said).assumed.is_empty(), "{name}");
    }
}

/// What was noted on one night is judged again on the next, until it is proven to be fixed.
#[test]
fn what_was_not_seen_is_fixed_once_a_whole_scan_does_not_see_it() {
    let (house, decided) = written(&[hit(9, 1, "rdp", 3389, &[])]);
    let (finding, ours) = register(&decided);
    let claims = house.claims(&decided, "2026-03-10");
    let nobody = BTreeMap::new();
    let (half, whole) = (scan("", &[], false), scan("", &[], true));
    let (half, whole, none) = (vec![half], vec![whole], vec![]);
    for (before, coverage, register, count, is_new) in [
        (Gone::NotSeen, &whole, &ours, Gone::Fixed, true),
        (Gone::NotSeen, &half, &ours, Gone::NotSeen, false),
        (Gone::NotSeen, &none, &ours, Gone::NotSeen, false),
        (Gone::NotSeen, &whole, &nobody, Gone::MovedOwner, true),
        (Gone::MovedOwner, &whole, &nobody, Gone::MovedOwner, false),
        (Gone::MovedOwner, &whole, &ours, Gone::Fixed, true),
        (Gone::MovedOwner, &none, &ours, Gone::MovedOwner, false),
        (Gone::Fixed, &half, &ours, Gone::Fixed, false),
        (Gone::Fixed, &whole, &nobody, Gone::Fixed, false),
    ] {
        let noted = Record::from(Sightings {
            night: night("2026-03-12"),
            gone: vec![(finding, before)],
            back: vec![],
            counts: BTreeMap::from([(before, 1)]),
            assumed: vec![],
        });
        let records = claims.iter().cloned().chain([noted]);
        let history = History::of(&LedgerView {
            last_seq: 1,
            records: records.map(|record| Numbered { seq: 1, record }).collect(),
        });
        let found = sightings(
            &history,
            &Tonight {
                night: night("2026-03-13"),
                seen: &BTreeSet::new(),
                waiting: &BTreeSet::new(),
                unsure: &BTreeSet::new(),
                relapsed: &BTreeSet::new(),
                coverage,
                register,
            },
        );
        let name = format!("{before}, then {count}");
        assert_eq!(found.counts, BTreeMap::from([(count, 1)]), "{name}");
        let want: &[_] = if is_new { &[(finding, count)] } else { &[] };
        assert_eq!(found.gone, want, "{name}");
    }
}

#[test]
fn gone_for_the_relapse_days_and_back_is_a_relapse() {
    let row = || hit(9, 1, "rdp", 3389, &[]);
    let (mut house, decided) = written(&[row()]);
    let finding = decided.letters[0].items[0].finding_id;
    let claims = house.claims(&decided, "2026-03-10");
    let change = |at: &str, gone: Option<Gone>| {
        Record::from(Sightings {
            night: night(at),
            gone: gone.map(|how| (finding, how)).into_iter().collect(),
            back: if gone.is_none() {
                vec![finding]
            } else {
                vec![]
            },
            counts: BTreeMap::new(),
            assumed: vec![],
        })
    };
    let mut after = |changes: Vec<Record>, at: &str| {
        let records = claims.iter().cloned().chain(changes);
        house.history = History::of(&LedgerView {
            last_seq: 1,
            records: records.map(|record| Numbered { seq: 1, record }).collect(),
        });
        on(&mut house, at, row())
    };
    let gone = || change("2026-03-12", Some(Gone::Fixed));
    // Fourteen days, by the threat; within the 28 quiet days.
    assert_eq!(after(vec![gone()], "2026-03-25"), "quiet_days");
    assert_eq!(after(vec![gone()], "2026-03-26"), "relapse");
    assert_eq!(after(vec![], "2026-03-26"), "quiet_days");
    // Half a scan, or another owner, proves nothing fixed: a letter that says so would be untrue.
    for how in [Gone::NotSeen, Gone::MovedOwner] {
        let unseen = || change("2026-03-12", Some(how));
        assert_eq!(after(vec![unseen()], "2026-03-26"), "quiet_days", "{how}");
        let found = after(vec![unseen()], "2026-05-01");
        assert_eq!(found, "escalation", "{how}: a reminder");
        // A whole scan came later: the days begin there.
        let fixed = || change("2026-03-15", Some(Gone::Fixed));
        let changes = vec![unseen(), fixed()];
        assert_eq!(after(changes.clone(), "2026-03-28"), "quiet_days", "{how}");
        assert_eq!(after(changes, "2026-03-29"), "relapse", "{how}");
    }
    // Seen in between: the days begin anew.
    let back = || change("2026-03-20", None);
    assert_eq!(after(vec![gone(), back()], "2026-03-26"), "quiet_days");
    let again = change("2026-03-22", Some(Gone::Fixed));
    assert_eq!(
        after(vec![gone(), back(), again], "2026-04-04"),
        "quiet_days"
    );
    // After the reminder days it is a relapse still, not a reminder.
    assert_eq!(after(vec![gone()], "2026-05-01"), "relapse");
}
