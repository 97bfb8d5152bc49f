//! The Public Suffix List: below which names strangers register.

use std::collections::BTreeMap;

use psl::Psl;

use crate::diag::{Failure, Problem};
use crate::model::name::Domain;

/// Which half of the list a rule stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    /// Suffixes of registries.
    Icann,
    /// Suffixes that a company hands out, such as those of web hosters.
    Private,
}

/// The list of one day (publicsuffix.org, section "Format" and "Algorithm").
///
/// Both sections count: whoever registers a hoster's suffix as his own would be warned for all
/// its customers. The crate `publicsuffix` is not used for looking up: a rule such as
/// `*.b.example` is hidden there by a longer rule that shares a label with the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuffixList {
    /// Rules as A-labels, without `*.` and `!`.
    exact: BTreeMap<Box<str>, Section>,
    /// What stands after `*.`.
    wildcard: BTreeMap<Box<str>, Section>,
    /// What stands after `!`.
    exception: BTreeMap<Box<str>, Section>,
    /// No rules of its own: the list that the program was built with stands for it.
    is_built_in: bool,
}

impl SuffixList {
    /// Reads a list in the publisher's format. Rules outside both sections are not rules.
    ///
    /// # Errors
    /// `FixData` naming object and line where the text is not UTF-8 or a rule is not a name; and
    /// where a section is missing or empty: with half a list a hoster's suffix would pass.
    pub fn read(text: &[u8], object: &str) -> Result<Self, Failure> {
        let text = std::str::from_utf8(text)
            .map_err(|_| Failure::fix_data("the list is not UTF-8 text").at(object, ""))?;
        let mut list = Self {
            exact: BTreeMap::new(),
            wildcard: BTreeMap::new(),
            exception: BTreeMap::new(),
            is_built_in: false,
        };
        let mut section = None;
        let mut problems = Vec::new();
        for (i, line) in text.lines().enumerate() {
            if line.starts_with("//") {
                section = section_of(line, section);
                continue;
            }
            // A rule ends at the first blank; what follows is a remark.
            let (Some(section), Some(rule)) = (section, line.split_whitespace().next()) else {
                continue;
            };
            if list.add(rule, section).is_err() {
                problems.push(Problem::new(
                    object,
                    format!("line {}", i + 1),
                    "not a rule such as `co.uk`, `*.ck` or `!www.ck`",
                ));
            }
        }
        for (section, name) in [(Section::Icann, "ICANN"), (Section::Private, "PRIVATE")] {
            if !list.exact.values().any(|s| *s == section) {
                problems.push(
                    Problem::new(object, "", format!("the list has no rules between `===BEGIN {name} DOMAINS===` and `===END {name} DOMAINS===`"))
                        .hint("take the whole file of https://publicsuffix.org/list/public_suffix_list.dat"),
                );
            }
        }
        Failure::from_problems(crate::diag::Kind::FixData, problems).map_or(Ok(list), Err)
    }

    /// No list at hand: the one of the crate `psl`, both sections, as of the day of that crate's
    /// version. For questions asked at a desk; a night reads a dated list.
    #[must_use]
    pub const fn built_in() -> Self {
        Self {
            exact: BTreeMap::new(),
            wildcard: BTreeMap::new(),
            exception: BTreeMap::new(),
            is_built_in: true,
        }
    }

    fn add(&mut self, rule: &str, section: Section) -> Result<(), ()> {
        let (rules, name) = if let Some(name) = rule.strip_prefix("*.") {
            (&mut self.wildcard, name)
        } else if let Some(name) = rule.strip_prefix('!') {
            (&mut self.exception, name)
        } else {
            (&mut self.exact, rule)
        };
        let name: Domain = name.parse()?;
        rules.insert(name.as_str().into(), section);
        Ok(())
    }

    /// Is the name itself a public suffix, of either section? A last label that no rule names is
    /// one too (rule `*` of the algorithm).
    #[must_use]
    pub fn is_public_suffix(&self, name: &Domain) -> bool {
        self.suffix(name.as_str()).0.len() == name.as_str().len()
    }

    /// Is the name itself a suffix of a registry, below which nobody has a site of that very name?
    #[must_use]
    pub fn is_registry_suffix(&self, name: &Domain) -> bool {
        let (suffix, section) = self.suffix(name.as_str());
        suffix.len() == name.as_str().len() && section != Some(Section::Private)
    }

    /// The public suffix and one label more: what one registrant holds. `None` for a suffix.
    #[must_use]
    pub fn registrable(&self, name: &Domain) -> Option<Domain> {
        let name = name.as_str();
        let above = name.len().checked_sub(self.suffix(name).0.len() + 1)?;
        let label = name.get(..above)?.rfind('.').map_or(0, |dot| dot + 1);
        name.get(label..)?.parse().ok()
    }

    /// The suffix that prevails: an exception's parent, else the longest rule, else the last label.
    fn suffix<'a>(&self, name: &'a str) -> (&'a str, Option<Section>) {
        if self.is_built_in {
            return built_in_suffix(name);
        }
        let mut rest = name;
        let mut found = None;
        loop {
            let parent = rest.split_once('.').map(|(_, parent)| parent);
            if let (Some(section), Some(parent)) = (self.exception.get(rest), parent) {
                return (parent, Some(*section));
            }
            if found.is_none() {
                let wildcard = parent.and_then(|parent| self.wildcard.get(parent));
                found = self
                    .exact
                    .get(rest)
                    .or(wildcard)
                    .map(|section| (rest, Some(*section)));
            }
            match parent {
                Some(parent) => rest = parent,
                None => return found.unwrap_or((rest, None)),
            }
        }
    }
}

/// As [`SuffixList::suffix`], by the list of the crate `psl`.
fn built_in_suffix(name: &str) -> (&str, Option<Section>) {
    let Some(suffix) = psl::List.suffix(name.as_bytes()) else {
        return (name, None);
    };
    let section = suffix.typ().map(|kind| match kind {
        psl::Type::Icann => Section::Icann,
        psl::Type::Private => Section::Private,
    });
    let start = name.len().saturating_sub(suffix.as_bytes().len());
    (name.get(start..).unwrap_or(name), section)
}

fn section_of(comment: &str, current: Option<Section>) -> Option<Section> {
    if comment.contains("===BEGIN ICANN DOMAINS===") {
        Some(Section::Icann)
    } else if comment.contains("===BEGIN PRIVATE DOMAINS===") {
        Some(Section::Private)
    } else if comment.contains("===END ") {
        None
    } else {
        current
    }
}
