//! Who asks an application: one scheme, headers beside it or alone, a client certificate.

use entra_scim::config::{Config, LoadError, OAuthCredential, TargetSignIn, load};
use insta::assert_snapshot;

use super::{MINIMAL, accept, refuse, with};

const TOKEN: &str = "secret_token = { env = \"CRM_TOKEN\" }";

/// The minimal file with these lines where the token was.
fn instead(lines: &str) -> String {
    with(TOKEN, lines)
}

fn sign_in(config: &Config) -> (&'static str, &TargetSignIn) {
    let target = &config.apps[0].target;
    (target.sign_in_key(), &target.sign_in)
}

#[test]
fn an_application_is_signed_in_to_in_exactly_one_way() {
    assert_snapshot!(refuse(&instead("")), @r#"
config.toml:9: apps.crm.target: says nowhere how to sign in; give `secret_token`, `oauth` where the application hands out tokens, `basic` for a user name and a password, or `headers`
"#);
    let oauth = "oauth = { token_url = \"https://login.example/token\", client_id = \"us\", \
                 client_secret = { env = \"SECRET\" } }";
    let basic = "basic = { username = \"us\", password = { env = \"PASSWORD\" } }";
    assert_snapshot!(refuse(&instead(&format!("{TOKEN}\n{oauth}\n{basic}"))), @r#"
config.toml:13: apps.crm.target.basic: stands beside `secret_token`; give exactly one of `secret_token`, `oauth` and `basic`
"#);
    let clear = oauth.replace("https", "http").replace("client_id = \"us\", ", "");
    assert_snapshot!(refuse(&instead(&clear)), @r#"
config.toml:11: apps.crm.target.oauth.client_id: missing; this key is needed
config.toml:11: apps.crm.target.oauth.token_url: sends the client's secret in clear; https is needed, but for loopback addresses
"#);
    let auth = oauth.replace(" } }", " }, auth = \"basic\" }");
    assert_snapshot!(refuse(&instead(&auth)), @r#"
config.toml:11: apps.crm.target.oauth.auth: unknown value "basic"; possible are `header`, `body`
"#);
    assert_snapshot!(refuse(&instead("basik = {}")), @r#"
config.toml:9: apps.crm.target: says nowhere how to sign in; give `secret_token`, `oauth` where the application hands out tokens, `basic` for a user name and a password, or `headers`
config.toml:11: apps.crm.target.basik: unknown key; did you mean `basic`?
"#);
}

#[test]
fn a_user_name_and_a_password_are_taken_as_basic() {
    let basic = "basic = { username = \"us\", password = { env = \"PASSWORD\" } }";
    let config = accept(&instead(basic));
    let ("basic", TargetSignIn::Basic { username, .. }) = sign_in(&config) else {
        panic!("basic");
    };
    assert_eq!(username, "us");
    assert_snapshot!(refuse(&instead("basic = { username = \"a:b\", pasword = \"x\" }")), @r#"
config.toml:11: apps.crm.target.basic.password: missing; this key is needed
config.toml:11: apps.crm.target.basic.username: holds a colon or a control character, which HTTP basic has no place for
config.toml:11: apps.crm.target.basic.pasword: unknown key; did you mean `password`?
"#);
    let inline = basic.replace("env", "value");
    assert_snapshot!(accept(&instead(&inline)).warnings[0], @r#"
config.toml:11: warning: apps.crm.target.basic.password.value: the secret stands in this file; keep it in a file of its own, { file = "…" }
"#);
}

#[test]
fn headers_stand_beside_a_scheme_or_alone() {
    let headers = "headers = { \"X-Api-Key\" = { env = \"KEY\" }, X-Team = \"7\" }";
    let config = accept(&instead(headers));
    assert!(matches!(sign_in(&config), ("headers", TargetSignIn::Otherwise)));
    assert_eq!(config.warnings, []);
    let names: Vec<_> =
        config.apps[0].target.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-api-key", "x-team"]);
    let (_, team) = &config.apps[0].target.headers[1];
    assert_eq!(team.read().map(|text| text.expose().to_owned()), Ok("7".to_owned()));
    let config = accept(&instead(&format!("{TOKEN}\n{headers}")));
    assert!(matches!(sign_in(&config), ("secret_token", TargetSignIn::SecretToken(_))));
    assert_eq!(config.apps[0].target.headers.len(), 2);
    accept(&instead("headers = { Authorization = { env = \"WHOLE\" } }"));
}

#[test]
fn a_header_that_is_not_the_applications_to_set_is_refused() {
    let headers = "headers = { Host = \"a\", content-type = \"b\", \"X Y\" = \"c\", X-A = \"d\", \
                   x-a = \"e\", Authorization = { env = \"A\" }, X-B = 7 }";
    assert_snapshot!(refuse(&instead(&format!("{TOKEN}\n{headers}"))), @r#"
config.toml:12: apps.crm.target.headers.Host: is set by this program for each request
config.toml:12: apps.crm.target.headers.content-type: is set by this program for each request
config.toml:12: apps.crm.target.headers.X Y: is not the name of a header
config.toml:12: apps.crm.target.headers.x-a: is given twice; the case of a header's name does not count
config.toml:12: apps.crm.target.headers.Authorization: is what `secret_token` already sets; leave one of the two out
config.toml:12: apps.crm.target.headers.X-B: expected a text or the place of a secret, found a whole number
"#);
    assert_snapshot!(refuse(&instead("headers = {}")), @"config.toml:11: apps.crm.target.headers: is empty");
}

#[test]
fn a_header_that_looks_like_a_secret_is_warned_of_and_not_shown() {
    let config = accept(&instead("headers = { X-Api-Key = \"hunter2\" }"));
    assert_snapshot!(config.warnings[0], @r#"
config.toml:11: warning: apps.crm.target.headers.X-Api-Key: looks like a secret that stands in this file; keep it in a file of its own, { file = "…" }
"#);
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn an_assertion_takes_the_place_of_a_clients_secret() {
    let oauth = |words: &str| {
        instead(&format!("oauth = {{ token_url = \"https://login.example/token\", {words} }}"))
    };
    let config = accept(&oauth("client_assertion = { entra_scope = \"api://crm/.default\" }"));
    let (_, TargetSignIn::OAuth(settings)) = sign_in(&config) else { panic!("oauth") };
    let OAuthCredential::EntraToken { scope } = &settings.credential else { panic!("a token") };
    assert_eq!((scope.as_str(), &settings.client_id), ("api://crm/.default", &None));
    let config = accept(&oauth(
        "client_id = \"us\", client_assertion = { file = \"/var/run/token\" }, scope = \"a b\"",
    ));
    let (_, TargetSignIn::OAuth(settings)) = sign_in(&config) else { panic!("oauth") };
    assert!(matches!(&settings.credential, OAuthCredential::TokenFile(path) if path.is_absolute()));

    assert_snapshot!(refuse(&oauth("client_id = \"us\"")), @r#"
config.toml:11: apps.crm.target.oauth: needs `client_secret` or `client_assertion`; give `client_secret`, or `client_assertion` where the application trusts tokens of Microsoft Entra
"#);
    let assertion = "client_assertion = { entra_scope = \"api://crm\" }, auth = \"body\"";
    assert_snapshot!(refuse(&oauth(assertion)), @r#"
config.toml:11: apps.crm.target.oauth.client_assertion.entra_scope: is not a scope that Entra takes here; write the application ID URI and "/.default", for example "api://crm.example.com/.default"
config.toml:11: apps.crm.target.oauth.auth: says how a secret is sent, and there is none
"#);
    let both = "client_id = \"us\", client_secret = { env = \"S\" }, client_assertion = {}";
    assert_snapshot!(refuse(&oauth(both)), @r#"
config.toml:11: apps.crm.target.oauth.client_assertion: stands beside `client_secret`; give `client_secret`, or `client_assertion` where the application trusts tokens of Microsoft Entra
"#);
    assert_snapshot!(refuse(&oauth("client_assertion = { entra_scop = \"a\" }")), @r#"
config.toml:11: apps.crm.target.oauth.client_assertion: names no token; give `entra_scope`, the scope of the token to get from Microsoft Entra, or `file`, where something else keeps one fresh
config.toml:11: apps.crm.target.oauth.client_assertion.entra_scop: unknown key; did you mean `entra_scope`?
"#);
}

#[test]
fn a_token_request_may_have_another_grant_type_and_more_parameters() {
    let oauth = |words: &str| {
        instead(&format!(
            "oauth = {{ token_url = \"https://zoom.us/oauth/token\", client_id = \"us\", \
             client_secret = {{ env = \"S\" }}, {words} }}"
        ))
    };
    let config = accept(&oauth(
        "grant_type = \"account_credentials\", parameters = { account_id = \"A1\" }",
    ));
    let (_, TargetSignIn::OAuth(settings)) = sign_in(&config) else { panic!("oauth") };
    assert_eq!(settings.grant_type.as_deref(), Some("account_credentials"));
    let (name, value) = &settings.parameters[0];
    let value = value.read().map(|text| text.expose().to_owned());
    assert_eq!((name.as_str(), value), ("account_id", Ok("A1".to_owned())));
    assert_snapshot!(refuse(&oauth("parameters = { scope = \"x\", n = 1 }")), @r#"
config.toml:11: apps.crm.target.oauth.parameters.scope: is no further parameter: it has a key of its own beside `parameters`
config.toml:11: apps.crm.target.oauth.parameters.n: expected a text or the place of a secret, found a whole number
"#);
    let config = accept(&oauth("parameters = { password = \"hunter2\" }"));
    assert_snapshot!(config.warnings[0], @r#"
config.toml:11: warning: apps.crm.target.oauth.parameters.password: looks like a secret that stands in this file; keep it in a file of its own, { file = "…" }
"#);
}

#[test]
fn a_client_certificate_has_to_be_readable_with_its_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().to_str().expect("a UTF-8 path");
    super::secrets::private_file(&folder.path().join("graph-secret"), "s3cret\n");
    super::secrets::private_file(&folder.path().join("key.pem"), "a key\n");
    let certificate = format!(
        "client_certificate = {{ cert = \"{root}/cert.pem\", key = {{ file = \"{root}/key.pem\" }} }}"
    );
    let text = MINIMAL
        .replace(TOKEN, &certificate)
        .replace("{ env = \"GRAPH_SECRET\" }", &format!("{{ file = \"{root}/graph-secret\" }}"));
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).expect("a configuration");
    let told = findings(&path);
    assert!(told.contains("apps.crm.target.client_certificate.cert: cannot read"), "{told}");
    let cert = folder.path().join("cert.pem");
    std::fs::write(&cert, "no PEM").expect("a file");
    let told = findings(&path);
    assert!(told.contains("holds no PEM certificate"), "{told}");
    std::fs::write(&cert, "-----BEGIN CERTIFICATE-----\n").expect("a file");
    let config = load(Some(&path)).expect("both can be read");
    assert!(matches!(sign_in(&config), ("client_certificate", TargetSignIn::Otherwise)));
    assert!(config.apps[0].target.client_certificate.is_some());
}

/// What is wrong with a file whose secrets are looked at.
fn findings(path: &std::path::Path) -> String {
    match load(Some(path)) {
        Err(LoadError::Invalid { findings, .. }) => {
            findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the file is wrong"),
    }
}
