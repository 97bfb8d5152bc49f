//! The fixed sentences of a publication, in Dutch and English.

use super::About;
use crate::model::company::Language;
use crate::model::shown::grouped;
use crate::statistics::guard::{Measure, Perturbation};

/// Name and meaning of a measure.
pub(super) const fn measure(measure: Measure, language: Language) -> (&'static str, &'static str) {
    match (measure, language) {
        (Measure::Companies, Language::Nl) => (
            "Bedrijven",
            "Verschillende bedrijven die een brief kregen, ook als die alleen herinnert; een rectificatie telt niet. Moeder en dochter tellen apart.",
        ),
        (Measure::Companies, Language::En) => (
            "Companies",
            "Different companies that got a letter, also one that only reminds; a correction does not count. Parent and child count apart.",
        ),
        (Measure::Notifications, Language::Nl) => (
            "Notificaties",
            "Paren van een bedrijf en een aanleiding in een overgedragen brief, zonder herinneringen.",
        ),
        (Measure::Notifications, Language::En) => (
            "Notifications",
            "Pairs of a company and a trigger in a letter that was handed over, reminders aside.",
        ),
        (Measure::Findings, Language::Nl) => (
            "Bevindingen",
            "Verschillende plekken waar een dreiging is gezien: één bedrijf, één dreiging, één adres of naam en één poort.",
        ),
        (Measure::Findings, Language::En) => (
            "Findings",
            "Different places where a threat was seen: one company, one threat, one address or name and one port.",
        ),
    }
}

/// Sentences under every form.
pub(super) fn notes(about: &About<'_>, language: Language) -> Vec<String> {
    let mut notes = of_tables(about, language);
    notes.extend(super::work::note(about, language));
    notes
}

fn of_tables(about: &About<'_>, language: Language) -> Vec<String> {
    let (from, until) = (about.span.from(), about.span.until());
    match language {
        Language::Nl => vec![
            format!("Periode: nachten van {from} tot en met {until}. Versie {}.", about.version),
            format!("Bron: {}, register van overgedragen brieven tot en met de nacht van {}.", about.sender, about.newest_night),
            signs_nl(about),
            zeros_nl(about),
            "* betekent: voorlopig of gecorrigeerd cijfer; ** betekent: beide.".into(),
            "Sector, grootte, provincie en deelname zijn die op de nacht van de nieuwste brief aan het bedrijf in de periode.".into(),
            "Een brief kan over meer dreigingen gaan: bedrijven tellen dan in meer rijen, en die rijen tellen op tot meer dan het totaal.".into(),
            "Sectoren zijn secties van de Standaard Bedrijfsindeling (SBI) van het CBS. Een letter van SBI 2025 is een andere dan die van SBI 2008.".into(),
        ],
        Language::En => vec![
            format!("Period: nights from {from} to {until}. Version {}.", about.version),
            format!("Source: {}, ledger of letters handed over, up to the night of {}.", about.sender, about.newest_night),
            signs_en(about),
            zeros_en(about),
            "* means: provisional or corrected figure; ** means: both.".into(),
            "Sector, size, province and participation are those on the night of the company's newest letter in the period.".into(),
            "A letter may be about several threats: companies then count in several rows, which add up to more than the total.".into(),
            "Sectors are sections of the industry classification (SBI) of Statistics Netherlands. A letter of SBI 2025 differs from that of SBI 2008.".into(),
        ],
    }
}

fn signs_nl(about: &About<'_>) -> String {
    let n = about.min_companies;
    match about.perturbation {
        None | Some(Perturbation::Rounding(_)) => format!("Een punt (.) betekent: geheim. Er staan minder dan {n} bedrijven achter, één bedrijf bepaalt het cijfer, een kleine groep bedrijven heeft in zijn geheel hetzelfde, of het cijfer zou een ander geheim verraden."),
        Some(Perturbation::CellKey(_)) => "Een punt (.) betekent: geheim. Eén bedrijf bepaalt het cijfer, een kleine groep bedrijven heeft in zijn geheel hetzelfde, of het cijfer zou een ander geheim verraden.".into(),
    }
}

fn zeros_nl(about: &About<'_>) -> String {
    match about.perturbation {
        None => "0 betekent: niets geteld. Een leeg veld komt niet voor.".into(),
        Some(Perturbation::Rounding(rounding)) => format!(
            "Elk cijfer is afgerond op een veelvoud van {0}, naar boven of naar beneden, zo dat rijen zonder punt waar dat kan optellen tot hun totaal. Er kunnen zo meer bedrijven dan bevindingen staan. 0 betekent: minder dan {0}. Een leeg veld komt niet voor.",
            rounding.base
        ),
        Some(Perturbation::CellKey(noise)) => format!(
            "Elk cijfer is met een celsleutel verschoven, met hoogstens {}; dezelfde bedrijven geven hetzelfde cijfer. Rijen tellen daarom niet precies op. 0 betekent: hoogstens {} bedrijven. Een leeg veld komt niet voor.",
            noise.most,
            noise.most_behind_zero()
        ),
    }
}

fn signs_en(about: &About<'_>) -> String {
    let n = about.min_companies;
    match about.perturbation {
        None | Some(Perturbation::Rounding(_)) => format!("A point (.) means: secret. Fewer than {n} companies stand behind it, one company makes up most of it, all of a small group of companies are in it, or it would give another secret away."),
        Some(Perturbation::CellKey(_)) => "A point (.) means: secret. One company makes up most of it, all of a small group of companies are in it, or it would give another secret away.".into(),
    }
}

fn zeros_en(about: &About<'_>) -> String {
    match about.perturbation {
        None => "0 means: nothing counted. A blank cannot occur.".into(),
        Some(Perturbation::Rounding(rounding)) => format!(
            "Every figure is rounded to a multiple of {0}, up or down, so that rows without a point add up to their totals where that can be. So a row may show more companies than findings. 0 means: fewer than {0}. A blank cannot occur.",
            rounding.base
        ),
        Some(Perturbation::CellKey(noise)) => format!(
            "A cell key moves every figure, by {} at most; the same companies give the same figure. So rows do not add up exactly. 0 means: {} companies at most. A blank cannot occur.",
            noise.most,
            noise.most_behind_zero()
        ),
    }
}

/// A number as it is written in the language: `1.378` and `1,378`.
pub(super) fn number(value: u64, language: Language) -> String {
    let mark = match language {
        Language::Nl => '.',
        Language::En => ',',
    };
    grouped(value, mark)
}

/// A figure, or the sign for a secret one.
pub(super) fn figure(value: Option<u64>, language: Language) -> String {
    value.map_or_else(|| ".".to_owned(), |n| number(n, language))
}
