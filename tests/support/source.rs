//! Reads the program's own source as tokens, for the rules of `tests/architecture.rs`.
//!
//! Tokens rather than a syntax tree: they see into macro bodies and attributes alike, and what the
//! rules ask for (paths, literals, the extent of functions) is all there. Comments are no tokens,
//! so prose may name what it likes.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// One file below `src/`, with everything in it that a rule looks at.
pub(crate) struct SourceFile {
    /// Relative to `src/`, with `/` between folders.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Every path of two or more segments: `use` groups written out, `super` and `self` resolved.
    pub(crate) paths: Vec<PathUse>,
    pub(crate) strings: Vec<StringLiteral>,
    pub(crate) functions: Vec<Function>,
    /// The lines of `#[cfg(test)]` modules.
    test_lines: Vec<RangeInclusive<usize>>,
}

/// A path as written in code: `crate::model::UserId` is `["crate", "model", "UserId"]`.
pub(crate) struct PathUse {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

pub(crate) struct StringLiteral {
    /// As in the file, quotes included.
    pub(crate) text: String,
    pub(crate) line: usize,
    pub(crate) last_line: usize,
}

pub(crate) struct Function {
    pub(crate) name: String,
    /// From the line of `fn` to the closing brace.
    pub(crate) lines: RangeInclusive<usize>,
}

impl SourceFile {
    /// Parses one file; `path` is relative to `src/`.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let tokens: TokenStream =
            text.parse().unwrap_or_else(|error| panic!("src/{path} is not Rust: {error}"));
        let mut file = Self {
            path: path.to_owned(),
            text: text.to_owned(),
            paths: Vec::new(),
            strings: Vec::new(),
            functions: Vec::new(),
            test_lines: Vec::new(),
        };
        let mut module = module_path(path);
        file.walk(tokens, &mut module);
        file
    }

    /// The room a file belongs to: its folder, or for a file directly in `src/` its own name.
    pub(crate) fn room(&self) -> &str {
        let first = self.path.split('/').next().expect("split yields at least one part");
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Whether a line is test code: a `#[cfg(test)]` module, `tests.rs`, or a folder `tests/`.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.is_test_file() || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    pub(crate) fn is_test_file(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs")
    }

    /// Lines outside of test code.
    pub(crate) fn shipped_line_count(&self) -> usize {
        (1..=self.text.lines().count()).filter(|line| !self.is_test(*line)).count()
    }

    fn walk(&mut self, tokens: TokenStream, module: &mut Vec<String>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Ident(ident) if ident == "fn" => self.function(&tokens[at - 1..]),
                TokenTree::Ident(ident) if ident == "mod" => {
                    if let [TokenTree::Ident(name), TokenTree::Group(body), ..] = &tokens[at..] {
                        if opens_test_module(&tokens[..at - 1]) {
                            self.test_lines.push(line_of(token)..=last_line(body));
                        }
                        module.push(name.to_string());
                        self.walk(body.stream(), module);
                        module.pop();
                        at += 2;
                    }
                }
                TokenTree::Ident(_) => {
                    at += self.path_at(&tokens[at - 1..], &mut Vec::new(), module);
                }
                TokenTree::Literal(literal) => self.string(literal),
                TokenTree::Group(group) if !is_doc(group) => self.walk(group.stream(), module),
                TokenTree::Group(_) | TokenTree::Punct(_) => {}
            }
        }
    }

    /// Records the path that starts here, every branch of it, and returns how many tokens beyond
    /// the first belong to it.
    fn path_at(
        &mut self,
        tokens: &[TokenTree],
        prefix: &mut Vec<String>,
        module: &[String],
    ) -> usize {
        let depth = prefix.len();
        let mut end = 0;
        let mut branched = false;
        while let Some(token) = tokens.get(end) {
            match token {
                TokenTree::Ident(ident) => prefix.push(ident.to_string()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && end > 0 => {
                    branched = true;
                    self.branches(group.stream(), prefix, module);
                }
                TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => break,
            }
            end += 1;
            if branched || !is_separator(&tokens[end..]) {
                break;
            }
            end += 2;
        }
        if !branched && prefix.len() > 1 {
            let segments = resolve(prefix, module);
            self.paths.push(PathUse { segments, line: line_of(&tokens[0]) });
        }
        prefix.truncate(depth);
        end.saturating_sub(1)
    }

    fn branches(&mut self, tokens: TokenStream, prefix: &mut Vec<String>, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for branch in
            tokens.split(|token| matches!(token, TokenTree::Punct(p) if p.as_char() == ','))
        {
            if !branch.is_empty() {
                self.path_at(branch, prefix, module);
            }
        }
    }

    fn function(&mut self, tokens: &[TokenTree]) {
        // `fn(u8)` is a type; a declaration in a trait ends in `;` and has no body.
        let [keyword, TokenTree::Ident(name), rest @ ..] = tokens else { return };
        for token in rest {
            match token {
                TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                    let lines = line_of(keyword)..=last_line(body);
                    self.functions.push(Function { name: name.to_string(), lines });
                    return;
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => return,
                TokenTree::Group(_)
                | TokenTree::Ident(_)
                | TokenTree::Punct(_)
                | TokenTree::Literal(_) => {}
            }
        }
    }

    fn string(&mut self, literal: &proc_macro2::Literal) {
        let text = literal.to_string();
        if text.ends_with(['"', '#']) {
            let (line, last_line) = (literal.span().start().line, literal.span().end().line);
            self.strings.push(StringLiteral { text, line, last_line });
        }
    }
}

/// Every `.rs` file below `src/`, in the order of their paths.
pub(crate) fn read_sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<SourceFile>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry of a folder that is open").path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let relative = path.strip_prefix(root).expect("found below the root");
            let relative = relative.to_str().expect("the names of source files are ASCII");
            found.push(SourceFile::parse(&relative.replace('\\', "/"), &text));
        }
    }
}

/// The module a file is: `graph/delta.rs` is `["graph", "delta"]`, `graph/mod.rs` is `["graph"]`.
fn module_path(path: &str) -> Vec<String> {
    let mut module: Vec<String> =
        path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// Turns `self::x` and `super::x` into `crate::…::x`, and the library's own name into `crate`.
fn resolve(path: &[String], module: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|segment| *segment == "super").count();
    let selves = usize::from(path.first().is_some_and(|first| first == "self"));
    let rest = &path[ups + selves..];
    if ups + selves > 0 {
        let stays = module.len().saturating_sub(ups);
        let base = module[..stays].iter().chain(rest);
        return std::iter::once("crate".to_owned()).chain(base.cloned()).collect();
    }
    let mut path = path.to_vec();
    if path[0] == "entra_scim" {
        "crate".clone_into(&mut path[0]);
    }
    path
}

/// Whether the tokens before `mod` end in `#[cfg(test)]`, a visibility aside.
fn opens_test_module(before: &[TokenTree]) -> bool {
    before.iter().rev().take(4).any(|token| {
        matches!(token, TokenTree::Group(group)
            if group.delimiter() == Delimiter::Bracket
                && group.stream().to_string().replace(' ', "") == "cfg(test)")
    })
}

fn is_doc(group: &Group) -> bool {
    let first = group.stream().into_iter().next();
    group.delimiter() == Delimiter::Bracket
        && matches!(first, Some(TokenTree::Ident(ident)) if ident == "doc")
}

fn is_separator(tokens: &[TokenTree]) -> bool {
    let colon = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ':');
    let follows = tokens.get(2).is_some_and(|token| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    });
    follows && tokens.iter().take(2).filter(|token| colon(token)).count() == 2
}

fn line_of(token: &TokenTree) -> usize {
    token.span().start().line
}

fn last_line(group: &Group) -> usize {
    group.span_close().end().line
}
