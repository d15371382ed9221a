//! What the links of a large tenant carry: a place in a round or a list, sealed into a text.
//!
//! Owns the text. A token stands for itself, so that a million of them take no memory.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::id::mixed;

const BYTES: usize = 4 + 1 + 6 * 4;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The next page of a round.
    Page = 1,
    /// The next round.
    Round = 2,
    /// The next page of a list.
    List = 3,
}

/// A place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: Kind,
    /// The feed of a round; what the request was, of a list.
    pub(super) bound_to: u32,
    /// What the client has already: changes up to this one.
    pub(super) since: u32,
    /// What the round will have told of at its end.
    pub(super) until: u32,
    /// The first row of the page.
    pub(super) at: u32,
    /// Which slice of the members of large groups.
    pub(super) slice: u32,
    /// When the token was given, in seconds since 1970.
    pub(super) issued: u32,
}

impl Place {
    /// The token that stands for this place.
    pub(super) fn seal(&self, seed: u64) -> String {
        let mut bytes = [0; BYTES];
        bytes[4] = self.kind as u8;
        let numbers = [self.bound_to, self.since, self.until, self.at, self.slice, self.issued];
        for (number, bytes) in numbers.iter().zip(bytes[5..].chunks_exact_mut(4)) {
            bytes.copy_from_slice(&number.to_be_bytes());
        }
        let check = check(seed, &bytes[4..]);
        bytes[..4].copy_from_slice(&check);
        blur(seed, check, &mut bytes[4..]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place that a token stands for, unless nobody here gave it.
    pub(super) fn open(seed: u64, token: &str) -> Option<Self> {
        let mut bytes: [u8; BYTES] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let sent = [bytes[0], bytes[1], bytes[2], bytes[3]];
        blur(seed, sent, &mut bytes[4..]);
        if sent != check(seed, &bytes[4..]) {
            return None;
        }
        let kind = [Kind::Page, Kind::Round, Kind::List];
        let kind = kind.into_iter().find(|kind| *kind as u8 == bytes[4])?;
        let mut numbers = bytes[5..]
            .chunks_exact(4)
            .map(|part| u32::from_be_bytes([part[0], part[1], part[2], part[3]]));
        let mut next = || numbers.next().unwrap_or_default();
        Some(Self {
            kind,
            bound_to: next(),
            since: next(),
            until: next(),
            at: next(),
            slice: next(),
            issued: next(),
        })
    }
}

/// A number that is the same for the same bytes, and another for nearly all others.
pub(super) fn digest(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(mixed(seed), |sum, byte| mixed(sum ^ u64::from(*byte)))
}

fn check(seed: u64, bytes: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = digest(seed, bytes).to_be_bytes();
    [a, b, c, d]
}

/// Covers the bytes, or uncovers them.
fn blur(seed: u64, check: [u8; 4], bytes: &mut [u8]) {
    let start = mixed(seed ^ u64::from(u32::from_be_bytes(check)));
    for (number, bytes) in (0_u64..).zip(bytes.chunks_mut(8)) {
        for (byte, cover) in bytes.iter_mut().zip(mixed(start ^ number).to_be_bytes()) {
            *byte ^= cover;
        }
    }
}
