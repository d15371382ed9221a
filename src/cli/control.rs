//! The commands `pause`, `resume` and `restart`: orders that need no cycle.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    apps,
    args::{AppArgs, Global, RestartArgs},
    exit::ExitCode,
    output,
    plan::print_documents,
    problem::Problem,
};
use crate::{
    config::{AppSettings, Config},
    daemon::{Answer, Order, Reset, SystemClock, order, stop_on_signals},
};

pub(super) async fn pause(args: &AppArgs, global: &Global) -> anyhow::Result<ExitCode> {
    each(args, global, &Order::Pause, |app, changed| {
        let state = if changed { "is paused" } else { "was paused already" };
        let text = format!(
            "application `{app}` {state}: no further cycle starts by itself\n\
             `entra-scim resume {app}` goes on; `entra-scim sync {app}` still runs one cycle\n"
        );
        (json!({ "app": app, "state": "paused", "changed": changed }), text)
    })
    .await
}

pub(super) async fn resume(args: &AppArgs, global: &Global) -> anyhow::Result<ExitCode> {
    each(args, global, &Order::Resume, |app, changed| {
        let text = if changed {
            format!("application `{app}` is scheduled again\n")
        } else {
            format!("application `{app}` was not paused\n")
        };
        (json!({ "app": app, "state": "active", "changed": changed }), text)
    })
    .await
}

pub(super) async fn restart(args: &RestartArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let given = Reset {
        watermark: args.watermark,
        escrows: args.escrows,
        quarantine: args.quarantine,
        links: args.links,
        rebind: args.rebind,
        full: args.full,
    };
    let reset = if given == Reset::default() {
        output::note(
            global,
            "no scope given: --quarantine --watermark --escrows, as Microsoft Graph does",
        );
        Reset { quarantine: true, watermark: true, escrows: true, ..given }
    } else {
        given
    };
    let forgotten = forgotten(reset);
    each(&args.which, global, &Order::Restart(reset), |app, _| {
        let text = format!(
            "application `{app}` forgot {}\nno cycle was run: {}. Look first with \
             `entra-scim plan {app}`\n",
            forgotten.join(", "),
            if reset.escrows || reset.quarantine {
                "a running service starts one at once"
            } else {
                "the next scheduled one begins anew"
            }
        );
        (json!({ "app": app, "forgotten": reset }), text)
    })
    .await
}

fn forgotten(reset: Reset) -> Vec<&'static str> {
    let parts = [
        (reset.watermark || reset.rebind || reset.full, "where the reading of changes stood"),
        (reset.escrows || reset.full, "how long what failed has to wait"),
        (reset.quarantine || reset.full, "its quarantine"),
        (reset.links || reset.rebind || reset.full, "whose account is whose"),
        (reset.rebind, "what the state file belonged to"),
        (reset.full, "which properties had values"),
    ];
    parts.into_iter().filter_map(|(is_forgotten, name)| is_forgotten.then_some(name)).collect()
}

/// Gives an order to each application that is meant, and prints what became of it.
async fn each(
    args: &AppArgs,
    global: &Global,
    wanted: &Order,
    tell: impl Fn(&str, bool) -> (Value, String),
) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    let mut documents = Vec::new();
    for app in apps::choose(&config, args.app.as_deref(), args.all)? {
        let changed = match give(&config, app, wanted).await? {
            Answer::Done { changed } => changed,
            Answer::Refused { message } => {
                let app = app.job.app.as_str();
                return Err(Problem::refused(ExitCode::Unexpected, app, message).into());
            }
            Answer::Approved { .. }
            | Answer::Cycle { .. }
            | Answer::Provisioned(_)
            | Answer::Forgotten(_) => return Err(Problem::answered_otherwise().into()),
        };
        let (document, text) = tell(app.job.app.as_str(), changed);
        if global.json {
            documents.push(document);
        } else {
            output::data(&text)?;
        }
    }
    if global.json {
        print_documents(documents, args.all)?;
    }
    Ok(ExitCode::Done)
}

/// Gives an order that has no progress to show.
pub(super) async fn give(
    config: &Config,
    app: &AppSettings,
    wanted: &Order,
) -> Result<Answer, Problem> {
    let stop = stop_on_signals()?;
    let clock = Arc::new(SystemClock);
    Ok(order(config, app, wanted, &stop, &|_| {}, clock).await?)
}
