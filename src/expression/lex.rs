//! Text to tokens, each with its place. Knows no grammar.

use std::ops::Range;

use super::{
    ast::{NumberLiteral, Operator},
    error::ExpressionError,
    value,
};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Attribute(String),
    Text(String),
    Number(NumberLiteral),
    /// A function name, a word, or `And` and `Or`.
    Name(String),
    Open,
    Close,
    Comma,
    Operator(Operator),
}

/// The tokens of `text`, in order.
pub(super) fn lex(text: &str) -> Result<Vec<(Token, Range<usize>)>, ExpressionError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    while let Some(first) = lexer.peek() {
        if first.is_whitespace() || first == '\u{feff}' {
            lexer.at += first.len_utf8();
            continue;
        }
        let start = lexer.at;
        let token = lexer.token(first)?;
        tokens.push((token, start..lexer.at));
    }
    Ok(tokens)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error(&self, message: &str, start: usize) -> ExpressionError {
        ExpressionError::new(message, self.text, start..self.at)
    }

    fn token(&mut self, first: char) -> Result<Token, ExpressionError> {
        let start = self.at;
        match first {
            '[' => self.attribute(),
            '"' => self.quoted(),
            '0'..='9' | '.' | '-' => self.number(),
            '&' => Ok(self.hexadecimal().unwrap_or_else(|| {
                self.at += 1;
                Token::Operator(Operator::Concatenate)
            })),
            '(' => Ok(self.symbol(Token::Open, 1)),
            ')' => Ok(self.symbol(Token::Close, 1)),
            ',' => Ok(self.symbol(Token::Comma, 1)),
            '=' => Ok(self.symbol(Token::Operator(Operator::Equal), 1)),
            '<' => Ok(self.angle(&[
                ("<>", Operator::NotEqual),
                ("<=", Operator::LessOrEqual),
                ("<", Operator::Less),
            ])),
            '>' => Ok(self.angle(&[(">=", Operator::GreaterOrEqual), (">", Operator::Greater)])),
            letter if letter.is_alphabetic() || letter == '_' => Ok(self.name()),
            other => {
                self.at += other.len_utf8();
                let message = match other {
                    '\u{201c}' | '\u{201d}' | '\'' | '\u{2018}' | '\u{2019}' => {
                        "a text stands in straight double quotes: \"text\"".to_owned()
                    }
                    ']' => "`]` without a `[` before it".to_owned(),
                    other => format!("unexpected character `{other}`"),
                };
                Err(self.error(&message, start))
            }
        }
    }

    fn symbol(&mut self, token: Token, width: usize) -> Token {
        self.at += width;
        token
    }

    fn angle(&mut self, candidates: &[(&str, Operator)]) -> Token {
        let found = candidates.iter().find(|(symbol, _)| self.rest().starts_with(symbol));
        let (symbol, operator) = found.expect("the one-character candidate was already seen");
        self.symbol(Token::Operator(*operator), symbol.len())
    }

    fn attribute(&mut self) -> Result<Token, ExpressionError> {
        let start = self.at;
        let length = self.rest()[1..].find([']', '[', '\n', '"']);
        let closed = length.filter(|length| self.rest()[1 + length..].starts_with(']'));
        let Some(length) = closed else {
            self.at += 1 + length.unwrap_or(self.rest().len() - 1);
            return Err(self.error("an attribute name needs a `]` at its end", start));
        };
        let name = self.rest()[1..=length].to_owned();
        self.at += length + 2;
        if name.trim().is_empty() {
            return Err(self.error("an attribute name is missing between `[` and `]`", start));
        }
        Ok(Token::Attribute(name))
    }

    /// `\\` and `\"` are a backslash and a quote; any other backslash stands for itself, which
    /// regular expressions written with a single one rely on.
    fn quoted(&mut self) -> Result<Token, ExpressionError> {
        let start = self.at;
        let mut value = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + offset + 1;
                    return Ok(Token::Text(value));
                }
                '\\' => match chars.next_if(|(_, next)| matches!(next, '\\' | '"')) {
                    Some((_, escaped)) => value.push(escaped),
                    None => value.push('\\'),
                },
                other => value.push(other),
            }
        }
        self.at = self.text.len();
        Err(self.error("a text needs a `\"` at its end", start))
    }

    fn number(&mut self) -> Result<Token, ExpressionError> {
        let start = self.at;
        let body = |c: char| c.is_alphanumeric() || c == '.' || c == '_';
        let length = self.rest()[1..].find(|c| !body(c)).unwrap_or(self.rest().len() - 1);
        self.at += 1 + length;
        let raw = &self.text[start..self.at];
        let digits = raw.bytes().any(|byte| byte.is_ascii_digit());
        match value::parse_number(raw).filter(|_| digits) {
            Some(value) => Ok(Token::Number(NumberLiteral { raw: raw.to_owned(), value })),
            None => Err(self.error("this is not a number; a text stands in double quotes", start)),
        }
    }

    /// `&HF7`. `None` where the `&` joins texts: no hexadecimal digits follow, or more letters do.
    fn hexadecimal(&mut self) -> Option<Token> {
        let body = self.rest().strip_prefix("&H").or_else(|| self.rest().strip_prefix("&h"))?;
        let length = body.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(body.len());
        let raw = &self.rest()[..2 + length];
        let value = value::parse_number(raw)?;
        self.at += raw.len();
        Some(Token::Number(NumberLiteral { raw: raw.to_owned(), value }))
    }

    fn name(&mut self) -> Token {
        let body = |c: char| c.is_alphanumeric() || c == '_';
        let length = self.rest().find(|c| !body(c)).unwrap_or(self.rest().len());
        let name = self.rest()[..length].to_owned();
        self.at += length;
        Token::Name(name)
    }
}
