//! Runs the nights of the year, one after the other, through the real run, and counts.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use jiff::civil::Date;
use nachtwacht::ledger::Ledger;
use nachtwacht::model::night::Night;
use nachtwacht::run::Moment;
use nachtwacht::run::load::{Call, load};
use nachtwacht::run::night::{Ask, run};
use nachtwacht::run::progress::Silent;
use nachtwacht::statistics::period::{Axis, Facts, Gather, Span, count};

use super::{Year, files};

/// Writes the inputs of a year into an empty folder.
pub fn write(year: &Year, folder: &Path, repository: &Path) {
    for (name, bytes) in files(year, repository) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Runs the nights on which something came, but for those in `without`, up to `until`.
pub fn nights(year: &Year, folder: &Path, without: &BTreeSet<Date>, until: Date) {
    for day in without {
        fs::remove_dir_all(folder.join(format!("snapshots/{day}"))).unwrap();
    }
    let call = Call {
        job: folder.join("job.toml"),
        ..Call::default()
    };
    for day in year.days().difference(without).filter(|d| **d <= until) {
        let ask = Ask {
            night: Some(Night::new(*day)),
            ..Ask::default()
        };
        let outcome = run(&call, &ask, &Moment::read().unwrap(), &Silent)
            .unwrap_or_else(|e| panic!("night {day}: {e}"));
        assert_eq!(outcome.exit_code, 0, "night {day}: {:?}", outcome.summary);
    }
}

/// What the letter to parliament says of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub triggers: u64,
    pub companies: u64,
    /// Participants that were warned, and their notifications.
    pub participants: u64,
    pub notifications: u64,
    /// Participants with more than one notification.
    pub several: u64,
}

/// The letters of a span, out of the ledger.
pub fn facts(folder: &Path, span: &str) -> Facts {
    let call = Call {
        job: folder.join("job.toml"),
        ..Call::default()
    };
    let loaded = load(&call).unwrap();
    let place = loaded.place(&call.env).unwrap();
    let span: Span = span.parse().unwrap();
    let mut gather = Gather::new(span, loaded.job.zone.clone());
    Ledger::stream(&place, &loaded.job.ledger, &mut |c| gather.take(c)).unwrap();
    gather.finish()
}

/// Counts a span.
pub fn told(folder: &Path, span: &str) -> Told {
    let facts = facts(folder, span);
    let total = count(&facts, &[]).remove(0).figures.counts;
    let rows = count(&facts, &[Axis::Participation, Axis::Warnings]);
    let of_participants = rows.iter().filter(|r| r.key[0] == "participant");
    let sum = |of: fn(&nachtwacht::statistics::Counts) -> u64, few: bool| -> u64 {
        let rows = of_participants.clone().filter(|r| few || r.key[1] != "1");
        rows.map(|r| of(&r.figures.counts)).sum()
    };
    Told {
        triggers: total.triggers,
        companies: total.companies,
        participants: sum(|c| c.companies, true),
        notifications: sum(|c| c.notifications, true),
        several: sum(|c| c.companies, false),
    }
}

/// The spans of the letter.
pub const SPANS: [&str; 3] = [
    "2021-H2",
    "2022-01-01..2022-06-15",
    "2021-10-01..2022-05-12",
];

/// The table of the letter to parliament.
#[must_use]
pub fn table(year: &Year, folder: &Path) -> String {
    let [first, second, pilot] = SPANS.map(|span| told(folder, span));
    let mut text = String::new();
    let _ = writeln!(text, "{:<34} {:>9} {:>14}", "", "triggers", "organisations");
    let _ = writeln!(
        text,
        "{:<34} {:>9} {:>14}",
        "second half of 2021", first.triggers, first.companies
    );
    let _ = writeln!(
        text,
        "{:<34} {:>9} {:>14}",
        "2022 until mid-June", second.triggers, second.companies
    );
    let _ = writeln!(
        text,
        "\npilot, October 2021 to 12 May 2022: {} participants, {} of them warned, {} notifications; {} participants more than once",
        year.participants.len(),
        pilot.participants,
        pilot.notifications,
        pilot.several
    );
    text
}
