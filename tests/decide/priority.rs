//! Urgent or normal: one row a rule, and the answer names the rule.

use nachtwacht::decide::priority::UrgentRule;
use nachtwacht::model::letter::Fact;
use nachtwacht::model::observation::Severity;
use nachtwacht::model::threat::Urgency;

use super::*;

fn facts() -> BTreeMap<String, Vec<Fact>> {
    let cve = "CVE-2021-44228".to_owned();
    let as_of = jiff::civil::date(2026, 3, 9);
    let kev = Fact::Kev {
        cve: cve.clone(),
        since: jiff::civil::date(2021, 12, 10),
        as_of,
    };
    let epss = Fact::Epss {
        cve: cve.clone(),
        per_10_000: 5_050,
        as_of,
    };
    BTreeMap::from([(cve, vec![kev, epss])])
}

/// The night is 2026-03-10; row 5 was seen on 2026-03-06.
fn decided(rules: Vec<UrgentRule>, more: &[(&str, &str)]) -> Decided {
    let mut house = House::new();
    house.settings.urgent = rules;
    let facts = facts();
    decide::decide(&decide::Input {
        settings: &house.settings,
        night: house.night,
        hits: &[hit(5, 1, "rdp", 3389, more)],
        companies: &house.companies,
        contacts: &house.contacts,
        published: &house.published,
        threats: &house.threats,
        triggers: &house.triggers,
        history: &house.history,
        facts: &facts,
        verification_key: &Secret::new(b"v"),
        party_key: &Secret::new(b"p"),
    })
}

fn rule(change: impl FnOnce(&mut UrgentRule)) -> UrgentRule {
    let mut rule = UrgentRule {
        name: "r".into(),
        ..UrgentRule::default()
    };
    change(&mut rule);
    rule
}

#[test]
fn each_condition_holds_and_fails_by_its_own_name() {
    let exploited = [("cve", "CVE-2021-44228"), ("severity", "high")];
    let plain = [("cve", "CVE-2000-0001"), ("severity", "medium")];
    let cases: Vec<(UrgentRule, &str, &str)> = vec![
        (
            rule(|r| r.kev = Some(true)),
            "CVE-2021-44228 on the KEV list since 2021-12-10 (list of 2026-03-09)",
            "not on the KEV list",
        ),
        (
            rule(|r| r.min_epss_percent = Some(50)),
            "EPSS 50%",
            "no EPSS score",
        ),
        (
            rule(|r| r.min_severity = Some(Severity::High)),
            "severity high",
            "severity medium",
        ),
    ];
    for (rule, holds, lacks) in cases {
        for (more, want, words) in [
            (&exploited, Urgency::Urgent, holds),
            (&plain, Urgency::Normal, lacks),
        ] {
            let decided = decided(vec![rule.clone()], more);
            let d = &decided.decisions[0];
            assert_eq!(d.urgency, want, "{}", d.urgency_reason);
            assert!(d.urgency_reason.contains(words), "{}", d.urgency_reason);
            assert!(d.urgency_reason.contains("`r`"), "{}", d.urgency_reason);
            // The letter and its claim say the same.
            assert_eq!(decided.letters[0].letter.sections[0].urgency, want);
            assert_eq!(decided.letters[0].items[0].urgency, want);
        }
    }
    let both: Vec<(UrgentRule, UrgentRule)> = vec![
        (
            rule(|r| r.threat = vec!["rdp".into()]),
            rule(|r| r.threat = vec!["bot".into()]),
        ),
        (
            rule(|r| r.threat_urgency = Some(Urgency::Normal)),
            rule(|r| r.threat_urgency = Some(Urgency::Urgent)),
        ),
        (
            rule(|r| r.min_confidence = Some(Confidence::High)),
            rule(|r| {
                r.min_confidence = Some(Confidence::High);
                r.kev = Some(true);
            }),
        ),
        (
            rule(|r| r.seen_within_days = Some(4)),
            rule(|r| r.seen_within_days = Some(3)),
        ),
        (
            rule(|r| r.open_for_days = Some(4)),
            rule(|r| r.open_for_days = Some(5)),
        ),
        (
            rule(|r| r.kev = Some(false)),
            rule(|r| {
                r.kev = Some(false);
                r.min_epss_percent = Some(1);
            }),
        ),
    ];
    for (yes, no) in both {
        let urgency = |rule: &UrgentRule| decided(vec![rule.clone()], &plain).decisions[0].urgency;
        assert_eq!(urgency(&yes), Urgency::Urgent, "{yes:?}");
        assert_eq!(urgency(&no), Urgency::Normal, "{no:?}");
        // Any rule is enough.
        let d = decided(vec![no, yes], &plain);
        assert_eq!(d.decisions[0].urgency, Urgency::Urgent);
    }
    let none = decided(Vec::new(), &plain);
    assert_eq!(
        none.decisions[0].urgency_reason,
        "the threat is normal; the job has no rule"
    );
}
