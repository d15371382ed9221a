//! Fingerprints: whether two compiled things are the same, without keeping both.

use std::fmt;

use sha2::{Digest, Sha256};

/// The SHA-256 of a thing's canonical text, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of these parts; their boundaries count.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(format!("{:x}", hash.finalize()))
    }

    /// Its first 64 bits, as a seed.
    pub fn seed(&self) -> u64 {
        u64::from_str_radix(&self.0[..16], 16).expect("a hash is hexadecimal")
    }

    /// The hexadecimal text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
