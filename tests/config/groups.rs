//! Groups in the configuration: what is provisioned of them, and every way to get it wrong.

use entra_scim::{
    config::AppSettings,
    model::ObjectKind,
    provisioning::job::{DirectoryDelete, Job, OutOfScope, Threshold},
    scim::AttributePath,
};
use insta::assert_snapshot;

use super::{MINIMAL, accept, and, refuse, with};

const ENABLED: &str = "[apps.crm.groups]\nenabled = true\n";

/// The application in `text`, which has to be right.
#[track_caller]
fn app(text: &str) -> AppSettings {
    accept(text).apps.remove(0)
}

/// The job of groups in `text`, which has to be right.
#[track_caller]
fn groups(text: &str) -> Job {
    *app(text).job.groups.expect("groups are provisioned")
}

fn of_profile(name: &str, more: &str) -> String {
    with("[apps.crm]\n", &format!("[apps.crm]\nprofile = \"{name}\"\n")) + more
}

fn row(lines: &str) -> String {
    and(&format!("{ENABLED}inherit = true\n\n[[apps.crm.groups.attributes]]\n{lines}"))
}

/// What is wrong with a row of groups.
#[track_caller]
fn refuse_row(lines: &str) -> String {
    refuse(&row(lines))
}

fn rows(job: &Job) -> Vec<String> {
    let shown = |row: &entra_scim::provisioning::job::AttributeMapping| {
        let matching = row.matching_priority.map(|number| format!(" match {number}"));
        format!("{}{}", row.target, matching.unwrap_or_default())
    };
    job.attributes.iter().map(shown).collect()
}

#[test]
fn groups_are_not_provisioned_unless_the_file_says_so() {
    assert!(app(MINIMAL).job.groups.is_none());
    assert!(app(&and("[apps.crm.groups]")).job.groups.is_none());
    assert!(app(&and("[apps.crm.groups]\nenabled = false\ninherit = true")).job.groups.is_none());
    let job = groups(&and(ENABLED));
    assert_eq!(job.kind, ObjectKind::Group);
    assert!(job.groups.is_none());
    assert_eq!(rows(&job), ["externalId match 1", "displayName match 2", "members"]);
    assert_eq!(job.members_path(), AttributePath::parse("members").ok().as_ref());
    assert!(job.attributes.iter().any(|row| row.target.is_display_name() && row.required));
    assert!(job.scoping_filters.is_empty());
}

#[test]
fn a_job_of_groups_shares_all_but_its_rows_filters_and_safeguards() {
    let text = and(&format!("{ENABLED}\n[apps.crm.safeguards]\nmax_creates = 7\nupdate = false"));
    let users = app(&text).job;
    let groups = users.of(ObjectKind::Group).expect("groups are provisioned");
    assert_eq!(
        users.kinds().map(|job| job.kind).collect::<Vec<_>>(),
        [ObjectKind::User, ObjectKind::Group]
    );
    assert_eq!((&groups.app, &groups.target_base), (&users.app, &users.target_base));
    assert_eq!((&groups.revision, &groups.pace), (&users.revision, &users.pace));
    assert_eq!(groups.safeguards.max_creates, Some(7));
    assert!(groups.safeguards.create && !groups.safeguards.update && groups.safeguards.delete);
    let path = |text| AttributePath::parse(text).expect(text);
    assert!(groups.capability.filterable.contains(&path("externalId")));
    assert!(!groups.capability.filterable.contains(&path("userName")));
}

#[test]
fn what_disables_an_account_deletes_a_group_and_what_keeps_keeps() {
    let safeguards = |lines: &str| {
        groups(&and(&format!("{ENABLED}\n[apps.crm.safeguards]\n{lines}"))).safeguards
    };
    let default = safeguards("");
    assert_eq!(default.on_out_of_scope, OutOfScope::Delete);
    assert_eq!(default.on_directory_delete, DirectoryDelete::Delete);
    let disable = safeguards("on_directory_delete = \"disable\"\ndelete_after = \"30d\"");
    assert_eq!(disable.on_directory_delete, DirectoryDelete::Delete);
    assert_eq!(disable.delete_after, None, "nothing of a group was ever disabled");
    let keep = safeguards("on_out_of_scope = \"keep\"\non_directory_delete = \"keep\"");
    assert_eq!(keep.on_out_of_scope, OutOfScope::Keep);
    assert_eq!(keep.on_directory_delete, DirectoryDelete::Keep);
    assert!(!safeguards("delete = false").delete);
}

#[test]
fn what_the_application_cannot_do_with_groups_is_not_tried() {
    let miro = groups(&of_profile("miro", ENABLED));
    assert!(!miro.safeguards.create && !miro.safeguards.delete);
    assert!(!miro.capability.creates && !miro.capability.deletes && miro.capability.renames);
    assert_eq!(miro.safeguards.on_out_of_scope, OutOfScope::Keep);
    assert_eq!(miro.safeguards.on_directory_delete, DirectoryDelete::Keep);
    assert_eq!(rows(&miro), ["displayName match 1", "members"]);
    let atlassian = groups(&of_profile("atlassian", ENABLED));
    assert!(!atlassian.capability.renames && atlassian.capability.deletes);
    assert_eq!(atlassian.safeguards.on_directory_delete, DirectoryDelete::Delete);
    let slack = groups(&of_profile("slack", ENABLED));
    let name = slack.attributes.iter().find(|row| row.target.is_display_name()).expect("mapped");
    assert_eq!(name.limit.forbidden, "", "what Slack says about names is about people");
    assert_snapshot!(refuse(&of_profile("gitlab", ENABLED)), @"config.toml:14: apps.crm.groups.enabled: profile `gitlab` has no groups, only the people in them; write false, or leave the section out; whoever is in an assigned group still gets an account");
    assert!(app(&of_profile("gitlab", "[apps.crm.groups]\nenabled = false")).job.groups.is_none());
}

#[test]
fn own_rows_of_groups_replace_the_profiles_unless_they_inherit() {
    let own = "\n[[apps.crm.groups.attributes]]\ntarget = \"displayName\"\n\
               expression = 'Append(\"Entra \", [displayName])'\nmatch = 1\n";
    assert_eq!(rows(&groups(&and(&format!("{ENABLED}{own}")))), ["displayName match 1"]);
    let own = own.replace("match = 1", "match = 2");
    let inherited = groups(&and(&format!("{ENABLED}inherit = true\n{own}")));
    assert_eq!(rows(&inherited), ["externalId match 1", "displayName match 2", "members"]);
    let more = row("target = \"urn:example:1.0:Group:note\"\nsource = \"description\"");
    assert_eq!(rows(&groups(&more)).len(), 4);
}

#[test]
fn a_filter_of_groups_looks_at_what_groups_have() {
    let filters = |clauses: &str| {
        and(&format!("{ENABLED}\n[[apps.crm.groups.scoping_filters]]\nclauses = [\n{clauses}\n]"))
    };
    let job = groups(&filters(
        r#"{ attribute = "displayName", operator = "REGEX MATCH", value = "CRM .*" },
{ attribute = "securityEnabled", operator = "IS TRUE" },
{ attribute = "groupTypes", operator = "NOT EQUALS", value = "Unified", quantifier = "all" },
{ attribute = "appRoles", operator = "EQUALS", value = "Editor" },
{ attribute = "objectId", operator = "NOT EQUALS", value = "x" },"#,
    ));
    assert_eq!(job.clauses().count(), 5);
    assert_eq!(app(&and(ENABLED)).job.clauses().count(), 0);
    assert_snapshot!(refuse(&filters(
        r#"{ attribute = "manager", operator = "IS NULL" },
{ attribute = "memberOf", operator = "EQUALS", value = "Staff" },
{ attribute = "userType", operator = "EQUALS", value = "Guest" },
{ attribute = "members", operator = "IS NOT NULL" },
{ attribute = "IsSoftDeleted", operator = "IS TRUE" },
{ attribute = "desription", operator = "IS NULL" },"#
    )), @r#"
    config.toml:17: apps.crm.groups.scoping_filters[1].clauses[1].attribute: a group has no `manager`; a filter of groups looks at `displayName`, `mail`, `description` and so on
    config.toml:18: apps.crm.groups.scoping_filters[1].clauses[2].attribute: a group has no `memberOf`; a filter of groups looks at `displayName`, `mail`, `description` and so on
    config.toml:19: apps.crm.groups.scoping_filters[1].clauses[3].attribute: a group has no `userType`; a filter of groups looks at `displayName`, `mail`, `description` and so on
    config.toml:20: apps.crm.groups.scoping_filters[1].clauses[4].attribute: a filter cannot look at who the members are; filter the people themselves, with `memberOf`
    config.toml:21: apps.crm.groups.scoping_filters[1].clauses[5].attribute: `IsSoftDeleted` itself depends on whether the filters hold
    config.toml:22: apps.crm.groups.scoping_filters[1].clauses[6].attribute: unknown source attribute "desription"; did you mean `description`?
    "#);
    let people = refuse(&and(
        "[[apps.crm.users.scoping_filters]]\nclauses = [{ attribute = \"securityEnabled\", \
         operator = \"IS TRUE\" }]",
    ));
    assert_snapshot!(people, @"config.toml:13: apps.crm.users.scoping_filters[1].clauses[1].attribute: `securityEnabled` is an attribute of groups; to filter people by their groups, use `memberOf`");
    let all = filters(r#"{ attribute = "appRoles", operator = "EQUALS", value = "Editor" },"#)
        .replace("[apps.crm]\n", "[apps.crm]\nscope = \"all\"\n");
    assert_snapshot!(refuse(&all), @r#"config.toml:18: apps.crm.groups.scoping_filters[1].clauses[1].attribute: with scope = "all" nobody is looked up for app roles; use scope = "assigned", or another attribute"#);
}

#[test]
fn a_mistake_in_the_groups_section_names_the_nearest_key() {
    assert_snapshot!(refuse(&and("[apps.crm.groups]\nenable = true\nenabled = \"yes\"")), @r"
    config.toml:13: apps.crm.groups.enable: unknown key; did you mean `enabled`?
    config.toml:14: apps.crm.groups.enabled: expected true or false, found a text
    ");
    assert_snapshot!(refuse(&with("[apps.crm]", "[apps.crm]\ngroups = true")), @"config.toml:7: apps.crm.groups: expected a table, found true or false");
    assert_snapshot!(refuse(&with("[apps.crm]", "[apps.crm]\nnested_groups = \"yes\"")), @"config.toml:7: apps.crm.nested_groups: expected true or false, found a text");
    let target = |line: &str| with("tenant_url", &format!("{line}\ntenant_url"));
    assert_snapshot!(refuse(&target("max_members_per_request = 0")), @"config.toml:10: apps.crm.target.max_members_per_request: 0 is not between 1 and 1000");
    assert_snapshot!(refuse(&target("max_members_per_requests = 10")), @"config.toml:10: apps.crm.target.max_members_per_requests: unknown key; did you mean `max_members_per_request`?");
}

#[test]
fn a_row_of_groups_that_makes_no_sense_is_refused() {
    assert_snapshot!(refuse_row("target = \"active\"\nsource = \"securityEnabled\""), @"config.toml:18: apps.crm.groups.attributes[1].source: a group has no `active`: it is there, or it is deleted; leave the row out; safeguards.on_out_of_scope says what becomes of a group");
    assert_snapshot!(refuse_row("target = \"members\"\nsource = \"mail\""), @r#"config.toml:18: apps.crm.groups.attributes[1].source: the target is the list of references to accounts; its only possible source is source = "members""#);
    assert_snapshot!(refuse_row("target = \"description\"\nsource = \"members\""), @"config.toml:18: apps.crm.groups.attributes[1].source: members cannot flow to `description`; the only target for them is `members`");
    assert_snapshot!(refuse_row("target = \"description\"\nexpression = 'Count([members])'"), @r#"config.toml:18: apps.crm.groups.attributes[1].expression: members are references, of which no expression can make anything; write target = "members", source = "members""#);
    assert_snapshot!(refuse_row("target = \"description\"\nexpression = 'Redact([description])'"), @"config.toml:18: apps.crm.groups.attributes[1].expression: what is known of groups is stored and shown in clear, so `Redact` would hide nothing; write the expression without `Redact`, or leave the row out");
    assert_snapshot!(refuse_row("target = \"description\"\nexpression = 'SingleAppRoleAssignment([appRoleAssignments])'"), @"config.toml:18: apps.crm.groups.attributes[1].expression: app roles are people's; a group hands its own on to its members");
    assert_snapshot!(refuse_row("target = \"owner\"\nsource = \"manager\""), @"config.toml:18: apps.crm.groups.attributes[1].source: `manager` is an attribute of people, and a group has none; a group has `objectId`, `displayName`, `description`, `mail`, `members` and more");
    assert_snapshot!(refuse_row("target = \"description\"\nsource = \"desciption\""), @r#"config.toml:18: apps.crm.groups.attributes[1].source: unknown source attribute "desciption"; did you mean `description`?"#);
    assert_snapshot!(refuse_row("target = \"description\"\nexpression = 'ToLower([userPrincipalName], )'"), @r"
    config.toml:18: apps.crm.groups.attributes[1].expression: unknown attribute [userPrincipalName] (line 1, column 9)
        ToLower([userPrincipalName], )
                ^
    ");
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    assert_snapshot!(refuse_row(&format!("target = \"{manager}\"\nsource = \"mail\"")), @"config.toml:18: apps.crm.groups.attributes[1].source: `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager` is a reference of accounts, and groups have none");
    assert_snapshot!(refuse_row("target = \"description\"\nsource = \"mail\"\nmatch = 3"), @"config.toml:19: apps.crm.groups.attributes[1].match: `description` cannot stand in a filter of groups of profile `generic`; match on one of `displayName`, `externalId`, `id`");
    assert_snapshot!(refuse_row("target = \"displayName\"\nconstant = \"Staff\"\nmatch = 2"), @"config.toml:19: apps.crm.groups.attributes[1].match: a constant is the same for every group and matches none");
    let people = |source: &str, target: &str| {
        refuse(&and(&format!(
            "[apps.crm.users]\ninherit = true\n[[apps.crm.users.attributes]]\n\
             target = \"{target}\"\nsource = \"{source}\""
        )))
    };
    assert_snapshot!(people("members", "title"), @"config.toml:16: apps.crm.users.attributes[1].source: `members` is an attribute of groups, and a person has none; the mapping of groups stands in [apps.NAME.groups]");
    assert_snapshot!(people("manager", "members"), @"config.toml:16: apps.crm.users.attributes[1].source: an account has no members; the mapping of groups stands in [apps.NAME.groups]");
}

#[test]
fn a_mapping_of_groups_matches_and_has_a_name() {
    let own = |rows: &str| refuse(&and(&format!("{ENABLED}\n{rows}")));
    assert_snapshot!(own("[[apps.crm.groups.attributes]]\ntarget = \"members\"\nsource = \"members\""), @r#"
    config.toml:15: apps.crm.groups.attributes: no attribute matches groups; add `match = 1` to the row whose value tells one group from all others
    config.toml:15: apps.crm.groups.attributes: nothing is mapped to `displayName`, without which no group can be created (RFC 7643 §4.2); add target = "displayName", source = "displayName"
    "#);
    assert_snapshot!(own("attributes = []"), @r#"
    config.toml:15: apps.crm.groups.attributes: no attribute matches groups; add `match = 1` to the row whose value tells one group from all others
    config.toml:15: apps.crm.groups.attributes: nothing is mapped to `displayName`, without which no group can be created (RFC 7643 §4.2); add target = "displayName", source = "displayName"
    "#);
}

#[test]
fn members_go_out_in_requests_as_large_as_the_vendor_says_or_the_file() {
    let most = |text: &str| app(text).job.capability.members_per_request_max;
    assert_eq!(most(MINIMAL), 100);
    assert_eq!(most(&of_profile("miro", "")), 8_000);
    let own = |number: u32| format!("[apps.crm.target]\nmax_members_per_request = {number}\n");
    let with_own = |text: &str, number| text.replace("[apps.crm.target]\n", &own(number));
    assert_eq!(most(&with_own(MINIMAL, 1)), 1);
    let aws = with_own(&of_profile("aws-iam-identity-center", ENABLED), 500);
    let config = accept(&aws);
    let groups = config.apps[0].job.of(ObjectKind::Group).expect("groups are provisioned");
    assert_eq!(groups.capability.members_per_request_max, 500);
    assert_snapshot!(config.warnings[0], @"config.toml:11: warning: apps.crm.target.max_members_per_request: profile `aws-iam-identity-center` takes at most 100 (see https://docs.aws.amazon.com/singlesignon/latest/developerguide/patchgroup.html)");
}

#[test]
fn removals_of_members_have_a_limit_of_their_own() {
    let limit = |lines: &str| {
        app(&and(&format!("[apps.crm.safeguards]\n{lines}"))).job.safeguards.max_membership_removals
    };
    assert_eq!(limit(""), Threshold::Default);
    assert_eq!(limit("max_membership_removals = \"12.5%\""), Threshold::Percent(12.5));
    assert_eq!(limit("max_membership_removals = 0"), Threshold::Count(0));
    assert_eq!(limit("max_removals = 3"), Threshold::Default);
}

#[test]
fn the_revision_names_groups_as_the_file_does() {
    let job = |text: &str| app(text).job;
    let parts = |text: &str| {
        let is_meant = |name: &str| name.contains("group");
        let shown = |(name, value): &(String, String)| format!("{name} = {value}");
        let parts = job(text).revision_parts;
        parts.iter().filter(|(name, _)| is_meant(name)).map(shown).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(parts(MINIMAL), @r"
    nested_groups = false
    groups.enabled = false
    ");
    let filter = "[[apps.crm.groups.scoping_filters]]\nname = \"CRM\"\nclauses = [{ attribute = \
                  \"displayName\", operator = \"Includes\", value = \"CRM\" }]";
    let text = and(&format!("{ENABLED}{filter}"));
    assert_snapshot!(parts(&text), @r#"
    nested_groups = false
    groups.enabled = true
    what the application filters groups by = displayName, externalId, id
    whether the application creates groups = true
    whether the application renames groups = true
    whether the application deletes groups = true
    groups.attributes `externalId` = [objectId], match 1
    groups.attributes `displayName` = [displayName], match 2, required
    groups.attributes `members` = [members], reference
    groups.scoping_filters 1 "CRM" = displayName Includes "CRM"
    "#);
    let nested = with("[apps.crm]", "[apps.crm]\nnested_groups = true");
    let revisions = [MINIMAL, &and(ENABLED), &text, &nested, &of_profile("miro", ENABLED)]
        .map(|text| job(text).revision.to_string());
    let different: std::collections::BTreeSet<_> = revisions.iter().collect();
    assert_eq!(different.len(), revisions.len());
    let same = and("[apps.crm.safeguards]\nmax_membership_removals = 7");
    assert_eq!(job(&same).revision, job(MINIMAL).revision);
}
