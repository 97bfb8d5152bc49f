//! `register unconfirmed`: whose registrations nobody confirmed for long, as a list and as letters
//! that ask.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use super::Moment;
use super::inputs::Inputs;
use super::load::{Call, Loaded, load};
use super::where_to::open_folder;
use super::world::World;
use crate::diag::Failure;
use crate::model::company::{Channel, Company, CompanyKey, Contact};
use crate::model::night::{Micros, Night, local_date, local_midnight};
use crate::register::{self, Unconfirmed};
use crate::render::{self, Confirmation};
use crate::store::{Created, Place};

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Older than this many days.
    pub days: u32,
    /// As of this date; today where absent.
    pub on: Option<Night>,
    /// Folder or prefix for a letter to each company.
    pub letters: Option<String>,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// CSV: the key, how much is unconfirmed, whether some never was, the oldest confirmation.
    pub list: String,
    /// What became of the letters, for standard error.
    pub said: String,
}

/// Participants whose registrations were not confirmed for some days before a date. With a folder,
/// each gets `<key>.txt`, `.html` and `.pdf` there, and `letters.csv` says how each is reached.
///
/// # Errors
/// As a run's, where job or register cannot be read; `FixJob` where the folder cannot be written,
/// or holds another day's letters.
pub fn unconfirmed(call: &Call, ask: &Ask, moment: &Moment) -> Result<Answer, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let zone = &loaded.job.zone;
    let calendar = || Failure::fix_job("the date lies outside the calendar").at("", "--on");
    let on = ask.on.or_else(|| moment.today(zone)).ok_or_else(calendar)?;
    let world = super::world::read(&loaded, Inputs::now(&place, on))?;
    let span = jiff::Span::new().try_days(i64::from(ask.days));
    let limit = span.and_then(|span| on.date().checked_sub(span));
    let midnight = |date| local_midnight(date, zone).map_err(|_| calendar());
    let (now, limit) = (
        midnight(on.date())?,
        midnight(limit.map_err(|_| calendar())?)?,
    );
    let assets = world.assets.iter().map(std::convert::AsRef::as_ref);
    let mut found = register::unconfirmed(assets, world.contacts.values().flatten(), now, limit);
    // What is known of the others comes from registers of trade, names and networks: they have
    // nothing to confirm.
    let has_registered = |company: &Arc<Company>| company.is_participant_on(on.date());
    found.retain(|key, _| world.companies.get(key).is_some_and(has_registered));
    let said = match &ask.letters {
        Some(folder) => {
            let place = open_folder(folder, &call.env)?;
            letters(&loaded, &world, &found, on, &place)?
        }
        None => String::new(),
    };
    let day = |at: Micros| local_date(at, zone).map(|date| date.to_string());
    let mut list = String::from("company_key,assets,contacts,never_confirmed,oldest\n");
    for (key, of_company) in found {
        let _ = writeln!(
            list,
            "{key},{},{},{},{}",
            of_company.assets.len(),
            of_company.contacts.len(),
            if of_company.has_never() { "yes" } else { "no" },
            of_company.oldest().and_then(day).unwrap_or_default()
        );
    }
    Ok(Answer { list, said })
}

/// Writes a letter to each company that can be reached, and the list of them last.
fn letters(
    loaded: &Loaded,
    world: &World,
    found: &BTreeMap<CompanyKey, Unconfirmed<'_>>,
    night: Night,
    place: &Place,
) -> Result<String, Failure> {
    let found: Vec<_> = found.iter().collect();
    let lines = super::side_by_side(&found, |(key, of_company)| {
        letter(loaded, world, key, of_company, night, place)
    })?;
    let bug = |e: String| Failure::our_bug(format!("writing the list of letters: {e}"));
    let mut list = csv::Writer::from_writer(Vec::new());
    let header = ["company_key", "channel", "to", "language", "pages", "file"];
    list.write_record(header).map_err(|e| bug(e.to_string()))?;
    let mut n_letters = 0;
    for ((key, _), line) in found.iter().zip(lines) {
        let line = line?;
        n_letters += usize::from(line.is_some());
        let cells = line.unwrap_or_default();
        let cells = std::iter::once(key.to_string()).chain(cells);
        list.write_record(cells).map_err(|e| bug(e.to_string()))?;
    }
    let list = list.into_inner().map_err(|e| bug(e.to_string()))?;
    put(place, "letters.csv", &list)?;
    let mut said = format!("{n_letters} letters in {}\n", place.display(""));
    let n_silent = found.len() - n_letters;
    if n_silent > 0 {
        let _ = writeln!(
            said,
            "{n_silent} companies have neither a mail address nor a postal one: see letters.csv, and look for another way"
        );
    }
    Ok(said)
}

/// One letter; its line in the list, but for the key. `None` where nobody can be reached.
fn letter(
    loaded: &Loaded,
    world: &World,
    key: &CompanyKey,
    of_company: &Unconfirmed<'_>,
    night: Night,
    place: &Place,
) -> Result<Option<[String; 5]>, Failure> {
    let contacts = world
        .contacts
        .get(key)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let reached = world
        .companies
        .get(key)
        .and_then(|company| Some((company, way_to(company, contacts)?)));
    let Some((company, (channel, to))) = reached else {
        return Ok(None);
    };
    let ask = Confirmation {
        company,
        night,
        assets: &of_company.assets,
        contacts: &of_company.contacts,
    };
    let done = render::confirm(&ask, &loaded.look)
        .map_err(|e| Failure::our_bug(format!("the letter to {key} cannot be made: {e}")))?;
    let name = key.to_string().replace(':', "-");
    for (extension, bytes) in [
        ("txt", &done.text),
        ("html", &done.html),
        ("pdf", &done.pdf),
    ] {
        put(place, &format!("{name}.{extension}"), bytes)?;
    }
    Ok(Some([
        channel.to_string(),
        to.to_owned(),
        company.language.to_string(),
        done.pages.to_string(),
        name,
    ]))
}

/// Writes a file, or finds the very same there.
fn put(place: &Place, path: &str, bytes: &[u8]) -> Result<(), Failure> {
    if place.create(path, bytes)? == Created::Ours || place.get(path)? == bytes {
        return Ok(());
    }
    let what = "the file is there already with other content; expected a folder for this day alone";
    Err(Failure::fix_job(what)
        .at(place.display(path), "--letters")
        .hint("nothing was overwritten: give an empty folder"))
}

/// The first contact that a letter can go to: a mail address, or the postal address.
fn way_to<'a>(company: &Company, contacts: &'a [Contact]) -> Option<(Channel, &'a str)> {
    let address = company.address.as_ref();
    let has_address = address.is_some_and(|a| !a.shielded && !a.street.is_empty());
    let usable = contacts.iter().filter(|c| c.bounced_at.is_none());
    let mut ways = usable.filter_map(|contact| match contact.channel {
        Channel::Email => Some((Channel::Email, contact.value.as_str())),
        Channel::Post if has_address => Some((Channel::Post, "")),
        _ => None,
    });
    ways.next()
        .or_else(|| has_address.then_some((Channel::Post, "")))
}
