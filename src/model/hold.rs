//! What the ledger holds about nights that were stopped: figures, holds, approvals, baselines.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::company::text_enum;
use super::identity::LetterId;
use super::ledger_record::{Claim, LedgerView, Numbered, PinnedNight, Record, each};
use super::night::{Micros, Night};

text_enum! {
    /// What stopped a night.
    Brake {
        /// More letters than the job allows.
        Letters = "letters",
        /// More letters about one threat than the job allows.
        LettersOfThreat = "letters_of_threat",
        /// Many more letters than the last nights had.
        Growth = "growth",
        /// Many more recipients than usual were never written to.
        FirstTimeRecipients = "first_time_recipients",
        /// Too many rows could not be read.
        RejectedRows = "rejected_rows",
        /// A snapshot has far fewer rows than its earlier ones.
        FewRows = "few_rows",
        /// A snapshot has far more rows than its earlier ones.
        ManyRows = "many_rows",
        /// A report that came every night did not come.
        MissingReport = "missing_report",
        /// A snapshot's newest row is old.
        StaleSnapshot = "stale_snapshot",
        /// A snapshot is of a scan that did not come to its end.
        IncompleteScan = "incomplete_scan",
        /// A snapshot is an earlier one under another date.
        RepeatedSnapshot = "repeated_snapshot",
        /// The machine's clock differs from the store's, or the night lies ahead of it.
        ClockOff = "clock_off",
        /// The first night of the ledger or of a feed.
        FirstNight = "first_night",
    }
}

/// One brake that stopped a night: which, about what, the figure and the limit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pulled {
    /// Which.
    pub brake: Brake,
    /// Threat, `feed/report`, feed or path; empty where it is about the night.
    pub subject: String,
    /// What was found.
    pub figure: u64,
    /// What is allowed.
    pub limit: u64,
}

impl Pulled {
    /// One sentence with the figure and the limit.
    #[must_use]
    pub fn text(&self) -> String {
        let (subject, figure, limit) = (&self.subject, self.figure, self.limit);
        match self.brake {
            Brake::Letters => format!("{figure} letters; the job allows {limit} a night"),
            Brake::LettersOfThreat => {
                format!("{figure} letters about `{subject}`; the job allows {limit} a threat")
            }
            Brake::Growth => format!("{figure} letters; by the last nights {limit} at most"),
            Brake::FirstTimeRecipients => format!(
                "{figure}% of the recipients were never written to before; by the last nights {limit}% at most"
            ),
            Brake::RejectedRows => {
                format!("{figure}% of the rows were rejected; the job allows {limit}%")
            }
            Brake::FewRows => {
                format!("`{subject}` has {figure} rows; by its own history {limit} at least")
            }
            Brake::ManyRows => {
                format!("`{subject}` has {figure} rows; by its own history {limit} at most")
            }
            Brake::MissingReport => {
                format!("`{subject}` did not come; it came on each of the last {figure} nights")
            }
            Brake::StaleSnapshot => format!(
                "the newest row of `{subject}` is {figure} days older than its snapshot; the job allows {limit}"
            ),
            Brake::IncompleteScan => {
                format!("`{subject}` is of a scan that did not come to its end")
            }
            Brake::RepeatedSnapshot => {
                format!("`{subject}` holds the same content as an earlier snapshot")
            }
            Brake::ClockOff => format!("{subject} {figure} minutes; the job allows {limit}"),
            Brake::FirstNight if subject.is_empty() => {
                "the first night of this ledger: everything is computed, nothing leaves".to_owned()
            }
            Brake::FirstNight => format!("the first night of feed `{subject}`"),
        }
    }
}

/// A night's plan in figures: what the brakes of later nights compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Night.
    pub night: Night,
    /// Revision.
    pub revision: u32,
    /// Days of snapshots that it took.
    pub n_days: u64,
    /// Rows read.
    pub read: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Letters of the plan that may be sent.
    pub letters: u64,
    /// Of these, to a company that was never written to.
    pub first_time: u64,
    /// Letters that were left for later by `--max-letters` or `policy.max_letters`.
    pub left_over: u64,
    /// Letters that are held since nobody can be reached; nights of before this was kept say 0.
    pub without_contact: u64,
    /// Letters by threat.
    pub by_threat: BTreeMap<String, u64>,
    /// Rows by snapshot.
    pub objects: Vec<ObjectFigures>,
}

/// Rows of one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFigures {
    /// Feed.
    pub feed: String,
    /// Report type.
    pub report: String,
    /// Date of the snapshot.
    pub date: Date,
    /// Rows.
    pub rows: u64,
}

/// A night that was stopped before its first letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Night.
    pub night: Night,
    /// Revision.
    pub revision: u32,
    /// SHA-256 of `letters.plan.json`: what `approve --plan` takes.
    pub plan_sha256: String,
    /// Letters that wait.
    pub letters: u64,
    /// Overviews for parent companies among them.
    pub overviews: u64,
    /// Why.
    pub pulled: Vec<Pulled>,
}

/// A signed permission to hand over exactly one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Night.
    pub night: Night,
    /// Revision.
    pub revision: u32,
    /// SHA-256 of `letters.plan.json`.
    pub plan_sha256: String,
    /// Letters in that plan.
    pub letters: u64,
    /// From then on it permits nothing: UTC, microseconds.
    pub expires_at: Micros,
    /// Fingerprint of the key; no name.
    pub key: String,
    /// The signature, armoured, as `ssh-keygen` writes it.
    pub signature: String,
}

/// Somebody says that what runs for the first time may send from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The feed; `None` for the ledger itself.
    pub feed: Option<String>,
    /// When, UTC, microseconds.
    pub at: Micros,
}

/// A night whose plan was given up: a later plan takes its findings anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// Night.
    pub night: Night,
    /// Revision.
    pub revision: u32,
    /// The night that took over.
    pub by: Night,
}

impl LedgerView {
    /// Was a letter of this plan claimed already? Then it was let go, and is only resumed.
    ///
    /// Corrections that a person has sent on the same date are no letters of the plan, nor is
    /// another attempt of a letter that an earlier revision of the night claimed.
    #[must_use]
    pub fn has_begun(&self, pin: &PinnedNight) -> bool {
        !self.claims_under(pin).is_empty()
    }

    /// Claims of letters of this plan.
    #[must_use]
    pub fn claims_under(&self, pin: &PinnedNight) -> Vec<&Claim> {
        let is_pin = |r: &Numbered| matches!(&r.record, Record::Night(p) if **p == *pin);
        let at = self.records.iter().position(is_pin);
        let (before, after) = at
            .and_then(|at| self.records.split_at_checked(at))
            .unwrap_or_default();
        let mut ours = letters_of(after, pin.night).peekable();
        if ours.peek().is_none() {
            return Vec::new();
        }
        // An earlier revision that ended may try a letter again; one that was given up never does.
        let superseded = self.superseded();
        let mut pins = before.iter().filter_map(|r| match &r.record {
            Record::Night(p) if p.night == pin.night => Some((p.night, p.revision)),
            _ => None,
        });
        let earlier: BTreeSet<LetterId> = if pins.all(|p| superseded.contains_key(&p)) {
            BTreeSet::new()
        } else {
            letters_of(before, pin.night).map(|c| c.letter_id).collect()
        };
        ours.filter(|c| !earlier.contains(&c.letter_id)).collect()
    }

    /// Figures of nights, in order.
    pub fn figures(&self) -> impl Iterator<Item = &Figures> {
        each!(self, Figures)
    }

    /// Every hold, in order; also of nights that went on later.
    pub fn holds(&self) -> impl Iterator<Item = &Hold> {
        each!(self, Hold)
    }

    /// Every approval, in order.
    pub fn approvals(&self) -> impl Iterator<Item = &Approval> {
        each!(self, Approval)
    }

    /// Every baseline, in order.
    pub fn baselines(&self) -> impl Iterator<Item = &Baseline> {
        each!(self, Baseline)
    }

    /// Each plan that was given up, with the night that took over.
    #[must_use]
    pub fn superseded(&self) -> BTreeMap<(Night, u32), Night> {
        let mut by = BTreeMap::new();
        for s in each!(self, Superseded) {
            by.entry((s.night, s.revision)).or_insert(s.by);
        }
        by
    }

    /// Letters that brakes held on the way to this plan, without overviews: those of its night's largest hold (a
    /// later revision may hold fewer), and of each night whose plan was given up for it.
    #[must_use]
    pub fn held_before(&self, pin: &PinnedNight) -> u64 {
        let superseded = self.superseded();
        let mut nights = BTreeSet::from([pin.night]);
        let mut n = 0;
        while n < nights.len() {
            n = nights.len();
            let taken = superseded.iter().filter(|(_, by)| nights.contains(*by));
            let taken: Vec<Night> = taken.map(|((night, _), _)| *night).collect();
            nights.extend(taken);
        }
        let of_nights = self.holds().filter(|h| nights.contains(&h.night));
        let mut largest: BTreeMap<Night, u64> = BTreeMap::new();
        for hold in of_nights {
            let letters = hold.letters.saturating_sub(hold.overviews);
            let of_night = largest.entry(hold.night).or_default();
            *of_night = letters.max(*of_night);
        }
        largest.values().sum()
    }

    /// Nights that were planned, did not end and were not given up, in order. One at most, but
    /// for ledgers of before there were holds.
    #[must_use]
    pub fn open_nights(&self) -> Vec<&PinnedNight> {
        let ended = self.ended();
        let superseded = self.superseded();
        self.nights()
            .filter(|pin| {
                let run = (pin.night, pin.revision, pin.run_id.as_str());
                !ended.contains(&run) && !superseded.contains_key(&(pin.night, pin.revision))
            })
            .collect()
    }

    /// The latest hold of each night that is still open: a person must act.
    #[must_use]
    pub fn open_holds(&self) -> Vec<&Hold> {
        let mut latest = BTreeMap::new();
        for hold in self.holds() {
            latest.insert((hold.night, hold.revision), hold);
        }
        let open = self.open_nights();
        let is_open = |key: &(Night, u32)| open.iter().any(|p| (p.night, p.revision) == *key);
        latest.retain(|key, _| is_open(key));
        latest.into_values().collect()
    }
}

/// Letters of the night itself among these records.
fn letters_of(records: &[Numbered], night: Night) -> impl Iterator<Item = &Claim> {
    records.iter().filter_map(move |r| match &r.record {
        Record::Claim(c) if c.night == night && !c.is_correction() => Some(&**c),
        _ => None,
    })
}
