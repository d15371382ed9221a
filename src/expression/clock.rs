//! How values move with the clock, and when one next changes. Knows no function but by its name.
//!
//! A value that comes out of `Now()` moves. What looks at such a value (a `DateDiff`, a comparison)
//! gives one that stands still until a moment that can be worked out; the evaluator keeps the
//! earliest of those moments, and whoever stores a decision stores it too.

use std::{cmp::Ordering, mem};

use chrono::{NaiveDateTime, SubsecRound as _, TimeDelta};
use serde_json::Value;

use super::{
    ast::{Node, NodeKind, Operator},
    evaluate::{Evaluator, Outcome, fail, several_reason},
    functions::{Nature, parse_date_time},
    value::{self, SeveralValues},
};
use crate::model::Timestamp;

/// Nothing is looked at again sooner than this: a value that changes every second would otherwise
/// keep its object busy for ever.
const SOONEST_SECONDS: i64 = 60;

const TICKS_PER_SECOND: i64 = 10_000_000;

/// Functions that hand a moving value on as it is, or turn it into the other kind.
const HAND_ON: [&str; 9] = [
    "CDate",
    "Coalesce",
    "DateAdd",
    "DateDiff",
    "DateFromNum",
    "IgnoreFlowIfNullOrEmpty",
    "IIF",
    "Now",
    "NumFromDate",
];

/// How a value moves with the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Moving {
    /// It does not.
    #[default]
    No,
    /// It is the present moment, or so and so long before or after it.
    Moment,
    /// It is such a moment as a FILETIME.
    Ticks,
}

/// Whether the function of this name hands a moving value on.
pub(super) fn hands_on(name: &str) -> bool {
    HAND_ON.contains(&name)
}

/// Whether the clock flows into the value of `node`, rather than being only looked at there.
pub(super) fn flows(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Attribute(_) | NodeKind::Text(_) | NodeKind::Number(_) | NodeKind::Word(_) => {
            false
        }
        NodeKind::Binary { operator, left, right } => match operator {
            Operator::Concatenate => flows(left) || flows(right),
            Operator::Or
            | Operator::And
            | Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => false,
        },
        NodeKind::Call(call) => {
            let Some(function) = call.function else { return false };
            // A condition only chooses between values.
            let looked_at = match function.name {
                "DateDiff" => call.arguments.len(),
                "IIF" => 1,
                _ => 0,
            };
            function.nature == Nature::Time
                || call.arguments.iter().skip(looked_at).flatten().any(flows)
        }
    }
}

impl Evaluator<'_> {
    /// Evaluates, and says how the value moves; whoever asks takes care of that.
    pub(super) fn watched<T>(
        &mut self,
        evaluate: impl FnOnce(&mut Self) -> Outcome<T>,
    ) -> Outcome<(T, Moving)> {
        let before = mem::take(&mut self.moving);
        let outcome = evaluate(self);
        let moving = mem::replace(&mut self.moving, before);
        Ok((outcome?, moving))
    }

    /// Remembers that a value changes in so many seconds, counted from the whole second that
    /// `Now()` tells.
    pub(super) fn changes_in(&mut self, seconds: i64) {
        let now = self.inputs.now;
        let at = TimeDelta::try_seconds(seconds)
            .and_then(|delta| now.trunc_subsecs(0).checked_add_signed(delta));
        let soonest = now + TimeDelta::seconds(SOONEST_SECONDS);
        self.wake = earliest(self.wake, at.map(|at| at.max(soonest)));
    }

    /// Takes a moving value for one that stands still: it is looked at again soon.
    pub(super) fn settle(&mut self, moving: Moving) {
        if moving != Moving::No {
            self.changes_in(SOONEST_SECONDS);
        }
    }

    /// How a value moves that comes of two parts. Two that move are looked at again soon.
    pub(super) fn joined(&mut self, one: Moving, other: Moving) -> Moving {
        match (one, other) {
            (Moving::No, moving) | (moving, Moving::No) => moving,
            (moving, _) => {
                self.settle(moving);
                Moving::No
            }
        }
    }

    /// How two values compare. The present moment compares as a date with what reads as one.
    pub(super) fn order(
        &mut self,
        symbol: &str,
        (left, left_moves): (Value, Moving),
        (right, right_moves): (Value, Moving),
    ) -> Outcome<Option<Ordering>> {
        let several = |several: SeveralValues| fail(symbol, &several_reason(several));
        if left_moves == Moving::Moment || right_moves == Moving::Moment {
            let dates = date(&left).zip(date(&right));
            if let Some((left, right)) = dates {
                match (left_moves, right_moves) {
                    (Moving::Moment, Moving::No) => self.passes(seconds_until(left, right)),
                    (Moving::No, Moving::Moment) => self.passes(seconds_until(right, left)),
                    (_, _) => {}
                }
                return Ok(Some(left.cmp(&right)));
            }
        }
        match (left_moves, right_moves) {
            (Moving::No, Moving::No) | (Moving::Ticks, Moving::Ticks) => {}
            (Moving::Ticks, Moving::No) => self.ticks_pass(&left, &right),
            (Moving::No, Moving::Ticks) => self.ticks_pass(&right, &left),
            (Moving::Moment, _) | (_, Moving::Moment) => self.settle(Moving::Moment),
        }
        value::compare(left, right).map_err(several)
    }

    /// A moment passes another one in so many seconds; one that it has passed stays behind.
    fn passes(&mut self, seconds: i64) {
        match seconds.cmp(&0) {
            Ordering::Less => {}
            Ordering::Equal => self.changes_in(1),
            Ordering::Greater => self.changes_in(seconds),
        }
    }

    fn ticks_pass(&mut self, moving: &Value, fixed: &Value) {
        let ticks = |value: &Value| value::number(value).and_then(|number| number.as_i64());
        match (ticks(moving), ticks(fixed)) {
            (Some(moving), Some(fixed)) if digits(moving) == digits(fixed) => {
                let ahead = fixed.saturating_sub(moving);
                let seconds = ahead.div_euclid(TICKS_PER_SECOND);
                self.passes(seconds + i64::from(ahead.rem_euclid(TICKS_PER_SECOND) > 0));
            }
            (_, _) => self.settle(Moving::Ticks),
        }
    }
}

fn digits(number: i64) -> Option<u32> {
    number.checked_ilog10()
}

/// The date that a value spells.
fn date(value: &Value) -> Option<NaiveDateTime> {
    let text = value::text(value.clone()).ok()??;
    parse_date_time(&text)
}

/// Whole seconds from one moment to a later one, rounded up.
fn seconds_until(from: NaiveDateTime, to: NaiveDateTime) -> i64 {
    let ahead = to - from;
    ahead.num_seconds() + i64::from(ahead.subsec_nanos() > 0)
}

/// In how many seconds the whole units in `seconds` change, where they grow with the clock.
///
/// Units are truncated towards zero, so that around zero they stand still twice as long.
pub(super) fn until_tick(seconds: i64, unit: i64) -> i64 {
    if seconds >= 0 {
        return unit - seconds % unit;
    }
    let left = seconds.saturating_neg();
    if left < unit { left + unit } else { left % unit + 1 }
}

/// The earlier of two moments, where there is one.
pub(super) fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
