//! The catalogue: every threat and trigger, checked against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::section::{Section, Source, closest};
use super::threat::threat;
use crate::decide::rule;
use crate::diag::Problem;
use crate::model::threat::{Certainty, Threat, ThreatState, Trigger};

/// Threats by id, and triggers in order of opening.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Threats, sorted by id.
    pub threats: Vec<Arc<Threat>>,
    /// Triggers, sorted by day and id.
    pub triggers: Vec<Arc<Trigger>>,
}

/// Reads every threat file and every trigger file (`(name, text)`), runs the threats' own
/// `[[test]]` rows, and checks that ids meet.
///
/// # Errors
/// Every problem of all files at once.
pub fn catalogue(
    threat_files: &[(String, String)],
    trigger_files: &[(String, String)],
) -> Result<Catalogue, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut threats: BTreeMap<String, (String, Threat)> = BTreeMap::new();
    for (file, text) in threat_files {
        match threat(file, text) {
            Ok(threat) => {
                run_tests(file, &threat, &mut problems);
                threats.insert(threat.id.clone(), (file.clone(), threat));
            }
            Err(found) => problems.extend(found),
        }
    }
    if threat_files.is_empty() {
        problems.push(Problem::new(
            "threats",
            "",
            "no threat file was found; expected `<id>.toml`",
        ));
    }
    let mut triggers = Vec::new();
    for (file, text) in trigger_files {
        match read_triggers(file, text) {
            Ok(found) => triggers.extend(found.into_iter().map(|t| (file.clone(), t))),
            Err(found) => problems.extend(found),
        }
    }
    // A threat file that could not be read is a problem already; do not report its ids as unknown.
    if problems.is_empty() {
        cross_check(&threats, &triggers, &mut problems);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut triggers: Vec<_> = triggers.into_iter().map(|(_, t)| Arc::new(t)).collect();
    triggers.sort_by(|a, b| (a.opened_on, &a.id).cmp(&(b.opened_on, &b.id)));
    let threats = threats.into_values().map(|(_, t)| Arc::new(t)).collect();
    Ok(Catalogue { threats, triggers })
}

fn run_tests(file: &str, threat: &Threat, problems: &mut Vec<Problem>) {
    let expects = |certainty| threat.tests.iter().any(|t| t.expect == certainty);
    if !(expects(Certainty::Vulnerable) || expects(Certainty::Possible)) || !expects(Certainty::No)
    {
        let message =
            "a threat needs a `[[test]]` that it means and one near miss (`expect = \"no\"`)";
        problems.push(Problem::new(file, "test", message));
    }
    for test in &threat.tests {
        match rule::judge_row(threat, &test.row) {
            Ok(answer) if answer == test.expect => {}
            Ok(answer) => problems.push(
                Problem::new(
                    file,
                    format!("test `{}`", test.name),
                    format!(
                        "the rule answers `{answer}`; the test expects `{}`",
                        test.expect
                    ),
                )
                .hint("mend the rule under `[[when]]`, or the test"),
            ),
            Err(message) => {
                problems.push(Problem::new(file, format!("test `{}`", test.name), message));
            }
        }
    }
}

fn read_triggers(file: &str, text: &str) -> Result<Vec<Trigger>, Vec<Problem>> {
    let source = Source::new(file, text);
    let table = source.parse();
    let root = source.root(&table);
    let triggers: Vec<Trigger> = root
        .sections("trigger")
        .into_iter()
        .filter_map(trigger)
        .collect();
    root.finish();
    let problems = source.into_problems();
    if problems.is_empty() {
        Ok(triggers)
    } else {
        Err(problems)
    }
}

fn trigger(section: Section<'_, '_>) -> Option<Trigger> {
    let texts = ["id", "threat_id", "source"].map(|key| section.text(key));
    let opened_on = section.date("opened_on");
    let feeds = section.texts("feeds");
    section.finish();
    let [id, threat_id, source] = texts;
    Some(Trigger {
        id: id?,
        threat_id: threat_id?,
        opened_on: opened_on?,
        source: source?,
        feeds,
    })
}

fn cross_check(
    threats: &BTreeMap<String, (String, Threat)>,
    triggers: &[(String, Trigger)],
    problems: &mut Vec<Problem>,
) {
    let known: Vec<&str> = threats.keys().map(String::as_str).collect();
    let unknown = |file: &str, key: String, id: &str| {
        let mut problem = Problem::new(file, key, format!("unknown threat `{id}`"));
        problem.hint =
            closest(id, &known).or_else(|| Some(format!("known threats: {}", known.join(", "))));
        problem
    };
    for (file, threat) in threats.values() {
        for id in threat
            .supersedes
            .iter()
            .filter(|id| !threats.contains_key(*id))
        {
            problems.push(unknown(file, "supersedes".into(), id));
        }
        let has_trigger = triggers.iter().any(|(_, t)| t.threat_id == threat.id);
        if threat.state == ThreatState::Active && !has_trigger {
            problems.push(
                Problem::new(
                    file,
                    "id",
                    format!("the active threat `{}` has no trigger", threat.id),
                )
                .hint("add a `[[trigger]]` under `jobs/triggers/`, or set `state = \"shadow\"`"),
            );
        }
    }
    refuse_circles(threats, problems);
    let mut seen = BTreeSet::new();
    for (file, trigger) in triggers {
        if !threats.contains_key(&trigger.threat_id) {
            problems.push(unknown(
                file,
                format!("trigger `{}`", trigger.id),
                &trigger.threat_id,
            ));
        }
        if !seen.insert(&trigger.id) {
            problems.push(Problem::new(
                file,
                format!("trigger `{}`", trigger.id),
                "the id is used twice",
            ));
        }
    }
}

/// In a circle each threat would leave out the other, and nobody would be written to.
fn refuse_circles(threats: &BTreeMap<String, (String, Threat)>, problems: &mut Vec<Problem>) {
    for (id, (file, threat)) in threats {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = threat.supersedes.iter().map(String::as_str).collect();
        while let Some(weaker) = next.pop() {
            if !reached.insert(weaker) {
                continue;
            }
            let of_weaker = threats.get(weaker).map(|(_, t)| &t.supersedes);
            next.extend(of_weaker.into_iter().flatten().map(String::as_str));
        }
        if !reached.contains(id.as_str()) {
            continue;
        }
        let message = if threat.supersedes.contains(id) {
            format!("the threat `{id}` supersedes itself")
        } else {
            format!("the threat `{id}` supersedes itself by way of another")
        };
        let hint = "name only threats that say less than this one";
        problems.push(Problem::new(file, "supersedes", message).hint(hint));
    }
}
