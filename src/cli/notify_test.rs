//! The command `notify-test`: does a notice arrive?

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    apps,
    args::{AppArgs, Global},
    exit::ExitCode,
    output,
    problem::Problem,
};
use crate::{
    config::AppSettings,
    daemon::{Probe, Probed, SystemClock},
    model::Clock,
};

/// Sends one test mail to everybody and one message to each webhook, and says how that went.
pub(super) async fn run(args: &AppArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    let everything = args.all || args.app.is_none();
    let chosen: Vec<&AppSettings> = apps::choose(&config, args.app.as_deref(), everything)?;
    let probe = Probe::of(&config, &chosen).map_err(|error| Problem::usage(error.to_string()))?;
    if probe.is_empty() {
        let message = "nothing is configured that notices could be sent by";
        let hint = "add a section [email] or a [[webhook]]; `config.toml.example` shows them";
        return Err(Problem::usage(message).with_hint(hint).into());
    }
    let server = probe.greet().await;
    let can_mail = matches!(server, Some(Ok(_)));
    let probed = probe.send(can_mail, SystemClock.now()).await;
    if global.json {
        output::json(&document(server.as_ref(), &probed))?;
    } else {
        output::data(&text(server.as_ref(), &probed))?;
    }
    let failed = matches!(server, Some(Err(_))) || probed.iter().any(|one| one.outcome.is_err());
    if failed {
        output::note(
            global,
            "\nhint: what could not be sent is not tried again. Correct [email] or [[webhook]] and \
             run `entra-scim notify-test` again",
        );
        return Ok(ExitCode::Unreachable);
    }
    Ok(ExitCode::Done)
}

fn text(server: Option<&Result<String, String>>, probed: &[Probed]) -> String {
    let mut text = String::new();
    let mut line = |outcome: &Result<String, String>, whom: &str| {
        // Writing to a String cannot fail.
        let _ = match outcome {
            Ok(said) => writeln!(text, "sent    {whom}: {said}"),
            Err(why) => writeln!(text, "failed  {whom}: {why}"),
        };
    };
    if let Some(Err(why)) = server {
        line(&Err(why.clone()), "mail server");
    }
    for one in probed {
        line(&one.outcome, &one.to);
    }
    match server {
        Some(Ok(said)) => format!("{said}\n{text}"),
        Some(Err(_)) | None => text,
    }
}

fn document(server: Option<&Result<String, String>>, probed: &[Probed]) -> Value {
    let outcome = |outcome: &Result<String, String>| match outcome {
        Ok(said) => json!({ "ok": true, "said": said }),
        Err(why) => json!({ "ok": false, "said": why }),
    };
    let sent: Vec<Value> = probed
        .iter()
        .map(|one| {
            let mut shown = outcome(&one.outcome);
            shown["to"] = json!(one.to);
            shown
        })
        .collect();
    json!({ "mail_server": server.map(outcome), "sent": sent })
}
