//! Why somebody is in scope or not, and what would be sent: what is explained is what happens.

use std::fmt::Write as _;

use entra_scim::{
    cycle::{CycleOptions, Explained, Explanation, FoundBy, Members},
    model::{AppRole, AppRoleId},
    provisioning::Presence,
    sandbox::{
        application::Quirks,
        tenant::{ErrorBody, Fault},
    },
};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::world::World;

/// The explanation of somebody who is found.
async fn explained(world: &World, who: &str) -> Explanation {
    match world.explain(who).await {
        Explained::One(explanation) => *explanation,
        Explained::Several(all) => panic!("several are called {who}: {all:?}"),
        Explained::Nobody => panic!("nobody is called {who}"),
    }
}

/// The steps and the requests, without ids.
fn told(world: &World, explanation: &Explanation) -> String {
    let mut text = String::new();
    for step in &explanation.steps {
        writeln!(text, "{:?} {:?}: {}", step.kind, step.status, step.description)
            .expect("a text takes it");
        for (name, value) in step.details.iter().filter(|(name, _)| *name != "Object id") {
            writeln!(text, "    {name}: {value}").expect("a text takes it");
        }
    }
    for change in &explanation.changes {
        writeln!(text, "{} {}: {}", change.action.as_str(), change.reason, change.detail)
            .expect("a text takes it");
    }
    for request in &explanation.requests {
        let body = request.body.as_ref().map_or_else(String::new, ToString::to_string);
        writeln!(text, "{} {} {body}", request.method, request.path).expect("a text takes it");
    }
    for note in &explanation.notes {
        writeln!(text, "note: {note}").expect("a text takes it");
    }
    for (name, id) in &world.people {
        text = text.replace(&id.to_string(), &name.to_uppercase());
        if let Some(account) = world.account(&format!("{name}@contoso.com")) {
            let id = account["id"].as_str().expect("an id");
            text = text.replace(id, &format!("account-of-{name}"));
        }
    }
    text
}

/// The first decision: what, why, in words; without ids of accounts.
fn decision(explanation: &Explanation) -> String {
    let row = &explanation.changes[0];
    let words = row.detail.split(' ').filter(|word| !word.contains("`u-"));
    let detail = words.collect::<Vec<_>>().join(" ");
    format!("{} {} {}: {detail}", row.action.as_str(), row.status.as_str(), row.reason)
}

/// Two attributes are enough to see what is written.
const SMALL: &str = r#"---
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
[[apps.crm.users.attributes]]
target = "title"
source = "jobTitle"
"#;

/// The writes that the application has seen since the last call, as an explanation tells them.
fn written(world: &World) -> Vec<(String, String, Option<Value>)> {
    let mut requests = world.application.take_requests();
    requests.retain(entra_scim::sandbox::application::RecordedRequest::is_write);
    requests.into_iter().map(|r| (r.method.to_string(), r.path, r.body)).collect()
}

/// What an explanation says would be written.
fn announced(explanation: &Explanation) -> Vec<(String, String, Option<Value>)> {
    let all = explanation.requests.iter();
    all.map(|r| (r.method.to_owned(), r.path.clone(), r.body.clone())).collect()
}

#[tokio::test]
async fn someone_assigned_directly_is_created_and_the_request_is_the_one_that_leaves() {
    let mut world = World::with_config(SMALL);
    world.hire("ada");
    world.set("ada", "jobTitle", "Countess");
    let explanation = explained(&world, "ada@contoso.com").await;
    assert_snapshot!(told(&world, &explanation), @r#"
    Import Success: found in the directory
        Found by: user principal name
    Scoping Success: in scope
        Active in the source system: True
        Assigned to the application: True
        Assignments: Editor, directly
        ScopeEvaluationResult: True
        User has the required role: True
    Matching Success: no account matches
        Looked for: userName eq "ada@contoso.com"
    Processing Success: in scope, and no account matches
    create InScope: in scope, and no account matches
    POST /Users {"active":true,"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"title":"Countess","userName":"ada@contoso.com"}
    note: no cycle has finished here yet, so no account is linked
    "#);
    assert!(world.application.user_count() == 0);
    world.application.take_requests();
    world.sync_well().await;
    assert_eq!(written(&world), announced(&explanation));
}

#[tokio::test]
async fn someone_in_a_group_is_told_each_role_and_the_way_to_it() {
    let mut world = World::with_config(SMALL);
    let viewer = AppRoleId::derive(&["role", "Viewer"]);
    let sales = world.assigned_group("Sales & Søns", viewer);
    let other = world.assigned_group("Other", viewer);
    world.person("ada");
    world.person("bob");
    world.join(sales, "ada");
    world.join(other, "bob");
    world.assign("ada", Some(world.editor));
    world.assign("ada", None);
    let explanation = explained(&world, "ada@contoso.com").await;
    let paths: Vec<_> = explanation
        .found
        .assignments
        .iter()
        .map(|role| (role.name.as_str(), role.group.as_ref().map(|(_, name)| name.as_str())))
        .collect();
    let expected = [("Default Access", None), ("Editor", None), ("Viewer", Some("Sales & Søns"))];
    assert_eq!(paths, expected);
    assert_snapshot!(told(&world, &explanation), @r#"
    Import Success: found in the directory
        Found by: user principal name
    Scoping Success: in scope
        Active in the source system: True
        Assigned through: Sales & Søns
        Assigned to the application: True
        Assignments: Default Access, directly; Editor, directly; Viewer, through the group Sales & Søns
        ScopeEvaluationResult: True
        User has the required role: True
    Matching Success: no account matches
        Looked for: userName eq "ada@contoso.com"
    Processing Success: in scope, and no account matches
    create InScope: in scope, and no account matches
    POST /Users {"active":true,"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@contoso.com"}
    note: no cycle has finished here yet, so no account is linked
    "#);
}

#[tokio::test]
async fn a_role_that_is_gone_is_said_to_be() {
    let mut world = World::with_config(SMALL);
    world.hire("ada");
    world.tenant.remove_role(world.enterprise_app, world.editor);
    let explanation = explained(&world, "ada@contoso.com").await;
    let role = &explanation.found.assignments[0];
    assert_eq!((role.name.as_str(), role.enabled), (world.editor.to_string().as_str(), false));
}

#[tokio::test]
async fn whoever_is_not_in_scope_is_told_why() {
    let mut world = World::with_config(SMALL);
    world.person("ada");
    world.person("bob");
    world.assign("bob", None);
    let ada = explained(&world, "ada@contoso.com").await;
    assert_snapshot!(told(&world, &ada), @r"
    Import Success: found in the directory
        Found by: user principal name
    Scoping Skipped: not assigned to the application
        Active in the source system: True
        Assigned to the application: False
        ScopeEvaluationResult: False
        User has the required role: False
    Matching Skipped: no account is linked, and none was looked for
    Processing Skipped: not assigned to the application
        SkipReason: NotEffectivelyEntitled
    skip NotEffectivelyEntitled: not assigned to the application
    note: no cycle has finished here yet, so no account is linked
    ");
    let bob = explained(&world, "bob@contoso.com").await;
    assert_snapshot!(told(&world, &bob), @r"
    Import Success: found in the directory
        Found by: user principal name
    Scoping Skipped: its only role is Default Access
        Active in the source system: True
        Assigned to the application: True
        Assignments: Default Access, directly
        ScopeEvaluationResult: False
        User has the required role: False
    Matching Skipped: no account is linked, and none was looked for
    Processing Skipped: assigned with Default Access only, which is excluded
        SkipReason: NotEffectivelyEntitled
    skip NotEffectivelyEntitled: assigned with Default Access only, which is excluded
    note: no cycle has finished here yet, so no account is linked
    ");
    assert!(ada.requests.is_empty() && bob.requests.is_empty());
}

#[tokio::test]
async fn someone_disabled_who_never_had_an_account_gets_none_and_an_active_one_is_pointed_out() {
    let mut world = World::with_config(SMALL);
    world.hire("ada");
    world.tenant.disable_user(world.id("ada"));
    let explanation = explained(&world, "ada@contoso.com").await;
    assert_snapshot!(told(&world, &explanation), @r#"
    Import Success: found in the directory
        Found by: user principal name
    Scoping Success: in scope
        Active in the source system: False
        Assigned to the application: True
        Assignments: Editor, directly
        ScopeEvaluationResult: True
        User has the required role: True
    Matching Skipped: no account is linked; one was looked for to say more
        Looked for: userName eq "ada@contoso.com"
    Processing Skipped: disabled in the directory before it ever had an account
        SkipReason: NotEffectivelyEntitled
    skip NotEffectivelyEntitled: disabled in the directory before it ever had an account
    note: no cycle has finished here yet, so no account is linked
    "#);
    world.seed_account(json!({ "userName": "ada@contoso.com", "active": true }));
    let explanation = explained(&world, "ada@contoso.com").await;
    assert!(told(&world, &explanation).contains("the active account `account-of-ada` matches"));
}

#[tokio::test]
async fn someone_soft_deleted_is_found_among_the_deleted_and_the_account_is_disabled() {
    let mut world = World::with_config(SMALL);
    world.hire_all(["ada", "bob"]);
    let world = world.all_provisioned().await;
    world.tenant.soft_delete_user(world.id("ada"));
    let explanation = explained(&world, "ADA@contoso.com").await;
    assert_eq!(explanation.found.presence, Presence::SoftDeleted);
    assert_snapshot!(told(&world, &explanation), @r#"
    Import Success: soft-deleted in the directory
        Found by: user principal name
    Scoping Success: in scope
        Active in the source system: False
        Assigned to the application: True
        Assignments: Editor, directly
        ScopeEvaluationResult: True
        User has the required role: True
    Matching Success: linked to account `account-of-ada`
    Processing Success: soft-deleted in the directory
    disable SoftDeleted: soft-deleted in the directory
    PATCH /Users/account-of-ada {"Operations":[{"op":"replace","path":"active","value":false}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
    note: assignments play no part once somebody is deleted
    note: removals of a cycle are counted by the safeguards first
    "#);
    let by_id = explained(&world, &world.id("ada").to_string()).await;
    assert_eq!(announced(&by_id), announced(&explanation));
    world.application.take_requests();
    world.sync_well().await;
    assert_eq!(written(&world), announced(&explanation));
}

#[tokio::test]
async fn someone_who_is_linked_and_unchanged_needs_no_request_at_all() {
    let mut world = World::with_config(SMALL);
    world.hire("ada");
    let world = world.all_provisioned().await;
    let explanation = explained(&world, "ada@contoso.com").await;
    assert_snapshot!(told(&world, &explanation), @r"
    Import Success: found in the directory
        Found by: user principal name
    Scoping Success: in scope
        Active in the source system: True
        Assigned to the application: True
        Assignments: Editor, directly
        ScopeEvaluationResult: True
        User has the required role: True
    Matching Success: linked to account `account-of-ada`
    Processing Skipped: nothing differs
        SkipReason: RedundantExport
    skip RedundantExport: nothing differs
    ");
    assert!(world.application.take_requests().is_empty(), "the link says it all");
}

#[tokio::test]
async fn an_update_is_explained_with_the_patch_that_leaves_manager_included() {
    let mut world = World::with_users(["ada", "grace"]);
    let world = {
        world.person("bob");
        world.all_provisioned().await
    };
    world.set("ada", "jobTitle", "Countess");
    world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
    world.tenant.set_manager(world.id("grace"), Some(world.id("bob")));
    let ada = explained(&world, "ada@contoso.com").await;
    let grace = explained(&world, "grace@contoso.com").await;
    assert!(grace.requests.is_empty(), "{:?}", grace.requests);
    let manager = grace.mapping.iter().find(|row| row.source == "[manager]").expect("mapped");
    assert!(manager.notes[0].contains("has no account yet"), "{manager:?}");
    world.application.take_requests();
    world.sync_well().await;
    let announced = announced(&ada);
    assert_eq!(written(&world), announced);
    assert_eq!(announced.len(), 1, "one write, not two");
}

#[tokio::test]
async fn an_account_that_matches_is_adopted_and_what_differs_is_written() {
    let mut world = World::with_config(SMALL);
    world.hire("ada");
    world.set("ada", "jobTitle", "Countess");
    let account = json!({ "userName": "ADA@contoso.com", "active": false, "title": "Lady" });
    world.seed_account(account);
    let explanation = explained(&world, "ada@contoso.com").await;
    assert_snapshot!(told(&world, &explanation), @r#"
    Import Success: found in the directory
        Found by: user principal name
    Scoping Success: in scope
        Active in the source system: True
        Assigned to the application: True
        Assignments: Editor, directly
        ScopeEvaluationResult: True
        User has the required role: True
    Matching Success: account `account-of-ada` matches
        Looked for: userName eq "ada@contoso.com"
        Matching attribute: userName
    Processing Success: account `account-of-ada` has the same `userName`
    Processing Success: the adopted account was disabled at the target
    adopt Matched: account `account-of-ada` has the same `userName`
    enable AdoptedAccountDisabled: the adopted account was disabled at the target
    PATCH /Users/account-of-ada {"Operations":[{"op":"replace","path":"active","value":true},{"op":"replace","path":"title","value":"Countess"}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
    note: no cycle has finished here yet, so no account is linked
    "#);
    world.application.take_requests();
    world.sync_well().await;
    assert_eq!(written(&world), announced(&explanation));
}

#[tokio::test]
async fn two_accounts_that_match_stop_it() {
    let mut world = World::with_config(SMALL);
    world.hire("ada");
    world.quirks(Quirks { duplicates_allowed: true, ..Quirks::default() });
    for _ in 0..2 {
        world.seed_account(json!({ "userName": "ada@contoso.com" }));
    }
    let explanation = explained(&world, "ada@contoso.com").await;
    assert_snapshot!(decision(&explanation), @"skip failure DuplicateTargetEntries: 2 accounts have the same `userName`");
    assert!(explanation.requests.is_empty());
}

#[tokio::test]
async fn an_account_of_another_person_is_left_alone_unless_that_one_gives_the_value_up() {
    let mut world = World::with_config(SMALL);
    world.hire("bob");
    let mut world = world.all_provisioned().await;
    world.set("bob", "userPrincipalName", "bobby@contoso.com");
    world.hire("ada");
    world.set("ada", "userPrincipalName", "bob@contoso.com");
    let explanation = explained(&world, &world.id("ada").to_string()).await;
    assert_snapshot!(decision(&explanation), @"skip failure DuplicateSourceEntries: account has the same `userName`, but belongs or belonged to another person; nothing was written to it");
    assert!(explanation.requests.is_empty());
    assert!(explanation.notes.iter().any(|note| note.contains("give the value up")));
}

#[tokio::test]
async fn names_with_quotes_and_letters_of_every_kind_are_found_whatever_their_case() {
    let mut world = World::with_config(SMALL);
    for name in ["o'neil+x", "zoë%20&co", "李"] {
        let spec =
            entra_scim::sandbox::tenant::UserSpec::named(&format!("{name}@contoso.com"), name)
                .with("mail", format!("mail.{name}@contoso.com"));
        let id = world.tenant.add_user(spec);
        world.people.insert(name.to_owned(), id);
        for (who, by) in [
            (format!("{name}@CONTOSO.com"), FoundBy::UserPrincipalName),
            (format!("MAIL.{name}@contoso.com"), FoundBy::Mail),
            (id.to_string().to_uppercase(), FoundBy::Id),
        ] {
            let explanation = explained(&world, &who).await;
            assert_eq!((explanation.found.id, explanation.found.by), (id, by), "{who}");
        }
    }
    let group = world.tenant.add_group("R&D's \"best\" #1");
    let found = explained(&world, "r&d's \"BEST\" #1").await.found;
    assert_eq!((found.id, found.by), (group, FoundBy::DisplayName));
}

#[tokio::test]
async fn a_mail_address_of_several_chooses_nobody_and_a_principal_name_is_one_persons() {
    let mut world = World::with_config(SMALL);
    world.person("ada");
    world.person("bob");
    world.set("ada", "mail", "team@contoso.com");
    world.set("bob", "mail", "team@contoso.com");
    let Explained::Several(all) = world.explain("Team@contoso.com").await else { panic!() };
    let mut names: Vec<_> = all.iter().map(|one| one.display.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ada@contoso.com", "bob@contoso.com"]);
    world.set("bob", "mail", "ada@contoso.com");
    assert_eq!(explained(&world, "ada@contoso.com").await.found.id, world.id("ada"));
    let (one, two) = (world.tenant.add_group("twins"), world.tenant.add_group("Twins"));
    let Explained::Several(all) = world.explain("twins").await else { panic!() };
    let mut ids: Vec<_> = all.iter().map(|one| one.id).collect();
    ids.sort();
    let mut expected = [one, two];
    expected.sort();
    assert_eq!(ids, expected);
    assert!(matches!(world.explain("nobody@contoso.com").await, Explained::Nobody));
    let unknown = "00000000-0000-0000-0000-0000000000ff";
    assert!(matches!(world.explain(unknown).await, Explained::Nobody));
}

#[tokio::test]
async fn someone_gone_for_good_is_still_known_by_the_state_and_one_missing_row_proves_nothing() {
    let mut world = World::with_config(SMALL);
    world.hire_all(["ada", "bob"]);
    let world = world.all_provisioned().await;
    world.tenant.soft_delete_user(world.id("ada"));
    world.tenant.purge_user(world.id("ada"));
    let explanation = explained(&world, "ada@contoso.com").await;
    assert_eq!(explanation.found.by, FoundBy::State);
    assert_snapshot!(told(&world, &explanation), @r"
    Import Warning: the directory does not show it
        Found by: a name in the state of the last cycle
    Scoping Success: in scope
        Active in the source system: False
        Assigned to the application: True
        Assignments: Editor, directly
        ScopeEvaluationResult: True
        User has the required role: True
    Matching Success: linked to account `account-of-ada`
    Processing Skipped: the directory does not show it; one missing row proves nothing
        SkipReason: AwaitingConfirmation
    skip AwaitingConfirmation: the directory does not show it; one missing row proves nothing
    ");
}

#[tokio::test]
async fn a_group_is_named_with_its_roles_and_its_direct_members() {
    let mut world = World::with_config(SMALL);
    let group = world.assigned_group("Sales", world.editor);
    let nested = world.tenant.add_group("Nested");
    world.tenant.add_member(group, nested);
    for name in ["ada", "bob"] {
        world.person(name);
        world.join(group, name);
    }
    let explanation = explained(&world, "sales").await;
    let members = Members { users: 2, groups: 1, nested: false, more: false };
    assert_eq!(explanation.found.members, Some(members));
    assert_snapshot!(told(&world, &explanation), @r"
    Import Success: found in the directory
    Scoping Success: its direct members are assigned through it
        Assigned to the application: True
        Assignments: Editor, directly
    Processing Skipped: group objects are not provisioned, only the people who are direct members
    ");
    world.unassign("ada");
    let other = explained(&world, "Nested").await;
    assert_eq!(other.steps[1].description, "not assigned to the application");
}

#[tokio::test]
async fn what_an_earlier_write_left_in_doubt_is_read_back() {
    let mut world = World::with_config(SMALL);
    world.hire("ada");
    let mut world = world.all_provisioned().await;
    world.state().write(|tx| tx.set_stale(world.id("ada"))).expect("a state");
    let explanation = explained(&world, "ada@contoso.com").await;
    assert!(told(&world, &explanation).contains("no known outcome, so it was read"));
    let account = world.account("ada@contoso.com").expect("there");
    world.expects_violations();
    world.application.tamper_delete(account["id"].as_str().expect("an id"));
    let explanation = explained(&world, "ada@contoso.com").await;
    assert_eq!(explanation.changes[0].action.as_str(), "create");
    assert!(explanation.notes.iter().any(|note| note.contains("is gone")), "{explanation:?}");
}

#[tokio::test]
async fn what_is_redacted_is_shown_nowhere() {
    let row = "[[apps.crm.users.attributes]]\ntarget = \"nickName\"\n\
               expression = 'Redact([employeeId])'\n";
    let mut world = World::with_config(&format!("{SMALL}{row}"));
    world.hire("ada");
    world.set("ada", "employeeId", "S3CRET");
    let explanation = explained(&world, "ada@contoso.com").await;
    let told = explanation.mapping.iter().find(|row| row.redacted).expect("one is redacted");
    assert_eq!(told.value, Some(json!("[Redact]")));
    for who in [explanation, {
        let world = world.all_provisioned().await;
        world.set("ada", "employeeId", "S3CRET-2");
        let explanation = explained(&world, "ada@contoso.com").await;
        let body = &explanation.requests[0].body.as_ref().expect("a body")["Operations"][0];
        assert_eq!((&body["path"], &body["value"]), (&json!("nickName"), &json!("[Redact]")));
        explanation
    }] {
        assert!(!format!("{:?}{:?}", who.mapping, who.requests).contains("S3CRET"));
        assert!(!format!("{:?}{:?}", who.changes, who.steps).contains("S3CRET"));
        assert!(!format!("{:?}", who.requests).contains("$redacted"), "{:?}", who.requests);
        assert!(format!("{:?}", who.requests).contains("[Redact]"), "{:?}", who.requests);
    }
}

#[tokio::test]
async fn each_clause_of_a_scoping_filter_says_what_it_saw_of_the_person_as_it_is_now() {
    let filter = r#"[[apps.crm.users.scoping_filters]]
name = "sales"
clauses = [
    { attribute = "department", operator = "EQUALS", value = "Sales" },
    { attribute = "memberOf", operator = "EQUALS", value = "Sales & Søns" },
    { attribute = "manager", operator = "EQUALS", value = "bob@contoso.com" },
]
"#;
    let mut world = World::with_config(&format!("{SMALL}{filter}"));
    let group = world.tenant.add_group("Sales & Søns");
    world.hire("ada");
    world.person("bob");
    world.set("ada", "department", "Legal");
    let clauses = |world: &World, explanation: &Explanation| {
        let told = told(world, explanation);
        let lines: Vec<_> =
            told.lines().map(str::trim).filter(|line| line.starts_with("Filter ")).collect();
        lines.join("\n")
    };
    let explanation = explained(&world, "ada@contoso.com").await;
    assert_snapshot!(clauses(&world, &explanation), @r#"
    Filter 1 "sales", clause 1: department EQUALS "Sales": False: saw "Legal"
    Filter 1 "sales", clause 2: memberOf EQUALS "Sales & Søns": False: saw no member
    Filter 1 "sales", clause 3: manager EQUALS "bob@contoso.com": False: saw nobody
    "#);
    assert_eq!(explanation.changes[0].detail, "assigned, but no scoping filter holds");
    world.set("ada", "department", "Sales");
    world.join(group, "ada");
    world.tenant.set_manager(world.id("ada"), Some(world.id("bob")));
    let before = world.state_bytes();
    let explanation = explained(&world, "ada@contoso.com").await;
    assert_snapshot!(clauses(&world, &explanation), @r#"
    Filter 1 "sales", clause 1: department EQUALS "Sales": True: saw "Sales"
    Filter 1 "sales", clause 2: memberOf EQUALS "Sales & Søns": True: saw a member
    Filter 1 "sales", clause 3: manager EQUALS "bob@contoso.com": True: saw BOB
    "#);
    assert!(world.state_bytes() == before, "the state is not as it was");
    world.application.take_requests();
    world.sync_well().await;
    assert_eq!(written(&world), announced(&explanation));
}

#[tokio::test]
async fn a_group_that_a_filter_names_in_vain_is_the_error_that_a_cycle_has() {
    let filter = r#"[[apps.crm.users.scoping_filters]]
clauses = [{ attribute = "memberOf", operator = "EQUALS", value = "Nobody's" }]
"#;
    let mut world = World::with_config(&format!("{SMALL}{filter}"));
    world.hire("ada");
    let error = world.try_explain("ada@contoso.com").await.err().expect("no such group");
    assert!(error.to_string().contains("Nobody's"), "{error}");
}

#[tokio::test]
async fn a_directory_that_refuses_somebodys_groups_is_asked_for_the_groups_members() {
    for status in [400, 404, 405, 501] {
        let mut world = World::with_config(SMALL);
        let group = world.assigned_group("Sales", world.editor);
        let other = world.assigned_group("Other", world.editor);
        world.person("ada");
        world.person("bob");
        world.join(group, "ada");
        world.join(other, "bob");
        world.tenant.inject_at("/memberOf", Fault::ServerError { status, body: ErrorBody::Json });
        let explanation = explained(&world, "ada@contoso.com").await;
        let groups: Vec<_> =
            explanation.found.assignments.iter().map(|role| role.group.clone()).collect();
        assert_eq!(groups, [Some((group, "Sales".to_owned()))], "{status}");
        assert_eq!(explanation.changes[0].action.as_str(), "create", "{status}");
    }
}

#[tokio::test]
async fn nothing_is_written_and_few_requests_suffice_in_a_large_company() {
    let mut world = World::new();
    for n in 0..1_200 {
        world.hire(&format!("u{n}"));
    }
    world.hire("ada");
    let group = world.assigned_group("Sales", world.editor);
    world.join(group, "ada");
    let before = world.state_bytes();
    world.tenant.take_requests();
    explained(&world, "ada@contoso.com").await;
    let graph = world.tenant.take_requests();
    let asked = graph.iter().filter(|request| !request.is_login()).count();
    assert!(asked <= 6, "{asked} requests");
    assert!(written(&world).is_empty());
    assert!(world.state_bytes() == before, "the state is not as it was");
}

/// People of every kind, half of them changed after the first cycle.
async fn company() -> World {
    let mut world = World::new();
    let viewer = AppRole {
        id: AppRoleId::derive(&["role", "Viewer"]),
        display_name: "Viewer".to_owned(),
        value: Some("viewer".to_owned()),
        is_enabled: true,
    };
    world.hire_all(["ada", "bob", "cyd", "dan", "eve", "fay"]);
    let group = world.assigned_group("Sales", viewer.id);
    for name in ["gus", "hal"] {
        world.person(name);
        world.join(group, name);
    }
    world.person("ida");
    world.assign("ida", None);
    let mut world = world.all_provisioned().await;
    world.set("ada", "displayName", "Ada Lovell");
    world.unassign("bob");
    world.tenant.disable_user(world.id("cyd"));
    world.tenant.soft_delete_user(world.id("dan"));
    world.tenant.remove_member(group, world.id("gus"));
    world.set("hal", "mail", Value::Null);
    world.set("eve", "userPrincipalName", "eve.new@contoso.com");
    world.hire_all(["jan", "kim", "lea"]);
    world.tenant.disable_user(world.id("kim"));
    world.seed_account(json!({ "userName": "lea@contoso.com", "active": false }));
    world
}

#[tokio::test]
async fn whoever_is_asked_about_the_explanation_is_what_the_plan_says() {
    let world = company().await;
    let (rows, end) = world.pending(CycleOptions::default()).await;
    assert!(end.error.is_none(), "{:?}", end.report.error);
    assert!(rows.len() >= 8, "{rows:#?}");
    for (name, id) in &world.people {
        let explanation = explained(&world, &id.to_string()).await;
        let planned = |row: &&entra_scim::provisioning::PlannedChange| {
            row.source == *id && explanation_counts(row)
        };
        let expected: Vec<_> = rows.iter().filter(planned).map(essence).collect();
        let found = explanation.changes.iter().filter(|row| explanation_counts(row));
        assert_eq!(found.map(essence).collect::<Vec<_>>(), expected, "{name}");
    }
}

fn explanation_counts(row: &entra_scim::provisioning::PlannedChange) -> bool {
    row.action != entra_scim::provisioning::Action::Skip
}

/// What of a row does not depend on the cycle.
fn essence(row: &entra_scim::provisioning::PlannedChange) -> String {
    format!(
        "{:?} {:?} {} {:?} {:?} {:?}",
        row.action, row.reason, row.detail, row.target, row.changes, row.write
    )
}

#[tokio::test]
async fn a_group_that_is_provisioned_itself_is_explained_like_an_account() {
    let mut world = World::with_config("[apps.crm.groups]\nenabled = true\n");
    let group = world.assigned_group("Sales", world.editor);
    world.person("ada");
    world.join(group, "ada");
    let Explained::One(before) = world.explain("Sales").await else { panic!("one group") };
    assert_eq!(before.changes.len(), 1);
    assert_eq!(before.requests[0].method, "POST");
    assert_eq!(before.requests[0].path, "/Groups");
    world.sync_well().await;
    let Explained::One(after) = world.explain("Sales").await else { panic!("one group") };
    assert!(after.requests.is_empty(), "{:?}", after.requests);
    assert!(
        after.notes.iter().any(|note| note.starts_with("it has 1 member")),
        "{:?}",
        after.notes
    );
}
