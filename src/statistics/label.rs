//! Values for a reader, in Dutch and English.

use std::collections::BTreeMap;

use super::group::Frame;
use super::period::feed_key;
use super::{Dimension, sector};
use crate::model::company::Language;
use crate::model::country;

const UNKNOWN: &str = "onbekend";

/// The months in Dutch.
pub(super) const MONTHS_NL: [&str; 12] = [
    "januari",
    "februari",
    "maart",
    "april",
    "mei",
    "juni",
    "juli",
    "augustus",
    "september",
    "oktober",
    "november",
    "december",
];

/// The Dutch label of a value.
pub(super) fn of(
    dimension: Dimension,
    value: &str,
    frame: &Frame,
    titles: &BTreeMap<String, (String, String)>,
) -> String {
    let title = |id: &str| titles.get(id).map(|(nl, _)| nl.clone());
    let known = match dimension {
        Dimension::Total => Some("totaal".to_owned()),
        Dimension::Threat => title(value),
        Dimension::Trigger => frame
            .threat_of(value)
            .and_then(title)
            .map(|title| format!("{title} ({value})")),
        Dimension::Sector => section(value, Language::Nl),
        Dimension::SizeClass => size_class(value, Language::Nl),
        Dimension::PartyKind
        | Dimension::Participation
        | Dimension::Urgency
        | Dimension::Channel => word(value, Language::Nl),
        Dimension::SectorCode => title(value).map(|title| format!("{value} {title}")),
        Dimension::Feed => title(&feed_key(value)),
        Dimension::Province => country::label(value, Language::Nl),
    };
    known.unwrap_or_else(|| if value.is_empty() { UNKNOWN } else { value }.to_owned())
}

/// A section with its letter.
pub(super) fn section(value: &str, language: Language) -> Option<String> {
    let letter = value.rsplit(':').next().unwrap_or(value);
    sector::title(value, language).map(|title| format!("{letter} {title}"))
}

/// A value out of a closed list of ours; never for what others name, such as feeds.
pub(super) fn word(value: &str, language: Language) -> Option<String> {
    let (nl, en) = match value {
        "participant" => ("deelnemer", "participant"),
        "registered" => ("bedrijf uit het handelsregister", "registered company"),
        "unregistered" => ("bedrijf zonder registratie", "company without registration"),
        "network_owner" => ("beheerder van een netwerk", "owner of a network"),
        "other" => ("geen deelnemer", "no participant"),
        "urgent" => ("dringend", "urgent"),
        "normal" => ("normaal", "normal"),
        "email" => ("e-mail", "e-mail"),
        "post" => ("post", "post"),
        "phone" => ("telefoon", "telephone"),
        "first" => ("eerste waarschuwing", "first warning"),
        "relapse" => ("terugval", "relapse"),
        "escalation" => ("opschaling", "escalation"),
        "reminder" => ("herinnering", "reminder"),
        "correction" => ("rectificatie", "correction"),
        "repeated" => ("herhaalde verzending", "repeated hand-over"),
        _ => return None,
    };
    Some(in_language(nl, en, language).to_owned())
}

/// `10-49` becomes `10 tot en met 49 werkzame personen`; `None` for what is no class.
pub(super) fn size_class(value: &str, language: Language) -> Option<String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let persons = in_language("werkzame personen", "persons employed", language);
    if value == "1" {
        return Some(in_language("1 werkzame persoon", "1 person employed", language).into());
    }
    if let Some(least) = value.strip_suffix('+').filter(|n| is_number(n)) {
        let or_more = in_language("of meer", "or more", language);
        return Some(format!("{least} {or_more} {persons}"));
    }
    let (first, last) = value.split_once('-')?;
    let to = in_language("tot en met", "to", language);
    (is_number(first) && is_number(last)).then(|| format!("{first} {to} {last} {persons}"))
}

const fn in_language<'t>(nl: &'t str, en: &'t str, language: Language) -> &'t str {
    match language {
        Language::Nl => nl,
        Language::En => en,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_called_as_the_job_calls_it_and_never_as_a_threat() {
        let title = |nl: &str| (nl.to_owned(), nl.to_owned());
        let titles = BTreeMap::from([
            ("own".to_owned(), title("een dreiging")),
            (feed_key("own"), title("eigen metingen")),
        ]);
        let frame = Frame::new(&[], &[]).unwrap();
        let label = |feed| of(Dimension::Feed, feed, &frame, &titles);
        assert_eq!(label("own"), "eigen metingen");
        assert_eq!(label("partner"), "partner");
        assert_eq!(label(""), UNKNOWN);
    }
}
