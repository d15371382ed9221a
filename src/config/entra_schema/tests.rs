//! Schemas in, configuration text out; and whatever stands in a schema, the text is TOML.

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    config::{Config, Diagnosis, parse},
    gallery,
    model::AppName,
    provisioning::job::{Apply, MappingSource, NullFlow, OutOfScope},
};

const SAMPLE: &str = include_str!("../../../tests/entra_schemas/customappsso.json");

const HEAD: &str = r#"[tenant]
id = "contoso.onmicrosoft.com"
client_id = "66666666-7777-8888-9999-aaaaaaaaaaaa"
client_secret = { env = "GRAPH_SECRET" }

[apps.crm]
enterprise_app = "CRM"

[apps.crm.target]
tenant_url = "https://crm.example.com/scim"
secret_token = { env = "CRM_TOKEN" }

"#;

fn import(schema: &Value) -> ImportedSchema {
    read(&schema.to_string()).expect("a schema")
}

fn read(json: &str) -> Result<ImportedSchema, SchemaError> {
    let app = AppName::parse("crm").expect("a name");
    let profile = gallery::profile("generic").expect("a profile");
    import_schema(json, SchemaOptions { app: &app, profile })
}

/// The configuration that the text ends.
#[track_caller]
fn loaded(imported: &ImportedSchema) -> Config {
    let shown = |finding: &Diagnosis| finding.to_string();
    let text = format!("{HEAD}{}", imported.toml);
    parse(&text, "config.toml")
        .map_err(|findings| findings.iter().map(shown).collect::<Vec<_>>())
        .unwrap_or_else(|findings| panic!("{findings:#?}\n{}", imported.toml))
}

fn attribute(target: &str, name: &str) -> Value {
    json!({
        "targetAttributeName": target, "matchingPriority": 0, "defaultValue": null,
        "source": { "type": "Attribute", "name": name, "expression": format!("[{name}]") },
    })
}

fn expression(target: &str, text: &str) -> Value {
    json!({ "targetAttributeName": target, "source": { "type": "Function", "expression": text } })
}

/// A schema with one mapping of users: two rows that make it load, and these.
fn with_rows(rows: Vec<Value>) -> Value {
    let mut all = vec![
        attribute("userName", "userPrincipalName"),
        expression("active", "Not([IsSoftDeleted])"),
    ];
    all[0]["matchingPriority"] = json!(1);
    all.extend(rows);
    with_mappings(&[json!({
        "name": "Users", "enabled": true, "sourceObjectName": "User", "targetObjectName": "User",
        "flowTypes": "Add, Update, Delete", "attributeMappings": all,
    })])
}

fn with_mappings(mappings: &[Value]) -> Value {
    json!({ "synchronizationRules": [{
        "name": "OUT", "priority": 1, "targetDirectoryName": "customappsso",
        "objectMappings": mappings,
    }]})
}

/// The text of the rows beyond the first two.
fn rows(schema: &Value) -> String {
    let imported = import(schema);
    loaded(&imported);
    let marker = "expression = \"Not([IsSoftDeleted])\"\nnull = \"keep\"\n";
    let (_, rest) = imported.toml.split_once(marker).expect("the row of `active`");
    rest.trim().to_owned()
}

#[test]
fn the_schema_of_a_non_gallery_application_becomes_the_generic_mapping() {
    let imported = read(SAMPLE).expect("a schema");
    let config = loaded(&imported);
    let users = &config.apps[0].job.attributes;
    let generic = &gallery::profile("generic").expect("a profile").users;
    assert_eq!((imported.rows, users.len()), (generic.len(), generic.len()));
    for row in generic {
        let own = users.iter().find(|own| own.target == row.target).expect("a row per target");
        assert_eq!(own.matching_priority, row.matching_priority, "{}", row.target);
        if let (MappingSource::Attribute(own), MappingSource::Attribute(theirs)) =
            (&own.source, &row.source)
        {
            assert_eq!(own, theirs);
        }
        assert_eq!(own.apply, Apply::Always);
    }
    assert!(
        users
            .iter()
            .filter(|row| row.null == NullFlow::Clear)
            .all(|row| row.target.attribute == "manager")
    );
    assert_snapshot!(imported.notes.join("\n"), @"");
    let groups = config.apps[0].job.groups.as_ref().expect("groups are enabled in the schema");
    assert_eq!((imported.group_rows, groups.attributes.len()), (3, 3));
    let head: Vec<&str> = imported.toml.lines().take(24).collect();
    assert_snapshot!(head.join("\n"), @r#"
    # From a provisioning schema of Entra, version `v1.14`: rule `USERGROUP_OUTBOUND_USERGROUP` to
    # `customappsso`, mapping `Provision Azure Active Directory Users`.
    # Put it at the end of the configuration; it was held against the profile `generic`. What has no
    # counterpart here stays a comment that says why. null = "keep" is what Entra does: a value that
    # became null is not cleared.

    [apps.crm.users]
    # The rows below replace those of the profile.
    inherit = false

    [[apps.crm.users.attributes]]
    target = "userName"
    source = "userPrincipalName"
    match = 1
    null = "keep"

    [[apps.crm.users.attributes]]
    target = "active"
    expression = 'Switch([IsSoftDeleted], , "False", "True", "True", "False")'
    null = "keep"

    [[apps.crm.users.attributes]]
    target = "displayName"
    source = "displayName"
    "#);
    let tail = imported.toml.find("[apps.crm.groups]").expect("groups");
    assert_snapshot!(&imported.toml[tail..], @r#"
    [apps.crm.groups]
    enabled = true
    # The rows below replace those of the profile.
    inherit = false

    [[apps.crm.groups.attributes]]
    target = "displayName"
    source = "displayName"
    match = 1
    null = "keep"

    [[apps.crm.groups.attributes]]
    target = "externalId"
    source = "objectId"
    null = "keep"

    [[apps.crm.groups.attributes]]
    target = "members"
    source = "members"

    # Metadata steers Entra alone and is left out: `supportsProvisionOnDemand`.
    "#);
}

#[test]
fn each_kind_of_source_has_its_key() {
    let schema = with_rows(vec![
        json!({ "targetAttributeName": "userType", "source": { "type": "Constant", "name": "Employee" } }),
        json!({ "targetAttributeName": "nickName", "flowType": "ObjectAddOnly", "defaultValue": "none",
                "source": { "type": "Function", "expression": "ToLower([mailNickname], )" } }),
        json!({ "targetAttributeName": "locale", "source": null, "defaultValue": "en-US" }),
        json!({ "targetAttributeName": "timezone", "source": null, "defaultValue": null }),
        json!({ "targetAttributeName": "title", "source": { "type": "Function", "name": "Join",
            "parameters": [
                { "key": "separator", "value": { "type": "Constant", "name": " \"-\" " } },
                { "key": "a", "value": { "type": "Attribute", "name": "givenName" } },
                { "key": "b", "value": { "type": "Function", "name": "ToUpper", "parameters": [
                    { "key": "source", "value": { "type": "Attribute", "name": "surname" } } ] } },
            ] } }),
        json!({ "targetAttributeName": "preferredLanguage", "source": { "type": "Function",
            "name": "Replace", "parameters": [
                { "key": "source", "value": { "type": "Attribute", "name": "preferredLanguage" } },
                { "key": "Find", "value": { "type": "Constant", "name": "-" } },
                { "key": "Replacement", "value": { "type": "Constant", "name": "_" } },
            ] } }),
        json!({ "targetAttributeName": "profileUrl", "source": { "type": "Function",
            "name": "Replace", "parameters": [
                { "key": "source", "value": { "type": "Attribute", "name": "mail" } },
                { "key": "RegularExpression", "value": { "type": "Constant", "name": "@.*" } },
                { "key": "Replacement", "value": { "type": "Constant", "name": "" } },
            ] } }),
    ]);
    assert_snapshot!(rows(&schema), @r#"
    [[apps.crm.users.attributes]]
    target = "userType"
    constant = "Employee"
    null = "keep"

    [[apps.crm.users.attributes]]
    target = "nickName"
    expression = "ToLower([mailNickname], )"
    default = "none"
    apply = "create"
    null = "keep"

    # it has a default value and no source: the value is written on create
    [[apps.crm.users.attributes]]
    target = "locale"
    constant = "en-US"
    apply = "create"
    null = "keep"

    # it has neither a source nor a default value, so nothing flows
    # [[apps.crm.users.attributes]]
    # target = "timezone"
    # null = "keep"

    # the export had no expression; it was put together from its parameters
    [[apps.crm.users.attributes]]
    target = "title"
    expression = 'Join(" \"-\" ", [givenName], ToUpper([surname]))'
    null = "keep"

    # the export had no expression; it was put together from its parameters
    [[apps.crm.users.attributes]]
    target = "preferredLanguage"
    expression = 'Replace([preferredLanguage], "-", , , "_", , )'
    null = "keep"

    # the export had no expression; it was put together from its parameters
    [[apps.crm.users.attributes]]
    target = "profileUrl"
    expression = 'Replace([mail], , "@.*", , "", , )'
    null = "keep"
    "#);
}

#[test]
fn what_cannot_be_taken_stays_a_comment_that_says_why() {
    let mut late = attribute("displayName", "displayName");
    late["matchingPriority"] = json!(7);
    let mut odd = attribute("name.honorificPrefix", "jobTitle");
    odd["matchingPriority"] = json!(3);
    let schema = with_rows(vec![
        attribute("title", "jobTitel"),
        attribute("id", "objectId"),
        attribute("emails[type eq work].value", "mail"),
        attribute("userName", "mail"),
        attribute("urn:contoso:2.0:User:assistant", "manager"),
        attribute("roles", "appRoleAssignments"),
        expression("nickName", "Jion([givenName])"),
        expression("locale", "Join(\" \", [givenName]"),
        json!({ "targetAttributeName": "timezone", "source": { "type": "Workflow", "name": "x" } }),
        json!({ "targetAttributeName": "name.middleName", "flowType": "Sometimes",
                "source": { "type": "Constant", "name": "x" } }),
        late,
        odd,
        json!({ "targetAttributeName": "emails[type eq \"work\"].primary", "defaultValue": "perhaps",
                "flowBehavior": "FlowAlways", "exportMissingReferences": true,
                "flowType": "MultiValueAddOnly",
                "source": { "type": "Attribute", "name": "accountEnabled" } }),
    ]);
    assert_snapshot!(rows(&schema), @r#"
    # unknown source attribute "jobTitel"; did you mean `jobTitle`?
    # [[apps.crm.users.attributes]]
    # target = "title"
    # source = "jobTitel"
    # null = "keep"

    # `id` is written by the application alone (RFC 7643)
    # [[apps.crm.users.attributes]]
    # target = "id"
    # source = "objectId"
    # null = "keep"

    # not a SCIM path: expected a filter such as `type eq "work"`
    # [[apps.crm.users.attributes]]
    # target = "emails[type eq work].value"
    # source = "mail"
    # null = "keep"

    # the target is mapped already, by a row above
    # [[apps.crm.users.attributes]]
    # target = "userName"
    # source = "mail"
    # null = "keep"

    # a manager is a reference and cannot flow to `urn:contoso:2.0:User:assistant`
    # [[apps.crm.users.attributes]]
    # target = "urn:contoso:2.0:User:assistant"
    # source = "manager"
    # null = "keep"

    # app roles do not flow by themselves; write expression =
    # 'SingleAppRoleAssignment([appRoleAssignments])' or
    # 'AssertiveAppRoleAssignmentsComplex([appRoleAssignments])'
    # [[apps.crm.users.attributes]]
    # target = "roles"
    # source = "appRoleAssignments"
    # null = "keep"

    # unknown function `Jion`; did you mean `Join`? (line 1, column 1)
    # [[apps.crm.users.attributes]]
    # target = "nickName"
    # expression = "Jion([givenName])"
    # null = "keep"

    # this `(` is never closed (line 1, column 5)
    # [[apps.crm.users.attributes]]
    # target = "locale"
    # expression = 'Join(" ", [givenName]'
    # null = "keep"

    # a source of the type `Workflow` is not known
    # [[apps.crm.users.attributes]]
    # target = "timezone"
    # null = "keep"

    # the flow type `Sometimes` is not known
    # [[apps.crm.users.attributes]]
    # target = "name.middleName"
    # constant = "x"
    # null = "keep"

    [[apps.crm.users.attributes]]
    target = "displayName"
    source = "displayName"
    match = 7
    null = "keep"

    # the matching precedence is left out: `name.honorificPrefix` cannot stand in a filter of profile
    # `generic`; match on one of `active`, `displayName`, `emails[type eq "work"].value`,
    # `externalId`, `id`, `locale`, `name.familyName`, `name.formatted`, `name.givenName`, `nickName`,
    # `preferredLanguage`, `timezone`, `title`, `userName`, `userType`
    [[apps.crm.users.attributes]]
    target = "name.honorificPrefix"
    source = "jobTitle"
    null = "keep"

    # the flow type `MultiValueAddOnly` has no counterpart: a changed value replaces the old one
    # the flow behavior FlowAlways has no counterpart: the value is written where it differs, and not
    # in every cycle
    # exportMissingReferences has no counterpart: a reference to somebody without an account waits for
    # the account
    # the default value (`perhaps`) is left out: "perhaps" is neither true nor false
    [[apps.crm.users.attributes]]
    target = 'emails[type eq "work"].primary'
    source = "accountEnabled"
    null = "keep"
    "#);
}

#[test]
fn an_active_that_is_mapped_straight_is_turned_the_right_way_round() {
    let mut schema = with_rows(Vec::new());
    schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][1] =
        attribute("active", "IsSoftDeleted");
    let imported = import(&schema);
    loaded(&imported);
    assert!(imported.toml.contains("expression = \"Not([IsSoftDeleted])\""), "{}", imported.toml);
    assert!(imported.notes[0].starts_with("`active`: mapped straight"), "{:?}", imported.notes);
}

#[test]
fn without_a_row_for_active_accounts_stay_as_they_are() {
    let mut schema = with_rows(Vec::new());
    let mapping = &mut schema["synchronizationRules"][0]["objectMappings"][0];
    mapping["attributeMappings"].as_array_mut().expect("a list").truncate(1);
    mapping["flowTypes"] = json!("Add,Update");
    let config = loaded(&import(&schema));
    let safeguards = &config.apps[0].job.safeguards;
    assert_eq!(safeguards.on_out_of_scope, OutOfScope::Keep);
    assert!(safeguards.create && safeguards.update && !safeguards.delete);
}

fn scoped(scope: &Value) -> ImportedSchema {
    let mut schema = with_rows(Vec::new());
    schema["synchronizationRules"][0]["objectMappings"][0]["scope"] = scope.clone();
    import(&schema)
}

fn clause(attribute: &str, operator: &str, values: &[&str]) -> Value {
    json!({ "sourceOperandName": attribute, "operatorName": operator,
            "targetOperand": { "values": values } })
}

/// The text without the opening, the rows and `[apps.crm.users]`.
fn around_the_rows(imported: &ImportedSchema) -> String {
    let (before, rest) = imported.toml.split_once("\n[apps.crm.users]").expect("the users");
    let before = before.split_once("not cleared.\n").map_or("", |(_, rest)| rest);
    let after = rest.split("null = \"keep\"\n").last().unwrap_or_default();
    format!("{}\n{}", before.trim(), after.trim()).trim().to_owned()
}

#[test]
fn every_operator_is_written_as_the_portal_writes_it() {
    let imported = scoped(&json!({ "groups": [
        { "name": "one \"quoted\"", "clauses": [
            clause("department", "equals", &["R&D \\ \"Labs\""]),
            clause("department", "Not Equals", &["Sales"]),
            clause("userPrincipalName", "ENDSWITH", &["@contoso.com"]),
            clause("jobTitle", "INCLUDES", &["Lead"]),
            clause("mail", "REGEX MATCH", &[".*\\@contoso.com"]),
            clause("mail", "NotRegexMatch", &["^x'y"]),
            clause("employeeId", "GREATER_THAN", &["10"]),
            clause("employeeId", "Greater_Than_OR_Equals", &["10"]),
        ]},
        { "name": null, "clauses": [
            clause("accountEnabled", "IS TRUE", &[]),
            clause("dirSyncEnabled", "is false", &["ignored"]),
            clause("manager", "IS NULL", &[]),
            clause("companyName", "IsNotNull", &[]),
            clause("employeeType", "&", &["1,2"]),
            clause("employeeType", "!&", &["3"]),
        ]},
    ]}));
    assert_eq!(imported.filters, 2);
    assert_snapshot!(around_the_rows(&imported), @r#"
    # A pattern has to fit the whole value; in a clause with anchor = "find" it may fit any part, as
    # .NET reads it.
    [[apps.crm.users.scoping_filters]]
    name = 'one "quoted"'
    clauses = [
      { attribute = "department", operator = "EQUALS", value = 'R&D \ "Labs"' },
      { attribute = "department", operator = "NOT EQUALS", value = "Sales" },
      { attribute = "userPrincipalName", operator = "ENDS_WITH", value = "@contoso.com" },
      { attribute = "jobTitle", operator = "Includes", value = "Lead" },
      { attribute = "mail", operator = "REGEX MATCH", value = '.*\@contoso.com' },
      { attribute = "mail", operator = "NOT REGEX MATCH", value = "^x'y" },
      { attribute = "employeeId", operator = "Greater_Than", value = "10" },
      { attribute = "employeeId", operator = "Greater_Than_OR_EQUALS", value = "10" },
    ]

    [[apps.crm.users.scoping_filters]]
    clauses = [
      { attribute = "accountEnabled", operator = "IS TRUE" },
      { attribute = "dirSyncEnabled", operator = "IS FALSE" },
      { attribute = "manager", operator = "IS NULL" },
      { attribute = "companyName", operator = "IS NOT NULL" },
      { attribute = "employeeType", operator = "&", value = "1,2" },
      { attribute = "employeeType", operator = "!&", value = "3" },
    ]
    "#);
}

#[test]
fn a_lost_filter_never_widens_or_narrows_the_scope_unseen() {
    let good = json!({ "name": "good", "clauses": [clause("department", "EQUALS", &["Sales"])] });
    let bad = json!({ "name": "bad", "clauses": [
        clause("department", "EQUALS", &["R&D"]), clause("members", "IsMemberOf", &["x"]),
    ]});
    let narrower = scoped(&json!({ "groups": [good, bad] }));
    assert_eq!(narrower.filters, 1);
    assert_snapshot!(around_the_rows(&narrower), @r#"
    [apps.crm.safeguards]
    # a filter could not be translated, and without it fewer people would be in scope: nobody is
    # disabled until on_out_of_scope = "keep" is taken away
    on_out_of_scope = "keep"
    [[apps.crm.users.scoping_filters]]
    name = "good"
    clauses = [
      { attribute = "department", operator = "EQUALS", value = "Sales" },
    ]

    # filter `bad`: the operator `IsMemberOf` is not known; a clause on `memberOf` takes a group's
    # name or id
    # [[apps.crm.users.scoping_filters]]
    # name = "bad"
    # clauses = [
    #   { attribute = "department", operator = "EQUALS", value = "R&D" },
    #   { attribute = "members", operator = "IsMemberOf", value = ["x"] },
    # ]
    "#);
    let wider = scoped(&json!({ "groups": [bad] }));
    assert_eq!(wider.filters, 0);
    assert_snapshot!(around_the_rows(&wider), @r#"
    [apps.crm.safeguards]
    # a filter could not be translated, and without it more people would be in scope: nobody is
    # created until create = false is taken away
    create = false
    # filter `bad`: the operator `IsMemberOf` is not known; a clause on `memberOf` takes a group's
    # name or id
    # [[apps.crm.users.scoping_filters]]
    # name = "bad"
    # clauses = [
    #   { attribute = "department", operator = "EQUALS", value = "R&D" },
    #   { attribute = "members", operator = "IsMemberOf", value = ["x"] },
    # ]
    "#);
    let input = json!([{ "name": "early", "clauses": [clause("city", "EQUALS", &["Bern"])] }]);
    let early = scoped(&json!({ "groups": [], "inputFilterGroups": input,
                                "categoryFilterGroups": [{ "clauses": [] }] }));
    assert_snapshot!(around_the_rows(&early), @r#"
    [apps.crm.safeguards]
    # a filter could not be translated, and without it more people would be in scope: nobody is
    # created until create = false is taken away
    create = false
    # filter `early`: an input filter leaves people out without deprovisioning them, which has no
    # counterpart
    # [[apps.crm.users.scoping_filters]]
    # name = "early"
    # clauses = [
    #   { attribute = "city", operator = "EQUALS", value = "Bern" },
    # ]
    "#);
}

#[test]
fn of_several_mappings_the_first_enabled_one_of_users_is_taken() {
    let mapping = |name: &str, enabled: bool, kind: &str| {
        json!({ "name": name, "enabled": enabled, "sourceObjectName": kind,
                "attributeMappings": [attribute("displayName", "displayName")],
                "scope": { "groups": [{ "clauses": [] }] } })
    };
    let mut schema = with_rows(Vec::new());
    let out = &mut schema["synchronizationRules"];
    out[0]["objectMappings"]
        .as_array_mut()
        .expect("a list")
        .insert(0, mapping("Off", false, "User"));
    out[0]["objectMappings"].as_array_mut().expect("a list").push(mapping("Second", true, "User"));
    out[0]["objectMappings"]
        .as_array_mut()
        .expect("a list")
        .push(mapping("Things", true, "Device"));
    out.as_array_mut().expect("a list").insert(
        0,
        json!({
            "name": "IN", "priority": 0, "targetDirectoryName": "Microsoft Entra ID",
            "objectMappings": [mapping("From the personnel system", true, "User")],
        }),
    );
    let imported = import(&schema);
    let config = loaded(&imported);
    assert_eq!(config.apps[0].job.attributes.len(), 2);
    assert_snapshot!(imported.notes.join("\n"), @r#"
    rule `IN` writes into Entra's own directory; only the way out is here
    the mapping `Off` is disabled in Entra and provisions nobody
    the mapping `Second` comes after another one, and an application has one
    the mapping `Things` is neither one of users nor one of groups
    "#);
}

/// A mapping of groups with these members beside a mapping of users.
fn with_groups(more: &Value) -> Value {
    let mut rows = vec![attribute("displayName", "displayName"), attribute("members", "members")];
    rows[0]["matchingPriority"] = json!(1);
    let mut mapping = json!({
        "name": "Groups", "enabled": true, "sourceObjectName": "Group",
        "targetObjectName": "Group", "attributeMappings": rows,
    });
    let members = mapping.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    let mut schema = with_rows(Vec::new());
    schema["synchronizationRules"][0]["objectMappings"]
        .as_array_mut()
        .expect("a list")
        .push(mapping);
    schema
}

/// The section of groups, and whether they are provisioned with it.
#[track_caller]
fn groups_of(more: &Value) -> (String, bool) {
    let imported = import(&with_groups(more));
    let is_on = loaded(&imported).apps[0].job.groups.is_some();
    let (_, section) = imported.toml.split_once("null = \"keep\"\n\n").expect("users");
    let (_, section) = section.split_once("null = \"keep\"\n\n").unwrap_or(("", section));
    (section.to_owned(), is_on)
}

#[test]
fn a_mapping_of_groups_is_switched_on_where_entra_does() {
    let scope = json!({ "groups": [{ "name": "CRM", "clauses": [
        clause("displayName", "REGEX MATCH", &["CRM .*"]), clause("securityEnabled", "IS TRUE", &[]),
    ] }] });
    let (section, is_on) = groups_of(&json!({ "scope": scope }));
    assert!(is_on);
    assert_snapshot!(section, @r#"
    [apps.crm.groups]
    enabled = true
    # The rows below replace those of the profile.
    inherit = false

    [[apps.crm.groups.attributes]]
    target = "displayName"
    source = "displayName"
    match = 1
    null = "keep"

    [[apps.crm.groups.attributes]]
    target = "members"
    source = "members"

    # A pattern has to fit the whole value; in a clause with anchor = "find" it may fit any part, as
    # .NET reads it.
    [[apps.crm.groups.scoping_filters]]
    name = "CRM"
    clauses = [
      { attribute = "displayName", operator = "REGEX MATCH", value = "CRM .*" },
      { attribute = "securityEnabled", operator = "IS TRUE" },
    ]
    "#);
    let imported = import(&with_groups(&json!({ "scope": scope })));
    assert_eq!((imported.group_rows, imported.group_filters), (2, 1));
    assert_eq!(imported.notes, [] as [&str; 0]);
}

#[test]
fn groups_stay_off_where_more_would_happen_to_them_than_in_entra() {
    let notes = |more: &Value| {
        let imported = import(&with_groups(more));
        assert!(loaded(&imported).apps[0].job.groups.is_none(), "{}", imported.toml);
        assert!(imported.toml.contains("[apps.crm.groups]\n"), "{}", imported.toml);
        imported.notes.join("\n")
    };
    assert_snapshot!(notes(&json!({ "enabled": false })), @"the mapping `Groups` of groups is not switched on: it is disabled in Entra");
    assert_snapshot!(notes(&json!({ "flowTypes": "Update" })), @"the mapping `Groups` of groups is not switched on: Entra creates and deletes accounts and not groups, and the switches under `safeguards` are for both");
    let lost = json!({ "groups": [{ "clauses": [clause("members", "IsMemberOf", &["x"])] }] });
    assert_snapshot!(notes(&json!({ "scope": lost })), @r"
    the mapping `Groups` of groups is not switched on: a filter could not be translated, and without it other groups would be in scope
    groups, a filter: the operator `IsMemberOf` is not known; a clause on `memberOf` takes a group's name or id
    ");
}

#[test]
fn a_mapping_of_groups_that_would_not_load_stays_a_comment() {
    let commented = |more: &Value| {
        let imported = import(&with_groups(more));
        assert!(loaded(&imported).apps[0].job.groups.is_none());
        assert!(!imported.toml.contains("\n[apps.crm.groups]"), "{}", imported.toml);
        assert!(imported.toml.contains("\n# [[apps.crm.groups.attributes]]"), "{}", imported.toml);
        imported.notes.join("\n")
    };
    let mut by_mail = attribute("displayName", "displayName");
    assert_snapshot!(commented(&json!({ "attributeMappings": [by_mail] })), @"the mapping `Groups` is one of groups, and no row of it that loads matches groups");
    by_mail = attribute("externalId", "objectId");
    by_mail["matchingPriority"] = json!(1);
    assert_snapshot!(commented(&json!({ "attributeMappings": [by_mail] })), @"the mapping `Groups` is one of groups, and no row of it that loads is one of `displayName`");
    let app = AppName::parse("crm").expect("a name");
    let profile = gallery::profile("whimsical").expect("a profile");
    let schema = with_groups(&json!({})).to_string();
    let none = import_schema(&schema, SchemaOptions { app: &app, profile }).expect("a schema");
    assert_snapshot!(none.notes.join("\n"), @"the mapping `Groups` is one of groups, and profile `whimsical` has none");
}

#[test]
fn a_row_that_groups_cannot_have_stays_a_comment_and_the_others_load() {
    let mut rows = vec![
        attribute("displayName", "displayName"),
        attribute("members", "members"),
        attribute("active", "IsSoftDeleted"),
        attribute("owner", "manager"),
        expression("description", "Count([members])"),
    ];
    rows[0]["matchingPriority"] = json!(1);
    let imported = import(&with_groups(&json!({ "attributeMappings": rows })));
    let config = loaded(&imported);
    let groups = config.apps[0].job.groups.as_ref().expect("groups are enabled");
    assert_eq!(groups.attributes.len(), 2);
    assert_snapshot!(imported.notes.join("\n"), @r#"
    groups, `active`: `IsSoftDeleted` is an attribute of people, and a group has none; a group has `objectId`, `displayName`, `description`, `mail`, `members` and more
    groups, `owner`: `manager` is an attribute of people, and a group has none; a group has `objectId`, `displayName`, `description`, `mail`, `members` and more
    groups, `description`: members are references, of which no expression can make anything; write target = "members", source = "members"
    "#);
}

#[test]
fn a_disabled_mapping_of_users_leaves_nothing_that_takes_effect() {
    let mut schema = with_rows(Vec::new());
    schema["synchronizationRules"][0]["objectMappings"][0]["enabled"] = json!(false);
    let imported = import(&schema);
    assert_eq!(imported.rows, 0);
    assert!(imported.toml.lines().all(|line| line.is_empty() || line.starts_with('#')));
    assert_snapshot!(imported.notes.join("\n"), @"the mapping `Users` is disabled in Entra and provisions nobody");
    let nothing = import(&json!({ "synchronizationRules": [] }));
    assert_snapshot!(nothing.notes.join("\n"), @"the schema has no mapping of users");
}

#[test]
fn precedences_are_kept_where_they_are_unique_and_counted_where_not() {
    let row = |target: &str, priority: i64| {
        let mut row = attribute(target, "mail");
        row["matchingPriority"] = json!(priority);
        row
    };
    let config = loaded(&import(&with_rows(vec![row("externalId", 5), row("displayName", 3)])));
    let precedences = |config: &Config| -> Vec<Option<u32>> {
        config.apps[0].job.attributes.iter().map(|row| row.matching_priority).collect()
    };
    assert_eq!(precedences(&config), [Some(1), None, Some(5), Some(3)]);
    let config = loaded(&import(&with_rows(vec![row("externalId", 1), row("displayName", 900)])));
    assert_eq!(precedences(&config), [Some(1), None, Some(2), Some(3)]);
}

#[test]
fn names_with_capitals_as_powershell_writes_them_are_the_same_names() {
    let schema = json!({ "SynchronizationRules": [{ "Name": "OUT", "ObjectMappings": [{
        "Name": "Users", "Enabled": true, "SourceObjectName": "User", "FlowTypes": "Add,Update,Delete",
        "Scope": { "Groups": [{ "Name": "f", "Clauses": [{ "OperatorName": "EQUALS",
            "SourceOperandName": "city", "TargetOperand": { "Values": ["Bern"] } }] }] },
        "AttributeMappings": [{ "TargetAttributeName": "userName", "MatchingPriority": 1,
            "Source": { "Type": "Attribute", "Name": "userPrincipalName", "Parameters": [] } }],
    }]}]});
    let imported = read(&format!("\u{feff}{schema}")).expect("a schema");
    assert_eq!((imported.rows, imported.filters), (1, 1));
}

#[test]
fn what_is_no_schema_is_refused_with_its_place() {
    let refused = |json: &str| read(json).expect_err("no schema").to_string();
    assert_snapshot!(refused("{\n  \"synchronizationRules\": [,]\n}"), @"line 2, column 28: not JSON: expected value");
    assert_snapshot!(refused("{\n  \"value\": []\n}"), @"line 3, column 1: not a synchronizationSchema: missing field `synchronizationRules`");
    assert_snapshot!(refused("{\"synchronizationRules\": {\"a\": 1}}"), @"line 1, column 25: not a synchronizationSchema: invalid type: object, expected a list");
    assert_snapshot!(refused(""), @"line 1, column 0: not JSON: EOF while parsing a value");
    assert_snapshot!(refused("[]"), @"line 1, column 1: not a synchronizationSchema: invalid type: list, expected an object with `synchronizationRules`");
    let long = " ".repeat(SCHEMA_BYTES_MAX + 1);
    assert_snapshot!(refused(&long), @"the schema has 8388609 bytes, and at most 8388608 are read");
    let deep = format!("{{\"synchronizationRules\": {}", "[".repeat(100_000));
    assert!(matches!(
        read(&deep),
        Err(SchemaError::NotASchema { .. } | SchemaError::NotJson { .. })
    ));
}

/// Texts that are hard on whoever writes TOML.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        prop::collection::vec(
            prop::sample::select(vec![
                "'''", "\"\"\"", "\"", "'", "\\", "\n", "\r\n", "\r", "\t", "#", "]]", "[[", "=",
                "\u{0}", "\u{7f}", "\u{85}", "\u{2028}", "\u{202e}", "\u{feff}", "é", "x", " ",
                "[mail]", "{", "}", ",", "userName",
            ]),
            0..12,
        )
        .prop_map(|parts| parts.concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_in_a_schema_the_text_is_toml_and_loads(
        texts in prop::collection::vec(hostile(), 14),
        good_source in any::<bool>(),
        kind in prop::sample::select(vec!["Attribute", "Constant", "Function", "Other"]),
    ) {
        let text = |index: usize| texts[index].as_str();
        let source = if good_source { "displayName" } else { text(1) };
        let mut schema = with_rows(vec![
            json!({ "targetAttributeName": "displayName", "defaultValue": text(0),
                    "source": { "type": kind, "name": source, "expression": text(2),
                                "parameters": [{ "key": text(3), "value": { "name": text(4) } }] } }),
            json!({ "targetAttributeName": text(5), "flowType": text(6), "flowBehavior": text(7),
                    "source": { "type": "Constant", "name": text(8) } }),
            json!({ "targetAttributeName": "title",
                    "source": { "type": "Function", "name": text(9),
                                "parameters": [{ "value": { "type": "Constant", "name": text(4) } }] } }),
        ]);
        schema["version"] = json!(text(10));
        schema["synchronizationRules"][0]["name"] = json!(text(11));
        let mapping = &mut schema["synchronizationRules"][0]["objectMappings"][0];
        mapping["name"] = json!(text(12));
        mapping["metadata"] = json!([{ "key": text(3), "value": text(4) }]);
        let mut groups = mapping.clone();
        groups["sourceObjectName"] = json!("Group");
        groups["attributeMappings"][0] = attribute("displayName", source);
        groups["attributeMappings"][0]["matchingPriority"] = json!(1);
        groups["scope"] = json!({ "groups": [
            { "name": text(0), "clauses": [clause("description", "EQUALS", &[text(1)])] },
        ]});
        let mappings = &mut schema["synchronizationRules"][0]["objectMappings"];
        mappings.as_array_mut().expect("a list").push(groups);
        let imported = import(&schema);
        loaded(&imported);
        let mapping = &mut schema["synchronizationRules"][0]["objectMappings"][0];
        mapping["flowTypes"] = json!(text(13));
        mapping["scope"] = json!({ "groups": [
            { "name": text(0), "clauses": [clause("department", "EQUALS", &[text(1)])] },
            { "name": text(2), "clauses": [clause(text(3), text(4), &[text(5), text(6)])] },
        ]});
        let imported = import(&schema);
        loaded(&imported);
        // A blank value compares with nothing and is lost, with a comment.
        if !text(1).trim().is_empty() {
            let document: toml::Table = imported.toml.parse().expect("it was loaded");
            let filters = &document["apps"]["crm"]["users"]["scoping_filters"];
            prop_assert_eq!(filters[0]["clauses"][0]["value"].as_str(), Some(text(1)));
        }
    }

    #[test]
    fn any_text_at_all_is_a_schema_or_an_error(text in any::<String>()) {
        drop(read(&text));
    }
}
