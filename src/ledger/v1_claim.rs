//! Claims and receipts as lines: nearly all that a ledger holds, so their texts are borrowed from
//! the object where they can be, and not copied.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::shared::Shared;
use super::v1::parsed;
use crate::model::ledger_record::{Claim, ClaimItem, Evidence, Frozen, Receipt};

#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct ClaimLine<'a> {
    letter_id: Text<'a>,
    reference: Text<'a>,
    night: Text<'a>,
    party_ref: Text<'a>,
    party_kind: Text<'a>,
    participant: bool,
    sector: Text<'a>,
    sector_scheme: Text<'a>,
    size_class: Text<'a>,
    province: Text<'a>,
    channel: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contact_ref: Option<Text<'a>>,
    attempt: u32,
    items: Vec<ItemLine<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    overview_of: Vec<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct ItemLine<'a> {
    threat_id: Text<'a>,
    trigger_id: Text<'a>,
    finding_id: Text<'a>,
    item: Text<'a>,
    urgency: Text<'a>,
    feed: Text<'a>,
    asset_ref: Text<'a>,
    first_observed_at_us: i64,
    observed_at_us: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    severity: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_kev: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct ReceiptLine<'a> {
    letter_id: Text<'a>,
    night: Text<'a>,
    attempt: u32,
    state: Text<'a>,
    outbox: Text<'a>,
}

/// A text of a line; of its own, so that one that may be absent is borrowed too.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

fn text(value: impl ToString) -> Text<'static> {
    Text(Cow::Owned(value.to_string()))
}

impl ClaimLine<'_> {
    pub(super) fn of(c: &Claim) -> Self {
        Self {
            letter_id: text(c.letter_id),
            reference: text(&c.reference),
            night: text(c.night),
            party_ref: text(c.party_ref),
            party_kind: text(c.frozen.party_kind),
            participant: c.frozen.participant,
            sector: text(&c.frozen.sector),
            sector_scheme: text(&c.frozen.sector_scheme),
            size_class: text(&c.frozen.size_class),
            province: text(&c.frozen.province),
            channel: text(c.channel),
            contact_ref: c.contact_ref.map(text),
            attempt: c.attempt,
            items: c.items.iter().map(ItemLine::of).collect(),
            overview_of: c.overview_of.iter().map(text).collect(),
        }
    }

    pub(super) fn read(self, shared: &mut Shared) -> Result<Claim, &'static str> {
        let contact_ref = self.contact_ref.map(|r| parsed(&r, "contact_ref"));
        let frozen = Frozen {
            party_kind: parsed(&self.party_kind, "party_kind")?,
            participant: self.participant,
            sector: shared.text(&self.sector),
            sector_scheme: shared.text(&self.sector_scheme),
            size_class: shared.text(&self.size_class),
            province: shared.text(&self.province),
        };
        let mut items = Vec::with_capacity(self.items.len());
        for item in self.items {
            items.push(item.read(shared)?);
        }
        let overview_of = self.overview_of.iter();
        let overview_of = overview_of.map(|id| parsed(id, "overview_of"));
        Ok(Claim {
            letter_id: parsed(&self.letter_id, "letter_id")?,
            reference: parsed(&self.reference, "reference")?,
            night: parsed(&self.night, "night")?,
            party_ref: parsed(&self.party_ref, "party_ref")?,
            frozen: shared.frozen(frozen),
            channel: parsed(&self.channel, "channel")?,
            contact_ref: contact_ref.transpose()?,
            attempt: self.attempt,
            items: items.into(),
            overview_of: overview_of.collect::<Result<_, _>>()?,
        })
    }
}

impl ItemLine<'_> {
    fn of(i: &ClaimItem) -> Self {
        Self {
            threat_id: text(&i.threat_id),
            trigger_id: text(&i.trigger_id),
            finding_id: text(i.finding_id),
            item: text(i.kind),
            urgency: text(i.urgency),
            feed: text(&i.feed),
            asset_ref: text(i.asset_ref),
            first_observed_at_us: i.first_observed_at,
            observed_at_us: i.observed_at,
            severity: i.evidence.severity.map(text),
            in_kev: i.evidence.in_kev,
            report: i.evidence.report.as_ref().map(text),
            port: i.evidence.port,
        }
    }

    fn read(self, shared: &mut Shared) -> Result<ClaimItem, &'static str> {
        let severity = self.severity.map(|s| parsed(&s, "severity"));
        Ok(ClaimItem {
            finding_id: parsed(&self.finding_id, "finding_id")?,
            kind: parsed(&self.item, "item")?,
            urgency: parsed(&self.urgency, "urgency")?,
            asset_ref: parsed(&self.asset_ref, "asset_ref")?,
            threat_id: shared.text(&self.threat_id),
            trigger_id: shared.text(&self.trigger_id),
            feed: shared.text(&self.feed),
            first_observed_at: self.first_observed_at_us,
            observed_at: self.observed_at_us,
            evidence: Evidence {
                severity: severity.transpose()?,
                in_kev: self.in_kev,
                report: self.report.map(|report| shared.text(&report)),
                port: self.port,
            },
        })
    }
}

impl ReceiptLine<'_> {
    pub(super) fn of(r: &Receipt) -> Self {
        Self {
            letter_id: text(r.letter_id),
            night: text(r.night),
            attempt: r.attempt,
            state: text(r.state),
            outbox: text(&r.outbox),
        }
    }

    pub(super) fn read(self, shared: &mut Shared) -> Result<Receipt, &'static str> {
        Ok(Receipt {
            letter_id: parsed(&self.letter_id, "letter_id")?,
            night: parsed(&self.night, "night")?,
            attempt: self.attempt,
            state: parsed(&self.state, "state")?,
            outbox: shared.text(&self.outbox),
        })
    }
}
