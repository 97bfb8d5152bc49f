//! Who gets a letter tonight, and why everybody else does not: one table a rule.

mod accounts;
mod alias;
mod answers;
mod both_keys;
mod chain;
mod dice;
mod model;
mod parents;
mod policy;
mod priority;
mod returned;
mod superseded;
mod tokens;
mod year;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use nachtwacht::config;
use nachtwacht::decide::history::History;
use nachtwacht::decide::{self, Decided, Settings, rule};
use nachtwacht::model::asset::{Asset, AssetKind, AssetValue};
use nachtwacht::model::company::{
    Channel, Company, CompanyKey, Contact, Language, PartyKind, PostalAddress,
};
use nachtwacht::model::decision::{ContactReason, ContactStep, Hit, Outcome, Reason};
use nachtwacht::model::identity::{PartyRef, Secret};
use nachtwacht::model::ledger_record::{Claim, LedgerView, Numbered, Record};
use nachtwacht::model::letter::Fact;
use nachtwacht::model::matches::{Confidence, ConfidenceReason, Match, MatchedBy};
use nachtwacht::model::night::{Night, Validity};
use nachtwacht::model::published::Published;
use nachtwacht::model::threat::{Threat, Trigger};
use nachtwacht::report;

use answers::claim_of;

use crate::harness::root;

const DAY: i64 = 86_400_000_000;
/// 2026-03-01T00:00:00Z.
const MARCH: i64 = 1_772_323_200_000_000;

fn threat_text(id: &str, more: &str) -> (String, String) {
    let words = r#"title = "t"
what = "w"
risk = "r"
do_now = ["d"]
check_for_abuse = ["c"]
"#;
    let text = format!(
        r#"id = "{id}"
version = 1
urgency = "normal"
min_severity = "low"
remind_after_days = 28
relapse_after_days = 14
{more}
[[when]]
report = ["{id}"]
[[test]]
name = "yes"
row = {{ report = "{id}" }}
expect = "vulnerable"
[[test]]
name = "no"
row = {{ report = "other" }}
expect = "no"
[nl]
{words}
[en]
{words}"#
    );
    (format!("{id}.toml"), text)
}

/// The house of these tests: threats, triggers, companies, contacts.
struct House {
    threats: Vec<Arc<Threat>>,
    triggers: Vec<Arc<Trigger>>,
    companies: BTreeMap<CompanyKey, Arc<Company>>,
    contacts: BTreeMap<CompanyKey, Vec<Contact>>,
    published: Published,
    settings: Settings,
    history: History,
    night: Night,
    facts: BTreeMap<String, Vec<Fact>>,
}

fn key(n: u32) -> CompanyKey {
    format!("kvk:{n:08}").parse().unwrap()
}

impl House {
    fn new() -> Self {
        let plain = "state = \"active\"\nmin_confidence = \"medium\"";
        let files = [
            threat_text("rdp", plain),
            threat_text("bot", &format!("{plain}\nfinding = \"address\"")),
            threat_text("strong", &format!("{plain}\nsupersedes = [\"rdp\"]")),
            threat_text("shadowy", "state = \"shadow\"\nmin_confidence = \"low\""),
            threat_text("old", "state = \"retired\"\nmin_confidence = \"low\""),
        ];
        let triggers = "[[trigger]]\nid = \"t1\"\nthreat_id = \"rdp\"\nopened_on = 2026-03-01\nsource = \"own\"\nfeeds = []\n\
            [[trigger]]\nid = \"t2\"\nthreat_id = \"rdp\"\nopened_on = 2026-03-05\nsource = \"own\"\nfeeds = [\"partner\"]\n\
            [[trigger]]\nid = \"t3\"\nthreat_id = \"bot\"\nopened_on = 2026-03-01\nsource = \"own\"\nfeeds = []\n\
            [[trigger]]\nid = \"t4\"\nthreat_id = \"strong\"\nopened_on = 2026-03-01\nsource = \"own\"\nfeeds = []\n";
        let catalogue =
            config::catalogue(&files, &[("2026.toml".into(), triggers.into())]).unwrap();
        let mut house = Self {
            threats: catalogue.threats,
            triggers: catalogue.triggers,
            companies: BTreeMap::new(),
            contacts: BTreeMap::new(),
            published: Published::default(),
            settings: Settings::default(),
            history: History::default(),
            night: "2026-03-10".parse().unwrap(),
            facts: BTreeMap::new(),
        };
        for n in 1..=3 {
            house.company(n, None, true);
            house.contact(n, Channel::Email, "a@voorbeeld.example", false);
        }
        house
    }

    fn company(&mut self, n: u32, parent: Option<u32>, has_address: bool) {
        let address = PostalAddress {
            street: "Molenpad".into(),
            house_number: "1".into(),
            postcode: "1234AB".into(),
            town: "Dorp".into(),
            ..PostalAddress::default()
        };
        let company = Company {
            key: key(n),
            party_kind: PartyKind::Participant,
            name: format!("Bedrijf {n}"),
            language: Language::Nl,
            sector: String::new(),
            sector_scheme: String::new(),
            size_class: String::new(),
            province: String::new(),
            municipality: String::new(),
            participant_since: None,
            participant_until: None,
            legal_basis: String::new(),
            address: has_address.then_some(address),
            parent: parent.map(key),
        };
        self.companies.insert(key(n), Arc::new(company));
    }

    fn contact(&mut self, n: u32, channel: Channel, value: &str, has_bounced: bool) {
        self.contacts.entry(key(n)).or_default().push(Contact {
            company: key(n),
            channel,
            value: value.into(),
            role: "security".into(),
            priority: 1,
            verified_at: None,
            bounced_at: has_bounced.then_some(MARCH),
        });
    }

    fn decide(&self, hits: &[Hit]) -> Decided {
        self.decided_by(decide::decide, hits)
    }

    fn decided_by(&self, decide: fn(&decide::Input<'_>) -> Decided, hits: &[Hit]) -> Decided {
        decide(&decide::Input {
            settings: &self.settings,
            night: self.night,
            hits,
            companies: &self.companies,
            contacts: &self.contacts,
            published: &self.published,
            threats: &self.threats,
            triggers: &self.triggers,
            history: &self.history,
            facts: &self.facts,
            verification_key: &Secret::new(b"v"),
            party_key: &Secret::new(b"p"),
        })
    }

    /// The claims of these letters, on `night`.
    fn claims(&self, decided: &Decided, night: &str) -> Vec<Record> {
        let nobody = PartyRef([0; 32]);
        let claims = decided.letters.iter().map(|d| {
            let claim = claim_of(d, night);
            Record::from(Claim {
                party_ref: nobody,
                ..claim
            })
        });
        claims.collect()
    }

    /// The ledger after these letters went out on `night`.
    fn remember(&mut self, decided: &Decided, night: &str) {
        let claims = self.claims(decided, night).into_iter();
        let records = claims.map(|record| Numbered { seq: 1, record }).collect();
        self.history = History::of(&LedgerView {
            last_seq: 1,
            records,
        });
    }
}

/// A row that met an address of company `company`.
fn hit(row: u64, company: u32, report: &str, port: u16, more: &[(&str, &str)]) -> Hit {
    let mut pairs: Vec<(String, String)> = vec![
        ("report".into(), report.into()),
        ("feed".into(), "shadowserver".into()),
        ("ip".into(), format!("192.0.2.{company}")),
        ("port".into(), port.to_string()),
        ("protocol".into(), "tcp".into()),
    ];
    for (name, value) in more {
        pairs.retain(|(n, _)| n != name);
        pairs.push(((*name).into(), (*value).into()));
    }
    let mut observation = rule::observation_of(&pairs).unwrap();
    observation.row = row;
    observation.observed_at = MARCH + DAY * i64::try_from(row).unwrap();
    let ip: IpAddr = format!("192.0.2.{company}").parse().unwrap();
    Hit {
        observation: Arc::new(observation),
        asset: Arc::new(Asset {
            company: key(company),
            kind: AssetKind::Ip,
            value: AssetValue::Nets(vec![ip.into()]),
            canonical: ip.to_string(),
            original: ip.to_string(),
            valid: Validity::default(),
            source: "form".into(),
            confirmed_at: None,
            row: u64::from(company),
        }),
        how: Match {
            row: 0,
            asset: company,
            by: MatchedBy::Address,
            is_most_specific: true,
            confidence: Confidence::High,
            why: ConfidenceReason::OwnAddress,
        },
    }
}

fn reasons(decided: &Decided) -> Vec<&'static str> {
    decided.decisions.iter().map(|d| d.reason.code()).collect()
}

#[test]
fn a_first_finding_is_written_about_once_however_often_it_was_seen() {
    let house = House::new();
    let hits = [
        hit(1, 1, "rdp", 3389, &[]),
        hit(2, 1, "rdp", 3389, &[("feed", "partner")]),
        hit(3, 1, "rdp", 3389, &[]),
        hit(4, 1, "rdp", 3390, &[]),
    ];
    let decided = house.decide(&hits);
    assert_eq!(
        reasons(&decided),
        [
            "second_row",
            "second_feed",
            "first_warning",
            "first_warning"
        ]
    );
    assert_eq!(decided.letters.len(), 1);
    let letter = &decided.letters[0];
    assert_eq!(letter.items.len(), 2);
    assert_eq!(
        letter.items.iter().map(|i| i.first_observed_at).min(),
        Some(MARCH + DAY)
    );
}

#[test]
fn the_port_of_an_outgoing_connection_makes_no_new_finding() {
    let mut house = House::new();
    let tag = [("tag", "andromeda")];
    let decided = house.decide(&[
        hit(1, 1, "bot", 51_001, &[]),
        hit(2, 1, "bot", 51_002, &tag),
    ]);
    assert_eq!(reasons(&decided), ["second_row", "first_warning"]);
    let finding = &decided.letters[0].letter.sections[0].findings[0];
    assert_eq!((finding.port, finding.source_port), (None, Some(51_002)));
    assert_eq!(finding.tags, ["andromeda"]);
    house.remember(&decided, "2026-03-10");
    house.night = "2026-03-11".parse().unwrap();
    assert_eq!(
        reasons(&house.decide(&[hit(3, 1, "bot", 51_003, &[])])),
        ["quiet_days"]
    );
}

#[test]
fn quiet_days_are_calendar_days_and_the_reminder_says_since_when() {
    let mut house = House::new();
    let hits = [hit(1, 1, "rdp", 3389, &[])];
    let first = house.decide(&hits);
    house.remember(&first, "2026-03-10");
    for (night, want) in [
        ("2026-03-10", "quiet_days"),
        ("2026-04-06", "quiet_days"),
        ("2026-04-07", "escalation"),
        // A past night never repeats what a later one said.
        ("2026-03-01", "quiet_days"),
    ] {
        house.night = night.parse().unwrap();
        let decided = house.decide(&[hit(9, 1, "rdp", 3389, &[])]);
        assert_eq!(reasons(&decided), [want], "{night}");
        if want == "escalation" {
            assert_eq!(decided.letters[0].items[0].first_observed_at, MARCH + DAY);
        }
    }
    // Another company's letter suppresses nobody else's, and another port is another finding.
    house.night = "2026-03-11".parse().unwrap();
    let decided = house.decide(&[hit(1, 2, "rdp", 3389, &[]), hit(2, 1, "rdp", 3390, &[])]);
    assert_eq!(reasons(&decided), ["first_warning", "first_warning"]);
}

#[test]
fn what_is_below_policy_says_why() {
    let mut house = House::new();
    house.settings.write_to.remove(&PartyKind::NetworkOwner);
    let mut owner = (*house.companies[&key(2)]).clone();
    owner.party_kind = PartyKind::NetworkOwner;
    house.companies.insert(key(2), Arc::new(owner));
    let mut weak = hit(1, 1, "rdp", 1, &[]);
    weak.how.confidence = Confidence::Low;
    house.triggers.retain(|t| t.threat_id != "strong");
    let table = [
        (hit(1, 1, "nothing", 1, &[]), Reason::NoThreat),
        (hit(1, 1, "shadowy", 1, &[]), Reason::ThreatShadow),
        (hit(1, 1, "old", 1, &[]), Reason::ThreatRetired),
        (hit(1, 1, "strong", 1, &[]), Reason::NoTrigger),
        (
            hit(1, 1, "rdp", 1, &[("severity", "info")]),
            Reason::LowSeverity,
        ),
        (weak, Reason::LowConfidence),
        (hit(1, 2, "rdp", 1, &[]), Reason::NotAddressable),
    ];
    for (hit, want) in table {
        let decided = house.decide(std::slice::from_ref(&hit));
        assert_eq!(reasons(&decided), [want.code()]);
        assert_eq!(decided.decisions[0].outcome(), Outcome::BelowPolicy);
        assert!(decided.letters.is_empty());
    }
}

#[test]
fn the_latest_open_trigger_that_covers_the_feed_is_cited() {
    let mut house = House::new();
    let cited = |house: &House, feed: &str| {
        let decided = house.decide(&[hit(1, 1, "rdp", 1, &[("feed", feed)])]);
        decided.letters[0].items[0].trigger_id.to_string()
    };
    assert_eq!(cited(&house, "shadowserver"), "t1");
    assert_eq!(cited(&house, "partner"), "t2");
    house.night = "2026-03-04".parse().unwrap();
    assert_eq!(cited(&house, "partner"), "t1");
}

#[test]
fn a_stronger_threat_at_the_same_spot_speaks_for_the_weaker() {
    let house = House::new();
    let mut both = hit(1, 1, "strong", 443, &[]);
    let weaker = hit(2, 1, "rdp", 443, &[]);
    let elsewhere = hit(3, 1, "rdp", 444, &[]);
    both.how.asset = 1;
    let decided = house.decide(&[both, weaker, elsewhere]);
    assert_eq!(
        reasons(&decided),
        ["first_warning", "superseded", "first_warning"]
    );
    assert_eq!(decided.letters[0].items.len(), 2);
}

#[test]
fn a_row_is_one_decision_a_company_by_its_surest_match() {
    let house = House::new();
    let sure = hit(1, 1, "rdp", 1, &[]);
    let mut by_name = sure.clone();
    by_name.how.by = MatchedBy::Name;
    by_name.how.confidence = Confidence::Medium;
    by_name.how.asset = 0;
    let mut of_another = sure.clone();
    of_another.asset = Arc::new(Asset {
        company: key(2),
        ..(*sure.asset).clone()
    });
    let decided = house.decide(&[by_name, sure, of_another]);
    assert_eq!(decided.decisions.len(), 2);
    assert_eq!(decided.decisions[0].hit.how.by, MatchedBy::Address);
    assert_eq!(decided.letters.len(), 2);
}

#[test]
fn the_chain_of_contacts_gives_its_reason() {
    let mut house = House::new();
    house.contacts.clear();
    house.company(4, Some(1), true);
    house.company(5, None, false);
    house.company(6, Some(5), false);
    house.contact(1, Channel::Email, "moeder@voorbeeld.example", false);
    house.contact(2, Channel::Email, "oud@voorbeeld.example", true);
    house.contact(2, Channel::Email, "nieuw@voorbeeld.example", false);
    house.contact(3, Channel::Phone, "0800", false);
    let table = [
        (
            1,
            ContactReason::Registered,
            Channel::Email,
            "moeder@voorbeeld.example",
        ),
        (
            2,
            ContactReason::RegisteredAfterBounce,
            Channel::Email,
            "nieuw@voorbeeld.example",
        ),
        (3, ContactReason::PostalAddress, Channel::Post, ""),
        (
            4,
            ContactReason::Parent,
            Channel::Email,
            "moeder@voorbeeld.example",
        ),
        (6, ContactReason::NoneFound, Channel::Post, ""),
    ];
    for (n, why, channel, value) in table {
        let decided = house.decide(&[hit(1, n, "rdp", 1, &[])]);
        let drafted = &decided.letters[0];
        let recipient = &drafted.letter.recipient;
        assert_eq!(
            (recipient.why, recipient.channel, recipient.value.as_str()),
            (why, channel, value),
            "company {n}"
        );
        let is_held = why == ContactReason::NoneFound;
        assert_eq!(drafted.is_sendable, !is_held);
        assert_eq!(decided.decisions[0].outcome() == Outcome::Held, is_held);
    }
    house.settings.post_for_all = true;
    let decided = house.decide(&[hit(1, 1, "rdp", 1, &[])]);
    assert_eq!(
        decided.letters[0].letter.recipient.why,
        ContactReason::JobSendsByPost
    );
}

#[test]
fn over_the_limit_the_oldest_go_first_and_the_rest_is_held() {
    let mut house = House::new();
    house.settings.max_letters = Some(1);
    let hits = [
        hit(5, 1, "rdp", 1, &[]),
        hit(2, 2, "rdp", 1, &[]),
        hit(7, 3, "rdp", 1, &[]),
    ];
    let mut hits = hits.to_vec();
    hits.sort_by_key(|h| h.observation.row);
    let decided = house.decide(&hits);
    assert_eq!(
        reasons(&decided),
        ["first_warning", "over_max_letters", "over_max_letters"]
    );
    let sendable: Vec<bool> = decided.letters.iter().map(|d| d.is_sendable).collect();
    assert_eq!(sendable, [false, true, false]);
}

#[test]
fn the_order_of_hits_within_a_row_changes_nothing() {
    let house = House::new();
    let mut hits = vec![hit(1, 1, "rdp", 1, &[]), hit(1, 2, "rdp", 1, &[])];
    let one = house.decide(&hits);
    hits.reverse();
    let two = house.decide(&hits);
    let ids = |d: &Decided| d.letters.iter().map(|l| l.letter.id).collect::<Vec<_>>();
    assert_eq!(ids(&one), ids(&two));
}

/// A threat in shadow is decided as if it were active, by every rule, and nothing of it leaves.
#[test]
fn what_a_threat_in_shadow_would_have_done_is_known_and_does_not_leave() {
    let mut house = House::new();
    let hits = [
        hit(1, 1, "shadowy", 1, &[]),
        hit(2, 1, "shadowy", 2, &[("severity", "info")]),
        hit(3, 1, "rdp", 1, &[]),
        hit(4, 2, "shadowy", 1, &[]),
    ];
    let rehearsed = house.decided_by(decide::rehearse, &hits);
    assert!(rehearsed.letters.iter().all(|d| !d.is_sendable));
    assert_eq!(
        reasons(&rehearsed),
        ["first_warning", "low_severity", "first_warning"]
    );
    let real = house.decide(&hits);
    assert_eq!(
        reasons(&real),
        [
            "threat_shadow",
            "threat_shadow",
            "first_warning",
            "threat_shadow"
        ]
    );
    let told = real.letters.iter().map(|d| &d.letter.company.key);
    let rows = report::shadow_rows(&rehearsed.decisions, &told.collect());
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row.threat_id, "shadowy");
    assert_eq!((row.findings, row.companies, row.more_letters), (2, 2, 1));
    assert_eq!(
        (row.decisions.in_letters, row.decisions.below_policy),
        (2, 1)
    );
    house.threats.retain(|t| t.id != "shadowy");
    assert!(
        house
            .decided_by(decide::rehearse, &hits)
            .decisions
            .is_empty()
    );
}

/// What a machine attacks others with is not what is wrong with it.
#[test]
fn the_cve_of_an_attack_is_no_flaw_of_its_source() {
    let (file, text) = threat_text("log4j", "state = \"shadow\"\nmin_confidence = \"low\"");
    let about = |rule: &str| {
        let text = text.replacen("report = [\"log4j\"]", rule, 1).replace(
            "row = { report = \"log4j\" }",
            "row = { report = \"event4_honeypot_http_scan\", cve = \"CVE-2021-44228\" }",
        );
        let threats = config::catalogue(&[(file.clone(), text)], &[])
            .unwrap()
            .threats;
        Arc::clone(&threats[0])
    };
    let judged = |threat: &Threat, taxonomy: &str| {
        let row = [
            ("report", "event4_honeypot_http_scan"),
            ("cve", "CVE-2021-44228"),
            ("classification_taxonomy", taxonomy),
        ]
        .map(|(a, b)| (a.to_owned(), b.to_owned()));
        rule::judge_row(threat, &row).unwrap().as_str()
    };
    let by_cve = about("cve = [\"CVE-2021-44228\"]");
    assert_eq!(judged(&by_cve, "vulnerable"), "vulnerable");
    assert_eq!(judged(&by_cve, "intrusion-attempts"), "no");
    let by_report = about("cve = [\"CVE-2021-44228\"]\nreport = [\"event4_honeypot_http_scan\"]");
    assert_eq!(judged(&by_report, "intrusion-attempts"), "vulnerable");
}

/// A reason that no test expects is one that nobody would miss.
#[test]
fn every_reason_is_expected_by_a_test() {
    let mut tests = String::new();
    for file in ["decide.rs", "hold.rs", "nightly.rs"] {
        tests += &std::fs::read_to_string(root().join("tests").join(file)).unwrap();
    }
    for folder in ["decide", "operator"] {
        for entry in std::fs::read_dir(root().join("tests").join(folder)).unwrap() {
            tests += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
        }
    }
    let unexpected: Vec<&str> = Reason::ALL
        .iter()
        .filter(|reason| {
            let (code, name) = (
                format!("\"{}\"", reason.code()),
                format!("Reason::{reason:?}"),
            );
            !tests.contains(&code) && !tests.contains(&name)
        })
        .map(|reason| reason.code())
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}
