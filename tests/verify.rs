//! Is this letter real? By the ledger and by the list that is published.

use serde_json::Value;

use crate::sandbox::Sandbox;

const NIGHT: &str = "2026-03-09";

#[test]
fn a_reference_is_confirmed_by_ledger_and_list_and_a_wrong_one_is_not() {
    let sandbox = Sandbox::new(&[6, 9]);
    sandbox.run(NIGHT).ended_with(0);
    let outputs = sandbox.outputs(NIGHT);
    let list_name = format!("verification/{NIGHT}.json");
    let list: Value = serde_json::from_slice(&outputs[&list_name]).unwrap();
    let n_hashes = list["hashes"].as_array().unwrap().len();
    assert_eq!(n_hashes % 1000, 0, "{n_hashes} hashes");

    let references: Vec<String> = sandbox
        .ledger("claim")
        .iter()
        .map(|c| c["reference"].as_str().unwrap().to_owned())
        .collect();
    let list_file = sandbox.path("list.json");
    std::fs::write(&list_file, &outputs[&list_name]).unwrap();
    let list_file = list_file.to_str().unwrap();
    let published = String::from_utf8_lossy(&outputs[&list_name]).into_owned();
    for reference in &references {
        assert!(!published.contains(reference), "{reference} is published");
    }
    let first = references[0].as_str();
    // As somebody reads it out on the telephone.
    let spoken = first.to_lowercase().replace('-', " ");
    let last = first.chars().last().unwrap();
    let other = if last == 'X' { 'Y' } else { 'X' };
    let mistyped = format!("{}{other}", &first[..first.len() - 1]);
    // Well formed and never given out.
    let foreign = "NW-260309-00000-00000-F";
    assert!(
        foreign
            .parse::<nachtwacht::model::identity::Reference>()
            .is_ok()
    );
    for (reference, code, says) in [
        (first, 0, "real, sent on 2026-03-09"),
        (&spoken, 0, "real, sent on 2026-03-09"),
        (&mistyped, 1, "mistyped"),
        (foreign, 1, "not ours"),
    ] {
        let by_ledger = sandbox.call(&["verify", reference], &[]);
        by_ledger.ended_with(code).says(&[says]);
        let by_list = sandbox.call(&["verify", reference, "--list", list_file], &[]);
        by_list.ended_with(code).says(&[says]);
    }
    sandbox
        .call(&["verify", first, "--list", "jobs/nightly.toml"], &[])
        .ended_with(2)
        .says(&["not a verification list"]);
}
