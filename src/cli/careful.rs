//! Text for a terminal: what the directory or an application calls somebody must not move the
//! cursor, hide a row or forge one.
//!
//! Names and answers are other people's words. Of what reaches a terminal only the colours that
//! this program uses itself are let through; every other control character, and those that turn
//! the direction of writing, are shown as U+FFFD.

use std::io::{self, Write};

use crate::model::{REPLACEMENT, is_unseen};

/// The longest sequence of a colour: `ESC[1;90m` and the like.
const SEQUENCE_CHARS_MAX: usize = 12;

/// Lets through what is seen, line ends, tabulators and the program's own colours.
pub(super) struct Careful<W: Write> {
    inner: W,
    /// The beginning of what may turn out to be a colour, or the line end of a list.
    sequence: String,
}

impl<W: Write> Careful<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, sequence: String::new() }
    }

    fn push(&mut self, c: char, out: &mut String) {
        if self.sequence.is_empty() {
            match c {
                '\u{1b}' | '\r' => self.sequence.push(c),
                '\n' | '\t' => out.push(c),
                _ if is_unseen(c) => out.push(REPLACEMENT),
                _ => out.push(c),
            }
            return;
        }
        if self.sequence == "\r" && c == '\n' {
            self.sequence.clear();
            out.push_str("\r\n");
            return;
        }
        let goes_on = self.sequence.starts_with('\u{1b}')
            && match self.sequence.len() {
                1 => c == '[',
                SEQUENCE_CHARS_MAX.. => false,
                _ => c.is_ascii_digit() || c == ';',
            };
        if goes_on {
            self.sequence.push(c);
        } else if c == 'm' && is_own_colour(&self.sequence) {
            out.push_str(&std::mem::take(&mut self.sequence));
            out.push(c);
        } else {
            self.give_up(out);
            self.push(c, out);
        }
    }

    /// It was neither: what was kept is shown without the character that begins it.
    fn give_up(&mut self, out: &mut String) {
        if !self.sequence.is_empty() {
            out.push(REPLACEMENT);
            out.push_str(&std::mem::take(&mut self.sequence)[1..]);
        }
    }
}

/// Whether a sequence, without its end, sets only what this program sets: bold, dim, a colour of
/// the first sixteen, or nothing again. None of these hides a text.
fn is_own_colour(sequence: &str) -> bool {
    let Some(codes) = sequence.strip_prefix("\u{1b}[") else { return false };
    codes.split(';').all(|code| {
        matches!(code, "" | "0" | "1" | "2" | "22" | "39")
            || code.parse().is_ok_and(|code: u8| matches!(code, 31..=37 | 90..=97))
    })
}

impl<W: Write> Write for Careful<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = String::with_capacity(bytes.len());
        for c in String::from_utf8_lossy(bytes).chars() {
            self.push(c, &mut out);
        }
        self.inner.write_all(out.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut out = String::new();
        self.give_up(&mut out);
        self.inner.write_all(out.as_bytes())?;
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::Careful;

    fn through(parts: &[&str]) -> String {
        let mut bytes = Vec::new();
        let mut careful = Careful::new(&mut bytes);
        for part in parts {
            careful.write_all(part.as_bytes()).expect("memory takes it");
        }
        careful.flush().expect("memory takes it");
        drop(careful);
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn own_colours_pass_and_nothing_else_that_is_not_seen() {
        let bold = anstyle::Style::new().bold();
        let red = anstyle::Style::new().fg_color(Some(anstyle::AnsiColor::Red.into())).bold();
        let own = format!("{bold}Ünal{bold:#}\t{red}failed{red:#}\n");
        assert_eq!(through(&[&own]), own);
        assert_eq!(through(&["\u{1b}", "[1", "mAda"]), "\u{1b}[1mAda");
        assert_eq!(through(&["a,b\r", "\nc\r\n"]), "a,b\r\nc\r\n");
        assert_eq!(through(&["row\rforged\r\r\n"]), "row\u{fffd}forged\u{fffd}\r\n");
        for (hostile, shown) in [
            ("\u{1b}[2J\u{1b}[H", "\u{fffd}[2J\u{fffd}[H"),
            ("\u{1b}[8mhidden", "\u{fffd}[8mhidden"),
            ("\u{1b}]0;title\u{7}", "\u{fffd}]0;title\u{fffd}"),
            ("\u{1b}[30mblack on black", "\u{fffd}[30mblack on black"),
            ("\u{1b}\u{1b}[1mx", "\u{fffd}\u{1b}[1mx"),
            ("a\rb\u{8}\u{7f}\u{9b}2J", "a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}2J"),
            ("user\u{202e}moc.", "user\u{fffd}moc."),
            ("\u{1b}[1;1;1;1;1;1;1;1;1;1m", "\u{fffd}[1;1;1;1;1;1;1;1;1;1m"),
            ("the end \u{1b}[3", "the end \u{fffd}[3"),
        ] {
            assert_eq!(through(&[hostile]), shown);
        }
    }
}
