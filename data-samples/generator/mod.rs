//! The made-up country: a pure function from a seed to files.

pub mod chance;
mod companies;
mod country;
mod findings;
mod hostile;
mod land;
mod names;
mod nights;
mod noise;
pub mod observation;
pub mod parquet_file;
mod reference;
mod register;
mod rows;
mod special;
mod spots;

use std::collections::BTreeMap;

use chance::Chance;

/// The seed of the checked-in files.
pub const SEED: u64 = 1642;

/// The folders that belong to the generator; it removes what it did not write itself.
pub const FOLDERS: &[&str] = &[
    "register",
    "snapshots",
    "coverage",
    "reference",
    "keys",
    "raw",
];

/// Every file by its path under the samples' folder.
///
/// A seed is the only input. Each part draws from a stream of its own, named after it, so that
/// a change in one part leaves the others as they were.
#[must_use]
pub fn files(seed: u64) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let country = companies::country(&mut Chance::of(seed, "country"));
    register::write(&country, &mut files);
    let findings = findings::findings(&country, &mut Chance::of(seed, "findings"));
    nights::write(&country, &findings, seed, &mut files);
    reference::write(&mut files);
    reference::raw(&mut Chance::of(seed, "raw"), &mut files);
    files
}
