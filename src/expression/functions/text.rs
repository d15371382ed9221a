//! Texts: cutting, searching, case, words. Positions count characters, from 1.

use serde_json::Value;
use unicode_normalization::char::is_combining_mark;

use super::{Arguments, diacritics};
use crate::expression::evaluate::Outcome;

/// Adds a suffix; where the source is null, nothing flows.
pub(super) fn append(arguments: &mut Arguments<'_, '_>) -> Outcome {
    arguments.map_text(0, &mut |arguments, source| {
        let suffix = arguments.text(1)?.unwrap_or_default();
        arguments.made(source + &suffix)
    })
}

pub(super) fn prepend(arguments: &mut Arguments<'_, '_>) -> Outcome {
    arguments.map_text(0, &mut |arguments, source| {
        let prefix = arguments.text(1)?.unwrap_or_default();
        arguments.made(prefix + &source)
    })
}

pub(super) fn c_str(arguments: &mut Arguments<'_, '_>) -> Outcome {
    arguments.map_text(0, &mut Arguments::made)
}

/// For a list: whether one of its values is the text. Otherwise whether the text occurs.
pub(super) fn contains(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let source = arguments.value(0)?;
    let wanted = arguments.text(1)?.unwrap_or_default();
    if let Value::Array(values) = source {
        for value in values {
            arguments.spend(1)?;
            if arguments.text_of(value)?.as_deref() == Some(wanted.as_str()) {
                return Ok(Value::Bool(true));
            }
        }
        return Ok(Value::Bool(false));
    }
    let source = arguments.text_of(source)?;
    Ok(Value::Bool(source.is_some_and(|source| source.contains(&wanted))))
}

pub(super) fn starts_with(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let (source, prefix) = (arguments.text(0)?, arguments.text(1)?.unwrap_or_default());
    Ok(Value::Bool(source.is_some_and(|source| source.starts_with(&prefix))))
}

pub(super) fn ends_with(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let (source, suffix) = (arguments.text(0)?, arguments.text(1)?.unwrap_or_default());
    Ok(Value::Bool(source.is_some_and(|source| source.ends_with(&suffix))))
}

pub(super) fn default_domain(arguments: &mut Arguments<'_, '_>) -> Outcome {
    match arguments.evaluator.inputs.default_domain {
        Some(domain) => Ok(Value::from(domain)),
        None => Err(arguments.fail("needs the tenant's default domain, which is not known")),
    }
}

/// Commas that are escaped with a backslash do not separate (RFC 4514 §2.4).
pub(super) fn dn_component(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let Some(dn) = arguments.text(0)? else { return Ok(Value::Null) };
    let number = arguments.integer(1)?;
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in dn.chars() {
        let last = parts.last_mut().expect("there is always one part");
        match c {
            ',' if !escaped => parts.push(String::new()),
            '\\' if !escaped => escaped = true,
            other => {
                last.push(other);
                escaped = false;
            }
        }
    }
    let index = number.checked_sub(1).and_then(|index| usize::try_from(index).ok());
    let part = index.and_then(|index| parts.get(index));
    let value = part.map(|part| part.split_once('=').map_or(part.as_str(), |(_, value)| value));
    Ok(value.map_or(Value::Null, |value| Value::from(value.trim())))
}

/// Ordinal; `vbTextCompare` (or 1) ignores case.
pub(super) fn in_str(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let source = arguments.text(0)?.unwrap_or_default();
    let wanted = arguments.text(1)?.unwrap_or_default();
    let start = if arguments.has(2) { arguments.integer(2)? } else { 1 };
    let comparison = arguments.text(3)?.unwrap_or_default();
    let ignore_case = comparison.eq_ignore_ascii_case("vbTextCompare") || comparison == "1";
    if start < 1 {
        return Err(arguments.fail("needs a start of at least 1"));
    }
    let fold = |text: &str| -> Vec<char> {
        let lower = |c| if ignore_case { simple_lower(c) } else { c };
        text.chars().map(lower).collect()
    };
    let (source, wanted) = (fold(&source), fold(&wanted));
    let skipped = usize::try_from(start - 1).unwrap_or(usize::MAX);
    let Some(rest) = source.get(skipped..).filter(|_| !source.is_empty()) else {
        return Ok(Value::from(0));
    };
    if wanted.is_empty() {
        return Ok(Value::from(start));
    }
    arguments.spend((rest.len() * wanted.len()) as u64 / 64)?;
    let found = rest.windows(wanted.len()).position(|window| window == wanted);
    Ok(Value::from(found.map_or(0, |index| index + skipped + 1)))
}

/// A negative length means the whole source; null gives "".
pub(super) fn left(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let length = arguments.integer(1)?;
    or_empty(arguments, &mut |_, source| match usize::try_from(length) {
        Ok(length) => source.chars().take(length).collect(),
        Err(_) => source,
    })
}

/// Null gives "", and so does a start beyond the end.
pub(super) fn mid(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let (start, length) = (arguments.integer(1)?, arguments.integer(2)?);
    let Some(skipped) = start.checked_sub(1).and_then(|skipped| usize::try_from(skipped).ok())
    else {
        return Err(arguments.fail("needs a start of at least 1"));
    };
    let Ok(length) = usize::try_from(length) else {
        return Err(arguments.fail("needs a length of at least 0"));
    };
    or_empty(arguments, &mut |_, source| source.chars().skip(skipped).take(length).collect())
}

/// Maps the text at 0, null taken as "".
fn or_empty(
    arguments: &mut Arguments<'_, '_>,
    make: &mut dyn FnMut(&mut Arguments<'_, '_>, String) -> String,
) -> Outcome {
    let made = arguments.map_text(0, &mut |arguments, source| {
        let text = make(arguments, source);
        arguments.made(text)
    })?;
    Ok(if made.is_null() { Value::from("") } else { made })
}

pub(super) fn len(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let text = arguments.text(0)?.unwrap_or_default();
    Ok(Value::from(text.chars().count()))
}

pub(super) fn normalize_diacritics(arguments: &mut Arguments<'_, '_>) -> Outcome {
    arguments.map_text(0, &mut |arguments, text| {
        arguments.spend_text(text.len())?;
        arguments.made(diacritics::normalize(&text))
    })
}

/// Lower-cases first. Without separators of its own a word is what .NET's `ToTitleCase` takes for
/// one: letters, digits and marks; an apostrophe within does not end it.
pub(super) fn p_case(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let separators = arguments.text(1)?.filter(|separators| !separators.is_empty());
    arguments.map_text(0, &mut |arguments, text| {
        let mut in_word = false;
        let cased: String = text
            .chars()
            .map(|c| {
                let starts = !in_word && (separators.is_some() || c.is_alphabetic());
                in_word = match &separators {
                    Some(separators) => !separators.contains(c),
                    None if in_word => c == '\'' || c.is_alphanumeric() || is_combining_mark(c),
                    None => starts,
                };
                if starts { simple_upper(c) } else { simple_lower(c) }
            })
            .collect();
        arguments.made(cased)
    })
}

pub(super) fn strip_spaces(arguments: &mut Arguments<'_, '_>) -> Outcome {
    arguments.map_text(0, &mut |arguments, text| arguments.made(text.replace(' ', "")))
}

pub(super) fn trim(arguments: &mut Arguments<'_, '_>) -> Outcome {
    arguments.map_text(0, &mut |arguments, text| arguments.made(text.trim().to_owned()))
}

pub(super) fn to_lower(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let turkic = turkic(arguments)?;
    arguments.map_text(0, &mut |arguments, text| {
        let lower = |c| match c {
            'I' if turkic => 'ı',
            'İ' if turkic => 'i',
            other => simple_lower(other),
        };
        arguments.made(text.chars().map(lower).collect())
    })
}

pub(super) fn to_upper(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let turkic = turkic(arguments)?;
    arguments.map_text(0, &mut |arguments, text| {
        let upper = |c| if turkic && c == 'i' { 'İ' } else { simple_upper(c) };
        arguments.made(text.chars().map(upper).collect())
    })
}

/// Turkish and Azerbaijani have their own pair of i; every other culture cases like none.
fn turkic(arguments: &mut Arguments<'_, '_>) -> Outcome<bool> {
    let culture = arguments.text(1)?.unwrap_or_default().to_ascii_lowercase();
    let language = culture.split('-').next().unwrap_or_default();
    Ok(language == "tr" || language == "az")
}

/// .NET cases one character to one: 'ß' has no upper case of its own.
fn simple_upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn simple_lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Delimiters next to each other make no empty word between them.
pub(super) fn word(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let source = arguments.text(0)?.unwrap_or_default();
    let number = arguments.integer(1)?;
    let delimiters = arguments.text(2)?.unwrap_or_default();
    let index = number.checked_sub(1).and_then(|index| usize::try_from(index).ok());
    arguments.spend((source.len() * delimiters.len().max(1)) as u64 / 64)?;
    let mut words = source.split(|c| delimiters.contains(c)).filter(|word| !word.is_empty());
    let found = index.and_then(|index| words.nth(index)).unwrap_or_default().to_owned();
    arguments.made(found)
}
