//! Words that names are made of: plainly made up, nobody's.

use super::chance::Chance;

/// A trade: how a company's name begins, its SBI 2008 code.
pub struct Trade(pub &'static str, pub &'static str);

/// Trades with their class in the Dutch industry code (CBS, SBI 2008).
pub const TRADES: &[Trade] = &[
    Trade("Bakkerij", "1071"),
    Trade("Drukkerij", "18129"),
    Trade("Metaalbewerking", "2562"),
    Trade("Machinefabriek", "2899"),
    Trade("Meubelmakerij", "31"),
    Trade("Loodgietersbedrijf", "43221"),
    Trade("Schildersbedrijf", "4334"),
    Trade("Bouwbedrijf", "4120"),
    Trade("Garage", "45112"),
    Trade("Groothandel", "4690"),
    Trade("Kaasboerderij", "01411"),
    Trade("Kwekerij", "0130"),
    Trade("Boekhandel", "4761"),
    Trade("Slagerij", "4722"),
    Trade("Fietsenwinkel", "47641"),
    Trade("Apotheek", "4773"),
    Trade("Transportbedrijf", "4941"),
    Trade("Koeriersdienst", "53202"),
    Trade("Hotel", "5510"),
    Trade("Restaurant", "56101"),
    Trade("Uitgeverij", "5811"),
    Trade("Softwarehuis", "6201"),
    Trade("Adviesbureau", "70221"),
    Trade("Accountantskantoor", "69201"),
    Trade("Notariskantoor", "69103"),
    Trade("Architectenbureau", "71111"),
    Trade("Reclamebureau", "7311"),
    Trade("Uitzendbureau", "78201"),
    Trade("Schoonmaakbedrijf", "8121"),
    Trade("Tandartspraktijk", "86231"),
    Trade("Huisartsenpraktijk", "8621"),
    Trade("Kinderopvang", "88911"),
    Trade("Sportschool", "9313"),
    Trade("Kapsalon", "96021"),
];

const ADJECTIVES: &[(&str, &str)] = &[
    ("Gestippelde", "gestippelde"),
    ("Geduldige", "geduldige"),
    ("Driehoekige", "driehoekige"),
    ("Bedachtzame", "bedachtzame"),
    ("Omgekeerde", "omgekeerde"),
    ("Schuchtere", "schuchtere"),
    ("Zevende", "zevende"),
    ("Ondersteboven", "ondersteboven"),
    ("Doorzichtige", "doorzichtige"),
    ("Vergeten", "vergeten"),
    ("Wiebelende", "wiebelende"),
    ("Fluisterende", "fluisterende"),
    ("Naamloze", "naamloze"),
    ("Halve", "halve"),
    ("Opvouwbare", "opvouwbare"),
    ("Slaperige", "slaperige"),
    ("Gestreepte", "gestreepte"),
    ("Onzichtbare", "onzichtbare"),
    ("Dwarse", "dwarse"),
    ("Verzonnen", "verzonnen"),
];

const NOUNS: &[(&str, &str)] = &[
    ("Theepot", "theepot"),
    ("Komkommer", "komkommer"),
    ("Garnaal", "garnaal"),
    ("Paraplu", "paraplu"),
    ("Lantaarnpaal", "lantaarnpaal"),
    ("Wasknijper", "wasknijper"),
    ("Kruiwagen", "kruiwagen"),
    ("Stoomfluit", "stoomfluit"),
    ("Hagedis", "hagedis"),
    ("Schoenlepel", "schoenlepel"),
    ("Waterjuffer", "waterjuffer"),
    ("Korenwolf", "korenwolf"),
    ("Pannenlap", "pannenlap"),
    ("Knoflookpers", "knoflookpers"),
    ("Rolmops", "rolmops"),
    ("Zeeëgel", "zeeegel"),
    ("Trekharmonica", "trekharmonica"),
    ("Spijkerbroek", "spijkerbroek"),
    ("Goudvis", "goudvis"),
    ("Krekel", "krekel"),
    ("Vlaflip", "vlaflip"),
    ("Dakpan", "dakpan"),
    ("Koekoeksklok", "koekoeksklok"),
    ("Regenton", "regenton"),
];

/// A body of government: name before the town, SBI 2008 code.
pub const BODIES: &[Trade] = &[
    Trade("Gemeente", "8411"),
    Trade("Waterschap", "8413"),
    Trade("Omgevingsdienst", "8413"),
    Trade("Veiligheidsregio", "8425"),
];

/// A town that is on no map, with its province.
pub const TOWNS: &[(&str, &str)] = &[
    ("Lantaarnwoude", "Drenthe"),
    ("Mosselmeer", "Flevoland"),
    ("Theedorp aan de Vaart", "Fryslân"),
    ("Kruiwagenbroek", "Gelderland"),
    ("Paraplubergen", "Gelderland"),
    ("Noorderfluit", "Groningen"),
    ("Mergelkoek", "Limburg"),
    ("Wasknijperdonk", "Noord-Brabant"),
    ("Rolmopsdijk", "Noord-Brabant"),
    ("Krekelzaan", "Noord-Holland"),
    ("Garnalensluis", "Noord-Holland"),
    ("Dakpannerhaar", "Overijssel"),
    ("Komkommerveen", "Utrecht"),
    ("Schoenlepelzijl", "Zeeland"),
    ("'s-Vlaflipshage", "Zuid-Holland"),
    ("Regentondam", "Zuid-Holland"),
];

/// Towns abroad that are on no map, with country and key prefix.
pub const ABROAD: &[(&str, &str)] = &[
    ("Teekannenstadt", "DE"),
    ("Parapluville", "FR"),
    ("Theepotgem", "BE"),
    ("Umbrellaford", "GB"),
    ("Ombrellopoli", "IT"),
];

const STREETS: &[&str] = &[
    "Voorbeeldstraat",
    "Theepotlaan",
    "Stoomfluitkade",
    "Hagedissenpad",
    "Knoflookpersweg",
    "Koekoeksklokplein",
    "Opvouwstraat",
    "Dwarsdijk",
];

/// A street that is nowhere.
pub fn street(chance: &mut Chance) -> &'static str {
    chance.pick(STREETS)
}

/// A postcode in the right form. The letters F, I, O, Q, U and Y were left out when the Dutch
/// postcode was laid out, so two of them belong to hardly anybody.
pub fn postcode(chance: &mut Chance) -> String {
    let letters = ["F", "I", "O", "Q", "U", "Y"];
    let digits = 1000 + chance.below(9000);
    format!("{digits}{}{}", chance.pick(&letters), chance.pick(&letters))
}

/// `De Gestippelde Theepot` and `gestippelde-theepot`.
pub fn fancy(chance: &mut Chance) -> (String, String) {
    let (adjective, adjective_ascii) = ADJECTIVES[chance.at(ADJECTIVES.len())];
    let (noun, noun_ascii) = NOUNS[chance.at(NOUNS.len())];
    (
        format!("De {adjective} {noun}"),
        format!("{adjective_ascii}-{noun_ascii}"),
    )
}
