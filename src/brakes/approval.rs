//! Approvals: an SSH signature (`ssh-keygen -Y sign -n nachtwacht`) over exactly one plan.
//!
//! The format is OpenSSH's own (PROTOCOL.sshsig), read here for Ed25519 keys alone.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use jiff::Timestamp;
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest, Sha256, Sha512};

use super::Settings;
use crate::model::hold::{Approval, Brake, Hold, Pulled};
use crate::model::ledger_record::LedgerView;
use crate::model::night::{Micros, Night};

/// What `ssh-keygen -n` must be given: a signature for another purpose approves nothing.
pub const NAMESPACE: &str = "nachtwacht";

const MAGIC: &[u8] = b"SSHSIG";
const KIND: &[u8] = b"ssh-ed25519";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// What is signed: one plan of one night, until a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Night.
    pub night: Night,
    /// Revision.
    pub revision: u32,
    /// SHA-256 of `letters.plan.json`.
    pub plan_sha256: String,
    /// Letters in it.
    pub letters: u64,
    /// From then on it permits nothing: UTC, microseconds, whole seconds.
    pub expires_at: Micros,
}

impl fmt::Display for Statement {
    /// The text that is signed, byte for byte.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expires = Timestamp::from_microsecond(self.expires_at).map_err(|_| fmt::Error)?;
        writeln!(f, "nachtwacht approval 1")?;
        writeln!(f, "night {}", self.night)?;
        writeln!(f, "revision {}", self.revision)?;
        writeln!(f, "plan {}", self.plan_sha256)?;
        writeln!(f, "letters {}", self.letters)?;
        writeln!(f, "expires {expires}")
    }
}

impl std::str::FromStr for Statement {
    type Err = String;

    /// Reads the text and nothing else.
    fn from_str(text: &str) -> Result<Self, String> {
        let broken =
            || "not a statement as `nachtwacht approve … --statement FILE` writes it".to_owned();
        let mut lines = text.lines();
        if lines.next() != Some("nachtwacht approval 1") {
            return Err(broken());
        }
        let mut field = |name: &str| {
            let line = lines.next().ok_or_else(broken)?;
            line.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(' '))
                .map(str::to_owned)
                .ok_or_else(broken)
        };
        let found = Self {
            night: field("night")?.parse()?,
            revision: field("revision")?.parse().map_err(|_| broken())?,
            plan_sha256: field("plan")?,
            letters: field("letters")?.parse().map_err(|_| broken())?,
            expires_at: field("expires")?
                .parse::<Timestamp>()
                .map_err(|_| broken())?
                .as_microsecond(),
        };
        // One spelling only: what was signed is what we would write.
        if found.to_string() == text {
            Ok(found)
        } else {
            Err(broken())
        }
    }
}

impl Statement {
    /// The statement that an approval was signed over.
    #[must_use]
    pub fn of(approval: &Approval) -> Self {
        Self {
            night: approval.night,
            revision: approval.revision,
            plan_sha256: approval.plan_sha256.clone(),
            letters: approval.letters,
            expires_at: approval.expires_at,
        }
    }
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Name in the job.
    pub name: String,
    /// Fingerprint of the key, `SHA256:…`.
    pub key: String,
}

/// Checks a signature against the job's signers.
///
/// # Errors
/// What is wrong with it, in words.
pub fn verify(
    message: &[u8],
    armour: &str,
    signers: &BTreeMap<String, String>,
) -> Result<Signer, String> {
    let blob = unarmoured(armour)?;
    let broken = || "the signature cannot be read".to_owned();
    let mut rest = blob.strip_prefix(MAGIC).ok_or_else(broken)?;
    let version = rest.split_off(..4).ok_or_else(broken)?;
    if version != [0, 0, 0, 1] {
        return Err("the signature has another version than 1".into());
    }
    let mut fields = [&[][..]; 5];
    for field in &mut fields {
        *field = string(&mut rest).ok_or_else(broken)?;
    }
    let [public_key, namespace, reserved, hash, signature] = fields;
    if namespace != NAMESPACE.as_bytes() {
        let found = String::from_utf8_lossy(namespace);
        return Err(format!(
            "the signature is for the purpose `{found}`; expected `{NAMESPACE}` (ssh-keygen -n {NAMESPACE})"
        ));
    }
    let digest = match hash {
        b"sha512" => Sha512::digest(message).to_vec(),
        b"sha256" => Sha256::digest(message).to_vec(),
        _ => return Err("the signature uses another hash than sha512 or sha256".into()),
    };
    let key = of_kind(public_key).ok_or("the key is not an Ed25519 key")?;
    let signature = of_kind(signature).ok_or_else(broken)?;
    let signer = signers
        .iter()
        .find(|(_, text)| public_blob(text).as_deref() == Some(public_key));
    let Some((name, _)) = signer else {
        return Err(format!(
            "the key {} is not among `[brakes.signers]` of the job",
            fingerprint(public_key)
        ));
    };
    let mut signed = MAGIC.to_vec();
    for field in [namespace, reserved, hash, &digest] {
        put(&mut signed, field);
    }
    UnparsedPublicKey::new(&ED25519, key)
        .verify(&signed, signature)
        .map_err(|_| "the signature is not one over this statement".to_owned())?;
    Ok(Signer {
        name: name.clone(),
        key: fingerprint(public_key),
    })
}

/// Is this a public key as it stands in `id_ed25519.pub`?
#[must_use]
pub fn is_public_key(text: &str) -> bool {
    public_blob(text).is_some_and(|blob| of_kind(&blob).is_some_and(|key| key.len() == 32))
}

/// An approval that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Name of the key in the job.
    pub signer: String,
    /// From then on it permits nothing: UTC, microseconds.
    pub expires_at: Micros,
}

/// The approvals of one plan that hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What each key permits, by its fingerprint.
    pub keys: BTreeMap<String, Permit>,
    /// Keys that are needed.
    pub needed: usize,
    /// Approvals of this night that do not hold: the key, and why.
    pub refused: Vec<(String, String)>,
}

impl Standing {
    /// Enough of them?
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.keys.len() >= self.needed
    }

    /// Do they let a plan go that these brakes hold? No signature mends a clock: letters would carry a wrong date.
    #[must_use]
    pub fn lets_go<'p>(&self, pulled: impl IntoIterator<Item = &'p Pulled>) -> bool {
        let is_clock = |p: &Pulled| p.brake == Brake::ClockOff;
        self.is_enough() && !pulled.into_iter().any(is_clock)
    }

    /// A key that signed twice permits until the later end.
    fn permit(&mut self, signer: Signer, expires_at: Micros) {
        let permit = self.keys.entry(signer.key).or_insert(Permit {
            signer: signer.name,
            expires_at,
        });
        permit.expires_at = permit.expires_at.max(expires_at);
    }
}

/// Which approvals let this plan go at `now`: each signature is checked again.
#[must_use]
pub fn standing(settings: &Settings, view: &LedgerView, plan: &Hold, now: Micros) -> Standing {
    let mut found = Standing {
        needed: if plan.letters > settings.two_keys_above {
            2
        } else {
            1
        },
        ..Standing::default()
    };
    let of_night = view
        .approvals()
        .filter(|a| (a.night, a.revision) == (plan.night, plan.revision));
    for approval in of_night {
        let text = Statement::of(approval).to_string();
        let why_not =
            if approval.plan_sha256 != plan.plan_sha256 || approval.letters != plan.letters {
                "it is for another plan".to_owned()
            } else if now >= approval.expires_at {
                "it has expired".to_owned()
            } else {
                match verify(text.as_bytes(), &approval.signature, &settings.signers) {
                    Ok(signer) => {
                        found.permit(signer, approval.expires_at);
                        continue;
                    }
                    Err(why) => why,
                }
            };
        found.refused.push((approval.key.clone(), why_not));
    }
    found
}

fn unarmoured(text: &str) -> Result<Vec<u8>, String> {
    let body = text
        .trim()
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END))
        .ok_or("the signature does not have the form that `ssh-keygen -Y sign` writes")?;
    let plain: String = body.split_whitespace().collect();
    STANDARD
        .decode(plain)
        .map_err(|_| "the signature is not base64".to_owned())
}

/// Takes one length-prefixed string (RFC 4251).
fn string<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (taken, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    to.extend(length.to_be_bytes());
    to.extend(bytes);
}

/// The second string of a blob whose first says that it is Ed25519.
fn of_kind(mut blob: &[u8]) -> Option<&[u8]> {
    let kind = string(&mut blob)?;
    let value = string(&mut blob)?;
    (kind == KIND && blob.is_empty()).then_some(value)
}

/// The key's bytes out of `ssh-ed25519 AAAA… comment`.
fn public_blob(text: &str) -> Option<Vec<u8>> {
    let mut words = text.split_whitespace();
    let is_kind = words.next()?.as_bytes() == KIND;
    let blob = STANDARD.decode(words.next()?).ok()?;
    is_kind.then_some(blob)
}

fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}
