//! What the counts are called and what they mean, for a Dutch reader.

use super::Counts;

/// A count, its name, and what it means.
pub(super) struct Term {
    pub name: &'static str,
    pub of: fn(&Counts) -> u64,
    pub means: &'static str,
}

/// The five that published figures mix.
pub(super) const FIVE_COUNTS: &[Term] = &[
    Term {
        name: "Aanleidingen",
        of: |c| c.triggers,
        means: "Gebeurtenissen waarover de dienst is gaan waarschuwen. Een aanleiding telt mee als een eerste waarschuwing in de periode haar noemt.",
    },
    Term {
        name: "Bevindingen",
        of: |c| c.findings,
        means: "Verschillende plekken waar een dreiging is gezien: één bedrijf, één dreiging, één adres of naam en één poort. Dezelfde plek telt in een periode één keer.",
    },
    Term {
        name: "Notificaties",
        of: |c| c.notifications,
        means: "Paren van een bedrijf en een aanleiding in een overgedragen brief. Herinneringen en rectificaties tellen apart.",
    },
    Term {
        name: "Bedrijven",
        of: |c| c.companies,
        means: "Verschillende bedrijven die een brief kregen, ook als die alleen herinnert; een rectificatie telt niet. Moeder en dochter tellen apart.",
    },
    Term {
        name: "Adressen en namen",
        of: |c| c.assets,
        means: "Verschillende geregistreerde waarden (IP-adres, netwerk, AS-nummer of domeinnaam) waarop iets is gevonden.",
    },
];

/// What is counted beside them.
pub(super) const OTHER_COUNTS: &[Term] = &[
    Term {
        name: "Brieven",
        of: |c| c.letters,
        means: "Brieven die zijn overgedragen aan post of mail. Een brief die na een weigering opnieuw ging, telt één keer.",
    },
    Term {
        name: "Bedrijven die deelnemen",
        of: |c| c.participants,
        means: "Deel van de bedrijven dat deelnam op de nacht van de brief.",
    },
    Term {
        name: "Eerste waarschuwingen",
        of: |c| c.first_warnings,
        means: "Notificaties over iets waarover dit bedrijf nog geen brief had.",
    },
    Term {
        name: "Terugvallen",
        of: |c| c.relapses,
        means: "Notificaties over iets dat weg was en terug is.",
    },
    Term {
        name: "Opschalingen",
        of: |c| c.escalations,
        means: "Notificaties die een eerdere herhalen langs een sterker kanaal.",
    },
    Term {
        name: "Herinneringen",
        of: |c| c.reminders,
        means: "Paren van bedrijf en aanleiding in een brief die alleen herinnert.",
    },
    Term {
        name: "Rectificaties",
        of: |c| c.corrections,
        means: "Paren van bedrijf en aanleiding in een brief die alleen iets intrekt.",
    },
    Term {
        name: "Herhaalde verzendingen",
        of: |c| c.attempts,
        means: "Keren dat een brief opnieuw ging, nadat hij was teruggekomen.",
    },
];
