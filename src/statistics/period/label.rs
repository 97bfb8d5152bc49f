//! Axes and their values for a reader, in Dutch and English.

use std::collections::BTreeMap;

use super::Axis;
use crate::model::company::Language;
use crate::statistics::{label, sector};

/// Titles of threats by id: Dutch, English.
pub type Titles = BTreeMap<String, (String, String)>;

/// What a row of the axis is called.
#[must_use]
pub const fn axis_name(axis: Axis, language: Language) -> &'static str {
    let (nl, en) = match axis {
        Axis::Threat => ("Dreiging", "Threat"),
        Axis::Trigger => ("Aanleiding", "Trigger"),
        Axis::Urgency => ("Urgentie", "Urgency"),
        Axis::Sector => ("Sector (SBI)", "Sector (SBI)"),
        Axis::SectorCode => ("SBI-code", "SBI code"),
        Axis::SizeClass => ("Grootteklasse", "Size class"),
        Axis::Province => ("Provincie of land", "Province or country"),
        Axis::PartyKind => ("Soort bedrijf", "Kind of company"),
        Axis::Participation => ("Deelname", "Participation"),
        Axis::Warnings => ("Notificaties per bedrijf", "Notifications a company"),
        Axis::Channel => ("Kanaal", "Channel"),
        Axis::Feed => ("Bron van de waarneming", "Source of the observation"),
        Axis::Kind => ("Soort notificatie", "Kind of notification"),
        Axis::Month => ("Maand", "Month"),
    };
    match language {
        Language::Nl => nl,
        Language::En => en,
    }
}

/// The label of a value.
#[must_use]
pub fn value_label(axis: Axis, value: &str, language: Language, titles: &Titles) -> String {
    let is_nl = language == Language::Nl;
    let title = titles
        .get(value)
        .map(|(nl, en)| if is_nl { nl.clone() } else { en.clone() });
    let known = match axis {
        Axis::Threat => title,
        Axis::Sector => sector::title(value).map(|title| {
            let letter = value.rsplit(':').next().unwrap_or(value);
            // Statistics Netherlands publishes the titles in Dutch; the letter is international.
            format!("{letter} {title}")
        }),
        Axis::SizeClass if is_nl => label::size_class(value),
        Axis::SizeClass => size_class_en(value),
        Axis::Month => value.split_once('-').and_then(|(year, month)| {
            let n: usize = month.parse().ok()?;
            let names = if is_nl { MONTHS_NL } else { MONTHS_EN };
            Some(format!("{} {year}", names.get(n.checked_sub(1)?)?))
        }),
        Axis::Warnings => Some(value.replace('-', "–")),
        _ => word(value).map(|(nl, en)| if is_nl { nl } else { en }.to_owned()),
    };
    let unknown = if is_nl { "onbekend" } else { "unknown" };
    known.unwrap_or_else(|| if value.is_empty() { unknown } else { value }.to_owned())
}

const MONTHS_NL: [&str; 12] = [
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
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn word(value: &str) -> Option<(&'static str, &'static str)> {
    Some(match value {
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
    })
}

fn size_class_en(value: &str) -> Option<String> {
    if value == "1" {
        return Some("1 person employed".into());
    }
    if let Some(least) = value.strip_suffix('+') {
        return Some(format!("{least} or more persons employed"));
    }
    let (first, last) = value.split_once('-')?;
    Some(format!("{first} to {last} persons employed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_labels_in_both_languages() {
        let titles = BTreeMap::from([("x".to_owned(), ("Lek".to_owned(), "Hole".to_owned()))]);
        let of = |axis, value| {
            [Language::Nl, Language::En].map(|l| value_label(axis, value, l, &titles))
        };
        assert_eq!(of(Axis::Threat, "x"), ["Lek", "Hole"]);
        assert_eq!(of(Axis::Threat, "y"), ["y", "y"]);
        assert_eq!(of(Axis::Province, ""), ["onbekend", "unknown"]);
        assert_eq!(of(Axis::Month, "2022-03"), ["maart 2022", "March 2022"]);
        assert_eq!(
            of(Axis::SizeClass, "250+")[1],
            "250 or more persons employed"
        );
        assert_eq!(of(Axis::Kind, "reminder"), ["herinnering", "reminder"]);
        assert_eq!(of(Axis::Warnings, "3-5"), ["3–5", "3–5"]);
    }
}
