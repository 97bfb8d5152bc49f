//! Mails that a person found not to be sent: they go once more, and what becomes of that try is
//! its own.

use serde_json::Value;

use super::night::{NIGHT, by_smtp, delivering, notification, of_night, recipients};
use super::server::{Script, Server};
use crate::sandbox::Sandbox;

/// A letter whose mailbox gets no other.
fn alone() -> (String, &'static str) {
    let probe = delivering("[delivery]\nemail = \"files\"\n");
    probe.run(NIGHT).ended_with(0);
    let mut to = recipients(&probe, NIGHT);
    to.sort();
    let is_alone = |mailbox: &str| to.iter().filter(|t| t.1 == mailbox).count() == 1;
    let found = to.iter().find(|t| is_alone(&t.1)).unwrap().clone();
    (found.0, found.1.leak())
}

/// A night that ended without an answer about this letter, which a person found not to be sent.
fn settled(reference: &str, mailbox: &'static str, answer: &'static str) -> (Sandbox, Server) {
    let server = Server::start(Script::LosesFirst(mailbox, answer));
    let sandbox = delivering(&by_smtp(server.port));
    sandbox.run(NIGHT).ended_with(1);
    let args = ["ledger", "settle", reference, "not-sent"];
    sandbox.call(&args, &[]).ended_with(0).says(&["attempt 2"]);
    (sandbox, server)
}

/// Attempt and state of every receipt of the letter.
fn ends(sandbox: &Sandbox, reference: &str) -> Vec<(u64, String)> {
    let claims = of_night(sandbox, "claim", NIGHT);
    let claim = claims.iter().find(|c| c["reference"] == reference).unwrap();
    let receipts = of_night(sandbox, "receipt", NIGHT).into_iter();
    let of_letter = receipts.filter(|r| r["letter_id"] == claim["letter_id"]);
    let end = |r: Value| {
        let state = r["state"].as_str().unwrap().to_owned();
        (r["attempt"].as_u64().unwrap(), state)
    };
    of_letter.map(end).collect()
}

/// The night's lists and manifest stand: it must not want to write them anew.
#[test]
fn a_resend_that_is_refused_after_its_night_ended_is_left_to_the_next_night() {
    let (reference, mailbox) = alone();
    let (sandbox, _server) = settled(&reference, mailbox, "550 not any more");
    let batches = sandbox.ledger("print_batch");
    for _ in 0..2 {
        let ran = sandbox.run(NIGHT);
        assert!(
            matches!(ran.code, Some(0 | 1)),
            "{:?} {}",
            ran.code,
            ran.err
        );
    }
    let want = [(1, "not_sent".to_owned()), (2, "failed".to_owned())];
    assert_eq!(ends(&sandbox, &reference), want);
    assert_eq!(sandbox.ledger("print_batch"), batches);
    sandbox.call(&["replay", NIGHT], &[]).ended_with(0);
}

/// The mail's bytes are those of the first try, and so is its Message-ID.
#[test]
fn a_bounce_of_a_resend_is_the_resends() {
    let (reference, mailbox) = alone();
    let (sandbox, server) = settled(&reference, mailbox, "250 ok");
    sandbox.run(NIGHT).ended_with(0).says(&["1 new letter"]);
    let id = format!("{reference}.1@nachtwacht.example");
    let ids = server.accepted();
    assert!(ids.keys().any(|known| known.contains(&id)), "{id}: {ids:?}");
    std::fs::write(sandbox.path("mail"), notification(&id, "failed", "5.1.1")).unwrap();
    for says in ["1 bounced", "1 noted before"] {
        let ran = sandbox.call(&["bounces", "mail"], &[]).ended_with(0);
        ran.says(&[says]);
    }
    let want = [(1, "not_sent"), (2, "handed_over"), (2, "bounced")];
    let want = want.map(|(attempt, state)| (attempt, state.to_owned()));
    assert_eq!(ends(&sandbox, &reference), want);
}
