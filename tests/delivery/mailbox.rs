//! Mails as another program reads them.

use mail_parser::{MessageParser, MimeHeaders, PartType};
use nachtwacht::model::company::{Channel, Language};
use nachtwacht::model::decision::ItemKind;
use nachtwacht::render::{self, Mark};

use crate::render::house;

#[test]
fn a_mail_says_the_same_as_the_letter_and_nothing_else() {
    let (look, threat) = house();
    for language in [Language::Nl, Language::En] {
        let mut letter = render::sample_letter(&threat, language, ItemKind::First, &look).unwrap();
        letter.recipient.channel = Channel::Email;
        letter.recipient.value = "ict@voorbeeldkorf.example".into();
        let done = render::render(&letter, &look, Mark::None).unwrap();
        let bytes = render::mail(&letter, &look, &done);
        assert_eq!(bytes, render::mail(&letter, &look, &done), "the same bytes");
        for line in bytes.split(|b| *b == b'\n') {
            assert!(line.len() <= 998 && line.is_ascii());
            assert!(line.is_empty() || line.ends_with(b"\r"), "a bare line feed");
            assert_eq!(
                line.iter().filter(|b| **b == b'\r').count(),
                usize::from(!line.is_empty())
            );
        }
        let mail = MessageParser::default().parse(&bytes).unwrap();
        let names: Vec<&str> = mail.headers().iter().map(|h| h.name()).collect();
        assert_eq!(
            names,
            [
                "Date",
                "From",
                "To",
                "Subject",
                "Message-ID",
                "List-ID",
                "Auto-Submitted",
                "Content-Language",
                "MIME-Version",
                "Content-Type"
            ]
        );
        let to = mail.to().unwrap();
        assert_eq!(to.iter().count(), 1);
        assert_eq!(
            to.first().unwrap().address(),
            Some("ict@voorbeeldkorf.example")
        );
        assert_eq!(
            mail.from().unwrap().first().unwrap().address(),
            Some("vragen@nachtwacht.example")
        );
        assert_eq!(mail.subject().unwrap(), render::subject(&letter, &look));
        let id = format!("{}.1@nachtwacht.example", letter.reference);
        assert_eq!(mail.message_id(), Some(id.as_str()));
        assert_eq!(mail.date().unwrap().to_rfc3339(), "2026-03-11T23:00:00Z");
        // Text, HTML, PDF, in the order in which a mail program prefers the later one.
        let same = |found: &str, rendered: &[u8]| {
            let rendered = String::from_utf8_lossy(rendered).into_owned();
            assert_eq!(found.replace("\r\n", "\n").trim_end(), rendered.trim_end());
        };
        let texts: Vec<&str> = mail
            .parts
            .iter()
            .filter_map(|p| match &p.body {
                PartType::Text(t) | PartType::Html(t) => Some(t.as_ref()),
                _ => None,
            })
            .collect();
        assert_eq!(texts.len(), 2);
        same(texts[0], &done.text);
        same(texts[1], &done.html);
        let attached: Vec<_> = mail.attachments().collect();
        assert_eq!(attached.len(), 1);
        assert_eq!(attached[0].contents(), done.pdf);
        assert_eq!(
            attached[0].attachment_name(),
            Some(format!("{}.pdf", letter.reference).as_str())
        );
    }
}
