//! The port's reads and writes, said in HTTP and read back.

use std::{
    collections::BTreeSet,
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
    model::{Clock, ObjectKind, TargetId},
    port::{FaultClass, ListPage, Resource, TargetFault, TargetRead, TargetWrite},
    scim::{EqFilter, ListResponse, PatchRequest, ScimError, member_ids, resource_id},
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
        }))
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

/// Entra reads groups without their members, which may be many (its page on SCIM).
fn projection(kind: ObjectKind) -> Option<(&'static str, &'static str)> {
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
    ) -> Result<ListResponse, TargetFault> {
        let parameters: Vec<_> = projection(kind).into_iter().chain(parameters.to_vec()).collect();
        let call = Call {
            about: About::Query,
            method: Method::GET,
            uri: self.0.address.list(kind, &parameters),
            body: None,
        };
        let answer = self.0.send(call).await?;
        ListResponse::parse(answer.body()).map_err(|invalid| {
            let detail = format!("answered a list request with something else: {invalid}");
            fault(FaultClass::NotCompliant, Some(answer.status()), &detail)
        })
    }

    /// A call about one resource.
    async fn about(
        &self,
        method: Method,
        kind: ObjectKind,
        id: &TargetId,
        body: Option<Bytes>,
    ) -> Result<Response<Bytes>, TargetFault> {
        let parameters: Vec<_> =
            projection(kind).filter(|_| method == Method::GET).into_iter().collect();
        let uri = self.0.address.resource(kind, id, &parameters).map_err(|_| unaddressable())?;
        self.0.send(Call { about: About::Resource, method, uri, body }).await
    }
}

impl TargetRead for ScimReader {
    async fn list(
        &self,
        kind: ObjectKind,
        start_index: u64,
        count: u32,
    ) -> Result<ListPage, TargetFault> {
        let (start_index, count) = (start_index.to_string(), count.to_string());
        let list = self.query(kind, &[("startIndex", &start_index), ("count", &count)]).await?;
        Ok(ListPage {
            resources: list
                .resources
                .into_iter()
                .map(|(id, row)| resource(id, row, None))
                .collect(),
            total: list.total,
            unusable: list.unusable,
        })
    }

    /// A match that cannot be used is a fault and not an empty result, which would lead to a
    /// second account.
    async fn find(
        &self,
        kind: ObjectKind,
        filter: &EqFilter,
    ) -> Result<Vec<Resource>, TargetFault> {
        let list = self.query(kind, &[("filter", &filter.to_string())]).await?;
        if list.unusable > 0 || (list.resources.is_empty() && list.total > 0) {
            let detail = "answered a filter with a match that has no id or is not in the answer";
            return Err(fault(FaultClass::Malformed, Some(StatusCode::OK), detail));
        }
        Ok(list.resources.into_iter().map(|(id, row)| resource(id, row, None)).collect())
    }

    async fn get(&self, kind: ObjectKind, id: &TargetId) -> Result<Option<Resource>, TargetFault> {
        let answer = match self.about(Method::GET, kind, id, None).await {
            Err(missing) if missing.class == FaultClass::Missing => return Ok(None),
            other => other?,
        };
        let status = Some(answer.status());
        let Some(document) = object(answer.body()) else {
            let detail = "answered a read with something that is no JSON object";
            return Err(fault(FaultClass::NotCompliant, status, detail));
        };
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

    async fn members(&self, id: &TargetId) -> Result<Option<BTreeSet<TargetId>>, TargetFault> {
        // Without the projection that leaves the members out.
        let uri =
            self.0.address.resource(ObjectKind::Group, id, &[]).map_err(|_| unaddressable())?;
        let call = Call { about: About::Resource, method: Method::GET, uri, body: None };
        let answer = match self.0.send(call).await {
            Err(missing) if missing.class == FaultClass::Missing => return Ok(None),
            other => other?,
        };
        let status = Some(answer.status());
        let Some(document) = object(answer.body()) else {
            let detail = "answered a read with something that is no JSON object";
            return Err(fault(FaultClass::NotCompliant, status, detail));
        };
        if resource_id(&document).as_ref() != Some(id) {
            return Err(fault(FaultClass::Malformed, status, ANOTHER));
        }
        Ok(Some(member_ids(&document)))
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
    async fn list(
        &self,
        kind: ObjectKind,
        start_index: u64,
        count: u32,
    ) -> Result<ListPage, TargetFault> {
        self.0.list(kind, start_index, count).await
    }

    async fn find(
        &self,
        kind: ObjectKind,
        filter: &EqFilter,
    ) -> Result<Vec<Resource>, TargetFault> {
        self.0.find(kind, filter).await
    }

    async fn get(&self, kind: ObjectKind, id: &TargetId) -> Result<Option<Resource>, TargetFault> {
        self.0.get(kind, id).await
    }

    async fn members(&self, id: &TargetId) -> Result<Option<BTreeSet<TargetId>>, TargetFault> {
        self.0.members(id).await
    }

    fn requests(&self) -> u64 {
        self.0.requests()
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
            method: Method::POST,
            uri: client.address.list(kind, &[]),
            body: Some(json(body)),
        };
        let answer = client.send(call).await?;
        let lost = |detail| fault(FaultClass::Lost, Some(answer.status()), detail);
        let document = match object(answer.body()) {
            Some(document) => document,
            None if is_blank(answer.body()) => Map::new(),
            None => {
                return Err(lost("answered a create with success and a body that is not SCIM"));
            }
        };
        if ScimError::parse(answer.body()).is_some_and(|error| error.status.is_some()) {
            return Err(lost("answered a create with success and an error in its body"));
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
    ) -> Result<Option<Resource>, TargetFault> {
        let answer = self.0.about(Method::PATCH, kind, id, Some(json(request))).await?;
        let status = Some(answer.status());
        if is_blank(answer.body()) {
            return Ok(None);
        }
        let Some(document) = object(answer.body()) else {
            let detail = "answered a change with success and a body that is not SCIM";
            return Err(fault(FaultClass::Lost, status, detail));
        };
        match resource_id(&document) {
            Some(found) if found == *id => {
                Ok(Some(resource(found, document, Some(answer.headers()))))
            }
            Some(_) => Err(fault(FaultClass::Malformed, status, ANOTHER)),
            None if ScimError::parse(answer.body()).is_some() => {
                let detail = "answered a change with success and an error in its body";
                Err(fault(FaultClass::Lost, status, detail))
            }
            None => Ok(None),
        }
    }

    async fn delete(&self, kind: ObjectKind, id: &TargetId) -> Result<(), TargetFault> {
        let answer = self.0.about(Method::DELETE, kind, id, None).await?;
        if is_foreign(answer.body()) {
            let detail = "answered a delete with success and a body that is not SCIM";
            return Err(fault(FaultClass::Lost, Some(answer.status()), detail));
        }
        Ok(())
    }
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
