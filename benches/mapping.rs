//! How long one person takes: the whole mapping, a scoping filter, and a long expression.
//!
//! `cargo bench --bench mapping` measures with the optimizer and ends with 1 where a figure is over
//! what it may be. Each figure is the median of many batches, so that a pause of the machine plays
//! no part. Nothing here reads a network, a file or the state.

#![expect(clippy::disallowed_methods, reason = "a benchmark is about the machine's time")]
#![expect(clippy::print_stdout, reason = "the figures are its output")]

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use entra_scim::{
    expression::{Expression, parse_date},
    gallery,
    model::{AppRole, AppRoleId, Attributes, ObjectKind, RedactionKey, SourceId},
    provisioning::{
        Clause, ClauseText, FilterInputs, FilterPrincipals, FilterResult, Grant, MappingInputs,
        Presence, ScopingFilter, Subject, map,
    },
};
use serde_json::json;

/// Batches whose median counts.
const BATCHES: usize = 101;

/// What a batch takes about, so that the clock's own steps play no part.
const BATCH: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    let subject = subject();
    let roles = vec![AppRole {
        id: AppRoleId::derive(&["editor"]),
        display_name: "Editor".to_owned(),
        value: Some("editor".to_owned()),
        is_enabled: true,
    }];
    let all = [mapping(&subject, &roles), filter(&subject, &roles), parse()];
    if all.into_iter().all(|reached| reached) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mapping(subject: &Subject, roles: &[AppRole]) -> bool {
    let profile = gallery::profile("generic").expect("the gallery's first profile");
    let key = RedactionKey::new(&[7; 32]);
    let inputs = MappingInputs {
        declared_roles: roles,
        is_soft_deleted: false,
        now: parse_date("2026-11-23T08:00:00Z").expect("a date"),
        default_domain: None,
        key: &key,
    };
    let mapped = map(&profile.users, subject, inputs).expect("the person can be mapped");
    assert!(mapped.rows.iter().all(|row| row.value.is_some()), "every attribute has a value");
    let took = median(|| drop(black_box(map(&profile.users, black_box(subject), inputs))));
    let what = format!("mapping of one user by `generic`, {} attributes", profile.users.len());
    report(&what, took, Duration::from_micros(10))
}

fn filter(subject: &Subject, roles: &[AppRole]) -> bool {
    let clause = |attribute, operator, value| {
        let value = Some(value);
        let text = ClauseText { attribute, operator, value, quantifier: None, anchor: None };
        Clause::compile(ObjectKind::User, &text).expect("a clause")
    };
    let filters = [ScopingFilter {
        name: None,
        clauses: vec![
            clause("department", "EQUALS", "Research"),
            clause("userPrincipalName", "ENDS_WITH", "@contoso.com"),
            clause("city", "NOT EQUALS", "Oslo"),
            clause("mail", "REGEX MATCH", r".*@contoso\.com"),
        ],
    }];
    let principals = FilterPrincipals::default();
    let now = parse_date("2026-11-23T08:00:00Z").expect("a date");
    let inputs = FilterInputs { subject, declared_roles: roles, principals: &principals, now };
    assert_eq!(FilterResult::of(&filters, inputs), FilterResult::Passed);
    let took = median(|| drop(black_box(FilterResult::of(black_box(&filters), inputs))));
    report("scoping filter of four clauses, one a pattern", took, Duration::from_micros(1))
}

fn parse() -> bool {
    const PART: &str =
        r#"IIF([department] = "Research", Join(" ", [givenName], [surname]), ToLower([mail])), "#;
    let pattern = r#"Replace([mail], , "(?<name>.*)@.*", , "${name}", , ), "#;
    let repeated = (9_900 - pattern.len()) / PART.len();
    let mut text = format!("Join(\"-\", {pattern}{}[city])", PART.repeat(repeated));
    text.push_str(&" ".repeat(10_000 - text.chars().count()));
    assert_eq!(text.chars().count(), 10_000);
    Expression::parse(&text).expect("an expression");
    let took = median(|| drop(black_box(Expression::parse(black_box(&text)))));
    report(
        "parse of an expression of 10,000 characters, one pattern in it",
        took,
        Duration::from_millis(1),
    )
}

/// The median of what one run took, over all batches.
fn median(mut run: impl FnMut()) -> Duration {
    let began = Instant::now();
    run();
    let once = began.elapsed().max(Duration::from_nanos(1));
    let runs = u32::try_from(BATCH.as_nanos() / once.as_nanos()).unwrap_or(u32::MAX).max(1);
    let mut batches: Vec<Duration> = (0..BATCHES)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..runs {
                run();
            }
            began.elapsed() / runs
        })
        .collect();
    batches.sort_unstable();
    batches[BATCHES / 2]
}

fn report(what: &str, took: Duration, at_most: Duration) -> bool {
    let reached = took <= at_most;
    let verdict = if reached { "ok" } else { "TOO SLOW" };
    println!("{verdict:8}  {what}: {took:?}, at most {at_most:?}");
    reached
}

fn subject() -> Subject {
    let attributes: Attributes = serde_json::from_value(json!({
        "accountEnabled": true,
        "userPrincipalName": "ada.lovell@contoso.com",
        "displayName": "Ada Lovell",
        "userType": "Member",
        "jobTitle": "Principal Engineer",
        "mail": "ada.lovell@contoso.com",
        "preferredLanguage": "en-GB",
        "givenName": "Ada",
        "surname": "Lovell",
        "officeLocation": "3.14",
        "streetAddress": "12 St James's Square",
        "city": "London",
        "state": "Greater London",
        "postalCode": "SW1Y 4JH",
        "country": "United Kingdom",
        "businessPhones": ["+44 20 7946 0000"],
        "mobilePhone": "+44 7700 900000",
        "faxNumber": "+44 20 7946 0001",
        "mailNickname": "ada.lovell",
        "employeeId": "18151210",
        "department": "Research",
    }))
    .expect("an object");
    Subject {
        kind: ObjectKind::User,
        id: SourceId::derive(&["ada"]),
        attributes,
        presence: Presence::Live,
        manager: None,
        grants: vec![Grant { role: AppRoleId::derive(&["editor"]), via: None }],
        filter_groups: std::collections::BTreeSet::new(),
    }
}
