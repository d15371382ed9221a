//! The command `gallery`: the built-in profiles as a table, or one with all that is known of it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    args::{GalleryArgs, Global},
    exit::ExitCode,
    output,
    problem::Problem,
};
use crate::{
    config::nearest,
    gallery::{self, CountLimit, Profile, RateClass, RateLimit, TextLimit, Unsupported},
    provisioning::job::{Apply, AttributeMapping, MappingSource, NullFlow},
    scim::{AttributePath, Dialect},
};

/// Columns of running text.
const COLUMNS: usize = 80;

/// When the mapping of groups is used.
const GROUPS_WHEN: &str = "where groups.enabled is true";

/// Runs the command. It needs no configuration; exit code 2 where there is no such profile.
pub(super) fn run(args: &GalleryArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let Some(name) = &args.name else {
        if global.json {
            output::json(&gallery::profiles().iter().map(document).collect())?;
        } else {
            output::data(&table(gallery::profiles()))?;
        }
        return Ok(ExitCode::Done);
    };
    let profile = gallery::profile(name).ok_or_else(|| unknown(name))?;
    if global.json {
        output::json(&document(profile))?;
    } else {
        output::data(&page(profile))?;
    }
    Ok(ExitCode::Done)
}

fn unknown(name: &str) -> Problem {
    let hint = match nearest(name, gallery::names()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => "`entra-scim gallery` lists them; `generic` fits any SCIM 2.0 application".into(),
    };
    Problem::usage(format!("there is no profile `{name}`")).with_hint(hint)
}

fn provisions(profile: &Profile) -> &'static str {
    if profile.groups.is_empty() { "users" } else { "users, groups" }
}

fn dialect(profile: &Profile) -> &'static str {
    match profile.dialect {
        Dialect::Rfc7644 => "rfc7644",
        Dialect::EntraLegacy => "entra-legacy",
    }
}

/// The matching attributes, in the order in which they are tried.
fn matching(rows: &[AttributeMapping]) -> Vec<String> {
    let mut rows: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row.matching_priority?, row.target.to_string())))
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, path)| path).collect()
}

/// Columns as wide as their widest cell.
fn table(profiles: &[Profile]) -> String {
    let heading = ["NAME", "APPLICATION", "PROVISIONS", "DIALECT", "MATCHES BY"];
    let mut rows = vec![heading.map(str::to_owned)];
    rows.extend(profiles.iter().map(|profile| {
        [
            profile.name.clone(),
            profile.title.clone(),
            provisions(profile).to_owned(),
            dialect(profile).to_owned(),
            matching(&profile.users).join(", "),
        ]
    }));
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            line(&mut text, format_args!("{cell:width$}  "));
        }
        line(&mut text, format_args!("{}\n", row[4]));
    }
    let groups = format!("groups are provisioned {GROUPS_WHEN}");
    line(&mut text, format_args!("\n`entra-scim gallery NAME` shows one; {groups}.\n"));
    text
}

/// Everything about one profile.
fn page(profile: &Profile) -> String {
    let mut text = format!("{}: {}\n{}\n\n", profile.name, profile.title, profile.source);
    let names = |paths: &std::collections::BTreeSet<AttributePath>| {
        paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let mut fact = |name: &str, value: &str| {
        let wrapped = wrapped(value, 14).trim_start().to_owned();
        line(&mut text, format_args!("{name:<14}{wrapped}"));
    };
    fact("provisions", provisions(profile));
    fact("dialect", dialect(profile));
    fact("matches by", &matching(&profile.users).join(", then "));
    fact("filters", &names(&profile.filterable));
    if profile.supports(Unsupported::Groups) {
        fact("groups by", &matching(&profile.groups).join(", then "));
    }
    fact("lists users", if profile.list { "yes" } else { "no, each is searched for" });
    heading(&mut text, "Mapping of users");
    mapping(&mut text, &profile.users);
    if !profile.groups.is_empty() {
        heading(&mut text, &format!("Mapping of groups, {GROUPS_WHEN}"));
        mapping(&mut text, &profile.groups);
    }
    limits(&mut text, profile);
    if !profile.unsupported.is_empty() {
        heading(&mut text, "Not supported");
        for what in &profile.unsupported {
            let sentence = wrapped(what.sentence(), 16);
            line(&mut text, format_args!("  {:<14}{}", what.as_str(), sentence.trim_start()));
        }
    }
    heading(&mut text, "Notes");
    text.push_str(&notes(&profile.notes));
    heading(&mut text, "Configuration");
    text.push_str(&snippet(profile));
    text
}

fn heading(text: &mut String, title: &str) {
    line(text, format_args!("\n{title}\n"));
}

/// Writing to a `String` cannot fail.
fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}

fn mapping(text: &mut String, rows: &[AttributeMapping]) {
    for row in rows {
        line(text, format_args!("  {} <- {}", row.target, source(&row.source)));
        let options = options(row);
        let options = if options.is_empty() { String::new() } else { format!("  ({options})") };
        line(text, format_args!("{options}\n"));
    }
}

/// A source as a person would write it in an expression.
fn source(source: &MappingSource) -> String {
    match source {
        MappingSource::Attribute(name) => format!("[{name}]"),
        MappingSource::Constant(constant) => format!("{constant:?}"),
        MappingSource::Expression(expression) => expression.to_string(),
    }
}

fn options(row: &AttributeMapping) -> String {
    let mut options = Vec::new();
    if let Some(priority) = row.matching_priority {
        options.push(format!("match {priority}"));
    }
    if row.required {
        options.push("required".to_owned());
    }
    if row.apply == Apply::Create {
        options.push("on create only".to_owned());
    }
    if row.null == NullFlow::Keep {
        options.push("null keeps the value".to_owned());
    }
    if let Some(default) = &row.default {
        options.push(format!("default {default}"));
    }
    options.join(", ")
}

fn limits(text: &mut String, profile: &Profile) {
    let limits = &profile.limits;
    let mut rows: Vec<(String, &str)> = Vec::new();
    rows.extend(limits.rates.iter().map(|rate| (rate_sentence(rate), rate.source.as_str())));
    let count = |limit: &Option<CountLimit>, what: &str| {
        limit.as_ref().map(|limit| format!("{} {what}", limit.max))
    };
    let members = count(&limits.members_per_request, "members of a group in one request");
    let page = count(&limits.page_size, "users in one page of a list");
    for (sentence, limit) in [(members, &limits.members_per_request), (page, &limits.page_size)] {
        if let (Some(sentence), Some(limit)) = (sentence, limit) {
            rows.push((sentence, &limit.source));
        }
    }
    rows.extend(limits.texts.iter().map(|limit| (text_sentence(limit), limit.source.as_str())));
    if rows.is_empty() {
        return;
    }
    heading(text, "Limits");
    for (sentence, source) in rows {
        line(text, format_args!("  {sentence}\n      {source}\n"));
    }
}

fn rate_sentence(rate: &RateLimit) -> String {
    let what = match rate.class {
        RateClass::All => "requests",
        RateClass::Read => "reads",
        RateClass::UserWrite => "writes of users",
        RateClass::GroupWrite => "writes of groups",
    };
    let span = match rate.seconds {
        1 => "a second".to_owned(),
        60 => "a minute".to_owned(),
        3_600 => "an hour".to_owned(),
        seconds => format!("in {seconds} seconds"),
    };
    format!("{} {what} {span}", rate.requests)
}

fn text_sentence(limit: &TextLimit) -> String {
    let mut parts = Vec::new();
    if let Some(max) = limit.value.characters_max {
        parts.push(format!("at most {max} characters"));
    }
    if !limit.value.forbidden.is_empty() {
        let shown: Vec<String> =
            limit.value.forbidden.chars().map(|c| c.escape_debug().to_string()).collect();
        parts.push(format!("none of {}", shown.join(" ")));
    }
    format!("{}: {}", limit.path, parts.join(", "))
}

/// Notes filled to the width: paragraphs, numbered steps, and indented lines left as they are.
fn notes(notes: &str) -> String {
    let mut blocks: Vec<String> = Vec::new();
    let mut open = false;
    for source in notes.lines() {
        let is_step = source.split_once(". ").is_some_and(|(number, _)| {
            !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
        });
        let is_verbatim = source.starts_with("  ") && !open;
        match blocks.last_mut().filter(|_| open && !is_step && !source.is_empty()) {
            Some(block) => {
                block.push(' ');
                block.push_str(source.trim());
            }
            None => blocks.push(source.to_owned()),
        }
        open = !source.is_empty() && !is_verbatim;
    }
    blocks
        .iter()
        .map(|block| match block.split_once(". ") {
            _ if block.is_empty() => "\n".to_owned(),
            _ if block.starts_with("  ") => format!("  {block}\n"),
            Some((number, step)) if number.chars().all(|c| c.is_ascii_digit()) => {
                format!("  {number}. {}", wrapped(step, 5).trim_start())
            }
            _ => wrapped(block, 2),
        })
        .collect()
}

/// A paragraph broken between words, each line after so many blanks.
fn wrapped(paragraph: &str, indent: usize) -> String {
    let mut text = String::new();
    let mut column = COLUMNS;
    for word in paragraph.split_whitespace() {
        let width = word.chars().count();
        if column + 1 + width > COLUMNS {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += width;
    }
    text.push('\n');
    text
}

/// An application's section, ready to paste.
fn snippet(profile: &Profile) -> String {
    let app = if profile.name == "generic" { "app" } else { profile.name.as_str() };
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut text = format!(
        "[apps.{app}]\n\
         enterprise_app = {}  # the enterprise application: appId, object id or exact name\n\
         profile = {}\n\n\
         [apps.{app}.target]\n\
         tenant_url = {}\n\
         secret_token = {{ file = \"/etc/entra-scim/{app}-token\" }}\n",
        quoted(&profile.title),
        quoted(&profile.name),
        quoted(&profile.tenant_url),
    );
    if profile.supports(Unsupported::Groups) {
        let groups = format!(
            "\n[apps.{app}.groups]\n\
             enabled = false  # true: the groups too, with their members\n"
        );
        text.push_str(&groups);
    }
    if !profile.supports(Unsupported::Delete) {
        let safeguards = format!(
            "\n[apps.{app}.safeguards]\n\
             on_directory_delete = \"disable\"  # the default here; \"keep\" leaves the account\n"
        );
        text.push_str(&safeguards);
    }
    text
}

/// The document of `gallery NAME --json`.
fn document(profile: &Profile) -> Value {
    let paths = |paths: &std::collections::BTreeSet<AttributePath>| -> Vec<String> {
        paths.iter().map(ToString::to_string).collect()
    };
    let rows = |rows: &[AttributeMapping]| -> Vec<Value> { rows.iter().map(row).collect() };
    let count = |limit: &Option<CountLimit>| {
        limit.as_ref().map(|limit| json!({ "max": limit.max, "source": limit.source }))
    };
    let limits = &profile.limits;
    let rates: Vec<Value> = limits
        .rates
        .iter()
        .map(|rate| {
            json!({
                "class": rate.class.as_str(),
                "requests": rate.requests,
                "seconds": rate.seconds,
                "source": rate.source,
            })
        })
        .collect();
    let texts: Vec<Value> = limits
        .texts
        .iter()
        .map(|limit| {
            json!({
                "path": limit.path.to_string(),
                "characters_max": limit.value.characters_max,
                "forbidden": limit.value.forbidden,
                "source": limit.source,
            })
        })
        .collect();
    let unsupported: Vec<&str> = profile.unsupported.iter().map(|what| what.as_str()).collect();
    json!({
        "name": profile.name,
        "title": profile.title,
        "source": profile.source,
        "tenant_url": profile.tenant_url,
        "dialect": dialect(profile),
        "matching": matching(&profile.users),
        "group_matching": matching(&profile.groups),
        "list": profile.list,
        "filterable": paths(&profile.filterable),
        "group_filterable": paths(&profile.group_filterable),
        "users": rows(&profile.users),
        "groups": rows(&profile.groups),
        "limits": {
            "rates": rates,
            "members_per_request": count(&limits.members_per_request),
            "page_size": count(&limits.page_size),
            "texts": texts,
        },
        "unsupported": unsupported,
        "notes": profile.notes,
        "config": snippet(profile),
    })
}

/// A row of a mapping, with the keys that the configuration has.
fn row(row: &AttributeMapping) -> Value {
    let mut value = json!({ "target": row.target.to_string(), "required": row.required });
    let (key, text) = match &row.source {
        MappingSource::Attribute(name) => ("source", name.clone()),
        MappingSource::Constant(constant) => ("constant", constant.clone()),
        MappingSource::Expression(expression) => ("expression", expression.to_string()),
    };
    value[key] = text.into();
    value["match"] = row.matching_priority.into();
    value["default"] = row.default.clone().unwrap_or_default();
    value["apply"] = match row.apply {
        Apply::Always => "always".into(),
        Apply::Create => "create".into(),
    };
    value["null"] = match row.null {
        NullFlow::Clear => "clear".into(),
        NullFlow::Keep => "keep".into(),
    };
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn every_snippet_is_a_configuration_of_its_profile() {
        for profile in gallery::profiles() {
            let text = format!(
                "[tenant]\nid = \"contoso.com\"\n\
                 client_id = \"99999999-2222-3333-4444-555555555555\"\n\
                 client_secret = {{ file = \"/etc/secret\" }}\n\n{}",
                snippet(profile)
            );
            let config = config::parse(&text, "config.toml")
                .unwrap_or_else(|findings| panic!("{}: {findings:?}\n{text}", profile.name));
            assert_eq!(config.apps[0].profile, profile.name);
            let text = text.replace("enabled = false", "enabled = true");
            let config = config::parse(&text, "config.toml")
                .unwrap_or_else(|findings| panic!("{}: {findings:?}\n{text}", profile.name));
            let has_groups = config.apps[0].job.groups.is_some();
            assert_eq!(has_groups, profile.supports(Unsupported::Groups), "{}", profile.name);
        }
    }

    #[test]
    fn notes_are_filled_and_keep_their_steps_and_their_examples() {
        let text = "one\ntwo\n\n1. first\n   more\n2. second\n\nrows:\n\n  a = 1\n  b = 2\n\nend\n";
        let expected = "  one two\n\n  1. first more\n  2. second\n\n  rows:\n\n    a = 1\n    \
                        b = 2\n\n  end\n";
        assert_eq!(notes(text), expected);
        for profile in gallery::profiles() {
            for line in notes(&profile.notes).lines() {
                let is_long = line.chars().count() > COLUMNS;
                let is_one_word = line.split_whitespace().count() == 1;
                assert!(!is_long || is_one_word || line.contains("target = "), "{line}");
            }
        }
    }
}
