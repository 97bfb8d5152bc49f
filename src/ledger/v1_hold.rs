//! Version 1 of the records about stopped nights. Written by hand, as `v1` is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::v1::parsed;
use crate::model::hold::{Approval, Baseline, Figures, Hold, ObjectFigures, Pulled, Superseded};
use crate::model::identity::FindingId;
use crate::model::sighting::{Gone, Sightings};

#[derive(Serialize, Deserialize)]
pub(super) struct FiguresLine {
    night: String,
    revision: u32,
    n_days: u64,
    read: u64,
    rejected: u64,
    letters: u64,
    first_time: u64,
    left_over: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    without_contact: u64,
    by_threat: BTreeMap<String, u64>,
    objects: Vec<ObjectLine>,
}

#[derive(Serialize, Deserialize)]
struct ObjectLine {
    feed: String,
    report: String,
    date: String,
    rows: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct HoldLine {
    night: String,
    revision: u32,
    plan_sha256: String,
    letters: u64,
    #[serde(default, skip_serializing_if = "is_none")]
    overviews: u64,
    pulled: Vec<PulledLine>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_none(n: &u64) -> bool {
    *n == 0
}

#[derive(Serialize, Deserialize)]
struct PulledLine {
    brake: String,
    subject: String,
    figure: u64,
    limit: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SupersededLine {
    night: String,
    revision: u32,
    by: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ApprovalLine {
    night: String,
    revision: u32,
    plan_sha256: String,
    letters: u64,
    expires_at_us: i64,
    key: String,
    signature: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct BaselineLine {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    feed: Option<String>,
    at_us: i64,
}

const fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl From<&Figures> for FiguresLine {
    fn from(f: &Figures) -> Self {
        let object = |o: &ObjectFigures| ObjectLine {
            feed: o.feed.clone(),
            report: o.report.clone(),
            date: o.date.to_string(),
            rows: o.rows,
        };
        Self {
            night: f.night.to_string(),
            revision: f.revision,
            n_days: f.n_days,
            read: f.read,
            rejected: f.rejected,
            letters: f.letters,
            first_time: f.first_time,
            left_over: f.left_over,
            without_contact: f.without_contact,
            by_threat: f.by_threat.clone(),
            objects: f.objects.iter().map(object).collect(),
        }
    }
}

impl FiguresLine {
    pub(super) fn read(self) -> Result<Figures, &'static str> {
        let object = |o: ObjectLine| {
            Ok::<_, &'static str>(ObjectFigures {
                date: parsed(&o.date, "date")?,
                feed: o.feed,
                report: o.report,
                rows: o.rows,
            })
        };
        Ok(Figures {
            night: parsed(&self.night, "night")?,
            revision: self.revision,
            n_days: self.n_days,
            read: self.read,
            rejected: self.rejected,
            letters: self.letters,
            first_time: self.first_time,
            left_over: self.left_over,
            without_contact: self.without_contact,
            by_threat: self.by_threat,
            objects: self
                .objects
                .into_iter()
                .map(object)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<&Hold> for HoldLine {
    fn from(h: &Hold) -> Self {
        let pulled = |p: &Pulled| PulledLine {
            brake: p.brake.to_string(),
            subject: p.subject.clone(),
            figure: p.figure,
            limit: p.limit,
        };
        Self {
            night: h.night.to_string(),
            revision: h.revision,
            plan_sha256: h.plan_sha256.clone(),
            letters: h.letters,
            overviews: h.overviews,
            pulled: h.pulled.iter().map(pulled).collect(),
        }
    }
}

impl HoldLine {
    pub(super) fn read(self) -> Result<Hold, &'static str> {
        let pulled = |p: PulledLine| {
            Ok::<_, &'static str>(Pulled {
                brake: parsed(&p.brake, "brake")?,
                subject: p.subject,
                figure: p.figure,
                limit: p.limit,
            })
        };
        Ok(Hold {
            night: parsed(&self.night, "night")?,
            revision: self.revision,
            plan_sha256: self.plan_sha256,
            letters: self.letters,
            overviews: self.overviews,
            pulled: self
                .pulled
                .into_iter()
                .map(pulled)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<&Superseded> for SupersededLine {
    fn from(s: &Superseded) -> Self {
        Self {
            night: s.night.to_string(),
            revision: s.revision,
            by: s.by.to_string(),
        }
    }
}

impl SupersededLine {
    pub(super) fn read(self) -> Result<Superseded, &'static str> {
        Ok(Superseded {
            night: parsed(&self.night, "night")?,
            revision: self.revision,
            by: parsed(&self.by, "by")?,
        })
    }
}

impl From<&Approval> for ApprovalLine {
    fn from(a: &Approval) -> Self {
        Self {
            night: a.night.to_string(),
            revision: a.revision,
            plan_sha256: a.plan_sha256.clone(),
            letters: a.letters,
            expires_at_us: a.expires_at,
            key: a.key.clone(),
            signature: a.signature.clone(),
        }
    }
}

impl ApprovalLine {
    pub(super) fn read(self) -> Result<Approval, &'static str> {
        Ok(Approval {
            night: parsed(&self.night, "night")?,
            revision: self.revision,
            plan_sha256: self.plan_sha256,
            letters: self.letters,
            expires_at: self.expires_at_us,
            key: self.key,
            signature: self.signature,
        })
    }
}

impl From<&Baseline> for BaselineLine {
    fn from(b: &Baseline) -> Self {
        Self {
            feed: b.feed.clone(),
            at_us: b.at,
        }
    }
}

impl BaselineLine {
    pub(super) fn read(self) -> Baseline {
        Baseline {
            feed: self.feed,
            at: self.at_us,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct SightingsLine {
    night: String,
    gone: Vec<(String, String)>,
    back: Vec<String>,
    counts: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    assumed: Vec<String>,
}

impl From<&Sightings> for SightingsLine {
    fn from(s: &Sightings) -> Self {
        let text = |(f, how): &(FindingId, Gone)| (f.to_string(), how.to_string());
        Self {
            night: s.night.to_string(),
            gone: s.gone.iter().map(text).collect(),
            back: s.back.iter().map(ToString::to_string).collect(),
            counts: s.counts.iter().map(|(g, n)| (g.to_string(), *n)).collect(),
            assumed: s.assumed.clone(),
        }
    }
}

impl SightingsLine {
    pub(super) fn read(self) -> Result<Sightings, &'static str> {
        let gone = self.gone.iter();
        let gone = gone.map(|(f, how)| Ok((parsed(f, "gone")?, parsed(how, "gone")?)));
        let back = self.back.iter().map(|f| parsed(f, "back"));
        let counts = self.counts.iter();
        let counts = counts.map(|(how, n)| Ok((parsed(how, "counts")?, *n)));
        Ok(Sightings {
            night: parsed(&self.night, "night")?,
            gone: gone.collect::<Result<_, &'static str>>()?,
            back: back.collect::<Result<_, _>>()?,
            counts: counts.collect::<Result<_, &'static str>>()?,
            assumed: self.assumed,
        })
    }
}
