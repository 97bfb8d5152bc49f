//! Brakes: the last nights and tonight's plan → go, or the list of what stops the night.
//!
//! A brake never changes a letter: it holds the whole night before letter 1, and a person looks.
//! Deliberately absent: the clock (times are arguments), the store, who approved.

pub mod approval;
mod history;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::model::hold::{Brake, Figures, ObjectFigures, Pulled};
use crate::model::identity::PartyRef;
use crate::model::ledger_record::LedgerView;
use crate::model::night::{Micros, Night};

pub use history::History;

/// Limits of the job. Shares are whole per cent; 0 switches a limit off where it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Letters a night.
    pub max_letters: u64,
    /// Letters a night about one threat.
    pub max_letters_a_threat: u64,
    /// Letters a day of snapshots, times the median of the last nights.
    pub growth: u64,
    /// Up to this many letters growth and first-time recipients do not matter.
    pub growth_from: u64,
    /// First-time recipients may be this share, or 20 points above the last nights' median.
    pub max_first_time_percent: u64,
    /// Rows that may be rejected.
    pub max_rejected_percent: u64,
    /// A snapshot has at least this share of its own median; 0 for off.
    pub min_rows_percent: u64,
    /// And at most this.
    pub max_rows_percent: u64,
    /// A table of the register has at least this share of its own median of usable rows; 0 for off.
    pub min_register_percent: u64,
    /// A snapshot's newest row that met an asset is at most this many days older than it.
    pub max_observed_age_days: u64,
    /// Hold where a snapshot is an earlier one under another date.
    pub hold_repeated: bool,
    /// Hold where the feed says that a scan did not come to its end.
    pub hold_incomplete: bool,
    /// The machine's clock may differ from the store's by this, and lie before the night by this.
    pub max_clock_minutes: u64,
    /// Nights that the medians are taken over.
    pub history_nights: usize,
    /// Fewer earlier nights than this say nothing.
    pub min_history: usize,
    /// Above this many letters two different keys must approve.
    pub two_keys_above: u64,
    /// An approval is good for this long.
    pub approval_hours: u64,
    /// In a folder of this machine a first night sends at once: for a try-out.
    pub folder_sends_first_night: bool,
    /// Whose keys may approve: name → public key, as in `id_ed25519.pub`.
    pub signers: BTreeMap<String, String>,
    /// While this object is in the store no letter starts. Path under the base.
    pub stop: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_letters: 1000,
            max_letters_a_threat: 500,
            growth: 8,
            growth_from: 50,
            max_first_time_percent: 80,
            max_rejected_percent: 10,
            min_rows_percent: 40,
            max_rows_percent: 400,
            min_register_percent: 80,
            max_observed_age_days: 7,
            hold_repeated: true,
            hold_incomplete: true,
            max_clock_minutes: 10,
            history_nights: 14,
            min_history: 5,
            two_keys_above: 500,
            approval_hours: 72,
            folder_sends_first_night: false,
            signers: BTreeMap::new(),
            stop: "STOP".into(),
        }
    }
}

/// A letter of tonight's plan that may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedLetter {
    /// Who gets it.
    pub party: PartyRef,
    /// Threats that it is about.
    pub threats: BTreeSet<String>,
}

/// A snapshot of tonight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFacts {
    /// Path under the base.
    pub path: String,
    /// Feed.
    pub feed: String,
    /// Report type.
    pub report: String,
    /// Date of the snapshot.
    pub date: Date,
    /// Rows.
    pub rows: u64,
    /// SHA-256 of its footer.
    pub sha256: String,
    /// UTC day of the newest row that met an asset; `None` where none did.
    pub newest_seen_on: Option<Date>,
    /// Its scan came to its end, or nobody says otherwise.
    pub is_complete: bool,
}

/// Two clocks, UTC microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The machine's.
    pub machine: Micros,
    /// The store's.
    pub store: Micros,
    /// The night's first moment in the job's time zone.
    pub night_begins: Micros,
}

/// Tonight's plan in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tonight {
    /// Night.
    pub night: Night,
    /// Revision of its plan.
    pub revision: u32,
    /// Letters that may be sent.
    pub letters: Vec<PlannedLetter>,
    /// Letters that wait for a later night, since this one may send only so many.
    pub left_over: u64,
    /// Snapshots.
    pub snapshots: Vec<SnapshotFacts>,
    /// Usable rows of the register's tables, by name.
    pub register: BTreeMap<String, u64>,
    /// Rows read.
    pub read: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Clocks.
    pub clocks: Clocks,
    /// A first night may send: it is a try-out in a folder.
    pub may_begin: bool,
}

/// What the register's tables are called where snapshots name their feed; no feed has this name.
pub const REGISTER: &str = "register";

impl Tonight {
    fn objects(&self) -> impl Iterator<Item = ObjectFigures> {
        let tables = self.register.iter().map(|(table, rows)| ObjectFigures {
            feed: REGISTER.to_owned(),
            report: table.clone(),
            date: self.night.date(),
            rows: *rows,
        });
        self.snapshots.iter().map(history::object).chain(tables)
    }

    /// What later nights compare with.
    #[must_use]
    pub fn figures(&self, history: &History<'_>) -> Figures {
        let mut by_threat = BTreeMap::new();
        for threat in self.letters.iter().flat_map(|l| &l.threats) {
            *by_threat.entry(threat.clone()).or_insert(0) += 1;
        }
        let days: BTreeSet<Date> = self.snapshots.iter().map(|s| s.date).collect();
        Figures {
            night: self.night,
            revision: self.revision,
            n_days: len(days.len()),
            read: self.read,
            rejected: self.rejected,
            letters: len(self.letters.len()),
            first_time: len(self
                .letters
                .iter()
                .filter(|l| !history.was_written_to(l.party))
                .count()),
            left_over: self.left_over,
            without_contact: 0, // no brake looks at it: the run counts it
            by_threat,
            objects: self.objects().collect(),
        }
    }
}

/// What stops the night; nothing means go.
///
/// `view` is the ledger as of the night's pin: the answer is the same whenever it is asked, but
/// for the clocks. Sorted by brake and subject.
#[must_use]
pub fn judge(settings: &Settings, tonight: &Tonight, view: &LedgerView) -> Vec<Pulled> {
    let history = History::of(view, tonight.night, settings.history_nights);
    let figures = tonight.figures(&history);
    let mut pulled = Vec::new();
    let mut pull = |brake, subject: &str, figure, limit| {
        pulled.push(Pulled {
            brake,
            subject: subject.to_owned(),
            figure,
            limit,
        });
    };
    if figures.letters > settings.max_letters {
        pull(Brake::Letters, "", figures.letters, settings.max_letters);
    }
    for (threat, n) in &figures.by_threat {
        let limit = settings.max_letters_a_threat;
        if *n > limit {
            pull(Brake::LettersOfThreat, threat, *n, limit);
        }
    }
    if figures.rejected * 100 > figures.read * settings.max_rejected_percent {
        let share = percent(figures.rejected, figures.read);
        pull(
            Brake::RejectedRows,
            "",
            share,
            settings.max_rejected_percent,
        );
    }
    letters_by_history(settings, &figures, &history, &mut pull);
    rows_by_history(settings, tonight, &history, &mut pull);
    register_by_history(settings, tonight, &history, &mut pull);
    snapshots(settings, tonight, view, &mut pull);
    clocks(settings, &tonight.clocks, &mut pull);
    first_nights(tonight, &history, &mut pull);
    pulled.sort();
    pulled
}

type Pull<'p> = dyn FnMut(Brake, &str, u64, u64) + 'p;

fn letters_by_history(
    settings: &Settings,
    tonight: &Figures,
    history: &History<'_>,
    pull: &mut Pull<'_>,
) {
    if history.n_nights() < settings.min_history || tonight.letters <= settings.growth_from {
        return;
    }
    let usual = history.median(|f| f.letters / f.n_days.max(1));
    let limit = (usual * settings.growth * tonight.n_days.max(1)).max(settings.growth_from);
    if tonight.letters > limit {
        pull(Brake::Growth, "", tonight.letters, limit);
    }
    let share = percent(tonight.first_time, tonight.letters);
    let usual = history.median(|f| percent(f.first_time, f.letters));
    let limit = settings.max_first_time_percent.max(usual + 20);
    if share > limit {
        pull(Brake::FirstTimeRecipients, "", share, limit);
    }
}

fn rows_by_history(
    settings: &Settings,
    tonight: &Tonight,
    history: &History<'_>,
    pull: &mut Pull<'_>,
) {
    for s in &tonight.snapshots {
        let earlier = history.rows(&s.feed, &s.report);
        if earlier.len() < settings.min_history {
            continue;
        }
        let usual = history::median(earlier);
        let (least, most) = (
            usual * settings.min_rows_percent / 100,
            usual * settings.max_rows_percent / 100,
        );
        let subject = format!("{}/{}", s.feed, s.report);
        if s.rows < least {
            pull(Brake::FewRows, &subject, s.rows, least);
        }
        // A report of a handful of rows grows by chance.
        if s.rows > most.max(100) {
            pull(Brake::ManyRows, &subject, s.rows, most.max(100));
        }
    }
    let came: BTreeSet<(&str, &str)> = tonight
        .snapshots
        .iter()
        .map(|s| (s.feed.as_str(), s.report.as_str()))
        .collect();
    if history.n_nights() >= settings.min_history {
        for (feed, report) in history.on_every_night() {
            if feed != REGISTER && !came.contains(&(feed, report)) {
                let n = len(history.n_nights());
                pull(Brake::MissingReport, &format!("{feed}/{report}"), n, 0);
            }
        }
    }
}

/// Half a register says of the other half that it moved away: nobody there would be warned, and
/// what the ledger knows of them would be closed. It changes little from night to night, so one
/// night says enough.
fn register_by_history(
    settings: &Settings,
    tonight: &Tonight,
    history: &History<'_>,
    pull: &mut Pull<'_>,
) {
    for (table, rows) in &tonight.register {
        let usual = history::median(history.rows(REGISTER, table));
        let least = usual * settings.min_register_percent / 100;
        if *rows < least {
            pull(Brake::FewRows, &format!("{REGISTER}/{table}"), *rows, least);
        }
    }
}

fn snapshots(settings: &Settings, tonight: &Tonight, view: &LedgerView, pull: &mut Pull<'_>) {
    let earlier: BTreeSet<&str> = view
        .nights()
        .filter(|pin| pin.night < tonight.night)
        .flat_map(|pin| &pin.snapshots)
        .filter(|o| tonight.snapshots.iter().all(|s| s.path != o.path))
        .map(|o| o.sha256.as_str())
        .collect();
    let mut seen = BTreeSet::new();
    for s in &tonight.snapshots {
        // Files without a row are all alike; an empty day repeats nothing.
        let sha256 = s.sha256.as_str();
        let is_again = s.rows > 0 && (earlier.contains(sha256) || !seen.insert(sha256));
        if settings.hold_repeated && is_again {
            pull(Brake::RepeatedSnapshot, &s.path, 1, 0);
        }
        if settings.hold_incomplete && !s.is_complete {
            pull(Brake::IncompleteScan, &s.path, 1, 0);
        }
        let age = s.newest_seen_on.map_or(0, |day| {
            u64::try_from(Night::new(s.date).days_since(day)).unwrap_or(0)
        });
        if age > settings.max_observed_age_days {
            let limit = settings.max_observed_age_days;
            pull(Brake::StaleSnapshot, &s.path, age, limit);
        }
    }
}

fn clocks(settings: &Settings, clocks: &Clocks, pull: &mut Pull<'_>) {
    const MINUTE: u64 = 60_000_000;
    let limit = settings.max_clock_minutes;
    let off = clocks.machine.abs_diff(clocks.store) / MINUTE;
    if off > limit {
        let what = "this machine's clock differs from the store's by";
        pull(Brake::ClockOff, what, off, limit);
    }
    if clocks.night_begins > clocks.machine {
        let ahead = clocks.night_begins.abs_diff(clocks.machine) / MINUTE;
        if ahead > limit {
            let what = "the night begins later than now, by";
            pull(Brake::ClockOff, what, ahead, limit);
        }
    }
}

fn first_nights(tonight: &Tonight, history: &History<'_>, pull: &mut Pull<'_>) {
    if tonight.may_begin {
        return;
    }
    if history.is_new() {
        pull(Brake::FirstNight, "", 1, 0);
        return;
    }
    let feeds: BTreeSet<&str> = tonight.snapshots.iter().map(|s| s.feed.as_str()).collect();
    for feed in feeds.into_iter().filter(|f| !history.knows(f)) {
        pull(Brake::FirstNight, feed, 1, 0);
    }
}

/// Does a baseline lift this? Only the first night of a ledger or feed is lifted by one.
#[must_use]
pub fn is_lifted(pulled: &Pulled, view: &LedgerView) -> bool {
    let is_meant = |feed: Option<&str>| feed.unwrap_or_default() == pulled.subject;
    pulled.brake == Brake::FirstNight && view.baselines().any(|b| is_meant(b.feed.as_deref()))
}

/// `part` of `whole` in whole per cent, rounded up; 0 of nothing.
fn percent(part: u64, whole: u64) -> u64 {
    (part * 100).checked_div(whole).map_or(0, |share| {
        share + u64::from(!(part * 100).is_multiple_of(whole))
    })
}

fn len(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
