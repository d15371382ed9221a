//! Walks the tree for one object. Knows no function: each is a row of the table that it calls.

use std::{cmp::Ordering, fmt, mem};

use serde_json::Value;

use crate::model::{AppRole, Timestamp};

use super::{
    ast::{Node, NodeKind, Operator, Word},
    clock::{self, Moving},
    error::EvaluationError,
    functions::{Arguments, Random},
    value::{self, SeveralValues},
};

/// The steps of one evaluation: nodes visited, texts produced and regular expressions backtracking.
pub const STEPS_MAX: u64 = 100_000;

/// The longest text that a function may make, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 20;

/// Everything an evaluation may depend on.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The value of a source attribute; null when it is absent.
    pub attribute: &'a dyn Fn(&str) -> Value,
    /// The object's effective roles that are enabled, ordered by id.
    pub app_roles: &'a [AppRole],
    /// The time that `Now()` tells.
    pub now: Timestamp,
    /// What `Guid()` and `RandomString()` derive their values from.
    pub seed: u64,
    /// The tenant's default verified domain.
    pub default_domain: Option<&'a str>,
}

/// What flows to the target attribute.
#[derive(Clone, PartialEq)]
pub enum Flow {
    /// This value: null, a Boolean, a text, a number or a list.
    Value(Value),
    /// This value, which no log and no preview may show (`Redact`).
    Redacted(Value),
    /// Nothing: this mapping is left out (`IgnoreFlowIfNullOrEmpty`, `IgnoreAttributeFlow`).
    Ignore,
    /// Nothing, and the whole object is left alone (`IgnoreObjectFlow`).
    IgnoreObject,
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "Value({value})"),
            Self::Redacted(_) => f.write_str("Redacted"),
            Self::Ignore => f.write_str("Ignore"),
            Self::IgnoreObject => f.write_str("IgnoreObject"),
        }
    }
}

/// One evaluated part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Traced {
    /// The part, in canonical source.
    pub source: String,
    /// How deep it is nested; the whole expression is at 0.
    pub depth: usize,
    /// What it gave. A part that a failure or an ignored flow cut short has no entry.
    pub value: Value,
}

/// Why an evaluation ends before its value is known.
#[derive(Debug)]
pub(super) enum Halt {
    Ignore,
    IgnoreObject,
    Failed(EvaluationError),
}

/// What a part of an expression gives.
pub(super) type Outcome<T = Value> = Result<T, Halt>;

pub(super) struct Evaluator<'a> {
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) taken: &'a dyn Fn(&str) -> bool,
    pub(super) random: Random,
    steps_left: u64,
    /// How many calls of `Redact` were met.
    redactions: usize,
    /// How many calls of `Redact` are being evaluated.
    redacting: usize,
    depth: usize,
    trace: Option<Vec<Traced>>,
    /// How what was evaluated last moves with the clock.
    pub(super) moving: Moving,
    /// When the first value changes that looked at the clock.
    pub(super) wake: Option<Timestamp>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(inputs: &'a Inputs<'a>, taken: &'a dyn Fn(&str) -> bool) -> Self {
        Self {
            inputs,
            taken,
            random: Random::new(inputs.seed),
            steps_left: STEPS_MAX,
            redactions: 0,
            redacting: 0,
            depth: 0,
            trace: None,
            moving: Moving::No,
            wake: None,
        }
    }

    /// An evaluator that records what each part gives.
    pub(super) fn tracing(inputs: &'a Inputs<'a>, taken: &'a dyn Fn(&str) -> bool) -> Self {
        Self { trace: Some(Vec::new()), ..Self::new(inputs, taken) }
    }

    pub(super) fn into_trace(self) -> Vec<Traced> {
        self.trace.unwrap_or_default()
    }

    /// What the whole expression lets flow. A value that a redacted one went into is redacted.
    pub(super) fn flow(&mut self, root: &Node) -> Result<Flow, EvaluationError> {
        let outcome = self.evaluate(root);
        self.settle(self.moving);
        match outcome {
            Ok(value) if self.redactions > 0 => Ok(Flow::Redacted(value)),
            Ok(value) => Ok(Flow::Value(value)),
            Err(Halt::Ignore) => Ok(Flow::Ignore),
            Err(Halt::IgnoreObject) => Ok(Flow::IgnoreObject),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    /// Takes `steps` from the budget on behalf of `function`.
    pub(super) fn spend(&mut self, function: &str, steps: u64) -> Outcome<()> {
        if let Some(left) = self.steps_left.checked_sub(steps) {
            self.steps_left = left;
            return Ok(());
        }
        self.steps_left = 0;
        let reason = format!("was stopped: the evaluation took more than {STEPS_MAX} steps");
        Err(fail(function, &reason))
    }

    /// The steps that are left.
    pub(super) const fn steps_left(&self) -> u64 {
        self.steps_left
    }

    /// Takes the steps for a text of `bytes`, before it is made. Fails where it is too long.
    pub(super) fn spend_text(&mut self, function: &str, bytes: usize) -> Outcome<()> {
        if bytes > TEXT_BYTES_MAX {
            let reason = format!("would make a text of more than {TEXT_BYTES_MAX} bytes");
            return Err(fail(function, &reason));
        }
        self.spend(function, bytes as u64 / 64)
    }

    /// Evaluates the argument of a `Redact`: the result is redacted, and so is its trace.
    pub(super) fn redact(&mut self, evaluate: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        self.redactions += 1;
        self.redacting += 1;
        let outcome = evaluate(self);
        self.redacting -= 1;
        outcome
    }

    pub(super) fn evaluate(&mut self, node: &Node) -> Outcome {
        self.depth += 1;
        let redactions_before = self.redactions;
        let outcome = self.evaluate_kind(node);
        self.depth -= 1;
        if let (Some(trace), Ok(value)) = (&mut self.trace, &outcome) {
            let told = !matches!(node.kind, NodeKind::Text(_) | NodeKind::Number(_));
            // A part that a redacted value may have gone into is not shown either.
            if told && self.redacting == 0 && self.redactions == redactions_before {
                let (source, value) = (node.to_string(), value.clone());
                trace.push(Traced { source, depth: self.depth, value });
            }
        }
        outcome
    }

    fn evaluate_kind(&mut self, node: &Node) -> Outcome {
        match &node.kind {
            NodeKind::Attribute(name) => {
                self.spend(name, 1)?;
                let value = (self.inputs.attribute)(name);
                self.spend_text(name, size(&value))?;
                Ok(value)
            }
            NodeKind::Text(text) => {
                self.spend_text("text", text.len())?;
                self.spend("text", 1)?;
                Ok(Value::String(text.clone()))
            }
            NodeKind::Number(number) => {
                self.spend(&number.raw, 1)?;
                Ok(Value::Number(number.value.clone()))
            }
            NodeKind::Word(word) => self.word(*word),
            NodeKind::Call(call) => {
                self.spend(&call.name, 1)?;
                let Some(function) = call.function else {
                    return Err(fail(&call.name, "is not a function"));
                };
                let before = mem::take(&mut self.moving);
                let outcome = (function.evaluate)(&mut Arguments::new(self, call));
                let mut moving = mem::take(&mut self.moving);
                if !clock::hands_on(function.name) {
                    self.settle(mem::take(&mut moving));
                }
                self.moving = self.joined(before, moving);
                outcome
            }
            NodeKind::Binary { operator, left, right } => {
                self.spend(operator.symbol(), 1)?;
                self.binary(*operator, left, right)
            }
        }
    }

    fn word(&mut self, word: Word) -> Outcome {
        self.spend(word.name(), 1)?;
        match word {
            Word::True => Ok(Value::Bool(true)),
            Word::False => Ok(Value::Bool(false)),
            Word::IgnoreAttributeFlow => Err(Halt::Ignore),
            Word::IgnoreObjectFlow => Err(Halt::IgnoreObject),
            Word::VbTextCompare | Word::VbBinaryCompare | Word::Utf8 | Word::Unicode => {
                Ok(Value::from(word.name()))
            }
        }
    }

    fn binary(&mut self, operator: Operator, left: &Node, right: &Node) -> Outcome {
        let symbol = operator.symbol();
        match operator {
            Operator::And => {
                let held = self.condition(symbol, left)? && self.condition(symbol, right)?;
                Ok(Value::Bool(held))
            }
            Operator::Or => {
                let held = self.condition(symbol, left)? || self.condition(symbol, right)?;
                Ok(Value::Bool(held))
            }
            Operator::Concatenate => {
                let left = self.text(symbol, left)?.unwrap_or_default();
                let right = self.text(symbol, right)?.unwrap_or_default();
                let moving = mem::take(&mut self.moving);
                self.settle(moving);
                self.spend_text(symbol, left.len() + right.len())?;
                Ok(Value::String(left + &right))
            }
            Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => {
                let left = self.watched(|evaluator| evaluator.evaluate(left))?;
                let right = self.watched(|evaluator| evaluator.evaluate(right))?;
                let order = self.order(symbol, left, right)?;
                Ok(Value::Bool(holds(operator, order)))
            }
        }
    }

    fn text(&mut self, function: &str, node: &Node) -> Outcome<Option<String>> {
        let value = self.evaluate(node)?;
        value::text(value).map_err(|several| fail(function, &several_reason(several)))
    }

    /// Whether a condition holds; null does not.
    pub(super) fn condition(&mut self, function: &str, node: &Node) -> Outcome<bool> {
        let value = self.evaluate(node)?;
        let several = |several| fail(function, &several_reason(several));
        let value = value::single(value).map_err(several)?;
        if value::is_null_or_empty(&value) {
            return Ok(false);
        }
        value::boolean(&value)
            .ok_or_else(|| fail(function, "needs a condition that is \"True\" or \"False\""))
    }
}

/// The failure of `function` because of `reason`.
pub(super) fn fail(function: &str, reason: &str) -> Halt {
    Halt::Failed(EvaluationError::new(function, reason))
}

/// Why a list cannot stand where one value is needed.
pub(super) fn several_reason(SeveralValues(count): SeveralValues) -> String {
    format!("needs one value where {count} are given; pick one with Item or combine them with Join")
}

fn holds(operator: Operator, order: Option<Ordering>) -> bool {
    match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::NotEqual => order != Some(Ordering::Equal),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Operator::And | Operator::Or | Operator::Concatenate => false,
    }
}

/// Roughly how many bytes `value` holds.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum::<usize>() + 8 * values.len(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() + size(value)).sum()
        }
    }
}
