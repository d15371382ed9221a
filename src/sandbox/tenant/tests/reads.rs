//! Plain reads: the application, its assignments, lists, members, lookups and batches.

use serde_json::{Value, json};

use super::{World, ids};
use crate::{
    model::{AppRole, AppRoleId, DEFAULT_ACCESS},
    sandbox::{
        population::{PopulationOptions, contoso},
        tenant::{ApplicationSpec, Fault, GroupKind, ObjectType, UserSpec},
    },
};

#[tokio::test]
async fn an_application_is_found_by_app_id_object_id_and_name() {
    let world = World::new();
    let company = contoso(&world.tenant, PopulationOptions::default());
    let select = "$select=id,appId,displayName,accountEnabled,appRoles";
    let by_app = format!("/servicePrincipals(appId='{}')?{select}", company.app_id);
    let found = world.get(&by_app).await.ok();
    assert_eq!(found["id"], company.application.to_string());
    assert!(found.get("tags").is_none());
    let roles = found["appRoles"].as_array().unwrap();
    assert!(roles.iter().any(|role| role["isEnabled"] == false));
    assert!(roles.iter().any(|role| role["value"].is_null()));
    let by_id = format!("/servicePrincipals/{}", company.application);
    assert_eq!(world.get(&by_id).await.ok()["appId"], company.app_id);
    let filter = "/servicePrincipals?$filter=displayName eq 'Acme CRM'";
    assert_eq!(world.get(filter).await.ok()["value"].as_array().unwrap().len(), 1);
    let unknown = "/servicePrincipals(appId='00000000-0000-0000-0000-00000000dead')";
    world.get(unknown).await.refused(404, "Request_ResourceNotFound");
    let jobs = format!("/servicePrincipals/{}/synchronization/jobs", company.application);
    assert_eq!(world.get(&jobs).await.ok()["value"], json!([]));
    let schema = format!("{jobs}/scim.1/schema");
    world.get(&schema).await.refused(403, "Authorization_RequestDenied");

    let quoted =
        ApplicationSpec { display_name: "O'Neil's".into(), app_id: "x".into(), roles: Vec::new() };
    world.tenant.add_application(quoted.clone());
    world.tenant.add_application(quoted);
    let twins = world.get("/servicePrincipals?$filter=displayName eq 'O''Neil''s'").await.ok();
    assert_eq!(twins["value"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn assignments_are_one_per_role_with_ids_that_are_no_guids() {
    let world = World::new();
    let role = AppRole {
        id: AppRoleId::derive(&["r"]),
        display_name: "R".into(),
        value: None,
        is_enabled: true,
    };
    let app = world.tenant.add_application(ApplicationSpec {
        display_name: "App".into(),
        app_id: "a".into(),
        roles: vec![role.clone()],
    });
    let (ada, grace) = (world.user("ada"), world.user("grace"));
    let (group, robot) =
        (world.tenant.add_group("g"), world.tenant.add_other(ObjectType::ServicePrincipal, "bot"));
    world.tenant.assign(app, ada, role.id);
    world.tenant.assign(app, ada, DEFAULT_ACCESS);
    for who in [grace, group, robot] {
        world.tenant.assign(app, who, DEFAULT_ACCESS);
    }
    world.tenant.remove_role(app, role.id);
    world.tenant.set_attribute(ada, "displayName", "Ada B.");
    let path = format!("/servicePrincipals/{app}/appRoleAssignedTo");
    let rows = world.read(&format!("{path}?$top=2")).await.0.concat();
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|row| row["id"].as_str().unwrap().len() == 43));
    let of_ada: Vec<&Value> =
        rows.iter().filter(|row| row["principalId"] == ada.to_string()).collect();
    assert_eq!(of_ada.len(), 2);
    assert_eq!(of_ada[0]["principalDisplayName"], "ada", "the name is that of the assignment");
    let kinds: Vec<_> = rows.iter().map(|row| row["principalType"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"Group") && kinds.contains(&"ServicePrincipal"));
    let filtered = world.get(&format!("{path}?$filter=principalId eq {ada}")).await.ok();
    assert_eq!(filtered["value"].as_array().unwrap().len(), 2);

    world.tenant.soft_delete_user(grace);
    assert_eq!(world.read(&path).await.0.concat().len(), 4);
    world.tenant.switch(|switches| switches.lists_assignments_of_deleted = true);
    assert_eq!(world.read(&path).await.0.concat().len(), 5);
    world.tenant.unassign(app, ada, Some(role.id));
    world.tenant.inject(Fault::StaleAssignments { changes: 1 });
    assert_eq!(world.read(&format!("{path}?$top=2")).await.0.concat().len(), 5, "a stale replica");
    assert_eq!(world.read(&path).await.0.concat().len(), 4);
    world.tenant.inject(Fault::EmptyAssignments);
    assert_eq!(world.read(&path).await.0.concat().len(), 0);
    world.tenant.unassign_all(app);
    assert_eq!(world.read(&path).await.0.concat().len(), 0);
    world.get(&format!("{path}?$expand=x")).await.refused(400, "Request_UnsupportedQuery");
}

#[tokio::test]
async fn users_come_with_eleven_properties_or_exactly_the_selected_ones() {
    let world = World::new();
    let spec = UserSpec::named("a_b.example#EXT#@contoso.example", "A").with("userType", "Guest");
    let guest = world.tenant.add_user(spec);
    let plain = world.get("/users").await.ok();
    assert_eq!(plain["value"][0].as_object().unwrap().len(), 11);
    assert_eq!(plain["value"][0]["businessPhones"], json!([]));
    let path =
        "/users?$select=accountEnabled,department,proxyAddresses&$filter=userType eq 'Guest'";
    let expected = json!({
        "id": guest.to_string(), "accountEnabled": true, "department": null, "proxyAddresses": [],
    });
    assert_eq!(world.get(path).await.ok()["value"], json!([expected]));
    let by_name = world.get("/users/a_b.example%23EXT%23@contoso.example").await.ok();
    assert_eq!(by_name["id"], guest.to_string());

    let bad = "Request_BadRequest";
    world.get("/users?$select=nickName").await.refused(400, bad);
    world.get("/users?$selct=id").await.refused(400, bad);
    world.get("/users?$top=0").await.refused(400, bad);
    world.get("/users?$top=1000").await.refused(400, bad);
    world.get("/users?$skip=5").await.refused(400, "Request_UnsupportedQuery");
    world.get("/users?$select=skills").await.refused(501, "NotImplemented");
    world.get("/nothing").await.refused(400, "BadRequest");
    let many = vec!["displayName eq 'x'"; 16].join(" or ");
    world.get(&format!("/users?$filter={many}")).await.refused(400, "Request_UnsupportedQuery");
    world.get("/users?$filter=userType ne 'Guest'").await.refused(400, "Request_UnsupportedQuery");
    let advanced = world.get_eventual("/users?$filter=userType ne 'Guest'&$count=true").await.ok();
    assert_eq!(advanced["@odata.count"], 0);
    let count = world.get_eventual("/users/$count").await;
    assert_eq!((count.headers["content-type"].as_str(), &count.raw[..]), ("text/plain", &b"1"[..]));
    world.get("/users/$count").await.refused(400, bad);
}

#[tokio::test]
async fn managers_expand_a_hundred_at_a_time_and_a_missing_one_is_404() {
    let world = World::new();
    let boss = world.user("boss");
    for n in 0..150 {
        world.tenant.set_manager(world.user(&format!("u{n}")), Some(boss));
    }
    let path = "/users?$top=999&$select=id&$expand=manager($select=id,displayName)";
    let (pages, _) = world.read(path).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [100, 51]);
    let named = pages.concat().iter().filter(|row| row["manager"]["displayName"] == "boss").count();
    assert_eq!(named, 150);
    world.get(&format!("/users/{boss}/manager")).await.refused(404, "Request_ResourceNotFound");
    let default = world.read("/users").await.0;
    assert_eq!(default[0].len(), 100);
}

#[tokio::test]
async fn members_are_direct_or_transitive_through_circles_and_casts_need_the_index() {
    let world = World::new();
    let (ada, lost) = (world.user("ada"), world.user("lost"));
    let (a, b) = (world.tenant.add_group("a"), world.tenant.add_group("b"));
    let laptop = world.tenant.add_other(ObjectType::Device, "laptop");
    let contact = world.tenant.add_other(ObjectType::Contact, "contact");
    let robot = world.tenant.add_other(ObjectType::ServicePrincipal, "bot");
    for member in [b, laptop, contact, robot, lost] {
        world.tenant.add_member(a, member);
    }
    world.tenant.add_member(b, a);
    world.tenant.add_member(b, ada);
    world.tenant.soft_delete_user(lost);
    let direct = world.get(&format!("/groups/{a}/members?$select=id,displayName")).await.ok();
    let rows = direct["value"].as_array().unwrap();
    assert_eq!(rows.len(), 3, "neither the soft-deleted user nor the service principal");
    let device = rows.iter().find(|row| row["id"] == laptop.to_string()).unwrap();
    assert!(device["displayName"].is_null(), "limited information without Device.Read.All");
    let closure = world.get(&format!("/groups/{a}/transitiveMembers?$select=id")).await.ok();
    let mut reached = ids(closure["value"].as_array().unwrap());
    reached.sort();
    let mut expected = [a, b, ada, laptop, contact].map(|id| id.to_string()).to_vec();
    expected.sort();
    assert_eq!(reached, expected);
    let cast = format!("/groups/{b}/members/microsoft.graph.user");
    world.get(&cast).await.refused(400, "Request_UnsupportedQuery");
    let users = world.get_eventual(&format!("{cast}?$count=true")).await.ok();
    assert_eq!(ids(users["value"].as_array().unwrap()), [ada.to_string()]);
    assert!(users["value"][0].get("@odata.type").is_none());
    let hidden = world.tenant.add_group_of(GroupKind::HiddenMembership, "hidden");
    world.tenant.add_member(hidden, ada);
    let path = format!("/groups/{hidden}/members");
    assert_eq!(world.get(&path).await.ok()["value"], json!([]));
    let group_cast = format!("{path}/microsoft.graph.group?$count=true");
    world.get_eventual(&group_cast).await.refused(400, "Request_UnsupportedQuery");
    assert_eq!(world.get_eventual(&format!("/groups/{a}/transitiveMembers/$count")).await.raw, "5");
}

#[tokio::test]
async fn missing_permissions_deny_hide_or_empty() {
    let mut world = World::new();
    let ada = world.user("ada");
    world.tenant.set_attribute(ada, "employeeLeaveDateTime", "2026-12-31T00:00:00Z");
    let group = world.tenant.add_group("g");
    world.tenant.add_member(group, ada);
    let leave = format!("/users/{ada}?$select=employeeLeaveDateTime");
    assert!(world.get(&leave).await.ok()["employeeLeaveDateTime"].is_null());
    world.grant(&["GroupMember.Read.All"]);
    world.get("/users").await.refused(403, "Authorization_RequestDenied");
    world.get("/users/delta").await.refused(403, "Authorization_RequestDenied");
    world.get("/servicePrincipals").await.refused(403, "Authorization_RequestDenied");
    let path = format!("/groups/{group}/members?$select=displayName,userPrincipalName");
    let hollow = json!({
        "@odata.type": "#microsoft.graph.user", "id": ada.to_string(), "displayName": null,
        "userPrincipalName": null,
    });
    assert_eq!(world.get(&path).await.ok()["value"], json!([hollow]));
    let lookup = json!({ "ids": [ada.to_string()], "types": ["user"] });
    let found = world.post("/directoryObjects/getByIds?$select=displayName", lookup).await.ok();
    assert!(found["value"][0]["displayName"].is_null());
    world.grant(&["User.Read.All", "User-LifeCycleInfo.Read.All"]);
    assert!(world.get(&leave).await.ok()["employeeLeaveDateTime"].is_string());
}

#[tokio::test]
async fn lookups_leave_out_what_is_missing_and_deleted_users_keep_for_thirty_days() {
    let world = World::new();
    let (ada, gone, group) = (world.user("ada"), world.user("gone"), world.tenant.add_group("g"));
    world.tenant.soft_delete_user(gone);
    let lookup = json!({ "ids": [ada.to_string(), gone.to_string(), group.to_string(),
        "00000000-0000-0000-0000-000000000009"], "types": ["User"] });
    let found = world.post("/directoryObjects/getByIds?$select=displayName", lookup).await.ok();
    assert_eq!(ids(found["value"].as_array().unwrap()), [ada.to_string()]);
    let many = json!({ "ids": vec![ada.to_string(); 1001] });
    world.post("/directoryObjects/getByIds", many).await.refused(400, "Request_BadRequest");
    let path =
        "/directory/deletedItems/microsoft.graph.user?$select=id,deletedDateTime,userPrincipalName";
    let deleted = world.get(path).await.ok();
    let name = deleted["value"][0]["userPrincipalName"].as_str().unwrap();
    assert_eq!(name, format!("{}gone@contoso.example", gone.as_uuid().simple()));
    assert_eq!(deleted["value"][0]["deletedDateTime"], "2026-03-02T08:00:00Z");
    world.get(&format!("/users/{gone}")).await.refused(404, "Request_ResourceNotFound");
}

#[tokio::test]
async fn a_user_is_found_by_name_and_tells_its_groups_as_far_as_the_caller_may_see_them() {
    let mut world = World::new();
    let (ada, zoe) = (world.user("ada"), world.user("zoë.o'neil"));
    let (a, b) = (world.tenant.add_group("a"), world.tenant.add_group("b's"));
    let hidden = world.tenant.add_group_of(GroupKind::HiddenMembership, "hidden");
    world.tenant.add_member(b, a);
    for group in [a, hidden] {
        world.tenant.add_member(group, ada);
    }
    world.tenant.set_attribute(ada, "mail", "a@mail.example");
    let by = |name: &str| {
        let filter = format!("userPrincipalName eq '{name}' or mail eq '{name}'");
        format!("/users?$select=id&$filter={}", filter.replace('ë', "%C3%AB"))
    };
    for (name, found) in [
        ("A@Mail.example", vec![ada.to_string()]),
        ("ADA@contoso.example", vec![ada.to_string()]),
        ("zoë.o''neil@contoso.example", vec![zoe.to_string()]),
        ("nobody@contoso.example", vec![]),
    ] {
        let answer = world.get(&by(name)).await.ok();
        assert_eq!(ids(answer["value"].as_array().unwrap()), found, "{name}");
    }
    let answer = world.get("/groups?$filter=displayName eq 'B''s'").await.ok();
    assert_eq!(ids(answer["value"].as_array().unwrap()), [b.to_string()]);
    let path = format!("/users/{ada}/memberOf?$select=id,displayName");
    let row = |name: Value| json!({ "@odata.type": "#microsoft.graph.group", "id": a.to_string(), "displayName": name });
    assert_eq!(world.get(&path).await.ok()["value"], json!([row("a".into())]), "direct only");
    world.grant(&["User.Read.All"]);
    assert_eq!(world.get(&path).await.ok()["value"], json!([row(Value::Null)]), "hollow");
    world.grant(&["GroupMember.Read.All"]);
    world.get(&path).await.refused(403, "Authorization_RequestDenied");
    world.grant(&["User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden"]);
    let (pages, _) = world.read(&format!("{path}&$top=1")).await;
    assert_eq!(pages.concat().len(), 2);
    let unknown = "/users/00000000-0000-0000-0000-000000000009/memberOf";
    world.get(unknown).await.refused(404, "Request_ResourceNotFound");
}

#[tokio::test]
async fn a_batch_answers_each_item_and_refuses_a_wrong_envelope() {
    let world = World::new();
    let (ada, boss) = (world.user("ada"), world.user("boss"));
    world.tenant.set_manager(ada, Some(boss));
    let throttle = Fault::Throttle(crate::sandbox::tenant::RetryAfter::Seconds(10));
    world.tenant.inject_at(&format!("/users/{boss}"), throttle);
    let item = |id: &str, url: String| json!({ "id": id, "method": "GET", "url": url });
    let mut dependent = item("3", format!("/users/{ada}"));
    dependent["dependsOn"] = json!(["2"]);
    let requests = json!({ "requests": [
        item("1", format!("/users/{ada}/manager?$select=id")),
        item("2", format!("users/{boss}")),
        dependent,
    ]});
    let answers = world.post("/$batch", requests).await.ok();
    let answers = answers["responses"].as_array().unwrap();
    let of = |id: &str| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(of("1")["body"]["id"], boss.to_string());
    assert_eq!(
        (&of("2")["status"], &of("2")["headers"]["retry-after"]),
        (&json!(429), &json!("10"))
    );
    assert_eq!(of("3")["status"], 424);
    let same = json!({ "requests": vec![item("1", "/users".into()); 2] });
    world.post("/$batch", same).await.refused(400, "BadRequest");
    let many: Vec<Value> = (0..21).map(|n| item(&n.to_string(), "/users".into())).collect();
    let raw = world.tenant.requests().len();
    world.tenant.observe(std::sync::Arc::new(|_| {}));
    world.post("/$batch", json!({ "requests": many })).await.refused(400, "BadRequest");
    assert_eq!(world.tenant.requests().len(), raw + 1);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_company_and_a_large_one_is_possible() {
    let (one, two) = (World::new(), World::new());
    let options = PopulationOptions { seed: 3, users: 1_200, groups: 30, assigned: 500 };
    let first = contoso(&one.tenant, options);
    assert_eq!(first, contoso(&two.tenant, options));
    assert_eq!(first.users.len(), 1_200);
    assert_eq!(one.tenant.groups().len(), 30);
    let (rows, _) = one.read("/users?$top=999&$select=id,mail,userType,employeeId").await;
    let rows = rows.concat();
    assert_eq!(rows.len(), 1_199, "one is soft-deleted");
    assert!(rows.iter().any(|row| row["mail"].is_null()));
    assert!(rows.iter().any(|row| row["userType"].is_null()));
    assert!(rows.iter().any(|row| row["userType"] == "Guest"));
    one.round("/users/delta?$select=displayName,onPremisesExtensionAttributes,manager").await;
    one.round("/groups/delta?$select=displayName,members").await;
    assert!(one.tenant.assignments(first.application).len() >= 500);
    assert!(!one.tenant.is_live(first.people["deleted"]));
}

#[tokio::test]
async fn twenty_thousand_users_are_read_in_twenty_one_pages() {
    let world = World::new();
    let options = PopulationOptions { seed: 1, users: 20_000, groups: 40, assigned: 500 };
    let company = contoso(&world.tenant, options);
    // Two hundred kilobytes a page need no second look at their form.
    world.tenant.observe(std::sync::Arc::new(|_| {}));
    let (pages, _) = world.read("/users?$top=999&$select=id").await;
    assert_eq!((pages.len(), pages.concat().len()), (21, 19_999));
    let path = format!("/servicePrincipals/{}/appRoleAssignedTo?$top=999", company.application);
    let assigned = world.tenant.assignments(company.application).len();
    assert_eq!(world.read(&path).await.0.concat().len(), assigned - 1, "one is soft-deleted");
}

#[tokio::test]
async fn lists_filter_by_prefix_value_and_set() {
    let world = World::new();
    let (ada, _) = (world.user("ada"), world.user("bob"));
    world.tenant.disable_user(ada);
    for filter in [
        "startswith(displayName,'AD')",
        "accountEnabled eq false",
        "displayName in ('ada','nobody')",
        "accountEnabled eq false and displayName eq 'ada' or displayName eq 'x or y'",
    ] {
        let found = world.get(&format!("/users?$filter={filter}")).await.ok();
        assert_eq!(ids(found["value"].as_array().unwrap()), [ada.to_string()], "{filter}");
    }
    for filter in ["displayName eq ada", "displayName", "nickname eq 'x'", "displayName eq 'a'b'"] {
        assert_eq!(world.get(&format!("/users?$filter={filter}")).await.status, 400, "{filter}");
    }
}

#[tokio::test]
async fn page_tokens_of_lists_are_bound_to_their_options_and_expire() {
    let world = World::new();
    for n in 0..5 {
        world.user(&format!("u{n}"));
    }
    let first = world.get("/users?$top=2&$select=id").await.ok();
    let next = first["@odata.nextLink"].as_str().unwrap();
    world.get(&next.replace("top=2", "top=3")).await.refused(400, "Request_BadRequest");
    world.tenant.inject(Fault::ExpiredPageToken);
    world.get(next).await.refused(400, "Directory_ExpiredPageToken");
    assert_eq!(world.get(next).await.ok()["value"].as_array().unwrap().len(), 2);
    world.wait(std::time::Duration::from_secs(31 * 60));
    world.get(next).await.refused(400, "Directory_ExpiredPageToken");
}
