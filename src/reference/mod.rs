//! Reference data of others, before it is stored: is it what it says, how much is it, and what
//! changed since the day before.
//!
//! A kind has one form in the store, that of the night's readers; what comes in other forms
//! (CSV for JSON, several lists, gzip) is brought into it here. What is of another kind is set
//! aside with its reason, never left out silently.
//!
//! Deliberately absent: fetching. Files are brought by whoever may reach the internet.

mod lists;
mod registers;
mod vulnerabilities;

use std::collections::BTreeMap;
use std::io::Read;

use jiff::civil::Date;

use crate::diag::Failure;
use crate::model::company::text_enum;

text_enum! {
    /// What reference data is about.
    Kind {
        /// CISA's list of exploited vulnerabilities, JSON or CSV.
        Kev = "kev",
        /// FIRST's scores, CSV.
        Epss = "epss",
        /// CVE records (JSON, JSON lines): title, fixed version, the vendor's page.
        Cve = "cve",
        /// Advisories (CSAF 2.0): the same, as vendors and CERTs publish it.
        Csaf = "csaf",
        /// Public Suffix List.
        PublicSuffixes = "public_suffixes",
        /// Address ranges, their AS number, and its name.
        PrefixAsn = "prefix_asn",
        /// Cloud, CDN, hosting, dynamic DNS, parking, sinkholes: warning lists of MISP, CSV.
        SharedInfrastructure = "shared_infrastructure",
        /// Classes and types of incidents.
        Rsit = "rsit",
        /// Dutch codes of branches.
        Sbi = "sbi",
        /// European codes of branches.
        Nace = "nace",
        /// Municipalities and their provinces.
        Municipalities = "municipalities",
        /// Results of look-ups: security.txt, RDAP, mail.
        Lookups = "lookups",
    }
}

/// A file as brought: name and bytes.
pub type Brought = (String, Vec<u8>);

/// Reference data of one day, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What is stored.
    pub bytes: Vec<u8>,
    /// Extension of the stored object.
    pub extension: &'static str,
    /// Its entries: what each is about, and what it says.
    pub entries: BTreeMap<String, String>,
    /// The day that the data itself states.
    pub day: Option<Date>,
    /// What was set aside: file or entry, and why.
    pub aside: Vec<(String, String)>,
}

/// Bytes that a file may unpack to.
const MAX_BYTES: u64 = 2 << 30;

/// Checks the form of what was brought, and brings it into the form of the store.
///
/// `now` is the moment at which a security.txt must not have expired, µs.
///
/// # Errors
/// `FixData` naming the file, the place in it and what was expected; also where nothing is left.
pub fn check(kind: Kind, files: &[Brought], now: i64) -> Result<Checked, Failure> {
    let mut plain = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        plain.push((name.clone(), unpacked(bytes, name)?));
    }
    let checked = match kind {
        Kind::Kev => vulnerabilities::kev(one(&plain)?),
        Kind::Epss => vulnerabilities::epss(one(&plain)?),
        Kind::Cve => vulnerabilities::cve(&plain),
        Kind::Csaf => vulnerabilities::csaf(&plain),
        Kind::PublicSuffixes => registers::public_suffixes(one(&plain)?),
        Kind::PrefixAsn => lists::prefix_asn(&plain),
        Kind::SharedInfrastructure => lists::shared_infrastructure(&plain),
        Kind::Rsit => registers::rsit(one(&plain)?),
        Kind::Sbi => registers::codes(one(&plain)?, &["code", "title_nl"], "01"),
        Kind::Nace => registers::codes(one(&plain)?, &["code", "title_nl", "title_en"], "01"),
        Kind::Municipalities => registers::municipalities(one(&plain)?),
        Kind::Lookups => registers::lookups(&plain, now),
    }?;
    if checked.entries.is_empty() {
        let name = files.first().map_or("", |(name, _)| name);
        let why = checked.aside.first();
        // A table with a header and no rows: nothing was set aside, so nothing says why.
        let why = why.map_or_else(String::new, |(_, why)| format!(": {why}"));
        let message =
            format!("holds nothing of the kind `{kind}`; expected one entry at least{why}");
        return Err(Failure::fix_data(message)
            .at(name, "")
            .hint("check the kind and the file, or fetch it again"));
    }
    Ok(checked)
}

fn one(files: &[Brought]) -> Result<&Brought, Failure> {
    match files {
        [only] => Ok(only),
        _ => Err(Failure::fix_job(format!(
            "{} files were given; expected one for this kind",
            files.len()
        ))),
    }
}

fn unpacked(bytes: &[u8], name: &str) -> Result<Vec<u8>, Failure> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        let text = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
        return Ok(text.to_vec());
    }
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(MAX_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(|e| {
            Failure::fix_data(format!("cannot be unpacked: {e}; it is cut or broken"))
                .at(name, "")
                .hint("fetch the file again")
        })?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Failure::fix_data("unpacks to more than 2 GiB; expected a list").at(name, ""));
    }
    Ok(text)
}

/// What changed between two days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Entries of the day before.
    pub before: usize,
    /// Entries that are new, sorted.
    pub added: Vec<String>,
    /// Entries that are gone, sorted.
    pub removed: Vec<String>,
    /// Entries that say something else, sorted.
    pub changed: Vec<String>,
}

impl Difference {
    /// Is more than half of the day before gone? Half a list looks like a list.
    #[must_use]
    pub const fn is_half_gone(&self) -> bool {
        self.removed.len() * 2 > self.before
    }
}

/// Compares two days.
#[must_use]
pub fn difference(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Difference {
    let mut found = Difference {
        before: before.len(),
        ..Difference::default()
    };
    for (key, value) in now {
        match before.get(key) {
            None => found.added.push(key.clone()),
            Some(old) if old != value => found.changed.push(key.clone()),
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|key| !now.contains_key(*key));
    found.removed = gone.cloned().collect();
    found
}
