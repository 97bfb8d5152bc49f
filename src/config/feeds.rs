//! `[feeds.…]`: which feeds there are, what their deliveries must be like, what they scan.

use std::collections::BTreeMap;

use super::section::Section;
use crate::brakes::REGISTER;
use crate::model::observation::OBSERVATIONS;
use crate::model::sighting::Assumption;
use crate::plan::{Band, Contract};

/// What the job says about a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// What letters call it, in Dutch and English; its id where the job does not say.
    pub titles: [String; 2],
    /// The newest snapshot may be this many days older than the night.
    pub max_age_days: u32,
    /// What its deliveries must be like.
    pub contract: Contract,
    /// Foreign column name → ours.
    pub columns: BTreeMap<String, String>,
    /// What its reports are taken to scan, where the feed does not say.
    pub assumed: Vec<Assumption>,
}

pub(super) fn feeds(section: Section<'_, '_>) -> BTreeMap<String, Feed> {
    let mut feeds = BTreeMap::new();
    for (name, feed) in section.named() {
        if name == REGISTER {
            section.problem(
                &name,
                "this is what the register is called; expected another name",
            );
        }
        let max_age_days = feed.number("max_age_days", "a number of days");
        let columns = feed.section_if("columns").map(|c| c.named_texts());
        let contract = contract(&feed, max_age_days.unwrap_or(0));
        let assumed = feed
            .sections("assumed_coverage")
            .into_iter()
            .map(assumption);
        let assumed = assumed.collect();
        let titles = ["title_nl", "title_en"].map(|key| feed.text_or(key, &name));
        feed.finish();
        let feed = Feed {
            titles,
            max_age_days: max_age_days.unwrap_or(0),
            contract,
            columns: columns.unwrap_or_default().into_iter().collect(),
            assumed,
        };
        feeds.insert(name, feed);
    }
    feeds
}

fn assumption(section: Section<'_, '_>) -> Assumption {
    let assumption = Assumption {
        report: section.text("report").unwrap_or_default(),
        networks: section.parsed_list("networks", "prefixes such as 192.0.2.0/24"),
        ports: section.ports("ports"),
    };
    section.finish();
    assumption
}

fn contract(feed: &Section<'_, '_>, max_age_days: u32) -> Contract {
    let required_columns = feed.texts("required_columns");
    for name in &required_columns {
        if OBSERVATIONS.field_with_name(name).is_err() {
            let message = format!("`{name}` is no column of the table of observations");
            feed.problem("required_columns", message);
        }
    }
    let reports = feed.section_if("reports").map(|reports| {
        let bands = reports.named().into_iter();
        let bands = bands.map(|(name, section)| {
            let band = band(&section);
            section.finish();
            (name, band)
        });
        bands.collect()
    });
    Contract {
        max_age_days,
        required_columns,
        rows: band(feed),
        reports: reports.unwrap_or_default(),
        max_rejects_percent: feed.number_if("max_rejects_percent", "a percentage from 0 to 100"),
    }
}

fn band(section: &Section<'_, '_>) -> Band {
    let band = Band {
        min_rows: section.number_if("min_rows", "a number of rows"),
        max_rows: section.number_if("max_rows", "a number of rows"),
    };
    if let (Some(least), Some(most)) = (band.min_rows, band.max_rows)
        && least > most
    {
        section.problem(
            "min_rows",
            format!("{least} is more than `max_rows`, {most}"),
        );
    }
    band
}
