//! The tree of an expression, and how it prints. Knows neither text positions' meaning nor values.

use std::{fmt, ops::Range, sync::Arc};

use serde_json::Number;

use super::functions::{Function, Pattern};

/// How deep an expression may nest: calls, parentheses and chains of operators together.
pub(super) const NESTING_MAX: usize = 100;

/// A part of an expression. Two are equal when they mean the same; their places do not count.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    /// Where it stands, in bytes of the text.
    pub(super) span: Range<usize>,
    /// 1 for a leaf, else one more than the highest child.
    pub(super) height: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum NodeKind {
    /// `[name]`
    Attribute(String),
    /// `"text"`, without its escapes.
    Text(String),
    /// `10`, `-1`, `42568.75`, `&HF`.
    Number(NumberLiteral),
    /// An unquoted word of the language.
    Word(Word),
    /// `Name(argument, …)`
    Call(Call),
    /// `left operator right`
    Binary { operator: Operator, left: Box<Node>, right: Box<Node> },
}

/// A number as written, so that `&HF` prints as `&HF`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NumberLiteral {
    pub(super) raw: String,
    pub(super) value: Number,
}

/// A call of a function that may not exist: that is for the check to say.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) name_span: Range<usize>,
    pub(super) function: Option<&'static Function>,
    /// `None` where nothing stands between two commas.
    pub(super) arguments: Vec<Option<Node>>,
    /// The compiled pattern, where it is a constant.
    pub(super) pattern: Option<Arc<Pattern>>,
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.arguments == other.arguments
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Node {
    pub(super) fn new(kind: NodeKind, span: Range<usize>) -> Self {
        let height = 1 + match &kind {
            NodeKind::Attribute(_)
            | NodeKind::Text(_)
            | NodeKind::Number(_)
            | NodeKind::Word(_) => 0,
            NodeKind::Call(call) => {
                call.arguments.iter().flatten().map(|argument| argument.height).max().unwrap_or(0)
            }
            NodeKind::Binary { left, right, .. } => left.height.max(right.height),
        };
        Self { kind, span, height }
    }

    /// Calls `visit` for this node and every one below it, in the order of the text.
    pub(super) fn walk<'n>(&'n self, visit: &mut dyn FnMut(&'n Node)) {
        visit(self);
        match &self.kind {
            NodeKind::Attribute(_)
            | NodeKind::Text(_)
            | NodeKind::Number(_)
            | NodeKind::Word(_) => {}
            NodeKind::Call(call) => {
                for argument in call.arguments.iter().flatten() {
                    argument.walk(visit);
                }
            }
            NodeKind::Binary { left, right, .. } => {
                left.walk(visit);
                right.walk(visit);
            }
        }
    }

    /// The text, where the node is one that is written out.
    pub(super) fn constant_text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Text(text) => Some(text),
            NodeKind::Attribute(_)
            | NodeKind::Number(_)
            | NodeKind::Word(_)
            | NodeKind::Call(_)
            | NodeKind::Binary { .. } => None,
        }
    }

    fn precedence(&self) -> u8 {
        match &self.kind {
            NodeKind::Binary { operator, .. } => operator.precedence(),
            NodeKind::Attribute(_)
            | NodeKind::Text(_)
            | NodeKind::Number(_)
            | NodeKind::Word(_)
            | NodeKind::Call(_) => u8::MAX,
        }
    }
}

/// An infix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `&`, which joins two texts.
    Concatenate,
}

impl Operator {
    /// How tightly it binds; all operators group from the left.
    pub(super) const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual => 3,
            Self::Concatenate => 4,
        }
    }

    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Or => "Or",
            Self::And => "And",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Concatenate => "&",
        }
    }
}

/// An unquoted word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    True,
    False,
    VbTextCompare,
    VbBinaryCompare,
    Utf8,
    Unicode,
    IgnoreAttributeFlow,
    IgnoreObjectFlow,
}

impl Word {
    pub(super) const ALL: [Self; 8] = [
        Self::True,
        Self::False,
        Self::VbTextCompare,
        Self::VbBinaryCompare,
        Self::Utf8,
        Self::Unicode,
        Self::IgnoreAttributeFlow,
        Self::IgnoreObjectFlow,
    ];

    /// The word as Microsoft writes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::VbTextCompare => "vbTextCompare",
            Self::VbBinaryCompare => "vbBinaryCompare",
            Self::Utf8 => "UTF8",
            Self::Unicode => "Unicode",
            Self::IgnoreAttributeFlow => "IgnoreAttributeFlow",
            Self::IgnoreObjectFlow => "IgnoreObjectFlow",
        }
    }

    /// The word that is spelt `raw`, in any case.
    pub(super) fn parse(raw: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|word| word.name().eq_ignore_ascii_case(raw))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NodeKind::Attribute(name) => write!(f, "[{name}]"),
            NodeKind::Text(text) => {
                write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
            NodeKind::Number(number) => f.write_str(&number.raw),
            NodeKind::Word(word) => f.write_str(word.name()),
            NodeKind::Call(call) => {
                write!(f, "{}(", call.name)?;
                for (index, argument) in call.arguments.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    if let Some(argument) = argument {
                        write!(f, "{argument}")?;
                    }
                }
                f.write_str(")")
            }
            NodeKind::Binary { operator, left, right } => {
                operand(f, left, left.precedence() < operator.precedence())?;
                write!(f, " {} ", operator.symbol())?;
                operand(f, right, right.precedence() <= operator.precedence())
            }
        }
    }
}

fn operand(f: &mut fmt::Formatter<'_>, node: &Node, grouped: bool) -> fmt::Result {
    if grouped { write!(f, "({node})") } else { write!(f, "{node}") }
}
