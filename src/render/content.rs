//! One tree of finished sentences for a letter; every form lays out this tree.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::look::Look;
use super::visible::{host, is_host_name, name, value, words_apart};
use super::words::{Glossary, Words};
use super::{Mark, annex, correction, facts, overview, owner, postal};
use crate::model::company::{Company, Language};
use crate::model::decision::{ContactReason, ItemKind};
use crate::model::letter::{Letter, LetterFinding, LetterSection, Sender};
use crate::model::matches::Confidence;
use crate::model::night::{Micros, Night};
use crate::model::threat::{Certainty, Urgency};

#[derive(Serialize)]
pub(super) struct Content {
    pub(super) language: String,
    pub(super) font: String,
    concept: bool,
    concept_note: String,
    pub(super) night: DateParts,
    /// Added by whoever makes this into a value: most of it is the same in every letter.
    #[serde(skip)]
    pub(super) words: Arc<Glossary>,
    sender: SenderText,
    tagline: String,
    pub(super) address: Vec<String>,
    place_and_date: String,
    pub(super) reference: String,
    pub(super) subject: String,
    salutation: String,
    pub(super) intro: Vec<String>,
    pub(super) sections: Vec<SectionText>,
    pub(super) verify: Vec<String>,
    pub(super) help: Vec<String>,
    closing: String,
    pub(super) tlp: String,
    legal: String,
    /// The letter as plain text; empty but for the fallback.
    pub(super) plain: String,
}

impl Content {
    /// As the templates of text and HTML take it.
    pub(super) fn context(&self) -> Result<tera::Context, tera::Error> {
        let mut context = tera::Context::from_serialize(self)?;
        context.insert_value("words", self.words.value.clone());
        // On paper the address stands as it was registered; a screen would make links of it.
        let address: Vec<String> = self.address.iter().map(|line| words_apart(line)).collect();
        context.insert("address", &address);
        Ok(context)
    }

    /// As the typesetter takes it.
    pub(super) fn json(&self) -> Result<serde_json::Value, String> {
        let mut json = serde_json::to_value(self).map_err(|e| e.to_string())?;
        let words = serde_json::to_value(&self.words.words).map_err(|e| e.to_string())?;
        if let Some(map) = json.as_object_mut() {
            map.insert("words".into(), words);
        }
        Ok(json)
    }
}

#[derive(Serialize)]
pub(super) struct DateParts {
    year: i16,
    month: i8,
    day: i8,
}

#[derive(Serialize)]
struct SenderText {
    name: String,
    accent: String,
    return_address: String,
}

#[derive(Default, Serialize)]
pub(super) struct SectionText {
    pub(super) title: String,
    pub(super) urgency: String,
    pub(super) what: Vec<String>,
    pub(super) rows: Vec<RowText>,
    pub(super) notes: Vec<String>,
    pub(super) risk: String,
    pub(super) facts: Vec<String>,
    pub(super) do_now: Vec<String>,
    pub(super) check_for_abuse: Vec<String>,
    pub(super) references: Vec<String>,
}

#[derive(Serialize, PartialEq, Eq)]
pub(super) struct RowText {
    pub(super) where_: String,
    pub(super) what: String,
    pub(super) when: String,
    pub(super) sure: String,
}

/// Says a sentence; templates were proved at loading, so a failure here cannot happen and shows
/// as the key in brackets rather than stopping a night.
pub(super) struct Voice<'a> {
    pub(super) look: &'a Look,
    pub(super) language: Language,
}

impl<'a> Voice<'a> {
    pub(super) fn words(&self) -> &'a Words {
        self.look.words(self.language)
    }

    pub(super) fn say(&self, key: &str, values: &[(&'static str, &str)]) -> String {
        self.words()
            .say(key, values)
            .unwrap_or_else(|_| format!("[{key}]"))
    }

    pub(super) fn word(&self, key: &str) -> String {
        let words = &self.words().words.words;
        words
            .get(key)
            .cloned()
            .unwrap_or_else(|| format!("[{key}]"))
    }

    pub(super) fn say_all(&self, keys: &[&str], values: &[(&'static str, &str)]) -> Vec<String> {
        keys.iter().map(|key| self.say(key, values)).collect()
    }

    pub(super) fn day(&self, at: Micros) -> String {
        crate::model::night::local_date(at, self.look.zone())
            .map(|date| self.words().date(date))
            .unwrap_or_default()
    }

    fn moment(&self, at: Micros) -> String {
        format!("{}, {}", self.day(at), clock(at, self.look.zone()))
    }
}

/// Hours and minutes.
fn clock(at: Micros, zone: &TimeZone) -> String {
    jiff::Timestamp::from_microsecond(at)
        .map(|t| t.to_zoned_datetime(zone.clone()))
        .map(|z| format!("{:02}:{:02}", z.hour(), z.minute()))
        .unwrap_or_default()
}

/// What a letter is about, whatever it says.
pub(super) struct Frame<'a> {
    pub(super) language: Language,
    pub(super) night: Night,
    pub(super) company: &'a Company,
    pub(super) addressee: &'a Company,
    /// What the reader quotes.
    pub(super) reference: &'a str,
}

impl Frame<'_> {
    /// What sentences may say of the sender.
    pub(super) fn contact<'s>(&'s self, sender: &'s Sender) -> [(&'static str, &'s str); 5] {
        [
            ("phone", &sender.phone),
            ("email", &sender.email),
            ("website", &sender.website),
            ("privacy", &sender.privacy_notice),
            ("reference", self.reference),
        ]
    }
}

/// Everything around the message: sender, address, date, closing.
pub(super) fn frame(of: &Frame<'_>, look: &Look, mark: Mark) -> Content {
    let words = look.words(of.language);
    let voice = look.voice(of.language);
    let sender = look.sender();
    let (date, at) = (of.night.date(), language_at(of.language));
    let pick = |texts: &[String; 2]| texts.get(at).cloned().unwrap_or_default();
    let legal_basis = pick(&sender.legal_basis);
    let with_basis: Vec<(&'static str, &str)> = of
        .contact(sender)
        .into_iter()
        .chain([("legal_basis", legal_basis.as_str())])
        .collect();
    Content {
        language: of.language.to_string(),
        font: look.font().to_owned(),
        concept: mark == Mark::Concept,
        concept_note: voice.say("concept_note", &[]),
        night: DateParts {
            year: date.year(),
            month: date.month(),
            day: date.day(),
        },
        words: words.glossary(false),
        sender: SenderText {
            name: sender.name.clone(),
            accent: sender.accent.clone(),
            return_address: sender.return_address.clone(),
        },
        tagline: pick(&sender.tagline),
        address: postal::lines(of.company, of.addressee, &voice),
        place_and_date: format!("{}, {}", sender.town, words.date(date)),
        subject: String::new(),
        salutation: voice.say("salutation", &[]),
        intro: Vec::new(),
        sections: Vec::new(),
        verify: Vec::new(),
        help: Vec::new(),
        closing: voice.say("closing", &[]),
        tlp: String::new(),
        legal: voice.say("legal", &with_basis),
        plain: String::new(),
        reference: of.reference.to_owned(),
    }
}

pub(super) fn content(letter: &Letter, look: &Look, mark: Mark) -> Content {
    if let Some(of) = &letter.overview {
        return overview::content(letter, of, look, mark);
    }
    let voice = look.voice(letter.language);
    let reference = letter.reference.to_string();
    let of = Frame {
        language: letter.language,
        night: letter.night,
        company: &letter.company,
        addressee: &letter.addressee,
        reference: &reference,
    };
    let contact = of.contact(look.sender());
    Content {
        subject: subject(letter, voice.words()),
        intro: intro(letter, &voice)
            .into_iter()
            .chain(annex_note(letter, &look.sender().email, &voice))
            .collect(),
        sections: letter
            .sections
            .iter()
            .map(|s| section(s, letter, &voice))
            .collect(),
        verify: voice.say_all(&["verify_1", "verify_2", "verify_3", "verify_4"], &contact),
        help: match letter.correction {
            None => voice.say_all(&["help_1", "help_2"], &contact),
            Some(_) => voice.say_all(&["help_1"], &contact),
        },
        tlp: owner::tlp(letter, voice.words()),
        words: voice.words().glossary(owner::reads(letter)),
        ..frame(&of, look, mark)
    }
}

const fn language_at(language: Language) -> usize {
    match language {
        Language::Nl => 0,
        Language::En => 1,
    }
}

pub(super) fn subject(letter: &Letter, words: &Words) -> String {
    if let Some(of) = &letter.overview {
        return overview::subject(of, words);
    }
    let count = letter.sections.len().to_string();
    let one = if letter.correction.is_some() {
        "subject_correction"
    } else {
        "subject_one"
    };
    let said = match letter.sections.as_slice() {
        [only] => words.say(one, &[("title", owner::title_and_what(only, letter).0)]),
        _ => words.say("subject_many", &[("count", &count)]),
    };
    said.unwrap_or_default()
}

fn intro(letter: &Letter, voice: &Voice<'_>) -> Vec<String> {
    if let Some(back) = &letter.correction {
        return correction::intro(letter, back, voice);
    }
    let spots = spots(letter, voice);
    let company = name(&letter.company.name);
    let is_bulk = annex::is_bulk(letter);
    let opening = match (is_bulk, letter.sections.len()) {
        (true, _) => "intro_owner",
        (false, 0 | 1) => "intro",
        (false, _) => "intro_several",
    };
    let mut intro = vec![voice.say(opening, &[("company", &company), ("spots", &spots)])];
    if letter.sections.len() > 1 {
        intro.push(voice.say("several", &[("count", &letter.sections.len().to_string())]));
    }
    intro.extend(because(letter, voice));
    let pass_on = match (is_bulk, owner::reads(letter)) {
        (true, _) => Some("pass_on"),
        (false, true) => None, // was asked above to pass it on to the company
        (false, false) if owner::is_for_one_alone(letter) => Some("intro_supplier_strict"),
        (false, false) => Some("intro_supplier"),
    };
    let pass_on = pass_on.filter(|_| owner::may_travel(letter));
    intro.extend(pass_on.map(|key| voice.say(key, &[])));
    intro
}

/// How many places on the network, and how many accounts: those may be used anywhere.
fn spots(letter: &Letter, voice: &Voice<'_>) -> String {
    let findings = || letter.sections.iter().flat_map(|s| &s.findings);
    let n_accounts = findings().filter(|f| f.account_domain.is_some()).count();
    let n_places = findings().count() - n_accounts;
    let say = |n: usize, one, many| match n {
        1 => voice.say(one, &[]),
        n => voice.say(many, &[("count", &n.to_string())]),
    };
    let places = say(n_places, "spot_one", "spot_many");
    let accounts = say(n_accounts, "account_one", "account_many");
    match (n_places, n_accounts) {
        (_, 0) => places,
        (0, _) => accounts,
        _ => voice.say(
            "spots_and_accounts",
            &[("spots", &places), ("accounts", &accounts)],
        ),
    }
}

/// Why we write to this address, where the reader did not give it.
pub(super) fn because(letter: &Letter, voice: &Voice<'_>) -> Option<String> {
    let key = match letter.recipient.why {
        ContactReason::Parent => "because_parent",
        ContactReason::SecurityTxt => "because_security_txt",
        ContactReason::RdapAbuse => "because_rdap_abuse",
        ContactReason::RoleMailbox => "because_role_mailbox",
        ContactReason::NetworkOwner => "because_network_owner",
        _ => return None,
    };
    Some(voice.say(key, &[("company", &name(&letter.company.name))]))
}

/// Where the places are that the tables do not show.
fn annex_note(letter: &Letter, email: &str, voice: &Voice<'_>) -> Option<String> {
    let name = letter.name();
    annex::is_needed(letter).then(|| {
        if annex::travels_along(letter) {
            voice.say("annex_along", &[("file", &name)])
        } else {
            let reference = letter.reference.as_str();
            voice.say("annex_asked", &[("email", email), ("reference", reference)])
        }
    })
}

fn section(s: &LetterSection, letter: &Letter, voice: &Voice<'_>) -> SectionText {
    if let Some(back) = &letter.correction {
        return correction::section(s, letter, back, voice);
    }
    let text = s.threat.text(letter.language);
    let (title, about) = owner::title_and_what(s, letter);
    let is_to_owner = owner::reads(letter);
    let n_shown = annex::rows_shown(letter).min(s.findings.len());
    let shown = s.findings.get(..n_shown).unwrap_or_default();
    let urgency = match s.urgency {
        Urgency::Urgent => "urgent",
        Urgency::Normal => "normal",
    };
    SectionText {
        title: title.to_owned(),
        urgency: voice.word(urgency),
        what: what(s, about, voice),
        rows: rows(shown, is_to_owner, voice),
        notes: notes(s, letter, shown.len(), voice),
        risk: text.risk.clone(),
        facts: facts::lines(s, voice),
        do_now: text.do_now.clone(),
        check_for_abuse: text.check_for_abuse.clone(),
        references: s
            .threat
            .references
            .iter()
            .map(|r| r.title.clone())
            .collect(),
    }
}

fn what(s: &LetterSection, text: &str, voice: &Voice<'_>) -> Vec<String> {
    let mut what = Vec::new();
    let is_again = |k| matches!(k, ItemKind::Reminder | ItemKind::Escalation);
    let n_again = s.findings.iter().filter(|f| is_again(f.kind)).count();
    let is_back = |f: &LetterFinding| f.kind == ItemKind::Relapse;
    let n_back = s.findings.iter().filter(|f| is_back(f)).count();
    if n_again > 0 && n_again == s.findings.len() {
        let since = s.findings.iter().map(|f| f.first_observed_at).min();
        let since = since.map_or_else(String::new, |at| voice.day(at));
        what.push(voice.say("reminder", &[("since", &since)]));
    } else if n_back > 0 && n_back == s.findings.len() {
        what.push(voice.say("relapse", &[]));
    } else if n_again + n_back > 0 {
        what.push(voice.say("partly_again", &[]));
    }
    what.push(text.to_owned());
    what
}

fn notes(s: &LetterSection, letter: &Letter, n_shown: usize, voice: &Voice<'_>) -> Vec<String> {
    let is_to_owner = owner::reads(letter);
    let title = |f: &LetterFinding| value(voice.look.feed_title(&f.feed, voice.language));
    let mut feeds: Vec<String> = s.findings.iter().map(title).collect();
    feeds.sort();
    feeds.dedup();
    let last = s.findings.iter().map(|f| f.observed_at).max().unwrap_or(0);
    let pick = |usual, to_owner| if is_to_owner { to_owner } else { usual };
    let mut notes = vec![voice.say(
        "source",
        &[("feeds", &feeds.join(", ")), ("last", &voice.day(last))],
    )];
    if n_shown < s.findings.len() {
        let (shown, count) = (n_shown.to_string(), s.findings.len().to_string());
        notes.insert(
            0,
            voice.say("table_cut", &[("shown", &shown), ("count", &count)]),
        );
    }
    if s.findings
        .iter()
        .any(|f| f.certainty == Certainty::Possible)
    {
        notes.push(voice.say(pick("possible_note", "possible_note_owner"), &[]));
    }
    if s.findings.iter().any(|f| f.confidence != Confidence::High) {
        notes.push(voice.say(pick("unsure_note", "unsure_note_owner"), &[]));
    }
    // Said once, where the first name is.
    let mut with_names = letter.sections.iter();
    let first = with_names.find(|s| s.findings.iter().any(has_name));
    if first.is_some_and(|first| std::ptr::eq(first, s)) {
        notes.push(voice.say("dots_note", &[]));
    }
    let is_passed_on = is_to_owner && owner::may_travel(letter);
    notes.extend(is_passed_on.then(|| voice.say("for_customer", &[])));
    notes
}

fn has_name(f: &LetterFinding) -> bool {
    f.hostname.is_some() || f.account_domain.is_some() || f.ip.is_none()
}

/// One row a finding; accounts of which the letter says the same are counted in one row.
fn rows(shown: &[LetterFinding], is_to_owner: bool, voice: &Voice<'_>) -> Vec<RowText> {
    let mut rows: Vec<(RowText, &LetterFinding, usize)> = Vec::new();
    for f in shown {
        let row = row(f, 1, is_to_owner, voice);
        let mut accounts = rows.iter_mut().filter(|_| f.account_domain.is_some());
        match accounts.find(|(known, ..)| *known == row) {
            Some((.., n)) => *n += 1,
            None => rows.push((row, f, 1)),
        }
    }
    rows.into_iter()
        .map(|(one, f, n)| match n {
            1 => one,
            n => row(f, n, is_to_owner, voice),
        })
        .collect()
}

/// The account at its domain, or as many as there are, the address, or the name.
fn place(f: &LetterFinding, n: usize, voice: &Voice<'_>) -> String {
    let count = n.to_string();
    let at = |domain: &String| {
        let domain = host(domain);
        match n {
            1 => voice.say("account", &[("domain", &domain)]),
            _ => voice.say("accounts", &[("count", &count), ("domain", &domain)]),
        }
    };
    match (f.account_domain.as_ref().map(at), f.ip) {
        (Some(account), Some(ip)) => format!("{account}, {ip}"),
        (Some(account), None) => account,
        (None, Some(ip)) => ip.to_string(),
        (None, None) => host(&f.target),
    }
}

fn row(f: &LetterFinding, n: usize, is_to_owner: bool, voice: &Voice<'_>) -> RowText {
    let mut place = place(f, n, voice);
    if let Some(port) = f.port {
        let protocol = f
            .protocol
            .as_deref()
            .map(|p| format!("/{}", value(p)))
            .unwrap_or_default();
        place = format!("{place}, {} {port}{protocol}", voice.word("port"));
    }
    if let Some(port) = f.source_port {
        place = format!("{place}, {} {port}", voice.word("source_port"));
    }
    let is_beside = f.ip.is_some() || f.account_domain.is_some();
    // Whoever runs the machine chose it: what is no name is a message to the reader.
    let name = f.hostname.as_deref().filter(|name| is_host_name(name));
    if let Some(name) = name.filter(|_| is_beside) {
        place = format!("{place} ({})", host(name));
    }
    let mut when = voice.moment(f.observed_at);
    if f.source_port.is_some() {
        // By it the machine is looked for in logs, which often have UTC.
        when = format!("{when} ({} UTC)", clock(f.observed_at, &TimeZone::UTC));
    }
    if voice.day(f.first_observed_at) != voice.day(f.observed_at) {
        when = format!(
            "{when}; {} {}",
            voice.word("first_seen"),
            voice.day(f.first_observed_at)
        );
    }
    let mut sure = voice.say(sure_key(f.confidence, is_to_owner), &[]);
    if f.certainty == Certainty::Possible {
        sure = format!("{sure}; {}", voice.say("possible", &[]));
    }
    RowText {
        where_: place,
        what: product(f),
        when,
        sure,
    }
}

/// Owners read whether the place is the right one, not whether it is theirs.
const fn sure_key(confidence: Confidence, is_to_owner: bool) -> &'static str {
    match (confidence, is_to_owner) {
        (Confidence::High, false) => "sure_high",
        (Confidence::Medium, false) => "sure_medium",
        (Confidence::Low, false) => "sure_low",
        (Confidence::High, true) => "sure_high_owner",
        (Confidence::Medium, true) => "sure_medium_owner",
        (Confidence::Low, true) => "sure_low_owner",
    }
}

/// Hostile texts as one.
fn values(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| value(text)).collect();
    texts.join(", ")
}

fn product(f: &LetterFinding) -> String {
    let parts = [&f.product, &f.version]
        .into_iter()
        .flatten()
        .map(|p| value(p));
    let mut text = parts.collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        text = values(&f.tags);
    }
    if !f.cves.is_empty() {
        text = format!("{text} ({})", values(&f.cves)).trim().to_owned();
    }
    text
}
