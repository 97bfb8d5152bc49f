//! The Public Suffix List: the publisher's cases, and a crate as the second opinion.

use nachtwacht::diag::Kind;
use nachtwacht::model::name::Domain;
use nachtwacht::register::SuffixList;

use crate::harness::shared;

const LIST: &str = "\
// ===BEGIN ICANN DOMAINS===
com
nl
uk
co.uk
*.ck
!www.ck
公司.cn
cn
// ===END ICANN DOMAINS===
not.a.rule
// ===BEGIN PRIVATE DOMAINS===
hoster.example
*.b.example
x.y.b.example
// ===END PRIVATE DOMAINS===
";

/// A list with every form of rule.
pub fn suffixes() -> SuffixList {
    SuffixList::read(LIST.as_bytes(), "list").unwrap()
}

#[test]
fn suffixes_follow_the_publishers_algorithm() {
    let table = [
        ("nl", None),
        ("voorbeeld.nl", Some("voorbeeld.nl")),
        ("a.b.voorbeeld.nl", Some("voorbeeld.nl")),
        ("co.uk", None),
        ("b.co.uk", Some("b.co.uk")),
        ("ck", None),
        ("b.ck", None),
        ("a.b.ck", Some("a.b.ck")),
        ("www.ck", Some("www.ck")),
        ("a.www.ck", Some("www.ck")),
        // Not listed: the last label is the suffix.
        ("local", None),
        ("a.local", Some("a.local")),
        ("a.rule", Some("a.rule")),
        ("b.a.rule", Some("a.rule")),
        ("example", None),
        ("hoster.example", None),
        ("k.hoster.example", Some("k.hoster.example")),
        // A longer rule that shares a label does not hide the wildcard.
        ("y.b.example", None),
        ("z.y.b.example", Some("z.y.b.example")),
        ("x.y.b.example", None),
    ];
    let list = suffixes();
    for (name, want) in table {
        let name: Domain = name.parse().unwrap();
        assert_eq!(
            list.registrable(&name).map(|d| d.to_string()).as_deref(),
            want,
            "{name}"
        );
        assert_eq!(list.is_public_suffix(&name), want.is_none(), "{name}");
    }
}

/// The list that the program brings: every form of rule and both sections, under A-labels.
#[test]
fn the_built_in_list_has_both_sections() {
    let table = [
        ("nl", None),
        ("voorbeeld.nl", Some("voorbeeld.nl")),
        ("co.uk", None),
        ("a.b.co.uk", Some("b.co.uk")),
        ("b.ck", None),
        ("a.www.ck", Some("www.ck")),
        ("公司.cn", None),
        ("a.b.公司.cn", Some("b.公司.cn")),
        // Of the private section.
        ("github.io", None),
        ("a.b.github.io", Some("b.github.io")),
        // Not listed.
        ("local", None),
        ("a.local", Some("a.local")),
    ];
    let list = SuffixList::built_in();
    for (name, want) in table {
        let name: Domain = name.parse().unwrap();
        let want = want.map(|w| w.parse::<Domain>().unwrap());
        assert_eq!(list.registrable(&name), want, "{name}");
        assert_eq!(list.is_public_suffix(&name), want.is_none(), "{name}");
    }
    let registry = |name: &str| list.is_registry_suffix(&name.parse().unwrap());
    assert!(registry("co.uk") && !registry("github.io"));
}

#[test]
fn half_a_suffix_list_is_refused() {
    for text in [
        "",
        "nl\n",
        "// ===BEGIN ICANN DOMAINS===\nnl\n// ===END ICANN DOMAINS===\n",
    ] {
        let failure = SuffixList::read(text.as_bytes(), "list.dat").unwrap_err();
        assert_eq!(failure.kind, Kind::FixData);
        assert!(failure.to_string().contains("PRIVATE"), "{failure}");
    }
    let bad = LIST.replace("co.uk", "co..uk");
    let failure = SuffixList::read(bad.as_bytes(), "list.dat").unwrap_err();
    assert!(
        failure.to_string().contains("list.dat: line 5"),
        "{failure}"
    );
    assert!(SuffixList::read(b"\xff", "list.dat").is_err());
}

#[test]
fn the_real_list_answers_as_its_publisher_says() {
    let (Some(list), Some(cases)) = (
        shared("psl/public_suffix_list.dat"),
        shared("psl/psl-cases.csv"),
    ) else {
        return;
    };
    let text = std::fs::read(list).unwrap();
    let list = SuffixList::read(&text, "public_suffix_list.dat").unwrap();
    let mut n_checked = 0;
    for record in csv::Reader::from_path(cases).unwrap().records() {
        let record = record.unwrap();
        let want = record[1].parse::<Domain>().ok();
        let found = record[0]
            .parse::<Domain>()
            .ok()
            .and_then(|name| list.registrable(&name));
        assert_eq!(found, want, "{}", &record[0]);
        n_checked += 1;
    }
    assert!(n_checked >= 25);

    // Every rule of the list is a public suffix. The crate is the oracle for names at and below
    // the rules; it compares bytes, so it gets A-labels.
    let ascii: String = std::str::from_utf8(&text)
        .unwrap()
        .lines()
        .map(|line| match line.starts_with("//") {
            true => format!("{line}\n"),
            false => format!("{}\n", idna::domain_to_ascii(line.trim()).unwrap()),
        })
        .collect();
    let other = publicsuffix::List::from_bytes(ascii.as_bytes()).unwrap();
    let mut n_rules = 0;
    for rule in std::str::from_utf8(&text).unwrap().lines() {
        let rule = rule.trim();
        if rule.is_empty() || rule.starts_with("//") || rule.starts_with('!') {
            continue;
        }
        let name: Domain = rule.replace('*', "iets").parse().unwrap();
        assert!(list.is_public_suffix(&name), "{rule}");
        for name in [format!("a.{name}"), format!("b.a.{name}"), name.to_string()] {
            let name: Domain = name.parse().unwrap();
            let theirs = publicsuffix::Psl::domain(&other, name.as_str().as_bytes());
            let theirs = theirs.map(|d| String::from_utf8(d.as_bytes().to_vec()).unwrap());
            let ours = list.registrable(&name).map(|d| d.to_string());
            assert_eq!(ours, theirs, "{rule}: {name}");
        }
        n_rules += 1;
    }
    assert!(n_rules > 9_000, "{n_rules} rules");
}
