//! Erasure: on a company's request, and when the job's retention ends. Counts stay: they stand
//! in the ledger, the manifests and the statistics, which name nobody.
//!
//! The ledger says first what will be gone, then it goes: a call that died halfway is repeated.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use jiff::ToSpan;
use jiff::civil::Date;

use super::former::{clear_key, entry_path};
use super::inputs::COPIES;
use super::load::{Call, Loaded, load};
use super::{Moment, overviews, parties};
use crate::decide::used_of;
use crate::diag::{Failure, Kind, Problem};
use crate::ledger::{Holder, Ledger, crash};
use crate::model::alias::Aliases;
use crate::model::command;
use crate::model::company::CompanyKey;
use crate::model::identity::PartyRef;
use crate::model::ledger_record::{Erased, LedgerView, Record};
use crate::model::night::Night;
use crate::report::{CONTACT_TRAIL, status};
use crate::scan;
use crate::store::Place;

/// Lists that hold many companies, and go as a whole.
const MERGES: [&str; 2] = ["mail-merge", "email-merge"];

/// What stays of a run: sums, hashes, statistics, and the releases and salted references that
/// name nobody. The rest of its folder holds persons.
const STAYS: [&str; 10] = [
    "manifest.planned.json",
    "manifest.json",
    "letters.plan.json",
    "correction.json",
    "inputs.json",
    "statistics",
    "held/manifest.json",
    "held/statistics",
    "outbox",
    "verification",
];

/// The decisions of a night that went, and of one that is held or was: both may be there; and what
/// threats in shadow would have done.
const DECISIONS: [&str; 4] = [
    "decisions.parquet",
    "shadow/decisions.parquet",
    "held/decisions.parquet",
    "held/shadow/decisions.parquet",
];

/// Takes away what is known of a company: its entry in the map of parties, its letters, and the
/// tables of runs that hold rows of it; also what was written under its former keys.
///
/// # Errors
/// As [`Ledger::open`]; `FixData` where a table cannot be read, and, after all else is gone, where letters
/// are left of which nobody can tell whether they hold the company; `FixJob` while a night is open, and,
/// unless `also_unprinted`, while letters by post would go that nobody reported as posted.
pub fn company(
    call: &Call,
    company: &CompanyKey,
    also_unprinted: bool,
    moment: &Moment,
) -> Result<String, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let who = Holder::this_process(&moment.run_id);
    let mut ledger = Ledger::open(&place, &loaded.job.ledger, &who)?;
    let party = PartyRef::of(&loaded.secrets.party, company);
    place.remove_unfinished(&loaded.job.runs)?;
    let whose = Whose::of(&loaded, &place, ledger.view(), company)?;
    let Found {
        mut objects,
        unsearched,
    } = of_company(&loaded, &place, ledger.view(), &whose)?;
    if !also_unprinted {
        spare_unprinted(&loaded, ledger.view(), &objects)?;
    }
    give_up_open(&mut ledger)?;
    objects.sort();
    // Last: a call that was cut short is repeated, and needs the former keys to look for.
    for party in &whose.parties {
        let entry = entry_path(&loaded, *party);
        if place.exists(&entry)? {
            objects.push(entry);
        }
    }
    let n = objects.len();
    take_away(
        &place,
        &mut ledger,
        Erased {
            party_ref: Some(party),
            objects,
        },
    )?;
    let unsearched = unsearched.iter().map(|f| blind(&place, f, company, n));
    if let Some(failure) = Failure::from_problems(Kind::FixData, unsearched.collect()) {
        return Err(failure);
    }
    let own = Aliases::of(ledger.view()).own(party);
    let other = match own == party {
        true => String::new(),
        false => {
            "this company has another key, which is not erased: `nachtwacht alias JOB` shows it\n"
                .to_owned()
        }
    };
    let said = match n {
        0 => format!("nothing under `{}` names {company}\n", loaded.job.runs),
        _ => format!(
            "{n} objects were erased, and the ledger says which; its counts stay\n\
             tables of a night hold many companies and went as a whole: `nachtwacht replay NIGHT` proves them again\n\
             registrations and snapshots are inputs: erase {company} there yourself, or the next night reads it again\n"
        ),
    };
    Ok(said + &other)
}

/// A night of before runs kept a list of whose their letters are, without its table.
fn blind(place: &Place, folder: &str, company: &CompanyKey, n_gone: usize) -> Problem {
    let message = format!(
        "the tables of this night went when another company was erased, so nobody can tell which of the letters \
         that are left hold {company}; {n_gone} objects were erased elsewhere"
    );
    Problem::new(place.display(folder), "", message)
        .hint("look for its name and its mailboxes in letters/ and held/ there, and delete yourself what holds them")
}

/// A company by all of its keys.
struct Whose {
    /// In clear, as far as the map of parties still has them.
    keys: Vec<CompanyKey>,
    parties: BTreeSet<PartyRef>,
}

impl Whose {
    fn of(
        loaded: &Loaded,
        place: &Place,
        view: &LedgerView,
        company: &CompanyKey,
    ) -> Result<Self, Failure> {
        let party = PartyRef::of(&loaded.secrets.party, company);
        let mut whose = Self {
            keys: vec![company.clone()],
            parties: BTreeSet::from([party]),
        };
        for former in Aliases::of(view).formers_of(party) {
            whose.parties.insert(former);
            whose.keys.extend(clear_key(loaded, place, former)?);
        }
        Ok(whose)
    }
}

/// Print files and lists hold many companies and go as a whole: not before the others are sent.
fn spare_unprinted(loaded: &Loaded, view: &LedgerView, objects: &[String]) -> Result<(), Failure> {
    let goes = |night: &str| {
        let folder = format!("{}{night}/", loaded.job.runs);
        let mut objects = objects.iter();
        objects.any(|o| o.starts_with(&folder) && MERGES.iter().any(|m| o.contains(m)))
    };
    let open = status::open_batches(view);
    let Some(batch) = open.into_iter().find(|b| goes(&b.night)) else {
        return Ok(());
    };
    let [way, merge, send] = match batch.is_email {
        true => ["e-mail", "email-merge/", "mail"],
        false => ["post", "mail-merge/", "print"],
    };
    Err(Failure::fix_job(format!(
        "{} letters by {way} of night {} are not reported as posted, and {merge} would go",
        batch.unreported, batch.night
    ))
    .at("", "erase")
    .hint(format!(
        "{send} them and say so with `nachtwacht printed {} --report FILE`, or lay {merge} aside and add `--also-unprinted`",
        batch.batch_id
    )))
}

/// Gives open plans up: one that a brake holds would send all the same what was to be forgotten.
/// One whose letters leave already must end first: it still needs their files.
fn give_up_open(ledger: &mut Ledger) -> Result<(), Failure> {
    let view = ledger.view();
    let open = view.open_nights();
    if let Some(pin) = open.iter().find(|pin| view.has_begun(pin)) {
        let night = pin.night;
        return Err(Failure::fix_job(format!(
            "letters of night {night} are leaving, and it did not end yet"
        ))
        .at("", "erase")
        .hint(format!(
            "let it end with `{}`, then erase again",
            command::run("JOB", night, pin.revision)
        )));
    }
    let given_up = open.iter().map(|pin| pin.given_up_for(pin.night).into());
    ledger.append_missing(given_up.collect())?;
    Ok(())
}

/// What a search for a company came to.
#[derive(Default)]
struct Found {
    /// Objects under `runs/` that hold it.
    objects: Vec<String>,
    /// Folders of runs with letters of which nobody can tell.
    unsearched: Vec<String>,
}

/// Objects under `runs/` that hold the company: its letters, and overviews that tell of them.
fn of_company(
    loaded: &Loaded,
    place: &Place,
    view: &LedgerView,
    whose: &Whose,
) -> Result<Found, Failure> {
    let claimed: BTreeSet<String> = view
        .claims()
        .filter(|c| whose.parties.contains(&c.party_ref))
        .map(|c| c.reference.to_string())
        .collect();
    let all_claimed: BTreeSet<&str> = view.claims().map(|c| c.reference.as_str()).collect();
    let mut found = Found::default();
    let nights = place.folders(&loaded.job.runs)?;
    for (folder, names) in runs(place, &loaded.job.runs, nights)? {
        let mut references = claimed.clone();
        for party in &whose.parties {
            references.extend(parties::references_of(place, &folder, &names, *party)?);
        }
        let mut is_in_tables = false;
        for table in DECISIONS.iter().filter(|t| names.contains(**t)) {
            let decided = references_of(place, &format!("{folder}{table}"), &whose.keys)?;
            is_in_tables |= decided.is_some();
            references.extend(decided.unwrap_or_default());
        }
        let planned = overviews::planned(place, &folder)?;
        for company in &whose.keys {
            references.extend(overviews::about(&planned, company, &references));
        }
        let is_named = |name: &String| references.iter().any(|r| name.contains(r.as_str()));
        let stays = |name: &String| STAYS.iter().any(|s| is_below(name, s));
        // A correction has no table of decisions: its letters tell.
        let is_in_merge = is_in_tables || names.iter().any(|n| !stays(n) && is_named(n));
        // A plan that was given up has none either, and its letters tell nobody's name: those that
        // were not claimed go, nobody waits for them. Copies of a register go in any case.
        let is_left_over = !["manifest.json", "correction.json", "held/manifest.json"]
            .iter()
            .chain(&DECISIONS)
            .any(|name| names.contains(*name));
        let is_unclaimed = |name: &str| letter_of(name).is_some_and(|r| !all_claimed.contains(r));
        let is_of = |name: &&String| {
            // Several companies stand in these; such an object goes as a whole.
            let is_shared = (DECISIONS.contains(&name.as_str()) && is_in_tables)
                || (MERGES.iter().any(|m| is_below(name, m)) && is_in_merge)
                || name.starts_with(COPIES)
                || (is_left_over && is_unclaimed(name));
            !stays(name) && (is_shared || is_named(name))
        };
        let is_of_others = |name: &String| {
            letter_of(name).is_some_and(|r| r.starts_with("NW-") && !references.contains(r))
        };
        let has_lost_a_table = lost_a_table(view, &folder, &names);
        if has_lost_a_table && !names.contains(parties::PLANNED) && names.iter().any(is_of_others) {
            found.unsearched.push(folder.clone());
        }
        let of_company = names.iter().filter(is_of).map(|n| format!("{folder}{n}"));
        found.objects.extend(of_company);
    }
    Ok(found)
}

/// Did the erasure of a company take one of the run's tables of decisions?
fn lost_a_table(view: &LedgerView, folder: &str, names: &BTreeSet<String>) -> bool {
    let of_company = |path: &str| {
        let mut erased = view.erased().filter(|e| e.party_ref.is_some());
        erased.any(|e| e.covers(path))
    };
    let mut gone = DECISIONS.iter().filter(|t| !names.contains(**t));
    gone.any(|table| of_company(&format!("{folder}{table}")))
}

/// The reference of the letter whose file this is.
fn letter_of(name: &str) -> Option<&str> {
    let letter = name.strip_prefix("letters/");
    let letter = letter.or_else(|| name.strip_prefix("held/"))?;
    letter.split('.').next()
}

/// References of the company's letters in a table of decisions, and of those that went to a contact
/// of its own about another; `None` where it has no row.
fn references_of(
    place: &Place,
    path: &str,
    keys: &[CompanyKey],
) -> Result<Option<BTreeSet<String>>, Failure> {
    let (batches, _) = scan::read_table(place, path)?;
    let of_company: BTreeSet<&str> = keys.iter().map(CompanyKey::as_str).collect();
    let used: Vec<String> = keys.iter().map(used_of).collect();
    let mut found = None;
    for batch in &batches {
        let column = |name: &str| {
            batch
                .column_by_name(name)
                .and_then(|c| c.as_string_opt::<i32>())
                .ok_or_else(|| {
                    Failure::fix_data("the column is missing, or no text")
                        .at(place.display(path), name.to_owned())
                })
        };
        let (companies, references) = (column("company_key")?, column("reference")?);
        let trails = column(CONTACT_TRAIL).ok(); // absent in tables of earlier versions
        let is_used = |row: usize| {
            let trail = trails.filter(|t| t.is_valid(row)).map(|t| t.value(row));
            let is_of = |step: &str| used.iter().any(|used| step.ends_with(used));
            trail.is_some_and(|t| t.split("; ").any(is_of))
        };
        for (row, key) in companies.iter().enumerate() {
            if !key.is_some_and(|key| of_company.contains(key)) && !is_used(row) {
                continue;
            }
            let letters: &mut BTreeSet<String> = found.get_or_insert_default();
            if references.is_valid(row) && !references.value(row).is_empty() {
                letters.insert(references.value(row).to_owned());
            }
        }
    }
    Ok(found)
}

/// Ends what the job keeps: letters, decisions and rejects of nights that lie more than
/// `retention_days` before `newest`, the date of the newest snapshot that was read. Never the
/// clock: a wrong one would erase everything.
pub(super) fn expired(
    loaded: &Loaded,
    place: &Place,
    ledger: &mut Ledger,
    newest: Date,
) -> Result<(), Failure> {
    let keeps = i64::from(loaded.job.retention_days).days();
    let Ok(cutoff) = newest.checked_sub(keeps) else {
        return Ok(()); // nothing lies before the calendar
    };
    let prefix = &loaded.job.runs;
    let done = ended(ledger.view(), prefix);
    let is_due = |name: &String| {
        let night = name.parse::<Night>();
        night.is_ok_and(|n| n.date() < cutoff && !done.contains(&n))
    };
    let nights = place.folders(prefix)?.into_iter().filter(is_due);
    let mut objects = BTreeSet::new();
    for (folder, names) in runs(place, prefix, nights)? {
        for name in names {
            if !STAYS.iter().any(|s| is_below(&name, s)) {
                // A folder goes as one, but for `held/`, of which some stays.
                let top = match name.split_once('/') {
                    Some((top, _)) if top != "held" => format!("{top}/"),
                    _ => name,
                };
                objects.insert(format!("{folder}{top}"));
            }
        }
    }
    let mut latest: BTreeMap<PartyRef, Date> = BTreeMap::new();
    for claim in ledger.view().claims() {
        let date = latest.entry(claim.party_ref).or_insert(claim.night.date());
        *date = claim.night.date().max(*date);
    }
    // Two keys of a company are kept as long as the one that was written to last.
    let aliases = Aliases::of(ledger.view());
    for (former, own) in aliases.iter() {
        let dates = [former, own].map(|party| latest.get(&party).copied());
        if let Some(date) = dates.into_iter().flatten().max() {
            let own = latest.entry(own).or_insert(date);
            *own = date.max(*own);
        }
    }
    for (former, own) in aliases.iter() {
        if let Some(date) = latest.get(&own).copied() {
            latest.insert(former, date);
        }
    }
    let parties = format!("{}parties/", loaded.job.ledger.prefix);
    let entries = place.list_here(&parties)?;
    let entries: BTreeSet<String> = entries
        .iter()
        .map(|e| format!("{parties}{}", e.name))
        .collect();
    let old = latest.into_iter().filter(|(_, date)| *date < cutoff);
    let old = old.map(|(party, _)| entry_path(loaded, party));
    objects.extend(old.filter(|path| entries.contains(path)));
    take_away(
        place,
        ledger,
        Erased {
            party_ref: None,
            objects: objects.into_iter().collect(),
        },
    )
}

/// Nights whose retention ended, and whose objects are gone for certain: a night's run became
/// final after it said so, and nothing was written below them since. The others are listed again.
fn ended(view: &LedgerView, prefix: &str) -> BTreeSet<Night> {
    let last_final = view
        .records
        .iter()
        .rfind(|r| matches!(r.record, Record::Final(_)))
        .map_or(0, |r| r.seq);
    let mut nights: BTreeMap<Night, u64> = BTreeMap::new();
    for numbered in view.records.iter().filter(|r| r.seq < last_final) {
        let Record::Erased(erased) = &numbered.record else {
            continue;
        };
        if erased.party_ref.is_some() {
            continue;
        }
        let below = erased.objects.iter().filter_map(|o| o.strip_prefix(prefix));
        let named = below.filter_map(|rest| rest.split('/').next()?.parse().ok());
        nights.extend(named.map(|night| (night, numbered.seq)));
    }
    let written = last_written(view);
    nights.retain(|night, erased| written.get(night).is_none_or(|at| at <= erased));
    nights.into_keys().collect()
}

/// The last number of the ledger that speaks of objects below each night: a revision, a night that
/// went on late, a correction.
fn last_written(view: &LedgerView) -> BTreeMap<Night, u64> {
    let mut written = BTreeMap::new();
    let mut corrected = BTreeSet::new();
    for numbered in &view.records {
        match &numbered.record {
            Record::Night(pin) => written.insert(pin.night, numbered.seq),
            Record::Hold(hold) => written.insert(hold.night, numbered.seq),
            Record::Final(done) => written.insert(done.night, numbered.seq),
            Record::Correction(c) => {
                corrected.insert(c.night);
                written.insert(c.night, numbered.seq)
            }
            // The claim has the date of its letter; below which night it lies, it does not say.
            Record::Claim(claim) if claim.is_correction() => {
                written.extend(corrected.iter().map(|night| (*night, numbered.seq)));
                None
            }
            _ => None,
        };
    }
    written
}

/// The ledger first, the objects after.
fn take_away(place: &Place, ledger: &mut Ledger, erased: Erased) -> Result<(), Failure> {
    if erased.objects.is_empty() {
        return Ok(());
    }
    // A call that died halfway said all of it already.
    let is_said = ledger
        .view()
        .erased()
        .any(|e| erased.objects.iter().all(|o| e.objects.contains(o)));
    if !is_said {
        ledger.append(vec![erased.clone().into()], &mut |_, records| records)?;
        crash::point("erasure_noted");
    }
    for object in &erased.objects {
        if object.ends_with('/') {
            for inside in place.list(object)? {
                place.delete(&inside.path)?;
            }
        } else {
            place.delete(object)?;
        }
        crash::point("erased");
    }
    Ok(())
}

/// Runs of some nights by folder (`runs/<night>/<run>/`), with the names of their objects.
fn runs(
    place: &Place,
    prefix: &str,
    nights: impl IntoIterator<Item = String>,
) -> Result<BTreeMap<String, BTreeSet<String>>, Failure> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for night in nights {
        let night = format!("{prefix}{night}/");
        for object in place.list(&night)? {
            let run = object
                .path
                .strip_prefix(&night)
                .and_then(|r| r.split_once('/'));
            if let Some((run, name)) = run {
                let folder = format!("{night}{run}/");
                found.entry(folder).or_default().insert(name.to_owned());
            }
        }
    }
    Ok(found)
}

/// Is it the object `top`, or below the folder `top`?
fn is_below(name: &str, top: &str) -> bool {
    name.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
