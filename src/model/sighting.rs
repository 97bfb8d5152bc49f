//! What became of findings that were warned about: gone, and how surely; or back again.

use std::collections::BTreeMap;

use ipnet::IpNet;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::company::text_enum;
use super::identity::FindingId;
use super::night::{Micros, Night, local_midnight};

text_enum! {
    /// Why a finding that was warned about is not among tonight's rows.
    Gone {
        /// A later scan of the same report covered that address and port, and did not see it.
        Fixed = "fixed",
        /// The report came, but did not cover that address and port, or has a row there that tells
        /// nothing.
        NotSeen = "not_seen",
        /// Nobody says what was scanned.
        NotScanned = "not_scanned",
        /// The registered value is the company's no longer.
        MovedOwner = "moved_owner",
    }
}

/// How findings changed on a night. Only changes are kept: who stays away is not named again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sightings {
    /// Night.
    pub night: Night,
    /// Gone since this night, or gone before and known better since, as where a whole scan follows
    /// half of one; sorted; never `not_scanned`, which says nothing.
    pub gone: Vec<(FindingId, Gone)>,
    /// Gone before, and seen again, sorted.
    pub back: Vec<FindingId>,
    /// How many of those that were warned about are not seen tonight, by why.
    pub counts: BTreeMap<Gone, u64>,
    /// `feed/report` of scans that the job assumes, sorted: what is fixed by these is so by an
    /// assumption.
    pub assumed: Vec<String>,
}

/// What a scan looked at: a row of the table `coverage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Feed.
    pub feed: String,
    /// Report type.
    pub report: String,
    /// Date of the snapshot that holds what the scan saw.
    pub day: Date,
    /// When the scan began.
    pub scanned_from: Micros,
    /// The network; `None` for everything.
    pub network: Option<IpNet>,
    /// First and last port of each span; empty for every port.
    pub ports: Vec<(u16, u16)>,
    /// Did the scan come to its end?
    pub is_complete: bool,
    /// The job says so, not the feed.
    pub is_assumed: bool,
}

/// What the job takes a report to scan each time, where its feed does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assumption {
    /// Report type.
    pub report: String,
    /// The networks; empty for everything.
    pub networks: Vec<IpNet>,
    /// The ports; empty for every port.
    pub ports: Vec<u16>,
}

impl Assumption {
    /// Rows of the table `coverage` for one snapshot. The scan is taken to have begun at 00:00 UTC
    /// of the day before the snapshot's date, so that nothing of that snapshot itself is covered.
    #[must_use]
    pub fn coverage(&self, feed: &str, day: Date) -> Vec<Coverage> {
        let eve = day.yesterday().ok();
        let began = eve.and_then(|d| local_midnight(d, &TimeZone::UTC).ok());
        let Some(began) = began else {
            return Vec::new(); // the first day of the calendar
        };
        let row = |network: Option<IpNet>| Coverage {
            feed: feed.to_owned(),
            report: self.report.clone(),
            day,
            scanned_from: began,
            network,
            ports: self.ports.iter().map(|p| (*p, *p)).collect(),
            is_complete: true,
            is_assumed: true,
        };
        if self.networks.is_empty() {
            return vec![row(None)];
        }
        self.networks.iter().copied().map(Some).map(row).collect()
    }
}

impl Coverage {
    /// Did the scan look at all of `nets` and at `port`, later than `seen_at`? A scan of
    /// everything must have come to its end; one of a network says itself how far it came.
    #[must_use]
    pub fn covers(&self, nets: &[IpNet], port: Option<u16>, seen_at: Micros) -> bool {
        let has_net = match &self.network {
            None => self.is_complete,
            Some(network) => !nets.is_empty() && nets.iter().all(|n| network.contains(n)),
        };
        let has_port = port.is_none_or(|p| {
            self.ports.is_empty() || self.ports.iter().any(|(a, b)| (*a..=*b).contains(&p))
        });
        has_net && has_port && self.scanned_from > seen_at
    }
}
