//! The door: an [`Expression`] and what can be done with it. Knows no single function.

use std::{collections::BTreeSet, fmt, str::FromStr};

use super::{
    ast::{Node, NodeKind},
    check::{self, Role},
    clock,
    error::{EvaluationError, ExpressionError},
    evaluate::{Evaluator, Flow, Inputs, Traced},
    functions::Nature,
    parse,
};
use crate::model::Timestamp;

/// A parsed expression of Entra's mapping language.
///
/// Printing gives its canonical source, and parsing that gives an equal expression, as long as the
/// blanks and backslashes that it adds leave it within the limit of [`Expression::parse`].
#[derive(Clone, Debug)]
pub struct Expression {
    source: String,
    root: Node,
    is_sticky: bool,
    redacts: bool,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.root, f)
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Self::parse(text)
    }
}

impl Expression {
    /// Parses `text`, of at most 10,000 characters that nest at most 100 levels deep.
    ///
    /// A function that does not exist is found by [`Expression::check`], a regular expression that
    /// does not compile already here. Fails with the first mistake and its place.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let root = parse::parse(text)?;
        let redacts = !redactions(&root).is_empty();
        let mut expression = Self { source: text.to_owned(), root, is_sticky: false, redacts };
        expression.is_sticky = expression.uses_random() || clock::flows(&expression.root);
        Ok(expression)
    }

    /// The text it was parsed from, which the places of [`ExpressionError`]s refer to.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Every attribute it mentions.
    pub fn attributes(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.root.walk(&mut |node| {
            if let NodeKind::Attribute(name) = &node.kind {
                names.insert(name.as_str());
            }
        });
        names
    }

    /// Whether a `Redact` stands anywhere in it: its value is then to be shown nowhere, whichever
    /// branch is taken.
    pub fn is_redacted(&self) -> bool {
        self.redacts
    }

    /// Every attribute that it mentions below a `Redact`.
    pub fn redacted_attributes(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for redaction in redactions(&self.root) {
            redaction.walk(&mut |node| {
                if let NodeKind::Attribute(name) = &node.kind {
                    names.insert(name.as_str());
                }
            });
        }
        names
    }

    /// What can never work, in the order of the text: functions and attributes that do not exist
    /// (with the nearest name that does), wrong numbers of arguments, and functions that are not
    /// allowed where they stand. `known` says whether the source has an attribute of that name.
    pub fn check(&self, known: &dyn Fn(&str) -> bool, role: Role) -> Vec<ExpressionError> {
        check::check(&self.root, &self.source, known, role)
    }

    /// Whether its value depends on the time of evaluation.
    pub fn uses_time(&self) -> bool {
        self.has(Nature::Time)
    }

    /// Whether its value depends on the seed.
    pub fn uses_random(&self) -> bool {
        self.has(Nature::Random)
    }

    /// Whether its value is what `SingleAppRoleAssignment` gives, and not made from it.
    pub fn is_single_role(&self) -> bool {
        matches!(&self.root.kind, NodeKind::Call(call) if call.name == "SingleAppRoleAssignment")
    }

    /// Whether `AppRoleAssignmentsComplex` is in it, whose roles are added and never removed.
    pub fn only_adds_roles(&self) -> bool {
        let mut found = false;
        self.root.walk(&mut |node| {
            found |= matches!(&node.kind, NodeKind::Call(call)
                if call.name == "AppRoleAssignmentsComplex");
        });
        found
    }

    /// Whether its value is another one each time: a random function has a part in it, or the time
    /// flows out of it. A clock that is only looked at (in a `DateDiff`, a comparison or the
    /// condition of an `IIF`) does not make it so.
    pub fn is_sticky(&self) -> bool {
        self.is_sticky
    }

    /// Whether it needs the tenant's default domain.
    pub fn uses_default_domain(&self) -> bool {
        let mut found = false;
        self.root.walk(&mut |node| {
            if let NodeKind::Call(call) = &node.kind {
                found |= call.function.is_some_and(|function| function.name == "DefaultDomain");
            }
        });
        found
    }

    fn has(&self, nature: Nature) -> bool {
        let mut found = false;
        self.root.walk(&mut |node| {
            if let NodeKind::Call(call) = &node.kind {
                found |= call.function.is_some_and(|function| function.nature == nature);
            }
        });
        found
    }

    /// What flows for one object.
    ///
    /// Fails where a function cannot work with what it was given, and after 100,000 steps, the
    /// backtracking of regular expressions included; a failure concerns this object alone.
    pub fn evaluate(&self, inputs: &Inputs<'_>) -> Result<Flow, EvaluationError> {
        self.evaluate_unique(inputs, &|_| false)
    }

    /// As [`Expression::evaluate`], where `taken` says which texts the target has already: the
    /// first rule of `SelectUniqueValue` that gives another one is its value.
    pub fn evaluate_unique(
        &self,
        inputs: &Inputs<'_>,
        taken: &dyn Fn(&str) -> bool,
    ) -> Result<Flow, EvaluationError> {
        Evaluator::new(inputs, taken).flow(&self.root)
    }

    /// As [`Expression::evaluate`], with the moment from which the result may be another one, with
    /// the same attributes; `None` where it stays. The moment is at least a minute ahead, and but
    /// for that never after the change.
    pub fn evaluate_timed(
        &self,
        inputs: &Inputs<'_>,
    ) -> (Result<Flow, EvaluationError>, Option<Timestamp>) {
        let mut evaluator = Evaluator::new(inputs, &|_| false);
        let flow = evaluator.flow(&self.root);
        (flow, evaluator.wake)
    }

    /// As [`Expression::evaluate`], with every part that was evaluated and its result, the
    /// innermost first. Values below a `Redact` are left out.
    pub fn trace(&self, inputs: &Inputs<'_>) -> (Result<Flow, EvaluationError>, Vec<Traced>) {
        let mut evaluator = Evaluator::tracing(inputs, &|_| false);
        let flow = evaluator.flow(&self.root);
        (flow, evaluator.into_trace())
    }
}

/// The calls of `Redact`.
fn redactions(root: &Node) -> Vec<&Node> {
    let mut found = Vec::new();
    root.walk(&mut |node| {
        if let NodeKind::Call(call) = &node.kind
            && call.function.is_some_and(|function| function.name == "Redact")
        {
            found.push(node);
        }
    });
    found
}
