//! `printed`: batches that went to the printer, and what the printer reports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use arrow::array::AsArray;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::status::{seen_again, short};
use crate::sandbox::{Ran, Sandbox};

const FIRST: &str = "2026-03-09";
const SECOND: &str = "2026-03-10";

/// Everything goes by post.
fn by_post() -> Sandbox {
    let sandbox = short(&[6, 9, 10]);
    sandbox.edit(
        "jobs/nightly.toml",
        "post_for_all = false",
        "post_for_all = true",
    );
    sandbox.edit(
        "jobs/nightly.toml",
        "letters_a_batch = 250 ",
        "letters_a_batch = 3 ",
    );
    sandbox
}

fn report(sandbox: &Sandbox, batch: &str, text: &str) -> Ran {
    fs::write(sandbox.path("report.csv"), text).unwrap();
    sandbox.call(&["printed", batch, "--report", "report.csv"], &[])
}

fn references(batch: &Value) -> Vec<String> {
    let letters = batch["letters"].as_array().unwrap();
    letters
        .iter()
        .map(|l| l.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_is_spoiled_or_returned_is_written_again_and_what_is_open_is_listed() {
    let sandbox = by_post();
    sandbox.run(FIRST).ended_with(0);
    let batches = sandbox.ledger("print_batch");
    assert!(batches.len() >= 2, "{batches:?}");
    // The ledger and the printer's list say the same.
    let list = sandbox.outputs(FIRST)["mail-merge/print.csv"].clone();
    let list = String::from_utf8(list).unwrap();
    let n_letters: usize = batches.iter().map(|b| references(b).len()).sum();
    assert_eq!(n_letters, list.lines().count() - 1);
    for batch in &batches {
        let id = batch["batch_id"].as_str().unwrap();
        assert!(list.contains(&format!("{id};")), "{id}");
        assert!(list.contains(batch["sha256"].as_str().unwrap()));
    }
    let first = batches[0]["batch_id"].as_str().unwrap();
    let letters = references(&batches[0]);
    let open = format!(
        "reference;state\n{};\"posted\n{};posted\n",
        letters[0], letters[1]
    );
    report(&sandbox, first, &open)
        .ended_with(2)
        .says(&["a quote opens in line 2 and never closes"]);
    sandbox
        .call(&["printed"], &[])
        .ended_with(0)
        .says(&[first, "3 of 3 letters unreported"]);

    // Wrong reports say every fault and write nothing.
    let before = sandbox.ledger_objects();
    let foreign = "NW-260309-00000-00000-F";
    report(
        &sandbox,
        first,
        &format!(
            "kenmerk;status\n{foreign};posted\n{};lost\nNW-1;posted\n",
            letters[0]
        ),
    )
    .ended_with(2)
    .says(&[
        "line 2",
        "is no letter of batch",
        "line 3",
        "posted, spoiled, returned",
        "line 4",
        "mistyped",
    ]);
    report(&sandbox, first, "ref;status\n")
        .ended_with(2)
        .says(&["no column `reference` or `kenmerk`"]);
    report(&sandbox, "2026-03-09-999", "reference,state\n")
        .ended_with(2)
        .says(&["is not in the ledger", "hint:"]);
    let two_states = format!("reference,state\n{0},posted\n{0},spoiled\n", letters[0]);
    report(&sandbox, first, &two_states)
        .ended_with(2)
        .says(&["two states"]);
    assert_eq!(before, sandbox.ledger_objects());

    let text = format!(
        "\u{feff}Kenmerk;Status\r\n{};Posted\r\n{};spoiled\r\n",
        letters[0].to_lowercase(),
        letters[1]
    );
    report(&sandbox, first, &text)
        .ended_with(0)
        .says(&["posted            1", "unreported        1"]);
    let once = sandbox.ledger_objects();
    report(&sandbox, first, &text).ended_with(0);
    assert_eq!(
        once,
        sandbox.ledger_objects(),
        "the same report adds nothing"
    );
    // The last one of the batch, and one that was posted comes back.
    let text = format!(
        "reference,state\n{},returned\n{},returned\n",
        letters[0], letters[2]
    );
    report(&sandbox, first, &text)
        .ended_with(0)
        .says(&["returned          2", "unreported        0"]);
    let open = sandbox.call(&["printed"], &[]).ended_with(0).out;
    assert!(!open.contains(first), "{open}");
    let status: Value =
        serde_json::from_str(&sandbox.call(&["status", "--json"], &[]).out).unwrap();
    assert_eq!(
        status["unreported_batches"].as_array().unwrap().len(),
        batches.len() - 1
    );

    // A printer that takes its word back, twice: the letter is in the post, and not written again.
    let other = batches[1]["batch_id"].as_str().unwrap();
    let wrong = &references(&batches[1])[0];
    for state in [
        "spoiled", "posted", "spoiled", "posted", "returned", "posted",
    ] {
        let text = format!("reference,state\n{wrong},{state}\n");
        let counted = format!("{state:<11}       1");
        report(&sandbox, other, &text)
            .ended_with(0)
            .says(&[&counted]);
    }
    let sent = sandbox.call(&["verify", wrong], &[]).ended_with(0).out;
    assert!(sent.contains("real, sent on 2026-03-09\n"), "{sent}");

    // The same night again: nothing new. The next night writes all three again, as attempt 2.
    sandbox.run(FIRST).ended_with(0).says(&["0 new letters"]);
    let findings = |reference: &str| -> Vec<String> {
        let claims = sandbox.ledger("claim");
        let claim = claims.iter().find(|c| c["reference"] == reference).unwrap();
        let items = claim["items"].as_array().unwrap();
        items.iter().map(|i| i["finding_id"].to_string()).collect()
    };
    let lost: Vec<String> = letters.iter().flat_map(|l| findings(l)).collect();
    // The samples' next day does not see every place again: give the same snapshots once more.
    seen_again(&sandbox);
    sandbox.run(SECOND).ended_with(0);
    let again: Vec<Value> = sandbox
        .ledger("claim")
        .into_iter()
        .filter(|c| c["night"] == SECOND)
        .collect();
    let claimed_again = |finding: &String| {
        let mut of_second = again.iter().filter(|c| c["attempt"] == 2);
        of_second.any(|c| c["items"].to_string().contains(finding.as_str()))
    };
    let n_again = lost.iter().filter(|f| claimed_again(f)).count();
    assert!(n_again > 0, "{lost:?}");
    let told: Vec<String> = again
        .iter()
        .flat_map(|c| c["items"].as_array().unwrap().clone())
        .map(|i| i["finding_id"].to_string())
        .collect();
    let kept = references(&batches[1]);
    for finding in kept.iter().flat_map(|l| findings(l)) {
        assert!(
            !told.contains(&finding),
            "{finding} arrived, and is not written again"
        );
    }
}

/// Letters by e-mail that go out of somebody's own mail program: a list, and a batch of its own.
#[test]
fn an_email_merge_has_its_own_batch_that_is_reported_and_not_lost() {
    let sandbox = short(&[6, 9, 10]);
    let job = sandbox.path("jobs/nightly.toml");
    let text = fs::read_to_string(&job).unwrap();
    fs::write(&job, format!("{text}\n[delivery]\nemail = \"merge\"\n")).unwrap();
    sandbox.run(FIRST).ended_with(0).says(&["email-merge/"]);
    let outputs = sandbox.outputs(FIRST);
    let batches = sandbox.ledger("print_batch");
    let (mailed, printed): (Vec<_>, Vec<_>) = batches
        .iter()
        .partition(|b| b["batch_id"] == "2026-03-09-e001");
    assert_eq!(mailed.len(), 1, "{batches:?}");
    assert!(printed.iter().all(|b| b["sheets"].as_u64() > Some(0)));
    // The list, its batch and the claims say the same, and each file that a row names is there.
    let list = &outputs["email-merge/letters.csv"];
    assert_eq!(mailed[0]["sha256"], hex::encode(Sha256::digest(list)));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b';')
        .from_reader(list.as_slice());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    let listed: Vec<String> = rows.iter().map(|r| r["kenmerk"].clone()).collect();
    assert_eq!(listed, references(mailed[0]));
    let claims = sandbox.ledger("claim");
    let by_email = claims.iter().filter(|c| c["channel"] == "email");
    let by_email: BTreeSet<&str> = by_email.map(|c| c["reference"].as_str().unwrap()).collect();
    assert_eq!(
        listed.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        by_email
    );
    for row in &rows {
        for file in ["tekst", "html", "pdf", "eml"] {
            assert!(outputs.contains_key(&row[file]), "{}", row[file]);
        }
        let mail = String::from_utf8_lossy(&outputs[&row["eml"]]);
        assert!(
            mail.contains(&format!("<{}>", row["e_mailadres"])),
            "{mail}"
        );
        let post = String::from_utf8_lossy(&outputs["mail-merge/letters.csv"]);
        assert!(!post.contains(&row["kenmerk"]), "{}", row["kenmerk"]);
    }

    let id = "2026-03-09-e001";
    let open = format!(
        "{id}  night {FIRST}  {0} of {0} letters unreported  by e-mail",
        rows.len()
    );
    sandbox.call(&["printed"], &[]).ended_with(0).says(&[&open]);
    sandbox
        .call(&["explain", "--letter", &listed[0]], &[])
        .says(&["mailed in", id]);
    sandbox
        .call(&["erase", &company_of(&sandbox, &listed[0])], &[])
        .ended_with(2)
        .says(&[
            "letters by e-mail of night",
            "mail them and say so",
            "email-merge/",
        ]);
    report(
        &sandbox,
        id,
        &format!("kenmerk;status\n{};gone\n", listed[0]),
    )
    .ended_with(2)
    .says(&["line 2", "sent, not-sent, bounced"]);
    let mut text = format!("kenmerk;status\n{};bounced\n", listed[0]);
    for reference in &listed[1..] {
        text += &format!("{reference};Sent\n");
    }
    report(&sandbox, id, &text)
        .ended_with(0)
        .says(&["returned          1", "unreported        0"]);
    let receipts = sandbox.ledger("receipt");
    let bounced = receipts.iter().filter(|r| r["state"] == "bounced");
    assert_eq!(bounced.count(), 1);
    sandbox.run(FIRST).ended_with(0).says(&["0 new letters"]);

    // A later plan of the night writes to that company once more; what is said of the first batch after
    // that is said of the first try.
    sandbox
        .run_anew(FIRST, &[])
        .ended_with(0)
        .says(&["1 new letters"]);
    report(
        &sandbox,
        id,
        &format!("kenmerk;status\n{};sent\n", listed[0]),
    )
    .ended_with(0);
    let receipts = sandbox.ledger("receipt");
    let by_printer = |r: &&Value| r["outbox"] == "printer";
    assert_eq!(receipts.iter().rfind(by_printer).unwrap()["attempt"], 1);
    assert!(receipts.iter().any(|r| r["attempt"] == 2));
}

/// The company that a letter is to, as the decisions have it.
fn company_of(sandbox: &Sandbox, reference: &str) -> String {
    let table = sandbox.outputs(FIRST)["decisions.parquet"].clone();
    let batches = nachtwacht::scan::table_of(table.into(), "decisions").unwrap();
    let mut found = batches.iter().filter_map(|batch| {
        let column = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>();
        let row = column("reference")
            .iter()
            .position(|r| r == Some(reference))?;
        Some(column("company_key").value(row).to_owned())
    });
    found.next().unwrap()
}
