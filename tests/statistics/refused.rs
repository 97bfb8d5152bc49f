//! A publication that the attacker can open is not written: exit 2, the cell, and not its value.

use nachtwacht::statistics::guard::{Publication, Spot};
use nachtwacht::statistics::period::Axis;

use super::period::table;
use crate::sandbox::Sandbox;

const MONTH: &str = "statistics/2026-03/v1/publication.json";
const SPAN: &str = "2026-03-05..2026-03-12";

fn ask(sandbox: &Sandbox, period: &str) -> crate::sandbox::Ran {
    let args = ["statistics", "jobs/statistics.toml", "--period", period];
    sandbox.call(&args, &[])
}

/// Shows every secret cell of the month but one sector's, as a careless hand would; answers which
/// one is left, and its companies.
fn open_all_but_one(sandbox: &Sandbox) -> (Spot, u64) {
    let path = sandbox.path(MONTH);
    let mut month = Publication::from_json(&std::fs::read(&path).unwrap()).unwrap();
    let internal = std::fs::read(sandbox.path("internal/statistics/2026-03/v1/statistics.csv"));
    let mut left = None;
    for row in table(&internal.unwrap()) {
        let at = ["1", "2"].iter().filter_map(|n| {
            let axis: Axis = row[&format!("axis_{n}")].parse().ok()?;
            let value = row[&format!("value_{n}")].trim_start_matches('\'');
            Some((axis, value.to_owned()))
        });
        let spot = Spot::new(at.collect());
        let n = |name: &str| row[name].parse::<u64>().unwrap();
        let is_small = spot.axes() == [Axis::Sector] && (1..3).contains(&n("companies"));
        match month.cells.get_mut(&spot) {
            Some(None) if is_small && left.is_none() => left = Some((spot, n("companies"))),
            Some(cell) => *cell = Some([n("companies"), n("notifications"), n("findings")]),
            None => {}
        }
    }
    // Zeros that were hidden are not in the internal tables.
    let (spot, companies) = left.expect("a small sector is secret");
    month.cells.retain(|s, v| v.is_some() || *s == spot);
    std::fs::write(&path, month.to_json().unwrap()).unwrap();
    (spot, companies)
}

#[test]
fn a_publication_that_can_be_opened_is_not_written() {
    let sandbox = Sandbox::small();
    assert_eq!(sandbox.run("2026-03-09").code, Some(0));
    let month = ask(&sandbox, "2026-03");
    assert_eq!(month.code, Some(0), "{}", month.err);
    let (spot, companies) = open_all_but_one(&sandbox);
    assert!(companies > 0);
    let before = crate::sandbox::tree(&sandbox.path("statistics"));
    let refused = ask(&sandbox, SPAN);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    let lines: Vec<&str> = refused
        .err
        .lines()
        .filter(|l| l.contains("could be worked out"))
        .collect();
    let of_cell: Vec<&&str> = lines
        .iter()
        .filter(|l| l.contains(&spot.to_string()))
        .collect();
    assert!(!of_cell.is_empty(), "{spot} is not in {}", refused.err);
    // Beside the period and the coordinates, which stand in backticks, no line holds a number.
    for line in lines {
        let outside: String = line.split('`').step_by(2).collect();
        let rest = outside.replace("2026-03", "");
        assert!(!rest.contains(|c: char| c.is_ascii_digit()), "{line}");
    }
    let after = crate::sandbox::tree(&sandbox.path("statistics"));
    assert_eq!(after, before, "nothing was published");
    // What is for the operator alone is there.
    assert!(
        sandbox
            .path("internal/statistics/2026-03-05_2026-03-12/v1/version.json")
            .exists()
    );
}
