//! What Graph's rows become.

use serde_json::{Value, json};

use super::world::{ROOT, World, guid, id, link, selection, world};
use crate::{
    graph::ProvisioningJob,
    model::{
        AppRole, Application, ApplicationRef, Assignment, AttributesText, DEFAULT_ACCESS,
        GroupChange, ManagerChange, MemberChange, MemberKind, ObjectKind, PrincipalKind, Removal,
        SourceObject, UserChange,
    },
    port::{DeltaPage, Directory as _, DirectoryFault, GroupsAt, ManagersAt, RoundEnd, UsersAt},
};

fn delta(rows: &Value) -> String {
    let link = format!("{ROOT}/v1.0/users/delta?$deltatoken=d");
    json!({ "value": rows, "@odata.deltaLink": link }).to_string()
}

async fn changes(rows: Value) -> Result<Vec<UserChange>, DirectoryFault> {
    let World { script, graph, .. } = world();
    script.answer(200, delta(&rows));
    let page = graph.users_delta(UsersAt::Link(&link("users/delta?$skiptoken=s"))).await?;
    let DeltaPage { items, end: RoundEnd::Complete(end) } = page else { panic!("not complete") };
    assert_eq!(end.0, format!("{ROOT}/v1.0/users/delta?$deltatoken=d"));
    Ok(items)
}

fn named(name: &str) -> AttributesText {
    AttributesText::from(&[("displayName".to_owned(), json!(name))].into())
}

fn ada(manager: Option<ManagerChange>) -> UserChange {
    let attributes = named("Ada");
    let object = SourceObject { id: id(1), kind: ObjectKind::User, attributes };
    UserChange::Upsert { object, manager }
}

#[tokio::test]
async fn a_changed_user_comes_whole_without_nulls_and_annotations() {
    let row = json!({
        "@odata.type": "#microsoft.graph.user",
        "id": guid(1),
        "accountEnabled": false,
        "userPrincipalName": "a@contoso.com",
        "department": null,
        "businessPhones@odata.type": "#Collection(String)",
        "businessPhones": [],
        "onPremisesExtensionAttributes": { "extensionAttribute1": null, "extensionAttribute2": "x" },
    });
    let changed = changes(json!([row])).await.unwrap();
    let [UserChange::Upsert { object, manager: None }] = &changed[..] else { panic!() };
    insta::assert_json_snapshot!(object.attributes.values(), @r#"
    {
      "accountEnabled": false,
      "businessPhones": [],
      "onPremisesExtensionAttributes": {
        "extensionAttribute1": null,
        "extensionAttribute2": "x"
      },
      "userPrincipalName": "a@contoso.com"
    }
    "#);
}

#[tokio::test]
async fn a_removed_user_is_restorable_unless_graph_says_it_is_gone() {
    let removed = |number, reason| json!({ "id": guid(number), "@removed": { "reason": reason } });
    let rows = json!([removed(1, "changed"), removed(2, "deleted"), removed(3, "whatever")]);
    let expected = [Removal::SoftDeleted, Removal::Deleted, Removal::SoftDeleted];
    let expected: Vec<_> = (1..)
        .zip(expected)
        .map(|(number, removal)| UserChange::Removed { id: id(number), removal })
        .collect();
    assert_eq!(changes(rows).await.unwrap(), expected);
}

#[tokio::test]
async fn a_manager_is_set_replaced_cleared_or_not_spoken_of() {
    let old = json!({ "id": guid(8), "@removed": { "reason": "deleted" } });
    let new = json!({ "@odata.type": "#microsoft.graph.user", "id": guid(9) });
    let set = Some(ManagerChange::Set(id(9)));
    let cases = [
        (json!([new]), set),
        (json!([old, new]), set),
        (json!([new, old]), set),
        (json!([{ "id": guid(8) }, new]), set),
        (json!([old]), Some(ManagerChange::Cleared)),
        (json!([{ "id": guid(8) }, old]), Some(ManagerChange::Cleared)),
        (json!([old, { "id": guid(8) }]), Some(ManagerChange::Set(id(8)))),
        (json!([]), None),
        (Value::Null, None),
    ];
    for (entries, expected) in cases {
        let row = json!({ "id": guid(1), "displayName": "Ada", "manager@delta": entries });
        assert_eq!(changes(json!([row])).await.unwrap(), [ada(expected)], "{entries}");
    }
}

#[tokio::test]
async fn a_user_without_any_property_is_a_missing_permission_and_no_clearing() {
    let bare = json!({ "@odata.type": "#microsoft.graph.user", "id": guid(1) });
    let nulls = json!({
        "id": guid(1), "accountEnabled": null, "userPrincipalName": null, "displayName": null,
        "proxyAddresses": [],
    });
    let denied = |fault| {
        let DirectoryFault::Permission { permission, .. } = fault else { panic!("{fault}") };
        assert_eq!(permission, "User.Read.All");
    };
    for row in [bare, nulls] {
        let World { script, graph, .. } = world();
        let listing = json!({ "value": [row] }).to_string();
        script.answer(200, listing.clone());
        script.answer(200, listing);
        let which = selection(&["proxyAddresses"], false);
        denied(changes(json!([row])).await.unwrap_err());
        denied(graph.users(&which, None).await.map(drop).unwrap_err());
        denied(graph.users_by_id(&[id(1)], &which).await.unwrap_err());
    }
}

#[tokio::test]
async fn a_round_of_managers_needs_no_properties() {
    let World { script, graph, .. } = world();
    let rows = json!([{ "id": guid(1), "manager@delta": [{ "id": guid(9) }] }, { "id": guid(2) }]);
    script.answer(200, delta(&rows));
    let page = graph.managers(ManagersAt::Initial(&[id(1), id(2)])).await.map_err(drop).unwrap();
    let told: Vec<_> = page
        .items
        .iter()
        .map(|change| match change {
            UserChange::Upsert { object, manager } => (object.id, *manager),
            UserChange::Removed { .. } => panic!("none was removed"),
        })
        .collect();
    assert_eq!(told, [(id(1), Some(ManagerChange::Set(id(9)))), (id(2), None)]);
}

#[tokio::test]
async fn a_groups_members_keep_their_kind_and_order() {
    let World { script, graph, .. } = world();
    let rows = json!([
        {
            "id": guid(1), "displayName": "Sales", "description": null,
            "members@delta": [
                { "@odata.type": "#microsoft.graph.user", "id": guid(2) },
                { "@odata.type": "#microsoft.graph.user", "id": guid(2),
                  "@removed": { "reason": "deleted" } },
                { "@odata.type": "#microsoft.graph.group", "id": guid(3) },
                { "@odata.type": "#microsoft.graph.device", "id": guid(4) },
                { "id": guid(5) },
            ],
        },
        { "id": guid(6), "@removed": { "reason": "changed" } },
    ]);
    script.answer(200, delta(&rows));
    let at = GroupsAt::Initial(&[id(1), id(6)]);
    let page = graph.groups_delta(at).await.map_err(drop).unwrap();
    let member = |number, kind, removed| MemberChange { id: id(number), kind, removed };
    let sales = GroupChange {
        id: id(1),
        removal: None,
        attributes: named("Sales"),
        members: vec![
            member(2, MemberKind::User, false),
            member(2, MemberKind::User, true),
            member(3, MemberKind::Group, false),
            member(4, MemberKind::Other, false),
            member(5, MemberKind::Other, false),
        ],
    };
    let gone = GroupChange {
        id: id(6),
        removal: Some(Removal::SoftDeleted),
        attributes: AttributesText::default(),
        members: vec![],
    };
    assert_eq!(page.items, [sales, gone]);
}

#[tokio::test]
async fn an_assignment_keeps_principal_and_role() {
    let World { script, graph, .. } = world();
    let row = |number, kind| {
        json!({
            "id": "41W1zT6z1U-kJxf62svfp1HFE8pMZhxDun-ThPczmJE", "appRoleId": guid(0),
            "principalId": guid(number), "principalType": kind, "principalDisplayName": "Ada",
            "resourceId": guid(7), "createdDateTime": "2026-02-02T04:22:45.9480566Z",
        })
    };
    let rows = json!([row(1, "User"), row(2, "Group"), row(3, "ServicePrincipal")]);
    let next = link("servicePrincipals/7/appRoleAssignedTo?$skiptoken=s");
    let page = json!({ "value": rows, "@odata.nextLink": next.0 });
    script.answer(200, page.to_string());
    let page =
        graph.assignments(guid(7).parse().unwrap(), None).await.unwrap_or_else(|f| panic!("{f}"));
    let kinds = [PrincipalKind::User, PrincipalKind::Group, PrincipalKind::ServicePrincipal];
    let expected: Vec<_> = (1..)
        .zip(kinds)
        .map(|(number, principal_kind)| Assignment {
            principal: id(number),
            principal_kind,
            role: DEFAULT_ACCESS,
            principal_display_name: "Ada".to_owned(),
        })
        .collect();
    assert_eq!(page.items, expected);
    assert!(page.next == Some(next));
}

fn crm() -> (Value, Application) {
    let row = json!({
        "@odata.context": "…", "id": guid(7), "appId": guid(8), "displayName": "CRM",
        "accountEnabled": true,
        "appRoles": [
            { "allowedMemberTypes": ["User"], "description": "", "displayName": "Sales",
              "id": guid(70), "isEnabled": true, "origin": "Application", "value": "sales" },
            { "displayName": "msiam_access", "id": guid(71), "isEnabled": false, "value": null },
        ],
    });
    let role = |number, name: &str, value: Option<&str>, is_enabled| AppRole {
        id: guid(number).parse().unwrap(),
        display_name: name.to_owned(),
        value: value.map(str::to_owned),
        is_enabled,
    };
    let application = Application {
        id: guid(7).parse().unwrap(),
        app_id: guid(8),
        display_name: "CRM".to_owned(),
        account_enabled: true,
        roles: vec![role(70, "Sales", Some("sales"), true), role(71, "msiam_access", None, false)],
    };
    (row, application)
}

#[tokio::test]
async fn an_application_is_found_by_app_id_or_else_by_object_id() {
    let World { script, graph, .. } = world();
    let (row, expected) = crm();
    let which = ApplicationRef::Guid(guid(8).parse().unwrap());
    script.answer(200, row.to_string());
    assert_eq!(graph.application(&which).await.unwrap(), expected);
    script.answer(404, r#"{"error":{"code":"Request_ResourceNotFound","message":"…"}}"#);
    script.answer(200, row.to_string());
    assert_eq!(graph.application(&which).await.unwrap(), expected);
    script.answer(404, "{}");
    script.answer(404, "{}");
    assert_eq!(graph.application(&which).await, Err(DirectoryFault::NotFound(guid(8))));
    script.answer(503, "");
    let fault = graph.application(&which).await.unwrap_err();
    assert!(matches!(fault, DirectoryFault::Unavailable { .. }), "{fault}");
}

#[tokio::test]
async fn a_display_name_must_be_one_applications_only() {
    let World { script, graph, .. } = world();
    let (row, expected) = crm();
    let which = ApplicationRef::DisplayName("CRM".to_owned());
    let page = |rows: &[&Value]| json!({ "value": rows }).to_string();
    script.answer(200, page(&[&row]));
    assert_eq!(graph.application(&which).await.unwrap(), expected);
    script.answer(200, page(&[]));
    let fault = graph.application(&which).await.unwrap_err();
    assert_eq!(fault, DirectoryFault::NotFound("named `CRM`".to_owned()));
    // A page may be short: the second of that name is on the next.
    let next = link("servicePrincipals?$skiptoken=s").0;
    script.answer(200, json!({ "value": [row], "@odata.nextLink": next }).to_string());
    script.answer(200, page(&[&row]));
    let fault = graph.application(&which).await.unwrap_err();
    assert_eq!(fault, DirectoryFault::Ambiguous { name: "CRM".to_owned(), count: 2 });
}

#[tokio::test]
async fn deleted_users_and_jobs_are_listed() {
    let World { script, graph, .. } = world();
    let row = json!({ "id": guid(1), "deletedDateTime": "2026-11-01T00:00:00Z" });
    script.answer(200, json!({ "value": [row] }).to_string());
    let page = graph.deleted_users(None).await.unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(page.items, [id(1)]);
    let schedule = json!({ "state": "Active", "interval": "PT40M" });
    let job = json!({ "id": "scim.1", "templateId": "scim", "schedule": schedule });
    script.answer(200, json!({ "value": [job] }).to_string());
    let jobs = graph.provisioning_jobs(guid(7).parse().unwrap()).await.unwrap();
    let expected = ProvisioningJob {
        id: "scim.1".to_owned(),
        state: "Active".to_owned(),
        template_id: "scim".to_owned(),
    };
    assert_eq!(jobs, [expected]);
    script.answer(200, "{\"synchronizationRules\": []}");
    let schema = graph.provisioning_schema(guid(7).parse().unwrap(), "scim.1").await.unwrap();
    assert_eq!(schema, "{\"synchronizationRules\": []}", "as it came");
}

#[tokio::test]
async fn the_granted_permissions_are_read_from_a_token_that_tells_them() {
    let World { graph, token, .. } = world();
    assert_eq!(graph.granted_roles().await, None);
    let jwt = |payload: &str| {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload))
    };
    for (payload, expected) in [
        (r#"{"roles":["User.Read.All","Application.Read.All"]}"#, 2),
        (r#"{"aud":"https://graph.microsoft.com"}"#, 0),
    ] {
        let World { graph, token, .. } = world();
        *token.lock().unwrap() = jwt(payload);
        assert_eq!(graph.granted_roles().await.unwrap().len(), expected);
    }
    drop(token);
}

#[tokio::test]
async fn of_what_a_user_is_a_member_of_only_the_groups_are_told_from_every_page() {
    let World { script, graph, .. } = world();
    let row = |number, kind: &str| {
        json!({ "@odata.type": format!("#microsoft.graph.{kind}"), "id": guid(number),
            "displayName": format!("{kind} {number}") })
    };
    let next = link(&format!("users/{}/memberOf?$skiptoken=s", guid(1))).0;
    let first = json!([row(2, "group"), row(3, "directoryRole")]);
    script.answer(200, json!({ "value": first, "@odata.nextLink": next }).to_string());
    let second = json!([row(4, "administrativeUnit"), row(5, "group")]);
    script.answer(200, json!({ "value": second }).to_string());
    let found = graph.groups_of(id(1)).await.unwrap();
    let told: Vec<_> = found.iter().map(|group| (group.id, group.kind)).collect();
    assert_eq!(told, [(id(2), ObjectKind::Group), (id(5), ObjectKind::Group)]);
    assert_eq!(found[1].attributes.text("displayName").as_deref(), Some("group 5"));
}

#[tokio::test]
async fn a_group_without_any_property_is_a_missing_permission_and_no_group_without_a_name() {
    let bare = json!({ "@odata.type": "#microsoft.graph.group", "id": guid(2),
        "displayName": null });
    let listing = json!({ "value": [bare] }).to_string();
    let World { script, graph, .. } = world();
    for _ in 0..3 {
        script.answer(200, listing.clone());
    }
    for fault in [
        graph.groups_of(id(1)).await.unwrap_err(),
        graph.groups_by_id(&[id(2)]).await.unwrap_err(),
        graph.groups_named("x").await.unwrap_err(),
    ] {
        let DirectoryFault::Permission { permission, .. } = fault else { panic!("{fault}") };
        assert_eq!(permission, "GroupMember.Read.All");
    }
}

#[tokio::test]
async fn a_deleted_user_has_its_name_back_without_the_id_that_deletion_put_before_it() {
    let World { script, graph, .. } = world();
    let prefix = guid(1).replace('-', "");
    let row = |name: String| json!({ "id": guid(1), "userPrincipalName": name });
    let rows = json!([row(format!("{prefix}ada@contoso.com")), row("bob@contoso.com".into())]);
    script.answer(200, json!({ "value": rows }).to_string());
    let page = graph.deleted_users_in_full(&selection(&[], false), None).await.unwrap();
    let name = |row: &SourceObject| row.attributes.text("userPrincipalName").unwrap();
    let names: Vec<String> = page.items.iter().map(name).collect();
    assert_eq!(names, ["ada@contoso.com", "bob@contoso.com"]);
}
