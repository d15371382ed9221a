//! What an evaluation gave, as text and as JSON.

use serde_json::{Value, json};

use super::inputs::Given;
use crate::{
    cli::{args::Global, exit::ExitCode, output},
    expression::{Flow, Traced, functions as all_functions},
    scim::REDACTED,
};

/// Lists every function.
pub(super) fn functions(global: &Global) -> anyhow::Result<ExitCode> {
    let all = all_functions();
    if global.json {
        let rows = all.iter().map(
            |row| json!({ "name": row.name, "signature": row.signature, "meaning": row.meaning }),
        );
        output::json(&Value::Array(rows.collect()))?;
        return Ok(ExitCode::Done);
    }
    let rows = all.iter().map(|row| format!("{}\n    {}\n", row.signature, row.meaning));
    output::data(&rows.collect::<String>())?;
    Ok(ExitCode::Done)
}

/// Shows the parts, the innermost first.
pub(super) fn trace(trace: &[Traced]) -> anyhow::Result<()> {
    let parts = trace
        .iter()
        .map(|part| format!("{}{} = {}\n", "  ".repeat(part.depth), part.source, part.value));
    output::data(&parts.collect::<String>())
}

/// Shows what flows.
pub(super) fn flow(
    flow: &Flow,
    trace: Option<&[Traced]>,
    given: &Given,
    global: &Global,
) -> anyhow::Result<()> {
    let (value, remark) = told(flow, given);
    if global.json {
        let mut document = json!({ "value": value });
        if let Some(trace) = trace {
            let parts = trace.iter().map(|part| {
                json!({ "expression": part.source, "depth": part.depth, "value": part.value })
            });
            document["trace"] = Value::Array(parts.collect());
        }
        return output::json(&document);
    }
    if let Some(remark) = remark {
        output::note(global, remark);
    }
    match &value {
        Value::String(text) => output::data(&format!("{text}\n")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            output::data(&format!("{value}\n"))
        }
    }
}

/// The value to show, and what there is to say of it.
fn told(flow: &Flow, given: &Given) -> (Value, Option<&'static str>) {
    match flow {
        Flow::Value(_) if given.hides() => {
            (Value::from(REDACTED), Some("a mapping redacts an attribute of it: it is not shown"))
        }
        Flow::Value(Value::Null) => (Value::Null, Some("nothing flows: the value is null")),
        Flow::Value(value) => (value.clone(), None),
        Flow::Redacted(_) if given.is_of_somebody() => {
            (Value::from(REDACTED), Some("the value is redacted: it flows, and is never shown"))
        }
        Flow::Redacted(value) => {
            let remark = "the value is redacted: it flows, and plans and logs show [Redact]";
            (value.clone(), Some(remark))
        }
        Flow::Ignore => {
            (Value::Null, Some("nothing flows: the expression leaves the attribute alone"))
        }
        Flow::IgnoreObject => {
            (Value::Null, Some("nothing flows: the expression leaves the whole object alone"))
        }
    }
}
