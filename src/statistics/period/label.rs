//! Axes and their values for a reader, in Dutch and English.

use std::collections::BTreeMap;

use super::Axis;
use crate::model::company::Language;
use crate::model::country;
use crate::statistics::label;

/// Titles of threats by id, of branches by SBI code, and of feeds by `feed_key`: Dutch, English.
pub type Titles = BTreeMap<String, (String, String)>;

/// Under which key a feed's title stands: a feed may be called like a threat.
#[must_use]
pub fn feed_key(feed: &str) -> String {
    format!("feed:{feed}")
}

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
    let key = match axis {
        Axis::Feed => feed_key(value),
        _ => value.to_owned(),
    };
    let title = titles
        .get(&key)
        .map(|(nl, en)| if is_nl { nl.clone() } else { en.clone() });
    let known = match axis {
        Axis::Threat | Axis::Feed => title,
        Axis::Sector => label::section(value, language),
        Axis::SizeClass => label::size_class(value, language),
        Axis::Month => value.split_once('-').and_then(|(year, month)| {
            let n: usize = month.parse().ok()?;
            let names = if is_nl { label::MONTHS_NL } else { MONTHS_EN };
            Some(format!("{} {year}", names.get(n.checked_sub(1)?)?))
        }),
        Axis::Warnings => Some(value.replace('-', "–")),
        Axis::Urgency | Axis::PartyKind | Axis::Participation | Axis::Channel | Axis::Kind => {
            label::word(value, language)
        }
        // Named by others: a feed may be called `post`.
        Axis::SectorCode => title.map(|title| format!("{value} {title}")),
        Axis::Province => country::label(value, language),
        Axis::Trigger => None,
    };
    let unknown = if is_nl { "onbekend" } else { "unknown" };
    known.unwrap_or_else(|| if value.is_empty() { unknown } else { value }.to_owned())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_labels_in_both_languages() {
        let mut titles = BTreeMap::from([("x".to_owned(), ("Lek".to_owned(), "Hole".to_owned()))]);
        titles.insert(feed_key("own"), ("eigen".to_owned(), "ours".to_owned()));
        let of = |axis, value| {
            [Language::Nl, Language::En].map(|l| value_label(axis, value, l, &titles))
        };
        assert_eq!(of(Axis::Threat, "x"), ["Lek", "Hole"]);
        assert_eq!(of(Axis::Threat, "y"), ["y", "y"]);
        assert_eq!(of(Axis::Feed, "own"), ["eigen", "ours"]);
        assert_eq!(
            of(Axis::Feed, "x"),
            ["x", "x"],
            "a threat's title is none of a feed"
        );
        assert_eq!(of(Axis::Sector, "C"), ["C Industrie", "C Manufacturing"]);
        assert_eq!(of(Axis::Province, ""), ["onbekend", "unknown"]);
        assert_eq!(of(Axis::Province, "BE"), ["België (BE)", "Belgium (BE)"]);
        assert_eq!(of(Axis::Month, "2022-03"), ["maart 2022", "March 2022"]);
        assert_eq!(
            of(Axis::SizeClass, "250+")[1],
            "250 or more persons employed"
        );
        assert_eq!(of(Axis::Kind, "reminder"), ["herinnering", "reminder"]);
        assert_eq!(of(Axis::Warnings, "3-5"), ["3–5", "3–5"]);
    }

    #[test]
    fn what_others_name_keeps_its_name() {
        let titles = Titles::new();
        let of = |axis, value| {
            [Language::Nl, Language::En].map(|l| value_label(axis, value, l, &titles))
        };
        for axis in [Axis::Trigger, Axis::SectorCode, Axis::Province, Axis::Feed] {
            for name in ["other", "post", "first"] {
                assert_eq!(of(axis, name), [name, name], "{axis}");
            }
            assert_eq!(of(axis, ""), ["onbekend", "unknown"]);
        }
        assert_eq!(of(Axis::Channel, "post"), ["post", "post"]);
        assert_eq!(
            of(Axis::Participation, "other"),
            ["geen deelnemer", "no participant"]
        );
    }

    #[test]
    fn a_text_that_is_no_size_class_stays_as_it_is() {
        let titles = Titles::new();
        let of = |value| {
            [Language::Nl, Language::En].map(|l| value_label(Axis::SizeClass, value, l, &titles))
        };
        for text in ["niet-bekend", "zzp+", "-", "+", "10-"] {
            assert_eq!(of(text), [text, text]);
        }
        assert_eq!(of("1"), ["1 werkzame persoon", "1 person employed"]);
        assert_eq!(
            of("10-49"),
            [
                "10 tot en met 49 werkzame personen",
                "10 to 49 persons employed"
            ]
        );
    }
}
