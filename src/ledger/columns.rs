//! The columns of a part: what statistics need of its records, as small numbers in Parquet.
//!
//! Beside `parts/<first>-<last>.parquet` lies the folder `parts/<first>-<last>/` with
//! `letters.parquet`, `items.parquet`, `notes.parquet`, `ids.parquet`, and `columns.jsonl`, which
//! is written last: its second line names the SHA-256 of each of them, and of the ledger's objects
//! before the part and at its end; its first line holds the SHA-256 of the second.

use std::collections::BTreeMap;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::chain::Unlinked;
use super::columns_table::{self, Target, Written};
use super::v1::{parsed, sha256};
use crate::diag::Failure;
use crate::model::columns::{Columns, Items, Letters, Notes, Sizes, Texts, What};
use crate::model::company::Channel;
use crate::model::decision::ItemKind;
use crate::model::encoder::Encoder;
use crate::model::ledger_record::{Frozen, Numbered};
use crate::model::threat::Urgency;

/// The name of what closes the folder.
const CLOSING: &str = "columns.jsonl";

/// Columns of a part, and where it stands in the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) link: Link,
    pub(super) columns: Columns,
}

/// Where a part stands in the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Epoch of the last object.
    pub(super) epoch: u64,
    /// Hash of the object before the first one; empty for number 1.
    pub(super) prev_sha256: String,
    pub(super) last_sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Head {
    v: u32,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(flatten)]
    link: Link,
    n_records: u32,
    begins_with_sightings: bool,
    companies_before: u32,
    assets_before: u32,
    findings_before: u32,
    threats: Vec<String>,
    triggers: Vec<String>,
    feeds: Vec<String>,
    runs: Vec<String>,
    frozen: Vec<FrozenLine>,
    /// Words behind the codes of columns, by the column's name.
    words: BTreeMap<String, Vec<String>>,
    files: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct FrozenLine {
    party_kind: String,
    participant: bool,
    sector: String,
    sector_scheme: String,
    size_class: String,
    province: String,
}

pub(super) fn folder(first: u64, last: u64) -> String {
    format!("parts/{first:012}-{last:012}/")
}

/// The object whose presence says that a part has columns.
pub(super) fn closing(first: u64, last: u64) -> String {
    format!("{}{CLOSING}", folder(first, last))
}

fn code<T: PartialEq>(all: &[T], of: &[T]) -> Vec<u8> {
    let place = |value: &T| all.iter().position(|v| v == value).unwrap_or_default();
    of.iter()
        .map(|v| u8::try_from(place(v)).unwrap_or_default())
        .collect()
}

fn words<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

/// The objects of a part's columns, by their name in the folder, in the order of writing.
pub(super) fn write(part: &Part) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let bug = |what: String| Failure::our_bug(format!("writing columns of the ledger: {what}"));
    let c = &part.columns;
    let tables = [
        ("letters.parquet", letters(&c.letters)),
        ("items.parquet", items(&c.items)),
        ("notes.parquet", notes(&c.notes)),
        ("ids.parquet", ids(c)),
    ];
    let mut objects = Vec::new();
    for (name, table) in tables {
        let bytes = table.finish().map_err(|e| bug(e.to_string()))?;
        objects.push((name.to_owned(), bytes));
    }
    let files = objects.iter().map(|(name, b)| (name.clone(), sha256(b)));
    let body = Body {
        link: part.link.clone(),
        n_records: c.n_records,
        begins_with_sightings: c.begins_with_sightings,
        companies_before: c.before.companies,
        assets_before: c.before.assets,
        findings_before: c.before.findings,
        threats: c.texts.threats.clone(),
        triggers: c.texts.triggers.clone(),
        feeds: c.texts.feeds.clone(),
        runs: c.texts.runs.clone(),
        frozen: c.texts.frozen.iter().map(FrozenLine::of).collect(),
        words: BTreeMap::from([
            ("channel".to_owned(), words(Channel::ALL)),
            ("kind".to_owned(), words(ItemKind::ALL)),
            ("urgency".to_owned(), words(Urgency::ALL)),
            ("what".to_owned(), words(kinds_of(&c.notes))),
        ]),
        files: files.collect(),
    };
    let body = serde_json::to_string(&body).map_err(|e| bug(e.to_string()))?;
    let head = Head {
        v: 1,
        sha256: sha256(body.as_bytes()),
    };
    let head = serde_json::to_string(&head).map_err(|e| bug(e.to_string()))?;
    objects.push((CLOSING.to_owned(), format!("{head}\n{body}\n").into_bytes()));
    Ok(objects)
}

/// Kinds of notes: a file without aliases is as it was before there were any.
fn kinds_of(notes: &Notes) -> &'static [What] {
    match What::ALL.split_last() {
        Some((What::Alias, others)) if !notes.what.contains(&What::Alias) => others,
        _ => What::ALL,
    }
}

fn letters(l: &Letters) -> Written {
    let mut table = Written::default();
    table.u128("letter", &l.letter);
    table.i32("night", &l.night);
    table.u32("attempt", &l.attempt);
    table.u32_wide("company", &l.company);
    table.u32("frozen", &l.frozen);
    table.u8("channel", code(Channel::ALL, &l.channel));
    table.u8("state", l.state.clone());
    table.u64("since", &l.since);
    table.u32_wide("told", &l.told);
    table.u32_wide("first_item", &l.first_item);
    table
}

fn items(i: &Items) -> Written {
    let mut table = Written::default();
    table.u32("threat", &i.threat);
    table.u32("trigger", &i.trigger);
    table.u32_wide("finding", &i.finding);
    table.u32_wide("asset", &i.asset);
    table.u32("feed", &i.feed);
    table.u8("kind", code(ItemKind::ALL, &i.kind));
    table.u8("urgency", code(Urgency::ALL, &i.urgency));
    table.i64("first_observed_at", &i.first_observed_at);
    table.i64("observed_at", &i.observed_at);
    table
}

fn notes(n: &Notes) -> Written {
    let mut table = Written::default();
    table.u8("what", code(What::ALL, &n.what));
    table.u32_wide("at", &n.at);
    table.u32_wide("n_letters", &n.n_letters);
    table.u64("seq", &n.seq);
    table.i32("night", &n.night);
    table.u128("letter", &n.letter);
    table.u32("attempt", &n.attempt);
    table.u32_wide("number", &n.number);
    table
}

/// Companies, then assets, then findings: `of` is 0, 1, 2.
fn ids(c: &Columns) -> Written {
    let mut table = Written::default();
    let (mut of, mut all) = (Vec::new(), Vec::new());
    for (number, ids) in (0u8..).zip([&c.companies, &c.assets, &c.findings]) {
        of.extend(ids.iter().map(|_| number));
        all.extend(ids);
    }
    table.u8("of", of);
    table.u128("id", &all);
    table
}

impl FrozenLine {
    fn of(f: &Frozen) -> Self {
        Self {
            party_kind: f.party_kind.to_string(),
            participant: f.participant,
            sector: f.sector.to_string(),
            sector_scheme: f.sector_scheme.to_string(),
            size_class: f.size_class.to_string(),
            province: f.province.to_string(),
        }
    }

    fn read(self) -> Result<Frozen, String> {
        Ok(Frozen {
            party_kind: parsed(&self.party_kind, "`party_kind` cannot be read")?,
            participant: self.participant,
            sector: self.sector.into(),
            sector_scheme: self.sector_scheme.into(),
            size_class: self.size_class.into(),
            province: self.province.into(),
        })
    }
}

/// Gathers the objects of a part, in order.
pub(super) struct Maker {
    link: Link,
    records: Vec<Numbered>,
}

impl Maker {
    pub(super) fn new((first, last): (u64, u64)) -> Self {
        Self {
            link: Link {
                first,
                last,
                epoch: 0,
                prev_sha256: String::new(),
                last_sha256: String::new(),
            },
            records: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, seq: u64, object: Unlinked) {
        if seq == self.link.first {
            self.link.prev_sha256 = object.header.prev_sha256;
        }
        self.link.epoch = object.header.epoch;
        self.link.last_sha256 = object.sha256;
        let records = object.records.into_iter();
        self.records
            .extend(records.map(|record| Numbered { seq, record }));
    }

    pub(super) fn finish(self, encoder: &mut Encoder) -> Part {
        Part {
            link: self.link,
            columns: encoder.encode(&self.records),
        }
    }
}

/// An object that is named, which may be absent.
type Get<'g> = &'g dyn Fn(&str) -> Result<Option<Bytes>, Failure>;

/// What is wrong with columns: the store, or the object of this name.
pub(super) enum Wrong {
    Store(Failure),
    Object(&'static str, String),
}

/// Reads the columns of a part into `part`, whose room is used again; false where it has none. Every
/// hash within the folder is checked, and every number against what it counts.
pub(super) fn read(
    (first, last): (u64, u64),
    get: Get<'_>,
    part: &mut Part,
) -> Result<bool, Wrong> {
    let folder = folder(first, last);
    let get = |name: &str| get(&format!("{folder}{name}")).map_err(Wrong::Store);
    let Some(closing) = get(CLOSING)? else {
        return Ok(false);
    };
    let body = body(&closing).map_err(|what| Wrong::Object(CLOSING, what))?;
    if (body.link.first, body.link.last) != (first, last) {
        let what = format!("it is of objects {} to {}", body.link.first, body.link.last);
        return Err(Wrong::Object(CLOSING, what));
    }
    let columns = &mut part.columns;
    let names = [
        "letters.parquet",
        "items.parquet",
        "notes.parquet",
        "ids.parquet",
    ];
    for name in names {
        let wrong = |what: String| Wrong::Object(name, what);
        let bytes = get(name)?.ok_or_else(|| wrong("it is missing".into()))?;
        if body.files.get(name) != Some(&sha256(&bytes)) {
            return Err(wrong(
                "it is not what was written (flipped bit, cut, or swapped)".into(),
            ));
        }
        let read = match name {
            "letters.parquet" => read_letters(bytes, &mut columns.letters, &body.words),
            "items.parquet" => read_items(bytes, &mut columns.items, &body.words),
            "notes.parquet" => read_notes(bytes, &mut columns.notes, &body.words),
            _ => read_ids(bytes, columns),
        };
        read.map_err(wrong)?;
    }
    columns.before = Sizes {
        companies: body.companies_before,
        assets: body.assets_before,
        findings: body.findings_before,
    };
    columns.n_records = body.n_records;
    columns.begins_with_sightings = body.begins_with_sightings;
    let of_closing = |what| Wrong::Object(CLOSING, what);
    let frozen = body.frozen.into_iter().map(FrozenLine::read);
    columns.texts = Texts {
        threats: body.threats,
        triggers: body.triggers,
        feeds: body.feeds,
        runs: body.runs,
        frozen: frozen.collect::<Result<_, _>>().map_err(of_closing)?,
    };
    columns.check().map_err(of_closing)?;
    part.link = body.link;
    Ok(true)
}

fn body(closing: &[u8]) -> Result<Body, String> {
    let text = std::str::from_utf8(closing).map_err(|_| "it is not UTF-8")?;
    let (head, rest) = text.split_once('\n').ok_or("it has no second line")?;
    let head: Head = serde_json::from_str(head).map_err(|e| format!("its first line: {e}"))?;
    if head.v != 1 {
        return Err(format!(
            "it has version {}; this program reads version 1",
            head.v
        ));
    }
    let body = rest.strip_suffix('\n').ok_or("it is cut")?;
    if sha256(body.as_bytes()) != head.sha256 {
        return Err("it is not what was written (flipped bit, or cut)".into());
    }
    serde_json::from_str(body).map_err(|e| format!("its second line: {e}"))
}

type Words = BTreeMap<String, Vec<String>>;

/// Codes as what they mean in this file.
fn decode<T: FromStr + Copy>(
    codes: &[u8],
    column: &str,
    words: &Words,
    into: &mut Vec<T>,
) -> Result<(), String> {
    let words = words
        .get(column)
        .ok_or_else(|| format!("no words for `{column}`"))?;
    let values = words.iter().map(|w| w.parse::<T>().ok());
    let values: Vec<Option<T>> = values.collect();
    into.clear();
    into.reserve(codes.len());
    for code in codes {
        let value = values.get(usize::from(*code)).copied().flatten();
        into.push(value.ok_or_else(|| {
            format!("the column `{column}` holds a code without a word that is known")
        })?);
    }
    Ok(())
}

fn read_letters(bytes: Bytes, l: &mut Letters, words: &Words) -> Result<(), String> {
    let mut channel = Vec::new();
    let targets = vec![
        ("letter", Target::U128(&mut l.letter)),
        ("night", Target::I32(&mut l.night)),
        ("attempt", Target::U32(&mut l.attempt)),
        ("company", Target::U32(&mut l.company)),
        ("frozen", Target::U32(&mut l.frozen)),
        ("channel", Target::U8(&mut channel)),
        ("state", Target::U8(&mut l.state)),
        ("since", Target::U64(&mut l.since)),
        ("told", Target::U32(&mut l.told)),
        ("first_item", Target::U32(&mut l.first_item)),
    ];
    columns_table::read(bytes, targets)?;
    decode(&channel, "channel", words, &mut l.channel)
}

fn read_items(bytes: Bytes, i: &mut Items, words: &Words) -> Result<(), String> {
    let (mut kind, mut urgency) = (Vec::new(), Vec::new());
    let targets = vec![
        ("threat", Target::U32(&mut i.threat)),
        ("trigger", Target::U32(&mut i.trigger)),
        ("finding", Target::U32(&mut i.finding)),
        ("asset", Target::U32(&mut i.asset)),
        ("feed", Target::U32(&mut i.feed)),
        ("kind", Target::U8(&mut kind)),
        ("urgency", Target::U8(&mut urgency)),
        ("first_observed_at", Target::I64(&mut i.first_observed_at)),
        ("observed_at", Target::I64(&mut i.observed_at)),
    ];
    columns_table::read(bytes, targets)?;
    decode(&kind, "kind", words, &mut i.kind)?;
    decode(&urgency, "urgency", words, &mut i.urgency)
}

fn read_notes(bytes: Bytes, n: &mut Notes, words: &Words) -> Result<(), String> {
    let mut what = Vec::new();
    let targets = vec![
        ("what", Target::U8(&mut what)),
        ("at", Target::U32(&mut n.at)),
        ("n_letters", Target::U32(&mut n.n_letters)),
        ("seq", Target::U64(&mut n.seq)),
        ("night", Target::I32(&mut n.night)),
        ("letter", Target::U128(&mut n.letter)),
        ("attempt", Target::U32(&mut n.attempt)),
        ("number", Target::U32(&mut n.number)),
    ];
    columns_table::read(bytes, targets)?;
    decode(&what, "what", words, &mut n.what)
}

fn read_ids(bytes: Bytes, columns: &mut Columns) -> Result<(), String> {
    let (mut of, mut ids) = (Vec::new(), Vec::new());
    let targets = vec![("of", Target::U8(&mut of)), ("id", Target::U128(&mut ids))];
    columns_table::read(bytes, targets)?;
    if !of.is_sorted() || of.last().is_some_and(|of| *of > 2) || of.len() != ids.len() {
        return Err("its rows are not in order".into());
    }
    let from = |number: u8| of.partition_point(|of| *of < number);
    columns.findings = ids.split_off(from(2));
    columns.assets = ids.split_off(from(1));
    columns.companies = ids;
    Ok(())
}
