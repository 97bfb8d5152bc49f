//! Claims and receipts as lines: nearly all that a ledger holds, so their texts are borrowed from
//! the object where they can be, and not copied.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::v1::parsed;
use crate::model::ledger_record::{Claim, ClaimItem, Evidence, Frozen, Receipt};

#[derive(Serialize, Deserialize)]
pub(super) struct ClaimLine<'a> {
    #[serde(borrow)]
    letter_id: Cow<'a, str>,
    #[serde(borrow)]
    reference: Cow<'a, str>,
    #[serde(borrow)]
    night: Cow<'a, str>,
    #[serde(borrow)]
    party_ref: Cow<'a, str>,
    #[serde(borrow)]
    party_kind: Cow<'a, str>,
    participant: bool,
    sector: String,
    sector_scheme: String,
    size_class: String,
    province: String,
    #[serde(borrow)]
    channel: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contact_ref: Option<String>,
    attempt: u32,
    #[serde(borrow)]
    items: Vec<ItemLine<'a>>,
}

#[derive(Serialize, Deserialize)]
struct ItemLine<'a> {
    threat_id: String,
    trigger_id: String,
    #[serde(borrow)]
    finding_id: Cow<'a, str>,
    #[serde(borrow)]
    item: Cow<'a, str>,
    #[serde(borrow)]
    urgency: Cow<'a, str>,
    feed: String,
    #[serde(borrow)]
    asset_ref: Cow<'a, str>,
    first_observed_at_us: i64,
    observed_at_us: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    severity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_kev: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ReceiptLine<'a> {
    #[serde(borrow)]
    letter_id: Cow<'a, str>,
    #[serde(borrow)]
    night: Cow<'a, str>,
    attempt: u32,
    #[serde(borrow)]
    state: Cow<'a, str>,
    outbox: String,
}

fn text(value: impl ToString) -> Cow<'static, str> {
    Cow::Owned(value.to_string())
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
            sector: c.frozen.sector.clone(),
            sector_scheme: c.frozen.sector_scheme.clone(),
            size_class: c.frozen.size_class.clone(),
            province: c.frozen.province.clone(),
            channel: text(c.channel),
            contact_ref: c.contact_ref.map(|r| r.to_string()),
            attempt: c.attempt,
            items: c.items.iter().map(ItemLine::of).collect(),
        }
    }

    pub(super) fn read(self) -> Result<Claim, &'static str> {
        let contact_ref = self.contact_ref.map(|r| parsed(&r, "contact_ref"));
        Ok(Claim {
            letter_id: parsed(&self.letter_id, "letter_id")?,
            reference: parsed(&self.reference, "reference")?,
            night: parsed(&self.night, "night")?,
            party_ref: parsed(&self.party_ref, "party_ref")?,
            frozen: Frozen {
                party_kind: parsed(&self.party_kind, "party_kind")?,
                participant: self.participant,
                sector: self.sector,
                sector_scheme: self.sector_scheme,
                size_class: self.size_class,
                province: self.province,
            },
            channel: parsed(&self.channel, "channel")?,
            contact_ref: contact_ref.transpose()?,
            attempt: self.attempt,
            items: self
                .items
                .into_iter()
                .map(ItemLine::read)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl ItemLine<'_> {
    fn of(i: &ClaimItem) -> Self {
        Self {
            threat_id: i.threat_id.clone(),
            trigger_id: i.trigger_id.clone(),
            finding_id: text(i.finding_id),
            item: text(i.kind),
            urgency: text(i.urgency),
            feed: i.feed.clone(),
            asset_ref: text(i.asset_ref),
            first_observed_at_us: i.first_observed_at,
            observed_at_us: i.observed_at,
            severity: i.evidence.severity.map(|s| s.to_string()),
            in_kev: i.evidence.in_kev,
            report: i.evidence.report.clone(),
            port: i.evidence.port,
        }
    }

    fn read(self) -> Result<ClaimItem, &'static str> {
        let severity = self.severity.map(|s| parsed(&s, "severity"));
        Ok(ClaimItem {
            finding_id: parsed(&self.finding_id, "finding_id")?,
            kind: parsed(&self.item, "item")?,
            urgency: parsed(&self.urgency, "urgency")?,
            asset_ref: parsed(&self.asset_ref, "asset_ref")?,
            threat_id: self.threat_id,
            trigger_id: self.trigger_id,
            feed: self.feed,
            first_observed_at: self.first_observed_at_us,
            observed_at: self.observed_at_us,
            evidence: Evidence {
                severity: severity.transpose()?,
                in_kev: self.in_kev,
                report: self.report,
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
            outbox: r.outbox.clone(),
        }
    }

    pub(super) fn read(self) -> Result<Receipt, &'static str> {
        Ok(Receipt {
            letter_id: parsed(&self.letter_id, "letter_id")?,
            night: parsed(&self.night, "night")?,
            attempt: self.attempt,
            state: parsed(&self.state, "state")?,
            outbox: self.outbox,
        })
    }
}
