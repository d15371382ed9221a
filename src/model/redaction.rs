//! The key under which redacted values are hashed and their sources sealed.
//!
//! Everything here is deterministic: equal texts give equal hashes and equal seals, so that the
//! state can tell whether a value changed without holding it. Whoever has the key can open what is
//! sealed and try out what a hash stands for; without it neither is possible.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use ring::{aead, hmac};
use serde_json::{Map, Value};

/// The only member of a sealed value.
const SEALED: &str = "$sealed";

/// Bytes of a hash that are kept: enough that two values never meet.
const HASH_BYTES: usize = 16;

/// The key of one state file. It has no `Debug`, `Display` or `Serialize`.
pub struct RedactionKey {
    hash: hmac::Key,
    nonce: hmac::Key,
    seal: aead::LessSafeKey,
    id: String,
}

impl RedactionKey {
    /// The length of a key.
    pub const BYTES: usize = 32;

    /// The key made of these bytes, which must be random.
    pub fn new(bytes: &[u8; Self::BYTES]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let derived = |purpose: &str| hmac::sign(&root, purpose.as_bytes());
        let mac = |purpose: &str| hmac::Key::new(hmac::HMAC_SHA256, derived(purpose).as_ref());
        let seal = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, derived("seal").as_ref())
            .expect("an HMAC-SHA-256 is as long as this key");
        Self {
            hash: mac("hash"),
            nonce: mac("nonce"),
            seal: aead::LessSafeKey::new(seal),
            id: hexadecimal(&derived("id").as_ref()[..HASH_BYTES]),
        }
    }

    /// Tells this key from another and says nothing else of it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The keyed hash of these parts (HMAC-SHA-256, the first half), in hexadecimal; their
    /// boundaries count.
    pub fn hash<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> String {
        hexadecimal(&digest(&self.hash, parts).as_ref()[..HASH_BYTES])
    }

    /// The value, unreadable without the key (ChaCha20-Poly1305). It opens only under the same
    /// `about`, so one person's value cannot be put in another's place.
    ///
    /// The nonce is a keyed hash of `about` and the value: two different values never share one.
    pub fn seal(&self, about: &str, value: &Value) -> Value {
        let text = value.to_string();
        let digest = digest(&self.nonce, [about, text.as_str()]);
        let nonce = digest.as_ref()[..aead::NONCE_LEN].to_vec();
        let mut sealed = text.into_bytes();
        self.seal
            .seal_in_place_append_tag(
                aead::Nonce::try_assume_unique_for_key(&nonce).expect("it has a nonce's length"),
                aead::Aad::from(about.as_bytes()),
                &mut sealed,
            )
            .expect("a property of the directory is shorter than 256 GiB");
        let text = STANDARD_NO_PAD.encode([nonce, sealed].concat());
        Value::Object(Map::from_iter([(SEALED.to_owned(), Value::String(text))]))
    }

    /// What was sealed under `about`; `None` where it is no seal, or another key's.
    pub fn open(&self, about: &str, sealed: &Value) -> Option<Value> {
        let bytes = STANDARD_NO_PAD.decode(sealed_text(sealed)?).ok()?;
        let (nonce, text) = bytes.split_at_checked(aead::NONCE_LEN)?;
        let nonce = aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let about = aead::Aad::from(about.as_bytes());
        let opened = self.seal.open_in_place(nonce, about, &mut text).ok()?;
        serde_json::from_slice(opened).ok()
    }
}

/// Whether a value is sealed.
pub fn is_sealed(value: &Value) -> bool {
    sealed_text(value).is_some()
}

fn sealed_text(value: &Value) -> Option<&str> {
    value.as_object().filter(|object| object.len() == 1)?.get(SEALED)?.as_str()
}

fn digest<'a>(key: &hmac::Key, parts: impl IntoIterator<Item = &'a str>) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.sign()
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes every text");
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_sealed_opens_under_its_key_and_name_alone() {
        let (key, other) = (RedactionKey::new(&[1; 32]), RedactionKey::new(&[2; 32]));
        for value in [json!("4711"), json!(["a", "b"]), json!({"a": null}), json!("")] {
            let sealed = key.seal("employeeId of ada", &value);
            assert!(is_sealed(&sealed) && !sealed.to_string().contains("4711"));
            assert_eq!(key.seal("employeeId of ada", &value), sealed, "equal stays equal");
            assert_ne!(key.seal("employeeId of eve", &value), sealed);
            assert_eq!(key.open("employeeId of ada", &sealed), Some(value));
            assert_eq!(key.open("employeeId of eve", &sealed), None);
            assert_eq!(other.open("employeeId of ada", &sealed), None);
        }
        for foreign in [json!("x"), json!({SEALED: "!"}), json!({SEALED: "AAAA"}), json!(null)] {
            assert_eq!(key.open("", &foreign), None);
        }
    }

    #[test]
    fn a_hash_depends_on_the_key_and_on_every_boundary() {
        let (key, other) = (RedactionKey::new(&[1; 32]), RedactionKey::new(&[2; 32]));
        assert_eq!(key.hash(["a", "bc"]), key.hash(["a", "bc"]));
        assert_ne!(key.hash(["a", "bc"]), key.hash(["ab", "c"]));
        assert_ne!(key.hash(["a", "bc"]), other.hash(["a", "bc"]));
        assert_ne!(key.id(), other.id());
    }
}
