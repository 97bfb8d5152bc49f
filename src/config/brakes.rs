//! `[brakes]`: what stops a night before its first letter, and who may let it go.

use super::section::Section;
use crate::brakes::{Settings, approval};

pub(super) fn brakes(section: Option<Section<'_, '_>>) -> Settings {
    let mut s = Settings::default();
    let Some(section) = section else {
        return s;
    };
    let (letters, percent) = ("a number of letters", "a percentage");
    let number = |key, default: u64, unit| section.number_or(key, default, unit);
    s.max_letters = number("max_letters", s.max_letters, letters);
    s.max_letters_a_threat = number("max_letters_a_threat", s.max_letters_a_threat, letters);
    s.growth = number("growth", s.growth, "times the median of the last nights");
    s.growth_from = number("growth_from", s.growth_from, letters);
    s.max_first_time_percent = number("max_first_time_percent", s.max_first_time_percent, percent);
    s.max_rejected_percent = number("max_rejected_percent", s.max_rejected_percent, percent);
    s.min_rows_percent = number("min_rows_percent", s.min_rows_percent, percent);
    s.max_rows_percent = number("max_rows_percent", s.max_rows_percent, percent);
    s.min_register_percent = number("min_register_percent", s.min_register_percent, percent);
    s.max_observed_age_days = number(
        "max_observed_age_days",
        s.max_observed_age_days,
        "a number of days",
    );
    s.max_clock_minutes = number(
        "max_clock_minutes",
        s.max_clock_minutes,
        "a number of minutes",
    );
    s.two_keys_above = number("two_keys_above", s.two_keys_above, letters);
    s.approval_hours = number("approval_hours", s.approval_hours, "a number of hours");
    let nights = "a number of nights";
    s.history_nights = section.number_or("history_nights", s.history_nights, nights);
    s.min_history = section.number_or("min_history", s.min_history, nights);
    s.hold_repeated = section.bool_or("hold_repeated", s.hold_repeated);
    s.hold_incomplete = section.bool_or("hold_incomplete", s.hold_incomplete);
    s.stop = section.text_or("stop", &s.stop);
    s.folder_sends_first_night =
        section.bool_or("folder_sends_first_night", s.folder_sends_first_night);
    check(&section, &s);
    if let Some(signers) = section.section_if("signers") {
        for (name, key) in signers.named_texts() {
            if !approval::is_public_key(&key) {
                let message =
                    format!("the key of `{name}` is not a public key such as `ssh-ed25519 AAAA…`");
                section.problem("signers", message);
            }
            s.signers.insert(name, key);
        }
    }
    section.finish();
    s
}

fn check(section: &Section<'_, '_>, s: &Settings) {
    if s.min_history == 0 || s.min_history > s.history_nights {
        let message = format!(
            "`{}` is not in 1 to `history_nights`, {}",
            s.min_history, s.history_nights
        );
        section.problem("min_history", message);
    }
    if s.max_rows_percent <= s.min_rows_percent {
        let message = format!(
            "{}% is not more than `min_rows_percent`, {}%",
            s.max_rows_percent, s.min_rows_percent
        );
        section.problem("max_rows_percent", message);
    }
    if s.min_register_percent > 100 {
        let message = format!("{}% is more than 100%", s.min_register_percent);
        section.problem("min_register_percent", message);
    }
    if s.approval_hours == 0 {
        section.problem("approval_hours", "expected one hour at least; 72 is usual");
    }
    if s.stop.is_empty() || s.stop.ends_with('/') {
        section.problem("stop", "expected the path of an object, such as `STOP`");
    }
}
