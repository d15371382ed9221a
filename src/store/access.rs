//! How it is stored since when an object has each of its accesses. Most have many since the same
//! moment, so a moment stands in front of all the accesses that are as old as it.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use super::error::StoreError;

/// What the form of earlier versions begins with, a JSON object of moments by access.
const JSON: char = '{';

/// The accesses with their moments in milliseconds: `moment:accesses`, one after the other with a
/// blank between them, the accesses as the base 64 of eight bytes each.
pub(super) fn print(accesses: impl IntoIterator<Item = (u64, i64)>) -> String {
    let mut by_moment: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
    for (access, moment) in accesses {
        by_moment.entry(moment).or_default().extend(access.to_be_bytes());
    }
    let groups = by_moment
        .into_iter()
        .map(|(moment, bytes)| format!("{moment}:{}", STANDARD_NO_PAD.encode(bytes)));
    groups.collect::<Vec<_>>().join(" ")
}

/// What was stored so, or by an earlier version.
pub(super) fn parse(text: &str) -> Result<BTreeMap<u64, i64>, StoreError> {
    if text.starts_with(JSON) {
        return serde_json::from_str(text).map_err(fault);
    }
    let mut accesses = BTreeMap::new();
    for group in text.split_terminator(' ') {
        let (moment, bytes) =
            group.split_once(':').ok_or_else(|| fault("an access has no moment"))?;
        let moment: i64 = moment.parse().map_err(fault)?;
        let bytes = STANDARD_NO_PAD.decode(bytes).map_err(fault)?;
        let (whole, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(fault("an access has eight bytes"));
        }
        accesses.extend(whole.iter().map(|access| (u64::from_be_bytes(*access), moment)));
    }
    Ok(accesses)
}

fn fault(error: impl std::fmt::Display) -> StoreError {
    StoreError::stored("entitlement", error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_moment_is_said_once_for_all_that_are_as_old() {
        let moment = 1_796_129_951_779;
        let same = [(5, moment), (3, moment), (u64::MAX, 12)];
        let text = print(same);
        assert_eq!(text, "12://////////8 1796129951779:AAAAAAAAAAUAAAAAAAAAAw");
        assert_eq!(parse(&text).expect("known"), BTreeMap::from(same));
    }

    #[test]
    fn what_earlier_versions_stored_is_read() {
        let text = r#"{"1985479045346884418":1796129951779,"3":12}"#;
        let known = BTreeMap::from([(3, 12), (1_985_479_045_346_884_418, 1_796_129_951_779)]);
        assert_eq!(parse(text).expect("known"), known);
        assert_eq!(parse("{}").expect("known"), BTreeMap::new());
    }

    #[test]
    fn a_broken_text_is_told_as_such() {
        for text in ["12", "x:AAAAAAAAAAU", "12:AAAA", "12:AAAAAAAAAA%", "{", "12:AAAAAAAAAAU  "] {
            parse(text).expect_err(text);
        }
    }

    proptest! {
        #[test]
        fn every_memory_comes_back(known in prop::collection::btree_map(any::<u64>(), -9i64..9, 0..9)) {
            prop_assert_eq!(parse(&print(known.clone())).expect("known"), known);
        }
    }
}
