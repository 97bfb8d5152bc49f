//! Signs as `ssh-keygen -Y sign` does, so that tests need no program.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use sha2::{Digest, Sha512};

pub struct Key(Ed25519KeyPair);

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    to.extend(bytes);
}

fn of_kind(value: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    put(&mut blob, b"ssh-ed25519");
    put(&mut blob, value);
    blob
}

impl Key {
    /// A key that protects nothing.
    pub fn of(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    /// As in `id_ed25519.pub`.
    pub fn public(&self) -> String {
        let blob = of_kind(self.0.public_key().as_ref());
        format!("ssh-ed25519 {} test", STANDARD.encode(blob))
    }

    /// The armoured signature.
    pub fn sign(&self, namespace: &str, message: &[u8]) -> String {
        let digest = Sha512::digest(message);
        let fields = [namespace.as_bytes(), b"", b"sha512"];
        let mut signed = b"SSHSIG".to_vec();
        for field in fields {
            put(&mut signed, field);
        }
        put(&mut signed, &digest);
        let mut blob = b"SSHSIG\x00\x00\x00\x01".to_vec();
        put(&mut blob, &of_kind(self.0.public_key().as_ref()));
        for field in fields {
            put(&mut blob, field);
        }
        put(&mut blob, &of_kind(self.0.sign(&signed).as_ref()));
        let text = STANDARD.encode(blob);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(70)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let body = lines.join("\n");
        format!("-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n")
    }
}
