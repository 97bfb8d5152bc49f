//! Postal addresses as the postal operator reads them.

use super::content::Voice;
use super::visible::{Limit, visible};
use crate::model::company::{Company, Language, PostalAddress};
use crate::model::country;

/// Lines for the window: name, for whom if it goes to the parent, street, `1234 AB  TOWN`,
/// country if foreign (the notation of Dutch addresses by NEN 5825 and the postal operator).
pub(super) fn lines(company: &Company, addressee: &Company, voice: &Voice<'_>) -> Vec<String> {
    let Some(a) = addressee
        .address
        .as_ref()
        .filter(|a| !a.shielded && !a.street.is_empty())
    else {
        return Vec::new();
    };
    let line = |text: &str| visible(text, Limit::Line);
    let mut lines = vec![line(&addressee.name)];
    if company.key != addressee.key {
        lines.push(format!(
            "{} {}",
            voice.word("also_for"),
            line(&company.name)
        ));
    }
    lines.push(line(&format!("{} {}", a.street, number(a))));
    let town = if a.is_dutch() {
        a.town.to_uppercase()
    } else {
        a.town.clone()
    };
    lines.push(format!("{}  {}", spaced(&postcode(a)), line(&town)));
    if !a.is_dutch() {
        lines.push(line(&country_line(a)));
    }
    lines
}

/// House number and addition, so that no other number comes of them: `133B`, `12-2`, `171 bis`.
fn number(a: &PostalAddress) -> String {
    let (number, addition) = (a.house_number.trim(), a.house_number_addition.trim());
    let is_letter = addition.chars().count() == 1 && addition.chars().all(char::is_alphabetic);
    let mark = match addition.chars().next() {
        None => "",
        Some(_) if is_letter => "",
        Some(first) if first.is_ascii_digit() => "-",
        Some(first) if first.is_alphabetic() => " ",
        Some(_) => "",
    };
    format!("{number}{mark}{addition}")
}

/// In capitals, however it was registered.
pub(super) fn postcode(a: &PostalAddress) -> String {
    visible(&a.postcode.to_uppercase(), Limit::Line)
}

/// The name of the country in capitals and in Dutch, whatever the letter's language: the operator
/// of the country where it is posted reads it (Universal Postal Union, Convention Manual). A country
/// without a name of ours keeps its code.
fn country_line(a: &PostalAddress) -> String {
    let code = a.country.trim().to_uppercase();
    country::name(&code, Language::Nl).map_or(code, str::to_uppercase)
}

/// `1234AB` as `1234 AB`; anything else as it is.
fn spaced(postcode: &str) -> String {
    match (postcode.get(..4), postcode.get(4..)) {
        (Some(digits), Some(letters))
            if letters.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            format!("{digits} {letters}")
        }
        _ => postcode.to_owned(),
    }
}
