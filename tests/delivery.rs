//! Delivery: one suite that every outbox must pass, and a mail server that breaks on purpose.

mod contract;
mod mailbox;
mod night;
mod phases;
mod postfix;
mod resent;
mod secured;
mod server;

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;

use nachtwacht::deliver::{Dispatch, Journal, Smtp, SmtpSettings, Tls};
use nachtwacht::model::company::Channel;
use nachtwacht::store::Place;
use sha2::{Digest, Sha256};

pub const FOLDER: &str = "runs/2026-03-12/r/";

/// A letter whose files lie in a run.
pub struct Letter {
    pub reference: String,
    pub recipient: String,
    pub files: BTreeMap<String, String>,
}

impl Letter {
    /// Writes a mail for this recipient into the run.
    pub fn new(place: &Place, n: usize, recipient: &str) -> Self {
        let reference = format!("NW-260312-{n:05}-00000-X");
        let message = format!(
            "Message-ID: <{reference}.1@nachtwacht.example>\r\nTo: {recipient}\r\n\r\n.a line that begins with a dot\r\nlast line\r\n"
        );
        let name = format!("letters/{reference}.eml");
        place
            .create(&format!("{FOLDER}{name}"), message.as_bytes())
            .unwrap();
        let sha256 = hex::encode(Sha256::digest(message.as_bytes()));
        Self {
            reference,
            recipient: recipient.to_owned(),
            files: BTreeMap::from([(name, sha256)]),
        }
    }

    pub fn dispatch(&self) -> Dispatch<'_> {
        Dispatch {
            reference: &self.reference,
            attempt: 1,
            channel: Channel::Email,
            recipient: &self.recipient,
            files: &self.files,
        }
    }
}

/// A place of its own in a folder.
pub fn place(folder: &std::path::Path) -> Place {
    let base = url::Url::from_directory_path(folder).unwrap();
    Place::open(
        &base,
        &nachtwacht::store::Settings::default(),
        &BTreeMap::new(),
    )
    .unwrap()
}

pub fn settings(port: u16) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".into(),
        port: NonZeroU16::new(port).unwrap(),
        tls: Tls::None,
        ca_file: None,
        auth_env: None,
        return_path: "bounces@nachtwacht.example".into(),
        hello: "localhost".into(),
        connections: NonZeroUsize::new(4).unwrap(),
        per_domain_per_minute: 0,
        // What a job has without saying.
        retries: 4,
        first_wait: Duration::from_millis(1),
        timeout: Duration::from_millis(800),
    }
}

pub fn smtp(place: &Place, settings: SmtpSettings) -> Journal<Smtp> {
    let carrier = Smtp::new(settings, None, None).unwrap();
    Journal::new(place.clone(), FOLDER.into(), carrier)
}
