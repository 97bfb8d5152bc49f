//! Values for a Dutch reader.

use std::collections::BTreeMap;

use super::group::Frame;
use super::{Dimension, sector};

const UNKNOWN: &str = "onbekend";

/// The label of a value.
pub(super) fn of(
    dimension: Dimension,
    value: &str,
    frame: &Frame,
    threat_titles: &BTreeMap<String, (String, String)>,
) -> String {
    let threat = |id: &str| threat_titles.get(id).map(|(nl, _)| nl.clone());
    let known = match dimension {
        Dimension::Total => Some("totaal".to_owned()),
        Dimension::Threat => threat(value),
        Dimension::Trigger => frame
            .threat_of(value)
            .and_then(threat)
            .map(|title| format!("{title} ({value})")),
        Dimension::Sector => sector::title(value).map(|title| {
            let letter = value.rsplit(':').next().unwrap_or(value);
            format!("{letter} {title}")
        }),
        Dimension::SizeClass => size_class(value),
        Dimension::PartyKind
        | Dimension::Participation
        | Dimension::Urgency
        | Dimension::Channel => word(value).map(str::to_owned),
        Dimension::SectorCode | Dimension::Province | Dimension::Feed => None,
    };
    known.unwrap_or_else(|| if value.is_empty() { UNKNOWN } else { value }.to_owned())
}

fn word(value: &str) -> Option<&'static str> {
    Some(match value {
        "participant" => "deelnemer",
        "registered" => "bedrijf uit het handelsregister",
        "unregistered" => "bedrijf zonder registratie",
        "network_owner" => "beheerder van een netwerk",
        "other" => "geen deelnemer",
        "urgent" => "dringend",
        "normal" => "normaal",
        "email" => "e-mail",
        "post" => "post",
        "phone" => "telefoon",
        _ => return None,
    })
}

/// `10-49` becomes `10 tot en met 49 werkzame personen`.
pub(super) fn size_class(value: &str) -> Option<String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if value == "1" {
        return Some("1 werkzame persoon".into());
    }
    if let Some(least) = value.strip_suffix('+').filter(|n| is_number(n)) {
        return Some(format!("{least} of meer werkzame personen"));
    }
    let (first, last) = value.split_once('-')?;
    (is_number(first) && is_number(last))
        .then(|| format!("{first} tot en met {last} werkzame personen"))
}
