//! TLS and log-in: whom the connection believes, and whom the server lets in.

use std::fs;

use nachtwacht::deliver::{Authorities, Carrier, Mail, Sent, Smtp, SmtpSettings, Tls};
use nachtwacht::diag::{Failure, Kind};

use super::night::{NIGHT, by_smtp, delivering, states};
use super::postfix::{Postfix, can_run, make_certificate, wait_until};
use super::server::{Script, Server};
use super::settings;

const MAILBOX: &str = "beheer@firma.example";
const MAIL: Mail<'_> = Mail {
    name: "NW-260312-00000-00000-X",
    recipient: MAILBOX,
    message: b"Subject: secured\r\nFrom: <a@nachtwacht.example>\r\n\r\nhallo\r\n",
};

/// Sends one mail; an open connection is asked for first, as a night does before it claims.
fn send(settings: SmtpSettings, authorities: Option<&Authorities>) -> Result<Sent, Failure> {
    let smtp = Smtp::new(settings, None, authorities)?;
    smtp.ready()?;
    smtp.send(&MAIL, &mut || Ok(()))
}

fn refused(ended: Result<Sent, Failure>, words: &str) {
    let failure = ended.unwrap_err();
    assert_eq!(failure.kind, Kind::FixJob, "{failure}");
    let said = failure.to_string();
    assert!(said.contains(words), "{words}: {said}");
}

fn authority_of(folder: &std::path::Path) -> Authorities {
    Authorities::read("ca.pem", &fs::read(folder.join("ca.pem")).unwrap()).unwrap()
}

#[test]
fn both_ways_of_tls_want_the_right_authority_and_the_right_name() {
    if !can_run() {
        return;
    }
    let postfix = Postfix::start("nobody@nowhere.example", "no-one@nowhere.example", 9);
    let ours = authority_of(postfix.folder.path());
    let other = tempfile::tempdir().unwrap();
    make_certificate(other.path());
    let theirs = authority_of(other.path());
    for (tls, port) in [
        (Tls::StartTls, postfix.port),
        (Tls::Implicit, postfix.implicit),
    ] {
        let to = |host: &str| SmtpSettings {
            tls,
            host: host.into(),
            timeout: std::time::Duration::from_secs(10),
            ..settings(port)
        };
        refused(
            send(to("127.0.0.1"), Some(&theirs)),
            "no authority that we trust",
        );
        refused(send(to("127.0.0.1"), None), "no authority that we trust");
        let other_name = "does not bear the name `localhost`";
        refused(send(to("localhost"), Some(&ours)), other_name);
        assert!(postfix.delivered().len() <= 1, "{tls:?}");
        let sent = send(to("127.0.0.1"), Some(&ours)).unwrap();
        assert!(matches!(sent, Sent::Accepted(_)), "{tls:?}: {sent:?}");
    }
    wait_until("both mails arrive", || postfix.delivered().len() == 2);
    for mail in postfix.delivered() {
        let text = String::from_utf8_lossy(&mail).into_owned();
        assert!(text.contains(&format!("Delivered-To: {MAILBOX}")), "{text}");
        assert!(text.contains("with ESMTPS"), "{text}");
    }
}

#[test]
fn a_server_without_starttls_gets_neither_password_nor_mail() {
    let server = Server::start(Script::Login("nachtwacht", "zilver-71-kade"));
    let settings = SmtpSettings {
        tls: Tls::StartTls,
        ..settings(server.port)
    };
    let credentials = ("nachtwacht".to_owned(), "zilver-71-kade".to_owned());
    let smtp = Smtp::new(settings, Some(credentials), None).unwrap();
    let failure = smtp.ready().unwrap_err();
    assert_eq!(failure.kind, Kind::FixJob);
    assert!(failure.to_string().contains("no STARTTLS"), "{failure}");
    assert_eq!((server.logins(), server.mails().len()), (vec![], 0));
}

/// The job names two variables; what they hold opens the server, and nothing else does.
#[test]
fn user_and_password_come_out_of_the_environment() {
    let server = Server::start(Script::Login("nachtwacht", "zilver-71-kade"));
    let table = by_smtp(server.port);
    let run = ["run", "jobs/nightly.toml", "--night", NIGHT];

    let sandbox = delivering(&table);
    let anonymous = sandbox.call(&run, &[]).ended_with(2);
    anonymous.says(&["530", "log in first"]);
    // (Such a server lets us greet it; it is asked for the first time by the first letter.)
    assert!(server.mails().is_empty());

    let named = "user_env = \"MAIL_USER\"\npassword_env = \"MAIL_PASSWORD\"\n";
    let sandbox = delivering(&format!("{table}{named}"));
    let said = sandbox.call(&run, &[]).ended_with(2);
    said.says(&["`MAIL_USER` is not set"]);
    let wrong = [("MAIL_USER", "nachtwacht"), ("MAIL_PASSWORD", "geraden")];
    let said = sandbox.call(&run, &wrong).ended_with(2);
    said.says(&["refuses our credentials", "535"]);
    assert!(sandbox.ledger("claim").is_empty());
    assert!(server.mails().is_empty());
    let right = [
        ("MAIL_USER", "nachtwacht"),
        ("MAIL_PASSWORD", "zilver-71-kade"),
    ];
    sandbox.call(&run, &right).ended_with(0);
    let n = states(&sandbox, NIGHT)
        .iter()
        .filter(|s| s.0 == "smtp")
        .count();
    assert_eq!(server.mails().len(), n);
    assert!(n > 10, "{n} mails");
    // Nothing that the run left holds the password.
    for (name, bytes) in crate::sandbox::tree(&sandbox.path("")) {
        let holds = bytes.windows(14).any(|w| w == b"zilver-71-kade");
        assert!(!holds, "{name} holds the password");
    }
    assert!(
        server
            .logins()
            .iter()
            .any(|l| l == "nachtwacht zilver-71-kade")
    );
}

#[test]
fn a_file_without_an_authority_is_refused_with_the_job() {
    let table = "[delivery]\nemail = \"smtp\"\n[delivery.smtp]\nhost = \"mail.example\"\n\
                 return_path = \"bounces@nachtwacht.example\"\nca_file = \"authority.pem\"\n";
    let sandbox = delivering(table);
    let check = ["check", "jobs/nightly.toml"];
    let said = sandbox.call(&check, &[]).ended_with(2);
    said.says(&["delivery.smtp.ca_file", "authority.pem cannot be read"]);
    for (pem, words) in [
        ("", "no certificate was found"),
        ("geen PEM", "no certificate was found"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "certificate 1 is not one of an authority",
        ),
    ] {
        fs::write(sandbox.path("jobs/authority.pem"), pem).unwrap();
        sandbox.call(&check, &[]).ended_with(2).says(&[words]);
    }
    let none = "host = \"localhost\"\ntls = \"none\"\n";
    sandbox.edit("jobs/nightly.toml", "host = \"mail.example\"\n", none);
    let said = sandbox.call(&check, &[]).ended_with(2);
    said.says(&["asks for no certificate"]);
}
