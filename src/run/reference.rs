//! `reference import` and `reference list`: reference data of others, dated and checked, in the
//! folders that the job names.

use std::fmt::Write;
use std::path::PathBuf;

use jiff::civil::Date;

use super::Moment;
use super::load::{Call, Loaded, load};
use super::world::listed;
use crate::diag::{Failure, mask, plain};
use crate::model::night::Night;
use crate::plan;
use crate::reference::{self, Checked, Difference, Kind};
use crate::report::summary::grouped;
use crate::store::Place;

/// Characters of foreign text that a line shows.
const MOST: usize = 200;

/// What to import.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What it is about.
    pub kind: Kind,
    /// Files; several make one day's object where the kind allows it.
    pub files: Vec<PathBuf>,
    /// The day that it is of; where absent, the one that the data states or the file's name
    /// begins with.
    pub day: Option<Night>,
    /// Take it even if more than half of the day before is gone.
    pub may_shrink: bool,
}

/// Entries that are named one by one.
const SHOWN: usize = 5;

/// Checks and stores one day of reference data; says how much it is and what changed.
///
/// # Errors
/// `FixData`: not of that kind, broken, or more than half of the day before is gone; `FixJob`:
/// no folder in the job, no day, or that day is there with other content.
pub fn import(call: &Call, ask: &Ask, moment: &Moment) -> Result<String, Failure> {
    let loaded = load(call)?;
    let folder = folder(&loaded, ask.kind)?;
    let mut files = Vec::new();
    for path in &ask.files {
        let shown = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|e| {
            Failure::fix_data(format!("the file cannot be read: {e}")).at(&shown, "")
        })?;
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        files.push((name.unwrap_or(shown), bytes));
    }
    let checked = reference::check(ask.kind, &files, moment.now.as_microsecond())?;
    let day = day_of(ask, &checked, &files)?;
    let place = loaded.place(&call.env)?;
    let path = format!(
        "{}/{day}.{}",
        folder.trim_end_matches('/'),
        checked.extension
    );
    let before = before(&place, folder, day, ask.kind, moment)?;
    let difference = before
        .as_ref()
        .map(|(_, old)| reference::difference(&old.entries, &checked.entries));
    if let (Some(found), Some((old, _)), false) = (&difference, &before, ask.may_shrink)
        && found.is_half_gone()
    {
        return Err(Failure::fix_data(format!(
            "{} of {} entries of `{old}` are gone; expected at most half",
            found.removed.len(),
            found.before
        ))
        .at(place.display(&path), "")
        .hint("check that the file is whole; if it is right, import it with `--may-shrink`"));
    }
    other_content(&place, &path, &checked.bytes)?;
    Ok(told(
        ask.kind,
        day,
        &place.display(&path),
        &checked,
        before.map(|(p, _)| p),
        difference,
    ))
}

fn folder(loaded: &Loaded, kind: Kind) -> Result<&str, Failure> {
    loaded.job.references.folder(kind).ok_or_else(|| {
        Failure::fix_job("the job names no folder for this kind")
            .at("", format!("reference.{kind}"))
            .hint(format!(
                "add `{kind} = \"reference/{kind}/\"` under `[reference]`"
            ))
    })
}

fn day_of(ask: &Ask, checked: &Checked, files: &[reference::Brought]) -> Result<Date, Failure> {
    let named = || {
        files
            .iter()
            .find_map(|(name, _)| name.get(..10)?.parse::<Night>().ok())
    };
    ask.day
        .map(Night::date)
        .or(checked.day)
        .or_else(|| named().map(Night::date))
        .ok_or_else(|| {
            Failure::fix_job("neither the data nor the file's name says which day it is of")
                .at(files.first().map_or("", |(name, _)| name), "--day")
                .hint("pass `--day 2026-03-01`, the day on which it was fetched")
        })
}

/// The newest object from before that day.
fn before(
    place: &Place,
    folder: &str,
    day: Date,
    kind: Kind,
    moment: &Moment,
) -> Result<Option<(String, Checked)>, Failure> {
    let Ok(yesterday) = day.yesterday() else {
        return Ok(None);
    };
    let listing = listed(place, folder)?;
    let Some((found, _)) = plan::dated(&listing, Night::new(yesterday)) else {
        return Ok(None);
    };
    let file = (found.path.clone(), place.get(&found.path)?.to_vec());
    let checked = reference::check(kind, &[file], moment.now.as_microsecond())?;
    Ok(Some((found.path.clone(), checked)))
}

fn other_content(place: &Place, path: &str, bytes: &[u8]) -> Result<(), Failure> {
    let is_new = place.create(path, bytes)? == crate::store::Created::Ours;
    if is_new || place.get(path)? == bytes {
        return Ok(());
    }
    Err(
        Failure::fix_job("that day is there already with other content; expected a new day")
            .at(place.display(path), "")
            .hint("a night may have used it: import the newer data under the next day, `--day`"),
    )
}

fn told(
    kind: Kind,
    day: Date,
    path: &str,
    checked: &Checked,
    before: Option<String>,
    difference: Option<Difference>,
) -> String {
    let mut said = String::new();
    let n = checked.entries.len() as u64;
    let _ = writeln!(said, "{kind} of {day}: {} entries", grouped(n));
    let _ = writeln!(said, "  stored   {path}");
    match (before, difference) {
        (Some(before), Some(found)) => {
            let _ = writeln!(
                said,
                "  against  {before}: {} entries",
                grouped(found.before as u64)
            );
            for (label, names) in [
                ("added", found.added),
                ("removed", found.removed),
                ("changed", found.changed),
            ] {
                let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
                let more = if names.len() > SHOWN { ", …" } else { "" };
                let shown = match names.len() {
                    0 => String::new(),
                    _ => format!(": {}{more}", plain(&shown.join(", "), MOST)),
                };
                let _ = writeln!(said, "  {label:<8} {}{shown}", names.len());
            }
        }
        _ => said.push_str("  against  nothing: it is the first day\n"),
    }
    if !checked.aside.is_empty() {
        let _ = writeln!(said, "  aside    {} files or entries", checked.aside.len());
        for (what, why) in checked.aside.iter().take(4 * SHOWN) {
            let _ = writeln!(
                said,
                "           {}: {}",
                plain(what, MOST),
                plain(why, MOST)
            );
        }
        if checked.aside.len() > 4 * SHOWN {
            let _ = writeln!(
                said,
                "           and {} more",
                checked.aside.len() - 4 * SHOWN
            );
        }
    }
    said
}

/// Every stored day of every kind, and the one that a night would use.
///
/// # Errors
/// The job or the store cannot be read.
pub fn list(call: &Call, night: Option<Night>, moment: &Moment) -> Result<String, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let night = night
        .or_else(|| moment.today(&loaded.job.zone))
        .ok_or_else(|| Failure::fix_job("no night"))?;
    let mut said = format!("reference data; * is what night {night} uses\n");
    for kind in Kind::ALL {
        let Some(folder) = loaded.job.references.folder(*kind) else {
            let _ = writeln!(said, "\n{kind}: the job names no folder");
            continue;
        };
        let listing = listed(&place, folder)?;
        let used = plan::dated(&listing, night).map(|(found, _)| found.path.clone());
        let _ = writeln!(said, "\n{kind}: {}", place.display(folder));
        let mut n = 0;
        for object in &listing {
            let name = object.path.rsplit('/').next().unwrap_or_default();
            if name.get(..10).is_none_or(|d| d.parse::<Night>().is_err()) {
                let _ = writeln!(said, "    {}: not dated, never used", mask(name));
                continue;
            }
            n += 1;
            let mark = if used.as_ref() == Some(&object.path) {
                '*'
            } else {
                ' '
            };
            let _ = writeln!(
                said,
                "  {mark} {name:<24} {:>14} bytes",
                grouped(object.size)
            );
        }
        if n == 0 {
            said.push_str("    nothing yet\n");
        }
    }
    Ok(said)
}
