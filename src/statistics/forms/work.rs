//! Figures of the work itself: from observations to letters, what became of the letters, how many
//! participants have a security.txt.
//!
//! They count rows and letters, and no cell of companies, so they stand outside the linear system
//! of the attacker. They are rounded to fives, and shown only where the total of the period is.

use super::About;
use super::words::figure;
use crate::model::company::Language;
use crate::statistics::period::{Figures, Funnel, SecurityTxt};

/// What figures are rounded to.
const BASE: u64 = 5;

/// What the figures are made from.
#[derive(Clone, Debug)]
pub struct WorkInput<'f> {
    /// The nights' manifests.
    pub funnel: &'f Funnel,
    /// The total of the period.
    pub total: &'f Figures,
    /// Participants on the newest night of the period that says something of them.
    pub security_txt: Option<SecurityTxt>,
    /// Whether the period's total is shown.
    pub is_shown: bool,
}

/// Lines that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkGroup {
    /// Anchor of its section.
    pub id: &'static str,
    /// Code and figure, rounded; `None` where it is secret.
    pub lines: Vec<(&'static str, Option<u64>)>,
}

/// The groups, each with its lines in order.
#[must_use]
pub fn work(input: &WorkInput<'_>) -> Vec<WorkGroup> {
    let (funnel, total) = (input.funnel, input.total);
    let rounded = |n: u64| input.is_shown.then_some((n + BASE / 2) / BASE * BASE);
    let counted = funnel.matched - funnel.below_policy.min(funnel.matched);
    let called_for = counted - funnel.suppressed.min(counted);
    let hours = |of: fn((u32, u32)) -> u32| {
        let hours = total.hours.filter(|_| input.is_shown);
        hours.map(|h| u64::from(of(h)))
    };
    let mut groups = vec![
        WorkGroup {
            id: "funnel",
            lines: vec![
                ("read", rounded(funnel.read)),
                ("matched", rounded(funnel.matched)),
                ("counted", rounded(counted)),
                ("called_for", rounded(called_for)),
                ("in_letters", rounded(funnel.in_letters)),
                ("letters", rounded(total.counts.letters)),
            ],
        },
        WorkGroup {
            id: "letters",
            lines: vec![
                ("letters", rounded(total.counts.letters)),
                ("held", rounded(funnel.letters_held)),
                ("braked", rounded(funnel.letters_held_by_brakes)),
                ("corrections", rounded(total.counts.corrections)),
                ("bounced", rounded(total.bounced)),
                ("hours_median", hours(|h| h.0)),
                ("hours_90", hours(|h| h.1)),
            ],
        },
    ];
    // Of no letter there are no hours, and that is no secret.
    if input.is_shown && total.hours.is_none() {
        for group in &mut groups {
            group.lines.retain(|(code, _)| !code.starts_with("hours_"));
        }
    }
    if let Some(found) = input.security_txt {
        groups.push(WorkGroup {
            id: "security-txt",
            lines: vec![
                ("looked_up", rounded(found.looked_up)),
                ("with_file", rounded(found.with_file)),
                ("usable", rounded(found.usable)),
            ],
        });
    }
    groups
}

impl WorkGroup {
    fn of(&self, code: &str) -> Option<u64> {
        self.lines.iter().find(|(c, _)| *c == code)?.1
    }

    /// Its heading.
    pub(super) fn heading(&self, language: Language) -> &'static str {
        let (nl, en) = match self.id {
            "funnel" => ("Van waarneming tot brief", "From observation to letter"),
            "letters" => (
                "Wat er met de brieven gebeurde",
                "What became of the letters",
            ),
            _ => (
                "security.txt bij deelnemers",
                "security.txt of participants",
            ),
        };
        chosen(nl, en, language)
    }

    /// How fast, where any letter went out.
    fn hours(&self, language: Language) -> String {
        let [Some(half), Some(most)] = ["hours_median", "hours_90"].map(|code| self.of(code))
        else {
            return String::new();
        };
        let [half, most] = [half, most].map(|n| figure(Some(n), language));
        match language {
            Language::Nl => format!(
                " De helft ging binnen {half} uur na de eerste waarneming uit, negen van de tien binnen {most} uur."
            ),
            Language::En => format!(
                " Half went out within {half} hours of the first observation, nine in ten within {most} hours."
            ),
        }
    }

    /// What the figures say, in words.
    pub(super) fn sentence(&self, language: Language) -> String {
        let n = |code| figure(self.of(code), language);
        if self.lines.iter().all(|(_, n)| n.is_none()) {
            let (nl, en) = ("Deze cijfers zijn geheim.", "These figures are secret.");
            return chosen(nl, en, language).to_owned();
        }
        match (self.id, language) {
            ("funnel", Language::Nl) => format!(
                "Van ongeveer {} gelezen waarnemingen gingen er {} over een geregistreerd bedrijf; {} staan in een brief. Zo gingen er {} brieven uit.",
                n("read"),
                n("matched"),
                n("in_letters"),
                n("letters")
            ),
            ("funnel", Language::En) => format!(
                "Of about {} observations read, {} were about a registered company; {} are in a letter. So {} letters went out.",
                n("read"),
                n("matched"),
                n("in_letters"),
                n("letters")
            ),
            ("letters", Language::Nl) => format!(
                "Er gingen ongeveer {} brieven uit; {} werden vastgehouden, {} hield een rem op en {} kwamen terug.{}",
                n("letters"),
                n("held"),
                n("braked"),
                n("bounced"),
                self.hours(language)
            ),
            ("letters", Language::En) => format!(
                "About {} letters went out; {} were held, {} were stopped by a brake, and {} came back.{}",
                n("letters"),
                n("held"),
                n("braked"),
                n("bounced"),
                self.hours(language)
            ),
            (_, Language::Nl) => format!(
                "Van ongeveer {} deelnemers is bekend of zij een security.txt hebben: {} hebben er een, en bij {} is die bruikbaar.",
                n("looked_up"),
                n("with_file"),
                n("usable")
            ),
            (_, Language::En) => format!(
                "Of about {} participants it is known whether they have a security.txt: {} have one, and that of {} can be used.",
                n("looked_up"),
                n("with_file"),
                n("usable")
            ),
        }
    }
}

const fn chosen(nl: &'static str, en: &'static str, language: Language) -> &'static str {
    match language {
        Language::Nl => nl,
        Language::En => en,
    }
}

/// What a line is called.
pub(super) fn line_name(code: &str, language: Language) -> &'static str {
    let (nl, en) = match code {
        "read" => ("Waarnemingen gelezen", "Observations read"),
        "matched" => (
            "Over een geregistreerd bedrijf",
            "About a registered company",
        ),
        "counted" => (
            "Die ernstig en zeker genoeg zijn",
            "Severe and certain enough",
        ),
        "called_for" => ("Die om een brief vragen", "That call for a letter"),
        "in_letters" => ("Waarnemingen in een brief", "Observations in a letter"),
        "letters" => ("Brieven overgedragen", "Letters handed over"),
        "held" => (
            "Brieven vastgehouden (elke nacht telt)",
            "Letters held (counted each night)",
        ),
        "braked" => (
            "Brieven die een rem ophield (elke nacht telt)",
            "Letters that a brake stopped (counted each night)",
        ),
        "corrections" => ("Rectificaties", "Corrections"),
        "bounced" => ("Brieven die terugkwamen", "Letters that came back"),
        "hours_median" => (
            "Uren van waarneming tot brief, mediaan",
            "Hours from observation to letter, median",
        ),
        "hours_90" => (
            "Uren van waarneming tot brief, 90 %",
            "Hours from observation to letter, 90 %",
        ),
        "looked_up" => (
            "Deelnemers van wie het bekend is",
            "Participants of whom it is known",
        ),
        "with_file" => ("Met een security.txt", "With a security.txt"),
        _ => (
            "Met een bruikbare security.txt",
            "With a security.txt that can be used",
        ),
    };
    chosen(nl, en, language)
}

/// The sentence under the notes; none where there are no such figures.
pub(super) fn note(about: &About<'_>, language: Language) -> Option<String> {
    let (nl, en) = (
        "Cijfers over waarnemingen, brieven en security.txt zijn afgerond op vijftallen: 0 betekent minder dan drie. Een waarneming die twee nachten lazen telt twee keer. Om een brief vraagt niet wat al was gemeld, wat dezelfde bevinding nog eens is, of waarover een bedrijf geen brief wil. De uren lopen tot het eind van de dag van de brief.",
        "Figures on observations, letters and security.txt are rounded to fives: 0 means fewer than three. An observation that two nights read counts twice. What was told before, what is the same finding once more, and what a company wants no letter about does not call for one. Hours run to the end of the letter's day.",
    );
    let is_there = !about.work.is_empty();
    is_there.then(|| chosen(nl, en, language).to_owned())
}
