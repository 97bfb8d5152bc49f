//! `letters.plan.json`: what would leave the house, fixed before the first claim.
//!
//! Canonical JSON: keys in a fixed order, letters by company, no times and no run id, so its
//! SHA-256 names the plan. A recipient is a hash: the plan may be shown to an approver.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::diag::Failure;
use crate::model::identity::LetterId;
use crate::model::letter::Letter;

/// One letter of the plan with the hashes of its rendered forms by file name.
pub struct Planned<'a> {
    /// The letter.
    pub letter: &'a Letter,
    /// HMAC of channel and address, hexadecimal.
    pub recipient_hash: String,
    /// SHA-256 by file name.
    pub forms: &'a BTreeMap<String, String>,
    /// No: it is held.
    pub is_sendable: bool,
}

#[derive(Serialize)]
struct PlanV1<'a> {
    nachtwacht_letter_plan: u32,
    night: String,
    revision: u32,
    job_sha256: &'a str,
    letters: Vec<LetterV1<'a>>,
}

#[derive(Serialize)]
struct LetterV1<'a> {
    letter_id: String,
    reference: &'a str,
    is_held: bool,
    channel: &'a str,
    recipient_hash: &'a str,
    findings: usize,
    threats: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overview_of: Vec<String>,
    forms_sha256: &'a BTreeMap<String, String>,
}

/// The plan's bytes and their SHA-256.
///
/// # Errors
/// `OurBug` where JSON cannot be written.
pub fn json(
    night: &str,
    revision: u32,
    job_sha256: &str,
    letters: &[Planned<'_>],
) -> Result<(Vec<u8>, String), Failure> {
    let plan = PlanV1 {
        nachtwacht_letter_plan: 1,
        night: night.to_owned(),
        revision,
        job_sha256,
        letters: letters.iter().map(letter_v1).collect(),
    };
    let mut bytes = serde_json::to_vec_pretty(&plan)
        .map_err(|e| Failure::our_bug(format!("writing the plan of letters: {e}")))?;
    bytes.push(b'\n');
    let sha256 = hex::encode(Sha256::digest(&bytes));
    Ok((bytes, sha256))
}

fn letter_v1<'a>(planned: &'a Planned<'a>) -> LetterV1<'a> {
    let letter = planned.letter;
    LetterV1 {
        letter_id: letter.id.to_string(),
        reference: letter.reference.as_str(),
        is_held: !planned.is_sendable,
        channel: letter.recipient.channel.as_str(),
        recipient_hash: &planned.recipient_hash,
        findings: letter.sections.iter().map(|s| s.findings.len()).sum(),
        threats: letter
            .sections
            .iter()
            .map(|s| s.threat.id.as_str())
            .collect(),
        overview_of: overview_of(letter),
        forms_sha256: planned.forms,
    }
}

fn overview_of(letter: &Letter) -> Vec<String> {
    let letters = letter.overview.iter().flat_map(|o| &o.letters);
    letters.map(|l| l.reference.to_string()).collect()
}

/// An overview in a plan that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedOverview {
    /// Its identity, which tells whose it is to whoever knows the company.
    pub letter_id: LetterId,
    /// Its reference.
    pub reference: String,
    /// The letters that it tells of: identity and reference.
    pub of: Vec<(LetterId, String)>,
}

#[derive(Deserialize)]
struct ReadPlan {
    letters: Vec<ReadLetter>,
}

#[derive(Deserialize)]
struct ReadLetter {
    letter_id: String,
    reference: String,
    #[serde(default)]
    overview_of: Vec<String>,
}

/// The overviews of a plan, in its order.
///
/// # Errors
/// What cannot be read, as a sentence.
pub fn overviews(bytes: &[u8]) -> Result<Vec<PlannedOverview>, String> {
    let plan: ReadPlan = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let mut ids: BTreeMap<&str, LetterId> = BTreeMap::new();
    for letter in &plan.letters {
        ids.insert(&letter.reference, letter.letter_id.parse()?);
    }
    let id_of = |reference: &String| {
        let id = ids.get(reference.as_str()).copied();
        id.ok_or_else(|| format!("the plan has no letter `{reference}`"))
    };
    let overviews = plan.letters.iter().filter(|l| !l.overview_of.is_empty());
    overviews
        .map(|letter| {
            let of = letter.overview_of.iter();
            let of = of.map(|reference| Ok::<_, String>((id_of(reference)?, reference.clone())));
            Ok::<_, String>(PlannedOverview {
                letter_id: id_of(&letter.reference)?,
                reference: letter.reference.clone(),
                of: of.collect::<Result<_, _>>()?,
            })
        })
        .collect()
}
