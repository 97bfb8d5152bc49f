//! `decisions.parquet`: one row for each row × company × threat, holds too. What `explain` reads.

use super::table::Columns;
use crate::diag::Failure;
use crate::model::decision::{Decision, Outcome};
use crate::model::letter::Letter;
use crate::model::observation::column as c;

/// Every column, in order. Text but for `source_row` (UInt64), `port` (UInt16) and the moments
/// (Timestamp µs UTC).
pub const COLUMNS: &[&str] = &[
    "company_key",
    "company_name",
    "party_kind",
    "outcome",
    "reason",
    "threat_id",
    "trigger_id",
    "finding_id",
    "letter_id",
    "reference",
    "item_kind",
    "certainty",
    "urgency",
    "urgency_reason",
    "target",
    c::IP,
    c::PORT,
    c::PROTOCOL,
    c::HOSTNAME,
    c::HOSTNAME_SOURCE,
    c::PRODUCT,
    c::VERSION,
    c::SEVERITY,
    c::OBSERVED_AT,
    "first_observed_at",
    c::FEED,
    c::REPORT,
    c::SOURCE_OBJECT,
    c::SOURCE_ROW,
    "asset_kind",
    "asset",
    "asset_original",
    "asset_source",
    "asset_row",
    "valid_from",
    "valid_until",
    "matched_by",
    "is_most_specific",
    "confidence",
    "confidence_reason",
    "contact_channel",
    "contact_role",
    "contact_reason",
    CONTACT_TRAIL,
    FOLLOWED,
];

/// Steps of the chain of contacts; files of earlier versions lack it.
pub const CONTACT_TRAIL: &str = "contact_trail";

/// What was followed of a company's former keys; only in tables in which something was.
pub const FOLLOWED: &str = "followed";

/// The table, in the order of the decisions. `letters` are those of the night, for references.
///
/// # Errors
/// `OurBug` where Parquet cannot be written.
pub fn decisions_parquet(decisions: &[Decision], letters: &[&Letter]) -> Result<Vec<u8>, Failure> {
    let references: std::collections::BTreeMap<_, _> = letters
        .iter()
        .map(|l| (l.id, l.reference.as_str()))
        .collect();
    let rows = || decisions.iter();
    let o = || decisions.iter().map(|d| &d.hit.observation);
    let mut t = Columns::default();
    t.text("company_key", rows().map(|d| Some(d.company.key.as_str())));
    t.text(
        "company_name",
        rows().map(|d| Some(d.company.name.as_str())),
    );
    t.text(
        "party_kind",
        rows().map(|d| Some(d.company.party_kind.as_str())),
    );
    t.text("outcome", rows().map(|d| Some(d.outcome().as_str())));
    t.text("reason", rows().map(|d| Some(d.reason.code())));
    t.text(
        "threat_id",
        rows().map(|d| Some(d.threat.as_ref()?.id.as_str())),
    );
    t.text(
        "trigger_id",
        rows().map(|d| Some(d.trigger.as_ref()?.id.as_str())),
    );
    t.texts("finding_id", rows().map(|d| Some(d.finding?.to_string())));
    t.texts("letter_id", rows().map(|d| Some(d.letter?.to_string())));
    t.text(
        "reference",
        rows().map(|d| references.get(&d.letter?).copied()),
    );
    t.text(
        "item_kind",
        rows().map(|d| (d.outcome() == Outcome::InLetters).then(|| d.reason.code())),
    );
    t.text("certainty", rows().map(|d| Some(d.certainty.as_str())));
    t.text("urgency", rows().map(|d| Some(d.urgency.as_str())));
    t.text(
        "urgency_reason",
        rows().map(|d| Some(d.urgency_reason.as_str()).filter(|r| !r.is_empty())),
    );
    t.text("target", rows().map(|d| Some(d.target.as_str())));
    t.texts(c::IP, o().map(|o| Some(o.ip?.to_string())));
    t.port(c::PORT, o().map(|o| o.port));
    t.text(c::PROTOCOL, o().map(|o| o.protocol.as_deref()));
    t.text(c::HOSTNAME, o().map(|o| o.hostname.as_deref()));
    t.text(
        c::HOSTNAME_SOURCE,
        o().map(|o| Some(o.hostname_source.as_str())),
    );
    t.text(c::PRODUCT, o().map(|o| o.product.as_deref()));
    t.text(c::VERSION, o().map(|o| o.version.as_deref()));
    t.text(c::SEVERITY, o().map(|o| Some(o.severity?.as_str())));
    t.moment(c::OBSERVED_AT, o().map(|o| Some(o.observed_at)));
    t.moment(
        "first_observed_at",
        rows().map(|d| Some(d.first_observed_at)),
    );
    t.text(c::FEED, o().map(|o| Some(&*o.feed)));
    t.text(c::REPORT, o().map(|o| Some(&*o.report)));
    t.text(c::SOURCE_OBJECT, o().map(|o| Some(&*o.object)));
    t.count(c::SOURCE_ROW, o().map(|o| o.row));
    t.text(
        "asset_kind",
        rows().map(|d| Some(d.hit.asset.kind.as_str())),
    );
    t.text(
        "asset",
        rows().map(|d| Some(d.hit.asset.canonical.as_str())),
    );
    t.text(
        "asset_original",
        rows().map(|d| Some(d.hit.asset.original.as_str())),
    );
    t.text(
        "asset_source",
        rows().map(|d| Some(d.hit.asset.source.as_str())),
    );
    t.count("asset_row", rows().map(|d| d.hit.asset.row));
    t.moment("valid_from", rows().map(|d| d.hit.asset.valid.from));
    t.moment("valid_until", rows().map(|d| d.hit.asset.valid.until));
    t.text("matched_by", rows().map(|d| Some(d.hit.how.by.as_str())));
    t.text(
        "is_most_specific",
        rows().map(|d| {
            Some(if d.hit.how.is_most_specific {
                "yes"
            } else {
                "no"
            })
        }),
    );
    t.text(
        "confidence",
        rows().map(|d| Some(d.hit.how.confidence.as_str())),
    );
    t.text(
        "confidence_reason",
        rows().map(|d| Some(d.hit.how.why.as_str())),
    );
    t.text(
        "contact_channel",
        rows().map(|d| Some(d.recipient.as_ref()?.channel.as_str())),
    );
    t.text(
        "contact_role",
        rows().map(|d| Some(d.recipient.as_ref()?.role.as_str())),
    );
    t.text(
        "contact_reason",
        rows().map(|d| Some(d.recipient.as_ref()?.why.as_str())),
    );
    t.texts(
        CONTACT_TRAIL,
        rows().map(|d| (!d.contact_trail.is_empty()).then(|| d.contact_trail.join("; "))),
    );
    let followed: Vec<String> = rows().map(|d| d.followed.text()).collect();
    if followed.iter().any(|text| !text.is_empty()) {
        let texts = followed.into_iter();
        t.texts(
            FOLLOWED,
            texts.map(|text| Some(text).filter(|t| !t.is_empty())),
        );
    }
    t.parquet("decisions/1")
}
