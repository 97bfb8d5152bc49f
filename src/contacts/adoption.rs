//! How many have a security.txt: the service promotes it, so it counts who took it up.

use std::collections::BTreeSet;

use crate::diag::Failure;
use crate::model::name::Domain;
use crate::model::night_csv::night_csv;
use crate::model::published::{Answer, Own, Published};

/// Adoption of security.txt among a group of companies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adoption {
    /// Companies in the group.
    pub companies: u64,
    /// Companies with a name whose answer is known.
    pub looked_up: u64,
    /// With a file at one of their names at least.
    pub with_file: u64,
    /// With one that may be relied on and names a mailbox.
    pub usable: u64,
    /// With one without any fault.
    pub without_fault: u64,
    /// With names, none of which has a known answer: counted nowhere else.
    pub unknown: u64,
}

impl Adoption {
    /// Counts one company in.
    pub fn count(&mut self, own: Option<&Own>, published: &Published) {
        self.companies += 1;
        let names: BTreeSet<&Domain> = own.iter().flat_map(|o| &o.names).map(|n| &n.name).collect();
        let answers: Vec<&Answer> = names
            .iter()
            .filter_map(|name| published.security_txt.get(*name))
            .map(|dated| &dated.answer)
            .collect();
        let is_known = |a: &&&Answer| !matches!(a, Answer::Unknown(_));
        if !answers.iter().any(|a| is_known(&a)) {
            self.unknown += u64::from(!names.is_empty());
            return;
        }
        let verdicts = || names.iter().filter_map(|n| published.verdicts.get(*n));
        let is_usable = answers.iter().any(|a| matches!(a, Answer::Found(_)));
        self.looked_up += 1;
        self.with_file += u64::from(verdicts().next().is_some());
        self.usable += u64::from(is_usable);
        self.without_fault += u64::from(verdicts().any(Vec::is_empty));
    }
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptionRow {
    /// What the companies were grouped by, such as `party_kind`.
    pub group: &'static str,
    /// Value of the group; empty in a total.
    pub value: String,
    /// The counts.
    pub counts: Adoption,
}

/// The table as CSV. `status` says in every row what it may be used for.
///
/// # Errors
/// `OurBug`: the writer refuses.
pub fn adoption_csv(
    rows: &[AdoptionRow],
    status: &str,
    night: &str,
    separator: u8,
) -> Result<Vec<u8>, Failure> {
    let header = [
        "group",
        "value",
        "companies",
        "looked_up",
        "with_file",
        "usable",
        "without_fault",
        "unknown",
    ];
    let rows = rows.iter().map(|row| {
        let c = &row.counts;
        let counts = [
            c.companies,
            c.looked_up,
            c.with_file,
            c.usable,
            c.without_fault,
            c.unknown,
        ];
        ([row.group, row.value.as_str()], counts)
    });
    night_csv(&header, [status, night], separator, rows)
}
