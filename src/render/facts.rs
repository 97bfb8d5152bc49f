//! What is publicly known of a section's CVEs, in words.

use super::content::Voice;
use super::visible::value;
use crate::model::letter::{Fact, LetterSection};

/// What is abused already needs no chance that it will be.
pub(super) fn lines(s: &LetterSection, voice: &Voice<'_>) -> Vec<String> {
    let is_abused = |of: &str| {
        let mut facts = s.facts.iter();
        facts.any(|f| matches!(f, Fact::Kev { cve, .. } if cve == of))
    };
    let is_told = |f: &&Fact| !matches!(f, Fact::Epss { cve, .. } if is_abused(cve));
    let told = s.facts.iter().filter(is_told);
    told.map(|f| fact(f, voice)).collect()
}

fn fact(fact: &Fact, voice: &Voice<'_>) -> String {
    match fact {
        Fact::Kev { cve, since, as_of } => voice.say(
            "fact_kev",
            &[
                ("cve", cve),
                ("since", &voice.words().date(*since)),
                ("as_of", &voice.words().date(*as_of)),
            ],
        ),
        Fact::Epss {
            cve,
            per_10_000,
            as_of,
        } => {
            // Tenths of a percent, rounded down to what the score supports.
            let percent = if *per_10_000 < 100 {
                "<1".to_owned()
            } else {
                (per_10_000 / 100).to_string()
            };
            voice.say(
                "fact_epss",
                &[
                    ("cve", cve),
                    ("percent", &percent),
                    ("as_of", &voice.words().date(*as_of)),
                ],
            )
        }
        Fact::Fixed {
            cve,
            versions,
            source,
            as_of,
        } => {
            let versions: Vec<String> = versions.iter().map(|v| value(v)).collect();
            voice.say(
                "fact_fixed",
                &[
                    ("cve", cve),
                    ("versions", &versions.join(", ")),
                    ("source", &value(source)),
                    ("as_of", &voice.words().date(*as_of)),
                ],
            )
        }
    }
}
