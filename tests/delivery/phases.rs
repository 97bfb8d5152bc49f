//! A connection that breaks, in each of twelve phases: at most one accepted mail a letter, and
//! accepted + refused + unknown = planned.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nachtwacht::deliver::{Handed, Outbox, Trace};
use nachtwacht::diag::{Failure, Kind};
use nachtwacht::model::company::Channel;

use super::server::{Phase, Script, Server};
use super::{Letter, place, settings, smtp};

/// Hands every letter over in four lanes; the answers are in the letters' order.
fn all(outbox: &dyn Outbox, letters: &[Letter]) -> Vec<Result<Handed, Failure>> {
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..outbox.lanes(Channel::Email) {
            scope.spawn(|| {
                while let Some(letter) = letters.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let answer = outbox.hand_over(&letter.dispatch());
                    answers.lock().unwrap().push((&letter.reference, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap();
    answers.sort_by_key(|(reference, _)| reference.to_owned());
    answers.into_iter().map(|(_, answer)| answer).collect()
}

struct Sums {
    accepted: usize,
    refused: usize,
    unknown: usize,
}

/// Runs `n` letters against a script and holds the answers against what the server has.
fn run(script: Script, n: usize) -> Sums {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let server = Server::start(script);
    let letters: Vec<Letter> = (0..n)
        .map(|n| Letter::new(&place, n, &format!("a{n}@firma{}.example", n % 7)))
        .collect();
    let outbox = smtp(&place, settings(server.port));
    let answers = all(&outbox, &letters);
    let taken = server.accepted();
    let mut sums = Sums {
        accepted: 0,
        refused: 0,
        unknown: 0,
    };
    for (letter, answer) in letters.iter().zip(&answers) {
        let id = format!("<{}.1@nachtwacht.example>", letter.reference);
        let n_taken = taken.get(&id).copied().unwrap_or(0);
        let what = format!(
            "{script:?}: {} is taken {n_taken} times, said {answer:?}",
            letter.reference
        );
        assert!(n_taken <= 1, "{what}");
        // Another process would be told the same.
        let trace = outbox.trace(&letter.dispatch());
        match answer {
            Ok(Handed::HandedOver) => {
                sums.accepted += 1;
                assert_eq!((n_taken, trace), (1, Ok(Trace::HandedOver)), "{what}");
            }
            Ok(Handed::Refused) => {
                sums.refused += 1;
                assert_eq!((n_taken, trace), (0, Ok(Trace::Refused)), "{what}");
            }
            Ok(Handed::Unknown) => {
                sums.unknown += 1;
                assert_eq!(trace, Ok(Trace::Unknowable), "{what}");
            }
            Err(failure) => panic!("{what}: {failure}"),
        }
    }
    assert_eq!(sums.accepted + sums.refused + sums.unknown, n);
    sums
}

#[test]
fn a_break_now_and_then_in_any_phase_costs_no_letter_and_doubles_none() {
    for phase in Phase::ALL {
        // Every fifth time. A letter has five tries, so hardly any is given up.
        let sums = run(Script::Every(phase, 5), 60);
        // A mail this small lies in the system's buffers whole, with its final dot, before the
        // break inside it can be seen.
        let is_lost = matches!(
            phase,
            Phase::Content | Phase::DotLost | Phase::DotTaken | Phase::Garbled
        );
        assert_eq!(
            sums.unknown > 0,
            is_lost,
            "{phase:?}: {} unknown",
            sums.unknown
        );
        assert!(sums.unknown <= 12, "{phase:?}: {} unknown", sums.unknown);
        assert!(sums.refused <= 2, "{phase:?}: {} refused", sums.refused);
    }
}

#[test]
fn one_mailbox_that_breaks_every_connection_stops_no_other() {
    for phase in [
        Phase::Rcpt,
        Phase::Data,
        Phase::Content,
        Phase::DotLost,
        Phase::DotTaken,
        Phase::Garbled,
    ] {
        let sums = run(Script::BreaksFor("a13@firma6.example", phase), 30);
        assert_eq!(
            (sums.accepted, sums.refused + sums.unknown),
            (29, 1),
            "{phase:?}"
        );
    }
}

#[test]
fn of_a_thousand_letters_with_one_poisoned_mailbox_999_go() {
    for code in [550, 450] {
        let sums = run(Script::Poisoned("a500@firma3.example", code), 1000);
        assert_eq!(
            (sums.accepted, sums.refused, sums.unknown),
            (999, 1, 0),
            "{code}"
        );
    }
}

/// Nothing is wrong with the letters: none is refused, a person must act or wait.
#[test]
fn a_server_that_refuses_us_refuses_no_letter() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let letter = Letter::new(&place, 1, "a@firma.example");
    let outbox_at = |port| smtp(&place, settings(port));
    let kind = |answer: Result<Handed, Failure>| answer.unwrap_err().kind;

    let server = Server::start(Script::SenderRefused(550));
    let outbox = outbox_at(server.port);
    outbox.ready().unwrap();
    assert_eq!(kind(outbox.hand_over(&letter.dispatch())), Kind::FixJob);
    assert_eq!(outbox.trace(&letter.dispatch()), Ok(Trace::NotHandedOver));

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let outbox = outbox_at(port);
    assert_eq!(outbox.ready().unwrap_err().kind, Kind::TryLater);
    assert_eq!(kind(outbox.hand_over(&letter.dispatch())), Kind::TryLater);
    assert_eq!(outbox.trace(&letter.dispatch()), Ok(Trace::NotHandedOver));

    for phase in [Phase::Connect, Phase::Greeting, Phase::Ehlo] {
        let server = Server::start(Script::Every(phase, 1));
        assert_eq!(
            outbox_at(server.port).ready().unwrap_err().kind,
            Kind::TryLater,
            "{phase:?}"
        );
    }
    // The same letter goes as soon as a server takes it.
    let server = Server::start(Script::Kind);
    assert_eq!(
        outbox_at(server.port).hand_over(&letter.dispatch()),
        Ok(Handed::HandedOver)
    );
}

/// What may not reach the wire does not, whoever wrote it.
#[test]
fn no_command_can_be_smuggled_in() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let server = Server::start(Script::Kind);
    let outbox = smtp(&place, settings(server.port));
    for (n, recipient) in [
        "a@firma.example>\r\nRCPT TO:<b@firma.example",
        "a@firma.example> NOTIFY=NEVER",
        "a b@firma.example",
        "nobody",
        "",
        "é@firma.example",
    ]
    .iter()
    .enumerate()
    {
        let letter = Letter::new(&place, n, recipient);
        assert_eq!(
            outbox.hand_over(&letter.dispatch()),
            Ok(Handed::Refused),
            "{recipient}"
        );
    }
    assert!(server.mails().is_empty());
}
