//! A saved plan, and whether the world has moved since.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use super::{exit::ExitCode, problem::Problem};

/// Differences that are named; the rest is counted.
const DIFFERENCES_SHOWN: usize = 5;

/// Saves the document of a plan, readable by its owner only: it holds personal data.
pub(super) fn save(path: &Path, document: &Value) -> Result<(), Problem> {
    use std::{
        io::Write,
        os::unix::fs::{OpenOptionsExt, PermissionsExt},
    };
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        let is_plain = file.metadata()?.is_file();
        if is_plain {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        writeln!(file, "{document:#}")
    });
    written.map_err(|error| {
        Problem::usage(format!("the plan cannot be saved to {}", path.display()))
            .with_hint("name a file in a folder that you can write to")
            .caused_by(error)
    })
}

/// Reads a saved plan of this application.
pub(super) fn read(path: &Path, app: &str) -> Result<Value, Problem> {
    let text = fs::read_to_string(path).map_err(|error| {
        Problem::usage(format!("the saved plan {} cannot be read", path.display()))
            .with_hint(saving(app))
            .caused_by(error)
    })?;
    let saved: Value = serde_json::from_str(&text).map_err(|error| {
        Problem::usage(format!("{} is no saved plan", path.display()))
            .with_hint(saving(app))
            .caused_by(error)
    })?;
    match saved["app"].as_str() {
        Some(name) if name == app && saved["changes"].is_array() => Ok(saved),
        Some(name) if saved["changes"].is_array() => Err(Problem::usage(format!(
            "{} is a plan of application `{name}`, not of `{app}`",
            path.display()
        ))
        .with_hint(saving(app))),
        Some(_) | None => {
            Err(Problem::usage(format!("{} is no saved plan", path.display()))
                .with_hint(saving(app)))
        }
    }
}

fn saving(app: &str) -> String {
    format!("`entra-scim plan {app} --out FILE` saves one")
}

/// Refuses where the plan of now is not the saved one.
pub(super) fn compare(app: &str, saved: &Value, now: &Value) -> Result<(), Problem> {
    let (before, after) = (changes(saved), changes(now));
    let gone = before.iter().filter(|(key, _)| !after.contains_key(*key));
    let new = after.iter().filter(|(key, _)| !before.contains_key(*key));
    let differences: Vec<String> = gone
        .map(|(_, name)| format!("not planned any more: {name}"))
        .chain(new.map(|(_, name)| format!("new: {name}")))
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    let mut shown = differences.iter().take(DIFFERENCES_SHOWN).cloned().collect::<Vec<_>>();
    if differences.len() > DIFFERENCES_SHOWN {
        shown.push(format!("and {} more", differences.len() - DIFFERENCES_SHOWN));
    }
    let message = format!(
        "the saved plan of application `{app}` is not what would be done now\n  {}",
        shown.join("\n  ")
    );
    Err(Problem::new(ExitCode::Held, message).with_hint(format!(
        "nothing was sent. Look at the new plan with `entra-scim plan {app} --out FILE`"
    )))
}

/// What identifies a change: whose, which account, what, and every value. And how to name it.
fn changes(document: &Value) -> BTreeMap<String, String> {
    let rows = document["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sent = rows.iter().filter(|row| row["action"] != "skip");
    sent.map(|row| {
        let key = json!([
            row["source"]["id"],
            row["target"]["id"],
            row["action"],
            row["status"],
            row["attributes"]
        ]);
        let (action, name) = (row["action"].as_str(), row["source"]["display"].as_str());
        let name = format!("{} {}", action.unwrap_or_default(), name.unwrap_or_default());
        (key.to_string(), name)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(user_name: &str) -> Value {
        json!({"app": "crm", "changes": [
            {"action": "skip", "status": "skipped", "source": {"id": "9", "display": "eve"}},
            {"action": "create", "status": "planned", "change_id": user_name,
             "source": {"id": "1", "display": "ada"}, "target": {"id": null},
             "attributes": [{"path": "userName", "old": null, "new": user_name}]},
        ]})
    }

    #[test]
    fn a_saved_plan_is_refused_once_a_value_has_moved() {
        assert!(compare("crm", &plan("ada"), &plan("ada")).is_ok());
        let refused = compare("crm", &plan("ada"), &plan("ada.berg")).unwrap_err();
        assert_eq!(refused.exit, ExitCode::Held);
        assert!(refused.to_string().contains("not planned any more: create ada"), "{refused}");
        assert!(refused.to_string().contains("new: create ada"), "{refused}");
    }
}
