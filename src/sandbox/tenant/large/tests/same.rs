//! The same questions to both tenants have the same answers.

use serde_json::{Value, json};

use super::world::{PEOPLE, World};

const SELECTED: &str = "id,accountEnabled,userPrincipalName,displayName,userType,jobTitle,mail,\
                        preferredLanguage,givenName,surname,officeLocation,streetAddress,city,\
                        state,postalCode,country,businessPhones,mobilePhone,faxNumber,\
                        mailNickname,employeeId,department,otherMails,companyName";

#[tokio::test]
async fn a_first_round_of_people_is_the_same_with_and_without_managers() {
    let world = World::new();
    let all = world.check(&format!("/users/delta?$select={SELECTED}")).await;
    assert_eq!(all.rows.len(), PEOPLE as usize);
    world.check(&format!("/users/delta?$select={SELECTED},manager")).await;
    world.check("/users/delta").await;
    let (ada, bo) = (world.person(9), world.person(11));
    let path = format!("/users/delta?$select=manager&$filter=id eq '{ada}' or id eq '{bo}'");
    assert_eq!(world.check(&path).await.rows.len(), 2);
}

#[tokio::test]
async fn a_first_round_of_groups_is_the_same_members_in_slices_included() {
    let world = World::new();
    let all = world.check("/groups/delta?$select=id,displayName,mailNickname,members").await;
    let members = all.rows.values().map(|row| row["members@delta"].as_array().unwrap().len());
    assert_eq!(members.max(), Some(PEOPLE as usize), "one group has everybody");
    world.check("/groups/delta").await;
    world.check("/groups/delta?$select=displayName").await;
    let (one, other) = (world.group(3), world.group(1));
    let filter = format!("id eq '{one}' or id eq '{other}'");
    let path = format!("/groups/delta?$select=displayName,members&$filter={filter}");
    assert_eq!(world.check(&path).await.rows.len(), 2);
}

#[tokio::test]
async fn listings_are_the_same_however_people_are_looked_for() {
    let world = World::new();
    world.check(&format!("/users?$select={SELECTED}&$top=999")).await;
    world.check("/users").await;
    world.check("/groups?$top=2&$select=id,displayName,groupTypes").await;
    let (ada, bo) = (world.name(40), world.name(77));
    let (least, most) = if ada < bo { (&ada, &bo) } else { (&bo, &ada) };
    for filter in [
        "startswith(userPrincipalName,'a')".to_owned(),
        "startswith(userPrincipalName,'A') or startswith(userPrincipalName,'ad')".to_owned(),
        "startswith(userPrincipalName,'grace.') or startswith(userPrincipalName,'nobody')".into(),
        format!("userPrincipalName ge '{least}' and userPrincipalName le '{most}'"),
        "userPrincipalName ge 'm'".to_owned(),
        "userPrincipalName le 'm' or startswith(userPrincipalName,'m')".to_owned(),
        format!("userPrincipalName eq '{ada}' or mail eq '{ada}'"),
        "department eq 'Sales' and startswith(city,'z')".to_owned(),
        "userType eq 'Guest'".to_owned(),
    ] {
        let path = format!("/users?$filter={filter}&$select=id,userPrincipalName&$top=100");
        let answer = world.check(&path).await;
        assert!(!answer.rows.is_empty() || filter.contains("city"), "nobody: {filter}");
    }
    world.check("/groups?$filter=displayName eq 'Team 00002'&$select=displayName").await;
}

#[tokio::test]
async fn single_objects_and_lookups_by_id_are_the_same() {
    let world = World::new();
    let (ada, group) = (world.person(22), world.group(2));
    for path in [
        format!("/users/{ada}"),
        format!("/users/{ada}?$select={SELECTED}"),
        format!("/users/{}?$select=id", world.name(3)),
        format!("/users/{ada}/manager?$select=id"),
        format!("/users/{}/manager?$select=id", world.person(0)),
        format!("/groups/{group}?$select=displayName"),
        format!("/users/{group}"),
        format!("/users/{ada}/memberOf?$select=id,displayName&$top=999"),
        format!("/users/{ada}/memberOf?$select=id,displayName&$top=1"),
    ] {
        world.check(&path).await;
    }
    let ids = [ada, group, world.person(PEOPLE - 1), world.person(PEOPLE + 5)];
    for types in [json!(["user"]), json!(["Group"]), json!(["user", "group"]), Value::Null] {
        let mut body = json!({ "ids": ids });
        if !types.is_null() {
            body["types"] = types;
        }
        let path = format!("/directoryObjects/getByIds?$select={SELECTED}");
        world.check_with("POST", path, body).await;
    }
}

#[tokio::test]
async fn assignments_and_the_application_are_the_same() {
    let world = World::new();
    let application = world.large.application();
    let path = format!("/servicePrincipals/{application}/appRoleAssignedTo?$top=999");
    assert_eq!(world.check(&path).await.rows.len(), 25, "five groups, twenty people");
    let path = format!("/servicePrincipals/{application}/appRoleAssignedTo?$top=7");
    assert_eq!(world.check(&path).await.rows.len(), 25);
    let app_id = world.large.app_id();
    world.check(&format!("/servicePrincipals(appId='{app_id}')?$select=id,appRoles")).await;
    let path = "/directory/deletedItems/microsoft.graph.user?$select=id,deletedDateTime&$top=999";
    assert!(world.check(path).await.rows.is_empty());
}

#[tokio::test]
async fn what_graph_refuses_is_refused_alike() {
    let world = World::new();
    let fifteen: Vec<String> =
        (0..16).map(|n| format!("startswith(userPrincipalName,'{n}')")).collect();
    for path in [
        "/users?$top=1000".to_owned(),
        "/users?$top=0".to_owned(),
        "/users?$select=nonsense".to_owned(),
        "/users/delta?$select=nonsense".to_owned(),
        "/users?$select=skills".to_owned(),
        "/users?$skip=5".to_owned(),
        "/users?$nonsense=5".to_owned(),
        "/users?$skiptoken=abc".to_owned(),
        "/users/delta?$skiptoken=abc".to_owned(),
        "/users/delta?$deltatoken=abc".to_owned(),
        "/users/delta?$expand=manager".to_owned(),
        "/users/delta?$filter=displayName eq 'x'".to_owned(),
        "/users?$orderby=displayName".to_owned(),
        format!("/users?$filter={}", fifteen.join(" or ")),
        "/users?$filter=startswith(userPrincipalName,a)".to_owned(),
        "/users?$filter=userPrincipalName lt 'x'".to_owned(),
        "/nothing".to_owned(),
    ] {
        assert!(world.check(&path).await.status >= 400, "{path}");
    }
    let body = json!({ "ids": [] });
    let path = "/directoryObjects/getByIds".to_owned();
    assert_eq!(world.check_with("POST", path, body).await.status, 400);
}
