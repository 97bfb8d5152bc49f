//! The letter that asks a company whether its registrations still hold: no warning, the same form.

use std::sync::Arc;

use super::content::{Content, Frame, RowText, SectionText, Voice, frame};
use super::look::Look;
use super::visible::{host, name, value};
use super::{Mark, RenderError, Rendered, forms};
use crate::model::asset::{Asset, AssetKind, AssetValue};
use crate::model::company::{Channel, Company, Contact};
use crate::model::letter::Letter;
use crate::model::night::{Micros, Night};

/// Rows that the table shows; a company with more is asked to call.
const MAX_ROWS: usize = 60;

/// What a company is asked to confirm.
#[derive(Clone, Copy, Debug)]
pub struct Confirmation<'a> {
    /// Who is asked, and whose address the letter carries.
    pub company: &'a Company,
    /// Date of the letter.
    pub night: Night,
    /// Assets that nobody confirmed for long.
    pub assets: &'a [&'a Asset],
    /// Contacts, likewise.
    pub contacts: &'a [&'a Contact],
}

/// Makes all forms of such a letter, in the company's language. Its reference is the company's key.
///
/// # Errors
/// A form that cannot be made, not even plainly.
pub fn confirm(ask: &Confirmation<'_>, look: &Look) -> Result<Rendered, RenderError> {
    forms(&content(ask, look), look)
}

fn content(ask: &Confirmation<'_>, look: &Look) -> Content {
    let reference = ask.company.key.to_string();
    let language = ask.company.language;
    let of = Frame {
        language,
        night: ask.night,
        company: ask.company,
        addressee: ask.company,
        reference: &reference,
    };
    let voice = look.voice(language);
    let contact = of.contact(look.sender());
    let company = name(&ask.company.name);
    let mut content = frame(&of, look, Mark::None);
    content.words = Arc::new(voice.words().words.with(&HEADERS));
    content.subject = voice.say("subject_confirm", &[]);
    content.intro = vec![
        voice.say(
            "confirm_intro",
            &[("company", &company), ("since", &since(ask, &voice))],
        ),
        voice.say("confirm_supplier", &[]),
    ];
    content.sections = vec![section(ask, &voice, &contact)];
    content.verify = voice.say_all(&["verify_1", "verify_2", "verify_4"], &contact);
    content.help = voice.say_all(&["help_1"], &contact);
    content.tlp = voice.say("tlp_amber", &[("tlp", "TLP:AMBER")]);
    content
}

/// How long it is since somebody confirmed them: never is not long ago.
fn since(ask: &Confirmation<'_>, voice: &Voice<'_>) -> String {
    let assets = ask.assets.iter().map(|asset| asset.confirmed_at);
    let contacts = ask.contacts.iter().map(|contact| contact.verified_at);
    let times: Vec<_> = assets.chain(contacts).collect();
    let key = match times.iter().flatten().count() {
        0 => "confirm_never_yet",
        n if n < times.len() => "confirm_some_never",
        _ => "confirm_long_ago",
    };
    voice.say(key, &[])
}

/// The table's headers speak of registrations here, not of what a scan saw.
const HEADERS: [(&str, &str); 6] = [
    ("where_", "confirm_where"),
    ("what_seen", "confirm_what"),
    ("when_seen", "confirm_when"),
    ("how_sure", "confirm_sure"),
    ("spots", "confirm_spots"),
    ("risk", "confirm_risk"),
];

fn section(
    ask: &Confirmation<'_>,
    voice: &Voice<'_>,
    contact: &[(&'static str, &str)],
) -> SectionText {
    let assets = ask.assets.iter().map(|asset| {
        let what = voice.word(kind_word(asset.kind));
        row(asset_text(asset), what, asset.confirmed_at, voice)
    });
    let contacts = ask.contacts.iter().map(|contact| {
        let (what, at) = match contact.channel {
            Channel::Email => ("confirm_email", value(&contact.value)),
            Channel::Phone => ("confirm_phone", value(&contact.value)),
            Channel::Post => ("confirm_post", voice.word("confirm_address")),
        };
        row(at, voice.word(what), contact.verified_at, voice)
    });
    let count = ask.assets.len() + ask.contacts.len();
    let rows: Vec<RowText> = assets.chain(contacts).take(MAX_ROWS).collect();
    let (shown, all) = (rows.len().to_string(), count.to_string());
    let cut = (rows.len() < count)
        .then(|| voice.say("confirm_cut", &[("shown", &shown), ("count", &all)]));
    let has_name = ask
        .assets
        .iter()
        .any(|asset| matches!(asset.value, AssetValue::Name(_)));
    let dots = has_name.then(|| voice.say("dots_note", &[]));
    SectionText {
        title: voice.say("confirm_title", &[]),
        urgency: voice.word("confirm_urgency"),
        rows,
        notes: cut.into_iter().chain(dots).collect(),
        risk: voice.say("confirm_why", &[]),
        do_now: voice.say_all(&["confirm_do_1", "confirm_do_2", "confirm_do_3"], contact),
        ..SectionText::default()
    }
}

fn row(at: String, what: String, confirmed_at: Option<Micros>, voice: &Voice<'_>) -> RowText {
    RowText {
        where_: at,
        what,
        when: confirmed_at.map_or_else(|| voice.word("confirm_never"), |at| voice.day(at)),
        sure: voice.word("confirm_yes_no"),
    }
}

fn asset_text(asset: &Asset) -> String {
    match &asset.value {
        AssetValue::Nets(_) => value(&asset.original),
        AssetValue::Asn(number) => format!("AS{number}"),
        AssetValue::Name(name) => host(name.as_str()),
    }
}

const fn kind_word(kind: AssetKind) -> &'static str {
    match kind {
        AssetKind::Ip => "confirm_ip",
        AssetKind::Cidr | AssetKind::Range => "confirm_range",
        AssetKind::Asn => "confirm_asn",
        AssetKind::Domain => "confirm_domain",
        AssetKind::Host => "confirm_host",
        AssetKind::EmailDomain => "confirm_email_domain",
    }
}

/// For the proof of the sentences: letters with a row too many to the sample's company, of which
/// none, one or all was confirmed.
pub(super) fn samples(letter: &Letter, look: &Look) -> Vec<Content> {
    [0, 1, MAX_ROWS + 1]
        .map(|n_confirmed| sample(letter, n_confirmed, look))
        .into()
}

fn sample(letter: &Letter, n_confirmed: usize, look: &Look) -> Content {
    let contact = |channel, verified_at| Contact {
        company: letter.company.key.clone(),
        channel,
        value: String::new(),
        role: String::new(),
        priority: 1,
        verified_at,
        bounced_at: None,
    };
    let channels = [Channel::Email, Channel::Phone, Channel::Post];
    let all: Vec<Contact> = (channels.into_iter().cycle().take(MAX_ROWS + 1).enumerate())
        .map(|(n, channel)| contact(channel, (n < n_confirmed).then_some(0)))
        .collect();
    let contacts: Vec<&Contact> = all.iter().collect();
    let company = Company {
        language: letter.language,
        ..(*letter.company).clone()
    };
    let ask = Confirmation {
        company: &company,
        night: letter.night,
        assets: &[],
        contacts: &contacts,
    };
    content(&ask, look)
}
