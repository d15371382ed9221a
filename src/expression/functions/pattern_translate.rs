//! .NET's regular expressions in the syntax of the engine at hand.
//!
//! The two agree on almost everything. They differ in which escapes are assertions (`\<` is a
//! plain `<` in .NET), in the inside of brackets (`[` is plain there, `&&` too, and `-[…]`
//! subtracts), and in how groups are named and numbered. One difference stays: `$` does not match
//! before a line feed at the very end, which no attribute of a directory has.

/// A pattern in the engine's syntax, and the groups of the .NET pattern.
#[derive(Debug)]
pub(super) struct Translated {
    pub(super) pattern: String,
    /// The names of the groups in the order of their opening; `None` for one without.
    pub(super) groups: Vec<Option<String>>,
}

impl Translated {
    /// The engine's index of a group, which .NET calls `name`. Group 0 is the whole match.
    pub(super) fn group(&self, name: &str) -> Option<usize> {
        index_of(&self.groups, name)
    }
}

/// Groups are numbered in .NET from 1: those without a name first, then those with one.
fn index_of(groups: &[Option<String>], name: &str) -> Option<usize> {
    if let Some(position) = groups.iter().position(|group| group.as_deref() == Some(name)) {
        return Some(position + 1);
    }
    let number: usize = name.parse().ok()?;
    let Some(wanted) = number.checked_sub(1) else { return Some(0) };
    let positions = |named: bool| {
        let of_kind = move |(position, group): (usize, &Option<String>)| {
            (group.is_some() == named).then_some(position)
        };
        groups.iter().enumerate().filter_map(of_kind)
    };
    positions(false).chain(positions(true)).nth(wanted).map(|position| position + 1)
}

/// Translates `source`. Fails where it uses what the engine has no counterpart for.
pub(super) fn translate(source: &str) -> Result<Translated, String> {
    let chars: Vec<char> = source.chars().collect();
    let groups = groups(&chars);
    let mut translator =
        Translator { chars: &chars, at: 0, groups: &groups, opened: 0, out: String::new() };
    translator.whole()?;
    let pattern = translator.out;
    Ok(Translated { pattern, groups })
}

/// The capturing groups, in the order of their opening.
fn groups(chars: &[char]) -> Vec<Option<String>> {
    let mut groups = Vec::new();
    let mut at = 0;
    let mut in_class = false;
    while let Some(c) = chars.get(at) {
        match c {
            '\\' => at += 1,
            // A bracket right after the opening one is plain.
            '[' if !in_class => {
                in_class = true;
                at += usize::from(chars.get(at + 1) == Some(&'^'));
                at += usize::from(chars.get(at + 1) == Some(&']'));
            }
            ']' => in_class = false,
            '(' if !in_class => match chars.get(at + 1) {
                Some('?') if chars.get(at + 2) == Some(&'#') => {
                    at += chars[at..].iter().take_while(|c| **c != ')').count();
                }
                Some('?') => {
                    if let Some((name, _)) = group_name(chars, at + 2) {
                        groups.push(Some(name));
                    }
                }
                _ => groups.push(None),
            },
            _ => {}
        }
        at += 1;
    }
    groups
}

/// The name in `<name>` or `'name'` at `at`, and where it ends. `<=` and `<!` are no names.
fn group_name(chars: &[char], at: usize) -> Option<(String, usize)> {
    let close = match chars.get(at)? {
        '<' => '>',
        '\'' => '\'',
        _ => return None,
    };
    let length = chars[at + 1..].iter().position(|c| *c == close)?;
    let name: String = chars[at + 1..at + 1 + length].iter().collect();
    let word = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    word.then_some((name, at + length + 2))
}

struct Translator<'c> {
    chars: &'c [char],
    at: usize,
    groups: &'c [Option<String>],
    /// How many groups have been opened.
    opened: usize,
    out: String,
}

impl Translator<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn whole(&mut self) -> Result<(), String> {
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '\\' => self.escape()?,
                '[' => self.class(true)?,
                '(' if self.peek(0) == Some('?') => self.group()?,
                '(' => self.open_group(),
                other => self.out.push(other),
            }
        }
        Ok(())
    }

    /// Every group is named after its position: the engine takes no numbers beside names, and no
    /// name twice.
    fn open_group(&mut self) {
        self.opened += 1;
        self.out.push_str("(?<g");
        self.out.push_str(&self.opened.to_string());
        self.out.push('>');
    }

    /// What follows `(` where that is a `?`.
    fn group(&mut self) -> Result<(), String> {
        if let Some((_, end)) = group_name(self.chars, self.at + 1) {
            self.at = end;
            self.open_group();
        } else if self.peek(1) == Some('#') {
            while self.peek(0).is_some_and(|c| c != ')') {
                self.at += 1;
            }
            self.at += 1;
        } else if self.peek(1) == Some('(') {
            return Err(
                "this regular expression uses a condition, which is not supported".to_owned()
            );
        } else {
            let options = self.chars[self.at + 1..].iter().take_while(|c| **c != ':' && **c != ')');
            if options.clone().all(|c| c.is_ascii_alphabetic() || *c == '-')
                && options.clone().any(|c| *c == 'n')
            {
                return Err("this regular expression uses the option `n`, which is not supported"
                    .to_owned());
            }
            self.out.push('(');
        }
        Ok(())
    }

    /// What follows a backslash outside of brackets.
    fn escape(&mut self) -> Result<(), String> {
        let Some(c) = self.peek(0) else {
            return Err("this regular expression ends in a lone backslash".to_owned());
        };
        match c {
            '1'..='9' => self.back_reference(),
            'k' => {
                let named = group_name(self.chars, self.at + 1);
                let found =
                    named.and_then(|(name, end)| Some((index_of(self.groups, &name)?, end)));
                let Some((index, end)) = found else {
                    return Err(
                        "this regular expression refers to a group it does not have".to_owned()
                    );
                };
                self.at = end;
                self.push_reference(index);
            }
            'Z' => {
                self.at += 1;
                self.out.push_str(r"(?=\n?\z)");
            }
            _ => self.character_escape(false)?,
        }
        Ok(())
    }

    fn back_reference(&mut self) {
        let digits: String =
            self.chars[self.at..].iter().take_while(|c| c.is_ascii_digit()).take(2).collect();
        // `\12` is group 12 where there is one, else group 1 and a 2.
        let taken = if index_of(self.groups, &digits).is_some() { digits.len() } else { 1 };
        let index = index_of(self.groups, &digits[..taken]);
        self.at += taken;
        let missing = || digits[..taken].parse().unwrap_or_default();
        self.push_reference(index.unwrap_or_else(missing));
    }

    /// A missing group is referred to as well, so that the engine refuses the pattern.
    fn push_reference(&mut self, index: usize) {
        self.out.push_str(r"\k<g");
        self.out.push_str(&index.to_string());
        self.out.push('>');
    }

    /// An escape that stands for a character or for a class of them.
    fn character_escape(&mut self, in_class: bool) -> Result<(), String> {
        let Some(c) = self.peek(0) else {
            return Err("this regular expression ends in a lone backslash".to_owned());
        };
        self.at += 1;
        match c {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'p' | 'P' => {
                self.out.push('\\');
                self.out.push(c);
                if matches!(c, 'p' | 'P') {
                    self.category();
                }
            }
            'b' if in_class => self.literal('\u{8}'),
            'b' | 'B' | 'A' | 'z' | 'G' if !in_class => {
                self.out.push('\\');
                self.out.push(c);
            }
            'a' => self.literal('\u{7}'),
            'e' => self.literal('\u{1b}'),
            'f' => self.literal('\u{c}'),
            'n' => self.literal('\n'),
            'r' => self.literal('\r'),
            't' => self.literal('\t'),
            'v' => self.literal('\u{b}'),
            '0' => self.literal('\0'),
            'x' => self.code(2)?,
            'u' => self.code(4)?,
            letter if letter.is_alphanumeric() => {
                return Err(format!(
                    "this regular expression uses an unknown escape, `\\{letter}`"
                ));
            }
            other => self.literal(other),
        }
        Ok(())
    }

    /// `{L}` after `\p`, as it is.
    fn category(&mut self) {
        while let Some(c) = self.peek(0) {
            self.at += 1;
            self.out.push(c);
            if c != '{' && !c.is_alphanumeric() {
                break;
            }
        }
    }

    fn code(&mut self, digits: usize) -> Result<(), String> {
        let end = (self.at + digits).min(self.chars.len());
        let raw: String = self.chars[self.at..end].iter().collect();
        let plain = raw.len() == digits && raw.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(&raw, 16).ok().filter(|_| plain);
        let Some(c) = code.and_then(char::from_u32) else {
            return Err(format!("this regular expression needs {digits} hexadecimal digits here"));
        };
        self.at = end;
        self.literal(c);
        Ok(())
    }

    /// `c` as itself, escaped where it might mean something else.
    fn literal(&mut self, c: char) {
        if c.is_ascii_punctuation() && !matches!(c, '<' | '>' | '_' | '/' | '"' | '\'' | '%') {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    /// What follows `[`, up to its `]`. Another class may be subtracted from one, but no third one
    /// from that: it would only be added again.
    fn class(&mut self, outer: bool) -> Result<(), String> {
        self.out.push('[');
        if self.peek(0) == Some('^') {
            self.at += 1;
            self.out.push('^');
        }
        let start = self.at;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                ']' if self.at > start + 1 => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => self.character_escape(true)?,
                '-' if outer && self.peek(0) == Some('[') && self.at > start + 1 => {
                    self.at += 1;
                    self.out.push_str("--");
                    self.class(false)?;
                }
                // A range keeps its hyphen; one at either end is plain in both syntaxes.
                '-' => self.hyphen(start),
                other => self.literal(other),
            }
        }
        Err("this regular expression has a `[` that is never closed".to_owned())
    }

    fn hyphen(&mut self, start: usize) {
        let first = self.at == start + 1;
        let last = self.peek(0) == Some(']');
        self.out.push_str(if first || last { r"\-" } else { "-" });
    }
}
