//! Other people's words: what may be shown of them, and how.
//!
//! The directory and the applications call people what they like. Whoever shows such a text lets
//! nothing through that does more than be seen.

use std::{borrow::Cow, fmt::Write as _};

/// What stands in the place of a character that is not shown.
pub const REPLACEMENT: char = '\u{fffd}';

/// Whether a character could do more than be seen: controls, and the marks that reorder a line
/// (Unicode Standard Annex 9), which make one name look like another.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Somebody else's words on one line.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unseen) {
        Cow::Owned(text.chars().map(|c| if is_unseen(c) { REPLACEMENT } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// A JSON text in which such characters are escaped: they can only stand in strings.
pub fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unseen(c) && c != '\n' {
            write!(text, "\\u{:04x}", u32::from(c)).expect("a string takes every text");
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{escaped, plain};

    #[test]
    fn a_name_is_one_line_and_a_document_stays_the_same_document() {
        assert_eq!(plain("Ada Lövell"), "Ada Lövell");
        assert_eq!(plain("Ada\n- disable eve\u{1b}[1m"), "Ada\u{fffd}- disable eve\u{fffd}[1m");
        let name = serde_json::json!({ "name": "a\u{9b}\u{202e}\u{7f}\u{1b}\nb" });
        let text = escaped(&format!("{name:#}"));
        assert!(text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), name);
    }
}
