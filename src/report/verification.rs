//! The list with which anybody can confirm a reference, and nobody can find one.
//!
//! It holds `scrypt(reference, salt of the night)` of every letter that was claimed, among so
//! many random-looking others that their number is a multiple of 1,000: neither the references
//! nor how many letters there were can be read from it (DECISIONS, section 2).

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::diag::Failure;
use crate::model::identity::{Reference, Secret};
use crate::model::night::Night;

/// Memory cost of scrypt as a power of two: 4 MiB and about 10 ms a reference. A reference has
/// 50 secret bits, so trying all of them takes some hundred thousand years of one core.
const LOG_N: u8 = 12;
/// Block size and parallelism, as RFC 7914 suggests.
const R: u32 = 8;
const P: u32 = 1;
/// Bytes of a hash.
const LENGTH: usize = 16;
/// The list is filled up to a multiple of this.
const PADDED_TO: usize = 1000;

#[derive(Serialize, Deserialize)]
struct File {
    v: u32,
    night: String,
    scheme: String,
    log_n: u8,
    r: u32,
    p: u32,
    /// Hexadecimal.
    salt: String,
    /// Hexadecimal, sorted: a hash's place says nothing.
    hashes: BTreeSet<String>,
}

/// The list of a night, as JSON. The same references give the same bytes.
///
/// # Errors
/// `OurBug` where it cannot be written.
pub fn list(night: Night, key: &Secret, references: &[Reference]) -> Result<Vec<u8>, Failure> {
    let salt = part(key, &format!("verification-salt|{night}"));
    let bug = |e: String| Failure::our_bug(format!("writing the verification list: {e}"));
    let mut hashes = references
        .par_iter()
        .map(|r| hash(r, &salt, (LOG_N, R, P)))
        .collect::<Result<BTreeSet<String>, String>>()
        .map_err(bug)?;
    let full = hashes.len().div_ceil(PADDED_TO).max(1) * PADDED_TO;
    let mut n = 0u64;
    while hashes.len() < full {
        hashes.insert(hex::encode(part(
            key,
            &format!("verification-padding|{night}|{n}"),
        )));
        n += 1;
    }
    let file = File {
        v: 1,
        night: night.to_string(),
        scheme: "scrypt".into(),
        log_n: LOG_N,
        r: R,
        p: P,
        salt: hex::encode(salt),
        hashes,
    };
    let mut bytes = serde_json::to_vec_pretty(&file).map_err(|e| bug(e.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Does the list hold this reference? Answers with the night of the list.
///
/// # Errors
/// What is wrong with the list, for a person.
pub fn find(list: &[u8], reference: &Reference) -> Result<Option<Night>, String> {
    let file: File = serde_json::from_slice(list)
        .map_err(|e| format!("not a verification list of this program: {e}"))?;
    if file.v != 1 || file.scheme != "scrypt" {
        return Err(format!(
            "the list has version {} and scheme `{}`; expected 1 and `scrypt`",
            file.v, file.scheme
        ));
    }
    // Who publishes the list chooses these; nobody should make a reader take gigabytes.
    if file.log_n > 20 || file.r > 32 || file.p > 16 {
        return Err("the list asks for more work than a list of ours ever does".into());
    }
    let night: Night = file.night.parse()?;
    let salt = hex::decode(&file.salt).map_err(|_| "its salt is not hexadecimal".to_owned())?;
    let hash = hash(reference, &salt, (file.log_n, file.r, file.p))?;
    Ok(file.hashes.contains(&hash).then_some(night))
}

fn hash(
    reference: &Reference,
    salt: &[u8],
    (log_n, r, p): (u8, u32, u32),
) -> Result<String, String> {
    let params = scrypt::Params::new(log_n, r, p).map_err(|e| e.to_string())?;
    let mut out = [0u8; LENGTH];
    scrypt::scrypt(reference.as_str().as_bytes(), salt, &params, &mut out)
        .map_err(|e| e.to_string())?;
    Ok(hex::encode(out))
}

fn part(key: &Secret, message: &str) -> [u8; LENGTH] {
    let mut out = [0; LENGTH];
    for (to, from) in out.iter_mut().zip(key.hmac(message.as_bytes())) {
        *to = from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::identity::LetterId;

    #[test]
    fn a_list_confirms_its_own_references_and_no_others() {
        let (key, night) = (
            Secret::new(b"0123456789abcdef"),
            "2026-03-12".parse().unwrap(),
        );
        let reference = |n: u8| Reference::of(&key, night, LetterId([n; 32]));
        let ours: Vec<Reference> = (0..3).map(reference).collect();
        let list = list(night, &key, &ours).unwrap();
        for r in &ours {
            assert_eq!(find(&list, r), Ok(Some(night)));
            assert!(!String::from_utf8_lossy(&list).contains(r.as_str()));
        }
        assert_eq!(find(&list, &reference(9)), Ok(None));
        let file: File = serde_json::from_slice(&list).unwrap();
        assert_eq!(file.hashes.len(), 1000);
        assert!(find(b"{}", &reference(0)).is_err());
    }
}
