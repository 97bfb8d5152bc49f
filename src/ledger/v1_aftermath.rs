//! Version 1 of the records about what happens after a letter left; see `v1`.

use serde::{Deserialize, Serialize};

use super::v1::parsed;
use crate::model::aftermath::{Answer, Correction, PrintBatch, PrintReport};
use crate::model::alias::{Alias, Followed};

#[derive(Serialize, Deserialize)]
pub(super) struct AnswerLine {
    letter_id: String,
    night: String,
    party_ref: String,
    answer: String,
    by: String,
    said_at_us: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    findings: Vec<String>,
    assets: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct BatchLine {
    batch_id: String,
    night: String,
    sha256: String,
    sheets: u32,
    letters: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ReportLine {
    batch_id: String,
    letters: Vec<LetterLine>,
}

#[derive(Serialize, Deserialize)]
struct LetterLine {
    reference: String,
    state: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct CorrectionLine {
    threat_id: String,
    night: String,
    dated: String,
    reason_sha256: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AliasLine {
    former_ref: String,
    party_ref: String,
    by: String,
    at_us: i64,
}

/// Part of the line of a night.
#[derive(Serialize, Deserialize)]
pub(super) struct FollowedLine {
    former_ref: String,
    /// Own and former finding.
    findings: Vec<[String; 2]>,
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn all<T: std::str::FromStr>(texts: &[String], what: &'static str) -> Result<Vec<T>, &'static str> {
    texts.iter().map(|t| parsed(t, what)).collect()
}

impl AnswerLine {
    pub(super) fn of(a: &Answer) -> Self {
        Self {
            letter_id: a.letter_id.to_string(),
            night: a.night.to_string(),
            party_ref: a.party_ref.to_string(),
            answer: a.kind.to_string(),
            by: a.by.clone(),
            said_at_us: a.said_at,
            until: a.until.map(|d| d.to_string()),
            findings: texts(&a.findings),
            assets: texts(&a.assets),
        }
    }

    pub(super) fn read(self) -> Result<Answer, &'static str> {
        Ok(Answer {
            letter_id: parsed(&self.letter_id, "letter_id")?,
            night: parsed(&self.night, "night")?,
            party_ref: parsed(&self.party_ref, "party_ref")?,
            kind: parsed(&self.answer, "answer")?,
            by: self.by,
            said_at: self.said_at_us,
            until: self.until.map(|d| parsed(&d, "until")).transpose()?,
            findings: all(&self.findings, "findings")?,
            assets: all(&self.assets, "assets")?,
        })
    }
}

impl BatchLine {
    pub(super) fn of(b: &PrintBatch) -> Self {
        Self {
            batch_id: b.batch_id.clone(),
            night: b.night.to_string(),
            sha256: b.sha256.clone(),
            sheets: b.sheets,
            letters: texts(&b.letters),
        }
    }

    pub(super) fn read(self) -> Result<PrintBatch, &'static str> {
        Ok(PrintBatch {
            batch_id: self.batch_id,
            night: parsed(&self.night, "night")?,
            sha256: self.sha256,
            sheets: self.sheets,
            letters: all(&self.letters, "letters")?,
        })
    }
}

impl ReportLine {
    pub(super) fn of(r: &PrintReport) -> Self {
        let letters = r.letters.iter().map(|(reference, state)| LetterLine {
            reference: reference.to_string(),
            state: state.to_string(),
        });
        Self {
            batch_id: r.batch_id.clone(),
            letters: letters.collect(),
        }
    }

    pub(super) fn read(self) -> Result<PrintReport, &'static str> {
        let letters = self.letters.iter().map(|l| {
            Ok((
                parsed(&l.reference, "reference")?,
                parsed(&l.state, "state")?,
            ))
        });
        Ok(PrintReport {
            letters: letters.collect::<Result<_, &'static str>>()?,
            batch_id: self.batch_id,
        })
    }
}

impl CorrectionLine {
    pub(super) fn of(c: &Correction) -> Self {
        Self {
            threat_id: c.threat_id.clone(),
            night: c.night.to_string(),
            dated: c.dated.to_string(),
            reason_sha256: c.reason_sha256.clone(),
        }
    }

    pub(super) fn read(self) -> Result<Correction, &'static str> {
        Ok(Correction {
            threat_id: self.threat_id,
            night: parsed(&self.night, "night")?,
            dated: parsed(&self.dated, "dated")?,
            reason_sha256: self.reason_sha256,
        })
    }
}

impl AliasLine {
    pub(super) fn of(a: &Alias) -> Self {
        Self {
            former_ref: a.former.to_string(),
            party_ref: a.party.to_string(),
            by: a.by.clone(),
            at_us: a.at,
        }
    }

    pub(super) fn read(self) -> Result<Alias, &'static str> {
        Ok(Alias {
            former: parsed(&self.former_ref, "former_ref")?,
            party: parsed(&self.party_ref, "party_ref")?,
            by: self.by,
            at: self.at_us,
        })
    }
}

impl FollowedLine {
    pub(super) fn of(f: &Followed) -> Self {
        let pairs = f.findings.iter();
        Self {
            former_ref: f.former.to_string(),
            findings: pairs
                .map(|(own, former)| [own.to_string(), former.to_string()])
                .collect(),
        }
    }

    pub(super) fn read_all(lines: &[Self]) -> Result<Vec<Followed>, &'static str> {
        lines.iter().map(Self::read).collect()
    }

    fn read(&self) -> Result<Followed, &'static str> {
        let finding = |text: &String| parsed(text, "followed");
        let pairs = self.findings.iter();
        let pairs = pairs.map(|[own, former]| Ok((finding(own)?, finding(former)?)));
        Ok(Followed {
            former: parsed(&self.former_ref, "followed")?,
            findings: pairs.collect::<Result<_, &'static str>>()?,
        })
    }
}
