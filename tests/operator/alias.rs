//! `alias`: a company that was known by its domain alone turns out to be a registration.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use serde_json::Value;

use super::status::{seen_again, short};
use crate::bad_input::{read, with_column, write};
use crate::sandbox::{Ran, Sandbox};
use crate::statistics::period::table;

const FIRST: &str = "2026-03-09";
const SECOND: &str = "2026-03-10";

const TABLES: [&str; 3] = ["companies", "assets", "contacts"];

fn path_of(table: &str) -> String {
    format!("data-samples/register/{table}.parquet")
}

fn former(own: &str) -> String {
    own.replace("kvk:", "unreg:c") + ".example"
}

/// The register as it was before anybody was identified: every company by a domain of its own. Answers what
/// it will be.
fn provisional(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    let mut later = BTreeMap::new();
    for table in TABLES.map(path_of) {
        later.insert(table.clone(), fs::read(sandbox.path(&table)).unwrap());
        let mut batch = read(sandbox, &table);
        for name in ["company_key", "parent_company_key"] {
            let Some(column) = batch.column_by_name(name) else {
                continue;
            };
            let keys = column.as_string::<i32>().iter();
            let keys: StringArray = keys.map(|key| key.map(former)).collect();
            let keys: ArrayRef = Arc::new(keys);
            batch = with_column(&batch, name, Some(keys));
        }
        write(sandbox, &table, &batch);
    }
    later
}

/// The second day sees what the first one saw, and reminds of one threat already.
fn reminded(sandbox: &Sandbox) {
    seen_again(sandbox);
    let days = "remind_after_days = 28";
    sandbox.edit(
        "jobs/threats/exposed-rdp.toml",
        days,
        "remind_after_days = 1",
    );
}

fn alias(sandbox: &Sandbox, args: &[&str]) -> Ran {
    sandbox.call(&[&["alias", "jobs/nightly.toml"], args].concat(), &[])
}

fn identify(sandbox: &Sandbox, own: &str) -> Ran {
    let old = former(own);
    alias(sandbox, &[&old, own, "--by", "operator"]).ended_with(0)
}

fn rows(sandbox: &Sandbox, night: &str, by: &[&str]) -> Vec<Value> {
    let args = [&["explain", "--night", night, "--json"], by].concat();
    let ran = sandbox.call(&args, &[]).ended_with(0);
    let lines = ran.out.lines();
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn text<'v>(of: &'v Value, key: &str) -> &'v str {
    of[key].as_str().unwrap_or_default()
}

type Place = (String, String);

/// Reasons of the second night by what the first one told of, but for second rows, with what was followed.
fn reasons(sandbox: &Sandbox, of: &Known) -> BTreeMap<Place, (String, String)> {
    let all = rows(sandbox, SECOND, &["--company", &of.own]);
    let told = all.iter().filter(|r| of.told.contains(&place(r)));
    let once = told.filter(|r| !text(r, "reason").starts_with("second_"));
    let found: BTreeMap<_, _> = once
        .map(|r| {
            (
                place(r),
                (text(r, "reason").to_owned(), text(r, "followed").to_owned()),
            )
        })
        .collect();
    assert_eq!(found.len(), of.told.len(), "{}", of.own);
    found
}

/// A company that got a letter.
struct Known {
    own: String,
    claim: Value,
    /// Places and threats of its letter.
    told: BTreeSet<Place>,
}

fn place(row: &Value) -> Place {
    let what = format!("{}:{}", text(row, "target"), row["port"]);
    (what, text(row, "threat_id").to_owned())
}

/// Ten of those whose letters are about rows that the second night sees again; every second one is about
/// remote desktops.
fn asked(sandbox: &Sandbox) -> Vec<Known> {
    let [mut rdp, mut other] = [Vec::new(), Vec::new()];
    for claim in sandbox.ledger("claim") {
        let of_letter = rows(sandbox, FIRST, &["--letter", text(&claim, "reference")]);
        let company = text(&of_letter[0], "company_key");
        let own = company.replace("unreg:c", "kvk:").replace(".example", "");
        let is_again = |r: &Value| text(r, "source_object").contains("2026-03-09/shadowserver");
        if !of_letter.iter().all(is_again) {
            continue;
        }
        let told: BTreeSet<Place> = of_letter.iter().map(place).collect();
        let has_rdp = told.iter().any(|(_, threat)| threat == "exposed-rdp");
        let known = Known { own, claim, told };
        match has_rdp {
            true => rdp.push(known),
            false => other.push(known),
        }
        if rdp.len() >= 5 && other.len() >= 5 {
            break;
        }
    }
    let pairs = rdp.into_iter().zip(other);
    let all: Vec<Known> = pairs.flat_map(|(a, b)| [a, b]).collect();
    assert!(all.len() >= 10, "{}", all.len());
    all
}

fn entry(sandbox: &Sandbox, claim: &Value) -> std::path::PathBuf {
    sandbox.path(&format!("ledger/parties/{}.json", text(claim, "party_ref")))
}

fn companies(csv: &[u8], is_row: impl Fn(&BTreeMap<String, String>) -> bool) -> u64 {
    let rows = table(csv);
    let row = rows.iter().find(|r| is_row(r)).unwrap();
    row["companies"].parse().unwrap()
}

#[test]
fn a_second_night_under_the_own_key_goes_on_where_the_first_one_left_off() {
    let sandbox = short(&[6, 9, 10]);
    let later = provisional(&sandbox);
    reminded(&sandbox);
    sandbox.run(FIRST).ended_with(0);
    let asked = asked(&sandbox);
    let [quiet, _, opted, late, erased, ..] = &asked[..] else {
        unreachable!()
    };
    let opt_out = [
        "answer",
        text(&opted.claim, "reference"),
        "opt-out",
        "--by",
        "recipient",
        "--until",
        "2026-09-01",
    ];
    sandbox.call(&opt_out, &[]).ended_with(0);
    // The last one stays unknown for longer.
    let others = asked.iter().take(asked.len() - 1);
    let others = others.filter(|of| of.own != late.own);
    let identified: Vec<&Known> = others.take(8).collect();

    // Killed before the record is durable, and after.
    let old = former(&quiet.own);
    let args = [
        "alias",
        "jobs/nightly.toml",
        &old,
        &quiet.own,
        "--by",
        "operator",
    ];
    for (point, n) in [("before_append", 0), ("after_append", 1), ("after_copy", 1)] {
        let ran = sandbox.call(&args, &[("NACHTWACHT_CRASH_AT", point)]);
        assert!(
            ran.signal.is_some() || n == 1,
            "{point}: {}{}",
            ran.out,
            ran.err
        );
        assert_eq!(sandbox.ledger("alias").len(), n, "{point}");
    }
    let again = sandbox.call(&args, &[]).ended_with(0);
    again.says(&["that stands already, and nothing was added"]);
    for of in &identified[1..] {
        identify(&sandbox, &of.own).says(&["that is noted"]);
    }
    let records = sandbox.ledger("alias");
    assert_eq!(records.len(), identified.len());
    let names: BTreeSet<&str> = records[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        names,
        BTreeSet::from(["at_us", "by", "former_ref", "kind", "party_ref"])
    );
    assert_eq!(records[0]["former_ref"], quiet.claim["party_ref"]);
    for bytes in sandbox.ledger_objects().values() {
        let text = String::from_utf8_lossy(bytes);
        assert!(
            !text.contains("unreg:") && !text.contains("kvk:"),
            "a key in clear"
        );
    }
    refused(&sandbox, quiet, &asked);
    alias(&sandbox, &[]).ended_with(0).says(&[
        &format!("{} is {}, noted on ", former(&quiet.own), quiet.own),
        "by operator",
    ]);

    // One former key is erased before the next night is planned.
    let gone = former(&erased.own);
    sandbox
        .call(&["erase", &gone, "--also-unprinted"], &[])
        .ended_with(0);
    for (table, bytes) in &later {
        fs::write(sandbox.path(table), bytes).unwrap();
    }
    sandbox.plan(SECOND).ended_with(0);
    // Known after the night was planned: that night goes on without it.
    identify(&sandbox, &late.own).says(&["night 2026-03-10 was planned before"]);
    sandbox.run(SECOND).ended_with(0);

    let (mut n_quiet, mut n_reminded) = (0, 0);
    for of in &identified {
        let found = reasons(&sandbox, of);
        let was = of.claim["items"].as_array().unwrap();
        for ((what, threat), (reason, followed)) in &found {
            let is_told = was.iter().any(|i| followed.contains(text(i, "finding_id")));
            let shown = format!("{} {what} {threat}: {reason} {followed}", of.own);
            if of.own == erased.own {
                assert!(reason == "first_warning" && followed.is_empty(), "{shown}");
            } else if of.own == opted.own {
                assert!(
                    reason == "opt_out" && followed.ends_with("an answer"),
                    "{shown}"
                );
            } else if threat == "exposed-rdp" {
                assert!(reason == "escalation" || reason == "reminder", "{shown}");
                assert!(is_told, "{shown}");
                n_reminded += 1;
            } else {
                assert_eq!(reason, "quiet_days", "{shown}");
                assert!(is_told, "{shown}");
                n_quiet += 1;
            }
        }
    }
    assert!(n_quiet >= 2 && n_reminded >= 2, "{n_quiet}, {n_reminded}");
    // Without the alias: a first warning.
    let found = reasons(&sandbox, late);
    assert!(!found.is_empty());
    for (reason, followed) in found.values() {
        assert_eq!((reason.as_str(), followed.as_str()), ("first_warning", ""));
    }
    sandbox
        .call(
            &["explain", "--night", SECOND, "--company", &quiet.own],
            &[],
        )
        .ended_with(0)
        .says(&[
            "under a former key: finding ",
            &format!("{} is {}", former(&quiet.own), quiet.own),
        ]);

    // One company, whatever stood in the ledger first.
    let aliases: BTreeMap<String, String> = sandbox
        .ledger("alias")
        .iter()
        .map(|a| {
            (
                text(a, "former_ref").to_owned(),
                text(a, "party_ref").to_owned(),
            )
        })
        .collect();
    let claims = sandbox.ledger("claim");
    let parties: BTreeSet<&str> = claims.iter().map(|c| text(c, "party_ref")).collect();
    let as_one: BTreeSet<&str> = parties
        .iter()
        .map(|p| aliases.get(*p).map_or(*p, String::as_str))
        .collect();
    assert!(as_one.len() + 2 <= parties.len());
    let counted = |n: usize| u64::try_from(n).unwrap();
    let of_night = &sandbox.outputs(SECOND)["statistics/statistics.csv"];
    let is_month =
        |r: &BTreeMap<String, String>| r["period"] == "month" && r["dimension"] == "total";
    // The alias that came after the pin is no alias to that night.
    assert_eq!(companies(of_night, is_month), counted(as_one.len()) + 1);
    let ask = ["statistics", "jobs/statistics.toml", "--period", "2026-03"];
    sandbox.call(&ask, &[]).ended_with(0);
    let csv = || fs::read(sandbox.path("internal/statistics/2026-03/v1/statistics.csv")).unwrap();
    let is_total = |r: &BTreeMap<String, String>| r["table"] == "total";
    assert_eq!(companies(&csv(), is_total), counted(as_one.len()));

    // An alias that comes after a publication: that stays, and the next version counts anew.
    let latest = asked.last().unwrap();
    assert!(
        reasons(&sandbox, latest)
            .values()
            .all(|(reason, _)| reason == "first_warning")
    );
    identify(&sandbox, &latest.own);
    sandbox.call(&ask, &[]).ended_with(0);
    let newer = fs::read(sandbox.path("internal/statistics/2026-03/v2/statistics.csv")).unwrap();
    assert_eq!(companies(&newer, is_total), counted(as_one.len()) - 1);
    assert_eq!(companies(&csv(), is_total), counted(as_one.len()));
    for version in ["v1", "v2"] {
        let path = format!("statistics/2026-03/{version}/publication.json");
        assert!(sandbox.path(&path).exists(), "{path}");
    }
    sandbox
        .call(&ask, &[])
        .ended_with(0)
        .says(&["nothing changed"]);
    assert!(!sandbox.path("statistics/2026-03/v3").exists());

    // The same bytes again, also without the keys in clear; and one company is erased as one.
    let replay = || sandbox.call(&["replay", SECOND], &[]).ended_with(0);
    replay().says(&["same"]);
    sandbox.call(&["ledger", "verify"], &[]).ended_with(0);
    let letters = |night: &str, reference: &str| {
        let outputs = sandbox.outputs(night);
        outputs
            .keys()
            .filter(|name| name.contains(reference) && name.starts_with("letters/"))
            .count()
    };
    let reference = text(&quiet.claim, "reference").to_owned();
    assert!(letters(FIRST, &reference) > 0 && entry(&sandbox, &quiet.claim).exists());
    let erase = ["erase", &quiet.own, "--also-unprinted"];
    // A call that died halfway still finds what only the former key tells.
    let ran = sandbox.call(&erase, &[("NACHTWACHT_CRASH_AT", "erased")]);
    assert!(ran.signal.is_some() && entry(&sandbox, &quiet.claim).exists());
    sandbox
        .call(&erase, &[])
        .ended_with(0)
        .says(&["objects were erased"]);
    assert!(letters(FIRST, &reference) == 0 && !entry(&sandbox, &quiet.claim).exists());
    // No key comes back by saying once more whose it is.
    let said = sandbox.call(&args, &[]).ended_with(0);
    said.says(&["that stands already"]);
    let own = format!("ledger/parties/{}.json", text(&records[0], "party_ref"));
    assert!(!sandbox.path(&own).exists());
    replay().says(&["same, except "]);
    alias(&sandbox, &[]).ended_with(0).says(&["(erased) is "]);
    sandbox.call(&["status"], &[]);
    sandbox.run(SECOND).ended_with(0).says(&["0 new letters"]);
}

/// What is refused, with where and what to do; nothing is written.
fn refused(sandbox: &Sandbox, known: &Known, asked: &[Known]) {
    let n = sandbox.ledger("alias").len();
    let (old, own) = (former(&known.own), known.own.as_str());
    let other = asked.last().unwrap().own.as_str();
    let by = ["--by", "operator"];
    for (args, says) in [
        (
            vec!["bedrijf", own],
            ["`bedrijf` is not a company key", "unreg:voorbeeld.nl"],
        ),
        (
            vec![&old, "kvk:123"],
            ["`kvk:123` is not a company key", "kvk:01234567"],
        ),
        (vec![own, &old], ["is a company's own key", "wrong order"]),
        (
            vec![own, own],
            ["stands there twice", "the provisional key first"],
        ),
        (
            vec![&old, &old],
            ["stands there twice", "the provisional key first"],
        ),
        (
            vec![&old, "asn:64500"],
            [
                "is a provisional key; expected a company's own",
                "note the alias when",
            ],
        ),
        (
            vec!["unreg:niemand.example", own],
            [
                "no letter was ever claimed for `unreg:niemand.example`",
                "nothing was sent to it",
            ],
        ),
        (
            vec![&old, other],
            [
                "is known to be another company's",
                "`nachtwacht alias JOB` shows whose",
            ],
        ),
    ] {
        let ran = alias(sandbox, &[&args[..], &by].concat());
        ran.ended_with(2).says(&says);
    }
    for args in [vec![old.as_str(), own], vec![old.as_str()]] {
        let ran = alias(sandbox, &args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.out);
    }
    let same = alias(sandbox, &[&[&old, own][..], &["--by", "Jansen"]].concat()).ended_with(0);
    same.says(&["stands already"]);
    assert_eq!(sandbox.ledger("alias").len(), n);
}
