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
use super::columns_table::{Table, Written};
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) link: Link,
    pub(super) columns: Columns,
}

/// Where a part stands in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
            ("what".to_owned(), words(What::ALL)),
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
            sector: f.sector.clone(),
            sector_scheme: f.sector_scheme.clone(),
            size_class: f.size_class.clone(),
            province: f.province.clone(),
        }
    }

    fn read(self) -> Result<Frozen, String> {
        Ok(Frozen {
            party_kind: parsed(&self.party_kind, "`party_kind` cannot be read")?,
            participant: self.participant,
            sector: self.sector,
            sector_scheme: self.sector_scheme,
            size_class: self.size_class,
            province: self.province,
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

/// Reads the columns of a part; `None` where it has none. Every hash within the folder is checked,
/// and every number against what it counts.
pub(super) fn read(first: u64, last: u64, get: Get<'_>) -> Result<Option<Part>, Wrong> {
    let folder = folder(first, last);
    let get = |name: &str| get(&format!("{folder}{name}")).map_err(Wrong::Store);
    let Some(closing) = get(CLOSING)? else {
        return Ok(None);
    };
    let body = body(&closing).map_err(|what| Wrong::Object(CLOSING, what))?;
    if (body.link.first, body.link.last) != (first, last) {
        let what = format!("it is of objects {} to {}", body.link.first, body.link.last);
        return Err(Wrong::Object(CLOSING, what));
    }
    let table = |name: &'static str| {
        let wrong = |what: String| Wrong::Object(name, what);
        let bytes = get(name)?.ok_or_else(|| wrong("it is missing".into()))?;
        if body.files.get(name) != Some(&sha256(&bytes)) {
            return Err(wrong(
                "it is not what was written (flipped bit, cut, or swapped)".into(),
            ));
        }
        Table::read(bytes).map_err(wrong)
    };
    let mut columns = Columns::default();
    let of = |name| move |what| Wrong::Object(name, what);
    let words = &body.words;
    columns.letters =
        read_letters(table("letters.parquet")?, words).map_err(of("letters.parquet"))?;
    columns.items = read_items(table("items.parquet")?, words).map_err(of("items.parquet"))?;
    columns.notes = read_notes(table("notes.parquet")?, words).map_err(of("notes.parquet"))?;
    read_ids(table("ids.parquet")?, &mut columns).map_err(of("ids.parquet"))?;
    columns.before = Sizes {
        companies: body.companies_before,
        assets: body.assets_before,
        findings: body.findings_before,
    };
    columns.n_records = body.n_records;
    columns.begins_with_sightings = body.begins_with_sightings;
    let frozen = body.frozen.into_iter().map(FrozenLine::read);
    columns.texts = Texts {
        threats: body.threats,
        triggers: body.triggers,
        feeds: body.feeds,
        runs: body.runs,
        frozen: frozen.collect::<Result<_, _>>().map_err(of(CLOSING))?,
    };
    columns.check().map_err(of(CLOSING))?;
    Ok(Some(Part {
        link: body.link,
        columns,
    }))
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

/// Codes as what they mean in this file.
fn decode<T: FromStr + Copy>(
    codes: &[u8],
    column: &str,
    words: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<T>, String> {
    let words = words
        .get(column)
        .ok_or_else(|| format!("no words for `{column}`"))?;
    let values = words.iter().map(|w| w.parse::<T>().ok());
    let values: Vec<Option<T>> = values.collect();
    let value = |code: &u8| values.get(usize::from(*code)).copied().flatten();
    let read: Option<Vec<T>> = codes.iter().map(value).collect();
    read.ok_or_else(|| format!("the column `{column}` holds a code without a word that is known"))
}

fn read_letters(mut t: Table, words: &BTreeMap<String, Vec<String>>) -> Result<Letters, String> {
    Ok(Letters {
        letter: t.u128("letter")?,
        night: t.i32("night")?,
        attempt: t.u32("attempt")?,
        company: t.u32("company")?,
        frozen: t.u32("frozen")?,
        channel: decode(&t.u8("channel")?, "channel", words)?,
        state: t.u8("state")?,
        since: t.u64("since")?,
        told: t.u32("told")?,
        first_item: t.u32("first_item")?,
    })
}

fn read_items(mut t: Table, words: &BTreeMap<String, Vec<String>>) -> Result<Items, String> {
    Ok(Items {
        threat: t.u32("threat")?,
        trigger: t.u32("trigger")?,
        finding: t.u32("finding")?,
        asset: t.u32("asset")?,
        feed: t.u32("feed")?,
        kind: decode(&t.u8("kind")?, "kind", words)?,
        urgency: decode(&t.u8("urgency")?, "urgency", words)?,
        first_observed_at: t.i64("first_observed_at")?,
        observed_at: t.i64("observed_at")?,
    })
}

fn read_notes(mut t: Table, words: &BTreeMap<String, Vec<String>>) -> Result<Notes, String> {
    Ok(Notes {
        what: decode(&t.u8("what")?, "what", words)?,
        at: t.u32("at")?,
        n_letters: t.u32("n_letters")?,
        seq: t.u64("seq")?,
        night: t.i32("night")?,
        letter: t.u128("letter")?,
        attempt: t.u32("attempt")?,
        number: t.u32("number")?,
    })
}

fn read_ids(mut t: Table, columns: &mut Columns) -> Result<(), String> {
    let (of, ids) = (t.u8("of")?, t.u128("id")?);
    let from = |number: u8| of.partition_point(|of| *of < number);
    let part = |number: u8| ids.get(from(number)..from(number + 1)).unwrap_or_default();
    columns.companies = part(0).to_vec();
    columns.assets = part(1).to_vec();
    columns.findings = part(2).to_vec();
    let n = columns.companies.len() + columns.assets.len() + columns.findings.len();
    if n == ids.len() && of.is_sorted() {
        Ok(())
    } else {
        Err("its rows are not in order".into())
    }
}
