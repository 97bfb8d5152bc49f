//! `explain`: why a company, a letter, an address or a name got what it got, out of
//! `decisions.parquet` of a run that ended, or is held.

use std::fmt::Write;
use std::net::IpAddr;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, TimestampMicrosecondType, UInt16Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use serde_json::Value;

use super::afterwards::told;
use super::alias;
use super::load::{Call, Loaded, load};
use super::overviews;
use super::replay::manifest;
use super::why_not::why_not;
use crate::diag::{Failure, Kind, plain};
use crate::ledger::Ledger;
use crate::model::company::CompanyKey;
use crate::model::decision::Reason;
use crate::model::identity::Reference;
use crate::model::ledger_record::{Claim, LedgerView};
use crate::model::name::Domain;
use crate::model::night::Night;
use crate::model::observation::column as c;
use crate::report::{CONTACT_TRAIL, DECISION_COLUMNS, FOLLOWED};
use crate::scan;
use crate::store::Place;

/// Where the tables of a night stand while it waits.
const HELD: &str = "held/";

/// What is asked.
#[derive(Clone, Debug)]
pub enum Question {
    /// A company.
    Company(CompanyKey),
    /// A letter.
    Letter(Reference),
    /// An address.
    Address(IpAddr),
    /// A name, and what lies below it.
    Name(Domain),
}

/// The answer, for people or as JSON lines.
///
/// # Errors
/// `FixJob` where the job is wrong or no run of the night that ended or is held is there; `FixData` where
/// its table cannot be read. Of a letter that the ledger knows, its part is told all the same.
pub fn explain(
    call: &Call,
    night: Option<Night>,
    question: &Question,
    json: bool,
) -> Result<String, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let asked = Asked {
        loaded: &loaded,
        place: &place,
        question,
        json,
    };
    if let Question::Letter(reference) = question {
        return asked.letter(night, reference);
    }
    let (folder, tables) = newest_run(&place, &loaded.job.runs, night)?;
    asked.decisions(night, &folder, tables)
}

/// A question, and where the answer is looked for.
struct Asked<'a> {
    loaded: &'a Loaded,
    place: &'a Place,
    question: &'a Question,
    json: bool,
}

impl Asked<'_> {
    /// The decisions behind a letter, and what the ledger knows of it: that is told always, since
    /// tables go as a whole when any company of theirs is erased.
    fn letter(&self, night: Option<Night>, reference: &Reference) -> Result<String, Failure> {
        let view = Ledger::read_only(self.place, &self.loaded.job.ledger)?;
        let known = told(&view, reference);
        match self.decided(&view, night, reference) {
            Ok(decided) if self.json => Ok(decided),
            Ok(decided) => Ok(decided + &known),
            Err(failure)
                if !self.json
                    && !known.is_empty()
                    && matches!(failure.kind, Kind::FixJob | Kind::FixData) =>
            {
                let mut text = String::new();
                for problem in failure.problems {
                    let _ = writeln!(text, "{}", problem.message);
                }
                Ok(format!("{text}\n{known}"))
            }
            Err(failure) => Err(failure),
        }
    }

    /// A claimed letter is of the plan that claimed it, whatever was planned for its night since.
    fn decided(
        &self,
        view: &LedgerView,
        night: Option<Night>,
        reference: &Reference,
    ) -> Result<String, Failure> {
        let claim = view.claims().filter(|c| c.reference == *reference).last();
        let claim = claim.filter(|c| night.is_none_or(|n| n == c.night));
        if claim.is_some_and(Claim::is_correction) {
            let message =
                format!("{reference} takes an earlier letter back: no row was decided for it");
            return Err(Failure::fix_job(message)
                .at("", "--letter")
                .hint("leave `--json` out: the ledger tells what became of it"));
        }
        if let Some(pin) = claim.and_then(|c| view.plan_of(c)) {
            let folder = self.loaded.run_folder(pin);
            if let Some(told) = overviews::explained(self.place, &folder, reference, self.json)? {
                return Ok(told);
            }
            return self.decisions(Some(pin.night), &folder, "");
        }
        // A reference bears the date of its letter.
        let night = night.or(reference.night());
        let (folder, tables) = newest_run(self.place, &self.loaded.job.runs, night)?;
        if let Some(told) = overviews::explained(self.place, &folder, reference, self.json)? {
            return Ok(told);
        }
        self.decisions(night, &folder, tables)
    }

    /// The rows of a run that are asked about.
    fn decisions(
        &self,
        night: Option<Night>,
        folder: &str,
        tables: &str,
    ) -> Result<String, Failure> {
        let (place, question, json) = (self.place, self.question, self.json);
        let path = format!("{folder}{tables}decisions.parquet");
        if !place.exists(&path)? {
            if !place.exists(&format!("{folder}{tables}manifest.json"))? {
                return Err(Failure::fix_data(
                    "this run did not end, and its tables are written at its end",
                )
                .at(place.display(&path), "")
                .hint("`nachtwacht status` shows the command with which it goes on"));
            }
            return Err(Failure::fix_data("the decisions of this run are not there any more: tables go as a whole when a company is erased, and when the retention ends")
                .at(place.display(&path), "")
                .hint("ask about another night"));
        }
        let (batches, _) = scan::read_table(place, &path)?;
        let mut answer = String::new();
        let (mut n, mut has_former) = (0, false);
        for batch in &batches {
            let table = Table::of(batch)?;
            for row in (0..batch.num_rows()).filter(|row| table.is_asked(*row, question)) {
                n += 1;
                has_former |= table.get(FOLLOWED, row).is_some();
                if json {
                    let _ = writeln!(answer, "{}", table.json(row));
                } else {
                    table.tell(row, &mut answer);
                }
            }
        }
        if n == 0 && !json {
            let _ = writeln!(
                answer,
                "no decision of this run is about it\n  run         {}\n",
                place.display(folder)
            );
            if let Some(night) = night.or_else(|| night_of(folder, &self.loaded.job.runs)) {
                answer.push_str(&why_not(self.loaded, place, night, question)?);
            }
        }
        if let (Question::Company(key), false) = (question, json)
            && (has_former || key.is_provisional())
        {
            answer.push_str(&alias::of_company(self.loaded, place, key)?);
        }
        Ok(answer)
    }
}

/// The night that a run's folder stands under.
fn night_of(folder: &str, runs: &str) -> Option<Night> {
    folder.strip_prefix(runs)?.split('/').next()?.parse().ok()
}

/// The folder of the newest night's newest revision that ended or is held, and where in it the tables are: `held/` as
/// long as it waits.
fn newest_run(
    place: &Place,
    runs: &str,
    night: Option<Night>,
) -> Result<(String, &'static str), Failure> {
    let prefix = night.map_or_else(|| runs.to_owned(), |n| format!("{runs}{n}/"));
    let listing = place.list(&prefix)?;
    let of_run = |path: &str| {
        let folder = path.strip_suffix("manifest.json")?;
        // A run that was held and went since has both: its own tables tell.
        Some(match folder.strip_suffix("held/") {
            Some(run) => (run.to_owned(), false),
            None => (folder.to_owned(), true),
        })
    };
    let found: Vec<(String, bool)> = listing.iter().filter_map(|o| of_run(&o.path)).collect();
    let newest = found
        .iter()
        .filter_map(|(folder, _)| night_of(folder, runs))
        .max();
    let of_night = found
        .into_iter()
        .filter(|(folder, _)| night_of(folder, runs) == newest);
    // Names of runs are random: their manifests know the order.
    let mut last = None;
    for (folder, has_ended) in of_night {
        let tables = if has_ended { "" } else { HELD };
        let manifest = manifest(place, &format!("{folder}{tables}"))?;
        let revision = manifest.get("revision").and_then(Value::as_u64);
        last = last.max(Some((revision, folder, has_ended, tables)));
    }
    let newest = last.map(|(_, folder, _, tables)| (folder, tables));
    newest.ok_or_else(|| {
        Failure::fix_job("no run that ended or is held is there")
            .at(place.display(&prefix), "")
            .hint("run the night first: `nachtwacht run JOB --night D`")
    })
}

struct Table<'a> {
    columns: Vec<(&'static str, &'a ArrayRef)>,
}

impl<'a> Table<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, Failure> {
        let mut columns = Vec::new();
        for name in DECISION_COLUMNS {
            match batch.column_by_name(name) {
                Some(array) => columns.push((*name, array)),
                // A run of an earlier version has none of these, and few have the second.
                None if [CONTACT_TRAIL, FOLLOWED, "urgency", "urgency_reason"].contains(name) => {}
                None => {
                    return Err(
                        Failure::fix_data("the column is missing").at("decisions.parquet", *name)
                    );
                }
            }
        }
        Ok(Self { columns })
    }

    fn get(&self, name: &str, row: usize) -> Option<String> {
        let (_, array) = self.columns.iter().find(|(n, _)| *n == name)?;
        if array.is_null(row) {
            return None;
        }
        match array.data_type() {
            DataType::Utf8 => Some(array.as_string_opt::<i32>()?.value(row).to_owned()),
            DataType::UInt16 => Some(
                array
                    .as_primitive_opt::<UInt16Type>()?
                    .value(row)
                    .to_string(),
            ),
            DataType::UInt64 => Some(
                array
                    .as_primitive_opt::<UInt64Type>()?
                    .value(row)
                    .to_string(),
            ),
            DataType::Timestamp(..) => {
                let at = array
                    .as_primitive_opt::<TimestampMicrosecondType>()?
                    .value(row);
                jiff::Timestamp::from_microsecond(at)
                    .ok()
                    .map(|t| t.to_string())
            }
            _ => None,
        }
    }

    fn is_asked(&self, row: usize, question: &Question) -> bool {
        let is = |name, wanted: &str| self.get(name, row).is_some_and(|found| found == wanted);
        match question {
            Question::Company(key) => is("company_key", key.as_str()),
            Question::Letter(reference) => is("reference", reference.as_str()),
            Question::Address(ip) => is(c::IP, &ip.to_string()),
            Question::Name(name) => self
                .get(c::HOSTNAME, row)
                .and_then(|found| found.parse::<Domain>().ok())
                .is_some_and(|found| found.is_at_or_below(name)),
        }
    }

    fn json(&self, row: usize) -> Value {
        let pairs = self.columns.iter().map(|(name, _)| {
            (
                (*name).to_owned(),
                self.get(name, row).map_or(Value::Null, Into::into),
            )
        });
        Value::Object(pairs.collect())
    }

    /// One decision, for a person.
    fn tell(&self, row: usize, out: &mut String) {
        let get = |name| self.get(name, row).unwrap_or_default();
        let reason = Reason::ALL.iter().find(|r| r.code() == get("reason"));
        let port = self
            .get(c::PORT, row)
            .map(|p| format!(" port {p}"))
            .unwrap_or_default();
        let _ = writeln!(out, "{}{port}: {}", shown(&get("target")), get("outcome"));
        let mut line = |label: &str, text: String| {
            if !text.trim().is_empty() {
                let _ = writeln!(out, "  {label:<12}{}", shown(&text));
            }
        };
        line(
            "why",
            format!("{} ({})", reason.map_or("", |r| r.text()), get("reason")),
        );
        line(
            "company",
            format!("{} {}", get("company_key"), get("company_name")),
        );
        line(
            "threat",
            format!("{} {}", get("threat_id"), get("certainty")),
        );
        line(
            "priority",
            format!("{}: {}", get("urgency"), get("urgency_reason"))
                .trim_matches([':', ' '])
                .to_owned(),
        );
        line("trigger", get("trigger_id"));
        line(
            "seen",
            format!(
                "{} by {} ({})",
                get(c::OBSERVED_AT),
                get(c::FEED),
                get(c::REPORT)
            ),
        );
        line("first seen", get("first_observed_at"));
        let followed = get(FOLLOWED);
        if !followed.is_empty() {
            line("followed", format!("under a former key: {followed}"));
        }
        // Tables count from 0, people from 1.
        let from_one = |name| {
            let number: Option<u64> = get(name).parse().ok();
            number.map_or_else(String::new, |n| n.saturating_add(1).to_string())
        };
        line(
            "record",
            format!("{} of {}", from_one(c::SOURCE_ROW), get(c::SOURCE_OBJECT)),
        );
        line(
            "asset",
            format!(
                "{} {}, registered as `{}` by {} (row {})",
                get("asset_kind"),
                get("asset"),
                get("asset_original"),
                get("asset_source"),
                from_one("asset_row")
            ),
        );
        line(
            "valid",
            format!(
                "{} to {}",
                or(get("valid_from"), "always"),
                or(get("valid_until"), "now")
            ),
        );
        line(
            "match",
            format!(
                "by {}, most specific: {}, confidence {} ({})",
                get("matched_by"),
                get("is_most_specific"),
                get("confidence"),
                get("confidence_reason")
            ),
        );
        line("letter", get("reference"));
        line(
            "contact",
            format!(
                "{} {} {}",
                get("contact_channel"),
                get("contact_role"),
                get("contact_reason")
            ),
        );
        for step in get(CONTACT_TRAIL).split("; ") {
            line("  tried", step.to_owned());
        }
        out.push('\n');
    }
}

fn or(text: String, otherwise: &str) -> String {
    if text.is_empty() {
        otherwise.to_owned()
    } else {
        text
    }
}

/// Scan fields are hostile to terminals too.
fn shown(text: &str) -> String {
    plain(text, usize::MAX)
}
