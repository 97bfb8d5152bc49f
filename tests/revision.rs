//! A night with more than one plan: what is printed about it names the right one, and a command
//! without `--revision` is about the newest.

use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::ledger_record::{Claim, Final, LedgerView, Numbered, PinnedNight, Record};

use crate::hold::{FIRST, JOB, limit, plan_of, signers};
use crate::ledger::claim;
use crate::sandbox::{Ran, Sandbox};
use crate::signing::Key;

/// The command that stands in a text and begins so, as a person copies it.
fn printed(ran: &Ran, begins: &str) -> Vec<String> {
    let at = ran.out.find(begins);
    let at = at.unwrap_or_else(|| panic!("no `{begins}` in\n{}\n{}", ran.out, ran.err));
    let line = ran.out[at..].split(['\n', '`']).next().unwrap();
    let words = line.split(' ').skip(1);
    words.map(|w| w.replace("JOB", JOB)).collect()
}

fn typed(sandbox: &Sandbox, words: &[String], more: &[&str]) -> Ran {
    let words = words.iter().map(String::as_str);
    let words: Vec<&str> = words.chain(more.iter().copied()).collect();
    sandbox.call(&words, &[])
}

fn of_revision(sandbox: &Sandbox, n: &str, more: &[&str], env: &[(&str, &str)]) -> Ran {
    let args = ["run", JOB, "--night", FIRST, "--revision", n];
    sandbox.call(&[&args, more].concat(), env)
}

/// The first hold asks for a key, which needs another revision: from there each printed command must
/// lead to the next, to the letters and to `0 new letters`.
#[test]
fn every_command_that_a_held_revision_prints_can_be_typed_as_it_stands() {
    let sandbox = Sandbox::small();
    let begins = "folder_sends_first_night = true";
    sandbox.edit(JOB, begins, "folder_sends_first_night = false");
    let ran = sandbox.run(FIRST).ended_with(2);
    ran.says(&["no key may sign yet"]);
    let key = Key::of(1);
    signers(&sandbox, &[&key]);
    let ran = typed(&sandbox, &printed(&ran, "nachtwacht run JOB"), &[]).ended_with(2);
    ran.says(&["HELD:"]);
    let named = format!("--night {FIRST} --revision 1");
    let approve = printed(&ran, "nachtwacht approve");
    assert!(approve.join(" ").contains("--revision 1 --plan"));
    let status = sandbox.call(&["status"], &[]).ended_with(2);
    status.says(&[
        &format!("nachtwacht approve {FIRST} --revision 1 --plan HASH\n"),
        "or: nachtwacht baseline\n",
        &format!("then: nachtwacht run JOB {named}\n"),
    ]);
    typed(&sandbox, &approve, &[]).ended_with(0);
    // Without its revision it is about the newest plan as well.
    let short = ["approve", FIRST, "--plan", approve.last().unwrap()];
    sandbox.call(&short, &[]).ended_with(0);
    let ran = typed(&sandbox, &approve, &["--statement", "a.txt"]).ended_with(0);
    let text = std::fs::read(sandbox.path("a.txt")).unwrap();
    std::fs::write(sandbox.path("a.txt.sig"), key.sign("nachtwacht", &text)).unwrap();
    let record = printed(&ran, "nachtwacht approve");
    assert!(record.join(" ").contains("--revision 1 --plan"));
    let ran = typed(&sandbox, &record, &[]).ended_with(0);
    let run = printed(&ran, "nachtwacht run");
    assert!(run.join(" ").ends_with(&named), "{run:?}");
    typed(&sandbox, &run, &[]).ended_with(0);
    let claims = sandbox.ledger("claim").len();
    assert!(claims > 2);
    // The same command again, as the timer calls it.
    for again in [&["run", JOB][..], &["run", JOB, "--night", FIRST]] {
        let ran = sandbox.call(again, &[]).ended_with(0);
        ran.says(&["0 new letters"]);
    }
    // Its letters left: nothing of this ledger or of these feeds is for the first time.
    let ran = of_revision(&sandbox, "2", &[], &[]).ended_with(0);
    ran.says(&["0 new letters"]);
    assert_eq!(sandbox.ledger("claim").len(), claims);
}

#[test]
fn a_revision_that_waits_or_died_is_named_by_baseline_settle_and_erase() {
    let sandbox = Sandbox::small();
    let named = format!("--night {FIRST} --revision 1");
    let crash = [("NACHTWACHT_CRASH_AT", "claimed")];
    of_revision(&sandbox, "1", &[], &crash);
    let ran = sandbox.call(&["ledger", "unknown"], &[]).ended_with(1);
    ran.says(&[&named]);
    let refused = sandbox.call(&["erase", "kvk:01234567"], &[]).ended_with(2);
    refused.says(&[&named, "then erase again"]);
    let claims = sandbox.ledger("claim");
    let reference = claims[0]["reference"].as_str().unwrap();
    let settle = ["ledger", "settle", reference, "not-sent"];
    let ran = sandbox.call(&settle, &[]).ended_with(0);
    ran.says(&[&format!("run {JOB} {named}` sends it")]);

    let sandbox = Sandbox::small();
    limit(&sandbox, 1);
    of_revision(&sandbox, "1", &[], &[]).ended_with(2);
    let ran = sandbox.call(&["baseline"], &[]).ended_with(0);
    ran.says(&[&format!("run {JOB} {named}` goes on")]);
}

/// Two keys must sign, and one is named: approving it would end in a wait for nobody.
#[test]
fn a_job_that_lacks_the_second_key_is_told_before_and_when_it_is_held() {
    let sandbox = Sandbox::small();
    limit(&sandbox, 1);
    sandbox.edit(JOB, "two_keys_above = 500 ", "two_keys_above = 1 ");
    signers(&sandbox, &[&Key::of(1)]);
    let lacks = "this plan needs 2 keys, and the job names 1";
    let check = || sandbox.call(&["check"], &[]).ended_with(0);
    check().says(&["names one key, and above 1 letters"]);
    let ran = sandbox.run(FIRST).ended_with(2);
    ran.says(&[lacks, &format!("run JOB --night {FIRST} --revision 1")]);
    let other = "[mail_merge]\n";
    let two = format!("signer-1 = \"{}\"\n{other}", Key::of(2).public());
    sandbox.edit(JOB, other, &two);
    let ran = of_revision(&sandbox, "1", &[], &[]).ended_with(2);
    assert!(!check().err.contains("two must sign"));
    assert!(!ran.out.contains("this plan needs") && !plan_of(&ran).is_empty());
}

/// What `--max-letters` left for later is the next night's: another revision sends no more at once.
#[test]
fn a_revision_keeps_the_limit_of_letters_of_its_night() {
    let sandbox = Sandbox::small();
    let args = ["run", JOB, "--night", FIRST, "--max-letters", "2"];
    let ran = sandbox.call(&args, &[]).ended_with(0);
    ran.says(&[
        "2 new letters",
        "are over the limit of letters: the next nights send them",
    ]);
    assert!(!ran.out.contains("Find a contact"), "{}", ran.out);
    let mail = std::fs::read_to_string(sandbox.path("status/summary.txt")).unwrap();
    assert!(mail.contains("over the limit") && !mail.contains("Find a contact"));
    let ran = of_revision(&sandbox, "1", &[], &[]).ended_with(0);
    ran.says(&["2 new letters"]);
    let ran = of_revision(&sandbox, "2", &["--max-letters", "3"], &[]).ended_with(0);
    ran.says(&["3 new letters"]);
}

fn view(records: Vec<Record>) -> LedgerView {
    let numbered = (1..).zip(records);
    LedgerView {
        last_seq: 99,
        records: numbered
            .map(|(seq, record)| Numbered { seq, record })
            .collect(),
    }
}

fn pin(revision: u32) -> PinnedNight {
    PinnedNight {
        night: FIRST.parse().unwrap(),
        revision,
        run_id: format!("run-{revision}"),
        ledger_seq: 0,
        job_sha256: String::new(),
        max_letters: None,
        snapshots: Vec::new(),
        followed: Vec::new(),
        inputs: Vec::new(),
    }
}

#[test]
fn a_letter_is_of_the_plan_that_claimed_it() {
    let again = |n| Claim {
        attempt: 2,
        ..claim(9, n)
    };
    let mut correction = claim(9, 3);
    for item in &mut correction.items {
        item.kind = ItemKind::Correction;
    }
    let end = Final {
        night: FIRST.parse().unwrap(),
        revision: 0,
        run_id: "run-0".into(),
    };
    let given_up = pin(0).given_up_for(FIRST.parse().unwrap());
    // A plan that ended tries its letter again; of one that was given up the next one writes it anew.
    for (fate, of_again) in [(Record::from(end), 0), (Record::from(given_up), 1)] {
        let view = view(vec![
            pin(0).into(),
            claim(9, 1).into(),
            fate,
            pin(1).into(),
            claim(9, 2).into(),
            again(1).into(),
            correction.clone().into(),
        ]);
        let of = |claim: &Claim| view.plan_of(claim).map(|pin| pin.revision);
        assert_eq!(of(&claim(9, 1)), Some(0));
        assert_eq!(of(&claim(9, 2)), Some(1));
        assert_eq!(of(&again(1)), Some(of_again));
        assert_eq!(of(&correction), None);
        assert_eq!(of(&claim(10, 1)), None);
    }
}
