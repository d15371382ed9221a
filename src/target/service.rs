//! The port's reads and writes, said in HTTP and read back.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use url::Url;

use super::{
    address::{Address, resource_type},
    client::{Call, Client},
    fault::{About, fault, is_blank, is_foreign},
};
use crate::{
    http::{Exchange, SignIn},
    model::{Clock, Meter, ObjectKind, RequestClass, TargetId},
    port::{FaultClass, ListAt, ListPage, Resource, TargetFault, TargetRead, TargetWrite},
    scim::{
        CORE_GROUP, CORE_USER, Discovery, EqFilter, ListResponse, PatchRequest, ScimError,
        names_schema, resource_id,
    },
};

/// Where a target is and how requests to it look.
pub struct TargetSettings {
    /// The base URL, with or without a slash at its end; `/Users` is below it.
    pub base_url: Url,
    /// Query parameters that go on every request, decoded.
    pub query: Vec<(String, String)>,
    /// The `User-Agent`; some services refuse requests without one.
    pub user_agent: HeaderValue,
}

/// A SCIM service, from which the two hands are had.
pub struct ScimTarget(Arc<Client>);

/// The hand that only reads. Clones share their count of requests.
#[derive(Clone)]
pub struct ScimReader(Arc<Client>);

/// The hand that writes. Only the export of a cleared plan is given one.
#[derive(Clone)]
pub struct ScimWriter(ScimReader);

impl ScimTarget {
    /// A service at `settings`, reached through `exchange`; sends nothing yet.
    pub fn new(
        settings: TargetSettings,
        exchange: Arc<dyn Exchange>,
        sign_in: impl Into<SignIn>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self(Arc::new(Client {
            address: Address::new(settings.base_url, settings.query),
            user_agent: settings.user_agent,
            exchange,
            sign_in: sign_in.into(),
            clock,
            sent: AtomicU64::new(0),
            meter: Arc::default(),
        }))
    }

    /// What counts the requests of both hands.
    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.0.meter)
    }

    /// Eyes without hands: what a preview gets.
    pub fn reader(&self) -> ScimReader {
        ScimReader(Arc::clone(&self.0))
    }

    /// Eyes and hands.
    pub fn writer(&self) -> ScimWriter {
        ScimWriter(self.reader())
    }
}

const fn writes(kind: ObjectKind) -> RequestClass {
    match kind {
        ObjectKind::User => RequestClass::TargetUserWrite,
        ObjectKind::Group => RequestClass::TargetGroupWrite,
    }
}

/// Entra reads groups without their members, which may be many (its page on SCIM).
const fn projection(kind: ObjectKind) -> Option<(&'static str, &'static str)> {
    match kind {
        ObjectKind::User => None,
        ObjectKind::Group => Some(("excludedAttributes", "members")),
    }
}

impl ScimReader {
    async fn query(
        &self,
        kind: ObjectKind,
        parameters: &[(&str, &str)],
    ) -> Result<ListPage, TargetFault> {
        let parameters: Vec<_> = projection(kind).into_iter().chain(parameters.to_vec()).collect();
        let call = Call {
            about: About::Query,
            class: RequestClass::TargetRead,
            method: Method::GET,
            uri: self.0.address.list(kind, &parameters),
            body: None,
            version: None,
        };
        let answer = self.0.send(call).await?;
        let list = ListResponse::parse(answer.body()).map_err(|invalid| {
            let detail = format!("answered a list request with something else: {invalid}");
            fault(FaultClass::NotCompliant, Some(answer.status()), &detail)
        })?;
        if let Some(other) = list.resources.iter().find_map(|(_, row)| other_kind(kind, row)) {
            let detail = format!("answered a list of {} with a {other}", resource_type(kind));
            return Err(fault(FaultClass::NotCompliant, Some(answer.status()), &detail));
        }
        if let Some(id) = named_twice(&list.resources) {
            let detail = format!("answered a list with two different resources of the id `{id}`");
            return Err(fault(FaultClass::NotCompliant, Some(answer.status()), &detail));
        }
        let rows = list.resources.into_iter();
        Ok(ListPage {
            resources: rows.map(|(id, row)| resource(id, row, None)).collect(),
            total: list.total,
            unusable: list.unusable,
            next_cursor: list.next_cursor,
        })
    }

    /// A call about one resource.
    async fn about(
        &self,
        kind: ObjectKind,
        id: &TargetId,
        ask: Ask<'_>,
    ) -> Result<Response<Bytes>, TargetFault> {
        let parameters: Vec<_> = ask.projection.into_iter().collect();
        let uri = self.0.address.resource(kind, id, &parameters).map_err(|_| unaddressable())?;
        let Ok(version) = ask.version.map(HeaderValue::from_str).transpose() else {
            let detail = "the version of this resource cannot be a header; nothing was sent";
            return Err(fault(FaultClass::Malformed, None, detail));
        };
        let Ask { method, body, .. } = ask;
        let class = if method == Method::GET { RequestClass::TargetRead } else { writes(kind) };
        self.0.send(Call { about: About::Resource, class, method, uri, body, version }).await
    }

    async fn read(
        &self,
        kind: ObjectKind,
        id: &TargetId,
        projection: Option<(&'static str, &'static str)>,
    ) -> Result<Option<Resource>, TargetFault> {
        let ask = Ask { projection, ..Ask::new(Method::GET) };
        let answer = match self.about(kind, id, ask).await {
            Err(missing) if missing.class == FaultClass::Missing => return Ok(None),
            other => other?,
        };
        let status = Some(answer.status());
        let Some(document) = object(answer.body()) else {
            let detail = "answered a read with something that is no JSON object";
            return Err(fault(FaultClass::NotCompliant, status, detail));
        };
        if let Some(other) = other_kind(kind, &document) {
            let detail =
                format!("answered a read of one of {} with a {other}", resource_type(kind));
            return Err(fault(FaultClass::Malformed, status, &detail));
        }
        match resource_id(&document) {
            Some(found) if found == *id => {
                Ok(Some(resource(found, document, Some(answer.headers()))))
            }
            Some(_) => Err(fault(FaultClass::Malformed, status, ANOTHER)),
            None => {
                let detail = "answered a read with a resource that has no id";
                Err(fault(FaultClass::Malformed, status, detail))
            }
        }
    }
}

/// What is asked of one resource.
struct Ask<'a> {
    method: Method,
    body: Option<Bytes>,
    projection: Option<(&'static str, &'static str)>,
    version: Option<&'a str>,
}

impl Ask<'_> {
    fn new(method: Method) -> Self {
        Self { method, body: None, projection: None, version: None }
    }
}

impl TargetRead for ScimReader {
    async fn discover(&self, endpoint: Discovery) -> Result<Option<Value>, TargetFault> {
        let call = Call {
            about: About::Query,
            class: RequestClass::TargetRead,
            method: Method::GET,
            uri: self.0.address.below(endpoint.as_str()),
            body: None,
            version: None,
        };
        let answer = match self.0.send(call).await {
            Ok(answer) => answer,
            Err(fault) => return if is_not_offered(&fault) { Ok(None) } else { Err(fault) },
        };
        Ok(serde_json::from_slice(answer.body()).ok())
    }

    async fn list(
        &self,
        kind: ObjectKind,
        at: ListAt<'_>,
        count: u32,
    ) -> Result<ListPage, TargetFault> {
        let count = ("count", &*count.to_string());
        match at {
            ListAt::Index(start) => {
                self.query(kind, &[("startIndex", &start.to_string()), count]).await
            }
            // The parameter alone, without a value, asks for cursors (RFC 9865 §2.1).
            ListAt::FirstCursor => self.query(kind, &[("cursor", ""), count]).await,
            ListAt::Cursor(cursor) => self.query(kind, &[("cursor", cursor), count]).await,
        }
    }

    /// A match that cannot be used is a fault and not an empty result, which would lead to a
    /// second account.
    async fn find(&self, kind: ObjectKind, filter: &EqFilter) -> Result<ListPage, TargetFault> {
        let page = self.query(kind, &[("filter", &filter.to_string())]).await?;
        if page.unusable > 0 || (page.resources.is_empty() && page.total > 0) {
            let detail = "answered a filter with a match that has no id or is not in the answer";
            return Err(fault(FaultClass::Malformed, Some(StatusCode::OK), detail));
        }
        Ok(page)
    }

    async fn get(&self, kind: ObjectKind, id: &TargetId) -> Result<Option<Resource>, TargetFault> {
        self.read(kind, id, projection(kind)).await
    }

    async fn get_whole(
        &self,
        kind: ObjectKind,
        id: &TargetId,
    ) -> Result<Option<Resource>, TargetFault> {
        self.read(kind, id, None).await
    }

    fn requests(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }
}

fn unaddressable() -> TargetFault {
    let detail = "the id of this resource cannot be part of an address; nothing was sent";
    fault(FaultClass::Rejected, None, detail)
}

const ANOTHER: &str = "answered about another resource than the one asked for";

impl TargetRead for ScimWriter {
    async fn discover(&self, endpoint: Discovery) -> Result<Option<Value>, TargetFault> {
        self.0.discover(endpoint).await
    }

    async fn list(
        &self,
        kind: ObjectKind,
        at: ListAt<'_>,
        count: u32,
    ) -> Result<ListPage, TargetFault> {
        self.0.list(kind, at, count).await
    }

    async fn find(&self, kind: ObjectKind, filter: &EqFilter) -> Result<ListPage, TargetFault> {
        self.0.find(kind, filter).await
    }

    async fn get(&self, kind: ObjectKind, id: &TargetId) -> Result<Option<Resource>, TargetFault> {
        self.0.get(kind, id).await
    }

    async fn get_whole(
        &self,
        kind: ObjectKind,
        id: &TargetId,
    ) -> Result<Option<Resource>, TargetFault> {
        self.0.get_whole(kind, id).await
    }

    fn requests(&self) -> u64 {
        self.0.requests()
    }
}

impl ScimWriter {
    /// A PATCH or PUT, and the resource that it answers with.
    async fn change(
        &self,
        kind: ObjectKind,
        id: &TargetId,
        ask: Ask<'_>,
    ) -> Result<Option<Resource>, TargetFault> {
        let answer = self.0.about(kind, id, ask).await?;
        let status = Some(answer.status());
        if is_blank(answer.body()) {
            return Ok(None);
        }
        let Some(document) = object(answer.body()) else {
            let detail = "answered a change with success and a body that is not SCIM";
            return Err(fault(FaultClass::Lost, status, detail));
        };
        match resource_id(&document) {
            Some(_) if other_kind(kind, &document).is_some() => {
                Err(fault(FaultClass::Malformed, status, ANOTHER))
            }
            Some(found) if found == *id => {
                Ok(Some(resource(found, document, Some(answer.headers()))))
            }
            Some(_) => Err(fault(FaultClass::Malformed, status, ANOTHER)),
            None if ScimError::of(&document).is_some() => {
                let detail = "answered a change with success and an error in its body";
                Err(fault(FaultClass::Lost, status, detail))
            }
            None => Ok(None),
        }
    }
}

impl TargetWrite for ScimWriter {
    /// A success without a body is taken where its `Location` names the id (RFC 7644 §3.3); the
    /// document is then empty.
    async fn create(
        &self,
        kind: ObjectKind,
        body: &Map<String, Value>,
    ) -> Result<Resource, TargetFault> {
        let client = &self.0.0;
        let call = Call {
            about: About::Creation,
            class: writes(kind),
            method: Method::POST,
            uri: client.address.list(kind, &[]),
            body: Some(json(body)),
            version: None,
        };
        let answer = client.send(call).await?;
        let lost = |detail: &str| fault(FaultClass::Lost, Some(answer.status()), detail);
        let document = match object(answer.body()) {
            Some(document) => document,
            None if is_blank(answer.body()) => Map::new(),
            None => {
                return Err(lost("answered a create with success and a body that is not SCIM"));
            }
        };
        if ScimError::of(&document).is_some_and(|error| error.status.is_some()) {
            return Err(lost("answered a create with success and an error in its body"));
        }
        if let Some(other) = other_kind(kind, &document) {
            return Err(lost(&format!("answered a create with success and a {other}")));
        }
        let id = resource_id(&document)
            .or_else(|| id_from_location(kind, answer.headers()))
            .ok_or_else(|| lost("answered a create with success, but without an id"))?;
        Ok(resource(id, document, Some(answer.headers())))
    }

    async fn patch(
        &self,
        kind: ObjectKind,
        id: &TargetId,
        request: &PatchRequest,
        version: Option<&str>,
    ) -> Result<Option<Resource>, TargetFault> {
        let ask = Ask { body: Some(json(request)), version, ..Ask::new(Method::PATCH) };
        self.change(kind, id, ask).await
    }

    async fn put(
        &self,
        kind: ObjectKind,
        id: &TargetId,
        body: &Map<String, Value>,
        version: Option<&str>,
    ) -> Result<Option<Resource>, TargetFault> {
        let ask = Ask { body: Some(json(body)), version, ..Ask::new(Method::PUT) };
        self.change(kind, id, ask).await
    }

    async fn delete(
        &self,
        kind: ObjectKind,
        id: &TargetId,
        version: Option<&str>,
    ) -> Result<(), TargetFault> {
        let ask = Ask { version, ..Ask::new(Method::DELETE) };
        let answer = self.0.about(kind, id, ask).await?;
        if is_foreign(answer.body()) {
            let detail = "answered a delete with success and a body that is not SCIM";
            return Err(fault(FaultClass::Lost, Some(answer.status()), detail));
        }
        Ok(())
    }
}

/// Whether a refusal of a discovery endpoint says that there is nothing, as opposed to that nothing
/// could be asked.
fn is_not_offered(fault: &TargetFault) -> bool {
    match fault.class {
        FaultClass::NotCompliant
        | FaultClass::Missing
        | FaultClass::Rejected
        | FaultClass::Conflict
        | FaultClass::Malformed => true,
        FaultClass::Unauthorized
        | FaultClass::Throttled
        | FaultClass::Unavailable
        | FaultClass::Lost => false,
    }
}

/// An id that two rows of one page have that are not the same: nobody could say which is meant.
fn named_twice(rows: &[(TargetId, Map<String, Value>)]) -> Option<&TargetId> {
    let mut seen = BTreeMap::new();
    rows.iter().find_map(|(id, row)| {
        let before = seen.insert(id, row);
        before.is_some_and(|before| before != row).then_some(id)
    })
}

/// The kind that a resource says it is, where that is another one than asked for. Its schemas count
/// before `meta`, which services copy from one kind to the other.
fn other_kind(kind: ObjectKind, document: &Map<String, Value>) -> Option<&'static str> {
    let (own, foreign, other) = match kind {
        ObjectKind::User => (CORE_USER, CORE_GROUP, "Group"),
        ObjectKind::Group => (CORE_GROUP, CORE_USER, "User"),
    };
    if names_schema(document, own) {
        return None;
    }
    let said = document.get("meta").and_then(|meta| meta.get("resourceType")?.as_str());
    let is_other = said.is_some_and(|said| said.eq_ignore_ascii_case(other));
    (names_schema(document, foreign) || is_other).then_some(other)
}

fn json(body: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(body).expect("bodies are made of JSON values").into()
}

fn object(body: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(body).ok()
}

/// A resource with its version: `meta.version`, or else the ETag (RFC 7644 §3.14).
fn resource(id: TargetId, document: Map<String, Value>, headers: Option<&HeaderMap>) -> Resource {
    let meta = document.get("meta").and_then(|meta| meta.get("version")).and_then(Value::as_str);
    let tag = || headers?.get(header::ETAG)?.to_str().ok();
    let version = meta.or_else(tag).map(str::to_owned);
    Resource { id, version, document }
}

/// The id at the end of a `Location` such as `…/Users/2819c223`.
fn id_from_location(kind: ObjectKind, headers: &HeaderMap) -> Option<TargetId> {
    let location = headers.get(header::LOCATION)?.to_str().ok()?;
    let path = location.split(['?', '#']).next()?;
    let (before, id) = path.rsplit_once('/')?;
    let parent = before.rsplit('/').next()?;
    if !parent.eq_ignore_ascii_case(resource_type(kind)) {
        return None;
    }
    TargetId::parse(&percent_decode_str(id).decode_utf8().ok()?).ok()
}
