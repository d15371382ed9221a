//! The request that each question becomes.

use std::fmt::Write as _;

use serde_json::json;

use super::world::{ROOT, World, guid, id, link, selection, told, world};
use crate::{
    model::{ApplicationRef, ServicePrincipalId},
    port::{Directory as _, GroupsAt, ManagersAt, UsersAt},
};

fn service_principal() -> ServicePrincipalId {
    guid(7).parse().unwrap()
}

fn page() -> String {
    json!({ "value": [] }).to_string()
}

fn round_end() -> String {
    json!({ "value": [], "@odata.deltaLink": format!("{ROOT}/v1.0/x/delta?$deltatoken=d") })
        .to_string()
}

async fn ask_everything(asked: &World) {
    let World { script, graph, .. } = asked;
    let which = selection(&["department", "displayName", "employeeId"], true);
    let name = |text: &str| ApplicationRef::DisplayName(text.to_owned());
    script.answer(404, "{}");
    script.answer(404, "{}");
    let guid = ApplicationRef::Guid(uuid::Uuid::from_u128(9));
    graph.application(&guid).await.unwrap_err();
    script.answer(200, page());
    graph.application(&name("O'Neil & Søns + 100% #1")).await.unwrap_err();
    script.answer(200, page());
    graph.assignments(service_principal(), None).await.unwrap();
    for at in [UsersAt::Initial(&which), UsersAt::Now(&which)] {
        script.answer(200, round_end());
        graph.users_delta(at).await.map_err(drop).unwrap();
    }
    script.answer(200, page());
    graph.users(&which, None).await.unwrap();
    script.answer(200, page());
    graph.users_beginning("o'", &which).await.unwrap();
    script.answer(200, page());
    graph.user_ids(None).await.unwrap();
    script.answer(200, round_end());
    graph.groups_delta(GroupsAt::Initial(&[id(1), id(2)])).await.map_err(drop).unwrap();
    script.answer(200, page());
    graph.users_by_id(&[id(1), id(2)], &which).await.unwrap();
    script.answer(200, round_end());
    graph.managers(ManagersAt::Initial(&[id(1), id(2)])).await.map_err(drop).unwrap();
    script.answer(200, page());
    graph.deleted_users(None).await.unwrap();
    script.answer(200, page());
    graph.provisioning_jobs(service_principal()).await.unwrap();
    script.answer(200, "{}");
    graph.provisioning_schema(service_principal(), "customappsso.1.2").await.unwrap();
    look_up(asked).await;
}

async fn look_up(World { script, graph, .. }: &World) {
    let which = selection(&["department"], true);
    script.answer(200, page());
    graph.deleted_users_in_full(&which, None).await.unwrap();
    script.answer(200, page());
    graph.users_named("zoë.o'neil+x@contoso.example", &which).await.unwrap();
    script.answer(200, page());
    graph.groups_named("R&D's #1 100%").await.unwrap();
    script.answer(200, page());
    graph.groups_by_id(&[id(1), id(2)]).await.unwrap();
    let rest = format!("users/{}/memberOf?$skiptoken=s", id(1));
    script.answer(200, json!({ "value": [], "@odata.nextLink": link(&rest).0 }).to_string());
    script.answer(200, page());
    graph.groups_of(id(1)).await.unwrap();
}

#[tokio::test]
async fn every_question_is_one_documented_request() {
    let world = world();
    ask_everything(&world).await;
    let mut all = String::new();
    for request in world.script.take() {
        writeln!(all, "{}", told(&request)).unwrap();
    }
    insta::assert_snapshot!(all, @r#"
    GET https://graph.example/v1.0/servicePrincipals(appId='00000000-0000-0000-0000-000000000009')?$select=id,appId,displayName,accountEnabled,appRoles
    GET https://graph.example/v1.0/servicePrincipals/00000000-0000-0000-0000-000000000009?$select=id,appId,displayName,accountEnabled,appRoles
    GET https://graph.example/v1.0/servicePrincipals?$filter=displayName eq 'O''Neil & Søns + 100% #1'&$select=id,appId,displayName,accountEnabled,appRoles&$top=999
    GET https://graph.example/v1.0/servicePrincipals/00000000-0000-0000-0000-000000000007/appRoleAssignedTo?$top=999
    GET https://graph.example/v1.0/users/delta()?$select=id,accountEnabled,userPrincipalName,displayName,userType,department,employeeId,manager
    GET https://graph.example/v1.0/users/delta()?$select=id,accountEnabled,userPrincipalName,displayName,userType,department,employeeId,manager&$deltatoken=latest
    GET https://graph.example/v1.0/users?$select=id,accountEnabled,userPrincipalName,displayName,userType,department,employeeId&$top=999
    GET https://graph.example/v1.0/users?$filter=startswith(userPrincipalName,'o''')&$select=id,accountEnabled,userPrincipalName,displayName,userType,department,employeeId&$top=999
    GET https://graph.example/v1.0/users?$select=id&$top=999
    GET https://graph.example/v1.0/groups/delta()?$select=id,displayName,description,mailNickname,members&$filter=id eq '00000000-0000-0000-0000-000000000001' or id eq '00000000-0000-0000-0000-000000000002'
    POST https://graph.example/v1.0/directoryObjects/getByIds?$select=id,accountEnabled,userPrincipalName,displayName,userType,department,employeeId {"ids":["00000000-0000-0000-0000-000000000001","00000000-0000-0000-0000-000000000002"],"types":["user"]}
    GET https://graph.example/v1.0/users/delta()?$select=manager&$filter=id eq '00000000-0000-0000-0000-000000000001' or id eq '00000000-0000-0000-0000-000000000002'
    GET https://graph.example/v1.0/directory/deletedItems/microsoft.graph.user?$select=id,deletedDateTime&$top=999
    GET https://graph.example/v1.0/servicePrincipals/00000000-0000-0000-0000-000000000007/synchronization/jobs
    GET https://graph.example/v1.0/servicePrincipals/00000000-0000-0000-0000-000000000007/synchronization/jobs/customappsso.1.2/schema
    GET https://graph.example/v1.0/directory/deletedItems/microsoft.graph.user?$select=id,accountEnabled,userPrincipalName,displayName,userType,department&$top=999
    GET https://graph.example/v1.0/users?$filter=userPrincipalName eq 'zoë.o''neil+x@contoso.example' or mail eq 'zoë.o''neil+x@contoso.example'&$select=id,accountEnabled,userPrincipalName,displayName,userType,department&$top=999
    GET https://graph.example/v1.0/groups?$filter=displayName eq 'R&D''s #1 100%'&$select=id,displayName,description,mailNickname&$top=999
    POST https://graph.example/v1.0/directoryObjects/getByIds?$select=id,displayName,description,mailNickname {"ids":["00000000-0000-0000-0000-000000000001","00000000-0000-0000-0000-000000000002"],"types":["group"]}
    GET https://graph.example/v1.0/users/00000000-0000-0000-0000-000000000001/memberOf?$select=id,displayName&$top=999
    GET https://graph.example/v1.0/users/00000000-0000-0000-0000-000000000001/memberOf?$skiptoken=s
    "#);
}

#[tokio::test]
async fn every_request_carries_our_headers_and_nothing_of_the_sdk() {
    let world = world();
    ask_everything(&world).await;
    let requests = world.script.take();
    assert_eq!(world.graph.requests(), requests.len() as u64);
    let mut ids = std::collections::BTreeSet::new();
    for request in &requests {
        let headers = request.headers();
        assert_eq!(headers["authorization"], "Bearer t0ken");
        assert!(headers["authorization"].is_sensitive());
        assert_eq!(headers["accept"], "application/json");
        assert_eq!(headers.contains_key("content-type"), request.method() == "POST");
        let id = headers["client-request-id"].to_str().unwrap();
        ids.insert(uuid::Uuid::parse_str(id).unwrap());
        assert!(headers.len() <= 4, "{headers:?}");
    }
    assert_eq!(ids.len(), requests.len(), "each request has an id of its own");
}

#[tokio::test]
async fn a_space_is_sent_so_that_no_server_takes_it_for_a_plus() {
    let World { script, graph, .. } = world();
    script.answer(200, page());
    let which = ApplicationRef::DisplayName("A + B".to_owned());
    graph.application(&which).await.unwrap_err();
    let query = script.only().uri().query().unwrap().to_owned();
    assert!(query.contains("displayName%20eq%20%27A%20%2B%20B%27"), "{query}");
}

#[tokio::test]
async fn a_link_is_followed_to_the_letter() {
    let World { script, graph, .. } = world();
    let given = link("users/delta()?$skiptoken=aB%2F+%2b~_-.'x'");
    script.answer(200, round_end());
    script.answer(200, round_end());
    script.answer(200, round_end());
    script.answer(200, page());
    script.answer(200, page());
    script.answer(200, page());
    let which = selection(&[], false);
    graph.users_delta(UsersAt::Link(&given)).await.map_err(drop).unwrap();
    graph.groups_delta(GroupsAt::Link(&given)).await.map_err(drop).unwrap();
    graph.managers(ManagersAt::Link(&given)).await.map_err(drop).unwrap();
    graph.users(&which, Some(&given)).await.unwrap();
    graph.assignments(service_principal(), Some(&given)).await.unwrap();
    graph.deleted_users(Some(&given)).await.unwrap();
    script.answer(200, page());
    graph.deleted_users_in_full(&which, Some(&given)).await.unwrap();
    for request in script.take() {
        assert_eq!(request.method(), "GET");
        // `'` in a query is the one letter that the address standard itself rewrites.
        assert_eq!(request.uri().to_string(), given.0.replace('\'', "%27"));
    }
}

#[tokio::test]
async fn no_ids_never_become_the_whole_tenant() {
    let World { script, graph, .. } = world();
    assert_eq!(graph.users_by_id(&[], &selection(&[], false)).await.unwrap(), []);
    assert_eq!(graph.groups_by_id(&[]).await.unwrap(), []);
    assert!(script.take().is_empty());
    script.answer(200, round_end());
    graph.groups_delta(GroupsAt::Initial(&[])).await.map_err(drop).unwrap();
    assert!(told(&script.only()).ends_with(&format!("$filter=id eq '{}'", guid(0))));
}
