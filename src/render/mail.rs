//! A letter as a mail: text and HTML as alternatives, the PDF beside them.
//!
//! The bytes depend on the letter alone: dates, boundaries and the Message-ID come out of it.

use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;

use super::{Look, Rendered, subject};
use crate::model::letter::Letter;
use crate::model::night::local_midnight;

/// The mail (RFC 5322), lines ending in CRLF, ASCII alone.
///
/// To exactly the letter's recipient. `Message-ID` names letter and attempt, so a copy can be
/// known as one; `Auto-Submitted` (RFC 3834) keeps answering machines quiet; `List-Id`
/// (RFC 2919) lets a reader sort warnings.
#[must_use]
pub fn mail(letter: &Letter, look: &Look, done: &Rendered) -> Vec<u8> {
    let sender = look.sender();
    let domain = sender.email.rsplit('@').next().unwrap_or_default();
    let reference = letter.reference.as_str();
    let language = letter.language.as_str();
    let crlf = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\n', "\r\n");
    let text = |kind: &'static str, bytes: &[u8]| {
        MimePart::new(
            ContentType::new(kind).attribute("charset", "utf-8"),
            crlf(bytes),
        )
        .language(language)
    };
    let multi = |kind: &'static str, mark: char, parts: Vec<_>| {
        let boundary = format!("=_{reference}_{mark}");
        MimePart::new(
            ContentType::new(kind).attribute("boundary", boundary),
            parts,
        )
    };
    let alternatives = vec![
        text("text/plain", &done.text),
        text("text/html", &done.html),
    ];
    let pdf = MimePart::new("application/pdf", done.pdf.as_slice())
        .attachment(format!("{reference}.pdf"));
    let mut parts = vec![multi("multipart/alternative", 'a', alternatives), pdf];
    if let Some(annex) = &done.annex {
        let name = |extension: &str| format!("{}.{extension}", letter.name());
        parts.push(MimePart::new("text/csv", annex.csv.as_slice()).attachment(name("csv")));
        parts.push(
            MimePart::new("application/json", annex.json.as_slice()).attachment(name("json")),
        );
    }
    let body = multi("multipart/mixed", 'm', parts);
    let midnight = local_midnight(letter.night.date(), look.zone()).unwrap_or(0);
    let mut bytes = Vec::new();
    MessageBuilder::new()
        .header(
            "Date",
            HeaderType::Date(Date::new(midnight.div_euclid(1_000_000))),
        )
        .header(
            "From",
            Address::new_address(Some(sender.name.as_str()), sender.email.as_str()),
        )
        .header(
            "To",
            Address::new_address(None::<&str>, letter.recipient.value.as_str()),
        )
        .header("Subject", Text::new(subject(letter, look)))
        .header(
            "Message-ID",
            MessageId::new(format!("{reference}.{}@{domain}", letter.attempt)),
        )
        .header("List-Id", Raw::new(format!("<warnings.{domain}>")))
        .header("Auto-Submitted", Raw::new("auto-generated"))
        .header("Content-Language", Raw::new(language))
        .header("MIME-Version", Raw::new("1.0"))
        .body(body)
        .serialize(&mut bytes);
    bytes
}
