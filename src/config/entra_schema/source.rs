//! Where a mapped value comes from: Graph's tree of a source, as one of our three kinds of text.

use super::{
    text::shown,
    wire::{Parameter, Source},
};

/// A source in our own terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// `source = "…"`
    Attribute(String),
    /// `constant = "…"`
    Constant(String),
    /// `expression = '…'`
    Expression(String),
    /// Entra's mapping type "None".
    Nothing,
}

/// A source, and what a person should know about how it was read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) taken: Taken,
    pub(super) remark: Option<String>,
}

/// The arguments of `Replace`, by what exports call them: it is the one function whose arguments
/// are left out in the middle, and a list of parameters has no gaps.
const REPLACE: [&[&str]; 7] = [
    &["source"],
    &["find", "oldvalue"],
    &["regularexpression", "regexpattern"],
    &["regularexpressiongroupname", "regexgroupname"],
    &["replacement", "replacementvalue"],
    &["replacementpropertyname", "replacementattributename"],
    &["template"],
];

/// Reads a source; the error says why it means nothing to us.
pub(super) fn read(source: Option<&Source>) -> Result<Reading, String> {
    let plain = |taken| Ok(Reading { taken, remark: None });
    let Some(source) = source.filter(|source| !is_blank(source)) else {
        return plain(Taken::Nothing);
    };
    let written = source.expression.as_deref().map(str::trim).filter(|text| !text.is_empty());
    match kind(source) {
        Kind::Attribute => match attribute_name(source) {
            Some(name) => plain(Taken::Attribute(name.to_owned())),
            None => Err("the source attribute has no name".to_owned()),
        },
        Kind::Constant => plain(Taken::Constant(constant(source))),
        Kind::Function => match written {
            Some(text) => plain(Taken::Expression(text.to_owned())),
            None => Ok(Reading {
                taken: Taken::Expression(rebuilt(source)?),
                remark: Some(
                    "the export had no expression; it was put together from its parameters"
                        .to_owned(),
                ),
            }),
        },
        Kind::Unknown(name) => Err(format!("a source of the type {} is not known", shown(&name))),
    }
}

enum Kind {
    Attribute,
    Constant,
    Function,
    Unknown(String),
}

fn kind(source: &Source) -> Kind {
    let is = |name: &str| {
        source.kind.as_deref().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(name))
    };
    if is("Attribute") {
        Kind::Attribute
    } else if is("Constant") {
        Kind::Constant
    } else if is("Function") {
        Kind::Function
    } else {
        match source.kind.as_deref().map(str::trim) {
            // An export without the type is told by its expression.
            None | Some("") if attribute_in_brackets(source).is_some() => Kind::Attribute,
            None | Some("") if source.expression.is_some() => Kind::Function,
            None | Some("") => Kind::Attribute,
            Some(other) => Kind::Unknown(other.to_owned()),
        }
    }
}

fn is_blank(source: &Source) -> bool {
    let blank = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
    blank(&source.kind) && blank(&source.name) && blank(&source.expression)
}

fn attribute_name(source: &Source) -> Option<&str> {
    let name = source.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    name.or_else(|| attribute_in_brackets(source))
}

/// The name in an expression that is no more than `[name]`.
fn attribute_in_brackets(source: &Source) -> Option<&str> {
    let inside = source.expression.as_deref()?.trim().strip_prefix('[')?.strip_suffix(']')?;
    (!inside.is_empty() && !inside.contains(['[', ']', '"', ','])).then_some(inside)
}

/// A constant is its `name`; where that is missing, its expression without quotes.
fn constant(source: &Source) -> String {
    match (&source.name, &source.expression) {
        (Some(name), _) => name.clone(),
        (None, Some(written)) => unquoted(written),
        (None, None) => String::new(),
    }
}

fn unquoted(written: &str) -> String {
    let inside = written.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inside {
        Some(inside) => inside.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => written.to_owned(),
    }
}

/// The expression that a tree of sources stands for. The JSON reader bounds how deep it is.
fn rebuilt(source: &Source) -> Result<String, String> {
    match kind(source) {
        Kind::Attribute => match attribute_name(source) {
            Some(name) => Ok(format!("[{name}]")),
            None => Err("a source attribute inside the expression has no name".to_owned()),
        },
        Kind::Constant => {
            let text = constant(source).replace('\\', "\\\\").replace('"', "\\\"");
            Ok(format!("\"{text}\""))
        }
        Kind::Function => match &source.expression {
            Some(written) if !written.trim().is_empty() => Ok(written.trim().to_owned()),
            Some(_) | None => call(source),
        },
        Kind::Unknown(name) => {
            Err(format!("a source of the type {} inside the expression is not known", shown(&name)))
        }
    }
}

fn call(source: &Source) -> Result<String, String> {
    let name = source.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| "the function has no name".to_owned())?;
    let parameters = source.parameters.as_deref().unwrap_or_default();
    let arguments = match placed(name, parameters) {
        Some(arguments) => arguments,
        None => parameters.iter().map(Some).collect(),
    };
    let written: Result<Vec<String>, String> = arguments
        .into_iter()
        .map(|parameter| match parameter.and_then(|parameter| parameter.value.as_ref()) {
            Some(value) if !is_blank(value) => rebuilt(value),
            Some(_) | None => Ok(String::new()),
        })
        .collect();
    Ok(format!("{name}({})", written?.join(", ")))
}

/// The parameters of `Replace` at their places; `None` where the function or a key is another.
fn placed<'p>(name: &str, parameters: &'p [Parameter]) -> Option<Vec<Option<&'p Parameter>>> {
    if name != "Replace" {
        return None;
    }
    let mut places = vec![None; REPLACE.len()];
    for parameter in parameters {
        let key = parameter.key.as_deref()?.to_ascii_lowercase();
        let place = REPLACE.iter().position(|names| names.contains(&key.as_str()))?;
        places[place] = Some(parameter);
    }
    Some(places)
}
