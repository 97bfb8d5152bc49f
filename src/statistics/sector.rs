//! Sections of the Dutch industry classification (SBI; CBS).
//!
//! SBI 2008 follows NACE Rev. 2, SBI 2025 follows NACE Rev. 2.1: the same letter means another
//! section from J on. A value therefore names its version unless it is 2008.

use crate::model::company::Language;

/// Letter, first and last division, title in Dutch (CBS) and English (Eurostat: the sections are
/// those of NACE).
type Section = (&'static str, u8, u8, [&'static str; 2]);

const SBI_2008: &[Section] = &[
    (
        "A",
        1,
        3,
        [
            "Landbouw, bosbouw en visserij",
            "Agriculture, forestry and fishing",
        ],
    ),
    (
        "B",
        5,
        9,
        ["Winning van delfstoffen", "Mining and quarrying"],
    ),
    ("C", 10, 33, ["Industrie", "Manufacturing"]),
    (
        "D",
        35,
        35,
        [
            "Productie en distributie van en handel in elektriciteit, aardgas, stoom en gekoelde lucht",
            "Electricity, gas, steam and air conditioning supply",
        ],
    ),
    (
        "E",
        36,
        39,
        [
            "Winning en distributie van water; afval- en afvalwaterbeheer en sanering",
            "Water supply; sewerage, waste management and remediation activities",
        ],
    ),
    ("F", 41, 43, ["Bouwnijverheid", "Construction"]),
    (
        "G",
        45,
        47,
        [
            "Groot- en detailhandel; reparatie van auto’s",
            "Wholesale and retail trade; repair of motor vehicles and motorcycles",
        ],
    ),
    (
        "H",
        49,
        53,
        ["Vervoer en opslag", "Transportation and storage"],
    ),
    (
        "I",
        55,
        56,
        [
            "Logies-, maaltijd- en drankverstrekking",
            "Accommodation and food service activities",
        ],
    ),
    (
        "J",
        58,
        63,
        [
            "Informatie en communicatie",
            "Information and communication",
        ],
    ),
    (
        "K",
        64,
        66,
        [
            "Financiële instellingen",
            "Financial and insurance activities",
        ],
    ),
    (
        "L",
        68,
        68,
        [
            "Verhuur van en handel in onroerend goed",
            "Real estate activities",
        ],
    ),
    (
        "M",
        69,
        75,
        [
            "Advisering, onderzoek en overige specialistische zakelijke dienstverlening",
            "Professional, scientific and technical activities",
        ],
    ),
    (
        "N",
        77,
        82,
        [
            "Verhuur van roerende goederen en overige zakelijke dienstverlening",
            "Administrative and support service activities",
        ],
    ),
    (
        "O",
        84,
        84,
        [
            "Openbaar bestuur, overheidsdiensten en verplichte sociale verzekeringen",
            "Public administration and defence; compulsory social security",
        ],
    ),
    ("P", 85, 85, ["Onderwijs", "Education"]),
    (
        "Q",
        86,
        88,
        [
            "Gezondheids- en welzijnszorg",
            "Human health and social work activities",
        ],
    ),
    (
        "R",
        90,
        93,
        [
            "Cultuur, sport en recreatie",
            "Arts, entertainment and recreation",
        ],
    ),
    (
        "S",
        94,
        96,
        ["Overige dienstverlening", "Other service activities"],
    ),
    (
        "T",
        97,
        98,
        [
            "Huishoudens als werkgever",
            "Activities of households as employers",
        ],
    ),
    (
        "U",
        99,
        99,
        [
            "Extraterritoriale organisaties en lichamen",
            "Activities of extraterritorial organisations and bodies",
        ],
    ),
];

const SBI_2025: &[Section] = &[
    (
        "A",
        1,
        3,
        [
            "Landbouw, bosbouw en visserij",
            "Agriculture, forestry and fishing",
        ],
    ),
    (
        "B",
        5,
        9,
        ["Winning van delfstoffen", "Mining and quarrying"],
    ),
    ("C", 10, 33, ["Industrie", "Manufacturing"]),
    (
        "D",
        35,
        35,
        [
            "Energievoorziening",
            "Electricity, gas, steam and air conditioning supply",
        ],
    ),
    (
        "E",
        36,
        39,
        [
            "Waterbedrijven en afvalbeheer",
            "Water supply; sewerage, waste management and remediation activities",
        ],
    ),
    ("F", 41, 43, ["Bouwnijverheid", "Construction"]),
    (
        "G",
        46,
        47,
        ["Groot- en detailhandel", "Wholesale and retail trade"],
    ),
    (
        "H",
        49,
        53,
        ["Vervoer en opslag", "Transportation and storage"],
    ),
    (
        "I",
        55,
        56,
        ["Horeca", "Accommodation and food service activities"],
    ),
    (
        "J",
        58,
        60,
        [
            "Uitgeverijen, omroep en productie van inhoud",
            "Publishing, broadcasting, and content production and distribution activities",
        ],
    ),
    (
        "K",
        61,
        63,
        [
            "Telecommunicatie, programmering en informatiediensten",
            "Telecommunication, computer programming, consulting, computing infrastructure and other information service activities",
        ],
    ),
    (
        "L",
        64,
        66,
        [
            "Financiële dienstverlening",
            "Financial and insurance activities",
        ],
    ),
    ("M", 68, 68, ["Onroerend goed", "Real estate activities"]),
    (
        "N",
        69,
        75,
        [
            "Specialistische zakelijke diensten",
            "Professional, scientific and technical activities",
        ],
    ),
    (
        "O",
        77,
        82,
        [
            "Verhuur en overige zakelijke diensten",
            "Administrative and support service activities",
        ],
    ),
    (
        "P",
        84,
        84,
        [
            "Openbaar bestuur en overheidsdiensten",
            "Public administration and defence; compulsory social security",
        ],
    ),
    ("Q", 85, 85, ["Onderwijs", "Education"]),
    (
        "R",
        86,
        88,
        [
            "Gezondheids- en welzijnszorg",
            "Human health and social work activities",
        ],
    ),
    (
        "S",
        90,
        93,
        ["Cultuur, sport en recreatie", "Arts, sports and recreation"],
    ),
    (
        "T",
        94,
        96,
        ["Overige dienstverlening", "Other service activities"],
    ),
    (
        "U",
        97,
        98,
        [
            "Huishoudens als werkgever",
            "Activities of households as employers",
        ],
    ),
    (
        "V",
        99,
        99,
        [
            "Extraterritoriale organisaties en lichamen",
            "Activities of extraterritorial organisations and bodies",
        ],
    ),
];

/// What a value of the newer version begins with.
const MARK_2025: &str = "SBI2025:";

fn sections(scheme: &str) -> Option<(&'static [Section], &'static str)> {
    match scheme {
        // A register without a version is older than the second one.
        "SBI2008" | "" => Some((SBI_2008, "")),
        "SBI2025" => Some((SBI_2025, MARK_2025)),
        _ => None,
    }
}

/// The section of a code, such as `J` or `SBI2025:K`; empty where the code is unknown.
#[must_use]
pub fn section(code: &str, scheme: &str) -> String {
    let Some((sections, mark)) = sections(scheme) else {
        return String::new();
    };
    let letter = code.len() == 1 && code.bytes().all(|b| b.is_ascii_uppercase());
    let division = code
        .get(..2)
        .filter(|d| d.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|d| d.parse::<u8>().ok());
    sections
        .iter()
        .find(|(name, first, last, _)| {
            (letter && *name == code) || division.is_some_and(|d| (*first..=*last).contains(&d))
        })
        .map(|(name, ..)| format!("{mark}{name}"))
        .unwrap_or_default()
}

/// The code as registered, with its version where that is not SBI 2008.
pub(super) fn code(code: &str, scheme: &str) -> String {
    match scheme {
        "SBI2008" | "" => code.to_owned(),
        _ if code.is_empty() => String::new(),
        other => format!("{other}:{code}"),
    }
}

/// The title of a section.
pub(super) fn title(section: &str, language: Language) -> Option<&'static str> {
    let (sections, letter) = match section.strip_prefix(MARK_2025) {
        Some(letter) => (SBI_2025, letter),
        None => (SBI_2008, section),
    };
    sections
        .iter()
        .find(|(name, ..)| *name == letter)
        .map(|(_, _, _, [nl, en])| match language {
            Language::Nl => *nl,
            Language::En => *en,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fall_under_their_section() {
        let cases = [
            ("6201", "SBI2008", "J"),
            ("01131", "SBI2008", "A"),
            ("62.01", "", "J"),
            ("J", "SBI2008", "J"),
            ("6210", "SBI2025", "SBI2025:K"),
            ("45", "SBI2025", ""),
            ("45", "SBI2008", "G"),
            ("", "SBI2008", ""),
            ("6", "SBI2008", ""),
            ("=1+1", "SBI2008", ""),
            ("é", "SBI2008", ""),
            ("6201", "NAICS", ""),
        ];
        for (code, scheme, want) in cases {
            assert_eq!(section(code, scheme), want, "{code} {scheme}");
        }
        let of = |section| [Language::Nl, Language::En].map(|l| title(section, l));
        let want = [
            "Informatie en communicatie",
            "Information and communication",
        ];
        assert_eq!(of("J"), want.map(Some));
        assert!(of("SBI2025:J").iter().zip(of("J")).all(|(a, b)| *a != b));
        assert_eq!(of("W"), [None, None]);
    }
}
