//! What every outbox promises.

use nachtwacht::deliver::{ByChannel, Files, Handed, Journal, Maildir, Outbox, Trace};
use nachtwacht::diag::Kind;
use nachtwacht::model::company::Channel;
use nachtwacht::store::Place;

use super::server::{Script, Server};
use super::{FOLDER, Letter, place, settings, smtp};

/// Runs the suite over an outbox; `make` gives a new instance over the same place, as a process
/// that comes later would have it.
fn holds(make: &dyn Fn(&Place) -> Box<dyn Outbox>) {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let outbox = make(&place);
    outbox.ready().unwrap();
    assert!(outbox.lanes(Channel::Email) >= 1);
    let letters: Vec<Letter> = (0..3)
        .map(|n| Letter::new(&place, n, &format!("a{n}@firma.example")))
        .collect();
    for letter in &letters {
        assert_eq!(outbox.trace(&letter.dispatch()), Ok(Trace::NotHandedOver));
    }
    assert_eq!(
        outbox.hand_over(&letters[0].dispatch()),
        Ok(Handed::HandedOver)
    );
    assert_eq!(outbox.trace(&letters[0].dispatch()), Ok(Trace::HandedOver));
    assert_eq!(
        outbox.trace(&letters[1].dispatch()),
        Ok(Trace::NotHandedOver)
    );
    let later = make(&place);
    assert_eq!(later.trace(&letters[0].dispatch()), Ok(Trace::HandedOver));
    assert_eq!(
        later.hand_over(&letters[1].dispatch()),
        Ok(Handed::HandedOver)
    );
    assert_eq!(outbox.trace(&letters[1].dispatch()), Ok(Trace::HandedOver));

    // A file that is not the one that was rendered leaves by no outbox.
    let mut changed = letters[2].files.clone();
    changed
        .values_mut()
        .for_each(|sha256| *sha256 = "0".repeat(64));
    let mut dispatch = letters[2].dispatch();
    dispatch.files = &changed;
    let failure = outbox.hand_over(&dispatch).unwrap_err();
    assert_eq!(failure.kind, Kind::FixData, "{failure}");
    assert_eq!(
        outbox.trace(&letters[2].dispatch()),
        Ok(Trace::NotHandedOver)
    );

    // A second attempt is another mail.
    let mut second = letters[0].dispatch();
    second.attempt = 2;
    if outbox.name(second.channel) != "files" {
        assert_eq!(outbox.trace(&second), Ok(Trace::NotHandedOver));
        assert_eq!(outbox.hand_over(&second), Ok(Handed::HandedOver));
    }

    // A process that died in the middle: nobody can tell, and the mail is not sent again.
    if outbox.name(second.channel) != "files" {
        let name = format!("{FOLDER}outbox/{}.sending.json", letters[2].reference);
        place.create(&name, b"{}\n").unwrap();
        assert_eq!(later.trace(&letters[2].dispatch()), Ok(Trace::Unknowable));
    }
}

#[test]
fn files_hold_the_contract() {
    holds(&|place| Box::new(Files::new(place.clone(), FOLDER.into())));
}

#[test]
fn a_maildir_holds_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    holds(&|place| {
        let maildir = Maildir::new(folder.path().join("Maildir"));
        Box::new(Journal::new(place.clone(), FOLDER.into(), maildir))
    });
    // Whole files, under stable names.
    let mut found: Vec<String> = std::fs::read_dir(folder.path().join("Maildir/new"))
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    let expected = [
        "NW-260312-00000-00000-X",
        "NW-260312-00000-00000-X.2",
        "NW-260312-00001-00000-X",
    ];
    assert_eq!(found, expected);
    let aside = std::fs::read_dir(folder.path().join("Maildir/tmp")).unwrap();
    assert_eq!(aside.count(), 0);
}

#[test]
fn a_mail_server_holds_the_contract() {
    let server = Server::start(Script::Kind);
    let port = server.port;
    holds(&move |place| Box::new(smtp(place, settings(port))));
    for (recipient, content) in server.mails() {
        // Exactly one recipient, and every byte as it was.
        assert!(
            content.contains(&format!("To: {recipient}\r\n")),
            "{content}"
        );
        assert!(content.ends_with("\r\n.a line that begins with a dot\r\nlast line\r\n"));
    }
    assert_eq!(server.mails().len(), 3);
}

#[test]
fn two_outboxes_behind_one_door_hold_the_contract() {
    let server = Server::start(Script::Kind);
    let port = server.port;
    holds(&move |place| {
        Box::new(ByChannel {
            email: Box::new(smtp(place, settings(port))),
            other: Box::new(Files::new(place.clone(), FOLDER.into())),
        })
    });
}
