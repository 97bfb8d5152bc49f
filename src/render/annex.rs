//! The places of a long letter as a table for programs: CSV and JSON, one row a place.
//!
//! Names of columns are those of the table `observations`. Values are made visible like in the
//! letter, but for the brackets around dots: a program reads them.

use serde::Serialize;

use super::owner;
use super::visible::{Limit, visible};
use crate::diag::Failure;
use crate::model::company::{Channel, PartyKind};
use crate::model::letter::{Letter, LetterFinding, LetterSection};
use crate::model::shown::formula_safe;

/// Rows that a table shows in the letter; with more there is an annex.
const ROWS: usize = 100;
/// The same in the letter of a network owner, who works with the annex.
const ROWS_OF_OWNER: usize = 20;

/// The annex of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annex {
    /// UTF-8 with a byte order mark, `;`, lines ending in CRLF, safe in a spreadsheet.
    pub csv: Vec<u8>,
    /// One object with a list of places.
    pub json: Vec<u8>,
}

/// Is this a letter to a network owner, about addresses that its customers use?
pub(super) fn is_bulk(letter: &Letter) -> bool {
    letter.company.party_kind == PartyKind::NetworkOwner
}

/// Rows that one table of this letter shows.
pub(super) fn rows_shown(letter: &Letter) -> usize {
    if is_bulk(letter) { ROWS_OF_OWNER } else { ROWS }
}

/// Network owners always get one; others where a table would be too long.
pub(super) fn is_needed(letter: &Letter) -> bool {
    let longest = letter.sections.iter().map(|s| s.findings.len()).max();
    let is_warning = letter.correction.is_none() && letter.overview.is_none();
    is_warning && (is_bulk(letter) || longest.is_some_and(|n| n > rows_shown(letter)))
}

/// Paper carries no files: its reader asks for them.
pub(super) fn travels_along(letter: &Letter) -> bool {
    letter.recipient.channel == Channel::Email
}

#[derive(Serialize)]
struct Place {
    reference: String,
    threat: String,
    title: String,
    urgency: &'static str,
    ip: String,
    hostname: String,
    account_domain: String,
    port: String,
    protocol: String,
    source_port: String,
    tag: String,
    product: String,
    version: String,
    cve: String,
    severity: String,
    first_observed_at: String,
    observed_at: String,
    feed: String,
    report: String,
    confidence: &'static str,
    certainty: &'static str,
}

#[derive(Serialize)]
struct File {
    nachtwacht_annex: u32,
    reference: String,
    night: String,
    places: Vec<Place>,
}

/// The annex of a letter that needs one.
pub(super) fn annex(letter: &Letter) -> Result<Option<Annex>, Failure> {
    if !is_needed(letter) {
        return Ok(None);
    }
    let bug = |e: String| Failure::our_bug(format!("writing an annex: {e}"));
    let places: Vec<Place> = letter
        .sections
        .iter()
        .flat_map(|s| s.findings.iter().map(|f| place(letter, s, f)))
        .collect();
    let mut writer = csv::WriterBuilder::new()
        .delimiter(b';')
        .terminator(csv::Terminator::CRLF)
        .from_writer("\u{feff}".as_bytes().to_vec());
    for place in &places {
        writer
            .serialize(safe(place))
            .map_err(|e| bug(e.to_string()))?;
    }
    let csv = writer.into_inner().map_err(|e| bug(e.to_string()))?;
    let file = File {
        nachtwacht_annex: 1,
        reference: letter.reference.to_string(),
        night: letter.night.to_string(),
        places,
    };
    let mut json = serde_json::to_vec_pretty(&file).map_err(|e| bug(e.to_string()))?;
    json.push(b'\n');
    Ok(Some(Annex { csv, json }))
}

fn place(letter: &Letter, section: &LetterSection, f: &LetterFinding) -> Place {
    let text = |t: &Option<String>| {
        let shown = t.as_deref().map(|t| visible(t, Limit::Field));
        shown.unwrap_or_default()
    };
    let instant = |at| {
        jiff::Timestamp::from_microsecond(at)
            .map(|t| t.to_string())
            .unwrap_or_default()
    };
    let all = |texts: &[String]| -> String {
        let texts: Vec<String> = texts.iter().map(|t| visible(t, Limit::Field)).collect();
        texts.join(" ")
    };
    let number = |port: Option<u16>| port.map(|p| p.to_string()).unwrap_or_default();
    Place {
        reference: letter.reference.to_string(),
        threat: section.threat.id.clone(),
        title: owner::title_and_what(section, letter).0.to_owned(),
        urgency: section.urgency.as_str(),
        ip: f.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        hostname: match (&f.hostname, f.ip) {
            (None, None) if f.account_domain.is_none() => visible(&f.target, Limit::Field),
            _ => text(&f.hostname),
        },
        account_domain: text(&f.account_domain),
        port: number(f.port),
        protocol: text(&f.protocol),
        source_port: number(f.source_port),
        tag: all(&f.tags),
        product: text(&f.product),
        version: text(&f.version),
        cve: all(&f.cves),
        severity: f.severity.map(|s| s.to_string()).unwrap_or_default(),
        first_observed_at: instant(f.first_observed_at),
        observed_at: instant(f.observed_at),
        feed: visible(&f.feed, Limit::Field),
        report: visible(&f.report, Limit::Field),
        confidence: f.confidence.as_str(),
        certainty: f.certainty.as_str(),
    }
}

/// The same with every text safe in a spreadsheet.
fn safe(p: &Place) -> Place {
    Place {
        reference: formula_safe(&p.reference),
        threat: formula_safe(&p.threat),
        title: formula_safe(&p.title),
        ip: formula_safe(&p.ip),
        hostname: formula_safe(&p.hostname),
        account_domain: formula_safe(&p.account_domain),
        port: p.port.clone(),
        protocol: formula_safe(&p.protocol),
        source_port: p.source_port.clone(),
        tag: formula_safe(&p.tag),
        product: formula_safe(&p.product),
        version: formula_safe(&p.version),
        cve: formula_safe(&p.cve),
        severity: p.severity.clone(),
        first_observed_at: p.first_observed_at.clone(),
        observed_at: p.observed_at.clone(),
        feed: formula_safe(&p.feed),
        report: formula_safe(&p.report),
        urgency: p.urgency,
        confidence: p.confidence,
        certainty: p.certainty,
    }
}
