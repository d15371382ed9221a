//! What Graph's failures become.

use std::time::Duration;

use serde_json::json;

use super::world::{ROOT, World, guid, id, link, selection, world};
use crate::{
    http::TransportFault,
    model::ServicePrincipalId,
    port::{Directory as _, DirectoryFault, GroupsAt, Link, ManagersAt, UsersAt},
};

fn sp() -> ServicePrincipalId {
    guid(7).parse().unwrap()
}

async fn assignments(status: u16, body: &str) -> DirectoryFault {
    let World { script, graph, .. } = world();
    script.answer_with(status, &[("retry-after", "2.5")], body.to_owned());
    graph.assignments(sp(), None).await.map(drop).unwrap_err()
}

async fn round(status: u16, body: &str) -> DirectoryFault {
    let World { script, graph, .. } = world();
    script.answer(status, body.to_owned());
    let at = link("users/delta?$deltatoken=d");
    graph.users_delta(UsersAt::Link(&at)).await.map(drop).unwrap_err()
}

fn error(code: &str) -> String {
    json!({ "error": { "code": code, "message": "m" } }).to_string()
}

#[tokio::test]
async fn a_401_is_tried_once_with_another_credential() {
    let World { script, graph, token } = world();
    let rotate = |name: &str| *token.lock().unwrap() = name.to_owned();
    script.answer(200, r#"{"value":[]}"#);
    graph.assignments(sp(), None).await.map(drop).unwrap();
    script.take();
    rotate("new");
    script.answer(401, error("InvalidAuthenticationToken"));
    script.answer(200, r#"{"value":[]}"#);
    graph.assignments(sp(), None).await.map(drop).unwrap();
    let sent = script.take();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].headers()["authorization"], "Bearer t0ken");
    assert_eq!(sent[1].headers()["authorization"], "Bearer new");
    assert_eq!(sent[0].uri(), sent[1].uri());
    assert_ne!(sent[0].headers()["client-request-id"], sent[1].headers()["client-request-id"]);
    assert_eq!(graph.requests(), 3);

    rotate("newer");
    script.answer(401, error("InvalidAuthenticationToken"));
    script.answer(401, error("InvalidAuthenticationToken"));
    let fault = graph.assignments(sp(), None).await.map(drop).unwrap_err();
    assert!(matches!(&fault, DirectoryFault::SignIn(_)), "{fault}");
    assert!(!fault.to_string().contains("newer"), "{fault}");
    assert_eq!(script.take().len(), 2);

    // The same credential again is not worth a second request.
    script.answer(401, "");
    let fault = graph.assignments(sp(), None).await.map(drop).unwrap_err();
    assert!(matches!(&fault, DirectoryFault::SignIn(_)), "{fault}");
    assert_eq!(script.take().len(), 1);
}

#[tokio::test]
async fn a_403_names_the_least_permission_that_helps() {
    let World { script, graph, .. } = world();
    let which = selection(&[], false);
    for _ in 0..9 {
        script.answer(403, error("Authorization_RequestDenied"));
    }
    let name = crate::model::ApplicationRef::DisplayName("CRM".to_owned());
    let at = UsersAt::Initial(&which);
    let faults = [
        graph.application(&name).await.map(drop).unwrap_err(),
        graph.assignments(sp(), None).await.map(drop).unwrap_err(),
        graph.users_delta(at).await.map(drop).unwrap_err(),
        graph.groups_delta(GroupsAt::Initial(&[id(1)])).await.map(drop).unwrap_err(),
        graph.users_by_id(&[id(1)], &which).await.map(drop).unwrap_err(),
        graph.managers(ManagersAt::Initial(&[id(1)])).await.map(drop).unwrap_err(),
        graph.deleted_users(None).await.map(drop).unwrap_err(),
        graph.provisioning_jobs(sp()).await.map(drop).unwrap_err(),
        graph.provisioning_schema(sp(), "scim.1").await.map(drop).unwrap_err(),
    ];
    let told = faults.map(|fault| fault.to_string()).join("\n");
    insta::assert_snapshot!(told, @r#"
    the app registration lacks the application permission `Application.Read.All` (reading the enterprise application: HTTP status 403, Authorization_RequestDenied)
    the app registration lacks the application permission `Application.Read.All` (reading the assignments: HTTP status 403, Authorization_RequestDenied)
    the app registration lacks the application permission `User.Read.All` (reading users: HTTP status 403, Authorization_RequestDenied)
    the app registration lacks the application permission `GroupMember.Read.All` (reading groups and their members: HTTP status 403, Authorization_RequestDenied)
    the app registration lacks the application permission `User.Read.All` (reading users: HTTP status 403, Authorization_RequestDenied)
    the app registration lacks the application permission `User.Read.All` (reading managers: HTTP status 403, Authorization_RequestDenied)
    the app registration lacks the application permission `User.Read.All` (reading deleted users: HTTP status 403, Authorization_RequestDenied)
    the app registration lacks the application permission `Synchronization.Read.All` (reading Entra's own provisioning jobs: HTTP status 403, Authorization_RequestDenied)
    the app registration lacks the application permission `Synchronization.Read.All` (reading the schema of Entra's own provisioning: HTTP status 403, Authorization_RequestDenied)
    "#);
}

#[tokio::test]
async fn throttling_and_outages_keep_their_wait() {
    let wait = Some(Duration::from_millis(2_500));
    let throttled = assignments(429, &error("TooManyRequests")).await;
    assert_eq!(throttled, DirectoryFault::Throttled { retry_after: wait });
    for (status, body, told) in [
        (500, error("UnknownError"), "HTTP status 500, UnknownError"),
        (502, "<html>Bad Gateway</html>".to_owned(), "HTTP status 502"),
        (503, String::new(), "HTTP status 503"),
        (504, "{".to_owned(), "HTTP status 504"),
    ] {
        let detail = told.to_owned();
        let expected = DirectoryFault::Unavailable { detail, retry_after: wait };
        assert_eq!(assignments(status, &body).await, expected);
    }
    let World { script, graph, .. } = world();
    script.fail(TransportFault::Lost("timed out".to_owned()));
    let fault = graph.assignments(sp(), None).await.map(drop).unwrap_err();
    let detail = "no answer: timed out".to_owned();
    assert_eq!(fault, DirectoryFault::Unavailable { detail, retry_after: None });
}

#[tokio::test]
async fn a_lost_token_is_told_from_any_other_refusal() {
    for (status, body) in [
        (410, error("syncStateNotFound")),
        (410, String::new()),
        (400, error("SyncStateNotFound")),
        (400, error("Directory_ExpiredPageToken")),
        (404, error("DirectoryPageTokenNotFoundException")),
        (400, error("resyncRequired")),
        (
            400,
            r#"{"error":{"code":"BadRequest","innererror":{"code":"badDeltaToken"}}}"#.to_owned(),
        ),
    ] {
        let fault = round(status, &body).await;
        assert!(matches!(fault, DirectoryFault::TokenExpired(_)), "{status} {body}: {fault}");
    }
    let fault = round(400, &error("Request_BadRequest")).await;
    assert!(matches!(fault, DirectoryFault::Rejected { status: 400, .. }), "{fault}");
    // A first page of a listing has no token that could be lost.
    let fault = assignments(400, &error("syncStateNotFound")).await;
    assert!(matches!(fault, DirectoryFault::Rejected { status: 400, .. }), "{fault}");
    // The first request of a round may be answered with a reset, too.
    let World { script, graph, .. } = world();
    script.answer(410, error("resyncRequired"));
    let which = selection(&[], false);
    let fault = graph.users_delta(UsersAt::Initial(&which)).await.map(drop).unwrap_err();
    assert!(matches!(fault, DirectoryFault::TokenExpired(_)), "{fault}");
}

#[tokio::test]
async fn a_refusal_is_told_in_short_and_without_anything_like_a_token() {
    let secret = "x".repeat(60);
    let message = format!(
        "Could not find a property named 'skils' on 'microsoft.graph.user'.\r\n\
         See https://graph.example/v1.0/users?$skiptoken=abc or $deltatoken=abc, {secret} {}",
        "long ".repeat(200)
    );
    let body = json!({ "error": { "code": "Request_BadRequest", "message": message } });
    let fault = assignments(400, &body.to_string()).await;
    let DirectoryFault::Rejected { status: 400, code, message } = fault else { panic!("{fault}") };
    assert_eq!(code, "Request_BadRequest");
    assert_eq!(message.chars().count(), 300);
    assert!(message.starts_with(
        "Could not find a property named 'skils' on 'microsoft.graph.user'. See … or … … long"
    ));
    let fault = assignments(501, &error("NotImplemented")).await;
    assert!(matches!(fault, DirectoryFault::Rejected { status: 501, .. }), "{fault}");
}

#[tokio::test]
async fn an_answer_that_is_not_whole_is_an_error_and_never_a_short_list() {
    let half = r#"{"value":[{"id":"00000000-0000-0000-0000-000000000001","appRole"#;
    for (status, body, told) in [
        (200, "<!DOCTYPE html><html>Hotel</html>", "the answer is a web page"),
        (200, " \n", "the answer is empty"),
        (200, half, "the JSON ends early"),
        (200, "{}", "the page has no `value`"),
        (200, r#"{"value":[{"id":"x"}]}"#, "a field is missing or of another type"),
        (200, "nonsense", "the answer is not JSON"),
        (204, "", "HTTP status 204"),
        (302, "", "HTTP status 302"),
    ] {
        let fault = assignments(status, body).await;
        let DirectoryFault::Malformed(text) = fault else { panic!("{body}: {fault}") };
        assert!(text.starts_with(told), "{body}: {text}");
    }
    let World { script, graph, .. } = world();
    script.fail(TransportFault::TooLarge { limit_bytes: 64 << 20 });
    let fault = graph.assignments(sp(), None).await.map(drop).unwrap_err();
    let DirectoryFault::Malformed(text) = fault else { panic!("{fault}") };
    assert!(text.starts_with("a page is larger than 64 MiB"), "{text}");
}

#[tokio::test]
async fn a_user_whose_id_is_no_guid_is_refused_without_repeating_it() {
    let body = json!({ "value": [{ "id": "ada@contoso.com", "displayName": "Ada" }] });
    let fault = round(200, &body.to_string()).await;
    assert!(matches!(&fault, DirectoryFault::Malformed(_)), "{fault}");
    assert!(!fault.to_string().contains("ada"), "{fault}");
}

#[tokio::test]
async fn a_page_of_changes_has_exactly_one_link() {
    let next = format!("{ROOT}/v1.0/users/delta?$skiptoken=s");
    let both = json!({ "value": [], "@odata.nextLink": next, "@odata.deltaLink": next });
    for body in [json!({ "value": [] }), both] {
        let fault = round(200, &body.to_string()).await;
        assert!(matches!(&fault, DirectoryFault::Malformed(_)), "{fault}");
    }
}

#[tokio::test]
async fn a_next_link_to_the_same_page_would_never_end() {
    let same = link("users/delta?$deltatoken=d").0;
    let body = json!({ "value": [], "@odata.nextLink": same }).to_string();
    assert!(matches!(round(200, &body).await, DirectoryFault::Malformed(_)));
    // The same delta link says that nothing has changed.
    let World { script, graph, .. } = world();
    script.answer(200, json!({ "value": [], "@odata.deltaLink": same }).to_string());
    assert!(graph.users_delta(UsersAt::Link(&Link(same))).await.is_ok());
}

#[tokio::test]
async fn a_foreign_link_gets_no_request_and_is_refused_already_when_it_arrives() {
    for foreign in [
        "https://graph.example.evil.example/v1.0/users/delta?$skiptoken=s",
        "http://graph.example/v1.0/users/delta?$skiptoken=s",
        "https://graph.example:444/v1.0/users/delta?$skiptoken=s",
        "https://graph.example/beta/users/delta?$skiptoken=s",
        "https://graph.example/v1.0/../beta/users",
        "https://graph.example/v1.0x/users",
        "users/delta?$skiptoken=s",
    ] {
        let World { script, graph, .. } = world();
        let at = Link(foreign.to_owned());
        let which = selection(&[], false);
        let faults = [
            graph.users_delta(UsersAt::Link(&at)).await.map(drop).unwrap_err(),
            graph.groups_delta(GroupsAt::Link(&at)).await.map(drop).unwrap_err(),
            graph.managers(ManagersAt::Link(&at)).await.map(drop).unwrap_err(),
            graph.users(&which, Some(&at)).await.map(drop).unwrap_err(),
            graph.assignments(sp(), Some(&at)).await.map(drop).unwrap_err(),
            graph.deleted_users(Some(&at)).await.map(drop).unwrap_err(),
        ];
        for fault in faults {
            let DirectoryFault::ForeignLink(told) = fault else { panic!("{foreign}: {fault}") };
            assert!(!told.contains("token"), "{told}");
        }
        assert!(script.take().is_empty(), "{foreign}");
        assert_eq!(graph.requests(), 0);
        for name in ["@odata.nextLink", "@odata.deltaLink"] {
            let fault = round(200, &json!({ "value": [], name: foreign }).to_string()).await;
            assert!(matches!(fault, DirectoryFault::ForeignLink(_)), "{foreign}: {fault}");
        }
    }
}
