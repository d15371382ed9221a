//! Ids that look random, and lead back to the number they were made from.
//!
//! Owns a permutation of numbers by the seed: a table of a million ids would only be in the way.

use uuid::Uuid;

const ROUNDS: u64 = 4;

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Person(u32),
    Group(u32),
}

/// Mixes the bits of a number (the finalizer of SplitMix64).
pub(super) fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The id of a person or a group: a GUID of version 4, by its looks.
pub(super) fn of(seed: u64, named: Named) -> Uuid {
    let number = match named {
        Named::Person(number) => u64::from(number),
        Named::Group(number) => u64::from(number) | 1 << 32,
    };
    let secret = permuted(seed, number);
    let check = mixed(secret ^ seed);
    let high = secret >> 16 << 16 | 0x4000 | check & 0xfff;
    let low = 1 << 63 | (secret & 0xffff) << 46 | check >> 18;
    Uuid::from_u64_pair(high, low)
}

/// What `id` names, unless it was made by nobody here.
pub(super) fn read(seed: u64, id: Uuid) -> Option<Named> {
    let (high, low) = id.as_u64_pair();
    let secret = high >> 16 << 16 | low >> 46 & 0xffff;
    let number = restored(seed, secret);
    let low_half = u32::try_from(number & 0xffff_ffff).ok()?;
    let named = match number >> 32 {
        0 => Named::Person(low_half),
        1 => Named::Group(low_half),
        _ => return None,
    };
    (of(seed, named) == id).then_some(named)
}

/// A Feistel network: each half is mixed into the other by turns, which can be undone.
fn permuted(seed: u64, number: u64) -> u64 {
    let (mut left, mut right) = (number >> 32, number & 0xffff_ffff);
    for round in 0..ROUNDS {
        (left, right) = (right, left ^ scrambled(seed, round, right));
    }
    left << 32 | right
}

fn restored(seed: u64, secret: u64) -> u64 {
    let (mut left, mut right) = (secret >> 32, secret & 0xffff_ffff);
    for round in (0..ROUNDS).rev() {
        (left, right) = (right ^ scrambled(seed, round, left), left);
    }
    left << 32 | right
}

fn scrambled(seed: u64, round: u64, half: u64) -> u64 {
    mixed(seed ^ round << 56 ^ half) & 0xffff_ffff
}
