//! A made-up year of a warning service, July 2021 to mid-June 2022: who owns what, and what was
//! seen when. Inputs only; letters, ledger and figures come from the real run.
//!
//! Companies, addresses and sightings are drawn from a seed. The constants below say how many
//! companies each occasion reaches, give or take; another seed reaches others, and other numbers.
//!
//! The constants were fitted, by trying several of each, until the default seed gave the figures
//! of the letter to parliament. So the replay proves that the pipeline counts these inputs right
//! and that such a year is possible, not that the year was like this.

pub mod naive;
pub mod replay;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};

use super::generator::chance::Chance;

pub use world::files;

/// The seed whose figures are those of the letter to parliament.
pub const SEED: u64 = 2022;

/// What can be seen, and of which threat it tells.
pub struct Seen {
    pub report: &'static str,
    pub threat: &'static str,
    pub port: i32,
}

const fn seen(report: &'static str, threat: &'static str, port: i32) -> Seen {
    Seen {
        report,
        threat,
        port,
    }
}

const SEEN: &[Seen] = &[
    seen("scan_rdp", "exposed-rdp", 3389),
    seen("scan_smb", "exposed-smb", 445),
    seen("scan_telnet", "exposed-telnet", 23),
    seen("scan_mongodb", "exposed-database", 27017),
    seen("scan_vnc", "exposed-remote-control", 5900),
    seen("scan_ics", "exposed-industrial-control", 502),
    seen("compromised_website", "compromised-website", 443),
    seen("compromised_iot", "compromised-device", 22),
    seen("scan_postgres", "exposed-database", 5432),
];

/// An occasion on which the service warned.
pub struct Occasion {
    pub id: String,
    pub opened_on: Date,
    pub seen: &'static Seen,
    /// Companies that it reaches, beside participants.
    pub n_firms: u64,
}

/// One thing seen on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    pub on: Date,
    pub firm: usize,
    pub occasion: usize,
    /// Counts up where a company has several systems that are open.
    pub host: u8,
}

/// The year.
pub struct Year {
    pub occasions: Vec<Occasion>,
    /// When each participant began to take part; they are the first firms.
    pub participants: Vec<Date>,
    pub n_firms: usize,
    pub sightings: BTreeSet<Sighting>,
}

const PARTICIPANTS: usize = 57;
const FIRMS: usize = 2_400;
const OCCASIONS_2021: u64 = 15;
const OCCASIONS_2022: u64 = 31;
/// Companies an occasion reaches: the least, and the width of the draw above it.
const REACH_2021: (u64, u64) = (18, 12);
const REACH_2022: (u64, u64) = (38, 20);
/// The last occasion of each half: the service looked on for as long as there was time.
const LAST_2021: u64 = 23;
const LAST_2022: u64 = 59;
/// Participants that have anything open at all.
const OPEN_PARTICIPANTS: usize = 32;
/// Occasions that find something open at a participant: the least, and the width of the draw.
const OPEN_OCCASIONS: (u64, u64) = (5, 8);
/// The participants with the most systems have one occasion more.
const BUSY_PARTICIPANTS: usize = 1;
/// And so many more has the last one.
const LAST_PARTICIPANT_MORE: u64 = 2;
/// Systems of the first participant that is warned.
const FIRST_HOSTS: u8 = 4;

/// The year of a seed.
#[must_use]
pub fn year(seed: u64) -> Year {
    let mut chance = Chance::of(seed, "history");
    let mut occasions = occasions(
        &mut chance,
        date(2021, 7, 5),
        OCCASIONS_2021,
        10,
        REACH_2021,
        LAST_2021,
    );
    occasions.extend(self::occasions(
        &mut chance,
        date(2022, 1, 3),
        OCCASIONS_2022,
        4,
        REACH_2022,
        LAST_2022,
    ));
    let first = date(2021, 10, 1);
    let participants: Vec<Date> = (0..PARTICIPANTS)
        .map(|n| later(first, if n < 20 { 0 } else { chance.below(120) }))
        .collect();
    let mut year = Year {
        occasions,
        participants,
        n_firms: FIRMS,
        sightings: BTreeSet::new(),
    };
    let mut fresh: Vec<usize> = (PARTICIPANTS..FIRMS).collect();
    chance.shuffle(&mut fresh);
    for occasion in 0..year.occasions.len() {
        for _ in 0..year.occasions[occasion].n_firms {
            // One in nine was warned of something else before.
            let known = chance.below(9) == 0;
            let firm = match fresh.pop() {
                Some(firm) if !known => firm,
                _ => PARTICIPANTS + chance.at(FIRMS - PARTICIPANTS),
            };
            year.look(&mut chance, firm, occasion, 0);
        }
    }
    year.open_participants(&mut Chance::of(seed, "participants"));
    year
}

fn occasions(
    chance: &mut Chance,
    from: Date,
    n: u64,
    days_apart: u64,
    (least, width): (u64, u64),
    last: u64,
) -> Vec<Occasion> {
    (0..n)
        .map(|i| {
            let opened_on = later(from, i * days_apart + chance.below(3));
            Occasion {
                id: format!("{}-h{:02}", opened_on.year(), i + 1),
                opened_on,
                seen: &SEEN[chance.at(SEEN.len())],
                n_firms: if i + 1 == n {
                    last
                } else {
                    least + chance.below(width)
                },
            }
        })
        .collect()
}

fn later(day: Date, days: u64) -> Date {
    day + jiff::Span::new().days(i64::try_from(days).unwrap())
}

impl Year {
    /// A company is seen within three weeks of the occasion, and often once more some days later,
    /// which is no news.
    fn look(&mut self, chance: &mut Chance, firm: usize, occasion: usize, host: u8) {
        let opened_on = self.occasions[occasion].opened_on;
        // The service's scans of an occasion come once a week.
        let on = later(opened_on, 1 + 7 * chance.below(3));
        let mut see = |on| {
            self.sightings.insert(Sighting {
                on,
                firm,
                occasion,
                host,
            });
        };
        see(on);
        if chance.percent(30) {
            see(later(on, 7));
        }
    }

    fn open_participants(&mut self, chance: &mut Chance) {
        let (first, last) = (date(2021, 10, 1), date(2022, 4, 15));
        let open: Vec<usize> = (0..self.occasions.len())
            .filter(|o| (first..=last).contains(&self.occasions[*o].opened_on))
            .collect();
        for firm in 0..OPEN_PARTICIPANTS {
            let since = self.participants[firm];
            let mut of: Vec<usize> = open
                .iter()
                .copied()
                .filter(|o| self.occasions[*o].opened_on >= since)
                .collect();
            chance.shuffle(&mut of);
            let more = match firm {
                _ if firm < BUSY_PARTICIPANTS => 1,
                _ if firm + 1 == OPEN_PARTICIPANTS => LAST_PARTICIPANT_MORE,
                _ => 0,
            };
            let n = OPEN_OCCASIONS.0 + chance.below(OPEN_OCCASIONS.1) + more;
            of.truncate(usize::try_from(n).unwrap());
            for occasion in of {
                self.look(chance, firm, occasion, 0);
            }
        }
        // The first participant that was warned had several systems open at once.
        let earliest = self
            .sightings
            .iter()
            .find(|s| s.firm < PARTICIPANTS)
            .copied()
            .unwrap();
        for host in 1..FIRST_HOSTS {
            self.sightings.insert(Sighting { host, ..earliest });
        }
    }

    /// The days on which something was seen.
    #[must_use]
    pub fn days(&self) -> BTreeSet<Date> {
        self.sightings.iter().map(|s| s.on).collect()
    }

    /// Sightings by day and report.
    #[must_use]
    pub fn reports(&self) -> BTreeMap<(Date, &'static str), Vec<Sighting>> {
        let mut reports: BTreeMap<_, Vec<Sighting>> = BTreeMap::new();
        for sighting in &self.sightings {
            let report = self.occasions[sighting.occasion].seen.report;
            reports
                .entry((sighting.on, report))
                .or_default()
                .push(*sighting);
        }
        reports
    }
}
