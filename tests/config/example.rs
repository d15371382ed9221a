//! The two files that people start from: `config.toml.example` and what `init` writes.

use std::{fs, time::Duration};

use entra_scim::{
    config::{InitAnswers, init_template, load, parse},
    model::ObjectKind,
    provisioning::job::MappingSource,
};

use super::accept;

const EXAMPLE: &str = include_str!("../../config.toml.example");

#[test]
fn the_example_loads_as_it_is() {
    let config = accept(EXAMPLE);
    assert_eq!(config.warnings, []);
    assert_eq!(config.apps.len(), 1);
    let app = &config.apps[0];
    assert_eq!(app.job.app.as_str(), "whimsical");
    assert_eq!(app.schedule.interval(), Some(Duration::from_secs(2_400)));
    assert_eq!(app.target.base.as_str(), "https://whimsical.com/public-api/scim-v2");
    let rows: Vec<_> = app.job.attributes.iter().map(|row| row.target.to_string()).collect();
    assert_eq!(
        rows,
        [
            "userName",
            "externalId",
            "active",
            "displayName",
            "urn:ietf:params:scim:schemas:extension:whimsical:2.0:User:editor"
        ]
    );
    assert!(matches!(app.job.attributes[3].source, MappingSource::Expression(_)));
}

#[test]
fn the_example_loads_from_disk_once_its_secrets_are_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().to_str().expect("a UTF-8 path");
    let config = EXAMPLE.replace("/etc/entra-scim", root);
    super::secrets::private_file(&folder.path().join("graph-secret"), "s3cret\n");
    super::secrets::private_file(&folder.path().join("whimsical-token"), "t0ken\n");
    super::secrets::private_file(&folder.path().join("smtp-password"), "passw0rd\n");
    let path = folder.path().join("config.toml");
    fs::write(&path, config).expect("write the example");
    let config = load(Some(&path)).expect("the example with its secrets");
    let token = super::secrets::token_of(&config).read();
    assert_eq!(token.map(|secret| secret.expose().to_owned()), Ok("t0ken".to_owned()));
}

/// What stands behind a `#` in the example has to be right too: it is there to be used.
#[test]
fn every_optional_line_of_the_example_is_accepted() {
    // What belongs to an optional row is tried with the row.
    let mut inside = false;
    let optional: Vec<usize> = EXAMPLE
        .lines()
        .enumerate()
        .filter(|(_, line)| {
            inside = line.starts_with("# [[") || (inside && line.starts_with("# "));
            !inside
                && line.strip_prefix("# ").is_some_and(|line| {
                    line.split_once(" = ").is_some_and(|(key, _)| {
                        key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                    })
                })
        })
        .map(|(number, _)| number)
        .collect();
    assert!(optional.len() > 15, "found {}", optional.len());
    for chosen in optional {
        let line = EXAMPLE.lines().nth(chosen).expect("found above");
        let key = line.trim_start_matches("# ").split(' ').next().expect("a key");
        // A line that excludes another one takes its place.
        let excluded: &[&str] = match key {
            "certificate" | "federated_token_file" | "managed_identity" => &["client_secret"],
            "cron" => &["interval"],
            "oauth" | "basic" => &["secret_token"],
            _ => &[],
        };
        let text: Vec<&str> = EXAMPLE
            .lines()
            .enumerate()
            .filter(|(_, line)| !excluded.iter().any(|key| line.starts_with(&format!("{key} ="))))
            .map(|(number, line)| if number == chosen { &line[2..] } else { line })
            .collect();
        if let Err(findings) = parse(&text.join("\n"), "config.toml") {
            let shown: Vec<_> = findings.iter().map(ToString::to_string).collect();
            panic!("{line}\n{}", shown.join("\n"));
        }
    }
}

/// What needs another line to make sense stands further in, and is right with that line.
#[test]
fn the_webhook_the_digest_and_starttls_of_the_example_are_accepted() {
    let mut text = String::new();
    for line in EXAMPLE.lines() {
        let inner = line.strip_prefix("#   ").unwrap_or_default();
        let is_meant = inner == "[[webhook]]"
            || inner.split_once(" = ").is_some_and(|(key, _)| {
                ["starttls", "digest", "url", "format", "on", "details"].contains(&key)
            });
        text.push_str(if is_meant { inner } else { line });
        text.push('\n');
    }
    let text = text
        .replace("smtps://mailer@smtp.example.com:465", "smtp://mailer@smtp.example.com")
        .replacen("\"credential-expiry\"]", "\"credential-expiry\", \"digest\"]", 1);
    let config = accept(&text);
    assert_eq!(config.webhooks.len(), 1);
    assert_eq!(config.webhooks[0].format, entra_scim::config::WebhookFormat::Teams);
    let email = config.email.expect("the example has one");
    assert_eq!((email.server.port, email.on.len()), (587, 5));
    assert_eq!(email.server.user.as_deref(), Some("mailer"));
    assert_eq!(config.apps[0].notify, ["crm-owner@example.com"]);
}

#[test]
fn every_optional_row_of_the_example_is_accepted() {
    let mut inside = false;
    let lines = EXAMPLE.lines().map(|line| {
        inside = line.starts_with("# [[") || (inside && line.starts_with("# "));
        if inside { &line[2..] } else { line }
    });
    let text: Vec<&str> = lines.collect();
    let rows = text.iter().filter(|line| line.starts_with("[[")).count();
    let given = EXAMPLE.lines().filter(|line| line.starts_with("[[")).count();
    assert!(rows >= given + 2, "{rows} rows, {given} of them given");
    accept(&text.join("\n"));
}

/// The example's application has no groups, so its rows of groups are tried with one that has.
#[test]
fn the_groups_of_the_example_are_accepted_where_there_are_some() {
    let (before, section) = EXAMPLE.split_once("[apps.whimsical.groups]").expect("the section");
    let mut inside = false;
    let lines = section.lines().map(|line| {
        inside = line.starts_with("# [[") || (inside && line.starts_with("# "));
        if inside { &line[2..] } else { line }
    });
    let section = lines.collect::<Vec<_>>().join("\n").replace("enabled = false", "enabled = true");
    let text = format!("{before}[apps.whimsical.groups]{section}").replacen(
        "profile = \"whimsical\"",
        "profile = \"generic\"",
        1,
    );
    let config = accept(&text);
    let groups = config.apps[0].job.of(ObjectKind::Group).expect("groups are provisioned");
    let rows: Vec<_> = groups.attributes.iter().map(|row| row.target.to_string()).collect();
    assert_eq!(rows, ["externalId", "displayName", "members"]);
    assert!(matches!(groups.attributes[1].source, MappingSource::Expression(_)));
    assert_eq!(groups.clauses().count(), 1);
}

#[test]
fn what_init_writes_is_accepted() {
    for (profile, app) in [("generic", "app"), ("whimsical", "whimsical")] {
        let text = init_template(&InitAnswers {
            tenant_id: "11111111-2222-3333-4444-555555555555".to_owned(),
            client_id: "66666666-7777-8888-9999-aaaaaaaaaaaa".to_owned(),
            enterprise_app: "Sales \"CRM\" \\ EU".to_owned(),
            tenant_url: "https://crm.example.com/scim?aadOptscim062020".to_owned(),
            profile: profile.to_owned(),
        });
        let config = accept(&text);
        assert_eq!(config.warnings, []);
        assert_eq!(config.apps[0].job.app.as_str(), app);
        assert_eq!(config.apps[0].profile, profile);
        let debug = format!("{:?}", config.apps[0].job.application);
        assert_eq!(debug, r#"DisplayName("Sales \"CRM\" \\ EU")"#);
    }
}
