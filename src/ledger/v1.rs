//! Version 1 of a ledger object: a header line, then one record a line.
//!
//! Written by hand from the model's types, so that a change there cannot change what stands in
//! ten years of nights.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::shared::Shared;
use super::v1_aftermath::{
    AliasLine, AnswerLine, BatchLine, CorrectionLine, FollowedLine, ReportLine,
};
use super::v1_claim::{ClaimLine, ReceiptLine};
use super::v1_hold;
use crate::diag::Failure;
use crate::model::ledger_record::{Erased, Final, PinnedNight, PinnedObject, Record};

/// First line of an object.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    v: u32,
    pub(super) seq: u64,
    pub(super) epoch: u64,
    pub(super) write_id: String,
    pub(super) prev_sha256: String,
    records: usize,
    body_sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Night {
        night: String,
        revision: u32,
        run_id: String,
        ledger_seq: u64,
        job_sha256: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_letters: Option<u32>,
        snapshots: Vec<Object>,
        inputs: Vec<Object>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        followed: Vec<FollowedLine>,
    },
    Claim(#[serde(borrow)] ClaimLine<'a>),
    Receipt(#[serde(borrow)] ReceiptLine<'a>),
    Final {
        night: String,
        revision: u32,
        run_id: String,
    },
    Erased {
        #[serde(skip_serializing_if = "Option::is_none")]
        party_ref: Option<String>,
        objects: Vec<String>,
    },
    Answer(AnswerLine),
    PrintBatch(BatchLine),
    PrintReport(ReportLine),
    Correction(CorrectionLine),
    Figures(v1_hold::FiguresLine),
    Hold(v1_hold::HoldLine),
    Superseded(v1_hold::SupersededLine),
    Approval(v1_hold::ApprovalLine),
    Baseline(v1_hold::BaselineLine),
    Sightings(v1_hold::SightingsLine),
    Alias(AliasLine),
}

#[derive(Serialize, Deserialize)]
struct Object {
    path: String,
    size: u64,
    sha256: String,
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub(super) fn write(
    seq: u64,
    epoch: u64,
    write_id: &str,
    prev_sha256: &str,
    records: &[Record],
) -> Result<Vec<u8>, Failure> {
    let bug = |e: serde_json::Error| Failure::our_bug(format!("writing the ledger: {e}"));
    let mut body = Vec::new();
    for record in records {
        serde_json::to_writer(&mut body, &line(record)).map_err(bug)?;
        body.push(b'\n');
    }
    let header = Header {
        v: 1,
        seq,
        epoch,
        write_id: write_id.to_owned(),
        prev_sha256: prev_sha256.to_owned(),
        records: records.len(),
        body_sha256: sha256(&body),
    };
    let mut bytes = serde_json::to_vec(&header).map_err(bug)?;
    bytes.push(b'\n');
    bytes.extend(body);
    Ok(bytes)
}

/// Reads an object; the message says what is wrong with it.
pub(super) fn read(bytes: &[u8]) -> Result<(Header, Vec<Record>), String> {
    let cut = bytes
        .iter()
        .position(|b| *b == b'\n')
        .ok_or("it has no header line")?;
    let (head, body) = bytes.split_at(cut + 1);
    let header: Header =
        serde_json::from_slice(head).map_err(|e| format!("its header cannot be read: {e}"))?;
    if header.v != 1 {
        return Err(format!(
            "it has version {}; this program reads version 1",
            header.v
        ));
    }
    if sha256(body) != header.body_sha256 {
        return Err("its records are not those that were written (flipped bit, or cut)".into());
    }
    // All lines first: what is kept of them then lies together, without holes between.
    let texts = body.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    let lines = texts
        .enumerate()
        .map(|(i, text)| parse(text).map_err(|e| format!("line {} cannot be read: {e}", i + 2)));
    let lines: Vec<Line<'_>> = lines.collect::<Result<_, _>>()?;
    let mut shared = Shared::default();
    let mut records = Vec::with_capacity(lines.len());
    for (i, line) in lines.into_iter().enumerate() {
        let record = record(line, &mut shared);
        let line = i + 2; // the header is line 1
        records.push(record.map_err(|what| format!("line {line}: {what} cannot be read"))?);
    }
    if records.len() == header.records {
        Ok((header, records))
    } else {
        Err(format!(
            "it has {} records; its header says {}",
            records.len(),
            header.records
        ))
    }
}

/// Where the kind stands first, as we write it, a claim or receipt is read in one pass; serde looks
/// for the kind of any other line before it reads the rest.
fn parse(text: &[u8]) -> Result<Line<'_>, serde_json::Error> {
    if text.starts_with(br#"{"kind":"claim","#) {
        serde_json::from_slice(text).map(Line::Claim)
    } else if text.starts_with(br#"{"kind":"receipt","#) {
        serde_json::from_slice(text).map(Line::Receipt)
    } else {
        serde_json::from_slice(text)
    }
}

fn line(record: &Record) -> Line<'static> {
    match record {
        Record::Night(n) => Line::Night {
            night: n.night.to_string(),
            revision: n.revision,
            run_id: n.run_id.clone(),
            ledger_seq: n.ledger_seq,
            job_sha256: n.job_sha256.clone(),
            max_letters: n.max_letters,
            snapshots: n.snapshots.iter().map(object).collect(),
            inputs: n.inputs.iter().map(object).collect(),
            followed: n.followed.iter().map(FollowedLine::of).collect(),
        },
        Record::Claim(c) => Line::Claim(ClaimLine::of(c)),
        Record::Receipt(r) => Line::Receipt(ReceiptLine::of(r)),
        Record::Final(f) => Line::Final {
            night: f.night.to_string(),
            revision: f.revision,
            run_id: f.run_id.clone(),
        },
        Record::Erased(e) => Line::Erased {
            party_ref: e.party_ref.map(|p| p.to_string()),
            objects: e.objects.clone(),
        },
        Record::Answer(a) => Line::Answer(AnswerLine::of(a)),
        Record::PrintBatch(b) => Line::PrintBatch(BatchLine::of(b)),
        Record::PrintReport(r) => Line::PrintReport(ReportLine::of(r)),
        Record::Correction(c) => Line::Correction(CorrectionLine::of(c)),
        Record::Figures(f) => Line::Figures(f.as_ref().into()),
        Record::Hold(h) => Line::Hold(h.as_ref().into()),
        Record::Superseded(s) => Line::Superseded(s.as_ref().into()),
        Record::Approval(a) => Line::Approval(a.as_ref().into()),
        Record::Baseline(b) => Line::Baseline(b.as_ref().into()),
        Record::Sightings(s) => Line::Sightings(s.as_ref().into()),
        Record::Alias(a) => Line::Alias(AliasLine::of(a)),
    }
}

fn object(o: &PinnedObject) -> Object {
    Object {
        path: o.path.clone(),
        size: o.size,
        sha256: o.sha256.clone(),
    }
}

pub(super) fn parsed<T: std::str::FromStr>(
    text: &str,
    what: &'static str,
) -> Result<T, &'static str> {
    text.parse().map_err(|_| what)
}

fn record(line: Line<'_>, shared: &mut Shared) -> Result<Record, &'static str> {
    let pinned = |o: Object| PinnedObject {
        path: o.path,
        size: o.size,
        sha256: o.sha256,
    };
    Ok(match line {
        Line::Night {
            night,
            revision,
            run_id,
            ledger_seq,
            job_sha256,
            max_letters,
            snapshots,
            inputs,
            followed,
        } => PinnedNight {
            night: parsed(&night, "night")?,
            revision,
            run_id,
            ledger_seq,
            job_sha256,
            max_letters,
            snapshots: snapshots.into_iter().map(pinned).collect(),
            inputs: inputs.into_iter().map(pinned).collect(),
            followed: FollowedLine::read_all(&followed)?,
        }
        .into(),
        Line::Claim(line) => line.read(shared)?.into(),
        Line::Receipt(line) => line.read(shared)?.into(),
        Line::Final {
            night,
            revision,
            run_id,
        } => Final {
            night: parsed(&night, "night")?,
            revision,
            run_id,
        }
        .into(),
        Line::Erased { party_ref, objects } => Erased {
            party_ref: party_ref.map(|p| parsed(&p, "party_ref")).transpose()?,
            objects,
        }
        .into(),
        Line::Answer(line) => line.read()?.into(),
        Line::PrintBatch(line) => line.read()?.into(),
        Line::PrintReport(line) => line.read()?.into(),
        Line::Correction(line) => line.read()?.into(),
        Line::Figures(line) => line.read()?.into(),
        Line::Hold(line) => line.read()?.into(),
        Line::Superseded(line) => line.read()?.into(),
        Line::Approval(line) => line.read()?.into(),
        Line::Baseline(line) => line.read().into(),
        Line::Sightings(line) => line.read()?.into(),
        Line::Alias(line) => line.read()?.into(),
    })
}
