//! Random values out of the seed: the same seed gives the same values, on every machine.

use serde_json::Value;

use super::Arguments;
use crate::expression::evaluate::Outcome;

const LENGTH_MAX: i64 = 256;

const NUMBERS: &str = "0123456789";
const SPECIAL: &str = "!#$%&*+-.:;=?@_~";
const CAPITAL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";

/// A SplitMix64 generator. Not fit for secrets: its seed can be derived anew.
#[derive(Clone, Debug)]
pub(in crate::expression) struct Random(u64);

impl Random {
    pub(in crate::expression) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// An index below `length`, which is not zero.
    fn below(&mut self, length: usize) -> usize {
        let wide = u128::from(self.next()) * length as u128;
        usize::try_from(wide >> 64).expect("the product's upper half is below the length")
    }
}

pub(super) fn guid(arguments: &mut Arguments<'_, '_>) -> Outcome {
    arguments.spend(1)?;
    let random = &mut arguments.evaluator.random;
    let bits = (u128::from(random.next()) << 64) | u128::from(random.next());
    let guid = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
    Ok(Value::String(guid.to_string()))
}

/// At least so many characters of each kind; the rest is drawn from the kinds that were asked for,
/// or from numbers and letters where none was. The order is random too.
pub(super) fn random_string(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let length = arguments.integer(0)?;
    let avoided = arguments.text(5)?.unwrap_or_default();
    if !(1..=LENGTH_MAX).contains(&length) {
        return Err(arguments.fail("needs a length between 1 and 256"));
    }
    let mut text: Vec<char> = Vec::new();
    let (mut wanted, mut fallback) = (Vec::new(), Vec::new());
    for (index, kind) in [(1, NUMBERS), (2, SPECIAL), (3, CAPITAL), (4, LOWER)] {
        let minimum = arguments.integer(index)?;
        if minimum < 0 || minimum > length {
            return Err(arguments.fail("needs minimums between 0 and the length"));
        }
        let kind: Vec<char> = kind.chars().filter(|c| !avoided.contains(*c)).collect();
        if minimum > 0 && kind.is_empty() {
            return Err(arguments.fail("was told to avoid all characters of a kind it needs"));
        }
        for _ in 0..minimum {
            text.push(kind[arguments.evaluator.random.below(kind.len())]);
        }
        if minimum > 0 {
            wanted.extend_from_slice(&kind);
        }
        if index != 2 {
            fallback.extend_from_slice(&kind);
        }
    }
    let length = usize::try_from(length).expect("the length is at most 256");
    let pool = if wanted.is_empty() { fallback } else { wanted };
    if text.len() > length || pool.is_empty() {
        return Err(arguments.fail("cannot meet its minimums within its length"));
    }
    arguments.spend(length as u64)?;
    let random = &mut arguments.evaluator.random;
    while text.len() < length {
        text.push(pool[random.below(pool.len())]);
    }
    for last in (1..text.len()).rev() {
        text.swap(last, random.below(last + 1));
    }
    Ok(Value::String(text.into_iter().collect()))
}
