//! What an expression is evaluated with: nothing, a file of attribute values, or somebody in Entra.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Map, Value};

use crate::{
    cli::{
        apps,
        args::{ExpressionArgs, Global},
        explain::{failed, nobody, question, several, with_state},
        problem::Problem,
    },
    cycle::{Search, selection_of},
    expression::Expression,
    model::{AppRole, AppRoleId, Timestamp},
    provisioning::{
        SourceAttribute, Subject, is_known_source_attribute, read_source, seed_of,
        selected_property,
    },
};

/// The key of a file that holds app roles.
const ROLES: &str = "appRoleAssignments";

/// Where attribute values come from.
pub(super) enum Given {
    /// Nothing is given, so only constants can be evaluated.
    Nothing,
    /// The values of a file, under whatever names it has.
    File(Map<String, Value>),
    /// Somebody in Entra.
    Person {
        subject: Box<Subject>,
        is_soft_deleted: bool,
        /// Whether an attribute of the expression is one that a mapping redacts.
        hides: bool,
    },
}

/// Everything that an evaluation is given.
pub(super) struct Evaluated {
    pub(super) given: Given,
    pub(super) roles: Vec<AppRole>,
    pub(super) seed: u64,
}

impl Given {
    /// Whether an expression may name this attribute.
    pub(super) fn knows(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::File(_) => true,
            Self::Person { .. } => is_known_source_attribute(name),
        }
    }

    /// The value of an attribute, null where there is none.
    pub(super) fn value(&self, name: &str) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::File(values) => values.get(name).cloned().unwrap_or_default(),
            Self::Person { subject, is_soft_deleted, .. } => {
                read_source(name, subject, *is_soft_deleted)
            }
        }
    }

    /// Whether an attribute of the expression is one that a mapping redacts.
    pub(super) fn hides(&self) -> bool {
        match self {
            Self::Nothing | Self::File(_) => false,
            Self::Person { hides, .. } => *hides,
        }
    }

    /// Whether a redacted value is somebody's, and so not to be shown.
    pub(super) fn is_of_somebody(&self) -> bool {
        match self {
            Self::Nothing | Self::File(_) => false,
            Self::Person { .. } => true,
        }
    }
}

/// What `--user` gives.
pub(super) async fn inputs(
    args: &ExpressionArgs,
    global: &Global,
    expression: &Expression,
    now: Timestamp,
) -> anyhow::Result<Evaluated> {
    let by_time = now.timestamp_nanos_opt().unwrap_or_default().unsigned_abs();
    let Some(user) = args.user.as_deref() else {
        return Ok(Evaluated { given: Given::Nothing, roles: Vec::new(), seed: by_time });
    };
    let path = Path::new(user);
    // A pipe of the shell is a file too.
    if path.exists() && !path.is_dir() {
        let values = file(path)?;
        let roles = roles_of_file(values.get(ROLES))?;
        return Ok(Evaluated { given: Given::File(values), roles, seed: by_time });
    }
    let is_named_like_a_file = path.extension().is_some_and(|end| end == "json");
    if user.contains('/') || is_named_like_a_file {
        return Err(Problem::usage(format!("there is no file {user}")).into());
    }
    person(user, args, global, expression).await
}

fn file(path: &Path) -> Result<Map<String, Value>, Problem> {
    let wrong = |what: String| Problem::usage(format!("the file {} {what}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(format!("is unusable: {error}")))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match serde_json::from_str(text) {
        Ok(Value::Object(values)) => Ok(values),
        Ok(_) => Err(wrong("is no JSON object of attribute values".to_owned())
            .with_hint(r#"it looks like {"givenName": "Ada", "businessPhones": ["+44 20"]}"#)),
        Err(error) => Err(wrong(format!("is no JSON: {error}"))),
    }
}

/// Roles by name, or as objects with `displayName`, `value` and `id`. Those with ids are ordered
/// by them, as in a cycle.
fn roles_of_file(given: Option<&Value>) -> Result<Vec<AppRole>, Problem> {
    let wrong = || {
        Problem::usage(format!("`{ROLES}` is no list of roles"))
            .with_hint(r#"write ["Editor"], or [{"displayName": "Editor", "value": "editor"}]"#)
    };
    let items = match given {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            return Err(wrong());
        }
    };
    let mut roles = Vec::new();
    for item in items {
        let text = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
        let name = item.as_str().map(str::to_owned).or_else(|| text("displayName"));
        // A mere name stands for the value too.
        let value = item.as_str().map(str::to_owned).or_else(|| text("value"));
        let id = text("id");
        if name.is_none() && value.is_none() {
            return Err(wrong());
        }
        let named = id.as_deref().map(AppRoleId::parse).transpose().map_err(|error| {
            Problem::usage(format!("the id of a role in `{ROLES}` is none")).caused_by(error)
        })?;
        let display_name = name.or_else(|| value.clone()).unwrap_or_default();
        let id = named.unwrap_or_else(|| AppRoleId::derive(&[&display_name]));
        roles.push((named.is_some(), AppRole { id, display_name, value, is_enabled: true }));
    }
    if roles.iter().all(|(has_id, _)| *has_id) {
        roles.sort_by_key(|(_, role)| role.id);
    }
    Ok(roles.into_iter().map(|(_, role)| role).collect())
}

async fn person(
    who: &str,
    args: &ExpressionArgs,
    global: &Global,
    expression: &Expression,
) -> anyhow::Result<Evaluated> {
    let config = apps::configuration(global)?;
    let app = apps::one(&config, args.app.as_deref())?;
    let name = app.job.app.as_str();
    let (connection, state) = with_state(&config, app)?;
    let question = question(app, &connection, &state);
    let mut selection = selection_of(&app.job);
    let wanted: BTreeSet<String> =
        expression.attributes().into_iter().filter_map(selected_property).collect();
    selection.properties.extend(wanted);
    let found = question.find(who, &selection).await.map_err(|error| failed(name, error))?;
    match found {
        Search::Nobody => Err(nobody(name, who)
            .with_hint(
                "--user takes a file of attribute values, or a user principal name, mail address \
                 or object id",
            )
            .into()),
        Search::Several(all) => Err(several(who, &all).into()),
        Search::Group(_) => {
            Err(Problem::usage(format!("`{who}` is a group; an expression needs a user")).into())
        }
        Search::Person(person) => {
            let names = expression.attributes();
            let is_it =
                |name: &&str| SourceAttribute::parse(name) == Some(SourceAttribute::IsSoftDeleted);
            // Nothing else depends on the scope, which takes asking for what filters name.
            let is_soft_deleted = if names.iter().any(is_it) {
                question.is_soft_deleted(&person).await.map_err(|error| failed(name, error))?
            } else {
                false
            };
            let hides = names.iter().any(|name| app.job.is_source_redacted(name));
            let roles = person.subject.roles(&person.application.roles);
            let roles = roles.into_iter().cloned().collect();
            let (seed, subject) = (seed_of(&person.subject), Box::new(person.subject));
            Ok(Evaluated { given: Given::Person { subject, is_soft_deleted, hides }, roles, seed })
        }
    }
}
