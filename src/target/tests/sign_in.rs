//! What signs a request in: headers beside or instead of a token, and what a fault may repeat.

use std::sync::{Arc, Mutex};

use http::HeaderValue;
use serde_json::json;

use super::{Frozen, Rig, Script, Scripted, answer, id, json as answer_json};
use crate::{
    http::{Authorizer, Basic, ConfiguredHeader, Exchange, SecretSource, SignIn},
    model::{ObjectKind::User, Secret},
    port::{FaultClass, TargetRead, TargetWrite},
    target::{ScimTarget, TargetSettings},
};

fn rig(sign_in: SignIn, answers: Vec<Scripted>) -> Rig {
    let script = Arc::new(Script { answers: Mutex::new(answers.into()), ..Script::default() });
    let settings = TargetSettings {
        base_url: "https://app.example/scim".parse().expect("a URL"),
        query: Vec::new(),
        user_agent: HeaderValue::from_static("entra-scim/test"),
    };
    let exchange: Arc<dyn Exchange> = Arc::clone(&script) as Arc<dyn Exchange>;
    let target = ScimTarget::new(settings, exchange, sign_in, Arc::new(Frozen));
    Rig { writer: target.writer(), target, script }
}

/// A secret file that `text` stands for, and that a test can write again.
fn file(text: &Arc<Mutex<&'static str>>) -> SecretSource {
    let text = Arc::clone(text);
    Arc::new(move || Ok(Secret::new((*text.lock().expect("no test panics")).to_owned())))
}

fn keyed(key: &Arc<Mutex<&'static str>>) -> Vec<ConfiguredHeader> {
    vec![ConfiguredHeader { name: "x-api-key".parse().expect("a name"), read: file(key) }]
}

#[tokio::test]
async fn a_key_that_was_replaced_while_a_request_was_refused_is_worth_one_more_try() {
    let key = Arc::new(Mutex::new("0ld-k3y"));
    let refusal = || answer(401, &[], "");
    let answers = vec![answer(204, &[], ""), refusal(), answer(204, &[], ""), refusal()];
    let rig = rig(SignIn::new(None, keyed(&key)), answers);
    rig.writer.delete(User, &id("6"), None).await.expect("the old key is good");
    *key.lock().expect("no test panics") = "n3w-k3y";
    rig.writer.delete(User, &id("7"), None).await.expect("the new key is good");
    let fault = rig.writer.delete(User, &id("8"), None).await.expect_err("the same key again");
    assert_eq!(fault.class, FaultClass::Unauthorized);
    let asked = rig.script.asked();
    let sent: Vec<_> = asked.iter().map(|r| &r.headers()["x-api-key"]).collect();
    assert_eq!(sent, ["0ld-k3y", "0ld-k3y", "n3w-k3y", "n3w-k3y"]);
    assert!(asked.iter().all(|r| !r.headers().contains_key("authorization")));
    assert!(sent.iter().all(|value| value.is_sensitive()));
}

#[tokio::test]
async fn no_fault_repeats_a_password_its_pair_or_a_key() {
    let (password, key) = (Arc::new(Mutex::new("pa55word")), Arc::new(Mutex::new("abc-def-ghi")));
    let basic = Authorizer::Basic(Basic::new("us".to_owned(), file(&password)));
    let told = "no `us:pa55word`, `Basic dXM6cGE1NXdvcmQ=` or key abc-def-ghi is known here";
    let refusal = answer_json(403, &json!({ "detail": told, "scimType": "abc-def-ghi" }));
    let rig = rig(SignIn::new(Some(basic), keyed(&key)), vec![refusal]);
    let fault = rig.writer.get(User, &id("7")).await.expect_err("refused");
    insta::assert_snapshot!(fault.detail, @r#"
answered 403 ([redacted]): no `us:[redacted]`, `Basic [redacted]` or key [redacted] is known here
"#);
    assert_eq!(fault.scim_type.as_deref(), Some("[redacted]"));
    let sent = rig.script.asked().pop().expect("a request");
    assert_eq!(sent.headers()["authorization"], "Basic dXM6cGE1NXdvcmQ=");
    assert_eq!(sent.headers()["x-api-key"], "abc-def-ghi");
}
