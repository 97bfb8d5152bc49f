//! Whole nights whose e-mail leaves by a carrier, and what comes back.

use std::collections::BTreeSet;

use serde_json::Value;

use super::server::{Script, Server};
use crate::sandbox::Sandbox;

pub const NIGHT: &str = "2026-03-09";

/// A sandbox whose job delivers e-mail as this table says.
pub fn delivering(table: &str) -> Sandbox {
    let sandbox = Sandbox::new(&[6, 9]);
    let place = "[mail_merge]\n";
    sandbox.edit("jobs/nightly.toml", place, &format!("{table}\n{place}"));
    sandbox
}

pub fn by_smtp(port: u16) -> String {
    format!(
        "[delivery]\nemail = \"smtp\"\n[delivery.smtp]\nhost = \"127.0.0.1\"\ntls = \"none\"\nport = {port}\n\
         return_path = \"bounces@nachtwacht.example\"\nretries = 1\nfirst_wait_secs = 0\ntimeout_secs = 5\n"
    )
}

pub fn of_night(sandbox: &Sandbox, kind: &str, night: &str) -> Vec<Value> {
    let records = sandbox.ledger(kind).into_iter();
    records.filter(|r| r["night"] == night).collect()
}

pub fn states(sandbox: &Sandbox, night: &str) -> Vec<(String, String)> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let receipts = of_night(sandbox, "receipt", night);
    receipts
        .iter()
        .map(|r| (text(&r["outbox"]), text(&r["state"])))
        .collect()
}

fn n_of(states: &[(String, String)], outbox: &str, state: &str) -> usize {
    states
        .iter()
        .filter(|s| (s.0.as_str(), s.1.as_str()) == (outbox, state))
        .count()
}

/// Recipients of the night's mails, by reference.
pub fn recipients(sandbox: &Sandbox, night: &str) -> Vec<(String, String)> {
    let outputs = sandbox.outputs(night);
    let mails = outputs.iter().filter(|(name, _)| name.ends_with(".eml"));
    mails
        .map(|(name, bytes)| {
            let text = String::from_utf8_lossy(bytes);
            let to = text.lines().find_map(|l| l.strip_prefix("To: ")).unwrap();
            let reference = name.trim_start_matches("letters/").trim_end_matches(".eml");
            (reference.to_owned(), to.trim_matches(['<', '>']).to_owned())
        })
        .collect()
}

#[test]
fn a_maildir_gets_every_mail_once() {
    let sandbox = delivering(
        "[delivery]\nemail = \"maildir\"\n[delivery.maildir]\nfolder = \"../Maildir\"\n",
    );
    sandbox.run(NIGHT).ended_with(0);
    let expected: BTreeSet<String> = recipients(&sandbox, NIGHT)
        .into_iter()
        .map(|r| r.0)
        .collect();
    assert!(expected.len() > 10, "{} mails", expected.len());
    let new = crate::sandbox::tree(&sandbox.path("Maildir/new"));
    assert_eq!(new.keys().cloned().collect::<BTreeSet<_>>(), expected);
    let states = states(&sandbox, NIGHT);
    assert_eq!(n_of(&states, "maildir", "handed_over"), expected.len());
    assert!(n_of(&states, "files", "handed_over") > 0, "letters by post");
    sandbox.run(NIGHT).ended_with(0).says(&["0 new letters"]);
    assert_eq!(crate::sandbox::tree(&sandbox.path("Maildir/new")), new);
}

/// One mailbox refuses: all others get theirs, and the company's next contact gets its letter in
/// the same night.
#[test]
fn a_refused_letter_goes_to_the_next_contact() {
    let probe = delivering("[delivery]\nemail = \"files\"\n");
    probe.run(NIGHT).ended_with(0);
    let mut to = recipients(&probe, NIGHT);
    to.sort();
    let (reference, poisoned) = to.first().unwrap().clone();
    let n_of_mailbox = to.iter().filter(|t| t.1 == poisoned).count();

    let server = Server::start(Script::Poisoned(poisoned.clone().leak(), 550));
    let sandbox = delivering(&by_smtp(server.port));
    sandbox.run(NIGHT).ended_with(1);
    assert!(server.accepted().values().all(|n| *n == 1));
    let states_before = states(&sandbox, NIGHT);
    assert_eq!(n_of(&states_before, "smtp", "failed"), n_of_mailbox);
    let claims = of_night(&sandbox, "claim", NIGHT);
    let of_letter: Vec<&Value> = claims
        .iter()
        .filter(|c| c["reference"] == reference)
        .collect();
    assert_eq!(of_letter.len(), 2, "{of_letter:?}");
    let [first, second] = [of_letter[0], of_letter[1]];
    assert_eq!(
        (&first["attempt"], &second["attempt"]),
        (&1.into(), &2.into())
    );
    assert_eq!(first["items"], second["items"]);
    assert_ne!(first.get("contact_ref"), second.get("contact_ref"));
    // Every attempt has its files, and the manifest names them.
    let outputs = sandbox.outputs(NIGHT);
    let name = format!("letters/{reference}.2.pdf");
    assert!(outputs.contains_key(&name), "{name}");
    assert!(
        sandbox.manifest(NIGHT)["outputs_sha256"]
            .get(&name)
            .is_some()
    );
    if second["channel"] == "post" {
        let merge = String::from_utf8_lossy(&outputs["mail-merge/letters.csv"]).into_owned();
        assert!(merge.contains(&name), "{merge}");
    }
    let n_mails = server.mails().len();
    sandbox.run(NIGHT).ended_with(0).says(&["0 new letters"]);
    assert_eq!(server.mails().len(), n_mails, "nothing is sent again");
    assert_eq!(states(&sandbox, NIGHT), states_before);
    assert_eq!(sandbox.outputs(NIGHT), outputs);
    sandbox
        .call(&["verify", &reference], &[])
        .ended_with(0)
        .says(&["real, sent on"]);
}

/// A notification as mail servers write it (RFC 3464, RFC 6522).
pub fn notification(message_id: &str, action: &str, status: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mail.example\r\nTo: bounces@nachtwacht.example\r\nSubject: Undelivered\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nWe are sorry.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example\r\n\r\n\
         Final-Recipient: rfc822; a@firma.example\r\nAction: {action}\r\nStatus: {status}\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{message_id}>\r\nSubject: x\r\n\r\n--b--\r\n"
    )
}

#[test]
fn a_bounce_is_noted_once_and_only_for_a_letter_of_ours() {
    let server = Server::start(Script::Kind);
    let sandbox = delivering(&by_smtp(server.port));
    sandbox.run(NIGHT).ended_with(0);
    let ours = recipients(&sandbox, NIGHT);
    let id = |n: usize| format!("{}.1@nachtwacht.example", ours[n].0);
    let mails = [
        notification(&id(0), "failed", "5.1.1"),
        notification(&id(0), "failed", "5.1.1"),
        notification(&id(1), "delayed", "4.4.1"),
        notification(&id(2), "failed", "4.4.1"),
        notification(
            "NW-260309-00000-00000-F.1@nachtwacht.example",
            "failed",
            "5.1.1",
        ),
        format!(
            "From: a@firma.example\r\nSubject: thanks\r\n\r\nYour letter {} helped.\r\n",
            ours[3].0
        ),
    ];
    let mbox: String = mails
        .iter()
        .map(|m| format!("From x Thu Mar 12 00:00:00 2026\r\n{m}\r\n"))
        .collect();
    std::fs::write(sandbox.path("mbox"), mbox).unwrap();
    let args = ["bounces", "mbox"];
    sandbox.call(&args, &[]).ended_with(0).says(&[
        "6 mails",
        &format!("bounced: {}", ours[0].0),
        "1 bounced\n",
        "1 noted before",
        "2 late or delivered",
        "1 about no letter of ours",
        "1 not a delivery status",
    ]);
    let bounced = || {
        states(&sandbox, NIGHT)
            .iter()
            .filter(|s| s.1 == "bounced")
            .count()
    };
    assert_eq!(bounced(), 1);
    sandbox
        .call(&args, &[])
        .ended_with(0)
        .says(&["2 noted before"]);
    assert_eq!(bounced(), 1);
    sandbox
        .call(&["verify", &ours[0].0], &[])
        .ended_with(0)
        .says(&["it came back to us"]);
    sandbox
        .call(&["bounces", "nowhere"], &[])
        .ended_with(2)
        .says(&["cannot be read"]);
}

#[test]
fn a_job_that_cannot_deliver_stops_before_the_first_claim() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let sandbox = delivering(&by_smtp(port));
    sandbox
        .run(NIGHT)
        .ended_with(3)
        .says(&["the mail server does not take our mail"]);
    assert!(sandbox.ledger("claim").is_empty());

    let table = by_smtp(port) + "user_env = \"MAIL_USER\"\npassword_env = \"MAIL_PASSWORD\"\n";
    let sandbox = delivering(&table);
    sandbox
        .run(NIGHT)
        .ended_with(2)
        .says(&["`MAIL_USER` is not set"]);
    for (table, says) in [
        (
            "[delivery]\nemail = \"smpt\"\n",
            "`smpt` is not one of files, merge, maildir, smtp",
        ),
        (
            "[delivery]\nemail = \"smtp\"\n",
            "`smtp` needs a table `[delivery.smtp]`",
        ),
        (
            "[delivery]\nemail = \"smtp\"\n[delivery.smtp]\nhost = \"mail.example\"\ntls = \"none\"\nreturn_path = \"b@x.example\"\n",
            "`none` is for a server on this machine only",
        ),
        (
            "[delivery]\nemail = \"smtp\"\n[delivery.smtp]\nhost = \"mail.example\"\nreturn_path = \"b@x.example> x\"\n",
            "is not one plain mail address",
        ),
    ] {
        delivering(table)
            .call(&["check", "jobs/nightly.toml"], &[])
            .ended_with(2)
            .says(&[says]);
    }
}
