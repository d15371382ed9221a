//! Parses, checks, evaluates.

use std::io::Read as _;

use super::{
    inputs::{Evaluated, Given, inputs},
    show,
};
use crate::{
    cli::{
        args::{ExpressionArgs, Global},
        exit::ExitCode,
        output,
        problem::Problem,
    },
    daemon::SystemClock,
    expression::{Expression, ExpressionError, Inputs, Role},
    model::Clock as _,
    scim::REDACTED,
};

pub(in crate::cli) async fn run(
    args: &ExpressionArgs,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    if args.functions {
        return show::functions(global);
    }
    let text = match args.expression.as_deref() {
        Some("-") => from_stdin()?,
        Some(text) => text.to_owned(),
        None => String::new(),
    };
    let expression = Expression::parse(&text).map_err(|error| mistakes(&[error], &text))?;
    let now = args.now.unwrap_or_else(|| SystemClock.now());
    // What can be found without asking anybody is found first.
    refuse(&expression.check(&|_| true, Role::Trial), &text)?;
    for error in expression.check(&|_| true, Role::Plain) {
        output::note(global, &format!("warning: a mapping would refuse it: {error}"));
    }
    let Evaluated { given, roles, seed } = inputs(args, global, &expression, now).await?;
    match given {
        Given::Nothing => refuse_attributes(&expression, &text)?,
        Given::File(_) | Given::Person { .. } => {
            refuse(&expression.check(&|name| given.knows(name), Role::Trial), &text)?;
        }
    }
    let inputs = Inputs {
        attribute: &|name| given.value(name),
        app_roles: &roles,
        now,
        seed,
        default_domain: args.default_domain.as_deref(),
    };
    let taken = |text: &str| args.taken.iter().any(|taken| taken == text);
    let (flow, mut trace) = if args.trace {
        expression.trace_unique(&inputs, &taken)
    } else {
        (expression.evaluate_unique(&inputs, &taken), Vec::new())
    };
    if given.hides() {
        // Only a part without any attribute is certainly nobody's.
        for part in trace.iter_mut().filter(|part| part.source.contains('[')) {
            part.value = REDACTED.into();
        }
    }
    if args.trace && !global.json {
        show::trace(&trace)?;
    }
    match flow {
        Ok(flow) => {
            show::flow(&flow, args.trace.then_some(trace.as_slice()), &given, global)?;
            Ok(ExitCode::Done)
        }
        Err(error) => {
            let message = "the expression cannot be evaluated for this object";
            Err(Problem::new(ExitCode::SomeFailed, message).caused_by(error).into())
        }
    }
}

/// The whole of stdin, but for the line break at its end.
fn from_stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| {
        Problem::usage("the expression cannot be read from stdin").caused_by(error)
    })?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

fn refuse(errors: &[ExpressionError], text: &str) -> Result<(), Problem> {
    if errors.is_empty() { Ok(()) } else { Err(mistakes(errors, text)) }
}

/// Each mistake with its place and a caret below it.
fn mistakes(errors: &[ExpressionError], text: &str) -> Problem {
    let shown: Vec<String> = errors
        .iter()
        .map(|e| format!("\n\nline {}, column {}: {}", e.line, e.column, e.render(text)))
        .collect();
    let count = match errors.len() {
        1 => "a mistake".to_owned(),
        many => format!("{many} mistakes"),
    };
    Problem::usage(format!("the expression has {count}{}", shown.concat()))
}

/// Without `--user` there is no value for any attribute.
fn refuse_attributes(expression: &Expression, text: &str) -> Result<(), Problem> {
    let Some(name) = expression.attributes().into_iter().next() else { return Ok(()) };
    let hint = "give the values with --user: a JSON file, or somebody in Entra";
    let errors: Vec<ExpressionError> = expression
        .check(&|_| false, Role::Trial)
        .into_iter()
        .map(|error| {
            let message = format!("no value is given for {}", &text[error.span.clone()]);
            ExpressionError { message, ..error }
        })
        .collect();
    if errors.is_empty() {
        return Err(Problem::usage(format!("no value is given for [{name}]")).with_hint(hint));
    }
    Err(mistakes(&errors, text).with_hint(hint))
}
