//! Tokens to a tree. Knows the grammar and where patterns stand, and no attribute.

use std::{ops::Range, sync::Arc};

use super::{
    ast::{Call, NESTING_MAX, Node, NodeKind, Operator, Word},
    error::ExpressionError,
    functions::{self, Pattern},
    lex::{Token, lex},
};

/// Microsoft's limit, in characters.
pub(super) const LENGTH_MAX: usize = 10_000;

/// The tree of `text`.
pub(super) fn parse(text: &str) -> Result<Node, ExpressionError> {
    if let Some((limit, _)) = text.char_indices().nth(LENGTH_MAX) {
        let message = format!("an expression has at most {LENGTH_MAX} characters");
        return Err(ExpressionError::new(message, text, limit..text.len()));
    }
    let mut parser = Parser { text, tokens: lex(text)?, at: 0, depth: 0 };
    let root = parser.operation(1)?;
    match parser.tokens.get(parser.at) {
        None => Ok(root),
        Some((Token::Close, span)) => Err(parser.error("`)` without a `(` before it", span)),
        Some((_, span)) => {
            Err(parser.error("the expression should end here, or a comma is missing", span))
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, message: impl Into<String>, span: &Range<usize>) -> ExpressionError {
        ExpressionError::new(message, self.text, span.clone())
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    /// The place of the next token, or the end of the text.
    fn place(&self) -> Range<usize> {
        let end = self.text.len()..self.text.len();
        self.tokens.get(self.at).map_or(end, |(_, span)| span.clone())
    }

    fn eat(&mut self, expected: &Token) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }

    fn node(&self, kind: NodeKind, span: Range<usize>) -> Result<Node, ExpressionError> {
        let node = Node::new(kind, span);
        if node.height > NESTING_MAX {
            let message = format!("the expression nests more than {NESTING_MAX} levels deep");
            return Err(self.error(message, &node.span));
        }
        Ok(node)
    }

    fn operator(&self) -> Option<Operator> {
        match self.peek()? {
            Token::Operator(operator) => Some(*operator),
            Token::Name(name) if name.eq_ignore_ascii_case("and") => Some(Operator::And),
            Token::Name(name) if name.eq_ignore_ascii_case("or") => Some(Operator::Or),
            Token::Attribute(_)
            | Token::Text(_)
            | Token::Number(_)
            | Token::Name(_)
            | Token::Open
            | Token::Close
            | Token::Comma => None,
        }
    }

    /// Operands joined by operators that bind at least as tightly as `least`.
    fn operation(&mut self, least: u8) -> Result<Node, ExpressionError> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            let message = format!("the expression nests more than {NESTING_MAX} levels deep");
            return Err(self.error(message, &self.place()));
        }
        let mut left = self.operand()?;
        while let Some(operator) = self.operator().filter(|found| found.precedence() >= least) {
            self.at += 1;
            let right = self.operation(operator.precedence() + 1)?;
            let span = left.span.start..right.span.end;
            let (left_box, right) = (Box::new(left), Box::new(right));
            left = self.node(NodeKind::Binary { operator, left: left_box, right }, span)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Node, ExpressionError> {
        let Some((token, span)) = self.tokens.get(self.at).cloned() else {
            return Err(self.error("a value is missing at the end", &self.place()));
        };
        self.at += 1;
        match token {
            Token::Attribute(name) => self.node(NodeKind::Attribute(name), span),
            Token::Text(text) => self.node(NodeKind::Text(text), span),
            Token::Number(number) => self.node(NodeKind::Number(number), span),
            Token::Name(name) => self.named(name, span),
            Token::Open => {
                let inner = self.operation(1)?;
                self.close(&span)?;
                Ok(inner)
            }
            Token::Close | Token::Comma | Token::Operator(_) => {
                Err(self.error("a value is missing here", &span))
            }
        }
    }

    fn close(&mut self, open: &Range<usize>) -> Result<(), ExpressionError> {
        if self.eat(&Token::Close) {
            return Ok(());
        }
        match self.tokens.get(self.at) {
            None => Err(self.error("this `(` is never closed", open)),
            Some((_, span)) => Err(self.error("a comma or `)` is missing before this", span)),
        }
    }

    /// A call where `(` follows, else a word of the language.
    fn named(&mut self, name: String, span: Range<usize>) -> Result<Node, ExpressionError> {
        let open = self.place();
        if self.eat(&Token::Open) {
            return self.call(name, span, &open);
        }
        if let Some(word) = Word::parse(&name) {
            return self.node(NodeKind::Word(word), span);
        }
        let message = if functions::find(&name).is_some() {
            format!("the function `{name}` needs its arguments in parentheses")
        } else {
            format!("`{name}` is neither an attribute, [{name}], nor a text, \"{name}\"")
        };
        Err(self.error(message, &span))
    }

    fn call(
        &mut self,
        name: String,
        name_span: Range<usize>,
        open: &Range<usize>,
    ) -> Result<Node, ExpressionError> {
        let mut arguments = Vec::new();
        if !self.eat(&Token::Close) {
            loop {
                let omitted = matches!(self.peek(), Some(Token::Comma | Token::Close));
                arguments.push(if omitted { None } else { Some(self.operation(1)?) });
                if !self.eat(&Token::Comma) {
                    self.close(open)?;
                    break;
                }
            }
        }
        let end = self.tokens.get(self.at - 1).map_or(self.text.len(), |(_, span)| span.end);
        let span = name_span.start..end;
        let function = functions::find(&name);
        let pattern = self.pattern(function, &arguments)?;
        let call = Call { name, name_span, function, arguments, pattern };
        self.node(NodeKind::Call(call), span)
    }

    /// Compiles the pattern of a call whose pattern is a constant, once for all evaluations.
    fn pattern(
        &self,
        function: Option<&'static functions::Function>,
        arguments: &[Option<Node>],
    ) -> Result<Option<Arc<Pattern>>, ExpressionError> {
        let index = function.and_then(|function| function.pattern);
        let Some(Some(argument)) = index.and_then(|index| arguments.get(index)) else {
            return Ok(None);
        };
        match argument.constant_text().filter(|source| !source.is_empty()) {
            None => Ok(None),
            Some(source) => match Pattern::compile(source) {
                Ok(pattern) => Ok(Some(Arc::new(pattern))),
                Err(reason) => Err(self.error(reason, &argument.span)),
            },
        }
    }
}
