//! `[delivery]`: where letters leave the house.

use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;

use super::section::Section;
use crate::deliver::{MailOutbox, Settings, SmtpSettings, Tls};
use crate::model::email::mail_address;

/// One plain mail address, already in A-labels: it goes into headers and commands as it is.
pub(super) fn is_mailbox(text: &str) -> bool {
    mail_address(text).is_ok_and(|address| address == text)
}

pub(super) fn delivery(section: Option<Section<'_, '_>>) -> Settings {
    let Some(section) = section else {
        return Settings::default();
    };
    let email = section.text_or("email", "files");
    let maildir = section.section_if("maildir").map(maildir);
    let smtp = section.section_if("smtp").map(smtp);
    let email = match (email.as_str(), maildir, smtp) {
        ("files", _, _) => MailOutbox::Files,
        ("merge", _, _) => MailOutbox::Merge,
        ("maildir", Some(maildir), _) => maildir.unwrap_or_default(),
        ("smtp", _, Some(smtp)) => smtp.map(MailOutbox::Smtp).unwrap_or_default(),
        (kind @ ("maildir" | "smtp"), _, _) => {
            let message = format!("`{kind}` needs a table `[delivery.{kind}]`");
            section.problem("email", message);
            MailOutbox::Files
        }
        (other, _, _) => {
            let message = format!("`{other}` is not one of files, merge, maildir, smtp");
            section.problem("email", message);
            MailOutbox::Files
        }
    };
    section.finish();
    Settings { email }
}

fn maildir(section: Section<'_, '_>) -> Option<MailOutbox> {
    let folder = section.text("folder");
    section.finish();
    folder.map(|folder| MailOutbox::Maildir { folder })
}

fn smtp(section: Section<'_, '_>) -> Option<SmtpSettings> {
    let host = section.text("host");
    let tls = section.parsed_if("tls", "starttls, implicit, none");
    let tls = tls.unwrap_or(Tls::StartTls);
    if tls == Tls::None && host.as_deref().is_some_and(|host| !is_here(host)) {
        section.problem("tls", "`none` is for a server on this machine only");
    }
    let ca_file = section.text_if("ca_file");
    if tls == Tls::None && ca_file.is_some() {
        section.problem("ca_file", "`tls = \"none\"` asks for no certificate");
    }
    let port = section.number_or("port", standard_port(tls), "a port from 1 to 65535");
    let (user, password) = (section.text_if("user_env"), section.text_if("password_env"));
    let auth_env = match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        _ => {
            section.problem("user_env", "`user_env` and `password_env` go together");
            None
        }
    };
    let return_path = section.text("return_path");
    if let Some(address) = &return_path
        && !is_mailbox(address)
    {
        let message = format!("`{address}` is not one plain mail address");
        section.problem("return_path", message);
    }
    let hello = section.text_or("hello", "localhost");
    for (key, name) in [("hello", Some(&hello)), ("host", host.as_ref())] {
        let Some(name) = name else { continue };
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-.[]:".contains(&b);
        if name.is_empty() || !name.bytes().all(is_plain) {
            section.problem(key, format!("`{name}` is not a host name"));
        }
    }
    let connections = section.number_or("connections", 4u16, "1 to 64");
    if !(1..=64).contains(&connections) {
        section.problem("connections", format!("`{connections}` is not in 1 to 64"));
    }
    let seconds = "a number of seconds";
    let settings = SmtpSettings {
        host: host?,
        port: NonZeroU16::new(port)?,
        tls,
        ca_file,
        auth_env,
        return_path: return_path?,
        hello,
        connections: NonZeroUsize::new(usize::from(connections))?,
        per_domain_per_minute: section.number_or("per_domain_per_minute", 0, "a number of mails"),
        retries: section.number_or("retries", 4, "a number of tries"),
        first_wait: Duration::from_secs(section.number_or("first_wait_secs", 2, seconds)),
        timeout: Duration::from_secs(section.number_or("timeout_secs", 60, seconds)),
    };
    section.finish();
    Some(settings)
}

/// Submission with STARTTLS (RFC 6409), with TLS (RFC 8314), and a server of one's own.
const fn standard_port(tls: Tls) -> u16 {
    match tls {
        Tls::StartTls => 587,
        Tls::Implicit => 465,
        Tls::None => 25,
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
