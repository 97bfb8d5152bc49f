//! Reads one threat file.

use sha2::{Digest, Sha256};

use super::section::{Section, Source};
use crate::diag::Problem;
use crate::model::threat::{
    FindingUnit, OwnerText, ReferenceText, Threat, ThreatTest, ThreatText, VersionRange, When,
};

/// Reads `jobs/threats/<id>.toml`.
pub(super) fn threat(file: &str, text: &str) -> Result<Threat, Vec<Problem>> {
    let source = Source::new(file, text);
    let table = source.parse();
    let threat = read(source.root(&table), file, text);
    let problems = source.into_problems();
    match threat {
        Some(threat) if problems.is_empty() => Ok(threat),
        _ => Err(problems),
    }
}

fn read(root: Section<'_, '_>, file: &str, text: &str) -> Option<Threat> {
    let id = root.text("id");
    if let Some(id) = &id {
        check_id(&root, id, file);
    }
    let version = root.number("version", "a version from 1");
    let state = root.parsed("state", "shadow, active, retired");
    let urgency = root.parsed("urgency", "urgent, normal");
    let finding = root
        .parsed_if("finding", "port, address")
        .unwrap_or(FindingUnit::Port);
    let min_confidence = root.parsed("min_confidence", "low, medium, high");
    let min_severity = root.parsed("min_severity", "critical, high, medium, low, info");
    let remind_after_days = root.number("remind_after_days", "a number of days");
    let relapse_after_days = root.number("relapse_after_days", "a number of days");
    let supersedes = root.texts("supersedes");
    let when: Vec<When> = root.sections("when").into_iter().map(when).collect();
    if when.is_empty() {
        root.problem("when", "a threat needs one `[[when]]` at least");
    }
    let tests: Vec<ThreatTest> = root.sections("test").into_iter().filter_map(test).collect();
    let references = root
        .sections("references")
        .into_iter()
        .filter_map(reference)
        .collect();
    let (nl, en) = (words(root.section("nl")), words(root.section("en")));
    root.finish();
    Some(Threat {
        id: id?,
        version: version?,
        state: state?,
        urgency: urgency?,
        finding,
        min_confidence: min_confidence?,
        min_severity: min_severity?,
        remind_after_days: remind_after_days?,
        relapse_after_days: relapse_after_days?,
        supersedes,
        when,
        tests,
        references,
        nl: nl?,
        en: en?,
        sha256: hex::encode(Sha256::digest(text.as_bytes())),
    })
}

fn check_id(root: &Section<'_, '_>, id: &str, file: &str) {
    let is_plain = id
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_plain {
        root.problem(
            "id",
            format!("`{id}` has other signs than a-z, 0-9 and `-`"),
        );
    }
    let stem = file.rsplit(['/', '\\']).next().unwrap_or(file);
    if stem != format!("{id}.toml") {
        root.problem(
            "id",
            format!("the id is `{id}` and the file is `{stem}`; expected `{id}.toml`"),
        );
    }
}

fn when(section: Section<'_, '_>) -> When {
    let fold = |texts: Vec<String>| texts.iter().map(|t| t.to_lowercase()).collect::<Vec<_>>();
    let when = When {
        report: fold(section.texts("report")),
        feed: fold(section.texts("feed")),
        tag: fold(section.texts("tag")),
        cve: fold(section.texts("cve")),
        vendor: fold(section.texts("vendor")),
        product: fold(section.texts("product")),
        port: section.ports("port"),
        severity: section.parsed_list("severity", "critical, high, medium, low, info"),
        classification_type: fold(section.texts("classification_type")),
        version: section
            .sections("version")
            .into_iter()
            .filter_map(version_range)
            .collect(),
    };
    if when == When::default() {
        section.problem("when", "the rule is empty and would mean every observation");
    }
    section.finish();
    when
}

fn version_range(section: Section<'_, '_>) -> Option<VersionRange> {
    let scheme = section.parsed("scheme", "dotted, semver, exchange-build, debian");
    let (from, below) = (section.text_if("from"), section.text_if("below"));
    if from.is_none() && below.is_none() {
        section.problem("from", "a range needs `from`, `below` or both");
    }
    section.finish();
    Some(VersionRange {
        scheme: scheme?,
        from,
        below,
    })
}

fn test(section: Section<'_, '_>) -> Option<ThreatTest> {
    let name = section.text("name");
    let expect = section.parsed("expect", "vulnerable, possible, no");
    let row = section.section("row").map(|row| row.named_texts());
    section.finish();
    Some(ThreatTest {
        name: name?,
        row: row?,
        expect: expect?,
    })
}

fn reference(section: Section<'_, '_>) -> Option<ReferenceText> {
    let (title, url) = (section.text("title"), section.text("url"));
    if let Some(url) = &url
        && !url.starts_with("https://")
    {
        section.problem("url", format!("`{url}` does not begin with `https://`"));
    }
    section.finish();
    Some(ReferenceText {
        title: title?,
        url: url?,
    })
}

fn words(section: Option<Section<'_, '_>>) -> Option<ThreatText> {
    let section = section?;
    let texts = ["title", "what", "risk"].map(|key| section.text(key));
    let do_now = section.texts("do_now");
    let check_for_abuse = section.texts("check_for_abuse");
    for (key, list) in [("do_now", &do_now), ("check_for_abuse", &check_for_abuse)] {
        if list.is_empty() {
            section.problem(
                key,
                "the list is empty or missing; expected one step at least",
            );
        }
    }
    let to_owner = owner_words(&section);
    section.finish();
    let [title, what, risk] = texts;
    Some(ThreatText {
        title: title?,
        what: what?,
        risk: risk?,
        do_now,
        check_for_abuse,
        to_owner,
    })
}

fn owner_words(section: &Section<'_, '_>) -> Option<OwnerText> {
    let texts = ["network_title", "network_what"].map(|key| section.text_if(key));
    match texts {
        [Some(title), Some(what)] => Some(OwnerText { title, what }),
        [None, None] => None,
        _ => {
            let together = "`network_title` and `network_what` go together";
            section.problem("network_title", together);
            None
        }
    }
}
