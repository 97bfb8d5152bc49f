//! Sections of the Dutch industry classification (SBI; CBS).
//!
//! SBI 2008 follows NACE Rev. 2, SBI 2025 follows NACE Rev. 2.1: the same letter means another
//! section from J on. A value therefore names its version unless it is 2008.

/// Letter, first and last division, title.
type Section = (&'static str, u8, u8, &'static str);

const SBI_2008: &[Section] = &[
    ("A", 1, 3, "Landbouw, bosbouw en visserij"),
    ("B", 5, 9, "Winning van delfstoffen"),
    ("C", 10, 33, "Industrie"),
    (
        "D",
        35,
        35,
        "Productie en distributie van en handel in elektriciteit, aardgas, stoom en gekoelde lucht",
    ),
    (
        "E",
        36,
        39,
        "Winning en distributie van water; afval- en afvalwaterbeheer en sanering",
    ),
    ("F", 41, 43, "Bouwnijverheid"),
    ("G", 45, 47, "Groot- en detailhandel; reparatie van auto’s"),
    ("H", 49, 53, "Vervoer en opslag"),
    ("I", 55, 56, "Logies-, maaltijd- en drankverstrekking"),
    ("J", 58, 63, "Informatie en communicatie"),
    ("K", 64, 66, "Financiële instellingen"),
    ("L", 68, 68, "Verhuur van en handel in onroerend goed"),
    (
        "M",
        69,
        75,
        "Advisering, onderzoek en overige specialistische zakelijke dienstverlening",
    ),
    (
        "N",
        77,
        82,
        "Verhuur van roerende goederen en overige zakelijke dienstverlening",
    ),
    (
        "O",
        84,
        84,
        "Openbaar bestuur, overheidsdiensten en verplichte sociale verzekeringen",
    ),
    ("P", 85, 85, "Onderwijs"),
    ("Q", 86, 88, "Gezondheids- en welzijnszorg"),
    ("R", 90, 93, "Cultuur, sport en recreatie"),
    ("S", 94, 96, "Overige dienstverlening"),
    ("T", 97, 98, "Huishoudens als werkgever"),
    ("U", 99, 99, "Extraterritoriale organisaties en lichamen"),
];

const SBI_2025: &[Section] = &[
    ("A", 1, 3, "Landbouw, bosbouw en visserij"),
    ("B", 5, 9, "Winning van delfstoffen"),
    ("C", 10, 33, "Industrie"),
    ("D", 35, 35, "Energievoorziening"),
    ("E", 36, 39, "Waterbedrijven en afvalbeheer"),
    ("F", 41, 43, "Bouwnijverheid"),
    ("G", 46, 47, "Groot- en detailhandel"),
    ("H", 49, 53, "Vervoer en opslag"),
    ("I", 55, 56, "Horeca"),
    ("J", 58, 60, "Uitgeverijen, omroep en productie van inhoud"),
    (
        "K",
        61,
        63,
        "Telecommunicatie, programmering en informatiediensten",
    ),
    ("L", 64, 66, "Financiële dienstverlening"),
    ("M", 68, 68, "Onroerend goed"),
    ("N", 69, 75, "Specialistische zakelijke diensten"),
    ("O", 77, 82, "Verhuur en overige zakelijke diensten"),
    ("P", 84, 84, "Openbaar bestuur en overheidsdiensten"),
    ("Q", 85, 85, "Onderwijs"),
    ("R", 86, 88, "Gezondheids- en welzijnszorg"),
    ("S", 90, 93, "Cultuur, sport en recreatie"),
    ("T", 94, 96, "Overige dienstverlening"),
    ("U", 97, 98, "Huishoudens als werkgever"),
    ("V", 99, 99, "Extraterritoriale organisaties en lichamen"),
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

/// The Dutch title of a section.
pub(super) fn title(section: &str) -> Option<&'static str> {
    let (sections, letter) = match section.strip_prefix(MARK_2025) {
        Some(letter) => (SBI_2025, letter),
        None => (SBI_2008, section),
    };
    sections
        .iter()
        .find_map(|(name, _, _, title)| (*name == letter).then_some(*title))
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
        assert_eq!(title("J"), Some("Informatie en communicatie"));
        assert_ne!(title("SBI2025:J"), title("J"));
    }
}
