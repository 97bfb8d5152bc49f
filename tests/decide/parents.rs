//! Overviews for parent companies: who gets one and what it tells, by a table and by a loop.

use std::collections::{BTreeMap, BTreeSet};

use nachtwacht::decide::priority::UrgentRule;
use nachtwacht::decide::{Decided, Drafted, without};
use nachtwacht::model::aftermath::{Answer, AnswerKind};
use nachtwacht::model::counts::NotWritten;
use nachtwacht::model::identity::LetterId;
use nachtwacht::model::ledger_record::ReceiptState;
use nachtwacht::model::observation::Severity;
use nachtwacht::model::threat::Urgency;
use proptest::prelude::*;

use super::*;

/// Parent 9 with daughters 1 and 2; all have a mailbox.
fn family() -> House {
    let mut house = House::new();
    house.settings.copy_to_parent = true;
    house.settings.urgent = vec![UrgentRule {
        name: "critical".into(),
        min_severity: Some(Severity::Critical),
        ..UrgentRule::default()
    }];
    house.company(1, Some(9), true);
    house.company(2, Some(9), true);
    house.company(9, None, true);
    house.contact(9, Channel::Email, "raad@moeder.example", false);
    house
}

/// Daughter 1 with an urgent place and one that must stay; daughter 2 with another two.
fn seen() -> Vec<Hit> {
    vec![
        hit(1, 1, "rdp", 3389, &[("severity", "critical")]),
        hit(2, 1, "rdp", 3390, &[("tlp", "TLP:RED")]),
        hit(3, 2, "bot", 1, &[("tlp", "tlp:amber ")]),
        hit(4, 2, "rdp", 3389, &[("tlp", "TLP:GREEN")]),
        hit(5, 2, "rdp", 3390, &[("tlp", "TLP:CLEAR")]),
    ]
}

/// Parent → daughter → threat → (urgent, places).
type Told = BTreeMap<u32, BTreeMap<u32, BTreeMap<String, (bool, usize)>>>;

fn number(key: &CompanyKey) -> u32 {
    key.as_str().rsplit(':').next().unwrap().parse().unwrap()
}

fn told_of(drafted: &Drafted) -> BTreeMap<u32, BTreeMap<String, (bool, usize)>> {
    let overview = drafted.letter.overview.as_ref().unwrap();
    let letters = overview.letters.iter().map(|l| {
        let threats = l.threats.iter();
        let threats = threats.map(|t| {
            let is_urgent = t.urgency == Urgency::Urgent;
            (t.threat.id.clone(), (is_urgent, t.n_places))
        });
        (number(&l.company.key), threats.collect())
    });
    letters.collect()
}

fn told(decided: &Decided) -> Told {
    let overviews = decided.overviews();
    overviews
        .map(|d| (number(&d.letter.company.key), told_of(d)))
        .collect()
}

/// As told by hand: `9: 1 rdp! 1, 2 bot 1, 2 rdp 2`; `!` is urgent.
fn shown(decided: &Decided) -> String {
    let mut parts = Vec::new();
    for (parent, letters) in told(decided) {
        let rows = letters.iter().flat_map(|(daughter, threats)| {
            threats.iter().map(move |(threat, (is_urgent, n))| {
                let mark = if *is_urgent { "!" } else { "" };
                format!("{daughter} {threat}{mark} {n}")
            })
        });
        parts.push(format!("{parent}: {}", rows.collect::<Vec<_>>().join(", ")));
    }
    parts.join("; ")
}

const ALL: &str = "9: 1 rdp! 1, 2 bot 1, 2 rdp 2";

/// What the case is, how it is made, what is told, and what is not written.
type Case = (&'static str, fn(&mut House), &'static str, NotWritten);

const NONE: NotWritten = NotWritten {
    no_contact: 0,
    unwanted: 0,
    over_limit: 0,
};

const CASES: &[Case] = &[
    ("both daughters are told of", |_| {}, ALL, NONE),
    (
        "off by default",
        |h| h.settings.copy_to_parent = false,
        "",
        NONE,
    ),
    (
        "one level up only",
        |h| {
            h.company(9, Some(8), true);
            h.company(8, None, true);
            h.contact(8, Channel::Email, "top@groep.example", false);
        },
        ALL,
        NONE,
    ),
    (
        "a cycle tells each of the other",
        |h| {
            h.company(1, Some(2), true);
            h.company(2, Some(1), true);
        },
        "1: 2 bot 1, 2 rdp 2; 2: 1 rdp! 1",
        NONE,
    ),
    (
        "nobody is its own parent",
        |h| h.company(1, Some(1), true),
        "9: 2 bot 1, 2 rdp 2",
        NONE,
    ),
    (
        "a parent that the register does not have",
        |h| h.company(1, Some(77), true),
        "9: 2 bot 1, 2 rdp 2",
        NONE,
    ),
    (
        "two parents get one each",
        |h| h.company(2, Some(3), true),
        "3: 2 bot 1, 2 rdp 2; 9: 1 rdp! 1",
        NONE,
    ),
    (
        "a parent without a mailbox gets it by post",
        |h| drop(h.contacts.remove(&key(9))),
        ALL,
        NONE,
    ),
    (
        "nor an address: counted",
        |h| {
            h.contacts.remove(&key(9));
            h.company(9, None, false);
        },
        "",
        NotWritten {
            no_contact: 1,
            ..NONE
        },
    ),
    (
        "never by its own parent's contact",
        |h| {
            h.contacts.remove(&key(9));
            h.company(9, Some(3), false);
        },
        "",
        NotWritten {
            no_contact: 1,
            ..NONE
        },
    ),
    (
        "a daughter that nobody can reach is not told of",
        |h| {
            h.settings.chain = vec![ContactStep::Registered];
            h.contacts.remove(&key(1));
        },
        "9: 2 bot 1, 2 rdp 2",
        NONE,
    ),
    (
        "a kind of party that the job does not write to",
        |h| {
            let mut parent = h.companies[&key(9)].as_ref().clone();
            parent.party_kind = PartyKind::Registered;
            h.companies.insert(key(9), Arc::new(parent));
            h.settings.write_to = [PartyKind::Participant].into();
        },
        "",
        NotWritten {
            unwanted: 1,
            ..NONE
        },
    ),
    (
        "a limit goes to the letters first",
        |h| h.settings.max_letters = Some(2),
        "",
        NotWritten {
            over_limit: 1,
            ..NONE
        },
    ),
    (
        "what is left of it",
        |h| h.settings.max_letters = Some(3),
        ALL,
        NONE,
    ),
    (
        "a letter over the limit is not told of",
        |h| {
            h.settings.max_letters = Some(1);
            h.company(1, None, true);
        },
        "",
        NONE,
    ),
];

#[test]
fn each_parent_gets_one_overview_of_what_it_may_hear() {
    for (what, change, want, not_written) in CASES {
        let mut house = family();
        change(&mut house);
        let decided = house.decide(&seen());
        assert_eq!(shown(&decided), *want, "{what}");
        assert_eq!(decided.not_written, *not_written, "{what}");
        for d in decided.overviews() {
            assert!(d.is_sendable && d.items.is_empty(), "{what}");
            assert!(d.letter.sections.is_empty(), "{what}");
            assert_ne!(d.letter.recipient.why, ContactReason::Parent, "{what}");
        }
    }
}

/// Each label, alone in a letter.
#[test]
fn what_a_label_keeps_in_one_organisation_no_parent_hears() {
    for (label, is_told) in [
        ("", true),
        ("TLP:CLEAR", true),
        ("TLP:GREEN", true),
        (" tlp:amber ", true),
        ("TLP:AMBER+STRICT", false),
        ("tlp:amber+strict", false),
        ("TLP:RED", false),
        (" Tlp:Red", false),
        ("TLP:PURPLE", false),
        ("secret", false),
    ] {
        let rows = [hit(1, 1, "rdp", 3389, &[("tlp", label)])];
        let decided = family().decide(&rows);
        assert_eq!(decided.warnings().count(), 1);
        let want = if is_told { "9: 1 rdp 1" } else { "" };
        assert_eq!(shown(&decided), want, "{label}");
        assert_eq!(decided.not_written, NONE, "{label}");
    }
    // Nor how urgent it is.
    let red = [("tlp", "TLP:RED"), ("severity", "critical")];
    let rows = [
        hit(1, 1, "rdp", 3389, &red),
        hit(2, 1, "rdp", 3390, &[("severity", "low")]),
    ];
    assert_eq!(shown(&family().decide(&rows)), "9: 1 rdp 1");
}

#[test]
fn urgent_letters_stand_first_and_say_where_they_went() {
    let mut house = family();
    house.contacts.remove(&key(1));
    house.company(1, Some(9), false);
    let mut rows = seen();
    rows[0] = hit(1, 1, "rdp", 3389, &[]);
    rows[1] = hit(2, 1, "rdp", 3390, &[]);
    rows[4] = hit(5, 2, "rdp", 3390, &[("severity", "critical")]);
    let decided = house.decide(&rows);
    let overview = decided.overviews().next().unwrap();
    let letters = &overview.letter.overview.as_ref().unwrap().letters;
    let order: Vec<(u32, ContactReason)> = letters
        .iter()
        .map(|l| (number(&l.company.key), l.why))
        .collect();
    let want = [(2, ContactReason::Registered), (1, ContactReason::Parent)];
    assert_eq!(order, want);
    for told in letters {
        let letter = decided.warnings().find(|d| d.letter.id == told.id).unwrap();
        assert_eq!(letter.letter.reference, told.reference);
    }
}

#[test]
fn a_parent_that_wants_no_letters_gets_no_overview() {
    let mut house = family();
    let answer = Answer {
        letter_id: LetterId([7; 32]),
        night: "2026-03-01".parse().unwrap(),
        party_ref: PartyRef::of(&Secret::new(b"p"), &key(9)),
        kind: AnswerKind::OptOut,
        by: "recipient".into(),
        said_at: MARCH,
        until: Some("2026-03-11".parse().unwrap()),
        findings: Vec::new(),
        assets: Vec::new(),
    };
    house.history = History::of(&LedgerView {
        last_seq: 1,
        records: vec![Numbered {
            seq: 1,
            record: answer.into(),
        }],
    });
    let decided = house.decide(&seen());
    assert_eq!(
        (shown(&decided).as_str(), decided.not_written.unwanted),
        ("", 1)
    );
    house.night = "2026-03-11".parse().unwrap();
    assert_eq!(shown(&house.decide(&seen())), ALL);
}

#[test]
fn an_overview_that_was_lost_is_tried_again_by_the_same_night_alone() {
    let mut house = family();
    let decided = house.decide(&seen());
    let claim = claim_of(decided.overviews().next().unwrap(), "2026-03-10");
    assert!(claim.is_overview() && !claim.is_correction());
    let receipt = claim.receipt(ReceiptState::Failed, "printer");
    let records = [Record::from(claim), receipt];
    house.history = History::of(&LedgerView {
        last_seq: 1,
        records: records.map(|record| Numbered { seq: 1, record }).into(),
    });
    let attempt = |house: &House| {
        let decided = house.decide(&seen());
        decided.overviews().next().unwrap().letter.attempt
    };
    assert_eq!(attempt(&house), 2);
    house.night = "2026-03-11".parse().unwrap();
    assert_eq!(attempt(&house), 1);
}

/// A letter that cannot be typeset is told of by nobody, and the overview is another one.
#[test]
fn a_letter_that_cannot_be_made_leaves_the_overview() {
    let decided = family().decide(&seen());
    let ids: Vec<LetterId> = decided.warnings().map(|d| d.letter.id).collect();
    let key = Secret::new(b"v");
    let left = |gone: &[LetterId]| {
        let mut overviews: Vec<Drafted> = decided.overviews().cloned().collect();
        without(&mut overviews, &gone.iter().copied().collect(), &key);
        overviews
    };
    let same = left(&[LetterId([7; 32])]);
    let before = decided.overviews().next().unwrap();
    assert_eq!(same[0].letter.id, before.letter.id);
    let one = left(&ids[..1]);
    assert_eq!(told_of(&one[0]).into_keys().collect::<Vec<_>>(), [2]);
    let mut house = family();
    house.company(1, None, true);
    let decided_so = house.decide(&seen());
    let want = &decided_so.overviews().next().unwrap().letter;
    let found = &one[0].letter;
    assert_eq!((found.id, &found.reference), (want.id, &want.reference));
    assert!(left(&ids).is_empty());
}

/// No overview of threats in shadow: nothing of a rehearsal leaves.
#[test]
fn a_rehearsal_has_no_overviews() {
    let decided = family().decided_by(decide::rehearse, &[hit(1, 1, "shadowy", 1, &[])]);
    assert_eq!((decided.letters.len(), decided.overviews().count()), (1, 0));
}

const LABELS: [&str; 6] = [
    "",
    "TLP:GREEN",
    "tlp:amber",
    "TLP:AMBER+STRICT",
    "TLP:RED",
    "?",
];

/// One company: parent, whether it has a mailbox, its rows as label and urgency.
#[derive(Clone, Debug)]
struct Meant {
    parent: Option<u32>,
    has_mailbox: bool,
    rows: Vec<(usize, bool)>,
    bot: Option<(usize, bool)>,
}

fn any_company() -> impl Strategy<Value = Meant> {
    let row = || (0..LABELS.len(), any::<bool>());
    (
        proptest::option::of(1u32..=7),
        proptest::bool::weighted(0.7),
        proptest::collection::vec(row(), 0..4),
        proptest::option::of(row()),
    )
        .prop_map(|(parent, has_mailbox, rows, bot)| Meant {
            parent,
            has_mailbox,
            rows,
            bot,
        })
}

/// By a loop over parents, over companies, over rows; from the rows, not from the letters.
fn slowly(all: &[Meant]) -> (Told, u64) {
    let company = |n: u32| all.get(n as usize - 1);
    let has_mailbox = |n: u32| company(n).is_some_and(|c| c.has_mailbox);
    let (mut found, mut n_unreached) = (Told::new(), 0);
    for parent in 1..=7u32 {
        let mut letters = BTreeMap::new();
        for (n, daughter) in (1u32..).zip(all) {
            let all = daughter.rows.iter().chain(&daughter.bot);
            // What is for the company alone goes to nobody's parent.
            let may_borrow = all.clone().all(|(label, _)| LABELS[*label] != "TLP:RED");
            let borrows = may_borrow && daughter.parent.is_some_and(has_mailbox);
            let is_reached = daughter.has_mailbox || borrows;
            if daughter.parent != Some(parent) || n == parent || !is_reached {
                continue;
            }
            let mut threats = BTreeMap::new();
            let rdp = daughter.rows.iter().map(|row| ("rdp", row));
            for (threat, (label, is_urgent)) in rdp.chain(daughter.bot.iter().map(|b| ("bot", b))) {
                if *label < 3 {
                    let told = threats.entry(threat.to_owned()).or_insert((false, 0));
                    *told = (told.0 | is_urgent, told.1 + 1);
                }
            }
            if !threats.is_empty() {
                letters.insert(n, threats);
            }
        }
        // Who got all of them itself needs no list of them.
        let has_own = |n: &u32| has_mailbox(*n);
        let is_told = letters.keys().any(has_own);
        match (!is_told, company(parent), has_mailbox(parent)) {
            (true, ..) | (_, None, _) => {}
            (_, _, true) => drop(found.insert(parent, letters)),
            (_, _, false) => n_unreached += 1,
        }
    }
    (found, n_unreached)
}

fn house_of(all: &[Meant]) -> (House, Vec<Hit>) {
    let mut house = family();
    (house.companies, house.contacts) = (BTreeMap::new(), BTreeMap::new());
    house.settings.chain = vec![ContactStep::Registered, ContactStep::Parent];
    let mut rows = Vec::new();
    for (n, meant) in (1u32..).zip(all) {
        house.company(n, meant.parent, false);
        if meant.has_mailbox {
            house.contact(n, Channel::Email, &format!("a@{n}.example"), false);
        }
        let rdp = (3389u16..)
            .zip(&meant.rows)
            .map(|(port, row)| ("rdp", port, row));
        for (report, port, (label, is_urgent)) in rdp.chain(meant.bot.iter().map(|b| ("bot", 1, b)))
        {
            let severity = if *is_urgent { "critical" } else { "low" };
            let more = [("tlp", LABELS[*label]), ("severity", severity)];
            rows.push(hit(1 + rows.len() as u64 % 9, n, report, port, &more));
            let last = rows.len() as u64;
            let hit = rows.last_mut().unwrap();
            Arc::make_mut(&mut hit.observation).row = last;
        }
    }
    (house, rows)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Of six companies some name a seventh, which nobody registered.
    #[test]
    fn overviews_are_what_a_loop_tells_and_change_nothing_else(
        all in proptest::collection::vec(any_company(), 6),
    ) {
        let (mut house, rows) = house_of(&all);
        let decided = house.decide(&rows);
        let (want, n_unreached) = slowly(&all);
        prop_assert_eq!(told(&decided), want);
        prop_assert_eq!(decided.not_written.no_contact, n_unreached);
        let ids: BTreeSet<LetterId> = decided.letters.iter().map(|d| d.letter.id).collect();
        prop_assert_eq!(ids.len(), decided.letters.len());
        house.settings.copy_to_parent = false;
        let without = house.decide(&rows);
        prop_assert_eq!(format!("{:?}", decided.decisions), format!("{:?}", without.decisions));
        let warnings: Vec<&Drafted> = decided.warnings().collect();
        prop_assert_eq!(format!("{warnings:?}"), format!("{:?}", without.letters.iter().collect::<Vec<_>>()));
    }
}

/// The mailbox refuses it: the parent's address is left, then nobody; never another company's.
#[test]
fn a_refused_overview_goes_to_the_parents_own_next_contact() {
    let mut house = family();
    house.company(9, Some(3), true);
    let decided = house.decide(&seen());
    let drafted = decided.overviews().next().unwrap();
    let mailbox = PartyRef::of_contact(&Secret::new(b"p"), "raad@moeder.example");
    let address = house.companies[&key(9)].address.clone().unwrap();
    let postal = PartyRef::of_postal(&Secret::new(b"p"), &address);
    let next = |passed: &[PartyRef]| -> Vec<Drafted> {
        let input = decide::Input {
            settings: &house.settings,
            night: house.night,
            hits: &seen(),
            companies: &house.companies,
            contacts: &house.contacts,
            published: &house.published,
            threats: &house.threats,
            triggers: &house.triggers,
            history: &house.history,
            facts: &house.facts,
            verification_key: &Secret::new(b"v"),
            party_key: &Secret::new(b"p"),
        };
        let refused = decide::Refused {
            drafted,
            passed: passed.iter().copied().collect(),
            attempt: 2,
        };
        decide::to_next_contacts(&input, &decided.decisions, vec![refused])
    };
    let by_post = next(&[mailbox]);
    assert_eq!(by_post.len(), 1);
    let letter = &by_post[0].letter;
    assert_eq!(
        (letter.recipient.channel, letter.attempt),
        (Channel::Post, 2)
    );
    assert_eq!(
        (letter.id, &letter.addressee.key),
        (drafted.letter.id, &key(9))
    );
    assert!(letter.overview.is_some());
    assert!(next(&[mailbox, postal]).is_empty());
}
