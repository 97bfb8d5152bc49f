//! Countries as a reader calls them.
//!
//! Short names of the European Union's Interinstitutional Style Guide (annexes A5 and A6), for its members, its
//! neighbours and the countries that most foreign owners of Dutch addresses come from. Any other country keeps its
//! code (ISO 3166-1 alpha-2).

use super::company::Language;

/// Code, Dutch and English name; sorted by code.
const COUNTRIES: &[(&str, &str, &str)] = &[
    ("AE", "Verenigde Arabische Emiraten", "United Arab Emirates"),
    ("AL", "Albanië", "Albania"),
    ("AT", "Oostenrijk", "Austria"),
    ("AU", "Australië", "Australia"),
    ("BA", "Bosnië en Herzegovina", "Bosnia and Herzegovina"),
    ("BE", "België", "Belgium"),
    ("BG", "Bulgarije", "Bulgaria"),
    ("BR", "Brazilië", "Brazil"),
    ("CA", "Canada", "Canada"),
    ("CH", "Zwitserland", "Switzerland"),
    ("CN", "China", "China"),
    ("CY", "Cyprus", "Cyprus"),
    ("CZ", "Tsjechië", "Czechia"),
    ("DE", "Duitsland", "Germany"),
    ("DK", "Denemarken", "Denmark"),
    ("EE", "Estland", "Estonia"),
    ("ES", "Spanje", "Spain"),
    ("FI", "Finland", "Finland"),
    ("FR", "Frankrijk", "France"),
    ("GB", "Verenigd Koninkrijk", "United Kingdom"),
    ("GR", "Griekenland", "Greece"),
    ("HK", "Hongkong", "Hong Kong"),
    ("HR", "Kroatië", "Croatia"),
    ("HU", "Hongarije", "Hungary"),
    ("IE", "Ierland", "Ireland"),
    ("IL", "Israël", "Israel"),
    ("IN", "India", "India"),
    ("IS", "IJsland", "Iceland"),
    ("IT", "Italië", "Italy"),
    ("JP", "Japan", "Japan"),
    ("KR", "Zuid-Korea", "South Korea"),
    ("LI", "Liechtenstein", "Liechtenstein"),
    ("LT", "Litouwen", "Lithuania"),
    ("LU", "Luxemburg", "Luxembourg"),
    ("LV", "Letland", "Latvia"),
    ("MA", "Marokko", "Morocco"),
    ("MC", "Monaco", "Monaco"),
    ("MD", "Moldavië", "Moldova"),
    ("ME", "Montenegro", "Montenegro"),
    ("MK", "Noord-Macedonië", "North Macedonia"),
    ("MT", "Malta", "Malta"),
    ("NL", "Nederland", "Netherlands"),
    ("NO", "Noorwegen", "Norway"),
    ("PL", "Polen", "Poland"),
    ("PT", "Portugal", "Portugal"),
    ("RO", "Roemenië", "Romania"),
    ("RS", "Servië", "Serbia"),
    ("SE", "Zweden", "Sweden"),
    ("SG", "Singapore", "Singapore"),
    ("SI", "Slovenië", "Slovenia"),
    ("SK", "Slowakije", "Slovakia"),
    ("SR", "Suriname", "Suriname"),
    ("TR", "Turkije", "Türkiye"),
    ("UA", "Oekraïne", "Ukraine"),
    ("US", "Verenigde Staten", "United States"),
    ("ZA", "Zuid-Afrika", "South Africa"),
];

/// Is it the code of a country, and no province?
#[must_use]
pub fn is_code(value: &str) -> bool {
    value.len() == 2 && value.bytes().all(|b| b.is_ascii_uppercase())
}

/// The name of a country by its code in capitals; `None` for one that is not in the list.
#[must_use]
pub fn name(code: &str, language: Language) -> Option<&'static str> {
    let at = COUNTRIES
        .binary_search_by_key(&code, |country| country.0)
        .ok()?;
    let (_, nl, en) = COUNTRIES.get(at)?;
    Some(match language {
        Language::Nl => nl,
        Language::En => en,
    })
}

/// The name of a country with its code; `None` for a province, or a country that is not in the list.
#[must_use]
pub fn label(value: &str, language: Language) -> Option<String> {
    name(value, language).map(|name| format!("{name} ({value})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_have_names_and_provinces_have_none() {
        assert!(COUNTRIES.is_sorted_by_key(|country| country.0));
        for (code, _, _) in COUNTRIES {
            assert!(is_code(code));
            assert!(label(code, Language::En).is_some_and(|l| l.ends_with(&format!("({code})"))));
        }
        assert_eq!(label("DE", Language::Nl).as_deref(), Some("Duitsland (DE)"));
        for other in ["Drenthe", "", "XX", "de", "Fryslân"] {
            assert_eq!(label(other, Language::Nl), None);
        }
    }
}
