//! The command `approve`: shows what is held and releases exactly that.

use std::io::{IsTerminal, Write};

use serde_json::json;

use super::{
    apps,
    args::{ApproveArgs, Global},
    control::give,
    exit::ExitCode,
    output,
    plan::{held_of, open},
    problem::Problem,
    view,
};
use crate::{
    config::{AppSettings, Config},
    daemon::{Answer, Order},
    store::{HeldReport, PlanFilter, Reader},
    web::held_document,
};

pub(super) async fn run(args: &ApproveArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    let (app, wanted) = meant(&config, args)?;
    let name = app.job.app.as_str();
    let reader = open(&config, app)?;
    let held = reader.as_ref().map(held_of).transpose()?.flatten();
    let (Some(reader), Some(held)) = (reader, held) else {
        if let Some(wanted) = wanted {
            let message = format!("nothing is held under plan `{wanted}`: nothing is held at all");
            return Err(Problem::usage(message)
                .with_hint(format!("`entra-scim status {name}` says what a cycle left"))
                .into());
        }
        if global.json {
            output::json(&json!({ "app": name, "plan": null, "approved": 0 }))?;
        } else {
            output::data(&format!("nothing of application `{name}` is held\n"))?;
        }
        return Ok(ExitCode::Done);
    };
    if let Some(wanted) = wanted.filter(|wanted| !held.plan.starts_with(&wanted.to_lowercase())) {
        return Err(Problem::usage(format!("nothing is held under plan `{wanted}`"))
            .with_hint(format!(
                "what is held now is plan {}; look at it with `entra-scim plan {name} --held`",
                view::short(&held.plan)
            ))
            .into());
    }
    if !args.yes && !confirmed(name, &reader, &held, global)? {
        output::note(global, "nothing was released");
        return Ok(ExitCode::Held);
    }
    release(&config, app, &held, global).await
}

/// The application and the plan that are meant. One word alone is the plan's where the file has one
/// application and the word is not its name.
fn meant<'c, 'a>(
    config: &'c Config,
    args: &'a ApproveArgs,
) -> Result<(&'c AppSettings, Option<&'a str>), Problem> {
    match (args.app.as_deref(), args.plan.as_deref(), config.apps.as_slice()) {
        (Some(word), None, [only]) if only.job.app.as_str() != word => Ok((only, Some(word))),
        (app, plan, _) => Ok((apps::one(config, app)?, plan)),
    }
}

/// Shows the list on stderr and asks, where there is somebody to ask.
fn confirmed(
    app: &str,
    reader: &Reader,
    held: &HeldReport,
    global: &Global,
) -> anyhow::Result<bool> {
    let mut stderr = output::stderr();
    if !std::io::stdin().is_terminal() {
        return Err(Problem::usage("releasing what is held needs a person's yes")
            .with_hint(format!(
                "read the list with `entra-scim plan {app} --held`, then say `entra-scim approve \
                 {app} {} --yes`",
                view::short(&held.plan)
            ))
            .into());
    }
    if !global.quiet {
        view::rows(&mut stderr, reader, PlanFilter::Held)?;
    }
    writeln!(stderr, "\n{}", held.reason)?;
    write!(stderr, "Release {} of `{app}`? [y/N] ", view::what_is_held(held))?;
    stderr.flush()?;
    drop(stderr);
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

async fn release(
    config: &Config,
    app: &AppSettings,
    held: &HeldReport,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let name = app.job.app.as_str();
    match give(config, app, &Order::Approve { plan: held.plan.clone() }).await? {
        Answer::Approved { count } if global.json => {
            output::json(&json!({
                "app": name,
                "plan": held.plan,
                "approved": count,
                "held": held_document(held),
            }))?;
            Ok(ExitCode::Done)
        }
        Answer::Approved { count } => {
            output::data(&format!(
                "{} of application `{name}` released for 24 hours\n\
                 the next cycle sends them; run `entra-scim sync {name}` for one now\n",
                view::counted(count, "change")
            ))?;
            Ok(ExitCode::Done)
        }
        Answer::Refused { message } => {
            let hint = format!("`entra-scim plan {name} --held` shows what is held now");
            Err(Problem::new(ExitCode::Held, message).with_hint(hint).into())
        }
        Answer::Done { .. }
        | Answer::Cycle { .. }
        | Answer::Forgotten(_)
        | Answer::Provisioned(_) => Err(Problem::answered_otherwise().into()),
    }
}
