//! `manifest.json`, version 1: what a run read, decided and wrote.
//!
//! `content` is a function of the night's inputs and ledger; `content_sha256` is taken over it.
//! Run id and wall times stand outside.

use serde::Serialize;
use sha2::{Digest, Sha256};

use std::collections::BTreeMap;

use crate::diag::Failure;
use crate::model::counts::{FeedCounts, Outcomes, Overviews, RowCounts};
use crate::model::ledger_record::PinnedObject;

/// What the manifest says that two runs of the same night must agree on.
#[derive(Clone, Debug)]
pub struct Content<'a> {
    /// Night.
    pub night: String,
    /// Revision of the night's plan.
    pub revision: u32,
    /// Name of the job.
    pub job: &'a str,
    /// SHA-256 of job, threats, triggers and templates.
    pub job_sha256: &'a str,
    /// Last ledger object that the decisions saw.
    pub ledger_seq: u64,
    /// Snapshots with their rows.
    pub snapshots: Vec<(&'a PinnedObject, u64)>,
    /// Register and reference objects.
    pub inputs: &'a [PinnedObject],
    /// Rows by feed.
    pub rows: &'a FeedCounts,
    /// Decisions.
    pub decisions: Outcomes,
    /// Decisions by reason code.
    pub reasons: BTreeMap<&'static str, u64>,
    /// Register rows: table, read, rejected.
    pub register: Vec<(&'static str, u64, u64)>,
    /// Rejects by reason code, observations and register together.
    pub reject_reasons: BTreeMap<&'static str, u64>,
    /// Findings that were warned about before and are not among the rows, by why.
    pub gone: BTreeMap<&'static str, u64>,
    /// Scans (`feed/report`) that the job assumes and these counts rest on.
    pub assumed: &'a [String],
    /// Letters that the night's plan sends.
    pub letters: u64,
    /// Letters whose PDF is the plain form, since theirs could not be typeset.
    pub letters_plain: u64,
    /// Letters that are held.
    pub letters_held: u64,
    /// Overviews for parent companies; they are not among the letters.
    pub overviews: Overviews,
    /// Distinct companies in the letters that are sent.
    pub companies: u64,
    /// SHA-256 of each output, by path under the run.
    pub outputs: BTreeMap<String, String>,
}

/// What differs from run to run.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// Run.
    pub run_id: String,
    /// `planned` or `final`.
    pub state: &'static str,
    /// UTC, RFC 3339.
    pub started_at: String,
    /// UTC, RFC 3339.
    pub written_at: String,
    /// Version of the program.
    pub program: &'static str,
    /// Of a night that ended: letters that brakes held on the way to it.
    pub letters_held_by_brakes: Option<u64>,
}

#[derive(Serialize)]
struct ManifestV1 {
    nachtwacht_manifest: u32,
    run_id: String,
    state: &'static str,
    started_at: String,
    written_at: String,
    program: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    letters_held_by_brakes: Option<u64>,
    content_sha256: String,
    #[serde(flatten)]
    content: ContentV1,
}

#[derive(Serialize)]
struct ContentV1 {
    night: String,
    revision: u32,
    job: String,
    job_sha256: String,
    ledger_seq: u64,
    inputs: InputsV1,
    counts: CountsV1,
    decision_counts: OutcomesV1,
    decision_reasons: BTreeMap<&'static str, u64>,
    register_counts: BTreeMap<&'static str, RegisterV1>,
    reject_reasons: BTreeMap<&'static str, u64>,
    findings_gone: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assumed_coverage: Vec<String>,
    letters: LettersV1,
    #[serde(skip_serializing_if = "Option::is_none")]
    overviews: Option<OverviewsV1>,
    outputs_sha256: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct InputsV1 {
    snapshots: Vec<ObjectV1>,
    others: Vec<ObjectV1>,
}

#[derive(Serialize)]
struct ObjectV1 {
    path: String,
    size_bytes: u64,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
}

#[derive(Serialize)]
struct CountsV1 {
    #[serde(flatten)]
    total: RowsV1,
    by_feed: BTreeMap<String, RowsV1>,
}

#[derive(Serialize)]
struct RowsV1 {
    read: u64,
    rejected: u64,
    unmatched: u64,
    matched: u64,
    #[serde(flatten)]
    outcomes: OutcomesV1,
}

#[derive(Serialize)]
struct OutcomesV1 {
    below_policy: u64,
    suppressed: u64,
    held: u64,
    in_letters: u64,
}

#[derive(Serialize)]
struct RegisterV1 {
    read: u64,
    rejected: u64,
}

#[derive(Serialize)]
struct LettersV1 {
    sent: u64,
    plain: u64,
    held: u64,
    companies: u64,
}

#[derive(Serialize)]
struct OverviewsV1 {
    sent: u64,
    held: u64,
    no_contact: u64,
    unwanted: u64,
    over_limit: u64,
}

/// The manifest's bytes and the hash of its content.
///
/// # Errors
/// `OurBug` where JSON cannot be written.
pub fn json(
    content: &Content<'_>,
    circumstances: &Circumstances,
) -> Result<(Vec<u8>, String), Failure> {
    let bug = |e: serde_json::Error| Failure::our_bug(format!("writing the manifest: {e}"));
    let content = content_v1(content);
    let canonical = serde_json::to_vec(&content).map_err(bug)?;
    let content_sha256 = hex::encode(Sha256::digest(&canonical));
    let manifest = ManifestV1 {
        nachtwacht_manifest: 1,
        run_id: circumstances.run_id.clone(),
        state: circumstances.state,
        started_at: circumstances.started_at.clone(),
        written_at: circumstances.written_at.clone(),
        program: circumstances.program,
        letters_held_by_brakes: circumstances.letters_held_by_brakes,
        content_sha256: content_sha256.clone(),
        content,
    };
    let mut bytes = serde_json::to_vec_pretty(&manifest).map_err(bug)?;
    bytes.push(b'\n');
    Ok((bytes, content_sha256))
}

fn content_v1(c: &Content<'_>) -> ContentV1 {
    ContentV1 {
        night: c.night.clone(),
        revision: c.revision,
        job: c.job.to_owned(),
        job_sha256: c.job_sha256.to_owned(),
        ledger_seq: c.ledger_seq,
        inputs: InputsV1 {
            snapshots: c
                .snapshots
                .iter()
                .map(|(o, rows)| object(o, Some(*rows)))
                .collect(),
            others: c.inputs.iter().map(|o| object(o, None)).collect(),
        },
        counts: CountsV1 {
            total: rows(&c.rows.total()),
            by_feed: c
                .rows
                .0
                .iter()
                .map(|(feed, r)| (feed.clone(), rows(r)))
                .collect(),
        },
        decision_counts: outcomes(&c.decisions),
        decision_reasons: c.reasons.clone(),
        register_counts: c
            .register
            .iter()
            .map(|(table, read, rejected)| {
                (
                    *table,
                    RegisterV1 {
                        read: *read,
                        rejected: *rejected,
                    },
                )
            })
            .collect(),
        reject_reasons: c.reject_reasons.clone(),
        findings_gone: c.gone.clone(),
        assumed_coverage: c.assumed.to_vec(),
        letters: LettersV1 {
            sent: c.letters,
            plain: c.letters_plain,
            held: c.letters_held,
            companies: c.companies,
        },
        overviews: (!c.overviews.is_none()).then(|| overviews(&c.overviews)),
        outputs_sha256: c.outputs.clone(),
    }
}

const fn overviews(o: &Overviews) -> OverviewsV1 {
    OverviewsV1 {
        sent: o.sent,
        held: o.held,
        no_contact: o.not_written.no_contact,
        unwanted: o.not_written.unwanted,
        over_limit: o.not_written.over_limit,
    }
}

fn object(o: &PinnedObject, rows: Option<u64>) -> ObjectV1 {
    ObjectV1 {
        path: o.path.clone(),
        size_bytes: o.size,
        sha256: o.sha256.clone(),
        rows,
    }
}

const fn rows(r: &RowCounts) -> RowsV1 {
    RowsV1 {
        read: r.read,
        rejected: r.rejected,
        unmatched: r.unmatched,
        matched: r.matched,
        outcomes: outcomes(&r.outcomes),
    }
}

const fn outcomes(o: &Outcomes) -> OutcomesV1 {
    OutcomesV1 {
        below_policy: o.below_policy,
        suppressed: o.suppressed,
        held: o.held,
        in_letters: o.in_letters,
    }
}
