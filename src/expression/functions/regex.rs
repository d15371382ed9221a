//! `Replace` in its five modes (Microsoft's function reference).

use std::sync::Arc;

use fancy_regex::Captures;
use serde_json::Value;

use super::{Arguments, Pattern};
use crate::expression::evaluate::{Halt, Outcome};

const OLD_VALUE: usize = 1;
const PATTERN: usize = 2;
const GROUP: usize = 3;
const REPLACEMENT: usize = 4;
const REPLACEMENT_ATTRIBUTE: usize = 5;
const TEMPLATE: usize = 6;

/// Which mode applies is read off the arguments that are there. A null source stays null, except
/// where another attribute stands in for it.
pub(super) fn replace(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let pattern = pattern(arguments)?;
    let group = arguments.text(GROUP)?.filter(|group| !group.is_empty());
    match pattern {
        None if arguments.has(TEMPLATE) && arguments.has(OLD_VALUE) => in_template(arguments),
        None => plain(arguments),
        Some(pattern) => match group {
            Some(group) if arguments.has(REPLACEMENT_ATTRIBUTE) => {
                from_attribute(arguments, &pattern, &group)
            }
            Some(group) => {
                let index = group_index(arguments, &pattern, &group)?;
                let replacement = arguments.text(REPLACEMENT)?.unwrap_or_default();
                arguments.map_text(0, &mut |arguments, source| {
                    let spans = each_match(arguments, &pattern, &source, &mut |_, captures| {
                        Ok(captures.get(index).map(|found| (found.range(), replacement.clone())))
                    })?;
                    spliced(arguments, &source, &spans)
                })
            }
            None => {
                let replacement = arguments.text(REPLACEMENT)?.unwrap_or_default();
                arguments.map_text(0, &mut |arguments, source| {
                    let spans = each_match(arguments, &pattern, &source, &mut |own, captures| {
                        let whole = captures.get(0).map(|found| found.range()).unwrap_or_default();
                        let text = expand(&pattern, &replacement, captures, &source);
                        own.spend_text(text.len())?;
                        Ok(Some((whole, text)))
                    })?;
                    spliced(arguments, &source, &spans)
                })
            }
        },
    }
}

/// The pattern: compiled with the expression where it is a constant, else now. "" is none.
fn pattern(arguments: &mut Arguments<'_, '_>) -> Outcome<Option<Arc<Pattern>>> {
    if let Some(pattern) = &arguments.call.pattern {
        return Ok(Some(Arc::clone(pattern)));
    }
    let Some(source) = arguments.text(PATTERN)?.filter(|source| !source.is_empty()) else {
        return Ok(None);
    };
    // Compiling costs far more than a step, so a computed pattern is dear.
    arguments.spend(100 + source.len() as u64)?;
    match Pattern::compile(&source) {
        Ok(pattern) => Ok(Some(Arc::new(pattern))),
        Err(_) => Err(arguments.fail("was given a text that is not a regular expression")),
    }
}

fn group_index(arguments: &Arguments<'_, '_>, pattern: &Pattern, group: &str) -> Outcome<usize> {
    let missing = || arguments.fail("names a group that its regular expression does not have");
    pattern.group(group).ok_or_else(missing)
}

/// Every occurrence of the old value becomes the replacement; without an old value nothing does.
fn plain(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let old = arguments.text(OLD_VALUE)?.unwrap_or_default();
    let new = arguments.text(REPLACEMENT)?.unwrap_or_default();
    arguments.map_text(0, &mut |arguments, source| {
        if old.is_empty() {
            Ok(Value::String(source))
        } else {
            swapped(arguments, &source, &old, &new)
        }
    })
}

/// Every occurrence of the old value in the template becomes the source.
fn in_template(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let old = arguments.text(OLD_VALUE)?.unwrap_or_default();
    let template = arguments.text(TEMPLATE)?.unwrap_or_default();
    arguments.map_text(0, &mut |arguments, source| {
        if old.is_empty() {
            return Ok(Value::String(template.clone()));
        }
        swapped(arguments, &template, &old, &source)
    })
}

fn swapped(arguments: &mut Arguments<'_, '_>, text: &str, old: &str, new: &str) -> Outcome {
    let count = text.matches(old).count();
    arguments.spend_text(text.len() + count * new.len())?;
    Ok(Value::String(text.replace(old, new)))
}

/// A source that is there is the result; else the group, found in the other attribute, is.
fn from_attribute(arguments: &mut Arguments<'_, '_>, pattern: &Pattern, group: &str) -> Outcome {
    let index = group_index(arguments, pattern, group)?;
    let source = arguments.text(0)?.filter(|source| !source.is_empty());
    if let Some(source) = source {
        return arguments.made(source);
    }
    let Some(other) = arguments.text(REPLACEMENT_ATTRIBUTE)? else { return Ok(Value::Null) };
    let found = search(arguments, pattern, &other, 0)?;
    let text = found.and_then(|captures| captures.get(index)).map(|found| found.as_str());
    Ok(text.map_or(Value::Null, Value::from))
}

fn search<'t>(
    arguments: &mut Arguments<'_, '_>,
    pattern: &Pattern,
    text: &'t str,
    from: usize,
) -> Outcome<Option<Captures<'t>>> {
    let (cost, found) = pattern.find(text, from, arguments.evaluator.steps_left());
    let spent = arguments.spend(cost);
    let runaway = || arguments.fail("was stopped: its regular expression backtracks without end");
    let found = found.map_err(|_| runaway())?;
    spent?;
    Ok(found)
}

/// A place in a text, and what comes there.
type Splice = (std::ops::Range<usize>, String);

/// What `make` puts in place of each match, in order. As in .NET, an empty match may follow right
/// after another match.
fn each_match(
    arguments: &mut Arguments<'_, '_>,
    pattern: &Pattern,
    text: &str,
    make: &mut dyn FnMut(&mut Arguments<'_, '_>, &Captures<'_>) -> Result<Option<Splice>, Halt>,
) -> Outcome<Vec<Splice>> {
    let mut splices: Vec<Splice> = Vec::new();
    let mut from = 0;
    while from <= text.len() {
        let Some(captures) = search(arguments, pattern, text, from)? else { break };
        let whole = captures.get(0).map(|found| found.range()).unwrap_or(from..from);
        if let Some(splice) = make(arguments, &captures)? {
            // A group found by a look-behind may lie in an earlier match; that place is taken.
            if splices.last().is_none_or(|(last, _)| splice.0.start >= last.end) {
                splices.push(splice);
            }
        }
        let step = text[whole.end..].chars().next().map_or(1, char::len_utf8);
        from = if whole.is_empty() { whole.end + step } else { whole.end };
    }
    Ok(splices)
}

fn spliced(arguments: &mut Arguments<'_, '_>, text: &str, splices: &[Splice]) -> Outcome {
    let added: usize = splices.iter().map(|(_, new)| new.len()).sum();
    arguments.spend_text(text.len() + added)?;
    let mut made = String::with_capacity(text.len());
    let mut from = 0;
    for (place, new) in splices {
        made.push_str(&text[from..place.start]);
        made.push_str(new);
        from = place.end;
    }
    made.push_str(&text[from..]);
    Ok(Value::String(made))
}

/// A .NET replacement text: `${name}`, `$1`, `$$`, `$&`, `` $` ``, `$'`, `$+`, `$_`. What names no
/// group stands for itself.
fn expand(pattern: &Pattern, replacement: &str, captures: &Captures<'_>, text: &str) -> String {
    let mut expanded = String::new();
    let mut rest = replacement;
    let group = |index: usize| captures.get(index).map_or("", |found| found.as_str());
    let whole = captures.get(0).map(|found| found.range()).unwrap_or_default();
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (piece, length) = match after.chars().next() {
            Some('$') => (Some("$"), 1),
            Some('&') => (Some(group(0)), 1),
            Some('`') => (Some(&text[..whole.start]), 1),
            Some('\'') => (Some(&text[whole.end..]), 1),
            Some('_') => (Some(text), 1),
            Some('+') => (Some(group(pattern.group_count())), 1),
            Some('{') => match braced {
                Some((name, _)) => (pattern.group(name).map(group), name.len() + 2),
                None => (None, 0),
            },
            Some(_) | None => (pattern.group(&after[..digits]).map(group), digits),
        };
        match piece {
            Some(piece) => {
                expanded.push_str(piece);
                rest = &after[length..];
            }
            None => {
                expanded.push('$');
                rest = after;
            }
        }
    }
    expanded.push_str(rest);
    expanded
}
