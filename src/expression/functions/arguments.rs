//! What a function sees of its call: its arguments, evaluated on demand, and the budget.

use serde_json::{Number, Value};

use crate::expression::{
    ast::{Call, Node},
    evaluate::{Evaluator, Halt, Outcome, fail, several_reason},
    value,
};

/// The arguments of one call under evaluation. Asking for one evaluates it, each time anew.
pub(in crate::expression) struct Arguments<'e, 'a> {
    pub(super) evaluator: &'e mut Evaluator<'a>,
    pub(super) call: &'e Call,
}

impl<'e, 'a> Arguments<'e, 'a> {
    pub(in crate::expression) const fn new(
        evaluator: &'e mut Evaluator<'a>,
        call: &'e Call,
    ) -> Self {
        Self { evaluator, call }
    }

    /// How many arguments were written, omitted ones between commas included.
    pub(super) fn count(&self) -> usize {
        self.call.arguments.len()
    }

    pub(super) fn node(&self, index: usize) -> Option<&'e Node> {
        self.call.arguments.get(index).and_then(Option::as_ref)
    }

    /// Whether something stands at `index`.
    pub(super) fn has(&self, index: usize) -> bool {
        self.node(index).is_some()
    }

    /// The failure of this function because of `reason`.
    pub(super) fn fail(&self, reason: &str) -> Halt {
        fail(&self.call.name, reason)
    }

    /// The value at `index`; null where it was omitted.
    pub(super) fn value(&mut self, index: usize) -> Outcome {
        self.node(index).map_or(Ok(Value::Null), |node| self.evaluator.evaluate(node))
    }

    /// The text at `index`; `None` for null.
    pub(super) fn text(&mut self, index: usize) -> Outcome<Option<String>> {
        let value = self.value(index)?;
        self.text_of(value)
    }

    /// How `value` prints; `None` for null.
    pub(super) fn text_of(&self, value: Value) -> Outcome<Option<String>> {
        value::text(value).map_err(|several| self.fail(&several_reason(several)))
    }

    /// The number at `index`; `None` for null or "". Fails where it spells no number.
    pub(super) fn number(&mut self, index: usize) -> Outcome<Option<Number>> {
        let value = self.value(index)?;
        let value = value::single(value).map_err(|several| self.fail(&several_reason(several)))?;
        if value::is_null_or_empty(&value) {
            return Ok(None);
        }
        let number = value::number(&value);
        let reason = format!("needs a number as argument {}", index + 1);
        number.map(Some).ok_or_else(|| self.fail(&reason))
    }

    /// The whole number at `index`, which has to be there.
    pub(super) fn integer(&mut self, index: usize) -> Outcome<i64> {
        let found = self.number(index)?;
        // A fraction of zero, as in `2.0`, is whole too.
        let whole = |float: f64| (float.fract() == 0.0 && float.abs() < 9e15).then_some(float);
        let integer = found.and_then(|number| {
            number.as_i64().or_else(|| format!("{}", number.as_f64().and_then(whole)?).parse().ok())
        });
        let reason = format!("needs a whole number as argument {}", index + 1);
        integer.ok_or_else(|| self.fail(&reason))
    }

    /// Whether the condition at `index` holds.
    pub(super) fn condition(&mut self, index: usize) -> Outcome<bool> {
        match self.node(index) {
            Some(node) => self.evaluator.condition(&self.call.name, node),
            None => Ok(false),
        }
    }

    /// The text made by `make` out of the text at `index`. Null stays null, and each value of a
    /// list is treated by itself.
    pub(super) fn map_text(
        &mut self,
        index: usize,
        make: &mut dyn FnMut(&mut Self, String) -> Outcome,
    ) -> Outcome {
        match self.value(index)? {
            Value::Null => Ok(Value::Null),
            Value::Array(values) => {
                let mut made = Vec::with_capacity(values.len());
                for value in values {
                    self.spend(1)?;
                    if let Some(text) = self.text_of(value)? {
                        made.push(make(self, text)?);
                    }
                }
                Ok(Value::Array(made))
            }
            other => match self.text_of(other)? {
                Some(text) => make(self, text),
                None => Ok(Value::Null),
            },
        }
    }

    /// `text` as a value, paid for.
    pub(super) fn made(&mut self, text: String) -> Outcome {
        self.spend_text(text.len())?;
        Ok(Value::String(text))
    }

    pub(super) fn spend(&mut self, steps: u64) -> Outcome<()> {
        self.evaluator.spend(&self.call.name, steps)
    }

    pub(super) fn spend_text(&mut self, bytes: usize) -> Outcome<()> {
        self.evaluator.spend_text(&self.call.name, bytes)
    }
}
