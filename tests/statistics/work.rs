//! Figures of the work on the published page, and the jobs that publish every month and year.

use std::collections::BTreeMap;

use nachtwacht::model::company::Language;
use nachtwacht::statistics::Counts;
use nachtwacht::statistics::forms::{self, WorkGroup, WorkInput, sheets, work, work_csv};
use nachtwacht::statistics::period::{Figures, Funnel, SecurityTxt};

use super::forms::{about, published};
use super::page::assert_well_formed;
use super::period::table;
use crate::sandbox::Sandbox;

/// Of each night, rows have their best outcome over its plans.
#[test]
fn what_an_earlier_plan_of_a_night_wrote_is_in_letters() {
    let manifest = |suppressed: u64, held: u64, in_letters: u64, sent: u64| {
        let matched = suppressed + held + in_letters;
        let counts = serde_json::json!({
            "read": matched + 3, "rejected": 1, "unmatched": 2, "matched": matched,
            "below_policy": 0, "suppressed": suppressed, "held": held, "in_letters": in_letters,
        });
        let all =
            serde_json::json!({ "counts": counts, "letters": { "sent": sent, "held": held } });
        Some(all.to_string())
    };
    let gone = None::<String>;
    for (manifests, want) in [
        (vec![manifest(2, 1, 7, 5)], [2, 1, 7, 5]),
        // The letter that was held is written by the second plan; the seven are known by then.
        (
            vec![manifest(2, 1, 7, 5), manifest(9, 0, 1, 1)],
            [2, 0, 8, 6],
        ),
        (vec![gone.clone(), manifest(9, 0, 1, 1)], [9, 0, 1, 1]),
        // A register that shrank between the plans: never more than there are.
        (
            vec![manifest(0, 0, 7, 5), manifest(3, 0, 0, 0)],
            [0, 0, 3, 5],
        ),
    ] {
        let mut funnel = Funnel::default();
        funnel.add(&manifests).unwrap();
        let found = [
            funnel.suppressed,
            funnel.held,
            funnel.in_letters,
            funnel.letters_sent,
        ];
        assert_eq!(found, want, "{manifests:?}");
        assert!(funnel.closes() && funnel.nights == 1);
    }
    let mut funnel = Funnel::default();
    funnel.add(&[manifest(2, 1, 7, 5), gone]).unwrap();
    assert_eq!((funnel.nights, funnel.nights_without_manifest), (0, 1));
    assert!(funnel.add(&[Some("{}")]).is_err());
}

/// A half-year of work.
pub fn groups(is_shown: bool) -> Vec<WorkGroup> {
    let funnel = Funnel {
        read: 61_234,
        unmatched: 60_000,
        matched: 1_234,
        below_policy: 301,
        suppressed: 402,
        held: 31,
        in_letters: 500,
        letters_held: 7,
        letters_held_by_brakes: 44,
        ..Funnel::default()
    };
    let total = Figures {
        counts: Counts {
            letters: 198,
            corrections: 2,
            ..Counts::default()
        },
        bounced: 13,
        hours: Some((31, 67)),
        ..Figures::default()
    };
    let security_txt = Some(SecurityTxt {
        looked_up: 412,
        with_file: 118,
        usable: 97,
    });
    work(&WorkInput {
        funnel: &funnel,
        total: &total,
        security_txt,
        is_shown,
    })
}

#[test]
fn figures_of_the_work_are_rounded_to_fives_in_every_form() {
    let groups = groups(true);
    let want = [
        ("funnel", "read", 61_235),
        ("funnel", "matched", 1_235),
        ("funnel", "counted", 935),
        ("funnel", "called_for", 530),
        ("funnel", "in_letters", 500),
        ("funnel", "letters", 200),
        ("letters", "letters", 200),
        ("letters", "held", 5),
        ("letters", "braked", 45),
        ("letters", "corrections", 0),
        ("letters", "bounced", 15),
        ("letters", "hours_median", 31),
        ("letters", "hours_90", 67),
        ("security-txt", "looked_up", 410),
        ("security-txt", "with_file", 120),
        ("security-txt", "usable", 95),
    ];
    let (_, titles) = published();
    let mut about = about(&titles);
    about.work = &groups;
    let csv = work_csv(&about).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let rows = reader.records().map(|r| r.unwrap());
    let rows: Vec<(String, String, u64)> = rows
        .map(|r| (r[1].to_owned(), r[2].to_owned(), r[5].parse().unwrap()))
        .collect();
    let want = want.map(|(group, code, n)| (group.to_owned(), code.to_owned(), n));
    assert_eq!(rows, want);
}

#[test]
fn the_page_draws_the_funnel_and_says_it_in_a_table_and_a_sentence() {
    let (done, titles) = published();
    let sheets = sheets(&done.publication);
    let groups = groups(true);
    let mut about = about(&titles);
    let bare = forms::page(&sheets, &about, Language::Nl).unwrap();
    about.work = &groups;
    let n = |page: &str, what: &str| page.matches(what).count();
    let bare = String::from_utf8(bare).unwrap();
    for (language, said, number) in [
        (
            Language::Nl,
            "Van ongeveer 61.235 gelezen waarnemingen gingen er 1.235 over een geregistreerd bedrijf; 500 staan in een brief.",
            "<td>61.235</td>",
        ),
        (
            Language::En,
            "Of about 61,235 observations read, 1,235 were about a registered company; 500 are in a letter.",
            "<td>61,235</td>",
        ),
    ] {
        let page = String::from_utf8(forms::page(&sheets, &about, language).unwrap()).unwrap();
        assert_well_formed(&page);
        assert!(page.contains(said) && page.contains(number), "{language}");
        assert_eq!(n(&page, "<svg"), n(&bare, "<svg") + 1);
        assert_eq!(n(&page, "<table"), n(&bare, "<table") + 3);
        for id in ["funnel", "letters", "security-txt"] {
            assert_eq!(n(&page, &format!("href=\"#{id}\"")), 1);
            assert_eq!(n(&page, &format!("id=\"{id}\"")), 1);
        }
    }
}

#[test]
fn figures_of_the_work_are_secret_where_the_total_is() {
    let groups = groups(false);
    assert!(
        groups
            .iter()
            .flat_map(|g| &g.lines)
            .all(|(_, n)| n.is_none())
    );
    let (done, titles) = published();
    let mut about = about(&titles);
    about.work = &groups;
    let page = forms::page(&sheets(&done.publication), &about, Language::En).unwrap();
    let page = String::from_utf8(page).unwrap();
    assert_eq!(page.matches("These figures are secret.").count(), 3);
    assert!(!page.contains("61,23"));
}

fn one_row(sandbox: &Sandbox, path: &str) -> BTreeMap<String, String> {
    table(&std::fs::read(sandbox.path(path)).unwrap())
        .into_iter()
        .next()
        .unwrap()
}

#[test]
fn the_monthly_and_the_yearly_job_count_the_period_before_their_date() {
    let sandbox = Sandbox::small();
    assert_eq!(sandbox.run("2026-03-09").code, Some(0));
    let call = |job: &str, on: &str| {
        let ran = sandbox.call(&["statistics", job, "--on", on], &[]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out
    };
    let monthly = call("jobs/statistics-monthly.toml", "2026-04-02");
    assert!(
        monthly.starts_with("2026-03: 2026-03-01 to 2026-03-31"),
        "{monthly}"
    );
    let yearly = call("jobs/statistics-yearly.toml", "2027-01-02");
    assert!(
        yearly.starts_with("2026: 2026-01-01 to 2026-12-31"),
        "{yearly}"
    );
    assert!(
        yearly.contains("held against 1 earlier publications"),
        "{yearly}"
    );
    // What is published of the work is what the nights counted, rounded.
    let nights = one_row(&sandbox, "internal/statistics/2026-03/v1/nights.csv");
    let published = std::fs::read(sandbox.path("statistics/2026-03/v1/csv/work.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(published.as_slice());
    let shown: BTreeMap<(String, String), String> = reader
        .records()
        .map(|r| r.unwrap())
        .map(|r| ((r[1].to_owned(), r[2].to_owned()), r[5].to_owned()))
        .collect();
    for name in ["read", "matched", "in_letters"] {
        let n: u64 = nights[name].parse().unwrap();
        let shown: u64 = shown[&("funnel".to_owned(), name.to_owned())]
            .parse()
            .unwrap();
        assert!(
            n > 0 && shown.is_multiple_of(5) && shown.abs_diff(n) <= 2,
            "{name}: {n} {shown}"
        );
    }
    // Adoption is that of the newest night, in full inside.
    let of_night = &sandbox.outputs("2026-03-09")["statistics/security-txt.csv"];
    let inside = std::fs::read(sandbox.path("internal/statistics/2026-03/v1/security-txt.csv"));
    assert_eq!(&inside.unwrap(), of_night);
    // Neither a period in the call nor one in the job.
    let none = sandbox.call(&["statistics", "jobs/statistics.toml"], &[]);
    assert_eq!(none.code, Some(2));
    assert!(none.err.contains("names no period"), "{}", none.err);
}
