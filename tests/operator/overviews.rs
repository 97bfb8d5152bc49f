//! `policy.copy_to_parent`, with the real binary: parents hear of letters to their daughters, and
//! nothing else changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex, OnceLock};

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use nachtwacht::deliver::{Dispatch, Handed, Outbox, Trace};
use nachtwacht::diag::Failure;
use nachtwacht::ledger::{Holder, Ledger, Settings};
use nachtwacht::model::company::{Channel, CompanyKey};
use nachtwacht::model::ledger_record::Claim;
use nachtwacht::run::hand_over::{ByLetter, Ready, claims_to};
use nachtwacht::run::progress::Silent;
use nachtwacht::store::{self, Place};
use serde_json::Value;

use super::rectify::{busiest, rectify};
use crate::bad_input::{read, with_column, write};
use crate::hold::{JOB, approve, limit, plan_of, signed, signers};
use crate::ledger::claim;
use crate::sandbox::{Ran, Sandbox, Tree};
use crate::signing::Key;

const NIGHT: &str = "2026-03-09";
const COMPANIES: &str = "data-samples/register/companies.parquet";
const CONTACTS: &str = "data-samples/register/contacts.parquet";

/// Companies that get a letter on the night: key, reference, channel, why there.
fn written_to(outputs: &Tree) -> Vec<[String; 4]> {
    let table = outputs["decisions.parquet"].clone();
    let batches = nachtwacht::scan::table_of(table.into(), "decisions").unwrap();
    let mut found = BTreeSet::new();
    for batch in &batches {
        let text = |name: &str, row: usize| {
            let column = batch.column_by_name(name).unwrap().as_string::<i32>();
            column.value(row).to_owned()
        };
        let rows = (0..batch.num_rows()).filter(|row| text("outcome", *row) == "in_letters");
        found.extend(rows.map(|row| {
            [
                "company_key",
                "reference",
                "contact_channel",
                "contact_reason",
            ]
            .map(|name| text(name, row))
        }));
    }
    found.into_iter().collect()
}

/// A parent with a mailbox and its two daughters, one that is left an address alone and its one.
struct Family {
    by_mail: String,
    by_post: String,
    daughters: [String; 3],
}

fn kin() -> &'static Family {
    static FAMILY: OnceLock<Family> = OnceLock::new();
    FAMILY.get_or_init(|| {
        let calm = Sandbox::small();
        calm.run(NIGHT).ended_with(0);
        let all = written_to(&calm.outputs(NIGHT));
        let by = |why: &str, channel: &str| -> Vec<String> {
            let of = all.iter().filter(|l| l[2] == channel && l[3] == why);
            of.map(|[key, ..]| key.clone()).collect()
        };
        let mail = by("registered", "email");
        let [by_mail, by_post, one, two, three] = [0, 1, 2, 3, 4].map(|n: usize| mail[n].clone());
        Family {
            by_mail,
            by_post,
            daughters: [one, two, three],
        }
    })
}

/// The short night, with two parents in the register, and no other; the job says nothing of overviews.
fn related() -> Sandbox {
    let sandbox = Sandbox::small();
    let kin = kin();
    let [one, two, three] = kin.daughters.each_ref().map(String::as_str);
    let parents = BTreeMap::from([
        (one, kin.by_mail.as_str()),
        (two, kin.by_mail.as_str()),
        (three, kin.by_post.as_str()),
    ]);
    let batch = read(&sandbox, COMPANIES);
    let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>();
    let new: StringArray = text("company_key")
        .iter()
        .map(|key| parents.get(key.unwrap()).copied())
        .collect();
    let new: ArrayRef = Arc::new(new);
    let batch: RecordBatch = with_column(&batch, "parent_company_key", Some(new));
    write(&sandbox, COMPANIES, &batch);
    let contacts = read(&sandbox, CONTACTS);
    let of = contacts.column_by_name("company_key").unwrap();
    let stays = of
        .as_string::<i32>()
        .iter()
        .map(|key| key != Some(kin.by_post.as_str()));
    let stays: Vec<bool> = stays.collect();
    let contacts = filter_record_batch(&contacts, &stays.into()).unwrap();
    write(&sandbox, CONTACTS, &contacts);
    sandbox
}

/// The same, with overviews.
pub fn family() -> Sandbox {
    let sandbox = related();
    sandbox.edit(JOB, "# copy_to_parent = true ", "copy_to_parent = true ");
    sandbox
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap().to_owned()
}

fn is_overview(claim: &Value) -> bool {
    claim.get("overview_of").is_some()
}

fn overviews(sandbox: &Sandbox) -> Vec<Value> {
    let claims = sandbox.ledger("claim").into_iter();
    claims.filter(is_overview).collect()
}

fn references(claims: &[Value]) -> BTreeSet<String> {
    claims.iter().map(|c| text(c, "reference")).collect()
}

/// What has no name of an overview and no hash of the job or of it in it.
fn but_for(outputs: &Tree, overviews: &BTreeSet<String>) -> Tree {
    let changes = |name: &String| {
        name.starts_with("manifest")
            || name.starts_with("letters.plan")
            || name.starts_with("mail-merge/")
            || name.starts_with("verification/")
            || name == "parties.json"
            || overviews.iter().any(|r| name.contains(r.as_str()))
    };
    let mut same = outputs.clone();
    same.retain(|name, _| !changes(name));
    same
}

fn letter(outputs: &Tree, reference: &str) -> String {
    let bytes = outputs[&format!("letters/{reference}.txt")].clone();
    let text = String::from_utf8(bytes).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn statistics(sandbox: &Sandbox) -> Tree {
    let args = ["statistics", "jobs/statistics.toml", "--period", "2026-03"];
    sandbox.call(&args, &[]).ended_with(0);
    let mut all = crate::sandbox::tree(&sandbox.path("internal"));
    // It names the head of the ledger, which holds more.
    all.retain(|name, _| !name.ends_with("version.json"));
    assert!(all.len() > 3, "{:?}", all.keys());
    all
}

#[track_caller]
fn assert_same(a: &Tree, b: &Tree) {
    assert!(a.keys().eq(b.keys()), "{:?}\n{:?}", a.keys(), b.keys());
    for (name, bytes) in a {
        assert!(b[name] == *bytes, "other bytes in {name}");
    }
}

#[test]
fn parents_get_one_overview_each_and_nothing_else_changes() {
    let (off, on) = (related(), family());
    off.run(NIGHT).ended_with(0).says(&["new letters"]);
    let ran = on.run(NIGHT).ended_with(0);
    ran.says(&[
        "overviews",
        "to parents of these companies",
        ", 2 new overviews",
    ]);
    let claims = overviews(&on);
    assert!(overviews(&off).is_empty());
    assert_eq!(claims.len(), 2);
    let ours = references(&claims);
    let (without, with) = (off.outputs(NIGHT), on.outputs(NIGHT));
    assert_same(&but_for(&without, &ours), &but_for(&with, &ours));
    // The other claims, lines and receipts are those of the night without.
    let others = |s: &Sandbox, kind: &str| -> Vec<String> {
        let ids: BTreeSet<String> = overviews(s).iter().map(|c| text(c, "letter_id")).collect();
        let records = s.ledger(kind).into_iter();
        let records = records.filter(|r| !ids.contains(r["letter_id"].as_str().unwrap()));
        records.map(|r| r.to_string()).collect()
    };
    assert_eq!(others(&off, "claim"), others(&on, "claim"));
    assert_eq!(others(&off, "receipt"), others(&on, "receipt"));
    for kind in ["counts", "decision_counts", "decision_reasons", "letters"] {
        assert_eq!(
            off.manifest(NIGHT)[kind],
            on.manifest(NIGHT)[kind],
            "{kind}"
        );
    }
    assert!(off.manifest(NIGHT).get("overviews").is_none());
    let counted = &on.manifest(NIGHT)["overviews"];
    assert_eq!(
        (counted["sent"].as_u64(), counted["held"].as_u64()),
        (Some(2), Some(0))
    );
    assert_same(&statistics(&off), &statistics(&on));

    // Claim before receipt, handed over once, with its release and its row of the mail merge.
    for claim in &claims {
        let id = text(claim, "letter_id");
        assert_eq!(claim["items"].as_array().unwrap().len(), 0);
        let of: Vec<Value> = on
            .ledger("receipt")
            .into_iter()
            .filter(|r| r["letter_id"] == id.as_str())
            .collect();
        assert_eq!(of.len(), 1);
        assert_eq!(of[0]["state"], "handed_over");
        let reference = text(claim, "reference");
        assert!(with.contains_key(&format!("outbox/{reference}.json")));
        let merge = String::from_utf8(with["mail-merge/letters.csv"].clone()).unwrap();
        assert_eq!(merge.contains(&reference), claim["channel"] == "post");
    }
    let channels: BTreeSet<String> = claims.iter().map(|c| text(c, "channel")).collect();
    assert_eq!(channels.into_iter().collect::<Vec<_>>(), ["email", "post"]);
    told(&on, &with, &claims);
    looked_at(&on, &claims);
    let again = on.run(NIGHT).ended_with(0);
    again.says(&["0 new letters\n"]);
    assert_same(&with, &on.outputs(NIGHT));
    on.call(&["replay", NIGHT], &[])
        .ended_with(0)
        .says(&[": same\n"]);
    on.call(&["ledger", "verify"], &[]).ended_with(0);
}

/// Each names its daughters and their references, and not where anything was seen.
fn told(sandbox: &Sandbox, outputs: &Tree, claims: &[Value]) {
    let kin = kin();
    let of: BTreeMap<String, String> = written_to(outputs)
        .into_iter()
        .map(|[key, r, ..]| (key, r))
        .collect();
    let batch = read(sandbox, COMPANIES);
    let column = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>();
    let names: BTreeMap<&str, &str> = (column("company_key").iter().flatten())
        .zip(column("name").iter().flatten())
        .collect();
    let [one, two, three] = kin.daughters.each_ref().map(String::as_str);
    for claim in claims {
        let said = letter(outputs, &text(claim, "reference"));
        let (parent, told, not) = if claim["channel"] == "email" {
            (&kin.by_mail, vec![one, two], vec![three])
        } else {
            (&kin.by_post, vec![three], vec![one, two])
        };
        assert!(said.contains(names[parent.as_str()]), "{said}");
        for daughter in told {
            assert!(
                said.contains(&of[daughter]) && said.contains(names[daughter]),
                "{said}"
            );
            let own = letter(outputs, &of[daughter]);
            let places = own
                .split_whitespace()
                .filter(|w| w.contains("[.]") || w.parse::<std::net::IpAddr>().is_ok());
            for place in places {
                assert!(!said.contains(place), "{place} in {said}");
            }
        }
        for daughter in not {
            assert!(
                !said.contains(&of[daughter]) && !said.contains(names[daughter]),
                "{said}"
            );
        }
    }
}

/// `verify`, `explain`, `status`, `answer`, `diff` of a night with overviews.
fn looked_at(sandbox: &Sandbox, claims: &[Value]) {
    let list = fs::read_dir(sandbox.path(&format!("runs/{NIGHT}")))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let list = list.path().join(format!("verification/{NIGHT}.json"));
    let list = list.display().to_string();
    for claim in claims {
        let reference = text(claim, "reference");
        for more in [&[][..], &["--list", &list]] {
            let args = [&["verify", &reference], more].concat();
            sandbox
                .call(&args, &[])
                .ended_with(0)
                .says(&["real, sent on 2026-03-09"]);
        }
        let n = claim["overview_of"].as_array().unwrap().len();
        let explained = sandbox
            .call(&["explain", "--letter", &reference], &[])
            .ended_with(0);
        explained.says(&[
            "an overview for a parent company",
            &format!("an overview of {n} letters"),
            "handed_over",
        ]);
        assert_eq!(explained.out.matches("tells of").count(), n);
        let json = sandbox
            .call(&["explain", "--letter", &reference, "--json"], &[])
            .ended_with(0);
        let json: Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(json["overview_of"].as_array().unwrap().len(), n);
        let refused = sandbox.call(&["answer", &reference, "fixed", "--by", "recipient"], &[]);
        refused
            .ended_with(2)
            .says(&["is an overview for a parent company", "hint:"]);
    }
    let status = sandbox.call(&["status", "--json"], &[]);
    let status: Value = serde_json::from_str(&status.out).unwrap();
    let good = &status["last_good_night"];
    assert_eq!(good["overviews"], 2);
    assert_eq!(good["letters"], sandbox.manifest(NIGHT)["letters"]["sent"]);
}

/// A brake counts overviews, and holds them with the rest; the same plan leaves when it is let go.
#[test]
fn a_held_night_holds_its_overviews_and_a_signature_lets_them_go() {
    let sandbox = family();
    let n_letters = u32::try_from(written_to_of_related().len()).unwrap();
    let key = Key::of(1);
    signers(&sandbox, &[&key]);
    // The letters alone are within the limit.
    limit(&sandbox, n_letters + 1);
    let held = sandbox.run(NIGHT).ended_with(2);
    let waits = format!(
        "{} letters; the job allows {}",
        n_letters + 2,
        n_letters + 1
    );
    held.says(&[
        &waits,
        "2 of them are overviews for parents",
        "0 new letters\n",
    ]);
    let outputs = sandbox.outputs(NIGHT);
    let plan: Value = serde_json::from_slice(&outputs["letters.plan.json"]).unwrap();
    let planned: Vec<&Value> = plan["letters"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|l| l.get("overview_of").is_some())
        .collect();
    assert_eq!(planned.len(), 2);
    for overview in &planned {
        let reference = text(overview, "reference");
        let draft = String::from_utf8(outputs[&format!("held/{reference}.txt")].clone()).unwrap();
        assert!(
            draft.starts_with("CONCEPT") || draft.starts_with("DRAFT"),
            "{draft}"
        );
        assert!(!outputs.contains_key(&format!("letters/{reference}.txt")));
        sandbox
            .call(&["explain", "--letter", &reference], &[])
            .ended_with(0)
            .says(&["an overview for a parent company", "tells of"]);
    }
    assert!(sandbox.ledger("claim").is_empty());
    let plan = plan_of(&held);
    let file = signed(&sandbox, NIGHT, &plan, &key);
    approve(&sandbox, NIGHT, &plan, &["--signed", &file]).ended_with(0);
    sandbox
        .run(NIGHT)
        .ended_with(0)
        .says(&[", 2 new overviews"]);
    let left: BTreeSet<String> = planned.iter().map(|l| text(l, "reference")).collect();
    assert_eq!(references(&overviews(&sandbox)), left);
    // Published figures of what brakes held speak of letters alone.
    let n = sandbox.manifest(NIGHT)["letters_held_by_brakes"]
        .as_u64()
        .unwrap();
    assert_eq!(n, u64::from(n_letters));
}

fn written_to_of_related() -> Vec<[String; 4]> {
    let calm = related();
    calm.run(NIGHT).ended_with(0);
    written_to(&calm.outputs(NIGHT))
}

fn erase(sandbox: &Sandbox, company: &str) -> Ran {
    sandbox
        .call(&["erase", company, "--also-unprinted"], &[])
        .ended_with(0)
}

/// References of overviews of which some file is still there, but for releases.
fn left(sandbox: &Sandbox, references: &BTreeSet<String>) -> BTreeSet<String> {
    let outputs = sandbox.outputs(NIGHT);
    let names: Vec<&String> = outputs
        .keys()
        .filter(|n| !n.starts_with("outbox/"))
        .collect();
    let is_there = |r: &&String| names.iter().any(|n| n.contains(r.as_str()));
    references.iter().filter(is_there).cloned().collect()
}

/// With a parent go the overviews to it, with a daughter those that tell of it; sent or held.
#[test]
fn erasure_takes_overviews_with_the_parent_and_with_a_daughter() {
    let kin = kin();
    for is_held in [false, true] {
        for (company, channel) in [
            (&kin.by_mail, "email"),
            (&kin.daughters[1], "email"),
            (&kin.by_post, "post"),
            (&kin.daughters[2], "post"),
        ] {
            let sandbox = family();
            if is_held {
                limit(&sandbox, 1);
            }
            sandbox.run(NIGHT).ended_with(if is_held { 2 } else { 0 });
            let plan: Value =
                serde_json::from_slice(&sandbox.outputs(NIGHT)["letters.plan.json"]).unwrap();
            let all = plan["letters"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|l| is_overview(l));
            let (goes, stays): (Vec<Value>, Vec<Value>) =
                all.cloned().partition(|l| l["channel"] == channel);
            let (goes, stays) = (references(&goes), references(&stays));
            assert_eq!((goes.len(), stays.len()), (1, 1));
            erase(&sandbox, company);
            assert_eq!(
                left(&sandbox, &goes),
                BTreeSet::new(),
                "{company}, held: {is_held}"
            );
            assert_eq!(left(&sandbox, &stays), stays, "{company}, held: {is_held}");
            if !is_held {
                sandbox
                    .call(&["replay", NIGHT], &[])
                    .ended_with(0)
                    .says(&["same, except "]);
                sandbox.run(NIGHT).ended_with(0).says(&["0 new letters\n"]);
                assert_eq!(left(&sandbox, &goes), BTreeSet::new());
            }
        }
    }
}

/// A correction of a daughter's letter goes to the daughter; no overview tells of it, and the old
/// one stands as it was sent.
#[test]
fn a_correction_corrects_no_overview() {
    let sandbox = family();
    sandbox.run(NIGHT).ended_with(0);
    let claims = sandbox.ledger("claim");
    let (ours, warnings): (Vec<Value>, Vec<Value>) = claims.into_iter().partition(is_overview);
    let threat = busiest(&warnings);
    rectify(&sandbox, &threat, &[]).ended_with(0);
    assert_eq!(overviews(&sandbox), ours);
    for reference in references(&ours) {
        sandbox
            .call(&["verify", &reference], &[])
            .ended_with(0)
            .says(&["real, sent on"]);
    }
    sandbox.call(&["ledger", "verify"], &[]).ended_with(0);
}

/// A night whose daughters' parent cannot be reached says so, and that is all.
#[test]
fn a_parent_without_a_contact_is_counted() {
    let sandbox = family();
    let job = fs::read_to_string(sandbox.path(JOB)).unwrap();
    let chain = job.lines().find(|l| l.starts_with("contacts = [")).unwrap();
    sandbox.edit(JOB, chain, "contacts = [\"registered\"]");
    let ran = sandbox.run(NIGHT).ended_with(0);
    ran.says(&["1 without a contact of their own", ", 1 new overviews"]);
    assert_eq!(sandbox.manifest(NIGHT)["overviews"]["no_contact"], 1);
    let mail = fs::read_to_string(sandbox.path("status/summary.txt")).unwrap();
    assert!(
        mail.contains("overviews to parents") && mail.contains("no contact of its own"),
        "{mail}"
    );
}

/// Takes everything.
struct Willing(Mutex<Vec<String>>);

impl Outbox for Willing {
    fn name(&self, _: Channel) -> &'static str {
        "willing"
    }
    fn trace(&self, _: &Dispatch<'_>) -> Result<Trace, Failure> {
        Ok(Trace::NotHandedOver)
    }
    fn hand_over(&self, dispatch: &Dispatch<'_>) -> Result<Handed, Failure> {
        self.0.lock().unwrap().push(dispatch.name());
        Ok(Handed::HandedOver)
    }
}

/// Another run wrote about a finding meanwhile: that letter is dropped, and so is the overview that
/// tells of it. The other overview leaves after its letter, though it goes by a quicker way.
#[test]
fn an_overview_of_a_letter_that_was_dropped_does_not_leave() {
    let folder = tempfile::tempdir().unwrap();
    let base = url::Url::from_directory_path(folder.path()).unwrap();
    let place = Place::open(&base, &store::Settings::default(), &BTreeMap::new()).unwrap();
    let who = Holder::this_process("one");
    let mut ledger = Ledger::open(&place, &Settings::default(), &who).unwrap();
    let [dropped, mut sent] = [1, 2].map(|n| claim(9, n));
    sent.channel = Channel::Post;
    let mut elsewhere = dropped.clone();
    elsewhere.letter_id.0[0] ^= 1;
    ledger
        .append(vec![elsewhere.into()], &mut |_, r| r)
        .unwrap();
    let overview = |n: u32, of: &[&Claim]| Claim {
        items: Box::default(),
        overview_of: of.iter().map(|c| c.letter_id).collect(),
        ..claim(9, n)
    };
    let both = overview(3, &[&dropped, &sent]);
    let one = overview(4, &[&sent]);
    let all = vec![dropped, sent.clone(), both, one.clone()];
    let (company, files): (CompanyKey, _) = ("kvk:00000001".parse().unwrap(), BTreeMap::new());
    let ready: ByLetter<'_> = all
        .iter()
        .map(|c| {
            let ready = Ready {
                company: &company,
                recipient: "",
                files: &files,
            };
            (c.letter_id, ready)
        })
        .collect();
    for round in 0..2 {
        let outbox = Willing(Mutex::default());
        let handed = claims_to(&outbox, all.clone(), &ready, &mut ledger, &Silent).unwrap();
        let n = u64::from(round == 0);
        assert_eq!((handed.new_letters, handed.new_overviews), (n, n));
        let left = outbox.0.into_inner().unwrap();
        let want = [&sent, &one].map(|c| c.reference.to_string());
        assert_eq!(left, if round == 0 { &want[..] } else { &[] });
    }
    drop(ledger);
    // It stands in the ledger as it was claimed; a line of any other letter says nothing of it.
    let view = Ledger::read_only(&place, &Settings::default()).unwrap();
    assert_eq!(view.claims().filter(|c| **c == one).count(), 1);
    let lines: Vec<String> = crate::sandbox::tree(&folder.path().join("ledger"))
        .values()
        .flat_map(|bytes| {
            String::from_utf8_lossy(bytes)
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter(|line| line.contains("\"overview_of\""))
        .collect();
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].contains(&format!("\"overview_of\":[\"{}\"]", sent.letter_id)),
        "{}",
        lines[0]
    );
}
