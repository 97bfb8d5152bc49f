//! A provisional key that was identified: the same letters as if the company had had its own key all
//! the time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::ToSpan;
use nachtwacht::decide::gone::{Registered, Tonight, sightings};
use nachtwacht::decide::history::History;
use nachtwacht::decide::{self, Decided, Formers};
use nachtwacht::model::aftermath::{Answer, AnswerKind};
use nachtwacht::model::alias::{Alias, Followed};
use nachtwacht::model::asset::Asset;
use nachtwacht::model::company::{Channel, Company, CompanyKey};
use nachtwacht::model::decision::{Hit, Outcome, Reason};
use nachtwacht::model::identity::{FindingId, PartyRef, Secret};
use nachtwacht::model::ledger_record::{
    Claim, LedgerView, Numbered, PinnedNight, ReceiptState, Record,
};
use nachtwacht::model::night::Night;
use nachtwacht::model::sighting::{Coverage, Gone, Sightings};

use super::answers::claim_of;
use super::dice::Dice;
use super::model::everything;
use super::{DAY, House, MARCH, hit, key, reasons};

const WORLDS: u64 = 150;
const NIGHTS: i64 = 40;

/// A place: company and port.
type Spot = (u32, u16);

pub fn former(n: u32) -> CompanyKey {
    format!("unreg:bedrijf-{n}.example").parse().unwrap()
}

fn party(key: &CompanyKey) -> PartyRef {
    PartyRef::of(&Secret::new(b"p"), key)
}

/// A hit of the company under its former key.
pub fn under_former(mut hit: Hit, n: u32) -> Hit {
    hit.asset = Arc::new(Asset {
        company: former(n),
        ..(*hit.asset).clone()
    });
    hit
}

/// The companies of the house once more, under their former keys.
fn with_formers() -> House {
    let mut house = House::new();
    for n in 1..=3 {
        let company = Company {
            key: former(n),
            ..(*house.companies[&key(n)]).clone()
        };
        house.companies.insert(former(n), Arc::new(company));
        let mut contacts = house.contacts[&key(n)].clone();
        contacts[0].value = format!("{n}@voorbeeld.example");
        house.contacts.insert(former(n), contacts.clone());
        house.contacts.insert(key(n), contacts);
    }
    house
}

/// A ledger and who is asked by which key.
struct World {
    house: House,
    view: LedgerView,
    /// Companies that are known by a former key tonight.
    provisional: BTreeSet<u32>,
    /// Companies whose former key was identified.
    identified: BTreeSet<u32>,
}

/// What happens to both worlds on a night.
struct Fate {
    night: Night,
    day: i64,
    /// How bad, and how many days ago.
    seen: BTreeMap<Spot, (&'static str, i64)>,
    is_scanned: bool,
    /// Companies whose letter comes back.
    lost: BTreeSet<u32>,
    answer: Option<(Spot, AnswerKind)>,
}

/// What a night came to, without anything that holds a key.
#[derive(Debug, Default, PartialEq)]
struct Told {
    decisions: Vec<(&'static str, i64)>,
    letters: Vec<(u32, u32, Channel, Vec<&'static str>)>,
    fixed: BTreeSet<Spot>,
}

impl World {
    fn new(provisional: BTreeSet<u32>) -> Self {
        Self {
            house: with_formers(),
            view: LedgerView::default(),
            provisional,
            identified: BTreeSet::new(),
        }
    }

    fn push(&mut self, record: impl Into<Record>) {
        self.view.last_seq += 1;
        let (seq, record) = (self.view.last_seq, record.into());
        self.view.records.push(Numbered { seq, record });
    }

    fn key(&self, n: u32) -> CompanyKey {
        match self.provisional.contains(&n) {
            true => former(n),
            false => key(n),
        }
    }

    fn identify(&mut self, n: u32) {
        if self.provisional.remove(&n) {
            self.identified.insert(n);
            self.push(alias(n));
        }
    }

    fn hits(&self, fate: &Fate) -> Vec<Hit> {
        let seen = (0..).zip(&fate.seen);
        let hits = seen.map(|(row, ((n, port), (severity, ago)))| {
            let mut hit = hit(row, *n, "rdp", *port, &[("severity", severity)]);
            let mut observation = (*hit.observation).clone();
            observation.observed_at = MARCH + (fate.day - ago) * DAY;
            hit.observation = observation.into();
            match self.provisional.contains(n) {
                true => under_former(hit, *n),
                false => hit,
            }
        });
        hits.collect()
    }

    fn followed(&self, hits: &[Hit]) -> Vec<Followed> {
        let formers = self.identified.iter();
        let formers = formers.map(|n| (key(*n), vec![(party(&former(*n)), former(*n))]));
        let formers: Formers = formers.collect();
        decide::followed(&formers, hits, &self.house.threats, &self.view)
    }

    fn night(&mut self, fate: &Fate) -> Told {
        let hits = self.hits(fate);
        let followed = self.followed(&hits);
        self.house.night = fate.night;
        self.house.history = History::following(&self.view, &followed);
        self.push(pin(fate.night, followed));
        let decided = self.house.decide(&hits);
        let mut told = Told::default();
        for d in &decided.decisions {
            told.decisions.push((d.reason.code(), d.first_observed_at));
        }
        self.send(&decided, fate, &mut told);
        self.judge(&decided, fate, &mut told);
        if let Some((spot, kind)) = fate.answer {
            self.answer(spot, kind, fate.day);
        }
        told
    }

    fn send(&mut self, decided: &Decided, fate: &Fate, told: &mut Told) {
        for d in &decided.letters {
            let n = (1..=3)
                .find(|n| d.letter.company.key == self.key(*n))
                .unwrap();
            let to = &d.letter.recipient;
            let secret = Secret::new(b"p");
            let contact = match to.channel {
                Channel::Email => PartyRef::of_contact(&secret, &to.value),
                _ => PartyRef::of_postal(&secret, d.letter.addressee.address.as_ref().unwrap()),
            };
            let claim = Claim {
                channel: to.channel,
                contact_ref: Some(contact),
                attempt: d.letter.attempt,
                ..claim_of(d, &fate.night.to_string())
            };
            let kinds: BTreeSet<&str> = d.items.iter().map(|i| i.kind.as_str()).collect();
            // A relapse letter that is lost is the one thing that differs: under the former key the
            // finding stays fixed, and it is a relapse again.
            let is_mail = to.channel == Channel::Email;
            let is_lost = is_mail && fate.lost.contains(&n) && !kinds.contains("relapse");
            let state = match is_lost {
                true => ReceiptState::Bounced,
                false => ReceiptState::HandedOver,
            };
            let mut kinds: Vec<&str> = d.items.iter().map(|i| i.kind.as_str()).collect();
            kinds.sort_unstable();
            told.letters.push((n, claim.attempt, to.channel, kinds));
            let receipt = claim.receipt(state, "files");
            self.push(claim);
            self.push(receipt);
        }
        told.letters.sort();
    }

    fn judge(&mut self, decided: &Decided, fate: &Fate, told: &mut Told) {
        let ids = |is_meant: &dyn Fn(Reason) -> bool| -> BTreeSet<FindingId> {
            let meant = decided.decisions.iter().filter(|d| is_meant(d.reason));
            meant.filter_map(|d| d.finding).collect()
        };
        let coverage: Vec<Coverage> = fate
            .is_scanned
            .then(|| everything(fate.day))
            .into_iter()
            .collect();
        let register = (1..=3).map(|n| {
            let asset = PartyRef::of_asset(&Secret::new(b"p"), &format!("192.0.2.{n}"));
            let registered = Registered {
                parties: BTreeMap::from([(party(&self.key(n)), i64::MIN)]),
                nets: Vec::new(),
            };
            (asset, registered)
        });
        let changes = sightings(
            &self.house.history,
            &Tonight {
                night: fate.night,
                seen: &ids(&|_| true),
                waiting: &ids(&|reason| reason.outcome() == Outcome::Held),
                unsure: &BTreeSet::new(),
                relapsed: &ids(&|reason| reason == Reason::Relapse),
                coverage: &coverage,
                register: &register.collect(),
            },
        );
        let fixed = changes.gone.iter().filter(|(_, how)| *how == Gone::Fixed);
        let fixed: Vec<Spot> = fixed.map(|(id, _)| self.spot(*id)).collect();
        told.fixed.extend(&fixed);
        assert_eq!(told.fixed.len(), fixed.len(), "one exposure is fixed once");
        self.push(changes);
    }

    /// The latest claim of a place, and its item there.
    fn spot(&self, finding: FindingId) -> Spot {
        let claims = self.view.claims();
        let mut items = claims.flat_map(|c| c.items.iter().map(move |i| (c.party_ref, i)));
        let (who, item) = items.find(|(_, i)| i.finding_id == finding).unwrap();
        let is_who = |n: &u32| [party(&key(*n)), party(&former(*n))].contains(&who);
        ((1..=3).find(is_who).unwrap(), item.evidence.port.unwrap())
    }

    /// Its recipient answers about the last letter that holds the place.
    fn answer(&mut self, spot: Spot, kind: AnswerKind, day: i64) {
        let claims: Vec<&Claim> = self.view.claims().collect();
        let holds = |c: &&&Claim| c.items.iter().any(|i| self.spot(i.finding_id) == spot);
        let Some(claim) = claims.iter().rfind(holds) else {
            return;
        };
        let items = claim.items.iter();
        let item = items
            .clone()
            .find(|i| self.spot(i.finding_id) == spot)
            .unwrap();
        let until = "2026-03-01".parse::<jiff::civil::Date>().unwrap() + (day + 40).days();
        let answer = Answer {
            letter_id: claim.letter_id,
            night: claim.night,
            party_ref: claim.party_ref,
            kind,
            by: "recipient".into(),
            said_at: MARCH + day * DAY + DAY / 2,
            until: Some(until),
            findings: vec![item.finding_id],
            assets: vec![item.asset_ref],
        };
        self.push(answer);
    }
}

pub fn alias(n: u32) -> Alias {
    Alias {
        former: party(&former(n)),
        party: party(&key(n)),
        by: "operator".into(),
        at: 0,
    }
}

fn pin(night: Night, followed: Vec<Followed>) -> PinnedNight {
    PinnedNight {
        night,
        revision: 0,
        run_id: night.to_string(),
        ledger_seq: 0,
        job_sha256: String::new(),
        max_letters: None,
        snapshots: Vec::new(),
        inputs: Vec::new(),
        followed,
    }
}

/// Nights of one world: when, what is seen, what comes back, who answers.
fn fates(dice: &mut Dice) -> Vec<Fate> {
    let spots: Vec<Spot> = (1..=3)
        .flat_map(|n| [22, 23].map(|port| (n, port)))
        .collect();
    let mut is_open: BTreeSet<Spot> = BTreeSet::new();
    let mut day = 9;
    let nights = (0..NIGHTS).map(|_| {
        day += i64::try_from(1 + dice.below(5)).unwrap();
        for spot in &spots {
            if dice.below(6) == 0 && !is_open.remove(spot) {
                is_open.insert(*spot);
            }
        }
        let severities = ["critical", "high", "medium", "low"];
        let mut severity = || severities[usize::try_from(dice.below(4)).unwrap()];
        let seen = is_open.iter().map(|s| (*s, (severity(), 0)));
        let mut seen: BTreeMap<Spot, _> = seen.collect();
        // An old sighting tells nothing against what was said to be fixed since.
        for (_, ago) in seen.values_mut() {
            *ago = if dice.below(3) == 0 { 12 } else { 0 };
        }
        let kinds = AnswerKind::ALL;
        let answer = (dice.below(8) == 0).then(|| {
            let spot = spots[usize::try_from(dice.below(6)).unwrap()];
            (spot, kinds[usize::try_from(dice.below(5)).unwrap()])
        });
        let date = "2026-03-01".parse::<jiff::civil::Date>().unwrap() + day.days();
        Fate {
            night: Night::new(date),
            day,
            seen,
            is_scanned: dice.below(4) > 0,
            lost: (1..=3).filter(|_| dice.below(9) == 0).collect(),
            answer,
        }
    });
    nights.collect()
}

/// The oracle: the same history without a former key. Companies 1 and 2 are identified on a night by
/// chance; company 3 is known from the start.
#[test]
fn a_history_under_a_former_key_gives_the_letters_of_one_under_the_own_key() {
    let mut reached: BTreeMap<(&str, bool), u32> = BTreeMap::new();
    let (mut n_without, mut n_fixed) = (0, 0);
    for seed in 1..=WORLDS {
        let mut dice = Dice(seed);
        let fates = fates(&mut dice);
        let when = [1, 2].map(|_| usize::try_from(5 + dice.below(25)).unwrap());
        let mut known = World::new(BTreeSet::new());
        let mut identified = World::new(BTreeSet::from([1, 2]));
        for (i, fate) in fates.iter().enumerate() {
            for (n, when) in (1..).zip(when) {
                if when == i {
                    identified.identify(n);
                }
            }
            let (want, found) = (known.night(fate), identified.night(fate));
            assert_eq!(
                found, want,
                "world {seed}, night {} ({i}), {when:?}",
                fate.night
            );
            n_fixed += found.fixed.len();
            let spots = fate.seen.keys().zip(&found.decisions);
            for ((n, _), (reason, _)) in spots {
                *reached
                    .entry((reason, identified.identified.contains(n)))
                    .or_default() += 1;
            }
        }
        // The records alone, without what the nights pinned: that would be other letters.
        let last = fates.last().unwrap();
        identified.house.history = History::of(&identified.view);
        let without = identified.house.decide(&identified.hits(last));
        n_without += reasons(&without)
            .iter()
            .filter(|r| **r == "first_warning")
            .count();
    }
    for reason in [
        "first_warning",
        "quiet_days",
        "reminder",
        "relapse",
        "severity_up",
        "opt_out",
        "not_mine",
        "false_positive",
        "accepted_risk",
        "said_fixed",
    ] {
        let n = reached.get(&(reason, true)).copied().unwrap_or_default();
        assert!(n > 10, "{reason}: {reached:?}");
    }
    assert!(n_without > 0 && n_fixed > 500, "{n_without}, {n_fixed}");
}

/// The ledger after the letter of 2026-03-10 to a former key, and these records.
pub fn told(more: Vec<Record>) -> (House, LedgerView, Hit) {
    let mut house = with_formers();
    let was = under_former(hit(1, 1, "rdp", 3389, &[]), 1);
    let decided = house.decide(std::slice::from_ref(&was));
    let claim = Record::from(claim_of(&decided.letters[0], "2026-03-10"));
    let records = [claim].into_iter().chain(more);
    let records = (1..)
        .zip(records)
        .map(|(seq, record)| Numbered { seq, record });
    let view = LedgerView {
        last_seq: 9,
        records: records.collect(),
    };
    house.night = "2026-03-20".parse().unwrap();
    (house, view, was)
}

pub fn formers() -> Formers {
    Formers::from([(key(1), vec![(party(&former(1)), former(1))])])
}

#[test]
fn without_an_alias_or_without_its_key_it_is_a_first_warning() {
    for (more, formers, want, evidence) in [
        (vec![], Formers::new(), "first_warning", 0),
        (vec![alias(1).into()], formers(), "quiet_days", 1),
        // Erased before the night was planned.
        (vec![alias(1).into()], Formers::new(), "first_warning", 0),
        // Somebody else's.
        (vec![alias(2).into()], Formers::new(), "first_warning", 0),
    ] {
        let (mut house, view, was) = told(more);
        let now = hit(15, 1, "rdp", 3389, &[]);
        let hits = [now];
        let followed = decide::followed(&formers, &hits, &house.threats, &view);
        house.history = History::following(&view, &followed);
        let decided = house.decide(&hits);
        assert_eq!(reasons(&decided), [want]);
        let d = &decided.decisions[0];
        assert_eq!(d.followed.findings.len(), evidence);
        let first_seen = match evidence {
            0 => hits[0].observation.observed_at,
            _ => was.observation.observed_at,
        };
        assert_eq!(d.first_observed_at, first_seen);
    }
}

/// An opt-out is the company's, also where the key in clear was erased: hashes are enough for it.
#[test]
fn an_opt_out_under_the_former_key_outlives_the_key() {
    let (_, view, _) = told(vec![]);
    let claim = view.claims().next().unwrap();
    let answer = Answer {
        letter_id: claim.letter_id,
        night: claim.night,
        party_ref: claim.party_ref,
        kind: AnswerKind::OptOut,
        by: "recipient".into(),
        said_at: MARCH,
        until: Some("2027-01-01".parse().unwrap()),
        findings: vec![],
        assets: vec![],
    };
    for (more, want) in [
        (vec![answer.clone().into()], "first_warning"),
        (vec![answer.clone().into(), alias(1).into()], "opt_out"),
        (vec![alias(1).into(), answer.into()], "opt_out"),
    ] {
        let (mut house, view, _) = told(more);
        house.history = History::of(&view);
        let decided = house.decide(&[hit(15, 1, "rdp", 4444, &[])]);
        assert_eq!(reasons(&decided), [want]);
        assert_eq!(decided.decisions[0].followed.is_answer, want == "opt_out");
    }
}

/// Where the former finding is told of once more under the own key, it ends as moved; a scan that does
/// not see it any more fixes the own one alone.
#[test]
fn a_former_finding_ends_as_moved_and_is_never_fixed_twice() {
    let (mut house, mut view, was) = told(vec![alias(1).into()]);
    let finding = house.decide(std::slice::from_ref(&was)).decisions[0]
        .finding
        .unwrap();
    let hits = [hit(15, 1, "rdp", 3389, &[])];
    let followed = decide::followed(&formers(), &hits, &house.threats, &view);
    let asset = PartyRef::of_asset(&Secret::new(b"p"), "192.0.2.1");
    let registered = Registered {
        parties: BTreeMap::from([(party(&key(1)), i64::MIN)]),
        nets: Vec::new(),
    };
    let register = BTreeMap::from([(asset, registered)]);
    let none = BTreeSet::new();
    let gone = |view: &LedgerView, followed: &[Followed], seen: &BTreeSet<FindingId>| {
        let tonight = Tonight {
            night: "2026-03-20".parse().unwrap(),
            seen,
            waiting: &none,
            unsure: &BTreeSet::new(),
            relapsed: &none,
            coverage: &[everything(30)],
            register: &register,
        };
        sightings(&History::following(view, followed), &tonight).gone
    };
    house.history = History::following(&view, &followed);
    let own = house.decide(&hits).decisions[0].finding.unwrap();
    let seen = BTreeSet::from([own]);
    assert_eq!(gone(&view, &followed, &seen), [(finding, Gone::MovedOwner)]);
    // Not told of yet under the own key: a scan that does not see it fixes it, as it would have.
    assert_eq!(gone(&view, &followed, &none), [(finding, Gone::Fixed)]);
    // Its key was erased: nobody can tell whether it is among the rows.
    assert_eq!(gone(&view, &[], &none), [(finding, Gone::MovedOwner)]);
    // Told of under the own key.
    house.night = "2026-05-01".parse().unwrap();
    house.history = History::following(&view, &followed);
    let reminded = house.decide(&hits);
    let claim = claim_of(&reminded.letters[0], "2026-05-01");
    for record in [pin(house.night, followed.clone()).into(), claim.into()] {
        view.records.push(Numbered { seq: 9, record });
    }
    let both = BTreeMap::from([(own, Gone::Fixed), (finding, Gone::MovedOwner)]);
    for followed in [&followed[..], &[]] {
        assert_eq!(BTreeMap::from_iter(gone(&view, followed, &none)), both);
    }
    // Proven before it came back: whatever is seen under the own key since, that stands.
    let fixed = Sightings {
        night: "2026-03-19".parse().unwrap(),
        gone: vec![(finding, Gone::Fixed)],
        back: Vec::new(),
        counts: BTreeMap::new(),
        assumed: Vec::new(),
    };
    let record = fixed.into();
    view.records.push(Numbered { seq: 10, record });
    assert_eq!(gone(&view, &followed, &seen), []);
}
