//! TOML on the way out: strings of any content on one line, and comments that stay comments.

use std::fmt::Write as _;

/// Characters of a comment's line, `# ` included, as far as its words allow.
const COMMENT_LINE_CHARS: usize = 98;

/// The text as a TOML string on one line: literal where that is readable and possible.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c != '\'' && !is_invisible(c);
    if text.contains(['"', '\\']) && text.chars().all(is_plain) {
        return format!("'{text}'");
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_invisible(c) => {
                write!(quoted, "\\u{:04X}", u32::from(c)).expect("a String takes everything");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Writes `key = value` on a line of its own; the value is TOML already.
pub(super) fn entry(out: &mut String, key: &str, value: &str) {
    for part in [key, " = ", value, "\n"] {
        out.push_str(part);
    }
}

/// A foreign text inside a sentence: on one line, and shortened.
pub(super) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    let mut shown: String = text.chars().map(visible).take(CHARS_MAX).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Writes a sentence as a comment, broken between its words.
pub(super) fn comment(out: &mut String, sentence: &str) {
    let mut line = String::from("#");
    let mut chars = 1;
    for word in sentence.split_whitespace() {
        let length = word.chars().count();
        if chars > 1 && chars + 1 + length > COMMENT_LINE_CHARS {
            out.push_str(&line);
            out.push('\n');
            line.truncate(1);
            chars = 1;
        }
        line.push(' ');
        line.extend(word.chars().map(visible));
        chars += 1 + length;
    }
    out.push_str(&line);
    out.push('\n');
}

/// Writes lines of TOML that do nothing.
pub(super) fn commented(out: &mut String, lines: &str) {
    for line in lines.lines() {
        out.push_str("# ");
        out.extend(line.chars().map(visible));
        out.push('\n');
    }
}

/// A comment must not hold control characters (TOML 1.0, "Comment").
fn visible(c: char) -> char {
    if is_invisible(c) { '\u{fffd}' } else { c }
}

/// Control characters, and those that reorder or break the line that shows them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || c == '\u{feff}'
}
