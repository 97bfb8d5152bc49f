//! The register and the reference data of a night: read once, pinned by hash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::inputs::Inputs;
use super::load::Loaded;
use crate::config::References;
use crate::contacts::{self, Lookup};
use crate::decide::{self, history::History};
use crate::diag::{Failure, Reject, RejectReason};
use crate::enrich::{self, Classes, Epss, Kev, Municipalities, Remedies};
use crate::matching::{self, Index, PrefixTable, Shared};
use crate::model::asset::Asset;
use crate::model::company::{Company, CompanyKey, Contact};
use crate::model::identity::{PartyRef, Secret};
use crate::model::ledger_record::PinnedObject;
use crate::model::letter::Fact;
use crate::model::night::{Micros, Night, local_midnight};
use crate::model::published::Published;
use crate::plan::{self, Listed};
use crate::reference::Kind;
use crate::register::{self, SuffixList};
use crate::scan;
use crate::statistics::period::{Titles, feed_key};
use crate::store::Place;

/// Everything that snapshots are held against.
pub struct World {
    /// Companies by key.
    pub companies: BTreeMap<CompanyKey, Arc<Company>>,
    /// Usable assets, in the order of the table.
    pub assets: Vec<Arc<Asset>>,
    /// Contacts by company, in order of priority.
    pub contacts: BTreeMap<CompanyKey, Vec<Contact>>,
    /// What is published about whom to tell.
    pub published: Published,
    /// Index over the assets.
    pub index: Index,
    /// Exploited vulnerabilities.
    pub kev: Option<Kev>,
    /// Scores.
    pub epss: Option<Epss>,
    /// Fixed versions, by CVE records and by advisories.
    pub remedies: Vec<Remedies>,
    /// Classes of incidents by type.
    pub classes: Classes,
    /// Titles of branches by code: Dutch, English.
    pub branches: Titles,
    /// Register rows that were set aside.
    pub rejects: Vec<Reject>,
    /// Table, rows read, rows rejected.
    pub tables: Vec<(&'static str, u64, u64)>,
    /// What was read, sorted by path.
    pub inputs: Vec<PinnedObject>,
    /// First moment at which nothing can have been seen: a day after the night's date ends, since
    /// clocks of senders go wrong by hours.
    pub too_late: Micros,
}

impl World {
    /// What a decision on a night reads of it; without hits.
    pub(super) fn input<'a>(
        &'a self,
        loaded: &'a Loaded,
        night: Night,
        history: &'a History,
        facts: &'a BTreeMap<String, Vec<Fact>>,
    ) -> decide::Input<'a> {
        decide::Input {
            settings: &loaded.job.policy,
            night,
            hits: &[],
            companies: &self.companies,
            contacts: &self.contacts,
            published: &self.published,
            threats: &loaded.catalogue.threats,
            triggers: &loaded.catalogue.triggers,
            history,
            facts,
            verification_key: &loaded.secrets.verification,
            party_key: &loaded.secrets.party,
        }
    }

    /// Companies by the keyed hash under which the ledger has them.
    pub(super) fn by_party(&self, key: &Secret) -> BTreeMap<PartyRef, &Arc<Company>> {
        let companies = self.companies.values();
        companies
            .map(|company| (PartyRef::of(key, &company.key), company))
            .collect()
    }
}

/// Reads register and references.
///
/// # Errors
/// `FixData` naming the object that is missing or broken; `TryLater` where the store is not there.
pub(super) fn read(loaded: &Loaded, from: Inputs<'_>) -> Result<World, Failure> {
    let (night, place) = (from.night, from.place);
    let mut reader = Reader {
        from,
        inputs: Vec::new(),
    };
    let job = &loaded.job;
    let suffixes = reader.needed("public_suffixes", &job.references.public_suffixes)?;
    let suffixes = SuffixList::read(&suffixes.bytes, &suffixes.path)?;
    let prefixes = match reader.wanted(job.references.prefix_asn.as_deref())? {
        Some(o) => matching::read_prefix_table(&o.bytes, &o.path)?,
        None => PrefixTable::default(),
    };
    let shared = match reader.wanted(job.references.shared_infrastructure.as_deref())? {
        Some(o) => matching::read_shared_infrastructure(&o.bytes, &o.path)?,
        None => Shared::default(),
    };
    let kev = match reader.wanted(job.references.kev.as_deref())? {
        Some(o) => Some(enrich::read_kev(&o.bytes, &o.path, o.day)?),
        None => None,
    };
    let epss = match reader.wanted(job.references.epss.as_deref())? {
        Some(o) => Some(enrich::read_epss(&o.bytes, &o.path, o.day)?),
        None => None,
    };
    let mut remedies = Vec::new();
    for kind in [Kind::Cve, Kind::Csaf] {
        if let Some(o) = reader.optional(job.references.folder(kind))? {
            remedies.push(enrich::read_remedies(&o.bytes, &o.path, o.day)?);
        }
    }
    let classes = match reader.optional(job.references.folder(Kind::Rsit))? {
        Some(o) => Classes::read(&o.bytes, &o.path)?,
        None => Classes::default(),
    };
    let branches = reader.branches(&job.references)?;

    let batches = reader.table(&job.inputs.companies)?;
    let mut companies = register::companies(&batches, &job.inputs.companies)?;
    if let Some(o) = reader.optional(job.references.folder(Kind::Municipalities))? {
        let municipalities = Municipalities::read(&o.bytes, &o.path)?;
        let without = companies.rows.iter_mut().filter(|c| c.province.is_empty());
        for company in without {
            let province = municipalities.province(&company.municipality);
            company.province = province.unwrap_or_default().to_owned();
        }
    }
    let keys: BTreeSet<CompanyKey> = companies.rows.iter().map(|c| c.key.clone()).collect();
    let batches = reader.table(&job.inputs.assets)?;
    let assets = register::assets(
        &batches,
        &job.inputs.assets,
        &keys,
        &suffixes,
        &job.zone,
        &job.register,
    )?;
    let batches = reader.table(&job.inputs.contacts)?;
    let kept_contacts = register::contacts(&batches, &job.inputs.contacts, &keys)?;

    for (table, read) in [
        (&job.inputs.companies, companies.read),
        (&job.inputs.assets, assets.read),
    ] {
        if read == 0 {
            return Err(
                Failure::fix_data("the table is empty; expected one row at least")
                    .at(place.display(table), "")
                    .hint("deliver the whole register again"),
            );
        }
    }
    let index = Index::build(&assets.rows, &shared, &prefixes, &job.matching);
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let tables = vec![
        ("companies", companies.read, count(companies.rejects.len())),
        ("assets", assets.read, count(assets.rejects.len())),
        (
            "contacts",
            kept_contacts.read,
            count(kept_contacts.rejects.len()),
        ),
    ];
    let mut rejects = companies.rejects;
    let is_kept = |r: &Reject| r.why == RejectReason::UnknownParent;
    rejects.extend(companies.further.into_iter().filter(is_kept));
    rejects.extend(assets.rejects);
    rejects.extend(kept_contacts.rejects);
    let lookups = reader.lookups(&job.references)?;
    let dusk = midnight(night, Some(night.date()), &job.zone)?;
    let assets: Vec<Arc<Asset>> = assets.rows.into_iter().map(Arc::new).collect();
    let published =
        contacts::published(&assets, &lookups, dusk, job.references.lookups_max_age_days);
    let mut inputs = reader.inputs;
    inputs.sort();
    Ok(World {
        companies: companies
            .rows
            .into_iter()
            .map(|c| (c.key.clone(), Arc::new(c)))
            .collect(),
        assets,
        contacts: by_company(kept_contacts.rows),
        published,
        index,
        kev,
        epss,
        remedies,
        classes,
        branches,
        rejects,
        tables,
        inputs,
        too_late: too_late(night, &job.zone)?,
    })
}

/// Titles of branches as of a night, for the figures of a period.
///
/// # Errors
/// The store, or a table that cannot be read.
pub(super) fn branches(loaded: &Loaded, place: &Place, night: Night) -> Result<Titles, Failure> {
    let mut reader = Reader {
        from: Inputs::now(place, night),
        inputs: Vec::new(),
    };
    reader.branches(&loaded.job.references)
}

/// What statistics call threats and branches.
pub(super) fn titles(loaded: &Loaded, branches: Titles) -> Titles {
    let threats = loaded.catalogue.threats.iter();
    threats
        .map(|t| (t.id.clone(), (t.nl.title.clone(), t.en.title.clone())))
        .chain(branches)
        .chain(loaded.job.feeds.iter().map(|(id, feed)| {
            let [nl, en] = feed.titles.clone();
            (feed_key(id), (nl, en))
        }))
        .collect()
}

fn by_company(contacts: Vec<Contact>) -> BTreeMap<CompanyKey, Vec<Contact>> {
    let mut by_company: BTreeMap<CompanyKey, Vec<Contact>> = BTreeMap::new();
    for contact in contacts {
        by_company
            .entry(contact.company.clone())
            .or_default()
            .push(contact);
    }
    for of_company in by_company.values_mut() {
        of_company.sort_by(|a, b| {
            (a.priority, a.channel, &a.value).cmp(&(b.priority, b.channel, &b.value))
        });
    }
    by_company
}

struct Read {
    path: String,
    bytes: Bytes,
    day: Date,
}

impl Read {
    fn named(&self) -> (&[u8], &str) {
        (&self.bytes, &self.path)
    }
}

struct Reader<'a> {
    from: Inputs<'a>,
    inputs: Vec<PinnedObject>,
}

impl Reader<'_> {
    fn table(&mut self, path: &str) -> Result<Vec<arrow::record_batch::RecordBatch>, Failure> {
        let bytes = self.get(path)?;
        scan::table_of(bytes, &self.from.place.display(path))
    }

    fn get(&mut self, path: &str) -> Result<Bytes, Failure> {
        let (bytes, pinned) = self.from.get(path)?;
        self.inputs.push(pinned);
        Ok(bytes)
    }

    /// Results of look-ups of every dated object up to the night that is young enough. An object
    /// that starts with a date may have more in its name: `2026-03-12-security-txt.jsonl`.
    fn lookups(&mut self, references: &References) -> Result<Vec<Lookup>, Failure> {
        let Some(folder) = &references.lookups else {
            return Ok(Vec::new());
        };
        let mut lookups = Vec::new();
        for found in self.from.list(folder)? {
            let name = found.path.rsplit('/').next().unwrap_or_default();
            let day: Option<Night> = name.get(..10).and_then(|day| day.parse().ok());
            // A day of grace: an answer of yesterday evening stands in tomorrow's object.
            let is_young = |day: Night| {
                let age = self.from.night.days_since(day.date());
                let most = i32::try_from(references.lookups_max_age_days).unwrap_or(i32::MAX);
                (0..=most.saturating_add(1)).contains(&age)
            };
            if !name.ends_with(".jsonl") || !day.is_some_and(is_young) {
                continue;
            }
            let bytes = self.get(&found.path)?;
            let read = contacts::read_lookups(&bytes).map_err(|(line, why)| {
                Failure::fix_data(format!("line {line} is no result of a look-up: {why}"))
                    .at(self.from.place.display(&found.path), "")
                    .hint(
                        "fetch again with `nachtwacht fetch security-txt`, or move the object away",
                    )
            })?;
            lookups.extend(read);
        }
        Ok(lookups)
    }

    fn branches(&mut self, references: &References) -> Result<Titles, Failure> {
        let sbi = self.optional(references.folder(Kind::Sbi))?;
        let nace = self.optional(references.folder(Kind::Nace))?;
        let sbi = sbi.as_ref().map(Read::named);
        let nace = nace.as_ref().map(Read::named);
        enrich::branch_titles(sbi, nace)
    }

    fn needed(&mut self, key: &str, folder: &str) -> Result<Read, Failure> {
        self.optional(Some(folder))?.ok_or_else(|| {
            Failure::fix_data(format!("no object dated on or before {}", self.from.night))
                .at(self.from.place.display(folder), "")
                .hint(format!(
                    "deliver `<date>.<extension>` there, or mend `reference.{key}` in the job"
                ))
        })
    }

    /// As [`Reader::optional`], of what decisions hang on: that it is missing is said.
    fn wanted(&mut self, folder: Option<&str>) -> Result<Option<Read>, Failure> {
        let found = self.optional(folder)?;
        if let (Some(folder), None) = (folder, &found) {
            tracing::warn!(night = %self.from.night, "no object dated on or before the night lies in `{folder}`, which the job names: the night goes without");
        }
        Ok(found)
    }

    /// The newest dated object of a folder on or before the night.
    fn optional(&mut self, folder: Option<&str>) -> Result<Option<Read>, Failure> {
        let Some(folder) = folder else {
            return Ok(None);
        };
        let listing = self.from.list(folder)?;
        let Some((found, day)) = plan::dated(&listing, self.from.night) else {
            return Ok(None);
        };
        let bytes = self.get(&found.path)?;
        Ok(Some(Read {
            path: found.path.clone(),
            bytes,
            day,
        }))
    }
}

/// A listing in the form that `plan` takes.
pub(super) fn listed(place: &Place, prefix: &str) -> Result<Vec<Listed>, Failure> {
    let objects = place.list(prefix)?;
    Ok(objects
        .into_iter()
        .map(|o| Listed {
            path: o.path,
            size: o.size,
        })
        .collect())
}

fn too_late(night: Night, zone: &TimeZone) -> Result<Micros, Failure> {
    let tomorrow = night.date().tomorrow();
    midnight(night, tomorrow.and_then(Date::tomorrow).ok(), zone)
}

fn midnight(night: Night, date: Option<Date>, zone: &TimeZone) -> Result<Micros, Failure> {
    let moment = date.and_then(|date| local_midnight(date, zone).ok());
    moment.ok_or_else(|| Failure::fix_job(format!("night {night} lies outside the calendar")))
}
