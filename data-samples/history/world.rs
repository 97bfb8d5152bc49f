//! The year as files: register, snapshots, triggers, a job.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use arrow::array::UInt16Array;
use jiff::civil::Date;

use super::super::generator::observation::{Row, Snapshot};
use super::super::generator::parquet_file::{bytes, dates, days, moments, table, text, truths};
use super::{PARTICIPANTS, Year};

const SECTORS: [&str; 9] = [
    "6201", "2511", "4711", "4941", "8610", "4120", "69101", "01131", "5610",
];
const SIZES: [&str; 5] = ["1", "2-9", "10-49", "50-249", "250+"];
const PROVINCES: [&str; 12] = [
    "Drenthe",
    "Flevoland",
    "Fryslân",
    "Gelderland",
    "Groningen",
    "Limburg",
    "Noord-Brabant",
    "Noord-Holland",
    "Overijssel",
    "Utrecht",
    "Zeeland",
    "Zuid-Holland",
];

/// Rows of a report about everybody else.
const NOISE: u8 = 120;

fn key(firm: usize) -> String {
    format!("kvk:0{:07}", 1_000_000 + firm * 3)
}

/// Each firm has four addresses of its own, in space that belongs to nobody.
fn address(firm: usize, host: u8) -> Ipv4Addr {
    let first = u32::from(Ipv4Addr::new(240, 0, 0, 0));
    Ipv4Addr::from(first + u32::try_from(firm).unwrap() * 4 + u32::from(host))
}

/// Every file of the year by its path; `repository` is where threats, templates and keys are.
#[must_use]
pub fn files(year: &Year, repository: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    files.insert("register/companies.parquet".into(), companies(year));
    files.insert("register/assets.parquet".into(), assets(year));
    files.insert("register/contacts.parquet".into(), contacts(year));
    let suffixes = repository.join("data-samples/reference/public-suffix/2026-03-01.dat");
    files.insert(
        "reference/public-suffix/2021-06-01.dat".into(),
        std::fs::read(suffixes).unwrap(),
    );
    for ((on, report), sightings) in year.reports() {
        let date = on.to_string();
        let snapshot = Snapshot {
            feed: "shadowserver",
            report,
            date: &date,
        };
        let rows = sightings.iter().enumerate().map(|(i, s)| {
            let occasion = &year.occasions[s.occasion];
            Row {
                at: Some((i64::from(days(&date)) - 1) * 86_400_000_000 + 40_000_000_000),
                ip: address(s.firm, s.host).to_string(),
                port: Some(occasion.seen.port),
                protocol: "tcp",
                severity: "high",
                trigger: Box::leak(occasion.id.clone().into_boxed_str()),
                source_row: i as u64,
                ..Row::default()
            }
        });
        let mut rows: Vec<Row> = rows.collect();
        // Most of what a scan sees belongs to nobody that is registered.
        for n in 0..NOISE {
            let port = rows.first().and_then(|r| r.port);
            let ip = Ipv4Addr::new(241, 7, u8::try_from(on.day()).unwrap(), n);
            rows.push(Row {
                at: rows.first().and_then(|r| r.at),
                ip: ip.to_string(),
                port,
                protocol: "tcp",
                severity: "high",
                source_row: rows.len() as u64,
                ..Row::default()
            });
        }
        files.insert(snapshot.path(), snapshot.own_form(rows));
    }
    // The catalogue's own threats, but for those that no occasion of this year is about.
    for seen in super::SEEN {
        let name = format!("threats/{}.toml", seen.threat);
        let text = std::fs::read(repository.join("jobs").join(&name)).unwrap();
        files.insert(name, text);
    }
    files.insert("triggers/history.toml".into(), triggers(year).into_bytes());
    files.insert("job.toml".into(), job(repository).into_bytes());
    files
}

fn triggers(year: &Year) -> String {
    let mut text = String::new();
    for o in &year.occasions {
        let _ = write!(
            text,
            "[[trigger]]\nid = \"{}\"\nthreat_id = \"{}\"\nopened_on = {}\nsource = \"Shadowserver\"\nfeeds = []\n\n",
            o.id, o.seen.threat, o.opened_on
        );
    }
    text
}

/// The samples' job with other places, and without what the year does not have.
fn job(repository: &Path) -> String {
    let text = std::fs::read_to_string(repository.join("jobs/nightly.toml")).unwrap();
    let at = |path: &str| repository.join(path).display().to_string();
    let mut job = String::new();
    let (mut is_left_out, mut section) = (false, "");
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
            is_left_out = ["[feeds.partner]", "[feeds.own]"]
                .iter()
                .any(|s| line.starts_with(s));
        }
        let name = line.split('=').next().unwrap_or_default().trim();
        let with = |value: String| format!("{name} = \"{value}\"");
        let line = match name {
            "base" => with(".".into()),
            "threats" => with("threats".into()),
            "triggers" => with("triggers".into()),
            "templates" => with(at("templates")),
            "retention_days" => "retention_days = 3650".into(),
            "companies" | "assets" | "contacts" if section.starts_with("[inputs]") => {
                with(format!("register/{name}.parquet"))
            }
            "snapshots" => with("snapshots/".into()),
            "public_suffixes" => with("reference/public-suffix/".into()),
            "kev" | "epss" | "prefix_asn" | "shared_infrastructure" | "cve" | "csaf" => continue,
            // A report of this year comes when there is an occasion, so many nights in a row must
            // have had it before one without it is odd.
            "max_age_days" => "max_age_days = 60".into(),
            "folder_sends_first_night" => format!("{line}\nhistory_nights = 60\nmin_history = 60"),
            _ => line.replace("../data-samples/keys", &at("data-samples/keys")),
        };
        if !is_left_out {
            job.push_str(&line);
            job.push('\n');
        }
    }
    job
}

fn companies(year: &Year) -> Vec<u8> {
    let firms = || 0..year.n_firms;
    let texts = |of: &dyn Fn(usize) -> String| {
        let all: Vec<String> = firms().map(of).collect();
        text(all.iter().map(String::as_str))
    };
    let same = |value: &'static str| text(firms().map(|_| value));
    let since: Vec<Option<String>> = firms()
        .map(|f| year.participants.get(f).map(Date::to_string))
        .collect();
    let none = || dates(firms().map(|_| None));
    let batch = table(vec![
        ("company_key", texts(&key)),
        ("name", texts(&|f| format!("Voorbeeldbedrijf {f:04}"))),
        (
            "party_kind",
            texts(&|f| {
                if f < PARTICIPANTS {
                    "participant"
                } else {
                    "registered"
                }
                .into()
            }),
        ),
        ("language", same("nl")),
        ("sector", texts(&|f| SECTORS[f * f % 97 % 9].into())),
        ("sector_scheme", same("SBI2008")),
        ("size_class", texts(&|f| SIZES[f * 7 % 31 % 5].into())),
        ("province", texts(&|f| PROVINCES[f * 5 % 37 % 12].into())),
        (
            "participant_since",
            dates(since.iter().map(Option::as_deref)),
        ),
        ("participant_until", none()),
        ("legal_basis", same("art. 1")),
        ("street", same("Voorbeeldstraat")),
        ("house_number", texts(&|f| (f + 1).to_string())),
        ("house_number_addition", same("")),
        ("postcode", same("1234AB")),
        ("town", same("Voorbeeldstad")),
        ("country", same("NL")),
        ("address_shielded", truths(firms().map(|_| false))),
        ("parent_company_key", same("")),
    ]);
    bytes(&batch, &[])
}

fn assets(year: &Year) -> Vec<u8> {
    let all: Vec<(String, String)> = (0..year.n_firms)
        .map(|f| (key(f), format!("{}/30", address(f, 0))))
        .collect();
    let same = |value: &'static str| text(all.iter().map(|_| value));
    let batch = table(vec![
        ("company_key", text(all.iter().map(|a| a.0.as_str()))),
        ("kind", same("cidr")),
        ("value", text(all.iter().map(|a| a.1.as_str()))),
        ("valid_from", same("2021-01-01")),
        ("valid_until", same("")),
        ("source", same("form")),
        ("confirmed_at", moments(all.iter().map(|_| None))),
    ]);
    bytes(&batch, &[])
}

fn contacts(year: &Year) -> Vec<u8> {
    let keys: Vec<String> = (0..year.n_firms).map(key).collect();
    let same = |value: &'static str| text(keys.iter().map(|_| value));
    let batch = table(vec![
        ("company_key", text(keys.iter().map(String::as_str))),
        ("channel", same("post")),
        ("value", same("")),
        ("role", same("director")),
        (
            "priority",
            Arc::new(UInt16Array::from_iter_values(keys.iter().map(|_| 1))),
        ),
        ("verified_at", moments(keys.iter().map(|_| None))),
        ("bounced_at", moments(keys.iter().map(|_| None))),
    ]);
    bytes(&batch, &[])
}
