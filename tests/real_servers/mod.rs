//! Stories against SCIM services that others wrote, so that agreeing with ourselves is not enough.
//!
//! Each starts a service of its own and needs it installed; `README.md` beside this file says how,
//! and what was measured about the two. All are `#[ignore]`d for that reason.

mod changes;
mod initial;
mod legacy;
mod limits;
mod mail;
mod matching;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::real_server::RealServer;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

#[tokio::test]
#[ignore = "needs scim2-server: tests/real_servers/README.md"]
async fn scim2_server_starts_keeps_users_and_forgets_them() {
    keeps_users_and_forgets_them(&RealServer::scim2_server().await).await;
}

#[tokio::test]
#[ignore = "needs @better-auth/scim: tests/real_servers/README.md"]
async fn better_auth_starts_keeps_users_and_forgets_them() {
    keeps_users_and_forgets_them(&RealServer::better_auth().await).await;
}

/// The harness works: what one request writes, the next one and the list show.
async fn keeps_users_and_forgets_them(server: &RealServer) {
    assert_eq!(server.users().await, Vec::<Value>::new(), "a new service is empty");

    // More than two pages of the harness, so that `users` has something to put together.
    let mut ids = Vec::new();
    for number in 0..90 {
        let user = json!({
            "schemas": [USER],
            "userName": format!("user{number}@example.com"),
            "externalId": format!("external-{number}"),
            "active": true,
        });
        let (status, created) = server.send(Method::POST, "/Users", Some(&user)).await;
        assert_eq!(status, StatusCode::CREATED, "{created}\n{}", server.said());
        ids.push(created["id"].as_str().expect("a created user has an id").to_owned());
    }

    let first = format!("/Users/{}", ids[0]);
    let disable = json!({
        "schemas": [PATCH_OP],
        "Operations": [{ "op": "replace", "path": "active", "value": false }],
    });
    let (status, answer) = server.send(Method::PATCH, &first, Some(&disable)).await;
    assert!(status.is_success(), "{status} {answer}");
    let (status, user) = server.send(Method::GET, &first, None).await;
    assert_eq!((status, &user["active"]), (StatusCode::OK, &Value::Bool(false)));

    let last = format!("/Users/{}", ids[89]);
    let (status, _) = server.send(Method::DELETE, &last, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = server.send(Method::GET, &last, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let users = server.users().await;
    assert_eq!(users.len(), 89);
    let disabled: Vec<&Value> = users.iter().filter(|user| user["active"] == false).collect();
    assert_eq!(disabled.len(), 1, "a list shows the disabled too");
    assert_eq!(disabled[0]["id"], ids[0].as_str());

    // The token is asked for: a stranger's request, with the program's own client out of the way.
    let stranger = reqwest::Client::builder().no_proxy().build().expect("a plain client");
    let answer = stranger
        .get(format!("{}/Users", server.base_url()))
        .bearer_auth(RealServer::TOKEN.to_uppercase())
        .send()
        .await
        .expect("the service answers a stranger");
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}
