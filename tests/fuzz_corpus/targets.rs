//! What is fuzzed: each function takes any bytes, and panics only where a promise is broken.
//!
//! `fuzz/` runs them under libFuzzer; the module beside this one runs the committed corpora through
//! them. What others send goes in where it does in earnest: as the answer of a scripted line
//! behind the real adapters.

use std::{
    future::Future,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use entra_scim::{
    config,
    expression::{Expression, Flow, FunctionHelp, Inputs, Role},
    graph::{GraphDirectory, GraphSettings},
    http::{Answer, Authorizer, Bearer, Exchange},
    model::{
        AppName, AppRole, AppRoleId, ApplicationRef, Clock, ObjectKind, Secret, Sleep, TargetId,
        Timestamp,
    },
    port::{
        Directory, DirectoryFault, GroupsAt, Link, ListAt, ManagersAt, RoundEnd, Selection,
        TargetFault, TargetRead, TargetWrite, UsersAt,
    },
    scim::{
        AttributeChange, AttributePath, Dialect, Discovery, EqFilter, PatchRequest,
        ServiceDescription, Values, create_body, patch, project, read, same,
    },
    target::{ScimTarget, ScimWriter, TargetSettings},
};
use http::HeaderValue;
use serde_json::{Map, Value, json};
use url::Url;

/// A token that no message may repeat.
const TOKEN: &str = "tok3n-that-is-secret";

const GRAPH: &str = "https://graph.example/";

/// The longest sentence about an answer: it stands in logs and on terminals.
const SAID_BYTES_MAX: usize = 4_096;

/// The longest text that a mapping may give, and a list of them.
const FLOW_BYTES_MAX: usize = 64 << 20;

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// The first byte, as a choice, and the rest.
fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().expect("a moment")
}

/// Parses, prints, checks and evaluates an expression.
pub(crate) fn expression(data: &[u8]) {
    let Some(source) = text(data) else { return };
    let expression = match Expression::parse(source) {
        Ok(expression) => expression,
        Err(error) => return drop(error.to_string()),
    };
    for error in expression.check(&|name| name.len() < 12, Role::Plain) {
        assert!(!error.to_string().is_empty());
    }
    let printed = expression.to_string();
    if printed.chars().count() <= 10_000 {
        let again = Expression::parse(&printed);
        assert_eq!(again.as_ref(), Ok(&expression), "{source:?} was printed as {printed:?}");
    }
    let role = AppRole {
        id: AppRoleId::derive(&["Editor"]),
        display_name: "Editor".to_owned(),
        value: Some("editor".to_owned()),
        is_enabled: true,
    };
    let attribute = |name: &str| match name {
        "displayName" => json!("Ada Lövell"),
        "accountEnabled" => json!(true),
        "employeeHireDate" => json!("2024-02-29T12:00:00Z"),
        "proxyAddresses" => json!(["SMTP:ada@contoso.com", "smtp:a@b"]),
        "mobilePhone" | "manager" => Value::Null,
        other => json!(other),
    };
    let inputs = Inputs {
        attribute: &attribute,
        app_roles: &[role],
        now: now(),
        seed: 7,
        default_domain: Some("contoso.com"),
    };
    let (first, wake) = expression.evaluate_timed(&inputs);
    assert_eq!(first, expression.evaluate(&inputs), "the same inputs give the same value");
    assert!(wake.is_none_or(|at| at > inputs.now), "{wake:?} lies ahead");
    match first {
        Ok(Flow::Value(value) | Flow::Redacted(value)) => {
            assert!(value.to_string().len() <= FLOW_BYTES_MAX);
        }
        Ok(Flow::Ignore | Flow::IgnoreObject) => {}
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Calls of every function with arguments that are hard on it, nested: the bytes choose.
pub(crate) fn expression_calls(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let mut source = String::new();
    call(&mut bytes, 0, &mut source);
    expression(source.as_bytes());
}

/// Arguments that are the least, the most, of another type, or not what they seem.
const ARGUMENTS: [&str; 32] = [
    "",
    "\"\"",
    "\" \"",
    "\"a\"",
    "\"Ünal ẞ İı\"",
    "\"a,b;c\"",
    "\",\"",
    "\"(.*)(?<n>.)\"",
    "\"(a+)+$\"",
    "\"${n}$1\"",
    "\"2024-02-29T23:59:59Z\"",
    "\"0001-01-01T00:00:00Z\"",
    "\"9999-12-31T23:59:59Z\"",
    "\"133500000000000000\"",
    "\"yyyy-MM-ddTHH:mm:ss.fffffffzzz\"",
    "\"M/d/yyyy h:mm:ss tt\"",
    "\"d\"",
    "\"tr-TR\"",
    "\"True\"",
    "True",
    "0",
    "1",
    "-1",
    "2147483647",
    "-9223372036854775808",
    "9223372036854775807",
    "1e308",
    "[displayName]",
    "[proxyAddresses]",
    "[employeeHireDate]",
    "[mobilePhone]",
    "Now()",
];

fn call(bytes: &mut impl Iterator<Item = u8>, depth: u8, source: &mut String) {
    static FUNCTIONS: OnceLock<Vec<FunctionHelp>> = OnceLock::new();
    let functions = FUNCTIONS.get_or_init(entra_scim::expression::functions);
    let (which, count) = (bytes.next().unwrap_or(0), bytes.next().unwrap_or(0) % 8);
    source.push_str(functions[usize::from(which) % functions.len()].name);
    source.push('(');
    for position in 0..count {
        if position > 0 {
            source.push_str(", ");
        }
        let what = bytes.next().unwrap_or(0);
        if what >= 192 && depth < 4 {
            call(bytes, depth + 1, source);
        } else {
            source.push_str(ARGUMENTS[usize::from(what) % ARGUMENTS.len()]);
        }
    }
    source.push(')');
}

/// Parses a path in the first line; uses it in a filter with the second, and on the third, a
/// document.
pub(crate) fn scim(data: &[u8]) {
    let Some(all) = text(data) else { return };
    let mut lines = all.splitn(3, '\n');
    let (source, value) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let path = match AttributePath::parse(source) {
        Ok(path) => path,
        Err(error) => {
            assert!(error.position >= 1 && error.position <= source.chars().count() + 1);
            return drop(error.to_string());
        }
    };
    let printed = path.to_string();
    assert_eq!(AttributePath::parse(&printed).as_ref(), Ok(&path), "{source:?}: {printed:?}");
    let filter = EqFilter { path: path.clone(), value: value.to_owned() }.to_string();
    let quoted = filter.strip_prefix(&format!("{printed} eq ")).expect("path, operator, value");
    let read_back: String = serde_json::from_str(quoted).expect("one JSON string and nothing more");
    assert_eq!(read_back, value, "a value cannot end its quotes");

    let document: Map<String, Value> =
        lines.next().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let found = read(&document, &path);
    let values: Values = project(&document, [&path]);
    assert_eq!(values.get(&path), found.as_ref());
    let new = Value::from(value);
    assert!(same(&path, &new, &new));
    let old = found.clone();
    let change = AttributeChange { path: path.clone(), old, new: Some(new.clone()) };
    for dialect in [Dialect::Rfc7644, Dialect::EntraLegacy] {
        let request = patch(&values, std::slice::from_ref(&change), dialect);
        assert!(serde_json::to_string(&request).is_ok());
        let created = Values::from([(path.clone(), new.clone())]);
        drop(create_body(ObjectKind::User, &created, dialect));
    }
}

/// A configuration is loaded, or refused with findings that say where.
pub(crate) fn config(data: &[u8]) {
    let Some(source) = text(data) else { return };
    match config::parse(source, "config.toml") {
        Ok(config) => assert!(!config.apps.is_empty(), "a configuration has an application"),
        Err(findings) => {
            assert!(!findings.is_empty(), "a refusal says why");
            for finding in findings {
                assert!(finding.to_string().starts_with("config.toml"), "{finding}");
            }
        }
    }
}

/// What is made of a provisioning schema is a part of a configuration that can be read.
pub(crate) fn entra_schema(data: &[u8]) {
    let Some(source) = text(data) else { return };
    let app = AppName::parse("app").expect("a name");
    let profile = entra_scim::gallery::profile("generic").expect("it is built in");
    let options = config::SchemaOptions { app: &app, profile };
    match config::import_schema(source, options) {
        Ok(imported) => {
            let whole = format!("{CONFIG_HEAD}{}", imported.toml);
            if let Err(findings) = config::parse(&whole, "config.toml") {
                // Whether it can match anybody depends on the schema; that it is TOML does not.
                let broken = findings.iter().find(|one| one.to_string().contains("TOML"));
                assert!(broken.is_none(), "{broken:?} in\n{whole}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

const CONFIG_HEAD: &str = r#"
[tenant]
id = "11111111-2222-3333-4444-555555555555"
client_id = "99999999-2222-3333-4444-555555555555"
client_secret = { value = "x" }

[apps.app]
enterprise_app = "app"

[apps.app.target]
tenant_url = "https://app.example/scim"
secret_token = { value = "x" }

"#;

/// A page of Graph, whichever listing it answers. The first byte says which.
pub(crate) fn graph_page(data: &[u8]) {
    static GRAPH_LINE: OnceLock<(GraphDirectory, Arc<Line>)> = OnceLock::new();
    let (directory, line) = GRAPH_LINE.get_or_init(|| {
        let line = Arc::new(Line::default());
        let settings = GraphSettings { graph_url: GRAPH.parse().expect("a URL") };
        let exchange: Arc<dyn Exchange> = Arc::clone(&line) as Arc<dyn Exchange>;
        (GraphDirectory::new(&settings, exchange, bearer(), Arc::new(Still)), line)
    });
    let (which, body) = choice(data);
    line.say(if which < 128 { 200 } else { STATUSES[usize::from(which) % STATUSES.len()] }, body);
    waited(page(directory, which % 12));
}

async fn page(directory: &GraphDirectory, which: u8) {
    let selection = Selection {
        properties: ["displayName", "mail", "employeeHireDate"].map(str::to_owned).into(),
        manager: which.is_multiple_of(2),
    };
    let id = AppRoleId::derive(&["x"]).to_string().parse().expect("a GUID");
    let link = Link(format!("{GRAPH}v1.0/users/delta?$skiptoken=x"));
    match which {
        0 => round(directory.users_delta(UsersAt::Initial(&selection)).await, |page| page.end),
        1 => round(directory.users_delta(UsersAt::Link(&link)).await, |page| page.end),
        2 => round(directory.groups_delta(GroupsAt::Initial(&[id])).await, |page| page.end),
        3 => round(directory.managers(ManagersAt::Initial(&[id])).await, |page| page.end),
        4 => listing(directory.users(&selection, None).await, |page| page.next),
        5 => {
            let application = id.to_string().parse().expect("a GUID");
            listing(directory.assignments(application, None).await, |page| page.next);
        }
        6 => listing(directory.deleted_users(None).await, |page| page.next),
        7 => listing(directory.deleted_users_in_full(&selection, None).await, |page| page.next),
        8 => listing(directory.users_by_id(&[id], &selection).await, |_| None),
        9 => listing(directory.groups_named("x").await, |_| None),
        10 => listing(directory.default_domain().await, |_| None),
        _ => {
            let named = ApplicationRef::DisplayName("CRM".to_owned());
            listing(directory.application(&named).await, |_| None);
        }
    }
}

fn round<T>(answer: Result<T, DirectoryFault>, end: impl Fn(T) -> RoundEnd) {
    listing(answer, |page| {
        let (RoundEnd::Next(link) | RoundEnd::Complete(link)) = end(page);
        Some(link)
    });
}

/// A link that was taken leads to Graph, and what is said of a refusal is one short line.
fn listing<T>(answer: Result<T, DirectoryFault>, next: impl Fn(T) -> Option<Link>) {
    match answer {
        Ok(page) => {
            if let Some(Link(link)) = next(page) {
                let url = Url::parse(&link).expect("a link is a URL");
                let graph = Url::parse(GRAPH).expect("a URL");
                assert_eq!(url.origin(), graph.origin(), "{link}");
                assert!(url.username().is_empty() && url.password().is_none(), "{link}");
            }
        }
        Err(fault) => is_presentable(&fault.to_string()),
    }
}

/// An answer of a SCIM service. The first byte says to which request, the second with which status.
pub(crate) fn scim_response(data: &[u8]) {
    static TARGET_LINE: OnceLock<(ScimWriter, Arc<Line>)> = OnceLock::new();
    let (writer, line) = TARGET_LINE.get_or_init(|| {
        let line = Arc::new(Line::default());
        let settings = TargetSettings {
            base_url: "https://app.example/scim/v2".parse().expect("a URL"),
            query: Vec::new(),
            user_agent: HeaderValue::from_static("entra-scim/fuzz"),
        };
        let exchange: Arc<dyn Exchange> = Arc::clone(&line) as Arc<dyn Exchange>;
        (ScimTarget::new(settings, exchange, bearer(), Arc::new(Still)).writer(), line)
    });
    let (which, rest) = choice(data);
    let (status, body) = choice(rest);
    line.say(STATUSES[usize::from(status) % STATUSES.len()], body);
    waited(answered(writer, which));
}

async fn answered(writer: &ScimWriter, which: u8) {
    let asked = TargetId::parse("u-1").expect("an id");
    let kind = if which < 128 { ObjectKind::User } else { ObjectKind::Group };
    let path = AttributePath::parse("emails[type eq \"work\"].value").expect("a path");
    let filter = EqFilter { path: path.clone(), value: "ada@contoso.com".to_owned() };
    let new = Some(json!("ada@contoso.com"));
    let change = AttributeChange { path: path.clone(), old: None, new };
    let request: PatchRequest = patch(&Values::new(), &[change], Dialect::Rfc7644);
    let body = Map::from_iter([("userName".to_owned(), json!("ada@contoso.com"))]);
    let found = match which % 6 {
        _ if which == u8::MAX => {
            let said = writer.discover(Discovery::ServiceProviderConfig).await;
            said.map(|said| {
                for endpoint in Discovery::ALL {
                    ServiceDescription::default()
                        .learn(endpoint, &said.clone().unwrap_or_default());
                }
                Vec::new()
            })
        }
        0 => writer.list(kind, ListAt::Index(1), 100).await.map(|page| page.resources),
        1 => writer.find(kind, &filter).await.map(|page| page.resources),
        2 => writer.get(kind, &asked).await.map(|found| found.into_iter().collect()),
        3 => writer.create(kind, &body).await.map(|made| vec![made]),
        4 => {
            let changed = writer.patch(kind, &asked, &request, None).await;
            changed.map(|changed| changed.into_iter().collect())
        }
        _ => writer.delete(kind, &asked, None).await.map(|()| Vec::new()),
    };
    match found {
        Ok(resources) => {
            for resource in &resources {
                let is_asked = resource.id == asked || !matches!(which % 6, 2 | 4);
                assert!(is_asked, "it answers about {} instead", resource.id);
                drop(project(&resource.document, [&path]));
            }
        }
        Err(fault) => is_presentable(&TargetFault::to_string(&fault)),
    }
}

/// One line of a bearable length without the credential.
fn is_presentable(said: &str) {
    assert!(said.len() <= SAID_BYTES_MAX, "{} bytes: {said}", said.len());
    assert!(!said.contains(TOKEN), "{said}");
    assert!(!said.chars().any(char::is_control), "{said:?}");
}

/// What a service may answer with.
const STATUSES: [u16; 14] = [200, 201, 204, 302, 400, 401, 403, 404, 409, 410, 412, 429, 500, 503];

/// A line on which the next answer is always the one that was put in.
#[derive(Default)]
struct Line(Mutex<(u16, Bytes)>);

impl Line {
    fn say(&self, status: u16, body: &[u8]) {
        *self.0.lock().expect("nobody panics with it") = (status, Bytes::copy_from_slice(body));
    }
}

impl Exchange for Line {
    fn exchange(&self, _: http::Request<Bytes>) -> Answer<'_> {
        let (status, body) = self.0.lock().expect("nobody panics with it").clone();
        let answer = http::Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(body)
            .expect("a response");
        Box::pin(std::future::ready(Ok(answer)))
    }
}

/// A clock that stands still, on which every wait is over at once.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        now()
    }

    fn sleep(&self, _: Duration) -> Sleep<'_> {
        Box::pin(std::future::ready(()))
    }
}

fn bearer() -> Authorizer {
    Authorizer::Bearer(Bearer::new(Arc::new(|| Ok(Secret::new(TOKEN.to_owned())))))
}

fn waited(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(work);
}
