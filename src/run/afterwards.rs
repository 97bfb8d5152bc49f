//! What became of a letter, by the ledger: for whoever has its recipient on the telephone.

use std::fmt::Write;

use crate::model::identity::Reference;
use crate::model::ledger_record::{Claim, LedgerView};

/// Attempts, receipts, answers, corrections; empty where the ledger does not know the letter.
#[must_use]
pub(super) fn told(view: &LedgerView, reference: &Reference) -> String {
    let mut text = String::new();
    let claims: Vec<&Claim> = view
        .claims()
        .filter(|c| c.reference == *reference)
        .collect();
    let Some(first) = claims.first() else {
        return text;
    };
    let _ = writeln!(text, "{reference} in the ledger");
    let mut line = |label: &str, what: String| {
        let _ = writeln!(text, "  {label:<12}{what}");
    };
    for claim in &claims {
        let about = match claim.items.len() {
            _ if claim.is_overview() => {
                format!("an overview of {} letters", claim.overview_of.len())
            }
            n if claim.is_correction() => format!("{n} findings, a correction"),
            n => format!("{n} findings"),
        };
        line(
            "claimed",
            format!(
                "for night {}, attempt {}, by {}, {about}",
                claim.night, claim.attempt, claim.channel
            ),
        );
        let of_claim = view.receipts().filter(|r| r.key() == claim.key());
        let mut n = 0;
        for receipt in of_claim {
            n += 1;
            line(
                "  receipt",
                format!("{} ({})", receipt.state, receipt.outbox),
            );
        }
        if n == 0 {
            line("  receipt", "none: nobody knows whether it left".to_owned());
        }
    }
    let is_of = |letter_id, night| letter_id == first.letter_id && night == first.night;
    for answer in view.answers().filter(|a| is_of(a.letter_id, a.night)) {
        let until = answer.until.map(|d| format!(", before {d}"));
        let by = match answer.by.len() {
            64 => "somebody (a keyed hash)",
            _ => answer.by.as_str(),
        };
        line(
            "answered",
            format!(
                "{} by {by}, about {} findings{}",
                answer.kind,
                answer.findings.len(),
                until.unwrap_or_default()
            ),
        );
    }
    for batch in view
        .print_batches()
        .filter(|b| b.letters.contains(reference))
    {
        let label = if batch.is_email() {
            "mailed in"
        } else {
            "printed in"
        };
        line(label, batch.batch_id.clone());
    }
    let corrected = view.corrections().filter(|c| {
        c.night == first.night && first.items.iter().any(|i| *i.threat_id == *c.threat_id)
    });
    for correction in corrected.filter(|_| !first.is_correction()) {
        line(
            "corrected",
            format!(
                "what it says about {}, on {}",
                correction.threat_id, correction.dated
            ),
        );
    }
    text
}
